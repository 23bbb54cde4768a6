/* SPDX-License-Identifier: Apache-2.0 */
/* What every kind of client is made of: a librdkafka instance that logs to us, and failures with a
   class. Internal to common/kafka. */
#ifndef COMMON_KAFKA_HANDLE_H
#define COMMON_KAFKA_HANDLE_H

#include <librdkafka/rdkafka.h>

#include "common/kafka/client.h"
#include "common/log.h"
#include "common/thread.h"

struct kafka_login;
struct kafka_tunnel;

/* What librdkafka counts of an instance. */
struct kafka_totals {
    int64_t connections;
    int64_t requests, responses;
    int64_t bytes_out, bytes_in;
    int64_t lag_max;
};

struct kafka_handle {
    rd_kafka_t *rk;
    struct kafka_tunnel *tunnel; /* NULL: librdkafka opens its connections itself */
    struct kafka_login *login;   /* NULL: not by OAUTHBEARER */
    struct cv_log *log;
    char client_id[128];
    char cluster[64];    /* that a producer's brokers are of; "": not known yet. Its sender's alone */
    struct cv_lock lock; /* librdkafka's threads log; guards what follows */
    struct cv_log_limit limit;
    char problem[512]; /* the last thing that it complained of: the cause behind a time-out */
    bool certificate;  /* the problem is the broker's certificate */
    int64_t problem_ms;
    struct cv_kafka_stats *stats; /* NULL: nobody counts */
    bool counts_sockets;          /* its connections are told by kafka_stats_socket(), not by statistics */
    struct kafka_totals seen;     /* of this instance, counted already */
};

/* A configuration from the layers of conf; free with rd_kafka_conf_destroy unless a handle took it.
 */
CV_MUST_CHECK
enum cv_rc kafka_rdconf_new(const struct cv_kafka_conf *conf, bool transactional,
                            rd_kafka_conf_t **ret, struct cv_err *err);
/* One key more, in librdkafka's name. */
CV_MUST_CHECK
enum cv_rc kafka_rdconf_set(rd_kafka_conf_t *rdconf, const char *key, const char *value,
                            struct cv_err *err);

/*
 * Make the instance; takes rdconf in any case. handle must be zeroed and may not move, since
 * librdkafka's callbacks get it as opaque pointer. kafka_handle_done accepts a zeroed one.
 */
CV_MUST_CHECK
enum cv_rc kafka_handle_init(struct kafka_handle *handle, rd_kafka_type_t type,
                             const struct cv_kafka_conf *conf, rd_kafka_conf_t *rdconf,
                             struct cv_err *err);
void kafka_handle_done(struct kafka_handle *handle);
/* The same without an instance: for who speaks the protocol himself, and logs, fails and counts as the others do. */
void kafka_handle_init_bare(struct kafka_handle *handle, const struct cv_kafka_conf *conf);
void kafka_handle_done_bare(struct kafka_handle *handle);
/* From here on log to a logger that lives for ever and count nothing: the handle outlives its owner. */
void kafka_handle_forget_owner(struct kafka_handle *handle);

/* Log something that librdkafka says or calls back with, at most every few seconds, and remember
 * it. */
void kafka_complain(struct kafka_handle *handle, const char *facility, const char *text);

/* Class of an error code: what the caller can do about it. */
enum cv_rc kafka_class(rd_kafka_resp_err_t code);

/* Fill err with the class of code and "message: librdkafka's text", for time-outs with what
   librdkafka complained of last. detail NULL: the code's own text. */
enum cv_rc kafka_fail(struct kafka_handle *handle, struct cv_err *err, rd_kafka_resp_err_t code,
                      const char *detail, const char *fmt, ...) CV_PRINTF(5, 6);
/* The same from an error object, which is destroyed. */
enum cv_rc kafka_fail_error(struct kafka_handle *handle, struct cv_err *err,
                            rd_kafka_error_t *error, const char *fmt, ...) CV_PRINTF(4, 5);

/* A list of librdkafka from ours, with offsets and metadata. NULL when memory is out. */
rd_kafka_topic_partition_list_t *kafka_list_new(const struct cv_topic_partitions *parts);
/* Ours from librdkafka's, strings owned. */
CV_MUST_CHECK
enum cv_rc kafka_list_copy(const rd_kafka_topic_partition_list_t *list,
                           struct cv_topic_partitions *ret, struct cv_err *err);
/* The first partition of a list that has an error as a failure. */
CV_MUST_CHECK
enum cv_rc kafka_list_check(struct kafka_handle *handle,
                            const rd_kafka_topic_partition_list_t *list, const char *what,
                            struct cv_err *err);

/* Signal wake now and whenever queue becomes non-empty. */
void kafka_queue_notify(rd_kafka_queue_t *queue, struct cv_wake *wake);

struct cv_consumer;
struct kafka_handle *kafka_consumer_handle(struct cv_consumer *consumer);
/* A commit whose answer goes to events.committed. */
rd_kafka_resp_err_t kafka_consumer_commit(struct cv_consumer *consumer, rd_kafka_topic_partition_list_t *offsets);

#endif
