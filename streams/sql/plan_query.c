/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queries, indexes and views, tried on the planning database; see plan_query.h. What SQLite has
 * against a body is reported at its place in the file.
 */
#include "streams/sql/plan_query.h"

#include <string.h>
#include <strings.h>

#include "common/buf.h"
#include "streams/sql/plan_options.h"
#include "streams/store/inspect.h"

/* Columns of a result that are no fields of the record. */
static const char *const special_columns[] = { "_key", "_value", "_ts", "_partition" };

struct query_check {
    struct plan *plan;
    struct plan_rule *rule;
    struct database *db;
    struct sql_diags *diags;
    bool allow_scan;
};

static const struct plan_source *
find_source(const struct plan *plan, const char *name, size_t *ret_i)
{
    for (size_t i = 0; i < plan->n_sources; i++) {
        if (strcasecmp(plan->sources[i].name, name) == 0) {
            if (ret_i != NULL)
                *ret_i = i;
            return &plan->sources[i];
        }
    }
    return NULL;
}

static bool
is_state(void *arg, const char *name)
{
    const struct plan *plan = arg;

    for (size_t i = 0; i < plan->n_states; i++) {
        if (strcasecmp(plan->states[i].name, name) == 0)
            return true;
    }
    return false;
}

/* "orders" of "orders_changes"; len 0 when the name does not end so. */
static size_t
base_length(const char *name, const char *suffix)
{
    size_t len = strlen(name);
    size_t tail = strlen(suffix);

    return len > tail && strcasecmp(name + len - tail, suffix) == 0 ? len - tail : 0;
}

/* Relations that come with a later version, missing as tables: say so. */
static bool
is_later_relation(const char *message, struct sql_diags *diags, const struct sql_pos *pos)
{
    static const char *const suffixes[] = { "_delta", "_closed" };
    const char *name = strstr(message, "no such table: ");

    if (name == NULL)
        return false;
    name += strlen("no such table: ");
    for (size_t i = 0; i < CV_COUNT(suffixes); i++) {
        if (base_length(name, suffixes[i]) > 0) {
            sql_error(diags, pos, "the relation \"%s\" is not supported yet in this version", name);
            return true;
        }
    }
    return false;
}

static bool
contains(const struct inspect_names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->items[i], name) == 0)
            return true;
    }
    return false;
}

static enum cv_rc
add_names(struct plan *plan, const struct inspect_names *names, const char ***inout,
          size_t *inout_count, struct cv_err *err)
{
    for (size_t i = 0; i < names->count; i++) {
        const char **grown;
        size_t k = 0;

        while (k < *inout_count && strcmp((*inout)[k], names->items[i]) != 0)
            k++;
        if (k < *inout_count)
            continue;
        grown = cv_arena_alloc(plan->arena, (*inout_count + 1) * sizeof(*grown));
        if (grown == NULL)
            return cv_fail_memory(err);
        if (*inout_count > 0)
            memcpy(grown, *inout, *inout_count * sizeof(*grown));
        grown[(*inout_count)++] = names->items[i];
        *inout = grown;
    }
    return CV_OK;
}

static void
check_reads(struct query_check *q, const struct inspection *seen, const struct sql_pos *pos)
{
    const char *on = q->plan->sources[q->rule->source].name;

    for (size_t i = 0; i < seen->reads.count; i++) {
        const char *name = seen->reads.items[i];
        size_t base = base_length(name, "_changes");

        if (base > 0 && !(strlen(on) == base && strncasecmp(on, name, base) == 0))
            sql_error(q->diags, pos, "\"%s\" is empty here: the query runs ON %s", name, on);
    }
    for (size_t i = 0; i < seen->scans.count && !q->allow_scan; i++)
        sql_error(q->diags, pos,
                  "every event would read the whole table \"%s\"; join it by its key or an index, "
                  "or say WITH "
                  "(allow_scan = 1)",
                  seen->scans.items[i]);
}

static bool
is_special(const char *column)
{
    for (size_t i = 0; i < CV_COUNT(special_columns); i++) {
        if (strcmp(special_columns[i], column) == 0)
            return true;
    }
    return false;
}

