/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client that follows a table; see rest_watch.h, engine/watch.h and relay.h. It begins with where the tasks
 * stand; then come the rows that commits change, of this worker's tasks and, unless the scope is local, of those of the
 * others. A client that reads too slowly is ended and asks again, instead of holding a commit up.
 */
#include "streams/rest_watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "streams/rest_scope.h"

#define BUFFER_MAX ((size_t)4 << 20)

/* The group of a table that a task keeps; PLAN_NONE: there is none, *ret_why says what it is. */
static size_t
group_of(const struct plan *plan, const char *table, const char **ret_name, const char **ret_why)
{
    *ret_why = "there is no such table";
    for (size_t i = 0; i < plan->n_sources; i++) {
        const struct plan_source *source = &plan->sources[i];

        if (strcmp(source->name, table) != 0)
            continue;
        *ret_name = source->name;
        if (!source->global && !source->stream)
            return source->group;
        *ret_why = source->global ? "a GLOBAL table cannot be watched: it belongs to no task"
                                  : "a stream cannot be watched: it keeps no rows";
    }
    for (size_t i = 0; i < plan->n_states; i++) {
        *ret_name = plan->states[i].name;
        if (strcmp(plan->states[i].name, table) == 0)
            return plan->states[i].group;
    }
    return PLAN_NONE;
}

static void
write_states(struct app *app, const struct plan_group *group, struct cv_buf *out)
{
    size_t len = strlen(group->name);
    size_t count;
    struct task_status *tasks = app_tasks(app, &count);

    for (size_t i = 0; i < count; i++) {
        const char *id = tasks[i].id;

        if (strncmp(id, group->name, len) == 0 && id[len] == '_' &&
            strspn(id + len + 1, "0123456789") == strlen(id + len + 1))
            watch_state_event(id, task_state_name(tasks[i].state), out);
    }
    free(tasks);
}

/* What the others tell goes to the same client. */
static enum cv_rc
follow_others(struct app *app, struct relay *relay, const char *path, const struct peers *peers,
              struct cv_err *err)
{
    enum cv_rc rc = CV_OK;

    for (size_t i = 0; i < peers->count && rc == CV_OK; i++) {
        const struct peer *peer = &peers->items[i];
        char url[1024];

        if (peer->self)
            continue;
        snprintf(url, sizeof(url), "%s%s?scope=local&tasks=%zu", peer->url, path, peer->n_tasks);
        rc = relay_follow(relay, url, app_keys(app), err);
    }
    return rc;
}

/* Whether there is something to follow; *ret_peers: the other workers, for a client that follows all. */
static enum cv_rc
prepare(struct app *app, const struct cv_http_request *req, bool local, struct peers *ret_peers,
        struct cv_err *err)
{
    enum cv_rc rc = rest_check_share(app, req, err);

    if (rc == CV_OK && !local)
        rc = rest_workers(app, ret_peers, err);
    for (size_t i = 0; i < ret_peers->count && rc == CV_OK; i++) {
        if (!ret_peers->items[i].self && ret_peers->items[i].url[0] == '\0')
            rc = cv_fail(err, CV_RETRY, "worker %s does not tell where its REST listens",
                         ret_peers->items[i].id);
    }
    return rc;
}

/* Tasks have not moved since they were counted: else some of them would not be heard. */
static bool
still_there(struct app *app, const struct cv_http_request *req, const struct peers *peers)
{
    struct cv_err err = CV_ERR_INIT;
    bool there = rest_check_share(app, req, &err) == CV_OK;

    for (size_t i = 0; i < peers->count && there; i++)
        there = !peers->items[i].self || rest_share_is(app, peers->items[i].n_tasks, &err) == CV_OK;
    return there;
}

void
rest_watch(struct app *app, struct relays *relays, const struct cv_http_request *req,
           struct cv_http_response *res)
{
    const struct plan *plan = app_plan(app);
    struct cv_buf text = CV_BUF_INIT(1 << 20);
    struct cv_err err = CV_ERR_INIT;
    struct peers peers = { 0 };
    struct cv_http_stream *stream;
    struct relay *relay = NULL;
    const char *why;
    const char *table;
    size_t group = group_of(plan, cv_http_variable(req, "table"), &table, &why);
    bool local;

    if (!rest_scope_local(req, false, &local, res))
        return;
    if (group == PLAN_NONE) {
        cv_http_error(res, 404, why);
        return;
    }
    if (prepare(app, req, local, &peers, &err) != CV_OK) {
        cv_http_error(res, rest_status_of(err.rc), err.text);
        peers_done(&peers);
        return;
    }
    stream = cv_http_response_stream(res, BUFFER_MAX);
    if (stream != NULL)
        relay = relay_new(relays, stream);
    if (relay == NULL) {
        res->failed = true;
        peers_done(&peers);
        return;
    }
    res->content_type = "text/event-stream";
    cv_http_response_header(res, "Cache-Control", "no-cache");
    write_states(app, &plan->groups[group], &text);
    (void)relay_write(relay, cv_buf_cstr(&text), text.len);
    cv_buf_free(&text);
    if (watch_add(app_watch(app), table, relay_ref(relay), &err) != CV_OK)
        res->failed = true;
    if (follow_others(app, relay, cv_http_path(req), &peers, &err) != CV_OK ||
        !still_there(app, req, &peers))
        relay_end(relay);
    relay_unref(relay);
    peers_done(&peers);
}
