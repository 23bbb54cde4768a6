/* SPDX-License-Identifier: Apache-2.0 */
/* State files, change relations, functions, changelog: streams/store. */
#include "tests/helper/cmocka_all.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "streams/store/changelog.h"
#include "streams/store/codec.h"
#include "streams/store/function.h"
#include "streams/store/relation.h"
#include "streams/store/state.h"
#include "tests/helper/streams_plan.h"

static char dir[64];
static char path[96];

static int
setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/culvert-store-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/task.db", dir);
    return 0;
}

static int
teardown(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command);
}

static void
write_file(const char *text, size_t len)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, len, f), len);
    fclose(f);
}

static int64_t
query_int(struct database *db, const char *sql)
{
    struct statement *st = NULL;
    struct cv_err err = CV_ERR_INIT;
    bool row = false;
    int64_t v = -999;

    assert_int_equal(db_prepare(db, sql, &st, NULL, &err), CV_OK);
    assert_int_equal(statement_step(db, st, &row, &err), CV_OK);
    if (row)
        v = statement_int(st, 0);
    statement_free(st);
    return v;
}

static struct database *
open_new(const char *ddl)
{
    struct database *db = NULL;
    struct cv_err err = CV_ERR_INIT;
    bool corrupt;

    assert_int_equal(db_create(path, ddl, &err), CV_OK);
    assert_int_equal(db_open(path, DB_WRITE, &db, &corrupt, &err), CV_OK);
    return db;
}

static void
a_state_file_keeps_what_was_committed(void **state)
{
    struct database *db = open_new("CREATE TABLE t (a INTEGER PRIMARY KEY)");
    struct cv_err err = CV_ERR_INIT;
    bool corrupt;

    (void)state;
    assert_int_equal(db_begin(db, &err), CV_OK);
    assert_int_equal(db_exec(db, "INSERT INTO t VALUES (1)", &err), CV_OK);
    assert_int_equal(db_commit(db, &err), CV_OK);
    assert_int_equal(db_begin(db, &err), CV_OK);
    assert_int_equal(db_exec(db, "INSERT INTO t VALUES (2)", &err), CV_OK);
    db_close(db);
    assert_int_equal(db_open(path, DB_WRITE, &db, &corrupt, &err), CV_OK);
    assert_int_equal(query_int(db, "SELECT count(*) FROM t"), 1);
    assert_int_equal(db_check(db, &err), CV_OK);
    assert_int_equal(db_create(path, "SELECT 1", &err), CV_CONFLICT);
    db_close(db);
}

static void
what_is_no_state_file_is_named_and_left_alone(void **state)
{
    struct database *db = NULL;
    struct cv_err err = CV_ERR_INIT;
    struct stat info;
    bool corrupt = true;

    (void)state;
    assert_int_equal(db_open(path, DB_WRITE, &db, &corrupt, &err), CV_NOT_FOUND);
    assert_false(corrupt);
    write_file("", 0);
    assert_int_equal(db_open(path, DB_WRITE, &db, &corrupt, &err), CV_INVALID);
    assert_non_null(strstr(err.text, "is no SQLite database"));
    write_file("shopping list\n", 14);
    assert_int_equal(db_open(path, DB_WRITE, &db, &corrupt, &err), CV_INVALID);
    assert_non_null(strstr(err.text, "is no SQLite database"));
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_size, 14);
    unlink(path);
    assert_int_equal(symlink("/nowhere/at/all", path), 0);
    assert_int_equal(db_open(path, DB_WRITE, &db, &corrupt, &err), CV_INVALID);
    assert_non_null(strstr(err.text, "is no regular file"));
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(db_open(path, DB_WRITE, &db, &corrupt, &err), CV_INVALID);
    assert_int_equal(rmdir(path), 0);
    assert_null(db);
}

static void
patch_file(long at, const char *data, size_t len)
{
    int fd = open(path, O_RDWR);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, data, len, at), (ssize_t)len);
    close(fd);
}

