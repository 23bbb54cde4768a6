/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A route table to handlers. Templates match one raw segment a {variable}, decoded after matching ("%2F"
 * stays inside its segment); one trailing slash is accepted. The router answers 404, 405, 415, 406 (in that
 * order), HEAD by GET's handler, and OPTIONS, all as JSON errors.
 */
#ifndef COMMON_HTTP_ROUTER_H
#define COMMON_HTTP_ROUTER_H

#include "common/http/server.h"

enum cv_route_flags {
    CV_ROUTE_WAITS = 1,     /* may block: runs on the pool */
    CV_ROUTE_JSON_BODY = 2, /* consumes application/json: 415 for other types */
    CV_ROUTE_ANY_TYPE = 4,  /* neither Content-Type nor Accept is looked at */
};

struct cv_route {
    const char *method;
    const char *path; /* "/connectors/{connector}/tasks/{task}/status" */
    cv_http_handler *handler;
    unsigned flags;
    const char *doc;
};

/* The router's own errors: status, JAX-RS style text "HTTP 404 Not Found". NULL: a plain JSON error. */
typedef void cv_http_error_writer(struct cv_http_response *res, int status, const char *message);

/* routes ends with method NULL; borrowed. arg goes to every handler. */
CV_MUST_CHECK enum cv_rc cv_http_router_new(const struct cv_route *routes, void *arg,
                                            cv_http_error_writer *error, struct cv_http_router **ret,
                                            struct cv_err *err);
void cv_http_router_free(struct cv_http_router *router);

#endif
