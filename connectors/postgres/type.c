/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The type mapping.
 *
 * Base types are found by name in one table; what depends on a handling mode or on the type modifier is
 * decided in the function of its family. Names, versions and parameters of schemas are those of Debezium 3.3.
 */
#include "connectors/postgres/type.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/number.h"

enum family {
    FAMILY_PLAIN, /* the encoder of the row */
    FAMILY_NUMERIC,
    FAMILY_MONEY,
    FAMILY_BYTEA,
    FAMILY_BIT,
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
    bool defaults; /* column defaults go into the schema */
    const char *computed; /* default text of an expression that only the server can evaluate */
};

#define UUID_ZERO "00000000-0000-0000-0000-000000000000"
#define EPOCH     "1970-01-01 00:00:00"

static const struct base_type base_types[] = {
    { "bool", FAMILY_PLAIN, ENCODE_BOOL, CV_BOOLEAN, NULL, "f", true, "f" },
    { "int2", FAMILY_PLAIN, ENCODE_INT16, CV_INT16, NULL, "0", true, "0" },
    { "int4", FAMILY_PLAIN, ENCODE_INT32, CV_INT32, NULL, "0", true, "0" },
    { "int8", FAMILY_PLAIN, ENCODE_INT64, CV_INT64, NULL, "0", true, "0" },
    { "oid", FAMILY_PLAIN, ENCODE_INT64, CV_INT64, NULL, "0", false, NULL },
    { "float4", FAMILY_PLAIN, ENCODE_FLOAT32, CV_FLOAT32, NULL, "0", true, "0" },
    { "float8", FAMILY_PLAIN, ENCODE_FLOAT64, CV_FLOAT64, NULL, "0", true, "0" },
    { "numeric", FAMILY_NUMERIC, ENCODE_NONE, CV_BYTES, NULL, "0", true, "0" },
    { "money", FAMILY_MONEY, ENCODE_NONE, CV_BYTES, NULL, "0.00", false, NULL },
    { "text", FAMILY_PLAIN, ENCODE_TEXT, CV_STRING, NULL, "", true, "" },
    { "varchar", FAMILY_PLAIN, ENCODE_TEXT, CV_STRING, NULL, "", true, "" },
    { "bpchar", FAMILY_PLAIN, ENCODE_TEXT, CV_STRING, NULL, "", true, "" },
    { "char", FAMILY_PLAIN, ENCODE_TEXT, CV_STRING, NULL, "", false, NULL },
    { "name", FAMILY_PLAIN, ENCODE_TEXT, CV_STRING, NULL, "", false, NULL },
    { "citext", FAMILY_PLAIN, ENCODE_TEXT, CV_STRING, NULL, "", false, NULL },
    { "isbn", FAMILY_PLAIN, ENCODE_TEXT, CV_STRING, NULL, "", false, NULL },
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
    { "xml", FAMILY_PLAIN, ENCODE_TEXT, CV_STRING, "io.debezium.data.Xml", "", true, "" },
    { "uuid", FAMILY_PLAIN, ENCODE_TEXT, CV_STRING, "io.debezium.data.Uuid", "", true, UUID_ZERO },
    { "ltree", FAMILY_PLAIN, ENCODE_TEXT, CV_STRING, "io.debezium.data.Ltree", "", false, NULL },
    { "tsvector", FAMILY_PLAIN, ENCODE_TEXT, CV_STRING, "io.debezium.data.Tsvector", "", false, NULL },
    { "bytea", FAMILY_BYTEA, ENCODE_NONE, CV_BYTES, NULL, "\\x", false, NULL },
    { "bit", FAMILY_BIT, ENCODE_NONE, CV_BYTES, NULL, "0", true, "00" },
    { "varbit", FAMILY_BIT, ENCODE_NONE, CV_BYTES, NULL, "0", true, "00" },
    { "date", FAMILY_DATE, ENCODE_NONE, CV_INT32, NULL, "1970-01-01", true, "1970-01-01" },
    { "time", FAMILY_TIME, ENCODE_NONE, CV_INT64, NULL, "00:00:00", true, "00:00:00" },
    { "timestamp", FAMILY_TIMESTAMP, ENCODE_NONE, CV_INT64, NULL, EPOCH, true, EPOCH },
    { "timestamptz", FAMILY_ZONED, ENCODE_TIMESTAMPTZ, CV_STRING, "io.debezium.time.ZonedTimestamp",
      EPOCH "+00", true, EPOCH "+00" },
    { "timetz", FAMILY_ZONED, ENCODE_TIMETZ, CV_STRING, "io.debezium.time.ZonedTime", "00:00:00+00", false,
      NULL },
    { "interval", FAMILY_INTERVAL, ENCODE_NONE, CV_INT64, NULL, "00:00:00", true, "00:00:00" },
};

