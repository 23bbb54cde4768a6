/* SPDX-License-Identifier: Apache-2.0 */
/* One CREATE QUERY at work; see rule.h. */
#include "streams/engine/rule.h"

#include <stdlib.h>
#include <string.h>

#include "streams/engine/feed.h"

struct rule_body {
    struct statement *st;
    struct cell *cells; /* of the row that is read */
    size_t n_columns;
    int ts_column; /* _ts and _commit_ts of a repartition's row; -1: none */
    int commit_ts_column;
    struct sink_encoder **encoders; /* one a sink; none for a body that only writes */
    size_t n_encoders;
};

struct rule {
    const struct plan_rule *plan;
    struct database *db;
    struct statement *when; /* NULL: always */
    struct rule_body *bodies;
    struct feed *feed;               /* NULL: a query */
    struct plan_sink dead;           /* the dead letter topic, as a sink of late rows */
    struct sink_encoder *late;       /* NULL: late rows are only counted */
    struct outputs *late_out;        /* while it runs */
    uint64_t late_count;
    enum cv_rc late_rc;
    struct cv_err late_err;
};

void
outputs_done(struct outputs *out)
{
    free(out->items);
    *out = (struct outputs){ 0 };
}

/* Room for one more behind the last; NULL when memory is out. */
static struct output *
outputs_room(struct outputs *out)
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

enum cv_rc
outputs_append(struct outputs *out, const struct output *output, struct cv_err *err)
{
    struct output *room = outputs_room(out);

    if (room == NULL)
        return cv_fail_memory(err);
    *room = *output;
    out->count++;
    return CV_OK;
}

/* Columns of a repartition's SELECT: the stream's, in order, and the times. */
static void
find_times(const struct plan_body *of, struct rule_body *body)
{
    for (size_t i = 0; i < of->n_columns; i++) {
        if (strcmp(of->columns[i], "_ts") == 0)
            body->ts_column = (int)i;
        if (strcmp(of->columns[i], "_commit_ts") == 0)
            body->commit_ts_column = (int)i;
    }
}

static enum cv_rc
make_body(struct rule *rule, const struct plan *plan, size_t i, struct cv_err *err)
{
    const struct plan_body *of = &rule->plan->bodies[i];
    struct rule_body *body = &rule->bodies[i];
    enum cv_rc rc = db_prepare(rule->db, of->sql, &body->st, NULL, err);

    body->ts_column = body->commit_ts_column = -1;
    if (rc != CV_OK || of->n_columns == 0)
        return rc;
    body->n_columns = of->n_columns;
    body->cells = calloc(of->n_columns, sizeof(*body->cells));
    if (body->cells == NULL)
        return cv_fail_memory(err);
    if (rule->feed != NULL) {
        find_times(of, body);
        return CV_OK;
    }
    body->encoders = calloc(rule->plan->n_sinks + 1, sizeof(*body->encoders));
    if (body->encoders == NULL)
        return cv_fail_memory(err);
    for (size_t s = 0; s < rule->plan->n_sinks && rc == CV_OK; s++) {
        rc = sink_encoder_new(&plan->sinks[rule->plan->sinks[s]], of, &body->encoders[s], err);
        body->n_encoders++;
    }
    return rc;
}

/* Late rows go to LATE INTO, without it to the dead letter topic, without that nowhere. */
static enum cv_rc
make_late(struct rule *rule, const struct plan *plan, struct cv_err *err)
{
    const struct plan_rule *of = rule->plan;
    const struct plan_sink *sink = &rule->dead;

    if (of->late_sink != PLAN_NONE)
        sink = &plan->sinks[of->late_sink];
    else if (plan->dlq_topic == NULL)
        return CV_OK;
    rule->dead = (struct plan_sink){ .name = "dead letters",
                                     .kind = SQL_SINK_TOPIC,
                                     .topic = plan->dlq_topic };
    return sink_encoder_for_table(sink, plan->states[of->late_state].table, &rule->late, err);
}

enum cv_rc
rule_new(struct database *db, const struct plan *plan, const struct plan_rule *of,
         struct feed *feed, struct rule **ret, struct cv_err *err)
{
    struct rule *rule = calloc(1, sizeof(*rule));
    enum cv_rc rc = CV_OK;

    if (rule == NULL)
        return cv_fail_memory(err);
    rule->plan = of;
    rule->db = db;
    rule->feed = feed;
    rule->bodies = calloc(of->n_bodies + 1, sizeof(*rule->bodies));
    if (rule->bodies == NULL)
        rc = cv_fail_memory(err);
    if (rc == CV_OK && of->when != NULL)
        rc = db_prepare(db, of->when, &rule->when, NULL, err);
    for (size_t i = 0; i < of->n_bodies && rc == CV_OK; i++)
        rc = make_body(rule, plan, i, err);
    if (rc == CV_OK && of->late_state != PLAN_NONE)
        rc = make_late(rule, plan, err);
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
        free(rule->bodies[i].cells);
    }
    sink_encoder_free(rule->late);
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

