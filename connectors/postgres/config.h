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

/* Bits of skipped operations. */
#define PG_OP_CREATE   1
#define PG_OP_UPDATE   2
#define PG_OP_DELETE   4
#define PG_OP_TRUNCATE 8

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

    char *topic_prefix;
    char *topic_delimiter;
    char *plugin_name;
    char *slot_name;
    bool slot_drop_on_stop;
    char *slot_stream_params;
    int32_t slot_max_retries;
    int64_t slot_retry_delay_ms;
    char *publication_name;
    int publication_autocreate; /* enum pg_autocreate */
    bool publish_via_partition_root;
    int32_t status_update_interval_ms;
    int64_t retriable_restart_wait_ms;

    char *schema_include;
    char *schema_exclude;
    char *table_include;
    char *table_exclude;
    char *column_include;
    char *column_exclude;
    bool table_ignore_builtin;
    char *message_key_columns;
    char *skipped_operations;
    bool skipped_given; /* by the user, not by default */

    int snapshot_mode; /* enum pg_snapshot_mode */
    int64_t snapshot_delay_ms;
    int32_t snapshot_max_threads;

    int decimal_mode;  /* enum pg_decimal_mode */
    int time_mode;     /* enum pg_time_mode */
    int interval_mode; /* enum pg_interval_mode */
    int binary_mode;   /* enum pg_binary_mode */
    int32_t money_fraction_digits;
    char *unavailable_placeholder;
    bool tombstones_on_delete;
    bool extended_headers;
    bool include_unknown_types;

    int32_t max_batch_size;
    int32_t max_queue_size;
    int64_t max_queue_bytes;
    int64_t poll_interval_ms;
    int32_t heartbeat_interval_ms;
};

extern const struct cv_config_def pg_config_def[];

/* Parse and check single options; config is zeroed first. CV_INVALID with the first error. */
CV_MUST_CHECK enum cv_rc pg_config_parse(const struct cv_config *cfg, struct pg_config *ret,
                                         struct cv_err *err);
void pg_config_done(struct pg_config *config);

/* PG_OP_* bits of skipped.operations; truncates are skipped unless the user named others. */
unsigned pg_config_skipped(const struct pg_config *config);

#endif
