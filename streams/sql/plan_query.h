/* SPDX-License-Identifier: Apache-2.0 */
/* The queries, indexes and views of a plan, tried on the planning database. For plan.c and
 * plan_repartition.c. */
#ifndef STREAMS_SQL_PLAN_QUERY_H
#define STREAMS_SQL_PLAN_QUERY_H

#include "streams/sql/plan.h"

CV_MUST_CHECK
enum cv_rc plan_queries(const struct sql_unit *unit, struct plan *plan, struct database *db,
                        struct sql_diags *diags, struct cv_err *err);

/* ---- what plan_repartition.c shares ---- */

/* A rule while it is tried. */
struct query_check {
    struct plan *plan;
    struct plan_rule *rule;
    struct database *db;
    struct sql_diags *diags;
    bool allow_scan;
};

/* By name, any case; NULL: there is none. ret_i may be NULL. */
const struct plan_source *plan_find_source(const struct plan *plan, const char *name,
                                           size_t *ret_i);
/* Try the statements of the rule; *ret_written: one of them gives rows. */
CV_MUST_CHECK
enum cv_rc plan_bodies(struct query_check *q, bool *ret_written, struct cv_err *err);

#endif
