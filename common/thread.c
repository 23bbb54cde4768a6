/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads, ranked locks, a queue with a deadline, a wake-up.
 *
 * Deadlines are those of cv_mono_ms. A wait takes from that clock how long is left and measures this on the
 * kernel's monotonic clock: a test that has stopped the clock still gets its waits ended.
 */
#include <config.h>

#include "common/thread.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"

/* --- locks ------------------------------------------------------------------------------------------ */

#define COUNT_RANK(name) +1
_Static_assert((0 CV_LOCK_RANKS(COUNT_RANK)) <= 32, "held_ranks has one bit a rank");
#undef COUNT_RANK

/* One bit a rank. A thread holds at most one lock of a rank, so that bits are enough. */
static _Thread_local uint32_t held_ranks;

void
cv_lock_init(struct cv_lock *lock, enum cv_lock_rank rank)
{
    int rc = pthread_mutex_init(&lock->mutex, NULL);

    assert(rc == 0);
    (void)rc;
    lock->rank = rank;
    lock->held = false;
}

void
cv_lock_done(struct cv_lock *lock)
{
    assert(!lock->held);
    pthread_mutex_destroy(&lock->mutex);
}

void
cv_lock(struct cv_lock *lock)
{
    int rc;

    assert(held_ranks >> lock->rank == 0 && "locks are taken in rank order");
    rc = pthread_mutex_lock(&lock->mutex);
    assert(rc == 0);
    (void)rc;
    held_ranks |= UINT32_C(1) << lock->rank;
    lock->owner = pthread_self();
    lock->held = true;
}

void
cv_unlock(struct cv_lock *lock)
{
    cv_lock_assert_held(lock);
    lock->held = false;
    held_ranks &= ~(UINT32_C(1) << lock->rank);
    pthread_mutex_unlock(&lock->mutex);
}

void
cv_lock_assert_held(const struct cv_lock *lock)
{
    assert((held_ranks >> lock->rank & 1) != 0 && lock->held &&
           pthread_equal(lock->owner, pthread_self()));
    (void)lock;
}

/* --- conditions --------------------------------------------------------------------------------------- */

static void
cond_init_monotonic(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    int rc;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    rc = pthread_cond_init(cond, &attr);
    assert(rc == 0);
    (void)rc;
    pthread_condattr_destroy(&attr);
}

/* The moment on the kernel's clock at which deadline_ms is due. */
static struct timespec
due(int64_t deadline_ms)
{
    int64_t left_ms = deadline_ms - cv_mono_ms();
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    if (left_ms <= 0)
        return ts;
    if (left_ms > INT_MAX)
        left_ms = INT_MAX;
    ts.tv_sec += left_ms / 1000;
    ts.tv_nsec += left_ms % 1000 * 1000000;
    if (ts.tv_nsec >= 1000000000) {
        ts.tv_sec++;
        ts.tv_nsec -= 1000000000;
    }
    return ts;
}

/* false when the time is over. */
static bool
wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *until)
{
    if (until == NULL)
        return pthread_cond_wait(cond, mutex) == 0;
    return pthread_cond_timedwait(cond, mutex, until) != ETIMEDOUT;
}

void
cv_cond_init(struct cv_cond *cond)
{
    cond_init_monotonic(&cond->cond);
}

void
cv_cond_done(struct cv_cond *cond)
{
    pthread_cond_destroy(&cond->cond);
}

void
cv_cond_signal(struct cv_cond *cond)
{
    pthread_cond_broadcast(&cond->cond);
}

/* wait_until, with the lock's own account of who holds it kept right. */
static bool
lock_wait_until(pthread_cond_t *cond, struct cv_lock *lock, const struct timespec *until)
{
    bool in_time;

    cv_lock_assert_held(lock);
    lock->held = false;
    in_time = wait_until(cond, &lock->mutex, until);
    lock->owner = pthread_self();
    lock->held = true;
    return in_time;
}

bool
cv_cond_wait(struct cv_cond *cond, struct cv_lock *lock, int64_t deadline_ms)
{
    struct timespec until;

    if (deadline_ms < 0)
        return lock_wait_until(&cond->cond, lock, NULL);
    until = due(deadline_ms);
    return lock_wait_until(&cond->cond, lock, &until);
}

