/* SPDX-License-Identifier: Apache-2.0 */
/*
 * converters/json.c against what Java's JsonConverter wrote: tests/data/json/java_rounds.tsv (messages of every type
 * and of every mistake) and envelopes.jsonl (records of a PostgreSQL source).
 */
#include "converters/converters.h"

#include "tests/helper/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/arena.h"
#include "common/buf.h"

static struct cv_converter *
converter(const char *key1, const char *value1, const char *key2, const char *value2)
{
    struct cv_config *cfg = cv_config_new();
    struct cv_converter *conv = NULL;
    struct cv_err err = CV_ERR_INIT;

    if (key1 != NULL)
        assert_int_equal(cv_config_set(cfg, key1, value1, &err), CV_OK);
    if (key2 != NULL)
        assert_int_equal(cv_config_set(cfg, key2, value2, &err), CV_OK);
    if (json_converter_plugin.converter->configure(&json_converter_plugin, cfg, CV_VALUE, &conv, &err) != CV_OK)
        fail_msg("%s", err.text);
    cv_config_free(cfg);
    return conv;
}

static void
converter_free(struct cv_converter *conv)
{
    conv->plugin->converter->free(conv);
}

/* The message read by one converter and written by another, as the files have it. */
static void
round_trip(struct cv_converter *in, struct cv_converter *out_conv, const char *message, size_t len,
           struct cv_buf *out)
{
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_bytes bytes = { .data = message, .len = len };
    struct cv_err err = CV_ERR_INIT;
    struct cv_value val;
    bool is_null = false;

    cv_buf_reset(out);
    if (in->plugin->converter->to_connect(in, "t", &bytes, arena, &val, &err) != CV_OK ||
        out_conv->plugin->converter->from_connect(out_conv, "t", &val, out, &is_null, &err) != CV_OK) {
        assert_int_equal(err.rc, CV_INVALID);
        assert_int_equal(out->len, 0);
        cv_buf_printf(out, "!%s", err.text);
    } else if (is_null) {
        cv_buf_str(out, "<null>");
    }
    cv_arena_free(arena);
}

static FILE *
open_data(const char *name)
{
    char path[512];
    FILE *file;

    snprintf(path, sizeof(path), "%s/json/%s", TEST_DATA, name);
    file = fopen(path, "r");
    if (file == NULL)
        fail_msg("cannot open %s", path);
    return file;
}

static void
messages_come_out_as_from_java(void **state)
{
    struct cv_converter *plain = converter(NULL, NULL, NULL, NULL);
    struct cv_converter *numeric =
        converter("decimal.format", "numeric", "replace.null.with.default", "false");
    struct cv_converter *bare = converter("schemas.enable", "false", NULL, NULL);
    struct {
        struct cv_converter *in, *out;
    } ways[] = { { plain, plain }, { numeric, numeric }, { plain, bare }, { bare, bare } };
    struct cv_buf out = CV_BUF_INIT(1 << 20);
    FILE *file = open_data("java_rounds.tsv");
    char *line = NULL;
    size_t cap = 0, compared = 0;

    (void)state;
    while (getline(&line, &cap, file) > 0) {
        char *at = line;
        const char *message;

        if (line[0] == '#')
            continue;
        line[strcspn(line, "\n")] = '\0';
        message = strsep(&at, "\t");
        for (size_t i = 0; i < CV_COUNT(ways); i++) {
            const char *expected = strsep(&at, "\t");

            assert_non_null(expected);
            round_trip(ways[i].in, ways[i].out, message, strlen(message), &out);
            if (expected[0] == '!' ? cv_buf_cstr(&out)[0] != '!' : strcmp(cv_buf_cstr(&out), expected) != 0)
                fail_msg("way %zu\n  message  %s\n  expected %s\n  written  %s", i, message, expected,
                         cv_buf_cstr(&out));
            compared++;
        }
    }
    assert_true(compared > 300);
    free(line);
    fclose(file);
    cv_buf_free(&out);
    converter_free(plain);
    converter_free(numeric);
    converter_free(bare);
}

static void
records_of_a_source_survive_a_round_byte_for_byte(void **state)
{
    /* a cache of three schemas, so that most of them are dropped and made again */
    struct cv_converter *conv = converter("replace.null.with.default", "false", "schemas.cache.size", "3");
    struct cv_buf out = CV_BUF_INIT(1 << 20);
    FILE *file = open_data("envelopes.jsonl");
    char *line = NULL;
    size_t cap = 0, compared = 0;

    (void)state;
    while (getline(&line, &cap, file) > 0) {
        line[strcspn(line, "\n")] = '\0';
        for (int again = 0; again < 2; again++) {
            round_trip(conv, conv, line, strlen(line), &out);
            assert_string_equal(cv_buf_cstr(&out), line);
        }
        compared++;
    }
    assert_true(compared > 100);
    free(line);
    fclose(file);
    cv_buf_free(&out);
    converter_free(conv);
}

