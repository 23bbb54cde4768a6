/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time zones: see time_zone.h. A file has the changes of the past as a table and the rule for the time after as POSIX
 * text: CET-1CEST,M3.5.0,M10.5.0/3 (RFC 8536, sections 3.2 and 3.3). Everything in it is checked before it is used.
 */
#include <config.h>

#include "data/time_zone.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/reader.h"
#include "data/calendar.h"

#define FILE_MAX      ((size_t)1 << 20)
#define CHANGES_MAX   20000
#define CHANGE_AT_MAX (INT64_C(1) << 60) /* some files begin with one at -2^59 */
#define TYPES_MAX     256
#define OFFSET_MAX    (26 * 3600) /* of RFC 8536, in seconds */
#define RULE_TIME_MAX (167 * 3600)
#define FIXED_MAX     (18 * 3600) /* of java.time.ZoneOffset */
#define DAY           86400

/* When a year's change is: the day, and the second from its midnight. */
struct rule_date {
    enum { RULE_JULIAN, RULE_DAY, RULE_MONTH } kind;
    int day; /* JULIAN: 1 to 365, without 29 February; DAY: 0 to 365; MONTH: day of the week, 0 is Sunday */
    int month;
    int week; /* 1 to 5, which is the last */
    int32_t time;
};

/* After the last change of the table. */
struct rule {
    bool has_dst;
    int32_t std; /* seconds east */
    int32_t dst;
    struct rule_date start; /* of dst, in standard time */
    struct rule_date end;   /* in dst */
};

struct change {
    int64_t at; /* UTC */
    int32_t before;
    int32_t after;
};

struct time_zone {
    int32_t first; /* before any change, or always */
    size_t n;
    bool has_rule;
    struct rule rule;
    struct change changes[];
};

void
time_zone_free(struct time_zone *zone)
{
    free(zone);
}

/* ---- the rule's text ---- */

static bool
read_number(const char **inout_at, int max, int *ret)
{
    const char *at = *inout_at;
    int v = 0;

    if (*at < '0' || *at > '9')
        return false;
    for (; *at >= '0' && *at <= '9'; at++) {
        v = v * 10 + (*at - '0');
        if (v > max)
            return false;
    }
    *inout_at = at;
    *ret = v;
    return true;
}

/* [+-]h[h][:mm[:ss]] in seconds. */
static bool
read_time(const char **inout_at, int32_t *ret)
{
    bool minus = **inout_at == '-';
    int hour, minute = 0, second = 0;

    if (minus || **inout_at == '+')
        ++*inout_at;
    if (!read_number(inout_at, RULE_TIME_MAX / 3600, &hour))
        return false;
    if (**inout_at == ':') {
        ++*inout_at;
        if (!read_number(inout_at, 59, &minute))
            return false;
        if (**inout_at == ':') {
            ++*inout_at;
            if (!read_number(inout_at, 59, &second))
                return false;
        }
    }
    *ret = (hour * 3600 + minute * 60 + second) * (minus ? -1 : 1);
    return true;
}

/* A zone's short name, which says nothing: letters, or anything between < and >. */
static bool
skip_name(const char **inout_at)
{
    const char *at = *inout_at;
    size_t len;

    if (*at == '<') {
        len = strcspn(at, ">");
        *inout_at = at + len + (at[len] == '>');
        return at[len] == '>';
    }
    len = strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
    *inout_at = at + len;
    return len >= 3;
}

static bool
read_month_date(const char **inout_at, struct rule_date *ret)
{
    ret->kind = RULE_MONTH;
    if (!read_number(inout_at, 12, &ret->month) || ret->month < 1 || *(*inout_at)++ != '.')
        return false;
    if (!read_number(inout_at, 5, &ret->week) || ret->week < 1 || *(*inout_at)++ != '.')
        return false;
    return read_number(inout_at, 6, &ret->day);
}

