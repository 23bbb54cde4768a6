/* SPDX-License-Identifier: Apache-2.0 */
/* The streams engine on a Kafka in memory: change handling, poison, exactly once, restore. */
#include "tests/helper/cmocka_all.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "streams/engine/apply.h"
#include "streams/engine/loop.h"
#include "streams/engine/task_forget.h"
#include "streams/engine/txn.h"
#include "streams/store/query.h"
#include "streams/test/memory_kafka.h"
#include "tests/helper/streams_plan.h"

#define ORDERS                                                                                     \
    "CREATE SOURCE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER NOT NULL, status TEXT, " \
    "total "                                                                                       \
    "DECIMAL(12,2)) FROM TOPIC 'orders';\n"
#define OUT "CREATE SINK out TO TOPIC 'out' KEY (id);\n"
#define ECHO                                                                                       \
    "CREATE QUERY echo ON orders WHEN (_op <> 'd') INTO out AS\n"                                  \
    "  SELECT id, _op AS op, status, old_status AS was, dec(total, 2) AS total FROM "              \
    "orders_changes;\n"                                                                            \
    "CREATE QUERY gone ON orders WHEN (_op = 'd') INTO out AS SELECT id, NULL AS _value FROM "     \
    "orders_changes;\n"
#define PIPELINE(options)                                                                          \
    "CREATE PIPELINE p WITH (application_id = 'app', commit_interval_ms = 60000" options ");\n"

static struct {
    struct memory_kafka *kafka;
    struct cv_arena *arena;
    struct plan *plan;
    struct status_board *board;
    struct watch *watch;
    struct loop *loop;
    char dir[64];
    int32_t partitions[4];
    int64_t start;
} rig;

static struct cv_buf printed = CV_BUF_INIT(1 << 20);

static void
print(const char *text, size_t len)
{
    cv_buf_add(&printed, text, len);
}

static void
start_loop(void)
{
    struct loop_spec spec = { .plan = rig.plan,
                              .board = rig.board,
                              .watch = rig.watch,
                              .print = print,
                              .broker = memory_broker_new(rig.kafka, "app-w-0") };
    struct task_spec task = { .plan = rig.plan,
                              .partitions = rig.partitions,
                              .state_dir = rig.dir,
                              .start_offset = rig.start };
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(loop_new(&spec, &rig.loop, &err), CV_OK);
    for (size_t i = 0; i < rig.plan->n_groups; i++) {
        task.group = i;
        assert_int_equal(loop_open(rig.loop, &task, &err), CV_OK);
    }
}

static void
stop_loop(void)
{
    loop_free(rig.loop);
    rig.loop = NULL;
}

static void
begin(const char *sql)
{
    memset(&rig, 0, sizeof(rig));
    strcpy(rig.dir, "/tmp/culvert-engine-XXXXXX");
    assert_non_null(mkdtemp(rig.dir));
    rig.kafka = memory_kafka_new();
    rig.plan = test_plan(sql, &rig.arena);
    rig.board = status_board_new();
    rig.start = CV_OFFSET_BEGINNING;
    for (size_t i = 0; i < CV_COUNT(rig.partitions); i++)
        rig.partitions[i] = 1;
    cv_buf_reset(&printed);
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
    watch_free(rig.watch);
    cv_arena_free(rig.arena);
    memory_kafka_free(rig.kafka);
    cv_buf_free(&printed);
    snprintf(command, sizeof(command), "rm -rf %s", rig.dir);
    return system(command);
}

/* Turn until nothing more can happen, and commit. */
static void
run(void)
{
    for (int i = 0; i < 12; i++) {
        loop_turn(rig.loop, 0);
        cv_clock_test_advance(i > 8 ? 200 : 0); /* the time that a thread waits after a failure */
        if (i == 7)
            loop_settle(rig.loop);
        if (i == 8) {
            size_t n;
            struct task_status *all = status_board_copy(rig.board, &n);
            bool settled = true;

            for (size_t t = 0; t < n; t++)
                settled &= all[t].state == TASK_RUNNING || all[t].state == TASK_FAILED ||
                           all[t].state == TASK_PAUSED;
            free(all);
            if (settled && memory_kafka_open_txns(rig.kafka) == 0)
                break;
        }
    }
    loop_settle(rig.loop);
}

static struct task_status
status(void)
{
    size_t n;
    struct task_status *all = status_board_copy(rig.board, &n);
    struct task_status one = { 0 };

    assert_true(n > 0);
    one = all[0];
    free(all);
    return one;
}

static void
put(const char *topic, const char *key, const char *value)
{
    memory_kafka_put(rig.kafka, topic, 0, key, value, 1000);
}

/* An event of the orders topic. */
static void
order(char op, int id, int customer, const char *status_text, const char *total, int64_t commit,
      int64_t lsn)
{
    char key[32];
    char row[256];
    char value[1024];

    snprintf(key, sizeof(key), "{\"id\":%d}", id);
    snprintf(row, sizeof(row), "{\"id\":%d,\"customer\":%d,\"status\":\"%s\",\"total\":\"%s\"}", id,
             customer, status_text, total);
    snprintf(value, sizeof(value),
             "{\"before\":%s,\"after\":%s,\"source\":{\"ts_ms\":%lld,\"snapshot\":\"%s\","
             "\"sequence\":\"[\\\"%lld\\\",\\\"%lld\\\"]\","
             "\"lsn\":%lld},\"op\":\"%c\"}",
             op == 'd' ? row : "null", op == 'd' ? "null" : row, (long long)lsn,
             op == 'r' ? "true" : "false", (long long)commit, (long long)lsn, (long long)lsn, op);
    put("orders", key, value);
}

static void
assert_out(const char *const *lines, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct memory_record *rec = memory_kafka_read(rig.kafka, "out", 0, i);
        char line[512];

        if (rec == NULL)
            fail_msg("only %zu records, not %zu", i, count);
        snprintf(line, sizeof(line), "%s %s", rec->key, rec->value == NULL ? "-" : rec->value);
        assert_string_equal(line, lines[i]);
    }
    assert_int_equal(memory_kafka_count(rig.kafka, "out", 0), count);
}

/* Stop, and go on with other files; lose: without the state files. */
static void
replan(const char *sql, bool lose)
{
    char command[96];

    stop_loop();
    cv_arena_free(rig.arena);
    rig.plan = test_plan(sql, &rig.arena);
    snprintf(command, sizeof(command), "rm -rf %s/*_*", rig.dir);
    if (lose)
        assert_int_equal(system(command), 0);
    start_loop();
    run();
}

/* ---- changes ---- */

static void
changes_carry_the_previous_row_and_deletes_one_tombstone(void **state)
{
    static const char *const lines[] = {
        "[1] {\"id\":1,\"op\":\"r\",\"status\":\"new\",\"was\":null,\"total\":\"10.00\"}",
        "[1] {\"id\":1,\"op\":\"u\",\"status\":\"paid\",\"was\":\"new\",\"total\":\"10.50\"}",
        "[2] {\"id\":2,\"op\":\"c\",\"status\":\"new\",\"was\":null,\"total\":\"-0.05\"}",
        "[1] -",
        "[1] {\"id\":1,\"op\":\"c\",\"status\":\"back\",\"was\":null,\"total\":\"1.00\"}",
        "[2] -",
    };

    (void)state;
    begin(PIPELINE("") ORDERS OUT ECHO);
    order('r', 1, 7, "new", "10.00", 0, 100);
    order('u', 1, 7, "paid", "10.50", 100, 110);
    order('c', 2, 7, "new", "-0.05", 110, 120);
    order('d', 1, 7, "", "0", 120, 130);
    put("orders", "{\"id\":1}", NULL); /* its companion says nothing new */
    order('c', 1, 8, "back", "1.00", 130, 140);
    order('d', 3, 8, "", "0", 140, 150); /* never seen */
    put("orders", "{\"id\":2}",
        NULL); /* not behind a delete of order 2: means something by itself */
    start_loop();
    run();
    /* The tombstone of order 2 follows the delete of order 3 and counts as its companion. */
    assert_out(lines, 5);
    put("orders", "{\"id\":2}", NULL);
    run();
    assert_out(lines, 6);
    assert_int_equal(status().state, TASK_RUNNING);
    assert_int_equal(status().consumed, 9);
}

static void
redelivered_events_change_nothing(void **state)
{
    (void)state;
    begin(PIPELINE("") ORDERS OUT ECHO);
    order('r', 1, 7, "new", "1", 0, 100);
    order('r', 2, 7, "new", "1", 0, 100);
    order('c', 3, 7, "new", "1", 90, 110);
    order('u', 3, 7, "paid", "1", 110, 120);
    order('d', 3, 7, "", "0", 120, 130);
    put("orders", "{\"id\":3}", NULL);
    order('c', 3, 7, "again", "1", 130, 140);
    start_loop();
    run();
    assert_int_equal(memory_kafka_count(rig.kafka, "out", 0), 6);
    /* Everything since the snapshot comes again, partly with what the connector no longer knows. */
    order('c', 3, 7, "new", "1", 90, 110);
    order('u', 3, 7, "paid", "1", 110, 120);
    order('d', 3, 7, "", "0", 120, 130);
    put("orders", "{\"id\":3}", NULL);
    order('c', 3, 7, "again", "1", 130, 140);
    run();
    assert_int_equal(memory_kafka_count(rig.kafka, "out", 0), 6);
    assert_int_equal(status().duplicates, 4);
    /* The mark outlives a restart. */
    stop_loop();
    start_loop();
    order('u', 3, 7, "paid", "1", 110, 120);
    order('u', 3, 7, "really", "1", 140, 150);
    run();
    assert_int_equal(memory_kafka_count(rig.kafka, "out", 0), 7);
}

