/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transaction metadata (provide.transaction.metadata): BEGIN and END records in a topic of their own, and the
 * numbers that every event of a transaction carries. What is counted is part of the offset, so a transaction that is
 * continued after a restart goes on counting and has one BEGIN and one END. Task's thread only; outlives connections.
 */
#ifndef POSTGRES_TRANSACTION_H
#define POSTGRES_TRANSACTION_H

#include "connectors/postgres/plan.h"

struct transaction;

/* *ret NULL with CV_OK: the option is off. */
CV_MUST_CHECK enum cv_rc transaction_new(const struct pg_config *config, struct transaction **ret,
                                         struct cv_err *err);
void transaction_free(struct transaction *txn);

/* A Begin message at lsn. Counting begins anew and BEGIN goes out, unless it is the transaction that the offset
   had open. */
CV_MUST_CHECK enum cv_rc transaction_begin(struct transaction *txn, const struct pgoutput_begin *begin, cv_lsn lsn,
                                           struct cv_batch *batch, struct cv_err *err);
/* Its Commit at lsn: END goes out. */
CV_MUST_CHECK enum cv_rc transaction_end(struct transaction *txn, cv_lsn lsn, struct cv_batch *batch,
                                         struct cv_err *err);

/* What the next event of the collection ("schema.table") carries; counts it. oid 0: no table. */
struct transaction_order {
    uint32_t xid;
    uint64_t total;
    uint64_t in_collection;
};
CV_MUST_CHECK enum cv_rc transaction_count(struct transaction *txn, uint32_t oid, const char *schema,
                                           const char *table, struct transaction_order *ret, struct cv_err *err);

/* The fields of an offset. open: the transaction goes on behind this offset. */
CV_MUST_CHECK enum cv_rc transaction_write(const struct transaction *txn, struct cv_arena *arena, struct cv_value *map,
                                           struct cv_err *err);
CV_MUST_CHECK enum cv_rc transaction_read(struct transaction *txn, const struct cv_value *offset, bool open,
                                          struct cv_err *err);

/* The block "transaction" of events; NULL and CV_NO_MEMORY are told apart by the rc. */
CV_MUST_CHECK enum cv_rc transaction_block_schema(struct cv_schema **ret, struct cv_err *err);

#endif
