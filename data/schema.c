/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schemas: built once, then immutable and shared by reference count, so that any thread may hold one. The
 * public struct is the first member of the counted one; the schemas of plain types are static and uncounted.
 *
 * A default value is kept in one block (data/pack.h). Its schemas are pointed at this schema and the ones below
 * it at finish, so that it borrows from nothing that can go away earlier.
 *
 * Source: org.apache.kafka.connect.data.{Schema,ConnectSchema,SchemaBuilder}.
 */
#include <config.h>

#include <culvert/schema.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "data/pack.h"

struct counted_schema {
    struct cv_schema pub;
    atomic_uint refs;
    bool plain; /* static: not counted, never freed */
};

struct cv_schema_builder {
    struct counted_schema *made;
    size_t cap_params;
    size_t cap_fields;
    bool no_memory;
    char problem[256]; /* first misuse; "" for none */
};

static const struct counted_schema *
counted(const struct cv_schema *schema)
{
    return (const struct counted_schema *)(const void *)schema;
}

static void
schema_free(struct counted_schema *made)
{
    struct cv_schema *s = &made->pub;

    for (size_t i = 0; i < s->n_params; i++) {
        free((char *)s->params[i].name);
        free((char *)s->params[i].value);
    }
    for (size_t i = 0; i < s->n_fields; i++) {
        free((char *)s->fields[i].name);
        cv_schema_unref(s->fields[i].schema);
    }
    cv_schema_unref(s->items);
    cv_schema_unref(s->keys);
    free((struct cv_param *)s->params);
    free((struct cv_field *)s->fields);
    free((char *)s->name);
    free((char *)s->doc);
    free((struct cv_value *)s->def);
    free(made);
}

struct cv_schema *
cv_schema_ref(const struct cv_schema *schema)
{
    struct counted_schema *s = (struct counted_schema *)counted(schema);

    if (!s->plain)
        atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return &s->pub;
}

void
cv_schema_unref(const struct cv_schema *schema)
{
    struct counted_schema *s = (struct counted_schema *)counted(schema);

    if (s == NULL || s->plain)
        return;
    /* Release what this thread read of it; acquire before tearing it down. */
    if (atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1)
        schema_free(s);
}

/* ---- build ---- */

struct cv_schema_builder *
cv_schema_new(enum cv_type type)
{
    struct cv_schema_builder *b = calloc(1, sizeof(*b));

    if (b == NULL)
        return NULL;
    b->made = calloc(1, sizeof(*b->made));
    if (b->made == NULL) {
        free(b);
        return NULL;
    }
    b->made->pub.type = type;
    atomic_init(&b->made->refs, 1);
    return b;
}

static bool
usable(const struct cv_schema_builder *b)
{
    return b != NULL && !b->no_memory;
}

static char *
builder_strdup(struct cv_schema_builder *b, const char *text)
{
    char *copy = strdup(text);

    if (copy == NULL)
        b->no_memory = true;
    return copy;
}

/* Make room for one more element in an array that the builder owns; NULL after a failure. */
static void *
builder_grow(struct cv_schema_builder *b, const void *items, size_t count, size_t *cap, size_t size)
{
    size_t more = *cap == 0 ? 4 : *cap * 2;
    void *grown;

    if (count < *cap)
        return (void *)items;
    grown = realloc((void *)items, more * size);
    if (grown == NULL)
        b->no_memory = true;
    else
        *cap = more;
    return grown;
}

static void
builder_problem(struct cv_schema_builder *b, const char *what, const char *name)
{
    struct cv_err err = CV_ERR_INIT;

    if (b->problem[0] != '\0')
        return;
    cv_fail(&err, CV_INVALID, what, name);
    memcpy(b->problem, err.text, sizeof(b->problem) - 1);
}

void
cv_schema_set_optional(struct cv_schema_builder *b)
{
    if (usable(b))
        b->made->pub.optional = true;
}

void
cv_schema_set_name(struct cv_schema_builder *b, const char *name)
{
    if (!usable(b))
        return;
    free((char *)b->made->pub.name);
    b->made->pub.name = builder_strdup(b, name);
}

void
cv_schema_set_version(struct cv_schema_builder *b, int32_t version)
{
    if (!usable(b))
        return;
    b->made->pub.version = version;
    b->made->pub.has_version = true;
}

void
cv_schema_set_doc(struct cv_schema_builder *b, const char *doc)
{
    if (!usable(b))
        return;
    free((char *)b->made->pub.doc);
    b->made->pub.doc = builder_strdup(b, doc);
}

