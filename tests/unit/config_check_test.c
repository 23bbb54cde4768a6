/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of the connector's validation, as Debezium 3.3.1 gave them (recorded in golden/debezium/validate). */
#include "connectors/postgres/config_check.h"

#include "tests/helper/cmocka_all.h"

#include <stdlib.h>

#include "connectors/postgres/config.h"

static struct cv_config *
config(const char *const *pairs)
{
    static const char *const base[] = { "topic.prefix",    "p",  "database.hostname", "h", "database.user", "u",
                                        "database.dbname", "db", "plugin.name",       "pgoutput", NULL };
    struct cv_config *cfg = cv_config_new();
    struct cv_err err = CV_ERR_INIT;

    for (size_t i = 0; base[i] != NULL; i += 2)
        assert_int_equal(cv_config_set(cfg, base[i], base[i + 1], &err), CV_OK);
    for (size_t i = 0; pairs[i] != NULL; i += 2)
        assert_int_equal(cv_config_set(cfg, pairs[i], pairs[i + 1], &err), CV_OK);
    return cfg;
}

#define INVALID(key, text) "The '" key "' value is invalid: " text
#define REGEXES            "A comma-separated list of valid regular expressions is expected, but "

#define SEVEN(text)    text text text text text text text
#define LONGEST_PREFIX SEVEN(SEVEN("abcde")) /* 245 */

/* One option, and every error that it has, in order. */
static const struct {
    const char *key;
    const char *value;
    const char *errors[3];
} rows[] = {
    { "topic.prefix", LONGEST_PREFIX, { NULL } },
    { "topic.prefix", LONGEST_PREFIX "x",
      { INVALID("topic.prefix", "it has 246 characters, but topics, which begin with it, have at most 249") } },
    { "topic.prefix", "a b/c",
      { INVALID("topic.prefix", "a b/c has invalid format (only the underscore, hyphen, dot and alphanumeric "
                                "characters are allowed)") } },
    { "database.port", "abc",
      { INVALID("database.port", "An integer is expected"), INVALID("database.port", "An integer is expected") } },
    { "database.port", "99999999999",
      { INVALID("database.port", "An integer is expected"), INVALID("database.port", "An integer is expected") } },
    { "incremental.snapshot.chunk.size", "a",
      { INVALID("incremental.snapshot.chunk.size", "An integer is expected"),
        INVALID("incremental.snapshot.chunk.size", "An non-negative integer is expected") } },
    { "poll.interval.ms", "x",
      { INVALID("poll.interval.ms", "A long value is expected"),
        INVALID("poll.interval.ms", "A positive, non-zero integer value is expected") } },
    { "heartbeat.interval.ms", "-1", { INVALID("heartbeat.interval.ms", "An non-negative integer is expected") } },
    { "custom.metric.tags", "a=b,c",
      { INVALID("custom.metric.tags", "c has an invalid format (expecting '^\\s*([^=,\\s][^=,]*)=([^=,]+)\\s*$')") } },
    { "custom.metric.tags", "a=b, c.d=e f", { NULL } },
    { "max.batch.size", "0",
      { INVALID("max.batch.size", "A positive, non-zero integer value is expected") } },
    { "max.queue.size", "-1",
      { INVALID("max.queue.size", "A positive queue size is required"),
        INVALID("max.queue.size", "Must be larger than the maximum batch size") } },
    { "tombstones.on.delete", "maybe",
      { INVALID("tombstones.on.delete", "Either 'true' or 'false' is expected"),
        INVALID("tombstones.on.delete", "Either 'true' or 'false' is expected") } },
    { "decimal.handling.mode", "bad",
      { INVALID("decimal.handling.mode", "Value must be one of string, double, precise") } },
    { "snapshot.mode", "never",
      { INVALID("snapshot.mode", "Value must be one of always, initial_only, configuration_based, when_needed, "
                                 "initial, custom, no_data") } },
    { "schema.include.list", "*",
      { INVALID("schema.include.list", REGEXES "Dangling meta character '*' near index 0\n*\n^") } },
    { "table.include.list", "public.b,public.(a",
      { INVALID("table.include.list", REGEXES "Unclosed group near index 9\npublic.(a") } },
    { "message.key.columns", "public.a",
      { INVALID("message.key.columns",
                "public.a has an invalid format (expecting '^\\s*([^\\s:]+):([^:\\s]+)\\s*$')") } },
    { "skipped.operations", "x,c", { INVALID("skipped.operations", "Invalid operation") } },
    { "skipped.operations", "none,c",
      { INVALID("skipped.operations", "'none' cannot be specified with other skipped operation types") } },
    { "slot.name", "Bad-Slot",
      { INVALID("slot.name", "Valid replication slot name must contain only digits, lowercase characters and "
                             "underscores with length <= 63") } },
    { "decimal.handling.mode", " String ", { NULL } },
    { "tombstones.on.delete", "FALSE", { NULL } },
    { "table.include.list", "public\\.a, public\\.b{1\\,2}", { NULL } },
    { "message.key.columns", "public.a:x,y;(.*).b:z", { NULL } },
    { "skipped.operations", "c,u", { NULL } },
};

