/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All converters in key, value and header position against what Kafka's made of the same values and bytes:
 * tests/data/converters/converters.tsv says how a line reads.
 */
#include "converters/converters.h"

#include "tests/helper/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/arena.h"
#include "common/buf.h"

#define COLUMNS 6
#define NAMES   200
#define BYTES   4096

static const struct cv_plugin *const plugins[] = {
    &json_converter_plugin,   &json_header_converter_plugin,  &string_converter_plugin,
    &string_header_converter_plugin, &bytes_converter_plugin, &bytes_header_converter_plugin,
    &simple_header_converter_plugin,
};

/* The plugin of a simple class name for that position. */
static const struct cv_plugin *
plugin_of(const char *name, bool header)
{
    enum cv_plugin_kind kind = header ? CV_HEADER_CONVERTER : CV_CONVERTER;

    for (size_t i = 0; i < CV_COUNT(plugins); i++)
        if (plugins[i]->kind == kind && strcmp(strrchr(plugins[i]->name, '.') + 1, name) == 0)
            return plugins[i];
    for (size_t i = 0; i < 6; i++) {
        const struct cv_plugin *plugin = header ? &number_header_converter_plugins[i] : &number_converter_plugins[i];

        if (strcmp(strrchr(plugin->name, '.') + 1, name) == 0)
            return plugin;
    }
    fail_msg("no converter %s", name);
    return NULL;
}

/* options: "a=b,c=d" or "-". */
static struct cv_converter *
converter(const struct cv_plugin *plugin, const char *options, enum cv_position position)
{
    char *copy = strdup(options), *at = copy;
    struct cv_config *cfg = cv_config_new();
    struct cv_converter *conv = NULL;
    struct cv_err err = CV_ERR_INIT;

    while (at != NULL && strcmp(options, "-") != 0) {
        char *pair = strsep(&at, ","), *value = strchr(pair, '=');

        *value = '\0';
        assert_int_equal(cv_config_set(cfg, pair, value + 1, &err), CV_OK);
    }
    if (plugin->converter->configure(plugin, cfg, position, &conv, &err) != CV_OK)
        fail_msg("%s: %s", plugin->name, err.text);
    cv_config_free(cfg);
    free(copy);
    return conv;
}

static size_t
read_hex(const char *text, char *out)
{
    size_t len = strlen(text) / 2;
    unsigned byte;

    for (size_t i = 0; i < len; i++) {
        assert_int_equal(sscanf(text + 2 * i, "%2x", &byte), 1);
        out[i] = (char)byte;
    }
    return len;
}

static void
to_value(struct cv_converter *json, struct cv_converter *conv, const char *in, struct cv_arena *arena,
         struct cv_buf *out)
{
    char bytes[BYTES];
    struct cv_bytes given = { .data = bytes };
    struct cv_value val = cv_null(NULL);
    struct cv_err err = CV_ERR_INIT;
    bool is_null = false;

    given.len = strcmp(in, "-") == 0 ? 0 : read_hex(in, bytes);
    if (conv->plugin->converter->to_connect(conv, "t", strcmp(in, "-") == 0 ? NULL : &given, arena, &val, &err) !=
            CV_OK ||
        json->plugin->converter->from_connect(json, "t", &val, out, &is_null, &err) != CV_OK) {
        cv_buf_reset(out);
        cv_buf_printf(out, "!%s", err.text);
    } else if (is_null) {
        cv_buf_str(out, "null");
    }
}

static void
from_value(struct cv_converter *json, struct cv_converter *conv, const char *in, struct cv_arena *arena,
           struct cv_buf *out)
{
    struct cv_bytes message = { .data = in, .len = strlen(in) };
    struct cv_buf bytes = CV_BUF_INIT(BYTES);
    struct cv_value val = cv_null(NULL);
    struct cv_err err = CV_ERR_INIT;
    bool is_null = false;

