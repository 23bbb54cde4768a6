/* SPDX-License-Identifier: Apache-2.0 */
/* "<table>_changes" and "<table>_delta" as eponymous-only virtual tables (SQLite: "The Virtual
   Table Mechanism", 2.1.2 and 2.1.3: xCreate is NULL); see relation.h. */
#include "streams/store/relation.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "streams/store/sqlite.h"

struct relation {
    const struct table *table;
    const struct change *changes;
    size_t count;
    bool many;
    int refs; /* one a module */
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

enum { DELTA_W, DELTA_TS, DELTA_COMMIT_TS };

struct change_cursor {
    sqlite3_vtab_cursor base;
    size_t at;
    bool came; /* delta: the new image of the change, not the old one */
};

struct change_vtab {
    sqlite3_vtab base;
    struct relation *rel;
    bool delta;
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
connect_vtab(sqlite3 *handle, struct relation *rel, bool delta, sqlite3_vtab **ret,
             char **ret_problem)
{
    struct change_vtab *vtab;
    struct cv_buf sql = CV_BUF_INIT((size_t)1 << 20);
    struct cv_err err = CV_ERR_INIT;
    int code;

    cv_buf_str(&sql, "CREATE TABLE x(");
    declare_columns(rel->table, "", &sql);
    if (!delta)
        declare_columns(rel->table, "old_", &sql);
    cv_buf_str(&sql, delta ? "_w, _ts, _commit_ts)"
                           : "_op, _ts, _commit_ts, _lsn, _txid, _partition, _offset, _snapshot)");
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
    *vtab = (struct change_vtab){ .rel = rel, .delta = delta };
    *ret = &vtab->base;
    return SQLITE_OK;
}

static int
connect_changes(sqlite3 *handle, void *aux, int argc, const char *const *argv, sqlite3_vtab **ret,
                char **ret_problem)
{
    (void)argc;
    (void)argv;
    return connect_vtab(handle, aux, false, ret, ret_problem);
}

static int
connect_delta(sqlite3 *handle, void *aux, int argc, const char *const *argv, sqlite3_vtab **ret,
              char **ret_problem)
{
    (void)argc;
    (void)argv;
    return connect_vtab(handle, aux, true, ret, ret_problem);
}

static int
disconnect_relation(sqlite3_vtab *base)
{
    sqlite3_free(base);
    return SQLITE_OK;
}

/* Nothing to choose. A single change is a single row, which saves the sorting for a GROUP BY. */
static int
best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
    const struct change_vtab *vtab = cv_container_of(base, struct change_vtab, base);

