/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The initial snapshot.
 *
 * A table is read in ranges of 64 MB of its pages: COPY (SELECT ... WHERE ctid >= '(a,0)' AND ctid < '(b,0)') TO
 * STDOUT, which PostgreSQL 14 and later answer with a TID range scan; the last range is open, so rows beyond the
 * size that was read are not missed. What is read of which table is said in snapshot_table.c.
 *
 * One row is always held back, because its marker (last of its table, last of all) depends on whether another
 * follows.
 *
 * Source: manual, "COPY" (text format).
 */
#include "connectors/postgres/snapshot.h"

#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/log.h"
#include "common/thread.h"
#include "connectors/postgres/notification.h"
#include "connectors/postgres/snapshot_table.h"

#define BATCH_BYTES (640 * 1024)
#define SQL_MAX     ((size_t)1 << 20)

/* A parsed row and the libpq buffer that its values point into. */
struct row {
    char *data;
    size_t len;
    const struct snapshot_table *from;
    bool first_of_all;
    bool first_of_table;
    struct pgoutput_value values[PGOUTPUT_MAX_COLUMNS];
};

struct snapshot {
    struct snapshot_spec spec;
    PGconn *conn;
    struct position position;
    char *visible;

    struct snapshot_table_list tables;
    size_t table;        /* index of the one being read */
    uint64_t range;      /* first page of the range being read */
    bool copying;

    struct row *held; /* NULL: none */
    struct row rows[2];
    const char *marker; /* set in the envelope */

    uint64_t n_rows;
    uint64_t table_rows;
    uint64_t pages_total;
    uint64_t pages_done;
    bool done;
    struct cv_log_limit bad_value_limit;
};

/* ---- notifications ---- */

static enum cv_rc
tell(struct snapshot *s, const char *type, struct cv_err *err)
{
    return notify(s->spec.notifications, &(struct notification){ .aggregate = NOTIFY_INITIAL, .type = type }, err);
}

/* Of the table being read: begun, or complete. */
static enum cv_rc
tell_table(struct snapshot *s, const char *type, struct cv_err *err)
{
    const char *name = s->tables.items[s->table].name;
    struct notification what = { .aggregate = NOTIFY_INITIAL, .type = type };
    char rows[24];

    snprintf(rows, sizeof(rows), "%" PRIu64, s->table_rows);
    if (strcmp(type, "IN_PROGRESS") == 0) {
        what.data[0].key = "current_collection_in_progress";
        what.data[0].value = name;
        what.data[1].key = "data_collections";
        what.data[1].value = s->tables.hashed_names;
    } else {
        what.data[0].key = "scanned_collection";
        what.data[0].value = name;
        what.data[1].key = "total_rows_scanned";
        what.data[1].value = rows;
        what.data[2].key = "status";
        what.data[2].value = "SUCCEEDED";
        what.data[3].key = "data_collections";
        what.data[3].value = s->tables.names;
    }
    return notify(s->spec.notifications, &what, err);
}

/* ---- start ---- */

static const char *
isolation_of(const struct snapshot *s)
{
    if (s->spec.exported != NULL)
        return "REPEATABLE READ, READ ONLY"; /* only that one can import a snapshot that is not serializable */
    switch (s->spec.config->snapshot_isolation_mode) {
    case PG_ISOLATION_READ_COMMITTED:
        return "READ COMMITTED, READ ONLY";
    case PG_ISOLATION_READ_UNCOMMITTED:
        return "READ UNCOMMITTED, READ ONLY";
    case PG_ISOLATION_REPEATABLE_READ:
        return "REPEATABLE READ, READ ONLY";
    default:
        return "SERIALIZABLE, READ ONLY, DEFERRABLE";
    }
}

