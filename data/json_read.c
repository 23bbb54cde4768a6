/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON to values, straight from the pull reader into the arena, without a tree in between.
 *
 * Objects without a schema become maps in the order of Java's HashMap: that is what JsonConverter makes of them,
 * and the order shows when the map is written again.
 *
 * Source: org.apache.kafka.connect.json.JsonConverter.convertToConnect.
 */
#include <config.h>

#include "data/json.h"

#include <math.h>
#include <stdlib.h>

#include "common/arena.h"
#include "common/json_read.h"
#include "common/map.h"
#include "common/number.h"
#include "data/java_order.h"
#include "data/logical.h"

#define TEXT_MAX   (1024 * 1024 * 1024)
#define SMALL_MAP  16
#define LIST_START 8

struct reading {
    struct cv_json_reader *json;
    struct cv_arena *arena;
    bool replace_null;
    struct cv_buf text; /* scratch: decoded or NUL-terminated text of one token */
    struct cv_err *err;
};

static enum cv_rc read_value(struct reading *r, enum cv_json_token tok, const struct cv_schema *schema,
                             struct cv_value *ret);

/* As Jackson names the kinds of node. */
static const char *
token_name(enum cv_json_token tok)
{
    switch (tok) {
    case CV_JSON_OBJECT:
        return "OBJECT";
    case CV_JSON_ARRAY:
        return "ARRAY";
    case CV_JSON_STRING:
        return "STRING";
    case CV_JSON_NUMBER:
        return "NUMBER";
    case CV_JSON_TRUE:
    case CV_JSON_FALSE:
        return "BOOLEAN";
    case CV_JSON_NULL:
        return "NULL";
    default:
        return "MISSING";
    }
}

/* A token that cannot begin a value of the schema. */
static enum cv_rc
wrong_token(struct reading *r, enum cv_json_token tok, const struct cv_schema *schema)
{
    if (tok == CV_JSON_BAD)
        return cv_json_fail(r->json, r->err);
    return cv_fail(r->err, CV_INVALID, "invalid type for %s: found JSON %s",
                   schema->name != NULL ? schema->name : cv_type_name(schema->type), token_name(tok));
}

static enum cv_rc
bad_number(struct reading *r, const char *type)
{
    return cv_fail(r->err, CV_INVALID, "number %.*s does not fit the type %s",
                   (int)(r->json->text_len < 64 ? r->json->text_len : 64), r->json->text, type);
}

/* The last text in the arena, NUL-terminated. */
static enum cv_rc
read_text(struct reading *r, struct cv_bytes *ret)
{
    const char *text = r->json->text;
    size_t len = r->json->text_len;
    const char *copy;
    enum cv_rc rc;

    if (r->json->escaped) {
        cv_buf_reset(&r->text);
        cv_json_text(r->json, &r->text);
        rc = cv_buf_check(&r->text, r->err);
        if (rc != CV_OK)
            return rc;
        text = r->text.data;
        len = r->text.len;
    }
    copy = cv_arena_dup(r->arena, text, len);
    if (copy == NULL)
        return cv_fail_memory(r->err);
    *ret = (struct cv_bytes){ .data = copy, .len = len };
    return CV_OK;
}

static enum cv_rc
read_base64(struct reading *r, struct cv_bytes *ret)
{
    struct cv_buf bytes = CV_BUF_INIT(TEXT_MAX);
    struct cv_bytes text;
    const char *copy = NULL;
    enum cv_rc rc;

    rc = read_text(r, &text);
    if (rc == CV_OK)
        rc = cv_base64_decode(text.data, text.len, &bytes, r->err);
    if (rc == CV_OK)
        rc = cv_buf_check(&bytes, r->err);
    if (rc == CV_OK) {
        copy = cv_arena_dup(r->arena, bytes.data, bytes.len);
        rc = copy != NULL ? CV_OK : cv_fail_memory(r->err);
    }
    if (rc == CV_OK)
        *ret = (struct cv_bytes){ .data = copy, .len = bytes.len };
    cv_buf_free(&bytes);
    return rc;
}

