/* SPDX-License-Identifier: Apache-2.0 */
/* The rows, a file a group. Order, groups and widths are those of Debezium's ConfigDef: forms are built from them. */
#include "connectors/postgres/config_check.h"

#include "data/java_pattern.h"

/* Indexed by the enums of config.h. */
static const char *const autocreate_names[] = { "disabled", "all_tables", "filtered", "no_tables", NULL };
static const char *const decimal_names[] = { "precise", "double", "string", NULL };
static const char *const time_names[] = { "adaptive",  "adaptive_time_microseconds", "connect",
                                          "isostring", "microseconds",               "nanoseconds",
                                          NULL };
static const char *const interval_names[] = { "numeric", "string", NULL };
static const char *const binary_names[] = { "bytes", "base64", "base64-url-safe", "hex", NULL };
static const char *const snapshot_names[] = { "always",      "initial",             "initial_only", "no_data",
                                              "when_needed", "configuration_based", "custom",       NULL };

static const char *const flush_action_names[] = { "fail", "warn", "ignore", NULL };
static const char *const flush_mode_names[] = { "manual", "connector", "connector_and_driver", NULL };
static const char *const failure_names[] = { "fail", "warn", "skip", "ignore", NULL };
static const char *const converting_names[] = { "fail", "warn", "skip", NULL };
static const char *const watermarking_names[] = { "insert_insert", "insert_delete", NULL };
static const char *const guardrail_names[] = { "warn", "fail", NULL };
static const char *const isolation_names[] = { "serializable", "repeatable_read", "read_committed", "read_uncommitted",
                                               NULL };
static const char *const locking_names[] = { "none", "shared", "custom", NULL };
static const char *const query_names[] = { "select_all", "custom", NULL };
static const char *const hstore_names[] = { "json", "map", NULL };
static const char *const adjustment_names[] = { "none", "avro", "avro_unicode", NULL };
static const char *const row_count_names[] = { "disabled", "ascending", "descending", NULL };
static const char *const mismatch_names[] = { "no_validation", "trust_offset", "trust_slot", "trust_greater_lsn",
                                              NULL };

const struct cv_config_def pg_config_def[] = {
#include "connectors/postgres/config_postgres.inc"
#include "connectors/postgres/config_connector.inc"
#include "connectors/postgres/config_events.inc"
#include "connectors/postgres/config_unpublished.inc"
    CV_CONFIG_END,
};
