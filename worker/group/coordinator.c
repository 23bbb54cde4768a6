/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The herder's side of the coordinator connection: start and stop of its thread, and what is asked
 * of it and read from it under the lock. What the thread does is in coordinator_thread.c.
 */
#include <config.h>

#include "worker/group/coordinator_state.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "worker/group/alone.h"

static enum cv_rc
coordinator_init(struct coordinator *coord, const struct group_spec *spec, struct cv_err *err)
{
    enum cv_rc rc;

    coord->session_timeout_ms = spec->session_timeout_ms;
    coord->heartbeat_interval_ms = spec->heartbeat_interval_ms;
    coord->rebalance_timeout_ms = spec->rebalance_timeout_ms;
    coord->retry_backoff_ms = spec->retry_backoff_ms;
    coord->request_timeout_ms = spec->request_timeout_ms;
    coord->log = cv_log_get("culvert.worker.group");
    coord->polled_ms = cv_mono_ms();
    coord->events.away_since_ms = coord->polled_ms;
    cv_buf_init(&coord->slot_body, COORDINATOR_BODY_MAX);
    coord->group_id = strdup(spec->group_id);
    if (coord->group_id == NULL)
        return cv_fail_memory(err);
    coord->alone = spec->alone;
    coord->events.ready = spec->alone;
    rc = spec->alone ? CV_OK : cv_wire_settings_new(spec->worker, spec->client_id, &coord->settings, err);
    if (coord->settings != NULL)
        coord->settings->tallies = coord->stats->wire;
    if (rc == CV_OK)
        rc = cv_wake_init(&coord->command, err);
    if (rc == CV_OK)
        rc = cv_wake_init(&coord->stop, err);
    if (rc == CV_OK)
        rc = cv_wake_init(&coord->news, err);
    if (rc != CV_OK || coord->alone)
        return rc;
    coord->discovery = (struct discovery){ .settings = coord->settings,
                                           .group_id = coord->group_id,
                                           .request_timeout_ms = spec->request_timeout_ms,
                                           .stop = &coord->stop };
    return cv_thread_start("group", coordinator_run, coord, &coord->thread, err);
}

enum cv_rc
coordinator_new(const struct group_spec *spec, struct group_stats *stats, struct coordinator **ret,
                struct cv_err *err)
{
    struct coordinator *coord = calloc(1, sizeof(*coord));
    enum cv_rc rc;

    if (coord == NULL)
        return cv_fail_memory(err);
    coord->stats = stats;
    coord->command.fd = coord->stop.fd = coord->news.fd = -1;
    cv_lock_init(&coord->lock, CV_RANK_KAFKA);
    cv_cond_init(&coord->left);
    rc = coordinator_init(coord, spec, err);
    if (rc == CV_OK)
        *ret = coord;
    else
        coordinator_free(coord);
    return rc;
}

void
coordinator_free(struct coordinator *coord)
{
    if (coord == NULL)
        return;
    if (coord->thread != NULL) {
        cv_lock(&coord->lock);
        coord->stopping = true;
        cv_unlock(&coord->lock);
        cv_wake_signal(&coord->stop);
        cv_wake_signal(&coord->command);
        (void)cv_thread_join(coord->thread, -1);
    }
    discovery_done(&coord->discovery);
    cv_wire_settings_free(coord->settings);
    cv_wake_done(&coord->command);
    cv_wake_done(&coord->stop);
    cv_wake_done(&coord->news);
    cv_buf_free(&coord->slot_body);
    free(coord->beat_member);
    free(coord->leave_member);
    free(coord->group_id);
    cv_cond_done(&coord->left);
    cv_lock_done(&coord->lock);
    free(coord);
}

struct cv_wake *
coordinator_wake(struct coordinator *coord)
{
    return &coord->news;
}

void
coordinator_events(struct coordinator *coord, struct coordinator_events *ret)
{
    cv_lock(&coord->lock);
    *ret = coord->events;
    coord->events.beat_error = 0;
    coord->events.poll_expired = false;
    cv_unlock(&coord->lock);
}

void
coordinator_request(struct coordinator *coord, enum cv_wire_api api, struct cv_buf *body,
                    int timeout_ms)
{
    cv_lock(&coord->lock);
    cv_buf_free(&coord->slot_body);
    coord->slot_body = *body;
    cv_buf_init(body, COORDINATOR_BODY_MAX);
    coord->slot = SLOT_QUEUED;
    coord->slot_api = api;
    coord->slot_timeout_ms = timeout_ms;
    coord->slot_seq++;
    if (coord->alone) {
        alone_answer(api, &coord->slot_body);
        coord->slot = SLOT_ANSWERED;
    }
    cv_unlock(&coord->lock);
    cv_wake_signal(coord->alone ? &coord->news : &coord->command);
}

bool
coordinator_take_response(struct coordinator *coord, struct cv_buf *body, enum cv_rc *ret_rc,
                          struct cv_err *err)
{
    bool over;

    cv_lock(&coord->lock);
    over = coord->slot == SLOT_ANSWERED || coord->slot == SLOT_FAILED;
    if (coord->slot == SLOT_ANSWERED) {
        *ret_rc = cv_buf_check(&coord->slot_body, err);
        cv_buf_free(body);
        *body = coord->slot_body;
        cv_buf_init(&coord->slot_body, COORDINATOR_BODY_MAX);
    } else if (coord->slot == SLOT_FAILED) {
        *err = coord->slot_err;
        *ret_rc = err->rc = CV_RETRY;
    }
    if (over)
        coord->slot = SLOT_EMPTY;
    cv_unlock(&coord->lock);
    return over;
}

void
coordinator_beats_stop(struct coordinator *coord)
{
    cv_lock(&coord->lock);
    coordinator_beats_off(coord);
    coord->events.beat_error = 0;
    cv_unlock(&coord->lock);
}

void
coordinator_polling(struct coordinator *coord, bool polling)
{
    cv_lock(&coord->lock);
    coord->polling = polling;
    coord->polled_ms = cv_mono_ms();
    cv_unlock(&coord->lock);
    /* The thread may be waiting past the time by which a herder that is now busy must be back. */
    if (!polling)
        cv_wake_signal(&coord->command);
}

void
coordinator_lost(struct coordinator *coord, const char *why)
{
    cv_lock(&coord->lock);
    if (coord->events.ready) {
        coord->events.ready = false;
        coord->events.away_since_ms = cv_mono_ms();
        coord->lost_asked = true;
        snprintf(coord->lost_why, sizeof(coord->lost_why), "%s", why);
    }
    cv_unlock(&coord->lock);
    cv_wake_signal(&coord->command);
}

void
coordinator_leave(struct coordinator *coord, const char *member_id)
{
    int64_t deadline_ms = cv_mono_ms() + COORDINATOR_LEAVE_TIMEOUT_MS;

    cv_lock(&coord->lock);
    coordinator_beats_off(coord);
    coord->slot = SLOT_EMPTY;
    coord->slot_seq++;
    if (coord->alone) {
        cv_unlock(&coord->lock);
        return;
    }
    free(coord->leave_member);
    coord->leave_member = strdup(member_id);
    coord->leave_sent = false;
    cv_wake_signal(&coord->command);
    while (coord->leave_member != NULL) {
        if (!cv_cond_wait(&coord->left, &coord->lock, deadline_ms))
            break;
    }
    if (coord->leave_member != NULL && !coord->leave_sent)
        coordinator_leave_over(coord);
    cv_unlock(&coord->lock);
}
