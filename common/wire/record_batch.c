/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A batch's head is left out at first and filled in at the end, when the number of its records, its length and its
 * checksum are known; the checksum is of what stands behind it.
 */
#include <config.h>

#include "common/wire/record_batch.h"

#include "common/crc32c.h"

/* Where the fields of the head are. */
#define AT_LENGTH     8
#define AT_EPOCH      12 /* the length counts from here */
#define AT_CRC        17
#define AT_ATTRIBUTES 21 /* the checksum is of what begins here */

#define MAGIC         2
#define TRANSACTIONAL 0x10

/* Length, attributes, timestamp and offset deltas, lengths of key and value, the count of no headers. */
#define RECORD_HEAD_MAX (5 + 1 + 10 + 5 + 5 + 5 + 1)
#define RECORDS_MAX     ((size_t)256 << 20)

static uint64_t
zigzag(int64_t v)
{
    return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

static char *
put_varint(char *at, int64_t v)
{
    uint64_t u = zigzag(v);

    while (u >= 0x80) {
        *at++ = (char)(u | 0x80);
        u >>= 7;
    }
    *at++ = (char)u;
    return at;
}

static size_t
varint_size(int64_t v)
{
    uint64_t u = zigzag(v) | 1;

    return (size_t)(63 - __builtin_clzll(u)) / 7 + 1;
}

static char *
put_bytes(char *at, const void *data, size_t len)
{
    if (data == NULL)
        return put_varint(at, -1);
    at = put_varint(at, (int64_t)len);
    if (len > 0)
        memcpy(at, data, len);
    return at + len;
}

static size_t
bytes_size(const void *data, size_t len)
{
    return data == NULL ? 1 : varint_size((int64_t)len) + len;
}

size_t
cv_batch_record_size(size_t key_len, size_t value_len, size_t headers_len)
{
    return RECORD_HEAD_MAX + key_len + value_len + headers_len;
}

enum cv_rc
cv_batch_writer_init(struct cv_batch_writer *writer, enum cv_codec codec, int level, struct cv_err *err)
{
    *writer = (struct cv_batch_writer){ .codec = codec, .records = CV_BUF_INIT(RECORDS_MAX) };
    return codec == CV_CODEC_NONE ? CV_OK : cv_compressor_new(codec, level, &writer->compressor, err);
}

void
cv_batch_writer_done(struct cv_batch_writer *writer)
{
    cv_compressor_free(writer->compressor);
    cv_buf_free(&writer->records);
    writer->compressor = NULL;
}

/* Where records go. */
static struct cv_buf *
target(struct cv_batch_writer *writer)
{
    return writer->compressor != NULL ? &writer->records : writer->out;
}

void
cv_batch_begin(struct cv_batch_writer *writer, struct cv_buf *out)
{
    writer->out = out;
    writer->start = out->len;
    writer->count = 0;
    if (cv_buf_reserve(out, CV_RECORD_BATCH_HEAD) != NULL)
        cv_buf_used(out, CV_RECORD_BATCH_HEAD);
    cv_buf_reset(&writer->records);
}

void
cv_batch_add(struct cv_batch_writer *writer, const struct cv_batch_record *record)
{
    struct cv_buf *buf = target(writer);
    size_t room = cv_batch_record_size(record->key_len, record->value_len, record->headers_len);
    char *start = cv_buf_reserve(buf, room), *at = start;
    int64_t delta_ms;

    if (writer->count == 0)
        writer->first_ms = writer->max_ms = record->timestamp_ms;
    if (record->timestamp_ms > writer->max_ms)
        writer->max_ms = record->timestamp_ms;
    delta_ms = record->timestamp_ms - writer->first_ms;
    if (at == NULL)
        return;
    at = put_varint(at, (int64_t)(1 + varint_size(delta_ms) + varint_size(writer->count) +
                                  bytes_size(record->key, record->key_len) +
                                  bytes_size(record->value, record->value_len) +
                                  (record->headers == NULL ? 1 : record->headers_len)));
    *at++ = 0; /* attributes */
    at = put_varint(at, delta_ms);
    at = put_varint(at, writer->count);
    at = put_bytes(at, record->key, record->key_len);
    at = put_bytes(at, record->value, record->value_len);
    if (record->headers == NULL) {
        *at++ = 0;
    } else {
        memcpy(at, record->headers, record->headers_len);
        at += record->headers_len;
    }
    cv_buf_used(buf, (size_t)(at - start));
    writer->count++;
}

static char *
put_be(char *at, uint64_t v, int bytes)
{
    for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8)
        *at++ = (char)(v >> shift);
    return at;
}

static void
fill_head(struct cv_batch_writer *writer, const struct cv_batch_owner *owner)
{
    char *head = writer->out->data + writer->start, *at = head;
    size_t len = writer->out->len - writer->start;

    at = put_be(at, 0, 8); /* BaseOffset */
    at = put_be(at, len - AT_EPOCH, 4);
    at = put_be(at, UINT32_MAX, 4); /* PartitionLeaderEpoch */
    *at++ = MAGIC;
    at += 4; /* CRC */
    at = put_be(at, (uint64_t)writer->codec | (owner->transactional ? TRANSACTIONAL : 0), 2);
    at = put_be(at, (uint64_t)(writer->count - 1), 4); /* LastOffsetDelta */
    at = put_be(at, (uint64_t)writer->first_ms, 8);
    at = put_be(at, (uint64_t)writer->max_ms, 8);
    at = put_be(at, (uint64_t)owner->producer_id, 8);
    at = put_be(at, (uint64_t)owner->epoch, 2);
    at = put_be(at, (uint64_t)owner->sequence, 4);
    put_be(at, (uint64_t)writer->count, 4);
    put_be(head + AT_CRC, cv_crc32c(0, head + AT_ATTRIBUTES, len - AT_ATTRIBUTES), 4);
}

enum cv_rc
cv_batch_end(struct cv_batch_writer *writer, const struct cv_batch_owner *owner, struct cv_err *err)
{
    if (writer->compressor != NULL &&
        (cv_buf_check(&writer->records, err) != CV_OK ||
         cv_compress(writer->compressor, writer->records.data, writer->records.len, writer->out, err) != CV_OK))
        return err->rc;
    if (cv_buf_check(writer->out, err) != CV_OK)
        return err->rc;
    fill_head(writer, owner);
    return CV_OK;
}

void
cv_batch_write_header_count(struct cv_buf *out, size_t count)
{
    char *at = cv_buf_reserve(out, 10);

    if (at != NULL)
        cv_buf_used(out, (size_t)(put_varint(at, (int64_t)count) - at));
}

void
cv_batch_write_header(struct cv_buf *out, const char *name, const void *value, size_t len)
{
    size_t name_len = strlen(name);
    char *start = cv_buf_reserve(out, 10 + name_len + 10 + len);

    if (start != NULL)
        cv_buf_used(out, (size_t)(put_bytes(put_bytes(start, name, name_len), value, len) - start));
}
