/* SPDX-License-Identifier: Apache-2.0 */
/*
 * errors.retry.*, errors.tolerance and errors.log.*: what becomes of a record that a transform, a converter or the
 * sink cannot take. Owned by the task's thread; the counters may be read by any.
 */
#ifndef WORKER_TOLERANCE_H
#define WORKER_TOLERANCE_H

#include <stdatomic.h>

#include <culvert/config.h>

#include "worker/pipeline.h"

struct cv_consumed;
struct cv_log;
struct cv_wake;

/* All borrowed for the life of the task. */
struct tolerance_spec {
    const char *connector;
    int task;
    const struct cv_config *config; /* of the connector */
    struct cv_log *log;
    struct cv_wake *wake;    /* signalled when stop is set */
    const atomic_bool *stop; /* ends waits between tries */
};

struct tolerance {
    struct tolerance_spec spec;
    bool skip;             /* errors.tolerance=all */
    bool log;              /* errors.log.enable */
    bool include_messages; /* errors.log.include.messages */
    int64_t retry_timeout_ms; /* errors.retry.timeout; negative: for ever */
    int64_t retry_delay_max_ms;
    int64_t retry_since_ms; /* of the operation under way */
    unsigned seed;
    atomic_uint_fast64_t failures; /* attempts that failed */
    atomic_uint_fast64_t errors;   /* records that were given up */
    atomic_uint_fast64_t skipped;
    atomic_uint_fast64_t retries;
    atomic_uint_fast64_t logged;
    atomic_uint_fast64_t dead_letters; /* handed to the dead letter queue */
    atomic_uint_fast64_t dead_letter_failures;
    _Atomic int64_t last_error_ms; /* 0: none yet */
};

/* A record that failed. */
struct tolerance_failure {
    enum pipeline_stage stage;
    const char *class_name; /* what was at work */
    const struct cv_consumed *consumed; /* sinks: the message it was made from; else NULL */
    const struct cv_record *record;     /* sources: the record; else NULL */
};

void tolerance_init(struct tolerance *tolerance, const struct tolerance_spec *spec);
/* An attempt, the first is 1, came to CV_RETRY: wait, and say whether to try again. For struct pipeline_spec. */
bool tolerance_again(void *tolerance, unsigned attempt);
/* true: go on without the record. false: the task fails, err says why. */
bool tolerance_skips(struct tolerance *tolerance, const struct tolerance_failure *failure, struct cv_err *err);

#endif
