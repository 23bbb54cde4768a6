/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From statements to a plan; see plan.h. Tables are created in an in-memory database whose parser
 * decides what a column definition means; plan_query.c then tries the queries on it, and plan_groups.c
 * gathers what meets in them.
 */
#include "streams/sql/plan.h"

#include <string.h>
#include <strings.h>

#include "common/buf.h"
#include "streams/sql/plan_groups.h"
#include "streams/sql/plan_options.h"
#include "streams/sql/plan_query.h"
#include "streams/store/function.h"
#include "streams/store/relation.h"

#define DEFAULT_IDLE_MS 30000

const char plan_engine_ddl[] =
    "CREATE TABLE _culvert_marks (k TEXT, n INTEGER, v INTEGER, PRIMARY KEY (k, n)) WITHOUT ROWID;"
    "CREATE TABLE _culvert_outbox (sink TEXT, seq INTEGER, file TEXT, line TEXT, "
    "PRIMARY KEY (sink, seq)) WITHOUT ROWID;"
    "CREATE TABLE _culvert_pending (query TEXT, row BLOB, old BLOB, PRIMARY KEY (query, row)) "
    "WITHOUT ROWID;"
    "CREATE TABLE _culvert_row_lsn (source TEXT, row BLOB, commit_lsn INTEGER, lsn INTEGER, "
    "snapshot_lsn INTEGER, PRIMARY KEY (source, row)) WITHOUT ROWID";

static size_t
count_kind(const struct sql_unit *unit, enum sql_kind kind)
{
    size_t n = 0;

    for (const struct sql_statement *st = unit->first; st != NULL; st = st->next)
        n += st->kind == kind;
    return n;
}

static enum cv_rc
make_arrays(const struct sql_unit *unit, struct plan *plan, struct cv_err *err)
{
    size_t n_reparts = count_kind(unit, SQL_REPARTITION);
    size_t n_states = count_kind(unit, SQL_STATE);

    plan->sources = cv_arena_zalloc(plan->arena, (count_kind(unit, SQL_SOURCE) + n_reparts + 1) *
                                                     sizeof(*plan->sources));
    plan->states =
        cv_arena_zalloc(plan->arena, (n_states + 1) * sizeof(*plan->states));
    plan->sinks =
        cv_arena_zalloc(plan->arena, (count_kind(unit, SQL_SINK) + 1) * sizeof(*plan->sinks));
    plan->rules = cv_arena_zalloc(plan->arena, (count_kind(unit, SQL_QUERY) + n_reparts + 1) *
                                                   sizeof(*plan->rules));
    plan->indexes = cv_arena_zalloc(plan->arena, (count_kind(unit, SQL_INDEX) + n_states + 1) *
                                                     sizeof(*plan->indexes));
    plan->views =
        cv_arena_zalloc(plan->arena, (count_kind(unit, SQL_VIEW) + 1) * sizeof(*plan->views));
    if (plan->sources == NULL || plan->states == NULL || plan->sinks == NULL ||
        plan->rules == NULL || plan->indexes == NULL || plan->views == NULL)
        return cv_fail_memory(err);
    return CV_OK;
}

static bool
is_relation(enum sql_kind kind)
{
    return kind == SQL_SOURCE || kind == SQL_REPARTITION || kind == SQL_STATE ||
           kind == SQL_VIEW || kind == SQL_INDEX;
}

/* Tables and views share SQLite's name space; sinks and queries have one each. */
static bool
same_space(enum sql_kind a, enum sql_kind b)
{
    return a == b || (is_relation(a) && is_relation(b));
}

/* "orders_changes" would hide the changes of "orders". */
static bool
ends_like_ours(const char *name)
{
    static const char *const suffixes[] = { "_changes", "_delta", "_closed" };
    size_t len = strlen(name);

    for (size_t i = 0; i < CV_COUNT(suffixes); i++) {
        size_t tail = strlen(suffixes[i]);

        if (len > tail && strcasecmp(name + len - tail, suffixes[i]) == 0)
            return true;
    }
    return false;
}

