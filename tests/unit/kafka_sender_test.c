/* SPDX-License-Identifier: Apache-2.0 */
/* What a producer's thread does with a cluster that refuses, moves, breaks and comes back. */
#include "tests/helper/cmocka_all.h"
#include "tests/helper/log_file.h"

#include <poll.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/wire/message.h"
#include "tests/helper/producing.h"

#define ANEW "the producer begins anew"

/* ---- order, and each once ---- */

static void
refuse(struct producing *p, int round)
{
    fake_kafka_fail(p->k, CV_WIRE_PRODUCE, round % 2 == 0 ? CV_WIRE_NOT_ENOUGH_REPLICAS : CV_WIRE_REQUEST_TIMED_OUT,
                    1 + round % 3);
}

static void
refuse_one_partition(struct producing *p, int round)
{
    fake_kafka_fail_partition(p->k, "t", round % 4, CV_WIRE_NOT_ENOUGH_REPLICAS, 2);
}

/* It was written, but is said not to be. */
static void
deny(struct producing *p, int round)
{
    (void)round;
    fake_kafka_fail_after(p->k, CV_WIRE_PRODUCE, CV_WIRE_NOT_ENOUGH_REPLICAS_AFTER_APPEND, 2);
}

static void
move_leaders(struct producing *p, int round)
{
    for (int i = 0; i < 4; i++)
        fake_kafka_move_leader(p->k, "t", i, 1 + (round + i) % 2);
}

static void
drop_before(struct producing *p, int round)
{
    (void)round;
    fake_kafka_drop(p->k, CV_WIRE_PRODUCE, 2, FAKE_BEFORE);
}

static void
drop_after(struct producing *p, int round)
{
    (void)round;
    fake_kafka_drop(p->k, CV_WIRE_PRODUCE, 2, FAKE_AFTER);
}

static void
answer_late(struct producing *p, int round)
{
    fake_kafka_delay(p->k, CV_WIRE_PRODUCE, round % 2 == 0 ? 5 : 0);
}

static void
answer_never(struct producing *p, int round)
{
    if (round % 6 == 0)
        fake_kafka_silence(p->k, CV_WIRE_PRODUCE, 2);
}

static void
stop_and_start(struct producing *p, int round)
{
    if (round % 3 == 1)
        fake_kafka_stop(p->k, 1);
    else
        fake_kafka_start(p->k, 1);
}

static void
move_while_it_stops(struct producing *p, int round)
{
    if (round == 3) {
        fake_kafka_stop(p->k, 1);
        for (int i = 0; i < 4; i++)
            fake_kafka_move_leader(p->k, "t", i, 2);
    }
}

static void
all_at_once(struct producing *p, int round)
{
    static void (*const troubles[])(struct producing *, int) = { refuse,     deny,        drop_before, move_leaders,
                                                                 drop_after, answer_late, answer_never };

    troubles[round % (int)CV_COUNT(troubles)](p, round);
}

/* Numbers to four partitions of two brokers; trouble comes now and then. */
static void
send_in_trouble(void (*trouble)(struct producing *p, int round))
{
    struct producing p;

    producing_start_topic(&p, 2, 4);
    producing_set(&p, "batch.size", "4000");
    producing_set(&p, "request.timeout.ms", "300");
    producing_open(&p, NULL);
    for (int i = 0; i < NUMBERS_MAX; i += 1000) {
        int count = fake_kafka_count(p.k, CV_WIRE_PRODUCE);

        producing_send_numbers(&p, "t", 4, i, i + 500);
        trouble(&p, i / 1000);
        producing_send_numbers(&p, "t", 4, i + 500, i + 1000);
        (void)fake_kafka_wait(p.k, CV_WIRE_PRODUCE, count + 3, 20); /* so that it comes in the middle */
    }
    fake_kafka_start(p.k, 1);
    producing_stop_after(&p, 4, NUMBERS_MAX);
}

static void
numbers_stay_in_order_and_come_once_whatever_happens(void **state)
{
    static const struct {
        const char *name;
        void (*trouble)(struct producing *p, int round);
    } cases[] = {
        { "refuse", refuse },
        { "refuse_one_partition", refuse_one_partition },
        { "deny", deny },
        { "move_leaders", move_leaders },
        { "drop_before", drop_before },
        { "drop_after", drop_after },
        { "answer_late", answer_late },
        { "answer_never", answer_never },
        { "stop_and_start", stop_and_start },
        { "move_while_it_stops", move_while_it_stops },
        { "all_at_once", all_at_once },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        int64_t began = cv_mono_ms();
        const char *only = getenv("ONLY");

        if (only != NULL && strcmp(only, cases[i].name) != 0)
            continue;
        log_file_open();
        send_in_trouble(cases[i].trouble);
        if (log_file_count(ANEW, "") > 0)
            fail_msg("%s: the identity was renewed", cases[i].name);
        log_file_close();
        print_message("    %s: %lld ms\n", cases[i].name, (long long)(cv_mono_ms() - began));
    }
}

