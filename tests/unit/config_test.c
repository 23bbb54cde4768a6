/* SPDX-License-Identifier: Apache-2.0 */
/* Texts compared here are those that Kafka 4.1's ConfigDef gave for the same rows and values. */
#include "tests/helper/cmocka_all.h"

#include <stdio.h>

#include <culvert/config.h>

struct sample {
    bool flag;
    char *text;
    int32_t count;
    int32_t small;
    int64_t big;
    double real;
    struct cv_list list;
    char *class;
    char *password;
    int mode;
};

static const char *const in_xy[] = { "x", "y", NULL };
static const char *const modes[] = { "initial", "never", NULL };

#define ROW(n, t, d, f) .name = (n), .type = (t), .def = (d), .offset = offsetof(struct sample, f)

static const struct cv_config_def defs[] = {
    { ROW("flag", CV_CONFIG_BOOLEAN, "false", flag) },
    { ROW("text", CV_CONFIG_STRING, "x", text), .check = cv_valid_in, .arg = in_xy },
    { ROW("count", CV_CONFIG_INT, "1", count), .check = cv_valid_range,
      .arg = &(const struct cv_range){ 1, INT64_MAX } },
    { ROW("small", CV_CONFIG_SHORT, "3", small) },
    { ROW("big", CV_CONFIG_LONG, NULL, big), .check = cv_valid_range,
      .arg = &(const struct cv_range){ 0, 100 } },
    { ROW("real", CV_CONFIG_DOUBLE, "1.5", real), .check = cv_valid_range,
      .arg = &(const struct cv_range){ 0, 5 } },
    { ROW("list", CV_CONFIG_LIST, "", list) },
    { ROW("class", CV_CONFIG_CLASS, NULL, class) },
    { ROW("password", CV_CONFIG_PASSWORD, NULL, password), .check = cv_valid_non_empty },
    { ROW("mode", CV_CONFIG_ENUM, "initial", mode), .names = modes },
    CV_CONFIG_END
};

static const struct cv_config_def required_defs[] = {
    { ROW("text", CV_CONFIG_STRING, NULL, text), .required = true, .check = cv_valid_non_empty },
    { ROW("count", CV_CONFIG_INT, NULL, count), .required = true, .check = cv_valid_range,
      .arg = &(const struct cv_range){ 1, INT64_MAX } },
    { ROW("mode", CV_CONFIG_ENUM, NULL, mode), .required = true, .names = modes },
    CV_CONFIG_END
};

static const struct cv_config_def list_defs[] = {
    { ROW("list", CV_CONFIG_LIST, "", list), .check = cv_valid_in, .arg = in_xy }, CV_CONFIG_END
};

/* A fresh config of one pair. */
static struct cv_config *
config_of(const char *key, const char *value)
{
    struct cv_config *cfg = cv_config_new();
    struct cv_err err = CV_ERR_INIT;

    assert_non_null(cfg);
    assert_int_equal(cv_config_set(cfg, key, value, &err), CV_OK);
    return cfg;
}

/* Parse one pair by the rows and compare all errors, joined with '|'. */
static void
expect_errors(const struct cv_config_def *rows, const char *key, const char *value,
              const char *expected)
{
    struct cv_config *cfg = config_of(key, value);
    struct cv_config_errors errors = { .items = NULL };
    struct cv_err err = CV_ERR_INIT;
    struct sample out = { .flag = false };
    char all[2048] = "";
    enum cv_rc rc = cv_config_parse(rows, cfg, &out, &errors, &err);

    for (size_t i = 0; i < errors.count; i++) {
        assert_string_equal(errors.items[i].key, key);
        (void)snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", i > 0 ? "|" : "",
                       errors.items[i].text);
    }
    assert_string_equal(all, expected);
    assert_int_equal(rc, errors.count > 0 ? CV_INVALID : CV_OK);
    if (errors.count > 0)
        assert_string_equal(err.text, errors.items[0].text);
    cv_config_done(rows, &out);
    cv_config_errors_done(&errors);
    cv_config_free(cfg);
}