static bool
read_date(const char **inout_at, struct rule_date *ret)
{
    bool good;

    if (*(*inout_at)++ != ',')
        return false;
    ret->time = 2 * 3600;
    if (**inout_at == 'M') {
        ++*inout_at;
        good = read_month_date(inout_at, ret);
    } else if (**inout_at == 'J') {
        ++*inout_at;
        ret->kind = RULE_JULIAN;
        good = read_number(inout_at, 365, &ret->day) && ret->day >= 1;
    } else {
        ret->kind = RULE_DAY;
        good = read_number(inout_at, 365, &ret->day);
    }
    if (good && **inout_at == '/') {
        ++*inout_at;
        good = read_time(inout_at, &ret->time);
    }
    return good;
}

/* POSIX counts offsets west of UTC. */
static bool
read_rule(const char *at, struct rule *ret)
{
    int32_t west;

    if (!skip_name(&at) || !read_time(&at, &west) || abs(west) > OFFSET_MAX)
        return false;
    ret->std = -west;
    if (*at == '\0')
        return true;
    ret->has_dst = true;
    ret->dst = ret->std + 3600;
    if (!skip_name(&at))
        return false;
    if (*at != ',') {
        if (!read_time(&at, &west) || abs(west) > OFFSET_MAX)
            return false;
        ret->dst = -west;
    }
    return abs(ret->dst) <= OFFSET_MAX && read_date(&at, &ret->start) && read_date(&at, &ret->end) && *at == '\0';
}

/* ---- the file ---- */

struct counts {
    uint32_t utc;
    uint32_t std;
    uint32_t leap;
    uint32_t time;
    uint32_t type;
    uint32_t chars;
};

/* A header; what stands behind it has times of time_size bytes. False: it is none, or beyond the bounds. */
static bool
read_header(struct cv_reader *in, struct counts *ret, int *ret_version)
{
    const unsigned char *magic = cv_read_bytes(in, 4);

    if (magic == NULL || memcmp(magic, "TZif", 4) != 0)
        return false;
    *ret_version = cv_read_u8(in);
    (void)cv_read_bytes(in, 15);
    ret->utc = cv_read_u32(in);
    ret->std = cv_read_u32(in);
    ret->leap = cv_read_u32(in);
    ret->time = cv_read_u32(in);
    ret->type = cv_read_u32(in);
    ret->chars = cv_read_u32(in);
    return !in->failed && ret->utc <= TYPES_MAX && ret->std <= TYPES_MAX && ret->leap <= CHANGES_MAX &&
           ret->time <= CHANGES_MAX && ret->type >= 1 && ret->type <= TYPES_MAX && ret->chars <= FILE_MAX;
}

static size_t
block_size(const struct counts *n, size_t time_size)
{
    return n->time * (time_size + 1) + n->type * (size_t)6 + n->chars + n->leap * (time_size + 4) + n->std + n->utc;
}

/* The table of changes: times, then the type of each, then the types. */
static bool
read_changes(struct cv_reader *in, const struct counts *n, size_t time_size, struct time_zone *zone)
{
    const unsigned char *kinds;
    int32_t offsets[TYPES_MAX], before;

    for (size_t i = 0; i < n->time; i++) {
        zone->changes[i].at = time_size == 8 ? (int64_t)cv_read_u64(in) : (int32_t)cv_read_u32(in);
        if (zone->changes[i].at < -CHANGE_AT_MAX || zone->changes[i].at > CHANGE_AT_MAX ||
            (i > 0 && zone->changes[i].at <= zone->changes[i - 1].at))
            return false;
    }
    kinds = cv_read_bytes(in, n->time);
    for (size_t i = 0; i < n->type; i++) {
        offsets[i] = (int32_t)cv_read_u32(in);
        (void)cv_read_u16(in); /* whether it is dst, and where its name stands */
        if (offsets[i] < -OFFSET_MAX || offsets[i] > OFFSET_MAX)
            return false;
    }
    if (in->failed)
        return false;
    zone->first = before = offsets[0];
    for (size_t i = 0; i < n->time; i++) {
        if (kinds[i] >= n->type)
            return false;
        zone->changes[i].before = before;
        zone->changes[i].after = before = offsets[kinds[i]];
    }
    zone->n = n->time;
    return cv_read_bytes(in, block_size(n, time_size) - n->time * (time_size + 1) - n->type * (size_t)6) != NULL;
}

