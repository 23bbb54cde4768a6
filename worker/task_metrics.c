/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a task tells of itself: connector-task-metrics, source-task-metrics, sink-task-metrics, task-error-metrics and
 * the plugin's own, from one table. Any thread; the counters are relaxed atomics.
 *
 * Rates are left to who reads them (rate() of the totals); averages, maxima and ratios are those of the task's life.
 *
 * Source: org.apache.kafka.connect.runtime.ConnectMetricsRegistry.
 */
#include <config.h>

#include <stdio.h>

#include "common/clock.h"
#include "common/metrics.h"
#include "worker/task_private.h"

static double
count_of(const atomic_uint_fast64_t *counter)
{
    return (double)atomic_load_explicit(counter, memory_order_relaxed);
}

static double
mean_of(const struct cv_histogram *h)
{
    uint64_t n = cv_histogram_count(h);

    return n == 0 ? 0.0 : (double)cv_histogram_sum(h) / (double)n;
}

/* ---- time in states ---- */

static _Atomic int64_t *
time_of(struct task_counters *c, enum status_state state)
{
    return state == STATUS_RUNNING ? &c->running_ms : state == STATUS_PAUSED ? &c->paused_ms : &c->other_ms;
}

void
task_count_time(struct task *task)
{
    struct task_counters *c = &task->counters;
    int64_t now = cv_mono_ms(), since = atomic_exchange_explicit(&c->state_since_ms, now, memory_order_relaxed);

    atomic_fetch_add_explicit(time_of(c, task_state(task)), now - since, memory_order_relaxed);
}

/* The share of its life that the task spent in a state, this one too. */
static double
share_of(const struct task *task, enum status_state state)
{
    const struct task_counters *c = &task->counters;
    double current = (double)(cv_mono_ms() - atomic_load_explicit(&c->state_since_ms, memory_order_relaxed));
    double running = (double)atomic_load_explicit(&c->running_ms, memory_order_relaxed);
    double paused = (double)atomic_load_explicit(&c->paused_ms, memory_order_relaxed);
    double all = running + paused + (double)atomic_load_explicit(&c->other_ms, memory_order_relaxed) + current;
    double part = (state == STATUS_RUNNING ? running : paused) + (task_state(task) == state ? current : 0.0);

    return all > 0 ? part / all : 0.0;
}

/* ---- values ---- */

#define VALUE(name, expression)                                                                                        \
    static double name(const struct task *task)                                                                       \
    {                                                                                                                  \
        const struct task_counters *c = &task->counters;                                                              \
        const struct tolerance *t = &task->tolerance;                                                                 \
                                                                                                                       \
        (void)c;                                                                                                       \
        (void)t;                                                                                                       \
        return expression;                                                                                             \
    }

static double
share(double part, double rest)
{
    return part + rest > 0 ? part / (part + rest) : 0.0;
}

VALUE(running, share_of(task, STATUS_RUNNING))
VALUE(paused, share_of(task, STATUS_PAUSED))
VALUE(batch_max, count_of(&c->batch_max))
VALUE(batch_avg, count_of(&c->batches) > 0 ? count_of(&c->records_polled) / count_of(&c->batches) : 0.0)
VALUE(commit_max, (double)cv_histogram_max(&c->commit_us) / 1000.0)
VALUE(commit_avg, mean_of(&c->commit_us) / 1000.0)
VALUE(commits_ok, share(count_of(&c->commits_ok), count_of(&c->commits_failed)))
VALUE(commits_failed, share(count_of(&c->commits_failed), count_of(&c->commits_ok)))
VALUE(polled, count_of(&c->records_polled))
VALUE(sent, count_of(&c->records_sent))
VALUE(active, count_of(&c->records_active))
VALUE(active_max, count_of(&c->active_max))
VALUE(active_avg, count_of(&c->batches) > 0 ? count_of(&c->active_sum) / count_of(&c->batches) : 0.0)
VALUE(poll_max, (double)cv_histogram_max(&c->poll_us) / 1000.0)
VALUE(poll_avg, mean_of(&c->poll_us) / 1000.0)
VALUE(transaction_min, count_of(&c->transaction_min))
VALUE(transaction_max, (double)cv_histogram_max(&c->transaction_size))
VALUE(transaction_avg, mean_of(&c->transaction_size))
VALUE(partitions, count_of(&c->partitions))
VALUE(commit_number, count_of(&c->commit_number))
VALUE(commits_done, count_of(&c->commits_ok))
VALUE(commits_skipped, count_of(&c->commits_skipped))
VALUE(failures, count_of(&t->failures))
VALUE(errors, count_of(&t->errors))
VALUE(skipped, count_of(&t->skipped))
VALUE(retries, count_of(&t->retries))
VALUE(logged, count_of(&t->logged))
VALUE(dead_letters, count_of(&t->dead_letters))
VALUE(dead_letter_failures, count_of(&t->dead_letter_failures))
VALUE(last_error, (double)atomic_load_explicit(&t->last_error_ms, memory_order_relaxed))

