/* SPDX-License-Identifier: Apache-2.0 */
/* The order of pgoutput's messages: what comes where it cannot is refused, and the position does not move. No
   server. */
#include <config.h>

#include "tests/helper/cmocka_all.h"

#include <stdlib.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/map.h"
#include "connectors/postgres/incremental.h"
#include "connectors/postgres/stream_private.h"
#include "tests/helper/pg_fixture.h"

#define KNOWN   7 /* public.known, of two columns */
#define IGNORED 8 /* not captured */

static struct stream stream; /* large */
static struct pg_config config;
static struct cv_source_ctx ctx;
static struct cv_batch batch;
static struct plan plan;

static int
up(void **state)
{
    struct cv_err err = CV_ERR_INIT;
    struct incremental_spec spec = { .config = &config, .ctx = &ctx };
    struct incremental *incremental;
    struct table_filter *filter;

    (void)state;
    pg_fixture_config((const char *const[]){ "table.include.list", "public.known", NULL }, &config);
    assert_int_equal(table_filter_new(&config, &filter, &err), CV_OK);
    spec.filter = filter;
    assert_int_equal(incremental_new(&spec, &incremental, &err), CV_OK);
    memset(&stream, 0, sizeof(stream));
    stream.spec = (struct stream_spec){ .config = &config, .ctx = &ctx, .filter = filter, .incremental = incremental };
    stream.plans = cv_hash_new(NULL);
    stream.ignored = cv_hash_new(NULL);
    stream.position.lsn = 100;
    plan = (struct plan){ .oid = KNOWN, .n_columns = 2, .schema_name = (char *)(uintptr_t)"public",
                          .table_name = (char *)(uintptr_t)"known" };
    assert_true(cv_hash_put_u64(stream.plans, KNOWN, &plan));
    batch = (struct cv_batch){ .arena = cv_arena_new(NULL) };
    return batch.arena == NULL ? -1 : 0;
}

static int
down(void **state)
{
    (void)state;
    free(stream.held_change.data);
    cv_hash_free(stream.plans);
    cv_hash_free(stream.ignored);
    incremental_free(stream.spec.incremental);
    table_filter_free((struct table_filter *)(uintptr_t)stream.spec.filter);
    cv_arena_free(batch.arena);
    pg_config_done(&config);
    return 0;
}

static enum cv_rc
give(const struct cv_buf *msg, cv_lsn lsn, struct cv_err *err)
{
    return stream_message(&stream, lsn, msg->data, msg->len, &batch, err);
}

static enum cv_rc
begin(uint32_t xid, cv_lsn final_lsn, struct cv_err *err)
{
    struct cv_buf msg = CV_BUF_INIT(64);
    enum cv_rc rc;

    cv_buf_char(&msg, 'B');
    cv_buf_be64(&msg, final_lsn);
    cv_buf_be64(&msg, 0);
    cv_buf_be32(&msg, xid);
    rc = give(&msg, final_lsn, err);
    cv_buf_free(&msg);
    return rc;
}

static enum cv_rc
commit(cv_lsn lsn, cv_lsn end_lsn, struct cv_err *err)
{
    struct cv_buf msg = CV_BUF_INIT(64);
    enum cv_rc rc;

    cv_buf_add(&msg, "C", 2); /* and no flags */
    cv_buf_be64(&msg, lsn);
    cv_buf_be64(&msg, end_lsn);
    cv_buf_be64(&msg, 0);
    rc = give(&msg, lsn, err);
    cv_buf_free(&msg);
    return rc;
}

/* An insert of nulls. */
static enum cv_rc
insert(uint32_t oid, uint16_t columns, struct cv_err *err)
{
    struct cv_buf msg = CV_BUF_INIT(8192);
    enum cv_rc rc;

    cv_buf_char(&msg, 'I');
    cv_buf_be32(&msg, oid);
    cv_buf_char(&msg, 'N');
    cv_buf_be16(&msg, columns);
    for (uint16_t i = 0; i < columns; i++)
        cv_buf_char(&msg, 'n');
    rc = give(&msg, 150, err);
    cv_buf_free(&msg);
    return rc;
}

static enum cv_rc
raw(const char *bytes, size_t len, struct cv_err *err)
{
    return stream_message(&stream, 150, bytes, len, &batch, err);
}

