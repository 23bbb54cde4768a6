/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instance of librdkafka behind the gate (producer_gate.c), its topics, and transactions.
 *
 * Without transactions a fatal error of the idempotent producer (normal in librdkafka before 2.3) is nothing that the
 * owner hears of: a new instance sends, in order, what the one before did not deliver. What Kafka had written without
 * saying so comes twice then. In a transaction, or after one failed, the producer is of no use any more: its owner
 * frees it and makes a new one, since a commit or abort that is retried can land on a later transaction (Kafka before
 * KIP-890).
 *
 * An instance of librdkafka has three threads and more, which wake every second; its main one even
 * spins for the last fraction of a millisecond before a timer is due. So there is none until the
 * first message, and none any more when nothing was sent for a while; the next message makes a new
 * one. A transactional producer keeps its own: making one means taking over from others.
 */
#include "common/kafka/producer_private.h"

#include "common/clock.h"
#include "common/kafka/conf.h"
#include "common/map.h"

#include <stdlib.h>
#include <string.h>

#define PURGE_WAIT_MS  5000
#define FLUSH_SLICE_MS 100
#define RENEWALS_MAX   5 /* in a row, without a message delivered between */

void
cv_delivery_init(struct cv_delivery *delivery, void (*done)(struct cv_delivery *))
{
    *delivery =
        (struct cv_delivery){ .pending = 1, .last_offset = CV_OFFSET_INVALID, .done = done };
}

void
cv_delivery_release(struct cv_delivery *delivery)
{
    if (--delivery->pending == 0)
        delivery->done(delivery);
}

rd_kafka_resp_err_t
producer_fatal_cause(struct cv_producer *producer, rd_kafka_resp_err_t code)
{
    char text[256];
    rd_kafka_resp_err_t cause;

    if (code != RD_KAFKA_RESP_ERR__FATAL)
        return code;
    cause = rd_kafka_fatal_error(producer->handle.rk, text, sizeof(text));
    return cause != RD_KAFKA_RESP_ERR_NO_ERROR ? cause : code;
}

/* ---- the instance ---- */

static void
topic_free(void *arg)
{
    struct cv_producer_topic *topic = arg;

    if (topic->rkt != NULL)
        rd_kafka_topic_destroy(topic->rkt);
    free(topic->name);
    free(topic->offsets);
    free(topic);
}

static void
notify(struct cv_producer *producer)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_get_main(producer->handle.rk);

    kafka_queue_notify(queue, producer->wake);
    rd_kafka_queue_destroy(queue);
}

/* The keys of an instance. Once idempotence was denied it is done without, one request at a time. */
static enum cv_rc
make_rdconf(struct cv_producer *producer, rd_kafka_conf_t **ret, struct cv_err *err)
{
    rd_kafka_conf_t *rdconf;

    if (kafka_rdconf_new(&producer->conf.conf, producer->transactional, &rdconf, err) != CV_OK)
        return err->rc;
    if (producer->does_without &&
        (kafka_rdconf_set(rdconf, "enable.idempotence", "false", err) != CV_OK ||
         kafka_rdconf_set(rdconf, "max.in.flight.requests.per.connection", "1", err) != CV_OK)) {
        rd_kafka_conf_destroy(rdconf);
        return err->rc;
    }
    *ret = rdconf;
    return CV_OK;
}

static enum cv_rc
open_instance(struct cv_producer *producer, const char *transactional_id, struct cv_err *err)
{
    rd_kafka_conf_t *rdconf = NULL;
    enum cv_rc rc = make_rdconf(producer, &rdconf, err);

    if (rc == CV_OK && transactional_id != NULL)
        rc = kafka_rdconf_set(rdconf, "transactional.id", transactional_id, err);
    if (rc != CV_OK) {
        if (rdconf != NULL)
            rd_kafka_conf_destroy(rdconf);
        return rc;
    }
    rd_kafka_conf_set_dr_msg_cb(rdconf, gate_on_delivery);
    rc = kafka_handle_init(&producer->handle, RD_KAFKA_PRODUCER, &producer->conf.conf, rdconf, err);
    if (rc == CV_OK && producer->wake != NULL)
        notify(producer);
    return rc;
}

