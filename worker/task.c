/* SPDX-License-Identifier: Apache-2.0 */
/* A task's life: thread, states, stop and abandon. The loops are in source_task.c and sink_task.c, what is told of
   them in task_metrics.c. */
#include <config.h>

#include "worker/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "worker/task_private.h"

void
task_set_state(struct task *task, enum status_state state, const char *trace)
{
    enum status_state old = (enum status_state)atomic_load(&task->state);

    if (!status_move_is_legal(old, state)) {
        CV_LOG_ERROR(task->log, "a task made a move that is not legal", CV_STR("old", status_name(old)),
                     CV_STR("new", status_name(state)));
        return;
    }
    task_count_time(task);
    atomic_store(&task->state, state);
    if (state == STATUS_FAILED)
        CV_LOG_ERROR(task->log, "task failed", CV_STR("old", status_name(old)), CV_STR("error", trace));
    else
        CV_LOG_INFO(task->log, "task state changed", CV_STR("old", status_name(old)),
                    CV_STR("new", status_name(state)));
    if (!atomic_load(&task->abandoned))
        task->spec.status_changed(task->spec.arg, task->connector, task->spec.id, state, trace,
                                  task->spec.plugin->version);
}

void
task_set_wake(struct task *task, void (*wake_plugin)(struct task *task), void *plugin_task)
{
    cv_lock(&task->lock);
    task->wake_plugin = wake_plugin;
    task->plugin_task = plugin_task;
    cv_unlock(&task->lock);
}

bool
task_stopping(const struct task *task)
{
    return atomic_load_explicit(&task->stop, memory_order_relaxed);
}

bool
task_paused(const struct task *task)
{
    return atomic_load_explicit(&task->target, memory_order_relaxed) != TARGET_STARTED;
}

void
task_interrupt(struct task *task)
{
    cv_wake_signal(&task->wake);
    cv_lock(&task->lock);
    if (task->wake_plugin != NULL)
        task->wake_plugin(task);
    cv_unlock(&task->lock);
}

static void
task_free(struct task *task)
{
    if (task == NULL)
        return;
    task_counters_done(task);
    cv_config_free(task->connector_config);
    cv_config_free(task->task_config);
    cv_log_child_free(task->log);
    cv_wake_done(&task->wake);
    cv_lock_done(&task->lock);
    free(task->connector);
    free(task);
}

static void
run(void *arg)
{
    struct task *task = arg;
    struct cv_err err = CV_ERR_INIT;
    enum cv_rc rc;

    rc = task->spec.plugin->kind == CV_SOURCE ? source_task_run(task, &err) : sink_task_run(task, &err);
    if (rc == CV_OK)
        task_set_state(task, STATUS_UNASSIGNED, NULL);
    else
        task_set_state(task, STATUS_FAILED, err.text);
    task_refuse_calls(task, rc == CV_OK ? "was stopped" : "has failed", true);
    if (atomic_exchange(&task->released, true))
        task_free(task); /* abandoned before it ended */
}

enum cv_rc
task_start(const struct task_spec *spec, struct task **ret, struct cv_err *err)
{
    struct task *task = calloc(1, sizeof(*task));
    struct cv_log_field fields[2];
    char name[32];

    if (task == NULL)
        return cv_fail_memory(err);
    cv_lock_init(&task->lock, CV_RANK_TASK);
    task->wake.fd = -1;
    task->spec = *spec;
    task->connector = strdup(spec->connector);
    task->connector_config = cv_config_copy(spec->connector_config);
    task->task_config = cv_config_copy(spec->task_config);
    if (task->connector == NULL || task->connector_config == NULL || task->task_config == NULL) {
        task_free(task);
        return cv_fail_memory(err);
    }
    task->spec.connector = task->connector;
    fields[0] = CV_STR("connector", task->connector);
    fields[1] = CV_INT("task", spec->id);
    task->log = cv_log_child(cv_log_get("culvert.worker.task"), fields, 2);
    tolerance_init(&task->tolerance, &(struct tolerance_spec){ .connector = task->connector, .task = spec->id,
                                                               .config = task->connector_config, .log = task->log,
                                                               .wake = &task->wake, .stop = &task->stop });
    atomic_init(&task->state, STATUS_UNASSIGNED);
    atomic_init(&task->counters.state_since_ms, cv_mono_ms());
    atomic_init(&task->target, spec->target);
    snprintf(name, sizeof(name), "t%d:%.11s", spec->id, spec->connector);
    if (task->log == NULL || task_counters_init(task, err) != CV_OK || cv_wake_init(&task->wake, err) != CV_OK ||
        cv_thread_start(name, run, task, &task->thread, err) != CV_OK) {
        if (task->log == NULL)
            cv_fail_memory(err);
        task_free(task);
        return err->rc;
    }
    *ret = task;
    return CV_OK;
}

void
task_target_set(struct task *task, enum target_state target)
{
    atomic_store(&task->target, target);
    task_interrupt(task);
}

void
task_stop(struct task *task)
{
    atomic_store(&task->stop, true);
    task_interrupt(task);
}

bool
task_join(struct task *task, int64_t deadline_ms)
{
    if (!cv_thread_join(task->thread, deadline_ms))
        return false;
    task_free(task);
    return true;
}

void
task_abandon(struct task *task)
{
    CV_LOG_WARN(task->log, "task did not stop in time and is abandoned");
    atomic_store(&task->abandoned, true);
    cv_thread_abandon(task->thread);
    if (atomic_exchange(&task->released, true))
        task_free(task); /* it ended meanwhile */
}

enum status_state
task_state(const struct task *task)
{
    return (enum status_state)atomic_load(&task->state);
}