void
cv_schema_add_param(struct cv_schema_builder *b, const char *name, const char *value)
{
    struct cv_schema *s;
    struct cv_param *params;

    if (!usable(b))
        return;
    s = &b->made->pub;
    params = builder_grow(b, s->params, s->n_params, &b->cap_params, sizeof(*params));
    if (params == NULL)
        return;
    s->params = params;
    params[s->n_params].name = builder_strdup(b, name);
    params[s->n_params].value = builder_strdup(b, value);
    s->n_params++;
}

void
cv_schema_set_default(struct cv_schema_builder *b, const struct cv_value *def)
{
    struct value_pack size;
    void *block;

    if (!usable(b))
        return;
    free((struct cv_value *)b->made->pub.def);
    b->made->pub.def = NULL;
    if (def->is_null)
        return;
    if (def->type != b->made->pub.type) {
        builder_problem(b, "invalid default value: its type is %s, not the schema's",
                        cv_type_name(def->type));
        return;
    }
    size = value_pack_measure(def);
    block = malloc(size.nodes + size.bytes);
    if (block == NULL)
        b->no_memory = true;
    else
        b->made->pub.def = value_pack(def, &size, block);
}

void
cv_schema_add_field(struct cv_schema_builder *b, const char *name, const struct cv_schema *schema)
{
    struct cv_schema *s;
    struct cv_field *fields;

    if (!usable(b))
        return;
    s = &b->made->pub;
    if (cv_schema_field(s, name) != NULL) {
        builder_problem(b, "cannot create field because of field name duplication %s", name);
        return;
    }
    fields = builder_grow(b, s->fields, s->n_fields, &b->cap_fields, sizeof(*fields));
    if (fields == NULL)
        return;
    s->fields = fields;
    fields[s->n_fields] = (struct cv_field){
        .name = builder_strdup(b, name), .schema = cv_schema_ref(schema), .index = s->n_fields
    };
    s->n_fields++;
}

void
cv_schema_set_items(struct cv_schema_builder *b, const struct cv_schema *items)
{
    if (!usable(b))
        return;
    cv_schema_unref(b->made->pub.items);
    b->made->pub.items = cv_schema_ref(items);
}

void
cv_schema_set_keys(struct cv_schema_builder *b, const struct cv_schema *keys)
{
    if (!usable(b))
        return;
    cv_schema_unref(b->made->pub.keys);
    b->made->pub.keys = cv_schema_ref(keys);
}

struct cv_schema_builder *
cv_schema_derive_basics(const struct cv_schema *from, enum cv_type type)
{
    struct cv_schema_builder *b = cv_schema_new(type);

    if (from->name != NULL)
        cv_schema_set_name(b, from->name);
    if (from->has_version)
        cv_schema_set_version(b, from->version);
    if (from->doc != NULL)
        cv_schema_set_doc(b, from->doc);
    for (size_t i = 0; i < from->n_params; i++)
        cv_schema_add_param(b, from->params[i].name, from->params[i].value);
    return b;
}

struct cv_schema_builder *
cv_schema_derive(const struct cv_schema *from)
{
    struct cv_schema_builder *b = cv_schema_derive_basics(from, from->type);

    if (from->optional)
        cv_schema_set_optional(b);
    for (size_t i = 0; i < from->n_fields; i++)
        cv_schema_add_field(b, from->fields[i].name, from->fields[i].schema);
    if (from->items != NULL)
        cv_schema_set_items(b, from->items);
    if (from->keys != NULL)
        cv_schema_set_keys(b, from->keys);
    if (from->def != NULL)
        cv_schema_set_default(b, from->def);
    return b;
}

/* Point a default and what is in it at the schemas that own it. False if its shape is not the schema's. */
static bool
bind(struct cv_value *val, const struct cv_schema *schema)
{
    val->schema = schema;
    if (val->is_null) {
        val->type = schema->type;
        return true;
    }
    if (val->type != schema->type)
        return false;
    switch (val->type) {
    case CV_STRUCT:
        if (val->list.count != schema->n_fields)
            return false;
        for (size_t i = 0; i < val->list.count; i++)
            if (!bind(&val->list.items[i], schema->fields[i].schema))
                return false;
        return true;
    case CV_ARRAY:
        for (size_t i = 0; i < val->list.count; i++)
            if (!bind(&val->list.items[i], schema->items))
                return false;
        return true;
    case CV_MAP:
        for (size_t i = 0; i < val->map.count; i++)
            if (!bind(&val->map.entries[i].key, schema->keys) ||
                !bind(&val->map.entries[i].value, schema->items))
                return false;
        return true;
    default:
        return true;
    }
}

