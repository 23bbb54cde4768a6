/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Column text to JSON bytes and to typed values.
 *
 * Every conversion first makes one of four things of the text: an integer, a double, bytes, or a text. The
 * JSON writer prints that as Connect's JsonConverter does, the value maker puts it into a struct cv_value; so
 * the two paths cannot drift apart. The frequent kinds (integers, text, timestamptz, money-like decimals in
 * string form) are copied without any intermediate.
 */
#include "connectors/postgres/encode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/number.h"
#include "common/utf8.h"
#include "connectors/postgres/encode_time.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* Largest text of a decimal that is converted: PostgreSQL's own limits are below. */
#define DECIMAL_BYTES_MAX 131072

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

/* ---- conversions: each fills one of the four intermediate forms ---- */

enum form { FORM_BAD, FORM_NULL, FORM_BOOLEAN, FORM_INTEGER, FORM_DOUBLE, FORM_FLOAT, FORM_BYTES, FORM_TEXT };

struct converted {
    enum form form;
    int64_t integer;
    double number;
    struct cv_buf bytes; /* FORM_BYTES and FORM_TEXT; freed by converted_done */
};

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "\x0aff" */
static enum form
convert_bytea(const char *text, size_t len, struct cv_buf *out)
{
    if (len < 2 || text[0] != '\\' || text[1] != 'x' || len % 2 != 0)
        return FORM_BAD;
    for (size_t i = 2; i < len; i += 2) {
        int hi = hex_digit(text[i]), lo = hex_digit(text[i + 1]);

        if (hi < 0 || lo < 0)
            return FORM_BAD;
        cv_buf_char(out, (char)(hi << 4 | lo));
    }
    return FORM_BYTES;
}

/* The bit string read as a number, little-endian, zero bytes at the top trimmed. */
static enum form
convert_bits(const char *text, size_t len, struct cv_buf *out)
{
    size_t used = 0;

    for (size_t i = 0; i < (len + 7) / 8; i++) {
        unsigned char byte = 0;

        for (size_t bit = 0; bit < 8 && i * 8 + bit < len; bit++) {
            char c = text[len - 1 - (i * 8 + bit)];

            if (c != '0' && c != '1')
                return FORM_BAD;
            byte |= (unsigned char)((c - '0') << bit);
        }
        cv_buf_char(out, (char)byte);
        if (byte != 0)
            used = i + 1;
    }
    cv_buf_truncate(out, used);
    return FORM_BYTES;
}

static bool
is_special_number(const char *text, size_t len)
{
    return len > 0 && (text[0] == 'N' || text[0] == 'I' || (len > 1 && text[1] == 'I'));
}

/* "$1,234.50", "-$1.00" to plain digits. */
static bool
plain_money(const char *text, size_t len, struct cv_buf *out)
{
    bool digits = false;

    for (size_t i = 0; i < len; i++) {
        if (text[i] == '-' || text[i] == '(')
            cv_buf_char(out, '-');
        else if ((text[i] >= '0' && text[i] <= '9') || text[i] == '.') {
            cv_buf_char(out, text[i]);
            digits = true;
        } else if (text[i] != ',' && text[i] != '$' && text[i] != ')' && text[i] != ' ')
            return false;
    }
    return digits;
}

static enum form
convert_decimal(const struct encode *enc, const char *text, size_t len, struct cv_buf *out)
{
    struct cv_err err;

    if (is_special_number(text, len))
        return FORM_NULL;
    return cv_decimal_unscaled(text, len, enc->scale, out, &err) == CV_OK ? FORM_BYTES : FORM_BAD;
}

static enum form
convert_double(const char *text, size_t len, double *ret)
{
    return cv_parse_double(text, len, ret) ? FORM_DOUBLE : FORM_BAD;
}

/* Plain notation as the server prints it; the special values have Debezium's names. */
static enum form
convert_decimal_text(const char *text, size_t len, struct cv_buf *out)
{
    if (!is_special_number(text, len))
        cv_buf_add(out, text, len);
    else if (text[0] == 'N')
        cv_buf_str(out, "NAN");
    else
        cv_buf_str(out, text[0] == '-' ? "NEGATIVE_INFINITY" : "POSITIVE_INFINITY");
    return FORM_TEXT;
}

