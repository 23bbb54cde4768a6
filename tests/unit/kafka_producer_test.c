/* SPDX-License-Identifier: Apache-2.0 */
/* What the owner of a producer sees, against a fake cluster and against no broker at all. */
#include "tests/helper/cmocka_all.h"
#include "tests/helper/log_file.h"

#include <dirent.h>
#include <stdio.h>

#include "common/clock.h"
#include "common/kafka/producer_private.h"
#include "common/kafka/producer_state.h"
#include "common/wire/message.h"
#include "tests/helper/producing.h"

/* ---- without a broker ---- */

static void
a_full_queue_says_retry_and_takes_nothing(void **state)
{
    struct cv_delivery delivery;
    struct cv_err err = CV_ERR_INIT;
    struct producing p;

    (void)state;
    producing_start(&p, 0, 0);
    producing_set(&p, "queue.buffering.max.messages", "2");
    producing_open(&p, NULL);
    cv_delivery_init(&delivery, producing_count_done);
    assert_int_equal(producing_send(&p, "t", CV_NO_PARTITION, "k", "1", &delivery, &err), CV_OK);
    assert_int_equal(producing_send(&p, "t", CV_NO_PARTITION, "k", "2", &delivery, &err), CV_OK);
    assert_int_equal(err.rc, CV_OK);
    assert_int_equal(producing_send(&p, "t", CV_NO_PARTITION, "k", "3", &delivery, &err), CV_RETRY);
    assert_non_null(strstr(err.text, "full"));
    assert_int_equal(delivery.pending, 3);
    assert_int_equal(cv_producer_queued(p.producer), 2);

    cv_delivery_release(&delivery);
    assert_int_equal(producing_done, 0);
    producing_stop(&p);
    assert_int_equal(producing_done, 1);
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
    struct cv_delivery delivery;
    struct cv_err err = CV_ERR_INIT;
    struct producing p;

    (void)state;
    producing_start(&p, 0, 0);
    producing_open(&p, NULL);
    assert_ptr_equal(producing_topic(&p, "t"), producing_topic(&p, "t"));
    cv_delivery_init(&delivery, producing_count_done);
    assert_int_equal(producing_send(&p, "t", CV_NO_PARTITION, NULL, "1", &delivery, &err), CV_OK);
    cv_delivery_release(&delivery);
    assert_int_equal(cv_producer_flush(p.producer, 200, &err), CV_RETRY);
    assert_non_null(strstr(err.text, "could not write 1 messages"));
    assert_non_null(strstr(err.text, "Connection refused"));
    assert_int_equal(cv_producer_check(p.producer, &err), CV_OK);
    producing_stop(&p);
    assert_int_equal(producing_done, 1);
}

static void
a_delivery_without_messages_is_done_at_release(void **state)
{
    struct cv_delivery delivery;

    (void)state;
    producing_done = 0;
    cv_delivery_init(&delivery, producing_count_done);
    assert_int_equal(delivery.pending, 1);
    cv_delivery_release(&delivery);
    assert_int_equal(producing_done, 1);
    assert_int_equal(delivery.err.rc, CV_OK);
}

static void
a_wrong_value_fails_before_any_connection(void **state)
{
    struct cv_err err = CV_ERR_INIT;
    struct producing p;

    (void)state;
    producing_start(&p, 0, 0);
    producing_set(&p, "compression.type", "brotli");
    assert_int_equal(producing_try_open(&p, NULL, &err), CV_INVALID);
    assert_non_null(strstr(err.text, "compression.type"));
    assert_null(p.producer);
    producing_stop(&p);
}

/* Once, though the configuration is read again whenever the producer is opened. */
static void
a_setting_that_is_not_followed_is_told_once(void **state)
{
    struct cv_err err = CV_ERR_INIT;
    struct producing p;

    (void)state;
    producing_start(&p, 0, 0);
    producing_set(&p, "transactional.id", "mine");
    log_file_open();
    producing_open(&p, NULL);
    assert_int_equal(cv_producer_open(p.producer, &err), CV_OK);
    assert_int_equal(log_file_count("a client's setting is ignored", "key=transactional.id value=mine"), 1);
    log_file_close();
    producing_stop(&p);
}

