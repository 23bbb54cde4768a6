/* SPDX-License-Identifier: Apache-2.0 */
/* Lexer, parser, plan and explain of streams/sql. */
#include "tests/helper/cmocka_all.h"

#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "streams/sql/explain.h"
#include "streams/sql/plan.h"

#define PIPELINE "CREATE PIPELINE p WITH (application_id = 'app');\n"
#define ORDERS                                                                                     \
    "CREATE SOURCE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER, total "              \
    "DECIMAL(12,2), at "                                                                           \
    "TIMESTAMP) FROM TOPIC 'orders' EVENT TIME at;\n"
#define CUSTOMERS                                                                                  \
    "CREATE GLOBAL SOURCE TABLE customers (id INTEGER PRIMARY KEY, name TEXT) FROM TOPIC "         \
    "'customers';\n"
#define SINK        "CREATE SINK out TO TOPIC 'out' KEY (order_id);\n"
#define QUERY(body) "CREATE QUERY q ON orders INTO out AS " body ";\n"

struct planned {
    struct cv_arena *arena;
    struct sql_diags diags;
    struct plan *plan; /* NULL: it failed */
    struct cv_buf text;
};

static void
plan_text(struct planned *p, const char *text)
{
    struct sql_unit unit;
    struct cv_err err = CV_ERR_INIT;

    memset(p, 0, sizeof(*p));
    p->arena = cv_arena_new(NULL);
    p->diags.arena = p->arena;
    cv_buf_init(&p->text, 1 << 20);
    sql_unit_init(&unit);
    assert_int_equal(sql_parse(&unit, "t.sql", text, strlen(text), p->arena, &p->diags, &err),
                     CV_OK);
    if (plan_make(&unit, &p->diags, &p->plan, &err) != CV_OK) {
        assert_int_equal(err.rc, CV_INVALID);
        assert_null(p->plan);
        assert_true(p->diags.errors > 0);
    }
    explain_diags(&p->diags, &p->text);
}

static void
planned_done(struct planned *p)
{
    cv_buf_free(&p->text);
    cv_arena_free(p->arena);
}

/* The text must be refused with exactly this first line. */
static void
refused(const char *text, const char *line)
{
    struct planned p;
    char first[1024];

    plan_text(&p, text);
    assert_null(p.plan);
    snprintf(first, sizeof(first), "%.*s", (int)strcspn(cv_buf_cstr(&p.text), "\n"),
             cv_buf_cstr(&p.text));
    assert_string_equal(first, line);
    planned_done(&p);
}

static void
tokens_know_strings_comments_and_quoted_names(void **state)
{
    static const char text[] = "a -- x ; y\n'it''s' /* ( */ \"q\"\"n\" [b c] 1.5e-3 <";
    static const enum token_kind kinds[] = { TOKEN_WORD,   TOKEN_STRING, TOKEN_WORD, TOKEN_WORD,
                                             TOKEN_NUMBER, TOKEN_PUNCT,  TOKEN_END };
    static const char *const values[] = { "a", "it's", "q\"n", "b c", "1.5e-3", "<" };
    struct cv_arena *arena = cv_arena_new(NULL);
    struct lexer lx;

    (void)state;
    lexer_init(&lx, "f", text, sizeof(text) - 1);
    for (size_t i = 0; i < CV_COUNT(kinds); i++) {
        struct token tok = lexer_next(&lx);

        assert_int_equal(tok.kind, kinds[i]);
        if (i < CV_COUNT(values))
            assert_string_equal(token_value(&tok, arena), values[i]);
        if (i == 1) {
            assert_int_equal(tok.pos.line, 2);
            assert_int_equal(tok.pos.col, 1);
        }
    }
    cv_arena_free(arena);
}

static void
unclosed_things_are_reported_where_they_begin(void **state)
{
    (void)state;
    refused(PIPELINE "CREATE SINK s TO TOPIC 'abc",
            "t.sql:2:24: error: expected the topic's name as 'text', found string without end");
    refused(PIPELINE "/* never closed",
            "t.sql:2:1: error: expected CREATE, found comment without end");
    refused(PIPELINE "CREATE SOURCE TABLE t (id INTEGER",
            "t.sql:2:34: error: the file ends before the bracket closes");
}

