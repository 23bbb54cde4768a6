/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection to the group's coordinator and the thread that owns it: finds the coordinator
 * again whenever it is lost, carries one request at a time for the herder, and sends heartbeats
 * between them.
 *
 * All functions are the herder thread's unless they say otherwise; none but coordinator_leave and
 * coordinator_free waits for the network.
 */
#ifndef WORKER_GROUP_COORDINATOR_H
#define WORKER_GROUP_COORDINATOR_H

#include "common/wire/message.h"
#include "worker/group/member.h"

struct coordinator;

/* spec and what it points at are not used after the call; stats until coordinator_free. */
CV_MUST_CHECK
enum cv_rc coordinator_new(const struct group_spec *spec, struct group_stats *stats,
                           struct coordinator **ret, struct cv_err *err);
void coordinator_free(struct coordinator *coord); /* stops the thread */

/* Signalled whenever coordinator_events or coordinator_take_response may have news; clear it before
 * asking. */
struct cv_wake *coordinator_wake(struct coordinator *coord);

struct coordinator_events {
    bool ready;            /* a coordinator is known and connected */
    int64_t away_since_ms; /* monotonic, unless ready */
    struct cv_err why;     /* unless ready, or fatal: rc is CV_OK if nothing failed yet */
    bool fatal;            /* why says what can never succeed */
    int16_t beat_error;    /* of a heartbeat since the last call; 0: none */
    bool poll_expired;     /* the herder was away too long: the member has left the group */
};
/* Takes beat_error and poll_expired; the rest is the state. */
void coordinator_events(struct coordinator *coord, struct coordinator_events *ret);

/* Queue a request; one that was queued or sent before is forgotten. body is taken (left empty). */
void coordinator_request(struct coordinator *coord, enum cv_wire_api api, struct cv_buf *body,
                         int timeout_ms);
/*
 * false: no request, or not answered yet. true: *ret_rc says how it went, and the request is over.
 * CV_OK: body holds the response. CV_RETRY: the connection was lost, err says why.
 */
CV_MUST_CHECK
bool coordinator_take_response(struct coordinator *coord, struct cv_buf *body, enum cv_rc *ret_rc,
                               struct cv_err *err);

/* Heartbeats: begin by themselves when a JoinGroup succeeds, end when a member is unknown, or by
 * this. */
void coordinator_beats_stop(struct coordinator *coord);
/* The herder is within member_poll and waits (true), or is busy (false). Busy for the rebalance
   timeout while heartbeats go out means leaving the group. */
void coordinator_polling(struct coordinator *coord, bool polling);

/* The coordinator said that it is not the one: find it again. */
void coordinator_lost(struct coordinator *coord, const char *why);
/* Send LeaveGroup, wait shortly for it to be taken; heartbeats and the request end. */
void coordinator_leave(struct coordinator *coord, const char *member_id);

/* Any thread. */

/* Backoff of retry n (from 0): base doubled each time up to a second, give or take a fifth. */
int64_t coordinator_backoff_ms(int base_ms, unsigned int n);

#endif
