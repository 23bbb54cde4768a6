/* SPDX-License-Identifier: Apache-2.0 */
/* The headers of a record: those of a row's _headers, and those that say why it lies where it does;
   see sink.h. */
#include "streams/io/sink.h"

#include <stdio.h>
#include <string.h>

#include "common/json_read.h"

#define HEADERS_MAX 100
#define VALUE_MAX   ((size_t)1 << 20)

struct header_list {
    struct cv_raw_headers headers;
    struct cv_raw_header items[];
};

static struct header_list *
list_new(struct cv_arena *arena, size_t count)
{
    struct header_list *list =
        cv_arena_zalloc(arena, sizeof(*list) + count * sizeof(list->items[0]));

    if (list != NULL)
        list->headers.items = list->items;
    return list;
}

/* false: memory is out. */
static bool
list_add(struct header_list *list, struct cv_arena *arena, const char *name, size_t name_len,
         const char *value, size_t len)
{
    struct cv_raw_header *item = &list->items[list->headers.count++];

    item->name = cv_arena_dup(arena, name, name_len + 1);
    if (value != NULL)
        item->value.data = cv_arena_dup(arena, len == 0 ? "" : value, len);
    item->value.len = len;
    return item->name != NULL && (value == NULL || item->value.data != NULL);
}

static enum cv_rc
not_headers(struct cv_err *err)
{
    return cv_fail(err, CV_INVALID,
                   "\"_headers\" must be a JSON object of texts, numbers, booleans and null, like "
                   "json_object('source', 'shop')");
}

static enum cv_rc
read_header(struct cv_json_reader *in, struct header_list *list, struct cv_arena *arena,
            struct cv_err *err)
{
    struct cv_buf name = CV_BUF_INIT(VALUE_MAX);
    struct cv_buf value = CV_BUF_INIT(VALUE_MAX);
    bool null = false;
    enum cv_rc rc = CV_OK;

    cv_json_text(in, &name);
    switch (cv_json_next(in)) {
    case CV_JSON_STRING:
    case CV_JSON_NUMBER:
        cv_json_text(in, &value);
        break;
    case CV_JSON_TRUE:
        cv_buf_str(&value, "true");
        break;
    case CV_JSON_FALSE:
        cv_buf_str(&value, "false");
        break;
    case CV_JSON_NULL:
        null = true;
        break;
    default:
        rc = not_headers(err);
        break;
    }
    if (rc == CV_OK)
        rc = cv_buf_check(&name, err);
    if (rc == CV_OK)
        rc = cv_buf_check(&value, err);
    if (rc == CV_OK && !list_add(list, arena, cv_buf_cstr(&name), name.len,
                                 null ? NULL : cv_buf_cstr(&value), value.len))
        rc = cv_fail_memory(err);
    cv_buf_free(&name);
    cv_buf_free(&value);
    return rc;
}

enum cv_rc
sink_headers(const struct cell *cell, struct cv_arena *arena, const struct cv_raw_headers **ret,
             struct cv_err *err)
{
    struct cv_json_reader in;
    struct header_list *list;
    enum cv_json_token tok;

    *ret = NULL;
    if (cell->kind == CELL_NULL)
        return CV_OK;
    if (cell->kind != CELL_TEXT)
        return not_headers(err);
    cv_json_reader_init(&in, cell->data, cell->len);
    if (cv_json_next(&in) != CV_JSON_OBJECT)
        return not_headers(err);
    list = list_new(arena, HEADERS_MAX);
    if (list == NULL)
        return cv_fail_memory(err);
    while ((tok = cv_json_next(&in)) == CV_JSON_KEY) {
        if (list->headers.count == HEADERS_MAX)
            return cv_fail(err, CV_INVALID, "\"_headers\" has more than %d headers", HEADERS_MAX);
        if (read_header(&in, list, arena, err) != CV_OK)
            return err->rc;
    }
    if (tok != CV_JSON_OBJECT_END || cv_json_next(&in) != CV_JSON_DONE)
        return not_headers(err);
    *ret = &list->headers;
    return CV_OK;
}

const struct cv_raw_headers *
sink_error_headers(const struct sink_origin *origin, const char *exception, const char *stage,
                   struct cv_arena *arena)
{
    struct header_list *list = list_new(arena, 5);
    char number[32];
    bool fine = list != NULL;

#define ADD(name, text)                                                                            \
    fine = fine && list_add(list, arena, "__culvert.errors." name,                                 \
                            strlen("__culvert.errors." name), text, strlen(text))
    if (origin != NULL) {
        ADD("topic", origin->topic);
        snprintf(number, sizeof(number), "%d", (int)origin->partition);
        ADD("partition", number);
        snprintf(number, sizeof(number), "%lld", (long long)origin->offset);
        ADD("offset", number);
    }
    ADD("exception", exception);
    ADD("stage", stage);
#undef ADD
    return fine ? &list->headers : NULL;
}
