/* SPDX-License-Identifier: Apache-2.0 */
/* How a producer's messages go: in which batches, how many at once, to which partitions, and for whose answer. */
#include "tests/helper/cmocka_all.h"
#include "tests/helper/log_file.h"

#include <unistd.h>

#include "common/clock.h"
#include "common/wire/message.h"
#include "tests/helper/producing.h"

#define GROWN "a topic has got more partitions"

/* ---- how much is on its way ---- */

/* Requests that come while none is answered, for numbers in batches of about ten. */
static int
unanswered(const char *key, const char *value)
{
    struct producing p;
    int count;

    producing_start_topic(&p, 1, 1);
    producing_set(&p, "batch.num.messages", "10");
    producing_set(&p, "request.timeout.ms", "500");
    if (key != NULL)
        producing_set(&p, key, value);
    producing_open(&p, NULL);
    producing_write_numbers(&p, "t", 1, 0, 1);
    fake_kafka_silence(p.k, CV_WIRE_PRODUCE, 5);
    producing_send_numbers(&p, "t", 1, 1, 5001); /* enough for one request after the other */
    (void)fake_kafka_wait(p.k, CV_WIRE_PRODUCE, 7, 250);
    count = fake_kafka_count(p.k, CV_WIRE_PRODUCE) - 1;
    fake_kafka_silence(p.k, CV_WIRE_PRODUCE, 0);
    producing_flush(&p, 20000);
    if (key == NULL)
        producing_expect_numbers(&p, "t", 1, 5001);
    producing_stop(&p);
    return count;
}

static void
few_batches_are_on_their_way_at_once(void **state)
{
    (void)state;
    assert_int_equal(unanswered(NULL, NULL), 5);
    assert_int_equal(unanswered("max.in.flight.requests.per.connection", "2"), 2);
    assert_int_equal(unanswered("enable.idempotence", "false"), 1);
}

static void
a_full_queue_frees_up(void **state)
{
    struct producing p;

    (void)state;
    producing_start_with(&p, 1, 1, "queue.buffering.max.messages", "100");
    producing_send_numbers(&p, "t", 1, 0, 5000);
    producing_stop_after(&p, 1, 5000);
}

static void
a_queue_with_too_many_bytes_frees_up(void **state)
{
    static char large[300000];
    struct cv_err err = CV_ERR_INIT;
    struct producing p;

    (void)state;
    memset(large, 'x', sizeof(large) - 1);
    producing_start_with(&p, 1, 1, "buffer.memory", "1048576");
    fake_kafka_delay(p.k, CV_WIRE_PRODUCE, 50);
    for (int i = 0; i < 3; i++)
        assert_int_equal(producing_send(&p, "t", 0, NULL, large, &p.delivery, &err), CV_OK);
    assert_int_equal(producing_send(&p, "t", 0, NULL, large, &p.delivery, &err), CV_RETRY);
    assert_int_equal(p.delivery.pending, 4);
    producing_flush(&p, 10000);
    assert_int_equal(producing_send(&p, "t", 0, NULL, large, &p.delivery, &err), CV_OK);
    producing_flush(&p, 10000);
    assert_int_equal(producing_count(&p, "t", 0), 4);
    producing_stop(&p);
}

/* ---- batches ---- */

static int
batches_of(struct producing *p, int partition)
{
    return producing_record(p, "t", partition, producing_count(p, "t", partition) - 1).batch + 1;
}

static void
linger_ms_gathers(void **state)
{
    struct producing p;

    (void)state;
    producing_start_with(&p, 1, 1, "linger.ms", "300");
    for (int i = 0; i < 10; i++) {
        producing_send_numbers(&p, "t", 1, i, i + 1);
        usleep(5000);
    }
    producing_flush(&p, 10000);
    assert_int_equal(batches_of(&p, 0), 1);
    producing_stop_after(&p, 1, 10);
}

