/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Kafka clients of a connector's task: which layers of configuration they are made from. Worker keys without
 * prefix, then producer. or consumer. of the worker, then producer.override. or consumer.override. of the
 * connector, under Connect's own defaults.
 */
#ifndef WORKER_CLIENTS_H
#define WORKER_CLIENTS_H

#include "common/kafka/client.h"

struct cv_admin;

#define CLIENT_ID_MAX 256
/* "connector-producer-NAME-TASK", or consumer, as Java workers name the clients of tasks. */
void client_id_of_task(char out[CLIENT_ID_MAX], enum cv_kafka_role role, const char *connector, int task);

/* Layers that must be freed with client_layers_done after the client was made. */
struct client_layers {
    struct cv_config *defaults; /* weakest: what a sink's consumer needs to see new topics soon */
    struct cv_config *common;   /* bootstrap, security.*, ssl.*, sasl.* of the worker */
    struct cv_config *worker;   /* producer.* or consumer.* */
    struct cv_config *override; /* producer.override.* or consumer.override.* */
    char client_id[CLIENT_ID_MAX];
};

/* connector NULL: a client of the worker itself; then prefix and client_id_prefix name it. */
CV_MUST_CHECK enum cv_rc client_layers_init(struct client_layers *layers, enum cv_kafka_role role,
                                            const struct cv_config *worker_raw,
                                            const struct cv_config *connector, const char *client_id,
                                            struct cv_kafka_conf *ret_conf, struct cv_err *err);
/* A consumer that sees nothing of transactions that are not committed, whatever the layers say. */
CV_MUST_CHECK enum cv_rc client_layers_read_committed(struct client_layers *layers, struct cv_kafka_conf *conf,
                                                      struct cv_err *err);
/* Anything beyond what the worker's own clients have, which are known to work. */
bool client_layers_differ(const struct client_layers *layers);
void client_layers_done(struct client_layers *layers);
/* Why a connector may not override that key whatever the policy; NULL: it may. */
const char *client_override_problem(const char *key);

struct cv_producer;
struct worker_config;

/* <group.id>-<connector>-<task>, as Java workers name a source task's transactions. */
void client_transactional_id(char *out, size_t len, const struct worker_config *worker, const char *connector,
                             int task);
/* The producer of a source task with that id; its transactions are not initialized yet. stats may be NULL. */
CV_MUST_CHECK enum cv_rc client_transactional_producer(const struct worker_config *worker,
                                                       const struct cv_config *worker_raw,
                                                       const struct cv_config *connector_config,
                                                       const char *connector, int task,
                                                       struct cv_kafka_stats *stats, struct cv_producer **ret,
                                                       struct cv_err *err);

/* An admin client of a connector's own; *ret NULL: it has no admin.override.*, and the worker's will do. */
CV_MUST_CHECK enum cv_rc client_admin_override(const struct cv_config *worker_raw, const struct cv_config *connector,
                                               const char *client_id, struct cv_admin **ret, struct cv_err *err);

#endif
