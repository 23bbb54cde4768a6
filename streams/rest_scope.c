/* SPDX-License-Identifier: Apache-2.0 */
/* This worker or all; see rest_scope.h. */
#include "streams/rest_scope.h"

#include <stdlib.h>
#include <string.h>

#include "common/json_read.h"

bool
rest_scope_local(const struct cv_http_request *req, bool def, bool *ret_local,
                 struct cv_http_response *res)
{
    const char *scope = cv_http_query(req, "scope", 0);

    *ret_local = scope == NULL ? def : strcmp(scope, "local") == 0;
    if (scope == NULL || *ret_local || strcmp(scope, "all") == 0)
        return true;
    cv_http_error(res, 400, "scope must be local or all");
    return false;
}

int
rest_status_of(enum cv_rc rc)
{
    switch (rc) {
    case CV_NOT_FOUND:
        return 404;
    case CV_INVALID:
        return 400;
    case CV_CONFLICT:
        return 408;
    case CV_RETRY:
        return 503;
    default:
        return 500;
    }
}

/* Rows would be missing while a task is on its way: this worker must have as many as the group says. */
enum cv_rc
rest_share_is(struct app *app, size_t tasks, struct cv_err *err)
{
    struct app_view view;

    app_view(app, &view);
    if (view.tasks == tasks && view.share == tasks)
        return CV_OK;
    return cv_fail(err, CV_RETRY, "tasks are moving between workers; try again");
}

enum cv_rc
rest_check_share(struct app *app, const struct cv_http_request *req, struct cv_err *err)
{
    const char *tasks = cv_http_query(req, "tasks", 0);

    return tasks == NULL ? CV_OK : rest_share_is(app, strtoul(tasks, NULL, 10), err);
}

/* Workers without tasks have nothing to say. */
static void
leave_idle_out(struct peers *peers)
{
    size_t n = 0;

    for (size_t i = 0; i < peers->count; i++) {
        if (peers->items[i].n_tasks > 0 || peers->items[i].self)
            peers->items[n++] = peers->items[i];
        else
            cv_buf_free(&peers->items[i].answer);
    }
    peers->count = n;
}

enum cv_rc
rest_workers(struct app *app, struct peers *ret, struct cv_err *err)
{
    struct peers peers = { 0 };
    enum cv_rc rc = app_peers(app, &peers, err);

    if (rc != CV_OK)
        return rc;
    if (peers.unowned[0] != '\0')
        rc = cv_fail(err, CV_RETRY, "no worker has task %s at this moment; try again", peers.unowned);
    leave_idle_out(&peers);
    for (size_t i = 0; i < peers.count && rc == CV_OK; i++) {
        if (peers.items[i].self)
            rc = rest_share_is(app, peers.items[i].n_tasks, err);
    }
    if (rc == CV_OK)
        *ret = peers;
    else
        peers_done(&peers);
    return rc;
}

enum cv_rc
rest_peer_failed(const struct peer *peer, struct cv_err *err)
{
    struct cv_buf message = CV_BUF_INIT(1 << 16);
    struct cv_json_reader in;
    enum cv_rc rc = peer->status == 404   ? CV_NOT_FOUND
                    : peer->status == 400 ? CV_INVALID
                    : peer->status == 408 ? CV_CONFLICT
                                          : CV_RETRY;

    cv_json_reader_init(&in, peer->answer.data, peer->answer.len);
    if (peer->status != 0 && cv_json_next(&in) == CV_JSON_OBJECT) {
        while (cv_json_next(&in) == CV_JSON_KEY) {
            if (!cv_json_text_is(&in, "message"))
                (void)cv_json_skip(&in);
            else if (cv_json_next(&in) == CV_JSON_STRING)
                cv_json_text(&in, &message);
        }
    }
    if (peer->status == 0)
        cv_fail(err, rc, "worker %s at %s did not answer: %s", peer->id, peer->url, peer->err.text);
    else
        cv_fail(err, rc, "worker %s: %s", peer->id, cv_buf_cstr(&message));
    cv_buf_free(&message);
    return rc;
}
