/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server on libmicrohttpd: one daemon with one epoll thread a listener, all sharing the pool and the
 * list of connections. libmicrohttpd 0.9.75 must do, so this file checks what it leaves unchecked (several
 * Content-Length headers; see request.c) and never uses its POST processor.
 *
 * A request's way: on_uri makes it, on_access fills it (first call), collects the body, matches the route
 * (last call) and either runs the handler at once or suspends the connection and hands the request to the
 * pool; the pool's thread resumes the connection and on_access is called once more to send the answer.
 *
 * A request in the pool is a flight. Whoever takes a flight out of the list under the server's lock resumes
 * its connection: the pool's thread when the handler has returned, or cv_http_stop when the time is up. In the
 * second case the handler goes on with a request that nobody waits for, and the server's memory stays.
 */
#include <config.h>

#include "common/http/server.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/histogram.h"
#include "common/http/connection.h"
#include "common/http/listener.h"
#include "common/http/pool.h"
#include "common/http/request.h"
#include "common/http/tls.h"
#include "common/log.h"
#include "common/metrics.h"

/* A body over the limit is read on for this long and thrown away, so that the client reads the 413 and not
   a reset connection. */
#define DRAIN_BYTES ((uint64_t)16 << 20)
/* libmicrohttpd's memory a connection: the head of a request must fit, with room to tell that it is too
   long by our own answer. */
#define CONNECTION_MEMORY ((size_t)32 << 10)
#define LAST_ANSWERS_MS   1000 /* of cv_http_stop, to send what is ready */
#define SURPLUS           64 /* connections beyond the limit that are told so */
#define TLS_PRIORITIES    "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

/* A request and where its answer goes. on_access's per-request pointer. */
struct exchange {
    struct cv_http_request *req;
    struct http_connection *conn;
    struct MHD_Connection *mhd;
    bool seen;             /* on_access was called for it */
    bool active;           /* dispatched, counted in server->active */
    bool answered;         /* the response is queued */
    bool abandoned;        /* its handler runs on without end: req is not ours any more, never freed */
    _Atomic bool finished; /* req->res is complete, or abandoned is set */
    struct exchange *next; /* in server->flights, under server->lock */
    struct exchange *prev;
    bool flying;
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
    struct cv_lock lock; /* the flights */
    struct cv_cond completed;
    struct exchange *flights;
    struct exchange *abandoned; /* by next; they stay for the handlers that still use them */
    struct cv_http_server *next_abandoned;
    unsigned active; /* exchanges dispatched and not completed, under lock */
    _Atomic bool stopping;
    _Atomic uint64_t responses[6]; /* by status / 100 */
    struct cv_histogram time_us;
};

/* ---- answers ---- */

static void
log_access(struct cv_http_server *server, const struct exchange *ex, int status)
{
    const struct cv_http_request *req = ex->req;
    bool reading = strcmp(req->method, "GET") == 0 || req->head || strcmp(req->method, "OPTIONS") == 0;
    enum cv_log_level level =
        reading && status < 500 ? CV_LOG_LEVEL_DEBUG : CV_LOG_LEVEL_INFO; /* probes come each second */

    if (server->access_log == NULL)
        return;
    CV_LOG_AT(server->access_log, level, "request", CV_STR("client", ex->conn->peer),
              CV_STR("method", req->method), CV_STR("target", req->target), CV_INT("status", status),
              CV_INT("bytes", ex->bytes), CV_INT("time_us", cv_mono_us() - req->started_us));
}

/* A response that could not be made for want of memory becomes a small 500. */
static void
complete_response(struct cv_http_server *server, struct cv_http_request *req)
{
    struct cv_http_response *res = &req->res;
    struct cv_err err;

    if (server->finish != NULL)
        server->finish(server->arg, req, res);
    if (cv_buf_check(&res->body, &err) != CV_OK || res->failed) {
        cv_buf_free(&res->body);
        cv_http_error(res, 500, "not enough memory for the answer");
    }
    if (res->status == 0)
        res->status = 200;
}