static void
a_flush_waits_for_nothing_else(void **state)
{
    struct producing p;

    (void)state;
    producing_start(&p, 1, 1);
    producing_set(&p, "linger.ms", "60000");
    producing_open(&p, NULL);
    for (int i = 1; i <= 2; i++) {
        producing_put(&p, "t", 0, "v", &p.delivery);
        cv_producer_poll(p.producer, 100);
        assert_int_equal(fake_kafka_count(p.k, CV_WIRE_PRODUCE), i - 1);
        producing_flush(&p, 5000);
        assert_int_equal(fake_kafka_count(p.k, CV_WIRE_PRODUCE), i);
    }
    producing_stop(&p);
}

static void
without_linger_ms_nothing_waits(void **state)
{
    int64_t began = cv_mono_ms();
    struct producing p;

    (void)state;
    producing_start_topic(&p, 1, 1);
    producing_open(&p, NULL);
    for (int i = 0; i < 20; i++) {
        producing_write_numbers(&p, "t", 1, i, i + 1);
    }
    assert_int_equal(batches_of(&p, 0), 20);
    assert_true(cv_mono_ms() - began < 900);
    producing_stop_after(&p, 1, 20);
}

/* What came while a request was on its way goes together. */
static void
batch_size_and_count_bound_a_batch(void **state)
{
    static const char *const keys[] = { "batch.size", "batch.num.messages" };
    static const char *const values[] = { "500", "20" };

    (void)state;
    for (size_t c = 0; c < CV_COUNT(keys); c++) {
        size_t n, max = 0, in_batch = 0;
        const struct fake_kafka_record *records;
        struct producing p;

        producing_start_topic(&p, 1, 1);
        producing_set(&p, keys[c], values[c]);
        producing_set(&p, "linger.ms", "50");
        producing_open(&p, NULL);
        producing_write_numbers(&p, "t", 1, 0, 2000);
        records = fake_kafka_records(p.k, "t", 0, &n);
        for (size_t i = 0; i < n; i++) {
            in_batch = i > 0 && records[i].batch == records[i - 1].batch ? in_batch + 1 : 1;
            max = in_batch > max ? in_batch : max;
        }
        assert_in_range(max, 10, c == 0 ? 70 : 20); /* seven bytes at least for one record */
        producing_stop_after(&p, 1, 2000);
    }
}

static void
what_is_too_large_for_the_broker_goes_in_smaller_batches(void **state)
{
    int requests;
    struct producing p;

    (void)state;
    producing_start_with(&p, 1, 2, "linger.ms", "20");
    fake_kafka_max_bytes(p.k, 3000);
    producing_write_numbers(&p, "t", 2, 0, 4000);
    producing_expect_numbers(&p, "t", 2, 4000);
    requests = fake_kafka_count(p.k, CV_WIRE_PRODUCE);
    producing_send_numbers(&p, "t", 2, 4000, 4400); /* it is known now */
    producing_flush(&p, 20000);
    assert_true(fake_kafka_count(p.k, CV_WIRE_PRODUCE) - requests <= 4);
    assert_int_equal(fake_kafka_count(p.k, CV_WIRE_INIT_PRODUCER_ID), 1); /* the sequence goes on */
    producing_stop_after(&p, 2, 4400);
}

static void
a_message_that_is_too_large_for_the_broker_fails_alone(void **state)
{
    static char large[3000];
    struct cv_delivery delivery;
    struct cv_err err = CV_ERR_INIT;
    struct producing p;

    (void)state;
    memset(large, 'x', sizeof(large) - 1);
    producing_start_with(&p, 1, 1, "linger.ms", "100");
    fake_kafka_max_bytes(p.k, 1000);
    cv_delivery_init(&delivery, producing_count_done);
    producing_send_numbers(&p, "t", 1, 0, 30);
    assert_int_equal(producing_send(&p, "t", 0, "{\"id\":\t7}", large, &delivery, &err), CV_OK);
    producing_write_numbers(&p, "t", 1, 30, 60);
    assert_int_equal(delivery.failed, 1);
    assert_int_equal(delivery.err.rc, CV_INVALID);
    assert_non_null(strstr(delivery.err.text, "\"t\" partition 0"));
    assert_non_null(strstr(delivery.err.text, "the message with key {\"id\":?7} has 3008 bytes"));
    assert_non_null(strstr(delivery.err.text, "max.message.bytes of the topic: raise that"));
    assert_string_equal(delivery.failed_topic, "t");
    assert_true(delivery.too_large);
    cv_delivery_release(&delivery);
    producing_stop_after(&p, 1, 60);
}