static enum cv_rc
begin(struct snapshot *s, struct cv_err *err)
{
    struct cv_buf sql = CV_BUF_INIT(512);
    enum cv_rc rc;

    cv_buf_printf(&sql, "BEGIN ISOLATION LEVEL %s", isolation_of(s));
    rc = pg_command(s->conn, cv_buf_cstr(&sql), "could not begin the snapshot", err);
    if (rc == CV_OK) /* a table takes as long as it takes */
        rc = pg_command(s->conn, "SET LOCAL statement_timeout = 0", "could not begin the snapshot", err);
    if (rc == CV_OK && s->spec.exported != NULL) {
        cv_buf_reset(&sql);
        cv_buf_str(&sql, "SET TRANSACTION SNAPSHOT ");
        cv_buf_sql_literal(&sql, s->spec.exported);
        rc = cv_buf_check(&sql, err);
        if (rc == CV_OK)
            rc = pg_command(s->conn, cv_buf_cstr(&sql), "could not import the slot's snapshot", err);
    }
    cv_buf_free(&sql);
    return rc;
}

static enum cv_rc
read_position(struct snapshot *s, struct cv_err *err)
{
    PGresult *res = NULL;
    enum cv_rc rc = pg_query(s->conn,
                             "SELECT (extract(epoch FROM transaction_timestamp()) * 1000000)::bigint,"
                             " CASE WHEN pg_is_in_recovery() THEN 0 ELSE pg_current_xact_id()::text::bigint END,"
                             " pg_current_snapshot()::text",
                             &res, "could not read the snapshot's position", err);

    if (rc != CV_OK)
        return rc;
    s->position = s->spec.position;
    s->position.phase = POSITION_SNAPSHOT;
    s->position.time_us = strtoll(PQgetvalue(res, 0, 0), NULL, 10);
    s->position.txid = strtoull(PQgetvalue(res, 0, 1), NULL, 10);
    s->visible = strdup(PQgetvalue(res, 0, 2));
    PQclear(res);
    return s->visible == NULL ? cv_fail_memory(err) : CV_OK;
}

/* Statements of the user's may name tables without their schema. */
static enum cv_rc
open_search_path(struct snapshot *s, struct cv_err *err)
{
    if (s->spec.n_overrides == 0)
        return CV_OK;
    return pg_command(s->conn, "SET LOCAL search_path = \"$user\", public", "could not set the search path", err);
}

/* snapshot.locking.mode=shared: no table may be dropped or rewritten while the snapshot runs. */
static enum cv_rc
lock_tables(struct snapshot *s, struct cv_err *err)
{
    struct cv_buf sql = CV_BUF_INIT(SQL_MAX);
    enum cv_rc rc = CV_OK;

    if (s->spec.config->snapshot_locking_mode != PG_LOCKING_SHARED || s->tables.count == 0)
        return CV_OK;
    cv_buf_printf(&sql, "SET LOCAL lock_timeout = %" PRId64 "; LOCK TABLE ", s->spec.config->snapshot_lock_timeout_ms);
    for (size_t i = 0; i < s->tables.count; i++) {
        cv_buf_str(&sql, i > 0 ? ", " : "");
        cv_buf_sql_ident(&sql, s->tables.items[i].table->schema);
        cv_buf_char(&sql, '.');
        cv_buf_sql_ident(&sql, s->tables.items[i].table->name);
    }
    cv_buf_str(&sql, " IN ACCESS SHARE MODE");
    rc = cv_buf_check(&sql, err);
    if (rc == CV_OK)
        rc = pg_command(s->conn, cv_buf_cstr(&sql), "could not lock the tables of the snapshot "
                        "(snapshot.locking.mode, snapshot.lock.timeout.ms)", err);
    cv_buf_free(&sql);
    return rc;
}

