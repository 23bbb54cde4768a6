/* SPDX-License-Identifier: Apache-2.0 */
/* What a producer asks any broker (metadata, producer ids) holds up nothing that is written meanwhile. */
#include "tests/helper/cmocka_all.h"

#include <netdb.h>
#include <stdatomic.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/wire/message.h"
#include "tests/helper/producing.h"

#define MANY 1000
#define SOON_MS 900 /* less than any question is waited for */

/* Two brokers, which each lead a partition of the topics "t" and "u"; "t" was written to. */
static void
start(struct producing *p)
{
    producing_start(p, 2, 0);
    fake_kafka_create_topic(p->k, "t", 2);
    fake_kafka_create_topic(p->k, "u", 2);
    producing_set(p, "request.timeout.ms", "1500");
    producing_set(p, "max.in.flight.requests.per.connection", "1");
    producing_open(p, NULL);
    producing_write_numbers(p, "t", 2, 0, 2);
}

static void
stop_after(struct producing *p, int count)
{
    producing_flush(p, 10000);
    producing_expect_numbers(p, "t", 2, count);
    producing_stop(p);
}

/* The next ten numbers of the partition go out one after the other, soon. */
static void
expect_sending(struct producing *p, int partition)
{
    int64_t began = cv_mono_ms();
    int next = (int)producing_count(p, "t", partition) * 2 + partition;

    for (int i = 0; i < 10; i++) {
        struct cv_delivery delivery;

        cv_delivery_init(&delivery, producing_count_done);
        producing_put(p, "t", partition, producing_number(next + i * 2), &delivery);
        producing_await(p, &delivery, 10000);
        cv_delivery_release(&delivery);
        assert_int_equal(delivery.failed, 0);
    }
    assert_in_range(cv_mono_ms() - began, 0, SOON_MS);
}

/* ---- brokers that hang ---- */

static void
metadata_that_never_comes_holds_up_nothing(void **state)
{
    struct producing p;

    (void)state;
    start(&p);
    fake_kafka_silence(p.k, CV_WIRE_METADATA, MANY);
    producing_put(&p, "u", 0, "v", &p.delivery);
    for (int i = 0; i < 2; i++) { /* at one broker, and at the next */
        assert_true(fake_kafka_wait(p.k, CV_WIRE_METADATA, 2 + i, 5000));
        expect_sending(&p, 0);
        expect_sending(&p, 1);
    }
    assert_int_equal(producing_count(&p, "u", 0), 0);
    fake_kafka_silence(p.k, CV_WIRE_METADATA, 0);
    stop_after(&p, 42);
}

static void
a_broker_that_hangs_holds_up_its_own_partitions_only(void **state)
{
    struct cv_delivery hanging, asking;
    struct producing p;

    (void)state;
    start(&p);
    cv_delivery_init(&hanging, producing_count_done);
    cv_delivery_init(&asking, producing_count_done);
    fake_kafka_hang(p.k, 1, true);
    producing_put(&p, "t", 0, producing_number(2), &hanging);
    producing_put(&p, "u", 1, "v", &asking); /* of which the first broker is asked */
    expect_sending(&p, 1);
    assert_int_equal(hanging.pending, 2);
    assert_int_equal(asking.pending, 2);
    producing_await(&p, &asking, 5000);
    assert_int_equal(hanging.failed, 0);
    fake_kafka_hang(p.k, 1, false);
    producing_await(&p, &hanging, 10000);
    cv_delivery_release(&asking);
    cv_delivery_release(&hanging);
    expect_sending(&p, 0);
    assert_int_equal(hanging.failed + asking.failed, 0);
    producing_put(&p, "t", 1, producing_number(23), &p.delivery);
    stop_after(&p, 24);
}

/* It takes connections, but does not open them: the next broker tells what there is. */
static void
a_broker_that_hangs_from_the_start_is_passed_over(void **state)
{
    int64_t began = cv_mono_ms();
    struct producing p;

    (void)state;
    producing_start_topic(&p, 2, 2);
    fake_kafka_hang(p.k, 1, true);
    producing_open(&p, NULL);
    producing_put(&p, "t", 1, "v", &p.delivery);
    producing_flush(&p, 10000);
    assert_in_range(cv_mono_ms() - began, 2900, 15000);
    assert_int_equal(producing_count(&p, "t", 1), 1);
    producing_stop(&p);
}

