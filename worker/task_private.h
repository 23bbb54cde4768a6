/* SPDX-License-Identifier: Apache-2.0 */
/* What task.c, source_task.c and sink_task.c share: the task object and its counters. */
#ifndef WORKER_TASK_PRIVATE_H
#define WORKER_TASK_PRIVATE_H

#include <stdatomic.h>

#include "common/kafka/client.h"
#include "common/thread.h"
#include "common/window.h"
#include "worker/pipeline.h"
#include "worker/task.h"
#include "worker/task_call.h"
#include "worker/tolerance.h"

#define TASK_PLUGIN_METRICS 64

/* What a task's rates, averages and extremes are of. */
enum task_window {
    WINDOW_POLLED,      /* records of a poll; sinks: read */
    WINDOW_SENT,        /* records written to Kafka; sinks: put */
    WINDOW_ACTIVE,      /* records_active, at each change */
    WINDOW_BATCH,       /* records of a batch */
    WINDOW_POLL_MS,     /* of non-empty polls; sinks: of put */
    WINDOW_COMMIT_MS,
    WINDOW_COMMIT_OK,   /* 1 or 0 */
    WINDOW_COMMIT_SKIP, /* sinks: commits_skipped */
    WINDOW_TRANSACTION, /* records of a transaction */
    TASK_WINDOWS
};

/* Written by the task's thread, read by scrapes; relaxed. */
struct task_counters {
    atomic_uint_fast64_t records_polled; /* sinks: read */
    atomic_uint_fast64_t records_sent;   /* written to Kafka; sinks: put */
    atomic_uint_fast64_t records_active; /* polled, not yet delivered; sinks: read, not yet committed */
    atomic_uint_fast64_t partitions; /* sinks */
    atomic_uint_fast64_t commit_number; /* sinks: of the last commit */
    atomic_uint_fast64_t commits_skipped; /* sinks: answers that came too late to count */
    atomic_uint_fast64_t commits_ok;
    atomic_uint_fast64_t commits_failed;
    struct cv_window windows[TASK_WINDOWS];
    struct cv_kafka_stats client; /* of the source's producer, or the sink's consumer */
    _Atomic double plugin[TASK_PLUGIN_METRICS];
    _Atomic int64_t state_since_ms;
    _Atomic int64_t running_ms, paused_ms, other_ms; /* in states before this one */
};

struct cv_hash;

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

    struct cv_lock lock; /* of what follows */
    void (*wake_plugin)(struct task *task); /* NULL while the plugin's task does not exist */
    void *plugin_task;
    struct task_call *calls; /* that wait for an answer, in order */
    bool calls_closed;       /* the thread answers no more */
    struct cv_hash *parts;   /* struct task_part, of metrics by part; NULL: there are none */
};

/* Move to a state: logged, counted, told. trace NULL: none. Task's thread. */
void task_set_state(struct task *task, enum status_state state, const char *trace);
/* Say how the plugin's poll can be interrupted; NULL: no longer. */
void task_set_wake(struct task *task, void (*wake_plugin)(struct task *task), void *plugin_task);
/* Wake the loop and whatever its plugin waits for. Any thread. */
void task_interrupt(struct task *task);
/* task_call.c: answer what was asked meanwhile, or refuse it ("Task NAME-0 <why>"); close: for good. The task's
   thread. */
void task_answer_calls(struct task *task, struct cv_source_task *source);
void task_refuse_calls(struct task *task, const char *why, bool close);
/* The windows of its counters. */
CV_MUST_CHECK enum cv_rc task_counters_init(struct task *task, struct cv_err *err);
void task_counters_done(struct task *task);
/* The value of a plugin's metric for a part; the task's thread. Without memory there is none. */
void task_metric_part(struct task *task, int row, const char *part, double value);
struct task_part {
    int row;
    double value;
    char name[];
};
/* A value for a window; the task's thread. */
void task_record(struct task *task, enum task_window window, double value);
/* A commit of offsets that took its time; failed ones too. */
void task_count_commit(struct task *task, int64_t started_us, bool ok);
/* Add the time in the state that it leaves to the counters. */
void task_count_time(struct task *task);
bool task_stopping(const struct task *task);
bool task_paused(const struct task *task);

/* The loops; they set RUNNING and PAUSED, and return CV_OK when asked to stop. */
enum cv_rc source_task_run(struct task *task, struct cv_err *err);
enum cv_rc sink_task_run(struct task *task, struct cv_err *err);

#endif
