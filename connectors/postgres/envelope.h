/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Debezium's envelope: key, before, after, source, op; tombstones; the schemas of all of them. One for a task;
 * its thread only. What a transaction's events share is rendered once a transaction, what a batch's share once
 * a batch.
 */
#ifndef POSTGRES_ENVELOPE_H
#define POSTGRES_ENVELOPE_H

#include "connectors/postgres/plan.h"

struct envelope;
struct transaction;

/* The release of Debezium whose records these are: what source.version says. */
#define DEBEZIUM_VERSION "3.3.1.Final"

struct envelope_spec {
    const struct pg_config *config;
    const struct cv_direct *direct;  /* NULL: records */
    struct transaction *transaction; /* borrowed; NULL: no transaction metadata */
    int task;
};

CV_MUST_CHECK enum cv_rc envelope_new(const struct envelope_spec *spec, struct envelope **ret,
                                      struct cv_err *err);
void envelope_free(struct envelope *env);

/* Fill key_schema, row_schema, envelope_schema and the prefixes of a plan whose columns are compiled. */
CV_MUST_CHECK enum cv_rc envelope_schemas(const struct plan_spec *spec, struct plan *plan,
                                          struct cv_err *err);

/* What the following events share. last_commit 0: none known; xid 0: a message outside of transactions. */
void envelope_transaction(struct envelope *env, cv_time_us commit_time_us, uint32_t xid,
                          cv_lsn last_commit);
/* The slot's catalog_xmin, for events of the stream from the next transaction on. 0: null. */
void envelope_xmin(struct envelope *env, uint64_t xmin);
/* A snapshot: its transaction's start and id; last_commit as above, for one that runs while streaming. */
void envelope_snapshot(struct envelope *env, cv_time_us time_us, uint64_t txid, cv_lsn last_commit);
/* Rows of an incremental snapshot, read about now; the lsn of their changes is that of the window's end. */
void envelope_incremental(struct envelope *env, cv_time_us now_us, cv_lsn last_commit);
/* Snapshot events from now on: "first", "first_in_data_collection", "true", "last_in_data_collection", "last". */
void envelope_marker(struct envelope *env, const char *marker);
/* The connector's clock, for the outer ts_ms, ts_us and ts_ns. Once a batch is enough. */
void envelope_clock(struct envelope *env, int64_t now_ns);
int64_t envelope_now_ms(const struct envelope *env);

/* One change. Old and new rows as the stream or a snapshot has them. */
struct envelope_change {
    char op;                          /* c, u, d, r, t */
    enum plan_row old_kind;
    const struct pgoutput_tuple *old; /* NULL: none */
    const struct pgoutput_tuple *new; /* NULL: none */
    const struct pgoutput_tuple *whole; /* the old row of a create that a changed key makes; NULL: none */
    size_t text_len;                  /* bytes of all values together */
    cv_lsn lsn;
};

/*
 * Append the change's messages (or records) to the batch: one, or a delete with its tombstone, or for a
 * changed key the delete, the tombstone and the create. *ret_bad is set to the index of a column whose value
 * could not be converted, or was not sent by the server and has no placeholder, and went out as null; unless
 * event.converting.failure.handling.mode is skip, when nobody is told, or fail, when that is the failure.
 */
CV_MUST_CHECK enum cv_rc envelope_emit(struct envelope *env, const struct plan *plan,
                                       const struct envelope_change *change, struct cv_batch *batch,
                                       int *ret_bad, struct cv_err *err);

/* Whether the server did not send that column's value, since it is unchanged, and the old row has it not either. */
bool envelope_lacks(const struct envelope_change *change, int column);

/* The source block by itself, for records that are no row events. */
CV_MUST_CHECK enum cv_rc envelope_source_schema(struct cv_schema **ret, struct cv_err *err);
CV_MUST_CHECK enum cv_rc envelope_source_value(const struct envelope *env, const struct cv_schema *source_schema,
                                               const char *schema, const char *table, cv_lsn lsn,
                                               struct cv_arena *arena, struct cv_value *ret, struct cv_err *err);

#endif
