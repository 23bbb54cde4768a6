/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tunnel between librdkafka's callbacks, which the test calls itself, and a broker that speaks
 * SCRAM. That real brokers are reached through it is in tests/integration/secure_broker.int.
 */
#include <config.h>

#include "tests/helper/cmocka_all.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/kafka/tunnel.h"
#include "common/number.h"
#include "common/wire/transport.h"
#include "tests/helper/fake_broker.h"

#define PASSWORD     "pencil"
#define SALT         "0123456789abcdef"
#define ITERATIONS   4096
#define WAIT_MS      10000
#define SERVER_FIRST "r=%.*sserver,s=%s,i=4096"

typedef int socket_cb(int domain, int type, int protocol, void *opaque);
typedef int connect_cb(int fd, const struct sockaddr *addr, int addr_len, const char *id,
                       void *opaque);

static socket_cb *make_socket;
static connect_cb *connect_socket;

void __wrap_rd_kafka_conf_set_socket_cb(rd_kafka_conf_t *conf, socket_cb *cb);
void __wrap_rd_kafka_conf_set_connect_cb(rd_kafka_conf_t *conf, connect_cb *cb);

void
__wrap_rd_kafka_conf_set_socket_cb(rd_kafka_conf_t *conf, socket_cb *cb)
{
    (void)conf;
    make_socket = cb;
}

void
__wrap_rd_kafka_conf_set_connect_cb(rd_kafka_conf_t *conf, connect_cb *cb)
{
    (void)conf;
    connect_socket = cb;
}

/* ---- the broker ---- */

struct conversation { /* the last one: connections open one after the other, but for the crowd */
    char first[128];  /* n=user,r=nonce */
    char challenge[256];
};

struct server {
    int64_t lifetime_ms;
    bool refuses;
    bool closes; /* SyncGroup ends the connection */
    atomic_int logins;
    struct conversation talk;
};

static void
add_signature(const struct conversation *talk, const char *final, size_t len, struct cv_buf *out)
{
    struct cv_buf auth = CV_BUF_INIT(4096);
    unsigned char salted[32], key[32], signature[32];

    cv_buf_printf(&auth, "%s,%s,%.*s", talk->first, talk->challenge, (int)len, final);
    assert_int_equal(1, PKCS5_PBKDF2_HMAC(PASSWORD, (int)strlen(PASSWORD),
                                          (const unsigned char *)SALT, (int)strlen(SALT), ITERATIONS,
                                          EVP_sha256(), 32, salted));
    assert_non_null(HMAC(EVP_sha256(), salted, 32, (const unsigned char *)"Server Key", 10, key, NULL));
    assert_non_null(HMAC(EVP_sha256(), key, 32, (const unsigned char *)auth.data, auth.len, signature,
                         NULL));
    cv_buf_str(out, "v=");
    cv_base64(out, signature, 32);
    cv_buf_free(&auth);
}

static void
scram(struct server *server, const char *message, struct cv_buf *out)
{
    struct conversation *talk = &server->talk;
    struct cv_buf salt = CV_BUF_INIT(64);

    if (strncmp(message, "n,,", 3) == 0) {
        const char *nonce = strstr(message, ",r=") + 3;

        cv_base64(&salt, SALT, strlen(SALT));
        (void)snprintf(talk->first, sizeof(talk->first), "%.127s", message + 3);
        (void)snprintf(talk->challenge, sizeof(talk->challenge), SERVER_FIRST, (int)strlen(nonce),
                       nonce, cv_buf_cstr(&salt));
        cv_buf_str(out, talk->challenge);
    } else {
        add_signature(talk, message, (size_t)(strstr(message, ",p=") - message), out);
        atomic_fetch_add(&server->logins, 1);
    }
    cv_buf_free(&salt);
}

