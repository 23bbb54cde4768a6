/* SPDX-License-Identifier: Apache-2.0 */
/* One CREATE QUERY at work: its condition, its prepared statements, and where their rows go.
   Belongs to its task's thread and connection. */
#ifndef STREAMS_ENGINE_RULE_H
#define STREAMS_ENGINE_RULE_H

#include "streams/io/sink.h"
#include "streams/store/relation.h"

/* Records in the order in which they were made. */
struct outputs {
    const struct sink_origin *origin; /* record under way; NULL: time alone, or many */
    struct cv_arena *arena; /* of the transaction: bytes live until it has ended */
    struct output *items;
    size_t count;
    size_t cap;
};

void outputs_done(struct outputs *out);
CV_MUST_CHECK
enum cv_rc outputs_append(struct outputs *out, const struct output *output, struct cv_err *err);

struct rule;
struct feed;

/* Change relations, functions and tables must be there. feed: where the rows of a repartition's
   SELECT go; NULL for a query. */
CV_MUST_CHECK
enum cv_rc rule_new(struct database *db, const struct plan *plan, const struct plan_rule *of,
                    struct feed *feed, struct rule **ret, struct cv_err *err);
void rule_free(struct rule *rule);
const struct plan_rule *rule_plan(const struct rule *rule);
/*
 * Run it for the changes that its relation shows. Rows are appended to out, unless emit is false;
 * those that came too late for their window are counted in inout_late. CV_INVALID: the data does
 * not suit the SQL, with the query's place in front.
 */
CV_MUST_CHECK
enum cv_rc rule_run(struct rule *rule, bool emit, struct outputs *out, uint64_t *inout_late,
                    struct cv_err *err);

#endif