/* What tells the rows of a long key apart is at its end. */
static void
of_a_long_key_the_end_is_shown(void **state)
{
    static char key[1000], large[3000];
    struct cv_err err = CV_ERR_INIT;
    struct producing p;

    (void)state;
    memset(key, 'k', sizeof(key) - 1);
    memcpy(key + sizeof(key) - 4, "end", 3);
    memset(large, 'x', sizeof(large) - 1);
    producing_start_with(&p, 1, 1, "max.request.size", "2000");
    assert_int_equal(producing_send(&p, "t", 0, key, large, NULL, &err), CV_INVALID);
    assert_non_null(strstr(err.text, "with key ...kkk"));
    assert_non_null(strstr(err.text, "kkkend has 3998 bytes, more than the producer's max.request.size=2000"));
    assert_true(strlen(err.text) < 400);
    producing_stop(&p);
}

/* Nothing goes on, whatever the other one has. */
static void
brokers_of_another_cluster_end_the_producer(void **state)
{
    struct cv_err err = CV_ERR_INIT;
    struct producing p;
    int64_t deadline = cv_mono_ms() + 5000;

    (void)state;
    producing_start_with(&p, 1, 1, "metadata.max.age.ms", "50");
    fake_kafka_be_cluster(p.k, ""); /* not told */
    producing_put(&p, "t", 0, "v", &p.delivery);
    producing_flush(&p, 5000);
    fake_kafka_be_cluster(p.k, "ours");
    (void)usleep(60000);
    producing_put(&p, "t", 0, "v", &p.delivery);
    producing_flush(&p, 5000);
    (void)usleep(60000);
    producing_put(&p, "t", 0, "v", &p.delivery);
    producing_flush(&p, 5000);
    assert_int_equal(cv_producer_check(p.producer, &err), CV_OK);
    fake_kafka_be_cluster(p.k, "theirs");
    while (cv_producer_check(p.producer, &err) == CV_OK) {
        assert_true(cv_mono_ms() < deadline);
        (void)producing_send(&p, "t", 0, NULL, "v", &p.delivery, &err);
        (void)cv_producer_poll(p.producer, 10);
    }
    assert_int_equal(err.rc, CV_INVALID);
    assert_non_null(strstr(err.text, "Kafka is another cluster: messages went to the cluster with id \"ours\", and the "
                                     "brokers are of \"theirs\" now: correct bootstrap.servers"));
    assert_int_equal(producing_send(&p, "t", 0, NULL, "v", &p.delivery, &err), CV_CONFLICT);
    producing_stop(&p);
}

/* As the logs of a worker's own topics are. */
static void
a_producer_without_an_id_waits_for_its_own_cluster(void **state)
{
    struct cv_err err = CV_ERR_INIT;
    struct producing p;

    (void)state;
    producing_start_with(&p, 1, 1, "enable.idempotence", "false");
    producing_put(&p, "t", 0, "v", &p.delivery);
    producing_flush(&p, 5000);
    fake_kafka_be_cluster(p.k, "theirs");
    fake_kafka_create_topic(p.k, "new", 1);
    producing_put(&p, "new", 0, "v", &p.delivery);
    assert_int_equal(cv_producer_flush(p.producer, 300, &err), CV_RETRY);
    assert_int_equal(cv_producer_check(p.producer, &err), CV_OK);
    fake_kafka_be_cluster(p.k, "fake");
    producing_flush(&p, 5000);
    assert_int_equal(producing_count(&p, "new", 0), 1);
    producing_stop(&p);
}

