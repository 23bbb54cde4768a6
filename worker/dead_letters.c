/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dead letter queue.
 *
 * Letters are copied, since the messages that they are made of go with their batch, into chunks that are freed when
 * all letters of the chunk have been delivered.
 *
 * Source: org.apache.kafka.connect.runtime.errors.DeadLetterQueueReporter. There a letter that cannot be written is
 * logged and lost; here it fails the task.
 */
#include <config.h>

#include "worker/dead_letters.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/arena.h"
#include "common/kafka/admin.h"
#include "common/kafka/consumer.h"
#include "common/kafka/producer.h"
#include "common/log.h"
#include "common/number.h"
#include "worker/clients.h"

#define TOPIC_TIMEOUT_MS    30000
#define REPLICATION_DEFAULT 3
#define CHUNK_LETTERS       256
#define ROOM_WAIT_MS        100
#define CONTEXT_HEADERS     10

/* Letters that are freed together. */
struct chunk {
    struct cv_delivery delivery; /* first: done gets it */
    struct dead_letters *dlq;
    struct cv_arena *arena;
    size_t letters;
};

struct dead_letters {
    struct dead_letters_spec spec;
    const char *topic;
    bool context_headers;
    struct cv_producer *producer;
    struct cv_producer_topic *handle;
    struct chunk *open; /* being filled; NULL: none */
    struct cv_err failure; /* the first letter that Kafka refused */
};

/* ---- making ---- */

static int32_t
replication_of(const struct cv_config *cfg)
{
    const char *text = cv_config_get(cfg, "errors.deadletterqueue.topic.replication.factor");
    int64_t value;

    return text != NULL && cv_parse_i64(text, strlen(text), &value) ? (int32_t)value : REPLICATION_DEFAULT;
}

static enum cv_rc
ensure_topic(struct dead_letters *dlq, struct cv_err *err)
{
    const struct cv_topic_spec topic = { .name = dlq->topic, .partitions = 1,
                                         .replication = replication_of(dlq->spec.config) };
    struct cv_admin *own = NULL, *admin;
    int32_t partitions;
    char client_id[256];
    bool created;
    enum cv_rc rc;

    snprintf(client_id, sizeof(client_id), "connector-adminclient-%s-%d", dlq->spec.connector, dlq->spec.task);
    rc = client_admin_override(dlq->spec.worker_raw, dlq->spec.config, client_id, &own, err);
    if (rc != CV_OK)
        return rc;
    admin = own != NULL ? own : dlq->spec.admin;
    rc = cv_admin_topic_partitions(admin, dlq->topic, TOPIC_TIMEOUT_MS, &partitions, err);
    if (rc == CV_NOT_FOUND) {
        rc = cv_admin_topic_create(admin, &topic, TOPIC_TIMEOUT_MS, &created, err);
        if (rc == CV_OK && created)
            CV_LOG_INFO(dlq->spec.log, "dead letter queue created", CV_STR("topic", dlq->topic));
    }
    cv_admin_free(own);
    return rc;
}

static enum cv_rc
make_producer(struct dead_letters *dlq, struct cv_err *err)
{
    struct client_layers layers;
    struct cv_kafka_conf conf;
    char client_id[256];
    enum cv_rc rc;

    snprintf(client_id, sizeof(client_id), "connector-dlq-producer-%s-%d", dlq->spec.connector, dlq->spec.task);
    rc = client_layers_init(&layers, CV_KAFKA_PRODUCER, dlq->spec.worker_raw, dlq->spec.config, client_id, &conf, err);
    if (rc != CV_OK)
        return rc;
    rc = cv_producer_new(&conf, NULL, &dlq->producer, err);
    if (rc == CV_OK && client_layers_differ(&layers))
        rc = cv_producer_open(dlq->producer, err);
    client_layers_done(&layers);
    if (rc == CV_OK)
        rc = cv_producer_topic(dlq->producer, dlq->topic, &dlq->handle, err);
    return rc;
}

