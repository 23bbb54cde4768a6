/* SPDX-License-Identifier: Apache-2.0 */
/* worker/connector_config.c: the checks of the options that every connector has. */
#include "worker/connector_config.h"

#include "tests/helper/cmocka_all.h"

#include "worker/client_config.h"

static const struct cv_config_def *
row(enum cv_plugin_kind kind, const char *name)
{
    for (const struct cv_config_def *def = connector_config_def(kind); def->name != NULL; def++)
        if (strcmp(def->name, name) == 0)
            return def;
    return NULL;
}

/* The first error of a config with the two required keys and one more (NULL: none). "": it is good. */
static const char *
error_of(enum cv_plugin_kind kind, const char *key, const char *value, struct cv_err *err)
{
    struct cv_config *cfg = cv_config_new();
    struct cv_config_errors errors = { 0 };
    enum cv_rc rc;

    assert_non_null(cfg);
    assert_int_equal(cv_config_set(cfg, "name", "c", err), CV_OK);
    assert_int_equal(cv_config_set(cfg, "connector.class", "X", err), CV_OK);
    assert_int_equal(cv_config_set(cfg, key, value, err), CV_OK);
    err->text[0] = '\0';
    rc = cv_config_parse(connector_config_def(kind), cfg, NULL, &errors, err);
    assert_int_equal(rc, errors.count == 0 ? CV_OK : CV_INVALID);
    cv_config_errors_done(&errors);
    cv_config_free(cfg);
    return err->text;
}

static void
good_values_pass(void **state)
{
    static const struct {
        enum cv_plugin_kind kind;
        const char *key, *value;
    } cases[] = {
        { CV_SOURCE, "name", "a b/\xc3\xa4\xe2\x82\xac" }, { CV_SOURCE, "tasks.max", "1" },
        { CV_SOURCE, "transforms", "a,b , c" },            { CV_SOURCE, "exactly.once.support", "Required" },
        { CV_SOURCE, "transaction.boundary", "INTERVAL" }, { CV_SOURCE, "transaction.boundary.interval.ms", "0" },
        { CV_SOURCE, "errors.retry.timeout", "-1" },       { CV_SINK, "topics.regex", "shop\\.(?:a|b).*" },
        { CV_SINK, "errors.tolerance", "all" },            { CV_SINK, "topics", "a,a" },
    };
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++)
        assert_string_equal(error_of(cases[i].kind, cases[i].key, cases[i].value, &err), "");
}

static void
wrong_values_are_refused_in_connects_words(void **state)
{
    static const struct {
        enum cv_plugin_kind kind;
        const char *key, *value, *text;
    } cases[] = {
        { CV_SOURCE, "name", "", "Invalid value  for configuration name: String may not be empty" },
        { CV_SOURCE, "tasks.max", "0", "Invalid value 0 for configuration tasks.max: Value must be at least 1" },
        { CV_SOURCE, "tasks.max", "two", "Invalid value two for configuration tasks.max: Not a number of type INT" },
        { CV_SOURCE, "transforms", "a,b, a",
          "Invalid value [a, b, a] for configuration transforms: Duplicate alias provided." },
        { CV_SOURCE, "exactly.once.support", "always",
          "Invalid value always for configuration exactly.once.support: String must be one of (case insensitive): "
          "REQUIRED, REQUESTED" },
        { CV_SOURCE, "transaction.boundary.interval.ms", "-1",
          "Invalid value -1 for configuration transaction.boundary.interval.ms: Value must be at least 0" },
        { CV_SOURCE, "offsets.storage.topic", "",
          "Invalid value  for configuration offsets.storage.topic: String must be non-empty" },
        { CV_SINK, "errors.tolerance", "ALL",
          "Invalid value ALL for configuration errors.tolerance: String must be one of: none, all" },
        { CV_SINK, "config.action.reload", "reboot",
          "Invalid value reboot for configuration config.action.reload: String must be one of: none, restart" },
    };
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++)
        assert_string_equal(error_of(cases[i].kind, cases[i].key, cases[i].value, &err), cases[i].text);
    assert_non_null(strstr(error_of(CV_SOURCE, "name", "a\x01\x7f\xc2\x85", &err),
                           "for configuration name: String may not contain control sequences but had the following "
                           "ASCII chars: 1, 127, 133"));
    assert_non_null(strstr(error_of(CV_SINK, "topics.regex", "a(", &err),
                           "Invalid value a( for configuration topics.regex"));
}

static void
sources_and_sinks_have_rows_of_their_own(void **state)
{
    (void)state;
    assert_non_null(row(CV_SOURCE, "topic.creation.groups"));
    assert_null(row(CV_SINK, "topic.creation.groups"));
    assert_non_null(row(CV_SINK, "topics"));
    assert_null(row(CV_SOURCE, "topics"));
    assert_non_null(row(CV_SINK, "errors.deadletterqueue.topic.name"));
    assert_null(row(CV_SOURCE, "errors.deadletterqueue.topic.name"));
    assert_non_null(row(CV_SOURCE, "offsets.storage.topic"));
    for (int kind = CV_SOURCE; kind <= CV_SINK; kind++) {
        assert_true(row((enum cv_plugin_kind)kind, "name")->required);
        assert_true(row((enum cv_plugin_kind)kind, "connector.class")->required);
        assert_string_equal(row((enum cv_plugin_kind)kind, "config.action.reload")->def, "restart");
        assert_string_equal(row((enum cv_plugin_kind)kind, "errors.tolerance")->def, "none");
    }
}

static void
no_row_appears_twice_and_all_are_documented(void **state)
{
    (void)state;
    for (int kind = CV_SOURCE; kind <= CV_SINK; kind++)
        for (const struct cv_config_def *def = connector_config_def((enum cv_plugin_kind)kind); def->name != NULL; def++) {
            assert_ptr_equal(row((enum cv_plugin_kind)kind, def->name), def);
            assert_non_null(def->doc);
            assert_non_null(def->display);
            assert_non_null(def->group);
            assert_int_equal(def->offset, CV_NO_FIELD);
        }
}

static void
client_options_have_their_types(void **state)
{
    (void)state;
    assert_int_equal(client_config_def(CV_KAFKA_PRODUCER, "linger.ms")->type, CV_CONFIG_LONG);
    assert_int_equal(client_config_def(CV_KAFKA_CONSUMER, "max.poll.records")->type, CV_CONFIG_INT);
    assert_int_equal(client_config_def(CV_KAFKA_PRODUCER, "sasl.jaas.config")->type, CV_CONFIG_PASSWORD);
    assert_int_equal(client_config_def(CV_KAFKA_ADMIN, "ssl.key.password")->type, CV_CONFIG_PASSWORD);
    assert_null(client_config_def(CV_KAFKA_PRODUCER, "linger"));
    assert_null(client_config_def(CV_KAFKA_PRODUCER, "plugin.library.paths"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_values_pass),
        cmocka_unit_test(wrong_values_are_refused_in_connects_words),
        cmocka_unit_test(sources_and_sinks_have_rows_of_their_own),
        cmocka_unit_test(no_row_appears_twice_and_all_are_documented),
        cmocka_unit_test(client_options_have_their_types),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
