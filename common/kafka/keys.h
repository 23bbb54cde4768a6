/* SPDX-License-Identifier: Apache-2.0 */
/* The table of client configuration keys, Java's and librdkafka's. Internal to common/kafka; knows
   nothing of librdkafka's API, so that it can be tested alone. */
#ifndef COMMON_KAFKA_KEYS_H
#define COMMON_KAFKA_KEYS_H

#include "common/kafka/client.h"

/*
 * Translate one key of a layer into out; merged is what all layers together say (a trust store's
 * type stands in another key than its location). A key that is unknown or means nothing to the role
 * adds nothing. CV_INVALID: the key or its value cannot be used; the text does not name the key.
 */
CV_MUST_CHECK
enum cv_rc kafka_keys_translate(enum cv_kafka_role role, const struct cv_config *merged,
                                const char *key, const char *value, struct cv_config *out,
                                struct cv_err *err);
/* Why a key that is set is not followed, as the program decides or has no use for it; NULL: it is, or means nothing to
   the role. */
const char *kafka_keys_ignored(enum cv_kafka_role role, const char *key, const char *value);
/* Whether two keys are names of one setting. */
bool kafka_keys_same(const char *key, const char *other);
/* A value that is a number, as Java takes it: spaces may stand around it. */
bool kafka_keys_int(const char *text, int64_t *ret);
/* Whether the key means something to a client here. */
bool kafka_keys_known(const char *key);

#endif
