/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP and TLS under a broker connection.
 *
 * The socket never blocks; all waiting is in wire_wait, which also watches a wake-up, so that a
 * thread in the middle of a slow handshake can be stopped. TLS may want to read while we write and
 * the other way round: hence the events that the moving functions return. Threads of cv_thread
 * block SIGPIPE, which OpenSSL's own writes could raise.
 */
#include <config.h>

#include "common/wire/stream.h"

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/wire/settings.h"
#include "common/wire/tls.h"

enum wire_waited
wire_wait(int fd, short events, int64_t deadline_ms, const struct cv_wake *interrupt)
{
    struct pollfd fds[2] = { { .fd = fd, .events = events }, { .fd = -1, .events = POLLIN } };

    if (interrupt != NULL)
        fds[1].fd = interrupt->fd;
    for (;;) {
        int64_t left_ms = deadline_ms - cv_mono_ms();
        int n;

        if (left_ms > INT_MAX)
            left_ms = INT_MAX;
        n = poll(fds, 2, left_ms < 0 ? 0 : (int)left_ms);
        if (n > 0 && fds[1].revents != 0)
            return WIRE_INTERRUPTED;
        if (n > 0)
            return WIRE_READY;
        if (n == 0 && cv_mono_ms() >= deadline_ms)
            return WIRE_DEADLINE;
    }
}

/* Wait within wire_stream_open. */
static enum cv_rc
open_wait(const struct wire_stream *stream, short events, int64_t deadline_ms,
          const struct cv_wake *interrupt, const char *doing, struct cv_err *err)
{
    switch (wire_wait(stream->fd, events, deadline_ms, interrupt)) {
    case WIRE_READY:
        return CV_OK;
    case WIRE_INTERRUPTED:
        return cv_fail(err, CV_RETRY, "interrupted while %s %s", doing, stream->host);
    default:
        return cv_fail(err, CV_RETRY, "timed out while %s %s", doing, stream->host);
    }
}

static void
socket_close(struct wire_stream *stream)
{
    if (stream->fd >= 0)
        close(stream->fd);
    stream->fd = -1;
}

/* Before it is connected, since the window of TCP follows from the buffers. What the system does not give is no
   reason to do without a connection. */
static void
set_options(int fd, const struct cv_wire_settings *settings)
{
    const struct {
        int level, name, value;
        bool is_set;
    } options[] = {
        { IPPROTO_TCP, TCP_NODELAY, 1, settings->no_delay },
        { SOL_SOCKET, SO_KEEPALIVE, 1, settings->keepalive },
        { SOL_SOCKET, SO_SNDBUF, settings->send_buffer_bytes, settings->send_buffer_bytes > 0 },
        { SOL_SOCKET, SO_RCVBUF, settings->receive_buffer_bytes, settings->receive_buffer_bytes > 0 },
    };

    for (size_t i = 0; i < CV_COUNT(options); i++)
        if (options[i].is_set)
            (void)setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof(options[i].value));
}

static enum cv_rc
connect_one(struct wire_stream *stream, const struct cv_wire_settings *settings,
            const struct addrinfo *addr, int64_t deadline_ms, const struct cv_wake *interrupt,
            struct cv_err *err)
{
    int error = 0;
    socklen_t len = sizeof(error);
    enum cv_rc rc;

