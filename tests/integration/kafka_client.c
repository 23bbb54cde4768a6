/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/kafka against a real broker: producers, transactions, positions, admin requests.
 *
 *   kafka_client            all but the restart tests, on KAFKA_BOOTSTRAP_SERVERS (77 without)
 *   kafka_client restart    on a broker that "$CULVERT_KAFKA_CONTROL stop" and "start" control
 */
#include "tests/integration/kafka_client.h"

#include "common/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct cv_admin *admin;
static const char *servers;

/* -- Helpers -- */

struct cv_kafka_conf
conf_with2(enum cv_kafka_role role, const char *key, const char *value, const char *key2,
           const char *value2)
{
    struct cv_config *layer = cv_config_new();
    struct cv_err err = CV_ERR_INIT;

    assert_ok(cv_config_set(layer, "bootstrap.servers", servers, &err));
    if (key != NULL)
        assert_ok(cv_config_set(layer, key, value, &err));
    if (key2 != NULL)
        assert_ok(cv_config_set(layer, key2, value2, &err));
    return (struct cv_kafka_conf){
        .role = role, .client_id = "kafka-client-test", .layers = { layer }, .n_layers = 1
    };
}

struct cv_kafka_conf
conf_with(enum cv_kafka_role role, const char *key, const char *value)
{
    return conf_with2(role, key, value, NULL, NULL);
}

static void
conf_done(struct cv_kafka_conf *conf)
{
    cv_config_free((struct cv_config *)(uintptr_t)conf->layers[0]);
}

const char *
unique(const char *name)
{
    static char names[256][80];
    static size_t count;
    char *to = names[count % CV_COUNT(names)];

    assert_true(count < CV_COUNT(names));
    snprintf(to, sizeof(names[0]), "%s-%d-%zu", name, (int)getpid(), count++);
    return to;
}

const char *
make_topic_with(const char *name, int32_t partitions, const char *key, const char *value)
{
    struct cv_topic_spec spec = { .name = unique(name),
                                  .partitions = partitions,
                                  .replication = 1 };
    struct cv_config *configs = cv_config_new();
    struct cv_err err = CV_ERR_INIT;
    bool created = false;

    if (key != NULL)
        assert_ok(cv_config_set(configs, key, value, &err));
    spec.configs = configs;
    assert_ok(cv_admin_topic_create(admin, &spec, WAIT_MS, &created, &err));
    assert_true(created);
    cv_config_free(configs);
    return spec.name;
}

const char *
make_topic(const char *name, int32_t partitions)
{
    return make_topic_with(name, partitions, NULL, NULL);
}

struct cv_bytes
text_bytes(const char *text)
{
    return (struct cv_bytes){ text, text != NULL ? strlen(text) : 0 };
}

struct cv_producer *
make_producer(const char *transactional_id)
{
    struct cv_kafka_conf conf = conf_with(CV_KAFKA_PRODUCER, NULL, NULL);
    struct cv_producer *producer = NULL;
    struct cv_err err = CV_ERR_INIT;

    assert_ok(cv_producer_new(&conf, transactional_id, &producer, &err));
    conf_done(&conf);
    return producer;
}

void
send_text(struct cv_producer *producer, const char *topic, int32_t partition, const char *key,
          const char *value)
{
    struct cv_producer_topic *to;
    struct cv_err err = CV_ERR_INIT;

    assert_ok(cv_producer_topic(producer, topic, &to, &err));
    assert_ok(cv_producer_send(producer, to, partition, text_bytes(key), text_bytes(value), NULL,
                               CV_NO_TIMESTAMP, NULL, &err));
}

void
put_text(const char *topic, int32_t partition, const char *key, const char *value)
{
    struct cv_producer *producer = make_producer(NULL);
    struct cv_err err = CV_ERR_INIT;

    send_text(producer, topic, partition, key, value);
    assert_ok(cv_producer_flush(producer, WAIT_MS, &err));
    cv_producer_free(producer, 0);
}

