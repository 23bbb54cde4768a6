/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PostgreSQL types to Connect types: which encoder, which schema, what stands in for a value that is not
 * there. One table of base types, and the handling modes of the configuration (Debezium's type mapping).
 */
#ifndef POSTGRES_TYPE_H
#define POSTGRES_TYPE_H

#include "connectors/postgres/catalog.h"
#include "connectors/postgres/encode.h"

/* A column's place in the mapping. enc.kind ENCODE_NONE: the column is left out. */
struct column_type {
    struct encode enc;
    const char *fallback; /* text of the value that a NOT NULL column has where none was sent */
};

void type_of_column(const struct pg_config *config, const struct pg_column *col, struct column_type *ret);

/* The default in the schema as value text for the encoder, from the catalog's expression; NULL: none.
   Free with free(). Debezium's reading of expressions, its surprises included. */
char *type_default_text(const struct pg_config *config, const struct pg_column *col);

/* What stands for an unchanged TOAST value of the column: a text, and how it is encoded; text NULL: null does. */
struct type_placeholder {
    char *text; /* free with free() */
    struct encode enc;
};
CV_MUST_CHECK enum cv_rc type_placeholder(const struct pg_config *config, const struct pg_column *col,
                                          struct type_placeholder *ret, struct cv_err *err);

/* The Connect schema of the column, default included when def_text is given. */
CV_MUST_CHECK enum cv_rc type_schema(const struct pg_config *config, const struct pg_column *col,
                                     bool optional, const char *def_text, struct cv_schema **ret,
                                     struct cv_err *err);

#endif
