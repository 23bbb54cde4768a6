/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hot path's first half.
 *
 * The socket is drained until it is empty, and then left alone for a while (stream_pace.c). libpq never shrinks its
 * buffer: one large throw-away row before START_REPLICATION makes every later read large.
 *
 * A position is the end LSN of a complete transaction; nothing else is ever stored or confirmed. A stream
 * restarts at such a boundary; the changes of a transaction that was handed over in part are counted and
 * skipped when it comes again.
 *
 * Source: manual, "Streaming Replication Protocol"; libpq, "Functions Associated with COPY".
 */
#include "connectors/postgres/stream_private.h"

#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/log.h"
#include "common/map.h"
#include "common/thread.h"
#include "connectors/postgres/heartbeat.h"
#include "connectors/postgres/incremental.h"
#include "connectors/postgres/transaction.h"

#define BATCH_BYTES     (640 * 1024)
#define BATCH_MESSAGES  20000
#define LIBPQ_BUFFER    (1024 * 1024)
#define IDLE_OFFSET_MS  1000
#define PATIENCE_MIN_MS  3000 /* a busy machine is no dead one */

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

/* The next "name=value" of slot.stream.params from *at; false: there is none. */
static bool
next_param(const char **at, struct cv_bytes *ret_name, struct cv_bytes *ret_value)
{
    while (*at != NULL && **at != '\0') {
        const char *start = *at, *equals;
        size_t len = strcspn(start, ";");

        *at += len + (start[len] == ';' ? 1 : 0);
        equals = memchr(start, '=', len);
        if (equals == NULL)
            continue;
        *ret_name = (struct cv_bytes){ start, (size_t)(equals - start) };
        *ret_value = (struct cv_bytes){ equals + 1, len - ret_name->len - 1 };
        return true;
    }
    return false;
}

/* "name" 'value', unless slot.stream.params has another value for it. */
static void
add_option(struct stream *s, struct cv_buf *sql, const char *name, const char *value)
{
    const char *at = s->spec.config->slot_stream_params;
    struct cv_bytes given, other;

    while (next_param(&at, &given, &other))
        if (given.len == strlen(name) && memcmp(given.data, name, given.len) == 0)
            return;
    cv_buf_str(sql, sql->data[sql->len - 1] == '(' ? "" : ", ");
    cv_buf_sql_ident(sql, name);
    cv_buf_char(sql, ' ');
    cv_buf_sql_literal(sql, value);
}

static enum cv_rc
add_params(struct stream *s, struct cv_buf *sql, struct cv_err *err)
{
    const char *at = s->spec.config->slot_stream_params;
    struct cv_bytes name, value;

    while (next_param(&at, &name, &value)) {
        char *name_text = strndup(name.data, name.len), *value_text = strndup(value.data, value.len);

        if (name_text != NULL && value_text != NULL) {
            cv_buf_str(sql, sql->data[sql->len - 1] == '(' ? "" : ", ");
            cv_buf_sql_ident(sql, name_text);
            cv_buf_char(sql, ' ');
            cv_buf_sql_literal(sql, value_text);
        }
        free(name_text);
        free(value_text);
        if (name_text == NULL || value_text == NULL)
            return cv_fail_memory(err);
    }
    return CV_OK;
}

static enum cv_rc
start_replication(struct stream *s, struct cv_err *err)
{
    const struct pg_config *config = s->spec.config;
    struct cv_buf sql = CV_BUF_INIT(16384), names = CV_BUF_INIT(512);
    char lsn[PG_LSN_MAX];
    PGresult *res = NULL;
    enum cv_rc rc;

    cv_buf_sql_ident(&names, config->publication_name);
    cv_buf_str(&sql, "START_REPLICATION SLOT ");
    cv_buf_sql_ident(&sql, config->slot_name);
    cv_buf_printf(&sql, " LOGICAL %s (", pg_format_lsn(s->position.lsn, lsn));
    add_option(s, &sql, "proto_version", "1");
    add_option(s, &sql, "publication_names", cv_buf_cstr(&names));
    if (PQserverVersion(s->repl) >= 140000)
        add_option(s, &sql, "messages", "true");
    if (add_params(s, &sql, err) != CV_OK) {
        cv_buf_free(&names);
        cv_buf_free(&sql);
        return err->rc;
    }
    cv_buf_char(&sql, ')');
    rc = cv_buf_check(&sql, err);
    if (rc == CV_OK)
        rc = enlarge_buffer(s->repl, err);
    if (rc == CV_OK) {
        res = pg_exec(s->repl, cv_buf_cstr(&sql), 0, NULL);
        if (PQresultStatus(res) != PGRES_COPY_BOTH)
            rc = start_fail(s, res, lsn, err);
        PQclear(res);
    }
    if (rc == CV_OK)
        stream_pace_start(s);
    if (rc == CV_OK && PQsetnonblocking(s->repl, 1) != 0)
        rc = pg_fail(err, s->repl, NULL, "could not make the replication connection non-blocking");
    cv_buf_free(&names);
    cv_buf_free(&sql);
    return rc;
}

