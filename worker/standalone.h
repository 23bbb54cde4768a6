/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A standalone worker: the herder of a cluster of one (worker/group/alone.h), configs and statuses in memory, offsets
 * in a file, connectors from files. What its REST API does differently from a distributed worker's.
 */
#ifndef WORKER_STANDALONE_H
#define WORKER_STANDALONE_H

#include "worker/herder_request.h"
#include "worker/status.h"

/* What a connector file says: Java properties, a JSON object of strings, or a JSON create request. */
struct connector_file {
    char *name;
    struct cv_config *config;
    bool has_target;
    enum target_state target; /* if has_target */
};

/* CV_INVALID with the file named, and the remedy. */
CV_MUST_CHECK enum cv_rc connector_file_read(const char *path, struct connector_file *ret, struct cv_err *err);
void connector_file_done(struct connector_file *file);

/* Create the connectors of the files, in order; waits until each has started. The first that cannot be read, is not
   valid or does not start ends it. stopped is asked now and then: true gives up with CV_FENCED. Main thread. */
CV_MUST_CHECK enum cv_rc standalone_create(struct herder *h, char *const *files, size_t count, bool (*stopped)(void),
                                           struct cv_err *err);

/* Requests that were written to the stores are answered only when they have had their effect. Any thread but the
   herder's. */
bool standalone_is(const struct herder *h);
CV_MUST_CHECK enum cv_rc standalone_wait_started(struct herder *h, const char *name, struct cv_err *err);
CV_MUST_CHECK enum cv_rc standalone_wait_gone(struct herder *h, const char *name, struct cv_err *err);
CV_MUST_CHECK enum cv_rc standalone_wait_restarted(struct herder *h, const char *name, struct cv_err *err);

#endif
