/* SPDX-License-Identifier: Apache-2.0 */
/* What stream.c (the connection, reading, positions) and stream_message.c (what the messages mean) share. */
#ifndef POSTGRES_STREAM_PRIVATE_H
#define POSTGRES_STREAM_PRIVATE_H

#include "common/log.h"
#include "connectors/postgres/signal.h"
#include "connectors/postgres/stream.h"

struct cv_hash;

/* A change kept back until the next one shows whether both share an LSN; see stream_message.c. */
struct stream_held {
    char *data; /* owned; NULL: none */
    size_t len;
    cv_lsn lsn;
};

struct stream {
    struct stream_spec spec;
    PGconn *repl;
    PGconn *conn;
    struct cv_hash *plans; /* struct plan by relation OID; a value of NULL never occurs */
    struct cv_hash *ignored; /* OIDs of relations that are not captured */
    const struct plan *last_plan;
    unsigned skipped_ops;

    struct pgoutput_relation relation;
    struct pgoutput_value old_values[PGOUTPUT_MAX_COLUMNS];
    struct pgoutput_value new_values[PGOUTPUT_MAX_COLUMNS];

    /* the transaction under way */
    bool in_transaction;
    bool source_rendered; /* the envelope has this transaction's source block */
    bool skip_transaction;
    struct pgoutput_begin begin;
    uint64_t changes;  /* of it that were read, captured or not, and messages */
    cv_lsn change_lsn; /* of the last of them */
    char change_type;
    cv_lsn whole_lsn; /* the change before that had another LSN: all changes up to it were handed over */
    char whole_type;

    struct position position; /* the last commit handed over */
    cv_lsn seen_commit;       /* what source.sequence says: the last commit that was not skipped */
    bool position_moved;      /* since the batch's offset was set */
    uint64_t stored_changes;  /* of the transaction under way, that an offset says */
    bool held;                /* exactly once: the last batch ended inside of a transaction */
    cv_lsn idle_lsn;          /* the server has nothing for us up to here */
    int64_t idle_offset_ms;   /* when an idle position was last set */

    bool window_moved;                  /* an incremental snapshot went on since an offset was set */
    struct snapshot_request *request;   /* a blocking snapshot to take at the next commit; owned; NULL: none */
    struct position_partial sent; /* of the next transaction, by an earlier stream */
    struct stream_held held_change;
    cv_lsn received;
    cv_time_us sent_us; /* when the server sent the last message, by its clock */
    cv_lsn confirmed;
    int64_t status_ms; /* so often the server hears from us */
    int64_t status_due_ms;
    bool reply_now;
    int64_t patience_ms; /* the server's wal_sender_timeout is also ours; 0: none */
    int64_t heard_ms;    /* when the server was last heard */
    int64_t asked_ms;    /* when it was asked since; 0: not yet */
    bool heard;          /* since that was looked at */
    int64_t slot_due_ms; /* when the slot and the server are looked at again */
    struct slot_info slot;
    uint64_t server_xmax; /* the next transaction id */
    cv_lsn mark_lsn;      /* where the server once was; 0: not looked yet */
    uint64_t mark_xmax;   /* and its next transaction id there */
    uint64_t passed_xmax; /* of the last mark that the stream has passed; 0: none */

    uint64_t events;
    uint64_t transactions;
    uint64_t creates, updates, deletes; /* of the events */
    uint64_t filtered;
    uint64_t erroneous;
    uint64_t counted;      /* events when last_event_ms was set */
    int64_t last_event_ms; /* 0: none */
    cv_lsn server_end;     /* of the WAL, as the server last said */
    cv_time_us batch_us; /* the wall clock of the batch being filled */
    double behind_seconds;
    cv_time_us window_start_us;
    uint64_t window_events;
    bool fast;
    struct cv_log_limit bad_value_limit;
    struct cv_log_limit bad_event_limit;
};

/* One pgoutput message whose XLogData frame starts at lsn. */
CV_MUST_CHECK enum cv_rc stream_message(struct stream *s, cv_lsn lsn, const void *data, size_t len,
                                        struct cv_batch *batch, struct cv_err *err);

/* A change of the signal table. */
CV_MUST_CHECK enum cv_rc stream_signal_row(struct stream *s, char op, const struct pgoutput_change *change, cv_lsn lsn,
                                           struct cv_batch *batch, struct cv_err *err);
/* The window of an incremental snapshot is closed by what came at lsn. */
CV_MUST_CHECK enum cv_rc stream_window_closed(struct stream *s, cv_lsn lsn, struct cv_batch *batch, struct cv_err *err);

/* stream_pace.c */
#define STREAM_GATHER_MS 10 /* between two reads behind a backlog */
void stream_pace_start(struct stream *s);
void stream_measure_rate(struct stream *s);
/* Let a little gather; a wake-up ends it. */
void stream_nap(struct stream *s);
/* What is read was committed a while before it was sent, both by the server's clock. */
bool stream_is_behind(const struct stream *s);

/* Everything that ended up to lsn is handed over. */
void stream_move(struct stream *s, cv_lsn lsn, cv_time_us time_us, uint64_t txid);

#endif
