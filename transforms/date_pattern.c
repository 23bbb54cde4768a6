/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pattern is cut once into fields (a letter and how often it stands) and literal text; formatting and parsing walk
 * them. A number that is followed by another one without anything between takes exactly as many digits as its
 * letters when parsed, else as many as there are.
 *
 * Source: java.text.SimpleDateFormat.
 */
#include <config.h>

#include "transforms/date_pattern.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/buf.h"
#include "common/clock.h"
#include "data/calendar.h"

struct item {
    char letter; /* 0: literal text */
    int count;   /* letters, or bytes of text */
    char *text;
};

struct date_pattern {
    struct item *items;
    size_t count;
};

#define LETTERS  "GyYMLdDFEuaHkKhmsSzZX"
#define NUMERIC  "yYdDFuHkKhmsS" /* also M and L with one or two letters */
#define MAX_RUN  1000

/* ---- the pattern ---- */

static struct item *
add_item(struct date_pattern *p)
{
    struct item *items = realloc(p->items, (p->count + 1) * sizeof(*items));

    if (items == NULL)
        return NULL;
    p->items = items;
    items[p->count] = (struct item){ .letter = 0 };
    return &items[p->count++];
}

/* Literal text from at on, quotes taken away; returns where it ends, NULL when memory is out or a quote is open. */
static const char *
add_text(struct date_pattern *p, const char *at, bool *ret_open)
{
    struct item *item = add_item(p);
    bool quoted = false;
    char *to;

    if (item == NULL || (item->text = malloc(strlen(at) + 1)) == NULL)
        return NULL;
    to = item->text;
    while (*at != '\0' && (quoted || !((*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z')))) {
        if (*at == '\'' && at[1] == '\'') {
            *to++ = '\'';
            at += 2;
        } else if (*at == '\'') {
            quoted = !quoted;
            at++;
        } else {
            *to++ = *at++;
        }
    }
    item->count = (int)(to - item->text);
    *ret_open = quoted;
    return quoted ? NULL : at;
}

enum cv_rc
date_pattern_new(const char *pattern, struct date_pattern **ret, struct cv_err *err)
{
    struct date_pattern *p = calloc(1, sizeof(*p));
    const char *at = pattern;
    bool open = false;
    enum cv_rc rc = CV_OK;

    if (p == NULL)
        return cv_fail_memory(err);
    while (rc == CV_OK && *at != '\0') {
        if ((*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z')) {
            size_t run = strspn(at, (char[]){ *at, '\0' });
            struct item *item;

            if (strchr(LETTERS, *at) == NULL || run > MAX_RUN) {
                rc = cv_fail(err, CV_INVALID, "Illegal pattern character '%c'", *at);
                break;
            }
            item = add_item(p);
            if (item == NULL) {
                rc = cv_fail_memory(err);
                break;
            }
            item->letter = *at;
            item->count = (int)run;
            at += run;
        } else {
            at = add_text(p, at, &open);
            if (at == NULL)
                rc = open ? cv_fail(err, CV_INVALID, "Unterminated quote") : cv_fail_memory(err);
        }
        if (rc != CV_OK)
            break;
    }
    if (rc == CV_OK)
        *ret = p;
    else
        date_pattern_free(p);
    return rc;
}

void
date_pattern_free(struct date_pattern *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < p->count; i++)
        free(p->items[i].text);
    free(p->items);
    free(p);
}

/* ---- format ---- */

/* The year that the week of that day belongs to: weeks begin on Sunday and the first holds 1 January. */
static int64_t
week_year(const struct calendar *c)
{
    int64_t next = calendar_days(c->year + 1, 1, 1);
    int64_t day = calendar_days(c->year, c->month, c->day);
    int64_t sunday = day - c->weekday;

    return sunday + 6 >= next ? c->year + 1 : c->year;
}

static void
format_year(struct cv_buf *out, int64_t year, int count)
{
    if (year <= 0)
        year = 1 - year; /* the era says so */
    if (count == 2)
        cv_buf_printf(out, "%02d", (int)(year % 100));
    else
        cv_buf_printf(out, "%0*lld", count, (long long)year);
}

static void
format_month(struct cv_buf *out, const struct calendar *c, int count)
{
    if (count >= 4)
        cv_buf_str(out, calendar_months[c->month - 1]);
    else if (count == 3)
        cv_buf_add(out, calendar_months[c->month - 1], 3);
    else
        cv_buf_printf(out, "%0*d", count, c->month);
}

static void
format_item(struct cv_buf *out, const struct item *item, const struct calendar *c)
{
    int n = item->count;

    switch (item->letter) {
    case 0:
        cv_buf_add(out, item->text, (size_t)n);
        break;
    case 'G':
        cv_buf_str(out, c->year > 0 ? "AD" : "BC");
        break;
    case 'y':
        format_year(out, c->year, n);
        break;
    case 'Y':
        format_year(out, week_year(c), n);
        break;
    case 'M':
    case 'L':
        format_month(out, c, n);
        break;
    case 'd':
        cv_buf_printf(out, "%0*d", n, c->day);
        break;
    case 'D':
        cv_buf_printf(out, "%0*d", n, c->yearday);
        break;
    case 'F':
        cv_buf_printf(out, "%0*d", n, (c->day - 1) / 7 + 1);
        break;
    case 'E':
        cv_buf_add(out, calendar_weekdays[c->weekday], n >= 4 ? strlen(calendar_weekdays[c->weekday]) : 3);
        break;
    case 'u':
        cv_buf_printf(out, "%0*d", n, c->weekday == 0 ? 7 : c->weekday);
        break;
    case 'a':
        cv_buf_str(out, c->hour < 12 ? "AM" : "PM");
        break;
    case 'H':
        cv_buf_printf(out, "%0*d", n, c->hour);
        break;
    case 'k':
        cv_buf_printf(out, "%0*d", n, c->hour == 0 ? 24 : c->hour);
        break;
    case 'K':
        cv_buf_printf(out, "%0*d", n, c->hour % 12);
        break;
    case 'h':
        cv_buf_printf(out, "%0*d", n, c->hour % 12 == 0 ? 12 : c->hour % 12);
        break;
    case 'm':
        cv_buf_printf(out, "%0*d", n, c->minute);
        break;
    case 's':
        cv_buf_printf(out, "%0*d", n, c->second);
        break;
    case 'S':
        cv_buf_printf(out, "%0*d", n, c->ms);
        break;
    case 'z':
        cv_buf_str(out, n >= 4 ? "Coordinated Universal Time" : "UTC");
        break;
    case 'Z':
        cv_buf_str(out, "+0000");
        break;
    case 'X':
        cv_buf_char(out, 'Z');
        break;
    }
}

void
date_pattern_format(const struct date_pattern *p, int64_t ms, struct cv_buf *out)
{
    struct calendar c;

    calendar_of_ms(ms, &c);
    for (size_t i = 0; i < p->count; i++)
        format_item(out, &p->items[i], &c);
}

/* ---- parse ---- */

struct parsed {
    int64_t year, month, day, yearday, hour, minute, second, ms;
    int64_t zone_minutes;
    bool has_yearday, bc, pm, has_half; /* half: hours of 12 */
};

struct text {
    const char *at;
    const char *end;
};

static bool
is_numeric(const struct item *item)
{
    if (item->letter == 'M' || item->letter == 'L')
        return item->count <= 2;
    return item->letter != 0 && strchr(NUMERIC, item->letter) != NULL;
}

/* Digits, at most max (0: all there are); a sign only where no maximum is. */
static bool
take_number(struct text *t, int max, int64_t *ret, int *ret_digits)
{
    bool negative = max == 0 && t->at < t->end && *t->at == '-';
    int64_t v = 0;
    int n = 0;

    if (negative)
        t->at++;
    for (; t->at < t->end && *t->at >= '0' && *t->at <= '9' && (max == 0 || n < max) && n < 18; n++)
        v = v * 10 + (*t->at++ - '0');
    *ret = negative ? -v : v;
    *ret_digits = n;
    return n > 0;
}

/* One of the names, whole or its first three letters, in any case. */
static bool
take_name(struct text *t, const char *const *names, int count, int64_t *ret)
{
    size_t left = (size_t)(t->end - t->at);

    for (int i = 0; i < count; i++) {
        size_t len = strlen(names[i]);

        if (left >= len && strncasecmp(t->at, names[i], len) == 0) {
            t->at += len;
            *ret = i;
            return true;
        }
    }
    for (int i = 0; i < count; i++) {
        if (left >= 3 && strncasecmp(t->at, names[i], 3) == 0) {
            t->at += 3;
            *ret = i;
            return true;
        }
    }
    return false;
}

/* Z, +hh, +hhmm, +hh:mm, UTC, GMT, GMT+hh:mm. */
static bool
take_zone(struct text *t, int64_t *ret_minutes)
{
    int64_t hours = 0, minutes = 0;
    int sign, n;

    *ret_minutes = 0;
    if (t->at < t->end && *t->at == 'Z') {
        t->at++;
        return true;
    }
    if (t->end - t->at >= 3 && (strncasecmp(t->at, "UTC", 3) == 0 || strncasecmp(t->at, "GMT", 3) == 0)) {
        t->at += 3;
        if (t->at == t->end || (*t->at != '+' && *t->at != '-'))
            return true;
    }
    if (t->at == t->end || (*t->at != '+' && *t->at != '-'))
        return false;
    sign = *t->at++ == '-' ? -1 : 1;
    if (!take_number(t, 2, &hours, &n))
        return false;
    if (t->at < t->end && *t->at == ':')
        t->at++;
    if (t->at < t->end && *t->at >= '0' && *t->at <= '9' && !take_number(t, 2, &minutes, &n))
        return false;
    *ret_minutes = sign * (hours * 60 + minutes);
    return true;
}

/* Two digits where the pattern has at most two: the year within 80 years before and 20 after now. */
static int64_t
full_year(int64_t year, int digits, const struct item *item)
{
    struct calendar now;
    int64_t first;

    if (digits != 2 || item->count > 2)
        return year;
    calendar_of_ms(cv_now_ms(), &now);
    first = now.year - 80;
    year += first - first % 100;
    return year < first ? year + 100 : year;
}

static bool
set_number(struct parsed *p, const struct item *item, int64_t v, int digits)
{
    switch (item->letter) {
    case 'y':
    case 'Y':
        p->year = full_year(v, digits, item);
        break;
    case 'M':
    case 'L':
        p->month = v;
        break;
    case 'd':
        p->day = v;
        break;
    case 'D':
        p->yearday = v;
        p->has_yearday = true;
        break;
    case 'H':
        p->hour = v;
        break;
    case 'k':
        p->hour = v == 24 ? 0 : v;
        break;
    case 'K':
    case 'h':
        p->hour = item->letter == 'h' && v == 12 ? 0 : v;
        p->has_half = true;
        break;
    case 'm':
        p->minute = v;
        break;
    case 's':
        p->second = v;
        break;
    case 'S':
        p->ms = v;
        break;
    default: /* a weekday does not move the date */
        break;
    }
    return true;
}

static bool
parse_item(struct parsed *p, const struct item *item, bool abutting, struct text *t)
{
    int64_t v = 0;
    int digits = 0;

    if (item->letter == 0) {
        if (t->end - t->at < item->count || memcmp(t->at, item->text, (size_t)item->count) != 0)
            return false;
        t->at += item->count;
        return true;
    }
    while (t->at < t->end && (*t->at == ' ' || *t->at == '\t'))
        t->at++;
    if (is_numeric(item))
        return take_number(t, abutting ? item->count : 0, &v, &digits) && set_number(p, item, v, digits);
    switch (item->letter) {
    case 'M':
    case 'L':
        if (!take_name(t, calendar_months, 12, &v))
            return false;
        p->month = v + 1;
        return true;
    case 'E':
        return take_name(t, calendar_weekdays, 7, &v);
    case 'a':
        if (t->end - t->at < 2 || (strncasecmp(t->at, "AM", 2) != 0 && strncasecmp(t->at, "PM", 2) != 0))
            return false;
        p->pm = *t->at == 'p' || *t->at == 'P';
        t->at += 2;
        return true;
    case 'G':
        if (t->end - t->at < 2 || (strncasecmp(t->at, "AD", 2) != 0 && strncasecmp(t->at, "BC", 2) != 0))
            return false;
        p->bc = *t->at == 'B' || *t->at == 'b';
        t->at += 2;
        return true;
    default:
        return take_zone(t, &p->zone_minutes);
    }
}

bool
date_pattern_parse(const struct date_pattern *pattern, const char *text, size_t len, int64_t *ret_ms)
{
    struct parsed p = { .year = 1970, .month = 1, .day = 1 };
    struct text t = { .at = text, .end = text + len };
    int64_t days;

    for (size_t i = 0; i < pattern->count; i++) {
        bool abutting = i + 1 < pattern->count && is_numeric(&pattern->items[i + 1]);

        if (!parse_item(&p, &pattern->items[i], abutting, &t))
            return false;
    }
    if (p.bc)
        p.year = 1 - p.year;
    if (p.has_half && p.pm)
        p.hour += 12;
    if (p.year > 1000000 || p.year < -1000000 || p.month > 1000000 || p.month < -1000000)
        return false;
    days = p.has_yearday ? calendar_days(p.year, 1, 1) + p.yearday - 1 : calendar_days(p.year, p.month, p.day);
    if (days > 1000000000 || days < -1000000000 || p.hour > 1000000000 || p.minute > 1000000000 ||
        p.second > 1000000000000 || p.ms > 1000000000000000)
        return false;
    *ret_ms = ((days * 24 + p.hour) * 60 + p.minute - p.zone_minutes) * 60000 + p.second * 1000 + p.ms;
    return true;
}
