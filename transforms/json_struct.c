/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON text to a struct: see json_struct.h. Three steps: the text to nodes, the nodes to a shape (what the schema will
 * be), the values into a struct of the shape's schema. Nodes and shapes live in the record's arena; the shape's text
 * finds the schema that an earlier record had made.
 */
#include <config.h>

#include "transforms/json_struct.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json_read.h"
#include "common/number.h"
#include "data/lru.h"

#define SCHEMAS_MAX    1024
#define SHAPE_MAX      ((size_t)1 << 20)
#define FIELDS_MAX     1000 /* of one object: one with more is a map by its nature, and no struct */
#define NAME_MAX_BYTES 65536

struct json_struct {
    struct lru *schemas; /* text of a shape to schema */
    struct cv_buf text;
    bool null_as_bytes;
    enum avro_name_mode names;
};

/* One value of the text. */
struct node {
    enum cv_json_token kind;
    enum cv_type number; /* NUMBER: what it is read as */
    bool too_big;        /* NUMBER: whole, beyond INT64 */
    union {
        int64_t integer;
        double real;
        struct cv_bytes text;
        struct node *first; /* OBJECT, ARRAY */
    };
    struct node *next;
    const char *name; /* in an object */
    uint32_t count;
};

/* What a schema will be: of a type, optional or not, with fields or items. */
struct shape {
    enum cv_type type;
    bool required;
    const char *struct_name; /* NULL: none */
    struct shape *first;     /* STRUCT: fields, ARRAY: items */
    struct shape *next;
    const char *name; /* in a struct */
};

/* What one text needs on its way. */
struct reading {
    struct json_struct *json;
    struct cv_arena *arena;
    struct cv_err *err;
};

static void
drop_schema(void *schema)
{
    cv_schema_unref(schema);
}

struct json_struct *
json_struct_new(bool null_as_bytes, enum avro_name_mode names)
{
    struct json_struct *json = calloc(1, sizeof(*json));

    if (json == NULL)
        return NULL;
    json->null_as_bytes = null_as_bytes;
    json->names = names;
    cv_buf_init(&json->text, SHAPE_MAX);
    json->schemas = lru_new(SCHEMAS_MAX, drop_schema);
    if (json->schemas == NULL) {
        json_struct_free(json);
        return NULL;
    }
    return json;
}

void
json_struct_free(struct json_struct *json)
{
    if (json == NULL)
        return;
    lru_free(json->schemas);
    cv_buf_free(&json->text);
    free(json);
}

/* ---- text to nodes ---- */

static enum cv_rc read_node(struct reading *rd, struct cv_json_reader *r, enum cv_json_token tok, struct node **ret);

static enum cv_rc
read_text(struct reading *rd, const struct cv_json_reader *r, struct cv_bytes *ret)
{
    struct cv_buf decoded = CV_BUF_INIT(r->text_len * 3 + 1);
    enum cv_rc rc = CV_OK;

    ret->len = r->text_len;
    if (!r->escaped) {
        ret->data = cv_arena_dup(rd->arena, r->text, r->text_len);
        return ret->data != NULL ? CV_OK : cv_fail_memory(rd->err);
    }
    cv_json_text(r, &decoded);
    rc = cv_buf_check(&decoded, rd->err);
    if (rc == CV_OK) {
        ret->len = decoded.len;
        ret->data = cv_arena_dup(rd->arena, cv_buf_cstr(&decoded), decoded.len);
        if (ret->data == NULL)
            rc = cv_fail_memory(rd->err);
    }
    cv_buf_free(&decoded);
    return rc;
}

static void
read_number(const struct cv_json_reader *r, struct node *node)
{
    if (!r->integral) {
        node->number = CV_FLOAT64;
        node->too_big = !cv_parse_double(r->text, r->text_len, &node->real); /* 1e400 is Infinity, as in Java */
    } else if (cv_json_int64(r, &node->integer)) {
        node->number = node->integer >= INT32_MIN && node->integer <= INT32_MAX ? CV_INT32 : CV_INT64;
    } else {
        node->number = CV_FLOAT64;
        node->too_big = true;
    }
}

