/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sender's thread and its mailbox.
 *
 * Nothing lingers unless linger.ms says so: what is there goes at once while nothing is on its way to its broker, and
 * what comes meanwhile is gathered (sender_requests.c). So the size of requests follows from the load.
 *
 * The thread never waits for a connection, which is opened elsewhere, nor for an answer, but for those to a step of a
 * transaction, for which the owner waits too.
 */
#include "common/kafka/sender_private.h"

#include "common/clock.h"
#include "common/kafka/refusal.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define BUSY_MS 1000  /* awake at least this often while there is something to send, to look for what got too old */
#define IDLE_MS 60000 /* and else */

void
sender_complain(struct sender *s, const char *text)
{
    kafka_complain(s->handle, "FAIL", text);
}

/* Under the lock: there is something to take, or nothing to wait for any more. */
static void
wake_owner(struct sender *s)
{
    if (s->owner != NULL)
        cv_wake_signal(s->owner);
    if (s->owner_waits)
        cv_cond_signal(&s->cond);
}

void
sender_break(struct sender *s, rd_kafka_resp_err_t code, const char *detail, const char *what)
{
    char text[REFUSAL_MAX];

    if (s->failure.rc == CV_OK)
        (void)kafka_fail(s->handle, &s->failure, code,
                         detail != NULL ? detail : refusal_explain(s->settings, code, text), "%s", what);
}

bool
sender_broke(struct sender *s)
{
    bool broken;

    cv_lock(&s->lock);
    broken = s->failure.rc != CV_OK || s->broken.rc != CV_OK;
    cv_unlock(&s->lock);
    return broken;
}

/* ---- the mailbox, from the owner's side ---- */

static void
wake_sender(struct sender *s)
{
    if (s->asleep)
        cv_wake_signal(&s->wake);
    s->asleep = false;
}

void
sender_put(struct sender *s, struct message_list *list)
{
    if (list->first == NULL)
        return;
    cv_lock(&s->lock);
    message_append(&s->inbox, list);
    wake_sender(s);
    cv_unlock(&s->lock);
}

void
sender_hurry(struct sender *s)
{
    cv_lock(&s->lock);
    s->newest_hurry_us = cv_mono_us();
    wake_sender(s);
    cv_unlock(&s->lock);
}

void
sender_take(struct sender *s, int timeout_ms, struct reports *ret)
{
    int64_t deadline_ms = timeout_ms <= 0 ? 0 : cv_mono_ms() + timeout_ms;

    cv_lock(&s->lock);
    s->owner_waits = true;
    while (timeout_ms > 0 && reports_empty(&s->reported) && s->broken.rc == CV_OK)
        if (!cv_cond_wait(&s->cond, &s->lock, deadline_ms))
            break;
    s->owner_waits = false;
    *ret = s->reported;
    s->reported = (struct reports){ 0 };
    cv_unlock(&s->lock);
}

void
sender_notify(struct sender *s, struct cv_wake *wake)
{
    cv_lock(&s->lock);
    s->owner = wake;
    if (wake != NULL && !reports_empty(&s->reported))
        cv_wake_signal(wake);
    cv_unlock(&s->lock);
}

bool
sender_is_broken(struct sender *s, struct cv_err *ret)
{
    bool broken;

    cv_lock(&s->lock);
    broken = s->broken.rc != CV_OK;
    if (broken)
        *ret = s->broken;
    cv_unlock(&s->lock);
    return broken;
}

/* The thread did not get at a step. */
static void
break_now(struct sender *s, rd_kafka_resp_err_t code)
{
    struct cv_err err;

    (void)kafka_fail(s->handle, &err, code, NULL, "a transaction failed");
    cv_lock(&s->lock);
    if (s->broken.rc == CV_OK)
        s->broken = err;
    cv_unlock(&s->lock);
}

void
sender_post(struct sender *s, struct command *command)
{
    cv_lock(&s->lock);
    s->command = command;
    wake_sender(s);
    cv_unlock(&s->lock);
}

bool
sender_is_done(struct sender *s, struct command *command)
{
    bool late;

    cv_lock(&s->lock);
    late = s->command == command && cv_mono_ms() >= command->deadline_ms;
    if (late) {
        s->command = NULL;
        command->code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    }
    late |= command->done;
    cv_unlock(&s->lock);
    return late;
}

