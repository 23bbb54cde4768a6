/* SPDX-License-Identifier: Apache-2.0 */
/* Prepared statements: thin names over SQLite's, with our errors. See database.h. */
#include "streams/store/database.h"

#include <errno.h>
#include <string.h>

#include "streams/store/sqlite.h"

struct cell
sqlite_cell(sqlite3_value *value)
{
    struct cell cell = { .kind = CELL_NULL };

    switch (sqlite3_value_type(value)) {
    case SQLITE_INTEGER:
        cell.kind = CELL_INTEGER;
        cell.integer = sqlite3_value_int64(value);
        break;
    case SQLITE_FLOAT:
        cell.kind = CELL_REAL;
        cell.real = sqlite3_value_double(value);
        break;
    case SQLITE_TEXT:
        cell.kind = CELL_TEXT;
        cell.data = (const char *)sqlite3_value_text(value);
        cell.len = (size_t)sqlite3_value_bytes(value);
        break;
    case SQLITE_BLOB:
        cell.kind = CELL_BLOB;
        cell.data = sqlite3_value_blob(value);
        cell.len = (size_t)sqlite3_value_bytes(value);
        break;
    default:
        break;
    }
    return cell;
}

void
sqlite_result(sqlite3_context *ctx, const struct cell *cell)
{
    switch (cell->kind) {
    case CELL_INTEGER:
        sqlite3_result_int64(ctx, cell->integer);
        break;
    case CELL_REAL:
        sqlite3_result_double(ctx, cell->real);
        break;
    case CELL_TEXT:
        sqlite3_result_text64(ctx, cell->len == 0 ? "" : cell->data, cell->len, SQLITE_STATIC,
                              SQLITE_UTF8);
        break;
    case CELL_BLOB:
        sqlite3_result_blob64(ctx, cell->len == 0 ? "" : cell->data, cell->len, SQLITE_STATIC);
        break;
    default:
        sqlite3_result_null(ctx);
        break;
    }
}

enum cv_rc
db_prepare(struct database *db, const char *sql, struct statement **ret, const char **ret_rest,
           struct cv_err *err)
{
    sqlite3_stmt *st = NULL;

    if (sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &st, ret_rest) !=
        SQLITE_OK) {
        db->error_offset = sqlite3_error_offset(db->handle);
        return db_fail(db, err, "%s", "");
    }
    *ret = (struct statement *)st;
    return CV_OK;
}

void
statement_free(struct statement *st)
{
    sqlite3_finalize(statement_handle(st));
}

const char *
statement_sql(const struct statement *st)
{
    return sqlite3_sql((sqlite3_stmt *)(uintptr_t)st);
}

void
statement_bind(struct statement *st, int param, const struct cell *cell)
{
    sqlite3_stmt *h = statement_handle(st);

    switch (cell->kind) {
    case CELL_INTEGER:
        sqlite3_bind_int64(h, param, cell->integer);
        break;
    case CELL_REAL:
        sqlite3_bind_double(h, param, cell->real);
        break;
    case CELL_TEXT:
        sqlite3_bind_text64(h, param, cell->len == 0 ? "" : cell->data, cell->len, SQLITE_STATIC,
                            SQLITE_UTF8);
        break;
    case CELL_BLOB:
        sqlite3_bind_blob64(h, param, cell->len == 0 ? "" : cell->data, cell->len, SQLITE_STATIC);
        break;
    default:
        sqlite3_bind_null(h, param);
        break;
    }
}

void
statement_bind_int(struct statement *st, int param, int64_t v)
{
    sqlite3_bind_int64(statement_handle(st), param, v);
}

void
statement_bind_text(struct statement *st, int param, const char *text)
{
    sqlite3_bind_text(statement_handle(st), param, text, -1, SQLITE_STATIC);
}

enum cv_rc
statement_step(struct database *db, struct statement *st, bool *ret_row, struct cv_err *err)
{
    int code;

    errno = 0; /* tells a full disk from other I/O errors */
    code = sqlite3_step(statement_handle(st));
    if (code == SQLITE_ROW || code == SQLITE_DONE) {
        *ret_row = code == SQLITE_ROW;
        return CV_OK;
    }
    db_fail(db, err, "SQLite");
    statement_reset(st);
    return err->rc;
}

enum cv_rc
statement_run(struct database *db, struct statement *st, struct cv_err *err)
{
    bool row;
    enum cv_rc rc = statement_step(db, st, &row, err);

    statement_reset(st);
    return rc;
}

void
statement_reset(struct statement *st)
{
    sqlite3_reset(statement_handle(st));
}

int
statement_columns(const struct statement *st)
{
    return sqlite3_column_count((sqlite3_stmt *)(uintptr_t)st);
}

const char *
statement_column_name(const struct statement *st, int col)
{
    return sqlite3_column_name((sqlite3_stmt *)(uintptr_t)st, col);
}

struct cell
statement_cell(struct statement *st, int col)
{
    sqlite3_stmt *h = statement_handle(st);
    struct cell cell = { .kind = CELL_NULL };

    switch (sqlite3_column_type(h, col)) {
    case SQLITE_INTEGER:
        cell.kind = CELL_INTEGER;
        cell.integer = sqlite3_column_int64(h, col);
        break;
    case SQLITE_FLOAT:
        cell.kind = CELL_REAL;
        cell.real = sqlite3_column_double(h, col);
        break;
    case SQLITE_TEXT:
        cell.kind = CELL_TEXT;
        cell.data = (const char *)sqlite3_column_text(h, col);
        cell.len = (size_t)sqlite3_column_bytes(h, col);
        break;
    case SQLITE_BLOB:
        cell.kind = CELL_BLOB;
        cell.data = sqlite3_column_blob(h, col);
        cell.len = (size_t)sqlite3_column_bytes(h, col);
        break;
    default:
        break;
    }
    return cell;
}

int64_t
statement_int(struct statement *st, int col)
{
    return sqlite3_column_int64(statement_handle(st), col);
}

const char *
statement_text(struct statement *st, int col)
{
    return (const char *)sqlite3_column_text(statement_handle(st), col);
}
