/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A member against a coordinator whose answers are scripted: one line of the table of errors a
 * test. The real coordinator, and several members, are in tests/integration/group_test.c.
 */
#include <config.h>

#include "worker/group/member.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <culvert/config.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/wire/message.h"
#include "tests/helper/fake_broker.h"

#include "tests/helper/cmocka_all.h"

#define ERRORS_MAX   8
#define GROUP_ID     "g"
#define HEARTBEAT_MS 50
#define SESSION_MS   400   /* where it matters */
#define LONG_MS      10000 /* a busy machine must not end it */
#define PATIENCE_MS  20000
#define BEATS        10

/* The coordinator: answers well but for the errors queued. Under the broker's lock; tests read it
   when the member has been freed, or what is atomic. */
struct coordinator {
    struct fake_broker *broker;
    int16_t join_errors[ERRORS_MAX];
    int16_t sync_errors[ERRORS_MAX];
    int16_t find_errors[ERRORS_MAX];
    size_t n_joins, n_syncs, n_finds;
    atomic_int beat_error; /* the next heartbeat's, once */
    atomic_bool beats_silent;
    atomic_bool close_all;  /* every request ends its connection */
    atomic_bool hold_joins; /* a JoinGroup gets no answer */
    atomic_int beats, leaves, finds, joins, logins;
    int session_lifetime_ms; /* of SASL; 0: no SASL */
    const char *leader;           /* NULL: the member itself */
    struct group_assignment plan; /* a foreign leader's assignment */
    bool garbage;                 /* the next SyncGroup answers what cannot be read, once */
    char join_ids[16][64];        /* the member id of each JoinGroup */
    int32_t sync_generations[16];
    char left_id[64];
    int32_t generation;
};

static int16_t
next_error(const int16_t *errors, size_t n)
{
    return n < ERRORS_MAX ? errors[n] : 0;
}

static void
answer_find(struct coordinator *c, struct cv_buf *out)
{
    int16_t error = next_error(c->find_errors, c->n_finds++);

    atomic_fetch_add(&c->finds, 1);
    cv_buf_be32(out, 0);
    cv_buf_be16(out, (uint16_t)error);
    fake_broker_put_string(out, "");
    cv_buf_be32(out, error == 0 ? 1 : (uint32_t)-1);
    fake_broker_put_string(out, error == 0 ? "127.0.0.1" : "");
    cv_buf_be32(out, error == 0 ? (uint32_t)fake_broker_port(c->broker) : (uint32_t)-1);
}

static void
answer_metadata(struct coordinator *c, struct cv_buf *out)
{
    cv_buf_be32(out, 0);
    cv_buf_be32(out, 1);
    cv_buf_be32(out, 1);
    fake_broker_put_string(out, "127.0.0.1");
    cv_buf_be32(out, (uint32_t)fake_broker_port(c->broker));
    cv_buf_be16(out, (uint16_t)-1);
    fake_broker_put_string(out, "cluster");
    cv_buf_be32(out, 1);
    cv_buf_be32(out, 0);
}

/* The first protocol offered is selected; the member leads alone, or another leads. */
static void
answer_join(struct coordinator *c, struct cv_reader *body, struct cv_buf *out)
{
    int16_t error = next_error(c->join_errors, c->n_joins);
    const unsigned char *metadata;
    char text[256], id[256], protocol[256];
    uint32_t len;

    (void)fake_broker_string(body, text);
    assert_string_equal(GROUP_ID, text);
    (void)cv_read_u64(body); /* timeouts */
    (void)fake_broker_string(body, id);
    (void)fake_broker_string(body, text);
    (void)fake_broker_string(body, text);
    assert_string_equal("connect", text);
    (void)cv_read_u32(body);
    (void)fake_broker_string(body, protocol);
    len = cv_read_u32(body);
    metadata = cv_read_bytes(body, len);
    assert_non_null(metadata);
    if (c->n_joins < CV_COUNT(c->join_ids))
        snprintf(c->join_ids[c->n_joins], sizeof(c->join_ids[0]), "%.63s", id);
    c->n_joins++;
    atomic_fetch_add(&c->joins, 1);
    if (error == 0 && id[0] == '\0')
        snprintf(id, sizeof(id), "member-%zu", c->n_joins);
    if (error == CV_WIRE_MEMBER_ID_REQUIRED)
        snprintf(id, sizeof(id), "given-%zu", c->n_joins);
    cv_buf_be32(out, 0);
    cv_buf_be16(out, (uint16_t)error);
    cv_buf_be32(out, error == 0 ? (uint32_t)++c->generation : (uint32_t)-1);
    fake_broker_put_string(out, error == 0 ? protocol : "");
    fake_broker_put_string(out, error != 0 ? "" : c->leader == NULL ? id : c->leader);
    fake_broker_put_string(out, id);
    if (error != 0 || c->leader != NULL) {
        cv_buf_be32(out, 0);
        return;
    }
    cv_buf_be32(out, 1);
    fake_broker_put_string(out, id);
    cv_buf_be16(out, (uint16_t)-1);
    cv_buf_be32(out, len);
    cv_buf_add(out, metadata, len);
}

