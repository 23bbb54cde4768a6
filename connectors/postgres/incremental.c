/* SPDX-License-Identifier: Apache-2.0 */
/* Incremental snapshots: what is asked for, the windows, and what is told about it. */
#include "connectors/postgres/incremental_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/map.h"
#include "common/regex.h"
#include "connectors/postgres/notification.h"

#define NAMES_MAX ((size_t)1 << 20)
#define KEY_MAX   ((size_t)1 << 26)
#define SETTLE_MS 200

static enum cv_rc
quote_signal_table(struct incremental *inc, struct cv_err *err)
{
    const char *name = inc->spec.config->signal_data_collection, *dot;
    struct cv_buf sql = CV_BUF_INIT(512);
    char *schema;
    enum cv_rc rc;

    if (name == NULL || (dot = strchr(name, '.')) == NULL)
        return CV_OK;
    schema = strndup(name, (size_t)(dot - name));
    if (schema == NULL)
        return cv_fail_memory(err);
    cv_buf_sql_ident(&sql, schema);
    cv_buf_char(&sql, '.');
    cv_buf_sql_ident(&sql, dot + 1);
    rc = cv_buf_check(&sql, err);
    if (rc == CV_OK)
        inc->signal_table = cv_buf_take(&sql);
    cv_buf_free(&sql);
    free(schema);
    return rc;
}

enum cv_rc
incremental_new(const struct incremental_spec *spec, struct incremental **ret, struct cv_err *err)
{
    struct incremental *inc = calloc(1, sizeof(*inc));

    if (inc == NULL)
        return cv_fail_memory(err);
    inc->spec = *spec;
    cv_buf_init(&inc->scratch, KEY_MAX);
    if (quote_signal_table(inc, err) != CV_OK) {
        incremental_free(inc);
        return err->rc;
    }
    *ret = inc;
    return CV_OK;
}

void
incremental_free(struct incremental *inc)
{
    if (inc == NULL)
        return;
    incremental_chunk_done(&inc->chunk);
    incremental_queue_clear(inc);
    free(inc->queue);
    visibility_done(&inc->visibility);
    free(inc->correlation_id);
    free(inc->signal_table);
    PQfinish(inc->conn);
    cv_buf_free(&inc->scratch);
    free(inc);
}

/* ---- the queue ---- */

static void
collection_done(struct incremental_collection *at)
{
    free(at->id);
    free(at->condition);
    free(at->surrogate);
}

static void
forget_table(struct incremental *inc)
{
    java_key_done(&inc->maximum);
    java_key_done(&inc->last);
    inc->has_maximum = inc->has_last = false;
    inc->n_rows = 0;
    inc->estimate = 0;
    inc->begun_ms = 0;
}

void
incremental_queue_shift(struct incremental *inc)
{
    if (inc->n_queue == 0)
        return;
    collection_done(&inc->queue[0]);
    memmove(inc->queue, inc->queue + 1, --inc->n_queue * sizeof(*inc->queue));
    forget_table(inc);
    if (inc->n_queue == 0)
        visibility_forget(&inc->visibility);
}

void
incremental_queue_clear(struct incremental *inc)
{
    while (inc->n_queue > 0)
        incremental_queue_shift(inc);
    forget_table(inc);
    visibility_forget(&inc->visibility);
}

enum cv_rc
incremental_queue_add(struct incremental *inc, const char *id, size_t id_len, const char *condition,
                      const char *surrogate, struct cv_err *err)
{
    struct incremental_collection *grown = realloc(inc->queue, (inc->n_queue + 1) * sizeof(*grown));
    struct incremental_collection *at;

    if (grown == NULL)
        return cv_fail_memory(err);
    inc->queue = grown;
    at = &inc->queue[inc->n_queue];
    *at = (struct incremental_collection){ .id = strndup(id, id_len),
                                           .condition = condition != NULL ? strdup(condition) : NULL,
                                           .surrogate = surrogate != NULL ? strdup(surrogate) : NULL };
    if (at->id == NULL || (condition != NULL && at->condition == NULL) ||
        (surrogate != NULL && at->surrogate == NULL)) {
        collection_done(at);
        return cv_fail_memory(err);
    }
    inc->n_queue++;
    visibility_forget(&inc->visibility);
    return CV_OK;
}

/* ---- progress ---- */

