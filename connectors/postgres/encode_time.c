/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dates, times and intervals.
 *
 * The calendar is proleptic Gregorian throughout, as PostgreSQL's is. Years run beyond four digits and,
 * with " BC" behind the text, below 1: 1 BC is year 0.
 */
#include "connectors/postgres/encode_time.h"

#include <string.h>

#define US_PER_SECOND INT64_C(1000000)
#define US_PER_DAY    INT64_C(86400000000)

struct cursor {
    const char *p;
    const char *end;
};

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* One to max digits. */
static bool
take_number(struct cursor *cur, int max, int64_t *ret)
{
    int64_t v = 0;
    int n = 0;

    while (cur->p < cur->end && is_digit(*cur->p) && n < max) {
        v = v * 10 + (*cur->p++ - '0');
        n++;
    }
    *ret = v;
    return n > 0;
}

static bool
take_char(struct cursor *cur, char c)
{
    if (cur->p == cur->end || *cur->p != c)
        return false;
    cur->p++;
    return true;
}

/* The era arithmetic holds for any year. */
int64_t
time_days_from_civil(int64_t year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

    return era * 146097 + doe - 719468;
}

static void
civil_from_days(int64_t days, int64_t *year, int *month, int *day)
{
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;

    *day = (int)(doy - (153 * mp + 2) / 5 + 1);
    *month = (int)(mp < 10 ? mp + 3 : mp - 9);
    *year = yoe + era * 400 + (*month <= 2 ? 1 : 0);
}

static bool
is_text(const char *text, size_t len, const char *word)
{
    return len == strlen(word) && memcmp(text, word, len) == 0;
}

static bool
take_special(const char *text, size_t len, struct time_parts *ret)
{
    if (is_text(text, len, "infinity"))
        ret->special = TIME_INFINITY;
    else if (is_text(text, len, "-infinity"))
        ret->special = TIME_MINUS_INFINITY;
    else
        return false;
    return true;
}

/* Cut " BC" off the end. */
static bool
take_bc(struct cursor *cur)
{
    if (cur->end - cur->p < 3 || memcmp(cur->end - 3, " BC", 3) != 0)
        return false;
    cur->end -= 3;
    return true;
}

static bool
take_date(struct cursor *cur, bool bc, int64_t *ret_days)
{
    int64_t year, month, day;

    if (!take_number(cur, 9, &year) || !take_char(cur, '-') || !take_number(cur, 2, &month) ||
        !take_char(cur, '-') || !take_number(cur, 2, &day))
        return false;
    if (month < 1 || month > 12 || day < 1 || day > 31)
        return false;
    *ret_days = time_days_from_civil(bc ? 1 - year : year, (int)month, (int)day);
    return true;
}

static bool
take_time(struct cursor *cur, int64_t *ret_us)
{
    int64_t h, m, s, us = 0;

    if (!take_number(cur, 2, &h) || !take_char(cur, ':') || !take_number(cur, 2, &m) ||
        !take_char(cur, ':') || !take_number(cur, 2, &s) || h > 24 || m > 59 || s > 60)
        return false;
    if (take_char(cur, '.')) {
        int64_t unit = US_PER_SECOND / 10;

        if (cur->p == cur->end || !is_digit(*cur->p))
            return false;
        for (; cur->p < cur->end && is_digit(*cur->p); cur->p++, unit /= 10)
            us += (*cur->p - '0') * unit;
    }
    *ret_us = ((h * 60 + m) * 60 + s) * US_PER_SECOND + us;
    return true;
}

/* "+00", "-03:30", "+15:59:59" */
static bool
take_zone(struct cursor *cur, int32_t *ret_s)
{
    int64_t h, m = 0, s = 0;
    bool minus;

    if (cur->p == cur->end || (*cur->p != '+' && *cur->p != '-'))
        return false;
    minus = *cur->p++ == '-';
    if (!take_number(cur, 2, &h))
        return false;
    if (take_char(cur, ':') && !take_number(cur, 2, &m))
        return false;
    if (take_char(cur, ':') && !take_number(cur, 2, &s))
        return false;
    s += (h * 60 + m) * 60;
    *ret_s = (int32_t)(minus ? -s : s);
    return true;
}

