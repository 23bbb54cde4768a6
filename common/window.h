/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of the recent past: so many samples of so many ms, as Kafka's metrics keep them
 * (metrics.num.samples, metrics.sample.window.ms). One thread records; any thread reads, and may see
 * a value half counted.
 */
#ifndef COMMON_WINDOW_H
#define COMMON_WINDOW_H

#include <stdatomic.h>

#include <culvert/err.h>

struct cv_window_sample {
    _Atomic int64_t start_ms;
    _Atomic uint64_t count;
    _Atomic double sum;
    _Atomic double min;
    _Atomic double max;
};

struct cv_window {
    int64_t sample_ms;
    unsigned n_samples;
    _Atomic unsigned current;
    struct cv_window_sample *samples; /* NULL: nothing is kept */
};

struct cv_window_spec {
    int64_t sample_ms;
    unsigned n_samples;
};

/* Of no samples: nothing is kept. */
CV_MUST_CHECK enum cv_rc cv_window_init(struct cv_window *window, const struct cv_window_spec *spec,
                                        struct cv_err *err);
void cv_window_done(struct cv_window *window); /* accepts a zeroed one */
void cv_window_record(struct cv_window *window, double value);

/* A window with totals of all time. */
struct cv_tally {
    struct cv_window window;
    atomic_uint_fast64_t count;
    atomic_int_fast64_t sum;
    atomic_int_fast64_t last_ms; /* monotonic time of the last value; 0: none yet */
};

CV_MUST_CHECK enum cv_rc cv_tally_init(struct cv_tally *tally, const struct cv_window_spec *spec,
                                       struct cv_err *err);
void cv_tally_done(struct cv_tally *tally); /* accepts a zeroed one */
void cv_tally_count(struct cv_tally *tally, int64_t value);

/* NaN without a value. */
double cv_window_avg(const struct cv_window *window);
double cv_window_min(const struct cv_window *window);
double cv_window_max(const struct cv_window *window);
/* Sum of values, or their count, a second; 0 without a value. */
double cv_window_rate(const struct cv_window *window);
double cv_window_count_rate(const struct cv_window *window);

#endif
