/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Kafka clients of a connector's task: which layers of configuration they are made from. Worker keys without
 * prefix, then producer. or consumer. of the worker, then producer.override. or consumer.override. of the
 * connector, under Connect's own defaults.
 */
#ifndef WORKER_CLIENTS_H
#define WORKER_CLIENTS_H

#include "common/kafka/client.h"

/* Layers that must be freed with client_layers_done after the client was made. */
struct client_layers {
    struct cv_config *defaults; /* weakest: what a sink's consumer needs to see new topics soon */
    struct cv_config *common;   /* bootstrap, security.*, ssl.*, sasl.* of the worker */
    struct cv_config *worker;   /* producer.* or consumer.* */
    struct cv_config *override; /* producer.override.* or consumer.override.* */
    char client_id[256];
};

/* connector NULL: a client of the worker itself; then prefix and client_id_prefix name it. */
CV_MUST_CHECK enum cv_rc client_layers_init(struct client_layers *layers, enum cv_kafka_role role,
                                            const struct cv_config *worker_raw,
                                            const struct cv_config *connector, const char *client_id,
                                            struct cv_kafka_conf *ret_conf, struct cv_err *err);
void client_layers_done(struct client_layers *layers);

#endif
