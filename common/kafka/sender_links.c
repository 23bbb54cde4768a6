/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections. Opening one means looking up a name, TCP, TLS and SASL, and may take as long as a broker likes: a thread
 * that lives no longer does it. A connection whose session ends (KIP-368) is replaced by another once nothing is
 * unanswered on it. One that is idle is closed before the broker does it, which might be as the next request comes.
 */
#include "common/kafka/sender_private.h"

#include "common/clock.h"
#include "common/wire/stream.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define DIAL_ANSWERS 3 /* a connection is worth the time of so many answers: TLS and SASL need several */

struct dial {
    struct dial *next; /* of those that were cancelled */
    struct sender *sender;
    struct cv_thread *thread;
    struct cv_wake interrupt;
    char *host;
    int port;
    int64_t deadline_ms;
    /* under the sender's lock: */
    bool ended;
    struct cv_wire_conn *conn; /* NULL: it failed */
    struct cv_err err;
};

bool
link_interrupted(struct sender *s)
{
    bool stopping;

    cv_lock(&s->lock);
    stopping = s->stopping;
    cv_unlock(&s->lock);
    return stopping;
}

/* ---- what is told of connections ---- */

static void
count_opened(struct sender *s)
{
    if (s->handle->stats != NULL)
        atomic_fetch_add_explicit(&s->handle->stats->connections, 1, memory_order_relaxed);
}

static void
count_closed(struct sender *s)
{
    if (s->handle->stats != NULL)
        atomic_fetch_sub_explicit(&s->handle->stats->connections, 1, memory_order_relaxed);
}

void
link_count(struct sender *s, size_t bytes_out, size_t bytes_in)
{
    struct cv_kafka_stats *stats = s->handle->stats;

    if (stats == NULL)
        return;
    atomic_fetch_add_explicit(&stats->requests, bytes_out > 0, memory_order_relaxed);
    atomic_fetch_add_explicit(&stats->bytes_out, (int64_t)bytes_out, memory_order_relaxed);
    atomic_fetch_add_explicit(&stats->responses, bytes_in > 0, memory_order_relaxed);
    atomic_fetch_add_explicit(&stats->bytes_in, (int64_t)bytes_in, memory_order_relaxed);
}

/* ---- dialing ---- */

static void
dial_free(struct dial *dial)
{
    cv_wire_close(dial->conn);
    if (dial->interrupt.fd >= 0)
        cv_wake_done(&dial->interrupt);
    free(dial->host);
    free(dial);
}

static void
dial_run(void *arg)
{
    struct dial *dial = arg;
    struct sender *s = dial->sender;
    struct cv_wire_conn *conn = NULL;
    struct cv_err err = CV_ERR_INIT;

    if (cv_wire_open(s->settings->wire, dial->host, dial->port, dial->deadline_ms, &dial->interrupt, &conn, &err) ==
            CV_OK &&
        cv_wire_check_api(conn, CV_WIRE_PRODUCE, &err) != CV_OK) {
        cv_wire_close(conn);
        conn = NULL;
    }
    cv_lock(&s->lock);
    dial->conn = conn;
    dial->err = err;
    dial->ended = true;
    cv_unlock(&s->lock);
    cv_wake_signal(&s->wake);
}

/* For questions any broker will do: one that hangs is waited for less long. */
static int64_t
dial_ms(const struct sender *s, const struct link *link)
{
    int64_t ms = s->settings->wire->connect_timeout_ms, patience_ms = s->patience_ms * DIAL_ANSWERS;

    return link == &s->control && patience_ms < ms ? patience_ms : ms;
}

static void
dial_start(struct sender *s, struct link *link)
{
    struct dial *dial = calloc(1, sizeof(*dial));
    struct cv_err err = CV_ERR_INIT;

    if (dial == NULL)
        return;
    dial->sender = s;
    dial->interrupt.fd = -1;
    dial->port = link->port;
    dial->deadline_ms = cv_mono_ms() + dial_ms(s, link);
    dial->host = strdup(link->host);
    if (dial->host == NULL || cv_wake_init(&dial->interrupt, &err) != CV_OK ||
        cv_thread_start("kafka-dial", dial_run, dial, &dial->thread, &err) != CV_OK) {
        dial_free(dial);
        return; /* out of something: the next turn tries again */
    }
    link->dial = dial;
}

static bool
dial_ended(struct sender *s, struct dial *dial)
{
    bool ended;

    cv_lock(&s->lock);
    ended = dial->ended;
    cv_unlock(&s->lock);
    return ended;
}

/* It ends when it can: nothing interrupts the search for a name. */
static void
dial_cancel(struct sender *s, struct link *link)
{
    struct dial *dial = link->dial;

    if (dial == NULL)
        return;
    cv_wake_signal(&dial->interrupt);
    dial->next = s->cancelled;
    s->cancelled = dial;
    link->dial = NULL;
}

void
links_reap(struct sender *s, bool all)
{
    struct dial **at = &s->cancelled, *dial;

    while ((dial = *at) != NULL) {
        if (!all && !dial_ended(s, dial)) {
            at = &dial->next;
            continue;
        }
        *at = dial->next;
        (void)cv_thread_join(dial->thread, -1);
        dial_free(dial);
    }
}

/* ---- links ---- */

