/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pull reader over JSON bytes (RFC 8259). A record's JSON is read once, token by token, and never
 * becomes a tree. Strings are most of it, so their scan takes eight bytes at a time as long as
 * nothing in them needs a look: quotes, backslashes, control characters and anything outside ASCII.
 * What the last token was is known to the caller; the reader itself remembers only what may come
 * next, and a bit a level for object or array.
 */
#include <config.h>

#include "common/json_read.h"

#include <endian.h>
#include <math.h>
#include <string.h>

#include "common/number.h"
#include "common/utf8.h"

enum state {
    STATE_VALUE,     /* a value must come */
    STATE_ITEM,      /* the first item of an array, or its end */
    STATE_FIRST_KEY, /* the first key of an object, or its end */
    STATE_AFTER,     /* a value is complete: comma, closing bracket or the end of all */
    STATE_BAD,
};

#define ONES  UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

void
cv_json_reader_init(struct cv_json_reader *r, const void *data, size_t len)
{
    *r = (struct cv_json_reader){ .data = data, .len = len, .text = "", .state = STATE_VALUE };
}

static enum cv_json_token
bad(struct cv_json_reader *r, size_t pos, const char *problem)
{
    r->pos = pos;
    r->problem = problem;
    r->state = STATE_BAD;
    return CV_JSON_BAD;
}

static void
skip_space(struct cv_json_reader *r)
{
    while (r->pos < r->len) {
        char c = r->data[r->pos];

        if (c != ' ' && c != '\n' && c != '\r' && c != '\t')
            break;
        r->pos++;
    }
}

/* ---- strings ---- */

/* Position of the first byte from pos on that the plain scan may not pass, len if there is none. */
static size_t
scan_plain(const char *data, size_t pos, size_t len)
{
    while (len - pos >= 8) {
        uint64_t word;
        uint64_t quote;
        uint64_t slash;
        uint64_t hit;

        memcpy(&word, data + pos, sizeof(word));
        word = le64toh(word);
        quote = word ^ ONES * '"';
        slash = word ^ ONES * '\\';
        /* the lowest set high bit is exact; a borrow can spoil only the bits above it */
        hit = ((quote - ONES) & ~quote) | ((slash - ONES) & ~slash) |
              ((word - ONES * 0x20) & ~word) | word;
        hit &= HIGHS;
        if (hit != 0)
            return pos + (size_t)__builtin_ctzll(hit) / 8;
        pos += 8;
    }
    while (pos < len) {
        unsigned char c = (unsigned char)data[pos];

        if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\')
            break;
        pos++;
    }
    return pos;
}

/* Length of the escape whose backslash is at text, 0 if it is none; *ret_code is what it stands
 * for. */
static size_t
read_escape(const char *text, size_t len, uint32_t *ret_code)
{
    static const char names[] = "\"\\/bfnrt";
    static const char codes[] = "\"\\/\b\f\n\r\t";
    const char *name;
    int high;
    int low;

    if (len < 2)
        return 0;
    if (text[1] != 'u') {
        name = text[1] == '\0' ? NULL : strchr(names, text[1]);
        if (name == NULL)
            return 0;
        *ret_code = (uint32_t)codes[name - names];
        return 2;
    }
    high = len < 6 ? -1 : cv_utf8_hex4(text + 2);
    if (high < 0 || (high >= 0xdc00 && high <= 0xdfff))
        return 0;
    if (high < 0xd800 || high > 0xdbff) {
        *ret_code = (uint32_t)high;
        return 6;
    }
    low = len < 12 || text[6] != '\\' || text[7] != 'u' ? -1 : cv_utf8_hex4(text + 8);
    if (low < 0xdc00 || low > 0xdfff)
        return 0;
    *ret_code = 0x10000 + ((uint32_t)high - 0xd800) * 0x400 + ((uint32_t)low - 0xdc00);
    return 12;
}

/* Move from behind the opening quote to behind the closing one. */
static bool
read_string(struct cv_json_reader *r)
{
    size_t start = r->pos;
    size_t pos = r->pos;

    r->escaped = false;
    for (;;) {
        unsigned char c;
        uint32_t code;
        size_t n;

        pos = scan_plain(r->data, pos, r->len);
        if (pos == r->len) {
            (void)bad(r, pos, "the text ends inside a string");
            return false;
        }
        c = (unsigned char)r->data[pos];
        if (c == '"')
            break;
        if (c >= 0x80) {
            n = cv_utf8_sequence(r->data + pos, r->len - pos);
            if (n == 0) {
                (void)bad(r, pos, "invalid UTF-8");
                return false;
            }
        } else if (c == '\\') {
            r->escaped = true;
            n = read_escape(r->data + pos, r->len - pos, &code);
            if (n == 0) {
                (void)bad(r, pos, "invalid escape in a string");
                return false;
            }
        } else {
            (void)bad(r, pos, "control character in a string");
            return false;
        }
        pos += n;
    }
    r->text = r->data + start;
    r->text_len = pos - start;
    r->pos = pos + 1;
    return true;
}

