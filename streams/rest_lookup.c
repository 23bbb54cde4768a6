/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A row by its primary key; see rest_lookup.h. Which task has it, the key alone does not tell: rows lie where their
 * query ran. So the tasks here are asked first, then the other workers whether theirs have it, and the client is sent
 * there. That nobody has it is only said when all were asked.
 */
#include "streams/rest_lookup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/json_write.h"
#include "streams/io/sink.h"
#include "streams/io/value.h"
#include "streams/rest_scope.h"
#include "streams/rest_task.h"

#define TIMEOUT_MS 5000
#define KEY_MAX    ((size_t)1 << 16)

struct lookup {
    struct app *app;
    const struct table *table;
    size_t group; /* PLAN_NONE: a GLOBAL table, which every worker has */
    struct cell key[TABLE_COLUMNS_MAX];
    struct cv_buf text; /* of the key, as a JSON array */
    struct cv_buf scratch;
    struct cv_buf sql;
    const char *task; /* that is being asked */
    struct cv_buf *out;
    bool found;
};

/* ---- the table ---- */

static enum cv_rc
find_table(struct lookup *l, const char *name, struct cv_err *err)
{
    const struct plan *plan = app_plan(l->app);

    for (size_t i = 0; i < plan->n_sources; i++) {
        const struct plan_source *source = &plan->sources[i];

        if (strcmp(source->name, name) != 0)
            continue;
        if (source->stream)
            return cv_fail(err, CV_NOT_FOUND, "\"%s\" is a stream, which keeps no rows", name);
        l->table = source->table;
        l->group = source->group;
        return CV_OK;
    }
    for (size_t i = 0; i < plan->n_states; i++) {
        const struct plan_state *state = &plan->states[i];

        if (strcmp(state->name, name) != 0 || state->group == PLAN_NONE)
            continue;
        l->table = state->table;
        l->group = state->group;
        return CV_OK;
    }
    return cv_fail(err, CV_NOT_FOUND, "there is no table \"%s\"", name);
}

/* ---- the key ---- */

/* [7,"x"] as it stands in the path, or the text of a single column. */
static enum cv_rc
read_key(struct lookup *l, const char *key, struct cv_err *err)
{
    const struct plan_source plain = { .unchanged = "", .time_divisor = 1 };
    const struct value_target to = { .source = &plain, .scratch = &l->scratch };
    const struct wire_field wire = { .type = WIRE_PLAIN };
    struct cv_json_reader in;

    if (key[0] == '[') {
        cv_buf_str(&l->text, key);
    } else {
        cv_buf_char(&l->text, '[');
        cv_buf_json(&l->text, key, strlen(key));
        cv_buf_char(&l->text, ']');
    }
    if (cv_buf_check(&l->text, err) != CV_OK ||
        cv_buf_reserve(&l->scratch, 3 * l->text.len + 1) == NULL)
        return cv_fail(err, CV_INVALID, "the key is too long");
    cv_json_reader_init(&in, l->text.data, l->text.len);
    (void)cv_json_next(&in);
    for (size_t i = 0; i < l->table->n_key; i++) {
        const struct column *column = &l->table->columns[l->table->key[i]];
        struct cv_json_reader ahead = in;

        if (cv_json_next(&ahead) == CV_JSON_ARRAY_END)
            return cv_fail(err, CV_INVALID,
                           "the key of \"%s\" has %zu columns; give it as a JSON array, like [7,\"x\"]",
                           l->table->name, l->table->n_key);
        if (value_read(&to, &in, column, &wire, &l->key[i], err) != CV_OK)
            return cv_err_context(err, "column \"%s\" of the key", column->name);
    }
    if (cv_json_next(&in) != CV_JSON_ARRAY_END || cv_json_next(&in) != CV_JSON_DONE)
        return cv_fail(err, CV_INVALID, "the key has more than the %zu column%s of \"%s\"",
                       l->table->n_key, l->table->n_key == 1 ? "" : "s", l->table->name);
    return CV_OK;
}

static void
make_sql(struct lookup *l)
{
    const struct table *table = l->table;

    for (size_t i = 0; i < table->n_columns; i++) {
        cv_buf_str(&l->sql, i > 0 ? ", " : "SELECT ");
        cv_buf_sql_ident(&l->sql, table->columns[i].name);
    }
    cv_buf_str(&l->sql, " FROM ");
    cv_buf_sql_ident(&l->sql, table->name);
    for (size_t i = 0; i < table->n_key; i++) {
        cv_buf_str(&l->sql, i > 0 ? " AND " : " WHERE ");
        cv_buf_sql_ident(&l->sql, table->columns[table->key[i]].name);
        cv_buf_printf(&l->sql, " = ?%zu", i + 1);
    }
}

/* ---- here ---- */

