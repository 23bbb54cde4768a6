/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decimals between text and the unscaled two's complement bytes of Connect's Decimal
 * (java.math.BigDecimal, BigInteger.toByteArray). A text whose unscaled value fits in 64 bits,
 * which is every amount of a shop, takes no memory and no division. Longer ones are converted limb
 * by limb: quadratic, but in steps of 19 digits against 64 bits, so the longest numeric that
 * PostgreSQL has (147,455 digits) takes well below a second.
 */
#include "common/number.h"

#include <stdlib.h>
#include <string.h>

#define BYTES_MAX    (CV_DECIMAL_DIGITS * 10 / 24) /* log2(10) / 8 is 0.4152 */
#define CHUNK_DIGITS 19
#define BILLION      1000000000U
#define EXPONENT_MAX 1000000000
#define QUOTED_MAX   40 /* characters of a bad text that go into a message */

/* A decimal text taken apart: digits without point are those of two spans. */
struct parts {
    bool minus;
    const char *whole;
    size_t whole_len;
    const char *fraction;
    size_t fraction_len;
    int64_t exponent;
};

/* All significant digits as one run, and what to append to them for the scale. */
struct digits {
    const struct parts *parts;
    size_t skip;  /* zeros in front that do not count */
    size_t count; /* digits of the text that count, from skip on */
    size_t zeros; /* zeros to append */
};

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t
span_digits(const char *text, size_t len)
{
    size_t n = 0;

    while (n < len && is_digit(text[n]))
        n++;
    return n;
}

static enum cv_rc
fail_text(struct cv_err *err, const char *text, size_t len, const char *why)
{
    return cv_fail(err, CV_INVALID, "decimal \"%.*s%s\": %s",
                   (int)(len < QUOTED_MAX ? len : QUOTED_MAX), text, len > QUOTED_MAX ? "..." : "",
                   why);
}

/* The exponent behind 'e'; false if it is none. Beyond EXPONENT_MAX it stays there. */
static bool
parse_exponent(const char *text, size_t len, int64_t *ret)
{
    bool minus = len > 0 && text[0] == '-';
    size_t i = len > 0 && (text[0] == '-' || text[0] == '+') ? 1 : 0;
    int64_t v = 0;

    if (i == len)
        return false;
    for (; i < len; i++) {
        if (!is_digit(text[i]))
            return false;
        if (v < EXPONENT_MAX)
            v = v * 10 + (text[i] - '0');
    }
    if (v > EXPONENT_MAX)
        v = EXPONENT_MAX;
    *ret = minus ? -v : v;
    return true;
}

static enum cv_rc
parse_parts(const char *text, size_t len, struct parts *ret, struct cv_err *err)
{
    struct parts parts = { .minus = len > 0 && text[0] == '-' };
    size_t i = len > 0 && (text[0] == '-' || text[0] == '+') ? 1 : 0;

    parts.whole = text + i;
    parts.whole_len = span_digits(text + i, len - i);
    i += parts.whole_len;
    parts.fraction = text + i;
    if (i < len && text[i] == '.') {
        parts.fraction = text + i + 1;
        parts.fraction_len = span_digits(text + i + 1, len - i - 1);
        i += 1 + parts.fraction_len;
    }
    if (parts.whole_len + parts.fraction_len == 0)
        return fail_text(err, text, len, "not a number");
    if (i < len && (text[i] == 'e' || text[i] == 'E')) {
        if (!parse_exponent(text + i + 1, len - i - 1, &parts.exponent))
            return fail_text(err, text, len, "not a number");
        i = len;
    }
    if (i != len)
        return fail_text(err, text, len, "not a number");
    *ret = parts;
    return CV_OK;
}

/* ---- two's complement ---- */

/* Append the shortest big-endian two's complement of a magnitude of len bytes, most significant
 * first. */
