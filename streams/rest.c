/* SPDX-License-Identifier: Apache-2.0 */
/* The streams worker's REST; see rest.h. Handlers run on the server's threads and own nothing. */
#include "streams/rest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/http/router.h"
#include "common/json_write.h"
#include "common/metrics.h"
#include "streams/relay.h"
#include "streams/rest_control.h"
#include "streams/rest_lookup.h"
#include "streams/rest_plan.h"
#include "streams/rest_query.h"
#include "streams/rest_watch.h"
#include "streams/sql/explain.h"

#define STOP_WAIT_MS 2000
#define BODY_MAX     ((size_t)16 << 20)

struct streams_rest {
    struct app *app;
    struct cv_metrics *metrics;
    struct cv_http_router *router;
    struct cv_http_server *server;
    struct relays *relays;
};

/* ---- metrics ---- */

#define METRIC(kind, name, text)                                                                   \
    {                                                                                              \
        .type = kind, .names = { "culvert_streams_" name }, .help = text                           \
    }

enum {
    M_CONSUMED,
    M_PRODUCED,
    M_DUPLICATES,
    M_DROPPED,
    M_DEAD,
    M_TASK_COMMITS,
    M_REWINDS,
    M_LATE,
    M_WINDOWS,
    M_WATERMARK,
    M_WATERMARK_LAG,
    M_IDLE,
    M_CHANGELOG,
    M_LAG,
    M_RESTORE,
    M_STATE_BYTES,
    M_WAL_BYTES,
    M_FUTURE,
    M_STATE,
    M_COMMITS,
    M_COMMITS_FAILED,
    M_COMMIT_SECONDS,
    M_PROCESS_SECONDS,
    M_METRICS
};

static const struct cv_metric metric_rows[M_METRICS] = {
    [M_CONSUMED] =
        METRIC(CV_COUNTER, "records_consumed_total", "Records taken from the inputs of a task."),
    [M_PRODUCED] = METRIC(CV_COUNTER, "records_produced_total", "Records written to sinks."),
    [M_DUPLICATES] =
        METRIC(CV_COUNTER, "duplicates_total", "Redelivered events that were left out."),
    [M_DROPPED] = METRIC(CV_COUNTER, "dropped_records_total",
                         "Records that could not be processed, skipped."),
    [M_DEAD] = METRIC(CV_COUNTER, "dlq_records_total",
                      "Records that could not be processed, to the dead letter topic."),
    [M_TASK_COMMITS] =
        METRIC(CV_COUNTER, "task_commits_total", "Kafka transactions that a task had a part in."),
    [M_REWINDS] = METRIC(CV_COUNTER, "task_rewinds_total",
                         "Times that a task began anew from what was committed."),
    [M_LATE] = METRIC(CV_COUNTER, "late_records_total",
                      "Rows that came after their window was closed."),
    [M_WINDOWS] = METRIC(CV_COUNTER, "windows_closed_total", "Times that windows were closed."),
    [M_WATERMARK] = METRIC(CV_GAUGE, "watermark_seconds", "Watermark of a task, in seconds since 1970."),
    [M_WATERMARK_LAG] = METRIC(CV_GAUGE, "watermark_lag_seconds",
                               "How far a task's watermark is behind the wall clock."),
    [M_IDLE] = METRIC(CV_GAUGE, "idle_partitions", "Inputs of a task that are idle."),
    [M_CHANGELOG] =
        METRIC(CV_COUNTER, "changelog_records_total", "Records written to the changelog."),
    [M_LAG] =
        METRIC(CV_GAUGE, "source_lag_records", "Records between a task and the end of its inputs."),
    [M_RESTORE] =
        METRIC(CV_GAUGE, "restore_remaining_records", "Changelog offsets still to be read."),
    [M_STATE_BYTES] = METRIC(CV_GAUGE, "state_bytes", "Size of a state file and its WAL."),
    [M_WAL_BYTES] = METRIC(CV_GAUGE, "wal_bytes",
                           "Size of a state file's WAL; it grows while a query reads for long."),
    [M_FUTURE] = METRIC(CV_COUNTER, "future_timestamps_total",
                        "Events whose time is more than five minutes ahead: they do not move the watermark."),
    [M_STATE] = METRIC(CV_GAUGE, "task_state", "1 for the state that a task is in."),
    [M_COMMITS] = METRIC(CV_COUNTER, "commits_total",
                         "Kafka transactions committed by the worker's threads."),
    [M_COMMITS_FAILED] = METRIC(CV_COUNTER, "commits_failed_total", "Kafka transactions given up."),
    [M_COMMIT_SECONDS] = METRIC(CV_COUNTER, "commit_seconds_total", "Time spent in commits."),
    [M_PROCESS_SECONDS] =
        METRIC(CV_COUNTER, "process_seconds_total", "Time spent processing records."),
};

