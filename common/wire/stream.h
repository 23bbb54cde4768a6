/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes to and from a broker over TCP or TLS, without blocking but where a deadline is given. Owned
 * by one thread at a time.
 */
#ifndef COMMON_WIRE_STREAM_H
#define COMMON_WIRE_STREAM_H

#include <culvert/err.h>

#include "common/thread.h"

struct cv_wire_settings;
struct ssl_st;

struct wire_stream {
    int fd;
    struct ssl_st *ssl; /* NULL: TCP alone */
    char *host;         /* "host:port", for messages */
};

/*
 * Look up, connect, and shake hands until deadline_ms (monotonic) or until interrupt (may be NULL;
 * it is not cleared) is signalled. The look-up itself cannot be interrupted. CV_RETRY: not
 * reachable now; CV_INVALID: TLS says that this will never do, as with a certificate that is not
 * trusted.
 */
CV_MUST_CHECK
enum cv_rc wire_stream_open(struct wire_stream *ret, const struct cv_wire_settings *settings,
                            const char *host, int port, int64_t deadline_ms,
                            const struct cv_wake *interrupt, struct cv_err *err);
void wire_stream_close(struct wire_stream *stream);

/* What can be moved now. *ret_n 0: nothing, and *ret_events is what to poll for. CV_RETRY: the
   connection is gone, also at its orderly end. */
CV_MUST_CHECK
enum cv_rc wire_stream_read(struct wire_stream *stream, void *data, size_t len, size_t *ret_n,
                            short *ret_events, struct cv_err *err);
CV_MUST_CHECK
enum cv_rc wire_stream_write(struct wire_stream *stream, const void *data, size_t len,
                             size_t *ret_n, short *ret_events, struct cv_err *err);

enum wire_waited { WIRE_READY, WIRE_DEADLINE, WIRE_INTERRUPTED };
/* Wait for events on fd. */
enum wire_waited wire_wait(int fd, short events, int64_t deadline_ms,
                           const struct cv_wake *interrupt);

#endif
