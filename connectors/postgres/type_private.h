/* SPDX-License-Identifier: Apache-2.0 */
/* What type.c, type_default.c and type_schema.c share: the table of base types. */
#ifndef POSTGRES_TYPE_PRIVATE_H
#define POSTGRES_TYPE_PRIVATE_H

#include "connectors/postgres/config.h"
#include "connectors/postgres/type.h"

enum family {
    FAMILY_PLAIN, /* the encoder of the row */
    FAMILY_NUMERIC,
    FAMILY_MONEY,
    FAMILY_BYTEA,
    FAMILY_BIT,
    FAMILY_HSTORE,
    FAMILY_ARRAY,
    FAMILY_UNKNOWN, /* with include.unknown.datatypes: as bytes */
    FAMILY_DATE,
    FAMILY_TIME,
    FAMILY_TIMESTAMP,
    FAMILY_ZONED,
    FAMILY_INTERVAL,
};

struct base_type {
    const char *name; /* pg_type.typname */
    enum family family;
    enum encode_kind kind;   /* FAMILY_PLAIN */
    enum cv_type type;       /* FAMILY_PLAIN: Connect type */
    const char *schema_name; /* NULL: none */
    const char *fallback;
    bool defaults;        /* column defaults go into the schema */
    const char *computed; /* default text of an expression that only the server can evaluate */
    enum array_rule {
        ARRAY_SENT,
        ARRAY_NESTED,   /* texts: an inner array is sent as its text */
        ARRAY_LEFT_OUT, /* Debezium has no arrays of it */
    } arrays;
    bool extension; /* of an extension: in any schema, others only in pg_catalog */
};

/* The row of the type; NULL: the column is left out. */
const struct base_type *type_base(const struct pg_config *config, const struct pg_type *type);

/* The row of an array's elements; NULL: arrays of them are left out. */
const struct base_type *type_item_base(const struct pg_config *config, const struct pg_type *item);
/* How a value of that base is encoded; enc is zeroed. */
void type_encode(const struct pg_config *config, const struct pg_column *col, const struct base_type *base,
                 struct encode *enc);
/* The elements of an array as a column of their own. */
struct pg_column type_item(const struct pg_column *col);

/* numeric's precision and scale; false: it has no modifier. */
bool type_numeric_modifier(const struct pg_column *col, int32_t *ret_precision, int32_t *ret_scale);

#endif
