/* SPDX-License-Identifier: Apache-2.0 */
/* The rows, and where their values come from. */
#include "connectors/postgres/metrics.h"

#include "common/clock.h"

enum metric {
    EVENTS,
    TRANSACTIONS,
    CONNECTED,
    RECEIVED_LSN,
    CONFIRMED_LSN,
    BEHIND_SECONDS,
    LAG_BYTES,
    LAG_TRANSACTIONS,
    SLOT_RETAINED_BYTES,
    SNAPSHOT_RUNNING,
    SNAPSHOT_ROWS,
    SNAPSHOT_PERCENT,
    SNAPSHOT_SECONDS_LEFT,

    S_CONNECTED,
    S_BEHIND_MS,
    S_SINCE_EVENT_MS,
    S_EVENTS,
    S_CREATES,
    S_UPDATES,
    S_DELETES,
    S_FILTERED,
    S_ERRONEOUS,
    S_TRANSACTIONS,
    S_TRANSACTION_ID,
    S_POSITION,
    S_DISCONNECTS,
    S_QUEUE_TOTAL,
    S_QUEUE_LEFT,
    S_QUEUE_BYTES_MAX,
    S_QUEUE_BYTES,
    S_TABLE_CREATES,
    S_TABLE_UPDATES,
    S_TABLE_DELETES,
    S_TABLE_TRUNCATES,

    N_TABLES,
    N_TABLES_LEFT,
    N_RUNNING,
    N_PAUSED,
    N_ABORTED,
    N_COMPLETED,
    N_SKIPPED,
    N_SECONDS,
    N_PAUSED_SECONDS,
    N_ROWS,
    N_EVENTS,
    N_ERRONEOUS,
    N_FILTERED,
    N_QUEUE_TOTAL,
    N_QUEUE_LEFT,
    N_SINCE_EVENT_MS,
    N_METRICS,
};

_Static_assert(N_METRICS == PG_METRICS, "the header says how many there are");

#define OURS(kind, name, text) { .type = kind, .names = { "culvert_postgres_" name }, .help = text }
#define STREAMING(name, text)                                                                              \
    { .type = CV_GAUGE, .names = { "debezium_metrics_" name }, .help = text, .context = "streaming" }
#define BY_TABLE(name, text)                                                                               \
    { .type = CV_GAUGE, .names = { "debezium_metrics_" name }, .help = text, .context = "streaming", .part = "table" }
#define SNAPSHOT(name, text)                                                                               \
    { .type = CV_GAUGE, .names = { "debezium_metrics_" name }, .help = text, .context = "snapshot" }

