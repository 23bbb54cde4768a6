/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CONNECTING: what a task looks at before it reads anything, and what it begins with.
 *
 *   1. the stored offset, connections, wal_level, system identifier, timeline
 *   2. the tables, and with a stream: the publication
 *   3. the slot, compared with the offset: anything that makes completeness impossible ends the task with both
 *      positions and the remedy, unless the mode takes a new snapshot then (when_needed)
 *   4. snapshot.mode says whether data are read, and whether the stream follows; a slot that is missing is created
 *      meanwhile (SLOT), which lasts as long as the transactions that are running, and then 1 to 4 come again
 *
 * A snapshot that was interrupted starts over, with a new slot; with snapshot.resume it goes on, with the old one, if
 * that holds everything since.
 *
 * A slot that existed before the snapshot is older than it: what it still holds of transactions that the snapshot has
 * seen is skipped by transaction id (struct stream_seen), so nothing comes twice and nothing is missed.
 */
#include "connectors/postgres/task_private.h"

#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/log.h"
#include "connectors/postgres/publication.h"
#include "connectors/postgres/replica_identity.h"

#define SLOT_TELL_FIRST_MS 2000
#define SLOT_TELL_MS       60000

/* ---- what the mode says ---- */

static bool
mode_streams(const struct pg_config *config)
{
    if (config->snapshot_mode == PG_SNAPSHOT_CONFIGURATION_BASED)
        return config->configuration_based_stream;
    return config->snapshot_mode != PG_SNAPSHOT_INITIAL_ONLY;
}

/* pos: where the task stands. Within its life a snapshot that was completed is not taken again. */
static bool
mode_reads_data(const struct pg_task *task, const struct position *pos)
{
    if (task->has_resume)
        return false;
    if (task->starts_over)
        return true;
    switch (task->config.snapshot_mode) {
    case PG_SNAPSHOT_ALWAYS:
        return true;
    case PG_SNAPSHOT_NO_DATA:
        return false;
    case PG_SNAPSHOT_CONFIGURATION_BASED:
        return task->config.configuration_based_data;
    default:
        return pos->phase != POSITION_STREAM;
    }
}

/* Whether an offset that cannot be continued leads to a new snapshot. */
static bool
mode_starts_over(const struct pg_config *config)
{
    return config->snapshot_mode == PG_SNAPSHOT_WHEN_NEEDED ||
           (config->snapshot_mode == PG_SNAPSHOT_CONFIGURATION_BASED && config->configuration_based_on_data_error);
}

void
start_later(struct pg_task *task, int64_t delay_ms, const char *why)
{
    PQfinish(task->repl);
    task->repl = NULL;
    task->phase = PHASE_WAITING;
    snprintf(task->waiting_for, sizeof(task->waiting_for), "%s", why);
    task->retry_ms = cv_mono_ms() + delay_ms;
    CV_LOG_INFO(task->base.ctx->log, "waiting as configured", CV_STR("option", why), CV_INT("delay_ms", delay_ms));
}

/* ---- looking ---- */

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
    if (rc == CV_OK)
        rc = incremental_read(task->incremental, offset, err);
    if (rc == CV_OK && task->config.snapshot_resume && task->stored.phase == POSITION_SNAPSHOT)
        rc = snapshot_delivered_read(offset, &task->stored, &task->delivered, err);
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
    return table_guardrail(&task->config, &task->tables, task->base.ctx->log, err);
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

/* ---- the snapshot ---- */

static void
note_begin(struct pg_task *task)
{
    task->counts.snapshot_start_ms = cv_mono_ms();
    task->counts.snapshot_end_ms = 0;
    task->counts.snapshot_completed = task->counts.snapshot_aborted = task->counts.snapshot_skipped = false;
}

