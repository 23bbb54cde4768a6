/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections that our own wire client opens, TLS and SASL included, and librdkafka uses as if they
 * were plain ones: for what it cannot do itself. Internal to common/kafka.
 */
#ifndef COMMON_KAFKA_TUNNEL_H
#define COMMON_KAFKA_TUNNEL_H

#include "common/kafka/handle.h"

struct kafka_tunnel;

/*
 * If conf asks for something that this librdkafka cannot do: make rdconf's connections ours. *ret
 * NULL: it is not needed. handle must live as long; failures are told through kafka_complain.
 */
CV_MUST_CHECK
enum cv_rc kafka_tunnel_new(struct kafka_handle *handle, const struct cv_kafka_conf *conf,
                            rd_kafka_conf_t *rdconf, struct kafka_tunnel **ret,
                            struct cv_err *err);
/* After rd_kafka_destroy. */
void kafka_tunnel_free(struct kafka_tunnel *tunnel);

#endif
