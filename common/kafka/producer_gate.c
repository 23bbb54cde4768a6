/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages from cv_producer_send to their report, in a ring in the order of sending.
 *
 * librdkafka gets them in bursts, each no more than one request of a partition holds. Two of its habits make that
 * necessary. Without idempotence it builds the next request while one is on its way: if the broker refuses the first
 * and takes the second (replicas missing for a moment), their order is gone; so the next burst goes when the one before
 * is delivered. With idempotence it keeps the order, but its broker thread (2.0.2) spins as long as it holds messages
 * of a partition of which five are on their way (measured: five times the thread's CPU); so few bursts are on their way
 * at once, and more than one only while they are small, for what comes slowly should not wait, and what comes fast
 * grows into larger requests here, where waiting costs nothing.
 *
 * What is handed over within the linger time of a burst's first message is of that burst, as librdkafka sends it with
 * the others.
 *
 * A message keeps its place until its report, so that a new client can send again, in order, whatever the one before
 * did not deliver.
 */
#include "common/kafka/producer_private.h"

#include "common/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RING_FIRST     16 /* it grows: an idle producer is one of dozens */
#define MESSAGE_EXTRA  48   /* at most what a message takes beside key, value and headers */
#define HEADER_EXTRA   10   /* of each header: lengths */
#define BURST_MESSAGES 2000 /* handed over within the linger time */
#define SMALL_MESSAGES 100  /* with so many on their way what comes next need not wait */

static struct message *
message_at(struct cv_producer *producer, uint64_t number)
{
    return &producer->ring[number & (producer->ring_size - 1)]; /* a power of two */
}

static size_t
size_of(const struct message *msg, const struct cv_raw_headers *headers)
{
    size_t size = msg->key.len + msg->value.len + MESSAGE_EXTRA;

    for (size_t i = 0; headers != NULL && i < headers->count; i++)
        size += strlen(headers->items[i].name) + headers->items[i].value.len + HEADER_EXTRA;
    return size;
}

/* ---- limits ---- */

static enum cv_rc
get_limit(const rd_kafka_conf_t *rdconf, const char *key, size_t *ret, struct cv_err *err)
{
    char text[64];
    size_t size = sizeof(text);

    if (rd_kafka_conf_get(rdconf, key, text, &size) != RD_KAFKA_CONF_OK)
        return cv_fail(err, CV_INTERNAL, "librdkafka has no \"%s\"", key);
    *ret = strtoull(text, NULL, 10);
    return CV_OK;
}

static enum cv_rc
get_linger(const rd_kafka_conf_t *rdconf, int64_t *ret_us, struct cv_err *err)
{
    char text[64];
    size_t size = sizeof(text);

    if (rd_kafka_conf_get(rdconf, "linger.ms", text, &size) != RD_KAFKA_CONF_OK)
        return cv_fail(err, CV_INTERNAL, "librdkafka has no \"linger.ms\"");
    *ret_us = (int64_t)(strtod(text, NULL) * 1000); /* it takes fractions */
    return CV_OK;
}

enum cv_rc
gate_init(struct cv_producer *producer, const rd_kafka_conf_t *rdconf, struct cv_err *err)
{
    char idempotent[8];
    size_t size = sizeof(idempotent), kbytes = 0;

    if (get_limit(rdconf, "queue.buffering.max.messages", &producer->max_messages, err) != CV_OK ||
        get_limit(rdconf, "queue.buffering.max.kbytes", &kbytes, err) != CV_OK ||
        get_limit(rdconf, "batch.size", &producer->burst_bytes, err) != CV_OK ||
        get_limit(rdconf, "batch.num.messages", &producer->burst_messages, err) != CV_OK ||
        get_limit(rdconf, "message.max.bytes", &producer->max_message, err) != CV_OK ||
        get_linger(rdconf, &producer->linger_us, err) != CV_OK)
        return err->rc;
    if (producer->burst_messages > BURST_MESSAGES)
        producer->burst_messages = BURST_MESSAGES;
    if (producer->max_messages == 0) /* librdkafka: without limit */
        producer->max_messages = SIZE_MAX;
    producer->max_bytes = kbytes * 1024;
    producer->idempotent = rd_kafka_conf_get(rdconf, "enable.idempotence", idempotent, &size) == RD_KAFKA_CONF_OK &&
                           strcmp(idempotent, "true") == 0;
    producer->ring_size = RING_FIRST;
    producer->ring = calloc(producer->ring_size, sizeof(*producer->ring));
    return producer->ring == NULL ? cv_fail_memory(err) : CV_OK;
}

void
gate_free(struct cv_producer *producer)
{
    free(producer->ring);
}

/* ---- reports ---- */

static enum cv_rc
send_failed(struct cv_producer *producer, const struct cv_producer_topic *topic, rd_kafka_resp_err_t code,
            struct cv_err *err)
{
    enum cv_rc rc = kafka_fail(&producer->handle, err, producer_fatal_cause(producer, code), NULL,
                               "could not produce to topic \"%s\"", topic->name);

    /* CV_RETRY means nothing but a full queue here. */
    if (rc == CV_RETRY || code == RD_KAFKA_RESP_ERR__FATAL || producer->in_txn)
        rc = err->rc = rc == CV_FENCED || rc == CV_INVALID ? rc : CV_CONFLICT;
    return rc;
}

/* What librdkafka's own text leaves open; NULL: nothing. */
static const char *
detail_of(rd_kafka_resp_err_t code)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
        return "the topic is not there, or was deleted: make it again and restart";
    default:
        return NULL;
    }
}

