/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the encoder share: the forms that a conversion makes of a text before it is printed as JSON
 * (encode.c) or put into a typed value (encode_value.c).
 */
#ifndef POSTGRES_ENCODE_PRIVATE_H
#define POSTGRES_ENCODE_PRIVATE_H

#include <string.h>

#include "common/buf.h"
#include "connectors/postgres/encode.h"

/* Largest text of a decimal that is converted: PostgreSQL's own limits are below. */
#define DECIMAL_BYTES_MAX 131072

enum form {
    FORM_BAD, /* no such value: the text is not what the type prints, or the form has none for it (NaN) */
    FORM_NULL, /* an empty varbit(1), which is neither true nor false */
    FORM_BOOLEAN,
    FORM_INTEGER,
    FORM_DOUBLE,
    FORM_FLOAT,
    FORM_BYTES,
    FORM_TEXT,
    FORM_SCALED, /* a decimal of variable scale: the scale is in integer, the number in bytes */
};

struct converted {
    enum form form;
    int64_t integer;
    double number;
    struct cv_buf bytes; /* FORM_BYTES, FORM_TEXT, FORM_SCALED; freed by the caller */
};

/* Fill the form that the kind has. ret->bytes is initialized and empty; its failure (memory) is the caller's to
   check. */
enum form encode_convert(const struct encode *enc, const char *text, size_t len, struct converted *ret);

/* The same for most values without taking memory: ret->bytes lies in the array, or on the heap where it does not fit.
   Ends with encode_converted_done. */
#define ENCODE_SMALL 512
void encode_convert_small(const struct encode *enc, const char *text, size_t len, char small[ENCODE_SMALL],
                          struct converted *ret);
void encode_converted_done(struct converted *conv, const char *small);
/* A date or timestamp of a four-digit year as the number of the kind; false: some other text. */
bool encode_clock_number(const struct encode *enc, const char *text, size_t len, int64_t *ret);
/* The dates, times and intervals among the kinds (encode_clock.c). */
enum form encode_convert_clock(const struct encode *enc, const char *text, size_t len, struct converted *ret);

/* Copy a short text: the calls of memcpy cost more than the copies do. */
static inline char *
encode_copy(char *out, const char *text, size_t len)
{
    if (len > 16 || len < 4) {
        if (len > 3)
            memcpy(out, text, len);
        else
            for (size_t i = 0; i < len; i++)
                out[i] = text[i];
    } else if (len >= 8) {
        memcpy(out, text, 8);
        memcpy(out + len - 8, text + len - 8, 8);
    } else {
        memcpy(out, text, 4);
        memcpy(out + len - 4, text + len - 4, 4);
    }
    return out + len;
}

#define ENCODE_EACH UINT64_C(0x0101010101010101) /* times a byte: that byte in each of eight */

