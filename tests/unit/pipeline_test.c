/* SPDX-License-Identifier: Apache-2.0 */
/* worker/pipeline.c with the converters and transforms that the worker has: who configures them, in what order they
   run, where a failure is laid, and when a source may write its messages itself. */
#include <config.h>

#include "worker/pipeline.h"

#include "tests/helper/cmocka_all.h"

#include <stdlib.h>

#include "common/arena.h"
#include "converters/converters.h"
#include "transforms/transforms.h"
#include "worker/plugins.h"
#include "worker/worker_config.h"

#define JSON   "org.apache.kafka.connect.json.JsonConverter"
#define STRING "org.apache.kafka.connect.storage.StringConverter"

struct bench {
    struct plugins *plugins;
    struct worker_config worker;
    struct cv_config *raw;
    struct cv_arena *arena;
    struct pipeline *pipe;
};

/* A step that spoils what it is told to, to see where the blame goes. */
struct spoiler {
    struct cv_transform base;
};

static enum cv_rc
spoiler_configure(const struct cv_plugin *plugin, const struct cv_config *cfg, struct cv_transform **ret,
                  struct cv_err *err)
{
    struct spoiler *spoiler = calloc(1, sizeof(*spoiler));

    (void)cfg;
    if (spoiler == NULL)
        return cv_fail_memory(err);
    spoiler->base.plugin = plugin;
    *ret = &spoiler->base;
    return CV_OK;
}

static unsigned busy; /* this many more times the spoiler cannot say */

static enum cv_rc
spoiler_apply(struct cv_transform *xf, struct cv_arena *arena, struct cv_record *rec, bool *ret_keep,
              struct cv_err *err)
{
    (void)xf, (void)arena, (void)ret_keep;
    if (busy > 0) {
        busy--;
        return cv_fail(err, CV_RETRY, "not now");
    }
    if (strcmp(rec->topic, "fine") == 0)
        return CV_OK;
    return cv_fail(err, CV_INVALID, "no good: %s", rec->topic);
}

static void
spoiler_free(struct cv_transform *xf)
{
    free(cv_container_of(xf, struct spoiler, base));
}

static const struct cv_transform_ops spoiler_ops = { .configure = spoiler_configure,
                                                     .apply = spoiler_apply,
                                                     .free = spoiler_free };
static const struct cv_plugin spoiler_plugin = { .api = CV_PLUGIN_API,
                                                 .kind = CV_TRANSFORM,
                                                 .name = "test.Spoiler",
                                                 .version = "1",
                                                 .transform = &spoiler_ops };

/* Pairs of key and value, NULL at the end. */
static struct cv_config *
config_of(const char *const *pairs)
{
    struct cv_config *cfg = cv_config_new();
    struct cv_err err;

    assert_non_null(cfg);
    for (; *pairs != NULL; pairs += 2)
        assert_int_equal(CV_OK, cv_config_set(cfg, pairs[0], pairs[1], &err));
    return cfg;
}

/* A worker with JsonConverter, the value's without schema. */
static void
setup_bench(struct bench *b)
{
    static const struct cv_plugin *const list[] = {
        &json_converter_plugin,   &json_header_converter_plugin,   &string_converter_plugin,
        &bytes_converter_plugin,  &bytes_header_converter_plugin,  &simple_header_converter_plugin,
        &regex_router_plugin,     &filter_plugin,                  &insert_field_plugins[0],
        &insert_field_plugins[1], &record_is_tombstone_plugin,     &topic_name_matches_plugin,
        &has_header_key_plugin,   &string_header_converter_plugin, &spoiler_plugin,
        NULL
    };
    static char json[] = JSON, header[] = "org.apache.kafka.connect.storage.SimpleHeaderConverter";
    struct cv_err err = CV_ERR_INIT;

    *b = (struct bench){ .worker = { .key_converter = json, .value_converter = json, .header_converter = header } };
    b->raw = config_of((const char *const[]){ "key.converter", JSON, "value.converter", JSON,
                                              "value.converter.schemas.enable", "false", NULL });
    assert_int_equal(CV_OK, plugins_new(list, &b->plugins, &err));
    b->arena = cv_arena_new(NULL);
    assert_non_null(b->arena);
}