/* The last number as an integer; also 1.0 and 1e3, which are integers in another dress. */
static bool
integer_of(const struct reading *r, int64_t *ret)
{
    double v;

    if (r->json->integral)
        return cv_json_int64(r->json, ret);
    if (!cv_json_number(r->json, &v) || !(fabs(v) <= 0x1p53) || floor(v) != v)
        return false;
    *ret = (int64_t)v;
    return true;
}

static enum cv_rc
read_integer(struct reading *r, enum cv_type type, struct cv_value *ret)
{
    static const int64_t max[] = {
        [CV_INT8] = INT8_MAX, [CV_INT16] = INT16_MAX, [CV_INT32] = INT32_MAX, [CV_INT64] = INT64_MAX
    };
    int64_t v;

    if (!integer_of(r, &v) || v > max[type] || v < -max[type] - 1)
        return bad_number(r, cv_type_name(type));
    ret->integer = v;
    return CV_OK;
}

/* FLOAT32 is rounded once, from the text. Not-a-number and infinities come as the strings that are written. */
static enum cv_rc
read_float(struct reading *r, enum cv_type type, struct cv_value *ret)
{
    double v;

    if (!cv_parse_double(r->json->text, r->json->text_len, &v))
        return bad_number(r, cv_type_name(type));
    if (v == 0.0)
        v = 0.0; /* -0.0 loses its sign: Java reads by way of BigDecimal */
    if (type == CV_FLOAT64) {
        ret->float64 = v;
        return CV_OK;
    }
    ret->float32 = (float)v;
    if (isfinite(v) && v != 0.0) {
        cv_buf_reset(&r->text);
        cv_buf_add(&r->text, r->json->text, r->json->text_len);
        if (cv_buf_check(&r->text, r->err) != CV_OK)
            return r->err->rc;
        ret->float32 = strtof(cv_buf_cstr(&r->text), NULL);
    }
    return CV_OK;
}

/* The bytes of a decimal without those that only repeat its sign, as BigInteger has them. */
static struct cv_bytes
shortest_integer(struct cv_bytes bytes)
{
    while (bytes.len > 1) {
        unsigned char first = (unsigned char)bytes.data[0];
        bool negative = ((unsigned char)bytes.data[1] & 0x80) != 0;

        if (first != (negative ? 0xff : 0x00))
            break;
        bytes.data++;
        bytes.len--;
    }
    return bytes;
}

static enum cv_rc
read_decimal(struct reading *r, const struct cv_schema *schema, struct cv_value *ret)
{
    const char *copy;
    int32_t scale;
    enum cv_rc rc;

    if (!logical_scale(schema, &scale))
        return cv_fail(r->err, CV_INVALID, "a schema %s has no valid parameter \"scale\"", CV_DECIMAL_NAME);
    cv_buf_reset(&r->text);
    rc = cv_decimal_unscaled(r->json->text, r->json->text_len, scale, &r->text, r->err);
    if (rc == CV_OK)
        rc = cv_buf_check(&r->text, r->err);
    if (rc != CV_OK)
        return rc;
    copy = cv_arena_dup(r->arena, r->text.data, r->text.len);
    if (copy == NULL)
        return cv_fail_memory(r->err);
    ret->bytes = (struct cv_bytes){ .data = copy, .len = r->text.len };
    return CV_OK;
}

static enum cv_rc
read_bytes(struct reading *r, enum cv_json_token tok, const struct cv_schema *schema, struct cv_value *ret)
{
    enum cv_rc rc;

    if (tok == CV_JSON_NUMBER)
        return read_decimal(r, schema, ret);
    rc = read_base64(r, &ret->bytes);
    if (rc == CV_OK && logical_of(schema) == LOGICAL_DECIMAL)
        ret->bytes = shortest_integer(ret->bytes);
    return rc;
}

static enum cv_rc
read_array(struct reading *r, const struct cv_schema *items, struct cv_value *ret)
{
    enum cv_json_token tok;
    enum cv_rc rc;

    ret->list.items = NULL;
    ret->list.count = ret->list.cap = 0;
    while ((tok = cv_json_next(r->json)) != CV_JSON_ARRAY_END) {
        struct cv_value item;

        rc = read_value(r, tok, items, &item);
        if (rc == CV_OK)
            rc = cv_array_add(r->arena, ret, item, r->err);
        if (rc != CV_OK)
            return rc;
    }
    return CV_OK;
}

