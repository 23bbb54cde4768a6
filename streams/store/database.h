/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One SQLite connection and its statements. The rest of the engine sees SQLite through this header
 * and those beside it; only the files of this folder include sqlite3.h.
 *
 * A database belongs to one thread (SQLITE_OPEN_NOMUTEX). Files are recognised before they are
 * touched: what is not a state file of ours is never written to.
 */
#ifndef STREAMS_STORE_DATABASE_H
#define STREAMS_STORE_DATABASE_H

#include <culvert/err.h>
#include <culvert/value.h>

struct database;
struct statement; /* a prepared statement */

/* A value. Text and blob are borrowed. */
enum cell_kind {
    CELL_NULL,
    CELL_INTEGER,
    CELL_REAL,
    CELL_TEXT,
    CELL_BLOB,
    CELL_UNCHANGED, /* the event does not say: the stored value stays (unchanged TOAST) */
};

struct cell {
    enum cell_kind kind;
    union {
        int64_t integer;
        double real;
        size_t len; /* of data */
    };
    const char *data;
};

bool cell_equal(const struct cell *a, const struct cell *b);

/* What stood behind the last failure of a database. */
enum db_fault {
    DB_FAULT_NONE,
    DB_FAULT_DATA,    /* the statement or its values: constraint, overflow, type */
    DB_FAULT_FULL,    /* no room on the disk */
    DB_FAULT_CORRUPT, /* the file is damaged */
    DB_FAULT_OTHER,
};

/* Call once before the first connection of the process: allocator and SQLite settings. */
void db_process_init(void);

const char *db_library_version(void);

CV_MUST_CHECK
enum cv_rc db_open_memory(struct database **ret, struct cv_err *err);

enum db_access { DB_WRITE, DB_READ_ONLY };

/*
 * Open an existing state file. CV_NOT_FOUND: there is none. CV_INVALID: something else stands there
 * (a directory, text, a database of another application, one of a newer version): named, untouched.
 * CV_INTERNAL with *ret_corrupt true: it is ours but damaged.
 */
CV_MUST_CHECK
enum cv_rc db_open(const char *path, enum db_access access, struct database **ret,
                   bool *ret_corrupt, struct cv_err *err);
/* Create a state file: under another name, filled by ddl, then renamed, so that a state file that
   exists is whole. Fails if there is one. */
CV_MUST_CHECK
enum cv_rc db_create(const char *path, const char *ddl, struct cv_err *err);
/* Remove a state file with its WAL. Only for files that db_open has recognised. */
CV_MUST_CHECK
enum cv_rc db_remove(const char *path, struct cv_err *err);
void db_close(struct database *db); /* rolls back; statements must be freed before. NULL is fine */

/* PRAGMA quick_check. CV_INTERNAL with what it found. */
CV_MUST_CHECK
enum cv_rc db_check(struct database *db, struct cv_err *err);
/* Make another state file readable under a schema name. Its pages are mapped, so that several
   connections share them. */
CV_MUST_CHECK
enum cv_rc db_attach(struct database *db, const char *path, const char *schema, struct cv_err *err);

/* Copy the tables of the schema that is in memory into the temporary one of another connection, which must not read
   there. CV_INVALID: they have more than max_bytes. */
CV_MUST_CHECK
enum cv_rc db_copy_memory(struct database *from, struct database *to, int64_t max_bytes, struct cv_err *err);

/* Bring the WAL into the file as far as readers allow: mapped pages are found in the file only. */
void db_checkpoint(struct database *db);
/* The same, and make the WAL short; does nothing while someone reads. */
void db_truncate_wal(struct database *db);

/* Run statements without values; for literals of ours. */
CV_MUST_CHECK
enum cv_rc db_exec(struct database *db, const char *sql, struct cv_err *err);

/* BEGIN, COMMIT, ROLLBACK; asking for what is already so is fine. */
CV_MUST_CHECK
enum cv_rc db_begin(struct database *db, struct cv_err *err);
CV_MUST_CHECK
enum cv_rc db_commit(struct database *db, struct cv_err *err);
void db_rollback(struct database *db);
bool db_in_transaction(const struct database *db);

enum db_fault db_fault(const struct database *db);
/* Byte offset into the SQL of the last failed db_prepare, -1 unknown. */
int db_error_offset(const struct database *db);
int64_t db_bytes(struct database *db); /* pages times page size */
const char *db_path(const struct database *db);

/* The time that 'now' means to SQLite's date functions on this connection. */
void db_clock_set(struct database *db, int64_t now_ms);
int64_t db_clock(const struct database *db);

/* What watermark() gives; TIME_NONE: NULL. And the windows that "<table>_closed" shows: those that
   end in (from, to]. */
#define TIME_NONE INT64_MIN
void db_watermark_set(struct database *db, int64_t watermark_ms);
void db_closing_set(struct database *db, int64_t from_ms, int64_t to_ms);
/* Who takes rows of windows that are closed, all columns of their table; NULL: nobody. */
typedef void db_late(void *arg, const struct cell *cells, size_t count);
void db_late_set(struct database *db, db_late *take, void *arg);

/* What header() gives: value of the last header of that name of the record under way; false: none.
   NULL: there is no record. */
typedef bool db_header(void *arg, const char *name, struct cv_bytes *ret);
void db_header_set(struct database *db, db_header *find, void *arg);

/* Load a library of SQL functions. */
CV_MUST_CHECK
enum cv_rc db_extension(struct database *db, const char *path, struct cv_err *err);

/* The first statement of the text. *ret_rest, if wanted, points behind it. */
CV_MUST_CHECK
enum cv_rc db_prepare(struct database *db, const char *sql, struct statement **ret,
                      const char **ret_rest, struct cv_err *err);
void statement_free(struct statement *st);
const char *statement_sql(const struct statement *st);

/* Parameters count from 1. Text and blob must stay until the next reset. */
void statement_bind(struct statement *st, int param, const struct cell *cell);
void statement_bind_int(struct statement *st, int param, int64_t v);
void statement_bind_text(struct statement *st, int param, const char *text); /* NULL: null */

/* *ret_row true: there is a row to read. A failed statement is reset. */
CV_MUST_CHECK
enum cv_rc statement_step(struct database *db, struct statement *st, bool *ret_row,
                          struct cv_err *err);
/* Step once where no row is wanted, and reset. */
CV_MUST_CHECK
enum cv_rc statement_run(struct database *db, struct statement *st, struct cv_err *err);
void statement_reset(struct statement *st);

int statement_columns(const struct statement *st);
const char *statement_column_name(const struct statement *st, int col);
/* Borrowed until the next step or reset. */
struct cell statement_cell(struct statement *st, int col);
int64_t statement_int(struct statement *st, int col);
const char *statement_text(struct statement *st, int col); /* NULL for null */

#endif
