/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics of the worker, of its group and of each connector that it runs: connect-worker-metrics (also by connector),
 * connect-worker-rebalance-metrics and connector-metrics of a Java worker, named as the JMX exporter's example rules and
 * as Confluent's name them. Tasks have theirs in task.c. On the scraping thread, under the lock of what runs.
 */
#include <config.h>

#include <math.h>
#include <string.h>

#include "common/clock.h"
#include "common/map.h"
#include "common/metrics.h"
#include "worker/herder_private.h"
#include "worker/task.h"

/* A row: type, attribute, documentation; the two name families differ in what stands before the attribute. */
#define ROW(kind, plain, confluent, attribute, text)                                                         \
    { .type = CV_##kind,                                                                                     \
      .names = { "kafka_connect_" plain attribute, "kafka_connect_" confluent attribute,                     \
                 "kafka_connect_" plain attribute },                                                         \
      .help = text }
#define WORKER(kind, attribute, text)    ROW(kind, "worker_", "connect_worker_metrics_", attribute, text)
#define REBALANCE(kind, attribute, text)                                                                     \
    ROW(kind, "worker_rebalance_", "connect_worker_rebalance_metrics_", attribute, text)

enum row {
    CONNECTORS,
    TASKS,
    CONNECTOR_ATTEMPTS,
    CONNECTOR_SUCCESSES,
    CONNECTOR_SUCCESS_PERCENTAGE,
    CONNECTOR_FAILURES,
    CONNECTOR_FAILURE_PERCENTAGE,
    TASK_ATTEMPTS,
    TASK_SUCCESSES,
    TASK_SUCCESS_PERCENTAGE,
    TASK_FAILURES,
    TASK_FAILURE_PERCENTAGE,
    EPOCH,
    REBALANCES,
    REBALANCING,
    REBALANCE_MAX,
    REBALANCE_AVG,
    SINCE_REBALANCE,
    TASKS_TOTAL,
    TASKS_RUNNING,
    TASKS_PAUSED,
    TASKS_FAILED,
    TASKS_UNASSIGNED,
    TASKS_DESTROYED,
    TASKS_RESTARTING,
    CONNECTOR_STATUS,
};

static const struct cv_metric rows[] = {
    [CONNECTORS] = WORKER(GAUGE, "connector_count", "Connectors that this worker runs."),
    [TASKS] = WORKER(GAUGE, "task_count", "Tasks that this worker runs."),
    [CONNECTOR_ATTEMPTS] = WORKER(COUNTER, "connector_startup_attempts_total", "Connectors that were to be started."),
    [CONNECTOR_SUCCESSES] = WORKER(COUNTER, "connector_startup_success_total", "Connectors that started."),
    [CONNECTOR_SUCCESS_PERCENTAGE] =
        WORKER(GAUGE, "connector_startup_success_percentage", "Share of these starts, 0 to 1."),
    [CONNECTOR_FAILURES] = WORKER(COUNTER, "connector_startup_failure_total", "Connectors that could not be started."),
    [CONNECTOR_FAILURE_PERCENTAGE] =
        WORKER(GAUGE, "connector_startup_failure_percentage", "Share of these starts, 0 to 1."),
    [TASK_ATTEMPTS] = WORKER(COUNTER, "task_startup_attempts_total", "Tasks that were to be started."),
    [TASK_SUCCESSES] = WORKER(COUNTER, "task_startup_success_total", "Tasks that were handed to their threads."),
    [TASK_SUCCESS_PERCENTAGE] = WORKER(GAUGE, "task_startup_success_percentage", "Share of these starts, 0 to 1."),
    [TASK_FAILURES] = WORKER(COUNTER, "task_startup_failure_total", "Tasks that could not be made."),
    [TASK_FAILURE_PERCENTAGE] = WORKER(GAUGE, "task_startup_failure_percentage", "Share of these starts, 0 to 1."),
    [EPOCH] = REBALANCE(GAUGE, "epoch", "Generation of the group."),
    [REBALANCES] = REBALANCE(COUNTER, "completed_rebalances_total", "Rounds of the group that were completed."),
    [REBALANCING] = REBALANCE(GAUGE, "rebalancing", "1 while a round is under way."),
    [REBALANCE_MAX] = REBALANCE(GAUGE, "rebalance_max_time_ms", "Longest round."),
    [REBALANCE_AVG] = REBALANCE(GAUGE, "rebalance_avg_time_ms", "Average time of a round."),
    [SINCE_REBALANCE] = REBALANCE(GAUGE, "time_since_last_rebalance_ms", "Time since the last round."),
    [TASKS_TOTAL] = WORKER(GAUGE, "connector_total_task_count", "Tasks of the connector on this worker."),
    [TASKS_RUNNING] = WORKER(GAUGE, "connector_running_task_count", "Those that run."),
    [TASKS_PAUSED] = WORKER(GAUGE, "connector_paused_task_count", "Those that are paused."),
    [TASKS_FAILED] = WORKER(GAUGE, "connector_failed_task_count", "Those that failed."),
    [TASKS_UNASSIGNED] = WORKER(GAUGE, "connector_unassigned_task_count", "Those that are unassigned."),
    [TASKS_DESTROYED] = WORKER(GAUGE, "connector_destroyed_task_count", "Those that are destroyed."),
    [TASKS_RESTARTING] = WORKER(GAUGE, "connector_restarting_task_count", "Those that restart."),
    [CONNECTOR_STATUS] = { .type = CV_GAUGE,
                           .names = { "kafka_connect_connector_status", "kafka_connect_connector_metrics",
                                      "kafka_connect_connector_status" },
                           .help = "1, labelled with the state of the connector." },
};

