/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dates, times and intervals in the forms of the time modes. Infinite values have the numbers that the recorded
 * events have for them, in the snapshot and in the stream alike.
 */
#include "connectors/postgres/encode_private.h"

#include "connectors/postgres/encode_time.h"

/* What Java's Debezium gives for the infinite timestamps: dates at the ends of its calendar. */
#define INFINITY_US       INT64_C(9223372036825200000)
#define MINUS_INFINITY_US INT64_C(-9223372036832400000)
/* the same times 1000, as much of it as 64 bits hold */
#define INFINITY_NS       INT64_C(-29575808000)
#define MINUS_INFINITY_NS INT64_C(22375808000)
/* and for the infinite dates, in days */
#define INFINITY_DAYS       INT64_C(-2147472692)
#define MINUS_INFINITY_DAYS INT64_C(-2147472691)

static int64_t
floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0 ? 1 : 0);
}

static int
two_digits(const char *text)
{
    return (text[0] - '0') * 10 + (text[1] - '0');
}

/* "2024-02-29" */
static bool
read_date(const char *text, int64_t *ret_days)
{
    int year, month, day;

    if (!encode_is_like(text, "0000-00-") || !encode_is_like(text + 2, "00-00-00"))
        return false;
    year = two_digits(text) * 100 + two_digits(text + 2);
    month = two_digits(text + 5);
    day = two_digits(text + 8);
    if (month < 1 || month > 12 || day < 1 || day > 31)
        return false;
    *ret_days = time_days_from_civil(year, month, day);
    return true;
}

/* "12:34:56.789012" */
static bool
read_time(const char *text, size_t len, int64_t *ret_us)
{
    int64_t us = 0, unit = 100000;
    int hour, minute, second;

    if (!encode_is_like(text, "00:00:00") || len == 9 || len > 15 || (len > 9 && text[8] != '.'))
        return false;
    hour = two_digits(text);
    minute = two_digits(text + 3);
    second = two_digits(text + 6);
    if (hour > 23 || minute > 59 || second > 59)
        return false;
    for (size_t i = 9; i < len; i++, unit /= 10) {
        unsigned digit = (unsigned)(unsigned char)text[i] - '0';

        if (digit > 9)
            return false;
        us += digit * unit;
    }
    *ret_us = (int64_t)((hour * 60 + minute) * 60 + second) * 1000000 + us;
    return true;
}

bool
encode_clock_number(const struct encode *enc, const char *text, size_t len, int64_t *ret)
{
    struct time_parts parts = { .special = TIME_FINITE };

    if (len < 10 || !read_date(text, &parts.days))
        return false;
    if (enc->kind == ENCODE_DATE_DAYS) {
        *ret = parts.days;
        return len == 10;
    }
    if (len < 19 || text[10] != ' ' || !read_time(text + 11, len - 11, &parts.us_of_day))
        return false;
    *ret = enc->kind == ENCODE_TIMESTAMP_MS   ? time_epoch_ms(&parts)
           : enc->kind == ENCODE_TIMESTAMP_US ? time_epoch_us(&parts)
                                              : time_epoch_ns(&parts);
    return true;
}

static enum form
convert_date(const struct encode *enc, const char *text, size_t len, struct converted *ret)
{
    struct time_parts parts;
    char buf[40];

    if (!time_parse_date(text, len, &parts))
        return FORM_BAD;
    if (enc->kind == ENCODE_DATE_DAYS) {
        ret->integer = parts.special == TIME_FINITE     ? parts.days
                       : parts.special == TIME_INFINITY ? INFINITY_DAYS
                                                        : MINUS_INFINITY_DAYS;
        return FORM_INTEGER;
    }
    if (parts.special != TIME_FINITE) {
        cv_buf_str(&ret->bytes, parts.special == TIME_INFINITY ? "-5877611-06-21Z" : "-5877611-06-22Z");
        return FORM_TEXT;
    }
    cv_buf_add(&ret->bytes, buf, (size_t)(time_write_date(parts.days, buf) - buf));
    cv_buf_char(&ret->bytes, 'Z');
    return FORM_TEXT;
}