static void
check_names(const struct sql_unit *unit, struct sql_diags *diags)
{
    for (const struct sql_statement *st = unit->first; st != NULL; st = st->next) {
        if (strncasecmp(st->name.name, "sqlite_", 7) == 0 ||
            strncasecmp(st->name.name, "_culvert", 8) == 0)
            sql_error(diags, &st->name.pos,
                      "names that begin with \"sqlite_\" or \"_culvert\" are taken");
        if (is_relation(st->kind) && ends_like_ours(st->name.name))
            sql_error(diags, &st->name.pos,
                      "names that end in \"_changes\", \"_delta\" or \"_closed\" are those of the "
                      "engine's relations; choose another than \"%s\"",
                      st->name.name);
        for (const struct sql_statement *old = unit->first; old != st; old = old->next) {
            if (strcasecmp(old->name.name, st->name.name) == 0 && same_space(old->kind, st->kind)) {
                sql_error(diags, &st->name.pos, "the name \"%s\" is taken by %s:%d", st->name.name,
                          old->name.pos.file, old->name.pos.line);
                break;
            }
        }
    }
}

/* CREATE TABLE [schema.]name (columns) [WITHOUT ROWID]; *ret_head: bytes in front of the columns.
 */
static const char *
table_ddl(struct plan *plan, const struct sql_statement *st, const char *schema, size_t *ret_head)
{
    struct cv_buf sql = CV_BUF_INIT((size_t)1 << 20);
    const char *out;

    cv_buf_str(&sql, "CREATE TABLE ");
    if (schema != NULL)
        cv_buf_printf(&sql, "%s.", schema);
    cv_buf_sql_ident(&sql, st->name.name);
    cv_buf_str(&sql, " (");
    *ret_head = sql.len;
    cv_buf_add(&sql, st->columns.text, st->columns.len);
    cv_buf_str(&sql, st->without_rowid ? "\n) WITHOUT ROWID" : "\n)");
    out = cv_arena_strdup(plan->arena, cv_buf_cstr(&sql));
    cv_buf_free(&sql);
    return out;
}

/* Create the table in the planning database and read its shape back. */
static enum cv_rc
plan_table(struct plan *plan, struct database *db, const struct sql_statement *st, bool memory,
           const char **ret_ddl, const struct table **ret, struct sql_diags *diags,
           struct cv_err *err)
{
    struct statement *create = NULL;
    struct table *table = NULL;
    size_t head;
    const char *here = table_ddl(plan, st,
                                 st->global ? PLAN_GLOBAL_SCHEMA
                                 : memory   ? TABLE_IN_MEMORY
                                            : TABLE_IN_FILE,
                                 &head);
    struct sql_pos pos = st->name.pos;
    enum cv_rc rc;

    if (here == NULL)
        return cv_fail_memory(err);
    rc = db_prepare(db, here, &create, NULL, err);
    if (rc == CV_INVALID && db_error_offset(db) >= (int)head)
        pos = sql_text_at(&st->columns, (size_t)db_error_offset(db) - head);
    if (rc == CV_OK)
        rc = statement_run(db, create, err);
    statement_free(create);
    if (rc == CV_OK)
        rc = table_read(db, st->name.name, plan->arena, &table, err);
    if (rc == CV_OK && table->n_key == 0 && !st->stream)
        rc = cv_fail(err, CV_INVALID, "table \"%s\" needs a PRIMARY KEY", st->name.name);
    if (rc == CV_INVALID) {
        sql_error(diags, &pos, "table \"%s\": %s", st->name.name, err->text);
        return CV_OK;
    }
    if (rc != CV_OK)
        return rc;
    if (memory)
        table->schema = TABLE_IN_MEMORY;
    *ret = table;
    *ret_ddl = table_ddl(plan, st, memory ? TABLE_IN_MEMORY : NULL, &head);
    return *ret_ddl == NULL ? cv_fail_memory(err) : CV_OK;
}

static enum cv_rc
drop_table(struct database *db, const char *name, struct cv_err *err)
{
    struct cv_buf sql = CV_BUF_INIT(256);
    enum cv_rc rc;

    cv_buf_str(&sql, "DROP TABLE main.");
    cv_buf_sql_ident(&sql, name);
    rc = db_exec(db, cv_buf_cstr(&sql), err);
    cv_buf_free(&sql);
    return rc;
}

