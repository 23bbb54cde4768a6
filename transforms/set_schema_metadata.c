/* SPDX-License-Identifier: Apache-2.0 */
/* SetSchemaMetadata: the schema of the key or value gets a name, a version, or both. */
#include <config.h>

#include <stdlib.h>

#include "common/arena.h"
#include "transforms/smt.h"
#include "transforms/transforms.h"

struct metadata_options {
    char *name;
    bool replace_null;
};

struct set_schema_metadata {
    struct smt smt;
    struct metadata_options options;
    bool has_version;
    int32_t version;
};

/* schema.version has no default, which an INT field could not tell from 0; so it is read again as text. */
static const struct cv_config_def metadata_rows[] = {
    { .name = "schema.name",
      .type = CV_CONFIG_STRING,
      .importance = CV_HIGH,
      .doc = "Name that the schema gets.",
      .offset = offsetof(struct metadata_options, name) },
    { .name = "schema.version",
      .type = CV_CONFIG_INT,
      .importance = CV_HIGH,
      .doc = "Version that the schema gets.",
      .offset = CV_NO_FIELD },
    SMT_REPLACE_NULL_ROW(struct metadata_options, replace_null),
    CV_CONFIG_END
};

static enum cv_rc
metadata_configure(const struct cv_plugin *plugin, const struct cv_config *cfg, struct cv_transform **ret,
                   struct cv_err *err)
{
    const char *version = cv_config_get(cfg, "schema.version");
    struct cv_transform *made = NULL;
    struct set_schema_metadata *set;

    if (smt_new(plugin, cfg, sizeof(*set), offsetof(struct set_schema_metadata, options), &made, err) != CV_OK)
        return err->rc;
    set = cv_container_of(made, struct set_schema_metadata, smt.base);
    if (version != NULL) {
        set->has_version = true;
        set->version = (int32_t)strtol(version, NULL, 10); /* the row has checked it */
    }
    if (set->options.name == NULL && !set->has_version) {
        smt_free(made);
        return cv_fail(err, CV_INVALID, "Neither schema name nor version configured");
    }
    *ret = made;
    return CV_OK;
}

static enum cv_rc
named_schema(struct smt *smt, const struct cv_schema *from, struct cv_schema **ret, struct cv_err *err)
{
    const struct set_schema_metadata *set = cv_container_of(smt, struct set_schema_metadata, smt);
    struct cv_schema_builder *b = cv_schema_derive(from);

    if (set->options.name != NULL)
        cv_schema_set_name(b, set->options.name);
    if (set->has_version)
        cv_schema_set_version(b, set->version);
    return cv_schema_finish(b, ret, err);
}

static enum cv_rc
metadata_apply(struct cv_transform *xf, struct cv_arena *arena, struct cv_record *rec, bool *ret_keep,
               struct cv_err *err)
{
    struct set_schema_metadata *set = cv_container_of(xf, struct set_schema_metadata, smt.base);
    struct cv_value *operand = smt_operand(&set->smt, rec);
    const struct cv_schema *schema = NULL;
    struct cv_value *made;

    *ret_keep = true;
    if (operand->schema == NULL)
        return operand->is_null ? CV_OK
                                : cv_fail(err, CV_INVALID,
                                          "Schema required for [updating schema metadata]");
    if (smt_schema(&set->smt, operand->schema, named_schema, arena, &schema, err) != CV_OK)
        return err->rc;
    if (operand->is_null || operand->type != CV_STRUCT) {
        operand->schema = schema;
        return CV_OK;
    }
    made = cv_struct_new(arena, schema);
    if (made == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < schema->n_fields; i++)
        *cv_struct_at(made, i) = *smt_field(operand, i, set->options.replace_null);
    *operand = *made;
    return CV_OK;
}

static const struct cv_transform_ops metadata_ops = {
    .configure = metadata_configure,
    .apply = metadata_apply,
    .free = smt_free,
};

const struct cv_plugin set_schema_metadata_plugins[SMT_VARIANTS] = {
    SMT_PLUGIN("SetSchemaMetadata$Key", metadata_rows, &metadata_ops),
    SMT_PLUGIN("SetSchemaMetadata$Value", metadata_rows, &metadata_ops),
};
