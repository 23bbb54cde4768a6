/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input that no good client sends, over a socket to the whole of rest/ and a herder in memory: cut, nested, huge and
 * mistyped bodies, odd numbers and texts, slow and silent clients. Each is answered with a 4xx in JSON, or its
 * connection is closed; afterwards the worker answers as before.
 */
#include <config.h>

#include "tests/helper/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/http/server.h"
#include "common/log.h"
#include "rest/rest.h"
#include "tests/helper/fake_herder.h"
#include "tests/helper/raw_http.h"

#define JSON_TYPE   "Content-Type: application/json\r\n"
#define SOURCE      "\"connector.class\":\"TestSource\",\"topic\":\"t\""
#define SLOW_MS     500  /* the time limit of requests where clients are slow */
#define SLOW        400  /* clients */
#define ANSWER_MS   2000 /* what an answer may take at most; on a busy machine */
#define PENALTY_MS  20000

static struct rest *rest;
static struct herder *herder;
static int port;

static void
start(const struct cv_http_limits *limits)
{
    struct rest_spec spec = { .listeners = "http://127.0.0.1:0",
                              .connect_version = "4.1.0",
                              .version = "0.1",
                              .commit = "abc",
                              .plugins = fake_plugins(),
                              .limits = limits };
    struct cv_err err;

    if (rest_start(&spec, &rest, &err) != CV_OK)
        fail_msg("%s", err.text);
    port = atoi(strrchr(rest_worker_id(rest), ':') + 1);
    herder = fake_herder_new(rest_worker_id(rest), rest_url(rest));
    rest_ready(rest, herder);
}

static int
setup(void **state)
{
    struct raw_answer a;

    (void)state;
    start(NULL);
    a = raw_call(port, "POST", "/connectors", JSON_TYPE, "{\"name\":\"c\",\"config\":{" SOURCE "}}");
    assert_int_equal(a.status, 201);
    raw_answer_done(&a);
    return 0;
}

static void
stop(void)
{
    assert_true(rest_stop(rest, 5000));
    fake_herder_free(herder);
}

/* The worker is as it was: alive, and its connector has the same configuration. */
static int
teardown(void **state)
{
    struct raw_answer a = raw_call(port, "GET", "/connectors?expand=info", NULL, NULL);

    (void)state;
    assert_string_equal(a.body, "{\"c\":{\"info\":{\"name\":\"c\",\"config\":{" SOURCE ",\"name\":\"c\"},\"tasks\":"
                                "[{\"connector\":\"c\",\"task\":0}],\"type\":\"source\"}}}");
    raw_answer_done(&a);
    stop();
    return 0;
}

/* A refusal: this status, JSON, typed, words in it, no secret, no stack trace. */
static void
expect_refusal(struct raw_answer *a, int status, const char *words, const char *what)
{
    char *type = raw_header(a, "Content-Type");
    char code[64];

    (void)snprintf(code, sizeof(code), "{\"error_code\":%d,\"message\":\"", status);
    if (a->status != status || strncmp(a->body, code, strlen(code)) != 0 || strstr(a->body, words) == NULL)
        fail_msg("%.200s: %d %.300s\n  expected %d with \"%s\"", what, a->status, a->body, status, words);
    assert_string_equal(type, "application/json");
    assert_null(strstr(a->body, "hush"));
    assert_null(strstr(a->body, "\\tat "));
    free(type);
    raw_answer_done(a);
}

static void
refused(const char *method, const char *path, const char *body, int status, const char *words)
{
    struct raw_answer a = raw_call(port, method, path, JSON_TYPE, body);

    expect_refusal(&a, status, words, body);
}

static char *
repeat(const char *before, const char *what, size_t count, const char *after)
{
    size_t len = strlen(what), at = strlen(before);
    char *text = malloc(at + len * count + strlen(after) + 1);

    assert_non_null(text);
    memcpy(text, before, at);
    for (size_t i = 0; i < count; i++, at += len)
        memcpy(text + at, what, len);
    memcpy(text + at, after, strlen(after) + 1);
    return text;
}

/* ---- bodies ---- */