/* The server's wal_sender_timeout, as it is for our role. */
static enum cv_rc
read_patience(struct stream *s, struct cv_err *err)
{
    PGresult *res = NULL;

    if (pg_query(s->conn, "SELECT setting FROM pg_settings WHERE name = 'wal_sender_timeout'", &res,
                 "could not read wal_sender_timeout", err) != CV_OK)
        return err->rc;
    s->patience_ms = PQntuples(res) == 1 ? strtol(PQgetvalue(res, 0, 0), NULL, 10) : 0;
    /* while nothing is read the server's own questions are not seen */
    s->status_ms = s->spec.config->status_update_interval_ms;
    if (s->patience_ms > 0 && s->status_ms > s->patience_ms / 3)
        s->status_ms = s->patience_ms / 3;
    if (s->patience_ms > 0 && s->patience_ms < PATIENCE_MIN_MS)
        s->patience_ms = PATIENCE_MIN_MS;
    s->heard = true;
    PQclear(res);
    return CV_OK;
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
    s->position.partial = (struct position_partial){ 0 };
    s->sent = spec->start.partial;
    s->seen_commit = spec->start.last_commit;
    if (spec->config->flush_lsn_source) /* else whoever manages the slot moves it */
        s->confirmed = spec->start.lsn;
    s->skipped_ops = pg_config_skipped(spec->config);
    if (read_patience(s, err) != CV_OK || start_replication(s, err) != CV_OK) {
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
    snapshot_request_free(s->request);
    free(s->held_change.data);
    free(s);
}

void
stream_position(const struct stream *s, struct position *ret)
{
    *ret = s->position;
    ret->last_commit = s->seen_commit;
}

/* Whether all that was read of the transaction under way is what an earlier stream handed over. */
static bool
is_behind_sent(const struct stream *s, uint64_t handled)
{
    const struct position_partial *sent = &s->sent;

    if (handled == 0)
        return true;
    if (sent->final_lsn != CV_LSN_NONE)
        return sent->final_lsn == s->begin.final_lsn && handled <= sent->changes;
    return sent->row_lsn != CV_LSN_NONE && s->change_lsn <= sent->row_lsn;
}

void
stream_resume_point(const struct stream *s, struct position *ret)
{
    uint64_t handled = s->changes - (s->held_change.data != NULL ? 1 : 0);

    *ret = s->position;
    ret->partial = s->sent;
    if (s->in_transaction && !s->skip_transaction && !is_behind_sent(s, handled))
        ret->partial = (struct position_partial){ .row_lsn = s->whole_lsn,
                                                  .final_lsn = s->begin.final_lsn,
                                                  .last_lsn = s->change_lsn,
                                                  .changes = handled,
                                                  .txid = s->begin.xid,
                                                  .time_us = s->begin.commit_time_us,
                                                  .type = s->whole_type };
}

void
stream_move(struct stream *s, cv_lsn lsn, cv_time_us time_us, uint64_t txid)
{
    s->position.phase = POSITION_STREAM;
    s->position.snapshot_last = s->position.bare = false;
    s->position.lsn = lsn;
    s->position.last_commit = s->seen_commit;
    s->position.time_us = time_us;
    s->position.txid = txid;
    s->position_moved = true;
}

/* ---- status updates ---- */

static enum cv_rc
send_status(struct stream *s, bool ask, struct cv_err *err)
{
    unsigned char status[PGOUTPUT_STATUS_LEN];

    pgoutput_write_status(status, s->received, s->confirmed, s->confirmed, cv_now_us(), ask);
    if (PQputCopyData(s->repl, (const char *)status, sizeof(status)) < 0 || PQflush(s->repl) < 0)
        return pg_fail(err, s->repl, NULL, "could not answer the walsender");
    s->reply_now = false;
    s->status_due_ms = cv_mono_ms() + s->status_ms;
    return CV_OK;
}

static enum cv_rc
send_status_if_due(struct stream *s, struct cv_err *err)
{
    if (!s->reply_now && cv_mono_ms() < s->status_due_ms)
        return CV_OK;
    return send_status(s, false, err);
}

/* A server that is quiet answers when it is asked. One behind a network that forgot the connection without a word does
   not, and only its silence tells: it gives us up after wal_sender_timeout, and we it. */
static enum cv_rc
check_silence(struct stream *s, struct cv_err *err)
{
    int64_t now = cv_mono_ms();

    if (s->heard) {
        s->heard = false;
        s->heard_ms = now;
        s->asked_ms = 0;
    }
    if (s->patience_ms == 0 || now < s->heard_ms + s->patience_ms / 2)
        return CV_OK;
    if (s->asked_ms == 0) {
        s->asked_ms = now;
        return send_status(s, true, err);
    }
    if (now < s->asked_ms + s->patience_ms / 2)
        return CV_OK;
    return cv_fail(err, CV_RETRY,
                   "the server has not been heard on the stream of slot \"%s\" for %d ms (wal_sender_timeout), "
                   "although it was asked", s->spec.config->slot_name, (int)(now - s->heard_ms));
}

void
stream_confirm(struct stream *s, cv_lsn lsn)
{
    if (lsn <= s->confirmed || !s->spec.config->flush_lsn_source)
        return; /* never backwards: the server would ignore it, too */
    s->confirmed = lsn;
    s->reply_now = true;
}

/* ---- frames ---- */

static enum cv_rc
on_frame(struct stream *s, const char *data, size_t len, struct cv_batch *batch, struct cv_err *err)
{
    struct pgoutput_frame frame;
    char at[PG_LSN_MAX];

    s->heard = true;
    if (pgoutput_read_frame(data, len, &frame, err) != CV_OK)
        return err->rc;
    if (frame.end > s->server_end)
        s->server_end = frame.end;
    if (frame.type == 'k') {
        s->reply_now |= frame.reply;
        if (frame.end > s->received)
            s->received = frame.end;
        if (s->in_transaction)
            return CV_OK;
        s->idle_lsn = frame.end;
        if (incremental_reached(s->spec.incremental, frame.end))
            return stream_window_closed(s, frame.end, batch, err);
        return CV_OK;
    }
    if (frame.start > s->received)
        s->received = frame.start;
    s->sent_us = frame.sent_us;
    if (stream_message(s, frame.start, frame.data, frame.len, batch, err) != CV_OK)
        return cv_err_context(err, "at LSN %s", pg_format_lsn(frame.start, at));
    return CV_OK;
}

/* ---- reading ---- */

/* The publication as it was when the WAL was written is what decodes it: one that was made later does not help. */
static enum cv_rc
publication_lost(const struct stream *s, struct cv_err *err)
{
    char confirmed[PG_LSN_MAX], received[PG_LSN_MAX], text[sizeof(err->text)];

    snprintf(text, sizeof(text), "%s", err->text);
    return cv_fail(err, CV_INVALID,
                   "%s; what was written from LSN %s on (received up to %s) cannot be decoded any more, even if "
                   "publication \"%s\" was made again since: see that it is there, " SLOT_REMEDY,
                   text, pg_format_lsn(s->confirmed, confirmed), pg_format_lsn(s->received, received),
                   s->spec.config->publication_name);
}

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
    if (strcmp(err->sqlstate, "42704") == 0 && strstr(err->text, "publication ") != NULL) /* undefined_object */
        rc = publication_lost(s, err);
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
        if ((s->request != NULL && !s->in_transaction) || ends_well(s, batch) ||
            cv_arena_used(batch->arena) >= BATCH_BYTES || batch->n_messages >= BATCH_MESSAGES ||
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
    s->heard |= fds[1].revents != 0; /* part of a row, too */
    if (fds[0].revents != 0)
        cv_wake_clear(s->spec.wake);
}

static bool
is_empty(const struct cv_batch *batch)
{
    return batch->n_messages == 0 && batch->n_records == 0;
}

/* The position as an offset into the batch. */
static enum cv_rc
put_offset(struct stream *s, struct cv_batch *batch, struct cv_err *err)
{
    struct cv_value *partition, *offset;
    struct position pos;

    stream_resume_point(s, &pos);
    if (position_partition(s->spec.config->topic_prefix, batch->arena, &partition, err) != CV_OK ||
        position_write(&pos, batch->arena, &offset, err) != CV_OK ||
        transaction_write(s->spec.transaction, batch->arena, offset, err) != CV_OK ||
        incremental_write(s->spec.incremental, batch->arena, offset, err) != CV_OK)
        return err->rc;
    return cv_batch_set_offset(batch, partition, offset, err);
}

/* When the position moved: by a commit, within a transaction, or because the server has had nothing for us for a
   while. */
static enum cv_rc
set_offset(struct stream *s, struct cv_batch *batch, struct cv_err *err)
{
    int64_t now = cv_mono_ms();

    if (s->window_moved) {
        s->window_moved = s->position_moved = false;
        return put_offset(s, batch, err);
    }
    if (!s->position_moved && s->in_transaction && s->changes == s->stored_changes)
        return CV_OK;
    if (!s->position_moved && !s->in_transaction) {
        /* a quiet table in a busy server: nothing up to idle_lsn concerns us, so the slot may move there */
        if (s->idle_lsn <= s->position.lsn || now < s->idle_offset_ms + IDLE_OFFSET_MS)
            return CV_OK;
        s->idle_offset_ms = now;
        s->position.phase = POSITION_STREAM;
        s->position.snapshot_last = s->position.bare = false;
        s->position.lsn = s->idle_lsn;
    }
    s->position_moved = false;
    s->stored_changes = s->in_transaction ? s->changes : 0;
    return put_offset(s, batch, err);
}

static enum cv_rc
keep_alive(struct stream *s, int timeout_ms, struct cv_err *err)
{
    struct pollfd fd = { .fd = s->spec.wake->fd, .events = POLLIN };

    s->heard = true; /* nobody listens now */
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

/* What goes out by the clock. A heartbeat carries the position, moved or not. */
static enum cv_rc
beat(struct stream *s, struct cv_batch *batch, struct cv_err *err)
{
    bool beaten;

    if (heartbeat_tick(s->spec.heartbeat, batch, &beaten, err) != CV_OK)
        return err->rc;
    if (!beaten)
        return CV_OK;
    if (!s->in_transaction && s->idle_lsn > s->position.lsn) {
        s->position.phase = POSITION_STREAM;
        s->position.snapshot_last = s->position.bare = false;
        s->position.lsn = s->idle_lsn;
    }
    return put_offset(s, batch, err);
}

/* What came before the connection was lost goes out, so its position goes with it: exactly once it would be in Kafka
   without being known to be. */
static enum cv_rc
seal(struct stream *s, struct cv_batch *batch, struct cv_err *err)
{
    enum cv_rc rc = err->rc;
    struct cv_err failure;

    batch->split = s->in_transaction;
    if (!is_empty(batch) && put_offset(s, batch, &failure) != CV_OK) {
        *err = failure;
        rc = failure.rc;
    }
    return rc;
}

static enum cv_rc
fill(struct stream *s, struct cv_batch *batch, int timeout_ms, struct cv_err *err)
{
    bool full = false, waited = false;

    timeout_ms = heartbeat_wait_ms(s->spec.heartbeat, timeout_ms);
    if (stream_look(s, false, err) != CV_OK)
        return err->rc;
    if (incremental_postponed(s->spec.incremental) && incremental_next(s->spec.incremental, false, err) != CV_OK)
        return err->rc;
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
        if (s->fast && stream_is_behind(s)) {
            batch->rest_ms = STREAM_GATHER_MS;
            break;
        }
        if (s->fast && !waited) {
            stream_nap(s); /* once a batch: what came meanwhile comes with one read */
            waited = true;
            continue;
        }
        if (!is_empty(batch) || waited)
            break;
        if (send_status_if_due(s, err) != CV_OK || check_silence(s, err) != CV_OK)
            return err->rc;
        wait_for_data(s, timeout_ms);
        read_clock(s);
        waited = true;
    }
    stream_measure_rate(s);
    if (s->events != s->counted) {
        s->counted = s->events;
        s->last_event_ms = cv_mono_ms();
    }
    batch->split = s->held = s->in_transaction;
    if (send_status_if_due(s, err) != CV_OK || set_offset(s, batch, err) != CV_OK)
        return err->rc;
    return beat(s, batch, err);
}

enum cv_rc
stream_poll(struct stream *s, struct cv_batch *batch, int timeout_ms, struct cv_err *err)
{
    if (batch == NULL)
        return keep_alive(s, timeout_ms, err);
    return fill(s, batch, timeout_ms, err) == CV_OK ? CV_OK : seal(s, batch, err);
}
