/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames over a stream, and the order of opening: TCP, TLS, ApiVersions v0, SaslHandshake v1,
 * SaslAuthenticate v1 until done (KIP-152), the last two again before the session ends (KIP-368).
 *
 * A frame's claimed size is checked against a bound, and memory is taken as bytes come, so that a
 * peer that is no broker (say, an HTTP server) cannot make us take megabytes.
 */
#include <config.h>

#include "common/wire/transport.h"

#include <assert.h>
#include <poll.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/oauth/oauth.h"
#include "common/reader.h"
#include "common/window.h"
#include "common/wire/sasl.h"
#include "common/wire/stream.h"

#define SIZE_BYTES    4
#define HEADER_BYTES  8 /* size and correlation id */
#define READ_STEP     65536
#define SASL_BODY_MAX 131072
#define OUT_KEPT      ((size_t)4 << 20) /* memory kept for the next requests */

struct cv_wire_conn {
    const struct cv_wire_settings *settings;
    struct wire_stream stream;
    struct cv_buf out;
    size_t out_pos;
    size_t begun_pos;           /* of the request that is being written */
    enum cv_wire_api begun_api; /* its api; meaningful while begun */
    bool begun;
    short sending;    /* what the last flush waits for; 0: all is sent */
    short receiving;  /* what the last fill waits for */
    struct cv_buf in; /* the frame that is being read, or was given out last */
    bool in_given;
    int32_t next_correlation_id;
    struct cv_wire_api_range *apis; /* what the broker offers */
    size_t n_apis;
    int64_t expires_ms;
    bool connected;
};

static void
count(const struct cv_wire_conn *conn, enum wire_tally which, size_t value)
{
    if (conn->settings->tallies != NULL)
        cv_tally_count(&conn->settings->tallies[which], (int64_t)value);
}

static void
count_time(const struct cv_wire_conn *conn, enum wire_tally which, cv_time_us since_us)
{
    count(conn, which, (size_t)(cv_mono_us() - since_us) * 1000);
}

struct wire_stream *
cv_wire_stream(struct cv_wire_conn *conn)
{
    return &conn->stream;
}

int
cv_wire_fd(const struct cv_wire_conn *conn)
{
    return conn->stream.fd;
}

short
cv_wire_events(const struct cv_wire_conn *conn)
{
    return (short)(conn->sending | conn->receiving);
}

const char *
cv_wire_peer(const struct cv_wire_conn *conn)
{
    return conn->stream.host;
}

int64_t
cv_wire_expires_ms(const struct cv_wire_conn *conn)
{
    return conn->expires_ms;
}

void
cv_wire_close(struct cv_wire_conn *conn)
{
    if (conn == NULL)
        return;
    if (conn->connected)
        count(conn, WIRE_CLOSED, 0);
    wire_stream_close(&conn->stream);
    cv_buf_wipe(&conn->out);
    cv_buf_wipe(&conn->in);
    free(conn->apis);
    free(conn);
}

/* Send until all is out or the socket is full; conn->sending says what to wait for. */
static enum cv_rc
flush(struct cv_wire_conn *conn, struct cv_err *err)
{
    assert(!conn->begun);
    conn->sending = 0;
    while (conn->out_pos < conn->out.len) {
        size_t n;
        enum cv_rc rc = wire_stream_write(&conn->stream, conn->out.data + conn->out_pos,
                                          conn->out.len - conn->out_pos, &n, &conn->sending, err);

        if (rc != CV_OK || n == 0)
            return rc;
        conn->out_pos += n;
    }
    conn->sending = 0;
    conn->out_pos = 0;
    if (conn->out.cap > OUT_KEPT)
        cv_buf_free(&conn->out);
    else
        cv_buf_reset(&conn->out);
    return CV_OK;
}

/* Make room of what is sent already, when that is cheap. */
static void
forget_sent(struct cv_wire_conn *conn)
{
    size_t left = conn->out.len - conn->out_pos;

    if (conn->out_pos == 0 || left > conn->out_pos)
        return;
    memcpy(conn->out.data, conn->out.data + conn->out_pos, left);
    cv_buf_truncate(&conn->out, left);
    conn->out_pos = 0;
}

static size_t
max_request(const struct cv_wire_settings *settings)
{
    return settings->max_request > CV_WIRE_FRAME_MAX ? settings->max_request : CV_WIRE_FRAME_MAX;
}