/* Sequences begin anew with another identity; nothing is lost, since what is forgotten was written. */
static void
a_forgotten_producer_begins_anew_and_loses_nothing(void **state)
{
    int64_t began = cv_mono_ms();
    struct producing p;

    (void)state;
    producing_start_topic(&p, 2, 4);
    producing_open(&p, NULL);
    for (int i = 0; i < 4; i++) {
        producing_write_numbers(&p, "t", 4, i * 400, i * 400 + 400);
        fake_kafka_forget(p.k);
    }
    producing_expect_numbers(&p, "t", 4, 1600);
    assert_int_equal(producing_record(&p, "t", 0, 100).sequence, 0);
    assert_int_not_equal(producing_record(&p, "t", 0, 0).producer_id, producing_record(&p, "t", 0, 100).producer_id);
    assert_true(cv_mono_ms() - began < 900); /* there is nothing to wait for */
    producing_stop_after(&p, 4, 1600);
}

/* What is refused so was not written, and follows with the next identity. */
static void
sequences_that_break_while_much_is_sent_lose_nothing(void **state)
{
    struct producing p;

    (void)state;
    producing_start_with(&p, 2, 4, "batch.size", "2000");
    for (int i = 0; i < NUMBERS_MAX; i += 1000) {
        int count = fake_kafka_count(p.k, CV_WIRE_PRODUCE);

        producing_send_numbers(&p, "t", 4, i, i + 500);
        if (i % 2000 == 0)
            fake_kafka_forget(p.k);
        else
            fake_kafka_fail_partition(p.k, "t", i / 1000 % 4, CV_WIRE_OUT_OF_ORDER_SEQUENCE_NUMBER, 1);
        producing_send_numbers(&p, "t", 4, i + 500, i + 1000);
        (void)fake_kafka_wait(p.k, CV_WIRE_PRODUCE, count + 10, 10);
    }
    producing_stop_after(&p, 4, NUMBERS_MAX);
}

static void
an_order_that_the_broker_lost_begins_anew(void **state)
{
    struct producing p;

    (void)state;
    producing_start_topic(&p, 1, 2);
    producing_open(&p, NULL);
    producing_write_numbers(&p, "t", 2, 0, 100);
    fake_kafka_fail_partition(p.k, "t", 1, CV_WIRE_OUT_OF_ORDER_SEQUENCE_NUMBER, 1);
    producing_send_numbers(&p, "t", 2, 100, 200);
    producing_stop_after(&p, 2, 200);
}

static void
an_order_that_stays_lost_is_no_use(void **state)
{
    struct cv_err err = CV_ERR_INIT;
    struct producing p;

    (void)state;
    producing_start_topic(&p, 1, 1);
    producing_open(&p, NULL);
    fake_kafka_fail_partition(p.k, "t", 0, CV_WIRE_OUT_OF_ORDER_SEQUENCE_NUMBER, 1000);
    producing_send_numbers(&p, "t", 1, 0, 1);
    assert_int_equal(cv_producer_flush(p.producer, 20000, &err), CV_RETRY);
    assert_non_null(strstr(err.text, "failed for good"));
    assert_int_equal(producing_send(&p, "t", 0, NULL, "v", &p.delivery, &err), CV_CONFLICT);
    producing_stop(&p);
    assert_int_equal(p.delivery.failed, 1);
}

/* While one is unanswered at its old leader, nothing goes to the new one. */
static void
a_new_leader_waits_for_the_old_ones_answer(void **state)
{
    struct cv_delivery lost;
    struct producing p;

    (void)state;
    producing_start_with(&p, 2, 1, "enable.idempotence", "false");
    producing_write_numbers(&p, "t", 1, 0, 1);
    fake_kafka_delay(p.k, CV_WIRE_PRODUCE, 500);
    fake_kafka_fail(p.k, CV_WIRE_PRODUCE, CV_WIRE_NOT_LEADER_OR_FOLLOWER, 1);
    producing_send_numbers(&p, "t", 1, 1, 2);
    assert_true(fake_kafka_wait(p.k, CV_WIRE_PRODUCE, 2, 5000));
    fake_kafka_delay(p.k, CV_WIRE_PRODUCE, 0);
    fake_kafka_move_leader(p.k, "t", 0, 2);
    cv_delivery_init(&lost, producing_count_done);
    producing_put(&p, "t", 7, "there is no such partition: look again", &lost);
    producing_await(&p, &lost, 5000);
    cv_delivery_release(&lost);
    producing_send_numbers(&p, "t", 1, 2, 3);
    producing_stop_after(&p, 1, 3);
}

