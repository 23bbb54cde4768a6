/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hot way: rd_kafka_produce without copy or free flag, the delivery as opaque pointer of each
 * message, one decrement a report. Only what rd_kafka_produce cannot express (headers, a timestamp)
 * takes rd_kafka_producev.
 *
 * After a fatal error (of the idempotent producer, normal in librdkafka before 2.3) or a failed
 * transaction the instance is of no use any more. Its owner frees it and makes a new one; nothing
 * here tries to repair it, since a commit or abort that is retried can land on a later transaction
 * (Kafka before KIP-890).
 *
 * An instance of librdkafka has three threads and more, which wake every second; its main one even
 * spins for the last fraction of a millisecond before a timer is due. So there is none until the
 * first message, and none any more when nothing was sent for a while; the next message makes a new
 * one. A transactional producer keeps its own: making one means taking over from others.
 */
#include "common/kafka/producer.h"

#include "common/clock.h"
#include "common/kafka/conf.h"
#include "common/kafka/handle.h"
#include "common/map.h"

#include <stdlib.h>
#include <string.h>

#define PURGE_WAIT_MS 5000

struct cv_producer {
    struct kafka_handle handle; /* zeroed while there is no instance */
    struct kafka_conf_copy conf;
    struct cv_hash *topics; /* name to struct cv_producer_topic */
    struct cv_wake *wake; /* NULL: nobody wants to know of reports */
    bool transactional;
    bool in_txn;
    size_t queued; /* messages without report */
    int reported;  /* messages, by the callbacks of the call under way */
    bool used;       /* since the last poll */
    int64_t used_ms; /* when a poll saw that */
};

struct cv_producer_topic {
    char *name;
    rd_kafka_topic_t *rkt; /* NULL: not of this instance */
};

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

/* The cause behind RD_KAFKA_RESP_ERR__FATAL, else code itself. */
static rd_kafka_resp_err_t
fatal_cause(struct cv_producer *producer, rd_kafka_resp_err_t code)
{
    char text[256];
    rd_kafka_resp_err_t cause;

    if (code != RD_KAFKA_RESP_ERR__FATAL)
        return code;
    cause = rd_kafka_fatal_error(producer->handle.rk, text, sizeof(text));
    return cause != RD_KAFKA_RESP_ERR_NO_ERROR ? cause : code;
}

static void
report_failure(struct cv_producer *producer, const rd_kafka_message_t *msg)
{
    struct cv_delivery *delivery = msg->_private;
    struct cv_err scratch = CV_ERR_INIT;
    struct cv_err *err = &scratch;

    if (delivery != NULL) {
        delivery->failed++;
        if (delivery->err.rc != CV_OK)
            return;
        err = &delivery->err;
    }
    (void)kafka_fail(&producer->handle, err, fatal_cause(producer, msg->err), NULL,
                     "could not write to topic \"%s\" partition %d", rd_kafka_topic_name(msg->rkt),
                     msg->partition);
    if (delivery == NULL)
        CV_LOG_WARN(producer->handle.log, "a message was not written", CV_ERR(err));
}

/* Inside poll, flush, commit and abort. */
static void
on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *msg, void *opaque)
{
    struct cv_producer *producer = cv_container_of(opaque, struct cv_producer, handle);
    struct cv_delivery *delivery = msg->_private;

    (void)rk;
    producer->reported++;
    producer->queued--;
    if (msg->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        report_failure(producer, msg);
    if (delivery == NULL)
        return;
    if (msg->err == RD_KAFKA_RESP_ERR_NO_ERROR && msg->offset > delivery->last_offset)
        delivery->last_offset = msg->offset;
    cv_delivery_release(delivery);
}

/* ---- the instance ---- */

static void
topic_free(void *arg)
{
    struct cv_producer_topic *topic = arg;

    if (topic->rkt != NULL)
        rd_kafka_topic_destroy(topic->rkt);
    free(topic->name);
    free(topic);
}

static void
notify(struct cv_producer *producer)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_get_main(producer->handle.rk);

    kafka_queue_notify(queue, producer->wake);
    rd_kafka_queue_destroy(queue);
}

static enum cv_rc
open_instance(struct cv_producer *producer, const char *transactional_id, struct cv_err *err)
{
    rd_kafka_conf_t *rdconf = NULL;
    enum cv_rc rc = kafka_rdconf_new(&producer->conf.conf, producer->transactional, &rdconf, err);

    if (rc == CV_OK && transactional_id != NULL)
        rc = kafka_rdconf_set(rdconf, "transactional.id", transactional_id, err);
    if (rc != CV_OK) {
        if (rdconf != NULL)
            rd_kafka_conf_destroy(rdconf);
        return rc;
    }
    rd_kafka_conf_set_dr_msg_cb(rdconf, on_delivery);
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

/* What the configuration says must be right now, whenever the instance is made. */
static enum cv_rc
check_conf(struct cv_producer *producer, struct cv_err *err)
{
    rd_kafka_conf_t *rdconf;

    if (kafka_rdconf_new(&producer->conf.conf, false, &rdconf, err) != CV_OK)
        return err->rc;
    rd_kafka_conf_destroy(rdconf);
    return CV_OK;
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
        rc = producer->transactional ? open_instance(producer, transactional_id, err) : check_conf(producer, err);
    }
    if (rc != CV_OK) {
        cv_producer_free(producer, 0);
        return rc;
    }
    *ret = producer;
    return CV_OK;
}

