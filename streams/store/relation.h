/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "<table>_changes" and "<table>_delta": the changes that are being processed, as relations that
 * queries read. They are eponymous-only virtual tables, so nothing is written to the schema and the
 * file stays readable by the plain sqlite3 shell.
 *
 * Columns of _changes, one row a change: those of the table (the new image; for a delete the old
 * one), old_<column> for each, _op (c u d r), _ts, _commit_ts (ms), _lsn, _txid, _partition,
 * _offset, _snapshot. Of _delta, one row for each image that came (_w = 1) or went (_w = -1): those
 * of the table, _w, _ts, _commit_ts.
 */
#ifndef STREAMS_STORE_RELATION_H
#define STREAMS_STORE_RELATION_H

#include "streams/store/table.h"

#define CHANGE_NONE INT64_MIN /* of a number that the event does not have */

struct change {
    const struct cell *row; /* new image; for a delete the old one */
    const struct cell *old; /* NULL: there was none */
    char op;                /* c u d r */
    bool snapshot;
    int64_t ts_ms;
    int64_t commit_ts_ms;
    int64_t lsn;
    int64_t txid;
    int32_t partition;
    int64_t offset;
};

struct relation;

/* Register both on the connection. The table must outlive the connection, the relation is freed
   with it. */
CV_MUST_CHECK
enum cv_rc relation_new(struct database *db, const struct table *table, struct relation **ret,
                        struct cv_err *err);
/* What the relations hold from now on. Borrowed. Statements that are to see more than one change
   must be prepared after relation_expect_many(rel, true). */
void relation_show(struct relation *rel, const struct change *changes, size_t count);
void relation_expect_many(struct relation *rel, bool many);

#endif
