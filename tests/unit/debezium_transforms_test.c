/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Debezium's transforms against what Debezium made of the same records: tests/data/transforms/debezium.tsv says how a
 * line reads. Bytes are compared, and what errors say.
 */
#include "transforms/transforms.h"

#include "tests/helper/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/log.h"
#include "tests/helper/failing_alloc.h"
#include "tests/helper/transform_case.h"

static const struct cv_plugin *const plugins[] = {
    &decode_message_plugin,     &event_router_plugin,        &extract_changed_record_plugin, &extract_new_record_plugin,
    &header_to_value_plugin,    &logical_router_plugins[0],  &logical_router_plugins[1],     &partition_routing_plugin,
    &scripting_plugins[0],      &scripting_plugins[1],       &timezone_converter_plugin,
};

static const struct cv_plugin *
plugin_of(const char *name)
{
    static const char prefix[] = "io.debezium.";

    for (size_t i = 0; i < CV_COUNT(plugins); i++)
        if (strcmp(plugins[i]->name + sizeof(prefix) - 1, name) == 0)
            return plugins[i];
    fail_msg("no transform %s", name);
    return NULL;
}

/* ---- the recorded lines ---- */

enum { CLASS, OPTIONS, TOPIC, TIME, KEY, VALUE, HEADERS, RESULT, COLUMNS = RESULT + 6 };

#define SCHEMAS  200
#define LINE_MAX ((size_t)1 << 20)

struct recording {
    FILE *file;
    char *schemas[SCHEMAS];
    char *line;
    size_t cap;
    struct cv_buf whole; /* the line's columns, each ended by NUL */
    const char *columns[COLUMNS];
    size_t n;
};

/* {"schema":@7,... by what @7 stands for. */
static void
add_column(struct recording *r, const char *text)
{
    static const char head[] = "{\"schema\":@";

    if (strncmp(text, head, sizeof(head) - 1) == 0) {
        const char *schema = r->schemas[atoi(text + sizeof(head) - 1)];

        cv_buf_printf(&r->whole, "{\"schema\":%s%s", schema, strchr(text, ','));
    } else {
        cv_buf_str(&r->whole, text);
    }
    cv_buf_char(&r->whole, '\0');
}

/* The next line with a record; false: there is none. */
static bool
next_line(struct recording *r)
{
    const char *at;

    while (getline(&r->line, &r->cap, r->file) > 0) {
        char *rest = r->line;

        rest[strcspn(rest, "\n")] = '\0';
        if (rest[0] == '#')
            continue;
        if (rest[0] == '@') {
            char *name = strsep(&rest, "\t");

            r->schemas[atoi(name + 1)] = strdup(rest);
            continue;
        }
        cv_buf_reset(&r->whole);
        for (r->n = 0; rest != NULL && r->n < COLUMNS; r->n++)
            add_column(r, strsep(&rest, "\t"));
        at = cv_buf_cstr(&r->whole);
        for (size_t i = 0; i < r->n; at += strlen(at) + 1, i++)
            r->columns[i] = at;
        return true;
    }
    return false;
}

static void
open_recording(struct recording *r)
{
    *r = (struct recording){ .file = fopen(TEST_DATA "/transforms/debezium.tsv", "r"), .whole = { .max = LINE_MAX } };
    assert_non_null(r->file);
}

static void
close_recording(struct recording *r)
{
    for (size_t i = 0; i < SCHEMAS; i++)
        free(r->schemas[i]);
    free(r->line);
    fclose(r->file);
    cv_buf_free(&r->whole);
}

static void
expected_result(const struct recording *r, struct cv_buf *out)
{
    static const int same[] = { TOPIC, -1, TIME, KEY, VALUE, HEADERS };

    cv_buf_reset(out);
    for (size_t i = RESULT; i < r->n; i++) {
        bool is_same = strcmp(r->columns[i], "=") == 0;

        cv_buf_printf(out, "%s%s", i > RESULT ? "\t" : "", r->columns[is_same ? same[i - RESULT] : (int)i]);
    }
}