struct cv_consumer *
make_consumer(const char *topic, int32_t partitions, const char *key, const char *value)
{
    struct cv_kafka_conf conf = conf_with(CV_KAFKA_CONSUMER, key, value);
    struct cv_topic_partition items[16];
    struct cv_topic_partitions parts = { items, (size_t)partitions };
    struct cv_consumer *consumer = NULL;
    struct cv_err err = CV_ERR_INIT;

    for (int32_t i = 0; i < partitions; i++)
        items[i] = (struct cv_topic_partition){ topic, i, CV_OFFSET_BEGINNING, NULL };
    assert_ok(cv_consumer_new(&conf, NULL, NULL, &consumer, &err));
    conf_done(&conf);
    assert_ok(cv_consumer_assign(consumer, &parts, &err));
    return consumer;
}

/* The next message or EOF event. */
static struct cv_consumed
next_event(struct cv_consumer *consumer)
{
    int64_t deadline = cv_mono_ms() + WAIT_MS;
    struct cv_consumed msg = { 0 };
    struct cv_err err = CV_ERR_INIT;
    size_t count = 0;

    while (count == 0) {
        assert_ok(cv_consumer_poll(consumer, &msg, 1, 100, &count, &err));
        if (count == 0 && cv_mono_ms() > deadline)
            fail_msg("nothing to consume within %d ms", WAIT_MS);
    }
    return msg;
}

struct cv_consumed
next_message(struct cv_consumer *consumer)
{
    for (;;) {
        struct cv_consumed msg = next_event(consumer);

        if (!msg.eof)
            return msg;
        cv_consumed_free(&msg, 1);
    }
}

static void
assert_text(struct cv_bytes got, const char *text)
{
    if (text == NULL) {
        assert_null(got.data);
        return;
    }
    assert_non_null(got.data);
    if (got.len != strlen(text) || memcmp(got.data, text, got.len) != 0)
        fail_msg("\"%.*s\" instead of \"%s\"", (int)got.len, got.data, text);
}

void
assert_next(struct cv_consumer *consumer, const char *value)
{
    struct cv_consumed msg = next_message(consumer);

    assert_text(msg.value, value);
    cv_consumed_free(&msg, 1);
}

void
assert_at_end(struct cv_consumer *consumer, int32_t partition)
{
    bool ended = false;

    while (!ended) {
        struct cv_consumed msg = next_event(consumer);

        if (!msg.eof)
            fail_msg("message \"%.*s\" instead of the end", (int)msg.value.len, msg.value.data);
        ended = msg.partition == partition;
        cv_consumed_free(&msg, 1);
    }
}

/* -- Producing -- */

static int done_calls;

static void
count_done(struct cv_delivery *delivery)
{
    (void)delivery;
    done_calls++;
}

static void
messages_come_back_as_they_were(void **state)
{
    static const struct cv_raw_header items[] = { { "null", { NULL, 0 } }, { "text", { "x", 1 } } };
    static const struct cv_raw_headers headers = { .items = items, .count = CV_COUNT(items) };
    const char *topic = make_topic("round-trip", 1);
    struct cv_producer *producer = make_producer(NULL);
    struct cv_consumer *consumer;
    struct cv_producer_topic *to;
    struct cv_delivery delivery;
    struct cv_err err = CV_ERR_INIT;
    struct cv_consumed msg;
    struct cv_bytes value;
    const char *name;

    (void)state;
    done_calls = 0;
    cv_delivery_init(&delivery, count_done);
    assert_ok(cv_producer_topic(producer, topic, &to, &err));
    assert_ok(cv_producer_send(producer, to, 0, text_bytes("k"), text_bytes("v"), NULL,
                               CV_NO_TIMESTAMP, &delivery, &err));
    assert_ok(cv_producer_send(producer, to, 0, text_bytes(NULL), text_bytes(NULL), &headers,
                               1700000000123, &delivery, &err));
    assert_ok(cv_producer_send(producer, to, 0, text_bytes(""), text_bytes(""), NULL,
                               CV_NO_TIMESTAMP, &delivery, &err));
    assert_ok(cv_producer_flush(producer, WAIT_MS, &err));
    assert_int_equal(delivery.pending, 1);
    cv_delivery_release(&delivery);
    assert_int_equal(done_calls, 1);
    assert_int_equal(delivery.failed, 0);
    assert_int_equal(delivery.last_offset, 2);

    consumer = make_consumer(topic, 1, NULL, NULL);
    msg = next_message(consumer);
    assert_string_equal(msg.topic, topic);
    assert_text(msg.key, "k");
    assert_text(msg.value, "v");
    assert_true(msg.timestamp_ms > 1700000000123);
    assert_false(msg.log_append_time);
    assert_false(cv_consumed_header(&msg, 0, &name, &value));
    cv_consumed_free(&msg, 1);
    msg = next_message(consumer);
    assert_text(msg.key, NULL);
    assert_text(msg.value, NULL);
    assert_int_equal(msg.timestamp_ms, 1700000000123);
    assert_true(cv_consumed_header(&msg, 0, &name, &value));
    assert_string_equal(name, "null");
    assert_text(value, NULL);
    assert_true(cv_consumed_header(&msg, 1, &name, &value));
    assert_text(value, "x");
    assert_false(cv_consumed_header(&msg, 2, &name, &value));
    cv_consumed_free(&msg, 1);
    msg = next_message(consumer);
    assert_text(msg.key, "");
    assert_text(msg.value, "");
    cv_consumed_free(&msg, 1);
    assert_at_end(consumer, 0);
    cv_consumer_free(consumer);
    cv_producer_free(producer, 0);
}

