/* SPDX-License-Identifier: Apache-2.0 */
/* Which tasks this worker has; see assignment.h. */
#include "streams/assignment.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"

struct placed {
    size_t group;
    int32_t partition;
    size_t loop;
    struct command *asked; /* to close it; NULL: nobody waits for that */
    bool closing; /* its thread was asked, but has not answered: nobody else may open its file */
};

struct assignment {
    struct task_spec base;
    struct loop **loops;
    size_t n_loops;
    struct placed *tasks;
    size_t n_tasks;
    struct cv_log *log;
};

enum cv_rc
assignment_new(const struct task_spec *base, struct loop **loops, size_t n_loops,
               struct assignment **ret, struct cv_err *err)
{
    struct assignment *as = calloc(1, sizeof(*as));

    if (as == NULL)
        return cv_fail_memory(err);
    *as = (struct assignment){ .base = *base,
                               .loops = loops,
                               .n_loops = n_loops,
                               .log = cv_log_get("culvert.streams.assignment") };
    *ret = as;
    return CV_OK;
}

void
assignment_free(struct assignment *as)
{
    if (as == NULL)
        return;
    free(as->tasks);
    free(as);
}

size_t
assignment_count(const struct assignment *as)
{
    return as->n_tasks;
}

const char **
assignment_topics(const struct plan *plan, size_t *ret_count)
{
    const char **topics = calloc(plan->n_groups + 1, sizeof(*topics));

    for (size_t i = 0; i < plan->n_groups && topics != NULL; i++)
        topics[i] = plan->sources[plan->groups[i].anchor].topic;
    *ret_count = plan->n_groups;
    return topics;
}

static size_t
group_of(const struct assignment *as, const char *topic)
{
    const struct plan *plan = as->base.plan;

    for (size_t i = 0; i < plan->n_groups; i++) {
        if (strcmp(plan->sources[plan->groups[i].anchor].topic, topic) == 0)
            return i;
    }
    return PLAN_NONE;
}

static struct placed *
find(struct assignment *as, size_t group, int32_t partition)
{
    for (size_t i = 0; i < as->n_tasks; i++) {
        if (as->tasks[i].group == group && as->tasks[i].partition == partition)
            return &as->tasks[i];
    }
    return NULL;
}

static size_t
least_loaded(const struct assignment *as)
{
    size_t best = 0;
    size_t best_load = SIZE_MAX;

    for (size_t l = 0; l < as->n_loops; l++) {
        size_t load = 0;

        for (size_t i = 0; i < as->n_tasks; i++)
            load += as->tasks[i].loop == l;
        if (load < best_load) {
            best = l;
            best_load = load;
        }
    }
    return best;
}

/* The entry of a task that is to be opened; NULL: it is open, or memory is out. */
static struct placed *
place(struct assignment *as, size_t group, int32_t partition)
{
    struct placed *placed = find(as, group, partition);
    struct placed *tasks;

    if (placed != NULL) {
        if (!placed->closing)
            return NULL;
        placed->closing = false; /* its thread closes it first */
        return placed;
    }
    tasks = realloc(as->tasks, (as->n_tasks + 1) * sizeof(*tasks));
    if (tasks == NULL)
        return NULL;
    as->tasks = tasks;
    placed = &tasks[as->n_tasks];
    *placed = (struct placed){ .group = group, .partition = partition, .loop = least_loaded(as) };
    as->n_tasks++;
    return placed;
}

void
assignment_add(struct assignment *as, const struct cv_topic_partitions *parts)
{
    for (size_t i = 0; i < parts->count; i++) {
        struct task_spec spec = as->base;
        struct cv_err err = CV_ERR_INIT;
        struct placed *placed = NULL;

        spec.group = group_of(as, parts->items[i].topic);
        spec.partition = parts->items[i].partition;
        if (spec.group != PLAN_NONE)
            placed = place(as, spec.group, spec.partition);
        if (placed == NULL)
            continue;
        if (loop_open(as->loops[placed->loop], &spec, &err) != CV_OK) {
            CV_LOG_ERROR(as->log, "task could not be opened",
                         CV_STR("topic", parts->items[i].topic),
                         CV_INT("partition", spec.partition), CV_ERR(&err));
            *placed = as->tasks[--as->n_tasks];
            continue;
        }
        CV_LOG_INFO(as->log, "task assigned", CV_STR("topic", parts->items[i].topic),
                    CV_INT("partition", spec.partition));
    }
}

static void
ask_close(struct assignment *as, struct placed *placed, bool lost)
{
    placed->closing = true;
    placed->asked =
        loop_ask_close(as->loops[placed->loop], placed->group, placed->partition, lost);
}

/* Wait for all that were asked for; those that are closed are gone from the table. */
static bool
wait_closed(struct assignment *as, int64_t deadline_ms)
{
    bool all = true;

    for (size_t i = 0; i < as->n_tasks;) {
        struct placed *placed = &as->tasks[i];
        struct command *asked = placed->asked;
        const char *topic = as->base.plan->sources[as->base.plan->groups[placed->group].anchor].topic;

        placed->asked = NULL;
        if (asked == NULL) {
            i++;
        } else if (loop_wait_closed(as->loops[placed->loop], asked, deadline_ms)) {
            CV_LOG_INFO(as->log, "task given up", CV_STR("topic", topic),
                        CV_INT("partition", placed->partition));
            *placed = as->tasks[--as->n_tasks];
        } else {
            CV_LOG_WARN(
                as->log,
                "task was not closed in time; its last records may be processed again elsewhere",
                CV_STR("topic", topic), CV_INT("partition", placed->partition));
            all = false;
            i++;
        }
    }
    return all;
}

void
assignment_remove(struct assignment *as, const struct cv_topic_partitions *parts, bool lost,
                  int64_t deadline_ms)
{
    for (size_t i = 0; i < parts->count; i++) {
        size_t group = group_of(as, parts->items[i].topic);
        struct placed *placed = find(as, group, parts->items[i].partition);

        if (placed != NULL)
            ask_close(as, placed, lost);
    }
    (void)wait_closed(as, deadline_ms);
}

bool
assignment_clear(struct assignment *as, int64_t deadline_ms)
{
    for (size_t i = 0; i < as->n_tasks; i++)
        ask_close(as, &as->tasks[i], true);
    return wait_closed(as, deadline_ms) && as->n_tasks == 0;
}
