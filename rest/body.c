/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pull readers, one a body. They refuse in the order of the bytes, as Jackson's streaming does: a
 * list where an object is expected is told as that, even if its contents are no JSON. The texts
 * begin as Jackson's do, because clients and people search for them; where in the body is told in
 * our own words.
 */
#include <config.h>

#include "rest/body.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

#include "common/json_read.h"

#define STRING_MAX ((size_t)16 << 20)
#define KEYS_MAX   4096 /* of a configuration: finding a key takes time for each that is there */
#define STRING_MAP "java.util.LinkedHashMap<java.lang.String,java.lang.String>"

/* ---- telling what is wrong ---- */

static enum cv_rc
no_memory(struct cv_buf *why)
{
    cv_buf_str(why, "out of memory");
    return CV_NO_MEMORY;
}

/* " (line 1, column 2)" of a position. */
static void
add_location(const struct cv_json_reader *r, size_t pos, struct cv_buf *why)
{
    unsigned line = 1, column = 1;

    for (size_t i = 0; i < pos && i < r->len; i++) {
        column++;
        if (r->data[i] == '\n') {
            line++;
            column = 1;
        }
    }
    cv_buf_printf(why, " (line %u, column %u)", line, column);
}

/* The bare word that begins at pos. */
static size_t
word_len(const struct cv_json_reader *r, size_t pos)
{
    size_t n = 0;

    while (pos + n < r->len && n < 64 &&
           (isalnum((unsigned char)r->data[pos + n]) || r->data[pos + n] == '_'))
        n++;
    return n;
}

/* Whether a value could stand at pos: it follows ':', '[', a comma inside an array, or nothing. */
static bool
is_value_position(const struct cv_json_reader *r, size_t pos)
{
    while (pos > 0 && strchr(" \t\r\n", r->data[pos - 1]) != NULL)
        pos--;
    if (pos == 0 || r->depth == 0)
        return true;
    if (r->data[pos - 1] == ',')
        return r->depth <= CV_JSON_DEPTH && (r->in_object >> (r->depth - 1) & 1) == 0;
    return r->data[pos - 1] == ':' || r->data[pos - 1] == '[';
}

static void
describe_word(const struct cv_json_reader *r, size_t pos, struct cv_buf *why)
{
    size_t len = word_len(r, pos);

    if ((len == 3 && memcmp(r->data + pos, "NaN", 3) == 0) ||
        (len == 8 && memcmp(r->data + pos, "Infinity", 8) == 0))
        cv_buf_printf(why, "Non-standard token '%.*s': JSON has no such number", (int)len,
                      r->data + pos);
    else
        cv_buf_printf(
            why,
            "Unrecognized token '%.*s': was expecting (JSON String, Number, Array, Object or "
            "token 'null', 'true' or 'false')",
            (int)len, r->data + pos);
}

/* Syntax: from the byte at which the reader stopped, and from its own words. */
static enum cv_rc
fail_syntax(const struct cv_json_reader *r, struct cv_buf *why)
{
    size_t pos = r->pos < r->len ? r->pos : r->len;
    size_t start = pos;
    unsigned char c = pos < r->len ? (unsigned char)r->data[pos] : 0;

    while (start > 0 && (isalnum((unsigned char)r->data[start - 1]) || r->data[start - 1] == '_'))
        start--;
    if (pos == r->len) {
        cv_buf_str(why, "Unexpected end-of-input: the JSON text is cut off");
    } else if (r->depth > CV_JSON_DEPTH ||
               (r->problem != NULL && strstr(r->problem, "deep") != NULL)) {
        cv_buf_printf(why, "Document nesting depth exceeds the maximum allowed (%d)",
                      CV_JSON_DEPTH);
    } else if (r->problem != NULL && strstr(r->problem, "UTF-8") != NULL) {
        cv_buf_str(why, "Invalid UTF-8: the body must be UTF-8 text");
    } else if (r->problem != NULL && strstr(r->problem, "surrogate") != NULL) {
        cv_buf_str(why, "Incomplete surrogate pair: a \\ud800 to \\udfff escape stands alone");
    } else if (r->problem != NULL && strstr(r->problem, "control") != NULL) {
        cv_buf_printf(why,
                      "Illegal unquoted character ((CTRL-CHAR, code %d)): has to be escaped using "
                      "backslash to be included in string value",
                      c);
    } else if (r->problem != NULL && strstr(r->problem, "escape") != NULL) {
        if (c == '\\' && pos + 1 < r->len)
            c = (unsigned char)r->data[pos + 1];
        cv_buf_printf(why, "Unrecognized character escape '%c' (code %d)", isprint(c) ? c : '?', c);
    } else if (r->problem != NULL && strstr(r->problem, "zeros") != NULL) {
        cv_buf_str(why, "Invalid numeric value: Leading zeroes not allowed");
    } else if (isalpha((unsigned char)r->data[start]) && is_value_position(r, start)) {
        describe_word(r, start, why);
    } else if (r->depth == 0 && (c == '{' || c == '[' || c == '"' || isdigit(c)) && start > 0) {
        cv_buf_printf(why, "Trailing token (of type %s) found after value: not allowed",
                      c == '{'   ? "START_OBJECT"
                      : c == '[' ? "START_ARRAY"
                      : c == '"' ? "VALUE_STRING"
                                 : "VALUE_NUMBER_INT");
    } else {
        cv_buf_printf(why, "Unexpected character ('%c' (code %d)): %s", isprint(c) ? c : '?', c,
                      c == '/' ? "maybe a (non-standard) comment?"
                      : is_value_position(r, pos)
                          ? "was expecting a value"
                          : "was expecting double-quote to start field name, "
                            "a comma or a closing bracket");
    }
    add_location(r, pos, why);
    return CV_INVALID;
}