static enum cv_rc
begin_slot(struct pg_task *task, struct cv_err *err)
{
    const char *name = task->config.slot_name;

    if (task->config.slot_failover && PQserverVersion(task->repl) < 170000)
        CV_LOG_WARN(task->base.ctx->log, "slot.failover is left out: the server is older than PostgreSQL 17",
                    CV_STR("slot", name));
    if (slot_create_begin(task->repl, name, task->config.slot_failover, err) != CV_OK)
        return err->rc;
    task->phase = PHASE_SLOT;
    task->slot_told_ms = cv_mono_ms() + SLOT_TELL_FIRST_MS;
    snprintf(task->waiting_for, sizeof(task->waiting_for), "the replication slot is created");
    return CV_OK;
}

/* The slot for a new snapshot; *ret_exported is "" when the slot was there before. When it is to be created, the phase
   is SLOT afterwards: this is called again once it is there. */
static enum cv_rc
prepare_slot(struct pg_task *task, PGconn *conn, struct slot_info *slot, char ret_exported[SLOT_SNAPSHOT_MAX],
             struct cv_err *err)
{
    const char *name = task->config.slot_name;
    bool ours = task->slot_is_ours || task->stored.phase == POSITION_SNAPSHOT;

    ret_exported[0] = '\0';
    if (task->delivered != NULL) {
        task->snapshot_start = (struct position){ .lsn = task->delivered->start };
        return slot_check_use(name, slot, task->config.dbname, task->delivered->start, err);
    }
    if (task->created.lsn != CV_LSN_NONE) {
        task->snapshot_start = (struct position){ .lsn = task->created.lsn };
        memcpy(ret_exported, task->created.snapshot, SLOT_SNAPSHOT_MAX);
        task->created.lsn = CV_LSN_NONE;
        return CV_OK;
    }
    /* of a snapshot that was not completed, or of no use: start over */
    if (slot->exists && !slot->active && (ours || strcmp(slot->wal_status, "lost") == 0)) {
        if (slot_drop(conn, name, err) != CV_OK)
            return err->rc;
        slot->exists = false;
    }
    if (slot->exists) {
        task->snapshot_start = (struct position){ .lsn = slot->confirmed_flush_lsn };
        return slot_check_use(name, slot, task->config.dbname, CV_LSN_NONE, err);
    }
    return begin_slot(task, err);
}

/* Which sessions the server waits for before the slot is there. */
static void
tell_slot_waits(struct pg_task *task)
{
    const char *values[1] = { NULL };
    char pid[16];
    PGconn *conn = NULL;
    PGresult *res = NULL;
    struct cv_err err;

    if (cv_mono_ms() < task->slot_told_ms)
        return;
    task->slot_told_ms = cv_mono_ms() + SLOT_TELL_MS;
    snprintf(pid, sizeof(pid), "%d", PQbackendPID(task->repl));
    values[0] = pid;
    if (pg_connect(&task->config, PG_SESSION_ORDINARY, CONNECT_TIMEOUT_MS, &conn, &err) == CV_OK)
        res = pg_exec(conn, "SELECT coalesce(nullif(array_to_string(pg_blocking_pids($1), ', '), ''), '(not known)')",
                      1, values);
    if (PQresultStatus(res) == PGRES_TUPLES_OK) {
        snprintf(task->waiting_for, sizeof(task->waiting_for),
                 "the new replication slot waits for the transactions of server processes %s to end",
                 PQgetvalue(res, 0, 0));
        CV_LOG_WARN(task->base.ctx->log, "the new replication slot waits for transactions that are running: end them",
                    CV_STR("slot", task->config.slot_name), CV_STR("processes", PQgetvalue(res, 0, 0)));
    }
    PQclear(res);
    PQfinish(conn);
}