/* --- threads ------------------------------------------------------------------------------------------ */

struct cv_thread {
    pthread_t id;
    char name[16];
    void (*run)(void *arg);
    void *arg;
    pthread_mutex_t mutex; /* no rank: nothing is called under it */
    pthread_cond_t ended_cond;
    bool ended;
    bool abandoned;
};

static void
thread_free(struct cv_thread *thread)
{
    pthread_cond_destroy(&thread->ended_cond);
    pthread_mutex_destroy(&thread->mutex);
    free(thread);
}

static void *
thread_main(void *arg)
{
    struct cv_thread *thread = arg;
    bool abandoned;

    pthread_setname_np(pthread_self(), thread->name);
    thread->run(thread->arg);
    pthread_mutex_lock(&thread->mutex);
    thread->ended = true;
    abandoned = thread->abandoned;
    pthread_cond_broadcast(&thread->ended_cond);
    pthread_mutex_unlock(&thread->mutex);
    /* Not abandoned: from here on the object is the joiner's, which still waits for pthread_join. */
    if (abandoned)
        thread_free(thread);
    return NULL;
}

enum cv_rc
cv_thread_start(const char *name, void (*run)(void *arg), void *arg, struct cv_thread **ret,
                struct cv_err *err)
{
    struct cv_thread *thread = calloc(1, sizeof(*thread));
    sigset_t all;
    sigset_t before;
    int rc;

    if (thread == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < sizeof(thread->name) - 1 && name[i] != '\0'; i++)
        thread->name[i] = name[i];
    thread->run = run;
    thread->arg = arg;
    pthread_mutex_init(&thread->mutex, NULL);
    cond_init_monotonic(&thread->ended_cond);
    /* Blocked before the thread exists, so that none can arrive in it. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&thread->id, NULL, thread_main, thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) {
        thread_free(thread);
        return cv_fail_errno(err, CV_RETRY, rc, "could not start thread \"%s\"", name);
    }
    *ret = thread;
    return CV_OK;
}

bool
cv_thread_join(struct cv_thread *thread, int64_t deadline_ms)
{
    struct timespec until;
    bool in_time = true;
    bool ended;

    if (thread == NULL)
        return true;
    if (deadline_ms >= 0)
        until = due(deadline_ms);
    pthread_mutex_lock(&thread->mutex);
    while (!thread->ended && in_time)
        in_time = wait_until(&thread->ended_cond, &thread->mutex, deadline_ms < 0 ? NULL : &until);
    ended = thread->ended;
    pthread_mutex_unlock(&thread->mutex);
    if (!ended)
        return false;
    pthread_join(thread->id, NULL);
    thread_free(thread);
    return true;
}

void
cv_thread_abandon(struct cv_thread *thread)
{
    pthread_t id;
    bool ended;

    if (thread == NULL)
        return;
    id = thread->id;
    pthread_mutex_lock(&thread->mutex);
    ended = thread->ended;
    thread->abandoned = !ended;
    /* Detached under the mutex: afterwards the thread may end and be gone. */
    if (!ended)
        pthread_detach(id);
    pthread_mutex_unlock(&thread->mutex);
    if (ended) {
        pthread_join(id, NULL);
        thread_free(thread);
    }
}

/* --- wake-up ------------------------------------------------------------------------------------------ */

enum cv_rc
cv_wake_init(struct cv_wake *wake, struct cv_err *err)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (fd < 0)
        return cv_fail_errno(err, CV_RETRY, errno, "could not create an event descriptor");
    wake->fd = fd;
    return CV_OK;
}

void
cv_wake_done(struct cv_wake *wake)
{
    if (wake->fd >= 0)
        close(wake->fd);
    wake->fd = -1;
}

void
cv_wake_signal(struct cv_wake *wake)
{
    const uint64_t one = 1;
    int before = errno;
    ssize_t n;

    /* EAGAIN means that the counter is at its end: the wake-up stands anyway. */
    do {
        n = write(wake->fd, &one, sizeof(one));
    } while (n < 0 && errno == EINTR);
    errno = before;
}

/* Whether there was a wake-up. */
static bool
wake_take(struct cv_wake *wake)
{
    uint64_t count;
    ssize_t n;

    do {
        n = read(wake->fd, &count, sizeof(count));
    } while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof(count);
}

