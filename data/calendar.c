/* SPDX-License-Identifier: Apache-2.0 */
/* Calendar arithmetic: years begin in March here, so that the leap day is the last of its year. */
#include <config.h>

#include "data/calendar.h"

#define DAYS_400Y INT64_C(146097)

const char *const calendar_months[12] = { "January", "February", "March",     "April",   "May",      "June",
                                          "July",    "August",   "September", "October", "November", "December" };
const char *const calendar_weekdays[7] = { "Sunday",   "Monday", "Tuesday", "Wednesday",
                                           "Thursday", "Friday", "Saturday" };

static int64_t
floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static int64_t
floor_mod(int64_t a, int64_t b)
{
    return a % b + (a % b < 0 ? b : 0);
}

int64_t
calendar_days(int64_t year, int64_t month, int64_t day)
{
    int64_t y = year + floor_div(month - 1, 12);
    int64_t m = floor_mod(month - 1, 12); /* 0 is January */
    int64_t era, in_era, since_march;

    if (m < 2)
        y--;
    since_march = (m + 10) % 12;
    era = floor_div(y, 400);
    in_era = floor_mod(y, 400);
    return era * DAYS_400Y + in_era * 365 + in_era / 4 - in_era / 100 + (153 * since_march + 2) / 5 + day - 1 -
           719468;
}

void
calendar_of_ms(int64_t ms, struct calendar *ret)
{
    int64_t days = floor_div(ms, MS_PER_DAY);
    int64_t rest = floor_mod(ms, MS_PER_DAY);
    int64_t z = days + 719468; /* days since 0000-03-01 */
    int64_t era = floor_div(z, DAYS_400Y);
    int64_t day = floor_mod(z, DAYS_400Y);
    int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    int64_t march = day - (365 * year + year / 4 - year / 100); /* day of the year from 1 March, 0 to 365 */
    int64_t month = (5 * march + 2) / 153;

    ret->day = (int)(march - (153 * month + 2) / 5 + 1);
    ret->month = (int)(month < 10 ? month + 3 : month - 9);
    ret->year = year + era * 400 + (ret->month <= 2);
    ret->hour = (int)(rest / 3600000);
    ret->minute = (int)(rest / 60000 % 60);
    ret->second = (int)(rest / 1000 % 60);
    ret->ms = (int)(rest % 1000);
    ret->weekday = (int)floor_mod(days + 4, 7);
    ret->yearday = (int)(days - calendar_days(ret->year, 1, 1) + 1);
}
