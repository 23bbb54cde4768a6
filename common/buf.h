/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounded text and byte buffer. Born with a maximum, NUL-terminated, sticky on failure: write on, check once
 * with cv_buf_check. After a failure the contents are cut but valid, and further writes do nothing.
 */
#ifndef COMMON_BUF_H
#define COMMON_BUF_H

#include <string.h>

#include <culvert/err.h>

struct cv_buf {
    char *data; /* NULL until the first write */
    size_t len;
    size_t cap;
    size_t max;
    enum cv_rc failed; /* CV_NO_MEMORY: beyond max; CV_RETRY: memory is out; read it through cv_buf_check */
};

#define CV_BUF_INIT(maximum) { .max = (maximum) }

void cv_buf_init(struct cv_buf *buf, size_t max);
void cv_buf_free(struct cv_buf *buf); /* accepts a zeroed buf; leaves an empty one with the same max */
void cv_buf_wipe(struct cv_buf *buf); /* as free, after zeroing the memory: for secrets */
void cv_buf_reset(struct cv_buf *buf); /* empty, no failure, memory kept */

void cv_buf_add(struct cv_buf *buf, const void *data, size_t len);
void cv_buf_str(struct cv_buf *buf, const char *str);
void cv_buf_char(struct cv_buf *buf, char c);
void cv_buf_printf(struct cv_buf *buf, const char *fmt, ...) CV_PRINTF(2, 3);
void cv_buf_vprintf(struct cv_buf *buf, const char *fmt, va_list args) CV_PRINTF(2, 0);
void cv_buf_u64(struct cv_buf *buf, uint64_t v); /* decimal */
void cv_buf_i64(struct cv_buf *buf, int64_t v);
void cv_buf_be16(struct cv_buf *buf, uint16_t v); /* big-endian bytes */
void cv_buf_be32(struct cv_buf *buf, uint32_t v);
void cv_buf_be64(struct cv_buf *buf, uint64_t v);
void cv_buf_hex(struct cv_buf *buf, const void *data, size_t len); /* lower case */

/* Quoting. */
void cv_buf_json(struct cv_buf *buf, const char *utf8, size_t len); /* as Jackson: \u00XX, beyond U+FFFF \uXXXX\uXXXX */
void cv_buf_sql_ident(struct cv_buf *buf, const char *name);   /* "na""me" */
void cv_buf_sql_literal(struct cv_buf *buf, const char *text); /* 'it''s', or E'..' with backslashes */
void cv_buf_log(struct cv_buf *buf, const char *text, size_t len); /* one line: quoted if it must be */
void cv_buf_url(struct cv_buf *buf, const char *segment); /* percent-encoded path segment */

/* Make room for len more bytes and return where they go, NULL after a failure; then add what was used. */
char *cv_buf_reserve(struct cv_buf *buf, size_t len);
static inline void
cv_buf_used(struct cv_buf *buf, size_t len)
{
    buf->len += len;
    buf->data[buf->len] = '\0';
}

void cv_buf_truncate(struct cv_buf *buf, size_t len);

/* CV_OK, or the first failure: CV_NO_MEMORY with the maximum named. */
CV_MUST_CHECK enum cv_rc cv_buf_check(const struct cv_buf *buf, struct cv_err *err);
/* Never NULL. */
const char *cv_buf_cstr(const struct cv_buf *buf);
/* Move the text out; the caller frees it with free(). NULL after a failure. */
char *cv_buf_take(struct cv_buf *buf);

#endif
