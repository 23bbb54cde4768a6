/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/helper/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/json_read.h"

/* All tokens in short: "{k:a s:b n:1 ...}"; "!problem@pos" for a bad text. */
static void
trace(const void *data, size_t len, struct cv_buf *out)
{
    struct cv_json_reader r;
    enum cv_json_token tok;

    cv_json_reader_init(&r, data, len);
    while ((tok = cv_json_next(&r)) != CV_JSON_DONE && tok != CV_JSON_BAD) {
        static const char marks[] = "??{}[]ksntf0";

        cv_buf_char(out, marks[tok]);
        if (tok == CV_JSON_KEY || tok == CV_JSON_STRING || tok == CV_JSON_NUMBER) {
            cv_buf_char(out, ':');
            cv_json_text(&r, out);
            cv_buf_char(out, ' ');
        }
    }
    if (tok == CV_JSON_BAD) {
        cv_buf_printf(out, "!%s@%zu", r.problem, r.pos);
        assert_int_equal(cv_json_next(&r), CV_JSON_BAD);
    } else {
        assert_int_equal(cv_json_next(&r), CV_JSON_DONE);
        assert_int_equal(r.depth, 0);
    }
}

/* The text goes through exact heap memory, so that the address sanitizer sees a byte too many. */
static void
expect_len(const char *text, size_t len, const char *expected)
{
    char *copy = malloc(len + 1);
    struct cv_buf out = CV_BUF_INIT(1 << 16);

    assert_non_null(copy);
    memcpy(copy + 1, text, len); /* unaligned on purpose */
    trace(copy + 1, len, &out);
    assert_string_equal(cv_buf_cstr(&out), expected);
    cv_buf_free(&out);
    free(copy);
}

#define EXPECT(text, expected) expect_len(text, sizeof(text) - 1, expected)

static void
values_come_as_tokens_in_order(void **state)
{
    (void)state;
    EXPECT("{\"a\":1,\"b\":[true,false,null,\"x\"],\"c\":{}}", "{k:a n:1 k:b [tf0s:x ]k:c {}}");
    EXPECT(" \t\r\n[ ] \n", "[]");
    EXPECT("[ 1 , [ 2 ] , { \"k\" : 3 } ]", "[n:1 [n:2 ]{k:k n:3 }]");
    EXPECT("\"top\"", "s:top ");
    EXPECT("0", "n:0 ");
    EXPECT("null", "0");
    EXPECT("{\"\":\"\"}", "{k: s: }");
    EXPECT("{\"a\":1,\"a\":2}", "{k:a n:1 k:a n:2 }");
}

static void
numbers_follow_the_grammar(void **state)
{
    (void)state;
    EXPECT("[-0,10,-1.5,1e5,1E+5,0.1e-7]", "[n:-0 n:10 n:-1.5 n:1e5 n:1E+5 n:0.1e-7 ]");
    EXPECT("01", "!a number must not begin with zeros@0");
    EXPECT("-01", "!a number must not begin with zeros@1");
    EXPECT("-", "!a digit must follow '-'@1");
    EXPECT("-a", "!a digit must follow '-'@1");
    EXPECT("1.", "!a digit must follow the point of a number@2");
    EXPECT("1.e1", "!a digit must follow the point of a number@2");
    EXPECT("1e", "!a digit must follow the exponent mark of a number@2");
    EXPECT("1e+", "!a digit must follow the exponent mark of a number@3");
    EXPECT(".5", "!a value must come here@0");
    EXPECT("+1", "!a value must come here@0");
    EXPECT("1x", "n:1 !nothing may follow the value@1");
    EXPECT("NaN", "!a value must come here@0");
    EXPECT("0x10", "n:0 !nothing may follow the value@1");
}

static void
escapes_are_decoded(void **state)
{
    (void)state;
    EXPECT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "s:\"\\/\b\f\n\r\t ");
    EXPECT("\"\\u0041\\u00e9\\u20AC\\ud83d\\uDE00!\"", "s:A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80! ");
    EXPECT("{\"\\u006bey\":1}", "{k:key n:1 }");
}

