/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A source task's batches on their way to Kafka: topics found and made, records transformed and converted, messages
 * sent without a copy, batches freed at the head of the queue when their last message is delivered.
 */
#include <config.h>

#include "worker/source_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/kafka/admin.h"
#include "common/log.h"
#include "common/map.h"
#include "worker/clients.h"
#include "worker/connector_offsets.h"
#include "worker/topic_creation.h"
#include "worker/worker_config.h"

#define TOPIC_RETRY_MS 1000
#define ASK_TIMEOUT_MS 1000 /* Kafka, for a topic */
#define ASK_AGAIN_MS   100
#define LIMIT_TIMEOUT_MS 2000
#define SAY_AFTER_MS   1000 /* where brokers make topics by themselves, that takes a moment */

static struct cv_topic dropped; /* the chain drops this topic's records */

/* ---- topics ---- */

void
source_topic_free(void *arg)
{
    struct cv_topic *topic = arg;

    if (topic == NULL)
        return;
    free(topic->source);
    free(topic->name);
    free(topic);
}

/* A failure names it: a topic may be far from the table that its records come from. */
static enum cv_rc
note_source(struct cv_topic *topic, const char *name, struct cv_err *err)
{
    if (topic->source != NULL) {
        topic->several |= strcmp(topic->source, name) != 0;
        return CV_OK;
    }
    topic->source = strdup(name);
    return topic->source == NULL ? cv_fail_memory(err) : CV_OK;
}

/* The connector's own admin: it may be another cluster, or another user, that topics are made in. */
static enum cv_rc
make_admin(struct source_runtime *rt, struct cv_err *err)
{
    struct client_layers layers;
    struct cv_kafka_conf conf;
    char client_id[256];
    enum cv_rc rc;

    if (rt->admin != NULL)
        return CV_OK;
    snprintf(client_id, sizeof(client_id), "connector-adminclient-%s-%d", rt->task->connector, rt->task->spec.id);
    rc = client_layers_init(&layers, CV_KAFKA_ADMIN, rt->task->spec.worker_raw, rt->task->connector_config, client_id,
                            &conf, err);
    if (rc == CV_OK) {
        rc = cv_admin_new(&conf, &rt->admin, err);
        client_layers_done(&layers);
    }
    return rc;
}

static bool
has_own_admin(const struct source_runtime *rt)
{
    static const char *const prefixes[] = { "admin.", "admin.override." };
    const struct cv_config *layers[] = { rt->task->spec.worker_raw, rt->task->connector_config };

    for (size_t l = 0; l < CV_COUNT(layers); l++)
        for (size_t i = 0; i < cv_config_count(layers[l]); i++)
            if (strncmp(cv_config_key(layers[l], i), prefixes[l], strlen(prefixes[l])) == 0 &&
                strncmp(cv_config_key(layers[l], i), "admin.listeners", strlen("admin.listeners")) != 0)
                return true;
    return false;
}

/* May take a while: brokers that are missing come back. */
static enum cv_rc
create_topics(struct source_runtime *rt, const char *const *names, size_t count, bool *created, struct cv_err *err)
{
    struct cv_admin *admin = rt->task->spec.admin;
    enum cv_rc rc;

    if (has_own_admin(rt)) {
        if (make_admin(rt, err) != CV_OK)
            return err->rc;
        admin = rt->admin;
    }
    while ((rc = topic_creation_ensure(rt->creation, admin, names, count, created, err)) == CV_RETRY &&
           !task_stopping(rt->task)) {
        int64_t until = cv_mono_ms() + TOPIC_RETRY_MS;

        CV_LOG_WARN(rt->task->log, "topics could not be made, trying again", CV_ERR(err));
        while (cv_mono_ms() < until && !task_stopping(rt->task))
            if (source_wait_for_room(rt, err) != CV_OK)
                return err->rc;
    }
    for (size_t i = 0; i < count && rc == CV_OK; i++)
        if (created[i])
            CV_LOG_INFO(rt->task->log, "topic created", CV_STR("topic", names[i]));
    return rc;
}

static bool
makes_topics(const struct source_runtime *rt)
{
    return rt->creation != NULL && rt->task->spec.worker_config->topic_creation_enable;
}