enum cv_rc
start_wait_slot(struct pg_task *task, int timeout_ms, struct cv_err *err)
{
    struct pollfd fds[2] = { { .fd = task->wake.fd, .events = POLLIN },
                             { .fd = PQsocket(task->repl), .events = POLLIN } };
    bool done = false;

    poll(fds, 2, timeout_ms);
    if (fds[0].revents != 0)
        cv_wake_clear(&task->wake);
    if (slot_create_poll(task->repl, task->config.slot_name, &done, &task->created, err) != CV_OK)
        return err->rc;
    if (!done) {
        tell_slot_waits(task);
        return CV_OK;
    }
    task->slot_is_ours = true;
    CV_LOG_INFO(task->base.ctx->log, "slot created", CV_STR("slot", task->config.slot_name),
                CV_LSN("lsn", task->created.lsn));
    task->phase = PHASE_CONNECTING;
    return start_connect(task, err);
}

/* What the stream will skip, since this snapshot has it: everything that it can see. */
static enum cv_rc
note_seen(struct pg_task *task, PGconn *conn, struct cv_err *err)
{
    cv_lsn until = insert_position(conn);

    if (until == CV_LSN_NONE)
        return cv_fail(err, CV_RETRY, "could not read the server's WAL position");
    return remember_seen(task, snapshot_visible(task->snapshot), until, err);
}

/* Why an interrupted snapshot cannot go on; NULL: it can. */
static const char *
cannot_go_on(const struct pg_task *task, const struct slot_info *slot)
{
    const struct snapshot_delivered *was = task->delivered;

    if (was->system_id != task->system.system_id)
        return "the server is another one";
    if (was->timeline != task->system.timeline)
        return "the server is on another timeline: what was read before may never have been there";
    if (was->start > task->system.wal_end || was->lsn > task->system.wal_end)
        return "the server's WAL ends before the snapshot";
    if (!mode_streams(&task->config))
        return NULL;
    if (!slot->exists)
        return "the replication slot does not exist any more";
    if (strcmp(slot->wal_status, "lost") == 0)
        return "the replication slot was invalidated (max_slot_wal_keep_size)";
    if (slot->confirmed_flush_lsn > was->start)
        return "the replication slot was moved on by somebody else";
    return NULL;
}

static void
tell_snapshot(const struct pg_task *task)
{
    struct snapshot_progress progress;

    snapshot_progress(task->snapshot, &progress);
    if (task->delivered == NULL)
        CV_LOG_INFO(task->base.ctx->log, "snapshot started", CV_INT("tables", progress.tables),
                    CV_LSN("lsn", task->snapshot_start.lsn));
    else
        CV_LOG_INFO(task->base.ctx->log, "snapshot goes on", CV_INT("tables", progress.tables),
                    CV_INT("tables_delivered", progress.tables_done), CV_INT("rows_delivered", progress.rows_before),
                    CV_LSN("lsn", task->snapshot_start.lsn));
}

/* The slot must hold everything since what was read first. What nothing is known of is read again: nothing is lost. */
static void
check_delivered(struct pg_task *task, const struct slot_info *slot)
{
    const char *why = task->delivered == NULL ? NULL : cannot_go_on(task, slot);

    if (why == NULL)
        return;
    CV_LOG_WARN(task->base.ctx->log, "the interrupted snapshot cannot go on, and starts over",
                CV_STR("slot", task->config.slot_name), CV_LSN("lsn", task->delivered->start), CV_STR("reason", why));
    snapshot_delivered_free(task->delivered);
    task->delivered = NULL;
}

