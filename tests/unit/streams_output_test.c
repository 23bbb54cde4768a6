/* SPDX-License-Identifier: Apache-2.0 */
/* Result rows to records (streams/io/sink.c), the GLOBAL tables' keeper (streams/engine/global.c),
 * metadata of offsets. */
#include "tests/helper/cmocka_all.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "streams/engine/global.h"
#include "streams/engine/task_private.h"
#include "streams/io/sink.h"
#include "streams/test/memory_kafka.h"
#include "tests/helper/streams_plan.h"

#define T                                                                                          \
    "CREATE PIPELINE p WITH (application_id = 'a');"                                               \
    "CREATE SOURCE TABLE t (id INTEGER PRIMARY KEY) FROM TOPIC 't';"

/* Encode the first row of a SELECT through a sink; the record's "key value partition ts". */
static enum cv_rc
encode(const char *sink_options, const char *select, char *text, size_t size, struct cv_err *err)
{
    char sql[1024];
    struct cv_arena *arena;
    struct plan *plan;
    struct database *db = NULL;
    struct statement *st = NULL;
    struct sink_encoder *enc = NULL;
    struct output out;
    struct cell cells[16];
    bool row;
    enum cv_rc rc;

    snprintf(sql, sizeof(sql), T "CREATE SINK s TO TOPIC 's' %s; CREATE QUERY q ON t INTO s AS %s;",
             sink_options, select);
    plan = test_plan(sql, &arena);
    assert_int_equal(db_open_memory(&db, err), CV_OK);
    assert_int_equal(db_prepare(db, select, &st, NULL, err), CV_OK);
    assert_int_equal(sink_encoder_new(&plan->sinks[0], &plan->rules[0].bodies[0], &enc, err),
                     CV_OK);
    assert_int_equal(statement_step(db, st, &row, err), CV_OK);
    assert_true(row);
    for (int i = 0; i < statement_columns(st); i++)
        cells[i] = statement_cell(st, i);
    rc = sink_encode(enc, cells, arena, &out, err);
    if (rc == CV_OK)
        snprintf(text, size, "%.*s %.*s %d %lld", (int)out.key.len,
                 out.key.data == NULL ? "" : out.key.data, (int)out.value.len,
                 out.value.data == NULL ? "" : out.value.data, (int)out.partition,
                 (long long)(out.ts_ms == CHANGE_NONE ? -1 : out.ts_ms));
    sink_encoder_free(enc);
    statement_free(st);
    db_close(db);
    cv_arena_free(arena);
    return rc;
}

