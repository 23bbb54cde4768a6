/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "common/wire/transport.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/helper/fake_broker.h"

#include "tests/helper/cmocka_all.h"

#define PEM_STORE TEST_DATA "/tls/keystore.pem"
#define PEM_CERT  TEST_DATA "/tls/certificate.pem"

/* What the fake broker does. */
struct script {
    int join_max;
    int16_t versions_error;
    enum fake_answer versions;  /* how ApiVersions is answered */
    enum fake_answer heartbeat; /* how Heartbeat is answered */
    const char *raw;
    size_t raw_len;
    int echo_bytes; /* size of the SyncGroup answer */
    int sasl_steps;
    const char *mechanism; /* what SaslHandshake takes; NULL: PLAIN */
    char login[512];       /* bytes of the last SaslAuthenticate, NUL for 0x01 and 0x00 */
    int16_t sasl_error;
    int sync_bytes; /* of the last SyncGroup request */
    int slow_ms;
};

static const struct script good = { .join_max = 9 };

static void
take_login(struct script *script, struct cv_reader *body)
{
    uint32_t len = cv_read_u32(body);
    const unsigned char *bytes = cv_read_bytes(body, len);

    assert_non_null(bytes);
    assert_true(len < sizeof(script->login));
    for (uint32_t i = 0; i < len; i++)
        script->login[i] = (char)(bytes[i] < ' ' ? '|' : bytes[i]);
    script->login[len] = '\0';
}

static enum fake_answer
answer(void *arg, int api, int version, struct cv_reader *body, struct cv_buf *out)
{
    struct script *script = arg;
    char text[256];

    (void)version;
    switch (api) {
    case CV_WIRE_API_VERSIONS:
        if (script->versions == FAKE_RAW)
            cv_buf_add(out, script->raw, script->raw_len);
        else if (script->versions_error != 0)
            cv_buf_add(out, "\0\43\0\0\0\0", 6);
        else
            fake_broker_versions(out, script->join_max);
        return script->versions;
    case CV_WIRE_SASL_HANDSHAKE:
        cv_buf_be16(out, strcmp(fake_broker_string(body, text),
                                script->mechanism == NULL ? "PLAIN" : script->mechanism) == 0
                             ? 0
                             : 33);
        cv_buf_be32(out, 1);
        fake_broker_put_string(out, "PLAIN");
        return FAKE_ANSWER;
    case CV_WIRE_SASL_AUTHENTICATE:
        script->sasl_steps++;
        take_login(script, body);
        cv_buf_be16(out, (uint16_t)script->sasl_error);
        fake_broker_put_string(out, script->sasl_error == 0 ? "" : "bad credentials");
        cv_buf_be32(out, 0);
        cv_buf_be64(out, 60000);
        return FAKE_ANSWER;
    case CV_WIRE_SYNC_GROUP:
        script->sync_bytes = (int)cv_reader_left(body);
        usleep((useconds_t)script->slow_ms * 1000);
        cv_buf_be32(out, 0);
        cv_buf_be16(out, 0);
        cv_buf_be32(out, (uint32_t)script->echo_bytes);
        for (int i = 0; i < script->echo_bytes; i++)
            cv_buf_char(out, (char)i);
        return FAKE_ANSWER;
    default:
        cv_buf_be32(out, 0);
        cv_buf_be16(out, 27);
        return script->heartbeat;
    }
}

struct fixture {
    struct script script;
    struct fake_broker *broker;
    struct cv_wire_settings *settings;
};

static void
start(struct fixture *f, const struct script *script, const char *tls_pem, const char *const *extra)
{
    struct cv_config *cfg = cv_config_new();
    struct cv_err err;

    f->script = *script;
    f->broker = fake_broker_start(answer, &f->script, tls_pem);
    assert_int_equal(CV_OK, cv_config_set(cfg, "bootstrap.servers", "127.0.0.1:1", &err));
    for (; extra != NULL && *extra != NULL; extra += 2)
        assert_int_equal(CV_OK, cv_config_set(cfg, extra[0], extra[1], &err));
    if (cv_wire_settings_new(cfg, "test", &f->settings, &err) != CV_OK)
        fail_msg("%s", err.text);
    cv_config_free(cfg);
}

static void
stop(struct fixture *f)
{
    cv_wire_settings_free(f->settings);
    fake_broker_stop(f->broker);
}

static enum cv_rc
open_conn(struct fixture *f, const char *host, struct cv_wire_conn **ret, struct cv_err *err)
{
    return cv_wire_open(f->settings, host, fake_broker_port(f->broker), cv_mono_ms() + 5000, NULL,
                        ret, err);
}

static struct cv_wire_conn *
open_good(struct fixture *f)
{
    struct cv_wire_conn *conn = NULL;
    struct cv_err err;

    if (open_conn(f, "127.0.0.1", &conn, &err) != CV_OK)
        fail_msg("%s", err.text);
    return conn;
}