/* ---- names ---- */

#define SLOW_HOST "slow.invalid"

static atomic_int slow_searches;     /* so many wait */
static atomic_bool slow_search_ends;

int __real_getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **ret);
int __wrap_getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **ret);

int
__wrap_getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
    if (strcmp(name, SLOW_HOST) != 0)
        return __real_getaddrinfo(name, service, hints, ret);
    atomic_fetch_add(&slow_searches, 1);
    for (int i = 0; i < 10000 && !atomic_load(&slow_search_ends); i++)
        usleep(1000);
    return EAI_AGAIN;
}

/* Nothing interrupts the search for the name of a broker, but it has another by then. */
static void
a_name_that_is_searched_for_long_holds_up_nothing(void **state)
{
    int64_t began = cv_mono_ms();
    struct producing p;

    (void)state;
    producing_start(&p, 2, 2);
    fake_kafka_name_host(p.k, 2, SLOW_HOST);
    producing_open(&p, NULL);
    producing_put(&p, "t", 0, producing_number(0), &p.delivery);
    producing_put(&p, "t", 1, producing_number(1), &p.delivery);
    while (atomic_load(&slow_searches) == 0 && cv_mono_ms() - began < 5000)
        usleep(1000);
    assert_int_equal(atomic_load(&slow_searches), 1);
    fake_kafka_name_host(p.k, 2, NULL);
    producing_put(&p, "u", 1, "v", &p.delivery);
    expect_sending(&p, 0);
    producing_flush(&p, 5000);
    assert_int_equal(producing_count(&p, "t", 1), 1);
    assert_int_equal(producing_count(&p, "u", 1), 1);
    atomic_store(&slow_search_ends, true);
    producing_stop(&p);
}

/* ---- producer ids, and connections that break ---- */

/* The next broker is asked for one. */
static void
a_producer_id_that_does_not_come_is_asked_for_elsewhere(void **state)
{
    int64_t began = cv_mono_ms();
    struct producing p;

    (void)state;
    producing_start(&p, 2, 2);
    fake_kafka_silence(p.k, CV_WIRE_INIT_PRODUCER_ID, 1);
    producing_open(&p, NULL);
    producing_write_numbers(&p, "t", 2, 0, 100);
    assert_in_range(cv_mono_ms() - began, 900, 4500);
    assert_int_equal(fake_kafka_count(p.k, CV_WIRE_INIT_PRODUCER_ID), 2);
    stop_after(&p, 100);
}

static void
a_connection_that_breaks_over_a_question_is_opened_again(void **state)
{
    static const enum fake_kafka_when whens[] = { FAKE_BEFORE, FAKE_AFTER, FAKE_HALFWAY };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(whens); i++) {
        struct producing p;

        producing_start(&p, 2, 2);
        fake_kafka_drop(p.k, CV_WIRE_METADATA, 2, whens[i]);
        fake_kafka_drop(p.k, CV_WIRE_INIT_PRODUCER_ID, 2, whens[i]);
        producing_open(&p, NULL);
        producing_write_numbers(&p, "t", 2, 0, 100);
        assert_int_equal(fake_kafka_count(p.k, CV_WIRE_METADATA), 3);
        assert_int_equal(fake_kafka_count(p.k, CV_WIRE_INIT_PRODUCER_ID), 3);
        stop_after(&p, 100);
    }
}

/* ---- topics and partitions ---- */

/* A topic that the question under way does not name is asked for behind it, without a pause. */
static void
topics_that_come_during_a_question_are_asked_for_next(void **state)
{
    int64_t began;
    struct producing p;

    (void)state;
    start(&p);
    fake_kafka_delay(p.k, CV_WIRE_METADATA, 100);
    fake_kafka_create_topic(p.k, "w", 2);
    began = cv_mono_ms();
    producing_put(&p, "u", 0, "v", &p.delivery);
    assert_true(fake_kafka_wait(p.k, CV_WIRE_METADATA, 2, 5000));
    producing_put(&p, "w", 0, "v", &p.delivery);
    producing_flush(&p, 5000);
    assert_int_equal(fake_kafka_count(p.k, CV_WIRE_METADATA), 3);
    assert_in_range(cv_mono_ms() - began, 200, 200 + SOON_MS);
    assert_int_equal(producing_count(&p, "w", 0), 1);
    stop_after(&p, 2);
}