static void
report_failure(struct cv_producer *producer, const struct message *msg, rd_kafka_resp_err_t code)
{
    struct cv_delivery *delivery = msg->delivery;
    struct cv_err scratch = CV_ERR_INIT;
    struct cv_err *err = &scratch;
    char partition[32] = ""; /* not chosen yet where the topic is not known */

    if (msg->partition >= 0)
        (void)snprintf(partition, sizeof(partition), " partition %d", msg->partition);
    if (delivery != NULL) {
        delivery->failed++;
        if (delivery->err.rc != CV_OK)
            return;
        err = &delivery->err;
    }
    if (producer->handle.rk == NULL) /* between two instances */
        (void)cv_fail(err, CV_RETRY, "could not write to topic \"%s\": %s", msg->topic->name, rd_kafka_err2str(code));
    else
        (void)kafka_fail(&producer->handle, err, producer_fatal_cause(producer, code), detail_of(code),
                         "could not write to topic \"%s\"%s", msg->topic->name, partition);
    if (delivery == NULL)
        CV_LOG_WARN(cv_log_get("culvert.kafka"), "a message was not written", CV_ERR(err));
}

/* Free what the message holds, and the ring's slots up to the first message without report. */
static void
drop(struct cv_producer *producer, struct message *msg)
{
    if (msg->headers != NULL)
        rd_kafka_headers_destroy(msg->headers);
    free(msg->copy);
    producer->queued--;
    producer->queued_bytes -= msg->size;
    *msg = (struct message){ .state = MESSAGE_DONE };
    while (producer->first < producer->end && message_at(producer, producer->first)->state == MESSAGE_DONE)
        producer->first++;
    if (producer->next < producer->first)
        producer->next = producer->first;
}

/* A message that was not written fails its transaction, whether anybody asks for its delivery or not. */
static void
fail_transaction(struct cv_producer *producer, const struct message *msg, rd_kafka_resp_err_t code)
{
    bool purged = code == RD_KAFKA_RESP_ERR__PURGE_QUEUE || code == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;

    if (producer->transactional && !purged && producer->broken.rc == CV_OK)
        (void)send_failed(producer, msg->topic, code, &producer->broken);
}

/* The one place where a message ends. */
static void
finish(struct cv_producer *producer, struct message *msg, rd_kafka_resp_err_t code, int64_t offset)
{
    struct cv_delivery *delivery = msg->delivery;

    producer->reported++;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        report_failure(producer, msg, code);
        fail_transaction(producer, msg, code);
    } else {
        producer->renewals = 0;
    }
    drop(producer, msg);
    if (delivery == NULL)
        return;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && offset > delivery->last_offset)
        delivery->last_offset = offset;
    cv_delivery_release(delivery);
}

