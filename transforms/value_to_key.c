/* SPDX-License-Identifier: Apache-2.0 */
/* ValueToKey: the key is made of fields of the value. */
#include <config.h>

#include "common/arena.h"
#include "data/java_order.h"
#include "transforms/smt.h"
#include "transforms/transforms.h"

static const char purpose[] = "copying fields from value to key";

struct value_to_key_options {
    struct cv_list fields;
    bool replace_null;
};

struct value_to_key {
    struct smt smt;
    struct value_to_key_options options;
};

static const struct cv_config_def value_to_key_rows[] = {
    { .name = "fields",
      .type = CV_CONFIG_LIST,
      .required = true,
      .check = smt_valid_non_empty_list,
      .null_problem = SMT_EMPTY_LIST,
      .importance = CV_HIGH,
      .doc = "Fields of the value that make up the key.",
      .offset = offsetof(struct value_to_key_options, fields) },
    SMT_REPLACE_NULL_ROW(struct value_to_key_options, replace_null),
    CV_CONFIG_END
};

static enum cv_rc
value_to_key_configure(const struct cv_plugin *plugin, const struct cv_config *cfg, struct cv_transform **ret,
                       struct cv_err *err)
{
    return smt_new(plugin, cfg, sizeof(struct value_to_key), offsetof(struct value_to_key, options), ret, err);
}

static enum cv_rc
key_schema(struct smt *smt, const struct cv_schema *from, struct cv_schema **ret, struct cv_err *err)
{
    const struct value_to_key *to_key = cv_container_of(smt, struct value_to_key, smt);
    struct cv_schema_builder *b = cv_schema_new(CV_STRUCT);

    for (size_t i = 0; i < to_key->options.fields.count; i++) {
        const char *name = to_key->options.fields.items[i];
        const struct cv_field *field = cv_schema_field(from, name);

        if (field == NULL) {
            smt_abandon(b);
            return cv_fail(err, CV_INVALID, "Field does not exist: %s", name);
        }
        cv_schema_add_field(b, name, field->schema);
    }
    return cv_schema_finish(b, ret, err);
}

static enum cv_rc
from_struct(struct value_to_key *to_key, struct cv_record *rec, struct cv_arena *arena, struct cv_err *err)
{
    const struct cv_schema *schema = NULL;
    struct cv_value *made;

    if (smt_schema(&to_key->smt, rec->value.schema, key_schema, arena, &schema, err) != CV_OK)
        return err->rc;
    made = cv_struct_new(arena, schema);
    if (made == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < schema->n_fields; i++) {
        const struct cv_field *field = cv_schema_field(rec->value.schema, schema->fields[i].name);

        *cv_struct_at(made, i) = *smt_field(&rec->value, field->index, to_key->options.replace_null);
    }
    rec->key = *made;
    return CV_OK;
}

/* A field that the value has not is null in the key. */
static enum cv_rc
from_map(const struct value_to_key *to_key, struct cv_record *rec, struct cv_arena *arena, struct cv_err *err)
{
    struct cv_value *made = cv_map_new(arena, to_key->options.fields.count);

    if (made == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < to_key->options.fields.count; i++) {
        const char *name = to_key->options.fields.items[i];
        const struct cv_value *found = cv_map_get(&rec->value, name);

        if (cv_map_put(arena, made, name, found != NULL ? *found : cv_null(NULL), err) != CV_OK)
            return err->rc;
    }
    rec->key = *made;
    return java_order_map_from(&rec->key, java_table_for(to_key->options.fields.count), err);
}

static enum cv_rc
value_to_key_apply(struct cv_transform *xf, struct cv_arena *arena, struct cv_record *rec, bool *ret_keep,
                   struct cv_err *err)
{
    struct value_to_key *to_key = cv_container_of(xf, struct value_to_key, smt.base);

    *ret_keep = true;
    if (rec->value.schema == NULL)
        return smt_require_map(&rec->value, purpose, err) == CV_OK ? from_map(to_key, rec, arena, err) : err->rc;
    return smt_require_struct(&rec->value, purpose, err) == CV_OK ? from_struct(to_key, rec, arena, err) : err->rc;
}

static const struct cv_transform_ops value_to_key_ops = {
    .configure = value_to_key_configure,
    .apply = value_to_key_apply,
    .free = smt_free,
};

const struct cv_plugin value_to_key_plugin = SMT_PLUGIN("ValueToKey", value_to_key_rows, &value_to_key_ops);
