/* SPDX-License-Identifier: Apache-2.0 */
/* The JoinGroup request of a Connect worker, and the errors that no other request can mend. No
 * state. */
#ifndef WORKER_GROUP_JOIN_H
#define WORKER_GROUP_JOIN_H

#include "common/wire/message.h"
#include "worker/group/protocol.h"

struct join_spec {
    const char *group_id;
    const char *member_id; /* "": none yet */
    const char *url;
    enum group_protocol protocol; /* offered with all below it, the highest first */
    int session_timeout_ms;
    int rebalance_timeout_ms;
    int64_t config_offset;
    const struct group_assignment
        *allocation; /* what the member holds; NULL: nothing, not even an answer */
};

CV_MUST_CHECK
enum cv_rc join_write(const struct join_spec *join, struct cv_buf *body, struct cv_err *err);

/* Fill err for an error code of JoinGroup or SyncGroup that is final; returns its class. */
enum cv_rc join_fatal(const char *group_id, int session_timeout_ms, enum cv_wire_api api,
                      int16_t error, struct cv_err *err);

/* The name in JoinGroup of a payload version, and back; false for a name that is not Connect's. */
const char *group_protocol_name(enum group_protocol protocol);
CV_MUST_CHECK
bool group_protocol_parse(const char *name, enum group_protocol *ret);

#endif
