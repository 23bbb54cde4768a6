/* SPDX-License-Identifier: Apache-2.0 */
/* All layers of a client's configuration to one. Internal to common/kafka. */
#ifndef COMMON_KAFKA_CONF_H
#define COMMON_KAFKA_CONF_H

#include "common/kafka/client.h"

/* The layers as one, under the names that they were given, of two for one setting the later one's;
   security.protocol is PLAINTEXT unless one says otherwise. merged holds secrets. */
CV_MUST_CHECK
enum cv_rc kafka_conf_merge(const struct cv_kafka_conf *conf, struct cv_config *merged,
                            struct cv_err *err);
/* A configuration that outlives who made it; conf.log is borrowed. */
struct kafka_conf_copy {
    struct cv_kafka_conf conf;
    char *client_id;
    struct cv_config *layers[CV_COUNT(((struct cv_kafka_conf *)0)->layers)];
};
CV_MUST_CHECK
enum cv_rc kafka_conf_copy(const struct cv_kafka_conf *conf, struct kafka_conf_copy *ret, struct cv_err *err);
void kafka_conf_copy_done(struct kafka_conf_copy *copy);
/*
 * Add to out, in librdkafka's names: the defaults, the layers, the adjustments. CV_INVALID names
 * the key. out holds secrets.
 */
CV_MUST_CHECK
enum cv_rc kafka_conf_build(const struct cv_kafka_conf *conf, bool transactional,
                            struct cv_config *out, struct cv_err *err);
/* Warn in conf->log of every key that was set and is not followed. */
void kafka_conf_warn(const struct cv_kafka_conf *conf, bool transactional);

#endif
