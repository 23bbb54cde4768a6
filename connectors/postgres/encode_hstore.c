/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hstore as hstore_out prints it: "key"=>"value", "other"=>NULL, every text quoted. Debezium puts the pairs into
 * a java.util.HashMap, whose order is that of the members here.
 */
#include "connectors/postgres/encode_private.h"

#include "common/arena.h"
#include "data/java_order.h"

struct hstore_cursor {
    const char *p;
    const char *end;
};

static bool
take(struct hstore_cursor *cur, const char *literal)
{
    size_t len = strlen(literal);

    if ((size_t)(cur->end - cur->p) < len || memcmp(cur->p, literal, len) != 0)
        return false;
    cur->p += len;
    return true;
}

/* A quoted text, without its backslashes in the arena. CV_INVALID: something else. */
static enum cv_rc
take_text(struct hstore_cursor *cur, struct cv_arena *arena, struct cv_value *ret, struct cv_err *err)
{
    char *copy;
    size_t n = 0;

    if (!take(cur, "\""))
        return CV_INVALID;
    copy = cv_arena_reserve(arena, (size_t)(cur->end - cur->p) + 1);
    if (copy == NULL)
        return cv_fail_memory(err);
    while (cur->p < cur->end && *cur->p != '"') {
        if (*cur->p == '\\' && ++cur->p == cur->end)
            return CV_INVALID;
        copy[n++] = *cur->p++;
    }
    if (!take(cur, "\""))
        return CV_INVALID;
    cv_arena_advance(arena, n);
    *ret = cv_string(copy, n);
    return CV_OK;
}

static enum cv_rc
take_pair(struct hstore_cursor *cur, struct cv_arena *arena, struct cv_map_entry *ret, struct cv_err *err)
{
    enum cv_rc rc = take_text(cur, arena, &ret->key, err);

    if (rc != CV_OK)
        return rc;
    if (!take(cur, "=>"))
        return CV_INVALID;
    if (take(cur, "NULL")) {
        ret->value = cv_null(NULL);
        return CV_OK;
    }
    return take_text(cur, arena, &ret->value, err);
}

/* The pairs as a map in the order of java.util.HashMap. CV_INVALID: no hstore. */
static enum cv_rc
hstore_map(const char *text, size_t len, struct cv_arena *arena, struct cv_value **ret, struct cv_err *err)
{
    const size_t max = len / 6 + 1; /* a pair takes "\"\"=>\"\"" at least */
    struct hstore_cursor cur = { text, text + len };
    struct cv_value *map = cv_map_new(arena, max);
    size_t count = 0;
    enum cv_rc rc;

    if (map == NULL)
        return cv_fail_memory(err);
    for (; cur.p < cur.end; count++) {
        if (count == max || (count > 0 && !take(&cur, ", ")))
            return CV_INVALID;
        rc = take_pair(&cur, arena, &map->map.entries[count], err);
        if (rc != CV_OK)
            return rc;
    }
    map->map.count = (uint32_t)count;
    *ret = map;
    return java_order_map(map, err);
}

/* A JSON text within text: characters beyond U+FFFF stay as they are, unlike in the outer JSON. */
static void
inner_text(struct cv_buf *out, const struct cv_bytes *text)
{
    size_t start = 0;

    cv_buf_char(out, '"');
    for (size_t i = 0; i < text->len; i++) {
        if ((unsigned char)text->data[i] >= 0x20 && text->data[i] != '"' && text->data[i] != '\\')
            continue;
        char escaped[16];
        char *end = encode_json_string(text->data + i, 1, escaped);

        cv_buf_add(out, text->data + start, i - start);
        cv_buf_add(out, escaped + 1, (size_t)(end - escaped) - 2);
        start = i + 1;
    }
    if (text->len > start)
        cv_buf_add(out, text->data + start, text->len - start);
    cv_buf_char(out, '"');
}

enum form
encode_convert_hstore(const char *text, size_t len, struct cv_buf *out)
{
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_value *map;
    struct cv_err err;
    enum form form = FORM_BAD;

    if (arena == NULL || hstore_map(text, len, arena, &map, &err) != CV_OK)
        goto out;
    cv_buf_char(out, '{');
    for (uint32_t i = 0; i < map->map.count; i++) {
        const struct cv_map_entry *entry = &map->map.entries[i];

        if (i > 0)
            cv_buf_char(out, ',');
        inner_text(out, &entry->key.bytes);
        cv_buf_char(out, ':');
        if (entry->value.is_null)
            cv_buf_str(out, "null");
        else
            inner_text(out, &entry->value.bytes);
    }
    cv_buf_char(out, '}');
    form = FORM_TEXT;
out:
    cv_arena_free(arena);
    return form;
}

char *
encode_hstore_json(const struct encode *enc, const char *text, size_t len, char *out, bool *ret_bad)
{
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_value *map;
    struct cv_err err;

    (void)enc;
    (void)ret_bad;
    if (arena == NULL || hstore_map(text, len, arena, &map, &err) != CV_OK) {
        cv_arena_free(arena);
        return NULL;
    }
    *out++ = '{';
    for (uint32_t i = 0; i < map->map.count; i++) {
        const struct cv_map_entry *entry = &map->map.entries[i];

        if (i > 0)
            *out++ = ',';
        out = encode_json_string(entry->key.bytes.data, entry->key.bytes.len, out);
        *out++ = ':';
        out = entry->value.is_null ? encode_put(out, "null")
                                   : encode_json_string(entry->value.bytes.data, entry->value.bytes.len, out);
    }
    *out++ = '}';
    cv_arena_free(arena);
    return out;
}

enum cv_rc
encode_hstore_value(const char *text, size_t len, struct cv_arena *arena, struct cv_value *ret,
                    struct cv_err *err)
{
    struct cv_value *map;
    enum cv_rc rc = hstore_map(text, len, arena, &map, err);

    if (rc != CV_OK)
        return rc;
    map->schema = ret->schema;
    for (uint32_t i = 0; i < map->map.count; i++) {
        map->map.entries[i].key.schema = ret->schema->keys;
        map->map.entries[i].value.schema = ret->schema->items;
    }
    *ret = *map;
    return CV_OK;
}
