/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schemas to JSON (org.apache.kafka.connect.json.JsonConverter.asJsonSchema). It stands beside the data model
 * because both the converter and the sources' direct path need the same bytes.
 */
#include "data/schema_json.h"

#include <string.h>

#include "common/json_write.h"

static void write_schema(struct cv_json_writer *w, const struct cv_schema *schema, const char *field);

/* Defaults are written with schemas off: the value alone. */
static void
write_value(struct cv_json_writer *w, const struct cv_value *val)
{
    if (val->is_null) {
        cv_json_null(w);
        return;
    }
    switch (val->type) {
    case CV_INT8:
    case CV_INT16:
    case CV_INT32:
    case CV_INT64:
        cv_json_int(w, val->integer);
        break;
    case CV_FLOAT32:
        cv_json_float(w, val->float32);
        break;
    case CV_FLOAT64:
        cv_json_double(w, val->float64);
        break;
    case CV_BOOLEAN:
        cv_json_bool(w, val->boolean);
        break;
    case CV_STRING:
        cv_json_string_len(w, val->bytes.data, val->bytes.len);
        break;
    case CV_BYTES:
        cv_json_base64(w, val->bytes.data, val->bytes.len);
        break;
    case CV_ARRAY:
        cv_json_array(w);
        for (size_t i = 0; i < val->list.count; i++)
            write_value(w, &val->list.items[i]);
        cv_json_array_end(w);
        break;
    case CV_STRUCT:
        cv_json_object(w);
        for (size_t i = 0; i < val->list.count; i++) {
            cv_json_key(w, val->schema->fields[i].name);
            write_value(w, &val->list.items[i]);
        }
        cv_json_object_end(w);
        break;
    case CV_MAP:
        cv_json_object(w);
        for (size_t i = 0; i < val->map.count; i++) {
            cv_json_key_len(w, val->map.entries[i].key.bytes.data, val->map.entries[i].key.bytes.len);
            write_value(w, &val->map.entries[i].value);
        }
        cv_json_object_end(w);
        break;
    }
}

static void
write_children(struct cv_json_writer *w, const struct cv_schema *schema)
{
    if (schema->type == CV_ARRAY) {
        cv_json_key(w, "items");
        write_schema(w, schema->items, NULL);
    } else if (schema->type == CV_MAP) {
        cv_json_key(w, "keys");
        write_schema(w, schema->keys, NULL);
        cv_json_key(w, "values");
        write_schema(w, schema->items, NULL);
    } else if (schema->type == CV_STRUCT) {
        cv_json_key(w, "fields");
        cv_json_array(w);
        for (size_t i = 0; i < schema->n_fields; i++)
            write_schema(w, schema->fields[i].schema, schema->fields[i].name);
        cv_json_array_end(w);
    }
}

static void
write_schema(struct cv_json_writer *w, const struct cv_schema *schema, const char *field)
{
    cv_json_object(w);
    cv_json_key(w, "type");
    cv_json_string(w, cv_type_name(schema->type));
    write_children(w, schema);
    cv_json_key(w, "optional");
    cv_json_bool(w, schema->optional);
    if (schema->name != NULL) {
        cv_json_key(w, "name");
        cv_json_string(w, schema->name);
    }
    if (schema->has_version) {
        cv_json_key(w, "version");
        cv_json_int(w, schema->version);
    }
    if (schema->doc != NULL) {
        cv_json_key(w, "doc");
        cv_json_string(w, schema->doc);
    }
    if (schema->n_params > 0) {
        cv_json_key(w, "parameters");
        cv_json_object(w);
        for (size_t i = 0; i < schema->n_params; i++) {
            cv_json_key(w, schema->params[i].name);
            cv_json_string(w, schema->params[i].value);
        }
        cv_json_object_end(w);
    }
    if (schema->def != NULL) {
        cv_json_key(w, "default");
        write_value(w, schema->def);
    }
    if (field != NULL) {
        cv_json_key(w, "field");
        cv_json_string(w, field);
    }
    cv_json_object_end(w);
}

void
cv_schema_json(struct cv_buf *out, const struct cv_schema *schema)
{
    struct cv_json_writer w = cv_json_writer_of(out);

    write_schema(&w, schema, NULL);
}
