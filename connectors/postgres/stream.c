/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hot path's first half.
 *
 * The walsender does one send() and one recv() probe for every change, so how we read decides what the database
 * pays: the socket is drained until it is empty, and while the rate is high we then nap for some tens of
 * microseconds instead of polling at once. libpq never shrinks its buffer: one large throw-away row before
 * START_REPLICATION makes every later read large.
 *
 * A position is the end LSN of a complete transaction; nothing else is ever stored or confirmed. A stream
 * restarts at such a boundary; the changes of a transaction that was handed over in part are counted and
 * skipped when it comes again.
 *
 * Source: manual, "Streaming Replication Protocol"; libpq, "Functions Associated with COPY".
 */
#include "connectors/postgres/stream.h"

#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/log.h"
#include "common/map.h"
#include "common/thread.h"

#define BATCH_BYTES     (640 * 1024)
#define BATCH_MESSAGES  20000
#define LIBPQ_BUFFER    (1024 * 1024)
#define NAP_US          60
#define FAST_PER_SECOND 20000
#define RATE_WINDOW_US  20000
#define IDLE_OFFSET_MS  1000

struct stream {
    struct stream_spec spec;
    PGconn *repl;
    PGconn *conn;
    struct cv_hash *plans; /* struct plan by relation OID; a value of NULL never occurs */
    struct cv_hash *ignored; /* OIDs of relations that are not captured */
    const struct plan *last_plan;
    unsigned skipped_ops;

    struct pgoutput_relation relation;
    struct pgoutput_value old_values[PGOUTPUT_MAX_COLUMNS];
    struct pgoutput_value new_values[PGOUTPUT_MAX_COLUMNS];

    /* the transaction under way */
    bool in_transaction;
    bool source_rendered; /* the envelope has this transaction's source block */
    bool skip_transaction;
    struct pgoutput_begin begin;
    uint64_t changes; /* of it, handed over or skipped */

    struct position position; /* the last commit handed over */
    bool position_moved;      /* since the batch's offset was set */
    bool held;                /* exactly once: the last batch ended inside of a transaction */
    cv_lsn idle_lsn;          /* the server has nothing for us up to here */
    int64_t idle_offset_ms;   /* when an idle position was last set */

    struct stream_resume skip; /* of the stream before */
    cv_lsn received;
    cv_lsn confirmed;
    int64_t status_due_ms;
    bool reply_now;

    uint64_t events;
    uint64_t transactions;
    cv_time_us batch_us; /* the wall clock of the batch being filled */
    double behind_seconds;
    cv_time_us window_start_us;
    uint64_t window_events;
    bool fast;
    struct cv_log_limit bad_value_limit;
};

static void
plan_free_value(void *plan)
{
    plan_free(plan);
}

/* One row larger than the buffer that we want: libpq grows its input buffer to hold it, and keeps it. */
static enum cv_rc
enlarge_buffer(PGconn *repl, struct cv_err *err)
{
    char sql[64];

    snprintf(sql, sizeof(sql), "SELECT repeat('x', %d)", LIBPQ_BUFFER);
    return pg_command(repl, sql, "could not prepare the replication connection", err);
}

/* object_in_use: the server names the process; the remedy is ours. */
static enum cv_rc
start_fail(struct stream *s, const PGresult *res, const char *lsn, struct cv_err *err)
{
    const char *name = s->spec.config->slot_name;
    char sqlstate[6];

    pg_fail(err, s->repl, res, "could not start streaming from slot \"%s\" at %s", name, lsn);
    if (strcmp(err->sqlstate, "55006") == 0) {
        char text[sizeof(err->text)];

        memcpy(sqlstate, err->sqlstate, sizeof(sqlstate));
        snprintf(text, sizeof(text), "%s", err->text);
        cv_fail(err, CV_RETRY, "%s; stop the other consumer or choose another slot.name", text);
        memcpy(err->sqlstate, sqlstate, sizeof(sqlstate));
    }
    return err->rc;
}

