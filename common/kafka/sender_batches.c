/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches of a partition: how they get their sequence, keep their order, and end.
 *
 * An idempotent producer's batches carry its identity and the sequence of their first message, so that the broker takes
 * each once and in order (KIP-98). One that is refused, or whose answer is lost, is sent again as it is before anything
 * behind it; what was on its way behind it comes back as out of order, and follows. Where a batch ends without having
 * been written, the sequence has a gap: the identity is renewed, which begins all sequences anew.
 */
#include "common/kafka/sender_private.h"

#include "common/clock.h"

#include <stdlib.h>

/* ---- making ---- */

/* Messages up to what a batch may hold; at least one. */
static void
fill(struct sender *s, struct partition *part, struct batch *batch)
{
    const struct producer_settings *settings = s->settings;

    do
        message_push(&batch->messages, message_pop(&part->waiting));
    while (part->waiting.first != NULL && batch->messages.count < settings->batch_messages &&
           batch->messages.bytes + part->waiting.first->size <= part->batch_bytes);
}

static int32_t
sequence_behind(int32_t sequence, size_t count)
{
    return (int32_t)(((int64_t)sequence + (int64_t)count) & INT32_MAX);
}

static void
give_sequence(struct sender *s, struct partition *part, struct batch *batch)
{
    if (part->identity != s->identity) {
        part->identity = s->identity;
        part->next_sequence = 0;
    }
    batch->identity = s->identity;
    batch->sequence = part->next_sequence;
    part->next_sequence = sequence_behind(part->next_sequence, batch->messages.count);
}

struct batch *
batches_next(struct sender *s, struct partition *part)
{
    struct batch *batch = batch_pop(&part->again);

    if (batch == NULL) {
        batch = calloc(1, sizeof(*batch));
        if (batch == NULL)
            return NULL;
        batch->partition = part;
        batch->number = part->next_number++;
        fill(s, part, batch);
    }
    if (s->producer_id != CV_WIRE_NO_PRODUCER && batch->identity != s->identity)
        give_sequence(s, part, batch);
    batch->tries++;
    part->in_flight++;
    s->in_flight++;
    return batch;
}

/* In its place among the others. */
static void
put_again(struct partition *part, struct batch *batch)
{
    struct batch *before = NULL;

    for (struct batch *b = part->again.first; b != NULL && b->number < batch->number; b = b->next)
        before = b;
    if (before == NULL) {
        batch->next = part->again.first;
        part->again.first = batch;
    } else {
        batch->next = before->next;
        before->next = batch;
    }
    if (batch->next == NULL)
        part->again.last = batch;
}

void
batches_take_back(struct sender *s, struct batch *batch)
{
    batch->partition->in_flight--;
    s->in_flight--;
    batch->tries--;
    put_again(batch->partition, batch);
    topics_activate(s, batch->partition);
}

/* ---- ends ---- */

static void
report(struct sender *s, struct batch *batch, rd_kafka_resp_err_t code, int64_t base_offset)
{
    batch->code = code;
    batch->base_offset = base_offset;
    batch->lost_from = -1;
    batch_push(&s->done.batches, batch);
}

/*
 * Offsets of a partition only grow, and the last is known here. One that is not higher shows that the topic was deleted
 * and made again, or that it lost its end with the broker that led it: Kafka says so to nobody.
 */
static void
written(struct sender *s, struct batch *batch, int64_t base_offset)
{
    struct partition *part = batch->partition;

    s->renewals = 0;
    report(s, batch, RD_KAFKA_RESP_ERR_NO_ERROR, base_offset);
    if (base_offset < 0)
        return; /* not told: a repeat that the broker recognized */
    if (base_offset <= part->last_offset)
        batch->lost_from = part->last_offset;
    part->last_offset = base_offset + (int64_t)batch->messages.count - 1;
}

/* A transaction in which a message was not written can only be given up. */
static void
fail_transaction(struct sender *s, const struct cv_producer_topic *topic, rd_kafka_resp_err_t code)
{
    char what[512];

    if (s->settings->transactional_id == NULL || code == RD_KAFKA_RESP_ERR__PURGE_QUEUE)
        return;
    (void)snprintf(what, sizeof(what), "could not produce to topic \"%s\"", topic->name);
    sender_break(s, code, NULL, what);
}

void
batches_fail(struct sender *s, struct batch *batch, rd_kafka_resp_err_t code)
{
    fail_transaction(s, batch->partition->topic, code);
    if (batch->identity == s->identity && s->producer_id != CV_WIRE_NO_PRODUCER)
        identity_renew(s, code, false);
    report(s, batch, code, -1);
}