/* ---- brokers that go ---- */

static void
a_leader_that_is_gone_while_nothing_is_sent_is_looked_for(void **state)
{
    struct producing p;

    (void)state;
    producing_start_topic(&p, 2, 1);
    producing_open(&p, NULL);
    producing_write_numbers(&p, "t", 1, 0, 1);
    fake_kafka_stop(p.k, 1);
    fake_kafka_move_leader(p.k, "t", 0, 2);
    producing_send_numbers(&p, "t", 1, 1, 2);
    producing_flush(&p, 3000);
    producing_stop_after(&p, 1, 2);
}

static void
a_topic_without_a_leader_waits_for_one(void **state)
{
    struct cv_err err = CV_ERR_INIT;
    struct producing p;

    (void)state;
    producing_start_topic(&p, 2, 2);
    fake_kafka_move_leader(p.k, "t", 1, -1);
    producing_open(&p, NULL);
    producing_send_numbers(&p, "t", 2, 0, 10);
    assert_int_equal(cv_producer_flush(p.producer, 200, &err), CV_RETRY);
    assert_int_equal(producing_count(&p, "t", 0), 5);
    fake_kafka_move_leader(p.k, "t", 1, 2);
    producing_stop_after(&p, 2, 10);
}

static void
many_brokers_are_all_listened_to(void **state)
{
    struct producing p;

    (void)state;
    producing_start_topic(&p, 70, 70);
    producing_open(&p, NULL);
    producing_send_numbers(&p, "t", 70, 0, 700);
    producing_stop_after(&p, 70, 700);
}

/* ---- what ends without being written ---- */

static void
messages_that_wait_too_long_fail(void **state)
{
    struct producing p;

    (void)state;
    producing_start_with(&p, 2, 2, "delivery.timeout.ms", "400");
    producing_write_numbers(&p, "t", 2, 0, 4);
    fake_kafka_move_leader(p.k, "t", 1, -1);
    fake_kafka_stop(p.k, 2);
    producing_send_numbers(&p, "t", 2, 4, 8);
    producing_expect_failed(&p, &p.delivery, 2, CV_RETRY, "timed out");
    assert_int_equal(producing_count(&p, "t", 0), 4);
    fake_kafka_start(p.k, 2);
    fake_kafka_move_leader(p.k, "t", 1, 2);
    producing_put(&p, "t", 1, "after", &p.delivery);
    producing_await(&p, &p.delivery, 5000);
    assert_int_equal(p.delivery.failed, 2);
    assert_string_equal(producing_record(&p, "t", 1, 2).value, "after");
    producing_stop(&p);
}

/* Though it was the first to want one. */
static void
what_expired_needs_no_producer_id(void **state)
{
    int count;
    struct producing p;

    (void)state;
    producing_start_with(&p, 1, 1, "delivery.timeout.ms", "200");
    fake_kafka_fail(p.k, CV_WIRE_INIT_PRODUCER_ID, CV_WIRE_COORDINATOR_LOAD_IN_PROGRESS, 1000);
    producing_put(&p, "t", 0, "v", &p.delivery);
    producing_await(&p, &p.delivery, 5000);
    assert_int_equal(p.delivery.failed, 1);
    count = fake_kafka_count(p.k, CV_WIRE_INIT_PRODUCER_ID);
    assert_true(count > 0);
    assert_false(fake_kafka_wait(p.k, CV_WIRE_INIT_PRODUCER_ID, count + 2, 500)); /* one may have been on its way */
    producing_stop(&p);
}

/* What is on its way has no other end than its answer. */
static void
messages_on_their_way_are_reported_once(void **state)
{
    struct cv_delivery first, second;
    struct producing p;

    (void)state;
    producing_start_topic(&p, 1, 1);
    producing_set(&p, "delivery.timeout.ms", "300");
    producing_set(&p, "max.in.flight.requests.per.connection", "1");
    producing_open(&p, NULL);
    fake_kafka_delay(p.k, CV_WIRE_PRODUCE, 900);
    cv_delivery_init(&first, producing_count_done);
    cv_delivery_init(&second, producing_count_done);
    producing_put(&p, "t", 0, "first", &first);
    assert_true(fake_kafka_wait(p.k, CV_WIRE_PRODUCE, 1, 5000));
    producing_put(&p, "t", 0, "second", &second);
    producing_await(&p, &second, 5000);
    assert_int_equal(second.failed, 1);
    assert_int_equal(first.pending, 2);
    producing_await(&p, &first, 5000);
    assert_int_equal(first.failed, 0);
    cv_delivery_release(&first);
    cv_delivery_release(&second);
    assert_int_equal(producing_done, 2);
    producing_stop(&p);
}