static enum cv_rc
start_replication(struct stream *s, struct cv_err *err)
{
    const struct pg_config *config = s->spec.config;
    struct cv_buf sql = CV_BUF_INIT(4096), names = CV_BUF_INIT(512);
    char lsn[PG_LSN_MAX];
    PGresult *res = NULL;
    enum cv_rc rc;

    cv_buf_sql_ident(&names, config->publication_name);
    cv_buf_str(&sql, "START_REPLICATION SLOT ");
    cv_buf_sql_ident(&sql, config->slot_name);
    cv_buf_printf(&sql, " LOGICAL %s (\"proto_version\" '1', \"publication_names\" ",
                  pg_format_lsn(s->position.lsn, lsn));
    cv_buf_sql_literal(&sql, cv_buf_cstr(&names));
    cv_buf_char(&sql, ')');
    rc = cv_buf_check(&sql, err);
    if (rc == CV_OK)
        rc = enlarge_buffer(s->repl, err);
    if (rc == CV_OK) {
        res = PQexec(s->repl, cv_buf_cstr(&sql));
        if (PQresultStatus(res) != PGRES_COPY_BOTH)
            rc = start_fail(s, res, lsn, err);
        PQclear(res);
    }
    if (rc == CV_OK && PQsetnonblocking(s->repl, 1) != 0)
        rc = pg_fail(err, s->repl, NULL, "could not make the replication connection non-blocking");
    cv_buf_free(&names);
    cv_buf_free(&sql);
    return rc;
}

enum cv_rc
stream_start(const struct stream_spec *spec, PGconn *take_repl, PGconn *take_conn, struct stream **ret,
             struct cv_err *err)
{
    struct stream *s = calloc(1, sizeof(*s));

    if (s == NULL || (s->plans = cv_hash_new(plan_free_value)) == NULL ||
        (s->ignored = cv_hash_new(NULL)) == NULL) {
        PQfinish(take_repl);
        PQfinish(take_conn);
        if (s != NULL)
            cv_hash_free(s->plans);
        free(s);
        return cv_fail_memory(err);
    }
    s->spec = *spec;
    s->repl = take_repl;
    s->conn = take_conn;
    s->position = spec->start;
    s->confirmed = spec->start.lsn;
    s->skipped_ops = pg_config_skipped(spec->config);
    if (start_replication(s, err) != CV_OK) {
        stream_free(s);
        return err->rc;
    }
    *ret = s;
    return CV_OK;
}

void
stream_free(struct stream *s)
{
    if (s == NULL)
        return;
    PQfinish(s->repl);
    PQfinish(s->conn);
    cv_hash_free(s->plans);
    cv_hash_free(s->ignored);
    free(s);
}

void
stream_resume_point(const struct stream *s, struct stream_resume *ret)
{
    *ret = (struct stream_resume){ .position = s->position };
    if (s->in_transaction && s->changes > 0) {
        ret->partial_final_lsn = s->begin.final_lsn;
        ret->partial_changes = s->changes;
    } else if (!s->in_transaction) {
        *ret = (struct stream_resume){ .position = s->position,
                                       .partial_final_lsn = s->skip.partial_final_lsn,
                                       .partial_changes = s->skip.partial_changes };
    }
}

void
stream_skip(struct stream *s, const struct stream_resume *resume)
{
    s->skip = *resume;
}

void
stream_stats(const struct stream *s, struct stream_stats *ret)
{
    *ret = (struct stream_stats){ .events = s->events,
                                  .transactions = s->transactions,
                                  .received_lsn = s->received,
                                  .confirmed_lsn = s->confirmed,
                                  .behind_seconds = s->behind_seconds };
}

/* ---- status updates ---- */

static enum cv_rc
send_status(struct stream *s, struct cv_err *err)
{
    unsigned char status[PGOUTPUT_STATUS_LEN];

    pgoutput_write_status(status, s->received, s->confirmed, s->confirmed, cv_now_us(), false);
    if (PQputCopyData(s->repl, (const char *)status, sizeof(status)) < 0 || PQflush(s->repl) < 0)
        return pg_fail(err, s->repl, NULL, "could not answer the walsender");
    s->reply_now = false;
    s->status_due_ms = cv_mono_ms() + s->spec.config->status_update_interval_ms;
    return CV_OK;
}

static enum cv_rc
send_status_if_due(struct stream *s, struct cv_err *err)
{
    if (!s->reply_now && cv_mono_ms() < s->status_due_ms)
        return CV_OK;
    return send_status(s, err);
}

void
stream_confirm(struct stream *s, cv_lsn lsn)
{
    if (lsn <= s->confirmed)
        return; /* never backwards: the server would ignore it, too */
    s->confirmed = lsn;
    s->reply_now = true;
}

/* ---- relations ---- */

