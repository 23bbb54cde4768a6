/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cast: fields, or the whole key or value, to another primitive type. Numbers are cast as Java casts them: integers
 * wrap, floating-point numbers saturate. Logical types count as the number behind them, dates become ISO text.
 *
 * Source: org.apache.kafka.connect.transforms.Cast.
 */
#include <config.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/number.h"
#include "data/java_string.h"
#include "data/logical.h"
#include "data/text_value.h"
#include "transforms/smt.h"
#include "transforms/transforms.h"

static const char purpose[] = "cast types";

#define TEXT_MAX ((size_t)1 << 30)

struct cast_options {
    struct cv_list spec;
    bool replace_null;
};

struct cast {
    struct smt smt;
    struct cast_options options;
    enum cv_type *types; /* of each entry of the spec, whose text is cut to the field's name */
    bool whole;          /* one type for the whole key or value */
};

static bool
type_of_name(const char *name, size_t len, enum cv_type *ret)
{
    static const struct {
        const char *name;
        enum cv_type type;
    } types[] = { { "int8", CV_INT8 },       { "int16", CV_INT16 },     { "int32", CV_INT32 },
                  { "int64", CV_INT64 },     { "float32", CV_FLOAT32 }, { "float64", CV_FLOAT64 },
                  { "boolean", CV_BOOLEAN }, { "string", CV_STRING } };

    while (len > 0 && (unsigned char)name[len - 1] <= ' ')
        len--;
    while (len > 0 && (unsigned char)*name <= ' ') {
        name++;
        len--;
    }
    for (size_t i = 0; i < CV_COUNT(types); i++) {
        if (strlen(types[i].name) == len && strncasecmp(types[i].name, name, len) == 0) {
            *ret = types[i].type;
            return true;
        }
    }
    return false;
}

/* Not one of the types that Cast makes: upper-cased in the message as Java's enum constants are. */
static enum cv_rc
fail_type(const char *name, size_t len, struct cv_err *err)
{
    struct cv_buf upper = CV_BUF_INIT(1024);

    while (len > 0 && (unsigned char)name[len - 1] <= ' ')
        len--;
    for (; len > 0 && (unsigned char)*name <= ' '; len--)
        name++;
    for (size_t i = 0; i < len; i++)
        cv_buf_char(&upper, name[i] >= 'a' && name[i] <= 'z' ? (char)(name[i] - 32) : name[i]);
    for (enum cv_type type = CV_INT8; type <= CV_STRUCT; type++)
        if (strcmp(java_type_name(type), cv_buf_cstr(&upper)) == 0) {
            (void)cv_fail(err, CV_INVALID,
                          "Cast transformation does not support casting to %s; supported types are [INT8, INT16, "
                          "INT32, INT64, FLOAT32, FLOAT64, BOOLEAN, STRING]",
                          cv_buf_cstr(&upper));
            cv_buf_free(&upper);
            return CV_INVALID;
        }
    (void)cv_fail(err, CV_INVALID,
                  "Invalid value java.lang.IllegalArgumentException: No enum constant "
                  "org.apache.kafka.connect.data.Schema.Type.%s for configuration Invalid type found in casting "
                  "spec: %.*s",
                  cv_buf_cstr(&upper), (int)len, name);
    cv_buf_free(&upper);
    return CV_INVALID;
}

static enum cv_rc
fail_mapping(const char *value, const char *entry, size_t len, struct cv_err *err)
{
    struct cv_buf list = CV_BUF_INIT(1024);

    for (; *value != '\0'; value++)
        cv_buf_str(&list, *value == ',' ? ", " : (const char[]){ *value, '\0' });
    (void)cv_fail(err, CV_INVALID, "Invalid value [%s] for configuration renames: Invalid rename mapping: %.*s",
                  cv_buf_cstr(&list), (int)len, entry);
    cv_buf_free(&list);
    return CV_INVALID;
}

