/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Integers and strings as JSON: what nearly every byte of a row goes through.
 *
 * Escapes are those of Jackson, which Connect's JsonConverter writes with: the short forms, upper-case hex, and
 * surrogate pairs beyond U+FFFF although the output is UTF-8.
 */
#include "connectors/postgres/encode.h"

#include <stdio.h>
#include <string.h>

#include "common/utf8.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

char *
encode_u64(uint64_t v, char *out)
{
    static const char pairs[] = "0001020304050607080910111213141516171819202122232425262728293031323334353637"
                                "3839404142434445464748495051525354555657585960616263646566676869707172737475"
                                "767778798081828384858687888990919293949596979899";
    char tmp[20];
    int n = 20;

    while (v >= 100) {
        unsigned r = (unsigned)(v % 100) * 2;

        v /= 100;
        tmp[--n] = pairs[r + 1];
        tmp[--n] = pairs[r];
    }
    if (v >= 10) {
        tmp[--n] = pairs[v * 2 + 1];
        tmp[--n] = pairs[v * 2];
    } else {
        tmp[--n] = (char)('0' + v);
    }
    memcpy(out, tmp + n, (size_t)(20 - n));
    return out + (20 - n);
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

/* Length of the run at text that needs no escape. A character beyond U+FFFF does (its UTF-8 begins with 0xf0 or
   more): Jackson writes it as two \uXXXX, also into UTF-8. */
static size_t
clean_run(const char *text, size_t len)
{
    size_t i = 0;

#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8('"'), back = _mm_set1_epi8('\\'), space = _mm_set1_epi8(0x1f),
                  wide = _mm_set1_epi8((char)0xf0);

    for (; i + 16 <= len; i += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(text + i));
        __m128i marks = _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, back));
        __m128i bad = _mm_or_si128(marks, _mm_or_si128(_mm_cmpeq_epi8(_mm_min_epu8(v, space), v),
                                                       _mm_cmpeq_epi8(_mm_max_epu8(v, wide), v)));
        int mask = _mm_movemask_epi8(bad);

        if (mask != 0)
            return i + (size_t)__builtin_ctz((unsigned)mask);
    }
#endif
    while (i < len && (unsigned char)text[i] >= 0x20 && (unsigned char)text[i] < 0xf0 && text[i] != '"' &&
           text[i] != '\\')
        i++;
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
        size_t n = clean_run(text, len);

        memcpy(out, text, n);
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
