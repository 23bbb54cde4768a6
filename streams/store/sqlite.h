/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of database.c, for the other files of this folder only. */
#ifndef STREAMS_STORE_SQLITE_H
#define STREAMS_STORE_SQLITE_H

#ifndef SQLITE_ENABLE_PREUPDATE_HOOK
#define SQLITE_ENABLE_PREUPDATE_HOOK 1
#endif
#include <sqlite3.h>

#include "streams/store/database.h"

/* A copy of the default VFS of which one connection's clock hangs. */
struct db_vfs {
    sqlite3_vfs vfs; /* first: SQLite hands back a pointer to it */
    int64_t now_ms;  /* 0: wall clock */
    char name[32];
};

struct database {
    sqlite3 *handle;
    char *path;
    struct db_vfs *vfs;
    int error_offset;
    enum db_fault fault;
    int64_t watermark_ms;
    int64_t close_from_ms;
    int64_t close_to_ms;
    db_late *late;
    void *late_arg;
    db_header *header;
    void *header_arg;
};

static inline sqlite3_stmt *
statement_handle(struct statement *st)
{
    return (sqlite3_stmt *)st;
}

struct cell sqlite_cell(sqlite3_value *value);
void sqlite_result(sqlite3_context *ctx,
                   const struct cell *cell); /* text and blob are not copied */

/* Fill err from the connection's last error and remember the fault: "context: message", or the
   message alone. */
enum cv_rc db_fail(struct database *db, struct cv_err *err, const char *fmt, ...) CV_PRINTF(3, 4);

#endif
