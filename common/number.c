/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Integers and floating point as Java reads and prints them (Long.parseLong, Double.parseDouble;
 * Double and Float.toString of Java 19 and later: the shortest decimal that reads back as the same
 * number, the one closest to it if there are several, and of two digits where one would do).
 *
 * Printing first tries what business data is made of, decimals of at most 15 digits (6 for float):
 * such a decimal n / 10^k with both exact in the type reads back as the correctly rounded quotient,
 * and no two of them read as the same number, so the first k that gives v back has found the
 * shortest. The rest goes through the C library, which rounds correctly, with as few digits as read
 * back. The decimal point is that of the C locale: no program here calls setlocale.
 */
#include "common/number.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXACT_POWERS 23 /* 10^22 is the last power of ten that a double holds exactly */

static const double pow10_double[EXACT_POWERS] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

static const float pow10_float[] = { 1e0F, 1e1F, 1e2F, 1e3F, 1e4F, 1e5F,
                                     1e6F, 1e7F, 1e8F, 1e9F, 1e10F };

/* digits[0].digits[1..] * 10^exponent */
struct decimal {
    char digits[20];
    int count;
    int exponent;
};

/* ---- integers ---- */

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool
cv_parse_u64(const char *text, size_t len, uint64_t *ret)
{
    uint64_t v = 0;
    size_t i = len > 0 && text[0] == '+' ? 1 : 0;

    if (i == len)
        return false;
    for (; i < len; i++) {
        if (!is_digit(text[i]))
            return false;
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, text[i] - '0', &v))
            return false;
    }
    *ret = v;
    return true;
}

bool
cv_parse_i64(const char *text, size_t len, int64_t *ret)
{
    bool minus = len > 0 && text[0] == '-';
    uint64_t v;

    if (minus && (len < 2 || !is_digit(text[1])))
        return false;
    if (!cv_parse_u64(text + minus, len - minus, &v))
        return false;
    if (v > (uint64_t)INT64_MAX + minus)
        return false;
    *ret = (int64_t)(minus ? 0 - v : v);
    return true;
}

/* ---- reading floating point ---- */

/* What the grammar check of a floating point text found. */
struct scan {
    uint64_t digits; /* the value of the first digits, meaningful up to 15 of them */
    size_t count;    /* significant digits */
    int scale;       /* power of ten behind digits, without the exponent */
    int exponent;
};

static size_t
scan_digits(const char *text, size_t len, size_t i, struct scan *scan, bool fraction)
{
    for (; i < len && is_digit(text[i]); i++) {
        if (scan->count > 0 || text[i] != '0') {
            if (scan->count < 18)
                scan->digits = scan->digits * 10 + (uint64_t)(text[i] - '0');
            scan->count++;
        }
        if (fraction && scan->scale > -100000)
            scan->scale--;
    }
    return i;
}

/* [0-9]* [. [0-9]*] [e [+-] [0-9]+] with a digit in front of the exponent */
static bool
scan_decimal(const char *text, size_t len, struct scan *scan)
{
    size_t whole = scan_digits(text, len, 0, scan, false);
    size_t i = whole;
    bool some = whole > 0;

    if (i < len && text[i] == '.') {
        i = scan_digits(text, len, whole + 1, scan, true);
        some = some || i > whole + 1;
    }
    if (!some)
        return false;
    if (i < len && (text[i] == 'e' || text[i] == 'E')) {
        bool minus = i + 1 < len && text[i + 1] == '-';

        i += minus || (i + 1 < len && text[i + 1] == '+') ? 2 : 1;
        if (i == len)
            return false;
        for (; i < len && is_digit(text[i]); i++)
            if (scan->exponent < 100000)
                scan->exponent = scan->exponent * 10 + (text[i] - '0');
        if (minus)
            scan->exponent = -scan->exponent;
    }
    return i == len;
}

/* By the C library, which wants a NUL behind the text. */
static bool
parse_slow(const char *text, size_t len, double *ret)
{
    char small[64];
    char *copy = small;

    if (len >= sizeof(small)) {
        copy = malloc(len + 1);
        if (copy == NULL)
            return false;
    }
    memcpy(copy, text, len);
    copy[len] = '\0';
    *ret = strtod(copy, NULL);
    if (copy != small)
        free(copy);
    return true;
}

bool
cv_parse_double(const char *text, size_t len, double *ret)
{
    struct scan scan = { .digits = 0 };
    bool minus = len > 0 && text[0] == '-';
    double v;
    int power;

    if (len > 0 && (text[0] == '-' || text[0] == '+')) {
        text++;
        len--;
    }
    if (len == 3 && memcmp(text, "NaN", 3) == 0) {
        v = NAN;
    } else if (len == 8 && memcmp(text, "Infinity", 8) == 0) {
        v = INFINITY;
    } else if (!scan_decimal(text, len, &scan)) {
        return false;
    } else {
        power = scan.scale + scan.exponent;
        if (scan.count <= 15 && power >= -22 && power <= 22) /* both exact, so one rounding */
            v = power < 0 ? (double)scan.digits / pow10_double[-power]
                          : (double)scan.digits * pow10_double[power];
        else if (!parse_slow(text, len, &v))
            return false;
    }
    *ret = minus ? -v : v;
    return true;
}

/* ---- printing floating point ---- */

static void
strip_zeros(struct decimal *dec)
{
    while (dec->count > 1 && dec->digits[dec->count - 1] == '0')
        dec->count--;
}

