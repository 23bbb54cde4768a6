/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker/herder_publish.c: requests go to the leader one after the other behind the herder's back, which is woken when
 * one was answered; a herder that ends does not wait for one that hangs. The request itself is a double.
 */
#include <config.h>

#include "worker/herder_publish.h"

#include "tests/helper/cmocka_all.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/thread.h"
#include "worker/herder_forward.h"
#include "worker/herder_private.h"

#define LONG_MS 10000

static atomic_int sent;
static atomic_int ended;
static atomic_bool hangs;
static struct cv_wake release;

void
leader_request_init(struct leader_request *req, const char *method)
{
    *req = (struct leader_request){ .method = method };
    cv_buf_init(&req->url, 100);
}

void
leader_request_done(struct leader_request *req)
{
    cv_buf_free(&req->url);
}

/* "good" is taken, everything else is not. */
enum cv_rc
leader_request_send(const struct leader_request *req, struct cv_err *err)
{
    enum cv_rc rc = CV_OK;

    atomic_fetch_add(&sent, 1);
    if (atomic_load(&hangs))
        (void)cv_wake_wait(&release, cv_mono_ms() + LONG_MS);
    if (strcmp(req->url.data, "good") != 0)
        rc = cv_fail(err, CV_RETRY, "the leader does not take \"%s\"", req->url.data);
    atomic_fetch_add(&ended, 1);
    return rc;
}

static int
set_up(void **state)
{
    struct herder *h = calloc(1, sizeof(*h));
    struct cv_err err;

    assert_non_null(h);
    assert_int_equal(cv_wake_init(&h->wake, &err), CV_OK);
    assert_int_equal(cv_wake_init(&release, &err), CV_OK);
    atomic_store(&sent, 0);
    atomic_store(&ended, 0);
    atomic_store(&hangs, false);
    *state = h;
    return 0;
}

static int
tear_down(void **state)
{
    struct herder *h = *state;

    publisher_free(h->publisher);
    cv_wake_done(&h->wake);
    cv_wake_done(&release);
    free(h);
    return 0;
}

static void
publish(struct herder *h, const char *name, const char *url)
{
    struct leader_request req;
    struct cv_err err;

    leader_request_init(&req, "POST");
    cv_buf_str(&req.url, url);
    assert_int_equal(herder_publish(h, name, &req, &err), CV_OK);
    assert_int_equal(req.url.len, 0); /* moved */
    leader_request_done(&req);
}

/* The herder sleeps until it is woken. */
static char *
wait_for_answer(struct herder *h, struct cv_err *why)
{
    char *name;

    while ((name = herder_take_published(h, why)) == NULL)
        assert_true(cv_wake_wait(&h->wake, cv_mono_ms() + LONG_MS));
    return name;
}

static void
answers_come_in_order_with_what_came_of_them(void **state)
{
    struct herder *h = *state;
    struct cv_err why;
    char *name;

    assert_null(herder_take_published(h, &why)); /* nothing was ever sent */
    publish(h, "a", "good");
    publish(h, "b", "bad");
    publish(h, "a", "good");
    name = wait_for_answer(h, &why);
    assert_string_equal(name, "a");
    assert_int_equal(why.rc, CV_OK);
    free(name);
    name = wait_for_answer(h, &why);
    assert_string_equal(name, "b");
    assert_int_equal(why.rc, CV_RETRY);
    assert_string_equal(why.text, "the leader does not take \"bad\"");
    free(name);
    name = wait_for_answer(h, &why);
    assert_string_equal(name, "a");
    free(name);
    assert_null(herder_take_published(h, &why));
}

static void
who_publishes_does_not_wait(void **state)
{
    struct herder *h = *state;
    struct cv_err why;

    atomic_store(&hangs, true);
    publish(h, "a", "good");
    publish(h, "b", "good");
    while (atomic_load(&sent) == 0)
        (void)cv_wake_wait(&h->wake, cv_mono_ms() + 1);
    assert_null(herder_take_published(h, &why));
    atomic_store(&hangs, false);
    cv_wake_signal(&release);
    free(wait_for_answer(h, &why));
    free(wait_for_answer(h, &why)); /* what nobody takes is freed with the publisher */
    publish(h, "c", "good");
}

static void
a_request_that_hangs_is_left_to_end_by_itself(void **state)
{
    struct herder *h = *state;
    int64_t began = cv_mono_ms();

    atomic_store(&hangs, true);
    publish(h, "a", "good");
    publish(h, "never", "good");
    while (atomic_load(&sent) == 0)
        (void)cv_wake_wait(&h->wake, cv_mono_ms() + 1);
    publisher_free(h->publisher);
    h->publisher = NULL;
    assert_true(cv_mono_ms() - began < LONG_MS);
    cv_wake_signal(&release);
    while (atomic_load(&ended) == 0)
        (void)cv_wake_wait(&h->wake, cv_mono_ms() + 1);
    assert_int_equal(atomic_load(&sent), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(answers_come_in_order_with_what_came_of_them),
        TEST(who_publishes_does_not_wait),
        TEST(a_request_that_hangs_is_left_to_end_by_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
