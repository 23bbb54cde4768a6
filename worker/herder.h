/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The herder: one thread, one loop over group events, config topic events, REST requests and timers. Nothing else
 * changes connector or task state, and nothing on the thread waits for a task without a deadline.
 */
#ifndef WORKER_HERDER_H
#define WORKER_HERDER_H

#include "worker/herder_request.h"

struct cv_metrics_sink;
struct cv_secrets;
struct plugins;
struct worker_config;

/* All borrowed until herder_free. */
struct herder_spec {
    const struct worker_config *config;
    const struct cv_config *raw; /* every key of the worker's file */
    const struct plugins *plugins;
    const struct cv_secrets *secrets;
    const struct cv_config *tls; /* ssl.* keys for requests to other workers; NULL: none */
    const char *url;       /* advertised, with trailing slash */
    const char *worker_id; /* host:port of it */
    void (*died)(void *arg, const struct cv_err *why); /* on the herder's thread: the loop ended by an error */
    void *arg;
};

/* The thread starts, reads the internal topics (waiting for Kafka as long as it takes) and joins the group. */
CV_MUST_CHECK enum cv_rc herder_start(const struct herder_spec *spec, struct herder **ret, struct cv_err *err);
/* Stop all tasks within task.shutdown.graceful.timeout.ms, leave the group, close the stores. REST must not ask
   any more. */
void herder_stop(struct herder *h);
void herder_metrics(void *herder, struct cv_metrics_sink *sink);

#endif