static void
lsns_alone_do_not_tell_redelivery(void **state)
{
    (void)state;
    begin(PIPELINE("") ORDERS OUT ECHO);
    order('c', 1, 7, "copy", "1", 90, 100); /* rows of one COPY share their LSN */
    order('c', 2, 7, "copy", "1", 90, 100);
    order('c', 3, 7, "copy", "1", 90, 100);
    order('c', 3, 7, "copy", "1", 90, 100); /* and this one comes twice */
    order('c', 4, 7, "early commit", "1", 100, 130);
    order('c', 5, 7, "began first, committed later", "1", 140, 120);
    order('d', 5, 7, "", "0", 150, 160); /* a changed key: both halves are one WAL record */
    put("orders", "{\"id\":5}", NULL);
    order('c', 6, 7, "moved", "1", 150, 160);
    start_loop();
    run();
    assert_int_equal(memory_kafka_count(rig.kafka, "out", 0), 7);
    assert_int_equal(status().duplicates, 1);
}

/* Rows of several connectors in one topic: each row's events are in the order of the log, the topic's are not. */
static void
redelivery_may_be_told_row_by_row(void **state)
{
    static const char *const lines[] = { "[1] c", "[2] c", "[1] u", "[2] d", "[3] r", "[3] u" };

    (void)state;
    begin(PIPELINE("") "CREATE SOURCE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER NOT NULL, "
                       "status TEXT, total DECIMAL(12,2)) FROM TOPIC 'orders' WITH (dedupe = 'row');\n"
          OUT "CREATE QUERY q ON orders INTO out AS SELECT id, _op AS _value FROM orders_changes;\n");
    order('c', 1, 7, "new", "1", 500, 510);
    order('c', 2, 7, "new", "1", 90, 100); /* far behind, but not of this row */
    order('u', 1, 7, "paid", "1", 510, 520);
    order('c', 1, 7, "new", "1", 500, 510); /* again */
    order('d', 2, 7, "", "0", 100, 110);
    start_loop();
    run();
    replan(PIPELINE("") "CREATE SOURCE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER NOT NULL, "
                        "status TEXT, total DECIMAL(12,2)) FROM TOPIC 'orders' WITH (dedupe = 'row');\n"
           OUT "CREATE QUERY q ON orders INTO out AS SELECT id, _op AS _value FROM orders_changes;\n",
           true);
    order('c', 2, 7, "new", "1", 90, 100); /* of a row that is gone, after a restore */
    order('u', 1, 7, "paid", "1", 510, 520);
    order('r', 3, 7, "copied", "1", 0, 400);
    order('r', 3, 7, "copied", "1", 0, 400);
    order('u', 3, 7, "behind the snapshot", "1", 300, 310);
    run();
    assert_int_equal(status().state, TASK_RUNNING);
    assert_out(lines, CV_COUNT(lines));
    assert_int_equal(status().duplicates, 3);
}

static void
the_place_in_the_log_decides(void **state)
{
    static const struct {
        int64_t commit; /* of the event; 0: unknown */
        int64_t lsn;
        int64_t mark_commit;
        int64_t mark_lsn;
        enum redelivery verdict;
    } cases[] = {
        { 90, 100, 0, 0, REDELIVERY_NO },    { 90, 101, 90, 100, REDELIVERY_NO },
        { 90, 99, 90, 100, REDELIVERY_YES }, { 90, 100, 90, 100, REDELIVERY_IF_SAME },
        { 110, 50, 90, 100, REDELIVERY_NO }, { 80, 500, 90, 100, REDELIVERY_YES },
        { 0, 99, 0, 100, REDELIVERY_YES },   { 0, 100, 0, 100, REDELIVERY_IF_SAME },
        { 0, 101, 0, 100, REDELIVERY_NO },   { 0, 95, 90, 100, REDELIVERY_IF_SAME },
        { 0, 101, 90, 100, REDELIVERY_NO },  { 90, 95, 0, 100, REDELIVERY_YES },
        { 90, 105, 0, 100, REDELIVERY_NO },  { 101, 95, 0, 100, REDELIVERY_NO },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        struct event event = { .op = 'u',
                               .lsn = cases[i].lsn,
                               .commit_lsn = cases[i].commit == 0 ? CHANGE_NONE : cases[i].commit };
        struct position pos = { .commit_lsn = cases[i].mark_commit, .lsn = cases[i].mark_lsn };

        if (redelivery_of(&event, &pos) != cases[i].verdict)
            fail_msg("case %zu", i);
    }
}

static void
unchanged_values_come_from_the_stored_row(void **state)
{
    static const char *const lines[] = {
        "[1] {\"id\":1,\"op\":\"c\",\"status\":\"long text\",\"was\":null,\"total\":\"5.00\"}",
        ("[1] {\"id\":1,\"op\":\"u\",\"status\":\"long text\",\"was\":\"long "
         "text\",\"total\":\"6.00\"}"),
        "[2] {\"id\":2,\"op\":\"u\",\"status\":null,\"was\":null,\"total\":\"6.00\"}",
    };

    (void)state;
    begin(PIPELINE("") ORDERS OUT ECHO);
    order('c', 1, 7, "long text", "5", 0, 100);
    order('u', 1, 7, "__debezium_unavailable_value", "6", 100, 110);
    order('u', 2, 7, "__debezium_unavailable_value", "6", 110,
          120); /* never seen before: unknown */
    start_loop();
    run();
    assert_out(lines, 3);
}

static void
a_truncate_deletes_every_row_or_is_refused(void **state)
{
    static const char truncate[] =
        "{\"before\":null,\"after\":null,\"source\":{\"lsn\":500},\"op\":\"t\"}";

    (void)state;
    begin(PIPELINE("") ORDERS OUT ECHO);
    order('c', 2, 7, "a", "1", 0, 100);
    order('c', 1, 7, "b", "1", 100, 110);
    put("orders", NULL, truncate);
    start_loop();
    run();
    assert_int_equal(memory_kafka_count(rig.kafka, "out", 0), 4);
    assert_string_equal(memory_kafka_read(rig.kafka, "out", 0, 2)->key, "[1]");
    assert_string_equal(memory_kafka_read(rig.kafka, "out", 0, 3)->key, "[2]");
    stop_loop();
    rig.partitions[0] = 3;
    put("orders", NULL, truncate);
    start_loop();
    run();
    assert_int_equal(status().state, TASK_FAILED);
    assert_non_null(strstr(status().error, "TRUNCATE reached only one of 3 partitions"));
}

static void
rows_of_a_snapshot_may_be_left_out_of_the_output(void **state)
{
    (void)state;
    begin(PIPELINE("") ORDERS OUT
          "CREATE STATE TABLE seen (id INTEGER PRIMARY KEY);\n"
          "CREATE QUERY a ON orders INTO out WITH (snapshot = 'apply') AS BEGIN\n"
          "  INSERT INTO seen SELECT id FROM orders_changes WHERE true ON CONFLICT DO NOTHING;\n"
          "  SELECT id, 'a' AS q FROM orders_changes;\n"
          "END;\n"
          "CREATE QUERY b ON orders INTO out WITH (snapshot = 'skip') AS\n"
          "  SELECT o.id, 'b' AS q, s.id AS seen FROM orders_changes o LEFT JOIN seen s ON s.id = "
          "o.id;\n");
    order('r', 1, 7, "new", "1", 0, 100);
    order('u', 1, 7, "paid", "1", 0, 110);
    start_loop();
    run();
    assert_int_equal(memory_kafka_count(rig.kafka, "out", 0), 2);
    assert_string_equal(memory_kafka_read(rig.kafka, "out", 0, 0)->value, "{\"id\":1,\"q\":\"a\"}");
    assert_string_equal(memory_kafka_read(rig.kafka, "out", 0, 1)->value,
                        "{\"id\":1,\"q\":\"b\",\"seen\":1}");
}

/* ---- poison ---- */

static void
a_poison_record_fails_the_task_by_default(void **state)
{
    (void)state;
    begin(PIPELINE("") ORDERS OUT ECHO);
    order('c', 1, 7, "fine", "1", 0, 100);
    put("orders", "{\"id\":2}", "{\"op\":\"c\",\"after\":{\"id\":2}}");
    order('c', 3, 7, "behind it", "1", 100, 110);
    start_loop();
    run();
    assert_int_equal(status().state, TASK_FAILED);
    assert_string_equal(status().error, "topic \"orders\" partition 0 offset 1, stage decode: "
                                        "column \"customer\" is NOT NULL or of the "
                                        "key, but the event lacks it");
    assert_int_equal(memory_kafka_committed(rig.kafka, "orders", 0),
                     -1); /* nothing was half done */
    assert_int_equal(memory_kafka_count(rig.kafka, "out", 0), 0);
}

static void
poison_goes_to_the_dead_letter_topic_with_its_reason(void **state)
{
    const struct memory_record *dead;

    (void)state;
    begin(PIPELINE(", on_error = 'dlq'") ORDERS OUT ECHO);
    order('c', 1, 7, "fine", "1", 0, 100);
    put("orders", "{\"id\":2}", "not json");
    order('c', 3, 7, "fine", "1", 100, 110);
    start_loop();
    run();
    assert_int_equal(status().state, TASK_RUNNING);
    assert_int_equal(memory_kafka_count(rig.kafka, "out", 0), 2);
    assert_int_equal(memory_kafka_count(rig.kafka, "app.dlq", 0), 1);
    dead = memory_kafka_read(rig.kafka, "app.dlq", 0, 0);
    assert_string_equal(dead->key, "{\"id\":2}");
    assert_string_equal(dead->value, "not json");
    assert_non_null(strstr(dead->header,
                           "__culvert.errors.topic=orders;__culvert.errors.partition=0;"
                           "__culvert.errors.offset=1;__culvert.errors.exception="));
    assert_non_null(strstr(dead->header, "__culvert.errors.stage=decode;"));
    assert_int_equal(status().dead, 1);
}

