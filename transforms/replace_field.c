/* SPDX-License-Identifier: Apache-2.0 */
/* ReplaceField: leaves fields out and gives others a new name. */
#include <config.h>

#include <string.h>

#include "common/arena.h"
#include "data/java_order.h"
#include "transforms/smt.h"
#include "transforms/transforms.h"

static const char purpose[] = "field replacement";

struct replace_options {
    struct cv_list exclude;
    struct cv_list include;
    struct cv_list renames; /* old:new */
    bool replace_null;
};

struct replace_field {
    struct smt smt;
    struct replace_options options;
};

/* Every entry is two names with a colon between. */
static enum cv_rc
check_renames(const struct cv_config_def *def, const char *value, struct cv_err *err)
{
    const char *entry = value;

    (void)def;
    while (*entry != '\0') {
        size_t len = strcspn(entry, ",");
        const char *colon = memchr(entry, ':', len);

        if (colon == NULL || colon == entry || colon == entry + len - 1 ||
            memchr(colon + 1, ':', len - (size_t)(colon + 1 - entry)) != NULL)
            return cv_fail(err, CV_INVALID, "Invalid rename mapping: %.*s", (int)len, entry);
        entry += len + (entry[len] == ',');
    }
    return CV_OK;
}

static const struct cv_config_def replace_rows[] = {
    { .name = "exclude",
      .type = CV_CONFIG_LIST,
      .def = "",
      .importance = CV_MEDIUM,
      .doc = "Fields to leave out; this wins over include.",
      .offset = offsetof(struct replace_options, exclude) },
    { .name = "include",
      .type = CV_CONFIG_LIST,
      .def = "",
      .importance = CV_MEDIUM,
      .doc = "Fields to keep; if there are any, all others are left out.",
      .offset = offsetof(struct replace_options, include) },
    { .name = "renames",
      .type = CV_CONFIG_LIST,
      .def = "",
      .check = check_renames,
      .importance = CV_MEDIUM,
      .doc = "New names of fields, as old:new.",
      .offset = offsetof(struct replace_options, renames) },
    SMT_REPLACE_NULL_ROW(struct replace_options, replace_null),
    CV_CONFIG_END
};

static enum cv_rc
replace_configure(const struct cv_plugin *plugin, const struct cv_config *cfg, struct cv_transform **ret,
                  struct cv_err *err)
{
    return smt_new(plugin, cfg, sizeof(struct replace_field), offsetof(struct replace_field, options), ret, err);
}

static bool
is_kept(const struct replace_field *replace, const char *name)
{
    return !smt_list_has(&replace->options.exclude, name) &&
           (replace->options.include.count == 0 || smt_list_has(&replace->options.include, name));
}

static const char *
new_name(const struct replace_field *replace, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < replace->options.renames.count; i++) {
        const char *entry = replace->options.renames.items[i];

        if (strncmp(entry, name, len) == 0 && entry[len] == ':')
            return entry + len + 1;
    }
    return name;
}

static enum cv_rc
replaced_schema(struct smt *smt, const struct cv_schema *from, struct cv_schema **ret, struct cv_err *err)
{
    const struct replace_field *replace = cv_container_of(smt, struct replace_field, smt);
    struct cv_schema_builder *b = cv_schema_derive_basics(from, CV_STRUCT);

    for (size_t i = 0; i < from->n_fields; i++)
        if (is_kept(replace, from->fields[i].name))
            cv_schema_add_field(b, new_name(replace, from->fields[i].name), from->fields[i].schema);
    return cv_schema_finish(b, ret, err);
}

static enum cv_rc
replace_struct(struct replace_field *replace, struct cv_value *operand, struct cv_arena *arena,
               struct cv_err *err)
{
    const struct cv_schema *schema = NULL;
    struct cv_value *made;
    size_t at = 0;

    if (smt_schema(&replace->smt, operand->schema, replaced_schema, arena, &schema, err) != CV_OK)
        return err->rc;
    made = cv_struct_new(arena, schema);
    if (made == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < operand->schema->n_fields; i++)
        if (is_kept(replace, operand->schema->fields[i].name))
            *cv_struct_at(made, at++) = *smt_field(operand, i, replace->options.replace_null);
    *operand = *made;
    return CV_OK;
}

static enum cv_rc
replace_map(const struct replace_field *replace, struct cv_value *operand, struct cv_arena *arena,
            struct cv_err *err)
{
    struct cv_value *made = cv_map_new(arena, operand->map.count);
    size_t count;

    if (made == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < operand->map.count; i++) {
        const struct cv_map_entry *entry = &operand->map.entries[i];
        const char *name;

        if (entry->key.is_null || entry->key.type != CV_STRING)
            return cv_fail(err, CV_INVALID, "Only maps with string keys supported for [%s]", purpose);
        name = cv_arena_dup(arena, entry->key.bytes.data, entry->key.bytes.len);
        if (name == NULL)
            return cv_fail_memory(err);
        if (is_kept(replace, name) &&
            cv_map_put(arena, made, new_name(replace, name), entry->value, err) != CV_OK)
            return err->rc;
    }
    count = operand->map.count;
    *operand = *made;
    return java_order_map_from(operand, java_table_for(count), err);
}

static enum cv_rc
replace_apply(struct cv_transform *xf, struct cv_arena *arena, struct cv_record *rec, bool *ret_keep,
              struct cv_err *err)
{
    struct replace_field *replace = cv_container_of(xf, struct replace_field, smt.base);
    struct cv_value *operand = smt_operand(&replace->smt, rec);

    *ret_keep = true;
    if (operand->is_null)
        return CV_OK;
    if (operand->schema == NULL)
        return smt_require_map(operand, purpose, err) == CV_OK ? replace_map(replace, operand, arena, err) : err->rc;
    return smt_require_struct(operand, purpose, err) == CV_OK ? replace_struct(replace, operand, arena, err)
                                                              : err->rc;
}

static const struct cv_transform_ops replace_ops = {
    .configure = replace_configure,
    .apply = replace_apply,
    .free = smt_free,
};

const struct cv_plugin replace_field_plugins[SMT_VARIANTS] = {
    SMT_PLUGIN("ReplaceField$Key", replace_rows, &replace_ops),
    SMT_PLUGIN("ReplaceField$Value", replace_rows, &replace_ops),
};
