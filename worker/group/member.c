/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A member of the Connect group.
 *
 *              begin_join            JoinGroup ok             SyncGroup ok
 *   UNJOINED ------------> PREPARING ------------> COMPLETING ------------> STABLE
 *      ^  ^                    |                        |                     |
 *      |  +-- error, lost -----+------------------------+                     |
 *      +---------- unknown member, lost generation, left ---------------------+
 *                                   STABLE -- rejoin wanted --> PREPARING
 *
 *   UNJOINED    no heartbeats; the next step joins. Work may still be held: a cooperative member
 * keeps it until it is revoked, or until the coordinator has been away for a heartbeat interval.
 *   PREPARING   JoinGroup is pending, perhaps for as long as the rebalance timeout; no heartbeats.
 *   COMPLETING  the round has a generation, SyncGroup is pending; heartbeats run.
 *   STABLE      heartbeats run; what is held is what the last round said.
 *
 * Everything here happens on the herder thread, one step at a time: nothing waits for an answer but
 * member_poll, which returns to the herder whenever it is woken, also in the middle of a join. The
 * sequence and the meaning of errors are those of AbstractCoordinator and WorkerCoordinator of
 * Kafka.
 */
#include <config.h>

#include "worker/group/member.h"

#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/log.h"
#include "worker/group/coordinator.h"
#include "worker/group/join.h"
#include "worker/group/leader.h"

#define BODY_MAX      ((size_t)16 << 20)
#define JOIN_GRACE_MS 5000 /* of the broker over the rebalance timeout */

#define MEMBER_STATES(X)                                                                           \
    X(UNJOINED)                                                                                    \
    X(PREPARING)                                                                                   \
    X(COMPLETING)                                                                                  \
    X(STABLE)

enum member_state {
#define MEMBER_STATE(name) MEMBER_##name,
    MEMBER_STATES(MEMBER_STATE)
#undef MEMBER_STATE
};

static const char *const state_names[] = {
#define MEMBER_STATE(name) #name,
    MEMBER_STATES(MEMBER_STATE)
#undef MEMBER_STATE
};

struct group_member {
    char *group_id;
    char *url;
    enum group_protocol protocol; /* offered, and all below it */
    int session_timeout_ms;
    int heartbeat_interval_ms;
    int rebalance_timeout_ms;
    int retry_backoff_ms;
    int request_timeout_ms;
    struct group_callbacks callbacks;
    struct cv_log *log;
    struct coordinator *coord;
    struct leader *leader;

    enum member_state state;
    char *id;                     /* "": not given one yet */
    int32_t generation;           /* of the round under way or completed; -1: none */
    int32_t completed_generation; /* -1: none */
    enum group_protocol selected; /* by the last round that got past JoinGroup */
    bool rejoin_needed;
    bool round_begun; /* what is done once before a round's first JoinGroup is done */
    bool has_assignment;
    struct group_assignment held; /* as of the last round, with assigned all that we hold */
    bool away;                    /* no coordinator */
    int64_t away_since_ms;
    struct cv_err away_why;
    unsigned int attempts;
    int64_t retry_ms; /* no JoinGroup before */
    int64_t round_begun_ms;
    bool completed; /* a round, in this call of member_poll */

    struct group_stats stats;
    atomic_bool rebalancing;
};

static bool
move_is_legal(enum member_state from, enum member_state to)
{
    switch (to) {
    case MEMBER_UNJOINED:
        return true;
    case MEMBER_PREPARING:
        return from == MEMBER_UNJOINED || from == MEMBER_STABLE;
    case MEMBER_COMPLETING:
        return from == MEMBER_PREPARING;
    default:
        return from == MEMBER_COMPLETING;
    }
}

static void
member_set_state(struct group_member *member, enum member_state state)
{
    if (!move_is_legal(member->state, state))
        CV_LOG_ERROR(member->log, "illegal move of the group member",
                     CV_STR("from", state_names[member->state]), CV_STR("to", state_names[state]));
    CV_LOG_DEBUG(member->log, "group member", CV_STR("from", state_names[member->state]),
                 CV_STR("to", state_names[state]), CV_INT("generation", member->generation));
    member->state = state;
    atomic_store_explicit(&member->rebalancing,
                          state == MEMBER_PREPARING || state == MEMBER_COMPLETING,
                          memory_order_relaxed);
}

