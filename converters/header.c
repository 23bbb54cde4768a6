/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SimpleHeaderConverter: values of headers as readable text, and text back to typed values (data/text_value.h).
 * Source: org.apache.kafka.connect.storage.SimpleHeaderConverter.
 */
#include <config.h>

#include <stdlib.h>

#include "common/buf.h"
#include "converters/converters.h"
#include "data/text_value.h"
#include "data/utf8_text.h"

static enum cv_rc
header_configure(const struct cv_plugin *plugin, const struct cv_config *cfg, enum cv_position position,
                 struct cv_converter **ret, struct cv_err *err)
{
    struct cv_converter *conv = calloc(1, sizeof(*conv));

    (void)cfg;
    (void)position;
    if (conv == NULL)
        return cv_fail_memory(err);
    conv->plugin = plugin;
    *ret = conv;
    return CV_OK;
}

static void
header_free(struct cv_converter *conv)
{
    free(conv);
}

static enum cv_rc
header_from_connect(const struct cv_converter *conv, const char *topic, const struct cv_value *val,
                    struct cv_buf *out, bool *ret_null, struct cv_err *err)
{
    (void)conv;
    (void)topic;
    *ret_null = val->is_null;
    if (!val->is_null)
        text_of_value(out, val);
    return cv_buf_check(out, err);
}

static enum cv_rc
header_to_connect(struct cv_converter *conv, const char *topic, const struct cv_bytes *in,
                  struct cv_arena *arena, struct cv_value *ret, struct cv_err *err)
{
    struct cv_bytes text;
    enum cv_rc rc;

    (void)conv;
    (void)topic;
    if (in == NULL) {
        *ret = cv_null(NULL);
        return CV_OK;
    }
    rc = utf8_text(in->data, in->len, arena, &text, err);
    return rc == CV_OK ? text_parse(text.data, text.len, arena, ret, err) : rc;
}

static const struct cv_converter_ops header_ops = {
    .configure = header_configure,
    .from_connect = header_from_connect,
    .to_connect = header_to_connect,
    .free = header_free,
};

static const struct cv_config_def no_options[] = { CV_CONFIG_END };

const struct cv_plugin simple_header_converter_plugin = {
    .api = CV_PLUGIN_API,
    .kind = CV_HEADER_CONVERTER,
    .name = "org.apache.kafka.connect.storage.SimpleHeaderConverter",
    .version = PACKAGE_VERSION,
    .config = no_options,
    .converter = &header_ops,
};