enum cv_rc
dead_letters_new(const struct dead_letters_spec *spec, struct dead_letters **ret, struct cv_err *err)
{
    const char *topic = cv_config_get(spec->config, "errors.deadletterqueue.topic.name");
    const char *headers = cv_config_get(spec->config, "errors.deadletterqueue.context.headers.enable");
    struct dead_letters *dlq;

    *ret = NULL;
    if (topic == NULL || topic[0] == '\0')
        return CV_OK;
    dlq = calloc(1, sizeof(*dlq));
    if (dlq == NULL)
        return cv_fail_memory(err);
    dlq->spec = *spec;
    dlq->topic = topic;
    dlq->context_headers = headers != NULL && strcasecmp(headers, "true") == 0;
    if (ensure_topic(dlq, err) != CV_OK || make_producer(dlq, err) != CV_OK) {
        dead_letters_free(dlq);
        return cv_err_context(err, "Could not initialize dead letter queue with topic=%s", topic);
    }
    *ret = dlq;
    return CV_OK;
}

static void
close_chunk(struct dead_letters *dlq)
{
    struct chunk *chunk = dlq->open;

    dlq->open = NULL;
    if (chunk != NULL)
        cv_delivery_release(&chunk->delivery);
}

void
dead_letters_free(struct dead_letters *dlq)
{
    if (dlq == NULL)
        return;
    close_chunk(dlq);
    cv_producer_free(dlq->producer, 0);
    free(dlq);
}

/* ---- letters ---- */

static void
on_delivered(struct cv_delivery *delivery)
{
    struct chunk *chunk = cv_container_of(delivery, struct chunk, delivery);
    struct dead_letters *dlq = chunk->dlq;

    if (delivery->failed > 0) {
        atomic_fetch_add_explicit(dlq->spec.failures, delivery->failed, memory_order_relaxed);
        CV_LOG_ERROR(dlq->spec.log, "could not write to the dead letter queue", CV_STR("topic", dlq->topic),
                     CV_INT("letters", (int64_t)delivery->failed), CV_ERR(&delivery->err));
        if (dlq->failure.rc == CV_OK)
            dlq->failure = delivery->err;
    }
    cv_arena_free(chunk->arena);
    free(chunk);
}

static enum cv_rc
check_failure(const struct dead_letters *dlq, struct cv_err *err)
{
    if (dlq->failure.rc == CV_OK)
        return CV_OK;
    return cv_fail(err, dlq->failure.rc == CV_RETRY ? CV_INTERNAL : dlq->failure.rc,
                   "could not write to the dead letter queue \"%s\": %s", dlq->topic, dlq->failure.text);
}

static enum cv_rc
open_chunk(struct dead_letters *dlq, struct cv_err *err)
{
    struct chunk *chunk;

    if (dlq->open != NULL && dlq->open->letters == CHUNK_LETTERS)
        close_chunk(dlq);
    if (dlq->open != NULL)
        return CV_OK;
    chunk = calloc(1, sizeof(*chunk));
    if (chunk == NULL || (chunk->arena = cv_arena_new(NULL)) == NULL) {
        free(chunk);
        return cv_fail_memory(err);
    }
    chunk->dlq = dlq;
    cv_delivery_init(&chunk->delivery, on_delivered);
    dlq->open = chunk;
    return CV_OK;
}

static bool
copy_bytes(struct cv_arena *arena, const struct cv_bytes *from, struct cv_bytes *to)
{
    *to = (struct cv_bytes){ 0 };
    if (from->data == NULL)
        return true;
    to->data = cv_arena_dup(arena, from->data, from->len);
    to->len = from->len;
    return to->data != NULL;
}

/* Failures have no class here: the nearest of Kafka Connect's. */
static const char *
exception_of(const struct cv_err *why)
{
    switch (why->rc) {
    case CV_RETRY:
        return "org.apache.kafka.connect.errors.RetriableException";
    case CV_INVALID:
        return "org.apache.kafka.connect.errors.DataException";
    default:
        return "org.apache.kafka.connect.errors.ConnectException";
    }
}

static bool
add_text(struct cv_arena *arena, struct cv_raw_header *items, size_t *inout_count, const char *name, const char *text)
{
    size_t len = strlen(text);
    struct cv_raw_header *header = &items[(*inout_count)++];

    header->name = name;
    header->value = (struct cv_bytes){ cv_arena_dup(arena, text, len), len };
    return header->value.data != NULL;
}

static bool
add_number(struct cv_arena *arena, struct cv_raw_header *items, size_t *inout_count, const char *name, int64_t number)
{
    char text[32];

    snprintf(text, sizeof(text), "%" PRId64, number);
    return add_text(arena, items, inout_count, name, text);
}

