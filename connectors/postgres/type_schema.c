/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas of columns: names, versions and parameters are those of Debezium 3.3. */
#include "connectors/postgres/type_private.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"

static void
name_version(struct cv_schema_builder *b, const char *name)
{
    cv_schema_set_name(b, name);
    cv_schema_set_version(b, 1);
}

static void
int_param(struct cv_schema_builder *b, const char *name, int64_t v)
{
    char text[24];

    snprintf(text, sizeof(text), "%lld", (long long)v);
    cv_schema_add_param(b, name, text);
}

static struct cv_schema_builder *
variable_scale_schema(void)
{
    struct cv_schema_builder *b = cv_schema_new(CV_STRUCT);

    name_version(b, "io.debezium.data.VariableScaleDecimal");
    cv_schema_set_doc(b, "Variable scaled decimal");
    cv_schema_add_field(b, "scale", cv_schema_plain(CV_INT32, false));
    cv_schema_add_field(b, "value", cv_schema_plain(CV_BYTES, false));
    return b;
}

static struct cv_schema_builder *
decimal_schema(const struct pg_column *col, int32_t scale, bool with_precision)
{
    struct cv_schema_builder *b = cv_schema_new(CV_BYTES);
    int32_t precision, ignored;

    name_version(b, CV_DECIMAL_NAME);
    int_param(b, "scale", scale);
    if (with_precision && type_numeric_modifier(col, &precision, &ignored))
        int_param(b, "connect.decimal.precision", precision);
    return b;
}

static struct cv_schema_builder *
named_schema(enum cv_type type, const char *name)
{
    struct cv_schema_builder *b = cv_schema_new(type);

    if (name != NULL)
        name_version(b, name);
    return b;
}

static struct cv_schema_builder *
bits_schema(const struct pg_column *col)
{
    struct cv_schema_builder *b = named_schema(CV_BYTES, "io.debezium.data.Bits");

    int_param(b, "length", col->typmod > 0 ? col->typmod : INT32_MAX);
    return b;
}

static struct cv_schema_builder *
time_schema(const struct pg_config *config, enum encode_kind kind)
{
    bool connect = config->time_mode == PG_TIME_CONNECT;

    switch (kind) {
    case ENCODE_DATE_DAYS:
        return named_schema(CV_INT32, connect ? CV_DATE_NAME : "io.debezium.time.Date");
    case ENCODE_DATE_ISO:
        return named_schema(CV_STRING, "io.debezium.time.IsoDate");
    case ENCODE_TIME_MS:
        return named_schema(CV_INT32, connect ? CV_TIME_NAME : "io.debezium.time.Time");
    case ENCODE_TIME_US:
        return named_schema(CV_INT64, "io.debezium.time.MicroTime");
    case ENCODE_TIME_NS:
        return named_schema(CV_INT64, "io.debezium.time.NanoTime");
    case ENCODE_TIME_ISO:
        return named_schema(CV_STRING, "io.debezium.time.IsoTime");
    case ENCODE_TIMESTAMP_MS:
        return named_schema(CV_INT64, connect ? CV_TIMESTAMP_NAME : "io.debezium.time.Timestamp");
    case ENCODE_TIMESTAMP_US:
        return named_schema(CV_INT64, "io.debezium.time.MicroTimestamp");
    case ENCODE_TIMESTAMP_NS:
        return named_schema(CV_INT64, "io.debezium.time.NanoTimestamp");
    case ENCODE_TIMESTAMP_ISO:
        return named_schema(CV_STRING, "io.debezium.time.IsoTimestamp");
    case ENCODE_INTERVAL_US:
        return named_schema(CV_INT64, "io.debezium.time.MicroDuration");
    default:
        return named_schema(CV_STRING, "io.debezium.time.Interval");
    }
}

static struct cv_schema_builder *
point_schema(const char *name)
{
    struct cv_schema_builder *b = named_schema(CV_STRUCT, name);

    cv_schema_set_doc(b, "Geometry (POINT)");
    cv_schema_add_field(b, "x", cv_schema_plain(CV_FLOAT64, false));
    cv_schema_add_field(b, "y", cv_schema_plain(CV_FLOAT64, false));
    cv_schema_add_field(b, "wkb", cv_schema_plain(CV_BYTES, true));
    cv_schema_add_field(b, "srid", cv_schema_plain(CV_INT32, true));
    return b;
}