static void
answer_sync(struct coordinator *c, struct cv_reader *body, struct cv_buf *out)
{
    int16_t error = next_error(c->sync_errors, c->n_syncs);
    struct cv_buf plan = CV_BUF_INIT(65536);
    char text[256];
    uint32_t len = 0;
    const unsigned char *assignment = NULL;

    (void)fake_broker_string(body, text);
    if (c->n_syncs < CV_COUNT(c->sync_generations))
        c->sync_generations[c->n_syncs] = cv_read_i32(body);
    c->n_syncs++;
    (void)fake_broker_string(body, text);
    (void)fake_broker_string(body, text);
    if (cv_read_u32(body) > 0) {
        (void)fake_broker_string(body, text);
        len = cv_read_u32(body);
        assignment = cv_read_bytes(body, len);
    }
    if (c->leader != NULL) {
        group_write_assignment(&plan, 2, &c->plan);
        assignment = (const unsigned char *)cv_buf_cstr(&plan);
        len = (uint32_t)plan.len;
    }
    if (c->garbage || error != 0)
        len = 0;
    c->garbage = false;
    cv_buf_be32(out, 0);
    cv_buf_be16(out, (uint16_t)error);
    cv_buf_be32(out, len);
    if (len > 0)
        cv_buf_add(out, assignment, len);
    cv_buf_free(&plan);
}

static enum fake_answer
answer(void *arg, int api, int version, struct cv_reader *body, struct cv_buf *out)
{
    struct coordinator *c = arg;
    char text[256];

    (void)version;
    if (atomic_load(&c->close_all))
        return FAKE_CLOSE;
    switch (api) {
    case CV_WIRE_API_VERSIONS:
        fake_broker_versions(out, 9);
        return FAKE_ANSWER;
    case CV_WIRE_SASL_HANDSHAKE:
        cv_buf_be16(out, 0);
        cv_buf_be32(out, 0);
        return FAKE_ANSWER;
    case CV_WIRE_SASL_AUTHENTICATE:
        atomic_fetch_add(&c->logins, 1);
        cv_buf_be16(out, 0);
        fake_broker_put_string(out, "");
        cv_buf_be32(out, 0);
        cv_buf_be64(out, (uint64_t)c->session_lifetime_ms);
        return FAKE_ANSWER;
    case CV_WIRE_METADATA:
        answer_metadata(c, out);
        return FAKE_ANSWER;
    case CV_WIRE_FIND_COORDINATOR:
        answer_find(c, out);
        return FAKE_ANSWER;
    case CV_WIRE_JOIN_GROUP:
        answer_join(c, body, out);
        return atomic_load(&c->hold_joins) ? FAKE_SILENCE : FAKE_ANSWER;
    case CV_WIRE_SYNC_GROUP:
        answer_sync(c, body, out);
        return FAKE_ANSWER;
    case CV_WIRE_LEAVE_GROUP:
        (void)fake_broker_string(body, text);
        snprintf(c->left_id, sizeof(c->left_id), "%.63s", fake_broker_string(body, text));
        atomic_fetch_add(&c->leaves, 1);
        cv_buf_be32(out, 0);
        cv_buf_be16(out, 0);
        return FAKE_ANSWER;
    default:
        assert_int_equal(CV_WIRE_HEARTBEAT, api);
        atomic_fetch_add(&c->beats, 1);
        cv_buf_be32(out, 0);
        cv_buf_be16(out, (uint16_t)atomic_exchange(&c->beat_error, 0));
        return atomic_load(&c->beats_silent) ? FAKE_SILENCE : FAKE_ANSWER;
    }
}

struct fixture {
    struct coordinator coordinator;
    struct group_member *member;
    struct cv_wake wake;
    int64_t config_offset; /* for joins */
    int64_t leader_offset; /* of the leader's snapshot */
    bool config_fails;
    int assigned, revoked, fell_out;
    int16_t error; /* of the last assignment */
    int64_t offset;
    size_t held, revoked_units;
    enum group_protocol protocol;
    int session_ms;
    int heartbeat_ms;
    int rebalance_ms;
};

static int64_t
on_offset(void *arg)
{
    return ((struct fixture *)arg)->config_offset;
}

static enum cv_rc
on_config(void *arg, struct group_config *ret, struct cv_err *err)
{
    struct fixture *f = arg;

    if (f->config_fails)
        return cv_fail(err, CV_RETRY, "no config");
    ret->offset = f->leader_offset;
    assert_true(group_work_add(&ret->units, "a", GROUP_CONNECTOR));
    assert_true(group_work_add(&ret->units, "a", 0));
    return CV_OK;
}

static void
on_revoked(void *arg, const struct group_work *work, bool all)
{
    struct fixture *f = arg;

    f->revoked++;
    f->fell_out += all;
    f->revoked_units = work->count;
}

