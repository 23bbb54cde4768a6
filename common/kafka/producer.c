/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The owner's side of a producer: messages in, reports out. What lies between is the sender's (sender.c).
 *
 * A sender is a thread with connections. So there is none until the first message, and none any more when nothing was
 * sent for a while; the next message makes a new one. A transactional producer keeps its own: making one means taking
 * over from others. In a transaction, or after one failed, a producer is of no use any more: its owner frees it and
 * makes a new one, since a commit or abort that is retried can land on a later transaction (Kafka before KIP-890).
 */
#include "common/kafka/producer.h"

#include "common/clock.h"
#include "common/kafka/producer_state.h"
#include "common/kafka/refusal.h"
#include "common/map.h"
#include "common/wire/record_batch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_MESSAGES    128                 /* memory for messages is taken by so many */
#define HAND_OVER_BYTES   ((size_t)64 << 10)  /* a sender with nothing to do shall not wait for a poll */
#define HAND_OVER_COUNT   256
#define HEADERS_MAX       ((size_t)64 << 20)

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

/* ---- life ---- */

static void
finish_all(struct cv_producer *producer, struct reports *reports);

/* What has no report fails. */
static void
close_sender(struct cv_producer *producer)
{
    struct reports reports;

    if (producer->sender == NULL)
        return;
    sender_put(producer->sender, &producer->outbox);
    sender_stop(producer->sender, &reports);
    producer->sender = NULL;
    finish_all(producer, &reports);
}

enum cv_rc
cv_producer_open(struct cv_producer *producer, struct cv_err *err)
{
    producer->used = true;
    if (producer->sender != NULL)
        return CV_OK;
    if (producer->settings.wire == NULL &&
        producer_settings_wire(&producer->conf.conf, &producer->settings, err) != CV_OK)
        return err->rc;
    return sender_start(&producer->settings, &producer->handle, producer->wake, &producer->sender, err);
}

static void
free_headers(void *arg)
{
    cv_buf_free(arg);
    free(arg);
}

enum cv_rc
cv_producer_new(const struct cv_kafka_conf *conf, const char *transactional_id,
                struct cv_producer **ret, struct cv_err *err)
{
    struct cv_producer *producer = calloc(1, sizeof(*producer));
    enum cv_rc rc;

    if (producer == NULL)
        return cv_fail_memory(err);
    kafka_handle_init_bare(&producer->handle, conf);
    cv_buf_init(&producer->headers, HEADERS_MAX);
    producer->topics = cv_hash_new(producer_topic_free);
    producer->constants = cv_hash_new(free_headers);
    rc = producer->topics == NULL || producer->constants == NULL ? cv_fail_memory(err)
                                                                 : kafka_conf_copy(conf, &producer->conf, err);
    if (rc == CV_OK)
        rc = producer_settings_read(conf, transactional_id, &producer->settings, err);
    producer->looks_at_time = producer->settings.message_timeout_ms > 0 || producer->settings.linger_us > 0;
    if (rc == CV_OK)
        kafka_conf_warn(conf, transactional_id != NULL);
    if (rc == CV_OK && transactional_id != NULL)
        rc = cv_producer_open(producer, err);
    if (rc != CV_OK) {
        cv_producer_free(producer, 0);
        return rc;
    }
    *ret = producer;
    return CV_OK;
}

static void
free_blocks(struct cv_producer *producer)
{
    struct message_block *block;

    while ((block = producer->blocks) != NULL) {
        producer->blocks = block->next;
        free(block);
    }
    producer->free_messages = NULL;
}

void
cv_producer_free(struct cv_producer *producer, int wait_ms)
{
    struct cv_err err;

    if (producer == NULL)
        return;
    if (wait_ms != 0 && producer->queued > 0 && cv_producer_flush(producer, wait_ms, &err) != CV_OK)
        CV_LOG_DEBUG(cv_log_get("culvert.kafka"), "messages are given up", CV_ERR(&err));
    close_sender(producer);
    cv_hash_free(producer->topics);
    cv_hash_free(producer->constants);
    free_blocks(producer);
    cv_buf_free(&producer->headers);
    producer_settings_done(&producer->settings);
    kafka_handle_done_bare(&producer->handle);
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
        producer_topic_free(topic);
        return cv_fail_memory(err);
    }
    *ret = topic;
    return CV_OK;
}

/* ---- reports ---- */

static bool
is_too_large(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || code == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE;
}

