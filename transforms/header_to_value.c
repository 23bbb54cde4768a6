/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HeaderToValue: values of headers become fields of the value; dots in a field's name lead into structs that are
 * there. The schema that the first record got is kept for those that lack a header; they have null there.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "data/lru.h"
#include "transforms/debezium.h"
#include "transforms/transforms.h"

#define SCHEMAS_MAX    2048
#define PATH_MAX_BYTES 65536

enum { MOVE, COPY };

static const char *const operation_names[] = { "move", "copy", NULL };

struct header_options {
    struct cv_list headers;
    struct cv_list fields;
    int operation;
};

struct header_to_value {
    struct smt smt;
    struct header_options options;
    struct lru *schemas; /* address of a value's schema to struct widened */
};

/* A schema and the one with the fields in it. */
struct widened {
    struct cv_schema *from;
    struct cv_schema *to;
};

/* A header that the record has, and the field that it becomes. */
struct entry {
    const char *path;
    const struct cv_value *value;
};

struct entries {
    struct entry *items;
    size_t count;
};

static const struct cv_config_def header_rows[] = {
    { .name = "headers", .type = CV_CONFIG_LIST, .required = true, .check = debezium_valid_names,
      .importance = CV_HIGH, .order = 1, .display = "Header names list", .doc = "Headers to take values from.",
      .offset = offsetof(struct header_options, headers) },
    { .name = "fields", .type = CV_CONFIG_LIST, .required = true, .check = debezium_valid_names,
      .importance = CV_HIGH, .order = 1, .display = "Field names list",
      .doc = "Fields that they become, in the order of headers; a.b is field b of the struct a.",
      .offset = offsetof(struct header_options, fields) },
    { .name = "operation", .type = CV_CONFIG_ENUM, .required = true, .names = operation_names,
      .importance = CV_HIGH, .order = 1, .display = "Operation: mover or copy",
      .doc = "move: the headers go; copy: they stay.", .offset = offsetof(struct header_options, operation) },
    CV_CONFIG_END
};

static void
widened_free(void *ptr)
{
    struct widened *w = ptr;

    cv_schema_unref(w->from);
    cv_schema_unref(w->to);
    free(w);
}

static void
header_free(struct cv_transform *xf)
{
    struct header_to_value *h = cv_container_of(xf, struct header_to_value, smt.base);

    lru_free(h->schemas);
    smt_free(xf);
}

static enum cv_rc
header_configure(const struct cv_plugin *plugin, const struct cv_config *cfg, struct cv_transform **ret,
                 struct cv_err *err)
{
    struct cv_transform *made = NULL;
    struct header_to_value *h;
    enum cv_rc rc = CV_OK;

    if (smt_new(plugin, cfg, sizeof(*h), offsetof(struct header_to_value, options), &made, err) != CV_OK)
        return err->rc;
    h = cv_container_of(made, struct header_to_value, smt.base);
    if (h->options.headers.count != h->options.fields.count)
        rc = cv_fail(err, CV_INVALID, "'fields' config must have the same number of elements as 'headers' config.");
    else if ((h->schemas = lru_new(SCHEMAS_MAX, widened_free)) == NULL)
        rc = cv_fail_memory(err);
    if (rc == CV_OK)
        *ret = made;
    else
        header_free(made);
    return rc;
}

/* ---- which headers ---- */

static int
position(const struct cv_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i], name) == 0)
            return (int)i;
    return -1;
}

static enum cv_rc
find_entries(const struct header_to_value *h, const struct cv_record *rec, struct cv_arena *arena,
             struct entries *ret, struct cv_err *err)
{
    ret->count = 0;
    ret->items = cv_arena_zalloc(arena, (rec->headers.count + 1) * sizeof(*ret->items));
    if (ret->items == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < rec->headers.count; i++) {
        const struct cv_header *header = &rec->headers.items[i];
        int at = position(&h->options.headers, header->name);

        if (at < 0)
            continue;
        if (header->value.schema == NULL)
            return cv_fail(err, CV_INVALID, "header \"%s\" has no schema, which field \"%s\" needs", header->name,
                           h->options.fields.items[at]);
        ret->items[ret->count++] =
            (struct entry){ .path = h->options.fields.items[at], .value = &header->value };
    }
    return CV_OK;
}