static enum cv_rc
make_plan(struct stream *s, struct plan **ret, struct cv_err *err)
{
    struct pgoutput_relation *rel = &s->relation;
    struct plan_spec spec = { .config = s->spec.config,
                              .direct = s->spec.direct,
                              .filter = s->spec.filter,
                              .relation = rel,
                              .catalog = s->spec.catalog,
                              .conn = s->conn };
    struct pg_tables tables = { 0 };
    struct pg_table gone = { .oid = rel->oid,
                             .schema = (char *)(uintptr_t)rel->schema,
                             .name = (char *)(uintptr_t)rel->name,
                             .replica_identity = rel->replica_identity };
    enum cv_rc rc = catalog_tables(s->spec.catalog, s->conn, rel->oid, &tables, err);

    if (rc == CV_OK) {
        spec.table = tables.count > 0 ? tables.items[0] : &gone;
        rc = plan_new(&spec, ret, err);
    }
    if (rc == CV_OK && s->spec.direct != NULL) {
        err->rc = CV_OK;
        (*ret)->topic = s->spec.ctx->topic(s->spec.ctx, (*ret)->topic_name, err);
        rc = (*ret)->topic == NULL ? err->rc : CV_OK;
        if (rc != CV_OK)
            plan_free(*ret);
    }
    pg_tables_done(&tables);
    return rc;
}

static enum cv_rc
on_relation(struct stream *s, const void *data, size_t len, struct cv_err *err)
{
    struct plan *plan = NULL;
    const char *schema;

    if (pgoutput_read_relation(data, len, &s->relation, err) != CV_OK)
        return err->rc;
    s->last_plan = NULL;
    schema = s->relation.schema[0] != '\0' ? s->relation.schema : "pg_catalog";
    s->relation.schema = schema;
    cv_hash_remove_u64(s->plans, s->relation.oid);
    if (!table_is_captured(s->spec.filter, schema, s->relation.name)) {
        if (!cv_hash_put_u64(s->ignored, s->relation.oid, s))
            return cv_fail_memory(err);
        return CV_OK;
    }
    cv_hash_remove_u64(s->ignored, s->relation.oid);
    if (make_plan(s, &plan, err) != CV_OK)
        return err->rc;
    if (!cv_hash_put_u64(s->plans, s->relation.oid, plan)) {
        plan_free(plan);
        return cv_fail_memory(err);
    }
    return CV_OK;
}

/* *ret NULL: the relation is not captured. */
static enum cv_rc
find_plan(struct stream *s, uint32_t oid, const struct plan **ret, struct cv_err *err)
{
    if (s->last_plan != NULL && s->last_plan->oid == oid) {
        *ret = s->last_plan;
        return CV_OK;
    }
    *ret = cv_hash_get_u64(s->plans, oid);
    if (*ret == NULL && cv_hash_get_u64(s->ignored, oid) == NULL)
        return cv_fail(err, CV_INVALID, "a change of relation %u came without a Relation message", oid);
    s->last_plan = *ret;
    return CV_OK;
}

/* ---- transactions ---- */

/* Whether a snapshot has seen the transaction (PostgreSQL's XidInMVCCSnapshot, low 32 bits). */
static bool
was_seen(const struct stream_seen *seen, const struct pgoutput_begin *begin)
{
    int32_t from_xmin = (int32_t)(begin->xid - (uint32_t)seen->xmin);
    int32_t from_xmax = (int32_t)(begin->xid - (uint32_t)seen->xmax);

    if (seen->until == CV_LSN_NONE || begin->final_lsn > seen->until || from_xmax >= 0)
        return false;
    if (from_xmin < 0)
        return true;
    for (size_t i = 0; i < seen->n_running; i++)
        if (seen->running[i] == begin->xid)
            return false;
    return true;
}

static enum cv_rc
on_begin(struct stream *s, const void *data, size_t len, struct cv_err *err)
{
    if (s->in_transaction)
        return cv_fail(err, CV_INVALID, "a Begin message came inside a transaction");
    if (pgoutput_read_begin(data, len, &s->begin, err) != CV_OK)
        return err->rc;
    s->in_transaction = true;
    s->source_rendered = false;
    s->changes = 0;
    s->skip_transaction = s->spec.seen != NULL && was_seen(s->spec.seen, &s->begin);
    return CV_OK;
}

