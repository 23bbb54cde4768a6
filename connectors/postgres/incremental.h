/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Incremental snapshots: tables are read in chunks of their key while the stream goes on.
 *
 * A chunk is read between two marks in the WAL, and waits until the stream has passed the second. A row whose key
 * changes in between is dropped: the stream has it, newer. The marks are rows of the signal table; with read.only they
 * are positions, and what changes is told by transaction ids. Rows go out when the window closes, so for each key the
 * order of events is the order of what happened.
 *
 * A transaction is in the WAL, and in the stream, a moment before other sessions see what it did (with synchronous
 * replication a long one). A chunk read in that moment would bring back what the stream has already seen go. So none is
 * read before everything that the stream has had is visible (visibility.h); the same holds for blocking snapshots.
 *
 * What a transaction changed before its table was in the publication is not in the stream, and not in a chunk either
 * that is read before the transaction commits. So the first chunk waits for the transactions that were running when the
 * table was asked for.
 *
 * Task's thread only; outlives connections. Where it stands is part of every offset, in Debezium's fields.
 */
#ifndef POSTGRES_INCREMENTAL_H
#define POSTGRES_INCREMENTAL_H

#include "connectors/postgres/envelope.h"
#include "connectors/postgres/signal.h"
#include "connectors/postgres/snapshot.h"

struct cv_log;
struct incremental;
struct notifications;

struct incremental_spec {
    const struct pg_config *config;
    const struct cv_direct *direct;
    struct cv_source_ctx *ctx;
    struct envelope *envelope;
    struct notifications *notifications;
    const struct table_filter *filter;
    struct catalog *catalog;
};

CV_MUST_CHECK enum cv_rc incremental_new(const struct incremental_spec *spec, struct incremental **ret,
                                         struct cv_err *err);
void incremental_free(struct incremental *inc);

/* The fields of an offset. */
CV_MUST_CHECK enum cv_rc incremental_read(struct incremental *inc, const struct cv_value *offset, struct cv_err *err);
CV_MUST_CHECK enum cv_rc incremental_write(const struct incremental *inc, struct cv_arena *arena, struct cv_value *map,
                                           struct cv_err *err);

/* execute, stop, pause or resume. tables: those that are captured, which patterns are looked for in. */
CV_MUST_CHECK enum cv_rc incremental_signal(struct incremental *inc, const struct signal *signal,
                                            const struct pg_tables *tables, struct cv_err *err);
/* Read the next chunk, unless one is waiting, none is left, it is paused, or it must be postponed. A new stream calls
   it first with anew: a chunk that was waiting is read again. */
CV_MUST_CHECK enum cv_rc incremental_next(struct incremental *inc, bool anew, struct cv_err *err);

/* Tables that are left, the first of which is being read; 0: nothing runs. */
size_t incremental_tables(const struct incremental *inc);
bool incremental_paused(const struct incremental *inc);
const char *incremental_id(const struct incremental *inc); /* of the signal that began the run */
void incremental_progress_table(const struct incremental *inc, size_t i, struct snapshot_table_progress *ret);

/* A transaction begins in the stream: its changes are newer than the chunk unless that has seen it (read.only). */
void incremental_transaction(struct incremental *inc, uint32_t xid);
/* *ret: whoever reads now sees every transaction that has begun in the stream. */
CV_MUST_CHECK enum cv_rc incremental_settled(struct incremental *inc, bool *ret, struct cv_err *err);
/* A chunk is due that could not be read yet, for that reason or because older transactions have not ended. */
bool incremental_postponed(const struct incremental *inc);
/* Whether changes of that table have to be told. */
bool incremental_watches(const struct incremental *inc, uint32_t table);
/* A change of a watched table; old and new as in the envelope's change, both NULL: it was truncated. */
CV_MUST_CHECK enum cv_rc incremental_change(struct incremental *inc, const struct plan *plan,
                                            const struct envelope_change *change, struct cv_err *err);

/* A mark came in the stream; *ret_closed: the window is closed, incremental_emit() is due. id: of the row of the signal
   table, which for a deleted row is all there is. */
void incremental_mark(struct incremental *inc, struct cv_bytes id, bool deleted, bool *ret_closed);
/* The stream has everything up to lsn (read.only). */
bool incremental_reached(struct incremental *inc, cv_lsn lsn);
/* Append the rows of the closed window. last_commit and lsn: where the stream stands. The envelope's source block is
   another one afterwards. */
CV_MUST_CHECK enum cv_rc incremental_emit(struct incremental *inc, cv_lsn last_commit, cv_lsn lsn,
                                          struct cv_batch *batch, struct cv_err *err);

#endif