static bool
add_context(const struct dead_letters *dlq, struct cv_arena *arena, struct cv_raw_header *items, size_t *n,
            const struct cv_consumed *msg, enum pipeline_stage stage, const char *class_name, const struct cv_err *why)
{
    char trace[sizeof(why->text) + 128];

    snprintf(trace, sizeof(trace), "%s: %s\n", exception_of(why), why->text);
    return add_text(arena, items, n, "__connect.errors.topic", msg->topic) &&
           add_number(arena, items, n, "__connect.errors.partition", msg->partition) &&
           add_number(arena, items, n, "__connect.errors.offset", msg->offset) &&
           add_text(arena, items, n, "__connect.errors.connector.name", dlq->spec.connector) &&
           add_number(arena, items, n, "__connect.errors.task.id", dlq->spec.task) &&
           add_text(arena, items, n, "__connect.errors.stage", pipeline_stage_name(stage)) &&
           add_text(arena, items, n, "__connect.errors.class.name", class_name) &&
           add_text(arena, items, n, "__connect.errors.exception.class.name", exception_of(why)) &&
           add_text(arena, items, n, "__connect.errors.exception.message", why->text) &&
           add_text(arena, items, n, "__connect.errors.exception.stacktrace", trace);
}

/* The message's own headers, and room for more behind them. *ret_items NULL: memory is out. */
static void
copy_headers(struct cv_arena *arena, const struct cv_consumed *msg, size_t more, struct cv_raw_header **ret_items,
             size_t *ret_count)
{
    struct cv_raw_header *items;
    struct cv_bytes value;
    const char *name;
    size_t count = 0, n = 0;

    while (cv_consumed_header(msg, count, &name, &value))
        count++;
    *ret_items = NULL;
    items = cv_arena_alloc(arena, (count + more + 1) * sizeof(*items));
    while (items != NULL && n < count && cv_consumed_header(msg, n, &name, &value)) {
        items[n].name = cv_arena_strdup(arena, name);
        if (items[n].name == NULL || !copy_bytes(arena, &value, &items[n].value))
            return;
        n++;
    }
    *ret_items = items;
    *ret_count = n;
}

enum cv_rc
dead_letters_send(struct dead_letters *dlq, const struct cv_consumed *msg, enum pipeline_stage stage,
                  const char *class_name, const struct cv_err *why, struct cv_err *err)
{
    struct cv_raw_header *items;
    struct cv_raw_headers *headers;
    struct cv_bytes key, value;
    struct cv_arena *arena;
    size_t count = 0;
    enum cv_rc rc;

    if (check_failure(dlq, err) != CV_OK || open_chunk(dlq, err) != CV_OK)
        return err->rc;
    arena = dlq->open->arena;
    headers = cv_arena_zalloc(arena, sizeof(*headers));
    copy_headers(arena, msg, CONTEXT_HEADERS, &items, &count);
    if (headers == NULL || items == NULL || !copy_bytes(arena, &msg->key, &key) ||
        !copy_bytes(arena, &msg->value, &value) ||
        (dlq->context_headers && !add_context(dlq, arena, items, &count, msg, stage, class_name, why)))
        return cv_fail_memory(err);
    headers->items = items;
    headers->count = count;
    while ((rc = cv_producer_send(dlq->producer, dlq->handle, CV_NO_PARTITION, key, value,
                                  count > 0 ? headers : NULL, msg->timestamp_ms, &dlq->open->delivery, err)) ==
               CV_RETRY &&
           !atomic_load_explicit(dlq->spec.stop, memory_order_relaxed))
        cv_producer_poll(dlq->producer, ROOM_WAIT_MS);
    if (rc != CV_OK)
        return rc == CV_RETRY ? rc : cv_err_context(err, "could not write to the dead letter queue \"%s\"", dlq->topic);
    dlq->open->letters++;
    atomic_fetch_add_explicit(dlq->spec.letters, 1, memory_order_relaxed);
    return CV_OK;
}

void
dead_letters_poll(struct dead_letters *dlq)
{
    cv_producer_poll(dlq->producer, 0);
}

enum cv_rc
dead_letters_wait(struct dead_letters *dlq, int timeout_ms, struct cv_err *err)
{
    enum cv_rc rc;

    close_chunk(dlq);
    rc = cv_producer_flush(dlq->producer, timeout_ms, err);
    if (rc != CV_OK)
        return cv_err_context(err, "dead letter queue \"%s\"", dlq->topic);
    return check_failure(dlq, err);
}