static enum cv_rc
fail_shape(const struct cv_json_reader *r, enum cv_json_token token, const char *java_type,
           struct cv_buf *why)
{
    const char *what =
        token == CV_JSON_OBJECT  ? "Object value (token `JsonToken.START_OBJECT`)"
        : token == CV_JSON_ARRAY ? "Array value (token `JsonToken.START_ARRAY`)"
        : token == CV_JSON_NUMBER
            ? (r->integral ? "Integer value (token `JsonToken.VALUE_NUMBER_INT`)"
                           : "Floating-point value (token `JsonToken.VALUE_NUMBER_FLOAT`)")
        : token == CV_JSON_TRUE || token == CV_JSON_FALSE ? "Boolean value"
        : token == CV_JSON_STRING                         ? "String value"
                                                          : "Null value";

    if (token == CV_JSON_BAD)
        return fail_syntax(r, why);
    if (token == CV_JSON_OBJECT || token == CV_JSON_ARRAY || strchr(java_type, '<') != NULL)
        cv_buf_printf(why, "Cannot deserialize value of type `%s` from %s", java_type, what);
    else
        cv_buf_printf(
            why,
            "Cannot construct instance of `%s` (although at least one Creator exists): no "
            "constructor/factory method to deserialize from %s",
            java_type, what);
    add_location(r, r->pos, why);
    return CV_INVALID;
}

static enum cv_rc
fail_field(const struct cv_json_reader *r, const char *class_name, const char *known,
           struct cv_buf *why)
{
    cv_buf_str(why, "Unrecognized field \"");
    cv_json_text(r, why);
    cv_buf_printf(why, "\" (class %s), not marked as ignorable (known properties: %s)", class_name,
                  known);
    add_location(r, r->pos, why);
    return CV_INVALID;
}

/* ---- tokens ---- */

/* Begin, behind a byte order mark; false: there is nothing but white space. */
static bool
reader_begin(struct cv_json_reader *r, const char *body, size_t len)
{
    if (len >= 3 && memcmp(body, "\xef\xbb\xbf", 3) == 0) {
        body += 3;
        len -= 3;
    }
    cv_json_reader_init(r, body, len);
    while (len > 0 && strchr(" \t\r\n", *body) != NULL && *body != '\0') {
        body++;
        len--;
    }
    return len > 0;
}

static enum cv_rc
reader_end(struct cv_json_reader *r, struct cv_buf *why)
{
    return cv_json_next(r) == CV_JSON_DONE ? CV_OK : fail_syntax(r, why);
}

/* The text of the last key, string or number; a NUL in it would cut the name short without a word.
 */
static enum cv_rc
take_text(const struct cv_json_reader *r, char **ret, struct cv_buf *why)
{
    struct cv_buf text = CV_BUF_INIT(STRING_MAX);

    cv_buf_str(&text, "");
    cv_json_text(r, &text);
    if (text.len > 0 && memchr(text.data, '\0', text.len) != NULL) {
        cv_buf_free(&text);
        cv_buf_str(why, "Illegal character: \\u0000 cannot be part of a name or value");
        add_location(r, r->pos, why);
        return CV_INVALID;
    }
    *ret = cv_buf_take(&text);
    if (*ret != NULL)
        return CV_OK;
    cv_buf_free(&text);
    return no_memory(why);
}