static void
a_message_that_the_broker_refuses_is_counted_as_failed(void **state)
{
    const char *topic = make_topic_with("small", 1, "max.message.bytes", "200");
    struct cv_producer *producer = make_producer(NULL);
    struct cv_producer_topic *to;
    struct cv_delivery delivery;
    struct cv_err err = CV_ERR_INIT;
    char big[1000];

    (void)state;
    memset(big, 'x', sizeof(big));
    done_calls = 0;
    cv_delivery_init(&delivery, count_done);
    assert_ok(cv_producer_topic(producer, topic, &to, &err));
    assert_ok(cv_producer_send(producer, to, 0, text_bytes("k"),
                               (struct cv_bytes){ big, sizeof(big) }, NULL, CV_NO_TIMESTAMP,
                               &delivery, &err));
    cv_delivery_release(&delivery);
    assert_ok(cv_producer_flush(producer, WAIT_MS, &err));
    assert_int_equal(done_calls, 1);
    assert_int_equal(delivery.failed, 1);
    assert_int_equal(delivery.err.rc, CV_INVALID);
    assert_non_null(strstr(delivery.err.text, topic));
    /* the next one is none the worse for it */
    cv_delivery_init(&delivery, count_done);
    assert_ok(cv_producer_send(producer, to, 0, text_bytes("k"), text_bytes("v"), NULL,
                               CV_NO_TIMESTAMP, &delivery, &err));
    cv_delivery_release(&delivery);
    assert_ok(cv_producer_flush(producer, WAIT_MS, &err));
    assert_int_equal(delivery.failed, 0);
    cv_producer_free(producer, 0);
}

static void
a_wake_up_announces_reports_and_messages(void **state)
{
    const char *topic = make_topic("wake", 1);
    struct cv_producer *producer = make_producer(NULL);
    struct cv_consumer *consumer = make_consumer(topic, 1, NULL, NULL);
    struct cv_wake reports, messages;
    struct cv_err err = CV_ERR_INIT;
    int reported = 0;
    size_t count = 0;

    (void)state;
    assert_ok(cv_wake_init(&reports, &err));
    assert_ok(cv_wake_init(&messages, &err));
    cv_producer_notify(producer, &reports);
    cv_consumer_notify(consumer, &messages);
    send_text(producer, topic, 0, "k", "v");
    while (reported == 0) {
        assert_true(cv_wake_wait(&reports, cv_mono_ms() + WAIT_MS));
        reported = cv_producer_poll(producer, 0);
    }
    assert_int_equal(reported, 1);
    while (count == 0) {
        struct cv_consumed msg;

        assert_true(cv_wake_wait(&messages, cv_mono_ms() + WAIT_MS));
        do {
            assert_ok(cv_consumer_poll(consumer, &msg, 1, 0, &count, &err));
            if (count == 1 && msg.eof)
                cv_consumed_free(&msg, 1);
        } while (count == 1 && msg.eof);
        if (count == 1)
            cv_consumed_free(&msg, 1);
    }
    cv_consumer_free(consumer);
    cv_producer_free(producer, 0);
    cv_wake_done(&messages);
    cv_wake_done(&reports);
}

/* -- Transactions -- */

