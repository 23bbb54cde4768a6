/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The group of a standalone worker: what a coordinator would answer its only member, which always leads. So the herder
 * of a standalone worker is the herder of a cluster of one. No state; any thread.
 */
#ifndef WORKER_GROUP_ALONE_H
#define WORKER_GROUP_ALONE_H

#include "common/wire/message.h"

/* Turn the request (JoinGroup or SyncGroup, as we write them) into its response, in place. */
void alone_answer(enum cv_wire_api api, struct cv_buf *inout_body);

#endif
