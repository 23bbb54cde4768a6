/* SPDX-License-Identifier: Apache-2.0 */
/* Values against what Debezium 3.3.1 wrote for them (recorded cases zoo-scalars, zoo-temporal, zoo-string-iso). */
#include <config.h>

#include "tests/helper/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/arena.h"
#include "connectors/postgres/encode.h"
#include "connectors/postgres/encode_time.h"

struct row {
    enum encode_kind kind;
    int32_t scale;
    const char *text;
    const char *json; /* NULL: cannot be converted */
    enum encode_kind element;
};

static const struct row rows[] = {
    { ENCODE_BOOL, 0, "t", "true" },
    { ENCODE_BOOL, 0, "f", "false" },
    { ENCODE_INT32, 0, "-2147483648", "-2147483648" },
    { ENCODE_INT64, 0, "9223372036854775807", "9223372036854775807" },
    { ENCODE_FLOAT32, 0, "3.4028235e+38", "3.4028235E38" },
    { ENCODE_FLOAT32, 0, "1e-45", "1.4E-45" },
    { ENCODE_FLOAT64, 0, "5e-324", "4.9E-324" },
    { ENCODE_FLOAT64, 0, "10000000", "1.0E7" },
    { ENCODE_FLOAT64, 0, "9999999", "9999999.0" },
    { ENCODE_FLOAT64, 0, "0.00099", "9.9E-4" },
    { ENCODE_FLOAT64, 0, "-0", "-0.0" },
    { ENCODE_FLOAT64, 0, "NaN", "\"NaN\"" },
    { ENCODE_FLOAT64, 0, "-Infinity", "\"-Infinity\"" },
    { ENCODE_DECIMAL, 2, "123.45", "\"MDk=\"" },
    { ENCODE_DECIMAL, 2, "0.00", "\"AA==\"" },
    { ENCODE_DECIMAL, 2, "-1.28", "\"gA==\"" },
    { ENCODE_DECIMAL, 2, "1.28", "\"AIA=\"" },
    { ENCODE_DECIMAL, 2, "NaN", NULL },
    { ENCODE_DECIMAL, 0, "123456789012345678901234567890", "\"AY7pD/bDc+DuTj8K0g==\"" },
    { ENCODE_DECIMAL_VARIABLE, 0, "1.50", "{\"scale\":1,\"value\":\"Dw==\"}" },
    { ENCODE_DECIMAL_VARIABLE, 0, "0", "{\"scale\":0,\"value\":\"AA==\"}" },
    { ENCODE_DECIMAL_STRING, 2, "123.40", "\"123.40\"" },
    { ENCODE_DECIMAL_STRING, 2, "NaN", "\"NAN\"" },
    { ENCODE_DECIMAL_STRING, 2, "-Infinity", "\"NEGATIVE_INFINITY\"" },
    { ENCODE_MONEY_STRING, 2, "-$1,234.50", "\"-1234.50\"" },
    { ENCODE_MONEY, 2, "-$1,234.50", "\"/h3G\"" },
    { ENCODE_MONEY, 4, "$1.50", "\"Opg=\"" },
    { ENCODE_MONEY, 1, "$1.25", "\"DQ==\"" }, /* 13 */
    { ENCODE_MONEY, 1, "-$1.25", "\"8w==\"" },
    { ENCODE_MONEY, 1, "$1.24", "\"DA==\"" },
    { ENCODE_MONEY, 0, "$99.50", "\"ZA==\"" }, /* 100 */
    { ENCODE_MONEY, 0, "-$0.49", "\"AA==\"" },
    { ENCODE_MONEY, 1, "$92,233,720,368,547,758.07", "\"DMzMzMzMzM0=\"" },
    { ENCODE_TEXT, 0, "a\"b\\c\n\x01\xc3\xbc/", "\"a\\\"b\\\\c\\n\\u0001\xc3\xbc/\"" },
    { ENCODE_BYTES, 0, "\\x0102fe", "\"AQL+\"" },
    { ENCODE_BYTES_HEX, 0, "\\x0102FE", "\"0102fe\"" },
    { ENCODE_BYTES_BASE64_URL, 0, "\\xfbfffe", "\"-__-\"" },
    { ENCODE_BYTES, 0, "\\x012", NULL },
    { ENCODE_BIT, 0, "1", "true" },
    { ENCODE_BITS, 0, "10000001", "\"gQ==\"" },
    { ENCODE_BITS, 0, "00000000", "\"\"" },
    { ENCODE_BITS, 0, "00000000000010001", "\"EQ==\"" },
    { ENCODE_DATE_DAYS, 0, "2024-02-29", "19782" },
    { ENCODE_DATE_DAYS, 0, "1969-12-31", "-1" },
    { ENCODE_DATE_DAYS, 0, "infinity", "-2147472692" },
    { ENCODE_DATE_DAYS, 0, "2024-02", NULL },
    { ENCODE_DATE_ISO, 0, "2024-02-29", "\"2024-02-29Z\"" },
    { ENCODE_TIME_MS, 0, "12:34:56.789", "45296789" },
    { ENCODE_TIME_US, 0, "24:00:00", "86400000000" },
    { ENCODE_TIME_ISO, 0, "12:34:56.5", "\"12:34:56.5Z\"" },
    { ENCODE_TIMETZ, 0, "12:34:56+02", "\"10:34:56Z\"" },
    { ENCODE_TIMETZ, 0, "00:30:00.25+01", "\"23:30:00.25Z\"" },
    { ENCODE_TIMESTAMP_US, 0, "2024-02-29 12:34:56.789", "1709210096789000" },
    { ENCODE_TIMESTAMP_MS, 0, "1969-12-31 23:59:59.999", "-1" },
    { ENCODE_TIMESTAMP_US, 0, "0001-01-01 00:00:00", "-62135596800000000" },
    { ENCODE_TIMESTAMP_US, 0, "infinity", "9223372036825200000" },
    { ENCODE_TIMESTAMP_NS, 0, "-infinity", "22375808000" },
    { ENCODE_TIMESTAMPTZ, 6, "2026-01-01 00:00:00+00", "\"2026-01-01T00:00:00.000000Z\"" },
    { ENCODE_TIMESTAMPTZ, 6, "2026-01-01 00:00:00.5+00", "\"2026-01-01T00:00:00.500000Z\"" },
    { ENCODE_TIMESTAMPTZ, 0, "2026-01-01 00:00:00+00", "\"2026-01-01T00:00:00Z\"" },
    { ENCODE_TIMESTAMPTZ, 3, "2024-02-29 12:34:56.789-05:30", "\"2024-02-29T18:04:56.789Z\"" },
    { ENCODE_TIMESTAMPTZ, 6, "0001-06-15 00:00:00+00 BC", "\"0000-06-15T00:00:00.000000Z\"" },
    { ENCODE_TIMESTAMPTZ, 0, "21016-01-01 00:00:00+00", "\"+21016-01-01T00:00:00Z\"" },
    { ENCODE_TIMESTAMPTZ, 6, "infinity", "\"infinity\"" },
    { ENCODE_INTERVAL_US, 0, "1 year 2 mons 3 days 04:05:06.78", "37091106780000" },
    { ENCODE_INTERVAL_US, 0, "00:00:00", "0" },
    { ENCODE_INTERVAL_ISO, 0, "1 year 2 mons 3 days 04:05:06.78", "\"P1Y2M3DT4H5M6.78S\"" },
    { ENCODE_INTERVAL_ISO, 0, "00:00:00", "\"P0Y0M0DT0H0M0S\"" },
    { ENCODE_INTERVAL_ISO, 0, "-1 years -2 mons +3 days -04:05:06.78", "\"P-1Y-2M3DT-4H-5M-6.78S\"" },
    { ENCODE_INTERVAL_US, 0, "178000000 years", "9223372036854775807" },
    { ENCODE_INTERVAL_US, 0, "-178000000 years", "-9223372036854775808" },
    { ENCODE_TIME_ISO, 0, "24:00:00", "\"00:00:00Z\"" },
    { ENCODE_TIMETZ, 0, "01:02:03+15:59:59", "\"09:02:04Z\"" },
    { ENCODE_TIMESTAMP_MS, 0, "294276-12-31 23:59:59.999", "9224318015999999" },
    { ENCODE_TIMESTAMP_US, 0, "294276-12-31 23:59:59.999999", "-9223372036853775810" },
    { ENCODE_TIMESTAMP_NS, 0, "294276-12-31 23:59:59.999999", "945979145224191000" },
    { ENCODE_TIMESTAMP_NS, 0, "infinity", "-29575808000" },
    { ENCODE_TIMESTAMP_ISO, 6, "infinity", "\"+294247-01-10T04:00:25.2Z\"" },
    { ENCODE_DECIMAL, 2, "1234567890123456.78", "\"AbabS6Yw804=\"" },
    { ENCODE_DECIMAL, 2, "-12345678.90", "\"tmn9Lg==\"" },
    { ENCODE_DECIMAL, 4, "123456789.1234", "\"AR9x+wki\"" },
    { ENCODE_DECIMAL, 8, "0.00000001", "\"AQ==\"" },
    { ENCODE_DECIMAL, 8, "-99999999.99999999", "\"3HkNkD8AAQ==\"" },
    { ENCODE_DECIMAL, 0, "-32768", "\"gAA=\"" },
    { ENCODE_DECIMAL, 2, "1.5", "\"AJY=\"" },
    { ENCODE_DECIMAL, 2, "1x.50", NULL },
    { ENCODE_DECIMAL, 2, "1.5x", NULL },
    { ENCODE_DECIMAL, 2, ".50", "\"Mg==\"" },
    { ENCODE_INT32, 0, "1\"2", NULL },
    { ENCODE_INT64, 0, "-", NULL },
    { ENCODE_INT64, 0, "", NULL },
    { ENCODE_TIMESTAMP_US, 0, "2024-02-29 23:59:60", "1709251200000000" },
    { ENCODE_TIMESTAMP_US, 0, "2024-13-29 12:34:56", NULL },
    { ENCODE_TIMESTAMP_US, 0, "2024-02-29T12:34:56", NULL },
    { ENCODE_TIMESTAMP_US, 0, "2024-02-29 12:34:56.", NULL },
    { ENCODE_TIMESTAMP_US, 0, "2024-02-29 12:34:56.1234567", "1709210096123456" },
    { ENCODE_DATE_DAYS, 0, "2024-02-29 ", NULL },
    { ENCODE_DATE_DAYS, 0, "2024/02/29", NULL },
    { ENCODE_DECIMAL, 2, "1e100000", NULL },
    { ENCODE_DECIMAL_VARIABLE, 0, "1e100000", NULL },
    { ENCODE_RAW, 0, "(1,\"x y\")", "\"KDEsInggeSIp\"" },
    { ENCODE_RAW_HEX, 0, "0/0", "\"302f30\"" },
    { ENCODE_RAW_BASE64_URL, 0, "~~~", "\"fn5-\"" },
    { ENCODE_POINT, 0, "(1.5,-2)", "{\"x\":1.5,\"y\":-2.0,\"wkb\":\"AQEAAAAAAAAAAAD4PwAAAAAAAADA\",\"srid\":null}" },
    { ENCODE_POINT, 0, "(1.5)", NULL },
    { ENCODE_POINT, 0, "1.5,2", NULL },
    { ENCODE_GEOMETRY, 0, "0101000020730C0000000000000000F03F0000000000000040",
      "{\"wkb\":\"AQEAACBzDAAAAAAAAAAA8D8AAAAAAAAAQA==\",\"srid\":3187}" },
    { ENCODE_GEOMETRY, 0, "010700000000000000", "{\"wkb\":\"AQcAAAAAAAAA\",\"srid\":null}" },
    { ENCODE_GEOMETRY, 0, "0101000020730C00", NULL },
    { ENCODE_GEOMETRY, 0, "01", NULL },
    { ENCODE_GEOMETRY, 0, "xx07000000", NULL },
    { ENCODE_HSTORE_JSON, 0, "\"a\"=>\"1\", \"b\"=>NULL", "\"{\\\"a\\\":\\\"1\\\",\\\"b\\\":null}\"" },
    { ENCODE_HSTORE_JSON, 0, "\"\x01\"=>\"\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\"",
      "\"{\\\"\\\\u0001\\\":\\\"\\\\u0001\\\\u0001\\\\u0001\\\\u0001\\\\u0001\\\\u0001\\\\u0001\\\\u0001"
      "\\\\u0001\\\\u0001\\\\u0001\\\\u0001\\\"}\"" },
    { ENCODE_HSTORE_MAP, 0, "", "{}" },
    { ENCODE_HSTORE_MAP, 0,
      "\"key with \\\"q\\\"\"=>\"va,l=>x\", \"aa\"=>\"bb\", \"zz\"=>\"yy\", \"k1\"=>\"1\", \"B\"=>\"2\"",
      "{\"aa\":\"bb\",\"zz\":\"yy\",\"B\":\"2\",\"k1\":\"1\",\"key with \\\"q\\\"\":\"va,l=>x\"}" },
    { ENCODE_HSTORE_MAP, 0, "\"a\"=>\"1", NULL },
    { ENCODE_HSTORE_MAP, 0, "\"a\"=>\"1\",", NULL },
    { ENCODE_HSTORE_MAP, 0, "\"a\\", NULL },
    { ENCODE_INT16_VECTOR, 0, "4 -5", "[4,-5]" },
    { ENCODE_INT64_VECTOR, 0, "", "[]" },
    { ENCODE_INT64_VECTOR, 0, "1  2", NULL },
    { ENCODE_FLOAT64_VECTOR, 0, "[0,0,1e-05]", "[0.0,0.0,1.0E-5]" },
    { ENCODE_FLOAT32_VECTOR, 0, "[1,2.5,-3]", "[1.0,2.5,-3.0]" },
    { ENCODE_FLOAT32_VECTOR, 0, "1,2", NULL },
    { ENCODE_FLOAT32_VECTOR, 0, "[", NULL },
    { ENCODE_SPARSE_VECTOR, 0, "{1:1.5,3:-2}/5", "{\"dimensions\":5,\"vector\":[[1,1.5],[3,-2.0]]}" },
    { ENCODE_SPARSE_VECTOR, 0, "{1:1.5,3:-2}", NULL },
    { ENCODE_SPARSE_VECTOR, 0, "{1}/5", NULL },
    { ENCODE_SPARSE_VECTOR, 0, "{1:1}/40000", NULL },
    { ENCODE_ARRAY, 0, "{}", "[]", ENCODE_INT32 },
    { ENCODE_ARRAY, 0, "{1,NULL,-3}", "[1,null,-3]", ENCODE_INT32 },
    { ENCODE_ARRAY, 0, "[2:3]={1,2}", "[1,2]", ENCODE_INT32 },
    { ENCODE_ARRAY, 0, "{{1,2},{3,4}}", "[null,null]", ENCODE_INT32 },
    { ENCODE_ARRAY, 0, "{a,\"b c\",NULL,\"NULL\",\"q\\\"\\\\\"}", "[\"a\",\"b c\",null,\"NULL\",\"q\\\"\\\\\"]",
      ENCODE_TEXT },
    { ENCODE_ARRAY, 0, "{{a,\"}\"},{\"\\\"{\",d}}", "[null,null]", ENCODE_TEXT },
    { ENCODE_ARRAY, 2, "{1.50,2.25}", "[\"AJY=\",\"AOE=\"]", ENCODE_DECIMAL },
    { ENCODE_ARRAY, 0, "{1.50,2}", "[{\"scale\":1,\"value\":\"Dw==\"},{\"scale\":0,\"value\":\"Ag==\"}]",
      ENCODE_DECIMAL_VARIABLE },
    { ENCODE_ARRAY, 0, "{\"\\\\x0102\",\"\\\\x\"}", "[\"AQI=\",\"\"]", ENCODE_BYTES },
    { ENCODE_ARRAY, 0, "", NULL, ENCODE_INT32 },
    { ENCODE_ARRAY, 0, "{", NULL, ENCODE_INT32 },
    { ENCODE_ARRAY, 0, "{1", NULL, ENCODE_INT32 },
    { ENCODE_ARRAY, 0, "{1,}", NULL, ENCODE_INT32 },
    { ENCODE_ARRAY, 0, "{,1}", NULL, ENCODE_INT32 },
    { ENCODE_ARRAY, 0, "{1}2}", NULL, ENCODE_INT32 },
    { ENCODE_ARRAY, 0, "{\"a}", NULL, ENCODE_TEXT },
    { ENCODE_ARRAY, 0, "{\"a\"b}", NULL, ENCODE_TEXT },
    { ENCODE_ARRAY, 0, "{{a}", NULL, ENCODE_TEXT },
    { ENCODE_ARRAY, 0, "[2:3", NULL, ENCODE_INT32 },
};