const struct cv_metric pg_metrics[PG_METRICS] = {
    [EVENTS] = OURS(CV_COUNTER, "events_total", "Row changes streamed since the task started."),
    [TRANSACTIONS] = OURS(CV_COUNTER, "transactions_total", "Transactions streamed since the task started."),
    [CONNECTED] = OURS(CV_GAUGE, "connected", "1 while the replication stream is up."),
    [RECEIVED_LSN] = OURS(CV_GAUGE, "received_lsn", "Newest WAL position received."),
    [CONFIRMED_LSN] = OURS(CV_GAUGE, "confirmed_lsn", "WAL position confirmed to the server."),
    [BEHIND_SECONDS] = OURS(CV_GAUGE, "behind_seconds", "Age of the last commit when it was handed over."),
    [LAG_BYTES] = OURS(CV_GAUGE, "lag_bytes", "WAL that the server has and the task has not handed over."),
    [LAG_TRANSACTIONS] = OURS(CV_GAUGE, "lag_transactions",
                              "Transactions that the server has begun and the task has not handed over, at most."),
    [SLOT_RETAINED_BYTES] = OURS(CV_GAUGE, "slot_retained_bytes", "WAL that the server keeps for the slot."),
    [SNAPSHOT_RUNNING] = OURS(CV_GAUGE, "snapshot_running", "1 during a snapshot."),
    [SNAPSHOT_ROWS] = OURS(CV_COUNTER, "snapshot_rows_total", "Rows read by the snapshot."),
    [SNAPSHOT_PERCENT] = OURS(CV_GAUGE, "snapshot_percent", "Share of the snapshot's pages read."),
    [SNAPSHOT_SECONDS_LEFT] = OURS(CV_GAUGE, "snapshot_seconds_left",
                                   "How long the snapshot will take at the rate so far; -1: not known."),

    [S_CONNECTED] = STREAMING("Connected", "1 while the replication stream is up."),
    [S_BEHIND_MS] = STREAMING("MilliSecondsBehindSource", "Age of the last commit when it was handed over; -1: none."),
    [S_SINCE_EVENT_MS] = STREAMING("MilliSecondsSinceLastEvent", "Time since the last event; -1: there was none."),
    [S_EVENTS] = STREAMING("TotalNumberOfEventsSeen", "Events since the task started."),
    [S_CREATES] = STREAMING("TotalNumberOfCreateEventsSeen", "Inserts among them."),
    [S_UPDATES] = STREAMING("TotalNumberOfUpdateEventsSeen", "Updates among them."),
    [S_DELETES] = STREAMING("TotalNumberOfDeleteEventsSeen", "Deletes among them."),
    [S_FILTERED] = STREAMING("NumberOfEventsFiltered", "Changes that filters left out."),
    [S_ERRONEOUS] = STREAMING("NumberOfErroneousEvents", "Events with a value that could not be converted."),
    [S_TRANSACTIONS] = STREAMING("NumberOfCommittedTransactions", "Transactions since the task started."),
    [S_TRANSACTION_ID] = STREAMING("LastTransactionId", "Id of the last transaction."),
    [S_POSITION] = STREAMING("SourceEventPosition", "LSN of the last commit."),
    [S_DISCONNECTS] = STREAMING("NumberOfDisconnects", "How often the stream was lost."),
    [S_QUEUE_TOTAL] = STREAMING("QueueTotalCapacity", "max.queue.size; there is no queue that fills."),
    [S_QUEUE_LEFT] = STREAMING("QueueRemainingCapacity", "The same."),
    [S_QUEUE_BYTES_MAX] = STREAMING("MaxQueueSizeInBytes", "max.queue.size.in.bytes."),
    [S_QUEUE_BYTES] = STREAMING("CurrentQueueSizeInBytes", "0: there is no queue."),

    [S_TABLE_CREATES] = BY_TABLE("NumberOfCreateEventsSeen",
                                 "Inserts of each table; with internal.advanced.metrics.enable."),
    [S_TABLE_UPDATES] = BY_TABLE("NumberOfUpdateEventsSeen", "Updates of each table; likewise."),
    [S_TABLE_DELETES] = BY_TABLE("NumberOfDeleteEventsSeen", "Deletes of each table; likewise."),
    [S_TABLE_TRUNCATES] = BY_TABLE("NumberOfTruncateEventsSeen", "Truncates of each table; likewise."),

    [N_TABLES] = SNAPSHOT("TotalTableCount", "Tables of the snapshot."),
    [N_TABLES_LEFT] = SNAPSHOT("RemainingTableCount", "Tables that are not complete."),
    [N_RUNNING] = SNAPSHOT("SnapshotRunning", "1 during a snapshot."),
    [N_PAUSED] = SNAPSHOT("SnapshotPaused", "0: initial snapshots do not pause."),
    [N_ABORTED] = SNAPSHOT("SnapshotAborted", "1 if the last one was cut off."),
    [N_COMPLETED] = SNAPSHOT("SnapshotCompleted", "1 if the last one was read to its end."),
    [N_SKIPPED] = SNAPSHOT("SnapshotSkipped", "1 if the task started without one."),
    [N_SECONDS] = SNAPSHOT("SnapshotDurationInSeconds", "How long it took, or has taken so far."),
    [N_PAUSED_SECONDS] = SNAPSHOT("SnapshotPausedDurationInSeconds", "0."),
    [N_ROWS] = SNAPSHOT("RowsScanned", "Rows read of all tables."),
    [N_EVENTS] = SNAPSHOT("TotalNumberOfEventsSeen", "The same."),
    [N_ERRONEOUS] = SNAPSHOT("NumberOfErroneousEvents", "Always 0 here: see the streaming context."),
    [N_FILTERED] = SNAPSHOT("NumberOfEventsFiltered", "0."),
    [N_QUEUE_TOTAL] = SNAPSHOT("QueueTotalCapacity", "max.queue.size; there is no queue that fills."),
    [N_QUEUE_LEFT] = SNAPSHOT("QueueRemainingCapacity", "The same."),
    [N_SINCE_EVENT_MS] = SNAPSHOT("MilliSecondsSinceLastEvent", "Time since the snapshot ended; 0 while it runs, -1: "
                                                                "none."),
};