size_t
incremental_tables(const struct incremental *inc)
{
    return inc->n_queue;
}

bool
incremental_paused(const struct incremental *inc)
{
    return inc->paused;
}

const char *
incremental_id(const struct incremental *inc)
{
    return inc->correlation_id != NULL ? inc->correlation_id : "";
}

void
incremental_progress_table(const struct incremental *inc, size_t i, struct snapshot_table_progress *ret)
{
    *ret = (struct snapshot_table_progress){ .name = inc->queue[i].id };
    if (i > 0 || inc->begun_ms == 0)
        return;
    ret->state = TABLE_RUNNING;
    ret->rows = inc->n_rows;
    ret->ms = cv_mono_ms() - inc->begun_ms;
    ret->percent = inc->estimate <= 0 ? -1 : 100 * (double)inc->n_rows / inc->estimate;
    if (ret->percent > 99.9) /* the estimate was too low */
        ret->percent = 99.9;
}

/* ---- notifications ---- */

static enum cv_rc
queue_names(const struct incremental *inc, struct cv_buf *out, struct cv_err *err)
{
    for (size_t i = 0; i < inc->n_queue; i++)
        cv_buf_printf(out, "%s%s", i > 0 ? "," : "", inc->queue[i].id);
    return cv_buf_check(out, err);
}

static void
key_text(const struct java_key *key, struct cv_buf *out)
{
    for (size_t i = 0; i < key->count; i++)
        cv_buf_printf(out, "%s%s", i > 0 ? "," : "", key->items[i].text != NULL ? key->items[i].text : "null");
}

/* data's first NULL key is where data_collections goes, unless the run is over. */
static enum cv_rc
send(struct incremental *inc, struct notification *what, struct cv_err *err)
{
    struct cv_buf names = CV_BUF_INIT(NAMES_MAX);
    enum cv_rc rc = queue_names(inc, &names, err);
    size_t i = 0;

    what->id = inc->correlation_id;
    what->aggregate = NOTIFY_INCREMENTAL;
    while (what->data[i].key != NULL)
        i++;
    if (inc->n_queue > 0) {
        what->data[i].key = "data_collections";
        what->data[i].value = cv_buf_cstr(&names);
    }
    if (rc == CV_OK)
        rc = notify(inc->spec.notifications, what, err);
    cv_buf_free(&names);
    return rc;
}

enum cv_rc
incremental_tell(struct incremental *inc, const char *type, struct cv_err *err)
{
    return send(inc, &(struct notification){ .type = type }, err);
}

enum cv_rc
incremental_tell_table(struct incremental *inc, const char *status, struct cv_err *err)
{
    char rows[24];
    struct notification what = { .type = "TABLE_SCAN_COMPLETED",
                                 .data = { { "scanned_collection", inc->queue[0].id },
                                           { "total_rows_scanned", rows },
                                           { "status", status } } };

    snprintf(rows, sizeof(rows), "%" PRIu64, inc->n_rows);
    CV_LOG_INFO(inc->spec.ctx->log, "table of the incremental snapshot complete",
                CV_STR("relation", inc->queue[0].id), CV_INT("rows", inc->n_rows), CV_STR("status", status));
    return send(inc, &what, err);
}

enum cv_rc
incremental_tell_chunk(struct incremental *inc, struct cv_err *err)
{
    struct cv_buf maximum = CV_BUF_INIT(NAMES_MAX), last = CV_BUF_INIT(NAMES_MAX);
    enum cv_rc rc;

    key_text(&inc->maximum, &maximum);
    key_text(&inc->chunk.end, &last);
    rc = send(inc,
              &(struct notification){ .type = "IN_PROGRESS",
                                      .data = { { "current_collection_in_progress", inc->queue[0].id },
                                                { "maximum_key", cv_buf_cstr(&maximum) },
                                                { "last_processed_key", cv_buf_cstr(&last) } } },
              err);
    cv_buf_free(&maximum);
    cv_buf_free(&last);
    return rc;
}

/* ---- signals ---- */

static const char *
condition_of(const struct signal *signal, const char *name)
{
    for (size_t i = 0; i < signal->n_conditions; i++) {
        struct cv_regex *re = NULL;
        struct cv_err ignored;
        bool fits = strcmp(signal->conditions[i].collection, name) == 0;

        if (!fits && cv_regex_new(signal->conditions[i].collection, true, &re, &ignored) == CV_OK)
            fits = cv_regex_matches(re, name, strlen(name));
        cv_regex_free(re);
        if (fits)
            return signal->conditions[i].filter;
    }
    return NULL;
}