/* n * 10^-k, n above 0 */
static void
decimal_of_integer(uint64_t n, int k, struct decimal *ret)
{
    char reversed[20];
    int count = 0;

    for (; n > 0; n /= 10)
        reversed[count++] = (char)('0' + n % 10);
    for (int i = 0; i < count; i++)
        ret->digits[i] = reversed[count - 1 - i];
    ret->count = count;
    ret->exponent = count - 1 - k;
    strip_zeros(ret);
}

/* Digits and exponent of "d.ddde+xx" as printf makes it. */
static void
decimal_of_text(const char *text, struct decimal *ret)
{
    ret->count = 0;
    for (; *text != 'e'; text++)
        if (is_digit(*text))
            ret->digits[ret->count++] = *text;
    ret->exponent = (int)strtol(text + 1, NULL, 10);
}

/* Add one to the last digit. */
static void
decimal_increment(struct decimal *dec)
{
    int i = dec->count - 1;

    while (i >= 0 && dec->digits[i] == '9')
        dec->digits[i--] = '0';
    if (i >= 0) {
        dec->digits[i]++;
    } else {
        dec->digits[0] = '1';
        dec->exponent++;
    }
}

static double
read_back(const struct decimal *dec, bool single)
{
    char text[40];

    (void)snprintf(text, sizeof(text), "%.*se%d", dec->count, dec->digits,
                   dec->exponent - (dec->count - 1));
    return single ? (double)strtof(text, NULL) : strtod(text, NULL);
}

/*
 * The shortest of lengths min to max. Below a power of two numbers lie twice as dense as above it:
 * there the nearest decimal, below v, may read as another number while the next one above v reads
 * as v.
 */
static void
shortest(double v, bool single, int min, int max, struct decimal *ret)
{
    char text[40];
    int binary;
    bool power_of_two = frexp(v, &binary) == 0.5;

    for (int n = min; n <= max; n++) {
        (void)snprintf(text, sizeof(text), "%.*e", n - 1, v);
        decimal_of_text(text, ret);
        if (n == max || read_back(ret, single) == v)
            break;
        if (power_of_two) {
            decimal_increment(ret);
            if (read_back(ret, single) == v)
                break;
        }
    }
    strip_zeros(ret);
}

static void
shortest_double(double v, struct decimal *ret)
{
    if (v < 9007199254740992.0 && v == (double)(int64_t)v) {
        decimal_of_integer((uint64_t)v, 0, ret);
        return;
    }
    for (int k = 1; v >= 1e-7 && k < EXACT_POWERS; k++) {
        double scaled = v * pow10_double[k];
        int64_t n;

        if (scaled >= 1e15 - 1)
            break;
        n = (int64_t)(scaled + 0.5);
        if ((double)n / pow10_double[k] == v) {
            decimal_of_integer((uint64_t)n, k, ret);
            return;
        }
    }
    shortest(v, false, v < DBL_MIN ? 2 : 15, 17, ret);
}

static void
shortest_float(float v, struct decimal *ret)
{
    if (v < 16777216.0F && v == (float)(int32_t)v) {
        decimal_of_integer((uint64_t)v, 0, ret);
        return;
    }
    for (size_t k = 1; k < CV_COUNT(pow10_float); k++) {
        double scaled = (double)v * pow10_double[k];
        int32_t n;

        if (scaled >= 1e6 - 1)
            break;
        n = (int32_t)(scaled + 0.5);
        if ((float)n / pow10_float[k] == v) {
            decimal_of_integer((uint64_t)n, (int)k, ret);
            return;
        }
    }
    shortest((double)v, true, v < FLT_MIN ? 2 : 6, 9, ret);
}

/* Plain from 10^-3 up to below 10^7, else with an exponent; always a digit on both sides of the
 * point. */
static size_t
print(const struct decimal *dec, char *out)
{
    char *p = out;
    int i = 0;

    if (dec->exponent >= 7 || dec->exponent < -3) {
        *p++ = dec->digits[i++];
        *p++ = '.';
        if (dec->count == 1)
            *p++ = '0';
        while (i < dec->count)
            *p++ = dec->digits[i++];
        return (size_t)(p - out) + (size_t)sprintf(p, "E%d", dec->exponent);
    }
    if (dec->exponent < 0) {
        *p++ = '0';
        *p++ = '.';
        for (int zero = -1; zero > dec->exponent; zero--)
            *p++ = '0';
    } else {
        for (; i <= dec->exponent; i++)
            *p++ = i < dec->count ? dec->digits[i] : '0';
        *p++ = '.';
        if (i >= dec->count)
            *p++ = '0';
    }
    while (i < dec->count)
        *p++ = dec->digits[i++];
    *p = '\0';
    return (size_t)(p - out);
}

/* What needs no digits: 0 if there are some to find. */
static size_t
print_special(double v, char *out)
{
    const char *text = isnan(v)   ? "NaN"
                       : isinf(v) ? (v < 0 ? "-Infinity" : "Infinity")
                       : v == 0   ? (signbit(v) ? "-0.0" : "0.0")
                                  : "";
    size_t len = strlen(text);

    memcpy(out, text, len + 1);
    return len;
}

size_t
cv_format_double(double v, char out[CV_DOUBLE_MAX])
{
    struct decimal dec;
    size_t len = print_special(v, out);

    if (len > 0)
        return len;
    if (v < 0)
        out[len++] = '-';
    shortest_double(fabs(v), &dec);
    return len + print(&dec, out + len);
}

size_t
cv_format_float(float v, char out[CV_DOUBLE_MAX])
{
    struct decimal dec;
    size_t len = print_special((double)v, out);

    if (len > 0)
        return len;
    if (v < 0)
        out[len++] = '-';
    shortest_float(fabsf(v), &dec);
    return len + print(&dec, out + len);
}
