/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time in the streams engine, on a Kafka in memory: watermarks through repartition topics, windows
 * that close once, late rows, sessions, expiry, timers; and that a crash anywhere changes nothing.
 */
#include "tests/helper/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "streams/engine/loop.h"
#include "streams/test/memory_kafka.h"
#include "tests/helper/streams_plan.h"

#define PIPELINE "CREATE PIPELINE p WITH (application_id = 'app', commit_interval_ms = 60000);\n"
#define ORDERS                                                                                     \
    "CREATE SOURCE TABLE orders (id INTEGER PRIMARY KEY, kind TEXT, total DECIMAL(12,2), at "      \
    "TIMESTAMP) FROM TOPIC 'orders' EVENT TIME at WATERMARK DELAY 10 SECONDS;\n"
#define CELLS                                                                                      \
    "CREATE REPARTITION STREAM cells ON orders BY kind PARTITIONS 2 AS\n"                          \
    "  SELECT tumble(at, 60000) AS b, kind, sum(_w) AS n, sum(_w * total) AS total\n"              \
    "    FROM orders_delta GROUP BY 1, 2;\n"                                                       \
    "CREATE STATE TABLE minutes (b TIMESTAMP, e TIMESTAMP, kind TEXT, n INTEGER, total "           \
    "DECIMAL(12,2), PRIMARY KEY (b, kind)) WITHOUT ROWID WINDOW (b, e);\n"                         \
    "CREATE SINK out TO TOPIC 'out' KEY (kind);\n"                                                 \
    "CREATE SINK late TO TOPIC 'late' KEY (kind);\n"                                               \
    "CREATE QUERY fill ON cells LATE INTO late AS\n"                                               \
    "  INSERT INTO minutes SELECT b, b + 60000, kind, n, total FROM cells_changes WHERE true\n"    \
    "  ON CONFLICT DO UPDATE SET n = n + excluded.n, total = total + excluded.total;\n"            \
    "CREATE QUERY final ON CLOSE OF minutes INTO out AS\n"                                         \
    "  SELECT kind, b / 60000 AS m, n, dec(total, 2) AS total FROM minutes_closed WHERE n > 0;\n"

#define MINUTE ((int64_t)60000)

static struct {
    struct memory_kafka *kafka;
    struct cv_arena *arena;
    struct plan *plan;
    struct status_board *board;
    struct loop *loop;
    char dir[64];
    int32_t partitions[8];
    int64_t lsn;
} rig;

static void
start_loop(void)
{
    struct loop_spec spec = { .plan = rig.plan,
                              .board = rig.board,
                              .broker = memory_broker_new(rig.kafka, "app-w-0") };
    struct task_spec task = { .plan = rig.plan,
                              .partitions = rig.partitions,
                              .state_dir = rig.dir,
                              .start_offset = CV_OFFSET_BEGINNING };
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(loop_new(&spec, &rig.loop, &err), CV_OK);
    for (task.group = 0; task.group < rig.plan->n_groups; task.group++) {
        size_t anchor = rig.plan->groups[task.group].anchor;

        for (task.partition = 0; task.partition < rig.partitions[anchor]; task.partition++)
            assert_int_equal(loop_open(rig.loop, &task, &err), CV_OK);
    }
}

static void
stop_loop(void)
{
    loop_free(rig.loop);
    rig.loop = NULL;
}

/* partitions of every topic that is not a repartition's. */
static void
begin(const char *sql, int32_t partitions)
{
    memset(&rig, 0, sizeof(rig));
    strcpy(rig.dir, "/tmp/culvert-time-XXXXXX");
    assert_non_null(mkdtemp(rig.dir));
    rig.kafka = memory_kafka_new();
    rig.plan = test_plan(sql, &rig.arena);
    rig.board = status_board_new();
    for (size_t i = 0; i < rig.plan->n_sources; i++) {
        int32_t own = rig.plan->sources[i].partitions;

        rig.partitions[i] = own > 0 ? own : partitions;
    }
    rig.lsn = 100;
    cv_clock_test_stop(1700000000000, 1000);
}

static int
teardown(void **state)
{
    char command[96];

    (void)state;
    cv_clock_test_run();
    if (rig.loop != NULL)
        stop_loop();
    status_board_free(rig.board);
    cv_arena_free(rig.arena);
    memory_kafka_free(rig.kafka);
    snprintf(command, sizeof(command), "rm -rf %s", rig.dir);
    return system(command);
}

