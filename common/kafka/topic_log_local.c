/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A log without Kafka: records are kept by the owner's functions, then handled as if they had come back from a topic
 * of one partition.
 */
#include "common/kafka/topic_log_private.h"

#include "common/clock.h"
#include "common/log.h"

#include <stdlib.h>

static void
handle_local(void *arg, struct cv_bytes key, struct cv_bytes value)
{
    struct cv_topic_log *log = arg;
    const struct cv_consumed rec = { .topic = log->topic,
                                     .offset = log->positions[0]++,
                                     .timestamp_ms = CV_NO_TIMESTAMP,
                                     .key = key,
                                     .value = value };

    log->handler(log->arg, &rec);
}

/* Keep the records from first to last. */
static enum cv_rc
keep_local(struct cv_topic_log *log, const struct topic_log_request *first, const struct topic_log_request *last,
           struct cv_err *err)
{
    enum cv_rc rc = CV_OK;

    if (log->local.save == NULL)
        return CV_OK;
    for (const struct topic_log_request *req = first; rc == CV_OK; req = req->next) {
        rc = log->local.save(log->local.arg, req->key, req->value, err);
        if (req == last)
            break;
    }
    return rc == CV_OK ? log->local.flush(log->local.arg, err) : rc;
}

/* All that was sent so far is kept at once, then handled and told one by one. Only this thread takes requests
 * out of the list, so that what lies between the two ends stays. */
static bool
pump_local(struct cv_topic_log *log)
{
    struct cv_err err = CV_ERR_INIT;
    struct topic_log_request *req, *last, *next;
    enum cv_rc rc;

    cv_lock(&log->lock);
    req = log->unsent;
    last = log->last;
    log->unsent = NULL;
    cv_unlock(&log->lock);
    if (req == NULL)
        return false;
    rc = keep_local(log, req, last, &err);
    if (rc != CV_OK)
        CV_LOG_ERROR(log->logger, "records could not be kept", CV_STR("topic", log->topic), CV_ERR(&err));
    for (;; req = next) {
        bool is_last = req == last;

        next = is_last ? NULL : req->next; /* the last one's neighbour may be coming right now */
        if (rc == CV_OK)
            handle_local(log, req->key, req->value);
        topic_log_finish(req, rc == CV_OK ? NULL : &err);
        if (is_last)
            return true;
    }
}

static void
run_local(void *arg)
{
    struct cv_topic_log *log = arg;
    bool stopping = false;

    while (pump_local(log) || !stopping) {
        cv_lock(&log->lock);
        stopping = log->stopping;
        cv_unlock(&log->lock);
        if (!stopping && topic_log_next_unsent(log) == NULL)
            (void)cv_wake_wait(&log->wake, cv_mono_ms() + TOPIC_LOG_IDLE_MS);
    }
}

enum cv_rc
topic_log_start_local(struct cv_topic_log *log, struct cv_err *err)
{
    log->partitions = 1;
    log->positions = calloc(1, sizeof(*log->positions));
    if (log->positions == NULL)
        return cv_fail_memory(err);
    if (log->local.load != NULL &&
        log->local.load(log->local.arg, handle_local, log, err) != CV_OK)
        return err->rc;
    return cv_thread_start("local-log", run_local, log, &log->thread, err);
}