static void
foreign_newer_and_damaged_files_are_told_apart(void **state)
{
    struct database *db = open_new("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)");
    struct cv_err err = CV_ERR_INIT;
    bool corrupt;

    (void)state;
    assert_int_equal(
        db_exec(db,
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"
                "INSERT INTO t SELECT i, hex(zeroblob(20)) FROM n",
                &err),
        CV_OK);
    db_close(db);
    db = NULL;
    patch_file(4096 + 4096, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12);
    if (db_open(path, DB_WRITE, &db, &corrupt, &err) == CV_OK) {
        assert_int_equal(db_check(db, &err), CV_INTERNAL);
        assert_int_equal(db_fault(db), DB_FAULT_CORRUPT);
        db_close(db);
        db = NULL;
    } else {
        assert_true(corrupt);
    }
    patch_file(63, "\x63", 1); /* user_version */
    assert_int_equal(db_open(path, DB_WRITE, &db, &corrupt, &err), CV_INVALID);
    assert_non_null(strstr(err.text, "written by a newer version"));
    patch_file(68, "\0\0\0\1", 4);
    assert_int_equal(db_open(path, DB_WRITE, &db, &corrupt, &err), CV_INVALID);
    assert_non_null(strstr(err.text, "a database of another application"));
    assert_null(db);
}

static void
a_wal_left_behind_is_not_replayed_into_a_new_file(void **state)
{
    struct database *db = open_new("CREATE TABLE t (a INTEGER PRIMARY KEY)");
    struct cv_err err = CV_ERR_INIT;
    char command[512];
    bool corrupt;

    (void)state;
    assert_int_equal(db_exec(db, "INSERT INTO t VALUES (1)", &err), CV_OK);
    snprintf(command, sizeof(command), "cp %s-wal %s-kept && rm %s", path, path, path);
    assert_int_equal(system(command), 0);
    db_close(db);
    db = NULL;
    snprintf(command, sizeof(command), "mv %s-kept %s-wal", path, path);
    assert_int_equal(system(command), 0);
    assert_int_equal(db_create(path, "CREATE TABLE t (a INTEGER PRIMARY KEY)", &err), CV_OK);
    assert_int_equal(db_open(path, DB_WRITE, &db, &corrupt, &err), CV_OK);
    assert_int_equal(query_int(db, "SELECT count(*) FROM t"), 0);
    db_close(db);
}

/* A reader that stays holds the WAL; once it is gone the next commit makes it short. */
static void
a_wal_that_has_grown_is_made_short(void **state)
{
    const struct state_spec spec = { .path = path, .owner = "o", .tables = "CREATE TABLE t (v)",
                                     .log = cv_log_get("test") };
    struct state *file = NULL;
    struct database *reader = NULL;
    struct cv_err err = CV_ERR_INIT;
    bool corrupt;

    (void)state;
    assert_int_equal(state_open(&spec, &file, &err), CV_OK);
    assert_int_equal(db_open(path, DB_READ_ONLY, &reader, &corrupt, &err), CV_OK);
    assert_int_equal(db_exec(reader, "BEGIN; SELECT * FROM t", &err), CV_OK);
    for (int i = 0; i < 20; i++)
        assert_int_equal(db_exec(state_db(file), "INSERT INTO t VALUES (randomblob(20000))", &err),
                         CV_OK);
    assert_true(state_wal_bytes(file) > 100000);
    state_trim_wal(file, 100000);
    assert_true(state_wal_bytes(file) > 100000);
    assert_int_equal(db_exec(reader, "COMMIT", &err), CV_OK);
    state_trim_wal(file, 1 << 30);
    assert_true(state_wal_bytes(file) > 100000);
    state_trim_wal(file, 100000);
    assert_int_equal(state_wal_bytes(file), 0);
    db_close(reader);
    state_close(file);
}

static void
a_full_disk_is_a_fault_of_its_own(void **state)
{
    struct database *db = open_new("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)");
    struct cv_err err = CV_ERR_INIT;
    enum cv_rc rc = CV_OK;

    (void)state;
    assert_int_equal(db_exec(db, "PRAGMA max_page_count=20", &err), CV_OK);
    assert_int_equal(db_begin(db, &err), CV_OK);
    for (int i = 0; i < 200 && rc == CV_OK; i++)
        rc = db_exec(db, "INSERT INTO t (b) VALUES (hex(zeroblob(2000)))", &err);
    assert_int_equal(rc, CV_NO_MEMORY);
    assert_int_equal(db_fault(db), DB_FAULT_FULL);
    assert_non_null(strstr(err.text, "make room on the file system of"));
    db_rollback(db);
    assert_int_equal(query_int(db, "SELECT count(*) FROM t"), 0);
    db_close(db);
}

