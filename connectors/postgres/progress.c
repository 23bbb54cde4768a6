/* SPDX-License-Identifier: Apache-2.0 */
/* A task's state as a map, which REST shows as JSON. */
#include "connectors/postgres/progress.h"

#include <math.h>
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/log.h"
#include "connectors/postgres/task_private.h"

#define CONNECT_SLOT_MS 2000

/* A map being filled; the first failure stays. */
struct filling {
    struct cv_arena *arena;
    struct cv_value *map;
    struct cv_err *err;
    enum cv_rc rc;
};

static struct filling
fill(struct cv_arena *arena, size_t max, struct cv_err *err)
{
    struct filling f = { .arena = arena, .map = cv_map_new(arena, max), .err = err, .rc = CV_OK };

    if (f.map == NULL)
        f.rc = cv_fail_memory(err);
    return f;
}

static void
put(struct filling *f, const char *key, struct cv_value val)
{
    if (f->rc == CV_OK)
        f->rc = cv_map_put(f->arena, f->map, key, val, f->err);
}

/* Borrows the text; NULL is null. */
static void
put_text(struct filling *f, const char *key, const char *text)
{
    put(f, key, text == NULL ? cv_null(NULL) : cv_cstring(text));
}

static void
put_copy(struct filling *f, const char *key, const char *text)
{
    put_text(f, key, f->rc == CV_OK ? cv_arena_strdup(f->arena, text) : NULL);
}

static void
put_int(struct filling *f, const char *key, double value)
{
    put(f, key, cv_int(CV_INT64, (int64_t)value));
}

static void
put_lsn(struct filling *f, const char *key, cv_lsn lsn)
{
    char text[PG_LSN_MAX];

    put_copy(f, key, pg_format_lsn(lsn, text));
}

/* A map within; NULL is null. */
static void
put_map(struct filling *f, const char *key, const struct filling *inner)
{
    if (inner == NULL) {
        put(f, key, cv_null(NULL));
        return;
    }
    if (f->rc == CV_OK)
        f->rc = inner->rc;
    if (f->rc == CV_OK)
        put(f, key, *inner->map);
}

/* Rows, percent (below 0: not known), and from these and the time: rate, and how long it will take. before: rows and
   percent when that time began. */
static void
put_pace(struct filling *f, uint64_t rows, uint64_t rows_before, double percent, double percent_before, int64_t ms,
         bool running)
{
    bool known = running && percent > percent_before && percent < 100;

    put_int(f, "rows", (double)rows);
    put(f, "percent", percent < 0 ? cv_null(NULL) : cv_float64(round(percent * 10) / 10));
    put_int(f, "rows_per_second", ms > 0 ? (double)(rows - rows_before) * 1000 / (double)ms : 0);
    put_int(f, "elapsed_ms", (double)ms);
    if (known)
        put_int(f, "remaining_ms", (double)ms * (100 - percent) / (percent - percent_before));
    else
        put(f, "remaining_ms", running ? cv_null(NULL) : cv_int(CV_INT64, 0));
}

/* ---- the snapshot ---- */

void
progress_report_done(struct progress_report *report)
{
    cv_arena_free(report->arena);
    *report = (struct progress_report){ 0 };
}

void
progress_report_take(struct progress_report *report, const struct snapshot *snapshot, bool blocking)
{
    size_t count = snapshot_tables(snapshot);

    progress_report_done(report);
    report->arena = cv_arena_new(NULL);
    if (report->arena == NULL)
        return;
    report->tables = cv_arena_zalloc(report->arena, (count + 1) * sizeof(*report->tables));
    report->blocking = blocking;
    for (size_t i = 0; report->tables != NULL && i < count; i++) {
        snapshot_progress_table(snapshot, i, &report->tables[i]);
        report->tables[i].name = cv_arena_strdup(report->arena, report->tables[i].name);
        if (report->tables[i].name == NULL)
            return;
        report->count++;
    }
}

