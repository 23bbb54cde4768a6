/* SPDX-License-Identifier: Apache-2.0 */
/* Names: one rule for all of them, over different alphabets. */
#include "connectors/postgres/name.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/regex.h"
#include "common/utf8.h"

#define TOPIC_MAX 249
#define NAME_MAX  4096

/* Which characters a name may have besides letters and digits, and what becomes of others: '_', or _uXXXX, for which
   '_' itself is one of the others. */
struct alphabet {
    const char *more;
    bool starts_with_letter; /* a digit in front gets '_' before it */
    bool unicode;
};

struct namer {
    const struct pg_config *config;
    struct alphabet topic;
    bool with_schema;            /* prefix.schema.table, not prefix.table */
    struct cv_regex *regex;      /* NULL: no regex strategy */
    struct cv_regex *key_regex;  /* NULL: none */
};

static const struct {
    const char *class;
    bool with_schema;
    bool unicode;
    bool regex;
} strategies[] = {
    { "io.debezium.schema.SchemaTopicNamingStrategy", true, false, false },
    { "io.debezium.schema.SchemaUnicodeTopicNamingStrategy", true, true, false },
    { "io.debezium.schema.SchemaRegexTopicNamingStrategy", true, false, true },
    { "io.debezium.schema.DefaultTopicNamingStrategy", false, false, false },
    { "io.debezium.schema.DefaultUnicodeTopicNamingStrategy", false, true, false },
    { "io.debezium.schema.DefaultRegexTopicNamingStrategy", false, false, true },
};

/* The code point at *inout, which moves behind it. What is no UTF-8 counts byte by byte. */
static uint32_t
next_code(const char **inout)
{
    const unsigned char *s = (const unsigned char *)*inout;
    size_t n = cv_utf8_sequence(*inout, strlen(*inout));
    uint32_t code = n <= 1 ? s[0] : s[0] & (0xffU >> (n + 1));

    for (size_t i = 1; i < n; i++)
        code = code << 6 | (s[i] & 0x3fU);
    *inout += n == 0 ? 1 : n;
    return code;
}

static bool
is_digit(uint32_t code)
{
    return code >= '0' && code <= '9';
}

static bool
is_in(const struct alphabet *alphabet, uint32_t code, bool first)
{
    if (code == '_' && alphabet->unicode)
        return false;
    if (is_digit(code))
        return !(first && alphabet->starts_with_letter);
    return (code >= 'a' && code <= 'z') || (code >= 'A' && code <= 'Z') ||
           (code < 0x80 && strchr(alphabet->more, (int)code) != NULL);
}

/* One UTF-16 unit that the alphabet does not have. */
static void
add_other(struct cv_buf *out, const struct alphabet *alphabet, uint32_t unit)
{
    if (alphabet->unicode) {
        cv_buf_printf(out, "_u%04x", unit);
        return;
    }
    cv_buf_char(out, '_');
    if (is_digit(unit))
        cv_buf_char(out, (char)unit);
}

static void
add_adjusted(struct cv_buf *out, const struct alphabet *alphabet, const char *text)
{
    for (bool first = true; *text != '\0'; first = false) {
        uint32_t code = next_code(&text);

        if (is_in(alphabet, code, first)) {
            cv_buf_char(out, (char)code);
        } else if (code <= 0xffff) {
            add_other(out, alphabet, code);
        } else {
            add_other(out, alphabet, 0xd800 + ((code - 0x10000) >> 10));
            add_other(out, alphabet, 0xdc00 + ((code - 0x10000) & 0x3ff));
        }
    }
}

static void
adjust(int mode, const char *more, const char *name, struct cv_buf *out)
{
    const struct alphabet alphabet = { more, true, mode == PG_ADJUST_AVRO_UNICODE };

    if (mode == PG_ADJUST_NONE)
        cv_buf_str(out, name);
    else
        add_adjusted(out, &alphabet, name);
}

void
name_adjust_schema(const struct pg_config *config, const char *name, struct cv_buf *out)
{
    adjust(config->schema_name_adjustment, "_.", name, out);
}

void
name_adjust_field(const struct pg_config *config, const char *name, struct cv_buf *out)
{
    adjust(config->field_name_adjustment, "_", name, out);
}

/* ---- topics */

static enum cv_rc
join(const char *first, const char *between, const char *second, char **ret, struct cv_err *err)
{
    struct cv_buf buf = CV_BUF_INIT(NAME_MAX);
    enum cv_rc rc;

    cv_buf_str(&buf, first);
    cv_buf_str(&buf, between);
    cv_buf_str(&buf, second);
    if (buf.len > TOPIC_MAX)
        cv_buf_truncate(&buf, TOPIC_MAX);
    rc = cv_buf_check(&buf, err);
    if (rc == CV_OK)
        *ret = cv_buf_take(&buf);
    cv_buf_free(&buf);
    return rc;
}

enum cv_rc
name_heartbeat_topic(const struct pg_config *config, char **ret, struct cv_err *err)
{
    if (config->topic_heartbeat_name != NULL && config->topic_heartbeat_name[0] != '\0')
        return join(config->topic_heartbeat_name, "", "", ret, err);
    return join(config->topic_heartbeat_prefix, config->topic_delimiter, config->topic_prefix, ret, err);
}