void
cv_producer_free(struct cv_producer *producer, int wait_ms)
{
    if (producer == NULL)
        return;
    if (producer->handle.rk != NULL) {
        if (wait_ms != 0)
            rd_kafka_flush(producer->handle.rk, wait_ms);
        if (producer->queued > 0) {
            rd_kafka_purge(producer->handle.rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
            rd_kafka_flush(producer->handle.rk, PURGE_WAIT_MS);
        }
    }
    cv_hash_free(producer->topics);
    kafka_handle_done(&producer->handle);
    kafka_conf_copy_done(&producer->conf);
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

/* The topic in an instance: both made if need be. */
static enum cv_rc
open_topic(struct cv_producer *producer, struct cv_producer_topic *topic, struct cv_err *err)
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

/* ---- messages ---- */

static enum cv_rc
send_failed(struct cv_producer *producer, struct cv_producer_topic *topic, rd_kafka_resp_err_t code,
            struct cv_err *err)
{
    rd_kafka_resp_err_t cause = fatal_cause(producer, code);
    enum cv_rc rc;

    if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        return cv_fail(err, CV_RETRY, "the queue of messages to Kafka is full");
    rc = kafka_fail(&producer->handle, err, cause, NULL, "could not produce to topic \"%s\"",
                    topic->name);
    /* CV_RETRY means nothing but a full queue here. */
    if (rc == CV_RETRY || code == RD_KAFKA_RESP_ERR__FATAL || producer->in_txn)
        rc = err->rc = rc == CV_FENCED || rc == CV_INVALID ? rc : CV_CONFLICT;
    return rc;
}

static rd_kafka_headers_t *
make_headers(const struct cv_raw_headers *headers)
{
    rd_kafka_headers_t *list = rd_kafka_headers_new(headers->count);

    for (size_t i = 0; i < headers->count; i++) {
        const struct cv_raw_header *header = &headers->items[i];

        rd_kafka_header_add(list, header->name, -1, header->value.data, (ssize_t)header->value.len);
    }
    return list;
}

static rd_kafka_resp_err_t
produce_full(struct cv_producer *producer, struct cv_producer_topic *topic, int32_t partition,
             struct cv_bytes key, struct cv_bytes value, const struct cv_raw_headers *headers,
             int64_t timestamp_ms, struct cv_delivery *delivery)
{
    const int flags = delivery == NULL ? RD_KAFKA_MSG_F_COPY : 0;
    const int64_t timestamp = timestamp_ms == CV_NO_TIMESTAMP ? 0 : timestamp_ms; /* 0: now */
    rd_kafka_headers_t *list = NULL;
    rd_kafka_resp_err_t code;

    if (headers != NULL && headers->count > 0)
        list = make_headers(headers);
    code = rd_kafka_producev(
        producer->handle.rk, RD_KAFKA_V_RKT(topic->rkt), RD_KAFKA_V_PARTITION(partition),
        RD_KAFKA_V_MSGFLAGS(flags), RD_KAFKA_V_KEY(key.data, key.len),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)value.data, value.len), RD_KAFKA_V_HEADERS(list),
        RD_KAFKA_V_TIMESTAMP(timestamp), RD_KAFKA_V_OPAQUE(delivery), RD_KAFKA_V_END);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR && list != NULL)
        rd_kafka_headers_destroy(list);
    return code;
}

enum cv_rc
cv_producer_send(struct cv_producer *producer, struct cv_producer_topic *topic, int32_t partition,
                 struct cv_bytes key, struct cv_bytes value, const struct cv_raw_headers *headers,
                 int64_t timestamp_ms, struct cv_delivery *delivery, struct cv_err *err)
{
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;

    if (open_topic(producer, topic, err) != CV_OK)
        return err->rc == CV_RETRY ? err->rc = CV_CONFLICT : err->rc;
    if ((headers == NULL || headers->count == 0) && timestamp_ms == CV_NO_TIMESTAMP) {
        if (rd_kafka_produce(topic->rkt, partition, delivery == NULL ? RD_KAFKA_MSG_F_COPY : 0,
                             (void *)(uintptr_t)value.data, value.len, key.data, key.len,
                             delivery) != 0)
            code = rd_kafka_last_error();
    } else {
        code =
            produce_full(producer, topic, partition, key, value, headers, timestamp_ms, delivery);
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return send_failed(producer, topic, code, err);
    producer->queued++;
    if (delivery != NULL)
        delivery->pending++;
    return CV_OK;
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
    if (producer->handle.rk == NULL)
        return 0;
    producer->reported = 0;
    rd_kafka_poll(producer->handle.rk, timeout_ms);
    if (producer->queued == 0 && !producer->transactional)
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
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;

    if (producer->handle.rk != NULL)
        code = rd_kafka_flush(producer->handle.rk, timeout_ms);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka_fail(&producer->handle, err, code, NULL,
                          "could not write %zu messages to Kafka", producer->queued);
    return CV_OK;
}

enum cv_rc
cv_producer_check(struct cv_producer *producer, struct cv_err *err)
{
    char text[512];
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;

    if (producer->handle.rk != NULL)
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

    if (cv_producer_topic(producer, topic, &handle, err) != CV_OK || open_topic(producer, handle, err) != CV_OK)
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
    rd_kafka_error_t *error = rd_kafka_commit_transaction(producer->handle.rk, timeout_ms);

    producer->in_txn = false;
    if (error != NULL)
        return kafka_fail_error(&producer->handle, err, error, "could not commit the transaction");
    return CV_OK;
}

enum cv_rc
cv_producer_txn_abort(struct cv_producer *producer, int timeout_ms, struct cv_err *err)
{
    rd_kafka_error_t *error = rd_kafka_abort_transaction(producer->handle.rk, timeout_ms);

    producer->in_txn = false;
    if (error != NULL)
        return kafka_fail_error(&producer->handle, err, error, "could not abort the transaction");
    return CV_OK;
}
