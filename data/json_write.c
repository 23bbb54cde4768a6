/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values to JSON. The schema is walked beside the value, from the root's schema down: the values inside a struct
 * need not carry schemas of their own, but they must be of the type that the field has.
 *
 * Source: org.apache.kafka.connect.json.JsonConverter.convertToJson.
 */
#include <config.h>

#include "data/json.h"

#include "common/json_write.h"
#include "common/number.h"
#include "data/logical.h"

struct writing {
    struct cv_json_writer json;
    const struct connect_json_format *format;
    bool lenient; /* a null is null whatever the schema says */
    enum cv_rc rc;
    struct cv_err *err;
};

static void write_value(struct writing *w, const struct cv_schema *schema, const struct cv_value *val);

static void
fail(struct writing *w, const char *problem, const char *name)
{
    if (w->rc == CV_OK)
        w->rc = cv_fail(w->err, CV_INVALID, problem, name);
}

static void
write_null(struct writing *w, const struct cv_schema *schema)
{
    if (schema != NULL && schema->def != NULL && w->format->replace_null)
        write_value(w, schema, schema->def);
    else if (schema == NULL || schema->optional || w->lenient)
        cv_json_null(&w->json);
    else
        fail(w, "conversion error: null value where %s is required and there is no default value",
             schema->name != NULL ? schema->name : cv_type_name(schema->type));
}

/* A number with the exact digits, as BigDecimal.toString() has them. */
static void
write_decimal(struct writing *w, const struct cv_schema *schema, const struct cv_value *val)
{
    struct cv_buf text = CV_BUF_INIT(2 * CV_DECIMAL_DIGITS);
    enum cv_rc rc;

    rc = logical_decimal_text(schema, val, false, &text, w->err);
    if (rc == CV_OK)
        rc = cv_buf_check(&text, w->err);
    if (rc != CV_OK)
        w->rc = rc;
    else
        cv_json_raw(&w->json, text.data, text.len);
    cv_buf_free(&text);
}

static void
write_array(struct writing *w, const struct cv_schema *schema, const struct cv_value *val)
{
    cv_json_array(&w->json);
    for (size_t i = 0; i < val->list.count; i++)
        write_value(w, schema != NULL ? schema->items : NULL, &val->list.items[i]);
    cv_json_array_end(&w->json);
}

static void
write_struct(struct writing *w, const struct cv_schema *schema, const struct cv_value *val)
{
    if (schema == NULL || schema->n_fields != val->list.count) {
        fail(w, "conversion error: a struct's values do not fit its schema%s", "");
        return;
    }
    cv_json_object(&w->json);
    for (size_t i = 0; i < val->list.count && w->rc == CV_OK; i++) {
        cv_json_key(&w->json, schema->fields[i].name);
        write_value(w, schema->fields[i].schema, &val->list.items[i]);
        if (w->rc != CV_OK)
            cv_err_context(w->err, "field %s", schema->fields[i].name);
    }
    cv_json_object_end(&w->json);
}

/* Whether the map becomes an object: by the schema of its keys, else if every key is a string. */
static bool
has_string_keys(const struct cv_schema *schema, const struct cv_value *val)
{
    if (schema != NULL)
        return schema->keys->type == CV_STRING;
    for (size_t i = 0; i < val->map.count; i++)
        if (val->map.entries[i].key.is_null || val->map.entries[i].key.type != CV_STRING)
            return false;
    return true;
}

static void
write_map(struct writing *w, const struct cv_schema *schema, const struct cv_value *val)
{
    bool object = has_string_keys(schema, val);

    if (object)
        cv_json_object(&w->json);
    else
        cv_json_array(&w->json);
    for (size_t i = 0; i < val->map.count && w->rc == CV_OK; i++) {
        const struct cv_map_entry *entry = &val->map.entries[i];

        if (object && entry->key.is_null) {
            cv_json_key(&w->json, "null");
        } else if (object) {
            cv_json_key_len(&w->json, entry->key.bytes.data, entry->key.bytes.len);
        } else {
            cv_json_array(&w->json);
            write_value(w, schema != NULL ? schema->keys : NULL, &entry->key);
        }
        write_value(w, schema != NULL ? schema->items : NULL, &entry->value);
        if (!object)
            cv_json_array_end(&w->json);
    }
    if (object)
        cv_json_object_end(&w->json);
    else
        cv_json_array_end(&w->json);
}

static void
write_value(struct writing *w, const struct cv_schema *schema, const struct cv_value *val)
{
    if (w->rc != CV_OK)
        return;
    if (val->is_null) {
        write_null(w, schema);
        return;
    }
    if (schema != NULL && schema->type != val->type) {
        fail(w, "conversion error: a value of type %s does not fit its schema", cv_type_name(val->type));
        return;
    }
    switch (val->type) {
    case CV_INT8:
    case CV_INT16:
    case CV_INT32:
    case CV_INT64:
        cv_json_int(&w->json, val->integer);
        break;
    case CV_FLOAT32:
        cv_json_float(&w->json, val->float32);
        break;
    case CV_FLOAT64:
        cv_json_double(&w->json, val->float64);
        break;
    case CV_BOOLEAN:
        cv_json_bool(&w->json, val->boolean);
        break;
    case CV_STRING:
        cv_json_string_len(&w->json, val->bytes.data, val->bytes.len);
        break;
    case CV_BYTES:
        if (w->format->decimal_numeric && logical_of(schema) == LOGICAL_DECIMAL)
            write_decimal(w, schema, val);
        else
            cv_json_base64(&w->json, val->bytes.data, val->bytes.len);
        break;
    case CV_ARRAY:
        write_array(w, schema, val);
        break;
    case CV_STRUCT:
        write_struct(w, schema, val);
        break;
    case CV_MAP:
        write_map(w, schema, val);
        break;
    }
}

enum cv_rc
connect_json_write(struct cv_buf *out, const struct cv_value *val,
                   const struct connect_json_format *format, struct cv_err *err)
{
    struct writing w = { .json = cv_json_writer_of(out), .format = format, .err = err };

    write_value(&w, val->schema, val);
    return w.rc != CV_OK ? w.rc : cv_buf_check(out, err);
}

void
cv_connect_json_write(struct cv_buf *out, const struct cv_value *val)
{
    const struct connect_json_format format = { .decimal_numeric = false };
    struct cv_err err = CV_ERR_INIT;
    struct writing w = { .json = cv_json_writer_of(out), .format = &format, .lenient = true, .err = &err };

    write_value(&w, val->schema, val);
    if (w.rc != CV_OK && out->failed == CV_OK)
        out->failed = w.rc;
}
