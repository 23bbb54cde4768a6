/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log-linear latency histogram: 16 linear steps a power of two, so a value is off by at most 1/16. Counts
 * are atomics (relaxed): any thread records, any thread reads a snapshot.
 */
#ifndef COMMON_HISTOGRAM_H
#define COMMON_HISTOGRAM_H

#include <stdatomic.h>

#include <culvert/err.h>

#define CV_HISTOGRAM_STEPS 16
#define CV_HISTOGRAM_SIZE  (CV_HISTOGRAM_STEPS * 60)

struct cv_histogram {
    _Atomic uint64_t counts[CV_HISTOGRAM_SIZE];
    _Atomic uint64_t count;
    _Atomic uint64_t sum;
    _Atomic uint64_t max;
};

void cv_histogram_reset(struct cv_histogram *h);
void cv_histogram_record(struct cv_histogram *h, uint64_t value);
uint64_t cv_histogram_count(const struct cv_histogram *h);
uint64_t cv_histogram_sum(const struct cv_histogram *h);
uint64_t cv_histogram_max(const struct cv_histogram *h);
/* The value at or below which the fraction q (0..1) of all lie; 0 when empty. */
uint64_t cv_histogram_quantile(const struct cv_histogram *h, double q);
/* How many values are at or below bound, or less than one step above it: for Prometheus buckets. */
uint64_t cv_histogram_below(const struct cv_histogram *h, uint64_t bound);

#endif
