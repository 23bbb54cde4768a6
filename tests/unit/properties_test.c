/* SPDX-License-Identifier: Apache-2.0 */
/* Cases and what they give were compared with java.util.Properties of Java 17. */
#include <config.h>

#include "tests/helper/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/properties.h"

/* Parse and print as "key=value;" in order. */
static void
expect(const char *text, size_t len, const char *expected)
{
    struct cv_config *cfg = cv_config_new();
    struct cv_err err = CV_ERR_INIT;
    char all[512] = "";

    assert_int_equal(cv_properties_parse(text, len, cfg, &err), CV_OK);
    for (size_t i = 0; i < cv_config_count(cfg); i++)
        (void)snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s=%s;",
                       cv_config_key(cfg, i), cv_config_value(cfg, i));
    assert_string_equal(all, expected);
    cv_config_free(cfg);
}

static void
expect_failure(const char *text, size_t len, const char *expected)
{
    struct cv_config *cfg = cv_config_new();
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(cv_properties_parse(text, len, cfg, &err), CV_INVALID);
    assert_string_equal(err.text, expected);
    cv_config_free(cfg);
}

#define EXPECT(text, expected)         expect(text, sizeof(text) - 1, expected)
#define EXPECT_FAILURE(text, expected) expect_failure(text, sizeof(text) - 1, expected)

static void
separators_are_equals_colon_and_blanks(void **state)
{
    (void)state;
    EXPECT("a=1\nb:2\nc 3\nd\t=\f4\ne = = 5\nf  :  6 \ng\n=h\n",
           "a=1;b=2;c=3;d=4;e== 5;f=6 ;g=;=h;");
    EXPECT("a\\=b=c\na\\:\\ b=c=d", "a=b=c;a: b=c=d;");
}

static void
comments_and_blank_lines_are_skipped(void **state)
{
    (void)state;
    EXPECT("", "");
    EXPECT("# a=1\n  ! b=2\n\n \t\f\nc=3 # not a comment\n#d=\\\ne=5", "c=3 # not a comment;e=5;");
}

static void
any_line_end_ends_a_line(void **state)
{
    (void)state;
    EXPECT("a=1\r\nb=2\rc=3\n\rd=4", "a=1;b=2;c=3;d=4;");
}

static void
continuation_lines_lose_their_leading_blanks(void **state)
{
    (void)state;
    EXPECT("a=1,\\\n   2,\\\r\n\t3\nb=x", "a=1,2,3;b=x;");
    EXPECT("a=1\\\\\nb=2\\\\\\\n3", "a=1\\;b=2\\3;");
    EXPECT("a=1\\\n\nb=2", "a=1;b=2;");
    EXPECT("a=1\\\n#b=2", "a=1#b=2;");
    EXPECT("\\\n  a=1", "a=1;");
    EXPECT("a=1\\", "a=1;");
    EXPECT("\\\n# x\nb=1", "b=1;");
    EXPECT("k\\\n ey=v\nl \\\n = w", "key=v;l=w;");
}

static void
escapes_are_decoded(void **state)
{
    (void)state;
    EXPECT("a=\\t\\n\\r\\f\\q\\\\", "a=\t\n\r\fq\\;");
    EXPECT("k\\u0065y=\\u00e9\\uD83D\\uDE00", "key=\xc3\xa9\xf0\x9f\x98\x80;");
    EXPECT("gr\xc3\xbc\xc3\x9f=\xe2\x82\xac", "gr\xc3\xbc\xc3\x9f=\xe2\x82\xac;");
}

static void
later_keys_replace_earlier_ones(void **state)
{
    (void)state;
    EXPECT("a=1\nb=2\na=3", "a=3;b=2;");
}

static void
a_byte_order_mark_is_skipped(void **state)
{
    (void)state;
    EXPECT("\xef\xbb\xbf"
           "a=1",
           "a=1;");
}