static void
check_not_open(struct fixture *f, const char *host, enum cv_rc rc, const char *text)
{
    struct cv_wire_conn *conn = NULL;
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(rc, open_conn(f, host, &conn, &err));
    assert_null(conn);
    if (strstr(err.text, text) == NULL)
        fail_msg("\"%s\" does not contain \"%s\"", err.text, text);
}

static void
check_heartbeat(struct cv_wire_conn *conn)
{
    struct cv_buf body = CV_BUF_INIT(1024);
    struct cv_wire_response resp;
    struct cv_err err;
    int16_t error = 0;

    cv_wire_write_heartbeat(&body, "g", 1, "m");
    if (cv_wire_call(conn, CV_WIRE_HEARTBEAT, &body, cv_mono_ms() + 5000, NULL, &resp, &err) !=
        CV_OK)
        fail_msg("%s", err.text);
    assert_int_equal(CV_OK, cv_wire_read_heartbeat(resp.body, resp.len, &error, &err));
    assert_int_equal(27, error);
    cv_buf_free(&body);
}

static void
call_is_answered(void **state)
{
    struct fixture f;
    struct cv_wire_conn *conn;

    (void)state;
    start(&f, &good, NULL, NULL);
    conn = open_good(&f);
    check_heartbeat(conn);
    check_heartbeat(conn);
    assert_int_equal(0, cv_wire_expires_ms(conn));
    cv_wire_close(conn);
    stop(&f);
}

static void
response_in_single_bytes_is_put_together(void **state)
{
    struct script script = good;
    struct fixture f;
    struct cv_wire_conn *conn;

    (void)state;
    script.heartbeat = FAKE_SLOWLY;
    script.versions = FAKE_SLOWLY;
    start(&f, &script, NULL, NULL);
    conn = open_good(&f);
    check_heartbeat(conn);
    cv_wire_close(conn);
    stop(&f);
}

/* Larger than socket buffers, both ways, while the broker takes its time. */
static void
move_megabytes(const char *tls_pem, const char *const *extra)
{
    struct script script = good;
    struct fixture f;
    struct cv_wire_conn *conn;
    struct cv_buf body = CV_BUF_INIT(CV_WIRE_FRAME_MAX);
    struct cv_wire_response resp;
    struct cv_err err;
    char *blob = calloc(1, 9 << 20);

    assert_non_null(blob);
    script.slow_ms = 50;
    script.echo_bytes = 7 << 20;
    start(&f, &script, tls_pem, extra);
    conn = open_good(&f);
    cv_buf_add(&body, blob, 9 << 20);
    if (cv_wire_call(conn, CV_WIRE_SYNC_GROUP, &body, cv_mono_ms() + 20000, NULL, &resp, &err) !=
        CV_OK)
        fail_msg("%s", err.text);
    assert_int_equal(9 << 20, f.script.sync_bytes);
    assert_int_equal((7 << 20) + 10, resp.len);
    assert_int_equal((char)((7 << 20) - 1), ((const char *)resp.body)[resp.len - 1]);
    cv_wire_close(conn);
    cv_buf_free(&body);
    free(blob);
    stop(&f);
}

static const char *const tls_keys[] = { "security.protocol", "SSL", "ssl.ca.location", PEM_CERT,
                                        NULL };

static void
megabytes_pass_both_ways(void **state)
{
    (void)state;
    move_megabytes(NULL, NULL);
}

static void
megabytes_pass_both_ways_over_tls(void **state)
{
    (void)state;
    move_megabytes(PEM_STORE, tls_keys);
}

static void
request_over_the_bound_is_refused(void **state)
{
    struct fixture f;
    struct cv_wire_conn *conn;
    struct cv_buf body = CV_BUF_INIT(CV_WIRE_FRAME_MAX);
    struct cv_err err;
    int32_t id = -77;
    char *blob = calloc(1, CV_WIRE_FRAME_MAX);

    (void)state;
    assert_non_null(blob);
    start(&f, &good, NULL, NULL);
    conn = open_good(&f);
    cv_buf_add(&body, blob, CV_WIRE_FRAME_MAX - 10);
    assert_int_equal(CV_NO_MEMORY, cv_wire_send(conn, CV_WIRE_SYNC_GROUP, &body, &id, &err));
    assert_non_null(strstr(err.text, "SyncGroup"));
    assert_int_equal(-77, id);
    cv_wire_close(conn);
    cv_buf_free(&body);
    free(blob);
    stop(&f);
}

