/* SPDX-License-Identifier: Apache-2.0 */
/* A broker (broker.h) that is Kafka. */
#ifndef STREAMS_IO_KAFKA_BROKER_H
#define STREAMS_IO_KAFKA_BROKER_H

#include <stdatomic.h>

#include "streams/io/broker.h"

struct kafka_broker_spec {
    const struct cv_config
        *common; /* layers of all clients, of consumers, of producers; outlive the broker */
    const struct cv_config *consumer;
    const struct cv_config *producer;
    const char *group_id;
    const char *transactional_id; /* NULL: it is only read from (GLOBAL tables) */
    bool at_least_once;           /* no transactions: what was sent stays sent */
    /* Where the group's member stands, whose generation fences offsets. It is exchanged only while
       no transaction is open. */
    struct cv_consumer *const *member;
    const atomic_bool *stop;      /* gives up waiting for room in the producer's queue */
    int transaction_timeout_ms;
};

CV_MUST_CHECK
enum cv_rc kafka_broker_new(const struct kafka_broker_spec *spec, struct broker **ret,
                            struct cv_err *err);

#endif