static struct MHD_Response *
make_response(struct cv_http_server *server, struct cv_http_request *req, int64_t *ret_bytes)
{
    struct cv_http_response *res = &req->res;
    const char *type = res->content_type;
    struct MHD_Response *mhd;
    size_t len = res->body.len;
    char *body = NULL;
    bool ok = true;

    if (res->status == 204 || res->status == 304)
        len = 0;
    if (type == NULL && len > 0)
        type = "application/json";
    if (len > 0) {
        body = cv_buf_take(&res->body);
        if (body == NULL)
            return NULL;
    }
    mhd = MHD_create_response_from_buffer(len, body, MHD_RESPMEM_MUST_FREE);
    if (mhd == NULL) {
        free(body);
        return NULL;
    }
    if (type != NULL && *type != '\0')
        ok = MHD_add_response_header(mhd, "Content-Type", type) == MHD_YES;
    for (size_t i = 0; i < res->n_headers; i++)
        ok = MHD_add_response_header(mhd, res->headers[i].name, res->headers[i].value) == MHD_YES && ok;
    if (req->close || atomic_load_explicit(&server->stopping, memory_order_relaxed))
        ok = MHD_add_response_header(mhd, "Connection", "close") == MHD_YES && ok;
    if (!ok)
        CV_LOG_WARN(cv_log_get("culvert.http"), "a response header could not be sent",
                    CV_STR("target", req->target));
    *ret_bytes = (int64_t)len;
    return mhd;
}

static enum MHD_Result
send_answer(struct cv_http_server *server, struct exchange *ex)
{
    struct cv_http_request *req = ex->req;
    struct MHD_Response *mhd;
    enum MHD_Result queued;
    int status;

    complete_response(server, req);
    status = req->res.status;
    mhd = make_response(server, req, &ex->bytes);
    if (mhd == NULL || !http_connection_enter(ex->conn, HTTP_REPLY, (uint64_t)ex->bytes)) {
        if (mhd != NULL)
            MHD_destroy_response(mhd);
        return MHD_NO;
    }
    ex->answered = true;
    queued = MHD_queue_response(ex->mhd, (unsigned)status, mhd);
    MHD_destroy_response(mhd);
    if (status >= 100 && status < 600)
        atomic_fetch_add_explicit(&server->responses[status / 100], 1, memory_order_relaxed);
    cv_histogram_record(&server->time_us, (uint64_t)(cv_mono_us() - req->started_us));
    log_access(server, ex, status);
    return queued;
}

/* Refuse before the body has been read: the connection is closed behind the answer. */
static enum MHD_Result
refuse(struct cv_http_server *server, struct exchange *ex, int status, const char *why)
{
    ex->req->close = true;
    cv_http_error(&ex->req->res, status, why);
    return send_answer(server, ex);
}

/* The handler still writes to ex->req: answer without it. */
static enum MHD_Result
send_abandoned(struct exchange *ex)
{
    static const char body[] = "{\"error_code\":503,\"message\":\"the server is shutting down\"}";
    struct MHD_Response *mhd = MHD_create_response_from_buffer(
        sizeof(body) - 1, (void *)(uintptr_t)body, MHD_RESPMEM_PERSISTENT);
    enum MHD_Result queued;

    if (mhd == NULL)
        return MHD_NO;
    ex->answered = true;
    (void)MHD_add_response_header(mhd, "Content-Type", "application/json");
    (void)MHD_add_response_header(mhd, "Connection", "close");
    queued = MHD_queue_response(ex->mhd, 503, mhd);
    MHD_destroy_response(mhd);
    return queued;
}

/* ---- handlers ---- */

static void
run_handler(struct cv_http_server *server, struct cv_http_request *req)
{
    if (server->admit == NULL || server->admit(server->arg, req, &req->res))
        req->route->handler(req->route_arg, req, &req->res);
}

