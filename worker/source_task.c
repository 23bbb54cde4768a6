/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A source task's loop: poll, transform, convert, produce; offsets behind.
 *
 * Each poll fills one batch in one arena, whose bytes librdkafka sends without a copy. Batches form a queue in the
 * order of their polls. A batch leaves at the head when its last message is delivered, and only then are its
 * offsets committable: so a stored offset never runs ahead of any message before it, whatever order the
 * partitions answer in. Offsets go to the offset topic every offset.flush.interval.ms (source_offsets.c), or with the
 * records in transactions (source_transaction.c); when they are durable, and not before, the plugin is told.
 *
 * Memory is bounded by the arena pool: while it is full the source is only kept alive, which stops it from reading
 * its socket.
 */
#include <config.h>

#include "worker/source_private.h"

#include <stdio.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/kafka/admin.h"
#include "common/log.h"
#include "common/map.h"
#include "worker/clients.h"
#include "worker/connector_offsets.h"
#include "worker/topic_creation.h"
#include "worker/worker_config.h"

#define POLL_TIMEOUT_MS  100
#define IDLE_TIMEOUT_MS  5000
#define READ_TIMEOUT_MS  30000
#define READ_SLICE_MS    2000
#define RETRY_WAIT_MS    100
#define RESTART_WAIT_MS  1000

static struct source_runtime *
runtime_of(struct cv_source_ctx *ctx)
{
    return cv_container_of(ctx, struct source_runtime, ctx);
}

/* ---- what the plugin may ask ---- */

static enum cv_rc
ctx_offset_read(struct cv_source_ctx *ctx, const struct cv_value *partition, struct cv_arena *arena,
                struct cv_value **ret, struct cv_err *err)
{
    struct source_runtime *rt = runtime_of(ctx);
    int64_t deadline_ms = cv_mono_ms() + READ_TIMEOUT_MS;
    enum cv_rc rc;

    do /* in slices: a task that is asked to stop does not wait */
        rc = connector_offsets_read(rt->offsets, partition, READ_SLICE_MS, arena, ret, err);
    while (rc == CV_RETRY && !task_stopping(rt->task) && cv_mono_ms() < deadline_ms);
    return rc;
}

static void
ctx_metric_set(struct cv_source_ctx *ctx, int row, double value)
{
    struct source_runtime *rt = runtime_of(ctx);

    if (row >= 0 && row < TASK_PLUGIN_METRICS)
        atomic_store_explicit(&rt->task->counters.plugin[row], value, memory_order_relaxed);
}

static void
ctx_metric_set_part(struct cv_source_ctx *ctx, int row, const char *part, double value)
{
    task_metric_part(runtime_of(ctx)->task, row, part, value);
}

static void
ctx_progress(struct cv_source_ctx *ctx, const char *text)
{
    CV_LOG_DEBUG(runtime_of(ctx)->task->log, "progress", CV_STR("phase", text));
}

static void
ctx_transaction_commit(struct cv_source_ctx *ctx)
{
    runtime_of(ctx)->txn.commit_asked = true;
}

static void
ctx_transaction_abort(struct cv_source_ctx *ctx)
{
    runtime_of(ctx)->txn.abort_asked = true;
}

/* ---- the loop ---- */

static void
count_batch(struct source_runtime *rt, size_t records, int64_t poll_us)
{
    if (records == 0)
        return;
    atomic_fetch_add_explicit(&rt->task->counters.records_polled, records, memory_order_relaxed);
    task_record(rt->task, WINDOW_POLLED, (double)records);
    task_record(rt->task, WINDOW_BATCH, (double)records);
    task_record(rt->task, WINDOW_POLL_MS, (double)poll_us / 1000.0);
}

/* While a transaction is committed its end is looked for. With messages on their way their reports are looked for often, so that memory and offsets move on; with offsets
   to store, or a transaction to end, a little less. Else nothing but the source is waited for. */
static int
poll_timeout_ms(const struct source_runtime *rt)
{
    if (rt->txn.ending_ms != 0)
        return SOURCE_ENDING_WAIT_MS;
    if (rt->head != NULL)
        return SOURCE_FULL_WAIT_MS;
    return rt->commit_running || rt->committable.count > 0 || rt->txn.open ? POLL_TIMEOUT_MS : IDLE_TIMEOUT_MS;
}