void
member_request_rejoin(struct group_member *member, const char *why)
{
    if (!member->rejoin_needed)
        CV_LOG_INFO(member->log, "joining the group anew", CV_STR("why", why));
    member->rejoin_needed = true;
}

static void
set_id(struct group_member *member, const char *id)
{
    char *copy = strdup(id);

    if (copy == NULL)
        return; /* the old one; the coordinator will say that it is unknown */
    free(member->id);
    member->id = copy;
}

static void
back_off(struct group_member *member)
{
    member->retry_ms =
        cv_mono_ms() + coordinator_backoff_ms(member->retry_backoff_ms, member->attempts++);
}

/* The round is off; the next step begins another. */
static void
unjoin(struct group_member *member, const char *why)
{
    if (member->state == MEMBER_PREPARING || member->state == MEMBER_COMPLETING)
        cv_tally_count(&member->stats.of[GROUP_STAT_FAILED], cv_mono_ms() - member->round_begun_ms);
    member_set_state(member, MEMBER_UNJOINED);
    member_request_rejoin(member, why);
}

/* Callbacks that may take long: the herder counts as busy meanwhile. */
static void
call_revoked(struct group_member *member, const struct group_work *work, bool all)
{
    coordinator_polling(member->coord, false);
    member->callbacks.revoked(member->callbacks.arg, work, all);
    coordinator_polling(member->coord, true);
}

static void
forget_assignment(struct group_member *member)
{
    group_assignment_done(&member->held);
    member->has_assignment = false;
    leader_forget_owners(member->leader);
}

/* Out of reach for too long: nothing may run here that the group could give to another. */
static void
fall_out(struct group_member *member)
{
    CV_LOG_WARN(member->log,
                "the group coordinator has been away for a heartbeat interval; stopping all work",
                CV_INT("heartbeat_interval_ms", member->heartbeat_interval_ms),
                CV_ERR(&member->away_why));
    call_revoked(member, &member->held.assigned, true);
    forget_assignment(member);
    member_request_rejoin(member, "the coordinator was away");
}

static enum cv_rc
begin_join(struct group_member *member, struct cv_err *err)
{
    struct cv_buf body = CV_BUF_INIT(BODY_MAX);
    int timeout_ms = member->rebalance_timeout_ms + JOIN_GRACE_MS;
    struct join_spec join = {
        .group_id = member->group_id,
        .member_id = member->id,
        .url = member->url,
        .protocol = member->protocol,
        .session_timeout_ms = member->session_timeout_ms,
        .rebalance_timeout_ms = member->rebalance_timeout_ms,
    };
    enum cv_rc rc;

    if (!member->round_begun) {
        member->round_begun = true;
        member->round_begun_ms = cv_mono_ms();
        leader_forget_owners(member->leader);
        if (member->has_assignment && member->selected == GROUP_EAGER &&
            member->held.assigned.count > 0) {
            call_revoked(member, &member->held.assigned, false);
            group_work_done(&member->held.assigned);
        }
    }
    coordinator_beats_stop(member->coord);
    join.allocation = member->has_assignment ? &member->held : NULL;
    join.config_offset = member->callbacks.config_offset(member->callbacks.arg);
    rc = join_write(&join, &body, err);
    if (rc == CV_OK)
        coordinator_request(member->coord, CV_WIRE_JOIN_GROUP, &body,
                            timeout_ms > member->request_timeout_ms ? timeout_ms
                                                                    : member->request_timeout_ms);
    cv_buf_free(&body);
    if (rc == CV_OK)
        member_set_state(member, MEMBER_PREPARING);
    return rc;
}

