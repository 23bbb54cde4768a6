/* SPDX-License-Identifier: Apache-2.0 */
/* data/java_pattern.c: the texts were printed by java.util.regex of Java 17. */
#include "data/java_pattern.h"

#include "tests/helper/cmocka_all.h"

static void
faults_read_as_in_java(void **state)
{
    static const struct {
        const char *pattern, *text;
    } cases[] = {
        { "(", "Unclosed group near index 1\n(" },
        { "((a)", "Unclosed group near index 4\n((a)" },
        { "[", "Unclosed character class near index 0\n[\n^" },
        { "a[b", "Unclosed character class near index 2\na[b\n  ^" },
        { "\u65e5[", "Unclosed character class near index 1\n\u65e5[\n ^" },
        { "\U0001f600*+*", "Dangling meta character '*' near index 4\n\U0001f600*+*\n    ^" },
        { "a|*", "Dangling meta character '*' near index 2\na|*\n  ^" },
        { "?", "Dangling meta character '?' near index 0\n?\n^" },
        { "a)", "Unmatched closing ')' near index 0\na)\n^" },
        { "[b-a]", "Illegal character range near index 3\n[b-a]\n   ^" },
        { "\\q", "Illegal/unsupported escape sequence near index 1\n\\q\n ^" },
        { "(?z)", "Unknown inline modifier near index 2\n(?z)\n  ^" },
    };
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        assert_int_equal(java_pattern_check(NULL, cases[i].pattern, &err), CV_INVALID);
        assert_int_equal(strncmp(err.text, "Invalid regex: ", 15), 0);
        assert_string_equal(err.text + 15, cases[i].text);
    }
}

static void
good_patterns_pass(void **state)
{
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(java_pattern_check(NULL, "([^.]+)\\.([^.]+)\\.([^.]+)", &err), CV_OK);
    assert_int_equal(java_pattern_check(NULL, "", &err), CV_OK);
    assert_int_equal(err.rc, CV_OK);
}

static void
long_pattern_still_has_a_clear_line(void **state)
{
    struct cv_err err = CV_ERR_INIT;
    char pattern[5000];

    (void)state;
    memset(pattern, '(', sizeof(pattern) - 1);
    pattern[sizeof(pattern) - 1] = '\0';
    assert_int_equal(java_pattern_check(NULL, pattern, &err), CV_INVALID);
    assert_int_equal(strncmp(err.text, "Invalid regex: ", 15), 0);
    assert_true(strlen(err.text) < sizeof(err.text));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faults_read_as_in_java),
        cmocka_unit_test(good_patterns_pass),
        cmocka_unit_test(long_pattern_still_has_a_clear_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
