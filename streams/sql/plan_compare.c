/* SPDX-License-Identifier: Apache-2.0 */
/* An old plan and a new one; see plan_compare.h. */
#include "streams/sql/plan_compare.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/buf.h"

struct comparison {
    const struct plan *old;
    const struct plan *new;
    plan_difference *tell;
    void *arg;
    enum plan_effect worst;
};

const char *
plan_effect_name(enum plan_effect effect)
{
    static const char *const names[] = { [PLAN_GOES_ON] = "compatible",
                                         [PLAN_REBUILDS] = "rebuild",
                                         [PLAN_RESETS] = "reset" };

    return names[effect];
}

static void say(struct comparison *c, enum plan_effect effect, const char *fmt, ...)
    CV_PRINTF(3, 4);

static void
say(struct comparison *c, enum plan_effect effect, const char *fmt, ...)
{
    char text[1024];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (effect > c->worst)
        c->worst = effect;
    c->tell(c->arg, effect, text);
}

/* ---- tables: sources and state tables alike ---- */

struct kept {
    const char *name;
    const struct table *table;
    const char *ddl; /* NULL: a stream, which keeps nothing */
    const char *group; /* PLAN_NONE: "" */
};

static const char *
group_name(const struct plan *plan, size_t group)
{
    return group == PLAN_NONE ? "" : plan->groups[group].name;
}

static size_t
count_kept(const struct plan *plan)
{
    return plan->n_sources + plan->n_states;
}

static struct kept
kept_at(const struct plan *plan, size_t i)
{
    const struct plan_source *source;
    const struct plan_state *state;

    if (i < plan->n_sources) {
        source = &plan->sources[i];
        return (struct kept){ .name = source->name,
                              .table = source->table,
                              .ddl = source->ddl,
                              .group = group_name(plan, source->group) };
    }
    state = &plan->states[i - plan->n_sources];
    return (struct kept){ .name = state->name,
                          .table = state->table,
                          .ddl = state->ddl,
                          .group = group_name(plan, state->group) };
}

static bool
find_kept(const struct plan *plan, const char *name, struct kept *ret)
{
    for (size_t i = 0; i < count_kept(plan); i++) {
        *ret = kept_at(plan, i);
        if (strcasecmp(ret->name, name) == 0)
            return true;
    }
    return false;
}

static void
compare_columns(struct comparison *c, const struct kept *old, const struct kept *new)
{
    size_t had = table_columns_of(new->table, old->table->layout);

    if (had == 0)
        say(c, PLAN_RESETS,
            "table \"%s\" has other columns, types or another key: columns may only be added behind "
            "the others and without NOT NULL; give it a new name otherwise",
            new->name);
    else if (had < new->table->n_columns)
        say(c, PLAN_REBUILDS, "table \"%s\" has %zu column%s more, NULL in the rows that it has",
            new->name, new->table->n_columns - had, new->table->n_columns - had == 1 ? "" : "s");
    else if (strcmp(old->ddl, new->ddl) != 0)
        say(c, PLAN_REBUILDS, "table \"%s\" is written otherwise", new->name);
}

static void
compare_tables(struct comparison *c)
{
    struct kept old;
    struct kept new;

    for (size_t i = 0; i < count_kept(c->new); i++) {
        new = kept_at(c->new, i);
        if (!find_kept(c->old, new.name, &old)) {
            say(c, new.ddl != NULL ? PLAN_REBUILDS : PLAN_GOES_ON, "\"%s\" is new", new.name);
            continue;
        }
        if (old.ddl != NULL && new.ddl != NULL)
            compare_columns(c, &old, &new);
        else if ((old.ddl == NULL) != (new.ddl == NULL))
            say(c, PLAN_RESETS, "\"%s\" was a %s and is a %s now", new.name,
                old.ddl == NULL ? "stream" : "table", new.ddl == NULL ? "stream" : "table");
        if (old.group[0] != '\0' && new.group[0] != '\0' && strcmp(old.group, new.group) != 0)
            say(c, PLAN_RESETS,
                "\"%s\" comes from task group %s to %s, which has another changelog", new.name,
                old.group, new.group);
    }
    for (size_t i = 0; i < count_kept(c->old); i++) {
        old = kept_at(c->old, i);
        if (!find_kept(c->new, old.name, &new))
            say(c, old.ddl != NULL ? PLAN_REBUILDS : PLAN_GOES_ON,
                "\"%s\" is gone, with the rows that it has", old.name);
    }
}