static void
bad_escapes_are_refused(void **state)
{
    (void)state;
    EXPECT("\"\\x41\"", "!invalid escape in a string@1");
    EXPECT("\"\\\0\"", "!invalid escape in a string@1");
    EXPECT("\"\\u12\"", "!invalid escape in a string@1");
    EXPECT("\"\\u12G4\"", "!invalid escape in a string@1");
    EXPECT("\"\\U0041\"", "!invalid escape in a string@1");
    EXPECT("\"\\", "!invalid escape in a string@1");
    EXPECT("\"a\\ud83d\"", "!invalid escape in a string@2");
    EXPECT("\"\\ud83d\\u0041\"", "!invalid escape in a string@1");
    EXPECT("\"\\ud83d\\ud83d\"", "!invalid escape in a string@1");
    EXPECT("\"\\ude00\\ud83d\"", "!invalid escape in a string@1");
    EXPECT("\"\\ud83dx\"", "!invalid escape in a string@1");
}

static void
strings_must_be_utf8_without_control_characters(void **state)
{
    (void)state;
    EXPECT("\"\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf"
           "\xbf\"",
           "s:"
           "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf"
           "\xbf ");
    EXPECT("\"\x80\"", "!invalid UTF-8@1");
    EXPECT("\"a\xc0\x80\"", "!invalid UTF-8@2");
    EXPECT("\"\xc1\xbf\"", "!invalid UTF-8@1");
    EXPECT("\"\xe0\x9f\xbf\"", "!invalid UTF-8@1");
    EXPECT("\"\xed\xa0\x80\"", "!invalid UTF-8@1");
    EXPECT("\"\xf0\x8f\xbf\xbf\"", "!invalid UTF-8@1");
    EXPECT("\"\xf4\x90\x80\x80\"", "!invalid UTF-8@1");
    EXPECT("\"\xf5\x80\x80\x80\"", "!invalid UTF-8@1");
    EXPECT("\"\xe2\x82\"", "!invalid UTF-8@1");
    EXPECT("\"\xe2\x82", "!invalid UTF-8@1");
    EXPECT("\"a\nb\"", "!control character in a string@2");
    EXPECT("\"a\0b\"", "!control character in a string@2");
    EXPECT("\"\x1f\"", "!control character in a string@1");
}

/* Every byte at every place of a word, so that no lane of the wide scan is blind. */
static void
the_wide_scan_stops_at_every_special_byte(void **state)
{
    (void)state;
    for (size_t at = 0; at < 24; at++) {
        for (int byte = 0; byte < 256; byte++) {
            char text[32];
            struct cv_json_reader r;
            enum cv_json_token tok;

            memset(text, '!', sizeof(text)); /* '!' is '"' - 1 */
            text[0] = '"';
            text[26] = '"';
            text[1 + at] = (char)byte;
            cv_json_reader_init(&r, text, 27);
            tok = cv_json_next(&r);
            if (byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\') {
                assert_int_equal(tok, CV_JSON_STRING);
                assert_int_equal(r.text_len, 25);
                continue;
            }
            if (byte == '"') {
                assert_int_equal(tok, CV_JSON_STRING);
                assert_int_equal(r.text_len, at);
                continue;
            }
            assert_int_equal(tok, CV_JSON_BAD);
            assert_int_equal(r.pos, 1 + at);
        }
    }
}

