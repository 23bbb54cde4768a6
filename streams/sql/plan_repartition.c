/* SPDX-License-Identifier: Apache-2.0 */
/*
 * REPARTITION statements; see plan_repartition.h. Each is two things: a source, whose topic is ours,
 * and the rule of the other group that feeds it.
 */
#include "streams/sql/plan_repartition.h"

#include <string.h>

#include "common/buf.h"
#include "streams/store/relation.h"

/* The relation that the SELECT makes. */
static enum cv_rc
select_table(struct query_check *q, struct plan_source *source, struct cv_err *err)
{
    const struct plan_body *body = &q->rule->bodies[0];
    const char **columns = cv_arena_alloc(q->plan->arena, (body->n_columns + 1) * sizeof(*columns));
    struct table *table = NULL;
    size_t n = 0;
    enum cv_rc rc;

    if (columns == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < body->n_columns; i++) {
        if (body->columns[i][0] != '_')
            columns[n++] = body->columns[i];
    }
    rc = table_make(source->name, columns, n, q->plan->arena, &table, err);
    if (rc == CV_INVALID) {
        sql_error(q->diags, &body->pos, "stream \"%s\": %s", source->name, err->text);
        return CV_OK;
    }
    source->table = table;
    return rc;
}

static enum cv_rc
plan_select(struct query_check *q, struct plan_source *source, struct cv_err *err)
{
    bool written;
    size_t before = q->diags->errors;

    q->rule->trigger = PLAN_BATCH;
    source->batched = true;
    if (plan_bodies(q, &written, err) != CV_OK)
        return err->rc;
    if (q->diags->errors > before)
        return CV_OK;
    if (q->rule->n_bodies != 1 || !written || q->rule->n_writes > 0) {
        sql_error(q->diags, &q->rule->st->body[0].pos,
                  "the stream \"%s\" must be a single SELECT", source->name);
        return CV_OK;
    }
    return select_table(q, source, err);
}

/* CREATE TABLE of a table that has the columns and the key of another one. */
static const char *
copied_ddl(struct plan *plan, const struct sql_statement *st, const struct plan_source *from)
{
    struct cv_buf sql = CV_BUF_INIT((size_t)1 << 20);
    const char *out;

    cv_buf_str(&sql, "CREATE TABLE ");
    cv_buf_sql_ident(&sql, st->name.name);
    cv_buf_str(&sql, strchr(from->ddl, '('));
    out = cv_arena_strdup(plan->arena, cv_buf_cstr(&sql));
    cv_buf_free(&sql);
    return out;
}

static enum cv_rc
plan_forward(struct query_check *q, struct plan_source *source, struct cv_err *err)
{
    const struct plan_source *from = &q->plan->sources[source->from];
    struct table *table = NULL;

    q->rule->trigger = PLAN_FORWARD;
    source->event_time = from->event_time;
    if (!source->stream && from->ddl == NULL) {
        sql_error(q->diags, &source->st->on.pos,
                  "\"%s\" is a stream; only a stream can be made of it: CREATE REPARTITION STREAM",
                  from->name);
        return CV_OK;
    }
    if (table_rename(from->table, source->name, q->plan->arena, &table, err) != CV_OK)
        return err->rc;
    source->table = table;
    if (source->stream)
        return CV_OK;
    source->ddl = copied_ddl(q->plan, source->st, from);
    return source->ddl == NULL ? cv_fail_memory(err) : db_exec(q->db, source->ddl, err);
}

static void
find_keys(struct plan *plan, struct plan_source *source, struct sql_diags *diags)
{
    const struct sql_statement *st = source->st;
    int by = table_column(source->table, st->by.name, strlen(st->by.name));

    if (by < 0)
        sql_error(diags, &st->by.pos, "\"%s\" has no column \"%s\"", source->name, st->by.name);
    source->by = by < 0 ? 0 : (size_t)by;
    if (st->like.name == NULL)
        return;
    if (plan_find_source(plan, st->like.name, &source->like) == NULL)
        sql_error(diags, &st->like.pos, "there is no source \"%s\"", st->like.name);
    else if (plan->sources[source->like].table->n_key != 1)
        sql_error(diags, &st->like.pos, "the key of \"%s\" has several columns, %s only one",
                  st->like.name, source->name);
}

static const char *
repartition_topic(const struct plan *plan, const char *name)
{
    struct cv_buf topic = CV_BUF_INIT(512);
    const char *out;

    cv_buf_printf(&topic, "%s-%s-repartition", plan->application_id, name);
    out = cv_arena_strdup(plan->arena, cv_buf_cstr(&topic));
    cv_buf_free(&topic);
    return out;
}

enum cv_rc
plan_repartition(struct plan *plan, struct database *db, const struct sql_statement *st,
                 struct plan_rule *rule, struct sql_diags *diags, struct cv_err *err)
{
    struct plan_source *source = &plan->sources[plan->n_sources];
    struct query_check q = { .plan = plan, .rule = rule, .db = db, .diags = diags };
    struct relation *rel;
    const struct plan_source *from;
    enum cv_rc rc;

    *source = (struct plan_source){ .name = st->name.name,
                                    .topic = repartition_topic(plan, st->name.name),
                                    .stream = st->stream,
                                    .event_time = -1,
                                    .format = PLAN_CHANGES,
                                    .dedupe = PLAN_DEDUPE_NONE,
                                    .truncate = PLAN_TRUNCATE_REFUSE,
                                    .time_divisor = 1,
                                    .unchanged = "",
                                    .idle_advance = true,
                                    .group = PLAN_NONE,
                                    .like = PLAN_NONE,
                                    .partitions = st->partitions > 0 ? (int32_t)st->partitions : -1,
                                    .st = st };
    *rule = (struct plan_rule){ .name = st->name.name,
                                .feeds = plan->n_sources,
                                .state = PLAN_NONE,
                                .late_sink = PLAN_NONE,
                                .late_state = PLAN_NONE,
                                .st = st };
    from = plan_find_source(plan, st->on.name, &source->from);
    if (from == NULL || from->global || source->topic == NULL) {
        sql_error(diags, &st->on.pos,
                  from == NULL ? "there is no source \"%s\" above this statement"
                               : "the source \"%s\" is GLOBAL; every task has all of it",
                  st->on.name);
        return CV_OK;
    }
    rule->source = source->from;
    source->delay_ms = from->delay_ms;
    source->idle_ms = from->idle_ms;
    source->idle_advance = from->idle_advance;
    rc = st->n_body > 0 ? plan_select(&q, source, err) : plan_forward(&q, source, err);
    if (rc != CV_OK || source->table == NULL)
        return rc;
    plan->n_sources++;
    find_keys(plan, source, diags);
    return relation_new(db, source->table, &rel, err);
}
