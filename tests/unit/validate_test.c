/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker/validate.c against what Kafka Connect 4.1.0 answered: the rows of the file connectors
 * (tests/data/validate/file_connector_rows.txt), numbers of rows, and texts. The two connectors here have the rows
 * of Kafka's file connectors.
 */
#include "worker/validate.h"

#include "tests/helper/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/buf.h"
#include "common/secret.h"
#include "converters/converters.h"
#include "transforms/transforms.h"
#include "worker/plugins.h"
#include "worker/worker_config.h"

static const struct cv_config_def file_source_def[] = {
    { .name = "file", .type = CV_CONFIG_STRING, .importance = CV_HIGH, .offset = CV_NO_FIELD },
    { .name = "topic", .type = CV_CONFIG_STRING, .required = true, .check = cv_valid_non_empty,
      .importance = CV_HIGH, .offset = CV_NO_FIELD },
    { .name = "batch.size", .type = CV_CONFIG_INT, .def = "2000", .importance = CV_LOW, .offset = CV_NO_FIELD },
    { .name = "hidden.switch", .type = CV_CONFIG_INT, .def = "1", .internal = true, .offset = CV_NO_FIELD },
    CV_CONFIG_END
};

static const struct cv_config_def file_sink_def[] = {
    { .name = "file", .type = CV_CONFIG_STRING, .importance = CV_HIGH, .offset = CV_NO_FIELD },
    CV_CONFIG_END
};

static int validate_calls;

/* A check over the whole configuration, as a connector has one. */
static enum cv_rc
refuse_bad_file(const struct cv_config *cfg, struct cv_config_errors *errors, struct cv_err *err)
{
    const char *file = cv_config_get(cfg, "file");

    (void)err;
    validate_calls++;
    if (file != NULL && strcmp(file, "/bad") == 0)
        cv_config_errors_add(errors, "file", "file \"/bad\" cannot be read");
    return CV_OK;
}

static bool
never_exactly_once(const struct cv_config *cfg)
{
    (void)cfg;
    return false;
}

static const struct cv_source_ops source_ops = { .validate = refuse_bad_file, .exactly_once = never_exactly_once };
static const struct cv_sink_ops sink_ops = { .validate = NULL };

static const struct cv_plugin file_source = { .api = CV_PLUGIN_API, .kind = CV_SOURCE,
                                              .name = "org.apache.kafka.connect.file.FileStreamSourceConnector",
                                              .version = "4.1.0", .config = file_source_def,
                                              .source = &source_ops };
static const struct cv_plugin file_sink = { .api = CV_PLUGIN_API, .kind = CV_SINK,
                                            .name = "org.apache.kafka.connect.file.FileStreamSinkConnector",
                                            .version = "4.1.0", .config = file_sink_def, .sink = &sink_ops };

/* A stranger's, from a plugin.path: its name does not hide it. */
static const struct cv_plugin community_converter = { .api = CV_PLUGIN_API, .kind = CV_CONVERTER,
                                                      .name = "io.debezium.community.PlainConverter",
                                                      .version = "1" };

static const struct cv_plugin *const plugin_list[] = {
    &file_source, &file_sink, &json_converter_plugin, &json_header_converter_plugin, &string_converter_plugin,
    &string_header_converter_plugin, &simple_header_converter_plugin, &regex_router_plugin,
    &topic_name_matches_plugin, &record_is_tombstone_plugin, &binary_data_converter_plugin, &community_converter, NULL
};

struct bench {
    struct plugins *plugins;
    struct cv_secrets *secrets;
    struct worker_config worker;
    struct validate_spec spec;
};

static int
bench_up(void **state)
{
    static struct bench bench;
    struct cv_config *worker = cv_config_new();
    struct cv_err err = CV_ERR_INIT;

    memset(&bench, 0, sizeof(bench));
    assert_int_equal(plugins_new(plugin_list, &bench.plugins, &err), CV_OK);
    assert_int_equal(cv_secrets_new(worker, &bench.secrets, &err), CV_OK);
    bench.worker.key_converter = (char *)(uintptr_t)json_converter_plugin.name;
    bench.worker.value_converter = (char *)(uintptr_t)json_converter_plugin.name;
    bench.worker.header_converter = (char *)(uintptr_t)simple_header_converter_plugin.name;
    bench.worker.group_id = (char *)(uintptr_t)"connect-cluster";
    bench.worker.override_policy = (char *)(uintptr_t)"All";
    bench.spec = (struct validate_spec){ bench.plugins, bench.secrets, &bench.worker };
    cv_config_free(worker);
    *state = &bench;
    return 0;
}

