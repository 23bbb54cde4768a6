/* SPDX-License-Identifier: Apache-2.0 */
/* The owner's side of a producer, for producer.c (messages) and producer_txn.c (transactions). */
#ifndef COMMON_KAFKA_PRODUCER_STATE_H
#define COMMON_KAFKA_PRODUCER_STATE_H

#include "common/buf.h"
#include "common/kafka/conf.h"
#include "common/kafka/sender.h"

struct cv_hash;

struct message_block {
    struct message_block *next;
    struct message messages[];
};

struct cv_producer {
    struct kafka_handle handle; /* without an instance of librdkafka */
    struct kafka_conf_copy conf;
    struct producer_settings settings;
    struct sender *sender;  /* NULL: none now */
    struct cv_hash *topics; /* name to struct cv_producer_topic */
    struct cv_wake *wake;   /* NULL: nobody wants to know of reports */
    bool used;              /* since the last poll */
    int64_t used_ms;        /* when a poll saw that */
    int reported;           /* messages, by the call under way */
    struct message_list outbox; /* not handed over yet */
    int64_t now_ms;             /* wall time of the first of them, and so of all */
    size_t queued;              /* messages without report */
    size_t queued_bytes;
    struct message *free_messages;
    struct message_block *blocks;
    struct cv_buf headers;      /* of one message, being written */
    struct cv_hash *constants;  /* constant headers by their address, as struct cv_buf of what is written */
    bool looks_at_time;         /* messages keep when they came */
    struct command ending;      /* the commit that is under way */
    bool ends;                  /* it is */
};

#endif
