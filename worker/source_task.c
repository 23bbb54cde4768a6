/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A source task's loop: poll, transform, convert, produce; offsets behind.
 *
 * Each poll fills one batch in one arena, whose bytes librdkafka sends without a copy. Batches form a queue in the
 * order of their polls. A batch leaves at the head when its last message is delivered, and only then are its
 * offsets committable: so a stored offset never runs ahead of any message before it, whatever order the
 * partitions answer in. Offsets go to the offset topic every offset.flush.interval.ms; when that write is
 * confirmed, and not before, the plugin is told.
 *
 * Memory is bounded by the arena pool: while it is full the source is only kept alive, which stops it from reading
 * its socket.
 */
#include <config.h>

#include "worker/task_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/kafka/admin.h"
#include "common/kafka/producer.h"
#include "common/log.h"
#include "common/map.h"
#include "worker/clients.h"
#include "worker/store/offset_store.h"
#include "worker/topic_creation.h"
#include "worker/worker_config.h"

#define BLOCK_BYTES     (256 * 1024)
#define POLL_TIMEOUT_MS 100
#define FULL_WAIT_MS    5
#define READ_TIMEOUT_MS 30000
#define RETRY_WAIT_MS   100

/* A topic that the task writes to. */
struct cv_topic {
    struct cv_producer_topic *handle;
    char *name;
    unsigned used; /* 1 + the resets that there were when it was told to the status store; 0: not yet */
};

/* One batch on its way. */
struct chunk {
    struct cv_delivery delivery;
    struct cv_batch batch;
    struct chunk *next;
    size_t messages;
    bool delivered;
};

/* Committable offsets; a commit under way has a set of its own. */
struct offsets {
    struct cv_arena *arena;
    struct cv_offset *items;
    size_t count;
    size_t cap;
};

struct runtime {
    struct cv_source_ctx ctx; /* first: the plugin's way back */
    struct task *task;
    struct cv_direct direct;
    struct pipeline *pipe;
    struct cv_producer *producer;
    struct topic_creation *creation;
    struct cv_hash *routes; /* struct cv_topic (or &dropped) by the source's topic name */
    struct cv_hash *topics; /* struct cv_topic by Kafka's name, owned */
    struct cv_arena_pool *pool;
    struct cv_source_task *source;
    const struct cv_source_ops *ops;

    struct chunk *head, *tail;
    struct offsets committable;
    struct offsets committing;
    bool commit_running;
    int64_t commit_started_us;
    int64_t commit_due_ms;
    atomic_int commit_result; /* 0: none yet, 1: written, 2: failed; set on the store's thread */
    char commit_problem[1024]; /* written before commit_result */
};

static struct cv_topic dropped; /* the chain drops this topic's records */

static struct runtime *
runtime_of(struct cv_source_ctx *ctx)
{
    return cv_container_of(ctx, struct runtime, ctx);
}

/* ---- what the plugin may ask ---- */

static void
topic_free(void *arg)
{
    struct cv_topic *topic = arg;

    if (topic == NULL)
        return;
    free(topic->name);
    free(topic);
}

/* The topic by Kafka's name: created if asked for, with a producer's handle. */
static enum cv_rc
open_topic(struct runtime *rt, const char *name, struct cv_topic **ret, struct cv_err *err)
{
    struct cv_topic *topic = cv_hash_get(rt->topics, name);
    bool created = false;

    if (topic != NULL) {
        *ret = topic;
        return CV_OK;
    }
    if (rt->creation != NULL && rt->task->spec.worker_config->topic_creation_enable &&
        topic_creation_ensure(rt->creation, rt->task->spec.admin, name, &created, err) != CV_OK)
        return err->rc;
    if (created)
        CV_LOG_INFO(rt->task->log, "topic created", CV_STR("topic", name));
    topic = calloc(1, sizeof(*topic));
    if (topic == NULL || (topic->name = strdup(name)) == NULL) {
        topic_free(topic);
        return cv_fail_memory(err);
    }
    if (cv_producer_topic(rt->producer, name, &topic->handle, err) != CV_OK) {
        topic_free(topic);
        return err->rc;
    }
    if (!cv_hash_put(rt->topics, name, topic)) {
        topic_free(topic);
        return cv_fail_memory(err);
    }
    *ret = topic;
    return CV_OK;
}

