/* SPDX-License-Identifier: Apache-2.0 */
/* What the coordinator thread (coordinator_thread.c) and the herder's side of it (coordinator.c)
 * share. */
#ifndef WORKER_GROUP_COORDINATOR_STATE_H
#define WORKER_GROUP_COORDINATOR_STATE_H

#include "common/log.h"
#include "worker/group/coordinator.h"
#include "worker/group/discovery.h"

#define COORDINATOR_BODY_MAX         ((size_t)16 << 20)
#define COORDINATOR_LEAVE_TIMEOUT_MS 1000

enum slot_state { SLOT_EMPTY, SLOT_QUEUED, SLOT_SENT, SLOT_ANSWERED, SLOT_FAILED };

/* What is on the wire, of the thread alone. */
enum flight_kind { FLIGHT_NONE, FLIGHT_REQUEST, FLIGHT_BEAT, FLIGHT_LEAVE };

struct flight {
    enum flight_kind kind;
    enum cv_wire_api api;
    int32_t correlation_id;
    int64_t sent_ms;
    int64_t deadline_ms;
    uint64_t seq; /* of the request or of the heartbeats, to tell what was meant by now */
};

struct coordinator {
    /* constant */
    bool alone; /* no thread, no connection */
    struct cv_wire_settings *settings;
    char *group_id;
    int session_timeout_ms;
    int heartbeat_interval_ms;
    int rebalance_timeout_ms;
    int retry_backoff_ms;
    int request_timeout_ms;
    struct cv_log *log;
    struct group_stats *stats;
    struct cv_thread *thread;
    struct cv_wake command; /* to the thread */
    struct cv_wake stop;    /* stays signalled */
    struct cv_wake news;    /* to the herder */

    struct cv_lock lock;
    struct cv_cond left;
    bool stopping;
    struct coordinator_events events;
    bool lost_asked;
    char lost_why[128];
    /* the request */
    enum slot_state slot;
    enum cv_wire_api slot_api;
    int slot_timeout_ms;
    uint64_t slot_seq;
    struct cv_buf slot_body; /* request, then response */
    struct cv_err slot_err;
    /* heartbeats */
    bool beating;
    uint64_t beat_seq;
    char *beat_member;
    int32_t beat_generation;
    int64_t beat_due_ms;
    int64_t beat_alive_ms; /* last sign of life from the coordinator */
    bool polling;
    int64_t polled_ms;
    /* LeaveGroup */
    char *leave_member; /* queued or on the wire; NULL: none */
    bool leave_sent;

    /* the thread's own */
    struct discovery discovery;
    struct cv_wire_conn *conn;
    struct flight flight;
    int64_t renew_ms; /* 0: never */
    unsigned int attempts;
    int64_t retry_ms;
    struct cv_log_limit warned;
};

/* The thread, until coord->stopping. */
void coordinator_run(void *coord);

/* With the lock held. */
void coordinator_beats_off(struct coordinator *coord);
void coordinator_leave_over(struct coordinator *coord);

#endif