    info->estimatedCost = vtab->rel->many ? 1000 : 1;
    info->estimatedRows = vtab->rel->many ? 1000 : vtab->delta ? 2 : 1;
    if (!vtab->rel->many && !vtab->delta)
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
    *cur = (struct change_cursor){ .at = SIZE_MAX };
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

static const struct change_vtab *
vtab_of(const sqlite3_vtab_cursor *base)
{
    return cv_container_of(base->pVtab, struct change_vtab, base);
}

/* The first image at or behind the cursor that there is. */
static void
settle(const struct change_vtab *vtab, struct change_cursor *cur)
{
    while (vtab->delta && cur->at < vtab->rel->count) {
        const struct change *change = &vtab->rel->changes[cur->at];

        if (cur->came ? change->op != 'd' : change->old != NULL)
            return;
        cur->at += cur->came;
        cur->came = !cur->came;
    }
}

static int
filter(sqlite3_vtab_cursor *base, int number, const char *text, int argc, sqlite3_value **argv)
{
    struct change_cursor *cur = cv_container_of(base, struct change_cursor, base);

    (void)number;
    (void)text;
    (void)argc;
    (void)argv;
    cur->at = 0;
    cur->came = false;
    settle(vtab_of(base), cur);
    return SQLITE_OK;
}

static int
next_row(sqlite3_vtab_cursor *base)
{
    struct change_cursor *cur = cv_container_of(base, struct change_cursor, base);
    const struct change_vtab *vtab = vtab_of(base);

    cur->at += !vtab->delta || cur->came;
    cur->came = vtab->delta && !cur->came;
    settle(vtab, cur);
    return SQLITE_OK;
}

static int
at_end(sqlite3_vtab_cursor *base)
{
    return cv_container_of(base, struct change_cursor, base)->at >= vtab_of(base)->rel->count;
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
delta_value(const struct change_cursor *cur, const struct table *table, const struct change *change,
            sqlite3_context *ctx, int col)
{
    int n = (int)table->n_columns;

    if (col < n)
        sqlite_result(ctx, cur->came ? &change->row[col] : &change->old[col]);
    else if (col - n == DELTA_W)
        sqlite3_result_int(ctx, cur->came ? 1 : -1);
    else
        result_number(ctx, col - n == DELTA_TS ? change->ts_ms : change->commit_ts_ms);
    return SQLITE_OK;
}

static int
column_value(sqlite3_vtab_cursor *base, sqlite3_context *ctx, int col)
{
    const struct change_cursor *cur = cv_container_of(base, struct change_cursor, base);
    const struct change_vtab *vtab = vtab_of(base);
    const struct relation *rel = vtab->rel;
    const struct change *change;
    int n = (int)rel->table->n_columns;

    if (cur->at >= rel->count)
        return SQLITE_OK;
    change = &rel->changes[cur->at];
    if (vtab->delta)
        return delta_value(cur, rel->table, change, ctx, col);
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
    const struct change_cursor *cur = cv_container_of(base, struct change_cursor, base);

    *ret = (sqlite3_int64)(2 * cur->at + cur->came);
    return SQLITE_OK;
}

#define MODULE(connect)                                                                            \
    {                                                                                              \
        .iVersion = 0, .xConnect = connect, .xBestIndex = best_index,                              \
        .xDisconnect = disconnect_relation, .xOpen = open_cursor, .xClose = close_cursor,          \
        .xFilter = filter, .xNext = next_row, .xEof = at_end, .xColumn = column_value,             \
        .xRowid = row_number,                                                                      \
    }

static const sqlite3_module changes_module = MODULE(connect_changes);
static const sqlite3_module delta_module = MODULE(connect_delta);

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

static void
unref(void *arg)
{
    struct relation *rel = arg;

    if (--rel->refs == 0)
        free(rel);
}

static enum cv_rc
add_module(struct database *db, struct relation *rel, const char *suffix,
           const sqlite3_module *module, struct cv_err *err)
{
    struct cv_buf name = CV_BUF_INIT(1024);
    enum cv_rc rc;

    cv_buf_printf(&name, "%s%s", rel->table->name, suffix);
    rc = cv_buf_check(&name, err);
    if (rc == CV_OK) {
        rel->refs++; /* a failed registration lets go, too */
        if (sqlite3_create_module_v2(db->handle, cv_buf_cstr(&name), module, rel, unref) !=
            SQLITE_OK)
            rc = db_fail(db, err, "could not register \"%s\"", cv_buf_cstr(&name));
        else
            rc = connect_now(db, cv_buf_cstr(&name), err);
    }
    cv_buf_free(&name);
    return rc;
}

enum cv_rc
relation_new(struct database *db, const struct table *table, struct relation **ret,
             struct cv_err *err)
{
    struct relation *rel = calloc(1, sizeof(*rel));
    enum cv_rc rc;

    if (rel == NULL)
        return cv_fail_memory(err);
    rel->table = table;
    rel->refs = 1;
    rc = add_module(db, rel, "_changes", &changes_module, err);
    if (rc == CV_OK)
        rc = add_module(db, rel, "_delta", &delta_module, err);
    if (rc == CV_OK)
        *ret = rel;
    unref(rel);
    return rc;
}

void
relation_show(struct relation *rel, const struct change *changes, size_t count)
{
    rel->changes = changes;
    rel->count = count;
}

void
relation_expect_many(struct relation *rel, bool many)
{
    rel->many = many;
}
