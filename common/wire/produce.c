/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests and responses of a producer: where partitions lead, an identity, batches, and
 * transactions with the offsets that belong to them (KIP-98, KIP-447). Layouts are those of Kafka's
 * message definitions. No state, no thread.
 */
#include <config.h>

#include "common/wire/produce.h"

#include "common/wire/message_private.h"

#define KEY_TYPE_TRANSACTION 1

/* Flexible versions (KIP-482): lengths are unsigned varints, one more than they say, with 0 for
   null, and structures end in tagged fields. */
static void
write_varint(struct cv_buf *out, uint32_t value)
{
    for (; value >= 0x80; value >>= 7)
        cv_buf_char(out, (char)(value | 0x80));
    cv_buf_char(out, (char)value);
}

static void
write_compact(struct cv_buf *out, const char *str)
{
    size_t len = str == NULL ? 0 : strlen(str);

    if (len > WIRE_STRING_MAX) {
        if (out->failed == CV_OK)
            out->failed = CV_INVALID;
        return;
    }
    write_varint(out, str == NULL ? 0 : (uint32_t)len + 1);
    if (len > 0)
        cv_buf_add(out, str, len);
}

static void
write_no_tags(struct cv_buf *out)
{
    cv_buf_char(out, 0);
}

static uint32_t
read_varint(struct cv_reader *in)
{
    uint32_t value = 0;

    for (unsigned shift = 0; shift < 32; shift += 7) {
        uint8_t byte = cv_read_u8(in);

        if (shift == 28 && byte > 0x0f)
            break;
        value |= (uint32_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return value;
    }
    in->failed = true;
    return 0;
}

static size_t
read_compact_count(struct cv_reader *in, size_t min_bytes)
{
    uint32_t more = read_varint(in);
    size_t count = more == 0 ? 0 : more - 1;

    if (count > cv_reader_left(in) / min_bytes) {
        in->failed = true;
        return 0;
    }
    return count;
}

static void
skip_compact(struct cv_reader *in)
{
    (void)cv_read_bytes(in, read_compact_count(in, 1));
}

static void
skip_tags(struct cv_reader *in)
{
    uint32_t left = read_varint(in);

    for (; left > 0 && !in->failed; left--) {
        (void)read_varint(in);
        (void)cv_read_bytes(in, read_varint(in));
    }
}

/* A STRING, borrowed; NULL past the end. */
static const unsigned char *
borrow_string(struct cv_reader *in, size_t *ret_len)
{
    int16_t len = cv_read_i16(in);

    if (len < 0)
        in->failed = true;
    *ret_len = len < 0 ? 0 : (size_t)len;
    return cv_read_bytes(in, *ret_len);
}

void
cv_wire_write_topic_metadata(struct cv_buf *out, const char *const *topics, size_t n_topics,
                             bool auto_create)
{
    cv_buf_be32(out, (uint32_t)n_topics);
    for (size_t i = 0; i < n_topics; i++)
        wire_write_string(out, topics[i]);
    cv_buf_char(out, auto_create); /* AllowAutoTopicCreation */
}

static void
skip_nodes(struct cv_reader *in)
{
    (void)cv_read_bytes(in, wire_read_count(in, 4) * 4);
}

static void
read_topic(struct wire_response *resp, struct cv_wire_topic *ret)
{
    ret->error = cv_read_i16(&resp->in);
    ret->name = wire_read_string(resp);
    (void)cv_read_u8(&resp->in); /* IsInternal */
    ret->n_partitions = wire_read_count(&resp->in, 18);
    ret->partitions = wire_array_room(resp, &ret->n_partitions, sizeof(*ret->partitions));
    for (size_t i = 0; i < ret->n_partitions; i++) {
        ret->partitions[i].error = cv_read_i16(&resp->in);
        ret->partitions[i].id = cv_read_i32(&resp->in);
        ret->partitions[i].leader = cv_read_i32(&resp->in);
        skip_nodes(&resp->in); /* ReplicaNodes */
        skip_nodes(&resp->in); /* IsrNodes */
    }
}

enum cv_rc
cv_wire_read_topic_metadata(const void *data, size_t len, struct cv_arena *arena,
                            struct cv_wire_topic_metadata *ret, struct cv_err *err)
{
    struct wire_response resp = wire_response_of(data, len, arena);
    struct cv_wire_metadata cluster = wire_read_cluster(&resp);
    struct cv_wire_topic_metadata metadata = { .brokers = cluster.brokers,
                                               .n_brokers = cluster.n_brokers,
                                               .cluster_id = cluster.cluster_id };

    metadata.n_topics = wire_read_count(&resp.in, 9);
    metadata.topics = wire_array_room(&resp, &metadata.n_topics, sizeof(*metadata.topics));
    for (size_t i = 0; i < metadata.n_topics; i++)
        read_topic(&resp, &metadata.topics[i]);
    if (wire_response_finish(&resp, CV_WIRE_METADATA, err) != CV_OK)
        return err->rc;
    *ret = metadata;
    return CV_OK;
}

void
cv_wire_write_find_txn_coordinator(struct cv_buf *out, const char *transactional_id)
{
    wire_write_string(out, transactional_id);
    cv_buf_char(out, KEY_TYPE_TRANSACTION);
}

void
cv_wire_write_init_producer_id(struct cv_buf *out, const char *transactional_id, int32_t timeout_ms)
{
    wire_write_nullable_string(out, transactional_id);
    cv_buf_be32(out, (uint32_t)timeout_ms);
}

enum cv_rc
cv_wire_read_init_producer_id(const void *data, size_t len, struct cv_wire_producer_id *ret,
                              struct cv_err *err)
{
    struct wire_response resp = wire_response_of(data, len, NULL);
    struct cv_wire_producer_id producer = { 0 };

    (void)cv_read_i32(&resp.in); /* ThrottleTimeMs */
    producer.error = cv_read_i16(&resp.in);
    producer.id = cv_read_i64(&resp.in);
    producer.epoch = cv_read_i16(&resp.in);
    if (wire_response_finish(&resp, CV_WIRE_INIT_PRODUCER_ID, err) != CV_OK)
        return err->rc;
    *ret = producer;
    return CV_OK;
}

void
cv_wire_write_produce(struct cv_buf *out, const char *transactional_id, int16_t acks,
                      int32_t timeout_ms, uint32_t n_topics)
{
    wire_write_nullable_string(out, transactional_id);
    cv_buf_be16(out, (uint16_t)acks);
    cv_buf_be32(out, (uint32_t)timeout_ms);
    cv_buf_be32(out, n_topics);
}

void
cv_wire_write_produce_topic(struct cv_buf *out, const char *topic, uint32_t n_partitions)
{
    wire_write_string(out, topic);
    cv_buf_be32(out, n_partitions);
}

void
cv_wire_write_produce_partition(struct cv_buf *out, int32_t partition, uint32_t batch_size)
{
    cv_buf_be32(out, (uint32_t)partition);
    cv_buf_be32(out, batch_size);
}

struct cv_wire_produced
cv_wire_read_produced(const void *data, size_t len)
{
    struct cv_wire_produced produced = { .in = cv_reader_of(data, len) };

    produced.topics_left = (int32_t)wire_read_count(&produced.in, 6);
    return produced;
}

bool
cv_wire_produced_next(struct cv_wire_produced *produced)
{
    struct cv_reader *in = &produced->in;

    while (produced->partitions_left == 0) {
        if (produced->topics_left == 0 || in->failed)
            return false;
        produced->topics_left--;
        produced->topic = (const char *)borrow_string(in, &produced->topic_len);
        produced->partitions_left = (int32_t)wire_read_count(in, 30);
    }
    produced->partitions_left--;
    produced->partition = cv_read_i32(in);
    produced->error = cv_read_i16(in);
    produced->base_offset = cv_read_i64(in);
    (void)cv_read_i64(in); /* LogAppendTimeMs */
    (void)cv_read_i64(in); /* LogStartOffset */
    return !in->failed;
}

enum cv_rc
cv_wire_produced_finish(const struct cv_wire_produced *produced, struct cv_err *err)
{
    struct wire_response resp = { .in = produced->in };

    (void)cv_read_i32(&resp.in); /* ThrottleTimeMs */
    return wire_response_finish(&resp, CV_WIRE_PRODUCE, err);
}

static void
write_txn(struct cv_buf *out, const struct cv_wire_txn *txn)
{
    wire_write_string(out, txn->id);
    cv_buf_be64(out, (uint64_t)txn->producer_id);
    cv_buf_be16(out, (uint16_t)txn->epoch);
}

/* How many partitions from the first on are of its topic. */
static size_t
same_topic(const struct cv_wire_topic_partition *parts, size_t n_parts)
{
    size_t n = 1;

    while (n < n_parts && strcmp(parts[n].topic, parts[0].topic) == 0)
        n++;
    return n;
}

void
cv_wire_write_add_partitions(struct cv_buf *out, const struct cv_wire_txn *txn,
                             const struct cv_wire_topic_partition *parts, size_t n_parts)
{
    uint32_t n_topics = 0;
    size_t topics_pos;

    write_txn(out, txn);
    topics_pos = out->len;
    cv_buf_be32(out, 0);
    while (n_parts > 0) {
        size_t n = same_topic(parts, n_parts);

        wire_write_string(out, parts[0].topic);
        cv_buf_be32(out, (uint32_t)n);
        n_parts -= n;
        for (; n > 0; n--, parts++)
            cv_buf_be32(out, (uint32_t)parts->partition);
        n_topics++;
    }
    cv_wire_put_u32(out, topics_pos, n_topics);
}

enum cv_rc
cv_wire_read_add_partitions(const void *data, size_t len, int16_t *ret_error, struct cv_bytes *ret_topic,
                            struct cv_err *err)
{
    struct wire_response resp = wire_response_of(data, len, NULL);
    struct cv_bytes worst_topic = { NULL, 0 };
    int16_t worst = 0;
    size_t n_topics;

    (void)cv_read_i32(&resp.in); /* ThrottleTimeMs */
    for (n_topics = wire_read_count(&resp.in, 6); n_topics > 0; n_topics--) {
        struct cv_bytes topic;

        topic.data = (const char *)borrow_string(&resp.in, &topic.len);
        for (size_t left = wire_read_count(&resp.in, 6); left > 0; left--) {
            int16_t error;

            (void)cv_read_i32(&resp.in); /* PartitionIndex */
            error = cv_read_i16(&resp.in);
            if (worst != 0 && (worst != CV_WIRE_OPERATION_NOT_ATTEMPTED || error == 0))
                continue;
            worst = error;
            worst_topic = topic;
        }
    }
    if (wire_response_finish(&resp, CV_WIRE_ADD_PARTITIONS_TO_TXN, err) != CV_OK)
        return err->rc;
    *ret_error = worst;
    *ret_topic = worst_topic;
    return CV_OK;
}

void
cv_wire_write_add_offsets(struct cv_buf *out, const struct cv_wire_txn *txn, const char *group)
{
    write_txn(out, txn);
    wire_write_string(out, group);
}

enum cv_rc
cv_wire_read_add_offsets(const void *data, size_t len, int16_t *ret_error, struct cv_err *err)
{
    return wire_read_error(data, len, CV_WIRE_ADD_OFFSETS_TO_TXN, ret_error, err);
}

void
cv_wire_write_end_txn(struct cv_buf *out, const struct cv_wire_txn *txn, bool commit)
{
    write_txn(out, txn);
    cv_buf_char(out, commit);
}

enum cv_rc
cv_wire_read_end_txn(const void *data, size_t len, int16_t *ret_error, struct cv_err *err)
{
    return wire_read_error(data, len, CV_WIRE_END_TXN, ret_error, err);
}

/* How many offsets from the first on are of its topic. */
static size_t
same_offset_topic(const struct cv_wire_offset *offsets, size_t n_offsets)
{
    size_t n = 1;

    while (n < n_offsets && strcmp(offsets[n].topic, offsets[0].topic) == 0)
        n++;
    return n;
}

/* One topic with its partitions. */
static void
write_offset_topic(struct cv_buf *out, const struct cv_wire_offset *offsets, size_t n_offsets)
{
    write_compact(out, offsets[0].topic);
    write_varint(out, (uint32_t)n_offsets + 1);
    for (size_t i = 0; i < n_offsets; i++) {
        cv_buf_be32(out, (uint32_t)offsets[i].partition);
        cv_buf_be64(out, (uint64_t)offsets[i].offset);
        cv_buf_be32(out, (uint32_t)-1); /* CommittedLeaderEpoch: not known */
        write_compact(out, offsets[i].metadata);
        write_no_tags(out);
    }
    write_no_tags(out);
}

void
cv_wire_write_txn_offsets(struct cv_buf *out, const struct cv_wire_txn *txn,
                          const struct cv_wire_group_member *member,
                          const struct cv_wire_offset *offsets, size_t n_offsets)
{
    uint32_t n_topics = 0;
    size_t i;

    write_compact(out, txn->id);
    write_compact(out, member->group);
    cv_buf_be64(out, (uint64_t)txn->producer_id);
    cv_buf_be16(out, (uint16_t)txn->epoch);
    cv_buf_be32(out, (uint32_t)member->generation);
    write_compact(out, member->member_id);
    write_compact(out, member->instance_id);
    for (i = 0; i < n_offsets; i += same_offset_topic(offsets + i, n_offsets - i))
        n_topics++;
    write_varint(out, n_topics + 1);
    for (i = 0; i < n_offsets;) {
        size_t n = same_offset_topic(offsets + i, n_offsets - i);

        write_offset_topic(out, offsets + i, n);
        i += n;
    }
    write_no_tags(out);
}

enum cv_rc
cv_wire_read_txn_offsets(const void *data, size_t len, int16_t *ret_error, struct cv_err *err)
{
    struct wire_response resp = wire_response_of(data, len, NULL);
    struct cv_reader *in = &resp.in;
    int16_t first = 0;
    size_t n_topics;

    skip_tags(in);         /* of the response's header */
    (void)cv_read_i32(in); /* ThrottleTimeMs */
    for (n_topics = read_compact_count(in, 3); n_topics > 0; n_topics--) {
        skip_compact(in);
        for (size_t left = read_compact_count(in, 7); left > 0; left--) {
            int16_t error;

            (void)cv_read_i32(in); /* PartitionIndex */
            error = cv_read_i16(in);
            skip_tags(in);
            if (first == 0)
                first = error;
        }
        skip_tags(in);
    }
    skip_tags(in);
    if (wire_response_finish(&resp, CV_WIRE_TXN_OFFSET_COMMIT, err) != CV_OK)
        return err->rc;
    *ret_error = first;
    return CV_OK;
}