static void
add(struct cv_metrics_sink *sink, enum row row, double value)
{
    cv_metrics_add(sink, &rows[row], NULL, 0, value);
}

/* Attempts, successes, their share, failures, their share: five rows from the first on. */
static void
add_starts(struct cv_metrics_sink *sink, enum row first, uint64_t attempts, uint64_t failures)
{
    double share = attempts == 0 ? 0 : (double)failures / (double)attempts;

    add(sink, first, (double)attempts);
    add(sink, first + 1, (double)(attempts - failures));
    add(sink, first + 2, attempts == 0 ? 0 : 1 - share);
    add(sink, first + 3, (double)failures);
    add(sink, first + 4, share);
}

static void
add_rebalances(struct herder *h, struct cv_metrics_sink *sink)
{
    struct member_stats stats;

    add(sink, EPOCH, (double)atomic_load(&h->generation));
    if (!atomic_load(&h->started))
        return;
    member_stats(h->member, &stats);
    add(sink, REBALANCES, (double)stats.rebalances);
    add(sink, REBALANCING, stats.rebalancing ? 1 : 0);
    add(sink, REBALANCE_MAX, stats.rebalances == 0 ? NAN : (double)stats.rebalance_ms_max);
    add(sink, REBALANCE_AVG,
        stats.rebalances == 0 ? NAN : (double)stats.rebalance_ms_sum / (double)stats.rebalances);
    add(sink, SINCE_REBALANCE, stats.rebalances == 0 ? NAN : (double)(cv_mono_ms() - stats.last_rebalance_ms));
}

/* By stored status, of the tasks that run here. The lock of what runs is held. */
static void
add_connector(struct herder *h, const struct running_connector *c, struct cv_metrics_sink *sink)
{
    static const struct {
        enum row row;
        enum status_state state;
    } states[] = { { TASKS_RUNNING, STATUS_RUNNING },       { TASKS_PAUSED, STATUS_PAUSED },
                   { TASKS_FAILED, STATUS_FAILED },         { TASKS_UNASSIGNED, STATUS_UNASSIGNED },
                   { TASKS_DESTROYED, STATUS_DESTROYED },   { TASKS_RESTARTING, STATUS_RESTARTING } };
    struct cv_label labels[2] = { { "connector", c->name } };
    size_t counts[CV_COUNT(states)] = { 0 }, total = 0, i = 0;
    struct cv_hash_entry at;
    char lower[32];

    while (cv_hash_next(h->tasks, &i, &at)) {
        const struct running_task *t = at.value;
        struct status status = { 0 };
        struct cv_err err;

        if (strcmp(t->connector, c->name) != 0)
            continue;
        total++;
        if (status_store_get(h->statuses, t->connector, t->id, &status, &err) != CV_OK)
            continue;
        for (size_t s = 0; s < CV_COUNT(states); s++)
            counts[s] += status.state == states[s].state;
        status_done(&status);
    }
    cv_metrics_add(sink, &rows[TASKS_TOTAL], labels, 1, (double)total);
    for (size_t s = 0; s < CV_COUNT(states); s++)
        cv_metrics_add(sink, &rows[states[s].row], labels, 1, (double)counts[s]);
    for (i = 0; i + 1 < sizeof(lower) && status_name(c->state)[i] != '\0'; i++)
        lower[i] = (char)(status_name(c->state)[i] | 0x20);
    lower[i] = '\0';
    labels[1] = (struct cv_label){ "status", lower };
    cv_metrics_add(sink, &rows[CONNECTOR_STATUS], labels, 2, 1);
}

void
herder_metrics(void *arg, struct cv_metrics_sink *sink)
{
    struct herder *h = arg;
    struct cv_hash_entry at;
    size_t i = 0;

    cv_lock(&h->running_lock);
    add(sink, CONNECTORS, (double)cv_hash_count(h->connectors));
    add(sink, TASKS, (double)cv_hash_count(h->tasks));
    while (cv_hash_next(h->tasks, &i, &at)) {
        const struct running_task *t = at.value;

        if (t->task != NULL)
            task_metrics(t->task, sink);
    }
    i = 0;
    while (atomic_load(&h->started) && cv_hash_next(h->connectors, &i, &at))
        add_connector(h, at.value, sink);
    cv_unlock(&h->running_lock);
    add_starts(sink, CONNECTOR_ATTEMPTS, atomic_load(&h->connector_starts), atomic_load(&h->connector_failures));
    add_starts(sink, TASK_ATTEMPTS, atomic_load(&h->task_starts), atomic_load(&h->task_failures));
    add_rebalances(h, sink);
}