static enum cv_rc
plan_source(struct plan *plan, struct database *db, const struct sql_statement *st,
            struct sql_diags *diags, struct cv_err *err)
{
    struct plan_source *source = &plan->sources[plan->n_sources];
    struct relation *rel;
    enum cv_rc rc;

    *source = (struct plan_source){ .name = st->name.name,
                                    .topic = st->topic,
                                    .global = st->global,
                                    .stream = st->stream,
                                    .event_time = -1,
                                    .delay_ms = st->watermark_delay_ms,
                                    .idle_ms = st->idle_timeout_ms,
                                    .clock_is_event = st->clock == SQL_CLOCK_EVENT,
                                    .group = PLAN_NONE,
                                    .from = PLAN_NONE,
                                    .like = PLAN_NONE,
                                    .partitions = -1,
                                    .st = st };
    if (source->delay_ms == SQL_NO_INTERVAL)
        source->delay_ms = 0;
    if (source->idle_ms == SQL_NO_INTERVAL)
        source->idle_ms = DEFAULT_IDLE_MS;
    rc = plan_table(plan, db, st, false, &source->ddl, &source->table, diags, err);
    if (source->stream)
        source->ddl = NULL;
    plan_source_options(st, source, diags);
    if (source->global && (source->stream || source->format == PLAN_JSON))
        sql_error(diags, &st->name.pos,
                  "a GLOBAL source must be a TABLE of change events; \"%s\" has no rows to keep",
                  source->name);
    if (source->format == PLAN_JSON && !source->stream)
        sql_error(diags, &st->name.pos,
                  "format = 'json' is for CREATE SOURCE STREAM: plain objects say nothing of "
                  "updates and deletes");
    if (rc != CV_OK || source->table == NULL)
        return rc;
    if (st->event_time.name != NULL) {
        source->event_time =
            table_column(source->table, st->event_time.name, strlen(st->event_time.name));
        if (source->event_time < 0)
            sql_error(diags, &st->event_time.pos, "\"%s\" has no column \"%s\"", st->name.name,
                      st->event_time.name);
        else if (source->table->columns[source->event_time].type != COLUMN_TIMESTAMP)
            sql_error(diags, &st->event_time.pos,
                      "the event time \"%s\" must be a TIMESTAMP column", st->event_time.name);
    }
    for (size_t i = 0; i < plan->n_sources; i++) {
        if (strcmp(plan->sources[i].topic, source->topic) == 0)
            sql_error(diags, &st->name.pos, "the topic '%s' is already read by source \"%s\"",
                      source->topic, plan->sources[i].name);
    }
    plan->n_globals += st->global;
    plan->n_sources++;
    if (source->stream && rc == CV_OK)
        rc = drop_table(db, st->name.name, err);
    return st->global || rc != CV_OK ? rc : relation_new(db, source->table, &rel, err);
}

/* A column of a state table that holds a time. */
static int
time_column(const struct plan_state *state, const struct sql_name *name, const char *what,
            struct sql_diags *diags)
{
    int col = table_column(state->table, name->name, strlen(name->name));

    if (col < 0)
        sql_error(diags, &name->pos, "\"%s\" has no column \"%s\"", state->name, name->name);
    else if (state->table->columns[col].type != COLUMN_INTEGER &&
             state->table->columns[col].type != COLUMN_TIMESTAMP)
        sql_error(diags, &name->pos, "%s \"%s\" must be an INTEGER or TIMESTAMP column (ms)", what,
                  name->name);
    return col;
}

static const char *
kept_text(struct plan *plan, struct cv_buf *sql)
{
    struct cv_err err = CV_ERR_INIT;
    const char *out =
        cv_buf_check(sql, &err) == CV_OK ? cv_arena_strdup(plan->arena, cv_buf_cstr(sql)) : NULL;

    cv_buf_free(sql);
    return out;
}

