/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of the worker, of its group and of each connector that it runs: connect-worker-metrics (also by connector),
 * connect-worker-rebalance-metrics, connect-coordinator-metrics and connector-metrics of a Java worker. Tasks have
 * theirs in task_metrics.c. On the scraping thread, under the lock of what runs.
 */
#include <config.h>

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "common/clock.h"
#include "common/map.h"
#include "common/metrics.h"
#include "worker/herder_private.h"
#include "worker/metric_rows.h"
#include "worker/task.h"

#define CONFLUENT (1u << CV_DIALECT_CONFLUENT)
#define PLAIN     (1u << CV_DIALECT_PLAIN)
#define ALL       ((1u << CV_DIALECTS) - 1)
#define NS_PER_S  1e9

/* Of the worker as a whole, which Confluent's rules label so. */
static void
add(struct cv_metrics_sink *sink, enum worker_metric metric, double value)
{
    static const struct cv_label aggregate = { "connector", "aggregate" };

    cv_metrics_add_in(sink, ALL & ~CONFLUENT, &worker_metric_rows[metric], NULL, 0, value);
    cv_metrics_add_in(sink, CONFLUENT, &worker_metric_rows[metric], &aggregate, 1, value);
}

static void
add_bare(struct cv_metrics_sink *sink, enum worker_metric metric, double value)
{
    cv_metrics_add(sink, &worker_metric_rows[metric], NULL, 0, value);
}

/* With a text as a label. */
static void
add_text(struct cv_metrics_sink *sink, enum worker_metric metric, const char *name, const char *value)
{
    const struct cv_label label = { name, value };

    cv_metrics_add(sink, &worker_metric_rows[metric], &label, 1, 1);
}

/* Attempts, successes, their share, failures, their share: five rows from the first on. */
static void
add_starts(struct cv_metrics_sink *sink, enum worker_metric first, uint64_t attempts, uint64_t failures)
{
    double share = attempts == 0 ? 0 : (double)failures / (double)attempts;

    add(sink, first, (double)attempts);
    add(sink, first + 1, (double)(attempts - failures));
    add(sink, first + 2, attempts == 0 ? 0 : 1 - share);
    add(sink, first + 3, (double)failures);
    add(sink, first + 4, share);
}

static double
count_of(const struct cv_tally *tally)
{
    return (double)atomic_load_explicit(&tally->count, memory_order_relaxed);
}

static double
sum_of(const struct cv_tally *tally)
{
    return (double)atomic_load_explicit(&tally->sum, memory_order_relaxed);
}

static double
total_of(const struct group_stats *stats, enum group_stat which)
{
    return count_of(&stats->of[which]);
}

/* Monotonic ms since it happened last; NaN: never. */
static double
ms_since(const struct group_stats *stats, enum group_stat which)
{
    int64_t last_ms = atomic_load_explicit(&stats->of[which].last_ms, memory_order_relaxed);

    return last_ms == 0 ? NAN : (double)(cv_mono_ms() - last_ms);
}

static double
seconds_ago(const struct group_stats *stats, enum group_stat which)
{
    double ms = ms_since(stats, which);

    return isnan(ms) ? -1 : floor(ms / 1000);
}

/* The lock of what runs is held. */
static void
add_round_texts(const struct herder *h, struct cv_metrics_sink *sink)
{
    static const char *const protocols[] = { [GROUP_EAGER] = "eager", [GROUP_COMPATIBLE] = "compatible",
                                             [GROUP_SESSIONED] = "sessioned" };

    if (h->leader_url[0] == '\0')
        return;
    add_text(sink, METRIC_LEADER_NAME, "leader_name", h->leader_url);
    add_text(sink, METRIC_CONNECT_PROTOCOL, "connect_protocol", protocols[h->protocol]);
}

