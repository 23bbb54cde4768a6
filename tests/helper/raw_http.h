/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP by hand for tests: bytes in, answers out. A test fails where the connection fails, unless
 * the call says otherwise. Waits are bounded by RAW_HTTP_WAIT_MS.
 */
#ifndef TESTS_HELPER_RAW_HTTP_H
#define TESTS_HELPER_RAW_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#define RAW_HTTP_WAIT_MS 10000

struct raw_answer {
    int status; /* 0: the connection ended without an answer */
    char *head; /* status line and headers */
    char *body; /* NUL-terminated */
    size_t body_len;
};

void raw_answer_done(struct raw_answer *answer);
/* The value of a header, any case; NULL: none. Free with free(). */
char *raw_header(const struct raw_answer *answer, const char *name);

int raw_connect(int port); /* to 127.0.0.1 */
void raw_send(int fd, const char *bytes, size_t len);
void raw_send_text(int fd, const char *text);
/* The next answer; bodies by Content-Length, none where head_only. */
struct raw_answer raw_read(int fd, bool head_only);
/* Read on until text has come; false: the connection ended before. */
bool raw_read_until(int fd, const char *text);
/* Whether the peer closes the connection within wait_ms without sending more. */
bool raw_is_closed(int fd, int wait_ms);

/* One request on a connection of its own, closed afterwards. request is sent as it is. */
struct raw_answer raw_ask(int port, const char *request);
/* The same from parts; headers is "Name: value\r\n..." or NULL, body NULL is none. */
struct raw_answer raw_call(int port, const char *method, const char *path, const char *headers,
                           const char *body);

#endif
