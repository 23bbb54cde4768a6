/* SPDX-License-Identifier: Apache-2.0 */
/* The server over real sockets: what it refuses, what it limits, and that slow requests hold nobody
 * up. */
#include <config.h>

#include "tests/helper/cmocka_all.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/http/router.h"
#include "common/http/server.h"
#include "common/metrics.h"
#include "common/thread.h"
#include "tests/helper/raw_http.h"

#define BODY_LIMIT 65536
#define IDLE_MS    600
#define CLIENTS    220

#define STREAM_BYTES ((size_t)1 << 20)

struct server {
    struct cv_http_router *router;
    struct cv_http_server *http;
    int port;
};

static struct cv_wake gate; /* the "block" route waits for it */
static _Atomic int blocked;
static _Atomic int admitted;

/* ---- handlers ---- */

static void
hello(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    (void)arg;
    (void)req;
    cv_buf_str(&res->body, "\"hello\"");
}

static void
echo(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    size_t len;
    const char *body = cv_http_body(req, &len);

    (void)arg;
    res->content_type = "text/plain";
    cv_buf_add(&res->body, body, len);
}

/* Method, path, a query parameter, a header, peer: what a handler can ask. */
static void
describe(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    const char *x = cv_http_query(req, "x", 0);
    const char *second = cv_http_query(req, "x", 1);
    const char *h = cv_http_header(req, "x-test");

    (void)arg;
    res->content_type = "text/plain";
    cv_buf_printf(&res->body, "%s|%s|%s|%s|%s|%s|%d", cv_http_method(req), cv_http_path(req),
                  x == NULL ? "-" : x, second == NULL ? "-" : second, h == NULL ? "-" : h,
                  cv_http_peer(req), cv_http_is_tls(req));
}

static void
block(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    (void)arg;
    (void)req;
    atomic_fetch_add(&blocked, 1);
    while (!cv_wake_wait(&gate, cv_mono_ms() + 50))
        ;
    cv_wake_signal(&gate); /* for the next one */
    atomic_fetch_sub(&blocked, 1);
    cv_buf_str(&res->body, "\"done\"");
}

static void
no_content(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    (void)arg;
    (void)req;
    res->status = 204;
}

static void
accepted(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    (void)arg;
    (void)req;
    res->status = 202;
    cv_http_response_header(res, "X-One", "a");
    cv_http_response_header(res, "X-One", "b");
    cv_http_response_header_set(res, "x-one", "c");
}

static void
large(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    (void)arg;
    (void)req;
    for (int i = 0; i < 100000; i++)
        cv_buf_str(&res->body, "0123456789");
}

static struct cv_http_stream *_Atomic followed; /* the newest of the "follow" route */

static void
follow(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    (void)arg;
    (void)req;
    res->content_type = "text/event-stream";
    atomic_store(&followed, cv_http_response_stream(res, STREAM_BYTES));
}

static const struct cv_route routes[] = {
    { "GET", "/hello", hello, 0, "" },
    { "POST", "/echo", echo, CV_ROUTE_ANY_ACCEPT, "" },
    { "POST", "/slow-echo", echo, CV_ROUTE_WAITS, "" },
    { "GET", "/describe", describe, 0, "" },
    { "GET", "/block", block, CV_ROUTE_WAITS, "" },
    { "PUT", "/no-content", no_content, 0, "" },
    { "PUT", "/accepted", accepted, 0, "" },
    { "GET", "/large", large, CV_ROUTE_WAITS, "" },
    { "GET", "/follow", follow, CV_ROUTE_ANY_ACCEPT, "" },
    { .method = NULL },
};

/* ---- fixture ---- */

static bool
admit(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    (void)arg;
    atomic_fetch_add(&admitted, 1);
    if (cv_http_header(req, "X-Refuse") == NULL)
        return true;
    cv_http_error(res, 401, "no");
    return false;
}

static void
finish(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    (void)arg;
    (void)req;
    cv_http_response_header(res, "X-Finished", "yes");
}

static struct server
start_with(const struct cv_http_limits *limits)
{
    struct cv_http_listener listener = { "http", "127.0.0.1", 0 };
    struct cv_http_spec spec = {
        .listeners = &listener, .n_listeners = 1, .limits = limits, .admit = admit, .finish = finish
    };
    struct server s = { 0 };
    struct cv_err err;

    assert_int_equal(cv_http_router_new(routes, NULL, &s.router, &err), CV_OK);
    spec.router = s.router;
    if (cv_http_start(&spec, &s.http, &err) != CV_OK)
        fail_msg("%s", err.text);
    assert_true(listener.port > 0);
    s.port = listener.port;
    return s;
}

static void
stop(struct server *s)
{
    assert_true(cv_http_stop(s->http, 5000));
    cv_http_router_free(s->router);
}

static struct server shared;

