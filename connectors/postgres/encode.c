/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Column text to JSON bytes.
 *
 * Every conversion first makes a form of the text (encode_convert.c), which is printed here as Connect's
 * JsonConverter does. The frequent kinds (integers, text, times, decimals, bytea) are written without any
 * intermediate, where the text is an ordinary one.
 */
#include "connectors/postgres/encode.h"

#include <stdlib.h>
#include <string.h>

#include "common/number.h"
#include "connectors/postgres/encode_private.h"

/* A decimal of at most 16 digits before the point and exactly the column's, up to 8, behind it; false: another text. */
static bool
read_small_decimal(const struct encode *enc, const char *text, size_t len, int64_t *ret)
{
    static const uint32_t units[] = { 1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000 };
    const bool minus = len > 0 && text[0] == '-';
    const size_t scale = (size_t)enc->scale, tail = scale > 0 ? scale + 1 : 0;
    uint32_t high = 0, low, fraction = 0;
    size_t whole;
    int64_t v;

    text += minus;
    len -= minus;
    if (scale > 8 || len <= tail)
        return false;
    whole = len - tail;
    if (tail > 0 && (text[whole] != '.' || !encode_read_digits(text + whole + 1, scale, &fraction)))
        return false;
    if (whole > 8) {
        if (whole > 16 || !encode_read_digits(text, whole - 8, &high))
            return false;
        text += whole - 8;
        whole = 8;
    }
    if (!encode_read_digits(text, whole, &low) || (high > 0 && scale > 2))
        return false;
    v = ((int64_t)high * units[8] + low) * units[scale] + fraction;
    *ret = minus ? -v : v;
    return true;
}

/* The shortest two's complement in base64. */
static char *
json_unscaled(int64_t v, char *out)
{
    const size_t n = (size_t)(64 - __builtin_clrsbll(v) + 7) / 8; /* bits of the number and one of the sign */
    unsigned char bytes[8];

    for (size_t i = 0; i < 8; i++)
        bytes[i] = (unsigned char)((uint64_t)v >> (56 - 8 * i));
    *out++ = '"';
    out += cv_base64_into(out, bytes + 8 - n, n);
    *out++ = '"';
    return out;
}

struct encode_room
encode_room(const struct encode *enc)
{
    const size_t scale = enc->scale > 0 ? (size_t)enc->scale : 0;
    struct encode element;
    struct encode_room room;

    switch (enc->kind) {
    case ENCODE_DECIMAL: /* a text of a smaller scale is filled up to the column's */
    case ENCODE_MONEY:
        return (struct encode_room){ 6, 16 + scale };
    case ENCODE_DECIMAL_VARIABLE:
        return (struct encode_room){ 6, 32 };
    case ENCODE_POINT:
    case ENCODE_GEOMETRY:
    case ENCODE_SPARSE_VECTOR:
        return (struct encode_room){ 6, 64 };
    case ENCODE_HSTORE_JSON: /* a control character is \\u0001 there */
        return (struct encode_room){ 7, 16 };
    case ENCODE_ARRAY: /* an element takes two bytes at least; one more a byte to unescape it in */
        element = encode_element(enc);
        room = encode_room(&element);
        return (struct encode_room){ room.factor + room.fixed / 2 + 1, 8 + room.fixed };
    default:
        return (struct encode_room){ 6, 8 + scale };
    }
}

size_t
encode_bound(const struct encode *enc, size_t len)
{
    const struct encode_room room = encode_room(enc);

    return room.factor * len + room.fixed;
}

char *
encode_double(double v, bool is_float, char *out)
{
    size_t n;

    if (is_float)
        v = (double)(float)v;
    if (v != v || v - v != 0) { /* NaN and infinities are JSON strings */
        *out++ = '"';
        n = cv_format_double(v, out);
        out[n] = '"';
        return out + n + 1;
    }
    n = is_float ? cv_format_float((float)v, out) : cv_format_double(v, out);
    return out + n;
}

/* A decimal as a JSON number; NULL when memory is out. */
static char *
json_decimal_number(const struct encode *enc, const struct converted *conv, char *out)
{
    struct cv_buf text = CV_BUF_INIT(4 * DECIMAL_BYTES_MAX);
    struct cv_err err;
    char *end = NULL;

    if (cv_decimal_format(conv->bytes.data, conv->bytes.len, enc->scale, false, &text, &err) == CV_OK &&
        cv_buf_check(&text, &err) == CV_OK) {
        memcpy(out, text.data, text.len);
        end = out + text.len;
    }
    cv_buf_free(&text);
    return end;
}

static char *
json_base64(const struct converted *conv, char *out)
{
    *out++ = '"';
    out += cv_base64_into(out, conv->bytes.data, conv->bytes.len);
    *out++ = '"';
    return out;
}

