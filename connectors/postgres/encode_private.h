/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the encoder share: the forms that a conversion makes of a text before it is printed as JSON
 * (encode.c) or put into a typed value (encode_value.c).
 */
#ifndef POSTGRES_ENCODE_PRIVATE_H
#define POSTGRES_ENCODE_PRIVATE_H

#include <string.h>

#include "common/buf.h"
#include "connectors/postgres/encode.h"

/* Largest text of a decimal that is converted: PostgreSQL's own limits are below. */
#define DECIMAL_BYTES_MAX 131072

enum form {
    FORM_BAD, /* no such value: the text is not what the type prints, or the form has none for it (NaN) */
    FORM_NULL, /* an empty varbit(1), which is neither true nor false */
    FORM_BOOLEAN,
    FORM_INTEGER,
    FORM_DOUBLE,
    FORM_FLOAT,
    FORM_BYTES,
    FORM_TEXT,
    FORM_SCALED, /* a decimal of variable scale: the scale is in integer, the number in bytes */
};

struct converted {
    enum form form;
    int64_t integer;
    double number;
    struct cv_buf bytes; /* FORM_BYTES, FORM_TEXT, FORM_SCALED; freed by the caller */
};

/* Fill the form that the kind has. ret->bytes is initialized and empty; its failure (memory) is the caller's to
   check. */
enum form encode_convert(const struct encode *enc, const char *text, size_t len, struct converted *ret);
/* The dates, times and intervals among the kinds (encode_clock.c). */
enum form encode_convert_clock(const struct encode *enc, const char *text, size_t len, struct converted *ret);

/* The elements of a kind that has them. */
static inline struct encode
encode_element(const struct encode *enc)
{
    return (struct encode){ .kind = enc->element, .scale = enc->scale, .numeric = enc->numeric };
}

/* The parts of a type that is more than one form, both ways: arrays, vectors, hstore, geometry. JSON ends at the
   byte behind, NULL: cannot be converted. */
char *encode_array_json(const struct encode *enc, const char *text, size_t len, char *out, bool *ret_bad);
enum cv_rc encode_array_value(const struct encode *enc, const char *text, size_t len, struct cv_arena *arena,
                              struct cv_value *ret, bool *ret_bad, struct cv_err *err);
char *encode_vector_json(const struct encode *enc, const char *text, size_t len, char *out);
enum cv_rc encode_vector_value(const struct encode *enc, const char *text, size_t len, struct cv_arena *arena,
                               struct cv_value *ret, struct cv_err *err);
char *encode_sparse_json(const char *text, size_t len, char *out);
enum cv_rc encode_sparse_value(const char *text, size_t len, struct cv_arena *arena, struct cv_value *ret,
                               struct cv_err *err);
char *encode_hstore_json(const char *text, size_t len, char *out);
enum cv_rc encode_hstore_value(const char *text, size_t len, struct cv_arena *arena, struct cv_value *ret,
                               struct cv_err *err);
char *encode_point_json(const char *text, size_t len, char *out);
enum cv_rc encode_point_value(const char *text, size_t len, struct cv_arena *arena, struct cv_value *ret,
                              struct cv_err *err);
char *encode_geometry_json(const char *text, size_t len, char *out);
enum cv_rc encode_geometry_value(const char *text, size_t len, struct cv_arena *arena, struct cv_value *ret,
                                 struct cv_err *err);

/* An hstore as the text of a JSON object (encode_hstore.c). */
enum form encode_convert_hstore(const char *text, size_t len, struct cv_buf *out);
/* A double as JsonConverter prints it, NaN and infinities as strings. */
char *encode_double(double v, bool is_float, char *out);

/* Copy a literal, without its NUL. */
static inline char *
encode_put(char *out, const char *literal)
{
    size_t len = strlen(literal);

    memcpy(out, literal, len);
    return out + len;
}

/* Set a field of a struct; the schema is the field's. */
static inline void
encode_set_field(struct cv_value *object, size_t index, struct cv_value val)
{
    struct cv_value *at = cv_struct_at(object, index);

    val.schema = at->schema;
    *at = val;
}

/* NaN, Infinity, -Infinity. */
static inline bool
is_special_number(const char *text, size_t len)
{
    if (len > 0 && text[len - 1] <= '9')
        return false;
    return (len == 3 && memcmp(text, "NaN", 3) == 0) || (len == 8 && memcmp(text, "Infinity", 8) == 0) ||
           (len == 9 && memcmp(text, "-Infinity", 9) == 0);
}

#endif