/* A client learns of it when it asks for metadata anew; keys go elsewhere from then on. */
static void
a_topic_that_got_more_partitions_is_told_of(void **state)
{
    struct producing p;

    (void)state;
    producing_start_with(&p, 1, 1, "metadata.max.age.ms", "50");
    fake_kafka_create_topic(p.k, "grows", 2);
    producing_put(&p, "grows", CV_NO_PARTITION, "v", &p.delivery);
    producing_flush(&p, 5000);
    log_file_open();
    fake_kafka_create_topic(p.k, "grows", 5);
    for (int64_t deadline = cv_mono_ms() + 5000; log_file_count(GROWN, "topic=grows before=2 partitions=5") == 0;) {
        assert_true(cv_mono_ms() < deadline);
        producing_put(&p, "grows", CV_NO_PARTITION, "v", &p.delivery);
        producing_flush(&p, 5000);
    }
    for (int i = 0; i < 3; i++) {
        (void)usleep(60000);
        producing_put(&p, "grows", 4, "v", &p.delivery);
        producing_flush(&p, 5000);
    }
    assert_int_equal(log_file_count(GROWN, ""), 1);
    log_file_close();
    producing_stop(&p);
}

static void
batches_are_compressed_as_told(void **state)
{
    static const char *const types[] = { "none", "gzip", "snappy", "lz4", "zstd" };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(types); i++) {
        int32_t count = 0;
        struct producing p;

        producing_start_topic(&p, 1, 1);
        producing_set(&p, "compression.type", types[i]);
        producing_set(&p, "linger.ms", "20");
        producing_open(&p, NULL);
        producing_write_numbers(&p, "t", 1, 0, 1000);
        for (size_t r = 0; r < producing_count(&p, "t", 0); r++) {
            struct fake_kafka_record record = producing_record(&p, "t", 0, r);

            assert_int_equal(record.codec, i);
            count += record.n_records;
        }
        assert_int_equal(count, 1000);
        assert_int_equal(p.delivery.last_offset, 999);
        producing_stop(&p);
    }
}

/* ---- acks ---- */

static void
one_replica_is_enough_where_told(void **state)
{
    struct producing p;

    (void)state;
    producing_start_with(&p, 2, 4, "acks", "1");
    producing_write_numbers(&p, "t", 4, 0, 2000);
    assert_int_equal(producing_record(&p, "t", 0, 0).producer_id, -1);
    assert_int_equal(p.delivery.last_offset, 499);
    producing_stop_after(&p, 4, 2000);
}

static void
expect_in_time(struct producing *p, int partition, size_t count)
{
    int64_t end_ms = cv_mono_ms() + 5000;

    while (producing_count(p, "t", partition) < count && cv_mono_ms() < end_ms)
        usleep(2000);
    assert_int_equal(producing_count(p, "t", partition), count);
}

static void
nothing_is_waited_for_where_nobody_asks(void **state)
{
    struct producing p;

    (void)state;
    producing_start_with(&p, 2, 4, "acks", "0");
    producing_write_numbers(&p, "t", 4, 0, 2000);
    assert_int_equal(p.delivery.last_offset, CV_OFFSET_INVALID);
    for (int i = 0; i < 4; i++)
        expect_in_time(&p, i, 500);
    producing_stop_after(&p, 4, 2000);
}

/* A broker that does not lead closes the connection: all that it can say. */
static void
a_leader_that_moves_is_found_without_answers(void **state)
{
    int64_t end_ms = cv_mono_ms() + 5000;
    struct producing p;

    (void)state;
    producing_start_with(&p, 2, 1, "acks", "0");
    producing_put(&p, "t", 0, "v", &p.delivery);
    expect_in_time(&p, 0, 1);
    fake_kafka_move_leader(p.k, "t", 0, 2);
    while (producing_count(&p, "t", 0) < 2 && cv_mono_ms() < end_ms) {
        producing_put(&p, "t", 0, "v", &p.delivery);
        usleep(10000);
    }
    assert_true(producing_count(&p, "t", 0) >= 2);
    producing_flush(&p, 5000);
    producing_stop(&p);
}