static char *
json_variable(const struct converted *conv, char *out)
{
    out = encode_put(out, "{\"scale\":");
    out = encode_i64(conv->integer, out);
    out = encode_put(out, ",\"value\":");
    out = json_base64(conv, out);
    *out++ = '}';
    return out;
}

static char *
json_bytes(const struct encode *enc, const struct converted *conv, char *out)
{
    bool decimal = enc->kind == ENCODE_DECIMAL || enc->kind == ENCODE_MONEY;

    if (conv->form == FORM_TEXT)
        return encode_json_string(cv_buf_cstr(&conv->bytes), conv->bytes.len, out);
    if (conv->form == FORM_SCALED)
        return json_variable(conv, out);
    return decimal && enc->numeric ? json_decimal_number(enc, conv, out) : json_base64(conv, out);
}

static char *
json_converted(const struct encode *enc, const char *text, size_t len, char *out, bool *ret_bad)
{
    char small[ENCODE_SMALL], *end = NULL;
    struct converted conv;
    struct cv_err err;

    (void)ret_bad;
    encode_convert_small(enc, text, len, small, &conv);
    if (conv.form == FORM_BAD || cv_buf_check(&conv.bytes, &err) != CV_OK)
        goto out;
    switch (conv.form) {
    case FORM_NULL:
        end = encode_put(out, "null");
        break;
    case FORM_BOOLEAN:
        end = encode_put(out, conv.integer != 0 ? "true" : "false");
        break;
    case FORM_INTEGER:
        end = encode_i64(conv.integer, out);
        break;
    case FORM_DOUBLE:
    case FORM_FLOAT:
        end = encode_double(conv.number, conv.form == FORM_FLOAT, out);
        break;
    case FORM_BYTES:
    case FORM_SCALED:
    case FORM_TEXT:
        end = json_bytes(enc, &conv, out);
        break;
    case FORM_BAD:
        break;
    }
out:
    encode_converted_done(&conv, small);
    return end;
}

/* ---- without a form between, where the text is an ordinary one ---- */

static char *
json_decimal(const struct encode *enc, const char *text, size_t len, char *out, bool *ret_bad)
{
    int64_t v;

    if (!enc->numeric && read_small_decimal(enc, text, len, &v))
        return json_unscaled(v, out);
    return json_converted(enc, text, len, out, ret_bad);
}

/* The scale is that of the text, zeros at its end not counted. */
static char *
json_variable_decimal(const struct encode *enc, const char *text, size_t len, char *out, bool *ret_bad)
{
    const char *point = len > 0 ? memchr(text, '.', len) : NULL;
    struct encode stripped = { .kind = ENCODE_DECIMAL };
    size_t used = len;
    int64_t v;

    if (point != NULL) {
        while (text[used - 1] == '0')
            used--;
        stripped.scale = (int32_t)(text + used - 1 - point);
        if (stripped.scale == 0)
            used--; /* the point */
    }
    if (!read_small_decimal(&stripped, text, used, &v))
        return json_converted(enc, text, len, out, ret_bad);
    out = encode_put(out, "{\"scale\":");
    *out++ = (char)('0' + stripped.scale); /* at most 8 */
    out = encode_put(out, ",\"value\":");
    out = json_unscaled(v, out);
    *out++ = '}';
    return out;
}

/* Plain notation is the server's; the special values have other names. */
static char *
json_decimal_text(const struct encode *enc, const char *text, size_t len, char *out, bool *ret_bad)
{
    if (is_special_number(text, len))
        return json_converted(enc, text, len, out, ret_bad);
    *out++ = '"';
    memcpy(out, text, len);
    out[len] = '"';
    return out + len + 1;
}

/* The bytes are decoded behind where their base64 ends. */
static char *
json_bytea(const struct encode *enc, const char *text, size_t len, char *out, bool *ret_bad)
{
    const size_t n = len / 2 - 1;
    unsigned char *bytes = (unsigned char *)out + len;

    (void)enc;
    (void)ret_bad;
    if (len < 2 || text[0] != '\\' || text[1] != 'x' || !encode_unhex(text + 2, len - 2, bytes))
        return NULL;
    *out++ = '"';
    out += cv_base64_into(out, bytes, n);
    *out++ = '"';
    return out;
}

static bool
is_integer(const char *text, size_t len)
{
    size_t i = len > 1 && text[0] == '-' ? 1 : 0;
    uint32_t ignored;

    if (len == 0 || len > 20)
        return false;
    for (; i < len; i += 8)
        if (!encode_read_digits(text + i, len - i < 8 ? len - i : 8, &ignored))
            return false;
    return true;
}

