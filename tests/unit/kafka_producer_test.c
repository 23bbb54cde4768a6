/* SPDX-License-Identifier: Apache-2.0 */
/* Producer and consumer against librdkafka's mock broker, and against no broker at all. */
#include "tests/helper/cmocka_all.h"
#include "tests/helper/log_file.h"

#include <dirent.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "common/clock.h"
#include "common/kafka/consumer.h"
#include "common/kafka/handle.h"
#include "common/kafka/producer.h"
#include "common/kafka/producer_private.h"

#define NOWHERE "127.0.0.1:1"
#define RD_PRODUCE_KEY          0 /* of Kafka's protocol */
#define RD_INIT_PRODUCER_ID_KEY 22

static int done_calls;

static void
count_done(struct cv_delivery *delivery)
{
    (void)delivery;
    done_calls++;
}

static struct cv_config *
layer_of(const char *servers, const char *key, const char *value)
{
    struct cv_config *cfg = cv_config_new();
    struct cv_err err = CV_ERR_INIT;

    assert_non_null(cfg);
    assert_int_equal(cv_config_set(cfg, "bootstrap.servers", servers, &err), CV_OK);
    if (key != NULL)
        assert_int_equal(cv_config_set(cfg, key, value, &err), CV_OK);
    return cfg;
}

static struct cv_producer *
producer_of(const struct cv_config *layer)
{
    struct cv_kafka_conf conf = {
        .role = CV_KAFKA_PRODUCER, .client_id = "test", .layers = { layer }, .n_layers = 1
    };
    struct cv_producer *producer = NULL;
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(cv_producer_new(&conf, NULL, &producer, &err), CV_OK);
    return producer;
}

static struct cv_bytes
bytes(const char *text)
{
    return (struct cv_bytes){ text, text != NULL ? strlen(text) : 0 };
}

static enum cv_rc
send_text(struct cv_producer *producer, struct cv_producer_topic *topic, const char *key,
          const char *value, struct cv_delivery *delivery, struct cv_err *err)
{
    return cv_producer_send(producer, topic, CV_NO_PARTITION, bytes(key), bytes(value), NULL,
                            CV_NO_TIMESTAMP, delivery, err);
}

static void
a_full_queue_says_retry_and_takes_nothing(void **state)
{
    struct cv_config *layer = layer_of(NOWHERE, "queue.buffering.max.messages", "2");
    struct cv_producer *producer = producer_of(layer);
    struct cv_producer_topic *topic;
    struct cv_delivery delivery;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    done_calls = 0;
    assert_int_equal(cv_producer_topic(producer, "t", &topic, &err), CV_OK);
    cv_delivery_init(&delivery, count_done);
    assert_int_equal(send_text(producer, topic, "k", "1", &delivery, &err), CV_OK);
    assert_int_equal(send_text(producer, topic, "k", "2", &delivery, &err), CV_OK);
    assert_int_equal(err.rc, CV_OK);
    assert_int_equal(send_text(producer, topic, "k", "3", &delivery, &err), CV_RETRY);
    assert_non_null(strstr(err.text, "full"));
    assert_int_equal(delivery.pending, 3);
    assert_int_equal(cv_producer_queued(producer), 2);

    cv_delivery_release(&delivery);
    assert_int_equal(done_calls, 0);
    cv_producer_free(producer, 0);
    cv_config_free(layer);
    assert_int_equal(done_calls, 1);
    assert_int_equal(delivery.failed, 2);
    assert_int_equal(delivery.pending, 0);
    assert_int_equal(delivery.last_offset, CV_OFFSET_INVALID);
    assert_int_equal(delivery.err.rc, CV_RETRY);
    assert_non_null(strstr(delivery.err.text, "could not write to topic \"t\""));
    assert_null(strstr(delivery.err.text, "partition -1"));
}

static void
a_flush_without_a_broker_times_out_and_names_the_cause(void **state)
{
    struct cv_config *layer = layer_of(NOWHERE, NULL, NULL);
    struct cv_producer *producer = producer_of(layer);
    struct cv_producer_topic *topic, *again;
    struct cv_delivery delivery;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    done_calls = 0;
    assert_int_equal(cv_producer_topic(producer, "t", &topic, &err), CV_OK);
    assert_int_equal(cv_producer_topic(producer, "t", &again, &err), CV_OK);
    assert_ptr_equal(topic, again);
    cv_delivery_init(&delivery, count_done);
    assert_int_equal(send_text(producer, topic, NULL, "1", &delivery, &err), CV_OK);
    cv_delivery_release(&delivery);
    assert_int_equal(cv_producer_flush(producer, 200, &err), CV_RETRY);
    assert_non_null(strstr(err.text, "could not write 1 messages"));
    assert_non_null(strstr(err.text, "Connection refused"));
    assert_int_equal(cv_producer_check(producer, &err), CV_OK);
    cv_producer_free(producer, 0);
    cv_config_free(layer);
    assert_int_equal(done_calls, 1);
}

