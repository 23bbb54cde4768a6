/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sink task's loop: consume, convert, transform, put; commits behind.
 *
 * The task is a member of the connector's consumer group. What put has accepted is committable as far as
 * pre_commit says that it is durable; commits go out every offset.flush.interval.ms, and synchronously before
 * partitions are given away or the task ends. A put that must be repeated keeps its batch: all partitions are
 * paused, polling goes on for the group's sake, and the same batch comes again.
 *
 * Rebalances run inside cv_consumer_poll, with no message of an earlier poll in hands but those of a kept batch.
 * A partition can be paused or moved only after that poll has returned; what the poll already brought of a
 * partition that should be paused is dropped and read again, by way of a rewind.
 */
#include <config.h>

#include "worker/sink_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/map.h"
#include "common/number.h"
#include "worker/clients.h"
#include "worker/dead_letters.h"
#include "worker/worker_config.h"

#define BATCH_DEFAULT       500
#define BATCH_MAX           10000
#define BEHIND              2000 /* so many messages without a pause are of a backlog */
#define GATHER_MS           4
#define BLOCK_BYTES         ((size_t)64 << 10)
#define POOL_BYTES          ((size_t)1 << 20) /* kept for the next batch at most */
#define IDLE_MS             1000
#define METADATA_DEFAULT_MS 300000

static struct sink_runtime *
runtime_of(struct cv_sink_ctx *ctx)
{
    return cv_container_of(ctx, struct sink_runtime, ctx);
}

/* ---- what the plugin may ask ---- */

static void
ctx_pause(struct cv_sink_ctx *ctx, const char *topic, int32_t partition)
{
    struct sink_part *part = sink_part_find(runtime_of(ctx), topic, partition);

    if (part != NULL)
        part->sink_paused = true;
}

static void
ctx_resume(struct cv_sink_ctx *ctx, const char *topic, int32_t partition)
{
    struct sink_part *part = sink_part_find(runtime_of(ctx), topic, partition);

    if (part != NULL)
        part->sink_paused = false;
}

static void
ctx_seek(struct cv_sink_ctx *ctx, const char *topic, int32_t partition, int64_t offset)
{
    struct sink_part *part = sink_part_find(runtime_of(ctx), topic, partition);

    if (part != NULL && offset >= 0)
        part->rewind = offset;
}

static void
ctx_request_commit(struct cv_sink_ctx *ctx)
{
    runtime_of(ctx)->commit_due_ms = 0;
}

static void
ctx_retry_after(struct cv_sink_ctx *ctx, int timeout_ms)
{
    runtime_of(ctx)->retry_after_ms = timeout_ms;
}

/* ---- the loop ---- */

static void
show_state(struct sink_runtime *rt)
{
    enum status_state state = task_state(rt->task);

    if (task_paused(rt->task) && state == STATUS_RUNNING) {
        task_set_state(rt->task, STATUS_PAUSED, NULL);
        rt->commit_due_ms = 0;
    } else if (!task_paused(rt->task) && state == STATUS_PAUSED) {
        task_set_state(rt->task, STATUS_RUNNING, NULL);
    }
}

/* Poll, into the batch unless one is kept. *ret_count: messages and events that came. */
static enum cv_rc
poll_messages(struct sink_runtime *rt, size_t *ret_count, struct cv_err *err)
{
    struct cv_consumed stray[16];
    size_t count = 0;
    enum cv_rc rc;

    *ret_count = 0;
    if (!rt->held) {
        rc = cv_consumer_poll(rt->consumer, rt->msgs, rt->max_msgs, 0, ret_count, err);
        if (rc == CV_OK)
            rt->n_msgs = *ret_count;
        rt->in_a_row += *ret_count;
        return rc;
    }
    /* all partitions are paused, but new ones may have come inside this poll */
    rc = cv_consumer_poll(rt->consumer, stray, CV_COUNT(stray), 0, &count, err);
    if (rc != CV_OK)
        return rc;
    for (size_t i = 0; i < count; i++) {
        struct sink_part *part = stray[i].eof ? NULL : sink_part_find(rt, stray[i].topic, stray[i].partition);

        if (part != NULL && part->rewind == SINK_NO_OFFSET)
            part->rewind = stray[i].offset;
    }
    cv_consumed_free(stray, count);
    *ret_count = count;
    return CV_OK;
}

