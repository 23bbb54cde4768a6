/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "tests/helper/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/buf.h"
#include "tests/helper/failing_alloc.h"

#define EXPECT(buf, text) expect(&(buf), text, sizeof(text) - 1)

static void
expect(const struct cv_buf *buf, const char *text, size_t len)
{
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(cv_buf_check(buf, &err), CV_OK);
    assert_int_equal(buf->len, len);
    assert_memory_equal(cv_buf_cstr(buf), text, len + 1);
}

static void
an_unused_buffer_is_an_empty_text(void **state)
{
    struct cv_buf buf = CV_BUF_INIT(10);
    char *taken;

    (void)state;
    EXPECT(buf, "");
    cv_buf_add(&buf, NULL, 0);
    EXPECT(buf, "");
    cv_buf_free(&buf);
    taken = cv_buf_take(&buf);
    assert_string_equal(taken, "");
    free(taken);
}

static void
writes_follow_each_other(void **state)
{
    struct cv_buf buf = CV_BUF_INIT(1000);

    (void)state;
    cv_buf_add(&buf, "a\0b", 3);
    cv_buf_char(&buf, '|');
    cv_buf_str(&buf, "text");
    cv_buf_printf(&buf, " %d %s", 42, "");
    cv_buf_u64(&buf, 0);
    cv_buf_u64(&buf, UINT64_MAX);
    cv_buf_i64(&buf, INT64_MIN);
    cv_buf_i64(&buf, 7);
    cv_buf_hex(&buf, "\x00\xfe", 2);
    EXPECT(buf, "a\0b|text 42 0"
                "18446744073709551615-92233720368547758087"
                "00fe");
    cv_buf_free(&buf);
}

static void
integers_are_written_big_endian(void **state)
{
    struct cv_buf buf = CV_BUF_INIT(14);

    (void)state;
    cv_buf_be16(&buf, 0x0102);
    cv_buf_be32(&buf, 0x03040506);
    cv_buf_be64(&buf, UINT64_C(0x0708090a0b0c0d0e));
    EXPECT(buf, "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e");
    cv_buf_free(&buf);
}

static void
growing_keeps_what_is_there(void **state)
{
    struct cv_buf buf = CV_BUF_INIT(100000);
    struct cv_buf printed = CV_BUF_INIT(100000);

    (void)state;
    for (int i = 0; i < 5000; i++) {
        char text[16];

        (void)snprintf(text, sizeof(text), "%d,", i);
        cv_buf_str(&buf, text);
        cv_buf_printf(&printed, "%d,", i);
    }
    assert_int_equal(buf.len, 10 * 2 + 90 * 3 + 900 * 4 + 4000 * 5);
    assert_memory_equal(cv_buf_cstr(&buf), "0,1,2,", 6);
    assert_string_equal(cv_buf_cstr(&buf) + buf.len - 10, "4998,4999,");
    assert_string_equal(cv_buf_cstr(&buf), cv_buf_cstr(&printed));
    cv_buf_free(&buf);
    cv_buf_free(&printed);
}

static void
the_maximum_can_be_filled_to_the_last_byte(void **state)
{
    struct cv_buf buf = CV_BUF_INIT(70);
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    for (int i = 0; i < 70; i++)
        cv_buf_char(&buf, 'x');
    assert_int_equal(cv_buf_check(&buf, &err), CV_OK);
    cv_buf_char(&buf, 'y');
    assert_int_equal(cv_buf_check(&buf, &err), CV_NO_MEMORY);
    assert_string_equal(err.text, "text is longer than its maximum of 70 bytes");
    assert_int_equal(buf.len, 70);
    assert_int_equal(cv_buf_cstr(&buf)[70], '\0');
    cv_buf_free(&buf);
}

static void
after_a_failure_nothing_is_written(void **state)
{
    struct cv_buf buf = CV_BUF_INIT(10);
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    cv_buf_str(&buf, "12345678");
    cv_buf_str(&buf, "901");
    cv_buf_str(&buf, "9");
    cv_buf_char(&buf, '9');
    cv_buf_printf(&buf, "9");
    cv_buf_json(&buf, "", 0);
    assert_null(cv_buf_reserve(&buf, 1));
    assert_null(cv_buf_take(&buf));
    assert_string_equal(cv_buf_cstr(&buf), "12345678");
    cv_buf_truncate(&buf, 2);
    cv_buf_char(&buf, '9');
    assert_string_equal(cv_buf_cstr(&buf), "12");
    assert_int_equal(cv_buf_check(&buf, &err), CV_NO_MEMORY);
    cv_buf_reset(&buf);
    cv_buf_str(&buf, "again");
    EXPECT(buf, "again");
    cv_buf_free(&buf);
}