static enum form
convert_money(const struct encode *enc, const char *text, size_t len, struct converted *ret)
{
    struct cv_buf plain = CV_BUF_INIT(4096);
    struct cv_err err;
    enum form form = FORM_BAD;

    if (!plain_money(text, len, &plain) || cv_buf_check(&plain, &err) != CV_OK)
        goto out;
    if (enc->kind == ENCODE_MONEY)
        form = convert_decimal(enc, plain.data, plain.len, &ret->bytes);
    else if (enc->kind == ENCODE_MONEY_DOUBLE)
        form = convert_double(plain.data, plain.len, &ret->number);
    else
        form = convert_decimal_text(plain.data, plain.len, &ret->bytes);
out:
    cv_buf_free(&plain);
    return form;
}

/* ---- dates and times ---- */

/* What Java's Debezium gives for the infinite timestamps: dates at the ends of its calendar. */
#define INFINITY_US       INT64_C(9223372036825200000)
#define MINUS_INFINITY_US INT64_C(-9223372036832400000)
/* and for the infinite dates, in days */
#define INFINITY_DAYS       INT64_C(-2147472692)
#define MINUS_INFINITY_DAYS INT64_C(-2147472691)

static int64_t
floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0 ? 1 : 0);
}

static enum form
convert_date(const struct encode *enc, const char *text, size_t len, struct converted *ret)
{
    struct time_parts parts;
    char buf[40];

    if (!time_parse_date(text, len, &parts))
        return FORM_BAD;
    if (enc->kind == ENCODE_DATE_DAYS) {
        ret->integer = parts.special == TIME_FINITE     ? parts.days
                       : parts.special == TIME_INFINITY ? INFINITY_DAYS
                                                        : MINUS_INFINITY_DAYS;
        return FORM_INTEGER;
    }
    if (parts.special != TIME_FINITE) {
        cv_buf_str(&ret->bytes, parts.special == TIME_INFINITY ? "-5877611-06-21Z" : "-5877611-06-22Z");
        return FORM_TEXT;
    }
    cv_buf_add(&ret->bytes, buf, (size_t)(time_write_date(parts.days, buf) - buf));
    cv_buf_char(&ret->bytes, 'Z');
    return FORM_TEXT;
}

static enum form
convert_time(const struct encode *enc, const char *text, size_t len, struct converted *ret)
{
    struct time_parts parts;
    char buf[40];
    bool zone = enc->kind == ENCODE_TIMETZ;

    if (!time_parse_time(text, len, zone, &parts))
        return FORM_BAD;
    switch (enc->kind) {
    case ENCODE_TIME_MS:
        ret->integer = parts.us_of_day / 1000;
        return FORM_INTEGER;
    case ENCODE_TIME_US:
        ret->integer = parts.us_of_day;
        return FORM_INTEGER;
    case ENCODE_TIME_NS:
        ret->integer = parts.us_of_day * 1000;
        return FORM_INTEGER;
    default:
        break;
    }
    if (zone) {
        const int64_t day = INT64_C(86400000000);
        int64_t us = (parts.us_of_day - (int64_t)parts.zone_s * 1000000) % day;

        parts.us_of_day = us < 0 ? us + day : us;
    }
    cv_buf_add(&ret->bytes, buf, (size_t)(time_write_time(parts.us_of_day, -1, buf) - buf));
    cv_buf_char(&ret->bytes, 'Z');
    return FORM_TEXT;
}

static enum form
convert_timestamp_number(const struct encode *enc, const struct time_parts *parts, struct converted *ret)
{
    int64_t us = parts->special == TIME_FINITE     ? time_epoch_us(parts)
                 : parts->special == TIME_INFINITY ? INFINITY_US
                                                   : MINUS_INFINITY_US;

    if (enc->kind == ENCODE_TIMESTAMP_MS)
        ret->integer = floor_div(us, 1000);
    else if (enc->kind == ENCODE_TIMESTAMP_US)
        ret->integer = us;
    else if (parts->special != TIME_FINITE)
        ret->integer = parts->special == TIME_INFINITY ? INT64_MAX : INT64_MIN;
    else
        ret->integer = (int64_t)((uint64_t)us * 1000); /* wraps as Java's long does */
    return FORM_INTEGER;
}

