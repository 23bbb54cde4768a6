/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A broker that is Kafka: see broker.h and kafka_broker.h.
 *
 * After any failure of a transaction its outcome counts as unknown: the producer is destroyed, a
 * new one with the same transactional id learns the outcome in init_transactions, and committed
 * offsets are read again. The consumer carries the group's id, so that it may read committed
 * offsets, but only ever assigns.
 *
 * At least once there is a plain producer: records are written, then the member commits the offsets.
 * Dying between the two brings the records again.
 */
#include "streams/io/kafka_broker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/map.h"

#define OPEN_TIMEOUT_MS    10000
#define REQUEST_TIMEOUT_MS 10000
#define SEND_POLL_MS       100
#define STOP_POLLS         50 /* so often a stopping worker still waits for room */
#define ABORT_TIMEOUT_MS   2000
#define STOP_PATIENCE_MS   4000

struct kafka_broker {
    struct broker base;
    struct kafka_broker_spec spec;
    char *group_id;
    char *transactional_id;
    struct cv_config *forced; /* what the engine relies on, above the user's layers */
    struct cv_config *below;  /* defaults of ours, below them */
    struct cv_log *log;
    struct cv_consumer *consumer;
    struct cv_producer *producer; /* NULL: dropped */
    struct cv_hash *topics;       /* name -> producer topic, of this producer */
    const char *last_name;
    struct cv_producer_topic *last_topic;
    bool in_txn;
};

static struct kafka_broker *
of(struct broker *b)
{
    return cv_container_of(b, struct kafka_broker, base);
}

static enum cv_rc
gone(struct cv_err *err)
{
    return cv_fail(err, CV_RETRY, "the producer was given up");
}

static void
layers(const struct kafka_broker *kb, enum cv_kafka_role role, struct cv_kafka_conf *conf)
{
    *conf = (struct cv_kafka_conf){ .role = role, .client_id = "culvert-streams", .log = kb->log };
    conf->layers[conf->n_layers++] = kb->below;
    conf->layers[conf->n_layers++] = kb->spec.common;
    conf->layers[conf->n_layers++] =
        role == CV_KAFKA_PRODUCER ? kb->spec.producer : kb->spec.consumer;
    conf->layers[conf->n_layers++] = kb->forced;
}

static void
broker_drop(struct broker *b)
{
    struct kafka_broker *kb = of(b);
    struct cv_err err = CV_ERR_INIT;

    if (kb->producer == NULL)
        return;
    if (kb->in_txn && cv_producer_txn_abort(kb->producer, ABORT_TIMEOUT_MS, &err) != CV_OK)
        CV_LOG_DEBUG(kb->log, "transaction is left to its time-out", CV_ERR(&err));
    cv_producer_free(kb->producer, 0);
    cv_hash_clear(kb->topics);
    kb->producer = NULL;
    kb->last_name = NULL;
    kb->in_txn = false;
}

static enum cv_rc
broker_open(struct broker *b, struct cv_err *err)
{
    struct kafka_broker *kb = of(b);
    struct cv_kafka_conf conf;
    enum cv_rc rc;

    broker_drop(b);
    layers(kb, CV_KAFKA_PRODUCER, &conf);
    rc = cv_producer_new(&conf, kb->spec.at_least_once ? NULL : kb->transactional_id,
                         &kb->producer, err);
    if (rc == CV_OK && !kb->spec.at_least_once)
        rc = cv_producer_txn_init(kb->producer, OPEN_TIMEOUT_MS, err);
    if (rc != CV_OK)
        broker_drop(b);
    return rc;
}

static enum cv_rc
broker_begin(struct broker *b, struct cv_err *err)
{
    struct kafka_broker *kb = of(b);
    enum cv_rc rc;

    if (kb->producer == NULL)
        return gone(err);
    if (kb->spec.at_least_once)
        return CV_OK;
    rc = cv_producer_txn_begin(kb->producer, err);
    kb->in_txn = rc == CV_OK;
    return rc;
}

