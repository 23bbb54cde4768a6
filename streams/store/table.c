/* SPDX-License-Identifier: Apache-2.0 */
/* The shape of a table, read back with pragma table_xinfo; see table.h. */
#include "streams/store/table.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/buf.h"
#include "common/murmur2.h"
#include "common/number.h"

static const struct {
    const char *declared;
    enum column_type type;
} type_names[] = {
    { "INTEGER", COLUMN_INTEGER },
    { "INT", COLUMN_INTEGER },
    { "BIGINT", COLUMN_INTEGER },
    { "SMALLINT", COLUMN_INTEGER },
    { "REAL", COLUMN_REAL },
    { "DOUBLE", COLUMN_REAL },
    { "DOUBLE PRECISION", COLUMN_REAL },
    { "FLOAT", COLUMN_REAL },
    { "TEXT", COLUMN_TEXT },
    { "VARCHAR", COLUMN_TEXT },
    { "CHAR", COLUMN_TEXT },
    { "BLOB", COLUMN_BLOB },
    { "TIMESTAMP", COLUMN_TIMESTAMP },
    { "DECIMAL", COLUMN_DECIMAL },
    { "NUMERIC", COLUMN_DECIMAL },
    { "BOOLEAN", COLUMN_BOOLEAN },
    { "JSON", COLUMN_JSON },
    { "ANY", COLUMN_ANY },
};

const char *
column_type_name(enum column_type type)
{
    for (size_t i = 0; i < CV_COUNT(type_names); i++) {
        if (type_names[i].type == type)
            return type_names[i].declared;
    }
    return "?";
}

/* "DECIMAL(12, 2)" to its word and up to two numbers; -1 for those that are missing. */
static size_t
split_type(const char *declared, int args[2])
{
    const char *open = strchr(declared, '(');
    size_t len = open == NULL ? strlen(declared) : (size_t)(open - declared);

    args[0] = args[1] = -1;
    if (open != NULL)
        sscanf(open, "( %d , %d )", &args[0], &args[1]);
    while (len > 0 && isspace((unsigned char)declared[len - 1]))
        len--;
    return len;
}

static enum cv_rc
read_type(struct column *col, const char *declared, struct cv_err *err)
{
    int args[2];
    size_t len = split_type(declared, args);
    size_t i = 0;

    while (i < CV_COUNT(type_names) && !(strlen(type_names[i].declared) == len &&
                                         strncasecmp(type_names[i].declared, declared, len) == 0))
        i++;
    if (i == CV_COUNT(type_names) || type_names[i].type == COLUMN_ANY)
        return cv_fail(err, CV_INVALID,
                       "column \"%s\" has the type \"%s\"; the types are INTEGER, REAL, TEXT, "
                       "BLOB, TIMESTAMP, "
                       "DECIMAL(precision, scale), BOOLEAN and JSON",
                       col->name, declared);
    col->type = type_names[i].type;
    if (col->type != COLUMN_DECIMAL)
        return CV_OK;
    if (args[0] < 1 || args[0] > 18 || args[1] < 0 || args[1] > args[0])
        return cv_fail(
            err, CV_INVALID,
            "column \"%s\": DECIMAL needs a precision from 1 to 18 and a scale, like DECIMAL(12,2)",
            col->name);
    col->precision = args[0];
    col->scale = args[1];
    return CV_OK;
}

/* Names that the change relations add to the columns must stay free. */
static enum cv_rc
check_name(const char *name, struct cv_err *err)
{
    if (name[0] == '_' || strncasecmp(name, "old_", 4) == 0)
        return cv_fail(err, CV_INVALID,
                       "column \"%s\": names that begin with \"_\" or \"old_\" are taken by the "
                       "change relations",
                       name);
    return CV_OK;
}

static uint32_t
layout_hash(const struct table *table)
{
    struct cv_buf text = CV_BUF_INIT((size_t)1 << 20);
    uint32_t hash;

    for (size_t i = 0; i < table->n_columns; i++)
        cv_buf_printf(&text, "%s %d %d\n", table->columns[i].name, (int)table->columns[i].type,
                      table->columns[i].scale);
    for (size_t i = 0; i < table->n_key; i++)
        cv_buf_printf(&text, "%zu ", table->key[i]);
    hash = cv_murmur2(cv_buf_cstr(&text), text.len);
    cv_buf_free(&text);
    return hash;
}

