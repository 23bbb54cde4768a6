/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request on one connection, and the server as server.c and exchange.c share it. Private to
 * common/http.
 *
 * A request in the pool is a flight. Whoever takes a flight out of the list under the server's lock
 * resumes its connection: the pool's thread when the handler has returned, or cv_http_stop when the
 * time is up. In the second case the handler goes on with a request that nobody waits for.
 */
#ifndef COMMON_HTTP_EXCHANGE_H
#define COMMON_HTTP_EXCHANGE_H

#include <microhttpd.h>

#include "common/histogram.h"
#include "common/http/connection.h"
#include "common/http/pool.h"
#include "common/http/server.h"
#include "common/http/tls.h"
#include "common/log.h"

/* What libmicrohttpd has for the head of a request, and for the parts of its body. */
#define CONNECTION_MEMORY ((size_t)32 << 10)

/* A request and where its answer goes: libmicrohttpd's pointer of a request. */
struct exchange {
    struct cv_http_request *req;
    struct http_connection *conn;
    struct MHD_Connection *mhd;
    bool seen;      /* its head has been looked at */
    bool active;    /* dispatched, counted in server->active */
    bool answered;  /* the response is queued */
    bool abandoned; /* its handler runs on without end: req is not ours any more, never freed */
    _Atomic bool finished; /* req->res is complete, or abandoned is set */
    struct exchange *next; /* in server->flights, under server->lock */
    struct exchange *prev;
    bool flying;
    bool streaming;
    struct exchange *next_stream; /* in server->streams, under server->lock */
    int64_t bytes; /* of the answer */
};

struct daemon {
    struct cv_http_server *server;
    struct MHD_Daemon *mhd;
    bool tls;
};

struct cv_http_server {
    struct daemon *daemons;
    size_t n_daemons;
    struct cv_http_limits limits;
    const struct cv_http_router *router;
    bool (*admit)(void *arg, const struct cv_http_request *req, struct cv_http_response *res);
    void (*finish)(void *arg, const struct cv_http_request *req, struct cv_http_response *res);
    void *arg;
    struct cv_log *access_log;
    struct http_tls tls;
    struct http_connections connections;
    struct http_pool *pool;
    struct cv_lock lock; /* the flights and streams */
    struct cv_cond completed;
    struct exchange *flights;
    struct exchange *streams; /* whose answers go on */
    struct exchange *abandoned; /* by next; they stay for the handlers that still use them */
    struct cv_http_server *next_abandoned;
    unsigned active; /* exchanges dispatched and not completed, under lock */
    _Atomic bool stopping;
    _Atomic uint64_t responses[6]; /* by status / 100 */
    struct cv_histogram time_us;
};

/* libmicrohttpd's callbacks, on an event thread; arg is the daemon. */
void *exchange_on_uri(void *arg, const char *target, struct MHD_Connection *mhd);
enum MHD_Result exchange_on_access(void *arg, struct MHD_Connection *mhd, const char *url,
                                   const char *method, const char *version, const char *upload,
                                   size_t *upload_len, void **context);
void exchange_on_completed(void *arg, struct MHD_Connection *mhd, void **context,
                           enum MHD_RequestTerminationCode how);
void exchange_on_connection(void *arg, struct MHD_Connection *mhd, void **context,
                            enum MHD_ConnectionNotificationCode what);
size_t exchange_on_unescape(void *arg, struct MHD_Connection *mhd, char *text);
void exchange_on_log(void *arg, const char *fmt, va_list args) CV_PRINTF(2, 0);

/* The pool's: run a flight's handler; answer 503 for one that no thread has begun. */
void exchange_run(void *server, void *exchange);
void exchange_drop(void *server, void *exchange);
/* Answer 503 for flights whose handlers do not come back. */
void exchange_abandon_all(struct cv_http_server *server);
/* Let answers that go on come to their end. */
void exchange_end_streams(struct cv_http_server *server);

#endif