/* ISO text in UTC with the column's number of fraction digits. */
static enum form
convert_timestamp_text(const struct encode *enc, struct time_parts *parts, struct cv_buf *out)
{
    const int64_t day = INT64_C(86400000000);
    char buf[64], *p = buf;

    if (parts->special != TIME_FINITE) {
        cv_buf_str(out, parts->special == TIME_INFINITY ? "infinity" : "-infinity");
        return FORM_TEXT;
    }
    if (parts->zone_s != 0) {
        int64_t us = parts->us_of_day - (int64_t)parts->zone_s * 1000000;

        parts->days += floor_div(us, day);
        parts->us_of_day = us - floor_div(us, day) * day;
    }
    p = time_write_date(parts->days, p);
    *p++ = 'T';
    p = time_write_time(parts->us_of_day, enc->scale, p);
    *p++ = 'Z';
    cv_buf_add(out, buf, (size_t)(p - buf));
    return FORM_TEXT;
}

static enum form
convert_timestamp(const struct encode *enc, const char *text, size_t len, struct converted *ret)
{
    struct time_parts parts;

    if (!time_parse_timestamp(text, len, enc->kind == ENCODE_TIMESTAMPTZ, &parts))
        return FORM_BAD;
    if (enc->kind == ENCODE_TIMESTAMPTZ || enc->kind == ENCODE_TIMESTAMP_ISO)
        return convert_timestamp_text(enc, &parts, &ret->bytes);
    return convert_timestamp_number(enc, &parts, ret);
}

static enum form
convert_interval(const struct encode *enc, const char *text, size_t len, struct converted *ret)
{
    struct time_interval interval;
    char buf[128];

    if (!time_parse_interval(text, len, &interval))
        return FORM_BAD;
    if (enc->kind == ENCODE_INTERVAL_US) {
        ret->integer = time_interval_us(&interval);
        return FORM_INTEGER;
    }
    cv_buf_add(&ret->bytes, buf, (size_t)(time_write_interval(&interval, buf) - buf));
    return FORM_TEXT;
}

static enum form
convert_binary_text(const struct encode *enc, const char *text, size_t len, struct cv_buf *out)
{
    struct cv_buf raw = CV_BUF_INIT(out->max);
    enum form form = convert_bytea(text, len, &raw);

    if (form == FORM_BYTES) {
        form = FORM_TEXT;
        if (enc->kind == ENCODE_BYTES_HEX)
            cv_buf_hex(out, raw.data, raw.len);
        else if (enc->kind == ENCODE_BYTES_BASE64)
            cv_base64(out, raw.data, raw.len);
        else
            cv_base64_url(out, raw.data, raw.len);
    }
    cv_buf_free(&raw);
    return form;
}