static void
on_assigned(void *arg, const struct group_assignment *assignment, const struct group_work *work,
            int32_t generation)
{
    struct fixture *f = arg;

    assert_int_equal(generation, member_generation(f->member));
    f->assigned++;
    f->error = assignment->error;
    f->offset = assignment->config_offset;
    f->held = work->count;
}

static void
start(struct fixture *f)
{
    static const char *const sasl[][2] = { { "security.protocol", "SASL_PLAINTEXT" },
                                           { "sasl.mechanism", "PLAIN" },
                                           { "sasl.username", "u" },
                                           { "sasl.password", "p" } };
    struct cv_config *cfg = cv_config_new();
    struct group_spec spec = {
        .group_id = GROUP_ID,
        .client_id = "test",
        .url = "http://w1:8083/",
        .protocol = f->protocol,
        .session_timeout_ms = f->session_ms,
        .heartbeat_interval_ms = f->heartbeat_ms,
        .rebalance_timeout_ms = f->rebalance_ms,
        .rebalance_max_delay_ms = 1000,
        .retry_backoff_ms = 10,
        .request_timeout_ms = 2000,
        .window = { .sample_ms = 30000, .n_samples = 2 },
        .worker = cfg,
        .callbacks = { .arg = f,
                       .config_offset = on_offset,
                       .config = on_config,
                       .revoked = on_revoked,
                       .assigned = on_assigned },
    };
    char bootstrap[64];
    struct cv_err err;

    f->coordinator.broker = fake_broker_start(answer, &f->coordinator, NULL);
    snprintf(bootstrap, sizeof(bootstrap), "127.0.0.1:%d", fake_broker_port(f->coordinator.broker));
    assert_int_equal(CV_OK, cv_config_set(cfg, "bootstrap.servers", bootstrap, &err));
    if (f->coordinator.session_lifetime_ms != 0)
        for (size_t i = 0; i < CV_COUNT(sasl); i++)
            assert_int_equal(CV_OK, cv_config_set(cfg, sasl[i][0], sasl[i][1], &err));
    assert_int_equal(CV_OK, cv_wake_init(&f->wake, &err));
    if (member_new(&spec, &f->member, &err) != CV_OK)
        fail_msg("%s", err.text);
    cv_config_free(cfg);
}

static int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    f->protocol = GROUP_SESSIONED;
    f->session_ms = LONG_MS;
    f->heartbeat_ms = HEARTBEAT_MS;
    f->rebalance_ms = 5000;
    f->config_offset = f->leader_offset = 7;
    *state = f;
    return 0;
}

static void
stop(struct fixture *f)
{
    member_free(f->member);
    f->member = NULL;
    fake_broker_stop(f->coordinator.broker);
    f->coordinator.broker = NULL;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    if (f->coordinator.broker != NULL)
        stop(f);
    cv_clock_test_run();
    cv_wake_done(&f->wake);
    group_assignment_done(&f->coordinator.plan);
    free(f);
    return 0;
}

static enum cv_rc
poll_for(struct fixture *f, int ms, struct cv_err *err)
{
    return member_poll(f->member, &f->wake, cv_mono_ms() + ms, err);
}

/* Poll until one more round is complete. */
static void
poll_round(struct fixture *f)
{
    int before = f->assigned;
    int64_t deadline_ms = cv_mono_ms() + PATIENCE_MS;
    struct cv_err err = CV_ERR_INIT;

    while (f->assigned == before) {
        enum cv_rc rc = poll_for(f, 200, &err);

        if (rc != CV_OK && rc != CV_RETRY)
            fail_msg("%s: %s", cv_rc_name(rc), err.text);
        if (cv_mono_ms() > deadline_ms)
            fail_msg("no round: %s", err.text);
    }
    assert_false(member_rejoin_pending(f->member) && f->error == 0);
}

/* Poll for a time in which no round may happen. */
static void
poll_quiet(struct fixture *f, int ms)
{
    int before = f->assigned;
    struct cv_err err;

    assert_int_equal(CV_OK, poll_for(f, ms, &err));
    assert_int_equal(before, f->assigned);
    assert_false(member_rejoin_pending(f->member));
}

static void
check_fatal(struct fixture *f, enum cv_rc rc, const char *text)
{
    int64_t deadline_ms = cv_mono_ms() + PATIENCE_MS;
    struct cv_err err = CV_ERR_INIT;
    enum cv_rc got;

    do {
        got = poll_for(f, 100, &err);
    } while ((got == CV_OK || got == CV_RETRY) && cv_mono_ms() < deadline_ms);
    assert_int_equal(rc, got);
    if (strstr(err.text, text) == NULL)
        fail_msg("\"%s\" does not contain \"%s\"", err.text, text);
}

