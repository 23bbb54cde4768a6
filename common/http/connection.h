/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections and their time limits. Private to common/http.
 *
 * libmicrohttpd only knows the silence of a connection; a client that sends a byte now and then
 * would keep its place for ever. So every connection notes what it waits for and since when, and a
 * sweeper ends those that take too long: with 408 inside a request, silently between requests.
 *
 *   WAIT --request line--> HEAD --headers--> BODY --complete--> BUSY --answer--> REPLY --sent-->
 * WAIT WAIT, HEAD, BODY, REPLY --too long--> KILLED
 */
#ifndef COMMON_HTTP_CONNECTION_H
#define COMMON_HTTP_CONNECTION_H

#include <stdatomic.h>

#include "common/thread.h"

enum http_phase {
    HTTP_WAIT,
    HTTP_HEAD,
    HTTP_BODY,
    HTTP_BUSY, /* in a handler: no limit here, handlers have their own */
    HTTP_REPLY,
    HTTP_KILLED,
};

struct http_connections;

struct http_connection {
    struct http_connections *all;
    struct http_connection *next; /* under all->lock */
    struct http_connection *prev;
    int fd;
    bool tls;
    bool surplus; /* beyond the limit: gets 503 */
    char peer[64];
    _Atomic int phase;
    _Atomic int64_t since_ms; /* monotonic */
    _Atomic uint64_t bytes;   /* of the body received, or of the answer */
    _Atomic bool served;      /* a request has been seen */
    /* the sweeper's: what it saw in this WAIT */
    int64_t seen_wait_ms;
    uint64_t seen_bytes;
    int64_t partial_ms; /* since when the head of a request is incomplete; 0: it is not */
};

struct http_connections {
    struct cv_lock lock;
    struct http_connection *first;
    _Atomic unsigned count; /* written under the lock */
    unsigned max;
    int idle_ms;
    struct cv_wake wake;
    struct cv_thread *sweeper;
    _Atomic bool stopping;
    _Atomic uint64_t timeouts; /* 408 sent */
};

CV_MUST_CHECK
enum cv_rc http_connections_start(struct http_connections *all, unsigned max, int idle_ms,
                                  struct cv_err *err);
void http_connections_stop(struct http_connections *all); /* none may be left */

/* NULL when memory is out. */
struct http_connection *http_connection_new(struct http_connections *all, int fd, bool tls,
                                            const char *peer);
void http_connection_free(struct http_connection *conn);
/* Enter a phase; false when the sweeper has ended the connection. Event thread. */
bool http_connection_enter(struct http_connection *conn, enum http_phase phase, uint64_t bytes);
/* More of the body came; as above. */
bool http_connection_progress(struct http_connection *conn, uint64_t bytes);

#endif
