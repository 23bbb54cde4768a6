/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One JSON value to a cell; see value.h. The forms are those of Debezium's converters: times as
 * numbers of days, ms, us, ns or as ISO text, decimals as text, number, base64 with the scale in
 * the schema, or a struct {scale, value} (VariableScaleDecimal).
 */
#include "streams/io/value.h"

#include <math.h>
#include <string.h>

#include <culvert/value.h>

#include "common/number.h"
#include "streams/store/function.h"

#define SHOWN_MAX 60

static enum cv_rc
refuse(struct cv_err *err, const struct cv_json_reader *in, const struct column *col,
       const char *why)
{
    int len = in->text_len > SHOWN_MAX ? SHOWN_MAX : (int)in->text_len;

    return cv_fail(err, CV_INVALID, "%.*s%s %s %s", len, in->text,
                   in->text_len > SHOWN_MAX ? "..." : "", why, column_type_name(col->type));
}

/* The text of a STRING token without its escapes. */
static struct cv_bytes
plain_text(const struct value_target *to, const struct cv_json_reader *in)
{
    size_t begin = to->scratch->len;

    if (!in->escaped)
        return (struct cv_bytes){ .data = in->text, .len = in->text_len };
    cv_json_text(in, to->scratch);
    return (struct cv_bytes){ .data = to->scratch->data + begin, .len = to->scratch->len - begin };
}

static bool
is_unchanged(const struct value_target *to, const char *text, size_t len)
{
    return len == strlen(to->source->unchanged) && memcmp(text, to->source->unchanged, len) == 0;
}

/* ---- numbers ---- */

/* Big-endian two's complement to int64; false: beyond 8 bytes. */
static bool
unscaled_int(const struct cv_bytes *bytes, int64_t *ret)
{
    uint64_t v = bytes->len > 0 && (bytes->data[0] & 0x80) ? UINT64_MAX : 0;

    if (bytes->len == 0 || bytes->len > 8)
        return false;
    for (size_t i = 0; i < bytes->len; i++)
        v = v << 8 | (unsigned char)bytes->data[i];
    *ret = (int64_t)v;
    return true;
}

static bool
rescale(int64_t v, int32_t from, int to, int64_t *ret)
{
    for (; from < to && v != 0; from++) {
        if (__builtin_mul_overflow(v, (int64_t)10, &v))
            return false;
    }
    for (; from > to && v != 0; from--) {
        if (v % 10 != 0)
            return false;
        v /= 10;
    }
    *ret = v;
    return true;
}

static enum cv_rc
decode_base64(const struct value_target *to, const struct cv_bytes *text, struct cv_bytes *ret,
              struct cv_err *err)
{
    size_t begin = to->scratch->len;
    enum cv_rc rc = cv_base64_decode(text->data, text->len, to->scratch, err);

    if (rc == CV_OK)
        *ret =
            (struct cv_bytes){ .data = to->scratch->data + begin, .len = to->scratch->len - begin };
    return rc;
}

/* An exact number of the column's scale (0 unless DECIMAL) from a string. */
static enum cv_rc
number_of_string(const struct value_target *to, struct cv_json_reader *in, const struct column *col,
                 const struct wire_field *wire, struct cell *ret, struct cv_err *err)
{
    struct cv_bytes text = plain_text(to, in);
    struct cv_bytes bytes;
    int32_t from = wire->type == WIRE_DECIMAL ? wire->scale : col->scale;

    if (is_unchanged(to, text.data, text.len)) {
        ret->kind = CELL_UNCHANGED;
        return CV_OK;
    }
    ret->kind = CELL_INTEGER;
    if (wire->type != WIRE_DECIMAL &&
        (col->type != COLUMN_DECIMAL || to->source->decimal != PLAN_DECIMAL_BASE64)) {
        if (decimal_scaled(text.data, text.len, col->scale, &ret->integer))
            return CV_OK;
        return refuse(err, in, col, "is no number, or one that does not fit");
    }
    if (decode_base64(to, &text, &bytes, err) != CV_OK)
        return err->rc;
    if (unscaled_int(&bytes, &ret->integer) &&
        rescale(ret->integer, from, col->scale, &ret->integer))
        return CV_OK;
    return refuse(err, in, col, "does not fit");
}

