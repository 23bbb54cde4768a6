/* SPDX-License-Identifier: Apache-2.0 */
/* Change events to rows: streams/io/source.c, value.c, wire_schema.c. */
#include "tests/helper/cmocka_all.h"

#include <string.h>

#include "streams/io/source.h"
#include "streams/io/value.h"
#include "streams/store/relation.h"
#include "tests/helper/streams_plan.h"

enum { ID, N, TOTAL, AT, OK, NOTE, DOC, RATIO, BYTES };

static struct {
    struct cv_arena *arena;
    struct plan *plan;
    struct source *source;
    struct event event;
    struct cv_err err;
} t;

static int
setup_with(const char *options)
{
    char sql[1024];

    memset(&t, 0, sizeof(t));
    snprintf(
        sql, sizeof(sql),
        "CREATE PIPELINE p WITH (application_id = 'a');\n"
        "CREATE SOURCE TABLE o (id INTEGER PRIMARY KEY, n INTEGER NOT NULL, total DECIMAL(12,2), "
        "at "
        "TIMESTAMP, ok BOOLEAN, note TEXT, doc JSON, ratio REAL, bytes BLOB) FROM TOPIC 'o' %s;",
        options);
    t.plan = test_plan(sql, &t.arena);
    assert_int_equal(source_new(&t.plan->sources[0], &t.source, &t.err), CV_OK);
    return 0;
}

static int
setup(void **state)
{
    (void)state;
    return setup_with("");
}

static int
teardown(void **state)
{
    (void)state;
    source_free(t.source);
    cv_arena_free(t.arena);
    return 0;
}

static struct cv_bytes
bytes_of(const char *text)
{
    return (struct cv_bytes){ .data = text, .len = text == NULL ? 0 : strlen(text) };
}

static enum cv_rc
decode(const char *key, const char *value)
{
    return source_decode(t.source, bytes_of(key), bytes_of(value), &t.event, &t.err);
}

/* An event with this "after". */
static enum cv_rc
decode_after(const char *after)
{
    char value[8192];

    snprintf(value, sizeof(value),
             "{\"before\":null,\"after\":%s,\"source\":{\"lsn\":7},\"op\":\"c\"}", after);
    return decode("{\"id\":1}", value);
}

static void
assert_text(const struct cell *cell, const char *text)
{
    assert_int_equal(cell->kind, CELL_TEXT);
    assert_int_equal(cell->len, strlen(text));
    assert_memory_equal(cell->data, text, cell->len);
}

static void
assert_integer(const struct cell *cell, int64_t v)
{
    assert_int_equal(cell->kind, CELL_INTEGER);
    assert_true(cell->integer == v);
}

static void
an_insert_becomes_a_row_with_its_origin(void **state)
{
    (void)state;
    assert_int_equal(decode("{\"id\":5}",
                            "{\"before\":null,\"after\":{\"id\":5,\"extra\":{\"a\":[1]},\"n\":"
                            "9007199254740993,\"total\":\"12.34\","
                            "\"at\":1700000000123,\"ok\":true,\"note\":\"it\\u0027s "
                            "\\\"x\\\"\",\"doc\":{\"a\": [1,2]},"
                            "\"ratio\":0.5,\"bytes\":\"AAEC\"},"
                            "\"source\":{\"version\":\"3.3.1.Final\",\"connector\":\"postgresql\","
                            "\"name\":\"p\",\"ts_ms\":1795461649865,"
                            "\"snapshot\":\"false\",\"db\":\"d\",\"sequence\":\"["
                            "\\\"1344663032\\\",\\\"1344672400\\\"]\",\"schema\":\"public\","
                            "\"table\":\"o\",\"txId\":8994,\"lsn\":1344672400,\"xmin\":null},"
                            "\"transaction\":null,\"op\":\"c\",\"ts_ms\":1}"),
                     CV_OK);
    assert_int_equal(t.event.kind, EVENT_UPSERT);
    assert_int_equal(t.event.op, 'c');
    assert_int_equal(t.event.snapshot, EVENT_LIVE);
    assert_true(t.event.commit_ts_ms == 1795461649865);
    assert_true(t.event.lsn == 1344672400);
    assert_true(t.event.commit_lsn == 1344663032);
    assert_true(t.event.txid == 8994);
    assert_integer(&t.event.row[ID], 5);
    assert_integer(&t.event.row[N], 9007199254740993);
    assert_integer(&t.event.row[TOTAL], 1234);
    assert_integer(&t.event.row[AT], 1700000000123);
    assert_integer(&t.event.row[OK], 1);
    assert_text(&t.event.row[NOTE], "it's \"x\"");
    assert_text(&t.event.row[DOC], "{\"a\": [1,2]}");
    assert_int_equal(t.event.row[RATIO].kind, CELL_REAL);
    assert_int_equal(t.event.row[BYTES].kind, CELL_BLOB);
    assert_memory_equal(t.event.row[BYTES].data, "\0\1\2", 3);
}

