/* SPDX-License-Identifier: Apache-2.0 */
/* Typed values of the forms: the record path. */
#include "connectors/postgres/encode_private.h"

#include "common/arena.h"

static enum cv_rc
value_variable(const struct converted *conv, const struct cv_schema *schema, struct cv_arena *arena,
               struct cv_value *ret, struct cv_err *err)
{
    struct cv_value *val = cv_struct_new(arena, schema);
    char *bytes = cv_arena_dup(arena, conv->bytes.data, conv->bytes.len);

    if (val == NULL || bytes == NULL)
        return cv_fail_memory(err);
    encode_set_field(val, 0, cv_int(CV_INT32, conv->integer));
    encode_set_field(val, 1, cv_binary(bytes, conv->bytes.len));
    *ret = *val;
    return CV_OK;
}

static enum cv_rc
value_bytes(const struct converted *conv, struct cv_arena *arena, struct cv_value *ret, struct cv_err *err)
{
    char *bytes = cv_arena_dup(arena, cv_buf_cstr(&conv->bytes), conv->bytes.len);

    if (bytes == NULL)
        return cv_fail_memory(err);
    *ret = conv->form == FORM_TEXT ? cv_string(bytes, conv->bytes.len)
                                   : cv_binary(bytes, conv->bytes.len);
    return CV_OK;
}

static enum cv_rc
value_of_form(const struct converted *conv, const struct cv_schema *schema, struct cv_arena *arena,
              struct cv_value *ret, struct cv_err *err)
{
    switch (conv->form) {
    case FORM_BAD:
    case FORM_NULL:
        *ret = cv_null(schema);
        return CV_OK;
    case FORM_BOOLEAN:
        *ret = cv_boolean(conv->integer != 0);
        return CV_OK;
    case FORM_INTEGER:
        *ret = cv_int(schema != NULL ? schema->type : CV_INT64, conv->integer);
        return CV_OK;
    case FORM_FLOAT:
        *ret = cv_float32((float)conv->number);
        return CV_OK;
    case FORM_DOUBLE:
        *ret = cv_float64(conv->number);
        return CV_OK;
    case FORM_BYTES:
    case FORM_TEXT:
        return value_bytes(conv, arena, ret, err);
    case FORM_SCALED:
        return value_variable(conv, schema, arena, ret, err);
    }
    return CV_OK;
}

/* CV_INVALID: cannot be converted. */
static enum cv_rc
value_converted(const struct encode *enc, const char *text, size_t len, struct cv_arena *arena,
                struct cv_value *ret, struct cv_err *err)
{
    char small[ENCODE_SMALL];
    struct converted conv;
    enum cv_rc rc = CV_INVALID;

    encode_convert_small(enc, text, len, small, &conv);
    if (conv.form != FORM_BAD)
        rc = cv_buf_check(&conv.bytes, err);
    if (rc == CV_OK)
        rc = value_of_form(&conv, ret->schema, arena, ret, err);
    encode_converted_done(&conv, small);
    return rc;
}

static enum cv_rc
value_of_kind(const struct encode *enc, const char *text, size_t len, struct cv_arena *arena,
              struct cv_value *ret, bool *ret_bad, struct cv_err *err)
{
    switch (enc->kind) {
    case ENCODE_ARRAY:
        return encode_array_value(enc, text, len, arena, ret, ret_bad, err);
    case ENCODE_INT16_VECTOR:
    case ENCODE_INT64_VECTOR:
    case ENCODE_FLOAT32_VECTOR:
    case ENCODE_FLOAT64_VECTOR:
        return encode_vector_value(enc, text, len, arena, ret, err);
    case ENCODE_SPARSE_VECTOR:
        return encode_sparse_value(text, len, arena, ret, err);
    case ENCODE_HSTORE_MAP:
        return encode_hstore_value(text, len, arena, ret, err);
    case ENCODE_POINT:
        return encode_point_value(text, len, arena, ret, err);
    case ENCODE_GEOMETRY:
        return encode_geometry_value(text, len, arena, ret, err);
    default:
        return value_converted(enc, text, len, arena, ret, err);
    }
}

enum cv_rc
encode_value(const struct encode *enc, const char *text, size_t len, struct cv_arena *arena,
             struct cv_value *ret, bool *ret_bad, struct cv_err *err)
{
    const struct cv_schema *schema = ret->schema;
    enum cv_rc rc = value_of_kind(enc, text, len, arena, ret, ret_bad, err);

    if (rc == CV_INVALID) {
        *ret_bad = true;
        *ret = cv_null(schema);
        return CV_OK;
    }
    if (rc == CV_OK)
        ret->schema = schema;
    return rc;
}
