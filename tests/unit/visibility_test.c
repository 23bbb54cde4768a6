/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "tests/helper/cmocka_all.h"

#include "connectors/postgres/visibility.h"

static struct visibility vis;

static int
up(void **state)
{
    (void)state;
    vis = (struct visibility){ .known = false };
    return 0;
}

static int
down(void **state)
{
    (void)state;
    visibility_done(&vis);
    return 0;
}

/* Of what was streamed before, by an earlier task, nobody knows which of the running ones it was. */
static void
at_first_all_that_run_have_to_end(void **state)
{
    (void)state;
    assert_false(visibility_look(&vis, "100:120:100,110"));
    assert_false(visibility_look(&vis, "110:130:110,125"));
    assert_true(visibility_look(&vis, "125:140:125")); /* newer ones need not */
    assert_true(visibility_look(&vis, "125:150:125,140"));
}

static void
nothing_that_runs_is_nothing_to_wait_for(void **state)
{
    (void)state;
    assert_true(visibility_look(&vis, "120:120:"));
}

static void
what_is_streamed_must_be_seen(void **state)
{
    (void)state;
    assert_true(visibility_look(&vis, "100:100:"));
    visibility_streamed(&vis, 100);
    visibility_streamed(&vis, 103);
    assert_false(visibility_look(&vis, "100:100:")); /* not begun, for it */
    assert_false(visibility_look(&vis, "99:105:99,103"));
    assert_true(visibility_look(&vis, "99:105:99,104"));
    assert_true(visibility_look(&vis, "99:105:99,103")); /* once seen it is forgotten */
}

/* While the old ones are waited for, new ones come. */
static void
what_is_streamed_behind_the_first_look_must_be_seen_too(void **state)
{
    (void)state;
    visibility_streamed(&vis, 90); /* before it: one of those that run */
    assert_false(visibility_look(&vis, "90:100:90"));
    visibility_streamed(&vis, 104);
    assert_false(visibility_look(&vis, "104:110:104"));
    assert_true(visibility_look(&vis, "105:110:105"));
}

static void
forgetting_begins_anew(void **state)
{
    (void)state;
    assert_true(visibility_look(&vis, "100:100:"));
    visibility_streamed(&vis, 101);
    visibility_forget(&vis);
    assert_false(visibility_look(&vis, "101:110:101"));
    assert_true(visibility_look(&vis, "112:115:112"));
}

/* One that is still not visible when there have been more than there is room for is waited for with all others. */
static void
more_than_there_is_room_for_are_not_lost(void **state)
{
    (void)state;
    assert_true(visibility_look(&vis, "100:100:"));
    for (uint32_t i = 0; i <= VISIBILITY_MAX; i++)
        visibility_streamed(&vis, 100 + i);
    assert_false(visibility_look(&vis, "100:2000000:100"));
    assert_false(visibility_look(&vis, "100:2000100:100"));
    assert_true(visibility_look(&vis, "2000050:2000100:2000050"));
}

static void
ids_wrap_around(void **state)
{
    (void)state;
    assert_true(visibility_look(&vis, "4294967290:4294967290:"));
    visibility_streamed(&vis, UINT32_MAX);
    visibility_streamed(&vis, 5); /* of the next epoch */
    assert_false(visibility_look(&vis, "4294967299:4294967301:4294967299"));
    assert_false(visibility_look(&vis, "4294967295:4294967303:4294967295"));
    assert_true(visibility_look(&vis, "4294967302:4294967303:4294967302"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(at_first_all_that_run_have_to_end, up, down),
        cmocka_unit_test_setup_teardown(nothing_that_runs_is_nothing_to_wait_for, up, down),
        cmocka_unit_test_setup_teardown(what_is_streamed_must_be_seen, up, down),
        cmocka_unit_test_setup_teardown(what_is_streamed_behind_the_first_look_must_be_seen_too, up, down),
        cmocka_unit_test_setup_teardown(forgetting_begins_anew, up, down),
        cmocka_unit_test_setup_teardown(more_than_there_is_room_for_are_not_lost, up, down),
        cmocka_unit_test_setup_teardown(ids_wrap_around, up, down),
    };

    return cmocka_run_group_tests_name("visibility", tests, NULL, NULL);
}