/* Enums have no name of their own. */
static const struct base_type enum_type = { "", FAMILY_PLAIN,  ENCODE_TEXT, CV_STRING, "io.debezium.data.Enum",
                                            "", true,          "" };

static const struct base_type *
find_base(const struct pg_type *type)
{
    if (type->kind == 'e')
        return &enum_type;
    for (size_t i = 0; i < CV_COUNT(base_types); i++)
        if (strcmp(base_types[i].name, type->name) == 0)
            return &base_types[i];
    return NULL;
}

/* Fraction digits of time and timestamp types: the modifier, 6 without one. */
static int32_t
time_digits(const struct pg_column *col)
{
    return col->typmod >= 0 && col->typmod <= 6 ? col->typmod : 6;
}

/* numeric's modifier is ((precision << 16) | scale) + 4; the scale's 11 bits are unsigned here. */
static bool
numeric_modifier(const struct pg_column *col, int32_t *ret_precision, int32_t *ret_scale)
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
    bool fixed = numeric_modifier(col, &precision, &enc->scale);

    if (config->decimal_mode == PG_DECIMAL_STRING)
        enc->kind = ENCODE_DECIMAL_STRING;
    else if (config->decimal_mode == PG_DECIMAL_DOUBLE)
        enc->kind = ENCODE_DECIMAL_DOUBLE;
    else
        enc->kind = fixed ? ENCODE_DECIMAL : ENCODE_DECIMAL_VARIABLE;
}

static bool
is_single_bit(const struct pg_column *col)
{
    return col->typmod == 1;
}

