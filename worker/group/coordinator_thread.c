/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The coordinator thread.
 *
 * It alone touches the connection. Under the lock is what the herder and it tell each other: one
 * request, the heartbeats wanted, a LeaveGroup, and news. A broker takes up one request of a
 * connection at a time, so at most one is unanswered here too: a heartbeat behind a JoinGroup would
 * wait for it anyway, and a member whose join or sync is pending counts as alive (group protocol of
 * Kafka, AbstractCoordinator's heartbeat thread).
 *
 * While the connection is away the thread looks for the coordinator for ever, with backoff,
 * whatever the herder does; the herder learns since when and why, and decides what that means for
 * its work.
 */
#include <config.h>

#include "worker/group/coordinator_state.h"

#include <stdlib.h>

#include "common/clock.h"

#define WARN_INTERVAL_MS 5000
#define BACKOFF_MAX_MS   1000
#define RENEW_PERCENT    85 /* of the SASL session's life, as Java's clients */

int64_t
coordinator_backoff_ms(int base_ms, unsigned int n)
{
    int64_t delay_ms = base_ms;

    while (n-- > 0 && delay_ms < BACKOFF_MAX_MS)
        delay_ms *= 2;
    if (delay_ms > BACKOFF_MAX_MS)
        delay_ms = BACKOFF_MAX_MS;
    return delay_ms * (80 + cv_mono_us() % 41) / 100;
}

void
coordinator_beats_off(struct coordinator *coord)
{
    cv_lock_assert_held(&coord->lock);
    coord->beating = false;
    coord->beat_seq++;
}

void
coordinator_leave_over(struct coordinator *coord)
{
    free(coord->leave_member);
    coord->leave_member = NULL;
    coord->leave_sent = false;
    cv_cond_signal(&coord->left);
}

/* There is no coordinator: what was asked of it has failed. */
static void
tell_away(struct coordinator *coord, const struct cv_err *why)
{
    cv_lock(&coord->lock);
    coord->lost_asked = false;
    if (coord->events.ready)
        coord->events.away_since_ms = cv_mono_ms();
    coord->events.ready = false;
    coord->events.why = *why;
    if (coord->slot == SLOT_QUEUED || coord->slot == SLOT_SENT) {
        coord->slot = SLOT_FAILED;
        coord->slot_err = *why;
    }
    if (coord->leave_member != NULL)
        coordinator_leave_over(coord);
    cv_unlock(&coord->lock);
    cv_wake_signal(&coord->news);
}

static void
lose(struct coordinator *coord, const struct cv_err *why)
{
    cv_wire_close(coord->conn);
    coord->conn = NULL;
    coord->flight.kind = FLIGHT_NONE;
    coord->attempts = 0;
    coord->retry_ms = cv_mono_ms() + coordinator_backoff_ms(coord->retry_backoff_ms, 0);
    CV_LOG_INFO(coord->log, "lost the group coordinator", CV_ERR(why));
    tell_away(coord, why);
}

static void
lose_because(struct coordinator *coord, const char *text)
{
    struct cv_err why;

    cv_fail(&why, CV_RETRY, "%s", text);
    lose(coord, &why);
}

static void
go_fatal(struct coordinator *coord, const struct cv_err *why)
{
    cv_lock(&coord->lock);
    coord->events.fatal = true;
    coord->events.why = *why;
    coordinator_beats_off(coord);
    cv_unlock(&coord->lock);
    cv_wake_signal(&coord->news);
}

static void
plan_renewal(struct coordinator *coord)
{
    int64_t now_ms = cv_mono_ms(), expires_ms = cv_wire_expires_ms(coord->conn);

    coord->renew_ms = expires_ms == 0 ? 0 : now_ms + (expires_ms - now_ms) * RENEW_PERCENT / 100;
}

/* Before the broker ends the SASL session. Heartbeats wait for as long. */
static void
renew(struct coordinator *coord)
{
    struct cv_err err;

    if (cv_wire_reauthenticate(coord->conn, cv_mono_ms() + coord->session_timeout_ms, &coord->stop,
                               &err) == CV_OK)
        plan_renewal(coord);
    else
        lose(coord, &err);
}

static void
use_connection(struct coordinator *coord, struct cv_wire_conn *conn)
{
    int64_t now_ms = cv_mono_ms();

    coord->conn = conn;
    coord->flight.kind = FLIGHT_NONE;
    coord->attempts = 0;
    plan_renewal(coord);
    cv_lock(&coord->lock);
    coord->events.ready = true;
    coord->events.why = (struct cv_err)CV_ERR_INIT;
    coord->beat_alive_ms = now_ms;
    coord->beat_due_ms = now_ms;
    cv_unlock(&coord->lock);
    cv_wake_signal(&coord->news);
}

/* No connection: look for the coordinator once, then wait for the next try. */
static void
reach(struct coordinator *coord)
{
    struct cv_wire_conn *conn = NULL;
    struct cv_err err = CV_ERR_INIT;
    uint64_t suppressed;
    enum cv_rc rc;

    if (cv_mono_ms() < coord->retry_ms) {
        (void)cv_wake_wait(&coord->stop, coord->retry_ms);
        return;
    }
    rc = discovery_find(&coord->discovery, &conn, &err);
    if (rc == CV_OK) {
        CV_LOG_INFO(coord->log, "found the group coordinator",
                    CV_STR("broker", cv_wire_peer(conn)));
        use_connection(coord, conn);
        return;
    }
    coord->retry_ms =
        cv_mono_ms() + coordinator_backoff_ms(coord->retry_backoff_ms, coord->attempts++);
    tell_away(coord, &err);
    if (rc == CV_INVALID) {
        go_fatal(coord, &err);
        (void)cv_wake_wait(&coord->stop, -1);
    } else if (cv_log_limit(&coord->warned, WARN_INTERVAL_MS, &suppressed)) {
        CV_LOG_WARN(coord->log, "no group coordinator yet; trying on", CV_ERR(&err));
    }
}

/* Put a request on the wire. */
static bool
take_off(struct coordinator *coord, struct flight flight, const struct cv_buf *body, int timeout_ms)
{
    struct cv_err err;

    flight.sent_ms = cv_mono_ms();
    flight.deadline_ms = flight.sent_ms + timeout_ms;
    if (cv_wire_send(coord->conn, flight.api, body, &flight.correlation_id, &err) != CV_OK) {
        lose(coord, &err);
        return false;
    }
    coord->flight = flight;
    return true;
}

static void
send_leave(struct coordinator *coord)
{
    struct cv_buf body = CV_BUF_INIT(COORDINATOR_BODY_MAX);

    cv_lock(&coord->lock);
    if (coord->leave_member != NULL)
        cv_wire_write_leave_group(&body, coord->group_id, coord->leave_member);
    coord->leave_sent = true;
    cv_unlock(&coord->lock);
    if (body.len > 0)
        (void)take_off(coord, (struct flight){ .kind = FLIGHT_LEAVE, .api = CV_WIRE_LEAVE_GROUP },
                       &body, COORDINATOR_LEAVE_TIMEOUT_MS);
    cv_buf_free(&body);
}

/* A LeaveGroup behind a pending JoinGroup would wait for the round: it goes out on a connection of
 * its own. */
static void
leave_past_flight(struct coordinator *coord)
{
    struct cv_wire_conn *conn = NULL;
    struct cv_err err;

    cv_wire_close(coord->conn);
    coord->conn = NULL;
    if (discovery_reconnect(&coord->discovery, cv_mono_ms() + COORDINATOR_LEAVE_TIMEOUT_MS, &conn,
                            &err) != CV_OK) {
        lose(coord, &err);
        return;
    }
    use_connection(coord, conn);
    send_leave(coord);
}

static void
send_request(struct coordinator *coord)
{
    struct cv_buf body = { 0 };
    struct flight flight = { .kind = FLIGHT_REQUEST };
    int timeout_ms;

    cv_lock(&coord->lock);
    if (coord->slot != SLOT_QUEUED) {
        cv_unlock(&coord->lock);
        return;
    }
    body = coord->slot_body;
    cv_buf_init(&coord->slot_body, COORDINATOR_BODY_MAX);
    flight.api = coord->slot_api;
    flight.seq = coord->slot_seq;
    timeout_ms = coord->slot_timeout_ms;
    coord->slot = SLOT_SENT;
    cv_unlock(&coord->lock);
    (void)take_off(coord, flight, &body, timeout_ms);
    cv_buf_free(&body);
}

static void
send_beat(struct coordinator *coord)
{
    struct cv_buf body = CV_BUF_INIT(COORDINATOR_BODY_MAX);
    struct flight flight = { .kind = FLIGHT_BEAT, .api = CV_WIRE_HEARTBEAT };

    cv_lock(&coord->lock);
    if (!coord->beating) {
        cv_unlock(&coord->lock);
        return;
    }
    cv_wire_write_heartbeat(&body, coord->group_id, coord->beat_generation, coord->beat_member);
    coord->beat_due_ms = cv_mono_ms() + coord->heartbeat_interval_ms;
    flight.seq = coord->beat_seq;
    cv_unlock(&coord->lock);
    (void)take_off(coord, flight, &body, coord->request_timeout_ms);
    cv_buf_free(&body);
}

/* The herder has been busy for the rebalance timeout: others should have its work. */
static void
expire_poll(struct coordinator *coord)
{
    CV_LOG_WARN(coord->log,
                "the herder has been busy for longer than rebalance.timeout.ms; leaving the group",
                CV_INT("rebalance_timeout_ms", coord->rebalance_timeout_ms));
    cv_lock(&coord->lock);
    coord->events.poll_expired = true;
    free(coord->leave_member);
    coord->leave_member = coord->beat_member;
    coord->leave_sent = false;
    coord->beat_member = NULL;
    coordinator_beats_off(coord);
    cv_unlock(&coord->lock);
    cv_wake_signal(&coord->news);
}

static void
beat_answered(struct coordinator *coord, const struct flight *flight, int16_t error)
{
    struct cv_err err;
    bool meant;

    cv_lock(&coord->lock);
    meant = coord->beating && coord->beat_seq == flight->seq;
    if (meant && (error == CV_WIRE_NONE || error == CV_WIRE_REBALANCE_IN_PROGRESS)) {
        coord->beat_alive_ms = cv_mono_ms();
    }
    if (meant && error != CV_WIRE_NONE)
        coord->events.beat_error = error;
    if (meant && (error == CV_WIRE_UNKNOWN_MEMBER_ID || error == CV_WIRE_ILLEGAL_GENERATION))
        coordinator_beats_off(coord);
    cv_unlock(&coord->lock);
    if (meant)
        cv_tally_count(&coord->stats->of[GROUP_STAT_HEARTBEAT], cv_mono_ms() - flight->sent_ms);
    if (!meant || error == CV_WIRE_NONE)
        return;
    switch (error) {
    case CV_WIRE_COORDINATOR_NOT_AVAILABLE:
    case CV_WIRE_NOT_COORDINATOR:
        cv_fail(&err, CV_RETRY, "Heartbeat: %s (%d)", cv_wire_error_name(error), error);
        lose(coord, &err);
        break;
    case CV_WIRE_GROUP_AUTHORIZATION_FAILED:
    case CV_WIRE_FENCED_INSTANCE_ID:
        cv_fail(&err, CV_INVALID, "the group coordinator refuses heartbeats: %s (%d)",
                cv_wire_error_name(error), error);
        go_fatal(coord, &err);
        break;
    default:
        cv_wake_signal(&coord->news);
    }
}

/* A join that succeeded begins heartbeats at once: the herder may be busy, and the session runs. */
static void
beats_start_of_join(struct coordinator *coord, const struct cv_wire_response *resp)
{
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_wire_joined joined;
    struct cv_err err;
    char *member;

    if (arena == NULL)
        return;
    if (cv_wire_read_join_group(resp->body, resp->len, arena, &joined, &err) == CV_OK &&
        joined.error == 0) {
        member = strdup(joined.member_id);
        cv_lock(&coord->lock);
        free(coord->beat_member);
        coord->beat_member = member;
        coord->beating = member != NULL;
        coord->beat_seq++;
        coord->beat_generation = joined.generation;
        coord->beat_alive_ms = cv_mono_ms();
        coord->beat_due_ms = coord->beat_alive_ms + coord->heartbeat_interval_ms;
        cv_unlock(&coord->lock);
    }
    cv_arena_free(arena);
}

static void
request_answered(struct coordinator *coord, const struct flight *flight,
                 const struct cv_wire_response *resp)
{
    bool meant;

    cv_lock(&coord->lock);
    meant = coord->slot == SLOT_SENT && coord->slot_seq == flight->seq;
    cv_unlock(&coord->lock);
    if (meant)
        cv_tally_count(&coord->stats->of[flight->api == CV_WIRE_JOIN_GROUP ? GROUP_STAT_JOIN : GROUP_STAT_SYNC],
                       cv_mono_ms() - flight->sent_ms);
    if (meant && flight->api == CV_WIRE_JOIN_GROUP)
        beats_start_of_join(coord, resp);
    cv_lock(&coord->lock);
    if (coord->slot == SLOT_SENT && coord->slot_seq == flight->seq) {
        cv_buf_reset(&coord->slot_body);
        cv_buf_add(&coord->slot_body, resp->body, resp->len);
        coord->slot = SLOT_ANSWERED;
        coord->beat_alive_ms = cv_mono_ms();
    }
    cv_unlock(&coord->lock);
    cv_wake_signal(&coord->news);
}

static void
land(struct coordinator *coord, const struct cv_wire_response *resp)
{
    struct flight flight = coord->flight;
    struct cv_err err;
    int16_t error;

    if (flight.kind == FLIGHT_NONE || resp->correlation_id != flight.correlation_id) {
        lose_because(coord, "the coordinator answered what was not asked");
        return;
    }
    coord->flight.kind = FLIGHT_NONE;
    switch (flight.kind) {
    case FLIGHT_BEAT:
        if (cv_wire_read_heartbeat(resp->body, resp->len, &error, &err) == CV_OK)
            beat_answered(coord, &flight, error);
        else
            lose(coord, &err);
        break;
    case FLIGHT_LEAVE:
        cv_lock(&coord->lock);
        if (coord->leave_sent)
            coordinator_leave_over(coord);
        cv_unlock(&coord->lock);
        break;
    default:
        request_answered(coord, &flight, resp);
    }
}

/* What is to be done now, in order of urgency, and by when to look again. */
enum todo {
    TODO_WAIT,
    TODO_LOSE,
    TODO_LEAVE,
    TODO_LEAVE_PAST,
    TODO_POLL_EXPIRED,
    TODO_TIMED_OUT,
    TODO_SESSION_OVER,
    TODO_REQUEST,
    TODO_RENEW,
    TODO_BEAT,
};

static void
sooner(int64_t *inout_ms, int64_t ms)
{
    if (ms < *inout_ms)
        *inout_ms = ms;
}

static enum todo
next_todo(struct coordinator *coord, int64_t *ret_until_ms)
{
    const struct flight *flight = &coord->flight;
    int64_t now_ms = cv_mono_ms(), until_ms = INT64_MAX;
    bool idle = flight->kind == FLIGHT_NONE;
    bool leaving = coord->leave_member != NULL && !coord->leave_sent;

    cv_lock_assert_held(&coord->lock);
    if (coord->lost_asked)
        return TODO_LOSE;
    if (leaving && idle)
        return TODO_LEAVE;
    if (leaving && flight->kind == FLIGHT_REQUEST)
        return TODO_LEAVE_PAST;
    if (coord->beating && !coord->polling) {
        if (now_ms - coord->polled_ms >= coord->rebalance_timeout_ms)
            return TODO_POLL_EXPIRED;
        sooner(&until_ms, coord->polled_ms + coord->rebalance_timeout_ms);
    }
    if (!idle) {
        if (now_ms >= flight->deadline_ms)
            return TODO_TIMED_OUT;
        sooner(&until_ms, flight->deadline_ms);
    }
    if (coord->beating && flight->kind != FLIGHT_REQUEST) {
        if (now_ms - coord->beat_alive_ms >= coord->session_timeout_ms)
            return TODO_SESSION_OVER;
        sooner(&until_ms, coord->beat_alive_ms + coord->session_timeout_ms);
    }
    if (idle && coord->slot == SLOT_QUEUED)
        return TODO_REQUEST;
    if (idle && coord->renew_ms != 0) {
        if (now_ms >= coord->renew_ms)
            return TODO_RENEW;
        sooner(&until_ms, coord->renew_ms);
    }
    if (idle && coord->beating) {
        if (now_ms >= coord->beat_due_ms)
            return TODO_BEAT;
        sooner(&until_ms, coord->beat_due_ms);
    }
    *ret_until_ms = until_ms;
    return TODO_WAIT;
}

static void
receive(struct coordinator *coord, int64_t until_ms)
{
    struct cv_wire_response resp;
    struct cv_err err;

    if (cv_wire_receive(coord->conn, until_ms, &coord->command, &resp, &err) != CV_OK)
        lose(coord, &err);
    else if (resp.body != NULL)
        land(coord, &resp);
}

/* With a connection: do what is due, or wait for an answer, a command or the time. */
static void
serve(struct coordinator *coord)
{
    int64_t until_ms = 0;
    char why[sizeof(coord->lost_why)];
    enum todo todo;

    cv_wake_clear(&coord->command);
    cv_lock(&coord->lock);
    todo = next_todo(coord, &until_ms);
    memcpy(why, coord->lost_why, sizeof(why));
    cv_unlock(&coord->lock);
    switch (todo) {
    case TODO_WAIT:
        receive(coord, until_ms);
        break;
    case TODO_LOSE:
        lose_because(coord, why);
        break;
    case TODO_LEAVE:
        send_leave(coord);
        break;
    case TODO_LEAVE_PAST:
        leave_past_flight(coord);
        break;
    case TODO_POLL_EXPIRED:
        expire_poll(coord);
        break;
    case TODO_TIMED_OUT:
        lose_because(coord, "the coordinator did not answer within the request timeout");
        break;
    case TODO_SESSION_OVER:
        lose_because(coord, "no heartbeat was answered within the session timeout");
        break;
    case TODO_REQUEST:
        send_request(coord);
        break;
    case TODO_RENEW:
        renew(coord);
        break;
    case TODO_BEAT:
        send_beat(coord);
        break;
    }
}

static bool
is_stopping(struct coordinator *coord)
{
    bool stopping;

    cv_lock(&coord->lock);
    stopping = coord->stopping;
    cv_unlock(&coord->lock);
    return stopping;
}

void
coordinator_run(void *arg)
{
    struct coordinator *coord = arg;

    while (!is_stopping(coord)) {
        if (coord->conn == NULL)
            reach(coord);
        else
            serve(coord);
    }
    cv_wire_close(coord->conn);
    coord->conn = NULL;
}
