/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wall and monotonic time, from one place so that tests can stop and move them. Any thread.
 *
 * The broken-down time is computed here: gmtime_r takes libc's time zone lock for every log line.
 */
#include <config.h>

#include "common/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define MS_PER_DAY INT64_C(86400000)

static atomic_bool clock_stopped;
static _Atomic int64_t clock_wall_ms;
static _Atomic int64_t clock_mono_ms;

static int64_t
read_ns(clockid_t id)
{
    struct timespec ts;

    if (atomic_load_explicit(&clock_stopped, memory_order_acquire))
        return 1000000 *
               (id == CLOCK_REALTIME ? atomic_load(&clock_wall_ms) : atomic_load(&clock_mono_ms));
    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t
cv_now_ms(void)
{
    return read_ns(CLOCK_REALTIME) / 1000000;
}

cv_time_us
cv_now_us(void)
{
    return read_ns(CLOCK_REALTIME) / 1000;
}

int64_t
cv_now_ns(void)
{
    return read_ns(CLOCK_REALTIME);
}

int64_t
cv_mono_ms(void)
{
    return read_ns(CLOCK_MONOTONIC) / 1000000;
}

cv_time_us
cv_mono_us(void)
{
    return read_ns(CLOCK_MONOTONIC) / 1000;
}

/* Days since 1970 to the proleptic Gregorian date; years are counted from 1 March, so that the leap
   day is the last of its year. */
static void
civil_from_days(int64_t days, int64_t *ret_year, int *ret_month, int *ret_day)
{
    int64_t shifted = days + 719468; /* days since 0000-03-01 */
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t doe = shifted - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;

    *ret_day = (int)(doy - (153 * mp + 2) / 5 + 1);
    *ret_month = (int)(mp < 10 ? mp + 3 : mp - 9);
    *ret_year = yoe + era * 400 + (*ret_month <= 2 ? 1 : 0);
}

static void
put_digits(char *out, int value, int count)
{
    while (count-- > 0) {
        out[count] = (char)('0' + value % 10);
        value /= 10;
    }
}

void
cv_format_iso_ms(int64_t ms, char out[CV_ISO_MAX])
{
    int64_t days = ms / MS_PER_DAY;
    int64_t rest = ms % MS_PER_DAY;
    int64_t year;
    int month;
    int day;
    int in_day;

    if (rest < 0) {
        rest += MS_PER_DAY;
        days--;
    }
    in_day = (int)rest;
    civil_from_days(days, &year, &month, &day);
    if (year >= 0 && year <= 9999) { /* by hand: printf costs more than all the rest */
        memcpy(out, "0000-00-00T00:00:00.000Z", 25);
        put_digits(out, (int)year, 4);
        put_digits(out + 5, month, 2);
        put_digits(out + 8, day, 2);
        put_digits(out + 11, in_day / 3600000, 2);
        put_digits(out + 14, in_day / 60000 % 60, 2);
        put_digits(out + 17, in_day / 1000 % 60, 2);
        put_digits(out + 20, in_day % 1000, 3);
        return;
    }
    snprintf(out, CV_ISO_MAX, "%04lld-%02d-%02dT%02d:%02d:%02d.%03dZ", (long long)year, month, day,
             in_day / 3600000, in_day / 60000 % 60, in_day / 1000 % 60, in_day % 1000);
}

void
cv_clock_test_stop(int64_t wall_ms, int64_t mono_ms)
{
    atomic_store(&clock_wall_ms, wall_ms);
    atomic_store(&clock_mono_ms, mono_ms);
    atomic_store_explicit(&clock_stopped, true, memory_order_release);
}

void
cv_clock_test_advance(int64_t ms)
{
    atomic_fetch_add(&clock_wall_ms, ms);
    atomic_fetch_add(&clock_mono_ms, ms);
}

void
cv_clock_test_run(void)
{
    atomic_store_explicit(&clock_stopped, false, memory_order_release);
}
