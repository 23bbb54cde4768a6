/* SPDX-License-Identifier: Apache-2.0 */
/* Where an incremental snapshot stands, as the fields of an offset that Debezium writes. */
#include "connectors/postgres/incremental_private.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/log.h"
#include "data/json.h"

#define FIELD     "incremental_snapshot_"
#define FIELD_MAX ((size_t)1 << 20)

static void
add_text(struct cv_buf *json, const char *text)
{
    if (text == NULL)
        cv_buf_str(json, "null");
    else
        cv_buf_json(json, text, strlen(text));
}

/* Conditions stand in brackets; one that was read from an offset has them already. */
static void
add_condition(struct cv_buf *json, const char *condition)
{
    struct cv_buf text = CV_BUF_INIT(FIELD_MAX);

    if (condition != NULL && condition[0] != '(')
        cv_buf_printf(&text, "(%s)", condition);
    else if (condition != NULL)
        cv_buf_str(&text, condition);
    add_text(json, condition != NULL ? cv_buf_cstr(&text) : NULL);
    cv_buf_free(&text);
}

static void
collections_json(const struct incremental *inc, struct cv_buf *json)
{
    cv_buf_char(json, '[');
    for (size_t i = 0; i < inc->n_queue; i++) {
        cv_buf_str(json, i > 0 ? ",{\"" FIELD "collections_id\":" : "{\"" FIELD "collections_id\":");
        add_text(json, inc->queue[i].id);
        cv_buf_str(json, ",\"" FIELD "collections_additional_condition\":");
        add_condition(json, inc->queue[i].condition);
        cv_buf_str(json, ",\"" FIELD "collections_surrogate_key\":");
        add_text(json, inc->queue[i].surrogate);
        cv_buf_char(json, '}');
    }
    cv_buf_char(json, ']');
}

static enum cv_rc
put_text(struct cv_arena *arena, struct cv_value *map, const char *key, struct cv_buf *text, struct cv_err *err)
{
    char *copy;

    if (cv_buf_check(text, err) != CV_OK)
        return err->rc;
    copy = cv_arena_strdup(arena, cv_buf_cstr(text));
    if (copy == NULL)
        return cv_fail_memory(err);
    cv_buf_reset(text);
    return cv_map_put(arena, map, key, cv_cstring(copy), err);
}

enum cv_rc
incremental_write(const struct incremental *inc, struct cv_arena *arena, struct cv_value *map, struct cv_err *err)
{
    struct cv_buf text = CV_BUF_INIT(FIELD_MAX);
    enum cv_rc rc;

    if (inc == NULL || !incremental_runs(inc))
        return CV_OK;
    cv_buf_str(&text, inc->correlation_id);
    rc = put_text(arena, map, FIELD "correlation_id", &text, err);
    if (rc == CV_OK) {
        java_key_write(inc->has_maximum ? &inc->maximum : NULL, &text);
        rc = put_text(arena, map, FIELD "maximum_key", &text, err);
    }
    if (rc == CV_OK) {
        collections_json(inc, &text);
        rc = put_text(arena, map, FIELD "collections", &text, err);
    }
    if (rc == CV_OK) {
        java_key_write(inc->has_last ? &inc->last : NULL, &text);
        rc = put_text(arena, map, FIELD "primary_key", &text, err);
    }
    cv_buf_free(&text);
    return rc;
}

/* ---- reading ---- */

static const struct cv_bytes *
text_field(const struct cv_value *map, const char *key)
{
    const struct cv_value *val = cv_map_get(map, key);

    return val != NULL && !val->is_null && val->type == CV_STRING ? &val->bytes : NULL;
}

static char *
dup_field(const struct cv_value *map, const char *key)
{
    const struct cv_bytes *text = text_field(map, key);

    return text != NULL ? strndup(text->data, text->len) : NULL;
}

static enum cv_rc
read_collections(struct incremental *inc, const struct cv_bytes *json, struct cv_err *err)
{
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_value list;
    enum cv_rc rc = arena == NULL ? cv_fail_memory(err)
                                  : cv_connect_json_read(json->data, json->len, arena, &list, err);

    if (rc == CV_OK && (list.is_null || list.type != CV_ARRAY))
        rc = cv_fail(err, CV_INVALID, "the offset's \"" FIELD "collections\" is no JSON array");
    for (uint32_t i = 0; rc == CV_OK && i < list.list.count; i++) {
        const struct cv_value *item = &list.list.items[i];
        const struct cv_bytes *id = item->type == CV_MAP ? text_field(item, FIELD "collections_id") : NULL;
        char *condition, *surrogate;

        if (id == NULL)
            continue;
        condition = dup_field(item, FIELD "collections_additional_condition");
        surrogate = dup_field(item, FIELD "collections_surrogate_key");
        rc = incremental_queue_add(inc, id->data, id->len, condition, surrogate, err);
        free(condition);
        free(surrogate);
    }
    cv_arena_free(arena);
    return rc;
}

/* false: there is no key, or one that cannot be read. */
static bool
read_key(struct incremental *inc, const struct cv_value *offset, const char *field, struct java_key *ret)
{
    const struct cv_bytes *hex = text_field(offset, field);
    bool is_null = true;
    struct cv_err err;

    if (hex == NULL)
        return false;
    if (java_key_read(hex->data, hex->len, ret, &is_null, &err) != CV_OK) {
        CV_LOG_WARN(inc->spec.ctx->log, "the incremental snapshot begins its table anew", CV_ERR(&err));
        return false;
    }
    return !is_null;
}

enum cv_rc
incremental_read(struct incremental *inc, const struct cv_value *offset, struct cv_err *err)
{
    const struct cv_bytes *collections;

    if (inc == NULL || offset == NULL || offset->type != CV_MAP)
        return CV_OK;
    collections = text_field(offset, FIELD "collections");
    if (collections == NULL)
        return CV_OK;
    incremental_queue_clear(inc);
    if (read_collections(inc, collections, err) != CV_OK)
        return err->rc;
    if (!incremental_runs(inc))
        return CV_OK;
    free(inc->correlation_id);
    inc->correlation_id = dup_field(offset, FIELD "correlation_id");
    if (inc->correlation_id == NULL && (inc->correlation_id = strdup("")) == NULL)
        return cv_fail_memory(err);
    inc->has_maximum = read_key(inc, offset, FIELD "maximum_key", &inc->maximum);
    inc->has_last = inc->has_maximum && read_key(inc, offset, FIELD "primary_key", &inc->last);
    CV_LOG_INFO(inc->spec.ctx->log, "an incremental snapshot goes on", CV_STR("relation", inc->queue[0].id),
                CV_INT("tables", inc->n_queue));
    return CV_OK;
}