struct cv_buf *
cv_wire_begin(struct cv_wire_conn *conn, enum cv_wire_api api, int32_t *ret_correlation_id)
{
    assert(!conn->begun);
    forget_sent(conn);
    conn->begun = true;
    conn->begun_api = api;
    conn->begun_pos = conn->out.len;
    *ret_correlation_id = conn->next_correlation_id;
    cv_wire_frame_begin(&conn->out, api, conn->next_correlation_id, conn->settings->client_id);
    return &conn->out;
}

void
cv_wire_cancel(struct cv_wire_conn *conn)
{
    assert(conn->begun);
    conn->begun = false;
    cv_buf_truncate(&conn->out, conn->begun_pos);
    conn->out.failed = CV_OK;
}

enum cv_rc
cv_wire_end(struct cv_wire_conn *conn, struct cv_err *err)
{
    size_t len = conn->out.len - conn->begun_pos;
    enum cv_rc rc = cv_buf_check(&conn->out, err);

    assert(conn->begun);
    if (rc == CV_OK && len > max_request(conn->settings))
        rc = cv_fail(err, CV_NO_MEMORY, "it is longer than its maximum of %zu bytes",
                     max_request(conn->settings));
    if (rc != CV_OK) {
        cv_wire_cancel(conn);
        return cv_err_context(err, "cannot make a %s request", cv_wire_api_name(conn->begun_api));
    }
    conn->begun = false;
    cv_wire_frame_end(&conn->out, conn->begun_pos);
    conn->next_correlation_id =
        conn->next_correlation_id == INT32_MAX ? 0 : conn->next_correlation_id + 1;
    rc = flush(conn, err);
    if (rc == CV_OK)
        count(conn, WIRE_SENT, len);
    return rc;
}

enum cv_rc
cv_wire_send(struct cv_wire_conn *conn, enum cv_wire_api api, const struct cv_buf *body,
             int32_t *ret_correlation_id, struct cv_err *err)
{
    int32_t id;
    enum cv_rc rc;

    if (body != NULL && cv_buf_check(body, err) != CV_OK)
        return cv_err_context(err, "cannot make a %s request", cv_wire_api_name(api));
    (void)cv_wire_begin(conn, api, &id);
    if (body != NULL && body->len > 0)
        cv_buf_add(&conn->out, body->data, body->len);
    rc = cv_wire_end(conn, err);
    if (rc == CV_OK)
        *ret_correlation_id = id;
    return rc;
}

/* How many bytes the frame still lacks: of its size, then of its body. */
static enum cv_rc
bytes_missing(const struct cv_wire_conn *conn, size_t *ret, struct cv_err *err)
{
    struct cv_reader in = cv_reader_of(conn->in.data, conn->in.len);
    uint32_t size;

    if (conn->in.len < SIZE_BYTES) {
        *ret = SIZE_BYTES - conn->in.len;
        return CV_OK;
    }
    size = cv_read_u32(&in);
    if (size < HEADER_BYTES - SIZE_BYTES || size > CV_WIRE_FRAME_MAX - SIZE_BYTES)
        return cv_fail(
            err, CV_INVALID,
            "%s sent a frame of %lu bytes, which no Kafka broker does: are bootstrap.servers and "
            "security.protocol right?",
            conn->stream.host, (unsigned long)size);
    *ret = SIZE_BYTES + (size_t)size - conn->in.len;
    return CV_OK;
}

/* Read until the frame is whole (*ret_whole) or the socket is empty; conn->receiving says what to
   wait for. */
static enum cv_rc
fill(struct cv_wire_conn *conn, bool *ret_whole, struct cv_err *err)
{
    for (;;) {
        size_t want = 0, n;
        char *room;
        enum cv_rc rc = bytes_missing(conn, &want, err);

        conn->receiving = POLLIN;
        *ret_whole = want == 0 && rc == CV_OK;
        if (rc != CV_OK || want == 0)
            return rc;
        if (want > READ_STEP)
            want = READ_STEP;
        room = cv_buf_reserve(&conn->in, want);
        if (room == NULL)
            return cv_buf_check(&conn->in, err);
        rc = wire_stream_read(&conn->stream, room, want, &n, &conn->receiving, err);
        if (rc != CV_OK || n == 0)
            return rc;
        cv_buf_used(&conn->in, n);
    }
}

