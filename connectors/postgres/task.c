/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connector's task: snapshot then stream, and what to do when a connection is lost.
 *
 *   CONNECTING --snapshot.mode--> SNAPSHOT --last row--> STREAMING, or IDLE
 *       |  ^ \----------------------------------------------^
 *       v  |                                                |
 *     WAITING <------------- connection lost ---------------+
 *
 * CONNECTING: see start.c. SNAPSHOT: the slot exists, its snapshot (or one of our own) is read. STREAMING: as
 * stream.c. WAITING: a transient failure; the next attempt is at retry_ms. IDLE: a mode without stream has read its
 * snapshot.
 */
#include "connectors/postgres/task.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/metrics.h"
<<<<<<< HEAD
#include "common/thread.h"
#include "connectors/postgres/logical_message.h"
#include "connectors/postgres/publication.h"
#include "connectors/postgres/replica_identity.h"
#include "connectors/postgres/snapshot.h"
#include "connectors/postgres/stream.h"
#include "connectors/postgres/transaction.h"
=======
#include "connectors/postgres/task_private.h"
>>>>>>> c557b50 (postgres: all snapshot modes, own statements, notifications, heartbeats, xmin)

#define RETRY_FIRST_MS      500
#define POLL_MAX_MS         100 /* statuses and metrics are due between polls */
#define METRICS_INTERVAL_MS 1000
#define DROP_TIMEOUT_MS     5000

enum metric {
    METRIC_EVENTS,
    METRIC_TRANSACTIONS,
    METRIC_CONNECTED,
    METRIC_RECEIVED_LSN,
    METRIC_CONFIRMED_LSN,
    METRIC_BEHIND_SECONDS,
    METRIC_SNAPSHOT_RUNNING,
    METRIC_SNAPSHOT_ROWS,
    METRIC_SNAPSHOT_PERCENT,
};

#define ROW(kind, name, text) { .type = kind, .names = { "culvert_postgres_" name }, .help = text }

const struct cv_metric pg_task_metrics[PG_TASK_METRICS] = {
    [METRIC_EVENTS] = ROW(CV_COUNTER, "events_total", "Row changes streamed since the task started."),
    [METRIC_TRANSACTIONS] = ROW(CV_COUNTER, "transactions_total", "Transactions streamed by this connection."),
    [METRIC_CONNECTED] = ROW(CV_GAUGE, "connected", "1 while the replication stream is up."),
    [METRIC_RECEIVED_LSN] = ROW(CV_GAUGE, "received_lsn", "Newest WAL position received."),
    [METRIC_CONFIRMED_LSN] = ROW(CV_GAUGE, "confirmed_lsn", "WAL position confirmed to the server."),
    [METRIC_BEHIND_SECONDS] = ROW(CV_GAUGE, "behind_seconds", "Age of the last commit when it was handed over."),
    [METRIC_SNAPSHOT_RUNNING] = ROW(CV_GAUGE, "snapshot_running", "1 during the initial snapshot."),
    [METRIC_SNAPSHOT_ROWS] = ROW(CV_COUNTER, "snapshot_rows_total", "Rows read by the snapshot."),
    [METRIC_SNAPSHOT_PERCENT] = ROW(CV_GAUGE, "snapshot_percent", "Share of the snapshot's pages read."),
};

/* ---- start and end ---- */

enum cv_rc
pg_task_start(struct cv_source_ctx *ctx, const struct cv_config *cfg, struct cv_source_task **ret,
              struct cv_err *err)
{
    struct pg_task *task = calloc(1, sizeof(*task));
    struct envelope_spec spec;
    enum cv_rc rc;

    if (task == NULL)
        return cv_fail_memory(err);
    task->wake.fd = -1;
    task->base.ctx = ctx;
    task->direct = ctx->direct;
    task->backoff_ms = RETRY_FIRST_MS;
    spec = (struct envelope_spec){ .config = &task->config, .direct = ctx->direct, .task = ctx->task };
    rc = pg_config_parse(cfg, &task->config, err);
    if (rc == CV_OK)
        rc = cv_wake_init(&task->wake, err);
    if (rc == CV_OK)
        rc = table_filter_new(&task->config, &task->filter, err);
    if (rc == CV_OK)
        rc = catalog_new(&task->catalog, err);
    if (rc == CV_OK)
        rc = transaction_new(&task->config, &task->transaction, err);
    spec.transaction = task->transaction;
    if (rc == CV_OK)
        rc = envelope_new(&spec, &task->envelope, err);
    if (rc == CV_OK)
        rc = logical_messages_new(&task->config, task->transaction, &task->messages, err);
    if (rc == CV_OK)
        rc = heartbeat_new(&task->config, ctx->log, &task->heartbeat, err);
    if (rc == CV_OK)
        rc = notifications_new(&task->config, ctx->log, &task->notifications, err);
    if (rc != CV_OK) {
        pg_task_free(&task->base);
        return rc;
    }
    *ret = &task->base;
    return CV_OK;
}

