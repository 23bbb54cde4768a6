/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Produce without copy; delivery counts; transactions. One thread owns a producer and calls everything here;
 * delivery callbacks run inside cv_producer_poll, flush, commit and abort on that thread.
 *
 * The protocol is spoken here, over common/wire, not by librdkafka; keys and defaults are librdkafka's, but for
 * partitioner=murmur2_random, acks=all, message.timeout.ms=0 (no limit) without transactions, linger.ms=0, batch.size=1
 * MB, at most 20,000 messages and 64 MB queued, enable.idempotence=true unless acks, retries or
 * max.in.flight.requests.per.connection forbid it. So the order is kept whatever a broker refuses, and a broken
 * connection repeats nothing. Where sequences break (a broker lost them), the rest is sent with others, and a log line
 * says so; in a transaction that surfaces as CV_FENCED (another instance) or as "make a new producer". Where the user
 * has no right to idempotence (brokers before 2.8 want one) it goes on without, and says so.
 *
 * Poll, or nothing moves: what was sent goes out and what was reported comes in there.
 */
#ifndef COMMON_KAFKA_PRODUCER_H
#define COMMON_KAFKA_PRODUCER_H

#include "common/kafka/client.h"
#include "common/thread.h"

#include <culvert/record.h>

/* Without transactions there are threads and connections only while they are used: the first message makes
   them, and the first poll that finds none of its own for so long ends them. */
#define CV_PRODUCER_IDLE_MS 30000

struct cv_producer;
struct cv_producer_topic; /* a topic handle; lives until its producer is freed */
struct cv_consumer;

/*
 * What becomes of a number of messages. pending counts produced messages without report yet; the caller may
 * add its own 1 while it is still producing and drop it with cv_delivery_release. done is called once when
 * pending falls to 0; err then holds the first failure (rc CV_OK: none).
 */
struct cv_delivery {
    size_t pending;
    size_t failed;
    int64_t last_offset; /* highest offset that the broker gave one of them; CV_OFFSET_INVALID: none yet */
    struct cv_err err;
    const char *failed_topic; /* of that failure; lives as long as the producer */
    bool too_large;           /* the failure: it has more bytes than the topic takes */
    void (*done)(struct cv_delivery *delivery);
};

void cv_delivery_init(struct cv_delivery *delivery, void (*done)(struct cv_delivery *)); /* pending 1 */
void cv_delivery_release(struct cv_delivery *delivery);

/* transactional_id NULL: none. conf is copied. */
CV_MUST_CHECK enum cv_rc cv_producer_new(const struct cv_kafka_conf *conf, const char *transactional_id,
                                         struct cv_producer **ret, struct cv_err *err);
/* Do now what the first message would do: what is wrong with stores, or with settings together, shows then. */
CV_MUST_CHECK enum cv_rc cv_producer_open(struct cv_producer *producer, struct cv_err *err);
/* Destroy; messages without report are purged and reported as failed first. wait_ms: flush that long before. */
void cv_producer_free(struct cv_producer *producer, int wait_ms);

CV_MUST_CHECK enum cv_rc cv_producer_topic(struct cv_producer *producer, const char *name,
                                           struct cv_producer_topic **ret, struct cv_err *err);

/*
 * Take one message in. key and value (data NULL: null) are not copied and must stay until delivery is done; headers
 * are copied. partition CV_NO_PARTITION: murmur2 of the key. CV_RETRY: the queue is full, poll and try again; nothing
 * was taken. CV_CONFLICT: a fatal error or a failed transaction ended this producer's life, make a new one.
 * CV_INVALID: too large. Whatever else is wrong with it, its delivery tells. delivery NULL: not interested, but then
 * the bytes are copied; in a transaction the commit fails if it could not be sent.
 */
CV_MUST_CHECK enum cv_rc cv_producer_send(struct cv_producer *producer, struct cv_producer_topic *topic,
                                          int32_t partition, struct cv_bytes key, struct cv_bytes value,
                                          const struct cv_raw_headers *headers, int64_t timestamp_ms,
                                          struct cv_delivery *delivery, struct cv_err *err);

/* Run delivery callbacks; waits for at most timeout_ms for one. Returns how many messages were reported. */
int cv_producer_poll(struct cv_producer *producer, int timeout_ms);
/* Signal wake whenever there are new delivery reports: then poll with timeout 0 until nothing comes, and wait
   again. wake must outlive the producer. */
void cv_producer_notify(struct cv_producer *producer, struct cv_wake *wake);
/* Until every message has its report; CV_RETRY at the timeout (-1: none). */
CV_MUST_CHECK enum cv_rc cv_producer_flush(struct cv_producer *producer, int timeout_ms,
                                           struct cv_err *err);
/* The fatal error, if there was one. */
CV_MUST_CHECK enum cv_rc cv_producer_check(struct cv_producer *producer, struct cv_err *err);
size_t cv_producer_queued(const struct cv_producer *producer); /* messages without report */
/* Number of partitions, from the broker; CV_NOT_FOUND. As sending does, asking makes the topic where brokers
   create topics by themselves. */
CV_MUST_CHECK enum cv_rc cv_producer_partitions(struct cv_producer *producer, const char *topic,
                                                int timeout_ms, int32_t *ret, struct cv_err *err);

/*
 * Transactions. After any failure the outcome is unknown: free the producer, make a new one and init it (which resolves
 * the old transaction), read positions back, go on from there. Only a commit that had no answer within its time-out
 * (CV_RETRY, and cv_producer_check finds nothing) may be asked for again.
 */
CV_MUST_CHECK enum cv_rc cv_producer_txn_init(struct cv_producer *producer, int timeout_ms,
                                              struct cv_err *err);
CV_MUST_CHECK enum cv_rc cv_producer_txn_begin(struct cv_producer *producer, struct cv_err *err);
/* Offsets (next to read, with metadata) of the consumer's group become part of the transaction. */
CV_MUST_CHECK enum cv_rc cv_producer_txn_offsets(struct cv_producer *producer,
                                                 const struct cv_topic_partitions *offsets,
                                                 struct cv_consumer *group, int timeout_ms,
                                                 struct cv_err *err);
CV_MUST_CHECK enum cv_rc cv_producer_txn_commit(struct cv_producer *producer, int timeout_ms,
                                                struct cv_err *err);
/* The same without waiting: call it again, a few milliseconds later, until *ret_done or a failure. The time begins when
   all messages have their reports. */
CV_MUST_CHECK enum cv_rc cv_producer_txn_commit_try(struct cv_producer *producer, int timeout_ms, bool *ret_done,
                                                    struct cv_err *err);
CV_MUST_CHECK enum cv_rc cv_producer_txn_abort(struct cv_producer *producer, int timeout_ms,
                                               struct cv_err *err);

#endif