static void
give(struct cv_wire_conn *conn, struct cv_wire_response *ret)
{
    struct cv_reader in = cv_reader_of(conn->in.data, conn->in.len);

    count(conn, WIRE_RECEIVED, conn->in.len);
    (void)cv_read_u32(&in);
    ret->correlation_id = cv_read_i32(&in);
    ret->body = conn->in.data + HEADER_BYTES;
    ret->len = conn->in.len - HEADER_BYTES;
    conn->in_given = true;
}

enum cv_rc
cv_wire_receive(struct cv_wire_conn *conn, int64_t deadline_ms, const struct cv_wake *interrupt,
                struct cv_wire_response *ret, struct cv_err *err)
{
    if (conn->in_given)
        cv_buf_reset(&conn->in);
    conn->in_given = false;
    *ret = (struct cv_wire_response){ 0 };
    for (;;) {
        cv_time_us since_us = cv_mono_us();
        bool whole = false;
        enum wire_waited waited;
        enum cv_rc rc = flush(conn, err);

        if (rc == CV_OK)
            rc = fill(conn, &whole, err);
        count_time(conn, WIRE_MOVED, since_us);
        if (rc != CV_OK)
            return rc;
        if (whole)
            give(conn, ret);
        if (whole || deadline_ms == 0)
            return CV_OK;
        since_us = cv_mono_us();
        waited = wire_wait(conn->stream.fd, cv_wire_events(conn), deadline_ms, interrupt);
        count_time(conn, WIRE_WAITED, since_us);
        if (waited != WIRE_READY)
            return CV_OK;
    }
}

enum cv_rc
cv_wire_call(struct cv_wire_conn *conn, enum cv_wire_api api, const struct cv_buf *body,
             int64_t deadline_ms, const struct cv_wake *interrupt, struct cv_wire_response *ret,
             struct cv_err *err)
{
    struct cv_wire_response resp;
    int32_t id;
    enum cv_rc rc = cv_wire_send(conn, api, body, &id, err);

    if (rc == CV_OK)
        rc = cv_wire_receive(conn, deadline_ms, interrupt, &resp, err);
    if (rc != CV_OK)
        return cv_err_context(err, "%s", cv_wire_api_name(api));
    if (resp.body == NULL)
        return cv_fail(err, CV_RETRY, "no answer to %s from %s in time", cv_wire_api_name(api),
                       conn->stream.host);
    if (resp.correlation_id != id)
        return cv_fail(err, CV_INVALID, "%s answered %s with correlation id %ld instead of %ld",
                       conn->stream.host, cv_wire_api_name(api), (long)resp.correlation_id,
                       (long)id);
    *ret = resp;
    return CV_OK;
}

/* The requests of opening: deadline and wake-up, and an arena for what is read. */
struct opening {
    struct cv_wire_conn *conn;
    int64_t deadline_ms;
    int64_t token_deadline_ms; /* to get a token of OAUTHBEARER */
    const struct cv_wake *interrupt;
    struct cv_arena *arena;
};

/* Keep what the broker offers. */
static enum cv_rc
take_versions(struct cv_wire_conn *conn, const struct cv_wire_api_versions *versions,
              struct cv_err *err)
{
    conn->apis = calloc(versions->n_apis + 1, sizeof(*conn->apis));
    if (conn->apis == NULL)
        return cv_fail_memory(err);
    memcpy(conn->apis, versions->apis, versions->n_apis * sizeof(*conn->apis));
    conn->n_apis = versions->n_apis;
    return CV_OK;
}

enum cv_rc
cv_wire_check_api(const struct cv_wire_conn *conn, enum cv_wire_api api, struct cv_err *err)
{
    int16_t version = cv_wire_api_version(api);
    size_t i;

    for (i = 0; i < conn->n_apis; i++) {
        const struct cv_wire_api_range *range = &conn->apis[i];

        if (range->key != (int16_t)api)
            continue;
        if (range->min <= version && version <= range->max)
            return CV_OK;
        return cv_fail(err, CV_INVALID, "%s offers %s in the versions %d to %d, but %d is needed",
                       conn->stream.host, cv_wire_api_name(api), range->min, range->max, version);
    }
    return cv_fail(err, CV_INVALID, "%s does not offer %s", conn->stream.host,
                   cv_wire_api_name(api));
}

