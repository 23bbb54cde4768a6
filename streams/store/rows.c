/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of one table by primary key; see rows.h. */
#include "streams/store/rows.h"

#include <stdlib.h>
#include <string.h>

#define ROW_MAX ((size_t)256 << 20)

struct rows {
    struct database *db;
    const struct table *table;
    struct statement *get;
    struct statement *first;
    struct statement *insert;
    struct statement *update; /* NULL: all columns are of the key */
    struct statement *remove;
};

static void
add_ident(struct cv_buf *sql, const char *separator, const char *name)
{
    cv_buf_str(sql, separator);
    cv_buf_sql_ident(sql, name);
}

static void
add_columns(struct cv_buf *sql, const struct table *table)
{
    for (size_t i = 0; i < table->n_columns; i++)
        add_ident(sql, i > 0 ? ", " : "", table->columns[i].name);
}

/* Parameters are numbered by column, in every statement. */
static void
add_where_key(struct cv_buf *sql, const struct table *table)
{
    for (size_t i = 0; i < table->n_key; i++) {
        add_ident(sql, i > 0 ? " AND " : " WHERE ", table->columns[table->key[i]].name);
        cv_buf_printf(sql, " = ?%zu", table->key[i] + 1);
    }
}

static bool
is_key(const struct table *table, size_t col)
{
    for (size_t i = 0; i < table->n_key; i++) {
        if (table->key[i] == col)
            return true;
    }
    return false;
}

static enum cv_rc
prepare(struct rows *rows, struct cv_buf *sql, struct statement **ret, struct cv_err *err)
{
    enum cv_rc rc = cv_buf_check(sql, err);

    if (rc == CV_OK)
        rc = db_prepare(rows->db, cv_buf_cstr(sql), ret, NULL, err);
    cv_buf_reset(sql);
    return rc;
}

static enum cv_rc
prepare_reads(struct rows *rows, struct cv_buf *sql, struct cv_err *err)
{
    cv_buf_str(sql, "SELECT ");
    add_columns(sql, rows->table);
    add_ident(sql, " FROM main.", rows->table->name);
    add_where_key(sql, rows->table);
    if (prepare(rows, sql, &rows->get, err) != CV_OK)
        return err->rc;
    cv_buf_str(sql, "SELECT ");
    add_columns(sql, rows->table);
    add_ident(sql, " FROM main.", rows->table->name);
    for (size_t i = 0; i < rows->table->n_key; i++)
        add_ident(sql, i > 0 ? ", " : " ORDER BY ", rows->table->columns[rows->table->key[i]].name);
    cv_buf_str(sql, " LIMIT 1");
    return prepare(rows, sql, &rows->first, err);
}

static enum cv_rc
prepare_writes(struct rows *rows, struct cv_buf *sql, struct cv_err *err)
{
    const struct table *table = rows->table;

    add_ident(sql, "INSERT INTO main.", table->name);
    cv_buf_str(sql, " (");
    add_columns(sql, table);
    cv_buf_str(sql, ") VALUES (");
    for (size_t i = 0; i < table->n_columns; i++)
        cv_buf_printf(sql, "%s?%zu", i > 0 ? ", " : "", i + 1);
    cv_buf_char(sql, ')');
    if (prepare(rows, sql, &rows->insert, err) != CV_OK)
        return err->rc;
    add_ident(sql, "DELETE FROM main.", table->name);
    add_where_key(sql, table);
    if (prepare(rows, sql, &rows->remove, err) != CV_OK)
        return err->rc;
    if (table->n_key == table->n_columns)
        return CV_OK;
    add_ident(sql, "UPDATE main.", table->name);
    for (size_t i = 0, n = 0; i < table->n_columns; i++) {
        if (is_key(table, i))
            continue;
        add_ident(sql, n++ > 0 ? ", " : " SET ", table->columns[i].name);
        cv_buf_printf(sql, " = ?%zu", i + 1);
    }
    add_where_key(sql, table);
    return prepare(rows, sql, &rows->update, err);
}

