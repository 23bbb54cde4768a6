/* SPDX-License-Identifier: Apache-2.0 */
/* What Java's clients tell of themselves: of consumers from librdkafka's statistics, every few seconds a JSON text (its
   STATISTICS.md), of others from their sockets and messages. Internal to common/kafka. */
#ifndef COMMON_KAFKA_STATS_H
#define COMMON_KAFKA_STATS_H

#include "common/kafka/handle.h"

/* Let what an instance that is made with rdconf tells be counted in conf->stats; a NULL one asks for nothing. */
CV_MUST_CHECK
enum cv_rc kafka_stats_ask(struct kafka_handle *handle, const struct cv_kafka_conf *conf, rd_kafka_conf_t *rdconf,
                           struct cv_err *err);
/* The instance ends, or its statistics have nobody left who counts them. */
void kafka_stats_end(struct kafka_handle *handle);

/* On librdkafka's threads: a connection of a client other than a consumer. */
void kafka_stats_socket(struct kafka_handle *handle, bool opened);

/* One text's numbers; false: it is not what librdkafka writes. */
bool kafka_stats_read(const char *json, size_t len, struct kafka_totals *ret);

#endif