static void
collect_task(struct cv_metrics_sink *sink, const struct task_status *task)
{
    const struct cv_label labels[] = { { "task", task->id },
                                       { "state", task_state_name(task->state) } };
    const struct {
        int metric;
        double value;
    } values[] = {
        { M_CONSUMED, (double)task->consumed },
        { M_PRODUCED, (double)task->produced },
        { M_DUPLICATES, (double)task->duplicates },
        { M_DROPPED, (double)task->dropped },
        { M_DEAD, (double)task->dead },
        { M_TASK_COMMITS, (double)task->commits },
        { M_REWINDS, (double)task->rewinds },
        { M_LATE, (double)task->late },
        { M_WINDOWS, (double)task->windows_closed },
        { M_WATERMARK, (double)task->watermark_ms / 1e3 },
        { M_WATERMARK_LAG, (double)(cv_now_ms() - task->watermark_ms) / 1e3 },
        { M_IDLE, (double)task->idle_inputs },
        { M_CHANGELOG, (double)task->changelog_records },
        { M_LAG, (double)task->lag },
        { M_RESTORE, (double)task->restore_left },
        { M_STATE_BYTES, (double)task->state_bytes },
        { M_WAL_BYTES, (double)task->wal_bytes },
        { M_FUTURE, (double)task->future },
    };

    for (size_t i = 0; i < CV_COUNT(values); i++) {
        bool known = values[i].metric == M_LAG ? task->lag >= 0
                     : values[i].metric == M_WATERMARK || values[i].metric == M_WATERMARK_LAG
                         ? task->watermark_ms != 0
                         : true;

        if (known)
            cv_metrics_add(sink, &metric_rows[values[i].metric], labels, 1, values[i].value);
    }
    cv_metrics_add(sink, &metric_rows[M_STATE], labels, 2, 1);
}

static void
collect(void *arg, struct cv_metrics_sink *sink)
{
    struct streams_rest *rest = arg;
    struct loop_stats stats;
    size_t count;
    struct task_status *tasks = app_tasks(rest->app, &count);

    for (size_t i = 0; i < count; i++)
        collect_task(sink, &tasks[i]);
    free(tasks);
    app_loop_stats(rest->app, &stats);
    cv_metrics_add(sink, &metric_rows[M_COMMITS], NULL, 0, (double)stats.commits);
    cv_metrics_add(sink, &metric_rows[M_COMMITS_FAILED], NULL, 0, (double)stats.commits_failed);
    cv_metrics_add(sink, &metric_rows[M_COMMIT_SECONDS], NULL, 0, (double)stats.commit_us / 1e6);
    cv_metrics_add(sink, &metric_rows[M_PROCESS_SECONDS], NULL, 0, (double)stats.process_us / 1e6);
}

static void
get_metrics(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct streams_rest *rest = arg;

    (void)req;
    res->content_type = "text/plain; version=0.0.4; charset=utf-8";
    cv_metrics_write(rest->metrics, 1U << CV_DIALECT_PLAIN, &res->body);
}

/* ---- status ---- */

static const char *const state_names[] = {
    [APP_STARTING] = "STARTING",
    [APP_RUNNING] = "RUNNING",
    [APP_FAILED] = "FAILED",
    [APP_STOPPING] = "STOPPING",
};

static void
string_field(struct cv_json_writer *w, const char *key, const char *value)
{
    cv_json_key(w, key);
    cv_json_string(w, value);
}

static void
int_field(struct cv_json_writer *w, const char *key, int64_t value)
{
    cv_json_key(w, key);
    cv_json_int(w, value);
}

static void
time_field(struct cv_json_writer *w, const char *key, int64_t ms)
{
    char text[CV_ISO_MAX];

    cv_format_iso_ms(ms, text);
    string_field(w, key, ms == 0 ? NULL : text);
}