void
batches_fail_messages(struct sender *s, struct message_list *list, rd_kafka_resp_err_t code)
{
    if (list->first == NULL)
        return;
    fail_transaction(s, list->first->topic, code);
    for (struct message *msg = list->first; msg != NULL; msg = msg->next)
        msg->code = code;
    message_append(&s->done.failed, list);
}

/* ---- answers ---- */

enum verdict { WRITTEN, AGAIN, SMALLER, LOST, FAILED };

/* Whether a batch before it in the same partition is to be sent again: then this one had to be refused. */
static bool
is_behind(const struct batch *batch)
{
    const struct batch *first = batch->partition->again.first;

    return first != NULL && first->number < batch->number;
}

static enum verdict
judge(const struct sender *s, const struct batch *batch, rd_kafka_resp_err_t code)
{
    bool sequenced = batch->identity != 0;

    switch (code) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
    case RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER:
        return WRITTEN;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
        return batch->messages.count > 1 ? SMALLER : FAILED;
    case RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER:
    case RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING:
        if (!sequenced)
            return FAILED;
        if (is_behind(batch) || batch->identity != s->identity)
            return AGAIN;
        return s->settings->transactional_id == NULL ? LOST : FAILED;
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
    case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
        return sequenced && s->settings->transactional_id == NULL ? LOST : FAILED;
    case RD_KAFKA_RESP_ERR_INVALID_TXN_STATE: /* the coordinator knows of no such transaction: it was ended */
        return FAILED;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART: /* its metadata tells when it is gone for good */
    case RD_KAFKA_RESP_ERR_INVALID_MSG:           /* its checksum: the network's fault, not ours */
        return AGAIN;
    default:
        return kafka_class(code) == CV_RETRY ? AGAIN : FAILED;
    }
}

/* Errors of a connection are told where it broke. */
static void
tell(struct sender *s, const struct batch *batch, rd_kafka_resp_err_t code)
{
    char text[512];

    if (code == RD_KAFKA_RESP_ERR__TRANSPORT || is_behind(batch))
        return;
    (void)snprintf(text, sizeof(text), "topic \"%s\" partition %d: %s", batch->partition->topic->name,
                   batch->partition->id, rd_kafka_err2str(code));
    kafka_complain(s->handle, "PRODUCE", text);
}

static void
send_again(struct sender *s, struct batch *batch, rd_kafka_resp_err_t code)
{
    struct partition *part = batch->partition;
    bool behind = is_behind(batch);

    if (!behind && batch->tries > s->settings->retries) {
        batches_fail(s, batch, code);
        return;
    }
    tell(s, batch, code);
    if (behind)
        batch->tries--; /* it was refused for what another came to */
    else
        part->not_before_ms = cv_mono_ms() + s->settings->retry_backoff_ms;
    put_again(part, batch);
    topics_activate(s, part);
    topics_want(s, part->topic);
}

/* The broker takes smaller ones only: two of the same number, the second put there first, take its place, and its
   sequence, of which nothing was written. */
static void
send_smaller(struct sender *s, struct batch *batch)
{
    struct partition *part = batch->partition;
    struct batch *second = calloc(1, sizeof(*second));
    struct message_list first = { 0 };

    if (second == NULL) {
        batches_fail(s, batch, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
        return;
    }
    part->batch_bytes = batch->messages.bytes / 2;
    while (first.count == 0 || (batch->messages.count > 1 && first.bytes < part->batch_bytes))
        message_push(&first, message_pop(&batch->messages));
    *second = (struct batch){ .partition = part,
                              .number = batch->number,
                              .identity = batch->identity,
                              .sequence = sequence_behind(batch->sequence, first.count),
                              .messages = batch->messages };
    batch->messages = first;
    batch->tries = 0;
    put_again(part, second);
    put_again(part, batch);
    topics_activate(s, part);
}

void
batches_answered(struct sender *s, struct batch *batch, rd_kafka_resp_err_t code, int64_t base_offset)
{
    batch->partition->in_flight--;
    s->in_flight--;
    switch (judge(s, batch, code)) {
    case WRITTEN:
        written(s, batch, code == RD_KAFKA_RESP_ERR_NO_ERROR ? base_offset : -1);
        break;
    case AGAIN:
        send_again(s, batch, code);
        break;
    case SMALLER:
        send_smaller(s, batch);
        break;
    case LOST:
        identity_renew(s, code, true);
        put_again(batch->partition, batch);
        topics_activate(s, batch->partition);
        break;
    case FAILED:
        batches_fail(s, batch, code);
        break;
    }
    if (s->renewing && s->in_flight == 0)
        sender_due(s, 0); /* nothing else would wake the thread */
}