static void
values_print_as_recorded(void **state)
{
    (void)state;
    for (size_t i = 0; i < CV_COUNT(rows); i++) {
        const struct encode enc = { .kind = rows[i].kind, .element = rows[i].element,
                                    .scale = rows[i].scale };
        size_t len = strlen(rows[i].text);
        bool bad = false;
        char *out = malloc(encode_bound(&enc, len) + 1), *end = encode_json(&enc, rows[i].text, len, out, &bad);

        *end = '\0';
        assert_string_equal(out, rows[i].json != NULL ? rows[i].json : "null");
        assert_int_equal(bad, rows[i].json == NULL);
        free(out);
    }
}

/* One element that is no number leaves the others as they are. */
static void
an_element_that_cannot_be_converted_is_null(void **state)
{
    const struct encode enc = { .kind = ENCODE_ARRAY, .element = ENCODE_DECIMAL, .scale = 2 };
    bool bad = false;
    char out[400], *end;

    (void)state;
    end = encode_json(&enc, "{1.50,NaN}", 10, out, &bad);
    *end = '\0';
    assert_string_equal(out, "[\"AJY=\",null]");
    assert_true(bad);
}

static void
an_empty_varbit_is_neither_true_nor_false(void **state)
{
    const struct encode enc = { .kind = ENCODE_BIT };
    bool bad = false;
    char out[64], *end;

    (void)state;
    end = encode_json(&enc, "", 0, out, &bad);
    *end = '\0';
    assert_string_equal(out, "null");
    assert_false(bad);
}

