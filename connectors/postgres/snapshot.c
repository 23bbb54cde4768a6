/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The initial snapshot.
 *
 * A table is read in ranges of at most 64 MB of its pages: COPY (SELECT ... WHERE ctid >= '(a,0)' AND ctid < '(b,0)')
 * TO STDOUT, which PostgreSQL 14 and later answer with a TID range scan; the last range is open, so rows beyond the
 * size that was read are not missed. What is read of which table is said in snapshot_table.c, and how in
 * snapshot_reader.c. Several readers take the ranges in order, one table after the other; the first that fails ends the
 * snapshot. One that has nothing for us is passed over; one that has more than its turn takes waits, and so does the
 * server behind it, whose socket is not read.
 *
 * Of each table one row is always held back, because its marker (last of its table, last of all) depends on whether
 * another follows. With one reader tables do not mix.
 *
 * With snapshot.resume one that is interrupted goes on. The slot stays, streaming begins where it would have, and another
 * snapshot, later than the slot, reads what is not delivered: whole tables, the pages that are left of one that was being
 * read, and of its pages before those the rows that were written since. Then everything that this later snapshot sees
 * is delivered in the version that it sees, and what has changed since the slot comes once more, in order, in the stream.
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
#include "connectors/postgres/connection.h"
#include "connectors/postgres/copy_text.h"
#include "connectors/postgres/notification.h"
#include "connectors/postgres/snapshot_reader.h"
#include "connectors/postgres/snapshot_table.h"

#define BATCH_BYTES        (640 * 1024)
#define SQL_MAX            ((size_t)1 << 20)
#define CONNECT_TIMEOUT_MS 10000

struct snapshot {
    struct snapshot_spec spec;
    struct position position;
    char *visible;

    struct snapshot_reader *readers;
    size_t n_readers;
    size_t turn; /* of which reader */
    struct snapshot_table_list tables;
    size_t next_table; /* the first that has ranges that no reader was given */
    size_t tables_done;

    struct snapshot_row *ended; /* the last of a table that is complete; NULL: none */
    struct snapshot_row *spare;
    const char *marker; /* set in the envelope */
    bool moved;         /* see snapshot_moved() */

    uint64_t n_rows;
    uint64_t n_emitted;
    uint64_t pages_total;
    uint64_t rows_before;
    double percent_before;
    bool done;
    struct cv_log_limit bad_value_limit;
};

/* ---- notifications ---- */

static enum cv_rc
tell(struct snapshot *s, const char *type, struct cv_err *err)
{
    return notify(s->spec.notifications, &(struct notification){ .aggregate = NOTIFY_INITIAL, .type = type }, err);
}

