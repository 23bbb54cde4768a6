/* SPDX-License-Identifier: Apache-2.0 */
/* Forget what an application has done, so that it begins anew: culvert-streams reset. */
#ifndef STREAMS_RESET_H
#define STREAMS_RESET_H

#include <stdio.h>

#include "streams/sql/plan.h"
#include "streams/streams_config.h"

/*
 * Delete the group with its offsets, changelog and repartition topics, and this worker's state
 * directory, each named to out. What it wrote to its sinks stays. CV_CONFLICT: a worker still runs;
 * nothing was deleted.
 */
CV_MUST_CHECK
enum cv_rc streams_reset(const struct streams_config *config, const struct plan *plan, FILE *out,
                         struct cv_err *err);

/* Only the rows of one state table; all else goes on. As above. */
CV_MUST_CHECK
enum cv_rc streams_reset_table(const struct streams_config *config, const struct plan *plan,
                               const char *table, FILE *out, struct cv_err *err);

#endif
