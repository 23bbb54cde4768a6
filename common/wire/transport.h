/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection to a broker: frames with correlation ids over TCP or TLS, opened with ApiVersions
 * and SASL. A broker answers the requests of a connection in their order, one at a time.
 *
 * Owned by one thread at a time. Failures that end the connection are CV_RETRY (try again, perhaps
 * elsewhere) or CV_INVALID (credentials refused, certificate not trusted, broker too old, malformed
 * frame); after either the connection can only be closed.
 */
#ifndef COMMON_WIRE_TRANSPORT_H
#define COMMON_WIRE_TRANSPORT_H

#include "common/thread.h"
#include "common/wire/message.h"
#include "common/wire/settings.h"

#define CV_WIRE_FRAME_MAX ((size_t)16 << 20)

struct cv_wire_conn;
struct wire_stream;

/* Connect, authenticate and check the broker's versions, until deadline_ms (monotonic) or until
   interrupt (may be NULL, is not cleared) is signalled. settings must live as long as the
   connection. */
CV_MUST_CHECK
enum cv_rc cv_wire_open(const struct cv_wire_settings *settings, const char *host, int port,
                        int64_t deadline_ms, const struct cv_wake *interrupt,
                        struct cv_wire_conn **ret, struct cv_err *err);
void cv_wire_close(struct cv_wire_conn *conn);
/* The bytes under an opened connection, for one who speaks the protocol himself from now on. */
struct wire_stream *cv_wire_stream(struct cv_wire_conn *conn);
/*
 * For one who waits for several connections: the socket, and what to poll it for. Events change with
 * every call that sends or receives. Once they came, call cv_wire_receive with deadline 0 until it
 * has no more: TLS may hold responses that poll does not tell of.
 */
int cv_wire_fd(const struct cv_wire_conn *conn);
short cv_wire_events(const struct cv_wire_conn *conn);
/* "host:port" */
const char *cv_wire_peer(const struct cv_wire_conn *conn);
/* Monotonic time by which the broker ends the SASL session; 0: never. Authenticate again before. */
int64_t cv_wire_expires_ms(const struct cv_wire_conn *conn);
/* Log in once more on the open connection (KIP-368), only when no request is unanswered; its end
   moves. A failure ends the connection. */
CV_MUST_CHECK
enum cv_rc cv_wire_reauthenticate(struct cv_wire_conn *conn, int64_t deadline_ms,
                                  const struct cv_wake *interrupt, struct cv_err *err);

/* Whether the broker speaks an api at our version: CV_INVALID if not. Those of group membership were
   checked when the connection was opened. */
CV_MUST_CHECK
enum cv_rc cv_wire_check_api(const struct cv_wire_conn *conn, enum cv_wire_api api,
                             struct cv_err *err);

/*
 * A request written where it is sent from. cv_wire_begin appends its head and returns the buffer
 * that the body goes behind; positions in it are kept as offsets, since it may move. cv_wire_end
 * sends what can be sent now; the rest goes out in cv_wire_receive. Its CV_NO_MEMORY (a request
 * beyond its maximum, or more than twice as much waiting) takes the request back and leaves
 * the connection as it was, as cv_wire_cancel does. No other call between begin and end.
 */
struct cv_buf *cv_wire_begin(struct cv_wire_conn *conn, enum cv_wire_api api,
                             int32_t *ret_correlation_id);
CV_MUST_CHECK
enum cv_rc cv_wire_end(struct cv_wire_conn *conn, struct cv_err *err);
void cv_wire_cancel(struct cv_wire_conn *conn);

/* The same around a body. */
CV_MUST_CHECK
enum cv_rc cv_wire_send(struct cv_wire_conn *conn, enum cv_wire_api api, const struct cv_buf *body,
                        int32_t *ret_correlation_id, struct cv_err *err);

struct cv_wire_response {
    int32_t correlation_id;
    const void *body; /* borrowed until the next call; NULL: nothing came */
    size_t len;
};

/* The next response. CV_OK with body NULL at the deadline, or when interrupt is signalled. With
   deadline 0 it does not wait: it sends what can be sent and reads what is there, without poll. */
CV_MUST_CHECK
enum cv_rc cv_wire_receive(struct cv_wire_conn *conn, int64_t deadline_ms,
                           const struct cv_wake *interrupt, struct cv_wire_response *ret,
                           struct cv_err *err);

/* Send and wait for the answer; only when no other request is unanswered. CV_RETRY at the deadline.
 */
CV_MUST_CHECK
enum cv_rc cv_wire_call(struct cv_wire_conn *conn, enum cv_wire_api api, const struct cv_buf *body,
                        int64_t deadline_ms, const struct cv_wake *interrupt,
                        struct cv_wire_response *ret, struct cv_err *err);

#endif