static enum cv_rc
poll_once(struct source_runtime *rt, struct cv_err *err)
{
    int64_t start = cv_mono_us();
    struct source_chunk *chunk = source_chunk_new(rt);
    enum cv_rc rc;

    if (chunk == NULL)
        return cv_fail_memory(err);
    rc = rt->ops->poll(rt->source, &chunk->batch, poll_timeout_ms(rt), err);
    if (rc == CV_RETRY) {
        CV_LOG_WARN(rt->task->log, "the source could not be polled, trying again", CV_ERR(err));
        source_chunk_free(chunk);
        cv_wake_wait(&rt->task->wake, cv_mono_ms() + RETRY_WAIT_MS);
        return CV_OK;
    }
    if (rc != CV_OK) {
        source_chunk_free(chunk);
        return rc;
    }
    rt->rest_until_ms = chunk->batch.rest_ms > 0 ? cv_mono_ms() + chunk->batch.rest_ms : 0;
    if (chunk->batch.n_messages == 0 && chunk->batch.n_records == 0 && chunk->batch.n_offsets == 0) {
        rt->txn.split = chunk->batch.split;
        source_chunk_free(chunk);
        return rt->txn.on ? source_transaction_take(rt, NULL, err) : CV_OK;
    }
    count_batch(rt, chunk->batch.n_messages + chunk->batch.n_records, cv_mono_us() - start);
    rt->txn.split = chunk->batch.split;
    return rt->txn.on ? source_transaction_take(rt, chunk, err) : source_produce(rt, chunk, err);
}

static bool
rests(const struct source_runtime *rt)
{
    return cv_mono_ms() < rt->rest_until_ms;
}

/* Reports, which let more messages go; while the source rests they are waited for. */
static void
take_reports(struct source_runtime *rt)
{
    int64_t now = cv_mono_ms(), left_ms = rt->rest_until_ms - now;

    if (left_ms > POLL_TIMEOUT_MS)
        left_ms = POLL_TIMEOUT_MS;
    if (left_ms > 0 && rt->head == NULL)
        cv_wake_wait(&rt->task->wake, now + left_ms);
    cv_producer_poll(rt->producer, left_ms > 0 && rt->head != NULL ? (int)left_ms : 0);
}

/* What is due between polls: reports, and offsets without transactions. */
static enum cv_rc
keep_up(struct source_runtime *rt, struct cv_err *err)
{
    take_reports(rt);
    if (cv_producer_check(rt->producer, err) != CV_OK || source_retire(rt, err) != CV_OK)
        return err->rc;
    if (rt->txn.on)
        return source_transaction_proceed(rt, err);
    if (source_commit_finish(rt, err) != CV_OK)
        return err->rc;
    return cv_mono_ms() >= rt->commit_due_ms ? source_commit_start(rt, err) : CV_OK;
}

static enum cv_rc
stay_paused(struct source_runtime *rt, struct cv_err *err)
{
    if (rt->txn.on && source_transaction_end(rt, err) != CV_OK)
        return err->rc;
    if (task_state(rt->task) == STATUS_RUNNING)
        task_set_state(rt->task, STATUS_PAUSED, NULL);
    return rt->ops->poll(rt->source, NULL, poll_timeout_ms(rt), err);
}

static enum cv_rc
step(struct source_runtime *rt, struct cv_err *err)
{
    if (keep_up(rt, err) != CV_OK)
        return err->rc;
    task_answer_calls(rt->task, rt->source);
    if (cv_arena_pool_full(rt->pool))
        return source_wait_for_room(rt, err);
    if (task_paused(rt->task))
        return stay_paused(rt, err);
    if (task_state(rt->task) == STATUS_PAUSED)
        task_set_state(rt->task, STATUS_RUNNING, NULL);
    return rests(rt) ? CV_OK : poll_once(rt, err);
}