static void
bad_values_give_the_texts_of_config_def(void **state)
{
    static const struct {
        const char *key;
        const char *value;
        const char *expected;
    } cases[] = {
        { "flag", "maybe",
          "Invalid value maybe for configuration flag: Expected value to be either true or "
          "false" },
        { "flag", " 7 ",
          "Invalid value  7  for configuration flag: Expected value to be either true or "
          "false" },
        { "flag", " True ", "" },
        { "text", "z", "Invalid value z for configuration text: String must be one of: x, y" },
        { "text", " X", "Invalid value X for configuration text: String must be one of: x, y" },
        { "text", " y ", "" },
        { "count", "x",
          "Invalid value x for configuration count: Not a number of type INT|"
          "Invalid value null for configuration count: Value must be non-null" },
        { "count", "",
          "Invalid value  for configuration count: Not a number of type INT|"
          "Invalid value null for configuration count: Value must be non-null" },
        { "count", "1.5",
          "Invalid value 1.5 for configuration count: Not a number of type INT|"
          "Invalid value null for configuration count: Value must be non-null" },
        { "count", "2147483648",
          "Invalid value 2147483648 for configuration count: Not a number of type INT|"
          "Invalid value null for configuration count: Value must be non-null" },
        { "count", NULL, "Invalid value null for configuration count: Value must be non-null" },
        { "count", "0", "Invalid value 0 for configuration count: Value must be at least 1" },
        { "count", " -01 ", "Invalid value -1 for configuration count: Value must be at least 1" },
        { "count", "+3", "" },
        { "small", "32768",
          "Invalid value 32768 for configuration small: Not a number of type SHORT" },
        { "small", "-32768", "" },
        { "big", "soon", "Invalid value soon for configuration big: Not a number of type LONG" },
        { "big", "101", "Invalid value 101 for configuration big: Value must be no more than 100" },
        { "big", NULL, "" },
        { "real", " 7 ", "Invalid value 7.0 for configuration real: Value must be no more than 5" },
        { "real", "-1", "Invalid value -1.0 for configuration real: Value must be at least 0" },
        { "real", "0x10",
          "Invalid value 0x10 for configuration real: Not a number of type DOUBLE|"
          "Invalid value null for configuration real: Value must be non-null" },
        { "real", "1d", "" },
        { "real", "NaN", "" },
        { "password", " ",
          "Invalid value [hidden] for configuration password: String must be non-empty" },
        { "text", NULL, "Invalid value null for configuration text: String must be one of: x, y" },
        { "mode", "Never", "" },
        { "mode", " maybe ",
          "Invalid value maybe for configuration mode: String must be one of (case insensitive): "
          "INITIAL, "
          "NEVER" },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++)
        expect_errors(defs, cases[i].key, cases[i].value, cases[i].expected);
}

static void
each_item_of_a_list_must_be_one_of_the_values(void **state)
{
    (void)state;
    expect_errors(list_defs, "list", "x , y,x", "");
    expect_errors(list_defs, "list", "x,,y",
                  "Invalid value  for configuration list: String must be one of: x, y");
}

static void
all_missing_options_are_reported_and_the_first_is_the_failure(void **state)
{
    struct cv_config *cfg = config_of("other", "1");
    struct cv_config_errors errors = { .items = NULL };
    struct cv_err err = CV_ERR_INIT;
    struct sample out = { .flag = false };

    (void)state;
    assert_int_equal(cv_config_parse(required_defs, cfg, &out, &errors, &err), CV_INVALID);
    assert_int_equal(errors.count, 5);
    assert_string_equal(errors.items[0].text,
                        "Missing required configuration \"text\" which has no default value.");
    assert_string_equal(errors.items[1].text,
                        "Missing required configuration \"count\" which has no default value.");
    assert_string_equal(errors.items[2].text,
                        "Invalid value null for configuration count: Value must be non-null");
    assert_string_equal(errors.items[3].text,
                        "Missing required configuration \"mode\" which has no default value.");
    assert_string_equal(errors.items[4].text,
                        "Invalid value null for configuration mode: String must be one "
                        "of (case insensitive): INITIAL, NEVER");
    assert_string_equal(err.text, errors.items[0].text);
    cv_config_errors_done(&errors);
    cv_config_free(cfg);
}

