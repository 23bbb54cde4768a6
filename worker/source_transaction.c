/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exactly once (KIP-618): a task's records and the offsets behind them are committed together, in transactions of a
 * producer whose id belongs to the task, so that a task that was replaced can write no more.
 *
 * Where a transaction ends is said by transaction.boundary: behind each poll, behind an interval, or where the source
 * says. It never ends inside of what the source calls unsplittable (cv_batch.split): restarting at the last offset
 * would repeat the part that is in Kafka already. Offsets without records wait for the next flush interval: nothing is
 * repeated if they are lost.
 *
 * While the last messages of a transaction are on their way, and while Kafka commits it, the source is read on; what it
 * brings is held until the commit is through and begins the next transaction. So a commit by poll may take several polls
 * together.
 *
 * After a failure nobody knows whether the transaction was committed. The task then starts anew: the next producer's
 * init resolves the old transaction, and the source goes on from the offsets that are really there. A producer that
 * was fenced ends the task for good.
 */
#include <config.h>

#include "worker/source_private.h"

#include <string.h>
#include <strings.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/number.h"
#include "worker/clients.h"
#include "worker/connector_offsets.h"
#include "worker/worker_config.h"

#define FENCE_RETRY_MS    250
#define INIT_TIMEOUT_MS   30000
#define COMMIT_TIMEOUT_MS 60000
#define COMMIT_SLICE_MS   2000
#define ABORT_TIMEOUT_MS  5000

/* ---- start ---- */

static void
read_boundary(struct source_runtime *rt)
{
    const struct cv_config *cfg = rt->task->connector_config;
    const char *boundary = cv_config_get(cfg, "transaction.boundary");
    const char *interval = cv_config_get(cfg, "transaction.boundary.interval.ms");

    rt->txn.boundary = BOUNDARY_POLL;
    if (boundary != NULL && strcasecmp(boundary, "interval") == 0)
        rt->txn.boundary = BOUNDARY_INTERVAL;
    else if (boundary != NULL && strcasecmp(boundary, "connector") == 0)
        rt->txn.boundary = BOUNDARY_CONNECTOR;
    rt->txn.interval_ms = rt->task->spec.worker_config->offset_flush_interval_ms;
    if (interval != NULL)
        (void)cv_parse_i64(interval, strlen(interval), &rt->txn.interval_ms);
    rt->txn.due_ms = cv_mono_ms() + rt->txn.interval_ms;
}

/* The leader may be busy, away, or fencing for another task. */
static enum cv_rc
fence_patiently(struct source_runtime *rt, struct cv_err *err)
{
    const struct task_spec *spec = &rt->task->spec;
    enum cv_rc rc;

    while ((rc = spec->fence(spec->arg, rt->task->connector, err)) == CV_RETRY || rc == CV_CONFLICT) {
        int64_t again_ms = cv_mono_ms() + FENCE_RETRY_MS;

        CV_LOG_DEBUG(rt->task->log, "older tasks cannot be fenced for now", CV_ERR(err));
        while (!task_stopping(rt->task) && cv_mono_ms() < again_ms)
            cv_wake_wait(&rt->task->wake, again_ms);
        if (task_stopping(rt->task))
            return err->rc = CV_RETRY;
    }
    return rc;
}

enum cv_rc
source_transaction_start(struct source_runtime *rt, struct cv_err *err)
{
    const struct task_spec *spec = &rt->task->spec;

    read_boundary(rt);
    if (fence_patiently(rt, err) != CV_OK)
        return err->rc;
    if (client_transactional_producer(spec->worker_config, spec->worker_raw, rt->task->connector_config,
                                      rt->task->connector, spec->id, &rt->task->counters.client,
                                      &rt->producer, err) != CV_OK ||
        cv_producer_txn_init(rt->producer, INIT_TIMEOUT_MS, err) != CV_OK)
        return err->rc;
    return spec->check_generation(spec->arg, rt->task->connector, spec->generation, err);
}

