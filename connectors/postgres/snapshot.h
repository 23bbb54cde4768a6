/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The initial snapshot: COPY of the captured tables, in ranges of ctid, by snapshot.max.threads connections, all in one
 * snapshot of the database, through the same plans and envelopes as the stream. Task's thread only.
 */
#ifndef POSTGRES_SNAPSHOT_H
#define POSTGRES_SNAPSHOT_H

#include "connectors/postgres/envelope.h"
#include "connectors/postgres/position.h"
#include "connectors/postgres/snapshot_delivered.h"

struct cv_wake;
struct notifications;
struct snapshot;

struct snapshot_spec {
    const struct pg_config *config;
    const struct cv_direct *direct;
    struct cv_source_ctx *ctx;
    struct envelope *envelope;
    struct notifications *notifications;
    const struct table_filter *filter;
    struct catalog *catalog;
    struct cv_wake *wake;
    struct pg_tables *tables;  /* captured ones, in snapshot order; borrowed until snapshot_free, as all that follows */
    const char *include;       /* patterns of schema.table to read; NULL: all of tables */
    const struct pg_select_override *overrides; /* statements instead of tables */
    size_t n_overrides;
    const char *exported;      /* snapshot to import; NULL: one of its own */
    struct position position;  /* lsn, last_commit; time and txid are filled by snapshot_start */
    bool resumable;            /* if it is interrupted, another can go on: snapshot_delivered() is asked for */
    const struct snapshot_delivered *delivered; /* what it goes on from; NULL: it begins */
};

enum snapshot_table_state { TABLE_WAITING, TABLE_RUNNING, TABLE_COMPLETED };

struct snapshot_progress {
    size_t tables;
    size_t tables_done;
    uint64_t rows;
    double percent;
    uint64_t rows_before; /* of these, by the interrupted one that it goes on from */
    double percent_before;
    bool done;
};

struct snapshot_table_progress {
    const char *name; /* schema.table; borrowed */
    enum snapshot_table_state state;
    uint64_t rows;
    double percent; /* -1: not known */
    uint64_t rows_before;
    double percent_before;
    int64_t ms; /* that it has taken so far */
};

/* take_conn: an ordinary connection, owned from here on, also on failure. The transaction is open and the
   snapshot imported when this returns. */
CV_MUST_CHECK enum cv_rc snapshot_start(const struct snapshot_spec *spec, PGconn *take_conn,
                                        struct snapshot **ret, struct cv_err *err);
void snapshot_free(struct snapshot *snapshot);

/* How many tables it reads. */
size_t snapshot_tables(const struct snapshot *snapshot);
/* As in the envelope: when the transaction began, its id, and its position. */
void snapshot_position(const struct snapshot *snapshot, struct position *ret);
/* The transaction's visibility, "xmin:xmax:xip,...". Borrowed. */
const char *snapshot_visible(const struct snapshot *snapshot);

/* Whether more of its tables is delivered, with the batches so far, than when this was asked for the last time. */
bool snapshot_moved(struct snapshot *snapshot);
/* What that is. start: see there. */
CV_MUST_CHECK enum cv_rc snapshot_delivered(const struct snapshot *snapshot, cv_lsn start,
                                            struct snapshot_delivered **ret, struct cv_err *err);

/* Append rows until the batch is full or timeout_ms passed. *ret_done: the last row is in the batch. batch NULL:
   only wait. */
CV_MUST_CHECK enum cv_rc snapshot_poll(struct snapshot *snapshot, struct cv_batch *batch, int timeout_ms,
                                       bool *ret_done, struct cv_err *err);
void snapshot_progress(const struct snapshot *snapshot, struct snapshot_progress *ret);
/* Of one of its tables, in order. */
void snapshot_progress_table(const struct snapshot *snapshot, size_t i, struct snapshot_table_progress *ret);

#endif