static struct cv_schema_builder *
geometry_schema(const char *name)
{
    struct cv_schema_builder *b = named_schema(CV_STRUCT, name);

    cv_schema_set_doc(b, strrchr(name, '.') + 1);
    cv_schema_add_field(b, "wkb", cv_schema_plain(CV_BYTES, false));
    cv_schema_add_field(b, "srid", cv_schema_plain(CV_INT32, true));
    return b;
}

/* The schema of items, keys or a field; moves the builder into b. A failure of memory shows when b is finished. */
static void
add_items(struct cv_schema_builder *b, struct cv_schema_builder *items)
{
    struct cv_err err = CV_ERR_INIT;
    struct cv_schema *schema = NULL;

    if (cv_schema_finish(items, &schema, &err) != CV_OK)
        schema = NULL;
    cv_schema_set_items(b, schema);
    cv_schema_unref(schema);
}

static struct cv_schema_builder *
vector_schema(const char *name, enum cv_type type)
{
    struct cv_schema_builder *b = named_schema(CV_ARRAY, name);

    cv_schema_set_items(b, cv_schema_plain(type, false));
    return b;
}

static struct cv_schema_builder *
sparse_schema(const char *name)
{
    struct cv_schema_builder *b = named_schema(CV_STRUCT, name), *map = cv_schema_new(CV_MAP);
    struct cv_err err = CV_ERR_INIT;
    struct cv_schema *schema = NULL;

    cv_schema_set_doc(b, "Sparse double vector");
    cv_schema_add_field(b, "dimensions", cv_schema_plain(CV_INT16, false));
    cv_schema_set_keys(map, cv_schema_plain(CV_INT16, false));
    cv_schema_set_items(map, cv_schema_plain(CV_FLOAT64, false));
    if (cv_schema_finish(map, &schema, &err) != CV_OK)
        schema = NULL;
    cv_schema_add_field(b, "vector", schema);
    cv_schema_unref(schema);
    return b;
}

static struct cv_schema_builder *
hstore_map_schema(void)
{
    struct cv_schema_builder *b = cv_schema_new(CV_MAP);

    cv_schema_set_keys(b, cv_schema_plain(CV_STRING, false));
    cv_schema_set_items(b, cv_schema_plain(CV_STRING, true));
    return b;
}

static struct cv_schema_builder *base_schema(const struct pg_config *config, const struct pg_column *col,
                                             const struct base_type *base, const struct encode *enc);

/* Elements may always be null. */
static struct cv_schema_builder *
array_schema(const struct pg_config *config, const struct pg_column *col)
{
    const struct pg_column item = type_item(col);
    const struct base_type *base = type_item_base(config, item.type);
    struct cv_schema_builder *b = cv_schema_new(CV_ARRAY), *items;
    struct encode enc = { .kind = ENCODE_NONE };

    type_encode(config, &item, base, &enc);
    items = base_schema(config, &item, base, &enc);
    cv_schema_set_optional(items);
    add_items(b, items);
    return b;
}

/* The schemas of plain types, and of those that have their Connect type and name in the table. */
static struct cv_schema_builder *
plain_schema(const struct pg_column *col, const struct base_type *base)
{
    struct cv_schema_builder *b = named_schema(base->type, base->schema_name);

    if (col->type->kind == 'e')
        cv_schema_add_param(b, "allowed", col->type->labels != NULL ? col->type->labels : "");
    return b;
}