void
pg_counts_add(struct pg_counts *counts, const struct stream_stats *stats)
{
    struct stream_stats *sum = &counts->before;

    sum->events += stats->events;
    sum->creates += stats->creates;
    sum->updates += stats->updates;
    sum->deletes += stats->deletes;
    sum->filtered += stats->filtered;
    sum->erroneous += stats->erroneous;
    sum->transactions += stats->transactions;
    if (stats->last_event_ms != 0)
        sum->last_event_ms = stats->last_event_ms;
}

static void
set_streaming(struct cv_source_ctx *ctx, const struct pg_counts *counts, const struct stream *stream)
{
    const struct stream_stats *before = &counts->before;
    struct stream_stats now = { .behind_seconds = -0.001 };
    int64_t last_ms;

    if (stream != NULL)
        stream_stats(stream, &now);
    last_ms = now.last_event_ms != 0 ? now.last_event_ms : before->last_event_ms;
    ctx->metric_set(ctx, EVENTS, (double)(before->events + now.events));
    ctx->metric_set(ctx, TRANSACTIONS, (double)(before->transactions + now.transactions));
    ctx->metric_set(ctx, CONNECTED, stream != NULL);
    ctx->metric_set(ctx, S_CONNECTED, stream != NULL);
    ctx->metric_set(ctx, S_BEHIND_MS, now.behind_seconds * 1000);
    ctx->metric_set(ctx, S_SINCE_EVENT_MS, last_ms == 0 ? -1 : (double)(cv_mono_ms() - last_ms));
    ctx->metric_set(ctx, S_EVENTS, (double)(before->events + now.events));
    ctx->metric_set(ctx, S_CREATES, (double)(before->creates + now.creates));
    ctx->metric_set(ctx, S_UPDATES, (double)(before->updates + now.updates));
    ctx->metric_set(ctx, S_DELETES, (double)(before->deletes + now.deletes));
    ctx->metric_set(ctx, S_FILTERED, (double)(before->filtered + now.filtered));
    ctx->metric_set(ctx, S_ERRONEOUS, (double)(before->erroneous + now.erroneous));
    ctx->metric_set(ctx, S_TRANSACTIONS, (double)(before->transactions + now.transactions));
    ctx->metric_set(ctx, S_DISCONNECTS, (double)counts->disconnects);
    if (stream == NULL)
        return;
    ctx->metric_set(ctx, RECEIVED_LSN, (double)now.received_lsn);
    ctx->metric_set(ctx, CONFIRMED_LSN, (double)now.confirmed_lsn);
    ctx->metric_set(ctx, BEHIND_SECONDS, now.behind_seconds);
    ctx->metric_set(ctx, LAG_BYTES, (double)now.lag_bytes);
    ctx->metric_set(ctx, LAG_TRANSACTIONS, (double)now.lag_transactions);
    ctx->metric_set(ctx, SLOT_RETAINED_BYTES, (double)now.retained_bytes);
    ctx->metric_set(ctx, S_TRANSACTION_ID, (double)now.xid);
    ctx->metric_set(ctx, S_POSITION, (double)now.position_lsn);
}

