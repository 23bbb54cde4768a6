/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of Kafka's Java clients as Kafka 4.1 defines them: what a connector's overrides are parsed with and
 * shown as. What our own clients take of them is common/kafka's business. Constant; any thread.
 */
#ifndef WORKER_CLIENT_CONFIG_H
#define WORKER_CLIENT_CONFIG_H

#include <culvert/config.h>

#include "common/kafka/client.h"

/* The row of a client's option, NULL if it has none of that name. */
const struct cv_config_def *client_config_def(enum cv_kafka_role role, const char *key);

#endif
