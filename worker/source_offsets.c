/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A source task's offsets without transactions: collected as batches are delivered, written every
 * offset.flush.interval.ms, told to the plugin when they are durable. A write that fails leaves its offsets for the
 * next one, under what has come since.
 */
#include <config.h>

#include "worker/source_private.h"

#include <stdio.h>
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/log.h"
#include "worker/connector_offsets.h"
#include "worker/worker_config.h"

/* ---- sets ---- */

void
source_offsets_clear(struct source_offsets *offsets)
{
    cv_arena_free(offsets->arena);
    *offsets = (struct source_offsets){ 0 };
}

/* Remember an offset that may be stored; replaces that of an equal partition. */
enum cv_rc
source_offsets_put(struct source_offsets *offsets, const struct cv_offset *offset, struct cv_err *err)
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
enum cv_rc
source_offsets_compact(struct source_offsets *offsets, struct cv_err *err)
{
    struct source_offsets fresh = { 0 };

    if (offsets->arena == NULL || cv_arena_used(offsets->arena) < SOURCE_BLOCK_BYTES)
        return CV_OK;
    for (size_t i = 0; i < offsets->count; i++)
        if (source_offsets_put(&fresh, &offsets->items[i], err) != CV_OK) {
            source_offsets_clear(&fresh);
            return err->rc;
        }
    source_offsets_clear(offsets);
    *offsets = fresh;
    return CV_OK;
}

/* ---- offset commits ---- */

/* On the store's thread. */
static void
on_offsets_written(void *arg, const struct cv_err *err)
{
    struct source_runtime *rt = arg;

    if (err != NULL)
        rt->commit_problem = *err;
    atomic_store_explicit(&rt->commit_result, err == NULL ? 1 : 2, memory_order_release);
    cv_wake_signal(&rt->task->wake);
}

/* The write failed: its offsets count again, under what has come since. */
static enum cv_rc
take_back(struct source_runtime *rt, struct cv_err *err)
{
    struct source_offsets newer = rt->committable;

    rt->committable = rt->committing;
    rt->committing = (struct source_offsets){ 0 };
    for (size_t i = 0; i < newer.count; i++)
        if (source_offsets_put(&rt->committable, &newer.items[i], err) != CV_OK)
            return err->rc;
    source_offsets_clear(&newer);
    return CV_OK;
}

/* A topic that is not there does not come back by itself, and what is not stored is not confirmed to the source. */
static enum cv_rc
commit_failed(struct source_runtime *rt, struct cv_err *err)
{
    if (take_back(rt, err) != CV_OK)
        return err->rc;
    if (rt->commit_problem.rc == CV_NOT_FOUND)
        return cv_fail(err, CV_INVALID, "could not store offsets: %s", rt->commit_problem.text);
    CV_LOG_WARN(rt->task->log, "could not store offsets, trying again at the next commit",
                CV_ERR(&rt->commit_problem));
    return CV_OK;
}

enum cv_rc
source_commit_start(struct source_runtime *rt, struct cv_err *err)
{
    rt->commit_due_ms = cv_mono_ms() + rt->task->spec.worker_config->offset_flush_interval_ms;
    if (rt->commit_running || rt->committable.count == 0)
        return CV_OK;
    rt->committing = rt->committable;
    rt->committable = (struct source_offsets){ 0 };
    rt->commit_started_us = cv_mono_us();
    atomic_store(&rt->commit_result, 0);
    rt->commit_running = true;
    if (connector_offsets_write(rt->offsets, rt->committing.items, rt->committing.count, on_offsets_written, rt,
                                err) == CV_OK)
        return CV_OK;
    rt->commit_running = false;
    rt->commit_problem = *err;
    return commit_failed(rt, err);
}

enum cv_rc
source_commit_tell(struct source_runtime *rt, struct source_offsets *offsets, struct cv_err *err)
{
    enum cv_rc rc = CV_OK;

    for (size_t i = 0; i < offsets->count && rc == CV_OK; i++)
        if (rt->ops->offset_commit != NULL)
            rc = rt->ops->offset_commit(rt->source, &offsets->items[i], err);
    source_offsets_clear(offsets);
    return rc;
}

enum cv_rc
source_commit_finish(struct source_runtime *rt, struct cv_err *err)
{
    int result = rt->commit_running ? atomic_load_explicit(&rt->commit_result, memory_order_acquire) : 0;

    if (result == 0)
        return CV_OK;
    rt->commit_running = false;
    task_count_commit(rt->task, rt->commit_started_us, result != 2);
    if (result == 2)
        return commit_failed(rt, err);
    return source_commit_tell(rt, &rt->committing, err);
}