static void
options_are_answered_as_recorded(void **state)
{
    (void)state;
    for (size_t i = 0; i < CV_COUNT(rows); i++) {
        const char *const pair[] = { rows[i].key, rows[i].value, NULL };
        struct cv_config *cfg = config(pair);
        struct cv_config_errors errors = { 0 };
        struct cv_err err = CV_ERR_INIT;
        size_t n = 0;
        enum cv_rc rc = cv_config_parse(pg_config_def, cfg, NULL, &errors, &err);

        while (n < CV_COUNT(rows[i].errors) && rows[i].errors[n] != NULL)
            n++;
        assert_int_equal(rc, n == 0 ? CV_OK : CV_INVALID);
        assert_int_equal(errors.count, n);
        for (size_t k = 0; k < n; k++) {
            assert_string_equal(errors.items[k].key, rows[i].key);
            assert_string_equal(errors.items[k].text, rows[i].errors[k]);
        }
        cv_config_errors_done(&errors);
        cv_config_free(cfg);
    }
}

/* Errors of several options together: the key of the first, and its text. */
static const struct {
    const char *pairs[7];
    const char *key;
    const char *text;
} together[] = {
    { { "table.include.list", "a", "table.exclude.list", "b" }, "table.exclude.list",
      INVALID("table.exclude.list", "\"table.include.list\" is already specified") },
    { { "message.prefix.include.list", "a", "message.prefix.exclude.list", "b" }, "message.prefix.exclude.list",
      INVALID("message.prefix.exclude.list", "\"logical_decoding_message.prefix.include.list\" is already specified") },
    { { "max.batch.size", "100", "max.queue.size", "100" }, "max.queue.size",
      INVALID("max.queue.size", "Must be larger than the maximum batch size") },
    { { "snapshot.mode", "custom" }, "snapshot.mode.custom.name",
      INVALID("snapshot.mode.custom.name",
              "snapshot.mode.custom.name cannot be empty when snapshot.mode 'custom' is defined") },
    { { "notification.enabled.channels", "sink" }, "notification.sink.topic.name",
      INVALID("notification.sink.topic.name",
              "Notification topic name must be provided when kafka notification channel is enabled") },
    { { "signal.enabled.channels", "source, kafak" }, "signal.enabled.channels",
      INVALID("signal.enabled.channels", "\"kafak\" is no channel; use source, kafka or file") },
    { { "signal.enabled.channels", "kafka" }, "signal.kafka.bootstrap.servers",
      INVALID("signal.kafka.bootstrap.servers", "A value is required when signal.enabled.channels has kafka") },
    { { "notification.enabled.channels", "log,jmx,email" }, "notification.enabled.channels",
      INVALID("notification.enabled.channels", "\"email\" is no channel; use sink or log") },
    { { "plugin.name", "decoderbufs" }, "plugin.name",
      INVALID("plugin.name", "decoderbufs is not supported; use pgoutput") },
};

