/* SPDX-License-Identifier: Apache-2.0 */
/* Which tables a snapshot reads, in which order, and with which statement each. Task's thread only. */
#ifndef POSTGRES_SNAPSHOT_TABLE_H
#define POSTGRES_SNAPSHOT_TABLE_H

#include "common/buf.h"
#include "connectors/postgres/snapshot.h"

/* A row that is held back until it is known whether another follows; its values point into data. */
struct snapshot_row {
    char *data; /* libpq's */
    size_t len;
    struct snapshot_table *from;
    uint64_t first;            /* page of the range that it is of */
    bool ends_range;           /* the last of that range */
    struct snapshot_row *next; /* in the list of unused ones */
    struct pgoutput_value values[PGOUTPUT_MAX_COLUMNS];
};

struct snapshot_table {
    const struct pg_table *table; /* borrowed from the spec */
    char *name;                   /* schema.table */
    struct plan *plan;
    const char *statement; /* instead of the table; NULL: none. Borrowed from the spec */
    bool *reads;           /* a column of the plan is read */
    uint64_t pages;        /* as it was begun; what inherits from it as well */
    double estimate;       /* of its rows; 0: not known */
    bool has_ranges;       /* its ctid may be read */
    uint64_t range_pages;  /* of a range; 0: read to its end at once */
    uint32_t structure;    /* hash of name, columns and key */
    uint32_t filenode;     /* 0: it has none */

    /* what an interrupted snapshot has delivered */
    uint64_t pages_before; /* 0: nothing */
    uint64_t rows_before;
    double percent_before;
    uint64_t xid;          /* rows of older transactions were delivered with these pages */
    bool looks_back;       /* those of newer ones in these pages are still to be read */

    /* how far it is */
    enum snapshot_table_state state;
    uint64_t next;       /* first page that no reader was given */
    bool given;          /* the last range was */
    size_t readers;      /* that read it now */
    uint64_t pages_done; /* of ranges that were read to their end */
    uint64_t rows;
    uint64_t emitted;
    struct snapshot_row *held; /* the last row; NULL: none */
    int64_t begun_ms, ended_ms;
};

struct snapshot_table_list {
    struct snapshot_table *items;
    size_t count;
    char *names;        /* joined by commas, in order */
    char *hashed_names; /* the same as a Java HashSet has them */
};

#define SNAPSHOT_RANGE_PAGES 8192

/* The captured tables that the spec asks for, with their sizes and plans, in order; with what was delivered of them,
   if the spec goes on from that. xmin: all older transactions are seen by the snapshot. */
CV_MUST_CHECK enum cv_rc snapshot_tables_choose(const struct snapshot_spec *spec, PGconn *conn, uint64_t xmin,
                                                struct snapshot_table_list *ret, struct cv_err *err);
void snapshot_tables_done(struct snapshot_table_list *list);
/* In how many ranges they are read from here on. */
size_t snapshot_tables_ranges(const struct snapshot_table_list *list);

/* COPY ... TO STDOUT of the table's next range, which is given then; the last one is open. *ret_first: where it begins;
   *ret_pages: how many those are. */
CV_MUST_CHECK enum cv_rc snapshot_table_copy(struct snapshot_table *table, struct cv_buf *sql, uint64_t *ret_first,
                                             uint64_t *ret_pages, struct cv_err *err);
/* 0 to 100; -1: not known. */
double snapshot_table_percent(const struct snapshot_table *table);

#endif
