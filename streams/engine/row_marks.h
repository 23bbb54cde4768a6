/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The place in the log of the last event of each row, for sources with dedupe = 'row', whose events do not come in
 * the order of the log: what tells redelivered events apart is then kept with the row instead of the partition. Rows
 * that were deleted keep theirs, so that an insert that comes again does not bring them back.
 */
#ifndef STREAMS_ENGINE_ROW_MARKS_H
#define STREAMS_ENGINE_ROW_MARKS_H

#include "streams/sql/plan.h"
#include "streams/store/state.h"

struct row_marks;

CV_MUST_CHECK
enum cv_rc row_marks_new(struct database *db, const struct plan_source *source, struct row_marks **ret,
                         struct cv_err *err);
void row_marks_free(struct row_marks *marks); /* before its database is closed */

/* The mark of the row with that key; zero if there is none. Only its LSNs are filled. */
CV_MUST_CHECK
enum cv_rc row_marks_get(struct row_marks *marks, const struct cell *row, struct position *ret,
                         struct cv_err *err);
/* Keep it for the row that was asked for last. */
CV_MUST_CHECK
enum cv_rc row_marks_put(struct row_marks *marks, const struct position *pos, struct cv_err *err);

#endif