/* Java's texts, in which what went wrong stands where a value should. */
static enum cv_rc
check_spec(const struct cv_config_def *def, const char *value, struct cv_err *err)
{
    const char *entry = value;
    size_t entries = 0;
    bool whole = false;
    enum cv_type type;

    (void)def;
    if (*value == '\0')
        return cv_fail(err, CV_INVALID, "Must specify at least one field to cast.");
    for (; *entry != '\0'; entries++) {
        size_t len = strcspn(entry, ",");
        const char *colon = memchr(entry, ':', len);
        const char *name = colon != NULL ? colon + 1 : entry;
        size_t name_len = (size_t)(entry + len - name);

        if (memchr(name, ':', name_len) != NULL)
            return fail_mapping(value, entry, len, err);
        if (!type_of_name(name, name_len, &type))
            return fail_type(name, name_len, err);
        whole = whole || colon == NULL;
        entry += len + (entry[len] == ',');
    }
    if (whole && entries > 1)
        return cv_fail(err, CV_INVALID, "Cast transformations that specify a type to cast the entire value to may only "
                                        "specify a single cast in their spec");
    return CV_OK;
}

static const struct cv_config_def cast_rows[] = {
    { .name = "spec",
      .type = CV_CONFIG_LIST,
      .required = true,
      .check = check_spec,
      .check_says_all = true,
      .null_problem = "Must specify at least one field to cast.",
      .importance = CV_HIGH,
      .doc = "field:type for each field to cast, or one type for the whole key or value. Types: int8, int16, int32, "
             "int64, float32, float64, boolean, string.",
      .offset = offsetof(struct cast_options, spec) },
    SMT_REPLACE_NULL_ROW(struct cast_options, replace_null),
    CV_CONFIG_END
};

static void
cast_free(struct cv_transform *xf)
{
    struct cast *cast = cv_container_of(xf, struct cast, smt.base);

    free(cast->types);
    smt_free(xf);
}

static enum cv_rc
cast_configure(const struct cv_plugin *plugin, const struct cv_config *cfg, struct cv_transform **ret,
               struct cv_err *err)
{
    struct cv_transform *made = NULL;
    struct cast *cast;

    if (smt_new(plugin, cfg, sizeof(*cast), offsetof(struct cast, options), &made, err) != CV_OK)
        return err->rc;
    cast = cv_container_of(made, struct cast, smt.base);
    cast->types = calloc(cast->options.spec.count, sizeof(*cast->types));
    if (cast->types == NULL) {
        cast_free(made);
        return cv_fail_memory(err);
    }
    for (size_t i = 0; i < cast->options.spec.count; i++) {
        char *entry = cast->options.spec.items[i];
        char *colon = strchr(entry, ':');
        const char *type = colon != NULL ? colon + 1 : entry;

        type_of_name(type, strlen(type), &cast->types[i]);
        cast->whole = colon == NULL;
        for (; colon != NULL && colon > entry && (unsigned char)colon[-1] <= ' '; colon--)
            ;
        if (colon != NULL)
            *colon = '\0';
    }
    *ret = made;
    return CV_OK;
}

/* The type that a field is cast to; false if it is not. */
static bool
cast_type(const struct cast *cast, const char *field, enum cv_type *ret)
{
    for (size_t i = 0; i < cast->options.spec.count; i++) {
        if (strcmp(cast->options.spec.items[i], field) == 0) {
            *ret = cast->types[i];
            return true;
        }
    }
    return false;
}

/* ---- one value ---- */

struct casting {
    struct cv_arena *arena;
    struct cv_err *err;
};

/* (int) and (long) of a floating-point number in Java. */
static int64_t
saturate(double v, int64_t min, int64_t max)
{
    if (isnan(v))
        return 0;
    if (v <= (double)min)
        return min;
    if (v >= (double)max)
        return max;
    return (int64_t)v;
}

static int64_t
wrap(int64_t v, enum cv_type type)
{
    return type == CV_INT8 ? (int8_t)v : type == CV_INT16 ? (int16_t)v : type == CV_INT32 ? (int32_t)v : v;
}

