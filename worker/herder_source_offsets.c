/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offsets of source connectors, read and changed by REST, in the worker's offset topic and the connector's own. On the
 * thread of the request. Where sources write exactly once, their tasks are fenced first and the offsets are written in
 * a transaction under the first task's id, so that no task that was thought dead can write behind us.
 */
#include <config.h>

#include "worker/herder_offsets.h"

#include <stdlib.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/kafka/producer.h"
#include "data/json.h"
#include "worker/connector_offsets.h"
#include "worker/herder_private.h"

#define STORE_TIMEOUT_MS 60000

static enum cv_rc
open_offsets(struct herder *h, const struct offsets_of *of, struct connector_offsets **ret, struct cv_err *err)
{
    struct connector_offsets_spec spec = { .connector = of->name,
                                           .task = -1,
                                           .connector_config = of->config,
                                           .worker_config = h->spec.config,
                                           .worker_raw = h->spec.raw,
                                           .worker = h->offsets,
                                           .stop = &h->stop };

    return connector_offsets_open(&spec, ret, err);
}

enum cv_rc
herder_source_offsets_get(struct herder *h, const struct offsets_of *of, struct cv_buf *out, struct cv_err *err)
{
    struct cv_arena *arena = cv_arena_new(NULL);
    struct connector_offsets *offsets = NULL;
    struct cv_offset *items = NULL;
    size_t count = 0;
    enum cv_rc rc = arena == NULL ? cv_fail_memory(err) : open_offsets(h, of, &offsets, err);

    if (rc == CV_OK)
        rc = connector_offsets_list(offsets, STORE_TIMEOUT_MS, arena, &items, &count, err);
    for (size_t i = 0; rc == CV_OK && i < count; i++) {
        cv_buf_str(out, i > 0 ? ",{\"partition\":" : "{\"partition\":");
        cv_connect_json_write(out, items[i].partition);
        cv_buf_str(out, ",\"offset\":");
        cv_connect_json_write(out, items[i].offset);
        cv_buf_char(out, '}');
    }
    connector_offsets_close(offsets);
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

static struct written *
written_new(void)
{
    struct written *w = calloc(1, sizeof(*w));

    if (w == NULL)
        return NULL;
    cv_lock_init(&w->lock, CV_RANK_STORE);
    cv_cond_init(&w->done);
    w->holders = 2;
    w->err.rc = CV_OK;
    return w;
}

/* Releases the waiter's hold. begun false: nothing was begun. */
static enum cv_rc
written_wait(struct written *w, bool begun, const char *name, struct cv_err *err)
{
    int64_t deadline = cv_mono_ms() + STORE_TIMEOUT_MS;
    enum cv_rc rc = CV_OK;

    if (!begun)
        written_release(w);
    cv_lock(&w->lock);
    while (begun && !w->finished && cv_mono_ms() < deadline)
        cv_cond_wait(&w->done, &w->lock, deadline);
    if (begun && !w->finished) {
        rc = cv_fail(err, CV_INTERNAL, "Timed out while attempting to modify offsets for connector %s", name);
    } else if (w->err.rc != CV_OK) {
        *err = w->err;
        rc = err->rc;
    }
    cv_unlock(&w->lock);
    written_release(w);
    return rc;
}

static enum cv_rc
write_plainly(struct connector_offsets *offsets, const char *name, const struct cv_offset *items, size_t count,
              struct cv_err *err)
{
    struct written *w = written_new();
    struct cv_err ignored;
    enum cv_rc rc;

    if (w == NULL)
        return cv_fail_memory(err);
    rc = connector_offsets_write(offsets, items, count, on_written, w, err);
    if (rc == CV_OK)
        return written_wait(w, true, name, err);
    (void)(written_wait(w, false, name, &ignored) == CV_OK);
    return rc;
}

/* ---- exactly once ---- */

/* What is removed must not come back from the worker's topic. */
static enum cv_rc
remove_copies(struct connector_offsets *offsets, const char *name, const struct cv_offset *items, size_t count,
              struct cv_err *err)
{
    struct written *w = written_new();
    struct cv_err why;
    bool begun = false;
    enum cv_rc rc, waited;

    if (w == NULL)
        return cv_fail_memory(err);
    rc = connector_offsets_remove_copies(offsets, items, count, on_written, w, &begun, err);
    waited = written_wait(w, begun, name, &why);
    if (rc == CV_OK && waited != CV_OK) {
        *err = why;
        rc = waited;
    }
    return rc;
}

static enum cv_rc
send_items(struct cv_producer *producer, struct connector_offsets *offsets, const struct cv_offset *items,
           size_t count, struct cv_arena *arena, struct cv_err *err)
{
    struct cv_producer_topic *topic;
    struct cv_bytes key, value;

    if (cv_producer_topic(producer, connector_offsets_topic(offsets), &topic, err) != CV_OK)
        return err->rc;
    for (size_t i = 0; i < count; i++)
        if (connector_offsets_encode(offsets, &items[i], arena, &key, &value, err) != CV_OK ||
            cv_producer_send(producer, topic, CV_NO_PARTITION, key, value, NULL, CV_NO_TIMESTAMP, NULL, err) != CV_OK)
            return err->rc;
    return CV_OK;
}

static enum cv_rc
write_exactly_once(struct herder *h, const struct offsets_of *of, struct connector_offsets *offsets,
                   const struct cv_offset *items, size_t count, struct cv_err *err)
{
    struct herder_forward forward = { .hop = HERDER_HOP_FALSE };
    struct cv_producer *producer = NULL;
    struct cv_arena *arena = cv_arena_new(NULL);
    enum cv_rc rc;

    if (arena == NULL)
        return cv_fail_memory(err);
    rc = herder_fence(h, of->name, &forward, err);
    if (rc != CV_OK && rc != CV_CONFLICT)
        rc = cv_err_context(err, "Failed to perform zombie fencing for source connector prior to modifying offsets");
    if (rc == CV_OK)
        rc = remove_copies(offsets, of->name, items, count, err);
    if (rc == CV_OK)
        rc = client_transactional_producer(h->spec.config, h->spec.raw, of->config, of->name, 0, NULL, &producer,
                                           err);
    if (rc == CV_OK)
        rc = cv_producer_txn_init(producer, STORE_TIMEOUT_MS, err);
    if (rc == CV_OK)
        rc = cv_producer_txn_begin(producer, err);
    if (rc == CV_OK)
        rc = send_items(producer, offsets, items, count, arena, err);
    if (rc == CV_OK)
        rc = cv_producer_txn_commit(producer, STORE_TIMEOUT_MS, err);
    if (rc == CV_OK)
        connector_offsets_copy(offsets, items, count);
    cv_producer_free(producer, 0);
    cv_arena_free(arena);
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
            return cv_fail(err, CV_INVALID,
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
        return cv_fail(err, CV_INVALID,
                       "Failed to modify offsets for connector %s because it doesn't support external modification of "
                       "offsets",
                       of->name);
    return rc;
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
            return cv_fail(err, CV_INVALID, "Partition objects cannot be null");
    }
    return CV_OK;
}

/* Every partition of the connector, with offsets that remove it. */
static enum cv_rc
list_for_reset(struct connector_offsets *offsets, struct cv_arena *arena, struct cv_offset **ret, size_t *ret_count,
               struct cv_err *err)
{
    if (connector_offsets_list(offsets, STORE_TIMEOUT_MS, arena, ret, ret_count, err) != CV_OK)
        return err->rc;
    for (size_t i = 0; i < *ret_count; i++)
        (*ret)[i].offset = NULL;
    return CV_OK;
}

static enum cv_rc
change_offsets(struct herder *h, const struct offsets_of *of, const struct offsets_change *change, struct cv_err *err)
{
    bool exactly_once = h->spec.config->exactly_once == WORKER_EOS_ENABLED &&
                        h->spec.config->mode != WORKER_STANDALONE;
    struct connector_offsets *offsets = NULL;
    struct cv_offset *items = change->items;
    size_t count = change->count;
    enum cv_rc rc = open_offsets(h, of, &offsets, err);

    if (rc == CV_OK && items == NULL)
        rc = list_for_reset(offsets, change->arena, &items, &count, err);
    if (rc == CV_OK && count > 0)
        rc = exactly_once ? write_exactly_once(h, of, offsets, items, count, err)
                          : write_plainly(offsets, of->name, items, count, err);
    connector_offsets_close(offsets);
    return rc;
}

enum cv_rc
herder_source_offsets_alter(struct herder *h, const struct offsets_of *of, const struct offsets_change *change,
                            struct offsets_answer *ret, struct cv_err *err)
{
    bool asks = of->plugin->source->offset_alter != NULL;
    enum cv_rc rc = CV_OK;

    if (change->items != NULL)
        rc = check_items(of, change, err);
    else if (asks)
        rc = ask_connector(of, NULL, err);
    ret->refused = rc == CV_INVALID;
    if (rc == CV_OK)
        rc = change_offsets(h, of, change, err);
    if (rc == CV_OK)
        ret->told = asks;
    return rc;
}