bool
time_parse_date(const char *text, size_t len, struct time_parts *ret)
{
    struct cursor cur = { text, text + len };
    bool bc;

    *ret = (struct time_parts){ 0 };
    if (take_special(text, len, ret))
        return true;
    bc = take_bc(&cur);
    return take_date(&cur, bc, &ret->days) && cur.p == cur.end;
}

bool
time_parse_time(const char *text, size_t len, bool zone, struct time_parts *ret)
{
    struct cursor cur = { text, text + len };

    *ret = (struct time_parts){ 0 };
    return take_time(&cur, &ret->us_of_day) && (!zone || take_zone(&cur, &ret->zone_s)) &&
           cur.p == cur.end;
}

bool
time_parse_timestamp(const char *text, size_t len, bool zone, struct time_parts *ret)
{
    struct cursor cur = { text, text + len };
    bool bc;

    *ret = (struct time_parts){ 0 };
    if (take_special(text, len, ret))
        return true;
    bc = take_bc(&cur);
    return take_date(&cur, bc, &ret->days) && take_char(&cur, ' ') &&
           take_time(&cur, &ret->us_of_day) && (!zone || take_zone(&cur, &ret->zone_s)) &&
           cur.p == cur.end;
}

/* Seconds since 1970 of a timestamp in UTC. */
static int64_t
epoch_seconds(const struct time_parts *parts)
{
    return parts->days * (US_PER_DAY / US_PER_SECOND) + parts->us_of_day / US_PER_SECOND - parts->zone_s;
}

int64_t
time_epoch_ms(const struct time_parts *parts)
{
    return (int64_t)((uint64_t)epoch_seconds(parts) * 1000 + (uint64_t)(parts->us_of_day % US_PER_SECOND / 1000));
}

/* The seconds stay at the ends of 64 bits, the fraction goes beyond them. */
int64_t
time_epoch_us(const struct time_parts *parts)
{
    int64_t seconds = epoch_seconds(parts), us;

    if (__builtin_mul_overflow(seconds, US_PER_SECOND, &us))
        us = seconds < 0 ? INT64_MIN : INT64_MAX;
    return (int64_t)((uint64_t)us + (uint64_t)(parts->us_of_day % US_PER_SECOND));
}

int64_t
time_epoch_ns(const struct time_parts *parts)
{
    return (int64_t)((uint64_t)epoch_seconds(parts) * (uint64_t)(US_PER_SECOND * 1000) +
                     (uint64_t)(parts->us_of_day % US_PER_SECOND * 1000));
}

static char *
write_2(int v, char *out)
{
    *out++ = (char)('0' + v / 10);
    *out++ = (char)('0' + v % 10);
    return out;
}

char *
time_write_date(int64_t days, char *out)
{
    char digits[20];
    int64_t year, abs_year;
    int month, day, n = 0;

    civil_from_days(days, &year, &month, &day);
    abs_year = year < 0 ? -year : year;
    if (year < 0)
        *out++ = '-';
    else if (year > 9999)
        *out++ = '+';
    for (; n < 4 || abs_year > 0; abs_year /= 10)
        digits[n++] = (char)('0' + abs_year % 10);
    while (n > 0)
        *out++ = digits[--n];
    *out++ = '-';
    out = write_2(month, out);
    *out++ = '-';
    return write_2(day, out);
}

char *
time_write_time(int64_t us_of_day, int digits, char *out)
{
    int64_t s = us_of_day / US_PER_SECOND, us = us_of_day % US_PER_SECOND;
    int64_t unit = US_PER_SECOND / 10;

    out = write_2((int)(s / 3600), out);
    *out++ = ':';
    out = write_2((int)(s / 60 % 60), out);
    *out++ = ':';
    out = write_2((int)(s % 60), out);
    if (digits == 0 || (digits < 0 && us == 0))
        return out;
    *out++ = '.';
    for (int i = 0; digits < 0 ? us > 0 : i < digits; i++, unit /= 10) {
        *out++ = (char)('0' + (unit > 0 ? us / unit : 0));
        us = unit > 0 ? us % unit : 0;
    }
    return out;
}

