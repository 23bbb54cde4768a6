/* SPDX-License-Identifier: Apache-2.0 */
/* Positions as offset maps: ours, and those that Debezium 3.3.1 stored (recorded in offsets.jsonl). */
#include "connectors/postgres/position.h"

#include "tests/helper/cmocka_all.h"

#include <stdlib.h>

#include "common/arena.h"

struct bench {
    struct cv_arena *arena;
};

static int
set_up(void **state)
{
    struct bench *b = calloc(1, sizeof(*b));

    assert_non_null(b);
    b->arena = cv_arena_new(NULL);
    assert_non_null(b->arena);
    *state = b;
    return 0;
}

static int
tear_down(void **state)
{
    struct bench *b = *state;

    cv_arena_free(b->arena);
    free(b);
    return 0;
}

static void
put(struct bench *b, struct cv_value *map, const char *key, struct cv_value val)
{
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(cv_map_put(b->arena, map, key, val, &err), CV_OK);
}

static void
nothing_stored_is_no_position(void **state)
{
    struct position pos = { .lsn = 7 };
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(position_read(NULL, &pos, &err), CV_OK);
    assert_int_equal(pos.phase, POSITION_NONE);
    assert_int_equal(pos.lsn, 0);
}

static void
a_commit_comes_back_as_it_was_written(void **state)
{
    struct bench *b = *state;
    const struct position pos = { .phase = POSITION_STREAM, .lsn = 0x16B374D848, .last_commit = 0x16B374D848,
                                  .time_us = 1709210096789000, .txid = 771, .system_id = UINT64_C(7301234567890123456),
                                  .timeline = 3 };
    struct position got = { .phase = POSITION_NONE };
    struct cv_value *map = NULL;
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(position_write(&pos, b->arena, &map, &err), CV_OK);
    assert_string_equal(map->map.entries[0].key.bytes.data, "lsn_proc");
    assert_string_equal(map->map.entries[1].key.bytes.data, "messageType");
    assert_int_equal(position_read(map, &got, &err), CV_OK);
    assert_int_equal(got.phase, POSITION_STREAM);
    assert_int_equal(got.lsn, pos.lsn);
    assert_int_equal(got.last_commit, pos.last_commit);
    assert_int_equal(got.txid, pos.txid);
    assert_int_equal(got.system_id, pos.system_id);
    assert_int_equal(got.timeline, 3);
}

static void
a_snapshot_under_way_is_told_from_one_that_is_complete(void **state)
{
    struct bench *b = *state;
    struct position pos = { .phase = POSITION_SNAPSHOT, .lsn = 500, .time_us = 1 }, got;
    struct cv_value *map = NULL;
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(position_write(&pos, b->arena, &map, &err), CV_OK);
    assert_int_equal(position_read(map, &got, &err), CV_OK);
    assert_int_equal(got.phase, POSITION_SNAPSHOT);
    pos.snapshot_last = true;
    assert_int_equal(position_write(&pos, b->arena, &map, &err), CV_OK);
    assert_int_equal(position_read(map, &got, &err), CV_OK);
    assert_int_equal(got.phase, POSITION_STREAM);
    assert_int_equal(got.lsn, 500);
}

/* Debezium inside a transaction: lsn_commit is the commit before it, and that is where a stream restarts. */
static void
debezium_inside_a_transaction_restarts_at_the_commit_before(void **state)
{
    struct bench *b = *state;
    struct cv_value *map = cv_map_new(b->arena, 8);
    struct position got;
    struct cv_err err = CV_ERR_INIT;

    put(b, map, "lsn_proc", cv_int(CV_INT64, 3000));
    put(b, map, "messageType", cv_cstring("INSERT"));
    put(b, map, "lsn_commit", cv_int(CV_INT64, 2000));
    put(b, map, "lsn", cv_int(CV_INT64, 3000));
    put(b, map, "txId", cv_int(CV_INT64, 9));
    put(b, map, "ts_usec", cv_int(CV_INT64, 5));
    assert_int_equal(position_read(map, &got, &err), CV_OK);
    assert_int_equal(got.phase, POSITION_STREAM);
    assert_int_equal(got.lsn, 2000);
    assert_int_equal(got.system_id, 0);
}

/* A quiet database: the position moves, what source.sequence says does not. */
static void
the_last_commit_is_remembered_beside_the_position(void **state)
{
    struct bench *b = *state;
    struct position pos = { .phase = POSITION_STREAM, .lsn = 9000, .last_commit = 2000 }, got;
    struct cv_value *map = NULL;
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(position_write(&pos, b->arena, &map, &err), CV_OK);
    assert_int_equal(cv_map_get(map, "lsn_commit")->integer, 9000);
    assert_int_equal(position_read(map, &got, &err), CV_OK);
    assert_int_equal(got.lsn, 9000);
    assert_int_equal(got.last_commit, 2000);
    pos.last_commit = CV_LSN_NONE;
    assert_int_equal(position_write(&pos, b->arena, &map, &err), CV_OK);
    assert_int_equal(position_read(map, &got, &err), CV_OK);
    assert_int_equal(got.last_commit, CV_LSN_NONE);
}

