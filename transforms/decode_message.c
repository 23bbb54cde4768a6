/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DecodeLogicalDecodingMessageContent: a logical message of PostgreSQL whose content is a JSON object becomes the
 * insert of a row with the object's fields, which an EventRouter behind it takes for one of an outbox table.
 */
#include <config.h>

#include <string.h>

#include "common/arena.h"
#include "transforms/debezium.h"
#include "transforms/json_struct.h"
#include "transforms/transforms.h"

static const char message_schema[] = "io.debezium.connector.postgresql.MessageValue";

struct decode_options {
    bool null_include;
};

struct decode_message {
    struct smt smt;
    struct decode_options options;
    struct json_struct *json;
};

static const struct cv_config_def decode_rows[] = {
    { .name = "fields.null.include",
      .type = CV_CONFIG_BOOLEAN,
      .def = "false",
      .importance = CV_MEDIUM,
      .order = 1,
      .width = CV_WIDTH_MEDIUM,
      .display = "Defines whether to include fields with null values to the decoded structure",
      .doc = "Keep keys whose value is null, as optional bytes. If false they are left out.",
      .offset = offsetof(struct decode_options, null_include) },
    CV_CONFIG_END
};

static void
decode_free(struct cv_transform *xf)
{
    struct decode_message *decode = cv_container_of(xf, struct decode_message, smt.base);

    json_struct_free(decode->json);
    smt_free(xf);
}

static enum cv_rc
decode_configure(const struct cv_plugin *plugin, const struct cv_config *cfg, struct cv_transform **ret,
                 struct cv_err *err)
{
    struct cv_transform *made = NULL;
    struct decode_message *decode;

    if (smt_new(plugin, cfg, sizeof(*decode), offsetof(struct decode_message, options), &made, err) != CV_OK)
        return err->rc;
    decode = cv_container_of(made, struct decode_message, smt.base);
    decode->json = json_struct_new(decode->options.null_include, AVRO_NAME_NONE);
    if (decode->json == NULL) {
        decode_free(made);
        return cv_fail_memory(err);
    }
    *ret = made;
    return CV_OK;
}

/* The content as a struct. */
static enum cv_rc
read_content(struct decode_message *decode, const struct cv_value *val, struct cv_arena *arena, struct cv_value *ret,
             struct cv_err *err)
{
    const struct cv_value *message = NULL, *content = NULL;

    if (debezium_field(val, "message", CV_STRUCT, &message, err) != CV_OK ||
        smt_require_struct(message, "Retrieve content of a logical decoding message", err) != CV_OK)
        return err->rc;
    content = cv_struct_get(message, "content");
    if (content == NULL || content->type != CV_BYTES)
        return cv_fail(err, CV_INVALID, "The content of a logical decoding message is non-binary: set "
                       "binary.handling.mode of the connector to bytes");
    if (content->is_null)
        return cv_fail(err, CV_INVALID, "a logical decoding message has no content to decode");
    if (json_struct_read(decode->json, NULL, &content->bytes, arena, ret, err) != CV_OK)
        return cv_err_context(err, "the content of a logical decoding message is no JSON object to decode");
    return CV_OK;
}

/* The message's schema with after, of the schema that detail points to, in the place of message. What is made holds
   that schema, so that its address stays its own. */
static enum cv_rc
decoded_schema(struct smt *smt, const struct cv_schema *from, const void *detail, struct cv_schema **ret,
               struct cv_err *err)
{
    const struct cv_schema *const *content = detail;
    struct cv_schema_builder *b = cv_schema_new(CV_STRUCT);

    (void)smt;
    cv_schema_set_name(b, "io.debezium.connector.postgresql.MessageValue.Envelope");
    for (size_t i = 0; i < from->n_fields; i++)
        if (strcmp(from->fields[i].name, "message") != 0)
            cv_schema_add_field(b, from->fields[i].name, from->fields[i].schema);
    cv_schema_add_field(b, "after", *content);
    return cv_schema_finish(b, ret, err);
}

static enum cv_rc
decode_apply(struct cv_transform *xf, struct cv_arena *arena, struct cv_record *rec, bool *ret_keep,
             struct cv_err *err)
{
    struct decode_message *decode = cv_container_of(xf, struct decode_message, smt.base);
    const struct cv_schema *schema = rec->value.schema;
    struct cv_value content, op = cv_cstring("c"), *made;
    size_t at = 0;

    *ret_keep = true;
    if (schema == NULL || schema->name == NULL || strcmp(schema->name, message_schema) != 0)
        return CV_OK;
    if (smt_require_struct(&rec->value, "Retrieve a record value", err) != CV_OK ||
        read_content(decode, &rec->value, arena, &content, err) != CV_OK ||
        smt_schema_for(&decode->smt, rec->value.schema, &content.schema, sizeof(content.schema), decoded_schema, arena,
                       &schema, err) != CV_OK)
        return err->rc;
    made = cv_struct_new(arena, schema);
    if (made == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < rec->value.schema->n_fields; i++)
        if (strcmp(rec->value.schema->fields[i].name, "message") != 0)
            *cv_struct_at(made, at++) = *smt_field(&rec->value, i, true);
    *cv_struct_at(made, at) = content;
    op.schema = cv_schema_plain(CV_STRING, false);
    if (cv_struct_get(made, "op") != NULL)
        *cv_struct_get(made, "op") = op;
    rec->value = *made;
    rec->key = cv_null(NULL);
    return CV_OK;
}

static const struct cv_transform_ops decode_ops = {
    .configure = decode_configure,
    .apply = decode_apply,
    .free = decode_free,
};

const struct cv_plugin decode_message_plugin =
    DEBEZIUM_PLUGIN("connector.postgresql.transforms.DecodeLogicalDecodingMessageContent", decode_rows, &decode_ops);