static void
answer_authenticate(struct server *server, struct cv_reader *body, struct cv_buf *out)
{
    struct cv_buf token = CV_BUF_INIT(1024);
    uint32_t len = cv_read_u32(body);
    char message[512];

    (void)snprintf(message, sizeof(message), "%.*s", (int)len,
                   (const char *)cv_read_bytes(body, len));
    scram(server, message, &token);
    cv_buf_be16(out, server->refuses ? 58 : 0);
    fake_broker_put_string(out, server->refuses ? "no such user" : "");
    cv_buf_be32(out, (uint32_t)token.len);
    cv_buf_add(out, token.data, token.len);
    cv_buf_be64(out, (uint64_t)server->lifetime_ms);
    cv_buf_free(&token);
}

/* SyncGroup is answered with the bytes that it brought. */
static enum fake_answer
answer(void *arg, int api, int version, struct cv_reader *body, struct cv_buf *out)
{
    struct server *server = arg;
    size_t left;

    (void)version;
    switch (api) {
    case CV_WIRE_API_VERSIONS:
        fake_broker_versions(out, 9);
        return FAKE_ANSWER;
    case CV_WIRE_SASL_HANDSHAKE:
        cv_buf_be16(out, 0);
        cv_buf_be32(out, 0);
        return FAKE_ANSWER;
    case CV_WIRE_SASL_AUTHENTICATE:
        answer_authenticate(server, body, out);
        return FAKE_ANSWER;
    default:
        if (server->closes)
            return FAKE_CLOSE;
        left = cv_reader_left(body);
        cv_buf_add(out, cv_read_bytes(body, left), left);
        return FAKE_ANSWER;
    }
}

/* ---- the fixture ---- */

struct fixture {
    struct server server;
    struct fake_broker *broker;
    struct kafka_handle handle;
    rd_kafka_conf_t *rdconf;
    char node[64];
};

static struct cv_config *
keys_of(const char *mechanism)
{
    const char *const keys[][2] = { { "bootstrap.servers", "127.0.0.1:1" },
                                    { "security.protocol", "SASL_PLAINTEXT" },
                                    { "sasl.mechanism", mechanism },
                                    { "sasl.username", "user" },
                                    { "sasl.password", PASSWORD } };
    struct cv_config *cfg = cv_config_new();
    struct cv_err err;

    for (size_t i = 0; i < CV_COUNT(keys); i++)
        assert_int_equal(CV_OK, cv_config_set(cfg, keys[i][0], keys[i][1], &err));
    return cfg;
}

static enum cv_rc
open_tunnel(struct fixture *f, const char *mechanism, struct cv_err *err)
{
    struct cv_config *cfg = keys_of(mechanism);
    struct cv_kafka_conf conf = { .role = CV_KAFKA_PRODUCER, .layers = { cfg }, .n_layers = 1 };
    enum cv_rc rc = kafka_tunnel_new(&f->handle, &conf, f->rdconf, &f->handle.tunnel, err);

    cv_config_free(cfg);
    return rc;
}

static int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct cv_err err;

    assert_non_null(f);
    f->broker = fake_broker_start(answer, &f->server, NULL);
    f->handle.log = cv_log_get("culvert.test");
    assert_int_equal(CV_OK, cv_log_level_set("culvert.test", CV_LOG_LEVEL_OFF, &err));
    cv_lock_init(&f->handle.lock, CV_RANK_KAFKA);
    f->rdconf = rd_kafka_conf_new();
    (void)snprintf(f->node, sizeof(f->node), "127.0.0.1:%d", fake_broker_port(f->broker));
    assert_int_equal(CV_OK, open_tunnel(f, "SCRAM-SHA-256", &err));
    *state = f;
    if (f->handle.tunnel == NULL)
        skip(); /* this librdkafka does SCRAM itself */
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    kafka_tunnel_free(f->handle.tunnel);
    fake_broker_stop(f->broker);
    rd_kafka_conf_destroy(f->rdconf);
    cv_lock_done(&f->handle.lock);
    free(f);
    return 0;
}

static int
connected(struct fixture *f)
{
    int fd = make_socket(0, 0, 0, &f->handle);

    assert_true(fd >= 0);
    assert_int_equal(0, connect_socket(fd, NULL, 0, f->node, &f->handle));
    return fd;
}

