/* SPDX-License-Identifier: Apache-2.0 */
/* The options of WITH ( ... ), a table a kind of statement. For plan.c. */
#ifndef STREAMS_SQL_PLAN_OPTIONS_H
#define STREAMS_SQL_PLAN_OPTIONS_H

#include "streams/sql/plan.h"

/* Each reports what is wrong to diags and leaves defaults there. */
void plan_pipeline_options(const struct sql_statement *st, struct plan *plan,
                           struct sql_diags *diags);
void plan_source_options(const struct sql_statement *st, struct plan_source *source,
                         struct sql_diags *diags);
void plan_state_options(const struct sql_statement *st, struct plan_state *state,
                        struct sql_diags *diags);
void plan_sink_options(const struct sql_statement *st, struct plan_sink *sink,
                       struct sql_diags *diags);
void plan_query_options(const struct sql_statement *st, struct plan_rule *rule,
                        bool *ret_allow_scan, struct sql_diags *diags);

#endif