static struct cv_topic *
ctx_topic(struct cv_source_ctx *ctx, const char *name, struct cv_err *err)
{
    struct runtime *rt = runtime_of(ctx);
    struct cv_topic *topic = cv_hash_get(rt->routes, name);
    struct cv_arena *arena;
    const char *routed = NULL;
    enum cv_rc rc;

    if (topic != NULL)
        return topic == &dropped ? NULL : topic;
    arena = cv_arena_new(NULL);
    if (arena == NULL) {
        cv_fail_memory(err);
        return NULL;
    }
    rc = pipeline_route(rt->pipe, name, arena, &routed, err);
    if (rc == CV_OK && routed != NULL)
        rc = open_topic(rt, routed, &topic, err);
    if (rc == CV_OK && !cv_hash_put(rt->routes, name, routed == NULL ? &dropped : topic))
        rc = cv_fail_memory(err);
    cv_arena_free(arena);
    return rc == CV_OK ? topic : NULL;
}

static enum cv_rc
ctx_offset_read(struct cv_source_ctx *ctx, const struct cv_value *partition, struct cv_arena *arena,
                struct cv_value **ret, struct cv_err *err)
{
    struct runtime *rt = runtime_of(ctx);

    return offset_store_read(rt->task->spec.offsets, rt->task->connector, partition, READ_TIMEOUT_MS, arena, ret,
                             err);
}

static void
ctx_metric_set(struct cv_source_ctx *ctx, int row, double value)
{
    struct runtime *rt = runtime_of(ctx);

    if (row >= 0 && row < TASK_PLUGIN_METRICS)
        atomic_store_explicit(&rt->task->counters.plugin[row], value, memory_order_relaxed);
}

static void
ctx_progress(struct cv_source_ctx *ctx, const char *text)
{
    CV_LOG_DEBUG(runtime_of(ctx)->task->log, "progress", CV_STR("phase", text));
}

/* ---- chunks ---- */

static void
on_delivered(struct cv_delivery *delivery)
{
    cv_container_of(delivery, struct chunk, delivery)->delivered = true;
}

static struct chunk *
chunk_new(struct runtime *rt)
{
    struct chunk *chunk = calloc(1, sizeof(*chunk));

    if (chunk == NULL)
        return NULL;
    chunk->batch.arena = cv_arena_new(rt->pool);
    if (chunk->batch.arena == NULL) {
        free(chunk);
        return NULL;
    }
    cv_delivery_init(&chunk->delivery, on_delivered);
    return chunk;
}

static void
chunk_free(struct chunk *chunk)
{
    cv_arena_free(chunk->batch.arena);
    free(chunk);
}

static void
offsets_clear(struct offsets *offsets)
{
    cv_arena_free(offsets->arena);
    *offsets = (struct offsets){ 0 };
}

/* Remember an offset that may be stored; replaces that of an equal partition. */
static enum cv_rc
offsets_put(struct offsets *offsets, const struct cv_offset *offset, struct cv_err *err)
{
    struct cv_offset copy;
    size_t i;

    if (offsets->arena == NULL && (offsets->arena = cv_arena_new(NULL)) == NULL)
        return cv_fail_memory(err);
    for (i = 0; i < offsets->count; i++)
        if (cv_value_equal(offsets->items[i].partition, offset->partition))
            break;
    copy.partition = i < offsets->count ? offsets->items[i].partition
                                        : cv_value_copy(offsets->arena, offset->partition);
    copy.offset = cv_value_copy(offsets->arena, offset->offset);
    if (copy.partition == NULL || copy.offset == NULL)
        return cv_fail_memory(err);
    if (i == offsets->cap) {
        size_t cap = offsets->cap == 0 ? 4 : offsets->cap * 2;
        struct cv_offset *items = cv_arena_alloc(offsets->arena, cap * sizeof(*items));

        if (items == NULL)
            return cv_fail_memory(err);
        if (offsets->count > 0)
            memcpy(items, offsets->items, offsets->count * sizeof(*items));
        offsets->items = items;
        offsets->cap = cap;
    }
    offsets->items[i] = copy;
    if (i == offsets->count)
        offsets->count++;
    return CV_OK;
}