static void
data_that_does_not_suit_a_query_is_undone_alone(void **state)
{
    (void)state;
    begin(
        PIPELINE(", on_error = 'skip'") ORDERS OUT
        "CREATE STATE TABLE sums (customer INTEGER PRIMARY KEY, n INTEGER, total INTEGER CHECK "
        "(total < 1000));\n"
        "CREATE QUERY q ON orders INTO out AS BEGIN\n"
        "  INSERT INTO sums SELECT customer, 1, total FROM orders_changes WHERE true\n"
        "    ON CONFLICT (customer) DO UPDATE SET n = n + 1, total = sums.total + excluded.total;\n"
        "  SELECT o.id, s.n, s.total FROM orders_changes o JOIN sums s ON s.customer = "
        "o.customer;\n"
        "END;\n");
    order('c', 1, 7, "a", "1", 0, 100);
    order('c', 2, 7, "b", "9.50", 100, 110); /* one too many */
    order('c', 3, 7, "c", "1", 110, 120);
    start_loop();
    run();
    run();
    assert_int_equal(status().state, TASK_RUNNING);
    assert_int_equal(status().dropped, 1);
    assert_int_equal(memory_kafka_count(rig.kafka, "out", 0), 2);
    assert_string_equal(memory_kafka_read(rig.kafka, "out", 0, 1)->value,
                        "{\"id\":3,\"n\":2,\"total\":200}");
    /* The undone order is in no table and no changelog either. */
    stop_loop();
    order('u', 2, 7, "b", "2", 120, 130);
    start_loop();
    run();
    assert_string_equal(memory_kafka_read(rig.kafka, "out", 0, 2)->value,
                        "{\"id\":2,\"n\":3,\"total\":400}");
}

/* ---- exactly once ---- */

#define COUNTING                                                                                   \
    PIPELINE("")                                                                                   \
    ORDERS OUT                                                                                     \
        "CREATE STATE TABLE sums (customer INTEGER PRIMARY KEY, n INTEGER, total INTEGER) "        \
        "WITHOUT ROWID;\n"                                                                         \
        "CREATE QUERY q ON orders INTO out AS BEGIN\n"                                             \
        "  INSERT INTO sums SELECT customer, 1, total FROM orders_changes WHERE true\n"            \
        "    ON CONFLICT (customer) DO UPDATE SET n = n + 1, total = sums.total + "                \
        "excluded.total;\n"                                                                        \
        "  SELECT o.id, s.n, s.total, o.old_total AS was FROM orders_changes o JOIN sums s ON "    \
        "s.customer = o.customer;\n"                                                               \
        "  DELETE FROM sums WHERE customer = (SELECT customer FROM orders_changes) AND n >= 7;\n"  \
        "END;\n"

static void
feed(int from, int to)
{
    for (int i = from; i < to; i++) {
        char total[16];

        snprintf(total, sizeof(total), "%d.%02d", i * 7 % 50, i % 100);
        order(i % 3 == 2 ? 'u' : 'c', i % 3 == 2 ? i - 1 : i, i % 4, "s", total, 10 * i,
              10 * i + 5);
    }
}

/* All committed output as one text. */
static char *
all_output(void)
{
    struct cv_buf out = CV_BUF_INIT(1 << 20);
    const struct memory_record *rec;
    char *text;

    for (size_t i = 0; (rec = memory_kafka_read(rig.kafka, "out", 0, i)) != NULL; i++)
        cv_buf_printf(&out, "%s %s\n", rec->key, rec->value == NULL ? "-" : rec->value);
    text = strdup(cv_buf_cstr(&out));
    cv_buf_free(&out);
    return text;
}

static void
run_in_rounds(void)
{
    for (int round = 0; round < 4; round++) {
        feed(round * 6, round * 6 + 6);
        run();
    }
}

static void
a_failure_at_any_step_changes_no_result(void **state)
{
    char *expected;
    bool failed = true;
    bool restart = false;

    (void)state;
    begin(COUNTING);
    start_loop();
    run_in_rounds();
    expected = all_output();
    assert_int_equal(memory_kafka_count(rig.kafka, "out", 0), 24);
    teardown(NULL);
    /* Each call to Kafka fails once, without and with effect, and the thread goes on or is started
       anew, with and without its files. */
    for (size_t nth = 1; failed; nth += 1 + nth / 12) {
        for (int mode = 0; mode < 4; mode++) {
            char *got;

            begin(COUNTING);
            start_loop();
            memory_kafka_fail(rig.kafka, nth, mode % 2 == 1);
            for (int round = 0; round < 4; round++) {
                feed(round * 6, round * 6 + 6);
                run();
                restart = mode >= 2 && round == 2;
                if (restart) {
                    char command[96];

                    stop_loop();
                    snprintf(command, sizeof(command), "rm -rf %s/orders_0", rig.dir);
                    assert_int_equal(system(command), 0);
                    start_loop();
                }
            }
            run();
            failed = memory_kafka_fail(rig.kafka, 0, false);
            got = all_output();
            if (strcmp(got, expected) != 0)
                fail_msg("call %zu failed, mode %d:\n%s\ninstead of\n%s", nth, mode, got, expected);
            free(got);
            assert_int_equal(status().state, TASK_RUNNING);
            assert_int_equal(memory_kafka_open_txns(rig.kafka), 0);
            teardown(NULL);
        }
    }
    free(expected);
    begin(COUNTING); /* for the fixture to tear down */
}

static void
a_crash_loses_only_what_was_not_committed(void **state)
{
    char *expected;
    char *got;

    (void)state;
    begin(COUNTING);
    start_loop();
    run_in_rounds();
    expected = all_output();
    teardown(NULL);
    begin(COUNTING);
    for (int round = 0; round < 4; round++) {
        start_loop();
        feed(round * 6, round * 6 + 6);
        for (int i = 0; i < 3; i++)
            loop_turn(rig.loop, 0); /* processed, not committed */
        assert_int_equal(memory_kafka_count(rig.kafka, "out", 0), (size_t)round * 6);
        stop_loop();
        start_loop();
        run();
        stop_loop();
    }
    got = all_output();
    assert_string_equal(got, expected);
    free(got);
    free(expected);
}

static void
console_lines_are_printed_after_the_commit_only(void **state)
{
    (void)state;
    begin(PIPELINE("") ORDERS
          "CREATE SINK con TO CONSOLE;\n"
          "CREATE QUERY q ON orders INTO con AS SELECT id FROM orders_changes;\n");
    order('c', 1, 7, "a", "1", 0, 100);
    start_loop();
    for (int i = 0; i < 3; i++)
        loop_turn(rig.loop, 0);
    assert_int_equal(printed.len, 0);
    loop_settle(rig.loop);
    assert_string_equal(cv_buf_cstr(&printed), "con {\"id\":1}\n");
}

static void
a_changelog_that_lost_records_is_no_base(void **state)
{
    (void)state;
    begin(COUNTING);
    start_loop();
    feed(0, 6);
    run();
    stop_loop();
    memory_kafka_trim(rig.kafka, "app-orders-changelog", 0, 2);
    start_loop(); /* with its file, which lacks nothing, but could not be brought back later */
    run();
    assert_int_equal(status().state, TASK_FAILED);
    assert_non_null(strstr(status().error, "begins at 2, but the state needs it from 0 on"));
    assert_non_null(strstr(status().error, "the state file is whole, but"));
    stop_loop();
    {
        char command[96];

        snprintf(command, sizeof(command), "rm -rf %s/orders_0", rig.dir);
        assert_int_equal(system(command), 0);
    }
    start_loop();
    run();
    assert_int_equal(status().state, TASK_FAILED);
    assert_non_null(strstr(status().error, "begins at 2, but the state needs it from 0 on"));
    assert_non_null(strstr(status().error, "cannot be brought up to date"));
}

static void
offsets_set_by_hand_and_lost_input_are_refused(void **state)
{
    (void)state;
    begin(COUNTING);
    start_loop();
    feed(0, 6);
    run();
    stop_loop();
    memory_kafka_set_committed(rig.kafka, "orders", 0, 3, "");
    start_loop();
    run();
    assert_int_equal(status().state, TASK_FAILED);
    assert_non_null(strstr(status().error, "was not written by this application"));
    teardown(NULL);
    begin(COUNTING);
    start_loop();
    feed(0, 6);
    run();
    stop_loop();
    feed(6, 12);
    memory_kafka_trim(rig.kafka, "orders", 0, 9);
    start_loop();
    run();
    assert_int_equal(status().state, TASK_FAILED);
    assert_non_null(strstr(status().error,
                           "records 6 to 8 of topic \"orders\" partition 0 were removed before"));
}

