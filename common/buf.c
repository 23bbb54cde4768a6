/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounded text and byte buffer with sticky failure; quoting.
 *
 * cap counts the byte of the final NUL, so that data[len] is always writable. A write that does not fit
 * leaves what was there and marks the buffer failed: with CV_NO_MEMORY at the maximum, with CV_RETRY when
 * malloc said no. The buffer belongs to one thread at a time.
 */
#include <config.h>

#include "common/buf.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/utf8.h"

#define FIRST_CAP 64

void
cv_buf_init(struct cv_buf *buf, size_t max)
{
    *buf = (struct cv_buf)CV_BUF_INIT(max);
}

void
cv_buf_free(struct cv_buf *buf)
{
    free(buf->data);
    cv_buf_init(buf, buf->max);
}

void
cv_buf_wipe(struct cv_buf *buf)
{
    if (buf->data != NULL)
        explicit_bzero(buf->data, buf->cap);
    cv_buf_free(buf);
}

void
cv_buf_reset(struct cv_buf *buf)
{
    buf->failed = CV_OK;
    cv_buf_truncate(buf, 0);
}

void
cv_buf_truncate(struct cv_buf *buf, size_t len)
{
    if (buf->data == NULL || len > buf->len)
        return;
    buf->len = len;
    buf->data[len] = '\0';
}

/* Room for len more bytes and the NUL, growing by doubling up to the maximum. */
static bool
grow(struct cv_buf *buf, size_t len)
{
    size_t need;
    size_t cap = buf->cap == 0 ? FIRST_CAP : buf->cap;
    char *data;

    if (buf->failed != CV_OK)
        return false;
    if (len > buf->max - buf->len || buf->max == SIZE_MAX) {
        buf->failed = CV_NO_MEMORY;
        return false;
    }
    need = buf->len + len + 1;
    if (need <= buf->cap)
        return true;
    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    if (cap > buf->max + 1)
        cap = buf->max + 1;
    data = realloc(buf->data, cap);
    if (data == NULL) {
        buf->failed = CV_RETRY;
        return false;
    }
    buf->data = data;
    buf->cap = cap;
    buf->data[buf->len] = '\0';
    return true;
}

/* Whether len more bytes and the NUL fit, after growing if they must. */
static inline bool
room(struct cv_buf *buf, size_t len)
{
    if (len < buf->cap - buf->len && buf->failed == CV_OK)
        return true;
    return grow(buf, len);
}

char *
cv_buf_reserve(struct cv_buf *buf, size_t len)
{
    return room(buf, len) ? buf->data + buf->len : NULL;
}

void
cv_buf_add(struct cv_buf *buf, const void *data, size_t len)
{
    if (!room(buf, len))
        return;
    if (len > 0)
        memcpy(buf->data + buf->len, data, len);
    cv_buf_used(buf, len);
}

void
cv_buf_str(struct cv_buf *buf, const char *str)
{
    cv_buf_add(buf, str, strlen(str));
}

void
cv_buf_char(struct cv_buf *buf, char c)
{
    if (!room(buf, 1))
        return;
    buf->data[buf->len] = c;
    cv_buf_used(buf, 1);
}

void
cv_buf_printf(struct cv_buf *buf, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    cv_buf_vprintf(buf, fmt, args);
    va_end(args);
}

void
cv_buf_vprintf(struct cv_buf *buf, const char *fmt, va_list args)
{
    va_list again;
    int len;

    if (!room(buf, 0))
        return;
    va_copy(again, args);
    len = vsnprintf(buf->data + buf->len, buf->cap - buf->len, fmt, args);
    if (len < 0) {
        buf->data[buf->len] = '\0';
        buf->failed = CV_INTERNAL;
    } else if ((size_t)len < buf->cap - buf->len) {
        buf->len += (size_t)len;
    } else {
        buf->data[buf->len] = '\0';
        if (room(buf, (size_t)len)) {
            vsnprintf(buf->data + buf->len, (size_t)len + 1, fmt, again);
            buf->len += (size_t)len;
        }
    }
    va_end(again);
}

void
cv_buf_u64(struct cv_buf *buf, uint64_t v)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v != 0);
    cv_buf_add(buf, digits + at, sizeof(digits) - at);
}

void
cv_buf_i64(struct cv_buf *buf, int64_t v)
{
    if (!room(buf, 20))
        return;
    if (v < 0) {
        cv_buf_char(buf, '-');
        cv_buf_u64(buf, 0 - (uint64_t)v);
    } else {
        cv_buf_u64(buf, (uint64_t)v);
    }
}

