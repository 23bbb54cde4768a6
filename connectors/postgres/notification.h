/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notifications: what becomes of snapshots, as records of a topic (channel "sink") and as lines of the log (channel
 * "log"). They are kept until there is a batch to put them into. Task's thread only; outlives connections.
 */
#ifndef POSTGRES_NOTIFICATION_H
#define POSTGRES_NOTIFICATION_H

#include <culvert/record.h>

#include "connectors/postgres/config.h"

struct cv_log;
struct notifications;

CV_MUST_CHECK enum cv_rc notifications_new(const struct pg_config *config, struct cv_log *log,
                                           struct notifications **ret, struct cv_err *err);
void notifications_free(struct notifications *notifications);

#define NOTIFY_INITIAL     "Initial Snapshot"
#define NOTIFY_INCREMENTAL "Incremental Snapshot"

struct notification {
    const char *id; /* NULL: a new one */
    const char *aggregate; /* NOTIFY_... */
    const char *type;      /* "STARTED", ... */
    struct {
        const char *key;
        const char *value;
    } data[6]; /* up to the first key that is NULL; connector_name is added */
};

/* Texts are copied. */
CV_MUST_CHECK enum cv_rc notify(struct notifications *notifications, const struct notification *what,
                                struct cv_err *err);
/* Append the records of what was notified since. */
CV_MUST_CHECK enum cv_rc notifications_flush(struct notifications *notifications, struct cv_batch *batch,
                                             struct cv_err *err);

#endif