static void
retries_are_bounded(void **state)
{
    struct producing p;

    (void)state;
    producing_start_with(&p, 1, 1, "retries", "2");
    fake_kafka_fail(p.k, CV_WIRE_PRODUCE, CV_WIRE_NOT_ENOUGH_REPLICAS, 3);
    producing_send_numbers(&p, "t", 1, 0, 1);
    producing_await(&p, &p.delivery, 5000);
    assert_int_equal(fake_kafka_count(p.k, CV_WIRE_PRODUCE), 3);
    assert_int_equal(p.delivery.failed, 1);
    assert_int_equal(p.delivery.err.rc, CV_RETRY);
    fake_kafka_fail(p.k, CV_WIRE_PRODUCE, CV_WIRE_NOT_ENOUGH_REPLICAS, 2);
    producing_put(&p, "t", 0, "v", &p.delivery);
    producing_flush(&p, 5000);
    assert_int_equal(p.delivery.failed, 1);
    assert_int_equal(producing_count(&p, "t", 0), 1);
    producing_stop(&p);
}

/* Waiting for its topic, for its leader, to be sent again, and on its way. */
static void
freeing_reports_each_message_once(void **state)
{
    struct cv_delivery each[40];
    struct cv_err err = CV_ERR_INIT;
    struct producing p;

    (void)state;
    producing_start_topic(&p, 1, 3);
    fake_kafka_move_leader(p.k, "t", 2, -1);
    fake_kafka_fail_partition(p.k, "t", 1, CV_WIRE_NOT_ENOUGH_REPLICAS, 1);
    producing_set(&p, "retry.backoff.ms", "60000");
    producing_set(&p, "retry.backoff.max.ms", "60000");
    producing_open(&p, NULL);
    for (int i = 0; i < 40; i++) {
        int group = i / 10;

        cv_delivery_init(&each[i], producing_count_done);
        if (i == 20) { /* what follows is not answered */
            producing_await(&p, &each[0], 5000);
            assert_true(fake_kafka_wait(p.k, CV_WIRE_PRODUCE, 1, 5000));
            fake_kafka_silence(p.k, CV_WIRE_PRODUCE, 1000);
        }
        assert_int_equal(producing_send(&p, group == 3 ? "nowhere" : "t", group == 2 ? 2 : group, NULL,
                                        producing_number(i), &each[i], &err),
                         CV_OK);
        (void)cv_producer_poll(p.producer, 0);
    }
    producing_put(&p, "t", 0, "unanswered", &p.delivery);
    (void)fake_kafka_wait(p.k, CV_WIRE_PRODUCE, fake_kafka_count(p.k, CV_WIRE_PRODUCE) + 1, 200);
    assert_int_equal(producing_send(&p, "t", 0, NULL, "not handed over", &p.delivery, &err), CV_OK);
    cv_producer_free(p.producer, 0);
    p.producer = NULL;
    assert_int_equal(p.delivery.failed, 2);
    assert_int_equal(p.delivery.pending, 1);
    for (int i = 0; i < 40; i++) {
        assert_int_equal(each[i].pending, 1);
        assert_int_equal(each[i].failed, i >= 10);
    }
    producing_stop(&p);
}

static void
freeing_may_wait_for_what_is_on_its_way(void **state)
{
    struct producing p;

    (void)state;
    producing_start_topic(&p, 1, 1);
    producing_open(&p, NULL);
    fake_kafka_delay(p.k, CV_WIRE_PRODUCE, 50);
    producing_send_numbers(&p, "t", 1, 0, 10);
    cv_producer_free(p.producer, 5000);
    p.producer = NULL;
    producing_expect_numbers(&p, "t", 1, 10);
    producing_stop(&p);
}

/* ---- an idle producer ---- */

/* Poll with the clock moved on until the sender is gone. */
static void
idle_away(struct producing *p)
{
    (void)cv_producer_poll(p->producer, 0);
    cv_clock_test_stop(cv_now_ms(), cv_mono_ms());
    cv_clock_test_advance(CV_PRODUCER_IDLE_MS);
    (void)cv_producer_poll(p->producer, 0);
    cv_clock_test_run();
}

