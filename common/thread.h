/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads, ranked locks, a queue with a deadline, a wake-up.
 *
 * Locks are the exception: ranked in one table, taken in rank order (asserted), held for data, not for I/O.
 */
#ifndef COMMON_THREAD_H
#define COMMON_THREAD_H

#include <pthread.h>

#include <culvert/err.h>

/* Low ranks are taken first. One line a lock class. */
#define CV_LOCK_RANKS(X)                                                                                   \
    X(METRICS)                                                                                             \
    X(HERDER_QUEUE)                                                                                        \
    X(WORKER_STATE)                                                                                        \
    X(TASK)                                                                                                \
    X(STORE)                                                                                               \
    X(TOPIC_LOG)                                                                                           \
    X(KAFKA)                                                                                               \
    X(HTTP)                                                                                                \
    X(QUEUE)                                                                                               \
    X(LOG)

enum cv_lock_rank {
#define CV_LOCK_RANK(name) CV_RANK_##name,
    CV_LOCK_RANKS(CV_LOCK_RANK)
#undef CV_LOCK_RANK
};

struct cv_lock {
    pthread_mutex_t mutex;
    enum cv_lock_rank rank;
    pthread_t owner; /* valid if held */
    bool held;
};

void cv_lock_init(struct cv_lock *lock, enum cv_lock_rank rank);
void cv_lock_done(struct cv_lock *lock);
void cv_lock(struct cv_lock *lock);
void cv_unlock(struct cv_lock *lock);
void cv_lock_assert_held(const struct cv_lock *lock);

/* A condition used with a cv_lock. */
struct cv_cond {
    pthread_cond_t cond;
};

void cv_cond_init(struct cv_cond *cond);
void cv_cond_done(struct cv_cond *cond);
void cv_cond_signal(struct cv_cond *cond); /* all waiters */
/* false when the monotonic deadline passed; deadline_ms < 0: no limit. The lock is held on return. */
bool cv_cond_wait(struct cv_cond *cond, struct cv_lock *lock, int64_t deadline_ms);

/* A named thread (15 characters count) that blocks all signals. */
struct cv_thread;
CV_MUST_CHECK enum cv_rc cv_thread_start(const char *name, void (*run)(void *arg), void *arg,
                                         struct cv_thread **ret, struct cv_err *err);
/* Wait for the end and free; true. false when the monotonic deadline passed: the thread goes on and the
   object stays valid. deadline_ms < 0: no limit. NULL is joined at once. */
bool cv_thread_join(struct cv_thread *thread, int64_t deadline_ms);
/* Give up on a thread: it frees itself when it ends. */
void cv_thread_abandon(struct cv_thread *thread);

/* A wake-up that can be polled together with sockets (eventfd). Signals add up to one wake-up. */
struct cv_wake {
    int fd;
};
CV_MUST_CHECK enum cv_rc cv_wake_init(struct cv_wake *wake, struct cv_err *err);
void cv_wake_done(struct cv_wake *wake);
void cv_wake_signal(struct cv_wake *wake); /* any thread, also a signal handler */
void cv_wake_clear(struct cv_wake *wake);
/* true when signalled (and cleared), false at the deadline. */
bool cv_wake_wait(struct cv_wake *wake, int64_t deadline_ms);

/* Queue of pointers, any threads. */
struct cv_queue;
struct cv_queue *cv_queue_new(size_t max); /* max 0: no bound; NULL when memory is out */
void cv_queue_free(struct cv_queue *queue); /* what is left in it is the caller's */
bool cv_queue_put(struct cv_queue *queue, void *item); /* false when full or closed */
void *cv_queue_take(struct cv_queue *queue, int64_t deadline_ms); /* NULL at deadline or when closed, empty */
void cv_queue_close(struct cv_queue *queue);
size_t cv_queue_count(struct cv_queue *queue);

#endif
