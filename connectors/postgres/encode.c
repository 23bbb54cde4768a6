/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Column text to JSON bytes.
 *
 * Every conversion first makes a form of the text (encode_convert.c), which is printed here as Connect's
 * JsonConverter does. The frequent kinds (integers, text, timestamptz, decimals) are written without any
 * intermediate.
 */
#include "connectors/postgres/encode.h"

#include <stdlib.h>
#include <string.h>

#include "common/number.h"
#include "connectors/postgres/encode_private.h"

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

    conv.form = encode_convert(enc, text, len, &conv);
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
        end = json_bytes(enc, &conv, out);
        break;
    case FORM_SCALED:
        end = json_variable(&conv, out);
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