static void
the_shop_pipeline_is_planned(void **state)
{
    struct cv_arena *arena = cv_arena_new(NULL);
    struct sql_diags diags = { .arena = arena };
    struct sql_unit unit;
    struct plan *plan = NULL;
    struct cv_err err = CV_ERR_INIT;
    const struct plan_group *group;

    (void)state;
    sql_unit_init(&unit);
    assert_int_equal(sql_parse_dir(&unit, SHOP_DIR, arena, &diags, &err), CV_OK);
    assert_int_equal(plan_make(&unit, &diags, &plan, &err), CV_OK);
    assert_int_equal(diags.count, 0);
    assert_string_equal(plan->application_id, "shop-streams");
    assert_int_equal(plan->commit_interval_ms, 100);
    assert_int_equal(plan->on_error, PLAN_DLQ);
    assert_string_equal(plan->dlq_topic, "shop-streams.dlq");
    assert_int_equal(plan->n_globals, 1);
    group = &plan->groups[0];
    assert_string_equal(group->name, "orders");
    assert_string_equal(plan->rules[group->rules[0]].name, "enrich_orders");
    assert_int_equal(plan->rules[group->rules[0]].bodies[0].n_columns, 10);
    assert_int_equal(plan->sources[group->anchor].table->columns[3].scale, 2);
    cv_arena_free(arena);
}

static void
values_that_are_not_known_are_refused_with_those_that_are(void **state)
{
    (void)state;
    refused("CREATE PIPELINE p WITH (application_id = 'a', processing_guarantee = 'at_most_once');",
            "t.sql:1:47: error: option \"processing_guarantee\" is 'at_most_once'; it must be one of "
            "'exactly_once', 'at_least_once'");
    refused(PIPELINE ORDERS "CREATE SINK s TO TOPIC 's' WITH (format = 'avro');",
            "t.sql:3:34: error: option \"format\" is 'avro'; it must be one of 'json', 'csv', "
            "'debezium-json'");
}

#define CELLS                                                                                      \
    "CREATE REPARTITION STREAM cells ON orders BY minute AS\n"                                     \
    "  SELECT tumble(at, 60000) AS minute, sum(_w) AS n FROM orders_delta GROUP BY 1;\n"
#define MINUTES                                                                                    \
    "CREATE STATE TABLE minutes (b TIMESTAMP PRIMARY KEY, e TIMESTAMP, n INTEGER)\n"               \
    "  WINDOW (b, e) GRACE 5 SECONDS RETAIN 1 HOUR;\n"

