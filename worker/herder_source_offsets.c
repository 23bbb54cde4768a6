/* SPDX-License-Identifier: Apache-2.0 */
/* Offsets of source connectors, read and changed by REST, in the offset topic. On the thread of the request. */
#include <config.h>

#include "worker/herder_offsets.h"

#include <stdlib.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "data/json.h"
#include "worker/herder_private.h"

#define STORE_TIMEOUT_MS 60000

enum cv_rc
herder_source_offsets_get(struct herder *h, const struct offsets_of *of, struct cv_buf *out, struct cv_err *err)
{
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_offset *items = NULL;
    size_t count = 0;
    enum cv_rc rc = arena == NULL ? cv_fail_memory(err)
                                  : offset_store_list(h->offsets, of->name, STORE_TIMEOUT_MS, arena, &items, &count, err);

    for (size_t i = 0; rc == CV_OK && i < count; i++) {
        cv_buf_str(out, i > 0 ? ",{\"partition\":" : "{\"partition\":");
        cv_connect_json_write(out, items[i].partition);
        cv_buf_str(out, ",\"offset\":");
        cv_connect_json_write(out, items[i].offset);
        cv_buf_char(out, '}');
    }
    cv_arena_free(arena);
    return rc;
}

/* ---- writing ---- */

/* A write that somebody waits for; held by the waiter and by the store. */
struct written {
    struct cv_lock lock;
    struct cv_cond done;
    int holders;
    bool finished;
    struct cv_err err; /* rc CV_OK: written */
};

static void
written_release(struct written *w)
{
    bool last;

    cv_lock(&w->lock);
    last = --w->holders == 0;
    cv_unlock(&w->lock);
    if (!last)
        return;
    cv_cond_done(&w->done);
    cv_lock_done(&w->lock);
    free(w);
}

static void
on_written(void *arg, const struct cv_err *err)
{
    struct written *w = arg;

    cv_lock(&w->lock);
    if (err != NULL)
        w->err = *err;
    w->finished = true;
    cv_cond_signal(&w->done);
    cv_unlock(&w->lock);
    written_release(w);
}

static enum cv_rc
write_and_wait(struct herder *h, const char *name, const struct cv_offset *items, size_t count, struct cv_err *err)
{
    struct written *w = calloc(1, sizeof(*w));
    int64_t deadline = cv_mono_ms() + STORE_TIMEOUT_MS;
    enum cv_rc rc;

    if (w == NULL)
        return cv_fail_memory(err);
    cv_lock_init(&w->lock, CV_RANK_STORE);
    cv_cond_init(&w->done);
    w->holders = 2;
    w->err.rc = CV_OK;
    rc = offset_store_write(h->offsets, name, items, count, on_written, w, err);
    if (rc != CV_OK) {
        written_release(w);
        written_release(w);
        return rc;
    }
    cv_lock(&w->lock);
    while (!w->finished && cv_mono_ms() < deadline)
        cv_cond_wait(&w->done, &w->lock, deadline);
    if (!w->finished)
        rc = cv_fail(err, CV_INTERNAL, "Timed out while attempting to modify offsets for connector %s", name);
    else if (w->err.rc != CV_OK) {
        *err = w->err;
        rc = err->rc;
    }
    cv_unlock(&w->lock);
    written_release(w);
    return rc;
}

/* ---- checks ---- */

/* An upper-case name as org.apache.kafka.connect.data.Schema.Type has it; NULL: a primitive. */
static const char *
compound_name(const struct cv_value *val)
{
    if (val->is_null)
        return NULL;
    return val->type == CV_MAP ? "MAP" : val->type == CV_ARRAY ? "ARRAY" : NULL;
}

static enum cv_rc
check_primitives(const struct cv_value *map, struct cv_err *err)
{
    for (size_t i = 0; map != NULL && i < map->map.count; i++) {
        const struct cv_map_entry *entry = &map->map.entries[i];
        const char *type = compound_name(&entry->value);

        if (type != NULL)
            return cv_fail(err, CV_INTERNAL,
                           "Offsets may only contain primitive types as values, but field %.*s contains %s",
                           (int)entry->key.bytes.len, (const char *)entry->key.bytes.data, type);
    }
    return CV_OK;
}

/* The connector's own word on one offset (NULL: on a reset of all). */
static enum cv_rc
ask_connector(const struct offsets_of *of, const struct cv_offset *offset, struct cv_err *err)
{
    enum cv_rc rc = of->plugin->source->offset_alter(of->config, offset, err);

    if (rc == CV_CONFLICT)
        return cv_fail(err, CV_INTERNAL,
                       "Failed to modify offsets for connector %s because it doesn't support external modification of "
                       "offsets",
                       of->name);
    return rc == CV_OK ? CV_OK : (err->rc = CV_INTERNAL);
}

static enum cv_rc
check_items(const struct offsets_of *of, const struct offsets_change *change, struct cv_err *err)
{
    bool asks = of->plugin->source->offset_alter != NULL;

    for (size_t i = 0; i < change->count; i++) {
        const struct cv_offset *item = &change->items[i];

        if (check_primitives(item->partition, err) != CV_OK || check_primitives(item->offset, err) != CV_OK)
            return err->rc;
        if (asks && ask_connector(of, item, err) != CV_OK)
            return err->rc;
        if (item->partition == NULL)
            return cv_fail(err, CV_INTERNAL, "Partition objects cannot be null");
    }
    return CV_OK;
}

/* Every partition of the connector, with offsets that remove it. */
static enum cv_rc
list_for_reset(struct herder *h, const struct offsets_of *of, struct cv_arena *arena, struct cv_offset **ret,
               size_t *ret_count, struct cv_err *err)
{
    if (offset_store_list(h->offsets, of->name, STORE_TIMEOUT_MS, arena, ret, ret_count, err) != CV_OK)
        return err->rc;
    for (size_t i = 0; i < *ret_count; i++)
        (*ret)[i].offset = NULL;
    return CV_OK;
}

enum cv_rc
herder_source_offsets_alter(struct herder *h, const struct offsets_of *of, const struct offsets_change *change,
                            bool *ret_told, struct cv_err *err)
{
    struct cv_offset *items = change->items;
    size_t count = change->count;
    enum cv_rc rc = CV_OK;

    if (items != NULL)
        rc = check_items(of, change, err);
    else if (of->plugin->source->offset_alter != NULL)
        rc = ask_connector(of, NULL, err);
    if (rc == CV_OK && items == NULL)
        rc = list_for_reset(h, of, change->arena, &items, &count, err);
    if (rc == CV_OK && count > 0)
        rc = write_and_wait(h, of->name, items, count, err);
    if (rc != CV_OK)
        return rc;
    *ret_told = of->plugin->source->offset_alter != NULL;
    return CV_OK;
}
