/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions of a producer, with a cluster whose coordinators are busy, move, break and know others. */
#include "tests/helper/cmocka_all.h"

#include <stdio.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/kafka/consumer.h"
#include "common/kafka/handle.h"
#include "common/wire/message.h"
#include "tests/helper/producing.h"

/* ---- a consumer's membership, which is this ---- */

static struct {
    int32_t generation;
    const char *member, *instance;
} membership;

struct kafka_handle *__wrap_kafka_consumer_handle(struct cv_consumer *consumer);
struct kafka_handle *
__wrap_kafka_consumer_handle(struct cv_consumer *consumer)
{
    static struct kafka_handle handle;

    (void)consumer;
    return &handle;
}

rd_kafka_consumer_group_metadata_t *__wrap_rd_kafka_consumer_group_metadata(rd_kafka_t *rk);
rd_kafka_consumer_group_metadata_t *
__wrap_rd_kafka_consumer_group_metadata(rd_kafka_t *rk)
{
    (void)rk;
    return rd_kafka_consumer_group_metadata_new_with_genid("g", membership.generation, membership.member,
                                                           membership.instance);
}

static enum cv_rc
put_offsets(struct producing *p, int64_t offset, int timeout_ms, struct cv_err *err)
{
    struct cv_topic_partition items[] = { { "in", 1, offset + 1, "note" },
                                          { "too", 0, offset + 2, NULL },
                                          { "in", 0, offset, NULL } };
    const struct cv_topic_partitions offsets = { items, CV_COUNT(items) };

    return cv_producer_txn_offsets(p->producer, &offsets, NULL, timeout_ms, err);
}

/* ---- a transactional producer ---- */

static void
must(enum cv_rc rc, const struct cv_err *err)
{
    if (rc != CV_OK)
        fail_msg("%s", err->text);
}

/* Before it is opened; keys may be set. */
static void
prepare(struct producing *p, int n_brokers, int n_partitions)
{
    producing_start(p, n_brokers, 0);
    fake_kafka_create_topic(p->k, "t", n_partitions);
    membership.generation = -1;
    membership.member = "";
    membership.instance = NULL;
}

static void
init(struct producing *p)
{
    struct cv_err err = CV_ERR_INIT;

    producing_open(p, "tx");
    must(cv_producer_txn_init(p->producer, 10000, &err), &err);
}

static void
start(struct producing *p, int n_brokers, int n_partitions)
{
    prepare(p, n_brokers, n_partitions);
    init(p);
}

static void
begin(struct producing *p)
{
    struct cv_err err = CV_ERR_INIT;

    must(cv_producer_txn_begin(p->producer, &err), &err);
}

static void
commit(struct producing *p)
{
    struct cv_err err = CV_ERR_INIT;

    must(cv_producer_txn_commit(p->producer, 10000, &err), &err);
}

static void
abort_txn(struct producing *p)
{
    struct cv_err err = CV_ERR_INIT;

    must(cv_producer_txn_abort(p->producer, 10000, &err), &err);
}

static void
expect_all(struct producing *p, int partition, enum fake_kafka_txn how, size_t count)
{
    size_t n;
    const struct fake_kafka_record *records = fake_kafka_records(p->k, "t", partition, &n);

    assert_int_equal(n, count);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(records[i].txn, how);
}

/* What was sent, refused and given up leaves a gap in the sequence: another producer goes on. This one must not ask for
   another epoch itself, since its id may have a new owner by then. */
static void
go_on_with_another(struct producing *p)
{
    int inits = fake_kafka_count(p->k, CV_WIRE_INIT_PRODUCER_ID);
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(cv_producer_txn_begin(p->producer, &err), CV_RETRY);
    assert_non_null(strstr(err.text, "the producer cannot go on"));
    assert_int_equal(fake_kafka_count(p->k, CV_WIRE_INIT_PRODUCER_ID), inits);
    cv_producer_free(p->producer, 0);
    p->producer = NULL;
    init(p);
    begin(p);
}

/* Where an abort gave up what had been sent, or an end was not answered, another producer begins. */
static void
begin_or_renew(struct producing *p)
{
    struct cv_err err = CV_ERR_INIT;

    if (cv_producer_check(p->producer, &err) == CV_OK)
        begin(p);
    else
        go_on_with_another(p);
}

/* Numbers from 0 on that were committed, in order and each once. */
static void
expect_committed(struct producing *p, int partition, int count)
{
    size_t n;
    const struct fake_kafka_record *records = fake_kafka_records(p->k, "t", partition, &n);
    int found = 0;

    for (size_t i = 0; i < n; i++) {
        if (records[i].txn == FAKE_ABORTED)
            continue;
        assert_int_equal(records[i].txn, FAKE_COMMITTED);
        assert_string_equal(records[i].value, producing_number(found++));
    }
    assert_int_equal(found, count);
}

/* ---- what goes well ---- */

static void
transactions_are_committed_and_aborted(void **state)
{
    struct producing p;

    (void)state;
    start(&p, 2, 2);
    begin(&p);
    producing_send_numbers(&p, "t", 2, 0, 100);
    commit(&p);
    expect_all(&p, 0, FAKE_COMMITTED, 50);
    expect_all(&p, 1, FAKE_COMMITTED, 50);
    assert_int_equal(p.delivery.pending, 1);
    begin(&p);
    producing_put(&p, "t", 0, "in vain", &p.delivery);
    producing_flush(&p, 5000);
    abort_txn(&p);
    assert_int_equal(producing_record(&p, "t", 0, 50).txn, FAKE_ABORTED);
    begin(&p);
    producing_put(&p, "t", 0, "again", &p.delivery);
    commit(&p);
    assert_int_equal(producing_record(&p, "t", 0, 51).txn, FAKE_COMMITTED);
    assert_int_equal(producing_record(&p, "t", 0, 51).epoch, producing_record(&p, "t", 0, 0).epoch);
    assert_int_equal(p.delivery.failed, 0);
    assert_int_equal(fake_kafka_count(p.k, CV_WIRE_INIT_PRODUCER_ID), 1);
    producing_stop(&p);
}

