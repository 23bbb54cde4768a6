/* SPDX-License-Identifier: Apache-2.0 */
/* How often a worker may be fenced: streams/member.c. */
#include "tests/helper/cmocka_all.h"

#include "streams/member.h"

static void
third_fence_within_a_minute_is_too_often(void **state)
{
    struct fences fences = { 0 };

    (void)state;
    assert_false(fences_add(&fences, 100000, 0));
    assert_false(fences_add(&fences, 103000, 0));
    assert_true(fences_add(&fences, 106000, 0));
}

static void
outage_between_fences_excuses_them(void **state)
{
    struct fences fences = { 0 };

    (void)state;
    assert_false(fences_add(&fences, 100000, 90000));
    assert_false(fences_add(&fences, 103000, 90000));
    assert_false(fences_add(&fences, 106000, 105000));
    assert_false(fences_add(&fences, 107000, 105000));
    assert_true(fences_add(&fences, 108000, 105000));
}

static void
slow_fences_are_forgotten(void **state)
{
    struct fences fences = { 0 };

    (void)state;
    for (int i = 0; i < 10; i++)
        assert_false(fences_add(&fences, 100000 + i * (FENCES_WITHIN_MS / 2 + 1000), 0));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(third_fence_within_a_minute_is_too_often),
        cmocka_unit_test(outage_between_fences_excuses_them),
        cmocka_unit_test(slow_fences_are_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