static void
check_columns(struct query_check *q, const struct inspect_names *columns, const struct sql_pos *pos)
{
    for (size_t i = 0; i < columns->count; i++) {
        const char *name = columns->items[i];

        if (strcmp(name, "_headers") == 0)
            sql_error(q->diags, pos,
                      "the column \"_headers\" is not supported yet in this version");
        else if (name[0] == '_' && !is_special(name))
            sql_error(q->diags, pos,
                      "the result has a column \"%s\"; names with \"_\" in front are _key, _value, "
                      "_ts and "
                      "_partition; rename it with AS",
                      name);
        for (size_t j = 0; j < i; j++) {
            if (strcmp(columns->items[j], name) == 0) {
                sql_error(q->diags, pos, "the result has two columns \"%s\"; rename one with AS",
                          name);
                break;
            }
        }
    }
}

/* A SELECT must give what its sinks need. */
static void
check_sinks(struct query_check *q, const struct inspect_names *columns, const struct sql_pos *pos)
{
    for (size_t s = 0; s < q->rule->n_sinks; s++) {
        const struct plan_sink *sink = &q->plan->sinks[q->rule->sinks[s]];

        for (size_t i = 0; i < sink->n_key && !contains(columns, "_key"); i++) {
            if (!contains(columns, sink->key[i]))
                sql_error(q->diags, pos,
                          "the result lacks the column \"%s\" of the key of sink \"%s\"",
                          sink->key[i], sink->name);
        }
        for (size_t i = 0; i < sink->n_json_columns && !contains(columns, "_value"); i++) {
            if (!contains(columns, sink->json_columns[i]))
                sql_error(q->diags, pos,
                          "the result lacks the column \"%s\", a json_column of sink \"%s\"",
                          sink->json_columns[i], sink->name);
        }
    }
}

/* Report a failed statement at its place; only what is no fault of the text comes back as failure.
 */
static enum cv_rc
report(struct query_check *q, const struct sql_text *text, size_t head, int offset,
       struct cv_err *err)
{
    struct sql_pos pos = text->pos;

    if (err->rc != CV_INVALID)
        return err->rc;
    if (offset >= (int)head)
        pos = sql_text_at(text, (size_t)offset - head);
    if (!is_later_relation(err->text, q->diags, &pos))
        sql_error(q->diags, &pos, "query \"%s\": %s", q->rule->name, err->text);
    return CV_OK;
}

static enum cv_rc
plan_body(struct query_check *q, const struct sql_text *text, struct plan_body *body,
          struct cv_err *err)
{
    struct inspection seen = { .error_offset = -1 };
    enum cv_rc rc;

    body->sql = text->text;
    body->pos = text->pos;
    rc = inspect_statement(q->db, text->text, is_state, q->plan, q->plan->arena, &seen, err);
    if (rc != CV_OK)
        return report(q, text, 0, seen.error_offset, err);
    body->columns = seen.columns.items;
    body->n_columns = seen.columns.count;
    check_reads(q, &seen, &text->pos);
    check_columns(q, &seen.columns, &text->pos);
    if (body->n_columns > 0 && seen.writes.count > 0)
        sql_error(q->diags, &text->pos,
                  "RETURNING is not supported; select the rows in a statement of its own");
    else if (body->n_columns > 0 && q->rule->n_sinks == 0)
        sql_error(q->diags, &text->pos, "the rows go nowhere: query \"%s\" has no INTO",
                  q->rule->name);
    else if (body->n_columns > 0)
        check_sinks(q, &seen.columns, &text->pos);
    rc = add_names(q->plan, &seen.reads, &q->rule->reads, &q->rule->n_reads, err);
    if (rc == CV_OK)
        rc = add_names(q->plan, &seen.writes, &q->rule->writes, &q->rule->n_writes, err);
    return rc;
}

