/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JsonConverter: a value in an envelope with its schema, {"schema":...,"payload":...}, or alone when
 * schemas.enable is false. The bytes are those that Java's converter writes.
 *
 * A schema is turned into text, and text into a schema, once: the text is cached by the schema's address (the
 * cache holds a reference, so the address stays its own), the schema by its text. An instance belongs to one task.
 *
 * Source: org.apache.kafka.connect.json.JsonConverter.
 */
#include <config.h>

#include <stdlib.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/json_read.h"
#include "converters/converters.h"
#include "converters/json_schema.h"
#include "converters/options.h"
#include "data/json.h"
#include "data/lru.h"
#include "data/schema_json.h"

#define SCHEMA_JSON_MAX ((size_t)64 << 20)

enum { DECIMAL_NUMERIC, DECIMAL_BASE64 }; /* in the order in which Java's message lists them */

static const char *const decimal_formats[] = { "NUMERIC", "BASE64", NULL };

struct json_config {
    bool schemas_enable;
    int32_t schemas_cache_size;
    int decimal_format;
    bool replace_null_with_default;
};

struct json_converter {
    struct cv_converter base;
    struct json_config config;
    struct connect_json_format format;
    struct lru *texts;   /* address of a schema to struct schema_text */
    struct lru *schemas; /* text of a schema to struct cv_schema */
};

static const struct cv_config_def json_config_def[] = {
    CONVERTER_TYPE_ROW,
    { .name = "schemas.enable",
      .type = CV_CONFIG_BOOLEAN,
      .def = "true",
      .importance = CV_HIGH,
      .group = "Schemas",
      .order = 0,
      .width = CV_WIDTH_MEDIUM,
      .display = "Enable Schemas",
      .doc = "Write every key and value in an envelope with its schema, and expect that envelope on reading.",
      .offset = offsetof(struct json_config, schemas_enable) },
    { .name = "schemas.cache.size",
      .type = CV_CONFIG_INT,
      .def = "1000",
      .importance = CV_HIGH,
      .group = "Schemas",
      .order = 1,
      .width = CV_WIDTH_MEDIUM,
      .display = "Schema Cache Size",
      .doc = "How many schemas an instance of the converter keeps ready, each way.",
      .offset = offsetof(struct json_config, schemas_cache_size) },
    { .name = "decimal.format",
      .type = CV_CONFIG_ENUM,
      .def = "BASE64",
      .names = decimal_formats,
      .importance = CV_LOW,
      .group = "Serialization",
      .order = 0,
      .width = CV_WIDTH_MEDIUM,
      .display = "Decimal Format",
      .doc = "How decimals are written: BASE64, the bytes of the unscaled value, or NUMERIC, a JSON number with "
             "the exact digits. Both are read. Case does not matter.",
      .offset = offsetof(struct json_config, decimal_format) },
    { .name = "replace.null.with.default",
      .type = CV_CONFIG_BOOLEAN,
      .def = "true",
      .importance = CV_LOW,
      .group = "Serialization",
      .order = 1,
      .width = CV_WIDTH_MEDIUM,
      .display = "Replace null with default",
      .doc = "Write and read the default value of a field where the field is null. If false, null stays null.",
      .offset = offsetof(struct json_config, replace_null_with_default) },
    CV_CONFIG_END
};

/* ---- caches ---- */

struct schema_text {
    struct cv_schema *schema; /* holds the address */
    char *json;
    size_t len;
};

static void
schema_text_free(void *ptr)
{
    struct schema_text *text = ptr;

    if (text == NULL)
        return;
    cv_schema_unref(text->schema);
    free(text->json);
    free(text);
}

static void
schema_free(void *schema)
{
    cv_schema_unref(schema);
}

static enum cv_rc
schema_text(const struct json_converter *conv, const struct cv_schema *schema,
            const struct schema_text **ret, struct cv_err *err)
{
    struct cv_buf json = CV_BUF_INIT(SCHEMA_JSON_MAX);
    struct schema_text *text = lru_get(conv->texts, &schema, sizeof(schema));

    if (text != NULL) {
        *ret = text;
        return CV_OK;
    }
    cv_schema_json(&json, schema, &conv->format);
    if (cv_buf_check(&json, err) != CV_OK) {
        cv_buf_free(&json);
        return err->rc;
    }
    text = calloc(1, sizeof(*text));
    if (text == NULL) {
        cv_buf_free(&json);
        return cv_fail_memory(err);
    }
    text->schema = cv_schema_ref(schema);
    text->len = json.len;
    text->json = cv_buf_take(&json);
    if (!lru_put(conv->texts, &schema, sizeof(schema), text))
        return cv_fail_memory(err);
    *ret = text;
    return CV_OK;
}

