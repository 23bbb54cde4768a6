/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Typed values: made, copied and compared. Values are plain structs in an arena; nothing here is counted or
 * locked, the thread that owns the arena owns the values.
 *
 * Equality is that of Java's boxed types (a NaN equals itself, 0.0 and -0.0 differ), because it decides whether
 * two source partitions are the same one.
 */
#include <config.h>

#include <culvert/value.h>

#include <string.h>

#include "common/arena.h"
#include "data/pack.h"

#define LIST_MIN 4

struct cv_value
cv_null(const struct cv_schema *schema)
{
    return (struct cv_value){
        .schema = schema, .type = schema != NULL ? schema->type : CV_STRING, .is_null = true
    };
}

struct cv_value
cv_boolean(bool v)
{
    return (struct cv_value){ .type = CV_BOOLEAN, .boolean = v };
}

struct cv_value
cv_int(enum cv_type type, int64_t v)
{
    return (struct cv_value){ .type = type, .integer = v };
}

struct cv_value
cv_float32(float v)
{
    return (struct cv_value){ .type = CV_FLOAT32, .float32 = v };
}

struct cv_value
cv_float64(double v)
{
    return (struct cv_value){ .type = CV_FLOAT64, .float64 = v };
}

struct cv_value
cv_string(const char *utf8, size_t len)
{
    return (struct cv_value){ .type = CV_STRING, .bytes = { .data = utf8, .len = len } };
}

struct cv_value
cv_cstring(const char *utf8)
{
    return cv_string(utf8, strlen(utf8));
}

struct cv_value
cv_binary(const void *data, size_t len)
{
    return (struct cv_value){ .type = CV_BYTES, .bytes = { .data = data, .len = len } };
}

struct cv_value *
cv_struct_new(struct cv_arena *arena, const struct cv_schema *schema)
{
    struct cv_value *val = cv_arena_alloc(arena, (schema->n_fields + 1) * sizeof(*val));

    if (val == NULL)
        return NULL;
    *val = (struct cv_value){ .schema = schema, .type = CV_STRUCT };
    val->list.items = val + 1;
    val->list.count = (uint32_t)schema->n_fields;
    for (size_t i = 0; i < schema->n_fields; i++)
        val->list.items[i] = cv_null(schema->fields[i].schema);
    return val;
}

struct cv_value *
cv_struct_at(const struct cv_value *val, size_t index)
{
    return &val->list.items[index];
}

void
cv_struct_set(struct cv_value *object, size_t index, struct cv_value val)
{
    struct cv_value *at = cv_struct_at(object, index);

    val.schema = at->schema;
    *at = val;
}

struct cv_value *
cv_struct_get(const struct cv_value *val, const char *field)
{
    const struct cv_field *found = cv_schema_field(val->schema, field);

    return found != NULL ? &val->list.items[found->index] : NULL;
}

/* Room for one more element behind count of them; *items stays when it has the room. */
static bool
grow(struct cv_arena *arena, void **items, uint32_t count, uint32_t *cap, size_t size)
{
    uint32_t more;
    void *grown;

    if (count < *cap)
        return true;
    if (count > UINT32_MAX / 2)
        return false;
    more = count < LIST_MIN ? LIST_MIN : count * 2;
    grown = cv_arena_alloc(arena, more * size);
    if (grown == NULL)
        return false;
    if (count > 0)
        memcpy(grown, *items, count * size);
    *items = grown;
    *cap = more;
    return true;
}

struct cv_value *
cv_map_new(struct cv_arena *arena, size_t max)
{
    struct cv_value *val = cv_arena_alloc(arena, sizeof(*val));

    if (val == NULL || max > UINT32_MAX)
        return NULL;
    *val = (struct cv_value){ .type = CV_MAP };
    if (max > 0) {
        val->map.entries = cv_arena_alloc(arena, max * sizeof(*val->map.entries));
        if (val->map.entries == NULL)
            return NULL;
        val->map.cap = (uint32_t)max;
    }
    return val;
}

