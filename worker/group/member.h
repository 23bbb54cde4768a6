/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Membership in the Connect group: find the coordinator, join, sync, heartbeat, leave; the client
 * side of Kafka's classic group protocol with type "connect" (WorkerCoordinator,
 * AbstractCoordinator). README.md says what a herder must do with it.
 *
 * The herder thread owns a member and drives it: member_poll does whatever is due and calls back. A
 * thread of the member's own keeps the coordinator connection and sends heartbeats, so that a
 * herder that is busy for less than the rebalance timeout stays in the group.
 */
#ifndef WORKER_GROUP_MEMBER_H
#define WORKER_GROUP_MEMBER_H

#include "common/thread.h"
#include "worker/group/protocol.h"
#include "worker/group/stats.h"

struct cv_config;
struct group_member;

/* What the leader assigns: every connector with its number of tasks. Filled by the config callback.
 */
struct group_config {
    int64_t offset; /* config offset of the snapshot */
    struct group_work units;
};

struct group_callbacks {
    void *arg;
    /* The config offset of a fresh snapshot, for the next join. */
    int64_t (*config_offset)(void *arg);
    /* Leader: what is configured. CV_OK, or the round is answered with CONFIG_MISMATCH. */
    enum cv_rc (*config)(void *arg, struct group_config *ret, struct cv_err *err);
    /* Leader: a member is gone; add to ret what of this work its last owner gave up in order, or
       nobody has run yet. It is handed out at once; for the rest the group waits. NULL: it waits
       for all. */
    void (*released)(void *arg, const struct group_work *work, struct group_work *ret);
    /* Stop this work before the next join; blocks until stopped or given up. all: everything,
       because the member fell out of the group. */
    void (*revoked)(void *arg, const struct group_work *work, bool all);
    /* A round is complete. work is all that this member now holds (borrowed, valid until the next
       call); revoked is what the round took away (already handed to the revoked callback). */
    void (*assigned)(void *arg, const struct group_assignment *assignment,
                     const struct group_work *work, int32_t generation);
};

struct group_spec {
    const char *group_id;
    bool alone; /* a standalone worker: no group in Kafka, rounds are answered at once (alone.h) */
    const char *client_id;
    const char *url; /* advertised REST URL with trailing slash */
    enum group_protocol protocol;
    int session_timeout_ms;
    int heartbeat_interval_ms;
    int rebalance_timeout_ms;
    int rebalance_max_delay_ms; /* scheduled.rebalance.max.delay.ms */
    int retry_backoff_ms;
    int request_timeout_ms;
    struct cv_window_spec window; /* of what is counted */
    const struct cv_config *worker; /* bootstrap.servers, security.protocol, ssl.*, sasl.* */
    struct group_callbacks callbacks;
};

CV_MUST_CHECK
enum cv_rc member_new(const struct group_spec *spec, struct group_member **ret, struct cv_err *err);
void member_free(struct group_member *member); /* after member_leave, or without leaving */

/*
 * Make sure of membership (join and sync as needed; callbacks run in here), then wait for events
 * until deadline_ms (monotonic), until wake is signalled (it is cleared), or until a round is
 * complete. A join that is under way goes on in the next call. CV_RETRY: the coordinator is away;
 * call again (waiting is done inside). CV_INTERNAL, CV_INVALID: fatal (authorisation, inconsistent
 * protocol).
 */
CV_MUST_CHECK
enum cv_rc member_poll(struct group_member *member, struct cv_wake *wake, int64_t deadline_ms,
                       struct cv_err *err);
/* The next poll joins anew. */
void member_request_rejoin(struct group_member *member, const char *why);
/* Whether a rejoin is requested or under way: leader state is not to be trusted. */
bool member_rejoin_pending(const struct group_member *member);
/* Leave at once (fire and forget), forget the assignment. */
void member_leave(struct group_member *member, const char *why);

/* As of the last completed round. Strings are borrowed until the next poll. */
bool member_is_leader(const struct group_member *member);
const char *member_leader_url(const struct group_member *member); /* NULL: not known */
const char *member_id(const struct group_member *member);
int32_t member_generation(const struct group_member *member);
enum group_protocol member_protocol(const struct group_member *member); /* selected by the group */
/* Leader only: REST URL of the worker that owns the unit, NULL: nobody or not known. */
const char *member_owner_url(const struct group_member *member, const char *connector,
                             int32_t task);

/* For connect-coordinator-metrics and connect-worker-rebalance-metrics. Borrowed; any thread until
   member_free. */
const struct group_stats *member_stats(const struct group_member *member);
bool member_rebalancing(const struct group_member *member); /* any thread */

#endif
