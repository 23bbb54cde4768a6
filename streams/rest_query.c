/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interactive queries; see rest_query.h. The question goes to the state file of every task here that
 * has its tables, or of the one that is named; rows come one behind the other with their task. With
 * scope "all" the other workers are asked the same for theirs: an answer holds the rows of all tasks,
 * or says which worker or task is missing.
 */
#include "streams/rest_query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/json_read.h"
#include "common/json_write.h"
#include "streams/rest_scope.h"
#include "streams/rest_task.h"
#include "streams/io/sink.h"

#define TIMEOUT_MS     5000
#define TIMEOUT_MAX_MS 60000
#define ROWS           1000
#define ROWS_MAX       100000
#define ANSWER_MAX     ((size_t)16 << 20)
#define PARAMS_MAX     100
#define PEER_EXTRA_MS  2000 /* for the way to another worker and back */

struct asked {
    struct cv_buf sql;
    struct cv_buf task; /* empty: all */
    struct cv_buf text; /* of text parameters */
    struct cell params[PARAMS_MAX];
    size_t n_params;
    int64_t timeout_ms;
    int64_t max_rows;
    bool all; /* scope */
};

static enum cv_rc
read_param(struct cv_json_reader *in, enum cv_json_token tok, struct asked *asked,
           struct cv_err *err)
{
    struct cell *cell = &asked->params[asked->n_params];
    size_t at = asked->text.len;

    if (asked->n_params == PARAMS_MAX)
        return cv_fail(err, CV_INVALID, "more than %d params", PARAMS_MAX);
    switch (tok) {
    case CV_JSON_NULL:
        cell->kind = CELL_NULL;
        break;
    case CV_JSON_TRUE:
    case CV_JSON_FALSE:
        *cell = (struct cell){ .kind = CELL_INTEGER, .integer = tok == CV_JSON_TRUE };
        break;
    case CV_JSON_NUMBER:
        cell->kind = CELL_INTEGER;
        if (cv_json_int64(in, &cell->integer))
            break;
        cell->kind = CELL_REAL;
        if (!cv_json_number(in, &cell->real))
            return cv_fail(err, CV_INVALID, "a number of params is too large");
        break;
    case CV_JSON_STRING:
        cv_json_text(in, &asked->text);
        *cell = (struct cell){ .kind = CELL_TEXT, .len = asked->text.len - at };
        break;
    default:
        return cv_fail(err, CV_INVALID, "params holds texts, numbers, booleans and null");
    }
    asked->n_params++;
    return CV_OK;
}

static enum cv_rc
read_params(struct cv_json_reader *in, struct asked *asked, struct cv_err *err)
{
    enum cv_json_token tok;

    if (cv_json_next(in) != CV_JSON_ARRAY)
        return cv_fail(err, CV_INVALID, "params must be an array");
    while ((tok = cv_json_next(in)) != CV_JSON_ARRAY_END) {
        if (tok == CV_JSON_BAD)
            return cv_json_fail(in, err);
        if (read_param(in, tok, asked, err) != CV_OK)
            return err->rc;
    }
    return CV_OK;
}

static enum cv_rc
read_number(struct cv_json_reader *in, const char *name, int64_t max, int64_t *ret,
            struct cv_err *err)
{
    if (cv_json_next(in) == CV_JSON_NUMBER && cv_json_int64(in, ret) && *ret >= 1 && *ret <= max)
        return CV_OK;
    return cv_fail(err, CV_INVALID, "%s must be a whole number from 1 to %lld", name,
                   (long long)max);
}

static enum cv_rc
read_text(struct cv_json_reader *in, const char *name, struct cv_buf *out, struct cv_err *err)
{
    if (cv_json_next(in) != CV_JSON_STRING)
        return cv_fail(err, CV_INVALID, "%s must be a text", name);
    cv_buf_reset(out);
    cv_json_text(in, out);
    return CV_OK;
}

static enum cv_rc
read_scope(struct cv_json_reader *in, struct asked *asked, struct cv_err *err)
{
    enum cv_json_token tok = cv_json_next(in);

    asked->all = tok == CV_JSON_STRING && cv_json_text_is(in, "all");
    if (asked->all || (tok == CV_JSON_STRING && cv_json_text_is(in, "local")))
        return CV_OK;
    return cv_fail(err, CV_INVALID, "scope must be local or all");
}

