/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streaming: drain the replication connection, decode, plan, encode into the batch; answer keepalives; confirm
 * what is durable. Task's thread only, but for the wake-up, which the task owns.
 */
#ifndef POSTGRES_STREAM_H
#define POSTGRES_STREAM_H

#include "connectors/postgres/envelope.h"
#include "connectors/postgres/position.h"
#include "connectors/postgres/slot.h"

struct cv_log;
struct cv_wake;
struct heartbeat;
struct incremental;
struct logical_messages;
struct reselect;
struct signal;
struct stream;
struct table_counts;
struct transaction;

/* Transactions that a snapshot has already seen: skipped up to a position. See task.c. */
struct stream_seen {
    cv_lsn until; /* commits beyond it are never seen; 0: nothing to skip */
    uint64_t xmin;
    uint64_t xmax;
    uint32_t *running; /* low 32 bits of the transactions that ran; owned */
    size_t n_running;
};

struct stream_spec {
    const struct pg_config *config;
    const struct cv_direct *direct;
    struct cv_source_ctx *ctx;
    struct envelope *envelope;
    struct transaction *transaction;    /* borrowed; NULL: no transaction metadata */
    struct logical_messages *messages;  /* borrowed */
    struct heartbeat *heartbeat;        /* borrowed; NULL: none */
    struct incremental *incremental;    /* borrowed */
    struct reselect *reselect;          /* borrowed; NULL: no column is read again */
    struct table_counts *table_counts;  /* borrowed; NULL: tables are not counted by themselves */
    const struct pg_tables *tables;     /* captured ones; borrowed */
    const struct table_filter *filter;
    struct catalog *catalog;
    struct cv_wake *wake;         /* borrowed */
    struct system_info system;
    struct position start;        /* streaming begins at start.lsn; start.partial of what follows is skipped */
    const struct stream_seen *seen; /* borrowed; NULL: none */
};

struct stream_stats {
    uint64_t events;
    uint64_t creates;
    uint64_t updates;
    uint64_t deletes;
    uint64_t filtered;  /* changes that were left out */
    uint64_t erroneous; /* events with a value that could not be converted */
    uint64_t transactions;
    int64_t last_event_ms; /* monotonic; 0: none */
    cv_lsn received_lsn;
    cv_lsn confirmed_lsn;
    cv_lsn position_lsn;
    cv_lsn server_lsn;
    uint64_t lag_bytes;        /* WAL that is not handed over */
    uint64_t lag_transactions; /* at most */
    double lag_ms;
    uint64_t retained_bytes; /* WAL that the server keeps for the slot */
    uint64_t xid;            /* of the last transaction */
    double behind_seconds; /* age of the last commit when it was handed over */
};

/*
 * take_repl: a replication connection on which nothing is running; take_conn: an ordinary one, for the catalog.
 * Both are owned by the stream from here on, also on failure. CV_RETRY: try again with new connections.
 */
CV_MUST_CHECK enum cv_rc stream_start(const struct stream_spec *spec, PGconn *take_repl, PGconn *take_conn,
                                      struct stream **ret, struct cv_err *err);
void stream_free(struct stream *stream);

/*
 * Append what has arrived until the batch holds about target bytes or the socket is dry; wait for at most
 * timeout_ms when there was nothing. batch NULL: only answer keepalives and wait. Positions at commit
 * boundaries are set in the batch. CV_RETRY: the connection is lost; stream_resume tells where to go on.
 */
CV_MUST_CHECK enum cv_rc stream_poll(struct stream *stream, struct cv_batch *batch, int timeout_ms,
                                     struct cv_err *err);
/* Do what the signal asks for, wherever it came from. */
CV_MUST_CHECK enum cv_rc stream_act(struct stream *stream, const struct signal *signal, struct cv_err *err);
/* A blocking snapshot that a signal asked for; between transactions only. */
struct snapshot_request {
    char *include; /* patterns of schema.table */
    struct pg_select_override *overrides;
    size_t n_overrides;
};
void snapshot_request_free(struct snapshot_request *request);
/* *ret is the caller's to free; NULL: there is none, or it is not the time for it. */
CV_MUST_CHECK enum cv_rc stream_take_request(struct stream *stream, struct snapshot_request **ret, struct cv_err *err);
/* Where the stream stands, for what comes in between. */
void stream_position(const struct stream *stream, struct position *ret);

/* Everything up to lsn is durable, and so is the offset that says so: tell the server. */
void stream_confirm(struct stream *stream, cv_lsn lsn);
void stream_stats(const struct stream *stream, struct stream_stats *ret);
/* Look at the slot and at the server: every ten seconds, or anew. stream_poll() does so, too. */
CV_MUST_CHECK enum cv_rc stream_look(struct stream *stream, bool anew, struct cv_err *err);
/* The slot as it was looked at last. */
void stream_slot(const struct stream *stream, struct slot_info *ret);

/* Where a new stream goes on after this one: the last commit that was handed over, and how much of the transaction
   behind it was, too. */
void stream_resume_point(const struct stream *stream, struct position *ret);

#endif