/* ---- the other tokens ---- */

static bool
is_digit_at(const struct cv_json_reader *r, size_t pos)
{
    return pos < r->len && r->data[pos] >= '0' && r->data[pos] <= '9';
}

static size_t
scan_digits(const struct cv_json_reader *r, size_t pos)
{
    while (is_digit_at(r, pos))
        pos++;
    return pos;
}

static enum cv_json_token
read_number(struct cv_json_reader *r)
{
    size_t start = r->pos;
    size_t pos = r->data[start] == '-' ? start + 1 : start;

    r->integral = true;
    if (!is_digit_at(r, pos))
        return bad(r, pos, "a digit must follow '-'");
    if (r->data[pos] == '0' && is_digit_at(r, pos + 1))
        return bad(r, pos, "a number must not begin with zeros");
    pos = scan_digits(r, pos);
    if (pos < r->len && r->data[pos] == '.') {
        r->integral = false;
        if (!is_digit_at(r, pos + 1))
            return bad(r, pos + 1, "a digit must follow the point of a number");
        pos = scan_digits(r, pos + 1);
    }
    if (pos < r->len && (r->data[pos] == 'e' || r->data[pos] == 'E')) {
        r->integral = false;
        pos++;
        if (pos < r->len && (r->data[pos] == '+' || r->data[pos] == '-'))
            pos++;
        if (!is_digit_at(r, pos))
            return bad(r, pos, "a digit must follow the exponent mark of a number");
        pos = scan_digits(r, pos);
    }
    r->text = r->data + start;
    r->text_len = pos - start;
    r->pos = pos;
    r->state = STATE_AFTER;
    return CV_JSON_NUMBER;
}

static enum cv_json_token
read_word(struct cv_json_reader *r, const char *word, enum cv_json_token token)
{
    size_t n = strlen(word);

    if (r->len - r->pos < n || memcmp(r->data + r->pos, word, n) != 0)
        return bad(r, r->pos, "a value must come here");
    r->pos += n;
    r->state = STATE_AFTER;
    return token;
}

static enum cv_json_token
open_level(struct cv_json_reader *r, bool object)
{
    uint64_t bit;

    if (r->depth == CV_JSON_DEPTH)
        return bad(r, r->pos, "nested deeper than 64 levels");
    bit = UINT64_C(1) << r->depth++;
    r->in_object = object ? r->in_object | bit : r->in_object & ~bit;
    r->pos++;
    r->state = object ? STATE_FIRST_KEY : STATE_ITEM;
    return object ? CV_JSON_OBJECT : CV_JSON_ARRAY;
}

static bool
is_in_object(const struct cv_json_reader *r)
{
    return (r->in_object >> (r->depth - 1) & 1) != 0;
}

static enum cv_json_token
close_level(struct cv_json_reader *r)
{
    bool object = is_in_object(r);

    r->depth--;
    r->pos++;
    r->state = STATE_AFTER;
    return object ? CV_JSON_OBJECT_END : CV_JSON_ARRAY_END;
}

static enum cv_json_token
read_value(struct cv_json_reader *r)
{
    if (r->pos == r->len)
        return bad(r, r->pos, "the text ends where a value must come");
    switch (r->data[r->pos]) {
    case '"':
        r->pos++;
        if (!read_string(r))
            return CV_JSON_BAD;
        r->state = STATE_AFTER;
        return CV_JSON_STRING;
    case '{':
        return open_level(r, true);
    case '[':
        return open_level(r, false);
    case 't':
        return read_word(r, "true", CV_JSON_TRUE);
    case 'f':
        return read_word(r, "false", CV_JSON_FALSE);
    case 'n':
        return read_word(r, "null", CV_JSON_NULL);
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        return read_number(r);
    default:
        return bad(r, r->pos, "a value must come here");
    }
}

/* A key and its colon; the reader stands at the opening quote, if it is one. */
static enum cv_json_token
read_key(struct cv_json_reader *r)
{
    if (r->pos == r->len || r->data[r->pos] != '"')
        return bad(r, r->pos, "a key must come here");
    r->pos++;
    if (!read_string(r))
        return CV_JSON_BAD;
    skip_space(r);
    if (r->pos == r->len || r->data[r->pos] != ':')
        return bad(r, r->pos, "':' must follow a key");
    r->pos++;
    r->state = STATE_VALUE;
    return CV_JSON_KEY;
}