void
sender_call(struct sender *s, struct command *command)
{
    bool taken = true;

    cv_lock(&s->lock);
    s->command = command;
    s->owner_waits = true;
    wake_sender(s);
    while (!command->done) { /* whoever took it looks at its deadline */
        bool waits = s->command == command;

        if (!cv_cond_wait(&s->cond, &s->lock, waits ? command->deadline_ms : -1) && s->command == command) {
            s->command = NULL;
            command->code = RD_KAFKA_RESP_ERR__TIMED_OUT;
            taken = false;
            break;
        }
    }
    s->owner_waits = false;
    cv_unlock(&s->lock);
    if (!taken && txn_is_over(command))
        break_now(s, command->code);
}

void
sender_begin_txn(struct sender *s)
{
    cv_lock(&s->lock);
    s->newest_txn++;
    cv_unlock(&s->lock);
}

/* ---- the mailbox, from the thread's side ---- */

/* false: the thread must end. */
static bool
take_mail(struct sender *s)
{
    struct message_list inbox;
    bool stopping;

    cv_lock(&s->lock);
    inbox = s->inbox;
    s->inbox = (struct message_list){ 0 };
    if (s->command != NULL)
        s->working = s->command;
    s->command = NULL;
    s->txn = s->newest_txn;
    s->hurry_us = s->newest_hurry_us;
    stopping = s->stopping;
    cv_unlock(&s->lock);
    while (inbox.first != NULL)
        topics_place(s, message_pop(&inbox));
    return !stopping;
}

/* Reports, and that there is no going on: what ended with that is told with it. */
static void
hand_over(struct sender *s)
{
    bool breaks, wake;

    if (reports_empty(&s->done) && s->failure.rc == CV_OK)
        return;
    cv_lock(&s->lock);
    breaks = s->failure.rc != CV_OK && s->broken.rc == CV_OK;
    if (breaks)
        s->broken = s->failure;
    wake = breaks || (reports_empty(&s->reported) && !reports_empty(&s->done));
    reports_append(&s->reported, &s->done);
    if (wake)
        wake_owner(s);
    cv_unlock(&s->lock);
}

/* A command stays until it is finished or its time is over. */
static void
work(struct sender *s)
{
    struct command *command = s->working;
    bool finished;

    if (command == NULL)
        return;
    if (command->kind == COMMAND_PARTITIONS)
        topics_command(s, command);
    else
        txn_command(s, command);
    finished = command->code != RD_KAFKA_RESP_ERR__IN_PROGRESS;
    if (!finished)
        return;
    s->working = NULL;
    hand_over(s);
    cv_lock(&s->lock);
    command->done = true;
    cv_cond_signal(&s->cond);
    cv_unlock(&s->lock);
}

/* ---- the thread ---- */

static size_t
list_link(struct link *link, struct pollfd *fds, struct link **links, size_t n, size_t max)
{
    link->revents = n == max ? POLLIN : 0;
    if (link->conn == NULL || n == max)
        return n;
    fds[n] = (struct pollfd){ .fd = cv_wire_fd(link->conn), .events = cv_wire_events(link->conn) };
    links[n] = link;
    return n + 1;
}

/* Whether there is nothing in the mailbox, and whoever puts something in signals. */
static bool
fall_asleep(struct sender *s)
{
    bool asleep;

    cv_lock(&s->lock);
    s->asleep = asleep = s->inbox.first == NULL && s->command == NULL && !s->stopping &&
                         s->hurry_us == s->newest_hurry_us;
    cv_unlock(&s->lock);
    return asleep;
}

#define FDS_MAX 64 /* brokers beyond it are looked at when the others have something, or a second later */

