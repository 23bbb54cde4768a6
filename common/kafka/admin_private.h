/* SPDX-License-Identifier: Apache-2.0 */
/* What admin.c (requests, offsets, groups) and admin_create.c (new topics) share. */
#ifndef COMMON_KAFKA_ADMIN_PRIVATE_H
#define COMMON_KAFKA_ADMIN_PRIVATE_H

#include "common/kafka/admin.h"
#include "common/kafka/handle.h"

struct cv_admin {
    struct kafka_handle handle;
};

/* One request: what librdkafka's calls take, and its reply. */
struct admin_request {
    rd_kafka_AdminOptions_t *options;
    rd_kafka_queue_t *queue;
    rd_kafka_event_t *event;
    int timeout_ms;
};

/* Behind it done is due in every case. */
CV_MUST_CHECK enum cv_rc admin_request_init(struct admin_request *req, struct cv_admin *admin, rd_kafka_admin_op_t op,
                                            int timeout_ms, struct cv_err *err);
void admin_request_done(struct admin_request *req);
/* Wait for the reply; a failure of the request as a whole is what's. */
CV_MUST_CHECK enum cv_rc admin_request_wait(struct admin_request *req, struct cv_admin *admin, const char *what,
                                            const char *name, struct cv_err *err);
/* Of one topic; *ret_fine: the code that is no failure. */
CV_MUST_CHECK enum cv_rc admin_topic_result(struct cv_admin *admin, const rd_kafka_topic_result_t **results,
                                            size_t count, const char *what, const char *topic,
                                            rd_kafka_resp_err_t fine, bool *ret_fine, struct cv_err *err);

#endif
