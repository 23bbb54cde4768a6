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
    *cv_struct_at(val, 0) = cv_int(CV_INT32, conv->integer);
    cv_struct_at(val, 0)->schema = schema->fields[0].schema;
    *cv_struct_at(val, 1) = cv_binary(bytes, conv->bytes.len);
    cv_struct_at(val, 1)->schema = schema->fields[1].schema;
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

enum cv_rc
encode_value(const struct encode *enc, const char *text, size_t len, struct cv_arena *arena,
             struct cv_value *ret, struct cv_err *err)
{
    struct converted conv = { .bytes = CV_BUF_INIT(len + DECIMAL_BYTES_MAX) };
    const struct cv_schema *schema = ret->schema;
    enum cv_rc rc = CV_OK;

    conv.form = encode_convert(enc, text, len, &conv);
    if (conv.form == FORM_BAD) {
        rc = cv_fail(err, CV_INVALID, "cannot convert a value of %zu bytes", len);
        goto out;
    }
    rc = cv_buf_check(&conv.bytes, err);
    if (rc != CV_OK)
        goto out;
    switch (conv.form) {
    case FORM_BAD:
    case FORM_NULL:
        *ret = cv_null(schema);
        break;
    case FORM_BOOLEAN:
        *ret = cv_boolean(conv.integer != 0);
        break;
    case FORM_INTEGER:
        *ret = cv_int(schema != NULL ? schema->type : CV_INT64, conv.integer);
        break;
    case FORM_FLOAT:
        *ret = cv_float32((float)conv.number);
        break;
    case FORM_DOUBLE:
        *ret = cv_float64(conv.number);
        break;
    case FORM_BYTES:
    case FORM_TEXT:
        rc = value_bytes(&conv, arena, ret, err);
        break;
    case FORM_SCALED:
        rc = value_variable(&conv, schema, arena, ret, err);
        break;
    }
    ret->schema = schema;
out:
    cv_buf_free(&conv.bytes);
    return rc;
}