/* What Kafka's own text leaves open; NULL: nothing. text is room for it. */
static const char *
detail_of(const struct cv_producer *producer, rd_kafka_resp_err_t code, const struct message *msg,
          char text[REFUSAL_MAX])
{
    if (is_too_large(code))
        return refusal_too_large(msg->key, msg->key.len + msg->value.len, "max.message.bytes of the topic", text);
    switch (code) {
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
        return "the topic is not there, or was deleted: make it again and restart";
    default:
        return refusal_explain(&producer->settings, code, text);
    }
}

static void
report_failure(struct cv_producer *producer, const struct message *msg, rd_kafka_resp_err_t code)
{
    struct cv_delivery *delivery = msg->delivery;
    struct cv_err scratch = CV_ERR_INIT;
    struct cv_err *err = &scratch;
    char partition[32] = ""; /* not chosen yet where the topic is not known */
    char text[REFUSAL_MAX];

    if (msg->partition >= 0)
        (void)snprintf(partition, sizeof(partition), " partition %d", msg->partition);
    if (delivery != NULL) {
        delivery->failed++;
        if (delivery->err.rc != CV_OK)
            return;
        err = &delivery->err;
        delivery->failed_topic = msg->topic->name;
        delivery->too_large = is_too_large(code);
    }
    (void)kafka_fail(&producer->handle, err, code, detail_of(producer, code, msg, text), "could not write to topic \"%s\"%s",
                     msg->topic->name, partition);
    if (delivery == NULL)
        CV_LOG_WARN(cv_log_get("culvert.kafka"), "a message was not written", CV_ERR(err));
}

static void
report_lost_topic(const struct message *msg, int64_t offset, int64_t last)
{
    struct cv_err scratch = CV_ERR_INIT;
    struct cv_err *err = msg->delivery != NULL && msg->delivery->err.rc == CV_OK ? &msg->delivery->err : &scratch;

    (void)cv_fail(err, CV_INVALID,
                  "topic \"%s\" partition %d was written up to offset %" PRId64 ", and a message behind it has offset "
                  "%" PRId64 ": the topic was deleted and made again, or lost its end, and what it held is gone; write "
                  "it anew from the source, or restart to go on without",
                  msg->topic->name, msg->partition, last, offset);
    if (msg->delivery == NULL)
        CV_LOG_ERROR(cv_log_get("culvert.kafka"), "a topic lost messages", CV_ERR(err));
}

static void
recycle(struct cv_producer *producer, struct message *msg)
{
    free(msg->own);
    producer->queued--;
    producer->queued_bytes -= msg->size;
    msg->next = producer->free_messages;
    producer->free_messages = msg;
}

/* The one place where a message ends. */
static void
finish(struct cv_producer *producer, struct message *msg, rd_kafka_resp_err_t code, int64_t offset)
{
    struct cv_delivery *delivery = msg->delivery;

    producer->reported++;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        report_failure(producer, msg, code);
    recycle(producer, msg);
    if (delivery == NULL)
        return;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && offset >= 0 && offset > delivery->last_offset)
        delivery->last_offset = offset;
    cv_delivery_release(delivery);
}

static void
finish_batch(struct cv_producer *producer, struct batch *batch)
{
    int64_t offset = batch->base_offset;

    if (batch->code == RD_KAFKA_RESP_ERR_NO_ERROR && batch->lost_from >= 0)
        report_lost_topic(batch->messages.first, batch->base_offset, batch->lost_from);
    while (batch->messages.first != NULL) {
        finish(producer, message_pop(&batch->messages), batch->code, offset);
        offset += offset >= 0;
    }
    free(batch);
}

static void
finish_all(struct cv_producer *producer, struct reports *reports)
{
    struct batch *batch;

    while ((batch = batch_pop(&reports->batches)) != NULL)
        finish_batch(producer, batch);
    while (reports->failed.first != NULL) {
        struct message *msg = message_pop(&reports->failed);

        finish(producer, msg, msg->code, -1);
    }
}

/* ---- messages ---- */

static struct message *
new_message(struct cv_producer *producer)
{
    struct message *msg = producer->free_messages;
    struct message_block *block;

    if (msg == NULL) {
        block = malloc(sizeof(*block) + BLOCK_MESSAGES * sizeof(*msg));
        if (block == NULL)
            return NULL;
        block->next = producer->blocks;
        producer->blocks = block;
        for (size_t i = 0; i < BLOCK_MESSAGES; i++) {
            block->messages[i].next = producer->free_messages;
            producer->free_messages = &block->messages[i];
        }
        msg = producer->free_messages;
    }
    producer->free_messages = msg->next;
    return msg;
}