static int
setup(void **state)
{
    struct cv_http_limits limits = { .body_bytes = BODY_LIMIT };
    struct cv_err err;

    (void)state;
    shared = start_with(&limits);
    return cv_wake_init(&gate, &err) == CV_OK ? 0 : -1;
}

static int
teardown(void **state)
{
    (void)state;
    stop(&shared);
    cv_wake_done(&gate);
    return 0;
}

static void
expect_error(struct raw_answer *answer, int status, const char *words)
{
    char code[64];

    (void)snprintf(code, sizeof(code), "{\"error_code\":%d,\"message\":", status);
    assert_int_equal(answer->status, status);
    assert_memory_equal(answer->body, code, strlen(code));
    if (words != NULL && strstr(answer->body, words) == NULL)
        fail_msg("\"%s\" is not in %s", words, answer->body);
    raw_answer_done(answer);
}

static void
expect_header(const struct raw_answer *answer, const char *name, const char *value)
{
    char *have = raw_header(answer, name);

    if (value == NULL)
        assert_null(have);
    else if (have == NULL)
        fail_msg("no header %s in %s", name, answer->head);
    else
        assert_string_equal(have, value);
    free(have);
}

/* ---- answers ---- */

static void
get_answers_with_type_and_length(void **state)
{
    struct raw_answer a = raw_call(shared.port, "GET", "/hello", NULL, NULL);

    (void)state;
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body, "\"hello\"");
    expect_header(&a, "Content-Type", "application/json");
    expect_header(&a, "Content-Length", "7");
    expect_header(&a, "X-Finished", "yes");
    raw_answer_done(&a);
}

static void
head_has_the_headers_of_get_and_no_body(void **state)
{
    int fd = raw_connect(shared.port);
    struct raw_answer a;

    (void)state;
    raw_send_text(fd,
                  "HEAD /hello HTTP/1.1\r\nHost: x\r\n\r\nGET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    a = raw_read(fd, true);
    assert_int_equal(a.status, 200);
    expect_header(&a, "Content-Type", "application/json");
    raw_answer_done(&a);
    a = raw_read(fd, false); /* would be out of step if a body had been sent */
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body, "\"hello\"");
    raw_answer_done(&a);
    (void)close(fd);
}

static void
no_content_has_neither_body_nor_type(void **state)
{
    struct raw_answer a = raw_call(shared.port, "PUT", "/no-content", NULL, NULL);

    (void)state;
    assert_int_equal(a.status, 204);
    expect_header(&a, "Content-Type", NULL);
    expect_header(&a, "Content-Length", NULL);
    raw_answer_done(&a);
}

static void
empty_202_has_length_0_and_set_replaces_a_header(void **state)
{
    struct raw_answer a = raw_call(shared.port, "PUT", "/accepted", NULL, NULL);

    (void)state;
    assert_int_equal(a.status, 202);
    expect_header(&a, "Content-Type", NULL);
    expect_header(&a, "Content-Length", "0");
    expect_header(&a, "X-One", "c"); /* the first; b follows */
    raw_answer_done(&a);
}

static void
handlers_see_method_path_query_and_headers(void **state)
{
    struct raw_answer a =
        raw_call(shared.port, "GET", "/describe/?x=a%20b+c&x=%zz&y", "X-Test: v\r\n", NULL);

    (void)state;
    assert_string_equal(a.body, "GET|/describe/|a b c|%zz|v|127.0.0.1|0");
    raw_answer_done(&a);
    a = raw_call(shared.port, "GET", "http://elsewhere:80/describe?x", NULL, NULL);
    assert_string_equal(a.body, "GET|/describe||-|-|127.0.0.1|0");
    raw_answer_done(&a);
}

static void
bodies_come_whole_by_length_and_in_chunks(void **state)
{
    struct raw_answer a = raw_call(shared.port, "POST", "/echo", NULL, "some text");

    (void)state;
    assert_string_equal(a.body, "some text");
    raw_answer_done(&a);
    a = raw_ask(shared.port,
                "POST /slow-echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                "4\r\nsome\r\n5;ext=1\r\n text\r\n0\r\nTrailer: x\r\n\r\n");
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body, "some text");
    raw_answer_done(&a);
}

static void
expect_100_continue_is_met(void **state)
{
    int fd = raw_connect(shared.port);
    struct raw_answer a;

    (void)state;
    raw_send_text(
        fd, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    a = raw_read(fd, true);
    assert_int_equal(a.status, 100);
    raw_answer_done(&a);
    raw_send_text(fd, "abc");
    a = raw_read(fd, false);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body, "abc");
    raw_answer_done(&a);
    (void)close(fd);
    a = raw_call(shared.port, "POST", "/echo", "Expect: miracles\r\n", "x");
    expect_error(&a, 417, "100-continue");
}

