/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a stream tells of itself: what it has counted, and how far it is behind the server.
 *
 * How many transactions it is behind is told by transaction ids: those that the server has given out since the last
 * transaction that was handed over. Where the server has had nothing for us for a while there is no such transaction;
 * then it is what the server had given out when it was at a position that the stream has passed since.
 */
#include "connectors/postgres/stream_private.h"

#include <stdlib.h>

#include "common/clock.h"

#define SLOT_INTERVAL_MS 10000
#define READ_MS          5000

static uint64_t
distance(cv_lsn from, cv_lsn to)
{
    return to > from && from != CV_LSN_NONE ? to - from : 0;
}

/* Nothing of ours is before it. */
static cv_lsn
reached(const struct stream *s)
{
    return !s->in_transaction && s->idle_lsn > s->position.lsn ? s->idle_lsn : s->position.lsn;
}

/* The whole id of a transaction that is older than xmax, of the lower half that the stream knows. */
static uint64_t
whole_xid(uint64_t xid, uint64_t xmax)
{
    uint64_t whole = (xmax & ~(uint64_t)UINT32_MAX) | (xid & UINT32_MAX);

    return whole >= xmax && whole > UINT32_MAX ? whole - UINT32_MAX - 1 : whole;
}

static uint64_t
transactions_behind(const struct stream *s)
{
    uint64_t next = s->position.txid == 0 ? 0 : whole_xid(s->position.txid, s->server_xmax) + 1;

    if (next < s->passed_xmax)
        next = s->passed_xmax;
    return next == 0 || reached(s) >= s->server_end || next > s->server_xmax ? 0 : s->server_xmax - next;
}

/* What was handed over last was so old then; if more waits behind it, it is as old as it is now. */
static double
ms_behind(const struct stream *s)
{
    if (s->position.time_us == 0 || reached(s) >= s->server_end)
        return s->behind_seconds > 0 ? s->behind_seconds * 1000 : 0;
    return (double)(cv_now_us() - s->position.time_us) / 1000;
}

void
stream_stats(const struct stream *s, struct stream_stats *ret)
{
    *ret = (struct stream_stats){ .events = s->events,
                                  .creates = s->creates,
                                  .updates = s->updates,
                                  .deletes = s->deletes,
                                  .filtered = s->filtered,
                                  .erroneous = s->erroneous,
                                  .transactions = s->transactions,
                                  .last_event_ms = s->last_event_ms,
                                  .received_lsn = s->received,
                                  .confirmed_lsn = s->confirmed,
                                  .position_lsn = s->position.lsn,
                                  .server_lsn = s->server_end,
                                  .lag_bytes = distance(reached(s), s->server_end),
                                  .lag_transactions = transactions_behind(s),
                                  .lag_ms = ms_behind(s),
                                  .retained_bytes = distance(s->slot.restart_lsn, s->server_end),
                                  .xid = s->position.txid,
                                  .behind_seconds = s->behind_seconds };
}

void
stream_slot(const struct stream *s, struct slot_info *ret)
{
    *ret = s->slot;
}

/* Where the server is, whose walsender says only how far it has read itself. */
static enum cv_rc
read_server(struct stream *s, struct cv_err *err)
{
    PGresult *res = pg_exec_within(s->conn,
                                   "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE"
                                   " pg_current_wal_lsn() END, pg_snapshot_xmax(pg_current_snapshot())",
                                   0, NULL, READ_MS);
    cv_lsn end = CV_LSN_NONE;
    enum cv_rc rc = CV_OK;

    if (PQresultStatus(res) != PGRES_TUPLES_OK)
        rc = pg_fail(err, s->conn, res, "could not read the server's position");
    if (rc == CV_OK)
        rc = pg_parse_lsn(PQgetvalue(res, 0, 0), &end, err);
    if (rc == CV_OK) {
        s->server_xmax = strtoull(PQgetvalue(res, 0, 1), NULL, 10);
        if (end > s->server_end)
            s->server_end = end;
    }
    PQclear(res);
    if (rc != CV_OK)
        return rc;
    if (s->mark_lsn != CV_LSN_NONE && reached(s) >= s->mark_lsn)
        s->passed_xmax = s->mark_xmax;
    if (s->mark_lsn == CV_LSN_NONE || reached(s) >= s->mark_lsn) {
        s->mark_lsn = end;
        s->mark_xmax = s->server_xmax;
    }
    return CV_OK;
}

enum cv_rc
stream_look(struct stream *s, bool anew, struct cv_err *err)
{
    int64_t now = cv_mono_ms(), interval = s->spec.config->xmin_fetch_interval_ms;

    if (now < s->slot_due_ms && !anew)
        return CV_OK;
    if (slot_read(s->conn, s->spec.config->slot_name, &s->slot, err) != CV_OK || read_server(s, err) != CV_OK)
        return err->rc;
    s->slot_due_ms = now + (interval > 0 && interval < SLOT_INTERVAL_MS ? interval : SLOT_INTERVAL_MS);
    if (interval > 0)
        envelope_xmin(s->spec.envelope, s->slot.catalog_xmin);
    return CV_OK;
}
