/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The database that a pipeline's sources pretend to come from, for tests: in memory, with the tables
 * of all sources; each row that a statement changes is told, as JSON.
 */
#ifndef STREAMS_STORE_ORIGIN_H
#define STREAMS_STORE_ORIGIN_H

#include "streams/store/table.h"

struct origin;

/* after, before: JSON of the row; NULL: there is none. key: of the record. */
typedef void origin_change(void *arg, const char *table, char op, const char *key,
                           const char *before, const char *after);

CV_MUST_CHECK
enum cv_rc origin_new(origin_change *tell, void *arg, struct origin **ret, struct cv_err *err);
void origin_free(struct origin *origin);
/* columns: as they stand in the pipeline. */
CV_MUST_CHECK
enum cv_rc origin_add(struct origin *origin, const struct table *table, const char *columns,
                      struct cv_err *err);
/* INSERT, UPDATE or DELETE. */
CV_MUST_CHECK
enum cv_rc origin_run(struct origin *origin, const char *sql, struct cv_err *err);

#endif