static void
builder_check(struct cv_schema_builder *b)
{
    struct cv_schema *s = &b->made->pub;

    if (s->type == CV_ARRAY && s->items == NULL)
        builder_problem(b, "%s schema has no element schema", "array");
    else if (s->type == CV_MAP && (s->items == NULL || s->keys == NULL))
        builder_problem(b, "%s schema has no key or no value schema", "map");
    else if (s->type != CV_STRUCT && s->n_fields > 0)
        builder_problem(b, "a schema of type %s cannot have fields", cv_type_name(s->type));
    else if (s->def != NULL && !bind((struct cv_value *)s->def, s))
        builder_problem(b, "invalid default value of a schema of type %s: its contents do not fit",
                        cv_type_name(s->type));
}

enum cv_rc
cv_schema_finish(struct cv_schema_builder *b, struct cv_schema **ret, struct cv_err *err)
{
    enum cv_rc rc = CV_OK;

    if (b == NULL)
        return cv_fail_memory(err);
    if (!b->no_memory && b->problem[0] == '\0')
        builder_check(b);
    if (b->no_memory)
        rc = cv_fail_memory(err);
    else if (b->problem[0] != '\0')
        rc = cv_fail(err, CV_INVALID, "%s", b->problem);
    if (rc == CV_OK)
        *ret = &b->made->pub;
    else
        schema_free(b->made);
    free(b);
    return rc;
}

/* ---- read ---- */

#define PLAIN(t)                                                                                           \
    [t] = { { .pub = { .type = (t) }, .plain = true },                                                     \
            { .pub = { .type = (t), .optional = true }, .plain = true } }

static const struct counted_schema plain_schemas[][2] = {
    PLAIN(CV_INT8),    PLAIN(CV_INT16),   PLAIN(CV_INT32),   PLAIN(CV_INT64), PLAIN(CV_FLOAT32),
    PLAIN(CV_FLOAT64), PLAIN(CV_BOOLEAN), PLAIN(CV_STRING), PLAIN(CV_BYTES),
};

const struct cv_schema *
cv_schema_plain(enum cv_type type, bool optional)
{
    return &plain_schemas[type][optional].pub;
}

const struct cv_field *
cv_schema_field(const struct cv_schema *schema, const char *name)
{
    for (size_t i = 0; i < schema->n_fields; i++)
        if (strcmp(schema->fields[i].name, name) == 0)
            return &schema->fields[i];
    return NULL;
}

const char *
cv_schema_param(const struct cv_schema *schema, const char *name)
{
    for (size_t i = 0; i < schema->n_params; i++)
        if (strcmp(schema->params[i].name, name) == 0)
            return schema->params[i].value;
    return NULL;
}

static bool
text_equal(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* As Map.equals: the order of parameters does not count. */
static bool
params_equal(const struct cv_schema *a, const struct cv_schema *b)
{
    if (a->n_params != b->n_params)
        return false;
    for (size_t i = 0; i < a->n_params; i++) {
        const char *other = cv_schema_param(b, a->params[i].name);

        if (other == NULL || strcmp(a->params[i].value, other) != 0)
            return false;
    }
    return true;
}

static bool
fields_equal(const struct cv_schema *a, const struct cv_schema *b)
{
    if (a->n_fields != b->n_fields)
        return false;
    for (size_t i = 0; i < a->n_fields; i++)
        if (strcmp(a->fields[i].name, b->fields[i].name) != 0 ||
            !cv_schema_equal(a->fields[i].schema, b->fields[i].schema))
            return false;
    return true;
}

bool
cv_schema_equal(const struct cv_schema *a, const struct cv_schema *b)
{
    if (a == b)
        return true;
    if (a == NULL || b == NULL || a->type != b->type || a->optional != b->optional ||
        a->has_version != b->has_version || (a->has_version && a->version != b->version))
        return false;
    if (!text_equal(a->name, b->name) || !text_equal(a->doc, b->doc) || !params_equal(a, b))
        return false;
    if ((a->def == NULL) != (b->def == NULL) || (a->def != NULL && !cv_value_equal(a->def, b->def)))
        return false;
    return fields_equal(a, b) && cv_schema_equal(a->items, b->items) && cv_schema_equal(a->keys, b->keys);
}

const char *
cv_type_name(enum cv_type type)
{
    static const char *const names[] = {
        [CV_INT8] = "int8",       [CV_INT16] = "int16",   [CV_INT32] = "int32",
        [CV_INT64] = "int64",     [CV_FLOAT32] = "float", [CV_FLOAT64] = "double",
        [CV_BOOLEAN] = "boolean", [CV_STRING] = "string", [CV_BYTES] = "bytes",
        [CV_ARRAY] = "array",     [CV_MAP] = "map",       [CV_STRUCT] = "struct",
    };

    return (size_t)type < CV_COUNT(names) ? names[type] : "unknown";
}