static enum form
convert(const struct encode *enc, const char *text, size_t len, struct converted *ret)
{
    switch (enc->kind) {
    case ENCODE_BOOL:
    case ENCODE_BIT:
        if (len != 1)
            return FORM_BAD;
        ret->integer = text[0] == 't' || text[0] == '1';
        return FORM_BOOLEAN;
    case ENCODE_INT16:
    case ENCODE_INT32:
    case ENCODE_INT64:
        return cv_parse_i64(text, len, &ret->integer) ? FORM_INTEGER : FORM_BAD;
    case ENCODE_FLOAT32:
        return convert_double(text, len, &ret->number) == FORM_DOUBLE ? FORM_FLOAT : FORM_BAD;
    case ENCODE_FLOAT64:
    case ENCODE_DECIMAL_DOUBLE:
        return convert_double(text, len, &ret->number);
    case ENCODE_DECIMAL:
        return convert_decimal(enc, text, len, &ret->bytes);
    case ENCODE_DECIMAL_STRING:
        return convert_decimal_text(text, len, &ret->bytes);
    case ENCODE_MONEY:
    case ENCODE_MONEY_DOUBLE:
    case ENCODE_MONEY_STRING:
        return convert_money(enc, text, len, ret);
    case ENCODE_TEXT:
        cv_buf_add(&ret->bytes, text, len);
        return FORM_TEXT;
    case ENCODE_BYTES:
        return convert_bytea(text, len, &ret->bytes);
    case ENCODE_BYTES_BASE64:
    case ENCODE_BYTES_BASE64_URL:
    case ENCODE_BYTES_HEX:
        return convert_binary_text(enc, text, len, &ret->bytes);
    case ENCODE_BITS:
        return convert_bits(text, len, &ret->bytes);
    case ENCODE_DATE_DAYS:
    case ENCODE_DATE_ISO:
        return convert_date(enc, text, len, ret);
    case ENCODE_TIME_MS:
    case ENCODE_TIME_US:
    case ENCODE_TIME_NS:
    case ENCODE_TIME_ISO:
    case ENCODE_TIMETZ:
        return convert_time(enc, text, len, ret);
    case ENCODE_TIMESTAMP_MS:
    case ENCODE_TIMESTAMP_US:
    case ENCODE_TIMESTAMP_NS:
    case ENCODE_TIMESTAMP_ISO:
    case ENCODE_TIMESTAMPTZ:
        return convert_timestamp(enc, text, len, ret);
    case ENCODE_INTERVAL_US:
    case ENCODE_INTERVAL_ISO:
        return convert_interval(enc, text, len, ret);
    case ENCODE_DECIMAL_VARIABLE: /* a struct: see the two writers */
    case ENCODE_NONE:
        break;
    }
    return FORM_BAD;
}

/* ---- decimals of variable scale: {"scale":n,"value":"base64"} ---- */

/* The scale that Debezium uses: trailing zeros behind the point stripped, never below 0. */
static int32_t
stripped_scale(const char *text, size_t len)
{
    const char *dot = memchr(text, '.', len);
    size_t end = len;

    if (dot == NULL)
        return 0;
    while (text[end - 1] == '0')
        end--;
    return (int32_t)(end - 1 - (size_t)(dot - text));
}

static enum form
convert_variable(const char *text, size_t len, struct converted *ret)
{
    struct cv_err err;

    if (is_special_number(text, len))
        return FORM_NULL;
    ret->integer = stripped_scale(text, len);
    if (cv_decimal_unscaled(text, len, (int32_t)ret->integer, &ret->bytes, &err) != CV_OK)
        return FORM_BAD;
    return FORM_BYTES;
}

/* ---- JSON ---- */

/* numeric(p,s) that fits 64 bits, in its base64 form: the frequent case of precise decimals. */
static char *
json_decimal_small(const struct encode *enc, const char *text, size_t len, char *out)
{
    uint64_t v = 0;
    int32_t digits = 0, fraction = -1;
    size_t i = 0;
    bool minus = len > 0 && text[0] == '-';
    unsigned char bytes[9];
    int n = 0;

    for (i = minus ? 1 : 0; i < len; i++) {
        if (text[i] == '.' && fraction < 0) {
            fraction = 0;
            continue;
        }
        if (text[i] < '0' || text[i] > '9' || ++digits > 18)
            return NULL;
        v = v * 10 + (uint64_t)(text[i] - '0');
        if (fraction >= 0)
            fraction++;
    }
    if (digits == 0 || (fraction < 0 ? 0 : fraction) != enc->scale)
        return NULL;
    int64_t s = minus ? -(int64_t)v : (int64_t)v;

    for (int shift = 56; shift >= 0; shift -= 8) { /* shortest two's complement */
        unsigned char b = (unsigned char)((uint64_t)s >> shift);

        if (n == 0 && shift > 0) {
            unsigned char next = (unsigned char)((uint64_t)s >> (shift - 8));

            if ((b == 0 && next < 0x80) || (b == 0xff && next >= 0x80))
                continue;
        }
        bytes[n++] = b;
    }
    *out++ = '"';
    out += cv_base64_into(out, bytes, (size_t)n);
    *out++ = '"';
    return out;
}

