/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the single message transforms have in common: most come as X$Key and X$Value, work on a struct (with schema)
 * or a map (without), and derive a new schema from the record's, which they keep for the records that follow.
 */
#ifndef TRANSFORMS_SMT_H
#define TRANSFORMS_SMT_H

#include <culvert/plugin.h>

struct lru;

/* First member of each transform's struct. */
struct smt {
    struct cv_transform base;
    bool on_key;         /* the class is X$Key */
    struct lru *schemas; /* address of a schema, and what else counts, to struct smt_derived */
    size_t options_at;   /* offset of the options in the transform's struct */
};

/* A transform's struct of that size, zeroed, with its options parsed. Free with smt_free. */
CV_MUST_CHECK enum cv_rc smt_new(const struct cv_plugin *plugin, const struct cv_config *cfg, size_t size,
                                 size_t options_at, struct cv_transform **ret, struct cv_err *err);
void smt_free(struct cv_transform *xf);

/* The record's key or value. */
struct cv_value *smt_operand(const struct smt *smt, struct cv_record *rec);

/* CV_INVALID unless the value is a map without schema, or a struct; purpose as in "field insertion". */
CV_MUST_CHECK enum cv_rc smt_require_map(const struct cv_value *val, const char *purpose, struct cv_err *err);
CV_MUST_CHECK enum cv_rc smt_require_struct(const struct cv_value *val, const char *purpose,
                                            struct cv_err *err);

/* Struct.get, or Struct.getWithoutDefault: the field's value, or its default where it is null. */
const struct cv_value *smt_field(const struct cv_value *strct, size_t index, bool replace_null);
/* The same for any value and its schema. */
const struct cv_value *smt_or_default(const struct cv_value *val, const struct cv_schema *schema,
                                      bool replace_null);

/* A map with the same entries, which may be changed. NULL and *err when memory is out. */
struct cv_value *smt_map_copy(const struct cv_value *map, struct cv_arena *arena, struct cv_err *err);
/* Put the changed copy in the place of the map that it was made of, in the order that Java's copy would have. */
CV_MUST_CHECK enum cv_rc smt_map_done(struct cv_value *map, const struct cv_value *copy, struct cv_err *err);

/*
 * The schema that build makes of the given one, from the cache or new. It lives at least as long as the arena. build
 * returns a schema with one reference.
 */
typedef enum cv_rc smt_build(struct smt *smt, const struct cv_schema *from, struct cv_schema **ret,
                             struct cv_err *err);
CV_MUST_CHECK enum cv_rc smt_schema(struct smt *smt, const struct cv_schema *from, smt_build *build,
                                    struct cv_arena *arena, const struct cv_schema **ret, struct cv_err *err);

/* The same where the schema depends on more than the one it is made of: detail, len bytes that say all of it. */
typedef enum cv_rc smt_build_for(struct smt *smt, const struct cv_schema *from, const void *detail,
                                 struct cv_schema **ret, struct cv_err *err);
CV_MUST_CHECK enum cv_rc smt_schema_for(struct smt *smt, const struct cv_schema *from, const void *detail,
                                        size_t len, smt_build_for *build, struct cv_arena *arena,
                                        const struct cv_schema **ret, struct cv_err *err);

/* Drop a builder of which nothing came. */
void smt_abandon(struct cv_schema_builder *b);

bool smt_list_has(const struct cv_list *list, const char *item);

/* A row that many transforms have. */
#define SMT_REPLACE_NULL_ROW(options_type, member)                                                         \
    { .name = "replace.null.with.default", .type = CV_CONFIG_BOOLEAN, .def = "true",                       \
      .importance = CV_MEDIUM,                                                                             \
      .doc = "Take the default value of a field where the field is null. If false, null stays null.",      \
      .offset = offsetof(options_type, member) }

/* SMT_EMPTY_LIST for a list without entries. */
#define SMT_EMPTY_LIST "Empty list"
cv_config_check smt_valid_non_empty_list;

/* Definitions of the plugins X$Key and X$Value, and of one without variants. */
#define SMT_PLUGIN(class_name, rows, ops)                                                                  \
    { .api = CV_PLUGIN_API, .kind = CV_TRANSFORM, .name = "org.apache.kafka.connect.transforms." class_name, \
      .version = PACKAGE_VERSION, .config = (rows), .transform = (ops) }

#endif
