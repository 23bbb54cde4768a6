/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounds-first reader of big-endian bytes. Reading past the end returns 0 (or NULL) and is remembered; a
 * message counts only if cv_reader_finish says so. Borrowed bytes; no allocation.
 */
#ifndef COMMON_READER_H
#define COMMON_READER_H

#include <culvert/err.h>

struct cv_reader {
    const unsigned char *data;
    size_t len;
    size_t pos;
    bool failed;
};

static inline struct cv_reader
cv_reader_of(const void *data, size_t len)
{
    return (struct cv_reader){ .data = data, .len = len };
}

/* len bytes, borrowed; NULL past the end. */
static inline const unsigned char *
cv_read_bytes(struct cv_reader *in, size_t len)
{
    const unsigned char *at;

    if (in->failed || len > in->len - in->pos) {
        in->failed = true;
        return NULL;
    }
    at = len == 0 && in->data == NULL ? (const unsigned char *)"" : in->data + in->pos;
    in->pos += len;
    return at;
}

static inline uint8_t
cv_read_u8(struct cv_reader *in)
{
    const unsigned char *at = cv_read_bytes(in, 1);

    return at == NULL ? 0 : at[0];
}
static inline uint16_t
cv_read_u16(struct cv_reader *in)
{
    const unsigned char *at = cv_read_bytes(in, 2);

    return at == NULL ? 0 : (uint16_t)(at[0] << 8 | at[1]);
}
static inline uint32_t
cv_read_u32(struct cv_reader *in)
{
    const unsigned char *at = cv_read_bytes(in, 4);

    return at == NULL ? 0
                      : (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}
static inline uint64_t
cv_read_u64(struct cv_reader *in)
{
    const unsigned char *at = cv_read_bytes(in, 8);

    return at == NULL ? 0
                      : (uint64_t)at[0] << 56 | (uint64_t)at[1] << 48 | (uint64_t)at[2] << 40 |
                            (uint64_t)at[3] << 32 | (uint64_t)at[4] << 24 | (uint64_t)at[5] << 16 |
                            (uint64_t)at[6] << 8 | at[7];
}
static inline int16_t
cv_read_i16(struct cv_reader *in)
{
    return (int16_t)cv_read_u16(in);
}
static inline int32_t
cv_read_i32(struct cv_reader *in)
{
    return (int32_t)cv_read_u32(in);
}
static inline int64_t
cv_read_i64(struct cv_reader *in)
{
    return (int64_t)cv_read_u64(in);
}
/* A NUL-terminated string, borrowed; "" past the end. */
const char *cv_read_cstr(struct cv_reader *in);
static inline size_t
cv_reader_left(const struct cv_reader *in)
{
    return in->failed ? 0 : in->len - in->pos;
}
/* CV_INVALID if anything was read past the end or bytes are left; what names the message. */
CV_MUST_CHECK enum cv_rc cv_reader_finish(const struct cv_reader *in, const char *what,
                                          struct cv_err *err);
/* The same, but trailing bytes are fine. */
CV_MUST_CHECK enum cv_rc cv_reader_check(const struct cv_reader *in, const char *what, struct cv_err *err);

#endif
