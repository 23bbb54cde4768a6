/* SPDX-License-Identifier: Apache-2.0 */
/* Replication slots, and the proof that nothing between slot and stored offset is missing. */
#include "connectors/postgres/slot.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"

#define READ_MS   5000 /* while it streams, too: a dead connection must not hold it up */
#define CANCEL_MS 2000

static void
copy_text(char *out, size_t size, const PGresult *res, int col)
{
    snprintf(out, size, "%s", PQgetvalue(res, 0, col));
}

static enum cv_rc
get_lsn(const PGresult *res, int col, cv_lsn *ret, struct cv_err *err)
{
    *ret = CV_LSN_NONE;
    if (PQgetisnull(res, 0, col))
        return CV_OK;
    return pg_parse_lsn(PQgetvalue(res, 0, col), ret, err);
}

enum cv_rc
slot_read(PGconn *conn, const char *name, struct slot_info *ret, struct cv_err *err)
{
    struct slot_info slot = { .exists = false };
    const char *values[1] = { name };
    enum cv_rc rc = CV_OK;
    PGresult *res = pg_exec_within(conn,
                                   "SELECT active, coalesce(active_pid, 0), coalesce(plugin, ''),"
                                   " coalesce(database, ''), restart_lsn, confirmed_flush_lsn,"
                                   " coalesce(wal_status, ''), coalesce(catalog_xmin::text, '0'), "
                                   "coalesce(safe_wal_size, -1) FROM pg_replication_slots WHERE slot_name = $1",
                                   1, values, READ_MS);

    if (PQresultStatus(res) != PGRES_TUPLES_OK) {
        rc = pg_fail(err, conn, res, "could not read replication slot \"%s\"", name);
    } else if (PQntuples(res) > 0) {
        slot.exists = true;
        slot.active = PQgetvalue(res, 0, 0)[0] == 't';
        slot.active_pid = atoi(PQgetvalue(res, 0, 1));
        copy_text(slot.plugin, sizeof(slot.plugin), res, 2);
        copy_text(slot.database, sizeof(slot.database), res, 3);
        copy_text(slot.wal_status, sizeof(slot.wal_status), res, 6);
        slot.catalog_xmin = strtoull(PQgetvalue(res, 0, 7), NULL, 10);
        slot.safe_wal_size = strtoll(PQgetvalue(res, 0, 8), NULL, 10);
        rc = get_lsn(res, 4, &slot.restart_lsn, err);
        if (rc == CV_OK)
            rc = get_lsn(res, 5, &slot.confirmed_flush_lsn, err);
    }
    PQclear(res);
    if (rc == CV_OK)
        *ret = slot;
    return rc;
}

enum cv_rc
slot_system(PGconn *repl, struct system_info *ret, struct cv_err *err)
{
    struct system_info sys = { 0 };
    PGresult *res = NULL;
    enum cv_rc rc = pg_query(repl, "IDENTIFY_SYSTEM", &res, "could not identify the server", err);

    if (rc != CV_OK)
        return rc;
    sys.system_id = strtoull(PQgetvalue(res, 0, 0), NULL, 10);
    sys.timeline = (uint32_t)strtoul(PQgetvalue(res, 0, 1), NULL, 10);
    rc = pg_parse_lsn(PQgetvalue(res, 0, 2), &sys.wal_end, err);
    PQclear(res);
    if (rc == CV_OK)
        *ret = sys;
    return rc;
}

static enum cv_rc
create_fail(PGconn *repl, const char *name, const PGresult *res, struct cv_err *err)
{
    pg_fail(err, repl, res, "could not create the replication slot");
    return cv_err_context(err, "slot.name \"%s\"", name);
}