/* The index that finds windows to close. */
static enum cv_rc
add_end_index(struct plan *plan, const struct plan_state *state, struct cv_err *err)
{
    struct plan_object *index = &plan->indexes[plan->n_indexes++];
    struct cv_buf name = CV_BUF_INIT(256);
    struct cv_buf sql = CV_BUF_INIT(4096);

    cv_buf_printf(&name, "_culvert_%s_end", state->name);
    cv_buf_str(&sql, "CREATE INDEX ");
    if (state->memory)
        cv_buf_str(&sql, TABLE_IN_MEMORY ".");
    cv_buf_sql_ident(&sql, cv_buf_cstr(&name));
    cv_buf_str(&sql, " ON ");
    cv_buf_sql_ident(&sql, state->name);
    cv_buf_str(&sql, " (");
    cv_buf_sql_ident(&sql, state->table->columns[state->window_end].name);
    cv_buf_char(&sql, ')');
    *index = (struct plan_object){ .name = kept_text(plan, &name),
                                   .sql = kept_text(plan, &sql),
                                   .table = state->name,
                                   .memory = state->memory,
                                   .group = PLAN_NONE,
                                   .st = state->st };
    return index->name == NULL || index->sql == NULL ? cv_fail_memory(err) : CV_OK;
}

/* Rows whose time has come, as a view between two marks that the engine moves. */
static const char *
closed_view(struct plan *plan, const struct plan_state *state)
{
    struct cv_buf sql = CV_BUF_INIT(4096);
    struct cv_buf end = CV_BUF_INIT(256);

    cv_buf_sql_ident(&end, state->table->columns[state->window_end].name);
    cv_buf_printf(&sql, "CREATE TEMP VIEW \"%s_closed\" AS SELECT * FROM %s.\"%s\" WHERE ",
                  state->name, state->table->schema, state->name);
    cv_buf_printf(&sql, "%s > _culvert_closed_from() AND %s <= _culvert_closed_to()",
                  cv_buf_cstr(&end), cv_buf_cstr(&end));
    cv_buf_free(&end);
    return kept_text(plan, &sql);
}

/* A row of a window that is closed goes to the late rows instead. In TEMP, so that the file stays
   as the pipeline says. */
static const char *
late_trigger(struct plan *plan, const struct plan_state *state)
{
    struct cv_buf sql = CV_BUF_INIT((size_t)1 << 20);
    struct cv_buf end = CV_BUF_INIT(256);
    static const char *const events[] = { "INSERT", "UPDATE" };

    cv_buf_sql_ident(&end, state->table->columns[state->window_end].name);
    for (size_t e = 0; e < CV_COUNT(events); e++) {
        cv_buf_printf(&sql,
                      "%sCREATE TEMP TRIGGER \"_culvert_%s_late_%s\" BEFORE %s ON %s.\"%s\" WHEN "
                      "%s.%s + %lld <= watermark() BEGIN SELECT _culvert_late(",
                      e > 0 ? ";" : "", state->name, events[e], events[e], state->table->schema,
                      state->name,
                      e == 0 ? "NEW" : "OLD", cv_buf_cstr(&end), (long long)state->close_after_ms);
        for (size_t i = 0; i < state->table->n_columns; i++) {
            cv_buf_str(&sql, i > 0 ? ", NEW." : "NEW.");
            cv_buf_sql_ident(&sql, state->table->columns[i].name);
        }
        cv_buf_str(&sql, "); SELECT RAISE(IGNORE); END");
    }
    cv_buf_free(&end);
    return kept_text(plan, &sql);
}

static enum cv_rc
plan_window(struct plan *plan, struct database *db, struct plan_state *state,
            struct sql_diags *diags, struct cv_err *err)
{
    const struct sql_statement *st = state->st;
    size_t before = diags->errors;
    enum cv_rc rc;

    state->window_start = time_column(state, &st->window_start, "the window's begin", diags);
    state->window_end = time_column(state, &st->window_end, "the window's end", diags);
    if (diags->errors > before)
        return CV_OK;
    state->close_after_ms = st->gap_ms + st->grace_ms;
    state->retain_ms = st->retain_ms;
    state->closed_view = closed_view(plan, state);
    state->late_trigger = late_trigger(plan, state);
    if (state->closed_view == NULL || state->late_trigger == NULL)
        return cv_fail_memory(err);
    rc = add_end_index(plan, state, err);
    if (rc == CV_OK)
        rc = db_exec(db, plan->indexes[plan->n_indexes - 1].sql, err);
    if (rc == CV_OK)
        rc = db_exec(db, state->closed_view, err);
    return rc == CV_OK ? db_exec(db, state->late_trigger, err) : rc;
}

