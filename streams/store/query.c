/* SPDX-License-Identifier: Apache-2.0 */
/* A question to a state file; see query.h. (SQLite: "Compile-Time Authorization Callbacks",
   "Query Progress Callbacks".) */
#include "streams/store/query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/buf.h"
#include "common/clock.h"
#include "streams/store/function.h"
#include "streams/store/sqlite.h"
#include "streams/store/table.h"

#define STEPS_A_LOOK 10000
#define COLUMNS_MAX  512
#define NAMES_MAX    ((size_t)1 << 20)

struct question {
    const struct query_spec *spec;
    bool late;
    bool memory; /* it reads a table that is kept there, which are */
    struct cv_buf tables; /* "/name/name/" */
    char denied[160];
};

/* Of a table that no column is read of, SQLite does not say the schema. */
static bool
is_in_memory(const struct question *q, const char *table)
{
    const char *name = q->tables.data;
    size_t len = table == NULL ? 0 : strlen(table);

    while (len > 0 && name != NULL && (name = strchr(name, '/')) != NULL) {
        if (strncasecmp(++name, table, len) == 0 && name[len] == '/')
            return true;
    }
    return false;
}

static int
authorize(void *arg, int action, const char *a, const char *b, const char *schema,
          const char *trigger)
{
    struct question *q = arg;

    (void)trigger;
    switch (action) {
    case SQLITE_READ:
        q->memory |= schema != NULL ? strcmp(schema, "temp") == 0 : is_in_memory(q, a);
        return SQLITE_OK;
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE:
        return SQLITE_OK;
    case SQLITE_FUNCTION:
        if (strcasecmp(b, "load_extension") != 0 && strcasecmp(b, "fts3_tokenizer") != 0)
            return SQLITE_OK;
        snprintf(q->denied, sizeof(q->denied), "the function %s() is not allowed", b);
        return SQLITE_DENY;
    default:
        (void)a;
        snprintf(q->denied, sizeof(q->denied), "only a SELECT is allowed");
        return SQLITE_DENY;
    }
}

static int
on_progress(void *arg)
{
    struct question *q = arg;

    q->late = cv_mono_ms() > q->spec->deadline_ms;
    return q->late;
}

static enum cv_rc
classify(const struct question *q, struct cv_err *err)
{
    if (q->late)
        return cv_fail(err, CV_CONFLICT,
                       "the query took too long; make it narrower, or give it more timeout_ms");
    if (q->denied[0] != '\0')
        return cv_fail(err, CV_INVALID, "%s", q->denied);
    if (strstr(err->text, "no such table: ") != NULL)
        err->rc = CV_NOT_FOUND;
    return err->rc;
}

static enum cv_rc
read_rows(struct database *db, struct statement *st, const struct query_spec *spec,
          query_row *take, void *arg, bool *ret_more, struct cv_err *err)
{
    const char *names[COLUMNS_MAX];
    struct cell cells[COLUMNS_MAX];
    int n = statement_columns(st) > COLUMNS_MAX ? COLUMNS_MAX : statement_columns(st);
    bool row;
    enum cv_rc rc;

    *ret_more = false;
    for (int i = 0; i < n; i++)
        names[i] = statement_column_name(st, i);
    for (size_t rows = 0; (rc = statement_step(db, st, &row, err)) == CV_OK && row; rows++) {
        for (int i = 0; i < n; i++)
            cells[i] = statement_cell(st, i);
        if (rows == spec->max_rows || !take(arg, names, cells, (size_t)n)) {
            *ret_more = true;
            return CV_OK;
        }
    }
    return rc;
}

/* Under the eyes of the authorizer, which learns what it reads. */
static enum cv_rc
prepare(struct database *db, struct question *q, struct statement **ret, struct cv_err *err)
{
    const char *rest = "";
    enum cv_rc rc;

    sqlite3_set_authorizer(db->handle, authorize, q);
    rc = db_prepare(db, q->spec->sql, ret, &rest, err);
    if (rc == CV_OK && *ret == NULL)
        rc = cv_fail(err, CV_INVALID, "the statement is empty");
    if (rc == CV_OK && rest[strspn(rest, " \t\r\n;")] != '\0')
        rc = cv_fail(err, CV_INVALID, "more than one statement");
    return rc;
}

