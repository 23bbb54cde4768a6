/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "tests/helper/cmocka_all.h"

#include <stdio.h>
#include <time.h>

#include "common/clock.h"

static void
wall_time_is_that_of_the_system(void **state)
{
    int64_t before = (int64_t)time(NULL) * 1000 - 1000;

    (void)state;
    assert_in_range(cv_now_ms() - before, 0, 10000);
    assert_in_range(cv_now_us() / 1000 - before, 0, 10000);
    assert_in_range(cv_now_ns() / 1000000 - before, 0, 10000);
}

static void
monotonic_time_never_goes_back(void **state)
{
    cv_time_us last = cv_mono_us();

    (void)state;
    for (int i = 0; i < 10000; i++) {
        cv_time_us now = cv_mono_us();

        assert_true(now >= last);
        last = now;
    }
    assert_in_range(cv_mono_ms() - last / 1000, 0, 1000);
}

static void
a_stopped_clock_moves_only_when_told(void **state)
{
    (void)state;
    cv_clock_test_stop(1700000000000, 5000);
    assert_true(cv_now_ms() == 1700000000000);
    assert_true(cv_now_us() == 1700000000000000);
    assert_true(cv_now_ns() == 1700000000000000000);
    assert_int_equal(cv_mono_ms(), 5000);
    assert_int_equal(cv_mono_us(), 5000000);
    cv_clock_test_advance(250);
    assert_true(cv_now_ms() == 1700000000250);
    assert_int_equal(cv_mono_ms(), 5250);
    cv_clock_test_run();
    assert_true(cv_now_ms() > 1700000000250);
}

static void
iso_text_has_milliseconds_and_z(void **state)
{
    static const struct {
        int64_t ms;
        const char *expected;
    } rows[] = {
        { 1729827181123, "2024-10-25T03:33:01.123Z" },
        { 0, "1970-01-01T00:00:00.000Z" },
        { -1, "1969-12-31T23:59:59.999Z" },
        { 951782400000, "2000-02-29T00:00:00.000Z" },
        { 4107542399999, "2100-02-28T23:59:59.999Z" },
        { 4107542400000, "2100-03-01T00:00:00.000Z" },
        { -62135596800000, "0001-01-01T00:00:00.000Z" },
        { 253402300799999, "9999-12-31T23:59:59.999Z" },
        { INT64_MAX, "292278994-08-17T07:12:55.807Z" },
        { INT64_MIN, "-292275055-05-16T16:47:04.192Z" },
    };
    char text[CV_ISO_MAX];

    (void)state;
    for (size_t i = 0; i < CV_COUNT(rows); i++) {
        cv_format_iso_ms(rows[i].ms, text);
        assert_string_equal(text, rows[i].expected);
    }
}

static void
iso_text_agrees_with_libc_over_four_centuries(void **state)
{
    (void)state;
    for (int64_t day = -80000; day < 80000; day += 13) {
        time_t sec = day * 86400 + 3661;
        struct tm tm;
        char expected[64];
        char text[CV_ISO_MAX];

        gmtime_r(&sec, &tm);
        (void)snprintf(expected, sizeof(expected), "%04d-%02d-%02dT01:01:01.007Z", tm.tm_year + 1900,
                       tm.tm_mon + 1, tm.tm_mday);
        cv_format_iso_ms((int64_t)sec * 1000 + 7, text);
        assert_string_equal(text, expected);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wall_time_is_that_of_the_system),
        cmocka_unit_test(monotonic_time_never_goes_back),
        cmocka_unit_test(a_stopped_clock_moves_only_when_told),
        cmocka_unit_test(iso_text_has_milliseconds_and_z),
        cmocka_unit_test(iso_text_agrees_with_libc_over_four_centuries),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