static void
single_member_leads_and_gets_everything(void **state)
{
    struct fixture *f = *state;

    start(f);
    assert_null(member_leader_url(f->member));
    assert_true(member_rejoin_pending(f->member));
    poll_round(f);
    assert_int_equal(2, f->held);
    assert_int_equal(7, f->offset);
    assert_true(member_is_leader(f->member));
    assert_string_equal("http://w1:8083/", member_leader_url(f->member));
    assert_string_equal("http://w1:8083/", member_owner_url(f->member, "a", 0));
    assert_null(member_owner_url(f->member, "b", 0));
    assert_string_equal("member-1", member_id(f->member));
    assert_int_equal(1, member_generation(f->member));
    assert_int_equal(GROUP_SESSIONED, member_protocol(f->member));
    member_request_rejoin(f->member, "test");
    assert_null(member_owner_url(f->member, "a", 0));
    assert_true(member_rejoin_pending(f->member));
    assert_true(member_is_leader(f->member));
    poll_round(f);
    assert_int_equal(2, f->held);
    assert_int_equal(0, f->revoked);
}

static void
sasl_session_is_renewed_on_the_connection(void **state)
{
    struct fixture *f = *state;
    const struct group_stats *stats;
    int connections, logins, beats;
    int64_t begun_us = cv_mono_us(), deadline_ms = cv_mono_ms() + PATIENCE_MS;

    f->coordinator.session_lifetime_ms = 300;
    start(f);
    poll_round(f);
    connections = fake_broker_connections(f->coordinator.broker);
    logins = atomic_load(&f->coordinator.logins);
    beats = atomic_load(&f->coordinator.beats);
    stats = member_stats(f->member);
    do { /* a second, longer on a busy machine */
        poll_quiet(f, 1000);
    } while ((atomic_load(&f->coordinator.logins) == logins || atomic_load(&f->coordinator.beats) == beats ||
              atomic_load(&stats->wire[WIRE_WAITED].sum) <= 500 * 1000000L) &&
             cv_mono_ms() < deadline_ms);
    assert_int_equal(connections, fake_broker_connections(f->coordinator.broker));
    assert_true(atomic_load(&f->coordinator.logins) > logins); /* each 255 ms */
    assert_true(atomic_load(&f->coordinator.beats) > beats);
    assert_int_equal(connections, atomic_load(&stats->wire[WIRE_OPENED].count));
    assert_int_equal(connections, atomic_load(&stats->wire[WIRE_LOGIN].count));
    assert_true(atomic_load(&stats->wire[WIRE_LOGIN_AGAIN].count) > 0);
    assert_true(atomic_load(&stats->wire[WIRE_SENT].count) >= atomic_load(&stats->wire[WIRE_RECEIVED].count));
    assert_true(cv_window_rate(&stats->wire[WIRE_RECEIVED].window) > 0);
    assert_true(atomic_load(&stats->wire[WIRE_WAITED].count) >= atomic_load(&stats->wire[WIRE_LOGIN_AGAIN].count));
    assert_true(atomic_load(&stats->wire[WIRE_WAITED].sum) > 500 * 1000000L); /* ns: it did little else */
    assert_true(atomic_load(&stats->wire[WIRE_WAITED].sum) / 1000 <= cv_mono_us() - begun_us);
    assert_true(atomic_load(&stats->wire[WIRE_MOVED].count) > atomic_load(&stats->wire[WIRE_WAITED].count));
}

static void
required_member_id_is_used_at_once(void **state)
{
    struct fixture *f = *state;

    f->coordinator.join_errors[0] = CV_WIRE_MEMBER_ID_REQUIRED;
    start(f);
    poll_round(f);
    assert_string_equal("given-1", member_id(f->member));
    stop(f);
    assert_string_equal("", f->coordinator.join_ids[0]);
    assert_string_equal("given-1", f->coordinator.join_ids[1]);
}

/* Errors of JoinGroup after which the member tries again: with which id, and after FindCoordinator
 * or not. */
static void
join_errors_are_tried_again(void **state)
{
    static const struct {
        int16_t error;
        const char *id;
        int finds;
    } rows[] = {
        { CV_WIRE_COORDINATOR_LOAD_IN_PROGRESS, "member-1", 1 },
        { CV_WIRE_COORDINATOR_NOT_AVAILABLE, "member-1", 2 },
        { CV_WIRE_NOT_COORDINATOR, "member-1", 2 },
        { CV_WIRE_UNKNOWN_MEMBER_ID, "", 1 },
        { CV_WIRE_REBALANCE_IN_PROGRESS, "member-1", 1 },
        { CV_WIRE_UNKNOWN_SERVER_ERROR, "member-1", 1 },
    };
    size_t i;

    for (i = 0; i < CV_COUNT(rows); i++) {
        struct fixture *f;

        teardown(state);
        setup(state);
        f = *state;
        f->heartbeat_ms = 1000; /* outlasts a reconnect on a busy machine */
        f->coordinator.join_errors[1] = rows[i].error;
        start(f);
        poll_round(f);
        member_request_rejoin(f->member, "test");
        poll_round(f);
        assert_int_equal(2, f->held);
        assert_int_equal(0, f->revoked);
        stop(f);
        assert_int_equal(3, f->coordinator.n_joins);
        assert_string_equal("member-1", f->coordinator.join_ids[1]);
        assert_string_equal(rows[i].id, f->coordinator.join_ids[2]);
        assert_int_equal(rows[i].finds, f->coordinator.n_finds);
    }
}