static void
exchange_free(struct exchange *ex)
{
    http_request_free(ex->req);
    free(ex);
}

/* Take the exchange out of the flights; false when somebody else did. Under the lock. */
static bool
land(struct cv_http_server *server, struct exchange *ex)
{
    cv_lock_assert_held(&server->lock);
    if (!ex->flying)
        return false;
    ex->flying = false;
    if (ex->prev != NULL)
        ex->prev->next = ex->next;
    else
        server->flights = ex->next;
    if (ex->next != NULL)
        ex->next->prev = ex->prev;
    return true;
}

/* On a thread of the pool. */
static void
run_flight(void *arg, void *item)
{
    struct cv_http_server *server = arg;
    struct exchange *ex = item;

    run_handler(server, ex->req);
    cv_lock(&server->lock);
    if (land(server, ex)) {
        atomic_store(&ex->finished, true);
        MHD_resume_connection(ex->mhd);
    }
    cv_unlock(&server->lock);
}

static enum MHD_Result
take_off(struct cv_http_server *server, struct exchange *ex)
{
    if (!http_connection_enter(ex->conn, HTTP_BUSY, 0))
        return MHD_NO;
    cv_lock(&server->lock);
    ex->flying = true;
    ex->prev = NULL;
    ex->next = server->flights;
    if (ex->next != NULL)
        ex->next->prev = ex;
    server->flights = ex;
    MHD_suspend_connection(ex->mhd);
    cv_unlock(&server->lock);
    if (http_pool_submit(server->pool, ex))
        return MHD_YES;

    cv_lock(&server->lock);
    if (land(server, ex)) {
        cv_http_error(&ex->req->res, 503, "too many requests are waiting; try again later");
        atomic_store(&ex->finished, true);
        MHD_resume_connection(ex->mhd);
    }
    cv_unlock(&server->lock);
    return MHD_YES;
}

/* The request is complete. */
static enum MHD_Result
dispatch(struct cv_http_server *server, struct exchange *ex)
{
    struct cv_http_request *req = ex->req;

    ex->active = true;
    cv_lock(&server->lock);
    server->active++;
    cv_unlock(&server->lock);
    if (req->body_too_large)
        return refuse(server, ex, 413, "the request body is larger than this server takes");
    http_router_match(server->router, req);
    if (req->route == NULL)
        return send_answer(server, ex);
    if (req->route->flags & CV_ROUTE_WAITS)
        return take_off(server, ex);
    if (!http_connection_enter(ex->conn, HTTP_BUSY, 0))
        return MHD_NO;
    run_handler(server, req);
    return send_answer(server, ex);
}

/* ---- libmicrohttpd's callbacks, on an event thread ---- */

static void *
on_uri(void *arg, const char *target, struct MHD_Connection *mhd)
{
    struct daemon *daemon = arg;
    struct cv_http_server *server = daemon->server;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct http_connection *conn = info == NULL ? NULL : info->socket_context;
    struct exchange *ex;

    if (conn == NULL)
        return NULL;
    (void)http_connection_enter(conn, HTTP_HEAD, 0);
    ex = calloc(1, sizeof(*ex));
    if (ex == NULL)
        return NULL;
    ex->req = http_request_new(target);
    if (ex->req == NULL) {
        free(ex);
        return NULL;
    }
    ex->req->started_us = cv_mono_us();
    ex->req->peer = conn->peer;
    ex->req->tls = daemon->tls;
    cv_buf_init(&ex->req->body, server->limits.body_bytes + 1);
    ex->conn = conn;
    ex->mhd = mhd;
    return ex;
}

struct header_sum {
    size_t bytes;
    size_t count;
};

static enum MHD_Result
sum_header(void *arg, enum MHD_ValueKind kind, const char *name, size_t name_len, const char *value,
           size_t value_len)
{
    struct header_sum *sum = arg;

    (void)kind;
    (void)name;
    (void)value;
    sum->bytes += name_len + value_len + 4; /* ": " and the line's end */
    sum->count++;
    return MHD_YES;
}

