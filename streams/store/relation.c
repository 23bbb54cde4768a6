/* SPDX-License-Identifier: Apache-2.0 */
/* "<table>_changes" as an eponymous-only virtual table (SQLite: "The Virtual Table
   Mechanism", 2.1.2 and 2.1.3: xCreate is NULL); see relation.h. */
#include "streams/store/relation.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "streams/store/sqlite.h"

struct relation {
    const struct table *table;
    const struct change *change;
};

/* Behind the columns of the table and their old_ twins. */
enum {
    META_OP,
    META_TS,
    META_COMMIT_TS,
    META_LSN,
    META_TXID,
    META_PARTITION,
    META_OFFSET,
    META_SNAPSHOT
};

struct change_cursor {
    sqlite3_vtab_cursor base;
    bool done;
};

struct change_vtab {
    sqlite3_vtab base;
    struct relation *rel;
    struct change_cursor
        first; /* most statements need one cursor: it comes without an allocation */
    bool first_taken;
};

static void
declare_columns(const struct table *table, const char *prefix, struct cv_buf *out)
{
    for (size_t i = 0; i < table->n_columns; i++) {
        struct cv_buf name = CV_BUF_INIT(1024);

        cv_buf_printf(&name, "%s%s", prefix, table->columns[i].name);
        cv_buf_sql_ident(out, cv_buf_cstr(&name));
        cv_buf_str(out, ", ");
        cv_buf_free(&name);
    }
}

static int
connect_relation(sqlite3 *handle, void *aux, int argc, const char *const *argv, sqlite3_vtab **ret,
                 char **ret_problem)
{
    struct relation *rel = aux;
    struct change_vtab *vtab;
    struct cv_buf sql = CV_BUF_INIT((size_t)1 << 20);
    struct cv_err err = CV_ERR_INIT;
    int code;

    (void)argc;
    (void)argv;
    cv_buf_str(&sql, "CREATE TABLE x(");
    declare_columns(rel->table, "", &sql);
    declare_columns(rel->table, "old_", &sql);
    cv_buf_str(&sql, "_op, _ts, _commit_ts, _lsn, _txid, _partition, _offset, _snapshot)");
    if (cv_buf_check(&sql, &err) != CV_OK) {
        *ret_problem = sqlite3_mprintf("%s", err.text);
        cv_buf_free(&sql);
        return SQLITE_ERROR;
    }
    code = sqlite3_declare_vtab(handle, cv_buf_cstr(&sql));
    cv_buf_free(&sql);
    if (code != SQLITE_OK)
        return code;
    sqlite3_vtab_config(handle, SQLITE_VTAB_INNOCUOUS);
    vtab = sqlite3_malloc(sizeof(*vtab));
    if (vtab == NULL)
        return SQLITE_NOMEM;
    *vtab = (struct change_vtab){ .rel = rel };
    *ret = &vtab->base;
    return SQLITE_OK;
}

static int
disconnect_relation(sqlite3_vtab *base)
{
    sqlite3_free(base);
    return SQLITE_OK;
}

/* One row at most, and nothing to choose. */
static int
best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
    (void)base;
    info->estimatedCost = 1;
    info->estimatedRows = 1;
    info->idxFlags = SQLITE_INDEX_SCAN_UNIQUE;
    return SQLITE_OK;
}

static int
open_cursor(sqlite3_vtab *base, sqlite3_vtab_cursor **ret)
{
    struct change_vtab *vtab = cv_container_of(base, struct change_vtab, base);
    struct change_cursor *cur = vtab->first_taken ? sqlite3_malloc(sizeof(*cur)) : &vtab->first;

    if (cur == NULL)
        return SQLITE_NOMEM;
    if (cur == &vtab->first)
        vtab->first_taken = true;
    *cur = (struct change_cursor){ .done = true };
    *ret = &cur->base;
    return SQLITE_OK;
}

static int
close_cursor(sqlite3_vtab_cursor *base)
{
    struct change_vtab *vtab = cv_container_of(base->pVtab, struct change_vtab, base);

    if (base == &vtab->first.base)
        vtab->first_taken = false;
    else
        sqlite3_free(base);
    return SQLITE_OK;
}

static const struct relation *
relation_of(const sqlite3_vtab_cursor *base)
{
    return cv_container_of(base->pVtab, struct change_vtab, base)->rel;
}

