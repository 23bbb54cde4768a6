/* SPDX-License-Identifier: Apache-2.0 */
/* What meets in a query runs in one task; see plan_groups.h. Union-find over sources and states. */
#include "streams/sql/plan_groups.h"

#include <strings.h>

static size_t
find_root(size_t *parent, size_t i)
{
    while (parent[i] != i)
        i = parent[i] = parent[parent[i]];
    return i;
}

static void
unite(size_t *parent, size_t a, size_t b)
{
    a = find_root(parent, a);
    b = find_root(parent, b);
    /* The smaller index wins: sources come first, in file order, so that a root is the anchor. */
    if (a < b)
        parent[b] = a;
    else
        parent[a] = b;
}

/* Sources are 0.., states follow; PLAN_NONE for GLOBAL tables, views, change relations of others.
 */
static size_t
member_of(const struct plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->n_sources; i++) {
        if (!plan->sources[i].global && !plan->sources[i].stream &&
            strcasecmp(plan->sources[i].name, name) == 0)
            return i;
    }
    for (size_t i = 0; i < plan->n_states; i++) {
        if (strcasecmp(plan->states[i].name, name) == 0)
            return plan->n_sources + i;
    }
    return PLAN_NONE;
}

/* What a rule belongs to: what it follows, or the first table that it uses. */
static size_t
seat_of(const struct plan *plan, const struct plan_rule *rule)
{
    if (rule->trigger <= PLAN_BATCH)
        return rule->source;
    if (rule->trigger != PLAN_EVERY)
        return plan->n_sources + rule->state;
    for (size_t i = 0; i < rule->n_reads + rule->n_writes; i++) {
        size_t member =
            member_of(plan, i < rule->n_reads ? rule->reads[i] : rule->writes[i - rule->n_reads]);

        if (member != PLAN_NONE)
            return member;
    }
    return PLAN_NONE;
}

static void
unite_rule(const struct plan *plan, size_t *parent, bool *used, const struct plan_rule *rule,
           struct sql_diags *diags)
{
    size_t seat = seat_of(plan, rule);

    if (seat == PLAN_NONE) {
        sql_error(diags, &rule->st->name.pos,
                  "query \"%s\" uses no table of the pipeline, so it belongs to no task; let it "
                  "read a source or state table",
                  rule->name);
        return;
    }
    used[seat] = true;
    for (size_t i = 0; i < rule->n_reads + rule->n_writes; i++) {
        size_t member =
            member_of(plan, i < rule->n_reads ? rule->reads[i] : rule->writes[i - rule->n_reads]);

        if (member != PLAN_NONE) {
            used[member] = true;
            unite(parent, seat, member);
        }
    }
}

static enum cv_rc
make_group(struct plan *plan, size_t anchor, const size_t *parent, struct cv_err *err)
{
    struct plan_group *group = &plan->groups[plan->n_groups];
    size_t number = plan->n_groups++;

    group->name = plan->sources[anchor].name;
    group->anchor = anchor;
    group->sources = cv_arena_alloc(plan->arena, (plan->n_sources + 1) * sizeof(size_t));
    group->states = cv_arena_alloc(plan->arena, (plan->n_states + 1) * sizeof(size_t));
    group->rules = cv_arena_alloc(plan->arena, (plan->n_rules + 1) * sizeof(size_t));
    if (group->sources == NULL || group->states == NULL || group->rules == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < plan->n_sources + plan->n_states; i++) {
        if (parent[i] != anchor)
            continue;
        if (i < plan->n_sources) {
            plan->sources[i].group = number;
            group->sources[group->n_sources++] = i;
        } else {
            plan->states[i - plan->n_sources].group = number;
            group->states[group->n_states++] = i - plan->n_sources;
        }
    }
    for (size_t i = 0; i < plan->n_rules; i++) {
        if (parent[seat_of(plan, &plan->rules[i])] == anchor) {
            plan->rules[i].group = number;
            group->rules[group->n_rules++] = i;
        }
    }
    return CV_OK;
}

static enum cv_rc
make_groups(struct plan *plan, struct sql_diags *diags, struct cv_err *err)
{
    size_t total = plan->n_sources + plan->n_states;
    size_t *parent = cv_arena_alloc(plan->arena, (total + 1) * sizeof(*parent));
    bool *used = cv_arena_zalloc(plan->arena, (total + 1) * sizeof(*used));
    enum cv_rc rc = CV_OK;

    plan->groups = cv_arena_zalloc(plan->arena, (plan->n_sources + 1) * sizeof(*plan->groups));
    if (parent == NULL || used == NULL || plan->groups == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < total; i++)
        parent[i] = i;
    for (size_t i = 0; i < plan->n_rules; i++)
        unite_rule(plan, parent, used, &plan->rules[i], diags);
    if (diags->errors > 0)
        return CV_OK;
    for (size_t i = 0; i < total; i++)
        parent[i] = find_root(parent, i);
    for (size_t i = 0; i < total && rc == CV_OK; i++) {
        if (i < plan->n_sources && !plan->sources[i].global && parent[i] == i)
            rc = make_group(plan, i, parent, err);
        if (i >= plan->n_sources && !used[i])
            sql_warn(diags, &plan->states[i - plan->n_sources].st->name.pos,
                     "no query uses the state table \"%s\"",
                     plan->states[i - plan->n_sources].name);
        if (i >= plan->n_sources && used[i] && parent[i] >= plan->n_sources)
            sql_error(diags, &plan->states[i - plan->n_sources].st->name.pos,
                      "no source fills the state table \"%s\": no query ON a source uses it",
                      plan->states[i - plan->n_sources].name);
    }
    return rc;
}

/* A repartition topic leads to another task. */
static void
check_feeds(const struct plan *plan, struct sql_diags *diags)
{
    for (size_t i = 0; i < plan->n_sources; i++) {
        const struct plan_source *source = &plan->sources[i];

        if (source->from != PLAN_NONE && source->group == plan->sources[source->from].group)
            sql_error(diags, &source->st->name.pos,
                      "\"%s\" leads back to the task group that feeds it: a table is used on both "
                      "sides of it; give each side its own",
                      source->name);
    }
}

/* Indexes belong where their table is. */
static void
place_indexes(struct plan *plan)
{
    for (size_t i = 0; i < plan->n_indexes; i++) {
        size_t member = member_of(plan, plan->indexes[i].table);

        plan->indexes[i].group = PLAN_NONE;
        if (member != PLAN_NONE)
            plan->indexes[i].group = member < plan->n_sources
                                         ? plan->sources[member].group
                                         : plan->states[member - plan->n_sources].group;
    }
}

enum cv_rc
plan_groups(struct plan *plan, struct sql_diags *diags, struct cv_err *err)
{
    enum cv_rc rc = make_groups(plan, diags, err);

    if (rc == CV_OK && diags->errors == 0)
        check_feeds(plan, diags);
    place_indexes(plan);
    return rc;
}
