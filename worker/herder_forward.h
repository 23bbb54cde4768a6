/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of one worker to another, signed with the session key. */
#ifndef WORKER_HERDER_FORWARD_H
#define WORKER_HERDER_FORWARD_H

#include <culvert/plugin.h>

struct herder;
struct session_key;
struct cv_buf;

/* POST the task configs of a connector that runs here to the leader. */
CV_MUST_CHECK enum cv_rc herder_forward_task_configs(struct herder *h, const char *name,
                                                     const struct cv_task_configs *configs, struct cv_err *err);
/* PUT .../fence at the leader's url; on a task's thread. */
CV_MUST_CHECK enum cv_rc herder_forward_fence(struct herder *h, const char *leader, const char *name, bool is_signed,
                                              struct cv_err *err);
/* base64(HMAC(key, body)) */
CV_MUST_CHECK enum cv_rc herder_sign(const struct session_key *key, const char *body, size_t len,
                                     struct cv_buf *out, struct cv_err *err);

#endif