static void
an_upgrade_to_h2c_is_answered_in_http_1(void **state)
{
    struct raw_answer a = raw_call(shared.port, "GET", "/hello",
                                   "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
                                   "HTTP2-Settings: AAMAAABkAAQAAP__\r\n",
                                   NULL);

    (void)state;
    assert_int_equal(a.status, 200);
    raw_answer_done(&a);
}

static void
http_1_0_needs_no_host_and_closes(void **state)
{
    int fd = raw_connect(shared.port);
    struct raw_answer a;

    (void)state;
    raw_send_text(fd, "GET /hello HTTP/1.0\r\n\r\n");
    a = raw_read(fd, false);
    assert_int_equal(a.status, 200);
    assert_true(raw_is_closed(fd, 2000));
    raw_answer_done(&a);
    (void)close(fd);
}

static void
pipelined_requests_are_answered_in_order(void **state)
{
    enum { N = 1000 };
    int fd = raw_connect(shared.port);
    char *all = malloc((size_t)N * 80 + 1);
    size_t len = 0;

    (void)state;
    assert_non_null(all);
    for (int i = 0; i < N; i++)
        len += (size_t)sprintf(all + len, "GET /describe?x=%d HTTP/1.1\r\nHost: x\r\n\r\n", i);
    raw_send(fd, all, len);
    for (int i = 0; i < N; i++) {
        struct raw_answer a = raw_read(fd, false);
        char expected[80];

        (void)snprintf(expected, sizeof(expected), "GET|/describe|%d|-|-|127.0.0.1|0", i);
        assert_string_equal(a.body, expected);
        raw_answer_done(&a);
    }
    free(all);
    (void)close(fd);
}

static void
large_answers_arrive_whole(void **state)
{
    struct raw_answer a = raw_call(shared.port, "GET", "/large", NULL, NULL);

    (void)state;
    assert_int_equal(a.status, 200);
    assert_int_equal(a.body_len, 1000000);
    raw_answer_done(&a);
}

static void
admission_comes_behind_routing_and_before_the_handler(void **state)
{
    struct raw_answer a = raw_call(shared.port, "GET", "/hello", "X-Refuse: 1\r\n", NULL);
    int before;

    (void)state;
    expect_error(&a, 401, "\"no\"");
    before = atomic_load(&admitted);
    a = raw_call(shared.port, "GET", "/nope", "X-Refuse: 1\r\n", NULL);
    expect_error(&a, 404, "HTTP 404 Not Found");
    assert_int_equal(atomic_load(&admitted), before);
}

/* ---- refusals ---- */

static void
requests_that_can_be_read_in_two_ways_are_refused(void **state)
{
    static const struct {
        const char *head;
        const char *words;
    } cases[] = {
        { "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
          "several" },
        { "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
          "several" },
        { "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: "
          "chunked\r\n\r\n0\r\n\r\n",
          "both" },
        { "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
          "chunked" },
        { "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n", "chunked" },
        { "GET /hello HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "Host" },
        { "GET /hello HTTP/1.1\r\nAccept: */*\r\n\r\n", "Host" },
        { "GET /hello HTTP/1.1\r\nHost: x\r\nX-Test : blank\r\n\r\n", "malformed" },
        { "GET hello HTTP/1.1\r\nHost: x\r\n\r\n", "path" },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        int fd = raw_connect(shared.port);
        struct raw_answer a;

        raw_send_text(fd, cases[i].head);
        a = raw_read(fd, false);
        if (a.status != 400)
            fail_msg("case %zu: %d %s", i, a.status, a.body);
        expect_error(&a, 400, cases[i].words);
        assert_true(raw_is_closed(fd, 2000));
        (void)close(fd);
    }
}

static void
bad_content_lengths_are_refused(void **state)
{
    static const char *const values[] = { "-1", "+5", "5 5", "0x5", "18446744073709551616", "abc" };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(values); i++) {
        char request[256];
        struct raw_answer a;

        (void)snprintf(request, sizeof(request),
                       "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: %s\r\n\r\nhello",
                       values[i]);
        a = raw_ask(shared.port, request);
        if (a.status != 400 && a.status != 413)
            fail_msg("Content-Length %s: status %d", values[i], a.status);
        raw_answer_done(&a);
    }
}

static void
bad_chunks_are_refused(void **state)
{
    struct raw_answer a =
        raw_ask(shared.port, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
                             "\r\nzz\r\nabc\r\n0\r\n\r\n");

    (void)state;
    assert_int_equal(a.status, 400);
    raw_answer_done(&a);
}

static void
other_protocols_are_not_answered_as_http_1(void **state)
{
    static const char *const hellos[] = {
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET /hello HTTP/3.7\r\nHost: x\r\n\r\n",
        "GET /hello\r\n\r\n",
        "\x16\x03\x01\x02\x01\x01\x01\x01\xfc\x03\x03 a TLS hello\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(hellos); i++) {
        struct raw_answer a = raw_ask(shared.port, hellos[i]);

        if (a.status != 0 && a.status < 400)
            fail_msg("case %zu was answered: %s", i, a.head);
        raw_answer_done(&a);
    }
    get_answers_with_type_and_length(state);
}