/* VariableScaleDecimal: {"scale": n, "value": "base64"}; the opening brace has been read. */
static enum cv_rc
number_of_struct(const struct value_target *to, struct cv_json_reader *in, const struct column *col,
                 struct cell *ret, struct cv_err *err)
{
    int64_t scale = INT64_MIN;
    struct cv_bytes text = { 0 };
    struct cv_bytes bytes;

    while (cv_json_next(in) == CV_JSON_KEY) {
        bool is_scale = cv_json_text_is(in, "scale");
        bool is_value = cv_json_text_is(in, "value");
        enum cv_json_token tok = cv_json_next(in);

        if (is_scale && tok == CV_JSON_NUMBER && cv_json_int64(in, &scale))
            continue;
        if (!is_value || tok != CV_JSON_STRING)
            return cv_fail(err, CV_INVALID,
                           "an object that is no {scale, value} cannot become a number");
        text = plain_text(to, in);
    }
    if (text.data == NULL || scale < -1000 || scale > 1000)
        return cv_fail(err, CV_INVALID,
                       "an object that is no {scale, value} cannot become a number");
    if (decode_base64(to, &text, &bytes, err) != CV_OK)
        return err->rc;
    ret->kind = CELL_INTEGER;
    if (unscaled_int(&bytes, &ret->integer) &&
        rescale(ret->integer, (int32_t)scale, col->scale, &ret->integer))
        return CV_OK;
    return cv_fail(err, CV_INVALID, "the decimal does not fit %s", column_type_name(col->type));
}

static enum cv_rc
read_exact(const struct value_target *to, struct cv_json_reader *in, enum cv_json_token tok,
           const struct column *col, const struct wire_field *wire, struct cell *ret,
           struct cv_err *err)
{
    switch (tok) {
    case CV_JSON_NUMBER:
        ret->kind = CELL_INTEGER;
        if (col->scale == 0 && cv_json_int64(in, &ret->integer))
            return CV_OK;
        if (decimal_scaled(in->text, in->text_len, col->scale, &ret->integer))
            return CV_OK;
        return refuse(err, in, col, "does not fit");
    case CV_JSON_STRING:
        return number_of_string(to, in, col, wire, ret, err);
    case CV_JSON_OBJECT:
        return number_of_struct(to, in, col, ret, err);
    case CV_JSON_TRUE:
    case CV_JSON_FALSE:
        ret->kind = CELL_INTEGER;
        ret->integer = tok == CV_JSON_TRUE;
        return CV_OK;
    default:
        return cv_fail(err, CV_INVALID, "an array cannot become %s", column_type_name(col->type));
    }
}

static enum cv_rc
read_real(const struct value_target *to, struct cv_json_reader *in, enum cv_json_token tok,
          const struct column *col, struct cell *ret, struct cv_err *err)
{
    struct cv_bytes text;

    ret->kind = CELL_REAL;
    if (tok == CV_JSON_NUMBER) {
        if (cv_json_number(in, &ret->real) && isfinite(ret->real))
            return CV_OK;
        return refuse(err, in, col, "does not fit");
    }
    if (tok != CV_JSON_STRING)
        return cv_fail(err, CV_INVALID, "a value that is no number cannot become REAL");
    text = plain_text(to, in);
    if (is_unchanged(to, text.data, text.len)) {
        ret->kind = CELL_UNCHANGED;
        return CV_OK;
    }
    if (!cv_parse_double(text.data, text.len, &ret->real))
        return refuse(err, in, col, "is no number, or one that does not fit");
    if (isnan(ret->real))
        ret->kind = CELL_NULL; /* SQLite has no NaN */
    return CV_OK;
}

/* ---- text, bytes, booleans ---- */

static enum cv_rc
read_text(const struct value_target *to, struct cv_json_reader *in, enum cv_json_token tok,
          struct cell *ret)
{
    struct cv_bytes text = { .data = in->text, .len = in->text_len };

    ret->kind = CELL_TEXT;
    if (tok == CV_JSON_STRING) {
        text = plain_text(to, in);
        if (is_unchanged(to, text.data, text.len))
            ret->kind = CELL_UNCHANGED;
    } else if (tok == CV_JSON_TRUE || tok == CV_JSON_FALSE) {
        text.data = tok == CV_JSON_TRUE ? "true" : "false";
        text.len = strlen(text.data);
    }
    ret->data = text.data;
    ret->len = text.len;
    return CV_OK;
}

static enum cv_rc
read_blob(const struct value_target *to, struct cv_json_reader *in, enum cv_json_token tok,
          struct cell *ret, struct cv_err *err)
{
    struct cv_bytes text;
    struct cv_bytes bytes;