static void
structure_is_strict(void **state)
{
    (void)state;
    EXPECT("", "!the text ends where a value must come@0");
    EXPECT("  ", "!the text ends where a value must come@2");
    EXPECT("{", "{!a key must come here@1");
    EXPECT("[", "[!the text ends where a value must come@1");
    EXPECT("[1", "[n:1 !the text ends inside an object or array@2");
    EXPECT("[1,]", "[n:1 !a value must come here@3");
    EXPECT("[,1]", "[!a value must come here@1");
    EXPECT("[1 2]", "[n:1 !',' or ']' must follow@3");
    EXPECT("[1}", "[n:1 !',' or ']' must follow@2");
    EXPECT("{\"a\":1,}", "{k:a n:1 !a key must come here@7");
    EXPECT("{\"a\":1]", "{k:a n:1 !',' or '}' must follow@6");
    EXPECT("{\"a\" 1}", "{!':' must follow a key@5");
    EXPECT("{\"a\":}", "{k:a !a value must come here@5");
    EXPECT("{\"a\"}", "{!':' must follow a key@4");
    EXPECT("{a:1}", "{!a key must come here@1");
    EXPECT("{1:1}", "{!a key must come here@1");
    EXPECT("[]]", "[]!nothing may follow the value@2");
    EXPECT("1 2", "n:1 !nothing may follow the value@2");
    EXPECT("tru", "!a value must come here@0");
    EXPECT("True", "!a value must come here@0");
    EXPECT("// x\n1", "!a value must come here@0");
    EXPECT("\xef\xbb\xbf"
           "1",
           "!a value must come here@0");
    EXPECT("1\0", "n:1 !nothing may follow the value@1");
    EXPECT("\"abc", "!the text ends inside a string@4");
    EXPECT("\f1", "!a value must come here@0");
}

static void
sixty_four_levels_are_read_and_no_more(void **state)
{
    char text[2 * (CV_JSON_DEPTH + 1)];
    struct cv_json_reader r;

    (void)state;
    memset(text, '[', CV_JSON_DEPTH);
    memset(text + CV_JSON_DEPTH, ']', CV_JSON_DEPTH);
    cv_json_reader_init(&r, text, 2 * (size_t)CV_JSON_DEPTH);
    assert_int_equal(cv_json_skip(&r), CV_JSON_ARRAY);
    assert_int_equal(cv_json_next(&r), CV_JSON_DONE);
    memset(text, '[', CV_JSON_DEPTH + 1);
    cv_json_reader_init(&r, text, sizeof(text));
    assert_int_equal(cv_json_skip(&r), CV_JSON_BAD);
    assert_string_equal(r.problem, "nested deeper than 64 levels");
    assert_int_equal(r.pos, CV_JSON_DEPTH);
}

static void
skip_leaves_the_raw_span(void **state)
{
    static const char text[] =
        "{\"a\" : {\"x\":[1,{}],\"y\":\"}\"} ,\"b\":\"s\\n\",\"c\":-1.5e3 ,\"d\":true,"
        "\"e\":false,\"f\":null,\"g\":[]}";
    static const struct {
        enum cv_json_token tok;
        const char *span;
    } expected[] = {
        { CV_JSON_OBJECT, "{\"x\":[1,{}],\"y\":\"}\"}" },
        { CV_JSON_STRING, "\"s\\n\"" },
        { CV_JSON_NUMBER, "-1.5e3" },
        { CV_JSON_TRUE, "true" },
        { CV_JSON_FALSE, "false" },
        { CV_JSON_NULL, "null" },
        { CV_JSON_ARRAY, "[]" },
    };
    struct cv_json_reader r;

    (void)state;
    cv_json_reader_init(&r, text, sizeof(text) - 1);
    assert_int_equal(cv_json_next(&r), CV_JSON_OBJECT);
    for (size_t i = 0; i < CV_COUNT(expected); i++) {
        assert_int_equal(cv_json_next(&r), CV_JSON_KEY);
        assert_int_equal(cv_json_skip(&r), expected[i].tok);
        assert_int_equal(r.text_len, strlen(expected[i].span));
        assert_memory_equal(r.text, expected[i].span, r.text_len);
    }
    assert_int_equal(cv_json_next(&r), CV_JSON_OBJECT_END);
    assert_int_equal(cv_json_next(&r), CV_JSON_DONE);
}

static void
skip_tells_the_end_of_an_array(void **state)
{
    struct cv_json_reader r;

    (void)state;
    cv_json_reader_init(&r, "[1,[2]]", 7);
    assert_int_equal(cv_json_next(&r), CV_JSON_ARRAY);
    assert_int_equal(cv_json_skip(&r), CV_JSON_NUMBER);
    assert_int_equal(cv_json_skip(&r), CV_JSON_ARRAY);
    assert_int_equal(cv_json_skip(&r), CV_JSON_ARRAY_END);
    cv_json_reader_init(&r, "[[1,}]", 6);
    assert_int_equal(cv_json_next(&r), CV_JSON_ARRAY);
    assert_int_equal(cv_json_skip(&r), CV_JSON_BAD);
}

