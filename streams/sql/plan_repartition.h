/* SPDX-License-Identifier: Apache-2.0 */
/* Streams and tables that are made of others by another key. For plan_query.c. */
#ifndef STREAMS_SQL_PLAN_REPARTITION_H
#define STREAMS_SQL_PLAN_REPARTITION_H

#include "streams/sql/plan_query.h"

/* Adds the source; *rule, which feeds it, gets its place among the queries later. */
CV_MUST_CHECK
enum cv_rc plan_repartition(struct plan *plan, struct database *db, const struct sql_statement *st,
                            struct plan_rule *rule, struct sql_diags *diags, struct cv_err *err);

#endif
