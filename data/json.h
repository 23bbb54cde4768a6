/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connect values to JSON and back, as org.apache.kafka.connect.json.JsonConverter has it: one story for the
 * converter, for the defaults inside schemas, and for the worker, whose config, offset and status records are
 * this JSON without schemas.
 *
 * Where Java would silently change a value that does not fit its schema (a text in an int32 field becomes 0, 300
 * in an int8 field 44), reading fails with CV_INVALID instead.
 */
#ifndef DATA_JSON_H
#define DATA_JSON_H

#include <culvert/value.h>

struct cv_buf;
struct cv_arena;
struct cv_json_reader;

/* A value with or without schema, schemas disabled: structs and maps become objects, a null is null. Failure is
   the buffer's. */
void cv_connect_json_write(struct cv_buf *out, const struct cv_value *val);

/* A whole JSON text to a schemaless value: objects become maps in Java's HashMap order (the last of equal keys
   counts), integers INT64, other numbers FLOAT64, null a null. Everything is copied into the arena. */
CV_MUST_CHECK enum cv_rc cv_connect_json_read(const void *data, size_t len, struct cv_arena *arena,
                                              struct cv_value *ret, struct cv_err *err);

/* ---- for converters ---- */

struct connect_json_format {
    bool decimal_numeric; /* decimal.format=NUMERIC */
    bool replace_null;    /* replace.null.with.default */
};

/* Append the value as its schema says (val->schema, NULL: as its type says). CV_INVALID: a null where the schema
   wants a value, or a value of another type; then out holds a piece that the caller drops. */
CV_MUST_CHECK enum cv_rc connect_json_write(struct cv_buf *out, const struct cv_value *val,
                                            const struct connect_json_format *format, struct cv_err *err);

/* Read the value that the next token of r begins, to a value of that schema (NULL: schemaless). The value lives
   in the arena and borrows from the schema. */
CV_MUST_CHECK enum cv_rc connect_json_read(struct cv_json_reader *r, const struct cv_schema *schema,
                                           bool replace_null, struct cv_arena *arena,
                                           struct cv_value *ret, struct cv_err *err);

#endif
