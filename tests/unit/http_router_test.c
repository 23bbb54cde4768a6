/* SPDX-License-Identifier: Apache-2.0 */
/* Matching, decoding and the order of refusals, without sockets. */
#include <config.h>

#include "tests/helper/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/http/request.h"

static void
handler(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    (void)arg;
    (void)req;
    (void)res;
}

static const struct cv_route routes[] = {
    { "GET", "/", handler, 0, "root" },
    { "GET", "/things", handler, CV_ROUTE_JSON, "list" },
    { "POST", "/things", handler, CV_ROUTE_JSON | CV_ROUTE_BODY, "create" },
    { "GET", "/things/{thing}", handler, CV_ROUTE_JSON, "one" },
    { "GET", "/things/{thing}/parts/{part:int}/state", handler, CV_ROUTE_JSON, "part" },
    { "PUT", "/things/{thing}/stop", handler, CV_ROUTE_JSON, "stop" },
    { "GET", "/metrics", handler, CV_ROUTE_ANY_ACCEPT, "metrics" },
    { .method = NULL },
};

static struct cv_http_router *router;

static int
setup(void **state)
{
    struct cv_err err;

    (void)state;
    return cv_http_router_new(routes, NULL, &router, &err) == CV_OK ? 0 : -1;
}

static int
teardown(void **state)
{
    (void)state;
    cv_http_router_free(router);
    return 0;
}

/* A matched request; headers are pairs, NULL at the end. */
static struct cv_http_request *
match(const char *method, const char *target, const char *const *headers, const char *body)
{
    struct cv_http_request *req = http_request_new(target);

    assert_non_null(req);
    assert_true(http_request_begin(req, method, "HTTP/1.1", 4096));
    for (; headers != NULL && *headers != NULL; headers += 2)
        assert_true(http_request_add_header(req, headers[0], strlen(headers[0]), headers[1],
                                            strlen(headers[1])));
    cv_buf_init(&req->body, 1000);
    if (body != NULL)
        cv_buf_str(&req->body, body);
    http_router_match(router, req);
    if (req->options)
        http_router_options(router, req);
    return req;
}

static void
expect_route(const char *method, const char *target, const char *doc, const char *variable,
             const char *value)
{
    struct cv_http_request *req = match(method, target, NULL, NULL);

    if (req->route == NULL)
        fail_msg("%s %s: no route, status %d", method, target, req->res.status);
    assert_string_equal(req->route->doc, doc);
    if (variable != NULL)
        assert_string_equal(cv_http_variable(req, variable), value);
    http_request_free(req);
}

static void
expect_status(const char *method, const char *target, const char *const *headers, const char *body,
              int status)
{
    struct cv_http_request *req = match(method, target, headers, body);

    if (status == 0 ? req->route == NULL : req->route != NULL || req->res.status != status)
        fail_msg("%s %s: status %d, expected %d", method, target, req->res.status, status);
    http_request_free(req);
}

static void
templates_match_segments_and_one_trailing_slash(void **state)
{
    (void)state;
    expect_route("GET", "/", "root", NULL, NULL);
    expect_route("GET", "/things", "list", NULL, NULL);
    expect_route("GET", "/things/", "list", NULL, NULL);
    expect_route("GET", "/things?x=/y", "list", NULL, NULL);
    expect_route("GET", "/things/a", "one", "thing", "a");
    expect_route("GET", "/things/a/", "one", "thing", "a");
    expect_route("GET", "/th%69ngs/a", "one", "thing", "a");
    expect_route("HEAD", "/things", "list", NULL, NULL);
    expect_status("GET", "/things//", NULL, NULL, 404);
    expect_status("GET", "//things", NULL, NULL, 404);
    expect_status("GET", "/Things", NULL, NULL, 404);
    expect_status("GET", "/things/a/b", NULL, NULL, 404);
    expect_status("GET", "/things/../things", NULL, NULL, 404);
    expect_status("GET", "/a/b/c/d/e/f/g/h/i/j/k/l/m", NULL, NULL, 404);
}