static void
options_that_exclude_each_other_are_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < CV_COUNT(together); i++) {
        struct cv_config *cfg = config(together[i].pairs);
        struct cv_config_errors errors = { 0 };

        check_together(cfg, &errors);
        assert_int_equal(errors.count, 1);
        assert_string_equal(errors.items[0].key, together[i].key);
        assert_string_equal(errors.items[0].text, together[i].text);
        cv_config_errors_done(&errors);
        cv_config_free(cfg);
    }
}

static void
channels_of_debezium_are_accepted(void **state)
{
    const char *const pairs[] = { "signal.enabled.channels", "Source,file,jmx,in-process",
                                  "notification.enabled.channels", "log, jmx", NULL };
    struct cv_config *cfg = config(pairs);
    struct cv_config_errors errors = { 0 };

    (void)state;
    check_together(cfg, &errors);
    assert_int_equal(errors.count, 0);
    cv_config_free(cfg);
}

static void
classes_that_are_not_loaded_are_refused(void **state)
{
    static const char *const keys[] = { "converters", "database.connection.factory.class", "sourceinfo.struct.maker",
                                        "transaction.metadata.factory" };
    static const char *const own[] = { "sourceinfo.struct.maker",
                                       "io.debezium.connector.postgresql.PostgresSourceInfoStructMaker",
                                       "transaction.metadata.factory",
                                       "io.debezium.pipeline.txmetadata.DefaultTransactionMetadataFactory", NULL };
    struct cv_config_errors errors = { 0 };
    struct cv_config *cfg = config(own);

    (void)state;
    check_not_served(cfg, &errors);
    assert_int_equal(errors.count, 0);
    cv_config_free(cfg);
    for (size_t i = 0; i < CV_COUNT(keys); i++) {
        const char *const pairs[] = { keys[i], "org.example.Mine", NULL };

        cfg = config(pairs);
        check_not_served(cfg, &errors);
        assert_int_equal(errors.count, i + 1);
        assert_string_equal(errors.items[i].key, keys[i]);
        assert_non_null(strstr(errors.items[i].text, "org.example.Mine is not supported"));
        cv_config_free(cfg);
    }
    cv_config_errors_done(&errors);
}

/* lsn.flush.mode, where it is given; else flush.lsn.source. */
static const struct {
    const char *pairs[5];
    bool flushes;
} flush_modes[] = {
    { { NULL }, true },
    { { "flush.lsn.source", "false" }, false },
    { { "lsn.flush.mode", "Manual" }, false },
    { { "lsn.flush.mode", "connector" }, true },
    { { "lsn.flush.mode", "connector_and_driver", "flush.lsn.source", "false" }, true },
};

static void
the_flush_mode_goes_before_its_older_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < CV_COUNT(flush_modes); i++) {
        struct cv_config *cfg = config(flush_modes[i].pairs);
        struct pg_config parsed;
        struct cv_err err = CV_ERR_INIT;

        assert_int_equal(pg_config_parse(cfg, &parsed, &err), CV_OK);
        assert_int_equal(parsed.flush_lsn_source, flush_modes[i].flushes);
        pg_config_done(&parsed);
        cv_config_free(cfg);
    }
}

static void
a_task_is_refused_what_validation_refuses(void **state)
{
    const char *const pairs[] = { "table.include.list", "a", "table.exclude.list", "b", NULL };
    struct cv_config *cfg = config(pairs);
    struct pg_config parsed;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(pg_config_parse(cfg, &parsed, &err), CV_INVALID);
    assert_non_null(strstr(err.text, "\"table.include.list\" is already specified"));
    pg_config_done(&parsed);
    cv_config_free(cfg);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_answered_as_recorded),
        cmocka_unit_test(options_that_exclude_each_other_are_found),
        cmocka_unit_test(channels_of_debezium_are_accepted),
        cmocka_unit_test(classes_that_are_not_loaded_are_refused),
        cmocka_unit_test(the_flush_mode_goes_before_its_older_form),
        cmocka_unit_test(a_task_is_refused_what_validation_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