static void
check_error(struct cv_converter *conv, const char *message, const char *text)
{
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_bytes in = { .data = message, .len = strlen(message) };
    struct cv_value val = cv_int(CV_INT64, 42);
    struct cv_err err = CV_ERR_INIT;

    if (conv->plugin->converter->to_connect(conv, "t", &in, arena, &val, &err) != CV_INVALID)
        fail_msg("accepted: %s", message);
    assert_string_equal(err.text, text);
    assert_int_equal(val.integer, 42);
    cv_arena_free(arena);
}

static void
value_that_does_not_fit_its_schema_is_refused_with_the_field(void **state)
{
    struct cv_converter *conv = converter(NULL, NULL, NULL, NULL);

    (void)state;
    check_error(conv, "{\"schema\":{\"type\":\"int8\"},\"payload\":300}",
                "number 300 does not fit the type int8");
    check_error(conv, "{\"schema\":{\"type\":\"int32\"},\"payload\":\"7\"}",
                "invalid type for int32: found JSON STRING");
    check_error(conv, "{\"schema\":{\"type\":\"string\"},\"payload\":7}",
                "invalid type for string: found JSON NUMBER");
    check_error(conv,
                "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"struct\",\"field\":\"after\",\"fields\":"
                "[{\"type\":\"boolean\",\"field\":\"paid\"}]}]},\"payload\":{\"after\":{\"paid\":1}}}",
                "field after: field paid: invalid type for boolean: found JSON NUMBER");
    check_error(conv,
                "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"int64\",\"field\":\"id\"}]},"
                "\"payload\":{}}",
                "field id: invalid null value for required int64 field");
    converter_free(conv);
}

static void
plain_json_where_an_envelope_is_expected_names_the_remedy(void **state)
{
    struct cv_converter *conv = converter(NULL, NULL, NULL, NULL);

    (void)state;
    check_error(conv, "{\"id\":1}",
                "JsonConverter with schemas.enable requires \"schema\" and \"payload\" fields and may not contain "
                "additional fields; if this is plain JSON data, set schemas.enable=false in the configuration of "
                "the converter");
    converter_free(conv);
}

static void
kafka_null_is_a_null_without_schema_and_back(void **state)
{
    struct cv_converter *conv = converter(NULL, NULL, NULL, NULL);
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_buf out = CV_BUF_INIT(1024);
    struct cv_err err = CV_ERR_INIT;
    struct cv_value val = cv_int(CV_INT64, 1);
    bool is_null = false;

    (void)state;
    assert_int_equal(conv->plugin->converter->to_connect(conv, "t", NULL, arena, &val, &err), CV_OK);
    assert_true(val.is_null);
    assert_null(val.schema);
    assert_int_equal(conv->plugin->converter->from_connect(conv, "t", &val, &out, &is_null, &err), CV_OK);
    assert_true(is_null);
    assert_int_equal(out.len, 0);
    /* an optional schema is no tombstone */
    val = cv_null(cv_schema_plain(CV_STRING, true));
    assert_int_equal(conv->plugin->converter->from_connect(conv, "t", &val, &out, &is_null, &err), CV_OK);
    assert_false(is_null);
    assert_string_equal(cv_buf_cstr(&out), "{\"schema\":{\"type\":\"string\",\"optional\":true},\"payload\":null}");
    cv_buf_free(&out);
    cv_arena_free(arena);
    converter_free(conv);
}

static void
values_outlive_a_cache_that_dropped_their_schema(void **state)
{
    struct cv_converter *conv = converter("schemas.cache.size", "1", NULL, NULL);
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_err err = CV_ERR_INIT;
    struct cv_value vals[3];
    char message[128];

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct cv_bytes in = { .data = message };

        in.len = (size_t)snprintf(message, sizeof(message),
                                  "{\"schema\":{\"type\":\"int32\",\"name\":\"n%d\"},\"payload\":%d}", i, i);
        assert_int_equal(conv->plugin->converter->to_connect(conv, "t", &in, arena, &vals[i], &err), CV_OK);
    }
    converter_free(conv);
    assert_string_equal(vals[0].schema->name, "n0");
    assert_string_equal(vals[2].schema->name, "n2");
    cv_arena_free(arena);
}

static void
bad_option_is_named(void **state)
{
    struct cv_config *cfg = cv_config_new();
    struct cv_converter *conv = NULL;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(cv_config_set(cfg, "decimal.format", "HEX", &err), CV_OK);
    assert_int_equal(json_converter_plugin.converter->configure(&json_converter_plugin, cfg, CV_KEY, &conv, &err),
                     CV_INVALID);
    assert_string_equal(err.text, "Invalid value HEX for configuration decimal.format: String must be one of (case "
                                  "insensitive): NUMERIC, BASE64");
    assert_null(conv);
    cv_config_free(cfg);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_out_as_from_java),
        cmocka_unit_test(records_of_a_source_survive_a_round_byte_for_byte),
        cmocka_unit_test(value_that_does_not_fit_its_schema_is_refused_with_the_field),
        cmocka_unit_test(plain_json_where_an_envelope_is_expected_names_the_remedy),
        cmocka_unit_test(kafka_null_is_a_null_without_schema_and_back),
        cmocka_unit_test(values_outlive_a_cache_that_dropped_their_schema),
        cmocka_unit_test(bad_option_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
