/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "worker/group/stats.h"

#include "common/clock.h"

enum cv_rc
group_stats_init(struct group_stats *stats, const struct cv_window_spec *window, struct cv_err *err)
{
    enum cv_rc rc = CV_OK;

    for (size_t i = 0; rc == CV_OK && i < GROUP_STATS; i++)
        rc = cv_window_init(&stats->windows[i], window, err);
    return rc;
}

void
group_stats_done(struct group_stats *stats)
{
    for (size_t i = 0; i < GROUP_STATS; i++)
        cv_window_done(&stats->windows[i]);
}

void
group_stats_count(struct group_stats *stats, enum group_stat which, int64_t took_ms)
{
    cv_window_record(&stats->windows[which], (double)took_ms);
    atomic_fetch_add_explicit(&stats->totals[which], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&stats->total_ms[which], took_ms, memory_order_relaxed);
    atomic_store_explicit(&stats->last_ms[which], cv_mono_ms(), memory_order_relaxed);
}
