/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schemas to JSON (org.apache.kafka.connect.json.JsonConverter.asJsonSchema). It stands beside the data model
 * because both the converter and the sources' direct path need the same bytes.
 */
#include <config.h>

#include "data/schema_json.h"

#include "common/json_write.h"
#include "data/json.h"

static void write_schema(struct cv_json_writer *w, const struct cv_schema *schema, const char *field);

static void
write_default(struct cv_json_writer *w, const struct cv_value *def)
{
    cv_connect_json_write(w->out, def);
    w->comma = true;
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
        write_default(w, schema->def);
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