static bool
is_text(const struct cv_value *val, const char *text, size_t len)
{
    return val->type == CV_STRING && !val->is_null && val->bytes.len == len &&
        memcmp(val->bytes.data, text, len) == 0;
}

struct cv_value *
cv_map_get(const struct cv_value *map, const char *key)
{
    size_t len = strlen(key);

    for (size_t i = 0; i < map->map.count; i++)
        if (is_text(&map->map.entries[i].key, key, len))
            return &map->map.entries[i].value;
    return NULL;
}

enum cv_rc
cv_map_put(struct cv_arena *arena, struct cv_value *map, const char *key, struct cv_value val,
           struct cv_err *err)
{
    struct cv_value *old = cv_map_get(map, key);
    void *entries = map->map.entries;
    char *copy;

    if (old != NULL) {
        *old = val;
        return CV_OK;
    }
    copy = cv_arena_strdup(arena, key);
    if (copy == NULL ||
        !grow(arena, &entries, map->map.count, &map->map.cap, sizeof(struct cv_map_entry)))
        return cv_fail_memory(err);
    map->map.entries = entries;
    map->map.entries[map->map.count++] =
        (struct cv_map_entry){ .key = cv_cstring(copy), .value = val };
    return CV_OK;
}

struct cv_value *
cv_array_new(struct cv_arena *arena, size_t max)
{
    struct cv_value *val = cv_arena_alloc(arena, sizeof(*val));

    if (val == NULL || max > UINT32_MAX)
        return NULL;
    *val = (struct cv_value){ .type = CV_ARRAY };
    if (max > 0) {
        val->list.items = cv_arena_alloc(arena, max * sizeof(*val->list.items));
        if (val->list.items == NULL)
            return NULL;
        val->list.cap = (uint32_t)max;
    }
    return val;
}

enum cv_rc
cv_array_add(struct cv_arena *arena, struct cv_value *array, struct cv_value val, struct cv_err *err)
{
    void *items = array->list.items;

    if (!grow(arena, &items, array->list.count, &array->list.cap, sizeof(struct cv_value)))
        return cv_fail_memory(err);
    array->list.items = items;
    array->list.items[array->list.count++] = val;
    return CV_OK;
}

/* ---- schemas of values ---- */

static void
drop_schema(void *schema)
{
    cv_schema_unref(schema);
}

enum cv_rc
cv_schema_hold(struct cv_arena *arena, const struct cv_schema *schema, struct cv_err *err)
{
    struct cv_schema *held = cv_schema_ref(schema);

    if (cv_arena_defer(arena, drop_schema, held))
        return CV_OK;
    cv_schema_unref(held);
    return cv_fail_memory(err);
}

/* ---- copies ---- */

static void
measure(const struct cv_value *val, struct value_pack *size)
{
    if (val->is_null)
        return;
    switch (val->type) {
    case CV_STRING:
    case CV_BYTES:
        size->bytes += val->bytes.len + 1;
        break;
    case CV_ARRAY:
    case CV_STRUCT:
        size->nodes += val->list.count * sizeof(struct cv_value);
        for (size_t i = 0; i < val->list.count; i++)
            measure(&val->list.items[i], size);
        break;
    case CV_MAP:
        size->nodes += val->map.count * sizeof(struct cv_map_entry);
        for (size_t i = 0; i < val->map.count; i++) {
            measure(&val->map.entries[i].key, size);
            measure(&val->map.entries[i].value, size);
        }
        break;
    default:
        break;
    }
}

struct value_pack
value_pack_measure(const struct cv_value *val)
{
    struct value_pack size = { .nodes = sizeof(struct cv_value) };

    measure(val, &size);
    return size;
}

/* Where the next nodes and bytes of a block go. */
struct cursor {
    char *nodes;
    char *bytes;
};