/* A client that failed for good will be replaced: what it did not deliver is sent again. */
static bool
is_sent_again(const struct cv_producer *producer, rd_kafka_t *rk, rd_kafka_resp_err_t code)
{
    char text[64];

    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || producer->transactional)
        return false;
    return producer->renewing || (producer->idempotent && producer->broken.rc == CV_OK &&
                                  rd_kafka_fatal_error(rk, text, sizeof(text)) != RD_KAFKA_RESP_ERR_NO_ERROR);
}

/*
 * Offsets of a partition only grow, and this producer knows the last. One that is not higher shows that the topic was
 * deleted and made again, or that it lost its end with the broker that led it: Kafka says so to nobody.
 */
static bool
went_back(struct cv_producer_topic *topic, int32_t partition, int64_t offset, int64_t *ret_last)
{
    if (partition < 0 || offset < 0)
        return false; /* not told: a repeat that the broker recognized */
    if (partition >= topic->n_offsets) {
        int64_t *offsets = realloc(topic->offsets, ((size_t)partition + 1) * sizeof(*offsets));

        if (offsets == NULL)
            return false;
        for (int32_t i = topic->n_offsets; i <= partition; i++)
            offsets[i] = -1;
        topic->offsets = offsets;
        topic->n_offsets = partition + 1;
    }
    *ret_last = topic->offsets[partition];
    topic->offsets[partition] = offset;
    return offset <= *ret_last;
}

static void
report_lost_topic(const struct message *msg, int32_t partition, int64_t offset, int64_t last)
{
    struct cv_err scratch = CV_ERR_INIT;
    struct cv_err *err = msg->delivery != NULL && msg->delivery->err.rc == CV_OK ? &msg->delivery->err : &scratch;

    (void)cv_fail(err, CV_INVALID,
                  "topic \"%s\" partition %d was written up to offset %" PRId64 ", and a message behind it has offset "
                  "%" PRId64 ": the topic was deleted and made again, or lost its end, and what it held is gone; write "
                  "it anew from the source, or restart to go on without",
                  msg->topic->name, partition, last, offset);
    if (msg->delivery == NULL)
        CV_LOG_ERROR(cv_log_get("culvert.kafka"), "a topic lost messages", CV_ERR(err));
}

/* Inside poll, flush, commit and abort. */
void
gate_on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *report, void *opaque)
{
    struct cv_producer *producer = cv_container_of(opaque, struct cv_producer, handle);
    struct message *msg = message_at(producer, (uint64_t)(uintptr_t)report->_private);
    int64_t last;

    producer->sent--;
    producer->in_burst[msg->burst]--;
    if (is_sent_again(producer, rk, report->err)) {
        msg->state = MESSAGE_WAITING;
        if (rd_kafka_message_detach_headers((rd_kafka_message_t *)(uintptr_t)report, &msg->headers) !=
            RD_KAFKA_RESP_ERR_NO_ERROR)
            msg->headers = NULL;
        return;
    }
    if (report->err == RD_KAFKA_RESP_ERR_NO_ERROR && went_back(msg->topic, report->partition, report->offset, &last))
        report_lost_topic(msg, report->partition, report->offset, last);
    finish(producer, msg, report->err, report->offset);
}

/* ---- handing over ---- */

