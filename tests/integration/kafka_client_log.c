/* SPDX-License-Identifier: Apache-2.0 */
/* Topic logs, and everything else while the broker goes away and comes back. */
#include "tests/integration/kafka_client.h"

#include "common/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#define WRITERS      4
#define WRITES_EACH  500
#define OUTAGE_SENDS 60000

/* What a log's handler saw; the log's thread writes. */
struct heard {
    struct cv_lock lock;
    size_t records, tombstones;
    char last[64];
};

static void
heard_init(struct heard *heard)
{
    *heard = (struct heard){ 0 };
    cv_lock_init(&heard->lock, CV_RANK_QUEUE);
}

static void
on_record(void *arg, const struct cv_consumed *rec)
{
    struct heard *heard = arg;

    cv_lock(&heard->lock);
    heard->records++;
    heard->tombstones += rec->value.data == NULL;
    snprintf(heard->last, sizeof(heard->last), "%.*s", (int)rec->value.len,
             rec->value.data != NULL ? rec->value.data : "");
    cv_unlock(&heard->lock);
}

static size_t
records(struct heard *heard)
{
    size_t count;

    cv_lock(&heard->lock);
    count = heard->records;
    cv_unlock(&heard->lock);
    return count;
}

static void
assert_last(struct heard *heard, const char *text)
{
    cv_lock(&heard->lock);
    assert_string_equal(heard->last, text);
    cv_unlock(&heard->lock);
}

static enum cv_rc
log_start_on(struct cv_admin *with, const char *topic, int32_t partitions, int32_t max_partitions,
             const char *isolation, struct heard *heard, const atomic_bool *stop,
             struct cv_topic_log **ret, struct cv_err *err)
{
    struct cv_topic_log_spec spec = {
        .topic = { .name = topic, .partitions = partitions, .replication = 1 },
        .max_partitions = max_partitions,
        .consumer = conf_with(CV_KAFKA_CONSUMER, "isolation.level", isolation),
        .producer = conf_with(CV_KAFKA_PRODUCER, NULL, NULL),
        .admin = with,
        .handler = on_record,
        .arg = heard,
    };
    enum cv_rc rc = cv_topic_log_start(&spec, stop, ret, err);

    cv_config_free((struct cv_config *)(uintptr_t)spec.consumer.layers[0]);
    cv_config_free((struct cv_config *)(uintptr_t)spec.producer.layers[0]);
    return rc;
}

static struct cv_topic_log *
log_start(const char *topic, struct heard *heard)
{
    struct cv_topic_log *log = NULL;
    struct cv_err err = CV_ERR_INIT;

    heard_init(heard);
    assert_ok(log_start_on(admin, topic, 3, 0, "read_uncommitted", heard, NULL, &log, &err));
    return log;
}

static void
a_missing_topic_is_created_compacted_and_read_back(void **state)
{
    const char *topic = unique("log");
    struct heard heard, again;
    struct cv_topic_log *log, *other;
    struct cv_err err = CV_ERR_INIT;
    int32_t partitions = 0;
    char *policy;

    (void)state;
    log = log_start(topic, &heard);
    assert_string_equal(cv_topic_log_topic(log), topic);
    assert_int_equal(records(&heard), 0);
    assert_ok(cv_admin_topic_partitions(admin, topic, WAIT_MS, &partitions, &err));
    assert_int_equal(partitions, 3);
    assert_ok(cv_admin_topic_config(admin, topic, "cleanup.policy", WAIT_MS, &policy, &err));
    assert_string_equal(policy, "compact");
    free(policy);

    assert_ok(cv_topic_log_write(log, text_bytes("a"), text_bytes("1"), WAIT_MS, &err));
    assert_ok(cv_topic_log_write(log, text_bytes("b"), text_bytes("2"), WAIT_MS, &err));
    assert_ok(cv_topic_log_write(log, text_bytes("a"), text_bytes(NULL), WAIT_MS, &err));
    assert_ok(cv_topic_log_read_to_end(log, WAIT_MS, &err));
    assert_int_equal(records(&heard), 3);
    assert_int_equal(heard.tombstones, 1);
    assert_ok(cv_topic_log_read_to_end(log, WAIT_MS, &err));

    other = log_start(topic, &again); /* all there at once */
    assert_int_equal(records(&again), 3);
    assert_ok(cv_topic_log_write(log, text_bytes("c"), text_bytes("3"), WAIT_MS, &err));
    assert_ok(cv_topic_log_read_to_end(other, WAIT_MS, &err));
    assert_int_equal(records(&again), 4);
    assert_last(&again, "3");
    cv_topic_log_free(other, 1000);
    cv_topic_log_free(log, 1000);
}