static void
assert_running(void)
{
    size_t n;
    struct task_status *all = status_board_copy(rig.board, &n);

    for (size_t i = 0; i < n; i++) {
        if (all[i].state == TASK_FAILED)
            fail_msg("%s: %s", all[i].id, all[i].error);
    }
    free(all);
}

/* Turn and commit until records have found their way through all topics. */
static void
run(void)
{
    for (int i = 0; i < 10; i++) {
        loop_turn(rig.loop, 0);
        loop_turn(rig.loop, 0);
        cv_clock_test_advance(250);
        loop_settle(rig.loop);
    }
    assert_running();
}

static void
wait_ms(int64_t ms)
{
    cv_clock_test_advance(ms);
    run();
}

/* op on an order of partition p, committed at a time in seconds. */
static void
order(int p, char op, int id, const char *kind, const char *total, int64_t at_ms, int64_t commit_ms)
{
    char key[32];
    char row[256];
    char value[1024];

    rig.lsn += 10;
    snprintf(key, sizeof(key), "{\"id\":%d}", id);
    snprintf(row, sizeof(row), "{\"id\":%d,\"kind\":\"%s\",\"total\":\"%s\",\"at\":%lld}", id, kind,
             total, (long long)at_ms);
    snprintf(value, sizeof(value),
             "{\"before\":null,\"after\":%s,\"source\":{\"ts_ms\":%lld,\"snapshot\":\"%s\",\"lsn\":"
             "%lld},\"op\":\"%c\"}",
             op == 'd' ? "null" : row, (long long)commit_ms, op == 'r' ? "true" : "false",
             (long long)rig.lsn, op);
    memory_kafka_put(rig.kafka, "orders", p, key, value, 1000);
}

static int
by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The values of a topic over all partitions, sorted, one a line. */
static void
assert_topic(const char *topic, const char *want)
{
    char *values[64];
    size_t n = 0;
    struct cv_buf have = CV_BUF_INIT(1 << 20);

    for (int p = 0; p < 4; p++) {
        size_t count = memory_kafka_count(rig.kafka, topic, p);

        for (size_t i = 0; i < count && n < CV_COUNT(values); i++)
            values[n++] = memory_kafka_read(rig.kafka, topic, p, i)->value;
    }
    qsort(values, n, sizeof(*values), by_text);
    for (size_t i = 0; i < n; i++)
        cv_buf_printf(&have, "%s\n", values[i]);
    assert_string_equal(cv_buf_cstr(&have), want);
    cv_buf_free(&have);
}

/* ---- windows ---- */

static void
a_window_closes_once_when_the_slowest_partition_has_passed_it(void **state)
{
    (void)state;
    begin(PIPELINE ORDERS CELLS, 2);
    order(0, 'c', 1, "a", "10", 1 * MINUTE, 1 * MINUTE + 1000);
    order(0, 'c', 2, "a", "5", 1 * MINUTE + 500, 1 * MINUTE + 2000);
    order(0, 'u', 2, "b", "5", 1 * MINUTE + 500, 1 * MINUTE + 3000);
    order(0, 'c', 3, "a", "1", 3 * MINUTE, 3 * MINUTE);
    order(1, 'c', 4, "a", "7", 1 * MINUTE + 59999, 2 * MINUTE);
    start_loop();
    run();
    assert_topic("out", ""); /* partition 1 may still send something of minute 1 */
    order(1, 'c', 5, "b", "2.50", 1 * MINUTE, 2 * MINUTE + 9999);
    run();
    assert_topic("out", "");
    order(1, 'c', 6, "a", "1", 2 * MINUTE, 2 * MINUTE + 10000);
    run();
    assert_topic("out", "{\"kind\":\"a\",\"m\":1,\"n\":2,\"total\":\"17.00\"}\n"
                        "{\"kind\":\"b\",\"m\":1,\"n\":2,\"total\":\"7.50\"}\n");
    assert_topic("late", "");
    /* What comes now is late; the window stays as it was. */
    order(1, 'd', 4, "", "0", 0, 2 * MINUTE + 11000);
    order(0, 'c', 7, "c", "3", 1 * MINUTE, 3 * MINUTE + 1);
    run();
    assert_topic("late",
                 "{\"b\":\"1970-01-01T00:01:00.000Z\",\"e\":\"1970-01-01T00:02:00.000Z\",\"kind\":"
                 "\"a\",\"n\":-1,\"total\":\"-7.00\"}\n"
                 "{\"b\":\"1970-01-01T00:01:00.000Z\",\"e\":\"1970-01-01T00:02:00.000Z\",\"kind\":"
                 "\"c\",\"n\":1,\"total\":\"3.00\"}\n");
    order(0, 'c', 8, "a", "1", 9 * MINUTE, 9 * MINUTE);
    order(1, 'c', 9, "a", "1", 9 * MINUTE, 9 * MINUTE);
    run();
    assert_topic("out", "{\"kind\":\"a\",\"m\":1,\"n\":2,\"total\":\"17.00\"}\n"
                        "{\"kind\":\"a\",\"m\":2,\"n\":1,\"total\":\"1.00\"}\n"
                        "{\"kind\":\"a\",\"m\":3,\"n\":1,\"total\":\"1.00\"}\n"
                        "{\"kind\":\"b\",\"m\":1,\"n\":2,\"total\":\"7.50\"}\n");
}