void
cv_wake_clear(struct cv_wake *wake)
{
    (void)wake_take(wake);
}

/* Milliseconds from now to until, rounded up, for poll. */
static int
left_ms(const struct timespec *until)
{
    struct timespec now;
    int64_t ns;

    clock_gettime(CLOCK_MONOTONIC, &now);
    ns = (int64_t)(until->tv_sec - now.tv_sec) * 1000000000 + (until->tv_nsec - now.tv_nsec);
    return ns <= 0 ? 0 : ns / 1000000 >= INT_MAX ? INT_MAX : (int)((ns + 999999) / 1000000);
}

bool
cv_wake_wait(struct cv_wake *wake, int64_t deadline_ms)
{
    struct pollfd pfd = { .fd = wake->fd, .events = POLLIN };
    struct timespec until;
    int timeout_ms = -1;

    if (deadline_ms >= 0)
        until = due(deadline_ms);
    for (;;) {
        if (deadline_ms >= 0)
            timeout_ms = left_ms(&until);
        if (poll(&pfd, 1, timeout_ms) > 0 && wake_take(wake))
            return true;
        if (timeout_ms == 0)
            return false;
    }
}

/* --- queue -------------------------------------------------------------------------------------------- */

#define QUEUE_FIRST_CAP 16

struct cv_queue {
    struct cv_lock lock;
    pthread_cond_t put_cond;
    void **items; /* a ring */
    size_t cap;
    size_t head;
    size_t count;
    size_t max;
    bool closed;
};

struct cv_queue *
cv_queue_new(size_t max)
{
    struct cv_queue *queue = calloc(1, sizeof(*queue));

    if (queue == NULL)
        return NULL;
    queue->max = max;
    cv_lock_init(&queue->lock, CV_RANK_QUEUE);
    cond_init_monotonic(&queue->put_cond);
    return queue;
}

void
cv_queue_free(struct cv_queue *queue)
{
    if (queue == NULL)
        return;
    pthread_cond_destroy(&queue->put_cond);
    cv_lock_done(&queue->lock);
    free(queue->items);
    free(queue);
}

static bool
queue_grow(struct cv_queue *queue)
{
    size_t cap = queue->cap == 0 ? QUEUE_FIRST_CAP : queue->cap * 2;
    void **items;

    if (cap > SIZE_MAX / sizeof(*items))
        return false;
    items = malloc(cap * sizeof(*items));
    if (items == NULL)
        return false;
    for (size_t i = 0; i < queue->count; i++)
        items[i] = queue->items[(queue->head + i) % queue->cap];
    free(queue->items);
    queue->items = items;
    queue->cap = cap;
    queue->head = 0;
    return true;
}

bool
cv_queue_put(struct cv_queue *queue, void *item)
{
    bool fits;

    cv_lock(&queue->lock);
    fits = !queue->closed && (queue->max == 0 || queue->count < queue->max) &&
           (queue->count < queue->cap || queue_grow(queue));
    if (fits) {
        queue->items[(queue->head + queue->count++) % queue->cap] = item;
        pthread_cond_signal(&queue->put_cond);
    }
    cv_unlock(&queue->lock);
    return fits;
}

void *
cv_queue_take(struct cv_queue *queue, int64_t deadline_ms)
{
    struct timespec until;
    bool in_time = true;
    void *item = NULL;

    if (deadline_ms >= 0)
        until = due(deadline_ms);
    cv_lock(&queue->lock);
    while (queue->count == 0 && !queue->closed && in_time)
        in_time = lock_wait_until(&queue->put_cond, &queue->lock, deadline_ms < 0 ? NULL : &until);
    if (queue->count > 0) {
        item = queue->items[queue->head];
        queue->head = (queue->head + 1) % queue->cap;
        queue->count--;
    }
    cv_unlock(&queue->lock);
    return item;
}

void
cv_queue_close(struct cv_queue *queue)
{
    cv_lock(&queue->lock);
    queue->closed = true;
    pthread_cond_broadcast(&queue->put_cond);
    cv_unlock(&queue->lock);
}

size_t
cv_queue_count(struct cv_queue *queue)
{
    size_t count;

    cv_lock(&queue->lock);
    count = queue->count;
    cv_unlock(&queue->lock);
    return count;
}