static void
add_table(struct filling *list, const struct snapshot_table_progress *table)
{
    static const char *const states[] = { [TABLE_WAITING] = "waiting", [TABLE_RUNNING] = "running",
                                          [TABLE_COMPLETED] = "completed" };
    struct filling f = fill(list->arena, 7, list->err);

    put_copy(&f, "name", table->name);
    put_text(&f, "state", states[table->state]);
    put_pace(&f, table->rows, table->rows_before, table->percent, table->percent_before, table->ms,
             table->state != TABLE_COMPLETED);
    if (list->rc == CV_OK)
        list->rc = f.rc;
    if (list->rc == CV_OK)
        list->rc = cv_array_add(list->arena, list->map, *f.map, list->err);
}

/* The one that is read, else the last one. */
static void
put_snapshot(struct filling *f, const struct pg_task *task)
{
    const struct pg_counts *counts = &task->counts;
    struct snapshot_progress all = counts->snapshot;
    struct filling snapshot = fill(f->arena, 12, f->err), list = snapshot;
    size_t n = task->snapshot != NULL ? snapshot_tables(task->snapshot) : task->report.count;
    bool blocking = task->snapshot != NULL ? task->request != NULL : task->report.blocking;
    int64_t end_ms = counts->snapshot_end_ms != 0 ? counts->snapshot_end_ms : cv_mono_ms();
    const char *state = task->snapshot != NULL     ? "running"
                        : counts->snapshot_completed ? "completed"
                        : counts->snapshot_aborted   ? "aborted"
                        : counts->snapshot_skipped   ? "skipped"
                                                     : NULL;

    if (state == NULL) {
        put_map(f, "snapshot", NULL);
        return;
    }
    list.map = cv_array_new(f->arena, n);
    if (list.map == NULL)
        list.rc = cv_fail_memory(f->err);
    if (task->snapshot != NULL)
        snapshot_progress(task->snapshot, &all);
    for (size_t i = 0; i < n; i++) {
        struct snapshot_table_progress table;

        if (task->snapshot != NULL)
            snapshot_progress_table(task->snapshot, i, &table);
        else
            table = task->report.tables[i];
        add_table(&list, &table);
    }
    put_text(&snapshot, "state", state);
    put_text(&snapshot, "type", blocking ? "blocking" : "initial");
    put_int(&snapshot, "tables", (double)all.tables);
    put_int(&snapshot, "tables_completed", (double)all.tables_done);
    put_pace(&snapshot, all.rows, all.rows_before, all.percent, all.percent_before,
             counts->snapshot_start_ms == 0 ? 0 : end_ms - counts->snapshot_start_ms, task->snapshot != NULL);
    put_map(&snapshot, "collections", &list);
    put_map(f, "snapshot", &snapshot);
}

static void
put_incremental(struct filling *f, const struct incremental *inc)
{
    size_t n = incremental_tables(inc);
    struct filling run = fill(f->arena, 4, f->err), list = run;

    if (n == 0) {
        put_map(f, "incremental_snapshot", NULL);
        return;
    }
    list.map = cv_array_new(f->arena, n);
    if (list.map == NULL)
        list.rc = cv_fail_memory(f->err);
    for (size_t i = 0; i < n; i++) {
        struct snapshot_table_progress table;

        incremental_progress_table(inc, i, &table);
        add_table(&list, &table);
    }
    put_text(&run, "state", incremental_paused(inc) ? "paused" : "running");
    put_copy(&run, "id", incremental_id(inc));
    put_map(&run, "collections", &list);
    put_map(f, "incremental_snapshot", &run);
}

/* ---- the stream and its slot ---- */

static void
put_stream(struct filling *f, const struct stream *stream)
{
    struct filling streaming = fill(f->arena, 9, f->err);
    struct stream_stats now;

    if (stream == NULL) {
        put_map(f, "streaming", NULL);
        return;
    }
    stream_stats(stream, &now);
    put_lsn(&streaming, "server_lsn", now.server_lsn);
    put_lsn(&streaming, "received_lsn", now.received_lsn);
    put_lsn(&streaming, "position_lsn", now.position_lsn);
    put_lsn(&streaming, "confirmed_lsn", now.confirmed_lsn);
    put_int(&streaming, "lag_bytes", (double)now.lag_bytes);
    put_int(&streaming, "lag_ms", now.lag_ms);
    put_int(&streaming, "lag_transactions", (double)now.lag_transactions);
    put_int(&streaming, "events", (double)now.events);
    put_int(&streaming, "transactions", (double)now.transactions);
    put_map(f, "streaming", &streaming);
}