static void
add_rebalances(const struct herder *h, const struct group_stats *stats, struct cv_metrics_sink *sink)
{
    const struct cv_window *rounds = &stats->of[GROUP_STAT_REBALANCE].window;

    add_bare(sink, METRIC_REBALANCES, total_of(stats, GROUP_STAT_REBALANCE));
    add_bare(sink, METRIC_REBALANCES_BARE, total_of(stats, GROUP_STAT_REBALANCE));
    add_bare(sink, METRIC_REBALANCING, member_rebalancing(h->member) ? 1 : 0);
    add_bare(sink, METRIC_REBALANCE_MAX, cv_window_max(rounds));
    add_bare(sink, METRIC_REBALANCE_AVG, cv_window_avg(rounds));
    add_bare(sink, METRIC_SINCE_REBALANCE, ms_since(stats, GROUP_STAT_REBALANCE));
}

struct client_value {
    enum worker_metric metric;
    double value;
};

/* Labelled with the name of the group's client. */
static void
add_client(const struct herder *h, const struct client_value *values, size_t n, struct cv_metrics_sink *sink)
{
    for (size_t i = 0; i < n; i++)
        worker_metric_of_client(sink, values[i].metric, h->client_id, values[i].value);
}

static void
add_coordinator(const struct herder *h, const struct group_stats *stats, struct cv_metrics_sink *sink)
{
    const struct cv_window *beats = &stats->of[GROUP_STAT_HEARTBEAT].window;
    const struct cv_window *joins = &stats->of[GROUP_STAT_JOIN].window;
    const struct cv_window *syncs = &stats->of[GROUP_STAT_SYNC].window;
    const struct cv_window *rounds = &stats->of[GROUP_STAT_REBALANCE].window;
    const struct client_value values[] = {
        { METRIC_ASSIGNED_CONNECTORS, (double)cv_hash_count(h->connectors) },
        { METRIC_ASSIGNED_TASKS, (double)cv_hash_count(h->tasks) },
        { METRIC_HEARTBEAT_RATE, cv_window_count_rate(beats) },
        { METRIC_HEARTBEAT_TOTAL, total_of(stats, GROUP_STAT_HEARTBEAT) },
        { METRIC_HEARTBEAT_MAX, cv_window_max(beats) },
        { METRIC_SINCE_HEARTBEAT, seconds_ago(stats, GROUP_STAT_HEARTBEAT) },
        { METRIC_JOIN_RATE, cv_window_count_rate(joins) },
        { METRIC_JOIN_TOTAL, total_of(stats, GROUP_STAT_JOIN) },
        { METRIC_JOIN_AVG, cv_window_avg(joins) },
        { METRIC_JOIN_MAX, cv_window_max(joins) },
        { METRIC_SYNC_RATE, cv_window_count_rate(syncs) },
        { METRIC_SYNC_TOTAL, total_of(stats, GROUP_STAT_SYNC) },
        { METRIC_SYNC_AVG, cv_window_avg(syncs) },
        { METRIC_SYNC_MAX, cv_window_max(syncs) },
        { METRIC_LATENCY_AVG, cv_window_avg(rounds) },
        { METRIC_LATENCY_MAX, cv_window_max(rounds) },
        { METRIC_LATENCY_TOTAL,
          sum_of(&stats->of[GROUP_STAT_REBALANCE]) },
        { METRIC_REBALANCE_TOTAL, total_of(stats, GROUP_STAT_REBALANCE) },
        { METRIC_REBALANCE_RATE, cv_window_count_rate(rounds) * 3600 },
        { METRIC_FAILED_TOTAL, total_of(stats, GROUP_STAT_FAILED) },
        { METRIC_FAILED_RATE, cv_window_count_rate(&stats->of[GROUP_STAT_FAILED].window) * 3600 },
        { METRIC_LAST_REBALANCE, seconds_ago(stats, GROUP_STAT_REBALANCE) },
    };

    add_client(h, values, CV_COUNT(values), sink);
}