static void
the_order_of_fields_may_change_between_events(void **state)
{
    (void)state;
    assert_int_equal(decode_after("{\"id\":1,\"n\":2}"), CV_OK);
    assert_int_equal(decode_after("{\"n\":3,\"new\":1,\"id\":4}"), CV_OK);
    assert_integer(&t.event.row[ID], 4);
    assert_integer(&t.event.row[N], 3);
    assert_int_equal(decode_after("{\"id\":5,\"n\":6}"), CV_OK);
    assert_integer(&t.event.row[ID], 5);
    assert_int_equal(t.event.row[NOTE].kind, CELL_NULL);
}

static void
wrapped_events_are_decoded_by_their_schema(void **state)
{
    static const char head[] =
        "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"struct\",\"fields\":[],\"field\":"
        "\"before\"},"
        "{\"type\":\"struct\",\"fields\":["
        "{\"type\":\"int32\",\"optional\":false,\"field\":\"id\"},{\"type\":\"int32\",\"field\":"
        "\"n\"},"
        "{\"type\":\"bytes\",\"name\":\"org.apache.kafka.connect.data.Decimal\",\"version\":1,"
        "\"parameters\":{\"scale\":\"3\",\"connect.decimal.precision\":\"10\"},\"field\":\"total\"}"
        ","
        "{\"type\":\"int64\",\"name\":\"io.debezium.time.MicroTimestamp\",\"version\":1,\"field\":"
        "\"at\"}],"
        "\"optional\":true,\"name\":\"p.o.Value\",\"field\":\"after\"},{\"type\":\"string\","
        "\"field\":\"op\"}],"
        "\"optional\":false,\"name\":\"p.o.Envelope\"},\"payload\":";
    char value[4096];

    (void)state;
    for (int i = 1; i <= 3; i++) { /* read in full, then twice by the kept head */
        snprintf(value, sizeof(value),
                 "%s{\"after\":{\"id\":%d,\"n\":1,\"total\":\"A+g=\",\"at\":1700000000123456},"
                 "\"op\":\"u\"}}",
                 head, i);
        assert_int_equal(decode("{\"id\":1}", value), CV_OK);
        assert_integer(&t.event.row[ID], i);
        assert_integer(&t.event.row[TOTAL], 100); /* 1000 at scale 3 */
        assert_integer(&t.event.row[AT], 1700000000123);
    }
    snprintf(value, sizeof(value), "%s{\"after\":{\"id\":1,\"n\":1},\"op\":\"u\"}", head);
    assert_int_equal(decode("{\"id\":1}", value), CV_INVALID);
    snprintf(value, sizeof(value), "%s{\"after\":{\"id\":1,\"n\":1},\"op\":\"u\"}}}", head);
    assert_int_equal(decode("{\"id\":1}", value), CV_INVALID);
    /* Without a schema the same text is no base64 any more. */
    assert_int_equal(decode_after("{\"id\":1,\"n\":1,\"total\":\"A+g=\"}"), CV_INVALID);
    assert_int_equal(decode_after("{\"id\":1,\"n\":1,\"total\":\"7.5\"}"), CV_OK);
    assert_integer(&t.event.row[TOTAL], 750);
}