static void
only_committed_transactions_are_read(void **state)
{
    const char *topic = make_topic("txn", 1);
    struct cv_producer *producer = make_producer(unique("txn"));
    struct cv_consumer *committed = make_consumer(topic, 1, "isolation.level", "read_committed");
    struct cv_consumer *all = make_consumer(topic, 1, NULL, NULL);
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_ok(cv_producer_txn_init(producer, WAIT_MS, &err));
    assert_ok(cv_producer_txn_begin(producer, &err));
    send_text(producer, topic, 0, "k", "aborted");
    assert_ok(cv_producer_flush(producer, WAIT_MS, &err));
    assert_ok(cv_producer_txn_abort(producer, WAIT_MS, &err));
    assert_ok(cv_producer_txn_begin(producer, &err));
    send_text(producer, topic, 0, "k", "committed");
    assert_ok(cv_producer_txn_commit(producer, WAIT_MS, &err));
    assert_next(all, "aborted");
    assert_next(all, "committed");
    assert_next(committed, "committed");
    assert_at_end(committed, 0);
    cv_consumer_free(all);
    cv_consumer_free(committed);
    cv_producer_free(producer, 0);
}

static void
a_fenced_producer_says_so(void **state)
{
    const char *topic = make_topic("fence", 1);
    const char *id = unique("fence");
    struct cv_producer *first = make_producer(id), *second = make_producer(id);
    struct cv_consumer *consumer = make_consumer(topic, 1, "isolation.level", "read_committed");
    struct cv_producer_topic *to;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_ok(cv_producer_txn_init(first, WAIT_MS, &err));
    assert_ok(cv_producer_txn_begin(first, &err));
    send_text(first, topic, 0, "k", "of the first");
    assert_ok(cv_producer_flush(first, WAIT_MS, &err));
    assert_ok(cv_producer_txn_init(second, WAIT_MS, &err)); /* aborts what the first has open */
    assert_int_equal(cv_producer_txn_commit(first, WAIT_MS, &err), CV_FENCED);
    assert_int_equal(cv_producer_check(first, &err), CV_FENCED);
    assert_ok(cv_producer_topic(first, topic, &to, &err));
    assert_int_equal(cv_producer_send(first, to, 0, text_bytes("k"), text_bytes("v"), NULL,
                                      CV_NO_TIMESTAMP, NULL, &err),
                     CV_FENCED);
    cv_producer_free(first, 0);
    assert_ok(cv_producer_txn_begin(second, &err));
    send_text(second, topic, 0, "k", "of the second");
    assert_ok(cv_producer_txn_commit(second, WAIT_MS, &err));
    assert_next(consumer, "of the second");
    cv_consumer_free(consumer);
    cv_producer_free(second, 0);
}

static void
a_failed_message_ends_the_transaction_and_the_producer(void **state)
{
    const char *topic = make_topic_with("fail", 1, "max.message.bytes", "200");
    const char *id = unique("fail");
    struct cv_producer *producer = make_producer(id);
    struct cv_consumer *consumer = make_consumer(topic, 1, "isolation.level", "read_committed");
    struct cv_producer_topic *to;
    struct cv_err err = CV_ERR_INIT;
    char big[1000];

    (void)state;
    memset(big, 'x', sizeof(big));
    assert_ok(cv_producer_txn_init(producer, WAIT_MS, &err));
    assert_ok(cv_producer_txn_begin(producer, &err));
    assert_ok(cv_producer_topic(producer, topic, &to, &err));
    assert_ok(cv_producer_send(producer, to, 0, text_bytes("k"),
                               (struct cv_bytes){ big, sizeof(big) }, NULL, CV_NO_TIMESTAMP, NULL,
                               &err));
    assert_ok(cv_producer_flush(producer, WAIT_MS, &err));
    assert_int_equal(cv_producer_send(producer, to, 0, text_bytes("k"), text_bytes("v"), NULL,
                                      CV_NO_TIMESTAMP, NULL, &err),
                     CV_CONFLICT);
    assert_int_not_equal(cv_producer_txn_commit(producer, WAIT_MS, &err), CV_OK);
    cv_producer_free(producer, 0);

    producer = make_producer(id);
    assert_ok(cv_producer_txn_init(producer, WAIT_MS, &err));
    assert_ok(cv_producer_txn_begin(producer, &err));
    send_text(producer, topic, 0, "k", "after");
    assert_ok(cv_producer_txn_commit(producer, WAIT_MS, &err));
    assert_next(consumer, "after");
    cv_consumer_free(consumer);
    cv_producer_free(producer, 0);
}

