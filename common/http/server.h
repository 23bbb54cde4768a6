/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 server on libmicrohttpd: listeners (http, https), limits, access log, and a small pool
 * of threads for handlers that wait. Bodies, headers, connections and time are bounded.
 *
 * One event thread a listener serves all its connections. A route that answers from memory runs
 * there at once; a route marked "waits" is handed to the pool while its connection is suspended, so
 * that a slow request holds no other one up.
 */
#ifndef COMMON_HTTP_SERVER_H
#define COMMON_HTTP_SERVER_H

#include "common/buf.h"

struct cv_config;
struct cv_http_router;
struct cv_http_server;
struct cv_http_request;
struct cv_http_stream;
struct cv_metrics_sink;

/* ---- a request, valid during the handler ---- */

const char *cv_http_method(const struct cv_http_request *req);
const char *cv_http_path(const struct cv_http_request *req); /* raw, without the query */
/* The decoded value of a {variable} of the route's template; never NULL for one that the template
 * has. */
const char *cv_http_variable(const struct cv_http_request *req, const char *name);
/* Value i of a query parameter, decoded; "" for a parameter without '='; NULL past the last. */
const char *cv_http_query(const struct cv_http_request *req, const char *name, size_t i);
/* Parameter i of all, in the order of the query; NULL past the last. */
const char *cv_http_query_at(const struct cv_http_request *req, size_t i, const char **ret_value);
/* true, any case: true. Everything else: false. */
bool cv_http_query_true(const struct cv_http_request *req, const char *name);
const char *cv_http_header(const struct cv_http_request *req, const char *name); /* NULL: none */
const char *cv_http_body(const struct cv_http_request *req, size_t *ret_len);    /* never NULL */
const char *cv_http_peer(const struct cv_http_request *req); /* address, for logs */
bool cv_http_is_tls(const struct cv_http_request *req);
/* Flags of the route that the request was matched to; 0 for none, as of OPTIONS. */
unsigned cv_http_route_flags(const struct cv_http_request *req);

/* ---- a response, filled by the handler ---- */

struct cv_http_response {
    int status;               /* 200 unless set */
    const char *content_type; /* constant; "application/json" unless set; "": none */
    struct cv_buf body;       /* empty: no body, and no type unless one is set */
    struct cv_http_header {
        char *name;
        char *value;
    } * headers;
    size_t n_headers;
    struct cv_http_stream *stream; /* see cv_http_response_stream */
    bool failed; /* memory ran out: becomes a 500 */
};

/* Add a header; copied. */
void cv_http_response_header(struct cv_http_response *res, const char *name, const char *value);
/* Replace the first header of that name (any case), or add it. */
void cv_http_response_header_set(struct cv_http_response *res, const char *name, const char *value);
/* {"error_code":status,"message":message}; message NULL: "HTTP 404 Not Found". Replaces the body.
 */
void cv_http_error(struct cv_http_response *res, int status, const char *message);

/*
 * The answer goes on: what is written to the stream, by any thread, until it is closed. Status, type
 * and headers are those of res; its body must be empty. NULL: memory is out. A client that lets more
 * than max_bytes gather, or takes nothing for the server's idle time, is ended.
 */
struct cv_http_stream *cv_http_response_stream(struct cv_http_response *res, size_t max_bytes);
/* All of it or nothing. false: the client has gone or is ended, or the server stops; close it. */
bool cv_http_stream_write(struct cv_http_stream *stream, const char *data, size_t len);
/* What was written is still sent. Each stream must be closed once, may be after the server was
   stopped. NULL is fine. */
void cv_http_stream_close(struct cv_http_stream *stream);

typedef void cv_http_handler(void *arg, const struct cv_http_request *req,
                             struct cv_http_response *res);

/* ---- the server ---- */

struct cv_http_limits {
    size_t body_bytes;    /* 1 MiB: 413 */
    size_t header_bytes;  /* 8 KiB request line and headers: 431, 414 */
    unsigned connections; /* 512 in all: 503 and closed */
    int idle_ms; /* 30,000 without a request: closed; for a request's headers: 408. A body may take
                    that long and a second more for each KiB */
    unsigned pool;  /* threads for routes that wait, started when needed: 64 */
    unsigned queue; /* requests waiting for such a thread: 256, then 503 */
    unsigned streams; /* answers that go on: 16, then 503 */
};

struct cv_http_listener {
    char scheme[6]; /* http, https */
    char host[256]; /* "": all interfaces; IPv6 without brackets */
    int port;       /* 0: any; the bound one after start */
};

/* "http://host:port", "https://[::1]:8443", "http://:8083". Kafka's texts on failure. */
CV_MUST_CHECK
enum cv_rc cv_http_listener_parse(const char *text, struct cv_http_listener *ret,
                                  struct cv_err *err);

/* The first address of this machine that others can reach, else the loopback. */
void cv_http_local_address(char *out, size_t size);

struct cv_http_spec {
    struct cv_http_listener *listeners; /* ports are filled in */
    size_t n_listeners;
    const char *option; /* that the listeners come from, for error texts: "listeners" */
    const struct cv_http_limits *limits; /* NULL: the defaults above; so for fields that are 0 */
    const struct cv_config *tls;         /* ssl.* keys; NULL: no https */
    const struct cv_http_router *router; /* borrowed; must outlive the server */
    const char *access_log;              /* logger name; NULL: no access log */
    /* Called for a request that a route matches, before its handler and on its thread, and for
       OPTIONS of a path that a route has: true runs the handler, false sends what was put into res.
       NULL: none. */
    bool (*admit)(void *arg, const struct cv_http_request *req, struct cv_http_response *res);
    /* Called for every response just before it is sent: CORS, configured headers. NULL: none. */
    void (*finish)(void *arg, const struct cv_http_request *req, struct cv_http_response *res);
    void *arg; /* of both */
};

/* Sockets are open and answering when this returns. CV_INVALID names listener and reason (port
 * taken, ...). */
CV_MUST_CHECK
enum cv_rc cv_http_start(struct cv_http_spec *spec, struct cv_http_server **ret,
                         struct cv_err *err);
/* Stop accepting, let requests under way finish for at most wait_ms, close, free. false: a handler
   is still running; what it uses must stay, and its answer is lost. */
bool cv_http_stop(struct cv_http_server *server, int wait_ms);
/* A collector for cv_metrics_register (arg is the server): requests by class, time, connections. */
void cv_http_collect(void *server, struct cv_metrics_sink *sink);

#endif