/* The text between two line ends, none if it is empty. */
static bool
read_footer(struct cv_reader *in, struct time_zone *zone)
{
    size_t rest = in->len - in->pos;
    const char *at = (const char *)cv_read_bytes(in, rest), *end;
    char text[256];

    if (at == NULL || rest < 2 || at[0] != '\n' || (end = memchr(at + 1, '\n', rest - 1)) == NULL)
        return false;
    rest = (size_t)(end - at) - 1;
    if (rest == 0)
        return true;
    if (rest >= sizeof(text) || memchr(at + 1, '\0', rest) != NULL)
        return false;
    memcpy(text, at + 1, rest);
    text[rest] = '\0';
    zone->has_rule = true;
    return read_rule(text, &zone->rule);
}

enum cv_rc
time_zone_read(const void *data, size_t len, const char *name, struct time_zone **ret, struct cv_err *err)
{
    struct cv_reader in = cv_reader_of(data, len);
    struct time_zone *zone = NULL;
    struct counts n;
    int version;
    size_t time_size = 4;
    bool good = read_header(&in, &n, &version);

    if (good && version >= '2') { /* the old block first, for old readers */
        (void)cv_read_bytes(&in, block_size(&n, 4));
        good = read_header(&in, &n, &version);
        time_size = 8;
    }
    good = good && block_size(&n, time_size) <= in.len - in.pos; /* before memory is asked for */
    if (good) {
        zone = calloc(1, sizeof(*zone) + n.time * sizeof(zone->changes[0]));
        if (zone == NULL)
            return cv_fail_memory(err);
        good = read_changes(&in, &n, time_size, zone) && (time_size == 4 || read_footer(&in, zone));
    }
    if (!good) {
        time_zone_free(zone);
        return cv_fail(err, CV_INVALID, "the rules of time zone \"%s\" cannot be read: malformed TZif data", name);
    }
    *ret = zone;
    return CV_OK;
}

/* ---- by name ---- */

static bool
two_digits(const char *at, int max, int *ret)
{
    if (at[0] < '0' || at[0] > '9' || at[1] < '0' || at[1] > '9')
        return false;
    *ret = (at[0] - '0') * 10 + (at[1] - '0');
    return *ret <= max;
}

/* ±hh:mm[:ss] */
static bool
read_fixed(const char *name, int32_t *ret)
{
    size_t len = strlen(name);
    int hour, minute, second = 0;

    if ((len != 6 && len != 9) || !two_digits(name + 1, 18, &hour) || name[3] != ':' ||
        !two_digits(name + 4, 59, &minute))
        return false;
    if (len == 9 && (name[6] != ':' || !two_digits(name + 7, 59, &second)))
        return false;
    *ret = (hour * 3600 + minute * 60 + second) * (name[0] == '-' ? -1 : 1);
    return abs(*ret) <= FIXED_MAX;
}

/* A relative name without ways out of the directory. */
static bool
is_region(const char *name)
{
    static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/";

    return name[0] != '\0' && name[0] != '/' && name[strspn(name, good)] == '\0' && strncmp(name, "right/", 6) != 0;
}

static enum cv_rc
read_file(const char *path, const char *name, struct time_zone **ret, struct cv_err *err)
{
    FILE *file = fopen(path, "rbe");
    char *data = NULL;
    size_t len;
    enum cv_rc rc;

    if (file == NULL)
        return cv_fail_errno(err, CV_NOT_FOUND, errno,
                             "no time zone \"%s\": could not open \"%s\" (is the package tzdata installed?)", name,
                             path);
    data = malloc(FILE_MAX);
    if (data == NULL) {
        rc = cv_fail_memory(err);
    } else {
        len = fread(data, 1, FILE_MAX, file); /* of a directory nothing comes */
        rc = time_zone_read(data, len, name, ret, err);
    }
    free(data);
    (void)fclose(file);
    return rc;
}

