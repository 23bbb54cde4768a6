/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of one state table whose time is over, deleted in small steps: a hand goes round the primary
 * key, so that no index on the time is needed. Task's thread and connection.
 */
#ifndef STREAMS_ENGINE_EXPIRY_H
#define STREAMS_ENGINE_EXPIRY_H

#include "streams/sql/plan.h"

struct expiry;

CV_MUST_CHECK
enum cv_rc expiry_new(struct database *db, const struct plan_state *state, struct expiry **ret,
                      struct cv_err *err);
void expiry_free(struct expiry *ex);
/* One step, in SQLite's open transaction: delete what the watermark leaves behind. */
CV_MUST_CHECK
enum cv_rc expiry_step(struct expiry *ex, int64_t watermark_ms, struct cv_err *err);
/* In the middle of a round: the next step need not wait for the watermark. */
bool expiry_under_way(const struct expiry *ex);

#endif