static void
logical_messages_are_rows_of_prefix_and_content(void **state)
{
    static const char wrapped[] =
        "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"struct\",\"fields\":["
        "{\"type\":\"string\",\"field\":\"prefix\"},{\"type\":\"bytes\",\"field\":\"content\"}],"
        "\"field\":\"message\"}]},\"payload\":{\"op\":\"m\",\"ts_ms\":1,\"source\":{\"ts_ms\":5,"
        "\"lsn\":7,\"txId\":9},\"message\":{\"prefix\":\"audit\",\"content\":\"aGk=\"}}}";

    (void)state;
    memset(&t, 0, sizeof(t));
    t.plan = test_plan("CREATE PIPELINE p WITH (application_id = 'a');\n"
                       "CREATE SOURCE STREAM m (prefix TEXT NOT NULL, content BLOB) FROM TOPIC 'm' WITH "
                       "(op = 'm');",
                       &t.arena);
    assert_int_equal(source_new(&t.plan->sources[0], &t.source, &t.err), CV_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(decode("{\"prefix\":\"audit\"}", i == 0 ? strstr(wrapped, "{\"op\"") : wrapped),
                         i == 0 ? CV_INVALID : CV_OK); /* the first has a brace too many */
    }
    assert_int_equal(t.event.kind, EVENT_UPSERT);
    assert_int_equal(t.event.op, 'm');
    assert_true(t.event.lsn == 7 && t.event.commit_ts_ms == 5 && t.event.txid == 9);
    assert_text(&t.event.row[0], "audit");
    assert_int_equal(t.event.row[1].kind, CELL_BLOB);
    assert_memory_equal(t.event.row[1].data, "hi", 2);
    assert_int_equal(decode(NULL, "{\"op\":\"c\",\"after\":{\"id\":1}}"), CV_OK);
    assert_int_equal(t.event.kind, EVENT_OTHER);
    assert_int_equal(decode("{\"prefix\":\"x\"}", NULL), CV_OK);
    assert_int_equal(t.event.kind, EVENT_OTHER);
    assert_int_equal(decode(NULL, "{\"op\":\"m\"}"), CV_INVALID);
    assert_string_equal(t.err.text, "op \"m\" without \"message\"");
    assert_int_equal(decode(NULL, "{\"op\":\"m\",\"message\":{\"content\":\"eA==\"}}"), CV_INVALID);
}

static void
deletes_and_tombstones_name_their_row(void **state)
{
    (void)state;
    assert_int_equal(
        decode("{\"id\":1}",
               "{\"before\":{\"id\":7,\"n\":0,\"note\":null},\"after\":null,\"op\":\"d\"}"),
        CV_OK);
    assert_int_equal(t.event.kind, EVENT_DELETE);
    assert_integer(&t.event.row[ID], 7);
    assert_int_equal(decode("{\"id\":8}", "{\"before\":null,\"after\":null,\"op\":\"d\"}"), CV_OK);
    assert_integer(&t.event.row[ID], 8);
    assert_int_equal(decode("{\"id\":9}", NULL), CV_OK);
    assert_int_equal(t.event.kind, EVENT_TOMBSTONE);
    assert_integer(&t.event.row[ID], 9);
    assert_int_equal(
        decode(
            "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"int32\",\"field\":\"id\"}]},"
            "\"payload\":{\"id\":10}}",
            NULL),
        CV_OK);
    assert_integer(&t.event.row[ID], 10);
    assert_int_equal(decode("{\"id\":9}",
                            "{\"before\":null,\"after\":null,\"op\":\"t\",\"source\":{\"lsn\":1}}"),
                     CV_OK);
    assert_int_equal(t.event.kind, EVENT_TRUNCATE);
}

static void
unchanged_toast_values_are_marked(void **state)
{
    (void)state;
    assert_int_equal(decode_after("{\"id\":1,\"n\":1,\"note\":\"__debezium_unavailable_value\","
                                  "\"total\":\"__debezium_unavailable_value\","
                                  "\"bytes\":\"X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==\"}"),
                     CV_OK);
    assert_int_equal(t.event.row[NOTE].kind, CELL_UNCHANGED);
    assert_int_equal(t.event.row[TOTAL].kind, CELL_UNCHANGED);
    assert_int_equal(t.event.row[BYTES].kind, CELL_UNCHANGED);
}