static void
write_headers(struct cv_buf *buf, const struct cv_raw_headers *headers)
{
    cv_buf_reset(buf);
    cv_batch_write_header_count(buf, headers->count);
    for (size_t i = 0; i < headers->count; i++)
        cv_batch_write_header(buf, headers->items[i].name, headers->items[i].value.data, headers->items[i].value.len);
}

/* Headers that stay as they are, written once. */
static enum cv_rc
constant_headers(struct cv_producer *producer, const struct cv_raw_headers *headers, struct cv_bytes *ret,
                 struct cv_err *err)
{
    const uint64_t key = (uint64_t)(uintptr_t)headers;
    struct cv_buf *written = cv_hash_get_u64(producer->constants, key);

    if (written == NULL) {
        written = calloc(1, sizeof(*written));
        if (written == NULL || !cv_hash_put_u64(producer->constants, key, written)) {
            free(written);
            return cv_fail_memory(err);
        }
        cv_buf_init(written, HEADERS_MAX);
        write_headers(written, headers);
    }
    *ret = (struct cv_bytes){ written->data, written->len };
    return cv_buf_check(written, err);
}

/* Headers, and key and value where nobody will tell when they are not needed any more. */
static enum cv_rc
own(struct cv_producer *producer, struct message *msg, const struct cv_raw_headers *headers, struct cv_err *err)
{
    struct cv_buf *buf = &producer->headers;
    size_t key_len = msg->delivery == NULL ? msg->key.len : 0, value_len = msg->delivery == NULL ? msg->value.len : 0;
    char *at;

    cv_buf_reset(buf);
    if (headers != NULL && headers->count > 0 && headers->constant) {
        if (constant_headers(producer, headers, &msg->headers, err) != CV_OK)
            return err->rc;
    } else if (headers != NULL && headers->count > 0) {
        write_headers(buf, headers);
    }
    if (cv_buf_check(buf, err) != CV_OK)
        return cv_err_context(err, "the headers of a message");
    if (buf->len + key_len + value_len == 0)
        return CV_OK;
    msg->own = at = malloc(buf->len + key_len + value_len);
    if (at == NULL)
        return cv_fail_memory(err);
    if (buf->len > 0)
        msg->headers = (struct cv_bytes){ memcpy(at, buf->data, buf->len), buf->len };
    if (key_len > 0)
        msg->key.data = memcpy(at + buf->len, msg->key.data, key_len);
    if (value_len > 0)
        msg->value.data = memcpy(at + buf->len + key_len, msg->value.data, value_len);
    return CV_OK;
}

static void
hand_over(struct cv_producer *producer)
{
    if (producer->outbox.first != NULL)
        sender_put(producer->sender, &producer->outbox);
}

/* A transaction whose messages cannot be written is over; else the reports tell. */
static enum cv_rc
check_usable(struct cv_producer *producer, struct cv_err *err)
{
    struct cv_err broken;

    if (!sender_is_broken(producer->sender, &broken))
        return CV_OK;
    return cv_fail(err, broken.rc == CV_FENCED ? CV_FENCED : CV_CONFLICT, "%s", broken.text);
}

static enum cv_rc
check_room(const struct cv_producer *producer, struct cv_bytes key, size_t len, size_t size, struct cv_err *err)
{
    char limit[64], text[REFUSAL_MAX];

    if (len > producer->settings.max_message) {
        (void)snprintf(limit, sizeof(limit), "the producer's max.request.size=%zu", producer->settings.max_message);
        return cv_fail(err, CV_INVALID, "%s", refusal_too_large(key, len, limit, text));
    }
    if (producer->queued >= producer->settings.max_messages ||
        (producer->queued > 0 && producer->queued_bytes + size > producer->settings.max_bytes))
        return cv_fail(err, CV_RETRY, "the queue of messages to Kafka is full");
    return CV_OK;
}