static void
an_empty_transaction_is_nobodys_business(void **state)
{
    struct producing p;

    (void)state;
    start(&p, 1, 1);
    begin(&p);
    commit(&p);
    begin(&p);
    abort_txn(&p);
    assert_int_equal(fake_kafka_count(p.k, CV_WIRE_END_TXN), 0);
    begin(&p);
    producing_send_numbers(&p, "t", 1, 0, 1);
    commit(&p);
    begin(&p);
    commit(&p);
    assert_int_equal(fake_kafka_count(p.k, CV_WIRE_END_TXN), 1);
    producing_stop(&p);
}

static void
many_partitions_are_one_transaction(void **state)
{
    struct producing p;

    (void)state;
    start(&p, 2, 200);
    for (int round = 0; round < 2; round++) {
        begin(&p);
        producing_send_numbers(&p, "t", 200, round * 400, round * 400 + 400);
        commit(&p);
    }
    for (int i = 0; i < 200; i++)
        expect_all(&p, i, FAKE_COMMITTED, 4);
    producing_expect_numbers(&p, "t", 200, 800);
    producing_stop(&p);
}

static void
abort_gives_up_what_waits_and_awaits_what_is_on_its_way(void **state)
{
    struct cv_delivery waiting, sent;
    struct producing p;

    (void)state;
    prepare(&p, 1, 2);
    fake_kafka_move_leader(p.k, "t", 1, -1);
    init(&p);
    cv_delivery_init(&waiting, producing_count_done);
    cv_delivery_init(&sent, producing_count_done);
    begin(&p);
    fake_kafka_delay(p.k, CV_WIRE_PRODUCE, 300);
    producing_put(&p, "t", 0, "sent", &sent);
    assert_true(fake_kafka_wait(p.k, CV_WIRE_PRODUCE, 1, 5000));
    producing_put(&p, "t", 1, "waits", &waiting);
    producing_put(&p, "nowhere", 0, "waits, too", &waiting);
    abort_txn(&p);
    assert_int_equal(waiting.pending, 1);
    assert_int_equal(waiting.failed, 2);
    assert_int_equal(sent.pending, 1);
    assert_int_equal(sent.failed, 0);
    expect_all(&p, 0, FAKE_ABORTED, 1);
    assert_int_equal(cv_producer_queued(p.producer), 0);
    fake_kafka_delay(p.k, CV_WIRE_PRODUCE, 0);
    fake_kafka_move_leader(p.k, "t", 1, 1);
    begin(&p);
    producing_send_numbers(&p, "t", 2, 0, 10);
    commit(&p);
    expect_all(&p, 1, FAKE_COMMITTED, 5);
    producing_stop(&p);
}

static void
after_an_abort_of_what_was_refused_another_producer_goes_on(void **state)
{
    struct cv_delivery refused;
    struct producing p;

    (void)state;
    start(&p, 1, 1);
    begin(&p);
    producing_send_numbers(&p, "t", 1, 0, 5);
    commit(&p);
    cv_delivery_init(&refused, producing_count_done);
    begin(&p);
    fake_kafka_fail(p.k, CV_WIRE_PRODUCE, CV_WIRE_NOT_ENOUGH_REPLICAS, 1000000);
    producing_put(&p, "t", 0, "refused", &refused);
    assert_true(fake_kafka_wait(p.k, CV_WIRE_PRODUCE, 3, 5000));
    abort_txn(&p);
    assert_int_equal(refused.failed, 1);
    assert_int_equal(refused.pending, 1);
    fake_kafka_fail(p.k, CV_WIRE_PRODUCE, 0, 0);
    go_on_with_another(&p);
    producing_send_numbers(&p, "t", 1, 5, 10);
    commit(&p);
    expect_committed(&p, 0, 10);
    producing_stop(&p);
}

/* It may have been written, or be yet. */
static void
after_an_abort_of_what_was_not_answered_another_producer_goes_on(void **state)
{
    struct cv_delivery unanswered;
    struct producing p;
    int count;

    (void)state;
    prepare(&p, 1, 1);
    producing_set(&p, "request.timeout.ms", "300");
    init(&p);
    cv_delivery_init(&unanswered, producing_count_done);
    for (int i = 0; i < 4; i++) {
        begin(&p);
        fake_kafka_drop(p.k, CV_WIRE_PRODUCE, 1000000, i % 2 == 0 ? FAKE_AFTER : FAKE_BEFORE);
        count = fake_kafka_count(p.k, CV_WIRE_PRODUCE);
        producing_put(&p, "t", 0, "in vain", &unanswered);
        assert_true(fake_kafka_wait(p.k, CV_WIRE_PRODUCE, count + 1, 5000));
        abort_txn(&p);
        fake_kafka_drop(p.k, CV_WIRE_PRODUCE, 0, FAKE_AFTER);
        go_on_with_another(&p);
        producing_send_numbers(&p, "t", 1, i * 5, i * 5 + 5);
        commit(&p);
    }
    assert_int_equal(unanswered.pending, 1);
    expect_committed(&p, 0, 20);
    producing_stop(&p);
}

/* ---- offsets ---- */

static void
offsets_go_with_the_transaction(void **state)
{
    struct cv_err err = CV_ERR_INIT;
    struct producing p;

    (void)state;
    start(&p, 2, 1);
    begin(&p);
    must(put_offsets(&p, 10, 5000, &err), &err);
    assert_int_equal(fake_kafka_offset(p.k, "g", "in", 0), -1);
    commit(&p);
    assert_int_equal(fake_kafka_offset(p.k, "g", "in", 0), 10);
    assert_int_equal(fake_kafka_offset(p.k, "g", "in", 1), 11);
    assert_int_equal(fake_kafka_offset(p.k, "g", "too", 0), 12);
    begin(&p);
    must(put_offsets(&p, 20, 5000, &err), &err);
    abort_txn(&p);
    assert_int_equal(fake_kafka_offset(p.k, "g", "in", 0), 10);
    begin(&p);
    must(cv_producer_txn_offsets(p.producer, &(struct cv_topic_partitions){ NULL, 0 }, NULL, 5000, &err), &err);
    commit(&p);
    assert_int_equal(fake_kafka_count(p.k, CV_WIRE_ADD_OFFSETS_TO_TXN), 2);
    assert_int_equal(fake_kafka_count(p.k, CV_WIRE_END_TXN), 2);
    producing_stop(&p);
}