static void
snapshots_are_told_from_live_events(void **state)
{
    static const struct {
        const char *text;
        enum event_snapshot snapshot;
    } cases[] = {
        { "\"true\"", EVENT_SNAPSHOT }, { "\"first\"", EVENT_SNAPSHOT },
        { "\"last\"", EVENT_SNAPSHOT }, { "\"incremental\"", EVENT_INCREMENTAL },
        { "\"false\"", EVENT_LIVE },    { "null", EVENT_LIVE },
        { "true", EVENT_SNAPSHOT },     { "false", EVENT_LIVE },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        char value[256];

        snprintf(value, sizeof(value),
                 "{\"after\":{\"id\":1,\"n\":1},\"source\":{\"snapshot\":%s,\"sequence\":\"[null,"
                 "\\\"5\\\"]\"},\"op\":\"r\"}",
                 cases[i].text);
        assert_int_equal(decode("{\"id\":1}", value), CV_OK);
        assert_int_equal(t.event.snapshot, cases[i].snapshot);
        assert_true(t.event.commit_lsn == CHANGE_NONE);
        assert_true(t.event.lsn == CHANGE_NONE);
    }
}

static void
values_are_exact_or_refused(void **state)
{
    static const struct {
        const char *after; /* behind {"id":1, */
        const char *error; /* NULL: fine */
    } cases[] = {
        { "\"n\":9223372036854775807", NULL },
        { "\"n\":9223372036854775808",
          "after: field \"n\": 9223372036854775808 does not fit INTEGER" },
        { "\"n\":1.5", "after: field \"n\": 1.5 does not fit INTEGER" },
        { "\"n\":1.50e1", NULL },
        { "\"n\":\"abc\"",
          "after: field \"n\": abc is no number, or one that does not fit INTEGER" },
        { "\"n\":null", "column \"n\" is NOT NULL or of the key, but the event has null" },
        { "\"m\":1", "column \"n\" is NOT NULL or of the key, but the event lacks it" },
        { "\"n\":1,\"n\":2", "after: the field \"n\" stands there twice" },
        { "\"n\":[1]", "after: field \"n\": an array cannot become INTEGER" },
        { "\"n\":1,\"total\":\"0.001\"",
          "after: field \"total\": 0.001 is no number, or one that does not fit DECIMAL" },
        { "\"n\":1,\"total\":0.10", NULL },
        { "\"n\":1,\"total\":0.101", "after: field \"total\": 0.101 does not fit DECIMAL" },
        { "\"n\":1,\"total\":{\"scale\":1,\"value\":\"ew==\"}", NULL },
        { "\"n\":1,\"total\":{\"scale\":3,\"value\":\"ew==\"}",
          "after: field \"total\": the decimal does not fit DECIMAL" },
        { "\"n\":1,\"ratio\":1e400", "after: field \"ratio\": 1e400 does not fit REAL" },
        { "\"n\":1,\"ratio\":\"NaN\"", NULL },
        { "\"n\":1,\"ok\":2", "after: field \"ok\": 2 is no BOOLEAN" },
        { "\"n\":1,\"at\":\"yesterday\"",
          "after: field \"at\": yesterday is no ISO 8601 TIMESTAMP" },
        { "\"n\":1,\"bytes\":7",
          "after: field \"bytes\": a value that is no base64 text cannot become BLOB" },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        char after[512];

        memset(&t.event, 0x5a, sizeof(t.event));
        snprintf(after, sizeof(after), "{\"id\":1,%s}", cases[i].after);
        if (cases[i].error == NULL) {
            assert_int_equal(decode_after(after), CV_OK);
        } else {
            assert_int_equal(decode_after(after), CV_INVALID);
            assert_string_equal(t.err.text, cases[i].error);
            assert_int_equal(t.event.op, 0x5a);
        }
    }
}

