/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Typed values. A value and all that it points to live in one arena (normally a batch's) and die with it;
 * what must outlive the batch is copied on purpose. The schema is borrowed: its owner (a table's plan, a
 * converter's cache) keeps it alive for at least as long as the batch.
 */
#ifndef CULVERT_VALUE_H
#define CULVERT_VALUE_H

#include <culvert/schema.h>

struct cv_arena;
struct cv_map_entry;

struct cv_bytes {
    const char *data; /* not NUL-terminated; may be NULL if len is 0 */
    size_t len;
};

/*
 * A null value has is_null set and the type and schema that it would have; a null without a schema has
 * type CV_STRING. schema is NULL for schemaless data, in which struct does not occur.
 */
struct cv_value {
    const struct cv_schema *schema;
    enum cv_type type;
    bool is_null;
    union {
        bool boolean;
        int64_t integer; /* INT8 to INT64 */
        float float32;
        double float64;
        struct cv_bytes bytes; /* STRING (UTF-8) and BYTES */
        struct {
            struct cv_value *items; /* ARRAY; STRUCT: one for each field of the schema, in its order */
            uint32_t count;
            uint32_t cap; /* room at items; 0: they are borrowed, and adding copies them */
        } list;
        struct {
            struct cv_map_entry *entries; /* MAP, in order of insertion */
            uint32_t count;
            uint32_t cap;
        } map;
    };
};

struct cv_map_entry {
    struct cv_value key;
    struct cv_value value;
};

/* Scalars by value. The _of forms take type and schema from the schema. */
CV_API struct cv_value cv_null(const struct cv_schema *schema);
CV_API struct cv_value cv_boolean(bool v);
CV_API struct cv_value cv_int(enum cv_type type, int64_t v);
CV_API struct cv_value cv_float32(float v);
CV_API struct cv_value cv_float64(double v);
CV_API struct cv_value cv_string(const char *utf8, size_t len); /* borrows */
CV_API struct cv_value cv_cstring(const char *utf8);            /* borrows */
CV_API struct cv_value cv_binary(const void *data, size_t len); /* borrows */

/* A struct of that schema with every field null. NULL when memory is out. */
CV_API struct cv_value *cv_struct_new(struct cv_arena *arena, const struct cv_schema *schema);
/* The value of the field, never NULL for an index below n_fields. */
CV_API struct cv_value *cv_struct_at(const struct cv_value *val, size_t index);
/* Set that field; type and schema are those of the field. */
CV_API void cv_struct_set(struct cv_value *object, size_t index, struct cv_value val);
/* The value of that field, NULL if the schema has none. */
CV_API struct cv_value *cv_struct_get(const struct cv_value *val, const char *field);

/* A schemaless map with room for max entries, an array for max items; both start empty.
   Adding beyond max grows in the arena. */
CV_API struct cv_value *cv_map_new(struct cv_arena *arena, size_t max);
CV_API CV_MUST_CHECK enum cv_rc cv_map_put(struct cv_arena *arena, struct cv_value *map, const char *key,
                                           struct cv_value val, struct cv_err *err);
CV_API struct cv_value *cv_map_get(const struct cv_value *map, const char *key); /* NULL: none */
CV_API struct cv_value *cv_array_new(struct cv_arena *arena, size_t max);
CV_API CV_MUST_CHECK enum cv_rc cv_array_add(struct cv_arena *arena, struct cv_value *array,
                                             struct cv_value val, struct cv_err *err);

/* Keep the schema alive for as long as the arena: for values whose schema's owner may drop it earlier. */
CV_API CV_MUST_CHECK enum cv_rc cv_schema_hold(struct cv_arena *arena, const struct cv_schema *schema,
                                               struct cv_err *err);

/* Deep copy into the arena. NULL when memory is out. */
CV_API struct cv_value *cv_value_copy(struct cv_arena *arena, const struct cv_value *val);
/* Deep equality of contents and type; maps compare without regard to order, as java.util.Map does. */
CV_API bool cv_value_equal(const struct cv_value *a, const struct cv_value *b);

/* Memory of a batch, freed with it; NULL when memory is out. */
CV_API void *cv_arena_zalloc(struct cv_arena *arena, size_t len);
CV_API void *cv_arena_dup(struct cv_arena *arena, const void *data, size_t len);

#endif