enum cv_rc
name_transaction_topic(const struct pg_config *config, char **ret, struct cv_err *err)
{
    return join(config->topic_prefix, config->topic_delimiter, config->topic_transaction, ret, err);
}

/* The delimiter has no part in it. */
enum cv_rc
name_message_topic(const struct pg_config *config, char **ret, struct cv_err *err)
{
    return join(config->topic_prefix, ".", "message", ret, err);
}

static enum cv_rc
compile_regex(const struct pg_config *config, struct namer *namer, struct cv_err *err)
{
    if (config->topic_regex == NULL || config->topic_replacement == NULL)
        return cv_fail(err, CV_INVALID, "topic.naming.strategy %s needs topic.regex and topic.replacement",
                       config->topic_naming_strategy);
    if (cv_regex_new(config->topic_regex, false, &namer->regex, err) != CV_OK)
        return cv_err_context(err, "topic.regex");
    if (cv_regex_check_replacement(namer->regex, config->topic_replacement, err) != CV_OK)
        return cv_err_context(err, "topic.replacement");
    if (config->topic_key_field_regex == NULL)
        return CV_OK;
    if (config->topic_key_field_replacement == NULL)
        return cv_fail(err, CV_INVALID, "topic.key.field.regex needs topic.key.field.replacement");
    if (cv_regex_new(config->topic_key_field_regex, false, &namer->key_regex, err) != CV_OK)
        return cv_err_context(err, "topic.key.field.regex");
    if (cv_regex_check_replacement(namer->key_regex, config->topic_key_field_replacement, err) != CV_OK)
        return cv_err_context(err, "topic.key.field.replacement");
    return CV_OK;
}

enum cv_rc
namer_new(const struct pg_config *config, struct namer **ret, struct cv_err *err)
{
    struct namer *namer;
    enum cv_rc rc = CV_OK;
    size_t i = 0;

    while (i < CV_COUNT(strategies) && strcmp(strategies[i].class, config->topic_naming_strategy) != 0)
        i++;
    if (i == CV_COUNT(strategies))
        return cv_fail(err, CV_INVALID,
                       "topic.naming.strategy %s is not known; use io.debezium.schema.SchemaTopicNamingStrategy or "
                       "another of the Schema, SchemaRegex, SchemaUnicode, Default, DefaultRegex and DefaultUnicode "
                       "strategies",
                       config->topic_naming_strategy);
    namer = calloc(1, sizeof(*namer));
    if (namer == NULL)
        return cv_fail_memory(err);
    namer->config = config;
    namer->topic = (struct alphabet){ "._-", false, strategies[i].unicode };
    namer->with_schema = strategies[i].with_schema;
    if (strategies[i].regex)
        rc = compile_regex(config, namer, err);
    if (rc == CV_OK)
        *ret = namer;
    else
        namer_free(namer);
    return rc;
}

void
namer_free(struct namer *namer)
{
    if (namer == NULL)
        return;
    cv_regex_free(namer->regex);
    cv_regex_free(namer->key_regex);
    free(namer);
}

/* What the topic is called before a regex strategy has its way. */
static void
add_physical(const struct namer *namer, const char *schema, const char *table, struct cv_buf *out)
{
    const char *delimiter = namer->config->topic_delimiter;

    add_adjusted(out, &namer->topic, namer->config->topic_prefix);
    add_adjusted(out, &namer->topic, delimiter);
    if (namer->with_schema) {
        add_adjusted(out, &namer->topic, schema);
        add_adjusted(out, &namer->topic, delimiter);
    }
    add_adjusted(out, &namer->topic, table);
    if (out->len > TOPIC_MAX)
        cv_buf_truncate(out, TOPIC_MAX);
}

/* The physical name through a regex; as it is when that does not match, or leaves nothing. */
static void
add_replaced(const struct namer *namer, const struct cv_regex *regex, const char *replacement, const char *schema,
             const char *table, struct cv_buf *out)
{
    struct cv_buf physical = CV_BUF_INIT(NAME_MAX);

    add_physical(namer, schema, table, &physical);
    if (regex == NULL || !cv_regex_replace(regex, cv_buf_cstr(&physical), physical.len, replacement, out) ||
        out->len == 0)
        cv_buf_add(out, physical.data, physical.len);
    cv_buf_free(&physical);
}

void
namer_table_topic(const struct namer *namer, const char *schema, const char *table, struct cv_buf *out)
{
    struct cv_buf renamed = CV_BUF_INIT(NAME_MAX);

    if (namer->regex == NULL) {
        add_physical(namer, schema, table, out);
        return;
    }
    add_replaced(namer, namer->regex, namer->config->topic_replacement, schema, table, &renamed);
    add_adjusted(out, &namer->topic, cv_buf_cstr(&renamed));
    if (out->len > TOPIC_MAX)
        cv_buf_truncate(out, TOPIC_MAX);
    cv_buf_free(&renamed);
}

const char *
namer_key_field(const struct namer *namer)
{
    return namer->regex != NULL && namer->config->topic_key_unique ? namer->config->topic_key_field : NULL;
}

void
namer_key_value(const struct namer *namer, const char *schema, const char *table, struct cv_buf *out)
{
    add_replaced(namer, namer->key_regex, namer->config->topic_key_field_replacement, schema, table, out);
}
