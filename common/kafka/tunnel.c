/* SPDX-License-Identifier: Apache-2.0 */
/*
 * librdkafka before 2.6.1 sends a SCRAM answer whose nonce Kafka 4 refuses. There common/wire opens
 * the connection and proves the password, and librdkafka gets one end of a pair of local sockets,
 * from which a thread a connection carries the bytes over.
 *
 * librdkafka asks for a socket (on_socket), then to have it connected (on_connect), both on the
 * thread of that broker, and closes its end when it has enough, which ends the thread here.
 */
#include "common/kafka/tunnel.h"

#include "common/clock.h"
#include "common/kafka/conf.h"
#include "common/kafka/stats.h"
#include "common/wire/stream.h"
#include "common/wire/transport.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define SCRAM_FIXED  0x020601ff
#define BUFFER_BYTES 65536
#define EXPIRY_MS    1000 /* before the broker ends a session, it is ended here */

struct flow { /* bytes on their way in one direction */
    char data[BUFFER_BYTES];
    size_t pos;
    size_t len;
};

struct link {
    struct link *next; /* under tunnel->lock */
    struct kafka_tunnel *tunnel;
    struct cv_thread *thread; /* NULL: not connected yet */
    _Atomic bool ended;
    int theirs; /* the number of librdkafka's end, which it closes */
    int ours;
    char host[256];
    int port;
    struct flow up;
    struct flow down;
};

struct kafka_tunnel {
    struct kafka_handle *handle;
    struct cv_wire_settings *settings;
    struct cv_wake stop; /* signalled once, for all */
    struct cv_lock lock;
    struct link *links;
};

/* ---- carrying ---- */

/* What librdkafka wrote goes to the broker. false: its end is closed. */
static bool
carry_up(struct link *link, struct wire_stream *stream, struct pollfd *fds, bool *ret_moved,
         struct cv_err *err)
{
    struct flow *up = &link->up;
    short events = 0;
    size_t n = 0;

    if (up->pos == up->len) {
        ssize_t got = recv(link->ours, up->data, sizeof(up->data), MSG_DONTWAIT);

        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
            return false;
        up->pos = 0;
        up->len = got > 0 ? (size_t)got : 0;
        if (got < 0)
            fds[0].events |= POLLIN;
    }
    if (up->pos == up->len)
        return true;
    if (wire_stream_write(stream, up->data + up->pos, up->len - up->pos, &n, &events, err) != CV_OK)
        return false;
    up->pos += n;
    *ret_moved = *ret_moved || n > 0;
    if (n == 0)
        fds[1].events |= events;
    return true;
}

static bool
carry_down(struct link *link, struct wire_stream *stream, struct pollfd *fds, bool *ret_moved,
           struct cv_err *err)
{
    struct flow *down = &link->down;
    short events = 0;
    size_t n = 0;
    ssize_t sent;

    if (down->pos == down->len) {
        if (wire_stream_read(stream, down->data, sizeof(down->data), &n, &events, err) != CV_OK)
            return false;
        down->pos = 0;
        down->len = n;
        if (n == 0)
            fds[1].events |= events;
    }
    if (down->pos == down->len)
        return true;
    sent = send(link->ours, down->data + down->pos, down->len - down->pos,
                MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR)
        return false;
    if (sent > 0) {
        down->pos += (size_t)sent;
        *ret_moved = true;
    } else {
        fds[0].events |= POLLOUT;
    }
    return true;
}

/* Until one side ends, the session expires, or the tunnel is freed. */
static void
carry(struct link *link, struct cv_wire_conn *conn)
{
    struct wire_stream *stream = cv_wire_stream(conn);
    int64_t expires_ms = cv_wire_expires_ms(conn);
    struct cv_err err;

    for (;;) {
        struct pollfd fds[3] = { { .fd = link->ours },
                                 { .fd = stream->fd },
                                 { .fd = link->tunnel->stop.fd, .events = POLLIN } };
        int64_t left_ms = expires_ms == 0 ? -1 : expires_ms - EXPIRY_MS - cv_mono_ms();
        bool moved = false;

        if (!carry_up(link, stream, fds, &moved, &err) ||
            !carry_down(link, stream, fds, &moved, &err))
            return;
        if (moved)
            continue;
        if (expires_ms != 0 && left_ms <= 0)
            return;
        (void)poll(fds, 3, left_ms > INT_MAX ? INT_MAX : (int)left_ms);
        if (fds[2].revents != 0 || (fds[0].revents & (POLLERR | POLLNVAL)) != 0)
            return;
    }
}

static void
run_link(void *arg)
{
    struct link *link = arg;
    struct kafka_tunnel *tunnel = link->tunnel;
    struct cv_wire_conn *conn = NULL;
    struct cv_err err;

    if (cv_wire_open(tunnel->settings, link->host, link->port,
                     cv_mono_ms() + tunnel->settings->connect_timeout_ms, &tunnel->stop, &conn,
                     &err) == CV_OK)
        carry(link, conn);
    else
        kafka_complain(tunnel->handle, "FAIL", err.text);
    cv_wire_close(conn);
    (void)shutdown(link->ours, SHUT_RDWR); /* link_free closes it, when its number is not watched */
    atomic_store(&link->ended, true);
}

/* ---- librdkafka's callbacks ---- */

static void
link_free(struct link *link)
{
    if (link->thread != NULL)
        (void)cv_thread_join(link->thread, -1);
    (void)close(link->ours);
    free(link);
}

