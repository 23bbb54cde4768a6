/* SPDX-License-Identifier: Apache-2.0 */
/* topic.creation groups (KIP-158): which settings a new topic of a source connector gets. One task's thread. */
#ifndef WORKER_TOPIC_CREATION_H
#define WORKER_TOPIC_CREATION_H

#include <culvert/config.h>

struct cv_admin;
struct topic_creation;

/* *ret NULL: the connector has no topic.creation settings, topics are left to the broker. CV_INVALID names the
   setting. */
CV_MUST_CHECK enum cv_rc topic_creation_new(const struct cv_config *connector, struct topic_creation **ret,
                                            struct cv_err *err);
void topic_creation_free(struct topic_creation *creation);
/* Make sure that the topics exist, in as few requests as can be; ret_created has one for each. */
CV_MUST_CHECK enum cv_rc topic_creation_ensure(struct topic_creation *creation, struct cv_admin *admin,
                                               const char *const *topics, size_t count, bool *ret_created,
                                               struct cv_err *err);

#endif