/* ---- sources ---- */

static const char *
source_name(const struct plan *plan, size_t source)
{
    return source == PLAN_NONE ? "" : plan->sources[source].name;
}

static void
compare_source(struct comparison *c, const struct plan_source *old, const struct plan_source *new)
{
    if (old->from == PLAN_NONE && new->from == PLAN_NONE && strcmp(old->topic, new->topic) != 0)
        say(c, old->global && new->global ? PLAN_REBUILDS : PLAN_RESETS,
            "source \"%s\" reads another topic, '%s' instead of '%s'", new->name, new->topic,
            old->topic);
    if (old->global != new->global)
        say(c, PLAN_REBUILDS, "source \"%s\" %s: its topic is read from the beginning", new->name,
            new->global ? "is GLOBAL now" : "is not GLOBAL any more");
    if ((old->from == PLAN_NONE) != (new->from == PLAN_NONE) ||
        strcmp(source_name(c->old, old->from), source_name(c->new, new->from)) != 0 ||
        strcmp(source_name(c->old, old->like), source_name(c->new, new->like)) != 0 ||
        (old->from != PLAN_NONE && strcmp(old->table->columns[old->by].name,
                                          new->table->columns[new->by].name) != 0))
        say(c, PLAN_RESETS, "\"%s\" is made of other rows or by another key; give it a new name",
            new->name);
    else if (old->partitions != new->partitions)
        say(c, PLAN_RESETS, "\"%s\" has another number of partitions", new->name);
}

static void
compare_sources(struct comparison *c)
{
    for (size_t i = 0; i < c->new->n_sources; i++) {
        for (size_t k = 0; k < c->old->n_sources; k++) {
            if (strcasecmp(c->old->sources[k].name, c->new->sources[i].name) == 0)
                compare_source(c, &c->old->sources[k], &c->new->sources[i]);
        }
    }
}

/* ---- queries ---- */

static const struct plan_rule *
find_rule(const struct plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->n_rules; i++) {
        if (strcasecmp(plan->rules[i].name, name) == 0)
            return &plan->rules[i];
    }
    return NULL;
}

static bool
same_text(const char *a, const char *b)
{
    return (a == NULL) == (b == NULL) && (a == NULL || strcmp(a, b) == 0);
}

static bool
same_rule(const struct plan_rule *a, const struct plan_rule *b)
{
    if (a->trigger != b->trigger || a->n_bodies != b->n_bodies || !same_text(a->when, b->when))
        return false;
    for (size_t i = 0; i < a->n_bodies; i++) {
        if (strcmp(a->bodies[i].sql, b->bodies[i].sql) != 0)
            return false;
    }
    return true;
}

static void
compare_rules(struct comparison *c)
{
    for (size_t i = 0; i < c->new->n_rules; i++) {
        const struct plan_rule *rule = &c->new->rules[i];
        const struct plan_rule *old = find_rule(c->old, rule->name);

        if (old == NULL)
            say(c, PLAN_GOES_ON, "query \"%s\" is new: it sees what comes from now on", rule->name);
        else if (!same_rule(old, rule))
            say(c, PLAN_GOES_ON,
                "query \"%s\" has changed: what it has computed stays, what comes is computed anew",
                rule->name);
    }
    for (size_t i = 0; i < c->old->n_rules; i++) {
        if (find_rule(c->new, c->old->rules[i].name) == NULL)
            say(c, PLAN_GOES_ON, "query \"%s\" is gone", c->old->rules[i].name);
    }
}

enum plan_effect
plan_compare(const struct plan *old, const struct plan *new, plan_difference *tell, void *arg)
{
    struct comparison c = { .old = old, .new = new, .tell = tell, .arg = arg };

    if (strcmp(old->application_id, new->application_id) != 0) {
        say(&c, PLAN_GOES_ON,
            "the application_id is another one, '%s': it begins without state, beside '%s'",
            new->application_id, old->application_id);
        return c.worst;
    }
    compare_tables(&c);
    compare_sources(&c);
    compare_rules(&c);
    return c.worst;
}