enum cv_rc
link_set(struct link *link, const char *host, int port, struct cv_err *err)
{
    char *copy = strdup(host);

    if (copy == NULL)
        return cv_fail_memory(err);
    free(link->host);
    link->host = copy;
    link->port = port;
    return CV_OK;
}

void
link_close(struct sender *s, struct link *link)
{
    if (link->conn == NULL)
        return;
    cv_wire_close(link->conn);
    link->conn = NULL;
    count_closed(s);
    questions_drop(s, link);
}

void
link_failed(struct sender *s, struct link *link, const struct cv_err *err)
{
    int64_t now_ms = cv_mono_ms();

    link_close(s, link);
    link->failed = true;
    link->backoff_ms = link->backoff_ms == 0 ? s->settings->reconnect_ms : link->backoff_ms * 2;
    if (link->backoff_ms > s->settings->reconnect_max_ms)
        link->backoff_ms = s->settings->reconnect_max_ms;
    link->not_before_ms = now_ms + link->backoff_ms;
    if (err != NULL)
        sender_complain(s, err->text);
}

static void
take_dialed(struct sender *s, struct link *link)
{
    struct dial *dial = link->dial;

    (void)cv_thread_join(dial->thread, -1);
    link->dial = NULL;
    if (dial->conn != NULL) {
        link->conn = dial->conn;
        dial->conn = NULL;
        link->revents = POLLIN;
        link->used_ms = cv_mono_ms();
        link->backoff_ms = 0;
        count_opened(s);
    } else {
        if (link == &s->control && cv_mono_ms() >= dial->deadline_ms)
            questions_wait_longer(s);
        link_failed(s, link, &dial->err);
    }
    dial_free(dial);
}

struct cv_wire_conn *
link_open(struct sender *s, struct link *link, int64_t now_ms)
{
    if (link->dial != NULL && dial_ended(s, link->dial))
        take_dialed(s, link);
    if (link->conn != NULL || link->dial != NULL || link->host == NULL)
        return link->conn;
    if (now_ms >= link->not_before_ms)
        dial_start(s, link);
    else
        sender_due(s, link->not_before_ms);
    return NULL;
}

void
link_done(struct sender *s, struct link *link)
{
    dial_cancel(s, link);
    link_close(s, link);
    free(link->host);
    link->host = NULL;
}

static void
close_idle(struct sender *s, struct link *link, int64_t now_ms)
{
    int64_t until_ms = link->used_ms + s->settings->idle_ms;

    if (link->conn == NULL || link->asked.answered != NULL ||
        (cv_wire_events(link->conn) & POLLOUT) != 0) /* there is more to be sent */
        return;
    if (now_ms < until_ms)
        sender_due(s, until_ms);
    else
        link_close(s, link);
}

void
links_close_idle(struct sender *s, int64_t now_ms)
{
    if (s->settings->idle_ms == 0)
        return;
    for (struct peer *peer = s->peers; peer != NULL; peer = peer->next)
        if (peer->first == NULL) /* nothing is unanswered */
            close_idle(s, &peer->link, now_ms);
    close_idle(s, &s->control, now_ms);
    close_idle(s, &s->coordinator, now_ms);
    close_idle(s, &s->group, now_ms);
}

/* ---- what is looked for ---- */

#define EXPIRY_MARGIN_MS 5000

bool
link_expires(const struct link *link, int64_t now_ms)
{
    int64_t expires_ms = link->conn == NULL ? 0 : cv_wire_expires_ms(link->conn);

    return expires_ms != 0 && now_ms > expires_ms - EXPIRY_MARGIN_MS;
}

enum cv_rc
link_wait(struct sender *s, struct link *link, int64_t deadline_ms, struct cv_err *err)
{
    for (;;) {
        int64_t now_ms = cv_mono_ms();

        if (link_expires(link, now_ms))
            link_close(s, link);
        if (link_open(s, link, now_ms) != NULL)
            return CV_OK;
        if (link->dial == NULL)
            return cv_fail(err, CV_RETRY, "no connection to %s:%d", link->host, link->port);
        if (link_interrupted(s))
            return cv_fail(err, CV_RETRY, "the producer is being ended");
        if (now_ms >= deadline_ms)
            return cv_fail(err, CV_RETRY, "no connection to %s:%d in time", link->host, link->port);
        (void)wire_wait(s->wake.fd, POLLIN, now_ms + 20 < deadline_ms ? now_ms + 20 : deadline_ms, &s->halt);
        cv_wake_clear(&s->wake);
    }
}

struct peer *
links_peer(struct sender *s, const struct cv_wire_broker *broker, struct cv_err *err)
{
    struct peer *peer = s->peers;

    while (peer != NULL && peer->node != broker->node)
        peer = peer->next;
    if (peer == NULL) {
        peer = calloc(1, sizeof(*peer));
        if (peer == NULL) {
            (void)cv_fail_memory(err);
            return NULL;
        }
        peer->node = broker->node;
        peer->next = s->peers;
        s->peers = peer;
    }
    if (peer->link.host != NULL && strcmp(peer->link.host, broker->host) == 0 && peer->link.port == broker->port)
        return peer;
    if (peer->link.conn != NULL) /* it moved */
        requests_drop(s, peer);
    dial_cancel(s, &peer->link);
    return link_set(&peer->link, broker->host, broker->port, err) == CV_OK ? peer : NULL;
}
