/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The type mapping.
 *
 * Base types are found by name in one table; what depends on a handling mode or on the type modifier is
 * decided in the function of its family. Schemas are made in type_schema.c, defaults read in type_default.c.
 */
#include "connectors/postgres/type_private.h"

#include <string.h>

#define UUID_ZERO "00000000-0000-0000-0000-000000000000"
#define EPOCH     "1970-01-01 00:00:00"
#define EMPTY_WKB "010700000000000000" /* an empty collection */

static const struct base_type base_types[] = {
    { "bool", FAMILY_PLAIN, ENCODE_BOOL, CV_BOOLEAN, NULL, "f", true, "f" },
    { "int2", FAMILY_PLAIN, ENCODE_INT16, CV_INT16, NULL, "0", true, "0" },
    { "int4", FAMILY_PLAIN, ENCODE_INT32, CV_INT32, NULL, "0", true, "0" },
    { "int8", FAMILY_PLAIN, ENCODE_INT64, CV_INT64, NULL, "0", true, "0" },
    { "oid", FAMILY_PLAIN, ENCODE_INT64, CV_INT64, NULL, "0", false, NULL },
    { "float4", FAMILY_PLAIN, ENCODE_FLOAT32, CV_FLOAT32, NULL, "0", true, "0" },
    { "float8", FAMILY_PLAIN, ENCODE_FLOAT64, CV_FLOAT64, NULL, "0", true, "0" },
    { "numeric", FAMILY_NUMERIC, ENCODE_NONE, CV_BYTES, NULL, "0", true, "0" },
    { "money", FAMILY_MONEY, ENCODE_NONE, CV_BYTES, NULL, "0.00", false, NULL, ARRAY_LEFT_OUT, false },
    { "text", FAMILY_PLAIN, ENCODE_TEXT, CV_STRING, NULL, "", true, "", ARRAY_NESTED, false },
    { "varchar", FAMILY_PLAIN, ENCODE_TEXT, CV_STRING, NULL, "", true, "", ARRAY_NESTED, false },
    { "bpchar", FAMILY_PLAIN, ENCODE_TEXT, CV_STRING, NULL, "", true, "", ARRAY_NESTED, false },
    { "char", FAMILY_PLAIN, ENCODE_TEXT, CV_STRING, NULL, "", false, NULL },
    { "name", FAMILY_PLAIN, ENCODE_TEXT, CV_STRING, NULL, "", false, NULL, ARRAY_LEFT_OUT, false },
    { "citext", FAMILY_PLAIN, ENCODE_TEXT, CV_STRING, NULL, "", false, NULL, ARRAY_SENT, true },
    { "isbn", FAMILY_PLAIN, ENCODE_TEXT, CV_STRING, NULL, "", false, NULL, ARRAY_SENT, true },
    { "inet", FAMILY_PLAIN, ENCODE_TEXT, CV_STRING, NULL, "", false, NULL },
    { "cidr", FAMILY_PLAIN, ENCODE_TEXT, CV_STRING, NULL, "", false, NULL },
    { "macaddr", FAMILY_PLAIN, ENCODE_TEXT, CV_STRING, NULL, "", false, NULL },
    { "macaddr8", FAMILY_PLAIN, ENCODE_TEXT, CV_STRING, NULL, "", false, NULL },
    { "int4range", FAMILY_PLAIN, ENCODE_TEXT, CV_STRING, NULL, "", false, NULL },
    { "int8range", FAMILY_PLAIN, ENCODE_TEXT, CV_STRING, NULL, "", false, NULL },
    { "numrange", FAMILY_PLAIN, ENCODE_TEXT, CV_STRING, NULL, "", false, NULL },
    { "tsrange", FAMILY_PLAIN, ENCODE_TEXT, CV_STRING, NULL, "", false, NULL },
    { "tstzrange", FAMILY_PLAIN, ENCODE_TEXT, CV_STRING, NULL, "", false, NULL },
    { "daterange", FAMILY_PLAIN, ENCODE_TEXT, CV_STRING, NULL, "", false, NULL },
    { "json", FAMILY_PLAIN, ENCODE_TEXT, CV_STRING, "io.debezium.data.Json", "", true, "{}" },
    { "jsonb", FAMILY_PLAIN, ENCODE_TEXT, CV_STRING, "io.debezium.data.Json", "", true, "{}" },
    { "xml", FAMILY_PLAIN, ENCODE_TEXT, CV_STRING, "io.debezium.data.Xml", "", true, "", ARRAY_LEFT_OUT, false },
    { "uuid", FAMILY_PLAIN, ENCODE_TEXT, CV_STRING, "io.debezium.data.Uuid", "", true, UUID_ZERO },
    { "ltree", FAMILY_PLAIN, ENCODE_TEXT, CV_STRING, "io.debezium.data.Ltree", "", false, NULL, ARRAY_SENT, true },
    { "tsvector", FAMILY_PLAIN, ENCODE_TEXT, CV_STRING, "io.debezium.data.Tsvector", "", false, NULL },
    { "bytea", FAMILY_BYTEA, ENCODE_NONE, CV_BYTES, NULL, "\\x", false, NULL },
    { "bit", FAMILY_BIT, ENCODE_NONE, CV_BYTES, NULL, "0", true, "00" },
    { "varbit", FAMILY_BIT, ENCODE_NONE, CV_BYTES, NULL, "0", true, "00", ARRAY_LEFT_OUT, false },
    { "date", FAMILY_DATE, ENCODE_NONE, CV_INT32, NULL, "1970-01-01", true, "1970-01-01" },
    { "time", FAMILY_TIME, ENCODE_NONE, CV_INT64, NULL, "00:00:00", true, "00:00:00" },
    { "timestamp", FAMILY_TIMESTAMP, ENCODE_NONE, CV_INT64, NULL, EPOCH, true, EPOCH },
    { "timestamptz", FAMILY_ZONED, ENCODE_TIMESTAMPTZ, CV_STRING, "io.debezium.time.ZonedTimestamp",
      EPOCH "+00", true, EPOCH "+00" },
    { "timetz", FAMILY_ZONED, ENCODE_TIMETZ, CV_STRING, "io.debezium.time.ZonedTime", "00:00:00+00", false,
      NULL },
    { "interval", FAMILY_INTERVAL, ENCODE_NONE, CV_INT64, NULL, "00:00:00", true, "00:00:00", ARRAY_LEFT_OUT, false },
    { "hstore", FAMILY_HSTORE, ENCODE_NONE, CV_STRING, NULL, "", false, NULL, ARRAY_SENT, true },
    { "point", FAMILY_PLAIN, ENCODE_POINT, CV_STRUCT, "io.debezium.data.geometry.Point", "(0,0)", false, NULL,
      ARRAY_LEFT_OUT, false },
    { "geometry", FAMILY_PLAIN, ENCODE_GEOMETRY, CV_STRUCT, "io.debezium.data.geometry.Geometry", EMPTY_WKB, false,
      NULL, ARRAY_SENT, true },
    { "geography", FAMILY_PLAIN, ENCODE_GEOMETRY, CV_STRUCT, "io.debezium.data.geometry.Geography", EMPTY_WKB,
      false, NULL, ARRAY_SENT, true },
    { "int2vector", FAMILY_PLAIN, ENCODE_INT16_VECTOR, CV_ARRAY, NULL, "", false, NULL, ARRAY_LEFT_OUT, false },
    { "oidvector", FAMILY_PLAIN, ENCODE_INT64_VECTOR, CV_ARRAY, NULL, "", false, NULL, ARRAY_LEFT_OUT, false },
    { "vector", FAMILY_PLAIN, ENCODE_FLOAT64_VECTOR, CV_ARRAY, "io.debezium.data.DoubleVector", "[]", false, NULL,
      ARRAY_SENT, true },
    { "halfvec", FAMILY_PLAIN, ENCODE_FLOAT32_VECTOR, CV_ARRAY, "io.debezium.data.FloatVector", "[]", false, NULL,
      ARRAY_SENT, true },
    { "sparsevec", FAMILY_PLAIN, ENCODE_SPARSE_VECTOR, CV_STRUCT, "io.debezium.data.SparseDoubleVector", "{}/0",
      false, NULL, ARRAY_SENT, true },
};

