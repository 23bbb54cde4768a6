/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A route table to handlers. Templates match one raw segment a {variable}, decoded after matching
 * ("%2F" stays inside its segment, "+" is a plus, ";x=1" is dropped); {variable:int} matches 32-bit
 * integers only. One trailing slash is accepted. The router answers 400 (a path that cannot be
 * decoded), 404, 405, 415, 406 (in that order) as JSON errors with JAX-RS's texts ("HTTP 404 Not
 * Found"), HEAD by GET's handler, and OPTIONS.
 */
#ifndef COMMON_HTTP_ROUTER_H
#define COMMON_HTTP_ROUTER_H

#include "common/http/server.h"

enum cv_route_flags {
    CV_ROUTE_WAITS = 1, /* may block: runs on the pool */
    CV_ROUTE_JSON = 2,  /* a Content-Type that is there must be application/json: else 415 */
    CV_ROUTE_BODY = 4,  /* with JSON: a body without Content-Type is 415 as well */
    CV_ROUTE_ANY_ACCEPT =
        8, /* Accept is not looked at; otherwise it must allow application/json: else 406 */
    CV_ROUTE_USER =
        0x100, /* this bit and those above are the application's, see cv_http_route_flags */
};

struct cv_route {
    const char *method;
    const char *path; /* "/connectors/{connector}/tasks/{task:int}/status" */
    cv_http_handler *handler;
    unsigned flags;
    const char *doc;
};

/* routes ends with method NULL; borrowed. arg goes to every handler. */
CV_MUST_CHECK
enum cv_rc cv_http_router_new(const struct cv_route *routes, void *arg, struct cv_http_router **ret,
                              struct cv_err *err);
void cv_http_router_free(struct cv_http_router *router);

#endif