/* Routes with a body, and one that each of them takes. */
static const struct {
    const char *method, *path, *body;
} routes[] = {
    { "POST", "/connectors", "{\"name\":\"n\",\"initial_state\":\"PAUSED\",\"config\":{" SOURCE ",\"p\":\"hush\"}}" },
    { "PUT", "/connectors/c/config", "{" SOURCE ",\"x\":1.5e3,\"y\":null,\"p\":\"hush\"}" },
    { "PATCH", "/connectors/c/config", "{\"p\":\"hush\\u00e9\\n\",\"topic\":null}" },
    { "PATCH", "/connectors/c/offsets", "{\"offsets\":[{\"partition\":{\"a\":[1,{\"p\":\"hush\"}]},\"offset\":null}]}" },
    { "PUT", "/connector-plugins/TestSource/config/validate", "{" SOURCE ",\"p\":\"hush\",\"b\":true}" },
    { "PUT", "/admin/loggers/culvert.test", "{\"level\":\"INFO\"}" },
    { "POST", "/connectors/c/tasks", "[{\"task.class\":\"T\"},{\"p\":\"hush\"}]" },
};

static void
a_body_cut_at_any_byte_is_400_and_tells_where(void **state)
{
    (void)state;
    for (size_t i = 0; i < CV_COUNT(routes); i++) {
        for (size_t len = 1; len < strlen(routes[i].body); len++) {
            char *cut = strndup(routes[i].body, len);
            struct raw_answer a = raw_call(port, routes[i].method, routes[i].path, JSON_TYPE, cut);

            expect_refusal(&a, 400, "line 1, column ", cut);
            free(cut);
        }
        refused(routes[i].method, routes[i].path, "", 400, "");
    }
}

static void
roots_of_other_types_are_400(void **state)
{
    static const char *const roots[] = { "[]", "[1]", "\"x\"", "1", "1.5", "true", "null", "{}" };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(routes); i++) {
        for (size_t k = 0; k < CV_COUNT(roots); k++) {
            bool fits = (routes[i].body[0] == '{' && strcmp(roots[k], "{}") == 0) ||
                        (routes[i].body[0] == '[' && roots[k][0] == '[' && roots[k][1] == ']');

            if (!fits)
                refused(routes[i].method, routes[i].path, roots[k], 400, "");
        }
    }
}

static void
deep_nesting_is_400_whatever_is_nested(void **state)
{
    static const char *const opens[] = { "[", "{\"a\":", "[[{\"a\":" };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(opens); i++) {
        char *bare = repeat("", opens[i], 10000, "");
        char *inside = repeat("{\"offsets\":[{\"partition\":{\"a\":", opens[i], 10000, "");

        for (size_t k = 0; k < CV_COUNT(routes); k++)
            refused(routes[k].method, routes[k].path, bare, 400, "");
        refused("PATCH", "/connectors/c/offsets", inside, 400, "nesting depth");
        free(bare);
        free(inside);
    }
}

static void
text_that_is_no_text_is_400(void **state)
{
    static const char *const bad[] = {
        "\xff",         "\xc0\xaf",         "\xed\xa0\x80", /* not UTF-8, too long, half of a pair */
        "\xf4\x90\x80\x80", "\xe2\x98",     "\\ud800",      "\\udc00\\ud800",
        "\\u0000",      "a\x01z",           "\\x41",        "\\u12",
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(bad); i++) {
        char body[256];

        (void)snprintf(body, sizeof(body), "{\"name\":\"%s\",\"config\":{" SOURCE "}}", bad[i]);
        refused("POST", "/connectors", body, 400, "");
        (void)snprintf(body, sizeof(body), "{\"k\":\"%s\"}", bad[i]);
        refused("PATCH", "/connectors/c/config", body, 400, "");
        (void)snprintf(body, sizeof(body), "{\"%s\":\"v\"}", bad[i]);
        refused("PATCH", "/connectors/c/config", body, 400, "");
    }
}

/* A number is kept as it was written, or refused; it is never another one. */
static void
numbers_are_kept_as_they_are_written(void **state)
{
    static const char *const kept[] = { "-0", "0", "1e999", "-1E-400", "1.50", "18446744073709551616",
                                        "-9223372036854775809", "0.1000" };
    static const char *const bad[] = { "01", "+1", "1.", ".5", "1e", "0x10", "NaN", "Infinity", "--1", "1_000", "1,5" };
    char *digits = repeat("{\"config\":{" SOURCE ",\"x\":", "7", 400, "},\"name\":\"long\"}");
    struct raw_answer a = raw_call(port, "POST", "/connectors", JSON_TYPE, digits);
    char *shown = repeat("\"x\":\"", "7", 400, "\"");

    (void)state;
    assert_non_null(strstr(a.body, shown));
    raw_answer_done(&a);
    free(digits);
    free(shown);
    a = raw_call(port, "DELETE", "/connectors/long", NULL, NULL);
    raw_answer_done(&a);
    for (size_t i = 0; i < CV_COUNT(kept); i++) {
        char body[256], text[64];

        (void)snprintf(body, sizeof(body), "{\"name\":\"n%zu\",\"config\":{" SOURCE ",\"x\":%s}}", i, kept[i]);
        (void)snprintf(text, sizeof(text), "\"x\":\"%s\"", kept[i]);
        a = raw_call(port, "POST", "/connectors", JSON_TYPE, body);
        if (a.status != 201 || strstr(a.body, text) == NULL)
            fail_msg("%s: %d %s", kept[i], a.status, a.body);
        raw_answer_done(&a);
        (void)snprintf(text, sizeof(text), "/connectors/n%zu", i);
        a = raw_call(port, "DELETE", text, NULL, NULL);
        assert_int_equal(a.status, 204);
        raw_answer_done(&a);
    }
    for (size_t i = 0; i < CV_COUNT(bad); i++) {
        char body[256];

        (void)snprintf(body, sizeof(body), "{\"name\":\"x\",\"config\":{" SOURCE ",\"x\":%s}}", bad[i]);
        refused("POST", "/connectors", body, 400, "");
    }
}

