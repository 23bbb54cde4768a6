/* SPDX-License-Identifier: Apache-2.0 */
/* A request as the files of this folder see it. Private to common/http. */
#ifndef COMMON_HTTP_REQUEST_H
#define COMMON_HTTP_REQUEST_H

#include <stdatomic.h>

#include "common/http/router.h"

#define HTTP_MAX_HEADERS   100
#define HTTP_MAX_QUERY     64
#define HTTP_MAX_VARIABLES 8

struct http_field {
    const char *name;
    const char *value;
};

struct cv_http_request {
    char *target; /* as received */
    size_t target_len;
    const char *method; /* the rest borrows from text */
    const char *version;
    char *path;
    size_t n_headers;
    size_t n_query;
    size_t n_variables;
    char *text; /* every copied string, one behind the other */
    size_t text_len;
    size_t text_cap;

    struct cv_buf body;
    uint64_t body_seen; /* bytes received, kept or not */
    bool body_too_large;

    const struct cv_route *route; /* NULL: none matched, res holds the answer */
    void *route_arg;
    struct cv_http_response res;

    const char *peer; /* lives as long as the connection */
    bool tls;
    bool head;    /* HEAD: the route is GET's */
    bool options; /* OPTIONS of a path that a route has */
    bool close;
    int64_t started_us; /* monotonic */

    struct http_field headers[HTTP_MAX_HEADERS]; /* from here on not zeroed: the counts say what is there */
    struct http_field query[HTTP_MAX_QUERY];
    struct http_field variables[HTTP_MAX_VARIABLES];
};

/* NULL when memory is out. */
struct cv_http_request *http_request_new(const char *target);
void http_request_free(struct cv_http_request *req);

/*
 * Fill in method, version, path and query, with room for headers_len bytes of header text, which
 * http_request_add_header then copies (false: too many of them).
 */
bool http_request_begin(struct cv_http_request *req, const char *method, const char *version,
                        size_t headers_len);
bool http_request_add_header(struct cv_http_request *req, const char *name, size_t name_len,
                             const char *value, size_t value_len);
/* What a server must refuse before it looks at the route: 0, or the status with *ret_why. */
int http_request_check(const struct cv_http_request *req, const char **ret_why);
/* Content-Length; 0 without one. */
uint64_t http_request_content_length(const struct cv_http_request *req);
bool http_request_expects_continue(const struct cv_http_request *req);

/* Copy text into the request and NUL-terminate it; NULL when its room is used up. */
char *http_request_copy(struct cv_http_request *req, const char *text, size_t len);
/* Percent-decode len bytes into out, which may be the same place; the length, or -1 for a broken
   escape. plus: '+' is a blank. */
ptrdiff_t http_decode(const char *in, size_t len, bool plus, char *out);

/* Find the route. Without one req->route stays NULL; the response is filled, unless req->options
   says that http_router_options may do that. */
void http_router_match(const struct cv_http_router *router, struct cv_http_request *req);
void http_router_options(const struct cv_http_router *router, struct cv_http_request *req);

const char *http_reason(int status);
void http_response_done(struct cv_http_response *res);

#endif
