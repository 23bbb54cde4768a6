/* SPDX-License-Identifier: Apache-2.0 */
/* What a task counts of itself; task_metrics.c tells it. */
#include <config.h>

#include "common/clock.h"
#include "worker/task_private.h"
#include "worker/worker_config.h"

enum cv_rc
task_counters_init(struct task *task, struct cv_err *err)
{
    const struct worker_config *worker = task->spec.worker_config;
    const struct cv_window_spec spec = { .sample_ms = worker->metrics_window_ms,
                                         .n_samples = (unsigned)worker->metrics_samples };
    enum cv_rc rc = CV_OK;

    task->counters.client.lag_max = -1;
    for (size_t i = 0; rc == CV_OK && i < TASK_WINDOWS; i++)
        rc = cv_window_init(&task->counters.windows[i], &spec, err);
    return rc;
}

void
task_counters_done(struct task *task)
{
    for (size_t i = 0; i < TASK_WINDOWS; i++)
        cv_window_done(&task->counters.windows[i]);
}

void
task_record(struct task *task, enum task_window window, double value)
{
    cv_window_record(&task->counters.windows[window], value);
}

void
task_count_commit(struct task *task, int64_t started_us, bool ok)
{
    task_record(task, WINDOW_COMMIT_MS, (double)(cv_mono_us() - started_us) / 1000.0);
    task_record(task, WINDOW_COMMIT_OK, ok ? 1 : 0);
    atomic_fetch_add_explicit(ok ? &task->counters.commits_ok : &task->counters.commits_failed, 1,
                              memory_order_relaxed);
}