static void
an_idle_producer_comes_back_with_a_new_identity(void **state)
{
    struct fake_kafka_record first, second;
    struct producing p;

    (void)state;
    producing_start_topic(&p, 1, 1);
    producing_open(&p, NULL);
    log_file_open();
    producing_write_numbers(&p, "t", 1, 0, 10);
    idle_away(&p);
    assert_false(fake_kafka_wait(p.k, CV_WIRE_INIT_PRODUCER_ID, 2, 20));
    producing_write_numbers(&p, "t", 1, 10, 20);
    first = producing_record(&p, "t", 0, 9);
    second = producing_record(&p, "t", 0, 10);
    assert_int_not_equal(first.producer_id, second.producer_id);
    assert_int_equal(second.sequence, 0);
    assert_int_equal(fake_kafka_count(p.k, CV_WIRE_INIT_PRODUCER_ID), 2);
    assert_int_equal(log_file_count(ANEW, ""), 0);
    log_file_close();
    producing_stop_after(&p, 1, 20);
}

/* What failed while it waited leaves nothing behind that the next sender falls over. */
static void
an_idle_producer_forgets_what_failed(void **state)
{
    struct producing p;

    (void)state;
    producing_start_with(&p, 2, 2, "delivery.timeout.ms", "300");
    producing_put(&p, "t", 1, "v", &p.delivery);
    producing_flush(&p, 5000);
    fake_kafka_stop(p.k, 2);
    producing_put(&p, "t", 1, "lost", &p.delivery);
    producing_await(&p, &p.delivery, 5000);
    assert_int_equal(p.delivery.failed, 1);
    idle_away(&p);
    fake_kafka_start(p.k, 2);
    producing_put(&p, "t", 1, "v", &p.delivery);
    producing_await(&p, &p.delivery, 5000);
    assert_int_equal(p.delivery.failed, 1);
    assert_int_equal(producing_count(&p, "t", 1), 2);
    producing_stop(&p);
}

/* ---- who waits ---- */

static void
reports_wake_who_wants_to_know(void **state)
{
    struct cv_wake wake;
    struct cv_err err = CV_ERR_INIT;
    struct pollfd fd;
    struct producing p;

    (void)state;
    assert_int_equal(cv_wake_init(&wake, &err), CV_OK);
    fd = (struct pollfd){ .fd = wake.fd, .events = POLLIN };
    producing_start_topic(&p, 1, 1);
    producing_open(&p, NULL);
    cv_producer_notify(p.producer, &wake);
    for (int i = 0; i < 5; i++) {
        int64_t end_ms = cv_mono_ms() + 5000;

        assert_int_equal(producing_send(&p, "t", 0, NULL, producing_number(i), &p.delivery, &err), CV_OK);
        while (p.delivery.pending > 1 && cv_mono_ms() < end_ms) {
            assert_int_equal(poll(&fd, 1, 5000), 1);
            cv_wake_clear(&wake);
            while (cv_producer_poll(p.producer, 0) > 0)
                continue;
        }
        assert_int_equal(p.delivery.pending, 1);
    }
    cv_producer_notify(p.producer, NULL);
    producing_stop_after(&p, 1, 5);
    cv_wake_done(&wake);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_stay_in_order_and_come_once_whatever_happens),
        cmocka_unit_test(a_forgotten_producer_begins_anew_and_loses_nothing),
        cmocka_unit_test(sequences_that_break_while_much_is_sent_lose_nothing),
        cmocka_unit_test(an_order_that_the_broker_lost_begins_anew),
        cmocka_unit_test(an_order_that_stays_lost_is_no_use),
        cmocka_unit_test(a_new_leader_waits_for_the_old_ones_answer),
        cmocka_unit_test(a_leader_that_is_gone_while_nothing_is_sent_is_looked_for),
        cmocka_unit_test(a_topic_without_a_leader_waits_for_one),
        cmocka_unit_test(many_brokers_are_all_listened_to),
        cmocka_unit_test(messages_that_wait_too_long_fail),
        cmocka_unit_test(what_expired_needs_no_producer_id),
        cmocka_unit_test(messages_on_their_way_are_reported_once),
        cmocka_unit_test(retries_are_bounded),
        cmocka_unit_test(freeing_reports_each_message_once),
        cmocka_unit_test(freeing_may_wait_for_what_is_on_its_way),
        cmocka_unit_test(an_idle_producer_comes_back_with_a_new_identity),
        cmocka_unit_test(an_idle_producer_forgets_what_failed),
        cmocka_unit_test(reports_wake_who_wants_to_know),
    };

    return cmocka_run_group_tests_name("kafka_sender", tests, NULL, NULL);
}