/* How many of six messages, each with a poll behind it, are handed over while nothing is delivered. */
static size_t
on_their_way(const char *key, const char *value)
{
    struct cv_config *layer = layer_of(NOWHERE, key, value);
    struct cv_producer *producer = producer_of(layer);
    struct cv_producer_topic *topic;
    struct cv_delivery delivery;
    struct cv_err err = CV_ERR_INIT;
    size_t sent;

    assert_int_equal(cv_producer_topic(producer, "t", &topic, &err), CV_OK);
    cv_delivery_init(&delivery, count_done);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(send_text(producer, topic, "k", "v", &delivery, &err), CV_OK);
        assert_int_equal(cv_producer_poll(producer, 0), 0);
    }
    sent = producer->sent;
    cv_delivery_release(&delivery);
    cv_producer_free(producer, 0);
    cv_config_free(layer);
    assert_int_equal(delivery.failed, 6);
    return sent;
}

static void
few_bursts_are_on_their_way_at_once(void **state)
{
    (void)state;
    assert_int_equal(on_their_way("linger.ms", "0"), BURSTS_MAX);
    assert_int_equal(on_their_way("linger.ms", "60000"), 6); /* of one burst, which is not sent yet */
    assert_int_equal(on_their_way("enable.idempotence", "false"), 1); /* the order is not librdkafka's to keep */
}

static void
a_delivery_without_messages_is_done_at_release(void **state)
{
    struct cv_delivery delivery;

    (void)state;
    done_calls = 0;
    cv_delivery_init(&delivery, count_done);
    assert_int_equal(delivery.pending, 1);
    cv_delivery_release(&delivery);
    assert_int_equal(done_calls, 1);
    assert_int_equal(delivery.err.rc, CV_OK);
}

static void
a_wrong_value_fails_before_any_connection(void **state)
{
    struct cv_config *layer = layer_of(NOWHERE, "compression.type", "brotli");
    struct cv_kafka_conf conf = { .role = CV_KAFKA_PRODUCER, .layers = { layer }, .n_layers = 1 };
    struct cv_producer *producer = NULL;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(cv_producer_new(&conf, NULL, &producer, &err), CV_INVALID);
    assert_non_null(strstr(err.text, "compression.type"));
    assert_null(producer);
    cv_config_free(layer);
}

/* Once, though the configuration is read whenever an instance is opened. */
static void
a_setting_that_is_not_followed_is_told_once(void **state)
{
    struct cv_config *layer = layer_of(NOWHERE, "transactional.id", "mine");
    struct cv_producer *producer;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    log_file_open();
    producer = producer_of(layer);
    assert_int_equal(cv_producer_open(producer, &err), CV_OK);
    assert_int_equal(log_file_count("a client's setting is ignored", "key=transactional.id value=mine"), 1);
    log_file_close();
    cv_producer_free(producer, 0);
    cv_config_free(layer);
}

static void
a_consumer_whose_commit_cannot_be_answered_is_freed_in_time(void **state)
{
    struct cv_config *layer = layer_of(NOWHERE, NULL, NULL);
    struct cv_kafka_conf conf = {
        .role = CV_KAFKA_CONSUMER, .client_id = "test", .layers = { layer }, .n_layers = 1
    };
    struct cv_topic_partition part = { "t", 0, 5, NULL };
    struct cv_topic_partitions parts = { &part, 1 };
    struct cv_consumer *consumer = NULL;
    struct cv_err err = CV_ERR_INIT;
    int64_t began = cv_mono_ms();

    (void)state;
    assert_int_equal(cv_consumer_new(&conf, "g", NULL, &consumer, &err), CV_OK);
    assert_int_equal(cv_consumer_commit(consumer, &parts, 200, &err), CV_RETRY);
    assert_non_null(strstr(err.text, "could not commit offsets"));
    cv_consumer_free(consumer);
    assert_true(cv_mono_ms() - began < 6000);
    cv_config_free(layer);
}