static int
bench_down(void **state)
{
    struct bench *bench = *state;

    plugins_free(bench->plugins);
    cv_secrets_free(bench->secrets);
    return 0;
}

/* "key=value" lines; "key!" is a null. */
static struct cv_config *
config_of(const char *text)
{
    struct cv_config *cfg = cv_config_new();
    struct cv_err err = CV_ERR_INIT;
    char *copy = strdup(text), *save = NULL;

    for (char *line = strtok_r(copy, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
        char *eq = strchr(line, '=');

        if (eq == NULL) {
            line[strlen(line) - 1] = '\0';
            assert_int_equal(cv_config_set(cfg, line, NULL, &err), CV_OK);
        } else {
            *eq = '\0';
            assert_int_equal(cv_config_set(cfg, line, eq + 1, &err), CV_OK);
        }
    }
    free(copy);
    return cfg;
}

static struct config_infos
validated(void **state, const char *kind, const char *text)
{
    struct bench *bench = *state;
    struct cv_config *cfg = config_of(text);
    struct config_infos infos = { .name = NULL };
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(cv_config_set(cfg, "connector.class", kind, &err), CV_OK);
    if (validate_connector(&bench->spec, cfg, &infos, &err) != CV_OK)
        fail_msg("%s", err.text);
    cv_config_free(cfg);
    return infos;
}

static const struct config_info *
row(const struct config_infos *infos, const char *name)
{
    for (size_t i = 0; i < infos->count; i++)
        if (strcmp(infos->items[i].name, name) == 0)
            return &infos->items[i];
    fail_msg("no row %s", name);
    return NULL;
}

/* ---- texts ---- */

struct text_case {
    const char *kind;
    const char *config;
    int errors;       /* error_count */
    size_t rows;      /* entries of configs */
    const char *text; /* all messages, in order, each on a line */
};

#define SOURCE "FileStreamSource"
#define SINK   "FileStreamSink"
#define GOOD   "name=v\ntopic=t\n"
#define JSON   "org.apache.kafka.connect.json.JsonConverter"
#define BINARY "io.debezium.converters.BinaryDataConverter"
#define ROUTER "transforms=h\ntransforms.h.type=org.apache.kafka.connect.transforms.RegexRouter\n"

static const struct text_case text_cases[] = {
    { SOURCE, GOOD, 0, 27, "" },
    { SOURCE, "", 2, 27,
      "Missing required configuration \"name\" which has no default value.\n"
      "Missing required configuration \"topic\" which has no default value.\n" },
    { SOURCE, GOOD "tasks.max=x", 2, 27,
      "Invalid value x for configuration tasks.max: Not a number of type INT\n"
      "Invalid value null for configuration tasks.max: Value must be non-null\n" },
    { SOURCE, GOOD "tasks.max=0", 1, 27, "Invalid value 0 for configuration tasks.max: Value must be at least 1\n" },
    { SOURCE, GOOD "tasks.max!", 2, 27,
      "Invalid value null for configuration tasks.max: Value must be non-null\n"
      "Null value can not be supplied as the configuration value.\n" },
    { SOURCE, "name=\ntopic=t", 1, 27, "Invalid value  for configuration name: String may not be empty\n" },
    { SOURCE, "name=a\007b\ntopic=t", 1, 27,
      "Invalid value a\007b for configuration name: String may not contain control sequences but had the following "
      "ASCII chars: 7\n" },
    { SOURCE, "name=a\302\205b\ntopic=t", 1, 27,
      "Invalid value a\302\205b for configuration name: String may not contain control sequences but had the "
      "following ASCII chars: 133\n" },
    { SOURCE, "name=\303\274\344\270\255\ntopic=t", 0, 27, "" },
    { SOURCE, GOOD "batch.size=2147483648", 1, 27,
      "Invalid value 2147483648 for configuration batch.size: Not a number of type INT\n" },
    { SOURCE, GOOD "errors.tolerance=ALL", 1, 27,
      "Invalid value ALL for configuration errors.tolerance: String must be one of: none, all\n" },
    { SOURCE, GOOD "errors.log.enable=1", 1, 27,
      "Invalid value 1 for configuration errors.log.enable: Expected value to be either true or false\n" },
    { SOURCE, GOOD "x!", 1, 28, "Null value can not be supplied as the configuration value.\n" },
    { SOURCE, GOOD "file!", 0, 27, "" },
    { SOURCE, GOOD "zzz=1", 0, 27, "" },
    { SOURCE, GOOD "key.converter=NoSuch", 1, 27,
      "Invalid value NoSuch for configuration key.converter: Class NoSuch could not be found.\n" },
    { SOURCE, GOOD "key.converter=org.apache.kafka.connect.storage.StringConverter", 0, 29, "" },
    { SOURCE, GOOD "value.converter=JsonConverter", 0, 32, "" },
    { SOURCE,
      GOOD "value.converter=" JSON
           "\nvalue.converter.schemas.enable=maybe\nvalue.converter.schemas.cache.size=x",
      2, 32,
      "Invalid value x for configuration schemas.cache.size: Not a number of type INT\n"
      "Invalid value maybe for configuration schemas.enable: Expected value to be either true or false\n" },
    { SOURCE, GOOD "header.converter=org.apache.kafka.connect.storage.SimpleHeaderConverter", 0, 27, "" },
    { SOURCE, GOOD "value.converter=org.apache.kafka.connect.transforms.RegexRouter", 1, 27,
      "Class class org.apache.kafka.connect.transforms.RegexRouter does not implement the Converter interface\n" },
    { SOURCE, GOOD "producer.override.acks=7\nproducer.override.linger.ms=5\nadmin.override.x=y", -1, 29, NULL },
    { SOURCE, GOOD "exactly.once.support=required", 2, 27,
      "This worker does not have exactly-once source support enabled.\n"
      "The connector does not support exactly-once semantics with the provided configuration.\n" },
    { SOURCE, GOOD "exactly.once.support=maybe", 1, 27,
      "Invalid value maybe for configuration exactly.once.support: String must be one of (case insensitive): "
      "REQUIRED, REQUESTED\n" },
    { SOURCE, GOOD "transaction.boundary=CONNECTOR\ntransaction.boundary.interval.ms=-1", 2, 27,
      "The connector does not support connector-defined transaction boundaries with the given configuration. "
      "Please reconfigure it to use a different transaction boundary definition.\n"
      "Invalid value -1 for configuration transaction.boundary.interval.ms: Value must be at least 0\n" },
    { SOURCE, GOOD "offsets.storage.topic=", 1, 27,
      "Invalid value  for configuration offsets.storage.topic: String must be non-empty\n" },
    { SOURCE, GOOD "offsets.storage.topic=mine", 0, 27, "" },
    { SOURCE, GOOD "topic.creation.groups=g, g", 1, 27,
      "Invalid value [g, g] for configuration topic.creation.groups: Duplicate alias provided.\n" },
    { SOURCE, GOOD "connector.plugin.version=9.9.9", 1, 27,
      "Plugin org.apache.kafka.connect.file.FileStreamSourceConnector not found that matches the version range "
      "[9.9.9,9.9.9], available versions: [4.1.0]\n" },
    { SOURCE, GOOD "connector.plugin.version=[4.0,5.0)", 0, 27, "" },
    { SOURCE, GOOD "hidden.switch=x", 1, 28,
      "Invalid value x for configuration hidden.switch: Not a number of type INT\n" },
    { SINK, "name=v\ntopics=t", 0, 25, "" },
    { SINK, "name=v", 2, 25,
      "Must configure one of topics or topics.regex\nMust configure one of topics or topics.regex\n" },
    { SINK, "name=v\ntopics=t\ntopics.regex=a.*", 2, 25,
      "topics and topics.regex are mutually exclusive options, but both are set.\n"
      "topics and topics.regex are mutually exclusive options, but both are set.\n" },
    { SINK, "name=v\ntopics=,", 0, 25, "" },
    { SINK, "name=v\ntopics=a,b\nerrors.deadletterqueue.topic.name=b", 1, 25,
      "The DLQ topic 'b' may not be included in the list of topics ('topics=[a, b]') consumed by the connector\n" },
    { SINK, "name=v\ntopics=a\nerrors.deadletterqueue.topic.name=b", 0, 25, "" },
    { SINK, "name=v\ntopics.regex=b.*\nerrors.deadletterqueue.topic.name=bb", 1, 25,
      "The DLQ topic 'bb' may not be matched by the regex for the topics ('topics.regex=b.*') consumed by the "
      "connector\n" },
    { SINK, "name=v\ntopics=t\nconsumer.override.group.id=connect-cluster", 1, 27,
      "Consumer group connect-cluster conflicts with Connect worker group connect-cluster\n" },
    { SINK, "name=cluster\ntopics=t", 1, 25,
      "Consumer group for sink connector named cluster conflicts with Connect worker group connect-cluster\n" },
    { SOURCE, GOOD "transforms=h", 1, 29,
      "Missing required configuration \"transforms.h.type\" which has no default value.\n" },
    { SOURCE, GOOD "transforms=h\ntransforms.h.type=", 1, 29,
      "Invalid value  for configuration transforms.h.type: Class  could not be found.\n" },
    { SOURCE, GOOD ROUTER "transforms.h.regex=a\ntransforms.h.replacement=b", 0, 33, "" },
    { SOURCE, GOOD ROUTER "transforms.h.replacement=b", 1, 33,
      "Missing required configuration \"transforms.h.regex\" which has no default value.\n" },
    { SOURCE, GOOD ROUTER "transforms.h.regex=a\ntransforms.h.replacement=b\ntransforms.h.negate=maybe\n"
                          "transforms.h.predicate=",
      1, 33, "Invalid value maybe for configuration transforms.h.negate: Expected value to be either true or false\n" },
    { SOURCE, GOOD ROUTER "transforms.h.regex=a\ntransforms.h.replacement=b\ntransforms.h.negate=true", 1, 33,
      "Config 'transforms.h.negate' was provided but there is no config 'transforms.h.predicate' defining a predicate "
      "to be negated.\n" },
    { SOURCE, GOOD "predicates=p", 1, 29,
      "Missing required configuration \"predicates.p.type\" which has no default value.\n" },
    { SOURCE, GOOD "predicates=p\npredicates.p.type=RecordIsTombstone", 0, 29, "" },
    { SOURCE, GOOD "predicates=p\npredicates.p.type=org.apache.kafka.connect.transforms.RegexRouter", 1, 29,
      "Class class org.apache.kafka.connect.transforms.RegexRouter does not implement the Predicate interface\n" },
};

static void
every_error_has_connects_text_and_place(void **state)
{
    for (size_t c = 0; c < CV_COUNT(text_cases); c++) {
        const struct text_case *tc = &text_cases[c];
        struct config_infos infos = validated(state, tc->kind, tc->config);
        struct cv_buf texts = CV_BUF_INIT(65536);

        for (size_t i = 0; i < infos.count; i++)
            for (size_t e = 0; e < infos.items[i].n_errors; e++)
                cv_buf_printf(&texts, "%s\n", infos.items[i].errors[e]);
        if (tc->text != NULL && strcmp(cv_buf_cstr(&texts), tc->text) != 0)
            fail_msg("%s:\nis:\n%s\nnot:\n%s", tc->config, cv_buf_cstr(&texts), tc->text);
        if (tc->errors >= 0 && infos.error_count != tc->errors)
            fail_msg("%s: %d errors", tc->config, infos.error_count);
        if (infos.count != tc->rows)
            fail_msg("%s: %zu rows", tc->config, infos.count);
        assert_string_equal(infos.name, tc->kind);
        cv_buf_free(&texts);
        config_infos_done(&infos);
    }
}

/* ---- rows ---- */

static const char *
type_text(enum cv_config_type type)
{
    static const char *const names[] = { "BOOLEAN", "STRING", "INT",   "SHORT",    "LONG",
                                         "DOUBLE",  "LIST",   "CLASS", "PASSWORD", "STRING" };

    return names[type];
}

static void
print_row(const char *kind, const struct config_info *info, struct cv_buf *out)
{
    static const char *const importances[] = { "HIGH", "MEDIUM", "LOW" };
    static const char *const widths[] = { "NONE", "SHORT", "MEDIUM", "LONG" };
    const struct cv_config_def *def = info->def;
    bool version = strcmp(info->name, "connector.plugin.version") == 0;

    cv_buf_printf(out, "%s|%s|%s|%s|%s%s|%s|%s|%s|%s|%d\n", kind, info->name, type_text(def->type),
                  def->required ? "true" : "false", def->def == NULL ? "" : "=",
                  def->def == NULL ? "null" : version ? "${version}" : def->def, importances[def->importance],
                  def->group == NULL ? "-" : def->group, widths[def->width],
                  def->display == NULL ? info->name : def->display, def->group == NULL ? -1 : info->order);
}

static void
the_rows_of_a_connector_are_those_that_connect_publishes(void **state)
{
    struct bench *bench = *state;
    const struct cv_plugin *plugins[] = { &file_source, &file_sink };
    struct cv_buf is = CV_BUF_INIT(65536), want = CV_BUF_INIT(65536);
    FILE *file = fopen(TEST_DATA "/validate/file_connector_rows.txt", "r");
    char line[1024];

    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL)
        if (line[0] != '#')
            cv_buf_str(&want, line);
    fclose(file);
    for (size_t p = 0; p < CV_COUNT(plugins); p++) {
        struct config_infos infos = { .name = NULL };
        struct cv_err err = CV_ERR_INIT;

        assert_int_equal(validate_plugin_rows(bench->plugins, plugins[p], &infos, &err), CV_OK);
        for (size_t i = 0; i < infos.count; i++)
            print_row(p == 0 ? "source" : "sink", &infos.items[i], &is);
        config_infos_done(&infos);
    }
    assert_string_equal(cv_buf_cstr(&is), cv_buf_cstr(&want));
    cv_buf_free(&is);
    cv_buf_free(&want);
}