static char *
repeated(const char *prefix, char c, size_t count, const char *suffix)
{
    size_t a = strlen(prefix), b = strlen(suffix);
    char *text = malloc(a + count + b + 1);

    assert_non_null(text);
    memcpy(text, prefix, a);
    memset(text + a, c, count);
    memcpy(text + a + count, suffix, b + 1);
    return text;
}

static void
long_heads_are_414_and_431(void **state)
{
    static const size_t sizes[] = { 9000, 65536, 1048576 };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(sizes); i++) {
        char *request = repeated("GET /", 'x', sizes[i], " HTTP/1.1\r\nHost: x\r\n\r\n");
        struct raw_answer a = raw_ask(shared.port, request);

        if (a.status != 414 && a.status != 431 && a.status != 0) /* 0: reset while we still send */
            fail_msg("a path of %zu: %d", sizes[i], a.status);
        if (i == 0)
            expect_error(&a, 414, NULL);
        raw_answer_done(&a);
        free(request);
        request = repeated("GET /hello HTTP/1.1\r\nHost: x\r\nX-Long: ", 'x', sizes[i], "\r\n\r\n");
        a = raw_ask(shared.port, request);
        if (a.status != 431 && a.status != 0)
            fail_msg("a header of %zu: %d", sizes[i], a.status);
        if (i == 0)
            expect_error(&a, 431, NULL);
        raw_answer_done(&a);
        free(request);
    }
}

static void
too_many_headers_are_431(void **state)
{
    char request[16384] = "GET /hello HTTP/1.1\r\nHost: x\r\n";
    struct raw_answer a;

    (void)state;
    for (int i = 0; i < 200; i++)
        (void)sprintf(request + strlen(request), "X-%d: 1\r\n", i);
    strcat(request, "\r\n");
    a = raw_ask(shared.port, request);
    expect_error(&a, 431, NULL);
}

/* ---- limits ---- */

static void
a_body_over_the_limit_is_413_and_closed(void **state)
{
    static const size_t sizes[] = { BODY_LIMIT + 1, BODY_LIMIT * 40, (size_t)32 << 20 };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(sizes); i++) {
        char *body = repeated("", 'x', sizes[i], "");
        char head[128];
        int fd = raw_connect(shared.port);
        struct raw_answer a;

        (void)snprintf(head, sizeof(head),
                       "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", sizes[i]);
        raw_send_text(fd, head);
        if (sizes[i] < (size_t)16 << 20)
            raw_send(fd, body, sizes[i]);
        a = raw_read(fd, false);
        expect_error(&a, 413, "larger");
        assert_true(raw_is_closed(fd, 2000));
        (void)close(fd);
        free(body);
    }
}

static void
a_body_of_the_limit_is_taken(void **state)
{
    char *body = repeated("", 'x', BODY_LIMIT, "");
    struct raw_answer a = raw_call(shared.port, "POST", "/echo", NULL, body);

    (void)state;
    assert_int_equal(a.status, 200);
    assert_int_equal(a.body_len, BODY_LIMIT);
    raw_answer_done(&a);
    free(body);
}

static void
chunks_over_the_limit_are_413(void **state)
{
    char *chunk = repeated("1000\r\n", 'x', 0x1000, "\r\n");
    int fd = raw_connect(shared.port);
    struct raw_answer a;

    (void)state;
    raw_send_text(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < BODY_LIMIT / 0x1000 + 1; i++)
        raw_send_text(fd, chunk);
    raw_send_text(fd, "0\r\n\r\n");
    a = raw_read(fd, false);
    expect_error(&a, 413, NULL);
    (void)close(fd);
    free(chunk);
}

