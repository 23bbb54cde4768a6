/* SPDX-License-Identifier: Apache-2.0 */
/* MaskField: fields are replaced by the zero of their type, or by a given value; a null stays null. */
#include <config.h>

#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/number.h"
#include "data/java_string.h"
#include "data/logical.h"
#include "transforms/smt.h"
#include "transforms/transforms.h"

static const char purpose[] = "mask fields";

struct mask_options {
    struct cv_list fields;
    char *replacement;
    bool replace_null;
};

struct mask_field {
    struct smt smt;
    struct mask_options options;
};

static const struct cv_config_def mask_rows[] = {
    { .name = "fields",
      .type = CV_CONFIG_LIST,
      .required = true,
      .check = smt_valid_non_empty_list,
      .null_problem = SMT_EMPTY_LIST,
      .importance = CV_HIGH,
      .doc = "Names of the fields to mask.",
      .offset = offsetof(struct mask_options, fields) },
    { .name = "replacement",
      .type = CV_CONFIG_STRING,
      .check = cv_valid_non_empty,
      .importance = CV_LOW,
      .doc = "What numbers and strings are replaced by. Without it: zero, empty, false.",
      .offset = offsetof(struct mask_options, replacement) },
    SMT_REPLACE_NULL_ROW(struct mask_options, replace_null),
    CV_CONFIG_END
};

static enum cv_rc
mask_configure(const struct cv_plugin *plugin, const struct cv_config *cfg, struct cv_transform **ret,
               struct cv_err *err)
{
    return smt_new(plugin, cfg, sizeof(struct mask_field), offsetof(struct mask_field, options), ret, err);
}

static enum cv_rc
no_number(const char *text, struct cv_err *err)
{
    return cv_fail(err, CV_INVALID, "Unable to convert %s (class java.lang.String) to a number", text);
}

static enum cv_rc
masked_decimal(const struct mask_field *mask, const struct cv_schema *schema, struct cv_arena *arena,
               struct cv_value *inout, struct cv_err *err)
{
    const char *text = mask->options.replacement;
    struct cv_buf bytes = CV_BUF_INIT(CV_DECIMAL_DIGITS);
    const char *copy;
    int32_t scale;
    enum cv_rc rc = CV_OK;

    if (text == NULL) {
        inout->bytes = (struct cv_bytes){ .data = "", .len = 1 };
        return CV_OK;
    }
    if (!logical_scale(schema, &scale) ||
        cv_decimal_unscaled(text, strlen(text), scale, &bytes, err) != CV_OK ||
        cv_buf_check(&bytes, err) != CV_OK) {
        rc = no_number(text, err);
    } else {
        copy = cv_arena_dup(arena, bytes.data, bytes.len);
        inout->bytes = (struct cv_bytes){ .data = copy, .len = bytes.len };
        rc = copy != NULL ? CV_OK : cv_fail_memory(err);
    }
    cv_buf_free(&bytes);
    return rc;
}

static enum cv_rc
masked_number(const struct mask_field *mask, struct cv_value *inout, struct cv_err *err)
{
    static const int64_t max[] = {
        [CV_INT8] = INT8_MAX, [CV_INT16] = INT16_MAX, [CV_INT32] = INT32_MAX, [CV_INT64] = INT64_MAX
    };
    const char *text = mask->options.replacement;
    double number = 0;
    int64_t integer = 0;

    if (inout->type == CV_FLOAT32 || inout->type == CV_FLOAT64) {
        if (text != NULL && !cv_parse_double(text, strlen(text), &number))
            return no_number(text, err);
        if (inout->type == CV_FLOAT32)
            inout->float32 = (float)number;
        else
            inout->float64 = number;
        return CV_OK;
    }
    if (text != NULL && (!cv_parse_i64(text, strlen(text), &integer) || integer > max[inout->type] ||
                         integer < -max[inout->type] - 1))
        return no_number(text, err);
    inout->integer = integer;
    return CV_OK;
}

static enum cv_rc
masked(const struct mask_field *mask, const struct cv_schema *schema, struct cv_arena *arena,
       struct cv_value *inout, struct cv_err *err)
{
    const char *text = mask->options.replacement;
    enum logical_type logical = logical_of(schema);
    bool date = logical != LOGICAL_NONE && logical != LOGICAL_DECIMAL;

