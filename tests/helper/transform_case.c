/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/helper/transform_case.h"

#include "tests/helper/cmocka_all.h"

#include "common/arena.h"
#include "common/buf.h"
#include "common/json_read.h"
#include "converters/converters.h"
#include "data/json.h"

struct cv_converter *
case_json_converter(void)
{
    struct cv_config *cfg = cv_config_new();
    struct cv_converter *conv = NULL;
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(cv_config_set(cfg, "replace.null.with.default", "false", &err), CV_OK);
    assert_int_equal(json_converter_plugin.converter->configure(&json_converter_plugin, cfg, CV_VALUE, &conv, &err),
                     CV_OK);
    cv_config_free(cfg);
    return conv;
}

struct cv_value
case_value(struct cv_converter *json, struct cv_arena *arena, const char *text, size_t len)
{
    struct cv_bytes in = { .data = text, .len = len };
    struct cv_value val = cv_null(NULL);
    struct cv_err err = CV_ERR_INIT;

    if (len == 1 && text[0] == '-')
        return val;
    if (json->plugin->converter->to_connect(json, "t", &in, arena, &val, &err) != CV_OK)
        fail_msg("%s: %.*s", err.text, (int)len, text);
    return val;
}

struct cv_headers
case_headers(struct cv_converter *json, struct cv_arena *arena, const char *text)
{
    struct cv_headers headers = { .items = NULL };
    struct cv_err err = CV_ERR_INIT;
    struct cv_json_reader r;
    struct cv_value val;
    char *name;

    cv_json_reader_init(&r, text, strlen(text));
    assert_int_equal(cv_json_next(&r), CV_JSON_ARRAY);
    while (cv_json_next(&r) == CV_JSON_ARRAY) {
        assert_int_equal(cv_json_next(&r), CV_JSON_STRING);
        name = cv_arena_dup(arena, r.text, r.text_len);
        val = cv_null(NULL);
        if (cv_json_skip(&r) != CV_JSON_NULL)
            val = case_value(json, arena, r.text, r.text_len);
        assert_int_equal(cv_header_add(arena, &headers, name, val, &err), CV_OK);
        assert_int_equal(cv_json_next(&r), CV_JSON_ARRAY_END);
    }
    return headers;
}

struct cv_config *
case_options(struct cv_arena *arena, const char *text)
{
    struct cv_config *cfg = cv_config_new();
    struct cv_err err = CV_ERR_INIT;
    struct cv_value map;

    assert_int_equal(cv_connect_json_read(text, strlen(text), arena, &map, &err), CV_OK);
    for (size_t i = 0; i < map.map.count; i++)
        assert_int_equal(cv_config_set(cfg, map.map.entries[i].key.bytes.data,
                                       map.map.entries[i].value.bytes.data, &err),
                         CV_OK);
    return cfg;
}

void
case_write(struct cv_converter *json, const struct cv_value *val, const char *null, struct cv_buf *out)
{
    struct cv_err err = CV_ERR_INIT;
    bool is_null = false;

    if (json->plugin->converter->from_connect(json, "t", val, out, &is_null, &err) != CV_OK)
        cv_buf_printf(out, "!%s", err.text);
    else if (is_null)
        cv_buf_str(out, null);
}

void
case_write_headers(struct cv_converter *json, const struct cv_headers *headers, struct cv_buf *out)
{
    cv_buf_char(out, '[');
    for (size_t i = 0; i < headers->count; i++) {
        cv_buf_printf(out, "%s[\"%s\",", i > 0 ? "," : "", headers->items[i].name);
        case_write(json, &headers->items[i].value, "null", out);
        cv_buf_char(out, ']');
    }
    cv_buf_char(out, ']');
}