/* All responses that come until n are there, by poll and by reads that do not wait. */
static void
poll_responses(struct cv_wire_conn *conn, const int32_t *ids, size_t n, bool *ret_waited_to_send)
{
    struct cv_wire_response resp;
    struct cv_err err;
    size_t seen = 0;

    *ret_waited_to_send = false;
    while (seen < n) {
        struct pollfd pfd = { .fd = cv_wire_fd(conn), .events = cv_wire_events(conn) };

        if (pfd.events & POLLOUT)
            *ret_waited_to_send = true;
        assert_true(pfd.events & POLLIN);
        assert_int_equal(1, poll(&pfd, 1, 20000));
        for (;;) {
            assert_int_equal(CV_OK, cv_wire_receive(conn, 0, NULL, &resp, &err));
            if (resp.body == NULL)
                break;
            assert_true(seen < n);
            assert_int_equal(ids[seen], resp.correlation_id);
            seen++;
        }
    }
    assert_int_equal(POLLIN, cv_wire_events(conn));
}

static int32_t
begin_and_end_heartbeat(struct cv_wire_conn *conn)
{
    struct cv_err err;
    int32_t id;

    cv_wire_write_heartbeat(cv_wire_begin(conn, CV_WIRE_HEARTBEAT, &id), "g", 1, "m");
    assert_int_equal(CV_OK, cv_wire_end(conn, &err));
    return id;
}

static void
requests_written_in_place(const char *tls_pem, const char *const *extra)
{
    struct fixture f;
    struct cv_wire_conn *conn;
    int32_t ids[3], cancelled;
    bool waited;

    start(&f, &good, tls_pem, extra);
    conn = open_good(&f);
    ids[0] = begin_and_end_heartbeat(conn);
    cv_wire_write_heartbeat(cv_wire_begin(conn, CV_WIRE_SYNC_GROUP, &cancelled), "g", 1, "m");
    cv_wire_cancel(conn);
    ids[1] = begin_and_end_heartbeat(conn);
    ids[2] = begin_and_end_heartbeat(conn);
    assert_int_equal(cancelled, ids[1]);
    poll_responses(conn, ids, 3, &waited);
    assert_int_equal(0, f.script.sync_bytes);
    check_heartbeat(conn);
    cv_wire_close(conn);
    stop(&f);
}

static void
requests_written_in_place_are_answered_in_order(void **state)
{
    (void)state;
    requests_written_in_place(NULL, NULL);
    requests_written_in_place(PEM_STORE, tls_keys);
}

/* Several requests of megabytes at once, to a broker that is slow to take them. */
static void
pipeline_megabytes(const char *tls_pem, const char *const *extra)
{
    enum { BYTES = 3 << 20, N = 4 };
    struct script script = good;
    struct fixture f;
    struct cv_wire_conn *conn;
    struct cv_err err;
    int32_t ids[N];
    char *blob = calloc(1, BYTES);
    bool waited;

    assert_non_null(blob);
    script.slow_ms = 30;
    script.echo_bytes = 100000;
    start(&f, &script, tls_pem, extra);
    conn = open_good(&f);
    for (int i = 0; i < N; i++) {
        cv_buf_add(cv_wire_begin(conn, CV_WIRE_SYNC_GROUP, &ids[i]), blob, BYTES);
        assert_int_equal(CV_OK, cv_wire_end(conn, &err));
    }
    poll_responses(conn, ids, N, &waited);
    assert_true(waited);
    assert_int_equal(BYTES, f.script.sync_bytes);
    check_heartbeat(conn);
    cv_wire_close(conn);
    free(blob);
    stop(&f);
}

static void
megabytes_wait_for_the_socket(void **state)
{
    (void)state;
    pipeline_megabytes(NULL, NULL);
    pipeline_megabytes(PEM_STORE, tls_keys);
}

/* More than the buffer may hold passes through it, when what is sent makes room. */
static void
sent_bytes_make_room_for_more(void **state)
{
    enum { BYTES = 5 << 20, N = 12 };
    struct fixture f;
    struct cv_wire_conn *conn;
    struct cv_wire_response resp;
    struct cv_err err;
    char *blob = calloc(1, BYTES);
    int answered = 0;

    (void)state;
    assert_non_null(blob);
    start(&f, &good, NULL, NULL);
    conn = open_good(&f);
    for (int sent = 0; answered < N;) {
        int32_t id;

        if (sent < N && sent - answered < 3) {
            cv_buf_add(cv_wire_begin(conn, CV_WIRE_SYNC_GROUP, &id), blob, BYTES);
            assert_int_equal(CV_OK, cv_wire_end(conn, &err));
            sent++;
            continue;
        }
        assert_int_equal(CV_OK, cv_wire_receive(conn, cv_mono_ms() + 20000, NULL, &resp, &err));
        assert_non_null(resp.body);
        answered++;
    }
    cv_wire_close(conn);
    free(blob);
    stop(&f);
}