size_t
table_columns_of(const struct table *table, uint32_t layout)
{
    struct table before = *table;
    size_t least = 1;

    for (size_t i = 0; i < table->n_key; i++)
        least = table->key[i] >= least ? table->key[i] + 1 : least;
    while (layout != before.layout) {
        if (before.n_columns <= least || table->columns[before.n_columns - 1].not_null)
            return 0;
        before.n_columns--;
        before.layout = layout_hash(&before);
    }
    return before.n_columns;
}

static enum cv_rc
read_columns(struct database *db, struct statement *st, struct cv_arena *arena, struct table *table,
             struct cv_err *err)
{
    bool row;
    enum cv_rc rc;

    while ((rc = statement_step(db, st, &row, err)) == CV_OK && row) {
        struct column *col = &table->columns[table->n_columns];
        int64_t key = statement_int(st, 3);

        if (table->n_columns == TABLE_COLUMNS_MAX)
            return cv_fail(err, CV_INVALID, "more than %d columns", TABLE_COLUMNS_MAX);
        col->name = cv_arena_strdup(arena, statement_text(st, 0));
        if (col->name == NULL)
            return cv_fail_memory(err);
        rc = check_name(col->name, err);
        if (rc == CV_OK && statement_int(st, 4) != 0)
            rc = cv_fail(err, CV_INVALID, "column \"%s\": generated columns are not supported",
                         col->name);
        if (rc == CV_OK)
            rc = read_type(col, statement_text(st, 1), err);
        if (rc != CV_OK)
            return rc;
        col->not_null = statement_int(st, 2) != 0 || key > 0;
        if (key > 0) {
            table->key[key - 1] = table->n_columns;
            table->n_key++;
        }
        table->n_columns++;
    }
    return rc;
}

enum cv_rc
table_read(struct database *db, const char *name, struct cv_arena *arena, struct table **ret,
           struct cv_err *err)
{
    struct table *table = cv_arena_zalloc(arena, sizeof(*table));
    struct statement *st = NULL;
    enum cv_rc rc;

    if (table != NULL) {
        table->name = cv_arena_strdup(arena, name);
        table->schema = TABLE_IN_FILE;
        table->columns = cv_arena_zalloc(arena, TABLE_COLUMNS_MAX * sizeof(*table->columns));
        table->key = cv_arena_zalloc(arena, TABLE_COLUMNS_MAX * sizeof(*table->key));
    }
    if (table == NULL || table->name == NULL || table->columns == NULL || table->key == NULL)
        return cv_fail_memory(err);
    rc = db_prepare(db, "SELECT name, type, \"notnull\", pk, hidden FROM pragma_table_xinfo(?1)",
                    &st, NULL, err);
    if (rc == CV_OK) {
        statement_bind_text(st, 1, name);
        rc = read_columns(db, st, arena, table, err);
    }
    statement_free(st);
    if (rc != CV_OK)
        return rc;
    table->id = cv_murmur2(name, strlen(name));
    table->layout = layout_hash(table);
    *ret = table;
    return CV_OK;
}

enum cv_rc
table_make(const char *name, const char *const *columns, size_t n_columns, struct cv_arena *arena,
           struct table **ret, struct cv_err *err)
{
    struct table *table = cv_arena_zalloc(arena, sizeof(*table));

    if (table != NULL) {
        table->name = cv_arena_strdup(arena, name);
        table->schema = TABLE_IN_FILE;
        table->columns = cv_arena_zalloc(arena, (n_columns + 1) * sizeof(*table->columns));
    }
    if (table == NULL || table->name == NULL || table->columns == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < n_columns; i++) {
        table->columns[i] = (struct column){ .name = columns[i], .type = COLUMN_ANY };
        if (check_name(columns[i], err) != CV_OK)
            return err->rc;
    }
    table->n_columns = n_columns;
    table->id = cv_murmur2(name, strlen(name));
    table->layout = layout_hash(table);
    *ret = table;
    return CV_OK;
}

enum cv_rc
table_rename(const struct table *table, const char *name, struct cv_arena *arena,
             struct table **ret, struct cv_err *err)
{
    struct table *copy = cv_arena_dup(arena, table, sizeof(*table));

    if (copy != NULL)
        copy->name = cv_arena_strdup(arena, name);
    if (copy == NULL || copy->name == NULL)
        return cv_fail_memory(err);
    copy->id = cv_murmur2(name, strlen(name));
    *ret = copy;
    return CV_OK;
}

int
table_column(const struct table *table, const char *name, size_t len)
{
    for (size_t i = 0; i < table->n_columns; i++) {
        if (strlen(table->columns[i].name) == len && memcmp(table->columns[i].name, name, len) == 0)
            return (int)i;
    }
    return -1;
}