static void
a_required_null_passes_validation_but_not_parsing(void **state)
{
    struct cv_config *cfg = config_of("text", NULL);
    struct cv_config_errors errors = { .items = NULL };
    struct cv_err err = CV_ERR_INIT;
    struct sample out = { .flag = false };

    (void)state;
    assert_int_equal(cv_config_set(cfg, "count", "1", &err), CV_OK);
    assert_int_equal(cv_config_set(cfg, "mode", "never", &err), CV_OK);
    assert_int_equal(cv_config_parse(required_defs, cfg, NULL, &errors, &err), CV_OK);
    assert_int_equal(errors.count, 0);
    assert_int_equal(cv_config_parse(required_defs, cfg, &out, &errors, &err), CV_INVALID);
    assert_string_equal(err.text,
                        "Missing required configuration \"text\" which has no default value.");
    cv_config_errors_done(&errors);
    cv_config_free(cfg);
}

static void
values_land_in_the_struct_trimmed(void **state)
{
    static const char *const pairs[][2] = {
        { "flag", "TRUE" },  { "text", " y\t" },     { "count", "2147483647" }, { "small", "-5" },
        { "big", "100" },    { "real", " 2.5e0 " },  { "list", " a , b,,c " },  { "class", "a.B" },
        { "mode", "NEVER" }, { "password", " pw " },
    };
    struct cv_config *cfg = cv_config_new();
    struct cv_config_errors errors = { .items = NULL };
    struct cv_err err = CV_ERR_INIT;
    struct sample out = { .flag = false };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(pairs); i++)
        assert_int_equal(cv_config_set(cfg, pairs[i][0], pairs[i][1], &err), CV_OK);
    assert_int_equal(cv_config_parse(defs, cfg, &out, &errors, &err), CV_OK);
    assert_true(out.flag);
    assert_string_equal(out.text, "y");
    assert_int_equal(out.count, INT32_MAX);
    assert_int_equal(out.small, -5);
    assert_int_equal(out.big, 100);
    assert_true(out.real == 2.5);
    assert_int_equal(out.list.count, 4);
    assert_string_equal(out.list.items[0], "a");
    assert_string_equal(out.list.items[1], "b");
    assert_string_equal(out.list.items[2], "");
    assert_string_equal(out.list.items[3], "c");
    assert_string_equal(out.class, "a.B");
    assert_string_equal(out.password, "pw");
    assert_int_equal(out.mode, 1);
    cv_config_done(defs, &out);
    assert_null(out.text);
    assert_null(out.password);
    assert_int_equal(out.list.count, 0);
    cv_config_free(cfg);
}

static void
the_struct_is_whole_with_defaults_where_values_are_bad(void **state)
{
    struct cv_config *cfg = config_of("count", "x");
    struct cv_config_errors errors = { .items = NULL };
    struct cv_err err = CV_ERR_INIT;
    struct sample out = { .flag = false };

    (void)state;
    assert_int_equal(cv_config_set(cfg, "text", "nonsense", &err), CV_OK);
    assert_int_equal(cv_config_set(cfg, "mode", "nonsense", &err), CV_OK);
    assert_int_equal(cv_config_parse(defs, cfg, &out, &errors, &err), CV_INVALID);
    assert_int_equal(err.rc, CV_INVALID);
    assert_string_equal(err.text,
                        "Invalid value nonsense for configuration text: String must be one of: x, "
                        "y"); /* the first in the order of rows */
    assert_int_equal(out.count, 1);
    assert_string_equal(out.text, "x");
    assert_int_equal(out.small, 3);
    assert_true(out.real == 1.5);
    assert_null(out.password);
    assert_int_equal(out.mode, 0);
    cv_config_done(defs, &out);
    cv_config_errors_done(&errors);
    cv_config_free(cfg);
}