static enum cv_rc
read_member(struct cv_json_reader *in, struct asked *asked, struct cv_err *err)
{
    if (cv_json_text_is(in, "sql"))
        return read_text(in, "sql", &asked->sql, err);
    if (cv_json_text_is(in, "task"))
        return read_text(in, "task", &asked->task, err);
    if (cv_json_text_is(in, "params"))
        return read_params(in, asked, err);
    if (cv_json_text_is(in, "timeout_ms"))
        return read_number(in, "timeout_ms", TIMEOUT_MAX_MS, &asked->timeout_ms, err);
    if (cv_json_text_is(in, "max_rows"))
        return read_number(in, "max_rows", ROWS_MAX, &asked->max_rows, err);
    if (cv_json_text_is(in, "scope"))
        return read_scope(in, asked, err);
    return cv_fail(err, CV_INVALID,
                   "\"%.*s\" is not known; a query has sql, params, task, scope, timeout_ms and "
                   "max_rows",
                   in->text_len > 60 ? 60 : (int)in->text_len, in->text);
}

static enum cv_rc
read_body(const struct cv_http_request *req, struct asked *asked, struct cv_err *err)
{
    struct cv_json_reader in;
    enum cv_json_token tok;
    const char *text;
    size_t len;

    text = cv_http_body(req, &len);
    cv_json_reader_init(&in, text, len);
    if (cv_json_next(&in) != CV_JSON_OBJECT)
        return cv_fail(err, CV_INVALID, "the body must be a JSON object like {\"sql\": \"SELECT ...\"}");
    while ((tok = cv_json_next(&in)) == CV_JSON_KEY) {
        if (read_member(&in, asked, err) != CV_OK)
            return err->rc;
    }
    if (tok != CV_JSON_OBJECT_END || cv_json_next(&in) != CV_JSON_DONE)
        return cv_json_fail(&in, err);
    if (asked->sql.len == 0)
        return cv_fail(err, CV_INVALID, "the query has no sql");
    /* The text has stopped moving. */
    for (size_t i = 0, at = 0; i < asked->n_params; i++) {
        if (asked->params[i].kind == CELL_TEXT) {
            asked->params[i].data = asked->text.data + at;
            at += asked->params[i].len;
        }
    }
    return CV_OK;
}

/* ---- the answer ---- */

struct answer {
    struct cv_json_writer *w;
    struct cv_buf *out;
    const char *task;
    size_t rows;
};

static bool
write_row(void *arg, const char *const *names, const struct cell *cells, size_t count)
{
    struct answer *answer = arg;

    cv_json_object(answer->w);
    cv_json_key(answer->w, "_task");
    cv_json_string(answer->w, answer->task);
    for (size_t i = 0; i < count; i++) {
        struct cv_buf value = CV_BUF_INIT(ANSWER_MAX);

        cv_json_key(answer->w, names[i]);
        sink_value(&value, &cells[i]);
        cv_json_raw(answer->w, cv_buf_cstr(&value), value.len);
        cv_buf_free(&value);
    }
    cv_json_object_end(answer->w);
    answer->rows++;
    return answer->out->len < ANSWER_MAX;
}

static enum cv_rc
ask_task(struct app *app, const char *task, const struct asked *asked, int64_t deadline_ms,
         struct answer *answer, bool *ret_more, struct cv_err *err)
{
    struct query_spec spec = { .sql = cv_buf_cstr(&asked->sql),
                               .params = asked->params,
                               .n_params = asked->n_params,
                               .deadline_ms = deadline_ms,
                               .max_rows = (size_t)asked->max_rows - answer->rows };

    if (strcmp(task, "global") == 0)
        return cv_fail(err, CV_NOT_FOUND, "GLOBAL tables are asked with those of a task");
    answer->task = task;
    return rest_task_ask(app, task, &spec, write_row, answer, ret_more, err);
}

/* Ask all tasks that know the tables. CV_NOT_FOUND: none does. */
static enum cv_rc
ask_all(struct app *app, const struct asked *asked, struct answer *answer, bool *ret_more,
        struct cv_err *err)
{
    int64_t deadline_ms = cv_mono_ms() + asked->timeout_ms;
    size_t count;
    struct task_status *tasks = app_tasks(app, &count);
    enum cv_rc rc = cv_fail(err, CV_NOT_FOUND, "this worker has no such task");

    for (size_t i = 0; i < count && !*ret_more; i++) {
        struct cv_err one = CV_ERR_INIT;

        if (asked->task.len > 0 && strcmp(cv_buf_cstr(&asked->task), tasks[i].id) != 0)
            continue;
        one.rc = ask_task(app, tasks[i].id, asked, deadline_ms, answer, ret_more, &one);
        if (one.rc == CV_OK)
            rc = CV_OK;
        else if (rc != CV_OK || one.rc != CV_NOT_FOUND) {
            if (one.rc != CV_NOT_FOUND || strcmp(tasks[i].id, "global") != 0) {
                rc = one.rc;
                *err = one;
            }
        }
        if (rc != CV_OK && rc != CV_NOT_FOUND)
            break;
    }
    free(tasks);
    return rc;
}

/* ---- the other workers ---- */

