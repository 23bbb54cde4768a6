/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bounded queue and the threads that empty it. Whether a new thread is needed is decided under
 * the lock that guards both the queue and the count of idle threads, so that no request waits
 * behind one that takes its full 90 seconds while another thread could have been started.
 */
#include <config.h>

#include "common/http/pool.h"

#include <stdlib.h>

#include "common/thread.h"

struct http_pool {
    struct cv_lock lock;
    struct cv_cond work; /* the queue is not empty, or stopping */
    void **items;        /* a ring */
    unsigned size;
    unsigned first;
    unsigned count;
    struct cv_thread **threads;
    unsigned max_threads;
    unsigned n_threads;
    unsigned idle;
    bool stopping;
    void (*run)(void *arg, void *item);
    void *arg;
};

struct http_pool *
http_pool_new(unsigned threads, unsigned queue, void (*run)(void *arg, void *item), void *arg)
{
    struct http_pool *pool = calloc(1, sizeof(*pool));

    if (pool == NULL)
        return NULL;
    pool->size = queue;
    pool->max_threads = threads;
    pool->run = run;
    pool->arg = arg;
    pool->items = calloc(queue, sizeof(*pool->items));
    pool->threads = calloc(threads, sizeof(struct cv_thread *));
    if (pool->items == NULL || pool->threads == NULL) {
        free(pool->items);
        free(pool->threads);
        free(pool);
        return NULL;
    }
    cv_lock_init(&pool->lock, CV_RANK_HTTP);
    cv_cond_init(&pool->work);
    return pool;
}

static void
worker(void *arg)
{
    struct http_pool *pool = arg;

    cv_lock(&pool->lock);
    for (;;) {
        void *item;

        while (pool->count == 0 && !pool->stopping) {
            pool->idle++;
            (void)cv_cond_wait(&pool->work, &pool->lock, -1);
            pool->idle--;
        }
        if (pool->count == 0)
            break;
        item = pool->items[pool->first];
        pool->first = (pool->first + 1) % pool->size;
        pool->count--;
        cv_unlock(&pool->lock);
        pool->run(pool->arg, item);
        cv_lock(&pool->lock);
    }
    cv_unlock(&pool->lock);
}

bool
http_pool_submit(struct http_pool *pool, void *item)
{
    struct cv_err err;
    bool taken = false;

    cv_lock(&pool->lock);
    if (!pool->stopping && pool->count < pool->size) {
        /* The queue may hold items for idle threads that have not woken up yet. */
        if (pool->count >= pool->idle && pool->n_threads < pool->max_threads &&
            cv_thread_start("http-pool", worker, pool, &pool->threads[pool->n_threads], &err) ==
                CV_OK)
            pool->n_threads++;
        taken = pool->n_threads > 0;
    }
    if (taken) {
        pool->items[(pool->first + pool->count++) % pool->size] = item;
        cv_cond_signal(&pool->work);
    }
    cv_unlock(&pool->lock);
    return taken;
}

bool
http_pool_stop(struct http_pool *pool, void (*drop)(void *arg, void *item), int64_t deadline_ms)
{
    bool ended = true;

    if (pool == NULL)
        return true;
    cv_lock(&pool->lock);
    pool->stopping = true;
    while (pool->count > 0) {
        void *item = pool->items[pool->first];

        pool->first = (pool->first + 1) % pool->size;
        pool->count--;
        cv_unlock(&pool->lock);
        drop(pool->arg, item);
        cv_lock(&pool->lock);
    }
    cv_cond_signal(&pool->work);
    cv_unlock(&pool->lock);

    for (unsigned i = 0; i < pool->n_threads; i++) {
        if (!cv_thread_join(pool->threads[i], deadline_ms)) {
            cv_thread_abandon(pool->threads[i]);
            ended = false;
        }
    }
    if (!ended)
        return false; /* those threads still look at the pool */
    cv_cond_done(&pool->work);
    cv_lock_done(&pool->lock);
    free(pool->threads);
    free(pool->items);
    free(pool);
    return true;
}
