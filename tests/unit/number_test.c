/* SPDX-License-Identifier: Apache-2.0 */
/* The vectors in tests/data/number come from Vectors.java beside them. */
#include <config.h>

#include "tests/helper/cmocka_all.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/number.h"

static FILE *
open_vectors(const char *name)
{
    char path[1024];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/number/%s", TEST_DATA, name);
    file = fopen(path, "r");
    assert_non_null(file);
    return file;
}

static double
double_of_bits(uint64_t bits)
{
    double v;

    memcpy(&v, &bits, sizeof(v));
    return v;
}

static void
expect_double(double v, const char *expected)
{
    char out[CV_DOUBLE_MAX];

    assert_int_equal(cv_format_double(v, out), strlen(expected));
    assert_string_equal(out, expected);
}

static void
expect_float(float v, const char *expected)
{
    char out[CV_DOUBLE_MAX];

    assert_int_equal(cv_format_float(v, out), strlen(expected));
    assert_string_equal(out, expected);
}

static void
doubles_print_and_parse_as_recorded(void **state)
{
    FILE *file = open_vectors("double.txt");
    char text[64];
    char minus[64];
    uint64_t bits;
    int count = 0;
    double back;

    (void)state;
    while (fscanf(file, "%16" SCNx64 " %63s", &bits, text) == 2) {
        expect_double(double_of_bits(bits), text);
        (void)snprintf(minus, sizeof(minus), "-%.60s", text);
        expect_double(-double_of_bits(bits), minus);
        assert_true(cv_parse_double(minus, strlen(minus), &back));
        assert_true(back == -double_of_bits(bits));
        count++;
    }
    (void)fclose(file);
    assert_true(count > 3000);
}

static void
floats_print_as_recorded(void **state)
{
    FILE *file = open_vectors("float.txt");
    char text[64];
    uint32_t bits;
    int count = 0;
    float v;

    (void)state;
    while (fscanf(file, "%8" SCNx32 " %63s", &bits, text) == 2) {
        memcpy(&v, &bits, sizeof(v));
        expect_float(v, text);
        count++;
    }
    (void)fclose(file);
    assert_true(count > 2000);
}

static void
special_values_have_names(void **state)
{
    (void)state;
    expect_double(NAN, "NaN");
    expect_double(INFINITY, "Infinity");
    expect_double(-INFINITY, "-Infinity");
    expect_double(0.0, "0.0");
    expect_double(-0.0, "-0.0");
    expect_float(NAN, "NaN");
    expect_float(-INFINITY, "-Infinity");
    expect_float(-0.0F, "-0.0");
}

static void
every_random_double_reads_back(void **state)
{
    uint64_t bits = UINT64_C(0x9e3779b97f4a7c15);

    (void)state;
    for (int i = 0; i < 20000; i++) {
        char out[CV_DOUBLE_MAX];
        size_t len;
        double v;
        double back;

        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        v = double_of_bits(bits);
        if (!isfinite(v))
            continue;
        len = cv_format_double(v, out);
        assert_true(cv_parse_double(out, len, &back));
        assert_true(back == v);
        assert_true(strtod(out, NULL) == v);
    }
}

static void
integers_are_strict(void **state)
{
    static const struct {
        const char *text;
        bool good;
        int64_t v;
    } cases[] = {
        { "0", true, 0 },
        { "-0", true, 0 },
        { "+7", true, 7 },
        { "007", true, 7 },
        { "9223372036854775807", true, INT64_MAX },
        { "-9223372036854775808", true, INT64_MIN },
        { "9223372036854775808", false, 0 },
        { "-9223372036854775809", false, 0 },
        { "99999999999999999999", false, 0 },
        { "", false, 0 },
        { "-", false, 0 },
        { "+", false, 0 },
        { "+-1", false, 0 },
        { "-+1", false, 0 },
        { " 1", false, 0 },
        { "1 ", false, 0 },
        { "1.0", false, 0 },
        { "0x1", false, 0 },
    };
    uint64_t u = 5;

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        int64_t v = 12345;

        assert_int_equal(cv_parse_i64(cases[i].text, strlen(cases[i].text), &v), cases[i].good);
        assert_true(v == (cases[i].good ? cases[i].v : 12345));
    }
    assert_true(cv_parse_u64("18446744073709551615", 20, &u));
    assert_true(u == UINT64_MAX);
    assert_false(cv_parse_u64("18446744073709551616", 20, &u));
    assert_false(cv_parse_u64("-1", 2, &u));
    assert_true(u == UINT64_MAX);
}