/* ---- the table ---- */

enum of { OF_ALL, OF_SOURCE, OF_EXACTLY_ONCE, OF_SINK };

struct row {
    struct cv_metric metric;
    enum of of;
    double (*value)(const struct task *task);
};

#define ROW(kind, of, mbean, name, value, text)                                                                       \
    {                                                                                                                  \
        { .type = kind, .names = { "kafka_connect_" mbean "_" name, "kafka_connect_" mbean "_metrics_" name, NULL },  \
          .help = text },                                                                                              \
        of, value                                                                                                      \
    }
#define TASK(kind, name, value, text)   ROW(kind, OF_ALL, "connector_task", name, value, text)
#define SOURCE(kind, name, value, text) ROW(kind, OF_SOURCE, "source_task", name, value, text)
#define TXN(kind, name, value, text)    ROW(kind, OF_EXACTLY_ONCE, "source_task", name, value, text)
#define SINK(kind, name, value, text)   ROW(kind, OF_SINK, "sink_task", name, value, text)
#define ERRORS(kind, name, value, text) ROW(kind, OF_ALL, "task_error", name, value, text)

static const struct cv_metric status_metric = {
    .type = CV_GAUGE,
    .names = { "kafka_connect_connector_task_status", "kafka_connect_connector_task_metrics_status_info", NULL },
    .help = "1 for the state that the task is in.",
};

