/* SPDX-License-Identifier: Apache-2.0 */
/* Days and times of day of the Gregorian calendar, extended to all years, in UTC. No time zones, no locale. (Java's
   old date classes read days before 15 October 1582 in the Julian calendar; this does not.) */
#ifndef DATA_CALENDAR_H
#define DATA_CALENDAR_H

#include <stdint.h>

#define MS_PER_DAY INT64_C(86400000)

struct calendar {
    int64_t year; /* 0 is 1 BC */
    int month;    /* 1 to 12 */
    int day;      /* 1 to 31 */
    int hour;
    int minute;
    int second;
    int ms;
    int weekday; /* 0 is Sunday */
    int yearday; /* 1 to 366 */
};

void calendar_of_ms(int64_t ms, struct calendar *ret);
/* Days since 1970-01-01; month and day may be out of their ranges and carry over. */
int64_t calendar_days(int64_t year, int64_t month, int64_t day);

extern const char *const calendar_months[12];  /* January */
extern const char *const calendar_weekdays[7]; /* Sunday */

#endif
