/* SPDX-License-Identifier: Apache-2.0 */
/* What of a value is encrypted, and the schema of the result. */
#include "data/encrypted_value.h"

#include <stdio.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/number.h"

enum cv_rc
encrypted_schema(const struct cv_schema *from, struct cv_schema **ret, struct cv_err *err)
{
    struct cv_schema_builder *b = cv_schema_new(CV_STRING);
    struct cv_schema *made = NULL;
    struct cv_buf name = CV_BUF_INIT(4096);
    enum cv_rc rc = CV_OK;

    cv_schema_set_name(b, ENCRYPTED_NAME);
    cv_schema_set_version(b, 1);
    if (from->optional)
        cv_schema_set_optional(b);
    if (from->doc != NULL)
        cv_schema_set_doc(b, from->doc);
    cv_schema_add_param(b, "type", cv_type_name(from->type));
    if (from->name != NULL)
        cv_schema_add_param(b, "name", from->name);
    if (from->has_version) {
        cv_buf_i64(&name, from->version);
        cv_schema_add_param(b, "version", cv_buf_cstr(&name));
    }
    for (size_t i = 0; rc == CV_OK && i < from->n_params; i++) {
        cv_buf_reset(&name);
        cv_buf_printf(&name, "parameter.%s", from->params[i].name);
        rc = cv_buf_check(&name, err);
        cv_schema_add_param(b, cv_buf_cstr(&name), from->params[i].value);
    }
    cv_buf_free(&name);
    if (rc == CV_OK)
        return cv_schema_finish(b, ret, err);
    if (cv_schema_finish(b, &made, &(struct cv_err)CV_ERR_INIT) == CV_OK) /* frees the builder */
        cv_schema_unref(made);
    return rc;
}

/* What of a value is encrypted; number is room for the text of one. */
static enum cv_rc
plain_of(const struct cv_value *val, char number[CV_DOUBLE_MAX], enum field_cipher_type *ret_type,
         struct cv_bytes *ret, struct cv_err *err)
{
    *ret = (struct cv_bytes){ .data = number };
    switch (val->type) {
    case CV_STRING:
    case CV_BYTES:
        *ret_type = val->type == CV_STRING ? FIELD_CIPHER_STRING : FIELD_CIPHER_BYTES;
        *ret = val->bytes;
        return CV_OK;
    case CV_BOOLEAN:
        *ret_type = FIELD_CIPHER_BOOLEAN;
        ret->data = val->boolean ? "true" : "false";
        ret->len = strlen(ret->data);
        return CV_OK;
    case CV_FLOAT32:
        *ret_type = FIELD_CIPHER_FLOAT;
        ret->len = cv_format_float(val->float32, number);
        return CV_OK;
    case CV_FLOAT64:
        *ret_type = FIELD_CIPHER_FLOAT;
        ret->len = cv_format_double(val->float64, number);
        return CV_OK;
    case CV_INT8:
    case CV_INT16:
    case CV_INT32:
    case CV_INT64:
        *ret_type = FIELD_CIPHER_INTEGER;
        ret->len = (size_t)snprintf(number, CV_DOUBLE_MAX, "%lld", (long long)val->integer);
        return CV_OK;
    default:
        return cv_fail(err, CV_INVALID, "only scalars can be encrypted");
    }
}

enum cv_rc
encrypted_value(struct field_cipher *cipher, const struct cv_schema *schema, struct cv_arena *arena,
                struct cv_value *inout, struct cv_err *err)
{
    enum field_cipher_type type = FIELD_CIPHER_STRING;
    char number[CV_DOUBLE_MAX], *text;
    struct cv_bytes plain;
    size_t len;

    if (plain_of(inout, number, &type, &plain, err) != CV_OK)
        return err->rc;
    len = field_cipher_sealed_size(cipher, plain.len);
    text = cv_arena_alloc(arena, len);
    if (text == NULL)
        return cv_fail_memory(err);
    if (field_cipher_seal(cipher, type, plain.data, plain.len, text, err) != CV_OK)
        return err->rc;
    *inout = cv_string(text, len);
    inout->schema = schema;
    return CV_OK;
}