static void
functions_are_exact(void **state)
{
    static const struct {
        const char *sql;
        const char *text; /* NULL: null; "!": an error */
    } cases[] = {
        { "dec(1234, 2)", "12.34" },
        { "dec(-5, 2)", "-0.05" },
        { "dec(7, 0)", "7" },
        { "dec(NULL, 2)", NULL },
        { "dec(99.5, 2)", "1.00" },
        { "dec('x', 2)", "!" },
        { "dec(1, 19)", "!" },
        { "dec(-9223372036854775807 - 1, 2)", "-92233720368547758.08" },
        { "todec('12.34', 2)", "1234" },
        { "todec('-0.5', 2)", "-50" },
        { "todec('1e3', 2)", "100000" },
        { "todec('12.345', 2)", "!" },
        { "todec('12.340', 2)", "1234" },
        { "todec('', 2)", "!" },
        { "todec('99999999999999999999', 0)", "!" },
        { "iso(0)", "1970-01-01T00:00:00.000Z" },
        { "iso(NULL)", NULL },
        { "tumble(119999, 60000)", "60000" },
        { "tumble(-1, 60000)", "-60000" },
        { "tumble(5, 0)", "!" },
        { "group_concat(window_start || '-' || window_end) FROM hop(125, 60, 30)",
          "90-150,120-180" },
        { "group_concat(window_start) FROM hop(120, 60, 20)", "80,100,120" },
        { "group_concat(window_start) FROM hop(-1, 60, 60)", "-60" },
        { "count(*) FROM hop(NULL, 60, 30)", "0" },
        { "count(*) FROM (SELECT 125 AS t) e, hop(e.t, 60, 30)", "2" },
        { "count(*) FROM hop(1, 10, 20)", "!" },
        { "count(*) FROM hop(1, 0, 0)", "!" },
        { "count(*) FROM hop(1, 1000000, 1)", "!" },
        { "count(*) FROM hop(1, 10)", "!" },
        { "count(*) FROM hop", "!" },
        { "header('x')", NULL },
        { "murmur2('21')", "3321034988" },
        { "event_time()", "1700000000000" },
        { "strftime('%Y-%m-%d', 'now')", "2023-11-14" },
    };
    struct database *db;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(db_open_memory(&db, &err), CV_OK);
    assert_int_equal(functions_register(db, &err), CV_OK);
    db_clock_set(db, 1700000000000);
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        struct statement *st = NULL;
        char sql[128];
        bool row;
        enum cv_rc rc;

        snprintf(sql, sizeof(sql), "SELECT %s", cases[i].sql);
        rc = db_prepare(db, sql, &st, NULL, &err);
        if (rc == CV_OK)
            rc = statement_step(db, st, &row, &err);
        if (cases[i].text != NULL && cases[i].text[0] == '!') {
            assert_int_equal(rc, CV_INVALID);
        } else {
            assert_int_equal(rc, CV_OK);
            if (cases[i].text == NULL)
                assert_null(statement_text(st, 0));
            else
                assert_string_equal(statement_text(st, 0), cases[i].text);
        }
        statement_free(st);
    }
    db_close(db);
}

static const char PAIRS[] =
    "CREATE PIPELINE p WITH (application_id = 'a');"
    "CREATE SOURCE TABLE t (k TEXT, n INTEGER, v REAL, b BLOB, PRIMARY KEY (n, k)) FROM TOPIC 't';";

