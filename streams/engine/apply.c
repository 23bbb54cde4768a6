/* SPDX-License-Identifier: Apache-2.0 */
/* Events to rows; see apply.h. */
#include "streams/engine/apply.h"

#include <stdlib.h>
#include <string.h>

#include "common/murmur2.h"
#include "streams/engine/row_marks.h"

struct applier {
    const struct plan_source *source;
    struct rows *rows; /* NULL: of a stream */
    struct row_marks *marks; /* dedupe = 'row'; else NULL */
    struct cell *row; /* the new image with unchanged values filled in */
    struct cell *old;
    struct cv_buf old_copy;
};

enum cv_rc
applier_new(struct database *db, const struct plan_source *source, struct applier **ret,
            struct cv_err *err)
{
    struct applier *ap = calloc(1, sizeof(*ap));
    enum cv_rc rc;

    if (ap == NULL)
        return cv_fail_memory(err);
    ap->source = source;
    ap->row = calloc(source->table->n_columns, sizeof(*ap->row));
    ap->old = calloc(source->table->n_columns, sizeof(*ap->old));
    if (ap->row == NULL || ap->old == NULL)
        rc = cv_fail_memory(err);
    else
        rc = source->stream ? CV_OK : rows_new(db, source->table, &ap->rows, err);
    if (rc == CV_OK && source->dedupe == PLAN_DEDUPE_ROW)
        rc = row_marks_new(db, source, &ap->marks, err);
    if (rc != CV_OK) {
        applier_free(ap);
        return rc;
    }
    *ret = ap;
    return CV_OK;
}

void
applier_free(struct applier *ap)
{
    if (ap == NULL)
        return;
    rows_free(ap->rows);
    row_marks_free(ap->marks);
    cv_buf_free(&ap->old_copy);
    free(ap->row);
    free(ap->old);
    free(ap);
}

/* ---- redelivery ---- */

static enum redelivery
live_redelivery(int64_t commit, int64_t lsn, const struct position *pos)
{
    if (pos->lsn == 0)
        return REDELIVERY_NO;
    if (lsn == pos->lsn && (commit == pos->commit_lsn || pos->commit_lsn == 0))
        return REDELIVERY_IF_SAME; /* rows of one WAL record: COPY, a changed key */
    if (commit == 0 &&
        pos->commit_lsn >
            0) /* the connector does not know: only what is beyond both is surely new */
        return lsn > pos->commit_lsn && lsn > pos->lsn ? REDELIVERY_NO : REDELIVERY_IF_SAME;
    if (commit > 0 && pos->commit_lsn == 0)
        return commit > pos->lsn || lsn > pos->lsn ? REDELIVERY_NO : REDELIVERY_YES;
    if (commit != pos->commit_lsn)
        return commit > pos->commit_lsn ? REDELIVERY_NO : REDELIVERY_YES;
    return lsn > pos->lsn ? REDELIVERY_NO : REDELIVERY_YES;
}

enum redelivery
redelivery_of(const struct event *event, const struct position *pos)
{
    if (event->lsn == CHANGE_NONE || event->snapshot == EVENT_INCREMENTAL)
        return REDELIVERY_NO;
    if (event->snapshot == EVENT_SNAPSHOT)
        return event->lsn == pos->snapshot_lsn ? REDELIVERY_IF_SAME : REDELIVERY_NO;
    return live_redelivery(event->commit_lsn == CHANGE_NONE ? 0 : event->commit_lsn, event->lsn,
                           pos);
}

/* After an event that was not simply dropped. */
static void
move_mark(const struct event *event, struct position *pos)
{
    int64_t commit = event->commit_lsn == CHANGE_NONE ? 0 : event->commit_lsn;

    if (event->lsn == CHANGE_NONE || event->snapshot == EVENT_INCREMENTAL)
        return;
    if (event->snapshot == EVENT_SNAPSHOT) {
        /* What follows a snapshot may lie before its LSN: transactions that it did not see. */
        pos->snapshot_lsn = event->lsn;
        pos->commit_lsn = pos->lsn = 0;
        return;
    }
    if (commit == 0 && pos->commit_lsn > 0) {
        if (event->lsn > pos->lsn)
            pos->lsn = event->lsn;
        return;
    }
    pos->commit_lsn = commit;
    pos->lsn = event->lsn;
}