static enum cv_rc
open_versions(const struct opening *open, struct cv_err *err)
{
    static const enum cv_wire_api needed[] = {
        CV_WIRE_METADATA,   CV_WIRE_FIND_COORDINATOR, CV_WIRE_JOIN_GROUP,
        CV_WIRE_SYNC_GROUP, CV_WIRE_HEARTBEAT,        CV_WIRE_LEAVE_GROUP,
    };
    struct cv_wire_api_versions versions;
    struct cv_wire_response resp;
    enum cv_rc rc;
    size_t i;

    rc = cv_wire_call(open->conn, CV_WIRE_API_VERSIONS, NULL, open->deadline_ms, open->interrupt,
                      &resp, err);
    if (rc == CV_OK)
        rc = cv_wire_read_api_versions(resp.body, resp.len, open->arena, &versions, err);
    if (rc == CV_OK && versions.error != 0)
        rc = cv_fail(err, CV_INVALID, "%s refused ApiVersions: %s (%d)", open->conn->stream.host,
                     cv_wire_error_name(versions.error), versions.error);
    if (rc == CV_OK)
        rc = take_versions(open->conn, &versions, err);
    for (i = 0; rc == CV_OK && i < CV_COUNT(needed); i++)
        rc = cv_wire_check_api(open->conn, needed[i], err);
    return rc;
}

static enum cv_rc
sasl_handshake(const struct opening *open, struct cv_err *err)
{
    const char *mechanism = wire_sasl_mechanism_name(open->conn->settings->mechanism);
    struct cv_buf body = CV_BUF_INIT(SASL_BODY_MAX);
    struct cv_wire_sasl_handshake answer;
    struct cv_wire_response resp;
    enum cv_rc rc;

    cv_wire_write_sasl_handshake(&body, mechanism);
    rc = cv_wire_call(open->conn, CV_WIRE_SASL_HANDSHAKE, &body, open->deadline_ms, open->interrupt,
                      &resp, err);
    if (rc == CV_OK)
        rc = cv_wire_read_sasl_handshake(resp.body, resp.len, open->arena, &answer, err);
    if (rc == CV_OK && answer.error != 0)
        rc = cv_fail(err, CV_INVALID, "%s does not take sasl.mechanism %s (%s); it offers: %s",
                     open->conn->stream.host, mechanism, cv_wire_error_name(answer.error),
                     answer.mechanisms);
    cv_buf_free(&body);
    return rc;
}

/* One message to the broker and its answer. */
static enum cv_rc
sasl_round(const struct opening *open, const struct cv_buf *token,
           struct cv_wire_sasl_authenticate *ret, struct cv_err *err)
{
    struct cv_buf body = CV_BUF_INIT(SASL_BODY_MAX);
    struct cv_wire_response resp;
    enum cv_rc rc;

    cv_wire_write_sasl_authenticate(&body, token->data, token->len);
    rc = cv_wire_call(open->conn, CV_WIRE_SASL_AUTHENTICATE, &body, open->deadline_ms,
                      open->interrupt, &resp, err);
    if (rc == CV_OK)
        rc = cv_wire_read_sasl_authenticate(resp.body, resp.len, open->arena, ret, err);
    if (rc == CV_OK && ret->error != 0)
        rc = cv_fail(err, CV_INVALID, "%s refused %s: %s (%s)", open->conn->stream.host,
                     open->conn->settings->oauth != NULL
                         ? "the token that sasl.jaas.config led to"
                         : "the user of sasl.jaas.config or sasl.username",
                     ret->message, cv_wire_error_name(ret->error));
    cv_buf_wipe(&body);
    return rc;
}

static enum cv_rc
sasl_converse(const struct opening *open, const struct wire_sasl_login *login, struct cv_err *err)
{
    struct cv_buf message = CV_BUF_INIT(SASL_BODY_MAX);
    struct cv_wire_sasl_authenticate answer = { 0 };
    struct wire_sasl *sasl = NULL;
    bool done = false;
    enum cv_rc rc = wire_sasl_new(login, NULL, &sasl, err);

    while (rc == CV_OK) {
        cv_buf_reset(&message);
        rc = wire_sasl_step(sasl, answer.auth.data, answer.auth.len, &message, &done, err);
        if (rc != CV_OK || done)
            break;
        rc = sasl_round(open, &message, &answer, err);
    }
    if (rc == CV_OK)
        open->conn->expires_ms =
            answer.session_lifetime_ms > 0 ? cv_mono_ms() + answer.session_lifetime_ms : 0;
    wire_sasl_free(sasl);
    cv_buf_wipe(&message);
    return rc;
}