/* Up to three attempts. */
static bool
again(void *arg, unsigned attempt)
{
    unsigned *attempts = arg;

    assert_int_equal(attempt, *attempts + 1);
    *attempts = attempt;
    return attempt < 3;
}

static unsigned attempts;

static enum cv_rc
make(struct bench *b, const char *const *connector, struct cv_err *err)
{
    struct cv_config *cfg = config_of(connector);
    struct pipeline_spec spec = {
        .plugins = b->plugins, .worker = &b->worker, .worker_raw = b->raw, .connector = cfg,
        .again = again, .again_arg = &attempts
    };
    enum cv_rc rc;

    pipeline_free(b->pipe);
    b->pipe = NULL;
    *err = (struct cv_err)CV_ERR_INIT;
    rc = pipeline_new(&spec, &b->pipe, err);
    cv_config_free(cfg);
    return rc;
}

#define PAIRS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void
must_make(struct bench *b, const char *const *connector)
{
    struct cv_err err;

    if (make(b, connector, &err) != CV_OK)
        fail_msg("%s", err.text);
}

static void
teardown_bench(struct bench *b)
{
    pipeline_free(b->pipe);
    cv_arena_free(b->arena);
    plugins_free(b->plugins);
    cv_config_free(b->raw);
}

static struct cv_record
record(const char *topic, const char *key, const char *value)
{
    return (struct cv_record){ .topic = topic,
                               .partition = CV_NO_PARTITION,
                               .timestamp_ms = CV_NO_TIMESTAMP,
                               .key = key != NULL ? cv_cstring(key) : cv_null(NULL),
                               .value = value != NULL ? cv_cstring(value) : cv_null(NULL) };
}

/* The value as it goes to Kafka. */
static const char *
value_bytes(struct bench *b, const char *value)
{
    struct cv_record rec = record("t", "k", value);
    struct cv_message msg = { 0 };
    enum pipeline_stage stage;
    struct cv_err err = CV_ERR_INIT;

    if (pipeline_to_message(b->pipe, b->arena, &rec, &msg, &stage, &err) != CV_OK)
        fail_msg("%s", err.text);
    return msg.value.data;
}

static void
a_converter_belongs_to_who_names_it(void **state)
{
    struct bench b;

    (void)state;
    setup_bench(&b);
    must_make(&b, PAIRS("name", "c"));
    assert_string_equal("\"v\"", value_bytes(&b, "v"));
    /* the converter is the worker's, and so are its settings */
    must_make(&b, PAIRS("value.converter.schemas.enable", "true"));
    assert_string_equal("\"v\"", value_bytes(&b, "v"));
    /* the converter is the connector's, and the worker's settings do not count */
    must_make(&b, PAIRS("value.converter", JSON));
    assert_non_null(strstr(value_bytes(&b, "v"), "\"schema\""));
    must_make(&b, PAIRS("value.converter", STRING));
    assert_string_equal("v", value_bytes(&b, "v"));
    teardown_bench(&b);
}

static void
steps_run_in_the_order_of_their_names_list(void **state)
{
    struct cv_record rec = record("orders", "k", "v");
    struct cv_err err = CV_ERR_INIT;
    struct bench b;
    bool keep = false;

    (void)state;
    setup_bench(&b);
    must_make(&b, PAIRS("transforms", "b, a", "transforms.a.type", "RegexRouter", "transforms.a.regex", "(.*)",
                        "transforms.a.replacement", "$1-a", "transforms.b.type", "RegexRouter", "transforms.b.regex",
                        "(.*)", "transforms.b.replacement", "$1-b"));
    assert_int_equal(CV_OK, pipeline_transform(b.pipe, b.arena, &rec, &keep, &err));
    assert_true(keep);
    assert_string_equal("orders-b-a", rec.topic);
    teardown_bench(&b);
}