static void
names_and_states_of_a_request_are_checked(void **state)
{
    (void)state;
    refused("POST", "/connectors", "{\"name\":\"a\",\"config\":{" SOURCE ",\"name\":\"b\"}}", 400,
            "Connector name configuration (b) doesn't match connector name in the URL (a)");
    refused("PUT", "/connectors/a/config", "{" SOURCE ",\"name\":\"b\"}", 400, "doesn't match");
    refused("POST", "/connectors", "{\"name\":\"a\",\"config\":{" SOURCE "},\"initial_state\":\"HUSH\"}", 400,
            "No enum constant");
    refused("POST", "/connectors", "{\"name\":\"c\",\"config\":{" SOURCE "}}", 409, "already exists");
    refused("PATCH", "/connectors/c/config", "{\"a\":[1]}", 400, "Cannot deserialize value");
    refused("PATCH", "/connectors/c/config", "{\"a\":{\"b\":1}}", 400, "Cannot deserialize value");
}

/* Keys are looked up one by one: what would take minutes is refused. */
static void
a_configuration_of_ten_thousand_keys_is_400_at_once(void **state)
{
    struct cv_buf body = CV_BUF_INIT(1 << 20);
    int64_t began;

    (void)state;
    cv_buf_char(&body, '{');
    for (int i = 0; i < 80000; i++)
        cv_buf_printf(&body, "%s\"k%d\":1", i > 0 ? "," : "", i);
    cv_buf_char(&body, '}');
    began = cv_mono_ms();
    refused("PUT", "/connectors/c/config", cv_buf_cstr(&body), 400, "at most 4096 keys");
    refused("PUT", "/connector-plugins/TestSource/config/validate", cv_buf_cstr(&body), 400, "at most 4096 keys");
    assert_true(cv_mono_ms() - began < PENALTY_MS);
    cv_buf_free(&body);
}

static void
a_body_of_one_byte_more_than_a_mebibyte_is_413(void **state)
{
    char *body = repeat("", " ", (1 << 20) + 1, "");

    (void)state;
    for (size_t i = 0; i < CV_COUNT(routes); i++)
        refused(routes[i].method, routes[i].path, body, 413, "larger");
    body[1 << 20] = '\0';
    refused("PUT", "/connectors/c/config", body, 400, "The request has no body");
    free(body);
}

/* ---- heads ---- */