/* Superseded values stay in the arena until the set is replaced: copy what counts when it has grown. */
static enum cv_rc
offsets_compact(struct offsets *offsets, struct cv_err *err)
{
    struct offsets fresh = { 0 };

    if (offsets->arena == NULL || cv_arena_used(offsets->arena) < BLOCK_BYTES)
        return CV_OK;
    for (size_t i = 0; i < offsets->count; i++)
        if (offsets_put(&fresh, &offsets->items[i], err) != CV_OK) {
            offsets_clear(&fresh);
            return err->rc;
        }
    offsets_clear(offsets);
    *offsets = fresh;
    return CV_OK;
}

/* Take delivered batches off the head: their offsets become committable. */
static enum cv_rc
retire(struct runtime *rt, struct cv_err *err)
{
    struct task_counters *c = &rt->task->counters;

    while (rt->head != NULL && rt->head->delivered) {
        struct chunk *chunk = rt->head;

        if (chunk->delivery.err.rc != CV_OK) {
            *err = chunk->delivery.err;
            return cv_err_context(err, "could not write to Kafka");
        }
        for (size_t i = 0; i < chunk->batch.n_offsets; i++)
            if (offsets_put(&rt->committable, &chunk->batch.offsets[i], err) != CV_OK)
                return err->rc;
        atomic_fetch_add_explicit(&c->records_sent, chunk->messages, memory_order_relaxed);
        atomic_fetch_sub_explicit(&c->records_active, chunk->messages, memory_order_relaxed);
        rt->head = chunk->next;
        if (rt->head == NULL)
            rt->tail = NULL;
        chunk_free(chunk);
    }
    return offsets_compact(&rt->committable, err);
}

/* ---- offset commits ---- */

/* On the store's thread. */
static void
on_offsets_written(void *arg, const struct cv_err *err)
{
    struct runtime *rt = arg;

    if (err != NULL)
        snprintf(rt->commit_problem, sizeof(rt->commit_problem), "%s", err->text);
    atomic_store_explicit(&rt->commit_result, err == NULL ? 1 : 2, memory_order_release);
    cv_wake_signal(&rt->task->wake);
}

/* The write failed: its offsets count again, under what has come since. */
static enum cv_rc
take_back(struct runtime *rt, struct cv_err *err)
{
    struct offsets newer = rt->committable;

    rt->committable = rt->committing;
    rt->committing = (struct offsets){ 0 };
    for (size_t i = 0; i < newer.count; i++)
        if (offsets_put(&rt->committable, &newer.items[i], err) != CV_OK)
            return err->rc;
    offsets_clear(&newer);
    return CV_OK;
}

static enum cv_rc
commit_failed(struct runtime *rt, struct cv_err *err)
{
    atomic_fetch_add_explicit(&rt->task->counters.commits_failed, 1, memory_order_relaxed);
    CV_LOG_WARN(rt->task->log, "could not store offsets, trying again at the next commit",
                CV_STR("error", rt->commit_problem));
    return take_back(rt, err);
}

static enum cv_rc
start_commit(struct runtime *rt, struct cv_err *err)
{
    rt->commit_due_ms = cv_mono_ms() + rt->task->spec.worker_config->offset_flush_interval_ms;
    if (rt->commit_running || rt->committable.count == 0)
        return CV_OK;
    rt->committing = rt->committable;
    rt->committable = (struct offsets){ 0 };
    rt->commit_started_us = cv_mono_us();
    atomic_store(&rt->commit_result, 0);
    rt->commit_running = true;
    if (offset_store_write(rt->task->spec.offsets, rt->task->connector, rt->committing.items, rt->committing.count,
                           on_offsets_written, rt, err) == CV_OK)
        return CV_OK;
    rt->commit_running = false;
    snprintf(rt->commit_problem, sizeof(rt->commit_problem), "%s", err->text);
    return commit_failed(rt, err);
}

static enum cv_rc
finish_commit(struct runtime *rt, struct cv_err *err)
{
    struct task_counters *c = &rt->task->counters;
    int result = rt->commit_running ? atomic_load_explicit(&rt->commit_result, memory_order_acquire) : 0;
    enum cv_rc rc = CV_OK;

    if (result == 0)
        return CV_OK;
    rt->commit_running = false;
    cv_histogram_record(&c->commit_us, (uint64_t)(cv_mono_us() - rt->commit_started_us));
    if (result == 2)
        return commit_failed(rt, err);
    atomic_fetch_add_explicit(&c->commits_ok, 1, memory_order_relaxed);
    for (size_t i = 0; i < rt->committing.count && rc == CV_OK; i++)
        if (rt->ops->offset_commit != NULL)
            rc = rt->ops->offset_commit(rt->source, &rt->committing.items[i], err);
    offsets_clear(&rt->committing);
    return rc;
}