/* A scalar as text: its source, or NULL for null. */
static enum cv_rc
read_scalar(struct cv_json_reader *r, enum cv_json_token token, char **ret, struct cv_buf *why)
{
    *ret = NULL;
    switch (token) {
    case CV_JSON_STRING:
    case CV_JSON_NUMBER:
        return take_text(r, ret, why);
    case CV_JSON_TRUE:
    case CV_JSON_FALSE:
        *ret = strdup(token == CV_JSON_TRUE ? "true" : "false");
        return *ret == NULL ? no_memory(why) : CV_OK;
    case CV_JSON_NULL:
        return CV_OK;
    default:
        return fail_shape(r, token, "java.lang.String", why);
    }
}

/* The members of an object that has begun. */
static enum cv_rc
read_members(struct cv_json_reader *r, struct cv_config *config, struct cv_buf *why)
{
    enum cv_json_token token;

    while ((token = cv_json_next(r)) == CV_JSON_KEY) {
        char *key = NULL;
        char *value = NULL;
        struct cv_err err;
        enum cv_rc rc = take_text(r, &key, why);

        if (rc == CV_OK)
            rc = read_scalar(r, cv_json_next(r), &value, why);
        if (rc == CV_OK && cv_config_set(config, key, value, &err) != CV_OK)
            rc = no_memory(why);
        if (rc == CV_OK && cv_config_count(config) > KEYS_MAX) {
            cv_buf_printf(why, "a configuration has at most %d keys", KEYS_MAX);
            rc = CV_INVALID;
        }
        free(key);
        free(value);
        if (rc != CV_OK)
            return rc;
    }
    return token == CV_JSON_OBJECT_END ? CV_OK : fail_syntax(r, why);
}

/* A map whose first token is token; null is NULL. */
static enum cv_rc
read_map(struct cv_json_reader *r, enum cv_json_token token, struct cv_config **ret,
         struct cv_buf *why)
{
    struct cv_config *config;
    enum cv_rc rc;

    *ret = NULL;
    if (token == CV_JSON_NULL)
        return CV_OK;
    if (token != CV_JSON_OBJECT)
        return fail_shape(r, token, STRING_MAP, why);
    config = cv_config_new();
    if (config == NULL)
        return no_memory(why);
    rc = read_members(r, config, why);
    if (rc == CV_OK)
        *ret = config;
    else
        cv_config_free(config);
    return rc;
}

/* ---- bodies ---- */

void
rest_create_done(struct rest_create *create)
{
    free(create->name);
    cv_config_free(create->config);
    memset(create, 0, sizeof(*create));
}

/* initial_state: RUNNING, PAUSED, STOPPED in any case. */
static enum cv_rc
read_state(struct cv_json_reader *r, struct rest_create *create, struct cv_buf *why)
{
    static const struct {
        const char *name;
        enum target_state state;
    } states[] = {
        { "RUNNING", TARGET_STARTED },
        { "PAUSED", TARGET_PAUSED },
        { "STOPPED", TARGET_STOPPED },
    };
    char *text = NULL;
    enum cv_rc rc = read_scalar(r, cv_json_next(r), &text, why);

    create->has_state = false;
    if (rc != CV_OK || text == NULL)
        return rc;
    for (size_t i = 0; i < CV_COUNT(states); i++) {
        if (strcasecmp(text, states[i].name) == 0) {
            create->has_state = true;
            create->state = states[i].state;
        }
    }
    if (!create->has_state) {
        for (char *p = text; *p != '\0'; p++)
            *p = (char)toupper((unsigned char)*p);
        cv_buf_printf(
            why,
            "Cannot construct instance of `InitialState`, problem: No enum constant "
            "org.apache.kafka.connect.runtime.rest.entities.CreateConnectorRequest.InitialState."
            "%.100s (initial_state is one of RUNNING, PAUSED, STOPPED)",
            text);
        rc = CV_INVALID;
    }
    free(text);
    return rc;
}

