/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arrays as array_out prints them: {a,"b \"c\"",NULL,{nested}}, with bounds in front where they do not begin at 1, and
 * with the delimiter of the item's type, which is a semicolon for boxes and a colon for PostGIS.
 *
 * Connect's arrays are declared with one dimension. What Debezium makes of an inner array is null, or in arrays of
 * texts the name of a Java object; here it is null, or its text. Bounds are left out.
 */
#include "connectors/postgres/encode_private.h"

#include <strings.h>

#include "common/arena.h"

enum item { ITEM_END, ITEM_NULL, ITEM_TEXT, ITEM_ESCAPED, ITEM_NESTED, ITEM_BAD };

struct array_cursor {
    const char *p;
    const char *end; /* the closing brace */
    bool first;
    char delimiter;
};

struct array_item {
    const char *text; /* ITEM_ESCAPED: with its backslashes */
    size_t len;
};

/* Past the bounds "[2:3][0:1]=" and the opening brace. */
static bool
array_begin(struct array_cursor *cur, const struct encode *enc, const char *text, size_t len)
{
    const char *p = text, *end = text + len;

    if (len > 0 && *p == '[') {
        p = memchr(p, '=', len);
        if (p == NULL)
            return false;
        p++;
    }
    if (end - p < 2 || *p != '{' || end[-1] != '}')
        return false;
    *cur = (struct array_cursor){ p + 1, end - 1, true, enc->delimiter != 0 ? enc->delimiter : ',' };
    return true;
}

/* Behind the quoted text that begins at p; NULL: it does not end. */
static const char *
skip_quoted(const char *p, const char *end, bool *ret_escaped)
{
    for (p++; p < end; p++) {
        if (*p == '"')
            return p + 1;
        if (*p == '\\') {
            *ret_escaped = true;
            p++;
        }
    }
    return NULL;
}

/* Behind the brace that closes the one at p. */
static const char *
skip_nested(const char *p, const char *end)
{
    bool ignored;
    int depth = 0;

    while (p < end) {
        if (*p == '"') {
            p = skip_quoted(p, end, &ignored);
            if (p == NULL)
                return NULL;
            continue;
        }
        if (*p == '{')
            depth++;
        else if (*p == '}' && --depth == 0)
            return p + 1;
        p++;
    }
    return NULL;
}

static enum item
take_quoted(struct array_cursor *cur, struct array_item *ret)
{
    bool escaped = false;
    const char *end = skip_quoted(cur->p, cur->end, &escaped);

    if (end == NULL)
        return ITEM_BAD;
    *ret = (struct array_item){ cur->p + 1, (size_t)(end - cur->p) - 2 };
    cur->p = end;
    return escaped ? ITEM_ESCAPED : ITEM_TEXT;
}

static enum item
take_bare(struct array_cursor *cur, struct array_item *ret)
{
    const char *start = cur->p;

    while (cur->p < cur->end && *cur->p != cur->delimiter && *cur->p != '"' && *cur->p != '{' && *cur->p != '}' &&
           *cur->p != '\\')
        cur->p++;
    *ret = (struct array_item){ start, (size_t)(cur->p - start) };
    if (ret->len == 0)
        return ITEM_BAD;
    return ret->len == 4 && strncasecmp(start, "NULL", 4) == 0 ? ITEM_NULL : ITEM_TEXT;
}

static enum item
array_next(struct array_cursor *cur, struct array_item *ret)
{
    enum item item;

    if (cur->p == cur->end)
        return cur->first ? ITEM_END : ITEM_BAD; /* "{}", or nothing behind a delimiter */
    cur->first = false;
    if (*cur->p == '"') {
        item = take_quoted(cur, ret);
    } else if (*cur->p == '{') {
        const char *end = skip_nested(cur->p, cur->end);

        if (end == NULL)
            return ITEM_BAD;
        *ret = (struct array_item){ cur->p, (size_t)(end - cur->p) };
        cur->p = end;
        item = ITEM_NESTED;
    } else {
        item = take_bare(cur, ret);
    }
    return item;
}