/* The row of a repartition's SELECT becomes a change of its stream: a new row without a past. */
static enum cv_rc
feed_row(struct rule *rule, struct rule_body *body, struct outputs *out, struct cv_err *err)
{
    struct change change = { .row = body->cells, .op = 'c', .lsn = CHANGE_NONE, .txid = CHANGE_NONE };
    size_t n = 0;

    change.ts_ms = change.commit_ts_ms = CHANGE_NONE;
    if (body->ts_column >= 0 && body->cells[body->ts_column].kind == CELL_INTEGER)
        change.ts_ms = body->cells[body->ts_column].integer;
    if (body->commit_ts_column >= 0 && body->cells[body->commit_ts_column].kind == CELL_INTEGER)
        change.commit_ts_ms = body->cells[body->commit_ts_column].integer;
    if (change.ts_ms == CHANGE_NONE)
        change.ts_ms = change.commit_ts_ms;
    for (size_t i = 0; i < body->n_columns; i++) {
        if ((int)i != body->ts_column && (int)i != body->commit_ts_column)
            body->cells[n++] = body->cells[i];
    }
    return feed_change(rule->feed, &change, out, err);
}

static enum cv_rc
emit_row(struct rule *rule, struct rule_body *body, struct outputs *out, struct cv_err *err)
{
    for (size_t i = 0; i < body->n_columns; i++)
        body->cells[i] = statement_cell(body->st, (int)i);
    if (rule->feed != NULL)
        return feed_row(rule, body, out, err);
    for (size_t s = 0; s < body->n_encoders; s++) {
        struct output *output = outputs_room(out);

        if (output == NULL)
            return cv_fail_memory(err);
        if (sink_encode(body->encoders[s], body->cells, out->arena, output, err) != CV_OK)
            return err->rc;
        out->count++;
    }
    return CV_OK;
}

static enum cv_rc
run_body(struct rule *rule, struct rule_body *body, bool emit, struct outputs *out,
         struct cv_err *err)
{
    bool row;
    enum cv_rc rc;

    while ((rc = statement_step(rule->db, body->st, &row, err)) == CV_OK && row) {
        if (emit)
            rc = emit_row(rule, body, out, err);
        if (rc != CV_OK)
            break;
    }
    statement_reset(body->st);
    if (rc == CV_OK && rule->late_rc != CV_OK) {
        *err = rule->late_err;
        rc = rule->late_rc;
    }
    return rc;
}

/* A row that its window's trigger has turned away. */
static void
take_late(void *arg, const struct cell *cells, size_t count)
{
    struct rule *rule = arg;
    struct output output;

    (void)count;
    rule->late_count++;
    if (rule->late == NULL || rule->late_out == NULL || rule->late_rc != CV_OK)
        return;
    rule->late_rc =
        sink_encode(rule->late, cells, rule->late_out->arena, &output, &rule->late_err);
    if (rule->late_rc == CV_OK)
        output.headers = sink_error_headers(rule->late_out->origin, "late", rule->plan->name,
                                            rule->late_out->arena);
    if (rule->late_rc == CV_OK && output.headers == NULL)
        rule->late_rc = cv_fail_memory(&rule->late_err);
    if (rule->late_rc == CV_OK)
        rule->late_rc = outputs_append(rule->late_out, &output, &rule->late_err);
}

enum cv_rc
rule_run(struct rule *rule, bool emit, struct outputs *out, uint64_t *inout_late,
         struct cv_err *err)
{
    bool holds;
    enum cv_rc rc = condition_holds(rule, &holds, err);
    const struct sql_pos *pos = &rule->plan->st->name.pos;

    if (rc == CV_OK && !holds)
        return CV_OK;
    rule->late_out = emit ? out : NULL;
    rule->late_rc = CV_OK;
    rule->late_count = 0;
    if (rule->plan->late_state != PLAN_NONE)
        db_late_set(rule->db, take_late, rule);
    for (size_t i = 0; i < rule->plan->n_bodies && rc == CV_OK; i++) {
        rc = run_body(rule, &rule->bodies[i], emit, out, err);
        pos = &rule->plan->bodies[i].pos;
    }
    if (rule->plan->late_state != PLAN_NONE)
        db_late_set(rule->db, NULL, NULL);
    *inout_late += rule->late_count;
    if (rc != CV_OK)
        return cv_err_context(err, "%s:%d:%d: query \"%s\"", pos->file, pos->line, pos->col,
                              rule->plan->name);
    return CV_OK;
}