static void
windows_streams_and_timers_are_refused_with_place_and_remedy(void **state)
{
    static const struct {
        const char *text;
        const char *line;
    } cases[] = {
        { "CREATE REPARTITION STREAM r FROM nobody BY c;",
          "t.sql:3:34: error: there is no source \"nobody\" above this statement" },
        { "CREATE REPARTITION STREAM r FROM orders BY c;",
          "t.sql:3:44: error: \"r\" has no column \"c\"" },
        { "CREATE REPARTITION STREAM r FROM orders BY id LIKE nobody;",
          "t.sql:3:52: error: there is no source \"nobody\"" },
        { "CREATE REPARTITION STREAM r FROM orders BY id PARTITIONS 0;",
          "t.sql:3:58: error: expected a number of partitions from 1 to 10000, found \"0\"" },
        { "CREATE REPARTITION TABLE r ON orders BY id AS SELECT 1;",
          "t.sql:3:28: error: expected FROM, found \"ON\"" },
        { "CREATE REPARTITION STREAM r ON orders BY id AS SELECT id, 1 AS _w FROM orders_changes;",
          "t.sql:3:48: error: the result has a column \"_w\"; names with \"_\" in front are _ts and "
          "_commit_ts here; rename it with AS" },
        { "CREATE STATE TABLE s (a INTEGER PRIMARY KEY) WINDOW (a, b);",
          "t.sql:3:57: error: \"s\" has no column \"b\"" },
        { "CREATE STATE TABLE s (a TEXT PRIMARY KEY) WINDOW (a, a);",
          "t.sql:3:51: error: the window's begin \"a\" must be an INTEGER or TIMESTAMP column (ms)" },
        { "CREATE STATE TABLE s (a INTEGER PRIMARY KEY) EXPIRE b AFTER 1 HOUR;",
          "t.sql:3:53: error: \"s\" has no column \"b\"" },
        { "CREATE STATE TABLE s (a INTEGER PRIMARY KEY) EXPIRE a AFTER 1 FORTNIGHT;",
          "t.sql:3:63: error: expected MILLISECONDS, SECONDS, MINUTES, HOURS or DAYS, found "
          "\"FORTNIGHT\"" },
        { "CREATE STATE TABLE orders_delta (a INTEGER PRIMARY KEY);",
          "t.sql:3:20: error: names that end in \"_changes\", \"_delta\" or \"_closed\" are those of "
          "the engine's relations; choose another than \"orders_delta\"" },
        { "CREATE STATE TABLE s (a INTEGER PRIMARY KEY);\n"
          "CREATE QUERY q ON CLOSE OF s AS DELETE FROM s WHERE a = 1;",
          "t.sql:4:28: error: the state table \"s\" has no WINDOW to be closed" },
        { "CREATE QUERY q ON CHANGE OF s EVERY 5 SECONDS AS SELECT 1;",
          "t.sql:3:29: error: there is no state table \"s\"" },
        { SINK "CREATE QUERY q EVERY 10 SECONDS INTO out AS SELECT 1 AS order_id;",
          "t.sql:4:14: error: query \"q\" uses no table of the pipeline, so it belongs to no task; "
          "let it read a source or state table" },
        { SINK "CREATE QUERY q ON orders LATE INTO out AS INSERT INTO none SELECT 1;",
          "t.sql:4:43: error: query \"q\": no such table: none" },
        { MINUTES SINK "CREATE QUERY q ON orders LATE INTO out AS\n"
                       "  INSERT INTO minutes SELECT at, at, 1 FROM orders_changes;",
          "t.sql:6:36: error: a late row lacks the column \"order_id\" of the key of sink \"out\"" },
        { CELLS SINK "CREATE QUERY q ON cells INTO out AS SELECT n AS order_id FROM cells;",
          "t.sql:6:37: error: query \"q\": \"cells\" is a stream, which keeps no rows; read "
          "\"cells_changes\" in a query ON it, or make it a TABLE" },
        { CELLS MINUTES SINK
          "CREATE QUERY q ON CLOSE OF minutes INTO out AS SELECT n AS order_id FROM cells_changes;",
          "t.sql:8:48: error: \"cells_changes\" is empty here: the query runs ON CLOSE OF minutes" },
        { MINUTES SINK
          "CREATE QUERY q ON orders INTO out AS SELECT n AS order_id FROM minutes_closed;",
          "t.sql:6:38: error: \"minutes_closed\" is empty here: the query runs ON orders" },
        { CELLS MINUTES "CREATE QUERY a ON cells AS INSERT INTO minutes SELECT minute, minute, n\n"
                        "  FROM cells_changes WHERE true ON CONFLICT DO NOTHING;\n"
                        "CREATE QUERY b ON orders AS DELETE FROM minutes WHERE b = 1;",
          "t.sql:3:27: error: \"cells\" leads back to the task group that feeds it: a table is used "
          "on both sides of it; give each side its own" },
        { SINK "CREATE QUERY q ON orders INTO out AS SELECT _culvert_closed_to() AS order_id;",
          "t.sql:4:45: error: query \"q\": the function _culvert_closed_to() is the engine's own" },
        { "CREATE SINK f TO FILE '/tmp/%Y/x';",
          "t.sql:3:13: error: '/tmp/%Y/x': only the file's name may have % in it, not its "
          "directory" },
        { "CREATE SINK f TO FILE '/tmp/x-%q';",
          "t.sql:3:13: error: '/tmp/x-%q': %q is not known here; there are %Y %m %d %H %M %S %j and "
          "%F" },
        { "CREATE SINK f TO FILE '/tmp/x' WITH (roll = 'soon');",
          "t.sql:3:38: error: option \"roll\" is 'soon'; it must be a time like '10 minutes' or "
          "'1 hour'" },
        { "CREATE SINK f TO TOPIC 'x' WITH (format = 'csv');",
          "t.sql:3:34: error: format = 'csv' is for sinks TO FILE" },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        char text[2048];

        snprintf(text, sizeof(text), "%s%s", PIPELINE ORDERS, cases[i].text);
        refused(text, cases[i].line);
    }
}

