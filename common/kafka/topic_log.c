/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread owns the consumer and the producer and sleeps on one wake-up that both, and other
 * threads' sends, signal. Everything that other threads touch (requests, positions, the failure) is
 * guarded by the lock.
 *
 * A position moves behind each record once its handler returned, and with EOF events, which are the
 * only news of transaction markers and of what compaction took away. The end to compare with comes
 * from the admin handle, which reads uncommitted: a read_committed log then waits for open
 * transactions, as Kafka's own does.
 *
 * The producer is not idempotent and has one request in flight: order is kept, a repeated record
 * does no harm in a compacted topic, and there is no fatal error to recover from.
 */
#include "common/kafka/topic_log_private.h"

#include "common/clock.h"
#include "common/kafka/compacted_topic.h"

#include <stdlib.h>
#include <string.h>

#define RETRY_MS        250
#define SAY_EVERY_MS    5000
#define APPEAR_MS       30000 /* a created topic may take that long to show in the metadata */
#define POLL_BATCH      100
#define LAYERS_MAX      6
#define READ_TIMEOUT_MS 1000

/* -- The log's thread -- */

static void
on_delivered(struct cv_delivery *delivery)
{
    struct topic_log_request *req = cv_container_of(delivery, struct topic_log_request, delivery);

    topic_log_finish(req, delivery->err.rc != CV_OK ? &delivery->err : NULL);
}

/* Hand requests to the producer until it is full. Whether there was anything to do. */
static bool
pump_requests(struct cv_topic_log *log)
{
    struct cv_err err = CV_ERR_INIT;
    struct topic_log_request *req;
    bool worked = false;
    enum cv_rc rc;

    while ((req = topic_log_next_unsent(log)) != NULL) {
        cv_delivery_init(&req->delivery, on_delivered);
        rc = cv_producer_send(log->producer, log->produce_to, CV_NO_PARTITION, req->key, req->value,
                              NULL, CV_NO_TIMESTAMP, &req->delivery, &err);
        if (rc == CV_RETRY)
            break;
        cv_lock(&log->lock);
        log->unsent = req->next;
        cv_unlock(&log->lock);
        if (rc != CV_OK)
            req->delivery.err = err;
        cv_delivery_release(&req->delivery);
        worked = true;
    }
    return worked;
}

static void
consumer_failed(struct cv_topic_log *log, const struct cv_err *err)
{
    uint64_t suppressed;

    if (cv_log_limit(&log->failure_limit, SAY_EVERY_MS, &suppressed))
        CV_LOG_ERROR(log->logger, "could not follow a topic", CV_STR("topic", log->topic),
                     CV_ERR(err), CV_INT("suppressed", suppressed));
    cv_lock(&log->lock);
    log->failure = *err;
    cv_cond_signal(&log->changed);
    cv_unlock(&log->lock);
}

static bool
drain_consumer(struct cv_topic_log *log)
{
    struct cv_err err = CV_ERR_INIT;
    size_t count = 0;

    if (cv_consumer_poll(log->consumer, log->batch, POLL_BATCH, 0, &count, &err) != CV_OK) {
        consumer_failed(log, &err);
        return false;
    }
    if (count == 0)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!log->batch[i].eof)
            log->handler(log->arg, &log->batch[i]);
    cv_lock(&log->lock);
    for (size_t i = 0; i < count; i++) {
        const struct cv_consumed *rec = &log->batch[i];
        int64_t next = rec->eof ? rec->offset : rec->offset + 1;

        if (rec->partition < log->partitions && next > log->positions[rec->partition])
            log->positions[rec->partition] = next;
        if (rec->eof && rec->partition < log->partitions)
            log->ended[rec->partition] = true;
    }
    log->failure.rc = CV_OK;
    cv_cond_signal(&log->changed);
    cv_unlock(&log->lock);
    cv_consumed_free(log->batch, count);
    return true;
}

