/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schema nodes to schemas. Members may come in any order, so a node is read in two steps: where each member
 * that we know is, then what it says. Unknown members are passed over, as JsonConverter does.
 *
 * The same text inside a larger node is looked at once for each level above it; schemas are cached by their text,
 * so that this happens once for each schema.
 *
 * Source: org.apache.kafka.connect.json.JsonConverter.asConnectSchema.
 */
#include <config.h>

#include "converters/json_schema.h"

#include <culvert/value.h>

#include "common/arena.h"
#include "common/json_read.h"
#include "data/json.h"

#define NAME_MAX_BYTES (1024 * 1024)

enum member {
    M_TYPE,
    M_ITEMS,
    M_KEYS,
    M_VALUES,
    M_FIELDS,
    M_OPTIONAL,
    M_NAME,
    M_VERSION,
    M_DOC,
    M_PARAMETERS,
    M_DEFAULT,
    M_FIELD,
    MEMBERS,
};

static const char *const member_names[MEMBERS] = { "type",    "items", "keys", "values",     "fields",  "optional",
                                                   "name",    "version", "doc", "parameters", "default", "field" };

/* Where a member's value is, and the kind of token it begins with. */
struct span {
    const char *text; /* NULL: there is no such member */
    size_t len;
    enum cv_json_token kind;
};

struct node {
    struct span members[MEMBERS];
};

static enum cv_rc read_node(const struct span *at, bool replace_null, struct cv_schema **ret,
                            const struct node *parsed, struct cv_err *err);

static enum cv_rc
find_members(const struct span *at, struct node *ret, struct cv_err *err)
{
    struct cv_json_reader r;
    enum cv_json_token tok;

    *ret = (struct node){ .members = { { .text = NULL } } };
    cv_json_reader_init(&r, at->text, at->len);
    if (cv_json_next(&r) != CV_JSON_OBJECT)
        return cv_fail(err, CV_INVALID, "schema must contain 'type' field");
    while ((tok = cv_json_next(&r)) == CV_JSON_KEY) {
        struct span ignored;
        struct span *to = &ignored;

        for (size_t i = 0; i < MEMBERS; i++)
            if (cv_json_text_is(&r, member_names[i]))
                to = &ret->members[i];
        to->kind = cv_json_skip(&r);
        if (to->kind == CV_JSON_BAD)
            return cv_json_fail(&r, err);
        to->text = r.text;
        to->len = r.text_len;
    }
    return tok == CV_JSON_OBJECT_END ? CV_OK : cv_json_fail(&r, err);
}

/* Decode the one string of a span into out, which is emptied first. */
static enum cv_rc
span_text(const struct span *at, struct cv_buf *out, struct cv_err *err)
{
    struct cv_json_reader r;

    cv_buf_reset(out);
    cv_json_reader_init(&r, at->text, at->len);
    if (cv_json_next(&r) != CV_JSON_STRING)
        return cv_json_fail(&r, err);
    cv_json_text(&r, out);
    if (memchr(cv_buf_cstr(out), '\0', out->len) != NULL)
        return cv_fail(err, CV_INVALID, "a name in a schema holds a NUL character");
    return cv_buf_check(out, err);
}

static bool
is_kind(const struct span *at, enum cv_json_token kind)
{
    return at->text != NULL && at->kind == kind;
}

static enum cv_rc
read_type(const struct span *at, enum cv_type *ret, struct cv_err *err)
{
    struct cv_buf text = CV_BUF_INIT(NAME_MAX_BYTES);
    enum cv_rc rc;

    if (!is_kind(at, CV_JSON_STRING))
        return cv_fail(err, CV_INVALID, "schema must contain 'type' field");
    rc = span_text(at, &text, err);
    for (int t = CV_INT8; rc == CV_OK && t <= CV_STRUCT; t++) {
        if (strcmp(cv_buf_cstr(&text), cv_type_name((enum cv_type)t)) == 0) {
            *ret = (enum cv_type)t;
            goto out;
        }
    }
    if (rc == CV_OK)
        rc = cv_fail(err, CV_INVALID, "unknown schema type: %s", cv_buf_cstr(&text));
out:
    cv_buf_free(&text);
    return rc;
}

static enum cv_rc
read_child(const struct span *at, bool replace_null, const char *problem, struct cv_schema **ret,
           struct cv_err *err)
{
    if (at->text == NULL || at->kind == CV_JSON_NULL)
        return cv_fail(err, CV_INVALID, "%s", problem);
    return read_node(at, replace_null, ret, NULL, err);
}