static void
values_are_shown_trimmed_and_with_defaults(void **state)
{
    struct config_infos infos =
        validated(state, SINK, "name=v\ntopics=a, b ,c\ntasks.max= 3 \nvalue.converter=JsonConverter");

    assert_string_equal(row(&infos, "topics")->value, "a,b,c");
    assert_string_equal(row(&infos, "tasks.max")->value, "3");
    assert_string_equal(row(&infos, "errors.tolerance")->value, "none");
    assert_string_equal(row(&infos, "key.converter")->value, JSON);
    assert_string_equal(row(&infos, "key.converter")->def->def, JSON);
    assert_string_equal(row(&infos, "value.converter")->value, JSON);
    assert_string_equal(row(&infos, "connector.plugin.version")->value, "4.1.0");
    assert_string_equal(row(&infos, "value.converter.converter.type")->value, "value");
    assert_null(row(&infos, "file")->value);
    config_infos_done(&infos);
}

static void
an_unadvertised_class_is_taken_but_not_recommended(void **state)
{
    struct config_infos infos =
        validated(state, SINK, "name=v\ntopics=a\nkey.converter=" BINARY "\nheader.converter=JsonConverter");
    const struct config_info *info = row(&infos, "key.converter");

    assert_string_equal(info->value, BINARY);
    assert_int_equal(info->n_errors, 0);
    assert_int_equal(info->n_recommended, 3);
    assert_string_equal(info->recommended[0], "io.debezium.community.PlainConverter");
    assert_string_equal(info->recommended[1], JSON);
    assert_string_equal(info->recommended[2], "org.apache.kafka.connect.storage.StringConverter");
    config_infos_done(&infos);
}

