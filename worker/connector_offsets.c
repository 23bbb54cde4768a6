/* SPDX-License-Identifier: Apache-2.0 */
/* Offsets in one or two topics (ConnectorOffsetBackingStore). */
#include <config.h>

#include "worker/connector_offsets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/kafka/topic_log.h"
#include "common/log.h"
#include "worker/clients.h"
#include "worker/worker_config.h"

#define CLOSE_WAIT_MS 1000

struct connector_offsets {
    char *connector;
    struct offset_store *worker;
    struct offset_store *own; /* NULL: none */
    struct cv_admin *admin;   /* own's */
    struct cv_log *log;
};

/* ---- opening ---- */

/* The topic's name if it is another than the worker's. */
static const char *
own_topic(const struct connector_offsets_spec *spec)
{
    const char *name = cv_config_get(spec->connector_config, "offsets.storage.topic");
    const char *servers = cv_config_get(spec->connector_config, "producer.override.bootstrap.servers");
    const char *workers = cv_config_get(spec->worker_raw, "bootstrap.servers");

    if (spec->worker_config->mode == WORKER_STANDALONE || name == NULL || name[0] == '\0')
        return NULL;
    if (strcmp(name, spec->worker_config->offset_topic) == 0 &&
        (servers == NULL || (workers != NULL && strcmp(servers, workers) == 0)))
        return NULL;
    return name;
}

/* Settings of the worker's offset topic also go for this one. */
static struct cv_config *
topic_settings(const struct cv_config *worker_raw)
{
    static const char *const own[] = { "topic", "partitions", "replication.factor", "cleanup.policy" };
    struct cv_config *settings = cv_config_with_prefix(worker_raw, "offset.storage.");

    for (size_t i = 0; settings != NULL && i < CV_COUNT(own); i++)
        cv_config_remove(settings, own[i]);
    return settings;
}

static enum cv_rc
make_admin(const struct connector_offsets_spec *spec, struct connector_offsets *o, struct cv_err *err)
{
    struct client_layers layers;
    struct cv_kafka_conf conf;
    char client_id[256];
    enum cv_rc rc;

    snprintf(client_id, sizeof(client_id), "connector-adminclient-%s-%d", spec->connector, spec->task);
    rc = client_layers_init(&layers, CV_KAFKA_ADMIN, spec->worker_raw, spec->connector_config, client_id, &conf, err);
    if (rc == CV_OK) {
        rc = cv_admin_new(&conf, &o->admin, err);
        client_layers_done(&layers);
    }
    return rc;
}

static enum cv_rc
open_own(const struct connector_offsets_spec *spec, const char *name, struct connector_offsets *o, struct cv_err *err)
{
    const struct worker_config *c = spec->worker_config;
    struct cv_config *settings = topic_settings(spec->worker_raw);
    struct client_layers consumer = { 0 }, producer = { 0 };
    struct cv_topic_log_spec topic = { .topic = { .name = name, .partitions = c->offset_partitions,
                                                  .replication = c->offset_replication, .configs = settings } };
    char consumer_id[256], producer_id[256];
    enum cv_rc rc = settings == NULL ? cv_fail_memory(err) : make_admin(spec, o, err);

    snprintf(consumer_id, sizeof(consumer_id), "connector-consumer-%s-%d", spec->connector, spec->task);
    snprintf(producer_id, sizeof(producer_id), "connector-offsets-%s-%d", spec->connector, spec->task);
    topic.admin = o->admin;
    if (rc == CV_OK)
        rc = client_layers_init(&consumer, CV_KAFKA_CONSUMER, spec->worker_raw, spec->connector_config, consumer_id,
                                &topic.consumer, err);
    if (rc == CV_OK)
        rc = client_layers_read_committed(&consumer, &topic.consumer, err);
    if (rc == CV_OK)
        rc = client_layers_init(&producer, CV_KAFKA_PRODUCER, spec->worker_raw, spec->connector_config, producer_id,
                                &topic.producer, err);
    if (rc == CV_OK)
        rc = offset_store_start(&topic, spec->stop, &o->own, err);
    client_layers_done(&consumer);
    client_layers_done(&producer);
    cv_config_free(settings);
    return rc == CV_OK ? CV_OK : cv_err_context(err, "offsets topic \"%s\"", name);
}

