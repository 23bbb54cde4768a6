/* SPDX-License-Identifier: Apache-2.0 */
/* worker/worker_config.c: what Kafka's own property files say is accepted, what is wrong is refused by name. */
#include "worker/worker_config.h"

#include "tests/helper/cmocka_all.h"

#include <stdio.h>

/* The keys of the file connect-distributed.properties that Kafka 4.1 ships, with its values. */
static const char *const distributed[][2] = {
    { "bootstrap.servers", "localhost:9092" },
    { "group.id", "connect-cluster" },
    { "key.converter", "org.apache.kafka.connect.json.JsonConverter" },
    { "value.converter", "org.apache.kafka.connect.json.JsonConverter" },
    { "key.converter.schemas.enable", "true" },
    { "value.converter.schemas.enable", "true" },
    { "offset.storage.topic", "connect-offsets" },
    { "offset.storage.replication.factor", "1" },
    { "config.storage.topic", "connect-configs" },
    { "config.storage.replication.factor", "1" },
    { "status.storage.topic", "connect-status" },
    { "status.storage.replication.factor", "1" },
    { "offset.flush.interval.ms", "10000" },
    { NULL, NULL },
};

/* And those of connect-standalone.properties. */
static const char *const standalone[][2] = {
    { "bootstrap.servers", "localhost:9092" },
    { "key.converter", "org.apache.kafka.connect.json.JsonConverter" },
    { "value.converter", "org.apache.kafka.connect.json.JsonConverter" },
    { "key.converter.schemas.enable", "true" },
    { "value.converter.schemas.enable", "true" },
    { "offset.storage.file.filename", "/tmp/connect.offsets" },
    { "offset.flush.interval.ms", "10000" },
    { NULL, NULL },
};

static struct cv_config *
config_of(const char *const (*pairs)[2])
{
    struct cv_config *cfg = cv_config_new();
    struct cv_err err;

    assert_non_null(cfg);
    for (; (*pairs)[0] != NULL; pairs++)
        assert_int_equal(cv_config_set(cfg, (*pairs)[0], (*pairs)[1], &err), CV_OK);
    return cfg;
}

/* The distributed file with one key changed (value NULL: removed), parsed. */
static enum cv_rc
parse_with(const char *key, const char *value, struct cv_config_errors *errors, struct cv_err *err)
{
    struct cv_config *cfg = config_of(distributed);
    struct worker_config parsed;
    enum cv_rc rc;

    if (value == NULL)
        cv_config_remove(cfg, key);
    else
        assert_int_equal(cv_config_set(cfg, key, value, err), CV_OK);
    rc = worker_config_parse(cfg, WORKER_DISTRIBUTED, &parsed, errors, err);
    worker_config_done(&parsed);
    cv_config_free(cfg);
    return rc;
}

static void
kafkas_distributed_file_is_accepted(void **state)
{
    struct cv_config *cfg = config_of(distributed);
    struct cv_config_errors errors = { 0 };
    struct worker_config parsed;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(worker_config_parse(cfg, WORKER_DISTRIBUTED, &parsed, &errors, &err), CV_OK);
    assert_int_equal(errors.count, 0);
    assert_string_equal(parsed.group_id, "connect-cluster");
    assert_int_equal(parsed.bootstrap_servers.count, 1);
    assert_string_equal(parsed.bootstrap_servers.items[0], "localhost:9092");
    assert_int_equal(parsed.config_replication, 1);
    assert_int_equal(parsed.offset_flush_interval_ms, 10000);
    assert_string_equal(parsed.header_converter, "org.apache.kafka.connect.storage.SimpleHeaderConverter");
    for (size_t i = 0; i < cv_config_count(cfg); i++)
        assert_true(worker_config_is_known(cv_config_key(cfg, i)));
    worker_config_done(&parsed);
    cv_config_free(cfg);
}

static void
kafkas_standalone_file_is_accepted_and_needs_no_group(void **state)
{
    struct cv_config *cfg = config_of(standalone);
    struct cv_config_errors errors = { 0 };
    struct worker_config parsed;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(worker_config_parse(cfg, WORKER_STANDALONE, &parsed, &errors, &err), CV_OK);
    assert_string_equal(parsed.offset_file, "/tmp/connect.offsets");
    assert_null(parsed.group_id);
    for (size_t i = 0; i < cv_config_count(cfg); i++)
        assert_true(worker_config_is_known(cv_config_key(cfg, i)));
    worker_config_done(&parsed);

    cv_config_remove(cfg, "offset.storage.file.filename");
    assert_int_equal(worker_config_parse(cfg, WORKER_STANDALONE, &parsed, &errors, &err), CV_INVALID);
    assert_string_equal(err.text,
                        "Missing required configuration \"offset.storage.file.filename\" which has no default value.");
    worker_config_done(&parsed);
    cv_config_errors_done(&errors);
    cv_config_free(cfg);
}