static void
write_number(struct cv_buf *out, int64_t v, int64_t none)
{
    if (v == none)
        cv_buf_str(out, "\t-");
    else
        cv_buf_printf(out, "\t%lld", (long long)v);
}

static struct cv_record
read_record(struct cv_converter *json, struct cv_arena *arena, const struct recording *r)
{
    struct cv_record rec = { .topic = r->columns[TOPIC], .partition = CV_NO_PARTITION,
                             .timestamp_ms = CV_NO_TIMESTAMP };

    if (strcmp(r->columns[TIME], "-") != 0)
        rec.timestamp_ms = strtoll(r->columns[TIME], NULL, 10);
    rec.key = case_value(json, arena, r->columns[KEY], strlen(r->columns[KEY]));
    rec.value = case_value(json, arena, r->columns[VALUE], strlen(r->columns[VALUE]));
    rec.headers = case_headers(json, arena, r->columns[HEADERS]);
    return rec;
}

static void
run_line(struct cv_converter *json, struct cv_transform *xf, const struct recording *r, struct cv_buf *out)
{
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_record rec = read_record(json, arena, r);
    struct cv_err err = CV_ERR_INIT;
    bool keep = true;

    cv_buf_reset(out);
    if (xf->plugin->transform->apply(xf, arena, &rec, &keep, &err) != CV_OK) {
        cv_buf_printf(out, "!%s", err.text);
    } else if (!keep) {
        cv_buf_str(out, "(dropped)");
    } else {
        cv_buf_str(out, rec.topic);
        write_number(out, rec.partition, CV_NO_PARTITION);
        write_number(out, rec.timestamp_ms, CV_NO_TIMESTAMP);
        cv_buf_char(out, '\t');
        case_write(json, &rec.key, "-", out);
        cv_buf_char(out, '\t');
        case_write(json, &rec.value, "-", out);
        cv_buf_char(out, '\t');
        case_write_headers(json, &rec.headers, out);
    }
    cv_arena_free(arena);
}

static struct cv_transform *
new_transform(const char *class_name, const char *options, struct cv_err *err)
{
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_config *cfg = case_options(arena, options);
    const struct cv_plugin *plugin = plugin_of(class_name);
    struct cv_transform *xf = NULL;

    if (plugin->transform->configure(plugin, cfg, &xf, err) != CV_OK)
        assert_null(xf);
    cv_config_free(cfg);
    cv_arena_free(arena);
    return xf;
}

/* Whether it is a failure that says what Debezium said, if that said anything. A null that may not be one can also
   come to light in the converter, which has its own words. */
static bool
same_error(const char *got, const char *expected)
{
    const char *at = strchr(got, '!');

    if (at == NULL)
        return false;
    if (at != got)
        return strstr(expected, " null ") != NULL;
    return expected[1] == '\0' || strcasestr(at + 1, expected + 1) != NULL;
}

struct tally {
    size_t compared;
    size_t wrong;
};

static void
compare_line(struct tally *tally, const struct recording *r, const char *got, const char *expected)
{
    tally->compared++;
    if (expected[0] == '!' ? same_error(got, expected) : strcmp(got, expected) == 0)
        return;
    tally->wrong++;
    printf("%s %s\n  %s %s\n  key      %s\n  value    %s\n  headers  %s\n  expected %s\n  got      %s\n",
           r->columns[CLASS],
           r->columns[OPTIONS], r->columns[TOPIC], r->columns[TIME], r->columns[KEY], r->columns[VALUE],
           r->columns[HEADERS], expected, got);
}