static void
what_may_surprise_is_warned_of(void **state)
{
    struct planned p;

    (void)state;
    plan_text(&p, PIPELINE ORDERS CUSTOMERS SINK
              "CREATE STATE TABLE names (name TEXT PRIMARY KEY, n INTEGER);\n"
              "CREATE QUERY q ON orders AS\n"
              "  INSERT INTO names SELECT c.name, sum(_w) FROM orders_delta o JOIN customers c\n"
              "    ON c.id = o.customer_id WHERE true GROUP BY 1\n"
              "  ON CONFLICT DO UPDATE SET n = n + excluded.n;\n"
              "CREATE QUERY t EVERY 1 MINUTE INTO out AS SELECT count(*) AS order_id FROM names;\n");
    assert_non_null(p.plan);
    assert_string_equal(
        cv_buf_cstr(&p.text),
        "t.sql:7:3: warning: \"orders_delta\" is joined with \"customers\": if a value of "
        "\"customers\" that is grouped by changes meanwhile, the old row is subtracted elsewhere "
        "than it was added\n"
        "t.sql:5:20: warning: the state table \"names\" may grow for ever: it has neither WINDOW nor "
        "EXPIRE, and its key is not that of a source; if it cannot, say WITH (bounded = 1)\n");
    planned_done(&p);
}