/* Write what can be written until the deadline; what is left is told that it was not. */
static void
wind_down(struct cv_topic_log *log)
{
    int64_t deadline = log->stop_deadline_ms;
    struct cv_err err = CV_ERR_INIT;
    struct topic_log_request *req;
    int64_t left;

    for (;;) {
        (void)pump_requests(log);
        left = deadline - cv_mono_ms();
        if ((topic_log_next_unsent(log) == NULL && cv_producer_queued(log->producer) == 0) || left <= 0)
            break;
        cv_producer_poll(log->producer, (int)left);
    }
    cv_producer_free(log->producer, 0);
    log->producer = NULL;
    (void)cv_fail(&err, CV_RETRY, "topic \"%s\" was closed before the record was written",
                  log->topic);
    while ((req = topic_log_next_unsent(log)) != NULL) {
        cv_lock(&log->lock);
        log->unsent = req->next;
        cv_unlock(&log->lock);
        topic_log_finish(req, &err);
    }
    cv_consumer_free(log->consumer);
    log->consumer = NULL;
}

static void
run(void *arg)
{
    struct cv_topic_log *log = arg;
    bool stopping = false;

    while (!stopping) {
        bool worked = drain_consumer(log);

        worked |= pump_requests(log);
        worked |= cv_producer_poll(log->producer, 0) > 0;
        cv_lock(&log->lock);
        stopping = log->stopping;
        cv_unlock(&log->lock);
        if (!worked && !stopping)
            (void)cv_wake_wait(&log->wake, cv_mono_ms() + TOPIC_LOG_IDLE_MS);
    }
    wind_down(log);
}

/* -- Start -- */

static bool
stopped(const atomic_bool *stop)
{
    return stop != NULL && atomic_load(stop);
}

/* Kafka is away or not ready: say so now and then, wait a little. False: the caller was told to
 * stop. */
static bool
wait_for_kafka(struct cv_topic_log *log, const atomic_bool *stop, struct cv_log_limit *limit,
               const struct cv_err *err)
{
    uint64_t suppressed;

    if (stopped(stop))
        return false;
    if (cv_log_limit(limit, SAY_EVERY_MS, &suppressed))
        CV_LOG_WARN(log->logger, "waiting for Kafka", CV_STR("topic", log->topic), CV_ERR(err));
    (void)cv_wake_wait(&log->wake, cv_mono_ms() + RETRY_MS);
    return !stopped(stop);
}

static enum cv_rc
find_topic_patiently(struct cv_topic_log *log, const struct cv_topic_log_spec *spec,
                     const atomic_bool *stop, struct cv_err *err)
{
    struct cv_log_limit limit = { 0 };
    int64_t missing_since = -1;
    enum cv_rc rc;

    while ((rc = kafka_compacted_topic(log->admin, &spec->topic, spec->max_partitions, log->logger,
                                       &log->partitions, &log->created, err)) != CV_OK) {
        if (rc == CV_NOT_FOUND) {
            if (missing_since < 0)
                missing_since = cv_mono_ms();
            if (cv_mono_ms() - missing_since > APPEAR_MS)
                return rc;
        } else if (rc != CV_RETRY) {
            return rc;
        }
        if (!wait_for_kafka(log, stop, &limit, err))
            return cv_fail(err, CV_RETRY, "stopped while waiting for topic \"%s\"", log->topic);
    }
    return CV_OK;
}

/* The caller's layers between our own defaults and what must not be changed. Freed by conf_done. */
static enum cv_rc
conf_init(struct cv_kafka_conf *ret, const struct cv_kafka_conf *conf, enum cv_kafka_role role,
          const char *const (*under)[2], const char *const (*over)[2], struct cv_err *err)
{
    struct cv_config *weak = cv_config_new(), *strong = cv_config_new();
    enum cv_rc rc = CV_OK;

    *ret = (struct cv_kafka_conf){ .role = role, .client_id = conf->client_id, .log = conf->log };
    ret->layers[0] = weak;
    ret->layers[conf->n_layers + 1] = strong;
    ret->n_layers = conf->n_layers + 2;
    for (size_t i = 0; i < conf->n_layers; i++)
        ret->layers[i + 1] = conf->layers[i];
    if (weak == NULL || strong == NULL)
        return cv_fail_memory(err);
    for (; rc == CV_OK && (*under)[0] != NULL; under++)
        rc = cv_config_set(weak, (*under)[0], (*under)[1], err);
    for (; rc == CV_OK && (*over)[0] != NULL; over++)
        rc = cv_config_set(strong, (*over)[0], (*over)[1], err);
    return rc;
}

