/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Consume in batches, by assignment or as a member of a consumer group. One thread owns a consumer; rebalance
 * callbacks run inside cv_consumer_poll and close on that thread.
 *
 * Defaults set under all layers: enable.auto.commit=false, auto.offset.reset=earliest,
 * isolation.level=read_uncommitted (as Java), enable.partition.eof=true, allow.auto.create.topics=false.
 */
#ifndef COMMON_KAFKA_CONSUMER_H
#define COMMON_KAFKA_CONSUMER_H

#include "common/kafka/client.h"
#include "common/thread.h"

#include <culvert/record.h>

struct cv_consumer;

struct cv_consumed {
    const char *topic; /* the same pointer for the same topic as long as the consumer lives */
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms; /* CV_NO_TIMESTAMP: none */
    bool log_append_time;
    bool eof; /* no message: the end of the partition was reached; offset is the end offset */
    struct cv_bytes key;   /* data NULL: null */
    struct cv_bytes value; /* data NULL: tombstone */
    void *handle;          /* private */
};

struct cv_consumer_events {
    void *arg;
    /* Group membership only. assigned: offsets to start at may be set in parts (CV_OFFSET_STORED: the
       committed one). revoked: commit now; lost: too late for that. */
    void (*assigned)(void *arg, struct cv_topic_partitions *parts);
    void (*revoked)(void *arg, const struct cv_topic_partitions *parts, bool lost);
    /* The answer to a commit that nobody waited for, in the order of the commits; err NULL: it is done. With NULL
       here failures are logged. */
    void (*committed)(void *arg, const struct cv_err *err);
    bool outlives_topics; /* partitions that went with their topic are no failure, as the group deals anew */
};

/* group_id NULL: assignment only. events may be NULL. */
CV_MUST_CHECK enum cv_rc cv_consumer_new(const struct cv_kafka_conf *conf, const char *group_id,
                                         const struct cv_consumer_events *events,
                                         struct cv_consumer **ret, struct cv_err *err);
/* Leave the group. Messages must have been freed before. While Kafka is away this takes 3 s at most. */
void cv_consumer_free(struct cv_consumer *consumer);

/* Plain topic names; a regex subscription is the caller's: match topic lists and subscribe to the result. */
CV_MUST_CHECK enum cv_rc cv_consumer_subscribe(struct cv_consumer *consumer, const char *const *topics,
                                               size_t count, struct cv_err *err);
/* Replace the assignment; offset as CV_OFFSET_* or absolute. */
CV_MUST_CHECK enum cv_rc cv_consumer_assign(struct cv_consumer *consumer,
                                            const struct cv_topic_partitions *parts, struct cv_err *err);
CV_MUST_CHECK enum cv_rc cv_consumer_assign_add(struct cv_consumer *consumer,
                                                const struct cv_topic_partitions *parts,
                                                struct cv_err *err);
/* One that was paused is not, should it be added again. */
CV_MUST_CHECK enum cv_rc cv_consumer_assign_remove(struct cv_consumer *consumer,
                                                   const struct cv_topic_partitions *parts,
                                                   struct cv_err *err);

/*
 * Up to max messages (and EOF events) into out; waits for at most timeout_ms for the first. The bytes stay
 * valid until cv_consumed_free of each message. Errors of the connection are logged and retried inside; what
 * cannot be retried (authorisation, offset out of range, deleted topic) comes back as failure.
 */
CV_MUST_CHECK enum cv_rc cv_consumer_poll(struct cv_consumer *consumer, struct cv_consumed *out, size_t max,
                                          int timeout_ms, size_t *ret_count, struct cv_err *err);
void cv_consumed_free(struct cv_consumed *msgs, size_t count);
/* Messages that were read ahead: they are here, to be polled. */
size_t cv_consumer_ahead(const struct cv_consumer *consumer);
/* Signal wake whenever there is something new to poll: then poll with timeout 0 until nothing comes, and wait
   again. wake must outlive the consumer. */
void cv_consumer_notify(struct cv_consumer *consumer, struct cv_wake *wake);
/* Header i of a message; false past the last. Borrowed from the message. */
bool cv_consumed_header(const struct cv_consumed *msg, size_t i, const char **ret_name,
                        struct cv_bytes *ret_value);

CV_MUST_CHECK enum cv_rc cv_consumer_pause(struct cv_consumer *consumer,
                                           const struct cv_topic_partitions *parts, struct cv_err *err);
CV_MUST_CHECK enum cv_rc cv_consumer_resume(struct cv_consumer *consumer,
                                            const struct cv_topic_partitions *parts, struct cv_err *err);
CV_MUST_CHECK enum cv_rc cv_consumer_seek(struct cv_consumer *consumer, const char *topic,
                                          int32_t partition, int64_t offset, int timeout_ms,
                                          struct cv_err *err);
/*
 * Commit offsets (next to read) with their metadata. timeout_ms 0: sent, the answer comes to events.committed; else
 * until the broker answered. CV_CONFLICT: the group is rebalancing or gave the partitions to another member.
 */
CV_MUST_CHECK enum cv_rc cv_consumer_commit(struct cv_consumer *consumer,
                                            const struct cv_topic_partitions *offsets, int timeout_ms,
                                            struct cv_err *err);
/* Fill offset (CV_OFFSET_INVALID: none) and metadata of parts with what the group committed; under
   read_committed waits for pending transactions. Each metadata string is then owned by the caller: free(). */
CV_MUST_CHECK enum cv_rc cv_consumer_committed(struct cv_consumer *consumer,
                                               struct cv_topic_partitions *inout_parts, int timeout_ms,
                                               struct cv_err *err);
/* First and next offset of a partition (the last stable offset under read_committed). */
CV_MUST_CHECK enum cv_rc cv_consumer_watermarks(struct cv_consumer *consumer, const char *topic,
                                                int32_t partition, int timeout_ms, int64_t *ret_low,
                                                int64_t *ret_high, struct cv_err *err);
/* When all brokers were last seen to be away (monotonic ms); 0: never. */
int64_t cv_consumer_down_ms(const struct cv_consumer *consumer);

#endif
