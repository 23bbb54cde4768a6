/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The partitions that the consumer group gives to a sink task: they come and go inside cv_consumer_poll and
 * cv_consumer_free, are paused and moved between polls, and what the sink made durable of them is committed.
 */
#include <config.h>

#include "worker/sink_private.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "worker/dead_letters.h"
#include "worker/worker_config.h"

#define SEEK_TIMEOUT_MS 5000

struct sink_part *
sink_part_find(const struct sink_runtime *rt, const char *topic, int32_t partition)
{
    for (size_t i = 0; i < rt->n_parts; i++)
        if (rt->parts[i].partition == partition && strcmp(rt->parts[i].topic, topic) == 0)
            return &rt->parts[i];
    return NULL;
}

/* ---- commits ---- */

/* For the loop. */
static void
keep_error(struct sink_runtime *rt, const struct cv_err *err)
{
    if (rt->rebalance_err.rc == CV_OK)
        rt->rebalance_err = *err;
}

static bool
is_named(const struct sink_part *part, const struct cv_topic_partitions *only)
{
    if (only == NULL)
        return true;
    for (size_t i = 0; i < only->count; i++)
        if (only->items[i].partition == part->partition && strcmp(only->items[i].topic, part->topic) == 0)
            return true;
    return false;
}

/* The plugin could not make records durable: they are read again. Not while partitions go away anyway. */
static void
read_again(struct sink_runtime *rt, const struct cv_partitions *failed)
{
    for (size_t i = 0; i < failed->count; i++) {
        struct sink_part *part = sink_part_find(rt, failed->items[i].topic, failed->items[i].partition);

        if (part != NULL)
            part->rewind = part->committed;
    }
}

/* What of the plugin's answer may be committed: of our partitions, not beyond what was put, and news. */
static size_t
choose_offsets(struct sink_runtime *rt, const struct cv_partitions *safe, bool closing,
               struct cv_topic_partition *out)
{
    size_t n = 0;

    for (size_t i = 0; i < safe->count; i++) {
        struct sink_part *part = sink_part_find(rt, safe->items[i].topic, safe->items[i].partition);
        int64_t offset = safe->items[i].offset;

        if (part == NULL || offset < 0 || offset > part->put || (!closing && offset == part->committed))
            continue;
        out[n++] = (struct cv_topic_partition){ .topic = part->topic, .partition = part->partition,
                                                .offset = offset };
    }
    return n;
}

/* Whether what put took may be committed: not while the partition is about to go back behind it. */
static bool
is_committable(const struct sink_part *part)
{
    return part->put != SINK_NO_OFFSET && (part->rewind == SINK_NO_OFFSET || part->rewind >= part->put);
}

static void
count_commit(struct sink_runtime *rt, int64_t started_us, const struct cv_err *failure)
{
    task_count_commit(rt->task, started_us, failure == NULL);
    if (failure != NULL)
        CV_LOG_WARN(rt->task->log, "could not commit offsets", CV_ERR(failure));
}

void
sink_count_active(struct sink_runtime *rt)
{
    uint_fast64_t active = 0;

    for (size_t i = 0; i < rt->n_parts; i++)
        if (rt->parts[i].committed != SINK_NO_OFFSET && rt->parts[i].position > rt->parts[i].committed)
            active += (uint_fast64_t)(rt->parts[i].position - rt->parts[i].committed);
    atomic_store_explicit(&rt->task->counters.records_active, active, memory_order_relaxed);
    task_record(rt->task, WINDOW_ACTIVE, (double)active);
}

/* Whatever was asked of the commit under way is known, or not waited for any more. */
static void
end_commit(struct sink_runtime *rt, bool done)
{
    rt->commit_sent_us = 0;
    for (size_t i = 0; i < rt->n_parts; i++) {
        if (done && rt->parts[i].sent != SINK_NO_OFFSET)
            rt->parts[i].committed = rt->parts[i].sent;
        rt->parts[i].sent = SINK_NO_OFFSET;
    }
    sink_count_active(rt);
}