/* Of a table: begun, or complete. */
static enum cv_rc
tell_table(struct snapshot *s, const struct snapshot_table *table, const char *type, struct cv_err *err)
{
    struct notification what = { .aggregate = NOTIFY_INITIAL, .type = type };
    char rows[24];

    snprintf(rows, sizeof(rows), "%" PRIu64, table->rows);
    if (strcmp(type, "IN_PROGRESS") == 0) {
        what.data[0].key = "current_collection_in_progress";
        what.data[0].value = table->name;
        what.data[1].key = "data_collections";
        what.data[1].value = s->tables.hashed_names;
    } else {
        what.data[0].key = "scanned_collection";
        what.data[0].value = table->name;
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

static enum cv_rc
read_position(struct snapshot *s, struct cv_err *err)
{
    PGresult *res = NULL;
    enum cv_rc rc = pg_query(s->readers[0].conn,
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
        rc = pg_command(s->readers[0].conn, cv_buf_cstr(&sql), "could not lock the tables of the snapshot "
                        "(snapshot.locking.mode, snapshot.lock.timeout.ms)", err);
    cv_buf_free(&sql);
    return rc;
}

/* The readers beside the first, as far as there are ranges for them. */
static enum cv_rc
add_readers(struct snapshot *s, struct cv_err *err)
{
    size_t wanted = (size_t)s->spec.config->snapshot_max_threads, ranges = snapshot_tables_ranges(&s->tables);
    struct snapshot_reader *grown;
    char exported[SNAPSHOT_ID_MAX];
    enum cv_rc rc;

    if (wanted > ranges)
        wanted = ranges;
    if (wanted <= 1)
        return CV_OK;
    grown = realloc(s->readers, wanted * sizeof(*grown));
    if (grown == NULL)
        return cv_fail_memory(err);
    s->readers = grown;
    rc = snapshot_reader_export(&s->readers[0], &s->spec, exported, err);
    if (rc == CV_OK)
        rc = snapshot_reader_share(&s->readers[0], &s->spec, err);
    while (rc == CV_OK && s->n_readers < wanted) {
        struct snapshot_reader *reader = &s->readers[s->n_readers];

        *reader = (struct snapshot_reader){ 0 };
        rc = pg_connect(s->spec.config, PG_SESSION_ORDINARY, CONNECT_TIMEOUT_MS, &reader->conn, err);
        if (rc != CV_OK)
            return cv_err_context(err, "connection %zu of snapshot.max.threads=%zu", s->n_readers + 1, wanted);
        s->n_readers++;
        rc = snapshot_reader_begin(reader, &s->spec, exported[0] != '\0' ? exported : NULL, err);
        if (rc == CV_OK)
            rc = snapshot_reader_share(reader, &s->spec, err);
    }
    if (rc == CV_OK)
        CV_LOG_INFO(s->spec.ctx->log, "several connections read the snapshot", CV_INT("connections", s->n_readers));
    return rc;
}

/* By pages; where nothing has any, by tables. */
static double
percent_of(const struct snapshot *s)
{
    double pages = 0;

    if (s->done || s->tables.count == 0)
        return 100;
    if (s->pages_total == 0)
        return 100.0 * (double)s->tables_done / (double)s->tables.count;
    for (size_t i = 0; i < s->tables.count; i++)
        if (s->tables.items[i].pages > 0)
            pages += snapshot_table_percent(&s->tables.items[i]) * (double)s->tables.items[i].pages;
    return pages / (double)s->pages_total;
}

/* What there is, and how much of it an interrupted snapshot has delivered. */
static void
count_tables(struct snapshot *s)
{
    for (size_t i = 0; i < s->tables.count; i++) {
        const struct snapshot_table *table = &s->tables.items[i];

        s->pages_total += table->pages;
        s->n_rows += table->rows;
        if (table->state == TABLE_COMPLETED)
            s->tables_done++;
    }
    if (s->spec.delivered != NULL) /* of tables that are not captured any more, too */
        s->n_emitted = snapshot_delivered_rows(s->spec.delivered);
    s->spec.delivered = NULL; /* not looked at again */
    s->rows_before = s->n_rows;
    s->percent_before = percent_of(s);
}

enum cv_rc
snapshot_start(const struct snapshot_spec *spec, PGconn *take_conn, struct snapshot **ret, struct cv_err *err)
{
    struct snapshot *s = calloc(1, sizeof(*s));
    bool goes_on = spec->delivered != NULL;
    enum cv_rc rc;

    if (s == NULL || (s->readers = calloc(1, sizeof(*s->readers))) == NULL) {
        PQfinish(take_conn);
        free(s);
        return cv_fail_memory(err);
    }
    s->spec = *spec;
    s->readers[0].conn = take_conn;
    s->n_readers = 1;
    rc = snapshot_reader_begin(&s->readers[0], spec, spec->exported, err);
    if (rc == CV_OK)
        rc = read_position(s, err);
    if (rc == CV_OK)
        rc = snapshot_tables_choose(spec, take_conn, strtoull(s->visible, NULL, 10), &s->tables, err);
    if (rc == CV_OK)
        rc = lock_tables(s, err);
    if (rc == CV_OK)
        rc = add_readers(s, err);
    if (rc == CV_OK)
        rc = tell(s, goes_on ? "RESUMED" : "STARTED", err);
    if (rc != CV_OK) {
        snapshot_free(s);
        return rc;
    }
    envelope_snapshot(spec->envelope, s->position.time_us, s->position.txid, s->position.last_commit);
    s->marker = "true";
    count_tables(s);
    *ret = s;
    return CV_OK;
}

static void
row_free(struct snapshot_row *row)
{
    if (row == NULL)
        return;
    PQfreemem(row->data);
    free(row);
}

void
snapshot_free(struct snapshot *s)
{
    if (s == NULL)
        return;
    while (s->spare != NULL) {
        struct snapshot_row *row = s->spare;

        s->spare = row->next;
        row_free(row);
    }
    row_free(s->ended);
    for (size_t i = 0; i < s->tables.count; i++)
        row_free(s->tables.items[i].held);
    snapshot_tables_done(&s->tables);
    for (size_t i = 0; i < s->n_readers; i++)
        snapshot_reader_done(&s->readers[i]);
    free(s->readers);
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

/* ---- progress ---- */

void
snapshot_progress(const struct snapshot *s, struct snapshot_progress *ret)
{
    *ret = (struct snapshot_progress){ .tables = s->tables.count,
                                       .tables_done = s->tables_done,
                                       .rows = s->n_rows,
                                       .percent = percent_of(s),
                                       .rows_before = s->rows_before,
                                       .percent_before = s->percent_before,
                                       .done = s->done };
}

void
snapshot_progress_table(const struct snapshot *s, size_t i, struct snapshot_table_progress *ret)
{
    const struct snapshot_table *table = &s->tables.items[i];
    int64_t until = table->state == TABLE_COMPLETED ? table->ended_ms : cv_mono_ms();

    *ret = (struct snapshot_table_progress){ .name = table->name,
                                             .state = table->state,
                                             .rows = table->rows,
                                             .percent = snapshot_table_percent(table),
                                             .rows_before = table->rows_before,
                                             .percent_before = table->percent_before,
                                             .ms = table->state == TABLE_WAITING ? 0 : until - table->begun_ms };
}

/* ---- what is delivered ---- */

bool
snapshot_moved(struct snapshot *s)
{
    bool moved = s->moved;

    s->moved = false;
    return moved;
}

/* The first page of the table whose rows are not all handed over. */
static uint64_t
pages_handed_over(const struct snapshot *s, const struct snapshot_table *table)
{
    uint64_t least = table->next;

    for (size_t i = 0; i < s->n_readers; i++)
        if (s->readers[i].table == table && s->readers[i].first < least)
            least = s->readers[i].first;
    if (table->held != NULL && table->held->first < least)
        least = table->held->first;
    if (s->ended != NULL && s->ended->from == table && s->ended->first < least)
        least = s->ended->first;
    return least;
}

enum cv_rc
snapshot_delivered(const struct snapshot *s, cv_lsn start, struct snapshot_delivered **ret, struct cv_err *err)
{
    struct snapshot_delivered *delivered = calloc(1, sizeof(*delivered));

    if (delivered != NULL)
        delivered->tables = calloc(s->tables.count + 1, sizeof(*delivered->tables));
    if (delivered == NULL || delivered->tables == NULL) {
        snapshot_delivered_free(delivered);
        return cv_fail_memory(err);
    }
    delivered->start = start;
    delivered->lsn = s->position.lsn;
    delivered->system_id = s->position.system_id;
    delivered->timeline = s->position.timeline;
    for (size_t i = 0; i < s->tables.count; i++) {
        const struct snapshot_table *table = &s->tables.items[i];

        if (table->state == TABLE_WAITING && table->emitted == 0 && table->pages_before == 0)
            continue;
        delivered->tables[delivered->count++] = (struct snapshot_delivered_table){
            .oid = table->table->oid,
            .structure = table->structure,
            .rows = table->emitted,
            .whole = table->state == TABLE_COMPLETED && (s->ended == NULL || s->ended->from != table),
            .pages = pages_handed_over(s, table),
            .filenode = table->filenode,
            .xid = table->xid,
        };
    }
    snapshot_delivered_sort(delivered);
    *ret = delivered;
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
    snprintf(text, sizeof(text), "snapshot: %.0f %%, %" PRIu64 " rows, %zu of %zu tables complete", progress.percent,
             progress.rows, progress.tables_done, progress.tables);
    s->spec.ctx->progress(s->spec.ctx, text);
}

/* ---- markers and rows ---- */

static const char *
marker_of(const struct snapshot *s, const struct snapshot_row *row, bool last_of_table, bool last_of_all)
{
    if (last_of_all)
        return "last";
    if (s->n_emitted == 0)
        return "first";
    if (last_of_table)
        return "last_in_data_collection";
    return row->from->emitted == 0 ? "first_in_data_collection" : "true";
}

static enum cv_rc
emit(struct snapshot *s, struct snapshot_row **take_row, bool last_of_table, bool last_of_all, struct cv_batch *batch,
     struct cv_err *err)
{
    struct snapshot_row *row = *take_row;
    const struct plan *plan = row->from->plan;
    struct pgoutput_tuple tuple = { plan->n_columns, row->values };
    struct envelope_change change = { .op = 'r', .new = &tuple, .text_len = row->len,
                                      .lsn = s->position.lsn };
    const char *marker = marker_of(s, row, last_of_table, last_of_all);
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
    s->n_emitted++;
    row->from->emitted++;
    if (row->ends_range)
        s->moved = true;
    PQfreemem(row->data);
    row->data = NULL;
    row->next = s->spare;
    s->spare = row;
    *take_row = NULL;
    return CV_OK;
}

static struct snapshot_row *
spare_row(struct snapshot *s)
{
    struct snapshot_row *row = s->spare;

    if (row != NULL)
        s->spare = row->next;
    return row != NULL ? row : calloc(1, sizeof(*row));
}

/* A row has arrived: what was held back for it goes out, this one is held. data is taken. */
static enum cv_rc
on_row(struct snapshot *s, const struct snapshot_reader *reader, char *take_data, size_t len, struct cv_batch *batch,
       struct cv_err *err)
{
    struct snapshot_table *table = reader->table;
    struct snapshot_row *row = spare_row(s);

    if (row == NULL) {
        PQfreemem(take_data);
        return cv_fail_memory(err);
    }
    row->data = take_data;
    row->len = len;
    row->from = table;
    row->first = reader->first;
    row->ends_range = false;
    if (!copy_text_parse(row->data, row->len, table->reads, table->plan->n_columns, row->values)) {
        row_free(row);
        return cv_fail(err, CV_INVALID, "a row of table \"%s\" has another number of columns than asked for",
                       table->name);
    }
    s->n_rows++;
    table->rows++;
    if ((s->ended != NULL && emit(s, &s->ended, true, false, batch, err) != CV_OK) ||
        (table->held != NULL && emit(s, &table->held, false, false, batch, err) != CV_OK)) {
        row_free(row);
        return err->rc;
    }
    table->held = row;
    return CV_OK;
}

/* ---- ranges ---- */

/* The next range for a reader that has none; it stays without when all are given. */
static enum cv_rc
give_range(struct snapshot *s, struct snapshot_reader *reader, struct cv_err *err)
{
    struct snapshot_table *table;

    while (s->next_table < s->tables.count && s->tables.items[s->next_table].given)
        s->next_table++;
    if (s->next_table == s->tables.count)
        return CV_OK;
    table = &s->tables.items[s->next_table];
    if (table->state == TABLE_WAITING && tell_table(s, table, "IN_PROGRESS", err) != CV_OK)
        return err->rc;
    if (table->state == TABLE_WAITING)
        table->begun_ms = cv_mono_ms();
    table->state = TABLE_RUNNING;
    if (snapshot_reader_start(reader, table, err) != CV_OK)
        return err->rc;
    table->readers++;
    return CV_OK;
}

static enum cv_rc
end_table(struct snapshot *s, struct snapshot_table *table, struct cv_batch *batch, struct cv_err *err)
{
    table->state = TABLE_COMPLETED;
    table->ended_ms = cv_mono_ms();
    s->tables_done++;
    CV_LOG_INFO(s->spec.ctx->log, "table snapshot complete", CV_STR("relation", table->plan->topic_name),
                CV_INT("rows", table->rows));
    if (table->held != NULL) { /* whose table was complete before is not the last of all */
        if (s->ended != NULL && emit(s, &s->ended, true, false, batch, err) != CV_OK)
            return err->rc;
        s->ended = table->held;
        table->held = NULL;
    }
    return tell_table(s, table, "TABLE_SCAN_COMPLETED", err);
}

/* The reader is free. */
static enum cv_rc
end_range(struct snapshot *s, struct snapshot_table *table, const struct snapshot_reader *reader,
          struct cv_batch *batch, struct cv_err *err)
{
    table->readers--;
    table->pages_done += reader->pages;
    if (table->held != NULL && table->held->first == reader->first)
        table->held->ends_range = true;
    else
        s->moved = true;
    return table->given && table->readers == 0 ? end_table(s, table, batch, err) : CV_OK;
}

/* One reader's turn: until the batch is full or nothing is there. *ret_dry: the latter. */
static enum cv_rc
take_turn(struct snapshot *s, struct snapshot_reader *reader, struct cv_batch *batch, bool *ret_dry, struct cv_err *err)
{
    *ret_dry = true;
    if (reader->table == NULL && give_range(s, reader, err) != CV_OK)
        return err->rc;
    while (reader->table != NULL && cv_arena_used(batch->arena) < BATCH_BYTES) {
        struct snapshot_table *table = reader->table;
        enum snapshot_read read;
        char *data = NULL;
        size_t len;

        if (snapshot_reader_next(reader, &read, &data, &len, err) != CV_OK)
            return err->rc;
        if (read == SNAPSHOT_DRY)
            return CV_OK;
        *ret_dry = false;
        if (read == SNAPSHOT_RANGE_END)
            return end_range(s, table, reader, batch, err);
        if (on_row(s, reader, data, len, batch, err) != CV_OK)
            return err->rc;
    }
    return CV_OK;
}

static enum cv_rc
wait_for_data(struct snapshot *s, int64_t timeout_ms, struct cv_err *err)
{
    struct pollfd *fds = calloc(s->n_readers + 1, sizeof(*fds));
    nfds_t n = 0;

    if (fds == NULL)
        return cv_fail_memory(err);
    fds[n++] = (struct pollfd){ .fd = s->spec.wake->fd, .events = POLLIN };
    for (size_t i = 0; i < s->n_readers; i++)
        if (s->readers[i].table != NULL)
            fds[n++] = (struct pollfd){ .fd = PQsocket(s->readers[i].conn), .events = POLLIN };
    poll(fds, n, (int)timeout_ms);
    if (fds[0].revents != 0)
        cv_wake_clear(s->spec.wake);
    free(fds);
    return CV_OK;
}

static enum cv_rc
finish(struct snapshot *s, struct cv_batch *batch, struct cv_err *err)
{
    if (s->ended != NULL && emit(s, &s->ended, true, true, batch, err) != CV_OK)
        return err->rc;
    s->done = true;
    return tell(s, "COMPLETED", err);
}

enum cv_rc
snapshot_poll(struct snapshot *s, struct cv_batch *batch, int timeout_ms, bool *ret_done, struct cv_err *err)
{
    int64_t deadline = cv_mono_ms() + timeout_ms;
    size_t n_dry = 0;

    *ret_done = false;
    if (batch == NULL)
        return wait_for_data(s, timeout_ms, err);
    envelope_clock(s->spec.envelope, cv_now_ns());
    while (cv_arena_used(batch->arena) < BATCH_BYTES && s->tables_done < s->tables.count) {
        bool dry = false;

        if (take_turn(s, &s->readers[s->turn], batch, &dry, err) != CV_OK)
            return err->rc;
        s->turn = (s->turn + 1) % s->n_readers;
        n_dry = dry ? n_dry + 1 : 0;
        if (n_dry < s->n_readers)
            continue;
        if (cv_mono_ms() >= deadline)
            break;
        if (wait_for_data(s, deadline - cv_mono_ms(), err) != CV_OK)
            return err->rc;
        n_dry = 0;
    }
    if (s->tables_done == s->tables.count) {
        if (finish(s, batch, err) != CV_OK)
            return err->rc;
        *ret_done = true;
    }
    report_progress(s);
    return CV_OK;
}