static void
an_idle_partition_is_left_out_and_the_last_windows_close_by_themselves(void **state)
{
    (void)state;
    begin(PIPELINE ORDERS CELLS, 2);
    order(0, 'c', 1, "a", "1", 1 * MINUTE, 1 * MINUTE);
    order(0, 'c', 2, "a", "1", 5 * MINUTE, 5 * MINUTE);
    start_loop();
    run();
    assert_topic("out", ""); /* nothing is known of partition 1 */
    wait_ms(20000);
    order(0, 'c', 3, "a", "1", 5 * MINUTE, 5 * MINUTE + 1);
    run();
    assert_topic("out", "");
    wait_ms(12000); /* partition 1 is idle, partition 0 is not */
    assert_topic("out", "{\"kind\":\"a\",\"m\":1,\"n\":1,\"total\":\"1.00\"}\n");
    wait_ms(31000); /* both are */
    assert_topic("out", "{\"kind\":\"a\",\"m\":1,\"n\":1,\"total\":\"1.00\"}\n"
                        "{\"kind\":\"a\",\"m\":5,\"n\":2,\"total\":\"2.00\"}\n");
}

static void
an_outage_of_the_broker_is_no_idleness(void **state)
{
    (void)state;
    begin(PIPELINE ORDERS CELLS, 1);
    order(0, 'c', 1, "a", "1", 1 * MINUTE, 1 * MINUTE);
    start_loop();
    run();
    memory_kafka_be_silent(rig.kafka, true);
    wait_ms(40000);
    memory_kafka_be_silent(rig.kafka, false);
    wait_ms(20000);
    assert_topic("out", "");
    wait_ms(11000);
    assert_topic("out", "{\"kind\":\"a\",\"m\":1,\"n\":1,\"total\":\"1.00\"}\n");
}

/* Set ahead by a day while there is no traffic, and back: what comes with right times is not late. */
static void
jumps_of_the_wall_clock_close_no_window(void **state)
{
    int64_t now = 1700000000000;
    int64_t day = 24 * 60 * MINUTE;

    (void)state;
    begin(PIPELINE ORDERS CELLS, 1);
    order(0, 'c', 1, "a", "1", now, now);
    start_loop();
    run();
    wait_ms(35000); /* idle, and the wall clock counts */
    cv_clock_test_stop(cv_now_ms() + day, cv_mono_ms());
    wait_ms(10000);
    cv_clock_test_stop(cv_now_ms() - 2 * day, cv_mono_ms());
    wait_ms(10000);
    cv_clock_test_stop(cv_now_ms() + day, cv_mono_ms());
    order(0, 'c', 2, "a", "2", cv_now_ms(), cv_now_ms());
    run();
    wait_ms(200000);
    assert_topic("late", "");
    assert_topic("out", "{\"kind\":\"a\",\"m\":28333333,\"n\":1,\"total\":\"1.00\"}\n"
                        "{\"kind\":\"a\",\"m\":28333334,\"n\":1,\"total\":\"2.00\"}\n");
}

static void
history_of_a_snapshot_does_not_move_the_watermark(void **state)
{
    (void)state;
    begin(PIPELINE ORDERS CELLS, 1);
    order(0, 'r', 1, "a", "1", 1 * MINUTE, 90 * MINUTE);
    order(0, 'r', 2, "a", "1", 7 * MINUTE, 90 * MINUTE);
    order(0, 'r', 3, "a", "1", 1 * MINUTE, 90 * MINUTE);
    start_loop();
    run();
    assert_topic("out", "");
    order(0, 'c', 4, "a", "1", 90 * MINUTE, 90 * MINUTE);
    run();
    assert_topic("out", "{\"kind\":\"a\",\"m\":1,\"n\":2,\"total\":\"2.00\"}\n"
                        "{\"kind\":\"a\",\"m\":7,\"n\":1,\"total\":\"1.00\"}\n");
    assert_topic("late", "");
}