static void
pack_into(struct cv_value *at, const struct cv_value *val, struct cursor *to)
{
    *at = *val;
    if (val->is_null)
        return;
    switch (val->type) {
    case CV_STRING:
    case CV_BYTES:
        at->bytes.data = to->bytes;
        if (val->bytes.len > 0)
            memcpy(to->bytes, val->bytes.data, val->bytes.len);
        to->bytes[val->bytes.len] = '\0';
        to->bytes += val->bytes.len + 1;
        break;
    case CV_ARRAY:
    case CV_STRUCT:
        at->list.items = (struct cv_value *)(void *)to->nodes;
        at->list.cap = val->list.count;
        to->nodes += val->list.count * sizeof(struct cv_value);
        for (size_t i = 0; i < val->list.count; i++)
            pack_into(&at->list.items[i], &val->list.items[i], to);
        break;
    case CV_MAP:
        at->map.entries = (struct cv_map_entry *)(void *)to->nodes;
        at->map.cap = val->map.count;
        to->nodes += val->map.count * sizeof(struct cv_map_entry);
        for (size_t i = 0; i < val->map.count; i++) {
            pack_into(&at->map.entries[i].key, &val->map.entries[i].key, to);
            pack_into(&at->map.entries[i].value, &val->map.entries[i].value, to);
        }
        break;
    default:
        break;
    }
}

struct cv_value *
value_pack(const struct cv_value *val, const struct value_pack *size, void *block)
{
    struct cv_value *copy = block;
    struct cursor to = { .nodes = (char *)block + sizeof(*copy), .bytes = (char *)block + size->nodes };

    pack_into(copy, val, &to);
    return copy;
}

struct cv_value *
cv_value_copy(struct cv_arena *arena, const struct cv_value *val)
{
    struct value_pack size = value_pack_measure(val);
    void *block = cv_arena_alloc(arena, size.nodes + size.bytes);

    return block != NULL ? value_pack(val, &size, block) : NULL;
}

/* ---- equality ---- */

/* As Float.equals and Double.equals: by bits, all NaN alike. */
static bool
float64_equal(double a, double b)
{
    if (a != a || b != b)
        return a != a && b != b;
    return memcmp(&a, &b, sizeof(a)) == 0;
}

static bool
bytes_equal(const struct cv_bytes *a, const struct cv_bytes *b)
{
    return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

static bool
list_equal(const struct cv_value *a, const struct cv_value *b)
{
    if (a->list.count != b->list.count)
        return false;
    for (size_t i = 0; i < a->list.count; i++)
        if (!cv_value_equal(&a->list.items[i], &b->list.items[i]))
            return false;
    return true;
}

static const struct cv_value *
map_find(const struct cv_value *map, const struct cv_value *key, size_t guess)
{
    if (guess < map->map.count && cv_value_equal(&map->map.entries[guess].key, key))
        return &map->map.entries[guess].value;
    for (size_t i = 0; i < map->map.count; i++)
        if (cv_value_equal(&map->map.entries[i].key, key))
            return &map->map.entries[i].value;
    return NULL;
}

static bool
map_equal(const struct cv_value *a, const struct cv_value *b)
{
    if (a->map.count != b->map.count)
        return false;
    for (size_t i = 0; i < a->map.count; i++) {
        const struct cv_value *other = map_find(b, &a->map.entries[i].key, i);

        if (other == NULL || !cv_value_equal(&a->map.entries[i].value, other))
            return false;
    }
    return true;
}

bool
cv_value_equal(const struct cv_value *a, const struct cv_value *b)
{
    if (a->is_null || b->is_null)
        return a->is_null && b->is_null;
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case CV_INT8:
    case CV_INT16:
    case CV_INT32:
    case CV_INT64:
        return a->integer == b->integer;
    case CV_FLOAT32:
        return float64_equal((double)a->float32, (double)b->float32);
    case CV_FLOAT64:
        return float64_equal(a->float64, b->float64);
    case CV_BOOLEAN:
        return a->boolean == b->boolean;
    case CV_STRING:
    case CV_BYTES:
        return bytes_equal(&a->bytes, &b->bytes);
    case CV_ARRAY:
    case CV_STRUCT:
        return list_equal(a, b);
    case CV_MAP:
        return map_equal(a, b);
    }
    return false;
}