/* Everything that belongs to the server's side. */
static void
disconnect(struct pg_task *task)
{
    if (task->stream != NULL) {
        struct stream_stats stats;

        stream_stats(task->stream, &stats);
        task->events_before += stats.events;
        stream_resume_point(task->stream, &task->resume);
        task->has_resume = true;
    }
    stream_free(task->stream);
    snapshot_free(task->snapshot);
    PQfinish(task->repl);
    task->stream = NULL;
    task->snapshot = NULL;
    task->repl = NULL;
    pg_tables_done(&task->tables);
}

/* slot.drop.on.stop. The walsender of the stream that has just ended may hold the slot for a moment. */
static void
drop_slot(struct pg_task *task)
{
    int64_t deadline = cv_mono_ms() + DROP_TIMEOUT_MS;
    PGconn *conn = NULL;
    struct cv_err err;
    enum cv_rc rc = pg_connect(&task->config, PG_SESSION_ORDINARY, CONNECT_TIMEOUT_MS, &conn, &err);

    while (rc == CV_OK && (rc = slot_drop(conn, task->config.slot_name, &err)) == CV_RETRY && cv_mono_ms() < deadline) {
        cv_wake_wait(&task->wake, cv_mono_ms() + 50);
        rc = CV_OK;
    }
    PQfinish(conn);
    if (rc != CV_OK)
        CV_LOG_WARN(task->base.ctx->log, "the slot was not dropped (slot.drop.on.stop)", CV_ERR(&err));
}

void
pg_task_free(struct cv_source_task *base)
{
    struct pg_task *task = cv_container_of(base, struct pg_task, base);
    bool streamed;

    streamed = task->stream != NULL;
    disconnect(task);
    if (streamed && task->config.slot_drop_on_stop)
        drop_slot(task);
    envelope_free(task->envelope);
    notifications_free(task->notifications);
    heartbeat_free(task->heartbeat);
    logical_messages_free(task->messages);
    transaction_free(task->transaction);
    table_filter_free(task->filter);
    catalog_free(task->catalog);
    free(task->seen.running);
    cv_wake_done(&task->wake);
    pg_config_done(&task->config);
    free(task);
}

void
pg_task_wake(struct cv_source_task *base)
{
    struct pg_task *task = cv_container_of(base, struct pg_task, base);

    cv_wake_signal(&task->wake);
}

<<<<<<< HEAD
/* ---- CONNECTING ---- */

static enum cv_rc
read_stored(struct pg_task *task, struct cv_err *err)
{
    struct cv_source_ctx *ctx = task->base.ctx;
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_value *partition, *offset = NULL;
    enum cv_rc rc;

    if (arena == NULL)
        return cv_fail_memory(err);
    rc = position_partition(task->config.topic_prefix, arena, &partition, err);
    if (rc == CV_OK)
        rc = ctx->offset_read(ctx, partition, arena, &offset, err);
    if (rc == CV_OK)
        rc = position_read(offset, &task->stored, err);
    if (rc == CV_OK)
        rc = transaction_read(task->transaction, offset, position_is_inside(&task->stored), err);
    cv_arena_free(arena);
    task->stored_known = rc == CV_OK;
    return rc;
}

static enum cv_rc
check_wal_level(const struct pg_task *task, PGconn *conn, struct cv_err *err)
{
    PGresult *res = NULL;
    enum cv_rc rc = pg_query(conn, "SHOW wal_level", &res, "could not read wal_level", err);

    if (rc == CV_OK && strcmp(PQgetvalue(res, 0, 0), "logical") != 0)
        rc = cv_fail(err, CV_INVALID,
                     "wal_level of the server at %s:%d is \"%s\", but must be \"logical\": set wal_level = logical in "
                     "postgresql.conf and restart the server",
                     task->config.hostname, (int)task->config.port, PQgetvalue(res, 0, 0));
    PQclear(res);
    return rc;
}