static void
records_come_out_as_from_debeziums_transforms(void **state)
{
    struct recording r;
    struct cv_buf out = CV_BUF_INIT(LINE_MAX), expected = CV_BUF_INIT(LINE_MAX), last = CV_BUF_INIT(LINE_MAX);
    struct cv_converter *json = case_json_converter();
    struct cv_transform *xf = NULL;
    struct tally tally = { 0, 0 };
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    open_recording(&r);
    while (next_line(&r)) {
        cv_buf_reset(&out);
        cv_buf_printf(&out, "%s %s", r.columns[CLASS], r.columns[OPTIONS]);
        if (strcmp(cv_buf_cstr(&out), cv_buf_cstr(&last)) != 0) {
            if (xf != NULL)
                xf->plugin->transform->free(xf);
            xf = new_transform(r.columns[CLASS], r.columns[OPTIONS], &err);
            cv_buf_reset(&last);
            cv_buf_str(&last, cv_buf_cstr(&out));
        }
        expected_result(&r, &expected);
        if (xf == NULL) {
            compare_line(&tally, &r, err.text, cv_buf_cstr(&expected)[0] == '!' ? err.text : cv_buf_cstr(&expected));
            continue;
        }
        run_line(json, xf, &r, &out);
        compare_line(&tally, &r, cv_buf_cstr(&out), cv_buf_cstr(&expected));
    }
    assert_int_equal(tally.wrong, 0);
    assert_true(tally.compared > 200);
    if (xf != NULL)
        xf->plugin->transform->free(xf);
    close_recording(&r);
    cv_buf_free(&out);
    cv_buf_free(&expected);
    cv_buf_free(&last);
    json->plugin->converter->free(json);
}

/* ---- memory ---- */

/* With every allocation failing once: of the configuration, which may do without some. */
static void
fail_configuring(const struct recording *r)
{
    const struct cv_plugin *plugin = plugin_of(r->columns[CLASS]);
    bool failed = true;

    for (long n = 1; failed; n++) {
        struct cv_arena *arena = cv_arena_new(NULL);
        struct cv_config *cfg = case_options(arena, r->columns[OPTIONS]);
        struct cv_transform *xf = NULL;
        struct cv_err err = CV_ERR_INIT;
        enum cv_rc rc;

        failing_alloc_at(n);
        rc = plugin->transform->configure(plugin, cfg, &xf, &err);
        failed = failing_alloc_stop();
        assert_true(failed || rc == CV_OK);
        assert_true((rc == CV_OK) == (xf != NULL));
        if (xf != NULL)
            plugin->transform->free(xf);
        cv_config_free(cfg);
        cv_arena_free(arena);
    }
}

/* Of two records of one transform. */
static void
fail_applying(struct cv_converter *json, const struct recording *r)
{
    bool failed = true;

    for (long n = 1; failed; n++) {
        struct cv_arena *arena = cv_arena_new(NULL);
        struct cv_record rec = read_record(json, arena, r), again = read_record(json, arena, r);
        struct cv_err err = CV_ERR_INIT;
        struct cv_transform *xf = new_transform(r->columns[CLASS], r->columns[OPTIONS], &err);
        enum cv_rc rc;
        bool keep;

        assert_non_null(xf);
        failing_alloc_at(n);
        rc = xf->plugin->transform->apply(xf, arena, &rec, &keep, &err);
        if (rc == CV_OK)
            rc = xf->plugin->transform->apply(xf, arena, &again, &keep, &err);
        failed = failing_alloc_stop();
        assert_int_equal(rc, failed ? CV_NO_MEMORY : CV_OK);
        xf->plugin->transform->free(xf);
        cv_arena_free(arena);
    }
}

static void
out_of_memory_is_a_failure_and_nothing_else(void **state)
{
    struct cv_converter *json = case_json_converter();
    struct cv_buf last = CV_BUF_INIT(LINE_MAX), own = CV_BUF_INIT(LINE_MAX);
    struct recording r;
    size_t tried = 0;

    (void)state;
    open_recording(&r);
    while (next_line(&r)) {
        cv_buf_reset(&own);
        cv_buf_printf(&own, "%s %s", r.columns[CLASS], r.columns[OPTIONS]);
        if (r.columns[RESULT][0] == '!' || strchr(r.columns[VALUE], '!') != NULL ||
            strcmp(r.columns[TIME], "17") != 0 || strcmp(cv_buf_cstr(&own), cv_buf_cstr(&last)) == 0)
            continue;
        cv_buf_reset(&last);
        cv_buf_str(&last, cv_buf_cstr(&own));
        fail_configuring(&r);
        fail_applying(json, &r);
        tried++;
    }
    assert_true(tried > 10);
    close_recording(&r);
    cv_buf_free(&last);
    cv_buf_free(&own);
    json->plugin->converter->free(json);
}

