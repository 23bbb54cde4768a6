/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What EncryptField and DecryptField have in common: the way to the fields. Names are those of columns where the value
 * is a change event (both of its rows are meant), else of fields of the struct or map; a.b is field b of a in it.
 */
#ifndef TRANSFORMS_PROTECT_FIELD_H
#define TRANSFORMS_PROTECT_FIELD_H

#include "common/field_cipher.h"
#include "data/encrypted_value.h"
#include "transforms/smt.h"

struct protect;

struct protect_ops {
    /* What the schema of a field becomes. */
    enum cv_rc (*schema)(const struct protect *protect, const struct cv_schema *from, struct cv_schema **ret,
                         struct cv_err *err);
    /* Change a value, not null; schema is what schema() made, NULL without. */
    enum cv_rc (*value)(struct protect *protect, const struct cv_schema *schema, struct cv_arena *arena,
                        struct cv_value *val, struct cv_err *err);
};

/* First member of the transform's struct. */
struct protect {
    struct smt smt;
    const struct protect_ops *ops;
    const struct cv_list *fields;
    bool missing_is_error;
};

enum { PROTECT_MISSING_FAIL, PROTECT_MISSING_IGNORE };
extern const char *const protect_missing_names[];

#define PROTECT_ROWS(options_type, fields_doc)                                                             \
    { .name = "fields", .type = CV_CONFIG_LIST, .required = true, .check = smt_valid_non_empty_list,       \
      .importance = CV_HIGH, .doc = fields_doc " Columns of a change event, else fields; a.b is b in a.",  \
      .offset = offsetof(options_type, fields) },                                                          \
    { .name = "missing.fields", .type = CV_CONFIG_ENUM, .def = "fail", .names = protect_missing_names,     \
      .importance = CV_MEDIUM,                                                                             \
      .doc = "What a record without one of the fields is: a failure, or left alone as far as it goes (ignore).", \
      .offset = offsetof(options_type, missing) }

CV_MUST_CHECK enum cv_rc protect_apply(struct protect *protect, struct cv_arena *arena, struct cv_record *rec,
                                       struct cv_err *err);

#define PROTECT_PLUGIN(class_name, rows, ops)                                                              \
    { .api = CV_PLUGIN_API, .kind = CV_TRANSFORM, .name = "io.culvert.transforms." class_name,             \
      .version = PACKAGE_VERSION, .unadvertised = true, .config = (rows), .transform = (ops) }

#endif