/* The topic by Kafka's name. If it may have to be made it has no handle before something is sent there. */
static enum cv_rc
open_topic(struct source_runtime *rt, const char *name, struct cv_topic **ret, struct cv_err *err)
{
    struct cv_topic *topic = cv_hash_get(rt->topics, name);

    if (topic != NULL) {
        *ret = topic;
        return CV_OK;
    }
    if (rt->txn.on && strcmp(name, connector_offsets_topic(rt->offsets)) == 0)
        return cv_fail(err, CV_INVALID,
                       "a source task with exactly-once support cannot write to its own offsets topic \"%s\"", name);
    topic = calloc(1, sizeof(*topic));
    if (topic == NULL || (topic->name = strdup(name)) == NULL) {
        source_topic_free(topic);
        return cv_fail_memory(err);
    }
    if (!makes_topics(rt) && cv_producer_topic(rt->producer, name, &topic->handle, err) != CV_OK) {
        source_topic_free(topic);
        return err->rc;
    }
    if (!cv_hash_put(rt->topics, name, topic)) {
        source_topic_free(topic);
        return cv_fail_memory(err);
    }
    rt->n_unopened += topic->handle == NULL;
    *ret = topic;
    return CV_OK;
}

/* Of the topics that the batch goes to those without handle, each once. */
static size_t
collect_unopened(const struct cv_batch *batch, struct cv_topic **topics, size_t max)
{
    size_t count = 0;

    for (size_t i = 0; i < batch->n_messages && count < max; i++) {
        struct cv_topic *topic = batch->messages[i].topic;

        if (topic->handle == NULL && !topic->opening) {
            topic->opening = true;
            topics[count++] = topic;
        }
    }
    for (size_t i = 0; i < count; i++)
        topics[i]->opening = false;
    return count;
}

/* All topics that the batch is the first to go to: made together, as one by one each would be waited for. */
static enum cv_rc
open_unopened(struct source_runtime *rt, const struct cv_batch *batch, struct cv_err *err)
{
    struct cv_topic **topics = calloc(rt->n_unopened, sizeof(*topics));
    const char **names = calloc(rt->n_unopened, sizeof(*names));
    bool *created = calloc(rt->n_unopened, sizeof(*created));
    size_t count = topics != NULL ? collect_unopened(batch, topics, rt->n_unopened) : 0;
    enum cv_rc rc = topics == NULL || names == NULL || created == NULL ? cv_fail_memory(err) : CV_OK;

    for (size_t i = 0; i < count && rc == CV_OK; i++)
        names[i] = topics[i]->name;
    if (rc == CV_OK && count > 0)
        rc = create_topics(rt, names, count, created, err);
    for (size_t i = 0; i < count && rc == CV_OK; i++) {
        rc = cv_producer_topic(rt->producer, names[i], &topics[i]->handle, err);
        rt->n_unopened -= rc == CV_OK;
        topics[i]->found = true;
    }
    free(topics);
    free(names);
    free(created);
    return rc;
}

struct cv_topic *
source_ctx_topic(struct cv_source_ctx *ctx, const char *name, struct cv_err *err)
{
    struct source_runtime *rt = cv_container_of(ctx, struct source_runtime, ctx);
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
    if (rc == CV_OK && topic != NULL)
        rc = note_source(topic, name, err);
    if (rc == CV_OK && !cv_hash_put(rt->routes, name, routed == NULL ? &dropped : topic))
        rc = cv_fail_memory(err);
    cv_arena_free(arena);
    return rc == CV_OK ? topic : NULL;
}

/* ---- chunks ---- */

static void
on_delivered(struct cv_delivery *delivery)
{
    cv_container_of(delivery, struct source_chunk, delivery)->delivered = true;
}