static void
a_step_runs_where_its_predicate_says(void **state)
{
    static const struct {
        const char *negate, *topic, *expected;
    } cases[] = {
        { "false", "log", "log-x" }, { "false", "orders", "orders" },
        { "true", "log", "log" },    { "true", "orders", "orders-x" },
        { "TRUE", "log", "log" },
    };
    struct cv_err err = CV_ERR_INIT;
    struct bench b;

    (void)state;
    setup_bench(&b);
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        struct cv_record rec = record(cases[i].topic, "k", "v");
        bool keep = false;

        must_make(&b, PAIRS("transforms", "x", "transforms.x.type", "RegexRouter", "transforms.x.regex", "(.*)",
                            "transforms.x.replacement", "$1-x", "transforms.x.predicate", "p", "transforms.x.negate",
                            cases[i].negate, "predicates", "p", "predicates.p.type", "TopicNameMatches",
                            "predicates.p.pattern", "l.*"));
        assert_int_equal(CV_OK, pipeline_transform(b.pipe, b.arena, &rec, &keep, &err));
        assert_string_equal(cases[i].expected, rec.topic);
    }
    teardown_bench(&b);
}

static void
a_dropped_record_reaches_no_later_step(void **state)
{
    struct cv_record tombstone = record("t", "k", NULL), full = record("t", "k", "v");
    struct cv_err err = CV_ERR_INIT;
    struct bench b;
    bool keep = true;

    (void)state;
    setup_bench(&b);
    must_make(&b, PAIRS("transforms", "drop,bad", "transforms.drop.type", "Filter", "transforms.drop.predicate", "dead",
                        "transforms.bad.type", "test.Spoiler", "predicates", "dead", "predicates.dead.type",
                        "RecordIsTombstone"));
    assert_int_equal(CV_OK, pipeline_transform(b.pipe, b.arena, &tombstone, &keep, &err));
    assert_false(keep);
    assert_int_equal(CV_INVALID, pipeline_transform(b.pipe, b.arena, &full, &keep, &err));
    assert_string_equal("transform bad: no good: t", err.text);
    teardown_bench(&b);
}

static void
a_chain_that_cannot_be_made_says_which_part(void **state)
{
    static const struct {
        const char *pairs[11];
        const char *text;
    } cases[] = {
        { { "key.converter", "no.such.Converter" }, "key.converter" },
        { { "transforms", "a" }, "transform a: transforms.a.type is missing" },
        { { "transforms", "a", "transforms.a.type", "no.such.Step" }, "transform a: " },
        { { "transforms", "a", "transforms.a.type", "RegexRouter", "transforms.a.regex", "(" ,
            "transforms.a.replacement",
            "x" }, "transform a: " },
        { { "transforms", "a", "transforms.a.type", "Filter", "transforms.a.predicate", "p" },
          "transform a: predicate p: predicate \"p\" has no type; set predicates.p.type" },
        { { "transforms", "a", "transforms.a.type", "Filter", "transforms.a.predicate", "p", "predicates.p.type",
            "RegexRouter" }, "transform a: predicate p: " },
    };
    struct bench b;

    (void)state;
    setup_bench(&b);
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        struct cv_err err;

        assert_int_not_equal(CV_OK, make(&b, cases[i].pairs, &err));
        assert_null(b.pipe);
        if (strncmp(err.text, cases[i].text, strlen(cases[i].text)) != 0)
            fail_msg("case %zu: \"%s\" does not begin with \"%s\"", i, err.text, cases[i].text);
    }
    teardown_bench(&b);
}