static enum cv_rc
read_tables(struct pg_task *task, PGconn *conn, struct cv_err *err)
{
    pg_tables_done(&task->tables);
    if (catalog_tables(task->catalog, conn, 0, &task->tables, err) != CV_OK)
        return err->rc;
    table_select(task->filter, &task->tables);
    if (task->tables.count == 0)
        CV_LOG_WARN(task->base.ctx->log,
                    "no table is captured; check table.include.list and schema.include.list",
                    CV_STR("database", task->config.dbname));
    return CV_OK;
}

/* "10:20:10,14" of pg_current_snapshot() and the position behind which it can have seen nothing. */
static enum cv_rc
remember_seen(struct pg_task *task, const char *visible, cv_lsn until, struct cv_err *err)
{
    struct stream_seen *seen = &task->seen;
    char *at;

    free(seen->running);
    *seen = (struct stream_seen){ .until = until };
    seen->running = calloc(strlen(visible) / 2 + 1, sizeof(*seen->running));
    if (seen->running == NULL)
        return cv_fail_memory(err);
    seen->xmin = strtoull(visible, &at, 10);
    seen->xmax = strtoull(*at == ':' ? at + 1 : at, &at, 10);
    while (*at != '\0' && at[1] != '\0')
        seen->running[seen->n_running++] = (uint32_t)strtoull(at + 1, &at, 10);
    return CV_OK;
}

/* The slot for a new snapshot; *ret_exported is "" when the slot was there before. */
static enum cv_rc
prepare_slot(struct pg_task *task, PGconn *conn, struct slot_info *slot,
             char ret_exported[SLOT_SNAPSHOT_MAX], struct cv_err *err)
{
    const char *name = task->config.slot_name;
    bool ours = task->slot_is_ours || task->stored.phase == POSITION_SNAPSHOT;

    ret_exported[0] = '\0';
    if (slot->exists && ours && !slot->active) { /* of a snapshot that was not completed: start over */
        if (slot_drop(conn, name, err) != CV_OK)
            return err->rc;
        slot->exists = false;
    }
    if (slot->exists) {
        struct position none = { .phase = POSITION_NONE };

        task->snapshot_start = (struct position){ .lsn = slot->confirmed_flush_lsn };
        return slot_check(name, slot, &task->system, &none, task->config.dbname, err);
    }
    if (slot_create(task->repl, name, &task->snapshot_start.lsn, ret_exported, err) != CV_OK)
        return err->rc;
    task->slot_is_ours = true;
    CV_LOG_INFO(task->base.ctx->log, "slot created", CV_STR("slot", name),
                CV_LSN("lsn", task->snapshot_start.lsn));
    return CV_OK;
}

static cv_lsn
insert_position(PGconn *conn)
{
    PGresult *res = NULL;
    struct cv_err err;
    cv_lsn lsn = CV_LSN_NONE;

    if (pg_query(conn, "SELECT pg_current_wal_insert_lsn()", &res, "", &err) == CV_OK &&
        pg_parse_lsn(PQgetvalue(res, 0, 0), &lsn, &err) != CV_OK)
        lsn = CV_LSN_NONE;
    PQclear(res);
    return lsn;
}

static enum cv_rc
begin_snapshot(struct pg_task *task, PGconn *take_conn, struct slot_info *slot, struct cv_err *err)
{
    char exported[SLOT_SNAPSHOT_MAX];
    struct snapshot_spec spec = { .config = &task->config,
                                  .direct = task->direct,
                                  .ctx = task->base.ctx,
                                  .envelope = task->envelope,
                                  .filter = task->filter,
                                  .catalog = task->catalog,
                                  .wake = &task->wake,
                                  .tables = &task->tables };

    if (prepare_slot(task, take_conn, slot, exported, err) != CV_OK) {
        PQfinish(take_conn);
        return err->rc;
    }
    task->snapshot_start.system_id = task->system.system_id;
    task->snapshot_start.timeline = task->system.timeline;
    spec.exported = exported[0] != '\0' ? exported : NULL;
    spec.position = task->snapshot_start;
    if (exported[0] == '\0')
        spec.position.lsn = task->system.wal_end;
    if (snapshot_start(&spec, take_conn, &task->snapshot, err) != CV_OK)
        return err->rc;
    if (exported[0] == '\0') {
        cv_lsn until = insert_position(take_conn);

        if (until == CV_LSN_NONE)
            return cv_fail(err, CV_RETRY, "could not read the server's WAL position");
        if (remember_seen(task, snapshot_visible(task->snapshot), until, err) != CV_OK)
            return err->rc;
    }
    task->snapshot_marked = false;
    task->phase = PHASE_SNAPSHOT;
    CV_LOG_INFO(task->base.ctx->log, "snapshot started", CV_INT("tables", task->tables.count),
                CV_LSN("lsn", task->snapshot_start.lsn));
    return CV_OK;
}