/* ---- maps ---- */

static enum cv_rc
map_append(struct reading *r, struct cv_value *map, const struct cv_map_entry *entry)
{
    if (map->map.count == map->map.cap) {
        uint32_t cap = map->map.cap == 0 ? LIST_START : map->map.cap * 2;
        struct cv_map_entry *entries = cv_arena_alloc(r->arena, cap * sizeof(*entries));

        if (entries == NULL || cap < map->map.cap)
            return cv_fail_memory(r->err);
        if (map->map.count > 0)
            memcpy(entries, map->map.entries, map->map.count * sizeof(*entries));
        map->map.entries = entries;
        map->map.cap = cap;
    }
    map->map.entries[map->map.count++] = *entry;
    return CV_OK;
}

static struct cv_map_entry *
find_entry(const struct cv_value *map, uint32_t count, const struct cv_hash *index,
           const struct cv_value *key)
{
    if (index != NULL && key->type == CV_STRING)
        return cv_hash_get_bytes(index, key->bytes.data, key->bytes.len);
    for (uint32_t i = 0; i < count; i++)
        if (cv_value_equal(&map->map.entries[i].key, key))
            return &map->map.entries[i];
    return NULL;
}

/* Of equal keys the last value counts. A large map is indexed, lest a hostile one take quadratic time. */
static enum cv_rc
map_unite(struct reading *r, struct cv_value *map)
{
    struct cv_hash *index = NULL;
    enum cv_rc rc = CV_OK;
    uint32_t kept = 0;

    if (map->map.count > SMALL_MAP) {
        index = cv_hash_new(NULL);
        if (index == NULL)
            return cv_fail_memory(r->err);
    }
    for (uint32_t i = 0; i < map->map.count; i++) {
        struct cv_map_entry *entry = &map->map.entries[i];
        struct cv_map_entry *same = find_entry(map, kept, index, &entry->key);

        if (same != NULL) {
            same->value = entry->value;
            continue;
        }
        map->map.entries[kept] = *entry;
        entry = &map->map.entries[kept++];
        if (index != NULL && entry->key.type == CV_STRING &&
            !cv_hash_put_bytes(index, entry->key.bytes.data, entry->key.bytes.len, entry)) {
            rc = cv_fail_memory(r->err);
            break;
        }
    }
    map->map.count = kept;
    cv_hash_free(index);
    return rc == CV_OK ? java_order_map(map, r->err) : rc;
}

static enum cv_rc
read_object(struct reading *r, const struct cv_schema *schema, struct cv_value *ret)
{
    struct cv_map_entry entry;
    enum cv_json_token tok;
    enum cv_rc rc;

    ret->map.entries = NULL;
    ret->map.count = ret->map.cap = 0;
    while ((tok = cv_json_next(r->json)) == CV_JSON_KEY) {
        entry.key = cv_cstring("");
        if (schema != NULL)
            entry.key.schema = schema->keys;
        rc = read_text(r, &entry.key.bytes);
        if (rc == CV_OK)
            rc = read_value(r, cv_json_next(r->json), schema != NULL ? schema->items : NULL, &entry.value);
        if (rc == CV_OK)
            rc = map_append(r, ret, &entry);
        if (rc != CV_OK)
            return rc;
    }
    if (tok != CV_JSON_OBJECT_END)
        return cv_json_fail(r->json, r->err);
    return map_unite(r, ret);
}