/* ---- JSON to structs, where Debezium has no answer or none to rely on ---- */

struct json_case {
    const char *payload; /* as a JSON string holds it */
    const char *value;   /* NULL: the text stays */
};

/* The payload through an EventRouter that expands it. */
static void
expand(struct cv_converter *json, struct cv_transform *xf, const char *payload, struct cv_buf *out)
{
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_record rec = { .topic = "t", .partition = CV_NO_PARTITION, .timestamp_ms = CV_NO_TIMESTAMP };
    struct cv_buf text = CV_BUF_INIT(LINE_MAX);
    struct cv_err err = CV_ERR_INIT;
    bool keep;

    cv_buf_printf(&text, "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"struct\",\"fields\":["
                         "{\"type\":\"string\",\"optional\":false,\"field\":\"id\"},"
                         "{\"type\":\"string\",\"optional\":false,\"field\":\"payload\"}],"
                         "\"optional\":true,\"field\":\"after\"},"
                         "{\"type\":\"string\",\"optional\":false,\"field\":\"op\"},"
                         "{\"type\":\"int64\",\"optional\":false,\"field\":\"ts_ms\"}],"
                         "\"optional\":false,\"name\":\"t.Envelope\"},"
                         "\"payload\":{\"after\":{\"id\":\"x\",\"payload\":\"%s\"},\"op\":\"c\",\"ts_ms\":1}}",
                  payload);
    rec.value = case_value(json, arena, cv_buf_cstr(&text), text.len);
    assert_int_equal(xf->plugin->transform->apply(xf, arena, &rec, &keep, &err), CV_OK);
    cv_buf_reset(out);
    case_write(json, &rec.value, "-", out);
    cv_buf_free(&text);
    cv_arena_free(arena);
}

#define STRUCT_OF(fields) "{\"schema\":{\"type\":\"struct\",\"fields\":[" fields "],\"optional\":true,\"name\":\"payload\"},"
#define ARRAY_OF(items)   "{\"type\":\"array\",\"items\":" items ",\"optional\":true,\"field\":\"l\"}"
#define FIELD(type, name) "{\"type\":\"" type "\",\"optional\":true,\"field\":\"" name "\"}"