static void
put_bytes(const unsigned char *magnitude, size_t len, bool minus, struct cv_buf *out)
{
    bool power = true; /* of the form 80 00 00..: fits its own length if negative */
    char *room;
    bool carry = true;
    size_t lead;

    while (len > 0 && magnitude[0] == 0) {
        magnitude++;
        len--;
    }
    for (size_t i = 0; i < len; i++)
        power = power && magnitude[i] == (i == 0 ? 0x80 : 0);
    lead = len == 0 || (magnitude[0] >= 0x80 && !(minus && power)) ? 1 : 0;
    room = cv_buf_reserve(out, lead + len);
    if (room == NULL)
        return;
    if (lead > 0)
        room[0] = minus && len > 0 ? (char)0xff : 0;
    for (size_t i = len; i-- > 0;) {
        unsigned byte = magnitude[i];

        if (minus) {
            byte = (~byte & 0xff) + carry;
            carry = byte > 0xff;
        }
        room[lead + i] = (char)byte;
    }
    cv_buf_used(out, lead + len);
}

static void
put_u64(uint64_t v, bool minus, struct cv_buf *out)
{
    unsigned char bytes[8];

    for (int i = 7; i >= 0; i--, v >>= 8)
        bytes[i] = (unsigned char)v;
    put_bytes(bytes, sizeof(bytes), minus, out);
}

/* ---- text to bytes ---- */

/* Digit i of the run of both spans and the appended zeros. */
static unsigned
digit_at(const struct digits *run, size_t i)
{
    const struct parts *parts = run->parts;

    if (i >= run->count)
        return 0;
    i += run->skip;
    return (
        unsigned)((i < parts->whole_len ? parts->whole[i] : parts->fraction[i - parts->whole_len]) -
                  '0');
}

/* Which digits make up the unscaled value at that scale. */
static enum cv_rc
run_of(const struct parts *parts, const char *text, size_t len, int32_t scale, struct digits *ret,
       struct cv_err *err)
{
    struct digits run = { .parts = parts, .count = parts->whole_len + parts->fraction_len };
    int64_t shift = (int64_t)scale + parts->exponent - (int64_t)parts->fraction_len;
    size_t end = run.count;

    while (run.skip < end && digit_at(&run, 0) == 0) {
        run.skip++;
        run.count--;
    }
    if (run.count == 0)
        shift = 0;
    for (; shift < 0; shift++) {
        if (run.count == 0 || digit_at(&run, run.count - 1) != 0)
            return fail_text(err, text, len, "has more decimals than its scale");
        run.count--;
    }
    if (shift > CV_DECIMAL_DIGITS || run.count + (size_t)shift > CV_DECIMAL_DIGITS)
        return fail_text(err, text, len, "has too many digits");
    run.zeros = (size_t)shift;
    *ret = run;
    return CV_OK;
}

/* Multiply the number of n limbs, least significant first, by a factor and add; returns the new n.
 */
static size_t
multiply_add(uint64_t *limbs, size_t n, uint64_t factor, uint64_t add)
{
    for (size_t i = 0; i < n; i++) {
        unsigned __int128 wide = (unsigned __int128)limbs[i] * factor + add;

        limbs[i] = (uint64_t)wide;
        add = (uint64_t)(wide >> 64);
    }
    if (add > 0)
        limbs[n++] = add;
    return n;
}

static enum cv_rc
put_long(const struct digits *run, struct cv_buf *out, struct cv_err *err)
{
    size_t total = run->count + run->zeros;
    size_t max = total / CHUNK_DIGITS + 2;
    uint64_t *limbs = calloc(max, sizeof(*limbs));
    unsigned char *bytes = malloc(max * sizeof(*limbs));
    size_t n = 0;
    enum cv_rc rc = CV_OK;

    if (limbs == NULL || bytes == NULL) {
        rc = cv_fail_memory(err);
        goto out;
    }
    for (size_t i = 0; i < total;) {
        uint64_t chunk = 0;
        uint64_t factor = 1;

        for (size_t j = 0; j < CHUNK_DIGITS && i < total; j++, i++) {
            chunk = chunk * 10 + digit_at(run, i);
            factor *= 10;
        }
        n = multiply_add(limbs, n, factor, chunk);
    }
    for (size_t i = 0; i < n * 8; i++)
        bytes[i] = (unsigned char)(limbs[n - 1 - i / 8] >> (56 - i % 8 * 8));
    put_bytes(bytes, n * 8, run->parts->minus, out);
    rc = cv_buf_check(out, err);
out:
    free(limbs);
    free(bytes);
    return rc;
}