enum cv_rc
connector_offsets_open(const struct connector_offsets_spec *spec, struct connector_offsets **ret, struct cv_err *err)
{
    struct connector_offsets *o = calloc(1, sizeof(*o));
    const char *name = own_topic(spec);

    if (o == NULL || (o->connector = strdup(spec->connector)) == NULL) {
        free(o);
        return cv_fail_memory(err);
    }
    o->worker = spec->worker;
    o->log = cv_log_get("culvert.worker.offsets");
    if (name != NULL && open_own(spec, name, o, err) != CV_OK) {
        connector_offsets_close(o);
        return err->rc;
    }
    *ret = o;
    return CV_OK;
}

void
connector_offsets_close(struct connector_offsets *o)
{
    if (o == NULL)
        return;
    offset_store_free(o->own, CLOSE_WAIT_MS);
    cv_admin_free(o->admin);
    free(o->connector);
    free(o);
}

/* ---- reading ---- */

enum cv_rc
connector_offsets_read(struct connector_offsets *o, const struct cv_value *partition, int timeout_ms,
                       struct cv_arena *arena, struct cv_value **ret, struct cv_err *err)
{
    *ret = NULL;
    if (o->own != NULL &&
        (offset_store_read(o->own, o->connector, partition, timeout_ms, arena, ret, err) != CV_OK || *ret != NULL))
        return *ret != NULL ? CV_OK : err->rc;
    return offset_store_read(o->worker, o->connector, partition, timeout_ms, arena, ret, err);
}

enum cv_rc
connector_offsets_list(struct connector_offsets *o, int timeout_ms, struct cv_arena *arena, struct cv_offset **ret,
                       size_t *ret_count, struct cv_err *err)
{
    struct cv_offset *own = NULL, *workers, *all;
    size_t n_own = 0, n_workers, count;

    if (o->own != NULL && offset_store_list(o->own, o->connector, timeout_ms, arena, &own, &n_own, err) != CV_OK)
        return err->rc;
    if (offset_store_list(o->worker, o->connector, timeout_ms, arena, &workers, &n_workers, err) != CV_OK)
        return err->rc;
    all = cv_arena_zalloc(arena, (n_own + n_workers + 1) * sizeof(*all));
    if (all == NULL)
        return cv_fail_memory(err);
    for (count = 0; count < n_own; count++)
        all[count] = own[count];
    for (size_t i = 0; i < n_workers; i++) {
        bool known = false;

        for (size_t k = 0; k < n_own && !known; k++)
            known = cv_value_equal(own[k].partition, workers[i].partition);
        if (!known)
            all[count++] = workers[i];
    }
    *ret = all;
    *ret_count = count;
    return CV_OK;
}

/* ---- writing to two topics ---- */

/* A write on its way from topic to topic. */
struct chain {
    struct connector_offsets *offsets;
    struct cv_arena *arena;
    struct cv_offset *items; /* removals first */
    size_t n_removed;
    size_t count;
    offset_store_written *written;
    void *arg;
};

static void
chain_free(struct chain *c)
{
    if (c == NULL)
        return;
    cv_arena_free(c->arena);
    free(c);
}

static struct chain *
chain_new(struct connector_offsets *o, const struct cv_offset *items, size_t count)
{
    struct chain *c = calloc(1, sizeof(*c));
    bool ok = c != NULL && (c->arena = cv_arena_new(NULL)) != NULL &&
              (c->items = cv_arena_zalloc(c->arena, (count + 1) * sizeof(*c->items))) != NULL;

    for (int pass = 0; ok && pass < 2; pass++)
        for (size_t i = 0; ok && i < count; i++) {
            struct cv_offset *copy = &c->items[c->count];

            if ((items[i].offset == NULL) != (pass == 0))
                continue;
            copy->partition = cv_value_copy(c->arena, items[i].partition);
            copy->offset = items[i].offset != NULL ? cv_value_copy(c->arena, items[i].offset) : NULL;
            ok = copy->partition != NULL && (items[i].offset == NULL || copy->offset != NULL);
            c->n_removed += pass == 0;
            c->count++;
        }
    if (!ok) {
        chain_free(c);
        return NULL;
    }
    c->offsets = o;
    return c;
}