static enum MHD_Result
copy_header(void *arg, enum MHD_ValueKind kind, const char *name, size_t name_len, const char *value,
            size_t value_len)
{
    (void)kind;
    return http_request_add_header(arg, name, name_len, value == NULL ? "" : value, value_len) ? MHD_YES
                                                                                               : MHD_NO;
}

/* The head is complete: copy it and decide whether to go on. */
static enum MHD_Result
begin_request(struct cv_http_server *server, struct exchange *ex, const char *method, const char *version)
{
    struct cv_http_request *req = ex->req;
    struct header_sum sum = { 0, 0 };
    size_t line = strlen(method) + req->target_len + strlen(version) + 4;
    const char *why;
    int status;

    (void)MHD_get_connection_values_n(ex->mhd, MHD_HEADER_KIND, sum_header, &sum);
    if (!http_request_begin(req, method, version, sum.bytes))
        return refuse(server, ex, 400, "the request has too many query parameters");
    if (line > server->limits.header_bytes)
        return refuse(server, ex, 414, NULL);
    if (line + sum.bytes > server->limits.header_bytes || sum.count > HTTP_MAX_HEADERS)
        return refuse(server, ex, 431, NULL);
    (void)MHD_get_connection_values_n(ex->mhd, MHD_HEADER_KIND, copy_header, req);
    status = http_request_check(req, &why);
    if (status != 0)
        return refuse(server, ex, status, why);
    if (ex->conn->surplus)
        return refuse(server, ex, 503, "too many connections; try again later");
    if (atomic_load_explicit(&server->stopping, memory_order_relaxed))
        return refuse(server, ex, 503, "the server is shutting down");
    if (http_request_content_length(req) > server->limits.body_bytes) {
        req->body_too_large = true;
        if (http_request_expects_continue(req) || http_request_content_length(req) > DRAIN_BYTES)
            return refuse(server, ex, 413, "the request body is larger than this server takes");
    }
    return http_connection_enter(ex->conn, HTTP_BODY, 0) ? MHD_YES : MHD_NO;
}

static enum MHD_Result
collect_body(struct cv_http_server *server, struct exchange *ex, const char *data, size_t *len)
{
    struct cv_http_request *req = ex->req;

    req->body_seen += *len;
    if (req->body_seen > server->limits.body_bytes) {
        req->body_too_large = true;
        cv_buf_free(&req->body);
    } else {
        cv_buf_add(&req->body, data, *len);
    }
    *len = 0;
    if (req->body_seen > server->limits.body_bytes + DRAIN_BYTES)
        return MHD_NO;
    return http_connection_progress(ex->conn, req->body_seen) ? MHD_YES : MHD_NO;
}

static enum MHD_Result
on_access(void *arg, struct MHD_Connection *mhd, const char *url, const char *method, const char *version,
          const char *upload, size_t *upload_len, void **context)
{
    struct daemon *daemon = arg;
    struct exchange *ex = *context;

    (void)mhd;
    (void)url;
    if (ex == NULL)
        return MHD_NO; /* no memory for it */
    if (ex->answered) {
        *upload_len = 0;
        return MHD_YES;
    }
    if (atomic_load(&ex->finished))
        return ex->abandoned ? send_abandoned(ex) : send_answer(daemon->server, ex);
    if (!ex->seen) {
        ex->seen = true;
        return begin_request(daemon->server, ex, method, version);
    }
    if (*upload_len > 0)
        return collect_body(daemon->server, ex, upload, upload_len);
    return dispatch(daemon->server, ex);
}