static enum cv_rc
plan_state(struct plan *plan, struct database *db, const struct sql_statement *st,
           struct sql_diags *diags, struct cv_err *err)
{
    struct plan_state *state = &plan->states[plan->n_states];
    enum cv_rc rc;

    *state = (struct plan_state){ .name = st->name.name,
                                  .window_start = -1,
                                  .window_end = -1,
                                  .expire = -1,
                                  .expire_after_ms = st->expire_after_ms,
                                  .group = PLAN_NONE,
                                  .st = st };
    plan_state_options(st, state, diags);
    rc = plan_table(plan, db, st, state->memory, &state->ddl, &state->table, diags, err);
    if (rc != CV_OK || state->table == NULL)
        return rc;
    plan->n_states++;
    if (st->expire.name != NULL)
        state->expire = time_column(state, &st->expire, "the column of EXPIRE", diags);
    if (st->window_start.name != NULL)
        return plan_window(plan, db, state, diags, err);
    return rc;
}

static enum cv_rc
plan_sink(struct plan *plan, const struct sql_statement *st, struct sql_diags *diags,
          struct cv_err *err)
{
    struct plan_sink *sink = &plan->sinks[plan->n_sinks++];

    *sink =
        (struct plan_sink){ .name = st->name.name, .kind = st->sink, .st = st };
    if (st->sink == SQL_SINK_TOPIC)
        sink->topic = st->topic;
    else
        sink->pattern = st->topic;
    sink->n_key = st->key.count;
    sink->key = cv_arena_zalloc(plan->arena, (st->key.count + 1) * sizeof(*sink->key));
    if (sink->key == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < st->key.count; i++)
        sink->key[i] = st->key.items[i].name;
    plan_sink_options(st, sink, diags);
    for (size_t i = 0; i < plan->n_sources && sink->topic != NULL; i++) {
        if (strcmp(plan->sources[i].topic, st->topic) == 0)
            sql_error(diags, &st->name.pos,
                      "the topic '%s' is read by source \"%s\"; a sink cannot write it", st->topic,
                      plan->sources[i].name);
    }
    return CV_OK;
}

/* Hashes of table names identify rows in a changelog. */
static void
check_table_ids(const struct plan *plan, struct sql_diags *diags)
{
    size_t total = plan->n_sources + plan->n_states;

    for (size_t i = 0; i < total; i++) {
        const struct table *a =
            i < plan->n_sources ? plan->sources[i].table : plan->states[i - plan->n_sources].table;

        for (size_t j = 0; a != NULL && j < i; j++) {
            const struct table *b = j < plan->n_sources ? plan->sources[j].table
                                                        : plan->states[j - plan->n_sources].table;

            if (b != NULL && a->id == b->id && strcmp(a->name, b->name) != 0)
                sql_error(diags, NULL, "the names \"%s\" and \"%s\" have the same hash; rename one",
                          a->name, b->name);
        }
        if (a != NULL && a->id == 0)
            sql_error(diags, NULL, "the name \"%s\" has the hash 0; rename the table", a->name);
    }
}

static enum cv_rc
plan_tables(const struct sql_unit *unit, struct plan *plan, struct database *db,
            struct sql_diags *diags, struct cv_err *err)
{
    static const char *const engine[PLAN_ENGINE_TABLES] = { [PLAN_MARKS] = "_culvert_marks",
                                                            [PLAN_OUTBOX] = "_culvert_outbox",
                                                            [PLAN_PENDING] = "_culvert_pending",
                                                            [PLAN_ROW_LSN] = "_culvert_row_lsn" };
    enum cv_rc rc = db_exec(db, plan_engine_ddl, err);

