/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the test files of a pipeline, on a Kafka in memory: culvert-streams test DIR. */
#ifndef STREAMS_TEST_RUNNER_H
#define STREAMS_TEST_RUNNER_H

#include <stdio.h>

#include "streams/sql/plan.h"

/* All DIR/tests/ *.test.sql in name order; reports in TAP's form to out. CV_INVALID: a file is wrong
   or there is none. *ret_failed: tests that did not hold. */
CV_MUST_CHECK
enum cv_rc runner_run(const struct plan *plan, const char *dir, struct cv_arena *arena, FILE *out,
                      size_t *ret_failed, struct cv_err *err);

#endif