static void
rows_become_keys_and_objects(void **state)
{
    static const struct {
        const char *options;
        const char *select;
        const char *text;
    } cases[] = {
        { "", "SELECT 1 AS a, 'x\"y' AS b, NULL AS c, 1.5 AS d, x'0001' AS e",
          " {\"a\":1,\"b\":\"x\\\"y\",\"c\":null,\"d\":1.5,\"e\":\"AAE=\"} -1 -1" },
        { "KEY (b, a)", "SELECT 1 AS a, 'x' AS b", "[\"x\",1] {\"a\":1,\"b\":\"x\"} -1 -1" },
        { "KEY (b, a) WITH (key_format = 'debezium')", "SELECT 1 AS a, 'x' AS b",
          "{\"b\":\"x\",\"a\":1} {\"a\":1,\"b\":\"x\"} -1 -1" },
        { "KEY (a)", "SELECT 1 AS a, NULL AS _value", "[1]  -1 -1" },
        { "KEY (a)", "SELECT 'k' AS _key, 1 AS a, 'raw' AS _value", "k raw -1 -1" },
        { "KEY (a)", "SELECT NULL AS a, 3 AS _partition, 77 AS _ts", "[null] {\"a\":null} 3 77" },
        { "WITH (json_columns = 'j, k')", "SELECT '{\"x\": [1]}' AS j, NULL AS k, 5 AS n",
          " {\"j\":{\"x\": [1]},\"k\":null,\"n\":5} -1 -1" },
#define SOURCE "\"source\":{\"connector\":\"culvert-streams\",\"name\":\"s\",\"ts_ms\":"
#define EVENTS "KEY (id) WITH (format = 'debezium-json')"
        { EVENTS, "SELECT 1 AS id, 'a' AS v, NULL AS old_id, NULL AS old_v, 'c' AS _op, 9 AS _commit_ts",
          "[1] {\"before\":null,\"after\":{\"id\":1,\"v\":\"a\"}," SOURCE
          "9},\"op\":\"c\",\"ts_ms\":9} -1 -1" },
        { EVENTS, "SELECT 1 AS id, 1 AS old_id, 'a' AS old_v, 'b' AS v, 'u' AS _op, 8 AS _ts",
          "[1] {\"before\":{\"id\":1,\"v\":\"a\"},\"after\":{\"id\":1,\"v\":\"b\"}," SOURCE
          "8},\"op\":\"u\",\"ts_ms\":8} -1 8" },
        { EVENTS, "SELECT 1 AS id, 'u' AS _op",
          "[1] {\"before\":null,\"after\":{\"id\":1}," SOURCE "null},\"op\":\"u\",\"ts_ms\":null} -1 -1" },
        { EVENTS, "SELECT 1 AS id, 'd' AS _op",
          "[1] {\"before\":{\"id\":1},\"after\":null," SOURCE "null},\"op\":\"d\",\"ts_ms\":null} -1 -1" },
        { "WITH (format = 'debezium-json', json_columns = 'j')",
          "SELECT '[1]' AS j, '{}' AS old_j, 'u' AS _op",
          " {\"before\":{\"j\":{}},\"after\":{\"j\":[1]}," SOURCE
          "null},\"op\":\"u\",\"ts_ms\":null} -1 -1" },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        char text[512];
        struct cv_err err = CV_ERR_INIT;

        assert_int_equal(encode(cases[i].options, cases[i].select, text, sizeof(text), &err),
                         CV_OK);
        assert_string_equal(text, cases[i].text);
    }
}

static void
what_no_record_can_be_made_of_is_refused(void **state)
{
    static const struct {
        const char *options;
        const char *select;
        const char *error;
    } cases[] = {
        { "WITH (json_columns = 'j')", "SELECT '{x' AS j",
          "column \"j\" is a json_column, but its text is no JSON" },
        { "", "SELECT 1 AS a, 'x' AS _ts", "\"_ts\" must be a whole number that is not negative" },
        { "", "SELECT 1 AS a, -1 AS _partition",
          "\"_partition\" must be a whole number that is not negative" },
        { "WITH (format = 'debezium-json')", "SELECT 1 AS a, 'x' AS _op",
          "\"_op\" of a change event must be 'c', 'r', 'u' or 'd'" },
        { "", "SELECT 1 AS a, 5 AS _key", "\"_key\" must be text, a blob or NULL" },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        char text[512];
        struct cv_err err = CV_ERR_INIT;

        assert_int_equal(encode(cases[i].options, cases[i].select, text, sizeof(text), &err),
                         CV_INVALID);
        assert_string_equal(err.text, cases[i].error);
    }
}