static void
doubles_parse_as_java_writes_them(void **state)
{
    static const struct {
        const char *text;
        bool good;
        double v;
    } cases[] = {
        { "1", true, 1 },
        { "-1.5", true, -1.5 },
        { "+.5", true, 0.5 },
        { "5.", true, 5 },
        { "1e3", true, 1000 },
        { "1E+3", true, 1000 },
        { "1.E-3", true, 0.001 },
        { "00012.50", true, 12.5 },
        { "9007199254740993", true, 9007199254740992.0 },
        { "0.1000000000000000055511151231257827021181583404541015625", true, 0.1 },
        { "123456789012345678901234567890123456789012345678901234567890123456789012345", true,
          1.2345678901234568e74 },
        { "1e400", true, INFINITY },
        { "-1e-400", true, -0.0 },
        { "1e99999999999", true, INFINITY },
        { "0e99999999999", true, 0 },
        { "Infinity", true, INFINITY },
        { "-Infinity", true, -INFINITY },
        { "", false, 0 },
        { ".", false, 0 },
        { "-", false, 0 },
        { "e5", false, 0 },
        { "1e", false, 0 },
        { "1e+", false, 0 },
        { "1.2.3", false, 0 },
        { "inf", false, 0 },
        { "nan", false, 0 },
        { "0x1p3", false, 0 },
        { "1,5", false, 0 },
        { " 1", false, 0 },
        { "1 ", false, 0 },
    };
    double v;

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        v = 12345;
        assert_int_equal(cv_parse_double(cases[i].text, strlen(cases[i].text), &v), cases[i].good);
        assert_true(v == (cases[i].good ? cases[i].v : 12345));
    }
    assert_true(cv_parse_double("NaN", 3, &v));
    assert_true(isnan(v));
    assert_true(cv_parse_double("1e3x", 3, &v)); /* no byte behind the length is looked at */
    assert_true(v == 1000);
}

static size_t
from_hex(const char *hex, unsigned char *out)
{
    size_t len = strlen(hex) / 2;

    for (size_t i = 0; i < len; i++) {
        unsigned byte = 0;

        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        out[i] = (unsigned char)byte;
    }
    return len;
}

static void
expect_unscaled(const char *text, int32_t scale, const unsigned char *bytes, size_t len)
{
    struct cv_buf buf = CV_BUF_INIT(1000);
    struct cv_err err = CV_ERR_INIT;

    cv_buf_char(&buf, '#');
    assert_int_equal(cv_decimal_unscaled(text, strlen(text), scale, &buf, &err), CV_OK);
    assert_int_equal(buf.len, len + 1);
    assert_memory_equal(buf.data + 1, bytes, len);
    cv_buf_free(&buf);
}

static void
expect_decimal(const unsigned char *bytes, size_t len, int32_t scale, bool plain,
               const char *expected)
{
    struct cv_buf buf = CV_BUF_INIT(1000);
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(cv_decimal_format(bytes, len, scale, plain, &buf, &err), CV_OK);
    assert_string_equal(cv_buf_cstr(&buf), expected);
    cv_buf_free(&buf);
}

static void
decimals_convert_both_ways_as_recorded(void **state)
{
    FILE *file = open_vectors("decimal.txt");
    char hex[256];
    char plain[256];
    char text[256];
    unsigned char bytes[128];
    int scale;
    int count = 0;

    (void)state;
    while (fscanf(file, "%d %255s %255s %255s", &scale, hex, plain, text) == 4) {
        size_t len = from_hex(hex, bytes);
        struct cv_err err = CV_ERR_INIT;
        int32_t written = -1;

        expect_unscaled(plain, scale, bytes, len);
        expect_unscaled(text, scale, bytes, len);
        expect_decimal(bytes, len, scale, true, plain);
        expect_decimal(bytes, len, scale, false, text);
        assert_int_equal(cv_decimal_scale(text, strlen(text), &written, &err), CV_OK);
        assert_int_equal(written, scale);
        count++;
    }
    (void)fclose(file);
    assert_true(count > 800);
}

