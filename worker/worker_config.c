/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker's options, in three tables: what both modes have, what a distributed worker adds, what a standalone one
 * adds. docs/configuration.md is made from them.
 */
#include <config.h>

#include "worker/worker_config.h"

#include <stdlib.h>
#include <string.h>

static const char *const protocol_names[] = { "eager", "compatible", "sessioned", NULL };
static const char *const error_code_names[] = { "http", "connect", NULL };
static const char *const eos_names[] = { "disabled", "preparing", "enabled", NULL };

#define FIELD(name) offsetof(struct worker_config, name)
#define POSITIVE    &(const struct cv_range){ 1, INT32_MAX }
#define NOT_NEGATIVE &(const struct cv_range){ 0, INT64_MAX }
#define OR_DEFAULT  &(const struct cv_range){ -1, 32767 }

/* A row: name, type, default, importance, documentation, field, and what else it needs. */
#define ROW(n, t, d, i, text, f, ...)                                                                        \
    { .name = n, .type = CV_CONFIG_##t, .def = d, .importance = CV_##i, .doc = text, .offset = f, __VA_ARGS__ }
#define REQUIRED(n, t, text, f)                                                                              \
    { .name = n, .type = CV_CONFIG_##t, .required = true, .importance = CV_HIGH, .doc = text, .offset = f }

const struct cv_config_def worker_config_def[] = {
    ROW("bootstrap.servers", LIST, "localhost:9092", HIGH, "Kafka servers to begin with, host:port.",
        FIELD(bootstrap_servers)),
    ROW("client.id", STRING, "", LOW, "Name of this worker's Kafka clients.", FIELD(client_id)),
    REQUIRED("key.converter", CLASS, "Converter of record keys, unless a connector names its own.",
             FIELD(key_converter)),
    REQUIRED("value.converter", CLASS, "Converter of record values, unless a connector names its own.",
             FIELD(value_converter)),
    ROW("header.converter", CLASS, "org.apache.kafka.connect.storage.SimpleHeaderConverter", LOW,
        "Converter of record headers, unless a connector names its own.", FIELD(header_converter)),
    ROW("request.timeout.ms", INT, "40000", MEDIUM, "Limit for one request to Kafka.",
        FIELD(request_timeout_ms), .check = cv_valid_range, .arg = POSITIVE),
    ROW("retry.backoff.ms", LONG, "100", LOW, "Pause before a failed request is sent again.",
        FIELD(retry_backoff_ms), .check = cv_valid_range, .arg = NOT_NEGATIVE),
    ROW("task.shutdown.graceful.timeout.ms", LONG, "5000", LOW,
        "How long stopping waits for all tasks together.", FIELD(task_shutdown_timeout_ms),
        .check = cv_valid_range, .arg = NOT_NEGATIVE),
    ROW("offset.flush.interval.ms", LONG, "60000", LOW, "Time between two commits of source and sink offsets.",
        FIELD(offset_flush_interval_ms), .check = cv_valid_range, .arg = &(const struct cv_range){ 1, INT64_MAX }),
    ROW("offset.flush.timeout.ms", LONG, "5000", LOW, "How long such a commit may take.",
        FIELD(offset_flush_timeout_ms), .check = cv_valid_range, .arg = NOT_NEGATIVE),
    ROW("connector.client.config.override.policy", STRING, "All", MEDIUM,
        "Which client settings a connector may set: All (of the allowlist), Principal or None.",
        FIELD(override_policy)),
    ROW("topic.creation.enable", BOOLEAN, "true", LOW, "Whether topic.creation settings of connectors count.",
        FIELD(topic_creation_enable)),
    ROW("topic.tracking.enable", BOOLEAN, "true", LOW, "Whether the topics of a connector are recorded.",
        FIELD(topic_tracking_enable)),
    ROW("topic.tracking.allow.reset", BOOLEAN, "true", LOW, "Whether that record may be reset by REST.",
        FIELD(topic_tracking_reset)),
    ROW("culvert.task.memory.bytes", LONG, "8388608", MEDIUM,
        "Bound of the memory that one source task holds in records on their way to Kafka.",
        FIELD(task_memory_bytes), .check = cv_valid_range,
        .arg = &(const struct cv_range){ 1048576, INT64_C(1) << 40 }),
    ROW("listeners", LIST, "http://:8083", LOW, "Addresses of the REST API: http://host:port, https://host:port.",
        FIELD(listeners)),
    ROW("rest.advertised.host.name", STRING, NULL, LOW, "Host name that other workers are told.",
        FIELD(advertised_host)),
    ROW("rest.advertised.port", INT, NULL, LOW, "Port that other workers are told.", FIELD(advertised_port)),
    ROW("rest.advertised.listener", STRING, NULL, LOW, "Which listener other workers are told: http or https.",
        FIELD(advertised_listener)),
    ROW("admin.listeners", LIST, NULL, LOW,
        "Addresses of the admin API; unset: with the others; empty: nowhere.", FIELD(admin_listeners)),
    ROW("access.control.allow.origin", STRING, "", LOW, "Origins that browsers may call from.",
        FIELD(cors_origin)),
    ROW("access.control.allow.methods", STRING, "", LOW, "Methods that such calls may use.",
        FIELD(cors_methods)),
    ROW("response.http.headers.config", STRING, "", LOW, "Headers added to every answer.",
        FIELD(response_headers)),
    ROW("rest.extension.classes", LIST, "", LOW, "Extensions of the REST API.", FIELD(rest_extensions)),
    ROW("rest.basic.auth.jaas.file", STRING, NULL, LOW,
        "JAAS file of the basic authentication extension; unset: that of KAFKA_OPTS, as in Java.",
        CV_NO_FIELD),
    ROW("rest.error.codes", ENUM, "http", LOW,
        "Error codes in the bodies of errors: those of the HTTP status, or Connect's own where it differs.",
        CV_NO_FIELD, .names = error_code_names),
    ROW("plugin.path", LIST, NULL, LOW,
        "Folders and files of plugins that are shared libraries (.so); see docs/plugins.md. Jars are passed over.",
        FIELD(plugin_path)),
    ROW("culvert.connectors", LIST, "", LOW,
        "Built-in connectors that are there on request only, by name, * for all: VerifiableSource, VerifiableSink, "
        "SchemaSource, MockSource and MockSink, which tests of Connect clusters use, and MirrorHeartbeat.",
        FIELD(connectors)),
    ROW("plugin.discovery", STRING, "hybrid_warn", LOW, "How a Java worker finds plugins; without meaning here.",
        CV_NO_FIELD),
    ROW("config.providers", LIST, "", LOW,
        "Names of config providers; each needs config.providers.NAME.class. Unset: env, file and directory are there, "
        "the last two for paths in their param.allowed.paths only.",
        CV_NO_FIELD),
    ROW("metrics.sample.window.ms", LONG, "30000", LOW, "Window of rates, averages and maxima in metrics.",
        FIELD(metrics_window_ms), .check = cv_valid_range, .arg = &(const struct cv_range){ 1, INT64_MAX }),
    ROW("metrics.num.samples", INT, "2", LOW, "How many such windows count.", FIELD(metrics_samples),
        .check = cv_valid_range, .arg = &(const struct cv_range){ 1, 100 }),
    ROW("metrics.dialects", LIST, "plain", LOW,
        "Whose names GET /metrics prints: plain (the JMX exporter's example rules, and Strimzi's), confluent, strimzi "
        "(its metrics reporter), debezium (its examples).",
        CV_NO_FIELD),
    ROW("metrics.recording.level", STRING, "INFO", LOW, "A Java worker's; without meaning here.", CV_NO_FIELD),
    ROW("metric.reporters", LIST, "", LOW, "A Java worker's; without meaning here: GET /metrics is always there.",
        CV_NO_FIELD),
    CV_CONFIG_END,
};

const struct cv_config_def worker_distributed_def[] = {
    REQUIRED("group.id", STRING, "Name of the Connect cluster: workers with the same name share the work.",
             FIELD(group_id)),
    REQUIRED("config.storage.topic", STRING, "Topic with the connectors' configurations.", FIELD(config_topic)),
    REQUIRED("offset.storage.topic", STRING, "Topic with the source connectors' offsets.", FIELD(offset_topic)),
    REQUIRED("status.storage.topic", STRING, "Topic with the states of connectors and tasks.",
             FIELD(status_topic)),
    ROW("config.storage.replication.factor", SHORT, "3", LOW,
        "Replication of the config topic when it is created; -1 is the broker's default.",
        FIELD(config_replication), .check = cv_valid_range, .arg = OR_DEFAULT),
    ROW("offset.storage.replication.factor", SHORT, "3", LOW,
        "Replication of the offset topic when it is created; -1 is the broker's default.",
        FIELD(offset_replication), .check = cv_valid_range, .arg = OR_DEFAULT),
    ROW("offset.storage.partitions", INT, "25", LOW, "Partitions of the offset topic when it is created.",
        FIELD(offset_partitions), .check = cv_valid_range, .arg = OR_DEFAULT),
    ROW("status.storage.replication.factor", SHORT, "3", LOW,
        "Replication of the status topic when it is created; -1 is the broker's default.",
        FIELD(status_replication), .check = cv_valid_range, .arg = OR_DEFAULT),
    ROW("status.storage.partitions", INT, "5", LOW, "Partitions of the status topic when it is created.",
        FIELD(status_partitions), .check = cv_valid_range, .arg = OR_DEFAULT),
    ROW("session.timeout.ms", INT, "10000", HIGH,
        "A worker that is silent for so long has left the group.", FIELD(session_timeout_ms),
        .check = cv_valid_range, .arg = POSITIVE),
    ROW("heartbeat.interval.ms", INT, "3000", HIGH, "Time between two heartbeats to the group.",
        FIELD(heartbeat_interval_ms), .check = cv_valid_range, .arg = POSITIVE),
    ROW("rebalance.timeout.ms", INT, "60000", HIGH, "How long a rebalance waits for a worker.",
        FIELD(rebalance_timeout_ms), .check = cv_valid_range, .arg = POSITIVE),
    ROW("worker.sync.timeout.ms", INT, "3000", MEDIUM,
        "How long a worker that is behind reads the config topic before it leaves the group.",
        FIELD(worker_sync_timeout_ms), .check = cv_valid_range, .arg = POSITIVE),
    ROW("worker.unsync.backoff.ms", INT, "300000", MEDIUM, "How long it then stays away.",
        FIELD(worker_unsync_backoff_ms), .check = cv_valid_range, .arg = POSITIVE),
    ROW("scheduled.rebalance.max.delay.ms", INT, "300000", LOW,
        "How long the work of a lost worker waits for it to come back.",
        FIELD(scheduled_rebalance_max_delay_ms), .check = cv_valid_range,
        .arg = &(const struct cv_range){ 0, INT32_MAX }),
    ROW("connect.protocol", ENUM, "sessioned", LOW, "Group protocol: eager, compatible or sessioned.",
        FIELD(connect_protocol), .names = protocol_names),
    ROW("exactly.once.source.support", ENUM, "disabled", HIGH,
        "Exactly-once source connectors: disabled, preparing or enabled.", FIELD(exactly_once),
        .names = eos_names),
    ROW("inter.worker.key.generation.algorithm", STRING, "HmacSHA256", LOW, "Algorithm of the session key.",
        FIELD(key_algorithm)),
    ROW("inter.worker.signature.algorithm", STRING, "HmacSHA256", LOW,
        "Algorithm that signs requests between workers.", FIELD(signature_algorithm)),
    ROW("inter.worker.verification.algorithms", LIST, "HmacSHA256", LOW,
        "Algorithms that such requests may be signed with.", FIELD(verification_algorithms)),
    ROW("inter.worker.key.ttl.ms", INT, "3600000", LOW, "Age at which the session key is replaced.",
        FIELD(key_ttl_ms), .check = cv_valid_range, .arg = POSITIVE),
    ROW("inter.worker.key.size", INT, NULL, LOW, "A Java worker's; the session key has 32 bytes here.", CV_NO_FIELD),
    CV_CONFIG_END,
};

const struct cv_config_def worker_standalone_def[] = {
    REQUIRED("offset.storage.file.filename", STRING,
             "File with the source connectors' offsets, in the format of a Java worker. One worker at a time has it.",
             FIELD(offset_file)),
    CV_CONFIG_END,
};

/* Keys, and prefixes that end with a dot, which belong to Kafka clients, to plugins or to internal topics. */
static const char *const known_elsewhere[] = {
    "key.converter.",
    "value.converter.",
    "header.converter.",
    "producer.",
    "consumer.",
    "admin.",
    "config.storage.",
    "offset.storage.",
    "status.storage.",
    "config.providers.",
    "metrics.context.",
    "ssl.",
    "sasl.",
    "listeners.https.",
    "admin.listeners.https.",
    "security.protocol",
    "security.providers",
    "client.dns.lookup",
    "metadata.max.age.ms",
    "metadata.recovery.strategy",
    "metadata.recovery.rebootstrap.trigger.ms",
    "reconnect.backoff.ms",
    "reconnect.backoff.max.ms",
    "retry.backoff.max.ms",
    "connections.max.idle.ms",
    "socket.connection.setup.timeout.ms",
    "socket.connection.setup.timeout.max.ms",
    "send.buffer.bytes",
    "receive.buffer.bytes",
    "auto.include.jmx.reporter",
    "internal.key.converter",
    "internal.value.converter",
    "internal.key.converter.",
    "internal.value.converter.",
    "rest.host.name",
    "rest.port",
};

static bool
has_row(const struct cv_config_def *rows, const char *key)
{
    for (const struct cv_config_def *row = rows; row->name != NULL; row++)
        if (strcmp(row->name, key) == 0)
            return true;
    return false;
}

bool
worker_config_is_known(const char *key)
{
    if (has_row(worker_config_def, key) || has_row(worker_distributed_def, key) ||
        has_row(worker_standalone_def, key))
        return true;
    for (size_t i = 0; i < CV_COUNT(known_elsewhere); i++) {
        size_t len = strlen(known_elsewhere[i]);

        if (known_elsewhere[i][len - 1] == '.' ? strncmp(key, known_elsewhere[i], len) == 0
                                               : strcmp(key, known_elsewhere[i]) == 0)
            return true;
    }
    return false;
}

/* What several options of a distributed worker say together. */
static void
check_together(const struct worker_config *config, struct cv_config_errors *errors)
{
    const char *topics[] = { config->config_topic, config->offset_topic, config->status_topic };

    if (config->heartbeat_interval_ms >= config->session_timeout_ms)
        cv_config_errors_add(errors, "heartbeat.interval.ms",
                             "heartbeat.interval.ms (%d) must be below session.timeout.ms (%d); a third of it is usual",
                             config->heartbeat_interval_ms, config->session_timeout_ms);
    for (size_t i = 0; i < CV_COUNT(topics); i++)
        for (size_t j = i + 1; j < CV_COUNT(topics); j++)
            if (topics[i] != NULL && topics[j] != NULL && strcmp(topics[i], topics[j]) == 0)
                cv_config_errors_add(errors, "offset.storage.topic",
                                     "topic \"%s\" is named twice; configs, offsets and statuses need a topic each",
                                     topics[i]);
}

static const struct cv_config_def *
mode_rows(enum worker_mode mode)
{
    return mode == WORKER_STANDALONE ? worker_standalone_def : worker_distributed_def;
}

enum cv_rc
worker_config_parse(const struct cv_config *cfg, enum worker_mode mode, struct worker_config *ret,
                    struct cv_config_errors *errors, struct cv_err *err)
{
    size_t before = errors->count;
    struct cv_err why;
    enum cv_rc rc;

    memset(ret, 0, sizeof(*ret));
    ret->mode = mode;
    rc = cv_config_parse(worker_config_def, cfg, ret, errors, err);
    if (rc == CV_OK || rc == CV_INVALID) {
        enum cv_rc more = cv_config_parse(mode_rows(mode), cfg, ret, errors, &why);

        if (more == CV_NO_MEMORY || (rc == CV_OK && more != CV_OK)) {
            *err = why;
            rc = more;
        }
    }
    ret->admin_listeners_given = cv_config_has(cfg, "admin.listeners");
    if (rc != CV_OK || mode == WORKER_STANDALONE)
        return rc;
    check_together(ret, errors);
    if (errors->count > before)
        return cv_fail(err, CV_INVALID, "%s", errors->items[before].text);
    return CV_OK;
}

void
worker_config_done(struct worker_config *config)
{
    cv_config_done(worker_config_def, config);
    cv_config_done(mode_rows(config->mode), config);
}
