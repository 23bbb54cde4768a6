/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an operator does to a running pipeline; see rest_control.h. The worker that is asked does its
 * own share first, then asks the others for theirs; an answer is only good if all have done it.
 */
#include "streams/rest_control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json_write.h"
#include "streams/rest_scope.h"

#define PEER_TIMEOUT_MS 5000

/* The workers that have not done what they were asked for; those that have are counted. */
static size_t
collect_failures(const struct peers *peers, struct cv_buf *failures)
{
    size_t done = 0;

    for (size_t i = 0; i < peers->count; i++) {
        const struct peer *peer = &peers->items[i];

        if (peer->self)
            continue;
        if (peer->status == 200)
            done++;
        else if (peer->status == 0)
            cv_buf_printf(failures, "%sworker %s at %s: %s", failures->len > 0 ? "; " : "",
                          peer->id, peer->url, peer->err.text);
        else
            cv_buf_printf(failures, "%sworker %s at %s: HTTP %d", failures->len > 0 ? "; " : "",
                          peer->id, peer->url, peer->status);
    }
    return done;
}

static void
pause_others(struct app *app, bool on, struct cv_http_response *res, size_t *inout_done)
{
    struct peers peers = { 0 };
    struct cv_err err = CV_ERR_INIT;
    struct cv_buf failures = CV_BUF_INIT(1 << 16);
    struct cv_buf text = CV_BUF_INIT(1 << 17);
    char path[300];
    struct peers_call call = { .method = "PUT", .path = path, .timeout_ms = PEER_TIMEOUT_MS,
                               .tls = app_keys(app) };

    snprintf(path, sizeof(path), "/pipelines/%s/%s?scope=local", app_plan(app)->name,
             on ? "pause" : "resume");
    if (app_peers(app, &peers, &err) == CV_OK) {
        peers_ask(&peers, &call);
        *inout_done += collect_failures(&peers, &failures);
    } else {
        cv_buf_printf(&failures, "the other workers are not known: %s", err.text);
    }
    if (failures.len > 0) {
        cv_buf_printf(&text, "this worker did it, but not all others: %s; repeat it",
                      cv_buf_cstr(&failures));
        cv_http_error(res, 503, cv_buf_cstr(&text));
    }
    peers_done(&peers);
    cv_buf_free(&failures);
    cv_buf_free(&text);
}

void
rest_pause(struct app *app, bool on, const struct cv_http_request *req,
           struct cv_http_response *res)
{
    struct cv_json_writer w = cv_json_writer_of(&res->body);
    struct cv_err err = CV_ERR_INIT;
    size_t done = 1;
    bool local;

    if (!rest_scope_local(req, false, &local, res))
        return;
    if (app_pause(app, on, &err) != CV_OK) {
        cv_http_error(res, err.rc == CV_RETRY ? 503 : 500, err.text);
        return;
    }
    if (!local)
        pause_others(app, on, res, &done);
    if (res->status >= 400)
        return;
    cv_json_object(&w);
    cv_json_key(&w, "paused");
    cv_json_bool(&w, on);
    cv_json_key(&w, "workers");
    cv_json_int(&w, (int64_t)done);
    cv_json_object_end(&w);
}

void
rest_restart(struct app *app, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct cv_json_writer w = cv_json_writer_of(&res->body);
    const char *task = cv_http_variable(req, "task");
    struct cv_err err = CV_ERR_INIT;

    if (app_restart_task(app, task, &err) != CV_OK) {
        cv_http_error(res, err.rc == CV_NOT_FOUND ? 404 : 500, err.text);
        return;
    }
    res->status = 202;
    cv_json_object(&w);
    cv_json_key(&w, "task");
    cv_json_string(&w, task);
    cv_json_object_end(&w);
}