static void
get_health(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct streams_rest *rest = arg;
    struct cv_json_writer w = cv_json_writer_of(&res->body);
    struct app_view view;

    (void)req;
    app_view(rest->app, &view);
    cv_json_object(&w);
    string_field(&w, "status", "healthy");
    string_field(&w, "state", state_names[view.state]);
    cv_json_object_end(&w);
}

/* Everything that keeps the worker from being ready, as an array. */
static bool
write_reasons(struct cv_json_writer *w, struct app *app)
{
    struct app_view view;
    size_t count;
    struct task_status *tasks = app_tasks(app, &count);
    bool ready = true;

    app_view(app, &view);
    cv_json_array(w);
    if (view.state != APP_RUNNING) {
        cv_json_string(w, view.why[0] != '\0' ? view.why : state_names[view.state]);
        ready = false;
    } else if (!view.assigned) {
        cv_json_string(w, "the group has not assigned tasks yet");
        ready = false;
    } else if (view.tasks < view.share) {
        cv_json_string(w, "tasks are being opened");
        ready = false;
    }
    for (size_t i = 0; i < count; i++) {
        struct cv_buf text = CV_BUF_INIT(4096);

        if (tasks[i].state == TASK_RUNNING)
            continue;
        cv_buf_printf(&text, "task %s is %s%s%s", tasks[i].id, task_state_name(tasks[i].state),
                      tasks[i].error[0] != '\0' ? ": " : "", tasks[i].error);
        cv_json_string(w, cv_buf_cstr(&text));
        cv_buf_free(&text);
        ready = false;
    }
    cv_json_array_end(w);
    free(tasks);
    return ready;
}

static void
get_ready(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct streams_rest *rest = arg;
    struct cv_json_writer w = cv_json_writer_of(&res->body);
    bool ready;

    (void)req;
    cv_json_object(&w);
    cv_json_key(&w, "reasons");
    ready = write_reasons(&w, rest->app);
    string_field(&w, "status", ready ? "ready" : "not ready");
    cv_json_object_end(&w);
    res->status = ready ? 200 : 503;
}

static void
write_task(struct cv_json_writer *w, const struct task_status *task)
{
    cv_json_object(w);
    string_field(w, "task", task->id);
    string_field(w, "state", task_state_name(task->state));
    time_field(w, "since", task->since_ms);
    string_field(w, "error", task->error[0] != '\0' ? task->error : NULL);
    int_field(w, "records_consumed", (int64_t)task->consumed);
    int_field(w, "records_produced", (int64_t)task->produced);
    int_field(w, "duplicates", (int64_t)task->duplicates);
    int_field(w, "dropped", (int64_t)task->dropped);
    int_field(w, "dead_letters", (int64_t)task->dead);
    int_field(w, "commits", (int64_t)task->commits);
    int_field(w, "rewinds", (int64_t)task->rewinds);
    int_field(w, "late", (int64_t)task->late);
    int_field(w, "idle_inputs", task->idle_inputs);
    cv_json_key(w, "lag");
    if (task->lag >= 0)
        cv_json_int(w, task->lag);
    else
        cv_json_null(w);
    int_field(w, "restore_remaining", task->restore_left);
    int_field(w, "future_timestamps", (int64_t)task->future);
    int_field(w, "state_bytes", task->state_bytes);
    int_field(w, "wal_bytes", task->wal_bytes);
    time_field(w, "last_commit", task->last_commit_ms);
    time_field(w, "clock", task->clock_ms);
    time_field(w, "watermark", task->watermark_ms);
    cv_json_object_end(w);
}

static void
write_tasks(struct cv_json_writer *w, struct app *app)
{
    size_t count;
    struct task_status *tasks = app_tasks(app, &count);

    cv_json_array(w);
    for (size_t i = 0; i < count; i++)
        write_task(w, &tasks[i]);
    cv_json_array_end(w);
    free(tasks);
}