static void
the_groups_member_is_named(void **state)
{
    static const struct {
        int32_t generation;
        const char *member, *instance;
    } cases[] = {
        { 7, "member-1", NULL },  { 0x01020304, "m", "instance-1" }, { 1, "", "i" },
        { 3, "consumer-ä-1", "" }, { -1, "", NULL },
    };
    struct cv_err err = CV_ERR_INIT;
    struct producing p;

    (void)state;
    start(&p, 1, 1);
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        membership.generation = cases[i].generation;
        membership.member = cases[i].member;
        membership.instance = cases[i].instance;
        fake_kafka_group(p.k, "g", cases[i].generation, cases[i].member);
        begin(&p);
        must(put_offsets(&p, (int64_t)i * 10, 5000, &err), &err);
        commit(&p);
        assert_int_equal(fake_kafka_offset(p.k, "g", "in", 0), i * 10);
        if (cases[i].instance == NULL)
            assert_null(fake_kafka_instance(p.k));
        else
            assert_string_equal(fake_kafka_instance(p.k), cases[i].instance);
    }
    producing_stop(&p);
}

static void
offsets_of_a_member_that_was_left_behind_are_refused(void **state)
{
    struct cv_err err = CV_ERR_INIT;
    struct producing p;

    (void)state;
    start(&p, 1, 1);
    membership.generation = 2;
    membership.member = "m";
    fake_kafka_group(p.k, "g", 3, "m");
    begin(&p);
    assert_int_equal(put_offsets(&p, 1, 5000, &err), CV_CONFLICT);
    assert_non_null(strstr(err.text, "could not put offsets into the transaction"));
    assert_int_equal(cv_producer_txn_begin(p.producer, &err), CV_RETRY);
    producing_stop(&p);
}

/* ---- coordinators ---- */

/* All steps of two transactions, with offsets. */
static void
go_through(struct producing *p)
{
    struct cv_err err = CV_ERR_INIT;

    init(p);
    for (int i = 0; i < 2; i++) {
        begin_or_renew(p);
        producing_send_numbers(p, "t", 2, i * 10, i * 10 + 10);
        must(put_offsets(p, i, 10000, &err), &err);
        commit(p);
    }
    producing_expect_numbers(p, "t", 2, 20);
    expect_all(p, 0, FAKE_COMMITTED, 10);
    expect_all(p, 1, FAKE_COMMITTED, 10);
    assert_int_equal(fake_kafka_offset(p->k, "g", "in", 0), 1);
}

static const int steps[] = { CV_WIRE_FIND_COORDINATOR,   CV_WIRE_INIT_PRODUCER_ID,  CV_WIRE_ADD_PARTITIONS_TO_TXN,
                             CV_WIRE_ADD_OFFSETS_TO_TXN, CV_WIRE_TXN_OFFSET_COMMIT, CV_WIRE_END_TXN };

static void
a_coordinator_that_is_busy_is_asked_again(void **state)
{
    static const int16_t errors[] = { CV_WIRE_CONCURRENT_TRANSACTIONS, CV_WIRE_COORDINATOR_LOAD_IN_PROGRESS,
                                      CV_WIRE_NOT_COORDINATOR, CV_WIRE_COORDINATOR_NOT_AVAILABLE };

    (void)state;
    for (size_t s = 0; s < CV_COUNT(steps); s++)
        for (size_t e = 0; e < CV_COUNT(errors); e++) {
            struct producing p;

            prepare(&p, 2, 2);
            fake_kafka_fail(p.k, steps[s], errors[e], 3);
            go_through(&p);
            assert_true(fake_kafka_count(p.k, steps[s]) >= 4);
            producing_stop(&p);
        }
}

static void
a_connection_that_breaks_at_any_step_loses_nothing(void **state)
{
    (void)state;
    for (size_t s = 0; s <= CV_COUNT(steps); s++)
        for (int when = FAKE_BEFORE; when <= FAKE_AFTER; when++) {
            struct producing p;

            prepare(&p, 2, 2);
            fake_kafka_drop(p.k, s < CV_COUNT(steps) ? steps[s] : CV_WIRE_PRODUCE, 2, (enum fake_kafka_when)when);
            go_through(&p);
            producing_stop(&p);
        }
}

static void
a_coordinator_that_moves_is_found(void **state)
{
    struct cv_err err = CV_ERR_INIT;
    struct producing p;

    (void)state;
    start(&p, 2, 2);
    for (int i = 0; i < 6; i++) {
        fake_kafka_move_coordinator(p.k, i % 2 + 1);
        begin(&p);
        producing_write_numbers(&p, "t", 2, i * 10, i * 10 + 10);
        fake_kafka_move_coordinator(p.k, (i / 2) % 2 + 1);
        must(put_offsets(&p, i, 10000, &err), &err);
        fake_kafka_move_coordinator(p.k, (i / 3) % 2 + 1);
        commit(&p);
    }
    producing_expect_numbers(&p, "t", 2, 60);
    expect_all(&p, 0, FAKE_COMMITTED, 30);
    producing_stop(&p);
}

