/* SPDX-License-Identifier: Apache-2.0 */
/* HoistField: the whole key or value becomes the one field of a struct, or of a map if it has no schema. */
#include <config.h>

#include "common/arena.h"
#include "transforms/smt.h"
#include "transforms/transforms.h"

struct hoist_options {
    char *field;
};

struct hoist_field {
    struct smt smt;
    struct hoist_options options;
};

static const struct cv_config_def hoist_rows[] = {
    { .name = "field",
      .type = CV_CONFIG_STRING,
      .required = true,
      .importance = CV_MEDIUM,
      .doc = "Name of the one field of the struct or map that is made.",
      .offset = offsetof(struct hoist_options, field) },
    CV_CONFIG_END
};

static enum cv_rc
hoist_configure(const struct cv_plugin *plugin, const struct cv_config *cfg, struct cv_transform **ret,
                struct cv_err *err)
{
    return smt_new(plugin, cfg, sizeof(struct hoist_field), offsetof(struct hoist_field, options), ret, err);
}

static enum cv_rc
hoist_schema(struct smt *smt, const struct cv_schema *from, struct cv_schema **ret, struct cv_err *err)
{
    struct hoist_field *hoist = cv_container_of(smt, struct hoist_field, smt);
    struct cv_schema_builder *b = cv_schema_new(CV_STRUCT);

    cv_schema_add_field(b, hoist->options.field, from);
    return cv_schema_finish(b, ret, err);
}

static enum cv_rc
hoist_apply(struct cv_transform *xf, struct cv_arena *arena, struct cv_record *rec, bool *ret_keep,
            struct cv_err *err)
{
    struct hoist_field *hoist = cv_container_of(xf, struct hoist_field, smt.base);
    struct cv_value *operand = smt_operand(&hoist->smt, rec);
    const struct cv_schema *schema = NULL;
    struct cv_value *made;

    *ret_keep = true;
    if (operand->schema == NULL) {
        made = cv_map_new(arena, 1);
        if (made == NULL)
            return cv_fail_memory(err);
        if (cv_map_put(arena, made, hoist->options.field, *operand, err) != CV_OK)
            return err->rc;
    } else {
        if (smt_schema(&hoist->smt, operand->schema, hoist_schema, arena, &schema, err) != CV_OK)
            return err->rc;
        made = cv_struct_new(arena, schema);
        if (made == NULL)
            return cv_fail_memory(err);
        *cv_struct_at(made, 0) = *operand;
    }
    *operand = *made;
    return CV_OK;
}

static const struct cv_transform_ops hoist_ops = {
    .configure = hoist_configure,
    .apply = hoist_apply,
    .free = smt_free,
};

const struct cv_plugin hoist_field_plugins[SMT_VARIANTS] = { SMT_PLUGIN("HoistField$Key", hoist_rows, &hoist_ops),
                                                             SMT_PLUGIN("HoistField$Value", hoist_rows, &hoist_ops) };
