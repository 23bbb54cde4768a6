/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records on their way: any thread puts them into the log's list, the log's thread takes them out when their
 * fate is known.
 */
#include "common/kafka/topic_log_private.h"

#include "common/clock.h"

#include <stdlib.h>
#include <string.h>

#define UNFINISHED_MAX 10000

static void
unlink_request(struct cv_topic_log *log, struct topic_log_request *req)
{
    cv_lock_assert_held(&log->lock);
    if (req->prev != NULL)
        req->prev->next = req->next;
    else
        log->first = req->next;
    if (req->next != NULL)
        req->next->prev = req->prev;
    else
        log->last = req->prev;
    log->unfinished--;
}

void
topic_log_finish(struct topic_log_request *req, const struct cv_err *err)
{
    struct cv_topic_log *log = req->log;
    bool owned;

    if (req->sent != NULL)
        req->sent(req->arg, err);
    cv_lock(&log->lock);
    unlink_request(log, req);
    if (err != NULL)
        req->err = *err;
    req->done = true;
    owned = !req->waited_for;
    cv_cond_signal(&log->changed);
    cv_unlock(&log->lock);
    if (owned)
        free(req);
}

/* A copy of b behind the struct at *inout_to. */
static struct cv_bytes
put_bytes(char **inout_to, struct cv_bytes b)
{
    char *to = *inout_to;

    if (b.data == NULL)
        return b;
    memcpy(to, b.data, b.len);
    *inout_to += b.len;
    return (struct cv_bytes){ to, b.len };
}

static enum cv_rc
enqueue(struct cv_topic_log *log, struct cv_bytes key, struct cv_bytes value,
        cv_topic_log_sent *sent, void *arg, bool waited_for, struct topic_log_request **ret,
        struct cv_err *err)
{
    struct topic_log_request *req = calloc(1, sizeof(*req) + key.len + value.len + 1);
    char *to;

    if (req == NULL)
        return cv_fail_memory(err);
    to = (char *)(req + 1);
    req->log = log;
    req->key = put_bytes(&to, key);
    req->value = put_bytes(&to, value);
    req->sent = sent;
    req->arg = arg;
    req->waited_for = waited_for;
    cv_lock(&log->lock);
    if (log->stopping || log->unfinished >= UNFINISHED_MAX) {
        bool stopping = log->stopping;

        cv_unlock(&log->lock);
        free(req);
        if (stopping)
            return cv_fail(err, CV_RETRY, "topic \"%s\" is being closed", log->topic);
        return cv_fail(err, CV_RETRY, "%d records for topic \"%s\" wait for Kafka already",
                       UNFINISHED_MAX, log->topic);
    }
    req->seq = ++log->seq;
    req->prev = log->last;
    if (log->last != NULL)
        log->last->next = req;
    else
        log->first = req;
    log->last = req;
    if (log->unsent == NULL)
        log->unsent = req;
    log->unfinished++;
    cv_unlock(&log->lock);
    cv_wake_signal(&log->wake);
    *ret = req;
    return CV_OK;
}

enum cv_rc
cv_topic_log_send(struct cv_topic_log *log, struct cv_bytes key, struct cv_bytes value,
                  cv_topic_log_sent *sent, void *arg, struct cv_err *err)
{
    struct topic_log_request *req;

    return enqueue(log, key, value, sent, arg, false, &req, err);
}

enum cv_rc
cv_topic_log_write(struct cv_topic_log *log, struct cv_bytes key, struct cv_bytes value,
                   int timeout_ms, struct cv_err *err)
{
    int64_t deadline = cv_mono_ms() + timeout_ms;
    struct topic_log_request *req;
    enum cv_rc rc = CV_OK;

    if (enqueue(log, key, value, NULL, NULL, true, &req, err) != CV_OK)
        return err->rc;
    cv_lock(&log->lock);
    while (!req->done)
        if (!cv_cond_wait(&log->changed, &log->lock, deadline))
            break;
    if (!req->done) {
        req->waited_for = false;
        cv_unlock(&log->lock);
        return cv_fail(err, CV_RETRY, "could not write to topic \"%s\" within %d ms", log->topic,
                       timeout_ms);
    }
    cv_unlock(&log->lock);
    if (req->err.rc != CV_OK) {
        *err = req->err;
        rc = err->rc;
    }
    free(req);
    return rc;
}

struct topic_log_request *
topic_log_next_unsent(struct cv_topic_log *log)
{
    struct topic_log_request *req;

    cv_lock(&log->lock);
    req = log->unsent;
    cv_unlock(&log->lock);
    return req;
}
