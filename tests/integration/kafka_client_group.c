/* SPDX-License-Identifier: Apache-2.0 */
/* Consumer groups: rebalances of both protocols, and what the admin client may do to a group. */
#include "tests/integration/kafka_client.h"

#include "common/clock.h"

#include <stdio.h>
#include <stdlib.h>

#define PARTITIONS 4
#define MESSAGES   4000

struct member {
    struct cv_consumer *consumer;
    const char *topic;
    int64_t next[PARTITIONS]; /* to read; CV_OFFSET_INVALID: not ours */
    int assigned, revoked, lost;
};

static int seen[PARTITIONS][MESSAGES]; /* how often each message came */

/* The owner's positions of parts, for a commit. */
static void
commit_parts(struct member *member, const struct cv_topic_partitions *parts)
{
    struct cv_topic_partition items[PARTITIONS];
    struct cv_topic_partitions offsets = { items, 0 };
    struct cv_err err = CV_ERR_INIT;

    for (size_t i = 0; i < parts->count; i++) {
        int32_t partition = parts->items[i].partition;

        if (member->next[partition] > 0)
            items[offsets.count++] = (struct cv_topic_partition){ member->topic, partition,
                                                                  member->next[partition], "x" };
    }
    assert_ok(cv_consumer_commit(member->consumer, &offsets, WAIT_MS, &err));
}

static void
on_assigned(void *arg, struct cv_topic_partitions *parts)
{
    struct member *member = arg;

    member->assigned++;
    for (size_t i = 0; i < parts->count; i++) {
        assert_string_equal(parts->items[i].topic, member->topic);
        assert_int_equal(parts->items[i].offset, CV_OFFSET_STORED);
        member->next[parts->items[i].partition] = 0;
    }
}

static void
on_revoked(void *arg, const struct cv_topic_partitions *parts, bool lost)
{
    struct member *member = arg;

    member->revoked++;
    member->lost += lost;
    if (!lost)
        commit_parts(member, parts);
    for (size_t i = 0; i < parts->count; i++)
        member->next[parts->items[i].partition] = CV_OFFSET_INVALID;
}

static void
member_start(struct member *member, const char *topic, const char *group, const char *strategy)
{
    struct cv_kafka_conf conf = conf_with2(CV_KAFKA_CONSUMER, "partition.assignment.strategy",
                                           strategy, "heartbeat.interval.ms", "300");
    struct cv_consumer_events events = { .arg = member,
                                         .assigned = on_assigned,
                                         .revoked = on_revoked };
    struct cv_err err = CV_ERR_INIT;

    *member = (struct member){ .topic = topic };
    for (int i = 0; i < PARTITIONS; i++)
        member->next[i] = CV_OFFSET_INVALID;
    assert_ok(cv_consumer_new(&conf, group, &events, &member->consumer, &err));
    cv_config_free((struct cv_config *)(uintptr_t)conf.layers[0]);
    assert_ok(cv_consumer_subscribe(member->consumer, &topic, 1, &err));
}

/* Read a few messages; each must follow the one before in a partition that the member owns. */
static void
member_poll(struct member *member)
{
    struct cv_consumed msgs[50];
    struct cv_err err = CV_ERR_INIT;
    size_t count = 0;

    if (member->consumer == NULL)
        return;
    assert_ok(cv_consumer_poll(member->consumer, msgs, CV_COUNT(msgs), 20, &count, &err));
    for (size_t i = 0; i < count; i++) {
        int64_t *next = &member->next[msgs[i].partition];

        if (msgs[i].eof)
            continue;
        if (*next == CV_OFFSET_INVALID)
            fail_msg("message %lld of partition %d, which is not ours", (long long)msgs[i].offset,
                     msgs[i].partition);
        if (*next > 0 && msgs[i].offset != *next)
            fail_msg("message %lld of partition %d instead of %lld", (long long)msgs[i].offset,
                     msgs[i].partition, (long long)*next);
        *next = msgs[i].offset + 1;
        seen[msgs[i].partition][msgs[i].offset]++;
    }
    cv_consumed_free(msgs, count);
}

