/* SPDX-License-Identifier: Apache-2.0 */
/* A sink task's batch: messages become records, and go to the plugin until it takes them. */
#include <config.h>

#include "worker/sink_private.h"

#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/map.h"
#include "worker/dead_letters.h"

#define RETRY_WAIT_MS 100

void
sink_batch_drop(struct sink_runtime *rt)
{
    cv_arena_free(rt->batch.arena);
    rt->batch = (struct cv_batch){ 0 };
    cv_consumed_free(rt->msgs, rt->n_msgs);
    rt->n_msgs = 0;
    rt->held = false;
}

void
sink_batch_forget(struct sink_runtime *rt, const struct cv_topic_partitions *gone)
{
    size_t kept = 0;

    for (size_t i = 0; i < rt->batch.n_records; i++) {
        const struct cv_consumed *msg = &rt->msgs[rt->origin[i]];
        bool ours = true;

        for (size_t g = 0; g < gone->count && ours; g++)
            ours = msg->partition != gone->items[g].partition || strcmp(msg->topic, gone->items[g].topic) != 0;
        if (!ours)
            continue;
        rt->batch.records[kept] = rt->batch.records[i];
        rt->origin[kept++] = rt->origin[i];
    }
    rt->batch.n_records = kept;
}

static enum cv_rc
convert_headers(struct sink_runtime *rt, const struct cv_consumed *msg, struct cv_record *rec, struct cv_err *err)
{
    struct cv_bytes bytes;
    struct cv_value val;
    const char *name;

    for (size_t i = 0; cv_consumed_header(msg, i, &name, &bytes); i++) {
        memset(&val, 0, sizeof(val));
        if (pipeline_to_header(rt->pipe, rt->batch.arena, msg->topic, &bytes, &val, err) != CV_OK)
            return cv_err_context(err, "header %s", name);
        if (cv_header_add(rt->batch.arena, &rec->headers, name, val, err) != CV_OK)
            return err->rc;
    }
    return CV_OK;
}

/* A record of a message failed: to the dead letter queue and the log, and CV_OK if the task may go on without it. */
static enum cv_rc
give_up(struct sink_runtime *rt, const struct cv_consumed *msg, enum pipeline_stage stage, struct cv_err *err)
{
    const struct tolerance_failure failure = { .stage = stage, .class_name = pipeline_class(rt->pipe, stage),
                                               .consumed = msg };
    struct cv_err unsent = CV_ERR_INIT;

    if (err->rc != CV_NO_MEMORY && rt->dead != NULL &&
        dead_letters_send(rt->dead, msg, stage, failure.class_name, err, &unsent) != CV_OK) {
        *err = unsent;
        return err->rc;
    }
    return tolerance_skips(&rt->task->tolerance, &failure, err) ? CV_OK : err->rc;
}

enum cv_rc
sink_report(struct cv_sink_ctx *ctx, const struct cv_record *rec, const struct cv_err *why, struct cv_err *err)
{
    struct sink_runtime *rt = cv_container_of(ctx, struct sink_runtime, ctx);

    for (size_t i = 0; i < rt->batch.n_records; i++)
        if (rec == &rt->batch.records[i]) {
            *err = *why;
            return give_up(rt, &rt->msgs[rt->origin[i]], STAGE_TASK_PUT, err);
        }
    return cv_fail(err, CV_INTERNAL, "a sink can report records only while put has them");
}

/* The message to the record; *ret_keep false: it is filtered. */
static enum cv_rc
convert(struct sink_runtime *rt, const struct cv_consumed *msg, struct cv_record *rec, enum pipeline_stage *ret_stage,
        bool *ret_keep, struct cv_err *err)
{
    struct cv_arena *arena = rt->batch.arena;

    if (pipeline_to_record(rt->pipe, arena, &msg->key, &msg->value, rec, ret_stage, err) != CV_OK)
        return err->rc;
    *ret_stage = STAGE_HEADER_CONVERTER;
    if (rt->wants_headers && convert_headers(rt, msg, rec, err) != CV_OK)
        return err->rc;
    *ret_stage = STAGE_TRANSFORMATION;
    return pipeline_transform(rt->pipe, arena, rec, ret_keep, err);
}

/* Message i to a record of the batch, or to none when it is filtered or tolerated. */
static enum cv_rc
convert_message(struct sink_runtime *rt, size_t i, struct cv_err *err)
{
    const struct cv_consumed *msg = &rt->msgs[i];
    struct cv_record *rec = cv_batch_add_record(&rt->batch);
    enum pipeline_stage stage;
    bool keep = true;
    enum cv_rc rc;

    if (rec == NULL)
        return cv_fail_memory(err);
    rec->topic = msg->topic;
    rec->partition = msg->partition;
    rec->offset = msg->offset;
    rec->timestamp_ms = msg->timestamp_ms;
    rc = convert(rt, msg, rec, &stage, &keep, err);
    if (rc == CV_OK && keep) {
        rt->origin[rt->batch.n_records - 1] = i;
        return CV_OK;
    }
    rt->batch.n_records--;
    if (rc == CV_OK || (rc == CV_RETRY && task_stopping(rt->task))) /* it comes again */
        return rc;
    return give_up(rt, msg, stage, err);
}

