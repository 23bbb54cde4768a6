/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ShortConverter, IntegerConverter, LongConverter, FloatConverter, DoubleConverter and BooleanConverter: big-endian
 * bytes of a fixed length. One set of functions; a table says what the classes differ in.
 *
 * Source: org.apache.kafka.connect.converters.NumberConverter and its subclasses, BooleanConverter.
 */
#include <config.h>

#include <stdlib.h>

#include "common/buf.h"
#include "converters/converters.h"
#include "converters/options.h"
#include "data/java_string.h"
#include "data/logical.h"

struct number_type {
    const char *name;
    enum cv_type type;
    size_t len;
    const char *java_name; /* for messages */
};

static const struct number_type number_types[NUMBER_CONVERTERS] = {
    { "org.apache.kafka.connect.converters.ShortConverter", CV_INT16, 2, "short" },
    { "org.apache.kafka.connect.converters.IntegerConverter", CV_INT32, 4, "integer" },
    { "org.apache.kafka.connect.converters.LongConverter", CV_INT64, 8, "long" },
    { "org.apache.kafka.connect.converters.FloatConverter", CV_FLOAT32, 4, "float" },
    { "org.apache.kafka.connect.converters.DoubleConverter", CV_FLOAT64, 8, "double" },
    { "org.apache.kafka.connect.converters.BooleanConverter", CV_BOOLEAN, 1, "boolean" },
};

struct number_converter {
    struct cv_converter base;
    const struct number_type *type;
};

static enum cv_rc
number_configure(const struct cv_plugin *plugin, const struct cv_config *cfg, enum cv_position position,
                 struct cv_converter **ret, struct cv_err *err)
{
    struct number_converter *conv;
    struct { char unused; } none;

    if (converter_parse(plugin, cfg, position, &none, err) != CV_OK)
        return err->rc;
    conv = calloc(1, sizeof(*conv));
    if (conv == NULL)
        return cv_fail_memory(err);
    conv->base.plugin = plugin;
    for (size_t i = 0; i < NUMBER_CONVERTERS; i++)
        if (strcmp(plugin->name, number_types[i].name) == 0)
            conv->type = &number_types[i];
    *ret = &conv->base;
    return CV_OK;
}

static void
number_free(struct cv_converter *base)
{
    if (base != NULL)
        free(cv_container_of(base, struct number_converter, base));
}

static uint64_t
bits_of(const struct cv_value *val)
{
    uint64_t bits64;
    uint32_t bits32;

    if (val->type == CV_FLOAT64) {
        memcpy(&bits64, &val->float64, sizeof(bits64));
        return bits64;
    }
    if (val->type == CV_FLOAT32) {
        memcpy(&bits32, &val->float32, sizeof(bits32));
        return bits32;
    }
    return val->type == CV_BOOLEAN ? val->boolean : (uint64_t)val->integer;
}

static enum cv_rc
number_from_connect(const struct cv_converter *base, const char *topic, const struct cv_value *val,
                    struct cv_buf *out, bool *ret_null, struct cv_err *err)
{
    const struct number_type *type = cv_container_of(base, const struct number_converter, base)->type;
    uint64_t bits;

    (void)topic;
    *ret_null = val->is_null;
    if (type->type == CV_BOOLEAN && val->schema != NULL && val->schema->type != CV_BOOLEAN)
        return cv_fail(err, CV_INVALID, "Invalid schema type for BooleanConverter: %s",
                       java_type_name(val->schema->type));
    if (val->is_null)
        return CV_OK;
    /* Java has dates as objects, which are no numbers */
    if (val->type != type->type || logical_of(val->schema) != LOGICAL_NONE)
        return cv_fail(err, CV_INVALID, "Failed to serialize to %s (was class %s)", type->java_name,
                       java_class_name(val->schema, val));
    bits = bits_of(val);
    for (size_t i = type->len; i-- > 0;)
        cv_buf_char(out, (char)(bits >> (8 * i)));
    return cv_buf_check(out, err);
}

static void
set_bits(struct cv_value *val, uint64_t bits)
{
    uint32_t bits32 = (uint32_t)bits;

    switch (val->type) {
    case CV_FLOAT64:
        memcpy(&val->float64, &bits, sizeof(bits));
        break;
    case CV_FLOAT32:
        memcpy(&val->float32, &bits32, sizeof(bits32));
        break;
    case CV_INT16:
        val->integer = (int16_t)bits;
        break;
    case CV_INT32:
        val->integer = (int32_t)bits;
        break;
    case CV_BOOLEAN:
        val->boolean = bits == 1;
        break;
    default:
        val->integer = (int64_t)bits;
        break;
    }
}

static enum cv_rc
number_to_connect(struct cv_converter *base, const char *topic, const struct cv_bytes *in,
                  struct cv_arena *arena, struct cv_value *ret, struct cv_err *err)
{
    const struct number_type *type = cv_container_of(base, struct number_converter, base)->type;
    const struct cv_schema *schema = cv_schema_plain(type->type, true);
    uint64_t bits = 0;

    (void)topic;
    (void)arena;
    if (in == NULL) {
        *ret = cv_null(schema);
        return CV_OK;
    }
    if (in->len != type->len)
        return cv_fail(err, CV_INVALID, "Failed to deserialize %s: size of data is %zu, not %zu", type->java_name,
                       in->len, type->len);
    for (size_t i = 0; i < in->len; i++)
        bits = bits << 8 | (unsigned char)in->data[i];
    if (type->type == CV_BOOLEAN && bits > 1)
        return cv_fail(err, CV_INVALID, "Failed to deserialize boolean: unexpected byte 0x%02X", (unsigned)bits);
    *ret = (struct cv_value){ .schema = schema, .type = type->type };
    set_bits(ret, bits);
    return CV_OK;
}

static const struct cv_converter_ops number_ops = {
    .configure = number_configure,
    .from_connect = number_from_connect,
    .to_connect = number_to_connect,
    .free = number_free,
};

#define NUMBER_PLUGIN(plugin_kind, class_name)                                                             \
    { .api = CV_PLUGIN_API, .kind = (plugin_kind),                                                         \
      .name = "org.apache.kafka.connect.converters." class_name, .version = PACKAGE_VERSION,               \
      .config = converter_type_config, .converter = &number_ops }
#define NUMBER_PLUGINS(plugin_kind)                                                                        \
    { NUMBER_PLUGIN(plugin_kind, "ShortConverter"), NUMBER_PLUGIN(plugin_kind, "IntegerConverter"),        \
      NUMBER_PLUGIN(plugin_kind, "LongConverter"), NUMBER_PLUGIN(plugin_kind, "FloatConverter"),           \
      NUMBER_PLUGIN(plugin_kind, "DoubleConverter"), NUMBER_PLUGIN(plugin_kind, "BooleanConverter") }

const struct cv_plugin number_converter_plugins[NUMBER_CONVERTERS] = NUMBER_PLUGINS(CV_CONVERTER);
const struct cv_plugin number_header_converter_plugins[NUMBER_CONVERTERS] =
    NUMBER_PLUGINS(CV_HEADER_CONVERTER);
