/* SPDX-License-Identifier: Apache-2.0 */
/* The topic under a topic log: created compacted, or checked. Internal to common/kafka. */
#ifndef COMMON_KAFKA_COMPACTED_TOPIC_H
#define COMMON_KAFKA_COMPACTED_TOPIC_H

#include "common/kafka/admin.h"

struct cv_log;

/*
 * Create the topic if it is missing; an existing one must be compacted and have at most
 * max_partitions (0: any): else CV_INVALID with the remedy. CV_RETRY: Kafka does not answer within
 * some seconds. CV_NOT_FOUND: created, but not yet known everywhere. *inout_created becomes true when
 * this call created it, whatever it returns.
 */
CV_MUST_CHECK
enum cv_rc kafka_compacted_topic(struct cv_admin *admin, const struct cv_topic_spec *topic,
                                 int32_t max_partitions, struct cv_log *logger,
                                 int32_t *ret_partitions, bool *inout_created,
                                 struct cv_err *err);

#endif
