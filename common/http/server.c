/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listeners to daemons, start and stop. libmicrohttpd 0.9.75 must do: one daemon with one epoll
 * thread a listener, all sharing the pool and the list of connections. What happens to a request is
 * in exchange.c.
 *
 * cv_http_stop never waits for a handler beyond its time: the request's connection is answered
 * without it, and the memory that the handler may still touch stays.
 */
#include <config.h>

#include "common/http/server.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/http/exchange.h"
#include "common/http/listener.h"
#include "common/metrics.h"

/* libmicrohttpd's memory a connection: the head of a request must fit, with room to tell that it is
   too long by our own answer. */
#define LAST_ANSWERS_MS   1000 /* of cv_http_stop, to send what is ready */
#define SURPLUS           64   /* connections beyond the limit that are told so */

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
    if (l.streams == 0)
        l.streams = 16;
    return l;
}

static enum cv_rc
start_daemon(struct cv_http_server *server, struct daemon *daemon,
             struct cv_http_listener *listener, const char *option, struct cv_err *err)
{
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    struct MHD_OptionItem options[16];
    size_t n = 0;
    sigset_t all, old;
    int fd = -1;

    daemon->server = server;
    daemon->tls = strcmp(listener->scheme, "https") == 0;
    if (daemon->tls && (server->tls.identity.chain == NULL))
        return cv_fail(
            err, CV_INVALID,
            "an https listener needs a key and a certificate: set ssl.keystore.location and "
            "ssl.keystore.type=PEM or PKCS12, or listeners.https.ssl.keystore.* of the same");
    if (daemon->tls && http_tls_check_dates(&server->tls, err) != CV_OK)
        return err->rc;
    if (http_listener_open(listener, option, &fd, err) != CV_OK)
        return err->rc;

#define OPTION(id, number, pointer)                                                                \
    options[n++] = (struct MHD_OptionItem){ (id), (intptr_t)(number), (pointer) }
    OPTION(MHD_OPTION_EXTERNAL_LOGGER, exchange_on_log, NULL);
    OPTION(MHD_OPTION_LISTEN_SOCKET, fd, NULL);
    OPTION(MHD_OPTION_URI_LOG_CALLBACK, exchange_on_uri, daemon);
    OPTION(MHD_OPTION_UNESCAPE_CALLBACK, exchange_on_unescape, NULL);
    OPTION(MHD_OPTION_NOTIFY_COMPLETED, exchange_on_completed, daemon);
    OPTION(MHD_OPTION_NOTIFY_CONNECTION, exchange_on_connection, daemon);
    OPTION(MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, NULL);
    OPTION(MHD_OPTION_CONNECTION_LIMIT, server->limits.connections + SURPLUS, NULL);
    if (daemon->tls) {
        flags |= MHD_USE_TLS;
        OPTION(MHD_OPTION_HTTPS_MEM_KEY, 0, server->tls.identity.key);
        OPTION(MHD_OPTION_HTTPS_MEM_CERT, 0, server->tls.identity.chain);
        OPTION(MHD_OPTION_HTTPS_PRIORITIES, 0, server->tls.priorities);
        if (server->tls.client_auth != HTTP_CLIENT_AUTH_NONE)
            OPTION(MHD_OPTION_HTTPS_MEM_TRUST, 0, server->tls.trusted);
    }
    OPTION(MHD_OPTION_END, 0, NULL);
#undef OPTION

    /* Signals are the main thread's. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &old);
    daemon->mhd = MHD_start_daemon(flags, 0, NULL, NULL, exchange_on_access, daemon,
                                   MHD_OPTION_ARRAY, options, MHD_OPTION_END);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (daemon->mhd != NULL)
        return CV_OK;
    (void)close(fd);
    return cv_fail(err, CV_INVALID, "listener %s on port %d could not be started%s",
                   listener->scheme, listener->port,
                   daemon->tls ? ": check that key and certificate belong together" : "");
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
    server->pool = http_pool_new(server->limits.pool, server->limits.queue, exchange_run, server);
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

static void
wait_until_idle(struct cv_http_server *server, int64_t deadline_ms)
{
    cv_lock(&server->lock);
    while (server->active > 0 && cv_cond_wait(&server->completed, &server->lock, deadline_ms))
        ;
    cv_unlock(&server->lock);
}

/* A handler will come back to this server: it stays, in a list so that leak checkers see that it is
 * meant. */
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
    exchange_end_streams(server);
    wait_until_idle(server, deadline_ms);
    ended = http_pool_stop(server->pool, exchange_drop, deadline_ms);
    exchange_abandon_all(server);
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

static const struct cv_metric metric_responses = { CV_COUNTER,
                                                   { "culvert_http_responses_total", NULL, NULL },
                                                   "Answers by class of status." };
static const struct cv_metric metric_time = { CV_GAUGE,
                                              { "culvert_http_request_seconds", NULL, NULL },
                                              "Time from request line to answer." };
static const struct cv_metric metric_connections = { CV_GAUGE,
                                                     { "culvert_http_connections", NULL, NULL },
                                                     "Open connections." };
static const struct cv_metric metric_timeouts = { CV_COUNTER,
                                                  { "culvert_http_timeouts_total", NULL, NULL },
                                                  "Requests that did not arrive in time." };

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

        cv_metrics_add(sink, &metric_responses, &label, 1,
                       (double)atomic_load(&server->responses[i]));
    }
    for (size_t i = 0; i < CV_COUNT(quantiles); i++) {
        struct cv_label label = { "quantile", quantiles[i].text };

        cv_metrics_add(sink, &metric_time, &label, 1,
                       (double)cv_histogram_quantile(&server->time_us, quantiles[i].q) / 1e6);
    }
    cv_metrics_add(sink, &metric_connections, NULL, 0, atomic_load(&server->connections.count));
    cv_metrics_add(sink, &metric_timeouts, NULL, 0,
                   (double)atomic_load(&server->connections.timeouts));
}