static void
request_over_the_bound_is_taken_back(void **state)
{
    struct fixture f;
    struct cv_wire_conn *conn;
    struct cv_err err;
    struct cv_buf *out;
    int32_t id;
    char *blob = calloc(1, CV_WIRE_FRAME_MAX);

    (void)state;
    assert_non_null(blob);
    start(&f, &good, NULL, NULL);
    conn = open_good(&f);
    cv_buf_add(cv_wire_begin(conn, CV_WIRE_SYNC_GROUP, &id), blob, CV_WIRE_FRAME_MAX - 10);
    assert_int_equal(CV_NO_MEMORY, cv_wire_end(conn, &err));
    assert_non_null(strstr(err.text, "cannot make a SyncGroup request"));
    check_heartbeat(conn);
    out = cv_wire_begin(conn, CV_WIRE_SYNC_GROUP, &id);
    for (int i = 0; i < 3; i++) /* more than the buffer takes */
        cv_buf_add(out, blob, CV_WIRE_FRAME_MAX - 10);
    assert_int_equal(CV_NO_MEMORY, cv_wire_end(conn, &err));
    check_heartbeat(conn);
    assert_int_equal(0, f.script.sync_bytes);
    cv_wire_close(conn);
    free(blob);
    stop(&f);
}

static void
reading_without_waiting_does_not_wait(void **state)
{
    struct fixture f;
    struct cv_wire_conn *conn;
    struct cv_wire_response resp;
    struct cv_err err;

    (void)state;
    start(&f, &good, NULL, NULL);
    conn = open_good(&f);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(CV_OK, cv_wire_receive(conn, 0, NULL, &resp, &err));
        assert_null(resp.body);
    }
    check_heartbeat(conn);
    cv_wire_close(conn);
    stop(&f);
}

static void
broker_is_asked_for_what_it_speaks(void **state)
{
    struct fixture f;
    struct cv_wire_conn *conn;
    struct cv_err err;

    (void)state;
    start(&f, &good, NULL, NULL);
    conn = open_good(&f);
    assert_int_equal(CV_OK, cv_wire_check_api(conn, CV_WIRE_JOIN_GROUP, &err));
    assert_int_equal(CV_INVALID, cv_wire_check_api(conn, CV_WIRE_END_TXN, &err));
    assert_non_null(strstr(err.text, "does not offer EndTxn"));
    cv_wire_close(conn);
    stop(&f);
}

static void
broker_without_our_versions_is_refused(void **state)
{
    struct script script = { .join_max = 4 };
    struct fixture f;

    (void)state;
    start(&f, &script, NULL, NULL);
    check_not_open(&f, "127.0.0.1", CV_INVALID,
                   "JoinGroup in the versions 0 to 4, but 5 is needed");
    stop(&f);
    script = (struct script){ .versions_error = 35 };
    start(&f, &script, NULL, NULL);
    check_not_open(&f, "127.0.0.1", CV_INVALID, "UNSUPPORTED_VERSION");
    stop(&f);
}

static void
what_is_no_broker_is_refused(void **state)
{
    static const struct {
        const char *raw;
        size_t len;
        const char *text;
    } rows[] = {
        { "HTTP/1.1 400 Bad Request\r\n\r\n", 28, "which no Kafka broker does" },
        { "\x7f\xff\xff\xff", 4, "2147483647 bytes" },
        { "\xff\xff\xff\xff", 4, "security.protocol" },
        { "\0\0\0\3abc", 7, "3 bytes" },
        { "\0\0\0\4\0\0\0\0", 8, "ApiVersions" },               /* no body */
        { "\0\0\0\12\0\0\0\0\0\0\0\0\0\1", 14, "ApiVersions" }, /* one api, not there */
    };
    struct fixture f;
    size_t i;

    (void)state;
    for (i = 0; i < CV_COUNT(rows); i++) {
        const struct script script = { .versions = FAKE_RAW,
                                       .raw = rows[i].raw,
                                       .raw_len = rows[i].len };

        start(&f, &script, NULL, NULL);
        check_not_open(&f, "127.0.0.1", CV_INVALID, rows[i].text);
        stop(&f);
    }
}

static void
closed_connection_can_be_retried(void **state)
{
    struct script script = good;
    struct fixture f;

    (void)state;
    script.versions = FAKE_CLOSE;
    start(&f, &script, NULL, NULL);
    check_not_open(&f, "127.0.0.1", CV_RETRY, "closed the connection");
    stop(&f);
}

static void
unreachable_broker_can_be_retried(void **state)
{
    struct fixture f;
    struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(addr);
    struct cv_wire_conn *conn = NULL;
    struct cv_err err;
    int fd = socket(AF_INET, SOCK_STREAM, 0); /* bound, so that nobody else listens there */

    (void)state;
    assert_int_equal(0, bind(fd, (struct sockaddr *)&addr, sizeof(addr)));
    assert_int_equal(0, getsockname(fd, (struct sockaddr *)&addr, &len));
    start(&f, &good, NULL, NULL);
    assert_int_equal(CV_RETRY, cv_wire_open(f.settings, "127.0.0.1", ntohs(addr.sin_port),
                                            cv_mono_ms() + 2000, NULL, &conn, &err));
    assert_non_null(strstr(err.text, "refused"));
    assert_int_equal(CV_RETRY, cv_wire_open(f.settings, "no-such-host.invalid", 1,
                                            cv_mono_ms() + 2000, NULL, &conn, &err));
    assert_non_null(strstr(err.text, "could not look up the broker \"no-such-host.invalid\""));
    assert_null(conn);
    stop(&f);
    close(fd);
}

