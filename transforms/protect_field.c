/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way to protected fields: see protect_field.h. Where there is a schema the new one is made first, once; the values
 * then follow wherever the two differ. Everything on the way is copied, so that a repeated try begins with the record
 * as it was.
 */
#include <config.h>

#include "transforms/protect_field.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "data/java_string.h"
#include "transforms/debezium.h"

#define PATH_MAX_BYTES 65536

static const char purpose[] = "field protection";

const char *const protect_missing_names[] = { "fail", "ignore", NULL };

/* ---- schemas ---- */

/* The walk over one schema: where it is, and which fields it has met. */
struct walk {
    const struct protect *protect;
    struct cv_buf way; /* "a.b." */
    bool *found;       /* one a field of the option */
    struct cv_err *err;
};

/* Index of the option's field of that name at the way, -1: none. */
static int
listed(const struct walk *walk, const char *name)
{
    for (size_t i = 0; i < walk->protect->fields->count; i++) {
        const char *field = walk->protect->fields->items[i];

        if (strncmp(field, cv_buf_cstr(&walk->way), walk->way.len) == 0 && strcmp(field + walk->way.len, name) == 0)
            return (int)i;
    }
    return -1;
}

static enum cv_rc convert(struct walk *walk, const struct cv_schema *from, struct cv_schema **ret);

/* One field: *ret has a reference, to the schema that it had if nothing in it is meant. */
static enum cv_rc
convert_field(struct walk *walk, const struct cv_field *field, struct cv_schema **ret)
{
    int at = listed(walk, field->name);
    size_t before = walk->way.len;
    enum cv_rc rc;

    if (at >= 0) {
        walk->found[at] = true;
        if (field->schema->type == CV_STRUCT || field->schema->type == CV_ARRAY || field->schema->type == CV_MAP)
            return cv_fail(walk->err, CV_INVALID, "field \"%s\" is a %s: only scalars can be encrypted", field->name,
                           java_type_name(field->schema->type));
        if (walk->protect->ops->schema(walk->protect, field->schema, ret, walk->err) != CV_OK)
            return cv_err_context(walk->err, "field \"%s\"", field->name);
        return CV_OK;
    }
    if (field->schema->type != CV_STRUCT) {
        *ret = cv_schema_ref(field->schema);
        return CV_OK;
    }
    cv_buf_printf(&walk->way, "%s.", field->name);
    rc = cv_buf_check(&walk->way, walk->err);
    if (rc == CV_OK)
        rc = convert(walk, field->schema, ret);
    cv_buf_truncate(&walk->way, before);
    return rc;
}

static enum cv_rc
convert(struct walk *walk, const struct cv_schema *from, struct cv_schema **ret)
{
    struct cv_schema_builder *b = cv_schema_derive_basics(from, CV_STRUCT);
    bool changed = false;
    enum cv_rc rc = CV_OK;

    if (from->optional)
        cv_schema_set_optional(b);
    for (size_t i = 0; rc == CV_OK && i < from->n_fields; i++) {
        struct cv_schema *field = NULL;

        rc = convert_field(walk, &from->fields[i], &field);
        if (rc != CV_OK)
            break;
        changed = changed || field != from->fields[i].schema;
        cv_schema_add_field(b, from->fields[i].name, field);
        cv_schema_unref(field);
    }
    if (rc == CV_OK && changed)
        return cv_schema_finish(b, ret, walk->err);
    smt_abandon(b);
    if (rc == CV_OK)
        *ret = cv_schema_ref(from);
    return rc;
}

/* An envelope with both rows converted. */
static enum cv_rc
convert_envelope(struct walk *walk, const struct cv_schema *from, struct cv_schema **ret)
{
    struct cv_schema_builder *b = cv_schema_derive_basics(from, CV_STRUCT);
    enum cv_rc rc = CV_OK;

    if (from->optional)
        cv_schema_set_optional(b);
    for (size_t i = 0; rc == CV_OK && i < from->n_fields; i++) {
        const struct cv_field *field = &from->fields[i];
        bool row = field->schema->type == CV_STRUCT &&
                   (strcmp(field->name, "before") == 0 || strcmp(field->name, "after") == 0);
        struct cv_schema *made = NULL;

        if (row)
            rc = convert(walk, field->schema, &made);
        if (rc == CV_OK)
            cv_schema_add_field(b, field->name, row ? made : field->schema);
        cv_schema_unref(made);
    }
    if (rc == CV_OK)
        return cv_schema_finish(b, ret, walk->err);
    smt_abandon(b);
    return rc;
}

static enum cv_rc
check_found(const struct walk *walk, const struct cv_schema *from)
{
    for (size_t i = 0; walk->protect->missing_is_error && i < walk->protect->fields->count; i++)
        if (!walk->found[i])
            return cv_fail(walk->err, CV_INVALID, "\"%s\" has no field \"%s\", which is to be protected "
                           "(missing.fields=ignore lets such records pass)",
                           from->name != NULL ? from->name : "a record", walk->protect->fields->items[i]);
    return CV_OK;
}

