/* SPDX-License-Identifier: Apache-2.0 */
/* A task's life: thread, states, stop and abandon. The loops are in source_task.c and sink_task.c. */
#include <config.h>

#include "worker/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/metrics.h"
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

/* Wake the loop and whatever its plugin waits for. */
static void
interrupt(struct task *task)
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
    atomic_init(&task->target, spec->target);
    snprintf(name, sizeof(name), "t%d:%.11s", spec->id, spec->connector);
    if (task->log == NULL || cv_wake_init(&task->wake, err) != CV_OK ||
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
    interrupt(task);
}

void
task_stop(struct task *task)
{
    atomic_store(&task->stop, true);
    interrupt(task);
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

/* ---- metrics ---- */

#define TASK_METRIC(kind, plain, confluent, text)                                                          \
    { .type = kind, .names = { "kafka_connect_" plain, "kafka_connect_" confluent, NULL }, .help = text }

enum {
    METRIC_STATUS,
    METRIC_BATCH_MAX,
    METRIC_BATCH_AVG,
    METRIC_COMMIT_MAX,
    METRIC_COMMIT_AVG,
    METRIC_COMMIT_SUCCESS,
    METRIC_SOURCE_POLLED,
    METRIC_SOURCE_WRITTEN,
    METRIC_SOURCE_ACTIVE,
    METRIC_SOURCE_POLL_AVG,
    METRIC_SINK_READ,
    METRIC_SINK_SENT,
    METRIC_SINK_PUT_AVG,
    METRIC_ERRORS,
    METRIC_SKIPPED,
};

static const struct cv_metric metrics[] = {
    [METRIC_STATUS] = TASK_METRIC(CV_GAUGE, "connector_task_status", "connector_task_metrics_status_info",
                                  "1 for the state that the task is in."),
    [METRIC_BATCH_MAX] = TASK_METRIC(CV_GAUGE, "connector_task_batch_size_max",
                                     "connector_task_metrics_batch_size_max", "Largest batch in records."),
    [METRIC_BATCH_AVG] = TASK_METRIC(CV_GAUGE, "connector_task_batch_size_avg",
                                     "connector_task_metrics_batch_size_avg", "Mean batch in records."),
    [METRIC_COMMIT_MAX] = TASK_METRIC(CV_GAUGE, "connector_task_offset_commit_max_time_ms",
                                      "connector_task_metrics_offset_commit_max_time_ms",
                                      "Longest offset commit in ms."),
    [METRIC_COMMIT_AVG] = TASK_METRIC(CV_GAUGE, "connector_task_offset_commit_avg_time_ms",
                                      "connector_task_metrics_offset_commit_avg_time_ms",
                                      "Mean offset commit in ms."),
    [METRIC_COMMIT_SUCCESS] = TASK_METRIC(CV_GAUGE, "connector_task_offset_commit_success_percentage",
                                          "connector_task_metrics_offset_commit_success_percentage",
                                          "Fraction of offset commits that succeeded."),
    [METRIC_SOURCE_POLLED] = TASK_METRIC(CV_COUNTER, "source_task_source_record_poll_total",
                                         "source_task_metrics_source_record_poll_total",
                                         "Records that the source gave."),
    [METRIC_SOURCE_WRITTEN] = TASK_METRIC(CV_COUNTER, "source_task_source_record_write_total",
                                          "source_task_metrics_source_record_write_total",
                                          "Records that are in Kafka."),
    [METRIC_SOURCE_ACTIVE] = TASK_METRIC(CV_GAUGE, "source_task_source_record_active_count",
                                         "source_task_metrics_source_record_active_count",
                                         "Records given by the source and not yet in Kafka."),
    [METRIC_SOURCE_POLL_AVG] = TASK_METRIC(CV_GAUGE, "source_task_poll_batch_avg_time_ms",
                                           "source_task_metrics_poll_batch_avg_time_ms",
                                           "Mean time of a poll that gave records in ms."),
    [METRIC_SINK_READ] = TASK_METRIC(CV_COUNTER, "sink_task_sink_record_read_total",
                                     "sink_task_metrics_sink_record_read_total", "Records read from Kafka."),
    [METRIC_SINK_SENT] = TASK_METRIC(CV_COUNTER, "sink_task_sink_record_send_total",
                                     "sink_task_metrics_sink_record_send_total", "Records given to the sink."),
    [METRIC_SINK_PUT_AVG] = TASK_METRIC(CV_GAUGE, "sink_task_put_batch_avg_time_ms",
                                        "sink_task_metrics_put_batch_avg_time_ms", "Mean time of a put in ms."),
    [METRIC_ERRORS] = TASK_METRIC(CV_COUNTER, "task_error_total_record_failures",
                                  "task_error_metrics_total_record_failures", "Records that failed."),
    [METRIC_SKIPPED] = TASK_METRIC(CV_COUNTER, "task_error_total_records_skipped",
                                   "task_error_metrics_total_records_skipped",
                                   "Failed records that were skipped."),
};

static double
count_of(const atomic_uint_fast64_t *counter)
{
    return (double)atomic_load_explicit(counter, memory_order_relaxed);
}

static double
mean_ms(const struct cv_histogram *h)
{
    uint64_t n = cv_histogram_count(h);

    return n == 0 ? 0.0 : (double)cv_histogram_sum(h) / (double)n / 1000.0;
}

static void
plugin_metrics(const struct task *task, const struct cv_label *labels, struct cv_metrics_sink *sink)
{
    const struct cv_plugin *plugin = task->spec.plugin;

    for (size_t i = 0; i < plugin->n_metrics && i < TASK_PLUGIN_METRICS; i++)
        cv_metrics_add(sink, &plugin->metrics[i], labels, 2,
                       atomic_load_explicit(&task->counters.plugin[i], memory_order_relaxed));
}

static void
source_metrics(const struct task_counters *c, const struct cv_label *labels, struct cv_metrics_sink *sink)
{
    cv_metrics_add(sink, &metrics[METRIC_SOURCE_POLLED], labels, 2, count_of(&c->records_polled));
    cv_metrics_add(sink, &metrics[METRIC_SOURCE_WRITTEN], labels, 2, count_of(&c->records_sent));
    cv_metrics_add(sink, &metrics[METRIC_SOURCE_ACTIVE], labels, 2, count_of(&c->records_active));
    cv_metrics_add(sink, &metrics[METRIC_SOURCE_POLL_AVG], labels, 2, mean_ms(&c->poll_us));
}

static void
sink_metrics(const struct task_counters *c, const struct cv_label *labels, struct cv_metrics_sink *sink)
{
    cv_metrics_add(sink, &metrics[METRIC_SINK_READ], labels, 2, count_of(&c->records_polled));
    cv_metrics_add(sink, &metrics[METRIC_SINK_SENT], labels, 2, count_of(&c->records_sent));
    cv_metrics_add(sink, &metrics[METRIC_SINK_PUT_AVG], labels, 2, mean_ms(&c->poll_us));
}

void
task_metrics(const struct task *task, struct cv_metrics_sink *sink)
{
    const struct task_counters *c = &task->counters;
    char id[12], state[16];
    double ok = count_of(&c->commits_ok), failed = count_of(&c->commits_failed);
    double batches = count_of(&c->batches);

    snprintf(id, sizeof(id), "%d", task->spec.id);
    snprintf(state, sizeof(state), "%s", status_name(task_state(task)));
    for (char *p = state; *p != '\0'; p++)
        *p = (char)(*p | 0x20);
    const struct cv_label labels[] = { { "connector", task->connector }, { "task", id }, { "status", state } };

    cv_metrics_add(sink, &metrics[METRIC_STATUS], labels, 3, 1.0);
    cv_metrics_add(sink, &metrics[METRIC_BATCH_MAX], labels, 2, count_of(&c->batch_max));
    cv_metrics_add(sink, &metrics[METRIC_BATCH_AVG], labels, 2,
                   batches > 0 ? count_of(&c->records_polled) / batches : 0.0);
    cv_metrics_add(sink, &metrics[METRIC_COMMIT_MAX], labels, 2, (double)cv_histogram_max(&c->commit_us) / 1000.0);
    cv_metrics_add(sink, &metrics[METRIC_COMMIT_AVG], labels, 2, mean_ms(&c->commit_us));
    cv_metrics_add(sink, &metrics[METRIC_COMMIT_SUCCESS], labels, 2, ok + failed > 0 ? ok / (ok + failed) : 0.0);
    if (task->spec.plugin->kind == CV_SOURCE)
        source_metrics(c, labels, sink);
    else
        sink_metrics(c, labels, sink);
    cv_metrics_add(sink, &metrics[METRIC_ERRORS], labels, 2, count_of(&task->tolerance.failures));
    cv_metrics_add(sink, &metrics[METRIC_SKIPPED], labels, 2, count_of(&task->tolerance.skipped));
    plugin_metrics(task, labels, sink);
}