static void
inner_arrays_of_texts_are_their_text(void **state)
{
    const struct encode enc = { .kind = ENCODE_ARRAY, .element = ENCODE_TEXT, .nested_text = true };
    bool bad = false;
    char out[400], *end;

    (void)state;
    end = encode_json(&enc, "{{a,\"b c\"},{d}}", 15, out, &bad);
    *end = '\0';
    assert_string_equal(out, "[\"{a,\\\"b c\\\"}\",\"{d}\"]");
}

/* box has a semicolon, PostGIS has a colon; commas belong to the items then. */
static void
the_delimiter_is_that_of_the_type(void **state)
{
    static const struct {
        char delimiter;
        const char *text, *json;
    } cases[] = {
        { ';', "{(1,1),(0,0);NULL;(2,2),(1,1)}", "[\"(1,1),(0,0)\",null,\"(2,2),(1,1)\"]" },
        { ':', "{a,b:{c:d}}", "[\"a,b\",null]" },
        { ':', "{\"a:b\":c}", "[\"a:b\",\"c\"]" },
        { ':', "{a:}", "null" },
        { 0, "{a:b,c}", "[\"a:b\",\"c\"]" },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        const struct encode enc = { .kind = ENCODE_ARRAY, .element = ENCODE_TEXT, .delimiter = cases[i].delimiter };
        bool bad = false;
        char out[400];

        *encode_json(&enc, cases[i].text, strlen(cases[i].text), out, &bad) = '\0';
        assert_string_equal(out, cases[i].json);
    }
}

