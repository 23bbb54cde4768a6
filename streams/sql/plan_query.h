/* SPDX-License-Identifier: Apache-2.0 */
/* The queries, indexes and views of a plan, tried on the planning database. For plan.c. */
#ifndef STREAMS_SQL_PLAN_QUERY_H
#define STREAMS_SQL_PLAN_QUERY_H

#include "streams/sql/plan.h"

CV_MUST_CHECK
enum cv_rc plan_queries(const struct sql_unit *unit, struct plan *plan, struct database *db,
                        struct sql_diags *diags, struct cv_err *err);

#endif