static void
wait_for_news(struct sink_runtime *rt)
{
    int64_t now = cv_mono_ms(), until = now + IDLE_MS;

    if (rt->commit_due_ms < until)
        until = rt->commit_due_ms;
    if (rt->held && rt->put_due_ms < until)
        until = rt->put_due_ms;
    if (!rt->held && rt->retry_after_ms >= 0 && now + rt->retry_after_ms < until) {
        until = now + rt->retry_after_ms;
        rt->retry_after_ms = -1;
    }
    if (until > now)
        cv_wake_wait(&rt->task->wake, until);
}

/*
 * Behind a backlog nobody waits for a single record. What comes is left to gather for as long as it grows: then Kafka's
 * thread and this one work in turn, which takes a third less CPU time than both at one queue at the same time.
 */
static void
let_gather(struct sink_runtime *rt)
{
    size_t ahead, more = cv_consumer_ahead(rt->consumer);

    cv_wake_clear(&rt->task->wake); /* whatever it was for is looked at by the next step */
    do {
        ahead = more;
        cv_wake_wait(&rt->task->wake, cv_mono_ms() + GATHER_MS);
        more = cv_consumer_ahead(rt->consumer);
    } while (more > ahead && !task_stopping(rt->task));
}

/* There was nothing to poll. */
static void
rest(struct sink_runtime *rt)
{
    bool behind = rt->in_a_row >= BEHIND && !rt->held;

    rt->in_a_row = 0;
    if (behind)
        let_gather(rt);
    else
        wait_for_news(rt);
}

static enum cv_rc
step(struct sink_runtime *rt, struct cv_err *err)
{
    size_t came = 0;
    enum cv_rc rc;

    show_state(rt);
    if (rt->dead != NULL)
        dead_letters_poll(rt->dead);
    if (cv_mono_ms() >= rt->commit_due_ms)
        sink_commit(rt, NULL, false);
    if (sink_topics_refresh(rt, err) != CV_OK || sink_apply_rewinds(rt, err) != CV_OK ||
        sink_apply_pauses(rt, err) != CV_OK || poll_messages(rt, &came, err) != CV_OK)
        return err->rc;
    if (rt->rebalance_err.rc != CV_OK) {
        *err = rt->rebalance_err;
        return err->rc;
    }
    if (came == 0)
        rest(rt);
    if (rt->held)
        return cv_mono_ms() >= rt->put_due_ms ? sink_batch_put(rt, err) : CV_OK;
    rc = sink_batch_convert(rt, err);
    if (rc == CV_RETRY && task_stopping(rt->task))
        return CV_OK;
    return rc == CV_OK ? sink_batch_put(rt, err) : rc;
}

/* ---- start and end ---- */

static int64_t
number_of(const struct cv_config *cfg, const char *key, int64_t def, int64_t max)
{
    const char *text = cv_config_get(cfg, key);
    int64_t value;

    if (text == NULL || !cv_parse_i64(text, strlen(text), &value) || value < 1)
        return def;
    return value < max ? value : max;
}

static enum cv_rc
make_consumer(struct sink_runtime *rt, struct cv_err *err)
{
    const struct cv_consumer_events events = { .arg = rt, .assigned = sink_assigned, .revoked = sink_revoked,
                                                .committed = sink_committed, .outlives_topics = true };
    struct task *task = rt->task;
    const char *group = cv_config_get(task->connector_config, "consumer.override.group.id");
    struct client_layers layers;
    struct cv_kafka_conf conf;
    char client_id[CLIENT_ID_MAX], own_group[512];
    enum cv_rc rc;

    client_id_of_task(client_id, CV_KAFKA_CONSUMER, task->connector, task->spec.id);
    snprintf(own_group, sizeof(own_group), "connect-%s", task->connector);
    rc = client_layers_init(&layers, CV_KAFKA_CONSUMER, task->spec.worker_raw, task->connector_config, client_id,
                            &conf, err);
    if (rc != CV_OK)
        return rc;
    conf.stats = &task->counters.client;
    rc = cv_consumer_new(&conf, group != NULL ? group : own_group, &events, &rt->consumer, err);
    client_layers_done(&layers);
    if (rc == CV_OK)
        cv_consumer_notify(rt->consumer, &task->wake);
    return rc;
}

static enum cv_rc
make_pipeline(struct sink_runtime *rt, struct cv_err *err)
{
    struct task *task = rt->task;
    struct pipeline_spec spec = { .plugins = task->spec.plugins,
                                  .worker = task->spec.worker_config,
                                  .worker_raw = task->spec.worker_raw,
                                  .connector = task->connector_config,
                                  .again = tolerance_again,
                                  .again_arg = &task->tolerance };

    return pipeline_new(&spec, &rt->pipe, err);
}