static enum cv_rc
protected_schema(struct smt *smt, const struct cv_schema *from, struct cv_schema **ret, struct cv_err *err)
{
    struct protect *protect = cv_container_of(smt, struct protect, smt);
    struct walk walk = { .protect = protect, .way = CV_BUF_INIT(PATH_MAX_BYTES), .err = err };
    struct cv_schema *made = NULL;
    enum cv_rc rc = CV_NO_MEMORY;

    walk.found = calloc(protect->fields->count + 1, sizeof(*walk.found));
    if (walk.found == NULL)
        cv_fail_memory(err);
    else
        rc = debezium_is_envelope(from) ? convert_envelope(&walk, from, &made) : convert(&walk, from, &made);
    if (rc == CV_OK)
        rc = check_found(&walk, from);
    if (rc == CV_OK)
        *ret = made;
    else
        cv_schema_unref(made);
    free(walk.found);
    cv_buf_free(&walk.way);
    return rc;
}

/* ---- values ---- */

static enum cv_rc
convert_struct(struct protect *protect, const struct cv_schema *to, struct cv_arena *arena, struct cv_value *strct,
               struct cv_err *err)
{
    const struct cv_schema *from = strct->schema;
    struct cv_value *made = debezium_refill(arena, to, strct, false, err);

    if (made == NULL)
        return err->rc;
    for (size_t i = 0; i < to->n_fields; i++) {
        struct cv_value *val = cv_struct_at(made, i);
        const struct cv_schema *schema = to->fields[i].schema;
        enum cv_rc rc = CV_OK;

        if (schema == from->fields[i].schema)
            continue;
        if (val->is_null)
            *val = cv_null(schema);
        else if (from->fields[i].schema->type == CV_STRUCT)
            rc = convert_struct(protect, schema, arena, val, err);
        else
            rc = protect->ops->value(protect, schema, arena, val, err);
        if (rc != CV_OK)
            return cv_err_context(err, "field \"%s\"", to->fields[i].name);
    }
    *strct = *made;
    return CV_OK;
}

/* ---- without schema ---- */

/* The value that the path leads to through copies of the maps on the way; *ret NULL: there is none. */
static enum cv_rc
find_in_map(struct cv_value *map, const char *path, struct cv_arena *arena, struct cv_value **ret, struct cv_err *err)
{
    struct cv_value *at = map, *copy;
    char name[256];

    *ret = NULL;
    for (;;) {
        size_t len = strcspn(path, ".");

        if (at->is_null || at->type != CV_MAP || len >= sizeof(name))
            return CV_OK;
        copy = smt_map_copy(at, arena, err);
        if (copy == NULL)
            return err->rc;
        *at = *copy;
        memcpy(name, path, len);
        name[len] = '\0';
        at = cv_map_get(at, name);
        if (at == NULL)
            return CV_OK;
        if (path[len] == '\0')
            break;
        path += len + 1;
    }
    *ret = at;
    return CV_OK;
}

static enum cv_rc
convert_map(struct protect *protect, struct cv_arena *arena, struct cv_value *map, struct cv_err *err)
{
    for (size_t i = 0; i < protect->fields->count; i++) {
        const char *field = protect->fields->items[i];
        struct cv_value *val = NULL;

        if (find_in_map(map, field, arena, &val, err) != CV_OK)
            return err->rc;
        if (val == NULL && protect->missing_is_error)
            return cv_fail(err, CV_INVALID, "a record has no field \"%s\", which is to be protected "
                           "(missing.fields=ignore lets such records pass)", field);
        if (val == NULL || val->is_null)
            continue;
        if (val->type == CV_MAP || val->type == CV_ARRAY)
            return cv_fail(err, CV_INVALID, "field \"%s\" is a %s: only scalars can be encrypted", field,
                           java_type_name(val->type));
        if (protect->ops->value(protect, NULL, arena, val, err) != CV_OK)
            return cv_err_context(err, "field \"%s\"", field);
    }
    return CV_OK;
}

enum cv_rc
protect_apply(struct protect *protect, struct cv_arena *arena, struct cv_record *rec, struct cv_err *err)
{
    struct cv_value *operand = smt_operand(&protect->smt, rec);
    const struct cv_schema *schema = NULL;

    if (operand->is_null)
        return CV_OK;
    if (operand->schema == NULL)
        return smt_require_map(operand, purpose, err) == CV_OK ? convert_map(protect, arena, operand, err) : err->rc;
    if (smt_require_struct(operand, purpose, err) != CV_OK ||
        smt_schema(&protect->smt, operand->schema, protected_schema, arena, &schema, err) != CV_OK)
        return err->rc;
    return schema == operand->schema ? CV_OK : convert_struct(protect, schema, arena, operand, err);
}