static void
removed_records_are_left_out_if_the_source_can_do_without(void **state)
{
    (void)state;
    for (int latest = 0; latest < 2; latest++) {
        char sql[1024];

        snprintf(sql, sizeof(sql),
                 PIPELINE("") "CREATE SOURCE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER NOT "
                              "NULL, status TEXT, total DECIMAL(12,2)) FROM TOPIC 'orders' WITH "
                              "(on_out_of_range = '%s');\n" OUT ECHO,
                 latest ? "latest" : "earliest");
        begin(sql);
        start_loop();
        order('c', 1, 7, "read", "1", 0, 100);
        run();
        stop_loop();
        order('c', 2, 7, "removed", "1", 100, 110);
        order('c', 3, 7, "there", "1", 110, 120);
        memory_kafka_trim(rig.kafka, "orders", 0, 2);
        start_loop();
        run();
        assert_int_equal(status().state, TASK_RUNNING);
        assert_int_equal(status().dropped, latest ? 2 : 1);
        order('c', 4, 7, "new", "1", 120, 130);
        run();
        assert_int_equal(memory_kafka_count(rig.kafka, "out", 0), latest ? 2 : 3);
        assert_string_equal(memory_kafka_read(rig.kafka, "out", 0, 1)->key, latest ? "[4]" : "[3]");
        if (latest == 0)
            teardown(NULL);
    }
}

static void
a_state_beyond_its_limit_fails_the_task(void **state)
{
    (void)state;
    begin(PIPELINE(", max_state_bytes = 1000000") ORDERS OUT ECHO);
    start_loop();
    for (int i = 0; i < 12000; i++)
        order('c', i, 7, "a text that takes its room in the state of the task, which has a limit", "1",
              0, 100 + i);
    run();
    cv_clock_test_advance(2000);
    run();
    cv_clock_test_advance(2000);
    run();
    assert_int_equal(status().state, TASK_FAILED);
    assert_non_null(strstr(status().error, "more than max_state_bytes = 1000000"));
}

static void
a_task_may_begin_at_the_end(void **state)
{
    (void)state;
    begin(PIPELINE("") ORDERS OUT ECHO);
    rig.start = CV_OFFSET_END;
    order('c', 1, 7, "old", "1", 0, 100);
    start_loop();
    run();
    order('c', 2, 7, "new", "1", 100, 110);
    run();
    assert_int_equal(memory_kafka_count(rig.kafka, "out", 0), 1);
    assert_string_equal(memory_kafka_read(rig.kafka, "out", 0, 0)->key, "[2]");
}

static void
a_full_disk_pauses_the_task_until_there_is_room(void **state)
{
    struct rlimit before;
    struct rlimit small;
    char *expected;
    char *got;

    (void)state;
    begin(COUNTING);
    start_loop();
    feed(0, 600);
    run();
    expected = all_output();
    teardown(NULL);

    begin(COUNTING);
    start_loop();
    feed(0, 300);
    run();
    assert_int_equal(status().state, TASK_RUNNING);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){ .rlim_cur = 4096, .rlim_max = before.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    feed(300, 600);
    run();
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status().state, TASK_PAUSED);
    assert_non_null(strstr(status().error, "make room on the file system"));
    run();
    assert_int_equal(status().state, TASK_PAUSED); /* not every moment */
    cv_clock_test_advance(30000);
    run();
    got = all_output();
    assert_string_equal(got, expected);
    assert_int_equal(status().state, TASK_RUNNING);
    free(got);
    free(expected);
}

/* ---- a changed pipeline on an old state ---- */

#define SUMS(columns)                                                                              \
    PIPELINE("")                                                                                   \
    "CREATE SOURCE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER NOT NULL, status TEXT, " \
    "total DECIMAL(12,2)" columns ") FROM TOPIC 'orders';\n"                                       \
    "CREATE SINK out TO TOPIC 'out' KEY (id);\n"

static void
a_column_that_is_added_is_null_in_old_rows(void **state)
{
    static const char *const more =
        SUMS(", note TEXT") "CREATE QUERY q ON orders INTO out AS SELECT id, old_status AS was, "
                            "note, old_note FROM orders_changes;\n";

    (void)state;
    for (int lose = 0; lose < 2; lose++) {
        begin(SUMS("") "CREATE QUERY q ON orders INTO out AS SELECT id, status FROM orders_changes;\n");
        start_loop();
        order('c', 1, 7, "new", "1", 0, 100);
        run();
        replan(more, lose);
        assert_int_equal(status().state, TASK_RUNNING);
        order('u', 1, 7, "paid", "1", 100, 110);
        run();
        assert_string_equal(memory_kafka_read(rig.kafka, "out", 0, 1)->value,
                            "{\"id\":1,\"was\":\"new\",\"note\":null,\"old_note\":null}");
        replan(SUMS("") "CREATE QUERY q ON orders INTO out AS SELECT id, status FROM orders_changes;\n",
               false);
        assert_int_equal(status().state, TASK_FAILED); /* a column that goes is another definition */
        assert_non_null(strstr(status().error, "another definition of table \"orders\""));
        assert_non_null(strstr(status().error, "culvert-streams reset"));
        teardown(NULL);
    }
    begin(SUMS("") "CREATE QUERY q ON orders INTO out AS SELECT id, status FROM orders_changes;\n");
    start_loop();
    order('c', 1, 7, "new", "1", 0, 100);
    run();
    replan(SUMS(", note TEXT NOT NULL")
           "CREATE QUERY q ON orders INTO out AS SELECT id, status FROM orders_changes;\n",
           false);
    assert_int_equal(status().state, TASK_FAILED);
    assert_non_null(strstr(status().error, "columns may only be added behind the others"));
}

#define TWO                                                                                        \
    PIPELINE("")                                                                                   \
    "CREATE SOURCE TABLE a (id INTEGER PRIMARY KEY, at INTEGER) FROM TOPIC 'a';\n"                 \
    "CREATE SOURCE TABLE b (id INTEGER PRIMARY KEY, at INTEGER) FROM TOPIC 'b';\n"                 \
    "CREATE SINK out TO TOPIC 'out' KEY (id);\n"                                                   \
    "CREATE QUERY qb ON b INTO out AS SELECT id FROM b_changes;\n"

/* Kept in memory, written to the changelog like the others: whoever dies, the counts go on. */
static void
a_table_in_memory_comes_back_from_the_changelog(void **state)
{
#define IN_MEMORY(storage)                                                                         \
    PIPELINE("") ORDERS OUT                                                                        \
    "CREATE STATE TABLE seen (customer INTEGER PRIMARY KEY, n INTEGER) WITH (bounded = 1" storage "); " \
    "CREATE INDEX by_n ON seen (n);"                                                               \
    "CREATE STATE TABLE last (customer INTEGER PRIMARY KEY, id INTEGER) WITH (bounded = 1); "      \
    "CREATE QUERY q ON orders INTO out WITH (allow_scan = 1) AS BEGIN "                            \
    "INSERT INTO seen SELECT customer, 1 FROM orders_changes WHERE true ON CONFLICT DO UPDATE SET n = n + 1; " \
    "DELETE FROM seen WHERE customer = 9; "                                                        \
    "INSERT OR REPLACE INTO last SELECT customer, id FROM orders_changes; "                        \
    "SELECT o.id, s.n AS _value FROM orders_changes o JOIN (SELECT customer, CAST(n AS TEXT) || ' ' || " \
    "(SELECT count(*) FROM last) AS n FROM seen) s ON s.customer = o.customer; END;"
    static const char *const lines[] = { "[1] 1 1", "[2] 2 1", "[3] 3 1", "[4] 1 3", "[5] 4 3", "[6] 2 3",
                                         "[7] 5 3" };
    struct database *db = NULL;
    struct cv_err err = CV_ERR_INIT;
    char path[96];
    bool corrupt;

    (void)state;
    begin(IN_MEMORY(", storage = 'memory'"));
    start_loop();
    order('c', 1, 7, "a", "1", 0, 100);
    order('c', 2, 7, "a", "1", 0, 110);
    run();
    replan(IN_MEMORY(", storage = 'memory'"), false); /* the file is up to date, the memory is gone */
    assert_int_equal(status().state, TASK_RUNNING);
    snprintf(path, sizeof(path), "%s/orders_0/task.db", rig.dir);
    assert_int_equal(db_open(path, DB_READ_ONLY, &db, &corrupt, &err), CV_OK);
    assert_int_equal(db_exec(db, "SELECT * FROM last", &err), CV_OK);
    assert_int_not_equal(db_exec(db, "SELECT * FROM seen", &err), CV_OK);
    db_close(db);
    order('c', 3, 7, "a", "1", 0, 120);
    order('c', 40, 9, "a", "1", 0, 125);
    run();
    memory_kafka_fail_call(rig.kafka, "offsets", false); /* rolled back, and done again */
    order('c', 4, 8, "a", "1", 0, 130);
    run();
    cv_clock_test_advance(1000);
    run();
    replan(IN_MEMORY(", storage = 'memory'"), true);
    order('c', 5, 7, "a", "1", 0, 140);
    run();
    replan(IN_MEMORY(""), false); /* and from memory into the file */
    order('c', 6, 8, "a", "1", 0, 150);
    run();
    replan(IN_MEMORY(", storage = 'memory'"), false);
    order('c', 7, 7, "a", "1", 0, 160);
    run();
    assert_int_equal(status().state, TASK_RUNNING);
    assert_out(lines, CV_COUNT(lines));
}

/* A broker whose commits take longer than the interval must not be asked for one after each handful of records. */
static void
after_a_slow_commit_there_is_work_before_the_next(void **state)
{
    struct cv_err err = CV_ERR_INIT;
    struct txn txn;

    (void)state;
    begin(COUNTING);
    assert_int_equal(txn_init(&txn, NULL, &err), CV_OK);
    assert_false(txn_due(&txn, 100, true)); /* nothing is open */
    for (int took = 20; took <= 500; took += 480) {
        txn_commits(&txn);
        cv_clock_test_advance(took);
        txn_end(&txn);
        txn.open = true;
        assert_true(txn_due(&txn, 100, false) == (took > 100)); /* who waits is not let wait longer */
        cv_clock_test_advance(took > 100 ? 99 : 79);
        assert_false(txn_due(&txn, 100, true));
        cv_clock_test_advance(1);
        assert_true(txn_due(&txn, 100, true));
    }
    txn_done(&txn);
}

