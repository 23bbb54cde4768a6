/* SPDX-License-Identifier: Apache-2.0 */
/* Messages that end before they are in a batch, in a sender without its thread. */
#include "tests/helper/cmocka_all.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/kafka/sender_private.h"
#include "tests/helper/failing_alloc.h"

#define MESSAGES 3

struct fixture {
    struct producer_settings settings;
    struct sender sender;
    struct cv_producer_topic topic; /* with partitions 0 and 1 */
    struct partition parts[2];
    struct partition *list[2];
    struct message messages[MESSAGES]; /* for partition 0, for 1, and for one that is not there */
};

/* All messages wait, since a minute. */
static void
start(struct fixture *f)
{
    static const int32_t partitions[MESSAGES] = { 0, 1, 7 };
    static char name[] = "t";

    *f = (struct fixture){ .settings = { .message_timeout_ms = 1000 } };
    f->sender.settings = &f->settings;
    cv_lock_init(&f->sender.lock, CV_RANK_QUEUE);
    f->topic = (struct cv_producer_topic){ .name = name, .partitions = f->list, .n_partitions = 2, .n_made = 2 };
    for (int32_t i = 0; i < 2; i++) {
        f->parts[i] = (struct partition){ .topic = &f->topic, .id = i, .last_offset = -1 };
        f->list[i] = &f->parts[i];
    }
    topics_want(&f->sender, &f->topic);
    for (size_t i = 0; i < MESSAGES; i++) {
        f->messages[i] = (struct message){ .topic = &f->topic,
                                           .size = 10,
                                           .taken_us = cv_mono_us() - 60 * 1000000,
                                           .partition = partitions[i] };
        topics_place(&f->sender, &f->messages[i]);
    }
    assert_ptr_equal(f->sender.active, &f->topic);
}

static void
expect_reports(struct fixture *f, rd_kafka_resp_err_t code)
{
    struct message_list *failed = &f->sender.done.failed;

    assert_int_equal(failed->count, MESSAGES);
    assert_int_equal(failed->bytes, MESSAGES * 10);
    for (const struct message *msg = failed->first; msg != NULL; msg = msg->next)
        assert_int_equal(msg->code, code);
    assert_null(f->sender.done.batches.first);
    cv_lock_done(&f->sender.lock);
}

static void
expire(struct sender *s)
{
    topics_expire(s, cv_mono_ms());
}

static void
purge(struct sender *s)
{
    topics_purge(s, RD_KAFKA_RESP_ERR__PURGE_QUEUE);
}

static const struct {
    void (*end)(struct sender *s);
    rd_kafka_resp_err_t code;
} endings[] = { { expire, RD_KAFKA_RESP_ERR__MSG_TIMED_OUT }, { purge, RD_KAFKA_RESP_ERR__PURGE_QUEUE } };

static void
reports_are_made_though_memory_is_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < CV_COUNT(endings); i++)
        for (long n = 1;; n++) {
            struct fixture f;

            start(&f);
            failing_alloc_at(n);
            endings[i].end(&f.sender);
            expect_reports(&f, endings[i].code);
            if (!failing_alloc_stop())
                break;
        }
}

/* Else the thread would wake every second, and ask for a producer id, for nothing. */
static void
what_has_no_messages_left_is_not_active(void **state)
{
    (void)state;
    for (size_t i = 0; i < CV_COUNT(endings); i++) {
        struct fixture f;

        start(&f);
        endings[i].end(&f.sender);
        assert_null(f.sender.active);
        assert_false(f.topic.active || f.parts[0].active || f.parts[1].active);
        expect_reports(&f, endings[i].code);
    }
}

/* In its order, and to be found by what is placed behind it. */
static void
what_is_younger_stays_active(void **state)
{
    struct message young = { .size = 10, .taken_us = cv_mono_us(), .partition = 1 };
    struct message next = { .size = 10, .taken_us = cv_mono_us(), .partition = 0 };
    struct fixture f;

    (void)state;
    start(&f);
    young.topic = next.topic = &f.topic;
    topics_place(&f.sender, &young);
    expire(&f.sender);
    assert_ptr_equal(f.sender.active, &f.topic);
    assert_ptr_equal(f.topic.first_active, &f.parts[1]);
    assert_null(f.parts[1].next_active);
    topics_place(&f.sender, &next);
    assert_ptr_equal(f.parts[1].next_active, &f.parts[0]);
    assert_ptr_equal(f.parts[1].waiting.first, &young);
    expect_reports(&f, RD_KAFKA_RESP_ERR__MSG_TIMED_OUT);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reports_are_made_though_memory_is_out),
        cmocka_unit_test(what_has_no_messages_left_is_not_active),
        cmocka_unit_test(what_is_younger_stays_active),
    };

    return cmocka_run_group_tests_name("kafka_report", tests, NULL, NULL);
}
