/* SPDX-License-Identifier: Apache-2.0 */
/* Restarts: of one connector or task by its owner at once, of several by a record that every worker acts upon. */
#include <config.h>

#include <stdlib.h>

#include "worker/herder_private.h"
#include "worker/standalone.h"

#define ANNOUNCE_MS 2000

/* A connector by name, perhaps a task of it, and what is to be restarted. */
struct restart_arg {
    const char *name;
    int task;
    bool include_tasks;
    bool only_failed;
    struct herder_forward *forward;
};

static enum cv_rc
run_restart(struct herder *h, void *arg, struct cv_err *err)
{
    struct restart_arg *a = arg;
    bool here;

    if (!config_store_has(h->configs, a->name) && standalone_is(h)) /* Java's own words */
        return cv_fail(err, CV_INTERNAL,
                       "Cannot invoke \"java.util.Map.get(Object)\" because \"connProps\" is null");
    if (!config_store_has(h->configs, a->name))
        return cv_fail(err, CV_NOT_FOUND, "Unknown connector: %s", a->name);
    here = herder_runs_connector(h, a->name);
    if (herder_find_owner(h, a->name, GROUP_CONNECTOR, here, a->forward, &here, err) != CV_OK || !here)
        return err->rc;
    herder_stop_connector(h, a->name);
    herder_start_connector(h, a->name);
    return CV_OK;
}

enum cv_rc
herder_connector_restart(struct herder *h, const char *name, struct herder_forward *forward, struct cv_err *err)
{
    struct restart_arg a = { .name = name, .forward = forward };

    return herder_call(h, run_restart, &a, HERDER_REQUEST_TIMEOUT_MS, err);
}

static enum cv_rc
run_task_restart(struct herder *h, void *arg, struct cv_err *err)
{
    struct restart_arg *a = arg;
    struct group_work work = { 0 };
    bool here;

    if (!config_store_has(h->configs, a->name) && standalone_is(h))
        return cv_fail(err, CV_INTERNAL,
                       "Failed to start task %s-%d since it is not a recognizable type (source or sink)", a->name,
                       a->task);
    if (!config_store_has(h->configs, a->name))
        return cv_fail(err, CV_NOT_FOUND, "Unknown connector: %s", a->name);
    if (standalone_is(h) && (a->task < 0 || a->task >= config_store_task_count(h->configs, a->name)))
        return cv_fail(err, CV_NOT_FOUND, "Task %s-%d not found", a->name, a->task);
    if (!config_store_knows_task(h->configs, a->name, a->task))
        return cv_fail(err, CV_NOT_FOUND, "Unknown task: %s-%d", a->name, a->task);
    here = herder_runs_task(h, a->name, a->task);
    if (herder_find_owner(h, a->name, a->task, here, a->forward, &here, err) != CV_OK || !here)
        return err->rc;
    if (!group_work_add(&work, a->name, a->task))
        return cv_fail_memory(err);
    herder_stop_work(h, &work);
    herder_start_task(h, a->name, a->task);
    group_work_done(&work);
    return CV_OK;
}

enum cv_rc
herder_task_restart(struct herder *h, const char *name, int task, struct herder_forward *forward,
                    struct cv_err *err)
{
    struct restart_arg a = { .name = name, .task = task, .forward = forward };

    return herder_call(h, run_task_restart, &a, HERDER_REQUEST_TIMEOUT_MS, err);
}

/* What this worker is about to restart says so before the answer: who asks for the status then does not take the
   old RUNNING for the new one. */
static void
announce(struct herder *h, const struct restart_arg *a)
{
    struct group_work work = { 0 };

    if (herder_restart_units(h, a->name, a->include_tasks, a->only_failed, &work) && work.count > 0) {
        herder_put_restarting(h, &work);
        status_store_flush(h->statuses, ANNOUNCE_MS);
    }
    group_work_done(&work);
}

static enum cv_rc
run_restart_all(struct herder *h, void *arg, struct cv_err *err)
{
    struct restart_arg *a = arg;

    if (!herder_leads(h, a->forward, err))
        return err->rc;
    if (!config_store_has(h->configs, a->name))
        return cv_fail(err, CV_NOT_FOUND, "Unknown connector: %s", a->name);
    if (config_store_put_restart(h->configs, a->name, a->include_tasks, a->only_failed, err) != CV_OK)
        return err->rc;
    announce(h, a);
    return CV_OK;
}

/* The state that the answer shows for what is about to be restarted. */
static void
mark_restarting(struct status *status, bool only_failed)
{
    if (!only_failed || status->state == STATUS_FAILED)
        status->state = STATUS_RESTARTING;
}

enum cv_rc
herder_connector_restart_all(struct herder *h, const char *name, bool include_tasks, bool only_failed,
                             struct herder_forward *forward, struct connector_state_info *ret, struct cv_err *err)
{
    struct restart_arg a = { .name = name, .include_tasks = include_tasks, .only_failed = only_failed,
                          .forward = forward };
    struct connector_state_info info = { 0 };
    struct cv_err why;
    bool known = herder_connector_state(h, name, &info, &why) == CV_OK; /* as it was before */
    enum cv_rc rc = herder_call(h, run_restart_all, &a, HERDER_REQUEST_TIMEOUT_MS, err);

    if (rc == CV_OK && standalone_is(h))
        rc = standalone_wait_restarted(h, name, err);
    if (rc == CV_OK && (forward == NULL || forward->url[0] == '\0') && !known)
        rc = cv_fail(err, CV_NOT_FOUND, "Status for connector %s not found", name);
    if (rc != CV_OK || (forward != NULL && forward->url[0] != '\0')) {
        connector_state_info_done(&info);
        return rc;
    }
    mark_restarting(&info.connector, only_failed);
    for (size_t i = 0; include_tasks && i < info.n_tasks; i++)
        mark_restarting(&info.tasks[i].status, only_failed);
    *ret = info;
    return CV_OK;
}