/* ---- questions to what is in memory ---- */

/* What an asker does; its thread is the task's here. turns: of the loop, while it waits. */
static enum cv_rc
ask_for_image(const char *task, struct database *into, int turns, struct cv_err *err)
{
    struct image *image = image_new(task, into, 1);
    enum cv_rc rc;

    assert_int_equal(loop_image(rig.loop, image, err), CV_OK);
    for (int i = 0; i < turns; i++)
        loop_turn(rig.loop, 0);
    rc = image_wait(image, cv_mono_ms(), err);
    image_unref(image);
    return rc;
}

static enum cv_rc
fill_memory(void *arg, struct database *into, int64_t deadline_ms, struct cv_err *err)
{
    (void)deadline_ms;
    return ask_for_image("orders_0", into, *(const int *)arg, err);
}

static bool
take_text(void *arg, const char *const *names, const struct cell *cells, size_t count)
{
    struct cv_buf *out = arg;

    (void)names;
    for (size_t i = 0; i < count; i++)
        cv_buf_printf(out, "%s%lld", i > 0 ? " " : "", (long long)cells[i].integer);
    cv_buf_char(out, '\n');
    return true;
}

static enum cv_rc
question(const char *sql, int turns, struct cv_buf *out, struct cv_err *err)
{
    char path[96];
    char ddl[1024];
    const struct query_spec spec = { .path = path,
                                     .memory = ddl,
                                     .image = fill_memory,
                                     .image_arg = &turns,
                                     .sql = sql,
                                     .deadline_ms = cv_mono_ms() + 5000,
                                     .max_rows = 10 };
    bool more;

    snprintf(path, sizeof(path), "%s/orders_0/task.db", rig.dir);
    snprintf(ddl, sizeof(ddl), "%s", rig.plan->states[0].ddl);
    cv_buf_reset(out);
    return query_run(&spec, take_text, out, &more, err);
}

/* As of the last commit, together with the file; and what may be asked is a SELECT there, too. */
static void
what_is_in_memory_answers_questions_between_two_commits(void **state)
{
    static const char both[] = "SELECT s.customer, n, id FROM seen s JOIN last USING (customer) ORDER BY 1";
    struct cv_buf out = CV_BUF_INIT(4096);
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    begin(IN_MEMORY(", storage = 'memory'"));
    start_loop();
    order('c', 1, 7, "a", "1", 0, 100);
    order('c', 2, 7, "a", "1", 0, 110);
    run();
    assert_int_equal(question(both, 1, &out, &err), CV_OK);
    assert_string_equal(cv_buf_cstr(&out), "7 2 2\n");
    order('c', 3, 7, "a", "1", 0, 120);
    order('c', 4, 8, "a", "1", 0, 130);
    loop_turn(rig.loop, 0);
    assert_int_equal(question(both, 0, &out, &err), CV_RETRY); /* the task's thread is elsewhere */
    assert_non_null(strstr(err.text, "task orders_0 has not come to a commit in that time"));
    assert_int_equal(question(both, 1, &out, &err), CV_RETRY); /* and its transaction is open */
    assert_int_equal(question("SELECT count(*) FROM last", 0, &out, &err), CV_OK); /* which needs no copy */
    assert_string_equal(cv_buf_cstr(&out), "1\n");
    cv_clock_test_advance(200); /* so long it may stay open while someone waits */
    assert_int_equal(question(both, 1, &out, &err), CV_OK);
    assert_string_equal(cv_buf_cstr(&out), "7 3 3\n8 1 4\n");
    assert_int_equal(question("DELETE FROM seen", 1, &out, &err), CV_INVALID);
    assert_int_equal(question("SELECT n FROM nowhere", 1, &out, &err), CV_NOT_FOUND);
    assert_int_equal(question("SELECT n FROM temp.seen WHERE n = 3", 1, &out, &err), CV_OK);
    assert_string_equal(cv_buf_cstr(&out), "3\n");
    assert_int_equal(question("SELECT 5 FROM seen", 1, &out, &err), CV_OK); /* without a column of it */
    assert_string_equal(cv_buf_cstr(&out), "5\n5\n");
    assert_int_equal(question("SELECT count(*) FROM seen", 1, &out, &err), CV_OK);
    assert_string_equal(cv_buf_cstr(&out), "2\n");
    order('u', 4, 8, "b", "1", 0, 140); /* nothing of that was written into the task's own */
    run();
    assert_int_equal(question(both, 1, &out, &err), CV_OK);
    assert_string_equal(cv_buf_cstr(&out), "7 3 3\n8 2 4\n");
    assert_int_equal(ask_for_image("orders_1", NULL, 1, &err), CV_RETRY);
    assert_non_null(strstr(err.text, "task orders_1 is not open here"));
    cv_buf_free(&out);
}

/* An asker that has waited in vain is not answered into what it has closed; a thread that ends lets it go. */
static void
an_image_that_nobody_waits_for_is_not_made(void **state)
{
    struct cv_err err = CV_ERR_INIT;
    struct image *image;
    struct database *into = NULL;

    (void)state;
    begin(IN_MEMORY(", storage = 'memory'"));
    start_loop();
    order('c', 1, 7, "a", "1", 0, 100);
    run();
    assert_int_equal(ask_for_image("orders_0", into, 0, &err), CV_RETRY);
    loop_turn(rig.loop, 0);
    image = image_new("orders_0", into, 1);
    assert_int_equal(loop_image(rig.loop, image, &err), CV_OK);
    stop_loop();
    assert_int_equal(image_wait(image, cv_mono_ms() + 60000, &err), CV_RETRY);
    image_unref(image);
}

static void
forget_table(const char *table, size_t want)
{
    struct broker *b = memory_broker_new(rig.kafka, "app-reset");
    struct cv_err err = CV_ERR_INIT;
    size_t i;
    size_t rows = 0;

    assert_int_equal(task_forget_find(rig.plan, table, &i, &err), CV_OK);
    assert_int_equal(b->ops->open(b, &err), CV_OK);
    assert_int_equal(task_forget_run(b, rig.plan, i, rig.partitions, &rows, &err), CV_OK);
    assert_int_equal(rows, want);
    b->ops->free(b);
}

/* A state table may be defined otherwise once its rows are forgotten; what else there is goes on. */
static void
one_state_table_may_be_forgotten(void **state)
{
#define COUNTED(columns, insert)                                                                   \
    PIPELINE("") ORDERS OUT                                                                        \
    "CREATE STATE TABLE counts (customer INTEGER PRIMARY KEY, " columns ") WITH (bounded = 1); "   \
    "CREATE STATE TABLE kept (customer INTEGER PRIMARY KEY, n INTEGER) WITH (bounded = 1); "       \
    "CREATE QUERY q ON orders INTO out AS BEGIN " insert                                           \
    "INSERT INTO kept SELECT customer, 1 FROM orders_changes WHERE true ON CONFLICT DO UPDATE SET n = n + 1; " \
    "SELECT o.id, c.n || ' ' || k.n || ' ' || coalesce(o.old_status, '-') AS _value FROM orders_changes o " \
    "JOIN counts c ON c.customer = o.customer JOIN kept k ON k.customer = o.customer; END; "       \
    "CREATE QUERY w ON CHANGE OF counts EVERY 1 HOUR INTO out AS SELECT customer AS id, 'changed' AS _value FROM " \
    "counts_changes;"
    static const char *const before = COUNTED(
        "n INTEGER", "INSERT INTO counts SELECT customer, 1 FROM orders_changes WHERE true ON CONFLICT DO UPDATE "
                     "SET n = n + 1; ");
    static const char *const after = COUNTED(
        "n TEXT, more REAL NOT NULL", "INSERT INTO counts SELECT customer, 'x', 1 FROM orders_changes WHERE true ON "
                                      "CONFLICT DO UPDATE SET n = n || 'x'; ");
    static const char *const lines[] = { "[1] 1 1 -", "[1] 2 2 a", "[1] x 3 b", "[1] xx 4 c" };

    (void)state;
    for (int lose = 0; lose < 2; lose++) {
        begin(before);
        start_loop();
        order('c', 1, 7, "a", "1", 0, 100);
        order('u', 1, 7, "b", "1", 0, 110);
        run();
        replan(after, lose);
        assert_int_equal(status().state, TASK_FAILED);
        assert_non_null(strstr(status().error, "culvert-streams reset (--table counts: a state table alone)"));
        stop_loop();
        forget_table("counts", 2); /* the row, and that it waits for the timer */
        forget_table("counts", 0);
        start_loop();
        run();
        assert_int_equal(status().state, TASK_RUNNING);
        order('u', 1, 7, "c", "1", 0, 120);
        run();
        replan(after, true);
        order('u', 1, 7, "d", "1", 0, 130);
        run();
        assert_int_equal(status().state, TASK_RUNNING);
        assert_out(lines, CV_COUNT(lines));
        if (lose == 0)
            teardown(NULL);
    }
}