/* Values of every length around what fits without taking memory: the printed length is what the kind makes of it. */
static void
long_values_are_whole(void **state)
{
    static const struct {
        enum encode_kind kind;
        const char *head, *each, *tail;
        size_t per_four; /* printed bytes for four of each */
        size_t more;     /* and besides */
    } kinds[] = {
        { ENCODE_BYTES_HEX, "\\x", "61", "", 8, 2 },
        { ENCODE_RAW_HEX, "", "a", "", 8, 2 },
        { ENCODE_DECIMAL_STRING, "", "1", "", 4, 2 },
        { ENCODE_MONEY_STRING, "$", "1", "", 4, 2 },
        { ENCODE_HSTORE_JSON, "\"k\"=>\"", "a", "\"", 4, 14 },
        { ENCODE_HSTORE_MAP, "\"k\"=>\"", "a", "\"", 4, 8 },
        { ENCODE_TEXT, "", "a", "", 4, 2 },
    };

    (void)state;
    for (size_t k = 0; k < CV_COUNT(kinds); k++)
        for (size_t n = 4; n < 1200; n += 4) {
            const struct encode enc = { .kind = kinds[k].kind };
            char text[3000] = "", *out, *end;
            bool bad = false;

            strcat(text, kinds[k].head);
            for (size_t i = 0; i < n; i++)
                strcat(text, kinds[k].each);
            strcat(text, kinds[k].tail);
            out = malloc(encode_bound(&enc, strlen(text)));
            end = encode_json(&enc, text, strlen(text), out, &bad);
            assert_false(bad);
            assert_int_equal(end - out, n / 4 * kinds[k].per_four + kinds[k].more);
            free(out);
        }
}