static void
text_is_compares_decoded_text(void **state)
{
    struct cv_json_reader r;

    (void)state;
    cv_json_reader_init(&r, "[\"key\",\"k\\u0065y\\n\\ud83d\\ude00\"]", 32);
    assert_int_equal(cv_json_next(&r), CV_JSON_ARRAY);
    assert_int_equal(cv_json_next(&r), CV_JSON_STRING);
    assert_true(cv_json_text_is(&r, "key"));
    assert_false(cv_json_text_is(&r, "ke"));
    assert_false(cv_json_text_is(&r, "keys"));
    assert_false(cv_json_text_is(&r, "kex"));
    assert_int_equal(cv_json_next(&r), CV_JSON_STRING);
    assert_true(r.escaped);
    assert_true(cv_json_text_is(&r, "key\n\xf0\x9f\x98\x80"));
    assert_false(cv_json_text_is(&r, "key\n\xf0\x9f\x98"));
    assert_false(cv_json_text_is(&r, "key\n"));
    assert_false(cv_json_text_is(&r, "key\n\xf0\x9f\x98\x80!"));
    assert_false(cv_json_text_is(&r, "k\\u0065y\\n\\ud83d\\ude00"));
}

static void
numbers_become_int64_or_double_if_they_fit(void **state)
{
    static const struct {
        const char *text;
        bool is_int;
        int64_t integer;
        bool is_double;
        double real;
    } cases[] = {
        { "0", true, 0, true, 0 },
        { "-0", true, 0, true, 0 },
        { "9223372036854775807", true, INT64_MAX, true, 9223372036854775808.0 },
        { "-9223372036854775808", true, INT64_MIN, true, -9223372036854775808.0 },
        { "9223372036854775808", false, 0, true, 9223372036854775808.0 },
        { "1.0", false, 0, true, 1 },
        { "1e2", false, 0, true, 100 },
        { "1e400", false, 0, false, 0 },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        struct cv_json_reader r;
        int64_t integer = 77;
        double real = 77;

        cv_json_reader_init(&r, cases[i].text, strlen(cases[i].text));
        assert_int_equal(cv_json_next(&r), CV_JSON_NUMBER);
        assert_int_equal(cv_json_int64(&r, &integer), cases[i].is_int);
        assert_true(integer == (cases[i].is_int ? cases[i].integer : 77));
        assert_int_equal(cv_json_number(&r, &real), cases[i].is_double);
        assert_true(real == (cases[i].is_double ? cases[i].real : 77));
    }
}

static void
a_failure_names_line_and_column(void **state)
{
    static const char text[] = "{\"a\": 1,\n \"\xc3\xa9\": x}";
    struct cv_json_reader r;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    cv_json_reader_init(&r, text, sizeof(text) - 1);
    assert_int_equal(cv_json_skip(&r), CV_JSON_BAD);
    assert_int_equal(cv_json_fail(&r, &err), CV_INVALID);
    assert_string_equal(err.text, "malformed JSON at line 2, column 7: a value must come here");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_as_tokens_in_order),
        cmocka_unit_test(numbers_follow_the_grammar),
        cmocka_unit_test(escapes_are_decoded),
        cmocka_unit_test(bad_escapes_are_refused),
        cmocka_unit_test(strings_must_be_utf8_without_control_characters),
        cmocka_unit_test(the_wide_scan_stops_at_every_special_byte),
        cmocka_unit_test(structure_is_strict),
        cmocka_unit_test(sixty_four_levels_are_read_and_no_more),
        cmocka_unit_test(skip_leaves_the_raw_span),
        cmocka_unit_test(skip_tells_the_end_of_an_array),
        cmocka_unit_test(text_is_compares_decoded_text),
        cmocka_unit_test(numbers_become_int64_or_double_if_they_fit),
        cmocka_unit_test(a_failure_names_line_and_column),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
