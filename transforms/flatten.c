/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flatten: fields of nested structs or maps move to the top, under the names of the way to them: a.b. Arrays stay as
 * they are. A field is optional, or has a default, where the struct around it is optional or has one.
 */
#include <config.h>

#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "transforms/smt.h"
#include "transforms/transforms.h"

static const char purpose[] = "flattening";

#define NAME_MAX_BYTES 65536

struct flatten_options {
    char *delimiter;
};

struct flatten {
    struct smt smt;
    struct flatten_options options;
};

static const struct cv_config_def flatten_rows[] = {
    { .name = "delimiter",
      .type = CV_CONFIG_STRING,
      .def = ".",
      .importance = CV_MEDIUM,
      .doc = "What stands between the names on the way to a field.",
      .offset = offsetof(struct flatten_options, delimiter) },
    CV_CONFIG_END
};

static enum cv_rc
flatten_configure(const struct cv_plugin *plugin, const struct cv_config *cfg, struct cv_transform **ret,
                  struct cv_err *err)
{
    return smt_new(plugin, cfg, sizeof(struct flatten), offsetof(struct flatten, options), ret, err);
}

/* Append a name to the way; returns the length to go back to. */
static size_t
way_push(const struct flatten *flatten, struct cv_buf *way, const char *name, size_t len)
{
    size_t before = way->len;

    if (before > 0 && flatten->options.delimiter != NULL)
        cv_buf_str(way, flatten->options.delimiter);
    cv_buf_add(way, name, len);
    return before;
}

/* ---- with schema ---- */

struct building {
    const struct flatten *flatten;
    struct cv_schema_builder *to;
    struct cv_buf way;
    struct cv_err *err;
};

/* The field's schema with what it inherits. */
static enum cv_rc
add_leaf(struct building *b, const struct cv_schema *schema, bool optional, const struct cv_value *def)
{
    struct cv_schema_builder *leaf = cv_schema_derive(schema);
    struct cv_schema *made = NULL;

    if (optional)
        cv_schema_set_optional(leaf);
    if (def != NULL)
        cv_schema_set_default(leaf, def);
    if (cv_schema_finish(leaf, &made, b->err) != CV_OK)
        return b->err->rc;
    cv_schema_add_field(b->to, cv_buf_cstr(&b->way), made);
    cv_schema_unref(made);
    return CV_OK;
}

static enum cv_rc
add_fields(struct building *b, const struct cv_schema *from, bool optional, const struct cv_value *parent_def)
{
    enum cv_rc rc = CV_OK;

    for (size_t i = 0; rc == CV_OK && i < from->n_fields; i++) {
        const struct cv_schema *schema = from->fields[i].schema;
        const struct cv_value *def = schema->def;
        size_t before = way_push(b->flatten, &b->way, from->fields[i].name, strlen(from->fields[i].name));

        if (def == NULL && parent_def != NULL && !cv_struct_at(parent_def, i)->is_null)
            def = cv_struct_at(parent_def, i);
        if (schema->type == CV_STRUCT)
            rc = add_fields(b, schema, optional || schema->optional, def);
        else if (schema->type == CV_MAP)
            rc = cv_fail(b->err, CV_INVALID,
                         "Flatten transformation does not support MAP for record with schemas (for field %s).",
                         cv_buf_cstr(&b->way));
        else
            rc = add_leaf(b, schema, optional || schema->optional, def);
        if (rc == CV_OK)
            rc = cv_buf_check(&b->way, b->err);
        cv_buf_truncate(&b->way, before);
    }
    return rc;
}

static enum cv_rc
flat_schema(struct smt *smt, const struct cv_schema *from, struct cv_schema **ret, struct cv_err *err)
{
    struct building b = { .flatten = cv_container_of(smt, struct flatten, smt),
                          .to = cv_schema_derive_basics(from, CV_STRUCT),
                          .way = CV_BUF_INIT(NAME_MAX_BYTES),
                          .err = err };
    enum cv_rc rc = b.to != NULL ? add_fields(&b, from, from->optional, from->def) : cv_fail_memory(err);

    if (rc == CV_OK)
        rc = cv_schema_finish(b.to, ret, err);
    else
        smt_abandon(b.to);
    cv_buf_free(&b.way);
    return rc;
}