static void
bad_text_is_refused_with_its_line(void **state)
{
    (void)state;
    EXPECT_FAILURE("a=1\nb=\\u12G4\n", "line 2: malformed \\uxxxx encoding");
    EXPECT_FAILURE("b=\\u12", "line 1: malformed \\uxxxx encoding");
    EXPECT_FAILURE("# x\n\na=\\\n  \\uD83D", "line 3: half of a surrogate pair");
    EXPECT_FAILURE("a=\\uDE00\\uD83D", "line 1: half of a surrogate pair");
    EXPECT_FAILURE("a=\\uD83D\\u0041", "line 1: half of a surrogate pair");
    EXPECT_FAILURE("a=\\u0000", "line 1: \\u0000 is not supported");
    EXPECT_FAILURE("a=1\r\nb=\xff", "line 2: invalid UTF-8");
    EXPECT_FAILURE("a=\xed\xa0\x80", "line 1: invalid UTF-8");
    EXPECT_FAILURE("a=\0b", "line 1: NUL byte");
}

static void
a_file_is_loaded_and_its_name_is_in_failures(void **state)
{
    char path[] = "/tmp/culvert-properties-XXXXXX";
    int fd = mkstemp(path);
    struct cv_config *cfg = cv_config_new();
    struct cv_err err = CV_ERR_INIT;
    char expected[128];

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "a=1\n", 4), 4);
    assert_int_equal(cv_properties_load(path, cfg, &err), CV_OK);
    assert_string_equal(cv_config_get(cfg, "a"), "1");
    assert_int_equal(write(fd, "b=\\u\n", 5), 5);
    assert_int_equal(cv_properties_load(path, cfg, &err), CV_INVALID);
    (void)snprintf(expected, sizeof(expected), "%s: line 2: malformed \\uxxxx encoding", path);
    assert_string_equal(err.text, expected);
    assert_int_equal(ftruncate(fd, CV_PROPERTIES_MAX + 1), 0);
    assert_int_equal(cv_properties_load(path, cfg, &err), CV_INVALID);
    assert_non_null(strstr(err.text, "larger than 16777216 bytes"));
    (void)close(fd);
    (void)unlink(path);
    assert_int_equal(cv_properties_load(path, cfg, &err), CV_NOT_FOUND);
    (void)snprintf(expected, sizeof(expected), "cannot open \"%s\": No such file or directory",
                   path);
    assert_string_equal(err.text, expected);
    assert_int_equal(cv_properties_load("/tmp", cfg, &err), CV_INVALID);
    assert_string_equal(err.text, "cannot read \"/tmp\": Is a directory");
    cv_config_free(cfg);
}

static void
the_environment_overrides_known_keys(void **state)
{
    static const struct cv_config_def defs[] = {
        { .name = "offset.flush.interval.ms", .type = CV_CONFIG_LONG, .offset = CV_NO_FIELD },
        { .name = "rest.port", .type = CV_CONFIG_INT, .offset = CV_NO_FIELD },
        CV_CONFIG_END
    };
    struct cv_config *cfg = cv_config_new();
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(setenv("CVTEST_GROUP_ID", "from env", 1), 0);
    assert_int_equal(setenv("CVTEST_OFFSET_FLUSH_INTERVAL_MS", "7", 1), 0);
    assert_int_equal(setenv("CVTEST_UNKNOWN_KEY", "x", 1), 0);
    assert_int_equal(cv_config_set(cfg, "group.id", "from file", &err), CV_OK);
    assert_int_equal(cv_config_set(cfg, "plain", "stays", &err), CV_OK);
    assert_int_equal(cv_properties_from_env("CVTEST_", defs, cfg, &err), CV_OK);
    assert_string_equal(cv_config_get(cfg, "group.id"), "from env");
    assert_string_equal(cv_config_get(cfg, "offset.flush.interval.ms"), "7");
    assert_string_equal(cv_config_get(cfg, "plain"), "stays");
    assert_int_equal(cv_config_count(cfg), 3);
    assert_int_equal(cv_properties_from_env("CVTEST_", NULL, cfg, &err), CV_OK);
    assert_int_equal(cv_config_count(cfg), 3);
    cv_config_free(cfg);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(separators_are_equals_colon_and_blanks),
        cmocka_unit_test(comments_and_blank_lines_are_skipped),
        cmocka_unit_test(any_line_end_ends_a_line),
        cmocka_unit_test(continuation_lines_lose_their_leading_blanks),
        cmocka_unit_test(escapes_are_decoded),
        cmocka_unit_test(later_keys_replace_earlier_ones),
        cmocka_unit_test(a_byte_order_mark_is_skipped),
        cmocka_unit_test(bad_text_is_refused_with_its_line),
        cmocka_unit_test(a_file_is_loaded_and_its_name_is_in_failures),
        cmocka_unit_test(the_environment_overrides_known_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
