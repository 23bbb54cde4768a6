/* SPDX-License-Identifier: Apache-2.0 */
/* Streams of events from several sources; see relay.h. */
#include "streams/relay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/http/client.h"
#include "common/log.h"
#include "common/thread.h"

#define EVENTS_MAX ((size_t)16 << 20)
#define SILENCE_MS 45000 /* workers say something every 15 s */

struct relays {
    struct cv_lock lock; /* guards what follows */
    struct cv_cond changed;
    struct relay *first;
    size_t threads;
};

struct relay {
    struct relays *relays;
    struct relay *next;
    struct cv_wake ended_wake; /* ends the threads' requests */

    struct cv_lock lock; /* guards what follows */
    int refs;
    struct cv_http_stream *stream; /* NULL: it has ended */
    bool all;                      /* it follows other workers, too */
};

/* A thread that follows another worker. */
struct tail {
    struct relay *relay;
    char url[1024];
    const struct cv_config *tls;
    struct cv_buf part; /* of an event that has not come whole */
};

struct relays *
relays_new(void)
{
    struct relays *relays = calloc(1, sizeof(*relays));

    if (relays == NULL)
        return NULL;
    cv_lock_init(&relays->lock, CV_RANK_STORE);
    cv_cond_init(&relays->changed);
    return relays;
}

bool
relays_stop(struct relays *relays, int wait_ms)
{
    int64_t deadline = cv_mono_ms() + wait_ms;
    bool done;

    if (relays == NULL)
        return true;
    cv_lock(&relays->lock);
    for (struct relay *relay = relays->first; relay != NULL; relay = relay->next)
        relay_end(relay);
    while (relays->threads > 0 && cv_cond_wait(&relays->changed, &relays->lock, deadline))
        ;
    done = relays->threads == 0;
    /* Those that are left belong to the watch, which goes later. */
    for (struct relay *relay = relays->first; done && relay != NULL; relay = relay->next)
        relay->relays = NULL;
    cv_unlock(&relays->lock);
    if (!done)
        return false;
    cv_cond_done(&relays->changed);
    cv_lock_done(&relays->lock);
    free(relays);
    return true;
}

struct relay *
relay_new(struct relays *relays, struct cv_http_stream *stream)
{
    struct relay *relay = calloc(1, sizeof(*relay));
    struct cv_err err = CV_ERR_INIT;

    if (relay == NULL || cv_wake_init(&relay->ended_wake, &err) != CV_OK) {
        free(relay);
        cv_http_stream_close(stream);
        return NULL;
    }
    relay->relays = relays;
    relay->refs = 1;
    relay->stream = stream;
    cv_lock_init(&relay->lock, CV_RANK_TOPIC_LOG);
    cv_lock(&relays->lock);
    relay->next = relays->first;
    relays->first = relay;
    cv_unlock(&relays->lock);
    return relay;
}

struct relay *
relay_ref(struct relay *relay)
{
    cv_lock(&relay->lock);
    relay->refs++;
    cv_unlock(&relay->lock);
    return relay;
}

static void
leave(struct relay *relay)
{
    struct relays *relays = relay->relays;
    struct relay **at;

    if (relays == NULL)
        return;
    cv_lock(&relays->lock);
    for (at = &relays->first; *at != relay; at = &(*at)->next)
        ;
    *at = relay->next;
    cv_unlock(&relays->lock);
}

void
relay_unref(struct relay *relay)
{
    bool last;

    cv_lock(&relay->lock);
    last = --relay->refs == 0;
    cv_unlock(&relay->lock);
    if (!last)
        return;
    leave(relay);
    cv_http_stream_close(relay->stream);
    cv_wake_done(&relay->ended_wake);
    cv_lock_done(&relay->lock);
    free(relay);
}

void
relay_end(struct relay *relay)
{
    struct cv_http_stream *stream;

    cv_lock(&relay->lock);
    stream = relay->stream;
    relay->stream = NULL;
    cv_unlock(&relay->lock);
    cv_http_stream_close(stream);
    cv_wake_signal(&relay->ended_wake);
}

