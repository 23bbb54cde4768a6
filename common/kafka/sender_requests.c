/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Produce requests to one broker, and their answers.
 *
 * A broker works on one request of a connection at a time. So while none is on its way, what waits goes at once, if the
 * last is not just gone; while some are, what comes is gathered until it makes a request worth its cost, the larger the
 * more there are, or until an answer. So the broker never waits for the next, and gets large ones when it is slower.
 * Requests hold one batch of each partition that has something.
 */
#include "common/kafka/sender_private.h"

#include "common/clock.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST_BYTES   ((size_t)2 << 20) /* of batches; a larger one goes alone */
#define GATHER_MESSAGES 1000 /* for each request on its way: worth another */
#define REQUEST_GAP_US  1000 /* between small ones: a broker has as much work with one as with some hundred messages */

/* ---- what may go ---- */

/* When the partition may send; INT64_MAX: not before something happens that ends the thread's sleep. */
static int64_t
ready_ms(const struct sender *s, const struct partition *part, const struct peer *peer, bool eager)
{
    const struct message *oldest = part->waiting.first;

    if (part->leader != peer || !partition_has_more(part))
        return INT64_MAX;
    if (part->in_flight > 0 && part->sent_to != peer) /* it moved: nothing may overtake what is on its way elsewhere */
        return INT64_MAX;
    if (s->settings->transactional_id != NULL && part->txn != s->txn)
        return INT64_MAX;
    if (part->again.first != NULL) /* in its order: one at a time */
        return part->in_flight > 0 ? INT64_MAX : part->not_before_ms;
    if (s->settings->linger_us == 0 || eager || part->waiting.bytes >= part->batch_bytes ||
        oldest->taken_us <= s->hurry_us)
        return 0;
    return (oldest->taken_us + s->settings->linger_us + 999) / 1000;
}

/* What waits for the broker, and whether it may go now. */
struct survey {
    size_t bytes, messages;
    bool again;
};

static struct survey
look(struct sender *s, const struct peer *peer, int64_t now_ms)
{
    struct survey found = { 0 };

    for (struct cv_producer_topic *topic = s->active; topic != NULL; topic = topic->next_active)
        for (struct partition *part = topic->first_active; part != NULL; part = part->next_active) {
            int64_t at_ms = ready_ms(s, part, peer, false);

            if (at_ms > now_ms) {
                sender_due(s, at_ms);
                continue;
            }
            found.bytes += part->waiting.bytes;
            found.messages += part->waiting.count;
            found.again |= part->again.first != NULL;
        }
    return found;
}

/* So much waits that it makes another request: the more, the more are on their way. */
static bool
is_large(const struct sender *s, const struct survey *found, int in_flight, int max)
{
    size_t share = in_flight > 0 ? (size_t)in_flight : 1;

    return found->bytes * (size_t)max >= s->settings->batch_bytes * share || found->messages >= GATHER_MESSAGES * share;
}

static bool
may_send(struct sender *s, struct peer *peer, int64_t now_ms)
{
    int max = s->idempotent || !s->settings->idempotent ? s->settings->max_in_flight : 1;
    struct survey found;
    int64_t at_us;

    if (peer->in_flight >= max || (s->idempotent && (s->renewing || s->producer_id == CV_WIRE_NO_PRODUCER)))
        return false;
    found = look(s, peer, now_ms);
    if (found.again || (found.bytes > 0 && is_large(s, &found, peer->in_flight, max)))
        return true;
    if (found.bytes == 0 || peer->in_flight > 0)
        return false;
    at_us = peer->sent_us + REQUEST_GAP_US;
    if (s->settings->linger_us > 0 || cv_mono_us() >= at_us)
        return true;
    if (at_us < s->due_us)
        s->due_us = at_us;
    return false;
}

/* ---- writing ---- */

static enum cv_rc
write_batch(struct sender *s, const struct batch *batch, struct cv_buf *out, struct cv_err *err)
{
    struct cv_batch_owner owner = { CV_WIRE_NO_PRODUCER, -1, -1, s->settings->transactional_id != NULL };
    size_t at;
    enum cv_rc rc;

    if (batch->identity != 0)
        owner = (struct cv_batch_owner){ s->producer_id, s->epoch, batch->sequence, owner.transactional };
    cv_wire_write_produce_partition(out, batch->partition->id, 0);
    at = out->len;
    cv_batch_begin(&s->writer, out);
    for (const struct message *msg = batch->messages.first; msg != NULL; msg = msg->next)
        cv_batch_add(&s->writer, &(struct cv_batch_record){ .key = msg->key.data,
                                                            .key_len = msg->key.len,
                                                            .value = msg->value.data,
                                                            .value_len = msg->value.len,
                                                            .headers = msg->headers.data,
                                                            .headers_len = msg->headers.len,
                                                            .timestamp_ms = msg->timestamp_ms });
    rc = cv_batch_end(&s->writer, &owner, err);
    cv_wire_put_u32(out, at - 4, (uint32_t)(out->len - at));
    return rc;
}