/* Others know of it later: for a while they go on naming the one that is gone. */
/* A broker that is asked for a coordinator answers what it was asked before, or another is asked. */
static void
a_coordinator_is_found_behind_another_question(void **state)
{
    (void)state;
    for (int silent = 0; silent < 2; silent++) {
        struct cv_err err = CV_ERR_INIT;
        struct producing p;

        start(&p, 1, 1);
        fake_kafka_create_topic(p.k, "new", 1);
        begin(&p);
        producing_write_numbers(&p, "t", 1, 0, 5);
        fake_kafka_delay(p.k, CV_WIRE_METADATA, 300);
        fake_kafka_silence(p.k, CV_WIRE_METADATA, silent);
        producing_put(&p, "new", 0, "v", &p.delivery);
        assert_true(fake_kafka_wait(p.k, CV_WIRE_METADATA, 2, 5000));
        must(put_offsets(&p, 7, 10000, &err), &err);
        commit(&p);
        assert_int_equal(fake_kafka_offset(p.k, "g", "in", 0), 7);
        assert_int_equal(producing_count(&p, "new", 0), 1);
        assert_int_equal(fake_kafka_count(p.k, CV_WIRE_METADATA), 2 + silent);
        expect_committed(&p, 0, 5);
        producing_stop(&p);
    }
}

static void
a_coordinator_that_is_gone_is_looked_for_anew(void **state)
{
    struct cv_err err = CV_ERR_INIT;
    struct producing p;

    (void)state;
    start(&p, 3, 1);
    fake_kafka_move_leader(p.k, "t", 0, 3);
    begin(&p);
    producing_write_numbers(&p, "t", 1, 0, 10);
    fake_kafka_be_stale(p.k, true);
    fake_kafka_stop(p.k, 1);
    assert_int_equal(cv_producer_txn_commit(p.producer, 300, &err), CV_RETRY);
    producing_stop(&p);

    start(&p, 3, 1);
    fake_kafka_move_leader(p.k, "t", 0, 3);
    fake_kafka_be_stale(p.k, true);
    fake_kafka_stop(p.k, 1);
    begin(&p);
    producing_send_numbers(&p, "t", 1, 0, 10);
    usleep(200000);
    (void)cv_producer_poll(p.producer, 0);
    fake_kafka_move_coordinator(p.k, 2);
    must(cv_producer_txn_commit(p.producer, 5000, &err), &err);
    expect_committed(&p, 0, 10);
    producing_stop(&p);
}

/* The coordinator may know of it later than who leads it. */
static void
a_partition_that_the_coordinator_does_not_know_yet_is_added_again(void **state)
{
    struct producing p;

    (void)state;
    start(&p, 1, 1);
    fake_kafka_fail(p.k, CV_WIRE_ADD_PARTITIONS_TO_TXN, CV_WIRE_UNKNOWN_TOPIC_OR_PARTITION, 3);
    begin(&p);
    producing_send_numbers(&p, "t", 1, 0, 5);
    commit(&p);
    expect_committed(&p, 0, 5);
    producing_stop(&p);
}

/* One message to each of the first partitions of a topic, one after the other. */
static void
put_one_by_one(struct producing *p, const char *topic, int n_partitions)
{
    for (int i = 0; i < n_partitions; i++) {
        producing_put(p, topic, i, "v", &p->delivery);
        producing_flush(p, 5000);
    }
}

static void
what_two_transactions_had_is_added_with_the_first_partition(void **state)
{
    static const struct {
        int partitions, additions;
    } transactions[] = { { 3, 3 }, { 3, 3 }, { 3, 1 }, { 2, 1 }, { 3, 2 }, { 1, 1 }, { 3, 3 }, { 3, 3 }, { 3, 1 } };
    struct producing p;
    int additions = 0;

    (void)state;
    start(&p, 2, 3);
    for (size_t i = 0; i < CV_COUNT(transactions); i++) {
        begin(&p);
        put_one_by_one(&p, "t", transactions[i].partitions);
        commit(&p);
        additions += transactions[i].additions;
        if (fake_kafka_count(p.k, CV_WIRE_ADD_PARTITIONS_TO_TXN) != additions)
            fail_msg("transaction %zu: %d additions", i, fake_kafka_count(p.k, CV_WIRE_ADD_PARTITIONS_TO_TXN));
    }
    expect_all(&p, 2, FAKE_COMMITTED, 7);
    producing_stop(&p);
}

static void
what_is_added_before_it_is_needed_is_no_reason_to_fail(void **state)
{
    struct producing p;

    (void)state;
    start(&p, 1, 1);
    fake_kafka_create_topic(p.k, "u", 1);
    for (int i = 0; i < 4; i++) {
        begin(&p);
        put_one_by_one(&p, "t", 1);
        if (i < 2)
            put_one_by_one(&p, "u", 1);
        commit(&p);
        if (i == 1)
            fake_kafka_delete_topic(p.k, "u");
    }
    expect_all(&p, 0, FAKE_COMMITTED, 4);
    producing_stop(&p);
}

static void
the_group_is_added_before_its_offsets_are_there(void **state)
{
    struct cv_err err = CV_ERR_INIT;
    struct producing p;

    (void)state;
    start(&p, 1, 1);
    for (int i = 1; i <= 3; i++) {
        begin(&p);
        put_one_by_one(&p, "t", 1);
        if (i > 1)
            assert_true(fake_kafka_wait(p.k, CV_WIRE_ADD_OFFSETS_TO_TXN, i, 5000));
        if (i == 2)
            fake_kafka_drop(p.k, CV_WIRE_ADD_OFFSETS_TO_TXN, 1, FAKE_BEFORE); /* of the third */
        must(put_offsets(&p, 10 * i, 5000, &err), &err);
        commit(&p);
        assert_int_equal(fake_kafka_offset(p.k, "g", "in", 0), 10 * i);
    }
    assert_int_equal(fake_kafka_count(p.k, CV_WIRE_ADD_OFFSETS_TO_TXN), 4);
    begin(&p); /* it is expected, and does not come */
    put_one_by_one(&p, "t", 1);
    commit(&p);
    begin(&p);
    put_one_by_one(&p, "t", 1);
    commit(&p);
    assert_int_equal(fake_kafka_count(p.k, CV_WIRE_ADD_OFFSETS_TO_TXN), 5);
    expect_all(&p, 0, FAKE_COMMITTED, 5);
    producing_stop(&p);
}