static void
conf_done(struct cv_kafka_conf *conf)
{
    if (conf->n_layers == 0)
        return;
    cv_config_free((struct cv_config *)(uintptr_t)conf->layers[0]);
    cv_config_free((struct cv_config *)(uintptr_t)conf->layers[conf->n_layers - 1]);
}

static enum cv_rc
open_clients(struct cv_topic_log *log, const struct cv_topic_log_spec *spec, struct cv_err *err)
{
    /* A fetch that waits on empty partitions holds up those that are added to it next, at start,
       and the news of a transaction's end. */
    static const char *const consumer_under[][2] = { { "queued.min.messages", "5000" },
                                                     { "queued.max.messages.kbytes", "4096" },
                                                     { "fetch.wait.max.ms", "100" },
                                                     { NULL } };
    static const char *const consumer_over[][2] = { { "auto.offset.reset", "earliest" }, { NULL } };
    static const char *const producer_under[][2] = { { "queue.buffering.max.kbytes", "16384" },
                                                     { NULL } };
    static const char *const producer_over[][2] = { { "enable.idempotence", "false" },
                                                    { "max.in.flight.requests.per.connection",
                                                      "1" },
                                                    { NULL } };
    struct cv_kafka_conf conf;
    enum cv_rc rc;

    if (spec->consumer.n_layers > LAYERS_MAX || spec->producer.n_layers > LAYERS_MAX)
        return cv_fail(err, CV_INTERNAL, "too many layers of configuration for a topic log");
    rc = conf_init(&conf, &spec->consumer, CV_KAFKA_CONSUMER, consumer_under, consumer_over, err);
    if (rc == CV_OK)
        rc = cv_consumer_new(&conf, NULL, NULL, &log->consumer, err);
    conf_done(&conf);
    if (rc != CV_OK)
        return rc;
    rc = conf_init(&conf, &spec->producer, CV_KAFKA_PRODUCER, producer_under, producer_over, err);
    if (rc == CV_OK)
        rc = cv_producer_new(&conf, NULL, &log->producer, err);
    conf_done(&conf);
    if (rc != CV_OK)
        return rc;
    cv_consumer_notify(log->consumer, &log->wake);
    cv_producer_notify(log->producer, &log->wake);
    return cv_producer_topic(log->producer, log->topic, &log->produce_to, err);
}

/* All partitions of the topic as a list; free(ret->items). */
static enum cv_rc
all_partitions(struct cv_topic_log *log, int64_t offset, struct cv_topic_partitions *ret,
               struct cv_err *err)
{
    ret->count = (size_t)log->partitions;
    ret->items = calloc(ret->count, sizeof(*ret->items));
    if (ret->items == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < ret->count; i++)
        ret->items[i] = (struct cv_topic_partition){ log->topic, (int32_t)i, offset, NULL };
    return CV_OK;
}

static enum cv_rc
begin_reading(struct cv_topic_log *log, struct cv_err *err)
{
    struct cv_topic_partitions parts = { 0 };
    enum cv_rc rc;

    log->batch = calloc(POLL_BATCH, sizeof(*log->batch));
    log->positions = calloc((size_t)log->partitions, sizeof(*log->positions));
    log->ended = calloc((size_t)log->partitions, sizeof(*log->ended));
    if (log->batch == NULL || log->positions == NULL || log->ended == NULL)
        return cv_fail_memory(err);
    /* 0, not "beginning": that would be looked up first, partition by partition, between idle
       fetches; where records were deleted auto.offset.reset finds the first one */
    rc = all_partitions(log, 0, &parts, err);
    if (rc == CV_OK)
        rc = cv_consumer_assign(log->consumer, &parts, err);
    free(parts.items);
    if (rc == CV_OK)
        rc = cv_thread_start("topic-log", run, log, &log->thread, err);
    return rc;
}