static void
assert_committed(struct cv_consumer *consumer, const char *topic, int64_t offset,
                 const char *metadata)
{
    struct cv_topic_partition part = { topic, 0, 0, NULL };
    struct cv_topic_partitions parts = { &part, 1 };
    struct cv_err err = CV_ERR_INIT;

    assert_ok(cv_consumer_committed(consumer, &parts, WAIT_MS, &err));
    assert_int_equal(part.offset, offset);
    if (metadata != NULL)
        assert_string_equal(part.metadata, metadata);
    else
        assert_null(part.metadata);
    free((char *)(uintptr_t)part.metadata);
}

static void
offsets_and_their_metadata_share_the_transactions_fate(void **state)
{
    const char *topic = make_topic("offsets", 1), *group = unique("offsets");
    struct cv_producer *producer = make_producer(unique("offsets"));
    struct cv_kafka_conf conf = conf_with(CV_KAFKA_CONSUMER, "isolation.level", "read_committed");
    struct cv_topic_partition part = { topic, 0, 7, "target=41 watermark=1700000000000" };
    struct cv_topic_partitions parts = { &part, 1 };
    struct cv_consumer *consumer;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_ok(cv_consumer_new(&conf, group, NULL, &consumer, &err));
    conf_done(&conf);
    assert_committed(consumer, topic, CV_OFFSET_INVALID, NULL);
    assert_ok(cv_producer_txn_init(producer, WAIT_MS, &err));

    assert_ok(cv_producer_txn_begin(producer, &err));
    assert_ok(cv_producer_txn_offsets(producer, &parts, consumer, WAIT_MS, &err));
    assert_ok(cv_producer_txn_commit(producer, WAIT_MS, &err));
    assert_committed(consumer, topic, 7, "target=41 watermark=1700000000000");

    part.offset = 9;
    part.metadata = "never";
    assert_ok(cv_producer_txn_begin(producer, &err));
    assert_ok(cv_producer_txn_offsets(producer, &parts, consumer, WAIT_MS, &err));
    /* pending: the answer must wait, and here cannot come */
    part.metadata = NULL;
    assert_int_equal(cv_consumer_committed(consumer, &parts, 300, &err), CV_RETRY);
    assert_int_equal(part.offset, 9);
    assert_null(part.metadata);
    assert_ok(cv_producer_txn_abort(producer, WAIT_MS, &err));
    assert_committed(consumer, topic, 7, "target=41 watermark=1700000000000");
    cv_consumer_free(consumer);
    cv_producer_free(producer, 0);
}

/* -- Positions -- */

static void
count_answer(void *arg, const struct cv_err *err)
{
    assert_null(err);
    ++*(unsigned *)arg;
}

static void
commits_keep_metadata(void **state)
{
    const char *topic = make_topic("commit", 1), *group = unique("commit");
    struct cv_kafka_conf conf = conf_with(CV_KAFKA_CONSUMER, NULL, NULL);
    struct cv_topic_partition part = { topic, 0, 3, "m1" };
    struct cv_topic_partitions parts = { &part, 1 };
    unsigned answers = 0;
    const struct cv_consumer_events events = { .arg = &answers, .committed = count_answer };
    struct cv_consumer *consumer;
    struct cv_consumed msg;
    size_t count;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_ok(cv_consumer_new(&conf, group, &events, &consumer, &err));
    conf_done(&conf);
    assert_ok(cv_consumer_commit(consumer, &parts, WAIT_MS, &err));
    assert_committed(consumer, topic, 3, "m1");
    part.offset = 4;
    part.metadata = NULL;
    assert_ok(cv_consumer_commit(consumer, &parts, 0, &err)); /* sent; the next one follows it */
    part.offset = 5;
    assert_ok(cv_consumer_commit(consumer, &parts, WAIT_MS, &err));
    assert_committed(consumer, topic, 5, NULL);
    assert_ok(cv_consumer_poll(consumer, &msg, 1, 200, &count, &err));
    assert_int_equal(count, 0);
    assert_int_equal(answers, 1); /* of the one that was not waited for */
    cv_consumer_free(consumer);
}