enum cv_rc
snapshot_start(const struct snapshot_spec *spec, PGconn *take_conn, struct snapshot **ret, struct cv_err *err)
{
    struct snapshot *s = calloc(1, sizeof(*s));
    enum cv_rc rc;

    if (s == NULL) {
        PQfinish(take_conn);
        return cv_fail_memory(err);
    }
    s->spec = *spec;
    s->conn = take_conn;
    rc = begin(s, err);
    if (rc == CV_OK)
        rc = read_position(s, err);
    if (rc == CV_OK)
        rc = open_search_path(s, err);
    if (rc == CV_OK)
        rc = snapshot_tables_choose(spec, s->conn, &s->tables, err);
    if (rc == CV_OK)
        rc = lock_tables(s, err);
    if (rc == CV_OK)
        rc = tell(s, "STARTED", err);
    if (rc != CV_OK) {
        snapshot_free(s);
        return rc;
    }
    envelope_snapshot(spec->envelope, s->position.time_us, s->position.txid, s->position.last_commit);
    s->marker = "true";
    for (size_t i = 0; i < s->tables.count; i++)
        s->pages_total += s->tables.items[i].pages;
    *ret = s;
    return CV_OK;
}

void
snapshot_free(struct snapshot *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < 2; i++)
        PQfreemem(s->rows[i].data);
    snapshot_tables_done(&s->tables);
    PQfinish(s->conn);
    free(s->visible);
    free(s);
}

size_t
snapshot_tables(const struct snapshot *s)
{
    return s->tables.count;
}

void
snapshot_position(const struct snapshot *s, struct position *ret)
{
    *ret = s->position;
}

const char *
snapshot_visible(const struct snapshot *s)
{
    return s->visible;
}

void
snapshot_progress(const struct snapshot *s, struct snapshot_progress *ret)
{
    *ret = (struct snapshot_progress){ .tables = s->tables.count,
                                       .tables_done = s->table,
                                       .rows = s->n_rows,
                                       .percent = s->pages_total == 0
                                                      ? 100.0
                                                      : 100.0 * (double)s->pages_done / (double)s->pages_total,
                                       .done = s->done };
    if (ret->percent > 100.0 || s->done)
        ret->percent = 100.0;
}

/* ---- COPY ---- */

static enum cv_rc
start_copy(struct snapshot *s, struct cv_err *err)
{
    const struct snapshot_table *table = &s->tables.items[s->table];
    struct cv_buf sql = CV_BUF_INIT(SQL_MAX);
    PGresult *res = NULL;
    enum cv_rc rc = CV_OK;

    if (s->range == 0)
        rc = tell_table(s, "IN_PROGRESS", err);
    if (rc == CV_OK)
        rc = snapshot_table_copy(table, s->range, &sql, err);
    if (rc == CV_OK) {
        res = PQexec(s->conn, cv_buf_cstr(&sql));
        if (PQresultStatus(res) != PGRES_COPY_OUT)
            rc = pg_fail(err, s->conn, res, "could not read table \"%s\"; database.user needs SELECT on it", table->name);
    }
    s->copying = rc == CV_OK;
    PQclear(res);
    cv_buf_free(&sql);
    return rc;
}

/* COPY's escapes, in place: \b \f \n \r \t \v \\ and octal or hex, which the server does not send. Returns the
   new length. */
static size_t
unescape(char *text, size_t len)
{
    char *from = memchr(text, '\\', len), *to = from, *end = text + len;

    if (from == NULL)
        return len;
    while (from < end) {
        if (*from != '\\' || from + 1 == end) {
            *to++ = *from++;
            continue;
        }
        switch (from[1]) {
        case 'b':
            *to++ = '\b';
            break;
        case 'f':
            *to++ = '\f';
            break;
        case 'n':
            *to++ = '\n';
            break;
        case 'r':
            *to++ = '\r';
            break;
        case 't':
            *to++ = '\t';
            break;
        case 'v':
            *to++ = '\v';
            break;
        default:
            *to++ = from[1];
            break;
        }
        from += 2;
    }
    return (size_t)(to - text);
}