static enum cv_rc
read_field(struct cv_schema_builder *b, const struct span *at, bool replace_null, struct cv_err *err)
{
    struct cv_buf name = CV_BUF_INIT(NAME_MAX_BYTES);
    struct cv_schema *schema = NULL;
    struct node node;
    enum cv_rc rc;

    rc = find_members(at, &node, err);
    if (rc == CV_OK && !is_kind(&node.members[M_FIELD], CV_JSON_STRING))
        rc = cv_fail(err, CV_INVALID, "struct schema's field name not specified properly");
    if (rc == CV_OK)
        rc = span_text(&node.members[M_FIELD], &name, err);
    if (rc == CV_OK) {
        rc = read_node(at, replace_null, &schema, &node, err);
        if (rc != CV_OK)
            cv_err_context(err, "field %s", cv_buf_cstr(&name));
    }
    if (rc == CV_OK)
        cv_schema_add_field(b, cv_buf_cstr(&name), schema);
    cv_schema_unref(schema);
    cv_buf_free(&name);
    return rc;
}

static enum cv_rc
read_fields(struct cv_schema_builder *b, const struct span *at, bool replace_null, struct cv_err *err)
{
    struct cv_json_reader r;
    enum cv_rc rc;

    if (!is_kind(at, CV_JSON_ARRAY))
        return cv_fail(err, CV_INVALID, "struct schema's \"fields\" argument is not an array");
    cv_json_reader_init(&r, at->text, at->len);
    cv_json_next(&r);
    for (;;) {
        struct span field;

        field.kind = cv_json_skip(&r);
        if (field.kind == CV_JSON_ARRAY_END)
            return CV_OK;
        if (field.kind == CV_JSON_BAD)
            return cv_json_fail(&r, err);
        field.text = r.text;
        field.len = r.text_len;
        rc = read_field(b, &field, replace_null, err);
        if (rc != CV_OK)
            return rc;
    }
}

static enum cv_rc
read_children(struct cv_schema_builder *b, enum cv_type type, const struct node *node, bool replace_null,
              struct cv_err *err)
{
    struct cv_schema *child = NULL;
    enum cv_rc rc = CV_OK;

    if (type == CV_STRUCT)
        return read_fields(b, &node->members[M_FIELDS], replace_null, err);
    if (type == CV_MAP) {
        rc = read_child(&node->members[M_KEYS], replace_null, "map schema did not specify the key type",
                        &child, err);
        if (rc != CV_OK)
            return rc;
        cv_schema_set_keys(b, child);
        cv_schema_unref(child);
        rc = read_child(&node->members[M_VALUES], replace_null,
                        "map schema did not specify the value type", &child, err);
    } else if (type == CV_ARRAY) {
        rc = read_child(&node->members[M_ITEMS], replace_null,
                        "array schema did not specify the element type", &child, err);
    }
    if (child != NULL && rc == CV_OK) {
        cv_schema_set_items(b, child);
        cv_schema_unref(child);
    }
    return rc;
}

static enum cv_rc
read_parameters(struct cv_schema_builder *b, const struct span *at, struct cv_err *err)
{
    struct cv_buf name = CV_BUF_INIT(NAME_MAX_BYTES);
    struct cv_buf value = CV_BUF_INIT(NAME_MAX_BYTES);
    struct cv_json_reader r;
    enum cv_json_token tok;
    enum cv_rc rc = CV_OK;

    cv_json_reader_init(&r, at->text, at->len);
    cv_json_next(&r);
    while (rc == CV_OK && (tok = cv_json_next(&r)) == CV_JSON_KEY) {
        cv_buf_reset(&name);
        cv_buf_reset(&value);
        cv_json_text(&r, &name);
        if (cv_json_next(&r) != CV_JSON_STRING) {
            rc = cv_fail(err, CV_INVALID, "schema parameters must have string values");
            break;
        }
        cv_json_text(&r, &value);
        rc = cv_buf_check(&name, err);
        if (rc == CV_OK)
            rc = cv_buf_check(&value, err);
        if (rc == CV_OK)
            cv_schema_add_param(b, cv_buf_cstr(&name), cv_buf_cstr(&value));
    }
    cv_buf_free(&name);
    cv_buf_free(&value);
    return rc;
}

