/* SPDX-License-Identifier: Apache-2.0 */
/* Dates, times and intervals as PostgreSQL prints them in ISO style, to numbers and to ISO 8601 text. */
#ifndef POSTGRES_ENCODE_TIME_H
#define POSTGRES_ENCODE_TIME_H

#include <culvert/err.h>

enum time_special { TIME_FINITE, TIME_INFINITY, TIME_MINUS_INFINITY };

/* A parsed date, time or timestamp. Parts that the text lacks are zero. */
struct time_parts {
    enum time_special special;
    int64_t days;      /* since 1970-01-01, proleptic Gregorian */
    int64_t us_of_day; /* 0 to 86,400,000,000 (24:00:00) */
    int32_t zone_s;    /* seconds east of UTC */
};

/* Days since 1970-01-01 of a civil date. */
int64_t time_days_from_civil(int64_t year, int month, int day);

/* false: not such a text. */
bool time_parse_date(const char *text, size_t len, struct time_parts *ret);
bool time_parse_time(const char *text, size_t len, bool zone, struct time_parts *ret);
bool time_parse_timestamp(const char *text, size_t len, bool zone, struct time_parts *ret);

/* Time since 1970 of a timestamp, zone taken off. Beyond what 64 bits hold it is what Java makes of it. */
int64_t time_epoch_ms(const struct time_parts *parts);
int64_t time_epoch_us(const struct time_parts *parts);
int64_t time_epoch_ns(const struct time_parts *parts);

/* "2024-02-29", "+21016-01-01", "-4712-01-01"; room: 24. Returns the byte behind. */
char *time_write_date(int64_t days, char *out);
/* "12:34:56" and a fraction of digits digits (-1: as few as needed, none if zero); room: 20. */
char *time_write_time(int64_t us_of_day, int digits, char *out);

/* Interval: months, days and microseconds. */
struct time_interval {
    int64_t months;
    int64_t days;
    int64_t us;
};
bool time_parse_interval(const char *text, size_t len, struct time_interval *ret);
/* Debezium's MicroDuration: a month is 30.4375 days, in double arithmetic; it stays at the ends of 64 bits. */
int64_t time_interval_us(const struct time_interval *interval);
/* "P1Y2M3DT4H5M6.78S"; room: 120. */
char *time_write_interval(const struct time_interval *interval, char *out);

#endif
