/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a table of a pipeline looks like: columns, their types as events must be decoded to, the
 * primary key. Read back from SQLite, so that SQLite's own parser decides what a column definition
 * means.
 */
#ifndef STREAMS_STORE_TABLE_H
#define STREAMS_STORE_TABLE_H

#include "common/arena.h"
#include "streams/store/database.h"

enum column_type {
    COLUMN_INTEGER,
    COLUMN_REAL,
    COLUMN_TEXT,
    COLUMN_BLOB,
    COLUMN_TIMESTAMP, /* integer, ms since 1970 */
    COLUMN_DECIMAL,   /* integer, scaled by 10^scale */
    COLUMN_BOOLEAN,   /* 0 or 1 */
    COLUMN_JSON,      /* text */
    COLUMN_ANY,       /* whatever a SELECT gave: a column of a repartition stream */
};

struct column {
    const char *name;
    enum column_type type;
    int precision; /* DECIMAL: at most 18 */
    int scale;
    bool not_null;
};

/* Where a connection has a table: in its file, or in memory beside it. */
#define TABLE_IN_FILE   "main"
#define TABLE_IN_MEMORY "memory"

struct table {
    const char *name;
    const char *schema; /* TABLE_IN_... */
    struct column *columns;
    size_t n_columns;
    size_t *key; /* columns of the primary key, in its order */
    size_t n_key;
    uint32_t id;     /* of its records in a changelog: a hash of the name */
    uint32_t layout; /* hash of its columns' names, types and key */
};

#define TABLE_COLUMNS_MAX 512

/* Read a table that exists in the database. CV_INVALID with the column's name for a type or a name
   that we do not take. */
CV_MUST_CHECK
enum cv_rc table_read(struct database *db, const char *name, struct cv_arena *arena,
                      struct table **ret, struct cv_err *err);
/* A table that no database has: a repartition stream's. No key. */
CV_MUST_CHECK
enum cv_rc table_make(const char *name, const char *const *columns, size_t n_columns,
                      struct cv_arena *arena, struct table **ret, struct cv_err *err);
/* The same table under another name. */
CV_MUST_CHECK
enum cv_rc table_rename(const struct table *table, const char *name, struct cv_arena *arena,
                        struct table **ret, struct cv_err *err);
/* How many of the columns, from the first on, a row of that layout has: all of them, or fewer if
   nullable columns were added behind them since. 0: it is the layout of another definition. */
size_t table_columns_of(const struct table *table, uint32_t layout);
int table_column(const struct table *table, const char *name, size_t len); /* -1: none */
const char *column_type_name(enum column_type type);

#endif