static void
settings_that_do_not_go_together_are_refused(void **state)
{
    static const struct {
        const char *keys[2], *values[2];
        const char *texts[2]; /* that the failure holds */
    } cases[] = {
        { { "linger.ms", "message.timeout.ms" }, { "5000", "1000" }, { "cannot make a Kafka client", "linger.ms" } },
        { { "enable.idempotence", "acks" }, { "true", "1" }, { "acks is 1", "acks=all" } },
        { { "enable.idempotence", "retries" }, { "true", "0" }, { "retries is 0", "enable.idempotence=false" } },
        { { "enable.idempotence", "max.in.flight.requests.per.connection" },
          { "true", "6" },
          { "max.in.flight.requests.per.connection is 6", "at most 5" } },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        struct cv_err err = CV_ERR_INIT;
        struct producing p;

        producing_start(&p, 0, 0);
        for (size_t k = 0; k < 2; k++)
            producing_set(&p, cases[i].keys[k], cases[i].values[k]);
        assert_int_equal(producing_try_open(&p, NULL, &err), CV_INVALID);
        for (size_t t = 0; t < 2; t++)
            if (strstr(err.text, cases[i].texts[t]) == NULL)
                fail_msg("\"%s\" is not in: %s", cases[i].texts[t], err.text);
        producing_stop(&p);
    }
}

/* ---- with a cluster ---- */

/* Threads that a sender made. */
static size_t
count_threads(void)
{
    DIR *dir = opendir("/proc/self/task");
    const struct dirent *entry;
    size_t count = 0;

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        char path[300], name[32] = "";
        FILE *file;

        (void)snprintf(path, sizeof(path), "/proc/self/task/%s/comm", entry->d_name);
        file = fopen(path, "r");
        if (file == NULL)
            continue; /* it ended, or it is ".." */
        count += fgets(name, sizeof(name), file) != NULL && strncmp(name, "kafka-", 6) == 0;
        fclose(file);
    }
    closedir(dir);
    return count;
}

static void
there_are_threads_only_while_something_is_sent(void **state)
{
    struct cv_err err = CV_ERR_INIT;
    struct producing p;

    (void)state;
    producing_start(&p, 1, 1);
    producing_open(&p, NULL);
    assert_int_equal(cv_producer_poll(p.producer, 0), 0);
    assert_int_equal(cv_producer_check(p.producer, &err), CV_OK);
    assert_int_equal(cv_producer_flush(p.producer, 0, &err), CV_OK);
    assert_int_equal(count_threads(), 0);

    for (int i = 0; i < 3; i++) {
        producing_put(&p, "seldom", 0, producing_number(i), &p.delivery);
        cv_clock_test_stop(cv_now_ms(), cv_mono_ms());
        cv_clock_test_advance(2 * CV_PRODUCER_IDLE_MS);
        while (cv_producer_queued(p.producer) > 0) { /* a message on its way keeps it, however long that takes */
            cv_clock_test_advance(1);
            (void)cv_producer_poll(p.producer, 10);
        }
        assert_int_equal(p.delivery.last_offset, i);
        assert_true(count_threads() > 0);
        cv_clock_test_advance(CV_PRODUCER_IDLE_MS - 1);
        (void)cv_producer_poll(p.producer, 0);
        assert_true(count_threads() > 0);
        cv_clock_test_advance(1);
        (void)cv_producer_poll(p.producer, 0);
        assert_int_equal(count_threads(), 0);
        cv_clock_test_run();
    }
    producing_expect_numbers(&p, "seldom", 1, 3);
    producing_stop(&p);
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
    struct cv_err err = CV_ERR_INIT;
    struct producing p;
    int32_t count;

    (void)state;
    producing_start(&p, 2, 0);
    fake_kafka_create_topic(p.k, "p25", 25);
    fake_kafka_create_topic(p.k, "p5", 5);
    producing_open(&p, NULL);
    for (size_t i = 0; i < CV_COUNT(cases); i++)
        assert_int_equal(producing_send(&p, cases[i].topic, CV_NO_PARTITION, cases[i].key, "v", &p.delivery, &err),
                         CV_OK);
    producing_flush(&p, 10000);
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        assert_int_equal(producing_count(&p, cases[i].topic, cases[i].partition), 1);
        assert_string_equal(producing_record(&p, cases[i].topic, cases[i].partition, 0).key, cases[i].key);
    }
    assert_int_equal(cv_producer_partitions(p.producer, "p25", 5000, &count, &err), CV_OK);
    assert_int_equal(count, 25);
    assert_int_equal(cv_producer_partitions(p.producer, "nothing", 5000, &count, &err), CV_NOT_FOUND);
    assert_non_null(strstr(err.text, "\"nothing\""));
    assert_int_equal(count, 25);
    assert_int_equal(p.delivery.pending, 1);
    assert_int_equal(p.delivery.last_offset, 0);
    producing_stop(&p);
}