static void
payloads_become_structs_where_they_can(void **state)
{
    static const struct json_case cases[] = {
        /* objects of an array in one struct, fields as they come first; it is required, as in Debezium, if it can be */
        { "{\\\"l\\\":[{\\\"a\\\":1},{\\\"b\\\":\\\"x\\\",\\\"a\\\":null},null]}",
          STRUCT_OF(ARRAY_OF("{\"type\":\"struct\",\"fields\":[" FIELD("int32", "a") "," FIELD("string", "b")
                             "],\"optional\":true,\"name\":\"payload.l\"}"))
          "\"payload\":{\"l\":[{\"a\":1,\"b\":null},{\"a\":null,\"b\":\"x\"},null]}}" },
        { "{\\\"l\\\":[{\\\"a\\\":1},{\\\"b\\\":true}]}",
          STRUCT_OF(ARRAY_OF("{\"type\":\"struct\",\"fields\":[" FIELD("int32", "a") "," FIELD("boolean", "b")
                             "],\"optional\":false,\"name\":\"payload.l\"}"))
          "\"payload\":{\"l\":[{\"a\":1,\"b\":null},{\"a\":null,\"b\":true}]}}" },
        { "{\\\"l\\\":[{\\\"o\\\":{\\\"x\\\":1}},{\\\"o\\\":{\\\"y\\\":2}}]}",
          STRUCT_OF(ARRAY_OF("{\"type\":\"struct\",\"fields\":[{\"type\":\"struct\",\"fields\":[" FIELD("int32", "x") ","
                             FIELD("int32", "y") "],\"optional\":true,\"name\":\"payload.l.o\",\"field\":\"o\"}],"
                             "\"optional\":false,\"name\":\"payload.l\"}"))
          "\"payload\":{\"l\":[{\"o\":{\"x\":1,\"y\":null}},{\"o\":{\"x\":null,\"y\":2}}]}}" },
        { "{\\\"a\\\":1} and more", STRUCT_OF(FIELD("int32", "a")) "\"payload\":{\"a\":1}}" },
        { "[1]", NULL },
        { "[]", NULL },
        { "", NULL },
        { "{\\\"a\\\":", NULL },
        { "{\\\"a\\\":01}", NULL },
        { "{\\\"\\\":1}", NULL },
        { "{\\\"a\\\\u0000b\\\":1}", NULL },
        { "{\\\"a\\\":12345678901234567890}", NULL },
        { "{\\\"l\\\":[1,2.5]}", NULL },
        { "{\\\"l\\\":[{\\\"a\\\":1},{\\\"a\\\":\\\"x\\\"}]}", NULL },
        { "{\\\"l\\\":[[1],[\\\"x\\\"]]}", NULL },
    };
    struct cv_converter *json = case_json_converter();
    struct cv_buf out = CV_BUF_INIT(LINE_MAX), same = CV_BUF_INIT(LINE_MAX);
    struct cv_err err = CV_ERR_INIT;
    struct cv_transform *xf = new_transform("transforms.outbox.EventRouter",
                                            "{\"table.expand.json.payload\":\"true\",\"route.by.field\":\"id\","
                                            "\"table.field.event.key\":\"id\"}", &err);

    (void)state;
    assert_non_null(xf);
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        cv_buf_reset(&same);
        cv_buf_printf(&same, "{\"schema\":{\"type\":\"string\",\"optional\":false},\"payload\":\"%s\"}",
                      cases[i].payload);
        expand(json, xf, cases[i].payload, &out);
        assert_string_equal(cv_buf_cstr(&out), cases[i].value != NULL ? cases[i].value : cv_buf_cstr(&same));
    }
    xf->plugin->transform->free(xf);
    cv_buf_free(&out);
    cv_buf_free(&same);
    json->plugin->converter->free(json);
}

/* ---- times ---- */

#define TIME_FIELD(type, name, field) "{\"type\":\"" type "\",\"optional\":true,\"name\":\"io.debezium.time." name "\",\"field\":\"" field "\"}"

/* The row with what a TimezoneConverter makes of these columns, or ! and an error. */
static void
convert_times(struct cv_converter *json, struct cv_transform *xf, const char *row, struct cv_buf *out)
{
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_record rec = { .topic = "t", .partition = CV_NO_PARTITION, .timestamp_ms = CV_NO_TIMESTAMP };
    struct cv_buf text = CV_BUF_INIT(LINE_MAX);
    struct cv_err err = CV_ERR_INIT;
    bool keep;

    cv_buf_printf(&text, "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"struct\",\"fields\":["
                         TIME_FIELD("string", "ZonedTime", "ttz") "," TIME_FIELD("string", "ZonedTimestamp", "tz") ","
                         TIME_FIELD("int64", "Timestamp", "ms") "," TIME_FIELD("int64", "MicroTimestamp", "us") ","
                         TIME_FIELD("int64", "NanoTimestamp", "ns") "],\"optional\":true,\"field\":\"after\"}],"
                         "\"optional\":false,\"name\":\"t.Envelope\"},\"payload\":{\"after\":%s}}", row);
    rec.value = case_value(json, arena, cv_buf_cstr(&text), text.len);
    cv_buf_reset(out);
    if (xf->plugin->transform->apply(xf, arena, &rec, &keep, &err) != CV_OK)
        cv_buf_printf(out, "!%s", err.text);
    else
        case_write(json, &rec.value, "-", out);
    cv_buf_free(&text);
    cv_arena_free(arena);
}