/* A request being written. */
struct writing {
    struct request *request;
    struct cv_buf *out;
    size_t taken; /* bytes before compression */
    uint32_t n_topics;
};

/* One batch of the partition; false: the request is full, or the batch cannot be written. */
static bool
add_partition(struct sender *s, struct writing *w, struct partition *part)
{
    size_t next = part->again.first != NULL ? part->again.first->messages.bytes
                  : part->waiting.bytes < part->batch_bytes ? part->waiting.bytes
                                                            : part->batch_bytes;
    size_t start = w->out->len;
    struct batch *batch;
    struct cv_err err;

    if (w->taken > 0 && w->taken + next > REQUEST_BYTES)
        return false;
    batch = batches_next(s, part);
    if (batch == NULL)
        return false;
    if (write_batch(s, batch, w->out, &err) != CV_OK) {
        sender_complain(s, err.text);
        cv_buf_truncate(w->out, start);
        batches_take_back(s, batch);
        return false;
    }
    part->sent_to = part->leader;
    w->taken += batch->messages.bytes;
    batch_push(&w->request->batches, batch);
    return true;
}

/* Take the next out of the topic's list; it comes back at the end if it has more to send. */
static struct partition *
take_active(struct cv_producer_topic *topic)
{
    struct partition *part = topic->first_active;

    topic->first_active = part->next_active;
    part->active = false;
    return part;
}

/* The topic's partitions that may go now; the others stay. false: the request is full. */
static bool
add_topic(struct sender *s, struct writing *w, const struct peer *peer, struct cv_producer_topic *topic, int64_t now_ms)
{
    size_t start = w->out->len, at;
    struct partition *last = topic->last_active, *part;
    uint32_t n = 0;
    bool room = true;

    cv_wire_write_produce_topic(w->out, topic->name, 0);
    at = w->out->len;
    do {
        part = take_active(topic);
        if (room && ready_ms(s, part, peer, w->taken > 0) <= now_ms) {
            room = add_partition(s, w, part);
            n += room;
        }
        if (partition_has_more(part))
            topics_activate(s, part);
    } while (part != last);
    if (n == 0)
        cv_buf_truncate(w->out, start);
    else
        cv_wire_put_u32(w->out, at - 4, n);
    w->n_topics += n > 0;
    return room;
}

/* What went to its end of the list begins the next request. */
static void
add_topics(struct sender *s, struct writing *w, const struct peer *peer, int64_t now_ms)
{
    struct cv_producer_topic *last = s->last_active, *topic;
    bool room = true;

    do {
        topic = s->active;
        s->active = topic->next_active;
        if (room)
            room = add_topic(s, w, peer, topic, now_ms);
        topic->active = false;
        if (topic->first_active != NULL)
            topics_queue(s, topic);
    } while (topic != last);
}

static void
push_request(struct peer *peer, struct request *request)
{
    request->next = NULL;
    if (peer->first == NULL)
        peer->first = request;
    else
        peer->last->next = request;
    peer->last = request;
    peer->in_flight++;
}

static struct request *
pop_request(struct peer *peer)
{
    struct request *request = peer->first;

    peer->first = request->next;
    peer->in_flight--;
    return request;
}

/* All batches of the request have the same end. */
static void
settle(struct sender *s, struct request *request, rd_kafka_resp_err_t code)
{
    struct batch *batch;

    while ((batch = batch_pop(&request->batches)) != NULL)
        batches_answered(s, batch, code, -1);
    free(request);
}

static void
broke(struct sender *s, struct peer *peer, const struct cv_err *err)
{
    bool told = peer->in_flight > 0; /* an idle connection that the broker closes is no news */

    link_failed(s, &peer->link, told ? err : NULL);
    if (told)
        link_close(s, &s->control); /* it may hang, too: the next question opens another, which waits elsewhere */
    if (!told)
        peer->link.not_before_ms = 0;
    while (peer->first != NULL)
        settle(s, pop_request(peer), RD_KAFKA_RESP_ERR__TRANSPORT);
}

/* false: nothing was sent. */
static bool
send_request(struct sender *s, struct peer *peer, int64_t now_ms)
{
    struct writing w = { .request = calloc(1, sizeof(*w.request)) };
    size_t start, at;
    struct cv_err err;

    if (w.request == NULL)
        return false;
    w.out = cv_wire_begin(peer->link.conn, CV_WIRE_PRODUCE, &w.request->correlation_id);
    start = w.out->len;
    cv_wire_write_produce(w.out, s->settings->transactional_id, s->settings->acks,
                          (int32_t)s->settings->request_timeout_ms, 0);
    at = w.out->len;
    add_topics(s, &w, peer, now_ms);
    if (w.n_topics == 0) {
        cv_wire_cancel(peer->link.conn);
        free(w.request);
        return false;
    }
    cv_wire_put_u32(w.out, at - 4, w.n_topics);
    link_count(s, w.out->len - start, 0);
    w.request->deadline_ms = now_ms + s->settings->request_timeout_ms;
    peer->sent_us = cv_mono_us();
    peer->link.used_ms = now_ms;
    push_request(peer, w.request);
    if (cv_wire_end(peer->link.conn, &err) != CV_OK) {
        broke(s, peer, &err);
        return false;
    }
    if (s->settings->acks == 0) /* there are no answers */
        settle(s, pop_request(peer), RD_KAFKA_RESP_ERR_NO_ERROR);
    return true;
}