enum cv_rc
cv_producer_send(struct cv_producer *producer, struct cv_producer_topic *topic, int32_t partition,
                 struct cv_bytes key, struct cv_bytes value, const struct cv_raw_headers *headers,
                 int64_t timestamp_ms, struct cv_delivery *delivery, struct cv_err *err)
{
    size_t size = cv_batch_record_size(key.len, value.len, 0);
    struct message *msg;

    if (cv_producer_open(producer, err) != CV_OK)
        return err->rc == CV_RETRY ? err->rc = CV_CONFLICT : err->rc;
    if (producer->outbox.first == NULL && check_usable(producer, err) != CV_OK)
        return err->rc;
    if (check_room(producer, key, key.len + value.len, size, err) != CV_OK)
        return err->rc;
    msg = new_message(producer);
    if (msg == NULL)
        return cv_fail_memory(err);
    if (producer->outbox.first == NULL)
        producer->now_ms = cv_now_ms(); /* reading the clock for each costs as much as all else here */
    *msg = (struct message){ .topic = topic,
                             .delivery = delivery,
                             .key = key,
                             .value = value,
                             .timestamp_ms = timestamp_ms == CV_NO_TIMESTAMP ? producer->now_ms : timestamp_ms,
                             .taken_us = producer->looks_at_time ? cv_mono_us() : 0,
                             .partition = partition };
    if ((headers != NULL || delivery == NULL) && own(producer, msg, headers, err) != CV_OK) {
        msg->next = producer->free_messages;
        producer->free_messages = msg;
        return err->rc;
    }
    msg->size = size + msg->headers.len;
    producer->queued++;
    producer->queued_bytes += msg->size;
    if (delivery != NULL)
        delivery->pending++;
    message_push(&producer->outbox, msg);
    if (producer->queued == 1 && producer->wake != NULL)
        cv_wake_signal(producer->wake); /* a poll hands over what comes until then */
    if (producer->outbox.bytes >= HAND_OVER_BYTES || producer->outbox.count >= HAND_OVER_COUNT)
        hand_over(producer);
    return CV_OK;
}

static void
serve(struct cv_producer *producer, int timeout_ms)
{
    struct reports reports;

    if (producer->sender == NULL)
        return;
    hand_over(producer);
    sender_take(producer->sender, timeout_ms, &reports);
    finish_all(producer, &reports);
    hand_over(producer);
}

static void
close_if_idle(struct cv_producer *producer)
{
    int64_t now_ms = cv_mono_ms();

    if (producer->used) {
        producer->used = false;
        producer->used_ms = now_ms;
    } else if (now_ms - producer->used_ms >= CV_PRODUCER_IDLE_MS) {
        close_sender(producer);
    }
}

int
cv_producer_poll(struct cv_producer *producer, int timeout_ms)
{
    producer->reported = 0;
    serve(producer, timeout_ms);
    if (producer->sender != NULL && producer->queued == 0 && producer->settings.transactional_id == NULL)
        close_if_idle(producer);
    return producer->reported;
}

void
cv_producer_notify(struct cv_producer *producer, struct cv_wake *wake)
{
    producer->wake = wake;
    if (producer->sender != NULL)
        sender_notify(producer->sender, wake);
}

enum cv_rc
cv_producer_flush(struct cv_producer *producer, int timeout_ms, struct cv_err *err)
{
    int64_t deadline_ms = timeout_ms < 0 ? INT64_MAX : cv_mono_ms() + timeout_ms;
    int64_t left_ms;

    serve(producer, 0);
    if (producer->queued > 0 && producer->settings.linger_us > 0)
        sender_hurry(producer->sender);
    while (producer->queued > 0 && (left_ms = deadline_ms - cv_mono_ms()) > 0) {
        if (cv_producer_check(producer, err) != CV_OK) {
            serve(producer, 0); /* what ended with it */
            return producer->queued > 0 ? err->rc : CV_OK;
        }
        serve(producer, left_ms < INT32_MAX ? (int)left_ms : INT32_MAX);
    }
    if (producer->queued > 0)
        return kafka_fail(&producer->handle, err, RD_KAFKA_RESP_ERR__TIMED_OUT, NULL,
                          "could not write %zu messages to Kafka", producer->queued);
    return CV_OK;
}

enum cv_rc
cv_producer_check(struct cv_producer *producer, struct cv_err *err)
{
    if (producer->sender == NULL || !sender_is_broken(producer->sender, err))
        return CV_OK;
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
    struct command command = { .kind = COMMAND_PARTITIONS, .deadline_ms = cv_mono_ms() + timeout_ms };

    if (cv_producer_topic(producer, topic, &command.topic, err) != CV_OK || cv_producer_open(producer, err) != CV_OK)
        return err->rc;
    hand_over(producer);
    sender_call(producer->sender, &command);
    if (command.code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka_fail(&producer->handle, err, command.code, NULL,
                          "could not read the partitions of topic \"%s\"", topic);
    *ret = command.n_partitions;
    return CV_OK;
}
