/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Integers and strings as JSON: what nearly every byte of a row goes through.
 *
 * Escapes are those of Jackson, which Connect's JsonConverter writes with: the short forms, upper-case hex, and
 * surrogate pairs beyond U+FFFF although the output is UTF-8.
 */
#include "connectors/postgres/encode_private.h"

#include <stdio.h>
#include <string.h>

#include "common/utf8.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* A number below 100,000,000 as eight digits of 0 to 9, the first one in the lowest byte: all at once, by
   multiplications in lanes of 32 and 16 bits. */
static inline uint64_t
eight_digits(uint32_t v)
{
    uint64_t halves = (uint64_t)(v % 10000) << 32 | v / 10000;
    uint64_t hundreds = (halves * 10486 >> 20) & UINT64_C(0x7f0000007f);
    uint64_t pairs = (halves - 100 * hundreds) << 16 | hundreds;
    uint64_t tens = (pairs * 103 >> 10) & UINT64_C(0x000f000f000f000f);

    return tens | (pairs - 10 * tens) << 8;
}

/* Eight bytes, the lowest first. */
static void
put_digits(uint64_t digits, char *out)
{
    digits |= UINT64_C(0x3030303030303030);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    digits = __builtin_bswap64(digits);
#endif
    memcpy(out, &digits, 8);
}

/* Without leading zeros; writes eight bytes in every case. */
static char *
put_leading(uint32_t v, char *out)
{
    uint64_t digits = eight_digits(v);
    int zeros = __builtin_ctzll(digits | UINT64_C(1) << 56) / 8;

    put_digits(digits >> 8 * zeros, out);
    return out + 8 - zeros;
}

char *
encode_u64(uint64_t v, char *out)
{
    const uint64_t unit = 100000000;

    if (v < unit)
        return put_leading((uint32_t)v, out);
    if (v < unit * unit) {
        out = put_leading((uint32_t)(v / unit), out);
    } else {
        out = put_leading((uint32_t)(v / unit / unit), out);
        put_digits(eight_digits((uint32_t)(v / unit % unit)), out);
        out += 8;
    }
    put_digits(eight_digits((uint32_t)(v % unit)), out);
    return out + 8;
}

char *
encode_i64(int64_t v, char *out)
{
    if (v < 0) {
        *out++ = '-';
        return encode_u64((uint64_t)0 - (uint64_t)v, out);
    }
    return encode_u64((uint64_t)v, out);
}

/*
 * Copying and looking for what needs an escape go together, in steps as wide as what is left: a character that does is
 * a quote, a backslash, one below space, or one beyond U+FFFF (its UTF-8 begins with 0xf0 or more), which Jackson
 * writes as two \\uXXXX, also into UTF-8.
 */

/* The high bit of bytes that need an escape; the lowest one set is right, those above it may not be. */
static uint64_t
marks8(uint64_t v)
{
    uint64_t quote = v ^ ENCODE_EACH * '"', back = v ^ ENCODE_EACH * '\\';

    return (((quote - ENCODE_EACH) & ~quote) | ((back - ENCODE_EACH) & ~back) | ((v - ENCODE_EACH * 0x20) & ~v) |
            (v & v << 1 & v << 2 & v << 3)) & ENCODE_EACH * 0x80;
}

/* Copy up to eight bytes, up to the first that needs an escape; how many. */
static size_t
copy_clean8(const char *text, size_t len, char *out)
{
    uint64_t v = encode_load8(text, len), marks = marks8(v);

    if (len < 8)
        marks |= ENCODE_EACH * 0x80 << 8 * len; /* the end is where a mark would be */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    memcpy(out, &v, 8); /* a character has room for six */
    return marks == 0 ? 8 : (size_t)__builtin_ctzll(marks) / 8;
}

#if defined(__x86_64__)

#define LONG_TEXT 64 /* from there on the wider steps are worth their beginning */