/* Types without a name of their own. */
static const struct base_type enum_type = {
    "", FAMILY_PLAIN, ENCODE_TEXT, CV_STRING, "io.debezium.data.Enum", "", true, "", ARRAY_SENT, false,
};
static const struct base_type array_type = {
    "", FAMILY_ARRAY, ENCODE_NONE, CV_ARRAY, NULL, "{}", false, NULL, ARRAY_LEFT_OUT, false,
};
static const struct base_type unknown_type = {
    "", FAMILY_UNKNOWN, ENCODE_NONE, CV_BYTES, NULL, "", false, NULL, ARRAY_SENT, false,
};

static const struct base_type *
find_base(const struct pg_type *type)
{
    if (type->kind != 'b' && type->kind != 'r')
        return NULL;
    for (size_t i = 0; i < CV_COUNT(base_types); i++)
        if (strcmp(base_types[i].name, type->name) == 0 && (type->system || base_types[i].extension))
            return &base_types[i];
    return NULL;
}

const struct base_type *
type_base(const struct pg_config *config, const struct pg_type *type)
{
    const struct base_type *base = type->kind == 'e' ? &enum_type : find_base(type);

    if (base != NULL)
        return base;
    if (type->item != NULL)
        return type_item_base(config, type->item) != NULL ? &array_type : NULL;
    return config->include_unknown_types ? &unknown_type : NULL;
}