/* ---- schemas ---- */

/* Whether the path leads through the struct at way ("a.b."), and the name that is left then. */
static const char *
below(const char *path, const struct cv_buf *way)
{
    return strncmp(path, cv_buf_cstr(way), way->len) == 0 ? path + way->len : NULL;
}

/* Whether some path leads into the field of that name. */
static bool
leads_into(const struct entries *entries, const struct cv_buf *way, const char *field)
{
    size_t len = strlen(field);

    for (size_t i = 0; i < entries->count; i++) {
        const char *rest = below(entries->items[i].path, way);

        if (rest != NULL && strncmp(rest, field, len) == 0 && rest[len] == '.')
            return true;
    }
    return false;
}

/* The name if the entry belongs right into the struct at way, else NULL. */
static const char *
own_name(const struct entry *entry, const struct cv_buf *way)
{
    const char *rest = below(entry->path, way);

    return rest != NULL && strchr(rest, '.') == NULL ? rest : NULL;
}

/* Into the struct of that name; the way back is to its length before. */
static enum cv_rc
enter(struct cv_buf *way, const char *field, struct cv_err *err)
{
    cv_buf_str(way, field);
    cv_buf_char(way, '.');
    return cv_buf_check(way, err);
}

static enum cv_rc
widen(const struct entries *entries, const struct cv_schema *from, struct cv_buf *way, struct cv_schema **ret,
      struct cv_err *err)
{
    struct cv_schema_builder *b = cv_schema_derive_basics(from, CV_STRUCT);

    for (size_t i = 0; i < from->n_fields; i++) {
        const struct cv_field *field = &from->fields[i];
        struct cv_schema *inner = NULL;
        size_t before = way->len;

        if (field->schema->type != CV_STRUCT || !leads_into(entries, way, field->name)) {
            cv_schema_add_field(b, field->name, field->schema);
            continue;
        }
        if (enter(way, field->name, err) != CV_OK ||
            widen(entries, field->schema, way, &inner, err) != CV_OK) {
            smt_abandon(b);
            return err->rc;
        }
        cv_buf_truncate(way, before);
        cv_schema_add_field(b, field->name, inner);
        cv_schema_unref(inner);
    }
    for (size_t i = 0; i < entries->count; i++) {
        const char *name = own_name(&entries->items[i], way);

        if (name != NULL)
            cv_schema_add_field(b, name, entries->items[i].value->schema);
    }
    return cv_schema_finish(b, ret, err);
}

/* Whether the schema, kept from an earlier record, has a field for every entry. */
static bool
has_room(const struct cv_schema *schema, const struct entries *entries)
{
    for (size_t i = 0; i < entries->count; i++) {
        const struct cv_schema *at = schema;
        const char *name = entries->items[i].path;

        while (at != NULL) {
            size_t len = strcspn(name, "."), f;

            for (f = 0; f < at->n_fields; f++)
                if (strncmp(at->fields[f].name, name, len) == 0 && at->fields[f].name[len] == '\0')
                    break;
            at = f < at->n_fields ? at->fields[f].schema : NULL;
            if (name[len] == '\0')
                break;
            name += len + 1;
        }
        if (at == NULL || (at != entries->items[i].value->schema &&
                           !cv_schema_equal(at, entries->items[i].value->schema)))
            return false;
    }
    return true;
}

/* Into *inout, or into a new entry of the cache if that is NULL. */
static enum cv_rc
keep_schema(struct header_to_value *h, const struct cv_schema *from, struct cv_schema *take_to,
            struct widened **inout, struct cv_err *err)
{
    struct widened *w = *inout;

    if (w != NULL) {
        cv_schema_unref(w->to);
        w->to = take_to;
        return CV_OK;
    }
    w = calloc(1, sizeof(*w));
    if (w == NULL) {
        cv_schema_unref(take_to);
        return cv_fail_memory(err);
    }
    *w = (struct widened){ .from = cv_schema_ref(from), .to = take_to };
    if (!lru_put(h->schemas, &from, sizeof(from), w))
        return cv_fail_memory(err);
    *inout = w;
    return CV_OK;
}

