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

#include "worker/task_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/kafka/admin.h"
#include "common/kafka/consumer.h"
#include "common/log.h"
#include "common/map.h"
#include "common/number.h"
#include "common/regex.h"
#include "worker/clients.h"
#include "worker/worker_config.h"

#define BATCH_DEFAULT       500
#define BATCH_MAX           10000
#define IDLE_MS             1000
#define RETRY_WAIT_MS       100
#define SEEK_TIMEOUT_MS     5000
#define LIST_TIMEOUT_MS     30000
#define METADATA_DEFAULT_MS 300000
#define NO_MATCH_MS         5000
#define NO_OFFSET           (-1)

/* A partition that the group gave to this task. */
struct part {
    char *topic;
    int32_t partition;
    int64_t position;  /* behind the last record read, NO_OFFSET: none yet */
    int64_t put;       /* position up to which put has taken everything */
    int64_t committed; /* the last commit; before it, where reading began */
    int64_t rewind;    /* go there before the next poll; NO_OFFSET: nowhere */
    bool sink_paused;  /* the plugin asked for it */
    bool is_paused;    /* in the consumer */
};

struct runtime {
    struct cv_sink_ctx ctx; /* first: the plugin's way back */
    struct task *task;
    const struct cv_sink_ops *ops;
    struct cv_sink_task *sink;
    struct pipeline *pipe;
    struct cv_consumer *consumer;
    struct cv_hash *used; /* topics told to the status store; their names as values */

    struct part *parts;
    size_t n_parts;
    struct cv_err rebalance_err; /* of a callback, for the loop */

    struct cv_consumed *msgs; /* of the batch: its records may point into them */
    size_t n_msgs;
    size_t max_msgs;
    size_t *origin; /* message of each record */
    struct cv_batch batch;
    bool held; /* put wants the batch again */
    int64_t put_due_ms;
    int retry_after_ms; /* asked for by the plugin, -1: not */

    struct cv_regex *regex; /* topics.regex; NULL: topics */
    char **subscribed;
    size_t n_subscribed;
    int64_t subscribe_due_ms;
    int64_t metadata_ms;
    int64_t commit_due_ms;
};

static struct runtime *
runtime_of(struct cv_sink_ctx *ctx)
{
    return cv_container_of(ctx, struct runtime, ctx);
}

static struct part *
find_part(const struct runtime *rt, const char *topic, int32_t partition)
{
    for (size_t i = 0; i < rt->n_parts; i++)
        if (rt->parts[i].partition == partition && strcmp(rt->parts[i].topic, topic) == 0)
            return &rt->parts[i];
    return NULL;
}

/* ---- what the plugin may ask ---- */

static void
ctx_pause(struct cv_sink_ctx *ctx, const char *topic, int32_t partition)
{
    struct part *part = find_part(runtime_of(ctx), topic, partition);

    if (part != NULL)
        part->sink_paused = true;
}

static void
ctx_resume(struct cv_sink_ctx *ctx, const char *topic, int32_t partition)
{
    struct part *part = find_part(runtime_of(ctx), topic, partition);

    if (part != NULL)
        part->sink_paused = false;
}