static int
owned(const struct member *member)
{
    int count = 0;

    for (int i = 0; i < PARTITIONS; i++)
        count += member->next[i] != CV_OFFSET_INVALID;
    return count;
}

static bool
all_seen(void)
{
    for (int p = 0; p < PARTITIONS; p++)
        for (int i = 0; i < MESSAGES; i++)
            if (seen[p][i] == 0)
                return false;
    return true;
}

static void
fill(const char *topic)
{
    struct cv_producer *producer = make_producer(NULL);
    struct cv_err err = CV_ERR_INIT;

    for (int i = 0; i < MESSAGES; i++)
        for (int p = 0; p < PARTITIONS; p++)
            send_text(producer, topic, p, "k", "some value that is not too short");
    assert_ok(cv_producer_flush(producer, WAIT_MS, &err));
    cv_producer_free(producer, 0);
    memset(seen, 0, sizeof(seen));
}

/* One member, then two, then one again, while a topic is read: every message once, in order. */
static void
rebalances_neither_lose_nor_repeat(const char *strategy, bool cooperative)
{
    const char *topic = make_topic("rebalance", PARTITIONS), *group = unique("rebalance");
    int64_t deadline = cv_mono_ms() + 60000;
    struct member first, second = { 0 };
    int joins = 0;

    fill(topic);
    member_start(&first, topic, group, strategy);
    while (owned(&first) < PARTITIONS && cv_mono_ms() < deadline)
        member_poll(&first);
    assert_int_equal(owned(&first), PARTITIONS);
    while (!all_seen() && cv_mono_ms() < deadline) {
        member_poll(&first);
        if (second.consumer == NULL && joins < 3) {
            member_start(&second, topic, group, strategy);
            joins++;
        }
        member_poll(&second);
        if (second.consumer != NULL && owned(&second) > 0 &&
            owned(&first) + owned(&second) == PARTITIONS && joins < 3) {
            cv_consumer_free(second.consumer); /* commits what it read, in revoked */
            second.consumer = NULL;
        }
    }
    assert_true(all_seen());
    assert_int_equal(joins, 3);
    assert_true(first.revoked >= 1);
    assert_int_equal(first.lost, 0);
    if (cooperative)
        assert_true(first.assigned > 1);
    cv_consumer_free(second.consumer);
    cv_consumer_free(first.consumer);
    for (int p = 0; p < PARTITIONS; p++)
        for (int i = 0; i < MESSAGES; i++)
            if (seen[p][i] != 1)
                fail_msg("message %d of partition %d came %d times", i, p, seen[p][i]);
}

static void
eager_rebalances_neither_lose_nor_repeat(void **state)
{
    (void)state;
    rebalances_neither_lose_nor_repeat("range", false);
}

static void
cooperative_rebalances_neither_lose_nor_repeat(void **state)
{
    (void)state;
    rebalances_neither_lose_nor_repeat("cooperative-sticky", true);
}

static void
start_at_seven(void *arg, struct cv_topic_partitions *parts)
{
    (void)arg;
    for (size_t i = 0; i < parts->count; i++)
        parts->items[i].offset = 7;
}

static void
the_owner_says_where_an_assignment_starts(void **state)
{
    const char *topic = make_topic("start-at", 1);
    struct cv_kafka_conf conf = conf_with(CV_KAFKA_CONSUMER, NULL, NULL);
    struct cv_consumer_events events = { .assigned = start_at_seven };
    struct cv_producer *producer = make_producer(NULL);
    struct cv_consumer *consumer;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    for (int i = 0; i < 10; i++) {
        char value[16];

        snprintf(value, sizeof(value), "v%d", i);
        send_text(producer, topic, 0, "k", value);
    }
    assert_ok(cv_producer_flush(producer, WAIT_MS, &err));
    assert_ok(cv_consumer_new(&conf, unique("start-at"), &events, &consumer, &err));
    cv_config_free((struct cv_config *)(uintptr_t)conf.layers[0]);
    assert_ok(cv_consumer_subscribe(consumer, &topic, 1, &err));
    assert_next(consumer, "v7");
    cv_consumer_free(consumer);
    cv_producer_free(producer, 0);
}

