/* SPDX-License-Identifier: Apache-2.0 */
/* What envelope.c, envelope_record.c and envelope_schema.c share. */
#ifndef POSTGRES_ENVELOPE_PRIVATE_H
#define POSTGRES_ENVELOPE_PRIVATE_H

#include "common/buf.h"
#include "connectors/postgres/envelope.h"

#define FRAGMENT_MAX 65536
#define HEADER_MAX   ((size_t)1 << 20)
#define N_CONTEXT    3

/* What is 0 is not known, and null in events. */
struct envelope_source {
    cv_time_us time_us;
    uint64_t txid;
    cv_lsn last_commit;
    uint64_t xmin;
    bool no_lsn;        /* rows of incremental snapshots have a place in the stream, but no LSN */
    const char *marker; /* NULL: streaming */
};

struct envelope {
    const struct pg_config *config;
    unsigned skipped; /* PG_OP_ bits: the halves of a changed key are a delete and a create */
    const struct cv_direct *direct;
    struct transaction *transaction; /* borrowed; NULL: no transaction metadata */
    struct envelope_source source;
    uint64_t xmin; /* for the next transaction */
    int64_t now_ns;

    /* Rendered text; see envelope.c. */
    struct cv_buf source_head;
    struct cv_buf database;
    struct cv_buf head;
    struct cv_buf middle;
    struct cv_buf tail;
    struct cv_buf end;
    struct cv_buf clock;

    char task_id[12];
    struct cv_raw_header context[N_CONTEXT];
    struct cv_raw_headers headers; /* of the direct path; count 0: none */

    struct cv_schema *source_schema;
};

/* The whole old row, which columns that were not sent again are taken from; NULL: not known. */
static inline const struct pgoutput_tuple *
envelope_whole(const struct envelope_change *change)
{
    return change->old != NULL && change->old_kind == PLAN_ROW_WHOLE ? change->old : change->whole;
}


struct transaction_order;

/* The order of the event that is being made, in *ret; *ret_order is NULL where none is said. */
CV_MUST_CHECK enum cv_rc envelope_count(const struct envelope *env, const struct plan *plan,
                                        struct transaction_order *ret, const struct transaction_order **ret_order,
                                        struct cv_err *err);
CV_MUST_CHECK enum cv_rc envelope_emit_records(struct envelope *env, const struct plan *plan,
                                               const struct envelope_change *change,
                                               struct cv_batch *batch, int *ret_bad, struct cv_err *err);

#endif
