/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two assignors of Connect: eager, and incremental cooperative.
 *
 * A round gives every unit that anyone mentions a number, in order of (connector, task) with the connector
 * itself before its tasks, and every member one, in order of id; sets of units are then arrays of flags. So
 * the outcome depends on names only. The order of steps is that of Connect's IncrementalCooperativeAssignor,
 * which two kinds of leader in one group must share; the order within a set is our own choice.
 */
#include <config.h>

#include "worker/group/assignor.h"

#include <assert.h>
#include <stdlib.h>

#define NO_UNIT SIZE_MAX

/* Connectors and tasks are dealt and balanced apart. */
enum kind { KIND_CONNECTOR, KIND_TASK, KINDS };

struct worker {
    const char *id;
    size_t share; /* its place among the members given */
    bool *owned;  /* what it says that it holds */
    bool *next;
    bool *revoked;
    size_t load[KINDS]; /* of next */
};

struct calc {
    struct group_unit *units; /* sorted; names borrowed */
    size_t n_units;
    struct worker *workers; /* sorted by id */
    size_t n_workers;
    struct worker **by_load; /* scratch of deal */
    bool *configured;
    bool *previous;
    bool *active;  /* owned by anyone */
    bool *deleted; /* of previous, no longer configured */
    bool *lost;
    bool *deal;
    bool *flags; /* one allocation behind all of these */
};

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

static enum kind
kind_of(const struct calc *calc, size_t unit)
{
    return calc->units[unit].task == GROUP_CONNECTOR ? KIND_CONNECTOR : KIND_TASK;
}

static size_t
unit_find(const struct calc *calc, const struct group_unit *unit)
{
    const struct group_unit *found = NULL;

    if (calc->n_units > 0)
        found = bsearch(unit, calc->units, calc->n_units, sizeof(*unit), unit_compare);
    return found == NULL ? NO_UNIT : (size_t)(found - calc->units);
}