/* Of a domain as an element Debezium knows nothing; of a cursor, that it cannot be read. */
const struct base_type *
type_item_base(const struct pg_config *config, const struct pg_type *item)
{
    const struct base_type *base;

    if (item->oid != item->base_oid)
        return config->include_unknown_types ? &unknown_type : NULL;
    if (item->system && strcmp(item->name, "refcursor") == 0)
        return NULL;
    base = type_base(config, item);
    return base != NULL && base->arrays != ARRAY_LEFT_OUT ? base : NULL;
}

struct pg_column
type_item(const struct pg_column *col)
{
    return (struct pg_column){ .name = col->name, .type = col->type->item, .typmod = col->typmod };
}

/* Fraction digits of time and timestamp types: the modifier, 6 without one. */
static int32_t
time_digits(const struct pg_column *col)
{
    return col->typmod >= 0 && col->typmod <= 6 ? col->typmod : 6;
}

/* numeric's modifier is ((precision << 16) | scale) + 4; the scale's 11 bits are unsigned here. */
bool
type_numeric_modifier(const struct pg_column *col, int32_t *ret_precision, int32_t *ret_scale)
{
    if (col->typmod < 4)
        return false;
    *ret_precision = ((col->typmod - 4) >> 16) & 0xffff;
    *ret_scale = (col->typmod - 4) & 0x7ff;
    if (*ret_scale > 1000) /* a negative scale: values have no fraction */
        *ret_scale = 0;
    return true;
}

static enum encode_kind
bytea_kind(const struct pg_config *config)
{
    switch (config->binary_mode) {
    case PG_BINARY_BASE64:
        return ENCODE_BYTES_BASE64;
    case PG_BINARY_BASE64_URL:
        return ENCODE_BYTES_BASE64_URL;
    case PG_BINARY_HEX:
        return ENCODE_BYTES_HEX;
    default:
        return ENCODE_BYTES;
    }
}

static enum encode_kind
time_kind(const struct pg_config *config, int32_t digits)
{
    switch (config->time_mode) {
    case PG_TIME_CONNECT:
        return ENCODE_TIME_MS;
    case PG_TIME_ADAPTIVE:
        return digits <= 3 ? ENCODE_TIME_MS : ENCODE_TIME_US;
    case PG_TIME_ISO:
        return ENCODE_TIME_ISO;
    case PG_TIME_NS:
        return ENCODE_TIME_NS;
    default:
        return ENCODE_TIME_US;
    }
}

static enum encode_kind
timestamp_kind(const struct pg_config *config, int32_t digits)
{
    switch (config->time_mode) {
    case PG_TIME_CONNECT:
        return ENCODE_TIMESTAMP_MS;
    case PG_TIME_ADAPTIVE:
    case PG_TIME_ADAPTIVE_US:
        return digits <= 3 ? ENCODE_TIMESTAMP_MS : ENCODE_TIMESTAMP_US;
    case PG_TIME_ISO:
        return ENCODE_TIMESTAMP_ISO;
    case PG_TIME_NS:
        return ENCODE_TIMESTAMP_NS;
    default:
        return ENCODE_TIMESTAMP_US;
    }
}