static void
wrong_statements_are_refused_with_place_and_remedy(void **state)
{
    static const struct {
        const char *text;
        const char *line;
    } cases[] = {
        { ORDERS, "error: there is no CREATE PIPELINE statement" },
        { "CREATE PIPELINE p;",
          "t.sql:1:17: error: the pipeline needs the option application_id = '...'" },
        { "CREATE PIPELINE p WITH (application_id = 'a b');",
          "t.sql:1:25: error: 'a b' is no topic name: 1 to 249 letters, digits, \".\", \"_\" and "
          "\"-\"" },
        { "CREATE PIPELINE p WITH (application_id = 'a', color = 'red');",
          "t.sql:1:47: error: a pipeline has no option \"color\"; it has: application_id, "
          "processing_guarantee, commit_interval_ms, state_commit_ms, on_error, dlq_topic, "
          "extension, max_state_bytes, max_task_idle_ms" },
        { "CREATE PIPELINE p WITH (application_id = 'a', commit_interval_ms = 5);",
          "t.sql:1:47: error: option \"commit_interval_ms\" is '5'; it must be a whole number from "
          "10 to 60000" },
        { "CREATE PIPELINE p WITH (application_id = 'a', on_error = 'ignore');",
          "t.sql:1:47: error: option \"on_error\" is 'ignore'; it must be one of 'fail', 'skip', "
          "'dlq'" },
        { PIPELINE "SELECT 1;", "t.sql:2:1: error: expected CREATE, found \"SELECT\"" },
        { PIPELINE "CREATE TABLE t (a);", "t.sql:2:8: error: expected PIPELINE, SOURCE, GLOBAL "
                                          "SOURCE, REPARTITION, STATE TABLE, SINK, QUERY, INDEX or "
                                          "VIEW behind CREATE, found \"TABLE\"" },
        { PIPELINE "CREATE SOURCE TABLE t (id MONEY PRIMARY KEY) FROM TOPIC 't';",
          "t.sql:2:21: error: table \"t\": column \"id\" has the type \"MONEY\"; the types are "
          "INTEGER, "
          "REAL, TEXT, BLOB, TIMESTAMP, DECIMAL(precision, scale), BOOLEAN and JSON" },
        { PIPELINE "CREATE SOURCE TABLE t (id INTEGER) FROM TOPIC 't';",
          "t.sql:2:21: error: table \"t\": table \"t\" needs a PRIMARY KEY" },
        { PIPELINE
          "CREATE SOURCE TABLE t (id INTEGER PRIMARY KEY,\n  x INTEGER NOT NUL) FROM TOPIC 't';",
          "t.sql:3:17: error: table \"t\": near \"NUL\": syntax error" },
        { PIPELINE "CREATE SOURCE TABLE t (id INTEGER PRIMARY KEY, old_x TEXT) FROM TOPIC 't';",
          "t.sql:2:21: error: table \"t\": column \"old_x\": names that begin with \"_\" or "
          "\"old_\" are "
          "taken by the change relations" },
        { PIPELINE "CREATE SOURCE TABLE t (id INTEGER PRIMARY KEY) FROM TOPIC 't' EVENT TIME at;",
          "t.sql:2:74: error: \"t\" has no column \"at\"" },
        { PIPELINE ORDERS "CREATE SINK orders2 TO TOPIC 'orders';",
          "t.sql:3:13: error: the topic 'orders' is read by source \"orders\"; a sink cannot write "
          "it" },
        { PIPELINE ORDERS "CREATE STATE TABLE Orders (a INTEGER PRIMARY KEY);",
          "t.sql:3:20: error: the name \"Orders\" is taken by t.sql:2" },
        { PIPELINE ORDERS SINK QUERY("SELECT id AS order_id, totl FROM orders_changes"),
          "t.sql:4:61: error: query \"q\": no such column: totl" },
        { PIPELINE ORDERS SINK QUERY("SELECT id FROM orders_changes"),
          "t.sql:4:38: error: the result lacks the column \"order_id\" of the key of sink "
          "\"out\"" },
        { PIPELINE ORDERS SINK QUERY("SELECT id AS order_id, random() AS r FROM orders_changes"),
          "t.sql:4:61: error: query \"q\": the function random() is not allowed: results must be "
          "the same "
          "when events are replayed" },
        { PIPELINE ORDERS SINK QUERY("ATTACH 'x' AS y"),
          "t.sql:4:38: error: query \"q\": ATTACH and DETACH are not allowed in a query" },
        { PIPELINE ORDERS SINK QUERY("DELETE FROM orders WHERE id = 1"),
          "t.sql:4:38: error: query \"q\": \"orders\" cannot be written by a query; only state "
          "tables can" },
        { PIPELINE ORDERS "CREATE QUERY q ON orders AS SELECT id FROM orders_changes;",
          "t.sql:3:29: error: the rows go nowhere: query \"q\" has no INTO" },
        { PIPELINE ORDERS CUSTOMERS SINK
          "CREATE QUERY q ON customers INTO out AS SELECT 1 AS order_id;",
          "t.sql:5:19: error: the source \"customers\" is GLOBAL; such tables are joined, they "
          "start no query" },
        { PIPELINE ORDERS SINK "CREATE QUERY q ON order INTO out AS SELECT 1 AS order_id;",
          "t.sql:4:19: error: there is no source \"order\"" },
        { PIPELINE "CREATE SOURCE TABLE m (prefix TEXT PRIMARY KEY) FROM TOPIC 'm' WITH (op = 'm');",
          "t.sql:2:70: error: op = 'm' is for CREATE SOURCE STREAM: logical messages are no rows of "
          "a table" },
        { PIPELINE "CREATE SOURCE STREAM s (id INTEGER) FROM TOPIC 's' WITH (dedupe = 'row');",
          "t.sql:2:58: error: dedupe = 'row' is for tables of tasks: \"s\" keeps no rows that could "
          "tell" },
        { PIPELINE ORDERS SINK "CREATE QUERY q ON orders WHEN (_op = 'c') INTO out WITH (batch = 1) AS "
                               "SELECT id AS order_id FROM orders_changes;",
          "t.sql:4:32: error: WHEN looks at one change; with batch = 1 say it in a WHERE" },
        { PIPELINE ORDERS SINK "CREATE QUERY q EVERY 1 HOUR INTO out WITH (batch = 1) AS SELECT 1 AS order_id;",
          "t.sql:4:44: error: \"batch\" is for queries ON a source; the others run once a commit "
          "anyhow" },
        { PIPELINE ORDERS SINK "CREATE QUERY q ON orders INTO out WITH (batch = 1, snapshot = 'skip') AS "
                               "SELECT id AS order_id FROM orders_changes;",
          "t.sql:4:52: error: a batch holds rows of a snapshot and others; say it in a WHERE on "
          "_snapshot" },
        { PIPELINE ORDERS "CREATE SINK e TO TOPIC 'e' WITH (format = 'debezium-json'); "
                          "CREATE QUERY q ON orders INTO e AS SELECT id FROM orders_changes;",
          "t.sql:3:96: error: the result lacks the column \"_op\": sink \"e\" writes change events" },
        { PIPELINE ORDERS SINK QUERY("SELECT id AS order_id, _op FROM orders_changes"),
          "t.sql:4:38: error: the result has a column \"_op\"; names with \"_\" in front are _key, "
          "_value, _ts, _partition and _headers; rename it with AS" },
        { PIPELINE ORDERS SINK
          "CREATE QUERY q ON orders WHEN (_opp = 'c') INTO out AS SELECT 1 AS order_id;",
          "t.sql:4:32: error: query \"q\": no such column: _opp" },
        { PIPELINE ORDERS CUSTOMERS SINK QUERY(
              "SELECT o.id AS order_id, c.name FROM orders_changes o JOIN customers c ON c.name = "
              "o.total"),
          "t.sql:5:38: error: every event would read the whole table \"customers\"; join it by its "
          "key or an "
          "index, or say WITH (allow_scan = 1)" },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++)
        refused(cases[i].text, cases[i].line);
}