static void
flags_of_work(const struct calc *calc, const struct group_work *work, bool *flags)
{
    size_t i;

    for (i = 0; work != NULL && i < work->count; i++) {
        size_t unit = unit_find(calc, &work->items[i]);

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

static void
calc_done(struct calc *calc)
{
    free(calc->units);
    free(calc->workers);
    free(calc->by_load);
    free(calc->flags);
}

static bool
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
    calc->flags = calloc((6 + 3 * round->n_members) * n + 1, sizeof(*calc->flags));
    if (calc->workers == NULL || calc->by_load == NULL || calc->flags == NULL)
        goto fail;
    flags = calc->flags;
    calc->configured = flags;
    calc->previous = flags + n;
    calc->active = flags + 2 * n;
    calc->deleted = flags + 3 * n;
    calc->lost = flags + 4 * n;
    calc->deal = flags + 5 * n;
    flags_of_work(calc, round->configured, calc->configured);
    for (i = 0; i < round->n_members; i++) {
        struct worker *worker = &calc->workers[i];

        worker->id = round->members[i].id;
        worker->share = i;
        worker->owned = flags + (6 + 3 * i) * n;
        worker->next = worker->owned + n;
        worker->revoked = worker->next + n;
        flags_of_work(calc, round->members[i].owned, worker->owned);
    }
    qsort(calc->workers, calc->n_workers, sizeof(*calc->workers), worker_compare);
    return true;
fail:
    calc_done(calc);
    return false;
}

static void
worker_assign(const struct calc *calc, struct worker *worker, size_t unit)
{
    if (worker->next[unit])
        return;
    worker->next[unit] = true;
    worker->load[kind_of(calc, unit)]++;
}

static void
worker_revoke(const struct calc *calc, struct worker *worker, size_t unit)
{
    worker->revoked[unit] = true;
    if (!worker->next[unit])
        return;
    worker->next[unit] = false;
    worker->load[kind_of(calc, unit)]--;
}

static bool
worker_is_empty(const struct worker *worker)
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

static size_t
next_unit(const struct calc *calc, const bool *flags, enum kind kind, size_t from)
{
    size_t i;

    for (i = from; i < calc->n_units; i++) {
        if (flags[i] && kind_of(calc, i) == kind)
            return i;
    }
    return NO_UNIT;
}

/* Deal the units of one kind to the least loaded: the leading run of workers that have no more than the
   first one gets one unit each, again and again. */
static void
deal_kind(struct calc *calc, enum kind kind)
{
    size_t unit = next_unit(calc, calc->deal, kind, 0);
    size_t i;

    sort_by_load(calc, kind);
    while (unit != NO_UNIT) {
        size_t load = calc->by_load[0]->load[kind];

        for (i = 0; i < calc->n_workers && unit != NO_UNIT; i++) {
            if (calc->by_load[i]->load[kind] > load)
                break;
            worker_assign(calc, calc->by_load[i], unit);
            unit = next_unit(calc, calc->deal, kind, unit + 1);
        }
    }
}

/* Copy what the round decided to the shares. Incremental: only what a member does not hold yet is assigned;
   something deleted that came back counts as not held. */
static enum cv_rc
calc_result(const struct calc *calc, bool incremental, struct assignor_result *ret, struct cv_err *err)
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

void
assignor_result_done(struct assignor_result *result)
{
    size_t i;

    for (i = 0; i < result->count; i++) {
        group_work_done(&result->shares[i].assigned);
        group_work_done(&result->shares[i].revoked);
        group_work_done(&result->shares[i].owned);
    }
    free(result->shares);
    *result = (struct assignor_result){ 0 };
}

enum cv_rc
assignor_eager(const struct assignor_round *round, struct assignor_result *ret, struct cv_err *err)
{
    struct calc calc;
    enum cv_rc rc;
    enum kind kind;
    size_t unit, turn = 0;

    if (!calc_init(&calc, round, NULL))
        return cv_fail_memory(err);
    for (kind = KIND_CONNECTOR; kind < KINDS; kind++) {
        for (unit = next_unit(&calc, calc.configured, kind, 0); unit != NO_UNIT;
             unit = next_unit(&calc, calc.configured, kind, unit + 1))
            worker_assign(&calc, &calc.workers[turn++ % calc.n_workers], unit);
    }
    rc = calc_result(&calc, false, ret, err);
    calc_done(&calc);
    return rc;
}

static void
names_done(struct assignor_names *names)
{
    size_t i;

    for (i = 0; i < names->count; i++)
        free(names->items[i]);
    free(names->items);
    *names = (struct assignor_names){ 0 };
}

static bool
names_have(const struct assignor_names *names, const char *name)
{
    size_t i;

    for (i = 0; i < names->count; i++) {
        if (strcmp(names->items[i], name) == 0)
            return true;
    }
    return false;
}

static bool
names_add(struct assignor_names *names, const char *name)
{
    char **items;

    if (names_have(names, name))
        return true;
    items = realloc(names->items, (names->count + 1) * sizeof(*items));
    if (items == NULL)
        return false;
    names->items = items;
    items[names->count] = strdup(name);
    if (items[names->count] == NULL)
        return false;
    names->count++;
    return true;
}

void
assignor_state_init(struct assignor_state *state, int32_t max_delay_ms)
{
    *state = (struct assignor_state){ .max_delay_ms = max_delay_ms, .previous_generation = -1 };
}

void
assignor_state_done(struct assignor_state *state)
{
    group_work_done(&state->previous_assignment);
    group_work_done(&state->previous_revocation);
    names_done(&state->previous_members);
    names_done(&state->candidates);
}

/* The part of the state that a round works on, so that a failure leaves the old one whole. */
static bool
state_begin(const struct assignor_state *state, struct assignor_state *ret)
{
    size_t i;

    *ret = (struct assignor_state){
        .max_delay_ms = state->max_delay_ms,
        .scheduled_rebalance_ms = state->scheduled_rebalance_ms,
        .delay_ms = state->delay_ms,
        .revoked_in_previous = state->revoked_in_previous,
        .successive_revocations = state->successive_revocations,
    };
    for (i = 0; i < state->candidates.count; i++) {
        if (!names_add(&ret->candidates, state->candidates.items[i]))
            return false;
    }
    return true;
}

static struct worker *
worker_find(struct calc *calc, const char *id)
{
    struct worker key = { .id = id };

    return bsearch(&key, calc->workers, calc->n_workers, sizeof(key), worker_compare);
}

static void
delay_reset(struct assignor_state *state)
{
    names_done(&state->candidates);
    state->scheduled_rebalance_ms = 0;
    state->delay_ms = 0;
}

static bool
flags_any(const struct calc *calc, const bool *flags)
{
    return calc->n_units > 0 && memchr(flags, true, calc->n_units) != NULL;
}

/* The wait is over: round robin over the candidates that are still there. false: there are none. */
static bool
deal_lost_to_candidates(struct calc *calc, const struct assignor_names *candidates)
{
    struct worker **present = calc->by_load;
    size_t i, unit, turn, count = 0;
    enum kind kind;

    for (i = 0; i < candidates->count; i++) {
        struct worker *worker = worker_find(calc, candidates->items[i]);

        if (worker != NULL)
            present[count++] = worker;
    }
    if (count == 0)
        return false;
    for (kind = KIND_CONNECTOR; kind < KINDS; kind++) {
        turn = 0;
        for (unit = next_unit(calc, calc->lost, kind, 0); unit != NO_UNIT;
             unit = next_unit(calc, calc->lost, kind, unit + 1))
            worker_assign(calc, present[turn++ % count], unit);
    }
    return true;
}

static void
deal_lost(struct calc *calc)
{
    size_t i;

    for (i = 0; i < calc->n_units; i++)
        calc->deal[i] = calc->deal[i] || calc->lost[i];
}

static bool
all_members_present(struct calc *calc, const struct assignor_names *previous)
{
    size_t i;

    for (i = 0; i < previous->count; i++) {
        if (worker_find(calc, previous->items[i]) == NULL)
            return false;
    }
    return true;
}

/* Units that nobody reports any more: deal them now, or wait for their worker to come back. */
static bool
handle_lost(struct calc *calc, const struct assignor_state *old, struct assignor_state *state, int64_t now_ms)
{
    int64_t left_ms;
    size_t i;

    if (!flags_any(calc, calc->lost) && !state->revoked_in_previous) {
        delay_reset(state);
        return true;
    }
    /* Nobody left: the last assignment did not reach its worker. */
    if ((state->scheduled_rebalance_ms <= 0 && all_members_present(calc, &old->previous_members)) ||
        state->max_delay_ms == 0) {
        deal_lost(calc);
        return true;
    }
    if (state->scheduled_rebalance_ms > 0 && now_ms >= state->scheduled_rebalance_ms) {
        if (!deal_lost_to_candidates(calc, &state->candidates))
            deal_lost(calc);
        delay_reset(state);
        state->revoked_in_previous = false;
        return true;
    }
    for (i = 0; i < calc->n_workers; i++) {
        if (worker_is_empty(&calc->workers[i]) && !names_add(&state->candidates, calc->workers[i].id))
            return false;
    }
    left_ms = state->scheduled_rebalance_ms - now_ms;
    state->delay_ms = left_ms > 0 && left_ms < state->max_delay_ms ? (int32_t)left_ms : state->max_delay_ms;
    state->scheduled_rebalance_ms = now_ms + state->delay_ms;
    return true;
}

static bool
kind_is_balanced(const struct calc *calc, enum kind kind, size_t min, size_t extra)
{
    size_t i, with_min = 0, with_extra = 0;

    for (i = 0; i < calc->n_workers; i++) {
        with_min += calc->workers[i].load[kind] == min;
        with_extra += calc->workers[i].load[kind] == min + 1;
    }
    return with_extra == extra && with_min + with_extra == calc->n_workers;
}

/* Mark in surplus (a row of units a worker) the first units over what a worker should hold. */
static bool
surplus_of_kind(const struct calc *calc, enum kind kind, bool *surplus)
{
    size_t total = 0, unit, i, min, extra, extras_used = 0;
    bool any = false;

    for (unit = 0; unit < calc->n_units; unit++)
        total += calc->configured[unit] && kind_of(calc, unit) == kind;
    min = total / calc->n_workers;
    extra = total % calc->n_workers;
    if (kind_is_balanced(calc, kind, min, extra))
        return false;
    for (i = 0; i < calc->n_workers; i++) {
        const struct worker *worker = &calc->workers[i];
        size_t load = worker->load[kind], keep = min;

        if (load <= min)
            continue;
        if (extras_used < extra) {
            extras_used++;
            keep = min + 1;
        }
        for (unit = 0; load > keep; unit++, load--) {
            unit = next_unit(calc, worker->next, kind, unit);
            surplus[i * calc->n_units + unit] = true;
            any = true;
        }
    }
    return any;
}

static bool
find_surplus(const struct calc *calc, bool *surplus)
{
    bool any_owned = false, connectors, tasks;
    size_t i;

    for (i = 0; i < calc->n_workers; i++)
        any_owned = any_owned || !worker_is_empty(&calc->workers[i]);
    if (!any_owned || !flags_any(calc, calc->configured))
        return false;
    connectors = surplus_of_kind(calc, KIND_CONNECTOR, surplus);
    tasks = surplus_of_kind(calc, KIND_TASK, surplus);
    return connectors || tasks;
}

static void
revoke_surplus(struct calc *calc, const bool *surplus)
{
    size_t i, unit;

    for (i = 0; i < calc->n_workers; i++) {
        for (unit = 0; unit < calc->n_units; unit++) {
            if (surplus[i * calc->n_units + unit])
                worker_revoke(calc, &calc->workers[i], unit);
        }
    }
}

/* 40 ms, 1.6 s, 64 s, then the maximum. */
static int32_t
revocation_backoff(int32_t attempts, int32_t max_ms)
{
    int64_t delay_ms = max_ms == 0 ? 0 : 1;

    while (attempts-- > 0 && delay_ms < max_ms)
        delay_ms *= 40;
    return delay_ms < max_ms ? (int32_t)delay_ms : max_ms;
}

/* Take work from those who have too much, unless the last round did so too: then back off first (KIP-570). */
static bool
balance(struct calc *calc, struct assignor_state *state, int64_t now_ms)
{
    bool *surplus;

    if (state->delay_ms != 0) {
        state->revoked_in_previous = false;
        return true;
    }
    surplus = calloc(calc->n_workers * calc->n_units + 1, sizeof(*surplus));
    if (surplus == NULL)
        return false;
    if (!find_surplus(calc, surplus)) {
        if (state->revoked_in_previous)
            state->successive_revocations = 0;
        state->revoked_in_previous = false;
    } else if (!state->revoked_in_previous) {
        state->revoked_in_previous = true;
        revoke_surplus(calc, surplus);
    } else {
        state->successive_revocations++;
        state->delay_ms = revocation_backoff(state->successive_revocations, state->max_delay_ms);
        if (state->delay_ms != 0)
            state->scheduled_rebalance_ms = now_ms + state->delay_ms;
        else
            revoke_surplus(calc, surplus);
    }
    free(surplus);
    return true;
}

/* What everyone holds against what is configured and what the last round gave out. */
static void
compare_with_previous(struct calc *calc, const struct assignor_state *old, const struct assignor_round *round)
{
    bool revocation_ignored = false;
    size_t i, unit;

    for (i = 0; i < calc->n_workers; i++) {
        for (unit = 0; unit < calc->n_units; unit++)
            calc->active[unit] = calc->active[unit] || calc->workers[i].owned[unit];
    }
    /* The last round did not reach the group: what it gave out says nothing. */
    if (old->previous_generation == round->last_completed_generation)
        flags_of_work(calc, &old->previous_assignment, calc->previous);
    for (i = 0; i < old->previous_revocation.count; i++)
        revocation_ignored = revocation_ignored ||
                             calc->active[unit_find(calc, &old->previous_revocation.items[i])];
    if (revocation_ignored)
        memcpy(calc->previous, calc->active, calc->n_units * sizeof(*calc->active));
    for (unit = 0; unit < calc->n_units; unit++) {
        bool previous = calc->previous[unit], configured = calc->configured[unit];

        calc->deleted[unit] = previous && !configured;
        calc->lost[unit] = previous && configured && !calc->active[unit];
        calc->deal[unit] = configured && !previous && !calc->active[unit];
    }
}

/* Everyone keeps what they have, but what was deleted, and what several have goes from all of them. */
static void
keep_or_revoke(struct calc *calc)
{
    size_t i, unit;

    for (unit = 0; unit < calc->n_units; unit++) {
        size_t owners = 0;

        for (i = 0; i < calc->n_workers; i++)
            owners += calc->workers[i].owned[unit];
        for (i = 0; i < calc->n_workers; i++) {
            struct worker *worker = &calc->workers[i];

            if (!worker->owned[unit])
                continue;
            if (calc->deleted[unit] || owners > 1)
                worker_revoke(calc, worker, unit);
            else
                worker_assign(calc, worker, unit);
        }
    }
}

/* What the next round will compare with. */
static bool
remember(const struct calc *calc, const struct assignor_round *round, struct assignor_state *state)
{
    size_t i, unit;

    for (unit = 0; unit < calc->n_units; unit++) {
        const struct group_unit *name = &calc->units[unit];
        bool given = calc->lost[unit], revoked = false;

        for (i = 0; i < calc->n_workers; i++) {
            given = given || calc->workers[i].next[unit];
            revoked = revoked || calc->workers[i].revoked[unit];
        }
        if ((given && !group_work_append(&state->previous_assignment, name->connector, name->task)) ||
            (revoked && !group_work_append(&state->previous_revocation, name->connector, name->task)))
            return false;
    }
    for (i = 0; i < calc->n_workers; i++) {
        if (!names_add(&state->previous_members, calc->workers[i].id))
            return false;
    }
    state->previous_generation = round->generation;
    return true;
}

enum cv_rc
assignor_incremental(struct assignor_state *state, const struct assignor_round *round,
                     struct assignor_result *ret, struct cv_err *err)
{
    struct assignor_state next;
    struct calc calc = { 0 };
    enum cv_rc rc = CV_OK;

    if (!state_begin(state, &next) || !calc_init(&calc, round, state)) {
        assignor_state_done(&next);
        return cv_fail_memory(err);
    }
    compare_with_previous(&calc, state, round);
    keep_or_revoke(&calc);
    if (!handle_lost(&calc, state, &next, round->now_ms) || !balance(&calc, &next, round->now_ms)) {
        rc = cv_fail_memory(err);
        goto out;
    }
    deal_kind(&calc, KIND_CONNECTOR);
    deal_kind(&calc, KIND_TASK);
    if (!remember(&calc, round, &next)) {
        rc = cv_fail_memory(err);
        goto out;
    }
    rc = calc_result(&calc, true, ret, err);
    if (rc != CV_OK)
        goto out;
    ret->delay_ms = next.delay_ms;
    assignor_state_done(state);
    *state = next;
    next = (struct assignor_state){ 0 };
out:
    assignor_state_done(&next);
    calc_done(&calc);
    return rc;
}
