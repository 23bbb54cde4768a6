/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "tests/helper/cmocka_all.h"

#include <math.h>

#include "common/clock.h"
#include "common/window.h"

static const struct cv_window_spec two_of_30_s = { .sample_ms = 30000, .n_samples = 2 };

static int
setup(void **state)
{
    static struct cv_window window;
    struct cv_err err;

    cv_clock_test_stop(0, 1000000);
    *state = &window;
    return cv_window_init(&window, &two_of_30_s, &err) == CV_OK ? 0 : -1;
}

static int
teardown(void **state)
{
    cv_window_done(*state);
    cv_clock_test_run();
    return 0;
}

static bool
near(double a, double b)
{
    return fabs(a - b) < 1e-9;
}

static void
nothing_recorded_is_no_number(void **state)
{
    struct cv_window nothing = { .samples = NULL };

    assert_true(isnan(cv_window_avg(*state)));
    assert_true(isnan(cv_window_min(*state)));
    assert_true(isnan(cv_window_max(*state)));
    assert_true(near(cv_window_rate(*state), 0));
    cv_window_record(&nothing, 1);
    assert_true(isnan(cv_window_max(&nothing)));
    assert_true(near(cv_window_rate(&nothing), 0));
    cv_window_done(&nothing);
}

static void
average_and_extremes_are_of_all_samples(void **state)
{
    cv_window_record(*state, 4);
    cv_window_record(*state, -2);
    cv_clock_test_advance(31000);
    cv_window_record(*state, 10);
    assert_true(near(cv_window_avg(*state), 4));
    assert_true(near(cv_window_min(*state), -2));
    assert_true(near(cv_window_max(*state), 10));
    cv_clock_test_advance(29000); /* the first sample is 60 s old */
    assert_true(near(cv_window_avg(*state), 10));
    assert_true(near(cv_window_min(*state), 10));
    cv_clock_test_advance(31000);
    assert_true(isnan(cv_window_max(*state)));
    cv_window_record(*state, 1); /* behind a gap: nothing old comes back */
    assert_true(near(cv_window_max(*state), 1));
}

static void
rate_counts_a_window_as_full_at_first(void **state)
{
    cv_window_record(*state, 300);
    assert_true(near(cv_window_rate(*state), 10)); /* in 30 s */
    assert_true(near(cv_window_count_rate(*state), 1.0 / 30));
    cv_clock_test_advance(10000);
    assert_true(near(cv_window_rate(*state), 300.0 / 40));
    cv_clock_test_advance(30000);
    cv_window_record(*state, 300);
    assert_true(near(cv_window_rate(*state), 600.0 / 40));
    assert_true(near(cv_window_count_rate(*state), 2.0 / 40));
    cv_clock_test_advance(19999);
    assert_true(near(cv_window_rate(*state), 600.0 / 59.999));
    cv_clock_test_advance(1); /* the first 300 are forgotten */
    assert_true(near(cv_window_rate(*state), 300.0 / 50));
    cv_clock_test_advance(60000);
    assert_true(near(cv_window_rate(*state), 0));
}

static void
one_sample_is_a_window_too(void **state)
{
    static const struct cv_window_spec one = { .sample_ms = 1000, .n_samples = 1 };
    struct cv_window window;
    struct cv_err err;

    (void)state;
    assert_int_equal(CV_OK, cv_window_init(&window, &one, &err));
    cv_window_record(&window, 5);
    assert_true(near(cv_window_rate(&window), 5));
    cv_clock_test_advance(1000);
    assert_true(isnan(cv_window_avg(&window)));
    cv_window_record(&window, 7);
    assert_true(near(cv_window_avg(&window), 7));
    cv_window_done(&window);
}

static void
tally_keeps_totals_beside_the_window(void **state)
{
    struct cv_tally tally = { .count = 0 };
    struct cv_err err;

    (void)state;
    assert_int_equal(CV_OK, cv_tally_init(&tally, &two_of_30_s, &err));
    assert_int_equal(0, atomic_load(&tally.last_ms));
    cv_tally_count(&tally, 10);
    cv_clock_test_advance(100000);
    cv_tally_count(&tally, 20);
    assert_int_equal(2, atomic_load(&tally.count));
    assert_int_equal(30, atomic_load(&tally.sum));
    assert_int_equal(cv_mono_ms(), atomic_load(&tally.last_ms));
    assert_true(near(cv_window_avg(&tally.window), 20));
    cv_tally_done(&tally);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_recorded_is_no_number, setup, teardown),
        cmocka_unit_test_setup_teardown(average_and_extremes_are_of_all_samples, setup, teardown),
        cmocka_unit_test_setup_teardown(rate_counts_a_window_as_full_at_first, setup, teardown),
        cmocka_unit_test_setup_teardown(one_sample_is_a_window_too, setup, teardown),
        cmocka_unit_test_setup_teardown(tally_keeps_totals_beside_the_window, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