static void
on_completed(void *arg, struct MHD_Connection *mhd, void **context, enum MHD_RequestTerminationCode how)
{
    struct daemon *daemon = arg;
    struct cv_http_server *server = daemon->server;
    struct exchange *ex = *context;

    (void)mhd;
    (void)how;
    if (ex == NULL)
        return;
    *context = NULL;
    (void)http_connection_enter(ex->conn, HTTP_WAIT, 0);
    if (ex->active) {
        cv_lock(&server->lock);
        if (--server->active == 0 && atomic_load(&server->stopping))
            cv_cond_signal(&server->completed);
        cv_unlock(&server->lock);
    }
    if (!ex->abandoned)
        exchange_free(ex);
}

static void
on_connection(void *arg, struct MHD_Connection *mhd, void **context, enum MHD_ConnectionNotificationCode what)
{
    struct daemon *daemon = arg;
    const union MHD_ConnectionInfo *info;
    char peer[64] = "";
    int fd;

    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        http_connection_free(*context);
        *context = NULL;
        return;
    }
    info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    fd = info == NULL ? -1 : info->connect_fd;
    info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (info != NULL && info->client_addr != NULL) {
        socklen_t len = info->client_addr->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                                 : sizeof(struct sockaddr_in);

        (void)getnameinfo(info->client_addr, len, peer, sizeof(peer), NULL, 0, NI_NUMERICHOST);
    }
    *context = http_connection_new(&daemon->server->connections, fd, daemon->tls, peer);
}

static size_t
on_unescape(void *arg, struct MHD_Connection *mhd, char *text)
{
    (void)arg;
    (void)mhd;
    return strlen(text); /* decoding is the router's, segment by segment */
}

static void
on_log(void *arg, const char *fmt, va_list args) CV_PRINTF(2, 0);

static void
on_log(void *arg, const char *fmt, va_list args)
{
    struct cv_log *log = cv_log_get("culvert.http");
    char text[256];

    (void)arg;
    if (!cv_log_enabled(log, CV_LOG_LEVEL_DEBUG))
        return;
    (void)vsnprintf(text, sizeof(text), fmt, args);
    CV_LOG_DEBUG(log, "libmicrohttpd", CV_STR("message", text));
}

/* ---- start and stop ---- */

static struct cv_http_limits
limits_with_defaults(const struct cv_http_limits *given)
{
    struct cv_http_limits l = given == NULL ? (struct cv_http_limits){ 0 } : *given;

    if (l.body_bytes == 0)
        l.body_bytes = (size_t)1 << 20;
    if (l.header_bytes == 0)
        l.header_bytes = 8192;
    if (l.connections == 0)
        l.connections = 512;
    if (l.idle_ms == 0)
        l.idle_ms = 30000;
    if (l.pool == 0)
        l.pool = 64;
    if (l.queue == 0)
        l.queue = 256;
    return l;
}