static bool
is_queued(const struct incremental *inc, const char *name)
{
    for (size_t i = 0; i < inc->n_queue; i++)
        if (strcmp(inc->queue[i].id, name) == 0)
            return true;
    return false;
}

static enum cv_rc
add_once(struct incremental *inc, const struct signal *signal, const char *name, struct cv_err *err)
{
    if (is_queued(inc, name))
        return CV_OK;
    return incremental_queue_add(inc, name, strlen(name), condition_of(signal, name), signal->surrogate_key, err);
}

/* The captured tables that the pattern fits; none: the pattern itself, which will be an unknown table. */
static enum cv_rc
add_pattern(struct incremental *inc, const struct signal *signal, const char *pattern, const struct pg_tables *tables,
            struct cv_err *err)
{
    struct cv_regex *re = NULL;
    bool any = false;
    enum cv_rc rc = cv_regex_new(pattern, true, &re, err);

    for (size_t i = 0; rc == CV_OK && i < tables->count; i++) {
        char name[160];

        snprintf(name, sizeof(name), "%s.%s", tables->items[i]->schema, tables->items[i]->name);
        if (!cv_regex_matches(re, name, strlen(name)))
            continue;
        any = true;
        rc = add_once(inc, signal, name, err);
    }
    cv_regex_free(re);
    if (rc == CV_OK && !any)
        rc = add_once(inc, signal, pattern, err);
    return rc;
}

static enum cv_rc
execute(struct incremental *inc, const struct signal *signal, const struct pg_tables *tables, struct cv_err *err)
{
    bool first = !incremental_runs(inc);

    if (inc->signal_table == NULL && !inc->spec.config->read_only) {
        CV_LOG_WARN(inc->spec.ctx->log, "an incremental snapshot needs signal.data.collection, or read.only=true; the "
                    "signal is ignored", CV_STR("signal", signal->id));
        return CV_OK;
    }
    for (size_t i = 0; i < signal->n_collections; i++)
        if (add_pattern(inc, signal, signal->collections[i], tables, err) != CV_OK)
            return err->rc;
    if (!first || !incremental_runs(inc))
        return CV_OK;
    free(inc->correlation_id);
    inc->correlation_id = strdup(signal->id);
    if (inc->correlation_id == NULL)
        return cv_fail_memory(err);
    inc->paused = false;
    CV_LOG_INFO(inc->spec.ctx->log, "incremental snapshot started", CV_STR("signal", signal->id),
                CV_INT("tables", inc->n_queue));
    return incremental_tell(inc, "STARTED", err);
}

static bool
is_named(const struct signal *signal, const char *id)
{
    for (size_t i = 0; i < signal->n_collections; i++) {
        struct cv_regex *re = NULL;
        struct cv_err ignored;
        bool fits = strcmp(signal->collections[i], id) == 0;

        if (!fits && cv_regex_new(signal->collections[i], true, &re, &ignored) == CV_OK)
            fits = cv_regex_matches(re, id, strlen(id));
        cv_regex_free(re);
        if (fits)
            return true;
    }
    return false;
}

/* Some tables, or all. A chunk of a table that is stopped is not sent. */
static enum cv_rc
stop(struct incremental *inc, const struct signal *signal, struct cv_err *err)
{
    bool first_gone = signal->n_collections == 0 || is_named(signal, inc->queue[0].id);
    size_t kept = first_gone ? 0 : 1;

    if (first_gone) {
        incremental_chunk_done(&inc->chunk);
        if (signal->n_collections > 0)
            incremental_queue_shift(inc);
    }
    if (signal->n_collections > 0) {
        for (size_t i = kept; i < inc->n_queue; i++) {
            if (is_named(signal, inc->queue[i].id))
                collection_done(&inc->queue[i]);
            else
                inc->queue[kept++] = inc->queue[i];
        }
        inc->n_queue = kept;
        if (inc->n_queue > 0)
            return CV_OK;
    }
    incremental_queue_clear(inc);
    CV_LOG_INFO(inc->spec.ctx->log, "incremental snapshot stopped", CV_STR("signal", signal->id));
    return incremental_tell(inc, "ABORTED", err);
}