/* The pipeline's state: FAILED as soon as one of its tasks is. */
static void
write_summary(struct cv_json_writer *w, struct app *app)
{
    const struct plan *plan = app_plan(app);
    struct app_view view;

    app_view(app, &view);
    string_field(w, "name", plan->name);
    string_field(w, "application_id", plan->application_id);
    string_field(w, "directory", app_directory(app));
    string_field(w, "state",
                 view.state == APP_RUNNING && view.tasks_failed > 0 ? "FAILED"
                 : view.state == APP_RUNNING && view.paused         ? "PAUSED"
                                                                    : state_names[view.state]);
    cv_json_key(w, "paused");
    cv_json_bool(w, view.paused);
    string_field(w, "reason", view.why[0] != '\0' ? view.why : NULL);
    cv_json_key(w, "tasks");
    write_tasks(w, app);
}

static void
get_pipelines(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct streams_rest *rest = arg;
    struct cv_json_writer w = cv_json_writer_of(&res->body);

    (void)req;
    cv_json_array(&w);
    cv_json_object(&w);
    write_summary(&w, rest->app);
    cv_json_object_end(&w);
    cv_json_array_end(&w);
}

static bool
knows_pipeline(struct streams_rest *rest, const struct cv_http_request *req,
               struct cv_http_response *res)
{
    if (strcmp(cv_http_variable(req, "pipeline"), app_plan(rest->app)->name) == 0)
        return true;
    cv_http_error(res, 404, "there is no such pipeline");
    return false;
}

static void
get_pipeline(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct streams_rest *rest = arg;
    struct cv_json_writer w = cv_json_writer_of(&res->body);
    struct cv_buf plan = CV_BUF_INIT(BODY_MAX);

    if (!knows_pipeline(rest, req, res))
        return;
    explain_json(app_plan(rest->app), &plan);
    cv_json_object(&w);
    write_summary(&w, rest->app);
    cv_json_key(&w, "plan");
    cv_json_raw(&w, cv_buf_cstr(&plan), plan.len);
    cv_json_object_end(&w);
    cv_buf_free(&plan);
}

static void
get_tasks(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct streams_rest *rest = arg;
    struct cv_json_writer w = cv_json_writer_of(&res->body);

    if (knows_pipeline(rest, req, res))
        write_tasks(&w, rest->app);
}

static void
post_query(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct streams_rest *rest = arg;

    if (knows_pipeline(rest, req, res))
        rest_query(rest->app, req, res);
}

static void
put_pause(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct streams_rest *rest = arg;

    if (knows_pipeline(rest, req, res))
        rest_pause(rest->app, true, req, res);
}

static void
put_resume(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct streams_rest *rest = arg;

    if (knows_pipeline(rest, req, res))
        rest_pause(rest->app, false, req, res);
}

static void
post_restart(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct streams_rest *rest = arg;

    if (knows_pipeline(rest, req, res))
        rest_restart(rest->app, req, res);
}

static void
get_watch(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct streams_rest *rest = arg;

    if (knows_pipeline(rest, req, res))
        rest_watch(rest->app, rest->relays, req, res);
}

static void
get_row(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct streams_rest *rest = arg;

    if (knows_pipeline(rest, req, res))
        rest_lookup(rest->app, req, res);
}

static void
post_plan(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct streams_rest *rest = arg;

    if (knows_pipeline(rest, req, res))
        rest_plan(rest->app, req, res);
}

static const struct cv_route routes[] = {
    { "GET", "/health", get_health, CV_ROUTE_ANY_ACCEPT, "the process is alive" },
    { "GET", "/ready", get_ready, CV_ROUTE_ANY_ACCEPT,
      "every task assigned here runs: 200, else 503 with reasons" },
    { "GET", "/metrics", get_metrics, CV_ROUTE_ANY_ACCEPT, "Prometheus text" },
    { "GET", "/pipelines", get_pipelines, 0, "the pipeline with its tasks" },
    { "GET", "/pipelines/{pipeline}", get_pipeline, 0, "the same with the plan" },
    { "GET", "/pipelines/{pipeline}/tasks", get_tasks, 0, "the tasks of this worker" },
    { "POST", "/pipelines/{pipeline}/tasks/{task}/restart", post_restart, 0,
      "begin a task of this worker anew, also one that has failed" },
    { "PUT", "/pipelines/{pipeline}/pause", put_pause, CV_ROUTE_WAITS,
      "let the tasks of all workers stand still; ?scope=local: of this one" },
    { "PUT", "/pipelines/{pipeline}/resume", put_resume, CV_ROUTE_WAITS, "let them go on" },
    { "POST", "/pipelines/{pipeline}/query", post_query, CV_ROUTE_WAITS | CV_ROUTE_JSON,
      "a SELECT on the state of this worker's tasks, or of all" },
    { "POST", "/pipelines/{pipeline}/plan", post_plan, CV_ROUTE_WAITS | CV_ROUTE_JSON,
      "what another version of the files would mean for the state" },
    { "GET", "/pipelines/{pipeline}/tables/{table}/{key}", get_row, CV_ROUTE_WAITS,
      "the row of a primary key, or 307 to the worker that has it" },
    { "GET", "/pipelines/{pipeline}/watch/{table}", get_watch, CV_ROUTE_ANY_ACCEPT | CV_ROUTE_WAITS,
      "what commits change, as server-sent events; ?scope=local: those of this worker's tasks" },
    { NULL, NULL, NULL, 0, NULL },
};