void
sink_committed(void *arg, const struct cv_err *err)
{
    struct sink_runtime *rt = arg;
    int64_t sent_us = rt->commit_sent_us;
    int64_t due_ms = sent_us / 1000 + rt->task->spec.worker_config->offset_flush_interval_ms;

    if (rt->commits_late > 0) {
        rt->commits_late--;
        atomic_fetch_add_explicit(&rt->task->counters.commits_skipped, 1, memory_order_relaxed);
        task_record(rt->task, WINDOW_COMMIT_SKIP, 1);
        return;
    }
    end_commit(rt, err == NULL);
    count_commit(rt, sent_us, err);
    if (rt->commit_due_ms > due_ms) /* the next was put off, to wait for this answer */
        rt->commit_due_ms = due_ms;
}

/* Whether a commit may be sent: not while another waits for its answer, unless that takes too long. */
static bool
may_commit(struct sink_runtime *rt, bool closing)
{
    int64_t waited_ms = (cv_mono_us() - rt->commit_sent_us) / 1000;
    int64_t timeout_ms = rt->task->spec.worker_config->offset_flush_timeout_ms;
    struct cv_err err = CV_ERR_INIT;

    if (rt->commit_sent_us == 0)
        return true;
    if (!closing && waited_ms < timeout_ms) {
        rt->commit_due_ms = cv_mono_ms() + timeout_ms - waited_ms;
        return false;
    }
    rt->commits_late++;
    if (!closing) {
        (void)cv_fail(&err, CV_RETRY, "no answer to a commit within offset.flush.timeout.ms=%lld",
                      (long long)timeout_ms);
        count_commit(rt, rt->commit_sent_us, &err);
    }
    end_commit(rt, false);
    return true;
}

/* What was given up is committed only when its letter is in Kafka. */
static enum cv_rc
wait_for_dead_letters(struct sink_runtime *rt, struct cv_err *err)
{
    enum cv_rc rc =
        dead_letters_wait(rt->dead, (int)rt->task->spec.worker_config->offset_flush_timeout_ms, err);

    if (rc != CV_OK && rc != CV_RETRY)
        keep_error(rt, err);
    return rc;
}

/* Send what was chosen. A commit without a deadline is answered to sink_committed. */
static enum cv_rc
send_commit(struct sink_runtime *rt, const struct cv_topic_partitions *offsets, int timeout_ms, struct cv_err *err)
{
    int64_t now_us = cv_mono_us();
    enum cv_rc rc;

    atomic_fetch_add_explicit(&rt->task->counters.commit_number, 1, memory_order_relaxed);
    rc = cv_consumer_commit(rt->consumer, offsets, timeout_ms, err);
    if (rc != CV_OK)
        return rc;
    for (size_t i = 0; i < offsets->count; i++)
        sink_part_find(rt, offsets->items[i].topic, offsets->items[i].partition)->sent = offsets->items[i].offset;
    if (timeout_ms == 0) {
        rt->commit_sent_us = now_us;
        return CV_OK;
    }
    end_commit(rt, true);
    count_commit(rt, now_us, NULL);
    return CV_OK;
}

