/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers that go on, as the server sees them. Private to common/http.
 *
 * A stream is shared by the application, which writes, and by its exchange, whose event thread
 * sends. While there is nothing to send its connection is suspended, so it costs memory only.
 *
 *   WAITING (suspended) --write, end--> SENDING --all sent--> WAITING; ended and all sent: closed
 */
#ifndef COMMON_HTTP_STREAM_H
#define COMMON_HTTP_STREAM_H

#include <microhttpd.h>

#include "common/http/connection.h"
#include "common/http/server.h"

/* The answer to mhd with the stream as its body; NULL: memory is out. */
struct MHD_Response *http_stream_attach(struct cv_http_stream *stream, struct http_connection *conn,
                                        struct MHD_Connection *mhd);
/* The exchange is over, or never began: writes fail from here on. NULL is fine. */
void http_stream_detach(struct cv_http_stream *stream);
/* Send what there is, then close. Any thread. */
void http_stream_finish(struct cv_http_stream *stream);

#endif
