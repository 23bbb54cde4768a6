/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a task tells of itself: connector-task-metrics, source-task-metrics, sink-task-metrics, task-error-metrics and
 * the plugin's own. Any thread; the counters are relaxed atomics. Rates, averages and extremes are those of the last
 * metrics.num.samples times metrics.sample.window.ms, ratios of the task's life.
 */
#include <config.h>

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/map.h"
#include "common/metrics.h"
#include "worker/clients.h"
#include "worker/metric_rows.h"
#include "worker/task_private.h"
#include "worker/worker_config.h"

static double
count_of(const atomic_uint_fast64_t *counter)
{
    return (double)atomic_load_explicit(counter, memory_order_relaxed);
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
or_zero(double value)
{
    return isnan(value) ? 0 : value;
}

static double
in_client(const _Atomic int64_t *value)
{
    return (double)atomic_load_explicit(value, memory_order_relaxed);
}

static double
unless_negative(double value)
{
    return value < 0 ? NAN : value;
}

#define WINDOW(name) (&c->windows[WINDOW_##name])

VALUE(running, share_of(task, STATUS_RUNNING))
VALUE(paused, share_of(task, STATUS_PAUSED))
VALUE(batch_max, cv_window_max(WINDOW(BATCH)))
VALUE(batch_avg, cv_window_avg(WINDOW(BATCH)))
VALUE(commit_max, cv_window_max(WINDOW(COMMIT_MS)))
VALUE(commit_avg, cv_window_avg(WINDOW(COMMIT_MS)))
VALUE(commits_succeed, or_zero(cv_window_avg(WINDOW(COMMIT_OK))))
VALUE(commits_fail, or_zero(1 - cv_window_avg(WINDOW(COMMIT_OK))))
VALUE(polled, count_of(&c->records_polled))
VALUE(polled_rate, cv_window_rate(WINDOW(POLLED)))
VALUE(sent, count_of(&c->records_sent))
VALUE(sent_rate, cv_window_rate(WINDOW(SENT)))
VALUE(active, count_of(&c->records_active))
VALUE(active_max, cv_window_max(WINDOW(ACTIVE)))
VALUE(active_avg, cv_window_avg(WINDOW(ACTIVE)))
VALUE(poll_max, cv_window_max(WINDOW(POLL_MS)))
VALUE(poll_avg, cv_window_avg(WINDOW(POLL_MS)))
VALUE(transaction_min, cv_window_min(WINDOW(TRANSACTION)))
VALUE(transaction_max, cv_window_max(WINDOW(TRANSACTION)))
VALUE(transaction_avg, cv_window_avg(WINDOW(TRANSACTION)))
VALUE(partitions, count_of(&c->partitions))
VALUE(commit_number, count_of(&c->commit_number))
VALUE(commits, count_of(&c->commits_ok))
VALUE(commit_rate, cv_window_rate(WINDOW(COMMIT_OK)))
VALUE(skips, count_of(&c->commits_skipped))
VALUE(skip_rate, cv_window_rate(WINDOW(COMMIT_SKIP)))
VALUE(failures, count_of(&t->failures))
VALUE(errors, count_of(&t->errors))
VALUE(skipped, count_of(&t->skipped))
VALUE(retries, count_of(&t->retries))
VALUE(logged, count_of(&t->logged))
VALUE(dead_letters, count_of(&t->dead_letters))
VALUE(dead_letter_failures, count_of(&t->dead_letter_failures))
VALUE(last_error, (double)atomic_load_explicit(&t->last_error_ms, memory_order_relaxed))

VALUE(connections, in_client(&c->client.connections))
VALUE(requests, in_client(&c->client.requests))
VALUE(responses, in_client(&c->client.responses))
VALUE(bytes_out, in_client(&c->client.bytes_out))
VALUE(bytes_in, in_client(&c->client.bytes_in))
VALUE(lag_max, unless_negative(in_client(&c->client.lag_max)))

/* ---- which task has which ---- */

enum of { OF_ALL, OF_SOURCE, OF_EXACTLY_ONCE, OF_SINK };

static const struct row {
    enum worker_metric metric;
    enum of of;
    double (*value)(const struct task *task);
} rows[] = {
    { METRIC_RUNNING_RATIO, OF_ALL, running },
    { METRIC_PAUSE_RATIO, OF_ALL, paused },
    { METRIC_BATCH_MAX, OF_ALL, batch_max },
    { METRIC_BATCH_AVG, OF_ALL, batch_avg },
    { METRIC_COMMIT_MAX, OF_ALL, commit_max },
    { METRIC_COMMIT_AVG, OF_ALL, commit_avg },
    { METRIC_COMMIT_SUCCESS, OF_ALL, commits_succeed },
    { METRIC_COMMIT_FAILURE, OF_ALL, commits_fail },
    { METRIC_POLL_RATE, OF_SOURCE, polled_rate },
    { METRIC_POLL_TOTAL, OF_SOURCE, polled },
    { METRIC_WRITE_RATE, OF_SOURCE, sent_rate },
    { METRIC_WRITE_TOTAL, OF_SOURCE, sent },
    { METRIC_SOURCE_ACTIVE, OF_SOURCE, active },
    { METRIC_SOURCE_ACTIVE_MAX, OF_SOURCE, active_max },
    { METRIC_SOURCE_ACTIVE_AVG, OF_SOURCE, active_avg },
    { METRIC_POLL_MAX, OF_SOURCE, poll_max },
    { METRIC_POLL_AVG, OF_SOURCE, poll_avg },
    { METRIC_TRANSACTION_MIN, OF_EXACTLY_ONCE, transaction_min },
    { METRIC_TRANSACTION_MAX, OF_EXACTLY_ONCE, transaction_max },
    { METRIC_TRANSACTION_AVG, OF_EXACTLY_ONCE, transaction_avg },
    { METRIC_READ_RATE, OF_SINK, polled_rate },
    { METRIC_READ_TOTAL, OF_SINK, polled },
    { METRIC_SEND_RATE, OF_SINK, sent_rate },
    { METRIC_SEND_TOTAL, OF_SINK, sent },
    { METRIC_SINK_ACTIVE, OF_SINK, active },
    { METRIC_SINK_ACTIVE_MAX, OF_SINK, active_max },
    { METRIC_SINK_ACTIVE_AVG, OF_SINK, active_avg },
    { METRIC_PARTITION_COUNT, OF_SINK, partitions },
    { METRIC_COMMIT_NUMBER, OF_SINK, commit_number },
    { METRIC_COMMIT_RATE, OF_SINK, commit_rate },
    { METRIC_COMMIT_TOTAL, OF_SINK, commits },
    { METRIC_SKIP_RATE, OF_SINK, skip_rate },
    { METRIC_SKIP_TOTAL, OF_SINK, skips },
    { METRIC_PUT_MAX, OF_SINK, poll_max },
    { METRIC_PUT_AVG, OF_SINK, poll_avg },
    { METRIC_RECORD_FAILURES, OF_ALL, failures },
    { METRIC_RECORD_ERRORS, OF_ALL, errors },
    { METRIC_RECORDS_SKIPPED, OF_ALL, skipped },
    { METRIC_RETRIES, OF_ALL, retries },
    { METRIC_ERRORS_LOGGED, OF_ALL, logged },
    { METRIC_DEAD_LETTERS, OF_ALL, dead_letters },
    { METRIC_DEAD_FAILURES, OF_ALL, dead_letter_failures },
    { METRIC_LAST_ERROR, OF_ALL, last_error },
};

/* Of the task's own client. */
static const struct row client_rows[] = {
    { METRIC_PRODUCER_CONNECTIONS, OF_SOURCE, connections },
    { METRIC_PRODUCER_REQUESTS, OF_SOURCE, requests },
    { METRIC_PRODUCER_RESPONSES, OF_SOURCE, responses },
    { METRIC_PRODUCER_OUTGOING, OF_SOURCE, bytes_out },
    { METRIC_PRODUCER_INCOMING, OF_SOURCE, bytes_in },
    { METRIC_PRODUCER_SENT, OF_SOURCE, sent },
    { METRIC_PRODUCER_SENT_RATE, OF_SOURCE, sent_rate },
    { METRIC_CONSUMER_CONNECTIONS, OF_SINK, connections },
    { METRIC_CONSUMER_REQUESTS, OF_SINK, requests },
    { METRIC_CONSUMER_RESPONSES, OF_SINK, responses },
    { METRIC_CONSUMER_OUTGOING, OF_SINK, bytes_out },
    { METRIC_CONSUMER_INCOMING, OF_SINK, bytes_in },
    { METRIC_CONSUMED, OF_SINK, polled },
    { METRIC_CONSUMED_RATE, OF_SINK, polled_rate },
    { METRIC_LAG_MAX, OF_SINK, lag_max },
};

static bool
has_row(const struct task *task, enum of of)
{
    bool source = task->spec.plugin->kind == CV_SOURCE;

    switch (of) {
    case OF_SOURCE:
        return source;
    case OF_EXACTLY_ONCE:
        return source && task->spec.worker_config->exactly_once == WORKER_EOS_ENABLED;
    case OF_SINK:
        return !source;
    case OF_ALL:
        break;
    }
    return true;
}

#define TAGS_MAX      16
#define LABELS_OF_OWN 4

/* "k=v, k=v" cut up in place, into labels; what is no name of a label becomes one, as the exporter does it. Returns how
   many. */
static size_t
read_tags(char *text, struct cv_label labels[TAGS_MAX])
{
    char *save = NULL;
    size_t n = 0;

    for (char *tag = strtok_r(text, ",", &save); tag != NULL && n < TAGS_MAX; tag = strtok_r(NULL, ",", &save)) {
        char *equals = strchr(tag, '=');

        tag += strspn(tag, " \t");
        if (equals == NULL || equals <= tag)
            continue;
        *equals = '\0';
        for (char *p = tag; *p != '\0'; p++)
            if (!isalnum((unsigned char)*p) || (p == tag && isdigit((unsigned char)*p)))
                *p = '_';
        labels[n++] = (struct cv_label){ tag, equals + 1 };
    }
    return n;
}

/* labels has room for one more. */
static void
part_metrics(const struct task *task, struct cv_label *labels, size_t n_labels, struct cv_metrics_sink *sink)
{
    struct cv_lock *lock = (struct cv_lock *)(uintptr_t)&task->lock;
    struct cv_hash_entry entry;
    size_t i = 0;

    cv_lock(lock);
    while (task->parts != NULL && cv_hash_next(task->parts, &i, &entry)) {
        const struct task_part *part = entry.value;
        const struct cv_metric *row = &task->spec.plugin->metrics[part->row];

        labels[2].value = row->context;
        labels[n_labels] = (struct cv_label){ row->part, part->name };
        cv_metrics_add(sink, row, labels, n_labels + 1, part->value);
    }
    cv_unlock(lock);
}

static void
plugin_metrics(const struct task *task, const struct cv_label *labels, const char *id, struct cv_metrics_sink *sink)
{
    const struct cv_plugin *plugin = task->spec.plugin;
    const char *name = plugin->metrics_name != NULL ? cv_config_get(task->connector_config, plugin->metrics_name)
                                                    : NULL;
    const char *tags = plugin->metrics_tags != NULL ? cv_config_get(task->connector_config, plugin->metrics_tags)
                                                    : NULL;
    char *copy = tags != NULL ? strdup(tags) : NULL;
    struct cv_label in_context[LABELS_OF_OWN + TAGS_MAX + 1] = { { "plugin", plugin->metrics_plugin },
                                                             { "name", name != NULL ? name : "" },
                                                             { "context", NULL },
                                                             { "task", id } };
    size_t n_labels = LABELS_OF_OWN + (copy != NULL ? read_tags(copy, in_context + LABELS_OF_OWN) : 0);

    for (size_t i = 0; i < plugin->n_metrics && i < TASK_PLUGIN_METRICS; i++) {
        const struct cv_metric *row = &plugin->metrics[i];
        double value = atomic_load_explicit(&task->counters.plugin[i], memory_order_relaxed);

        in_context[2].value = row->context;
        if (row->part != NULL)
            continue;
        if (row->context != NULL)
            cv_metrics_add(sink, row, in_context, n_labels, value);
        else
            cv_metrics_add(sink, row, labels, 2, value);
    }
    part_metrics(task, in_context, n_labels, sink);
    free(copy);
}

void
task_metrics(const struct task *task, struct cv_metrics_sink *sink)
{
    char id[12], state[16], client_id[CLIENT_ID_MAX];

    client_id_of_task(client_id, task->spec.plugin->kind == CV_SOURCE ? CV_KAFKA_PRODUCER : CV_KAFKA_CONSUMER,
                      task->connector, task->spec.id);
    snprintf(id, sizeof(id), "%d", task->spec.id);
    snprintf(state, sizeof(state), "%s", status_name(task_state(task)));
    for (char *p = state; *p != '\0'; p++)
        *p = (char)(*p | 0x20);
    const struct cv_label labels[] = { { "connector", task->connector }, { "task", id }, { "status", state } };

    cv_metrics_add(sink, &worker_metric_rows[METRIC_TASK_STATUS], labels, 3, 1.0);
    for (size_t i = 0; i < CV_COUNT(rows); i++)
        if (has_row(task, rows[i].of))
            cv_metrics_add(sink, &worker_metric_rows[rows[i].metric], labels, 2, rows[i].value(task));
    for (size_t i = 0; i < CV_COUNT(client_rows); i++)
        if (has_row(task, client_rows[i].of))
            worker_metric_of_client(sink, client_rows[i].metric, client_id, client_rows[i].value(task));
    plugin_metrics(task, labels, id, sink);
}