static enum cv_rc
begin_snapshot(struct pg_task *task, PGconn *take_conn, struct slot_info *slot, struct cv_err *err)
{
    char exported[SLOT_SNAPSHOT_MAX] = "";
    bool streams = mode_streams(&task->config);
    struct snapshot_spec spec = { .config = &task->config,
                                  .direct = task->direct,
                                  .ctx = task->base.ctx,
                                  .envelope = task->envelope,
                                  .notifications = task->notifications,
                                  .filter = task->filter,
                                  .catalog = task->catalog,
                                  .wake = &task->wake,
                                  .tables = &task->tables,
                                  .include = task->config.snapshot_include,
                                  .overrides = task->config.snapshot_select_overrides,
                                  .n_overrides = task->config.n_snapshot_select_overrides,
                                  .resumable = task->config.snapshot_resume };

    check_delivered(task, slot);
    spec.delivered = task->delivered;
    task->snapshot_start = (struct position){ .lsn = task->delivered != NULL ? task->delivered->start
                                                                             : task->system.wal_end };
    if (streams && (prepare_slot(task, take_conn, slot, exported, err) != CV_OK || task->phase == PHASE_SLOT)) {
        PQfinish(take_conn);
        return task->phase == PHASE_SLOT ? CV_OK : err->rc;
    }
    task->snapshot_start.system_id = task->system.system_id;
    task->snapshot_start.timeline = task->system.timeline;
    spec.exported = exported[0] != '\0' ? exported : NULL;
    spec.position = task->snapshot_start;
    if (task->delivered != NULL) /* its events are no newer than those of the stream that follows */
        spec.position.lsn = task->delivered->lsn;
    else if (exported[0] == '\0')
        spec.position.lsn = task->system.wal_end;
    note_begin(task);
    if (snapshot_start(&spec, take_conn, &task->snapshot, err) != CV_OK)
        return err->rc;
    if (streams && exported[0] == '\0' && task->delivered == NULL && note_seen(task, take_conn, err) != CV_OK)
        return err->rc;
    task->snapshot_marked = false;
    task->phase = PHASE_SNAPSHOT;
    tell_snapshot(task);
    snapshot_delivered_free(task->delivered);
    task->delivered = NULL;
    return CV_OK;
}

/* The stream rests meanwhile, and goes on where it stood. */
enum cv_rc
start_blocking(struct pg_task *task, struct snapshot_request *take_request, struct cv_err *err)
{
    struct snapshot_spec spec = { .config = &task->config,
                                  .direct = task->direct,
                                  .ctx = task->base.ctx,
                                  .envelope = task->envelope,
                                  .notifications = task->notifications,
                                  .filter = task->filter,
                                  .catalog = task->catalog,
                                  .wake = &task->wake,
                                  .tables = &task->tables,
                                  .include = take_request->include,
                                  .overrides = take_request->overrides,
                                  .n_overrides = take_request->n_overrides };
    PGconn *conn = NULL;
    enum cv_rc rc;

    task->request = take_request;
    stream_position(task->stream, &spec.position);
    rc = pg_connect(&task->config, PG_SESSION_ORDINARY, CONNECT_TIMEOUT_MS, &conn, err);
    if (rc == CV_OK)
        rc = read_tables(task, conn, err);
    if (rc != CV_OK) {
        PQfinish(conn);
        return rc;
    }
    CV_LOG_INFO(task->base.ctx->log, "blocking snapshot started", CV_LSN("lsn", spec.position.lsn));
    note_begin(task);
    return snapshot_start(&spec, conn, &task->snapshot, err);
}

/* ---- the stream ---- */

enum cv_rc
start_streaming(struct pg_task *task, const struct position *from, struct cv_err *err)
{
    struct stream_spec spec = { .config = &task->config,
                                .direct = task->direct,
                                .ctx = task->base.ctx,
                                .envelope = task->envelope,
                                .transaction = task->transaction,
                                .messages = task->messages,
                                .heartbeat = task->heartbeat,
                                .incremental = task->incremental,
                                .reselect = task->reselect,
                                .table_counts = task->table_counts,
                                .tables = &task->tables,
                                .filter = task->filter,
                                .catalog = task->catalog,
                                .wake = &task->wake,
                                .system = task->system,
                                .start = *from,
                                .seen = &task->seen };
    PGconn *conn = NULL, *repl = task->repl;

    if (!mode_streams(&task->config)) {
        task->phase = PHASE_IDLE;
        return CV_OK;
    }
    if (pg_connect(&task->config, PG_SESSION_ORDINARY, CONNECT_TIMEOUT_MS, &conn, err) != CV_OK)
        return err->rc;
    task->repl = NULL;
    spec.start.phase = POSITION_STREAM;
    spec.start.system_id = task->system.system_id;
    spec.start.timeline = task->system.timeline;
    if (stream_start(&spec, repl, conn, &task->stream, err) != CV_OK ||
        incremental_next(task->incremental, true, err) != CV_OK)
        return err->rc;
    stream_confirm(task->stream, task->durable);
    task->phase = PHASE_STREAMING;
    task->slot_is_ours = false;
    CV_LOG_INFO(task->base.ctx->log, "streaming started", CV_STR("slot", task->config.slot_name),
                CV_STR("publication", task->config.publication_name), CV_LSN("lsn", from->lsn));
    return CV_OK;
}