    if (strcmp(in, "-") != 0 && json->plugin->converter->to_connect(json, "t", &message, arena, &val, &err) != CV_OK)
        fail_msg("%s: %s", err.text, in);
    if (conv->plugin->converter->from_connect(conv, "t", &val, &bytes, &is_null, &err) != CV_OK)
        cv_buf_printf(out, "!%s", err.text);
    else if (is_null)
        cv_buf_str(out, "null");
    for (size_t i = 0; i < bytes.len && out->len < BYTES && err.rc == CV_OK; i++)
        cv_buf_printf(out, "%02x", (unsigned char)bytes.data[i]);
    cv_buf_free(&bytes);
}

/* Of errors the texts of refused values are compared; what a parser or deserializer says of bytes is its own. */
static bool
same_result(const char *got, const char *java)
{
    static const char *const texts[] = { "!Invalid schema type for ", "!Failed to serialize to ",
                                         "!ByteArrayConverter is not compatible", "!Failed to deserialize " };

    for (size_t i = 0; i < CV_COUNT(texts); i++)
        if (strncmp(java, texts[i], strlen(texts[i])) == 0)
            return strncmp(got, java, strcspn(java, ":")) == 0;
    if (java[0] == '!')
        return got[0] == '!';
    return strcmp(got, java) == 0;
}

static size_t
run_line(struct cv_converter *json, char *const *columns)
{
    struct cv_buf out = CV_BUF_INIT(1 << 20);
    size_t wrong = 0;

    for (const char *p = columns[3]; *p != '\0'; p++) {
        enum cv_position position = *p == 'k' ? CV_KEY : *p == 'v' ? CV_VALUE : CV_HEADER;
        struct cv_converter *conv = converter(plugin_of(columns[1], position == CV_HEADER), columns[2], position);
        struct cv_arena *arena = cv_arena_new(NULL);

        cv_buf_reset(&out);
        if (columns[0][0] == 'F')
            from_value(json, conv, columns[4], arena, &out);
        else
            to_value(json, conv, columns[4], arena, &out);
        if (!same_result(cv_buf_cstr(&out), columns[5])) {
            printf("%s %s %s %c\n  in       %s\n  expected %s\n  got      %s\n", columns[0], columns[1], columns[2], *p,
                   columns[4], columns[5], cv_buf_cstr(&out));
            wrong++;
        }
        conv->plugin->converter->free(conv);
        cv_arena_free(arena);
    }
    cv_buf_free(&out);
    return wrong;
}

static void
bytes_and_values_are_those_of_kafkas_converters(void **state)
{
    struct cv_converter *json =
        converter(&json_converter_plugin, "schemas.enable=true,replace.null.with.default=false", CV_VALUE);
    FILE *file = fopen(TEST_DATA "/converters/converters.tsv", "r");
    char *names[NAMES] = { NULL }, *columns[COLUMNS], *line = NULL;
    size_t cap = 0, compared = 0, wrong = 0;

    (void)state;
    assert_non_null(file);
    while (getline(&line, &cap, file) > 0) {
        char *at = line;
        size_t n = 0;

        line[strcspn(line, "\n")] = '\0';
        for (; at != NULL && n < COLUMNS; n++)
            columns[n] = strsep(&at, "\t");
        if (columns[0][0] == '@')
            names[atoi(columns[0] + 1)] = strdup(columns[1]);
        if (columns[0][0] == '@' || columns[0][0] == '#')
            continue;
        assert_int_equal(n, COLUMNS);
        if (columns[4][0] == '@')
            columns[4] = names[atoi(columns[4] + 1)];
        wrong += run_line(json, columns);
        compared += strlen(columns[3]);
    }
    assert_int_equal(wrong, 0);
    assert_true(compared > 2000);
    for (size_t i = 0; i < NAMES; i++)
        free(names[i]);
    free(line);
    fclose(file);
    json->plugin->converter->free(json);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_and_values_are_those_of_kafkas_converters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