static void
null_and_empty_stay_apart(void **state)
{
    static const struct cv_raw_header items[] = { { "null", { NULL, 0 } },
                                                  { "empty", { "", 0 } },
                                                  { "bytes", { "a\0b", 3 } },
                                                  { "bytes", { "2", 1 } } };
    static const struct cv_raw_headers headers = { .items = items, .count = CV_COUNT(items) };
    struct fake_kafka_record record;
    struct cv_err err = CV_ERR_INIT;
    struct producing p;

    (void)state;
    producing_start(&p, 1, 1);
    producing_open(&p, NULL);
    assert_int_equal(producing_send(&p, "nulls", 0, NULL, "", NULL, &err), CV_OK);
    assert_int_equal(cv_producer_send(p.producer, producing_topic(&p, "nulls"), 0, producing_bytes(""),
                                      producing_bytes(NULL), &headers, 1234567890123, NULL, &err),
                     CV_OK);
    producing_flush(&p, 10000);

    record = producing_record(&p, "nulls", 0, 0);
    assert_null(record.key);
    assert_non_null(record.value);
    assert_int_equal(record.value_len, 0);
    assert_int_equal(record.offset, 0);
    assert_int_equal(record.n_headers, 0);
    assert_true(cv_now_ms() - record.timestamp < 10000);

    record = producing_record(&p, "nulls", 0, 1);
    assert_non_null(record.key);
    assert_int_equal(record.key_len, 0);
    assert_null(record.value);
    assert_int_equal(record.timestamp, 1234567890123);
    assert_int_equal(record.n_headers, 4);
    assert_string_equal(record.headers[0].key, "null");
    assert_null(record.headers[0].value);
    assert_non_null(record.headers[1].value);
    assert_int_equal(record.headers[1].value_len, 0);
    assert_int_equal(record.headers[2].value_len, 3);
    assert_memory_equal(record.headers[2].value, "a\0b", 3);
    assert_string_equal(record.headers[3].key, "bytes");
    producing_stop(&p);
}

/* Nobody asks for a report: key, value and headers are not needed any more. */
static void
messages_without_a_delivery_are_copied(void **state)
{
    char key[] = "key", value[] = "value", bytes[] = "c";
    struct cv_raw_header item = { "op", { bytes, 1 } };
    struct cv_raw_headers headers = { .items = &item, .count = 1 };
    struct fake_kafka_record record;
    struct cv_err err = CV_ERR_INIT;
    struct producing p;

    (void)state;
    producing_start(&p, 1, 1);
    producing_open(&p, NULL);
    assert_int_equal(cv_producer_send(p.producer, producing_topic(&p, "t"), 0, producing_bytes(key),
                                      producing_bytes(value), &headers, CV_NO_TIMESTAMP, NULL, &err),
                     CV_OK);
    memset(key, 'x', 3);
    memset(value, 'x', 5);
    bytes[0] = 'x';
    producing_flush(&p, 10000);
    record = producing_record(&p, "t", 0, 0);
    assert_string_equal(record.key, "key");
    assert_string_equal(record.value, "value");
    assert_memory_equal(record.headers[0].value, "c", 1);
    producing_stop(&p);
}

/* The same address with other contents: nothing of the first message may stick. */
static void
headers_are_read_anew_for_each_message(void **state)
{
    static const char *const ops[] = { "c", "u", "d" };
    struct cv_raw_header item = { "op", { "c", 1 } };
    struct cv_raw_headers headers = { .items = &item, .count = 1 };
    struct cv_err err = CV_ERR_INIT;
    struct producing p;

    (void)state;
    producing_start(&p, 1, 1);
    producing_open(&p, NULL);
    for (size_t i = 0; i < CV_COUNT(ops); i++) {
        item.value = producing_bytes(ops[i]);
        assert_int_equal(cv_producer_send(p.producer, producing_topic(&p, "headers"), 0, producing_bytes("k"),
                                          producing_bytes("v"), &headers, CV_NO_TIMESTAMP, NULL, &err),
                         CV_OK);
    }
    producing_flush(&p, 10000);
    for (size_t i = 0; i < CV_COUNT(ops); i++)
        assert_memory_equal(producing_record(&p, "headers", 0, i).headers[0].value, ops[i], 1);
    producing_stop(&p);
}

static void
a_message_that_is_too_large_is_not_taken(void **state)
{
    static char large[2000];
    struct cv_err err = CV_ERR_INIT;
    struct producing p;

    (void)state;
    memset(large, 'x', sizeof(large) - 1);
    producing_start(&p, 1, 1);
    producing_set(&p, "max.request.size", "1500");
    producing_open(&p, NULL);
    assert_int_equal(producing_send(&p, "t", 0, NULL, large, &p.delivery, &err), CV_INVALID);
    assert_non_null(strstr(err.text, "1999 bytes"));
    assert_non_null(strstr(err.text, "max.request.size=1500: raise that"));
    assert_int_equal(cv_producer_queued(p.producer), 0);
    producing_stop(&p);
}