enum cv_rc
source_transaction_begin(struct source_runtime *rt, struct cv_err *err)
{
    if (rt->txn.open)
        return CV_OK;
    if (cv_producer_txn_begin(rt->producer, err) != CV_OK)
        return err->rc;
    rt->txn.open = true;
    rt->txn.records = 0;
    return CV_OK;
}

/* ---- commit ---- */

static enum cv_rc
fail_late(struct cv_err *err)
{
    return cv_fail(err, CV_RETRY, "Kafka has not taken all messages of a transaction in time");
}

/* Until every message has its report. A task that is asked to stop gives up in time to stop well: what is not committed
   comes again. */
static enum cv_rc
flush(struct source_runtime *rt, struct cv_err *err)
{
    int64_t deadline = cv_mono_ms() + COMMIT_TIMEOUT_MS;
    bool stopping = false;

    while (rt->head != NULL) {
        if (!stopping && task_stopping(rt->task)) {
            stopping = true;
            deadline = cv_mono_ms() + rt->task->spec.worker_config->task_shutdown_timeout_ms / 2;
        }
        cv_producer_poll(rt->producer, SOURCE_FULL_WAIT_MS);
        if (cv_producer_check(rt->producer, err) != CV_OK || source_retire(rt, err) != CV_OK ||
            rt->ops->poll(rt->source, NULL, 0, err) != CV_OK)
            return err->rc;
        if (rt->head != NULL && cv_mono_ms() >= deadline)
            return fail_late(err);
    }
    return CV_OK;
}

/* The producer copies: delivery is not counted, the commit tells. */
static enum cv_rc
send_offset(struct source_runtime *rt, struct cv_producer_topic *topic, const struct cv_offset *offset,
            struct cv_arena *arena, struct cv_err *err)
{
    struct cv_bytes key, value;
    enum cv_rc rc = connector_offsets_encode(rt->offsets, offset, arena, &key, &value, err);

    if (rc != CV_OK)
        return rc;
    while ((rc = cv_producer_send(rt->producer, topic, CV_NO_PARTITION, key, value, NULL, CV_NO_TIMESTAMP, NULL,
                                  err)) == CV_RETRY) {
        cv_producer_poll(rt->producer, SOURCE_FULL_WAIT_MS);
        if (cv_producer_check(rt->producer, err) != CV_OK)
            return err->rc;
    }
    return rc == CV_OK ? CV_OK : cv_err_context(err, "could not write offsets");
}

static enum cv_rc
send_offsets(struct source_runtime *rt, struct cv_err *err)
{
    struct cv_arena *arena = cv_arena_new(NULL);
    enum cv_rc rc = arena == NULL ? cv_fail_memory(err) : CV_OK;
    struct cv_producer_topic *topic = NULL;

    if (rc == CV_OK)
        rc = cv_producer_topic(rt->producer, connector_offsets_topic(rt->offsets), &topic, err);
    for (size_t i = 0; i < rt->committable.count && rc == CV_OK; i++)
        rc = send_offset(rt, topic, &rt->committable.items[i], arena, err);
    cv_arena_free(arena);
    return rc;
}

/* What was not answered in time is asked for again, for it may have been lost. */
static enum cv_rc
end_transaction(struct source_runtime *rt, bool *ret_done, struct cv_err *err)
{
    int64_t now_ms = cv_mono_ms(), until_ms;
    bool timed_out;

    if (rt->txn.ending_ms == 0)
        rt->txn.ending_ms = rt->txn.asked_ms = now_ms;
    until_ms = rt->txn.ending_ms + (task_stopping(rt->task) ? COMMIT_SLICE_MS : COMMIT_TIMEOUT_MS);
    if (cv_producer_txn_commit_try(rt->producer, COMMIT_SLICE_MS, ret_done, err) == CV_OK)
        return *ret_done || now_ms < until_ms ? CV_OK : fail_late(err);
    timed_out = err->rc == CV_RETRY && now_ms - rt->txn.asked_ms >= COMMIT_SLICE_MS;
    if (!timed_out || now_ms >= until_ms)
        return err->rc;
    rt->txn.asked_ms = now_ms;
    return CV_OK;
}

