/* SPDX-License-Identifier: Apache-2.0 */
/* What a task counts of itself; task_metrics.c tells it. */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/map.h"
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
    cv_hash_free(task->parts);
}

static struct task_part *
find_part(struct cv_hash *parts, int row, const char *name)
{
    size_t len = strlen(name) + 1;
    struct task_part *part;
    char key[300];

    snprintf(key, sizeof(key), "%d %s", row, name);
    part = cv_hash_get(parts, key);
    if (part != NULL)
        return part;
    part = calloc(1, sizeof(*part) + len);
    if (part == NULL)
        return NULL;
    part->row = row;
    memcpy(part->name, name, len);
    if (cv_hash_put(parts, key, part))
        return part;
    free(part);
    return NULL;
}

void
task_metric_part(struct task *task, int row, const char *name, double value)
{
    struct task_part *part = NULL;

    cv_lock(&task->lock);
    if (task->parts == NULL)
        task->parts = cv_hash_new(free);
    if (task->parts != NULL)
        part = find_part(task->parts, row, name);
    if (part != NULL)
        part->value = value;
    cv_unlock(&task->lock);
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
