/* SPDX-License-Identifier: Apache-2.0 */
/* Which tables a snapshot reads, in which order, and with which statement each. Task's thread only. */
#ifndef POSTGRES_SNAPSHOT_TABLE_H
#define POSTGRES_SNAPSHOT_TABLE_H

#include "common/buf.h"
#include "connectors/postgres/snapshot.h"

struct snapshot_table {
    const struct pg_table *table; /* borrowed from the spec */
    char *name;                   /* schema.table */
    struct plan *plan;
    const char *statement; /* instead of the table; NULL: none. Borrowed from the spec */
    bool *reads;           /* a column of the plan is read */
    uint64_t pages;        /* 0: read whole */
};

struct snapshot_table_list {
    struct snapshot_table *items;
    size_t count;
    char *names;        /* joined by commas, in order */
    char *hashed_names; /* the same as a Java HashSet has them */
};

#define SNAPSHOT_RANGE_PAGES 8192

/* The captured tables that the spec asks for, with their sizes and plans, in order. */
CV_MUST_CHECK enum cv_rc snapshot_tables_choose(const struct snapshot_spec *spec, PGconn *conn,
                                                struct snapshot_table_list *ret, struct cv_err *err);
void snapshot_tables_done(struct snapshot_table_list *list);

/* COPY ... TO STDOUT of the range of pages from first on; the last range is open. */
CV_MUST_CHECK enum cv_rc snapshot_table_copy(const struct snapshot_table *table, uint64_t first, struct cv_buf *sql,
                                             struct cv_err *err);

#endif