static void
a_subscription_waits_for_its_topic(void **state)
{
    const char *topic = unique("later");
    struct cv_topic_spec spec = { .name = topic, .partitions = 1, .replication = 1 };
    struct cv_kafka_conf conf =
        conf_with(CV_KAFKA_CONSUMER, "topic.metadata.refresh.interval.ms", "500");
    struct cv_consumer *consumer;
    struct cv_consumed msg;
    struct cv_err err = CV_ERR_INIT;
    bool created;

    (void)state;
    assert_ok(cv_consumer_new(&conf, unique("later"), NULL, &consumer, &err));
    cv_config_free((struct cv_config *)(uintptr_t)conf.layers[0]);
    assert_ok(cv_consumer_subscribe(consumer, &topic, 1, &err));
    for (int i = 0; i < 20; i++) {
        size_t count = 0;

        assert_ok(cv_consumer_poll(consumer, &msg, 1, 100, &count, &err));
        assert_int_equal(count, 0);
    }
    assert_ok(cv_admin_topic_create(admin, &spec, WAIT_MS, &created, &err));
    put_text(topic, 0, "k", "at last");
    assert_next(consumer, "at last");
    cv_consumer_free(consumer);
    topic = "^.*";
    conf = conf_with(CV_KAFKA_CONSUMER, NULL, NULL);
    assert_ok(cv_consumer_new(&conf, unique("regex"), NULL, &consumer, &err));
    cv_config_free((struct cv_config *)(uintptr_t)conf.layers[0]);
    assert_int_equal(cv_consumer_subscribe(consumer, &topic, 1, &err), CV_INVALID);
    cv_consumer_free(consumer);
}

static void
a_members_offsets_go_into_its_transaction(void **state)
{
    const char *topic = make_topic("member-txn", PARTITIONS), *group = unique("member-txn");
    struct cv_topic_partition part = { topic, 2, 17, "target=3" };
    struct cv_topic_partitions parts = { &part, 1 }, got = { 0 };
    struct cv_producer *producer = make_producer(unique("member-txn"));
    int64_t deadline = cv_mono_ms() + WAIT_MS;
    struct cv_err err = CV_ERR_INIT;
    struct member member;

    (void)state;
    member_start(&member, topic, group, "cooperative-sticky");
    while (owned(&member) < PARTITIONS && cv_mono_ms() < deadline)
        member_poll(&member);
    assert_ok(cv_producer_txn_init(producer, WAIT_MS, &err));
    assert_ok(cv_producer_txn_begin(producer, &err));
    assert_ok(cv_producer_txn_offsets(producer, &parts, member.consumer, WAIT_MS, &err));
    assert_ok(cv_producer_txn_commit(producer, WAIT_MS, &err));
    /* as Java's admin client, ours does not wait for the transaction's marker */
    while (got.count == 0 && cv_mono_ms() < deadline)
        assert_ok(cv_admin_group_offsets(admin, group, WAIT_MS, &got, &err));
    assert_int_equal(got.count, 1);
    assert_int_equal(got.items[0].offset, 17);
    assert_string_equal(got.items[0].metadata, "target=3");
    cv_topic_partitions_done(&got);
    cv_consumer_free(member.consumer);
    cv_producer_free(producer, 0);
}

/* -- Offsets of a group from outside -- */