static enum cv_rc
find_topic(struct kafka_broker *kb, const char *name, struct cv_producer_topic **ret,
           struct cv_err *err)
{
    if (name == kb->last_name) {
        *ret = kb->last_topic;
        return CV_OK;
    }
    *ret = cv_hash_get(kb->topics, name);
    if (*ret == NULL) {
        if (cv_producer_topic(kb->producer, name, ret, err) != CV_OK)
            return err->rc;
        if (!cv_hash_put(kb->topics, name, *ret))
            return cv_fail_memory(err);
    }
    kb->last_name = name;
    kb->last_topic = *ret;
    return CV_OK;
}

static enum cv_rc
broker_send(struct broker *b, const struct out_record *rec, struct cv_delivery *delivery,
            struct cv_err *err)
{
    struct kafka_broker *kb = of(b);
    struct cv_producer_topic *topic;
    int patience = STOP_POLLS;
    enum cv_rc rc;

    if (kb->producer == NULL)
        return gone(err);
    if (find_topic(kb, rec->topic, &topic, err) != CV_OK)
        return err->rc;
    while ((rc = cv_producer_send(kb->producer, topic, rec->partition, rec->key, rec->value,
                                  rec->headers, rec->timestamp_ms, delivery, err)) == CV_RETRY &&
           delivery->failed == 0 && (!atomic_load(kb->spec.stop) || patience-- > 0))
        cv_producer_poll(kb->producer, SEND_POLL_MS); /* its queue is full */
    return rc;
}

/* A worker that stops while Kafka is away leaves its transaction to the next one. */
static int
patience_ms(const struct kafka_broker *kb)
{
    int ms = kb->spec.transaction_timeout_ms;

    return atomic_load(kb->spec.stop) && ms > STOP_PATIENCE_MS ? STOP_PATIENCE_MS : ms;
}

static enum cv_rc
broker_flush(struct broker *b, struct cv_err *err)
{
    struct kafka_broker *kb = of(b);

    return kb->producer == NULL
               ? gone(err)
               : cv_producer_flush(kb->producer, patience_ms(kb), err);
}

static enum cv_rc
broker_offsets(struct broker *b, const struct cv_topic_partitions *offsets, struct cv_err *err)
{
    struct kafka_broker *kb = of(b);

    if (kb->producer == NULL)
        return gone(err);
    return kb->spec.at_least_once
               ? cv_consumer_commit(*kb->spec.member, offsets, patience_ms(kb), err)
               : cv_producer_txn_offsets(kb->producer, offsets, *kb->spec.member, patience_ms(kb),
                                         err);
}

static enum cv_rc
broker_commit(struct broker *b, struct cv_err *err)
{
    struct kafka_broker *kb = of(b);

    if (kb->producer == NULL)
        return gone(err);
    if (kb->spec.at_least_once)
        return CV_OK; /* the offsets were it */
    kb->in_txn = false; /* whatever comes of it, there is nothing to abort */
    return cv_producer_txn_commit(kb->producer, patience_ms(kb), err);
}

static enum cv_rc
broker_committed(struct broker *b, struct cv_topic_partitions *inout_parts, struct cv_err *err)
{
    return cv_consumer_committed(of(b)->consumer, inout_parts, OPEN_TIMEOUT_MS, err);
}

static enum cv_rc
broker_range(struct broker *b, const char *topic, int32_t partition, int64_t *ret_low,
             int64_t *ret_high, struct cv_err *err)
{
    return cv_consumer_watermarks(of(b)->consumer, topic, partition, REQUEST_TIMEOUT_MS, ret_low,
                                  ret_high, err);
}

static enum cv_rc
broker_attach(struct broker *b, const struct cv_topic_partitions *parts, struct cv_err *err)
{
    return cv_consumer_assign_add(of(b)->consumer, parts, err);
}

static enum cv_rc
broker_detach(struct broker *b, const struct cv_topic_partitions *parts, struct cv_err *err)
{
    return cv_consumer_assign_remove(of(b)->consumer, parts, err);
}

static enum cv_rc
broker_pause(struct broker *b, const struct cv_topic_partitions *parts, bool on, struct cv_err *err)
{
    return on ? cv_consumer_pause(of(b)->consumer, parts, err)
              : cv_consumer_resume(of(b)->consumer, parts, err);
}

