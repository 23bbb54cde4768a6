/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Debezium's transforms have in common: change events in their envelope of before, after, source and op, which
 * is known by the end of its schema's name. Everything else passes these transforms unchanged.
 */
#ifndef TRANSFORMS_DEBEZIUM_H
#define TRANSFORMS_DEBEZIUM_H

#include "transforms/smt.h"

/* Whether the schema (NULL: none) is that of an envelope. */
bool debezium_is_envelope(const struct cv_schema *schema);

/* Index of a field, -1 if the schema has none of that name. */
int debezium_index(const struct cv_schema *schema, const char *name);

/* Struct.getString and its like: the field as it is, without default. CV_INVALID if there is none, or of another
   type. */
CV_MUST_CHECK enum cv_rc debezium_field(const struct cv_value *strct, const char *name, enum cv_type type,
                                        const struct cv_value **ret, struct cv_err *err);
/* Struct.get: a field of any type, its default where it is null. */
CV_MUST_CHECK enum cv_rc debezium_get(const struct cv_value *strct, const char *name,
                                      const struct cv_value **ret, struct cv_err *err);
/* Whether the text field holds anything but blanks. */
bool debezium_is_blank(const struct cv_value *text);

/* A new struct of that schema, whose first fields are those of the struct from. NULL and *err without memory. */
struct cv_value *debezium_refill(struct cv_arena *arena, const struct cv_schema *schema,
                                 const struct cv_value *from, bool replace_null, struct cv_err *err);

/* The first header of that name, NULL if there is none. */
const struct cv_header *debezium_header(const struct cv_headers *headers, const char *name);

/* Check of an option: a list without empty entries or blanks in them. */
cv_config_check debezium_valid_names;

#define DEBEZIUM_PLUGIN(class_name, rows, ops)                                                             \
    { .api = CV_PLUGIN_API, .kind = CV_TRANSFORM, .name = "io.debezium." class_name,                       \
      .version = PACKAGE_VERSION, .unadvertised = true, .config = (rows), .transform = (ops) }

#endif