/* Nothing stored, and no data are read: a new slot's position is where streaming begins. */
static enum cv_rc
begin_without_data(struct pg_task *task, PGconn *conn, struct slot_info *slot, struct cv_err *err)
{
    char exported[SLOT_SNAPSHOT_MAX];
    struct position start;

    if (!mode_streams(&task->config)) {
        task->phase = PHASE_IDLE;
        return CV_OK;
    }
    if (task->stored.phase == POSITION_SNAPSHOT)
        return cv_fail(err, CV_INVALID,
                       "the stored offset says that a snapshot was not completed, but snapshot.mode takes none: choose "
                       "initial, or reset the offsets (DELETE /connectors/NAME/offsets) of the stopped connector");
    if (prepare_slot(task, conn, slot, exported, err) != CV_OK || task->phase == PHASE_SLOT)
        return task->phase == PHASE_SLOT ? CV_OK : err->rc;
    start = task->snapshot_start;
    return start_streaming(task, &start, err);
}

/* offset.mismatch.strategy: the user said which of slot and offset is right where they differ. */
static enum cv_rc
settle_mismatch(struct pg_task *task, PGconn *conn, const struct slot_info *slot, struct position *pos,
                struct cv_err *err)
{
    int strategy = task->config.offset_mismatch_strategy;
    bool trusts_slot = strategy == PG_MISMATCH_TRUST_SLOT || strategy == PG_MISMATCH_TRUST_GREATER_LSN;
    bool trusts_offset = strategy == PG_MISMATCH_TRUST_OFFSET || strategy == PG_MISMATCH_TRUST_GREATER_LSN;

    if (!slot->exists || pos->lsn == CV_LSN_NONE)
        return CV_OK;
    if (trusts_slot && slot->confirmed_flush_lsn > pos->lsn) {
        CV_LOG_WARN(task->base.ctx->log,
                    "the slot is ahead of the stored offset, and offset.mismatch.strategy trusts the slot: changes "
                    "between them are skipped",
                    CV_LSN("stored", pos->lsn), CV_LSN("slot_lsn", slot->confirmed_flush_lsn));
        pos->lsn = slot->confirmed_flush_lsn;
        pos->partial = (struct position_partial){ 0 };
    } else if (trusts_offset && slot->confirmed_flush_lsn < pos->lsn && !slot->active &&
               pos->lsn <= task->system.wal_end && task->config.flush_lsn_source) {
        if (slot_advance(conn, task->config.slot_name, pos->lsn, err) != CV_OK)
            return err->rc;
        CV_LOG_INFO(task->base.ctx->log, "the slot was behind the stored offset and is advanced to it, as "
                    "offset.mismatch.strategy says", CV_LSN("stored", pos->lsn),
                    CV_LSN("slot_lsn", slot->confirmed_flush_lsn));
    }
    return CV_OK;
}

static enum cv_rc
tell_skipped(struct pg_task *task, struct cv_err *err)
{
    if (task->skip_told || task->has_resume)
        return CV_OK;
    task->skip_told = true;
    task->counts.snapshot_skipped = true;
    return notify(task->notifications,
                  &(struct notification){ .aggregate = NOTIFY_INITIAL, .type = "SKIPPED" }, err);
}

/* ---- deciding ---- */