static enum cv_rc
plan_when(struct query_check *q, struct cv_err *err)
{
    const struct sql_text *when = &q->rule->st->when;
    struct cv_buf sql = CV_BUF_INIT((size_t)1 << 20);
    struct inspection seen = { .error_offset = -1 };
    enum cv_rc rc;

    if (when->text == NULL)
        return CV_OK;
    cv_buf_str(&sql, "SELECT (");
    cv_buf_str(&sql, when->text);
    cv_buf_printf(&sql, "\n) IS TRUE FROM \"%s_changes\"", q->plan->sources[q->rule->source].name);
    q->rule->when = cv_arena_strdup(q->plan->arena, cv_buf_cstr(&sql));
    cv_buf_free(&sql);
    if (q->rule->when == NULL)
        return cv_fail_memory(err);
    rc = inspect_statement(q->db, q->rule->when, is_state, q->plan, q->plan->arena, &seen, err);
    if (rc != CV_OK)
        return report(q, when, strlen("SELECT ("), seen.error_offset, err);
    if (seen.columns.count != 1)
        sql_error(q->diags, &when->pos, "WHEN must be a single expression");
    check_reads(q, &seen, &when->pos);
    return add_names(q->plan, &seen.reads, &q->rule->reads, &q->rule->n_reads, err);
}

static enum cv_rc
find_sinks(struct query_check *q, struct cv_err *err)
{
    const struct sql_names *into = &q->rule->st->into;

    q->rule->sinks = cv_arena_alloc(q->plan->arena, (into->count + 1) * sizeof(size_t));
    if (q->rule->sinks == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < into->count; i++) {
        size_t s = 0;

        while (s < q->plan->n_sinks && strcasecmp(q->plan->sinks[s].name, into->items[i].name) != 0)
            s++;
        if (s == q->plan->n_sinks)
            sql_error(q->diags, &into->items[i].pos, "there is no sink \"%s\"",
                      into->items[i].name);
        else
            q->rule->sinks[q->rule->n_sinks++] = s;
    }
    return CV_OK;
}

static enum cv_rc
plan_query(struct plan *plan, struct database *db, const struct sql_statement *st,
           struct sql_diags *diags, struct cv_err *err)
{
    struct plan_rule *rule = &plan->rules[plan->n_rules];
    struct query_check q = { .plan = plan, .rule = rule, .db = db, .diags = diags };
    const struct plan_source *source = find_source(plan, st->on.name, &rule->source);
    bool written = false;
    enum cv_rc rc;

    rule->name = st->name.name;
    rule->st = st;
    plan_query_options(st, rule, &q.allow_scan, diags);
    if (source == NULL || source->global) {
        sql_error(diags, &st->on.pos,
                  source == NULL
                      ? "there is no source \"%s\""
                      : "the source \"%s\" is GLOBAL; such tables are joined, they start no query",
                  st->on.name);
        return CV_OK;
    }
    plan->n_rules++;
    rule->n_bodies = st->n_body;
    rule->bodies = cv_arena_zalloc(plan->arena, (st->n_body + 1) * sizeof(*rule->bodies));
    if (rule->bodies == NULL)
        return cv_fail_memory(err);
    rc = find_sinks(&q, err);
    if (rc == CV_OK)
        rc = plan_when(&q, err);
    for (size_t i = 0; i < st->n_body && rc == CV_OK; i++) {
        rc = plan_body(&q, &st->body[i], &rule->bodies[i], err);
        written |= rule->bodies[i].n_columns > 0;
    }
    if (rc == CV_OK && diags->errors == 0 && rule->n_sinks > 0 && !written)
        sql_error(diags, &st->name.pos,
                  "query \"%s\" has INTO, but no SELECT whose rows could go there", st->name.name);
    return rc;
}

/* Text behind the token that the keyword is. */
static const char *
behind_keyword(const struct sql_statement *st, const char *keyword, bool *ret_unique)
{
    struct lexer lx;
    struct token tok;

    lexer_init(&lx, "", st->text.text, st->text.len);
    do {
        tok = lexer_next(&lx);
        if (ret_unique != NULL && token_is(&tok, "UNIQUE"))
            *ret_unique = true;
    } while (tok.kind != TOKEN_END && !token_is(&tok, keyword));
    return st->text.text + lx.pos;
}