/* A map whose keys are no strings: an array of arrays of two. */
static enum cv_rc
read_pairs(struct reading *r, const struct cv_schema *schema, struct cv_value *ret)
{
    struct cv_map_entry entry;
    enum cv_json_token tok;
    enum cv_rc rc;

    ret->map.entries = NULL;
    ret->map.count = ret->map.cap = 0;
    while ((tok = cv_json_next(r->json)) == CV_JSON_ARRAY) {
        rc = read_value(r, cv_json_next(r->json), schema->keys, &entry.key);
        if (rc == CV_OK)
            rc = read_value(r, cv_json_next(r->json), schema->items, &entry.value);
        if (rc == CV_OK)
            rc = map_append(r, ret, &entry);
        if (rc != CV_OK)
            return rc;
        tok = cv_json_next(r->json);
        if (tok == CV_JSON_BAD)
            return cv_json_fail(r->json, r->err);
        if (tok != CV_JSON_ARRAY_END)
            return cv_fail(r->err, CV_INVALID, "a map entry must have two elements, a key and a value");
    }
    if (tok == CV_JSON_BAD)
        return cv_json_fail(r->json, r->err);
    if (tok != CV_JSON_ARRAY_END)
        return cv_fail(r->err, CV_INVALID, "a map entry must be a JSON array, but found %s",
                       token_name(tok));
    return map_unite(r, ret);
}

/* ---- structs ---- */

/* The field that the last key names, NULL for none. Members mostly come in the order of the schema. */
static const struct cv_field *
key_field(const struct reading *r, const struct cv_schema *schema, size_t guess)
{
    if (guess < schema->n_fields && cv_json_text_is(r->json, schema->fields[guess].name))
        return &schema->fields[guess];
    for (size_t i = 0; i < schema->n_fields; i++)
        if (cv_json_text_is(r->json, schema->fields[i].name))
            return &schema->fields[i];
    return NULL;
}

static enum cv_rc
read_null(struct reading *r, const struct cv_schema *schema, struct cv_value *ret)
{
    if (schema != NULL && schema->def != NULL && r->replace_null) {
        *ret = *schema->def;
        return CV_OK;
    }
    if (schema != NULL && !schema->optional)
        return cv_fail(r->err, CV_INVALID, "invalid null value for required %s field",
                       cv_type_name(schema->type));
    *ret = cv_null(schema);
    return CV_OK;
}

static enum cv_rc
fill_missing(struct reading *r, const struct cv_schema *schema, const bool *seen, struct cv_value *ret)
{
    for (size_t i = 0; i < schema->n_fields; i++)
        if (!seen[i] && read_null(r, schema->fields[i].schema, cv_struct_at(ret, i)) != CV_OK)
            return cv_err_context(r->err, "field %s", schema->fields[i].name);
    return CV_OK;
}

static enum cv_rc
read_struct(struct reading *r, const struct cv_schema *schema, struct cv_value *ret)
{
    struct cv_value *made = cv_struct_new(r->arena, schema);
    bool *seen = cv_arena_zalloc(r->arena, schema->n_fields);
    enum cv_json_token tok;
    size_t next = 0;

    if (made == NULL || seen == NULL)
        return cv_fail_memory(r->err);
    while ((tok = cv_json_next(r->json)) == CV_JSON_KEY) {
        const struct cv_field *field = key_field(r, schema, next);

        if (field == NULL) {
            if (cv_json_skip(r->json) == CV_JSON_BAD)
                return cv_json_fail(r->json, r->err);
            continue;
        }
        if (read_value(r, cv_json_next(r->json), field->schema, cv_struct_at(made, field->index)) != CV_OK)
            return cv_err_context(r->err, "field %s", field->name);
        seen[field->index] = true;
        next = field->index + 1;
    }
    if (tok != CV_JSON_OBJECT_END)
        return cv_json_fail(r->json, r->err);
    *ret = *made;
    return fill_missing(r, schema, seen, ret);
}

/* ---- one value ---- */

static enum cv_rc
read_schemaless(struct reading *r, enum cv_json_token tok, struct cv_value *ret)
{
    switch (tok) {
    case CV_JSON_OBJECT:
        *ret = (struct cv_value){ .type = CV_MAP };
        return read_object(r, NULL, ret);
    case CV_JSON_ARRAY:
        *ret = (struct cv_value){ .type = CV_ARRAY };
        return read_array(r, NULL, ret);
    case CV_JSON_STRING:
        *ret = (struct cv_value){ .type = CV_STRING };
        return read_text(r, &ret->bytes);
    case CV_JSON_NUMBER:
        *ret = (struct cv_value){ .type = r->json->integral ? CV_INT64 : CV_FLOAT64 };
        return r->json->integral ? read_integer(r, CV_INT64, ret) : read_float(r, CV_FLOAT64, ret);
    case CV_JSON_TRUE:
    case CV_JSON_FALSE:
        *ret = cv_boolean(tok == CV_JSON_TRUE);
        return CV_OK;
    case CV_JSON_NULL:
        *ret = cv_null(NULL);
        return CV_OK;
    default:
        return cv_json_fail(r->json, r->err);
    }
}