static void
set_snapshot(struct cv_source_ctx *ctx, const struct pg_counts *counts, const struct snapshot *snapshot)
{
    struct snapshot_progress progress = counts->snapshot;
    int64_t end_ms = counts->snapshot_end_ms != 0 ? counts->snapshot_end_ms : cv_mono_ms();
    double seconds = counts->snapshot_start_ms == 0 ? 0 : (double)(end_ms - counts->snapshot_start_ms) / 1000;
    double pace;

    if (snapshot != NULL)
        snapshot_progress(snapshot, &progress);
    pace = progress.percent - progress.percent_before;
    ctx->metric_set(ctx, SNAPSHOT_RUNNING, snapshot != NULL);
    ctx->metric_set(ctx, SNAPSHOT_ROWS, (double)progress.rows);
    ctx->metric_set(ctx, SNAPSHOT_PERCENT, progress.percent);
    ctx->metric_set(ctx, SNAPSHOT_SECONDS_LEFT,
                    snapshot == NULL ? 0
                    : pace <= 0.0    ? -1
                                     : seconds * (100.0 - progress.percent) / pace);
    ctx->metric_set(ctx, N_TABLES, (double)progress.tables);
    ctx->metric_set(ctx, N_TABLES_LEFT, (double)(progress.tables - progress.tables_done));
    ctx->metric_set(ctx, N_RUNNING, snapshot != NULL);
    ctx->metric_set(ctx, N_ABORTED, counts->snapshot_aborted);
    ctx->metric_set(ctx, N_COMPLETED, counts->snapshot_completed);
    ctx->metric_set(ctx, N_SKIPPED, counts->snapshot_skipped);
    ctx->metric_set(ctx, N_SECONDS, seconds);
    ctx->metric_set(ctx, N_ROWS, (double)progress.rows);
    ctx->metric_set(ctx, N_EVENTS, (double)progress.rows);
    ctx->metric_set(ctx, N_SINCE_EVENT_MS,
                    snapshot != NULL               ? 0
                    : counts->snapshot_end_ms == 0 ? -1
                                                   : (double)(cv_mono_ms() - counts->snapshot_end_ms));
}

void
pg_metrics_set(struct cv_source_ctx *ctx, const struct pg_config *config, const struct pg_counts *counts,
               const struct stream *stream, const struct snapshot *snapshot)
{
    static const enum metric queues[] = { S_QUEUE_TOTAL, S_QUEUE_LEFT, N_QUEUE_TOTAL, N_QUEUE_LEFT };

    if (ctx->metric_set == NULL)
        return;
    for (size_t i = 0; i < CV_COUNT(queues); i++)
        ctx->metric_set(ctx, queues[i], config->max_queue_size);
    ctx->metric_set(ctx, S_QUEUE_BYTES_MAX, (double)config->max_queue_bytes);
    set_streaming(ctx, counts, stream);
    set_snapshot(ctx, counts, snapshot);
}

void
pg_metrics_set_tables(struct cv_source_ctx *ctx, const struct table_counts *counts)
{
    const struct table_count *count;
    size_t i = 0;

    if (ctx->metric_set_part == NULL)
        return;
    while ((count = table_counts_next(counts, &i)) != NULL) {
        ctx->metric_set_part(ctx, S_TABLE_CREATES, count->name, (double)count->creates);
        ctx->metric_set_part(ctx, S_TABLE_UPDATES, count->name, (double)count->updates);
        ctx->metric_set_part(ctx, S_TABLE_DELETES, count->name, (double)count->deletes);
        ctx->metric_set_part(ctx, S_TABLE_TRUNCATES, count->name, (double)count->truncates);
    }
}
