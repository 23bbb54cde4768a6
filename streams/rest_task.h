/* SPDX-License-Identifier: Apache-2.0 */
/* A question to one task of this worker: its state file, the GLOBAL tables and what it keeps in memory. */
#ifndef STREAMS_REST_TASK_H
#define STREAMS_REST_TASK_H

#include "streams/app.h"
#include "streams/store/query.h"

/* The task group that a task's id says; PLAN_NONE: none, like that of "global". */
size_t rest_task_group(const struct plan *plan, const char *task);

/* query_run of spec, whose files and tables in memory are filled in. */
CV_MUST_CHECK
enum cv_rc rest_task_ask(struct app *app, const char *task, const struct query_spec *spec, query_row *take, void *arg,
                         bool *ret_more, struct cv_err *err);

#endif
