/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connect's schemas (org.apache.kafka.connect.data.Schema): types, fields, logical names, versions.
 *
 * A schema is immutable once built and shared by reference count; refs may be taken and dropped on any
 * thread. Logical types are carried in their base form: Decimal as BYTES (big-endian two's complement,
 * parameter "scale"), Date as INT32 days, Time as INT32 ms of day, Timestamp as INT64 ms.
 */
#ifndef CULVERT_SCHEMA_H
#define CULVERT_SCHEMA_H

#include <culvert/err.h>

/* Names as JsonConverter writes them are in cv_type_name(). */
enum cv_type {
    CV_INT8,
    CV_INT16,
    CV_INT32,
    CV_INT64,
    CV_FLOAT32,
    CV_FLOAT64,
    CV_BOOLEAN,
    CV_STRING,
    CV_BYTES,
    CV_ARRAY,
    CV_MAP,
    CV_STRUCT,
};

#define CV_DECIMAL_NAME   "org.apache.kafka.connect.data.Decimal"
#define CV_DATE_NAME      "org.apache.kafka.connect.data.Date"
#define CV_TIME_NAME      "org.apache.kafka.connect.data.Time"
#define CV_TIMESTAMP_NAME "org.apache.kafka.connect.data.Timestamp"

struct cv_value;

struct cv_param {
    const char *name;
    const char *value;
};

struct cv_schema;

struct cv_field {
    const char *name;
    const struct cv_schema *schema;
    size_t index; /* position in its struct */
};

struct cv_schema {
    enum cv_type type;
    bool optional;
    const char *name;                /* NULL: none */
    int32_t version;                 /* meaningful if has_version */
    bool has_version;
    const char *doc;                 /* NULL: none */
    const struct cv_param *params;   /* in order of definition */
    size_t n_params;
    const struct cv_value *def;      /* default value, NULL: none */
    const struct cv_field *fields;   /* STRUCT */
    size_t n_fields;
    const struct cv_schema *items;   /* ARRAY elements, MAP values */
    const struct cv_schema *keys;    /* MAP keys */
};

/*
 * Build: new, set what differs, add fields, then finish, which returns the immutable schema with one
 * reference and frees the builder in every case. Strings and values are copied; schemas given as field,
 * items or keys are referenced, not moved. Setters after an allocation failure do nothing; finish reports.
 */
struct cv_schema_builder;

CV_API struct cv_schema_builder *cv_schema_new(enum cv_type type);
/* A builder that starts with everything of that schema: attributes, default, fields, items and keys. */
CV_API struct cv_schema_builder *cv_schema_derive(const struct cv_schema *from);
/* A builder of that type that starts with name, version, doc and parameters of that schema. */
CV_API struct cv_schema_builder *cv_schema_derive_basics(const struct cv_schema *from, enum cv_type type);
CV_API void cv_schema_set_optional(struct cv_schema_builder *b);
CV_API void cv_schema_set_name(struct cv_schema_builder *b, const char *name);
CV_API void cv_schema_set_version(struct cv_schema_builder *b, int32_t version);
CV_API void cv_schema_set_doc(struct cv_schema_builder *b, const char *doc);
CV_API void cv_schema_add_param(struct cv_schema_builder *b, const char *name, const char *value);
CV_API void cv_schema_set_default(struct cv_schema_builder *b, const struct cv_value *def);
CV_API void cv_schema_add_field(struct cv_schema_builder *b, const char *name,
                                const struct cv_schema *schema);
CV_API void cv_schema_set_items(struct cv_schema_builder *b, const struct cv_schema *items);
CV_API void cv_schema_set_keys(struct cv_schema_builder *b, const struct cv_schema *keys);
CV_API CV_MUST_CHECK enum cv_rc cv_schema_finish(struct cv_schema_builder *b, struct cv_schema **ret,
                                                 struct cv_err *err);

CV_API struct cv_schema *cv_schema_ref(const struct cv_schema *schema);
CV_API void cv_schema_unref(const struct cv_schema *schema);

/* The process's shared schema of a plain type, required or optional; not counted, never NULL.
   Only for the scalar types. */
CV_API const struct cv_schema *cv_schema_plain(enum cv_type type, bool optional);

/* The field of that name, NULL if there is none. */
CV_API const struct cv_field *cv_schema_field(const struct cv_schema *schema, const char *name);
/* The parameter's value, NULL if there is none. */
CV_API const char *cv_schema_param(const struct cv_schema *schema, const char *name);
/* Equal as Connect's ConnectSchema.equals is: every attribute, deep. */
CV_API bool cv_schema_equal(const struct cv_schema *a, const struct cv_schema *b);
/* "int32", "float", "double", "struct", ... */
CV_API const char *cv_type_name(enum cv_type type);

#endif