static void
variables_are_decoded_once_inside_their_segment(void **state)
{
    (void)state;
    expect_route("GET", "/things/a%20b", "one", "thing", "a b");
    expect_route("GET", "/things/a%2Fb", "one", "thing", "a/b");
    expect_route("GET", "/things/a%252Fb", "one", "thing", "a%2Fb");
    expect_route("GET", "/things/a+b", "one", "thing", "a+b");
    expect_route("GET", "/things/a%2bb", "one", "thing", "a+b");
    expect_route("GET", "/things/a%5Cb", "one", "thing", "a\\b");
    expect_route("GET", "/things/a;x=1", "one", "thing", "a");
    expect_route("GET", "/things/a%3Bb", "one", "thing", "a;b");
    expect_route("GET", "/things/%E1%88%B4", "one", "thing", "\xe1\x88\xb4");
    expect_route("GET", "/things/%F0%9F%98%80", "one", "thing", "\xf0\x9f\x98\x80");
}

static void
paths_that_cannot_be_decoded_are_400(void **state)
{
    static const char *const paths[] = {
        "/things/%zz", "/things/a%",      "/things/a%2",       "/things/%00",    "/things/a%0Ab",
        "/things/%FF", "/things/%C0%AF",  "/things/%ED%A0%80", "/things/%2e%2e", "/things/%7F",
        "/nope/%zz",   "/things/%C2%85x", "/things/%E1%88",
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(paths); i++)
        expect_status("GET", paths[i], NULL, NULL, 400);
}

static void
integers_are_32_bits(void **state)
{
    (void)state;
    expect_route("GET", "/things/a/parts/0/state", "part", "part", "0");
    expect_route("GET", "/things/a/parts/-1/state", "part", "part", "-1");
    expect_route("GET", "/things/a/parts/02/state", "part", "part", "02");
    expect_route("GET", "/things/a/parts/%32/state", "part", "part", "2");
    expect_route("GET", "/things/a/parts/2147483647/state", "part", "part", "2147483647");
    expect_status("GET", "/things/a/parts/2147483648/state", NULL, NULL, 404);
    expect_status("GET", "/things/a/parts/99999999999999999999/state", NULL, NULL, 404);
    expect_status("GET", "/things/a/parts/x/state", NULL, NULL, 404);
    expect_status("GET", "/things/a/parts/1x/state", NULL, NULL, 404);
}

static void
refusals_come_in_order_404_405_415_406(void **state)
{
    static const char *const wrong[] = { "Content-Type", "text/plain", "Accept", "text/html",
                                         NULL };
    static const char *const html[] = { "Content-Type", "application/json", "Accept", "text/html",
                                        NULL };

    (void)state;
    expect_status("DELETE", "/nope", wrong, NULL, 404);
    expect_status("DELETE", "/things", wrong, NULL, 405);
    expect_status("FOO", "/things", NULL, NULL, 405);
    expect_status("TRACE", "/", NULL, NULL, 405);
    expect_status("GET", "/things", wrong, NULL, 415);
    expect_status("GET", "/things", html, NULL, 406);
}

static void
content_types_are_checked_where_json_is_consumed(void **state)
{
    static const struct {
        const char *type;
        int status;
    } cases[] = {
        { "application/json", 0 },
        { "APPLICATION/JSON", 0 },
        { "application/json;charset=UTF-8", 0 },
        { "application/json ; charset=utf-8", 0 },
        { "application/vnd.kafka.connect+json", 415 },
        { "application/jsonx", 415 },
        { "text/plain", 415 },
        { "*/*", 415 },
        { "garbage", 400 },
        { "", 400 },
        { "application/", 400 },
    };
    static const char *const plain[] = { "Content-Type", "text/plain", NULL };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        const char *const headers[] = { "Content-Type", cases[i].type, NULL };

        expect_status("POST", "/things", headers, "{}", cases[i].status);
    }
    expect_status("POST", "/things", NULL, "{}", 415); /* a body to parse, and no type */
    expect_status("POST", "/things", NULL, NULL, 0);
    expect_status("PUT", "/things/a/stop", NULL, "{}", 0); /* its body is not read */
    expect_status("GET", "/", plain, NULL, 0);
}