static void
the_change_relation_shows_new_and_old_row(void **state)
{
    struct cv_arena *arena;
    struct plan *plan = test_plan(PAIRS, &arena);
    struct cell row[] = { { .kind = CELL_TEXT, .data = "x", .len = 1 },
                          { .kind = CELL_INTEGER, .integer = 5 },
                          { .kind = CELL_REAL, .real = 1.5 },
                          { .kind = CELL_NULL } };
    struct cell old[] = { { .kind = CELL_TEXT, .data = "y", .len = 1 },
                          { .kind = CELL_INTEGER, .integer = 4 },
                          { .kind = CELL_NULL },
                          { .kind = CELL_NULL } };
    struct change change = { .row = row,
                             .old = old,
                             .op = 'u',
                             .ts_ms = 10,
                             .commit_ts_ms = 20,
                             .lsn = CHANGE_NONE,
                             .txid = 7,
                             .partition = 2,
                             .offset = 99 };
    struct relation *rel;
    struct database *db;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(db_open_memory(&db, &err), CV_OK);
    assert_int_equal(relation_new(db, plan->sources[0].table, &rel, &err), CV_OK);
    assert_int_equal(query_int(db, "SELECT count(*) FROM t_changes"), 0);
    relation_show(rel, &change, 1);
    assert_int_equal(
        query_int(db, "SELECT n * 10 + old_n FROM t_changes WHERE k = 'x' AND old_k = 'y'"), 54);
    assert_int_equal(
        query_int(
            db, "SELECT _op = 'u' AND _ts = 10 AND _commit_ts = 20 AND _lsn IS NULL AND _txid = 7 "
                "AND _partition = 2 AND _offset = 99 AND _snapshot = 0 FROM t_changes"),
        1);
    change.old = NULL;
    assert_int_equal(query_int(db, "SELECT old_n IS NULL FROM t_changes"), 1);
    assert_int_equal(query_int(db, "SELECT sum(_w * n) FROM t_delta"), change.row[1].integer);
    change.old = old;
    assert_int_equal(query_int(db, "SELECT count(*) FROM t_delta"), 2);
    assert_int_equal(query_int(db, "SELECT sum(_w * n) FROM t_delta"),
                     change.row[1].integer - old[1].integer);
    change.op = 'd';
    change.row = old;
    assert_int_equal(query_int(db, "SELECT sum(_w) FROM t_delta WHERE k = 'y'"), -1);
    change.op = 'u';
    relation_show(rel, NULL, 0);
    assert_int_equal(query_int(db, "SELECT count(*) FROM t_changes"), 0);
    db_close(db);
    cv_arena_free(arena);
}

static struct cell
text_cell(const char *data, size_t len)
{
    return (struct cell){ .kind = CELL_TEXT, .data = data, .len = len };
}

static void
key_bytes_sort_as_the_values_do(void **state)
{
    const struct cell sorted[] = {
        { .kind = CELL_NULL },
        { .kind = CELL_INTEGER, .integer = INT64_MIN },
        { .kind = CELL_INTEGER, .integer = -1 },
        { .kind = CELL_INTEGER, .integer = 0 },
        { .kind = CELL_INTEGER, .integer = INT64_MAX },
        { .kind = CELL_REAL, .real = -1e300 },
        { .kind = CELL_REAL, .real = -0.5 },
        { .kind = CELL_REAL, .real = 2 },
        text_cell("", 0),
        text_cell("a", 1),
        text_cell("a\0", 2),
        text_cell("a\0b", 3),
        text_cell("ab", 2),
        { .kind = CELL_BLOB, .data = "\xff\0", .len = 2 },
    };
    struct cv_buf last = CV_BUF_INIT(100);
    struct cv_buf buf = CV_BUF_INIT(100);
    struct cv_buf scratch = CV_BUF_INIT(100);

    (void)state;
    for (size_t i = 0; i < CV_COUNT(sorted); i++) {
        struct cv_reader in;
        struct cell back;

        cv_buf_reset(&buf);
        cv_buf_reset(&scratch);
        codec_key_cell(&buf, &sorted[i]);
        if (i > 0) {
            size_t len = buf.len < last.len ? buf.len : last.len;
            int cmp = memcmp(last.data, buf.data, len);

            assert_true(cmp < 0 || (cmp == 0 && last.len < buf.len));
        }
        in = cv_reader_of(buf.data, buf.len);
        back = codec_read_key_cell(&in, &scratch);
        assert_true(cell_equal(&back, &sorted[i]));
        assert_int_equal(cv_reader_left(&in), 0);
        cv_buf_reset(&last);
        cv_buf_add(&last, buf.data, buf.len);
        /* Every shorter piece is noticed. */
        for (size_t len = 0; len < buf.len; len++) {
            in = cv_reader_of(buf.data, len);
            cv_buf_reset(&scratch);
            codec_read_key_cell(&in, &scratch);
            assert_true(in.failed);
        }
    }
    cv_buf_free(&last);
    cv_buf_free(&buf);
    cv_buf_free(&scratch);
}