static int
filter(sqlite3_vtab_cursor *base, int number, const char *text, int argc, sqlite3_value **argv)
{
    (void)number;
    (void)text;
    (void)argc;
    (void)argv;
    cv_container_of(base, struct change_cursor, base)->done = relation_of(base)->change == NULL;
    return SQLITE_OK;
}

static int
next_row(sqlite3_vtab_cursor *base)
{
    cv_container_of(base, struct change_cursor, base)->done = true;
    return SQLITE_OK;
}

static int
at_end(sqlite3_vtab_cursor *base)
{
    return cv_container_of(base, struct change_cursor, base)->done;
}

static void
result_number(sqlite3_context *ctx, int64_t v)
{
    if (v != CHANGE_NONE)
        sqlite3_result_int64(ctx, v);
}

static void
result_meta(sqlite3_context *ctx, const struct change *change, int meta)
{
    switch (meta) {
    case META_OP:
        sqlite3_result_text(ctx, &change->op, 1, SQLITE_STATIC);
        break;
    case META_TS:
        result_number(ctx, change->ts_ms);
        break;
    case META_COMMIT_TS:
        result_number(ctx, change->commit_ts_ms);
        break;
    case META_LSN:
        result_number(ctx, change->lsn);
        break;
    case META_TXID:
        result_number(ctx, change->txid);
        break;
    case META_PARTITION:
        sqlite3_result_int(ctx, change->partition);
        break;
    case META_OFFSET:
        sqlite3_result_int64(ctx, change->offset);
        break;
    default:
        sqlite3_result_int(ctx, change->snapshot);
        break;
    }
}

static int
column_value(sqlite3_vtab_cursor *base, sqlite3_context *ctx, int col)
{
    const struct relation *rel = relation_of(base);
    const struct change *change = rel->change;
    int n = (int)rel->table->n_columns;

    if (change == NULL)
        return SQLITE_OK;
    if (col < n)
        sqlite_result(ctx, &change->row[col]);
    else if (col >= 2 * n)
        result_meta(ctx, change, col - 2 * n);
    else if (change->old != NULL)
        sqlite_result(ctx, &change->old[col - n]);
    return SQLITE_OK;
}

static int
row_number(sqlite3_vtab_cursor *base, sqlite3_int64 *ret)
{
    (void)base;
    *ret = 1;
    return SQLITE_OK;
}

static const sqlite3_module relation_module = {
    .iVersion = 0,
    .xConnect = connect_relation,
    .xBestIndex = best_index,
    .xDisconnect = disconnect_relation,
    .xOpen = open_cursor,
    .xClose = close_cursor,
    .xFilter = filter,
    .xNext = next_row,
    .xEof = at_end,
    .xColumn = column_value,
    .xRowid = row_number,
};

/* Connect it now: declaring its columns under a statement's authorizer would look like DDL. */
static enum cv_rc
connect_now(struct database *db, const char *name, struct cv_err *err)
{
    struct cv_buf sql = CV_BUF_INIT(1024);
    struct statement *st = NULL;
    enum cv_rc rc;

    cv_buf_str(&sql, "SELECT 1 FROM ");
    cv_buf_sql_ident(&sql, name);
    rc = db_prepare(db, cv_buf_cstr(&sql), &st, NULL, err);
    statement_free(st);
    cv_buf_free(&sql);
    return rc;
}

enum cv_rc
relation_new(struct database *db, const struct table *table, struct relation **ret,
             struct cv_err *err)
{
    struct cv_buf name = CV_BUF_INIT(1024);
    struct relation *rel = calloc(1, sizeof(*rel));
    enum cv_rc rc = CV_OK;

    if (rel == NULL)
        return cv_fail_memory(err);
    rel->table = table;
    cv_buf_printf(&name, "%s_changes", table->name);
    rc = cv_buf_check(&name, err);
    if (rc != CV_OK)
        free(rel);
    else if (sqlite3_create_module_v2(db->handle, cv_buf_cstr(&name), &relation_module, rel,
                                      free) != SQLITE_OK)
        rc = db_fail(db, err, "could not register \"%s\"", cv_buf_cstr(&name)); /* rel was freed */
    else
        rc = connect_now(db, cv_buf_cstr(&name), err);
    if (rc == CV_OK)
        *ret = rel;
    cv_buf_free(&name);
    return rc;
}

void
relation_show(struct relation *rel, const struct change *change)
{
    rel->change = change;
}
