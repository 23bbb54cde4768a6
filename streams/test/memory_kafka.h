/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A double of Kafka in memory for tests of pipelines and of the engine itself: topics, read-committed reads
 * behind the last stable offset, transactions with marker records, committed offsets with metadata,
 * and failures on demand. One thread uses it and its brokers.
 */
#ifndef STREAMS_TEST_MEMORY_KAFKA_H
#define STREAMS_TEST_MEMORY_KAFKA_H

#include "streams/io/broker.h"

struct memory_kafka;

struct memory_kafka *memory_kafka_new(void);
void memory_kafka_free(struct memory_kafka *kafka);

/* A partition exists as soon as it is named. NULL: no key, tombstone. */
void memory_kafka_put(struct memory_kafka *kafka, const char *topic, int partition, const char *key,
                      const char *value, int64_t timestamp_ms);

/* Headers of the partition's last record: "name=value;" each. */
void memory_kafka_set_header(struct memory_kafka *kafka, const char *topic, int partition,
                             const char *header);

struct memory_record {
    char *key; /* with a NUL behind; NULL: null */
    size_t key_len;
    char *value;
    size_t value_len;
    int64_t timestamp_ms;
    int64_t offset;
    int txn; /* 0: none */
    bool marker;
    char header[512]; /* "name=value;" of all headers */
};
/* The i-th committed record of a partition; NULL past the last. */
const struct memory_record *memory_kafka_read(struct memory_kafka *kafka, const char *topic,
                                              int partition, size_t i);
size_t memory_kafka_count(struct memory_kafka *kafka, const char *topic,
                          int partition); /* committed ones */
/* Forget a partition's records below the offset. */
void memory_kafka_trim(struct memory_kafka *kafka, const char *topic, int partition,
                       int64_t before);
/* Delete the topic's partition and make it anew, empty. */
void memory_kafka_recreate(struct memory_kafka *kafka, const char *topic, int partition);
int64_t memory_kafka_committed(struct memory_kafka *kafka, const char *topic, int partition);
void memory_kafka_set_committed(struct memory_kafka *kafka, const char *topic, int partition,
                                int64_t offset, const char *metadata);
size_t memory_kafka_open_txns(const struct memory_kafka *kafka);

/*
 * The n-th call (from 1) of begin, send, flush, offsets or commit from now on fails with CV_RETRY;
 * after: it takes effect nevertheless. 0: none. Returns whether the last one set has happened.
 */
bool memory_kafka_fail(struct memory_kafka *kafka, size_t nth, bool after);

/* The next call of that name (flush, offsets) fails; after: it takes effect nevertheless. */
void memory_kafka_fail_call(struct memory_kafka *kafka, const char *call, bool after);

/* It does not answer how far partitions go. */
void memory_kafka_be_silent(struct memory_kafka *kafka, bool silent);

/* As a processing thread has it; transactional_id tells producers apart. */
struct broker *memory_broker_new(struct memory_kafka *kafka, const char *transactional_id);

#endif
