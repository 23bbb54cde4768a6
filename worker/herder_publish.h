/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Task configs on their way to the leader, by a thread of their own: the leader answers in a turn of its herder, and
 * while the group rebalances that turn waits for our herder to join. One that waited for the answer would hold the
 * whole group up.
 */
#ifndef WORKER_HERDER_PUBLISH_H
#define WORKER_HERDER_PUBLISH_H

#include <culvert/err.h>

struct herder;
struct leader_request;
struct publisher;

/* Send the request (moved out of *take_req) for that connector; what came of it is taken by
   herder_take_published in a later turn. Herder's thread, as all here. */
CV_MUST_CHECK enum cv_rc herder_publish(struct herder *h, const char *name, struct leader_request *take_req,
                                        struct cv_err *err);
/* The next request that was answered: its connector, to be freed, with *why as it failed, or rc CV_OK; NULL: none. */
char *herder_take_published(struct herder *h, struct cv_err *why);
/* A request that is under way is left to end by itself. NULL is accepted. */
void publisher_free(struct publisher *publisher);

#endif