static int64_t
total_of(struct database *db, const char *sql)
{
    struct statement *st;
    struct cv_err err = CV_ERR_INIT;
    bool row;
    int64_t total;

    assert_int_equal(db_prepare(db, sql, &st, NULL, &err), CV_OK);
    assert_int_equal(statement_step(db, st, &row, &err), CV_OK);
    total = statement_int(st, 0);
    statement_free(st);
    return total;
}

static void
tables_in_memory_are_copied_up_to_a_size(void **state)
{
    struct database *from = NULL;
    struct database *to = NULL;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(db_open_memory(&from, &err), CV_OK);
    assert_int_equal(db_open_memory(&to, &err), CV_OK);
    assert_int_equal(db_exec(from, "ATTACH ':memory:' AS memory; CREATE TABLE memory.t (id INTEGER PRIMARY KEY, x TEXT);"
                                   "INSERT INTO t VALUES (1, printf('%.2000000c', 'x'))", &err), CV_OK);
    assert_int_equal(db_exec(to, "PRAGMA temp_store=MEMORY; CREATE TEMP TABLE other (a)", &err), CV_OK);
    assert_int_equal(db_copy_memory(from, to, 1 << 20, &err), CV_INVALID);
    assert_string_equal(err.text, "the tables in memory have 1 MB, more than the 1 MB that are copied for a query");
    assert_int_equal(db_exec(to, "SELECT * FROM other", &err), CV_OK);
    assert_int_equal(db_exec(from, "BEGIN; INSERT INTO t VALUES (2, 'y')", &err), CV_OK);
    assert_int_equal(db_copy_memory(from, to, 4 << 20, &err), CV_INTERNAL); /* not committed */
    db_rollback(from);
    assert_int_equal(db_copy_memory(from, to, 4 << 20, &err), CV_OK);
    assert_int_not_equal(db_exec(to, "SELECT * FROM other", &err), CV_OK);
    assert_int_equal(db_exec(to, "INSERT INTO t SELECT 2, x FROM t", &err), CV_OK);
    assert_int_equal(total_of(to, "SELECT sum(length(x)) FROM t"), 4000000);
    assert_int_equal(total_of(from, "SELECT sum(length(x)) FROM t"), 2000000);
    db_close(from);
    db_close(to);
}

/* Send everything dirty to another database's changelog. */
static void
replicate(struct changelog *from, struct changelog *to)
{
    struct cv_bytes key;
    struct cv_bytes value;
    struct cv_err err = CV_ERR_INIT;
    size_t i = 0;

    while (changelog_next(from, &i, &key, &value))
        assert_int_equal(changelog_apply(to, key, value, false, &err), CV_OK);
    changelog_clear(from);
}

static const char *const table_sum =
    "SELECT count(*) * 1000000 + coalesce(sum(n * 1000 + length(k) * 10 + coalesce(v, 0) + "
    "length(coalesce(b, ''))), 0) "
    "FROM t";

static void
a_restored_table_equals_its_original(void **state)
{
    struct cv_arena *arena;
    struct plan *plan = test_plan(PAIRS, &arena);
    const struct table *tables[] = { plan->sources[0].table };
    struct database *db[2];
    struct changelog *log[2];
    struct cv_err err = CV_ERR_INIT;
    static const char *const steps[] = {
        ("INSERT INTO t VALUES ('a', 1, 1.5, x'0001'), ('b', 2, NULL, NULL), ('c' || char(0) || "
         "'d', 3, 7, x'')"),
        "UPDATE t SET v = 2 WHERE n = 1",
        "INSERT OR REPLACE INTO t VALUES ('a', 1, 9, NULL)",
        "UPDATE t SET k = 'moved' WHERE n = 2",
        "DELETE FROM t WHERE n = 3",
        "INSERT INTO t VALUES ('z', 26, 1, NULL) ON CONFLICT DO NOTHING",
        "DELETE FROM t",
        "INSERT INTO t VALUES ('again', 1, 1, NULL)",
    };

    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(db_open_memory(&db[i], &err), CV_OK);
        assert_int_equal(db_exec(db[i], plan->sources[0].ddl, &err), CV_OK);
        assert_int_equal(changelog_new(db[i], tables, 1, &log[i], &err), CV_OK);
    }
    for (size_t i = 0; i < CV_COUNT(steps); i++) {
        assert_int_equal(db_exec(db[0], steps[i], &err), CV_OK);
        if (i % 3 == 2 || i + 1 == CV_COUNT(steps)) {
            replicate(log[0], log[1]);
            assert_true(query_int(db[1], table_sum) == query_int(db[0], table_sum));
            assert_int_equal(changelog_dirty(log[1]), 0); /* a restore is not logged again */
        }
    }
    assert_int_equal(query_int(db[1], "SELECT count(*) FROM t"), 1);
    for (int i = 0; i < 2; i++) {
        changelog_free(log[i]);
        db_close(db[i]);
    }
    cv_arena_free(arena);
}

