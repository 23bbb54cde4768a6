/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a user asks of a running task's plugin: how far it is, or to act on a signal. Asked on any thread, answered by
 * the task's own between polls. A call belongs to who asks and to the task; it lives until both have let it go.
 */
#ifndef WORKER_TASK_CALL_H
#define WORKER_TASK_CALL_H

#include <culvert/err.h>

struct cv_buf;
struct task;
struct task_call;

enum task_question { TASK_PROGRESS, TASK_SIGNAL };

/* json: of a signal, copied; else NULL. */
CV_MUST_CHECK enum cv_rc task_call_new(enum task_question question, const char *json, size_t len,
                                       struct task_call **ret, struct cv_err *err);
/* The asker lets go. NULL is fine. */
void task_call_free(struct task_call *call);

/* Put it before the task, and wake that. Once a call. CV_CONFLICT: the plugin has no answer to that question, or the
   task does not run. */
CV_MUST_CHECK enum cv_rc task_call_post(struct task *task, struct task_call *call, struct cv_err *err);
/* The plugin's answer, one JSON value. CV_RETRY: the task is busy until the monotonic deadline; CV_CONFLICT: it ended;
   else the plugin's. */
CV_MUST_CHECK enum cv_rc task_call_wait(struct task_call *call, int64_t deadline_ms, struct cv_buf *ret_json,
                                        struct cv_err *err);

#endif