static void
silent_broker_is_given_up_at_the_deadline(void **state)
{
    struct script script = good;
    struct fixture f;
    struct cv_wire_conn *conn = NULL;
    struct cv_err err;
    int64_t begun_ms = cv_mono_ms();

    (void)state;
    script.versions = FAKE_SILENCE;
    start(&f, &script, NULL, NULL);
    assert_int_equal(CV_RETRY, cv_wire_open(f.settings, "127.0.0.1", fake_broker_port(f.broker),
                                            begun_ms + 200, NULL, &conn, &err));
    assert_non_null(strstr(err.text, "no answer to ApiVersions"));
    assert_in_range(cv_mono_ms() - begun_ms, 150, 1500);
    stop(&f);
}

static void
wake_up_interrupts_opening_and_receiving(void **state)
{
    struct script script = good;
    struct fixture f;
    struct cv_wire_conn *conn = NULL;
    struct cv_wire_response resp;
    struct cv_wake wake;
    struct cv_err err;
    int64_t begun_ms = cv_mono_ms();

    (void)state;
    assert_int_equal(CV_OK, cv_wake_init(&wake, &err));
    start(&f, &good, NULL, NULL);
    conn = open_good(&f);
    cv_wake_signal(&wake);
    assert_int_equal(CV_OK, cv_wire_receive(conn, begun_ms + 10000, &wake, &resp, &err));
    assert_null(resp.body);
    cv_wire_close(conn);
    conn = NULL;
    stop(&f);
    script.versions = FAKE_SILENCE;
    start(&f, &script, NULL, NULL);
    assert_int_equal(CV_RETRY, cv_wire_open(f.settings, "127.0.0.1", fake_broker_port(f.broker),
                                            begun_ms + 10000, &wake, &conn, &err));
    assert_in_range(cv_mono_ms() - begun_ms, 0, 5000);
    stop(&f);
    cv_wake_done(&wake);
}

static void
answer_to_another_request_is_refused(void **state)
{
    struct script script = good;
    struct fixture f;
    struct cv_wire_conn *conn;
    struct cv_buf body = CV_BUF_INIT(1024);
    struct cv_wire_response resp = { .correlation_id = -77 };
    struct cv_err err;

    (void)state;
    script.heartbeat = FAKE_WRONG_ID;
    start(&f, &script, NULL, NULL);
    conn = open_good(&f);
    cv_wire_write_heartbeat(&body, "g", 1, "m");
    assert_int_equal(CV_INVALID, cv_wire_call(conn, CV_WIRE_HEARTBEAT, &body, cv_mono_ms() + 5000,
                                              NULL, &resp, &err));
    assert_non_null(strstr(err.text, "correlation id"));
    assert_int_equal(-77, resp.correlation_id);
    cv_wire_close(conn);
    cv_buf_free(&body);
    stop(&f);
}

static int
option_of(const struct cv_wire_conn *conn, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof(value);

    assert_int_equal(0, getsockopt(cv_wire_fd(conn), level, name, &value, &len));
    return value;
}

static void
sockets_are_as_they_are_asked_for(void **state)
{
    static const char *const keys[] = { "send.buffer.bytes", "20000", "receive.buffer.bytes", "30000",
                                        "socket.keepalive.enable", "false", "socket.nagle.disable", "false", NULL };
    struct fixture f;
    struct cv_wire_conn *conn;

    (void)state;
    start(&f, &good, NULL, NULL);
    conn = open_good(&f);
    assert_true(option_of(conn, IPPROTO_TCP, TCP_NODELAY));
    assert_true(option_of(conn, SOL_SOCKET, SO_KEEPALIVE));
    assert_true(option_of(conn, SOL_SOCKET, SO_SNDBUF) > 40000);
    cv_wire_close(conn);
    stop(&f);
    start(&f, &good, NULL, keys);
    conn = open_good(&f);
    assert_int_equal(0, option_of(conn, IPPROTO_TCP, TCP_NODELAY));
    assert_int_equal(0, option_of(conn, SOL_SOCKET, SO_KEEPALIVE));
    assert_int_equal(40000, option_of(conn, SOL_SOCKET, SO_SNDBUF)); /* Linux tells the double */
    assert_int_equal(60000, option_of(conn, SOL_SOCKET, SO_RCVBUF));
    check_heartbeat(conn);
    cv_wire_close(conn);
    stop(&f);
}