static void
odd_heads_are_refused_and_closed(void **state)
{
    static const struct {
        const char *request;
        int status;
    } rows[] = {
        { "GET / HTTP/1.1\r\nHost: x\r\nA\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", 400 },
        { "POST /connectors HTTP/1.1\r\nHost: x\r\n" JSON_TYPE "Transfer-Encoding:\r\n\tchunked\r\n\r\n0\r\n\r\n",
          400 },
        { "GET / HTTP/1.1\r\nHost: x\r\nA: \x01\r\n\r\n", 400 },
        { "GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
        { "POST /connectors HTTP/1.1\r\nHost: x\r\n" JSON_TYPE "Transfer-Encoding: "
                                                               "chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n",
          400 },
        { "POST /connectors HTTP/1.1\r\nHost: x\r\n" JSON_TYPE
          "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nhello\r\n0\r\n\r\n", 413 },
        { "POST /connectors HTTP/1.1\r\nHost: x\r\n" JSON_TYPE "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloworld\r\n",
          400 },
        { "POST /connectors HTTP/1.1\r\nHost: x\r\nExpect: x\r\nContent-Length: 2\r\n\r\n{}", 417 },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(rows); i++) {
        int fd = raw_connect(port);
        struct raw_answer a;

        raw_send_text(fd, rows[i].request);
        a = raw_read(fd, false);
        if (a.status != rows[i].status && !(rows[i].status == 400 && a.status == 0))
            fail_msg("row %zu: %d %s", i, a.status, a.body);
        raw_answer_done(&a);
        assert_true(raw_is_closed(fd, ANSWER_MS));
        (void)close(fd);
    }
}

/* A chunk's extension as long as a book (of which libmicrohttpd speaks in its own words), ten thousand headers: the
   connection ends, memory does not. */
static void
endless_heads_end(void **state)
{
    char *extension = repeat("POST /connectors HTTP/1.1\r\nHost: x\r\n" JSON_TYPE
                             "Transfer-Encoding: chunked\r\n\r\n5;", "x", 1 << 20, "\r\nhello\r\n0\r\n\r\n");
    char *headers = repeat("GET / HTTP/1.1\r\nHost: x\r\n", "A: b\r\n", 10000, "\r\n");
    int fd = raw_connect(port);
    struct raw_answer a;

    (void)state;
    raw_send_text(fd, extension);
    a = raw_read(fd, false);
    assert_true(a.status == 0 || a.status >= 400);
    raw_answer_done(&a);
    assert_true(raw_is_closed(fd, ANSWER_MS));
    (void)close(fd);
    a = raw_ask(port, headers);
    assert_true(a.status == 0 || a.status == 431);
    raw_answer_done(&a);
    free(extension);
    free(headers);
}

static void
unknown_methods_are_405(void **state)
{
    static const char *const methods[] = { "TRACE", "FOO", "PROPFIND", "get" };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(methods); i++) {
        struct raw_answer a = raw_call(port, methods[i], "/connectors", NULL, NULL);

        expect_refusal(&a, 405, "HTTP 405 Method Not Allowed", methods[i]);
    }
}

/* ---- slow and silent clients ---- */

/* Hundreds of clients that never finish: each gets its 408, and who asks meanwhile is answered at once. */
static void
slow_clients_are_ended_and_hold_nobody_up(void **state)
{
    static const char *const parts[] = {
        "GET /conn",
        "POST /connectors HTTP/1.1\r\nHost: x\r\n" JSON_TYPE "Content-Length: 50\r\n\r\n{",
        "POST /connectors HTTP/1.1\r\nHost: x\r\n" JSON_TYPE "Content-Length: 50\r\nExpect: 100-continue\r\n\r\n",
        "POST /connectors HTTP/1.1\r\nHost: x\r\n" JSON_TYPE "Transfer-Encoding: chunked\r\n\r\n3\r\n{\"a\r\n",
    };
    struct cv_http_limits limits = { .idle_ms = SLOW_MS };
    int fds[SLOW];

    (void)state;
    stop();
    start(&limits);
    for (size_t i = 0; i < SLOW; i++) {
        fds[i] = raw_connect(port);
        raw_send_text(fds[i], parts[i % CV_COUNT(parts)]);
    }
    for (int i = 0; i < 20; i++) {
        int64_t began = cv_mono_ms();
        struct raw_answer a = raw_call(port, "GET", "/connectors", NULL, NULL);

        assert_int_equal(a.status, 200);
        assert_true(cv_mono_ms() - began < ANSWER_MS);
        raw_answer_done(&a);
    }
    for (size_t i = 0; i < SLOW; i++) {
        struct raw_answer a = raw_read(fds[i], i % CV_COUNT(parts) == 2);

        if (a.status == 100) { /* it is told to go on, and does not */
            raw_answer_done(&a);
            a = raw_read(fds[i], false);
        }
        expect_refusal(&a, 408, "time limit", parts[i % CV_COUNT(parts)]);
        (void)close(fds[i]);
    }
    stop();
    (void)setup(NULL); /* for the look at the end */
}

static int
quiet(void **state)
{
    struct cv_err err;

    (void)state;
    return cv_log_level_set("culvert", CV_LOG_LEVEL_ERROR, &err) == CV_OK ? 0 : -1;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_body_cut_at_any_byte_is_400_and_tells_where),
        TEST(roots_of_other_types_are_400),
        TEST(deep_nesting_is_400_whatever_is_nested),
        TEST(text_that_is_no_text_is_400),
        TEST(numbers_are_kept_as_they_are_written),
        TEST(names_and_states_of_a_request_are_checked),
        TEST(a_configuration_of_ten_thousand_keys_is_400_at_once),
        TEST(a_body_of_one_byte_more_than_a_mebibyte_is_413),
        TEST(odd_heads_are_refused_and_closed),
        TEST(endless_heads_end),
        TEST(unknown_methods_are_405),
        TEST(slow_clients_are_ended_and_hold_nobody_up),
    };

    return cmocka_run_group_tests(tests, quiet, NULL);
}