/* Whether a value of the schema can begin with that token. */
static bool
token_fits(enum cv_json_token tok, const struct cv_schema *schema)
{
    switch (schema->type) {
    case CV_BOOLEAN:
        return tok == CV_JSON_TRUE || tok == CV_JSON_FALSE;
    case CV_STRING:
        return tok == CV_JSON_STRING;
    case CV_BYTES:
        return tok == CV_JSON_STRING || (tok == CV_JSON_NUMBER && logical_of(schema) == LOGICAL_DECIMAL);
    case CV_FLOAT32:
    case CV_FLOAT64:
        return tok == CV_JSON_NUMBER || tok == CV_JSON_STRING;
    case CV_ARRAY:
        return tok == CV_JSON_ARRAY;
    case CV_MAP:
        return tok == (schema->keys->type == CV_STRING ? CV_JSON_OBJECT : CV_JSON_ARRAY);
    case CV_STRUCT:
        return tok == CV_JSON_OBJECT;
    default:
        return tok == CV_JSON_NUMBER;
    }
}

static enum cv_rc
read_value(struct reading *r, enum cv_json_token tok, const struct cv_schema *schema,
           struct cv_value *ret)
{
    double special;

    if (schema == NULL)
        return read_schemaless(r, tok, ret);
    if (tok == CV_JSON_NULL)
        return read_null(r, schema, ret);
    if (!token_fits(tok, schema))
        return wrong_token(r, tok, schema);
    *ret = (struct cv_value){ .schema = schema, .type = schema->type };
    switch (schema->type) {
    case CV_BOOLEAN:
        ret->boolean = tok == CV_JSON_TRUE;
        return CV_OK;
    case CV_STRING:
        return read_text(r, &ret->bytes);
    case CV_BYTES:
        return read_bytes(r, tok, schema, ret);
    case CV_FLOAT32:
    case CV_FLOAT64:
        if (tok == CV_JSON_STRING &&
            (!cv_parse_double(r->json->text, r->json->text_len, &special) || isfinite(special)))
            return wrong_token(r, tok, schema);
        return read_float(r, schema->type, ret);
    case CV_ARRAY:
        return read_array(r, schema->items, ret);
    case CV_MAP:
        return tok == CV_JSON_OBJECT ? read_object(r, schema, ret) : read_pairs(r, schema, ret);
    case CV_STRUCT:
        return read_struct(r, schema, ret);
    default:
        return read_integer(r, schema->type, ret);
    }
}

enum cv_rc
connect_json_read(struct cv_json_reader *json, const struct cv_schema *schema, bool replace_null,
                  struct cv_arena *arena, struct cv_value *ret, struct cv_err *err)
{
    struct reading r = { .json = json,
                         .arena = arena,
                         .replace_null = replace_null,
                         .text = CV_BUF_INIT(TEXT_MAX),
                         .err = err };
    struct cv_value val;
    enum cv_rc rc;

    rc = read_value(&r, cv_json_next(json), schema, &val);
    if (rc == CV_OK)
        *ret = val;
    cv_buf_free(&r.text);
    return rc;
}

enum cv_rc
cv_connect_json_read(const void *data, size_t len, struct cv_arena *arena, struct cv_value *ret,
                     struct cv_err *err)
{
    struct cv_json_reader json;
    struct cv_value val;
    enum cv_rc rc;

    cv_json_reader_init(&json, data, len);
    rc = connect_json_read(&json, NULL, false, arena, &val, err);
    if (rc != CV_OK)
        return rc;
    if (cv_json_next(&json) != CV_JSON_DONE)
        return cv_json_fail(&json, err);
    *ret = val;
    return CV_OK;
}