/* The fake listens on an IPv4 address. */
static void
addresses_are_of_the_family_asked_for(void **state)
{
    static const char *const v4[] = { "broker.address.family", "v4", NULL };
    static const char *const v6[] = { "broker.address.family", "v6", NULL };
    struct fixture f;
    struct cv_wire_conn *conn;
    struct cv_err err;

    (void)state;
    start(&f, &good, NULL, v4);
    assert_int_equal(CV_OK, open_conn(&f, "localhost", &conn, &err));
    cv_wire_close(conn);
    check_not_open(&f, "::1", CV_RETRY, "could not look up the broker \"::1\"");
    stop(&f);
    start(&f, &good, NULL, v6);
    check_not_open(&f, "127.0.0.1", CV_RETRY, "could not look up the broker \"127.0.0.1\"");
    stop(&f);
}

static void
tls_needs_a_trusted_certificate_for_the_host(void **state)
{
    static const char *const untrusted[] = { "security.protocol", "SSL", NULL };
    static const char *const any_host[] = { "security.protocol",
                                            "SSL",
                                            "ssl.ca.location",
                                            PEM_CERT,
                                            "ssl.endpoint.identification.algorithm",
                                            "",
                                            NULL };
    static const char *const unverified[] = { "security.protocol", "SSL",
                                              "enable.ssl.certificate.verification", "false",
                                              NULL };
    struct fixture f;
    struct cv_wire_conn *conn = NULL;
    struct cv_err err;

    (void)state;
    start(&f, &good, PEM_STORE, tls_keys);
    conn = open_good(&f); /* by address */
    check_heartbeat(conn);
    cv_wire_close(conn);
    assert_int_equal(CV_OK, open_conn(&f, "localhost", &conn, &err)); /* by name */
    cv_wire_close(conn);
    check_not_open(&f, "127.0.0.2", CV_RETRY, "could not connect");
    stop(&f);
    start(&f, &good, PEM_STORE, untrusted);
    check_not_open(&f, "127.0.0.1", CV_INVALID, "is not trusted");
    stop(&f);
    start(&f, &good, PEM_STORE, any_host);
    cv_wire_close(open_good(&f));
    stop(&f);
    start(&f, &good, PEM_STORE, unverified);
    cv_wire_close(open_good(&f));
    stop(&f);
}

/* The certificate names 127.0.0.1 and localhost. */
static void
tls_refuses_a_certificate_for_another_host(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, &good, PEM_STORE, tls_keys);
    check_not_open(&f, "0.0.0.0", CV_INVALID,
                   "IP address mismatch"); /* reaches 127.0.0.1 on Linux */
    stop(&f);
}

/* A PEM file of a key and a certificate by itself for 127.0.0.1, good from and until so many seconds from now. */
static void
write_certificate(const char *path, long from_s, long until_s)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    X509_NAME *name = X509_get_subject_name(cert);
    X509_EXTENSION *host = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(1, X509_set_version(cert, 2));
    assert_int_equal(1, ASN1_INTEGER_set(X509_get_serialNumber(cert), 1));
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(cert), from_s));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(cert), until_s));
    assert_int_equal(1, X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                                   (const unsigned char *)"broker", -1, -1, 0));
    assert_int_equal(1, X509_set_issuer_name(cert, name));
    assert_int_equal(1, X509_set_pubkey(cert, key));
    assert_int_equal(1, X509_add_ext(cert, host, -1));
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    assert_int_equal(1, PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL));
    assert_int_equal(1, PEM_write_X509(file, cert));
    assert_int_equal(0, fclose(file));
    X509_EXTENSION_free(host);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void
tls_refuses_a_certificate_outside_of_its_time(void **state)
{
    static const struct {
        long from_s, until_s;
        const char *text;
    } rows[] = { { -7200, -3600, "expired" }, { 3600, 7200, "not yet valid" }, { -3600, 3600, NULL } };
    char path[] = "/tmp/culvert-certificate-XXXXXX";
    const char *const keys[] = { "security.protocol", "SSL", "ssl.truststore.location", path, NULL };
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    for (size_t i = 0; i < CV_COUNT(rows); i++) {
        struct fixture f;

        write_certificate(path, rows[i].from_s, rows[i].until_s);
        start(&f, &good, path, keys);
        if (rows[i].text != NULL)
            check_not_open(&f, "127.0.0.1", CV_INVALID, rows[i].text);
        else
            cv_wire_close(open_good(&f));
        stop(&f);
    }
    unlink(path);
}

