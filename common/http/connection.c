/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of connections and the sweeper's thread. The event threads write the phases, the sweeper
 * reads them; whoever changes a phase last with a compare-and-swap wins, so that a 408 is never
 * written into an answer. A socket stays open while the list's lock is held: libmicrohttpd closes
 * it only after http_connection_free.
 */
#include <config.h>

#include "common/http/connection.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/clock.h"

#define MIN_BYTES_PER_MS 1 /* of a body, of an answer: about 1 KiB/s */

static const char timeout_answer[] =
    "HTTP/1.1 408 Request Timeout\r\n"
    "Content-Type: application/json\r\n"
    "Content-Length: 79\r\n"
    "Connection: close\r\n\r\n"
    "{\"error_code\":408,\"message\":\"The request did not arrive within the time limit\"}";

/* Bytes that the peer sent so far, read or not. */
static uint64_t
bytes_received(int fd)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);

    memset(&info, 0, sizeof(info));
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
        return 0;
    return info.tcpi_bytes_received;
}

/* Between requests: since when a head is incomplete, 0 if nothing of one has come. */
static int64_t
partial_head_since(struct http_connection *conn, int64_t since, int64_t now)
{
    uint64_t received = bytes_received(conn->fd);

    if (conn->seen_wait_ms != since) { /* a new wait; the first of a connection begins at 0 bytes */
        conn->seen_bytes = atomic_load(&conn->served) ? received : 0;
        conn->seen_wait_ms = since;
        conn->partial_ms = 0;
    }
    if (conn->partial_ms == 0 && received > conn->seen_bytes)
        conn->partial_ms = now;
    return conn->partial_ms;
}

/* Whether the connection has used up its time; *ret_tell: it deserves a 408. */
static bool
is_late(struct http_connection *conn, int phase, int64_t now, bool *ret_tell)
{
    int64_t since = atomic_load(&conn->since_ms);
    int64_t limit = conn->all->idle_ms;

    *ret_tell = phase == HTTP_HEAD || phase == HTTP_BODY;
    if (phase == HTTP_WAIT) {
        int64_t partial = partial_head_since(conn, since, now);

        if (partial != 0) {
            since = partial;
            *ret_tell = true;
        }
    } else if (phase != HTTP_HEAD) {
        limit += (int64_t)(atomic_load(&conn->bytes) / MIN_BYTES_PER_MS);
    }
    return now - since > limit;
}

static void
sweep(struct http_connections *all)
{
    int64_t now = cv_mono_ms();

    cv_lock(&all->lock);
    for (struct http_connection *conn = all->first; conn != NULL; conn = conn->next) {
        int phase = atomic_load(&conn->phase);
        bool tell;

        if (phase == HTTP_BUSY || phase == HTTP_KILLED || !is_late(conn, phase, now, &tell))
            continue;
        if (!atomic_compare_exchange_strong(&conn->phase, &phase, HTTP_KILLED))
            continue;
        if (tell && !conn->tls)
            (void)send(conn->fd, timeout_answer, sizeof(timeout_answer) - 1,
                       MSG_DONTWAIT | MSG_NOSIGNAL);
        if (tell)
            atomic_fetch_add(&all->timeouts, 1);
        (void)shutdown(conn->fd, SHUT_RDWR); /* the event thread sees the end and cleans up */
    }
    cv_unlock(&all->lock);
}

static void
sweeper(void *arg)
{
    struct http_connections *all = arg;
    int interval = all->idle_ms / 4 < 1000 ? all->idle_ms / 4 + 1 : 1000;

    while (!atomic_load(&all->stopping)) {
        bool any;

        cv_lock(&all->lock);
        any = all->first != NULL;
        cv_unlock(&all->lock);
        (void)cv_wake_wait(&all->wake, any ? cv_mono_ms() + interval : -1);
        if (any)
            sweep(all);
    }
}

enum cv_rc
http_connections_start(struct http_connections *all, unsigned max, int idle_ms, struct cv_err *err)
{
    memset(all, 0, sizeof(*all));
    all->max = max;
    all->idle_ms = idle_ms;
    if (cv_wake_init(&all->wake, err) != CV_OK)
        return err->rc;
    cv_lock_init(&all->lock, CV_RANK_HTTP);
    if (cv_thread_start("http-sweep", sweeper, all, &all->sweeper, err) != CV_OK) {
        cv_lock_done(&all->lock);
        cv_wake_done(&all->wake);
        return err->rc;
    }
    return CV_OK;
}

void
http_connections_stop(struct http_connections *all)
{
    atomic_store(&all->stopping, true);
    cv_wake_signal(&all->wake);
    (void)cv_thread_join(all->sweeper, -1);
    cv_lock_done(&all->lock);
    cv_wake_done(&all->wake);
}

struct http_connection *
http_connection_new(struct http_connections *all, int fd, bool tls, const char *peer)
{
    struct http_connection *conn = calloc(1, sizeof(*conn));
    bool first;

    if (conn == NULL)
        return NULL;
    conn->all = all;
    conn->fd = fd;
    conn->tls = tls;
    (void)snprintf(conn->peer, sizeof(conn->peer), "%s", peer);
    atomic_store(&conn->since_ms, cv_mono_ms());
    cv_lock(&all->lock);
    first = all->first == NULL;
    conn->next = all->first;
    if (conn->next != NULL)
        conn->next->prev = conn;
    all->first = conn;
    conn->surplus = atomic_fetch_add(&all->count, 1) >= all->max;
    cv_unlock(&all->lock);
    if (first)
        cv_wake_signal(&all->wake);
    return conn;
}

void
http_connection_free(struct http_connection *conn)
{
    if (conn == NULL)
        return;
    cv_lock(&conn->all->lock);
    if (conn->prev != NULL)
        conn->prev->next = conn->next;
    else
        conn->all->first = conn->next;
    if (conn->next != NULL)
        conn->next->prev = conn->prev;
    atomic_fetch_sub(&conn->all->count, 1);
    cv_unlock(&conn->all->lock);
    free(conn);
}

bool
http_connection_enter(struct http_connection *conn, enum http_phase phase, uint64_t bytes)
{
    int old = atomic_load(&conn->phase);

    if (old == HTTP_KILLED)
        return false;
    if (phase == HTTP_HEAD)
        atomic_store(&conn->served, true);
    atomic_store(&conn->bytes, bytes);
    atomic_store(&conn->since_ms, cv_mono_ms());
    return atomic_compare_exchange_strong(&conn->phase, &old, (int)phase);
}

bool
http_connection_progress(struct http_connection *conn, uint64_t bytes)
{
    atomic_store(&conn->bytes, bytes);
    return atomic_load(&conn->phase) != HTTP_KILLED;
}
