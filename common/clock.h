/* SPDX-License-Identifier: Apache-2.0 */
/* Wall and monotonic time. Tests can move both (cv_clock_test_*); any thread. */
#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H

#include <culvert/err.h>

typedef int64_t cv_time_us; /* since 1970, or monotonic where the name says so */

int64_t cv_now_ms(void); /* wall */
cv_time_us cv_now_us(void);
int64_t cv_now_ns(void);
int64_t cv_mono_ms(void); /* for deadlines; never goes back */
cv_time_us cv_mono_us(void);

/* "2024-10-25T03:33:01.123Z" */
#define CV_ISO_MAX 32
void cv_format_iso_ms(int64_t ms, char out[CV_ISO_MAX]);

/* Tests only: stop both clocks at these times, move them, and let them run again. */
void cv_clock_test_stop(int64_t wall_ms, int64_t mono_ms);
void cv_clock_test_advance(int64_t ms);
void cv_clock_test_run(void);

#endif
