/* SPDX-License-Identifier: Apache-2.0 */
/*
 * converters/{string,header,bytes,number}.c, the first two against what Java's wrote: tests/data/json/java_texts.tsv
 * and java_literals.tsv.
 */
#include "converters/converters.h"

#include "tests/helper/cmocka_all.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/arena.h"
#include "common/buf.h"

static int
arena_up(void **state)
{
    *state = cv_arena_new(NULL);
    return *state != NULL ? 0 : -1;
}

static int
arena_down(void **state)
{
    cv_arena_free(*state);
    return 0;
}

static struct cv_converter *
converter(const struct cv_plugin *plugin, const char *key, const char *value)
{
    struct cv_config *cfg = cv_config_new();
    struct cv_converter *conv = NULL;
    struct cv_err err = CV_ERR_INIT;

    if (key != NULL)
        assert_int_equal(cv_config_set(cfg, key, value, &err), CV_OK);
    if (plugin->converter->configure(plugin, cfg, CV_VALUE, &conv, &err) != CV_OK)
        fail_msg("%s: %s", plugin->name, err.text);
    assert_ptr_equal(conv->plugin, plugin);
    cv_config_free(cfg);
    return conv;
}

static void
converter_free(struct cv_converter *conv)
{
    conv->plugin->converter->free(conv);
}

static struct cv_value
read_value(struct cv_converter *conv, struct cv_arena *arena, const void *data, size_t len)
{
    struct cv_bytes in = { .data = data, .len = len };
    struct cv_err err = CV_ERR_INIT;
    struct cv_value val = cv_null(NULL);

    if (conv->plugin->converter->to_connect(conv, "t", &in, arena, &val, &err) != CV_OK)
        fail_msg("%.*s: %s", (int)len, (const char *)data, err.text);
    return val;
}