static void
seek_pause_and_resume_lose_nothing(void **state)
{
    const char *topic = make_topic("seek", 2);
    struct cv_topic_partition part = { topic, 0, 0, NULL };
    struct cv_topic_partitions parts = { &part, 1 };
    struct cv_producer *producer = make_producer(NULL);
    struct cv_consumer *consumer;
    struct cv_err err = CV_ERR_INIT;
    int64_t low = -1, high = -1;

    (void)state;
    for (int i = 0; i < 10; i++) {
        char value[16];

        snprintf(value, sizeof(value), "v%d", i);
        send_text(producer, topic, 0, "k", value);
    }
    assert_ok(cv_producer_flush(producer, WAIT_MS, &err));
    consumer = make_consumer(topic, 1, NULL, NULL);
    assert_next(consumer, "v0");
    assert_next(consumer, "v1");
    assert_ok(cv_consumer_seek(consumer, topic, 0, 7, WAIT_MS, &err));
    assert_next(consumer, "v7");
    assert_ok(cv_consumer_seek(consumer, topic, 0, 2, WAIT_MS, &err));
    assert_next(consumer, "v2");
    assert_ok(cv_consumer_pause(consumer, &parts, &err));
    for (int i = 0; i < 5; i++) {
        struct cv_consumed msg;
        size_t count = 0;

        assert_ok(cv_consumer_poll(consumer, &msg, 1, 100, &count, &err));
        assert_int_equal(count, 0);
    }
    assert_ok(cv_consumer_resume(consumer, &parts, &err));
    assert_next(consumer, "v3");
    assert_ok(cv_consumer_watermarks(consumer, topic, 0, WAIT_MS, &low, &high, &err));
    assert_int_equal(low, 0);
    assert_int_equal(high, 10);
    cv_consumer_free(consumer);
    cv_producer_free(producer, 0);
}

static void
partitions_are_added_and_removed_one_by_one(void **state)
{
    const char *topic = make_topic("assign", 3);
    struct cv_topic_partition part = { topic, 1, CV_OFFSET_BEGINNING, NULL };
    struct cv_topic_partitions parts = { &part, 1 };
    struct cv_consumer *consumer = make_consumer(topic, 1, NULL, NULL);
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    put_text(topic, 0, "k", "a");
    put_text(topic, 1, "k", "b");
    assert_next(consumer, "a");
    assert_ok(cv_consumer_assign_add(consumer, &parts, &err));
    assert_next(consumer, "b");
    assert_ok(cv_consumer_pause(consumer, &parts, &err));
    assert_ok(cv_consumer_assign_remove(consumer, &parts, &err));
    put_text(topic, 1, "k", "late");
    put_text(topic, 0, "k", "c");
    assert_next(consumer, "c");
    assert_at_end(consumer, 0);
    part.offset = 1;
    assert_ok(cv_consumer_assign_add(consumer, &parts, &err));
    assert_next(consumer, "late"); /* what was paused is not, when it comes back */
    cv_consumer_free(consumer);
}

static void
what_cannot_be_read_is_a_failure(void **state)
{
    const char *topic = make_topic("failures", 1);
    struct cv_consumer *consumer = make_consumer(topic, 1, "auto.offset.reset", "none");
    struct cv_topic_partition part = { topic, 0, 500, NULL };
    struct cv_topic_partitions parts = { &part, 1 };
    struct cv_err err = CV_ERR_INIT;
    struct cv_consumed msg;
    enum cv_rc rc = CV_OK;
    size_t count;

    (void)state;
    assert_ok(cv_consumer_assign(consumer, &parts, &err));
    for (int i = 0; i < 200 && rc == CV_OK; i++) {
        count = 0;
        rc = cv_consumer_poll(consumer, &msg, 1, 100, &count, &err);
        if (rc == CV_OK)
            cv_consumed_free(&msg, count);
    }
    assert_int_equal(rc, CV_INVALID);
    assert_non_null(strstr(err.text, topic));
    cv_consumer_free(consumer);

    consumer = make_consumer(unique("missing"), 1, "topic.metadata.propagation.max.ms", "1000");
    for (int i = 0; i < 200; i++) {
        count = 0;
        rc = cv_consumer_poll(consumer, &msg, 1, 100, &count, &err);
        if (rc != CV_OK)
            break;
        cv_consumed_free(&msg, count);
    }
    assert_int_equal(rc, CV_NOT_FOUND);
    assert_non_null(strstr(err.text, "missing"));
    cv_consumer_free(consumer);
}

