/* SPDX-License-Identifier: Apache-2.0 */
/* What matches and what replacements give was compared with java.util.regex of Java 17. */
#include "tests/helper/cmocka_all.h"

#include "common/regex.h"

static struct cv_regex *
regex_of(const char *pattern, bool ignore_case)
{
    struct cv_regex *re = NULL;
    struct cv_err err = CV_ERR_INIT;

    if (cv_regex_new(pattern, ignore_case, &re, &err) != CV_OK)
        fail_msg("%s", err.text);
    return re;
}

static void
the_whole_text_must_match(void **state)
{
    static const struct {
        const char *pattern;
        const char *text;
        bool matches;
    } cases[] = {
        { "", "", true },
        { "a", "a", true },
        { "a", "ab", false },
        { "a", "ba", false },
        { "a|ab", "ab", true },
        { "a*?", "aaa", true },
        { "a$", "a\n", false },
        { "public\\.(orders|customers)", "public.orders", true },
        { "public\\.(orders|customers)", "public.ordersx", false },
        { "A", "a", false },
        { ".", "\xc3\xa9", true },
        { ".", "\n", false },
        { ".", "\r", false },
        { "[^a]", "\xe2\x82\xac", true },
        { "\\u00e9\\uD83D\\uDE00", "\xc3\xa9\xf0\x9f\x98\x80", true },
        { "[\\u0041-\\u0043]+", "ABC", true },
        { "\\Q[a&&\\u0041(*\\E+", "[a&&\\u0041(***", true },
        { "\\p{Alpha}+\\p{Digit}[\\p{Upper}_]\\P{Punct}", "abc1_x", true },
        { "\\p{Alpha}+", "\xc3\xa9", false },
        { "\\p{L}+", "\xc3\xa9", true },
        { "\\d", "\xd9\xa3", false },
        { "[]a]+", "]a", true },
        { "[^]a]+", "bc", true },
        { "[\\[\\]]+", "[]", true },
        { "(?<x>a)\\k<x>", "aa", true },
        { "(?i)AB", "ab", true },
        { "a\\,b", "a,b", true },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        struct cv_regex *re = regex_of(cases[i].pattern, false);

        if (cv_regex_matches(re, cases[i].text, strlen(cases[i].text)) != cases[i].matches)
            fail_msg("\"%s\" and \"%s\"", cases[i].pattern, cases[i].text);
        cv_regex_free(re);
    }
}

static void
case_can_be_ignored(void **state)
{
    struct cv_regex *re = regex_of("Public\\.orders", true);

    (void)state;
    assert_true(cv_regex_matches(re, "pUBLIC.ORDERS", 13));
    assert_false(cv_regex_matches(re, "public.orders2", 14));
    cv_regex_free(re);
}

static void
text_need_not_end_in_nul_nor_be_utf8(void **state)
{
    struct cv_regex *re = regex_of(".*", false);

    (void)state;
    assert_true(cv_regex_matches(re, "abc\xff", 3));
    assert_true(cv_regex_matches(re, NULL, 0));
    assert_true(cv_regex_matches(re, "a\0b", 3));
    assert_false(cv_regex_matches(re, "\xff", 1));
    cv_regex_free(re);
}

static void
bad_patterns_are_refused(void **state)
{
    static const char *const cases[][2] = {
        { "(", "invalid regular expression \"(\" at position 1: missing closing parenthesis" },
        { "[", "invalid regular expression \"[\" at position 1: missing terminating ] for "
               "character class" },
        { "*a", "invalid regular expression \"*a\" at position 0: quantifier does not follow a "
                "repeatable "
                "item" },
        { "a\\", "invalid regular expression \"a\\\" at position 2: \\ at end of pattern" },
        { "\\u12G4",
          "invalid regular expression \"\\u12G4\" at position 0: \\u must be followed by four "
          "hexadecimal digits" },
        { "\\uDE00",
          "invalid regular expression \"\\uDE00\" at position 6: half of a surrogate pair" },
        { "[a[bc]]",
          "invalid regular expression \"[a[bc]]\" at position 2: '[' in a character class must be "
          "written \\[ (classes do not nest here)" },
        { "[[:alpha:]]",
          "invalid regular expression \"[[:alpha:]]\" at position 1: '[' in a character class "
          "must be written \\[ (classes do not nest here)" },
        { "[a-z&&b]",
          "invalid regular expression \"[a-z&&b]\" at position 4: '&&' in a character class is "
          "not supported" },
        { "(*UCP)a",
          "invalid regular expression \"(*UCP)a\" at position 0: dangling meta character '*'" },
        { "\xff",
          "invalid regular expression \"\xff\" at position 0: UTF-8 error: illegal byte (0xfe or "
          "0xff)" },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        struct cv_regex *re = NULL;
        struct cv_err err = CV_ERR_INIT;

        assert_int_equal(cv_regex_new(cases[i][0], false, &re, &err), CV_INVALID);
        assert_string_equal(err.text, cases[i][1]);
        assert_null(re);
    }
}

static void
endless_backtracking_counts_as_no_match(void **state)
{
    struct cv_regex *re = regex_of("(a*)*(a*)*(a*)*[bc]", false);
    char text[3000];

    (void)state;
    memset(text, 'a', sizeof(text));
    assert_false(cv_regex_matches(re, text, sizeof(text)));
    assert_true(cv_regex_matches(re, "aab", 3));
    cv_regex_free(re);
}

