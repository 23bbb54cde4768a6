/* SPDX-License-Identifier: Apache-2.0 */
/* The catalog: types, tables, columns, keys. Every session has an empty search_path, so plain names are those of
   pg_catalog. */
#include "connectors/postgres/catalog.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/map.h"

#define SQL_MORE 1000 /* two names, quoted */

struct catalog {
    struct cv_hash *types; /* by OID */
};

static char dropped_name[] = "(dropped)";

const struct pg_type catalog_dropped_type = { .typmod = -1, .name = dropped_name, .declared = dropped_name,
                                              .kind = 'p' };

static void
type_free(void *arg)
{
    struct pg_type *type = arg;

    if (type == NULL)
        return;
    free(type->name);
    free(type->declared);
    free(type->labels);
    free(type);
}

enum cv_rc
catalog_new(struct catalog **ret, struct cv_err *err)
{
    struct catalog *catalog = calloc(1, sizeof(*catalog));

    if (catalog == NULL || (catalog->types = cv_hash_new(type_free)) == NULL) {
        free(catalog);
        return cv_fail_memory(err);
    }
    *ret = catalog;
    return CV_OK;
}

void
catalog_free(struct catalog *catalog)
{
    if (catalog == NULL)
        return;
    cv_hash_free(catalog->types);
    free(catalog);
}

static uint32_t
get_oid(const PGresult *res, int row, int col)
{
    return (uint32_t)strtoul(PQgetvalue(res, row, col), NULL, 10);
}

static char *
get_text(const PGresult *res, int row, int col)
{
    return PQgetisnull(res, row, col) ? NULL : strdup(PQgetvalue(res, row, col));
}

/* Domains are followed to their base; the typmod nearest to the column that is set counts. */
static const char type_sql[] =
    "WITH RECURSIVE t AS ("
    " SELECT oid AS start, oid, typname AS declared, typtype, typbasetype, typtypmod AS typmod, 0 AS depth"
    "  FROM pg_type WHERE oid = $1"
    " UNION ALL"
    " SELECT t.start, b.oid, t.declared, b.typtype, b.typbasetype,"
    "  CASE WHEN t.typmod >= 0 THEN t.typmod ELSE b.typtypmod END, t.depth + 1"
    "  FROM t JOIN pg_type b ON b.oid = t.typbasetype"
    "  WHERE t.typtype = 'd')"
    " SELECT t.oid, t.typmod, p.typname, t.declared, p.typtype, p.typcategory,"
    "  CASE WHEN p.typcategory = 'A' THEN p.typelem ELSE 0 END, p.typnamespace = 'pg_catalog'::regnamespace,"
    "  (SELECT string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder)"
    "   FROM pg_enum e WHERE e.enumtypid = t.oid), p.typdelim"
    " FROM t JOIN pg_type p ON p.oid = t.oid ORDER BY t.depth DESC LIMIT 1";

static struct pg_type *
type_of_row(const PGresult *res, uint32_t oid)
{
    struct pg_type *type = calloc(1, sizeof(*type));

    if (type == NULL)
        return NULL;
    type->oid = oid;
    type->base_oid = get_oid(res, 0, 0);
    type->typmod = (int32_t)strtol(PQgetvalue(res, 0, 1), NULL, 10);
    type->name = get_text(res, 0, 2);
    type->declared = get_text(res, 0, 3);
    type->kind = PQgetvalue(res, 0, 4)[0];
    type->category = PQgetvalue(res, 0, 5)[0];
    type->system = PQgetvalue(res, 0, 7)[0] == 't';
    type->labels = get_text(res, 0, 8);
    type->delimiter = PQgetvalue(res, 0, 9)[0];
    if (type->name == NULL || type->declared == NULL) {
        type_free(type);
        return NULL;
    }
    return type;
}

/* Moves the type into the cache. */
static enum cv_rc
keep_type(struct catalog *catalog, PGconn *conn, struct pg_type *type, uint32_t item, struct cv_err *err)
{
    if (type == NULL)
        return cv_fail_memory(err);
    if (item != 0 && catalog_type(catalog, conn, item, &type->item, err) != CV_OK) {
        type_free(type);
        return err->rc;
    }
    if (cv_hash_put_u64(catalog->types, type->oid, type))
        return CV_OK;
    type_free(type);
    return cv_fail_memory(err);
}

enum cv_rc
catalog_type(struct catalog *catalog, PGconn *conn, uint32_t oid, const struct pg_type **ret,
             struct cv_err *err)
{
    struct pg_type *type = cv_hash_get_u64(catalog->types, oid);
    char text[16];
    const char *values[1] = { text };
    PGresult *res;
    uint32_t item;

