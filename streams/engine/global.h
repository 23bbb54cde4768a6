/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper of the GLOBAL tables: one thread a worker reads all partitions of their topics into
 * global.db, which tasks attach. It has no changelog: the topics are it; where to go on stands in
 * the file itself, in the same transaction as the rows.
 */
#ifndef STREAMS_ENGINE_GLOBAL_H
#define STREAMS_ENGINE_GLOBAL_H

#include "streams/engine/status.h"
#include "streams/io/broker.h"
#include "streams/sql/plan.h"

struct global;

struct global_spec {
    const struct plan *plan;
    struct broker *broker;     /* taken: freed with the keeper */
    const int32_t *partitions; /* of each source's topic, by its number in the plan; copied */
    const char *path;          /* of the file */
    struct status_board *board;
};

/* Opens the file; the broker is freed on failure, too. */
CV_MUST_CHECK
enum cv_rc global_new(const struct global_spec *spec, struct global **ret, struct cv_err *err);
void global_free(struct global *global); /* the thread must have ended */

/* The thread's body: until global_stop, or a failure. */
void global_run(void *global);
/* One turn of it: read for at most timeout_ms, apply, commit. */
CV_MUST_CHECK
enum cv_rc global_turn(struct global *global, int timeout_ms, struct cv_err *err);
void global_stop(struct global *global);

enum global_state { GLOBAL_LOADING, GLOBAL_READY, GLOBAL_FAILED };
/* READY: everything that was in the topics at the start has been read. FAILED: err, if wanted, says
   why. Any thread. */
enum global_state global_state(struct global *global, struct cv_err *err);

#endif
