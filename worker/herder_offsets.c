/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offsets of connectors: read, changed and reset by REST. Whether the request may be served is decided in the herder's
 * turn; Kafka is then asked on the thread of the request, so that the herder never waits for it. A connector that is
 * resumed between the two is the user's race in Connect as well.
 */
#include <config.h>

#include "worker/herder_offsets.h"

#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "data/json.h"
#include "worker/herder_private.h"

/* A request on its way through the herder's turn. */
struct offsets_request {
    const char *name;
    struct herder_forward *forward; /* NULL: for reading, which every worker does */
    struct cv_config *config;       /* out; NULL: it goes to the leader */
    const struct cv_plugin *plugin;
};

static enum cv_rc
check_stopped(struct herder *h, const char *name, struct cv_err *err)
{
    if (config_store_target(h->configs, name) == TARGET_STOPPED && config_store_task_count(h->configs, name) == 0)
        return CV_OK;
    return cv_fail(err, CV_INVALID,
                   "Connectors must be in the STOPPED state before their offsets can be modified. This can be done "
                   "for the specified connector by issuing a 'PUT' request to the '/connectors/%s/stop' endpoint",
                   name);
}

static enum cv_rc
run_offsets(struct herder *h, void *arg, struct cv_err *err)
{
    struct offsets_request *r = arg;
    struct cv_config *raw = NULL;

    if (r->forward != NULL && !herder_leads(h, r->forward, err))
        return err->rc;
    if (config_store_connector(h->configs, r->name, &raw, err) != CV_OK)
        return err->rc;
    cv_config_free(raw);
    if (r->forward != NULL && check_stopped(h, r->name, err) != CV_OK)
        return err->rc;
    return herder_resolved_config(h, r->name, &r->config, &r->plugin, err);
}

/* ---- reading ---- */

enum cv_rc
herder_offsets_get(struct herder *h, const char *name, struct cv_buf *ret_json, struct cv_err *err)
{
    struct offsets_request r = { .name = name };
    struct offsets_of of = { .name = name };
    enum cv_rc rc = herder_call(h, run_offsets, &r, HERDER_REQUEST_TIMEOUT_MS, err);

    if (rc != CV_OK)
        return rc;
    of.config = r.config;
    of.plugin = r.plugin;
    cv_buf_str(ret_json, "{\"offsets\":[");
    rc = of.plugin->kind == CV_SOURCE ? herder_source_offsets_get(h, &of, ret_json, err)
                                      : herder_sink_offsets_get(h, &of, ret_json, err);
    cv_buf_str(ret_json, "]}");
    cv_config_free(r.config);
    return rc;
}

/* ---- changing ---- */

/* A member of an entry; NULL when it is missing or null. */
static enum cv_rc
read_map(const struct cv_value *entry, const char *member, struct cv_value **ret, struct cv_err *err)
{
    struct cv_value *val = cv_map_get(entry, member);

    *ret = NULL;
    if (val == NULL || val->is_null)
        return CV_OK;
    if (val->type != CV_MAP)
        return cv_fail(err, CV_INVALID, "\"%s\" in the provided offsets must be an object", member);
    *ret = val;
    return CV_OK;
}

/* {"offsets":[{"partition":{..},"offset":{..}},..]}, whose outer shape REST has checked. */
static enum cv_rc
read_change(const char *json, size_t len, struct offsets_change *change, struct cv_err *err)
{
    struct cv_value *body = cv_arena_zalloc(change->arena, sizeof(*body)), *list;

    if (body == NULL)
        return cv_fail_memory(err);
    if (cv_connect_json_read(json, len, change->arena, body, err) != CV_OK)
        return err->rc;
    list = body->type == CV_MAP && !body->is_null ? cv_map_get(body, "offsets") : NULL;
    if (list == NULL || list->is_null || list->type != CV_ARRAY || list->list.count == 0)
        return cv_fail(err, CV_INVALID, "Partitions / offsets need to be provided for an alter offsets request");
    change->count = list->list.count;
    change->items = cv_arena_zalloc(change->arena, change->count * sizeof(*change->items));
    if (change->items == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < change->count; i++) {
        const struct cv_value *entry = &list->list.items[i];

        if (entry->is_null || entry->type != CV_MAP)
            return cv_fail(err, CV_INVALID, "each of the provided offsets must be an object");
        if (read_map(entry, "partition", &change->items[i].partition, err) != CV_OK ||
            read_map(entry, "offset", &change->items[i].offset, err) != CV_OK)
            return err->rc;
    }
    return CV_OK;
}

static void
write_message(struct cv_buf *out, const char *done, bool told)
{
    if (told)
        cv_buf_printf(out, "{\"message\":\"The offsets for this connector have been %s successfully\"}", done);
    else
        cv_buf_printf(out,
                      "{\"message\":\"The Connect framework-managed offsets for this connector have been %s "
                      "successfully. However, if this connector manages offsets externally, they will need to be "
                      "manually %s in the system that the connector uses.\"}",
                      done, done);
}

enum cv_rc
herder_offsets_alter(struct herder *h, const char *name, const char *json, size_t len,
                     struct herder_forward *forward, struct cv_buf *ret_json, bool *ret_refused, struct cv_err *err)
{
    struct offsets_request r = { .name = name, .forward = forward };
    struct offsets_of of = { .name = name };
    struct offsets_change change = { .arena = NULL };
    struct offsets_answer answer = { .told = false };
    enum cv_rc rc = herder_call(h, run_offsets, &r, HERDER_REQUEST_TIMEOUT_MS, err);

    *ret_refused = false;
    if (rc != CV_OK || r.config == NULL)
        return rc;
    of.config = r.config;
    of.plugin = r.plugin;
    change.arena = cv_arena_new(NULL);
    if (change.arena == NULL)
        rc = cv_fail_memory(err);
    if (rc == CV_OK && json != NULL)
        rc = read_change(json, len, &change, err);
    answer.refused = rc == CV_INVALID;
    if (rc == CV_OK)
        rc = of.plugin->kind == CV_SOURCE ? herder_source_offsets_alter(h, &of, &change, &answer, err)
                                          : herder_sink_offsets_alter(h, &of, &change, &answer, err);
    *ret_refused = answer.refused;
    if (rc == CV_OK)
        write_message(ret_json, json != NULL ? "altered" : "reset", answer.told);
    cv_arena_free(change.arena);
    cv_config_free(r.config);
    return rc;
}
