/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log-linear latency histogram.
 *
 * Values below 16 have a bucket each; above, every power of two is cut into 16 equal steps. The last bucket
 * also takes what is beyond it (from 2^63 on). Writers and readers share nothing but relaxed atomics: a reader
 * may miss what is being recorded at that moment, no more.
 */
#include "common/histogram.h"

#define STEP_BITS 4
_Static_assert(CV_HISTOGRAM_STEPS == 1 << STEP_BITS, "steps are counted in bits");

static size_t
bucket_of(uint64_t value)
{
    size_t power;
    size_t at;

    if (value < CV_HISTOGRAM_STEPS)
        return (size_t)value;
    power = 63 - (size_t)__builtin_clzll(value);
    at = (power - STEP_BITS + 1) * CV_HISTOGRAM_STEPS +
         ((value >> (power - STEP_BITS)) & (CV_HISTOGRAM_STEPS - 1));
    return at < CV_HISTOGRAM_SIZE ? at : CV_HISTOGRAM_SIZE - 1;
}

/* The greatest value of a bucket. */
static uint64_t
bucket_top(size_t at)
{
    size_t shift;

    if (at < CV_HISTOGRAM_STEPS)
        return at;
    if (at == CV_HISTOGRAM_SIZE - 1)
        return UINT64_MAX;
    shift = at / CV_HISTOGRAM_STEPS - 1;
    return ((uint64_t)(CV_HISTOGRAM_STEPS + at % CV_HISTOGRAM_STEPS + 1) << shift) - 1;
}

static uint64_t
load(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void
cv_histogram_reset(struct cv_histogram *h)
{
    for (size_t i = 0; i < CV_HISTOGRAM_SIZE; i++)
        atomic_store_explicit(&h->counts[i], 0, memory_order_relaxed);
    atomic_store_explicit(&h->count, 0, memory_order_relaxed);
    atomic_store_explicit(&h->sum, 0, memory_order_relaxed);
    atomic_store_explicit(&h->max, 0, memory_order_relaxed);
}

void
cv_histogram_record(struct cv_histogram *h, uint64_t value)
{
    uint64_t max = load(&h->max);

    atomic_fetch_add_explicit(&h->counts[bucket_of(value)], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&h->count, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&h->sum, value, memory_order_relaxed);
    while (value > max && !atomic_compare_exchange_weak_explicit(
                              &h->max, &max, value, memory_order_relaxed, memory_order_relaxed))
        ;
}

uint64_t
cv_histogram_count(const struct cv_histogram *h)
{
    return load(&h->count);
}

uint64_t
cv_histogram_sum(const struct cv_histogram *h)
{
    return load(&h->sum);
}

uint64_t
cv_histogram_max(const struct cv_histogram *h)
{
    return load(&h->max);
}

uint64_t
cv_histogram_quantile(const struct cv_histogram *h, double q)
{
    uint64_t max = load(&h->max);
    uint64_t total = 0;
    uint64_t seen = 0;
    uint64_t wanted;

    for (size_t i = 0; i < CV_HISTOGRAM_SIZE; i++)
        total += load(&h->counts[i]);
    if (total == 0)
        return 0;
    q = q > 0 ? (q < 1 ? q : 1) : 0;
    wanted = (uint64_t)(q * (double)total);
    /* Round up: the value of the median of three is that of the second. At least one counts. */
    if ((double)wanted < q * (double)total || wanted == 0)
        wanted++;
    for (size_t i = 0; i < CV_HISTOGRAM_SIZE; i++) {
        seen += load(&h->counts[i]);
        if (seen >= wanted)
            return bucket_top(i) < max ? bucket_top(i) : max;
    }
    return max;
}

uint64_t
cv_histogram_below(const struct cv_histogram *h, uint64_t bound)
{
    size_t last = bucket_of(bound);
    uint64_t seen = 0;

    /* The bucket of the bound counts as a whole: a value equal to the bound is never left out. */
    for (size_t i = 0; i <= last; i++)
        seen += load(&h->counts[i]);
    return seen;
}
