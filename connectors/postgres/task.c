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
#include "common/regex.h"
#include "connectors/postgres/task_private.h"

#define RETRY_FIRST_MS      500
#define POLL_MAX_MS         100 /* statuses and metrics are due between polls */
#define METRICS_INTERVAL_MS 1000
#define DROP_TIMEOUT_MS     5000

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
    if (rc == CV_OK && task->config.retriable != NULL)
        rc = cv_regex_new(task->config.retriable, false, &task->retriable, err);
    if (rc == CV_OK)
        rc = table_filter_new(&task->config, &task->filter, err);
    if (rc == CV_OK)
        rc = catalog_new(&task->catalog, err);
    if (rc == CV_OK && task->config.advanced_metrics && (task->table_counts = table_counts_new()) == NULL)
        rc = cv_fail_memory(err);
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
        rc = reselect_new(&task->config, ctx->log, &task->reselect, err);
    if (rc == CV_OK)
        rc = signal_channels_new(&task->config, ctx->log, &task->channels, err);
    if (rc == CV_OK)
        rc = notifications_new(&task->config, ctx->log, &task->notifications, err);
    if (rc == CV_OK)
        rc = incremental_new(&(struct incremental_spec){ .config = &task->config,
                                                         .direct = ctx->direct,
                                                         .ctx = ctx,
                                                         .envelope = task->envelope,
                                                         .notifications = task->notifications,
                                                         .filter = task->filter,
                                                         .catalog = task->catalog },
                             &task->incremental, err);
    if (rc != CV_OK) {
        pg_task_free(&task->base);
        return rc;
    }
    *ret = &task->base;
    return CV_OK;
}

static void
end_of_snapshot(struct pg_task *task, bool completed)
{
    snapshot_progress(task->snapshot, &task->counts.snapshot);
    progress_report_take(&task->report, task->snapshot, task->request != NULL);
    task->counts.snapshot_end_ms = cv_mono_ms();
    task->counts.snapshot_completed = completed;
    task->counts.snapshot_aborted = !completed;
    snapshot_free(task->snapshot);
    task->snapshot = NULL;
}

/* What was handed over counts as delivered: this task hands over no more before that is, or fails. */
static void
keep_delivered(struct pg_task *task)
{
    struct snapshot_delivered *delivered;
    struct cv_err err;

    if (!task->config.snapshot_resume || task->request != NULL)
        return;
    if (snapshot_delivered(task->snapshot, task->snapshot_start.lsn, &delivered, &err) != CV_OK) {
        CV_LOG_WARN(task->base.ctx->log, "the snapshot starts over", CV_ERR(&err));
        return;
    }
    snapshot_delivered_free(task->delivered);
    task->delivered = delivered;
}

