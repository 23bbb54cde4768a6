/* SPDX-License-Identifier: Apache-2.0 */
/* A test's own HTTP client: it sends what a good client never would. */
#include <config.h>

#include "tests/helper/cmocka_all.h"

#include "tests/helper/raw_http.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

void
raw_answer_done(struct raw_answer *answer)
{
    free(answer->head);
    free(answer->body);
    memset(answer, 0, sizeof(*answer));
}

char *
raw_header(const struct raw_answer *answer, const char *name)
{
    size_t len = strlen(name);

    if (answer->head == NULL)
        return NULL;
    for (const char *line = strstr(answer->head, "\r\n"); line != NULL;
         line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, len) == 0 && line[len] == ':') {
            line += len + 1;
            line += strspn(line, " ");
            return strndup(line, strcspn(line, "\r"));
        }
    }
    return NULL;
}

int
raw_connect(int port)
{
    struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons((unsigned short)port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    return fd;
}

void
raw_send(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

        if (n <= 0)
            return; /* the answer tells why */
        bytes += n;
        len -= (size_t)n;
    }
}

void
raw_send_text(int fd, const char *text)
{
    raw_send(fd, text, strlen(text));
}

/* One byte, -1 at the end. */
static int
read_byte(int fd)
{
    struct pollfd pfd = { .fd = fd, .events = POLLIN };
    unsigned char c;

    if (poll(&pfd, 1, RAW_HTTP_WAIT_MS) != 1)
        fail_msg("no answer within %d ms", RAW_HTTP_WAIT_MS);
    return recv(fd, &c, 1, 0) == 1 ? c : -1;
}

struct raw_answer
raw_read(int fd, bool head_only)
{
    struct raw_answer answer = { 0 };
    size_t len = 0, cap = 65536;
    char *length;
    int c;

    answer.head = calloc(1, cap);
    assert_non_null(answer.head);
    while (len < cap - 1 && (c = read_byte(fd)) >= 0) {
        answer.head[len++] = (char)c;
        if (len >= 4 && memcmp(answer.head + len - 4, "\r\n\r\n", 4) == 0)
            break;
    }
    if (sscanf(answer.head, "HTTP/1.%*c %d", &answer.status) != 1)
        answer.status = 0;
    length = raw_header(&answer, "Content-Length");
    answer.body_len = head_only || length == NULL ? 0 : strtoul(length, NULL, 10);
    free(length);
    answer.body = calloc(1, answer.body_len + 1);
    assert_non_null(answer.body);
    for (size_t n = 0; n < answer.body_len;) {
        ssize_t got = recv(fd, answer.body + n, answer.body_len - n, 0);

        if (got <= 0) {
            answer.body_len = n;
            break;
        }
        n += (size_t)got;
    }
    return answer;
}

bool
raw_read_until(int fd, const char *text)
{
    size_t len = strlen(text), n = 0;
    char *last = calloc(1, len + 1); /* of what came, as many bytes as text has */
    bool found = false;
    int c;

    assert_non_null(last);
    while (!found && (c = read_byte(fd)) >= 0) {
        if (n == len)
            memmove(last, last + 1, --n);
        last[n++] = (char)c;
        found = n == len && memcmp(last, text, len) == 0;
    }
    free(last);
    return found;
}

bool
raw_is_closed(int fd, int wait_ms)
{
    struct pollfd pfd = { .fd = fd, .events = POLLIN };
    char c;

    return poll(&pfd, 1, wait_ms) == 1 && recv(fd, &c, 1, 0) <= 0;
}

struct raw_answer
raw_ask(int port, const char *request)
{
    int fd = raw_connect(port);
    struct raw_answer answer;

    raw_send_text(fd, request);
    answer = raw_read(fd, strncmp(request, "HEAD ", 5) == 0);
    (void)close(fd);
    return answer;
}

struct raw_answer
raw_call(int port, const char *method, const char *path, const char *headers, const char *body)
{
    struct raw_answer answer;
    char *request = NULL;
    char length[64] = "";

    if (body != NULL || strcmp(method, "GET") != 0)
        (void)snprintf(length, sizeof(length), "Content-Length: %zu\r\n",
                       body == NULL ? 0 : strlen(body));
    assert_true(asprintf(&request, "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s%s\r\n%s", method,
                         path, port, headers == NULL ? "" : headers, length,
                         body == NULL ? "" : body) > 0);
    answer = raw_ask(port, request);
    free(request);
    return answer;
}