/* Numbers sent while the broker refuses a request now and then: they are there in order, each once. */
static void
what_a_broker_refuses_for_a_moment_keeps_its_place(void **state)
{
    struct producing p;

    (void)state;
    producing_start(&p, 1, 1);
    producing_set(&p, "batch.size", "4000"); /* so that more than one request is wanted at a time */
    producing_open(&p, NULL);
    for (int i = 0; i < NUMBERS_MAX; i += 2000) {
        producing_send_numbers(&p, "order", 1, i, i + 1000);
        fake_kafka_fail(p.k, CV_WIRE_PRODUCE, CV_WIRE_NOT_ENOUGH_REPLICAS, 1);
        producing_send_numbers(&p, "order", 1, i + 1000, i + 2000);
    }
    producing_flush(&p, 30000);
    assert_int_equal(p.delivery.last_offset, NUMBERS_MAX - 1);
    producing_expect_numbers(&p, "order", 1, NUMBERS_MAX);
    producing_stop(&p);
}

/* As after a topic was deleted and made again. */
static void
offsets_that_go_back_tell_of_a_topic_that_lost_messages(void **state)
{
    struct cv_delivery second;
    struct producing p;

    (void)state;
    producing_start(&p, 1, 0);
    fake_kafka_create_topic(p.k, "back", 2);
    producing_open(&p, NULL);
    producing_write_numbers(&p, "back", 2, 0, 16);
    assert_int_equal(p.delivery.err.rc, CV_OK);
    fake_kafka_delete_topic(p.k, "back");
    fake_kafka_create_topic(p.k, "back", 2);
    cv_delivery_init(&second, producing_count_done);
    producing_put(&p, "back", 1, "v", &second);
    producing_flush(&p, 10000);
    assert_int_equal(second.err.rc, CV_INVALID);
    assert_int_equal(second.failed, 0);
    assert_non_null(strstr(second.err.text, "topic \"back\" partition 1 was written up to offset 7, and a message "
                                            "behind it has offset 0"));
    cv_delivery_release(&second);
    producing_stop(&p);
}

static void
without_the_right_to_idempotence_it_is_done_without(void **state)
{
    struct producing p;

    (void)state;
    producing_start(&p, 1, 1);
    producing_open(&p, NULL);
    fake_kafka_fail(p.k, CV_WIRE_INIT_PRODUCER_ID, CV_WIRE_CLUSTER_AUTHORIZATION_FAILED, 1);
    producing_write_numbers(&p, "plain", 1, 0, 5);
    producing_expect_numbers(&p, "plain", 1, 5);
    assert_int_equal(producing_record(&p, "plain", 0, 0).producer_id, -1);
    producing_stop(&p);
}

/* Who asked for it is not given less. */
static void
without_the_right_to_idempotence_that_is_asked_for_nothing_is_sent(void **state)
{
    struct cv_err err = CV_ERR_INIT;
    struct producing p;

    (void)state;
    producing_start(&p, 1, 1);
    producing_set(&p, "enable.idempotence", "true");
    producing_open(&p, NULL);
    fake_kafka_fail(p.k, CV_WIRE_INIT_PRODUCER_ID, CV_WIRE_CLUSTER_AUTHORIZATION_FAILED, 1);
    producing_send_numbers(&p, "plain", 1, 0, 1);
    assert_int_equal(cv_producer_flush(p.producer, 10000, &err), CV_INVALID);
    assert_non_null(strstr(err.text, "failed for good"));
    assert_int_equal(cv_producer_check(p.producer, &err), CV_INVALID);
    assert_int_equal(producing_send(&p, "plain", 0, NULL, "v", NULL, &err), CV_CONFLICT);
    assert_int_equal(producing_count(&p, "plain", 0), 0);
    producing_stop(&p);
    assert_int_equal(p.delivery.failed, 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_queue_says_retry_and_takes_nothing),
        cmocka_unit_test(a_flush_without_a_broker_times_out_and_names_the_cause),
        cmocka_unit_test(a_delivery_without_messages_is_done_at_release),
        cmocka_unit_test(a_wrong_value_fails_before_any_connection),
        cmocka_unit_test(a_setting_that_is_not_followed_is_told_once),
        cmocka_unit_test(settings_that_do_not_go_together_are_refused),
        cmocka_unit_test(there_are_threads_only_while_something_is_sent),
        cmocka_unit_test(the_key_chooses_javas_partition),
        cmocka_unit_test(null_and_empty_stay_apart),
        cmocka_unit_test(messages_without_a_delivery_are_copied),
        cmocka_unit_test(headers_are_read_anew_for_each_message),
        cmocka_unit_test(a_message_that_is_too_large_is_not_taken),
        cmocka_unit_test(what_a_broker_refuses_for_a_moment_keeps_its_place),
        cmocka_unit_test(offsets_that_go_back_tell_of_a_topic_that_lost_messages),
        cmocka_unit_test(without_the_right_to_idempotence_it_is_done_without),
        cmocka_unit_test(without_the_right_to_idempotence_that_is_asked_for_nothing_is_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