static enum cv_rc
begin_streaming(struct pg_task *task, const struct position *start, struct cv_err *err)
{
    struct stream_spec spec = { .config = &task->config,
                                .direct = task->direct,
                                .ctx = task->base.ctx,
                                .envelope = task->envelope,
                                .transaction = task->transaction,
                                .messages = task->messages,
                                .filter = task->filter,
                                .catalog = task->catalog,
                                .wake = &task->wake,
                                .system = task->system,
                                .start = *start,
                                .seen = &task->seen };
    PGconn *conn = NULL, *repl = task->repl;

    if (pg_connect(&task->config, PG_SESSION_ORDINARY, CONNECT_TIMEOUT_MS, &conn, err) != CV_OK)
        return err->rc;
    task->repl = NULL;
    spec.start.phase = POSITION_STREAM;
    spec.start.system_id = task->system.system_id;
    spec.start.timeline = task->system.timeline;
    if (stream_start(&spec, repl, conn, &task->stream, err) != CV_OK)
        return err->rc;
    stream_confirm(task->stream, task->durable);
    task->phase = PHASE_STREAMING;
    task->slot_is_ours = false;
    CV_LOG_INFO(task->base.ctx->log, "streaming started", CV_STR("slot", task->config.slot_name),
                CV_STR("publication", task->config.publication_name), CV_LSN("lsn", start->lsn));
    return CV_OK;
}

/* no_data and nothing stored: a new slot's position is where streaming begins. */
static enum cv_rc
begin_without_data(struct pg_task *task, PGconn *conn, struct slot_info *slot, struct cv_err *err)
{
    char exported[SLOT_SNAPSHOT_MAX];
    struct position start;

    if (prepare_slot(task, conn, slot, exported, err) != CV_OK)
        return err->rc;
    start = task->snapshot_start;
    return begin_streaming(task, &start, err);
}

static enum cv_rc
start_from(struct pg_task *task, PGconn *take_conn, struct cv_err *err)
{
    const struct position *pos = task->has_resume ? &task->resume : &task->stored;
    struct slot_info slot;
    enum cv_rc rc = slot_read(take_conn, task->config.slot_name, &slot, err);

    if (rc == CV_OK)
        rc = publication_ensure(take_conn, &task->config, &task->tables, err);
    if (rc == CV_OK)
        rc = replica_identity_set(take_conn, &task->config, &task->tables, task->base.ctx->log, err);
    if (rc == CV_OK && pos->phase != POSITION_STREAM && task->config.snapshot_mode == PG_SNAPSHOT_INITIAL)
        return begin_snapshot(task, take_conn, &slot, err);
    if (rc == CV_OK && pos->phase != POSITION_STREAM) {
        rc = begin_without_data(task, take_conn, &slot, err);
    } else if (rc == CV_OK) {
        struct position start = *pos;

        rc = slot_check(task->config.slot_name, &slot, &task->system, pos, task->config.dbname, err);
        if (start.lsn == CV_LSN_NONE) /* Debezium's, inside of its first transaction: the slot stands before it */
            start.lsn = slot.confirmed_flush_lsn;
        if (rc == CV_OK)
            rc = begin_streaming(task, &start, err);
    }
    PQfinish(take_conn);
    return rc;
}