enum cv_rc
time_zone_new(const char *name, struct time_zone **ret, struct cv_err *err)
{
    const char *directory = getenv("TZDIR");
    struct time_zone *zone;
    char path[4096];
    int32_t fixed = 0;

    if (name[0] == '+' || name[0] == '-' || strcmp(name, "UTC") == 0) {
        if (name[0] != 'U' && !read_fixed(name, &fixed))
            return cv_fail(err, CV_INVALID, "\"%s\" is no offset from UTC: write +hh:mm or -hh:mm, up to 18 hours",
                           name);
        zone = calloc(1, sizeof(*zone));
        if (zone == NULL)
            return cv_fail_memory(err);
        zone->first = fixed;
        *ret = zone;
        return CV_OK;
    }
    if (!is_region(name) || snprintf(path, sizeof(path), "%s/%s", directory != NULL ? directory : TIME_ZONE_DIRECTORY,
                                     name) >= (int)sizeof(path))
        return cv_fail(err, CV_INVALID, "\"%s\" is no time zone: write a region such as Europe/Berlin, or an offset "
                       "such as +02:00", name);
    return read_file(path, name, ret, err);
}

/* ---- offsets ---- */

/* The day of the year's change, counted from 1970-01-01. */
static int64_t
rule_day(const struct rule_date *date, int64_t year)
{
    int64_t first, day;

    if (date->kind == RULE_DAY)
        return calendar_days(year, 1, 1) + date->day;
    if (date->kind == RULE_JULIAN) {
        bool leap = calendar_days(year, 3, 1) - calendar_days(year, 2, 1) == 29;

        return calendar_days(year, 1, 1) + date->day - 1 + (leap && date->day > 59);
    }
    first = calendar_days(year, date->month, 1);
    day = first + ((date->day - (first + 4)) % 7 + 7) % 7 + (date->week - 1) * 7;
    if (day >= calendar_days(year, date->month + 1, 1)) /* the fifth that there is not: the last */
        day -= 7;
    return day;
}

/* The rule's changes from the year before to the year after, in order. Returns their number. */
static size_t
rule_changes(const struct rule *rule, int64_t seconds, struct change *ret)
{
    int64_t days = seconds / DAY - (seconds % DAY < 0);
    struct calendar day;
    size_t n = 0;

    calendar_of_ms(days * MS_PER_DAY, &day);
    for (int64_t year = day.year - 1; year <= day.year + 1; year++) {
        struct change start = { rule_day(&rule->start, year) * DAY + rule->start.time - rule->std, rule->std,
                                rule->dst };
        struct change end = { rule_day(&rule->end, year) * DAY + rule->end.time - rule->dst, rule->dst, rule->std };

        ret[n++] = start.at < end.at ? start : end;
        ret[n++] = start.at < end.at ? end : start;
    }
    return n;
}

/* When the change is over: at its time, or once the clocks of before and after both show later. */
static int64_t
over(const struct change *change, bool local)
{
    return !local ? change->at : change->at + (change->before > change->after ? change->before : change->after);
}

/* What the last change that is over leaves, first if none is. */
static int32_t
offset_after(const struct change *changes, size_t n, int32_t first, int64_t seconds, bool local)
{
    size_t low = 0, high = n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (over(&changes[middle], local) <= seconds)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 ? first : changes[low - 1].after;
}

#define SECONDS_MAX INT64_C(9000000000000000) /* some 285 million years; beyond, the last rule goes by the limit */

static int32_t
find_offset(const struct time_zone *zone, int64_t seconds, bool local)
{
    struct change changes[6];
    size_t n;

    if (seconds > SECONDS_MAX)
        seconds = SECONDS_MAX;
    if (seconds < -SECONDS_MAX)
        seconds = -SECONDS_MAX;
    if (!zone->has_rule || (zone->n > 0 && seconds < over(&zone->changes[zone->n - 1], local)))
        return offset_after(zone->changes, zone->n, zone->first, seconds, local);
    if (!zone->rule.has_dst)
        return zone->rule.std;
    n = rule_changes(&zone->rule, seconds, changes);
    return offset_after(changes, n, changes[0].before, seconds, local);
}

int32_t
time_zone_offset(const struct time_zone *zone, int64_t utc)
{
    return find_offset(zone, utc, false);
}

int32_t
time_zone_offset_of_local(const struct time_zone *zone, int64_t local)
{
    return find_offset(zone, local, true);
}