static void
a_time_in_the_future_makes_nothing_late(void **state)
{
    (void)state;
    begin(PIPELINE ORDERS CELLS, 1);
    order(0, 'c', 1, "a", "1", 1 * MINUTE, 1 * MINUTE);
    order(0, 'c', 2, "a", "1", 1 * MINUTE, 4000000000000); /* its clock runs wild */
    order(0, 'c', 3, "a", "1", 1 * MINUTE, 1 * MINUTE + 1);
    start_loop();
    run();
    assert_topic("out", "");
    assert_topic("late", "");
}

static void
a_tombstone_does_not_move_the_watermark(void **state)
{
    (void)state;
    begin(PIPELINE ORDERS CELLS, 1);
    order(0, 'c', 1, "a", "1", 1 * MINUTE, 1 * MINUTE);
    order(0, 'd', 2, "", "0", 0, 1 * MINUTE);
    memory_kafka_put(rig.kafka, "orders", 0, "{\"id\":2}", NULL, 1600000000000);
    start_loop();
    run();
    assert_topic("out", "");
    order(0, 'c', 3, "a", "2", 1 * MINUTE, 1 * MINUTE);
    order(0, 'c', 4, "a", "2", 9 * MINUTE, 9 * MINUTE);
    run();
    assert_topic("out", "{\"kind\":\"a\",\"m\":1,\"n\":2,\"total\":\"3.00\"}\n");
}

/* ---- sessions, expiry, timers, changes ---- */

static void
rows_expire_behind_the_watermark_and_timers_run(void **state)
{
    (void)state;
    begin(PIPELINE ORDERS
          "CREATE STATE TABLE seen (id INTEGER, at INTEGER, PRIMARY KEY (id, at)) WITHOUT ROWID\n"
          "  EXPIRE at AFTER 1 HOUR;\n"
          "CREATE SINK out TO TOPIC 'out';\n"
          "CREATE QUERY note ON orders AS INSERT INTO seen SELECT id, at FROM orders_changes;\n"
          "CREATE QUERY count EVERY 10 SECONDS INTO out AS SELECT count(*) AS n FROM seen;\n",
          1);
    for (int i = 0; i < 5000; i++)
        order(0, 'c', i, "a", "1", i < 4000 ? MINUTE : 2 * MINUTE, 2 * MINUTE);
    start_loop();
    run();
    wait_ms(10000);
    assert_topic("out", "{\"n\":5000}\n");
    order(0, 'c', 5000, "a", "1", 61 * MINUTE + 10000, 61 * MINUTE + 10000);
    run();
    run();
    wait_ms(10000);
    assert_topic("out", "{\"n\":1001}\n{\"n\":5000}\n");
}