static enum cv_rc
read_patiently(struct cv_topic_log *log, const atomic_bool *stop, struct cv_err *err)
{
    struct cv_log_limit limit = { 0 };
    int64_t began = cv_mono_ms();
    uint64_t suppressed;
    enum cv_rc rc;

    /* The first second of reading is no reason to speak. */
    (void)cv_log_limit(&limit, SAY_EVERY_MS, &suppressed);
    while ((rc = cv_topic_log_read_to_end(log, READ_TIMEOUT_MS, err)) != CV_OK) {
        if (rc == CV_NOT_FOUND && cv_mono_ms() - began > APPEAR_MS)
            return rc;
        if (rc != CV_RETRY && rc != CV_NOT_FOUND)
            return rc;
        if (!wait_for_kafka(log, stop, &limit, err))
            return cv_fail(err, CV_RETRY, "stopped while reading topic \"%s\"", log->topic);
    }
    CV_LOG_INFO(log->logger, "topic read to its end", CV_STR("topic", log->topic),
                CV_INT("ms", cv_mono_ms() - began));
    return CV_OK;
}

enum cv_rc
cv_topic_log_start(const struct cv_topic_log_spec *spec, const atomic_bool *stop,
                   struct cv_topic_log **ret, struct cv_err *err)
{
    struct cv_topic_log *log = calloc(1, sizeof(*log));
    enum cv_rc rc;

    if (log == NULL)
        return cv_fail_memory(err);
    cv_lock_init(&log->lock, CV_RANK_TOPIC_LOG);
    cv_cond_init(&log->changed);
    log->wake.fd = -1;
    log->logger = spec->consumer.log != NULL ? spec->consumer.log : cv_log_get("culvert.kafka");
    log->admin = spec->admin;
    log->handler = spec->handler;
    log->arg = spec->arg;
    log->is_local = spec->local != NULL;
    if (log->is_local)
        log->local = *spec->local;
    log->topic = strdup(spec->topic.name);
    rc = log->topic != NULL ? cv_wake_init(&log->wake, err) : cv_fail_memory(err);
    if (rc == CV_OK && log->is_local) {
        rc = topic_log_start_local(log, err);
        goto out;
    }
    if (rc == CV_OK)
        rc = find_topic_patiently(log, spec, stop, err);
    if (rc == CV_OK)
        rc = open_clients(log, spec, err);
    if (rc == CV_OK)
        rc = begin_reading(log, err);
    log->starting_stable = spec->stable_start; /* nobody else has the log yet */
    if (rc == CV_OK)
        rc = read_patiently(log, stop, err);
    log->starting_stable = false;
out:
    if (rc != CV_OK) {
        cv_topic_log_free(log, 0);
        return rc;
    }
    *ret = log;
    return CV_OK;
}

void
cv_topic_log_free(struct cv_topic_log *log, int wait_ms)
{
    if (log == NULL)
        return;
    if (log->thread != NULL) {
        cv_lock(&log->lock);
        log->stopping = true;
        log->stop_deadline_ms = cv_mono_ms() + wait_ms;
        cv_cond_signal(&log->changed);
        cv_unlock(&log->lock);
        cv_wake_signal(&log->wake);
        (void)cv_thread_join(log->thread, -1);
    }
    /* Left over only if the thread never ran. */
    cv_producer_free(log->producer, 0);
    cv_consumer_free(log->consumer);
    if (log->wake.fd >= 0)
        cv_wake_done(&log->wake);
    cv_cond_done(&log->changed);
    cv_lock_done(&log->lock);
    free(log->positions);
    free(log->ended);
    free(log->batch);
    free(log->topic);
    free(log);
}