static void
sync_errors_are_tried_again(void **state)
{
    static const struct {
        int16_t error;
        const char *id;
        int finds;
    } rows[] = {
        { CV_WIRE_COORDINATOR_NOT_AVAILABLE, "member-1", 2 },
        { CV_WIRE_NOT_COORDINATOR, "member-1", 2 },
        { CV_WIRE_ILLEGAL_GENERATION, "member-1", 1 },
        { CV_WIRE_UNKNOWN_MEMBER_ID, "", 1 },
        { CV_WIRE_REBALANCE_IN_PROGRESS, "member-1", 1 },
    };
    size_t i;

    for (i = 0; i < CV_COUNT(rows); i++) {
        struct fixture *f;
        const struct group_stats *stats;

        teardown(state);
        setup(state);
        f = *state;
        f->coordinator.sync_errors[0] = rows[i].error;
        start(f);
        poll_round(f);
        assert_int_equal(2, f->held);
        stats = member_stats(f->member);
        assert_int_equal(1, atomic_load(&stats->of[GROUP_STAT_REBALANCE].count));
        assert_int_equal(1, atomic_load(&stats->of[GROUP_STAT_FAILED].count));
        assert_int_equal(2, atomic_load(&stats->of[GROUP_STAT_JOIN].count));
        assert_int_equal(2, atomic_load(&stats->of[GROUP_STAT_SYNC].count));
        stop(f);
        assert_int_equal(2, f->coordinator.n_joins);
        assert_string_equal(rows[i].id, f->coordinator.join_ids[1]);
        assert_int_equal(rows[i].finds, f->coordinator.n_finds);
        assert_int_equal(2, f->coordinator.sync_generations[1]);
    }
}

static void
fatal_errors_end_the_poll_with_a_remedy(void **state)
{
    static const struct {
        int16_t error;
        bool find, sync;
        enum cv_rc rc;
        const char *text;
    } rows[] = {
        { CV_WIRE_GROUP_AUTHORIZATION_FAILED, true, false, CV_INVALID, "grant Read" },
        { CV_WIRE_INVALID_GROUP_ID, true, false, CV_INVALID, "group.id \"g\"" },
        { CV_WIRE_INCONSISTENT_GROUP_PROTOCOL, false, false, CV_INVALID,
          "choose another group.id" },
        { CV_WIRE_INVALID_GROUP_ID, false, false, CV_INVALID, "group.id \"g\"" },
        { CV_WIRE_INVALID_SESSION_TIMEOUT, false, false, CV_INVALID, "session.timeout.ms 10000" },
        { CV_WIRE_GROUP_AUTHORIZATION_FAILED, false, false, CV_INVALID, "grant Read" },
        { CV_WIRE_GROUP_MAX_SIZE_REACHED, false, false, CV_INVALID, "group.max.size" },
        { CV_WIRE_FENCED_INSTANCE_ID, false, false, CV_INTERNAL, "FENCED_INSTANCE_ID (82)" },
        { 4711, false, false, CV_INTERNAL,
          "JoinGroup for the group \"g\" failed: error code (4711)" },
        { CV_WIRE_INCONSISTENT_GROUP_PROTOCOL, false, true, CV_INVALID, "choose another group.id" },
        { CV_WIRE_GROUP_AUTHORIZATION_FAILED, false, true, CV_INVALID, "grant Read" },
    };
    size_t i;

    for (i = 0; i < CV_COUNT(rows); i++) {
        struct fixture *f;

        teardown(state);
        setup(state);
        f = *state;
        if (rows[i].find)
            f->coordinator.find_errors[0] = rows[i].error;
        else if (rows[i].sync)
            f->coordinator.sync_errors[0] = rows[i].error;
        else
            f->coordinator.join_errors[0] = rows[i].error;
        start(f);
        check_fatal(f, rows[i].rc, rows[i].text);
        assert_int_equal(0, f->assigned);
    }
}

static void
coordinator_is_asked_for_until_there_is_one(void **state)
{
    struct fixture *f = *state;

    f->coordinator.find_errors[0] = CV_WIRE_COORDINATOR_NOT_AVAILABLE;
    f->coordinator.find_errors[1] = CV_WIRE_COORDINATOR_LOAD_IN_PROGRESS;
    start(f);
    poll_round(f);
    stop(f);
    assert_true(f->coordinator.n_finds >= 3);
}