/* Fill the flat struct from at on; strct NULL leaves its fields null. Returns the next field. */
static size_t
fill(struct cv_value *flat, size_t at, const struct cv_schema *schema, const struct cv_value *strct)
{
    for (size_t i = 0; i < schema->n_fields; i++) {
        const struct cv_schema *field = schema->fields[i].schema;
        const struct cv_value *val = strct != NULL ? smt_field(strct, i, true) : NULL;

        if (field->type == CV_STRUCT) {
            at = fill(flat, at, field, val != NULL && !val->is_null ? val : NULL);
            continue;
        }
        if (val != NULL) {
            const struct cv_schema *own = flat->schema->fields[at].schema;

            *cv_struct_at(flat, at) = *val;
            cv_struct_at(flat, at)->schema = own;
        }
        at++;
    }
    return at;
}

static enum cv_rc
flatten_struct(struct flatten *flatten, struct cv_value *operand, struct cv_arena *arena, struct cv_err *err)
{
    const struct cv_schema *schema = NULL;
    struct cv_value *made;

    if (smt_schema(&flatten->smt, operand->schema, flat_schema, arena, &schema, err) != CV_OK)
        return err->rc;
    made = cv_struct_new(arena, schema);
    if (made == NULL)
        return cv_fail_memory(err);
    fill(made, 0, operand->schema, operand);
    *operand = *made;
    return CV_OK;
}

/* ---- without ---- */

static enum cv_rc
add_entries(const struct flatten *flatten, struct cv_buf *way, const struct cv_value *map,
            struct cv_value *flat, struct cv_arena *arena, struct cv_err *err)
{
    enum cv_rc rc = CV_OK;

    for (size_t i = 0; rc == CV_OK && i < map->map.count; i++) {
        const struct cv_map_entry *entry = &map->map.entries[i];
        size_t before;

        if (entry->key.is_null || entry->key.type != CV_STRING)
            return cv_fail(err, CV_INVALID, "Only maps with string keys supported for [%s]", purpose);
        before = way_push(flatten, way, entry->key.bytes.data, entry->key.bytes.len);
        rc = cv_buf_check(way, err);
        if (rc == CV_OK && !entry->value.is_null && entry->value.type == CV_MAP)
            rc = add_entries(flatten, way, &entry->value, flat, arena, err);
        else if (rc == CV_OK)
            rc = cv_map_put(arena, flat, cv_buf_cstr(way), entry->value, err);
        cv_buf_truncate(way, before);
    }
    return rc;
}

static enum cv_rc
flatten_map(const struct flatten *flatten, struct cv_value *operand, struct cv_arena *arena,
            struct cv_err *err)
{
    struct cv_value *flat = cv_map_new(arena, operand->map.count);
    struct cv_buf way = CV_BUF_INIT(NAME_MAX_BYTES);
    enum cv_rc rc;

    if (flat == NULL)
        return cv_fail_memory(err);
    rc = add_entries(flatten, &way, operand, flat, arena, err);
    cv_buf_free(&way);
    if (rc == CV_OK)
        *operand = *flat;
    return rc;
}

static enum cv_rc
flatten_apply(struct cv_transform *xf, struct cv_arena *arena, struct cv_record *rec, bool *ret_keep,
              struct cv_err *err)
{
    struct flatten *flatten = cv_container_of(xf, struct flatten, smt.base);
    struct cv_value *operand = smt_operand(&flatten->smt, rec);

    *ret_keep = true;
    if (operand->is_null)
        return CV_OK;
    if (operand->schema == NULL)
        return smt_require_map(operand, purpose, err) == CV_OK ? flatten_map(flatten, operand, arena, err) : err->rc;
    return smt_require_struct(operand, purpose, err) == CV_OK ? flatten_struct(flatten, operand, arena, err)
                                                              : err->rc;
}

static const struct cv_transform_ops flatten_ops = {
    .configure = flatten_configure,
    .apply = flatten_apply,
    .free = smt_free,
};

const struct cv_plugin flatten_plugins[SMT_VARIANTS] = {
    SMT_PLUGIN("Flatten$Key", flatten_rows, &flatten_ops),
    SMT_PLUGIN("Flatten$Value", flatten_rows, &flatten_ops),
};