/* A signed number and what follows it: "-3 days ", "04:05:06.78". */
static bool
take_interval_part(struct cursor *cur, struct time_interval *interval)
{
    bool minus = false;
    int64_t v, us;
    const char *word;
    size_t n;

    if (take_char(cur, '-'))
        minus = true;
    else
        take_char(cur, '+');
    if (!take_number(cur, 11, &v))
        return false;
    if (take_char(cur, ':')) { /* the time part: hours may have more than two digits */
        struct cursor rest = { cur->p - 1, cur->end };
        char buf[32] = "00";
        size_t left = (size_t)(rest.end - rest.p);

        if (left > sizeof(buf) - 3)
            return false;
        memcpy(buf + 2, rest.p, left);
        struct cursor time = { buf, buf + 2 + left };

        if (!take_time(&time, &us) || time.p != time.end)
            return false;
        if (v > INT64_MAX / (3600 * US_PER_SECOND) - 1)
            return false;
        us += v * 3600 * US_PER_SECOND;
        interval->us = minus ? -us : us;
        cur->p = cur->end;
        return true;
    }
    if (!take_char(cur, ' '))
        return false;
    word = cur->p;
    while (cur->p < cur->end && *cur->p != ' ')
        cur->p++;
    n = (size_t)(cur->p - word);
    take_char(cur, ' ');
    if (minus)
        v = -v;
    if (is_text(word, n, "year") || is_text(word, n, "years"))
        interval->months += v * 12;
    else if (is_text(word, n, "mon") || is_text(word, n, "mons"))
        interval->months += v;
    else if (is_text(word, n, "day") || is_text(word, n, "days"))
        interval->days = v;
    else
        return false;
    return true;
}

bool
time_parse_interval(const char *text, size_t len, struct time_interval *ret)
{
    struct cursor cur = { text, text + len };

    *ret = (struct time_interval){ 0 };
    if (len == 0)
        return false;
    while (cur.p < cur.end)
        if (!take_interval_part(&cur, ret))
            return false;
    return true;
}

int64_t
time_interval_us(const struct time_interval *interval)
{
    double days = (double)interval->days * (double)US_PER_DAY +
                  (double)interval->months * (365.25 / 12.0) * (double)US_PER_DAY; /* the rest is exact */
    int64_t us;

    if (days >= 0x1p63)
        return INT64_MAX;
    if (days < -0x1p63)
        return INT64_MIN;
    if (__builtin_add_overflow((int64_t)days, interval->us, &us))
        return interval->us < 0 ? INT64_MIN : INT64_MAX;
    return us;
}

static char *
write_signed(int64_t v, char *out)
{
    char digits[20];
    int n = 0;
    uint64_t u = v < 0 ? (uint64_t)0 - (uint64_t)v : (uint64_t)v;

    if (v < 0)
        *out++ = '-';
    do
        digits[n++] = (char)('0' + u % 10);
    while ((u /= 10) > 0);
    while (n > 0)
        *out++ = digits[--n];
    return out;
}

char *
time_write_interval(const struct time_interval *interval, char *out)
{
    int64_t us = interval->us % (60 * US_PER_SECOND), minutes = interval->us / (60 * US_PER_SECOND);
    int64_t fraction = us % US_PER_SECOND;

    *out++ = 'P';
    out = write_signed(interval->months / 12, out);
    *out++ = 'Y';
    out = write_signed(interval->months % 12, out);
    *out++ = 'M';
    out = write_signed(interval->days, out);
    *out++ = 'D';
    *out++ = 'T';
    out = write_signed(minutes / 60, out);
    *out++ = 'H';
    out = write_signed(minutes % 60, out);
    *out++ = 'M';
    if (us < 0 && us > -US_PER_SECOND)
        *out++ = '-';
    out = write_signed(us / US_PER_SECOND, out);
    if (fraction != 0) {
        int64_t f = fraction < 0 ? -fraction : fraction;

        *out++ = '.';
        for (int64_t unit = US_PER_SECOND / 10; f > 0; unit /= 10) {
            *out++ = (char)('0' + f / unit);
            f %= unit;
        }
    }
    *out++ = 'S';
    return out;
}