static void
an_offset_note_is_read_back_or_refused(void **state)
{
    static const char *const foreign[] = {
        "",
        "{}",
        "hello",
        "{\"v\":2,\"generation\":\"g\",\"changelog\":1}",
        "{\"v\":1,\"generation\":\"\",\"changelog\":1}",
        "{\"v\":1,\"generation\":\"0123456789012345678901\",\"changelog\":1}",
        "{\"v\":1,\"generation\":\"g\"}",
        "{\"v\":1,\"generation\":\"g\",\"changelog\":-5}",
        "{\"v\":1,\"generation\":\"g\",\"changelog\":1",
    };
    struct offset_note note = { .generation = "0a1b2c3d",
                                .changelog_next = 77,
                                .pos = { .clock_ms = 1700000000000,
                                         .commit_lsn = INT64_MAX,
                                         .lsn = 5,
                                         .snapshot_lsn = 9,
                                         .after_delete = true } };
    struct offset_note back;
    struct cv_buf text = CV_BUF_INIT(4096);

    (void)state;
    offset_note_write(&note, &text);
    assert_true(offset_note_read(cv_buf_cstr(&text), &back));
    assert_string_equal(back.generation, note.generation);
    assert_true(back.changelog_next == 77 && back.pos.clock_ms == note.pos.clock_ms &&
                back.pos.commit_lsn == INT64_MAX && back.pos.lsn == 5 &&
                back.pos.snapshot_lsn == 9 && back.pos.after_delete);
    assert_false(offset_note_read(NULL, &back));
    for (size_t i = 0; i < CV_COUNT(foreign); i++)
        assert_false(offset_note_read(foreign[i], &back));
    cv_buf_free(&text);
}

/* ---- GLOBAL tables ---- */

static struct {
    char dir[64];
    char path[96];
    struct memory_kafka *kafka;
    struct cv_arena *arena;
    struct plan *plan;
    struct global *global;
} rig;

static void
open_global(void)
{
    const int32_t partitions[] = { 2 };
    struct global_spec spec = { .plan = rig.plan,
                                .partitions = partitions,
                                .path = rig.path,
                                .broker = memory_broker_new(rig.kafka, "g") };
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(global_new(&spec, &rig.global, &err), CV_OK);
}

static int
global_setup(void **state)
{
    (void)state;
    memset(&rig, 0, sizeof(rig));
    strcpy(rig.dir, "/tmp/culvert-global-XXXXXX");
    assert_non_null(mkdtemp(rig.dir));
    snprintf(rig.path, sizeof(rig.path), "%s/global.db", rig.dir);
    rig.kafka = memory_kafka_new();
    rig.plan = test_plan("CREATE PIPELINE p WITH (application_id = 'a', on_error = 'skip');"
                         "CREATE GLOBAL SOURCE TABLE c (id INTEGER PRIMARY KEY, name TEXT) FROM "
                         "TOPIC 'c'; CREATE INDEX by_name ON c (name);",
                         &rig.arena);
    open_global();
    return 0;
}

static int
global_teardown(void **state)
{
    char command[96];

    (void)state;
    global_free(rig.global);
    memory_kafka_free(rig.kafka);
    cv_arena_free(rig.arena);
    snprintf(command, sizeof(command), "rm -rf %s", rig.dir);
    return system(command);
}

static void
customer(int partition, int id, const char *name)
{
    char key[32];
    char value[128];

    snprintf(key, sizeof(key), "{\"id\":%d}", id);
    snprintf(value, sizeof(value), "{\"after\":{\"id\":%d,\"name\":\"%s\"},\"op\":\"c\"}", id,
             name);
    memory_kafka_put(rig.kafka, "c", partition, key, name == NULL ? NULL : value, 1);
}

static void
turn(int times)
{
    struct cv_err err = CV_ERR_INIT;

    while (times-- > 0)
        assert_int_equal(global_turn(rig.global, 0, &err), CV_OK);
}

static int64_t
count_rows(const char *where)
{
    struct database *db;
    struct statement *st;
    struct cv_err err = CV_ERR_INIT;
    char sql[128];
    bool corrupt;
    bool row;
    int64_t n;

    snprintf(sql, sizeof(sql), "SELECT count(*) FROM c WHERE %s", where);
    assert_int_equal(db_open(rig.path, DB_READ_ONLY, &db, &corrupt, &err), CV_OK);
    assert_int_equal(db_prepare(db, sql, &st, NULL, &err), CV_OK);
    assert_int_equal(statement_step(db, st, &row, &err), CV_OK);
    n = statement_int(st, 0);
    statement_free(st);
    db_close(db);
    return n;
}