static void
poll_without_a_coordinator_says_why(void **state)
{
    struct fixture *f = *state;
    struct cv_err err = CV_ERR_INIT;
    int64_t begun_ms = cv_mono_ms();
    size_t i;

    for (i = 0; i < ERRORS_MAX; i++)
        f->coordinator.find_errors[i] = CV_WIRE_COORDINATOR_NOT_AVAILABLE;
    start(f);
    assert_int_equal(CV_RETRY, poll_for(f, 100, &err));
    assert_true(cv_mono_ms() - begun_ms >= 100);
    assert_non_null(strstr(err.text, "COORDINATOR_NOT_AVAILABLE"));
}

/* By the machine's own clock, as that of the program stands still. */
static void
wait_for_beats(struct fixture *f, int beats)
{
    for (int naps = 0; naps < 10000 && atomic_load(&f->coordinator.beats) < beats; naps++)
        (void)cv_wake_wait(&f->wake, cv_mono_ms() + 2);
    assert_true(atomic_load(&f->coordinator.beats) >= beats);
}

static void
heartbeats_keep_a_herder_that_is_busy(void **state)
{
    struct fixture *f = *state;
    const struct group_stats *stats;
    int beats;

    f->session_ms = 4000;
    f->rebalance_ms = 60000;
    start(f);
    poll_round(f);
    cv_clock_test_stop(cv_now_ms(), cv_mono_ms());
    beats = atomic_load(&f->coordinator.beats);
    for (int i = 1; i <= BEATS; i++) { /* each is due one interval behind the one before */
        cv_clock_test_advance(HEARTBEAT_MS);
        wait_for_beats(f, beats + i);
    }
    for (int i = 1; i <= BEATS; i++) { /* for two sessions */
        cv_clock_test_advance(2 * f->session_ms / BEATS);
        wait_for_beats(f, beats + BEATS + i);
    }
    assert_true(atomic_load(&f->coordinator.beats) <= beats + 2 * BEATS + 1); /* one may have been on its way */
    stats = member_stats(f->member);
    assert_true(cv_mono_ms() - atomic_load(&stats->of[GROUP_STAT_HEARTBEAT].last_ms) < f->session_ms);
    cv_clock_test_run();
    poll_quiet(f, 100);
    assert_true(atomic_load(&stats->of[GROUP_STAT_HEARTBEAT].count) > 0);
    assert_true(cv_window_max(&stats->of[GROUP_STAT_HEARTBEAT].window) >= 0);
    assert_int_equal(1, atomic_load(&f->coordinator.finds));
}

static void
heartbeat_errors_lead_to_a_new_round(void **state)
{
    static const struct {
        int16_t error;
        const char *id;
    } rows[] = {
        { CV_WIRE_REBALANCE_IN_PROGRESS, "member-1" },
        { CV_WIRE_ILLEGAL_GENERATION, "member-1" },
        { CV_WIRE_UNKNOWN_MEMBER_ID, "" },
    };
    size_t i;

    for (i = 0; i < CV_COUNT(rows); i++) {
        struct fixture *f;

        teardown(state);
        setup(state);
        f = *state;
        start(f);
        poll_round(f);
        atomic_store(&f->coordinator.beat_error, rows[i].error);
        poll_round(f);
        assert_int_equal(2, f->held);
        assert_int_equal(0, f->revoked);
        stop(f);
        assert_string_equal(rows[i].id, f->coordinator.join_ids[1]);
    }
}

/* The member has not lost its place: it finds the coordinator and goes on in its generation. */
static void
moved_coordinator_is_found_without_a_round(void **state)
{
    struct fixture *f = *state;
    int beats;

    f->heartbeat_ms = 500; /* the new coordinator is found in the meantime, on a busy machine, too */
    f->session_ms = 2000;
    start(f);
    poll_round(f);
    atomic_store(&f->coordinator.beat_error, CV_WIRE_NOT_COORDINATOR);
    poll_quiet(f, 1500);
    assert_int_equal(2, atomic_load(&f->coordinator.finds));
    beats = atomic_load(&f->coordinator.beats);
    poll_quiet(f, 1500);
    assert_true(atomic_load(&f->coordinator.beats) > beats);
    assert_int_equal(0, f->revoked);
}

static void
refused_heartbeat_is_fatal(void **state)
{
    struct fixture *f = *state;

    start(f);
    poll_round(f);
    atomic_store(&f->coordinator.beat_error, CV_WIRE_GROUP_AUTHORIZATION_FAILED);
    check_fatal(f, CV_INVALID, "GROUP_AUTHORIZATION_FAILED");
}

static void
unanswered_heartbeats_end_the_connection_after_the_session_timeout(void **state)
{
    struct fixture *f = *state;
    int64_t begun_ms;

    f->session_ms = SESSION_MS;
    start(f);
    poll_round(f);
    atomic_store(&f->coordinator.beats_silent, true);
    begun_ms = cv_mono_ms();
    while (atomic_load(&f->coordinator.finds) < 2 && cv_mono_ms() - begun_ms < 5000) {
        struct cv_err err;

        (void)poll_for(f, 10, &err);
    }
    assert_in_range(cv_mono_ms() - begun_ms, SESSION_MS - 50, SESSION_MS + 1500);
    atomic_store(&f->coordinator.beats_silent, false);
}