struct source_chunk *
source_chunk_new(struct source_runtime *rt)
{
    struct source_chunk *chunk = calloc(1, sizeof(*chunk));

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

void
source_chunk_free(struct source_chunk *chunk)
{
    cv_arena_free(chunk->batch.arena);
    free(chunk);
}

/* Messages that Kafka did not take: errors.tolerance=all goes on without them. In a transaction nothing can be left
   out, as its commit fails. */
static bool
does_without(struct source_runtime *rt, size_t messages, struct cv_err *err)
{
    const struct tolerance_failure failure = { .stage = STAGE_KAFKA_PRODUCE,
                                               .class_name = pipeline_class(rt->pipe, STAGE_KAFKA_PRODUCE) };

    if (!rt->task->tolerance.skip || rt->txn.on)
        return false;
    for (size_t i = 0; i < messages; i++)
        if (!tolerance_skips(&rt->task->tolerance, &failure, err))
            return false;
    return true;
}

static void
append_source(const struct cv_topic *topic, struct cv_err *err)
{
    if (topic->source != NULL && strcmp(topic->source, topic->name) != 0)
        (void)cv_fail(err, err->rc, "%s; \"%s\"%s goes there", err->text, topic->source,
                      topic->several ? " among others" : "");
}

static void
count_active(struct task *task, int64_t change)
{
    uint_fast64_t active = atomic_fetch_add_explicit(&task->counters.records_active, (uint_fast64_t)change,
                                                     memory_order_relaxed) +
                           (uint_fast64_t)change;

    task_record(task, WINDOW_ACTIVE, (double)active);
}

/* What the producer cannot know: whose records they are, and how much the topic takes. */
static void
tell_more(struct source_runtime *rt, const struct cv_delivery *delivery, struct cv_err *err)
{
    const struct cv_topic *topic = delivery->failed_topic == NULL ? NULL : cv_hash_get(rt->topics, delivery->failed_topic);
    char *limit = NULL;
    struct cv_err none;

    if (delivery->too_large && cv_admin_topic_config(rt->task->spec.admin, delivery->failed_topic, "max.message.bytes",
                                                     LIMIT_TIMEOUT_MS, &limit, &none) == CV_OK)
        (void)cv_fail(err, err->rc, "%s; it takes %s", err->text, limit);
    free(limit);
    if (topic != NULL)
        append_source(topic, err);
}

enum cv_rc
source_retire(struct source_runtime *rt, struct cv_err *err)
{
    struct task_counters *c = &rt->task->counters;

    while (rt->head != NULL && rt->head->delivered) {
        struct source_chunk *chunk = rt->head;

        if (chunk->delivery.err.rc != CV_OK) {
            *err = chunk->delivery.err;
            cv_err_context(err, "could not write to Kafka");
            tell_more(rt, &chunk->delivery, err);
            if (!does_without(rt, chunk->delivery.failed, err))
                return err->rc;
        }
        for (size_t i = 0; i < chunk->batch.n_offsets; i++)
            if (source_offsets_put(&rt->committable, &chunk->batch.offsets[i], err) != CV_OK)
                return err->rc;
        atomic_fetch_add_explicit(&c->records_sent, chunk->messages - chunk->delivery.failed, memory_order_relaxed);
        task_record(rt->task, WINDOW_SENT, (double)(chunk->messages - chunk->delivery.failed));
        count_active(rt->task, -(int64_t)chunk->messages);
        rt->head = chunk->next;
        if (rt->head == NULL)
            rt->tail = NULL;
        source_chunk_free(chunk);
    }
    return source_offsets_compact(&rt->committable, err);
}

/* ---- producing ---- */

enum cv_rc
source_wait_for_room(struct source_runtime *rt, struct cv_err *err)
{
    cv_producer_poll(rt->producer, SOURCE_FULL_WAIT_MS);
    if (source_retire(rt, err) != CV_OK || source_commit_finish(rt, err) != CV_OK)
        return err->rc;
    task_answer_calls(rt->task, rt->source);
    return rt->ops->poll(rt->source, NULL, 0, err);
}

static void
say_missing(struct source_runtime *rt, const struct cv_topic *topic)
{
    if (rt->task->spec.worker_config->topic_creation_enable)
        CV_LOG_WARN(rt->task->log,
                    "the topic does not exist; waiting until it is created: by hand, or by the connector "
                    "with topic.creation.default.partitions and topic.creation.default.replication.factor",
                    CV_STR("topic", topic->name));
    else
        CV_LOG_WARN(rt->task->log, "the topic does not exist; waiting until it is created: by hand, as "
                    "topic.creation.enable is false in the worker's file", CV_STR("topic", topic->name));
}

/*
 * Before the first message to a topic: as in Java's client it waits, however long, until the topic is there. librdkafka
 * would fail the message after half a minute, and with it the task. Whatever else is wrong, sending it tells.
 */
static enum cv_rc
await_topic(struct source_runtime *rt, struct cv_topic *topic, struct cv_err *err)
{
    int64_t say_ms = cv_mono_ms() + SAY_AFTER_MS;
    bool said = false;
    int32_t count;
    enum cv_rc rc;

    while (!topic->found) {
        rc = cv_producer_partitions(rt->producer, topic->name, ASK_TIMEOUT_MS, &count, err);
        if (rc == CV_INVALID) /* no name of a topic, no right to it */
            return cv_err_context(err, "could not write to Kafka");
        topic->found = rc != CV_NOT_FOUND && rc != CV_RETRY;
        if (topic->found)
            break;
        if (!said && rc == CV_NOT_FOUND && cv_mono_ms() >= say_ms) {
            say_missing(rt, topic);
            said = true;
        }
        if (task_stopping(rt->task))
            return err->rc = CV_RETRY;
        cv_wake_wait(&rt->task->wake, cv_mono_ms() + ASK_AGAIN_MS);
        if (source_wait_for_room(rt, err) != CV_OK)
            return err->rc;
    }
    if (said)
        CV_LOG_INFO(rt->task->log, "the topic is there", CV_STR("topic", topic->name));
    return CV_OK;
}

static enum cv_rc
send_message(struct source_runtime *rt, struct source_chunk *chunk, const struct cv_message *msg, struct cv_err *err)
{
    struct cv_topic *topic = msg->topic;
    unsigned resets = atomic_load_explicit(rt->task->spec.topic_resets, memory_order_relaxed);
    enum cv_rc rc;

    if (await_topic(rt, topic, err) != CV_OK)
        return err->rc;
    if (topic->used != resets + 1) {
        topic->used = resets + 1;
        rt->task->spec.topic_used(rt->task->spec.arg, rt->task->connector, rt->task->spec.id, topic->name);
    }
    if (rt->txn.on && source_transaction_begin(rt, err) != CV_OK)
        return err->rc;
    while ((rc = cv_producer_send(rt->producer, topic->handle, msg->partition, msg->key, msg->value,
                                  msg->headers, msg->timestamp_ms, &chunk->delivery, err)) == CV_RETRY) {
        if (task_stopping(rt->task))
            return CV_RETRY;
        if (source_wait_for_room(rt, err) != CV_OK)
            return err->rc;
    }
    if (rc != CV_OK) {
        cv_err_context(err, "could not write to topic \"%s\"", topic->name);
        append_source(topic, err);
        return rc == CV_INVALID && does_without(rt, 1, err) ? CV_OK : rc;
    }
    rt->txn.records++;
    return CV_OK;
}

/* Transform and convert one record, and append it to the batch as a message. */
static enum cv_rc
convert_record(struct source_runtime *rt, struct cv_batch *batch, struct cv_record *rec, struct cv_err *err)
{
    struct cv_message bytes = { 0 }, *msg;
    enum pipeline_stage stage = STAGE_TRANSFORMATION;
    const char *source = rec->topic;
    struct cv_topic *topic;
    bool keep = true;
    enum cv_rc rc;

    if (rec->timestamp_ms < 0 && rec->timestamp_ms != CV_NO_TIMESTAMP)
        return cv_fail(err, CV_INVALID, "Invalid record timestamp %lld", (long long)rec->timestamp_ms);
    rc = pipeline_transform(rt->pipe, batch->arena, rec, &keep, err);
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
    if (open_topic(rt, rec->topic, &topic, err) != CV_OK || note_source(topic, source, err) != CV_OK)
        return err->rc;
    msg = cv_batch_add_message(batch);
    if (msg == NULL)
        return cv_fail_memory(err);
    *msg = bytes;
    msg->topic = topic;
    return CV_OK;
}

enum cv_rc
source_produce(struct source_runtime *rt, struct source_chunk *chunk, struct cv_err *err)
{
    struct cv_batch *batch = &chunk->batch;
    struct cv_err unsent = CV_ERR_INIT;
    enum cv_rc rc = CV_OK, sent = CV_OK;

    for (size_t i = 0; i < batch->n_records && rc == CV_OK; i++)
        rc = convert_record(rt, batch, &batch->records[i], err);
    if (rt->tail != NULL)
        rt->tail->next = chunk;
    else
        rt->head = chunk;
    rt->tail = chunk;
    chunk->messages = batch->n_messages;
    count_active(rt->task, (int64_t)chunk->messages);
    if (rt->n_unopened > 0)
        sent = open_unopened(rt, batch, &unsent);
    /* What stands before a record that cannot be converted goes out all the same, as in Connect. */
    for (size_t i = 0; i < batch->n_messages && sent == CV_OK; i++)
        sent = send_message(rt, chunk, &batch->messages[i], &unsent);
    if (rc == CV_OK && sent != CV_OK) {
        *err = unsent;
        rc = sent;
    }
    if (rc != CV_OK)
        batch->n_offsets = 0; /* it did not go out whole */
    cv_delivery_release(&chunk->delivery);
    return rc;
}
