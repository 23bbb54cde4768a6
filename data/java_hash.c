/* SPDX-License-Identifier: Apache-2.0 */
/* Java's hash codes: see java_hash.h. Arithmetic is modulo 2^32 and 2^64, as Java's int and long. */
#include <config.h>

#include "data/java_hash.h"

#include <math.h>
#include <string.h>

#include "data/java_order.h"
#include "data/java_string.h"
#include "data/logical.h"

static uint32_t
long_hash(uint64_t v)
{
    return (uint32_t)(v ^ v >> 32);
}

static uint32_t
float_hash(float v)
{
    uint32_t bits = 0x7fc00000; /* every NaN */

    if (!isnan(v))
        memcpy(&bits, &v, sizeof(bits));
    return bits;
}

static uint32_t
double_hash(double v)
{
    uint64_t bits = UINT64_C(0x7ff8000000000000);

    if (!isnan(v))
        memcpy(&bits, &v, sizeof(bits));
    return long_hash(bits);
}

/* ByteBuffer.hashCode: from the last byte to the first. */
static uint32_t
bytes_hash(const struct cv_bytes *bytes)
{
    uint32_t hash = 1;

    for (size_t i = bytes->len; i > 0; i--)
        hash = 31 * hash + (uint32_t)(int8_t)bytes->data[i - 1];
    return hash;
}

/* BigInteger.hashCode of big-endian two's complement: over the magnitude's 32 bit digits, the highest first. */
static uint32_t
integer_hash(const struct cv_bytes *bytes)
{
    const unsigned char *p = (const unsigned char *)bytes->data;
    bool negative = bytes->len > 0 && (p[0] & 0x80) != 0;
    size_t digits = (bytes->len + 3) / 4, last_set = 0;
    uint32_t hash = 0, digit;

    while (last_set < bytes->len && p[bytes->len - 1 - last_set] == 0)
        last_set++; /* zeros at the end, which negation leaves */
    for (size_t d = digits; d > 0; d--) {
        digit = 0;
        for (size_t i = 4 * d; i-- > 4 * (d - 1);) { /* i counts bytes from the end */
            uint32_t byte = i < bytes->len ? p[bytes->len - 1 - i] : negative ? 0xff : 0;

            if (negative)
                byte = (i < last_set ? 0 : i == last_set ? 0x100 - byte : 0xff - byte) & 0xff;
            digit = digit << 8 | byte;
        }
        hash = 31 * hash + digit;
    }
    return negative ? -hash : hash;
}

static enum cv_rc
list_hash(const struct cv_value *val, int32_t *ret, struct cv_err *err)
{
    uint32_t hash = 1;

    for (uint32_t i = 0; i < val->list.count; i++) {
        int32_t item = 0;

        if (!val->list.items[i].is_null && java_hash(&val->list.items[i], &item, err) != CV_OK)
            return err->rc;
        hash = 31 * hash + (uint32_t)item;
    }
    *ret = (int32_t)hash;
    return CV_OK;
}

static enum cv_rc
plain_hash(const struct cv_value *val, int32_t *ret, struct cv_err *err)
{
    switch (val->type) {
    case CV_INT8:
    case CV_INT16:
    case CV_INT32:
        *ret = (int32_t)val->integer;
        return CV_OK;
    case CV_INT64:
        *ret = (int32_t)long_hash((uint64_t)val->integer);
        return CV_OK;
    case CV_FLOAT32:
        *ret = (int32_t)float_hash(val->float32);
        return CV_OK;
    case CV_FLOAT64:
        *ret = (int32_t)double_hash(val->float64);
        return CV_OK;
    case CV_BOOLEAN:
        *ret = val->boolean ? 1231 : 1237;
        return CV_OK;
    case CV_STRING:
        *ret = java_string_hash(val->bytes.data, val->bytes.len);
        return CV_OK;
    case CV_BYTES:
        *ret = (int32_t)bytes_hash(&val->bytes);
        return CV_OK;
    case CV_ARRAY:
        return list_hash(val, ret, err);
    default:
        return cv_fail(err, CV_INVALID, "a %s has no hash code that stays the same", java_type_name(val->type));
    }
}