/* The field's name, adjusted; and the node of that name, if the object has one. */
static enum cv_rc
read_name(struct reading *rd, const struct cv_json_reader *r, const char **ret)
{
    struct cv_buf name = CV_BUF_INIT(NAME_MAX_BYTES);
    struct cv_bytes raw;
    enum cv_rc rc;

    if (read_text(rd, r, &raw) != CV_OK)
        return rd->err->rc;
    if (raw.len == 0 || memchr(raw.data, '\0', raw.len) != NULL)
        return cv_fail(rd->err, CV_INVALID, "a key is empty or holds a zero byte, which no field's name may");
    if (rd->json->names == AVRO_NAME_NONE) {
        *ret = raw.data;
        return CV_OK;
    }
    avro_name(&name, raw.data, rd->json->names, true);
    rc = cv_buf_check(&name, rd->err);
    if (rc == CV_OK && (*ret = cv_arena_strdup(rd->arena, cv_buf_cstr(&name))) == NULL)
        rc = cv_fail_memory(rd->err);
    cv_buf_free(&name);
    return rc;
}

static enum cv_rc
read_object(struct reading *rd, struct cv_json_reader *r, struct node *object)
{
    struct node **end = &object->first, *value = NULL, *same;
    enum cv_json_token tok;
    const char *name = NULL;

    while ((tok = cv_json_next(r)) == CV_JSON_KEY) {
        if (read_name(rd, r, &name) != CV_OK || read_node(rd, r, cv_json_next(r), &value) != CV_OK)
            return rd->err->rc;
        value->name = name;
        for (same = object->first; same != NULL && strcmp(same->name, name) != 0;)
            same = same->next;
        if (same != NULL) { /* the last one counts, in the place of the first */
            value->next = same->next;
            if (end == &same->next)
                end = &value->next;
            for (struct node **at = &object->first;; at = &(*at)->next)
                if (*at == same) {
                    *at = value;
                    break;
                }
            continue;
        }
        if (++object->count > FIELDS_MAX)
            return cv_fail(rd->err, CV_INVALID, "an object has more than %d keys", FIELDS_MAX);
        *end = value;
        end = &value->next;
    }
    return tok == CV_JSON_OBJECT_END ? CV_OK : cv_json_fail(r, rd->err);
}

static enum cv_rc
read_array(struct reading *rd, struct cv_json_reader *r, struct node *array)
{
    struct node **end = &array->first;
    enum cv_json_token tok;

    while ((tok = cv_json_next(r)) != CV_JSON_ARRAY_END) {
        if (read_node(rd, r, tok, end) != CV_OK)
            return rd->err->rc;
        end = &(*end)->next;
        array->count++;
    }
    return CV_OK;
}

/* The value that the token begins. The reader bounds the depth. */
static enum cv_rc
read_node(struct reading *rd, struct cv_json_reader *r, enum cv_json_token tok, struct node **ret)
{
    struct node *node = cv_arena_zalloc(rd->arena, sizeof(*node));

    if (node == NULL)
        return cv_fail_memory(rd->err);
    *ret = node;
    node->kind = tok;
    switch (tok) {
    case CV_JSON_OBJECT:
        return read_object(rd, r, node);
    case CV_JSON_ARRAY:
        return read_array(rd, r, node);
    case CV_JSON_STRING:
        return read_text(rd, r, &node->text);
    case CV_JSON_NUMBER:
        read_number(r, node);
        return CV_OK;
    case CV_JSON_TRUE:
    case CV_JSON_FALSE:
    case CV_JSON_NULL:
        return CV_OK;
    default:
        return cv_json_fail(r, rd->err);
    }
}

/* ---- nodes to a shape ---- */

static enum cv_rc infer(struct reading *rd, const struct node *node, const char *way, struct shape **ret);

static struct shape *
shape_new(struct reading *rd, enum cv_type type)
{
    struct shape *shape = cv_arena_zalloc(rd->arena, sizeof(*shape));

    if (shape == NULL)
        cv_fail_memory(rd->err);
    else
        shape->type = type;
    return shape;
}

static struct shape *
find_field(const struct shape *strct, const char *name)
{
    for (struct shape *f = strct->first; f != NULL; f = f->next)
        if (strcmp(f->name, name) == 0)
            return f;
    return NULL;
}

/* "way.name", or the name where there is no way. */
static char *
way_to(struct reading *rd, const char *way, const char *name)
{
    size_t len = way != NULL ? strlen(way) : 0, name_len = strlen(name);
    char *to = cv_arena_alloc(rd->arena, len + name_len + 2), *at = to;

    if (to == NULL) {
        cv_fail_memory(rd->err);
        return NULL;
    }
    if (len > 0) {
        memcpy(to, way, len);
        at = to + len;
        *at++ = '.';
    }
    memcpy(at, name, name_len + 1);
    return to;
}

