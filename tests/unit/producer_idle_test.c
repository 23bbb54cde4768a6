/* SPDX-License-Identifier: Apache-2.0 */
/* Connections of a producer that are not used. */
#include "tests/helper/cmocka_all.h"
#include "tests/helper/fake_kafka.h"
#include "tests/helper/log_file.h"

#include <stdatomic.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/kafka/handle.h"
#include "common/kafka/producer.h"
#include "common/wire/message.h"

#define MANY_MS 20000

struct fixture {
    struct fake_kafka *kafka;
    struct cv_config *layer;
    struct cv_kafka_stats stats;
    struct cv_producer *producer;
    struct cv_producer_topic *topic;
};

static void
start(struct fixture *f, const char *idle_ms, const char *transactional_id)
{
    struct cv_err err = CV_ERR_INIT;
    struct cv_kafka_conf conf = { .role = CV_KAFKA_PRODUCER, .client_id = "test", .n_layers = 1 };

    *f = (struct fixture){ .kafka = fake_kafka_new(1, 1), .layer = cv_config_new() };
    assert_int_equal(cv_config_set(f->layer, "bootstrap.servers", fake_kafka_servers(f->kafka), &err), CV_OK);
    if (idle_ms != NULL)
        assert_int_equal(cv_config_set(f->layer, "connections.max.idle.ms", idle_ms, &err), CV_OK);
    conf.layers[0] = f->layer;
    conf.stats = &f->stats;
    log_file_open();
    assert_int_equal(cv_producer_new(&conf, transactional_id, &f->producer, &err), CV_OK);
    assert_int_equal(cv_producer_topic(f->producer, "t", &f->topic, &err), CV_OK);
}

static void
stop(struct fixture *f)
{
    cv_producer_free(f->producer, 0);
    assert_int_equal(log_file_count("WARN", ""), 0);
    log_file_close();
    cv_config_free(f->layer);
    fake_kafka_free(f->kafka);
}

static void
send_one(struct fixture *f)
{
    struct cv_bytes text = { "x", 1 };
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(cv_producer_send(f->producer, f->topic, CV_NO_PARTITION, text, text, NULL, CV_NO_TIMESTAMP, NULL,
                                      &err),
                     CV_OK);
    if (cv_producer_flush(f->producer, MANY_MS, &err) != CV_OK)
        fail_msg("%s", err.text);
}

static int64_t
connections(struct fixture *f)
{
    return atomic_load(&f->stats.connections);
}

static void
wait_until_closed(struct fixture *f)
{
    for (int64_t until_ms = cv_mono_ms() + MANY_MS; connections(f) > 0; usleep(5000))
        assert_true(cv_mono_ms() < until_ms);
}

static void
idle_connections_are_closed_and_opened_again(void **state)
{
    struct fixture f;
    int64_t begun_ms = cv_mono_ms();

    (void)state;
    start(&f, "500", NULL);
    send_one(&f);
    wait_until_closed(&f);
    assert_true(cv_mono_ms() - begun_ms >= 500);
    assert_int_equal(fake_kafka_connections(f.kafka), 2);
    send_one(&f);
    assert_int_equal(fake_kafka_connections(f.kafka), 3);
    wait_until_closed(&f);
    stop(&f);
}

/* Though the answer takes longer than a connection may be idle. */
static void
a_connection_with_something_unanswered_is_kept(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, "100", NULL);
    fake_kafka_delay(f.kafka, CV_WIRE_PRODUCE, 600);
    send_one(&f);
    assert_int_equal(fake_kafka_count(f.kafka, CV_WIRE_PRODUCE), 1);
    wait_until_closed(&f);
    stop(&f);
}

static void
a_coordinator_is_found_again_by_the_next_transaction(void **state)
{
    struct fixture f;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    start(&f, "100", "id");
    assert_int_equal(cv_producer_txn_init(f.producer, MANY_MS, &err), CV_OK);
    for (int i = 0; i < 2; i++) {
        wait_until_closed(&f);
        assert_int_equal(cv_producer_txn_begin(f.producer, &err), CV_OK);
        send_one(&f);
        assert_int_equal(cv_producer_txn_commit(f.producer, MANY_MS, &err), CV_OK);
    }
    stop(&f);
}

static void
connections_stay_where_nothing_is_to_close_them(void **state)
{
    static const char *const values[] = { "0", "-1", "540000", NULL };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(values); i++) {
        struct fixture f;

        start(&f, values[i], NULL);
        send_one(&f);
        usleep(300000);
        assert_int_equal(connections(&f), 2); /* for questions, and to the leader */
        stop(&f);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idle_connections_are_closed_and_opened_again),
        cmocka_unit_test(a_connection_with_something_unanswered_is_kept),
        cmocka_unit_test(a_coordinator_is_found_again_by_the_next_transaction),
        cmocka_unit_test(connections_stay_where_nothing_is_to_close_them),
    };

    return cmocka_run_group_tests_name("producer_idle", tests, NULL, NULL);
}