static void
every_wrong_statement_of_a_file_is_reported(void **state)
{
    struct planned p;

    (void)state;
    plan_text(&p, "CREATE SINK a FROM FILE;\nCREATE SINK b TO NOWHERE;\nCREATE NONSENSE;\n");
    assert_null(p.plan);
    assert_string_equal(
        cv_buf_cstr(&p.text),
        "t.sql:1:15: error: expected TO, found \"FROM\"\n"
        "t.sql:2:18: error: expected TOPIC, FILE or CONSOLE, found \"NOWHERE\"\n"
        "t.sql:3:8: error: expected PIPELINE, SOURCE, GLOBAL SOURCE, REPARTITION, STATE TABLE, "
        "SINK, QUERY, INDEX or VIEW behind CREATE, found \"NONSENSE\"\n"
        "error: there is no CREATE PIPELINE statement\n");
    planned_done(&p);
}

static void
a_scan_may_be_allowed_and_searches_are_none(void **state)
{
    struct planned p;

    (void)state;
    plan_text(
        &p, PIPELINE ORDERS CUSTOMERS SINK
        "CREATE QUERY q ON orders INTO out WITH (allow_scan = 1) AS\n"
        "  SELECT o.id AS order_id, c.name FROM orders_changes o JOIN customers c ON c.name = "
        "o.total;\n"
        "CREATE INDEX by_name ON customers (name);\n"
        "CREATE QUERY q2 ON orders INTO out AS\n"
        "  WITH x AS (SELECT id, total FROM orders_changes)\n"
        "  SELECT x.id AS order_id, c.id AS cid FROM x JOIN customers c ON c.name = x.total;\n");
    assert_string_equal(cv_buf_cstr(&p.text), "");
    assert_non_null(p.plan);
    assert_string_equal(p.plan->indexes[0].sql, "CREATE INDEX \"by_name\" ON customers (name)");
    assert_int_equal(p.plan->indexes[0].group, PLAN_NONE);
    planned_done(&p);
}

