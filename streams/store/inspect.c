/* SPDX-License-Identifier: Apache-2.0 */
/* What a statement of a pipeline does; see inspect.h. (SQLite: "Compile-Time Authorization
   Callbacks", "The SQLite Bytecode Engine".) */
#include "streams/store/inspect.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/buf.h"
#include "streams/store/sqlite.h"

struct inspector {
    struct inspection *out;
    struct cv_arena *arena;
    inspect_may_write *may_write;
    void *arg;
    char denied[256]; /* why the authorizer said no; "" if it did not */
    bool no_memory;
};

static void
names_add(struct inspector *in, struct inspect_names *names, const char *name, bool repeat)
{
    const char **items;

    for (size_t i = 0; i < names->count && !repeat; i++) {
        if (strcmp(names->items[i], name) == 0)
            return;
    }
    /* Few names, asked for once at start: growing by one is fine in an arena. */
    items = cv_arena_alloc(in->arena, (names->count + 1) * sizeof(*items));
    if (items == NULL) {
        in->no_memory = true;
        return;
    }
    if (names->count > 0)
        memcpy(items, names->items, names->count * sizeof(*items));
    items[names->count] = cv_arena_strdup(in->arena, name);
    if (items[names->count] == NULL) {
        in->no_memory = true;
        return;
    }
    names->items = items;
    names->count++;
}

static int deny(struct inspector *in, const char *fmt, ...) CV_PRINTF(2, 3);

static int
deny(struct inspector *in, const char *fmt, ...)
{
    va_list args;

    if (in->denied[0] == '\0') {
        va_start(args, fmt);
        vsnprintf(in->denied, sizeof(in->denied), fmt, args);
        va_end(args);
    }
    return SQLITE_DENY;
}

static bool
is_internal(const char *table)
{
    return strncasecmp(table, "sqlite_", 7) == 0 || strncasecmp(table, "_culvert_", 9) == 0;
}

/* within: the view or trigger that calls it; those that call the engine's own are the engine's. */
static int
check_function(struct inspector *in, const char *name, const char *within)
{
    static const char *const denied[] = { "random",
                                          "randomblob",
                                          "load_extension",
                                          "fts3_tokenizer",
                                          "sqlite_compileoption_get",
                                          "last_insert_rowid",
                                          "changes",
                                          "total_changes" };

    for (size_t i = 0; i < CV_COUNT(denied); i++) {
        if (strcasecmp(name, denied[i]) == 0)
            return deny(in,
                        "the function %s() is not allowed: results must be the same when events "
                        "are replayed",
                        name);
    }
    if (strncasecmp(name, "_culvert_", 9) == 0 && within == NULL)
        return deny(in, "the function %s() is the engine's own", name);
    return SQLITE_OK;
}

static int
check_write(struct inspector *in, const char *table)
{
    if (is_internal(table) || !in->may_write(in->arg, table))
        return deny(in, "\"%s\" cannot be written by a query; only state tables can", table);
    names_add(in, &in->out->writes, table, false);
    return SQLITE_OK;
}

static int
authorize(void *arg, int action, const char *a, const char *b, const char *schema,
          const char *trigger)
{
    struct inspector *in = arg;

    (void)schema;
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE:
        return SQLITE_OK;
    case SQLITE_READ:
        if (is_internal(a))
            return deny(in, "the table \"%s\" is the engine's own", a);
        names_add(in, &in->out->reads, a, false);
        return SQLITE_OK;
    case SQLITE_FUNCTION:
        return check_function(in, b, trigger);
    case SQLITE_INSERT:
    case SQLITE_UPDATE:
    case SQLITE_DELETE:
        return check_write(in, a);
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT:
        return deny(in, "transactions are the engine's business; remove the statement");
    case SQLITE_PRAGMA:
        return deny(in, "PRAGMA is not allowed in a query");
    case SQLITE_ATTACH:
    case SQLITE_DETACH:
        return deny(in, "ATTACH and DETACH are not allowed in a query");
    default:
        return deny(in, "only SELECT, INSERT, UPDATE and DELETE are allowed in a query");
    }
}

/* The table that owns a b-tree root page of a schema (number as in the program listing). */
static enum cv_rc
table_of_root(struct inspector *in, struct database *db, int64_t schema, int64_t root,
              struct inspect_names *names, struct cv_err *err)
{
    struct cv_buf sql = CV_BUF_INIT(1024);
    struct statement *st = NULL;
    const char *name;
    bool row;
    enum cv_rc rc;