/* ---- answers ---- */

/* The batch of that partition, taken out of the request. */
static struct batch *
take_batch(struct request *request, const struct cv_wire_produced *produced)
{
    struct batch *before = NULL;

    for (struct batch *batch = request->batches.first; batch != NULL; before = batch, batch = batch->next) {
        const struct cv_producer_topic *topic = batch->partition->topic;

        if (batch->partition->id != produced->partition || strlen(topic->name) != produced->topic_len ||
            memcmp(topic->name, produced->topic, produced->topic_len) != 0)
            continue;
        if (before == NULL)
            request->batches.first = batch->next;
        else
            before->next = batch->next;
        if (request->batches.last == batch)
            request->batches.last = before;
        return batch;
    }
    return NULL;
}

static enum cv_rc
answered(struct sender *s, struct peer *peer, const struct cv_wire_response *answer, struct cv_err *err)
{
    struct cv_wire_produced produced = cv_wire_read_produced(answer->body, answer->len);
    struct request *request;
    struct batch *batch;

    if (peer->first == NULL || peer->first->correlation_id != answer->correlation_id)
        return cv_fail(err, CV_INVALID, "%s answered a request that was not made", cv_wire_peer(peer->link.conn));
    request = pop_request(peer);
    while (cv_wire_produced_next(&produced)) {
        batch = take_batch(request, &produced);
        if (batch != NULL)
            batches_answered(s, batch, (rd_kafka_resp_err_t)produced.error, produced.base_offset);
    }
    settle(s, request, RD_KAFKA_RESP_ERR__TRANSPORT); /* what was not answered */
    return cv_wire_produced_finish(&produced, err);
}

/* All that the connection has. */
static enum cv_rc
receive(struct sender *s, struct peer *peer, struct cv_err *err)
{
    for (;;) {
        struct cv_wire_response answer;
        enum cv_rc rc = cv_wire_receive(peer->link.conn, 0, NULL, &answer, err);

        if (rc != CV_OK || answer.body == NULL)
            return rc;
        link_count(s, 0, answer.len);
        if (answered(s, peer, &answer, err) != CV_OK)
            return err->rc;
    }
}

static void
check_deadline(struct sender *s, struct peer *peer, int64_t now_ms)
{
    struct cv_err err;

    if (peer->first == NULL)
        return;
    if (now_ms < peer->first->deadline_ms) {
        sender_due(s, peer->first->deadline_ms);
        return;
    }
    (void)cv_fail(&err, CV_RETRY, "%s:%d did not answer within request.timeout.ms=%lld", peer->link.host,
                  peer->link.port, (long long)s->settings->request_timeout_ms);
    broke(s, peer, &err);
}

/* A broker that cannot be reached, or closes the connection, may lead nothing any more. */
static void
doubt_leader(struct sender *s, struct peer *peer)
{
    if (!peer->link.failed)
        return;
    peer->link.failed = false;
    for (struct cv_producer_topic *topic = s->active; topic != NULL; topic = topic->next_active)
        for (const struct partition *part = topic->first_active; part != NULL; part = part->next_active)
            if (part->leader == peer)
                topics_want(s, topic);
}

void
requests_serve(struct sender *s, struct peer *peer, int64_t now_ms)
{
    struct cv_err err;

    if (peer->link.conn != NULL && peer->link.revents != 0 && receive(s, peer, &err) != CV_OK)
        broke(s, peer, &err);
    peer->link.revents = 0;
    check_deadline(s, peer, now_ms);
    if (s->active == NULL || !may_send(s, peer, now_ms))
        return;
    doubt_leader(s, peer);
    if (link_expires(&peer->link, now_ms)) {
        if (peer->in_flight > 0)
            return;
        link_close(s, &peer->link);
    }
    if (link_open(s, &peer->link, now_ms) == NULL)
        return;
    while ((cv_wire_events(peer->link.conn) & POLLOUT) == 0 && may_send(s, peer, now_ms) &&
           send_request(s, peer, now_ms))
        continue;
}

void
requests_drop(struct sender *s, struct peer *peer)
{
    link_close(s, &peer->link);
    while (peer->first != NULL)
        settle(s, pop_request(peer), RD_KAFKA_RESP_ERR__TRANSPORT);
}
