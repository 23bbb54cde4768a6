/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker/herder_request.c: requests wait for the herder's turn, in order, and no longer than their deadline; whoever
 * waited in vain is told what the herder does instead. The herder's thread is one of the test's.
 */
#include <config.h>

#include "worker/herder_private.h"

#include "tests/helper/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "worker/herder_request.h"
#include "worker/validate.h"

#define SHORT_MS 20
#define LONG_MS  10000

/* ---- doubles: nothing here validates, leads or writes ---- */

static enum cv_rc
unexpected(struct cv_err *err)
{
    return cv_fail(err, CV_INTERNAL, "the test does not ask for this");
}

static bool leads;

bool
herder_is_leader(const struct herder *h)
{
    (void)h;
    return leads;
}

const char *
member_leader_url(const struct group_member *member)
{
    (void)member;
    return "http://leader:1/";
}

const char *
member_owner_url(const struct group_member *member, const char *connector, int32_t task)
{
    (void)member;
    (void)connector;
    (void)task;
    return "http://owner:1/";
}

bool
member_rejoin_pending(const struct group_member *member)
{
    (void)member;
    return true;
}

static _Atomic(const char *) lost_topic;

static enum cv_rc
check(const char *topic, struct cv_err *err)
{
    const char *lost = atomic_load(&lost_topic);

    return lost != NULL && strcmp(lost, topic) == 0 ? cv_fail(err, CV_NOT_FOUND, "%s is gone", topic) : CV_OK;
}

enum cv_rc
config_store_check(struct config_store *store, struct cv_err *err)
{
    (void)store;
    return check("configs", err);
}

enum cv_rc
offset_store_check(struct offset_store *store, struct cv_err *err)
{
    (void)store;
    return check("offsets", err);
}

enum cv_rc
status_store_check(struct status_store *store, struct cv_err *err)
{
    (void)store;
    return check("statuses", err);
}

enum cv_rc
config_store_put_logger(struct config_store *store, const char *name, const char *level, struct cv_err *err)
{
    (void)store;
    (void)name;
    (void)level;
    return unexpected(err);
}

enum cv_rc
validate_connector(const struct validate_spec *spec, const struct cv_config *config, struct config_infos *ret,
                   struct cv_err *err)
{
    (void)spec;
    (void)config;
    (void)ret;
    return unexpected(err);
}

enum cv_rc
validate_plugin_rows(const struct plugins *plugins, const struct cv_plugin *plugin, struct config_infos *ret,
                     struct cv_err *err)
{
    (void)plugins;
    (void)plugin;
    (void)ret;
    return unexpected(err);
}

/* ---- the herder ---- */

static int
set_up(void **state)
{
    struct herder *h = calloc(1, sizeof(*h));
    struct cv_err err;

    assert_non_null(h);
    cv_lock_init(&h->calls_lock, CV_RANK_HERDER_QUEUE);
    cv_cond_init(&h->calls_done);
    assert_int_equal(cv_wake_init(&h->wake, &err), CV_OK);
    atomic_store(&h->stage, "reading to the end of the config topic");
    atomic_store(&h->stage_since_ms, INT64_C(1732505581123));
    *state = h;
    return 0;
}

static int
tear_down(void **state)
{
    struct herder *h = *state;

    assert_null(h->calls_head);
    assert_null(h->calls_tail);
    cv_wake_done(&h->wake);
    cv_cond_done(&h->calls_done);
    cv_lock_done(&h->calls_lock);
    free(h);
    return 0;
}

static enum cv_rc
count(struct herder *h, void *arg, struct cv_err *err)
{
    (void)h;
    if (++*(int *)arg < 3)
        return CV_OK;
    return cv_fail(err, CV_CONFLICT, "three are too many");
}

/* The herder's turns: each call that is there, in order, until "stop" is set. */
static void
turns(void *arg)
{
    struct herder *h = arg;

    while (!atomic_load(&h->stop)) {
        struct herder_call *call;

        (void)cv_wake_wait(&h->wake, cv_mono_ms() + 100);
        cv_lock(&h->calls_lock);
        while ((call = h->calls_head) != NULL) {
            h->calls_head = call->next;
            if (h->calls_head == NULL)
                h->calls_tail = NULL;
            call->state = CALL_RUNNING;
            cv_unlock(&h->calls_lock);
            call->rc = call->run(h, call->arg, &call->err);
            cv_lock(&h->calls_lock);
            call->state = CALL_DONE;
            cv_cond_signal(&h->calls_done);
        }
        cv_unlock(&h->calls_lock);
    }
}