/* The error of a JoinGroup or SyncGroup: what to do before the next try, or a fatal failure. */
static enum cv_rc
round_error(struct group_member *member, enum cv_wire_api api, int16_t error, struct cv_err *err)
{
    const char *name = cv_wire_error_name(error);

    switch (error) {
    case CV_WIRE_UNKNOWN_MEMBER_ID:
        set_id(member, "");
        member->generation = -1;
        break;
    case CV_WIRE_ILLEGAL_GENERATION:
        member->generation = -1;
        break;
    case CV_WIRE_REBALANCE_IN_PROGRESS:
        if (api == CV_WIRE_JOIN_GROUP)
            back_off(member);
        break;
    case CV_WIRE_COORDINATOR_NOT_AVAILABLE:
    case CV_WIRE_NOT_COORDINATOR:
        coordinator_lost(member->coord, name);
        back_off(member);
        break;
    case CV_WIRE_COORDINATOR_LOAD_IN_PROGRESS:
    case CV_WIRE_REQUEST_TIMED_OUT:
    case CV_WIRE_UNKNOWN_SERVER_ERROR:
        back_off(member);
        break;
    default:
        unjoin(member, name);
        return join_fatal(member->group_id, member->session_timeout_ms, api, error, err);
    }
    unjoin(member, name);
    return CV_OK;
}

static enum cv_rc
send_sync(struct group_member *member, const struct leader_answer *answer, struct cv_err *err)
{
    struct cv_buf body = CV_BUF_INIT(BODY_MAX);
    const struct cv_wire_sync sync = {
        .group = member->group_id,
        .generation = member->generation,
        .member_id = member->id,
        .assignments = answer->assignments,
        .n_assignments = answer->count,
    };
    enum cv_rc rc;

    cv_wire_write_sync_group(&body, &sync);
    rc = cv_buf_check(&body, err);
    if (rc == CV_OK)
        coordinator_request(member->coord, CV_WIRE_SYNC_GROUP, &body, member->request_timeout_ms);
    cv_buf_free(&body);
    return rc;
}

static enum cv_rc
lead(struct group_member *member, const struct cv_wire_joined *joined, struct leader_answer *ret,
     struct cv_err *err)
{
    const struct leader_round round = {
        .joined = joined,
        .protocol = member->selected,
        .last_completed_generation = member->completed_generation,
        .now_ms = cv_mono_ms(),
        .callbacks = &member->callbacks,
    };
    enum cv_rc rc;

    coordinator_polling(member->coord, false);
    rc = leader_assign(member->leader, &round, ret, err);
    coordinator_polling(member->coord, true);
    return rc;
}

static enum cv_rc
joined_ok(struct group_member *member, const struct cv_wire_joined *joined, struct cv_err *err)
{
    struct leader_answer answer = { 0 };
    bool leads = strcmp(joined->leader, joined->member_id) == 0;
    enum cv_rc rc = CV_OK;

    if (!group_protocol_parse(joined->protocol, &member->selected))
        return cv_fail(err, CV_INTERNAL,
                       "the group \"%s\" selected the protocol \"%s\", which was not offered",
                       member->group_id, joined->protocol);
    set_id(member, joined->member_id);
    member->generation = joined->generation;
    member_set_state(member, MEMBER_COMPLETING);
    CV_LOG_INFO(member->log, "joined the group", CV_INT("generation", joined->generation),
                CV_STR("member", joined->member_id), CV_STR("protocol", joined->protocol),
                CV_STR("role", leads ? "leader" : "follower"),
                CV_INT("members", joined->n_members));
    if (leads)
        rc = lead(member, joined, &answer, err);
    if (rc == CV_OK)
        rc = send_sync(member, &answer, err);
    leader_answer_done(&answer);
    return rc;
}

static enum cv_rc
handle_joined(struct group_member *member, const struct cv_buf *body, struct cv_err *err)
{
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_wire_joined joined;
    enum cv_rc rc;

    if (arena == NULL)
        return cv_fail_memory(err);
    rc = cv_wire_read_join_group(body->data, body->len, arena, &joined, err);
    if (rc != CV_OK) {
        cv_arena_free(arena);
        return rc;
    }
    if (joined.error == 0) {
        rc = joined_ok(member, &joined, err);
    } else if (joined.error == CV_WIRE_MEMBER_ID_REQUIRED) {
        set_id(member, joined.member_id);
        member->generation = -1;
        member_set_state(member,
                         MEMBER_UNJOINED); /* as it should be: the second try follows at once */
        member->rejoin_needed = true;
    } else {
        rc = round_error(member, CV_WIRE_JOIN_GROUP, joined.error, err);
    }
    cv_arena_free(arena);
    return rc;
}