static enum cv_rc
read_create_field(struct cv_json_reader *r, struct rest_create *create, struct cv_buf *why)
{
    if (cv_json_text_is(r, "name")) {
        free(create->name);
        return read_scalar(r, cv_json_next(r), &create->name, why);
    }
    if (cv_json_text_is(r, "config")) {
        cv_config_free(create->config);
        return read_map(r, cv_json_next(r), &create->config, why);
    }
    if (cv_json_text_is(r, "initial_state"))
        return read_state(r, create, why);
    return fail_field(r, "org.apache.kafka.connect.runtime.rest.entities.CreateConnectorRequest",
                      "\"config\", \"name\", \"initial_state\"", why);
}

enum cv_rc
rest_read_create(const char *body, size_t len, struct rest_create *ret, bool *ret_null,
                 struct cv_buf *why)
{
    struct rest_create create = { 0 };
    struct cv_json_reader r;
    enum cv_json_token token;
    enum cv_rc rc = CV_OK;

    *ret_null = !reader_begin(&r, body, len);
    if (*ret_null)
        return CV_OK;
    token = cv_json_next(&r);
    if (token == CV_JSON_NULL) {
        *ret_null = true;
        return reader_end(&r, why);
    }
    if (token != CV_JSON_OBJECT)
        return fail_shape(&r, token,
                          "org.apache.kafka.connect.runtime.rest.entities.CreateConnectorRequest",
                          why);
    while (rc == CV_OK && (token = cv_json_next(&r)) == CV_JSON_KEY)
        rc = read_create_field(&r, &create, why);
    if (rc == CV_OK && token != CV_JSON_OBJECT_END)
        rc = fail_syntax(&r, why);
    if (rc == CV_OK)
        rc = reader_end(&r, why);
    if (rc == CV_OK)
        *ret = create;
    else
        rest_create_done(&create);
    return rc;
}

enum cv_rc
rest_read_config(const char *body, size_t len, struct cv_config **ret, struct cv_buf *why)
{
    struct cv_json_reader r;
    enum cv_rc rc;

    *ret = NULL;
    if (!reader_begin(&r, body, len))
        return CV_OK;
    rc = read_map(&r, cv_json_next(&r), ret, why);
    if (rc == CV_OK)
        rc = reader_end(&r, why);
    if (rc != CV_OK) {
        cv_config_free(*ret);
        *ret = NULL;
    }
    return rc;
}

static void
configs_free(struct cv_config **configs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        cv_config_free(configs[i]);
    free(configs);
}

/* One more map behind those in *configs. */
static enum cv_rc
read_one_more(struct cv_json_reader *r, enum cv_json_token token, struct cv_config ***configs,
              size_t *count, struct cv_buf *why)
{
    struct cv_config **more = realloc(*configs, (*count + 1) * sizeof(struct cv_config *));
    enum cv_rc rc;

    if (more == NULL)
        return no_memory(why);
    *configs = more;
    rc = read_map(r, token, &more[*count], why);
    if (rc == CV_OK && more[*count] == NULL) { /* null */
        more[*count] = cv_config_new();
        if (more[*count] == NULL)
            rc = no_memory(why);
    }
    if (rc == CV_OK)
        ++*count;
    return rc;
}

enum cv_rc
rest_read_configs(const char *body, size_t len, struct cv_config ***ret, size_t *ret_count,
                  struct cv_buf *why)
{
    struct cv_config **configs = NULL;
    struct cv_json_reader r;
    enum cv_json_token token;
    size_t count = 0;
    enum cv_rc rc = CV_OK;

    if (!reader_begin(&r, body, len)) {
        cv_buf_str(why, "No content to map due to end-of-input");
        return CV_INVALID;
    }
    token = cv_json_next(&r);
    if (token != CV_JSON_ARRAY)
        return fail_shape(&r, token,
                          "java.util.ArrayList<java.util.Map<java.lang.String,java.lang.String>>",
                          why);
    while (rc == CV_OK && (token = cv_json_next(&r)) != CV_JSON_ARRAY_END)
        rc = token == CV_JSON_BAD ? fail_syntax(&r, why)
                                  : read_one_more(&r, token, &configs, &count, why);
    if (rc == CV_OK)
        rc = reader_end(&r, why);
    if (rc != CV_OK) {
        configs_free(configs, count);
        return rc;
    }
    *ret = configs;
    *ret_count = count;
    return CV_OK;
}

