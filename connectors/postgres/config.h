/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every option of the connector, one row each: Debezium's names, defaults, order and texts
 * (io.debezium.connector.postgresql.PostgresConnectorConfig 3.3.1), and our own behind them.
 */
#ifndef POSTGRES_CONFIG_H
#define POSTGRES_CONFIG_H

#include <culvert/config.h>

enum pg_snapshot_mode {
    PG_SNAPSHOT_ALWAYS,
    PG_SNAPSHOT_INITIAL,
    PG_SNAPSHOT_INITIAL_ONLY,
    PG_SNAPSHOT_NO_DATA,
    PG_SNAPSHOT_WHEN_NEEDED,
    PG_SNAPSHOT_CONFIGURATION_BASED,
    PG_SNAPSHOT_CUSTOM,
};
enum pg_autocreate { PG_AUTOCREATE_DISABLED, PG_AUTOCREATE_ALL, PG_AUTOCREATE_FILTERED, PG_AUTOCREATE_NONE };
enum pg_decimal_mode { PG_DECIMAL_PRECISE, PG_DECIMAL_DOUBLE, PG_DECIMAL_STRING };
enum pg_time_mode {
    PG_TIME_ADAPTIVE,
    PG_TIME_ADAPTIVE_US,
    PG_TIME_CONNECT,
    PG_TIME_ISO,
    PG_TIME_US,
    PG_TIME_NS,
};
enum pg_interval_mode { PG_INTERVAL_NUMERIC, PG_INTERVAL_STRING };
enum pg_binary_mode { PG_BINARY_BYTES, PG_BINARY_BASE64, PG_BINARY_BASE64_URL, PG_BINARY_HEX };
enum pg_hstore_mode { PG_HSTORE_JSON, PG_HSTORE_MAP };
enum pg_adjustment { PG_ADJUST_NONE, PG_ADJUST_AVRO, PG_ADJUST_AVRO_UNICODE };
enum pg_isolation {
    PG_ISOLATION_SERIALIZABLE,
    PG_ISOLATION_REPEATABLE_READ,
    PG_ISOLATION_READ_COMMITTED,
    PG_ISOLATION_READ_UNCOMMITTED,
};
enum pg_locking { PG_LOCKING_NONE, PG_LOCKING_SHARED, PG_LOCKING_CUSTOM };
enum pg_query_mode { PG_QUERY_SELECT_ALL, PG_QUERY_CUSTOM };
enum pg_watermarking { PG_WATERMARK_INSERT_INSERT, PG_WATERMARK_INSERT_DELETE };
enum pg_failure_mode { PG_FAILURE_FAIL, PG_FAILURE_WARN, PG_FAILURE_SKIP, PG_FAILURE_IGNORE };
enum pg_flush_action { PG_FLUSH_FAIL, PG_FLUSH_WARN, PG_FLUSH_IGNORE };
enum pg_guardrail_action { PG_GUARDRAIL_WARN, PG_GUARDRAIL_FAIL };
enum pg_flush_mode { PG_FLUSH_MANUAL, PG_FLUSH_CONNECTOR, PG_FLUSH_CONNECTOR_AND_DRIVER };

enum pg_mismatch {
    PG_MISMATCH_NO_VALIDATION,
    PG_MISMATCH_TRUST_OFFSET,
    PG_MISMATCH_TRUST_SLOT,
    PG_MISMATCH_TRUST_GREATER_LSN,
};

/* Bits of skipped operations. */
#define PG_OP_CREATE   1
#define PG_OP_UPDATE   2
#define PG_OP_DELETE   4
#define PG_OP_TRUNCATE 8

/* Bits of signal and notification channels; those of Java alone (jmx, in-process) have none. */
#define PG_SIGNAL_SOURCE 1
#define PG_SIGNAL_KAFKA  2
#define PG_SIGNAL_FILE   4
#define PG_NOTIFY_SINK   1
#define PG_NOTIFY_LOG    2

/* One snapshot.select.statement.overrides.<schema>.<table>. */
struct pg_select_override {
    char *table; /* schema.table */
    char *statement;
};

struct pg_config {
    char *hostname;
    int32_t port;
    char *user;
    char *password;
    char *dbname;
    char *sslmode;
    char *sslcert;
    char *sslkey;
    char *sslrootcert;
    char *sslpassword;
    bool tcp_keepalive;
    char *initial_statements;
    int32_t query_timeout_ms; /* 0: none */
    int64_t validation_timeout_ms;
    bool read_only;

    char *topic_prefix;
    char *topic_delimiter;
    char *topic_naming_strategy;
    char *topic_transaction;
    char *topic_heartbeat_prefix;
    char *topic_heartbeat_name; /* NULL: prefix and topic_prefix */
    char *topic_regex;
    char *topic_replacement;
    bool topic_key_unique;
    char *topic_key_field;
    char *topic_key_field_regex;
    char *topic_key_field_replacement;
    int schema_name_adjustment; /* enum pg_adjustment */
    int field_name_adjustment;  /* enum pg_adjustment */