/* ---- partitions ---- */

static size_t
partitions_used(struct producing *p, int n_partitions)
{
    size_t used = 0;

    for (int i = 0; i < n_partitions; i++)
        used += producing_count(p, "t", i) > 0;
    return used;
}

/* How many of 50 partitions get something of 200 messages, one each millisecond. */
static size_t
partitions_of(const char *sticky_ms)
{
    struct cv_err err = CV_ERR_INIT;
    struct producing p;
    size_t used;

    producing_start_with(&p, 1, 50, "sticky.partitioning.linger.ms", sticky_ms);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(producing_send(&p, "t", CV_NO_PARTITION, NULL, "v", &p.delivery, &err), CV_OK);
        (void)cv_producer_poll(p.producer, 0);
        usleep(1000);
    }
    producing_flush(&p, 10000);
    used = partitions_used(&p, 50);
    producing_stop(&p);
    return used;
}

static void
messages_without_a_key_stay_together_for_a_while(void **state)
{
    (void)state;
    assert_int_equal(partitions_of("60000"), 1);
    assert_in_range(partitions_of("50"), 2, 49);
    assert_in_range(partitions_of("0"), 30, 50);
}

static void
a_partition_that_is_not_there_fails(void **state)
{
    struct cv_delivery delivery;
    struct producing p;

    (void)state;
    producing_start_topic(&p, 1, 2);
    producing_open(&p, NULL);
    cv_delivery_init(&delivery, producing_count_done);
    producing_put(&p, "t", 2, "v", &delivery);
    producing_send_numbers(&p, "t", 2, 0, 10);
    producing_expect_failed(&p, &delivery, 1, CV_NOT_FOUND, "\"t\" partition 2");
    cv_delivery_release(&delivery);
    fake_kafka_create_topic(p.k, "t", 3); /* one that came meanwhile is found */
    cv_delivery_init(&delivery, producing_count_done);
    producing_put(&p, "t", 2, "v", &delivery);
    producing_await(&p, &delivery, 5000);
    assert_int_equal(delivery.failed, 0);
    cv_delivery_release(&delivery);
    assert_int_equal(producing_count(&p, "t", 2), 1);
    producing_flush(&p, 5000);
    producing_stop(&p);
}

/* An id that no topic has, or that is none. */
static void
a_partition_that_cannot_be_is_passed_over(void **state)
{
    static const int32_t ids[] = { INT32_MAX, 1000000, -5 };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(ids); i++) {
        struct producing p;

        producing_start_topic(&p, 1, 2);
        fake_kafka_stray_partition(p.k, "t", ids[i]);
        producing_open(&p, NULL);
        producing_send_numbers(&p, "t", 2, 0, 10);
        producing_stop_after(&p, 2, 10);
    }
}

/* ---- topics that are not there ---- */

static void
a_topic_that_is_not_there_is_waited_for(void **state)
{
    struct producing p;

    (void)state;
    producing_start(&p, 1, 0);
    producing_open(&p, NULL);
    producing_send_numbers(&p, "t", 3, 0, 30);
    assert_true(fake_kafka_wait(p.k, CV_WIRE_METADATA, 3, 5000));
    fake_kafka_create_topic(p.k, "t", 3);
    producing_stop_after(&p, 3, 30);
}

static void
a_topic_that_does_not_come_fails(void **state)
{
    int64_t began = cv_mono_ms();
    struct producing p;

    (void)state;
    producing_start(&p, 1, 0);
    fake_kafka_create_topic(p.k, "here", 1);
    producing_set(&p, "topic.metadata.propagation.max.ms", "400");
    producing_open(&p, NULL);
    producing_put(&p, "here", 0, "v", &p.delivery);
    producing_flush(&p, 5000);
    assert_int_equal(p.delivery.failed, 0);
    producing_send_numbers(&p, "t", 1, 0, 3);
    producing_expect_failed(&p, &p.delivery, 3, CV_NOT_FOUND, "the topic is not there");
    assert_true(cv_mono_ms() - began >= 400);
    producing_stop(&p);
}