/* Up to eight bytes as a number, the first in the lowest byte. */
static inline uint64_t
encode_load8(const char *text, size_t len)
{
    uint64_t v = 0;

    if (len == 8) {
        memcpy(&v, text, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        v = __builtin_bswap64(v);
#endif
    } else if (len >= 4) { /* two pieces that overlap */
        uint32_t low, high;

        memcpy(&low, text, 4);
        memcpy(&high, text + len - 4, 4);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        low = __builtin_bswap32(low);
        high = __builtin_bswap32(high);
#endif
        v = low | (uint64_t)high << 8 * (len - 4);
    } else {
        for (size_t i = 0; i < len; i++)
            v |= (uint64_t)(unsigned char)text[i] << 8 * i;
    }
    return v;
}

/* Whether each of the eight bytes is at most 9. */
static inline bool
encode_are_digits(uint64_t v)
{
    return (((v + ENCODE_EACH * (0x7f - 9)) | v) & ENCODE_EACH * 0x80) == 0;
}

/* Whether the eight bytes are the pattern's, with any digit where that has 0. */
static inline bool
encode_is_like(const char *text, const char pattern[9])
{
    const uint64_t like = encode_load8(pattern, 8), v = encode_load8(text, 8) ^ like;
    const uint64_t fixed = (like ^ ENCODE_EACH * '0') + ENCODE_EACH * 0x7f; /* the high bit where no 0 is */

    return encode_are_digits(v) && ((v + ENCODE_EACH * 0x7f) & fixed & ENCODE_EACH * 0x80) == 0;
}

/* The number of one to eight digits; false: other characters. */
static inline bool
encode_read_digits(const char *text, size_t len, uint32_t *ret)
{
    /* the digits to the end of the number, zeros in front; then pairs of them, and pairs of pairs */
    uint64_t v = (encode_load8(text, len) ^ ENCODE_EACH * '0') << 8 * (8 - len);

    if (!encode_are_digits(v))
        return false;
    v = v * 10 + (v >> 8);
    *ret = (uint32_t)(((v & UINT64_C(0xff000000ff)) * UINT64_C(0xf424000000064) +
                       (v >> 16 & UINT64_C(0xff000000ff)) * UINT64_C(0x271000000001)) >> 32);
    return true;
}

/* The elements of a kind that has them. */
static inline struct encode
encode_element(const struct encode *enc)
{
    return (struct encode){ .kind = enc->element, .scale = enc->scale, .numeric = enc->numeric };
}

/* Write a value of the kind as JSON: the byte behind, NULL: cannot be converted. */
typedef char *encode_json_fn(const struct encode *enc, const char *text, size_t len, char *out, bool *ret_bad);

/* Types that are more than one form, both ways: arrays, vectors, hstore, geometry. */
encode_json_fn encode_array_json, encode_vector_json, encode_sparse_json, encode_hstore_json, encode_point_json,
    encode_geometry_json;
enum cv_rc encode_array_value(const struct encode *enc, const char *text, size_t len, struct cv_arena *arena,
                              struct cv_value *ret, bool *ret_bad, struct cv_err *err);
enum cv_rc encode_vector_value(const struct encode *enc, const char *text, size_t len, struct cv_arena *arena,
                               struct cv_value *ret, struct cv_err *err);
enum cv_rc encode_sparse_value(const char *text, size_t len, struct cv_arena *arena, struct cv_value *ret,
                               struct cv_err *err);
enum cv_rc encode_hstore_value(const char *text, size_t len, struct cv_arena *arena, struct cv_value *ret,
                               struct cv_err *err);
enum cv_rc encode_point_value(const char *text, size_t len, struct cv_arena *arena, struct cv_value *ret,
                              struct cv_err *err);
enum cv_rc encode_geometry_value(const char *text, size_t len, struct cv_arena *arena, struct cv_value *ret,
                                 struct cv_err *err);

/* An hstore as the text of a JSON object (encode_hstore.c). */
enum form encode_convert_hstore(const char *text, size_t len, struct cv_buf *out);
/* A double as JsonConverter prints it, NaN and infinities as strings. */
char *encode_double(double v, bool is_float, char *out);

/* Copy a literal, without its NUL. */
static inline char *
encode_put(char *out, const char *literal)
{
    size_t len = strlen(literal);

    memcpy(out, literal, len);
    return out + len;
}

/* Set a field of a struct; the schema is the field's. */
static inline void
encode_set_field(struct cv_value *object, size_t index, struct cv_value val)
{
    struct cv_value *at = cv_struct_at(object, index);

    val.schema = at->schema;
    *at = val;
}

/* NaN, Infinity, -Infinity. */
static inline bool
is_special_number(const char *text, size_t len)
{
    if (len > 0 && text[len - 1] <= '9')
        return false;
    return (len == 3 && memcmp(text, "NaN", 3) == 0) || (len == 8 && memcmp(text, "Infinity", 8) == 0) ||
           (len == 9 && memcmp(text, "-Infinity", 9) == 0);
}

#endif
