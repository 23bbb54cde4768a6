/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ByteArrayConverter: bytes as they are.
 * Source: org.apache.kafka.connect.converters.ByteArrayConverter.
 */
#include <config.h>

#include <stdlib.h>

#include "common/arena.h"
#include "common/buf.h"
#include "converters/converters.h"
#include "converters/options.h"
#include "data/java_string.h"
#include "data/logical.h"

static enum cv_rc
bytes_configure(const struct cv_plugin *plugin, const struct cv_config *cfg, enum cv_position position,
                struct cv_converter **ret, struct cv_err *err)
{
    struct cv_converter *conv;
    struct { char unused; } none;

    if (converter_parse(plugin, cfg, position, &none, err) != CV_OK)
        return err->rc;
    conv = calloc(1, sizeof(*conv));
    if (conv == NULL)
        return cv_fail_memory(err);
    conv->plugin = plugin;
    *ret = conv;
    return CV_OK;
}

static void
bytes_free(struct cv_converter *conv)
{
    free(conv);
}

static enum cv_rc
bytes_from_connect(const struct cv_converter *conv, const char *topic, const struct cv_value *val,
                   struct cv_buf *out, bool *ret_null, struct cv_err *err)
{
    (void)conv;
    (void)topic;
    if (val->schema != NULL && val->schema->type != CV_BYTES)
        return cv_fail(err, CV_INVALID, "Invalid schema type for ByteArrayConverter: %s",
                       java_type_name(val->schema->type));
    if (!val->is_null && (val->type != CV_BYTES || logical_of(val->schema) != LOGICAL_NONE))
        return cv_fail(err, CV_INVALID, "ByteArrayConverter is not compatible with objects of type class %s",
                       java_class_name(val->schema, val));
    *ret_null = val->is_null;
    if (!val->is_null)
        cv_buf_add(out, val->bytes.data, val->bytes.len);
    return cv_buf_check(out, err);
}

static enum cv_rc
bytes_to_connect(struct cv_converter *conv, const char *topic, const struct cv_bytes *in,
                 struct cv_arena *arena, struct cv_value *ret, struct cv_err *err)
{
    const struct cv_schema *schema = cv_schema_plain(CV_BYTES, true);
    const char *copy;

    (void)conv;
    (void)topic;
    if (in == NULL) {
        *ret = cv_null(schema);
        return CV_OK;
    }
    copy = cv_arena_dup(arena, in->data, in->len);
    if (copy == NULL)
        return cv_fail_memory(err);
    *ret = cv_binary(copy, in->len);
    ret->schema = schema;
    return CV_OK;
}

static const struct cv_converter_ops bytes_ops = {
    .configure = bytes_configure,
    .from_connect = bytes_from_connect,
    .to_connect = bytes_to_connect,
    .free = bytes_free,
};

#define BYTES_PLUGIN(plugin_kind)                                                                          \
    { .api = CV_PLUGIN_API, .kind = (plugin_kind),                                                         \
      .name = "org.apache.kafka.connect.converters.ByteArrayConverter", .version = PACKAGE_VERSION,        \
      .config = converter_type_config, .converter = &bytes_ops }

const struct cv_plugin bytes_converter_plugin = BYTES_PLUGIN(CV_CONVERTER);
const struct cv_plugin bytes_header_converter_plugin = BYTES_PLUGIN(CV_HEADER_CONVERTER);