static enum cv_rc
broker_poll(struct broker *b, struct cv_consumed *out, size_t max, int timeout_ms,
            size_t *ret_count, struct cv_err *err)
{
    struct kafka_broker *kb = of(b);

    if (kb->producer != NULL) /* what was written so far goes out, so that less is left to the commit */
        cv_producer_poll(kb->producer, 0);
    return cv_consumer_poll(kb->consumer, out, max, timeout_ms, ret_count, err);
}

static bool
broker_header(struct broker *b, const struct cv_consumed *msg, const char *name,
              struct cv_bytes *ret)
{
    const char *have;
    struct cv_bytes value;
    bool found = false;

    (void)b;
    for (size_t i = 0; cv_consumed_header(msg, i, &have, &value); i++) {
        if (strcmp(have, name) != 0)
            continue;
        *ret = value;
        found = true;
    }
    return found;
}

static void
broker_free(struct broker *b)
{
    struct kafka_broker *kb = of(b);

    broker_drop(b);
    cv_consumer_free(kb->consumer);
    cv_hash_free(kb->topics);
    cv_config_free(kb->forced);
    cv_config_free(kb->below);
    free(kb->group_id);
    free(kb->transactional_id);
    free(kb);
}

static const struct broker_ops kafka_ops = {
    .open = broker_open,
    .drop = broker_drop,
    .begin = broker_begin,
    .send = broker_send,
    .flush = broker_flush,
    .offsets = broker_offsets,
    .commit = broker_commit,
    .committed = broker_committed,
    .range = broker_range,
    .attach = broker_attach,
    .detach = broker_detach,
    .pause = broker_pause,
    .poll = broker_poll,
    .header = broker_header,
    .free = broker_free,
};

static enum cv_rc
make_layers(struct kafka_broker *kb, struct cv_err *err)
{
    static const char *const forced[] = {
        "isolation.level",    "read_committed", "auto.offset.reset",    "error",
        "enable.auto.commit", "false",
    };
    char timeout[16];

    snprintf(timeout, sizeof(timeout), "%d", kb->spec.transaction_timeout_ms);
    for (size_t i = 0; i < CV_COUNT(forced); i += 2) {
        if (cv_config_set(kb->forced, forced[i], forced[i + 1], err) != CV_OK)
            return err->rc;
    }
    /* A transaction ends with a flush, so lingering only saves the sender's thread small requests.
     */
    if (cv_config_set(kb->below, "linger.ms", "20", err) != CV_OK)
        return err->rc;
    /* Other questions to the broker wait behind a fetch that waits for records. */
    if (cv_config_set(kb->below, "fetch.wait.max.ms", "100", err) != CV_OK)
        return err->rc;
    if (kb->spec.at_least_once)
        return cv_config_set(kb->below, "enable.idempotence", "true", err);
    return cv_config_set(kb->below, "transaction.timeout.ms", timeout, err);
}

enum cv_rc
kafka_broker_new(const struct kafka_broker_spec *spec, struct broker **ret, struct cv_err *err)
{
    struct kafka_broker *kb = calloc(1, sizeof(*kb));
    struct cv_kafka_conf conf;
    enum cv_rc rc = CV_OK;

    if (kb == NULL)
        return cv_fail_memory(err);
    kb->base.ops = &kafka_ops;
    kb->spec = *spec;
    kb->log = cv_log_get("culvert.streams.kafka");
    kb->group_id = strdup(spec->group_id);
    kb->transactional_id = spec->transactional_id != NULL ? strdup(spec->transactional_id) : NULL;
    kb->topics = cv_hash_new(NULL);
    kb->forced = cv_config_new();
    kb->below = cv_config_new();
    if (kb->group_id == NULL || (spec->transactional_id != NULL && kb->transactional_id == NULL) ||
        kb->topics == NULL || kb->forced == NULL || kb->below == NULL)
        rc = cv_fail_memory(err);
    if (rc == CV_OK)
        rc = make_layers(kb, err);
    if (rc == CV_OK) {
        layers(kb, CV_KAFKA_CONSUMER, &conf);
        rc = cv_consumer_new(&conf, kb->group_id, NULL, &kb->consumer, err);
    }
    if (rc != CV_OK) {
        broker_free(&kb->base);
        return rc;
    }
    *ret = &kb->base;
    return CV_OK;
}
