/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a processing thread needs from Kafka: one transactional producer and one consumer that only
 * reads what it is told to. io/kafka_broker.c does it with Kafka, the tests' double in memory. One
 * thread owns a broker.
 */
#ifndef STREAMS_IO_BROKER_H
#define STREAMS_IO_BROKER_H

#include "common/kafka/consumer.h"
#include "common/kafka/producer.h"

struct broker;

/* A record to be written. Everything is borrowed until its delivery is done. */
struct out_record {
    const char *topic;
    int32_t partition; /* CV_NO_PARTITION: by the key's hash */
    struct cv_bytes key;
    struct cv_bytes value;                /* data NULL: tombstone */
    const struct cv_raw_headers *headers; /* NULL: none */
    int64_t timestamp_ms;
};

struct broker_ops {
    /*
     * Make the transactional producer anew and learn what became of its predecessor's transaction:
     * afterwards committed offsets are final. CV_RETRY while Kafka is away. Call again after any
     * failure below.
     */
    enum cv_rc (*open)(struct broker *b, struct cv_err *err);
    /* Abort what is open and give the producer up; bytes that were sent are no longer needed. */
    void (*drop)(struct broker *b);

    enum cv_rc (*begin)(struct broker *b, struct cv_err *err);
    enum cv_rc (*send)(struct broker *b, const struct out_record *rec, struct cv_delivery *delivery,
                       struct cv_err *err);
    enum cv_rc (*flush)(struct broker *b, struct cv_err *err);
    enum cv_rc (*offsets)(struct broker *b, const struct cv_topic_partitions *offsets,
                          struct cv_err *err);
    enum cv_rc (*commit)(struct broker *b, struct cv_err *err);

    /* Committed offsets with metadata, as cv_consumer_committed. */
    enum cv_rc (*committed)(struct broker *b, struct cv_topic_partitions *inout_parts,
                            struct cv_err *err);
    /* First and next readable offset of a partition. */
    enum cv_rc (*range)(struct broker *b, const char *topic, int32_t partition, int64_t *ret_low,
                        int64_t *ret_high, struct cv_err *err);
    enum cv_rc (*attach)(struct broker *b, const struct cv_topic_partitions *parts,
                         struct cv_err *err);
    enum cv_rc (*detach)(struct broker *b, const struct cv_topic_partitions *parts,
                         struct cv_err *err);
    enum cv_rc (*pause)(struct broker *b, const struct cv_topic_partitions *parts, bool on,
                        struct cv_err *err);
    /* As cv_consumer_poll; free the messages with cv_consumed_free. */
    enum cv_rc (*poll)(struct broker *b, struct cv_consumed *out, size_t max, int timeout_ms,
                       size_t *ret_count, struct cv_err *err);
    /* Value of the last header of that name of a message that poll gave; false: it has none. */
    bool (*header)(struct broker *b, const struct cv_consumed *msg, const char *name,
                   struct cv_bytes *ret);
    void (*free)(struct broker *b);
};

struct broker {
    const struct broker_ops *ops;
    int64_t quiet_until_ms; /* monotonic: a question without need went unanswered, ask none before */
};

#endif