    char *plugin_name;
    char *slot_name;
    bool slot_drop_on_stop;
    bool slot_failover;
    char *slot_stream_params;
    int32_t slot_max_retries;
    int64_t slot_retry_delay_ms;
    char *publication_name;
    int publication_autocreate; /* enum pg_autocreate */
    bool publish_via_partition_root;
    char *replica_identities;
    int32_t status_update_interval_ms;
    int64_t xmin_fetch_interval_ms; /* 0: never */
    bool flush_lsn_source;
    int lsn_flush_mode; /* enum pg_flush_mode; flush_lsn_source says the same */
    int64_t lsn_flush_timeout_ms;
    int lsn_flush_timeout_action; /* enum pg_flush_action */
    int offset_mismatch_strategy; /* enum pg_mismatch */
    bool log_position_check;
    int64_t retriable_restart_wait_ms;
    int32_t errors_max_retries; /* -1: for ever */

    char *schema_include;
    char *schema_exclude;
    char *table_include;
    char *table_exclude;
    char *column_include;
    char *column_exclude;
    char *message_prefix_include;
    char *message_prefix_exclude;
    bool table_ignore_builtin;
    char *message_key_columns;
    char *skipped_operations;
    bool skip_unchanged; /* skip.messages.without.change */
    int32_t guardrail_collections_max; /* 0: no limit */
    int guardrail_action;              /* enum pg_guardrail_action */

    int snapshot_mode; /* enum pg_snapshot_mode */
    bool configuration_based_data;
    bool configuration_based_schema;
    bool configuration_based_stream;
    bool configuration_based_on_data_error;
    int snapshot_isolation_mode; /* enum pg_isolation */
    int snapshot_locking_mode;   /* enum pg_locking */
    int snapshot_query_mode;     /* enum pg_query_mode */
    int64_t snapshot_lock_timeout_ms;
    int64_t snapshot_delay_ms;
    int64_t streaming_delay_ms;
    int32_t snapshot_max_threads;
    int32_t snapshot_threads_multiplier;
    bool snapshot_whole_tables;
    bool snapshot_resume;
    int32_t snapshot_fetch_size;
    char *snapshot_include; /* list of patterns; NULL: all captured tables */
    char *snapshot_override_tables;
    struct pg_select_override *snapshot_select_overrides;
    size_t n_snapshot_select_overrides;
    int32_t incremental_chunk_size;
    int incremental_watermarking; /* enum pg_watermarking */

    char *signal_data_collection; /* NULL: none */
    struct cv_list signal_channel_list;
    unsigned signal_channels; /* PG_SIGNAL_ bits */
    int64_t signal_poll_interval_ms;
    char *signal_kafka_topic; /* never NULL */
    char *signal_kafka_bootstrap_servers;
    char *signal_kafka_group;
    char *signal_file;
    struct cv_list notification_channel_list;
    unsigned notification_channels; /* PG_NOTIFY_ bits */
    char *notification_topic;

    int decimal_mode;  /* enum pg_decimal_mode */
    int time_mode;     /* enum pg_time_mode */
    int interval_mode; /* enum pg_interval_mode */
    int binary_mode;   /* enum pg_binary_mode */
    int hstore_mode;   /* enum pg_hstore_mode */
    int32_t money_fraction_digits;
    char *unavailable_placeholder;
    bool tombstones_on_delete;
    bool extended_headers;
    bool include_unknown_types;
    bool provide_transaction_metadata;
    char *converters;
    char *post_processors;
    char *retriable; /* pattern of failures to try again; NULL: none */
    int event_processing_failure_mode; /* enum pg_failure_mode */
    int event_converting_failure_mode; /* enum pg_failure_mode, never IGNORE */

    int32_t max_batch_size;
    int32_t max_queue_size;
    int64_t max_queue_bytes;
    int64_t poll_interval_ms;
    int32_t heartbeat_interval_ms; /* 0: never */
    char *heartbeat_action_query;
    bool advanced_metrics;

    struct cv_config *all; /* every key as given: for options whose names vary (column.mask.*, signal.consumer.*) */
};

extern const struct cv_config_def pg_config_def[];

/* Parse and check single options; config is zeroed first. CV_INVALID with the first error. */
CV_MUST_CHECK enum cv_rc pg_config_parse(const struct cv_config *cfg, struct pg_config *ret,
                                         struct cv_err *err);
void pg_config_done(struct pg_config *config);

/* PG_OP_* bits of skipped.operations; truncates are skipped unless the user named others. */
unsigned pg_config_skipped(const struct pg_config *config);

#endif