enum cv_rc
incremental_signal(struct incremental *inc, const struct signal *signal, const struct pg_tables *tables,
                   struct cv_err *err)
{
    if (signal->kind == SIGNAL_EXECUTE)
        return execute(inc, signal, tables, err);
    if (!incremental_runs(inc)) {
        CV_LOG_WARN(inc->spec.ctx->log, "no incremental snapshot is running; the signal is ignored",
                    CV_STR("signal", signal->id), CV_STR("type", signal->type));
        return CV_OK;
    }
    switch (signal->kind) {
    case SIGNAL_STOP:
        return stop(inc, signal, err);
    case SIGNAL_PAUSE:
        if (inc->paused)
            return CV_OK;
        inc->paused = true;
        return incremental_tell(inc, "PAUSED", err);
    case SIGNAL_RESUME:
        if (!inc->paused)
            return CV_OK;
        inc->paused = false;
        return incremental_tell(inc, "RESUMED", err);
    default:
        return CV_OK;
    }
}

/* ---- when a chunk may be read ---- */

/* Log once that older ones are waited for, and leave the server alone for a while. */
static void
tell_waiting(struct incremental *inc, bool first)
{
    inc->ask_ms = cv_mono_ms() + SETTLE_MS;
    if (first)
        CV_LOG_INFO(inc->spec.ctx->log, "the snapshot waits for older transactions to end",
                    CV_INT("below", (int64_t)inc->visibility.barrier));
}

enum cv_rc
incremental_settled(struct incremental *inc, bool *ret, struct cv_err *err)
{
    struct visibility *vis = &inc->visibility;
    bool first = !vis->known && vis->barrier == 0;
    PGresult *res = NULL;
    enum cv_rc rc;

    *ret = false;
    if (!vis->known && !first && cv_mono_ms() < inc->ask_ms)
        return CV_OK;
    rc = incremental_connect(inc, err);
    if (rc == CV_OK)
        rc = pg_query(inc->conn, "SELECT txid_current_snapshot()", &res, "could not read the server's snapshot", err);
    if (rc == CV_OK)
        *ret = visibility_look(vis, PQgetvalue(res, 0, 0));
    else
        incremental_disconnect(inc);
    PQclear(res);
    if (rc == CV_OK && !vis->known)
        tell_waiting(inc, first);
    if (rc == CV_OK && *ret && !incremental_runs(inc))
        visibility_forget(vis); /* nothing more is to be read */
    return rc;
}

bool
incremental_postponed(const struct incremental *inc)
{
    return inc->postponed;
}

enum cv_rc
incremental_next(struct incremental *inc, bool anew, struct cv_err *err)
{
    bool settled;

    if (anew)
        incremental_chunk_done(&inc->chunk);
    inc->postponed = false;
    if (!incremental_runs(inc) || inc->chunk.waiting || inc->paused)
        return CV_OK;
    if (incremental_settled(inc, &settled, err) != CV_OK)
        return err->rc;
    if (settled)
        return incremental_chunk_read(inc, err);
    inc->postponed = true;
    return CV_OK;
}

/* ---- the window ---- */

/* PostgreSQL's XidInMVCCSnapshot, low 32 bits: whether the snapshot before the chunk saw the transaction. */
static bool
was_visible(const struct incremental_chunk *chunk, uint32_t xid)
{
    if ((int32_t)(xid - (uint32_t)chunk->xmax) >= 0)
        return false;
    if ((int32_t)(xid - (uint32_t)chunk->xmin) < 0)
        return true;
    for (size_t i = 0; i < chunk->n_running; i++)
        if (chunk->running[i] == xid)
            return false;
    return true;
}

void
incremental_transaction(struct incremental *inc, uint32_t xid)
{
    visibility_streamed(&inc->visibility, xid);
    if (inc->chunk.waiting && inc->spec.config->read_only)
        inc->chunk.sees_transaction = was_visible(&inc->chunk, xid);
}

bool
incremental_watches(const struct incremental *inc, uint32_t table)
{
    return inc->chunk.waiting && inc->chunk.open && inc->chunk.plan != NULL && inc->chunk.plan->oid == table &&
           !inc->chunk.sees_transaction;
}

