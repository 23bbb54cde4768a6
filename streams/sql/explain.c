/* SPDX-License-Identifier: Apache-2.0 */
/* What a plan does, printed; see explain.h. */
#include "streams/sql/explain.h"

#include "common/json_write.h"

static const char *const on_error_names[] = { "fail", "skip", "dlq" };

void
explain_diags(const struct sql_diags *diags, struct cv_buf *out)
{
    for (size_t i = 0; i < diags->count; i++) {
        const struct sql_diag *diag = &diags->items[i];

        if (diag->pos.file != NULL)
            cv_buf_printf(out, "%s:%d:%d: ", diag->pos.file, diag->pos.line, diag->pos.col);
        cv_buf_printf(out, "%s: %s\n", diag->warning ? "warning" : "error", diag->text);
    }
}

/* ---- text ---- */

static void
text_table(const char *kind, const char *name, const struct table *table, struct cv_buf *out)
{
    cv_buf_printf(out, "    %s %s (", kind, name);
    for (size_t i = 0; i < table->n_columns; i++) {
        const struct column *col = &table->columns[i];

        cv_buf_printf(out, "%s%s %s", i > 0 ? ", " : "", col->name, column_type_name(col->type));
        if (col->type == COLUMN_DECIMAL)
            cv_buf_printf(out, "(%d,%d)", col->precision, col->scale);
    }
    cv_buf_char(out, ')');
    if (table->n_key > 0)
        cv_buf_str(out, ", key ");
    for (size_t i = 0; i < table->n_key; i++)
        cv_buf_printf(out, "%s%s", i > 0 ? ", " : "", table->columns[table->key[i]].name);
    cv_buf_char(out, '\n');
}

static void
text_names(const char *label, const char **names, size_t count, struct cv_buf *out)
{
    if (count > 0)
        cv_buf_str(out, label);
    for (size_t i = 0; i < count; i++)
        cv_buf_printf(out, "%s%s", i > 0 ? ", " : "", names[i]);
}

/* What starts the rule, in words. */
static void
text_trigger(const struct plan *plan, const struct plan_rule *rule, struct cv_buf *out)
{
    switch (rule->trigger) {
    case PLAN_ON_CLOSE:
        cv_buf_printf(out, "on close of %s", plan->states[rule->state].name);
        break;
    case PLAN_ON_CHANGE:
        cv_buf_printf(out, "on change of %s", plan->states[rule->state].name);
        break;
    case PLAN_EVERY:
        break;
    default:
        cv_buf_printf(out, "on %s", plan->sources[rule->source].name);
        break;
    }
    if (rule->every_ms > 0)
        cv_buf_printf(out, "%severy %lld ms", rule->trigger == PLAN_EVERY ? "" : " ",
                      (long long)rule->every_ms);
}

static void
text_rule(const struct plan *plan, const struct plan_rule *rule, struct cv_buf *out)
{
    cv_buf_printf(out, rule->feeds != PLAN_NONE ? "    repartition %s " : "    query %s ",
                  rule->name);
    text_trigger(plan, rule, out);
    if (rule->when != NULL) {
        cv_buf_str(out, " when ");
        cv_buf_add(out, rule->st->when.text, rule->st->when.len);
    }
    if (rule->feeds != PLAN_NONE)
        cv_buf_printf(out, " by %s -> topic '%s'", rule->st->by.name,
                      plan->sources[rule->feeds].topic);
    for (size_t i = 0; i < rule->n_sinks; i++)
        cv_buf_printf(out, "%s%s", i == 0 ? " -> " : ", ", plan->sinks[rule->sinks[i]].name);
    if (rule->late_sink != PLAN_NONE)
        cv_buf_printf(out, "; late rows -> %s", plan->sinks[rule->late_sink].name);
    text_names("; reads ", rule->reads, rule->n_reads, out);
    text_names("; writes ", rule->writes, rule->n_writes, out);
    cv_buf_char(out, '\n');
}