/* All that we hold after the round: what is new and what was not revoked. */
static bool
merge_work(const struct group_member *member, const struct group_assignment *assignment,
           struct group_work *ret)
{
    const struct group_work *before = &member->held.assigned;
    struct group_work merged = { 0 };
    size_t i;

    if (!group_work_copy(&merged, &assignment->assigned))
        return false;
    for (i = 0; member->selected != GROUP_EAGER && i < before->count; i++) {
        const struct group_unit *unit = &before->items[i];

        if (group_work_has(&assignment->revoked, unit->connector, unit->task))
            continue;
        if (!group_work_add(&merged, unit->connector, unit->task)) {
            group_work_done(&merged);
            return false;
        }
    }
    *ret = merged;
    return true;
}

/* A round is complete: revoke, merge, tell the herder. */
static enum cv_rc
complete_round(struct group_member *member, const struct group_assignment *assignment,
               struct cv_err *err)
{
    struct group_assignment held = {
        .error = assignment->error,
        .config_offset = assignment->config_offset,
        .delay_ms = assignment->delay_ms,
    };

    if (member->selected != GROUP_EAGER && assignment->revoked.count > 0)
        call_revoked(member, &assignment->revoked, false);
    held.leader = strdup(assignment->leader);
    held.leader_url = strdup(assignment->leader_url);
    if (held.leader == NULL || held.leader_url == NULL ||
        !merge_work(member, assignment, &held.assigned)) {
        group_assignment_done(&held);
        return cv_fail_memory(err);
    }
    group_assignment_done(&member->held);
    member->held = held;
    member->has_assignment = true;
    member->completed_generation = member->generation;
    member->rejoin_needed = false;
    member->round_begun = false;
    member->completed = true;
    member_set_state(member, MEMBER_STABLE);
    cv_tally_count(&member->stats.of[GROUP_STAT_REBALANCE], cv_mono_ms() - member->round_begun_ms);
    if (assignment->error == 0)
        member->attempts = 0;
    else
        back_off(member); /* a failed assignment is asked for again by the next poll */
    CV_LOG_INFO(member->log, "assignment received", CV_INT("generation", member->generation),
                CV_STR("leader", held.leader_url), CV_INT("offset", held.config_offset),
                CV_INT("error_code", held.error), CV_INT("units", held.assigned.count),
                CV_INT("revoked", assignment->revoked.count), CV_INT("delay_ms", held.delay_ms));
    member->callbacks.assigned(member->callbacks.arg, assignment, &member->held.assigned,
                               member->generation);
    return CV_OK;
}

static enum cv_rc
synced_ok(struct group_member *member, const struct cv_wire_synced *synced, struct cv_err *err)
{
    struct group_assignment assignment;
    enum cv_rc rc;

    rc = group_read_assignment(synced->assignment.data, synced->assignment.len, &assignment, err);
    if (rc == CV_INVALID) {
        CV_LOG_ERROR(member->log,
                     "the leader sent an assignment that cannot be read; joining again",
                     CV_ERR(err));
        back_off(member);
        unjoin(member, "an assignment could not be read");
        return CV_OK;
    }
    if (rc != CV_OK)
        return rc;
    rc = complete_round(member, &assignment, err);
    group_assignment_done(&assignment);
    return rc;
}

static enum cv_rc
handle_synced(struct group_member *member, const struct cv_buf *body, struct cv_err *err)
{
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_wire_synced synced;
    enum cv_rc rc;

    if (arena == NULL)
        return cv_fail_memory(err);
    rc = cv_wire_read_sync_group(body->data, body->len, arena, &synced, err);
    if (rc == CV_OK && synced.error == 0)
        rc = synced_ok(member, &synced, err);
    else if (rc == CV_OK)
        rc = round_error(member, CV_WIRE_SYNC_GROUP, synced.error, err);
    cv_arena_free(arena);
    return rc;
}