    stream->fd = socket(addr->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (stream->fd < 0)
        return cv_fail_errno(err, CV_RETRY, errno, "could not make a socket for %s", stream->host);
    set_options(stream->fd, settings);
    if (connect(stream->fd, addr->ai_addr, addr->ai_addrlen) != 0) {
        if (errno != EINPROGRESS)
            return cv_fail_errno(err, CV_RETRY, errno, "could not connect to %s", stream->host);
        rc = open_wait(stream, POLLOUT, deadline_ms, interrupt, "connecting to", err);
        if (rc != CV_OK)
            return rc;
        if (getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
            error = errno;
        if (error != 0)
            return cv_fail_errno(err, CV_RETRY, error, "could not connect to %s", stream->host);
    }
    return CV_OK;
}

/* The addresses of the host, one after the other, until one answers. */
static enum cv_rc
connect_any(struct wire_stream *stream, const struct cv_wire_settings *settings, const char *host,
            int port, int64_t deadline_ms, const struct cv_wake *interrupt, struct cv_err *err)
{
    const struct addrinfo hints = { .ai_family = settings->family,
                                    .ai_socktype = SOCK_STREAM,
                                    .ai_flags = AI_NUMERICSERV };
    struct addrinfo *list = NULL, *addr;
    enum cv_rc rc = CV_RETRY;
    char service[16];
    int code;

    snprintf(service, sizeof(service), "%d", port);
    code = getaddrinfo(host, service, &hints, &list);
    if (code != 0)
        return cv_fail(err, CV_RETRY, "could not look up the broker \"%s\": %s", host,
                       gai_strerror(code));
    for (addr = list; addr != NULL; addr = addr->ai_next) {
        rc = connect_one(stream, settings, addr, deadline_ms, interrupt, err);
        if (rc == CV_OK)
            break;
        socket_close(stream);
        if (cv_mono_ms() >= deadline_ms)
            break;
    }
    freeaddrinfo(list);
    return rc;
}

static bool
is_about_revocation(long verified)
{
    switch (verified) {
    case X509_V_ERR_CERT_REVOKED:
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_CRL_NOT_YET_VALID:
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
    case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
        return true;
    default:
        return false;
    }
}

/* Why a TLS call failed. Nothing that another try could mend is CV_INVALID. */
static enum cv_rc
tls_failure(struct wire_stream *stream, int code, const char *doing, struct cv_err *err)
{
    int saved = errno;
    long verified = SSL_get_verify_result(stream->ssl);

    if (verified != X509_V_OK && SSL_get_verify_mode(stream->ssl) != SSL_VERIFY_NONE) {
        ERR_clear_error();
        return cv_fail(err, CV_INVALID, "the certificate of %s is not trusted (%s): check %s", stream->host,
                       X509_verify_cert_error_string(verified),
                       is_about_revocation(verified)
                           ? "ssl.crl.location"
                           : "ssl.truststore.location or ssl.ca.location, and the host in bootstrap.servers");
    }
    if (code == SSL_ERROR_ZERO_RETURN ||
        (code == SSL_ERROR_SYSCALL && ERR_peek_error() == 0 && saved == 0)) {
        ERR_clear_error();
        return cv_fail(err, CV_RETRY, "%s closed the connection while %s", stream->host, doing);
    }
    if (code == SSL_ERROR_SYSCALL && ERR_peek_error() == 0)
        return cv_fail_errno(err, CV_RETRY, saved, "TLS failed while %s %s", doing, stream->host);
    return wire_tls_fail(err, CV_RETRY, "TLS failed while %s %s; is its listener a TLS one?", doing,
                         stream->host);
}

static enum cv_rc
handshake(struct wire_stream *stream, int64_t deadline_ms, const struct cv_wake *interrupt,
          struct cv_err *err)
{
    for (;;) {
        enum cv_rc rc;
        int n, code;

        ERR_clear_error();
        errno = 0;
        n = SSL_connect(stream->ssl);
        if (n == 1)
            return CV_OK;
        code = SSL_get_error(stream->ssl, n);
        if (code != SSL_ERROR_WANT_READ && code != SSL_ERROR_WANT_WRITE)
            return tls_failure(stream, code, "shaking hands with", err);
        rc = open_wait(stream, code == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline_ms,
                       interrupt, "shaking hands with", err);
        if (rc != CV_OK)
            return rc;
    }
}

/* Whom the certificate must name: an address as an address, anything else as a DNS name, which is
   also sent as SNI. */
static bool
set_peer(SSL *ssl, const char *host, bool verify_host)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    ASN1_OCTET_STRING *parsed = a2i_IPADDRESS(host);
    bool is_address = parsed != NULL;

    ASN1_OCTET_STRING_free(parsed);
    ERR_clear_error();
    if (!is_address && SSL_set_tlsext_host_name(ssl, host) != 1)
        return false;
    if (!verify_host)
        return true;
    if (is_address)
        return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
    return X509_VERIFY_PARAM_set1_host(param, host, 0) == 1;
}

static enum cv_rc
tls_open(struct wire_stream *stream, const struct cv_wire_settings *settings, const char *host,
         int64_t deadline_ms, const struct cv_wake *interrupt, struct cv_err *err)
{
    stream->ssl = SSL_new(settings->tls);
    if (stream->ssl == NULL || SSL_set_fd(stream->ssl, stream->fd) != 1 ||
        !set_peer(stream->ssl, host, settings->verify_host))
        return wire_tls_fail(err, CV_INTERNAL, "cannot set up TLS for %s", stream->host);
    return handshake(stream, deadline_ms, interrupt, err);
}

enum cv_rc
wire_stream_open(struct wire_stream *ret, const struct cv_wire_settings *settings, const char *host,
                 int port, int64_t deadline_ms, const struct cv_wake *interrupt, struct cv_err *err)
{
    struct wire_stream stream = { .fd = -1 };
    enum cv_rc rc;

    if (asprintf(&stream.host, "%s:%d", host, port) < 0)
        return cv_fail_memory(err);
    rc = connect_any(&stream, settings, host, port, deadline_ms, interrupt, err);
    if (rc == CV_OK && settings->tls != NULL)
        rc = tls_open(&stream, settings, host, deadline_ms, interrupt, err);
    if (rc == CV_OK)
        *ret = stream;
    else
        wire_stream_close(&stream);
    return rc;
}

void
wire_stream_close(struct wire_stream *stream)
{
    if (stream->ssl != NULL) {
        SSL_shutdown(stream->ssl); /* once, without waiting for the answer */
        SSL_free(stream->ssl);
        ERR_clear_error();
    }
    stream->ssl = NULL;
    socket_close(stream);
    free(stream->host);
    stream->host = NULL;
}

static enum cv_rc
tls_moved(struct wire_stream *stream, int n, const char *doing, size_t *ret_n, short *ret_events,
          struct cv_err *err)
{
    int code;

