/* SPDX-License-Identifier: Apache-2.0 */
/* data/json_*.c: values to JSON and back without schemas, as the worker's topics have them. */
#include "data/json.h"

#include "tests/helper/cmocka_all.h"

#include <math.h>
#include <stdio.h>

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

/* Read text, write it again, expect that. */
static void
check_round(struct cv_arena *arena, const char *text, const char *expected)
{
    struct cv_buf out = CV_BUF_INIT(1 << 20);
    struct cv_err err = CV_ERR_INIT;
    struct cv_value val;

    if (cv_connect_json_read(text, strlen(text), arena, &val, &err) != CV_OK)
        fail_msg("%s: %s", text, err.text);
    cv_connect_json_write(&out, &val);
    assert_string_equal(cv_buf_cstr(&out), expected);
    cv_buf_free(&out);
}

static void
schemaless_text_survives_a_round(void **state)
{
    static const struct {
        const char *text;
        const char *written;
    } cases[] = {
        { "null", "null" },
        { " true ", "true" },
        { "-9223372036854775808", "-9223372036854775808" },
        { "1.50", "1.5" },
        { "1e3", "1000.0" },
        { "\"a\\u00e9\\/\\n\\ud83d\\ude00\"", "\"a\u00e9/\\n\\uD83D\\uDE00\"" },
        { "[1, [], {}]", "[1,[],{}]" },
        /* the offset of a stream, members as a Java worker writes them */
        { "{\"lsn_proc\":24023128,\"messageType\":\"INSERT\",\"lsn_commit\":24023016,\"lsn\":24023128,"
          "\"txId\":745,\"ts_usec\":1767225600123456}",
          "{\"lsn_proc\":24023128,\"messageType\":\"INSERT\",\"lsn_commit\":24023016,\"lsn\":24023128,"
          "\"txId\":745,\"ts_usec\":1767225600123456}" },
        /* another order becomes Java's; of equal keys the last counts */
        { "{\"topic\":\"t\",\"partition\":0,\"cluster\":\"a\",\"topic\":\"u\"}",
          "{\"cluster\":\"a\",\"partition\":0,\"topic\":\"u\"}" },
    };

    for (size_t i = 0; i < CV_COUNT(cases); i++)
        check_round(*state, cases[i].text, cases[i].written);
}

static void
integers_are_int64_and_other_numbers_float64(void **state)
{
    const char *text = "{\"i\":7,\"f\":7.0}";
    struct cv_err err = CV_ERR_INIT;
    struct cv_value val;

    assert_int_equal(cv_connect_json_read(text, strlen(text), *state, &val, &err), CV_OK);
    assert_int_equal(cv_map_get(&val, "i")->type, CV_INT64);
    assert_int_equal(cv_map_get(&val, "f")->type, CV_FLOAT64);
    assert_null(val.schema);
}

static void
bad_text_is_refused_and_leaves_the_output_alone(void **state)
{
    static const char *const texts[] = { "", "{", "{\"a\":}", "[1,]", "1 2", "nul", "{\"a\":1}}",
                                         "9223372036854775808", "\"\\ud800\"" };

    for (size_t i = 0; i < CV_COUNT(texts); i++) {
        struct cv_value val = cv_int(CV_INT64, 42);
        struct cv_err err = CV_ERR_INIT;

        if (cv_connect_json_read(texts[i], strlen(texts[i]), *state, &val, &err) != CV_INVALID)
            fail_msg("accepted: %s", texts[i]);
        assert_true(err.text[0] != '\0');
        assert_int_equal(val.integer, 42);
    }
}

static void
integer_beyond_64_bits_is_named(void **state)
{
    struct cv_value val;
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(cv_connect_json_read("[9223372036854775808]", 21, *state, &val, &err), CV_INVALID);
    assert_string_equal(err.text, "number 9223372036854775808 does not fit the type int64");
}