static enum cv_rc
infer_struct(struct reading *rd, const struct node *object, const char *way, struct shape **ret)
{
    struct shape *shape = shape_new(rd, CV_STRUCT), **end;

    if (shape == NULL)
        return rd->err->rc;
    shape->struct_name = way;
    end = &shape->first;
    for (const struct node *n = object->first; n != NULL; n = n->next) {
        char *below = way_to(rd, way, n->name);
        struct shape *field = NULL;

        if (below == NULL || infer(rd, n, below, &field) != CV_OK)
            return rd->err->rc;
        if (field == NULL)
            continue;
        field->name = n->name;
        *end = field;
        end = &field->next;
    }
    *ret = shape;
    return CV_OK;
}

static bool
same_shape(const struct shape *a, const struct shape *b)
{
    const struct shape *x = a->first, *y = b->first;

    if (a->type != b->type || a->required != b->required || (a->name == NULL) != (b->name == NULL) ||
        (a->name != NULL && strcmp(a->name, b->name) != 0))
        return false;
    for (; x != NULL && y != NULL; x = x->next, y = y->next)
        if (!same_shape(x, y))
            return false;
    return x == NULL && y == NULL;
}

/* Take the fields of more into the struct. A null's bytes give way to anything, structs and arrays of structs are
   merged again, and of two other types the first stays: then the value of the second will not fit. */
static void
merge(struct shape *strct, struct shape *more)
{
    struct shape **end = &strct->first;

    while (*end != NULL)
        end = &(*end)->next;
    for (struct shape *f = more->first, *next; f != NULL; f = next) {
        struct shape *own = find_field(strct, f->name);

        next = f->next;
        f->next = NULL;
        if (own == NULL) {
            *end = f;
            end = &f->next;
        } else if (own->type == CV_BYTES && f->type != CV_BYTES) {
            f->next = own->next;
            *own = *f;
        } else if (own->type == CV_STRUCT && f->type == CV_STRUCT) {
            merge(own, f);
        } else if (own->type == CV_ARRAY && f->type == CV_ARRAY && own->first->type == CV_STRUCT &&
                   f->first->type == CV_STRUCT) {
            own->first->required = own->first->required || !same_shape(own->first, f->first);
            merge(own->first, f->first);
        }
    }
}

/* One struct for all objects of the array. Where they differ it is not optional, unless there are nulls as well. */
static enum cv_rc
infer_objects(struct reading *rd, const struct node *array, const char *way, struct shape **ret)
{
    struct shape *all = NULL, *one = NULL;
    bool nulls = false;

    for (const struct node *n = array->first; n != NULL; n = n->next) {
        nulls = nulls || n->kind == CV_JSON_NULL;
        if (n->kind != CV_JSON_OBJECT)
            continue;
        if (infer_struct(rd, n, way, &one) != CV_OK)
            return rd->err->rc;
        if (all == NULL) {
            all = one;
            continue;
        }
        if (all->required || !same_shape(all, one)) {
            all->required = true;
            merge(all, one);
        }
    }
    all->required = all->required && !nulls;
    *ret = all;
    return CV_OK;
}

static bool
is_boolean(enum cv_json_token kind)
{
    return kind == CV_JSON_TRUE || kind == CV_JSON_FALSE;
}

/* The first item that is no null, NULL if all are; CV_INVALID if others are of another kind. */
static enum cv_rc
find_sample(struct reading *rd, const struct node *array, const struct node **ret)
{
    *ret = NULL;
    for (const struct node *n = array->first; n != NULL; n = n->next) {
        if (n->kind == CV_JSON_NULL)
            continue;
        if (*ret == NULL)
            *ret = n;
        if (n->kind != (*ret)->kind && !(is_boolean(n->kind) && is_boolean((*ret)->kind)))
            return cv_fail(rd->err, CV_INVALID, "Field is not a homogenous array");
        if (n->kind == CV_JSON_NUMBER && n->number != (*ret)->number)
            return cv_fail(rd->err, CV_INVALID, "Field is not a homogenous array: different number types");
    }
    return CV_OK;
}

