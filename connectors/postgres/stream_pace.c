/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often the stream is read.
 *
 * The walsender does one send() and one recv() probe for every change, so how we read decides what the database pays. A
 * send() that the receive window has room for goes all the way to us (some 6 us a change over loopback); one that has
 * to wait joins those before it (some 3 us). So an empty socket is left alone: while the rate is high for some tens of
 * microseconds, and behind a backlog, where nobody waits for a single change, for as long as the walsender takes to
 * fill it.
 */
#include "connectors/postgres/stream_private.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "common/thread.h"

#define NAP_US          60
#define FAST_PER_SECOND 20000
#define RATE_WINDOW_US  20000
#define BEHIND_US       50000 /* sent so long after its commit, a change is of a backlog */
#define LOCAL_WINDOW    (128 * 1024)

static bool
is_loopback(const struct sockaddr_storage *address)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)address;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;

    if (address->ss_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
    return address->ss_family == AF_INET && ntohl(in->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

/* The window that the kernel finds by itself is for far servers; on this machine a small one, which is soon full, is as
   fast and saves the walsender work. */
void
stream_pace_start(struct stream *s)
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof(peer);
    int size = LOCAL_WINDOW;

    if (getpeername(PQsocket(s->repl), (struct sockaddr *)&peer, &len) == 0 && is_loopback(&peer))
        (void)setsockopt(PQsocket(s->repl), SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)); /* a matter of speed */
}

void
stream_nap(struct stream *s)
{
    struct pollfd fd = { .fd = s->spec.wake->fd, .events = POLLIN };
    struct timespec ts = { .tv_nsec = NAP_US * 1000 };

    ppoll(&fd, 1, &ts, NULL);
}

bool
stream_is_behind(const struct stream *s)
{
    return s->sent_us - s->begin.commit_time_us > BEHIND_US;
}

void
stream_measure_rate(struct stream *s)
{
    cv_time_us now = cv_mono_us();
    cv_time_us passed = now - s->window_start_us;

    if (passed < RATE_WINDOW_US)
        return;
    s->fast = (s->events - s->window_events) * 1000000 > (uint64_t)passed * FAST_PER_SECOND;
    s->window_start_us = now;
    s->window_events = s->events;
}