/* ---- producing ---- */

/* Kafka takes no more for now: let reports come in, keep the source alive. */
static enum cv_rc
wait_for_room(struct runtime *rt, struct cv_err *err)
{
    cv_producer_poll(rt->producer, FULL_WAIT_MS);
    if (retire(rt, err) != CV_OK || finish_commit(rt, err) != CV_OK)
        return err->rc;
    return rt->ops->poll(rt->source, NULL, 0, err);
}

static enum cv_rc
send_message(struct runtime *rt, struct chunk *chunk, const struct cv_message *msg, struct cv_err *err)
{
    struct cv_topic *topic = msg->topic;
    unsigned resets = atomic_load_explicit(rt->task->spec.topic_resets, memory_order_relaxed);
    enum cv_rc rc;

    if (topic->used != resets + 1) {
        topic->used = resets + 1;
        rt->task->spec.topic_used(rt->task->spec.arg, rt->task->connector, rt->task->spec.id, topic->name);
    }
    while ((rc = cv_producer_send(rt->producer, topic->handle, msg->partition, msg->key, msg->value,
                                  msg->headers, msg->timestamp_ms, &chunk->delivery, err)) == CV_RETRY) {
        if (task_stopping(rt->task))
            return CV_RETRY;
        if (wait_for_room(rt, err) != CV_OK)
            return err->rc;
    }
    return rc == CV_OK ? CV_OK : cv_err_context(err, "could not write to topic \"%s\"", topic->name);
}

/* Transform and convert one record, and append it to the batch as a message. */
static enum cv_rc
convert_record(struct runtime *rt, struct cv_batch *batch, struct cv_record *rec, struct cv_err *err)
{
    struct cv_message bytes = { 0 }, *msg;
    enum pipeline_stage stage = STAGE_TRANSFORMATION;
    struct cv_topic *topic;
    bool keep = true;
    enum cv_rc rc = pipeline_transform(rt->pipe, batch->arena, rec, &keep, err);

    if (rc == CV_OK && !keep)
        return CV_OK;
    if (rc == CV_OK)
        rc = pipeline_to_message(rt->pipe, batch->arena, rec, &bytes, &stage, err);
    if (rc == CV_RETRY && task_stopping(rt->task))
        return rc;
    if (rc != CV_OK) {
        struct tolerance_failure failure = { .stage = stage, .class_name = pipeline_class(rt->pipe, stage),
                                             .record = rec };

        return tolerance_skips(&rt->task->tolerance, &failure, err) ? CV_OK : err->rc;
    }
    if (open_topic(rt, rec->topic, &topic, err) != CV_OK)
        return err->rc;
    msg = cv_batch_add_message(batch);
    if (msg == NULL)
        return cv_fail_memory(err);
    *msg = bytes;
    msg->topic = topic;
    return CV_OK;
}

static void
count_batch(struct runtime *rt, size_t records, int64_t poll_us)
{
    struct task_counters *c = &rt->task->counters;

    if (records == 0)
        return;
    atomic_fetch_add_explicit(&c->records_polled, records, memory_order_relaxed);
    atomic_fetch_add_explicit(&c->batches, 1, memory_order_relaxed);
    if (records > atomic_load_explicit(&c->batch_max, memory_order_relaxed))
        atomic_store_explicit(&c->batch_max, records, memory_order_relaxed);
    cv_histogram_record(&c->poll_us, (uint64_t)poll_us);
}

