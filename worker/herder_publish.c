/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread is started with the first request; a leader never needs it. At the worker's end it may wait for a leader
 * that does not answer: then it is left alone with its object, and frees it.
 */
#include <config.h>

#include "worker/herder_publish.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/thread.h"
#include "worker/herder_forward.h"
#include "worker/herder_private.h"

#define END_MS 1000 /* to wait for the thread */

struct publication {
    char *name;
    struct leader_request req;
    struct cv_err why; /* rc CV_OK: it was taken */
    struct publication *next;
};

struct publisher {
    struct cv_thread *thread;
    struct cv_queue *queue; /* struct publication, to be sent */
    struct cv_lock lock;
    struct cv_wake *wake;       /* the herder's; NULL: it is gone. Under lock, as what follows */
    struct publication *first, *last; /* answered */
    atomic_bool released; /* one of herder and thread is done with it */
};

static void
publication_free(struct publication *pub)
{
    if (pub == NULL)
        return;
    leader_request_done(&pub->req);
    free(pub->name);
    free(pub);
}

static void
destroy(struct publisher *p)
{
    struct publication *pub;

    cv_queue_close(p->queue);
    while ((pub = cv_queue_take(p->queue, 0)) != NULL)
        publication_free(pub);
    while ((pub = p->first) != NULL) {
        p->first = pub->next;
        publication_free(pub);
    }
    cv_queue_free(p->queue);
    cv_lock_done(&p->lock);
    free(p);
}

static void
tell(struct publisher *p, struct publication *pub)
{
    cv_lock(&p->lock);
    if (p->last != NULL)
        p->last->next = pub;
    else
        p->first = pub;
    p->last = pub;
    if (p->wake != NULL)
        cv_wake_signal(p->wake);
    cv_unlock(&p->lock);
}

static bool
is_over(struct publisher *p)
{
    bool over;

    cv_lock(&p->lock);
    over = p->wake == NULL;
    cv_unlock(&p->lock);
    return over;
}

static void
run(void *arg)
{
    struct publisher *p = arg;
    struct publication *pub;

    while (!is_over(p) && (pub = cv_queue_take(p->queue, -1)) != NULL) {
        pub->why = (struct cv_err)CV_ERR_INIT;
        (void)(leader_request_send(&pub->req, &pub->why) == CV_OK);
        tell(p, pub);
    }
    if (atomic_exchange(&p->released, true))
        destroy(p); /* abandoned before it ended */
}

static enum cv_rc
publisher_new(struct cv_wake *wake, struct publisher **ret, struct cv_err *err)
{
    struct publisher *p = calloc(1, sizeof(*p));

    if (p == NULL || (p->queue = cv_queue_new(0)) == NULL) {
        free(p);
        return cv_fail_memory(err);
    }
    cv_lock_init(&p->lock, CV_RANK_HERDER_QUEUE);
    p->wake = wake;
    if (cv_thread_start("herder-publish", run, p, &p->thread, err) != CV_OK) {
        destroy(p);
        return err->rc;
    }
    *ret = p;
    return CV_OK;
}

void
publisher_free(struct publisher *p)
{
    if (p == NULL)
        return;
    cv_lock(&p->lock);
    p->wake = NULL;
    cv_unlock(&p->lock);
    cv_queue_close(p->queue);
    if (cv_thread_join(p->thread, cv_mono_ms() + END_MS)) {
        destroy(p);
        return;
    }
    cv_thread_abandon(p->thread);
    if (atomic_exchange(&p->released, true))
        destroy(p); /* it ended meanwhile */
}

enum cv_rc
herder_publish(struct herder *h, const char *name, struct leader_request *take_req, struct cv_err *err)
{
    struct publication *pub = calloc(1, sizeof(*pub));

    if (h->publisher == NULL && publisher_new(&h->wake, &h->publisher, err) != CV_OK) {
        free(pub);
        return err->rc;
    }
    if (pub == NULL || (pub->name = strdup(name)) == NULL) {
        free(pub);
        return cv_fail_memory(err);
    }
    pub->req = *take_req;
    if (!cv_queue_put(h->publisher->queue, pub)) {
        free(pub->name);
        free(pub);
        return cv_fail_memory(err);
    }
    leader_request_init(take_req, take_req->method);
    return CV_OK;
}

char *
herder_take_published(struct herder *h, struct cv_err *why)
{
    struct publisher *p = h->publisher;
    struct publication *pub;
    char *name;

    if (p == NULL)
        return NULL;
    cv_lock(&p->lock);
    pub = p->first;
    if (pub != NULL) {
        p->first = pub->next;
        if (p->first == NULL)
            p->last = NULL;
    }
    cv_unlock(&p->lock);
    if (pub == NULL)
        return NULL;
    *why = pub->why;
    name = pub->name;
    pub->name = NULL;
    publication_free(pub);
    return name;
}
