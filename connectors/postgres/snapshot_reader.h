/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection that reads ranges of tables for a snapshot. Several of them see the same data: the first exports what it
 * sees, the others import it. Task's thread only, which reads from all of them in turn.
 */
#ifndef POSTGRES_SNAPSHOT_READER_H
#define POSTGRES_SNAPSHOT_READER_H

#include <libpq-fe.h>

#include "connectors/postgres/snapshot_table.h"

#define SNAPSHOT_ID_MAX 64

struct snapshot_reader {
    PGconn *conn; /* owned */
    struct snapshot_table *table; /* being read; NULL: none */
    bool starting;                /* the server has not answered to the statement yet */
    uint64_t first, pages;        /* of its range */
};

/* Begin the transaction. exported: the snapshot to import; NULL: one of its own, as snapshot.isolation.mode says. */
CV_MUST_CHECK enum cv_rc snapshot_reader_begin(struct snapshot_reader *reader, const struct snapshot_spec *spec,
                                               const char *exported, struct cv_err *err);
/* There are several readers: none waits for a lock longer than snapshot.lock.timeout.ms. */
CV_MUST_CHECK enum cv_rc snapshot_reader_share(struct snapshot_reader *reader, const struct snapshot_spec *spec,
                                               struct cv_err *err);
/* What it sees, for others to import; "" where every statement sees something else (snapshot.isolation.mode). */
CV_MUST_CHECK enum cv_rc snapshot_reader_export(struct snapshot_reader *reader, const struct snapshot_spec *spec,
                                                char ret[SNAPSHOT_ID_MAX], struct cv_err *err);
void snapshot_reader_done(struct snapshot_reader *reader);

/* Read the table's next range. */
CV_MUST_CHECK enum cv_rc snapshot_reader_start(struct snapshot_reader *reader, struct snapshot_table *table,
                                               struct cv_err *err);

enum snapshot_read { SNAPSHOT_ROW, SNAPSHOT_DRY, SNAPSHOT_RANGE_END };

/* ROW: *ret_data is a line of COPY text for PQfreemem. DRY: nothing has arrived. RANGE_END: the reader has no table any
   more. */
CV_MUST_CHECK enum cv_rc snapshot_reader_next(struct snapshot_reader *reader, enum snapshot_read *ret, char **ret_data,
                                              size_t *ret_len, struct cv_err *err);

#endif