static void
a_printed_text_beyond_the_maximum_leaves_nothing_behind(void **state)
{
    struct cv_buf buf = CV_BUF_INIT(10);
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    cv_buf_printf(&buf, "%s", "1234");
    cv_buf_printf(&buf, "%s", "5678901");
    assert_string_equal(cv_buf_cstr(&buf), "1234");
    assert_int_equal(cv_buf_check(&buf, &err), CV_NO_MEMORY);
    cv_buf_free(&buf);
}

static void
lengths_that_wrap_around_fail(void **state)
{
    struct cv_buf buf = CV_BUF_INIT(SIZE_MAX - 1);
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    cv_buf_char(&buf, 'x');
    assert_null(cv_buf_reserve(&buf, SIZE_MAX));
    assert_int_equal(cv_buf_check(&buf, &err), CV_NO_MEMORY);
    cv_buf_free(&buf);
}

static void
reserved_room_is_used_as_far_as_told(void **state)
{
    struct cv_buf buf = CV_BUF_INIT(1000);
    char *at;

    (void)state;
    cv_buf_str(&buf, "a");
    at = cv_buf_reserve(&buf, 500);
    memset(at, 'b', 500);
    cv_buf_used(&buf, 2);
    cv_buf_str(&buf, "c");
    EXPECT(buf, "abbc");
    cv_buf_truncate(&buf, 100);
    EXPECT(buf, "abbc");
    cv_buf_truncate(&buf, 1);
    EXPECT(buf, "a");
    cv_buf_free(&buf);
}

static void
take_moves_the_text_out(void **state)
{
    struct cv_buf buf = CV_BUF_INIT(10);
    char *text;

    (void)state;
    cv_buf_str(&buf, "text");
    text = cv_buf_take(&buf);
    assert_string_equal(text, "text");
    EXPECT(buf, "");
    cv_buf_str(&buf, "0123456789");
    EXPECT(buf, "0123456789");
    free(text);
    cv_buf_wipe(&buf);
    assert_null(buf.data);
    assert_int_equal(buf.max, 10);
}

static void
json_escapes_as_jackson_does(void **state)
{
    struct cv_buf buf = CV_BUF_INIT(1000);

    (void)state;
    cv_buf_json(&buf, "", 0);
    cv_buf_json(&buf, NULL, 0);
    cv_buf_json(&buf, "\b\t\n\v\f\r\"\\/\0\x1f\x7f", 12);
    cv_buf_json(&buf, "\xc3\xa9\xff\xe2\x82", 5);
    EXPECT(buf, "\"\"\"\""
                "\"\\b\\t\\n\\u000B\\f\\r\\\"\\\\/\\u0000\\u001F\x7f\""
                "\"\xc3\xa9\xff\xe2\x82\"");
    cv_buf_free(&buf);
}

/* Every byte value at every position of a text around the eight bytes that are looked at together, compared
   with one byte at a time. */
static void
json_finds_every_byte_to_escape_wherever_it_is(void **state)
{
    struct cv_buf buf = CV_BUF_INIT(1000);

    (void)state;
    for (int c = 0; c < 256; c++) {
        for (size_t at = 0; at < 20; at++) {
            char text[20];
            char expected[40];
            size_t n = 0;

            for (size_t i = 0; i < sizeof(text); i++)
                text[i] = (char)(i % 2 ? '!' : 0x80 + i);
            text[at] = (char)c;
            expected[n++] = '"';
            for (size_t i = 0; i < sizeof(text); i++) {
                unsigned char b = (unsigned char)text[i];

                if (b == '"' || b == '\\')
                    n += (size_t)sprintf(expected + n, "\\%c", b);
                else if (b < 0x20 && strchr("\b\t\n\f\r", b) != NULL && b != 0)
                    n += (size_t)sprintf(expected + n, "\\%c", "btn.fr"[b - 8]);
                else if (b < 0x20)
                    n += (size_t)sprintf(expected + n, "\\u%04X", b);
                else
                    expected[n++] = (char)b;
            }
            expected[n++] = '"';
            cv_buf_reset(&buf);
            cv_buf_json(&buf, text, sizeof(text));
            assert_int_equal(buf.len, n);
            assert_memory_equal(buf.data, expected, n);
        }
    }
    cv_buf_free(&buf);
}

static void
json_that_only_fits_before_escaping_fails(void **state)
{
    struct cv_buf buf = CV_BUF_INIT(6);
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    cv_buf_json(&buf, "a\nb", 3);
    EXPECT(buf, "\"a\\nb\"");
    cv_buf_reset(&buf);
    cv_buf_json(&buf, "\n\nb", 3);
    assert_int_equal(cv_buf_check(&buf, &err), CV_NO_MEMORY);
    cv_buf_free(&buf);
}

