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
#include "streams/sql/plan_repartition.h"
#include "streams/store/inspect.h"
#include "streams/store/relation.h"

/* Columns of a result that are no fields of the record. */
static const char *const special_columns[] = { "_key", "_value", "_ts", "_partition", "_headers" };

/* And those of a change event. */
static const char *const event_columns[] = { "_key", "_value",   "_ts",       "_partition",
                                             "_headers", "_op", "_commit_ts" };

/* What a SELECT of a repartition stream says beside its columns. */
static const char *const stream_columns[] = { "_ts", "_commit_ts" };

const struct plan_source *
plan_find_source(const struct plan *plan, const char *name, size_t *ret_i)
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

static size_t
find_state(const struct plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->n_states; i++) {
        if (strcasecmp(plan->states[i].name, name) == 0)
            return i;
    }
    return PLAN_NONE;
}

static bool
is_state(void *arg, const char *name)
{
    return find_state(arg, name) != PLAN_NONE;
}

static bool
is_stream(const struct plan *plan, const char *name)
{
    const struct plan_source *source = plan_find_source(plan, name, NULL);

    return source != NULL && source->stream;
}

/* "orders" of "orders_changes"; len 0 when the name does not end so. */
static size_t
base_length(const char *name, const char *suffix)
{
    size_t len = strlen(name);
    size_t tail = strlen(suffix);

    return len > tail && strcasecmp(name + len - tail, suffix) == 0 ? len - tail : 0;
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

/* The relation that a query runs on; NULL: a timer. */
static const char *
followed_name(const struct query_check *q)
{
    if (q->rule->trigger == PLAN_EVERY)
        return NULL;
    return q->rule->trigger < PLAN_ON_CLOSE ? q->plan->sources[q->rule->source].name
                                            : q->plan->states[q->rule->state].name;
}

/* Change relations hold something only in queries that run on their table. */
static void
check_relation(struct query_check *q, const char *name, const struct sql_pos *pos)
{
    static const struct {
        const char *suffix;
        bool closing;
    } relations[] = { { "_changes", false }, { "_delta", false }, { "_closed", true } };
    const char *on = followed_name(q);

    for (size_t i = 0; i < CV_COUNT(relations); i++) {
        size_t base = base_length(name, relations[i].suffix);

        if (base == 0)
            continue;
        if (on == NULL)
            sql_error(q->diags, pos, "\"%s\" is empty here: the query runs on a timer", name);
        else if (strlen(on) != base || strncasecmp(on, name, base) != 0 ||
                 relations[i].closing != (q->rule->trigger == PLAN_ON_CLOSE))
            sql_error(q->diags, pos, "\"%s\" is empty here: the query runs ON %s%s", name,
                      q->rule->trigger == PLAN_ON_CLOSE    ? "CLOSE OF "
                      : q->rule->trigger == PLAN_ON_CHANGE ? "CHANGE OF "
                                                           : "",
                      on);
    }
}

/* What is subtracted must be subtracted where it was added: not by a value looked up anew. */
static void
check_delta(struct query_check *q, const struct inspection *seen, const struct sql_pos *pos)
{
    const char *delta = NULL;
    const char *other = NULL;

    for (size_t i = 0; i < seen->reads.count; i++) {
        const char *name = seen->reads.items[i];

        if (base_length(name, "_delta") > 0)
            delta = name;
        else if (base_length(name, "_changes") == 0 && !contains(&seen->writes, name) &&
                 strcmp(name, "hop") != 0)
            other = name;
    }
    if (delta != NULL && other != NULL)
        sql_warn(q->diags, pos,
                 "\"%s\" is joined with \"%s\": if a value of \"%s\" that is grouped by changes "
                 "meanwhile, the old row is subtracted elsewhere than it was added",
                 delta, other, other);
}

static void
check_reads(struct query_check *q, const struct inspection *seen, const struct sql_pos *pos)
{
    for (size_t i = 0; i < seen->reads.count; i++)
        check_relation(q, seen->reads.items[i], pos);
    check_delta(q, seen, pos);
    for (size_t i = 0; i < seen->scans.count && !q->allow_scan; i++) {
        if ((q->rule->trigger == PLAN_ON && !q->rule->batched) || q->rule->trigger == PLAN_BATCH)
            sql_error(q->diags, pos,
                      "every event would read the whole table \"%s\"; join it by its key or an "
                      "index, or say WITH "
                      "(allow_scan = 1)",
                      seen->scans.items[i]);
        else if (q->rule->trigger != PLAN_EVERY)
            sql_warn(q->diags, pos,
                     "each run reads the whole table \"%s\"; join it by its key or an index, or "
                     "say WITH (allow_scan = 1)",
                     seen->scans.items[i]);
    }
}

static bool
is_special(const char *column, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], column) == 0)
            return true;
    }
    return false;
}