static void
accept_must_allow_json(void **state)
{
    static const struct {
        const char *accept;
        int status;
    } cases[] = {
        { "application/json", 0 },
        { "application/*", 0 },
        { "*/*", 0 },
        { "text/html, */*;q=0.1", 0 },
        { "application/json; charset=utf-8", 0 },
        { "", 0 },
        { "text/html", 406 },
        { "application/xml", 406 },
        { "garbage", 406 },
        { "application/json;q=0", 406 },
        { "app/*", 406 },
    };
    static const char *const html[] = { "Accept", "text/html", NULL };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        const char *const headers[] = { "Accept", cases[i].accept, NULL };

        expect_status("GET", "/things", headers, NULL, cases[i].status);
    }
    expect_status("GET", "/metrics", html, NULL, 0);
}

static void
options_lists_the_methods_of_a_path(void **state)
{
    static const char *const json[] = { "Accept", "application/json", NULL };
    struct cv_http_request *req = match("OPTIONS", "/things", NULL, NULL);

    (void)state;
    assert_string_equal(req->res.headers[0].name, "Allow");
    assert_string_equal(req->res.headers[0].value, "GET,HEAD,POST,OPTIONS");
    assert_string_equal(cv_buf_cstr(&req->res.body), "GET, HEAD, POST, OPTIONS");
    assert_string_equal(req->res.content_type, "text/plain");
    http_request_free(req);
    req = match("OPTIONS", "/things/x/stop", json, NULL);
    assert_string_equal(req->res.headers[0].value, "PUT,OPTIONS");
    assert_int_equal(req->res.body.len, 0);
    assert_string_equal(req->res.content_type, "application/json");
    http_request_free(req);
    expect_status("OPTIONS", "/nope", NULL, NULL, 404);
}

static void
errors_are_json_with_the_words_of_jax_rs(void **state)
{
    struct cv_http_request *req = match("GET", "/nope", NULL, NULL);

    (void)state;
    assert_string_equal(cv_buf_cstr(&req->res.body),
                        "{\"error_code\":404,\"message\":\"HTTP 404 Not Found\"}");
    assert_string_equal(req->res.content_type, "application/json");
    http_request_free(req);
    req = match("HEAD", "/nope", NULL, NULL);
    assert_string_equal(req->res.content_type, "");
    http_request_free(req);
}

static void
a_template_with_too_many_segments_is_refused(void **state)
{
    static const struct cv_route bad[] = { { "GET", "/1/2/3/4/5/6/7/8/9/10/11", handler, 0, "" },
                                           { .method = NULL } };
    struct cv_http_router *none = NULL;
    struct cv_err err;

    (void)state;
    assert_int_equal(cv_http_router_new(bad, NULL, &none, &err), CV_INVALID);
    assert_string_equal(err.text, "route template \"/1/2/3/4/5/6/7/8/9/10/11\" is malformed");
    assert_null(none);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(templates_match_segments_and_one_trailing_slash),
        cmocka_unit_test(variables_are_decoded_once_inside_their_segment),
        cmocka_unit_test(paths_that_cannot_be_decoded_are_400),
        cmocka_unit_test(integers_are_32_bits),
        cmocka_unit_test(refusals_come_in_order_404_405_415_406),
        cmocka_unit_test(content_types_are_checked_where_json_is_consumed),
        cmocka_unit_test(accept_must_allow_json),
        cmocka_unit_test(options_lists_the_methods_of_a_path),
        cmocka_unit_test(errors_are_json_with_the_words_of_jax_rs),
        cmocka_unit_test(a_template_with_too_many_segments_is_refused),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