/* Whole steps of 32 bytes up to the first that needs an escape; how many bytes, and whether one was found. */
__attribute__((target("avx2"))) static size_t
copy_clean32(const char *text, size_t len, char *out, bool *ret_found)
{
    const __m256i quote = _mm256_set1_epi8('"'), back = _mm256_set1_epi8('\\'), space = _mm256_set1_epi8(0x1f),
                  wide = _mm256_set1_epi8((char)0xf0);
    size_t i = 0;

    for (; i + 32 <= len; i += 32) {
        __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)(text + i));
        __m256i marks = _mm256_or_si256(_mm256_cmpeq_epi8(v, quote), _mm256_cmpeq_epi8(v, back));
        __m256i bad = _mm256_or_si256(marks, _mm256_or_si256(_mm256_cmpeq_epi8(_mm256_min_epu8(v, space), v),
                                                             _mm256_cmpeq_epi8(_mm256_max_epu8(v, wide), v)));
        unsigned mask = (unsigned)_mm256_movemask_epi8(bad);

        _mm256_storeu_si256((__m256i *)(void *)(out + i), v);
        if (mask != 0) {
            *ret_found = true;
            return i + (size_t)__builtin_ctz(mask);
        }
    }
    return i;
}

/* The same in steps of 16 bytes, which every processor of this kind has. */
static size_t
copy_clean16(const char *text, size_t len, char *out, bool *ret_found)
{
    const __m128i quote = _mm_set1_epi8('"'), back = _mm_set1_epi8('\\'), space = _mm_set1_epi8(0x1f),
                  wide = _mm_set1_epi8((char)0xf0);
    size_t i = 0;

    for (; i + 16 <= len; i += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(text + i));
        __m128i marks = _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, back));
        __m128i bad = _mm_or_si128(marks, _mm_or_si128(_mm_cmpeq_epi8(_mm_min_epu8(v, space), v),
                                                       _mm_cmpeq_epi8(_mm_max_epu8(v, wide), v)));
        int mask = _mm_movemask_epi8(bad);

        _mm_storeu_si128((__m128i *)(void *)(out + i), v);
        if (mask != 0) {
            *ret_found = true;
            return i + (size_t)__builtin_ctz((unsigned)mask);
        }
    }
    return i;
}

#endif

/* Copy up to the first byte that needs an escape; how many. */
static size_t
copy_clean(const char *text, size_t len, char *out)
{
    size_t i = 0, n;

#if defined(__x86_64__)
    bool found = false;

    if (len >= LONG_TEXT && __builtin_cpu_supports("avx2"))
        i = copy_clean32(text, len, out, &found);
    if (!found)
        i += copy_clean16(text + i, len - i, out + i, &found);
    if (found)
        return i;
#endif
    while (i < len) {
        size_t step = len - i < 8 ? len - i : 8;

        n = copy_clean8(text + i, step, out + i);
        i += n;
        if (n < step)
            break;
    }
    return i;
}

/* The character beyond U+FFFF at text, or one byte of what is no UTF-8; sets *ret_used to the bytes read. */
static char *
escape_pair(const char *text, size_t len, char *out, size_t *ret_used)
{
    const unsigned char *p = (const unsigned char *)text;
    char pair[13];
    uint32_t code;

    if (cv_utf8_sequence(text, len) != 4) {
        *ret_used = 1;
        *out++ = *text;
        return out;
    }
    code = ((p[0] & 7u) << 18 | (p[1] & 63u) << 12 | (p[2] & 63u) << 6 | (p[3] & 63u)) - 0x10000;
    snprintf(pair, sizeof(pair), "\\u%04X\\u%04X", 0xd800 + (code >> 10 & 0x3ff), 0xdc00 + (code & 0x3ff));
    memcpy(out, pair, 12);
    *ret_used = 4;
    return out + 12;
}

static char *
escape_char(unsigned char c, char *out)
{
    static const char hex[] = "0123456789ABCDEF";
    static const char *const named = "\b\f\n\r\t\"\\", *const letters = "bfnrt\"\\";
    const char *at = c == 0 ? NULL : strchr(named, c);

    *out++ = '\\';
    if (at != NULL) {
        *out++ = letters[at - named];
    } else {
        memcpy(out, "u00", 3);
        out[3] = hex[c >> 4];
        out[4] = hex[c & 15];
        out += 5;
    }
    return out;
}

char *
encode_json_string(const char *text, size_t len, char *out)
{
    *out++ = '"';
    while (len > 0) {
        size_t n = copy_clean(text, len, out);

        out += n;
        text += n;
        len -= n;
        if (len > 0) {
            n = 1;
            if ((unsigned char)*text >= 0xf0)
                out = escape_pair(text, len, out, &n);
            else
                out = escape_char((unsigned char)*text, out);
            text += n;
            len -= n;
        }
    }
    *out++ = '"';
    return out;
}
