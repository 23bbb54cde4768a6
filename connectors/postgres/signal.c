/* SPDX-License-Identifier: Apache-2.0 */
/* Signals: type and JSON to what is asked for. */
#include "connectors/postgres/signal.h"

#include <string.h>
#include <strings.h>

#include "common/arena.h"
#include "data/json.h"

static const struct {
    const char *name;
    enum signal_kind kind;
} kinds[] = {
    { "execute-snapshot", SIGNAL_EXECUTE },         { "stop-snapshot", SIGNAL_STOP },
    { "pause-snapshot", SIGNAL_PAUSE },             { "resume-snapshot", SIGNAL_RESUME },
    { "log", SIGNAL_LOG },                          { "snapshot-window-open", SIGNAL_WINDOW_OPEN },
    { "snapshot-window-close", SIGNAL_WINDOW_CLOSE },
};

static const char *
text_of(struct cv_arena *arena, struct cv_bytes bytes)
{
    char *text = cv_arena_zalloc(arena, bytes.len + 1);

    if (text != NULL && bytes.len > 0)
        memcpy(text, bytes.data, bytes.len);
    return text;
}

/* A member that is a text; NULL: it is missing, or something else. */
static const char *
text_member(struct cv_arena *arena, const struct cv_value *map, const char *key)
{
    const struct cv_value *val = cv_map_get(map, key);

    return val != NULL && !val->is_null && val->type == CV_STRING ? text_of(arena, val->bytes) : NULL;
}

static enum cv_rc
read_collections(const struct cv_value *map, struct cv_arena *arena, struct signal *ret, struct cv_err *err)
{
    const struct cv_value *list = cv_map_get(map, "data-collections");

    if (list == NULL || list->is_null)
        return CV_OK;
    if (list->type != CV_ARRAY)
        return cv_fail(err, CV_INVALID, "\"data-collections\" is no array");
    ret->collections = cv_arena_zalloc(arena, (list->list.count + 1) * sizeof(*ret->collections));
    if (ret->collections == NULL)
        return cv_fail_memory(err);
    for (uint32_t i = 0; i < list->list.count; i++) {
        const struct cv_value *item = &list->list.items[i];

        if (item->is_null || item->type != CV_STRING)
            return cv_fail(err, CV_INVALID, "\"data-collections\" holds something that is no text");
        ret->collections[ret->n_collections] = text_of(arena, item->bytes);
        if (ret->collections[ret->n_collections++] == NULL)
            return cv_fail_memory(err);
    }
    return CV_OK;
}

static enum cv_rc
read_conditions(const struct cv_value *map, struct cv_arena *arena, struct signal *ret, struct cv_err *err)
{
    const struct cv_value *list = cv_map_get(map, "additional-conditions");

    if (list == NULL || list->is_null)
        return CV_OK;
    if (list->type != CV_ARRAY)
        return cv_fail(err, CV_INVALID, "\"additional-conditions\" is no array");
    ret->conditions = cv_arena_zalloc(arena, (list->list.count + 1) * sizeof(*ret->conditions));
    if (ret->conditions == NULL)
        return cv_fail_memory(err);
    for (uint32_t i = 0; i < list->list.count; i++) {
        const struct cv_value *item = &list->list.items[i];
        struct signal_condition *cond = &ret->conditions[ret->n_conditions];

        if (item->is_null || item->type != CV_MAP)
            return cv_fail(err, CV_INVALID, "\"additional-conditions\" holds something that is no object");
        cond->collection = text_member(arena, item, "data-collection");
        cond->filter = text_member(arena, item, "filter");
        if (cond->collection == NULL || cond->filter == NULL)
            return cv_fail(err, CV_INVALID, "\"additional-conditions\" needs \"data-collection\" and \"filter\"");
        ret->n_conditions++;
    }
    return CV_OK;
}

static enum cv_rc
read_data(const struct cv_value *map, struct cv_arena *arena, struct signal *ret, struct cv_err *err)
{
    const char *type = text_member(arena, map, "type");

    if (type != NULL && strcasecmp(type, "BLOCKING") == 0)
        ret->blocking = true;
    else if (type != NULL && strcasecmp(type, "INCREMENTAL") != 0)
        return cv_fail(err, CV_INVALID, "\"type\" is \"%s\", neither INCREMENTAL nor BLOCKING", type);
    ret->surrogate_key = text_member(arena, map, "surrogate-key");
    ret->message = text_member(arena, map, "message");
    if (read_collections(map, arena, ret, err) != CV_OK)
        return err->rc;
    return read_conditions(map, arena, ret, err);
}

static bool
has_data(enum signal_kind kind)
{
    return kind != SIGNAL_WINDOW_OPEN && kind != SIGNAL_WINDOW_CLOSE && kind != SIGNAL_OTHER;
}

enum cv_rc
signal_read(struct cv_bytes id, struct cv_bytes type, struct cv_bytes data, struct cv_arena *arena, struct signal *ret,
            struct cv_err *err)
{
    struct signal signal = { .id = text_of(arena, id), .type = text_of(arena, type), .kind = SIGNAL_OTHER };
    struct cv_value map;

    if (signal.id == NULL || signal.type == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < CV_COUNT(kinds); i++)
        if (strcmp(kinds[i].name, signal.type) == 0)
            signal.kind = kinds[i].kind;
    if (has_data(signal.kind) && data.len > 0) {
        if (cv_connect_json_read(data.data, data.len, arena, &map, err) != CV_OK)
            return cv_err_context(err, "the data of signal \"%s\" is no JSON", signal.id);
        if (map.is_null || map.type != CV_MAP)
            return cv_fail(err, CV_INVALID, "the data of signal \"%s\" is no JSON object", signal.id);
        if (read_data(&map, arena, &signal, err) != CV_OK)
            return cv_err_context(err, "the data of signal \"%s\"", signal.id);
    }
    if (signal.kind == SIGNAL_EXECUTE && signal.n_collections == 0)
        return cv_fail(err, CV_INVALID, "signal \"%s\" names no data-collections", signal.id);
    *ret = signal;
    return CV_OK;
}
