/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schemas to JSON (org.apache.kafka.connect.json.JsonConverter.asJsonSchema). It stands beside the data model
 * because both the converter and the sources' direct path need the same bytes.
 */
#include <config.h>

#include "data/schema_json.h"

#include "common/json_write.h"
#include "data/json.h"

struct writing {
    struct cv_json_writer json;
    const struct connect_json_format *format;
};

static void write_schema(struct writing *to, const struct cv_schema *schema, const char *field);

/* What a default lacks, the payload will lack too; then the writer of that payload names it. */
static void
write_default(struct writing *to, const struct cv_value *def)
{
    struct cv_err err = CV_ERR_INIT;

    if (connect_json_write(to->json.out, def, to->format, &err) != CV_OK && to->json.out->failed == CV_OK)
        to->json.out->failed = err.rc;
    to->json.comma = true;
}

static void
write_children(struct writing *to, const struct cv_schema *schema)
{
    struct cv_json_writer *w = &to->json;

    if (schema->type == CV_ARRAY) {
        cv_json_key(w, "items");
        write_schema(to, schema->items, NULL);
    } else if (schema->type == CV_MAP) {
        cv_json_key(w, "keys");
        write_schema(to, schema->keys, NULL);
        cv_json_key(w, "values");
        write_schema(to, schema->items, NULL);
    } else if (schema->type == CV_STRUCT) {
        cv_json_key(w, "fields");
        cv_json_array(w);
        for (size_t i = 0; i < schema->n_fields; i++)
            write_schema(to, schema->fields[i].schema, schema->fields[i].name);
        cv_json_array_end(w);
    }
}

static void
write_schema(struct writing *to, const struct cv_schema *schema, const char *field)
{
    struct cv_json_writer *w = &to->json;

    cv_json_object(w);
    cv_json_key(w, "type");
    cv_json_string(w, cv_type_name(schema->type));
    write_children(to, schema);
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
        write_default(to, schema->def);
    }
    if (field != NULL) {
        cv_json_key(w, "field");
        cv_json_string(w, field);
    }
    cv_json_object_end(w);
}

void
cv_schema_json(struct cv_buf *out, const struct cv_schema *schema, const struct connect_json_format *format)
{
    struct writing to = { .json = cv_json_writer_of(out), .format = format };

    write_schema(&to, schema, NULL);
}