static void
each_alias_has_a_group_whose_rows_are_numbered(void **state)
{
    static const char *const names[] = { "type", "plugin.version", "regex", "replacement", "negate", "predicate" };
    struct config_infos infos =
        validated(state, SOURCE, GOOD ROUTER "transforms.h.regex=a\ntransforms.h.replacement=b");
    char name[64];

    for (size_t i = 0; i < CV_COUNT(names); i++) {
        snprintf(name, sizeof(name), "transforms.h.%s", names[i]);
        assert_int_equal(row(&infos, name)->order, i);
        assert_string_equal(row(&infos, name)->group, "Transforms: h");
        assert_string_equal(infos.items[24 + i].name, name);
    }
    assert_string_equal(row(&infos, "transforms.h.type")->def->display, "Transformation type for h");
    assert_string_equal(infos.groups[infos.n_groups - 1], "Transforms: h");
    assert_string_equal(infos.items[infos.count - 1].name, "batch.size");
    config_infos_done(&infos);
}

static void
the_connectors_own_check_runs_once_the_rows_are_right(void **state)
{
    struct config_infos infos;

    validate_calls = 0;
    infos = validated(state, SOURCE, GOOD "file=/bad\ntasks.max=0");
    assert_int_equal(validate_calls, 0);
    config_infos_done(&infos);
    infos = validated(state, SOURCE, GOOD "file=/bad");
    assert_int_equal(validate_calls, 1);
    assert_int_equal(infos.error_count, 1);
    assert_string_equal(row(&infos, "file")->errors[0], "file \"/bad\" cannot be read");
    config_infos_done(&infos);
}