static enum cv_rc
find_schema(struct header_to_value *h, const struct cv_schema *from, const struct entries *entries,
            struct cv_arena *arena, const struct cv_schema **ret, struct cv_err *err)
{
    struct widened *w = lru_get(h->schemas, &from, sizeof(from));
    struct cv_buf way = CV_BUF_INIT(PATH_MAX_BYTES);
    struct cv_schema *to = NULL;
    enum cv_rc rc = CV_OK;

    if (w == NULL || !has_room(w->to, entries)) {
        rc = widen(entries, from, &way, &to, err);
        cv_buf_free(&way);
        if (rc == CV_OK)
            rc = keep_schema(h, from, to, &w, err);
        if (rc != CV_OK)
            return rc;
    }
    rc = cv_schema_hold(arena, w->to, err);
    if (rc == CV_OK)
        *ret = w->to;
    return rc;
}

/* ---- records ---- */

static enum cv_rc
fill(const struct entries *entries, const struct cv_value *from, const struct cv_schema *schema,
     struct cv_buf *way, struct cv_arena *arena, struct cv_value *ret, struct cv_err *err)
{
    struct cv_value *made = debezium_refill(arena, schema, from, true, err);

    if (made == NULL)
        return err->rc;
    for (size_t i = 0; i < from->schema->n_fields; i++) {
        struct cv_value *field = cv_struct_at(made, i);
        size_t before = way->len;

        if (!leads_into(entries, way, schema->fields[i].name))
            continue;
        if (field->is_null) {
            *field = cv_null(schema->fields[i].schema);
            continue;
        }
        if (smt_require_struct(field, "Nested field", err) != CV_OK ||
            enter(way, schema->fields[i].name, err) != CV_OK ||
            fill(entries, field, schema->fields[i].schema, way, arena, field, err) != CV_OK)
            return err->rc;
        cv_buf_truncate(way, before);
    }
    for (size_t i = 0; i < entries->count; i++) {
        const char *name = own_name(&entries->items[i], way);

        if (name != NULL)
            *cv_struct_get(made, name) = *entries->items[i].value;
    }
    *ret = *made;
    return CV_OK;
}

/* A new list, as the old one may belong to several records. */
static enum cv_rc
remove_headers(const struct header_to_value *h, struct cv_record *rec, struct cv_arena *arena, struct cv_err *err)
{
    struct cv_headers kept = { .items = NULL };

    for (size_t i = 0; i < rec->headers.count; i++)
        if (position(&h->options.headers, rec->headers.items[i].name) < 0 &&
            cv_header_add(arena, &kept, rec->headers.items[i].name, rec->headers.items[i].value, err) != CV_OK)
            return err->rc;
    rec->headers = kept;
    return CV_OK;
}

static enum cv_rc
header_apply(struct cv_transform *xf, struct cv_arena *arena, struct cv_record *rec, bool *ret_keep,
             struct cv_err *err)
{
    struct header_to_value *h = cv_container_of(xf, struct header_to_value, smt.base);
    struct cv_buf way = CV_BUF_INIT(PATH_MAX_BYTES);
    const struct cv_schema *schema = NULL;
    struct entries entries;
    enum cv_rc rc;

    *ret_keep = true;
    if (rec->value.is_null)
        return CV_OK;
    if (smt_require_struct(&rec->value, "Header field insertion", err) != CV_OK ||
        find_entries(h, rec, arena, &entries, err) != CV_OK)
        return err->rc;
    if (entries.count == 0)
        return CV_OK;
    if (find_schema(h, rec->value.schema, &entries, arena, &schema, err) != CV_OK)
        return err->rc;
    rc = fill(&entries, &rec->value, schema, &way, arena, &rec->value, err);
    cv_buf_free(&way);
    if (rc == CV_OK && h->options.operation == MOVE)
        rc = remove_headers(h, rec, arena, err);
    return rc;
}

static const struct cv_transform_ops header_ops = {
    .configure = header_configure,
    .apply = header_apply,
    .free = header_free,
};

const struct cv_plugin header_to_value_plugin =
    DEBEZIUM_PLUGIN("transforms.HeaderToValue", header_rows, &header_ops);
