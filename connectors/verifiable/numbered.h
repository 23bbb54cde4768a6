/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the sources of this folder share: options, a sequence number that goes on from the stored offset, the pace
 * of "throughput" records a second, and lines on standard output. The task's own thread, but for numbered_wake.
 */
#ifndef CONNECTORS_VERIFIABLE_NUMBERED_H
#define CONNECTORS_VERIFIABLE_NUMBERED_H

#include <culvert/plugin.h>

#include "common/thread.h"

struct cv_buf;

struct numbered {
    struct cv_source_task base;
    char *name;
    char *topic;
    int32_t id;
    int64_t throughput; /* records a second; below 0: as many as the worker takes */
    int64_t seqno;      /* of the next record */
    int64_t first_seqno;
    int64_t first_ms; /* monotonic; when the first record was due */
    struct cv_wake wake;
};

/* Options of every task: name, id, topic, throughput. what is the task's class, for the error. The struct is zeroed
   before; numbered_done frees it also after a failure. */
CV_MUST_CHECK enum cv_rc numbered_init(struct numbered *task, struct cv_source_ctx *ctx, const struct cv_config *cfg,
                                       const char *what, struct cv_err *err);
void numbered_done(struct numbered *task);
/* For another option that is a number: false if it is missing or none. */
bool numbered_option(const struct cv_config *cfg, const char *key, int64_t *ret);

/* Wait for at most timeout_ms for the next record to be due; how many are due now, at most max. */
int64_t numbered_due(struct numbered *task, int timeout_ms, int64_t max);
/* The position behind the last record of the batch. */
CV_MUST_CHECK enum cv_rc numbered_offset(const struct numbered *task, struct cv_batch *batch, struct cv_err *err);
void numbered_wake(struct numbered *task);

/* max_tasks configs, numbered by "id". */
cv_connector_task_configs numbered_task_configs;

/* One whole line to standard output; several tasks do not mix theirs. What cannot be written is lost. */
void numbered_print(struct cv_buf *line);

#endif