void
type_of_column(const struct pg_config *config, const struct pg_column *col, struct column_type *ret)
{
    const struct base_type *base = find_base(col->type);
    struct encode *enc = &ret->enc;

    *ret = (struct column_type){ .enc = { .kind = ENCODE_NONE } };
    if (base == NULL)
        return;
    ret->fallback = base->fallback;
    switch (base->family) {
    case FAMILY_PLAIN:
        enc->kind = base->kind;
        break;
    case FAMILY_NUMERIC:
        numeric_encode(config, col, enc);
        break;
    case FAMILY_MONEY:
        enc->scale = config->money_fraction_digits;
        enc->kind = config->decimal_mode == PG_DECIMAL_STRING   ? ENCODE_MONEY_STRING
                    : config->decimal_mode == PG_DECIMAL_DOUBLE ? ENCODE_MONEY_DOUBLE
                                                                : ENCODE_MONEY;
        break;
    case FAMILY_BYTEA:
        enc->kind = bytea_kind(config);
        break;
    case FAMILY_BIT:
        enc->kind = is_single_bit(col) ? ENCODE_BIT : ENCODE_BITS;
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

/* ---- defaults ---- */

/* "now()", "(nextval(...": an identifier and an opening parenthesis, with one in front at most. */
static bool
is_function_call(const char *expr)
{
    size_t n;

    if (*expr == '(')
        expr++;
    n = strspn(expr, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.");
    return n > 0 && expr[n] == '(';
}

/* CURRENT_DATE, LOCALTIMESTAMP, ... */
static bool
is_clock_keyword(const char *expr)
{
    return strncmp(expr, "CURRENT_", 8) == 0 || strncmp(expr, "LOCALTIME", 9) == 0;
}

/* numeric defaults are brought up to the column's scale; more digits than that: none. */
static char *
scaled_text(const struct pg_column *col, char *text)
{
    struct cv_err err;
    struct cv_buf out = CV_BUF_INIT(4096);
    int32_t precision, scale, have = 0;

    if (cv_decimal_scale(text, strlen(text), &have, &err) != CV_OK) {
        free(text);
        return NULL;
    }
    if (!numeric_modifier(col, &precision, &scale))
        return text;
    if (have <= scale) {
        cv_buf_str(&out, text);
        if (have <= 0 && scale > 0)
            cv_buf_char(&out, '.');
        for (; have < scale; have++)
            cv_buf_char(&out, '0');
    }
    free(text);
    text = have > scale ? NULL : cv_buf_take(&out);
    cv_buf_free(&out);
    return text;
}

/* The text between the first two quotes, or the expression itself. */
static char *
literal_text(const char *expr)
{
    const char *open = strchr(expr, '\''), *close;

    if (open == NULL)
        return strdup(expr);
    close = strchr(open + 1, '\'');
    return close == NULL ? NULL : strndup(open + 1, (size_t)(close - open - 1));
}

char *
type_default_text(const struct pg_config *config, const struct pg_column *col)
{
    const struct base_type *base = find_base(col->type);
    struct column_type type;
    char out[4096];
    char *text;

    if (col->def == NULL || base == NULL || !base->defaults || strncmp(col->def, "NULL::", 6) == 0)
        return NULL;
    type_of_column(config, col, &type);
    if (type.enc.kind == ENCODE_DECIMAL_VARIABLE)
        return NULL;
    if (is_function_call(col->def) || (base->family >= FAMILY_DATE && is_clock_keyword(col->def)))
        text = strdup(base->computed);
    else
        text = literal_text(col->def);
    if (text != NULL && base->family == FAMILY_NUMERIC)
        text = scaled_text(col, text);
    if (text == NULL)
        return NULL;
    if (base->kind == ENCODE_BOOL && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0))
        text[1] = '\0';
    if (base->family == FAMILY_ZONED && (strcmp(text, "infinity") == 0 || strcmp(text, "-infinity") == 0))
        goto none;
    if (base->family == FAMILY_PLAIN && base->type >= CV_INT8 && base->type <= CV_INT64) {
        int64_t ignored;

        if (!cv_parse_i64(text, strlen(text), &ignored))
            goto none;
    }
    if (strlen(text) * 6 + 64 > sizeof(out) || encode_json(&type.enc, text, strlen(text), out) == NULL)
        goto none;
    return text;
none:
    free(text);
    return NULL;
}

/* ---- schemas ---- */

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
    if (with_precision && numeric_modifier(col, &precision, &ignored))
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
base_schema(const struct pg_config *config, const struct pg_column *col, const struct encode *enc)
{
    const struct base_type *base = find_base(col->type);
    struct cv_schema_builder *b;

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
        return cv_schema_new(CV_STRING);
    case ENCODE_BYTES:
        return cv_schema_new(CV_BYTES);
    case ENCODE_BIT:
        return cv_schema_new(CV_BOOLEAN);
    case ENCODE_BITS:
        return bits_schema(col);
    default:
        break;
    }
    if (base->family >= FAMILY_DATE && base->family != FAMILY_ZONED)
        return time_schema(config, enc->kind);
    b = named_schema(base->type, base->schema_name);
    if (base == &enum_type)
        cv_schema_add_param(b, "allowed", col->type->labels != NULL ? col->type->labels : "");
    return b;
}

enum cv_rc
type_schema(const struct pg_config *config, const struct pg_column *col, bool optional,
            const char *def_text, struct cv_schema **ret, struct cv_err *err)
{
    struct column_type type;
    struct cv_schema_builder *b;
    struct cv_schema *bare = NULL;
    struct cv_arena *arena = NULL;
    enum cv_rc rc;

    type_of_column(config, col, &type);
    b = base_schema(config, col, &type.enc);
    if (optional)
        cv_schema_set_optional(b);
    if (def_text == NULL)
        return cv_schema_finish(b, ret, err);
    /* the default needs the schema's type: make the value with a bare schema first */
    rc = cv_schema_finish(base_schema(config, col, &type.enc), &bare, err);
    if (rc == CV_OK) {
        struct cv_value def = { .schema = bare };

        arena = cv_arena_new(NULL);
        rc = arena == NULL ? cv_fail_memory(err)
                           : encode_value(&type.enc, def_text, strlen(def_text), arena, &def, err);
        def.schema = NULL;
        if (rc == CV_OK)
            cv_schema_set_default(b, &def);
    }
    cv_arena_free(arena);
    cv_schema_unref(bare);
    if (rc == CV_OK)
        return cv_schema_finish(b, ret, err);
    if (cv_schema_finish(b, &bare, &(struct cv_err)CV_ERR_INIT) == CV_OK) /* frees the builder */
        cv_schema_unref(bare);
    return rc;
}
