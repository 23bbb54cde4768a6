/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A task: its thread, its target state, its status. The herder thread makes tasks, sets their target and
 * stops them; the task's thread runs source_task.c or sink_task.c; nothing here blocks the herder but
 * task_join, which has a deadline.
 */
#ifndef WORKER_TASK_H
#define WORKER_TASK_H

#include <stdatomic.h>

#include <culvert/plugin.h>

#include "worker/status.h"

struct cv_admin;
struct cv_metrics_sink;
struct offset_store;
struct plugins;
struct task;
struct worker_config;

/* Called on the task's thread for every change of state, in order. */
typedef void task_status_changed(void *arg, const char *connector, int task, enum status_state state,
                                 const char *trace, const char *version);
/* A task touched a topic that it had not touched before (topic tracking). Task's thread. */
typedef void task_topic_used(void *arg, const char *connector, int task, const char *topic);

/* For exactly once, on the task's thread. Older tasks' producers lose their right to write; CV_RETRY, CV_CONFLICT: not
   now. Then: whether the task's configuration is still the committed one. */
typedef enum cv_rc task_fence(void *arg, const char *connector, struct cv_err *err);
typedef enum cv_rc task_check_generation(void *arg, const char *connector, int generation, struct cv_err *err);

struct task_spec {
    const char *connector;
    int id;
    const struct cv_plugin *plugin;          /* source or sink */
    const struct cv_config *connector_config; /* references resolved; copied */
    const struct cv_config *task_config;      /* references resolved; copied */
    enum target_state target;

    /* What a task borrows from the worker; all outlive the task. */
    const struct worker_config *worker_config; /* parsed worker options */
    const struct cv_config *worker_raw;        /* every worker key, for producer., consumer., admin. */
    const struct plugins *plugins;
    struct offset_store *offsets;
    struct cv_admin *admin;
    task_status_changed *status_changed;
    task_topic_used *topic_used;
    const atomic_uint *topic_resets; /* grows when topics are forgotten: they are told again then */
    task_fence *fence;
    task_check_generation *check_generation;
    int generation; /* of the task configs that it was started with */
    void *arg;
};

/* Start the task's thread; what goes wrong in it is a status FAILED, not a failure here. */
CV_MUST_CHECK enum cv_rc task_start(const struct task_spec *spec, struct task **ret, struct cv_err *err);
/* STARTED or PAUSED; takes effect soon. */
void task_target_set(struct task *task, enum target_state target);
/* Ask the task to stop. Then join; false: not within the deadline (monotonic ms). */
void task_stop(struct task *task);
bool task_join(struct task *task, int64_t deadline_ms);
/* After a failed join: forget the task. It writes no more statuses and frees itself when it ends. */
void task_abandon(struct task *task);

enum status_state task_state(const struct task *task); /* any thread */
/* Samples of connector-task-metrics, source-task-metrics, sink-task-metrics, task-error-metrics and the
   plugin's own; any thread. */
void task_metrics(const struct task *task, struct cv_metrics_sink *sink);

#endif