static void
rows_are_coalesced_and_read_again_after_a_rolled_back_savepoint(void **state)
{
    struct cv_arena *arena;
    struct plan *plan = test_plan(PAIRS, &arena);
    const struct table *tables[] = { plan->sources[0].table };
    struct database *db;
    struct changelog *log;
    struct cv_err err = CV_ERR_INIT;
    struct cv_bytes key;
    struct cv_bytes value;
    size_t i = 0;
    size_t deleted = 0;

    (void)state;
    assert_int_equal(db_open_memory(&db, &err), CV_OK);
    assert_int_equal(db_exec(db, plan->sources[0].ddl, &err), CV_OK);
    assert_int_equal(changelog_new(db, tables, 1, &log, &err), CV_OK);
    assert_int_equal(
        db_exec(
            db,
            "BEGIN; INSERT INTO t VALUES ('a', 1, 1, NULL); UPDATE t SET v = 2; UPDATE t SET v = 3",
            &err),
        CV_OK);
    assert_int_equal(changelog_dirty(log), 1);
    assert_int_equal(db_exec(db,
                             "SAVEPOINT s; UPDATE t SET v = 99; INSERT INTO t VALUES ('b', 2, 1, "
                             "NULL); ROLLBACK TO s; RELEASE s",
                             &err),
                     CV_OK);
    assert_int_equal(changelog_dirty(log), 2);
    assert_int_equal(changelog_reread(log, &err), CV_OK);
    while (changelog_next(log, &i, &key, &value)) {
        struct cv_reader in = cv_reader_of(value.data, value.len);

        if (value.data == NULL) {
            deleted++;
            continue;
        }
        cv_read_u8(&in);
        cv_read_u32(&in);
        codec_read_cell(&in);
        codec_read_cell(&in);
        assert_true(codec_read_cell(&in).real == 3);
    }
    assert_int_equal(deleted, 1);
    changelog_free(log);
    db_close(db);
    cv_arena_free(arena);
}

static void
foreign_changelog_records_are_refused(void **state)
{
    struct cv_arena *arena;
    struct plan *plan = test_plan(PAIRS, &arena);
    const struct table *tables[] = { plan->sources[0].table };
    struct database *db;
    struct changelog *log;
    struct cv_err err = CV_ERR_INIT;
    struct cv_buf key = CV_BUF_INIT(100);
    struct cv_bytes other = { .data = "\1\0\0\0\1", .len = 5 };

    (void)state;
    assert_int_equal(db_open_memory(&db, &err), CV_OK);
    assert_int_equal(db_exec(db, plan->sources[0].ddl, &err), CV_OK);
    assert_int_equal(changelog_new(db, tables, 1, &log, &err), CV_OK);
    assert_int_equal(changelog_apply(log, (struct cv_bytes){ "ab", 2 }, other, false, &err), CV_INVALID);
    cv_buf_be32(&key, tables[0]->id + 1);
    assert_int_equal(changelog_apply(log, (struct cv_bytes){ key.data, key.len }, other, false, &err),
                     CV_OK); /* gone table */
    cv_buf_reset(&key);
    cv_buf_be32(&key, tables[0]->id);
    assert_int_equal(changelog_apply(log, (struct cv_bytes){ key.data, key.len }, other, false, &err),
                     CV_OK); /* another layout: a later record may take its place */
    assert_int_equal(changelog_unread(log), 1);
    assert_int_equal(changelog_check_unread(log, &err), CV_INVALID);
    assert_non_null(strstr(err.text, "written for another definition of table \"t\""));
    assert_int_equal(changelog_apply(log, (struct cv_bytes){ key.data, key.len },
                                     (struct cv_bytes){ .data = "\2\0\0\0\1", .len = 5 }, false, &err),
                     CV_INVALID);
    assert_non_null(strstr(err.text, "written by a newer version"));
    assert_int_equal(query_int(db, "SELECT count(*) FROM t"), 0);
    cv_buf_free(&key);
    changelog_free(log);
    db_close(db);
    cv_arena_free(arena);
}