static enum cv_rc
on_commit(struct stream *s, const void *data, size_t len, struct cv_err *err)
{
    struct pgoutput_commit commit;

    if (pgoutput_read_commit(data, len, &commit, err) != CV_OK)
        return err->rc;
    if (!s->in_transaction)
        return cv_fail(err, CV_INVALID, "a Commit message came outside of a transaction");
    if (commit.end_lsn < s->position.lsn)
        return cv_fail(err, CV_INVALID, "a Commit message ends before the position that was reached");
    s->in_transaction = false;
    s->skip.partial_final_lsn = CV_LSN_NONE;
    s->position.phase = POSITION_STREAM;
    s->position.snapshot_last = false;
    s->position.lsn = s->position.last_commit = commit.end_lsn;
    s->position.time_us = commit.commit_time_us;
    s->position.txid = s->begin.xid;
    s->position_moved = true;
    s->transactions++;
    s->behind_seconds = (double)(s->batch_us - commit.commit_time_us) / 1e6;
    return CV_OK;
}

/* Whether the change was handed over by the stream before this one; counts it. */
static bool
already_sent(struct stream *s)
{
    s->changes++;
    return s->begin.final_lsn == s->skip.partial_final_lsn && s->changes <= s->skip.partial_changes;
}

static enum cv_rc
emit(struct stream *s, const struct plan *plan, const struct envelope_change *change,
     struct cv_batch *batch, struct cv_err *err)
{
    int bad = -1;
    uint64_t suppressed;

    if (!s->source_rendered) {
        envelope_transaction(s->spec.envelope, s->begin.commit_time_us, s->begin.xid,
                             s->position.last_commit);
        s->source_rendered = true;
    }
    if (envelope_emit(s->spec.envelope, plan, change, batch, &bad, err) != CV_OK)
        return cv_err_context(err, "table \"%s.%s\"", plan->schema_name, plan->table_name);
    s->events++;
    if (bad >= 0 && cv_log_limit(&s->bad_value_limit, 10000, &suppressed))
        CV_LOG_WARN(s->spec.ctx->log, "a value could not be converted and was sent as null",
                    CV_STR("relation", plan->topic_name), CV_STR("column", plan->columns[bad].column),
                    CV_LSN("lsn", change->lsn), CV_INT("suppressed", suppressed));
    return CV_OK;
}

static bool
fits(const struct plan *plan, const struct pgoutput_tuple *tuple)
{
    return tuple->n_columns == plan->n_columns;
}

static enum cv_rc
on_change(struct stream *s, char type, cv_lsn lsn, const void *data, size_t len, struct cv_batch *batch,
          struct cv_err *err)
{
    struct pgoutput_change change = { .old.values = s->old_values, .new.values = s->new_values };
    struct envelope_change event = { .text_len = len, .lsn = lsn };
    const struct plan *plan;
    unsigned op;

    if (pgoutput_read_change(data, len, &change, err) != CV_OK ||
        find_plan(s, change.relation, &plan, err) != CV_OK)
        return err->rc;
    if (plan == NULL || already_sent(s) || s->skip_transaction)
        return CV_OK;
    event.op = type == 'I' ? 'c' : type == 'U' ? 'u' : 'd';
    op = type == 'I' ? PG_OP_CREATE : type == 'U' ? PG_OP_UPDATE : PG_OP_DELETE;
    if ((s->skipped_ops & op) != 0)
        return CV_OK;
    if ((change.has_new && !fits(plan, &change.new)) || (change.old_kind != 0 && !fits(plan, &change.old)))
        return cv_fail(err, CV_INVALID, "a change of \"%s.%s\" has another number of columns than its Relation "
                       "message", plan->schema_name, plan->table_name);
    if (change.old_kind != 0) {
        event.old = &change.old;
        event.old_kind = change.old_kind == 'K' ? PLAN_ROW_OLD_KEY : PLAN_ROW_WHOLE;
    }
    if (change.has_new)
        event.new = &change.new;
    return emit(s, plan, &event, batch, err);
}

static enum cv_rc
on_truncate(struct stream *s, cv_lsn lsn, const void *data, size_t len, struct cv_batch *batch,
            struct cv_err *err)
{
    struct envelope_change event = { .op = 't', .lsn = lsn };
    struct pgoutput_truncate truncate;
    const struct plan *plan;