/* The same definition: only its rows go, also those of a state file that is kept. */
static void
a_state_table_may_be_emptied(void **state)
{
    struct cv_err err = CV_ERR_INIT;
    size_t i;

    (void)state;
    begin(COUNTING);
    start_loop();
    order('c', 1, 7, "a", "1", 0, 100);
    order('c', 2, 7, "a", "1", 0, 110);
    run();
    stop_loop();
    forget_table("sums", 1);
    start_loop();
    order('c', 3, 7, "a", "1", 0, 120);
    run();
    assert_string_equal(memory_kafka_read(rig.kafka, "out", 0, 2)->value,
                        "{\"id\":3,\"n\":1,\"total\":100,\"was\":null}");
    stop_loop();
    assert_int_equal(task_forget_find(rig.plan, "orders", &i, &err), CV_INVALID);
    assert_non_null(strstr(err.text, "\"orders\" is a source, whose rows are those of its topic"));
    assert_int_equal(task_forget_find(rig.plan, "nothing", &i, &err), CV_INVALID);
    assert_non_null(strstr(err.text, "there is no state table \"nothing\" in use; there are: "));
}

static void
tables_that_come_to_another_group_are_refused(void **state)
{
    static const char *const apart = TWO "CREATE QUERY q ON a INTO out AS SELECT id FROM a_changes;\n";
    static const char *const together =
        TWO "CREATE QUERY q ON a INTO out AS SELECT x.id, b.at AS b FROM a_changes x LEFT JOIN b ON "
            "b.id = x.id;\n";

    (void)state;
    begin(apart);
    put("a", "{\"id\":1}", "{\"after\":{\"id\":1,\"at\":10},\"op\":\"c\"}");
    put("b", "{\"id\":1}", "{\"after\":{\"id\":1,\"at\":20},\"op\":\"c\"}");
    start_loop();
    run();
    replan(together, false);
    assert_int_equal(status().state, TASK_FAILED);
    assert_non_null(strstr(status().error, "was read by another task group before"));
    teardown(NULL);

    begin(together);
    put("a", "{\"id\":1}", "{\"after\":{\"id\":1,\"at\":10},\"op\":\"c\"}");
    put("b", "{\"id\":1}", "{\"after\":{\"id\":1,\"at\":20},\"op\":\"c\"}");
    start_loop();
    run();
    replan(apart, false);
    {
        size_t n;
        struct task_status *all = status_board_copy(rig.board, &n);

        assert_int_equal(n, 2);
        assert_int_equal(all[0].state, TASK_RUNNING);
        assert_int_equal(all[1].state, TASK_FAILED);
        assert_non_null(strstr(all[1].error, "another task group wrote it before"));
        free(all);
    }
}

static void
another_topic_under_the_same_name_is_refused(void **state)
{
    static const char *const guarantees[] = { "exactly_once", "at_least_once" };

    (void)state;
    for (int i = 0; i < 4; i++) { /* each guarantee, with and without the state file */
        char sql[2][2000];

        for (int k = 0; k < 2; k++)
            snprintf(sql[k], sizeof(sql[k]),
                     PIPELINE(", processing_guarantee = '%s'")
                     "CREATE SOURCE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER NOT NULL, "
                     "status TEXT, total DECIMAL(12,2)) FROM TOPIC 'orders%s';\n" OUT ECHO,
                     guarantees[i / 2], k == 0 ? "" : "2");
        begin(sql[0]);
        order('c', 1, 7, "new", "1", 0, 100);
        start_loop();
        run();
        put("orders2", "{\"id\":1}", "{\"after\":{\"id\":1,\"customer\":1},\"op\":\"c\"}");
        replan(sql[1], i % 2 == 0);
        assert_int_equal(status().state, TASK_FAILED);
        assert_string_equal(status().error,
                            "the state was computed from topic \"orders\" of source \"orders\", which "
                            "reads topic \"orders2\" now; take the change back, give the source a new "
                            "name, or begin anew with culvert-streams reset");
        assert_int_equal(memory_kafka_count(rig.kafka, "out", 0), 1);
        replan(sql[0], false); /* taken back */
        assert_int_equal(status().state, TASK_RUNNING);
        teardown(NULL);
    }

    begin(TWO "CREATE QUERY q ON a INTO out AS SELECT x.id, b.at AS b FROM a_changes x LEFT JOIN b ON "
              "b.id = x.id;\n");
    put("a", "{\"id\":1}", "{\"after\":{\"id\":1,\"at\":10},\"op\":\"c\"}");
    put("b", "{\"id\":1}", "{\"after\":{\"id\":1,\"at\":20},\"op\":\"c\"}");
    start_loop();
    run();
    replan(PIPELINE("") "CREATE SOURCE TABLE a (id INTEGER PRIMARY KEY, at INTEGER) FROM TOPIC 'a';\n"
                        "CREATE SOURCE TABLE b (id INTEGER PRIMARY KEY, at INTEGER) FROM TOPIC 'b2';\n"
                        "CREATE SINK out TO TOPIC 'out' KEY (id);\n"
                        "CREATE QUERY q ON a INTO out AS SELECT x.id, b.at AS b FROM a_changes x LEFT "
                        "JOIN b ON b.id = x.id;\n",
           true);
    assert_int_equal(status().state, TASK_FAILED);
    assert_non_null(strstr(status().error, "from topic \"b\" of source \"b\", which reads topic \"b2\" now"));
}

#define JOIN                                                                                       \
    PIPELINE("")                                                                                   \
    "CREATE SOURCE TABLE a (id INTEGER PRIMARY KEY, at TIMESTAMP) FROM TOPIC 'a' EVENT TIME at;\n" \
    "CREATE SOURCE TABLE b (id INTEGER PRIMARY KEY, at TIMESTAMP) FROM TOPIC 'b' EVENT TIME at;\n" \
    "CREATE SINK out TO TOPIC 'out' KEY (id);\n"                                                   \
    "CREATE QUERY q ON a INTO out AS SELECT x.id, b.at AS b FROM a_changes x LEFT JOIN b ON b.id " \
    "= x.id;\n"

static void
timed(const char *topic, int id, int64_t at)
{
    char key[32];
    char value[256];

    snprintf(key, sizeof(key), "{\"id\":%d}", id);
    snprintf(value, sizeof(value), "{\"after\":{\"id\":%d,\"at\":%lld},\"op\":\"c\"}", id,
             (long long)at);
    put(topic, key, value);
}

/* Deleted by hand, or expired while no worker ran: to begin anew would do everything a second time. */
static void
offsets_that_are_gone_under_a_state_are_told(void **state)
{
    (void)state;
    for (int lose = 0; lose < 2; lose++) {
        begin(PIPELINE("") ORDERS OUT ECHO);
        start_loop();
        order('c', 1, 7, "before", "1", 0, 100);
        run();
        memory_kafka_set_committed(rig.kafka, "orders", 0, -1, NULL);
        replan(PIPELINE("") ORDERS OUT ECHO, lose);
        assert_int_equal(status().state, TASK_FAILED);
        assert_non_null(strstr(status().error, "topic \"orders\" partition 0 was read before, but the "
                                               "group \"app\" has no committed offset of it"));
        assert_int_equal(memory_kafka_count(rig.kafka, "out", 0), 1);
        teardown(NULL);
    }
    begin(JOIN);
    timed("a", 1, 10);
    timed("b", 1, 20);
    start_loop();
    run();
    memory_kafka_set_committed(rig.kafka, "b", 0, -1, NULL);
    replan(JOIN, false);
    assert_int_equal(status().state, TASK_FAILED);
    assert_non_null(strstr(status().error, "topic \"b\" partition 0 was read before"));
}

/* What a transaction left in the changelog that was never committed is no state. */
static void
a_first_start_that_died_leaves_no_state(void **state)
{
    (void)state;
    begin(PIPELINE("") ORDERS OUT ECHO);
    order('c', 1, 7, "new", "1", 0, 100);
    memory_kafka_fail_call(rig.kafka, "offsets", false); /* the changelog is written by then */
    start_loop();
    for (int i = 0; i < 3; i++)
        loop_turn(rig.loop, 0);
    loop_settle(rig.loop);
    stop_loop();
    start_loop();
    run();
    assert_int_equal(status().state, TASK_RUNNING);
    assert_int_equal(memory_kafka_count(rig.kafka, "out", 0), 1);
}

/* Where records may come twice, the rows of before must not come back with a restore. */
static void
an_older_generation_in_the_changelog_is_not_restored(void **state)
{
#define TWICE PIPELINE(", processing_guarantee = 'at_least_once'") ORDERS OUT ECHO
    size_t older;
    int64_t base;

    (void)state;
    begin(TWICE);
    start_loop();
    order('c', 1, 7, "before", "1", 0, 100);
    run();
    stop_loop();
    older = memory_kafka_count(rig.kafka, "app-orders-changelog", 0);
    memory_kafka_set_committed(rig.kafka, "orders", 0, -1, NULL);
    memory_kafka_recreate(rig.kafka, "orders", 0);
    start_loop();
    order('c', 2, 7, "after", "1", 100, 110);
    run();
    replan(TWICE, true);
    order('u', 1, 7, "anew", "1", 110, 120);
    order('u', 2, 7, "anew", "1", 120, 130);
    run();
    assert_int_equal(status().state, TASK_RUNNING);
    assert_string_equal(memory_kafka_read(rig.kafka, "out", 0, 2)->value,
                        "{\"id\":1,\"op\":\"u\",\"status\":\"anew\",\"was\":null,\"total\":\"1.00\"}");
    assert_string_equal(memory_kafka_read(rig.kafka, "out", 0, 3)->value,
                        "{\"id\":2,\"op\":\"u\",\"status\":\"anew\",\"was\":\"after\",\"total\":\"1.00\"}");
    base = memory_kafka_read(rig.kafka, "app-orders-changelog", 0, older)->offset;
    memory_kafka_trim(rig.kafka, "app-orders-changelog", 0, base); /* what lies before may be gone, */
    replan(TWICE, true);
    assert_int_equal(status().state, TASK_RUNNING);
    memory_kafka_trim(rig.kafka, "app-orders-changelog", 0, base + 1); /* but no more */
    replan(TWICE, false);
    assert_int_equal(status().state, TASK_FAILED);
}