static enum cv_rc
read_attributes(struct cv_schema_builder *b, const struct node *node, struct cv_err *err)
{
    const struct span *m = node->members;
    struct cv_buf text = CV_BUF_INIT(NAME_MAX_BYTES);
    struct cv_json_reader r;
    enum cv_rc rc = CV_OK;
    int64_t version;

    if (is_kind(&m[M_OPTIONAL], CV_JSON_TRUE))
        cv_schema_set_optional(b);
    if (is_kind(&m[M_NAME], CV_JSON_STRING)) {
        rc = span_text(&m[M_NAME], &text, err);
        if (rc == CV_OK)
            cv_schema_set_name(b, cv_buf_cstr(&text));
    }
    if (rc == CV_OK && is_kind(&m[M_VERSION], CV_JSON_NUMBER)) {
        cv_json_reader_init(&r, m[M_VERSION].text, m[M_VERSION].len);
        cv_json_next(&r);
        if (cv_json_int64(&r, &version) && version >= INT32_MIN && version <= INT32_MAX)
            cv_schema_set_version(b, (int32_t)version);
    }
    if (rc == CV_OK && is_kind(&m[M_DOC], CV_JSON_STRING)) {
        rc = span_text(&m[M_DOC], &text, err);
        if (rc == CV_OK)
            cv_schema_set_doc(b, cv_buf_cstr(&text));
    }
    if (rc == CV_OK && is_kind(&m[M_PARAMETERS], CV_JSON_OBJECT))
        rc = read_parameters(b, &m[M_PARAMETERS], err);
    cv_buf_free(&text);
    return rc;
}

static enum cv_rc
build(const struct node *node, bool replace_null, struct cv_schema **ret, struct cv_err *err)
{
    struct cv_schema_builder *b;
    struct cv_err ignored = CV_ERR_INIT;
    struct cv_schema *made = NULL;
    enum cv_type type = CV_STRING;
    enum cv_rc rc;

    rc = read_type(&node->members[M_TYPE], &type, err);
    if (rc != CV_OK)
        return rc;
    b = cv_schema_new(type);
    if (b == NULL)
        return cv_fail_memory(err);
    rc = read_children(b, type, node, replace_null, err);
    if (rc == CV_OK)
        rc = read_attributes(b, node, err);
    if (rc == CV_OK)
        return cv_schema_finish(b, ret, err);
    if (cv_schema_finish(b, &made, &ignored) == CV_OK)
        cv_schema_unref(made);
    return rc;
}

/* The default is a value of the schema that it is part of, so the schema is made first without it. */
static enum cv_rc
add_default(const struct span *at, bool replace_null, struct cv_schema **inout, struct cv_err *err)
{
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_schema_builder *b;
    struct cv_schema *made = NULL;
    struct cv_json_reader r;
    struct cv_value def;
    enum cv_rc rc;

    cv_json_reader_init(&r, at->text, at->len);
    rc = arena != NULL ? connect_json_read(&r, *inout, replace_null, arena, &def, err) : cv_fail_memory(err);
    if (rc == CV_OK) {
        b = cv_schema_derive(*inout);
        cv_schema_set_default(b, &def);
        rc = cv_schema_finish(b, &made, err);
    }
    cv_arena_free(arena);
    if (rc != CV_OK)
        return cv_err_context(err, "default value of a schema");
    cv_schema_unref(*inout);
    *inout = made;
    return CV_OK;
}

static enum cv_rc
read_node(const struct span *at, bool replace_null, struct cv_schema **ret, const struct node *parsed,
          struct cv_err *err)
{
    struct cv_schema *made = NULL;
    struct node node;
    enum cv_rc rc = CV_OK;

    if (parsed != NULL)
        node = *parsed;
    else
        rc = find_members(at, &node, err);
    if (rc == CV_OK)
        rc = build(&node, replace_null, &made, err);
    if (rc == CV_OK && node.members[M_DEFAULT].text != NULL)
        rc = add_default(&node.members[M_DEFAULT], replace_null, &made, err);
    if (rc == CV_OK)
        *ret = made;
    else
        cv_schema_unref(made);
    return rc;
}

enum cv_rc
json_schema_read(const char *json, size_t len, bool replace_null, struct cv_schema **ret,
                 struct cv_err *err)
{
    struct span at = { .text = json, .len = len };
    struct cv_json_reader r;

    cv_json_reader_init(&r, json, len);
    if (cv_json_next(&r) == CV_JSON_NULL) {
        *ret = NULL;
        return CV_OK;
    }
    return read_node(&at, replace_null, ret, NULL, err);
}