/* The schema of that text, alive for as long as the arena; *ret NULL for the text null. */
static enum cv_rc
schema_of_text(struct json_converter *conv, const char *json, size_t len, struct cv_arena *arena,
               const struct cv_schema **ret, struct cv_err *err)
{
    struct cv_schema *schema = lru_get(conv->schemas, json, len);
    enum cv_rc rc;

    if (schema != NULL) {
        rc = cv_schema_hold(arena, schema, err);
        if (rc == CV_OK)
            *ret = schema;
        return rc;
    }
    rc = json_schema_read(json, len, conv->format.replace_null, &schema, err);
    if (rc != CV_OK || schema == NULL) {
        *ret = NULL;
        return rc;
    }
    rc = cv_schema_hold(arena, schema, err);
    if (rc != CV_OK)
        cv_schema_unref(schema);
    else if (!lru_put(conv->schemas, json, len, schema))
        rc = cv_fail_memory(err);
    if (rc == CV_OK)
        *ret = schema;
    return rc;
}

/* ---- configure ---- */

static void
json_free(struct cv_converter *base)
{
    struct json_converter *conv;

    if (base == NULL)
        return;
    conv = cv_container_of(base, struct json_converter, base);
    lru_free(conv->texts);
    lru_free(conv->schemas);
    free(conv);
}

static enum cv_rc
json_configure(const struct cv_plugin *plugin, const struct cv_config *cfg, enum cv_position position,
               struct cv_converter **ret, struct cv_err *err)
{
    struct json_converter *conv = calloc(1, sizeof(*conv));
    size_t cache_size;
    enum cv_rc rc;

    if (conv == NULL)
        return cv_fail_memory(err);
    conv->base.plugin = plugin;
    rc = converter_parse(plugin, cfg, position, &conv->config, err);
    if (rc != CV_OK)
        goto fail;
    conv->format = (struct connect_json_format){
        .decimal_numeric = conv->config.decimal_format == DECIMAL_NUMERIC,
        .replace_null = conv->config.replace_null_with_default,
    };
    cache_size = conv->config.schemas_cache_size > 0 ? (size_t)conv->config.schemas_cache_size : 0;
    conv->texts = lru_new(cache_size, schema_text_free);
    conv->schemas = lru_new(cache_size, schema_free);
    if (conv->texts == NULL || conv->schemas == NULL) {
        rc = cv_fail_memory(err);
        goto fail;
    }
    *ret = &conv->base;
    return CV_OK;
fail:
    json_free(&conv->base);
    return rc;
}

/* ---- write ---- */

static enum cv_rc
write_envelope(const struct json_converter *conv, const struct cv_value *val, struct cv_buf *out,
               struct cv_err *err)
{
    const struct schema_text *text = NULL;
    enum cv_rc rc;

    if (val->schema == NULL) {
        cv_buf_str(out, "{\"schema\":null,\"payload\":");
    } else {
        rc = schema_text(conv, val->schema, &text, err);
        if (rc != CV_OK)
            return rc;
        cv_buf_str(out, "{\"schema\":");
        cv_buf_add(out, text->json, text->len);
        cv_buf_str(out, ",\"payload\":");
    }
    rc = connect_json_write(out, val, &conv->format, err);
    if (rc != CV_OK)
        return rc;
    cv_buf_char(out, '}');
    return cv_buf_check(out, err);
}

static enum cv_rc
json_from_connect(const struct cv_converter *base, const char *topic, const struct cv_value *val,
                  struct cv_buf *out, bool *ret_null, struct cv_err *err)
{
    const struct json_converter *conv = cv_container_of(base, const struct json_converter, base);
    size_t start = out->len;
    enum cv_rc rc;

    (void)topic;
    *ret_null = val->is_null && val->schema == NULL;
    if (*ret_null)
        return CV_OK;
    rc = conv->config.schemas_enable ? write_envelope(conv, val, out, err)
                                     : connect_json_write(out, val, &conv->format, err);
    if (rc != CV_OK)
        cv_buf_truncate(out, start);
    return rc;
}

/* ---- read ---- */