/* A token first, since the broker's patience with an open connection is short. */
static enum cv_rc
open_sasl(const struct opening *open, struct cv_err *err)
{
    struct cv_wire_conn *conn = open->conn;
    const struct cv_wire_settings *settings = conn->settings;
    struct wire_sasl_login login = { .mechanism = settings->mechanism,
                                     .username = settings->username,
                                     .password = settings->password };
    struct cv_oauth_token token = { 0 };
    enum cv_rc rc = CV_OK;

    if (settings->oauth != NULL) {
        rc = cv_oauth_get(settings->oauth, open->token_deadline_ms, open->interrupt, &token, err);
        login.token = token.text;
        login.extensions = cv_oauth_extensions(settings->oauth, &login.n_extensions);
    }
    if (rc == CV_OK)
        rc = sasl_handshake(open, err);
    if (rc == CV_OK)
        rc = sasl_converse(open, &login, err);
    cv_oauth_token_done(&token);
    if (rc == CV_OK)
        cv_buf_wipe(&conn->out); /* of the secret: all is sent, for it was answered */
    return rc;
}

enum cv_rc
cv_wire_reauthenticate(struct cv_wire_conn *conn, int64_t deadline_ms,
                       const struct cv_wake *interrupt, struct cv_err *err)
{
    int64_t now_ms = cv_mono_ms();
    struct opening open = { .conn = conn,
                            .deadline_ms = deadline_ms,
                            .token_deadline_ms = now_ms + (deadline_ms - now_ms) / 3,
                            .interrupt = interrupt,
                            .arena = cv_arena_new(NULL) };
    enum cv_rc rc = open.arena == NULL ? cv_fail_memory(err) : open_sasl(&open, err);

    count(conn, rc == CV_OK ? WIRE_LOGIN_AGAIN : WIRE_LOGIN_FAILED, 0);
    cv_arena_free(open.arena);
    return rc == CV_OK ? rc : cv_err_context(err, "cannot authenticate again");
}

static struct cv_wire_conn *
conn_new(const struct cv_wire_settings *settings)
{
    struct cv_wire_conn *conn = calloc(1, sizeof(*conn));

    if (conn == NULL)
        return NULL;
    conn->settings = settings;
    conn->stream.fd = -1;
    conn->receiving = POLLIN;
    cv_buf_init(&conn->out, 2 * max_request(settings));
    cv_buf_init(&conn->in, CV_WIRE_FRAME_MAX + READ_STEP);
    return conn;
}

enum cv_rc
cv_wire_open(const struct cv_wire_settings *settings, const char *host, int port,
             int64_t deadline_ms, const struct cv_wake *interrupt, struct cv_wire_conn **ret,
             struct cv_err *err)
{
    struct opening open = { .conn = conn_new(settings),
                            .deadline_ms = deadline_ms,
                            .token_deadline_ms = deadline_ms,
                            .interrupt = interrupt };
    enum cv_rc rc;

    open.arena = cv_arena_new(NULL);
    if (open.conn == NULL || open.arena == NULL) {
        rc = cv_fail_memory(err);
        goto out;
    }
    rc = wire_stream_open(&open.conn->stream, settings, host, port, deadline_ms, interrupt, err);
    open.conn->connected = rc == CV_OK;
    if (rc == CV_OK) {
        count(open.conn, WIRE_OPENED, 0);
        rc = open_versions(&open, err);
    }
    if (rc == CV_OK && settings->mechanism != WIRE_SASL_NONE) {
        rc = open_sasl(&open, err);
        count(open.conn, rc == CV_OK ? WIRE_LOGIN : WIRE_LOGIN_FAILED, 0);
    }
    if (rc == CV_OK) {
        *ret = open.conn;
        open.conn = NULL;
    }
out:
    cv_arena_free(open.arena);
    cv_wire_close(open.conn);
    return rc;
}