void
cv_buf_be16(struct cv_buf *buf, uint16_t v)
{
    const unsigned char bytes[] = { (unsigned char)(v >> 8), (unsigned char)v };

    cv_buf_add(buf, bytes, sizeof(bytes));
}

void
cv_buf_be32(struct cv_buf *buf, uint32_t v)
{
    const unsigned char bytes[] = { (unsigned char)(v >> 24), (unsigned char)(v >> 16),
                                    (unsigned char)(v >> 8), (unsigned char)v };

    cv_buf_add(buf, bytes, sizeof(bytes));
}

void
cv_buf_be64(struct cv_buf *buf, uint64_t v)
{
    unsigned char bytes[8];

    for (int i = 7; i >= 0; i--) {
        bytes[i] = (unsigned char)v;
        v >>= 8;
    }
    cv_buf_add(buf, bytes, sizeof(bytes));
}

void
cv_buf_hex(struct cv_buf *buf, const void *data, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *bytes = data;
    char *out = len > SIZE_MAX / 2 ? NULL : cv_buf_reserve(buf, len * 2);

    if (out == NULL)
        return;
    for (size_t i = 0; i < len; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    cv_buf_used(buf, len * 2);
}

/* Which of eight bytes JSON does not take as they are: the high bit of a lane says that the byte is a control
   character, a quote, a backslash, or 0xf0 and more, which begins a character beyond U+FFFF. The borrow of a lane
   can only raise a false alarm above a true one, so that the lowest one set is right. */
static inline uint64_t
json_dirty(uint64_t w)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t quote = w ^ ones * '"';
    uint64_t slash = w ^ ones * '\\';
    uint64_t wide = w & w << 1 & w << 2 & w << 3;

    return (((w - ones * 0x20) & ~w) | ((quote - ones) & ~quote) | ((slash - ones) & ~slash) | wide) &
           UINT64_C(0x8080808080808080);
}

/* Length of the longest prefix that JSON takes as it is. */
static inline size_t
json_clean(const char *text, size_t len)
{
    size_t i = 0;

    for (; len - i >= 8; i += 8) {
        uint64_t word;
        uint64_t dirty;

        memcpy(&word, text + i, 8);
        dirty = json_dirty(le64toh(word));
        if (dirty != 0)
            return i + (size_t)__builtin_ctzll(dirty) / 8;
    }
    for (; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c < 0x20 || c == '"' || c == '\\' || c >= 0xf0)
            break;
    }
    return i;
}

/* A character beyond U+FFFF as the two \uXXXX of its UTF-16 form: Jackson writes it so into UTF-8 as well, and with
   it every Kafka Connect converter. Returns the bytes used; a byte that begins no such character is passed on. */
static size_t
json_escape_pair(struct cv_buf *buf, const char *utf8, size_t len)
{
    const unsigned char *p = (const unsigned char *)utf8;
    uint32_t code;

    if (cv_utf8_sequence(utf8, len) != 4) {
        cv_buf_add(buf, utf8, 1);
        return 1;
    }
    code = ((p[0] & 7u) << 18 | (p[1] & 63u) << 12 | (p[2] & 63u) << 6 | (p[3] & 63u)) - 0x10000;
    cv_buf_printf(buf, "\\u%04X\\u%04X", 0xd800 + (code >> 10 & 0x3ff), 0xdc00 + (code & 0x3ff));
    return 4;
}

static inline void
json_escape(struct cv_buf *buf, unsigned char c)
{
    static const char digits[] = "0123456789ABCDEF";
    static const char shorts[] = "btn\0fr"; /* 0x08 to 0x0d; 0x0b has none */
    bool is_short = c >= 0x08 && c <= 0x0d && c != 0x0b;
    char *at;

    if (!room(buf, c >= 0x20 || is_short ? 2 : 6))
        return;
    at = buf->data + buf->len;
    at[0] = '\\';
    if (c >= 0x20 || is_short) {
        at[1] = c >= 0x20 ? (char)c : shorts[c - 0x08];
        buf->len += 2;
    } else {
        memcpy(at + 1, "u00", 3);
        at[4] = digits[c >> 4];
        at[5] = digits[c & 15];
        buf->len += 6;
    }
}

void
cv_buf_json(struct cv_buf *buf, const char *utf8, size_t len)
{
    /* One reservation serves nearly every string: most have nothing to escape. */
    if (len > SIZE_MAX - 2 || !room(buf, len + 2))
        return;
    buf->data[buf->len++] = '"';
    for (;;) {
        size_t clean = json_clean(utf8, len);
        size_t used = 1;

        if (!room(buf, clean))
            break;
        if (clean > 0)
            memcpy(buf->data + buf->len, utf8, clean);
        buf->len += clean;
        if (clean == len)
            break;
        utf8 += clean;
        len -= clean;
        if ((unsigned char)*utf8 >= 0xf0)
            used = json_escape_pair(buf, utf8, len);
        else
            json_escape(buf, (unsigned char)*utf8);
        utf8 += used;
        len -= used;
    }
    buf->data[buf->len] = '\0';
    cv_buf_char(buf, '"');
}