static void
close_instance(struct cv_producer *producer)
{
    struct cv_hash_entry entry;
    size_t i = 0;

    while (cv_hash_next(producer->topics, &i, &entry)) {
        struct cv_producer_topic *topic = entry.value;

        if (topic->rkt != NULL)
            rd_kafka_topic_destroy(topic->rkt);
        topic->rkt = NULL;
    }
    kafka_handle_done(&producer->handle);
    memset(&producer->handle, 0, sizeof(producer->handle));
}

static bool
is_asked_for(const struct cv_kafka_conf *conf, const char *key)
{
    for (size_t l = 0; l < conf->n_layers; l++)
        if (conf->layers[l] != NULL && cv_config_has(conf->layers[l], key))
            return true;
    return false;
}

/* What the configuration says must be right now, whenever the instance is made. */
static enum cv_rc
check_conf(struct cv_producer *producer, struct cv_err *err)
{
    rd_kafka_conf_t *rdconf;
    enum cv_rc rc;

    if (make_rdconf(producer, &rdconf, err) != CV_OK)
        return err->rc;
    kafka_conf_warn(&producer->conf.conf, producer->transactional);
    rc = gate_init(producer, rdconf, err);
    rd_kafka_conf_destroy(rdconf);
    producer->may_do_without = producer->idempotent && !producer->transactional &&
                               !is_asked_for(&producer->conf.conf, "enable.idempotence");
    return rc;
}

enum cv_rc
cv_producer_open(struct cv_producer *producer, struct cv_err *err)
{
    producer->used = true;
    return producer->handle.rk != NULL ? CV_OK : open_instance(producer, NULL, err);
}

enum cv_rc
cv_producer_new(const struct cv_kafka_conf *conf, const char *transactional_id,
                struct cv_producer **ret, struct cv_err *err)
{
    struct cv_producer *producer = calloc(1, sizeof(*producer));
    enum cv_rc rc;

    if (producer == NULL || (producer->topics = cv_hash_new(topic_free)) == NULL)
        rc = cv_fail_memory(err);
    else
        rc = kafka_conf_copy(conf, &producer->conf, err);
    if (rc == CV_OK) {
        producer->transactional = transactional_id != NULL;
        rc = check_conf(producer, err);
    }
    if (rc == CV_OK && producer->transactional)
        rc = open_instance(producer, transactional_id, err);
    if (rc != CV_OK) {
        cv_producer_free(producer, 0);
        return rc;
    }
    *ret = producer;
    return CV_OK;
}