static void
a_topic_that_is_not_compacted_is_refused_with_the_remedy(void **state)
{
    const char *topic = make_topic_with("log-delete", 1, "cleanup.policy", "delete");
    struct cv_topic_log *log = NULL;
    struct cv_err err = CV_ERR_INIT;
    struct heard heard;

    (void)state;
    heard_init(&heard);
    assert_int_equal(log_start_on(admin, topic, 1, 0, "read_uncommitted", &heard, NULL, &log, &err),
                     CV_INVALID);
    assert_null(log);
    assert_non_null(strstr(err.text, topic));
    assert_non_null(strstr(err.text, "cleanup.policy=delete"));
    assert_non_null(strstr(err.text, "kafka-configs.sh"));
}

static void
a_topic_with_too_many_partitions_is_refused(void **state)
{
    const char *topic = make_topic_with("log-wide", 2, "cleanup.policy", "compact");
    struct cv_topic_log *log = NULL;
    struct cv_err err = CV_ERR_INIT;
    struct heard heard;

    (void)state;
    heard_init(&heard);
    assert_int_equal(log_start_on(admin, topic, 1, 1, "read_uncommitted", &heard, NULL, &log, &err),
                     CV_INVALID);
    assert_non_null(strstr(err.text, "has 2 partitions where at most 1"));
}

static void
a_trailing_transaction_marker_is_no_obstacle(void **state)
{
    const char *topic = make_topic_with("log-txn", 1, "cleanup.policy", "compact");
    struct cv_producer *producer = make_producer(unique("log-txn"));
    struct cv_topic_log *log = NULL, *committed = NULL;
    struct heard heard, heard_committed;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_ok(cv_producer_txn_init(producer, WAIT_MS, &err));
    assert_ok(cv_producer_txn_begin(producer, &err));
    send_text(producer, topic, 0, "k", "1");
    assert_ok(cv_producer_txn_commit(producer, WAIT_MS, &err));
    log = log_start(topic, &heard); /* the log ends in a marker */
    assert_int_equal(records(&heard), 1);
    heard_init(&heard_committed);
    assert_ok(log_start_on(admin, topic, 1, 1, "read_committed", &heard_committed, NULL, &committed,
                           &err));
    assert_int_equal(records(&heard_committed), 1);

    assert_ok(cv_producer_txn_begin(producer, &err));
    send_text(producer, topic, 0, "k", "2");
    assert_ok(cv_producer_flush(producer, WAIT_MS, &err));
    assert_ok(cv_topic_log_read_to_end(log, WAIT_MS, &err));
    assert_int_equal(records(&heard), 2);
    /* who reads committed cannot be at the end while a transaction is open */
    assert_int_equal(cv_topic_log_read_to_end(committed, 500, &err), CV_RETRY);
    assert_non_null(strstr(err.text, topic));
    assert_non_null(strstr(err.text, "partition 0 is read up to offset 2 of 3; if it stays so, a transaction is open"));
    assert_int_equal(records(&heard_committed), 1);
    assert_ok(cv_producer_txn_abort(producer, WAIT_MS, &err));
    assert_ok(cv_topic_log_read_to_end(committed, WAIT_MS, &err));
    assert_int_equal(records(&heard_committed), 1);
    cv_topic_log_free(committed, 0);
    cv_topic_log_free(log, 0);
    cv_producer_free(producer, 0);
}

struct writer {
    struct cv_topic_log *log;
    struct cv_thread *thread;
    atomic_int sent;
    atomic_int failed;
    int number;
};

static void
on_sent(void *arg, const struct cv_err *err)
{
    struct writer *writer = arg;

    atomic_fetch_add(err == NULL ? &writer->sent : &writer->failed, 1);
}

static void
write_many(void *arg)
{
    struct writer *writer = arg;
    struct cv_err err = CV_ERR_INIT;

    for (int i = 0; i < WRITES_EACH; i++) {
        char key[32];

        snprintf(key, sizeof(key), "%d-%d", writer->number, i);
        if (cv_topic_log_send(writer->log, text_bytes(key), text_bytes("v"), on_sent, writer,
                              &err) != CV_OK)
            atomic_fetch_add(&writer->failed, 1);
        if (i % 100 == 0 && cv_topic_log_read_to_end(writer->log, WAIT_MS, &err) != CV_OK)
            atomic_fetch_add(&writer->failed, 1);
    }
}

