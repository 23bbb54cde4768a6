/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client that follows a table; see rest_watch.h and engine/watch.h. It begins with where the tasks
 * stand; then come the rows that commits of this worker's tasks change. A client that reads too
 * slowly is ended and asks again, instead of holding a commit up.
 */
#include "streams/rest_watch.h"

#include <stdlib.h>
#include <string.h>

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

void
rest_watch(struct app *app, const struct cv_http_request *req, struct cv_http_response *res)
{
    const struct plan *plan = app_plan(app);
    struct cv_buf text = CV_BUF_INIT(1 << 20);
    struct cv_err err = CV_ERR_INIT;
    struct cv_http_stream *stream;
    const char *why;
    const char *table;
    size_t group = group_of(plan, cv_http_variable(req, "table"), &table, &why);

    if (group == PLAN_NONE) {
        cv_http_error(res, 404, why);
        return;
    }
    stream = cv_http_response_stream(res, BUFFER_MAX);
    if (stream == NULL)
        return;
    res->content_type = "text/event-stream";
    cv_http_response_header(res, "Cache-Control", "no-cache");
    write_states(app, &plan->groups[group], &text);
    (void)cv_http_stream_write(stream, cv_buf_cstr(&text), text.len);
    cv_buf_free(&text);
    if (watch_add(app_watch(app), table, stream, &err) != CV_OK)
        res->failed = true;
}