static void
a_decimal_takes_any_spelling_of_its_value(void **state)
{
    static const struct {
        const char *text;
        int32_t scale;
        const char *hex;
    } cases[] = {
        { "1", 2, "64" },
        { "1.2", 2, "78" },
        { "+1.20", 2, "78" },
        { "1.2000", 2, "78" },
        { "-1.28", 2, "80" },
        { "-1.29", 2, "ff7f" },
        { "0012.8", 1, "0080" },
        { "120", -1, "0c" },
        { "1.2e2", -1, "0c" },
        { "1.2E+2", 0, "78" },
        { "12e-1", 1, "0c" },
        { "-0.00", 2, "00" },
        { "0e1000000", 2, "00" },
        { ".5", 1, "05" },
        { "5.", 1, "32" },
        { "0.00000000000000000000000000000000000000000012", 44, "0c" },
        { "999999999999999999", 0, "0de0b6b3a763ffff" },
        { "9223372036854775807", 0, "7fffffffffffffff" },
        { "-9223372036854775808", 0, "8000000000000000" },
        { "9223372036854775808", 0, "008000000000000000" },
        { "922337203685477580.8", 1, "008000000000000000" },
        { "184467440737095516.16", 2, "010000000000000000" },
    };
    unsigned char bytes[32];

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++)
        expect_unscaled(cases[i].text, cases[i].scale, bytes, from_hex(cases[i].hex, bytes));
}

static void
a_decimal_that_would_lose_digits_is_refused(void **state)
{
    static const struct {
        const char *text;
        int32_t scale;
        const char *problem;
    } cases[] = {
        { "1.234", 2, "decimal \"1.234\": has more decimals than its scale" },
        { "15", -1, "decimal \"15\": has more decimals than its scale" },
        { "1e-3", 2, "decimal \"1e-3\": has more decimals than its scale" },
        { "NaN", 2, "decimal \"NaN\": not a number" },
        { "Infinity", 2, "decimal \"Infinity\": not a number" },
        { "", 2, "decimal \"\": not a number" },
        { "-", 2, "decimal \"-\": not a number" },
        { ".", 2, "decimal \".\": not a number" },
        { "1 ", 2, "decimal \"1 \": not a number" },
        { "1.2.3", 2, "decimal \"1.2.3\": not a number" },
        { "--1", 2, "decimal \"--1\": not a number" },
        { "1e", 2, "decimal \"1e\": not a number" },
        { "1e5x", 2, "decimal \"1e5x\": not a number" },
        { "1e150000", 0, "decimal \"1e150000\": has too many digits" },
        { "1e999999999999", 0, "decimal \"1e999999999999\": has too many digits" },
        { "1e-999999999999", 0, "decimal \"1e-999999999999\": has more decimals than its scale" },
        { "1234567890123456789012345678901234567890x", 0,
          "decimal \"1234567890123456789012345678901234567890...\": not a number" },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        struct cv_buf buf = CV_BUF_INIT(100);
        struct cv_err err = CV_ERR_INIT;

        cv_buf_char(&buf, '#');
        assert_int_equal(
            cv_decimal_unscaled(cases[i].text, strlen(cases[i].text), cases[i].scale, &buf, &err),
            CV_INVALID);
        assert_string_equal(err.text, cases[i].problem);
        assert_string_equal(cv_buf_cstr(&buf), "#");
        cv_buf_free(&buf);
    }
}

static void
bad_bytes_and_scales_are_refused(void **state)
{
    static const unsigned char many[70000] = { 1 };
    struct cv_buf buf = CV_BUF_INIT(1000000);
    struct cv_err err = CV_ERR_INIT;
    int32_t scale = 77;

    (void)state;
    assert_int_equal(cv_decimal_format("", 0, 0, true, &buf, &err), CV_INVALID);
    assert_string_equal(err.text, "decimal of no bytes");
    assert_int_equal(cv_decimal_format(many, sizeof(many), 0, true, &buf, &err), CV_INVALID);
    assert_string_equal(err.text, "decimal of 70000 bytes: more than 150000 digits");
    assert_int_equal(cv_decimal_format("\x01", 1, INT32_MIN, true, &buf, &err), CV_INVALID);
    assert_int_equal(cv_decimal_format("\x01", 1, 150001, true, &buf, &err), CV_INVALID);
    assert_string_equal(err.text, "decimal of scale 150001: more than 150000 digits");
    assert_int_equal(buf.len, 0);
    assert_int_equal(cv_decimal_format("\x01", 1, INT32_MIN, false, &buf, &err), CV_OK);
    assert_string_equal(cv_buf_cstr(&buf), "1E+2147483648");
    assert_int_equal(cv_decimal_scale("1e-2000000000", 13, &scale, &err), CV_OK);
    assert_int_equal(scale, 1000000000);
    assert_int_equal(cv_decimal_scale("x", 1, &scale, &err), CV_INVALID);
    assert_int_equal(scale, 1000000000);
    cv_buf_free(&buf);
}

