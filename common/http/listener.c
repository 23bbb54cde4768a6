/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listeners as Kafka writes them, and their sockets. The sockets are opened here and not by
 * libmicrohttpd, so that a port that is taken is told with its reason, and port 0 tells what it
 * became.
 */
#include <config.h>

#include "common/http/listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/number.h"

#define BACKLOG 512

static enum cv_rc
bad_format(struct cv_err *err)
{
    return cv_fail(err, CV_INVALID,
                   "Listener doesn't have the right format (protocol://hostname:port).");
}

enum cv_rc
cv_http_listener_parse(const char *text, struct cv_http_listener *ret, struct cv_err *err)
{
    struct cv_http_listener listener = { .port = 0 };
    const char *scheme_end, *host, *colon;
    size_t scheme_len, host_len;
    int64_t port;

    text += strspn(text, " \t");
    if (*text == '\0')
        return cv_fail(err, CV_INVALID, "Empty URL found when parsing listeners list.");
    scheme_end = strstr(text, "://");
    if (scheme_end == NULL)
        return bad_format(err);
    scheme_len = (size_t)(scheme_end - text);
    host = scheme_end + 3;
    if (!(scheme_len == 4 && strncasecmp(text, "http", 4) == 0) &&
        !(scheme_len == 5 && strncasecmp(text, "https", 5) == 0))
        return cv_fail(err, CV_INVALID, "Listener protocol must be either \"http\" or \"https\".");
    memcpy(listener.scheme, scheme_len == 5 ? "https" : "http", scheme_len + 1);

    if (*host == '[') {
        colon = strchr(++host, ']');
        if (colon == NULL || colon[1] != ':')
            return bad_format(err);
        host_len = (size_t)(colon - host);
        colon++;
    } else {
        colon = strchr(host, ':');
        if (colon == NULL || strchr(colon + 1, ':') != NULL)
            return bad_format(err);
        host_len = (size_t)(colon - host);
    }
    if (host_len >= sizeof(listener.host) || memchr(host, '/', host_len) != NULL ||
        memchr(host, ' ', host_len) != NULL)
        return bad_format(err);
    memcpy(listener.host, host, host_len);
    colon++;
    if (colon[strspn(colon, "0123456789")] != '\0' || !cv_parse_i64(colon, strlen(colon), &port))
        return bad_format(err);
    if (port > 65535)
        return cv_fail(err, CV_INVALID, "listener %s: port %s is not between 0 and 65535", text,
                       colon);
    listener.port = (int)port;
    *ret = listener;
    return CV_OK;
}

void
http_listener_format(const struct cv_http_listener *listener, struct cv_buf *out)
{
    bool brackets = strchr(listener->host, ':') != NULL;

    cv_buf_printf(out, "%s://%s%s%s:%d", listener->scheme, brackets ? "[" : "", listener->host,
                  brackets ? "]" : "", listener->port);
}

/* Why the socket could not be had, and what to do about it. */
static enum cv_rc
open_failed(const struct cv_http_listener *listener, const char *option, const char *what,
            int errnum, struct cv_err *err)
{
    struct cv_buf url = CV_BUF_INIT(512);

    http_listener_format(listener, &url);
    if (errnum == EADDRINUSE)
        (void)cv_fail(
            err, CV_INVALID,
            "listener %s: port %d is in use by another program; stop that program, or choose "
            "another port with \"%s\"",
            cv_buf_cstr(&url), listener->port, option);
    else if (errnum == EACCES)
        (void)cv_fail(
            err, CV_INVALID,
            "listener %s: no permission to use port %d; choose one above 1023 with \"%s\"",
            cv_buf_cstr(&url), listener->port, option);
    else if (errnum == EADDRNOTAVAIL)
        (void)cv_fail(err, CV_INVALID,
                      "listener %s: this machine has no address \"%s\"; correct it in \"%s\"",
                      cv_buf_cstr(&url), listener->host, option);
    else
        (void)cv_fail_errno(err, CV_INVALID, errnum, "listener %s (option \"%s\"): could not %s",
                            cv_buf_cstr(&url), option, what);
    cv_buf_free(&url);
    return err->rc;
}

static int
bound_port(int fd)
{
    struct sockaddr_storage addr;
    socklen_t len = sizeof(addr);

    if (getsockname(fd, (struct sockaddr *)&addr, &len) != 0)
        return 0;
    if (addr.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)(void *)&addr)->sin6_port);
    return ntohs(((struct sockaddr_in *)(void *)&addr)->sin_port);
}

/* One address: 0 and the socket, or the errno and what could not be done. */
static int
try_address(const struct addrinfo *ai, int *ret_fd, const char **ret_what)
{
    const int yes = 1, no = 0;
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int errnum;

    *ret_what = "open a socket";
    if (fd < 0)
        return errno;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (ai->ai_family == AF_INET6) /* one socket for both families where the host is empty */
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no));
    *ret_what = "bind";
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0) {
        *ret_what = "listen";
        if (listen(fd, BACKLOG) == 0) {
            *ret_fd = fd;
            return 0;
        }
    }
    errnum = errno;
    (void)close(fd);
    return errnum;
}

enum cv_rc
http_listener_open(struct cv_http_listener *listener, const char *option, int *ret_fd,
                   struct cv_err *err)
{
    bool any = listener->host[0] == '\0';
    struct addrinfo hints = { .ai_family = any ? AF_INET6 : AF_UNSPEC,
                              .ai_socktype = SOCK_STREAM,
                              .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
    struct addrinfo *list = NULL;
    const char *what = "bind";
    char port[16];
    int errnum = EADDRNOTAVAIL;
    int gai;

    (void)snprintf(port, sizeof(port), "%d", listener->port);
    gai = getaddrinfo(any ? NULL : listener->host, port, &hints, &list);
    if (gai != 0 && !any)
        return cv_fail(err, CV_INVALID,
                       "listener %s://%s:%d (option \"%s\"): could not resolve \"%s\": %s",
                       listener->scheme, listener->host, listener->port, option, listener->host,
                       gai_strerror(gai));
    for (struct addrinfo *ai = list; ai != NULL && errnum != 0; ai = ai->ai_next)
        errnum = try_address(ai, ret_fd, &what);
    freeaddrinfo(list);
    if (any && (errnum == EAFNOSUPPORT || errnum == EADDRNOTAVAIL)) {
        hints.ai_family = AF_INET; /* a machine without IPv6 */
        list = NULL;
        if (getaddrinfo(NULL, port, &hints, &list) == 0)
            errnum = try_address(list, ret_fd, &what);
        freeaddrinfo(list);
    }
    if (errnum != 0)
        return open_failed(listener, option, what, errnum, err);
    listener->port = bound_port(*ret_fd);
    return CV_OK;
}

void
cv_http_local_address(char *out, size_t size)
{
    struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
    struct addrinfo *list = NULL;
    char name[256] = "";

    (void)snprintf(out, size, "127.0.0.1");
    if (gethostname(name, sizeof(name) - 1) != 0 || getaddrinfo(name, NULL, &hints, &list) != 0)
        return;
    for (const struct addrinfo *ai = list; ai != NULL; ai = ai->ai_next) {
        char text[256];

        if (getnameinfo(ai->ai_addr, ai->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST) !=
                0 ||
            strncmp(text, "127.", 4) == 0 || strcmp(text, "::1") == 0 || strchr(text, '%') != NULL)
            continue;
        (void)snprintf(out, size, "%s", text);
        break;
    }
    freeaddrinfo(list);
}