static void
times_without_a_day_go_by_todays_offset_and_infinity_stays(void **state)
{
    static const char infinite[] =
        "{\"ttz\":null,\"tz\":\"-infinity\",\"ms\":9223372036825200,\"us\":-9223372036832400000,\"ns\":9223372036854775807}";
    struct cv_err err = CV_ERR_INIT;
    struct cv_transform *xf = new_transform("transforms.TimezoneConverter",
                                            "{\"converted.timezone\":\"Europe/Berlin\"}", &err);
    struct cv_converter *json = case_json_converter();
    struct cv_buf out = CV_BUF_INIT(LINE_MAX);

    (void)state;
    assert_non_null(xf);
    cv_clock_test_stop(INT64_C(1719800000000), 0); /* July */
    convert_times(json, xf, "{\"ttz\":\"12:00:00Z\",\"tz\":null,\"ms\":null,\"us\":null,\"ns\":null}", &out);
    assert_non_null(strstr(cv_buf_cstr(&out), "\"ttz\":\"14:00:00+02:00\""));
    cv_clock_test_stop(INT64_C(1704100000000), 0); /* January */
    convert_times(json, xf, "{\"ttz\":\"23:30Z\",\"tz\":null,\"ms\":null,\"us\":null,\"ns\":null}", &out);
    assert_non_null(strstr(cv_buf_cstr(&out), "\"ttz\":\"00:30:00+01:00\""));
    cv_clock_test_run();
    convert_times(json, xf, infinite, &out);
    assert_non_null(strstr(cv_buf_cstr(&out), infinite));
    convert_times(json, xf, "{\"ttz\":null,\"tz\":null,\"ms\":null,\"us\":null,\"ns\":-9223372036854775000}", &out);
    assert_non_null(strstr(cv_buf_cstr(&out), "-9223372036854775000")); /* an hour earlier is none */
    convert_times(json, xf, "{\"ttz\":null,\"tz\":\"2024-02-30T12:00:00Z\",\"ms\":null,\"us\":null,\"ns\":null}", &out);
    assert_string_equal(cv_buf_cstr(&out), "!field \"tz\" holds no ISO 8601 date and time with offset");
    convert_times(json, xf, "{\"ttz\":\"12:00:00\",\"tz\":null,\"ms\":null,\"us\":null,\"ns\":null}", &out);
    assert_string_equal(cv_buf_cstr(&out), "!field \"ttz\" holds no ISO 8601 time with offset");
    xf->plugin->transform->free(xf);
    cv_buf_free(&out);
    json->plugin->converter->free(json);
}

/* ---- options that are refused ---- */