static enum cv_rc
tell_topic(struct sink_runtime *rt, const char *topic, struct cv_err *err)
{
    unsigned resets = atomic_load_explicit(rt->task->spec.topic_resets, memory_order_relaxed);

    if (resets != rt->resets) {
        cv_hash_free(rt->used);
        rt->used = cv_hash_new(NULL);
        rt->resets = resets;
        if (rt->used == NULL)
            return cv_fail_memory(err);
    }
    if (cv_hash_get(rt->used, topic) != NULL)
        return CV_OK;
    if (!cv_hash_put(rt->used, topic, rt))
        return cv_fail_memory(err);
    rt->task->spec.topic_used(rt->task->spec.arg, rt->task->connector, rt->task->spec.id, topic);
    return CV_OK;
}

/* Whether the message counts: it is one, of a partition of ours that is neither paused nor about to move. */
static bool
is_wanted(struct sink_runtime *rt, const struct cv_consumed *msg, struct sink_part *part)
{
    if (msg->eof || part == NULL || part->rewind != SINK_NO_OFFSET)
        return false;
    if (task_paused(rt->task) || part->sink_paused) {
        part->rewind = msg->offset;
        return false;
    }
    return true;
}

enum cv_rc
sink_batch_convert(struct sink_runtime *rt, struct cv_err *err)
{
    struct sink_part *part = NULL;
    const char *topic = NULL;
    size_t counted = 0;
    enum cv_rc rc = CV_OK;

    rt->batch = (struct cv_batch){ .arena = cv_arena_new(rt->pool), .records = rt->records,
                                   .cap_records = rt->max_msgs };
    if (rt->batch.arena == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < rt->n_msgs && rc == CV_OK; i++) {
        const struct cv_consumed *msg = &rt->msgs[i];

        if (part == NULL || part->partition != msg->partition || topic != msg->topic)
            part = sink_part_find(rt, msg->topic, msg->partition);
        if (!is_wanted(rt, msg, part))
            continue;
        if (part->committed == SINK_NO_OFFSET)
            part->committed = msg->offset;
        counted++;
        if (topic != msg->topic)
            rc = tell_topic(rt, msg->topic, err);
        topic = msg->topic;
        if (rc == CV_OK)
            rc = convert_message(rt, i, err);
        if (rc == CV_OK)
            part->position = msg->offset + 1;
    }
    atomic_fetch_add_explicit(&rt->task->counters.records_polled, counted, memory_order_relaxed);
    task_record(rt->task, WINDOW_POLLED, (double)counted);
    return rc;
}

static void
count_put(struct sink_runtime *rt, int64_t put_us)
{
    size_t records = rt->batch.n_records;

    if (records == 0)
        return;
    atomic_fetch_add_explicit(&rt->task->counters.records_sent, records, memory_order_relaxed);
    task_record(rt->task, WINDOW_SENT, (double)records);
    task_record(rt->task, WINDOW_BATCH, (double)records);
    task_record(rt->task, WINDOW_POLL_MS, (double)put_us / 1000.0);
}

enum cv_rc
sink_batch_put(struct sink_runtime *rt, struct cv_err *err)
{
    int64_t started_us = cv_mono_us();
    enum cv_rc rc = rt->ops->put(rt->sink, &rt->batch, err);

    if (rc == CV_RETRY) {
        int wait_ms = rt->retry_after_ms >= 0 ? rt->retry_after_ms : RETRY_WAIT_MS;

        CV_LOG_WARN(rt->task->log, "the sink could not take the records, trying again",
                    CV_INT("records", (int64_t)rt->batch.n_records), CV_INT("retry_ms", wait_ms), CV_ERR(err));
        rt->held = true;
        rt->put_due_ms = cv_mono_ms() + wait_ms;
        rt->retry_after_ms = -1;
        return CV_OK;
    }
    if (rc != CV_OK)
        return rc;
    count_put(rt, cv_mono_us() - started_us);
    for (size_t i = 0; i < rt->n_parts; i++)
        if (rt->parts[i].position != SINK_NO_OFFSET)
            rt->parts[i].put = rt->parts[i].position;
    sink_count_active(rt);
    sink_batch_drop(rt);
    return CV_OK;
}
