/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of units by number: what the assignors compute with.
 *
 * A round gives every unit that anyone mentions a number, in order of (connector, task) with the
 * connector itself before its tasks, and every member one, in order of id; sets of units are then
 * arrays of flags.
 */
#include <config.h>

#include "worker/group/calc.h"

#include <assert.h>
#include <stdlib.h>

static int
unit_compare(const void *a, const void *b)
{
    const struct group_unit *left = a, *right = b;
    int order = strcmp(left->connector, right->connector);

    if (order != 0)
        return order;
    return left->task < right->task ? -1 : left->task > right->task;
}

static int
worker_compare(const void *a, const void *b)
{
    const struct worker *left = a, *right = b;

    return strcmp(left->id, right->id);
}

enum kind
calc_kind(const struct calc *calc, size_t unit)
{
    return calc->units[unit].task == GROUP_CONNECTOR ? KIND_CONNECTOR : KIND_TASK;
}

size_t
calc_find_unit(const struct calc *calc, const struct group_unit *unit)
{
    const struct group_unit *found = NULL;

    if (calc->n_units > 0)
        found = bsearch(unit, calc->units, calc->n_units, sizeof(*unit), unit_compare);
    return found == NULL ? NO_UNIT : (size_t)(found - calc->units);
}

void
calc_mark(const struct calc *calc, const struct group_work *work, bool *flags)
{
    size_t i;

    for (i = 0; work != NULL && i < work->count; i++) {
        size_t unit = calc_find_unit(calc, &work->items[i]);

        assert(unit != NO_UNIT);
        flags[unit] = true;
    }
}

static bool
work_of_flags(const struct calc *calc, const bool *flags, struct group_work *ret)
{
    size_t i;

    for (i = 0; i < calc->n_units; i++) {
        if (flags[i] && !group_work_append(ret, calc->units[i].connector, calc->units[i].task))
            return false;
    }
    return true;
}

static void
units_append(struct calc *calc, const struct group_work *work)
{
    size_t i;

    for (i = 0; work != NULL && i < work->count; i++)
        calc->units[calc->n_units++] = work->items[i];
}

static size_t
work_count(const struct group_work *work)
{
    return work == NULL ? 0 : work->count;
}

/* Number every unit of the round and of the state (NULL: there is none). */
static bool
calc_number_units(struct calc *calc, const struct assignor_round *round,
                  const struct assignor_state *state)
{
    size_t i, kept = 0, total = round->configured->count;

    for (i = 0; i < round->n_members; i++)
        total += work_count(round->members[i].owned);
    if (state != NULL)
        total += state->previous_assignment.count + state->previous_revocation.count;
    calc->units = calloc(total + 1, sizeof(*calc->units));
    if (calc->units == NULL)
        return false;
    units_append(calc, round->configured);
    for (i = 0; i < round->n_members; i++)
        units_append(calc, round->members[i].owned);
    if (state != NULL) {
        units_append(calc, &state->previous_assignment);
        units_append(calc, &state->previous_revocation);
    }
    qsort(calc->units, calc->n_units, sizeof(*calc->units), unit_compare);
    for (i = 0; i < calc->n_units; i++) {
        if (kept == 0 || unit_compare(&calc->units[kept - 1], &calc->units[i]) != 0)
            calc->units[kept++] = calc->units[i];
    }
    calc->n_units = kept;
    return true;
}

void
calc_done(struct calc *calc)
{
    free(calc->units);
    free(calc->workers);
    free(calc->by_load);
    free(calc->flags);
}

bool
calc_init(struct calc *calc, const struct assignor_round *round, const struct assignor_state *state)
{
    bool *flags;
    size_t i, n;

    *calc = (struct calc){ 0 };
    if (!calc_number_units(calc, round, state))
        goto fail;
    n = calc->n_units;
    calc->n_workers = round->n_members;
    calc->workers = calloc(round->n_members, sizeof(*calc->workers));
    calc->by_load = calloc(round->n_members, sizeof(struct worker *));
    calc->flags = calloc((7 + 3 * round->n_members) * n + 1, sizeof(*calc->flags));
    if (calc->workers == NULL || calc->by_load == NULL || calc->flags == NULL)
        goto fail;
    flags = calc->flags;
    calc->configured = flags;
    calc->previous = flags + n;
    calc->active = flags + 2 * n;
    calc->deleted = flags + 3 * n;
    calc->lost = flags + 4 * n;
    calc->released = flags + 5 * n;
    calc->deal = flags + 6 * n;
    calc_mark(calc, round->configured, calc->configured);
    for (i = 0; i < round->n_members; i++) {
        struct worker *worker = &calc->workers[i];

        worker->id = round->members[i].id;
        worker->share = i;
        worker->owned = flags + (7 + 3 * i) * n;
        worker->next = worker->owned + n;
        worker->revoked = worker->next + n;
        calc_mark(calc, round->members[i].owned, worker->owned);
    }
    qsort(calc->workers, calc->n_workers, sizeof(*calc->workers), worker_compare);
    return true;
fail:
    calc_done(calc);
    return false;
}