static enum cv_rc
start_daemon(struct cv_http_server *server, struct daemon *daemon, struct cv_http_listener *listener,
             const char *option, struct cv_err *err)
{
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    struct MHD_OptionItem options[16];
    size_t n = 0;
    sigset_t all, old;
    int fd = -1;

    daemon->server = server;
    daemon->tls = strcmp(listener->scheme, "https") == 0;
    if (daemon->tls && (server->tls.key == NULL || server->tls.chain == NULL))
        return cv_fail(err, CV_INVALID,
                       "an https listener needs a key and a certificate: set ssl.keystore.type=PEM and "
                       "ssl.keystore.location");
    if (http_listener_open(listener, option, &fd, err) != CV_OK)
        return err->rc;

#define OPTION(id, number, pointer)                                                                        \
    options[n++] = (struct MHD_OptionItem)                                                                 \
    {                                                                                                      \
        (id), (intptr_t)(number), (pointer)                                                                \
    }
    OPTION(MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL);
    OPTION(MHD_OPTION_LISTEN_SOCKET, fd, NULL);
    OPTION(MHD_OPTION_URI_LOG_CALLBACK, on_uri, daemon);
    OPTION(MHD_OPTION_UNESCAPE_CALLBACK, on_unescape, NULL);
    OPTION(MHD_OPTION_NOTIFY_COMPLETED, on_completed, daemon);
    OPTION(MHD_OPTION_NOTIFY_CONNECTION, on_connection, daemon);
    OPTION(MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, NULL);
    OPTION(MHD_OPTION_CONNECTION_LIMIT, server->limits.connections + SURPLUS, NULL);
    if (daemon->tls) {
        flags |= MHD_USE_TLS;
        OPTION(MHD_OPTION_HTTPS_MEM_KEY, 0, server->tls.key);
        OPTION(MHD_OPTION_HTTPS_MEM_CERT, 0, server->tls.chain);
        OPTION(MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITIES);
        if (server->tls.key_password != NULL)
            OPTION(MHD_OPTION_HTTPS_KEY_PASSWORD, 0, server->tls.key_password);
    }
    OPTION(MHD_OPTION_END, 0, NULL);
#undef OPTION

    /* Signals are the main thread's. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &old);
    daemon->mhd = MHD_start_daemon(flags, 0, NULL, NULL, on_access, daemon, MHD_OPTION_ARRAY, options,
                                   MHD_OPTION_END);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (daemon->mhd != NULL)
        return CV_OK;
    (void)close(fd);
    return cv_fail(err, CV_INVALID, "listener %s on port %d could not be started%s", listener->scheme,
                   listener->port, daemon->tls ? ": check that key and certificate belong together" : "");
}

static void
server_free(struct cv_http_server *server)
{
    http_tls_done(&server->tls);
    cv_cond_done(&server->completed);
    cv_lock_done(&server->lock);
    free(server->daemons);
    free(server);
}

static enum cv_rc
start_all(struct cv_http_server *server, struct cv_http_spec *spec, struct cv_err *err)
{
    server->pool = http_pool_new(server->limits.pool, server->limits.queue, run_flight, server);
    if (server->pool == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < spec->n_listeners; i++) {
        if (start_daemon(server, &server->daemons[i], &spec->listeners[i],
                         spec->option == NULL ? "listeners" : spec->option, err) != CV_OK)
            return err->rc;
        server->n_daemons++;
    }
    return CV_OK;
}

enum cv_rc
cv_http_start(struct cv_http_spec *spec, struct cv_http_server **ret, struct cv_err *err)
{
    struct cv_http_server *server = calloc(1, sizeof(*server));
    enum cv_rc rc = CV_OK;

    if (server == NULL)
        return cv_fail_memory(err);
    cv_lock_init(&server->lock, CV_RANK_HTTP);
    cv_cond_init(&server->completed);
    server->limits = limits_with_defaults(spec->limits);
    server->router = spec->router;
    server->admit = spec->admit;
    server->finish = spec->finish;
    server->arg = spec->arg;
    server->access_log = spec->access_log == NULL ? NULL : cv_log_get(spec->access_log);
    server->daemons = calloc(spec->n_listeners + 1, sizeof(*server->daemons));
    if (server->daemons == NULL)
        rc = cv_fail_memory(err);
    if (rc == CV_OK && spec->tls != NULL)
        rc = http_tls_load(spec->tls, &server->tls, err);
    if (rc == CV_OK)
        rc = http_connections_start(&server->connections, server->limits.connections,
                                    server->limits.idle_ms, err);
    if (rc != CV_OK) {
        server_free(server);
        return rc;
    }
    rc = start_all(server, spec, err);
    if (rc != CV_OK) {
        (void)cv_http_stop(server, 0);
        return rc;
    }
    *ret = server;
    return CV_OK;
}

/* A flight that no thread has begun. */
static void
drop_flight(void *arg, void *item)
{
    struct cv_http_server *server = arg;
    struct exchange *ex = item;

    cv_lock(&server->lock);
    if (land(server, ex)) {
        ex->req->close = true;
        cv_http_error(&ex->req->res, 503, "the server is shutting down");
        atomic_store(&ex->finished, true);
        MHD_resume_connection(ex->mhd);
    }
    cv_unlock(&server->lock);
}

/* Flights whose handlers do not come back. */
static void
abandon_flights(struct cv_http_server *server)
{
    cv_lock(&server->lock);
    while (server->flights != NULL) {
        struct exchange *ex = server->flights;

        (void)land(server, ex);
        ex->abandoned = true;
        ex->next = server->abandoned;
        server->abandoned = ex;
        atomic_store(&ex->finished, true);
        MHD_resume_connection(ex->mhd);
    }
    cv_unlock(&server->lock);
}

static void
wait_until_idle(struct cv_http_server *server, int64_t deadline_ms)
{
    cv_lock(&server->lock);
    while (server->active > 0 && cv_cond_wait(&server->completed, &server->lock, deadline_ms))
        ;
    cv_unlock(&server->lock);
}

/* A handler will come back to this server: it stays, in a list so that leak checkers see that it is meant. */
static void
keep_abandoned(struct cv_http_server *server)
{
    static struct cv_http_server *_Atomic all;

    server->next_abandoned = atomic_load(&all);
    while (!atomic_compare_exchange_weak(&all, &server->next_abandoned, server))
        ;
}

bool
cv_http_stop(struct cv_http_server *server, int wait_ms)
{
    int64_t deadline_ms = cv_mono_ms() + wait_ms;
    bool ended;

    if (server == NULL)
        return true;
    atomic_store(&server->stopping, true);
    for (size_t i = 0; i < server->n_daemons; i++) {
        int fd = MHD_quiesce_daemon(server->daemons[i].mhd);

        if (fd >= 0)
            (void)close(fd);
    }
    wait_until_idle(server, deadline_ms);
    ended = http_pool_stop(server->pool, drop_flight, deadline_ms);
    abandon_flights(server);
    wait_until_idle(server, cv_mono_ms() + LAST_ANSWERS_MS);
    for (size_t i = 0; i < server->n_daemons; i++)
        MHD_stop_daemon(server->daemons[i].mhd);
    http_connections_stop(&server->connections);
    if (ended)
        server_free(server);
    else
        keep_abandoned(server);
    return ended;
}

/* ---- metrics ---- */

static const struct cv_metric metric_responses = {
    CV_COUNTER, { "culvert_http_responses_total", NULL, NULL }, "Answers by class of status."
};
static const struct cv_metric metric_time = {
    CV_GAUGE, { "culvert_http_request_seconds", NULL, NULL }, "Time from request line to answer."
};
static const struct cv_metric metric_connections = {
    CV_GAUGE, { "culvert_http_connections", NULL, NULL }, "Open connections."
};
static const struct cv_metric metric_timeouts = {
    CV_COUNTER, { "culvert_http_timeouts_total", NULL, NULL }, "Requests that did not arrive in time."
};

void
cv_http_collect(void *arg, struct cv_metrics_sink *sink)
{
    static const char *const classes[] = { NULL, NULL, "2xx", "3xx", "4xx", "5xx" };
    static const struct {
        double q;
        const char *text;
    } quantiles[] = { { 0.5, "0.5" }, { 0.99, "0.99" } };
    struct cv_http_server *server = arg;

    for (size_t i = 2; i < CV_COUNT(classes); i++) {
        struct cv_label label = { "class", classes[i] };

        cv_metrics_add(sink, &metric_responses, &label, 1, (double)atomic_load(&server->responses[i]));
    }
    for (size_t i = 0; i < CV_COUNT(quantiles); i++) {
        struct cv_label label = { "quantile", quantiles[i].text };

        cv_metrics_add(sink, &metric_time, &label, 1,
                       (double)cv_histogram_quantile(&server->time_us, quantiles[i].q) / 1e6);
    }
    cv_metrics_add(sink, &metric_connections, NULL, 0, atomic_load(&server->connections.count));
    cv_metrics_add(sink, &metric_timeouts, NULL, 0, (double)atomic_load(&server->connections.timeouts));
}