static enum cv_rc
ask(struct database *db, struct question *q, query_row *take, void *arg, bool *ret_more,
    struct cv_err *err)
{
    struct statement *st = NULL;
    enum cv_rc rc;

    sqlite3_progress_handler(db->handle, STEPS_A_LOOK, on_progress, q);
    rc = prepare(db, q, &st, err);
    if (rc == CV_OK && q->memory) {
        statement_free(st);
        st = NULL;
        sqlite3_set_authorizer(db->handle, NULL, NULL);
        if (q->spec->image(q->spec->image_arg, db, q->spec->deadline_ms, err) != CV_OK)
            return err->rc;
        rc = prepare(db, q, &st, err);
    }
    for (size_t i = 0; i < q->spec->n_params && rc == CV_OK; i++)
        statement_bind(st, (int)i + 1, &q->spec->params[i]);
    if (rc == CV_OK)
        rc = read_rows(db, st, q->spec, take, arg, ret_more, err);
    statement_free(st);
    return rc == CV_OK ? CV_OK : classify(q, err);
}

/* The tables in memory, empty, by which the question is understood. They are temporary ones here: on a connection that
   only reads, no other schema can be filled. */
static enum cv_rc
show_memory(struct database *db, struct question *q, struct cv_err *err)
{
    struct statement *names = NULL;
    struct database *model = NULL;
    bool row = false;
    enum cv_rc rc = db_open_memory(&model, err);

    if (rc == CV_OK)
        rc = db_exec(model, "ATTACH ':memory:' AS " TABLE_IN_MEMORY, err);
    if (rc == CV_OK)
        rc = db_exec(model, q->spec->memory, err);
    if (rc == CV_OK)
        rc = db_exec(db, "PRAGMA temp_store=MEMORY", err);
    if (rc == CV_OK)
        rc = db_copy_memory(model, db, INT64_MAX, err);
    if (rc == CV_OK)
        rc = db_prepare(model, "SELECT name FROM " TABLE_IN_MEMORY ".sqlite_schema WHERE type = 'table'", &names,
                        NULL, err);
    cv_buf_char(&q->tables, '/');
    while (rc == CV_OK && (rc = statement_step(model, names, &row, err)) == CV_OK && row) {
        cv_buf_str(&q->tables, statement_text(names, 0));
        cv_buf_char(&q->tables, '/');
    }
    statement_free(names);
    db_close(model);
    return rc == CV_OK ? cv_buf_check(&q->tables, err) : rc;
}

enum cv_rc
query_run(const struct query_spec *spec, query_row *take, void *arg, bool *ret_more,
          struct cv_err *err)
{
    struct question q = { .spec = spec, .tables = CV_BUF_INIT(NAMES_MAX) };
    struct database *db = NULL;
    bool corrupt;
    enum cv_rc rc = db_open(spec->path, DB_READ_ONLY, &db, &corrupt, err);

    if (rc == CV_NOT_FOUND)
        return cv_fail(err, CV_RETRY, "the task has no state file yet; try again");
    if (rc == CV_OK)
        rc = functions_register(db, err);
    if (rc == CV_OK && spec->global != NULL)
        rc = db_attach(db, spec->global, "global", err);
    if (rc == CV_OK && spec->memory != NULL)
        rc = show_memory(db, &q, err);
    if (rc == CV_OK)
        rc = ask(db, &q, take, arg, ret_more, err);
    corrupt |= db != NULL && db->fault == DB_FAULT_CORRUPT;
    db_close(db);
    cv_buf_free(&q.tables);
    if (rc != CV_INTERNAL || corrupt)
        return rc;
    cv_err_context(err, "the task's state file cannot be read at this moment, try again");
    return err->rc = CV_RETRY;
}
