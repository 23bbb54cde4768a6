/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as a request target, with itself as value of the headers that are looked into. Beyond
 * not crashing: the router either finds a route, and then every variable is text without control
 * characters, or it fills an answer.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "common/http/request.h"
#include "common/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
handler(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    (void)arg;
    (void)req;
    (void)res;
}

static const struct cv_route routes[] = {
    { "GET", "/", handler, 0, "" },
    { "GET", "/connectors", handler, CV_ROUTE_JSON, "" },
    { "GET", "/connectors/{connector}", handler, CV_ROUTE_JSON, "" },
    { "GET", "/connectors/{connector}/tasks/{task:int}/status", handler, 0, "" },
    { "PUT", "/connectors/{connector}/pause", handler, 0, "" },
    { .method = NULL },
};

static void
must(bool holds)
{
    if (!holds)
        abort();
}

static void
try_method(const struct cv_http_router *router, const char *method, const char *target,
           bool headers)
{
    struct cv_http_request *req = http_request_new(target);
    const char *why;
    bool begun;

    must(req != NULL);
    begun = http_request_begin(req, method, "HTTP/1.1", 4 * strlen(target) + 64);
    if (begun && headers) {
        (void)http_request_add_header(req, "Content-Type", 12, target, strlen(target));
        (void)http_request_add_header(req, "Accept", 6, target, strlen(target));
    }
    if (begun) {
        int status = http_request_check(req, &why);

        must((status == 0) == (why == NULL));
        http_router_match(router, req);
        if (req->options)
            http_router_options(router, req);
        must((req->route != NULL) == (req->res.status == 0) || strcmp(method, "OPTIONS") == 0);
        must(!req->options || req->res.n_headers == 1);
        for (size_t i = 0; i < req->n_variables; i++) {
            const char *value = req->variables[i].value;

            must(*value != '\0' && cv_utf8_check(value, strlen(value)) == strlen(value));
        }
    }
    http_request_free(req);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cv_http_router *router = NULL;
    char *target = malloc(size + 1);
    struct cv_err err;

    must(target != NULL && cv_http_router_new(routes, NULL, &router, &err) == CV_OK);
    memcpy(target, data, size);
    target[size] = '\0';
    try_method(router, "GET", target, false);
    try_method(router, "HEAD", target, true);
    try_method(router, "OPTIONS", target, true);
    cv_http_router_free(router);
    free(target);
    return 0;
}