static void
defaults_are_kafkas(void **state)
{
    struct cv_config *cfg = config_of(distributed);
    struct cv_config_errors errors = { 0 };
    struct worker_config parsed;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    cv_config_remove(cfg, "offset.flush.interval.ms");
    cv_config_remove(cfg, "config.storage.replication.factor");
    assert_int_equal(worker_config_parse(cfg, WORKER_DISTRIBUTED, &parsed, &errors, &err), CV_OK);
    assert_int_equal(parsed.offset_flush_interval_ms, 60000);
    assert_int_equal(parsed.offset_flush_timeout_ms, 5000);
    assert_int_equal(parsed.config_replication, 3);
    assert_int_equal(parsed.offset_partitions, 25);
    assert_int_equal(parsed.status_partitions, 5);
    assert_int_equal(parsed.session_timeout_ms, 10000);
    assert_int_equal(parsed.heartbeat_interval_ms, 3000);
    assert_int_equal(parsed.rebalance_timeout_ms, 60000);
    assert_int_equal(parsed.scheduled_rebalance_max_delay_ms, 300000);
    assert_int_equal(parsed.task_shutdown_timeout_ms, 5000);
    assert_int_equal(parsed.key_ttl_ms, 3600000);
    assert_int_equal(parsed.exactly_once, WORKER_EOS_DISABLED);
    assert_string_equal(parsed.override_policy, "All");
    assert_true(parsed.topic_creation_enable);
    assert_true(parsed.topic_tracking_enable);
    assert_true(parsed.topic_tracking_reset);
    assert_int_equal(parsed.listeners.count, 1);
    assert_string_equal(parsed.listeners.items[0], "http://:8083");
    assert_false(parsed.admin_listeners_given);
    worker_config_done(&parsed);
    cv_config_free(cfg);
}

static void
an_empty_admin_listeners_differs_from_none(void **state)
{
    struct cv_config *cfg = config_of(distributed);
    struct cv_config_errors errors = { 0 };
    struct worker_config parsed;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(cv_config_set(cfg, "admin.listeners", "", &err), CV_OK);
    assert_int_equal(worker_config_parse(cfg, WORKER_DISTRIBUTED, &parsed, &errors, &err), CV_OK);
    assert_true(parsed.admin_listeners_given);
    assert_int_equal(parsed.admin_listeners.count, 0);
    worker_config_done(&parsed);
    cv_config_free(cfg);
}

/* Every text names the key, the value where there is one, and what would be right. */
static void
wrong_values_are_refused_with_key_value_and_remedy(void **state)
{
    static const struct {
        const char *key, *value, *text;
    } cases[] = {
        { "group.id", NULL, "Missing required configuration \"group.id\" which has no default value." },
        { "key.converter", NULL, "Missing required configuration \"key.converter\" which has no default value." },
        { "session.timeout.ms", "10s",
          "Invalid value 10s for configuration session.timeout.ms: Not a number of type INT" },
        { "offset.flush.interval.ms", "0",
          "Invalid value 0 for configuration offset.flush.interval.ms: Value must be at least 1" },
        { "config.storage.replication.factor", "40000",
          "Invalid value 40000 for configuration config.storage.replication.factor: Not a number of type SHORT" },
        { "offset.storage.partitions", "-2",
          "Invalid value -2 for configuration offset.storage.partitions: Value must be at least -1" },
        { "topic.creation.enable", "maybe",
          "Invalid value maybe for configuration topic.creation.enable: Expected value to be either true or false" },
        { "connect.protocol", "fast",
          "Invalid value fast for configuration connect.protocol: String must be one of (case insensitive): EAGER, "
          "COMPATIBLE, SESSIONED" },
        { "culvert.task.memory.bytes", "1000",
          "Invalid value 1000 for configuration culvert.task.memory.bytes: Value must be at least 1048576" },
        { "heartbeat.interval.ms", "10000",
          "heartbeat.interval.ms (10000) must be below session.timeout.ms (10000); a third of it is usual" },
        { "offset.storage.topic", "connect-status",
          "topic \"connect-status\" is named twice; configs, offsets and statuses need a topic each" },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        struct cv_config_errors errors = { 0 };
        struct cv_err err = CV_ERR_INIT;

        assert_int_equal(parse_with(cases[i].key, cases[i].value, &errors, &err), CV_INVALID);
        assert_string_equal(err.text, cases[i].text);
        assert_true(errors.count >= 1); /* Kafka tells twice of what is no number: it is also missing then */
        for (size_t e = 0; e < errors.count; e++)
            assert_string_equal(errors.items[e].key, cases[i].key);
        cv_config_errors_done(&errors);
    }
}