static const struct row rows[] = {
    TASK(CV_GAUGE, "running_ratio", running, "Share of its life that the task was running."),
    TASK(CV_GAUGE, "pause_ratio", paused, "Share of its life that the task was paused."),
    TASK(CV_GAUGE, "batch_size_max", batch_max, "Largest batch in records."),
    TASK(CV_GAUGE, "batch_size_avg", batch_avg, "Mean batch in records."),
    TASK(CV_GAUGE, "offset_commit_max_time_ms", commit_max, "Longest offset commit in ms."),
    TASK(CV_GAUGE, "offset_commit_avg_time_ms", commit_avg, "Mean offset commit in ms."),
    TASK(CV_GAUGE, "offset_commit_success_percentage", commits_ok, "Fraction of offset commits that succeeded."),
    TASK(CV_GAUGE, "offset_commit_failure_percentage", commits_failed, "Fraction of offset commits that failed."),
    SOURCE(CV_COUNTER, "source_record_poll_total", polled, "Records that the source gave."),
    SOURCE(CV_COUNTER, "source_record_write_total", sent, "Records that are in Kafka."),
    SOURCE(CV_GAUGE, "source_record_active_count", active, "Records given by the source and not yet in Kafka."),
    SOURCE(CV_GAUGE, "source_record_active_count_max", active_max, "Most records given and not yet in Kafka."),
    SOURCE(CV_GAUGE, "source_record_active_count_avg", active_avg, "Mean of records given and not yet in Kafka."),
    SOURCE(CV_GAUGE, "poll_batch_max_time_ms", poll_max, "Longest poll that gave records in ms."),
    SOURCE(CV_GAUGE, "poll_batch_avg_time_ms", poll_avg, "Mean time of a poll that gave records in ms."),
    TXN(CV_GAUGE, "transaction_size_min", transaction_min, "Smallest transaction in records."),
    TXN(CV_GAUGE, "transaction_size_max", transaction_max, "Largest transaction in records."),
    TXN(CV_GAUGE, "transaction_size_avg", transaction_avg, "Mean transaction in records."),
    SINK(CV_COUNTER, "sink_record_read_total", polled, "Records read from Kafka."),
    SINK(CV_COUNTER, "sink_record_send_total", sent, "Records given to the sink."),
    SINK(CV_GAUGE, "sink_record_active_count", active, "Records read from Kafka and not yet committed."),
    SINK(CV_GAUGE, "sink_record_active_count_max", active_max, "Most records read from Kafka and not yet committed."),
    SINK(CV_GAUGE, "partition_count", partitions, "Partitions that the consumer group gave to the task."),
    SINK(CV_GAUGE, "offset_commit_seq_no", commit_number, "Number of the last offset commit."),
    SINK(CV_COUNTER, "offset_commit_completion_total", commits_done, "Offset commits that succeeded."),
    SINK(CV_COUNTER, "offset_commit_skip_total", commits_skipped, "Offset commits that were answered too late."),
    SINK(CV_GAUGE, "put_batch_max_time_ms", poll_max, "Longest put in ms."),
    SINK(CV_GAUGE, "put_batch_avg_time_ms", poll_avg, "Mean time of a put in ms."),
    ERRORS(CV_COUNTER, "total_record_failures", failures, "Attempts at a record that failed."),
    ERRORS(CV_COUNTER, "total_record_errors", errors, "Records that were given up."),
    ERRORS(CV_COUNTER, "total_records_skipped", skipped, "Failed records that were skipped."),
    ERRORS(CV_COUNTER, "total_retries", retries, "Operations that were tried again."),
    ERRORS(CV_COUNTER, "total_errors_logged", logged, "Failed records that were logged."),
    ERRORS(CV_COUNTER, "deadletterqueue_produce_requests", dead_letters, "Records for the dead letter queue."),
    ERRORS(CV_COUNTER, "deadletterqueue_produce_failures", dead_letter_failures,
           "Records that the dead letter queue did not take."),
    ERRORS(CV_GAUGE, "last_error_timestamp", last_error, "When a record last failed, in ms since 1970; 0: never."),
};

static bool
has_row(const struct task *task, enum of of)
{
    bool source = task->spec.plugin->kind == CV_SOURCE;

    switch (of) {
    case OF_SOURCE:
        return source;
    case OF_EXACTLY_ONCE:
        return source && cv_histogram_count(&task->counters.transaction_size) > 0;
    case OF_SINK:
        return !source;
    case OF_ALL:
        break;
    }
    return true;
}

void
task_metrics(const struct task *task, struct cv_metrics_sink *sink)
{
    const struct cv_plugin *plugin = task->spec.plugin;
    char id[12], state[16];

    snprintf(id, sizeof(id), "%d", task->spec.id);
    snprintf(state, sizeof(state), "%s", status_name(task_state(task)));
    for (char *p = state; *p != '\0'; p++)
        *p = (char)(*p | 0x20);
    const struct cv_label labels[] = { { "connector", task->connector }, { "task", id }, { "status", state } };

    cv_metrics_add(sink, &status_metric, labels, 3, 1.0);
    for (size_t i = 0; i < CV_COUNT(rows); i++)
        if (has_row(task, rows[i].of))
            cv_metrics_add(sink, &rows[i].metric, labels, 2, rows[i].value(task));
    for (size_t i = 0; i < plugin->n_metrics && i < TASK_PLUGIN_METRICS; i++)
        cv_metrics_add(sink, &plugin->metrics[i], labels, 2,
                       atomic_load_explicit(&task->counters.plugin[i], memory_order_relaxed));
}
