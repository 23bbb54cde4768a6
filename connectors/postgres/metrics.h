/* SPDX-License-Identifier: Apache-2.0 */
/* The connector's metrics: under our own names, and under those that exporters of Debezium's print. */
#ifndef POSTGRES_METRICS_H
#define POSTGRES_METRICS_H

#include <culvert/plugin.h>

#include "common/metrics.h"
#include "connectors/postgres/snapshot.h"
#include "connectors/postgres/stream.h"
#include "connectors/postgres/table_counts.h"

#define PG_METRICS 50
extern const struct cv_metric pg_metrics[PG_METRICS];

/* What a task counts over the connections that it had. */
struct pg_counts {
    struct stream_stats before; /* of streams that ended */
    uint64_t disconnects;
    struct snapshot_progress snapshot; /* the last one's, when it ended */
    bool snapshot_completed;
    bool snapshot_aborted;
    bool snapshot_skipped;
    int64_t snapshot_start_ms; /* 0: none was begun */
    int64_t snapshot_end_ms;   /* 0: it is running */
};

/* A stream ends: what it counted is kept. */
void pg_counts_add(struct pg_counts *counts, const struct stream_stats *stats);

/* Hand all values over. stream and snapshot NULL: there is none. */
void pg_metrics_set(struct cv_source_ctx *ctx, const struct pg_config *config, const struct pg_counts *counts,
                    const struct stream *stream, const struct snapshot *snapshot);
/* And those of each table. */
void pg_metrics_set_tables(struct cv_source_ctx *ctx, const struct table_counts *counts);

#endif