    if (inout->is_null)
        return CV_OK;
    if (text != NULL && (date || inout->type == CV_BOOLEAN || inout->type >= CV_ARRAY))
        return cv_fail(err, CV_INVALID, "Cannot mask value of type class %s with custom replacement.",
                       java_class_name(schema, inout));
    switch (inout->type) {
    case CV_BOOLEAN:
        inout->boolean = false;
        return CV_OK;
    case CV_STRING:
        text = cv_arena_strdup(arena, text != NULL ? text : "");
        if (text == NULL)
            return cv_fail_memory(err);
        inout->bytes = (struct cv_bytes){ .data = text, .len = strlen(text) };
        return CV_OK;
    case CV_BYTES:
        if (logical == LOGICAL_DECIMAL)
            return masked_decimal(mask, schema, arena, inout, err);
        return cv_fail(err, CV_INVALID, "Cannot mask value of type: class [B");
    case CV_ARRAY:
        inout->list.items = NULL;
        inout->list.count = inout->list.cap = 0;
        return CV_OK;
    case CV_MAP:
        inout->map.entries = NULL;
        inout->map.count = inout->map.cap = 0;
        return CV_OK;
    case CV_STRUCT:
        return cv_fail(err, CV_INVALID, "Cannot mask value of type: class org.apache.kafka.connect.data.Struct");
    default:
        return masked_number(mask, inout, err);
    }
}

static enum cv_rc
mask_struct(const struct mask_field *mask, struct cv_value *operand, struct cv_arena *arena,
            struct cv_err *err)
{
    const struct cv_schema *schema = operand->schema;
    struct cv_value *made = cv_struct_new(arena, schema);

    if (made == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < schema->n_fields; i++) {
        struct cv_value *field = cv_struct_at(made, i);

        *field = *smt_field(operand, i, mask->options.replace_null);
        if (smt_list_has(&mask->options.fields, schema->fields[i].name) &&
            masked(mask, schema->fields[i].schema, arena, field, err) != CV_OK)
            return cv_err_context(err, "field %s", schema->fields[i].name);
    }
    *operand = *made;
    return CV_OK;
}

/* A field that the map has not gets a null. */
static enum cv_rc
mask_map(const struct mask_field *mask, struct cv_value *operand, struct cv_arena *arena, struct cv_err *err)
{
    struct cv_value *copy = smt_map_copy(operand, arena, err);

    if (copy == NULL)
        return err->rc;
    for (size_t i = 0; i < mask->options.fields.count; i++) {
        const char *name = mask->options.fields.items[i];
        const struct cv_value *found = cv_map_get(copy, name);
        struct cv_value val = found != NULL ? *found : cv_null(NULL);

        if (masked(mask, NULL, arena, &val, err) != CV_OK)
            return cv_err_context(err, "field %s", name);
        if (cv_map_put(arena, copy, name, val, err) != CV_OK)
            return err->rc;
    }
    return smt_map_done(operand, copy, err);
}

static enum cv_rc
mask_apply(struct cv_transform *xf, struct cv_arena *arena, struct cv_record *rec, bool *ret_keep,
           struct cv_err *err)
{
    struct mask_field *mask = cv_container_of(xf, struct mask_field, smt.base);
    struct cv_value *operand = smt_operand(&mask->smt, rec);

    *ret_keep = true;
    if (operand->schema == NULL)
        return smt_require_map(operand, purpose, err) == CV_OK ? mask_map(mask, operand, arena, err) : err->rc;
    return smt_require_struct(operand, purpose, err) == CV_OK ? mask_struct(mask, operand, arena, err) : err->rc;
}

static const struct cv_transform_ops mask_ops = {
    .configure = mask_configure,
    .apply = mask_apply,
    .free = smt_free,
};

const struct cv_plugin mask_field_plugins[SMT_VARIANTS] = {
    SMT_PLUGIN("MaskField$Key", mask_rows, &mask_ops),
    SMT_PLUGIN("MaskField$Value", mask_rows, &mask_ops),
};