static enum cv_rc
not_json(struct cv_json_reader *r, struct cv_err *err)
{
    cv_json_fail(r, err);
    return cv_err_context(err, "converting bytes to Connect data failed due to a serialization error");
}

static enum cv_rc
no_envelope(struct cv_err *err)
{
    return cv_fail(err, CV_INVALID,
                   "JsonConverter with schemas.enable requires \"schema\" and \"payload\" fields and may not "
                   "contain additional fields; if this is plain JSON data, set schemas.enable=false in the "
                   "configuration of the converter");
}

/* Where the two members of the envelope are. */
struct envelope {
    struct cv_bytes schema;
    struct cv_bytes payload;
};

static enum cv_rc
find_envelope(const struct cv_bytes *in, struct envelope *ret, struct cv_err *err)
{
    struct cv_json_reader r;
    enum cv_json_token tok;
    struct cv_bytes *to;

    *ret = (struct envelope){ .schema = { .data = NULL } };
    cv_json_reader_init(&r, in->data, in->len);
    tok = cv_json_next(&r);
    if (tok == CV_JSON_BAD)
        return not_json(&r, err);
    if (tok != CV_JSON_OBJECT)
        return no_envelope(err);
    while ((tok = cv_json_next(&r)) == CV_JSON_KEY) {
        to = cv_json_text_is(&r, "schema") ? &ret->schema : cv_json_text_is(&r, "payload") ? &ret->payload : NULL;
        if (to == NULL)
            return no_envelope(err);
        if (cv_json_skip(&r) == CV_JSON_BAD)
            return not_json(&r, err);
        *to = (struct cv_bytes){ .data = r.text, .len = r.text_len };
    }
    if (tok != CV_JSON_OBJECT_END || cv_json_next(&r) != CV_JSON_DONE)
        return not_json(&r, err);
    return ret->schema.data != NULL && ret->payload.data != NULL ? CV_OK : no_envelope(err);
}

static enum cv_rc
read_envelope(struct json_converter *conv, const struct cv_bytes *in, struct cv_arena *arena,
              struct cv_value *ret, struct cv_err *err)
{
    const struct cv_schema *schema = NULL;
    struct envelope envelope;
    struct cv_json_reader r;
    enum cv_rc rc;

    rc = find_envelope(in, &envelope, err);
    if (rc == CV_OK)
        rc = schema_of_text(conv, envelope.schema.data, envelope.schema.len, arena, &schema, err);
    if (rc != CV_OK)
        return rc;
    cv_json_reader_init(&r, envelope.payload.data, envelope.payload.len);
    return connect_json_read(&r, schema, conv->format.replace_null, arena, ret, err);
}

/* Nothing but white space: JsonConverter makes a null of it when it expects no envelope. */
static bool
is_blank(const struct cv_bytes *in)
{
    for (size_t i = 0; i < in->len; i++)
        if (strchr(" \t\r\n", in->data[i]) == NULL || in->data[i] == '\0')
            return false;
    return true;
}

static enum cv_rc
json_to_connect(struct cv_converter *base, const char *topic, const struct cv_bytes *in,
                struct cv_arena *arena, struct cv_value *ret, struct cv_err *err)
{
    struct json_converter *conv = cv_container_of(base, struct json_converter, base);
    enum cv_rc rc;

    (void)topic;
    if (in == NULL || (!conv->config.schemas_enable && is_blank(in))) {
        *ret = cv_null(NULL);
        return CV_OK;
    }
    if (conv->config.schemas_enable)
        return read_envelope(conv, in, arena, ret, err);
    rc = cv_connect_json_read(in->data, in->len, arena, ret, err);
    if (rc == CV_INVALID)
        cv_err_context(err, "converting bytes to Connect data failed due to a serialization error");
    return rc;
}

static const struct cv_converter_ops json_ops = {
    .configure = json_configure,
    .from_connect = json_from_connect,
    .to_connect = json_to_connect,
    .free = json_free,
};

#define JSON_PLUGIN(plugin_kind)                                                                           \
    { .api = CV_PLUGIN_API, .kind = (plugin_kind), .name = "org.apache.kafka.connect.json.JsonConverter",  \
      .version = PACKAGE_VERSION, .config = json_config_def, .converter = &json_ops }

const struct cv_plugin json_converter_plugin = JSON_PLUGIN(CV_CONVERTER);
const struct cv_plugin json_header_converter_plugin = JSON_PLUGIN(CV_HEADER_CONVERTER);