enum cv_rc
slot_create_begin(PGconn *repl, const char *name, bool failover, struct cv_err *err)
{
    struct cv_buf sql = CV_BUF_INIT(256);
    enum cv_rc rc;

    cv_buf_str(&sql, "CREATE_REPLICATION_SLOT ");
    cv_buf_sql_ident(&sql, name);
    if (failover && PQserverVersion(repl) >= 170000)
        cv_buf_str(&sql, " LOGICAL pgoutput (SNAPSHOT 'export', FAILOVER)");
    else
        cv_buf_str(&sql, " LOGICAL pgoutput EXPORT_SNAPSHOT");
    rc = cv_buf_check(&sql, err);
    if (rc == CV_OK && PQsendQuery(repl, cv_buf_cstr(&sql)) == 0)
        rc = create_fail(repl, name, NULL, err);
    cv_buf_free(&sql);
    return rc;
}

enum cv_rc
slot_create_poll(PGconn *repl, const char *name, bool *ret_done, struct slot_created *ret, struct cv_err *err)
{
    struct slot_created created = { .lsn = CV_LSN_NONE };
    PGresult *res;
    enum cv_rc rc;

    if (PQconsumeInput(repl) == 0)
        return create_fail(repl, name, NULL, err);
    *ret_done = PQisBusy(repl) == 0;
    if (!*ret_done)
        return CV_OK;
    res = PQgetResult(repl);
    if (PQresultStatus(res) == PGRES_TUPLES_OK)
        rc = pg_parse_lsn(PQgetvalue(res, 0, 1), &created.lsn, err);
    else
        rc = create_fail(repl, name, res, err);
    if (rc == CV_OK) {
        copy_text(created.snapshot, sizeof(created.snapshot), res, 2);
        *ret = created;
    }
    for (; res != NULL; res = PQgetResult(repl))
        PQclear(res);
    return rc;
}

/* The server does not notice that a connection is closed while it waits: it would make the slot all the same, and keep
   it for nobody. */
void
slot_create_cancel(PGconn *repl)
{
    char ignored[256];
    PGcancel *cancel = PQtransactionStatus(repl) == PQTRANS_ACTIVE ? PQgetCancel(repl) : NULL;
    int64_t deadline = cv_mono_ms() + CANCEL_MS;

    if (cancel == NULL)
        return;
    if (PQcancel(cancel, ignored, sizeof(ignored)) != 0)
        while (PQconsumeInput(repl) != 0 && PQisBusy(repl) != 0 && cv_mono_ms() < deadline)
            poll(&(struct pollfd){ .fd = PQsocket(repl), .events = POLLIN }, 1, CANCEL_MS);
    PQfreeCancel(cancel);
}

enum cv_rc
slot_drop(PGconn *conn, const char *name, struct cv_err *err)
{
    const char *values[1] = { name };
    PGresult *res = pg_exec(conn, "SELECT pg_drop_replication_slot($1)", 1, values);
    enum cv_rc rc = CV_OK;

    if (PQresultStatus(res) != PGRES_TUPLES_OK)
        rc = pg_fail(err, conn, res, "could not drop replication slot \"%s\"", name);
    PQclear(res);
    return rc;
}

/* The server is the one that the offset was written for, and its WAL reaches that far. */
static enum cv_rc
check_system(const struct system_info *sys, const struct position *pos, struct cv_err *err)
{
    char stored[PG_LSN_MAX], end[PG_LSN_MAX];

    if (pos->system_id != 0 && pos->system_id != sys->system_id)
        return cv_fail(err, CV_INVALID,
                       "the server's system identifier is %" PRIu64 ", the stored offset is of %" PRIu64
                       ": this is another database cluster, and changes cannot be continued (the stored position is "
                       "%s, the server's WAL ends at %s); " SLOT_REMEDY,
                       sys->system_id, pos->system_id, pg_format_lsn(pos->lsn, stored),
                       pg_format_lsn(sys->wal_end, end));
    if (pos->timeline != 0 && sys->timeline < pos->timeline)
        return cv_fail(err, CV_INVALID,
                       "the server is on timeline %u, the stored offset is of timeline %u: it was restored from "
                       "an older backup (the stored position is %s, the server's WAL ends at %s); " SLOT_REMEDY,
                       sys->timeline, pos->timeline, pg_format_lsn(pos->lsn, stored),
                       pg_format_lsn(sys->wal_end, end));
    if (pos->lsn > sys->wal_end)
        return cv_fail(err, CV_INVALID,
                       "the stored position %s is ahead of the server's WAL, which ends at %s: the server lost "
                       "or replaced its data; " SLOT_REMEDY,
                       pg_format_lsn(pos->lsn, stored), pg_format_lsn(sys->wal_end, end));
    return CV_OK;
}