/* The publication and identities that the configuration asks for. */
static enum cv_rc
prepare_tables(struct pg_task *task, PGconn *conn, struct cv_err *err)
{
    struct cv_log *log = task->base.ctx->log;

    if (mode_streams(&task->config) && publication_ensure(conn, &task->config, &task->tables, err) != CV_OK)
        return err->rc;
    if (replica_identity_set(conn, &task->config, &task->tables, log, err) != CV_OK)
        return err->rc;
    return mode_streams(&task->config) ? publication_warn_missing(conn, &task->config, &task->tables, log, err) : CV_OK;
}

static enum cv_rc
start_from(struct pg_task *task, PGconn *take_conn, struct cv_err *err)
{
    struct position pos = task->has_resume ? task->resume : task->stored;
    const char *name = task->config.slot_name;
    struct slot_info slot;
    enum cv_rc rc = slot_read(take_conn, name, &slot, err);

    if (rc == CV_OK && task->created.lsn == CV_LSN_NONE) /* else it was done before the slot was made */
        rc = prepare_tables(task, take_conn, err);
    if (rc == CV_OK && pos.phase == POSITION_STREAM && mode_streams(&task->config)) {
        rc = settle_mismatch(task, take_conn, &slot, &pos, err);
        if (rc == CV_OK)
            rc = slot_check_position(name, &slot, &task->system, &pos, err);
        if (rc == CV_INVALID && mode_starts_over(&task->config)) {
            CV_LOG_WARN(task->base.ctx->log, "the stored offset cannot be continued, a new snapshot is taken",
                        CV_ERR(err));
            task->stored = pos = (struct position){ .phase = POSITION_NONE };
            task->has_resume = false;
            task->starts_over = true;
            return begin_snapshot(task, take_conn, &slot, err);
        }
    }
    if (rc == CV_OK && mode_reads_data(task, &pos) && task->config.snapshot_delay_ms > 0 && !task->delayed) {
        task->delayed = true; /* connections are not kept meanwhile */
        PQfinish(take_conn);
        start_later(task, task->config.snapshot_delay_ms, "snapshot.delay.ms");
        return CV_OK;
    }
    if (rc == CV_OK && mode_reads_data(task, &pos))
        return begin_snapshot(task, take_conn, &slot, err);
    if (rc == CV_OK)
        rc = tell_skipped(task, err);
    if (rc == CV_OK && pos.phase != POSITION_STREAM) {
        rc = begin_without_data(task, take_conn, &slot, err);
    } else if (rc == CV_OK) {
        if (mode_streams(&task->config))
            rc = slot_check_use(name, &slot, task->config.dbname, pos.lsn, err);
        if (pos.lsn == CV_LSN_NONE) /* Debezium's, inside of its first transaction: the slot stands before it */
            pos.lsn = slot.confirmed_flush_lsn;
        if (rc == CV_OK)
            rc = start_streaming(task, &pos, err);
    }
    PQfinish(take_conn);
    return rc;
}

enum cv_rc
start_connect(struct pg_task *task, struct cv_err *err)
{
    PGconn *conn = NULL;
    enum cv_rc rc = CV_OK;

    if (!task->stored_known)
        rc = read_stored(task, err);
    if (rc == CV_OK)
        rc = pg_connect(&task->config, PG_SESSION_ORDINARY, CONNECT_TIMEOUT_MS, &conn, err);
    if (rc == CV_OK && mode_streams(&task->config))
        rc = check_wal_level(task, conn, err);
    if (rc == CV_OK && task->created.lsn == CV_LSN_NONE) { /* else it is that one's, and its snapshot ends with it */
        rc = pg_connect(&task->config, PG_SESSION_REPLICATION, CONNECT_TIMEOUT_MS, &task->repl, err);
        if (rc == CV_OK)
            rc = slot_system(task->repl, &task->system, err);
    }
    if (rc == CV_OK)
        rc = read_tables(task, conn, err);
    if (rc == CV_OK)
        return start_from(task, conn, err);
    PQfinish(conn);
    return rc;
}