/* The rows of {"rows":[...],"more":...}, as far as there is room for them. */
static enum cv_rc
take_rows(const struct peer *peer, const struct asked *asked, struct answer *answer, bool *ret_more,
          struct cv_err *err)
{
    struct cv_json_reader in;
    enum cv_json_token tok;

    cv_json_reader_init(&in, peer->answer.data, peer->answer.len);
    if (cv_json_next(&in) != CV_JSON_OBJECT || cv_json_next(&in) != CV_JSON_KEY ||
        !cv_json_text_is(&in, "rows") || cv_json_next(&in) != CV_JSON_ARRAY)
        return cv_fail(err, CV_INTERNAL, "worker %s gave no rows", peer->id);
    while ((tok = cv_json_skip(&in)) == CV_JSON_OBJECT) {
        if (answer->rows == (size_t)asked->max_rows || answer->out->len >= ANSWER_MAX) {
            *ret_more = true;
            return CV_OK;
        }
        cv_json_raw(answer->w, in.text, in.text_len);
        answer->rows++;
    }
    if (tok != CV_JSON_ARRAY_END || cv_json_next(&in) != CV_JSON_KEY ||
        !cv_json_text_is(&in, "more"))
        return cv_fail(err, CV_INTERNAL, "the answer of worker %s is cut off", peer->id);
    *ret_more |= cv_json_next(&in) == CV_JSON_TRUE;
    return CV_OK;
}

/* As ask_all, of all workers. rc is what this one found: CV_OK or CV_NOT_FOUND. */
static enum cv_rc
ask_others(struct app *app, const struct cv_http_request *req, const struct asked *asked,
           struct answer *answer, enum cv_rc rc, bool *ret_more, struct cv_err *err)
{
    struct peers peers = { 0 };
    char path[300];
    struct peers_call call = { .method = "POST",
                               .path = path,
                               .timeout_ms = (int)asked->timeout_ms + PEER_EXTRA_MS,
                               .tls = app_keys(app) };
    struct cv_err one = CV_ERR_INIT;

    snprintf(path, sizeof(path), "/pipelines/%s/query?scope=local", app_plan(app)->name);
    call.body = cv_http_body(req, &call.body_len);
    if (rest_workers(app, &peers, err) != CV_OK)
        return err->rc;
    peers_ask(&peers, &call);
    for (size_t i = 0; i < peers.count && (rc == CV_OK || rc == CV_NOT_FOUND); i++) {
        const struct peer *peer = &peers.items[i];

        if (peer->self)
            continue;
        if (peer->status == 200)
            one.rc = take_rows(peer, asked, answer, ret_more, &one);
        else
            (void)rest_peer_failed(peer, &one);
        if (one.rc == CV_OK || one.rc != CV_NOT_FOUND)
            rc = one.rc;
        if (one.rc != CV_OK)
            *err = one;
    }
    peers_done(&peers);
    return rc;
}

/* This worker's tasks and, if they are asked for, those of the others. */
static enum cv_rc
ask_scope(struct app *app, const struct cv_http_request *req, const struct asked *asked,
          bool local, struct answer *answer, bool *ret_more, struct cv_err *err)
{
    enum cv_rc rc = rest_check_share(app, req, err);

    if (rc == CV_OK)
        rc = ask_all(app, asked, answer, ret_more, err);
    if (local || *ret_more || (rc != CV_OK && rc != CV_NOT_FOUND))
        return rc;
    return ask_others(app, req, asked, answer, rc, ret_more, err);
}

void
rest_query(struct app *app, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct asked asked = { .timeout_ms = TIMEOUT_MS, .max_rows = ROWS };
    struct cv_json_writer w = cv_json_writer_of(&res->body);
    struct answer answer = { .w = &w, .out = &res->body };
    struct cv_err err = CV_ERR_INIT;
    bool more = false;
    bool local;

    cv_buf_init(&asked.sql, 1 << 20);
    cv_buf_init(&asked.task, 1024);
    cv_buf_init(&asked.text, 1 << 20);
    cv_json_object(&w);
    cv_json_key(&w, "rows");
    cv_json_array(&w);
    if (read_body(req, &asked, &err) != CV_OK)
        cv_http_error(res, rest_status_of(err.rc), err.text);
    else if (rest_scope_local(req, !asked.all, &local, res) &&
             ask_scope(app, req, &asked, local, &answer, &more, &err) != CV_OK)
        cv_http_error(res, rest_status_of(err.rc), err.text);
    if (res->status < 400) {
        cv_json_array_end(&w);
        cv_json_key(&w, "more");
        cv_json_bool(&w, more);
        cv_json_object_end(&w);
    }
    cv_buf_free(&asked.sql);
    cv_buf_free(&asked.task);
    cv_buf_free(&asked.text);
}