static enum cv_rc
drop_key(struct incremental *inc, const struct plan *plan, const struct pgoutput_tuple *row,
         size_t text_len, struct cv_err *err)
{
    char *key, *end;
    int bad = -1;
    uintptr_t at;

    if (row == NULL || plan->n_keys == 0)
        return CV_OK;
    cv_buf_reset(&inc->scratch);
    key = cv_buf_reserve(&inc->scratch, plan_bound(plan, text_len));
    if (key == NULL)
        return cv_fail_memory(err);
    end = plan_write_key(plan, row, key, &bad);
    at = (uintptr_t)cv_hash_get_bytes(inc->chunk.by_key, key, (size_t)(end - key));
    if (at != 0)
        inc->chunk.dropped[at - 1] = true;
    return CV_OK;
}

enum cv_rc
incremental_change(struct incremental *inc, const struct plan *plan, const struct envelope_change *change,
                   struct cv_err *err)
{
    if (change->old == NULL && change->new == NULL) {
        memset(inc->chunk.dropped, 1, (size_t)PQntuples(inc->chunk.rows) * sizeof(*inc->chunk.dropped));
        return CV_OK;
    }
    if (drop_key(inc, plan, change->old, change->text_len, err) != CV_OK)
        return err->rc;
    return drop_key(inc, plan, change->new, change->text_len, err);
}

static bool
is_mark(const struct incremental_chunk *chunk, struct cv_bytes id, const char *which)
{
    size_t len = strlen(chunk->id);

    return chunk->waiting && id.len == len + strlen(which) && memcmp(id.data, chunk->id, len) == 0 &&
           memcmp(id.data + len, which, strlen(which)) == 0;
}

void
incremental_mark(struct incremental *inc, struct cv_bytes id, bool deleted, bool *ret_closed)
{
    bool by_delete = inc->spec.config->incremental_watermarking == PG_WATERMARK_INSERT_DELETE;

    *ret_closed = is_mark(&inc->chunk, id, by_delete ? "-open" : "-close") && deleted == by_delete;
    if (!deleted && is_mark(&inc->chunk, id, "-open"))
        inc->chunk.open = true;
}

bool
incremental_reached(struct incremental *inc, cv_lsn lsn)
{
    return inc->chunk.waiting && inc->spec.config->read_only && lsn >= inc->chunk.high;
}

static enum cv_rc
emit_row(struct incremental *inc, int row, cv_lsn lsn, struct pgoutput_value *values, struct cv_batch *batch,
         struct cv_err *err)
{
    struct incremental_chunk *chunk = &inc->chunk;
    struct pgoutput_tuple tuple = { chunk->plan->n_columns, values };
    struct envelope_change change = { .op = 'r', .new = &tuple, .lsn = lsn };
    int bad = -1;

    for (uint16_t i = 0; i < chunk->plan->n_columns; i++) {
        int field = chunk->field_of[i];

        values[i] = (struct pgoutput_value){ .kind = 'n' };
        if (field < 0 || PQgetisnull(chunk->rows, row, field))
            continue;
        values[i] = (struct pgoutput_value){ .kind = 't',
                                             .data = PQgetvalue(chunk->rows, row, field),
                                             .len = (uint32_t)PQgetlength(chunk->rows, row, field) };
        change.text_len += values[i].len;
    }
    return envelope_emit(inc->spec.envelope, chunk->plan, &change, batch, &bad, err);
}

enum cv_rc
incremental_emit(struct incremental *inc, cv_lsn last_commit, cv_lsn lsn, struct cv_batch *batch, struct cv_err *err)
{
    struct incremental_chunk *chunk = &inc->chunk;
    int n = PQntuples(chunk->rows);
    struct pgoutput_value *values = NULL;
    enum cv_rc rc = CV_OK;

    if (n > 0) {
        values = calloc((size_t)chunk->plan->n_columns + 1, sizeof(*values));
        if (values == NULL)
            return cv_fail_memory(err);
        envelope_incremental(inc->spec.envelope, cv_now_us(), last_commit);
    }
    for (int row = 0; rc == CV_OK && row < n; row++)
        if (!chunk->dropped[row])
            rc = emit_row(inc, row, lsn, values, batch, err);
    free(values);
    if (rc == CV_OK && n > 0) {
        java_key_done(&inc->last);
        inc->last = chunk->end;
        inc->has_last = true;
        chunk->end = (struct java_key){ 0 };
    }
    incremental_chunk_done(chunk);
    return rc;
}