/* One line of COPY text to values; false: another number of fields than columns were asked for. */
static bool
parse_row(struct row *row)
{
    char *p = row->data, *end = row->data + row->len;
    const struct plan *plan = row->from->plan;
    bool more = true, any = false;

    if (end > p && end[-1] == '\n')
        end--;
    for (uint16_t i = 0; i < plan->n_columns; i++) {
        struct pgoutput_value *val = &row->values[i];
        char *tab;

        *val = (struct pgoutput_value){ .kind = 'n' };
        if (!row->from->reads[i])
            continue;
        if (!more)
            return false;
        any = true;
        tab = memchr(p, '\t', (size_t)(end - p));
        more = tab != NULL;
        if (tab == NULL)
            tab = end;
        if (tab - p != 2 || p[0] != '\\' || p[1] != 'N') {
            val->kind = 't';
            val->data = p;
            val->len = (uint32_t)unescape(p, (size_t)(tab - p));
        }
        p = more ? tab + 1 : tab;
    }
    return !more || (!any && p == end);
}

/* ---- markers and rows ---- */

static const char *
marker_of(const struct row *row, bool last_of_table, bool last_of_all)
{
    if (last_of_all)
        return "last";
    if (row->first_of_all)
        return "first";
    if (last_of_table)
        return "last_in_data_collection";
    return row->first_of_table ? "first_in_data_collection" : "true";
}

static enum cv_rc
emit_held(struct snapshot *s, bool last_of_table, bool last_of_all, struct cv_batch *batch,
          struct cv_err *err)
{
    struct row *row = s->held;
    const struct plan *plan = row->from->plan;
    struct pgoutput_tuple tuple = { plan->n_columns, row->values };
    struct envelope_change change = { .op = 'r', .new = &tuple, .text_len = row->len,
                                      .lsn = s->position.lsn };
    const char *marker = marker_of(row, last_of_table, last_of_all);
    uint64_t suppressed;
    int bad = -1;

    if (strcmp(marker, s->marker) != 0) {
        envelope_marker(s->spec.envelope, marker);
        s->marker = marker;
    }
    if (envelope_emit(s->spec.envelope, plan, &change, batch, &bad, err) != CV_OK)
        return cv_err_context(err, "table \"%s\"", row->from->name);
    if (bad >= 0 && cv_log_limit(&s->bad_value_limit, 10000, &suppressed))
        CV_LOG_WARN(s->spec.ctx->log, "a value could not be converted and was sent as null",
                    CV_STR("relation", plan->topic_name), CV_STR("column", plan->columns[bad].column),
                    CV_INT("suppressed", suppressed));
    PQfreemem(row->data);
    row->data = NULL;
    s->held = NULL;
    return CV_OK;
}

/* A row has arrived: the one held back goes out, this one is held. data is taken. */
static enum cv_rc
on_row(struct snapshot *s, char *take_data, size_t len, struct cv_batch *batch, struct cv_err *err)
{
    struct row *row = s->held == &s->rows[0] ? &s->rows[1] : &s->rows[0];

    row->data = take_data;
    row->len = len;
    row->from = &s->tables.items[s->table];
    row->first_of_all = s->n_rows == 0;
    row->first_of_table = s->table_rows == 0;
    if (!parse_row(row))
        return cv_fail(err, CV_INVALID, "a row of table \"%s\" has another number of columns than asked for",
                       row->from->name);
    if (s->held != NULL && emit_held(s, row->first_of_table, false, batch, err) != CV_OK)
        return err->rc;
    s->held = row;
    s->n_rows++;
    s->table_rows++;
    return CV_OK;
}

static enum cv_rc
finish_copy(struct snapshot *s, struct cv_err *err)
{
    PGresult *res = PQgetResult(s->conn);
    enum cv_rc rc = CV_OK;

    if (PQresultStatus(res) != PGRES_COMMAND_OK)
        rc = pg_fail(err, s->conn, res, "could not read table \"%s\" to its end", s->tables.items[s->table].name);
    PQclear(res);
    while ((res = PQgetResult(s->conn)) != NULL)
        PQclear(res);
    s->copying = false;
    return rc;
}