static size_t
count_threads(void)
{
    DIR *dir = opendir("/proc/self/task");
    size_t count = 0;

    assert_non_null(dir);
    while (readdir(dir) != NULL)
        count++;
    closedir(dir);
    return count;
}

static void
settings_that_do_not_go_together_show_when_the_producer_is_opened(void **state)
{
    struct cv_config *layer = layer_of(NOWHERE, "linger.ms", "5000");
    struct cv_err err = CV_ERR_INIT;
    struct cv_producer *producer;

    (void)state;
    assert_int_equal(cv_config_set(layer, "message.timeout.ms", "1000", &err), CV_OK);
    producer = producer_of(layer);
    assert_int_equal(cv_producer_open(producer, &err), CV_INVALID);
    assert_non_null(strstr(err.text, "cannot make a Kafka client"));
    cv_producer_free(producer, 0);
    cv_config_free(layer);
}

/* -- With a mock broker -- */

struct mock {
    rd_kafka_t *rk;
    rd_kafka_mock_cluster_t *cluster;
};

static int
mock_start(void **state)
{
    static struct mock mock;
    char text[256];

    mock.rk = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), text, sizeof(text));
    assert_non_null(mock.rk);
    mock.cluster = rd_kafka_mock_cluster_new(mock.rk, 1);
    assert_non_null(mock.cluster);
    *state = &mock;
    return 0;
}

static int
mock_stop(void **state)
{
    struct mock *mock = *state;

    rd_kafka_mock_cluster_destroy(mock->cluster);
    rd_kafka_destroy(mock->rk);
    return 0;
}

static struct cv_consumer *
consumer_of(const struct cv_config *layer, const char *topic, int32_t partitions)
{
    struct cv_kafka_conf conf = {
        .role = CV_KAFKA_CONSUMER, .client_id = "test", .layers = { layer }, .n_layers = 1
    };
    struct cv_topic_partition items[32];
    struct cv_topic_partitions parts = { items, (size_t)partitions };
    struct cv_consumer *consumer = NULL;
    struct cv_err err = CV_ERR_INIT;

    for (int32_t i = 0; i < partitions; i++)
        items[i] = (struct cv_topic_partition){ topic, i, CV_OFFSET_BEGINNING, NULL };
    assert_int_equal(cv_consumer_new(&conf, NULL, NULL, &consumer, &err), CV_OK);
    assert_int_equal(cv_consumer_assign(consumer, &parts, &err), CV_OK);
    return consumer;
}

/* The next message; EOF events are skipped. */
static struct cv_consumed
next_message(struct cv_consumer *consumer)
{
    for (int tries = 0; tries < 200; tries++) {
        struct cv_consumed msg = { 0 };
        struct cv_err err = CV_ERR_INIT;
        size_t count = 0;

        assert_int_equal(cv_consumer_poll(consumer, &msg, 1, 100, &count, &err), CV_OK);
        if (count == 1 && !msg.eof)
            return msg;
        cv_consumed_free(&msg, count);
    }
    fail_msg("no message in 20 s");
    return (struct cv_consumed){ 0 };
}

static void
there_are_threads_only_while_something_is_sent(void **state)
{
    struct mock *mock = *state;
    struct cv_config *layer = layer_of(rd_kafka_mock_cluster_bootstraps(mock->cluster), NULL, NULL);
    size_t threads = count_threads();
    struct cv_producer *producer = producer_of(layer);
    struct cv_producer_topic *topic;
    struct cv_delivery delivery;
    struct cv_consumer *consumer;
    struct cv_consumed msg;
    struct cv_err err = CV_ERR_INIT;

    rd_kafka_mock_topic_create(mock->cluster, "seldom", 1, 1);
    cv_config_free(layer); /* the producer has its own */
    layer = layer_of(rd_kafka_mock_cluster_bootstraps(mock->cluster), NULL, NULL);
    done_calls = 0;
    assert_int_equal(cv_producer_topic(producer, "seldom", &topic, &err), CV_OK);
    assert_int_equal(cv_producer_poll(producer, 0), 0);
    assert_int_equal(cv_producer_check(producer, &err), CV_OK);
    assert_int_equal(cv_producer_flush(producer, 0, &err), CV_OK);
    assert_int_equal(count_threads(), threads);

    cv_delivery_init(&delivery, count_done);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(send_text(producer, topic, NULL, i == 0 ? "first" : "second", &delivery, &err), CV_OK);
        assert_true(count_threads() > threads);
        cv_clock_test_stop(cv_now_ms(), cv_mono_ms());
        cv_clock_test_advance(2 * CV_PRODUCER_IDLE_MS);
        while (cv_producer_queued(producer) > 0) /* a message on its way keeps it, however long that takes */
            assert_true(cv_producer_poll(producer, 10) >= 0);
        assert_int_equal(delivery.last_offset, i);
        cv_clock_test_advance(CV_PRODUCER_IDLE_MS - 1);
        (void)cv_producer_poll(producer, 0);
        assert_true(count_threads() > threads);
        cv_clock_test_advance(1);
        (void)cv_producer_poll(producer, 0);
        assert_int_equal(count_threads(), threads);
        cv_clock_test_run();
    }
    cv_delivery_release(&delivery);
    assert_int_equal(done_calls, 1);
    cv_producer_free(producer, 0);

    consumer = consumer_of(layer, "seldom", 1);
    msg = next_message(consumer);
    assert_memory_equal(msg.value.data, "first", 5);
    cv_consumed_free(&msg, 1);
    msg = next_message(consumer);
    assert_memory_equal(msg.value.data, "second", 6);
    cv_consumed_free(&msg, 1);
    cv_consumer_free(consumer);
    cv_config_free(layer);
}