    if (pgoutput_read_truncate(data, len, &truncate, err) != CV_OK)
        return err->rc;
    if ((s->skipped_ops & PG_OP_TRUNCATE) != 0)
        return CV_OK;
    for (uint32_t i = 0; i < truncate.n_relations; i++) {
        if (find_plan(s, pgoutput_truncate_oid(&truncate, i), &plan, err) != CV_OK)
            return err->rc;
        if (plan == NULL || already_sent(s) || s->skip_transaction)
            continue;
        if (emit(s, plan, &event, batch, err) != CV_OK)
            return err->rc;
    }
    return CV_OK;
}

static enum cv_rc
on_message(struct stream *s, cv_lsn lsn, const void *data, size_t len, struct cv_batch *batch,
           struct cv_err *err)
{
    char type = len > 0 ? *(const char *)data : '\0';

    switch (type) {
    case 'B':
        return on_begin(s, data, len, err);
    case 'C':
        return on_commit(s, data, len, err);
    case 'R':
        return on_relation(s, data, len, err);
    case 'I':
    case 'U':
    case 'D':
        return on_change(s, type, lsn, data, len, batch, err);
    case 'T':
        return on_truncate(s, lsn, data, len, batch, err);
    case 'Y': /* type: looked up in the catalog instead */
    case 'O': /* origin: not part of the source block */
        return CV_OK;
    default:
        return cv_fail(err, CV_INVALID, "unknown pgoutput message 0x%02x of %zu bytes", (unsigned char)type,
                       len);
    }
}

static enum cv_rc
on_frame(struct stream *s, const char *data, size_t len, struct cv_batch *batch, struct cv_err *err)
{
    struct pgoutput_frame frame;
    char at[PG_LSN_MAX];

    if (pgoutput_read_frame(data, len, &frame, err) != CV_OK)
        return err->rc;
    if (frame.type == 'k') {
        s->reply_now |= frame.reply;
        if (frame.end > s->received)
            s->received = frame.end;
        if (!s->in_transaction)
            s->idle_lsn = frame.end;
        return CV_OK;
    }
    if (frame.start > s->received)
        s->received = frame.start;
    if (on_message(s, frame.start, frame.data, frame.len, batch, err) != CV_OK)
        return cv_err_context(err, "at LSN %s", pg_format_lsn(frame.start, at));
    return CV_OK;
}

/* ---- reading ---- */

/* The server ended the stream: its error, or an orderly end (shutdown). */
static enum cv_rc
stream_ended(struct stream *s, struct cv_err *err)
{
    PGresult *res = PQgetResult(s->repl);
    enum cv_rc rc;

    if (PQresultStatus(res) == PGRES_FATAL_ERROR)
        rc = pg_fail(err, s->repl, res, "the stream of slot \"%s\" ended", s->spec.config->slot_name);
    else
        rc = cv_fail(err, CV_RETRY, "the server ended the stream of slot \"%s\"", s->spec.config->slot_name);
    PQclear(res);
    return rc;
}

/* With exactly once Kafka's transactions end where ours do: a batch that ends at a commit lets them. */
static bool
ends_well(const struct stream *s, const struct cv_batch *batch)
{
    if (!s->spec.ctx->exactly_once || s->in_transaction || !s->position_moved)
        return false;
    return s->held || cv_arena_used(batch->arena) >= BATCH_BYTES / 2 || batch->n_messages >= BATCH_MESSAGES / 2;
}

/* Handle every complete message that libpq holds, until the batch is full. */
static enum cv_rc
drain_buffered(struct stream *s, struct cv_batch *batch, bool *ret_full, struct cv_err *err)
{
    char *data = NULL;
    int n;

    *ret_full = false;
    while ((n = PQgetCopyData(s->repl, &data, 1)) > 0) {
        enum cv_rc rc = on_frame(s, data, (size_t)n, batch, err);

        PQfreemem(data);
        if (rc != CV_OK)
            return rc;
        if (ends_well(s, batch) || cv_arena_used(batch->arena) >= BATCH_BYTES || batch->n_messages >= BATCH_MESSAGES ||
            batch->n_records >= (size_t)s->spec.config->max_batch_size) {
            *ret_full = true;
            return CV_OK;
        }
    }
    if (n == 0)
        return CV_OK;
    if (n == -1)
        return stream_ended(s, err);
    return pg_fail(err, s->repl, NULL, "could not read from slot \"%s\"", s->spec.config->slot_name);
}