/* The offsets behind all its messages: those on their way are written with it, or nothing is. */
static enum cv_rc
collect_offsets(struct source_runtime *rt, struct cv_err *err)
{
    for (const struct source_chunk *chunk = rt->head; chunk != NULL; chunk = chunk->next)
        for (size_t i = 0; i < chunk->batch.n_offsets; i++)
            if (source_offsets_put(&rt->committable, &chunk->batch.offsets[i], err) != CV_OK)
                return err->rc;
    return CV_OK;
}

/* Nothing more goes into it but its offsets, which need not wait for the last messages. */
static enum cv_rc
close_transaction(struct source_runtime *rt, struct cv_err *err)
{
    rt->txn.commit_asked = rt->txn.abort_asked = false;
    rt->txn.due_ms = cv_mono_ms() + rt->txn.interval_ms;
    rt->commit_due_ms = cv_mono_ms() + rt->task->spec.worker_config->offset_flush_interval_ms;
    rt->commit_started_us = cv_mono_us();
    rt->txn.closing = true;
    rt->txn.closing_until_ms = cv_mono_ms() + COMMIT_TIMEOUT_MS;
    if (collect_offsets(rt, err) != CV_OK)
        return err->rc;
    if (!rt->txn.open && rt->committable.count == 0)
        return CV_OK;
    return source_transaction_begin(rt, err) == CV_OK ? send_offsets(rt, err) : err->rc;
}

/* All its messages are delivered. */
static enum cv_rc
complete(struct source_runtime *rt, bool *ret_done, struct cv_err *err)
{
    bool open = rt->txn.open;
    enum cv_rc rc = CV_OK;

    *ret_done = !open;
    if (open)
        rc = end_transaction(rt, ret_done, err);
    if (open && (*ret_done || rc != CV_OK))
        task_count_commit(rt->task, rt->commit_started_us, rc == CV_OK);
    if (rc != CV_OK || !*ret_done)
        return rc;
    rt->txn.open = rt->txn.closing = false;
    rt->txn.ending_ms = 0;
    if (!open)
        return CV_OK;
    task_record(rt->task, WINDOW_TRANSACTION, (double)rt->txn.records);
    connector_offsets_copy(rt->offsets, rt->committable.items, rt->committable.count);
    return source_commit_tell(rt, &rt->committable, err);
}

static void
hold(struct source_runtime *rt, struct source_chunk *chunk)
{
    if (rt->held_tail != NULL)
        rt->held_tail->next = chunk;
    else
        rt->held = chunk;
    rt->held_tail = chunk;
}

static struct source_chunk *
take_held(struct source_runtime *rt)
{
    struct source_chunk *chunk = rt->held;

    if (chunk != NULL)
        rt->held = chunk->next;
    if (rt->held == NULL)
        rt->held_tail = NULL;
    if (chunk != NULL)
        chunk->next = NULL;
    return chunk;
}

/* Complete it; what is held begins the next one. */
static enum cv_rc
move_on(struct source_runtime *rt, bool *ret_done, struct cv_err *err)
{
    struct source_chunk *chunk;
    enum cv_rc rc = complete(rt, ret_done, err);

    while (rc == CV_OK && *ret_done && (chunk = take_held(rt)) != NULL)
        rc = source_produce(rt, chunk, err);
    return rc;
}

