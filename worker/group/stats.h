/* SPDX-License-Identifier: Apache-2.0 */
/* What a member counts: how often, how long, when last. Each kind is counted by one thread, the herder's or the
   coordinator's; any thread reads. */
#ifndef WORKER_GROUP_STATS_H
#define WORKER_GROUP_STATS_H

#include "common/window.h"
#include "common/wire/settings.h"

/* Of ms. */
enum group_stat {
    GROUP_STAT_HEARTBEAT, /* answered */
    GROUP_STAT_JOIN,      /* JoinGroup answered */
    GROUP_STAT_SYNC,      /* SyncGroup answered */
    GROUP_STAT_REBALANCE, /* a round complete */
    GROUP_STAT_FAILED,    /* a round off */
    GROUP_STATS
};

struct group_stats {
    struct cv_tally of[GROUP_STATS];
    struct cv_tally wire[WIRE_TALLIES]; /* the coordinator's connection */
};

CV_MUST_CHECK enum cv_rc group_stats_init(struct group_stats *stats, const struct cv_window_spec *window,
                                          struct cv_err *err);
void group_stats_done(struct group_stats *stats);

#endif