static bool
write_row(void *arg, const char *const *names, const struct cell *cells, size_t count)
{
    struct lookup *l = arg;
    struct cv_json_writer w = cv_json_writer_of(l->out);

    (void)names;
    l->found = true;
    cv_json_object(&w);
    cv_json_key(&w, "_task");
    cv_json_string(&w, l->task);
    for (size_t i = 0; i < count; i++) {
        cv_json_key(&w, l->table->columns[i].name);
        sink_column_value(l->out, &l->table->columns[i], &cells[i]);
        w.comma = true;
    }
    cv_json_object_end(&w);
    return true;
}

static enum cv_rc
ask_task(struct lookup *l, const char *task, struct cv_err *err)
{
    struct query_spec spec = { .path = app_global_path(l->app),
                               .sql = cv_buf_cstr(&l->sql),
                               .params = l->key,
                               .n_params = l->table->n_key,
                               .deadline_ms = cv_mono_ms() + TIMEOUT_MS,
                               .max_rows = 1 };
    bool more;

    l->task = task;
    return l->group == PLAN_NONE ? query_run(&spec, write_row, l, &more, err)
                                 : rest_task_ask(l->app, task, &spec, write_row, l, &more, err);
}

static enum cv_rc
ask_here(struct lookup *l, struct cv_err *err)
{
    size_t count;
    struct task_status *tasks;
    enum cv_rc rc = CV_OK;

    if (l->group == PLAN_NONE)
        return ask_task(l, "global", err);
    tasks = app_tasks(l->app, &count);
    for (size_t i = 0; i < count && rc == CV_OK && !l->found; i++) {
        if (rest_task_group(app_plan(l->app), tasks[i].id) == l->group)
            rc = ask_task(l, tasks[i].id, err);
    }
    free(tasks);
    return rc;
}

/* ---- elsewhere ---- */

/* To the worker that has it; CV_NOT_FOUND: all have said that they do not. */
static enum cv_rc
send_there(struct lookup *l, const struct cv_http_request *req, struct cv_http_response *res,
           struct cv_err *err)
{
    struct peers peers = { 0 };
    char path[4096];
    char url[4500];
    const struct peers_call call = { .method = "GET", .path = path, .timeout_ms = TIMEOUT_MS,
                                     .tls = app_keys(l->app) };
    enum cv_rc rc = rest_workers(l->app, &peers, err);

    if (rc != CV_OK)
        return rc;
    snprintf(path, sizeof(path), "%s?scope=local", cv_http_path(req));
    peers_ask(&peers, &call);
    rc = cv_fail(err, CV_NOT_FOUND, "\"%s\" has no such row", l->table->name);
    for (size_t i = 0; i < peers.count; i++) {
        const struct peer *peer = &peers.items[i];
        struct cv_err one = CV_ERR_INIT;

        if (peer->self)
            continue;
        if (peer->status == 200) {
            snprintf(url, sizeof(url), "%s%s", peer->url, cv_http_path(req));
            cv_http_response_header(res, "Location", url);
            res->status = 307;
            rc = CV_OK;
            break;
        }
        if (rest_peer_failed(peer, &one) != CV_NOT_FOUND) {
            *err = one;
            rc = one.rc;
        }
    }
    peers_done(&peers);
    return rc;
}

void
rest_lookup(struct app *app, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct lookup *l = calloc(1, sizeof(*l));
    struct cv_err err = CV_ERR_INIT;
    bool local;
    enum cv_rc rc;

    if (l == NULL) {
        res->failed = true;
        return;
    }
    l->app = app;
    l->out = &res->body;
    cv_buf_init(&l->text, KEY_MAX);
    cv_buf_init(&l->scratch, 4 * KEY_MAX);
    cv_buf_init(&l->sql, 1 << 20);
    if (!rest_scope_local(req, false, &local, res))
        goto out;
    rc = find_table(l, cv_http_variable(req, "table"), &err);
    if (rc == CV_OK)
        rc = read_key(l, cv_http_variable(req, "key"), &err);
    if (rc == CV_OK)
        rc = rest_check_share(app, req, &err);
    if (rc == CV_OK) {
        make_sql(l);
        rc = ask_here(l, &err);
    }
    if (rc == CV_OK && !l->found && (local || l->group == PLAN_NONE))
        rc = cv_fail(&err, CV_NOT_FOUND, "\"%s\" has no such row%s", l->table->name,
                     l->group == PLAN_NONE ? "" : " here");
    else if (rc == CV_OK && !l->found)
        rc = send_there(l, req, res, &err);
    if (rc != CV_OK)
        cv_http_error(res, rest_status_of(rc), err.text);
out:
    cv_buf_free(&l->text);
    cv_buf_free(&l->scratch);
    cv_buf_free(&l->sql);
    free(l);
}