/* The stream looks at the slot anyway. During a snapshot its connections are busy, and the WAL that the slot holds
   grows most: then it is looked at by a connection of its own. */
static bool
look_at_slot(const struct pg_task *task, struct slot_info *ret_slot, cv_lsn *ret_server)
{
    PGconn *conn = NULL;
    PGresult *res = NULL;
    struct stream_stats now;
    struct cv_err err;
    bool known;

    if (task->stream != NULL) {
        stream_slot(task->stream, ret_slot);
        stream_stats(task->stream, &now);
        *ret_server = now.server_lsn;
        return ret_slot->exists;
    }
    if (task->snapshot == NULL || pg_connect(&task->config, PG_SESSION_ORDINARY, CONNECT_SLOT_MS, &conn, &err) != CV_OK)
        return false;
    known = slot_read(conn, task->config.slot_name, ret_slot, &err) == CV_OK && ret_slot->exists &&
            pg_query(conn, "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE"
                           " pg_current_wal_lsn() END", &res, "", &err) == CV_OK &&
            pg_parse_lsn(PQgetvalue(res, 0, 0), ret_server, &err) == CV_OK;
    PQclear(res);
    PQfinish(conn);
    return known;
}

static void
put_slot(struct filling *f, const struct pg_task *task)
{
    struct filling slot = fill(f->arena, 6, f->err);
    struct slot_info info;
    cv_lsn server;

    if (!look_at_slot(task, &info, &server)) {
        put_map(f, "slot", NULL);
        return;
    }
    put_copy(&slot, "name", task->config.slot_name);
    put_lsn(&slot, "restart_lsn", info.restart_lsn);
    put_lsn(&slot, "confirmed_flush_lsn", info.confirmed_flush_lsn);
    put_int(&slot, "retained_bytes", server > info.restart_lsn ? (double)(server - info.restart_lsn) : 0);
    put_copy(&slot, "wal_status", info.wal_status);
    put(&slot, "safe_wal_size", info.safe_wal_size < 0 ? cv_null(NULL) : cv_int(CV_INT64, info.safe_wal_size));
    put_map(f, "slot", &slot);
}

/* ---- all of it ---- */

static const char *
phase_of(const struct pg_task *task)
{
    switch (task->phase) {
    case PHASE_CONNECTING:
        return "connecting";
    case PHASE_SNAPSHOT:
        return "snapshot";
    case PHASE_SLOT:
    case PHASE_WAITING:
        return "waiting";
    case PHASE_IDLE:
        return "idle";
    case PHASE_STREAMING:
        break;
    }
    if (task->snapshot != NULL)
        return "snapshot";
    return incremental_tables(task->incremental) > 0 ? "incremental" : "streaming";
}

enum cv_rc
pg_task_progress(struct cv_source_task *base, struct cv_arena *arena, struct cv_value *ret, struct cv_err *err)
{
    struct pg_task *task = cv_container_of(base, struct pg_task, base);
    struct filling f = fill(arena, 6, err);
    struct cv_err ignored;

    /* without an answer what was seen last is told; the next poll finds out what is wrong */
    if (task->stream != NULL && stream_look(task->stream, true, &ignored) != CV_OK)
        CV_LOG_DEBUG(base->ctx->log, "the slot could not be looked at", CV_ERR(&ignored));
    put_text(&f, "phase", phase_of(task));
    put_text(&f, "waiting_for", NULL);
    if (task->phase == PHASE_WAITING || task->phase == PHASE_SLOT)
        put_copy(&f, "waiting_for", task->waiting_for);
    put_snapshot(&f, task);
    put_incremental(&f, task->incremental);
    put_stream(&f, task->stream);
    put_slot(&f, task);
    if (f.rc == CV_OK)
        *ret = *f.map;
    return f.rc;
}