/* Past the delimiter behind an item; *ret_more: another follows. */
static bool
array_delimiter(struct array_cursor *cur, bool *ret_more)
{
    *ret_more = cur->p < cur->end;
    return !*ret_more || *cur->p++ == cur->delimiter;
}

/* The item without its backslashes, at scratch. */
static struct array_item
unescape(const struct array_item *item, char *scratch)
{
    size_t n = 0;

    for (size_t i = 0; i < item->len; i++) {
        if (item->text[i] == '\\' && i + 1 < item->len)
            i++;
        scratch[n++] = item->text[i];
    }
    return (struct array_item){ scratch, n };
}

static char *
item_json(const struct encode *enc, const struct encode *element, enum item kind, struct array_item item,
          char *scratch, char *out, bool *ret_bad)
{
    switch (kind) {
    case ITEM_NESTED:
        if (!enc->nested_text)
            return encode_put(out, "null");
        return encode_json_string(item.text, item.len, out);
    case ITEM_ESCAPED:
        item = unescape(&item, scratch);
        return encode_json(element, item.text, item.len, out, ret_bad);
    case ITEM_TEXT:
        return encode_json(element, item.text, item.len, out, ret_bad);
    default:
        return encode_put(out, "null");
    }
}

char *
encode_array_json(const struct encode *enc, const char *text, size_t len, char *out, bool *ret_bad)
{
    const struct encode element = encode_element(enc);
    char *scratch = out + encode_bound(enc, len) - len; /* the end of the room: what is written never gets there */
    struct array_cursor cur;
    struct array_item item;
    enum item kind;
    bool more = true;

    if (!array_begin(&cur, enc, text, len))
        return NULL;
    *out++ = '[';
    while (more) {
        kind = array_next(&cur, &item);
        if (kind == ITEM_END)
            break;
        if (kind == ITEM_BAD || !array_delimiter(&cur, &more))
            return NULL;
        out = item_json(enc, &element, kind, item, scratch, out, ret_bad);
        if (more)
            *out++ = ',';
    }
    *out++ = ']';
    return out;
}

static enum cv_rc
item_value(const struct encode *enc, const struct encode *element, enum item kind, struct array_item item,
           struct cv_arena *arena, struct cv_value *ret, bool *ret_bad, struct cv_err *err)
{
    char *copy;

    switch (kind) {
    case ITEM_NESTED:
        if (!enc->nested_text)
            return CV_OK; /* a null already */
        break;
    case ITEM_ESCAPED:
        copy = cv_arena_alloc(arena, item.len);
        if (copy == NULL)
            return cv_fail_memory(err);
        item = unescape(&item, copy);
        break;
    case ITEM_TEXT:
        break;
    default:
        return CV_OK;
    }
    return encode_value(element, item.text, item.len, arena, ret, ret_bad, err);
}

/* CV_INVALID: no array. */
static enum cv_rc
array_items(const struct encode *enc, struct array_cursor *cur, struct cv_arena *arena, struct cv_value *array,
            bool *ret_bad, struct cv_err *err)
{
    const struct encode element = encode_element(enc);
    struct array_item item;
    bool more = true;

    while (more) {
        enum item kind = array_next(cur, &item);
        struct cv_value val = cv_null(array->schema->items);

        if (kind == ITEM_END)
            break;
        if (kind == ITEM_BAD || !array_delimiter(cur, &more))
            return CV_INVALID;
        if (item_value(enc, &element, kind, item, arena, &val, ret_bad, err) != CV_OK ||
            cv_array_add(arena, array, val, err) != CV_OK)
            return err->rc;
    }
    return CV_OK;
}

enum cv_rc
encode_array_value(const struct encode *enc, const char *text, size_t len, struct cv_arena *arena,
                   struct cv_value *ret, bool *ret_bad, struct cv_err *err)
{
    struct array_cursor cur;
    struct cv_value *array;
    enum cv_rc rc;

    if (!array_begin(&cur, enc, text, len))
        return CV_INVALID;
    array = cv_array_new(arena, 8);
    if (array == NULL)
        return cv_fail_memory(err);
    array->schema = ret->schema;
    rc = array_items(enc, &cur, arena, array, ret_bad, err);
    if (rc == CV_OK)
        *ret = *array;
    return rc;
}