static void
threads_may_send_and_read_at_once(void **state)
{
    const char *topic = unique("log-threads");
    struct writer writers[WRITERS] = { 0 };
    struct heard heard;
    struct cv_topic_log *log;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    log = log_start(topic, &heard);
    for (int i = 0; i < WRITERS; i++) {
        writers[i].log = log;
        writers[i].number = i;
        assert_ok(cv_thread_start("writer", write_many, &writers[i], &writers[i].thread, &err));
    }
    for (int i = 0; i < WRITERS; i++)
        assert_true(cv_thread_join(writers[i].thread, -1));
    assert_ok(cv_topic_log_read_to_end(log, WAIT_MS, &err));
    assert_int_equal(records(&heard), (size_t)WRITERS * WRITES_EACH);
    for (int i = 0; i < WRITERS; i++) {
        assert_int_equal(atomic_load(&writers[i].sent), WRITES_EACH);
        assert_int_equal(atomic_load(&writers[i].failed), 0);
    }
    cv_topic_log_free(log, 0);
}

static void
free_writes_what_was_sent(void **state)
{
    const char *topic = unique("log-free");
    struct writer writer = { 0 };
    struct heard heard, again;
    struct cv_topic_log *log;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    log = log_start(topic, &heard);
    for (int i = 0; i < 1000; i++) {
        char key[32];

        snprintf(key, sizeof(key), "%d", i);
        assert_ok(cv_topic_log_send(log, text_bytes(key), text_bytes("v"), on_sent, &writer, &err));
    }
    cv_topic_log_free(log, WAIT_MS);
    assert_int_equal(atomic_load(&writer.sent), 1000);
    log = log_start(topic, &again);
    assert_int_equal(records(&again), 1000);
    cv_topic_log_free(log, 0);
}

static void
raise_stop(void *arg)
{
    struct cv_wake wake;
    struct cv_err err = CV_ERR_INIT;

    assert_ok(cv_wake_init(&wake, &err));
    (void)cv_wake_wait(&wake, cv_mono_ms() + 500);
    cv_wake_done(&wake);
    atomic_store((atomic_bool *)arg, true);
}

static void
start_gives_up_when_told_to_stop(void **state)
{
    struct cv_config *layer = cv_config_new();
    struct cv_kafka_conf conf = { .role = CV_KAFKA_ADMIN, .layers = { layer }, .n_layers = 1 };
    struct cv_admin *nowhere;
    struct cv_topic_log *log = NULL;
    struct cv_thread *thread;
    struct cv_err err = CV_ERR_INIT;
    struct heard heard;
    atomic_bool stop = false;
    int64_t began = cv_mono_ms();

    (void)state;
    assert_ok(cv_config_set(layer, "bootstrap.servers", "127.0.0.1:1", &err));
    assert_ok(cv_admin_new(&conf, &nowhere, &err));
    heard_init(&heard);
    assert_ok(cv_thread_start("stopper", raise_stop, &stop, &thread, &err));
    assert_int_equal(
        log_start_on(nowhere, "nowhere", 1, 1, "read_uncommitted", &heard, &stop, &log, &err),
        CV_RETRY);
    assert_null(log);
    assert_true(cv_mono_ms() - began < 5000);
    assert_true(cv_thread_join(thread, -1));
    cv_admin_free(nowhere);
    cv_config_free(layer);
}

int
log_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_missing_topic_is_created_compacted_and_read_back),
        cmocka_unit_test(a_topic_that_is_not_compacted_is_refused_with_the_remedy),
        cmocka_unit_test(a_topic_with_too_many_partitions_is_refused),
        cmocka_unit_test(a_trailing_transaction_marker_is_no_obstacle),
        cmocka_unit_test(threads_may_send_and_read_at_once),
        cmocka_unit_test(free_writes_what_was_sent),
        cmocka_unit_test(start_gives_up_when_told_to_stop),
    };

    return cmocka_run_group_tests_name("kafka_log", tests, NULL, NULL);
}

/* -- The broker goes away -- */

static void
control(const char *verb)
{
    const char *program = getenv("CULVERT_KAFKA_CONTROL");
    char command[512];

    assert_non_null(program);
    snprintf(command, sizeof(command), "%s %s", program, verb);
    assert_int_equal(system(command), 0);
}

static void
count_done(struct cv_delivery *delivery)
{
    (void)delivery;
}