static enum form
convert_time(const struct encode *enc, const char *text, size_t len, struct converted *ret)
{
    struct time_parts parts;
    char buf[40];
    bool zone = enc->kind == ENCODE_TIMETZ;

    if (!time_parse_time(text, len, zone, &parts))
        return FORM_BAD;
    switch (enc->kind) {
    case ENCODE_TIME_MS:
        ret->integer = parts.us_of_day / 1000;
        return FORM_INTEGER;
    case ENCODE_TIME_US:
        ret->integer = parts.us_of_day;
        return FORM_INTEGER;
    case ENCODE_TIME_NS:
        ret->integer = parts.us_of_day * 1000;
        return FORM_INTEGER;
    default:
        break;
    }
    if (enc->kind == ENCODE_TIME_ISO && parts.us_of_day == INT64_C(86400000000))
        parts.us_of_day = 0; /* 24:00 is no LocalTime */
    if (zone) {
        const int64_t day = INT64_C(86400000000);
        int64_t us = (parts.us_of_day - (int64_t)parts.zone_s * 1000000) % day;

        parts.us_of_day = us < 0 ? us + day : us;
    }
    cv_buf_add(&ret->bytes, buf, (size_t)(time_write_time(parts.us_of_day, -1, buf) - buf));
    cv_buf_char(&ret->bytes, 'Z');
    return FORM_TEXT;
}

static enum form
convert_timestamp_number(const struct encode *enc, const struct time_parts *parts, struct converted *ret)
{
    const bool finite = parts->special == TIME_FINITE, late = parts->special == TIME_INFINITY;

    if (enc->kind == ENCODE_TIMESTAMP_MS)
        ret->integer = finite ? time_epoch_ms(parts) : late ? INFINITY_US / 1000 : MINUS_INFINITY_US / 1000;
    else if (enc->kind == ENCODE_TIMESTAMP_US)
        ret->integer = finite ? time_epoch_us(parts) : late ? INFINITY_US : MINUS_INFINITY_US;
    else
        ret->integer = finite ? time_epoch_ns(parts) : late ? INFINITY_NS : MINUS_INFINITY_NS;
    return FORM_INTEGER;
}

/* ISO text in UTC with the column's number of fraction digits. */
static enum form
convert_timestamp_text(const struct encode *enc, struct time_parts *parts, struct cv_buf *out)
{
    const int64_t day = INT64_C(86400000000);
    char buf[64], *p = buf;

    if (parts->special != TIME_FINITE) {
        bool late = parts->special == TIME_INFINITY;

        if (enc->kind == ENCODE_TIMESTAMPTZ)
            cv_buf_str(out, late ? "infinity" : "-infinity");
        else
            cv_buf_str(out, late ? "+294247-01-10T04:00:25.2Z" : "-290308-12-21T19:59:27.6Z");
        return FORM_TEXT;
    }
    if (parts->zone_s != 0) {
        int64_t us = parts->us_of_day - (int64_t)parts->zone_s * 1000000;

        parts->days += floor_div(us, day);
        parts->us_of_day = us - floor_div(us, day) * day;
    }
    p = time_write_date(parts->days, p);
    *p++ = 'T';
    p = time_write_time(parts->us_of_day, enc->scale, p);
    *p++ = 'Z';
    cv_buf_add(out, buf, (size_t)(p - buf));
    return FORM_TEXT;
}

static enum form
convert_timestamp(const struct encode *enc, const char *text, size_t len, struct converted *ret)
{
    struct time_parts parts;

    if (!time_parse_timestamp(text, len, enc->kind == ENCODE_TIMESTAMPTZ, &parts))
        return FORM_BAD;
    if (enc->kind == ENCODE_TIMESTAMPTZ || enc->kind == ENCODE_TIMESTAMP_ISO)
        return convert_timestamp_text(enc, &parts, &ret->bytes);
    return convert_timestamp_number(enc, &parts, ret);
}

static enum form
convert_interval(const struct encode *enc, const char *text, size_t len, struct converted *ret)
{
    struct time_interval interval;
    char buf[128];

    if (!time_parse_interval(text, len, &interval))
        return FORM_BAD;
    if (enc->kind == ENCODE_INTERVAL_US) {
        ret->integer = time_interval_us(&interval);
        return FORM_INTEGER;
    }
    cv_buf_add(&ret->bytes, buf, (size_t)(time_write_interval(&interval, buf) - buf));
    return FORM_TEXT;
}
enum form
encode_convert_clock(const struct encode *enc, const char *text, size_t len, struct converted *ret)
{
    switch (enc->kind) {
    case ENCODE_DATE_DAYS:
    case ENCODE_DATE_ISO:
        return convert_date(enc, text, len, ret);
    case ENCODE_TIME_MS:
    case ENCODE_TIME_US:
    case ENCODE_TIME_NS:
    case ENCODE_TIME_ISO:
    case ENCODE_TIMETZ:
        return convert_time(enc, text, len, ret);
    case ENCODE_TIMESTAMP_MS:
    case ENCODE_TIMESTAMP_US:
    case ENCODE_TIMESTAMP_NS:
    case ENCODE_TIMESTAMP_ISO:
    case ENCODE_TIMESTAMPTZ:
        return convert_timestamp(enc, text, len, ret);
    case ENCODE_INTERVAL_US:
    case ENCODE_INTERVAL_ISO:
        return convert_interval(enc, text, len, ret);
    default:
        return FORM_BAD;
    }
}