/* Vectors of Apache Kafka's own partitioner (Connect's offset and status topics). */
static void
the_key_chooses_javas_partition(void **state)
{
    static const struct {
        const char *topic;
        const char *key;
        int32_t partition;
    } cases[] = {
        { "p25", "[\"foo\",{\"filename\":\"/data/in.txt\"}]", 0 },
        { "p25", "[\"jdbc\",{\"protocol\":\"1\",\"table\":\"db.accounts\"}]", 14 },
        { "p5", "status-connector-foo", 3 },
        { "p5", "status-task-foo-0", 1 },
        { "p5", "status-topic-orders:connector-foo", 4 },
    };
    struct mock *mock = *state;
    struct cv_config *layer = layer_of(rd_kafka_mock_cluster_bootstraps(mock->cluster), NULL, NULL);
    struct cv_producer *producer = producer_of(layer);
    struct cv_consumer *p25, *p5;
    struct cv_delivery delivery;
    struct cv_err err = CV_ERR_INIT;
    int32_t count;

    rd_kafka_mock_topic_create(mock->cluster, "p25", 25, 1);
    rd_kafka_mock_topic_create(mock->cluster, "p5", 5, 1);
    done_calls = 0;
    cv_delivery_init(&delivery, count_done);
    p25 = consumer_of(layer, "p25", 25);
    p5 = consumer_of(layer, "p5", 5);
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        struct cv_producer_topic *topic;
        struct cv_consumed msg;

        assert_int_equal(cv_producer_topic(producer, cases[i].topic, &topic, &err), CV_OK);
        assert_int_equal(send_text(producer, topic, cases[i].key, "v", &delivery, &err), CV_OK);
        assert_int_equal(cv_producer_flush(producer, 10000, &err), CV_OK);
        msg = next_message(strcmp(cases[i].topic, "p5") == 0 ? p5 : p25);
        assert_string_equal(msg.topic, cases[i].topic);
        assert_int_equal(msg.partition, cases[i].partition);
        assert_memory_equal(msg.key.data, cases[i].key, msg.key.len);
        cv_consumed_free(&msg, 1);
    }
    assert_int_equal(cv_producer_partitions(producer, "p25", 5000, &count, &err), CV_OK);
    assert_int_equal(count, 25);
    assert_int_equal(delivery.pending, 1);
    assert_int_equal(delivery.last_offset, 0);
    cv_delivery_release(&delivery);
    assert_int_equal(done_calls, 1);
    cv_consumer_free(p5);
    cv_consumer_free(p25);
    cv_producer_free(producer, 0);
    cv_config_free(layer);
}