/* ---- rows ---- */

static void
fill_unchanged(struct applier *ap, const struct event *event, bool found)
{
    for (size_t i = 0; i < ap->source->table->n_columns; i++) {
        ap->row[i] = event->row[i];
        if (ap->row[i].kind == CELL_UNCHANGED)
            ap->row[i] = found ? ap->old[i] : (struct cell){ .kind = CELL_NULL };
    }
}

static bool
same_row(const struct applier *ap)
{
    for (size_t i = 0; i < ap->source->table->n_columns; i++) {
        if (!cell_equal(&ap->row[i], &ap->old[i]))
            return false;
    }
    return true;
}

/* An unchanged value of a row that we never saw is unknown; a column that must not be null cannot
 * take that. */
static enum cv_rc
check_unknown(const struct applier *ap, const struct event *event, struct cv_err *err)
{
    const struct table *table = ap->source->table;

    for (size_t i = 0; i < table->n_columns; i++) {
        if (event->row[i].kind == CELL_UNCHANGED && table->columns[i].not_null)
            return cv_fail(err, CV_INVALID,
                           "column \"%s\" is NOT NULL, but its value is marked as unchanged and "
                           "the row is not known",
                           table->columns[i].name);
    }
    return CV_OK;
}

static void
describe(const struct applier *ap, const struct event *event, int64_t record_ts_ms,
         const struct cell *row, const struct cell *old, char op, struct change *change)
{
    int column = ap->source->event_time;

    *change = (struct change){ .row = row,
                               .old = old,
                               .op = op,
                               .snapshot = event->snapshot != EVENT_LIVE,
                               .commit_ts_ms = event->commit_ts_ms,
                               .lsn = event->lsn,
                               .txid = event->txid };
    if (change->commit_ts_ms == CHANGE_NONE && record_ts_ms >= 0)
        change->commit_ts_ms = record_ts_ms;
    change->ts_ms = event->ts_ms != CHANGE_NONE ? event->ts_ms : change->commit_ts_ms;
    if (event->ts_ms == CHANGE_NONE && column >= 0 && row[column].kind == CELL_INTEGER)
        change->ts_ms = row[column].integer;
}

static enum cv_rc
upsert(struct applier *ap, const struct event *event, int64_t record_ts_ms, enum redelivery verdict,
       bool found, enum applied *ret, struct change *change, struct cv_err *err)
{
    bool same;

    if (!found && check_unknown(ap, event, err) != CV_OK)
        return err->rc;
    fill_unchanged(ap, event, found);
    same = found && same_row(ap);
    if (same && verdict == REDELIVERY_IF_SAME) {
        *ret = APPLIED_DUPLICATE;
        return CV_OK;
    }
    if (!same && (found ? rows_update(ap->rows, ap->row, err)
                        : rows_insert(ap->rows, ap->row, err)) != CV_OK)
        return err->rc;
    describe(ap, event, record_ts_ms, ap->row, found ? ap->old : NULL, event->op, change);
    *ret = APPLIED_CHANGE;
    return CV_OK;
}

static enum cv_rc
erase(struct applier *ap, const struct event *event, int64_t record_ts_ms, bool found,
      enum applied *ret, struct change *change, struct cv_err *err)
{
    *ret = APPLIED_NOTHING;
    if (!found)
        return CV_OK;
    if (rows_remove(ap->rows, event->row, err) != CV_OK)
        return err->rc;
    describe(ap, event, record_ts_ms, ap->old, ap->old, 'd', change);
    *ret = APPLIED_CHANGE;
    return CV_OK;
}

