/* SPDX-License-Identifier: Apache-2.0 */
/* How far an interrupted snapshot has come, in its offset and back. */
#include "connectors/postgres/snapshot_delivered.h"

#include "tests/helper/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"

static const struct position stored = { .phase = POSITION_SNAPSHOT, .lsn = 0x2000, .system_id = 77, .timeline = 3 };

static int
set_up(void **state)
{
    *state = cv_arena_new(NULL);
    assert_non_null(*state);
    return 0;
}

static int
tear_down(void **state)
{
    cv_arena_free(*state);
    return 0;
}

static struct cv_value *
offset_of(struct cv_arena *arena, struct cv_value field)
{
    struct cv_value *offset = cv_map_new(arena, 1);
    struct cv_err err = CV_ERR_INIT;

    assert_non_null(offset);
    assert_int_equal(cv_map_put(arena, offset, SNAPSHOT_DELIVERED_FIELD, field, &err), CV_OK);
    return offset;
}

static void
whole_and_half_tables_come_back_by_oid(void **state)
{
    struct snapshot_delivered_table tables[] = {
        { .oid = 16400, .structure = 5, .rows = 120000, .pages = 512, .filenode = 16411, .xid = UINT64_C(1) << 33 },
        { .oid = 16390, .structure = UINT32_MAX, .rows = UINT64_C(9000000000), .whole = true },
    };
    struct snapshot_delivered out = { .start = 0x1F00, .tables = tables, .count = 2 }, *in = NULL;
    struct cv_value *offset = cv_map_new(*state, 1);
    const struct snapshot_delivered_table *half;
    struct cv_err err = CV_ERR_INIT;
    bool fits = false;

    assert_int_equal(snapshot_delivered_write(&out, *state, offset, &fits, &err), CV_OK);
    assert_true(fits);
    assert_string_equal(cv_map_get(offset, SNAPSHOT_DELIVERED_FIELD)->bytes.data,
                        "{\"start\":7936,\"tables\":[[16400,5,120000,512,16411,8589934592],"
                        "[16390,4294967295,9000000000]]}");
    assert_int_equal(snapshot_delivered_read(offset, &stored, &in, &err), CV_OK);
    assert_non_null(in);
    assert_int_equal(in->start, 0x1F00);
    assert_int_equal(in->lsn, 0x2000);
    assert_int_equal(in->system_id, 77);
    assert_int_equal(in->timeline, 3);
    assert_int_equal(in->count, 2);
    assert_int_equal(snapshot_delivered_rows(in), UINT64_C(9000120000));
    assert_true(snapshot_delivered_find(in, 16390)->whole);
    assert_int_equal(snapshot_delivered_find(in, 16390)->structure, UINT32_MAX);
    half = snapshot_delivered_find(in, 16400);
    assert_false(half->whole);
    assert_int_equal(half->pages, 512);
    assert_int_equal(half->filenode, 16411);
    assert_int_equal(half->xid, UINT64_C(1) << 33);
    assert_null(snapshot_delivered_find(in, 16395));
    snapshot_delivered_free(in);
}

/* Debezium's, an older version's, or of a task without snapshot.resume. */
static void
an_offset_without_the_field_carries_nothing(void **state)
{
    struct snapshot_delivered *in = NULL;
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(snapshot_delivered_read(NULL, &stored, &in, &err), CV_OK);
    assert_null(in);
    assert_int_equal(snapshot_delivered_read(cv_map_new(*state, 1), &stored, &in, &err), CV_OK);
    assert_null(in);
    assert_int_equal(snapshot_delivered_read(offset_of(*state, cv_null(NULL)), &stored, &in, &err), CV_OK);
    assert_null(in);
}