static void
a_topic_that_was_deleted_breaks_the_transaction(void **state)
{
    struct cv_err err = CV_ERR_INIT;
    struct producing p;

    (void)state;
    prepare(&p, 1, 1);
    producing_set(&p, "topic.metadata.propagation.max.ms", "200");
    init(&p);
    begin(&p);
    producing_send_numbers(&p, "t", 1, 0, 5);
    commit(&p);
    fake_kafka_delete_topic(p.k, "t");
    begin(&p);
    producing_put(&p, "t", 0, "v", &p.delivery);
    assert_int_equal(cv_producer_txn_commit(p.producer, 5000, &err), CV_RETRY);
    assert_non_null(strstr(err.text, "could not produce to topic \"t\""));
    producing_expect_failed(&p, &p.delivery, 1, CV_NOT_FOUND, "the topic is not there");
    producing_stop(&p);
}

/* Some are aborted; whatever breaks, the others are there in order, each number once. */
static void
many_transactions_keep_their_order_whatever_happens(void **state)
{
    static const int apis[] = { CV_WIRE_PRODUCE, CV_WIRE_ADD_PARTITIONS_TO_TXN, CV_WIRE_END_TXN, CV_WIRE_METADATA };
    int number = 0;
    struct cv_delivery aborted;
    struct producing p;

    (void)state;
    start(&p, 3, 1);
    cv_delivery_init(&aborted, producing_count_done);
    for (int i = 0; i < 150; i++) {
        int api = apis[i % (int)CV_COUNT(apis)];

        if (i % 3 == 0)
            fake_kafka_drop(p.k, api, 1, i % 2 == 0 ? FAKE_BEFORE : FAKE_AFTER);
        if (i % 10 == 5)
            fake_kafka_move_leader(p.k, "t", 0, 1 + i % 3);
        if (i % 7 == 3)
            fake_kafka_move_coordinator(p.k, 1 + i % 3);
        if (i % 5 == 1)
            fake_kafka_fail(p.k, CV_WIRE_PRODUCE, CV_WIRE_NOT_ENOUGH_REPLICAS, 1);
        begin_or_renew(&p);
        if (i % 4 == 2) {
            for (int n = 0; n < 5; n++)
                producing_put(&p, "t", 0, "in vain", &aborted);
            abort_txn(&p);
        } else {
            producing_send_numbers(&p, "t", 1, number, number + 10);
            number += 10;
            commit(&p);
        }
    }
    assert_int_equal(p.delivery.failed, 0);
    assert_int_equal(aborted.pending, 1);
    expect_committed(&p, 0, number);
    producing_stop(&p);
}

/* ---- other producers ---- */

static void
swap(struct producing *p, struct cv_producer **other)
{
    struct cv_producer *now = p->producer;

    p->producer = *other;
    *other = now;
}

static void
expect_fenced(struct producing *p)
{
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(cv_producer_txn_commit(p->producer, 5000, &err), CV_FENCED);
    assert_non_null(strstr(err.text, "could not commit the transaction"));
    assert_int_equal(cv_producer_check(p->producer, &err), CV_FENCED);
    assert_int_equal(producing_send(p, "t", 0, NULL, "v", &p->delivery, &err), CV_FENCED);
    assert_int_equal(cv_producer_txn_begin(p->producer, &err), CV_FENCED);
}

/* Looked for again and again; how often it was not through yet. */
static int
commit_without_waiting(struct producing *p)
{
    struct cv_err err = CV_ERR_INIT;
    bool done = false;
    int looks = 0;

    for (;; looks++) {
        must(cv_producer_txn_commit_try(p->producer, 5000, &done, &err), &err);
        if (done)
            return looks;
        usleep(1000);
    }
}

static void
a_commit_need_not_be_waited_for(void **state)
{
    struct cv_err err = CV_ERR_INIT;
    bool done = true;
    struct producing p;

    (void)state;
    start(&p, 1, 1);
    fake_kafka_delay(p.k, CV_WIRE_PRODUCE, 30);
    fake_kafka_delay(p.k, CV_WIRE_END_TXN, 30);
    for (int i = 0; i < 3; i++) {
        begin(&p);
        producing_send_numbers(&p, "t", 1, 10 * i, 10 * i + 10);
        assert_true(commit_without_waiting(&p) > 5);
    }
    expect_committed(&p, 0, 30);
    fake_kafka_silence(p.k, CV_WIRE_END_TXN, 1);
    begin(&p);
    producing_send_numbers(&p, "t", 1, 30, 40);
    while (cv_producer_txn_commit_try(p.producer, 300, &done, &err) == CV_OK && !done)
        usleep(1000);
    assert_int_equal(err.rc, CV_RETRY);
    (void)commit_without_waiting(&p); /* asked for again */
    expect_committed(&p, 0, 40);
    producing_stop(&p);
}

static void
who_commits_without_waiting_is_fenced(void **state)
{
    struct cv_err err = CV_ERR_INIT;
    struct cv_producer *old;
    bool done = false;
    struct producing p;

    (void)state;
    start(&p, 1, 1);
    begin(&p);
    producing_send_numbers(&p, "t", 1, 0, 10);
    producing_flush(&p, 5000);
    old = p.producer;
    init(&p);
    swap(&p, &old);
    while (cv_producer_txn_commit_try(p.producer, 5000, &done, &err) == CV_OK && !done)
        usleep(1000);
    assert_int_equal(err.rc, CV_FENCED);
    assert_int_equal(cv_producer_txn_commit_try(p.producer, 5000, &done, &err), CV_FENCED);
    swap(&p, &old);
    cv_producer_free(old, 0);
    expect_all(&p, 0, FAKE_ABORTED, 10);
    producing_stop(&p);
}