static void
relations_that_meet_in_a_query_share_a_group(void **state)
{
    struct planned p;

    (void)state;
    plan_text(
        &p, PIPELINE ORDERS CUSTOMERS SINK
        "CREATE SOURCE TABLE items (id INTEGER PRIMARY KEY, order_id INTEGER) FROM TOPIC 'items';\n"
        "CREATE SOURCE TABLE other (id INTEGER PRIMARY KEY) FROM TOPIC 'other';\n"
        "CREATE STATE TABLE counts (order_id INTEGER PRIMARY KEY, n INTEGER) WITHOUT ROWID;\n"
        "CREATE VIEW named AS SELECT id, name FROM customers;\n"
        "CREATE QUERY q ON items WHEN (_op = 'c') AS BEGIN\n"
        "  INSERT INTO counts SELECT i.order_id, 1 FROM items_changes i JOIN orders o ON o.id = "
        "i.order_id\n"
        "    WHERE true ON CONFLICT (order_id) DO UPDATE SET n = CASE WHEN n > 0 THEN n + 1 ELSE 1 "
        "END;\n"
        "END;\n"
        "CREATE QUERY r ON other INTO out AS SELECT o.id AS order_id, n.name FROM other_changes o\n"
        "  LEFT JOIN named n ON n.id = o.id;\n");
    assert_string_equal(cv_buf_cstr(&p.text),
                        "t.sql:7:20: warning: the state table \"counts\" may grow for ever: it has "
                        "neither WINDOW nor EXPIRE, and its key is not that of a source; if it cannot, "
                        "say WITH (bounded = 1)\n");
    assert_int_equal(p.plan->n_groups, 2);
    assert_string_equal(p.plan->groups[0].name, "orders");
    assert_int_equal(p.plan->groups[0].n_sources, 2);
    assert_int_equal(p.plan->groups[0].n_states, 1);
    assert_int_equal(p.plan->groups[0].n_rules, 1);
    assert_string_equal(p.plan->groups[1].name, "other");
    assert_string_equal(p.plan->rules[0].writes[0], "counts");
    planned_done(&p);
}

static void
explain_prints_text_json_and_sql(void **state)
{
    struct planned p;
    struct cv_buf out = CV_BUF_INIT(1 << 20);

    (void)state;
    plan_text(&p, PIPELINE ORDERS CUSTOMERS SINK QUERY(
                      "SELECT o.id AS order_id, c.name FROM orders_changes o JOIN customers c ON "
                      "c.id = o.customer_id"));
    assert_non_null(p.plan);
    explain_text(p.plan, &out);
    assert_non_null(strstr(
        cv_buf_cstr(&out),
        "task group orders: one task a partition of 'orders', changelog 'app-orders-changelog'"));
    assert_non_null(
        strstr(cv_buf_cstr(&out), "query q on orders -> out; reads orders_changes, customers"));
    cv_buf_reset(&out);
    explain_json(p.plan, &out);
    assert_non_null(strstr(cv_buf_cstr(&out),
                           "\"task_groups\":[{\"name\":\"orders\",\"anchor_topic\":\"orders\""));
    cv_buf_reset(&out);
    explain_sqlite(p.plan, &out);
    assert_non_null(strstr(cv_buf_cstr(&out),
                           "CREATE TABLE \"customers\" (id INTEGER PRIMARY KEY, name TEXT\n);"));
    assert_non_null(
        strstr(cv_buf_cstr(&out), "SELECT o.id AS order_id, c.name FROM orders_changes o"));
    cv_buf_free(&out);
    planned_done(&p);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_know_strings_comments_and_quoted_names),
        cmocka_unit_test(unclosed_things_are_reported_where_they_begin),
        cmocka_unit_test(the_shop_pipeline_is_planned),
        cmocka_unit_test(values_that_are_not_known_are_refused_with_those_that_are),
        cmocka_unit_test(windows_streams_and_timers_are_refused_with_place_and_remedy),
        cmocka_unit_test(what_may_surprise_is_warned_of),
        cmocka_unit_test(wrong_statements_are_refused_with_place_and_remedy),
        cmocka_unit_test(every_wrong_statement_of_a_file_is_reported),
        cmocka_unit_test(a_scan_may_be_allowed_and_searches_are_none),
        cmocka_unit_test(relations_that_meet_in_a_query_share_a_group),
        cmocka_unit_test(explain_prints_text_json_and_sql),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