static rd_kafka_resp_err_t
produce(struct cv_producer *producer, struct message *msg, uint64_t number)
{
    void *opaque = (void *)(uintptr_t)number, *value = (void *)(uintptr_t)msg->value.data;
    rd_kafka_resp_err_t code;
    struct cv_err err;

    if (msg->topic->rkt == NULL && producer_open_topic(producer, msg->topic, &err) != CV_OK) {
        CV_LOG_WARN(cv_log_get("culvert.kafka"), "no producer for now, trying again", CV_ERR(&err));
        return RD_KAFKA_RESP_ERR__QUEUE_FULL;
    }
    if (msg->headers == NULL && msg->timestamp_ms == CV_NO_TIMESTAMP) {
        if (rd_kafka_produce(msg->topic->rkt, msg->partition, 0, value, msg->value.len, msg->key.data, msg->key.len,
                             opaque) != 0)
            return rd_kafka_last_error();
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    code = rd_kafka_producev(producer->handle.rk, RD_KAFKA_V_RKT(msg->topic->rkt),
                             RD_KAFKA_V_PARTITION(msg->partition), RD_KAFKA_V_MSGFLAGS(0),
                             RD_KAFKA_V_KEY(msg->key.data, msg->key.len), RD_KAFKA_V_VALUE(value, msg->value.len),
                             RD_KAFKA_V_HEADERS(msg->headers),
                             RD_KAFKA_V_TIMESTAMP(msg->timestamp_ms == CV_NO_TIMESTAMP ? 0 : msg->timestamp_ms),
                             RD_KAFKA_V_OPAQUE(opaque), RD_KAFKA_V_END);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        msg->headers = NULL; /* librdkafka's now */
    return code;
}

/* The message stays: there will be room, or a new client. */
static bool
can_wait(const struct cv_producer *producer, rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__QUEUE_FULL || (code == RD_KAFKA_RESP_ERR__FATAL && !producer->transactional);
}

/* The last burst may still take messages: librdkafka has not sent it yet, or just so, and keeps the order. */
static bool
is_burst_open(const struct cv_producer *producer)
{
    return producer->idempotent && producer->in_burst[producer->burst] > 0 &&
           cv_mono_us() - producer->burst_us < producer->linger_us;
}

/* Another burst may go. */
static bool
may_begin(const struct cv_producer *producer)
{
    if (producer->sent == 0)
        return true;
    return producer->idempotent && producer->sent < SMALL_MESSAGES &&
           producer->in_burst[(producer->burst + 1) % BURSTS_MAX] == 0;
}

static void
begin_burst(struct cv_producer *producer)
{
    producer->burst = (uint8_t)((producer->burst + 1) % BURSTS_MAX);
    producer->burst_us = cv_mono_us();
    producer->burst_now_bytes = 0;
    producer->burst_now_messages = 0;
}

/* The message fits into the burst that is under way. */
static bool
has_room(const struct cv_producer *producer, const struct message *msg)
{
    return producer->burst_now_messages == 0 ||
           (producer->burst_now_messages < producer->burst_messages &&
            producer->burst_now_bytes + msg->size <= producer->burst_bytes);
}

/* Hand one over; false: it stays. */
static bool
pass_one(struct cv_producer *producer, struct message *msg, uint64_t number)
{
    rd_kafka_resp_err_t code = produce(producer, msg, number);

    if (can_wait(producer, code))
        return false;
    msg->state = MESSAGE_SENT;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        finish(producer, msg, code, CV_OFFSET_INVALID);
        return true;
    }
    msg->burst = producer->burst;
    producer->in_burst[producer->burst]++;
    producer->burst_now_messages++;
    producer->burst_now_bytes += msg->size;
    producer->sent++;
    return true;
}

void
gate_pass(struct cv_producer *producer, bool all)
{
    if (producer->next == producer->end)
        return;
    if (!all && !is_burst_open(producer)) {
        if (!may_begin(producer))
            return;
        begin_burst(producer);
    }
    while (producer->next < producer->end) {
        uint64_t number = producer->next;
        struct message *msg = message_at(producer, number);

        if (msg->state == MESSAGE_WAITING &&
            ((!all && !has_room(producer, msg)) || !pass_one(producer, msg, number)))
            return;
        if (producer->next == number)
            producer->next = number + 1;
    }
}

void
gate_purge(struct cv_producer *producer)
{
    for (uint64_t number = producer->next; number < producer->end; number++)
        if (message_at(producer, number)->state == MESSAGE_WAITING)
            finish(producer, message_at(producer, number), RD_KAFKA_RESP_ERR__PURGE_QUEUE, CV_OFFSET_INVALID);
    producer->next = producer->end;
}