static void
a_policy_refuses_overrides_by_name(void **state)
{
    struct bench *bench = *state;
    struct config_infos infos;

    bench->worker.override_policy = (char *)(uintptr_t)"None";
    infos = validated(state, SOURCE, GOOD "producer.override.linger.ms=5");
    assert_int_equal(infos.error_count, 1);
    assert_string_equal(row(&infos, "producer.override.linger.ms")->errors[0],
                        "The 'None' policy does not allow 'linger.ms' to be overridden in the connector "
                        "configuration.");
    config_infos_done(&infos);
    bench->worker.override_policy = (char *)(uintptr_t)"Principal";
    infos = validated(state, SINK, "name=v\ntopics=t\nconsumer.override.sasl.mechanism=PLAIN");
    assert_int_equal(infos.error_count, 0);
    config_infos_done(&infos);
}

static void
a_login_that_does_not_parse_is_refused_without_showing_it(void **state)
{
    struct config_infos infos = validated(
        state, SOURCE, GOOD "producer.override.sasl.jaas.config=PlainLoginModule username=u password=hush");
    const struct config_info *info = row(&infos, "producer.override.sasl.jaas.config");

    assert_int_equal(infos.error_count, 1);
    assert_int_equal(info->n_errors, 1);
    assert_string_equal(info->errors[0], "Invalid value [hidden] for configuration "
                                         "producer.override.sasl.jaas.config: has no control flag (required) behind "
                                         "the login module");
    assert_true(info->password);
    config_infos_done(&infos);
    infos = validated(state, SOURCE,
                      GOOD "producer.override.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule "
                           "required username=u password=hush;");
    assert_int_equal(infos.error_count, 0);
    config_infos_done(&infos);
}