static void
a_changelog_that_was_made_anew_is_told_at_once(void **state)
{
    char command[96];

    (void)state;
    for (int lose = 0; lose < 2; lose++) { /* the file that is kept could not be brought back later */
        begin(COUNTING);
        start_loop();
        feed(0, 6);
        run();
        stop_loop();
        memory_kafka_recreate(rig.kafka, "app-orders-changelog", 0);
        snprintf(command, sizeof(command), "rm -rf %s/orders_0", rig.dir);
        if (lose)
            assert_int_equal(system(command), 0);
        start_loop();
        loop_turn(rig.loop, 0);
        assert_int_equal(status().state, TASK_FAILED);
        assert_non_null(strstr(status().error, "ends at 0, but the committed offsets need it up to"));
        teardown(NULL);
    }
    begin(COUNTING);
    start_loop();
    feed(0, 6);
    run();
    memory_kafka_recreate(rig.kafka, "app-orders-changelog", 0);
    feed(6, 7);
    run();
    assert_int_equal(status().state, TASK_FAILED);
    assert_non_null(strstr(status().error, "was deleted and made anew under a running task"));
}

/* ---- headers ---- */

static void
headers_are_read_and_written(void **state)
{
    (void)state;
    begin(PIPELINE(", on_error = 'dlq'") ORDERS
          "CREATE SINK out TO TOPIC 'out' KEY (id);\n"
          "CREATE QUERY h ON orders INTO out AS SELECT id, header('trace') AS trace, "
          "header('none') AS none, json_object('copy', header('trace'), 'n', 5, 'no', NULL) AS "
          "_headers FROM orders_changes WHERE id < 3;\n"
          "CREATE QUERY bad ON orders WHEN (id = 3) INTO out AS SELECT id, '[1]' AS _headers FROM "
          "orders_changes;\n");
    order('c', 1, 7, "a", "1", 0, 100);
    memory_kafka_set_header(rig.kafka, "orders", 0, "trace=old;trace=abc;other=x;");
    order('c', 2, 7, "a", "1", 100, 110);
    order('c', 3, 7, "a", "1", 110, 120);
    start_loop();
    run();
    cv_clock_test_advance(1000);
    run();
    assert_string_equal(memory_kafka_read(rig.kafka, "out", 0, 0)->value,
                        "{\"id\":1,\"trace\":\"abc\",\"none\":null}");
    assert_string_equal(memory_kafka_read(rig.kafka, "out", 0, 0)->header, "copy=abc;n=5;no=;");
    assert_string_equal(memory_kafka_read(rig.kafka, "out", 0, 1)->value,
                        "{\"id\":2,\"trace\":null,\"none\":null}");
    assert_int_equal(memory_kafka_count(rig.kafka, "out", 0), 2);
    assert_non_null(strstr(memory_kafka_read(rig.kafka, "app.dlq", 0, 0)->header,
                           "\"_headers\" must be a JSON object"));
}

static void
late_rows_go_to_the_dead_letters_without_late_into(void **state)
{
    static const char *const queries =
        "CREATE SOURCE STREAM e (id INTEGER PRIMARY KEY, at TIMESTAMP, x DECIMAL(9,2)) FROM TOPIC "
        "'e' EVENT TIME at CLOCK EVENT;\n"
        "CREATE STATE TABLE w (s INTEGER, e INTEGER, x DECIMAL(9,2), PRIMARY KEY (s)) WINDOW (s, "
        "e);\n"
        "CREATE QUERY fill ON e AS INSERT INTO w SELECT tumble(at, 60000), tumble(at, 60000) + "
        "60000, x FROM e_changes WHERE true ON CONFLICT DO UPDATE SET x = w.x + excluded.x;\n"
        "CREATE SINK out TO TOPIC 'out' KEY (s);\n"
        "CREATE QUERY done ON CLOSE OF w INTO out AS SELECT s, dec(x, 2) AS x FROM w_closed;\n";
    char sql[2000];
    const struct memory_record *rec;

    (void)state;
    snprintf(sql, sizeof(sql), "%s%s", PIPELINE(", on_error = 'dlq'"), queries);
    begin(sql);
    put("e", "{\"id\":1}", "{\"after\":{\"id\":1,\"at\":1000,\"x\":\"1.50\"},\"op\":\"c\"}");
    put("e", "{\"id\":2}", "{\"after\":{\"id\":2,\"at\":61000,\"x\":\"2.50\"},\"op\":\"c\"}");
    start_loop();
    run();
    put("e", "{\"id\":3}", "{\"after\":{\"id\":3,\"at\":2000,\"x\":\"4.25\"},\"op\":\"c\"}");
    run();
    assert_int_equal(memory_kafka_count(rig.kafka, "out", 0), 1);
    assert_int_equal(status().late, 1);
    rec = memory_kafka_read(rig.kafka, "app.dlq", 0, 0);
    assert_non_null(rec);
    assert_string_equal(rec->value, "{\"s\":0,\"e\":60000,\"x\":\"4.25\"}");
    assert_string_equal(rec->header,
                        "__culvert.errors.topic=e;__culvert.errors.partition=0;"
                        "__culvert.errors.offset=2;__culvert.errors.exception=late;"
                        "__culvert.errors.stage=fill;");
}

/* ---- standing still ---- */

static void
a_paused_pipeline_keeps_its_place_and_goes_on(void **state)
{
    int64_t before;

    (void)state;
    begin(PIPELINE("") ORDERS OUT ECHO);
    start_loop();
    order('c', 1, 7, "a", "1", 0, 100);
    run();
    order('c', 2, 7, "b", "1", 100, 110);
    loop_turn(rig.loop, 0); /* taken, not committed */
    loop_pause(rig.loop, true);
    order('c', 3, 7, "c", "1", 110, 120);
    run();
    assert_int_equal(status().state, TASK_PAUSED);
    before = memory_kafka_count(rig.kafka, "out", 0);
    assert_int_equal(before, 2); /* what was under way is committed, the next one waits */
    cv_clock_test_advance(3600000);
    run();
    assert_int_equal(memory_kafka_count(rig.kafka, "out", 0), before);
    loop_pause(rig.loop, false);
    run();
    assert_int_equal(status().state, TASK_RUNNING);
    assert_int_equal(memory_kafka_count(rig.kafka, "out", 0), 3);
}

static void
a_task_that_is_opened_while_paused_stands_still_too(void **state)
{
    (void)state;
    begin(PIPELINE("") ORDERS OUT ECHO);
    order('c', 1, 7, "a", "1", 0, 100);
    start_loop();
    loop_pause(rig.loop, true);
    run();
    assert_int_equal(status().state, TASK_PAUSED);
    assert_int_equal(memory_kafka_count(rig.kafka, "out", 0), 0);
    loop_pause(rig.loop, false);
    run();
    assert_int_equal(memory_kafka_count(rig.kafka, "out", 0), 1);
}

static void
a_failed_task_begins_anew_when_asked_for(void **state)
{
    struct cv_err err = CV_ERR_INIT;
    char path[96];
    FILE *file;

    (void)state;
    begin(PIPELINE("") ORDERS OUT ECHO);
    order('c', 1, 7, "a", "1", 0, 100);
    snprintf(path, sizeof(path), "%s/orders_0", rig.dir);
    assert_int_equal(mkdir(path, 0700), 0);
    strcat(path, "/task.db");
    file = fopen(path, "w");
    assert_non_null(file);
    fputs("someone else's file, long enough to be looked at", file);
    fclose(file);
    start_loop();
    run();
    assert_int_equal(status().state, TASK_FAILED);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(loop_restart(rig.loop, "another_0", &err), CV_OK);
    run();
    assert_int_equal(status().state, TASK_FAILED);
    assert_int_equal(loop_restart(rig.loop, "orders_0", &err), CV_OK);
    run();
    assert_int_equal(status().state, TASK_RUNNING);
    assert_string_equal(status().error, "");
    assert_int_equal(memory_kafka_count(rig.kafka, "out", 0), 1);
    order('c', 2, 7, "b", "1", 100, 110);
    loop_turn(rig.loop, 0);
    assert_int_equal(loop_restart(rig.loop, "orders_0", &err), CV_OK); /* one that runs, too */
    run();
    assert_int_equal(memory_kafka_count(rig.kafka, "out", 0), 2);
}

/* ---- followers ---- */

static struct cv_buf heard = CV_BUF_INIT(1 << 20);
static int followers;
static bool deaf;

static bool
hear(void *follower, const char *text, size_t len)
{
    (void)follower;
    if (!deaf)
        cv_buf_add(&heard, text, len);
    return !deaf;
}

static void
unfollow(void *follower)
{
    (void)follower;
    followers--;
}

static void
follow(const char *table)
{
    struct cv_err err = CV_ERR_INIT;

    if (rig.watch == NULL)
        rig.watch = watch_new(hear, unfollow);
    assert_non_null(rig.watch);
    followers++;
    assert_int_equal(watch_add(rig.watch, table, NULL, &err), CV_OK);
}

