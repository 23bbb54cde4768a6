/* SPDX-License-Identifier: Apache-2.0 */
/* The task groups of a plan whose queries are known. For plan.c. */
#ifndef STREAMS_SQL_PLAN_GROUPS_H
#define STREAMS_SQL_PLAN_GROUPS_H

#include "streams/sql/plan.h"

CV_MUST_CHECK
enum cv_rc plan_groups(struct plan *plan, struct sql_diags *diags, struct cv_err *err);

#endif