void
gate_rewind(struct cv_producer *producer)
{
    producer->next = producer->first;
    producer->sent = 0;
    memset(producer->in_burst, 0, sizeof(producer->in_burst));
}

/* ---- taking in ---- */

static enum cv_rc
grow(struct cv_producer *producer, struct cv_err *err)
{
    size_t size = producer->ring_size * 2;
    struct message *ring = calloc(size, sizeof(*ring));

    if (ring == NULL)
        return cv_fail_memory(err);
    for (uint64_t number = producer->first; number < producer->end; number++)
        ring[number & (size - 1)] = *message_at(producer, number);
    free(producer->ring);
    producer->ring = ring;
    producer->ring_size = size;
    return CV_OK;
}

static enum cv_rc
own_bytes(struct message *msg, struct cv_err *err)
{
    char *copy = malloc(msg->key.len + msg->value.len + 1);

    if (copy == NULL)
        return cv_fail_memory(err);
    if (msg->key.len > 0)
        memcpy(copy, msg->key.data, msg->key.len);
    if (msg->value.len > 0)
        memcpy(copy + msg->key.len, msg->value.data, msg->value.len);
    if (msg->key.data != NULL)
        msg->key.data = copy;
    if (msg->value.data != NULL)
        msg->value.data = copy + msg->key.len;
    msg->copy = copy;
    return CV_OK;
}

static enum cv_rc
own_headers(struct message *msg, const struct cv_raw_headers *headers, struct cv_err *err)
{
    rd_kafka_headers_t *list;

    if (headers == NULL || headers->count == 0)
        return CV_OK;
    list = rd_kafka_headers_new(headers->count);
    if (list == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < headers->count; i++)
        rd_kafka_header_add(list, headers->items[i].name, -1, headers->items[i].value.data,
                            (ssize_t)headers->items[i].value.len);
    msg->headers = list;
    return CV_OK;
}

static void
fail_if_fatal(struct cv_producer *producer, const struct message *msg)
{
    char text[64];

    if (rd_kafka_fatal_error(producer->handle.rk, text, sizeof(text)) != RD_KAFKA_RESP_ERR_NO_ERROR)
        fail_transaction(producer, msg, RD_KAFKA_RESP_ERR__FATAL);
}

/* Enough waits for a burst. */
static bool
is_ripe(const struct cv_producer *producer)
{
    return producer->sent == 0 && (producer->queued_bytes >= producer->burst_bytes ||
                                   producer->queued >= producer->burst_messages);
}

enum cv_rc
gate_send(struct cv_producer *producer, const struct message *msg, const struct cv_raw_headers *headers,
          struct cv_err *err)
{
    struct message *place;
    size_t size = size_of(msg, headers);

    if (producer->transactional && producer->broken.rc == CV_OK)
        fail_if_fatal(producer, msg);
    if (producer->broken.rc != CV_OK)
        return cv_fail(err, producer->broken.rc == CV_FENCED ? CV_FENCED : CV_CONFLICT, "%s", producer->broken.text);
    if (msg->key.len + msg->value.len > producer->max_message)
        return send_failed(producer, msg->topic, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, err);
    if (producer->end - producer->first >= producer->max_messages ||
        (producer->queued > 0 && producer->queued_bytes + size > producer->max_bytes))
        return cv_fail(err, CV_RETRY, "the queue of messages to Kafka is full");
    if (producer->end - producer->first == producer->ring_size && grow(producer, err) != CV_OK)
        return err->rc;
    place = message_at(producer, producer->end);
    *place = *msg;
    place->size = size;
    if (own_headers(place, headers, err) != CV_OK || (msg->delivery == NULL && own_bytes(place, err) != CV_OK)) {
        if (place->headers != NULL)
            rd_kafka_headers_destroy(place->headers);
        return err->rc;
    }
    producer->queued++;
    producer->queued_bytes += size;
    producer->end++;
    if (msg->delivery != NULL)
        msg->delivery->pending++;
    if (is_ripe(producer))
        gate_pass(producer, false);
    return CV_OK;
}
