/* SPDX-License-Identifier: Apache-2.0 */
/* All layers of a client's configuration to one. Internal to common/kafka. */
#ifndef COMMON_KAFKA_CONF_H
#define COMMON_KAFKA_CONF_H

#include "common/kafka/client.h"

/* The layers as one, under the names that they were given; security.protocol is PLAINTEXT unless
   one says otherwise. merged holds secrets. */
CV_MUST_CHECK
enum cv_rc kafka_conf_merge(const struct cv_kafka_conf *conf, struct cv_config *merged,
                            struct cv_err *err);
/*
 * Add to out, in librdkafka's names: the defaults, the layers, the adjustments. CV_INVALID names
 * the key. out holds secrets.
 */
CV_MUST_CHECK
enum cv_rc kafka_conf_build(const struct cv_kafka_conf *conf, bool transactional,
                            struct cv_config *out, struct cv_err *err);

#endif