static void
calls_are_run_in_the_herders_turn_and_tell_what_came_of_them(void **state)
{
    struct herder *h = *state;
    static const char *const topics[] = { "configs", "offsets", "statuses" };
    struct cv_thread *thread = NULL;
    struct cv_err err = CV_ERR_INIT;
    int n = 0;

    assert_int_equal(cv_thread_start("turns", turns, h, &thread, &err), CV_OK);
    assert_int_equal(herder_call(h, count, &n, LONG_MS, &err), CV_OK);
    assert_int_equal(herder_call(h, count, &n, LONG_MS, &err), CV_OK);
    assert_int_equal(herder_call(h, count, &n, LONG_MS, &err), CV_CONFLICT);
    assert_string_equal(err.text, "three are too many");
    assert_int_equal(n, 3);
    atomic_store(&h->started, true);
    assert_int_equal(herder_health(h, &err), CV_OK);
    assert_string_equal(err.text, "Worker has completed startup and is ready to handle requests.");
    for (size_t i = 0; i < CV_COUNT(topics); i++) {
        atomic_store(&lost_topic, topics[i]);
        assert_int_equal(herder_health(h, &err), CV_INTERNAL);
        assert_non_null(strstr(err.text, topics[i]));
    }
    atomic_store(&lost_topic, NULL);
    atomic_store(&h->stop, true);
    cv_wake_signal(&h->wake);
    assert_true(cv_thread_join(thread, -1));
}

static void
a_call_that_is_not_begun_in_time_is_taken_back_and_tells_the_stage(void **state)
{
    struct herder *h = *state;
    struct cv_err err = CV_ERR_INIT;
    int n = 0;

    assert_int_equal(herder_call(h, count, &n, SHORT_MS, &err), CV_RETRY);
    assert_string_equal(err.text, "Request timed out. The worker is currently reading to the end of the config topic, "
                                  "which began at 2024-11-25T03:33:01.123Z.");
    assert_int_equal(n, 0);
    assert_null(h->calls_head);
}

/* The topics are still being read: that is no time-out. */
static void
what_cannot_be_answered_before_the_start_says_so(void **state)
{
    static const char why[] = "Worker is still starting up. The worker is currently reading to the end of the config "
                              "topic, which began at 2024-11-25T03:33:01.123Z.";
    struct herder *h = *state;
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(herder_logger_set(h, "root", "INFO", &err), CV_RETRY);
    assert_string_equal(err.text, why);
}

static void
health_tells_starting_and_unhealthy_apart(void **state)
{
    struct herder *h = *state;
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(herder_health(h, &err), CV_RETRY);
    assert_string_equal(err.text, "Worker is still starting up. The worker is currently reading to the end of the "
                                  "config topic, which began at 2024-11-25T03:33:01.123Z.");
    atomic_store(&h->started, true);
    h->closed = true;
    assert_int_equal(herder_health(h, &err), CV_INTERNAL);
    assert_string_equal(err.text,
                        "Worker was unable to handle this request and may be unable to handle other requests. "
                                  "Worker is shutting down");
}

static void
a_hop_too_many_is_a_conflict(void **state)
{
    struct herder_forward forward = { .hop = HERDER_HOP_NONE };
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(herder_forward_to("http://h:1/", &forward, &err), CV_OK);
    assert_string_equal(forward.url, "http://h:1/");
    assert_int_equal(herder_forward_to(NULL, &forward, &err), CV_CONFLICT);
    assert_string_equal(err.text, "Cannot complete request momentarily due to no known leader URL, likely because a "
                                  "rebalance was underway.");
    forward.hop = HERDER_HOP_FALSE;
    assert_int_equal(herder_forward_to("http://h:1/", &forward, &err), CV_CONFLICT);
    assert_string_equal(err.text,
                        "Cannot complete request because of a conflicting operation (e.g. worker rebalance)");
}

static void
who_runs_it_is_asked_by_way_of_the_leader(void **state)
{
    struct herder *h = *state;
    struct herder_forward forward = { .hop = HERDER_HOP_NONE };
    struct cv_err err = CV_ERR_INIT;
    bool here;

    assert_int_equal(herder_find_owner(h, "c", 0, true, &forward, &here, &err), CV_OK);
    assert_true(here);
    assert_string_equal(forward.url, "");
    assert_int_equal(herder_find_owner(h, "c", 0, false, &forward, &here, &err), CV_OK);
    assert_false(here);
    assert_string_equal(forward.url, "http://leader:1/");
    leads = true;
    assert_int_equal(herder_find_owner(h, "c", 0, false, &forward, &here, &err), CV_OK);
    assert_string_equal(forward.url, "http://owner:1/");
    leads = false;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(calls_are_run_in_the_herders_turn_and_tell_what_came_of_them),
        TEST(a_call_that_is_not_begun_in_time_is_taken_back_and_tells_the_stage),
        TEST(health_tells_starting_and_unhealthy_apart),
        TEST(what_cannot_be_answered_before_the_start_says_so),
        TEST(a_hop_too_many_is_a_conflict),
        TEST(who_runs_it_is_asked_by_way_of_the_leader),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