bool
relay_write(struct relay *relay, const char *text, size_t len)
{
    static const char moves[] = "\"state\":\"CLOSED\"}\n";
    bool taken;
    bool over;

    cv_lock(&relay->lock);
    taken = relay->stream != NULL && cv_http_stream_write(relay->stream, text, len);
    over = relay->all && strncmp(text, "event: state\n", 13) == 0 &&
           memmem(text, len, moves, sizeof(moves) - 1) != NULL;
    cv_unlock(&relay->lock);
    if (!taken || over)
        relay_end(relay);
    return taken && !over;
}

/* ---- other workers ---- */

/* Behind the last whole event; 0: there is none. */
static size_t
whole_events(const struct cv_buf *part)
{
    for (size_t len = part->len; len >= 2; len--) {
        if (part->data[len - 1] == '\n' && part->data[len - 2] == '\n')
            return len;
    }
    return 0;
}

/* Event by event, so that each is looked at; what has not come whole waits. */
static bool
on_data(void *arg, const char *data, size_t len)
{
    struct tail *tail = arg;
    size_t whole;
    size_t at = 0;

    cv_buf_add(&tail->part, data, len);
    if (tail->part.failed != CV_OK)
        return false;
    whole = whole_events(&tail->part);
    while (at < whole) {
        const char *event = tail->part.data + at;
        const char *end = memmem(event, whole - at, "\n\n", 2);
        size_t event_len = (size_t)(end - event) + 2;

        if (!relay_write(tail->relay, event, event_len))
            return false;
        at += event_len;
    }
    memmove(tail->part.data, tail->part.data + whole, tail->part.len - whole);
    tail->part.len -= whole;
    return true;
}

static void
follow(void *arg)
{
    struct tail *tail = arg;
    struct relays *relays = tail->relay->relays;
    struct cv_buf answer = CV_BUF_INIT(1 << 16);
    struct cv_err err = CV_ERR_INIT;
    int status = 0;
    const struct cv_http_call call = { .method = "GET",
                                       .url = tail->url,
                                       .max_answer = 1 << 15,
                                       .silence_ms = SILENCE_MS,
                                       .take = on_data,
                                       .take_arg = tail,
                                       .tls = tail->tls,
                                       .interrupt = &tail->relay->ended_wake };

    if (cv_http_request(&call, &status, &answer, &err) == CV_OK && status != 200)
        cv_fail(&err, CV_RETRY, "%s answers %d", tail->url, status);
    CV_LOG_DEBUG(cv_log_get("culvert.streams.watch"), "another worker is not followed any more", CV_ERR(&err));
    relay_end(tail->relay);
    relay_unref(tail->relay);
    cv_buf_free(&answer);
    cv_buf_free(&tail->part);
    free(tail);
    cv_lock(&relays->lock);
    relays->threads--;
    cv_cond_signal(&relays->changed);
    cv_unlock(&relays->lock);
}

enum cv_rc
relay_follow(struct relay *relay, const char *url, const struct cv_config *tls, struct cv_err *err)
{
    struct relays *relays = relay->relays;
    struct tail *tail = calloc(1, sizeof(*tail));
    struct cv_thread *thread;
    enum cv_rc rc;

    if (tail == NULL)
        return cv_fail_memory(err);
    tail->relay = relay;
    tail->tls = tls;
    cv_buf_init(&tail->part, EVENTS_MAX);
    snprintf(tail->url, sizeof(tail->url), "%s", url);
    (void)relay_ref(relay);
    cv_lock(&relay->lock);
    relay->all = true;
    cv_unlock(&relay->lock);
    cv_lock(&relays->lock);
    relays->threads++;
    cv_unlock(&relays->lock);
    rc = cv_thread_start("follow-peer", follow, tail, &thread, err);
    if (rc == CV_OK) {
        cv_thread_abandon(thread);
        return CV_OK;
    }
    relay_unref(relay);
    free(tail);
    cv_lock(&relays->lock);
    relays->threads--;
    cv_unlock(&relays->lock);
    return rc;
}