/* {"partition":{...},"offset":{...}}: what is inside is the herder's. */
static enum cv_rc
skip_offset(struct cv_json_reader *r, struct cv_buf *why)
{
    enum cv_json_token token;

    while ((token = cv_json_next(r)) == CV_JSON_KEY) {
        bool known = cv_json_text_is(r, "partition") || cv_json_text_is(r, "offset");

        if (!known)
            return fail_field(r, "org.apache.kafka.connect.runtime.rest.entities.ConnectorOffset",
                              "\"partition\", \"offset\"", why);
        token = cv_json_skip(r);
        if (token == CV_JSON_BAD)
            return fail_syntax(r, why);
        if (token != CV_JSON_OBJECT && token != CV_JSON_NULL)
            return fail_shape(r, token,
                              "java.util.LinkedHashMap<java.lang.String,java.lang.Object>", why);
    }
    return token == CV_JSON_OBJECT_END ? CV_OK : fail_syntax(r, why);
}

static enum cv_rc
count_offsets(struct cv_json_reader *r, size_t *ret_count, struct cv_buf *why)
{
    enum cv_json_token token = cv_json_next(r);

    *ret_count = 0;
    if (token == CV_JSON_NULL)
        return CV_OK;
    if (token != CV_JSON_ARRAY)
        return fail_shape(
            r, token,
            "java.util.ArrayList<org.apache.kafka.connect.runtime.rest.entities.ConnectorOffset>",
            why);
    while ((token = cv_json_next(r)) != CV_JSON_ARRAY_END) {
        enum cv_rc rc = CV_OK;

        if (token == CV_JSON_OBJECT)
            rc = skip_offset(r, why);
        else
            rc = fail_shape(r, token,
                            "org.apache.kafka.connect.runtime.rest.entities.ConnectorOffset", why);
        if (rc != CV_OK)
            return rc;
        ++*ret_count;
    }
    return CV_OK;
}

enum cv_rc
rest_read_offsets(const char *body, size_t len, const char **ret_json, size_t *ret_len,
                  size_t *ret_count, bool *ret_null, struct cv_buf *why)
{
    struct cv_json_reader r;
    enum cv_json_token token;
    enum cv_rc rc = CV_OK;

    *ret_count = 0;
    *ret_null = !reader_begin(&r, body, len);
    if (*ret_null)
        return CV_OK;
    *ret_json = r.data;
    *ret_len = r.len;
    token = cv_json_next(&r);
    *ret_null = token == CV_JSON_NULL;
    if (*ret_null)
        return reader_end(&r, why);
    if (token != CV_JSON_OBJECT)
        return fail_shape(&r, token,
                          "org.apache.kafka.connect.runtime.rest.entities.ConnectorOffsets", why);
    while (rc == CV_OK && (token = cv_json_next(&r)) == CV_JSON_KEY) {
        if (!cv_json_text_is(&r, "offsets"))
            return fail_field(&r, "org.apache.kafka.connect.runtime.rest.entities.ConnectorOffsets",
                              "\"offsets\"", why);
        rc = count_offsets(&r, ret_count, why);
    }
    if (rc == CV_OK && token != CV_JSON_OBJECT_END)
        rc = fail_syntax(&r, why);
    return rc == CV_OK ? reader_end(&r, why) : rc;
}

bool
rest_read_error(const char *body, size_t len, int *ret_code, struct cv_buf *out)
{
    struct cv_json_reader r;
    enum cv_json_token token;
    bool have_code = false, have_message = false;

    cv_json_reader_init(&r, body, len);
    if (cv_json_next(&r) != CV_JSON_OBJECT)
        return false;
    while ((token = cv_json_next(&r)) == CV_JSON_KEY) {
        int64_t code;

        if (cv_json_text_is(&r, "error_code")) {
            have_code = cv_json_next(&r) == CV_JSON_NUMBER && cv_json_int64(&r, &code) &&
                        code > 0 && code < 1000;
            if (have_code)
                *ret_code = (int)code;
        } else if (cv_json_text_is(&r, "message")) {
            token = cv_json_next(&r);
            have_message = token == CV_JSON_STRING || token == CV_JSON_NULL;
            if (token == CV_JSON_STRING)
                cv_json_text(&r, out);
        } else if (cv_json_skip(&r) == CV_JSON_BAD) {
            return false;
        }
    }
    return token == CV_JSON_OBJECT_END && have_code && have_message && out->failed == CV_OK;
}