static enum cv_rc
infer_array(struct reading *rd, const struct node *array, const char *way, struct shape **ret)
{
    static const struct node null = { .kind = CV_JSON_NULL };
    struct shape *shape, *items = NULL;
    const struct node *sample = NULL;

    if (array->first == NULL)
        return CV_OK;
    shape = shape_new(rd, CV_ARRAY);
    if (shape == NULL || find_sample(rd, array, &sample) != CV_OK)
        return rd->err->rc;
    if (sample != NULL && sample->kind == CV_JSON_OBJECT) {
        if (infer_objects(rd, array, way, &items) != CV_OK)
            return rd->err->rc;
    } else if (infer(rd, sample != NULL ? sample : &null, NULL, &items) != CV_OK) {
        return rd->err->rc;
    }
    if (items == NULL)
        return cv_fail(rd->err, CV_INVALID, "Array has unrecognized member schema: its items are empty or null");
    shape->first = items;
    *ret = shape;
    return CV_OK;
}

/* *ret NULL: it has no schema. */
static enum cv_rc
infer(struct reading *rd, const struct node *node, const char *way, struct shape **ret)
{
    *ret = NULL;
    switch (node->kind) {
    case CV_JSON_OBJECT:
        return infer_struct(rd, node, way, ret);
    case CV_JSON_ARRAY:
        return infer_array(rd, node, way, ret);
    case CV_JSON_STRING:
        *ret = shape_new(rd, CV_STRING);
        break;
    case CV_JSON_NUMBER:
        *ret = shape_new(rd, node->number);
        break;
    case CV_JSON_NULL:
        if (!rd->json->null_as_bytes)
            return CV_OK;
        *ret = shape_new(rd, CV_BYTES);
        break;
    default:
        *ret = shape_new(rd, CV_BOOLEAN);
        break;
    }
    return *ret != NULL ? CV_OK : rd->err->rc;
}

/* ---- a shape to its schema ---- */

/* A text that only equal shapes have: names end with a zero byte, which none of them holds. */
static void
shape_text(struct cv_buf *out, const struct shape *shape)
{
    cv_buf_char(out, (char)('a' + (int)shape->type));
    cv_buf_char(out, shape->required ? '!' : '?');
    if (shape->name != NULL)
        cv_buf_add(out, shape->name, strlen(shape->name) + 1);
    if (shape->type != CV_STRUCT && shape->type != CV_ARRAY)
        return;
    cv_buf_char(out, '(');
    if (shape->struct_name != NULL)
        cv_buf_add(out, shape->struct_name, strlen(shape->struct_name) + 1);
    for (const struct shape *s = shape->first; s != NULL; s = s->next)
        shape_text(out, s);
    cv_buf_char(out, ')');
}

static enum cv_rc
shape_schema(const struct shape *shape, struct cv_schema **ret, struct cv_err *err)
{
    struct cv_schema_builder *b;
    enum cv_rc rc = CV_OK;

    if (shape->type != CV_STRUCT && shape->type != CV_ARRAY) {
        *ret = cv_schema_ref(cv_schema_plain(shape->type, true));
        return CV_OK;
    }
    b = cv_schema_new(shape->type);
    if (shape->struct_name != NULL)
        cv_schema_set_name(b, shape->struct_name);
    if (!shape->required)
        cv_schema_set_optional(b);
    for (const struct shape *s = shape->first; rc == CV_OK && s != NULL; s = s->next) {
        struct cv_schema *inner = NULL;

        rc = shape_schema(s, &inner, err);
        if (rc == CV_OK && shape->type == CV_STRUCT)
            cv_schema_add_field(b, s->name, inner);
        else if (rc == CV_OK)
            cv_schema_set_items(b, inner);
        cv_schema_unref(inner);
    }
    if (rc == CV_OK)
        return cv_schema_finish(b, ret, err);
    if (b != NULL) {
        struct cv_err ignored = CV_ERR_INIT;
        struct cv_schema *half = NULL;

        if (cv_schema_finish(b, &half, &ignored) == CV_OK)
            cv_schema_unref(half);
    }
    return rc;
}