static void
null_and_empty_stay_apart(void **state)
{
    static const struct cv_raw_header items[] = { { "null", { NULL, 0 } },
                                                  { "empty", { "", 0 } },
                                                  { "bytes", { "a\0b", 3 } },
                                                  { "bytes", { "2", 1 } } };
    static const struct cv_raw_headers headers = { .items = items, .count = CV_COUNT(items) };
    struct mock *mock = *state;
    struct cv_config *layer = layer_of(rd_kafka_mock_cluster_bootstraps(mock->cluster), NULL, NULL);
    struct cv_producer *producer = producer_of(layer);
    struct cv_consumer *consumer;
    struct cv_producer_topic *topic;
    struct cv_consumed msg;
    struct cv_bytes value;
    struct cv_err err = CV_ERR_INIT;
    const char *name, *first_topic;

    rd_kafka_mock_topic_create(mock->cluster, "nulls", 1, 1);
    assert_int_equal(cv_producer_topic(producer, "nulls", &topic, &err), CV_OK);
    assert_int_equal(cv_producer_send(producer, topic, 0, bytes(NULL), bytes(""), NULL,
                                      CV_NO_TIMESTAMP, NULL, &err),
                     CV_OK);
    assert_int_equal(cv_producer_send(producer, topic, 0, bytes(""), bytes(NULL), &headers,
                                      1234567890123, NULL, &err),
                     CV_OK);
    assert_int_equal(cv_producer_flush(producer, 10000, &err), CV_OK);

    consumer = consumer_of(layer, "nulls", 1);
    msg = next_message(consumer);
    first_topic = msg.topic;
    assert_null(msg.key.data);
    assert_non_null(msg.value.data);
    assert_int_equal(msg.value.len, 0);
    assert_int_equal(msg.offset, 0);
    assert_false(cv_consumed_header(&msg, 0, &name, &value));
    cv_consumed_free(&msg, 1);

    msg = next_message(consumer);
    assert_ptr_equal(msg.topic, first_topic);
    assert_non_null(msg.key.data);
    assert_int_equal(msg.key.len, 0);
    assert_null(msg.value.data);
    assert_int_equal(msg.timestamp_ms, 1234567890123);
    assert_true(cv_consumed_header(&msg, 0, &name, &value));
    assert_string_equal(name, "null");
    assert_null(value.data);
    assert_true(cv_consumed_header(&msg, 1, &name, &value));
    assert_non_null(value.data);
    assert_int_equal(value.len, 0);
    assert_true(cv_consumed_header(&msg, 2, &name, &value));
    assert_memory_equal(value.data, "a\0b", 3);
    assert_true(cv_consumed_header(&msg, 3, &name, &value));
    assert_string_equal(name, "bytes");
    assert_false(cv_consumed_header(&msg, 4, &name, &value));
    cv_consumed_free(&msg, 1);
    cv_consumer_free(consumer);
    cv_producer_free(producer, 0);
    cv_config_free(layer);
}

/* The same address with other contents: nothing of the first message may stick. */
static void
headers_are_read_anew_for_each_message(void **state)
{
    struct mock *mock = *state;
    struct cv_config *layer = layer_of(rd_kafka_mock_cluster_bootstraps(mock->cluster), NULL, NULL);
    struct cv_producer *producer = producer_of(layer);
    struct cv_raw_header item = { "op", { "c", 1 } };
    struct cv_raw_headers headers = { .items = &item, .count = 1 };
    static const char *const ops[] = { "c", "u", "d" };
    struct cv_consumer *consumer;
    struct cv_producer_topic *topic;
    struct cv_err err = CV_ERR_INIT;

    rd_kafka_mock_topic_create(mock->cluster, "headers", 1, 1);
    assert_int_equal(cv_producer_topic(producer, "headers", &topic, &err), CV_OK);
    for (size_t i = 0; i < CV_COUNT(ops); i++) {
        item.value = bytes(ops[i]);
        assert_int_equal(cv_producer_send(producer, topic, 0, bytes("k"), bytes("v"), &headers,
                                          CV_NO_TIMESTAMP, NULL, &err),
                         CV_OK);
    }
    assert_int_equal(cv_producer_flush(producer, 10000, &err), CV_OK);
    consumer = consumer_of(layer, "headers", 1);
    for (size_t i = 0; i < CV_COUNT(ops); i++) {
        struct cv_consumed msg = next_message(consumer);
        struct cv_bytes value;
        const char *name;

        assert_true(cv_consumed_header(&msg, 0, &name, &value));
        assert_memory_equal(value.data, ops[i], 1);
        cv_consumed_free(&msg, 1);
    }
    cv_consumer_free(consumer);
    cv_producer_free(producer, 0);
    cv_config_free(layer);
}

/* Numbers from 0 on in one partition, sent while the broker refuses a request now and then: whatever it refuses and
   takes, they are there in order, each once. */
#define NUMBERS 20000

static void
send_numbers(struct cv_producer *producer, struct cv_producer_topic *topic, struct mock *mock, char (*texts)[8],
             struct cv_delivery *delivery)
{
    struct cv_err err = CV_ERR_INIT;

