/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request's way: exchange_on_uri makes it, exchange_on_access fills it (first call), collects the
 * body, matches the route (last call) and either runs the handler at once or suspends the
 * connection and hands the request to the pool; the pool's thread resumes the connection and
 * exchange_on_access is called once more to send the answer. What 0.9.75 leaves unchecked (several
 * Content-Length headers) is checked in request.c; its POST processor is never used.
 */
#include <config.h>

#include "common/http/exchange.h"

#include <assert.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/http/request.h"
#include "common/http/stream.h"

/* A body over the limit is read on for this long and thrown away, so that the client reads the 413
   and not a reset connection. */
#define DRAIN_BYTES ((uint64_t)16 << 20)

/* ---- answers ---- */

static void
log_access(struct cv_http_server *server, const struct exchange *ex, int status)
{
    const struct cv_http_request *req = ex->req;
    bool reading =
        strcmp(req->method, "GET") == 0 || req->head || strcmp(req->method, "OPTIONS") == 0;
    enum cv_log_level level = reading && status < 500
                                  ? CV_LOG_LEVEL_DEBUG
                                  : CV_LOG_LEVEL_INFO; /* probes come each second */

    if (server->access_log == NULL)
        return;
    CV_LOG_AT(server->access_log, level, "request", CV_STR("client", ex->conn->peer),
              CV_STR("method", req->method), CV_STR("target", req->target),
              CV_INT("status", status), CV_INT("bytes", ex->bytes),
              CV_INT("time_us", cv_mono_us() - req->started_us));
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

/* The body as the answer of libmicrohttpd; NULL: memory is out. */
static struct MHD_Response *
take_body(struct exchange *ex)
{
    struct cv_http_response *res = &ex->req->res;
    struct MHD_Response *mhd;
    size_t len = res->body.len;
    char *body = NULL;

    if (res->stream != NULL)
        return http_stream_attach(res->stream, ex->conn, ex->mhd);
    if (res->status == 204 || res->status == 304)
        len = 0;
    if (len > 0) {
        body = cv_buf_take(&res->body);
        if (body == NULL)
            return NULL;
    }
    mhd = MHD_create_response_from_buffer(len, body, MHD_RESPMEM_MUST_FREE);
    if (mhd == NULL)
        free(body);
    else
        ex->bytes = (int64_t)len;
    return mhd;
}

static struct MHD_Response *
make_response(struct cv_http_server *server, struct exchange *ex)
{
    struct cv_http_request *req = ex->req;
    struct cv_http_response *res = &req->res;
    const char *type = res->content_type;
    struct MHD_Response *mhd = take_body(ex);
    bool ok = true;

    if (mhd == NULL)
        return NULL;
    if (type == NULL && ex->bytes > 0)
        type = "application/json";
    if (type != NULL && *type != '\0')
        ok = MHD_add_response_header(mhd, "Content-Type", type) == MHD_YES;
    for (size_t i = 0; i < res->n_headers; i++)
        ok = MHD_add_response_header(mhd, res->headers[i].name, res->headers[i].value) == MHD_YES &&
             ok;
    if (req->close || atomic_load_explicit(&server->stopping, memory_order_relaxed))
        ok = MHD_add_response_header(mhd, "Connection", "close") == MHD_YES && ok;
    if (!ok)
        CV_LOG_WARN(cv_log_get("culvert.http"), "a response header could not be sent",
                    CV_STR("target", req->target));
    return mhd;
}

static void
give_up_stream(struct cv_http_response *res)
{
    http_stream_detach(res->stream);
    res->stream = NULL;
}

/* An answer that goes on must be one of the few, and end when the server does. */
static void
admit_stream(struct cv_http_server *server, struct exchange *ex)
{
    struct cv_http_response *res = &ex->req->res;
    bool stopping;
    unsigned count = 0;

    if (res->stream == NULL)
        return;
    if (res->failed || res->status >= 400) {
        give_up_stream(res);
        return;
    }
    cv_lock(&server->lock);
    stopping = atomic_load(&server->stopping);
    for (struct exchange *other = server->streams; other != NULL; other = other->next_stream)
        count++;
    if (!stopping && count < server->limits.streams) {
        ex->next_stream = server->streams;
        server->streams = ex;
        ex->streaming = true;
    }
    cv_unlock(&server->lock);
    if (ex->streaming)
        return;
    give_up_stream(res);
    cv_http_error(res, 503,
                  stopping ? "the server is shutting down"
                           : "too many clients follow what goes on; try again later");
}

static enum MHD_Result
send_answer(struct cv_http_server *server, struct exchange *ex)
{
    struct cv_http_request *req = ex->req;
    struct MHD_Response *mhd;
    enum MHD_Result queued;
    int status;

    complete_response(server, req);
    admit_stream(server, ex);
    status = req->res.status;
    mhd = make_response(server, ex);
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
    give_up_stream(&ex->req->res); /* of a request that was not answered */
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
void
exchange_run(void *arg, void *item)
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
    if (req->options && (server->admit == NULL || server->admit(server->arg, req, &req->res)))
        http_router_options(server->router, req);
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

void *
exchange_on_uri(void *arg, const char *target, struct MHD_Connection *mhd)
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
    size_t in_place; /* values that stand behind their names */
};

/* Name, colon and value as they came: only blanks between them (the colon has become a NUL). */
static bool
is_in_place(const char *name, size_t name_len, const char *value)
{
    uintptr_t behind = (uintptr_t)name + name_len + 1, at = (uintptr_t)value;

    return at >= behind && at - behind < CONNECTION_MEMORY &&
           strspn(name + name_len + 1, " \t") >= at - behind;
}

static enum MHD_Result
sum_header(void *arg, enum MHD_ValueKind kind, const char *name, size_t name_len, const char *value,
           size_t value_len)
{
    struct header_sum *sum = arg;

    (void)kind;
    sum->bytes += name_len + value_len + 4; /* ": " and the line's end */
    sum->count++;
    if (value == NULL || is_in_place(name, name_len, value))
        sum->in_place++;
    return MHD_YES;
}

static enum MHD_Result
copy_header(void *arg, enum MHD_ValueKind kind, const char *name, size_t name_len,
            const char *value, size_t value_len)
{
    (void)kind;
    return http_request_add_header(arg, name, name_len, value == NULL ? "" : value, value_len)
               ? MHD_YES
               : MHD_NO;
}

/* The head is complete: copy it and decide whether to go on. */
static enum MHD_Result
begin_request(struct cv_http_server *server, struct exchange *ex, const char *method,
              const char *version)
{
    struct cv_http_request *req = ex->req;
    struct header_sum sum = { 0 };
    size_t line = strlen(method) + req->target_len + strlen(version) + 4;
    const char *why;
    int status;

    (void)MHD_get_connection_values_n(ex->mhd, MHD_HEADER_KIND, sum_header, &sum);
    if (!http_request_begin(req, method, version, sum.bytes))
        return refuse(server, ex, 400, "the request has too many query parameters");
    /* 0.9.75 appends the second line of a header to its name, which it moves for that: what is on that line (a
       Transfer-Encoding) would be lost. Where all are apart headers are kept in another way. */
    if (sum.in_place > 0 && sum.in_place < sum.count)
        return refuse(server, ex, 400, "a header goes on in a second line");
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

enum MHD_Result
exchange_on_access(void *arg, struct MHD_Connection *mhd, const char *url, const char *method,
                   const char *version, const char *upload, size_t *upload_len, void **context)
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

/* The request of an answer that goes on is over. */
static void
end_stream(struct cv_http_server *server, struct exchange *ex)
{
    struct exchange **at = &server->streams;

    if (!ex->streaming)
        return;
    cv_lock(&server->lock);
    while (*at != ex)
        at = &(*at)->next_stream;
    *at = ex->next_stream;
    cv_unlock(&server->lock);
    give_up_stream(&ex->req->res);
}

void
exchange_on_completed(void *arg, struct MHD_Connection *mhd, void **context,
                      enum MHD_RequestTerminationCode how)
{
    struct daemon *daemon = arg;
    struct cv_http_server *server = daemon->server;
    struct exchange *ex = *context;

    (void)mhd;
    (void)how;
    if (ex == NULL)
        return;
    *context = NULL;
    end_stream(server, ex);
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

/* A certificate that the client shows must be good; whether it must show one, GnuTLS knows. */
static int
verify_client(gnutls_session_t session)
{
    gnutls_typed_vdata_st purpose = {
        .type = GNUTLS_DT_KEY_PURPOSE_OID, .data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT
    };
    unsigned count = 0, problems = 0;

    if (gnutls_certificate_get_peers(session, &count) == NULL || count == 0)
        return 0;
    if (gnutls_certificate_verify_peers(session, &purpose, 1, &problems) != 0 || problems != 0)
        return GNUTLS_E_CERTIFICATE_ERROR;
    return 0;
}

/* libmicrohttpd asks for a certificate where there is a trust store, and leaves it at that. */
static void
set_client_auth(struct cv_http_server *server, struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    gnutls_session_t session = info == NULL ? NULL : info->tls_session;
    bool required = server->tls.client_auth == HTTP_CLIENT_AUTH_REQUIRED;

    assert(session != NULL); /* every connection of a TLS daemon has one */
    gnutls_certificate_server_set_request(session,
                                          required ? GNUTLS_CERT_REQUIRE : GNUTLS_CERT_REQUEST);
    gnutls_session_set_verify_function(session, verify_client);
}

void
exchange_on_connection(void *arg, struct MHD_Connection *mhd, void **context,
                       enum MHD_ConnectionNotificationCode what)
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
    if (daemon->tls && daemon->server->tls.client_auth != HTTP_CLIENT_AUTH_NONE)
        set_client_auth(daemon->server, mhd);
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

size_t
exchange_on_unescape(void *arg, struct MHD_Connection *mhd, char *text)
{
    (void)arg;
    (void)mhd;
    return strlen(text); /* decoding is the router's, segment by segment */
}

void
exchange_on_log(void *arg, const char *fmt, va_list args)
{
    struct cv_log *log = cv_log_get("culvert.http");
    char text[256];

    (void)arg;
    if (!cv_log_enabled(log, CV_LOG_LEVEL_DEBUG))
        return;
    (void)vsnprintf(text, sizeof(text), fmt, args);
    CV_LOG_DEBUG(log, "libmicrohttpd", CV_STR("message", text));
}

/* ---- stop ---- */

/* A flight that no thread has begun. */
void
exchange_drop(void *arg, void *item)
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

void
exchange_end_streams(struct cv_http_server *server)
{
    cv_lock(&server->lock);
    for (struct exchange *ex = server->streams; ex != NULL; ex = ex->next_stream)
        http_stream_finish(ex->req->res.stream);
    cv_unlock(&server->lock);
}

/* Flights whose handlers do not come back. */
void
exchange_abandon_all(struct cv_http_server *server)
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