static void
set_replaces_in_place_and_remove_keeps_the_order(void **state)
{
    struct cv_config *cfg = config_of("a", "1");
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(cv_config_set(cfg, "b", "2", &err), CV_OK);
    assert_int_equal(cv_config_set(cfg, "c", NULL, &err), CV_OK);
    assert_int_equal(cv_config_set(cfg, "a", "3", &err), CV_OK);
    assert_int_equal(cv_config_count(cfg), 3);
    assert_string_equal(cv_config_key(cfg, 0), "a");
    assert_string_equal(cv_config_value(cfg, 0), "3");
    cv_config_remove(cfg, "a");
    cv_config_remove(cfg, "a");
    assert_int_equal(cv_config_count(cfg), 2);
    assert_string_equal(cv_config_key(cfg, 0), "b");
    assert_string_equal(cv_config_get(cfg, "b"), "2");
    assert_null(cv_config_get(cfg, "a"));
    assert_false(cv_config_has(cfg, "a"));
    assert_null(cv_config_get(cfg, "c"));
    assert_true(cv_config_has(cfg, "c"));
    assert_int_equal(cv_config_set(cfg, "a", "4", &err), CV_OK);
    assert_string_equal(cv_config_key(cfg, 2), "a");
    cv_config_free(cfg);
}

static void
configs_compare_as_maps(void **state)
{
    struct cv_config *a = config_of("x", "1");
    struct cv_config *b = config_of("y", NULL);
    struct cv_config *copy;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_false(cv_config_equal(a, b));
    assert_int_equal(cv_config_set(a, "y", NULL, &err), CV_OK);
    assert_int_equal(cv_config_set(b, "x", "1", &err), CV_OK);
    assert_true(cv_config_equal(a, b));
    copy = cv_config_copy(a);
    assert_true(cv_config_equal(copy, b));
    assert_int_equal(cv_config_set(b, "y", "", &err), CV_OK);
    assert_false(cv_config_equal(a, b));
    assert_int_equal(cv_config_set(b, "y", NULL, &err), CV_OK);
    assert_int_equal(cv_config_set(b, "x", "2", &err), CV_OK);
    assert_false(cv_config_equal(a, b));
    cv_config_free(a);
    cv_config_free(b);
    cv_config_free(copy);
    cv_config_free(NULL);
}

static void
with_prefix_strips_it_and_skips_the_bare_prefix(void **state)
{
    struct cv_config *cfg = config_of("producer.override.", "no");
    struct cv_config *sub;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(cv_config_set(cfg, "producer.override.acks", "all", &err), CV_OK);
    assert_int_equal(cv_config_set(cfg, "producer.acks", "1", &err), CV_OK);
    sub = cv_config_with_prefix(cfg, "producer.override.");
    assert_int_equal(cv_config_count(sub), 1);
    assert_string_equal(cv_config_get(sub, "acks"), "all");
    cv_config_free(sub);
    cv_config_free(cfg);
}

static void
a_hundred_thousand_keys_are_no_burden(void **state)
{
    struct cv_config *cfg = cv_config_new();
    struct cv_err err = CV_ERR_INIT;
    char key[32];

    (void)state;
    for (int i = 0; i < 100000; i++) {
        (void)snprintf(key, sizeof(key), "key.%d", i);
        assert_int_equal(cv_config_set(cfg, key, key, &err), CV_OK);
    }
    assert_int_equal(cv_config_count(cfg), 100000);
    assert_string_equal(cv_config_get(cfg, "key.77777"), "key.77777");
    cv_config_free(cfg);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_values_give_the_texts_of_config_def),
        cmocka_unit_test(each_item_of_a_list_must_be_one_of_the_values),
        cmocka_unit_test(all_missing_options_are_reported_and_the_first_is_the_failure),
        cmocka_unit_test(a_required_null_passes_validation_but_not_parsing),
        cmocka_unit_test(values_land_in_the_struct_trimmed),
        cmocka_unit_test(the_struct_is_whole_with_defaults_where_values_are_bad),
        cmocka_unit_test(set_replaces_in_place_and_remove_keeps_the_order),
        cmocka_unit_test(configs_compare_as_maps),
        cmocka_unit_test(with_prefix_strips_it_and_skips_the_bare_prefix),
        cmocka_unit_test(a_hundred_thousand_keys_are_no_burden),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