static void
sql_names_and_literals_are_quoted(void **state)
{
    struct cv_buf buf = CV_BUF_INIT(1000);

    (void)state;
    cv_buf_sql_ident(&buf, "plain");
    cv_buf_sql_ident(&buf, "na\"me\"");
    cv_buf_sql_ident(&buf, "");
    cv_buf_sql_literal(&buf, "it's");
    cv_buf_sql_literal(&buf, "");
    cv_buf_sql_literal(&buf, "a\\'b");
    EXPECT(buf, "\"plain\"\"na\"\"me\"\"\"\"\"'it''s'''E'a\\\\''b'");
    cv_buf_free(&buf);
}

static void
log_values_are_quoted_only_if_they_must_be(void **state)
{
    static const struct {
        const char *text;
        const char *expected;
    } rows[] = {
        { "plain-1.2:3/x", "plain-1.2:3/x" },
        { "caf\xc3\xa9", "caf\xc3\xa9" },
        { "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
        { "", "\"\"" },
        { "two words", "\"two words\"" },
        { "a=b", "\"a=b\"" },
        { "say \"hi\"\\", "\"say \\\"hi\\\"\\\\\"" },
        { "line\r\n\tline", "\"line\\r\\n\\tline\"" },
        { "\033[31m\177", "\"\\x1B[31m\\x7F\"" },
        { "bad\xff\xc3", "\"bad\\xFF\\xC3\"" },
        { "overlong\xc0\xaf", "\"overlong\\xC0\\xAF\"" },
        { "half\xed\xa0\x80", "\"half\\xED\\xA0\\x80\"" },
        { "beyond\xf4\x90\x80\x80", "\"beyond\\xF4\\x90\\x80\\x80\"" },
        { "csi\xc2\x9b", "\"csi\\xC2\\x9B\"" },
        { "sep\xe2\x80\xa8", "\"sep\\xE2\\x80\\xA8\"" },
    };
    struct cv_buf buf = CV_BUF_INIT(1000);

    (void)state;
    for (size_t i = 0; i < CV_COUNT(rows); i++) {
        cv_buf_reset(&buf);
        cv_buf_log(&buf, rows[i].text, strlen(rows[i].text));
        expect(&buf, rows[i].expected, strlen(rows[i].expected));
    }
    cv_buf_free(&buf);
}

static void
url_segments_are_percent_encoded(void **state)
{
    struct cv_buf buf = CV_BUF_INIT(1000);

    (void)state;
    cv_buf_url(&buf, "aZ09-._~/ +%\xc3\xa9");
    EXPECT(buf, "aZ09-._~%2F%20%2B%25%C3%A9");
    cv_buf_free(&buf);
}

static void
without_memory_the_text_stays_and_the_failure_is_named(void **state)
{
    struct cv_buf buf = CV_BUF_INIT(1000);
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    failing_alloc_at(1);
    cv_buf_str(&buf, "never");
    assert_true(failing_alloc_stop());
    assert_string_equal(cv_buf_cstr(&buf), "");
    assert_int_equal(cv_buf_check(&buf, &err), CV_NO_MEMORY);
    assert_string_equal(err.text, "out of memory");
    cv_buf_reset(&buf);
    cv_buf_str(&buf, "first");
    failing_alloc_at(1);
    cv_buf_printf(&buf, "%500d", 1);
    assert_true(failing_alloc_stop());
    assert_string_equal(cv_buf_cstr(&buf), "first");
    assert_int_equal(cv_buf_check(&buf, &err), CV_NO_MEMORY);
    cv_buf_free(&buf);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unused_buffer_is_an_empty_text),
        cmocka_unit_test(writes_follow_each_other),
        cmocka_unit_test(integers_are_written_big_endian),
        cmocka_unit_test(growing_keeps_what_is_there),
        cmocka_unit_test(the_maximum_can_be_filled_to_the_last_byte),
        cmocka_unit_test(after_a_failure_nothing_is_written),
        cmocka_unit_test(a_printed_text_beyond_the_maximum_leaves_nothing_behind),
        cmocka_unit_test(lengths_that_wrap_around_fail),
        cmocka_unit_test(reserved_room_is_used_as_far_as_told),
        cmocka_unit_test(take_moves_the_text_out),
        cmocka_unit_test(json_escapes_as_jackson_does),
        cmocka_unit_test(json_finds_every_byte_to_escape_wherever_it_is),
        cmocka_unit_test(json_that_only_fits_before_escaping_fails),
        cmocka_unit_test(sql_names_and_literals_are_quoted),
        cmocka_unit_test(log_values_are_quoted_only_if_they_must_be),
        cmocka_unit_test(url_segments_are_percent_encoded),
        cmocka_unit_test(without_memory_the_text_stays_and_the_failure_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