static void
sleep_until_due(struct sender *s)
{
    struct pollfd fds[FDS_MAX] = { { .fd = s->wake.fd, .events = POLLIN } };
    struct link *links[FDS_MAX] = { NULL };
    size_t n = 1;
    int64_t left_us = 0;
    struct timespec left;

    if (s->control.asked.answered != NULL)
        n = list_link(&s->control, fds, links, n, FDS_MAX);
    for (struct peer *peer = s->peers; peer != NULL; peer = peer->next)
        n = list_link(&peer->link, fds, links, n, FDS_MAX);
    if (fall_asleep(s)) {
        left_us = s->due_ms < INT64_MAX / 1000 ? s->due_ms * 1000 : INT64_MAX;
        left_us = (s->due_us < left_us ? s->due_us : left_us) - cv_mono_us();
        left_us = left_us < 0 ? 0 : left_us > IDLE_MS * 1000 ? IDLE_MS * 1000 : left_us;
    }
    left = (struct timespec){ .tv_sec = left_us / 1000000, .tv_nsec = left_us % 1000000 * 1000 };
    (void)ppoll(fds, n, &left, NULL);
    for (size_t i = 1; i < n; i++)
        links[i]->revents = fds[i].revents;
    cv_lock(&s->lock);
    s->asleep = false;
    cv_unlock(&s->lock);
    if (fds[0].revents != 0)
        cv_wake_clear(&s->wake);
}

static void
turn(struct sender *s)
{
    int64_t now_ms = cv_mono_ms();

    s->due_us = INT64_MAX;
    s->due_ms = now_ms + (s->active != NULL || s->in_flight > 0 || s->wants_metadata ? BUSY_MS : IDLE_MS);
    questions_serve(s, now_ms);
    topics_expire(s, now_ms);
    topics_refresh(s, now_ms);
    work(s);
    if (identity_ready(s, now_ms) && s->settings->transactional_id != NULL)
        txn_add_partitions(s, now_ms);
    for (struct peer *peer = s->peers; peer != NULL; peer = peer->next)
        requests_serve(s, peer, now_ms);
    txn_expect_offsets(s, now_ms);
    links_close_idle(s, now_ms);
    links_reap(s, false);
    hand_over(s);
}

/* What has no report gets one: it was not written, as far as is known. */
static void
end(struct sender *s)
{
    for (struct peer *peer = s->peers; peer != NULL; peer = peer->next)
        requests_drop(s, peer);
    topics_purge(s, RD_KAFKA_RESP_ERR__PURGE_QUEUE);
    if (s->working != NULL)
        s->working->code = RD_KAFKA_RESP_ERR__DESTROY;
    hand_over(s);
}

static void
run(void *arg)
{
    struct sender *s = arg;

    while (take_mail(s)) {
        turn(s);
        sleep_until_due(s);
    }
    end(s);
}

static void
release(struct sender *s)
{
    struct peer *peer;

    while ((peer = s->peers) != NULL) {
        s->peers = peer->next;
        link_done(s, &peer->link);
        free(peer);
    }
    link_done(s, &s->control);
    link_done(s, &s->coordinator);
    link_done(s, &s->group);
    links_reap(s, true);
    free(s->group_name);
    topics_forget(s);
    cv_batch_writer_done(&s->writer);
    cv_buf_free(&s->body);
    cv_wake_done(&s->wake);
    cv_wake_done(&s->halt);
    cv_cond_done(&s->cond);
    cv_lock_done(&s->lock);
    free(s);
}

#define BODY_MAX ((size_t)16 << 20)

enum cv_rc
sender_start(const struct producer_settings *settings, struct kafka_handle *handle, struct cv_wake *wake,
             struct sender **ret, struct cv_err *err)
{
    struct sender *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return cv_fail_memory(err);
    *s = (struct sender){ .settings = settings,
                          .handle = handle,
                          .owner = wake,
                          .wake = { -1 },
                          .halt = { -1 },
                          .body = CV_BUF_INIT(BODY_MAX),
                          .idempotent = settings->idempotent,
                          .patience_ms = SENDER_QUESTION_MS,
                          .producer_id = CV_WIRE_NO_PRODUCER };
    cv_lock_init(&s->lock, CV_RANK_QUEUE);
    cv_cond_init(&s->cond);
    if (cv_wake_init(&s->wake, err) == CV_OK && cv_wake_init(&s->halt, err) == CV_OK &&
             cv_batch_writer_init(&s->writer, settings->codec, settings->level, err) == CV_OK &&
             cv_thread_start("kafka-producer", run, s, &s->thread, err) == CV_OK) {
        *ret = s;
        return CV_OK;
    }
    release(s);
    return err->rc;
}

void
sender_stop(struct sender *s, struct reports *ret)
{
    cv_lock(&s->lock);
    s->stopping = true;
    wake_sender(s);
    cv_unlock(&s->lock);
    cv_wake_signal(&s->halt);
    (void)cv_thread_join(s->thread, -1);
    *ret = s->reported;
    release(s);
}