/* Links that ended, and one that was never connected whose number is given out again. */
static void
reap(struct kafka_tunnel *tunnel, int theirs)
{
    struct link **at = &tunnel->links;

    cv_lock_assert_held(&tunnel->lock);
    while (*at != NULL) {
        struct link *link = *at;
        bool over = link->thread == NULL ? link->theirs == theirs : atomic_load(&link->ended);

        if (over) {
            *at = link->next;
            link_free(link);
        } else {
            at = &link->next;
        }
    }
}

static int
on_socket(int domain, int type, int protocol, void *opaque)
{
    struct kafka_handle *handle = opaque;
    struct kafka_tunnel *tunnel = handle->tunnel;
    struct link *link = calloc(1, sizeof(*link));
    int fds[2];

    (void)domain;
    (void)type;
    (void)protocol;
    if (link == NULL || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) {
        free(link);
        return -1;
    }
    link->tunnel = tunnel;
    link->theirs = fds[0];
    link->ours = fds[1];
    cv_lock(&tunnel->lock);
    reap(tunnel, fds[0]);
    link->next = tunnel->links;
    tunnel->links = link;
    cv_unlock(&tunnel->lock);
    kafka_stats_socket(handle, true);
    return fds[0];
}

/* "host:port", "[v6]:port"; a link of a broker that librdkafka knows. */
static bool
parse_node(const char *node, struct link *link)
{
    const char *colon = strrchr(node, ':');
    size_t len = colon == NULL ? 0 : (size_t)(colon - node);

    if (len > 2 && node[0] == '[' && node[len - 1] == ']') {
        node++;
        len -= 2;
    }
    if (colon == NULL || len == 0 || len >= sizeof(link->host))
        return false;
    memcpy(link->host, node, len);
    link->host[len] = '\0';
    link->port = atoi(colon + 1);
    return true;
}

static int
on_connect(int fd, const struct sockaddr *addr, int addr_len, const char *node, void *opaque)
{
    struct kafka_handle *handle = opaque;
    struct kafka_tunnel *tunnel = handle->tunnel;
    struct link *link;
    struct cv_err err;
    int errnum = 0;

    (void)addr;
    (void)addr_len;
    cv_lock(&tunnel->lock);
    for (link = tunnel->links; link != NULL; link = link->next)
        if (link->theirs == fd && link->thread == NULL)
            break;
    if (link == NULL || !parse_node(node, link))
        errnum = EINVAL;
    else if (cv_thread_start("kafka-link", run_link, link, &link->thread, &err) != CV_OK)
        errnum = EAGAIN;
    cv_unlock(&tunnel->lock);
    return errnum;
}

/* ---- start and end ---- */

static bool
is_needed(const struct cv_config *cfg)
{
    const char *protocol = cv_config_get(cfg, "security.protocol");
    const char *mechanism = cv_config_get(cfg, "sasl.mechanism");

    if (mechanism == NULL)
        mechanism = cv_config_get(cfg, "sasl.mechanisms");
    return protocol != NULL && strncasecmp(protocol, "SASL_", 5) == 0 && mechanism != NULL &&
           strncasecmp(mechanism, "SCRAM-", 6) == 0 && rd_kafka_version() < SCRAM_FIXED;
}

/* rdconf to plain connections over our sockets, of which TCP's options mean nothing. */
static enum cv_rc
take_over(rd_kafka_conf_t *rdconf, struct cv_err *err)
{
    if (kafka_rdconf_set(rdconf, "security.protocol", "plaintext", err) != CV_OK ||
        kafka_rdconf_set(rdconf, "socket.nagle.disable", "false", err) != CV_OK)
        return err->rc;
    rd_kafka_conf_set_socket_cb(rdconf, on_socket);
    rd_kafka_conf_set_connect_cb(rdconf, on_connect);
    return CV_OK;
}

enum cv_rc
kafka_tunnel_new(struct kafka_handle *handle, const struct cv_kafka_conf *conf,
                 rd_kafka_conf_t *rdconf, struct kafka_tunnel **ret, struct cv_err *err)
{
    struct cv_config *merged = cv_config_new();
    struct kafka_tunnel *tunnel = calloc(1, sizeof(*tunnel));
    enum cv_rc rc;

    *ret = NULL;
    rc = merged == NULL || tunnel == NULL ? cv_fail_memory(err)
                                          : kafka_conf_merge(conf, merged, err);
    if (rc != CV_OK || !is_needed(merged))
        goto out;
    rc = cv_wire_settings_new(merged, conf->client_id != NULL ? conf->client_id : "culvert",
                              &tunnel->settings, err);
    if (rc == CV_OK)
        rc = take_over(rdconf, err);
    if (rc == CV_OK)
        rc = cv_wake_init(&tunnel->stop, err);
    if (rc != CV_OK)
        goto out;
    cv_lock_init(&tunnel->lock, CV_RANK_KAFKA);
    tunnel->handle = handle;
    *ret = tunnel;
    tunnel = NULL;
out:
    if (tunnel != NULL)
        cv_wire_settings_free(tunnel->settings);
    free(tunnel);
    cv_config_free(merged);
    return rc;
}

void
kafka_tunnel_free(struct kafka_tunnel *tunnel)
{
    if (tunnel == NULL)
        return;
    cv_wake_signal(&tunnel->stop);
    while (tunnel->links != NULL) {
        struct link *link = tunnel->links;

        tunnel->links = link->next;
        link_free(link);
    }
    cv_lock_done(&tunnel->lock);
    cv_wake_done(&tunnel->stop);
    cv_wire_settings_free(tunnel->settings);
    free(tunnel);
}
