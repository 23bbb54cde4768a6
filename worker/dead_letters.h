/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dead letter queue of a sink task: messages whose records failed, as they were consumed, with headers that say
 * what went wrong. One thread, the task's. A letter that Kafka does not take for good is a failure of the task: its
 * offset is never committed.
 */
#ifndef WORKER_DEAD_LETTERS_H
#define WORKER_DEAD_LETTERS_H

#include <stdatomic.h>

#include <culvert/config.h>

#include "worker/pipeline.h"

struct cv_admin;
struct cv_consumed;
struct cv_log;
struct dead_letters;

/* All borrowed for the life of the queue. */
struct dead_letters_spec {
    const char *connector;
    int task;
    const struct cv_config *config; /* of the connector */
    const struct cv_config *worker_raw;
    struct cv_admin *admin;
    struct cv_log *log;
    const atomic_bool *stop; /* ends a wait for room */
    atomic_uint_fast64_t *letters; /* counted up */
    atomic_uint_fast64_t *failures;
};

/* *ret NULL: errors.deadletterqueue.topic.name is not set. The topic is made where it is missing, which may take some
   seconds. */
CV_MUST_CHECK enum cv_rc dead_letters_new(const struct dead_letters_spec *spec, struct dead_letters **ret,
                                          struct cv_err *err);
/* What was not delivered is given up. */
void dead_letters_free(struct dead_letters *dlq);

/* Hand over a copy of msg; why: the failure, at work in class_name. CV_RETRY: stopped meanwhile. */
CV_MUST_CHECK enum cv_rc dead_letters_send(struct dead_letters *dlq, const struct cv_consumed *msg,
                                           enum pipeline_stage stage, const char *class_name,
                                           const struct cv_err *why, struct cv_err *err);
/* Take reports of deliveries; never waits. */
void dead_letters_poll(struct dead_letters *dlq);
/* Until all letters are in Kafka. CV_RETRY: not within the time; others: one never will be. */
CV_MUST_CHECK enum cv_rc dead_letters_wait(struct dead_letters *dlq, int timeout_ms, struct cv_err *err);

#endif