/* Take an answer, if there is one. */
static enum cv_rc
advance(struct group_member *member, struct cv_err *err)
{
    struct cv_buf body = CV_BUF_INIT(BODY_MAX);
    enum cv_rc rc = CV_OK;

    if (!coordinator_take_response(member->coord, &body, &rc, err))
        return CV_OK;
    if (rc == CV_RETRY) {
        back_off(member);
        unjoin(member, err->text);
        rc = CV_OK;
    } else if (rc == CV_OK) {
        rc = member->state == MEMBER_PREPARING ? handle_joined(member, &body, err)
                                               : handle_synced(member, &body, err);
    }
    cv_buf_free(&body);
    return rc;
}

static void
handle_beat_error(struct group_member *member, int16_t error)
{
    switch (error) {
    case CV_WIRE_REBALANCE_IN_PROGRESS:
        if (member->state == MEMBER_STABLE)
            member_request_rejoin(member, "the group is rebalancing");
        break;
    case CV_WIRE_UNKNOWN_MEMBER_ID:
        set_id(member, "");
        member->generation = -1;
        unjoin(member, "the coordinator does not know this member any more");
        break;
    case CV_WIRE_ILLEGAL_GENERATION:
        member->generation = -1;
        unjoin(member, "the group has gone on to another generation");
        break;
    default: /* the coordinator thread has dealt with it */
        break;
    }
}

static bool
join_is_due(const struct group_member *member)
{
    return member->state == MEMBER_UNJOINED || member->rejoin_needed || !member->has_assignment ||
           member->held.error != 0;
}

/* Do what can be done now. A failure is fatal, but for CV_RETRY: memory. */
static enum cv_rc
step(struct group_member *member, struct cv_err *err)
{
    struct coordinator_events events;

    coordinator_events(member->coord, &events);
    if (events.fatal) {
        *err = events.why;
        return err->rc;
    }
    member->away = !events.ready;
    member->away_since_ms = events.away_since_ms;
    member->away_why = events.why;
    if (events.poll_expired) {
        set_id(member, "");
        member->generation = -1;
        unjoin(member, "the herder was busy for longer than rebalance.timeout.ms");
    }
    if (events.beat_error != 0)
        handle_beat_error(member, events.beat_error);
    if (member->state == MEMBER_PREPARING || member->state == MEMBER_COMPLETING)
        return advance(member, err);
    if (member->away) {
        if (member->held.assigned.count > 0 &&
            cv_mono_ms() - member->away_since_ms >= member->heartbeat_interval_ms)
            fall_out(member);
        return CV_OK;
    }
    if (join_is_due(member) && cv_mono_ms() >= member->retry_ms)
        return begin_join(member, err);
    return CV_OK;
}

/* By when there is something to do that nobody will wake us for. */
static int64_t
next_step_ms(const struct group_member *member)
{
    if (member->state == MEMBER_PREPARING || member->state == MEMBER_COMPLETING)
        return INT64_MAX;
    if (member->away)
        return member->held.assigned.count > 0
                   ? member->away_since_ms + member->heartbeat_interval_ms
                   : INT64_MAX;
    return join_is_due(member) ? member->retry_ms : INT64_MAX;
}

/* Wait for news of the coordinator (true), or for the herder's wake-up or deadline (false). */
static bool
wait_for_news(struct group_member *member, struct cv_wake *wake, int64_t deadline_ms)
{
    struct cv_wake *news = coordinator_wake(member->coord);
    struct pollfd fds[2] = { { .fd = wake->fd, .events = POLLIN },
                             { .fd = news->fd, .events = POLLIN } };
    int64_t until_ms = next_step_ms(member), left_ms, now_ms = cv_mono_ms();

    left_ms = (until_ms < deadline_ms ? until_ms : deadline_ms) - now_ms;
    if (left_ms > INT_MAX)
        left_ms = INT_MAX;
    (void)poll(fds, CV_COUNT(fds), left_ms < 0 ? 0 : (int)left_ms);
    if (fds[0].revents != 0) {
        cv_wake_clear(wake);
        return false;
    }
    return cv_mono_ms() < deadline_ms;
}

enum cv_rc
member_poll(struct group_member *member, struct cv_wake *wake, int64_t deadline_ms,
            struct cv_err *err)
{
    enum cv_rc rc;

