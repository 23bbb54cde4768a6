/* SPDX-License-Identifier: Apache-2.0 */
/* HeaderFrom: fields of the key or value become headers; with operation=move they leave the key or value. */
#include <config.h>

#include <string.h>

#include "common/arena.h"
#include "transforms/smt.h"
#include "transforms/transforms.h"

enum { OPERATION_MOVE, OPERATION_COPY };

static const char *const operation_names[] = { "move", "copy", NULL };

struct header_from_options {
    struct cv_list fields;
    struct cv_list headers;
    int operation;
    bool replace_null;
};

struct header_from {
    struct smt smt;
    struct header_from_options options;
};

static const struct cv_config_def header_from_rows[] = {
    { .name = "fields",
      .type = CV_CONFIG_LIST,
      .required = true,
      .check = smt_valid_non_empty_list,
      .null_problem = SMT_EMPTY_LIST,
      .importance = CV_HIGH,
      .doc = "Names of the fields whose values go to headers.",
      .offset = offsetof(struct header_from_options, fields) },
    { .name = "headers",
      .type = CV_CONFIG_LIST,
      .required = true,
      .check = smt_valid_non_empty_list,
      .null_problem = SMT_EMPTY_LIST,
      .importance = CV_HIGH,
      .doc = "Names of the headers, in the order of the fields.",
      .offset = offsetof(struct header_from_options, headers) },
    { .name = "operation",
      .type = CV_CONFIG_ENUM,
      .required = true,
      .names = operation_names,
      .enum_exact = true,
      .importance = CV_HIGH,
      .doc = "move: the fields leave the key or value. copy: they stay.",
      .offset = offsetof(struct header_from_options, operation) },
    SMT_REPLACE_NULL_ROW(struct header_from_options, replace_null),
    CV_CONFIG_END
};

static enum cv_rc
header_from_configure(const struct cv_plugin *plugin, const struct cv_config *cfg, struct cv_transform **ret,
                      struct cv_err *err)
{
    struct cv_transform *made = NULL;
    const struct header_from_options *options;

    if (smt_new(plugin, cfg, sizeof(struct header_from), offsetof(struct header_from, options), &made, err) != CV_OK)
        return err->rc;
    options = &cv_container_of(made, struct header_from, smt.base)->options;
    if (options->fields.count != options->headers.count) {
        smt_free(made);
        return cv_fail(err, CV_INVALID,
                       "'fields' config must have the same number of elements as 'headers' config.");
    }
    *ret = made;
    return CV_OK;
}

static enum cv_rc
without_fields(struct smt *smt, const struct cv_schema *from, struct cv_schema **ret, struct cv_err *err)
{
    const struct header_from *header_from = cv_container_of(smt, struct header_from, smt);
    struct cv_schema_builder *b = cv_schema_derive_basics(from, CV_STRUCT);

    for (size_t i = 0; i < from->n_fields; i++)
        if (!smt_list_has(&header_from->options.fields, from->fields[i].name))
            cv_schema_add_field(b, from->fields[i].name, from->fields[i].schema);
    return cv_schema_finish(b, ret, err);
}

static enum cv_rc
add_header(const struct header_from *header_from, size_t i, struct cv_value val, struct cv_arena *arena,
           struct cv_headers *headers, struct cv_err *err)
{
    const char *name = cv_arena_strdup(arena, header_from->options.headers.items[i]);

    return name != NULL ? cv_header_add(arena, headers, name, val, err) : cv_fail_memory(err);
}

static enum cv_rc
from_struct(struct header_from *header_from, struct cv_value *operand, struct cv_arena *arena,
            struct cv_headers *headers, struct cv_err *err)
{
    const struct header_from_options *options = &header_from->options;
    const struct cv_schema *schema = operand->schema;
    struct cv_value *made;

    for (size_t i = 0; i < options->fields.count; i++) {
        const struct cv_field *field = cv_schema_field(schema, options->fields.items[i]);
        struct cv_value val;

        if (field == NULL)
            return cv_fail(err, CV_INVALID, "Unknown field: %s", options->fields.items[i]);
        val = *smt_field(operand, field->index, options->replace_null);
        val.schema = field->schema;
        if (add_header(header_from, i, val, arena, headers, err) != CV_OK)
            return err->rc;
    }
    if (options->operation == OPERATION_COPY)
        return CV_OK;
    if (smt_schema(&header_from->smt, schema, without_fields, arena, &schema, err) != CV_OK)
        return err->rc;
    made = cv_struct_new(arena, schema);
    if (made == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < schema->n_fields; i++) {
        const struct cv_field *field = cv_schema_field(operand->schema, schema->fields[i].name);

        *cv_struct_at(made, i) = *smt_field(operand, field->index, options->replace_null);
    }
    *operand = *made;
    return CV_OK;
}

static void
map_remove(struct cv_value *map, const char *key)
{
    struct cv_value *val = cv_map_get(map, key);
    struct cv_map_entry *entry;

    if (val == NULL)
        return;
    entry = cv_container_of(val, struct cv_map_entry, value);
    map->map.count--;
    memmove(entry, entry + 1, (size_t)(map->map.entries + map->map.count - entry) * sizeof(*entry));
}

static enum cv_rc
from_map(struct header_from *header_from, struct cv_value *operand, struct cv_arena *arena,
         struct cv_headers *headers, struct cv_err *err)
{
    const struct header_from_options *options = &header_from->options;
    struct cv_value *copy = smt_map_copy(operand, arena, err);

    if (copy == NULL)
        return err->rc;
    for (size_t i = 0; i < options->fields.count; i++) {
        const struct cv_value *found = cv_map_get(operand, options->fields.items[i]);

        if (add_header(header_from, i, found != NULL ? *found : cv_null(NULL), arena, headers, err) != CV_OK)
            return err->rc;
        if (options->operation == OPERATION_MOVE)
            map_remove(copy, options->fields.items[i]);
    }
    return smt_map_done(operand, copy, err);
}

static enum cv_rc
header_from_apply(struct cv_transform *xf, struct cv_arena *arena, struct cv_record *rec, bool *ret_keep,
                  struct cv_err *err)
{
    struct header_from *header_from = cv_container_of(xf, struct header_from, smt.base);
    struct cv_value *operand = smt_operand(&header_from->smt, rec);
    const char *purpose = header_from->options.operation == OPERATION_MOVE ? "header move" : "header copy";
    struct cv_headers headers = { .items = NULL };
    enum cv_rc rc = CV_OK;

    *ret_keep = true;
    for (size_t i = 0; rc == CV_OK && i < rec->headers.count; i++)
        rc = cv_header_add(arena, &headers, rec->headers.items[i].name, rec->headers.items[i].value, err);
    if (rc == CV_OK)
        rc = operand->schema == NULL ? smt_require_map(operand, purpose, err)
                                     : smt_require_struct(operand, purpose, err);
    if (rc == CV_OK)
        rc = operand->schema == NULL ? from_map(header_from, operand, arena, &headers, err)
                                     : from_struct(header_from, operand, arena, &headers, err);
    if (rc == CV_OK)
        rec->headers = headers;
    return rc;
}

static const struct cv_transform_ops header_from_ops = {
    .configure = header_from_configure,
    .apply = header_from_apply,
    .free = smt_free,
};

const struct cv_plugin header_from_plugins[SMT_VARIANTS] = {
    SMT_PLUGIN("HeaderFrom$Key", header_from_rows, &header_from_ops),
    SMT_PLUGIN("HeaderFrom$Value", header_from_rows, &header_from_ops),
};
