/* SPDX-License-Identifier: Apache-2.0 */
/*
 * StringConverter: any value as the text that Java's toString() gives (data/java_string.h), in any character set that
 * iconv knows; what a set cannot express becomes '?', bytes that are no text U+FFFD, as in Java.
 *
 * Source: org.apache.kafka.connect.storage.StringConverter.
 */
#include <config.h>

#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <strings.h>

#include "common/arena.h"
#include "common/buf.h"
#include "converters/converters.h"
#include "converters/options.h"
#include "data/java_string.h"
#include "data/utf8_text.h"

#define TEXT_MAX ((size_t)1 << 30)

#define NO_ICONV ((iconv_t)-1)

struct string_config {
    char *encoding;
};

struct string_converter {
    struct cv_converter base;
    struct string_config config;
    bool utf8;
    bool utf16_bom; /* Java's UTF-16: a big-endian mark in front when writing, any mark when reading */
    iconv_t to;     /* from UTF-8 to the set, and back; NO_ICONV for UTF-8 */
    iconv_t from;
    iconv_t from_little; /* UTF-16 behind a little-endian mark */
};

static const struct cv_config_def string_config_def[] = {
    CONVERTER_TYPE_ROW,
    { .name = "converter.encoding",
      .type = CV_CONFIG_STRING,
      .def = "UTF-8",
      .importance = CV_HIGH,
      .width = CV_WIDTH_MEDIUM,
      .display = "Encoding",
      .doc = "The character set of the bytes in Kafka, by its Java or IANA name.",
      .offset = offsetof(struct string_config, encoding) },
    CV_CONFIG_END
};

static void
string_free(struct cv_converter *base)
{
    struct string_converter *conv;

    if (base == NULL)
        return;
    conv = cv_container_of(base, struct string_converter, base);
    if (conv->to != NO_ICONV)
        iconv_close(conv->to);
    if (conv->from != NO_ICONV)
        iconv_close(conv->from);
    if (conv->from_little != NO_ICONV)
        iconv_close(conv->from_little);
    cv_config_done(string_config_def, &conv->config);
    free(conv);
}

/* Java's names of sets that iconv spells otherwise. */
static const char *
iconv_name(const char *name)
{
    if (strcasecmp(name, "UTF-16") == 0 || strcasecmp(name, "UTF16") == 0)
        return "UTF-16BE";
    if (strcasecmp(name, "ISO8859_1") == 0 || strcasecmp(name, "ISO8859-1") == 0)
        return "ISO-8859-1";
    return name;
}

static bool
open_encoding(struct string_converter *conv)
{
    const char *name = conv->config.encoding;

    conv->utf8 = strcasecmp(name, "UTF-8") == 0 || strcasecmp(name, "UTF8") == 0;
    if (conv->utf8)
        return true;
    conv->utf16_bom = strcasecmp(name, "UTF-16") == 0 || strcasecmp(name, "UTF16") == 0;
    if (strchr(name, '/') != NULL) /* iconv's suffixes are no part of a name */
        return false;
    conv->to = iconv_open(iconv_name(name), "UTF-8");
    conv->from = iconv_open("UTF-8", iconv_name(name));
    if (conv->utf16_bom)
        conv->from_little = iconv_open("UTF-8", "UTF-16LE");
    return conv->to != NO_ICONV && conv->from != NO_ICONV && (!conv->utf16_bom || conv->from_little != NO_ICONV);
}

static enum cv_rc
string_configure(const struct cv_plugin *plugin, const struct cv_config *cfg, enum cv_position position,
                 struct cv_converter **ret, struct cv_err *err)
{
    struct string_converter *conv = calloc(1, sizeof(*conv));
    enum cv_rc rc;

    if (conv == NULL)
        return cv_fail_memory(err);
    conv->base.plugin = plugin;
    conv->to = conv->from = conv->from_little = NO_ICONV;
    rc = converter_parse(plugin, cfg, position, &conv->config, err);
    if (rc == CV_OK && conv->config.encoding == NULL)
        rc = cv_fail(err, CV_INVALID, "Invalid value null for configuration converter.encoding: name a "
                                      "character set, for example UTF-8");
    if (rc == CV_OK && !open_encoding(conv))
        rc = cv_fail(err, CV_INVALID,
                     "Invalid value %s for configuration converter.encoding: no such character set; `iconv -l` "
                     "lists those of this system",
                     conv->config.encoding);
    if (rc == CV_OK)
        *ret = &conv->base;
    else
        string_free(&conv->base);
    return rc;
}

/* Convert all of in, with instead for each piece that is malformed or has no equivalent. */
static void
convert(iconv_t cd, const char *in, size_t len, size_t unit, const char *instead, size_t instead_len,
        struct cv_buf *out)
{
    char *at = (char *)in; /* iconv does not write to it */