static void
expect_refusal(enum cv_rc rc, const struct cv_err *err, const char *words)
{
    assert_int_equal(rc, CV_INVALID);
    if (strstr(err->text, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err->text, words);
    assert_int_equal(stream.position.lsn, 100);
    assert_false(stream.position_moved);
    assert_int_equal(stream.transactions, 0);
    assert_int_equal(batch.n_messages + batch.n_records + batch.n_offsets, 0);
}

static void
a_transaction_moves_the_position_to_its_end(void **state)
{
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(begin(5, 200, &err), CV_OK);
    assert_true(stream.in_transaction);
    assert_int_equal(stream.position.lsn, 100);
    assert_int_equal(commit(200, 208, &err), CV_OK);
    assert_false(stream.in_transaction);
    assert_int_equal(stream.position.lsn, 208);
    assert_true(stream.position_moved);
    assert_int_equal(stream.transactions, 1);
}

static void
what_belongs_into_a_transaction_is_refused_outside(void **state)
{
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    expect_refusal(commit(200, 208, &err), &err, "a Commit message came outside of a transaction");
    expect_refusal(insert(KNOWN, 2, &err), &err, "a change came outside of a transaction");
    expect_refusal(raw("U\0\0\0\7N\0\2nn", 10, &err), &err, "a change came outside of a transaction");
    expect_refusal(raw("D\0\0\0\7K\0\2nn", 10, &err), &err, "a change came outside of a transaction");
    expect_refusal(raw("T\0\0\0\1\0\0\0\0\7", 10, &err), &err, "a Truncate message came outside of a transaction");
    expect_refusal(raw("M\1\0\0\0\0\0\0\0\xc8p\0\0\0\0\0", 16, &err), &err, "a message of a transaction came outside");
}

static void
a_second_begin_is_refused_also_of_the_same_transaction(void **state)
{
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(begin(5, 200, &err), CV_OK);
    expect_refusal(begin(6, 300, &err), &err, "a Begin message came inside a transaction");
    expect_refusal(begin(5, 200, &err), &err, "a Begin message came inside a transaction");
    assert_int_equal(stream.begin.xid, 5);
    assert_true(stream.in_transaction);
    expect_refusal(raw("M\0\0\0\0\0\0\0\0\xc8p\0\0\0\0\0", 16, &err), &err,
                   "a message without transaction came inside");
}

static void
a_commit_that_goes_back_is_refused(void **state)
{
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(begin(5, 90, &err), CV_OK);
    expect_refusal(commit(90, 99, &err), &err, "ends before the position that was reached");
}

static void
messages_of_other_protocols_are_refused(void **state)
{
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    for (int type = 0; type < 256; type++) {
        char bytes[40] = { (char)type };

        if (strchr("BCRIUDTMYO", type) == NULL || type == 0)
            expect_refusal(raw(bytes, sizeof(bytes), &err), &err, "unknown pgoutput message 0x");
    }
    expect_refusal(raw("", 0, &err), &err, "unknown pgoutput message 0x00 of 0 bytes");
    /* streamed transactions (Stream Start, Stop, Commit, Abort) were not asked for */
    expect_refusal(raw("E", 1, &err), &err, "0x45");
}

static void
a_change_of_a_table_that_was_not_described_is_refused(void **state)
{
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(raw("R\0\0\0\10public\0other\0d\0\0", 21, &err), CV_OK);
    assert_int_equal(begin(5, 200, &err), CV_OK);
    assert_int_equal(insert(IGNORED, 3, &err), CV_OK); /* described, and not captured */
    expect_refusal(insert(99, 2, &err), &err, "a change of relation 99 came without a Relation message");
    expect_refusal(raw("T\0\0\0\1\0\0\0\0\143", 10, &err), &err, "a change of relation 99 came without");
}

static void
a_change_with_another_number_of_columns_is_refused(void **state)
{
    static const uint16_t counts[] = { 0, 1, 3, 1600 };
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(begin(5, 200, &err), CV_OK);
    for (size_t i = 0; i < CV_COUNT(counts); i++)
        expect_refusal(insert(KNOWN, counts[i], &err), &err,
                       "a change of \"public.known\" has another number of columns than its Relation message");
    expect_refusal(raw("U\0\0\0\7K\0\1nN\0\2nn", 14, &err), &err, "another number of columns");
    expect_refusal(raw("D\0\0\0\7O\0\3nnn", 11, &err), &err, "another number of columns");
}

/* Of a transaction that the snapshot has seen nothing is looked at but its end. */
static void
a_transaction_that_was_seen_is_skipped_whatever_is_in_it(void **state)
{
    const struct stream_seen seen = { .until = 1000, .xmin = 50, .xmax = 60 };
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    stream.spec.seen = &seen;
    assert_int_equal(begin(5, 200, &err), CV_OK);
    assert_true(stream.skip_transaction);
    cv_fail(&err, CV_RETRY, "an older failure");
    assert_int_equal(insert(99, 2, &err), CV_OK);
    assert_int_equal(raw("T\0\0\0\1\0\0\0\0\7", 10, &err), CV_OK);
    assert_int_equal(commit(200, 208, &err), CV_OK);
    assert_int_equal(stream.position.lsn, 208);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)
    const struct CMUnitTest tests[] = {
        TEST(a_transaction_moves_the_position_to_its_end),
        TEST(what_belongs_into_a_transaction_is_refused_outside),
        TEST(a_second_begin_is_refused_also_of_the_same_transaction),
        TEST(a_commit_that_goes_back_is_refused),
        TEST(messages_of_other_protocols_are_refused),
        TEST(a_change_of_a_table_that_was_not_described_is_refused),
        TEST(a_change_with_another_number_of_columns_is_refused),
        TEST(a_transaction_that_was_seen_is_skipped_whatever_is_in_it),
    };

    return cmocka_run_group_tests_name("stream_message", tests, NULL, NULL);
}