static bool
has_error(const struct cv_config_errors *errors, const char *key)
{
    for (size_t i = 0; i < errors->count; i++)
        if (strcmp(errors->items[i].key, key) == 0)
            return true;
    return false;
}

static void
every_error_is_told_at_once(void **state)
{
    struct cv_config *cfg = config_of(distributed);
    struct cv_config_errors errors = { 0 };
    struct worker_config parsed;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    cv_config_remove(cfg, "group.id");                                                      /* of the second table */
    assert_int_equal(cv_config_set(cfg, "offset.flush.timeout.ms", "soon", &err), CV_OK); /* of the first */
    assert_int_equal(cv_config_set(cfg, "session.timeout.ms", "0", &err), CV_OK);
    assert_int_equal(worker_config_parse(cfg, WORKER_DISTRIBUTED, &parsed, &errors, &err), CV_INVALID);
    assert_true(has_error(&errors, "offset.flush.timeout.ms"));
    assert_true(has_error(&errors, "group.id"));
    assert_true(has_error(&errors, "session.timeout.ms"));
    assert_false(has_error(&errors, "heartbeat.interval.ms"));
    assert_string_equal(err.text, errors.items[0].text);
    worker_config_done(&parsed);
    cv_config_errors_done(&errors);
    cv_config_free(cfg);
}

static void
keys_that_nobody_reads_are_unknown(void **state)
{
    static const char *const known[] = {
        "producer.linger.ms", "consumer.max.poll.records", "admin.retries", "ssl.truststore.location",
        "listeners.https.ssl.keystore.location", "config.providers", "config.providers.file.class",
        "offset.storage.segment.bytes", "sasl.jaas.config", "plugin.path", "rest.advertised.port",
        "metrics.num.samples", "security.protocol", "offset.storage.file.filename", "metadata.max.age.ms",
    };
    static const char *const unknown[] = {
        "group.ids", "culvert.task.memory", "producer", "listener", "rest.extension", "ssl", "security.protocols",
        "plugin.paths", "tasks.max", "", "offset.flush.interval",
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(known); i++)
        if (!worker_config_is_known(known[i]))
            fail_msg("%s is not known", known[i]);
    for (size_t i = 0; i < CV_COUNT(unknown); i++)
        if (worker_config_is_known(unknown[i]))
            fail_msg("%s is known", unknown[i]);
}

/* A row whose default does not parse would be found by the first worker that starts. */
static void
every_row_is_documented_and_has_a_default_that_passes(void **state)
{
    const struct cv_config_def *tables[] = { worker_config_def, worker_distributed_def, worker_standalone_def };
    size_t rows = 0;

    (void)state;
    for (size_t t = 0; t < CV_COUNT(tables); t++)
        for (const struct cv_config_def *row = tables[t]; row->name != NULL; row++, rows++) {
            struct cv_err err = CV_ERR_INIT;

            if (row->doc == NULL || row->doc[0] == '\0' || row->doc[strlen(row->doc) - 1] != '.')
                fail_msg("%s has no sentence of documentation", row->name);
            if (row->check != NULL && row->def != NULL && row->check(row, row->def, &err) != CV_OK)
                fail_msg("%s: its default %s is refused: %s", row->name, row->def, err.text);
        }
    assert_in_range(rows, 50, 200);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kafkas_distributed_file_is_accepted),
        cmocka_unit_test(kafkas_standalone_file_is_accepted_and_needs_no_group),
        cmocka_unit_test(defaults_are_kafkas),
        cmocka_unit_test(an_empty_admin_listeners_differs_from_none),
        cmocka_unit_test(wrong_values_are_refused_with_key_value_and_remedy),
        cmocka_unit_test(every_error_is_told_at_once),
        cmocka_unit_test(keys_that_nobody_reads_are_unknown),
        cmocka_unit_test(every_row_is_documented_and_has_a_default_that_passes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