static bool
wait_for_fd(int fd, short events)
{
    struct pollfd p = { .fd = fd, .events = events };

    return poll(&p, 1, WAIT_MS) == 1;
}

static bool
ends(int fd)
{
    char byte;

    return wait_for_fd(fd, POLLIN) && read(fd, &byte, 1) == 0;
}

/* Send a SyncGroup of so many bytes while reading its answer, as librdkafka would; false: it ended. */
static bool
echo(int fd, size_t size)
{
    struct cv_buf out = CV_BUF_INIT(CV_WIRE_FRAME_MAX), in = CV_BUF_INIT(CV_WIRE_FRAME_MAX);
    size_t sent = 0, wanted = 8 + size, body;
    bool same;

    cv_wire_frame_begin(&out, CV_WIRE_SYNC_GROUP, 77, "t");
    body = out.len;
    for (size_t i = 0; i < size; i++)
        cv_buf_char(&out, (char)(i * 7 + size));
    cv_wire_frame_end(&out, 0);
    while (in.len < wanted) {
        struct pollfd p = { .fd = fd, .events = (short)(POLLIN | (sent < out.len ? POLLOUT : 0)) };
        ssize_t n;

        if (poll(&p, 1, WAIT_MS) != 1)
            break;
        if ((p.revents & POLLOUT) != 0 && (n = write(fd, out.data + sent, out.len - sent)) > 0)
            sent += (size_t)n;
        if ((p.revents & (POLLIN | POLLHUP)) != 0) {
            char *room = cv_buf_reserve(&in, 65536);

            n = read(fd, room, 65536);
            if (n == 0 || (n < 0 && errno != EAGAIN))
                break;
            cv_buf_used(&in, n > 0 ? (size_t)n : 0);
        }
    }
    same = in.len == wanted && memcmp(in.data + 8, out.data + body, size) == 0;
    cv_buf_free(&out);
    cv_buf_free(&in);
    return same;
}

/* ---- tests ---- */

static void
bytes_pass_both_ways_behind_the_login(void **state)
{
    struct fixture *f = *state;
    int fd = connected(f);

    assert_true(echo(fd, 10));
    assert_int_equal(1, atomic_load(&f->server.logins));
    assert_true(echo(fd, 3000000)); /* more than all buffers on the way */
    assert_true(echo(fd, 0));
    assert_int_equal(1, fake_broker_connections(f->broker));
    close(fd);
}

static void
only_scram_needs_a_tunnel(void **state)
{
    struct fixture *f = *state;
    struct kafka_tunnel *before = f->handle.tunnel;
    struct cv_err err;

    assert_int_equal(CV_OK, open_tunnel(f, "PLAIN", &err));
    assert_null(f->handle.tunnel);
    f->handle.tunnel = before;
}

static void
what_is_not_asked_for_is_not_connected(void **state)
{
    static const char *const nodes[] = { "127.0.0.1", ":9092", "" };
    struct fixture *f = *state;
    int fd = make_socket(0, 0, 0, &f->handle);

    assert_int_equal(EINVAL, connect_socket(fd + 1000, NULL, 0, f->node, &f->handle));
    for (size_t i = 0; i < CV_COUNT(nodes); i++)
        assert_int_equal(EINVAL, connect_socket(fd, NULL, 0, nodes[i], &f->handle));
    assert_int_equal(0, connect_socket(fd, NULL, 0, f->node, &f->handle));
    assert_int_equal(EINVAL, connect_socket(fd, NULL, 0, f->node, &f->handle)); /* it is already */
    assert_true(echo(fd, 1));
    close(fd);
}

static void
number_of_a_socket_that_was_never_connected_is_used_again(void **state)
{
    struct fixture *f = *state;
    int fd = make_socket(0, 0, 0, &f->handle), again;

    close(fd);
    again = make_socket(0, 0, 0, &f->handle);
    assert_int_equal(fd, again);
    assert_int_equal(0, connect_socket(again, NULL, 0, f->node, &f->handle));
    assert_true(echo(again, 1));
    close(again);
}