    if (tok != CV_JSON_STRING)
        return cv_fail(err, CV_INVALID, "a value that is no base64 text cannot become BLOB");
    text = plain_text(to, in);
    ret->kind = CELL_UNCHANGED;
    if (is_unchanged(to, text.data, text.len))
        return CV_OK;
    if (decode_base64(to, &text, &bytes, err) != CV_OK)
        return err->rc;
    if (is_unchanged(to, bytes.data, bytes.len))
        return CV_OK;
    ret->kind = CELL_BLOB;
    ret->data = bytes.data;
    ret->len = bytes.len;
    return CV_OK;
}

static enum cv_rc
read_boolean(const struct value_target *to, struct cv_json_reader *in, enum cv_json_token tok,
             const struct column *col, struct cell *ret, struct cv_err *err)
{
    static const char *const words[] = { "false", "true", "f", "t", "0", "1" };
    struct cv_bytes text = { .data = in->text, .len = in->text_len };

    ret->kind = CELL_INTEGER;
    ret->integer = tok == CV_JSON_TRUE;
    if (tok == CV_JSON_TRUE || tok == CV_JSON_FALSE)
        return CV_OK;
    if (tok == CV_JSON_STRING)
        text = plain_text(to, in);
    for (size_t i = 0; i < CV_COUNT(words) && (tok == CV_JSON_STRING || tok == CV_JSON_NUMBER);
         i++) {
        if (text.len == strlen(words[i]) && memcmp(text.data, words[i], text.len) == 0) {
            ret->integer = (int64_t)(i % 2);
            return CV_OK;
        }
    }
    return refuse(err, in, col, "is no");
}

/* ---- times ---- */