    for (int i = 0; i < NUMBERS; i++) {
        enum cv_rc rc;

        snprintf(texts[i], sizeof(texts[i]), "%d", i);
        while ((rc = cv_producer_send(producer, topic, 0, bytes(NULL), bytes(texts[i]), NULL, CV_NO_TIMESTAMP,
                                      delivery, &err)) == CV_RETRY)
            cv_producer_poll(producer, 5);
        assert_int_equal(rc, CV_OK);
        if (i % 50 == 0)
            cv_producer_poll(producer, 0);
        if (i % 2000 == 1000)
            rd_kafka_mock_push_request_errors(mock->cluster, RD_PRODUCE_KEY, 1, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS);
    }
}

static void
expect_numbers(struct cv_consumer *consumer, int count)
{
    for (int i = 0; i < count; i++) {
        struct cv_consumed msg = next_message(consumer);
        char text[8];

        snprintf(text, sizeof(text), "%d", i);
        assert_int_equal(msg.value.len, strlen(text));
        assert_memory_equal(msg.value.data, text, msg.value.len);
        cv_consumed_free(&msg, 1);
    }
}

static void
what_a_broker_refuses_for_a_moment_keeps_its_place(void **state)
{
    static char texts[NUMBERS][8];
    struct mock *mock = *state;
    /* one request holds few of them, so that more than one is wanted at a time */
    struct cv_config *layer = layer_of(rd_kafka_mock_cluster_bootstraps(mock->cluster), "batch.size", "4000");
    struct cv_producer *producer = producer_of(layer);
    struct cv_producer_topic *topic;
    struct cv_consumer *consumer;
    struct cv_delivery delivery;
    struct cv_err err = CV_ERR_INIT;

    rd_kafka_mock_topic_create(mock->cluster, "order", 1, 1);
    rd_kafka_mock_broker_set_rtt(mock->cluster, 1, 2);
    done_calls = 0;
    cv_delivery_init(&delivery, count_done);
    assert_int_equal(cv_producer_topic(producer, "order", &topic, &err), CV_OK);
    send_numbers(producer, topic, mock, texts, &delivery);
    assert_int_equal(cv_producer_flush(producer, 30000, &err), CV_OK);
    rd_kafka_mock_broker_set_rtt(mock->cluster, 1, 0);
    cv_delivery_release(&delivery);
    assert_int_equal(done_calls, 1);
    assert_int_equal(delivery.failed, 0);
    assert_int_equal(delivery.last_offset, NUMBERS - 1);
    consumer = consumer_of(layer, "order", 1);
    expect_numbers(consumer, NUMBERS);
    cv_consumer_free(consumer);
    cv_producer_free(producer, 0);
    cv_config_free(layer);
}

