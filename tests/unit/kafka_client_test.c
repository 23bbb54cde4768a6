/* SPDX-License-Identifier: Apache-2.0 */
/* The consumer against librdkafka's mock broker and against no broker at all; classes of errors. */
#include "tests/helper/cmocka_all.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "common/clock.h"
#include "common/kafka/consumer.h"
#include "common/kafka/handle.h"

#define NOWHERE "127.0.0.1:1"

static struct cv_config *
layer_of(const char *servers)
{
    struct cv_config *cfg = cv_config_new();
    struct cv_err err = CV_ERR_INIT;

    assert_non_null(cfg);
    assert_int_equal(cv_config_set(cfg, "bootstrap.servers", servers, &err), CV_OK);
    return cfg;
}

static void
a_consumer_whose_commit_cannot_be_answered_is_freed_in_time(void **state)
{
    struct cv_config *layer = layer_of(NOWHERE);
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

/* A client of librdkafka's own that writes to the mock cluster. */
static rd_kafka_t *
writer_of(const struct mock *mock)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char text[256];
    rd_kafka_t *writer;

    assert_int_equal(rd_kafka_conf_set(conf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(mock->cluster),
                                       text, sizeof(text)),
                     RD_KAFKA_CONF_OK);
    writer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
    assert_non_null(writer);
    return writer;
}

static void
write_nulls(const struct mock *mock)
{
    rd_kafka_t *writer = writer_of(mock);
    char empty[] = "";

    assert_int_equal(rd_kafka_producev(writer, RD_KAFKA_V_TOPIC("nulls"), RD_KAFKA_V_PARTITION(0),
                                       RD_KAFKA_V_VALUE(empty, 0), RD_KAFKA_V_END),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    assert_int_equal(rd_kafka_producev(writer, RD_KAFKA_V_TOPIC("nulls"), RD_KAFKA_V_PARTITION(0),
                                       RD_KAFKA_V_KEY(empty, 0), RD_KAFKA_V_TIMESTAMP(1234567890123),
                                       RD_KAFKA_V_HEADER("null", NULL, 0), RD_KAFKA_V_HEADER("empty", "", 0),
                                       RD_KAFKA_V_HEADER("bytes", "a\0b", 3), RD_KAFKA_V_HEADER("bytes", "2", 1),
                                       RD_KAFKA_V_END),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    assert_int_equal(rd_kafka_flush(writer, 10000), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_destroy(writer);
}

static void
null_and_empty_stay_apart(void **state)
{
    struct mock *mock = *state;
    struct cv_config *layer = layer_of(rd_kafka_mock_cluster_bootstraps(mock->cluster));
    struct cv_consumer *consumer;
    struct cv_consumed msg;
    struct cv_bytes value;
    const char *name, *first_topic;

    rd_kafka_mock_topic_create(mock->cluster, "nulls", 1, 1);
    write_nulls(mock);
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
        cmocka_unit_test(a_consumer_whose_commit_cannot_be_answered_is_freed_in_time),
        cmocka_unit_test(error_codes_have_the_class_that_the_caller_acts_on),
        cmocka_unit_test(partition_lists_keep_offsets_and_metadata),
    };
    const struct CMUnitTest mocked[] = {
        cmocka_unit_test(null_and_empty_stay_apart),
    };
    int failed = cmocka_run_group_tests_name("kafka_alone", alone, NULL, NULL);

    return failed + cmocka_run_group_tests_name("kafka_mock", mocked, mock_start, mock_stop);
}
