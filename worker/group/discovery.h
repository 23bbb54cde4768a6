/* SPDX-License-Identifier: Apache-2.0 */
/* Where the coordinator of a group is: asks any broker, remembers the brokers that it hears of.
   Owned by the coordinator thread. */
#ifndef WORKER_GROUP_DISCOVERY_H
#define WORKER_GROUP_DISCOVERY_H

#include "common/wire/transport.h"

struct discovery {
    const struct cv_wire_settings *settings;
    const char *group_id;
    int request_timeout_ms;
    const struct cv_wake *stop;      /* interrupts all waiting */
    struct cv_wire_address *brokers; /* from metadata; asked before the bootstrap ones */
    size_t n_brokers;
    size_t turn; /* the broker to ask first: the one that answered last */
    struct cv_wire_address coordinator;
};

void discovery_done(struct discovery *d);

/* A connection to the coordinator. CV_RETRY: none could be reached, or there is none yet.
   CV_INVALID: refused for good. */
CV_MUST_CHECK
enum cv_rc discovery_find(struct discovery *d, struct cv_wire_conn **ret, struct cv_err *err);
/* A new connection to the coordinator found last. */
CV_MUST_CHECK
enum cv_rc discovery_reconnect(struct discovery *d, int64_t deadline_ms, struct cv_wire_conn **ret,
                               struct cv_err *err);

#endif
