/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread sanitizer of gcc 12 knows pthreads and not C11's threads, which Debian's librdkafka
 * uses: a thread that it did not see start crashes in its first allocation. A program under the
 * sanitizer that links this gets C11's functions made of pthreads. Empty without the sanitizer.
 */
#ifdef __SANITIZE_THREAD__

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

#define VISIBLE __attribute__((visibility("default")))

_Static_assert(sizeof(mtx_t) >= sizeof(pthread_mutex_t), "glibc keeps a pthread mutex in it");
_Static_assert(sizeof(cnd_t) >= sizeof(pthread_cond_t), "glibc keeps a pthread condition in it");

/* librdkafka counts references with atomics that the sanitizer does not see, so its memory looks
   raced for: what happens inside it says nothing. */
VISIBLE const char *__tsan_default_suppressions(void);
VISIBLE const char *
__tsan_default_suppressions(void)
{
    return "race:librdkafka.so\n";
}

struct start {
    thrd_start_t run;
    void *arg;
};

static int
result(int code)
{
    switch (code) {
    case 0:
        return thrd_success;
    case ENOMEM:
        return thrd_nomem;
    case EBUSY:
        return thrd_busy;
    case ETIMEDOUT:
        return thrd_timedout;
    default:
        return thrd_error;
    }
}

static void *
run(void *arg)
{
    struct start start = *(struct start *)arg;

    free(arg);
    return (void *)(intptr_t)start.run(start.arg);
}

VISIBLE int
thrd_create(thrd_t *thread, thrd_start_t func, void *arg)
{
    struct start *start = malloc(sizeof(*start));
    int code;

    if (start == NULL)
        return thrd_nomem;
    *start = (struct start){ func, arg };
    code = pthread_create(thread, NULL, run, start);
    if (code != 0)
        free(start);
    return result(code);
}

VISIBLE int
thrd_join(thrd_t thread, int *ret)
{
    void *value;
    int code = pthread_join(thread, &value);

    if (code == 0 && ret != NULL)
        *ret = (int)(intptr_t)value;
    return result(code);
}

VISIBLE int
thrd_detach(thrd_t thread)
{
    return result(pthread_detach(thread));
}

VISIBLE int
mtx_init(mtx_t *mutex, int type)
{
    pthread_mutexattr_t attr;
    int code;

    pthread_mutexattr_init(&attr);
    if ((type & mtx_recursive) != 0)
        pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
    code = pthread_mutex_init((pthread_mutex_t *)mutex, &attr);
    pthread_mutexattr_destroy(&attr);
    return result(code);
}

VISIBLE int
mtx_lock(mtx_t *mutex)
{
    return result(pthread_mutex_lock((pthread_mutex_t *)mutex));
}

VISIBLE int
mtx_trylock(mtx_t *mutex)
{
    return result(pthread_mutex_trylock((pthread_mutex_t *)mutex));
}

VISIBLE int
mtx_unlock(mtx_t *mutex)
{
    return result(pthread_mutex_unlock((pthread_mutex_t *)mutex));
}

VISIBLE void
mtx_destroy(mtx_t *mutex)
{
    pthread_mutex_destroy((pthread_mutex_t *)mutex);
}

VISIBLE int
cnd_init(cnd_t *cond)
{
    return result(pthread_cond_init((pthread_cond_t *)cond, NULL));
}

VISIBLE int
cnd_signal(cnd_t *cond)
{
    return result(pthread_cond_signal((pthread_cond_t *)cond));
}

VISIBLE int
cnd_broadcast(cnd_t *cond)
{
    return result(pthread_cond_broadcast((pthread_cond_t *)cond));
}

VISIBLE int
cnd_wait(cnd_t *cond, mtx_t *mutex)
{
    return result(pthread_cond_wait((pthread_cond_t *)cond, (pthread_mutex_t *)mutex));
}

VISIBLE int
cnd_timedwait(cnd_t *cond, mtx_t *mutex, const struct timespec *until)
{
    return result(pthread_cond_timedwait((pthread_cond_t *)cond, (pthread_mutex_t *)mutex, until));
}

VISIBLE void
cnd_destroy(cnd_t *cond)
{
    pthread_cond_destroy((pthread_cond_t *)cond);
}

#else

/* ISO C wants a translation unit to hold something. */
typedef int tsan_threads_unused;

#endif