    name = sqlite3_db_name(db->handle, (int)schema);
    if (name == NULL)
        return CV_OK;
    cv_buf_str(&sql, "SELECT tbl_name FROM ");
    cv_buf_sql_ident(&sql, name);
    cv_buf_str(&sql, ".sqlite_schema WHERE rootpage = ?1");
    rc = db_prepare(db, cv_buf_cstr(&sql), &st, NULL, err);
    if (rc == CV_OK) {
        statement_bind_int(st, 1, root);
        rc = statement_step(db, st, &row, err);
        if (rc == CV_OK && row)
            names_add(in, names, statement_text(st, 0), false);
    }
    statement_free(st);
    cv_buf_free(&sql);
    return rc;
}

#define CURSORS_MAX 64

/* A full scan is a cursor on a real table or index that is rewound and then stepped through to its
 * end. */
static enum cv_rc
find_scans(struct inspector *in, struct database *db, const char *sql, struct cv_err *err)
{
    struct cv_buf text = CV_BUF_INIT((size_t)4 << 20);
    struct statement *st = NULL;
    struct {
        int64_t root;
        int64_t schema;
        bool rewound;
    } cursors[CURSORS_MAX] = { 0 };
    bool row;
    enum cv_rc rc;

    cv_buf_printf(&text, "EXPLAIN %s", sql);
    rc = cv_buf_check(&text, err);
    if (rc == CV_OK)
        rc = db_prepare(db, cv_buf_cstr(&text), &st, NULL, err);
    while (rc == CV_OK && (rc = statement_step(db, st, &row, err)) == CV_OK && row) {
        const char *op = statement_text(st, 1);
        int64_t cur = statement_int(st, 2);

        if (cur < 0 || cur >= CURSORS_MAX)
            continue;
        if (strcmp(op, "OpenRead") == 0 || strcmp(op, "OpenWrite") == 0) {
            cursors[cur].root = statement_int(st, 3);
            cursors[cur].schema = statement_int(st, 4);
        } else if (strcmp(op, "Rewind") == 0 || strcmp(op, "Last") == 0) {
            cursors[cur].rewound = true;
        } else if ((strcmp(op, "Next") == 0 || strcmp(op, "Prev") == 0 ||
                    strcmp(op, "Count") == 0) &&
                   (cursors[cur].rewound || op[0] == 'C') && cursors[cur].root != 0) {
            rc =
                table_of_root(in, db, cursors[cur].schema, cursors[cur].root, &in->out->scans, err);
        }
    }
    statement_free(st);
    cv_buf_free(&text);
    return rc;
}

static bool
is_blank(const char *text)
{
    return text[strspn(text, " \t\r\n;")] == '\0';
}

enum cv_rc
inspect_statement(struct database *db, const char *sql, inspect_may_write *may_write, void *arg,
                  struct cv_arena *arena, struct inspection *ret, struct cv_err *err)
{
    struct inspection out = { .error_offset = -1 };
    struct inspector in = { .out = &out, .arena = arena, .may_write = may_write, .arg = arg };
    struct statement *st = NULL;
    const char *rest = "";
    enum cv_rc rc;

    sqlite3_set_authorizer(db->handle, authorize, &in);
    rc = db_prepare(db, sql, &st, &rest, err);
    sqlite3_set_authorizer(db->handle, NULL, NULL);
    if (rc != CV_OK) {
        ret->error_offset = db_error_offset(db);
        return in.denied[0] != '\0' ? cv_fail(err, CV_INVALID, "%s", in.denied) : rc;
    }
    if (st == NULL)
        return cv_fail(err, CV_INVALID, "the statement is empty");
    if (!is_blank(rest))
        rc = cv_fail(err, CV_INVALID, "more than one statement; put them between BEGIN and END");
    for (int i = 0; rc == CV_OK && i < statement_columns(st); i++)
        names_add(&in, &out.columns, statement_column_name(st, i), true);
    statement_free(st);
    if (rc == CV_OK)
        rc = find_scans(&in, db, sql, err);
    if (rc == CV_OK && in.no_memory)
        rc = cv_fail_memory(err);
    if (rc == CV_OK)
        *ret = out;
    return rc;
}