void
calc_assign(const struct calc *calc, struct worker *worker, size_t unit)
{
    if (worker->next[unit])
        return;
    worker->next[unit] = true;
    worker->load[calc_kind(calc, unit)]++;
}

void
calc_revoke(const struct calc *calc, struct worker *worker, size_t unit)
{
    worker->revoked[unit] = true;
    if (!worker->next[unit])
        return;
    worker->next[unit] = false;
    worker->load[calc_kind(calc, unit)]--;
}

bool
calc_is_empty(const struct worker *worker)
{
    return worker->load[KIND_CONNECTOR] == 0 && worker->load[KIND_TASK] == 0;
}

/* Least loaded first, by id among equals (workers are sorted by id, and this sort is stable). */
static void
sort_by_load(struct calc *calc, enum kind kind)
{
    size_t i, j;

    for (i = 0; i < calc->n_workers; i++) {
        struct worker *worker = &calc->workers[i];

        for (j = i; j > 0 && calc->by_load[j - 1]->load[kind] > worker->load[kind]; j--)
            calc->by_load[j] = calc->by_load[j - 1];
        calc->by_load[j] = worker;
    }
}

size_t
calc_next(const struct calc *calc, const bool *flags, enum kind kind, size_t from)
{
    size_t i;

    for (i = from; i < calc->n_units; i++) {
        if (flags[i] && calc_kind(calc, i) == kind)
            return i;
    }
    return NO_UNIT;
}

/* Deal the units of one kind to the least loaded: the leading run of workers that have no more than
   the first one gets one unit each, again and again. */
void
calc_deal(struct calc *calc, enum kind kind)
{
    size_t unit = calc_next(calc, calc->deal, kind, 0);
    size_t i;

    sort_by_load(calc, kind);
    while (unit != NO_UNIT) {
        size_t load = calc->by_load[0]->load[kind];

        for (i = 0; i < calc->n_workers && unit != NO_UNIT; i++) {
            if (calc->by_load[i]->load[kind] > load)
                break;
            calc_assign(calc, calc->by_load[i], unit);
            unit = calc_next(calc, calc->deal, kind, unit + 1);
        }
    }
}

/* Copy what the round decided to the shares. Incremental: only what a member does not hold yet is
   assigned; something deleted that came back counts as not held. */
enum cv_rc
calc_result(const struct calc *calc, bool incremental, struct assignor_result *ret,
            struct cv_err *err)
{
    struct assignor_result result = { .count = calc->n_workers };
    bool *fresh = calloc(calc->n_units + 1, sizeof(*fresh));
    bool ok;
    size_t i, unit;

    result.shares = calloc(calc->n_workers, sizeof(*result.shares));
    ok = fresh != NULL && result.shares != NULL;
    for (i = 0; ok && i < calc->n_workers; i++) {
        const struct worker *worker = &calc->workers[i];
        struct assignor_share *share = &result.shares[worker->share];

        for (unit = 0; unit < calc->n_units; unit++) {
            bool held = incremental && worker->owned[unit] && !calc->deleted[unit];

            fresh[unit] = worker->next[unit] && !held;
        }
        ok = work_of_flags(calc, fresh, &share->assigned) &&
             work_of_flags(calc, worker->revoked, &share->revoked) &&
             work_of_flags(calc, worker->next, &share->owned);
    }
    free(fresh);
    if (!ok) {
        if (result.shares != NULL)
            assignor_result_done(&result);
        return cv_fail_memory(err);
    }
    *ret = result;
    return CV_OK;
}

struct worker *
calc_find_worker(struct calc *calc, const char *id)
{
    struct worker key = { .id = id };

    return bsearch(&key, calc->workers, calc->n_workers, sizeof(key), worker_compare);
}

bool
calc_any(const struct calc *calc, const bool *flags)
{
    return calc->n_units > 0 && memchr(flags, true, calc->n_units) != NULL;
}