/* Everything that belongs to the server's side. */
static void
disconnect(struct pg_task *task)
{
    if (task->snapshot != NULL) {
        keep_delivered(task);
        end_of_snapshot(task, false);
    }
    if (task->stream != NULL) {
        struct stream_stats stats;

        stream_stats(task->stream, &stats);
        pg_counts_add(&task->counts, &stats);
        task->counts.disconnects++;
        stream_resume_point(task->stream, &task->resume);
        task->has_resume = true;
    }
    stream_free(task->stream);
    snapshot_request_free(task->request);
    task->request = NULL;
    if (task->phase == PHASE_SLOT)
        slot_create_cancel(task->repl);
    task->created.lsn = CV_LSN_NONE;
    PQfinish(task->repl);
    task->stream = NULL;
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
    table_counts_free(task->table_counts);
    envelope_free(task->envelope);
    signal_channels_free(task->channels);
    reselect_free(task->reselect);
    incremental_free(task->incremental);
    notifications_free(task->notifications);
    heartbeat_free(task->heartbeat);
    logical_messages_free(task->messages);
    transaction_free(task->transaction);
    table_filter_free(task->filter);
    cv_regex_free(task->retriable);
    catalog_free(task->catalog);
    free(task->seen.running);
    snapshot_delivered_free(task->delivered);
    progress_report_done(&task->report);
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

/* ---- failures ---- */

/* Another process streams from the slot: found by slot_check_use(), or by the server (object_in_use). */
static bool
slot_is_busy(const struct cv_err *err)
{
    return strcmp(err->sqlstate, "55006") == 0 || strstr(err->text, "is in use by process") != NULL;
}

/* internal.custom.retriable.exception: the user knows that such a failure passes. */
static void
maybe_retriable(const struct pg_task *task, struct cv_err *err)
{
    if (task->retriable != NULL && cv_regex_matches(task->retriable, err->text, strlen(err->text)))
        err->rc = CV_RETRY;
}

/* A transient failure: go to WAITING. A slot that stays in use, and everything permanent, ends the task. */
static enum cv_rc
on_failure(struct pg_task *task, struct cv_err *err)
{
    int64_t now = cv_mono_ms();
    int64_t busy_limit = (int64_t)task->config.slot_max_retries * task->config.slot_retry_delay_ms;
    int64_t pause = task->backoff_ms;
    bool busy;

    disconnect(task);
    task->phase = PHASE_IDLE; /* a task that has failed is polled once more */
    maybe_retriable(task, err);
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
    if (!busy && task->config.errors_max_retries >= 0 && task->retries++ >= task->config.errors_max_retries) {
        err->rc = CV_INVALID;
        return cv_err_context(err, "gave up after %d attempts (errors.max.retries)", (int)task->retries);
    }
    if (busy) /* a take-over waits for it: it is free from one moment to the next */
        pause = RETRY_FIRST_MS;
    CV_LOG_WARN(task->base.ctx->log,
                busy                  ? "the replication slot is in use, trying again"
                : task->stored_known ? "PostgreSQL is away, trying again"
                                     : "the stored position cannot be read, trying again",
                CV_INT("retry_ms", pause), CV_ERR(err));
    if (task->base.ctx->progress != NULL)
        task->base.ctx->progress(task->base.ctx, err->text);
    task->phase = PHASE_WAITING;
    snprintf(task->waiting_for, sizeof(task->waiting_for), "%s", err->text);
    task->retry_ms = now + pause;
    if (!busy)
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

/* "Under way"; with snapshot.resume also how far. */
static enum cv_rc
set_snapshot_offset(struct pg_task *task, struct cv_batch *batch, struct cv_err *err)
{
    struct snapshot_delivered *delivered = NULL;
    struct cv_value *partition, *offset;
    struct position pos;
    uint64_t suppressed;
    bool fits = true;
    enum cv_rc rc;

    snapshot_position(task->snapshot, &pos);
    rc = position_partition(task->config.topic_prefix, batch->arena, &partition, err);
    if (rc == CV_OK)
        rc = position_write(&pos, batch->arena, &offset, err);
    if (rc == CV_OK && task->config.snapshot_resume)
        rc = snapshot_delivered(task->snapshot, task->snapshot_start.lsn, &delivered, err);
    if (rc == CV_OK && delivered != NULL)
        rc = snapshot_delivered_write(delivered, batch->arena, offset, &fits, err);
    if (rc == CV_OK)
        rc = cv_batch_set_offset(batch, partition, offset, err);
    if (!fits && cv_log_limit(&task->too_many_limit, 600000, &suppressed))
        CV_LOG_WARN(task->base.ctx->log,
                    "the snapshot has more tables than an offset can tell of: if it is interrupted, it starts over",
                    CV_STR("option", "snapshot.resume"), CV_INT("tables", delivered->count));
    snapshot_delivered_free(delivered);
    return rc;
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
    end_of_snapshot(task, true);
    if (task->config.streaming_delay_ms > 0) {
        start_later(task, task->config.streaming_delay_ms, "streaming.delay.ms");
        return CV_OK;
    }
    return start_streaming(task, &pos, err);
}

static enum cv_rc
poll_snapshot(struct pg_task *task, struct cv_batch *batch, int timeout_ms, struct cv_err *err)
{
    bool done = false, moved;

    if (snapshot_poll(task->snapshot, batch, timeout_ms, &done, err) != CV_OK)
        return err->rc;
    if (batch == NULL)
        return CV_OK;
    if (done)
        return end_snapshot(task, batch, err);
    moved = task->config.snapshot_resume && snapshot_moved(task->snapshot);
    if (!moved && (task->snapshot_marked || batch->n_messages + batch->n_records == 0))
        return CV_OK;
    task->snapshot_marked = true;
    return set_snapshot_offset(task, batch, err);
}

/* A blocking snapshot: the stream is only kept alive. One that is cut off is not begun again. */
static enum cv_rc
poll_blocking(struct pg_task *task, struct cv_batch *batch, int timeout_ms, struct cv_err *err)
{
    bool done = false;

    if (stream_poll(task->stream, NULL, batch == NULL ? timeout_ms : 0, err) != CV_OK)
        return err->rc;
    if (batch == NULL)
        return CV_OK;
    if (snapshot_poll(task->snapshot, batch, timeout_ms, &done, err) != CV_OK)
        return err->rc;
    if (!done)
        return CV_OK;
    CV_LOG_INFO(task->base.ctx->log, "blocking snapshot complete");
    end_of_snapshot(task, true);
    snapshot_request_free(task->request);
    task->request = NULL;
    return CV_OK;
}

static enum cv_rc
act(void *arg, const struct signal *signal, struct cv_err *err)
{
    struct pg_task *task = arg;

    return stream_act(task->stream, signal, err);
}

static enum cv_rc
poll_stream(struct pg_task *task, struct cv_batch *batch, int timeout_ms, struct cv_err *err)
{
    struct snapshot_request *request;

    if (task->snapshot != NULL)
        return poll_blocking(task, batch, timeout_ms, err);
    if (stream_poll(task->stream, batch, timeout_ms, err) != CV_OK)
        return err->rc;
    task->backoff_ms = RETRY_FIRST_MS;
    task->busy_since_ms = 0;
    task->retries = 0;
    if (batch != NULL && signal_channels_poll(task->channels, act, task, err) != CV_OK)
        return err->rc;
    if (stream_take_request(task->stream, &request, err) != CV_OK)
        return err->rc;
    return request != NULL ? start_blocking(task, request, err) : CV_OK;
}

static void
publish_metrics(struct pg_task *task)
{
    int64_t now = cv_mono_ms();

    if (now < task->metrics_ms)
        return;
    task->metrics_ms = now + METRICS_INTERVAL_MS;
    pg_metrics_set(task->base.ctx, &task->config, &task->counts, task->stream, task->snapshot);
    if (task->table_counts != NULL)
        pg_metrics_set_tables(task->base.ctx, task->table_counts);
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
        if (batch != NULL || timeout_ms > 0) /* not for a last word */
            rc = start_connect(task, err);
        break;
    case PHASE_SLOT:
        if (batch != NULL || timeout_ms > 0)
            rc = start_wait_slot(task, timeout_ms, err);
        break;
    case PHASE_SNAPSHOT:
        rc = poll_snapshot(task, batch, timeout_ms, err);
        break;
    case PHASE_STREAMING:
        rc = poll_stream(task, batch, timeout_ms, err);
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

void
pg_task_position(struct cv_source_task *base, char *text, size_t size)
{
    struct pg_task *task = cv_container_of(base, struct pg_task, base);
    char stored[PG_LSN_MAX], received[PG_LSN_MAX];
    struct stream_stats stats;

    text[0] = '\0';
    if (task->stream == NULL) /* it failed by itself, and said where */
        return;
    stream_stats(task->stream, &stats);
    snprintf(text, size, "the stored position is %s, and WAL was read up to %s",
             pg_format_lsn(task->durable != CV_LSN_NONE ? task->durable : task->stored.lsn, stored),
             pg_format_lsn(stats.received_lsn, received));
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

enum cv_rc
pg_task_signal(struct cv_source_task *base, const struct cv_value *signal, struct cv_arena *arena, struct cv_value *ret,
               struct cv_err *err)
{
    struct pg_task *task = cv_container_of(base, struct pg_task, base);

    if (task->phase == PHASE_IDLE)
        return cv_fail(err, CV_CONFLICT,
                       "signals are acted upon while streaming, and this snapshot.mode has no stream");
    return signal_channels_put(task->channels, signal, arena, ret, err);
}