/* Another one takes over before each step. */
static void
who_is_taken_over_from_is_fenced(void **state)
{
    enum { AT_PRODUCE, AT_ADD_PARTITIONS, AT_END, AT_OFFSETS, STEPS };

    (void)state;
    for (int step = 0; step < STEPS; step++) {
        struct cv_err err = CV_ERR_INIT;
        struct cv_producer *old;
        struct producing p;

        start(&p, 1, 2);
        begin(&p);
        producing_put(&p, "t", 0, "first", &p.delivery);
        producing_flush(&p, 5000);
        old = p.producer;
        init(&p);
        expect_all(&p, 0, FAKE_ABORTED, 1);
        swap(&p, &old);
        if (step == AT_PRODUCE)
            producing_put(&p, "t", 0, "late", &p.delivery);
        else if (step == AT_ADD_PARTITIONS)
            producing_put(&p, "t", 1, "late", &p.delivery);
        else if (step == AT_OFFSETS)
            assert_int_equal(put_offsets(&p, 1, 5000, &err), CV_FENCED);
        expect_fenced(&p);
        swap(&p, &old);
        begin(&p);
        producing_put(&p, "t", 0, "new", &p.delivery);
        commit(&p);
        assert_string_equal(producing_record(&p, "t", 0, 1).value, "new");
        assert_int_equal(producing_count(&p, "t", 1), 0);
        cv_producer_free(old, 0);
        producing_stop(&p);
    }
}

static void
a_broker_that_says_fenced_is_believed(void **state)
{
    static const int apis[] = { CV_WIRE_PRODUCE, CV_WIRE_ADD_PARTITIONS_TO_TXN, CV_WIRE_END_TXN,
                                CV_WIRE_ADD_OFFSETS_TO_TXN, CV_WIRE_TXN_OFFSET_COMMIT };
    static const int16_t errors[] = { CV_WIRE_PRODUCER_FENCED, CV_WIRE_INVALID_PRODUCER_EPOCH };

    (void)state;
    for (size_t a = 0; a < CV_COUNT(apis); a++)
        for (size_t e = 0; e < CV_COUNT(errors); e++) {
            struct cv_err err = CV_ERR_INIT;
            struct producing p;

            start(&p, 1, 1);
            fake_kafka_fail(p.k, apis[a], errors[e], 1);
            begin(&p);
            producing_put(&p, "t", 0, "v", &p.delivery);
            if (a > 2)
                assert_int_equal(put_offsets(&p, 1, 5000, &err), CV_FENCED);
            expect_fenced(&p);
            producing_stop(&p);
        }
}

static void
who_begins_anew_gets_the_next_epoch(void **state)
{
    struct producing p;

    (void)state;
    start(&p, 1, 1);
    begin(&p);
    producing_put(&p, "t", 0, "open", &p.delivery);
    producing_flush(&p, 5000);
    cv_producer_free(p.producer, 0);
    init(&p);
    begin(&p);
    producing_put(&p, "t", 0, "next", &p.delivery);
    commit(&p);
    assert_int_equal(producing_record(&p, "t", 0, 0).txn, FAKE_ABORTED);
    assert_int_equal(producing_record(&p, "t", 0, 1).txn, FAKE_COMMITTED);
    assert_int_equal(producing_record(&p, "t", 0, 1).epoch, producing_record(&p, "t", 0, 0).epoch + 1);
    assert_int_equal(producing_record(&p, "t", 0, 1).sequence, 0);
    producing_stop(&p);
}

/* ---- what does not go well ---- */

/* Whoever sees that it broke can see why. */
static void
what_breaks_a_transaction_is_reported_with_it(void **state)
{
    (void)state;
    for (int i = 0; i < 30; i++) {
        struct cv_err err = CV_ERR_INIT;
        struct producing p;

        start(&p, 1, 1);
        fake_kafka_fail(p.k, CV_WIRE_PRODUCE, CV_WIRE_TOPIC_AUTHORIZATION_FAILED, 1);
        begin(&p);
        assert_int_equal(producing_send(&p, "t", 0, NULL, "v", &p.delivery, &err), CV_OK);
        if (i % 2 == 0) {
            producing_flush(&p, 5000); /* every message has its report: that is all that it is about */
        } else {
            while (cv_producer_check(p.producer, &err) == CV_OK)
                (void)cv_producer_poll(p.producer, i % 4 == 1 ? 0 : 1);
            (void)cv_producer_poll(p.producer, 0);
        }
        assert_int_equal(p.delivery.failed, 1);
        assert_int_equal(cv_producer_check(p.producer, &err), CV_INVALID);
        producing_stop(&p);
    }
}

static void
a_message_that_fails_breaks_the_transaction(void **state)
{
    struct cv_err err = CV_ERR_INIT;
    struct producing p;

    (void)state;
    start(&p, 1, 1);
    fake_kafka_fail(p.k, CV_WIRE_PRODUCE, CV_WIRE_TOPIC_AUTHORIZATION_FAILED, 1);
    begin(&p);
    producing_put(&p, "t", 0, "v", &p.delivery);
    assert_int_equal(cv_producer_txn_commit(p.producer, 5000, &err), CV_INVALID);
    assert_non_null(strstr(err.text, "could not produce to topic \"t\""));
    assert_int_equal(fake_kafka_count(p.k, CV_WIRE_END_TXN), 0);
    assert_int_equal(producing_send(&p, "t", 0, NULL, "v", &p.delivery, &err), CV_CONFLICT);
    producing_await(&p, &p.delivery, 5000);
    assert_int_equal(p.delivery.failed, 1);
    producing_stop(&p);
}

/* Who may end a failure reads what is to be done. */
static void
what_the_coordinator_refuses_is_told_with_its_remedy(void **state)
{
    static const struct {
        int16_t error;
        const char *words;
    } rows[] = {
        { CV_WIRE_TOPIC_AUTHORIZATION_FAILED, "could not add topic \"t\" to a transaction: Broker: Topic authorization "
                                              "failed: grant WRITE and DESCRIBE on the topic" },
        { CV_WIRE_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, "grant WRITE and DESCRIBE on transactional id \"tx\"" },
        { CV_WIRE_PRODUCER_FENCED, "another producer took the transactional id \"tx\"" },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(rows); i++) {
        struct cv_err err = CV_ERR_INIT;
        struct producing p;

        start(&p, 1, 1);
        fake_kafka_fail(p.k, CV_WIRE_ADD_PARTITIONS_TO_TXN, rows[i].error, 1);
        begin(&p);
        producing_put(&p, "t", 0, "v", &p.delivery);
        assert_int_not_equal(cv_producer_txn_commit(p.producer, 5000, &err), CV_OK);
        assert_non_null(strstr(err.text, rows[i].words));
        producing_stop(&p);
    }
}