static int64_t
floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* Days from 1970-01-01 to a date of the proleptic Gregorian calendar. */
static int64_t
days_of(int64_t year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = floor_div(y, 400);
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

struct scan {
    const char *p;
    const char *end;
};

static bool
scan_digits(struct scan *s, int min, int max, int64_t *ret)
{
    int64_t v = 0;
    int n = 0;

    while (s->p < s->end && n < max && *s->p >= '0' && *s->p <= '9') {
        v = v * 10 + (*s->p++ - '0');
        n++;
    }
    *ret = v;
    return n >= min;
}

static bool
scan_char(struct scan *s, char c)
{
    if (s->p == s->end || *s->p != c)
        return false;
    s->p++;
    return true;
}

/* "Z", "+02", "+02:00", "+02:00:30" or nothing; seconds east of UTC. */
static bool
scan_zone(struct scan *s, int64_t *ret)
{
    int64_t part[3] = { 0 };
    int sign;

    *ret = 0;
    if (s->p == s->end || scan_char(s, 'Z'))
        return true;
    sign = *s->p == '-' ? -1 : 1;
    if (*s->p != '+' && *s->p != '-')
        return false;
    s->p++;
    if (!scan_digits(s, 2, 2, &part[0]))
        return false;
    for (int i = 1; i < 3 && s->p < s->end; i++) {
        scan_char(s, ':');
        if (!scan_digits(s, 2, 2, &part[i]))
            return false;
    }
    *ret = sign * (part[0] * 3600 + part[1] * 60 + part[2]);
    return true;
}

static bool
scan_time(struct scan *s, int64_t *ret_ms)
{
    int64_t hour;
    int64_t minute;
    int64_t second = 0;
    int64_t ms = 0;

    if (!scan_digits(s, 2, 2, &hour) || !scan_char(s, ':') || !scan_digits(s, 2, 2, &minute))
        return false;
    if (scan_char(s, ':') && !scan_digits(s, 2, 2, &second))
        return false;
    if (scan_char(s, '.')) {
        int weight = 100;

        if (s->p == s->end || *s->p < '0' || *s->p > '9')
            return false;
        for (; s->p < s->end && *s->p >= '0' && *s->p <= '9'; s->p++) {
            ms += weight * (*s->p - '0');
            weight /= 10;
        }
    }
    if (hour > 24 || minute > 59 || second > 60)
        return false;
    *ret_ms = ((hour * 60 + minute) * 60 + second) * 1000 + ms;
    return true;
}

bool
value_iso_ms(const char *text, size_t len, int64_t *ret)
{
    struct scan s = { .p = text, .end = text + len };
    bool negative = len > 0 && *text == '-';
    int64_t year;
    int64_t month;
    int64_t day;
    int64_t ms = 0;
    int64_t zone = 0;

    if (len > 0 && (*text == '-' || *text == '+'))
        s.p++;
    if (!scan_digits(&s, 4, 9, &year) || !scan_char(&s, '-') || !scan_digits(&s, 2, 2, &month) ||
        !scan_char(&s, '-') || !scan_digits(&s, 2, 2, &day) || month < 1 || month > 12 || day < 1 ||
        day > 31)
        return false;
    if (s.p < s.end && ((!scan_char(&s, 'T') && !scan_char(&s, ' ')) || !scan_time(&s, &ms) ||
                        !scan_zone(&s, &zone)))
        return false;
    if (s.p != s.end)
        return false;
    *ret = days_of(negative ? -year : year, (int)month, (int)day) * 86400000 + ms - zone * 1000;
    return true;
}

static bool
numeric_time(const struct value_target *to, const struct wire_field *wire, int64_t v, int64_t *ret)
{
    static const int64_t divisors[] = { [WIRE_MS] = 1, [WIRE_US] = 1000, [WIRE_NS] = 1000000 };
    int64_t divisor = to->source->time_divisor;

    if (wire->type == WIRE_DATE)
        return !__builtin_mul_overflow(v, (int64_t)86400000, ret);
    if (wire->type == WIRE_MS || wire->type == WIRE_US || wire->type == WIRE_NS)
        divisor = divisors[wire->type];
    if (divisor < 0)
        return !__builtin_mul_overflow(v, -divisor, ret);
    *ret = floor_div(v, divisor);
    return true;
}

static enum cv_rc
read_time(const struct value_target *to, struct cv_json_reader *in, enum cv_json_token tok,
          const struct column *col, const struct wire_field *wire, struct cell *ret,
          struct cv_err *err)
{
    struct cv_bytes text;
    int64_t v;

    ret->kind = CELL_INTEGER;
    if (tok == CV_JSON_NUMBER && cv_json_int64(in, &v) && numeric_time(to, wire, v, &ret->integer))
        return CV_OK;
    if (tok != CV_JSON_STRING)
        return refuse(err, in, col, "is no");
    text = plain_text(to, in);
    if (is_unchanged(to, text.data, text.len))
        ret->kind = CELL_UNCHANGED;
    else if (!value_iso_ms(text.data, text.len, &ret->integer))
        return refuse(err, in, col, "is no ISO 8601");
    return CV_OK;
}

/* ---- all ---- */

/* Objects and arrays become text as they stand; everywhere else they are wrong, or a decimal. */
static bool
takes_raw(const struct column *col)
{
    return col->type == COLUMN_TEXT || col->type == COLUMN_JSON;
}

enum cv_rc
value_read(const struct value_target *to, struct cv_json_reader *in, const struct column *col,
           const struct wire_field *wire, struct cell *ret, struct cv_err *err)
{
    struct cv_json_reader before = *in;
    enum cv_json_token tok = cv_json_next(in);
    struct cell cell = { .kind = CELL_NULL };
    enum cv_rc rc = CV_OK;

    if ((tok == CV_JSON_OBJECT || tok == CV_JSON_ARRAY) && takes_raw(col)) {
        *in = before;
        tok = cv_json_skip(in);
    }
    switch (tok == CV_JSON_NULL || tok == CV_JSON_BAD ? COLUMN_TEXT : col->type) {
    case COLUMN_INTEGER:
    case COLUMN_DECIMAL:
        rc = read_exact(to, in, tok, col, wire, &cell, err);
        break;
    case COLUMN_REAL:
        rc = read_real(to, in, tok, col, &cell, err);
        break;
    case COLUMN_BLOB:
        rc = read_blob(to, in, tok, &cell, err);
        break;
    case COLUMN_TIMESTAMP:
        rc = read_time(to, in, tok, col, wire, &cell, err);
        break;
    case COLUMN_BOOLEAN:
        rc = read_boolean(to, in, tok, col, &cell, err);
        break;
    default:
        if (tok != CV_JSON_NULL && tok != CV_JSON_BAD)
            rc = read_text(to, in, tok, &cell);
        break;
    }
    if (tok == CV_JSON_BAD || in->problem != NULL)
        return cv_json_fail(in, err);
    if (rc == CV_OK)
        *ret = cell;
    return rc;
}