static void
large_map_keeps_the_last_of_equal_keys(void **state)
{
    struct cv_buf text = CV_BUF_INIT(1 << 20);
    struct cv_err err = CV_ERR_INIT;
    struct cv_value val;

    cv_buf_char(&text, '{');
    for (int i = 0; i < 3000; i++)
        cv_buf_printf(&text, "\"k%d\":%d,", i % 1000, i);
    cv_buf_str(&text, "\"k5\":-1}");
    assert_int_equal(cv_connect_json_read(text.data, text.len, *state, &val, &err), CV_OK);
    assert_int_equal(val.map.count, 1000);
    assert_int_equal(cv_map_get(&val, "k999")->integer, 2999);
    assert_int_equal(cv_map_get(&val, "k5")->integer, -1);
    cv_buf_free(&text);
}

static void
struct_is_written_in_field_order_with_nulls(void **state)
{
    struct cv_schema_builder *b = cv_schema_new(CV_STRUCT);
    struct cv_buf out = CV_BUF_INIT(1 << 10);
    struct cv_schema *schema = NULL;
    struct cv_err err = CV_ERR_INIT;
    struct cv_value *val;

    cv_schema_add_field(b, "state", cv_schema_plain(CV_STRING, false));
    cv_schema_add_field(b, "trace", cv_schema_plain(CV_STRING, true));
    cv_schema_add_field(b, "generation", cv_schema_plain(CV_INT32, false));
    assert_int_equal(cv_schema_finish(b, &schema, &err), CV_OK);
    val = cv_struct_new(*state, schema);
    *cv_struct_get(val, "state") = cv_cstring("RUNNING");
    *cv_struct_get(val, "generation") = cv_int(CV_INT32, 4);
    cv_connect_json_write(&out, val);
    assert_string_equal(cv_buf_cstr(&out), "{\"state\":\"RUNNING\",\"trace\":null,\"generation\":4}");
    cv_buf_free(&out);
    cv_schema_unref(schema);
}

static void
keys_that_are_no_strings_make_pairs(void **state)
{
    struct cv_map_entry entries[2] = {
        { .key = cv_int(CV_INT32, 1), .value = cv_cstring("a") },
        { .key = cv_null(NULL), .value = cv_float64(NAN) },
    };
    struct cv_value map = { .type = CV_MAP, .map = { .entries = entries, .count = 2 } };
    struct cv_buf out = CV_BUF_INIT(1 << 10);

    (void)state;
    cv_connect_json_write(&out, &map);
    assert_string_equal(cv_buf_cstr(&out), "[[1,\"a\"],[null,\"NaN\"]]");
    cv_buf_free(&out);
}

static void
value_of_another_type_than_its_schema_is_refused(void **state)
{
    const struct connect_json_format format = { .replace_null = true };
    struct cv_value val = cv_cstring("x"), missing = cv_null(cv_schema_plain(CV_INT32, false));
    struct cv_buf out = CV_BUF_INIT(1 << 10);
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    val.schema = cv_schema_plain(CV_INT32, false);
    assert_int_equal(connect_json_write(&out, &val, &format, &err), CV_INVALID);
    assert_string_equal(err.text, "conversion error: a value of type string does not fit its schema");
    assert_int_equal(connect_json_write(&out, &missing, &format, &err), CV_INVALID);
    assert_string_equal(
        err.text, "conversion error: null value where int32 is required and there is no default value");
    cv_buf_free(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(schemaless_text_survives_a_round, arena_up, arena_down),
        cmocka_unit_test_setup_teardown(integers_are_int64_and_other_numbers_float64, arena_up, arena_down),
        cmocka_unit_test_setup_teardown(bad_text_is_refused_and_leaves_the_output_alone, arena_up,
                                        arena_down),
        cmocka_unit_test_setup_teardown(integer_beyond_64_bits_is_named, arena_up, arena_down),
        cmocka_unit_test_setup_teardown(large_map_keeps_the_last_of_equal_keys, arena_up, arena_down),
        cmocka_unit_test_setup_teardown(struct_is_written_in_field_order_with_nulls, arena_up, arena_down),
        cmocka_unit_test(keys_that_are_no_strings_make_pairs),
        cmocka_unit_test(value_of_another_type_than_its_schema_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