static void
a_timeout_that_brokers_do_not_allow_is_told_with_its_remedy(void **state)
{
    struct cv_err err = CV_ERR_INIT;
    struct producing p;

    (void)state;
    prepare(&p, 1, 1);
    producing_set(&p, "transaction.timeout.ms", "1000000");
    producing_open(&p, "tx");
    fake_kafka_fail(p.k, CV_WIRE_INIT_PRODUCER_ID, CV_WIRE_INVALID_TRANSACTION_TIMEOUT, 1);
    assert_int_equal(cv_producer_txn_init(p.producer, 5000, &err), CV_INVALID);
    assert_non_null(strstr(err.text, "it is 1000000; lower producer.override.transaction.timeout.ms"));
    assert_non_null(strstr(err.text, "transaction.max.timeout.ms of the brokers"));
    producing_stop(&p);
}

/* Its coordinator ended it: trying again helps nothing. */
static void
a_transaction_that_is_no_more_is_given_up_at_once(void **state)
{
    struct cv_err err = CV_ERR_INIT;
    struct producing p;

    (void)state;
    start(&p, 1, 1);
    fake_kafka_fail(p.k, CV_WIRE_PRODUCE, CV_WIRE_INVALID_TXN_STATE, 1000000);
    begin(&p);
    producing_put(&p, "t", 0, "v", &p.delivery);
    assert_int_equal(cv_producer_txn_commit(p.producer, 5000, &err), CV_RETRY);
    assert_non_null(strstr(err.text, "could not produce to topic \"t\""));
    assert_int_equal(fake_kafka_count(p.k, CV_WIRE_PRODUCE), 1);
    assert_int_equal(fake_kafka_count(p.k, CV_WIRE_END_TXN), 0);
    producing_await(&p, &p.delivery, 5000);
    producing_stop(&p);
}

/* Nobody asks for its report: the commit tells. */
static void
a_message_without_a_delivery_fails_the_commit(void **state)
{
    struct cv_err err = CV_ERR_INIT;
    struct producing p;

    (void)state;
    prepare(&p, 1, 1);
    producing_set(&p, "topic.metadata.propagation.max.ms", "200");
    init(&p);
    begin(&p);
    assert_int_equal(producing_send(&p, "nowhere", 0, NULL, "v", NULL, &err), CV_OK);
    assert_int_equal(cv_producer_txn_commit(p.producer, 5000, &err), CV_RETRY);
    assert_non_null(strstr(err.text, "\"nowhere\""));
    assert_int_equal(fake_kafka_count(p.k, CV_WIRE_END_TXN), 0);
    producing_stop(&p);
}

static void
what_is_too_large_for_the_broker_goes_in_smaller_batches(void **state)
{
    struct producing p;

    (void)state;
    prepare(&p, 1, 1);
    producing_set(&p, "linger.ms", "20");
    init(&p);
    fake_kafka_max_bytes(p.k, 3000);
    for (int i = 0; i < 3; i++) {
        begin(&p);
        producing_send_numbers(&p, "t", 1, i * 1000, i * 1000 + 1000);
        commit(&p);
    }
    expect_committed(&p, 0, 3000);
    producing_stop(&p);
}

/* ---- time-outs ---- */

#define SHORT_MS 300

static void
expect_in_time(int64_t began_ms)
{
    assert_in_range(cv_mono_ms() - began_ms, 0, SHORT_MS + 1200);
}

static void
init_ends_within_its_time(void **state)
{
    static const int apis[] = { CV_WIRE_FIND_COORDINATOR, CV_WIRE_INIT_PRODUCER_ID, -1 };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(apis); i++) {
        struct cv_err err = CV_ERR_INIT;
        struct producing p;
        int64_t began;

        prepare(&p, 1, 1);
        if (apis[i] >= 0)
            fake_kafka_silence(p.k, apis[i], 1000000);
        else
            fake_kafka_stop(p.k, 1);
        producing_open(&p, "tx");
        began = cv_mono_ms();
        assert_int_equal(cv_producer_txn_init(p.producer, SHORT_MS, &err), CV_RETRY);
        assert_non_null(strstr(err.text, "could not start with transactions"));
        expect_in_time(began);
        fake_kafka_silence(p.k, CV_WIRE_FIND_COORDINATOR, 0);
        fake_kafka_silence(p.k, CV_WIRE_INIT_PRODUCER_ID, 0);
        fake_kafka_start(p.k, 1);
        must(cv_producer_txn_init(p.producer, 5000, &err), &err); /* it may be tried again */
        producing_stop(&p);
    }
}

static void
the_end_comes_within_its_time(void **state)
{
    static const int apis[] = { CV_WIRE_PRODUCE, CV_WIRE_ADD_PARTITIONS_TO_TXN, CV_WIRE_END_TXN };

    (void)state;
    for (size_t i = 0; i < 2 * CV_COUNT(apis); i++) {
        struct cv_err err = CV_ERR_INIT;
        struct producing p;
        int64_t began;
        enum cv_rc rc;

        start(&p, 1, 1);
        fake_kafka_silence(p.k, apis[i / 2], 1000000);
        begin(&p);
        producing_put(&p, "t", 0, "v", &p.delivery);
        if (i / 2 < 2)
            assert_true(fake_kafka_wait(p.k, apis[i / 2], 1, 5000));
        else
            producing_flush(&p, 5000);
        began = cv_mono_ms();
        rc = i % 2 == 0 ? cv_producer_txn_commit(p.producer, SHORT_MS, &err)
                        : cv_producer_txn_abort(p.producer, SHORT_MS, &err);
        assert_int_equal(rc, CV_RETRY);
        assert_non_null(strstr(err.text, i % 2 == 0 ? "could not commit" : "could not abort"));
        expect_in_time(began);
        producing_stop(&p);
    }
}