/*
 * The common case in one pass: sign, digits, a fraction not longer than the scale, 18 digits at
 * most with those that the scale appends. False: take the long way, which also finds out what is
 * wrong.
 */
static bool
put_short(const char *text, size_t len, int32_t scale, struct cv_buf *out)
{
    bool minus = len > 0 && text[0] == '-';
    size_t i = minus;
    uint64_t v = 0;
    int32_t missing = scale;
    bool point = false;

    if (len - i > CHUNK_DIGITS || i == len || !is_digit(text[i]) || scale < 0 || scale > 18)
        return false;
    for (; i < len; i++) {
        if (text[i] == '.' && !point) {
            point = true;
            continue;
        }
        if (!is_digit(text[i]) || (point && missing-- == 0))
            return false;
        v = v * 10 + (uint64_t)(text[i] - '0');
    }
    for (; missing > 0; missing--)
        if (__builtin_mul_overflow(v, 10, &v))
            return false;
    put_u64(v, minus, out);
    return true;
}

enum cv_rc
cv_decimal_unscaled(const char *text, size_t len, int32_t scale, struct cv_buf *out,
                    struct cv_err *err)
{
    struct parts parts;
    struct digits run = { .parts = NULL };
    enum cv_rc rc;

    if (put_short(text, len, scale, out))
        return cv_buf_check(out, err);
    rc = parse_parts(text, len, &parts, err);
    if (rc == CV_OK)
        rc = run_of(&parts, text, len, scale, &run, err);
    if (rc == CV_OK)
        rc = put_long(&run, out, err);
    return rc;
}

enum cv_rc
cv_decimal_scale(const char *text, size_t len, int32_t *ret, struct cv_err *err)
{
    struct parts parts;
    int64_t scale;
    enum cv_rc rc = parse_parts(text, len, &parts, err);

    if (rc != CV_OK)
        return rc;
    scale = (int64_t)parts.fraction_len - parts.exponent;
    if (scale > EXPONENT_MAX || scale < -EXPONENT_MAX)
        return fail_text(err, text, len, "has too large an exponent");
    *ret = (int32_t)scale;
    return CV_OK;
}

/* ---- bytes to text ---- */

/* The magnitude as 32-bit limbs, least significant first; returns how many count. */
static size_t
read_limbs(const unsigned char *bytes, size_t len, uint32_t *limbs)
{
    bool minus = (bytes[0] & 0x80) != 0;
    unsigned carry = 1;
    size_t n = (len + 3) / 4;

    memset(limbs, 0, n * sizeof(*limbs));
    for (size_t i = 0; i < len; i++) {
        unsigned byte = bytes[len - 1 - i];

        if (minus) {
            byte = (~byte & 0xff) + carry;
            carry = byte >> 8;
            byte &= 0xff;
        }
        limbs[i / 4] |= (uint32_t)byte << (i % 4 * 8);
    }
    while (n > 0 && limbs[n - 1] == 0)
        n--;
    return n;
}

static uint32_t
divide_by_billion(uint32_t *limbs, size_t n)
{
    uint64_t rest = 0;

    for (size_t i = n; i-- > 0;) {
        uint64_t wide = rest << 32 | limbs[i];

        limbs[i] = (uint32_t)(wide / BILLION);
        rest = wide % BILLION;
    }
    return (uint32_t)rest;
}

/* Write the digits of the number in front of end; returns their start. Zero is one digit. */
static char *
print_limbs(uint32_t *limbs, size_t n, char *end)
{
    char *p = end;

    while (n > 0) {
        uint32_t chunk = divide_by_billion(limbs, n);

        while (n > 0 && limbs[n - 1] == 0)
            n--;
        for (int i = 0; i < 9 && (n > 0 || chunk > 0); i++, chunk /= 10)
            *--p = (char)('0' + chunk % 10);
    }
    if (p == end)
        *--p = '0';
    return p;
}