static void
global_tables_are_ready_once_the_topics_are_read(void **state)
{
    (void)state;
    for (int i = 0; i < 1500; i++)
        customer(i % 2, i, i % 3 == 0 ? "Ann" : "Bob");
    memory_kafka_put(rig.kafka, "c", 0, "{\"id\":1}", "no json", 1); /* left out: on_error = skip */
    assert_int_equal(global_state(rig.global, NULL), GLOBAL_LOADING);
    turn(3);
    assert_int_equal(global_state(rig.global, NULL), GLOBAL_READY);
    assert_int_equal(count_rows("true"), 1500);
    assert_int_equal(count_rows("name = 'Ann'"), 500);
    customer(0, 0, "Eve");
    memory_kafka_put(rig.kafka, "c", 1, "{\"id\":1}", NULL, 1);
    turn(1);
    assert_int_equal(count_rows("name = 'Eve'"), 1);
    assert_int_equal(count_rows("true"), 1499);
}

static void
global_tables_go_on_where_the_file_stands(void **state)
{
    (void)state;
    customer(0, 1, "Ann");
    customer(1, 2, "Bob");
    turn(2);
    global_free(rig.global);
    customer(0, 1, "Ann again");
    open_global();
    turn(2);
    assert_int_equal(count_rows("name = 'Ann again'"), 1);
    assert_int_equal(count_rows("true"), 2);
    /* The topic lost what the file holds the position of: begin anew with what is there. */
    global_free(rig.global);
    memory_kafka_trim(rig.kafka, "c", 0, 2);
    customer(0, 3, "Cy");
    memory_kafka_trim(rig.kafka, "c", 0, 3);
    customer(0, 4, "Di");
    open_global();
    turn(2);
    assert_int_equal(global_state(rig.global, NULL), GLOBAL_READY);
    assert_int_equal(count_rows("true"), 2);
    assert_int_equal(count_rows("name IN ('Bob', 'Di')"), 2);
}

static void
a_global_table_beyond_its_limit_is_told(void **state)
{
    struct cv_err err = CV_ERR_INIT;
    enum cv_rc rc = CV_OK;

    (void)state;
    global_free(rig.global);
    cv_arena_free(rig.arena);
    rig.plan = test_plan("CREATE PIPELINE p WITH (application_id = 'a', on_error = 'skip');"
                         "CREATE GLOBAL SOURCE TABLE c (id INTEGER PRIMARY KEY, name TEXT) FROM "
                         "TOPIC 'c' WITH (max_rows = 3);",
                         &rig.arena);
    open_global();
    for (int id = 1; id <= 3; id++)
        customer(0, id, "x");
    customer(0, 2, "changed");
    customer(0, 1, NULL); /* a tombstone makes room */
    customer(1, 4, "y");
    turn(4);
    assert_int_equal(count_rows("true"), 3);
    global_free(rig.global);
    open_global(); /* counted again */
    turn(2);
    customer(1, 5, "too many");
    for (int i = 0; i < 4 && rc == CV_OK; i++)
        rc = global_turn(rig.global, 0, &err);
    assert_int_equal(rc, CV_NO_MEMORY);
    assert_non_null(strstr(err.text, "GLOBAL table \"c\" has more than max_rows = 3 rows"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_become_keys_and_objects),
        cmocka_unit_test(what_no_record_can_be_made_of_is_refused),
        cmocka_unit_test(an_offset_note_is_read_back_or_refused),
        cmocka_unit_test_setup_teardown(a_global_table_beyond_its_limit_is_told, global_setup,
                                        global_teardown),
        cmocka_unit_test_setup_teardown(global_tables_are_ready_once_the_topics_are_read,
                                        global_setup, global_teardown),
        cmocka_unit_test_setup_teardown(global_tables_go_on_where_the_file_stands, global_setup,
                                        global_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