static void
nothing_delivered_is_not_nothing_stored(void **state)
{
    struct snapshot_delivered out = { .start = 0x1F00 }, *in = NULL;
    struct cv_value *offset = cv_map_new(*state, 1);
    struct cv_err err = CV_ERR_INIT;
    bool fits;

    assert_int_equal(snapshot_delivered_write(&out, *state, offset, &fits, &err), CV_OK);
    assert_int_equal(snapshot_delivered_read(offset, &stored, &in, &err), CV_OK);
    assert_non_null(in);
    assert_int_equal(in->count, 0);
    assert_int_equal(snapshot_delivered_rows(in), 0);
    assert_null(snapshot_delivered_find(in, 1));
    snapshot_delivered_free(in);
}

static void
what_cannot_be_understood_is_refused(void **state)
{
    static const char *const bad[] = {
        "", "{", "[]", "{}", "null", "{\"start\":1}", "{\"tables\":[],\"start\":1}", "{\"start\":1,\"tables\":{}}",
        "{\"start\":-1,\"tables\":[]}", "{\"start\":\"1\",\"tables\":[]}", "{\"start\":1.5,\"tables\":[]}",
        "{\"start\":9223372036854775808,\"tables\":[]}", "{\"start\":1,\"tables\":[]}}",
        "{\"start\":1,\"tables\":[],\"more\":1}", "{\"start\":1,\"tables\":[1]}", "{\"start\":1,\"tables\":[[]]}",
        "{\"start\":1,\"tables\":[[1,2]]}", "{\"start\":1,\"tables\":[[0,2,3]]}",
        "{\"start\":1,\"tables\":[[4294967296,2,3]]}", "{\"start\":1,\"tables\":[[1,4294967296,3]]}",
        "{\"start\":1,\"tables\":[[1,2,-3]]}", "{\"start\":1,\"tables\":[[1,2,3,4]]}",
        "{\"start\":1,\"tables\":[[1,2,3,4,5]]}", "{\"start\":1,\"tables\":[[1,2,3,4294967296,5,6]]}",
        "{\"start\":1,\"tables\":[[1,2,3,4,4294967296,6]]}", "{\"start\":1,\"tables\":[[1,2,3,4,5,6,7]]}",
        "{\"start\":1,\"tables\":[[1,2,3],[1,2,3]]}", "{\"start\":1,\"tables\":[[1,2,3],]}",
    };

    for (size_t i = 0; i < CV_COUNT(bad); i++) {
        struct snapshot_delivered *in = NULL;
        struct cv_err err = CV_ERR_INIT;

        assert_int_equal(snapshot_delivered_read(offset_of(*state, cv_cstring(bad[i])), &stored, &in, &err),
                         CV_INVALID);
        assert_null(in);
        assert_non_null(strstr(err.text, "\"culvert_snapshot\""));
        assert_non_null(strstr(err.text, "snapshot.resume=false"));
    }
}

static void
a_field_that_is_no_text_is_refused(void **state)
{
    struct snapshot_delivered *in = NULL;
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(snapshot_delivered_read(offset_of(*state, cv_int(CV_INT64, 5)), &stored, &in, &err), CV_INVALID);
    assert_null(in);
}

static void
more_tables_than_a_record_holds_are_left_out(void **state)
{
    struct snapshot_delivered out = { .start = 1, .count = 100000 };
    struct cv_value *offset = cv_map_new(*state, 1);
    struct cv_err err = CV_ERR_INIT;
    bool fits = true;

    out.tables = calloc(out.count, sizeof(*out.tables));
    assert_non_null(out.tables);
    assert_int_equal(snapshot_delivered_write(&out, *state, offset, &fits, &err), CV_OK);
    assert_false(fits);
    assert_null(cv_map_get(offset, SNAPSHOT_DELIVERED_FIELD));
    free(out.tables);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(whole_and_half_tables_come_back_by_oid, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_offset_without_the_field_carries_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_delivered_is_not_nothing_stored, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_understood_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_field_that_is_no_text_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(more_tables_than_a_record_holds_are_left_out, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