/* All sinks of the query write change events. */
static bool
makes_events(const struct query_check *q)
{
    for (size_t s = 0; s < q->rule->n_sinks; s++) {
        if (!q->plan->sinks[q->rule->sinks[s]].envelope)
            return false;
    }
    return q->rule->n_sinks > 0;
}

static void
check_columns(struct query_check *q, const struct inspect_names *columns, const struct sql_pos *pos)
{
    bool stream = q->rule->trigger == PLAN_BATCH;
    bool events = makes_events(q);

    for (size_t i = 0; i < columns->count; i++) {
        const char *name = columns->items[i];

        if (stream && name[0] == '_' &&
            !is_special(name, stream_columns, CV_COUNT(stream_columns)))
            sql_error(q->diags, pos,
                      "the result has a column \"%s\"; names with \"_\" in front are _ts and "
                      "_commit_ts here; rename it with AS",
                      name);
        else if (!stream && name[0] == '_' &&
                 !(events ? is_special(name, event_columns, CV_COUNT(event_columns))
                          : is_special(name, special_columns, CV_COUNT(special_columns))))
            sql_error(q->diags, pos,
                      "the result has a column \"%s\"; names with \"_\" in front are _key, _value, "
                      "_ts, _partition and _headers%s; rename it with AS",
                      name, events ? ", _op and _commit_ts" : "");
        for (size_t j = 0; j < i; j++) {
            if (strcmp(columns->items[j], name) == 0) {
                sql_error(q->diags, pos, "the result has two columns \"%s\"; rename one with AS",
                          name);
                break;
            }
        }
    }
}

/* A row must give what its sink needs. */
static void
check_sink(struct query_check *q, const struct plan_sink *sink, const char *what,
           const struct inspect_names *columns, const struct sql_pos *pos)
{
    for (size_t i = 0; i < sink->n_key && !contains(columns, "_key"); i++) {
        if (!contains(columns, sink->key[i]))
            sql_error(q->diags, pos, "%s lacks the column \"%s\" of the key of sink \"%s\"", what,
                      sink->key[i], sink->name);
    }
    if (sink->envelope && !contains(columns, "_op") && !contains(columns, "_value"))
        sql_error(q->diags, pos, "%s lacks the column \"_op\": sink \"%s\" writes change events", what,
                  sink->name);
    for (size_t i = 0; i < sink->n_json_columns && !contains(columns, "_value"); i++) {
        if (!contains(columns, sink->json_columns[i]))
            sql_error(q->diags, pos, "%s lacks the column \"%s\", a json_column of sink \"%s\"",
                      what, sink->json_columns[i], sink->name);
    }
}