    member->completed = false;
    coordinator_polling(member->coord, true);
    do {
        cv_wake_clear(coordinator_wake(member->coord));
        rc = step(member, err);
    } while (rc == CV_OK && !member->completed && wait_for_news(member, wake, deadline_ms));
    coordinator_polling(member->coord, false);
    if (rc == CV_OK && !member->completed && member->away) {
        if (member->away_why.rc == CV_OK)
            return cv_fail(err, CV_RETRY, "no coordinator for the group \"%s\" yet",
                           member->group_id);
        *err = member->away_why;
        rc = err->rc = CV_RETRY;
    }
    return rc;
}

void
member_leave(struct group_member *member, const char *why)
{
    if (member->id[0] != '\0') {
        CV_LOG_INFO(member->log, "leaving the group", CV_STR("why", why),
                    CV_STR("member", member->id));
        coordinator_leave(member->coord, member->id);
    }
    coordinator_beats_stop(member->coord);
    set_id(member, "");
    member->generation = -1;
    member->completed_generation = -1;
    member->round_begun = false;
    member->rejoin_needed = true;
    forget_assignment(member);
    member_set_state(member, MEMBER_UNJOINED);
}

static enum cv_rc
member_init(struct group_member *member, const struct group_spec *spec, struct cv_err *err)
{
    member->log = cv_log_get("culvert.worker.group");
    member->protocol = spec->protocol;
    member->selected = spec->protocol;
    member->session_timeout_ms = spec->session_timeout_ms;
    member->heartbeat_interval_ms = spec->heartbeat_interval_ms;
    member->rebalance_timeout_ms = spec->rebalance_timeout_ms;
    member->retry_backoff_ms = spec->retry_backoff_ms;
    member->request_timeout_ms = spec->request_timeout_ms;
    member->callbacks = spec->callbacks;
    member->generation = -1;
    member->completed_generation = -1;
    member->rejoin_needed = true;
    member->group_id = strdup(spec->group_id);
    member->url = strdup(spec->url);
    member->id = strdup("");
    member->leader = leader_new(spec->rebalance_max_delay_ms);
    if (member->group_id == NULL || member->url == NULL || member->id == NULL ||
        member->leader == NULL)
        return cv_fail_memory(err);
    if (group_stats_init(&member->stats, &spec->window, err) != CV_OK)
        return err->rc;
    return coordinator_new(spec, &member->stats, &member->coord, err);
}

enum cv_rc
member_new(const struct group_spec *spec, struct group_member **ret, struct cv_err *err)
{
    struct group_member *member = calloc(1, sizeof(*member));
    enum cv_rc rc;

    if (member == NULL)
        return cv_fail_memory(err);
    rc = member_init(member, spec, err);
    if (rc == CV_OK)
        *ret = member;
    else
        member_free(member);
    return rc;
}

void
member_free(struct group_member *member)
{
    if (member == NULL)
        return;
    coordinator_free(member->coord);
    group_stats_done(&member->stats);
    leader_free(member->leader);
    group_assignment_done(&member->held);
    free(member->group_id);
    free(member->url);
    free(member->id);
    free(member);
}

bool
member_rejoin_pending(const struct group_member *member)
{
    return member->rejoin_needed || member->state != MEMBER_STABLE;
}

bool
member_is_leader(const struct group_member *member)
{
    return member->has_assignment && member->id[0] != '\0' &&
           strcmp(member->held.leader, member->id) == 0;
}

const char *
member_leader_url(const struct group_member *member)
{
    return member->has_assignment && member->held.leader_url[0] != '\0' ? member->held.leader_url
                                                                        : NULL;
}

const char *
member_id(const struct group_member *member)
{
    return member->id;
}

int32_t
member_generation(const struct group_member *member)
{
    return member->completed_generation;
}

enum group_protocol
member_protocol(const struct group_member *member)
{
    return member->selected;
}

const char *
member_owner_url(const struct group_member *member, const char *connector, int32_t task)
{
    if (!member_is_leader(member) || member_rejoin_pending(member))
        return NULL;
    return leader_owner_url(member->leader, connector, task);
}

const struct group_stats *
member_stats(const struct group_member *member)
{
    return &member->stats;
}

bool
member_rebalancing(const struct group_member *member)
{
    return atomic_load_explicit(&member->rebalancing, memory_order_relaxed);
}