/* -- Admin -- */

static void
topics_are_made_described_and_deleted(void **state)
{
    struct cv_config *configs = cv_config_new();
    struct cv_topic_spec spec = {
        .name = unique("admin"), .partitions = 4, .replication = -1, .configs = configs
    };
    struct cv_err err = CV_ERR_INIT;
    char *text = NULL, **names = NULL;
    size_t count = 0;
    bool created = false, found = false;
    int32_t partitions = -7;

    (void)state;
    assert_int_equal(cv_admin_topic_partitions(admin, spec.name, WAIT_MS, &partitions, &err),
                     CV_NOT_FOUND);
    assert_int_equal(partitions, -7);
    assert_ok(cv_config_set(configs, "cleanup.policy", "compact", &err));
    assert_ok(cv_admin_topic_create(admin, &spec, WAIT_MS, &created, &err));
    assert_true(created);
    assert_ok(cv_admin_topic_create(admin, &spec, WAIT_MS, &created, &err));
    assert_false(created);
    assert_ok(cv_admin_topic_partitions(admin, spec.name, WAIT_MS, &partitions, &err));
    assert_int_equal(partitions, 4);
    assert_ok(cv_admin_topic_config(admin, spec.name, "cleanup.policy", WAIT_MS, &text, &err));
    assert_string_equal(text, "compact");
    free(text);
    assert_ok(cv_admin_topic_config(admin, spec.name, "no.such.setting", WAIT_MS, &text, &err));
    assert_string_equal(text, "");
    free(text);
    assert_int_equal(cv_admin_topic_config(admin, "no-such-topic", "x", WAIT_MS, &text, &err),
                     CV_NOT_FOUND);
    assert_ok(cv_admin_topics(admin, WAIT_MS, &names, &count, &err));
    for (size_t i = 0; i < count; i++) {
        found = found || strcmp(names[i], spec.name) == 0;
        free(names[i]);
    }
    free(names);
    assert_true(found);
    assert_ok(cv_admin_topic_delete(admin, spec.name, WAIT_MS, &err));
    assert_int_equal(cv_admin_topic_delete(admin, spec.name, WAIT_MS, &err), CV_NOT_FOUND);
    assert_ok(cv_admin_cluster_id(admin, WAIT_MS, &text, &err));
    assert_true(strlen(text) > 0);
    free(text);
    cv_config_free(configs);
}

static void
topics_are_made_together(void **state)
{
    struct cv_topic_spec specs[3] = { { .partitions = 2, .replication = 1 },
                                      { .name = make_topic("together", 1), .partitions = 2, .replication = 1 },
                                      { .partitions = -1, .replication = -1 } };
    bool created[3] = { false, true, false };
    struct cv_err err = CV_ERR_INIT;
    int32_t partitions;

    (void)state;
    specs[0].name = unique("together");
    specs[2].name = unique("together");
    assert_ok(cv_admin_topics_create(admin, specs, 3, WAIT_MS, created, &err));
    assert_true(created[0] && !created[1] && created[2]);
    assert_ok(cv_admin_topic_partitions(admin, specs[0].name, WAIT_MS, &partitions, &err));
    assert_int_equal(partitions, 2);
    specs[0].name = unique("together");
    specs[1].name = "not/a/topic";
    assert_int_equal(cv_admin_topics_create(admin, specs, 3, WAIT_MS, created, &err), CV_INVALID);
    assert_non_null(strstr(err.text, "not/a/topic"));
}

static void
topics_that_cannot_be_made_say_why(void **state)
{
    struct cv_config *configs = cv_config_new();
    struct cv_topic_spec spec = {
        .name = unique("bad"), .partitions = 1, .replication = 3, .configs = configs
    };
    struct cv_err err = CV_ERR_INIT;
    bool created = false;

    (void)state;
    assert_int_equal(cv_admin_topic_create(admin, &spec, WAIT_MS, &created, &err), CV_RETRY);
    assert_non_null(strstr(err.text, spec.name));
    assert_non_null(strstr(err.text, "eplication factor"));
    spec.replication = 1;
    assert_ok(cv_config_set(configs, "retention.ms", "soon", &err));
    assert_int_equal(cv_admin_topic_create(admin, &spec, WAIT_MS, &created, &err), CV_INVALID);
    assert_non_null(strstr(err.text, "retention.ms"));
    spec.name = "not/a/topic";
    assert_int_equal(cv_admin_topic_create(admin, &spec, WAIT_MS, &created, &err), CV_INVALID);
    assert_false(created);
    cv_config_free(configs);
}

