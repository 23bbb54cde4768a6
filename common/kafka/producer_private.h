/* SPDX-License-Identifier: Apache-2.0 */
/* What producer.c (client, topics, transactions) and producer_gate.c (messages until they are delivered) share. */
#ifndef COMMON_KAFKA_PRODUCER_PRIVATE_H
#define COMMON_KAFKA_PRODUCER_PRIVATE_H

#include "common/kafka/conf.h"
#include "common/kafka/handle.h"
#include "common/kafka/producer.h"

struct cv_hash;

struct cv_producer_topic {
    char *name;
    rd_kafka_topic_t *rkt; /* NULL: not of this instance */
    int64_t *offsets;      /* by partition: the last that Kafka gave a message; -1: none yet */
    int32_t n_offsets;
};

enum message_state { MESSAGE_WAITING, MESSAGE_SENT, MESSAGE_DONE };

struct message {
    struct cv_producer_topic *topic;
    struct cv_delivery *delivery; /* NULL: nobody asks */
    char *copy;                   /* of key and value, where nobody asks; NULL: they are borrowed */
    rd_kafka_headers_t *headers;  /* while librdkafka does not have them */
    struct cv_bytes key;
    struct cv_bytes value;
    int64_t timestamp_ms;
    size_t size; /* about what it takes of a request */
    int32_t partition;
    uint8_t burst; /* that it was sent with */
    enum message_state state;
};

/* On their way at once. librdkafka (2.0.2) spins while it holds messages of a partition of which five requests are. */
#define BURSTS_MAX 4

struct cv_producer {
    struct kafka_handle handle; /* zeroed while there is no instance */
    struct kafka_conf_copy conf;
    struct cv_hash *topics; /* name to struct cv_producer_topic */
    struct cv_wake *wake;   /* NULL: nobody wants to know of reports */
    bool transactional;
    bool in_txn;
    bool idempotent;
    bool may_do_without; /* idempotence is our choice, not the user's */
    bool does_without;   /* it was denied */
    bool used;           /* since the last poll */
    int64_t used_ms;     /* when a poll saw that */
    int reported;        /* messages, by the callbacks of the call under way */

    /* messages from the first without report to the last, by number; slots are number % size */
    struct message *ring;
    size_t ring_size;
    uint64_t first;
    uint64_t next; /* to be handed to librdkafka */
    uint64_t end;
    size_t queued; /* messages without report */
    size_t queued_bytes;
    size_t max_messages;
    size_t max_bytes;

    size_t sent; /* of these, with librdkafka */
    size_t in_burst[BURSTS_MAX]; /* of these, by burst */
    uint8_t burst;               /* the last one */
    int64_t burst_us;            /* monotonic, when it began */
    size_t burst_now_bytes;      /* what it holds */
    size_t burst_now_messages;
    size_t burst_bytes; /* what it may hold */
    size_t burst_messages;
    int64_t linger_us;
    size_t max_message;

    bool renewing;        /* messages that fail now are sent again */
    int renewals;         /* since the last message was delivered */
    struct cv_err broken; /* there is no going on */
};

/* producer_gate.c */
/* Limits from the configuration that the client is made of. */
CV_MUST_CHECK enum cv_rc gate_init(struct cv_producer *producer, const rd_kafka_conf_t *rdconf, struct cv_err *err);
void gate_free(struct cv_producer *producer);
/* Take a message in. CV_RETRY: full. */
CV_MUST_CHECK enum cv_rc gate_send(struct cv_producer *producer, const struct message *msg,
                                   const struct cv_raw_headers *headers, struct cv_err *err);
/* Hand over what may go now; all: everything, whatever is on its way. */
void gate_pass(struct cv_producer *producer, bool all);
/* What librdkafka does not have yet is reported as failed. */
void gate_purge(struct cv_producer *producer);
/* All that has no report waits again, in its order: there is a new client. */
void gate_rewind(struct cv_producer *producer);
void gate_on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *msg, void *opaque);
/* The topic in an instance, both made if need be. */
CV_MUST_CHECK enum cv_rc producer_open_topic(struct cv_producer *producer, struct cv_producer_topic *topic,
                                             struct cv_err *err);
/* The cause behind RD_KAFKA_RESP_ERR__FATAL, else code itself. */
rd_kafka_resp_err_t producer_fatal_cause(struct cv_producer *producer, rd_kafka_resp_err_t code);

#endif