/* Wait for the socket or a wake-up; while napping only for the wake-up, so that data may gather. */
static void
wait_for_data(struct stream *s, int timeout_ms)
{
    struct pollfd fds[2] = { { .fd = s->spec.wake->fd, .events = POLLIN },
                             { .fd = PQsocket(s->repl), .events = POLLIN } };

    poll(fds, 2, timeout_ms);
    if (fds[0].revents != 0)
        cv_wake_clear(s->spec.wake);
}

static void
nap(struct stream *s)
{
    struct pollfd fd = { .fd = s->spec.wake->fd, .events = POLLIN };
    struct timespec ts = { .tv_nsec = NAP_US * 1000 };

    ppoll(&fd, 1, &ts, NULL);
}

static void
measure_rate(struct stream *s)
{
    cv_time_us now = cv_mono_us();
    cv_time_us passed = now - s->window_start_us;

    if (passed < RATE_WINDOW_US)
        return;
    s->fast = (s->events - s->window_events) * 1000000 > (uint64_t)passed * FAST_PER_SECOND;
    s->window_start_us = now;
    s->window_events = s->events;
}

static bool
is_empty(const struct cv_batch *batch)
{
    return batch->n_messages == 0 && batch->n_records == 0;
}

/* The position into the batch, when a commit came or the server has had nothing for us for a while. */
static enum cv_rc
set_offset(struct stream *s, struct cv_batch *batch, struct cv_err *err)
{
    struct cv_value *partition, *offset;
    int64_t now = cv_mono_ms();

    if (!s->position_moved) {
        /* a quiet table in a busy server: nothing up to idle_lsn concerns us, so the slot may move there */
        if (s->in_transaction || s->idle_lsn <= s->position.lsn || now < s->idle_offset_ms + IDLE_OFFSET_MS)
            return CV_OK;
        s->idle_offset_ms = now;
        s->position.phase = POSITION_STREAM;
        s->position.snapshot_last = false;
        s->position.lsn = s->idle_lsn;
    }
    s->position_moved = false;
    if (position_partition(s->spec.config->topic_prefix, batch->arena, &partition, err) != CV_OK ||
        position_write(&s->position, batch->arena, &offset, err) != CV_OK)
        return err->rc;
    return cv_batch_set_offset(batch, partition, offset, err);
}

static enum cv_rc
keep_alive(struct stream *s, int timeout_ms, struct cv_err *err)
{
    struct pollfd fd = { .fd = s->spec.wake->fd, .events = POLLIN };

    if (send_status_if_due(s, err) != CV_OK)
        return err->rc;
    poll(&fd, 1, timeout_ms < 1000 ? timeout_ms : 1000);
    if (fd.revents != 0)
        cv_wake_clear(s->spec.wake);
    return CV_OK;
}

/* Once a batch, not once an event. */
static void
read_clock(struct stream *s)
{
    int64_t now_ns = cv_now_ns();

    s->batch_us = now_ns / 1000;
    envelope_clock(s->spec.envelope, now_ns);
}

enum cv_rc
stream_poll(struct stream *s, struct cv_batch *batch, int timeout_ms, struct cv_err *err)
{
    bool full = false, waited = false;

    if (batch == NULL)
        return keep_alive(s, timeout_ms, err);
    read_clock(s);
    for (;;) {
        if (drain_buffered(s, batch, &full, err) != CV_OK)
            return err->rc;
        if (full)
            break;
        if (PQconsumeInput(s->repl) == 0)
            return pg_fail(err, s->repl, NULL, "lost the replication connection");
        if (drain_buffered(s, batch, &full, err) != CV_OK)
            return err->rc;
        if (full || (waited && !s->fast))
            break;
        if (PQsocket(s->repl) < 0)
            return cv_fail(err, CV_RETRY, "lost the replication connection");
        if (s->fast && !waited) {
            nap(s); /* once a batch: what came meanwhile comes with one read */
            waited = true;
            continue;
        }
        if (!is_empty(batch) || waited)
            break;
        if (send_status_if_due(s, err) != CV_OK)
            return err->rc;
        wait_for_data(s, timeout_ms);
        read_clock(s);
        waited = true;
    }
    measure_rate(s);
    batch->split = s->held = s->in_transaction;
    if (send_status_if_due(s, err) != CV_OK)
        return err->rc;
    return set_offset(s, batch, err);
}