static enum cv_rc
next_range(struct snapshot *s, struct cv_err *err)
{
    const struct snapshot_table *table = &s->tables.items[s->table];

    s->range += SNAPSHOT_RANGE_PAGES;
    if (s->range < table->pages) {
        s->pages_done += SNAPSHOT_RANGE_PAGES;
        return CV_OK;
    }
    s->pages_done += table->pages % SNAPSHOT_RANGE_PAGES;
    CV_LOG_INFO(s->spec.ctx->log, "table snapshot complete", CV_STR("relation", table->plan->topic_name),
                CV_INT("rows", s->table_rows));
    if (tell_table(s, "TABLE_SCAN_COMPLETED", err) != CV_OK)
        return err->rc;
    s->table++;
    s->range = 0;
    s->table_rows = 0;
    return CV_OK;
}

static enum cv_rc
wait_for_data(struct snapshot *s, int timeout_ms)
{
    struct pollfd fds[2] = { { .fd = s->spec.wake->fd, .events = POLLIN },
                             { .fd = PQsocket(s->conn), .events = POLLIN } };

    poll(fds, 2, timeout_ms);
    if (fds[0].revents != 0)
        cv_wake_clear(s->spec.wake);
    return CV_OK;
}

/* Rows that have arrived of the running COPY. *ret_dry: none is left for now. */
static enum cv_rc
drain(struct snapshot *s, struct cv_batch *batch, bool *ret_dry, struct cv_err *err)
{
    char *data = NULL;
    int n;

    *ret_dry = false;
    while (cv_arena_used(batch->arena) < BATCH_BYTES) {
        n = PQgetCopyData(s->conn, &data, 1);
        if (n > 0) {
            if (on_row(s, data, (size_t)n, batch, err) != CV_OK)
                return err->rc;
        } else if (n == -1) {
            if (finish_copy(s, err) != CV_OK)
                return err->rc;
            return next_range(s, err);
        } else if (n == -2) {
            return pg_fail(err, s->conn, NULL, "could not read the snapshot");
        } else {
            *ret_dry = true;
            return CV_OK;
        }
    }
    return CV_OK;
}

static void
report_progress(struct snapshot *s)
{
    struct snapshot_progress progress;
    char text[160];

    if (s->spec.ctx->progress == NULL)
        return;
    snapshot_progress(s, &progress);
    snprintf(text, sizeof(text), "snapshot: %.0f %%, %" PRIu64 " rows, table %zu of %zu", progress.percent,
             progress.rows, progress.tables_done + (progress.done ? 0 : 1), progress.tables);
    s->spec.ctx->progress(s->spec.ctx, text);
}

enum cv_rc
snapshot_poll(struct snapshot *s, struct cv_batch *batch, int timeout_ms, bool *ret_done, struct cv_err *err)
{
    int64_t deadline = cv_mono_ms() + timeout_ms;
    bool dry = false;

    *ret_done = false;
    if (batch == NULL)
        return wait_for_data(s, timeout_ms);
    envelope_clock(s->spec.envelope, cv_now_ns());
    while (cv_arena_used(batch->arena) < BATCH_BYTES && s->table < s->tables.count) {
        if (!s->copying && start_copy(s, err) != CV_OK)
            return err->rc;
        if (drain(s, batch, &dry, err) != CV_OK)
            return err->rc;
        if (!dry)
            continue;
        if (cv_mono_ms() >= deadline)
            break;
        wait_for_data(s, (int)(deadline - cv_mono_ms()));
        if (PQconsumeInput(s->conn) == 0)
            return pg_fail(err, s->conn, NULL, "lost the connection during the snapshot");
    }
    if (s->table == s->tables.count) {
        if (s->held != NULL && emit_held(s, true, true, batch, err) != CV_OK)
            return err->rc;
        if (tell(s, "COMPLETED", err) != CV_OK)
            return err->rc;
        s->done = true;
        *ret_done = true;
    }
    report_progress(s);
    return CV_OK;
}