    iconv(cd, NULL, NULL, NULL, NULL);
    while (len > 0 && out->failed == CV_OK) {
        char block[512];
        char *to = block;
        size_t left = sizeof(block);
        size_t n = iconv(cd, &at, &len, &to, &left);
        int why = errno;

        cv_buf_add(out, block, sizeof(block) - left);
        if (n != (size_t)-1 || why == E2BIG)
            continue;
        cv_buf_add(out, instead, instead_len);
        if (why == EINVAL) /* cut in the middle of a character */
            return;
        do {
            n = len < unit ? len : unit;
            at += n;
            len -= n;
        } while (unit == 1 && len > 0 && ((unsigned char)*at & 0xc0) == 0x80 && instead_len == 1);
    }
}

static enum cv_rc
string_from_connect(const struct cv_converter *base, const char *topic, const struct cv_value *val,
                    struct cv_buf *out, bool *ret_null, struct cv_err *err)
{
    const struct string_converter *conv = cv_container_of(base, const struct string_converter, base);
    struct cv_buf text = CV_BUF_INIT(TEXT_MAX);
    enum cv_rc rc;

    (void)topic;
    *ret_null = val->is_null;
    if (val->is_null)
        return CV_OK;
    if (conv->utf8) {
        java_to_string(out, val);
        return cv_buf_check(out, err);
    }
    java_to_string(&text, val);
    rc = cv_buf_check(&text, err);
    if (rc == CV_OK) {
        if (conv->utf16_bom && text.len > 0)
            cv_buf_add(out, "\xfe\xff", 2);
        convert(conv->to, cv_buf_cstr(&text), text.len, 1, "?", 1, out);
        rc = cv_buf_check(out, err);
    }
    cv_buf_free(&text);
    return rc;
}

static enum cv_rc
decode(const struct string_converter *conv, const struct cv_bytes *in, struct cv_arena *arena,
       struct cv_bytes *ret, struct cv_err *err)
{
    struct cv_buf text = CV_BUF_INIT(TEXT_MAX);
    const char *data = in->data;
    size_t len = in->len;
    iconv_t cd = conv->from;
    const char *copy;
    enum cv_rc rc;

    if (conv->utf16_bom && len >= 2 && (memcmp(data, "\xfe\xff", 2) == 0 || memcmp(data, "\xff\xfe", 2) == 0)) {
        if ((unsigned char)data[0] == 0xff)
            cd = conv->from_little;
        data += 2;
        len -= 2;
    }
    convert(cd, data, len, strncasecmp(conv->config.encoding, "UTF-16", 6) == 0 ? 2 : 1, "\xef\xbf\xbd", 3, &text);
    rc = cv_buf_check(&text, err);
    if (rc == CV_OK) {
        copy = cv_arena_dup(arena, text.data, text.len);
        rc = copy != NULL ? CV_OK : cv_fail_memory(err);
        *ret = (struct cv_bytes){ .data = copy, .len = text.len };
    }
    cv_buf_free(&text);
    return rc;
}

static enum cv_rc
string_to_connect(struct cv_converter *base, const char *topic, const struct cv_bytes *in,
                  struct cv_arena *arena, struct cv_value *ret, struct cv_err *err)
{
    const struct string_converter *conv = cv_container_of(base, struct string_converter, base);
    const struct cv_schema *schema = cv_schema_plain(CV_STRING, true);
    struct cv_bytes text;
    enum cv_rc rc;

    (void)topic;
    if (in == NULL) {
        *ret = cv_null(schema);
        return CV_OK;
    }
    rc = conv->utf8 ? utf8_text(in->data, in->len, arena, &text, err) : decode(conv, in, arena, &text, err);
    if (rc != CV_OK)
        return rc;
    *ret = cv_string(text.data, text.len);
    ret->schema = schema;
    return CV_OK;
}

static const struct cv_converter_ops string_ops = {
    .configure = string_configure,
    .from_connect = string_from_connect,
    .to_connect = string_to_connect,
    .free = string_free,
};

#define STRING_PLUGIN(plugin_kind)                                                                         \
    { .api = CV_PLUGIN_API, .kind = (plugin_kind),                                                         \
      .name = "org.apache.kafka.connect.storage.StringConverter", .version = PACKAGE_VERSION,              \
      .config = string_config_def, .converter = &string_ops }

const struct cv_plugin string_converter_plugin = STRING_PLUGIN(CV_CONVERTER);
const struct cv_plugin string_header_converter_plugin = STRING_PLUGIN(CV_HEADER_CONVERTER);