static void
a_topic_that_was_deleted_fails(void **state)
{
    struct producing p;

    (void)state;
    producing_start_with(&p, 1, 2, "topic.metadata.propagation.max.ms", "300");
    producing_write_numbers(&p, "t", 2, 0, 4);
    fake_kafka_delete_topic(p.k, "t");
    producing_send_numbers(&p, "t", 2, 4, 8);
    producing_expect_failed(&p, &p.delivery, 4, CV_NOT_FOUND, "the topic is not there");
    producing_stop(&p);
}

static void
a_topic_that_may_not_be_written_fails_at_once(void **state)
{
    int64_t began = cv_mono_ms();
    struct producing p;

    (void)state;
    producing_start_topic(&p, 1, 1);
    fake_kafka_topic_error(p.k, "t", CV_WIRE_TOPIC_AUTHORIZATION_FAILED);
    producing_open(&p, NULL);
    producing_send_numbers(&p, "t", 1, 0, 2);
    producing_expect_failed(&p, &p.delivery, 2, CV_INVALID, "authorization failed");
    assert_true(cv_mono_ms() - began < 3000);
    producing_stop(&p);
}

static void
a_broker_that_lets_nobody_write_fails_at_once(void **state)
{
    struct producing p;

    (void)state;
    producing_start_topic(&p, 1, 1);
    producing_open(&p, NULL);
    fake_kafka_fail(p.k, CV_WIRE_PRODUCE, CV_WIRE_TOPIC_AUTHORIZATION_FAILED, 1);
    producing_send_numbers(&p, "t", 1, 0, 1);
    producing_expect_failed(&p, &p.delivery, 1, CV_INVALID, "authorization failed");
    producing_put(&p, "t", 0, "v", &p.delivery); /* the next is another matter */
    producing_flush(&p, 5000);
    assert_int_equal(p.delivery.failed, 1);
    assert_int_equal(producing_count(&p, "t", 0), 1);
    producing_stop(&p);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_batches_are_on_their_way_at_once),
        cmocka_unit_test(a_full_queue_frees_up),
        cmocka_unit_test(a_queue_with_too_many_bytes_frees_up),
        cmocka_unit_test(linger_ms_gathers),
        cmocka_unit_test(a_flush_waits_for_nothing_else),
        cmocka_unit_test(without_linger_ms_nothing_waits),
        cmocka_unit_test(batch_size_and_count_bound_a_batch),
        cmocka_unit_test(what_is_too_large_for_the_broker_goes_in_smaller_batches),
        cmocka_unit_test(a_message_that_is_too_large_for_the_broker_fails_alone),
        cmocka_unit_test(of_a_long_key_the_end_is_shown),
        cmocka_unit_test(a_topic_that_got_more_partitions_is_told_of),
        cmocka_unit_test(brokers_of_another_cluster_end_the_producer),
        cmocka_unit_test(a_producer_without_an_id_waits_for_its_own_cluster),
        cmocka_unit_test(batches_are_compressed_as_told),
        cmocka_unit_test(one_replica_is_enough_where_told),
        cmocka_unit_test(nothing_is_waited_for_where_nobody_asks),
        cmocka_unit_test(a_leader_that_moves_is_found_without_answers),
        cmocka_unit_test(messages_without_a_key_stay_together_for_a_while),
        cmocka_unit_test(a_partition_that_is_not_there_fails),
        cmocka_unit_test(a_partition_that_cannot_be_is_passed_over),
        cmocka_unit_test(a_topic_that_is_not_there_is_waited_for),
        cmocka_unit_test(a_topic_that_does_not_come_fails),
        cmocka_unit_test(a_topic_that_was_deleted_fails),
        cmocka_unit_test(a_topic_that_may_not_be_written_fails_at_once),
        cmocka_unit_test(a_broker_that_lets_nobody_write_fails_at_once),
    };

    return cmocka_run_group_tests_name("kafka_batch", tests, NULL, NULL);
}
