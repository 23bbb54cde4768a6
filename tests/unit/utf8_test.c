/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/helper/cmocka_all.h"

#include "common/utf8.h"

static void
every_code_point_is_read_as_it_was_written(void **state)
{
    (void)state;
    for (uint32_t code = 0; code <= 0x10ffff; code++) {
        char text[4];
        size_t len;

        if (code >= 0xd800 && code <= 0xdfff)
            continue;
        len = cv_utf8_encode(code, text);
        assert_int_equal(code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4, len);
        assert_int_equal(len, cv_utf8_sequence(text, len));
        assert_int_equal(0, cv_utf8_sequence(text, len - 1));
    }
}

static void
what_rfc_3629_forbids_is_no_sequence(void **state)
{
    static const char *const bad[] = {
        "\x80",             /* a continuation alone */
        "\xc0\x80",         /* overlong */
        "\xc1\xbf",         "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf",
        "\xed\xa0\x80", /* a surrogate */
        "\xed\xbf\xbf",
        "\xf4\x90\x80\x80", /* above U+10FFFF */
        "\xf5\x80\x80\x80", "\xff",         "\xc3(",
        "\xe2\x82(",        "\xf0\x9f\x98(",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(0, cv_utf8_sequence(bad[i], strlen(bad[i])));
}

static void
the_first_bad_byte_is_found(void **state)
{
    (void)state;
    assert_int_equal(0, cv_utf8_check("", 0));
    assert_int_equal(8, cv_utf8_check("a\xc3\xa4\xe2\x82\xac!!", 8));
    assert_int_equal(3, cv_utf8_check("a\xc3\xa4\xe2\x82", 5));
    assert_int_equal(20, cv_utf8_check("twenty ascii letters\xff and more", 30));
}

static void
four_hexadecimal_digits_make_a_number(void **state)
{
    (void)state;
    assert_int_equal(0, cv_utf8_hex4("0000"));
    assert_int_equal(0xabcd, cv_utf8_hex4("aBcD"));
    assert_int_equal(0xffff, cv_utf8_hex4("FFFF"));
    assert_int_equal(-1, cv_utf8_hex4("00g0"));
    assert_int_equal(-1, cv_utf8_hex4("+123"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point_is_read_as_it_was_written),
        cmocka_unit_test(what_rfc_3629_forbids_is_no_sequence),
        cmocka_unit_test(the_first_bad_byte_is_found),
        cmocka_unit_test(four_hexadecimal_digits_make_a_number),
    };

    return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