static const char *
index_sql(struct plan *plan, const struct sql_statement *st, const char *schema)
{
    struct cv_buf sql = CV_BUF_INIT((size_t)1 << 20);
    bool unique = false;
    const char *rest = behind_keyword(st, "ON", &unique);
    const char *out;

    cv_buf_printf(&sql, "CREATE %sINDEX %s", unique ? "UNIQUE " : "", schema);
    cv_buf_sql_ident(&sql, st->name.name);
    cv_buf_printf(&sql, " ON%s", rest);
    out = cv_arena_strdup(plan->arena, cv_buf_cstr(&sql));
    cv_buf_free(&sql);
    return out;
}

static enum cv_rc
try_object(struct database *db, const struct sql_statement *st, const char *sql,
           struct sql_diags *diags, struct cv_err *err)
{
    enum cv_rc rc = sql == NULL ? cv_fail_memory(err) : db_exec(db, sql, err);

    if (rc == CV_INVALID) {
        sql_error(diags, &st->name.pos, "\"%s\": %s", st->name.name, err->text);
        rc = CV_OK;
    }
    return rc;
}

static enum cv_rc
plan_index(struct plan *plan, struct database *db, const struct sql_statement *st,
           struct sql_diags *diags, struct cv_err *err)
{
    const struct plan_source *source = find_source(plan, st->table.name, NULL);
    struct plan_object *index = &plan->indexes[plan->n_indexes++];

    *index =
        (struct plan_object){ .name = st->name.name, .sql = index_sql(plan, st, ""), .st = st };
    if (index->sql == NULL)
        return cv_fail_memory(err);
    if (source == NULL && !is_state(plan, st->table.name)) {
        sql_error(diags, &st->table.pos, "there is no table \"%s\"", st->table.name);
        return CV_OK;
    }
    return try_object(
        db, st, index_sql(plan, st, source != NULL && source->global ? PLAN_GLOBAL_SCHEMA "." : ""),
        diags, err);
}

static enum cv_rc
plan_view(struct plan *plan, struct database *db, const struct sql_statement *st,
          struct sql_diags *diags, struct cv_err *err)
{
    struct plan_object *view = &plan->views[plan->n_views++];
    struct cv_buf sql = CV_BUF_INIT((size_t)1 << 20);

    cv_buf_printf(&sql, "CREATE TEMP VIEW%s", behind_keyword(st, "VIEW", NULL));
    *view = (struct plan_object){ .name = st->name.name,
                                  .group = PLAN_NONE,
                                  .st = st,
                                  .sql = cv_arena_strdup(plan->arena, cv_buf_cstr(&sql)) };
    cv_buf_free(&sql);
    return try_object(db, st, view->sql, diags, err);
}

enum cv_rc
plan_queries(const struct sql_unit *unit, struct plan *plan, struct database *db,
             struct sql_diags *diags, struct cv_err *err)
{
    enum cv_rc rc = CV_OK;

    for (const struct sql_statement *st = unit->first; st != NULL && rc == CV_OK; st = st->next) {
        if (st->kind == SQL_INDEX)
            rc = plan_index(plan, db, st, diags, err);
        else if (st->kind == SQL_VIEW)
            rc = plan_view(plan, db, st, diags, err);
    }
    for (const struct sql_statement *st = unit->first; st != NULL && rc == CV_OK; st = st->next) {
        if (st->kind == SQL_QUERY)
            rc = plan_query(plan, db, st, diags, err);
    }
    for (size_t i = 0; i < plan->n_sinks && rc == CV_OK && diags->errors == 0; i++) {
        bool used = false;

        for (size_t r = 0; r < plan->n_rules && !used; r++) {
            for (size_t s = 0; s < plan->rules[r].n_sinks; s++)
                used |= plan->rules[r].sinks[s] == i;
        }
        if (!used)
            sql_warn(diags, &plan->sinks[i].st->name.pos, "no query writes to the sink \"%s\"",
                     plan->sinks[i].name);
    }
    return rc;
}