static void
headers_are_wanted_by_transforms_and_by_converters_that_refuse_some(void **state)
{
    struct bench b;

    (void)state;
    setup_bench(&b);
    must_make(&b, PAIRS("transforms", ""));
    assert_false(pipeline_wants_headers(b.pipe));
    must_make(&b, PAIRS("header.converter", "org.apache.kafka.connect.json.JsonConverter"));
    assert_true(pipeline_wants_headers(b.pipe));
    must_make(&b, PAIRS("transforms", "a", "transforms.a.type", "org.apache.kafka.connect.transforms.Filter"));
    assert_true(pipeline_wants_headers(b.pipe));
    teardown_bench(&b);
}

static void
what_a_converter_cannot_write_is_laid_to_its_stage(void **state)
{
    static const char bytes[] = "org.apache.kafka.connect.converters.ByteArrayConverter";
    static const struct {
        const char *key;
        enum pipeline_stage stage;
        const char *name, *begin;
    } cases[] = {
        { "key.converter", STAGE_KEY_CONVERTER, "KEY_CONVERTER", "key: " },
        { "value.converter", STAGE_VALUE_CONVERTER, "VALUE_CONVERTER", "value: " },
        { "header.converter", STAGE_HEADER_CONVERTER, "HEADER_CONVERTER", "header h: " },
    };
    struct bench b;

    (void)state;
    setup_bench(&b);
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        struct cv_record rec = record("t", "k", "v");
        struct cv_message msg = { 0 };
        enum pipeline_stage stage;
        struct cv_err err = CV_ERR_INIT;
        struct cv_value text = cv_cstring("x");

        text.schema = NULL;
        must_make(&b, PAIRS(cases[i].key, bytes));
        assert_int_equal(CV_OK, cv_header_add(b.arena, &rec.headers, "h", text, &err));
        assert_int_not_equal(CV_OK, pipeline_to_message(b.pipe, b.arena, &rec, &msg, &stage, &err));
        assert_int_equal(cases[i].stage, stage);
        assert_string_equal(cases[i].name, pipeline_stage_name(stage));
        if (strncmp(err.text, cases[i].begin, strlen(cases[i].begin)) != 0)
            fail_msg("\"%s\" does not begin with \"%s\"", err.text, cases[i].begin);
    }
    teardown_bench(&b);
}

static void
what_a_converter_cannot_read_is_laid_to_its_stage(void **state)
{
    static const struct cv_bytes good = { "1", 1 }, bad = { "{", 1 }, none = { NULL, 0 };
    struct cv_record rec = record("t", NULL, NULL);
    enum pipeline_stage stage;
    struct cv_err err = CV_ERR_INIT;
    struct bench b;

    (void)state;
    setup_bench(&b);
    must_make(&b, PAIRS("key.converter", JSON, "key.converter.schemas.enable", "false"));
    assert_int_not_equal(CV_OK, pipeline_to_record(b.pipe, b.arena, &bad, &good, &rec, &stage, &err));
    assert_int_equal(STAGE_KEY_CONVERTER, stage);
    assert_int_equal(0, strncmp(err.text, "key: ", 5));
    assert_int_not_equal(CV_OK, pipeline_to_record(b.pipe, b.arena, &good, &bad, &rec, &stage, &err));
    assert_int_equal(STAGE_VALUE_CONVERTER, stage);
    assert_int_equal(0, strncmp(err.text, "value: ", 7));
    assert_int_equal(CV_OK, pipeline_to_record(b.pipe, b.arena, &good, &none, &rec, &stage, &err));
    assert_int_equal(1, rec.key.integer);
    assert_true(rec.value.is_null);
    teardown_bench(&b);
}

