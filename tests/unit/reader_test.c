/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "tests/helper/cmocka_all.h"

#include "common/reader.h"

static void
integers_are_read_big_endian(void **state)
{
    static const unsigned char bytes[] = { 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08,
                                           0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f };
    struct cv_reader in = cv_reader_of(bytes, sizeof(bytes));
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(cv_read_u8(&in), 1);
    assert_int_equal(cv_read_u16(&in), 0x0203);
    assert_int_equal(cv_read_u32(&in), 0x04050607);
    assert_int_equal(cv_reader_left(&in), 8);
    assert_true(cv_read_u64(&in) == UINT64_C(0x08090a0b0c0d0e0f));
    assert_int_equal(cv_reader_left(&in), 0);
    assert_int_equal(cv_reader_finish(&in, "Test", &err), CV_OK);
}

static void
signed_integers_keep_their_sign(void **state)
{
    static const unsigned char bytes[] = { 0xff, 0xfe, 0xff, 0xff, 0xff, 0xfd, 0x80,
                                           0,    0,    0,    0,    0,    0,    0 };
    struct cv_reader in = cv_reader_of(bytes, sizeof(bytes));

    (void)state;
    assert_int_equal(cv_read_i16(&in), -2);
    assert_int_equal(cv_read_i32(&in), -3);
    assert_true(cv_read_i64(&in) == INT64_MIN);
}

static void
strings_and_bytes_are_borrowed(void **state)
{
    static const char bytes[] = "one\0\0xyz";
    struct cv_reader in = cv_reader_of(bytes, sizeof(bytes) - 1);
    struct cv_err err = CV_ERR_INIT;
    const char *str;

    (void)state;
    str = cv_read_cstr(&in);
    assert_ptr_equal(str, bytes);
    assert_string_equal(str, "one");
    assert_string_equal(cv_read_cstr(&in), "");
    assert_ptr_equal(cv_read_bytes(&in, 3), bytes + 5);
    assert_non_null(cv_read_bytes(&in, 0));
    assert_int_equal(cv_reader_finish(&in, "Test", &err), CV_OK);
}

static void
each_integer_one_byte_short_is_zero_and_remembered(void **state)
{
    static const unsigned char bytes[7] = { 1, 1, 1, 1, 1, 1, 1 };
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    for (int width = 0; width < 4; width++) {
        struct cv_reader in = cv_reader_of(bytes, ((size_t)1 << width) - 1);
        uint64_t v = width == 0   ? cv_read_u8(&in)
                     : width == 1 ? cv_read_u16(&in)
                     : width == 2 ? cv_read_u32(&in)
                                  : cv_read_u64(&in);

        assert_true(v == 0);
        assert_true(in.failed);
        assert_int_equal(cv_reader_left(&in), 0);
        assert_int_equal(cv_reader_finish(&in, "Begin", &err), CV_INVALID);
    }
    assert_string_equal(err.text, "malformed Begin: its 7 bytes end too early, at position 0");
}

static void
after_a_failure_nothing_is_read(void **state)
{
    static const char bytes[] = "abcd";
    struct cv_reader in = cv_reader_of(bytes, 4);
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(cv_read_u16(&in), 0x6162);
    assert_null(cv_read_bytes(&in, 3));
    assert_int_equal(cv_read_u8(&in), 0);
    assert_null(cv_read_bytes(&in, 0));
    assert_string_equal(cv_read_cstr(&in), "");
    assert_int_equal(cv_reader_check(&in, "Test", &err), CV_INVALID);
    assert_string_equal(err.text, "malformed Test: its 4 bytes end too early, at position 2");
}

static void
a_length_that_would_wrap_around_is_rejected(void **state)
{
    static const char bytes[] = "abcd";
    struct cv_reader in = cv_reader_of(bytes, 4);

    (void)state;
    (void)cv_read_u16(&in);
    assert_null(cv_read_bytes(&in, SIZE_MAX));
    assert_true(in.failed);
}

static void
a_string_without_end_is_rejected(void **state)
{
    struct cv_reader in = cv_reader_of("abc", 3);
    struct cv_reader empty = cv_reader_of(NULL, 0);
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_string_equal(cv_read_cstr(&in), "");
    assert_int_equal(cv_reader_finish(&in, "Relation", &err), CV_INVALID);
    assert_string_equal(cv_read_cstr(&empty), "");
    assert_int_equal(cv_reader_check(&empty, "Relation", &err), CV_INVALID);
}

static void
trailing_bytes_fail_finish_but_not_check(void **state)
{
    struct cv_reader in = cv_reader_of("abc", 3);
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    (void)cv_read_u8(&in);
    assert_int_equal(cv_reader_check(&in, "Commit", &err), CV_OK);
    assert_int_equal(err.rc, CV_OK);
    assert_int_equal(cv_reader_finish(&in, "Commit", &err), CV_INVALID);
    assert_string_equal(err.text, "malformed Commit: 2 unexpected bytes at its end, position 1");
}

static void
no_bytes_at_all_are_a_complete_empty_message(void **state)
{
    struct cv_reader in = cv_reader_of(NULL, 0);
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_non_null(cv_read_bytes(&in, 0));
    assert_int_equal(cv_reader_finish(&in, "Test", &err), CV_OK);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_read_big_endian),
        cmocka_unit_test(signed_integers_keep_their_sign),
        cmocka_unit_test(strings_and_bytes_are_borrowed),
        cmocka_unit_test(each_integer_one_byte_short_is_zero_and_remembered),
        cmocka_unit_test(after_a_failure_nothing_is_read),
        cmocka_unit_test(a_length_that_would_wrap_around_is_rejected),
        cmocka_unit_test(a_string_without_end_is_rejected),
        cmocka_unit_test(trailing_bytes_fail_finish_but_not_check),
        cmocka_unit_test(no_bytes_at_all_are_a_complete_empty_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