static void
lost_coordinator_stops_all_work_after_a_heartbeat_interval(void **state)
{
    struct fixture *f = *state;
    struct cv_err err;
    int64_t deadline_ms = cv_mono_ms() + PATIENCE_MS;

    start(f);
    poll_round(f);
    atomic_store(&f->coordinator.close_all, true);
    while (f->fell_out == 0 && cv_mono_ms() < deadline_ms)
        (void)poll_for(f, 20, &err);
    assert_int_equal(1, f->fell_out);
    assert_int_equal(2, f->revoked_units);
    assert_false(member_is_leader(f->member));
    assert_null(member_leader_url(f->member));
    assert_int_equal(CV_RETRY, poll_for(f, 20, &err));
    assert_int_equal(1, f->fell_out);
    atomic_store(&f->coordinator.close_all, false);
    poll_round(f);
    assert_int_equal(2, f->held);
    assert_string_equal("member-1", member_id(f->member)); /* kept */
}

static void
herder_away_too_long_leaves_the_group(void **state)
{
    struct fixture *f = *state;

    f->rebalance_ms = 300;
    start(f);
    poll_round(f);
    (void)cv_wake_wait(&f->wake, cv_mono_ms() + 700);
    assert_int_equal(1, atomic_load(&f->coordinator.leaves));
    poll_round(f);
    assert_int_equal(0, f->fell_out); /* what it holds is offered in the next join */
    stop(f);
    assert_string_equal("member-1", f->coordinator.left_id);
    assert_string_equal("", f->coordinator.join_ids[1]);
}

static void
leaving_tells_the_coordinator_and_forgets(void **state)
{
    struct fixture *f = *state;

    start(f);
    poll_round(f);
    member_leave(f->member, "test");
    assert_int_equal(1, atomic_load(&f->coordinator.leaves));
    assert_string_equal("", member_id(f->member));
    assert_int_equal(-1, member_generation(f->member));
    assert_null(member_leader_url(f->member));
    assert_true(member_rejoin_pending(f->member));
    poll_round(f);
    stop(f);
    assert_string_equal("member-1", f->coordinator.left_id);
    assert_string_equal("", f->coordinator.join_ids[1]);
}

static void
leaving_does_not_wait_for_a_pending_join(void **state)
{
    struct fixture *f = *state;
    struct cv_err err;
    int64_t begun_ms;

    start(f);
    poll_round(f);
    atomic_store(&f->coordinator.hold_joins, true);
    member_request_rejoin(f->member, "test");
    assert_int_equal(CV_OK, poll_for(f, 200, &err));
    assert_int_equal(2, atomic_load(&f->coordinator.joins));
    begun_ms = cv_mono_ms();
    member_leave(f->member, "test");
    assert_true(cv_mono_ms() - begun_ms < 900);
    assert_int_equal(1, atomic_load(&f->coordinator.leaves));
}

static void *
wake_soon(void *arg)
{
    struct cv_wake *wake = arg, nothing;
    struct cv_err err;

    assert_int_equal(CV_OK, cv_wake_init(&nothing, &err));
    (void)cv_wake_wait(&nothing, cv_mono_ms() + 100);
    cv_wake_done(&nothing);
    cv_wake_signal(wake);
    return NULL;
}

static void
wake_up_ends_the_poll_in_the_middle_of_a_join(void **state)
{
    struct fixture *f = *state;
    struct cv_err err;
    int64_t begun_ms;
    pthread_t thread;

    atomic_store(&f->coordinator.hold_joins, true);
    start(f);
    begun_ms = cv_mono_ms();
    while (atomic_load(&f->coordinator.joins) == 0 && cv_mono_ms() - begun_ms < 5000)
        (void)poll_for(f, 10, &err);
    assert_true(member_rebalancing(f->member));
    assert_int_equal(0, pthread_create(&thread, NULL, wake_soon, &f->wake));
    begun_ms = cv_mono_ms();
    assert_int_equal(CV_OK, poll_for(f, 10000, &err));
    assert_in_range(cv_mono_ms() - begun_ms, 50, 3000);
    pthread_join(thread, NULL);
    assert_true(member_rejoin_pending(f->member));
}

static void
leader_behind_a_member_answers_config_mismatch(void **state)
{
    struct fixture *f = *state;

    f->config_offset = 9; /* the leader's own snapshot reads 7 */
    start(f);
    poll_round(f);
    assert_int_equal(1, f->error);
    assert_int_equal(9, f->offset);
    assert_int_equal(0, f->held);
    f->leader_offset = 10;
    poll_round(f); /* a failed assignment is asked for again */
    assert_int_equal(0, f->error);
    assert_int_equal(10, f->offset);
    assert_int_equal(2, f->held);
}