static void
refused_login_ends_the_link_and_is_told(void **state)
{
    struct fixture *f = *state;
    int fd;

    f->server.refuses = true;
    fd = connected(f);
    assert_true(ends(fd));
    cv_lock(&f->handle.lock);
    assert_non_null(strstr(f->handle.problem, "sasl.jaas.config"));
    assert_non_null(strstr(f->handle.problem, "no such user"));
    assert_null(strstr(f->handle.problem, PASSWORD));
    cv_unlock(&f->handle.lock);
    close(fd);
}

static void
broker_that_is_away_ends_the_link(void **state)
{
    struct fixture *f = *state;
    int fd = make_socket(0, 0, 0, &f->handle);

    assert_int_equal(0, connect_socket(fd, NULL, 0, "127.0.0.1:1", &f->handle));
    assert_true(ends(fd));
    close(fd);
}

static void
broker_that_closes_ends_the_link(void **state)
{
    struct fixture *f = *state;
    int fd = connected(f);

    assert_true(echo(fd, 5));
    f->server.closes = true;
    assert_false(echo(fd, 5));
    close(fd);
}

static void
session_is_ended_before_the_broker_does(void **state)
{
    struct fixture *f = *state;
    int64_t start_ms = cv_mono_ms();
    int fd;

    f->server.lifetime_ms = 1500;
    fd = connected(f);
    assert_true(echo(fd, 5));
    assert_true(ends(fd));
    assert_true(cv_mono_ms() - start_ms >= 400); /* and this broker ends nothing by itself */
    close(fd);
}

static void
end_of_the_tunnel_ends_links_in_any_state(void **state)
{
    struct fixture *f = *state;
    int idle = connected(f), busy, never = make_socket(0, 0, 0, &f->handle);
    int64_t start_ms = cv_mono_ms();

    assert_true(echo(idle, 5));
    busy = connected(f); /* about to log in */
    kafka_tunnel_free(f->handle.tunnel);
    f->handle.tunnel = NULL;
    assert_true(cv_mono_ms() - start_ms < 2000);
    assert_true(ends(idle));
    assert_true(ends(busy));
    close(idle);
    close(busy);
    close(never);
}

#define CROWD  6
#define ROUNDS 10 /* the fake broker takes 64 connections */

static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER; /* one login at a time: the server has one state */

static void *
come_and_go(void *arg)
{
    struct fixture *f = arg;

    for (int i = 0; i < ROUNDS; i++) {
        bool ok;
        int fd;

        pthread_mutex_lock(&opening);
        fd = make_socket(0, 0, 0, &f->handle);
        ok = fd >= 0 && connect_socket(fd, NULL, 0, f->node, &f->handle) == 0 && echo(fd, 100);
        pthread_mutex_unlock(&opening);
        ok = ok && echo(fd, 1000 + (size_t)i * 5000);
        close(fd);
        if (!ok)
            return arg;
    }
    return NULL;
}

/* As librdkafka's broker threads do: sockets come, go and are reaped on several threads. */
static void
links_come_and_go_on_many_threads(void **state)
{
    pthread_t threads[CROWD];
    bool ok = true;
    void *failed;

    for (size_t i = 0; i < CROWD; i++)
        assert_int_equal(0, pthread_create(&threads[i], NULL, come_and_go, *state));
    for (size_t i = 0; i < CROWD; i++) {
        assert_int_equal(0, pthread_join(threads[i], &failed));
        ok = ok && failed == NULL;
    }
    assert_true(ok);
    assert_int_equal(CROWD * ROUNDS, atomic_load(&((struct fixture *)*state)->server.logins));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bytes_pass_both_ways_behind_the_login),
        TEST(only_scram_needs_a_tunnel),
        TEST(what_is_not_asked_for_is_not_connected),
        TEST(number_of_a_socket_that_was_never_connected_is_used_again),
        TEST(refused_login_ends_the_link_and_is_told),
        TEST(broker_that_is_away_ends_the_link),
        TEST(broker_that_closes_ends_the_link),
        TEST(session_is_ended_before_the_broker_does),
        TEST(end_of_the_tunnel_ends_links_in_any_state),
        TEST(links_come_and_go_on_many_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