static void
purge(struct cv_producer *producer)
{
    rd_kafka_purge(producer->handle.rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_flush(producer->handle.rk, PURGE_WAIT_MS);
}

void
cv_producer_free(struct cv_producer *producer, int wait_ms)
{
    struct cv_err err;

    if (producer == NULL)
        return;
    if (wait_ms != 0 && producer->queued > 0 && cv_producer_flush(producer, wait_ms, &err) != CV_OK)
        CV_LOG_DEBUG(cv_log_get("culvert.kafka"), "messages are given up", CV_ERR(&err));
    if (producer->queued > 0)
        gate_purge(producer);
    if (producer->queued > 0)
        purge(producer);
    cv_hash_free(producer->topics);
    kafka_handle_done(&producer->handle);
    kafka_conf_copy_done(&producer->conf);
    gate_free(producer);
    free(producer);
}

enum cv_rc
cv_producer_topic(struct cv_producer *producer, const char *name, struct cv_producer_topic **ret,
                  struct cv_err *err)
{
    struct cv_producer_topic *topic = cv_hash_get(producer->topics, name);

    if (topic != NULL) {
        *ret = topic;
        return CV_OK;
    }
    topic = calloc(1, sizeof(*topic));
    if (topic == NULL)
        return cv_fail_memory(err);
    topic->name = strdup(name);
    if (topic->name == NULL || !cv_hash_put(producer->topics, name, topic)) {
        topic_free(topic);
        return cv_fail_memory(err);
    }
    *ret = topic;
    return CV_OK;
}

enum cv_rc
producer_open_topic(struct cv_producer *producer, struct cv_producer_topic *topic, struct cv_err *err)
{
    producer->used = true;
    if (topic->rkt != NULL)
        return CV_OK;
    if (cv_producer_open(producer, err) != CV_OK)
        return err->rc;
    topic->rkt = rd_kafka_topic_new(producer->handle.rk, topic->name, NULL);
    if (topic->rkt == NULL)
        return kafka_fail(&producer->handle, err, rd_kafka_last_error(), NULL,
                          "cannot produce to topic \"%s\"", topic->name);
    return CV_OK;
}

/* If the instance failed for good, what it did not deliver waits for another one. */
static void
renew_if_failed(struct cv_producer *producer)
{
    rd_kafka_resp_err_t code;
    struct cv_err err;
    char text[512];

    if (producer->transactional || !producer->idempotent || producer->broken.rc != CV_OK)
        return;
    code = rd_kafka_fatal_error(producer->handle.rk, text, sizeof(text));
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    (void)kafka_fail(&producer->handle, &err, code, text, "the producer failed for good");
    if (code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED && producer->may_do_without) {
        CV_LOG_WARN(producer->handle.log, "going on without idempotence: a connection that breaks may repeat messages",
                    CV_STR("client", producer->handle.client_id), CV_ERR(&err));
        producer->does_without = true;
        producer->idempotent = false;
    } else if (++producer->renewals > RENEWALS_MAX) {
        producer->broken = err;
        return;
    } else {
        CV_LOG_WARN(producer->handle.log, "the producer begins anew; what Kafka wrote without saying so comes twice",
                    CV_STR("client", producer->handle.client_id), CV_INT("messages", producer->queued), CV_ERR(&err));
    }
    producer->renewing = true;
    purge(producer);
    producer->renewing = false;
    close_instance(producer);
    gate_rewind(producer);
}

/* ---- messages ---- */

enum cv_rc
cv_producer_send(struct cv_producer *producer, struct cv_producer_topic *topic, int32_t partition,
                 struct cv_bytes key, struct cv_bytes value, const struct cv_raw_headers *headers,
                 int64_t timestamp_ms, struct cv_delivery *delivery, struct cv_err *err)
{
    const struct message msg = { .topic = topic,
                                 .partition = partition,
                                 .key = key,
                                 .value = value,
                                 .timestamp_ms = timestamp_ms,
                                 .delivery = delivery };

    if (producer_open_topic(producer, topic, err) != CV_OK)
        return err->rc == CV_RETRY ? err->rc = CV_CONFLICT : err->rc;
    return gate_send(producer, &msg, headers, err);
}

/* Callbacks, and what may go out before and behind them. */
static void
serve(struct cv_producer *producer, int timeout_ms)
{
    gate_pass(producer, false);
    if (producer->handle.rk == NULL)
        return;
    rd_kafka_poll(producer->handle.rk, timeout_ms);
    renew_if_failed(producer);
    gate_pass(producer, false);
}

static void
close_if_idle(struct cv_producer *producer)
{
    int64_t now = cv_mono_ms();

    if (producer->used)
        producer->used_ms = now;
    else if (now - producer->used_ms >= CV_PRODUCER_IDLE_MS)
        close_instance(producer);
    producer->used = false;
}

int
cv_producer_poll(struct cv_producer *producer, int timeout_ms)
{
    producer->reported = 0;
    serve(producer, timeout_ms);
    if (producer->handle.rk != NULL && producer->queued == 0 && !producer->transactional)
        close_if_idle(producer);
    return producer->reported;
}

void
cv_producer_notify(struct cv_producer *producer, struct cv_wake *wake)
{
    producer->wake = wake;
    if (producer->handle.rk != NULL)
        notify(producer);
}

enum cv_rc
cv_producer_flush(struct cv_producer *producer, int timeout_ms, struct cv_err *err)
{
    int64_t deadline = timeout_ms < 0 ? INT64_MAX : cv_mono_ms() + timeout_ms;
    int64_t left;

    serve(producer, 0);
    while (producer->queued > 0 && (left = deadline - cv_mono_ms()) > 0) {
        if (cv_producer_check(producer, err) != CV_OK)
            return err->rc;
        if (producer->handle.rk != NULL)
            rd_kafka_flush(producer->handle.rk, left < FLUSH_SLICE_MS ? (int)left : FLUSH_SLICE_MS);
        serve(producer, 0);
    }
    if (producer->queued > 0 && producer->handle.rk == NULL)
        return cv_fail(err, CV_RETRY, "could not write %zu messages to Kafka in time", producer->queued);
    if (producer->queued > 0)
        return kafka_fail(&producer->handle, err, RD_KAFKA_RESP_ERR__TIMED_OUT, NULL,
                          "could not write %zu messages to Kafka", producer->queued);
    return CV_OK;
}

enum cv_rc
cv_producer_check(struct cv_producer *producer, struct cv_err *err)
{
    char text[512];
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;

    if (producer->broken.rc != CV_OK) {
        *err = producer->broken;
        return err->rc = err->rc == CV_CONFLICT ? CV_RETRY : err->rc;
    }
    if (producer->transactional) /* else poll deals with it */
        code = rd_kafka_fatal_error(producer->handle.rk, text, sizeof(text));
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return CV_OK;
    (void)kafka_fail(&producer->handle, err, code, text, "the producer failed for good");
    if (err->rc != CV_FENCED && err->rc != CV_INVALID)
        err->rc = CV_RETRY;
    return err->rc;
}

size_t
cv_producer_queued(const struct cv_producer *producer)
{
    return producer->queued;
}

enum cv_rc
cv_producer_partitions(struct cv_producer *producer, const char *topic, int timeout_ms,
                       int32_t *ret, struct cv_err *err)
{
    const struct rd_kafka_metadata *metadata;
    struct cv_producer_topic *handle;
    rd_kafka_resp_err_t code;

    if (cv_producer_topic(producer, topic, &handle, err) != CV_OK ||
        producer_open_topic(producer, handle, err) != CV_OK)
        return err->rc;
    code = rd_kafka_metadata(producer->handle.rk, 0, handle->rkt, &metadata, timeout_ms);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        code =
            metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
            *ret = metadata->topics[0].partition_cnt;
        rd_kafka_metadata_destroy(metadata);
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka_fail(&producer->handle, err, code, NULL,
                          "could not read the partitions of topic \"%s\"", topic);
    return CV_OK;
}

enum cv_rc
cv_producer_txn_init(struct cv_producer *producer, int timeout_ms, struct cv_err *err)
{
    rd_kafka_error_t *error = rd_kafka_init_transactions(producer->handle.rk, timeout_ms);

    if (error != NULL)
        return kafka_fail_error(&producer->handle, err, error, "could not start with transactions");
    return CV_OK;
}

enum cv_rc
cv_producer_txn_begin(struct cv_producer *producer, struct cv_err *err)
{
    rd_kafka_error_t *error = rd_kafka_begin_transaction(producer->handle.rk);

    if (error != NULL)
        return kafka_fail_error(&producer->handle, err, error, "could not begin a transaction");
    producer->in_txn = true;
    return CV_OK;
}

enum cv_rc
cv_producer_txn_offsets(struct cv_producer *producer, const struct cv_topic_partitions *offsets,
                        struct cv_consumer *group, int timeout_ms, struct cv_err *err)
{
    struct kafka_handle *consumer = kafka_consumer_handle(group);
    rd_kafka_consumer_group_metadata_t *member;
    rd_kafka_topic_partition_list_t *list;
    rd_kafka_error_t *error;

    if (offsets->count == 0)
        return CV_OK;
    list = kafka_list_new(offsets);
    if (list == NULL)
        return cv_fail_memory(err);
    member = rd_kafka_consumer_group_metadata(consumer->rk);
    error = rd_kafka_send_offsets_to_transaction(producer->handle.rk, list, member, timeout_ms);
    rd_kafka_consumer_group_metadata_destroy(member);
    rd_kafka_topic_partition_list_destroy(list);
    if (error != NULL)
        return kafka_fail_error(&producer->handle, err, error,
                                "could not put offsets into the transaction");
    return CV_OK;
}

enum cv_rc
cv_producer_txn_commit(struct cv_producer *producer, int timeout_ms, struct cv_err *err)
{
    rd_kafka_error_t *error;

    gate_pass(producer, true);
    if (producer->broken.rc != CV_OK) {
        *err = producer->broken;
        return cv_err_context(err, "could not commit the transaction");
    }
    error = rd_kafka_commit_transaction(producer->handle.rk, timeout_ms);
    producer->in_txn = false;
    if (error != NULL)
        return kafka_fail_error(&producer->handle, err, error, "could not commit the transaction");
    return CV_OK;
}

enum cv_rc
cv_producer_txn_abort(struct cv_producer *producer, int timeout_ms, struct cv_err *err)
{
    rd_kafka_error_t *error;

    gate_purge(producer);
    error = rd_kafka_abort_transaction(producer->handle.rk, timeout_ms);
    producer->in_txn = false;
    if (error != NULL)
        return kafka_fail_error(&producer->handle, err, error, "could not abort the transaction");
    return CV_OK;
}