/* Here and now. */
static enum cv_rc
commit(struct source_runtime *rt, struct cv_err *err)
{
    enum cv_rc rc;
    bool done;

    if ((!rt->txn.closing && close_transaction(rt, err) != CV_OK) || flush(rt, err) != CV_OK)
        return err->rc;
    while ((rc = move_on(rt, &done, err)) == CV_OK && !done) {
        cv_producer_poll(rt->producer, SOURCE_ENDING_WAIT_MS);
        if (rt->ops->poll(rt->source, NULL, 0, err) != CV_OK)
            return err->rc;
    }
    return rc;
}

/* The source wants none of it: the records are dropped, their offsets are not. */
static enum cv_rc
abort_and_commit_offsets(struct source_runtime *rt, struct cv_err *err)
{
    if (flush(rt, err) != CV_OK)
        return err->rc;
    if (rt->txn.open && cv_producer_txn_abort(rt->producer, ABORT_TIMEOUT_MS, err) != CV_OK)
        return err->rc;
    rt->txn.open = false;
    rt->txn.records = 0;
    return commit(rt, err);
}

/* By poll or interval. */
static bool
is_due(const struct source_runtime *rt)
{
    bool bare = !rt->txn.open && rt->head == NULL && rt->committable.count > 0;

    if (rt->txn.split || rt->txn.closing)
        return false;
    if (rt->txn.boundary == BOUNDARY_INTERVAL)
        return (rt->txn.open || bare) && cv_mono_ms() >= rt->txn.due_ms;
    return rt->txn.boundary == BOUNDARY_POLL && (rt->txn.open || (bare && cv_mono_ms() >= rt->commit_due_ms));
}

/* By the source. */
static enum cv_rc
end_if_asked(struct source_runtime *rt, struct cv_err *err)
{
    if (rt->txn.split)
        return CV_OK;
    if (rt->txn.abort_asked)
        return abort_and_commit_offsets(rt, err);
    return rt->txn.commit_asked ? commit(rt, err) : CV_OK;
}

enum cv_rc
source_transaction_proceed(struct source_runtime *rt, struct cv_err *err)
{
    bool done;

    if (!rt->txn.closing)
        return CV_OK;
    if (rt->head != NULL && cv_mono_ms() < rt->txn.closing_until_ms)
        return CV_OK;
    if (rt->head != NULL)
        return fail_late(err);
    if (move_on(rt, &done, err) != CV_OK)
        return err->rc;
    return done && is_due(rt) ? close_transaction(rt, err) : CV_OK;
}

enum cv_rc
source_transaction_take(struct source_runtime *rt, struct source_chunk *chunk, struct cv_err *err)
{
    if (rt->txn.closing) {
        if (chunk != NULL)
            hold(rt, chunk);
        return CV_OK;
    }
    if (chunk != NULL && source_produce(rt, chunk, err) != CV_OK)
        return err->rc;
    if (rt->txn.boundary == BOUNDARY_CONNECTOR)
        return end_if_asked(rt, err);
    if (!is_due(rt))
        return CV_OK;
    return close_transaction(rt, err) == CV_OK ? source_transaction_proceed(rt, err) : err->rc;
}

enum cv_rc
source_transaction_end(struct source_runtime *rt, struct cv_err *err)
{
    if (rt->txn.closing && commit(rt, err) != CV_OK)
        return err->rc;
    if (rt->txn.split || rt->txn.boundary == BOUNDARY_CONNECTOR)
        return CV_OK;
    return rt->txn.open || rt->head != NULL || rt->committable.count > 0 ? commit(rt, err) : CV_OK;
}

void
source_transaction_drop(struct source_runtime *rt)
{
    struct source_chunk *chunk;
    struct cv_err err;

    while ((chunk = take_held(rt)) != NULL)
        source_chunk_free(chunk);
    if (!rt->txn.open || rt->producer == NULL)
        return;
    rt->txn.open = false;
    if (cv_producer_txn_abort(rt->producer, ABORT_TIMEOUT_MS, &err) != CV_OK)
        CV_LOG_DEBUG(rt->task->log, "a transaction is left to time out or to be fenced", CV_ERR(&err));
}
