/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the catalog says of tables, columns, keys and types. All captured tables are read with one query;
 * types are looked up once and kept. Belongs to the task's thread.
 */
#ifndef POSTGRES_CATALOG_H
#define POSTGRES_CATALOG_H

#include "connectors/postgres/connection.h"

struct cv_hash;

/* A type, domains resolved to their base. */
struct pg_type {
    uint32_t oid;
    uint32_t base_oid; /* innermost base of a domain; oid itself otherwise */
    int32_t typmod;    /* of the domain; -1 */
    char *name;        /* pg_type.typname of the base */
    char *declared;    /* typname of the type itself */
    char kind;         /* pg_type.typtype of the base: b, c, e, r, m, p */
    char category;     /* pg_type.typcategory of the base */
    char delimiter;    /* pg_type.typdelim of the base: what is between the items of an array of it; 0: a comma */
    const struct pg_type *item; /* arrays: the type of the elements; NULL */
    bool system;       /* the base is in pg_catalog */
    char *labels;      /* enums: comma-joined in sort order; NULL */
};

struct pg_column {
    char *name;
    const struct pg_type *type; /* owned by the catalog */
    int32_t typmod;             /* the column's own, or the domain's */
    bool not_null;
    bool generated;
    char *def; /* default expression; NULL: none (identity columns too) */
};

/* A table as the catalog has it now. */
struct pg_table {
    uint32_t oid;
    char *schema;
    char *name;
    char kind;             /* relkind: r, p */
    char replica_identity; /* d, n, f, i */
    bool logged;           /* its changes are in the WAL */
    bool parent;           /* others inherit from it, or did once: reading it reads them, too */
    double pages;          /* relpages */
    double rows;           /* reltuples; below 0: unknown */
    struct pg_column *columns;
    size_t n_columns;
    uint16_t *keys; /* indices into columns: primary key, else the first suitable unique index */
    size_t n_keys;
};

void pg_table_free(struct pg_table *table);
/* Index of the column, -1 if there is none. */
int pg_table_column(const struct pg_table *table, const char *name);

struct catalog;

CV_MUST_CHECK enum cv_rc catalog_new(struct catalog **ret, struct cv_err *err);
void catalog_free(struct catalog *catalog);

/* Stands for a type that was dropped after the change: nobody knows what it was. */
extern const struct pg_type catalog_dropped_type;

/* The type of that OID, from the cache or the server. CV_NOT_FOUND. */
CV_MUST_CHECK enum cv_rc catalog_type(struct catalog *catalog, PGconn *conn, uint32_t oid,
                                      const struct pg_type **ret, struct cv_err *err);

struct pg_tables {
    struct pg_table **items;
    size_t count;
};

void pg_tables_done(struct pg_tables *tables);

/* Every ordinary and partitioned table outside the system schemas, ordered by schema and name; oid 0: all,
   else that one only. */
CV_MUST_CHECK enum cv_rc catalog_tables(struct catalog *catalog, PGconn *conn, uint32_t oid,
                                        struct pg_tables *ret, struct cv_err *err);
/* The table of that name; none: ret->count is 0. */
CV_MUST_CHECK enum cv_rc catalog_table_named(struct catalog *catalog, PGconn *conn, const char *schema,
                                             const char *name, struct pg_tables *ret, struct cv_err *err);

#endif
