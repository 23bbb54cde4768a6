/* SPDX-License-Identifier: Apache-2.0 */
/* What the writers and readers of messages share. */
#ifndef COMMON_WIRE_MESSAGE_PRIVATE_H
#define COMMON_WIRE_MESSAGE_PRIVATE_H

#include "common/reader.h"
#include "common/wire/message.h"

#define WIRE_STRING_MAX 32767

/* A longer string than the maximum makes the buffer fail. */
void wire_write_string(struct cv_buf *out, const char *str);
void wire_write_nullable_string(struct cv_buf *out, const char *str);

/* A response being read: the reader, where copies go, and whether memory ran out. */
struct wire_response {
    struct cv_reader in;
    struct cv_arena *arena;
    bool no_memory;
};

struct wire_response wire_response_of(const void *data, size_t len, struct cv_arena *arena);
CV_MUST_CHECK
enum cv_rc wire_response_finish(const struct wire_response *resp, enum cv_wire_api api,
                                struct cv_err *err);
char *wire_read_string(struct wire_response *resp);
/* The count of an array whose elements take at least min_bytes each; 0 for null and after any
   failure. */
size_t wire_read_count(struct cv_reader *in, size_t min_bytes);
/* Zeroed room for an array; *inout_count becomes 0 when memory is out. */
void *wire_array_room(struct wire_response *resp, size_t *inout_count, size_t size);
/* What a Metadata response says before its topics. */
struct cv_wire_metadata wire_read_cluster(struct wire_response *resp);
/* A whole response of ThrottleTimeMs and ErrorCode. */
CV_MUST_CHECK
enum cv_rc wire_read_error(const void *data, size_t len, enum cv_wire_api api, int16_t *ret_error,
                           struct cv_err *err);

#endif