static void
overrides_cannot_name_the_token_endpoint(void **state)
{
    struct config_infos infos = validated(
        state, SOURCE, GOOD "producer.override.sasl.oauthbearer.token.endpoint.url=http://127.0.0.1:1/");
    const struct config_info *info = row(&infos, "producer.override.sasl.oauthbearer.token.endpoint.url");

    assert_int_equal(infos.error_count, 1);
    assert_int_equal(info->n_errors, 1);
    assert_non_null(strstr(info->errors[0], "only the worker's file may name the token endpoint"));
    config_infos_done(&infos);
    infos = validated(state, SOURCE,
                      GOOD "producer.override.sasl.oauthbearer.assertion.private.key.file=/etc/ssl/private/host.key");
    assert_int_equal(infos.error_count, 1);
    assert_non_null(strstr(row(&infos, "producer.override.sasl.oauthbearer.assertion.private.key.file")->errors[0],
                           "only the worker's file may say what the worker reads and signs"));
    config_infos_done(&infos);
}

static void
a_transactional_id_is_refused_where_there_are_no_transactions(void **state)
{
    struct bench *bench = *state;
    struct config_infos infos = validated(state, SOURCE, GOOD "producer.override.transactional.id=mine");
    const struct config_info *info = row(&infos, "producer.override.transactional.id");

    assert_int_equal(infos.error_count, 1);
    assert_int_equal(info->n_errors, 1);
    assert_string_equal(info->errors[0],
                        "Invalid value mine for configuration producer.override.transactional.id: the producers of "
                        "this worker have no transactions; remove the key, or set exactly.once.source.support=enabled "
                        "in the worker's file, which chooses the id itself");
    config_infos_done(&infos);
    bench->worker.exactly_once = WORKER_EOS_ENABLED; /* there it is told and not followed, as in Kafka Connect */
    infos = validated(state, SOURCE, GOOD "producer.override.transactional.id=mine");
    assert_int_equal(infos.error_count, 0);
    config_infos_done(&infos);
}

