/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Debezium's BinaryDataConverter: bytes as they are, everything else by the converter that
 * delegate.converter.type names, if it names one. For outbox events whose payload is bytes already.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "converters/converters.h"
#include "converters/options.h"
#include "data/logical.h"

struct binary_options {
    char *delegate;
};

struct binary_data {
    struct cv_converter base;
    struct cv_converter *delegate; /* NULL: none */
};

static const struct cv_config_def binary_rows[] = {
    CONVERTER_TYPE_ROW,
    { .name = "delegate.converter.type", .type = CV_CONFIG_STRING, .importance = CV_LOW,
      .doc = "Class of the converter for what is not bytes; its options come behind this name and a dot.",
      .offset = offsetof(struct binary_options, delegate) },
    CV_CONFIG_END
};

static const struct cv_plugin *
find_delegate(const char *name)
{
    static const struct cv_plugin *const plain[] = { &json_converter_plugin, &string_converter_plugin,
                                                     &bytes_converter_plugin };

    for (size_t i = 0; i < CV_COUNT(plain); i++)
        if (strcmp(plain[i]->name, name) == 0)
            return plain[i];
    for (size_t i = 0; i < NUMBER_CONVERTERS; i++)
        if (strcmp(number_converter_plugins[i].name, name) == 0)
            return &number_converter_plugins[i];
    return NULL;
}

static enum cv_rc
delegate_new(const char *name, const struct cv_config *cfg, enum cv_position position, struct cv_converter **ret,
             struct cv_err *err)
{
    const struct cv_plugin *plugin = find_delegate(name);
    struct cv_config *own;
    enum cv_rc rc;

    if (plugin == NULL)
        return cv_fail(err, CV_INVALID, "delegate.converter.type: no converter \"%s\" (the built-in ones of Kafka are "
                       "known here, by their full class names)", name);
    own = cv_config_with_prefix(cfg, "delegate.converter.type.");
    if (own == NULL)
        return cv_fail_memory(err);
    rc = plugin->converter->configure(plugin, own, position, ret, err);
    cv_config_free(own);
    return rc;
}

static void
binary_free(struct cv_converter *conv)
{
    struct binary_data *binary;

    if (conv == NULL)
        return;
    binary = cv_container_of(conv, struct binary_data, base);
    if (binary->delegate != NULL)
        binary->delegate->plugin->converter->free(binary->delegate);
    free(binary);
}

static enum cv_rc
binary_configure(const struct cv_plugin *plugin, const struct cv_config *cfg, enum cv_position position,
                 struct cv_converter **ret, struct cv_err *err)
{
    struct binary_options options = { .delegate = NULL };
    struct binary_data *binary = calloc(1, sizeof(*binary));
    enum cv_rc rc;

    if (binary == NULL)
        return cv_fail_memory(err);
    binary->base.plugin = plugin;
    rc = converter_parse(plugin, cfg, position, &options, err);
    if (rc == CV_OK && options.delegate != NULL)
        rc = delegate_new(options.delegate, cfg, position, &binary->delegate, err);
    cv_config_done(plugin->config, &options);
    if (rc == CV_OK)
        *ret = &binary->base;
    else
        binary_free(&binary->base);
    return rc;
}

static bool
is_bytes(const struct cv_value *val)
{
    if (val->schema != NULL && val->schema->type != CV_BYTES)
        return false;
    return val->is_null || (val->type == CV_BYTES && logical_of(val->schema) == LOGICAL_NONE);
}

static enum cv_rc
binary_from_connect(const struct cv_converter *conv, const char *topic, const struct cv_value *val,
                    struct cv_buf *out, bool *ret_null, struct cv_err *err)
{
    const struct binary_data *binary = cv_container_of(conv, struct binary_data, base);

    if (is_bytes(val)) {
        *ret_null = val->is_null;
        if (!val->is_null)
            cv_buf_add(out, val->bytes.data, val->bytes.len);
        return cv_buf_check(out, err);
    }
    if (binary->delegate == NULL)
        return cv_fail(err, CV_INVALID, "A %s of type '%s' requires a delegate.converter.type to be configured", topic,
                       cv_type_name(val->type));
    return binary->delegate->plugin->converter->from_connect(binary->delegate, topic, val, out, ret_null, err);
}

static enum cv_rc
binary_to_connect(struct cv_converter *conv, const char *topic, const struct cv_bytes *in, struct cv_arena *arena,
                  struct cv_value *ret, struct cv_err *err)
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

static const struct cv_converter_ops binary_ops = {
    .configure = binary_configure,
    .from_connect = binary_from_connect,
    .to_connect = binary_to_connect,
    .free = binary_free,
};

#define BINARY_PLUGIN(plugin_kind)                                                                         \
    { .api = CV_PLUGIN_API, .kind = (plugin_kind), .name = "io.debezium.converters.BinaryDataConverter",   \
      .version = PACKAGE_VERSION, .unadvertised = true, .config = binary_rows, .converter = &binary_ops }

const struct cv_plugin binary_data_converter_plugin = BINARY_PLUGIN(CV_CONVERTER);
const struct cv_plugin binary_data_header_converter_plugin = BINARY_PLUGIN(CV_HEADER_CONVERTER);
