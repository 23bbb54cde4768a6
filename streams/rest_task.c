/* SPDX-License-Identifier: Apache-2.0 */
/* A question to one task; see rest_task.h. */
#include "streams/rest_task.h"

#include <stdio.h>
#include <string.h>

#include "common/buf.h"

#define DDL_MAX ((size_t)4 << 20)

struct asked {
    struct app *app;
    const char *task;
};

size_t
rest_task_group(const struct plan *plan, const char *task)
{
    const char *number = strrchr(task, '_');

    if (number == NULL || number[1] == '\0' || strspn(number + 1, "0123456789") != strlen(number + 1))
        return PLAN_NONE;
    for (size_t i = 0; i < plan->n_groups; i++) {
        if (strlen(plan->groups[i].name) == (size_t)(number - task) &&
            strncmp(plan->groups[i].name, task, (size_t)(number - task)) == 0)
            return i;
    }
    return PLAN_NONE;
}

static void
memory_tables(const struct plan *plan, size_t group, struct cv_buf *out)
{
    for (size_t i = 0; i < plan->n_states; i++) {
        if (plan->states[i].memory && plan->states[i].group == group)
            cv_buf_printf(out, "%s;\n", plan->states[i].ddl);
    }
}

static enum cv_rc
fill_memory(void *arg, struct database *into, int64_t deadline_ms, struct cv_err *err)
{
    const struct asked *asked = arg;

    return app_image(asked->app, asked->task, into, deadline_ms, err);
}

enum cv_rc
rest_task_ask(struct app *app, const char *task, const struct query_spec *spec, query_row *take, void *arg,
              bool *ret_more, struct cv_err *err)
{
    const struct plan *plan = app_plan(app);
    struct asked asked = { .app = app, .task = task };
    struct cv_buf ddl = CV_BUF_INIT(DDL_MAX);
    struct query_spec mine = *spec;
    char path[4300];
    enum cv_rc rc;

    snprintf(path, sizeof(path), "%s/%s/task.db", app_state_directory(app), task);
    memory_tables(plan, rest_task_group(plan, task), &ddl);
    mine.path = path;
    mine.global = app_global_path(app);
    mine.memory = ddl.len > 0 ? cv_buf_cstr(&ddl) : NULL;
    mine.image = fill_memory;
    mine.image_arg = &asked;
    rc = cv_buf_check(&ddl, err);
    if (rc == CV_OK)
        rc = query_run(&mine, take, arg, ret_more, err);
    cv_buf_free(&ddl);
    return rc;
}
