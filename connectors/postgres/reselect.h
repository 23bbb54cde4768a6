/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The post processor io.debezium.processors.reselect.ReselectColumnsPostProcessor: columns that an event lacks, since
 * an update did not touch them or since they are null, are read from the table. What is read is the row of now, which
 * may be newer than the event. Task's thread only; outlives connections.
 */
#ifndef POSTGRES_RESELECT_H
#define POSTGRES_RESELECT_H

#include "connectors/postgres/plan.h"

struct cv_log;
struct reselect;

/* Errors of post.processors and of what belongs to it: one each, at its key. */
void reselect_check(const struct cv_config *cfg, struct cv_config_errors *errors);

/* *ret NULL with CV_OK: there is no post processor. */
CV_MUST_CHECK enum cv_rc reselect_new(const struct pg_config *config, struct cv_log *log, struct reselect **ret,
                                      struct cv_err *err);
void reselect_free(struct reselect *r);

/* Say in the plan which of its columns are read again. */
void reselect_mark(const struct reselect *r, struct plan *plan);
/*
 * Fill in what the row lacks and old has not either; *inout_len grows by the bytes of it. They are good until the next
 * call. A row that is gone, or a failure that is only to be warned of, leaves the row as it is.
 */
CV_MUST_CHECK enum cv_rc reselect_fill(struct reselect *r, const struct plan *plan, PGconn *conn,
                                       struct pgoutput_tuple *row, const struct pgoutput_tuple *old, size_t *inout_len,
                                       struct cv_err *err);

#endif