static void
what_is_no_envelope_is_refused(void **state)
{
    static const struct {
        const char *key;
        const char *value;
        const char *error;
    } cases[] = {
        { "{\"id\":1}", "{\"after\":{\"id\":1,\"n\":1}}",
          "the event has no \"op\"; is it a Debezium envelope?" },
        { "{\"id\":1}", "{\"op\":\"x\"}", "field \"op\" is \"x\"; known are c, r, u, d, t and m" },
        { "{\"id\":1}", "{\"op\":\"u\",\"after\":null}", "op \"u\" without \"after\"" },
        { "{\"id\":1}", "[1]", "it is no JSON object" },
        { "{\"id\":1}", "{\"op\":\"c\",\"after\":{\"n\":1}}",
          "column \"id\" is NOT NULL or of the key, but the event lacks it" },
        { NULL, NULL, "the record has neither value nor key" },
        { "7", NULL, "key: it is no JSON object" },
        { "{\"no\":1}", NULL, "the event has no value for \"id\" of the key" },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        assert_int_equal(decode(cases[i].key, cases[i].value), CV_INVALID);
        assert_string_equal(t.err.text, cases[i].error);
    }
    assert_int_equal(decode("{\"id\":1}", "not json"), CV_INVALID);
    assert_int_equal(decode("{\"id\":1}", "{\"op\":\"c\",\"after\":{\"id\":1,\"n\":1}"),
                     CV_INVALID);
    assert_int_equal(decode("{\"id\":1}", "\xff\xfe"), CV_INVALID);
}

static void
numeric_times_follow_the_time_unit(void **state)
{
    static const struct {
        const char *unit;
        const char *number;
        int64_t ms;
    } cases[] = {
        { "us", "1700000000123999", 1700000000123 }, { "us", "-1", -1 }, { "ns", "1000001", 1 },
        { "s", "1700000000", 1700000000000 },        { "ms", "-5", -5 },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        char text[128];

        source_free(t.source);
        cv_arena_free(t.arena);
        snprintf(text, sizeof(text), "WITH (time_unit = '%s')", cases[i].unit);
        setup_with(text);
        snprintf(text, sizeof(text), "{\"id\":1,\"n\":1,\"at\":%s}", cases[i].number);
        assert_int_equal(decode_after(text), CV_OK);
        assert_integer(&t.event.row[AT], cases[i].ms);
    }
}

static void
iso_times_of_every_form_become_ms(void **state)
{
    static const struct {
        const char *text;
        bool fine;
        int64_t ms;
    } cases[] = {
        { "1970-01-01T00:00:00Z", true, 0 },
        { "2024-10-25T03:33:01.123456Z", true, 1729827181123 },
        { "2024-10-25T03:33:01.1Z", true, 1729827181100 },
        { "2024-10-25T05:33:01+02:00", true, 1729827181000 },
        { "2024-10-25T05:33:01.5+02", true, 1729827181500 },
        { "2024-10-25 03:33:01", true, 1729827181000 },
        { "2024-02-29", true, 1709164800000 },
        { "1969-12-31T23:59:59.999Z", true, -1 },
        { "-0044-03-15T00:00:00Z", true, -63549360000000 },
        { "+12024-01-01T00:00:00Z", true, 317273587200000 },
        { "2024-13-01T00:00:00Z", false, 0 },
        { "2024-10-25T25:00:00Z", false, 0 },
        { "2024-10-25T03:33:01.Z", false, 0 },
        { "2024-10-25T03:33:01Zx", false, 0 },
        { "", false, 0 },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        int64_t ms = 0;

        assert_int_equal(value_iso_ms(cases[i].text, strlen(cases[i].text), &ms), cases[i].fine);
        if (cases[i].fine && ms != cases[i].ms)
            fail_msg("%s is %lld", cases[i].text, (long long)ms);
    }
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(an_insert_becomes_a_row_with_its_origin),
        TEST(the_order_of_fields_may_change_between_events),
        TEST(wrapped_events_are_decoded_by_their_schema),
        cmocka_unit_test_teardown(logical_messages_are_rows_of_prefix_and_content, teardown),
        TEST(deletes_and_tombstones_name_their_row),
        TEST(unchanged_toast_values_are_marked),
        TEST(snapshots_are_told_from_live_events),
        TEST(values_are_exact_or_refused),
        TEST(what_is_no_envelope_is_refused),
        TEST(numeric_times_follow_the_time_unit),
        TEST(iso_times_of_every_form_become_ms),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