/* ---- the shared mapping ---- */

static int
mappings_of(const char *file)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[4096];
    int n = 0;

    assert_non_null(maps);
    while (fgets(line, sizeof(line), maps) != NULL)
        n += strstr(line, file) != NULL && strstr(line, "-shm") == NULL;
    fclose(maps);
    return n;
}

static void
connections_share_the_mapping_of_an_attached_file(void **state)
{
    char place[] = "/tmp/culvert-map-XXXXXX";
    char file[64];
    char command[96];
    struct database *writer;
    struct database *readers[3];
    struct cv_err err = CV_ERR_INIT;
    bool corrupt;

    (void)state;
    assert_non_null(mkdtemp(place));
    snprintf(file, sizeof(file), "%s/global.db", place);
    assert_int_equal(db_create(file, "CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT)", &err), CV_OK);
    assert_int_equal(db_open(file, DB_WRITE, &writer, &corrupt, &err), CV_OK);
    for (int round = 1; round <= 3; round++) { /* the file grows while it is mapped */
        snprintf(command, sizeof(command),
                 "INSERT INTO t (x) SELECT printf('%%.2000c', 'x') FROM hop(0, 1000, 1)");
        assert_int_equal(functions_register(writer, &err), CV_OK);
        assert_int_equal(db_exec(writer, command, &err), CV_OK);
        if (round < 3) /* the last ones are in the WAL only */
            db_checkpoint(writer);
        for (int i = 0; i < 3; i++) {
            if (round == 1) {
                assert_int_equal(db_open_memory(&readers[i], &err), CV_OK);
                assert_int_equal(db_attach(readers[i], file, "g", &err), CV_OK);
            }
            assert_int_equal(total_of(readers[i], "SELECT sum(length(x)) FROM g.t"), (int64_t)round * 1000 * 2000);
        }
        assert_int_equal(mappings_of(file), 1);
    }
    for (int i = 0; i < 3; i++)
        db_close(readers[i]);
    /* Another file under the same name is another mapping. */
    db_close(writer);
    assert_int_equal(db_remove(file, &err), CV_OK);
    assert_int_equal(db_create(file, "CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT); INSERT INTO t "
                                     "VALUES (1, 'abc')",
                               &err),
                     CV_OK);
    assert_int_equal(db_open_memory(&readers[0], &err), CV_OK);
    assert_int_equal(db_attach(readers[0], file, "g", &err), CV_OK);
    assert_int_equal(total_of(readers[0], "SELECT sum(length(x)) FROM g.t"), 3);
    db_close(readers[0]);
    snprintf(command, sizeof(command), "rm -rf %s", place);
    assert_int_equal(system(command), 0);
}

int
main(void)
{
#define FILES(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        FILES(a_state_file_keeps_what_was_committed),
        FILES(what_is_no_state_file_is_named_and_left_alone),
        FILES(foreign_newer_and_damaged_files_are_told_apart),
        FILES(a_wal_left_behind_is_not_replayed_into_a_new_file),
        FILES(a_wal_that_has_grown_is_made_short),
        FILES(a_full_disk_is_a_fault_of_its_own),
        cmocka_unit_test(functions_are_exact),
        cmocka_unit_test(the_change_relation_shows_new_and_old_row),
        cmocka_unit_test(key_bytes_sort_as_the_values_do),
        cmocka_unit_test(a_restored_table_equals_its_original),
        cmocka_unit_test(rows_are_coalesced_and_read_again_after_a_rolled_back_savepoint),
        cmocka_unit_test(connections_share_the_mapping_of_an_attached_file),
        cmocka_unit_test(tables_in_memory_are_copied_up_to_a_size),
        cmocka_unit_test(foreign_changelog_records_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