static void
nothing_stays_nothing_and_headers_go_along(void **state)
{
    struct cv_record rec = record("t", NULL, NULL);
    struct cv_message msg = { 0 };
    enum pipeline_stage stage;
    struct cv_err err = CV_ERR_INIT;
    struct bench b;

    (void)state;
    setup_bench(&b);
    must_make(&b, PAIRS("key.converter", STRING));
    assert_int_equal(CV_OK, pipeline_to_message(b.pipe, b.arena, &rec, &msg, &stage, &err));
    assert_null(msg.key.data);
    assert_null(msg.value.data);
    assert_null(msg.headers);
    assert_int_equal(CV_OK, cv_header_add(b.arena, &rec.headers, "n", cv_int(CV_INT32, 7), &err));
    assert_int_equal(CV_OK, cv_header_add(b.arena, &rec.headers, "s", cv_cstring("x"), &err));
    rec.partition = 3;
    rec.timestamp_ms = 1700000000000;
    assert_int_equal(CV_OK, pipeline_to_message(b.pipe, b.arena, &rec, &msg, &stage, &err));
    assert_int_equal(2, msg.headers->count);
    assert_string_equal("n", msg.headers->items[0].name);
    assert_int_equal(1, msg.headers->items[0].value.len);
    assert_memory_equal("7", msg.headers->items[0].value.data, 1);
    assert_memory_equal("x", msg.headers->items[1].value.data, 1);
    assert_int_equal(3, msg.partition);
    assert_int_equal(1700000000000, msg.timestamp_ms);
    teardown_bench(&b);
}

/* The direct path is open where nobody looks into records, and its settings are those of the converters. */
static void
direct_is_what_json_and_topics_alone_need(void **state)
{
    static const struct {
        const char *pairs[11];
        bool direct;
        struct cv_direct settings;
    } cases[] = {
        { { "name", "c" }, true, { true, false, true, false, true } },
        { { "value.converter", JSON, "value.converter.decimal.format", "numeric" },
          true, { true, true, true, true, true } },
        { { "key.converter", JSON, "key.converter.schemas.enable", "false" }, true,
          { false, false, true, false, true } },
        { { "key.converter", JSON, "key.converter.replace.null.with.default", "false", "value.converter", JSON,
            "value.converter.replace.null.with.default", "false" },
          true, { true, true, false, false, true } },
        { { "header.converter", "org.apache.kafka.connect.converters.ByteArrayConverter" },
          true, { true, false, true, false, false } },
        { { "transforms", "r", "transforms.r.type", "RegexRouter", "transforms.r.regex", "a",
            "transforms.r.replacement", "b" }, true, { true, false, true, false, true } },
        { { "value.converter", STRING }, false, { 0 } },
        { { "key.converter", STRING }, false, { 0 } },
        { { "key.converter", JSON, "key.converter.decimal.format", "NUMERIC" }, false, { 0 } },
        { { "key.converter", JSON, "key.converter.replace.null.with.default", "false" }, false, { 0 } },
        { { "transforms", "i", "transforms.i.type", "org.apache.kafka.connect.transforms.InsertField$Value",
            "transforms.i.static.field", "a",
            "transforms.i.static.value", "b" }, false, { 0 } },
        { { "transforms", "f", "transforms.f.type", "Filter", "transforms.f.predicate", "h", "predicates.h.type",
            "HasHeaderKey", "predicates.h.name", "x" }, false, { 0 } },
    };
    struct bench b;

    (void)state;
    setup_bench(&b);
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        struct cv_direct direct = { 0 };

        must_make(&b, cases[i].pairs);
        if (pipeline_direct(b.pipe, &direct) != cases[i].direct)
            fail_msg("case %zu: direct is %d", i, !cases[i].direct);
        if (memcmp(&direct, &cases[i].settings, sizeof(direct)) != 0)
            fail_msg("case %zu: other settings", i);
    }
    teardown_bench(&b);
}

static void
a_route_is_the_topic_behind_the_chain(void **state)
{
    struct cv_err err = CV_ERR_INIT;
    const char *topic = NULL;
    struct bench b;

    (void)state;
    setup_bench(&b);
    must_make(&b, PAIRS("transforms", "r,f", "transforms.r.type", "RegexRouter", "transforms.r.regex", "p\\.(.*)",
                        "transforms.r.replacement", "$1", "transforms.f.type", "Filter", "transforms.f.predicate", "p",
                        "predicates.p.type", "TopicNameMatches", "predicates.p.pattern", "secret"));
    assert_int_equal(CV_OK, pipeline_route(b.pipe, "p.orders", b.arena, &topic, &err));
    assert_string_equal("orders", topic);
    assert_int_equal(CV_OK, pipeline_route(b.pipe, "p.secret", b.arena, &topic, &err));
    assert_null(topic);
    teardown_bench(&b);
}