/* "2026-01-01 00:00:00.5+00" with a four-digit year, in UTC, is copied; NULL: take the long way. */
static char *
copy_timestamptz(const struct encode *enc, const char *text, size_t len, char *out)
{
    size_t digits = 0;

    if (len < 22 || len > 29 || !encode_is_like(text, "0000-00-") || !encode_is_like(text + 8, "00 00:00") ||
        !encode_is_like(text + 11, "00:00:00") || memcmp(text + len - 3, "+00", 3) != 0)
        return NULL;
    if (text[19] == '.')
        digits = len - 23;
    else if (len != 22)
        return NULL;
    if (digits > (size_t)enc->scale || (digits > 0 && !is_integer(text + 20, digits)))
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

static char *
json_timestamptz(const struct encode *enc, const char *text, size_t len, char *out, bool *ret_bad)
{
    char *end = copy_timestamptz(enc, text, len, out);

    return end != NULL ? end : json_converted(enc, text, len, out, ret_bad);
}

static char *
json_clock(const struct encode *enc, const char *text, size_t len, char *out, bool *ret_bad)
{
    int64_t number;

    if (encode_clock_number(enc, text, len, &number))
        return encode_i64(number, out);
    return json_converted(enc, text, len, out, ret_bad);
}

static char *
json_integer(const struct encode *enc, const char *text, size_t len, char *out, bool *ret_bad)
{
    if (is_integer(text, len))
        return encode_copy(out, text, len);
    return json_converted(enc, text, len, out, ret_bad);
}

static char *
json_boolean(const struct encode *enc, const char *text, size_t len, char *out, bool *ret_bad)
{
    if (len == 1)
        return encode_put(out, text[0] == 't' ? "true" : "false");
    return json_converted(enc, text, len, out, ret_bad);
}

static char *
json_text(const struct encode *enc, const char *text, size_t len, char *out, bool *ret_bad)
{
    (void)enc;
    (void)ret_bad;
    return encode_json_string(text, len, out);
}

static encode_json_fn *const writers[] = {
    [ENCODE_NONE] = json_converted,
    [ENCODE_BOOL] = json_boolean,
    [ENCODE_INT16] = json_integer,
    [ENCODE_INT32] = json_integer,
    [ENCODE_INT64] = json_integer,
    [ENCODE_FLOAT32] = json_converted,
    [ENCODE_FLOAT64] = json_converted,
    [ENCODE_DECIMAL] = json_decimal,
    [ENCODE_DECIMAL_VARIABLE] = json_variable_decimal,
    [ENCODE_DECIMAL_DOUBLE] = json_converted,
    [ENCODE_DECIMAL_STRING] = json_decimal_text,
    [ENCODE_MONEY] = json_converted,
    [ENCODE_MONEY_DOUBLE] = json_converted,
    [ENCODE_MONEY_STRING] = json_converted,
    [ENCODE_TEXT] = json_text,
    [ENCODE_BYTES] = json_bytea,
    [ENCODE_BYTES_BASE64] = json_bytea,
    [ENCODE_BYTES_BASE64_URL] = json_converted,
    [ENCODE_BYTES_HEX] = json_converted,
    [ENCODE_RAW] = json_converted,
    [ENCODE_RAW_BASE64] = json_converted,
    [ENCODE_RAW_BASE64_URL] = json_converted,
    [ENCODE_RAW_HEX] = json_converted,
    [ENCODE_BIT] = json_converted,
    [ENCODE_BITS] = json_converted,
    [ENCODE_DATE_DAYS] = json_clock,
    [ENCODE_DATE_ISO] = json_converted,
    [ENCODE_TIME_MS] = json_converted,
    [ENCODE_TIME_US] = json_converted,
    [ENCODE_TIME_NS] = json_converted,
    [ENCODE_TIME_ISO] = json_converted,
    [ENCODE_TIMESTAMP_MS] = json_clock,
    [ENCODE_TIMESTAMP_US] = json_clock,
    [ENCODE_TIMESTAMP_NS] = json_clock,
    [ENCODE_TIMESTAMP_ISO] = json_converted,
    [ENCODE_TIMESTAMPTZ] = json_timestamptz,
    [ENCODE_TIMETZ] = json_converted,
    [ENCODE_INTERVAL_US] = json_converted,
    [ENCODE_INTERVAL_ISO] = json_converted,
    [ENCODE_HSTORE_JSON] = json_converted,
    [ENCODE_HSTORE_MAP] = encode_hstore_json,
    [ENCODE_POINT] = encode_point_json,
    [ENCODE_GEOMETRY] = encode_geometry_json,
    [ENCODE_ARRAY] = encode_array_json,
    [ENCODE_INT16_VECTOR] = encode_vector_json,
    [ENCODE_INT64_VECTOR] = encode_vector_json,
    [ENCODE_FLOAT32_VECTOR] = encode_vector_json,
    [ENCODE_FLOAT64_VECTOR] = encode_vector_json,
    [ENCODE_SPARSE_VECTOR] = encode_sparse_json,
};

char *
encode_json(const struct encode *enc, const char *text, size_t len, char *out, bool *ret_bad)
{
    char *end = writers[enc->kind](enc, text, len, out, ret_bad);

    if (end != NULL)
        return end;
    *ret_bad = true;
    return encode_put(out, "null");
}
