/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "worker/group/stats.h"

enum cv_rc
group_stats_init(struct group_stats *stats, const struct cv_window_spec *window, struct cv_err *err)
{
    enum cv_rc rc = CV_OK;

    for (size_t i = 0; rc == CV_OK && i < GROUP_STATS; i++)
        rc = cv_tally_init(&stats->of[i], window, err);
    for (size_t i = 0; rc == CV_OK && i < WIRE_TALLIES; i++)
        rc = cv_tally_init(&stats->wire[i], window, err);
    return rc;
}

void
group_stats_done(struct group_stats *stats)
{
    for (size_t i = 0; i < GROUP_STATS; i++)
        cv_tally_done(&stats->of[i]);
    for (size_t i = 0; i < WIRE_TALLIES; i++)
        cv_tally_done(&stats->wire[i]);
}