static void
overrides_that_run_code_are_refused_and_secrets_hidden(void **state)
{
    struct config_infos infos = validated(
        state, SINK, "name=v\ntopics=t\nconsumer.override.plugin.library.paths=x\nconsumer.override.ssl.key.password=s");

    assert_int_equal(infos.error_count, 1);
    assert_int_equal(row(&infos, "consumer.override.plugin.library.paths")->n_errors, 1);
    assert_true(row(&infos, "consumer.override.ssl.key.password")->password);
    config_infos_done(&infos);
}

static void
without_a_class_there_is_nothing_to_validate_with(void **state)
{
    struct bench *bench = *state;
    struct cv_config *cfg = config_of("name=bad\na=b\npassword=x");
    struct config_infos infos = { .name = NULL };
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(validate_connector(&bench->spec, cfg, &infos, &err), CV_INVALID);
    assert_string_equal(err.text, "Connector config {name=bad, a=b, password=[hidden]} contains no connector type");
    assert_null(infos.name);
    assert_int_equal(cv_config_set(cfg, "connector.class", "NoSuch", &err), CV_OK);
    assert_int_equal(validate_connector(&bench->spec, cfg, &infos, &err), CV_INVALID);
    assert_non_null(strstr(err.text, "Failed to find any class that implements Connector and which name matches "
                                     "NoSuch, available connectors are: PluginDesc{"));
    assert_null(infos.items);
    cv_config_free(cfg);
}

static void
the_message_lists_all_errors(void **state)
{
    struct config_infos infos = validated(state, SOURCE, "name=bad\ntasks.max=0\nerrors.tolerance=y");
    struct cv_buf text = CV_BUF_INIT(4096);

    config_infos_message(&infos, &text);
    assert_string_equal(cv_buf_cstr(&text),
                        "Connector configuration is invalid and contains the following 3 error(s):\n"
                        "Invalid value 0 for configuration tasks.max: Value must be at least 1\n"
                        "Invalid value y for configuration errors.tolerance: String must be one of: none, all\n"
                        "Missing required configuration \"topic\" which has no default value.\n"
                        "You can also find the above list of errors at the endpoint "
                        "`/connector-plugins/{connectorType}/config/validate`");
    cv_buf_free(&text);
    config_infos_done(&infos);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_up, bench_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_error_has_connects_text_and_place),
        TEST(the_rows_of_a_connector_are_those_that_connect_publishes),
        TEST(values_are_shown_trimmed_and_with_defaults),
        TEST(an_unadvertised_class_is_taken_but_not_recommended),
        TEST(each_alias_has_a_group_whose_rows_are_numbered),
        TEST(the_connectors_own_check_runs_once_the_rows_are_right),
        TEST(a_policy_refuses_overrides_by_name),
        TEST(a_login_that_does_not_parse_is_refused_without_showing_it),
        TEST(overrides_cannot_name_the_token_endpoint),
        TEST(a_transactional_id_is_refused_where_there_are_no_transactions),
        TEST(overrides_that_run_code_are_refused_and_secrets_hidden),
        TEST(without_a_class_there_is_nothing_to_validate_with),
        TEST(the_message_lists_all_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
