/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "tests/helper/cmocka_all.h"

#include "common/histogram.h"
#include "common/thread.h"

static struct cv_histogram h;

static int
reset(void **state)
{
    (void)state;
    cv_histogram_reset(&h);
    return 0;
}

static void
an_empty_histogram_is_all_zero(void **state)
{
    (void)state;
    assert_int_equal(cv_histogram_count(&h), 0);
    assert_int_equal(cv_histogram_sum(&h), 0);
    assert_int_equal(cv_histogram_max(&h), 0);
    assert_int_equal(cv_histogram_quantile(&h, 0.99), 0);
    assert_int_equal(cv_histogram_below(&h, UINT64_MAX), 0);
}

static void
small_values_are_exact(void **state)
{
    (void)state;
    for (uint64_t v = 0; v < 32; v++)
        cv_histogram_record(&h, v);
    for (uint64_t v = 0; v < 32; v++) {
        assert_int_equal(cv_histogram_below(&h, v), v + 1);
        assert_int_equal(cv_histogram_quantile(&h, (double)(v + 1) / 32), v);
    }
    assert_int_equal(cv_histogram_count(&h), 32);
    assert_int_equal(cv_histogram_sum(&h), 31 * 32 / 2);
    assert_int_equal(cv_histogram_max(&h), 31);
}

/* One value alone, everywhere on the scale: the quantile is at most 1/16 above it, below() counts it at its
   own value and not at one sixteenth below. */
static void
every_value_is_off_by_at_most_a_sixteenth(void **state)
{
    (void)state;
    for (int shift = 0; shift < 63; shift++) {
        for (uint64_t off = 0; off < 3; off++) {
            uint64_t v = ((uint64_t)1 << shift) + off * ((uint64_t)1 << shift) / 3;
            uint64_t q;

            cv_histogram_reset(&h);
            cv_histogram_record(&h, v);
            cv_histogram_record(&h, UINT64_MAX);
            q = cv_histogram_quantile(&h, 0.5);
            assert_true(q >= v && q - v <= v / 16);
            assert_int_equal(cv_histogram_below(&h, v), 1);
            assert_int_equal(cv_histogram_below(&h, v - v / 16 - 1), 0);
        }
    }
}

static void
the_greatest_values_share_the_last_step(void **state)
{
    (void)state;
    cv_histogram_record(&h, UINT64_MAX);
    cv_histogram_record(&h, (uint64_t)1 << 63);
    assert_true(cv_histogram_quantile(&h, 1) == UINT64_MAX);
    assert_int_equal(cv_histogram_below(&h, UINT64_MAX), 2);
    assert_int_equal(cv_histogram_below(&h, ((uint64_t)1 << 62) - 1), 0);
}

static void
quantiles_split_the_counts(void **state)
{
    (void)state;
    for (uint64_t v = 1; v <= 10000; v++)
        cv_histogram_record(&h, v);
    assert_in_range(cv_histogram_quantile(&h, 0.5), 5000, 5000 + 5000 / 16);
    assert_in_range(cv_histogram_quantile(&h, 0.99), 9900, 10000);
    assert_int_equal(cv_histogram_quantile(&h, 1), 10000);
    assert_int_equal(cv_histogram_quantile(&h, 0), 1);
    assert_int_equal(cv_histogram_quantile(&h, -1), 1);
    assert_int_equal(cv_histogram_quantile(&h, 7), 10000);
    assert_int_equal(cv_histogram_below(&h, 10000), 10000);
    assert_int_equal(cv_histogram_sum(&h), 10000 * 10001 / 2);
}

static void
record_1_to_5000(void *arg)
{
    for (uint64_t v = 1; v <= 5000; v++)
        cv_histogram_record(arg, v);
}

static void
threads_lose_no_counts(void **state)
{
    struct cv_err err = CV_ERR_INIT;
    struct cv_thread *threads[3];

    (void)state;
    for (size_t i = 0; i < CV_COUNT(threads); i++)
        assert_int_equal(cv_thread_start("record", record_1_to_5000, &h, &threads[i], &err), CV_OK);
    for (int i = 0; i < 20; i++)
        assert_true(cv_histogram_quantile(&h, 0.5) <= 5000);
    for (size_t i = 0; i < CV_COUNT(threads); i++)
        assert_true(cv_thread_join(threads[i], -1));
    assert_int_equal(cv_histogram_count(&h), 15000);
    assert_int_equal(cv_histogram_below(&h, 5000), 15000);
    assert_int_equal(cv_histogram_max(&h), 5000);
    assert_int_equal(cv_histogram_sum(&h), 3 * 5000 * 5001 / 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_empty_histogram_is_all_zero, reset),
        cmocka_unit_test_setup(small_values_are_exact, reset),
        cmocka_unit_test_setup(every_value_is_off_by_at_most_a_sixteenth, reset),
        cmocka_unit_test_setup(the_greatest_values_share_the_last_step, reset),
        cmocka_unit_test_setup(quantiles_split_the_counts, reset),
        cmocka_unit_test_setup(threads_lose_no_counts, reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