/* LSN and type of the row say how far Debezium came; a logical message does not move lsn_proc. */
static void
debezium_inside_a_transaction_says_which_row(void **state)
{
    struct bench *b = *state;
    struct cv_value *map = cv_map_new(b->arena, 8);
    struct position got;
    struct cv_err err = CV_ERR_INIT;

    put(b, map, "lsn_proc", cv_int(CV_INT64, 2000)); /* a row may stand where the commit before it ends */
    put(b, map, "messageType", cv_cstring("UPDATE"));
    put(b, map, "lsn_commit", cv_int(CV_INT64, 2000));
    put(b, map, "lsn", cv_int(CV_INT64, 2000));
    assert_int_equal(position_read(map, &got, &err), CV_OK);
    assert_int_equal(got.partial.row_lsn, 2000);
    assert_int_equal(got.partial.final_lsn, CV_LSN_NONE);
    assert_int_equal(got.partial.type, 'U');
    put(b, map, "messageType", cv_cstring("COMMIT"));
    assert_int_equal(position_read(map, &got, &err), CV_OK);
    assert_int_equal(got.partial.row_lsn, CV_LSN_NONE);
    put(b, map, "messageType", cv_cstring("MESSAGE"));
    assert_int_equal(position_read(map, &got, &err), CV_OK);
    assert_int_equal(got.partial.row_lsn, CV_LSN_NONE);
}

static void
inside_a_transaction_comes_back_as_it_was_written(void **state)
{
    struct bench *b = *state;
    const struct position pos = { .phase = POSITION_STREAM, .lsn = 2000, .last_commit = 2000, .time_us = 4, .txid = 8,
                                  .partial = { .row_lsn = 3000, .final_lsn = 5000, .last_lsn = 3100, .changes = 17,
                                               .txid = 9, .time_us = 5, .type = 'D' } };
    struct position got;
    struct cv_value *map = NULL;
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(position_write(&pos, b->arena, &map, &err), CV_OK);
    assert_int_equal(cv_map_get(map, "lsn")->integer, 3000);
    assert_int_equal(cv_map_get(map, "lsn_commit")->integer, 2000);
    assert_string_equal(cv_map_get(map, "messageType")->bytes.data, "DELETE");
    assert_int_equal(position_read(map, &got, &err), CV_OK);
    assert_int_equal(got.lsn, 2000);
    assert_int_equal(got.partial.row_lsn, 3000);
    assert_int_equal(got.partial.final_lsn, 5000);
    assert_int_equal(got.partial.last_lsn, 3100);
    assert_int_equal(got.partial.changes, 17);
    assert_int_equal(got.partial.txid, 9);
}

/* All changes so far share one LSN: Debezium has no way to say it, and would repeat them. */
static void
without_a_whole_lsn_the_offset_is_the_commit_and_the_count(void **state)
{
    struct bench *b = *state;
    const struct position pos = { .phase = POSITION_STREAM, .lsn = 2000, .last_commit = 2000,
                                  .partial = { .final_lsn = 5000, .last_lsn = 3100, .changes = 17 } };
    struct position got;
    struct cv_value *map = NULL;
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(position_write(&pos, b->arena, &map, &err), CV_OK);
    assert_string_equal(cv_map_get(map, "messageType")->bytes.data, "COMMIT");
    assert_int_equal(position_read(map, &got, &err), CV_OK);
    assert_int_equal(got.partial.row_lsn, CV_LSN_NONE);
    assert_int_equal(got.partial.changes, 17);
}

/* Before the first commit only the slot knows where the transaction begins. */
static void
debezium_inside_its_first_transaction_leaves_the_start_to_the_slot(void **state)
{
    struct bench *b = *state;
    struct cv_value *map = cv_map_new(b->arena, 8);
    struct position got;
    struct cv_err err = CV_ERR_INIT;

    put(b, map, "lsn_proc", cv_int(CV_INT64, 3000));
    put(b, map, "lsn", cv_int(CV_INT64, 3000));
    assert_int_equal(position_read(map, &got, &err), CV_OK);
    assert_int_equal(got.lsn, CV_LSN_NONE);
}

static void
an_offset_that_is_damaged_is_refused_by_the_name_of_the_field(void **state)
{
    struct bench *b = *state;
    struct cv_value *map = cv_map_new(b->arena, 2), text = cv_cstring("x");
    struct position pos = { .lsn = 77 };
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(position_read(&text, &pos, &err), CV_INVALID);
    assert_int_equal(position_read(map, &pos, &err), CV_INVALID);
    assert_non_null(strstr(err.text, "no \"lsn\""));
    put(b, map, "lsn", cv_int(CV_INT64, -1));
    assert_int_equal(position_read(map, &pos, &err), CV_INVALID);
    assert_non_null(strstr(err.text, "\"lsn\" is no non-negative integer"));
    assert_int_equal(pos.lsn, 77);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_stored_is_no_position),
        cmocka_unit_test_setup_teardown(a_commit_comes_back_as_it_was_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_snapshot_under_way_is_told_from_one_that_is_complete, set_up, tear_down),
        cmocka_unit_test_setup_teardown(debezium_inside_a_transaction_restarts_at_the_commit_before, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_last_commit_is_remembered_beside_the_position, set_up, tear_down),
        cmocka_unit_test_setup_teardown(debezium_inside_a_transaction_says_which_row, set_up, tear_down),
        cmocka_unit_test_setup_teardown(inside_a_transaction_comes_back_as_it_was_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_a_whole_lsn_the_offset_is_the_commit_and_the_count, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(debezium_inside_its_first_transaction_leaves_the_start_to_the_slot, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_offset_that_is_damaged_is_refused_by_the_name_of_the_field, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
