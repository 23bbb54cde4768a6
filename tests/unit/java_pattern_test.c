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
        /* from here on faults that PCRE2 has other words for, or takes for something else */
        { "{", "Illegal repetition near index 1\n{" },
        { "{a}", "Illegal repetition near index 1\n{a}\n ^" },
        { "a{", "Illegal repetition near index 2\na{" },
        { "a{,3}", "Illegal repetition near index 2\na{,3}\n  ^" },
        { "a{1", "Unclosed counted closure near index 3\na{1" },
        { "a{1,", "Unclosed counted closure near index 4\na{1," },
        { "a{1,x}", "Unclosed counted closure near index 4\na{1,x}\n    ^" },
        { "a{2,1}", "Illegal repetition range near index 5\na{2,1}\n     ^" },
        { "x{99999999999}", "Illegal repetition range near index 11\nx{99999999999}\n           ^" },
        { "(?", "Unknown inline modifier near index 2\n(?" },
        { "(?i", "Unknown inline modifier near index 3\n(?i" },
        { "(?P<a>x)", "Unknown inline modifier near index 2\n(?P<a>x)\n  ^" },
        { "(?'n'a)", "Unknown inline modifier near index 2\n(?'n'a)\n  ^" },
        { "(?#c", "Unknown inline modifier near index 2\n(?#c\n  ^" },
        { "(?<", "capturing group name does not start with a Latin letter near index 3\n(?<" },
        { "(?<1>a)", "capturing group name does not start with a Latin letter near index 3\n(?<1>a)\n   ^" },
        { "(?<a", "named capturing group is missing trailing '>' near index 4\n(?<a" },
        { "(?<a)", "named capturing group is missing trailing '>' near index 4\n(?<a)\n    ^" },
        { "(?<a_b>x)", "named capturing group is missing trailing '>' near index 4\n(?<a_b>x)\n    ^" },
        { "\\", "Unexpected internal error near index 1\n\\" },
        { "a\\", "Unexpected internal error near index 2\na\\" },
        { "\\k<x>", "named capturing group <x> does not exist near index 4\n\\k<x>\n    ^" },
        { "\\kx", "\\k is not followed by '<' for named capturing group near index 2\n\\kx\n  ^" },
        { "\\k", "\\k is not followed by '<' for named capturing group near index 2\n\\k" },
        { "\\x", "Illegal hexadecimal escape sequence near index 2\n\\x" },
        { "\\xg", "Illegal hexadecimal escape sequence near index 2\n\\xg\n  ^" },
        { "\\x{", "Illegal hexadecimal escape sequence near index 2\n\\x{\n  ^" },
        { "\\x{110000}", "Hexadecimal codepoint is too big near index 8\n\\x{110000}\n        ^" },
        { "\\u12", "Illegal Unicode escape sequence near index 4\n\\u12" },
        { "\\u", "Illegal Unicode escape sequence near index 2\n\\u" },
        { "\\c", "Illegal control escape sequence near index 1\n\\c\n ^" },
        { "\\0", "Illegal octal escape sequence near index 2\n\\0" },
        { "\\08", "Illegal octal escape sequence near index 2\n\\08\n  ^" },
        { "\\N", "Illegal character name escape sequence near index 2\n\\N" },
        { "\\q", "Illegal/unsupported escape sequence near index 1\n\\q\n ^" },
        { "(?<a>x)(?<a>y)", "Named capturing group <a> is already defined near index 11\n"
                            "(?<a>x)(?<a>y)\n           ^" },
        { "(?y)", "Unknown inline modifier near index 2\n(?y)\n  ^" },
        { "\\y", "Illegal/unsupported escape sequence near index 1\n\\y\n ^" },
        { "\\i", "Illegal/unsupported escape sequence near index 1\n\\i\n ^" },
        { "\\g1", "Illegal/unsupported escape sequence near index 1\n\\g1\n ^" },
        { "\\K", "Illegal/unsupported escape sequence near index 1\n\\K\n ^" },
        { "\\C", "Illegal/unsupported escape sequence near index 1\n\\C\n ^" },
        { "(a{", "Illegal repetition near index 3\n(a{" },
        { "({a})", "Illegal repetition near index 2\n({a})\n  ^" },
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
    static const char *const good[] = { "(?<a>x)\\k<a>", "(?ix:a)", "(?-i)a", "(?<!a)b", "(?>a)", "(?=a)", "\\Qa{",
                                        "[a{]", "[\\x41]", "\\x41", "\\07", "\\e\\a\\f\\cA" };
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(java_pattern_check(NULL, "([^.]+)\\.([^.]+)\\.([^.]+)", &err), CV_OK);
    assert_int_equal(java_pattern_check(NULL, "", &err), CV_OK);
    for (size_t i = 0; i < CV_COUNT(good); i++)
        assert_int_equal(java_pattern_check(NULL, good[i], &err), CV_OK);
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