static char *
json_double(double v, bool is_float, char *out)
{
    size_t n;

    if (v != v || v - v != 0) { /* NaN and infinities are JSON strings */
        *out++ = '"';
        n = cv_format_double(v, out);
        out[n] = '"';
        return out + n + 1;
    }
    n = is_float ? cv_format_float((float)v, out) : cv_format_double(v, out);
    return out + n;
}

static char *
json_bytes(const struct encode *enc, const struct converted *conv, char *out)
{
    bool decimal = enc->kind == ENCODE_DECIMAL || enc->kind == ENCODE_MONEY;

    if (decimal && enc->numeric) {
        struct cv_buf text = CV_BUF_INIT(4 * DECIMAL_BYTES_MAX);
        struct cv_err err;

        if (cv_decimal_format(conv->bytes.data, conv->bytes.len, enc->scale, false, &text, &err) != CV_OK) {
            cv_buf_free(&text);
            return NULL;
        }
        memcpy(out, text.data, text.len);
        out += text.len;
        cv_buf_free(&text);
        return out;
    }
    *out++ = '"';
    out += cv_base64_into(out, conv->bytes.data, conv->bytes.len);
    *out++ = '"';
    return out;
}

static char *
json_null(char *out)
{
    memcpy(out, "null", 4);
    return out + 4;
}

static char *
json_variable(const struct converted *conv, char *out)
{
    memcpy(out, "{\"scale\":", 9);
    out = encode_i64(conv->integer, out + 9);
    memcpy(out, ",\"value\":\"", 10);
    out += 10;
    out += cv_base64_into(out, conv->bytes.data, conv->bytes.len);
    memcpy(out, "\"}", 2);
    return out + 2;
}

static char *
json_converted(const struct encode *enc, const char *text, size_t len, char *out)
{
    struct converted conv = { .bytes = CV_BUF_INIT(len + DECIMAL_BYTES_MAX) };
    struct cv_err err;
    char *end = NULL;

    conv.form = enc->kind == ENCODE_DECIMAL_VARIABLE ? convert_variable(text, len, &conv)
                                                     : convert(enc, text, len, &conv);
    if (conv.form == FORM_BAD || cv_buf_check(&conv.bytes, &err) != CV_OK)
        goto out;
    switch (conv.form) {
    case FORM_NULL:
        end = json_null(out);
        break;
    case FORM_INTEGER:
        end = encode_i64(conv.integer, out);
        break;
    case FORM_DOUBLE:
    case FORM_FLOAT:
        end = json_double(conv.number, conv.form == FORM_FLOAT, out);
        break;
    case FORM_BYTES:
        end = enc->kind == ENCODE_DECIMAL_VARIABLE ? json_variable(&conv, out)
                                                   : json_bytes(enc, &conv, out);
        break;
    case FORM_TEXT:
        end = encode_json_string(cv_buf_cstr(&conv.bytes), conv.bytes.len, out);
        break;
    case FORM_BOOLEAN:
    case FORM_BAD:
        break;
    }
out:
    cv_buf_free(&conv.bytes);
    return end;
}

/* "2026-01-01 00:00:00.5+00" with a four-digit year, in UTC, is copied; NULL: take the long way. */
static char *
json_timestamptz(const struct encode *enc, const char *text, size_t len, char *out)
{
    size_t digits = 0;

    if (len < 22 || text[4] != '-' || text[10] != ' ' || memcmp(text + len - 3, "+00", 3) != 0)
        return NULL;
    if (text[19] == '.')
        digits = len - 23;
    else if (len != 22)
        return NULL;
    if (digits > (size_t)enc->scale)
        return NULL;
    *out++ = '"';
    memcpy(out, text, 19);
    out[10] = 'T';
    out += 19;
    if (enc->scale > 0) {
        *out++ = '.';
        memcpy(out, text + 20, digits);
        memset(out + digits, '0', (size_t)enc->scale - digits);
        out += enc->scale;
    }
    memcpy(out, "Z\"", 2);
    return out + 2;
}