static void
followers_hear_what_commits_change_once_a_row(void **state)
{
    (void)state;
    begin(PIPELINE("") ORDERS OUT ECHO
          "CREATE STATE TABLE counts (customer INTEGER PRIMARY KEY, n INTEGER);\n"
          "CREATE QUERY c ON orders AS INSERT INTO counts SELECT customer, 1 FROM orders_changes "
          "WHERE true ON CONFLICT DO UPDATE SET n = n + 1;\n");
    follow("orders");
    cv_buf_reset(&heard);
    deaf = false;
    order('c', 1, 7, "new", "1.50", 0, 100);
    order('u', 1, 7, "paid", "1.50", 100, 110);
    order('c', 2, 7, "new", "2", 110, 120);
    start_loop();
    run();
    assert_string_equal(
        cv_buf_cstr(&heard),
        "event: state\ndata: {\"task\":\"orders_0\",\"state\":\"RUNNING\"}\n\n"
        "event: put\ndata: {\"_task\":\"orders_0\",\"id\":1,\"customer\":7,\"status\":\"paid\","
        "\"total\":\"1.50\"}\n\n"
        "event: put\ndata: {\"_task\":\"orders_0\",\"id\":2,\"customer\":7,\"status\":\"new\","
        "\"total\":\"2.00\"}\n\n");
    cv_buf_reset(&heard);
    order('d', 1, 7, "", "0", 120, 130);
    memory_kafka_fail_call(rig.kafka, "offsets", false); /* what is given up is not told */
    run();
    cv_clock_test_advance(1000);
    run();
    assert_non_null(strstr(cv_buf_cstr(&heard),
                           "event: delete\ndata: {\"_task\":\"orders_0\",\"id\":1}\n\n"));
    assert_null(strstr(strstr(cv_buf_cstr(&heard), "event: delete") + 1, "event: delete"));
    cv_buf_reset(&heard);
    cv_clock_test_advance(16000);
    run();
    assert_string_equal(cv_buf_cstr(&heard), ": alive\n\n");
    deaf = true;
    cv_clock_test_advance(16000);
    run();
    assert_int_equal(followers, 0); /* it has gone, and that was noticed */
}

static void
followers_of_another_table_hear_only_of_its_rows(void **state)
{
    (void)state;
    begin(PIPELINE("") ORDERS OUT ECHO
          "CREATE STATE TABLE counts (customer INTEGER PRIMARY KEY, n INTEGER);\n"
          "CREATE QUERY c ON orders AS INSERT INTO counts SELECT customer, 1 FROM orders_changes "
          "WHERE true ON CONFLICT DO UPDATE SET n = n + 1;\n");
    deaf = false;
    follow("counts");
    start_loop();
    run();
    cv_buf_reset(&heard);
    order('c', 1, 7, "new", "1.50", 0, 100);
    order('c', 2, 7, "new", "2", 110, 120);
    run();
    assert_string_equal(cv_buf_cstr(&heard),
                        "event: put\ndata: {\"_task\":\"orders_0\",\"customer\":7,\"n\":2}\n\n");
    cv_buf_reset(&heard);
    stop_loop();
    assert_string_equal(cv_buf_cstr(&heard),
                        "event: state\ndata: {\"task\":\"orders_0\",\"state\":\"CLOSED\"}\n\n");
}

/* ---- several inputs ---- */

static void
inputs_of_a_task_are_taken_in_event_time_order(void **state)
{
    (void)state;
    begin(JOIN);
    timed("a", 1, 10); /* before b knows it */
    timed("a", 2, 30);
    timed("b", 1, 20);
    timed("b", 2, 25);
    start_loop();
    run();
    assert_int_equal(memory_kafka_count(rig.kafka, "out", 0), 2);
    assert_string_equal(memory_kafka_read(rig.kafka, "out", 0, 0)->value, "{\"id\":1,\"b\":null}");
    assert_string_equal(memory_kafka_read(rig.kafka, "out", 0, 1)->value, "{\"id\":2,\"b\":25}");
    stop_loop();
    timed("a", 2, 40);
    start_loop();
    run();
    assert_string_equal(memory_kafka_read(rig.kafka, "out", 0, 2)->value, "{\"id\":2,\"b\":25}");
}

static void
an_input_without_more_is_waited_for_as_long_as_asked(void **state)
{
    char sql[2000];

    (void)state;
    snprintf(sql, sizeof(sql), PIPELINE(", max_task_idle_ms = 500") "%s", strchr(JOIN, '\n') + 1);
    begin(sql);
    start_loop();
    run();
    cv_clock_test_advance(1000);
    timed("a", 1, 20);
    timed("b", 9, 1); /* so that b has been empty since now */
    for (int i = 0; i < 5; i++)
        loop_turn(rig.loop, 0);
    loop_settle(rig.loop);
    assert_int_equal(status().consumed, 1);
    cv_clock_test_advance(400);
    timed("b", 1, 10);
    for (int i = 0; i < 5; i++)
        loop_turn(rig.loop, 0);
    loop_settle(rig.loop);
    assert_int_equal(status().consumed, 2);
    cv_clock_test_advance(500);
    run();
    assert_string_equal(memory_kafka_read(rig.kafka, "out", 0, 0)->value, "{\"id\":1,\"b\":10}");
}

/* What is read ahead of one input, and of the other not yet. */
static void
read_apart(const char *idle, const char *wanted)
{
    char sql[2000];

    snprintf(sql, sizeof(sql), PIPELINE("%s") "%s", idle, strchr(JOIN, '\n') + 1);
    begin(sql);
    for (int i = 0; i < 1000; i++) /* as many as one poll takes */
        timed("a", 1, 20);
    timed("b", 1, 10);
    start_loop();
    run();
    assert_string_equal(memory_kafka_read(rig.kafka, "out", 0, 0)->value, wanted);
}

static void
records_that_are_known_to_be_there_are_waited_for_unless_told_otherwise(void **state)
{
    (void)state;
    read_apart("", "{\"id\":1,\"b\":10}");
    teardown(NULL);
    read_apart(", max_task_idle_ms = -1", "{\"id\":1,\"b\":null}");
}

static void
a_record_in_the_wrong_partition_stops_a_joining_task(void **state)
{
    (void)state;
    begin(JOIN);
    rig.partitions[0] = rig.partitions[1] = 3;
    timed("a", 1, 10);
    timed("a", 2, 10);
    timed("a", 3, 10);
    timed("a", 4, 10);
    timed("a", 5, 10);
    start_loop();
    run();
    assert_int_equal(status().state, TASK_FAILED);
    assert_non_null(
        strstr(status().error, "topic \"a\" cannot be joined by partition: the key {\"id\":"));
    assert_int_equal(memory_kafka_count(rig.kafka, "out", 0), 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, teardown)
    const struct CMUnitTest tests[] = {
        TEST(changes_carry_the_previous_row_and_deletes_one_tombstone),
        TEST(redelivered_events_change_nothing),
        TEST(lsns_alone_do_not_tell_redelivery),
        TEST(redelivery_may_be_told_row_by_row),
        cmocka_unit_test(the_place_in_the_log_decides),
        TEST(unchanged_values_come_from_the_stored_row),
        TEST(a_truncate_deletes_every_row_or_is_refused),
        TEST(rows_of_a_snapshot_may_be_left_out_of_the_output),
        TEST(a_poison_record_fails_the_task_by_default),
        TEST(poison_goes_to_the_dead_letter_topic_with_its_reason),
        TEST(data_that_does_not_suit_a_query_is_undone_alone),
        TEST(a_failure_at_any_step_changes_no_result),
        TEST(a_crash_loses_only_what_was_not_committed),
        TEST(console_lines_are_printed_after_the_commit_only),
        TEST(a_changelog_that_lost_records_is_no_base),
        TEST(offsets_set_by_hand_and_lost_input_are_refused),
        TEST(removed_records_are_left_out_if_the_source_can_do_without),
        TEST(a_state_beyond_its_limit_fails_the_task),
        TEST(a_task_may_begin_at_the_end),
        TEST(a_full_disk_pauses_the_task_until_there_is_room),
        TEST(a_column_that_is_added_is_null_in_old_rows),
        TEST(a_table_in_memory_comes_back_from_the_changelog),
        TEST(after_a_slow_commit_there_is_work_before_the_next),
        TEST(what_is_in_memory_answers_questions_between_two_commits),
        TEST(an_image_that_nobody_waits_for_is_not_made),
        TEST(one_state_table_may_be_forgotten),
        TEST(a_state_table_may_be_emptied),
        TEST(tables_that_come_to_another_group_are_refused),
        TEST(another_topic_under_the_same_name_is_refused),
        TEST(offsets_that_are_gone_under_a_state_are_told),
        TEST(a_first_start_that_died_leaves_no_state),
        TEST(an_older_generation_in_the_changelog_is_not_restored),
        TEST(a_changelog_that_was_made_anew_is_told_at_once),
        TEST(headers_are_read_and_written),
        TEST(late_rows_go_to_the_dead_letters_without_late_into),
        TEST(a_paused_pipeline_keeps_its_place_and_goes_on),
        TEST(a_task_that_is_opened_while_paused_stands_still_too),
        TEST(a_failed_task_begins_anew_when_asked_for),
        TEST(followers_hear_what_commits_change_once_a_row),
        TEST(followers_of_another_table_hear_only_of_its_rows),
        TEST(inputs_of_a_task_are_taken_in_event_time_order),
        TEST(an_input_without_more_is_waited_for_as_long_as_asked),
        TEST(records_that_are_known_to_be_there_are_waited_for_unless_told_otherwise),
        TEST(a_record_in_the_wrong_partition_stops_a_joining_task),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
