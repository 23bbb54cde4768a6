/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers that go on; see stream.h. Bounds: a client that lets more than max_bytes gather is ended,
 * one that takes nothing for the server's idle time is ended by the sweeper (connection.c), and the
 * server has a limit for streams. Suspending and resuming happen under the stream's lock, so that a
 * write between "nothing to send" and "suspended" is not lost.
 */
#include <config.h>

#include "common/http/stream.h"

#include <stdlib.h>

#define BLOCK      ((size_t)16 << 10) /* libmicrohttpd's buffer */
#define KEPT_BYTES ((size_t)64 << 10) /* of an empty buffer */

struct cv_http_stream {
    struct cv_lock lock;
    int refs; /* the application's and the exchange's */
    struct http_connection *conn;
    struct MHD_Connection *mhd; /* NULL: no request waits for it */
    bool waiting;               /* its connection is suspended */
    bool ended;                 /* nothing will be written any more */
    bool broken;                /* the client is too slow */
    char *data;                 /* what is to be sent: len bytes from first on */
    size_t first;
    size_t len;
    size_t cap;
    size_t max;
};

struct cv_http_stream *
cv_http_response_stream(struct cv_http_response *res, size_t max_bytes)
{
    struct cv_http_stream *stream = calloc(1, sizeof(*stream));

    if (stream == NULL) {
        res->failed = true;
        return NULL;
    }
    cv_lock_init(&stream->lock, CV_RANK_QUEUE);
    stream->refs = 2;
    stream->max = max_bytes;
    res->stream = stream;
    return stream;
}

static void
unref(struct cv_http_stream *stream)
{
    bool last;

    cv_lock(&stream->lock);
    last = --stream->refs == 0;
    cv_unlock(&stream->lock);
    if (!last)
        return;
    cv_lock_done(&stream->lock);
    free(stream->data);
    free(stream);
}

/* There is something to do for the event thread. */
static void
wake(struct cv_http_stream *stream)
{
    cv_lock_assert_held(&stream->lock);
    if (!stream->waiting)
        return;
    stream->waiting = false;
    MHD_resume_connection(stream->mhd);
}

/* Room for len bytes more; false: too much, or memory is out. */
static bool
make_room(struct cv_http_stream *stream, size_t len)
{
    size_t cap = stream->cap == 0 ? 4096 : stream->cap;
    char *data;

    if (len > stream->max - stream->len)
        return false;
    if (stream->first > 0 && stream->first + stream->len + len > stream->cap) {
        memmove(stream->data, stream->data + stream->first, stream->len);
        stream->first = 0;
    }
    while (cap < stream->len + len)
        cap *= 2;
    if (cap <= stream->cap)
        return true;
    data = realloc(stream->data, cap);
    if (data == NULL)
        return false;
    stream->data = data;
    stream->cap = cap;
    return true;
}

bool
cv_http_stream_write(struct cv_http_stream *stream, const char *data, size_t len)
{
    bool taken = false;

    cv_lock(&stream->lock);
    if (!stream->ended && !stream->broken) {
        taken = make_room(stream, len);
        if (taken) {
            memcpy(stream->data + stream->first + stream->len, data, len);
            stream->len += len;
        }
        stream->broken = !taken;
        wake(stream);
    }
    cv_unlock(&stream->lock);
    return taken;
}

void
http_stream_finish(struct cv_http_stream *stream)
{
    cv_lock(&stream->lock);
    stream->ended = true;
    wake(stream);
    cv_unlock(&stream->lock);
}

void
cv_http_stream_close(struct cv_http_stream *stream)
{
    if (stream == NULL)
        return;
    http_stream_finish(stream);
    unref(stream);
}

void
http_stream_detach(struct cv_http_stream *stream)
{
    if (stream == NULL)
        return;
    cv_lock(&stream->lock);
    stream->conn = NULL;
    stream->mhd = NULL;
    stream->waiting = false;
    stream->ended = true;
    stream->len = 0;
    cv_unlock(&stream->lock);
    unref(stream);
}

/* ---- event thread ---- */

static ssize_t
take(struct cv_http_stream *stream, char *out, size_t max)
{
    size_t n = stream->len < max ? stream->len : max;

    if (!http_connection_enter(stream->conn, HTTP_REPLY, n))
        return MHD_CONTENT_READER_END_WITH_ERROR;
    memcpy(out, stream->data + stream->first, n);
    stream->first += n;
    stream->len -= n;
    if (stream->len > 0)
        return (ssize_t)n;
    stream->first = 0;
    if (stream->cap > KEPT_BYTES) {
        free(stream->data);
        stream->data = NULL;
        stream->cap = 0;
    }
    return (ssize_t)n;
}

static ssize_t
on_read(void *arg, uint64_t pos, char *out, size_t max)
{
    struct cv_http_stream *stream = arg;
    ssize_t n = 0;

    (void)pos;
    cv_lock(&stream->lock);
    if (stream->broken) {
        n = MHD_CONTENT_READER_END_WITH_ERROR;
    } else if (stream->len > 0) {
        n = take(stream, out, max);
    } else if (stream->ended) {
        n = MHD_CONTENT_READER_END_OF_STREAM;
    } else if (!http_connection_enter(stream->conn, HTTP_BUSY, 0)) {
        n = MHD_CONTENT_READER_END_WITH_ERROR;
    } else {
        stream->waiting = true;
        MHD_suspend_connection(stream->mhd);
    }
    cv_unlock(&stream->lock);
    return n;
}

struct MHD_Response *
http_stream_attach(struct cv_http_stream *stream, struct http_connection *conn,
                   struct MHD_Connection *mhd)
{
    struct MHD_Response *res =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, on_read, stream, NULL);

    if (res == NULL)
        return NULL;
    cv_lock(&stream->lock);
    stream->conn = conn;
    stream->mhd = mhd;
    cv_unlock(&stream->lock);
    return res;
}