static void
a_missing_group_has_no_offsets_and_can_be_deleted(void **state)
{
    const char *group = unique("missing");
    struct cv_topic_partitions offsets = { 0 };
    struct cv_topic_partition part = { make_topic("missing-group", 1), 0, 0, NULL };
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_ok(cv_admin_group_offsets(admin, group, WAIT_MS, &offsets, &err));
    assert_int_equal(offsets.count, 0);
    assert_ok(cv_admin_group_offsets_delete(admin, group, &(struct cv_topic_partitions){ &part, 1 },
                                            WAIT_MS, &err));
    assert_ok(cv_admin_group_delete(admin, group, WAIT_MS, &err));
}

static void
offsets_of_a_group_are_read_changed_and_deleted(void **state)
{
    const char *topic = make_topic("group-offsets", 2), *group = unique("group-offsets");
    struct cv_topic_partition items[] = { { topic, 0, 11, NULL }, { topic, 1, 22, NULL } };
    struct cv_topic_partitions parts = { items, 2 }, got = { 0 };
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_ok(cv_admin_group_offsets_alter(admin, group, &parts, WAIT_MS, &err));
    assert_ok(cv_admin_group_offsets(admin, group, WAIT_MS, &got, &err));
    assert_int_equal(got.count, 2);
    assert_string_equal(got.items[0].topic, topic);
    assert_int_equal(got.items[0].offset + got.items[1].offset, 33);
    cv_topic_partitions_done(&got);
    parts.count = 1;
    assert_ok(cv_admin_group_offsets_delete(admin, group, &parts, WAIT_MS, &err));
    assert_ok(cv_admin_group_offsets(admin, group, WAIT_MS, &got, &err));
    assert_int_equal(got.count, 1);
    assert_int_equal(got.items[0].partition, 1);
    cv_topic_partitions_done(&got);
    assert_ok(cv_admin_group_delete(admin, group, WAIT_MS, &err));
    assert_ok(cv_admin_group_offsets(admin, group, WAIT_MS, &got, &err));
    assert_int_equal(got.count, 0);
}

static void
a_group_with_members_is_a_conflict(void **state)
{
    const char *topic = make_topic("busy", PARTITIONS), *group = unique("busy");
    struct cv_topic_partition part = { topic, 0, 5, NULL };
    struct cv_topic_partitions parts = { &part, 1 };
    int64_t deadline = cv_mono_ms() + WAIT_MS;
    struct cv_err err = CV_ERR_INIT;
    struct member member;

    (void)state;
    member_start(&member, topic, group, "range");
    while (owned(&member) == 0 && cv_mono_ms() < deadline)
        member_poll(&member);
    assert_int_equal(cv_admin_group_offsets_alter(admin, group, &parts, WAIT_MS, &err),
                     CV_CONFLICT);
    assert_ok(cv_consumer_commit(member.consumer, &parts, WAIT_MS, &err));
    assert_int_equal(cv_admin_group_offsets_delete(admin, group, &parts, WAIT_MS, &err),
                     CV_CONFLICT);
    assert_int_equal(cv_admin_group_delete(admin, group, WAIT_MS, &err), CV_CONFLICT);
    assert_non_null(strstr(err.text, group));
    assert_int_equal(cv_consumer_assign_add(member.consumer, &parts, &err), CV_INVALID);
    cv_consumer_free(member.consumer);
    assert_ok(cv_admin_group_delete(admin, group, WAIT_MS, &err));
}

int
group_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eager_rebalances_neither_lose_nor_repeat),
        cmocka_unit_test(cooperative_rebalances_neither_lose_nor_repeat),
        cmocka_unit_test(the_owner_says_where_an_assignment_starts),
        cmocka_unit_test(a_members_offsets_go_into_its_transaction),
        cmocka_unit_test(a_subscription_waits_for_its_topic),
        cmocka_unit_test(a_missing_group_has_no_offsets_and_can_be_deleted),
        cmocka_unit_test(offsets_of_a_group_are_read_changed_and_deleted),
        cmocka_unit_test(a_group_with_members_is_a_conflict),
    };

    return cmocka_run_group_tests_name("kafka_group", tests, NULL, NULL);
}
