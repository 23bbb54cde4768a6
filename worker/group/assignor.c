/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two assignors of Connect: eager, and incremental cooperative.
 *
 * calc.c numbers units and members by name, so the outcome depends on names only. The order of
 * steps is that of Connect's IncrementalCooperativeAssignor, which two kinds of leader in one group
 * must share; the order within a set is our own choice.
 */
#include <config.h>

#include "worker/group/assignor.h"

#include <stdlib.h>

#include "worker/group/calc.h"

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
        for (unit = calc_next(&calc, calc.configured, kind, 0); unit != NO_UNIT;
             unit = calc_next(&calc, calc.configured, kind, unit + 1))
            calc_assign(&calc, &calc.workers[turn++ % calc.n_workers], unit);
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

static void
delay_reset(struct assignor_state *state)
{
    names_done(&state->candidates);
    state->scheduled_rebalance_ms = 0;
    state->delay_ms = 0;
}

/* The wait is over: round robin over the candidates that are still there. false: there are none. */
static bool
deal_lost_to_candidates(struct calc *calc, const struct assignor_names *candidates)
{
    struct worker **present = calc->by_load;
    size_t i, unit, turn, count = 0;
    enum kind kind;

    for (i = 0; i < candidates->count; i++) {
        struct worker *worker = calc_find_worker(calc, candidates->items[i]);

        if (worker != NULL)
            present[count++] = worker;
    }
    if (count == 0)
        return false;
    for (kind = KIND_CONNECTOR; kind < KINDS; kind++) {
        turn = 0;
        for (unit = calc_next(calc, calc->lost, kind, 0); unit != NO_UNIT;
             unit = calc_next(calc, calc->lost, kind, unit + 1))
            calc_assign(calc, present[turn++ % count], unit);
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
        if (calc_find_worker(calc, previous->items[i]) == NULL)
            return false;
    }
    return true;
}

/* Units that nobody reports any more: deal them now, or wait for their worker to come back. */
static bool
handle_lost(struct calc *calc, const struct assignor_state *old, struct assignor_state *state,
            const struct assignor_round *round)
{
    int64_t now_ms = round->now_ms;
    int64_t left_ms;
    size_t i;

    if (!calc_any(calc, calc->lost) && (!state->revoked_in_previous || round->released != NULL)) {
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
        if (calc_is_empty(&calc->workers[i]) && !names_add(&state->candidates, calc->workers[i].id))
            return false;
    }
    left_ms = state->scheduled_rebalance_ms - now_ms;
    state->delay_ms =
        left_ms > 0 && left_ms < state->max_delay_ms ? (int32_t)left_ms : state->max_delay_ms;
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
        total += calc->configured[unit] && calc_kind(calc, unit) == kind;
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
            unit = calc_next(calc, worker->next, kind, unit);
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
        any_owned = any_owned || !calc_is_empty(&calc->workers[i]);
    if (!any_owned || !calc_any(calc, calc->configured))
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
                calc_revoke(calc, &calc->workers[i], unit);
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

/* Take work from those who have too much, unless the last round did so too: then back off first
 * (KIP-570). */
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

static bool
is_released(const struct assignor_round *round, const struct group_unit *unit)
{
    return round->released != NULL && group_work_has(round->released, unit->connector, unit->task);
}

/* What everyone holds against what is configured and what the last round gave out. */
static void
compare_with_previous(struct calc *calc, const struct assignor_state *old,
                      const struct assignor_round *round)
{
    bool revocation_ignored = false;
    size_t i, unit;

    for (i = 0; i < calc->n_workers; i++) {
        for (unit = 0; unit < calc->n_units; unit++)
            calc->active[unit] = calc->active[unit] || calc->workers[i].owned[unit];
    }
    /* The last round did not reach the group: what it gave out says nothing. */
    if (old->previous_generation == round->last_completed_generation)
        calc_mark(calc, &old->previous_assignment, calc->previous);
    for (i = 0; i < old->previous_revocation.count; i++)
        revocation_ignored = revocation_ignored ||
                             calc->active[calc_find_unit(calc, &old->previous_revocation.items[i])];
    if (revocation_ignored)
        memcpy(calc->previous, calc->active, calc->n_units * sizeof(*calc->active));
    for (unit = 0; unit < calc->n_units; unit++) {
        bool previous = calc->previous[unit], configured = calc->configured[unit];
        bool gone = previous && configured && !calc->active[unit];

        calc->deleted[unit] = previous && !configured;
        calc->released[unit] = gone && is_released(round, &calc->units[unit]);
        calc->lost[unit] = gone && !calc->released[unit];
        calc->deal[unit] = calc->released[unit] || (configured && !previous && !calc->active[unit]);
    }
}

/* Everyone keeps what they have, but what was deleted, and what several have goes from all of them.
 */
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
                calc_revoke(calc, worker, unit);
            else
                calc_assign(calc, worker, unit);
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
        if ((given &&
             !group_work_append(&state->previous_assignment, name->connector, name->task)) ||
            (revoked &&
             !group_work_append(&state->previous_revocation, name->connector, name->task)))
            return false;
    }
    for (i = 0; i < calc->n_workers; i++) {
        if (!names_add(&state->previous_members, calc->workers[i].id))
            return false;
    }
    state->previous_generation = round->generation;
    return true;
}

bool
assignor_misses_member(const struct assignor_state *state, const struct assignor_round *round)
{
    size_t i, j;

    for (i = 0; i < state->previous_members.count; i++) {
        for (j = 0; j < round->n_members; j++) {
            if (strcmp(state->previous_members.items[i], round->members[j].id) == 0)
                break;
        }
        if (j == round->n_members)
            return true;
    }
    return false;
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
    if (!handle_lost(&calc, state, &next, round) || !balance(&calc, &next, round->now_ms)) {
        rc = cv_fail_memory(err);
        goto out;
    }
    calc_deal(&calc, KIND_CONNECTOR);
    calc_deal(&calc, KIND_TASK);
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