static void
on_copied(void *arg, const struct cv_err *err)
{
    struct cv_log *log = arg;

    if (err != NULL)
        CV_LOG_WARN(log, "offsets were not copied to the worker's offset topic", CV_ERR(err));
}

void
connector_offsets_copy(struct connector_offsets *o, const struct cv_offset *items, size_t count)
{
    struct chain *c;
    struct cv_err err;

    if (o->own == NULL || count == 0)
        return;
    c = chain_new(o, items, count);
    if (c == NULL)
        cv_fail_memory(&err);
    if (c == NULL || (c->count > c->n_removed &&
                      offset_store_write(o->worker, o->connector, c->items + c->n_removed, c->count - c->n_removed,
                                         on_copied, o->log, &err) != CV_OK))
        on_copied(o->log, &err);
    chain_free(c);
}

static void
chain_end(struct chain *c, const struct cv_err *err)
{
    if (err == NULL)
        connector_offsets_copy(c->offsets, c->items, c->count);
    c->written(c->arg, err);
    chain_free(c);
}

static void
on_own_written(void *arg, const struct cv_err *err)
{
    chain_end(arg, err);
}

static void
on_removed(void *arg, const struct cv_err *err)
{
    struct chain *c = arg;
    struct cv_err why;

    if (err != NULL)
        chain_end(c, err);
    else if (offset_store_write(c->offsets->own, c->offsets->connector, c->items, c->count, on_own_written, c, &why) !=
             CV_OK)
        chain_end(c, &why);
}

enum cv_rc
connector_offsets_write(struct connector_offsets *o, const struct cv_offset *items, size_t count,
                        offset_store_written *written, void *arg, struct cv_err *err)
{
    struct chain *c;
    enum cv_rc rc;

    if (o->own == NULL)
        return offset_store_write(o->worker, o->connector, items, count, written, arg, err);
    c = chain_new(o, items, count);
    if (c == NULL)
        return cv_fail_memory(err);
    c->written = written;
    c->arg = arg;
    rc = c->n_removed > 0 ? offset_store_write(o->worker, o->connector, c->items, c->n_removed, on_removed, c, err)
                          : offset_store_write(o->own, o->connector, c->items, c->count, on_own_written, c, err);
    if (rc != CV_OK)
        chain_free(c);
    return rc;
}

/* ---- in transactions ---- */

const char *
connector_offsets_topic(const struct connector_offsets *o)
{
    return offset_store_topic(o->own != NULL ? o->own : o->worker);
}

enum cv_rc
connector_offsets_encode(struct connector_offsets *o, const struct cv_offset *offset, struct cv_arena *arena,
                         struct cv_bytes *ret_key, struct cv_bytes *ret_value, struct cv_err *err)
{
    return offset_store_encode(o->own != NULL ? o->own : o->worker, o->connector, offset, arena, ret_key, ret_value,
                               err);
}

enum cv_rc
connector_offsets_remove_copies(struct connector_offsets *o, const struct cv_offset *items, size_t count,
                                offset_store_written *written, void *arg, bool *ret_begun, struct cv_err *err)
{
    struct chain *c = NULL;
    enum cv_rc rc = CV_OK;

    *ret_begun = false;
    if (o->own == NULL || count == 0)
        return CV_OK;
    c = chain_new(o, items, count);
    if (c == NULL)
        return cv_fail_memory(err);
    if (c->n_removed > 0) {
        rc = offset_store_write(o->worker, o->connector, c->items, c->n_removed, written, arg, err);
        *ret_begun = rc == CV_OK;
    }
    chain_free(c);
    return rc;
}