static void
the_longest_numeric_of_postgresql_survives(void **state)
{
    size_t len = 131072 + 1 + 16383;
    char *text = malloc(len + 1);
    struct cv_buf bytes = CV_BUF_INIT(100000);
    struct cv_buf back = CV_BUF_INIT(200000);
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < len; i++)
        text[i] = (char)('1' + i * 7 % 9);
    text[131072] = '.';
    text[len] = '\0';
    assert_int_equal(cv_decimal_unscaled(text, len, 16383, &bytes, &err), CV_OK);
    assert_int_equal(cv_decimal_format(bytes.data, bytes.len, 16383, true, &back, &err), CV_OK);
    assert_string_equal(cv_buf_cstr(&back), text);
    cv_buf_free(&bytes);
    cv_buf_free(&back);
    free(text);
}

static void
base64_is_padded_and_decodes_back(void **state)
{
    static const char *const cases[][2] = {
        { "", "" },
        { "f", "Zg==" },
        { "fo", "Zm8=" },
        { "foo", "Zm9v" },
        { "foob", "Zm9vYg==" },
        { "fooba", "Zm9vYmE=" },
        { "foobar", "Zm9vYmFy" },
        { "\xfb\xff\xbe", "+/++" },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        struct cv_buf buf = CV_BUF_INIT(100);
        struct cv_err err = CV_ERR_INIT;
        char into[16];
        size_t len = strlen(cases[i][1]);

        cv_base64(&buf, cases[i][0], strlen(cases[i][0]));
        assert_string_equal(cv_buf_cstr(&buf), cases[i][1]);
        assert_int_equal(cv_base64_into(into, cases[i][0], strlen(cases[i][0])), len);
        assert_int_equal(len, CV_BASE64_LEN(strlen(cases[i][0])));
        assert_memory_equal(into, cases[i][1], len);
        cv_buf_reset(&buf);
        assert_int_equal(cv_base64_decode(cases[i][1], len, &buf, &err), CV_OK);
        assert_string_equal(cv_buf_cstr(&buf), cases[i][0]);
        cv_buf_free(&buf);
    }
}

static void
base64_url_uses_minus_and_underscore(void **state)
{
    struct cv_buf buf = CV_BUF_INIT(100);

    (void)state;
    cv_base64_url(&buf, "\xfb\xff\xbe\xfb", 4);
    assert_string_equal(cv_buf_cstr(&buf), "-_---w==");
    cv_buf_free(&buf);
}

static void
bad_base64_is_refused_and_leaves_the_buffer(void **state)
{
    static const char *const cases[][2] = {
        { "Zg=", "base64 text of 3 characters: not a multiple of four" },
        { "Zg==Zg==", "base64 text: bad character at position 2" },
        { "Z===", "base64 text: bad character at position 1" },
        { "====", "base64 text: bad character at position 0" },
        { "Zm9v\nZg=", "base64 text: bad character at position 4" },
        { "Zm-v", "base64 text: bad character at position 2" },
        { "Zm9\xc3", "base64 text: bad character at position 3" },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        struct cv_buf buf = CV_BUF_INIT(100);
        struct cv_err err = CV_ERR_INIT;

        cv_buf_str(&buf, "keep");
        assert_int_equal(cv_base64_decode(cases[i][0], strlen(cases[i][0]), &buf, &err),
                         CV_INVALID);
        assert_string_equal(err.text, cases[i][1]);
        assert_string_equal(cv_buf_cstr(&buf), "keep");
        cv_buf_free(&buf);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doubles_print_and_parse_as_recorded),
        cmocka_unit_test(floats_print_as_recorded),
        cmocka_unit_test(special_values_have_names),
        cmocka_unit_test(every_random_double_reads_back),
        cmocka_unit_test(integers_are_strict),
        cmocka_unit_test(doubles_parse_as_java_writes_them),
        cmocka_unit_test(decimals_convert_both_ways_as_recorded),
        cmocka_unit_test(a_decimal_takes_any_spelling_of_its_value),
        cmocka_unit_test(a_decimal_that_would_lose_digits_is_refused),
        cmocka_unit_test(bad_bytes_and_scales_are_refused),
        cmocka_unit_test(the_longest_numeric_of_postgresql_survives),
        cmocka_unit_test(base64_is_padded_and_decodes_back),
        cmocka_unit_test(base64_url_uses_minus_and_underscore),
        cmocka_unit_test(bad_base64_is_refused_and_leaves_the_buffer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