static enum cv_rc
out_of_range(const struct casting *c, const struct cv_bytes *text)
{
    return cv_fail(c->err, CV_INVALID, "Value (%.*s) was out of range for requested data type",
                   (int)(text->len < 200 ? text->len : 200), text->len > 0 ? text->data : "");
}

static struct cv_bytes
trimmed(struct cv_bytes text)
{
    while (text.len > 0 && (unsigned char)text.data[0] <= ' ') {
        text.data++;
        text.len--;
    }
    while (text.len > 0 && (unsigned char)text.data[text.len - 1] <= ' ')
        text.len--;
    return text;
}

static enum cv_rc
integer_of_text(const struct casting *c, const struct cv_bytes *text, enum cv_type type, struct cv_value *ret)
{
    int64_t v;

    if (!cv_parse_i64(text->data, text->len, &v) || wrap(v, type) != v)
        return out_of_range(c, text);
    *ret = cv_int(type, v);
    return CV_OK;
}

static enum cv_rc
float_of_text(const struct casting *c, const struct cv_bytes *text, enum cv_type type, struct cv_value *ret)
{
    struct cv_bytes digits = trimmed(*text);
    double v;

    if (!cv_parse_double(digits.data, digits.len, &v))
        return out_of_range(c, text);
    *ret = type == CV_FLOAT32 ? cv_float32((float)v) : cv_float64(v);
    return CV_OK;
}

/* A number of any type; decimals by way of their text. */
static enum cv_rc
number_of(const struct casting *c, const struct cv_schema *schema, const struct cv_value *val,
          int64_t *ret_integer, double *ret_real, bool *ret_is_real)
{
    struct cv_buf text = CV_BUF_INIT(2 * CV_DECIMAL_DIGITS);
    enum cv_rc rc = CV_OK;

    *ret_is_real = val->type == CV_FLOAT32 || val->type == CV_FLOAT64;
    if (val->type == CV_BYTES) {
        rc = logical_decimal_text(schema, val, true, &text, c->err);
        if (rc == CV_OK)
            rc = cv_buf_check(&text, c->err);
        if (rc == CV_OK) {
            *ret_real = strtod(cv_buf_cstr(&text), NULL);
            *ret_integer = strtoll(cv_buf_cstr(&text), NULL, 10);
        }
    } else if (*ret_is_real) {
        *ret_real = val->type == CV_FLOAT32 ? (double)val->float32 : val->float64;
        *ret_integer = saturate(*ret_real, INT64_MIN, INT64_MAX);
    } else {
        *ret_integer = val->type == CV_BOOLEAN ? val->boolean : val->integer;
        *ret_real = (double)*ret_integer;
    }
    cv_buf_free(&text);
    return rc;
}

static enum cv_rc
to_number(const struct casting *c, const struct cv_schema *schema, const struct cv_value *val,
          enum cv_type type, struct cv_value *ret)
{
    int64_t integer = 0;
    double real = 0;
    bool is_real = false;

    if (number_of(c, schema, val, &integer, &real, &is_real) != CV_OK)
        return c->err->rc;
    if (type == CV_BOOLEAN)
        *ret = cv_boolean(integer != 0);
    else if (type == CV_FLOAT32)
        *ret = cv_float32(val->type == CV_FLOAT32 ? val->float32
                          : is_real || val->type == CV_BYTES ? (float)real
                                                             : (float)integer);
    else if (type == CV_FLOAT64)
        *ret = cv_float64(real);
    else if (is_real && type != CV_INT64)
        *ret = cv_int(type, wrap(saturate(real, INT32_MIN, INT32_MAX), type));
    else
        *ret = cv_int(type, wrap(integer, type));
    return CV_OK;
}