    *ret_n = 0;
    if (n > 0) {
        *ret_n = (size_t)n;
        return CV_OK;
    }
    code = SSL_get_error(stream->ssl, n);
    if (code != SSL_ERROR_WANT_READ && code != SSL_ERROR_WANT_WRITE)
        return tls_failure(stream, code, doing, err);
    *ret_events = code == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
    return CV_OK;
}

enum cv_rc
wire_stream_read(struct wire_stream *stream, void *data, size_t len, size_t *ret_n,
                 short *ret_events, struct cv_err *err)
{
    ssize_t n;

    if (stream->ssl != NULL) {
        ERR_clear_error();
        errno = 0;
        return tls_moved(stream, SSL_read(stream->ssl, data, len > INT_MAX ? INT_MAX : (int)len),
                         "reading from", ret_n, ret_events, err);
    }
    *ret_n = 0;
    *ret_events = POLLIN;
    n = recv(stream->fd, data, len, 0);
    if (n > 0)
        *ret_n = (size_t)n;
    else if (n == 0)
        return cv_fail(err, CV_RETRY, "%s closed the connection", stream->host);
    else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        return cv_fail_errno(err, CV_RETRY, errno, "could not read from %s", stream->host);
    return CV_OK;
}

enum cv_rc
wire_stream_write(struct wire_stream *stream, const void *data, size_t len, size_t *ret_n,
                  short *ret_events, struct cv_err *err)
{
    ssize_t n;

    if (stream->ssl != NULL) {
        ERR_clear_error();
        errno = 0;
        return tls_moved(stream, SSL_write(stream->ssl, data, len > INT_MAX ? INT_MAX : (int)len),
                         "writing to", ret_n, ret_events, err);
    }
    *ret_n = 0;
    *ret_events = POLLOUT;
    n = send(stream->fd, data, len, MSG_NOSIGNAL);
    if (n > 0)
        *ret_n = (size_t)n;
    else if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        return cv_fail_errno(err, CV_RETRY, errno, "could not write to %s", stream->host);
    return CV_OK;
}
