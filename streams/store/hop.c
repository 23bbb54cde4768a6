/* SPDX-License-Identifier: Apache-2.0 */
/* Hopping windows as an eponymous-only virtual table with its arguments as hidden columns (SQLite:
   "Table-valued functions", 2.1.2); see hop.h. */
#include "streams/store/hop.h"

#include "streams/store/sqlite.h"

#define WINDOWS_MAX 10000

enum { COL_START, COL_END, COL_TS, COL_SIZE, COL_ADVANCE };
#define ARGS       3
#define FIRST_ARG  COL_TS

struct hop_cursor {
    sqlite3_vtab_cursor base;
    int64_t args[ARGS]; /* ts, size, advance */
    int64_t start;      /* of the window that it stands on */
    int64_t last;       /* beginning of the last one */
    int64_t row;
};

static int
connect_hop(sqlite3 *handle, void *aux, int argc, const char *const *argv, sqlite3_vtab **ret,
            char **ret_problem)
{
    int code = sqlite3_declare_vtab(
        handle, "CREATE TABLE x(window_start, window_end, ts HIDDEN, size HIDDEN, advance HIDDEN)");

    (void)aux;
    (void)argc;
    (void)argv;
    (void)ret_problem;
    if (code != SQLITE_OK)
        return code;
    sqlite3_vtab_config(handle, SQLITE_VTAB_INNOCUOUS);
    *ret = sqlite3_malloc(sizeof(**ret));
    if (*ret == NULL)
        return SQLITE_NOMEM;
    **ret = (sqlite3_vtab){ 0 };
    return SQLITE_OK;
}

static int
disconnect_hop(sqlite3_vtab *vtab)
{
    sqlite3_free(vtab);
    return SQLITE_OK;
}

/* All three arguments, each as an equality that can be used; else another join order is wanted. */
static int
best_index(sqlite3_vtab *vtab, sqlite3_index_info *info)
{
    int have = 0;
    bool unusable = false;

    for (int i = 0; i < info->nConstraint; i++) {
        int arg = info->aConstraint[i].iColumn - FIRST_ARG;

        if (arg < 0 || info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ)
            continue;
        if (!info->aConstraint[i].usable) {
            unusable = true;
            continue;
        }
        info->aConstraintUsage[i].argvIndex = arg + 1;
        info->aConstraintUsage[i].omit = 1;
        have |= 1 << arg;
    }
    if (have != (1 << ARGS) - 1) {
        if (unusable)
            return SQLITE_CONSTRAINT;
        vtab->zErrMsg = sqlite3_mprintf("hop() takes three arguments: hop(ts, size, advance)");
        return SQLITE_ERROR;
    }
    info->estimatedCost = 10;
    info->estimatedRows = 10;
    return SQLITE_OK;
}

static int
open_cursor(sqlite3_vtab *vtab, sqlite3_vtab_cursor **ret)
{
    struct hop_cursor *cur = sqlite3_malloc(sizeof(*cur));

    (void)vtab;
    if (cur == NULL)
        return SQLITE_NOMEM;
    *cur = (struct hop_cursor){ 0 };
    *ret = &cur->base;
    return SQLITE_OK;
}

static int
close_cursor(sqlite3_vtab_cursor *base)
{
    sqlite3_free(cv_container_of(base, struct hop_cursor, base));
    return SQLITE_OK;
}

static int
refuse(sqlite3_vtab_cursor *base, const char *why)
{
    sqlite3_free(base->pVtab->zErrMsg);
    base->pVtab->zErrMsg = sqlite3_mprintf("hop(): %s", why);
    return SQLITE_ERROR;
}

/* The largest multiple of step that is not above v. */
static int64_t
floor_to(int64_t v, int64_t step)
{
    int64_t in = v % step;

    return v - (in < 0 ? in + step : in);
}

static int
filter(sqlite3_vtab_cursor *base, int number, const char *text, int argc, sqlite3_value **argv)
{
    struct hop_cursor *cur = cv_container_of(base, struct hop_cursor, base);
    int64_t *args = cur->args;

    (void)number;
    (void)text;
    cur->row = 0;
    cur->start = 1; /* behind the last: no windows */
    cur->last = 0;
    for (int i = 0; i < argc && i < ARGS; i++) {
        if (sqlite3_value_type(argv[i]) == SQLITE_NULL)
            return SQLITE_OK;
        args[i] = sqlite3_value_int64(argv[i]);
    }
    if (args[1] <= 0 || args[2] <= 0)
        return refuse(base, "size and advance must be positive");
    if (args[2] > args[1])
        return refuse(base, "advance must not be larger than size: events between would be lost");
    if (args[1] / args[2] > WINDOWS_MAX)
        return refuse(base, "an event would lie in more than 10000 windows");
    if (args[0] > INT64_MAX / 4 || args[0] < INT64_MIN / 4 || args[1] > INT64_MAX / 4)
        return refuse(base, "the time is out of range");
    cur->start = floor_to(args[0] - args[1], args[2]) + args[2];
    cur->last = floor_to(args[0], args[2]);
    return SQLITE_OK;
}

static int
next_row(sqlite3_vtab_cursor *base)
{
    struct hop_cursor *cur = cv_container_of(base, struct hop_cursor, base);

    cur->start += cur->args[2];
    cur->row++;
    return SQLITE_OK;
}

static int
at_end(sqlite3_vtab_cursor *base)
{
    const struct hop_cursor *cur = cv_container_of(base, struct hop_cursor, base);

    return cur->start > cur->last;
}

static int
column_value(sqlite3_vtab_cursor *base, sqlite3_context *ctx, int col)
{
    const struct hop_cursor *cur = cv_container_of(base, struct hop_cursor, base);

    sqlite3_result_int64(ctx, col == COL_START ? cur->start
                              : col == COL_END ? cur->start + cur->args[1]
                                               : cur->args[col - FIRST_ARG]);
    return SQLITE_OK;
}

static int
row_number(sqlite3_vtab_cursor *base, sqlite3_int64 *ret)
{
    *ret = cv_container_of(base, struct hop_cursor, base)->row;
    return SQLITE_OK;
}

enum cv_rc
hop_register(struct database *db, struct cv_err *err)
{
    static const sqlite3_module module = { .xConnect = connect_hop,
                                           .xBestIndex = best_index,
                                           .xDisconnect = disconnect_hop,
                                           .xOpen = open_cursor,
                                           .xClose = close_cursor,
                                           .xFilter = filter,
                                           .xNext = next_row,
                                           .xEof = at_end,
                                           .xColumn = column_value,
                                           .xRowid = row_number };
    struct statement *st = NULL;
    enum cv_rc rc;

    if (sqlite3_create_module_v2(db->handle, "hop", &module, NULL, NULL) != SQLITE_OK)
        return db_fail(db, err, "could not register hop()");
    /* Connect it now: under a statement's authorizer that would look like DDL. */
    rc = db_prepare(db, "SELECT 1 FROM hop(0, 1, 1)", &st, NULL, err);
    statement_free(st);
    return rc;
}