char *
encode_json(const struct encode *enc, const char *text, size_t len, char *out)
{
    char *end;

    switch (enc->kind) {
    case ENCODE_INT16:
    case ENCODE_INT32:
    case ENCODE_INT64:
        memcpy(out, text, len);
        return out + len;
    case ENCODE_TEXT:
        return encode_json_string(text, len, out);
    case ENCODE_BOOL:
    case ENCODE_BIT:
        if (len != 1)
            return NULL;
        if (text[0] == 't' || text[0] == '1') {
            memcpy(out, "true", 4);
            return out + 4;
        }
        memcpy(out, "false", 5);
        return out + 5;
    case ENCODE_DECIMAL_STRING:
        if (is_special_number(text, len))
            break;
        *out++ = '"';
        memcpy(out, text, len);
        out[len] = '"';
        return out + len + 1;
    case ENCODE_DECIMAL:
        end = enc->numeric ? NULL : json_decimal_small(enc, text, len, out);
        if (end != NULL)
            return end;
        break;
    case ENCODE_TIMESTAMPTZ:
        end = json_timestamptz(enc, text, len, out);
        if (end != NULL)
            return end;
        break;
    default:
        break;
    }
    return json_converted(enc, text, len, out);
}

/* ---- typed values ---- */

static enum cv_rc
value_variable(const struct converted *conv, const struct cv_schema *schema, struct cv_arena *arena,
               struct cv_value *ret, struct cv_err *err)
{
    struct cv_value *val = cv_struct_new(arena, schema);
    char *bytes = cv_arena_dup(arena, conv->bytes.data, conv->bytes.len);

    if (val == NULL || bytes == NULL)
        return cv_fail_memory(err);
    *cv_struct_at(val, 0) = cv_int(CV_INT32, conv->integer);
    cv_struct_at(val, 0)->schema = schema->fields[0].schema;
    *cv_struct_at(val, 1) = cv_binary(bytes, conv->bytes.len);
    cv_struct_at(val, 1)->schema = schema->fields[1].schema;
    *ret = *val;
    return CV_OK;
}

static enum cv_rc
value_bytes(const struct converted *conv, struct cv_arena *arena, struct cv_value *ret, struct cv_err *err)
{
    char *bytes = cv_arena_dup(arena, cv_buf_cstr(&conv->bytes), conv->bytes.len);

    if (bytes == NULL)
        return cv_fail_memory(err);
    *ret = conv->form == FORM_TEXT ? cv_string(bytes, conv->bytes.len)
                                   : cv_binary(bytes, conv->bytes.len);
    return CV_OK;
}

enum cv_rc
encode_value(const struct encode *enc, const char *text, size_t len, struct cv_arena *arena,
             struct cv_value *ret, struct cv_err *err)
{
    struct converted conv = { .bytes = CV_BUF_INIT(len + DECIMAL_BYTES_MAX) };
    const struct cv_schema *schema = ret->schema;
    enum cv_rc rc = CV_OK;

    conv.form = enc->kind == ENCODE_DECIMAL_VARIABLE ? convert_variable(text, len, &conv)
                                                     : convert(enc, text, len, &conv);
    if (conv.form == FORM_BAD) {
        rc = cv_fail(err, CV_INVALID, "cannot convert a value of %zu bytes", len);
        goto out;
    }
    rc = cv_buf_check(&conv.bytes, err);
    if (rc != CV_OK)
        goto out;
    switch (conv.form) {
    case FORM_BAD:
    case FORM_NULL:
        *ret = cv_null(schema);
        break;
    case FORM_BOOLEAN:
        *ret = cv_boolean(conv.integer != 0);
        break;
    case FORM_INTEGER:
        *ret = cv_int(schema != NULL ? schema->type : CV_INT64, conv.integer);
        break;
    case FORM_FLOAT:
        *ret = cv_float32((float)conv.number);
        break;
    case FORM_DOUBLE:
        *ret = cv_float64(conv.number);
        break;
    case FORM_BYTES:
    case FORM_TEXT:
        rc = enc->kind == ENCODE_DECIMAL_VARIABLE ? value_variable(&conv, schema, arena, ret, err)
                                                  : value_bytes(&conv, arena, ret, err);
        break;
    }
    ret->schema = schema;
out:
    cv_buf_free(&conv.bytes);
    return rc;
}