static void
what_may_pass_is_tried_again(void **state)
{
    struct cv_record rec = { .topic = "fine" };
    struct cv_err err = CV_ERR_INIT;
    struct bench b;
    bool keep;

    (void)state;
    setup_bench(&b);
    must_make(&b, PAIRS("transforms", "s", "transforms.s.type", "test.Spoiler"));
    busy = 2;
    attempts = 0;
    assert_int_equal(pipeline_transform(b.pipe, b.arena, &rec, &keep, &err), CV_OK);
    assert_int_equal(attempts, 2);
    assert_true(keep);

    busy = 9;
    attempts = 0;
    assert_int_equal(pipeline_transform(b.pipe, b.arena, &rec, &keep, &err), CV_RETRY);
    assert_int_equal(attempts, 3);
    assert_string_equal(err.text, "transform s: not now");
    busy = 0;

    attempts = 0;
    rec.topic = "bad";
    assert_int_equal(pipeline_transform(b.pipe, b.arena, &rec, &keep, &err), CV_INVALID);
    assert_int_equal(attempts, 0); /* that will not pass */
    teardown_bench(&b);
}

static void
a_failure_names_the_class_at_work(void **state)
{
    const struct cv_bytes bad = { "{oops", 5 }, key = { "1", 1 };
    struct cv_record rec = { .topic = "t" };
    struct cv_err err = CV_ERR_INIT;
    enum pipeline_stage stage;
    struct bench b;
    bool keep;

    (void)state;
    setup_bench(&b);
    must_make(&b, PAIRS("transforms", "r,s", "transforms.s.type", "test.Spoiler", "transforms.r.type",
                        "org.apache.kafka.connect.transforms.RegexRouter", "transforms.r.regex", "x",
                        "transforms.r.replacement", "y", "key.converter", STRING));
    assert_int_equal(pipeline_transform(b.pipe, b.arena, &rec, &keep, &err), CV_INVALID);
    assert_string_equal(pipeline_class(b.pipe, STAGE_TRANSFORMATION), "test.Spoiler");
    assert_int_equal(pipeline_to_record(b.pipe, b.arena, &key, &bad, &rec, &stage, &err), CV_INVALID);
    assert_int_equal(stage, STAGE_VALUE_CONVERTER);
    assert_string_equal(pipeline_class(b.pipe, stage), JSON);
    assert_string_equal(pipeline_class(b.pipe, STAGE_KEY_CONVERTER), STRING);
    assert_string_equal(pipeline_class(b.pipe, STAGE_TASK_PUT), "org.apache.kafka.connect.sink.SinkTask");
    teardown_bench(&b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_may_pass_is_tried_again),
        cmocka_unit_test(a_failure_names_the_class_at_work),
        cmocka_unit_test(a_converter_belongs_to_who_names_it),
        cmocka_unit_test(steps_run_in_the_order_of_their_names_list),
        cmocka_unit_test(a_step_runs_where_its_predicate_says),
        cmocka_unit_test(a_dropped_record_reaches_no_later_step),
        cmocka_unit_test(a_chain_that_cannot_be_made_says_which_part),
        cmocka_unit_test(what_a_converter_cannot_write_is_laid_to_its_stage),
        cmocka_unit_test(headers_are_wanted_by_transforms_and_by_converters_that_refuse_some),
        cmocka_unit_test(what_a_converter_cannot_read_is_laid_to_its_stage),
        cmocka_unit_test(nothing_stays_nothing_and_headers_go_along),
        cmocka_unit_test(direct_is_what_json_and_topics_alone_need),
        cmocka_unit_test(a_route_is_the_topic_behind_the_chain),
    };

    return cmocka_run_group_tests_name("pipeline", tests, NULL, NULL);
}