static void
a_blocked_handler_holds_nobody_up(void **state)
{
    int fds[8];
    int64_t began;

    (void)state;
    for (size_t i = 0; i < CV_COUNT(fds); i++) {
        fds[i] = raw_connect(shared.port);
        raw_send_text(fds[i], "GET /block HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    while (atomic_load(&blocked) < (int)CV_COUNT(fds))
        (void)usleep(1000);
    began = cv_mono_ms();
    get_answers_with_type_and_length(state); /* on the event thread */
    large_answers_arrive_whole(state);       /* on the pool */
    assert_true(cv_mono_ms() - began < 2000);
    cv_wake_signal(&gate);
    for (size_t i = 0; i < CV_COUNT(fds); i++) {
        struct raw_answer a = raw_read(fds[i], false);

        assert_string_equal(a.body, "\"done\"");
        raw_answer_done(&a);
        (void)close(fds[i]);
    }
    cv_wake_clear(&gate);
}

static void
many_clients_are_served_at_once(void **state)
{
    int fds[CLIENTS];

    (void)state;
    for (size_t i = 0; i < CLIENTS; i++) {
        fds[i] = raw_connect(shared.port);
        raw_send_text(fds[i], "GET /hello HTTP/1.1\r\nHo");
    }
    for (size_t i = 0; i < CLIENTS; i++)
        raw_send_text(fds[i], "st: x\r\n\r\n");
    for (size_t i = 0; i < CLIENTS; i++) {
        struct raw_answer a = raw_read(fds[i], false);

        assert_int_equal(a.status, 200);
        raw_answer_done(&a);
        (void)close(fds[i]);
    }
}

static void
connections_beyond_the_limit_get_503_and_the_server_recovers(void **state)
{
    struct cv_http_limits limits = { .connections = 4 };
    struct server s = start_with(&limits);
    struct raw_answer a;
    int fds[4];

    (void)state;
    for (size_t i = 0; i < CV_COUNT(fds); i++) {
        fds[i] = raw_connect(s.port);
        raw_send_text(fds[i], "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
        a = raw_read(fds[i], false);
        assert_int_equal(a.status, 200);
        raw_answer_done(&a);
    }
    a = raw_call(s.port, "GET", "/hello", NULL, NULL);
    expect_error(&a, 503, "connections");
    for (size_t i = 0; i < CV_COUNT(fds); i++)
        (void)close(fds[i]);
    for (int i = 0; i < 100 && a.status != 200; i++) {
        raw_answer_done(&a);
        (void)usleep(10000);
        a = raw_call(s.port, "GET", "/hello", NULL, NULL);
    }
    assert_int_equal(a.status, 200);
    raw_answer_done(&a);
    stop(&s);
}

static void
a_full_queue_is_503(void **state)
{
    struct cv_http_limits limits = { .pool = 1, .queue = 1 };
    struct server s = start_with(&limits);
    struct raw_answer a;
    int fds[2];

    (void)state;
    for (size_t i = 0; i < CV_COUNT(fds); i++) {
        fds[i] = raw_connect(s.port);
        raw_send_text(fds[i], "GET /block HTTP/1.1\r\nHost: x\r\n\r\n");
        while (atomic_load(&blocked) < 1)
            (void)usleep(1000);
    }
    for (int i = 0; i < 200; i++) { /* until the second is in the queue */
        a = raw_call(s.port, "GET", "/hello", NULL, NULL);
        raw_answer_done(&a);
    }
    a = raw_call(s.port, "GET", "/large", NULL, NULL);
    expect_error(&a, 503, "waiting");
    cv_wake_signal(&gate);
    for (size_t i = 0; i < CV_COUNT(fds); i++) {
        a = raw_read(fds[i], false);
        assert_int_equal(a.status, 200);
        raw_answer_done(&a);
        (void)close(fds[i]);
    }
    cv_wake_clear(&gate);
    stop(&s);
}

/* ---- time ---- */

static void
slow_requests_get_408_and_idle_connections_are_closed(void **state)
{
    struct cv_http_limits limits = { .idle_ms = IDLE_MS };
    struct server s = start_with(&limits);
    static const char *const parts[] = {
        "GET /hel",
        "GET /hello HTTP/1.1\r\nHost",
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc",
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    };
    int fds[CV_COUNT(parts)];
    int idle = raw_connect(s.port);
    int kept = raw_connect(s.port);
    struct raw_answer a;
    int64_t began = cv_mono_ms();

    (void)state;
    raw_send_text(kept, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    a = raw_read(kept, false);
    assert_int_equal(a.status, 200);
    raw_answer_done(&a);
    for (size_t i = 0; i < CV_COUNT(parts); i++) {
        fds[i] = raw_connect(s.port);
        raw_send_text(fds[i], parts[i]);
    }
    for (size_t i = 0; i < CV_COUNT(parts); i++) {
        a = raw_read(fds[i], false);
        expect_error(&a, 408, "time limit");
        assert_true(raw_is_closed(fds[i], 1000));
        (void)close(fds[i]);
    }
    assert_true(cv_mono_ms() - began >= IDLE_MS);
    assert_true(raw_is_closed(idle, 10 * IDLE_MS)); /* without a 408: nothing was asked */
    assert_true(raw_is_closed(kept, 10 * IDLE_MS));
    (void)close(idle);
    (void)close(kept);
    stop(&s);
}

static void
a_client_that_drips_bytes_is_ended_too(void **state)
{
    struct cv_http_limits limits = { .idle_ms = IDLE_MS };
    struct server s = start_with(&limits);
    int fd = raw_connect(s.port);
    struct raw_answer a;

    (void)state;
    raw_send_text(fd, "GET /hello HTTP/1.1\r\nX: ");
    for (int i = 0; i < 2 * IDLE_MS / 20; i++) { /* never silent, and yet not done */
        raw_send_text(fd, "x");
        (void)usleep(20000);
    }
    a = raw_read(fd, false);
    assert_int_equal(a.status, 408);
    raw_answer_done(&a);
    (void)close(fd);
    stop(&s);
}

static void
a_long_handler_is_not_a_slow_client(void **state)
{
    struct cv_http_limits limits = { .idle_ms = 200 };
    struct server s = start_with(&limits);
    int fd = raw_connect(s.port);
    struct raw_answer a;

    (void)state;
    raw_send_text(fd, "GET /block HTTP/1.1\r\nHost: x\r\n\r\n");
    (void)usleep(700000);
    cv_wake_signal(&gate);
    a = raw_read(fd, false);
    assert_int_equal(a.status, 200);
    raw_answer_done(&a);
    (void)close(fd);
    cv_wake_clear(&gate);
    stop(&s);
}

/* ---- answers that go on ---- */

static int
begin_to_follow(int port, struct cv_http_stream **ret)
{
    int fd = raw_connect(port);

    atomic_store(&followed, NULL);
    raw_send_text(fd, "GET /follow HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(raw_read_until(fd, "Content-Type: text/event-stream\r\n"));
    assert_true(raw_read_until(fd, "\r\n\r\n"));
    *ret = atomic_load(&followed);
    assert_non_null(*ret);
    return fd;
}

static void
say(struct cv_http_stream *stream, const char *text)
{
    assert_true(cv_http_stream_write(stream, text, strlen(text)));
}

/* Until a write fails; it must at some time. */
static void
wait_until_refused(struct cv_http_stream *stream)
{
    int64_t deadline = cv_mono_ms() + RAW_HTTP_WAIT_MS;

    while (cv_http_stream_write(stream, ": alive\n\n", 9)) {
        if (cv_mono_ms() > deadline)
            fail_msg("the stream still takes what nobody reads");
        (void)usleep(5000);
    }
}

static void
a_stream_brings_what_is_written_until_it_is_closed(void **state)
{
    struct cv_http_stream *stream;
    int fd = begin_to_follow(shared.port, &stream);

    (void)state;
    for (int i = 0; i < 200; i++) {
        char text[64];

        (void)snprintf(text, sizeof(text), "data: %d\n\n", i);
        say(stream, text);
        assert_true(raw_read_until(fd, text));
        if (i % 50 == 0)
            (void)usleep(20000); /* the connection is suspended for certain */
    }
    get_answers_with_type_and_length(state); /* nobody is held up by it */
    say(stream, "data: last\n\n");
    cv_http_stream_close(stream);
    assert_true(raw_read_until(fd, "data: last\n\n"));
    assert_true(raw_read_until(fd, "0\r\n\r\n"));
    (void)close(fd);
}

static void
a_stream_may_be_silent_for_longer_than_the_idle_time(void **state)
{
    struct cv_http_limits limits = { .idle_ms = 200 };
    struct server s = start_with(&limits);
    struct cv_http_stream *stream;
    int fd = begin_to_follow(s.port, &stream);

    (void)state;
    (void)usleep(700000);
    say(stream, "data: late\n\n");
    assert_true(raw_read_until(fd, "data: late\n\n"));
    cv_http_stream_close(stream);
    (void)close(fd);
    stop(&s);
}

static void
a_follower_that_goes_is_noticed(void **state)
{
    struct cv_http_stream *stream;
    int fd = begin_to_follow(shared.port, &stream);

    (void)state;
    (void)close(fd);
    wait_until_refused(stream);
    cv_http_stream_close(stream);
}

static void
a_follower_that_reads_nothing_is_ended(void **state)
{
    struct cv_http_limits limits = { .idle_ms = 200 };
    struct server s = start_with(&limits);
    struct cv_http_stream *stream;
    int fd = begin_to_follow(s.port, &stream);
    char *block = repeated("", 'x', 65536, "");
    size_t taken = 0;

    (void)state;
    while (cv_http_stream_write(stream, block, 65536))
        taken += 65536;
    assert_true(taken >= STREAM_BYTES / 2); /* and no more than max_bytes and the sockets' buffers */
    assert_true(taken < STREAM_BYTES + ((size_t)64 << 20));
    cv_http_stream_close(stream);
    stop(&s); /* the sweeper has ended it, or this does: not for ever */
    (void)close(fd);
    free(block);
}

static void
streams_are_limited_and_leave_room_when_they_end(void **state)
{
    struct cv_http_limits limits = { .streams = 2 };
    struct server s = start_with(&limits);
    struct cv_http_stream *streams[3];
    struct raw_answer a;
    int fds[3];

    (void)state;
    for (int i = 0; i < 2; i++)
        fds[i] = begin_to_follow(s.port, &streams[i]);
    a = raw_call(s.port, "GET", "/follow", NULL, NULL);
    expect_error(&a, 503, "too many clients");
    assert_false(cv_http_stream_write(atomic_load(&followed), "x", 1));
    cv_http_stream_close(atomic_load(&followed));
    cv_http_stream_close(streams[0]);
    assert_true(raw_read_until(fds[0], "0\r\n\r\n"));
    (void)usleep(50000);
    fds[2] = begin_to_follow(s.port, &streams[2]);
    for (int i = 1; i < 3; i++)
        cv_http_stream_close(streams[i]);
    for (int i = 0; i < 3; i++)
        (void)close(fds[i]);
    stop(&s);
}

static void
head_of_a_stream_has_no_body(void **state)
{
    struct raw_answer a =
        raw_ask(shared.port, "HEAD /follow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");

    (void)state;
    assert_int_equal(a.status, 200);
    raw_answer_done(&a);
    wait_until_refused(atomic_load(&followed));
    cv_http_stream_close(atomic_load(&followed));
}

static void
stop_ends_streams(void **state)
{
    struct server s = start_with(NULL);
    struct cv_http_stream *stream;
    int fd = begin_to_follow(s.port, &stream);
    int64_t began = cv_mono_ms();

    (void)state;
    say(stream, "data: last\n\n");
    stop(&s);
    assert_true(cv_mono_ms() - began < 4000);
    assert_true(raw_read_until(fd, "data: last\n\n"));
    assert_true(raw_read_until(fd, "0\r\n\r\n"));
    assert_false(cv_http_stream_write(stream, "x", 1));
    cv_http_stream_close(stream); /* behind the server's end */
    (void)close(fd);
}

/* ---- start and stop ---- */

static void
a_taken_port_is_told_with_listener_and_remedy(void **state)
{
    struct cv_http_listener listener = { "http", "127.0.0.1", shared.port };
    struct cv_http_spec spec = {
        .listeners = &listener, .n_listeners = 1, .option = "listeners", .router = shared.router
    };
    struct cv_http_server *server = NULL;
    struct cv_err err;
    char url[64];

    (void)state;
    (void)snprintf(url, sizeof(url), "listener http://127.0.0.1:%d: ", shared.port);
    assert_int_equal(cv_http_start(&spec, &server, &err), CV_INVALID);
    assert_memory_equal(err.text, url, strlen(url));
    assert_non_null(strstr(err.text, "in use"));
    assert_non_null(strstr(err.text, "choose another port with \"listeners\""));
    assert_null(server);
}

static void
an_address_of_another_machine_is_told(void **state)
{
    struct cv_http_listener listener = { "http", "192.0.2.1", 0 };
    struct cv_http_spec spec = { .listeners = &listener,
                                 .n_listeners = 1,
                                 .router = shared.router };
    struct cv_http_server *server = NULL;
    struct cv_err err;

    (void)state;
    assert_int_equal(cv_http_start(&spec, &server, &err), CV_INVALID);
    assert_non_null(strstr(err.text, "no address \"192.0.2.1\""));
    assert_null(server);
}

static void
stop_lets_a_request_finish(void **state)
{
    struct server s = start_with(NULL);
    int fd = raw_connect(s.port);
    struct raw_answer a;

    (void)state;
    raw_send_text(fd, "GET /block HTTP/1.1\r\nHost: x\r\n\r\n");
    while (atomic_load(&blocked) < 1)
        (void)usleep(1000);
    cv_wake_signal(&gate);
    stop(&s);
    a = raw_read(fd, false);
    assert_int_equal(a.status, 200);
    raw_answer_done(&a);
    (void)close(fd);
    cv_wake_clear(&gate);
}

static void
stop_says_when_a_handler_does_not_end(void **state)
{
    struct cv_http_limits limits = { .pool = 1 };
    struct server s = start_with(&limits);
    int running = raw_connect(s.port);
    int waiting = raw_connect(s.port);
    struct raw_answer a;

    (void)state;
    raw_send_text(running, "GET /block HTTP/1.1\r\nHost: x\r\n\r\n");
    while (atomic_load(&blocked) < 1)
        (void)usleep(1000);
    raw_send_text(waiting, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
    (void)usleep(100000);
    assert_false(cv_http_stop(s.http, 200));
    a = raw_read(waiting, false);
    expect_error(&a, 503, "shutting down");
    a = raw_read(running, false);
    expect_error(&a, 503, "shutting down");
    cv_wake_signal(&gate); /* the handler ends, in memory that is still there */
    while (atomic_load(&blocked) > 0)
        (void)usleep(1000);
    (void)usleep(50000);
    cv_wake_clear(&gate);
    cv_http_router_free(s.router);
    (void)close(running);
    (void)close(waiting);
}

static void
listeners_parse_as_kafka_writes_them(void **state)
{
    static const struct {
        const char *text, *scheme, *host;
        int port;
    } good[] = {
        { "http://:8083", "http", "", 8083 },
        { "HTTPS://host.example:8443", "https", "host.example", 8443 },
        { "http://[::1]:80", "http", "::1", 80 },
        { " http://0.0.0.0:0", "http", "0.0.0.0", 0 },
    };
    static const struct {
        const char *text, *words;
    } bad[] = {
        { "", "Empty URL found when parsing listeners list." },
        { "localhost:80", "Listener doesn't have the right format (protocol://hostname:port)." },
        { "http://host", "Listener doesn't have the right format (protocol://hostname:port)." },
        { "http://host:x", "Listener doesn't have the right format (protocol://hostname:port)." },
        { "ftp://host:21", "Listener protocol must be either \"http\" or \"https\"." },
        { "http://:99999", "listener http://:99999: port 99999 is not between 0 and 65535" },
        { "http://::1:80", "Listener doesn't have the right format (protocol://hostname:port)." },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(good); i++) {
        struct cv_http_listener l;
        struct cv_err err;

        assert_int_equal(cv_http_listener_parse(good[i].text, &l, &err), CV_OK);
        assert_string_equal(l.scheme, good[i].scheme);
        assert_string_equal(l.host, good[i].host);
        assert_int_equal(l.port, good[i].port);
    }
    for (size_t i = 0; i < CV_COUNT(bad); i++) {
        struct cv_http_listener l = { .port = -7 };
        struct cv_err err;

        assert_int_equal(cv_http_listener_parse(bad[i].text, &l, &err), CV_INVALID);
        assert_string_equal(err.text, bad[i].words);
        assert_int_equal(l.port, -7);
    }
}

static void
metrics_count_answers(void **state)
{
    struct cv_metrics *metrics = cv_metrics_new();
    struct cv_buf text = CV_BUF_INIT(65536);
    struct cv_err err;

    (void)state;
    assert_non_null(metrics);
    assert_int_equal(cv_metrics_register(metrics, cv_http_collect, shared.http, &err), CV_OK);
    cv_metrics_write(metrics, 1, &text);
    assert_non_null(strstr(cv_buf_cstr(&text), "culvert_http_responses_total{class=\"2xx\"}"));
    assert_non_null(strstr(cv_buf_cstr(&text), "culvert_http_connections"));
    cv_buf_free(&text);
    cv_metrics_free(metrics);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(get_answers_with_type_and_length),
        cmocka_unit_test(head_has_the_headers_of_get_and_no_body),
        cmocka_unit_test(no_content_has_neither_body_nor_type),
        cmocka_unit_test(empty_202_has_length_0_and_set_replaces_a_header),
        cmocka_unit_test(handlers_see_method_path_query_and_headers),
        cmocka_unit_test(bodies_come_whole_by_length_and_in_chunks),
        cmocka_unit_test(expect_100_continue_is_met),
        cmocka_unit_test(an_upgrade_to_h2c_is_answered_in_http_1),
        cmocka_unit_test(http_1_0_needs_no_host_and_closes),
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(large_answers_arrive_whole),
        cmocka_unit_test(admission_comes_behind_routing_and_before_the_handler),
        cmocka_unit_test(requests_that_can_be_read_in_two_ways_are_refused),
        cmocka_unit_test(bad_content_lengths_are_refused),
        cmocka_unit_test(bad_chunks_are_refused),
        cmocka_unit_test(other_protocols_are_not_answered_as_http_1),
        cmocka_unit_test(long_heads_are_414_and_431),
        cmocka_unit_test(too_many_headers_are_431),
        cmocka_unit_test(a_body_over_the_limit_is_413_and_closed),
        cmocka_unit_test(a_body_of_the_limit_is_taken),
        cmocka_unit_test(chunks_over_the_limit_are_413),
        cmocka_unit_test(a_blocked_handler_holds_nobody_up),
        cmocka_unit_test(many_clients_are_served_at_once),
        cmocka_unit_test(connections_beyond_the_limit_get_503_and_the_server_recovers),
        cmocka_unit_test(a_full_queue_is_503),
        cmocka_unit_test(slow_requests_get_408_and_idle_connections_are_closed),
        cmocka_unit_test(a_client_that_drips_bytes_is_ended_too),
        cmocka_unit_test(a_long_handler_is_not_a_slow_client),
        cmocka_unit_test(a_stream_brings_what_is_written_until_it_is_closed),
        cmocka_unit_test(a_stream_may_be_silent_for_longer_than_the_idle_time),
        cmocka_unit_test(a_follower_that_goes_is_noticed),
        cmocka_unit_test(a_follower_that_reads_nothing_is_ended),
        cmocka_unit_test(streams_are_limited_and_leave_room_when_they_end),
        cmocka_unit_test(head_of_a_stream_has_no_body),
        cmocka_unit_test(stop_ends_streams),
        cmocka_unit_test(a_taken_port_is_told_with_listener_and_remedy),
        cmocka_unit_test(an_address_of_another_machine_is_told),
        cmocka_unit_test(stop_lets_a_request_finish),
        cmocka_unit_test(stop_says_when_a_handler_does_not_end),
        cmocka_unit_test(listeners_parse_as_kafka_writes_them),
        cmocka_unit_test(metrics_count_answers),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