static enum cv_rc
connect_all(struct pg_task *task, struct cv_err *err)
{
    PGconn *conn = NULL;
    enum cv_rc rc = CV_OK;

    if (!task->stored_known)
        rc = read_stored(task, err);
    if (rc == CV_OK)
        rc = pg_connect(&task->config, PG_SESSION_ORDINARY, CONNECT_TIMEOUT_MS, &conn, err);
    if (rc == CV_OK)
        rc = check_wal_level(task, conn, err);
    if (rc == CV_OK)
        rc = pg_connect(&task->config, PG_SESSION_REPLICATION, CONNECT_TIMEOUT_MS, &task->repl, err);
    if (rc == CV_OK)
        rc = slot_system(task->repl, &task->system, err);
    if (rc == CV_OK)
        rc = read_tables(task, conn, err);
    if (rc == CV_OK)
        return start_from(task, conn, err);
    PQfinish(conn);
    return rc;
}

=======
>>>>>>> c557b50 (postgres: all snapshot modes, own statements, notifications, heartbeats, xmin)
/* ---- failures ---- */

/* Another process streams from the slot: found by slot_check_use(), or by the server (object_in_use). */
static bool
slot_is_busy(const struct cv_err *err)
{
    return strcmp(err->sqlstate, "55006") == 0 || strstr(err->text, "is in use by process") != NULL;
}

/* A transient failure: go to WAITING. A slot that stays in use, and everything permanent, ends the task. */
static enum cv_rc
on_failure(struct pg_task *task, struct cv_err *err)
{
    int64_t now = cv_mono_ms();
    int64_t busy_limit = (int64_t)task->config.slot_max_retries * task->config.slot_retry_delay_ms;
    bool busy;

    disconnect(task);
    if (err->rc != CV_RETRY)
        return err->rc;
    busy = slot_is_busy(err);
    if (!busy)
        task->busy_since_ms = 0;
    else if (task->busy_since_ms == 0)
        task->busy_since_ms = now;
    else if (now - task->busy_since_ms > busy_limit) {
        err->rc = CV_INVALID;
        return cv_err_context(err, "gave up after %d s (slot.max.retries, slot.retry.delay.ms)",
                              (int)((now - task->busy_since_ms) / 1000));
    }
    CV_LOG_WARN(task->base.ctx->log,
                busy ? "the replication slot is in use, trying again" : "PostgreSQL is away, trying again",
                CV_INT("retry_ms", task->backoff_ms), CV_ERR(err));
    if (task->base.ctx->progress != NULL)
        task->base.ctx->progress(task->base.ctx, err->text);
    task->phase = PHASE_WAITING;
    task->retry_ms = now + task->backoff_ms;
    task->backoff_ms *= 2;
    if (task->backoff_ms > task->config.retriable_restart_wait_ms)
        task->backoff_ms = task->config.retriable_restart_wait_ms;
    return CV_OK;
}

static void
wait_to_retry(struct pg_task *task, int timeout_ms)
{
    int64_t now = cv_mono_ms();
    int64_t until = now + timeout_ms < task->retry_ms ? now + timeout_ms : task->retry_ms;

    cv_wake_wait(&task->wake, until);
    if (cv_mono_ms() >= task->retry_ms)
        task->phase = PHASE_CONNECTING;
}

/* ---- polling ---- */

static enum cv_rc
set_offset(struct pg_task *task, const struct position *pos, struct cv_batch *batch, struct cv_err *err)
{
    struct cv_value *partition, *offset;

    if (position_partition(task->config.topic_prefix, batch->arena, &partition, err) != CV_OK ||
        position_write(pos, batch->arena, &offset, err) != CV_OK)
        return err->rc;
    return cv_batch_set_offset(batch, partition, offset, err);
}

/* The last row is in the batch, with the offset that says so: go over to streaming. */
static enum cv_rc
end_snapshot(struct pg_task *task, struct cv_batch *batch, struct cv_err *err)
{
    struct snapshot_progress progress;
    struct position pos;

    snapshot_position(task->snapshot, &pos);
    snapshot_progress(task->snapshot, &progress);
    pos.lsn = task->snapshot_start.lsn;
    pos.phase = POSITION_STREAM;
    pos.snapshot_last = progress.rows > 0;
    pos.bare = progress.rows == 0;
    CV_LOG_INFO(task->base.ctx->log, "snapshot complete", CV_INT("rows", progress.rows),
                CV_INT("tables", progress.tables));
    if (task->base.ctx->progress != NULL)
        task->base.ctx->progress(task->base.ctx, "streaming");
    if (set_offset(task, &pos, batch, err) != CV_OK)
        return err->rc;
    task->resume = pos;
    task->has_resume = true;
    snapshot_free(task->snapshot);
    task->snapshot = NULL;
    return start_streaming(task, &pos, err);
}

