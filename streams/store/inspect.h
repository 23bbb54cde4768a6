/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a statement of a pipeline does, found out by SQLite itself: the authorizer names every table
 * read and written and every function called while the statement is prepared, the program listing
 * shows full scans.
 *
 * The same authorizer keeps a statement from what a pipeline must not do (ATTACH, PRAGMA, DDL,
 * transactions, loading code, randomness, writing engine or source tables).
 */
#ifndef STREAMS_STORE_INSPECT_H
#define STREAMS_STORE_INSPECT_H

#include "common/arena.h"
#include "streams/store/database.h"

/* Who may be written: true for the state tables. */
typedef bool inspect_may_write(void *arg, const char *table);

struct inspect_names {
    const char **items;
    size_t count;
};

struct inspection {
    struct inspect_names reads;   /* tables and change relations */
    struct inspect_names writes;  /* tables */
    struct inspect_names columns; /* of the result; none for a statement that only writes */
    struct inspect_names scans;   /* tables that are read from one end to the other */
    int error_offset;             /* bytes into the text of what failed, -1 unknown */
};

/*
 * Prepare under the authorizer and report. The text must be a single statement. CV_INVALID with
 * what SQLite or the authorizer has against it; then only error_offset is set.
 */
CV_MUST_CHECK
enum cv_rc inspect_statement(struct database *db, const char *sql, inspect_may_write *may_write,
                             void *arg, struct cv_arena *arena, struct inspection *ret,
                             struct cv_err *err);

#endif