static enum cv_rc
to_text(const struct casting *c, const struct cv_schema *schema, const struct cv_value *val,
        struct cv_value *ret)
{
    enum logical_type logical = logical_of(schema);
    struct cv_buf text = CV_BUF_INIT(TEXT_MAX);
    struct cv_value shown = *val;
    const char *copy = NULL;
    enum cv_rc rc;

    shown.schema = schema;
    if (logical != LOGICAL_NONE && logical != LOGICAL_DECIMAL)
        text_of_value(&text, &shown);
    else
        java_to_string(&text, &shown);
    rc = cv_buf_check(&text, c->err);
    if (rc == CV_OK) {
        copy = cv_arena_dup(c->arena, text.data, text.len);
        rc = copy != NULL ? CV_OK : cv_fail_memory(c->err);
    }
    if (rc == CV_OK)
        *ret = cv_string(copy, text.len);
    cv_buf_free(&text);
    return rc;
}

static enum cv_rc
cast_value(const struct casting *c, const struct cv_schema *schema, const struct cv_value *val,
           enum cv_type type, struct cv_value *ret)
{
    bool decimal = logical_of(schema) == LOGICAL_DECIMAL;

    if (val->is_null) {
        *ret = *val;
        ret->type = type;
        return CV_OK;
    }
    if (val->type >= CV_ARRAY)
        return cv_fail(c->err, CV_INVALID,
                       "Cast transformation does not support casting from %s; supported types are [INT8, INT16, "
                       "INT32, INT64, FLOAT32, FLOAT64, BOOLEAN, STRING, BYTES]",
                       java_type_name(val->type));
    if (type == CV_STRING)
        return to_text(c, schema, val, ret);
    if (val->type == CV_BYTES && !decimal)
        return cv_fail(c->err, CV_INVALID, "Unexpected type in Cast transformation: class [B");
    if (val->type != CV_STRING)
        return to_number(c, schema, val, type, ret);
    if (type == CV_BOOLEAN) {
        *ret = cv_boolean(val->bytes.len == 4 && strncasecmp(val->bytes.data, "true", 4) == 0);
        return CV_OK;
    }
    return type == CV_FLOAT32 || type == CV_FLOAT64 ? float_of_text(c, &val->bytes, type, ret)
                                                     : integer_of_text(c, &val->bytes, type, ret);
}

/* ---- schemas ---- */

/* The default of from in the type of the builder, if there is one. */
static enum cv_rc
cast_default(struct cv_schema_builder *b, const struct cv_schema *from, enum cv_type type,
             struct cv_err *err)
{
    struct casting c = { .arena = cv_arena_new(NULL), .err = err };
    struct cv_value def;
    enum cv_rc rc;

    if (c.arena == NULL)
        return cv_fail_memory(err);
    rc = cast_value(&c, from, from->def, type, &def);
    if (rc == CV_OK)
        cv_schema_set_default(b, &def);
    cv_arena_free(c.arena);
    return rc;
}

static enum cv_rc
cast_field(struct cv_schema_builder *to, const struct cv_field *field, enum cv_type type, struct cv_err *err)
{
    struct cv_schema_builder *b = cv_schema_new(type);
    struct cv_schema *made = NULL;

    if (field->schema->optional)
        cv_schema_set_optional(b);
    if (field->schema->def != NULL && cast_default(b, field->schema, type, err) != CV_OK) {
        smt_abandon(b);
        return err->rc;
    }
    if (cv_schema_finish(b, &made, err) != CV_OK)
        return err->rc;
    cv_schema_add_field(to, field->name, made);
    cv_schema_unref(made);
    return CV_OK;
}