/* text with every mark doubled. */
static void
add_doubled(struct cv_buf *buf, const char *text, const char *marks)
{
    for (;;) {
        size_t plain = strcspn(text, marks);

        cv_buf_add(buf, text, plain);
        text += plain;
        if (*text == '\0')
            return;
        cv_buf_char(buf, *text);
        cv_buf_char(buf, *text++);
    }
}

void
cv_buf_sql_ident(struct cv_buf *buf, const char *name)
{
    cv_buf_char(buf, '"');
    add_doubled(buf, name, "\"");
    cv_buf_char(buf, '"');
}

void
cv_buf_sql_literal(struct cv_buf *buf, const char *text)
{
    if (strchr(text, '\\') != NULL)
        cv_buf_char(buf, 'E');
    cv_buf_char(buf, '\'');
    add_doubled(buf, text, "'\\");
    cv_buf_char(buf, '\'');
}

/* Bytes of the character at text if a terminal may see it: no control character, well-formed UTF-8. */
static size_t
printable(const unsigned char *text, size_t len)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    size_t need = text[0] < 0x80 ? 1 : text[0] < 0xc0 ? 0 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
    uint32_t code;

    if (need == 1)
        return text[0] >= 0x20 && text[0] != 0x7f;
    if (need == 0 || need > len || text[0] > 0xf4)
        return 0;
    code = text[0] & (0x7fu >> need);
    for (size_t i = 1; i < need; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (text[i] & 0x3f);
    }
    if (code < least[need] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
        return 0;
    /* C1 controls steer terminals; the two separators break lines in some viewers. */
    return code < 0xa0 || code == 0x2028 || code == 0x2029 ? 0 : need;
}

static bool
log_plain(const unsigned char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t n = printable(text + i, len - i);

        if (n == 0 || text[i] == ' ' || text[i] == '"' || text[i] == '=' || text[i] == '\\')
            return false;
        i += n;
    }
    return len > 0;
}

void
cv_buf_log(struct cv_buf *buf, const char *text, size_t len)
{
    const unsigned char *at = (const unsigned char *)text;

    if (log_plain(at, len)) {
        cv_buf_add(buf, text, len);
        return;
    }
    cv_buf_char(buf, '"');
    while (len > 0) {
        size_t n = printable(at, len);

        if (*at == '"' || *at == '\\')
            cv_buf_printf(buf, "\\%c", *at);
        else if (n > 0)
            cv_buf_add(buf, at, n);
        else if (*at == '\n' || *at == '\t' || *at == '\r')
            cv_buf_printf(buf, "\\%c", *at == '\n' ? 'n' : *at == '\t' ? 't' : 'r');
        else
            cv_buf_printf(buf, "\\x%02X", *at);
        n = n == 0 ? 1 : n;
        at += n;
        len -= n;
    }
    cv_buf_char(buf, '"');
}

void
cv_buf_url(struct cv_buf *buf, const char *segment)
{
    static const char digits[] = "0123456789ABCDEF";

    for (const unsigned char *at = (const unsigned char *)segment; *at != '\0'; at++) {
        unsigned char c = *at;
        char out[3] = { '%', digits[c >> 4], digits[c & 15] };

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
            c == '.' || c == '_' || c == '~')
            cv_buf_char(buf, (char)c);
        else
            cv_buf_add(buf, out, sizeof(out));
    }
}

enum cv_rc
cv_buf_check(const struct cv_buf *buf, struct cv_err *err)
{
    switch (buf->failed) {
    case CV_OK:
        return CV_OK;
    case CV_NO_MEMORY:
        return cv_fail(err, CV_NO_MEMORY, "text is longer than its maximum of %zu bytes", buf->max);
    case CV_RETRY:
        return cv_fail_memory(err);
    default:
        return cv_fail(err, CV_INTERNAL, "could not format text");
    }
}

const char *
cv_buf_cstr(const struct cv_buf *buf)
{
    return buf->data == NULL ? "" : buf->data;
}

char *
cv_buf_take(struct cv_buf *buf)
{
    char *data;

    if (!room(buf, 0))
        return NULL;
    data = buf->data;
    buf->data = NULL;
    cv_buf_free(buf);
    return data;
}
