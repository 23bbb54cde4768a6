/* SPDX-License-Identifier: Apache-2.0 */
/* Every worker option, one row each: Kafka's names and defaults (WorkerConfig, DistributedConfig,
   StandaloneConfig, RestServerConfig), and our own. */
#ifndef WORKER_WORKER_CONFIG_H
#define WORKER_WORKER_CONFIG_H

#include <culvert/config.h>

enum worker_mode { WORKER_DISTRIBUTED, WORKER_STANDALONE };
enum worker_eos { WORKER_EOS_DISABLED, WORKER_EOS_PREPARING, WORKER_EOS_ENABLED };

struct worker_config {
    enum worker_mode mode;
    struct cv_list bootstrap_servers;
    char *client_id;
    char *group_id;
    char *config_topic;
    char *offset_topic;
    char *status_topic;
    int32_t config_replication;
    int32_t offset_replication;
    int32_t offset_partitions;
    int32_t status_replication;
    int32_t status_partitions;

    char *key_converter;
    char *value_converter;
    char *header_converter;

    int32_t session_timeout_ms;
    int32_t heartbeat_interval_ms;
    int32_t rebalance_timeout_ms;
    int32_t worker_sync_timeout_ms;
    int32_t worker_unsync_backoff_ms;
    int32_t scheduled_rebalance_max_delay_ms;
    int connect_protocol; /* enum group_protocol */
    int exactly_once;     /* enum worker_eos */
    int32_t request_timeout_ms;
    int64_t retry_backoff_ms;

    char *key_algorithm;
    char *signature_algorithm;
    struct cv_list verification_algorithms;
    int32_t key_ttl_ms;

    int64_t task_shutdown_timeout_ms;
    int64_t offset_flush_interval_ms;
    int64_t offset_flush_timeout_ms;
    char *override_policy;
    bool topic_creation_enable;
    bool topic_tracking_enable;
    bool topic_tracking_reset;
    int64_t task_memory_bytes; /* of a source task's batches in flight */

    struct cv_list listeners;
    char *advertised_host;
    int32_t advertised_port; /* 0: not set */
    char *advertised_listener;
    struct cv_list admin_listeners; /* see admin_listeners_given */
    bool admin_listeners_given;
    char *cors_origin;
    char *cors_methods;
    char *response_headers;
    struct cv_list rest_extensions;

    struct cv_list plugin_path;
    struct cv_list connectors; /* of those on request */
    int64_t metrics_window_ms;
    int32_t metrics_samples;
    char *offset_file; /* standalone only */
};

extern const struct cv_config_def worker_config_def[];      /* of both modes */
extern const struct cv_config_def worker_distributed_def[]; /* what each adds */
extern const struct cv_config_def worker_standalone_def[];

/*
 * Parse the file's keys. Every error names key, value and remedy in errors; keys that
 * nobody knows are for worker_config_is_known to tell. CV_INVALID with the first error.
 */
CV_MUST_CHECK enum cv_rc worker_config_parse(const struct cv_config *cfg, enum worker_mode mode,
                                             struct worker_config *ret, struct cv_config_errors *errors,
                                             struct cv_err *err);
void worker_config_done(struct worker_config *config);

/* Whether some part of the worker (or a Kafka client, by prefix) knows the key. */
bool worker_config_is_known(const char *key);

#endif