/* Everything of the batch to Kafka. The chunk is in the queue in any case. */
static enum cv_rc
produce(struct runtime *rt, struct chunk *chunk, struct cv_err *err)
{
    struct cv_batch *batch = &chunk->batch;
    enum cv_rc rc = CV_OK;

    for (size_t i = 0; i < batch->n_records && rc == CV_OK; i++)
        rc = convert_record(rt, batch, &batch->records[i], err);
    if (rt->tail != NULL)
        rt->tail->next = chunk;
    else
        rt->head = chunk;
    rt->tail = chunk;
    chunk->messages = batch->n_messages;
    atomic_fetch_add_explicit(&rt->task->counters.records_active, chunk->messages, memory_order_relaxed);
    for (size_t i = 0; i < batch->n_messages && rc == CV_OK; i++)
        rc = send_message(rt, chunk, &batch->messages[i], err);
    if (rc != CV_OK)
        batch->n_offsets = 0; /* it did not go out whole */
    cv_delivery_release(&chunk->delivery);
    return rc;
}

/* ---- the loop ---- */

static enum cv_rc
poll_once(struct runtime *rt, struct cv_err *err)
{
    int64_t start = cv_mono_us();
    struct chunk *chunk = chunk_new(rt);
    enum cv_rc rc;

    if (chunk == NULL)
        return cv_fail_memory(err);
    /* with messages on their way their reports are looked for often, so that memory and offsets move on */
    rc = rt->ops->poll(rt->source, &chunk->batch, rt->head != NULL ? FULL_WAIT_MS : POLL_TIMEOUT_MS, err);
    if (rc == CV_RETRY) {
        CV_LOG_WARN(rt->task->log, "the source could not be polled, trying again", CV_ERR(err));
        chunk_free(chunk);
        cv_wake_wait(&rt->task->wake, cv_mono_ms() + RETRY_WAIT_MS);
        return CV_OK;
    }
    if (rc != CV_OK) {
        chunk_free(chunk);
        return rc;
    }
    if (chunk->batch.n_messages == 0 && chunk->batch.n_records == 0 && chunk->batch.n_offsets == 0) {
        chunk_free(chunk);
        return CV_OK;
    }
    count_batch(rt, chunk->batch.n_messages + chunk->batch.n_records, cv_mono_us() - start);
    return produce(rt, chunk, err);
}

static enum cv_rc
step(struct runtime *rt, struct cv_err *err)
{
    cv_producer_poll(rt->producer, 0);
    if (cv_producer_check(rt->producer, err) != CV_OK || retire(rt, err) != CV_OK ||
        finish_commit(rt, err) != CV_OK)
        return err->rc;
    if (cv_mono_ms() >= rt->commit_due_ms && start_commit(rt, err) != CV_OK)
        return err->rc;
    if (cv_arena_pool_full(rt->pool))
        return wait_for_room(rt, err);
    if (task_paused(rt->task)) {
        if (task_state(rt->task) == STATUS_RUNNING)
            task_set_state(rt->task, STATUS_PAUSED, NULL);
        return rt->ops->poll(rt->source, NULL, POLL_TIMEOUT_MS, err);
    }
    if (task_state(rt->task) == STATUS_PAUSED)
        task_set_state(rt->task, STATUS_RUNNING, NULL);
    return poll_once(rt, err);
}

/* Let what is on its way arrive, store the last offsets, tell the plugin: for at most the flush timeout. */
static void
finish(struct runtime *rt)
{
    int64_t deadline = cv_mono_ms() + rt->task->spec.worker_config->offset_flush_timeout_ms;
    struct cv_err err;

    while (rt->head != NULL && cv_mono_ms() < deadline) {
        cv_producer_poll(rt->producer, 50);
        if (retire(rt, &err) != CV_OK)
            return;
    }
    for (int round = 0; round < 2; round++) { /* one that is under way, then the last */
        if (start_commit(rt, &err) != CV_OK)
            return;
        while (rt->commit_running && cv_mono_ms() < deadline) {
            if (atomic_load(&rt->commit_result) == 0)
                cv_wake_wait(&rt->task->wake, cv_mono_ms() + 50);
            if (finish_commit(rt, &err) != CV_OK)
                return;
        }
    }
    if (rt->ops->poll(rt->source, NULL, 0, &err) != CV_OK) /* a last word to the source's server */
        CV_LOG_DEBUG(rt->task->log, "the source could not be told the last offset", CV_ERR(&err));
}

/* ---- start and end ---- */

