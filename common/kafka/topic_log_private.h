/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of a topic log share: topic_log.c (its thread, its start, reading to the end), topic_log_requests.c
   (records that are sent), topic_log_local.c (the log without Kafka). */
#ifndef COMMON_KAFKA_TOPIC_LOG_PRIVATE_H
#define COMMON_KAFKA_TOPIC_LOG_PRIVATE_H

#include "common/kafka/producer.h"
#include "common/kafka/topic_log.h"
#include "common/log.h"
#include "common/thread.h"

#define TOPIC_LOG_IDLE_MS 1000 /* the longest sleep of the log's thread */

/* A record on its way; in the log's list until its fate is known. */
struct topic_log_request {
    struct topic_log_request *prev, *next;
    struct cv_topic_log *log;
    uint64_t seq;
    struct cv_bytes key, value; /* behind the struct */
    struct cv_delivery delivery;
    cv_topic_log_sent *sent;
    void *arg;
    bool waited_for; /* its waiter frees it */
    bool done;
    struct cv_err err;
};

struct cv_topic_log {
    char *topic;
    struct cv_log *logger;
    struct cv_admin *admin;
    cv_topic_log_handler *handler;
    void *arg;
    struct cv_thread *thread;
    struct cv_wake wake;
    bool is_local;
    struct cv_local_log local;

    /* the log's thread */
    struct cv_consumer *consumer;
    struct cv_producer *producer;
    struct cv_producer_topic *produce_to;
    struct cv_consumed *batch;
    struct cv_log_limit failure_limit;

    struct cv_lock lock;
    struct cv_cond changed;
    struct topic_log_request *first, *last; /* unfinished, in order */
    struct topic_log_request *unsent;       /* the first of them that the producer does not have */
    size_t unfinished;
    uint64_t seq;
    int64_t *positions; /* next offset of each partition */
    bool *ended;        /* whether the consumer has ever been at the partition's end, as far as it may see */
    bool starting_stable;
    int32_t partitions;
    bool created;          /* by the start of this log */
    struct cv_err failure; /* of the consumer, since the last record */
    bool stopping;
    int64_t stop_deadline_ms;
};

/* ---- topic_log_requests.c ---- */

/* The first request that was not begun; NULL: none. */
struct topic_log_request *topic_log_next_unsent(struct cv_topic_log *log);
/* The log's thread: tell who asked. err NULL: written. Frees the request unless its sender waits. */
void topic_log_finish(struct topic_log_request *req, const struct cv_err *err);

/* ---- topic_log_local.c ---- */

CV_MUST_CHECK enum cv_rc topic_log_start_local(struct cv_topic_log *log, struct cv_err *err);

#endif