/* One request after the other, while the owner waits for an answer that does not come. */
static void
asking_for_partitions_holds_up_nothing(void **state)
{
    int32_t count = -1;
    struct cv_err err = CV_ERR_INIT;
    struct producing p;

    (void)state;
    start(&p);
    fake_kafka_silence(p.k, CV_WIRE_METADATA, MANY);
    fake_kafka_delay(p.k, CV_WIRE_PRODUCE, 50);
    for (int i = 2; i < 10; i++) {
        producing_put(&p, "t", i % 2, producing_number(i), &p.delivery);
        usleep(5000); /* so that they do not all go at once */
    }
    assert_int_equal(cv_producer_partitions(p.producer, "t", 800, &count, &err), CV_OK); /* what is known */
    assert_int_equal(count, 2);
    producing_expect_numbers(&p, "t", 2, 10);
    stop_after(&p, 10);
}

static void
asking_for_partitions_comes_back_in_time(void **state)
{
    int64_t began;
    int32_t count = -1;
    struct cv_err err = CV_ERR_INIT;
    struct producing p;

    (void)state;
    producing_start_topic(&p, 1, 3);
    producing_open(&p, NULL);
    fake_kafka_silence(p.k, CV_WIRE_METADATA, 1);
    began = cv_mono_ms();
    assert_int_equal(cv_producer_partitions(p.producer, "t", 300, &count, &err), CV_RETRY);
    assert_in_range(cv_mono_ms() - began, 250, 1500);
    assert_int_equal(count, -1);
    assert_int_equal(cv_producer_partitions(p.producer, "t", 5000, &count, &err), CV_OK);
    assert_int_equal(count, 3);
    producing_stop(&p);
}

/* Though a question that was asked before it finds it missing. */
static void
asking_for_partitions_finds_what_is_there_now(void **state)
{
    int32_t count = -1;
    struct cv_err err = CV_ERR_INIT;
    struct producing p;

    (void)state;
    start(&p);
    fake_kafka_delay(p.k, CV_WIRE_METADATA, 300);
    producing_put(&p, "new", 0, "v", &p.delivery);
    assert_true(fake_kafka_wait(p.k, CV_WIRE_METADATA, 2, 5000)); /* it was looked for, but not answered */
    fake_kafka_create_topic(p.k, "new", 3);
    assert_int_equal(cv_producer_partitions(p.producer, "new", 5000, &count, &err), CV_OK);
    assert_int_equal(count, 3);
    stop_after(&p, 2);
}

static void
freeing_does_not_wait_for_an_answer(void **state)
{
    int64_t began;
    struct producing p;

    (void)state;
    start(&p);
    fake_kafka_silence(p.k, CV_WIRE_METADATA, MANY);
    producing_put(&p, "u", 0, "v", &p.delivery);
    assert_true(fake_kafka_wait(p.k, CV_WIRE_METADATA, 2, 5000));
    began = cv_mono_ms();
    cv_producer_free(p.producer, 0);
    p.producer = NULL;
    assert_in_range(cv_mono_ms() - began, 0, SOON_MS);
    assert_int_equal(p.delivery.failed, 1);
    producing_stop(&p);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metadata_that_never_comes_holds_up_nothing),
        cmocka_unit_test(a_broker_that_hangs_holds_up_its_own_partitions_only),
        cmocka_unit_test(a_broker_that_hangs_from_the_start_is_passed_over),
        cmocka_unit_test(a_name_that_is_searched_for_long_holds_up_nothing),
        cmocka_unit_test(a_producer_id_that_does_not_come_is_asked_for_elsewhere),
        cmocka_unit_test(a_connection_that_breaks_over_a_question_is_opened_again),
        cmocka_unit_test(topics_that_come_during_a_question_are_asked_for_next),
        cmocka_unit_test(asking_for_partitions_holds_up_nothing),
        cmocka_unit_test(asking_for_partitions_comes_back_in_time),
        cmocka_unit_test(asking_for_partitions_finds_what_is_there_now),
        cmocka_unit_test(freeing_does_not_wait_for_an_answer),
    };

    return cmocka_run_group_tests_name("kafka_question", tests, NULL, NULL);
}