static void
text_state(const struct plan_state *state, struct cv_buf *out)
{
    text_table("state table", state->name, state->table, out);
    if (state->window_end >= 0)
        cv_buf_printf(out, "        windows close %lld ms behind %s, kept %lld ms longer\n",
                      (long long)state->close_after_ms,
                      state->table->columns[state->window_end].name, (long long)state->retain_ms);
    if (state->expire >= 0)
        cv_buf_printf(out, "        rows expire %lld ms behind %s\n",
                      (long long)state->expire_after_ms,
                      state->table->columns[state->expire].name);
}

static void
text_group(const struct plan *plan, const struct plan_group *group, struct cv_buf *out)
{
    cv_buf_printf(
        out, "\ntask group %s: one task a partition of '%s', changelog '%s-%s-changelog'\n",
        group->name, plan->sources[group->anchor].topic, plan->application_id, group->name);
    for (size_t i = 0; i < group->n_sources; i++) {
        const struct plan_source *source = &plan->sources[group->sources[i]];

        cv_buf_printf(out, "    topic '%s'\n", source->topic);
        text_table(source->stream ? "stream" : "source table", source->name, source->table, out);
        cv_buf_printf(out, "        watermark %lld ms behind the %s time, idle after %lld ms\n",
                      (long long)source->delay_ms, source->clock_is_event ? "event" : "commit",
                      (long long)source->idle_ms);
    }
    for (size_t i = 0; i < group->n_states; i++)
        text_state(&plan->states[group->states[i]], out);
    for (size_t i = 0; i < group->n_rules; i++)
        text_rule(plan, &plan->rules[group->rules[i]], out);
}

void
explain_text(const struct plan *plan, struct cv_buf *out)
{
    cv_buf_printf(out,
                  "pipeline %s, application %s: %s once, Kafka commit every %d ms, state "
                  "commit every %d ms, on error %s",
                  plan->name, plan->application_id, plan->at_least_once ? "at least" : "exactly",
                  plan->commit_interval_ms, plan->state_commit_ms,
                  on_error_names[plan->on_error]);
    if (plan->dlq_topic != NULL)
        cv_buf_printf(out, " '%s'", plan->dlq_topic);
    cv_buf_char(out, '\n');
    if (plan->n_globals > 0)
        cv_buf_str(out, "\nglobal tables: complete on every worker\n");
    for (size_t i = 0; i < plan->n_sources; i++) {
        if (!plan->sources[i].global)
            continue;
        cv_buf_printf(out, "    topic '%s'\n", plan->sources[i].topic);
        text_table("global table", plan->sources[i].name, plan->sources[i].table, out);
    }
    for (size_t i = 0; i < plan->n_groups; i++)
        text_group(plan, &plan->groups[i], out);
    if (plan->n_sinks > 0)
        cv_buf_str(out, "\nsinks\n");
    for (size_t i = 0; i < plan->n_sinks; i++) {
        const struct plan_sink *sink = &plan->sinks[i];

        if (sink->kind == SQL_SINK_CONSOLE)
            cv_buf_printf(out, "    %s: console", sink->name);
        else if (sink->kind == SQL_SINK_FILE)
            cv_buf_printf(out, "    %s: files '%s'", sink->name, sink->pattern);
        else
            cv_buf_printf(out, "    %s: topic '%s'", sink->name, sink->topic);
        text_names(", key ", sink->key, sink->n_key, out);
        cv_buf_char(out, '\n');
    }
}

/* ---- JSON ---- */

static void
json_names(struct cv_json_writer *w, const char *key, const char **names, size_t count)
{
    cv_json_key(w, key);
    cv_json_array(w);
    for (size_t i = 0; i < count; i++)
        cv_json_string(w, names[i]);
    cv_json_array_end(w);
}

static void
json_table(struct cv_json_writer *w, const char *name, const struct table *table)
{
    cv_json_key(w, "name");
    cv_json_string(w, name);
    cv_json_key(w, "columns");
    cv_json_array(w);
    for (size_t i = 0; i < table->n_columns; i++) {
        const struct column *col = &table->columns[i];

        cv_json_object(w);
        cv_json_key(w, "name");
        cv_json_string(w, col->name);
        cv_json_key(w, "type");
        cv_json_string(w, column_type_name(col->type));
        if (col->type == COLUMN_DECIMAL) {
            cv_json_key(w, "scale");
            cv_json_int(w, col->scale);
        }
        cv_json_object_end(w);
    }
    cv_json_array_end(w);
    cv_json_key(w, "key");
    cv_json_array(w);
    for (size_t i = 0; i < table->n_key; i++)
        cv_json_string(w, table->columns[table->key[i]].name);
    cv_json_array_end(w);
}

