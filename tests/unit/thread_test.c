/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "tests/helper/cmocka_all.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/thread.h"

/* Whether act dies of a failed assertion. */
static bool
asserts(void (*act)(void))
{
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0) {
        const struct rlimit no_core = { 0 };
        int null = open("/dev/null", O_WRONLY);

        setrlimit(RLIMIT_CORE, &no_core);
        signal(SIGABRT, SIG_DFL);
        dup2(null, STDERR_FILENO);
        act();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

/* --- locks --- */

static void
lock_in_order(void)
{
    struct cv_lock outer;
    struct cv_lock inner;

    cv_lock_init(&outer, CV_RANK_TASK);
    cv_lock_init(&inner, CV_RANK_LOG);
    for (int i = 0; i < 2; i++) {
        cv_lock(&outer);
        cv_lock(&inner);
        cv_lock_assert_held(&outer);
        cv_lock_assert_held(&inner);
        cv_unlock(&outer); /* any order of release */
        cv_unlock(&inner);
    }
    cv_lock_done(&inner);
    cv_lock_done(&outer);
}

static void
lock_against_order(void)
{
    struct cv_lock outer;
    struct cv_lock inner;

    cv_lock_init(&outer, CV_RANK_TASK);
    cv_lock_init(&inner, CV_RANK_LOG);
    cv_lock(&inner);
    cv_lock(&outer);
}

static void
lock_two_of_a_rank(void)
{
    struct cv_lock one;
    struct cv_lock two;

    cv_lock_init(&one, CV_RANK_TASK);
    cv_lock_init(&two, CV_RANK_TASK);
    cv_lock(&one);
    cv_lock(&two);
}

static void
claim_a_free_lock(void)
{
    struct cv_lock lock;

    cv_lock_init(&lock, CV_RANK_TASK);
    cv_lock_assert_held(&lock);
}

static void
unlock_a_free_lock(void)
{
    struct cv_lock lock;

    cv_lock_init(&lock, CV_RANK_TASK);
    cv_unlock(&lock);
}

static void
locks_are_taken_in_rank_order(void **state)
{
    (void)state;
    assert_false(asserts(lock_in_order));
    assert_true(asserts(lock_against_order));
    assert_true(asserts(lock_two_of_a_rank));
}

static void
only_the_holder_may_claim_or_release_a_lock(void **state)
{
    (void)state;
    assert_true(asserts(claim_a_free_lock));
    assert_true(asserts(unlock_a_free_lock));
}

/* --- threads and conditions --- */

struct counter {
    struct cv_lock lock;
    struct cv_cond cond;
    long value;
};

static void
counter_init(struct counter *counter)
{
    cv_lock_init(&counter->lock, CV_RANK_TASK);
    cv_cond_init(&counter->cond);
    counter->value = 0;
}

static void
counter_done(struct counter *counter)
{
    cv_cond_done(&counter->cond);
    cv_lock_done(&counter->lock);
}

static struct cv_thread *
start(const char *name, void (*run)(void *), void *arg)
{
    struct cv_err err = CV_ERR_INIT;
    struct cv_thread *thread = NULL;

    assert_int_equal(cv_thread_start(name, run, arg, &thread, &err), CV_OK);
    assert_non_null(thread);
    return thread;
}

static void
count_to_1000(void *arg)
{
    struct counter *counter = arg;

    for (int i = 0; i < 1000; i++) {
        cv_lock(&counter->lock);
        counter->value++;
        cv_cond_signal(&counter->cond);
        cv_unlock(&counter->lock);
    }
}

static void
threads_take_turns_under_a_lock(void **state)
{
    struct counter counter;
    struct cv_thread *threads[4];

    (void)state;
    counter_init(&counter);
    for (size_t i = 0; i < CV_COUNT(threads); i++)
        threads[i] = start("count", count_to_1000, &counter);
    cv_lock(&counter.lock);
    while (counter.value < 4000)
        assert_true(cv_cond_wait(&counter.cond, &counter.lock, cv_mono_ms() + 30000));
    cv_lock_assert_held(&counter.lock);
    cv_unlock(&counter.lock);
    for (size_t i = 0; i < CV_COUNT(threads); i++)
        assert_true(cv_thread_join(threads[i], -1));
    assert_int_equal(counter.value, 4000);
    counter_done(&counter);
}

static void
a_wait_ends_at_its_deadline_with_the_lock_held(void **state)
{
    struct counter counter;
    int64_t before = cv_mono_ms();

    (void)state;
    counter_init(&counter);
    cv_lock(&counter.lock);
    while (cv_cond_wait(&counter.cond, &counter.lock, before + 30))
        ;
    assert_true(cv_mono_ms() >= before + 30);
    cv_lock_assert_held(&counter.lock);
    assert_false(cv_cond_wait(&counter.cond, &counter.lock, 0));
    cv_unlock(&counter.lock);
    counter_done(&counter);
}

static void
a_wait_ends_although_the_clock_is_stopped(void **state)
{
    struct counter counter;

    (void)state;
    counter_init(&counter);
    cv_clock_test_stop(0, 1000);
    cv_lock(&counter.lock);
    while (cv_cond_wait(&counter.cond, &counter.lock, 1010))
        ;
    cv_unlock(&counter.lock);
    cv_clock_test_run();
    counter_done(&counter);
}

struct seen {
    char name[32];
    sigset_t mask;
};

static void
look_around(void *arg)
{
    struct seen *seen = arg;

    (void)pthread_getname_np(pthread_self(), seen->name, sizeof(seen->name));
    pthread_sigmask(SIG_BLOCK, NULL, &seen->mask);
}

static void
a_thread_has_its_name_and_blocks_signals(void **state)
{
    struct seen seen = { .name = "" };
    sigset_t own;

    (void)state;
    assert_true(cv_thread_join(start("a-name-that-is-too-long", look_around, &seen), -1));
    assert_string_equal(seen.name, "a-name-that-is-");
    assert_int_equal(sigismember(&seen.mask, SIGTERM), 1);
    assert_int_equal(sigismember(&seen.mask, SIGPIPE), 1);
    pthread_sigmask(SIG_BLOCK, NULL, &own);
    assert_int_equal(sigismember(&own, SIGTERM), 0);
}

static void
wait_for_wake(void *arg)
{
    assert_true(cv_wake_wait(arg, -1));
}

static void
join_gives_up_at_its_deadline_and_can_be_repeated(void **state)
{
    struct cv_err err = CV_ERR_INIT;
    struct cv_thread *thread;
    struct cv_wake wake;

    (void)state;
    assert_int_equal(cv_wake_init(&wake, &err), CV_OK);
    thread = start("waiter", wait_for_wake, &wake);
    assert_false(cv_thread_join(thread, cv_mono_ms() + 20));
    assert_false(cv_thread_join(thread, 0));
    cv_wake_signal(&wake);
    assert_true(cv_thread_join(thread, cv_mono_ms() + 30000));
    assert_true(cv_thread_join(NULL, -1));
    cv_wake_done(&wake);
}

struct abandoned {
    struct cv_wake go;
    struct cv_wake gone;
};

static void
say_when_gone(void *arg)
{
    struct abandoned *a = arg;

    assert_true(cv_wake_wait(&a->go, -1));
    cv_wake_signal(&a->gone);
}

static void
an_abandoned_thread_ends_by_itself(void **state)
{
    struct cv_err err = CV_ERR_INIT;
    struct abandoned a;
    struct cv_thread *late;

    (void)state;
    assert_int_equal(cv_wake_init(&a.go, &err), CV_OK);
    assert_int_equal(cv_wake_init(&a.gone, &err), CV_OK);
    cv_thread_abandon(start("abandoned", say_when_gone, &a));
    cv_wake_signal(&a.go);
    assert_true(cv_wake_wait(&a.gone, cv_mono_ms() + 30000));
    /* One that has ended, or is about to. */
    late = start("abandoned", say_when_gone, &a);
    cv_wake_signal(&a.go);
    assert_true(cv_wake_wait(&a.gone, cv_mono_ms() + 30000));
    cv_thread_abandon(late);
    cv_thread_abandon(NULL);
    cv_wake_done(&a.go);
    cv_wake_done(&a.gone);
}

/* --- wake-up --- */

static void
signals_add_up_to_one_wake_up(void **state)
{
    struct cv_err err = CV_ERR_INIT;
    struct cv_wake wake;
    struct pollfd pfd;
    int64_t before;

    (void)state;
    assert_int_equal(cv_wake_init(&wake, &err), CV_OK);
    for (int i = 0; i < 3; i++)
        cv_wake_signal(&wake);
    pfd = (struct pollfd){ .fd = wake.fd, .events = POLLIN };
    assert_int_equal(poll(&pfd, 1, 0), 1);
    assert_true(cv_wake_wait(&wake, -1));
    assert_int_equal(poll(&pfd, 1, 0), 0);
    before = cv_mono_ms();
    assert_false(cv_wake_wait(&wake, before + 20));
    assert_true(cv_mono_ms() >= before + 20);
    cv_wake_signal(&wake);
    cv_wake_clear(&wake);
    cv_wake_clear(&wake);
    assert_false(cv_wake_wait(&wake, 0));
    cv_wake_done(&wake);
    cv_wake_done(&wake);
}

/* --- queue --- */

static void
a_queue_gives_items_in_order(void **state)
{
    struct cv_queue *queue = cv_queue_new(0);
    uintptr_t put = 0;
    uintptr_t taken = 0;

    (void)state;
    for (int round = 0; round < 100; round++) {
        for (int i = 0; i < 7; i++)
            assert_true(cv_queue_put(queue, (void *)++put));
        for (int i = 0; i < 5; i++)
            assert_ptr_equal(cv_queue_take(queue, -1), (void *)++taken);
    }
    assert_int_equal(cv_queue_count(queue), 200);
    while (taken < put)
        assert_ptr_equal(cv_queue_take(queue, 0), (void *)++taken);
    assert_null(cv_queue_take(queue, 0));
    assert_null(cv_queue_take(queue, cv_mono_ms() + 5));
    cv_queue_free(queue);
    cv_queue_free(NULL);
}

static void
a_full_or_closed_queue_takes_nothing_more(void **state)
{
    struct cv_queue *queue = cv_queue_new(2);
    int item;

    (void)state;
    assert_true(cv_queue_put(queue, &item));
    assert_true(cv_queue_put(queue, &item));
    assert_false(cv_queue_put(queue, &item));
    assert_ptr_equal(cv_queue_take(queue, -1), &item);
    assert_true(cv_queue_put(queue, &item));
    cv_queue_close(queue);
    assert_ptr_equal(cv_queue_take(queue, -1), &item);
    assert_false(cv_queue_put(queue, &item));
    assert_ptr_equal(cv_queue_take(queue, -1), &item);
    assert_null(cv_queue_take(queue, -1));
    cv_queue_free(queue);
}

struct exchange {
    struct cv_queue *queue;
    _Atomic uint64_t sum;
};

static void
put_1_to_2000(void *arg)
{
    struct exchange *exchange = arg;

    for (uintptr_t i = 1; i <= 2000; i++)
        assert_true(cv_queue_put(exchange->queue, (void *)i));
}

static void
add_up_what_comes(void *arg)
{
    struct exchange *exchange = arg;
    void *item;

    while ((item = cv_queue_take(exchange->queue, -1)) != NULL)
        atomic_fetch_add(&exchange->sum, (uintptr_t)item);
}

static void
every_item_reaches_exactly_one_taker(void **state)
{
    struct exchange exchange = { .queue = cv_queue_new(0) };
    struct cv_thread *takers[3];
    struct cv_thread *putters[3];

    (void)state;
    for (size_t i = 0; i < CV_COUNT(takers); i++) {
        takers[i] = start("taker", add_up_what_comes, &exchange);
        putters[i] = start("putter", put_1_to_2000, &exchange);
    }
    for (size_t i = 0; i < CV_COUNT(putters); i++)
        assert_true(cv_thread_join(putters[i], -1));
    cv_queue_close(exchange.queue);
    for (size_t i = 0; i < CV_COUNT(takers); i++)
        assert_true(cv_thread_join(takers[i], -1));
    assert_int_equal(exchange.sum, UINT64_C(3) * 2000 * 2001 / 2);
    cv_queue_free(exchange.queue);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(locks_are_taken_in_rank_order),
        cmocka_unit_test(only_the_holder_may_claim_or_release_a_lock),
        cmocka_unit_test(threads_take_turns_under_a_lock),
        cmocka_unit_test(a_wait_ends_at_its_deadline_with_the_lock_held),
        cmocka_unit_test(a_wait_ends_although_the_clock_is_stopped),
        cmocka_unit_test(a_thread_has_its_name_and_blocks_signals),
        cmocka_unit_test(join_gives_up_at_its_deadline_and_can_be_repeated),
        cmocka_unit_test(an_abandoned_thread_ends_by_itself),
        cmocka_unit_test(signals_add_up_to_one_wake_up),
        cmocka_unit_test(a_queue_gives_items_in_order),
        cmocka_unit_test(a_full_or_closed_queue_takes_nothing_more),
        cmocka_unit_test(every_item_reaches_exactly_one_taker),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