static enum cv_rc
poll_snapshot(struct pg_task *task, struct cv_batch *batch, int timeout_ms, struct cv_err *err)
{
    bool done = false;

    if (snapshot_poll(task->snapshot, batch, timeout_ms, &done, err) != CV_OK)
        return err->rc;
    if (batch == NULL)
        return CV_OK;
    if (done)
        return end_snapshot(task, batch, err);
    if (!task->snapshot_marked && batch->n_messages + batch->n_records > 0) {
        struct position pos;

        snapshot_position(task->snapshot, &pos);
        task->snapshot_marked = true;
        return set_offset(task, &pos, batch, err);
    }
    return CV_OK;
}

static void
publish_metrics(struct pg_task *task)
{
    struct cv_source_ctx *ctx = task->base.ctx;
    int64_t now = cv_mono_ms();

    if (ctx->metric_set == NULL || now < task->metrics_ms)
        return;
    task->metrics_ms = now + METRICS_INTERVAL_MS;
    ctx->metric_set(ctx, METRIC_CONNECTED, task->stream != NULL);
    ctx->metric_set(ctx, METRIC_SNAPSHOT_RUNNING, task->snapshot != NULL);
    if (task->snapshot != NULL) {
        struct snapshot_progress progress;

        snapshot_progress(task->snapshot, &progress);
        ctx->metric_set(ctx, METRIC_SNAPSHOT_ROWS, (double)progress.rows);
        ctx->metric_set(ctx, METRIC_SNAPSHOT_PERCENT, progress.percent);
    }
    if (task->stream != NULL) {
        struct stream_stats stats;

        stream_stats(task->stream, &stats);
        ctx->metric_set(ctx, METRIC_EVENTS, (double)(task->events_before + stats.events));
        ctx->metric_set(ctx, METRIC_TRANSACTIONS, (double)stats.transactions);
        ctx->metric_set(ctx, METRIC_RECEIVED_LSN, (double)stats.received_lsn);
        ctx->metric_set(ctx, METRIC_CONFIRMED_LSN, (double)stats.confirmed_lsn);
        ctx->metric_set(ctx, METRIC_BEHIND_SECONDS, stats.behind_seconds);
    }
}

enum cv_rc
pg_task_poll(struct cv_source_task *base, struct cv_batch *batch, int timeout_ms, struct cv_err *err)
{
    struct pg_task *task = cv_container_of(base, struct pg_task, base);
    enum cv_rc rc = CV_OK;

    if (timeout_ms > POLL_MAX_MS)
        timeout_ms = POLL_MAX_MS;
    switch (task->phase) {
    case PHASE_CONNECTING:
        rc = start_connect(task, err);
        break;
    case PHASE_SNAPSHOT:
        rc = poll_snapshot(task, batch, timeout_ms, err);
        break;
    case PHASE_STREAMING:
        rc = stream_poll(task->stream, batch, timeout_ms, err);
        if (rc == CV_OK) {
            task->backoff_ms = RETRY_FIRST_MS;
            task->busy_since_ms = 0;
        }
        break;
    case PHASE_WAITING:
        wait_to_retry(task, timeout_ms);
        break;
    case PHASE_IDLE:
        cv_wake_wait(&task->wake, cv_mono_ms() + timeout_ms);
        break;
    }
    publish_metrics(task);
    if (rc == CV_OK && batch != NULL)
        rc = notifications_flush(task->notifications, batch, err);
    return rc == CV_OK ? CV_OK : on_failure(task, err);
}

enum cv_rc
pg_task_offset_commit(struct cv_source_task *base, const struct cv_offset *durable, struct cv_err *err)
{
    struct pg_task *task = cv_container_of(base, struct pg_task, base);
    struct position pos;

    if (position_read(durable->offset, &pos, err) != CV_OK)
        return err->rc;
    if (pos.phase != POSITION_STREAM || pos.lsn <= task->durable)
        return CV_OK;
    /* the events and the offset are in Kafka: the server may forget what lies before it */
    task->durable = pos.lsn;
    if (task->stream != NULL)
        stream_confirm(task->stream, pos.lsn);
    return CV_OK;
}