/* What the converter writes, "<null>" for Kafka null; \t \n \r as in the files. */
static const char *
written(struct cv_converter *conv, const struct cv_value *val, struct cv_buf *out)
{
    struct cv_buf raw = CV_BUF_INIT(1 << 20);
    struct cv_err err = CV_ERR_INIT;
    bool is_null = false;

    cv_buf_reset(out);
    if (conv->plugin->converter->from_connect(conv, "t", val, &raw, &is_null, &err) != CV_OK)
        cv_buf_printf(out, "!%s", err.text);
    else if (is_null)
        cv_buf_str(out, "<null>");
    for (size_t i = 0; i < raw.len; i++) {
        switch (raw.data[i]) {
        case '\t':
            cv_buf_str(out, "\\t");
            break;
        case '\n':
            cv_buf_str(out, "\\n");
            break;
        case '\r':
            cv_buf_str(out, "\\r");
            break;
        default:
            cv_buf_char(out, raw.data[i]);
        }
    }
    cv_buf_free(&raw);
    return cv_buf_cstr(out);
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
values_become_the_text_that_java_prints(void **state)
{
    struct cv_converter *json = converter(&json_converter_plugin, "replace.null.with.default", "false");
    struct cv_converter *string = converter(&string_converter_plugin, NULL, NULL);
    struct cv_converter *header = converter(&simple_header_converter_plugin, NULL, NULL);
    struct cv_buf out = CV_BUF_INIT(1 << 20);
    FILE *file = open_data("java_texts.tsv");
    char *line = NULL;
    size_t cap = 0, compared = 0;

    while (getline(&line, &cap, file) > 0) {
        char *at = line;
        const char *message, *as_string, *as_header;
        struct cv_value val;

        if (line[0] == '#')
            continue;
        line[strcspn(line, "\n")] = '\0';
        message = strsep(&at, "\t");
        as_string = strsep(&at, "\t");
        as_header = strsep(&at, "\t");
        val = read_value(json, *state, message, strlen(message));
        if (strcmp(as_string, "-") != 0)
            assert_string_equal(written(string, &val, &out), as_string);
        assert_string_equal(written(header, &val, &out), as_header);
        compared++;
    }
    assert_true(compared > 50);
    free(line);
    fclose(file);
    cv_buf_free(&out);
    converter_free(json);
    converter_free(string);
    converter_free(header);
}

static void
header_text_becomes_the_value_that_java_reads(void **state)
{
    struct cv_converter *json = converter(&json_converter_plugin, NULL, NULL);
    struct cv_converter *header = converter(&simple_header_converter_plugin, NULL, NULL);
    struct cv_buf out = CV_BUF_INIT(1 << 20);
    FILE *file = open_data("java_literals.tsv");
    char *line = NULL;
    size_t cap = 0, compared = 0;

    while (getline(&line, &cap, file) > 0) {
        char *at = line;
        const char *text;
        struct cv_value val;

        if (line[0] == '#')
            continue;
        line[strcspn(line, "\n")] = '\0';
        text = strsep(&at, "\t");
        val = read_value(header, *state, text, strlen(text));
        if (strcmp(written(json, &val, &out), at) != 0)
            fail_msg("text %s\n  expected %s\n  read     %s", text, at, cv_buf_cstr(&out));
        compared++;
    }
    assert_true(compared > 80);
    free(line);
    fclose(file);
    cv_buf_free(&out);
    converter_free(json);
    converter_free(header);
}

static void
header_null_is_a_null(void **state)
{
    struct cv_converter *header = converter(&simple_header_converter_plugin, NULL, NULL);
    struct cv_value val = read_value(header, *state, "null", 4);
    struct cv_buf out = CV_BUF_INIT(1024);

    assert_true(val.is_null);
    assert_string_equal(written(header, &val, &out), "<null>");
    cv_buf_free(&out);
    converter_free(header);
}

static void
deep_nesting_is_a_string(void **state)
{
    struct cv_converter *header = converter(&simple_header_converter_plugin, NULL, NULL);
    char text[2000];
    struct cv_value val;

    memset(text, '[', 1000);
    memset(text + 1000, ']', 1000);
    val = read_value(header, *state, text, sizeof(text));
    assert_int_equal(val.type, CV_STRING);
    assert_int_equal(val.bytes.len, sizeof(text));
    converter_free(header);
}

static void
bytes_pass_through_strings_only_of_bytes(void **state)
{
    struct cv_converter *conv = converter(&bytes_converter_plugin, NULL, NULL);
    struct cv_buf out = CV_BUF_INIT(1024);
    struct cv_value val = read_value(conv, *state, "a\0b", 3);
    struct cv_value text = cv_cstring("x");
    struct cv_value null = cv_null(cv_schema_plain(CV_BYTES, true));

    assert_int_equal(val.type, CV_BYTES);
    assert_true(val.schema->optional);
    assert_memory_equal(written(conv, &val, &out), "a\0b", 4);
    assert_string_equal(written(conv, &null, &out), "<null>");
    assert_string_equal(written(conv, &text, &out),
                        "!ByteArrayConverter is not compatible with objects of type class java.lang.String");
    text.schema = cv_schema_plain(CV_STRING, false);
    assert_string_equal(written(conv, &text, &out), "!Invalid schema type for ByteArrayConverter: STRING");
    cv_buf_free(&out);
    converter_free(conv);
}

static void
numbers_are_big_endian_bytes(void **state)
{
    static const struct {
        size_t plugin;
        const char *bytes;
        size_t len;
        struct cv_value val;
    } cases[] = {
        { 0, "\xff\xfe", 2, { .type = CV_INT16, .integer = -2 } },
        { 1, "\x7f\xff\xff\xff", 4, { .type = CV_INT32, .integer = INT32_MAX } },
        { 2, "\x80\0\0\0\0\0\0\0", 8, { .type = CV_INT64, .integer = INT64_MIN } },
        { 3, "\x3f\xc0\0\0", 4, { .type = CV_FLOAT32, .float32 = 1.5f } },
        { 4, "\xbf\xf8\0\0\0\0\0\0", 8, { .type = CV_FLOAT64, .float64 = -1.5 } },
        { 5, "\1", 1, { .type = CV_BOOLEAN, .boolean = true } },
    };
    struct cv_err err = CV_ERR_INIT;
    bool is_null = false;

    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        struct cv_converter *conv = converter(&number_converter_plugins[cases[i].plugin], NULL, NULL);
        struct cv_value val = read_value(conv, *state, cases[i].bytes, cases[i].len);
        struct cv_buf out = CV_BUF_INIT(64);

        assert_true(cv_value_equal(&val, &cases[i].val));
        assert_true(val.schema->optional);
        assert_int_equal(conv->plugin->converter->from_connect(conv, "t", &cases[i].val, &out, &is_null, &err),
                         CV_OK);
        assert_int_equal(out.len, cases[i].len);
        assert_memory_equal(out.data, cases[i].bytes, out.len);
        cv_buf_free(&out);
        converter_free(conv);
    }
}

static void
numbers_of_another_length_or_type_are_refused(void **state)
{
    struct cv_converter *conv = converter(&number_converter_plugins[2], NULL, NULL);
    struct cv_converter *boolean = converter(&number_converter_plugins[5], NULL, NULL);
    struct cv_bytes in = { .data = "\0\0\0\1", .len = 4 };
    struct cv_value val = cv_int(CV_INT32, 1), out_val = cv_boolean(true);
    struct cv_buf out = CV_BUF_INIT(1024);
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(conv->plugin->converter->to_connect(conv, "t", &in, *state, &out_val, &err), CV_INVALID);
    assert_string_equal(err.text, "Failed to deserialize long: size of data is 4, not 8");
    in = (struct cv_bytes){ .data = "\2", .len = 1 };
    assert_int_equal(boolean->plugin->converter->to_connect(boolean, "t", &in, *state, &out_val, &err),
                     CV_INVALID);
    assert_string_equal(err.text, "Failed to deserialize boolean: unexpected byte 0x02");
    assert_int_equal(out_val.type, CV_BOOLEAN);
    assert_string_equal(written(conv, &val, &out), "!Failed to serialize to long (was class java.lang.Integer)");
    cv_buf_free(&out);
    converter_free(conv);
    converter_free(boolean);
}