static void
changes_of_a_state_table_come_once_a_commit_or_now_and_then(void **state)
{
    (void)state;
    begin(PIPELINE ORDERS
          "CREATE STATE TABLE kinds (kind TEXT PRIMARY KEY, n INTEGER) WITH (bounded = 1);\n"
          "CREATE SINK out TO TOPIC 'out';\n"
          "CREATE SINK slow TO TOPIC 'slow';\n"
          "CREATE QUERY count ON orders AS INSERT INTO kinds SELECT kind, _w FROM orders_delta\n"
          "  WHERE true ON CONFLICT DO UPDATE SET n = n + excluded.n;\n"
          "CREATE QUERY tidy ON orders AS DELETE FROM kinds WHERE kind = 'gone' AND n = 0;\n"
          "CREATE QUERY show ON CHANGE OF kinds INTO out AS\n"
          "  SELECT kind, n, old_n AS was, _op AS op FROM kinds_changes;\n"
          "CREATE QUERY now_and_then ON CHANGE OF kinds EVERY 1 MINUTE INTO slow AS\n"
          "  SELECT kind, n, old_n AS was, _op AS op FROM kinds_changes;\n",
          1);
    order(0, 'c', 1, "a", "1", MINUTE, MINUTE);
    order(0, 'c', 2, "a", "1", MINUTE, MINUTE);
    order(0, 'c', 3, "gone", "1", MINUTE, MINUTE);
    order(0, 'd', 3, "", "1", MINUTE, MINUTE);
    start_loop();
    run();
    assert_topic("out", "{\"kind\":\"a\",\"n\":2,\"was\":null,\"op\":\"c\"}\n");
    order(0, 'd', 1, "", "1", MINUTE, MINUTE);
    order(0, 'c', 4, "gone", "1", MINUTE, MINUTE);
    run();
    assert_topic("out", "{\"kind\":\"a\",\"n\":1,\"was\":2,\"op\":\"u\"}\n"
                        "{\"kind\":\"a\",\"n\":2,\"was\":null,\"op\":\"c\"}\n"
                        "{\"kind\":\"gone\",\"n\":1,\"was\":null,\"op\":\"c\"}\n");
    assert_topic("slow", "");
    stop_loop(); /* what waits is not lost */
    start_loop();
    order(0, 'd', 4, "", "1", MINUTE, MINUTE);
    run();
    wait_ms(60000);
    assert_topic("slow", "{\"kind\":\"a\",\"n\":1,\"was\":null,\"op\":\"c\"}\n");
    assert_topic("out", "{\"kind\":\"a\",\"n\":1,\"was\":2,\"op\":\"u\"}\n"
                        "{\"kind\":\"a\",\"n\":2,\"was\":null,\"op\":\"c\"}\n"
                        "{\"kind\":\"gone\",\"n\":1,\"was\":1,\"op\":\"d\"}\n"
                        "{\"kind\":\"gone\",\"n\":1,\"was\":null,\"op\":\"c\"}\n");
}

/* ---- files ---- */

static void
assert_lines(const char *show, const char *want)
{
    char command[256];
    char have[4096];
    size_t len;
    FILE *out;

    snprintf(command, sizeof(command), "cd %s/files 2>/dev/null && %s | sort", rig.dir, show);
    out = popen(command, "r");
    len = fread(have, 1, sizeof(have) - 1, out);
    have[len] = '\0';
    pclose(out);
    assert_string_equal(have, want);
}

static void
assert_files(const char *want)
{
    assert_lines("grep -r . .", want);
}

#define FILES                                                                                      \
    "CREATE SINK files TO FILE 'd/f-%H.csv' WITH (format = 'csv', roll = '1 minute');\n"           \
    "CREATE QUERY write ON orders INTO files AS\n"                                                 \
    "  SELECT id, kind, dec(total, 2) AS total, at AS _ts FROM orders_changes;\n"

static void
every_row_is_in_one_file_that_is_whole(void **state)
{
    (void)state;
    begin(PIPELINE ORDERS FILES, 1);
    order(0, 'c', 1, "a", "1", MINUTE, MINUTE);
    order(0, 'c', 2, "say \\\"b\\\", c", "2", MINUTE, MINUTE);
    start_loop();
    run();
    assert_files("");
    order(0, 'c', 3, "", "3", 61 * MINUTE, MINUTE); /* another hour: another file */
    run();
    assert_files("./d/f-00-orders_0-1-3.csv:1,a,1.00\n"
                 "./d/f-00-orders_0-1-3.csv:2,\"say \"\"b\"\", c\",2.00\n"
                 "./d/f-00-orders_0-1-3.csv:id,kind,total\n");
    wait_ms(60000);
    assert_files("./d/f-00-orders_0-1-3.csv:1,a,1.00\n"
                 "./d/f-00-orders_0-1-3.csv:2,\"say \"\"b\"\", c\",2.00\n"
                 "./d/f-00-orders_0-1-3.csv:id,kind,total\n"
                 "./d/f-01-orders_0-3-3.csv:3,\"\",3.00\n"
                 "./d/f-01-orders_0-3-3.csv:id,kind,total\n");
}