enum cv_rc
slot_advance(PGconn *conn, const char *name, cv_lsn lsn, struct cv_err *err)
{
    char text[PG_LSN_MAX];
    const char *values[2] = { name, pg_format_lsn(lsn, text) };
    PGresult *res = pg_exec(conn, "SELECT pg_replication_slot_advance($1, $2::pg_lsn)", 2, values);
    enum cv_rc rc = CV_OK;

    if (PQresultStatus(res) != PGRES_TUPLES_OK)
        rc = pg_fail(err, conn, res, "could not advance replication slot \"%s\" to %s", name, text);
    PQclear(res);
    return rc;
}

enum cv_rc
slot_check_use(const char *name, const struct slot_info *slot, const char *database, cv_lsn stored, struct cv_err *err)
{
    char at[PG_LSN_MAX], ours[PG_LSN_MAX];

    if (!slot->exists)
        return CV_OK;
    if (strcmp(slot->plugin, "pgoutput") != 0)
        return cv_fail(err, CV_INVALID,
                       "replication slot \"%s\" uses the plug-in \"%s\", not pgoutput; choose another slot.name or "
                       "drop the slot",
                       name, slot->plugin);
    if (strcmp(slot->database, database) != 0)
        return cv_fail(err, CV_INVALID,
                       "replication slot \"%s\" belongs to database \"%s\", not to \"%s\"; choose another slot.name",
                       name, slot->database, database);
    if (slot->active)
        return cv_fail(err, CV_RETRY,
                       "replication slot \"%s\" is in use by process %d, which confirmed it up to %s%s%s; stop the "
                       "other consumer or choose another slot.name",
                       name, slot->active_pid, pg_format_lsn(slot->confirmed_flush_lsn, at),
                       stored != CV_LSN_NONE ? ", and the stored position is " : "",
                       stored != CV_LSN_NONE ? pg_format_lsn(stored, ours) : "");
    return CV_OK;
}

enum cv_rc
slot_check_position(const char *name, const struct slot_info *slot, const struct system_info *sys,
                    const struct position *pos, struct cv_err *err)
{
    char stored[PG_LSN_MAX], at[PG_LSN_MAX];

    if (check_system(sys, pos, err) != CV_OK)
        return err->rc;
    if (!slot->exists)
        return cv_fail(err, CV_INVALID,
                       "replication slot \"%s\" does not exist, but the stored position is %s (the server's WAL "
                       "ends at %s): changes after it are lost to this connector; " SLOT_REMEDY,
                       name, pg_format_lsn(pos->lsn, stored), pg_format_lsn(sys->wal_end, at));
    if (strcmp(slot->wal_status, "lost") == 0)
        return cv_fail(err, CV_INVALID,
                       "replication slot \"%s\" is invalidated: WAL after the stored position %s was removed "
                       "(max_slot_wal_keep_size); the server's WAL ends at %s; " SLOT_REMEDY,
                       name, pg_format_lsn(pos->lsn, stored), pg_format_lsn(sys->wal_end, at));
    if (pos->lsn != CV_LSN_NONE && slot->confirmed_flush_lsn > pos->lsn)
        return cv_fail(err, CV_INVALID,
                       "replication slot \"%s\" is at %s, ahead of the stored position %s: another consumer or "
                       "pg_replication_slot_advance moved it, and the changes between are lost; " SLOT_REMEDY,
                       name, pg_format_lsn(slot->confirmed_flush_lsn, at), pg_format_lsn(pos->lsn, stored));
    return CV_OK;
}
