/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events to the rows of a source's table: redelivered ones are told apart, unchanged values filled
 * in from the stored row, the row written, the change described.
 */
#ifndef STREAMS_ENGINE_APPLY_H
#define STREAMS_ENGINE_APPLY_H

#include "streams/io/source.h"
#include "streams/store/relation.h"
#include "streams/store/rows.h"
#include "streams/store/state.h"

enum applied {
    APPLIED_CHANGE,    /* a row changed */
    APPLIED_TRUNCATE,  /* all rows go: call applier_truncate_next until it says no */
    APPLIED_DUPLICATE, /* redelivered */
    APPLIED_NOTHING,   /* delete of an unknown row, companion tombstone, message event */
};

struct applier;

CV_MUST_CHECK
enum cv_rc applier_new(struct database *db, const struct plan_source *source, struct applier **ret,
                       struct cv_err *err);
void applier_free(struct applier *ap);

/*
 * Apply an event read at pos, whose mark is moved. Except on failure: then neither table nor mark
 * has changed. change is filled for APPLIED_CHANGE, except partition and offset, and borrowed until
 * the next call. key is the record's. record_ts_ms stands in where the event has no commit time.
 */
CV_MUST_CHECK
enum cv_rc applier_apply(struct applier *ap, const struct event *event, struct cv_bytes key,
                         int64_t record_ts_ms, struct position *pos, enum applied *ret,
                         struct change *change, struct cv_err *err);
/* Delete the first row that is left as part of a truncate. *ret_more false: none was left. */
CV_MUST_CHECK
enum cv_rc applier_truncate_next(struct applier *ap, const struct event *event,
                                 int64_t record_ts_ms, struct change *change, bool *ret_more,
                                 struct cv_err *err);

/*
 * The verdict on an event by position in the log alone. A change's place is (last commit before it,
 * its own LSN): LSNs alone go back where transactions overlap, and rows of one WAL record share
 * theirs.
 */
enum redelivery {
    REDELIVERY_NO,
    REDELIVERY_YES,
    REDELIVERY_IF_SAME, /* yes if the stored row is already as the event says */
};
enum redelivery redelivery_of(const struct event *event, const struct position *pos);

#endif