static void
escaping_runs_of_any_length_and_place(void **state)
{
    char text[70], out[6 * 70 + 9];

    (void)state;
    for (size_t len = 1; len < sizeof(text); len++)
        for (size_t at = 0; at < len; at++) {
            char *end;

            memset(text, 'x', len);
            text[at] = '"';
            end = encode_json_string(text, len, out);
            assert_int_equal(end - out, len + 3);
            assert_int_equal(out[at + 1], '\\');
            assert_int_equal(out[at + 2], '"');
        }
}

/* The text is all x but for one byte; character by character it is the same. */
static void
escapes_like_single_characters(size_t len, size_t at, int byte)
{
    char text[200], fast[6 * 200 + 9], slow[6 * 200 + 9], *p = slow, *end;

    memset(text, 'x', len);
    text[at] = (char)byte;
    end = encode_json_string(text, len, fast);
    *p++ = '"';
    for (size_t i = 0; i < len; i++) {
        char one[16];
        size_t n = (size_t)(encode_json_string(text + i, 1, one) - one) - 2;

        memcpy(p, one + 1, n);
        p += n;
    }
    *p++ = '"';
    assert_int_equal(end - fast, p - slow);
    assert_memory_equal(fast, slow, (size_t)(p - slow));
}

/* Steps of 8, 16 and 32 bytes agree: every byte in short texts, those at the edges in long ones, at every place. */
static void
escaping_is_that_of_single_characters(void **state)
{
    static const int edges[] = { 0, 0x1f, 0x20, '"', '\\', 0x7f, 0x80, 0xef, 0xf0, 0xff };

    (void)state;
    for (size_t len = 1; len <= 36; len++)
        for (size_t at = 0; at < len; at++)
            for (int byte = 0; byte < 256; byte++)
                escapes_like_single_characters(len, at, byte);
    for (size_t len = 60; len <= 135; len++)
        for (size_t at = 0; at < len; at++)
            for (size_t e = 0; e < CV_COUNT(edges); e++)
                escapes_like_single_characters(len, at, edges[e]);
}