static enum cv_rc
find_schema(struct reading *rd, const struct shape *shape, const struct cv_schema **ret)
{
    struct json_struct *json = rd->json;
    struct cv_schema *schema;

    cv_buf_reset(&json->text);
    shape_text(&json->text, shape);
    if (cv_buf_check(&json->text, rd->err) != CV_OK)
        return rd->err->rc;
    schema = lru_get(json->schemas, cv_buf_cstr(&json->text), json->text.len);
    if (schema == NULL) {
        if (shape_schema(shape, &schema, rd->err) != CV_OK)
            return rd->err->rc;
        if (!lru_put(json->schemas, cv_buf_cstr(&json->text), json->text.len, schema))
            return cv_fail_memory(rd->err);
    }
    *ret = schema;
    return cv_schema_hold(rd->arena, schema, rd->err);
}

/* ---- nodes to values ---- */

static enum cv_rc fill(struct reading *rd, const struct node *node, const struct cv_schema *schema,
                       struct cv_value *ret);

static enum cv_rc
fill_struct(struct reading *rd, const struct node *object, const struct cv_schema *schema, struct cv_value *ret)
{
    struct cv_value *made = cv_struct_new(rd->arena, schema);

    if (made == NULL)
        return cv_fail_memory(rd->err);
    for (const struct node *n = object->first; n != NULL; n = n->next) {
        const struct cv_field *field = cv_schema_field(schema, n->name);

        if (field != NULL && fill(rd, n, field->schema, cv_struct_at(made, field->index)) != CV_OK)
            return rd->err->rc;
    }
    *ret = *made;
    return CV_OK;
}

static enum cv_rc
fill_array(struct reading *rd, const struct node *array, const struct cv_schema *schema, struct cv_value *ret)
{
    struct cv_value *made = cv_array_new(rd->arena, array->count), item;

    if (made == NULL)
        return cv_fail_memory(rd->err);
    for (const struct node *n = array->first; n != NULL; n = n->next) {
        if (fill(rd, n, schema->items, &item) != CV_OK || cv_array_add(rd->arena, made, item, rd->err) != CV_OK)
            return rd->err->rc;
    }
    *ret = *made;
    ret->schema = schema;
    return CV_OK;
}

static enum cv_type
type_of(const struct node *node)
{
    switch (node->kind) {
    case CV_JSON_OBJECT:
        return CV_STRUCT;
    case CV_JSON_ARRAY:
        return CV_ARRAY;
    case CV_JSON_STRING:
        return CV_STRING;
    case CV_JSON_NUMBER:
        return node->number;
    default:
        return CV_BOOLEAN;
    }
}

static enum cv_rc
fill(struct reading *rd, const struct node *node, const struct cv_schema *schema, struct cv_value *ret)
{
    if (node->kind == CV_JSON_NULL) {
        *ret = cv_null(schema);
        return CV_OK;
    }
    if (type_of(node) != schema->type)
        return cv_fail(rd->err, CV_INVALID, "a value is a %s where an earlier one of the same array is a %s",
                       cv_type_name(type_of(node)), cv_type_name(schema->type));
    if (node->kind == CV_JSON_NUMBER && node->too_big)
        return cv_fail(rd->err, CV_INVALID, "a number is beyond what 64 bits hold");
    switch (schema->type) {
    case CV_STRUCT:
        return fill_struct(rd, node, schema, ret);
    case CV_ARRAY:
        return fill_array(rd, node, schema, ret);
    case CV_STRING:
        *ret = cv_string(node->text.data, node->text.len);
        break;
    case CV_FLOAT64:
        *ret = cv_float64(node->real);
        break;
    case CV_BOOLEAN:
        *ret = cv_boolean(node->kind == CV_JSON_TRUE);
        break;
    default:
        *ret = cv_int(schema->type, node->integer);
        break;
    }
    ret->schema = schema;
    return CV_OK;
}

enum cv_rc
json_struct_read(struct json_struct *json, const char *name, const struct cv_bytes *text, struct cv_arena *arena,
                 struct cv_value *ret, struct cv_err *err)
{
    struct reading rd = { .json = json, .arena = arena, .err = err };
    const struct cv_schema *schema = NULL;
    struct shape *shape = NULL;
    struct node *node = NULL;
    struct cv_json_reader r;

    if (text->len == 0 || text->data[0] != '{')
        return cv_fail(err, CV_INVALID, "the text does not begin with {");
    cv_json_reader_init(&r, text->data, text->len);
    if (read_node(&rd, &r, cv_json_next(&r), &node) != CV_OK || infer(&rd, node, name, &shape) != CV_OK ||
        find_schema(&rd, shape, &schema) != CV_OK)
        return err->rc;
    return fill(&rd, node, schema, ret);
}
