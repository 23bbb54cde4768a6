/* SPDX-License-Identifier: Apache-2.0 */
#include "converters/converters.h"

#include "tests/helper/cmocka_all.h"

#include "common/arena.h"
#include "common/buf.h"

static enum cv_rc
configure(const char *delegate, struct cv_converter **ret, struct cv_err *err)
{
    const struct cv_plugin *plugin = &binary_data_converter_plugin;
    struct cv_config *cfg = cv_config_new();
    enum cv_rc rc;

    if (delegate != NULL) {
        assert_int_equal(cv_config_set(cfg, "delegate.converter.type", delegate, err), CV_OK);
        assert_int_equal(cv_config_set(cfg, "delegate.converter.type.schemas.enable", "false", err), CV_OK);
    }
    rc = plugin->converter->configure(plugin, cfg, CV_VALUE, ret, err);
    cv_config_free(cfg);
    return rc;
}

/* What the value becomes: bytes, (null), or ! and an error. */
static const char *
convert(const struct cv_converter *conv, struct cv_value val, const struct cv_schema *schema, struct cv_buf *out)
{
    struct cv_err err = CV_ERR_INIT;
    bool is_null = false;

    val.schema = schema;
    cv_buf_reset(out);
    if (conv->plugin->converter->from_connect(conv, "t", &val, out, &is_null, &err) != CV_OK)
        cv_buf_printf(out, "!%s", err.text);
    else if (is_null)
        cv_buf_str(out, "(null)");
    return cv_buf_cstr(out);
}

static void
bytes_stay_and_others_go_to_the_delegate(void **state)
{
    const struct cv_schema *bytes = cv_schema_plain(CV_BYTES, true), *text = cv_schema_plain(CV_STRING, true);
    struct cv_converter *conv = NULL, *alone = NULL;
    struct cv_buf out = CV_BUF_INIT(1000);
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(configure("org.apache.kafka.connect.json.JsonConverter", &conv, &err), CV_OK);
    assert_int_equal(configure(NULL, &alone, &err), CV_OK);
    assert_string_equal(convert(conv, cv_binary("\"raw", 4), bytes, &out), "\"raw");
    assert_string_equal(convert(conv, cv_binary("raw", 3), NULL, &out), "raw");
    assert_string_equal(convert(conv, cv_null(bytes), bytes, &out), "(null)");
    assert_string_equal(convert(conv, cv_null(NULL), NULL, &out), "(null)");
    assert_string_equal(convert(conv, cv_cstring("x"), text, &out), "\"x\"");
    assert_string_equal(convert(conv, cv_null(text), text, &out), "null");
    assert_string_equal(convert(alone, cv_binary("raw", 3), bytes, &out), "raw");
    assert_string_equal(convert(alone, cv_cstring("x"), text, &out),
                        "!A t of type 'string' requires a delegate.converter.type to be configured");
    conv->plugin->converter->free(conv);
    alone->plugin->converter->free(alone);
    cv_buf_free(&out);
}

static void
bytes_are_read_as_they_are(void **state)
{
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_bytes in = { .data = "a\0b", .len = 3 };
    struct cv_converter *conv = NULL;
    struct cv_err err = CV_ERR_INIT;
    struct cv_value val;

    (void)state;
    assert_int_equal(configure(NULL, &conv, &err), CV_OK);
    assert_int_equal(conv->plugin->converter->to_connect(conv, "t", &in, arena, &val, &err), CV_OK);
    assert_int_equal(val.type, CV_BYTES);
    assert_int_equal(val.bytes.len, 3);
    assert_memory_equal(val.bytes.data, "a\0b", 3);
    assert_int_equal(conv->plugin->converter->to_connect(conv, "t", NULL, arena, &val, &err), CV_OK);
    assert_true(val.is_null);
    conv->plugin->converter->free(conv);
    cv_arena_free(arena);
}

static void
an_unknown_delegate_is_refused(void **state)
{
    struct cv_converter *conv = NULL;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(configure("com.example.Converter", &conv, &err), CV_INVALID);
    assert_null(conv);
    assert_string_equal(err.text,
                        "delegate.converter.type: no converter \"com.example.Converter\" (the built-in ones of "
                                  "Kafka are known here, by their full class names)");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_stay_and_others_go_to_the_delegate),
        cmocka_unit_test(bytes_are_read_as_they_are),
        cmocka_unit_test(an_unknown_delegate_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
