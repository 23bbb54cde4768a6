/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of one worker to another, signed with the session key. */
#ifndef WORKER_HERDER_FORWARD_H
#define WORKER_HERDER_FORWARD_H

#include <culvert/plugin.h>

#include "common/buf.h"

struct herder;
struct session_key;

/* A request to the leader, complete: sending it needs nothing of the herder. */
struct leader_request {
    const char *method; /* constant */
    struct cv_buf url;
    struct cv_buf body;
    struct cv_buf signature; /* of the body; empty: unsigned */
    char algorithm[64];
    struct cv_config *tls; /* NULL: http, or the system's */
};

void leader_request_init(struct leader_request *req, const char *method);
void leader_request_done(struct leader_request *req); /* wipes */
/* Waits for the answer, 30 s at most; any thread. */
CV_MUST_CHECK enum cv_rc leader_request_send(const struct leader_request *req, struct cv_err *err);

/* POST the task configs of a connector that runs here to the leader: CV_OK says that they are on their way
   (herder_publish.h). Herder's thread. */
CV_MUST_CHECK enum cv_rc herder_forward_task_configs(struct herder *h, const char *name,
                                                     const struct cv_task_configs *configs, struct cv_err *err);
/* PUT .../fence at the leader's url; on a task's thread. */
CV_MUST_CHECK enum cv_rc herder_forward_fence(struct herder *h, const char *leader, const char *name, bool is_signed,
                                              struct cv_err *err);
/* base64(HMAC(key, body)) */
CV_MUST_CHECK enum cv_rc herder_sign(const struct session_key *key, const char *body, size_t len,
                                     struct cv_buf *out, struct cv_err *err);

#endif