enum cv_rc
java_hash(const struct cv_value *val, int32_t *ret, struct cv_err *err)
{
    enum logical_type logical = logical_of(val->schema);
    int32_t scale = 0;

    if (logical == LOGICAL_NONE)
        return plain_hash(val, ret, err);
    if (logical == LOGICAL_DECIMAL) {
        if (!logical_scale(val->schema, &scale))
            return cv_fail(err, CV_INVALID, "a decimal's schema has no scale");
        *ret = (int32_t)(31 * integer_hash(&val->bytes) + (uint32_t)scale);
        return CV_OK;
    }
    *ret = (int32_t)long_hash((uint64_t)logical_ms(logical, val));
    return CV_OK;
}

/* ---- Murmur3 ---- */

struct murmur {
    uint64_t h1, h2, k1, k2, c1, c2;
};

static uint64_t
rotate(uint64_t v, int bits)
{
    return v << bits | v >> (64 - bits);
}

static void
murmur_mix(struct murmur *m)
{
    m->k1 = rotate(m->k1 * m->c1, 23) * m->c2;
    m->h1 = (m->h1 ^ m->k1) + m->h2;
    m->h2 = rotate(m->h2, 41);
    m->k2 = rotate(m->k2 * m->c2, 23) * m->c1;
    m->h2 = (m->h2 ^ m->k2) + m->h1;
    m->h1 = m->h1 * 3 + 0x52dce729;
    m->h2 = m->h2 * 3 + 0x38495ab5;
    m->c1 = m->c1 * 5 + 0x7b7d159c;
    m->c2 = m->c2 * 5 + 0x6bce6396;
}

static uint64_t
murmur_end(uint64_t k)
{
    k = (k ^ k >> 33) * UINT64_C(0xff51afd7ed558ccd);
    k = (k ^ k >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return k ^ k >> 33;
}

/* Up to eight bytes, little-endian; at the end of the data Java extends the sign of each. */
static uint64_t
murmur_word(const char *data, size_t len, bool tail)
{
    uint64_t word = 0;

    for (size_t i = 0; i < len && i < 8; i++)
        word ^= (tail ? (uint64_t)(int8_t)data[i] : (uint64_t)(uint8_t)data[i]) << 8 * i;
    return word;
}

static int32_t
murmur3(const char *data, size_t len)
{
    struct murmur m = { .h1 = UINT64_C(0x9368e53c2f6af274) ^ 9001,
                        .h2 = UINT64_C(0x586dcd208f7cd3fd) ^ 9001,
                        .c1 = UINT64_C(0x87c37b91114253d5),
                        .c2 = UINT64_C(0x4cf5ad432745937f) };
    size_t whole = len / 16 * 16, rest = len - whole;

    for (size_t i = 0; i < whole; i += 16) {
        m.k1 = murmur_word(data + i, 8, false);
        m.k2 = murmur_word(data + i + 8, 8, false);
        murmur_mix(&m);
    }
    if (rest > 0) {
        m.k1 = murmur_word(data + whole, rest, true);
        m.k2 = rest > 8 ? murmur_word(data + whole + 8, rest - 8, true) : 0;
        murmur_mix(&m);
    }
    m.h2 ^= len;
    m.h1 += m.h2;
    m.h2 += m.h1;
    m.h1 = murmur_end(m.h1);
    m.h2 = murmur_end(m.h2);
    return (int32_t)((m.h1 + m.h2) >> 32);
}

enum cv_rc
java_hash_murmur3(const struct cv_value *val, int32_t *ret, struct cv_err *err)
{
    char bytes[4];
    int32_t hash = 0;

    if (val->type == CV_STRING) {
        *ret = murmur3(val->bytes.data, val->bytes.len);
        return CV_OK;
    }
    if (java_hash(val, &hash, err) != CV_OK)
        return err->rc;
    for (int i = 0; i < 4; i++)
        bytes[i] = (char)((uint32_t)hash >> 8 * i);
    *ret = murmur3(bytes, sizeof(bytes));
    return CV_OK;
}
