/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One table compiled: per column in tuple order a pre-escaped name literal, an encoder and what stands in for
 * a missing value, so that a row becomes JSON by copying. A plan is made for each Relation message (or snapshot
 * query) and lives until the next one for the same table; bytes that it made do not refer to it. Task's thread. There
 * may be thousands: what a path does not need is not kept. Rows are written as JSON on the direct path only.
 */
#ifndef POSTGRES_PLAN_H
#define POSTGRES_PLAN_H

#include <culvert/plugin.h>

#include "connectors/postgres/encode.h"
#include "connectors/postgres/mask.h"
#include "connectors/postgres/table.h"
#include "connectors/postgres/type.h"

struct plan_literal {
    char *text;
    size_t len;
};

struct plan_column {
    char *column;             /* its name */
    char *field;              /* its name in events; may be column */
    struct plan_literal name; /* `"id":` */
    struct encode enc;
    const struct cv_schema *schema;  /* of the value's field; on the direct path of keys only */
    struct plan_literal null;        /* what null prints as, and a value that was not sent: the default, what stands in
                                        for a value where the schema has no null, or null */
    struct plan_literal placeholder; /* unchanged TOAST */
    bool no_placeholder;             /* the type has none, and null stands for it */
    struct type_placeholder unchanged; /* the same for typed values, */
    char *fallback;                  /* text of what stands in for null; NULL: null */
    char *def_text;                  /* and of the default; NULL: none. Where there is a schema */
    bool sent;     /* in the value or in the key */
    bool required; /* there is neither null nor a default */
    bool reselect; /* read again where it is missing, see reselect.h */
    bool in_value;
    bool unread;      /* a snapshot does not look at it: it is left out of rows, and keys have what stands for it */
    struct mask *mask;         /* NULL: values are sent as they are */
    struct plan_column *plain; /* a key column whose rule concerns rows only: what the key goes by; NULL: this one */
};

struct plan {
    uint32_t oid;
    char *schema_name;
    char *table_name;
    struct cv_topic *topic; /* NULL: nothing of this table is sent */
    char *topic_name;       /* before routing */
    bool is_signal;         /* inserts are signals */
    struct table_count *counts; /* NULL: the table's events are not counted by themselves */
    bool reselects;         /* columns are read again, see reselect.h */
    char *schema_base;      /* what the names of its schemas begin with */

    struct plan_column *columns; /* in tuple order */
    uint16_t n_columns;
    uint16_t *keys; /* indices into columns; a key column may be left out of the value */
    size_t n_keys;
    uint16_t *own_keys; /* the same of the table's own key, whatever message.key.columns says */
    size_t n_own_keys;
    char *key_extra;               /* value of the key's last field, which names the table; NULL: none */
    const char *key_extra_field;   /* its name */
    struct plan_literal key_tail;  /* `"name":"value"` of it, or empty */

    struct plan_literal source_table;  /* `public","table":"orders","txId":` */
    struct plan_literal key_prefix;    /* `{"schema":...,"payload":`, or empty */
    struct plan_literal value_prefix;
    size_t row_bound; /* bytes that a row may need besides its values */
    size_t text_factor; /* and for each byte of their texts */

    struct cv_schema *key_schema; /* NULL: no key */
    struct cv_schema *row_schema; /* on the direct path they are gone once the prefixes are made */
    struct cv_schema *envelope_schema;
};

struct plan_spec {
    const struct pg_config *config;
    const struct cv_direct *direct; /* NULL: record path */
    const struct table_filter *filter;
    const struct pg_table *table; /* from the catalog, now */
    /* Columns in tuple order; those that the catalog no longer has are optional and without default. The table is the
       one of that name now. */
    const struct pgoutput_relation *relation; /* NULL: a snapshot, all columns of the table */
    struct catalog *catalog;
    PGconn *conn; /* for types that are not cached */
};

CV_MUST_CHECK enum cv_rc plan_new(const struct plan_spec *spec, struct plan **ret, struct cv_err *err);
void plan_free(struct plan *plan);

/* Bytes that a row whose values have text_len bytes together can need as JSON. */
static inline size_t
plan_bound(const struct plan *plan, size_t text_len)
{
    return plan->row_bound + plan->text_factor * text_len;
}

/* What an old row is: all of it, or its key columns. */
enum plan_row { PLAN_ROW_WHOLE, PLAN_ROW_OLD_KEY };

/* Whether an update changed a column that is sent; old is the whole old row. */
bool plan_row_changed(const struct plan *plan, const struct pgoutput_tuple *old, const struct pgoutput_tuple *row);

/*
 * The row as a JSON object at out; old gives the values of unchanged TOAST columns where it has them (NULL:
 * none). Returns the byte behind. A value that cannot be converted, or is unchanged TOAST of a type without
 * placeholder, is written as null, and *ret_bad is set to the index of its column.
 */
char *plan_write_row(const struct plan *plan, const struct pgoutput_tuple *row, const struct pgoutput_tuple *old,
                     char *out, int *ret_bad);
/* The key object alone, without key_prefix. */
char *plan_write_key(const struct plan *plan, const struct pgoutput_tuple *row, char *out, int *ret_bad);

/* The same as typed values, in arena. */
CV_MUST_CHECK enum cv_rc plan_row_value(const struct plan *plan, const struct pgoutput_tuple *row,
                                        const struct pgoutput_tuple *old,
                                        struct cv_arena *arena, struct cv_value *ret, int *ret_bad,
                                        struct cv_err *err);
CV_MUST_CHECK enum cv_rc plan_key_value(const struct plan *plan, const struct pgoutput_tuple *row,
                                        struct cv_arena *arena, struct cv_value *ret, struct cv_err *err);

#endif