void
sink_commit(struct sink_runtime *rt, const struct cv_topic_partitions *only, bool closing)
{
    struct cv_partition *items;
    struct cv_topic_partition *chosen;
    struct cv_partitions asked = { .count = 0 }, safe;
    struct cv_topic_partitions offsets = { .count = 0 };
    int timeout_ms = closing ? (int)rt->task->spec.worker_config->offset_flush_timeout_ms : 0;
    int64_t started_us = cv_mono_us();
    struct cv_err err = CV_ERR_INIT;
    enum cv_rc rc = CV_OK;

    if (!may_commit(rt, closing))
        return;
    rt->commit_due_ms = cv_mono_ms() + rt->task->spec.worker_config->offset_flush_interval_ms;
    asked.items = items = calloc(rt->n_parts + 1, sizeof(*items));
    offsets.items = chosen = calloc(rt->n_parts + 1, sizeof(*chosen));
    if (items == NULL || chosen == NULL)
        goto out; /* the next commit covers this one */
    for (size_t i = 0; i < rt->n_parts; i++)
        if (is_committable(&rt->parts[i]) && is_named(&rt->parts[i], only))
            items[asked.count++] =
                (struct cv_partition){ rt->parts[i].topic, rt->parts[i].partition, rt->parts[i].put };
    if (asked.count == 0)
        goto out;
    safe = asked;
    if (rt->dead != NULL)
        rc = wait_for_dead_letters(rt, &err);
    if (rc == CV_OK && rt->ops->pre_commit != NULL) {
        rc = rt->ops->pre_commit(rt->sink, &safe, &err);
        if (rc != CV_OK && !closing)
            read_again(rt, &asked);
    }
    if (rc == CV_OK)
        offsets.count = choose_offsets(rt, &safe, closing, chosen);
    if (rc == CV_OK && offsets.count == 0)
        goto out;
    if (rc == CV_OK)
        rc = send_commit(rt, &offsets, timeout_ms, &err);
    if (rc != CV_OK)
        count_commit(rt, started_us, &err);
out:
    free(items);
    free(chosen);
}

/* ---- partitions come and go; inside cv_consumer_poll and cv_consumer_free ---- */

/* Tell the plugin. call: its open or close, NULL if it is not interested. */
static void
tell(struct sink_runtime *rt,
     enum cv_rc (*call)(struct cv_sink_task *, const struct cv_partitions *, struct cv_err *),
     const struct cv_topic_partitions *parts)
{
    struct cv_partitions list = { .items = NULL };
    struct cv_err err = CV_ERR_INIT;

    if (call == NULL || parts->count == 0)
        return;
    list.items = calloc(parts->count, sizeof(*list.items));
    if (list.items == NULL) {
        (void)cv_fail_memory(&err);
        keep_error(rt, &err);
        return;
    }
    for (size_t i = 0; i < parts->count; i++)
        list.items[list.count++] = (struct cv_partition){ parts->items[i].topic, parts->items[i].partition,
                                                          parts->items[i].offset };
    if (call(rt->sink, &list, &err) != CV_OK)
        keep_error(rt, &err);
    free(list.items);
}

static enum cv_rc
parts_add(struct sink_runtime *rt, const struct cv_topic_partition *from, struct cv_err *err)
{
    struct sink_part *parts = realloc(rt->parts, (rt->n_parts + 1) * sizeof(*parts));
    char *topic = strdup(from->topic);

    if (parts != NULL)
        rt->parts = parts;
    if (parts == NULL || topic == NULL) {
        free(topic);
        return cv_fail_memory(err);
    }
    parts[rt->n_parts++] = (struct sink_part){ .topic = topic, .partition = from->partition, .position = SINK_NO_OFFSET,
                                          .put = SINK_NO_OFFSET, .committed = SINK_NO_OFFSET, .sent = SINK_NO_OFFSET,
                                          .rewind = SINK_NO_OFFSET };
    return CV_OK;
}

static void
parts_remove(struct sink_runtime *rt, const struct cv_topic_partitions *gone)
{
    size_t kept = 0;

    for (size_t i = 0; i < rt->n_parts; i++) {
        if (is_named(&rt->parts[i], gone))
            free(rt->parts[i].topic);
        else
            rt->parts[kept++] = rt->parts[i];
    }
    rt->n_parts = kept;
}

void
sink_assigned(void *arg, struct cv_topic_partitions *parts)
{
    struct sink_runtime *rt = arg;
    struct cv_err err = CV_ERR_INIT;

    if (rt->sink == NULL)
        return; /* the task has ended: the consumer gives them back at once */
    for (size_t i = 0; i < parts->count; i++)
        if (sink_part_find(rt, parts->items[i].topic, parts->items[i].partition) == NULL &&
            parts_add(rt, &parts->items[i], &err) != CV_OK)
            keep_error(rt, &err);
    atomic_store_explicit(&rt->task->counters.partitions, rt->n_parts, memory_order_relaxed);
    CV_LOG_INFO(rt->task->log, "partitions assigned", CV_INT("count", (int64_t)parts->count));
    tell(rt, rt->ops->open, parts);
}