static struct cv_schema_builder *
base_schema(const struct pg_config *config, const struct pg_column *col, const struct base_type *base,
            const struct encode *enc)
{
    switch (enc->kind) {
    case ENCODE_DECIMAL:
        return decimal_schema(col, enc->scale, true);
    case ENCODE_MONEY:
        return decimal_schema(col, enc->scale, false);
    case ENCODE_DECIMAL_VARIABLE:
        return variable_scale_schema();
    case ENCODE_DECIMAL_DOUBLE:
    case ENCODE_MONEY_DOUBLE:
        return cv_schema_new(CV_FLOAT64);
    case ENCODE_DECIMAL_STRING:
    case ENCODE_MONEY_STRING:
    case ENCODE_BYTES_BASE64:
    case ENCODE_BYTES_BASE64_URL:
    case ENCODE_BYTES_HEX:
    case ENCODE_RAW_BASE64:
    case ENCODE_RAW_BASE64_URL:
    case ENCODE_RAW_HEX:
        return cv_schema_new(CV_STRING);
    case ENCODE_BYTES:
    case ENCODE_RAW:
        return cv_schema_new(CV_BYTES);
    case ENCODE_BIT:
        return cv_schema_new(CV_BOOLEAN);
    case ENCODE_BITS:
        return bits_schema(col);
    case ENCODE_HSTORE_JSON:
        return named_schema(CV_STRING, "io.debezium.data.Json");
    case ENCODE_HSTORE_MAP:
        return hstore_map_schema();
    case ENCODE_POINT:
        return point_schema(base->schema_name);
    case ENCODE_GEOMETRY:
        return geometry_schema(base->schema_name);
    case ENCODE_ARRAY:
        return array_schema(config, col);
    case ENCODE_INT16_VECTOR:
        return vector_schema(NULL, CV_INT16);
    case ENCODE_INT64_VECTOR:
        return vector_schema(NULL, CV_INT64);
    case ENCODE_FLOAT32_VECTOR:
        return vector_schema(base->schema_name, CV_FLOAT32);
    case ENCODE_FLOAT64_VECTOR:
        return vector_schema(base->schema_name, CV_FLOAT64);
    case ENCODE_SPARSE_VECTOR:
        return sparse_schema(base->schema_name);
    default:
        break;
    }
    if (base->family >= FAMILY_DATE && base->family != FAMILY_ZONED)
        return time_schema(config, enc->kind);
    return plain_schema(col, base);
}

/* One with nothing but a type is everybody's: there may be thousands of tables. */
static enum cv_rc
finish(struct cv_schema_builder *b, struct cv_schema **ret, struct cv_err *err)
{
    struct cv_schema *made = NULL;

    if (cv_schema_finish(b, &made, err) != CV_OK)
        return err->rc;
    *ret = made;
    if (made->name == NULL && made->n_params == 0 && made->def == NULL && made->type != CV_ARRAY &&
        made->type != CV_MAP && made->type != CV_STRUCT) {
        *ret = cv_schema_ref(cv_schema_plain(made->type, made->optional));
        cv_schema_unref(made);
    }
    return CV_OK;
}

enum cv_rc
type_schema(const struct pg_config *config, const struct pg_column *col, bool optional,
            const char *def_text, struct cv_schema **ret, struct cv_err *err)
{
    const struct base_type *base = type_base(config, col->type);
    struct cv_schema_builder *b;
    struct cv_schema *bare = NULL;
    struct cv_arena *arena = NULL;
    struct column_type type;
    bool bad = false;
    enum cv_rc rc;

    type_of_column(config, col, &type);
    b = base_schema(config, col, base, &type.enc);
    if (optional || type.enc.kind == ENCODE_GEOMETRY) /* Debezium's geometry always is */
        cv_schema_set_optional(b);
    if (def_text == NULL)
        return finish(b, ret, err);
    /* the default needs the schema's type: make the value with a bare schema first */
    rc = cv_schema_finish(base_schema(config, col, base, &type.enc), &bare, err);
    if (rc == CV_OK) {
        struct cv_value def = { .schema = bare };

        arena = cv_arena_new(NULL);
        rc = arena == NULL ? cv_fail_memory(err)
                           : encode_value(&type.enc, def_text, strlen(def_text), arena, &def, &bad, err);
        def.schema = NULL;
        if (rc == CV_OK && !bad)
            cv_schema_set_default(b, &def);
    }
    cv_arena_free(arena);
    cv_schema_unref(bare);
    if (rc == CV_OK)
        return finish(b, ret, err);
    if (cv_schema_finish(b, &bare, &(struct cv_err)CV_ERR_INIT) == CV_OK) /* frees the builder */
        cv_schema_unref(bare);
    return rc;
}