static void
numbers_print_as_the_library_does(void **state)
{
    (void)state;
    for (uint64_t v = 1, step = 0; step < 400; step++, v = v * 7 / 4 + step) {
        char fast[24], slow[24];

        *encode_u64(v, fast) = '\0';
        snprintf(slow, sizeof(slow), "%llu", (unsigned long long)v);
        assert_string_equal(fast, slow);
        v = v < UINT64_MAX / 2 ? v : v >> 60;
    }
}

static void
numbers_print_in_decimal(void **state)
{
    char out[24];

    (void)state;
    *encode_u64(0, out) = '\0';
    assert_string_equal(out, "0");
    *encode_u64(UINT64_MAX, out) = '\0';
    assert_string_equal(out, "18446744073709551615");
    *encode_i64(INT64_MIN, out) = '\0';
    assert_string_equal(out, "-9223372036854775808");
}

static void
dates_survive_the_round_trip(void **state)
{
    (void)state;
    for (int64_t days = -1000000; days < 3000000; days += 997) {
        struct time_parts parts;
        char text[32];

        *time_write_date(days, text) = '\0';
        if (text[0] == '-' || text[0] == '+')
            continue;
        assert_true(time_parse_date(text, strlen(text), &parts));
        assert_int_equal(parts.days, days);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_print_as_recorded),
        cmocka_unit_test(an_element_that_cannot_be_converted_is_null),
        cmocka_unit_test(an_empty_varbit_is_neither_true_nor_false),
        cmocka_unit_test(inner_arrays_of_texts_are_their_text),
        cmocka_unit_test(the_delimiter_is_that_of_the_type),
        cmocka_unit_test(long_values_are_whole),
        cmocka_unit_test(escaping_runs_of_any_length_and_place),
        cmocka_unit_test(escaping_is_that_of_single_characters),
        cmocka_unit_test(numbers_print_as_the_library_does),
        cmocka_unit_test(numbers_print_in_decimal),
        cmocka_unit_test(dates_survive_the_round_trip),
    };

    return cmocka_run_group_tests_name("encode", tests, NULL, NULL);
}