static enum cv_rc
make_producer(struct runtime *rt, struct cv_err *err)
{
    struct client_layers layers;
    struct cv_kafka_conf conf;
    char client_id[256];
    enum cv_rc rc;

    snprintf(client_id, sizeof(client_id), "connector-producer-%s-%d", rt->task->connector, rt->task->spec.id);
    rc = client_layers_init(&layers, CV_KAFKA_PRODUCER, rt->task->spec.worker_raw, rt->task->connector_config,
                            client_id, &conf, err);
    if (rc == CV_OK) {
        rc = cv_producer_new(&conf, NULL, &rt->producer, err);
        client_layers_done(&layers);
    }
    return rc;
}

static enum cv_rc
make_pipeline(struct runtime *rt, struct cv_err *err)
{
    struct task *task = rt->task;
    struct pipeline_spec spec = { .plugins = task->spec.plugins,
                                  .worker = task->spec.worker_config,
                                  .worker_raw = task->spec.worker_raw,
                                  .connector = task->connector_config,
                                  .again = tolerance_again,
                                  .again_arg = &task->tolerance };

    if (pipeline_new(&spec, &rt->pipe, err) != CV_OK)
        return err->rc;
    if (pipeline_direct(rt->pipe, &rt->direct))
        rt->ctx.direct = &rt->direct;
    return CV_OK;
}

static void
wake_source(struct task *task)
{
    task->spec.plugin->source->wake(task->plugin_task);
}

static enum cv_rc
start(struct runtime *rt, struct cv_err *err)
{
    struct task *task = rt->task;

    rt->ops = task->spec.plugin->source;
    rt->ctx.connector = task->connector;
    rt->ctx.task = task->spec.id;
    rt->ctx.log = task->log;
    rt->ctx.topic = ctx_topic;
    rt->ctx.offset_read = ctx_offset_read;
    rt->ctx.metric_set = ctx_metric_set;
    rt->ctx.progress = ctx_progress;
    rt->routes = cv_hash_new(NULL);
    rt->topics = cv_hash_new(topic_free);
    rt->pool = cv_arena_pool_new(BLOCK_BYTES, (size_t)task->spec.worker_config->task_memory_bytes);
    if (rt->routes == NULL || rt->topics == NULL || rt->pool == NULL)
        return cv_fail_memory(err);
    if (make_pipeline(rt, err) != CV_OK || topic_creation_new(task->connector_config, &rt->creation, err) != CV_OK ||
        make_producer(rt, err) != CV_OK)
        return err->rc;
    if (rt->ops->start(&rt->ctx, task->task_config, &rt->source, err) != CV_OK)
        return err->rc;
    task_set_wake(task, wake_source, rt->source);
    rt->commit_due_ms = cv_mono_ms() + task->spec.worker_config->offset_flush_interval_ms;
    return CV_OK;
}

static void
stop(struct runtime *rt)
{
    task_set_wake(rt->task, NULL, NULL);
    if (rt->source != NULL)
        rt->ops->free(rt->source);
    while (rt->commit_running && atomic_load(&rt->commit_result) == 0) /* its callback refers to rt */
        cv_wake_wait(&rt->task->wake, cv_mono_ms() + 100);
    cv_producer_free(rt->producer, 0); /* reports what is left as failed */
    while (rt->head != NULL) {
        struct chunk *chunk = rt->head;

        rt->head = chunk->next;
        chunk_free(chunk);
    }
    offsets_clear(&rt->committable);
    offsets_clear(&rt->committing);
    topic_creation_free(rt->creation);
    pipeline_free(rt->pipe);
    cv_hash_free(rt->routes);
    cv_hash_free(rt->topics);
    cv_arena_pool_free(rt->pool);
}

enum cv_rc
source_task_run(struct task *task, struct cv_err *err)
{
    struct runtime rt = { .task = task };
    enum cv_rc rc;

    if (task_paused(task))
        task_set_state(task, STATUS_PAUSED, NULL);
    while (task_paused(task) && !task_stopping(task))
        cv_wake_wait(&task->wake, -1);
    if (task_stopping(task))
        return CV_OK;
    rc = start(&rt, err);
    if (rc == CV_OK) {
        task_set_state(task, STATUS_RUNNING, NULL);
        while (rc == CV_OK && !task_stopping(task))
            rc = step(&rt, err);
        if (rc == CV_RETRY && task_stopping(task))
            rc = CV_OK;
        if (rc == CV_OK)
            finish(&rt);
    }
    stop(&rt);
    return rc;
}
