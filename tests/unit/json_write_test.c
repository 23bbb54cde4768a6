/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/helper/cmocka_all.h"

#include <math.h>

#include "common/json_write.h"

static void
expect(struct cv_buf *buf, const char *expected)
{
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(cv_buf_check(buf, &err), CV_OK);
    assert_string_equal(cv_buf_cstr(buf), expected);
    cv_buf_free(buf);
}

static void
commas_stand_between_elements_only(void **state)
{
    struct cv_buf buf = CV_BUF_INIT(1024);
    struct cv_json_writer w = cv_json_writer_of(&buf);

    (void)state;
    cv_json_object(&w);
    cv_json_key(&w, "empty");
    cv_json_object(&w);
    cv_json_object_end(&w);
    cv_json_key(&w, "list");
    cv_json_array(&w);
    cv_json_array(&w);
    cv_json_array_end(&w);
    cv_json_int(&w, -1);
    cv_json_object(&w);
    cv_json_key_len(&w, "abc", 1);
    cv_json_bool(&w, true);
    cv_json_key(&w, "b");
    cv_json_bool(&w, false);
    cv_json_object_end(&w);
    cv_json_null(&w);
    cv_json_array_end(&w);
    cv_json_key(&w, "raw");
    cv_json_raw(&w, "{\"x\":1}", 7);
    cv_json_key(&w, "last");
    cv_json_int(&w, INT64_MIN);
    cv_json_object_end(&w);
    expect(&buf, "{\"empty\":{},\"list\":[[],-1,{\"a\":true,\"b\":false},null],\"raw\":{\"x\":1},"
                 "\"last\":-9223372036854775808}");
}

static void
strings_are_escaped_as_jackson_does(void **state)
{
    struct cv_buf buf = CV_BUF_INIT(1024);
    struct cv_json_writer w = cv_json_writer_of(&buf);

    (void)state;
    cv_json_array(&w);
    cv_json_string(&w, "a/b\"\\\b\t\n\f\r\x01\x1f\x7f\xc3\xa9");
    cv_json_string_len(&w, "nul\0in", 6);
    cv_json_string(&w, NULL);
    cv_json_string(&w, "");
    /* beyond U+FFFF two escapes; what is no UTF-8 as it is; also behind eight bytes at a time */
    cv_json_string(&w, "long \xf0\x9f\x98\x80 enough\xef\xbf\xbf\xf4\x8f\xbf\xbf");
    cv_json_string(&w, "\xf0\x9f\x98");
    cv_json_array_end(&w);
    expect(&buf,
           "[\"a/b\\\"\\\\\\b\\t\\n\\f\\r\\u0001\\u001F\x7f\xc3\xa9\",\"nul\\u0000in\",null,\"\","
           "\"long \\uD83D\\uDE00 enough\xef\xbf\xbf\\uDBFF\\uDFFF\",\"\xf0\x9f\x98\"]");
}

static void
numbers_print_as_java_prints_them(void **state)
{
    struct cv_buf buf = CV_BUF_INIT(1024);
    struct cv_json_writer w = cv_json_writer_of(&buf);

    (void)state;
    cv_json_array(&w);
    cv_json_double(&w, 1.0);
    cv_json_double(&w, 1e10);
    cv_json_double(&w, NAN);
    cv_json_double(&w, -INFINITY);
    cv_json_float(&w, 0.1F);
    cv_json_float(&w, INFINITY);
    cv_json_array_end(&w);
    expect(&buf, "[1.0,1.0E10,\"NaN\",\"-Infinity\",0.1,\"Infinity\"]");
}

static void
bytes_are_quoted_base64(void **state)
{
    struct cv_buf buf = CV_BUF_INIT(1024);
    struct cv_json_writer w = cv_json_writer_of(&buf);

    (void)state;
    cv_json_array(&w);
    cv_json_base64(&w, "\x00\xff\x10\x80", 4);
    cv_json_base64(&w, "", 0);
    cv_json_array_end(&w);
    expect(&buf, "[\"AP8QgA==\",\"\"]");
}

static void
a_full_buffer_is_noticed_at_the_end(void **state)
{
    struct cv_buf buf = CV_BUF_INIT(8);
    struct cv_json_writer w = cv_json_writer_of(&buf);
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    cv_json_array(&w);
    cv_json_string(&w, "longer than eight");
    cv_json_array_end(&w);
    assert_int_equal(cv_buf_check(&buf, &err), CV_NO_MEMORY);
    cv_buf_free(&buf);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_stand_between_elements_only),
        cmocka_unit_test(strings_are_escaped_as_jackson_does),
        cmocka_unit_test(numbers_print_as_java_prints_them),
        cmocka_unit_test(bytes_are_quoted_base64),
        cmocka_unit_test(a_full_buffer_is_noticed_at_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
