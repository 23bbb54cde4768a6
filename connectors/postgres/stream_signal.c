/* SPDX-License-Identifier: Apache-2.0 */
/* Signals that the stream brings, and the windows of incremental snapshots. */
#include "connectors/postgres/stream_private.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "connectors/postgres/incremental.h"

/* ---- blocking snapshots ---- */

void
snapshot_request_free(struct snapshot_request *req)
{
    if (req == NULL)
        return;
    for (size_t i = 0; i < req->n_overrides; i++) {
        free(req->overrides[i].table);
        free(req->overrides[i].statement);
    }
    free(req->overrides);
    free(req->include);
    free(req);
}

/* The patterns as one list, in which a comma must be escaped. */
static enum cv_rc
join_patterns(const struct signal *signal, char **ret, struct cv_err *err)
{
    struct cv_buf list = CV_BUF_INIT((size_t)1 << 20);
    enum cv_rc rc;

    for (size_t i = 0; i < signal->n_collections; i++) {
        cv_buf_str(&list, i > 0 ? "," : "");
        for (const char *p = signal->collections[i]; *p != '\0'; p++) {
            cv_buf_str(&list, *p == ',' ? "\\" : "");
            cv_buf_char(&list, *p);
        }
    }
    rc = cv_buf_check(&list, err);
    if (rc == CV_OK)
        *ret = cv_buf_take(&list);
    cv_buf_free(&list);
    return rc;
}

static enum cv_rc
request_blocking(struct stream *s, const struct signal *signal, struct cv_err *err)
{
    struct snapshot_request *req = calloc(1, sizeof(*req));
    bool ok;

    if (req == NULL)
        return cv_fail_memory(err);
    req->overrides = calloc(signal->n_conditions + 1, sizeof(*req->overrides));
    if (req->overrides == NULL || join_patterns(signal, &req->include, err) != CV_OK) {
        snapshot_request_free(req);
        return cv_fail_memory(err);
    }
    ok = true;
    for (size_t i = 0; ok && i < signal->n_conditions; i++) {
        struct pg_select_override *at = &req->overrides[req->n_overrides++];

        at->table = strdup(signal->conditions[i].collection);
        at->statement = strdup(signal->conditions[i].filter);
        ok = at->table != NULL && at->statement != NULL;
    }
    if (!ok) {
        snapshot_request_free(req);
        return cv_fail_memory(err);
    }
    snapshot_request_free(s->request);
    s->request = req;
    CV_LOG_INFO(s->spec.ctx->log, "a blocking snapshot is asked for", CV_STR("signal", signal->id));
    return CV_OK;
}

enum cv_rc
stream_take_request(struct stream *s, struct snapshot_request **ret, struct cv_err *err)
{
    bool settled;

    *ret = NULL;
    if (s->in_transaction || s->request == NULL)
        return CV_OK;
    if (incremental_settled(s->spec.incremental, &settled, err) != CV_OK)
        return err->rc;
    if (settled) {
        *ret = s->request;
        s->request = NULL;
    }
    return CV_OK;
}

/* ---- windows ---- */

enum cv_rc
stream_window_closed(struct stream *s, cv_lsn lsn, struct cv_batch *batch, struct cv_err *err)
{
    struct incremental *inc = s->spec.incremental;

    if (incremental_emit(inc, s->seen_commit, lsn, batch, err) != CV_OK)
        return err->rc;
    s->source_rendered = false;
    s->window_moved = true;
    return incremental_next(inc, false, err);
}

/* ---- signals ---- */

static void
log_message(struct stream *s, const struct signal *signal)
{
    const char *text = signal->message != NULL ? signal->message : "", *braces = strstr(text, "{}");
    struct cv_buf line = CV_BUF_INIT(8192);
    char at[PG_LSN_MAX];

    cv_buf_add(&line, text, braces != NULL ? (size_t)(braces - text) : strlen(text));
    if (braces != NULL)
        cv_buf_printf(&line, "%s%s", pg_format_lsn(s->position.lsn, at), braces + 2);
    CV_LOG_INFO(s->spec.ctx->log, "signal", CV_STR("signal", signal->id), CV_STR("message", cv_buf_cstr(&line)));
    cv_buf_free(&line);
}

enum cv_rc
stream_act(struct stream *s, const struct signal *signal, struct cv_err *err)
{
    struct incremental *inc = s->spec.incremental;

    switch (signal->kind) {
    case SIGNAL_LOG:
        log_message(s, signal);
        return CV_OK;
    case SIGNAL_EXECUTE:
        if (signal->blocking)
            return request_blocking(s, signal, err);
        break;
    case SIGNAL_STOP:
    case SIGNAL_PAUSE:
    case SIGNAL_RESUME:
        break;
    case SIGNAL_WINDOW_OPEN:
    case SIGNAL_WINDOW_CLOSE:
    case SIGNAL_OTHER:
        CV_LOG_WARN(s->spec.ctx->log, "a signal of this type is not known and is ignored",
                    CV_STR("signal", signal->id), CV_STR("type", signal->type));
        return CV_OK;
    }
    if (incremental_signal(inc, signal, s->spec.tables, err) != CV_OK)
        return err->rc;
    return incremental_next(inc, false, err);
}

static struct cv_bytes
column(const struct pgoutput_tuple *row, uint16_t i)
{
    if (i >= row->n_columns || row->values[i].kind != 't')
        return (struct cv_bytes){ 0 };
    return (struct cv_bytes){ row->values[i].data, row->values[i].len };
}

/* Columns are told by their order: id, type, data. */
enum cv_rc
stream_signal_row(struct stream *s, char op, const struct pgoutput_change *change, cv_lsn lsn, struct cv_batch *batch,
                  struct cv_err *err)
{
    struct incremental *inc = s->spec.incremental;
    const struct pgoutput_tuple *row = op == 'd' ? &change->old : &change->new;
    struct signal signal;
    bool closed = false;

    if (op == 'd')
        incremental_mark(inc, column(row, 0), true, &closed);
    if (op == 'd' && closed)
        return stream_window_closed(s, lsn, batch, err);
    if (op != 'c' || (s->spec.config->signal_channels & PG_SIGNAL_SOURCE) == 0)
        return CV_OK;
    if (signal_read(column(row, 0), column(row, 1), column(row, 2), batch->arena, &signal, err) != CV_OK) {
        if (err->rc != CV_INVALID)
            return err->rc;
        CV_LOG_WARN(s->spec.ctx->log, "a signal cannot be read and is ignored", CV_ERR(err), CV_LSN("lsn", lsn));
        return CV_OK;
    }
    if (signal.kind == SIGNAL_WINDOW_OPEN || signal.kind == SIGNAL_WINDOW_CLOSE) {
        incremental_mark(inc, column(row, 0), false, &closed);
        return closed ? stream_window_closed(s, lsn, batch, err) : CV_OK;
    }
    return stream_act(s, &signal, err);
}
