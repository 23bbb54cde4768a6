/* SPDX-License-Identifier: Apache-2.0 */
/* One CREATE QUERY at work; see rule.h. */
#include "streams/engine/rule.h"

#include <stdlib.h>
#include <string.h>

struct rule_body {
    struct statement *st;
    struct sink_encoder **encoders; /* one a sink; none for a body that only writes */
    size_t n_encoders;
};

struct rule {
    const struct plan_rule *plan;
    struct database *db;
    struct statement *when; /* NULL: always */
    struct rule_body *bodies;
};

void
outputs_done(struct outputs *out)
{
    free(out->items);
    *out = (struct outputs){ 0 };
}

static struct output *
outputs_add(struct outputs *out)
{
    if (out->count == out->cap) {
        size_t cap = out->cap == 0 ? 64 : 2 * out->cap;
        struct output *items = realloc(out->items, cap * sizeof(*items));

        if (items == NULL)
            return NULL;
        out->items = items;
        out->cap = cap;
    }
    return &out->items[out->count];
}

static enum cv_rc
make_body(struct rule *rule, const struct plan *plan, size_t i, struct cv_err *err)
{
    const struct plan_body *of = &rule->plan->bodies[i];
    struct rule_body *body = &rule->bodies[i];
    enum cv_rc rc = db_prepare(rule->db, of->sql, &body->st, NULL, err);

    if (rc != CV_OK || of->n_columns == 0)
        return rc;
    body->encoders = calloc(rule->plan->n_sinks + 1, sizeof(*body->encoders));
    if (body->encoders == NULL)
        return cv_fail_memory(err);
    for (size_t s = 0; s < rule->plan->n_sinks && rc == CV_OK; s++) {
        rc = sink_encoder_new(&plan->sinks[rule->plan->sinks[s]], of, &body->encoders[s], err);
        body->n_encoders++;
    }
    return rc;
}

enum cv_rc
rule_new(struct database *db, const struct plan *plan, const struct plan_rule *of,
         struct rule **ret, struct cv_err *err)
{
    struct rule *rule = calloc(1, sizeof(*rule));
    enum cv_rc rc = CV_OK;

    if (rule == NULL)
        return cv_fail_memory(err);
    rule->plan = of;
    rule->db = db;
    rule->bodies = calloc(of->n_bodies, sizeof(*rule->bodies));
    if (rule->bodies == NULL)
        rc = cv_fail_memory(err);
    if (rc == CV_OK && of->when != NULL)
        rc = db_prepare(db, of->when, &rule->when, NULL, err);
    for (size_t i = 0; i < of->n_bodies && rc == CV_OK; i++)
        rc = make_body(rule, plan, i, err);
    if (rc != CV_OK) {
        cv_err_context(err, "query \"%s\"", of->name);
        rule_free(rule);
        return rc;
    }
    *ret = rule;
    return CV_OK;
}

void
rule_free(struct rule *rule)
{
    if (rule == NULL)
        return;
    statement_free(rule->when);
    for (size_t i = 0; rule->bodies != NULL && i < rule->plan->n_bodies; i++) {
        statement_free(rule->bodies[i].st);
        for (size_t s = 0; s < rule->bodies[i].n_encoders; s++)
            sink_encoder_free(rule->bodies[i].encoders[s]);
        free(rule->bodies[i].encoders);
    }
    free(rule->bodies);
    free(rule);
}

const struct plan_rule *
rule_plan(const struct rule *rule)
{
    return rule->plan;
}

static enum cv_rc
condition_holds(struct rule *rule, bool *ret, struct cv_err *err)
{
    bool row;
    enum cv_rc rc;

    *ret = true;
    if (rule->when == NULL)
        return CV_OK;
    rc = statement_step(rule->db, rule->when, &row, err);
    if (rc == CV_OK)
        *ret = row && statement_int(rule->when, 0) != 0;
    statement_reset(rule->when);
    return rc;
}

static enum cv_rc
run_body(struct rule *rule, struct rule_body *body, bool emit, struct outputs *out,
         struct cv_err *err)
{
    bool row;
    enum cv_rc rc;

    while ((rc = statement_step(rule->db, body->st, &row, err)) == CV_OK && row) {
        for (size_t s = 0; s < body->n_encoders && emit && rc == CV_OK; s++) {
            struct output *output = outputs_add(out);

            if (output == NULL)
                rc = cv_fail_memory(err);
            else
                rc = sink_encode(body->encoders[s], body->st, out->arena, output, err);
            if (rc == CV_OK)
                out->count++;
        }
        if (rc != CV_OK)
            break;
    }
    statement_reset(body->st);
    return rc;
}

enum cv_rc
rule_run(struct rule *rule, bool emit, struct outputs *out, struct cv_err *err)
{
    bool holds;
    enum cv_rc rc = condition_holds(rule, &holds, err);
    const struct sql_pos *pos = &rule->plan->st->name.pos;

    for (size_t i = 0; i < rule->plan->n_bodies && holds && rc == CV_OK; i++) {
        rc = run_body(rule, &rule->bodies[i], emit, out, err);
        pos = &rule->plan->bodies[i].pos;
    }
    if (rc != CV_OK)
        return cv_err_context(err, "%s:%d:%d: query \"%s\"", pos->file, pos->line, pos->col,
                              rule->plan->name);
    return CV_OK;
}