static enum cv_rc
make_dead_letters(struct sink_runtime *rt, struct cv_err *err)
{
    struct task *task = rt->task;
    const struct dead_letters_spec spec = { .connector = task->connector, .task = task->spec.id,
                                            .config = task->connector_config, .worker_raw = task->spec.worker_raw,
                                            .admin = task->spec.admin, .log = task->log, .stop = &task->stop,
                                            .letters = &task->tolerance.dead_letters,
                                            .failures = &task->tolerance.dead_letter_failures };

    if (dead_letters_new(&spec, &rt->dead, err) != CV_OK)
        return err->rc;
    if (rt->dead != NULL || task->tolerance.log)
        rt->ctx.report = sink_report;
    return CV_OK;
}

static void
wake_sink(struct task *task)
{
    const struct cv_sink_ops *ops = task->spec.plugin->sink;

    if (ops->wake != NULL)
        ops->wake(task->plugin_task);
}

static enum cv_rc
start(struct sink_runtime *rt, struct cv_err *err)
{
    struct task *task = rt->task;
    const struct cv_config *cfg = task->connector_config;

    rt->ops = task->spec.plugin->sink;
    rt->ctx = (struct cv_sink_ctx){ .connector = task->connector, .task = task->spec.id, .log = task->log,
                                    .pause = ctx_pause, .resume = ctx_resume, .seek = ctx_seek,
                                    .request_commit = ctx_request_commit, .retry_after = ctx_retry_after };
    rt->retry_after_ms = -1;
    rt->max_msgs = (size_t)number_of(cfg, "consumer.override.max.poll.records",
                                     number_of(task->spec.worker_raw, "consumer.max.poll.records", BATCH_DEFAULT,
                                               BATCH_MAX),
                                     BATCH_MAX);
    rt->metadata_ms = number_of(cfg, "consumer.override.metadata.max.age.ms",
                                number_of(task->spec.worker_raw, "consumer.metadata.max.age.ms",
                                          METADATA_DEFAULT_MS, INT64_MAX / 2),
                                INT64_MAX / 2);
    rt->used = cv_hash_new(NULL);
    rt->msgs = calloc(rt->max_msgs, sizeof(*rt->msgs));
    rt->origin = calloc(rt->max_msgs, sizeof(*rt->origin));
    rt->records = calloc(rt->max_msgs, sizeof(*rt->records));
    rt->pool = cv_arena_pool_new(BLOCK_BYTES, POOL_BYTES);
    if (rt->used == NULL || rt->msgs == NULL || rt->origin == NULL || rt->records == NULL || rt->pool == NULL)
        return cv_fail_memory(err);
    if (make_pipeline(rt, err) != CV_OK || make_dead_letters(rt, err) != CV_OK || make_consumer(rt, err) != CV_OK)
        return err->rc;
    rt->wants_headers = !rt->ops->headers_unused || pipeline_wants_headers(rt->pipe);
    if (rt->ops->start(&rt->ctx, task->task_config, &rt->sink, err) != CV_OK)
        return err->rc;
    task_set_wake(task, wake_sink, rt->sink);
    rt->commit_due_ms = cv_mono_ms() + task->spec.worker_config->offset_flush_interval_ms;
    return sink_subscribe(rt, err);
}

/* Commit, close, free the plugin's task, leave the group. */
static void
stop(struct sink_runtime *rt)
{
    task_set_wake(rt->task, NULL, NULL);
    if (rt->sink != NULL) {
        sink_commit(rt, NULL, true);
        sink_close_all(rt);
        rt->ops->free(rt->sink);
        rt->sink = NULL;
    }
    sink_batch_drop(rt);
    cv_consumer_free(rt->consumer);
    dead_letters_free(rt->dead);
    sink_parts_done(rt);
    sink_topics_done(rt);
    pipeline_free(rt->pipe);
    cv_hash_free(rt->used);
    free(rt->msgs);
    free(rt->origin);
    free(rt->records);
    cv_arena_pool_free(rt->pool);
}

enum cv_rc
sink_task_run(struct task *task, struct cv_err *err)
{
    struct sink_runtime rt = { .task = task };
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
    }
    stop(&rt);
    return rc;
}