static void
json_source(struct cv_json_writer *w, const struct plan_source *source)
{
    cv_json_object(w);
    cv_json_key(w, "topic");
    cv_json_string(w, source->topic);
    json_table(w, source->name, source->table);
    cv_json_key(w, "stream");
    cv_json_bool(w, source->stream);
    cv_json_key(w, "delay_ms");
    cv_json_int(w, source->delay_ms);
    cv_json_key(w, "idle_timeout_ms");
    cv_json_int(w, source->idle_ms);
    cv_json_object_end(w);
}

static const char *
followed(const struct plan *plan, const struct plan_rule *rule)
{
    if (rule->trigger == PLAN_EVERY)
        return NULL;
    return rule->trigger < PLAN_ON_CLOSE ? plan->sources[rule->source].name
                                         : plan->states[rule->state].name;
}

static const char *const trigger_names[] = {
    [PLAN_ON] = "change",         [PLAN_FORWARD] = "change", [PLAN_BATCH] = "batch",
    [PLAN_ON_CLOSE] = "close",    [PLAN_ON_CHANGE] = "commit", [PLAN_EVERY] = "timer",
};

static void
json_rule(struct cv_json_writer *w, const struct plan *plan, const struct plan_rule *rule)
{
    cv_json_object(w);
    cv_json_key(w, "name");
    cv_json_string(w, rule->name);
    cv_json_key(w, "on");
    cv_json_string(w, followed(plan, rule));
    cv_json_key(w, "trigger");
    cv_json_string(w, trigger_names[rule->trigger]);
    cv_json_key(w, "feeds");
    cv_json_string(w, rule->feeds != PLAN_NONE ? plan->sources[rule->feeds].topic : NULL);
    cv_json_key(w, "late_into");
    cv_json_string(w, rule->late_sink != PLAN_NONE ? plan->sinks[rule->late_sink].name : NULL);
    cv_json_key(w, "when");
    cv_json_string(w, rule->st->when.text);
    cv_json_key(w, "into");
    cv_json_array(w);
    for (size_t i = 0; i < rule->n_sinks; i++)
        cv_json_string(w, plan->sinks[rule->sinks[i]].name);
    cv_json_array_end(w);
    json_names(w, "reads", rule->reads, rule->n_reads);
    json_names(w, "writes", rule->writes, rule->n_writes);
    cv_json_key(w, "at");
    cv_json_object(w);
    cv_json_key(w, "file");
    cv_json_string(w, rule->st->name.pos.file);
    cv_json_key(w, "line");
    cv_json_int(w, rule->st->name.pos.line);
    cv_json_object_end(w);
    cv_json_object_end(w);
}

static void
json_state(struct cv_json_writer *w, const struct plan_state *state)
{
    json_table(w, state->name, state->table);
    cv_json_key(w, "window_end");
    cv_json_string(w, state->window_end >= 0 ? state->table->columns[state->window_end].name : NULL);
    cv_json_key(w, "close_after_ms");
    cv_json_int(w, state->close_after_ms);
    cv_json_key(w, "retain_ms");
    cv_json_int(w, state->retain_ms);
    cv_json_key(w, "expire");
    cv_json_string(w, state->expire >= 0 ? state->table->columns[state->expire].name : NULL);
    cv_json_key(w, "expire_after_ms");
    cv_json_int(w, state->expire_after_ms);
}