static void
a_crash_at_any_call_writes_each_row_to_one_file(void **state)
{
    bool happened = true;

    (void)state;
    for (size_t nth = 1; happened; nth += 5) {
        size_t mode = nth % 4; /* 1: after the call's effect; 2: the process and its files are gone */

        begin(PIPELINE ORDERS FILES, 1);
        start_loop();
        memory_kafka_fail(rig.kafka, nth, mode & 1);
        order(0, 'c', 1, "a", "1", MINUTE, MINUTE);
        run();
        wait_ms(60000);
        if (mode & 2) {
            char command[128];

            stop_loop();
            snprintf(command, sizeof(command), "rm -rf %s/orders_0", rig.dir);
            assert_int_equal(system(command), 0);
            start_loop();
            run();
        }
        order(0, 'c', 2, "a", "2", MINUTE, MINUTE);
        run();
        wait_ms(60000);
        wait_ms(60000);
        assert_lines("cat d/*.csv | grep -v id", "1,a,1.00\n2,a,2.00\n");
        assert_lines("find . -name '*.tmp'", "");
        happened = memory_kafka_fail(rig.kafka, 0, false);
        teardown(NULL);
    }
    begin(PIPELINE ORDERS, 1);
}

/* Every call to Kafka fails once, before or after its effect: the results stay the same. */
static void
a_crash_at_any_call_changes_no_result(void **state)
{
    static const char out[] = "{\"kind\":\"a\",\"m\":1,\"n\":2,\"total\":\"17.00\"}\n"
                              "{\"kind\":\"a\",\"m\":2,\"n\":1,\"total\":\"1.00\"}\n"
                              "{\"kind\":\"b\",\"m\":1,\"n\":2,\"total\":\"7.50\"}\n";
    static const char late[] = "{\"b\":\"1970-01-01T00:01:00.000Z\",\"e\":\"1970-01-01T00:02:00."
                               "000Z\",\"kind\":\"a\",\"n\":-1,\"total\":\"-7.00\"}\n";
    bool happened = true;

    (void)state;
    for (size_t nth = 1; happened; nth += 5) {
        size_t mode = nth % 4; /* 1: after the call's effect; 2: the process and its files are gone */

        begin(PIPELINE ORDERS CELLS, 2);
        start_loop();
        memory_kafka_fail(rig.kafka, nth, mode & 1);
        order(0, 'c', 1, "a", "10", 1 * MINUTE, 1 * MINUTE + 1000);
        order(0, 'c', 2, "a", "5", 1 * MINUTE + 500, 1 * MINUTE + 2000);
        order(0, 'u', 2, "b", "5", 1 * MINUTE + 500, 1 * MINUTE + 3000);
        order(1, 'c', 4, "a", "7", 1 * MINUTE + 59999, 2 * MINUTE);
        order(1, 'c', 5, "b", "2.50", 1 * MINUTE, 2 * MINUTE);
        run();
        order(0, 'c', 3, "a", "1", 2 * MINUTE, 3 * MINUTE);
        order(1, 'c', 6, "c", "1", 9 * MINUTE, 3 * MINUTE);
        run();
        if (mode & 2) { /* the process is gone, its files too */
            char command[96];

            stop_loop();
            snprintf(command, sizeof(command), "rm -rf %s/*", rig.dir);
            assert_int_equal(system(command), 0);
            start_loop();
        }
        order(1, 'd', 4, "", "0", 0, 4 * MINUTE);
        order(0, 'c', 7, "c", "1", 9 * MINUTE, 4 * MINUTE);
        run();
        run();
        assert_topic("out", out);
        assert_topic("late", late);
        happened = memory_kafka_fail(rig.kafka, 0, false);
        teardown(NULL);
    }
    begin(PIPELINE ORDERS, 1); /* for the last teardown */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_window_closes_once_when_the_slowest_partition_has_passed_it,
                                  teardown),
        cmocka_unit_test_teardown(
            an_idle_partition_is_left_out_and_the_last_windows_close_by_themselves, teardown),
        cmocka_unit_test_teardown(an_outage_of_the_broker_is_no_idleness, teardown),
        cmocka_unit_test_teardown(jumps_of_the_wall_clock_close_no_window, teardown),
        cmocka_unit_test_teardown(history_of_a_snapshot_does_not_move_the_watermark, teardown),
        cmocka_unit_test_teardown(a_time_in_the_future_makes_nothing_late, teardown),
        cmocka_unit_test_teardown(a_tombstone_does_not_move_the_watermark, teardown),
        cmocka_unit_test_teardown(rows_expire_behind_the_watermark_and_timers_run, teardown),
        cmocka_unit_test_teardown(changes_of_a_state_table_come_once_a_commit_or_now_and_then,
                                  teardown),
        cmocka_unit_test_teardown(every_row_is_in_one_file_that_is_whole, teardown),
        cmocka_unit_test_teardown(a_crash_at_any_call_writes_each_row_to_one_file, teardown),
        cmocka_unit_test_teardown(a_crash_at_any_call_changes_no_result, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
