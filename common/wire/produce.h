/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Kafka requests of a producer, each at one version: writers of request bodies, readers of response bodies. As in
 * message.h, readers copy what they keep into the arena given, strings end in a zero byte, a null string reads as "",
 * and on failure *ret is untouched and the class is CV_INVALID.
 */
#ifndef COMMON_WIRE_PRODUCE_H
#define COMMON_WIRE_PRODUCE_H

#include "common/reader.h"
#include "common/wire/message.h"

#include <culvert/record.h>

#define CV_WIRE_NO_PRODUCER (-1) /* a producer id */

/* Metadata v4, of topics. */
void cv_wire_write_topic_metadata(struct cv_buf *out, const char *const *topics, size_t n_topics, bool auto_create);
struct cv_wire_partition {
    int16_t error;
    int32_t id;
    int32_t leader; /* -1: none for now */
};
struct cv_wire_topic {
    int16_t error;
    char *name;
    struct cv_wire_partition *partitions;
    size_t n_partitions;
};
struct cv_wire_topic_metadata {
    struct cv_wire_broker *brokers;
    size_t n_brokers;
    struct cv_wire_topic *topics;
    size_t n_topics;
    const char *cluster_id; /* "": not told */
};
CV_MUST_CHECK
enum cv_rc cv_wire_read_topic_metadata(const void *data, size_t len, struct cv_arena *arena,
                                       struct cv_wire_topic_metadata *ret, struct cv_err *err);

/* FindCoordinator v2, of a transactional id. Read by cv_wire_read_find_coordinator. */
void cv_wire_write_find_txn_coordinator(struct cv_buf *out, const char *transactional_id);

/* InitProducerId v1 */
void cv_wire_write_init_producer_id(struct cv_buf *out, const char *transactional_id /* NULL: none */,
                                    int32_t timeout_ms);
struct cv_wire_producer_id {
    int16_t error;
    int64_t id;
    int16_t epoch;
};
CV_MUST_CHECK
enum cv_rc cv_wire_read_init_producer_id(const void *data, size_t len, struct cv_wire_producer_id *ret,
                                         struct cv_err *err);

/*
 * Produce v7, written piece by piece around record batches (record_batch.h): the head; then for each topic its head
 * and for each of its partitions the partition's head and a batch. Each head ends in its count, or in the batch's
 * size, so that cv_wire_put_u32 can write it over, at the position that was len of the buffer behind the head, less 4.
 */
void cv_wire_write_produce(struct cv_buf *out, const char *transactional_id /* NULL: none */, int16_t acks,
                           int32_t timeout_ms, uint32_t n_topics);
void cv_wire_write_produce_topic(struct cv_buf *out, const char *topic, uint32_t n_partitions);
void cv_wire_write_produce_partition(struct cv_buf *out, int32_t partition, uint32_t batch_size);
/* An answer of one partition at a time: true, until the last was read; then cv_wire_produced_finish tells whether the
   response was whole. Topic names are borrowed from data and not terminated. */
struct cv_wire_produced {
    const char *topic;
    size_t topic_len;
    int32_t partition;
    int16_t error;
    int64_t base_offset; /* -1: not told */
    /* internal */
    struct cv_reader in;
    int32_t topics_left, partitions_left;
};
struct cv_wire_produced cv_wire_read_produced(const void *data, size_t len);
bool cv_wire_produced_next(struct cv_wire_produced *produced);
CV_MUST_CHECK
enum cv_rc cv_wire_produced_finish(const struct cv_wire_produced *produced, struct cv_err *err);

/* What belongs to a transaction. */
struct cv_wire_txn {
    const char *id;
    int64_t producer_id;
    int16_t epoch;
};

/* AddPartitionsToTxn v1; the partitions of a topic must stand together. */
struct cv_wire_topic_partition {
    const char *topic;
    int32_t partition;
};
void cv_wire_write_add_partitions(struct cv_buf *out, const struct cv_wire_txn *txn,
                                  const struct cv_wire_topic_partition *parts, size_t n_parts);
/* The first error among the partitions that says most: any but OPERATION_NOT_ATTEMPTED if there is one; and the topic
   that it is about, whose bytes are data's. */
CV_MUST_CHECK
enum cv_rc cv_wire_read_add_partitions(const void *data, size_t len, int16_t *ret_error, struct cv_bytes *ret_topic,
                                       struct cv_err *err);

/* AddOffsetsToTxn v1 and EndTxn v1: both answer with an error code. */
void cv_wire_write_add_offsets(struct cv_buf *out, const struct cv_wire_txn *txn, const char *group);
CV_MUST_CHECK
enum cv_rc cv_wire_read_add_offsets(const void *data, size_t len, int16_t *ret_error, struct cv_err *err);
void cv_wire_write_end_txn(struct cv_buf *out, const struct cv_wire_txn *txn, bool commit);
CV_MUST_CHECK
enum cv_rc cv_wire_read_end_txn(const void *data, size_t len, int16_t *ret_error, struct cv_err *err);

/* TxnOffsetCommit v3, which is flexible: it names the group's member, so that a zombie's offsets are refused (KIP-447).
 */
struct cv_wire_group_member {
    const char *group;
    int32_t generation; /* -1: not a member */
    const char *member_id;
    const char *instance_id; /* NULL: none */
};
struct cv_wire_offset {
    const char *topic;
    int32_t partition;
    int64_t offset;
    const char *metadata; /* NULL: none */
};
void cv_wire_write_txn_offsets(struct cv_buf *out, const struct cv_wire_txn *txn,
                               const struct cv_wire_group_member *member, const struct cv_wire_offset *offsets,
                               size_t n_offsets); /* the partitions of a topic must stand together */
/* The first error. */
CV_MUST_CHECK
enum cv_rc cv_wire_read_txn_offsets(const void *data, size_t len, int16_t *ret_error, struct cv_err *err);

#endif