static void
bad_options_are_refused_by_name(void **state)
{
    static const struct {
        const char *class_name;
        const char *options;
        const char *text;
    } cases[] = {
        { "transforms.ExtractNewRecordState", "{\"delete.tombstone.handling.mode\":\"none\"}",
          "Invalid value none for configuration delete.tombstone.handling.mode: String must be one of (case "
          "insensitive): DROP, TOMBSTONE, REWRITE, REWRITE-WITH-TOMBSTONE, DELETE-TO-TOMBSTONE" },
        { "transforms.ExtractNewRecordState", "{\"add.fields\":\"op,a:b:c\"}",
          "add.fields: Unexpected field name: a:b:c (write field, struct.field or struct.field:name)" },
        { "transforms.ExtractNewRecordState", "{\"add.headers\":\"a.b.c\"}",
          "add.headers: Unexpected field name: a.b.c (write field, struct.field or struct.field:name)" },
        { "transforms.ExtractNewRecordState", "{\"add.headers\":\".b\"}",
          "add.headers: Unexpected field name: .b (write field, struct.field or struct.field:name)" },
        { "transforms.HeaderToValue", "{\"headers\":\"a,b\",\"fields\":\"a\",\"operation\":\"copy\"}",
          "'fields' config must have the same number of elements as 'headers' config." },
        { "transforms.HeaderToValue", "{\"headers\":\"a\",\"fields\":\"a\"}",
          "Missing required configuration \"operation\" which has no default value." },
        { "transforms.HeaderToValue", "{\"headers\":\"a b\",\"fields\":\"a\",\"operation\":\"copy\"}",
          "Invalid value [a b] for configuration headers: Element(s) containing space not permitted" },
        { "transforms.HeaderToValue", "{\"headers\":\"a\",\"fields\":\"a,,b\",\"operation\":\"copy\"}",
          "Invalid value [a, , b] for configuration fields: Empty string element(s) not permitted" },
        { "transforms.ByLogicalTableRouter", "{\"topic.regex\":\"x\"}",
          "Missing required configuration \"topic.replacement\" which has no default value." },
        { "transforms.ByLogicalTableRouter", "{\"topic.regex\":\"(.*)\",\"topic.replacement\":\"$2\"}",
          "invalid replacement \"$2\" at position 0: the pattern has no such group (write \\$ for a dollar sign)" },
        { "transforms.ByLogicalTableRouter",
          "{\"topic.regex\":\"x\",\"topic.replacement\":\"x\",\"key.field.regex\":\"x\"}",
          "key.field.replacement must be non-empty if key.field.regex is set." },
        { "transforms.outbox.EventRouter", "{\"table.fields.additional.placement\":\"a:header,b:nowhere\"}",
          "Invalid value [a:header, b:nowhere] for configuration table.fields.additional.placement: A comma-separated "
          "list of valid String pairs or trios is expected (a column, header, envelope or partition, and perhaps a "
          "name, with colons between them)" },
        { "transforms.outbox.EventRouter", "{\"route.topic.replacement\":\"${x}\"}",
          "invalid replacement \"${x}\" at position 0: the pattern has no such group (write \\$ for a dollar sign)" },
        { "transforms.Filter", "{\"language\":\"jsr223.groovy\",\"condition\":\"true\"}",
          "Invalid value jsr223.groovy for configuration language: there is no scripting engine here: use "
          "org.apache.kafka.connect.transforms.Filter with a predicate" },
        { "transforms.ContentBasedRouter", "{\"language\":\"jsr223.groovy\",\"topic.expression\":\"'x'\"}",
          "Invalid value jsr223.groovy for configuration language: there is no scripting engine here: use "
          "route.by.field of io.debezium.transforms.ExtractNewRecordState, io.debezium.transforms.outbox.EventRouter "
          "or org.apache.kafka.connect.transforms.RegexRouter" },
        { "transforms.TimezoneConverter", "{}",
          "Missing required configuration \"converted.timezone\" which has no default value." },
        { "transforms.TimezoneConverter", "{\"converted.timezone\":\"+2:00\"}",
          "converted.timezone: \"+2:00\" is no offset from UTC: write +hh:mm or -hh:mm, up to 18 hours" },
        { "transforms.TimezoneConverter",
          "{\"converted.timezone\":\"UTC\",\"include.list\":\"a:b\",\"exclude.list\":\"a:c\"}",
          "Both include and exclude lists are specified. Please specify only one." },
        { "transforms.TimezoneConverter", "{\"converted.timezone\":\"UTC\",\"exclude.list\":\"a\"}",
          "Invalid exclude list format: \"a\". Please specify a list of rules in the format of "
          "\"source:<tablename>:<fieldnames>\", \"topic:<topicname>:<fieldnames>\", \"<matchname>:<fieldnames>\"" },
        { "transforms.partitions.PartitionRouting",
          "{\"partition.payload.fields\":\"a\",\"partition.topic.num\":\"0\"}",
          "Invalid value 0 for configuration partition.topic.num: Value must be at least 1" },
        { "transforms.partitions.PartitionRouting",
          "{\"partition.payload.fields\":\"a,,b\",\"partition.topic.num\":\"2\"}",
          "partition.payload.fields: Empty string element(s) not permitted" },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        struct cv_err err = CV_ERR_INIT;

        assert_null(new_transform(cases[i].class_name, cases[i].options, &err));
        assert_int_equal(err.rc, CV_INVALID);
        assert_string_equal(err.text, cases[i].text);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_come_out_as_from_debeziums_transforms),
        cmocka_unit_test(out_of_memory_is_a_failure_and_nothing_else),
        cmocka_unit_test(payloads_become_structs_where_they_can),
        cmocka_unit_test(times_without_a_day_go_by_todays_offset_and_infinity_stays),
        cmocka_unit_test(bad_options_are_refused_by_name),
    };

    struct cv_err err = CV_ERR_INIT;

    setenv("TZDIR", TEST_DATA "/zoneinfo", 1); /* of the release that the recording was made with */
    if (cv_log_level_set("culvert.transforms", CV_LOG_LEVEL_OFF, &err) != CV_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
