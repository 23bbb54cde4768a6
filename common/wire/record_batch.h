/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writer of record batches, message format 2 (KIP-98). Records are written straight into the buffer of a request, or,
 * where they are compressed, into the writer's own memory first. Owned by one thread.
 */
#ifndef COMMON_WIRE_RECORD_BATCH_H
#define COMMON_WIRE_RECORD_BATCH_H

#include "common/buf.h"
#include "common/wire/compress.h"

/* What a batch takes beside its records. */
#define CV_RECORD_BATCH_HEAD 61

struct cv_batch_writer {
    struct cv_compressor *compressor; /* NULL: none */
    enum cv_codec codec;
    struct cv_buf records; /* before they are compressed */
    struct cv_buf *out;
    size_t start; /* of the batch in out */
    int32_t count;
    int64_t first_ms, max_ms;
};

/* Whose the batch is; a producer_id of -1, epoch -1 and sequence -1: nobody's. */
struct cv_batch_owner {
    int64_t producer_id;
    int16_t epoch;
    int32_t sequence;
    bool transactional;
};

/* data NULL: a null key or value. */
struct cv_batch_record {
    const void *key;
    size_t key_len;
    const void *value;
    size_t value_len;
    const void *headers; /* as cv_batch_write_headers wrote them; NULL: none */
    size_t headers_len;
    int64_t timestamp_ms;
};

CV_MUST_CHECK
enum cv_rc cv_batch_writer_init(struct cv_batch_writer *writer, enum cv_codec codec, int level, struct cv_err *err);
void cv_batch_writer_done(struct cv_batch_writer *writer); /* accepts a zeroed one */

/* A batch begins at the end of out, gets its records, and is ended. What went wrong, the end tells. */
void cv_batch_begin(struct cv_batch_writer *writer, struct cv_buf *out);
void cv_batch_add(struct cv_batch_writer *writer, const struct cv_batch_record *record);
CV_MUST_CHECK
enum cv_rc cv_batch_end(struct cv_batch_writer *writer, const struct cv_batch_owner *owner, struct cv_err *err);

/* At most what a record takes without compression. */
size_t cv_batch_record_size(size_t key_len, size_t value_len, size_t headers_len);

/* Headers of a record, to be written once and added to it as they are: count first, then each. */
void cv_batch_write_header_count(struct cv_buf *out, size_t count);
void cv_batch_write_header(struct cv_buf *out, const char *name, const void *value /* NULL: null */, size_t len);

#endif
