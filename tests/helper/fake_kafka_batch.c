/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "tests/helper/fake_kafka_batch.h"

#include "common/reader.h"
#include "common/wire/message.h"

#define ATTRIBUTE_CODEC         0x07
#define ATTRIBUTE_APPEND_TIME   0x08
#define ATTRIBUTE_TRANSACTIONAL 0x10
#define ATTRIBUTE_CONTROL       0x20
#define ATTRIBUTES_UNUSED       (~0x3f)
#define RECORD_MIN              7 /* bytes */

uint32_t
fake_crc32c(const void *data, size_t len)
{
    const unsigned char *bytes = data;
    uint32_t crc = 0xffffffff;

    for (; len > 0; len--) {
        crc ^= *bytes++;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
    }
    return ~crc;
}

int32_t
fake_sequence_add(int32_t sequence, int32_t count)
{
    return (int32_t)(((uint32_t)sequence + (uint32_t)count) & 0x7fffffff);
}

/* A zigzag varint of at most so many bits, in its shortest form. */
static int64_t
read_varint(struct cv_reader *in, unsigned bits)
{
    uint64_t value = 0;
    uint8_t byte = 0;
    unsigned shift = 0;

    do {
        byte = cv_read_u8(in);
        value |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
    } while (byte >= 0x80 && shift < 64);
    if (byte >= 0x80 || (byte == 0 && shift > 7) || (bits < 64 && value >> bits != 0))
        in->failed = true;
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

/* Bytes with their length in front, copied; NULL for null if that may be. */
static void *
read_bytes(struct cv_reader *in, bool nullable, struct cv_arena *arena, size_t *ret_len)
{
    int64_t len = read_varint(in, 32);
    const unsigned char *bytes;

    *ret_len = 0;
    if (len < 0) {
        in->failed = in->failed || !nullable || len != -1;
        return NULL;
    }
    bytes = cv_read_bytes(in, (size_t)len);
    if (bytes == NULL)
        return NULL;
    *ret_len = (size_t)len;
    return cv_arena_dup(arena, bytes, (size_t)len);
}

static void
read_headers(struct cv_reader *in, struct cv_arena *arena, struct fake_kafka_record *record)
{
    int64_t count = read_varint(in, 32);
    struct fake_kafka_header *headers;

    if (count < 0 || (size_t)count > cv_reader_left(in) / 2) {
        in->failed = true;
        return;
    }
    headers = cv_arena_zalloc(arena, (size_t)count * sizeof(*headers));
    record->headers = headers;
    record->n_headers = (size_t)count;
    for (int64_t i = 0; i < count; i++) {
        size_t key_len;

        headers[i].key = read_bytes(in, false, arena, &key_len);
        headers[i].value = read_bytes(in, true, arena, &headers[i].value_len);
    }
}

static const char *
read_record(struct cv_reader *records, const struct fake_batch *batch, int32_t index,
            struct cv_arena *arena, struct fake_kafka_record *ret)
{
    int64_t len = read_varint(records, 32);
    const unsigned char *bytes = len < 0 ? NULL : cv_read_bytes(records, (size_t)len);
    struct cv_reader in = cv_reader_of(bytes, bytes == NULL ? 0 : (size_t)len);

    if (bytes == NULL)
        return "a record's length is beyond its batch";
    *ret = (struct fake_kafka_record){ .offset = index,
                                       .producer_id = batch->producer_id,
                                       .epoch = batch->epoch,
                                       .sequence = -1,
                                       .n_records = 1 };
    if (batch->first_sequence >= 0)
        ret->sequence = fake_sequence_add(batch->first_sequence, index);
    if (cv_read_u8(&in) != 0)
        return "a record has attributes";
    ret->timestamp = batch->base_timestamp + read_varint(&in, 64);
    if (read_varint(&in, 32) != index)
        return "offset deltas of records do not count from 0";
    ret->key = read_bytes(&in, true, arena, &ret->key_len);
    ret->value = read_bytes(&in, true, arena, &ret->value_len);
    read_headers(&in, arena, ret);
    if (in.failed)
        return "a record ends too early";
    return cv_reader_left(&in) == 0 ? NULL : "bytes are left behind a record";
}

static const char *
read_records(struct cv_reader *in, struct fake_batch *batch, struct cv_arena *arena)
{
    int64_t highest = INT64_MIN;

    if ((size_t)batch->count > cv_reader_left(in) / RECORD_MIN)
        return "the count of records is beyond the batch";
    batch->n_rows = (size_t)batch->count;
    batch->rows = cv_arena_zalloc(arena, batch->n_rows * sizeof(*batch->rows));
    for (int32_t i = 0; i < batch->count; i++) {
        const char *why = read_record(in, batch, i, arena, &batch->rows[i]);

        if (why != NULL)
            return why;
        if (batch->rows[i].timestamp > highest)
            highest = batch->rows[i].timestamp;
    }
    if (highest != batch->max_timestamp)
        return "the highest timestamp is not that of the records";
    return cv_reader_left(in) == 0 ? NULL : "bytes are left behind the records";
}

/* The records section of a compressed batch as one row. */
static const char *
read_compressed(struct cv_reader *in, struct fake_batch *batch, struct cv_arena *arena)
{
    size_t len = cv_reader_left(in);

    if (len == 0)
        return "a compressed batch without a byte";
    batch->n_rows = 1;
    batch->rows = cv_arena_zalloc(arena, sizeof(*batch->rows));
    *batch->rows = (struct fake_kafka_record){ .timestamp = batch->max_timestamp,
                                               .value_len = len,
                                               .producer_id = batch->producer_id,
                                               .epoch = batch->epoch,
                                               .sequence = batch->first_sequence,
                                               .codec = batch->codec,
                                               .n_records = batch->count };
    batch->rows->value = cv_arena_dup(arena, cv_read_bytes(in, len), len);
    return NULL;
}

static const char *
check_head(const struct fake_batch *batch, int64_t base_offset, int32_t last_delta)
{
    bool identified = batch->producer_id >= 0;

    if (base_offset != 0)
        return "the base offset is not 0";
    if (batch->attributes & (ATTRIBUTE_APPEND_TIME | ATTRIBUTE_CONTROL | ATTRIBUTES_UNUSED))
        return "attributes that no producer sets";
    if (batch->codec > 4)
        return "no such codec";
    if (batch->count <= 0 || last_delta != batch->count - 1)
        return "the last offset delta is not the count less 1";
    if (identified ? batch->epoch < 0 || batch->first_sequence < 0
                   : batch->producer_id != -1 || batch->epoch != -1 || batch->first_sequence != -1)
        return "producer id, epoch and sequence do not go together";
    if (batch->transactional && !identified)
        return "a transaction without a producer id";
    return NULL;
}

int16_t
fake_batch_read(const void *data, size_t len, struct cv_arena *arena, struct fake_batch *ret,
                const char **ret_why)
{
    struct cv_reader in = cv_reader_of(data, len);
    struct fake_batch batch = { 0 };
    int64_t base_offset = cv_read_i64(&in);
    int32_t batch_len = cv_read_i32(&in), last_delta;
    uint32_t crc;
    uint8_t magic;

    (void)cv_read_i32(&in); /* PartitionLeaderEpoch */
    magic = cv_read_u8(&in);
    crc = cv_read_u32(&in);
    *ret_why = "the magic is not 2";
    if (!in.failed && magic != 2)
        return CV_WIRE_UNSUPPORTED_FOR_MESSAGE_FORMAT;
    *ret_why = "its length is not that of one whole batch";
    if (in.failed || batch_len < 0 || (size_t)batch_len != len - 12)
        return CV_WIRE_INVALID_RECORD;
    *ret_why = "wrong CRC-32C";
    if (crc != fake_crc32c((const char *)data + in.pos, len - in.pos))
        return CV_WIRE_CORRUPT_MESSAGE;
    batch.attributes = cv_read_i16(&in);
    last_delta = cv_read_i32(&in);
    batch.base_timestamp = cv_read_i64(&in);
    batch.max_timestamp = cv_read_i64(&in);
    batch.producer_id = cv_read_i64(&in);
    batch.epoch = cv_read_i16(&in);
    batch.first_sequence = cv_read_i32(&in);
    batch.count = cv_read_i32(&in);
    batch.codec = batch.attributes & ATTRIBUTE_CODEC;
    batch.transactional = batch.attributes & ATTRIBUTE_TRANSACTIONAL;
    *ret_why = in.failed ? "it ends too early" : check_head(&batch, base_offset, last_delta);
    if (*ret_why == NULL)
        *ret_why = batch.codec == 0 ? read_records(&in, &batch, arena)
                                    : read_compressed(&in, &batch, arena);
    if (*ret_why != NULL)
        return CV_WIRE_INVALID_RECORD;
    *ret = batch;
    return 0;
}