static void
a_commit_that_was_not_answered_in_time_may_be_asked_for_again(void **state)
{
    struct cv_err err = CV_ERR_INIT;
    struct producing p;

    (void)state;
    start(&p, 1, 1);
    for (int i = 0; i < 2; i++) {
        fake_kafka_silence(p.k, CV_WIRE_END_TXN, 1);
        begin_or_renew(&p);
        producing_send_numbers(&p, "t", 1, i * 5, i * 5 + 5);
        assert_int_equal(cv_producer_txn_commit(p.producer, SHORT_MS, &err), CV_RETRY);
        assert_int_equal(cv_producer_check(p.producer, &err), CV_OK);
        commit(&p);
    }
    expect_committed(&p, 0, 10);
    producing_stop(&p);
}

/* The request that had no answer may come to the coordinator when the next transaction is open, and end that. */
static void
behind_an_end_that_was_not_answered_another_producer_goes_on(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        bool aborts = i % 2 == 1;
        struct cv_delivery sent;
        struct producing p;

        start(&p, 1, 1);
        cv_delivery_init(&sent, producing_count_done);
        begin(&p);
        producing_put(&p, "t", 0, "v", &sent);
        producing_flush(&p, 5000);
        fake_kafka_drop(p.k, CV_WIRE_END_TXN, 1, i < 2 ? FAKE_BEFORE : FAKE_AFTER);
        if (aborts)
            abort_txn(&p);
        else
            commit(&p);
        expect_all(&p, 0, aborts ? FAKE_ABORTED : FAKE_COMMITTED, 1);
        go_on_with_another(&p);
        producing_put(&p, "t", 0, "v", &sent);
        commit(&p);
        assert_int_equal(producing_record(&p, "t", 0, 1).txn, FAKE_COMMITTED);
        assert_int_equal(producing_record(&p, "t", 0, 1).epoch, producing_record(&p, "t", 0, 0).epoch + 1);
        producing_stop(&p);
    }
}

static void
offsets_end_within_their_time(void **state)
{
    static const int apis[] = { CV_WIRE_ADD_OFFSETS_TO_TXN, CV_WIRE_TXN_OFFSET_COMMIT, CV_WIRE_ADD_PARTITIONS_TO_TXN };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(apis); i++) {
        struct cv_err err = CV_ERR_INIT;
        struct producing p;
        int64_t began;

        start(&p, 1, 1);
        fake_kafka_silence(p.k, apis[i], 1000000);
        begin(&p);
        if (i == 2) {
            producing_put(&p, "t", 0, "v", &p.delivery);
            assert_true(fake_kafka_wait(p.k, apis[i], 1, 5000));
        }
        began = cv_mono_ms();
        assert_int_equal(put_offsets(&p, 1, SHORT_MS, &err), CV_RETRY);
        expect_in_time(began);
        assert_int_equal(cv_producer_txn_begin(p.producer, &err), CV_RETRY); /* nobody knows what holds */
        producing_stop(&p);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transactions_are_committed_and_aborted),
        cmocka_unit_test(an_empty_transaction_is_nobodys_business),
        cmocka_unit_test(many_partitions_are_one_transaction),
        cmocka_unit_test(abort_gives_up_what_waits_and_awaits_what_is_on_its_way),
        cmocka_unit_test(after_an_abort_of_what_was_refused_another_producer_goes_on),
        cmocka_unit_test(after_an_abort_of_what_was_not_answered_another_producer_goes_on),
        cmocka_unit_test(offsets_go_with_the_transaction),
        cmocka_unit_test(the_groups_member_is_named),
        cmocka_unit_test(offsets_of_a_member_that_was_left_behind_are_refused),
        cmocka_unit_test(a_coordinator_that_is_busy_is_asked_again),
        cmocka_unit_test(a_connection_that_breaks_at_any_step_loses_nothing),
        cmocka_unit_test(a_coordinator_that_moves_is_found),
        cmocka_unit_test(a_coordinator_is_found_behind_another_question),
        cmocka_unit_test(a_coordinator_that_is_gone_is_looked_for_anew),
        cmocka_unit_test(a_partition_that_the_coordinator_does_not_know_yet_is_added_again),
        cmocka_unit_test(what_two_transactions_had_is_added_with_the_first_partition),
        cmocka_unit_test(what_is_added_before_it_is_needed_is_no_reason_to_fail),
        cmocka_unit_test(the_group_is_added_before_its_offsets_are_there),
        cmocka_unit_test(a_topic_that_was_deleted_breaks_the_transaction),
        cmocka_unit_test(many_transactions_keep_their_order_whatever_happens),
        cmocka_unit_test(a_commit_need_not_be_waited_for),
        cmocka_unit_test(who_commits_without_waiting_is_fenced),
        cmocka_unit_test(who_is_taken_over_from_is_fenced),
        cmocka_unit_test(a_broker_that_says_fenced_is_believed),
        cmocka_unit_test(who_begins_anew_gets_the_next_epoch),
        cmocka_unit_test(what_breaks_a_transaction_is_reported_with_it),
        cmocka_unit_test(a_message_that_fails_breaks_the_transaction),
        cmocka_unit_test(what_the_coordinator_refuses_is_told_with_its_remedy),
        cmocka_unit_test(a_timeout_that_brokers_do_not_allow_is_told_with_its_remedy),
        cmocka_unit_test(a_transaction_that_is_no_more_is_given_up_at_once),
        cmocka_unit_test(a_message_without_a_delivery_fails_the_commit),
        cmocka_unit_test(what_is_too_large_for_the_broker_goes_in_smaller_batches),
        cmocka_unit_test(init_ends_within_its_time),
        cmocka_unit_test(the_end_comes_within_its_time),
        cmocka_unit_test(a_commit_that_was_not_answered_in_time_may_be_asked_for_again),
        cmocka_unit_test(behind_an_end_that_was_not_answered_another_producer_goes_on),
        cmocka_unit_test(offsets_end_within_their_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