enum cv_rc
rows_new(struct database *db, const struct table *table, struct rows **ret, struct cv_err *err)
{
    struct cv_buf sql = CV_BUF_INIT((size_t)1 << 20);
    struct rows *rows = calloc(1, sizeof(*rows));
    enum cv_rc rc;

    if (rows == NULL)
        return cv_fail_memory(err);
    rows->db = db;
    rows->table = table;
    rc = prepare_reads(rows, &sql, err);
    if (rc == CV_OK)
        rc = prepare_writes(rows, &sql, err);
    cv_buf_free(&sql);
    if (rc != CV_OK) {
        rows_free(rows);
        return rc;
    }
    *ret = rows;
    return CV_OK;
}

void
rows_free(struct rows *rows)
{
    if (rows == NULL)
        return;
    statement_free(rows->get);
    statement_free(rows->first);
    statement_free(rows->insert);
    statement_free(rows->update);
    statement_free(rows->remove);
    free(rows);
}

/* The row that the statement stands on, text and blobs copied, as they go with its reset. */
static enum cv_rc
copy_row(struct rows *rows, struct statement *st, struct cell *out, struct cv_buf *copy,
         struct cv_err *err)
{
    size_t bytes = 0;

    for (size_t i = 0; i < rows->table->n_columns; i++) {
        out[i] = statement_cell(st, (int)i);
        if (out[i].kind == CELL_TEXT || out[i].kind == CELL_BLOB)
            bytes += out[i].len;
    }
    if (copy->max == 0)
        cv_buf_init(copy, ROW_MAX);
    cv_buf_reset(copy);
    if (cv_buf_reserve(copy, bytes + 1) == NULL)
        return cv_buf_check(copy, err);
    for (size_t i = 0; i < rows->table->n_columns; i++) {
        size_t at = copy->len;

        if (out[i].kind != CELL_TEXT && out[i].kind != CELL_BLOB)
            continue;
        cv_buf_add(copy, out[i].data, out[i].len);
        out[i].data = copy->data + at;
    }
    return CV_OK;
}

static enum cv_rc
read_one(struct rows *rows, struct statement *st, struct cell *out, struct cv_buf *copy,
         bool *ret_found, struct cv_err *err)
{
    enum cv_rc rc = statement_step(rows->db, st, ret_found, err);

    if (rc == CV_OK && *ret_found)
        rc = copy_row(rows, st, out, copy, err);
    statement_reset(st);
    return rc;
}

static void
bind_key(struct rows *rows, struct statement *st, const struct cell *row)
{
    for (size_t i = 0; i < rows->table->n_key; i++)
        statement_bind(st, (int)rows->table->key[i] + 1, &row[rows->table->key[i]]);
}

static void
bind_row(struct rows *rows, struct statement *st, const struct cell *row)
{
    for (size_t i = 0; i < rows->table->n_columns; i++)
        statement_bind(st, (int)i + 1, &row[i]);
}

enum cv_rc
rows_get(struct rows *rows, const struct cell *row, struct cell *out, struct cv_buf *copy,
         bool *ret_found, struct cv_err *err)
{
    bind_key(rows, rows->get, row);
    return read_one(rows, rows->get, out, copy, ret_found, err);
}

enum cv_rc
rows_first(struct rows *rows, struct cell *out, struct cv_buf *copy, bool *ret_found,
           struct cv_err *err)
{
    return read_one(rows, rows->first, out, copy, ret_found, err);
}

enum cv_rc
rows_insert(struct rows *rows, const struct cell *row, struct cv_err *err)
{
    bind_row(rows, rows->insert, row);
    return statement_run(rows->db, rows->insert, err);
}

enum cv_rc
rows_update(struct rows *rows, const struct cell *row, struct cv_err *err)
{
    if (rows->update == NULL)
        return CV_OK;
    bind_row(rows, rows->update, row);
    return statement_run(rows->db, rows->update, err);
}

enum cv_rc
rows_remove(struct rows *rows, const struct cell *row, struct cv_err *err)
{
    bind_key(rows, rows->remove, row);
    return statement_run(rows->db, rows->remove, err);
}
