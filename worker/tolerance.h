/* SPDX-License-Identifier: Apache-2.0 */
/* errors.tolerance and errors.log.*: what becomes of a record that a transform or converter cannot take. */
#ifndef WORKER_TOLERANCE_H
#define WORKER_TOLERANCE_H

#include <stdatomic.h>

#include <culvert/config.h>

#include "worker/pipeline.h"

struct cv_log;

struct tolerance {
    bool skip; /* errors.tolerance=all */
    bool log;  /* errors.log.enable */
    struct cv_log *logger;
    atomic_uint_fast64_t failures;
    atomic_uint_fast64_t skipped;
};

void tolerance_init(struct tolerance *tolerance, const struct cv_config *connector, struct cv_log *logger);
/* true: go on without the record. false: the task fails, err says why. */
bool tolerance_skips(struct tolerance *tolerance, enum pipeline_stage stage, const char *topic,
                     struct cv_err *err);

#endif
