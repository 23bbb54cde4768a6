/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversions: the text of a value to one of the forms. JSON and typed values are both made of the forms, so the
 * direct path and the record path cannot drift apart.
 */
#include "connectors/postgres/encode_private.h"

#include <string.h>

#include "common/number.h"

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
encode_unhex(const char *hex, size_t len, unsigned char *out)
{
    if (len % 2 != 0)
        return false;
    for (size_t i = 0; i < len; i += 2) {
        int hi = hex_digit(hex[i]), lo = hex_digit(hex[i + 1]);

        if (hi < 0 || lo < 0)
            return false;
        *out++ = (unsigned char)(hi << 4 | lo);
    }
    return true;
}

/* "\x0aff" */
static enum form
convert_bytea(const char *text, size_t len, struct cv_buf *out)
{
    char *room;

    if (len < 2 || text[0] != '\\' || text[1] != 'x')
        return FORM_BAD;
    room = cv_buf_reserve(out, len / 2);
    if (room == NULL)
        return FORM_BYTES; /* the buffer knows why */
    if (!encode_unhex(text + 2, len - 2, (unsigned char *)room))
        return FORM_BAD;
    cv_buf_used(out, len / 2 - 1);
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

/* Plain digits with no more than scale of them behind the point, rounded half up: away from zero. */
static void
round_half_up(const struct cv_buf *plain, int32_t scale, struct cv_buf *out)
{
    const char *point = memchr(plain->data, '.', plain->len);
    size_t behind = point == NULL ? 0 : plain->len - (size_t)(point + 1 - plain->data);
    size_t drop = behind > (size_t)scale ? behind - (size_t)scale : 0;
    bool minus = plain->data[0] == '-', up = drop > 0 && plain->data[plain->len - drop] >= '5';

    cv_buf_str(out, minus ? "-0" : "0"); /* room for a carry */
    cv_buf_add(out, plain->data + minus, plain->len - minus - drop - (drop > 0 && scale == 0));
    for (size_t i = out->len; up && i-- > minus;) {
        if (out->data[i] == '.')
            continue;
        up = out->data[i] == '9';
        out->data[i] = up ? '0' : (char)(out->data[i] + 1);
    }
}

/* Digits, a point and a sign at most, as the server prints numbers that are none of the special ones. An exponent could
   stand for more digits than the value has room for. */
static bool
is_plain_number(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((text[i] < '0' || text[i] > '9') && text[i] != '.' && (text[i] != '-' || i > 0))
            return false;
    return len > 0;
}

static enum form
convert_decimal(const struct encode *enc, const char *text, size_t len, struct cv_buf *out)
{
    struct cv_err err;

    if (!is_plain_number(text, len))
        return FORM_BAD;
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
    struct cv_buf plain = CV_BUF_INIT(4096), rounded = CV_BUF_INIT(4096);
    struct cv_err err;
    enum form form = FORM_BAD;

    if (!plain_money(text, len, &plain) || cv_buf_check(&plain, &err) != CV_OK)
        goto out;
    round_half_up(&plain, enc->scale, &rounded);
    if (enc->kind == ENCODE_MONEY && cv_buf_check(&rounded, &err) == CV_OK)
        form = convert_decimal(enc, rounded.data, rounded.len, &ret->bytes);
    else if (enc->kind == ENCODE_MONEY_DOUBLE)
        form = convert_double(plain.data, plain.len, &ret->number);
    else
        form = convert_decimal_text(plain.data, plain.len, &ret->bytes);
out:
    cv_buf_free(&plain);
    cv_buf_free(&rounded);
    return form;
}

/* bytes as text in the way of the kind */
static enum form
binary_text(enum encode_kind kind, const char *data, size_t len, struct cv_buf *out)
{
    switch (kind) {
    case ENCODE_BYTES_HEX:
    case ENCODE_RAW_HEX:
        cv_buf_hex(out, data, len);
        break;
    case ENCODE_BYTES_BASE64:
    case ENCODE_RAW_BASE64:
        cv_base64(out, data, len);
        break;
    default:
        cv_base64_url(out, data, len);
        break;
    }
    return FORM_TEXT;
}

static enum form
convert_binary_text(const struct encode *enc, const char *text, size_t len, struct cv_buf *out)
{
    struct cv_buf raw = CV_BUF_INIT(len);
    enum form form = convert_bytea(text, len, &raw);

    out->failed = raw.failed;
    if (form == FORM_BYTES)
        form = binary_text(enc->kind, cv_buf_cstr(&raw), raw.len, out);
    cv_buf_free(&raw);
    return form;
}

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

    if (!is_plain_number(text, len))
        return FORM_BAD;
    ret->integer = stripped_scale(text, len);
    if (cv_decimal_unscaled(text, len, (int32_t)ret->integer, &ret->bytes, &err) != CV_OK)
        return FORM_BAD;
    return FORM_SCALED;
}

enum form
encode_convert(const struct encode *enc, const char *text, size_t len, struct converted *ret)
{
    switch (enc->kind) {
    case ENCODE_BOOL:
    case ENCODE_BIT:
        if (len == 0 && enc->kind == ENCODE_BIT)
            return FORM_NULL;
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
    case ENCODE_RAW:
        cv_buf_add(&ret->bytes, text, len);
        return FORM_BYTES;
    case ENCODE_RAW_BASE64:
    case ENCODE_RAW_BASE64_URL:
    case ENCODE_RAW_HEX:
        return binary_text(enc->kind, text, len, &ret->bytes);
    case ENCODE_HSTORE_JSON:
        return encode_convert_hstore(text, len, &ret->bytes);
    case ENCODE_BITS:
        return convert_bits(text, len, &ret->bytes);
    case ENCODE_DECIMAL_VARIABLE:
        return convert_variable(text, len, ret);
    case ENCODE_NONE:
        return FORM_BAD;
    default:
        return encode_convert_clock(enc, text, len, ret);
    }
}

void
encode_convert_small(const struct encode *enc, const char *text, size_t len, char small[ENCODE_SMALL],
                     struct converted *ret)
{
    small[0] = '\0';
    *ret = (struct converted){ .bytes = { .data = small, .cap = ENCODE_SMALL, .max = ENCODE_SMALL - 1 } };
    ret->form = encode_convert(enc, text, len, ret);
    if (ret->bytes.failed == CV_OK)
        return;
    *ret = (struct converted){ .bytes = CV_BUF_INIT(6 * len + DECIMAL_BYTES_MAX) };
    ret->form = encode_convert(enc, text, len, ret);
}

void
encode_converted_done(struct converted *conv, const char *small)
{
    if (conv->bytes.data != small)
        cv_buf_free(&conv->bytes);
}
