/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forget the rows of one state table while nobody works on them: culvert-streams reset --table. For each task of the
 * table's group its rows are deleted in the changelog, whatever layout they have, and the committed offsets are told
 * that the state goes up to there: one transaction a task. State files follow the changelog when their tasks start.
 */
#ifndef STREAMS_ENGINE_TASK_FORGET_H
#define STREAMS_ENGINE_TASK_FORGET_H

#include "streams/io/broker.h"
#include "streams/sql/plan.h"

/* The state table of that name; CV_INVALID says what the name is, or which there are. */
CV_MUST_CHECK
enum cv_rc task_forget_find(const struct plan *plan, const char *table, size_t *ret_state,
                            struct cv_err *err);

/* The broker is opened. partitions: of each source's topic, by its number in the plan. *ret_rows: how many are gone.
   What was done before a failure stays; repeat it. */
CV_MUST_CHECK
enum cv_rc task_forget_run(struct broker *b, const struct plan *plan, size_t state,
                           const int32_t *partitions, size_t *ret_rows, struct cv_err *err);

#endif