static void
json_group(struct cv_json_writer *w, const struct plan *plan, const struct plan_group *group)
{
    cv_json_object(w);
    cv_json_key(w, "name");
    cv_json_string(w, group->name);
    cv_json_key(w, "anchor_topic");
    cv_json_string(w, plan->sources[group->anchor].topic);
    cv_json_key(w, "sources");
    cv_json_array(w);
    for (size_t i = 0; i < group->n_sources; i++)
        json_source(w, &plan->sources[group->sources[i]]);
    cv_json_array_end(w);
    cv_json_key(w, "state_tables");
    cv_json_array(w);
    for (size_t i = 0; i < group->n_states; i++) {
        cv_json_object(w);
        json_state(w, &plan->states[group->states[i]]);
        cv_json_object_end(w);
    }
    cv_json_array_end(w);
    cv_json_key(w, "queries");
    cv_json_array(w);
    for (size_t i = 0; i < group->n_rules; i++)
        json_rule(w, plan, &plan->rules[group->rules[i]]);
    cv_json_array_end(w);
    cv_json_object_end(w);
}

static void
json_sink(struct cv_json_writer *w, const struct plan_sink *sink)
{
    cv_json_object(w);
    cv_json_key(w, "name");
    cv_json_string(w, sink->name);
    cv_json_key(w, "topic");
    cv_json_string(w, sink->topic);
    cv_json_key(w, "file");
    cv_json_string(w, sink->pattern);
    json_names(w, "key", sink->key, sink->n_key);
    cv_json_object_end(w);
}

void
explain_json(const struct plan *plan, struct cv_buf *out)
{
    struct cv_json_writer w = cv_json_writer_of(out);

    cv_json_object(&w);
    cv_json_key(&w, "pipeline");
    cv_json_string(&w, plan->name);
    cv_json_key(&w, "application_id");
    cv_json_string(&w, plan->application_id);
    cv_json_key(&w, "processing_guarantee");
    cv_json_string(&w, plan->at_least_once ? "at_least_once" : "exactly_once");
    cv_json_key(&w, "commit_interval_ms");
    cv_json_int(&w, plan->commit_interval_ms);
    cv_json_key(&w, "state_commit_ms");
    cv_json_int(&w, plan->state_commit_ms);
    cv_json_key(&w, "on_error");
    cv_json_string(&w, on_error_names[plan->on_error]);
    cv_json_key(&w, "dlq_topic");
    cv_json_string(&w, plan->dlq_topic);
    cv_json_key(&w, "global_tables");
    cv_json_array(&w);
    for (size_t i = 0; i < plan->n_sources; i++) {
        if (plan->sources[i].global)
            json_source(&w, &plan->sources[i]);
    }
    cv_json_array_end(&w);
    cv_json_key(&w, "task_groups");
    cv_json_array(&w);
    for (size_t i = 0; i < plan->n_groups; i++)
        json_group(&w, plan, &plan->groups[i]);
    cv_json_array_end(&w);
    cv_json_key(&w, "sinks");
    cv_json_array(&w);
    for (size_t i = 0; i < plan->n_sinks; i++)
        json_sink(&w, &plan->sinks[i]);
    cv_json_array_end(&w);
    cv_json_object_end(&w);
}

/* ---- a picture ---- */

static void
dot_node(struct cv_buf *out, const char *kind, const char *name, const char *shape)
{
    cv_buf_printf(out, "    \"%s %s\" [label=\"%s\", shape=%s];\n", kind, name, name, shape);
}

static void
dot_rule(const struct plan *plan, const struct plan_rule *rule, struct cv_buf *out)
{
    if (rule->trigger != PLAN_EVERY)
        cv_buf_printf(out, "  \"table %s\" -> \"query %s\";\n", followed(plan, rule), rule->name);
    for (size_t i = 0; i < rule->n_writes; i++)
        cv_buf_printf(out, "  \"query %s\" -> \"table %s\";\n", rule->name, rule->writes[i]);
    for (size_t i = 0; i < rule->n_sinks; i++)
        cv_buf_printf(out, "  \"query %s\" -> \"sink %s\";\n", rule->name,
                      plan->sinks[rule->sinks[i]].name);
    if (rule->late_sink != PLAN_NONE)
        cv_buf_printf(out, "  \"query %s\" -> \"sink %s\" [style=dashed, label=late];\n",
                      rule->name, plan->sinks[rule->late_sink].name);
    if (rule->feeds != PLAN_NONE)
        cv_buf_printf(out, "  \"query %s\" -> \"table %s\" [style=bold, label=\"by %s\"];\n",
                      rule->name, plan->sources[rule->feeds].name, rule->st->by.name);
}

