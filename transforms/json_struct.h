/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON text to a struct whose schema comes from the text itself, as Debezium expands payloads. Everything is
 * optional; whole numbers are INT32 or INT64, others FLOAT64; a struct is named after the way to it (payload.o). Empty
 * arrays have no schema, and nulls only if they count as bytes: such fields are left out.
 *
 * Objects of one array share a struct with the fields of all of them. Schemas are kept, so that texts of one shape get
 * one schema.
 */
#ifndef TRANSFORMS_JSON_STRUCT_H
#define TRANSFORMS_JSON_STRUCT_H

#include <culvert/value.h>

#include "data/avro_name.h"

struct json_struct;

/* null_as_bytes: a null is optional bytes. names: how fields are named. NULL when memory is out. */
struct json_struct *json_struct_new(bool null_as_bytes, enum avro_name_mode names);
void json_struct_free(struct json_struct *json);

/*
 * The object at the start of the text, what follows it does not count; name of the outermost struct, NULL: none.
 * Value and schema live at least as long as the arena. CV_INVALID: no object, no JSON, or arrays of which the items
 * have nothing in common; the reason holds no data.
 */
CV_MUST_CHECK enum cv_rc json_struct_read(struct json_struct *json, const char *name, const struct cv_bytes *text,
                                          struct cv_arena *arena, struct cv_value *ret, struct cv_err *err);

#endif
