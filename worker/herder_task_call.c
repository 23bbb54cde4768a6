/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to a running task: found by the herder, or sent on to its owner; answered by the task itself. */
#include <config.h>

#include "common/clock.h"
#include "worker/herder_private.h"
#include "worker/task_call.h"

#define ANSWER_TIMEOUT_MS 10000

struct call_arg {
    const char *name;
    int task;
    struct task_call *call;
    struct herder_forward *forward;
    bool here;
};

/* Why a connector that exists has no such task. */
static enum cv_rc
no_task(struct herder *h, const struct call_arg *a, struct cv_err *err)
{
    if (config_store_target(h->configs, a->name) == TARGET_STOPPED)
        return cv_fail(err, CV_CONFLICT, "Connector %s is stopped: resume it first", a->name);
    if (config_store_task_count(h->configs, a->name) == 0)
        return cv_fail(err, CV_CONFLICT, "Connector %s has no task yet: see GET /connectors/%s/status", a->name,
                       a->name);
    return cv_fail(err, CV_NOT_FOUND, "Unknown task: %s-%d", a->name, a->task);
}

static enum cv_rc
run_call(struct herder *h, void *arg, struct cv_err *err)
{
    struct call_arg *a = arg;
    const struct running_task *running;

    if (!config_store_has(h->configs, a->name))
        return cv_fail(err, CV_NOT_FOUND, "Connector %s not found", a->name);
    if (a->task >= config_store_task_count(h->configs, a->name))
        return no_task(h, a, err);
    running = herder_running_task(h, a->name, a->task);
    if (herder_find_owner(h, a->name, a->task, running != NULL, a->forward, &a->here, err) != CV_OK || !a->here)
        return err->rc;
    if (running->task == NULL)
        return cv_fail(err, CV_CONFLICT, "Task %s-%d could not be started: see GET /connectors/%s/status", a->name,
                       a->task, a->name);
    return task_call_post(running->task, a->call, err);
}

static enum cv_rc
ask(struct herder *h, enum task_question question, struct call_arg *a, const char *json, size_t len,
    struct cv_buf *ret_json, struct cv_err *err)
{
    enum cv_rc rc;

    if (task_call_new(question, json, len, &a->call, err) != CV_OK)
        return err->rc;
    rc = herder_call(h, run_call, a, HERDER_REQUEST_TIMEOUT_MS, err);
    if (rc == CV_OK && a->here)
        rc = task_call_wait(a->call, cv_mono_ms() + ANSWER_TIMEOUT_MS, ret_json, err);
    task_call_free(a->call);
    return rc;
}

enum cv_rc
herder_task_progress(struct herder *h, const char *name, int task, struct herder_forward *forward,
                     struct cv_buf *ret_json, struct cv_err *err)
{
    struct call_arg a = { .name = name, .task = task, .forward = forward };

    return ask(h, TASK_PROGRESS, &a, NULL, 0, ret_json, err);
}

enum cv_rc
herder_task_signal(struct herder *h, const char *name, int task, const char *json, size_t len,
                   struct herder_forward *forward, struct cv_buf *ret_json, struct cv_err *err)
{
    struct call_arg a = { .name = name, .task = task, .forward = forward };

    return ask(h, TASK_SIGNAL, &a, json, len, ret_json, err);
}