/* An event of a stream: nothing is kept, so nothing can be compared but its place and its key. */
static void
pass(const struct applier *ap, const struct event *event, struct cv_bytes key,
     int64_t record_ts_ms, struct position *pos, enum applied *ret, struct change *change)
{
    enum redelivery verdict = REDELIVERY_NO;
    uint32_t hash = key.data != NULL ? cv_murmur2(key.data, key.len) : 0;

    *ret = APPLIED_NOTHING;
    if (event->kind != EVENT_UPSERT && event->kind != EVENT_DELETE)
        return;
    if (ap->source->dedupe == PLAN_DEDUPE_LSN)
        verdict = redelivery_of(event, pos);
    if (verdict == REDELIVERY_YES || (verdict == REDELIVERY_IF_SAME && hash == pos->key_hash)) {
        *ret = APPLIED_DUPLICATE;
        return;
    }
    describe(ap, event, record_ts_ms, event->row, event->old, event->op, change);
    move_mark(event, pos);
    pos->key_hash = hash;
    *ret = APPLIED_CHANGE;
}

enum cv_rc
applier_apply(struct applier *ap, const struct event *event, struct cv_bytes key,
              int64_t record_ts_ms, struct position *pos, enum applied *ret,
              struct change *change, struct cv_err *err)
{
    enum redelivery verdict = REDELIVERY_NO;
    enum applied applied = APPLIED_NOTHING;
    bool companion = event->kind == EVENT_TOMBSTONE && pos->after_delete;
    bool of_row = ap->marks != NULL && (event->kind == EVENT_UPSERT || event->kind == EVENT_DELETE);
    struct position row_mark;
    struct position *mark = of_row ? &row_mark : pos;
    bool found = false;
    enum cv_rc rc = CV_OK;

    if (ap->source->stream) {
        pass(ap, event, key, record_ts_ms, pos, ret, change);
        return CV_OK;
    }
    if (of_row && row_marks_get(ap->marks, event->row, &row_mark, err) != CV_OK)
        return err->rc;
    if (ap->source->dedupe != PLAN_DEDUPE_NONE && event->kind != EVENT_TOMBSTONE)
        verdict = redelivery_of(event, mark);
    if (verdict == REDELIVERY_YES) {
        pos->after_delete = event->kind == EVENT_DELETE;
        *ret = APPLIED_DUPLICATE;
        return CV_OK;
    }
    if (event->kind == EVENT_UPSERT || event->kind == EVENT_DELETE ||
        (event->kind == EVENT_TOMBSTONE && !companion))
        rc = rows_get(ap->rows, event->row, ap->old, &ap->old_copy, &found, err);
    if (rc == CV_OK && event->kind == EVENT_UPSERT)
        rc = upsert(ap, event, record_ts_ms, verdict, found, &applied, change, err);
    else if (rc == CV_OK && (event->kind == EVENT_DELETE || event->kind == EVENT_TOMBSTONE))
        rc = erase(ap, event, record_ts_ms, found, &applied, change, err);
    else if (rc == CV_OK && event->kind == EVENT_TRUNCATE)
        applied = APPLIED_TRUNCATE;
    if (rc != CV_OK)
        return rc;
    if (event->kind != EVENT_TOMBSTONE)
        move_mark(event, mark);
    pos->after_delete = event->kind == EVENT_DELETE;
    *ret = applied;
    return of_row && event->lsn != CHANGE_NONE ? row_marks_put(ap->marks, mark, err) : CV_OK;
}

enum cv_rc
applier_truncate_next(struct applier *ap, const struct event *event, int64_t record_ts_ms,
                      struct change *change, bool *ret_more, struct cv_err *err)
{
    enum cv_rc rc = rows_first(ap->rows, ap->old, &ap->old_copy, ret_more, err);

    if (rc == CV_OK && *ret_more)
        rc = rows_remove(ap->rows, ap->old, err);
    if (rc == CV_OK && *ret_more)
        describe(ap, event, record_ts_ms, ap->old, ap->old, 'd', change);
    return rc;
}
