/* SPDX-License-Identifier: Apache-2.0 */
/* Times with offset: see iso_time.h. */
#include <config.h>

#include "transforms/iso_time.h"

#include <stdio.h>
#include <string.h>

#include "data/calendar.h"

#define DAY      86400
#define YEAR_MAX INT64_C(285000000)

/* What is left to read. */
struct scan {
    const char *at;
    const char *end;
};

static bool
take(struct scan *s, char c)
{
    if (s->at == s->end || *s->at != c)
        return false;
    s->at++;
    return true;
}

/* min to max digits, as many as there are. */
static bool
digits(struct scan *s, int min, int max, int64_t *ret)
{
    int n = 0;

    for (*ret = 0; n < max && s->at < s->end && *s->at >= '0' && *s->at <= '9'; n++)
        *ret = *ret * 10 + (*s->at++ - '0');
    return n >= min;
}

static bool
two(struct scan *s, int64_t max, int64_t *ret)
{
    return digits(s, 2, 2, ret) && *ret <= max;
}

/* [+-]yyyy-MM-dd in days; a year beyond four digits has a sign. */
static bool
read_date(struct scan *s, int64_t *ret)
{
    bool minus = take(s, '-'), plus = !minus && take(s, '+');
    int64_t year, month, day;

    if (!digits(s, 4, minus || plus ? 9 : 4, &year) || year > YEAR_MAX || !take(s, '-') || !two(s, 12, &month) ||
        month < 1 || !take(s, '-') || !two(s, 31, &day) || day < 1)
        return false;
    if (minus)
        year = -year;
    *ret = calendar_days(year, month, day);
    return *ret < calendar_days(year, month + 1, 1);
}

/* HH:mm[:ss[.fraction]] */
static bool
read_clock(struct scan *s, struct iso_time *ret)
{
    int64_t hour, minute, second = 0, fraction = 0;
    const char *begin;

    if (!two(s, 23, &hour) || !take(s, ':') || !two(s, 59, &minute))
        return false;
    if (take(s, ':')) {
        if (!two(s, 59, &second))
            return false;
        if (take(s, '.')) {
            begin = s->at;
            if (!digits(s, 1, 9, &fraction))
                return false;
            for (ptrdiff_t n = s->at - begin; n < 9; n++)
                fraction *= 10;
        }
    }
    ret->local += hour * 3600 + minute * 60 + second;
    ret->nanos = (int32_t)fraction;
    return true;
}

/* Z, or ±HH:mm[:ss] */
static bool
read_offset(struct scan *s, int32_t *ret)
{
    int64_t hour, minute, second = 0;
    bool minus;

    *ret = 0;
    if (take(s, 'Z') || take(s, 'z'))
        return true;
    minus = take(s, '-');
    if ((!minus && !take(s, '+')) || !two(s, 18, &hour) || !take(s, ':') || !two(s, 59, &minute) ||
        (take(s, ':') && !two(s, 59, &second)))
        return false;
    *ret = (int32_t)(hour * 3600 + minute * 60 + second) * (minus ? -1 : 1);
    return true;
}

bool
iso_time_is_infinite(const struct cv_bytes *text)
{
    return (text->len == 8 && memcmp(text->data, "infinity", 8) == 0) ||
           (text->len == 9 && memcmp(text->data, "-infinity", 9) == 0);
}

bool
iso_time_read(const struct cv_bytes *text, bool has_date, struct iso_time *ret)
{
    struct scan s = { .at = text->data, .end = text->data + text->len };
    struct iso_time t = { .local = 0 };
    int64_t days = 0;

    if (has_date && (!read_date(&s, &days) || !(take(&s, 'T') || take(&s, 't'))))
        return false;
    t.local = days * DAY;
    if (!read_clock(&s, &t) || !read_offset(&s, &t.offset) || s.at != s.end)
        return false;
    *ret = t;
    return true;
}

void
iso_time_move(struct iso_time *t, int32_t offset)
{
    t->local += offset - t->offset;
    t->offset = offset;
}

static size_t
format_date(int64_t days, char *out)
{
    struct calendar day;

    calendar_of_ms(days * MS_PER_DAY, &day);
    return (size_t)sprintf(out, "%s%04lld-%02d-%02dT", day.year > 9999 ? "+" : day.year < 0 ? "-" : "",
                           (long long)(day.year < 0 ? -day.year : day.year), day.month, day.day);
}

size_t
iso_time_format(const struct iso_time *t, bool has_date, char out[ISO_TIME_MAX])
{
    int64_t days = t->local / DAY - (t->local % DAY < 0);
    int second = (int)(t->local - days * DAY), offset = t->offset < 0 ? -t->offset : t->offset;
    size_t len = has_date ? format_date(days, out) : 0;

    len += (size_t)sprintf(out + len, "%02d:%02d:%02d", second / 3600, second / 60 % 60, second % 60);
    if (t->nanos > 0) {
        len += (size_t)sprintf(out + len, ".%09d", t->nanos);
        while (out[len - 1] == '0')
            len--;
    }
    if (offset == 0)
        return len + (size_t)sprintf(out + len, "Z");
    len += (size_t)sprintf(out + len, "%c%02d:%02d", t->offset < 0 ? '-' : '+', offset / 3600, offset / 60 % 60);
    if (offset % 60 != 0)
        len += (size_t)sprintf(out + len, ":%02d", offset % 60);
    return len;
}
