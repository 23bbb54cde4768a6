/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "tests/helper/cmocka_all.h"

#include <errno.h>

#include <culvert/err.h>

static void
a_failure_has_class_and_text(void **state)
{
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(cv_fail(&err, CV_CONFLICT, "connector \"%s\" exists already", "pg"), CV_CONFLICT);
    assert_int_equal(err.rc, CV_CONFLICT);
    assert_string_equal(err.text, "connector \"pg\" exists already");
    assert_string_equal(err.sqlstate, "");
}

static void
a_new_failure_forgets_the_old_sqlstate(void **state)
{
    struct cv_err err = { .rc = CV_RETRY, .sqlstate = "57P01", .text = "old" };

    (void)state;
    (void)cv_fail(&err, CV_INVALID, "new");
    assert_string_equal(err.sqlstate, "");
}

static void
control_characters_become_spaces(void **state)
{
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    (void)cv_fail(&err, CV_INVALID, "a\nb\tc\033[31md\177e");
    assert_string_equal(err.text, "a b c [31md e");
}

static void
errno_text_follows_the_message(void **state)
{
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(cv_fail_errno(&err, CV_NOT_FOUND, ENOENT, "could not open \"%s\"", "/x"),
                     CV_NOT_FOUND);
    assert_string_equal(err.text, "could not open \"/x\": No such file or directory");
}

static void
no_memory_has_a_fixed_text(void **state)
{
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(cv_fail_memory(&err), CV_NO_MEMORY);
    assert_string_equal(err.text, "out of memory");
}

static void
context_goes_in_front_and_keeps_class_and_sqlstate(void **state)
{
    struct cv_err err = { .rc = CV_RETRY, .sqlstate = "57P01", .text = "terminating connection" };

    (void)state;
    assert_int_equal(cv_err_context(&err, "could not read slot \"%s\"", "s1"), CV_RETRY);
    assert_int_equal(cv_err_context(&err, "task 0"), CV_RETRY);
    assert_string_equal(err.text, "task 0: could not read slot \"s1\": terminating connection");
    assert_string_equal(err.sqlstate, "57P01");
}

static void
a_failure_may_quote_its_own_text(void **state)
{
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    (void)cv_fail(&err, CV_INVALID, "inner");
    (void)cv_fail(&err, CV_RETRY, "outer (%s)", err.text);
    assert_string_equal(err.text, "outer (inner)");
    (void)cv_err_context(&err, "said \"%s\"", err.text);
    assert_string_equal(err.text, "said \"outer (inner)\": outer (inner)");
}

static void
a_long_text_is_cut_between_characters(void **state)
{
    char lots[3000];
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    memset(lots, 'x', sizeof(lots));
    lots[sizeof(lots) - 1] = '\0';
    (void)cv_fail(&err, CV_INVALID, "%s", lots);
    assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
    /* The two bytes of an e acute would lie on both sides of the cut. */
    memcpy(lots + sizeof(err.text) - 2, "\xc3\xa9", 2);
    (void)cv_fail(&err, CV_INVALID, "%s", lots);
    assert_int_equal(strlen(err.text), sizeof(err.text) - 2);
    assert_int_equal(err.text[sizeof(err.text) - 3], 'x');
    /* Context pushes the end of the text out, not itself. */
    (void)cv_err_context(&err, "front");
    assert_memory_equal(err.text, "front: xxx", 10);
    assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
}

static void
every_class_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(cv_rc_name(CV_OK), "OK");
    assert_string_equal(cv_rc_name(CV_RETRY), "RETRY");
    assert_string_equal(cv_rc_name(CV_INVALID), "INVALID");
    assert_string_equal(cv_rc_name(CV_CONFLICT), "CONFLICT");
    assert_string_equal(cv_rc_name(CV_FENCED), "FENCED");
    assert_string_equal(cv_rc_name(CV_NOT_FOUND), "NOT_FOUND");
    assert_string_equal(cv_rc_name(CV_NO_MEMORY), "NO_MEMORY");
    assert_string_equal(cv_rc_name(CV_INTERNAL), "INTERNAL");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_has_class_and_text),
        cmocka_unit_test(a_new_failure_forgets_the_old_sqlstate),
        cmocka_unit_test(control_characters_become_spaces),
        cmocka_unit_test(errno_text_follows_the_message),
        cmocka_unit_test(no_memory_has_a_fixed_text),
        cmocka_unit_test(context_goes_in_front_and_keeps_class_and_sqlstate),
        cmocka_unit_test(a_failure_may_quote_its_own_text),
        cmocka_unit_test(a_long_text_is_cut_between_characters),
        cmocka_unit_test(every_class_has_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