static void
put_zeros(struct cv_buf *out, int64_t n)
{
    char *room = n > 0 ? cv_buf_reserve(out, (size_t)n) : NULL;

    if (room == NULL)
        return;
    memset(room, '0', (size_t)n);
    cv_buf_used(out, (size_t)n);
}

/* Digits with a point scale digits from the right, scale above 0. */
static void
put_point(const char *digits, size_t len, int32_t scale, struct cv_buf *out)
{
    size_t whole = len > (size_t)scale ? len - (size_t)scale : 0;

    if (whole == 0)
        cv_buf_char(out, '0');
    cv_buf_add(out, digits, whole);
    cv_buf_char(out, '.');
    put_zeros(out, (int64_t)scale - (int64_t)(len - whole));
    cv_buf_add(out, digits + whole, len - whole);
}

static void
put_plain(const char *digits, size_t len, int32_t scale, struct cv_buf *out)
{
    if (scale > 0) {
        put_point(digits, len, scale, out);
        return;
    }
    cv_buf_add(out, digits, len);
    if (digits[0] != '0')
        put_zeros(out, -(int64_t)scale);
}

/* BigDecimal.toString: with an exponent if the scale is negative or more than six zeros would lead.
 */
static void
put_scientific(const char *digits, size_t len, int32_t scale, struct cv_buf *out)
{
    int64_t exponent = (int64_t)len - 1 - scale;

    if (scale >= 0 && exponent >= -6) {
        put_plain(digits, len, scale, out);
        return;
    }
    cv_buf_char(out, digits[0]);
    if (len > 1) {
        cv_buf_char(out, '.');
        cv_buf_add(out, digits + 1, len - 1);
    }
    if (exponent != 0) {
        cv_buf_str(out, exponent > 0 ? "E+" : "E");
        cv_buf_i64(out, exponent);
    }
}

enum cv_rc
cv_decimal_format(const void *unscaled, size_t len, int32_t scale, bool plain, struct cv_buf *out,
                  struct cv_err *err)
{
    const unsigned char *bytes = unscaled;
    uint32_t small_limbs[8];
    char small_digits[80];
    uint32_t *limbs = small_limbs;
    char *digits = small_digits;
    size_t max = len / 2 * 5 + 5; /* digits of len bytes: 2.41 each */
    char *start;
    enum cv_rc rc = CV_OK;

    if (len == 0)
        return cv_fail(err, CV_INVALID, "decimal of no bytes");
    if (len > BYTES_MAX)
        return cv_fail(err, CV_INVALID, "decimal of %zu bytes: more than %d digits", len,
                       CV_DECIMAL_DIGITS);
    if (plain && (scale > CV_DECIMAL_DIGITS || scale < -CV_DECIMAL_DIGITS))
        return cv_fail(err, CV_INVALID, "decimal of scale %d: more than %d digits", (int)scale,
                       CV_DECIMAL_DIGITS);
    if (len > sizeof(small_limbs)) {
        limbs = malloc((len + 3) / 4 * sizeof(*limbs));
        digits = malloc(max);
    } else {
        max = sizeof(small_digits);
    }
    if (limbs == NULL || digits == NULL) {
        rc = cv_fail_memory(err);
        goto out;
    }
    start = print_limbs(limbs, read_limbs(bytes, len, limbs), digits + max);
    if ((bytes[0] & 0x80) != 0)
        cv_buf_char(out, '-');
    if (plain)
        put_plain(start, (size_t)(digits + max - start), scale, out);
    else
        put_scientific(start, (size_t)(digits + max - start), scale, out);
    rc = cv_buf_check(out, err);
out:
    if (limbs != small_limbs)
        free(limbs);
    if (digits != small_digits)
        free(digits);
    return rc;
}