static void
numeric_encode(const struct pg_config *config, const struct pg_column *col, struct encode *enc)
{
    int32_t precision;
    bool fixed = type_numeric_modifier(col, &precision, &enc->scale);

    if (config->decimal_mode == PG_DECIMAL_STRING)
        enc->kind = ENCODE_DECIMAL_STRING;
    else if (config->decimal_mode == PG_DECIMAL_DOUBLE)
        enc->kind = ENCODE_DECIMAL_DOUBLE;
    else
        enc->kind = fixed ? ENCODE_DECIMAL : ENCODE_DECIMAL_VARIABLE;
}

static enum encode_kind
hstore_kind(const struct pg_config *config)
{
    return config->hstore_mode == PG_HSTORE_MAP ? ENCODE_HSTORE_MAP : ENCODE_HSTORE_JSON;
}

/* bytea's way, for the text of a value that we know nothing of. */
static enum encode_kind
raw_kind(const struct pg_config *config)
{
    switch (config->binary_mode) {
    case PG_BINARY_BASE64:
        return ENCODE_RAW_BASE64;
    case PG_BINARY_BASE64_URL:
        return ENCODE_RAW_BASE64_URL;
    case PG_BINARY_HEX:
        return ENCODE_RAW_HEX;
    default:
        return ENCODE_RAW;
    }
}

static enum encode_kind
money_kind(const struct pg_config *config)
{
    switch (config->decimal_mode) {
    case PG_DECIMAL_STRING:
        return ENCODE_MONEY_STRING;
    case PG_DECIMAL_DOUBLE:
        return ENCODE_MONEY_DOUBLE;
    default:
        return ENCODE_MONEY;
    }
}

static void
array_encode(const struct pg_config *config, const struct pg_column *col, struct encode *enc)
{
    const struct pg_column item = type_item(col);
    const struct base_type *base = type_item_base(config, item.type);

    type_encode(config, &item, base, enc);
    enc->element = enc->kind;
    enc->kind = ENCODE_ARRAY;
    enc->nested_text = base->arrays == ARRAY_NESTED;
    enc->delimiter = item.type->delimiter;
}

void
type_encode(const struct pg_config *config, const struct pg_column *col, const struct base_type *base,
            struct encode *enc)
{
    switch (base->family) {
    case FAMILY_PLAIN:
        enc->kind = base->kind;
        break;
    case FAMILY_NUMERIC:
        numeric_encode(config, col, enc);
        break;
    case FAMILY_MONEY:
        enc->scale = config->money_fraction_digits;
        enc->kind = money_kind(config);
        break;
    case FAMILY_BYTEA:
        enc->kind = bytea_kind(config);
        break;
    case FAMILY_BIT:
        enc->kind = col->typmod == 1 ? ENCODE_BIT : ENCODE_BITS;
        break;
    case FAMILY_HSTORE:
        enc->kind = hstore_kind(config);
        break;
    case FAMILY_ARRAY:
        array_encode(config, col, enc);
        break;
    case FAMILY_UNKNOWN:
        enc->kind = raw_kind(config);
        break;
    case FAMILY_DATE:
        enc->kind = config->time_mode == PG_TIME_ISO ? ENCODE_DATE_ISO : ENCODE_DATE_DAYS;
        break;
    case FAMILY_TIME:
        enc->kind = time_kind(config, time_digits(col));
        enc->scale = -1;
        break;
    case FAMILY_TIMESTAMP:
        enc->kind = timestamp_kind(config, time_digits(col));
        enc->scale = -1;
        break;
    case FAMILY_ZONED:
        enc->kind = base->kind;
        enc->scale = time_digits(col);
        break;
    case FAMILY_INTERVAL:
        enc->kind = config->interval_mode == PG_INTERVAL_STRING ? ENCODE_INTERVAL_ISO : ENCODE_INTERVAL_US;
        break;
    }
}

void
type_of_column(const struct pg_config *config, const struct pg_column *col, struct column_type *ret)
{
    const struct base_type *base = type_base(config, col->type);

    *ret = (struct column_type){ .enc = { .kind = ENCODE_NONE } };
    if (base == NULL)
        return;
    ret->fallback = base->fallback;
    type_encode(config, col, base, &ret->enc);
}