static enum cv_json_token
read_after(struct cv_json_reader *r)
{
    bool object;
    char c;

    if (r->depth == 0)
        return r->pos == r->len ? CV_JSON_DONE : bad(r, r->pos, "nothing may follow the value");
    if (r->pos == r->len)
        return bad(r, r->pos, "the text ends inside an object or array");
    object = is_in_object(r);
    c = r->data[r->pos];
    if (c == (object ? '}' : ']'))
        return close_level(r);
    if (c != ',')
        return bad(r, r->pos, object ? "',' or '}' must follow" : "',' or ']' must follow");
    r->pos++;
    skip_space(r);
    return object ? read_key(r) : read_value(r);
}

enum cv_json_token
cv_json_next(struct cv_json_reader *r)
{
    if (r->state == STATE_BAD)
        return CV_JSON_BAD;
    skip_space(r);
    switch (r->state) {
    case STATE_AFTER:
        return read_after(r);
    case STATE_FIRST_KEY:
        return r->pos < r->len && r->data[r->pos] == '}' ? close_level(r) : read_key(r);
    case STATE_ITEM:
        return r->pos < r->len && r->data[r->pos] == ']' ? close_level(r) : read_value(r);
    default:
        return read_value(r);
    }
}

enum cv_json_token
cv_json_skip(struct cv_json_reader *r)
{
    int depth = r->depth;
    enum cv_json_token first = cv_json_next(r);
    size_t start;

    switch (first) {
    case CV_JSON_OBJECT:
    case CV_JSON_ARRAY:
        start = r->pos - 1;
        while (r->depth > depth)
            if (cv_json_next(r) == CV_JSON_BAD)
                return CV_JSON_BAD;
        break;
    case CV_JSON_STRING:
        start = (size_t)(r->text - r->data) - 1;
        break;
    case CV_JSON_TRUE:
    case CV_JSON_NULL:
        start = r->pos - 4;
        break;
    case CV_JSON_FALSE:
        start = r->pos - 5;
        break;
    default: /* a number is its own span; the others are no values */
        return first;
    }
    r->text = r->data + start;
    r->text_len = r->pos - start;
    return first;
}

/* ---- the text of a token ---- */

bool
cv_json_text_is(const struct cv_json_reader *r, const char *utf8)
{
    size_t len = strlen(utf8);
    size_t i = 0;

    if (!r->escaped)
        return r->text_len == len && memcmp(r->text, utf8, len) == 0;
    while (i < r->text_len) {
        char decoded[4] = { r->text[i] };
        size_t n = 1;
        uint32_t code;

        if (r->text[i] == '\\') {
            i += read_escape(r->text + i, r->text_len - i, &code);
            n = cv_utf8_encode(code, decoded);
        } else {
            i++;
        }
        if (len < n || memcmp(utf8, decoded, n) != 0)
            return false;
        utf8 += n;
        len -= n;
    }
    return len == 0;
}

void
cv_json_text(const struct cv_json_reader *r, struct cv_buf *out)
{
    const char *text = r->text;
    size_t left = r->text_len;

    while (left > 0) {
        const char *slash = r->escaped ? memchr(text, '\\', left) : NULL;
        size_t plain = slash == NULL ? left : (size_t)(slash - text);
        char decoded[4];
        uint32_t code;
        size_t n;

        cv_buf_add(out, text, plain);
        text += plain;
        left -= plain;
        if (slash == NULL)
            break;
        n = read_escape(text, left, &code);
        cv_buf_add(out, decoded, cv_utf8_encode(code, decoded));
        text += n;
        left -= n;
    }
}

bool
cv_json_int64(const struct cv_json_reader *r, int64_t *ret)
{
    return r->integral && cv_parse_i64(r->text, r->text_len, ret);
}

bool
cv_json_number(const struct cv_json_reader *r, double *ret)
{
    double v;

    if (!cv_parse_double(r->text, r->text_len, &v) || !isfinite(v))
        return false;
    *ret = v;
    return true;
}

enum cv_rc
cv_json_fail(const struct cv_json_reader *r, struct cv_err *err)
{
    size_t line = 1;
    size_t column = 1;

    for (size_t i = 0; i < r->pos && i < r->len; i++) {
        if (r->data[i] == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)r->data[i] & 0xc0) != 0x80) { /* characters, not bytes */
            column++;
        }
    }
    return cv_fail(err, CV_INVALID, "malformed JSON at line %zu, column %zu: %s", line, column,
                   r->problem == NULL ? "unexpected value" : r->problem);
}