static long
peak_kbytes(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

/* Send numbered messages of ever the same key until all were taken; the queue is full most of the
 * time. */
static void
send_numbers(struct cv_producer *producer, struct cv_producer_topic *to, int from, int to_number,
             struct cv_delivery *delivery, bool give_up_when_full, int *ret_next)
{
    static char numbers[OUTAGE_SENDS][12];
    struct cv_err err = CV_ERR_INIT;
    int i = from;

    while (i < to_number) {
        enum cv_rc rc;

        snprintf(numbers[i], sizeof(numbers[i]), "%d", i);
        rc = cv_producer_send(producer, to, CV_NO_PARTITION, text_bytes("k"),
                              text_bytes(numbers[i]), NULL, CV_NO_TIMESTAMP, delivery, &err);
        if (rc == CV_OK) {
            i++;
            continue;
        }
        if (rc != CV_RETRY)
            fail_msg("%s", err.text);
        if (give_up_when_full)
            break;
        cv_producer_poll(producer, 10);
    }
    *ret_next = i;
}

/* Every number in order; a repeat after the break is allowed (not idempotent), a gap is not. */
static void
assert_numbers(struct cv_consumer *consumer, int count)
{
    int next = 0;

    while (next < count) {
        struct cv_consumed msg = next_message(consumer);
        int number = atoi(msg.value.data);

        if (number > next)
            fail_msg("number %d instead of %d", number, next);
        if (number == next)
            next++;
        cv_consumed_free(&msg, 1);
    }
}

static void
an_outage_costs_neither_messages_nor_memory(void **state)
{
    const char *topic = make_topic("outage", 3), *log_topic = unique("outage-log");
    struct cv_producer *producer = make_producer(NULL);
    struct cv_consumer *consumer = make_consumer(topic, 3, NULL, NULL);
    struct cv_producer_topic *to;
    struct cv_delivery delivery;
    struct cv_topic_log *log;
    struct heard heard;
    struct cv_err err = CV_ERR_INIT;
    long before;
    int next = 0;

    (void)state;
    log = log_start(log_topic, &heard);
    assert_ok(cv_topic_log_write(log, text_bytes("k"), text_bytes("before"), WAIT_MS, &err));
    assert_ok(cv_producer_topic(producer, topic, &to, &err));
    cv_delivery_init(&delivery, count_done);
    send_numbers(producer, to, 0, 1000, &delivery, false, &next);
    assert_ok(cv_producer_flush(producer, WAIT_MS, &err));

    control("stop");
    send_numbers(producer, to, next, OUTAGE_SENDS, &delivery, true, &next);
    assert_true(next < 1000 + 20100); /* the queue's bound, about */
    before = peak_kbytes();
    assert_int_equal(cv_topic_log_write(log, text_bytes("k"), text_bytes("during"), 500, &err),
                     CV_RETRY);
    assert_int_equal(cv_topic_log_read_to_end(log, 500, &err), CV_RETRY);
    for (int i = 0; i < 50; i++) {
        int64_t until = cv_mono_ms() + 100;

        while (cv_mono_ms() < until)
            cv_producer_poll(producer, 10);
        send_numbers(producer, to, next, OUTAGE_SENDS, &delivery, true, &next);
        assert_int_equal(delivery.failed, 0);
    }
    assert_true(peak_kbytes() - before < 4096);
    control("start");

    send_numbers(producer, to, next, OUTAGE_SENDS, &delivery, false, &next);
    assert_ok(cv_producer_flush(producer, 60000, &err));
    assert_int_equal(delivery.failed, 0);
    assert_int_equal(delivery.pending, 1);
    assert_numbers(consumer, OUTAGE_SENDS);
    /* the record whose writer gave up was written all the same */
    assert_ok(cv_topic_log_read_to_end(log, 60000, &err));
    assert_last(&heard, "during");
    assert_ok(cv_topic_log_write(log, text_bytes("k"), text_bytes("after"), WAIT_MS, &err));
    assert_ok(cv_topic_log_read_to_end(log, WAIT_MS, &err));
    assert_last(&heard, "after");
    cv_topic_log_free(log, 1000);
    cv_consumer_free(consumer);
    cv_producer_free(producer, 0);
}

struct starter {
    const char *topic;
    struct cv_topic_log *log;
    struct heard heard;
};

static void
start_log(void *arg)
{
    struct starter *starter = arg;

    starter->log = log_start(starter->topic, &starter->heard);
}

static void
a_log_waits_for_a_broker_that_comes_later(void **state)
{
    struct starter starter = { .topic = unique("later-log") };
    struct cv_thread *thread;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    control("stop");
    assert_ok(cv_thread_start("starter", start_log, &starter, &thread, &err));
    assert_false(cv_thread_join(thread, cv_mono_ms() + 3000));
    control("start");
    assert_true(cv_thread_join(thread, cv_mono_ms() + 30000));
    assert_ok(cv_topic_log_write(starter.log, text_bytes("k"), text_bytes("v"), WAIT_MS, &err));
    cv_topic_log_free(starter.log, 0);
}

int
restart_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_outage_costs_neither_messages_nor_memory),
        cmocka_unit_test(a_log_waits_for_a_broker_that_comes_later),
    };

    return cmocka_run_group_tests_name("kafka_restart", tests, NULL, NULL);
}