/* -- Reading to the end -- */

static bool
sent_before(const struct cv_topic_log *log, uint64_t seq)
{
    return log->first != NULL && log->first->seq <= seq;
}

static bool
behind(const struct cv_topic_log *log, const struct cv_topic_partitions *ends)
{
    for (size_t i = 0; i < ends->count; i++)
        if (log->positions[i] < ends->items[i].offset && !(log->starting_stable && log->ended[i]))
            return true;
    return false;
}

/* Until every record sent up to now has its report. */
static enum cv_rc
wait_for_sends(struct cv_topic_log *log, int64_t deadline, struct cv_err *err)
{
    bool in_time = true;
    uint64_t seq;

    cv_lock(&log->lock);
    seq = log->seq;
    while (in_time && !log->stopping && sent_before(log, seq))
        in_time = cv_cond_wait(&log->changed, &log->lock, deadline);
    cv_unlock(&log->lock);
    if (!in_time)
        return cv_fail(err, CV_RETRY, "could not write to topic \"%s\" in time", log->topic);
    return CV_OK;
}

/* A record behind the last one that is read is not to be had: the broker is slow, or a transaction of anyone holds it up,
   the last stable offset being where we stand. */
static enum cv_rc
fail_behind(const struct cv_topic_log *log, const struct cv_topic_partitions *ends, struct cv_err *err)
{
    size_t i = 0;

    while (log->positions[i] >= ends->items[i].offset)
        i++;
    return cv_fail(err, CV_RETRY,
                   "could not read topic \"%s\" to its end in time: partition %zu is read up to offset %lld of %lld; if it "
                   "stays so, a transaction is open there: find it with \"kafka-transactions.sh find-hanging\", and end "
                   "its producer or abort it",
                   log->topic, i, (long long)log->positions[i], (long long)ends->items[i].offset);
}

static enum cv_rc
wait_for_positions(struct cv_topic_log *log, const struct cv_topic_partitions *ends,
                   int64_t deadline, struct cv_err *err)
{
    bool in_time = true;
    enum cv_rc rc = CV_OK;

    cv_lock(&log->lock);
    while (in_time && !log->stopping && log->failure.rc == CV_OK && behind(log, ends))
        in_time = cv_cond_wait(&log->changed, &log->lock, deadline);
    if (behind(log, ends)) {
        if (log->failure.rc != CV_OK)
            *err = log->failure;
        else
            (void)fail_behind(log, ends, err);
        rc = err->rc;
    }
    cv_unlock(&log->lock);
    return rc;
}

enum cv_rc
cv_topic_log_read_to_end(struct cv_topic_log *log, int timeout_ms, struct cv_err *err)
{
    int64_t deadline = cv_mono_ms() + timeout_ms;
    struct cv_topic_partitions ends = { 0 };
    int64_t left;
    enum cv_rc rc;

    rc = wait_for_sends(log, deadline, err);
    if (rc == CV_OK && log->is_local)
        return CV_OK;
    if (rc == CV_OK)
        rc = all_partitions(log, 0, &ends, err);
    left = deadline - cv_mono_ms();
    if (rc == CV_OK)
        rc = cv_admin_end_offsets(log->admin, &ends, left > 1 ? (int)left : 1, err);
    if (rc == CV_OK)
        rc = wait_for_positions(log, &ends, deadline, err);
    free(ends.items);
    return rc;
}

const char *
cv_topic_log_topic(const struct cv_topic_log *log)
{
    return log->topic;
}

bool
cv_topic_log_was_created(const struct cv_topic_log *log)
{
    return log->created;
}

enum cv_rc
cv_topic_log_check(struct cv_topic_log *log, struct cv_err *err)
{
    enum cv_rc rc = CV_OK;

    cv_lock(&log->lock);
    if (log->failure.rc == CV_NOT_FOUND)
        rc = cv_fail(err, CV_NOT_FOUND, "%s", log->failure.text);
    cv_unlock(&log->lock);
    return rc;
}