/* ---- start and stop ---- */

/* Where other workers reach this one. */
static void
tell_url(struct app *app, const struct streams_config *config,
         const struct cv_http_listener *listener)
{
    char host[256];
    char url[300];
    bool any = listener->host[0] == '\0' || strcmp(listener->host, "0.0.0.0") == 0 ||
               strcmp(listener->host, "::") == 0;

    if (config->advertised_url[0] != '\0') {
        app_set_url(app, config->advertised_url);
        return;
    }
    snprintf(host, sizeof(host), "%s", listener->host);
    if (any)
        cv_http_local_address(host, sizeof(host));
    snprintf(url, sizeof(url), strchr(host, ':') != NULL ? "%s://[%s]:%d" : "%s://%s:%d",
             listener->scheme, host, listener->port);
    app_set_url(app, url);
}

static enum cv_rc
listen_on(struct streams_rest *rest, const struct streams_config *config, struct cv_err *err)
{
    size_t count = config->listeners.count;
    struct cv_http_listener *listeners = calloc(count + 1, sizeof(*listeners));
    struct cv_http_spec spec = { .listeners = listeners,
                                 .n_listeners = count,
                                 .option = "listeners",
                                 .router = rest->router,
                                 .tls = config->raw,
                                 .access_log = "culvert.streams.access" };
    enum cv_rc rc = listeners == NULL ? cv_fail_memory(err) : CV_OK;

    for (size_t i = 0; i < count && rc == CV_OK; i++) {
        rc = cv_http_listener_parse(config->listeners.items[i], &listeners[i], err);
        if (rc != CV_OK)
            cv_err_context(err, "listeners: \"%s\"", config->listeners.items[i]);
    }
    if (rc == CV_OK)
        rc = cv_http_start(&spec, &rest->server, err);
    if (rc == CV_OK)
        tell_url(rest->app, config, &listeners[0]);
    free(listeners);
    return rc;
}

enum cv_rc
streams_rest_start(const struct streams_config *config, struct app *app, struct streams_rest **ret,
                   struct cv_err *err)
{
    struct streams_rest *rest = calloc(1, sizeof(*rest));
    enum cv_rc rc = CV_OK;

    if (rest == NULL)
        return cv_fail_memory(err);
    rest->app = app;
    rest->metrics = cv_metrics_new();
    rest->relays = relays_new();
    if (rest->metrics == NULL || rest->relays == NULL)
        rc = cv_fail_memory(err);
    if (rc == CV_OK)
        rc = cv_metrics_register(rest->metrics, collect, rest, err);
    if (rc == CV_OK)
        rc = cv_http_router_new(routes, rest, &rest->router, err);
    if (rc == CV_OK)
        rc = listen_on(rest, config, err);
    if (rc != CV_OK) {
        (void)streams_rest_stop(rest);
        return rc;
    }
    *ret = rest;
    return CV_OK;
}

bool
streams_rest_stop(struct streams_rest *rest)
{
    if (rest == NULL)
        return true;
    if (rest->server != NULL && !cv_http_stop(rest->server, STOP_WAIT_MS))
        return false;
    if (!relays_stop(rest->relays, STOP_WAIT_MS))
        return false;
    cv_http_router_free(rest->router);
    if (rest->metrics != NULL)
        cv_metrics_unregister(rest->metrics, collect, rest);
    cv_metrics_free(rest->metrics);
    free(rest);
    return true;
}
