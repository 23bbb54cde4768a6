/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "tests/helper/fake_broker.h"

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/wire/message.h"
#include "tests/helper/cmocka_all.h"

#define CONNECTIONS_MAX 64
#define FRAME_MAX       ((size_t)16 << 20)

struct connection {
    struct fake_broker *broker;
    pthread_t thread;
    int fd;
    SSL *ssl;
    bool used;
    atomic_bool ended; /* its thread is to be joined */
};

struct fake_broker {
    fake_broker_request *request;
    void *arg;
    int listener;
    int port;
    SSL_CTX *tls;
    pthread_t thread;
    pthread_mutex_t lock;
    atomic_bool stopping;
    struct connection connections[CONNECTIONS_MAX];
    atomic_int n_connections;
};

static _Thread_local int delay_ms; /* of the request that this thread serves */

void
fake_broker_delay(int ms)
{
    delay_ms = ms;
}

/* Wait as the callback wished; false if the broker was stopped meanwhile. */
static bool
delay(const struct connection *conn)
{
    for (; delay_ms > 0 && !atomic_load(&conn->broker->stopping); delay_ms--)
        usleep(1000);
    return delay_ms == 0;
}

static bool
receive(struct connection *conn, void *data, size_t len)
{
    char *at = data;

    while (len > 0) {
        struct pollfd pfd = { .fd = conn->fd, .events = POLLIN };
        ssize_t n;

        if (atomic_load(&conn->broker->stopping))
            return false;
        if ((conn->ssl == NULL || SSL_pending(conn->ssl) == 0) && poll(&pfd, 1, 50) == 0)
            continue;
        n = conn->ssl != NULL ? SSL_read(conn->ssl, at, (int)len) : read(conn->fd, at, len);
        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

static bool
transmit(struct connection *conn, const void *data, size_t len, size_t step)
{
    const char *at = data;

    while (len > 0) {
        size_t part = len < step ? len : step;
        ssize_t n = conn->ssl != NULL ? SSL_write(conn->ssl, at, (int)part)
                                      : send(conn->fd, at, part, MSG_NOSIGNAL);

        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

/* One request and its answer; false ends the connection. */
static bool
serve_one(struct connection *conn)
{
    struct cv_buf body = CV_BUF_INIT(FRAME_MAX), frame = CV_BUF_INIT(FRAME_MAX);
    unsigned char head[4];
    struct cv_reader in = cv_reader_of(head, sizeof(head));
    enum fake_answer answer;
    char client_id[256];
    unsigned char *data;
    uint32_t size;
    int32_t id;
    int api, version;
    bool ok = true;

    if (!receive(conn, head, sizeof(head)))
        return false;
    size = cv_read_u32(&in);
    data = malloc(size + 1);
    if (data == NULL || !receive(conn, data, size)) {
        free(data);
        return false;
    }
    in = cv_reader_of(data, size);
    api = cv_read_i16(&in);
    version = cv_read_i16(&in);
    id = cv_read_i32(&in);
    (void)fake_broker_string(&in, client_id);
    pthread_mutex_lock(&conn->broker->lock);
    answer = conn->broker->request(conn->broker->arg, api, version, &in, &body);
    pthread_mutex_unlock(&conn->broker->lock);
    if (!delay(conn)) {
        ok = false;
    } else if (answer == FAKE_RAW) {
        ok = transmit(conn, body.data, body.len, body.len);
    } else if (answer != FAKE_SILENCE && answer != FAKE_CLOSE) {
        cv_buf_be32(&frame, (uint32_t)body.len + 4);
        cv_buf_be32(&frame, (uint32_t)(answer == FAKE_WRONG_ID ? id + 1 : id));
        if (body.len > 0)
            cv_buf_add(&frame, body.data, body.len);
        ok = transmit(conn, frame.data, answer == FAKE_CUT ? frame.len / 2 : frame.len,
                      answer == FAKE_SLOWLY ? 1 : frame.len);
    }
    cv_buf_free(&body);
    cv_buf_free(&frame);
    free(data);
    return ok && answer != FAKE_CLOSE && answer != FAKE_CUT;
}

static void *
serve(void *arg)
{
    struct connection *conn = arg;

    if (conn->broker->tls != NULL) {
        conn->ssl = SSL_new(conn->broker->tls);
        SSL_set_fd(conn->ssl, conn->fd);
        if (SSL_accept(conn->ssl) != 1)
            goto out;
    }
    while (serve_one(conn))
        ;
out:
    if (conn->ssl != NULL) {
        SSL_shutdown(conn->ssl);
        SSL_free(conn->ssl);
    }
    close(conn->fd);
    atomic_store(&conn->ended, true);
    return NULL;
}

/* A place for another connection, perhaps of one that ended; NULL: none. */
static struct connection *
free_place(struct fake_broker *broker)
{
    for (int i = 0; i < CONNECTIONS_MAX; i++) {
        struct connection *conn = &broker->connections[i];

        if (!conn->used)
            return conn;
        if (atomic_load(&conn->ended)) {
            pthread_join(conn->thread, NULL);
            *conn = (struct connection){ .fd = -1 };
            return conn;
        }
    }
    return NULL;
}

static void *
accept_all(void *arg)
{
    struct fake_broker *broker = arg;

    while (!atomic_load(&broker->stopping)) {
        struct pollfd pfd = { .fd = broker->listener, .events = POLLIN };
        struct connection *conn = free_place(broker);

        if (poll(&pfd, 1, 20) <= 0 || conn == NULL)
            continue;
        conn->broker = broker;
        conn->fd = accept(broker->listener, NULL, NULL);
        if (conn->fd < 0)
            continue;
        conn->used = pthread_create(&conn->thread, NULL, serve, conn) == 0;
        if (conn->used)
            atomic_fetch_add(&broker->n_connections, 1);
    }
    return NULL;
}

struct fake_broker *
fake_broker_start(fake_broker_request *request, void *arg, const char *tls_pem)
{
    return fake_broker_start_on(0, request, arg, tls_pem);
}

struct fake_broker *
fake_broker_start_on(int port, fake_broker_request *request, void *arg, const char *tls_pem)
{
    struct sockaddr_in addr = { .sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(addr);
    int one = 1;
    struct fake_broker *broker = calloc(1, sizeof(*broker));

    signal(SIGPIPE, SIG_IGN);
    assert_non_null(broker);
    broker->request = request;
    broker->arg = arg;
    pthread_mutex_init(&broker->lock, NULL);
    if (tls_pem != NULL) {
        broker->tls = SSL_CTX_new(TLS_server_method());
        assert_int_equal(1, SSL_CTX_use_certificate_file(broker->tls, tls_pem, SSL_FILETYPE_PEM));
        assert_int_equal(1, SSL_CTX_use_PrivateKey_file(broker->tls, tls_pem, SSL_FILETYPE_PEM));
    }
    broker->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(broker->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    assert_int_equal(0, bind(broker->listener, (struct sockaddr *)&addr, sizeof(addr)));
    assert_int_equal(0, listen(broker->listener, 16));
    assert_int_equal(0, getsockname(broker->listener, (struct sockaddr *)&addr, &len));
    broker->port = ntohs(addr.sin_port);
    assert_int_equal(0, pthread_create(&broker->thread, NULL, accept_all, broker));
    return broker;
}

void
fake_broker_begin_stop(struct fake_broker *broker)
{
    atomic_store(&broker->stopping, true);
}

void
fake_broker_stop(struct fake_broker *broker)
{
    int i;

    fake_broker_begin_stop(broker);
    pthread_join(broker->thread, NULL);
    for (i = 0; i < CONNECTIONS_MAX; i++) {
        if (broker->connections[i].used)
            pthread_join(broker->connections[i].thread, NULL);
    }
    close(broker->listener);
    SSL_CTX_free(broker->tls);
    pthread_mutex_destroy(&broker->lock);
    free(broker);
}

int
fake_broker_port(const struct fake_broker *broker)
{
    return broker->port;
}

int
fake_broker_connections(struct fake_broker *broker)
{
    return atomic_load(&broker->n_connections);
}

void
fake_broker_versions(struct cv_buf *out, int join_max)
{
    static const int apis[] = { CV_WIRE_METADATA,         CV_WIRE_FIND_COORDINATOR,
                                CV_WIRE_JOIN_GROUP,       CV_WIRE_HEARTBEAT,
                                CV_WIRE_LEAVE_GROUP,      CV_WIRE_SYNC_GROUP,
                                CV_WIRE_SASL_HANDSHAKE,   CV_WIRE_API_VERSIONS,
                                CV_WIRE_SASL_AUTHENTICATE };
    size_t i;

    cv_buf_be16(out, 0);
    cv_buf_be32(out, CV_COUNT(apis));
    for (i = 0; i < CV_COUNT(apis); i++) {
        cv_buf_be16(out, (uint16_t)apis[i]);
        cv_buf_be16(out, 0);
        cv_buf_be16(out, apis[i] == CV_WIRE_JOIN_GROUP ? (uint16_t)join_max : 12);
    }
}

const char *
fake_broker_string(struct cv_reader *in, char *out)
{
    int16_t len = cv_read_i16(in);
    const unsigned char *bytes = len > 0 && len < 256 ? cv_read_bytes(in, (size_t)len) : NULL;

    out[0] = '\0';
    if (bytes != NULL) {
        memcpy(out, bytes, (size_t)len);
        out[len] = '\0';
    }
    return out;
}

void
fake_broker_put_string(struct cv_buf *out, const char *str)
{
    cv_buf_be16(out, (uint16_t)strlen(str));
    cv_buf_str(out, str);
}