    for (size_t i = 0; i < PLAN_ENGINE_TABLES && rc == CV_OK; i++) {
        struct table *table = NULL;

        rc = table_read(db, engine[i], plan->arena, &table, err);
        plan->engine[i] = table;
    }
    for (const struct sql_statement *st = unit->first; st != NULL && rc == CV_OK; st = st->next) {
        if (st->kind == SQL_SOURCE)
            rc = plan_source(plan, db, st, diags, err);
        else if (st->kind == SQL_STATE)
            rc = plan_state(plan, db, st, diags, err);
    }
    for (const struct sql_statement *st = unit->first; st != NULL && rc == CV_OK; st = st->next) {
        if (st->kind == SQL_SINK)
            rc = plan_sink(plan, st, diags, err);
    }
    if (rc == CV_OK)
        check_table_ids(plan, diags);
    return rc;
}

static void
plan_pipeline(const struct sql_unit *unit, struct plan *plan, struct sql_diags *diags)
{
    static const struct sql_statement none = { .kind = SQL_PIPELINE };
    const struct sql_statement *found = NULL;

    for (const struct sql_statement *st = unit->first; st != NULL; st = st->next) {
        if (st->kind != SQL_PIPELINE)
            continue;
        if (found != NULL)
            sql_error(diags, &st->name.pos,
                      "a directory holds one pipeline; \"%s\" stands at %s:%d", found->name.name,
                      found->name.pos.file, found->name.pos.line);
        found = st;
    }
    plan_pipeline_options(found != NULL ? found : &none, plan, diags);
    plan->name = found != NULL ? found->name.name : "";
    if (found == NULL)
        sql_error(diags, NULL, "there is no CREATE PIPELINE statement");
    else if (plan->application_id == NULL &&
             sql_option_find(&found->options, "application_id") == NULL)
        sql_error(diags, &found->name.pos, "the pipeline needs the option application_id = '...'");
}

/* Their functions are known to the queries that are tried. */
static void
load_extensions(const struct sql_unit *unit, const struct plan *plan, struct database *db,
                struct sql_diags *diags)
{
    const struct sql_statement *st = unit->first;
    struct cv_err err = CV_ERR_INIT;

    while (st != NULL && st->kind != SQL_PIPELINE)
        st = st->next;
    for (size_t i = 0; i < plan->n_extensions; i++) {
        const struct sql_option *opt = sql_option_find(&st->options, "extension");

        if (db_extension(db, plan->extensions[i], &err) != CV_OK)
            sql_error(diags, &opt->pos, "%s", err.text);
    }
}

enum cv_rc
plan_make(const struct sql_unit *unit, struct sql_diags *diags, struct plan **ret,
          struct cv_err *err)
{
    struct plan *plan = cv_arena_zalloc(diags->arena, sizeof(*plan));
    struct database *db = NULL;
    enum cv_rc rc;

    if (plan == NULL)
        return cv_fail_memory(err);
    plan->arena = diags->arena;
    rc = make_arrays(unit, plan, err);
    if (rc != CV_OK)
        return rc;
    plan_pipeline(unit, plan, diags);
    check_names(unit, diags);
    if (diags->errors == 0)
        rc = db_open_memory(&db, err);
    if (db != NULL) {
        if (rc == CV_OK)
            rc = db_exec(db, "PRAGMA automatic_index=OFF; ATTACH ':memory:' AS " PLAN_GLOBAL_SCHEMA
                             "; ATTACH ':memory:' AS " TABLE_IN_MEMORY,
                         err);
        if (rc == CV_OK)
            rc = functions_register(db, err);
        if (rc == CV_OK)
            load_extensions(unit, plan, db, diags);
        if (rc == CV_OK)
            rc = plan_tables(unit, plan, db, diags, err);
        /* Without its tables nothing sensible can be said about a query. */
        if (rc == CV_OK && diags->errors == 0)
            rc = plan_queries(unit, plan, db, diags, err);
        if (rc == CV_OK && diags->errors == 0)
            rc = plan_groups(plan, diags, err);
        db_close(db);
    }
    if (rc == CV_OK && diags->no_memory)
        rc = cv_fail_memory(err);
    if (rc == CV_OK && diags->errors > 0)
        rc = cv_fail(err, CV_INVALID, "the pipeline has %zu error%s", diags->errors,
                     diags->errors == 1 ? "" : "s");
    if (rc == CV_OK)
        *ret = plan;
    return rc;
}