    if (type != NULL) {
        *ret = type;
        return CV_OK;
    }
    snprintf(text, sizeof(text), "%u", oid);
    res = pg_exec(conn, type_sql, 1, values);
    if (PQresultStatus(res) != PGRES_TUPLES_OK) {
        pg_fail(err, conn, res, "could not read type %u from the catalog", oid);
        PQclear(res);
        return err->rc;
    }
    if (PQntuples(res) == 0) {
        PQclear(res);
        return cv_fail(err, CV_NOT_FOUND, "type %u does not exist", oid);
    }
    type = type_of_row(res, oid);
    item = get_oid(res, 0, 6);
    PQclear(res);
    if (keep_type(catalog, conn, type, item, err) != CV_OK)
        return err->rc;
    *ret = type;
    return CV_OK;
}

void
pg_table_free(struct pg_table *table)
{
    if (table == NULL)
        return;
    for (size_t i = 0; i < table->n_columns; i++) {
        free(table->columns[i].name);
        free(table->columns[i].def);
    }
    free(table->columns);
    free(table->keys);
    free(table->schema);
    free(table->name);
    free(table);
}

void
pg_tables_done(struct pg_tables *tables)
{
    for (size_t i = 0; i < tables->count; i++)
        pg_table_free(tables->items[i]);
    free(tables->items);
    *tables = (struct pg_tables){ 0 };
}

int
pg_table_column(const struct pg_table *table, const char *name)
{
    for (size_t i = 0; i < table->n_columns; i++)
        if (strcmp(table->columns[i].name, name) == 0)
            return (int)i;
    return -1;
}

/*
 * One row a column, tables together. The key is the primary key; else the first unique index without
 * expressions, a clustered one first, then by name, with its INCLUDE columns (as JDBC's metadata orders them,
 * which is what Debezium follows).
 */
static const char tables_sql[] =
    "SELECT c.oid, n.nspname, c.relname, c.relkind, c.relreplident, c.relpages, c.reltuples,"
    " a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.attgenerated <> '',"
    " CASE WHEN a.attgenerated = '' AND a.attidentity = ''"
    "  THEN pg_get_expr(d.adbin, d.adrelid) END,"
    " array_position(k.indkey::int2[], a.attnum), c.relpersistence = 'p', c.relhassubclass"
    " FROM pg_class c"
    " JOIN pg_namespace n ON n.oid = c.relnamespace"
    " JOIN pg_attribute a ON a.attrelid = c.oid"
    "  AND a.attnum > 0 AND NOT a.attisdropped"
    " LEFT JOIN pg_attrdef d ON d.adrelid = c.oid"
    "  AND d.adnum = a.attnum"
    " LEFT JOIN LATERAL ("
    "  SELECT i.indkey FROM pg_index i"
    "   JOIN pg_class ic ON ic.oid = i.indexrelid"
    "   WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid"
    "    AND i.indexprs IS NULL"
    "   ORDER BY i.indisprimary DESC, i.indisclustered DESC, ic.relname LIMIT 1) k ON true"
    " WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')"
    "  AND n.nspname NOT LIKE 'pg\\_toast%%' AND n.nspname NOT LIKE 'pg\\_temp%%'"
    "  AND c.relpersistence <> 't'%s"
    " ORDER BY n.nspname COLLATE \"C\", c.relname COLLATE \"C\", c.oid, a.attnum";

static struct pg_table *
table_of_row(const PGresult *res, int row)
{
    struct pg_table *table = calloc(1, sizeof(*table));

    if (table == NULL)
        return NULL;
    table->oid = get_oid(res, row, 0);
    table->schema = get_text(res, row, 1);
    table->name = get_text(res, row, 2);
    table->kind = PQgetvalue(res, row, 3)[0];
    table->replica_identity = PQgetvalue(res, row, 4)[0];
    table->pages = strtod(PQgetvalue(res, row, 5), NULL);
    table->rows = strtod(PQgetvalue(res, row, 6), NULL);
    table->logged = PQgetvalue(res, row, 14)[0] == 't';
    table->parent = PQgetvalue(res, row, 15)[0] == 't';
    if (table->schema == NULL || table->name == NULL) {
        pg_table_free(table);
        return NULL;
    }
    return table;
}