static void
ctx_seek(struct cv_sink_ctx *ctx, const char *topic, int32_t partition, int64_t offset)
{
    struct part *part = find_part(runtime_of(ctx), topic, partition);

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

/* ---- the batch ---- */

static void
batch_drop(struct runtime *rt)
{
    cv_arena_free(rt->batch.arena);
    rt->batch = (struct cv_batch){ 0 };
    cv_consumed_free(rt->msgs, rt->n_msgs);
    rt->n_msgs = 0;
    rt->held = false;
}

/* Take the records of partitions that are no longer ours out of a kept batch. */
static void
batch_forget(struct runtime *rt, const struct cv_topic_partitions *gone)
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

/* ---- commits ---- */

static bool
is_named(const struct part *part, const struct cv_topic_partitions *only)
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
read_again(struct runtime *rt, const struct cv_partitions *failed)
{
    for (size_t i = 0; i < failed->count; i++) {
        struct part *part = find_part(rt, failed->items[i].topic, failed->items[i].partition);

        if (part != NULL)
            part->rewind = part->committed;
    }
}

/* What of the plugin's answer may be committed: of our partitions, not beyond what was put, and news. */
static size_t
choose_offsets(struct runtime *rt, const struct cv_partitions *safe, bool closing,
               struct cv_topic_partition *out)
{
    size_t n = 0;

    for (size_t i = 0; i < safe->count; i++) {
        struct part *part = find_part(rt, safe->items[i].topic, safe->items[i].partition);
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
is_committable(const struct part *part)
{
    return part->put != NO_OFFSET && (part->rewind == NO_OFFSET || part->rewind >= part->put);
}

static void
count_commit(struct runtime *rt, int64_t started_us, enum cv_rc rc, const struct cv_err *err)
{
    struct task_counters *c = &rt->task->counters;

    cv_histogram_record(&c->commit_us, (uint64_t)(cv_mono_us() - started_us));
    if (rc == CV_OK) {
        atomic_fetch_add_explicit(&c->commits_ok, 1, memory_order_relaxed);
        return;
    }
    atomic_fetch_add_explicit(&c->commits_failed, 1, memory_order_relaxed);
    CV_LOG_WARN(rt->task->log, "could not commit offsets", CV_ERR(err));
}

/* Commit what is durable of the partitions named, of all with only NULL. closing: wait for the answer. */
static void
commit(struct runtime *rt, const struct cv_topic_partitions *only, bool closing)
{
    struct cv_partition *items = calloc(rt->n_parts + 1, sizeof(*items));
    struct cv_topic_partition *chosen = calloc(rt->n_parts + 1, sizeof(*chosen));
    struct cv_partitions asked = { .items = items }, safe;
    struct cv_topic_partitions offsets = { .items = chosen };
    int timeout_ms = closing ? (int)rt->task->spec.worker_config->offset_flush_timeout_ms : 0;
    int64_t started_us = cv_mono_us();
    struct cv_err err = CV_ERR_INIT;
    enum cv_rc rc = CV_OK;

    rt->commit_due_ms = cv_mono_ms() + rt->task->spec.worker_config->offset_flush_interval_ms;
    if (items == NULL || chosen == NULL)
        goto out; /* the next commit covers this one */
    for (size_t i = 0; i < rt->n_parts; i++)
        if (is_committable(&rt->parts[i]) && is_named(&rt->parts[i], only))
            items[asked.count++] =
                (struct cv_partition){ rt->parts[i].topic, rt->parts[i].partition, rt->parts[i].put };
    if (asked.count == 0)
        goto out;
    safe = asked;
    if (rt->ops->pre_commit != NULL)
        rc = rt->ops->pre_commit(rt->sink, &safe, &err);
    if (rc != CV_OK && !closing)
        read_again(rt, &asked);
    if (rc == CV_OK)
        offsets.count = choose_offsets(rt, &safe, closing, chosen);
    if (rc == CV_OK && offsets.count == 0)
        goto out;
    if (rc == CV_OK)
        rc = cv_consumer_commit(rt->consumer, &offsets, timeout_ms, &err);
    for (size_t i = 0; i < offsets.count && rc == CV_OK; i++)
        find_part(rt, chosen[i].topic, chosen[i].partition)->committed = chosen[i].offset;
    count_commit(rt, started_us, rc, &err);
out:
    free(items);
    free(chosen);
}

/* ---- partitions come and go; inside cv_consumer_poll and cv_consumer_free ---- */

static void
keep_error(struct runtime *rt, const struct cv_err *err)
{
    if (rt->rebalance_err.rc == CV_OK)
        rt->rebalance_err = *err;
}

/* Tell the plugin. call: its open or close, NULL if it is not interested. */
static void
tell(struct runtime *rt,
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
parts_add(struct runtime *rt, const struct cv_topic_partition *from, struct cv_err *err)
{
    struct part *parts = realloc(rt->parts, (rt->n_parts + 1) * sizeof(*parts));
    char *topic = strdup(from->topic);

    if (parts != NULL)
        rt->parts = parts;
    if (parts == NULL || topic == NULL) {
        free(topic);
        return cv_fail_memory(err);
    }
    parts[rt->n_parts++] = (struct part){ .topic = topic, .partition = from->partition, .position = NO_OFFSET,
                                          .put = NO_OFFSET, .committed = NO_OFFSET, .rewind = NO_OFFSET };
    return CV_OK;
}

static void
parts_remove(struct runtime *rt, const struct cv_topic_partitions *gone)
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

static void
on_assigned(void *arg, struct cv_topic_partitions *parts)
{
    struct runtime *rt = arg;
    struct cv_err err = CV_ERR_INIT;

    if (rt->sink == NULL)
        return; /* the task has ended: the consumer gives them back at once */
    for (size_t i = 0; i < parts->count; i++)
        if (find_part(rt, parts->items[i].topic, parts->items[i].partition) == NULL &&
            parts_add(rt, &parts->items[i], &err) != CV_OK)
            keep_error(rt, &err);
    CV_LOG_INFO(rt->task->log, "partitions assigned", CV_INT("count", (int64_t)parts->count));
    tell(rt, rt->ops->open, parts);
}

static void
on_revoked(void *arg, const struct cv_topic_partitions *parts, bool lost)
{
    struct runtime *rt = arg;

    if (rt->sink == NULL)
        return; /* the task has ended: all of this is done */
    CV_LOG_INFO(rt->task->log, lost ? "partitions lost" : "partitions revoked",
                CV_INT("count", (int64_t)parts->count));
    if (!lost)
        commit(rt, parts, true);
    tell(rt, rt->ops->close, parts);
    batch_forget(rt, parts);
    parts_remove(rt, parts);
}

/* Make the consumer's pauses what they should be. */
static enum cv_rc
apply_pauses(struct runtime *rt, struct cv_err *err)
{
    bool all = rt->held || task_paused(rt->task);

    for (size_t i = 0; i < rt->n_parts; i++) {
        struct part *part = &rt->parts[i];
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

static enum cv_rc
apply_rewinds(struct runtime *rt, struct cv_err *err)
{
    for (size_t i = 0; i < rt->n_parts; i++) {
        struct part *part = &rt->parts[i];
        enum cv_rc rc;

        if (part->rewind == NO_OFFSET)
            continue;
        rc = cv_consumer_seek(rt->consumer, part->topic, part->partition, part->rewind, SEEK_TIMEOUT_MS, err);
        if (rc == CV_RETRY || rc == CV_CONFLICT)
            continue; /* until then its messages are dropped */
        if (rc != CV_OK)
            return rc;
        part->position = part->rewind;
        if (part->put != NO_OFFSET)
            part->put = part->rewind;
        if (part->committed > part->rewind)
            part->committed = NO_OFFSET;
        part->rewind = NO_OFFSET;
    }
    return CV_OK;
}

/* ---- records ---- */

static enum cv_rc
convert_headers(struct runtime *rt, const struct cv_consumed *msg, struct cv_record *rec, struct cv_err *err)
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

/* Message i to a record of the batch, or to none when it is filtered or tolerated. */
static enum cv_rc
convert_message(struct runtime *rt, size_t i, struct cv_err *err)
{
    const struct cv_consumed *msg = &rt->msgs[i];
    struct cv_record rec = { .topic = msg->topic, .partition = msg->partition, .offset = msg->offset,
                             .timestamp_ms = msg->timestamp_ms }, *slot;
    enum pipeline_stage stage;
    bool keep = true;
    enum cv_rc rc = pipeline_to_record(rt->pipe, rt->batch.arena, &msg->key, &msg->value, &rec, &stage, err);

    if (rc == CV_OK) {
        stage = STAGE_HEADER_CONVERTER;
        rc = convert_headers(rt, msg, &rec, err);
    }
    if (rc == CV_OK) {
        stage = STAGE_TRANSFORMATION;
        rc = pipeline_transform(rt->pipe, rt->batch.arena, &rec, &keep, err);
    }
    if (rc != CV_OK)
        return tolerance_skips(&rt->task->tolerance, stage, msg->topic, err) ? CV_OK : err->rc;
    if (!keep)
        return CV_OK;
    slot = cv_batch_add_record(&rt->batch);
    if (slot == NULL)
        return cv_fail_memory(err);
    *slot = rec;
    rt->origin[rt->batch.n_records - 1] = i;
    return CV_OK;
}

static enum cv_rc
tell_topic(struct runtime *rt, const char *topic, struct cv_err *err)
{
    if (cv_hash_get(rt->used, topic) != NULL)
        return CV_OK;
    if (!cv_hash_put(rt->used, topic, rt))
        return cv_fail_memory(err);
    rt->task->spec.topic_used(rt->task->spec.arg, rt->task->connector, rt->task->spec.id, topic);
    return CV_OK;
}

/* Whether the message counts: it is one, of a partition of ours that is neither paused nor about to move. */
static bool
is_wanted(struct runtime *rt, const struct cv_consumed *msg, struct part *part)
{
    if (msg->eof || part == NULL || part->rewind != NO_OFFSET)
        return false;
    if (task_paused(rt->task) || part->sink_paused) {
        part->rewind = msg->offset;
        return false;
    }
    return true;
}

static enum cv_rc
convert_batch(struct runtime *rt, struct cv_err *err)
{
    size_t counted = 0;
    enum cv_rc rc = CV_OK;

    rt->batch.arena = cv_arena_new(NULL);
    if (rt->batch.arena == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < rt->n_msgs && rc == CV_OK; i++) {
        const struct cv_consumed *msg = &rt->msgs[i];
        struct part *part = find_part(rt, msg->topic, msg->partition);

        if (!is_wanted(rt, msg, part))
            continue;
        if (part->committed == NO_OFFSET)
            part->committed = msg->offset;
        counted++;
        rc = tell_topic(rt, msg->topic, err);
        if (rc == CV_OK)
            rc = convert_message(rt, i, err);
        if (rc == CV_OK)
            part->position = msg->offset + 1;
    }
    atomic_fetch_add_explicit(&rt->task->counters.records_polled, counted, memory_order_relaxed);
    return rc;
}

static void
count_put(struct runtime *rt, int64_t put_us)
{
    struct task_counters *c = &rt->task->counters;
    size_t records = rt->batch.n_records;

    if (records == 0)
        return;
    atomic_fetch_add_explicit(&c->records_sent, records, memory_order_relaxed);
    atomic_fetch_add_explicit(&c->batches, 1, memory_order_relaxed);
    if (records > atomic_load_explicit(&c->batch_max, memory_order_relaxed))
        atomic_store_explicit(&c->batch_max, records, memory_order_relaxed);
    cv_histogram_record(&c->poll_us, (uint64_t)put_us);
}

/* Give the batch, maybe empty, to the plugin. */
static enum cv_rc
put(struct runtime *rt, struct cv_err *err)
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
        if (rt->parts[i].position != NO_OFFSET)
            rt->parts[i].put = rt->parts[i].position;
    batch_drop(rt);
    return CV_OK;
}

/* ---- subscription ---- */

static void
names_free(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

static int
by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Keep what the pattern matches, sorted; Kafka's own topics are not for sinks. */
static size_t
keep_matches(const struct cv_regex *regex, char **names, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        bool internal = strcmp(names[i], "__consumer_offsets") == 0 || strcmp(names[i], "__transaction_state") == 0;

        if (!internal && cv_regex_matches(regex, names[i], strlen(names[i])))
            names[kept++] = names[i];
        else
            free(names[i]);
    }
    if (kept > 0)
        qsort(names, kept, sizeof(*names), by_name);
    return kept;
}

static bool
same_names(char *const *a, size_t n_a, char *const *b, size_t n_b)
{
    if (n_a != n_b)
        return false;
    for (size_t i = 0; i < n_a; i++)
        if (strcmp(a[i], b[i]) != 0)
            return false;
    return true;
}

/* topics.regex: match the topics that there are now. */
static enum cv_rc
refresh_topics(struct runtime *rt, struct cv_err *err)
{
    char **names = NULL;
    size_t count = 0;

    if (rt->regex == NULL || cv_mono_ms() < rt->subscribe_due_ms)
        return CV_OK;
    rt->subscribe_due_ms = cv_mono_ms() + NO_MATCH_MS;
    if (cv_admin_topics(rt->task->spec.admin, LIST_TIMEOUT_MS, &names, &count, err) != CV_OK) {
        CV_LOG_WARN(rt->task->log, "could not list topics, trying again", CV_ERR(err));
        return CV_OK;
    }
    count = keep_matches(rt->regex, names, count);
    if (count > 0)
        rt->subscribe_due_ms = cv_mono_ms() + rt->metadata_ms;
    if (same_names(names, count, rt->subscribed, rt->n_subscribed)) {
        names_free(names, count);
        return CV_OK;
    }
    names_free(rt->subscribed, rt->n_subscribed);
    rt->subscribed = names;
    rt->n_subscribed = count;
    CV_LOG_INFO(rt->task->log, "topics match topics.regex", CV_INT("count", (int64_t)count));
    return cv_consumer_subscribe(rt->consumer, (const char *const *)names, count, err);
}

static enum cv_rc
subscribe_list(struct runtime *rt, struct cv_err *err)
{
    static const struct cv_config_def defs[] = { { .name = "topics", .type = CV_CONFIG_LIST, .def = "" },
                                                 CV_CONFIG_END };
    struct cv_config_errors errors = { .items = NULL };
    struct cv_list list = { .items = NULL };
    size_t n = 0;
    enum cv_rc rc = cv_config_parse(defs, rt->task->connector_config, &list, &errors, err);

    for (size_t i = 0; i < list.count && rc == CV_OK; i++) { /* each once, no empty names */
        bool again = list.items[i][0] == '\0';

        for (size_t k = 0; k < n && !again; k++)
            again = strcmp(list.items[k], list.items[i]) == 0;
        if (!again) {
            char *name = list.items[i];

            list.items[i] = list.items[n];
            list.items[n++] = name;
        }
    }
    if (rc == CV_OK && n == 0)
        rc = cv_fail(err, CV_INVALID, "topics: \"%s\" names no topic; name at least one, or set topics.regex",
                     cv_config_get(rt->task->connector_config, "topics"));
    if (rc == CV_OK)
        rc = cv_consumer_subscribe(rt->consumer, (const char *const *)list.items, n, err);
    cv_config_errors_done(&errors);
    cv_config_done(defs, &list);
    return rc;
}

static enum cv_rc
subscribe(struct runtime *rt, struct cv_err *err)
{
    const char *regex = cv_config_get(rt->task->connector_config, "topics.regex");

    if (regex == NULL || regex[0] == '\0')
        return subscribe_list(rt, err);
    if (cv_regex_new(regex, false, &rt->regex, err) != CV_OK)
        return cv_err_context(err, "topics.regex");
    return CV_OK;
}

/* ---- the loop ---- */

static void
show_state(struct runtime *rt)
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
poll_messages(struct runtime *rt, size_t *ret_count, struct cv_err *err)
{
    struct cv_consumed stray[16];
    size_t count = 0;
    enum cv_rc rc;

    *ret_count = 0;
    if (!rt->held) {
        rc = cv_consumer_poll(rt->consumer, rt->msgs, rt->max_msgs, 0, ret_count, err);
        if (rc == CV_OK)
            rt->n_msgs = *ret_count;
        return rc;
    }
    /* all partitions are paused, but new ones may have come inside this poll */
    rc = cv_consumer_poll(rt->consumer, stray, CV_COUNT(stray), 0, &count, err);
    if (rc != CV_OK)
        return rc;
    for (size_t i = 0; i < count; i++) {
        struct part *part = stray[i].eof ? NULL : find_part(rt, stray[i].topic, stray[i].partition);

        if (part != NULL && part->rewind == NO_OFFSET)
            part->rewind = stray[i].offset;
    }
    cv_consumed_free(stray, count);
    *ret_count = count;
    return CV_OK;
}

static void
wait_for_news(struct runtime *rt)
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

static enum cv_rc
step(struct runtime *rt, struct cv_err *err)
{
    size_t came = 0;

    show_state(rt);
    if (cv_mono_ms() >= rt->commit_due_ms)
        commit(rt, NULL, false);
    if (refresh_topics(rt, err) != CV_OK || apply_rewinds(rt, err) != CV_OK || apply_pauses(rt, err) != CV_OK ||
        poll_messages(rt, &came, err) != CV_OK)
        return err->rc;
    if (rt->rebalance_err.rc != CV_OK) {
        *err = rt->rebalance_err;
        return err->rc;
    }
    if (came == 0)
        wait_for_news(rt);
    if (rt->held)
        return cv_mono_ms() >= rt->put_due_ms ? put(rt, err) : CV_OK;
    if (convert_batch(rt, err) != CV_OK)
        return err->rc;
    return put(rt, err);
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
make_consumer(struct runtime *rt, struct cv_err *err)
{
    const struct cv_consumer_events events = { .arg = rt, .assigned = on_assigned, .revoked = on_revoked };
    struct task *task = rt->task;
    const char *group = cv_config_get(task->connector_config, "consumer.override.group.id");
    struct client_layers layers;
    struct cv_kafka_conf conf;
    char client_id[256], own_group[512];
    enum cv_rc rc;

    snprintf(client_id, sizeof(client_id), "connector-consumer-%s-%d", task->connector, task->spec.id);
    snprintf(own_group, sizeof(own_group), "connect-%s", task->connector);
    rc = client_layers_init(&layers, CV_KAFKA_CONSUMER, task->spec.worker_raw, task->connector_config, client_id,
                            &conf, err);
    if (rc != CV_OK)
        return rc;
    rc = cv_consumer_new(&conf, group != NULL ? group : own_group, &events, &rt->consumer, err);
    client_layers_done(&layers);
    if (rc == CV_OK)
        cv_consumer_notify(rt->consumer, &task->wake);
    return rc;
}

static enum cv_rc
make_pipeline(struct runtime *rt, struct cv_err *err)
{
    struct task *task = rt->task;
    struct pipeline_spec spec = { .plugins = task->spec.plugins,
                                  .worker = task->spec.worker_config,
                                  .worker_raw = task->spec.worker_raw,
                                  .connector = task->connector_config };

    return pipeline_new(&spec, &rt->pipe, err);
}

static void
wake_sink(struct task *task)
{
    const struct cv_sink_ops *ops = task->spec.plugin->sink;

    if (ops->wake != NULL)
        ops->wake(task->plugin_task);
}

static enum cv_rc
start(struct runtime *rt, struct cv_err *err)
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
    if (rt->used == NULL || rt->msgs == NULL || rt->origin == NULL)
        return cv_fail_memory(err);
    if (make_pipeline(rt, err) != CV_OK || make_consumer(rt, err) != CV_OK)
        return err->rc;
    if (rt->ops->start(&rt->ctx, task->task_config, &rt->sink, err) != CV_OK)
        return err->rc;
    task_set_wake(task, wake_sink, rt->sink);
    rt->commit_due_ms = cv_mono_ms() + task->spec.worker_config->offset_flush_interval_ms;
    return subscribe(rt, err);
}

/* Commit, close, free the plugin's task, leave the group. */
static void
stop(struct runtime *rt)
{
    task_set_wake(rt->task, NULL, NULL);
    if (rt->sink != NULL) {
        struct cv_topic_partitions all = { .items = calloc(rt->n_parts + 1, sizeof(*all.items)) };

        commit(rt, NULL, true);
        for (size_t i = 0; i < rt->n_parts && all.items != NULL; i++)
            all.items[all.count++] = (struct cv_topic_partition){
                .topic = rt->parts[i].topic, .partition = rt->parts[i].partition, .offset = rt->parts[i].put
            };
        tell(rt, rt->ops->close, &all);
        free(all.items);
        rt->ops->free(rt->sink);
        rt->sink = NULL;
    }
    batch_drop(rt);
    cv_consumer_free(rt->consumer);
    parts_remove(rt, NULL);
    free(rt->parts);
    names_free(rt->subscribed, rt->n_subscribed);
    cv_regex_free(rt->regex);
    pipeline_free(rt->pipe);
    cv_hash_free(rt->used);
    free(rt->msgs);
    free(rt->origin);
}

enum cv_rc
sink_task_run(struct task *task, struct cv_err *err)
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
    }
    stop(&rt);
    return rc;
}