static void
bytes_that_are_no_utf8_become_replacement_characters(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = { /* as Java 17 decodes them */
                  { "a\xff" "b", "a\xef\xbf\xbd" "b" },
                  { "\xc3", "\xef\xbf\xbd" },
                  { "\xe2\x82", "\xef\xbf\xbd" },
                  { "\xe2\x82x", "\xef\xbf\xbdx" },
                  { "\xf0\x9f\x98", "\xef\xbf\xbd" },
                  { "\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd" },
                  { "\xed\xa0\x80", "\xef\xbf\xbd" },
                  { "\xe0\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
                  { "\xf0\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
                  { "\xf8\x88", "\xef\xbf\xbd\xef\xbf\xbd" } };
    struct cv_converter *conv = converter(&string_converter_plugin, NULL, NULL);

    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        struct cv_value val = read_value(conv, *state, cases[i].in, strlen(cases[i].in));

        if (strcmp(val.bytes.data, cases[i].out) != 0)
            print_message("case %zu\n", i);
        assert_string_equal(val.bytes.data, cases[i].out);
    }
    converter_free(conv);
}

static void
other_character_sets_are_converted(void **state)
{
    static const struct {
        const char *set, *text, *bytes;
        size_t len;
    } cases[] = { { "ISO-8859-1", "caf\u00e9 \u20ac", "caf\xe9 ?", 6 },
                  { "US-ASCII", "\U0001f600!", "?!", 2 },
                  { "UTF-16", "a\u00e9", "\xfe\xff\0a\0\xe9", 6 },
                  { "UTF-16LE", "a", "a\0", 2 },
                  { "windows-1252", "\u20ac", "\x80", 1 },
                  { "utf8", "\u00e9", "\xc3\xa9", 2 } };
    struct cv_err err = CV_ERR_INIT;
    bool is_null = false;

    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        struct cv_converter *conv = converter(&string_converter_plugin, "converter.encoding", cases[i].set);
        struct cv_buf out = CV_BUF_INIT(64);
        struct cv_value val = cv_cstring(cases[i].text);

        assert_int_equal(conv->plugin->converter->from_connect(conv, "t", &val, &out, &is_null, &err), CV_OK);
        assert_int_equal(out.len, cases[i].len);
        assert_memory_equal(out.data, cases[i].bytes, out.len);
        if (memchr(out.data, '?', out.len) == NULL) {
            val = read_value(conv, *state, cases[i].bytes, cases[i].len);
            assert_string_equal(val.bytes.data, cases[i].text);
        }
        cv_buf_free(&out);
        converter_free(conv);
    }
}

static void
unknown_character_set_is_refused(void **state)
{
    struct cv_config *cfg = cv_config_new();
    struct cv_converter *conv = NULL;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(cv_config_set(cfg, "converter.encoding", "KLINGON", &err), CV_OK);
    assert_int_equal(
        string_converter_plugin.converter->configure(&string_converter_plugin, cfg, CV_KEY, &conv, &err),
        CV_INVALID);
    assert_non_null(strstr(err.text, "Invalid value KLINGON for configuration converter.encoding"));
    assert_null(conv);
    cv_config_free(cfg);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(values_become_the_text_that_java_prints, arena_up, arena_down),
        cmocka_unit_test_setup_teardown(header_text_becomes_the_value_that_java_reads, arena_up, arena_down),
        cmocka_unit_test_setup_teardown(header_null_is_a_null, arena_up, arena_down),
        cmocka_unit_test_setup_teardown(deep_nesting_is_a_string, arena_up, arena_down),
        cmocka_unit_test_setup_teardown(bytes_pass_through_strings_only_of_bytes, arena_up, arena_down),
        cmocka_unit_test_setup_teardown(numbers_are_big_endian_bytes, arena_up, arena_down),
        cmocka_unit_test_setup_teardown(numbers_of_another_length_or_type_are_refused, arena_up, arena_down),
        cmocka_unit_test_setup_teardown(bytes_that_are_no_utf8_become_replacement_characters, arena_up,
                                        arena_down),
        cmocka_unit_test_setup_teardown(other_character_sets_are_converted, arena_up, arena_down),
        cmocka_unit_test(unknown_character_set_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