static void
leader_without_a_config_answers_config_mismatch(void **state)
{
    struct fixture *f = *state;

    f->config_fails = true;
    start(f);
    poll_round(f);
    assert_int_equal(1, f->error);
    assert_int_equal(7, f->offset);
}

static void
plan_set(struct fixture *f, const char *assigned, const char *revoked)
{
    struct group_assignment *plan = &f->coordinator.plan;

    group_assignment_done(plan);
    plan->leader = strdup("other");
    plan->leader_url = strdup("http://other:8083/");
    plan->config_offset = 7;
    plan->delay_ms = 5000;
    assert_true(assigned == NULL || group_work_add(&plan->assigned, assigned, 0));
    assert_true(revoked == NULL || group_work_add(&plan->revoked, revoked, 0));
}

static void
follower_merges_what_rounds_bring(void **state)
{
    struct fixture *f = *state;

    f->coordinator.leader = "other";
    plan_set(f, "a", NULL);
    start(f);
    poll_round(f);
    assert_int_equal(1, f->held);
    assert_false(member_is_leader(f->member));
    assert_string_equal("http://other:8083/", member_leader_url(f->member));
    assert_null(member_owner_url(f->member, "a", 0));
    plan_set(f, "b", NULL); /* safe: nobody joins now */
    member_request_rejoin(f->member, "test");
    poll_round(f);
    assert_int_equal(2, f->held);
    member_request_rejoin(f->member, "test");
    poll_round(f); /* the same again changes nothing */
    assert_int_equal(2, f->held);
    plan_set(f, NULL, "a");
    member_request_rejoin(f->member, "test");
    assert_int_equal(0, f->revoked);
    poll_round(f);
    assert_int_equal(1, f->held);
    assert_int_equal(1, f->revoked);
    assert_int_equal(1, f->revoked_units);
    assert_int_equal(0, f->fell_out);
}

static void
eager_member_stops_everything_before_each_round(void **state)
{
    struct fixture *f = *state;

    f->protocol = GROUP_EAGER;
    start(f);
    poll_round(f);
    assert_int_equal(GROUP_EAGER, member_protocol(f->member));
    assert_int_equal(2, f->held);
    assert_int_equal(0, f->revoked);
    member_request_rejoin(f->member, "test");
    poll_round(f);
    assert_int_equal(1, f->revoked);
    assert_int_equal(2, f->revoked_units);
    assert_int_equal(0, f->fell_out);
    assert_int_equal(2, f->held);
}

static void
unreadable_assignment_is_asked_for_again(void **state)
{
    struct fixture *f = *state;

    f->coordinator.garbage = true;
    start(f);
    poll_round(f);
    assert_int_equal(2, f->held);
    stop(f);
    assert_int_equal(2, f->coordinator.n_joins);
}

static void
bad_settings_are_refused_before_anything_starts(void **state)
{
    struct cv_config *cfg = cv_config_new();
    const struct group_spec spec = { .group_id = "g", .client_id = "c", .url = "u", .worker = cfg };
    struct group_member *member = NULL;
    struct cv_err err;

    (void)state;
    assert_int_equal(CV_INVALID, member_new(&spec, &member, &err));
    assert_non_null(strstr(err.text, "bootstrap.servers"));
    assert_null(member);
    cv_config_free(cfg);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(single_member_leads_and_gets_everything),
        TEST(sasl_session_is_renewed_on_the_connection),
        TEST(required_member_id_is_used_at_once),
        TEST(join_errors_are_tried_again),
        TEST(sync_errors_are_tried_again),
        TEST(fatal_errors_end_the_poll_with_a_remedy),
        TEST(coordinator_is_asked_for_until_there_is_one),
        TEST(poll_without_a_coordinator_says_why),
        TEST(heartbeats_keep_a_herder_that_is_busy),
        TEST(heartbeat_errors_lead_to_a_new_round),
        TEST(moved_coordinator_is_found_without_a_round),
        TEST(refused_heartbeat_is_fatal),
        TEST(unanswered_heartbeats_end_the_connection_after_the_session_timeout),
        TEST(lost_coordinator_stops_all_work_after_a_heartbeat_interval),
        TEST(herder_away_too_long_leaves_the_group),
        TEST(leaving_tells_the_coordinator_and_forgets),
        TEST(leaving_does_not_wait_for_a_pending_join),
        TEST(wake_up_ends_the_poll_in_the_middle_of_a_join),
        TEST(leader_behind_a_member_answers_config_mismatch),
        TEST(leader_without_a_config_answers_config_mismatch),
        TEST(follower_merges_what_rounds_bring),
        TEST(eager_member_stops_everything_before_each_round),
        TEST(unreadable_assignment_is_asked_for_again),
        cmocka_unit_test(bad_settings_are_refused_before_anything_starts),
    };
    struct cv_err err;

    /* Every test here makes the member complain. */
    if (getenv("MEMBER_TEST_LOG") == NULL)
        assert_int_equal(CV_OK, cv_log_level_set("culvert.worker.group", CV_LOG_LEVEL_OFF, &err));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
