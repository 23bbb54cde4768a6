/* SPDX-License-Identifier: Apache-2.0 */
/* worker/status.c: names as Kafka Connect stores them, and which states may follow which. */
#include <config.h>

#include "worker/status.h"

#include "tests/helper/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

static const enum status_state all[] = { STATUS_UNASSIGNED, STATUS_RUNNING,   STATUS_PAUSED, STATUS_FAILED,
                                         STATUS_RESTARTING, STATUS_DESTROYED, STATUS_STOPPED };

static void
names_are_those_of_connect(void **state)
{
    static const char *const names[] = { "UNASSIGNED", "RUNNING",   "PAUSED", "FAILED",
                                         "RESTARTING", "DESTROYED", "STOPPED" };
    enum status_state parsed;

    (void)state;
    for (size_t i = 0; i < CV_COUNT(all); i++) {
        assert_string_equal(status_name(all[i]), names[i]);
        assert_true(status_parse(names[i], &parsed));
        assert_int_equal(parsed, all[i]);
    }
}

static void
an_unknown_name_leaves_the_state_alone(void **state)
{
    static const char *const unknown[] = { "", "running", "RUNNING ", "STARTED", "UNASSIGNED,RUNNING" };
    enum status_state parsed = STATUS_PAUSED;
    enum target_state target = TARGET_PAUSED;

    (void)state;
    for (size_t i = 0; i < CV_COUNT(unknown); i++)
        assert_false(status_parse(unknown[i], &parsed));
    assert_int_equal(parsed, STATUS_PAUSED);
    assert_false(target_parse("RUNNING", &target));
    assert_false(target_parse("stopped", &target));
    assert_int_equal(target, TARGET_PAUSED);
}

static void
target_names_are_those_of_connect(void **state)
{
    static const char *const names[] = { "STARTED", "PAUSED", "STOPPED" };
    enum target_state target;

    (void)state;
    for (int i = TARGET_STARTED; i <= TARGET_STOPPED; i++) {
        assert_string_equal(target_name((enum target_state)i), names[i]);
        assert_true(target_parse(names[i], &target));
        assert_int_equal(target, i);
    }
}

/* A row a state: what may come next, by the initials of the list above (U R P F T D S). */
static void
only_the_moves_of_the_table_are_legal(void **state)
{
    static const char *const rows[] = { "URPFTDS", "URPFTDS", "URPFTDS", "URPFTDS", "URPFTDS", "URPFDS", "URPFTDS" };
    static const char initials[] = "URPFTDS";

    (void)state;
    for (size_t from = 0; from < CV_COUNT(all); from++)
        for (size_t to = 0; to < CV_COUNT(all); to++)
            assert_int_equal(status_move_is_legal(all[from], all[to]),
                             from == to || strchr(rows[from], initials[to]) != NULL);
    assert_false(status_move_is_legal(STATUS_DESTROYED, STATUS_RESTARTING));
}

static void
done_empties_a_status(void **state)
{
    struct status status = { .state = STATUS_FAILED,
                             .trace = strdup("why"),
                             .worker_id = strdup("host:1"),
                             .version = strdup("1"),
                             .generation = 3 };

    (void)state;
    status_done(&status);
    assert_null(status.trace);
    assert_null(status.worker_id);
    assert_null(status.version);
    assert_int_equal(status.generation, 0);
    status_done(&status);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_those_of_connect),
        cmocka_unit_test(an_unknown_name_leaves_the_state_alone),
        cmocka_unit_test(target_names_are_those_of_connect),
        cmocka_unit_test(only_the_moves_of_the_table_are_legal),
        cmocka_unit_test(done_empties_a_status),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