/* connect-metrics, of Java's network client: here the connection of common/wire. */
static void
add_connections(const struct herder *h, const struct cv_tally *wire, struct cv_metrics_sink *sink)
{
    const struct cv_window *sent = &wire[WIRE_SENT].window, *received = &wire[WIRE_RECEIVED].window;
    const struct cv_window *waited = &wire[WIRE_WAITED].window, *moved = &wire[WIRE_MOVED].window;
    const struct client_value values[] = {
        { METRIC_CONNECTIONS, count_of(&wire[WIRE_OPENED]) - count_of(&wire[WIRE_CLOSED]) },
        { METRIC_OPENED_RATE, cv_window_count_rate(&wire[WIRE_OPENED].window) },
        { METRIC_OPENED_TOTAL, count_of(&wire[WIRE_OPENED]) },
        { METRIC_CLOSED_RATE, cv_window_count_rate(&wire[WIRE_CLOSED].window) },
        { METRIC_CLOSED_TOTAL, count_of(&wire[WIRE_CLOSED]) },
        { METRIC_IO_RATE, cv_window_count_rate(sent) + cv_window_count_rate(received) },
        { METRIC_IO_TOTAL, count_of(&wire[WIRE_SENT]) + count_of(&wire[WIRE_RECEIVED]) },
        { METRIC_REQUEST_RATE, cv_window_count_rate(sent) },
        { METRIC_REQUEST_TOTAL, count_of(&wire[WIRE_SENT]) },
        { METRIC_REQUEST_AVG, cv_window_avg(sent) },
        { METRIC_REQUEST_MAX, cv_window_max(sent) },
        { METRIC_RESPONSE_RATE, cv_window_count_rate(received) },
        { METRIC_RESPONSE_TOTAL, count_of(&wire[WIRE_RECEIVED]) },
        { METRIC_INCOMING_RATE, cv_window_rate(received) },
        { METRIC_INCOMING_TOTAL, sum_of(&wire[WIRE_RECEIVED]) },
        { METRIC_OUTGOING_RATE, cv_window_rate(sent) },
        { METRIC_OUTGOING_TOTAL, sum_of(&wire[WIRE_SENT]) },
        { METRIC_LOGIN_RATE, cv_window_count_rate(&wire[WIRE_LOGIN].window) },
        { METRIC_LOGIN_TOTAL, count_of(&wire[WIRE_LOGIN]) },
        { METRIC_LOGIN_AGAIN_RATE, cv_window_count_rate(&wire[WIRE_LOGIN_AGAIN].window) },
        { METRIC_LOGIN_AGAIN_TOTAL, count_of(&wire[WIRE_LOGIN_AGAIN]) },
        { METRIC_LOGIN_FAILED_RATE, cv_window_count_rate(&wire[WIRE_LOGIN_FAILED].window) },
        { METRIC_LOGIN_FAILED_TOTAL, count_of(&wire[WIRE_LOGIN_FAILED]) },
        { METRIC_SELECT_RATE, cv_window_count_rate(waited) },
        { METRIC_SELECT_TOTAL, count_of(&wire[WIRE_WAITED]) },
        { METRIC_WAIT_AVG, cv_window_avg(waited) },
        { METRIC_WAIT_TOTAL, sum_of(&wire[WIRE_WAITED]) },
        { METRIC_WAIT_RATIO, cv_window_rate(waited) / NS_PER_S },
        { METRIC_MOVE_AVG, cv_window_avg(moved) },
        { METRIC_MOVE_TOTAL, sum_of(&wire[WIRE_MOVED]) },
        { METRIC_MOVE_RATIO, cv_window_rate(moved) / NS_PER_S },
    };

    add_client(h, values, CV_COUNT(values), sink);
}

static double
value_of(const _Atomic int64_t *value)
{
    return (double)atomic_load_explicit(value, memory_order_relaxed);
}

/* admin-client-metrics, of the client that the worker asks with. */
static void
add_admin(const struct herder *h, struct cv_metrics_sink *sink)
{
    const struct client_value values[] = {
        { METRIC_ADMIN_CONNECTIONS, value_of(&h->admin_stats.connections) },
        { METRIC_ADMIN_OPENED, value_of(&h->admin_stats.opened) },
        { METRIC_ADMIN_CLOSED, value_of(&h->admin_stats.closed) },
    };

    for (size_t i = 0; i < CV_COUNT(values); i++)
        worker_metric_of_client(sink, values[i].metric, h->admin_id, values[i].value);
}