static void
ends_are_seen(void **state)
{
    const char *topic = make_topic("ends", 3);
    struct cv_topic_partition items[3] = { { topic, 0, 0, NULL },
                                           { topic, 1, 0, NULL },
                                           { topic, 2, 0, NULL } };
    struct cv_topic_partitions parts = { items, 3 };
    struct cv_producer *producer = make_producer(unique("ends"));
    struct cv_consumer *consumer = make_consumer(topic, 3, "isolation.level", "read_committed");
    struct cv_err err = CV_ERR_INIT;
    int64_t low = -1, high = -1;

    (void)state;
    put_text(topic, 1, "k", "v");
    put_text(topic, 2, "k", "v");
    put_text(topic, 2, "k", "w");
    assert_ok(cv_producer_txn_init(producer, WAIT_MS, &err));
    assert_ok(cv_producer_txn_begin(producer, &err));
    send_text(producer, topic, 0, "k", "open");
    assert_ok(cv_producer_flush(producer, WAIT_MS, &err));
    assert_ok(cv_admin_end_offsets(admin, &parts, WAIT_MS, &err));
    assert_int_equal(items[0].offset, 1); /* an open transaction counts */
    assert_int_equal(items[1].offset, 1);
    assert_int_equal(items[2].offset, 2);
    assert_ok(cv_consumer_watermarks(consumer, topic, 0, WAIT_MS, &low, &high, &err));
    assert_int_equal(high, 0); /* but not for who reads committed */
    assert_int_equal(low, 0);
    assert_ok(cv_producer_txn_abort(producer, WAIT_MS, &err));
    items[0].topic = "no-such-topic";
    assert_int_equal(cv_admin_end_offsets(admin, &parts, WAIT_MS, &err), CV_NOT_FOUND);
    cv_consumer_free(consumer);
    cv_producer_free(producer, 0);
}

int
client_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_back_as_they_were),
        cmocka_unit_test(a_message_that_the_broker_refuses_is_counted_as_failed),
        cmocka_unit_test(a_wake_up_announces_reports_and_messages),
        cmocka_unit_test(only_committed_transactions_are_read),
        cmocka_unit_test(a_fenced_producer_says_so),
        cmocka_unit_test(a_failed_message_ends_the_transaction_and_the_producer),
        cmocka_unit_test(offsets_and_their_metadata_share_the_transactions_fate),
        cmocka_unit_test(commits_keep_metadata),
        cmocka_unit_test(seek_pause_and_resume_lose_nothing),
        cmocka_unit_test(partitions_are_added_and_removed_one_by_one),
        cmocka_unit_test(what_cannot_be_read_is_a_failure),
        cmocka_unit_test(topics_are_made_described_and_deleted),
        cmocka_unit_test(topics_are_made_together),
        cmocka_unit_test(topics_that_cannot_be_made_say_why),
        cmocka_unit_test(ends_are_seen),
    };

    return cmocka_run_group_tests_name("kafka_client", tests, NULL, NULL);
}

int
main(int argc, char **argv)
{
    struct cv_kafka_conf conf;
    struct cv_err err = CV_ERR_INIT;
    int failed;

    servers = getenv("KAFKA_BOOTSTRAP_SERVERS");
    if (servers == NULL || *servers == '\0') {
        puts("KAFKA_BOOTSTRAP_SERVERS names no broker");
        return 77;
    }
    conf = conf_with(CV_KAFKA_ADMIN, NULL, NULL);
    if (cv_admin_new(&conf, &admin, &err) != CV_OK) {
        puts(err.text);
        return 1;
    }
    if (argc > 1 && strcmp(argv[1], "restart") == 0)
        failed = restart_tests();
    else
        failed = client_tests() + group_tests() + log_tests();
    cv_admin_free(admin);
    conf_done(&conf);
    return failed == 0 ? 0 : 1;
}