/* Let what is on its way arrive, store the last offsets, tell the plugin: for at most the flush timeout. */
static void
finish(struct source_runtime *rt)
{
    int64_t deadline = cv_mono_ms() + rt->task->spec.worker_config->offset_flush_timeout_ms;
    struct cv_err err;

    if (rt->txn.on) {
        if (source_transaction_end(rt, &err) != CV_OK)
            CV_LOG_WARN(rt->task->log, "the last transaction was not committed", CV_ERR(&err));
        return;
    }
    while (rt->head != NULL && cv_mono_ms() < deadline) {
        cv_producer_poll(rt->producer, 50);
        if (source_retire(rt, &err) != CV_OK)
            return;
    }
    for (int round = 0; round < 2; round++) { /* one that is under way, then the last */
        if (source_commit_start(rt, &err) != CV_OK)
            return;
        while (rt->commit_running && cv_mono_ms() < deadline) {
            if (atomic_load(&rt->commit_result) == 0)
                cv_wake_wait(&rt->task->wake, cv_mono_ms() + 50);
            if (source_commit_finish(rt, &err) != CV_OK)
                return;
        }
    }
    if (rt->ops->poll(rt->source, NULL, 0, &err) != CV_OK) /* a last word to the source's server */
        CV_LOG_DEBUG(rt->task->log, "the source could not be told the last offset", CV_ERR(&err));
}

/* ---- start and end ---- */

static enum cv_rc
make_producer(struct source_runtime *rt, struct cv_err *err)
{
    struct client_layers layers;
    struct cv_kafka_conf conf;
    char client_id[CLIENT_ID_MAX];
    enum cv_rc rc;

    client_id_of_task(client_id, CV_KAFKA_PRODUCER, rt->task->connector, rt->task->spec.id);
    rc = client_layers_init(&layers, CV_KAFKA_PRODUCER, rt->task->spec.worker_raw, rt->task->connector_config,
                            client_id, &conf, err);
    if (rc == CV_OK) {
        conf.stats = &rt->task->counters.client;
        rc = cv_producer_new(&conf, NULL, &rt->producer, err);
        if (rc == CV_OK && client_layers_differ(&layers))
            rc = cv_producer_open(rt->producer, err);
        client_layers_done(&layers);
    }
    return rc;
}

static enum cv_rc
make_pipeline(struct source_runtime *rt, struct cv_err *err)
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
open_offsets(struct source_runtime *rt, struct cv_err *err)
{
    const struct task_spec *spec = &rt->task->spec;
    struct connector_offsets_spec offsets = { .connector = rt->task->connector,
                                              .task = spec->id,
                                              .connector_config = rt->task->connector_config,
                                              .worker_config = spec->worker_config,
                                              .worker_raw = spec->worker_raw,
                                              .worker = spec->offsets,
                                              .stop = &rt->task->stop };

    return connector_offsets_open(&offsets, &rt->offsets, err);
}

static void
fill_ctx(struct source_runtime *rt)
{
    rt->ctx = (struct cv_source_ctx){ .connector = rt->task->connector,
                                      .task = rt->task->spec.id,
                                      .log = rt->task->log,
                                      .topic = source_ctx_topic,
                                      .offset_read = ctx_offset_read,
                                      .metric_set = ctx_metric_set,
                                      .metric_set_part = ctx_metric_set_part,
                                      .progress = ctx_progress,
                                      .exactly_once = rt->txn.on };
    if (rt->txn.on && rt->txn.boundary == BOUNDARY_CONNECTOR) {
        rt->ctx.transaction_commit = ctx_transaction_commit;
        rt->ctx.transaction_abort = ctx_transaction_abort;
    }
}

static enum cv_rc
start(struct source_runtime *rt, struct cv_err *err)
{
    struct task *task = rt->task;

    rt->ops = task->spec.plugin->source;
    rt->txn.on = task->spec.worker_config->exactly_once == WORKER_EOS_ENABLED;
    rt->routes = cv_hash_new(NULL);
    rt->topics = cv_hash_new(source_topic_free);
    rt->pool = cv_arena_pool_new(SOURCE_BLOCK_BYTES, (size_t)task->spec.worker_config->task_memory_bytes);
    if (rt->routes == NULL || rt->topics == NULL || rt->pool == NULL)
        return cv_fail_memory(err);
    if ((rt->txn.on ? source_transaction_start(rt, err) : make_producer(rt, err)) != CV_OK)
        return err->rc;
    /* behind the producer, whose start ends what an older task left open in the offsets topic */
    if (open_offsets(rt, err) != CV_OK || topic_creation_new(task->connector_config, &rt->creation, err) != CV_OK)
        return err->rc;
    fill_ctx(rt);
    if (make_pipeline(rt, err) != CV_OK || rt->ops->start(&rt->ctx, task->task_config, &rt->source, err) != CV_OK)
        return err->rc;
    task_set_wake(task, wake_source, rt->source);
    rt->commit_due_ms = cv_mono_ms() + task->spec.worker_config->offset_flush_interval_ms;
    return CV_OK;
}