/* Texts of a connector. */
static void
add_connector_texts(const struct running_connector *c, struct cv_metrics_sink *sink)
{
    const struct cv_plugin *plugin = c->plugin;
    char state[32] = "";
    const struct {
        enum worker_metric metric;
        const char *name;
        const char *value;
    } texts[] = {
        { METRIC_CONNECTOR_STATUS, "status", state },
        { METRIC_CONNECTOR_TYPE, "connector_type",
          plugin == NULL ? "unknown" : plugin->kind == CV_SOURCE ? "source" : "sink" },
        { METRIC_CONNECTOR_CLASS, "connector_class", plugin == NULL ? "unknown" : plugin->name },
        { METRIC_CONNECTOR_VERSION, "connector_version", plugin == NULL ? "unknown" : plugin->version },
    };

    for (size_t i = 0; i + 1 < sizeof(state) && status_name(c->state)[i] != '\0'; i++)
        state[i] = (char)tolower((unsigned char)status_name(c->state)[i]);
    for (size_t i = 0; i < CV_COUNT(texts); i++) {
        const struct cv_label labels[] = { { "connector", c->name }, { texts[i].name, texts[i].value } };

        cv_metrics_add(sink, &worker_metric_rows[texts[i].metric], labels, 2, 1);
    }
}

/* By stored status, of the tasks that run here. The lock of what runs is held. */
static void
add_connector(struct herder *h, const struct running_connector *c, struct cv_metrics_sink *sink)
{
    static const struct {
        enum worker_metric metric;
        enum status_state state;
    } states[] = { { METRIC_TASKS_RUNNING, STATUS_RUNNING },       { METRIC_TASKS_PAUSED, STATUS_PAUSED },
                   { METRIC_TASKS_FAILED, STATUS_FAILED },         { METRIC_TASKS_UNASSIGNED, STATUS_UNASSIGNED },
                   { METRIC_TASKS_DESTROYED, STATUS_DESTROYED },   { METRIC_TASKS_RESTARTING, STATUS_RESTARTING } };
    const struct cv_label label = { "connector", c->name };
    size_t counts[CV_COUNT(states)] = { 0 }, total = 0, i = 0;
    struct cv_hash_entry at;

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
    cv_metrics_add(sink, &worker_metric_rows[METRIC_TASKS_TOTAL], &label, 1, (double)total);
    for (size_t s = 0; s < CV_COUNT(states); s++)
        cv_metrics_add(sink, &worker_metric_rows[states[s].metric], &label, 1, (double)counts[s]);
    add_connector_texts(c, sink);
}

void
herder_metrics(void *arg, struct cv_metrics_sink *sink)
{
    struct herder *h = arg;
    bool started = atomic_load(&h->started);
    struct cv_hash_entry at;
    size_t i = 0;

    cv_lock(&h->running_lock);
    add(sink, METRIC_CONNECTOR_COUNT, (double)cv_hash_count(h->connectors));
    add(sink, METRIC_TASK_COUNT, (double)cv_hash_count(h->tasks));
    while (cv_hash_next(h->tasks, &i, &at)) {
        const struct running_task *t = at.value;

        if (t->task != NULL)
            task_metrics(t->task, sink);
    }
    i = 0;
    while (started && cv_hash_next(h->connectors, &i, &at))
        add_connector(h, at.value, sink);
    add_round_texts(h, sink);
    if (started) {
        add_coordinator(h, member_stats(h->member), sink);
        add_connections(h, member_stats(h->member)->wire, sink);
        add_admin(h, sink);
    }
    cv_unlock(&h->running_lock);
    add_starts(sink, METRIC_CONNECTOR_ATTEMPTS, atomic_load(&h->connector_starts), atomic_load(&h->connector_failures));
    add_starts(sink, METRIC_TASK_ATTEMPTS, atomic_load(&h->task_starts), atomic_load(&h->task_failures));
    add_bare(sink, METRIC_EPOCH, (double)atomic_load(&h->generation));
    if (started)
        add_rebalances(h, member_stats(h->member), sink);
}