/* The owner sees none of it: what was not delivered is sent by another client, with its headers. */
static void
after_a_fatal_error_the_rest_is_sent_by_a_new_client(void **state)
{
    static const struct cv_raw_header items[] = { { "h", { "v", 1 } } };
    static const struct cv_raw_headers headers = { .items = items, .count = 1 };
    static const char *const values[] = { "0", "1", "2", "3" };
    struct mock *mock = *state;
    struct cv_config *layer = layer_of(rd_kafka_mock_cluster_bootstraps(mock->cluster), NULL, NULL);
    struct cv_producer *producer = producer_of(layer);
    char client[64];
    struct cv_producer_topic *topic;
    struct cv_consumer *consumer;
    struct cv_delivery delivery;
    struct cv_err err = CV_ERR_INIT;

    rd_kafka_mock_topic_create(mock->cluster, "again", 1, 1);
    done_calls = 0;
    cv_delivery_init(&delivery, count_done);
    assert_int_equal(cv_producer_topic(producer, "again", &topic, &err), CV_OK);
    assert_int_equal(cv_producer_send(producer, topic, 0, bytes(NULL), bytes(values[0]), NULL, CV_NO_TIMESTAMP,
                                      &delivery, &err), CV_OK);
    assert_int_equal(cv_producer_flush(producer, 10000, &err), CV_OK);
    snprintf(client, sizeof(client), "%s", rd_kafka_name(producer->handle.rk));
    rd_kafka_mock_broker_set_down(mock->cluster, 1);
    for (size_t i = 1; i < CV_COUNT(values); i++)
        assert_int_equal(cv_producer_send(producer, topic, 0, bytes(NULL), bytes(values[i]), i == 2 ? &headers : NULL,
                                          CV_NO_TIMESTAMP, i == 3 ? NULL : &delivery, &err), CV_OK);
    cv_producer_poll(producer, 100);
    assert_int_equal(rd_kafka_test_fatal_error(producer->handle.rk, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
                                               "for a test"),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_mock_broker_set_up(mock->cluster, 1);
    assert_int_equal(cv_producer_flush(producer, 20000, &err), CV_OK);
    assert_string_not_equal(rd_kafka_name(producer->handle.rk), client);
    assert_int_equal(cv_producer_check(producer, &err), CV_OK);
    cv_delivery_release(&delivery);
    assert_int_equal(done_calls, 1);
    assert_int_equal(delivery.failed, 0);
    consumer = consumer_of(layer, "again", 1);
    for (size_t i = 0; i < CV_COUNT(values); i++) {
        struct cv_consumed msg = next_message(consumer);
        struct cv_bytes value;
        const char *name;

        assert_memory_equal(msg.value.data, values[i], 1);
        assert_int_equal(cv_consumed_header(&msg, 0, &name, &value), i == 2);
        cv_consumed_free(&msg, 1);
    }
    cv_consumer_free(consumer);
    cv_producer_free(producer, 0);
    cv_config_free(layer);
}

/* The broker's log is another, as after a topic was made again: here the producer is made to remember more. */
static void
offsets_that_go_back_tell_of_a_topic_that_lost_messages(void **state)
{
    struct mock *mock = *state;
    struct cv_config *layer = layer_of(rd_kafka_mock_cluster_bootstraps(mock->cluster), NULL, NULL);
    struct cv_producer *producer = producer_of(layer);
    struct cv_producer_topic *topic;
    struct cv_delivery first, second;
    struct cv_err err = CV_ERR_INIT;

    rd_kafka_mock_topic_create(mock->cluster, "back", 2, 1);
    cv_delivery_init(&first, count_done);
    cv_delivery_init(&second, count_done);
    assert_int_equal(cv_producer_topic(producer, "back", &topic, &err), CV_OK);
    for (int32_t partition = 1; partition >= 0; partition--)
        assert_int_equal(cv_producer_send(producer, topic, partition, bytes("k"), bytes("v"), NULL, CV_NO_TIMESTAMP,
                                          &first, &err), CV_OK);
    assert_int_equal(cv_producer_flush(producer, 10000, &err), CV_OK);
    assert_int_equal(first.err.rc, CV_OK);
    assert_int_equal(topic->n_offsets, 2);
    topic->offsets[1] = 7;
    assert_int_equal(cv_producer_send(producer, topic, 1, bytes("k"), bytes("v"), NULL, CV_NO_TIMESTAMP, &second, &err),
                     CV_OK);
    assert_int_equal(cv_producer_flush(producer, 10000, &err), CV_OK);
    assert_int_equal(second.err.rc, CV_INVALID);
    assert_non_null(strstr(second.err.text,
                           "topic \"back\" partition 1 was written up to offset 7, and a message behind "
                                            "it has offset 1"));
    cv_delivery_release(&first);
    cv_delivery_release(&second);
    cv_producer_free(producer, 0);
    cv_config_free(layer);
}

static void
without_the_right_to_idempotence_it_is_done_without(void **state)
{
    struct mock *mock = *state;
    struct cv_config *layer = layer_of(rd_kafka_mock_cluster_bootstraps(mock->cluster), NULL, NULL);
    struct cv_producer *producer = producer_of(layer);
    struct cv_producer_topic *topic;
    struct cv_delivery delivery;
    struct cv_err err = CV_ERR_INIT;

    rd_kafka_mock_topic_create(mock->cluster, "plain", 1, 1);
    rd_kafka_mock_push_request_errors(mock->cluster, RD_INIT_PRODUCER_ID_KEY, 1,
                                      RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED);
    done_calls = 0;
    cv_delivery_init(&delivery, count_done);
    assert_int_equal(cv_producer_topic(producer, "plain", &topic, &err), CV_OK);
    assert_int_equal(send_text(producer, topic, "k", "v", &delivery, &err), CV_OK);
    assert_true(producer->idempotent);
    assert_int_equal(cv_producer_flush(producer, 10000, &err), CV_OK);
    assert_false(producer->idempotent);
    cv_delivery_release(&delivery);
    assert_int_equal(done_calls, 1);
    assert_int_equal(delivery.failed, 0);
    cv_producer_free(producer, 0);
    cv_config_free(layer);
}

/* -- Classes of errors -- */

static void
error_codes_have_the_class_that_the_caller_acts_on(void **state)
{
    static const struct {
        rd_kafka_resp_err_t code;
        enum cv_rc rc;
    } cases[] = {
        { RD_KAFKA_RESP_ERR_NO_ERROR, CV_OK },
        { RD_KAFKA_RESP_ERR__TRANSPORT, CV_RETRY },
        { RD_KAFKA_RESP_ERR__TIMED_OUT, CV_RETRY },
        { RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, CV_RETRY },
        { RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR, CV_RETRY },
        { RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, CV_RETRY },
        { RD_KAFKA_RESP_ERR__PURGE_QUEUE, CV_RETRY },
        { RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, CV_INVALID },
        { RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, CV_INVALID },
        { RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, CV_INVALID },
        { RD_KAFKA_RESP_ERR_POLICY_VIOLATION, CV_INVALID },
        { RD_KAFKA_RESP_ERR__FENCED, CV_FENCED },
        { RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, CV_FENCED },
        { RD_KAFKA_RESP_ERR_PRODUCER_FENCED, CV_FENCED },
        { RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, CV_FENCED },
        { RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, CV_CONFLICT },
        { RD_KAFKA_RESP_ERR_NON_EMPTY_GROUP, CV_CONFLICT },
        { RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, CV_NOT_FOUND },
        { RD_KAFKA_RESP_ERR__STATE, CV_INTERNAL },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++)
        assert_int_equal(kafka_class(cases[i].code), cases[i].rc);
}

static void
partition_lists_keep_offsets_and_metadata(void **state)
{
    struct cv_topic_partition items[] = { { "a", 0, 5, "target=7" },
                                          { "b", 3, CV_OFFSET_END, NULL } };
    rd_kafka_topic_partition_list_t *list =
        kafka_list_new(&(struct cv_topic_partitions){ items, CV_COUNT(items) });
    struct cv_topic_partitions copy = { 0 };
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_non_null(list);
    assert_int_equal(kafka_list_copy(list, &copy, &err), CV_OK);
    rd_kafka_topic_partition_list_destroy(list);
    assert_int_equal(copy.count, 2);
    assert_string_equal(copy.items[0].topic, "a");
    assert_int_equal(copy.items[0].offset, 5);
    assert_string_equal(copy.items[0].metadata, "target=7");
    assert_int_equal(copy.items[1].partition, 3);
    assert_int_equal(copy.items[1].offset, CV_OFFSET_END);
    assert_null(copy.items[1].metadata);
    cv_topic_partitions_done(&copy);
    assert_int_equal(copy.count, 0);
}

int
main(void)
{
    const struct CMUnitTest alone[] = {
        cmocka_unit_test(a_full_queue_says_retry_and_takes_nothing),
        cmocka_unit_test(a_flush_without_a_broker_times_out_and_names_the_cause),
        cmocka_unit_test(few_bursts_are_on_their_way_at_once),
        cmocka_unit_test(a_delivery_without_messages_is_done_at_release),
        cmocka_unit_test(a_wrong_value_fails_before_any_connection),
        cmocka_unit_test(a_setting_that_is_not_followed_is_told_once),
        cmocka_unit_test(settings_that_do_not_go_together_show_when_the_producer_is_opened),
        cmocka_unit_test(a_consumer_whose_commit_cannot_be_answered_is_freed_in_time),
        cmocka_unit_test(error_codes_have_the_class_that_the_caller_acts_on),
        cmocka_unit_test(partition_lists_keep_offsets_and_metadata),
    };
    const struct CMUnitTest mocked[] = {
        cmocka_unit_test(there_are_threads_only_while_something_is_sent),
        cmocka_unit_test(the_key_chooses_javas_partition),
        cmocka_unit_test(null_and_empty_stay_apart),
        cmocka_unit_test(headers_are_read_anew_for_each_message),
        cmocka_unit_test(what_a_broker_refuses_for_a_moment_keeps_its_place),
        cmocka_unit_test(after_a_fatal_error_the_rest_is_sent_by_a_new_client),
        cmocka_unit_test(offsets_that_go_back_tell_of_a_topic_that_lost_messages),
        cmocka_unit_test(without_the_right_to_idempotence_it_is_done_without),
    };
    int failed = cmocka_run_group_tests_name("kafka_alone", alone, NULL, NULL);

    return failed + cmocka_run_group_tests_name("kafka_mock", mocked, mock_start, mock_stop);
}