static void
dot_group(const struct plan *plan, size_t number, struct cv_buf *out)
{
    const struct plan_group *group = &plan->groups[number];

    cv_buf_printf(out, "  subgraph cluster_%zu {\n    label=\"%s\";\n", number, group->name);
    for (size_t i = 0; i < group->n_sources; i++)
        dot_node(out, "table", plan->sources[group->sources[i]].name,
                 plan->sources[group->sources[i]].stream ? "cds" : "cylinder");
    for (size_t i = 0; i < group->n_states; i++)
        dot_node(out, "table", plan->states[group->states[i]].name, "cylinder");
    for (size_t i = 0; i < group->n_rules; i++)
        dot_node(out, "query", plan->rules[group->rules[i]].name, "box");
    cv_buf_str(out, "  }\n");
}

void
explain_dot(const struct plan *plan, struct cv_buf *out)
{
    cv_buf_str(out, "digraph pipeline {\n  rankdir=LR;\n");
    for (size_t i = 0; i < plan->n_groups; i++)
        dot_group(plan, i, out);
    for (size_t i = 0; i < plan->n_sinks; i++)
        dot_node(out, "sink", plan->sinks[i].name, "note");
    for (size_t i = 0; i < plan->n_rules; i++)
        dot_rule(plan, &plan->rules[i], out);
    cv_buf_str(out, "}\n");
}

/* ---- what SQLite gets ---- */

static void
sqlite_indexes(const struct plan *plan, size_t group, struct cv_buf *out)
{
    for (size_t i = 0; i < plan->n_indexes; i++) {
        if (plan->indexes[i].group == group)
            cv_buf_printf(out, "%s;\n", plan->indexes[i].sql);
    }
}

void
explain_sqlite(const struct plan *plan, struct cv_buf *out)
{
    if (plan->n_globals > 0)
        cv_buf_printf(out, "-- global.db, attached as %s\n", PLAN_GLOBAL_SCHEMA);
    for (size_t i = 0; i < plan->n_sources; i++) {
        if (plan->sources[i].global)
            cv_buf_printf(out, "%s;\n", plan->sources[i].ddl);
    }
    sqlite_indexes(plan, PLAN_NONE, out);
    for (size_t g = 0; g < plan->n_groups; g++) {
        const struct plan_group *group = &plan->groups[g];

        cv_buf_printf(out, "\n-- task.db of task group %s\n", group->name);
        for (size_t i = 0; i < group->n_sources; i++) {
            if (plan->sources[group->sources[i]].ddl != NULL)
                cv_buf_printf(out, "%s;\n", plan->sources[group->sources[i]].ddl);
        }
        for (size_t i = 0; i < group->n_states; i++) {
            const struct plan_state *state = &plan->states[group->states[i]];

            cv_buf_printf(out, "%s;\n", state->ddl);
            if (state->window_end >= 0)
                cv_buf_printf(out, "%s;\n%s;\n", state->closed_view, state->late_trigger);
        }
        sqlite_indexes(plan, g, out);
        for (size_t i = 0; i < plan->n_views; i++)
            cv_buf_printf(out, "%s;\n", plan->views[i].sql);
        for (size_t i = 0; i < group->n_rules; i++) {
            const struct plan_rule *rule = &plan->rules[group->rules[i]];

            cv_buf_printf(out, "\n-- %s %s ", rule->feeds != PLAN_NONE ? "repartition" : "query",
                          rule->name);
            text_trigger(plan, rule, out);
            cv_buf_char(out, '\n');
            if (rule->when != NULL)
                cv_buf_printf(out, "%s;\n", rule->when);
            for (size_t b = 0; b < rule->n_bodies; b++)
                cv_buf_printf(out, "%s;\n", rule->bodies[b].sql);
        }
    }
}