/* A list of the signer in the PEM file, on which its own certificate is or is not. */
static void
write_revoked(const char *path, const char *signer, bool own)
{
    FILE *in = fopen(signer, "r"), *out = fopen(path, "w");
    X509_CRL *crl = X509_CRL_new();
    X509_REVOKED *revoked = X509_REVOKED_new();
    ASN1_TIME *now = X509_gmtime_adj(NULL, -60), *later = X509_gmtime_adj(NULL, 3600);
    EVP_PKEY *key = PEM_read_PrivateKey(in, NULL, NULL, NULL);
    X509 *cert;

    rewind(in);
    cert = PEM_read_X509(in, NULL, NULL, NULL);
    fclose(in);
    assert_true(key != NULL && cert != NULL);
    assert_int_equal(1, X509_CRL_set_version(crl, 1));
    assert_int_equal(1, X509_CRL_set_issuer_name(crl, X509_get_subject_name(cert)));
    assert_int_equal(1, X509_CRL_set1_lastUpdate(crl, now));
    assert_int_equal(1, X509_CRL_set1_nextUpdate(crl, later));
    assert_int_equal(1, X509_REVOKED_set_serialNumber(revoked, X509_get_serialNumber(cert)));
    assert_int_equal(1, X509_REVOKED_set_revocationDate(revoked, now));
    if (own)
        assert_int_equal(1, X509_CRL_add0_revoked(crl, revoked));
    else
        X509_REVOKED_free(revoked);
    assert_true(X509_CRL_sign(crl, key, EVP_sha256()) > 0);
    assert_int_equal(1, PEM_write_X509_CRL(out, crl));
    assert_int_equal(0, fclose(out));
    ASN1_TIME_free(now);
    ASN1_TIME_free(later);
    X509_CRL_free(crl);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void
tls_refuses_a_revoked_certificate(void **state)
{
    char path[] = "/tmp/culvert-revoked-XXXXXX", other[] = "/tmp/culvert-certificate-XXXXXX";
    const char *const keys[] = { "security.protocol", "SSL", "ssl.ca.location", PEM_CERT, "ssl.crl.location", path,
                                 NULL };
    int fds[] = { mkstemp(path), mkstemp(other) };
    struct fixture f;

    (void)state;
    assert_true(fds[0] >= 0 && fds[1] >= 0);
    close(fds[0]);
    close(fds[1]);
    write_revoked(path, PEM_STORE, true);
    start(&f, &good, PEM_STORE, keys);
    check_not_open(&f, "127.0.0.1", CV_INVALID, "(certificate revoked): check ssl.crl.location");
    stop(&f);
    write_revoked(path, PEM_STORE, false);
    start(&f, &good, PEM_STORE, keys);
    cv_wire_close(open_good(&f));
    stop(&f);
    write_certificate(other, -3600, 3600);
    write_revoked(path, other, false);
    start(&f, &good, PEM_STORE, keys);
    check_not_open(&f, "127.0.0.1", CV_INVALID, "(unable to get certificate CRL): check ssl.crl.location");
    stop(&f);
    unlink(path);
    unlink(other);
}

static void
tls_to_a_listener_without_it_fails(void **state)
{
    struct fixture f;
    struct cv_wire_conn *conn = NULL;
    struct cv_err err;

    (void)state;
    start(&f, &good, NULL, tls_keys);
    /* The fake takes the ClientHello for a frame of some size, and waits; so do we, till the
     * deadline. */
    assert_int_equal(CV_RETRY, cv_wire_open(f.settings, "127.0.0.1", fake_broker_port(f.broker),
                                            cv_mono_ms() + 300, NULL, &conn, &err));
    assert_non_null(strstr(err.text, "shaking hands"));
    stop(&f);
}

static const char *const sasl_keys[] = { "security.protocol",
                                         "SASL_PLAINTEXT",
                                         "sasl.mechanism",
                                         "PLAIN",
                                         "sasl.username",
                                         "u",
                                         "sasl.password",
                                         "p",
                                         NULL };

static void
sasl_session_has_its_end(void **state)
{
    struct fixture f;
    struct cv_wire_conn *conn;
    int64_t now_ms = cv_mono_ms();

    (void)state;
    start(&f, &good, NULL, sasl_keys);
    conn = open_good(&f);
    assert_int_equal(1, f.script.sasl_steps);
    assert_in_range(cv_wire_expires_ms(conn), now_ms + 60000, now_ms + 65000);
    cv_wire_close(conn);
    stop(&f);
}

static void
session_is_renewed_on_its_connection(void **state)
{
    struct fixture f;
    struct cv_wire_conn *conn;
    struct cv_wire_response resp;
    struct cv_err err = CV_ERR_INIT;
    int64_t expires_ms;

    (void)state;
    start(&f, &good, NULL, sasl_keys);
    conn = open_good(&f);
    expires_ms = cv_wire_expires_ms(conn);
    usleep(20000);
    assert_int_equal(CV_OK, cv_wire_reauthenticate(conn, cv_mono_ms() + 5000, NULL, &err));
    assert_int_equal(2, f.script.sasl_steps);
    assert_string_equal("|u|p", f.script.login);
    assert_int_equal(1, fake_broker_connections(f.broker));
    assert_true(cv_wire_expires_ms(conn) > expires_ms);
    assert_int_equal(CV_OK, cv_wire_call(conn, CV_WIRE_HEARTBEAT, NULL, cv_mono_ms() + 5000, NULL,
                                         &resp, &err));
    f.script.sasl_error = 58;
    assert_int_equal(CV_INVALID, cv_wire_reauthenticate(conn, cv_mono_ms() + 5000, NULL, &err));
    assert_non_null(strstr(err.text, "cannot authenticate again"));
    cv_wire_close(conn);
    stop(&f);
}

#define UNSECURED "x.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=alice "

static void
token_is_sent_for_oauthbearer(void **state)
{
    static const char *const keys[] = { "security.protocol", "SASL_PLAINTEXT",
                                        "sasl.mechanism",    "OAUTHBEARER",
                                        "sasl.jaas.config",  UNSECURED "unsecuredLoginExtension_a=b;",
                                        NULL };
    static const char *const used_up[] = { "security.protocol", "SASL_PLAINTEXT",
                                           "sasl.mechanism",    "OAUTHBEARER",
                                           "sasl.jaas.config",  UNSECURED
                                           "unsecuredLoginNumberClaim_exp=1;",
                                           NULL };
    struct script script = good;
    struct fixture f;

    (void)state;
    script.mechanism = "OAUTHBEARER";
    start(&f, &script, NULL, keys);
    cv_wire_close(open_good(&f));
    assert_memory_equal("n,,|auth=Bearer eyJhbGciOiJub25lIn0.", f.script.login, 36);
    assert_non_null(strstr(f.script.login, ".|a=b||"));
    f.script.sasl_error = 58;
    check_not_open(&f, "127.0.0.1", CV_INVALID, "refused the token that sasl.jaas.config led to");
    stop(&f);
    start(&f, &script, NULL, used_up);
    check_not_open(&f, "127.0.0.1", CV_INVALID, "it expired");
    assert_int_equal(0, f.script.sasl_steps);
    stop(&f);
}

static void
refused_credentials_are_final(void **state)
{
    static const char *const scram[] = { "security.protocol", "SASL_PLAINTEXT", "sasl.mechanism",
                                         "SCRAM-SHA-256",     "sasl.username",  "u",
                                         "sasl.password",     "topsecret",      NULL };
    struct script script = good;
    struct fixture f;

    (void)state;
    script.sasl_error = 58;
    start(&f, &script, NULL, sasl_keys);
    check_not_open(&f, "127.0.0.1", CV_INVALID, "bad credentials (SASL_AUTHENTICATION_FAILED)");
    stop(&f);
    start(&f, &good, NULL, scram);
    check_not_open(&f, "127.0.0.1", CV_INVALID, "does not take sasl.mechanism SCRAM-SHA-256");
    stop(&f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(call_is_answered),
        cmocka_unit_test(response_in_single_bytes_is_put_together),
        cmocka_unit_test(megabytes_pass_both_ways),
        cmocka_unit_test(megabytes_pass_both_ways_over_tls),
        cmocka_unit_test(request_over_the_bound_is_refused),
        cmocka_unit_test(requests_written_in_place_are_answered_in_order),
        cmocka_unit_test(megabytes_wait_for_the_socket),
        cmocka_unit_test(sent_bytes_make_room_for_more),
        cmocka_unit_test(request_over_the_bound_is_taken_back),
        cmocka_unit_test(reading_without_waiting_does_not_wait),
        cmocka_unit_test(broker_is_asked_for_what_it_speaks),
        cmocka_unit_test(broker_without_our_versions_is_refused),
        cmocka_unit_test(what_is_no_broker_is_refused),
        cmocka_unit_test(closed_connection_can_be_retried),
        cmocka_unit_test(unreachable_broker_can_be_retried),
        cmocka_unit_test(silent_broker_is_given_up_at_the_deadline),
        cmocka_unit_test(wake_up_interrupts_opening_and_receiving),
        cmocka_unit_test(answer_to_another_request_is_refused),
        cmocka_unit_test(sockets_are_as_they_are_asked_for),
        cmocka_unit_test(addresses_are_of_the_family_asked_for),
        cmocka_unit_test(tls_needs_a_trusted_certificate_for_the_host),
        cmocka_unit_test(tls_refuses_a_certificate_for_another_host),
        cmocka_unit_test(tls_refuses_a_certificate_outside_of_its_time),
        cmocka_unit_test(tls_refuses_a_revoked_certificate),
        cmocka_unit_test(tls_to_a_listener_without_it_fails),
        cmocka_unit_test(sasl_session_has_its_end),
        cmocka_unit_test(session_is_renewed_on_its_connection),
        cmocka_unit_test(token_is_sent_for_oauthbearer),
        cmocka_unit_test(refused_credentials_are_final),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