/* The consumer would keep a partition paused when it comes back, which is a new partition to the sink. */
static void
unpause(struct sink_runtime *rt, const struct cv_topic_partitions *gone)
{
    for (size_t i = 0; i < rt->n_parts; i++) {
        struct cv_topic_partition item = { .topic = rt->parts[i].topic, .partition = rt->parts[i].partition };
        struct cv_err err = CV_ERR_INIT;

        if (rt->parts[i].is_paused && is_named(&rt->parts[i], gone) &&
            cv_consumer_resume(rt->consumer, &(struct cv_topic_partitions){ &item, 1 }, &err) != CV_OK)
            keep_error(rt, &err);
    }
}

void
sink_revoked(void *arg, const struct cv_topic_partitions *parts, bool lost)
{
    struct sink_runtime *rt = arg;

    if (rt->sink == NULL)
        return; /* the task has ended: all of this is done */
    CV_LOG_INFO(rt->task->log, lost ? "partitions lost" : "partitions revoked",
                CV_INT("count", (int64_t)parts->count));
    if (!lost)
        sink_commit(rt, parts, true);
    tell(rt, rt->ops->close, parts);
    unpause(rt, parts);
    sink_batch_forget(rt, parts);
    parts_remove(rt, parts);
    atomic_store_explicit(&rt->task->counters.partitions, rt->n_parts, memory_order_relaxed);
}

enum cv_rc
sink_apply_pauses(struct sink_runtime *rt, struct cv_err *err)
{
    bool all = rt->held || task_paused(rt->task);

    for (size_t i = 0; i < rt->n_parts; i++) {
        struct sink_part *part = &rt->parts[i];
        struct cv_topic_partition item = { .topic = part->topic, .partition = part->partition };
        struct cv_topic_partitions one = { &item, 1 };
        bool want = all || part->sink_paused;
        enum cv_rc rc;

        if (want == part->is_paused)
            continue;
        rc = want ? cv_consumer_pause(rt->consumer, &one, err) : cv_consumer_resume(rt->consumer, &one, err);
        if (rc != CV_OK)
            return rc;
        part->is_paused = want;
    }
    return CV_OK;
}

enum cv_rc
sink_apply_rewinds(struct sink_runtime *rt, struct cv_err *err)
{
    for (size_t i = 0; i < rt->n_parts; i++) {
        struct sink_part *part = &rt->parts[i];
        enum cv_rc rc;

        if (part->rewind == SINK_NO_OFFSET)
            continue;
        rc = cv_consumer_seek(rt->consumer, part->topic, part->partition, part->rewind, SEEK_TIMEOUT_MS, err);
        if (rc == CV_RETRY || rc == CV_CONFLICT)
            continue; /* until then its messages are dropped */
        if (rc != CV_OK)
            return rc;
        part->position = part->rewind;
        if (part->put != SINK_NO_OFFSET)
            part->put = part->rewind;
        if (part->committed > part->rewind)
            part->committed = SINK_NO_OFFSET;
        part->rewind = SINK_NO_OFFSET;
    }
    return CV_OK;
}

void
sink_close_all(struct sink_runtime *rt)
{
    struct cv_topic_partitions all = { .items = calloc(rt->n_parts + 1, sizeof(*all.items)) };

    for (size_t i = 0; i < rt->n_parts && all.items != NULL; i++)
        all.items[all.count++] = (struct cv_topic_partition){
            .topic = rt->parts[i].topic, .partition = rt->parts[i].partition, .offset = rt->parts[i].put
        };
    tell(rt, rt->ops->close, &all);
    free(all.items);
}

void
sink_parts_done(struct sink_runtime *rt)
{
    parts_remove(rt, NULL);
    free(rt->parts);
}
