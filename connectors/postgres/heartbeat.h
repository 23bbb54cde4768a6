/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heartbeats (heartbeat.interval.ms): records that carry the position while no captured table changes, and a
 * statement (heartbeat.action.query) that makes the database write something. Task's thread only; outlives
 * connections, and has one of its own for the statement.
 */
#ifndef POSTGRES_HEARTBEAT_H
#define POSTGRES_HEARTBEAT_H

#include <culvert/record.h>

#include "connectors/postgres/config.h"

struct cv_log;
struct heartbeat;

/* *ret NULL with CV_OK: there are none. */
CV_MUST_CHECK enum cv_rc heartbeat_new(const struct pg_config *config, struct cv_log *log, struct heartbeat **ret,
                                       struct cv_err *err);
void heartbeat_free(struct heartbeat *hb);

/* How long until the next is due, at most limit_ms. */
int heartbeat_wait_ms(const struct heartbeat *hb, int limit_ms);
/*
 * When one is due: run the statement, append the record; *ret_beat says so. CV_RETRY: the server is going away.
 * Statements that fail are logged, but for a missing table, which is CV_INVALID.
 */
CV_MUST_CHECK enum cv_rc heartbeat_tick(struct heartbeat *hb, struct cv_batch *batch, bool *ret_beat,
                                        struct cv_err *err);

#endif