static void
stop(struct source_runtime *rt)
{
    task_set_wake(rt->task, NULL, NULL);
    if (rt->source != NULL)
        rt->ops->free(rt->source);
    while (rt->commit_running && atomic_load(&rt->commit_result) == 0) /* its callback refers to rt */
        cv_wake_wait(&rt->task->wake, cv_mono_ms() + 100);
    source_transaction_drop(rt);
    cv_producer_free(rt->producer, 0); /* reports what is left as failed */
    while (rt->head != NULL) {
        struct source_chunk *chunk = rt->head;

        rt->head = chunk->next;
        atomic_fetch_sub_explicit(&rt->task->counters.records_active, chunk->messages, memory_order_relaxed);
        source_chunk_free(chunk);
    }
    source_offsets_clear(&rt->committable);
    source_offsets_clear(&rt->committing);
    connector_offsets_close(rt->offsets);
    topic_creation_free(rt->creation);
    cv_admin_free(rt->admin);
    pipeline_free(rt->pipe);
    cv_hash_free(rt->routes);
    cv_hash_free(rt->topics);
    cv_arena_pool_free(rt->pool);
}

/* A task that cannot write says how far it came: what lies between is not in Kafka for sure. */
static void
tell_position(struct source_runtime *rt, struct cv_err *err)
{
    char position[160] = "", text[sizeof(err->text)];

    if (rt->source != NULL && rt->ops->position != NULL)
        rt->ops->position(rt->source, position, sizeof(position));
    if (position[0] == '\0')
        return;
    snprintf(text, sizeof(text), "%s", err->text);
    (void)cv_fail(err, err->rc, "%s; %s", text, position);
}

/* From start to stop. CV_RETRY with transactions, or CV_CONFLICT (the producer is of no use any more): everything may
   be well if it is begun anew. */
static enum cv_rc
run_once(struct task *task, struct cv_err *err)
{
    struct source_runtime rt = { .task = task };
    enum cv_rc rc = start(&rt, err);

    if (rc == CV_OK) {
        if (task_state(task) != STATUS_RUNNING)
            task_set_state(task, STATUS_RUNNING, NULL);
        while (rc == CV_OK && !task_stopping(task))
            rc = step(&rt, err);
        if (rc == CV_RETRY && task_stopping(task))
            rc = CV_OK;
        if (rc != CV_OK)
            tell_position(&rt, err);
        /* Of a task that failed as well: what it had read before is good. A transaction is dropped instead. */
        if (rc == CV_OK || !rt.txn.on)
            finish(&rt);
    }
    stop(&rt);
    return rc;
}

enum cv_rc
source_task_run(struct task *task, struct cv_err *err)
{
    bool exactly_once = task->spec.worker_config->exactly_once == WORKER_EOS_ENABLED;
    enum cv_rc rc;

    if (task_paused(task))
        task_set_state(task, STATUS_PAUSED, NULL);
    while (task_paused(task) && !task_stopping(task)) {
        task_refuse_calls(task, "is paused, and has not been started yet", false);
        cv_wake_wait(&task->wake, -1);
    }
    if (task_stopping(task))
        return CV_OK;
    while (((rc = run_once(task, err)) == CV_RETRY || rc == CV_CONFLICT) && exactly_once && !task_stopping(task)) {
        int64_t retry_ms = cv_mono_ms() + RESTART_WAIT_MS;

        CV_LOG_WARN(task->log, "the task begins anew at its last stored offset", CV_ERR(err));
        while (!task_stopping(task) && cv_mono_ms() < retry_ms) {
            task_refuse_calls(task, "begins anew at its last stored offset: ask again", false);
            cv_wake_wait(&task->wake, retry_ms);
        }
    }
    return rc == CV_RETRY && task_stopping(task) ? CV_OK : rc;
}