static enum cv_rc
cast_schema(struct smt *smt, const struct cv_schema *from, struct cv_schema **ret, struct cv_err *err)
{
    const struct cast *cast = cv_container_of(smt, struct cast, smt);
    enum cv_type type = cast->whole ? cast->types[0] : CV_STRUCT;
    struct cv_schema_builder *b = cv_schema_derive_basics(from, type);
    enum cv_rc rc = CV_OK;

    for (size_t i = 0; !cast->whole && rc == CV_OK && i < from->n_fields; i++) {
        enum cv_type to;

        if (cast_type(cast, from->fields[i].name, &to))
            rc = cast_field(b, &from->fields[i], to, err);
        else
            cv_schema_add_field(b, from->fields[i].name, from->fields[i].schema);
    }
    if (from->optional)
        cv_schema_set_optional(b);
    if (rc == CV_OK && cast->whole && from->def != NULL)
        rc = cast_default(b, from, type, err);
    if (rc == CV_OK)
        return cv_schema_finish(b, ret, err);
    smt_abandon(b);
    return rc;
}

/* ---- records ---- */

static enum cv_rc
cast_struct(struct cast *cast, const struct cv_schema *schema, struct cv_value *operand,
            const struct casting *c)
{
    struct cv_value *made;

    if (smt_require_struct(operand, purpose, c->err) != CV_OK)
        return c->err->rc;
    made = cv_struct_new(c->arena, schema);
    if (made == NULL)
        return cv_fail_memory(c->err);
    for (size_t i = 0; i < schema->n_fields; i++) {
        const struct cv_field *field = &operand->schema->fields[i];
        const struct cv_value *val = smt_field(operand, i, cast->options.replace_null);
        struct cv_value *to = cv_struct_at(made, i);
        enum cv_type type;

        *to = *val;
        if (cast_type(cast, field->name, &type) && cast_value(c, field->schema, val, type, to) != CV_OK)
            return cv_err_context(c->err, "field %s", field->name);
        to->schema = schema->fields[i].schema;
    }
    *operand = *made;
    return CV_OK;
}

static enum cv_rc
cast_map(const struct cast *cast, struct cv_value *operand, const struct casting *c)
{
    struct cv_value *copy;

    if (smt_require_map(operand, purpose, c->err) != CV_OK)
        return c->err->rc;
    copy = smt_map_copy(operand, c->arena, c->err);
    if (copy == NULL)
        return c->err->rc;
    for (size_t i = 0; i < cast->options.spec.count; i++) {
        const char *name = cast->options.spec.items[i];
        const struct cv_value *found = cv_map_get(operand, name);
        struct cv_value val = cv_null(NULL);

        if (found != NULL && cast_value(c, found->schema, found, cast->types[i], &val) != CV_OK)
            return cv_err_context(c->err, "field %s", name);
        if (cv_map_put(c->arena, copy, name, val, c->err) != CV_OK)
            return c->err->rc;
    }
    return smt_map_done(operand, copy, c->err);
}

static enum cv_rc
cast_apply(struct cv_transform *xf, struct cv_arena *arena, struct cv_record *rec, bool *ret_keep,
           struct cv_err *err)
{
    struct cast *cast = cv_container_of(xf, struct cast, smt.base);
    struct cv_value *operand = smt_operand(&cast->smt, rec);
    const struct casting c = { .arena = arena, .err = err };
    const struct cv_schema *schema = NULL;
    struct cv_value val;

    *ret_keep = true;
    if (operand->is_null)
        return CV_OK;
    if (operand->schema == NULL && !cast->whole)
        return cast_map(cast, operand, &c);
    if (operand->schema != NULL && smt_schema(&cast->smt, operand->schema, cast_schema, arena, &schema, err) != CV_OK)
        return err->rc;
    if (!cast->whole)
        return cast_struct(cast, schema, operand, &c);
    if (cast_value(&c, operand->schema, operand, cast->types[0], &val) != CV_OK)
        return err->rc;
    val.schema = schema;
    *operand = val;
    return CV_OK;
}

static const struct cv_transform_ops cast_ops = {
    .configure = cast_configure,
    .apply = cast_apply,
    .free = cast_free,
};

const struct cv_plugin cast_plugins[SMT_VARIANTS] = {
    SMT_PLUGIN("Cast$Key", cast_rows, &cast_ops),
    SMT_PLUGIN("Cast$Value", cast_rows, &cast_ops),
};