static void
check_sinks(struct query_check *q, const struct inspect_names *columns, const struct sql_pos *pos)
{
    for (size_t s = 0; s < q->rule->n_sinks; s++)
        check_sink(q, &q->plan->sinks[q->rule->sinks[s]], "the result", columns, pos);
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
    if (strncmp(err->text, "no such table: ", 15) == 0 && is_stream(q->plan, err->text + 15))
        sql_error(q->diags, &pos,
                  "query \"%s\": \"%s\" is a stream, which keeps no rows; read \"%s_changes\" in a "
                  "query ON it, or make it a TABLE",
                  q->rule->name, err->text + 15, err->text + 15);
    else
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
    else if (q->rule->trigger == PLAN_BATCH)
        ; /* its rows go to the repartition topic */
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
    if (q->rule->trigger == PLAN_ON)
        cv_buf_printf(&sql, "\n) IS TRUE FROM \"%s_changes\"", followed_name(q));
    else
        cv_buf_str(&sql, "\n) IS TRUE");
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

static size_t
find_sink(struct query_check *q, const struct sql_name *name)
{
    for (size_t s = 0; s < q->plan->n_sinks; s++) {
        if (strcasecmp(q->plan->sinks[s].name, name->name) == 0)
            return s;
    }
    sql_error(q->diags, &name->pos, "there is no sink \"%s\"", name->name);
    return PLAN_NONE;
}

static enum cv_rc
find_sinks(struct query_check *q, struct cv_err *err)
{
    const struct sql_names *into = &q->rule->st->into;

    q->rule->sinks = cv_arena_alloc(q->plan->arena, (into->count + 1) * sizeof(size_t));
    if (q->rule->sinks == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < into->count; i++) {
        size_t s = find_sink(q, &into->items[i]);

        if (s != PLAN_NONE)
            q->rule->sinks[q->rule->n_sinks++] = s;
    }
    return CV_OK;
}

/* LATE INTO takes the rows of the one windowed table that the query writes. */
static enum cv_rc
plan_late(struct query_check *q, struct cv_err *err)
{
    const struct sql_name *late = &q->rule->st->late;
    const struct plan_state *state;
    struct inspect_names columns = { 0 };

    q->rule->late_sink = q->rule->late_state = PLAN_NONE;
    for (size_t i = 0; i < q->rule->n_writes; i++) {
        size_t s = find_state(q->plan, q->rule->writes[i]);

        if (s == PLAN_NONE || q->plan->states[s].window_end < 0)
            continue;
        if (q->rule->late_state != PLAN_NONE && late->name != NULL)
            sql_error(q->diags, &late->pos,
                      "LATE INTO: query \"%s\" writes two windowed tables, \"%s\" and \"%s\"; split "
                      "it",
                      q->rule->name, q->plan->states[q->rule->late_state].name,
                      q->plan->states[s].name);
        q->rule->late_state = s;
    }
    if (late->name == NULL)
        return CV_OK;
    q->rule->late_sink = find_sink(q, late);
    if (q->rule->late_sink == PLAN_NONE)
        return CV_OK;
    if (q->rule->late_state == PLAN_NONE) {
        if (q->diags->errors == 0)
            sql_error(q->diags, &late->pos,
                      "LATE INTO: query \"%s\" writes no state table with a WINDOW", q->rule->name);
        return CV_OK;
    }
    state = &q->plan->states[q->rule->late_state];
    columns.items = cv_arena_alloc(q->plan->arena, state->table->n_columns * sizeof(char *));
    if (columns.items == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < state->table->n_columns; i++)
        columns.items[columns.count++] = state->table->columns[i].name;
    check_sink(q, &q->plan->sinks[q->rule->late_sink], "a late row", &columns, &late->pos);
    return CV_OK;
}

/* What the query follows. false: reported. */
static bool
find_followed(struct query_check *q)
{
    static const enum plan_trigger triggers[] = { [SQL_ON] = PLAN_ON,
                                                  [SQL_ON_CLOSE] = PLAN_ON_CLOSE,
                                                  [SQL_ON_CHANGE] = PLAN_ON_CHANGE,
                                                  [SQL_EVERY] = PLAN_EVERY };
    const struct sql_statement *st = q->rule->st;
    const struct plan_source *source;

    q->rule->trigger = triggers[st->trigger];
    q->rule->source = q->rule->state = q->rule->feeds = PLAN_NONE;
    q->rule->every_ms = st->every_ms;
    if (st->trigger == SQL_EVERY)
        return true;
    if (st->trigger != SQL_ON) {
        q->rule->state = find_state(q->plan, st->on.name);
        if (q->rule->state == PLAN_NONE) {
            sql_error(q->diags, &st->on.pos, "there is no state table \"%s\"", st->on.name);
        } else if (st->trigger == SQL_ON_CLOSE &&
                   q->plan->states[q->rule->state].window_end < 0) {
            sql_error(q->diags, &st->on.pos, "the state table \"%s\" has no WINDOW to be closed",
                      st->on.name);
            return false;
        }
        return q->rule->state != PLAN_NONE;
    }
    source = plan_find_source(q->plan, st->on.name, &q->rule->source);
    if (source == NULL && is_state(q->plan, st->on.name))
        sql_error(q->diags, &st->on.pos, "\"%s\" is a state table; say ON CHANGE OF %s", st->on.name,
                  st->on.name);
    else if (source == NULL || source->global)
        sql_error(q->diags, &st->on.pos,
                  source == NULL
                      ? "there is no source \"%s\""
                      : "the source \"%s\" is GLOBAL; such tables are joined, they start no query",
                  st->on.name);
    return source != NULL && !source->global;
}

enum cv_rc
plan_bodies(struct query_check *q, bool *ret_written, struct cv_err *err)
{
    struct plan_rule *rule = q->rule;
    enum cv_rc rc = CV_OK;

    *ret_written = false;
    rule->n_bodies = rule->st->n_body;
    rule->bodies = cv_arena_zalloc(q->plan->arena, (rule->n_bodies + 1) * sizeof(*rule->bodies));
    if (rule->bodies == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < rule->n_bodies && rc == CV_OK; i++) {
        rc = plan_body(q, &rule->st->body[i], &rule->bodies[i], err);
        *ret_written |= rule->bodies[i].n_columns > 0;
    }
    return rc;
}

static enum cv_rc
plan_query(struct plan *plan, struct database *db, const struct sql_statement *st,
           struct sql_diags *diags, struct cv_err *err)
{
    struct plan_rule *rule = &plan->rules[plan->n_rules];
    struct query_check q = { .plan = plan, .rule = rule, .db = db, .diags = diags };
    struct relation *rel;
    bool written;
    enum cv_rc rc = CV_OK;

    rule->name = st->name.name;
    rule->st = st;
    plan_query_options(st, rule, &q.allow_scan, diags);
    if (!find_followed(&q))
        return CV_OK;
    plan->n_rules++;
    if (rule->trigger == PLAN_ON_CHANGE && !plan->states[rule->state].followed) {
        plan->states[rule->state].followed = true;
        rc = relation_new(db, plan->states[rule->state].table, &rel, err);
    }
    if (rc == CV_OK)
        rc = find_sinks(&q, err);
    if (rc == CV_OK)
        rc = plan_when(&q, err);
    if (rc == CV_OK)
        rc = plan_bodies(&q, &written, err);
    if (rc == CV_OK)
        rc = plan_late(&q, err);
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
    const struct plan_source *source = plan_find_source(plan, st->table.name, NULL);
    size_t state = find_state(plan, st->table.name);
    bool memory = state != PLAN_NONE && plan->states[state].memory;
    struct plan_object *index = &plan->indexes[plan->n_indexes++];

    *index = (struct plan_object){ .name = st->name.name,
                                   .sql = index_sql(plan, st, memory ? TABLE_IN_MEMORY "." : ""),
                                   .table = st->table.name,
                                   .memory = memory,
                                   .st = st };
    if (index->sql == NULL)
        return cv_fail_memory(err);
    if (source == NULL && state == PLAN_NONE) {
        sql_error(diags, &st->table.pos, "there is no table \"%s\"", st->table.name);
        return CV_OK;
    }
    return try_object(db, st,
                      source != NULL && source->global ? index_sql(plan, st, PLAN_GLOBAL_SCHEMA ".")
                                                       : index->sql,
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

/* A state table that nothing bounds: neither time nor the keys of what is read. */
static void
check_bounds(const struct plan *plan, struct sql_diags *diags)
{
    for (size_t i = 0; i < plan->n_states; i++) {
        const struct plan_state *state = &plan->states[i];
        bool bounded = state->bounded || state->window_end >= 0 || state->expire >= 0;

        for (size_t s = 0; s < plan->n_sources && !bounded; s++) {
            const struct plan_source *source = &plan->sources[s];
            const char *key = source->from != PLAN_NONE
                                  ? source->table->columns[source->by].name
                                  : (source->table->n_key == 1
                                         ? source->table->columns[source->table->key[0]].name
                                         : "");

            bounded = state->table->n_key == 1 &&
                      strcmp(state->table->columns[state->table->key[0]].name, key) == 0;
        }
        if (!bounded)
            sql_warn(diags, &state->st->name.pos,
                     "the state table \"%s\" may grow for ever: it has neither WINDOW nor EXPIRE, and "
                     "its key is not that of a source; if it cannot, say WITH (bounded = 1)",
                     state->name);
    }
}

static void
check_unused_sinks(const struct plan *plan, struct sql_diags *diags)
{
    for (size_t i = 0; i < plan->n_sinks; i++) {
        bool used = false;

        for (size_t r = 0; r < plan->n_rules && !used; r++) {
            used = plan->rules[r].late_sink == i;
            for (size_t s = 0; s < plan->rules[r].n_sinks; s++)
                used |= plan->rules[r].sinks[s] == i;
        }
        if (!used)
            sql_warn(diags, &plan->sinks[i].st->name.pos, "no query writes to the sink \"%s\"",
                     plan->sinks[i].name);
    }
}

static size_t
count_repartitions(const struct sql_unit *unit)
{
    size_t n = 0;

    for (const struct sql_statement *st = unit->first; st != NULL; st = st->next)
        n += st->kind == SQL_REPARTITION;
    return n;
}

enum cv_rc
plan_queries(const struct sql_unit *unit, struct plan *plan, struct database *db,
             struct sql_diags *diags, struct cv_err *err)
{
    struct plan_rule *feeding =
        cv_arena_zalloc(plan->arena, (count_repartitions(unit) + 1) * sizeof(*feeding));
    size_t n = 0;
    enum cv_rc rc = CV_OK;

    if (feeding == NULL)
        return cv_fail_memory(err);
    for (const struct sql_statement *st = unit->first; st != NULL && rc == CV_OK; st = st->next) {
        if (st->kind == SQL_INDEX)
            rc = plan_index(plan, db, st, diags, err);
        else if (st->kind == SQL_VIEW)
            rc = plan_view(plan, db, st, diags, err);
        else if (st->kind == SQL_REPARTITION)
            rc = plan_repartition(plan, db, st, &feeding[n++], diags, err);
    }
    /* A query on a stream that is wrong would be reported, too, without need. */
    if (rc != CV_OK || diags->errors > 0)
        return rc;
    n = 0;
    for (const struct sql_statement *st = unit->first; st != NULL && rc == CV_OK; st = st->next) {
        if (st->kind == SQL_QUERY)
            rc = plan_query(plan, db, st, diags, err);
        else if (st->kind == SQL_REPARTITION)
            plan->rules[plan->n_rules++] = feeding[n++];
    }
    if (rc == CV_OK && diags->errors == 0) {
        check_bounds(plan, diags);
        check_unused_sinks(plan, diags);
    }
    return rc;
}
