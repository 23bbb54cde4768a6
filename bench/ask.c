/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask: the same GET again and again on a number of HTTP connections, and how long each answer took.
 *
 * One thread, one request under way on each connection: the next is sent when the answer is complete. Every
 * answer must be a 200 of the length that its head announces, or be chunked to its end. The first seconds
 * (--warm) do not count.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/measure.h"

#define ANSWER_MAX  (1 << 20)
#define SILENCE_MS  10000
#define CONNECTIONS 1000

struct connection {
    int fd;
    int64_t sent_us;
    char *answer; /* ANSWER_MAX, NUL behind what came */
    size_t len;
};

struct run {
    const char *request;
    size_t request_len;
    int64_t count_from_us;
    int64_t end_us;
    int64_t *times_us; /* of answers that count */
    size_t count;
    size_t cap;
    size_t answer_len; /* of the last one */
};

static int
dial(int port)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
        die("could not connect to port %d: %s", port, strerror(errno));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

static void
ask(const struct run *run, struct connection *c)
{
    c->len = 0;
    c->sent_us = mono_us();
    if (send(c->fd, run->request, run->request_len, MSG_NOSIGNAL) != (ssize_t)run->request_len)
        die("could not send a request: %s", strerror(errno));
}

/* The value of a header in an answer's head, NULL if it has none. name ends with a colon. */
static const char *
header(const char *head, const char *name)
{
    for (const char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
        line += 2;
        if (line[0] == '\r')
            break;
        if (strncasecmp(line, name, strlen(name)) == 0)
            return line + strlen(name) + strspn(line + strlen(name), " \t");
    }
    return NULL;
}

/* Whether the chunks from here on end within what has come. */
static bool
chunks_end(const char *at, const char *end)
{
    for (;;) {
        const char *line_end = memmem(at, (size_t)(end - at), "\r\n", 2);
        size_t size;

        if (line_end == NULL)
            return false;
        size = strtoul(at, NULL, 16);
        if ((size_t)(end - line_end) < size + 4)
            return false;
        if (size == 0)
            return true;
        at = line_end + 2 + size + 2;
    }
}

static bool
is_complete(const struct connection *c)
{
    const char *body = strstr(c->answer, "\r\n\r\n");
    const char *length;

    if (body == NULL)
        return false;
    body += 4;
    if (strncmp(c->answer, "HTTP/1.1 200", 12) != 0)
        die("the answer is not 200: %.*s", (int)strcspn(c->answer, "\r\n"), c->answer);
    length = header(c->answer, "Content-Length:");
    if (length != NULL)
        return c->len - (size_t)(body - c->answer) >= strtoul(length, NULL, 10);
    if (header(c->answer, "Transfer-Encoding:") == NULL)
        die("the answer does not say how long it is");
    return chunks_end(body, c->answer + c->len);
}

static void
keep(struct run *run, const struct connection *c, int64_t now_us)
{
    run->answer_len = c->len;
    if (c->sent_us < run->count_from_us)
        return;
    if (run->count == run->cap) {
        run->cap = run->cap == 0 ? 65536 : run->cap * 2;
        run->times_us = realloc(run->times_us, run->cap * sizeof(*run->times_us));
        if (run->times_us == NULL)
            die("out of memory");
    }
    run->times_us[run->count++] = now_us - c->sent_us;
}

static void
on_readable(struct run *run, struct connection *c)
{
    ssize_t n = recv(c->fd, c->answer + c->len, ANSWER_MAX - 1 - c->len, 0);

    if (n <= 0)
        die("the connection ended: %s", n == 0 ? "closed" : strerror(errno));
    c->len += (size_t)n;
    c->answer[c->len] = '\0';
    if (is_complete(c)) {
        keep(run, c, mono_us());
        ask(run, c);
    } else if (c->len >= ANSWER_MAX - 1) {
        die("an answer is longer than %d bytes", ANSWER_MAX);
    }
}

static void
run_all(struct run *run, struct connection *connections, int count)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    for (int i = 0; i < count; i++) {
        struct epoll_event want = { .events = EPOLLIN, .data.ptr = &connections[i] };

        if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, connections[i].fd, &want) != 0)
            die("epoll: %s", strerror(errno));
        ask(run, &connections[i]);
    }
    while (mono_us() < run->end_us) {
        struct epoll_event events[64];
        int n = epoll_wait(epoll, events, 64, SILENCE_MS);

        if (n == 0)
            die("no answer came within %d ms", SILENCE_MS);
        for (int i = 0; i < n; i++)
            on_readable(run, events[i].data.ptr);
    }
    (void)close(epoll);
}

static int
by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

static long long
quantile(const struct run *run, double q)
{
    return (long long)run->times_us[(size_t)(q * (double)(run->count - 1))];
}

int
main(int argc, char **argv)
{
    static const struct option options[] = { { "connections", required_argument, NULL, 'c' },
                                             { "seconds", required_argument, NULL, 's' },
                                             { "warm", required_argument, NULL, 'w' },
                                             { NULL, 0, NULL, 0 } };
    long count = 1, seconds = 5, warm = 1;
    struct connection *connections;
    struct run run = { 0 };
    char request[2048];
    int64_t now;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'c')
            count = parse_count("--connections", optarg, 1);
        else if (option == 's')
            seconds = parse_count("--seconds", optarg, 1);
        else if (option == 'w')
            warm = parse_count("--warm", optarg, 0);
        else
            die("usage: ask [--connections N] [--seconds S] [--warm S] PORT PATH");
    }
    if (argc - optind != 2 || count > CONNECTIONS || strlen(argv[optind + 1]) > 1024)
        die("usage: ask [--connections N] [--seconds S] [--warm S] PORT PATH");
    run.request = request;
    run.request_len = (size_t)snprintf(request, sizeof(request),
                                       "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n\r\n",
                                       argv[optind + 1]);
    connections = calloc((size_t)count, sizeof(*connections));
    for (long i = 0; connections != NULL && i < count; i++) {
        connections[i].fd = dial((int)parse_count("PORT", argv[optind], 1));
        connections[i].answer = malloc(ANSWER_MAX);
        if (connections[i].answer == NULL)
            die("out of memory");
    }
    if (connections == NULL)
        die("out of memory");
    now = mono_us();
    run.count_from_us = now + warm * 1000000;
    run.end_us = run.count_from_us + seconds * 1000000;
    run_all(&run, connections, (int)count);
    if (run.count == 0)
        die("no answer counts");
    qsort(run.times_us, run.count, sizeof(*run.times_us), by_size);
    printf("requests=%zu per_s=%.0f p50_us=%lld p99_us=%lld max_us=%lld answer_bytes=%zu\n", run.count,
           (double)run.count / (double)seconds, quantile(&run, 0.5), quantile(&run, 0.99), quantile(&run, 1),
           run.answer_len);
    return 0;
}
