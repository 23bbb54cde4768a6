/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A compacted topic read to its end, then followed: what Kafka's KafkaBasedLog does for Connect's config,
 * offset and status topics. Owns a consumer and a producer and one thread, which calls the handler for every
 * record in order. Other calls are for any thread.
 *
 * The end is taken from the high watermark under read_uncommitted and reached by the EOF event, so that a
 * log that ends in a transaction marker still counts as read.
 */
#ifndef COMMON_KAFKA_TOPIC_LOG_H
#define COMMON_KAFKA_TOPIC_LOG_H

#include "common/kafka/admin.h"
#include "common/kafka/consumer.h"

#include <stdatomic.h>

struct cv_topic_log;

/* On the log's own thread; the record is valid during the call. May not call the log. */
typedef void cv_topic_log_handler(void *arg, const struct cv_consumed *rec);

/*
 * A log that is not in Kafka: a standalone worker's. Records go through the log's thread to the handler as they
 * would come back from the topic. Functions may be NULL: then nothing outlives the log. After start they are
 * called on the log's thread.
 */
typedef void cv_local_log_each(void *arg, struct cv_bytes key, struct cv_bytes value);

struct cv_local_log {
    void *arg;
    enum cv_rc (*load)(void *arg, cv_local_log_each *each, void *each_arg, struct cv_err *err);
    enum cv_rc (*save)(void *arg, struct cv_bytes key, struct cv_bytes value, struct cv_err *err);
    enum cv_rc (*flush)(void *arg, struct cv_err *err); /* behind one or more saves: they are durable */
};

struct cv_topic_log_spec {
    struct cv_topic_spec topic;       /* cleanup.policy=compact is set by the log */
    int32_t max_partitions;           /* refuse an existing topic with more; 0: any */
    struct cv_kafka_conf consumer;    /* up to 6 layers; role is set by the log */
    struct cv_kafka_conf producer;    /* the same; never idempotent, one request in flight, as Connect's */
    bool stable_start;                /* start reads only as far as open transactions allow, and does not wait for
                                         their end: that may need who starts here. For read_committed consumers */
    struct cv_admin *admin;           /* borrowed */
    cv_topic_log_handler *handler;
    void *arg;
    const struct cv_local_log *local; /* not NULL: no Kafka, only topic.name counts of the above; copied */
};

/*
 * Create the topic if it is missing (an existing one must be compacted and within max_partitions: else
 * CV_INVALID with topic, setting and remedy), read it to its end, return. While Kafka is away it waits and
 * says so every few seconds; *stop true makes it give up with CV_RETRY.
 */
CV_MUST_CHECK enum cv_rc cv_topic_log_start(const struct cv_topic_log_spec *spec, const atomic_bool *stop,
                                            struct cv_topic_log **ret, struct cv_err *err);
/* Flush what was sent for at most wait_ms, stop the thread, free. */
void cv_topic_log_free(struct cv_topic_log *log, int wait_ms);

/* Wait until everything that was in the topic at the call, and what was sent before it, has been handled.
   CV_RETRY at the timeout. Not from the handler or from sent. */
CV_MUST_CHECK enum cv_rc cv_topic_log_read_to_end(struct cv_topic_log *log, int timeout_ms,
                                                  struct cv_err *err);

/* Called once, on the log's thread, with the fate of one record. May send, but not wait. */
typedef void cv_topic_log_sent(void *arg, const struct cv_err *err); /* err NULL: written */

/* Send one record (copied; value data NULL: tombstone). sent may be NULL. CV_RETRY: too many records wait
   for Kafka already, or the log is stopping; sent is not called then. */
CV_MUST_CHECK enum cv_rc cv_topic_log_send(struct cv_topic_log *log, struct cv_bytes key,
                                           struct cv_bytes value, cv_topic_log_sent *sent, void *arg,
                                           struct cv_err *err);
/* Send and wait until it is written. CV_RETRY at the timeout: it may still be written later. */
CV_MUST_CHECK enum cv_rc cv_topic_log_write(struct cv_topic_log *log, struct cv_bytes key,
                                            struct cv_bytes value, int timeout_ms, struct cv_err *err);
const char *cv_topic_log_topic(const struct cv_topic_log *log);
/* Whether the start of this log found no topic and made it. */
bool cv_topic_log_was_created(const struct cv_topic_log *log);
/* CV_NOT_FOUND when the topic was deleted while it was followed; for any thread. */
CV_MUST_CHECK enum cv_rc cv_topic_log_check(struct cv_topic_log *log, struct cv_err *err);

#endif