/* Rows first to first + n - 1 are the columns of one table. */
static enum cv_rc
read_columns(struct catalog *catalog, PGconn *conn, const PGresult *res, int first, int n,
             struct pg_table *table, struct cv_err *err)
{
    table->columns = calloc((size_t)n, sizeof(*table->columns));
    table->keys = calloc((size_t)n, sizeof(*table->keys));
    if (table->columns == NULL || table->keys == NULL)
        return cv_fail_memory(err);
    for (int i = 0; i < n; i++) {
        struct pg_column *col = &table->columns[i];
        int row = first + i;
        long key_pos = PQgetisnull(res, row, 13) ? -1 : strtol(PQgetvalue(res, row, 13), NULL, 10);

        col->name = get_text(res, row, 7);
        col->typmod = (int32_t)strtol(PQgetvalue(res, row, 9), NULL, 10);
        col->not_null = PQgetvalue(res, row, 10)[0] == 't';
        col->generated = PQgetvalue(res, row, 11)[0] == 't';
        col->def = get_text(res, row, 12);
        table->n_columns++;
        if (col->name == NULL || (col->def == NULL && !PQgetisnull(res, row, 12)))
            return cv_fail_memory(err);
        if (catalog_type(catalog, conn, get_oid(res, row, 8), &col->type, err) != CV_OK)
            return cv_err_context(err, "column \"%s\" of \"%s.%s\"", col->name, table->schema, table->name);
        if (col->typmod < 0)
            col->typmod = col->type->typmod;
        if (key_pos >= 0 && key_pos < n) { /* an int2vector counts from 0 */
            table->keys[key_pos] = (uint16_t)i;
            table->n_keys++;
        }
    }
    return CV_OK;
}

static enum cv_rc
read_tables(struct catalog *catalog, PGconn *conn, const PGresult *res, struct pg_tables *tables,
            struct cv_err *err)
{
    int rows = PQntuples(res);

    tables->items = calloc((size_t)rows + 1, sizeof(*tables->items));
    if (tables->items == NULL)
        return cv_fail_memory(err);
    for (int row = 0; row < rows;) {
        uint32_t oid = get_oid(res, row, 0);
        struct pg_table *table = table_of_row(res, row);
        int n = 1;

        if (table == NULL)
            return cv_fail_memory(err);
        tables->items[tables->count++] = table;
        while (row + n < rows && get_oid(res, row + n, 0) == oid)
            n++;
        if (read_columns(catalog, conn, res, row, n, table, err) != CV_OK)
            return err->rc;
        row += n;
    }
    return CV_OK;
}

/* only: what else is asked of them, as SQL. */
static enum cv_rc
find_tables(struct catalog *catalog, PGconn *conn, struct cv_buf *only, struct pg_tables *ret, struct cv_err *err)
{
    struct pg_tables tables = { 0 };
    struct cv_buf sql = CV_BUF_INIT(sizeof(tables_sql) + SQL_MORE);
    PGresult *res = NULL;
    enum cv_rc rc = cv_buf_check(only, err);

    if (rc == CV_OK) {
        cv_buf_printf(&sql, tables_sql, cv_buf_cstr(only));
        rc = cv_buf_check(&sql, err);
    }
    if (rc == CV_OK)
        rc = pg_query(conn, cv_buf_cstr(&sql), &res, "could not read the tables from the catalog", err);
    if (rc == CV_OK)
        rc = read_tables(catalog, conn, res, &tables, err);
    if (rc == CV_OK)
        *ret = tables;
    else
        pg_tables_done(&tables);
    PQclear(res);
    cv_buf_free(&sql);
    return rc;
}

enum cv_rc
catalog_tables(struct catalog *catalog, PGconn *conn, uint32_t oid, struct pg_tables *ret, struct cv_err *err)
{
    struct cv_buf only = CV_BUF_INIT(SQL_MORE);
    enum cv_rc rc;

    if (oid != 0)
        cv_buf_printf(&only, " AND c.oid = %u", oid);
    rc = find_tables(catalog, conn, &only, ret, err);
    cv_buf_free(&only);
    return rc;
}

enum cv_rc
catalog_table_named(struct catalog *catalog, PGconn *conn, const char *schema, const char *name, struct pg_tables *ret,
                    struct cv_err *err)
{
    struct cv_buf only = CV_BUF_INIT(SQL_MORE);
    enum cv_rc rc;

    cv_buf_str(&only, " AND n.nspname = ");
    cv_buf_sql_literal(&only, schema);
    cv_buf_str(&only, " AND c.relname = ");
    cv_buf_sql_literal(&only, name);
    rc = find_tables(catalog, conn, &only, ret, err);
    cv_buf_free(&only);
    return rc;
}