static void
replacements_follow_java(void **state)
{
    static const struct {
        const char *pattern;
        const char *text;
        const char *replacement;
        const char *expected; /* NULL: no match */
    } cases[] = {
        { "server\\.public\\.(.*)", "server.public.orders", "$1", "orders" },
        { "(.*)-(.*)", "a-b", "$2_$1", "b_a" },
        { "(?<t>[a-z]+)\\d*", "abc12", "outbox.event.${t}", "outbox.event.abc" },
        { "(a)(b)?", "a", "[$2]", "[]" },
        { "(a)", "a", "$10", "a0" },
        { "(a)", "a", "$0$0", "aa" },
        { "(a)", "a", "\\$1\\\\\\x", "$1\\x" },
        { "(a)", "a", "", "" },
        { "(a)", "b", "x", NULL },
        { "(a)", "ab", "x", NULL },
        { "a|ab", "ab", "x", "xb" }, /* replaceFirst searches anew */
        { "(\xc3\xa9)(.*)", "\xc3\xa9\xe2\x82\xac", "$2\xc3\xbc", "\xe2\x82\xac\xc3\xbc" },
        { "(a)", "a", "$2", NULL },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        struct cv_regex *re = regex_of(cases[i].pattern, false);
        struct cv_buf out = CV_BUF_INIT(100);
        bool done;

        cv_buf_str(&out, "#");
        done =
            cv_regex_replace(re, cases[i].text, strlen(cases[i].text), cases[i].replacement, &out);
        assert_int_equal(done, cases[i].expected != NULL);
        assert_string_equal(cv_buf_cstr(&out) + 1, done ? cases[i].expected : "");
        cv_buf_free(&out);
        cv_regex_free(re);
    }
}

static void
bad_replacements_are_told_apart(void **state)
{
    static const char *const cases[][2] = {
        { "$",
          "invalid replacement \"$\" at position 0: the pattern has no such group (write \\$ for a "
          "dollar sign)" },
        { "x$2", "invalid replacement \"x$2\" at position 1: the pattern has no such group (write "
                 "\\$ for a "
                 "dollar sign)" },
        { "${y}", "invalid replacement \"${y}\" at position 0: the pattern has no such group "
                  "(write \\$ for a "
                  "dollar sign)" },
        { "${x", "invalid replacement \"${x\" at position 0: the pattern has no such group (write "
                 "\\$ for a "
                 "dollar sign)" },
        { "$x", "invalid replacement \"$x\" at position 0: the pattern has no such group (write "
                "\\$ for a "
                "dollar sign)" },
        { "a\\",
          "invalid replacement \"a\\\" at position 1: a character must follow the backslash" },
    };
    struct cv_regex *re = regex_of("(?<x>a)", false);
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        assert_int_equal(cv_regex_check_replacement(re, cases[i][0], &err), CV_INVALID);
        assert_string_equal(err.text, cases[i][1]);
    }
    assert_int_equal(cv_regex_check_replacement(re, "$1${x}\\$\\\\", &err), CV_OK);
    cv_regex_free(re);
}

static void
lists_split_at_commas_without_backslash(void **state)
{
    struct cv_regex_list *list = NULL;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(cv_regex_list_new(" public\\.a , s\\.x{1\\,2} ,, b\\\\,C", true, &list, &err),
                     CV_OK);
    assert_int_equal(cv_regex_list_count(list), 4);
    assert_int_equal(cv_regex_list_find(list, "PUBLIC.A", 8), 0);
    assert_int_equal(cv_regex_list_find(list, "s.xx", 4), 1);
    assert_int_equal(cv_regex_list_find(list, "s.xxx", 5), -1);
    assert_int_equal(cv_regex_list_find(list, "b\\", 2), 2);
    assert_int_equal(cv_regex_list_find(list, "c", 1), 3);
    assert_true(cv_regex_list_matches(list, "c", 1));
    assert_false(cv_regex_list_matches(list, "", 0));
    cv_regex_list_free(list);
}

static void
an_empty_list_matches_nothing_and_a_bad_entry_fails(void **state)
{
    struct cv_regex_list *list = NULL;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(cv_regex_list_new(" ", false, &list, &err), CV_OK);
    assert_int_equal(cv_regex_list_count(list), 0);
    assert_false(cv_regex_list_matches(list, "", 0));
    cv_regex_list_free(list);
    list = NULL;
    assert_int_equal(cv_regex_list_new("a,(b", false, &list, &err), CV_INVALID);
    assert_string_equal(
        err.text, "invalid regular expression \"(b\" at position 2: missing closing parenthesis");
    assert_null(list);
    cv_regex_list_free(NULL);
    cv_regex_free(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_whole_text_must_match),
        cmocka_unit_test(case_can_be_ignored),
        cmocka_unit_test(text_need_not_end_in_nul_nor_be_utf8),
        cmocka_unit_test(bad_patterns_are_refused),
        cmocka_unit_test(endless_backtracking_counts_as_no_match),
        cmocka_unit_test(replacements_follow_java),
        cmocka_unit_test(bad_replacements_are_told_apart),
        cmocka_unit_test(lists_split_at_commas_without_backslash),
        cmocka_unit_test(an_empty_list_matches_nothing_and_a_bad_entry_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
