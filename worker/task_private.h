/* SPDX-License-Identifier: Apache-2.0 */
/* What task.c, source_task.c and sink_task.c share: the task object and its counters. */
#ifndef WORKER_TASK_PRIVATE_H
#define WORKER_TASK_PRIVATE_H

#include <stdatomic.h>

#include "common/histogram.h"
#include "common/thread.h"
#include "worker/pipeline.h"
#include "worker/task.h"
#include "worker/tolerance.h"

#define TASK_PLUGIN_METRICS 32

/* Written by the task's thread, read by scrapes; relaxed. */
struct task_counters {
    atomic_uint_fast64_t records_polled; /* sinks: read */
    atomic_uint_fast64_t records_sent;   /* written to Kafka; sinks: put */
    atomic_uint_fast64_t records_active; /* polled, not yet delivered; sinks: read, not yet committed */
    atomic_uint_fast64_t active_max;
    atomic_uint_fast64_t active_sum; /* sources: of records_active behind each batch */
    atomic_uint_fast64_t partitions; /* sinks */
    atomic_uint_fast64_t commit_number; /* sinks: of the last commit */
    atomic_uint_fast64_t commits_skipped; /* sinks: answers that came too late to count */
    atomic_uint_fast64_t batch_max;
    atomic_uint_fast64_t batches;
    atomic_uint_fast64_t commits_ok;
    atomic_uint_fast64_t commits_failed;
    struct cv_histogram poll_us; /* of non-empty polls; sinks: of put */
    struct cv_histogram commit_us;
    struct cv_histogram transaction_size; /* in records */
    atomic_uint_fast64_t transaction_min;
    _Atomic double plugin[TASK_PLUGIN_METRICS];
    _Atomic int64_t state_since_ms;
    _Atomic int64_t running_ms, paused_ms, other_ms; /* in states before this one */
};

struct task {
    struct task_spec spec;
    char *connector; /* spec.connector, owned */
    struct cv_config *connector_config;
    struct cv_config *task_config;
    struct cv_log *log;
    struct cv_thread *thread;
    struct tolerance tolerance;
    struct task_counters counters;

    atomic_bool stop;
    atomic_bool abandoned; /* tells no more statuses */
    atomic_bool released;  /* by the thread or by who abandoned it: the second frees */
    atomic_int target; /* enum target_state */
    atomic_int state;  /* enum status_state */
    struct cv_wake wake; /* the loop's, signalled by stop and target changes */

    struct cv_lock lock; /* of wake_plugin */
    void (*wake_plugin)(struct task *task); /* NULL while the plugin's task does not exist */
    void *plugin_task;
};

/* Move to a state: logged, counted, told. trace NULL: none. Task's thread. */
void task_set_state(struct task *task, enum status_state state, const char *trace);
/* Say how the plugin's poll can be interrupted; NULL: no longer. */
void task_set_wake(struct task *task, void (*wake_plugin)(struct task *task), void *plugin_task);
/* Add the time in the state that it leaves to the counters. */
void task_count_time(struct task *task);
bool task_stopping(const struct task *task);
bool task_paused(const struct task *task);

/* The loops; they set RUNNING and PAUSED, and return CV_OK when asked to stop. */
enum cv_rc source_task_run(struct task *task, struct cv_err *err);
enum cv_rc sink_task_run(struct task *task, struct cv_err *err);

#endif
