/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rounds are written as text: work as "a a/0 a/1 b" (a name alone is the connector), members as a
 * group that keeps what it was given, as workers do.
 */
#include <config.h>

#include "worker/group/assignor.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/helper/failing_alloc.h"

#include "tests/helper/cmocka_all.h"

#define MAX_DELAY_MS 300000
#define MEMBERS_MAX  8

static struct group_work
work_of(const char *text)
{
    struct group_work work = { 0 };
    char *copy = strdup(text), *save = NULL, *word;

    assert_non_null(copy);
    for (word = strtok_r(copy, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save)) {
        char *slash = strchr(word, '/');

        if (slash != NULL)
            *slash = '\0';
        assert_true(group_work_add(&work, word, slash == NULL ? GROUP_CONNECTOR : atoi(slash + 1)));
    }
    free(copy);
    return work;
}

static const char *
text_of(const struct group_work *work)
{
    static char texts[4][4096];
    static unsigned int turn;
    char *text = texts[turn++ % CV_COUNT(texts)];
    size_t i, used = 0;

    text[0] = '\0';
    for (i = 0; i < work->count; i++) {
        const struct group_unit *unit = &work->items[i];

        used += (size_t)snprintf(text + used, 4096 - used, i > 0 ? " %s" : "%s", unit->connector);
        if (unit->task != GROUP_CONNECTOR)
            used += (size_t)snprintf(text + used, 4096 - used, "/%d", (int)unit->task);
    }
    return text;
}

/* A group whose members do as they are told. */
struct fixture {
    struct assignor_state state;
    struct assignor_result result; /* of the last round */
    struct group_work configured;
    struct group_work released;
    const char *ids[MEMBERS_MAX];
    struct group_work owned[MEMBERS_MAX];
    size_t n_members;
    int32_t generation;
    int64_t now_ms;
};

static void
fixture_config(struct fixture *f, const char *configured)
{
    group_work_done(&f->configured);
    f->configured = work_of(configured);
}

static size_t
fixture_find(const struct fixture *f, const char *id)
{
    size_t i;

    for (i = 0; i < f->n_members; i++) {
        if (strcmp(f->ids[i], id) == 0)
            return i;
    }
    fail_msg("no member %s", id);
    return 0;
}

static void
fixture_join(struct fixture *f, const char *id, const char *owned)
{
    assert_true(f->n_members < MEMBERS_MAX);
    f->ids[f->n_members] = id;
    f->owned[f->n_members] = work_of(owned);
    f->n_members++;
}

static void
fixture_leave(struct fixture *f, const char *id)
{
    size_t i = fixture_find(f, id);

    group_work_done(&f->owned[i]);
    f->n_members--;
    memmove(&f->ids[i], &f->ids[i + 1], (f->n_members - i) * sizeof(f->ids[0]));
    memmove(&f->owned[i], &f->owned[i + 1], (f->n_members - i) * sizeof(f->owned[0]));
}

static struct assignor_round
fixture_begin(struct fixture *f, struct assignor_member *members, int32_t last_completed)
{
    size_t i;

    for (i = 0; i < f->n_members; i++)
        members[i] = (struct assignor_member){ .id = f->ids[i], .owned = &f->owned[i] };
    return (struct assignor_round){ .members = members,
                                    .n_members = f->n_members,
                                    .configured = &f->configured,
                                    .released = f->released.count > 0 ? &f->released : NULL,
                                    .last_completed_generation = last_completed,
                                    .generation = ++f->generation,
                                    .now_ms = f->now_ms };
}

/* The member loses what was revoked and holds what was assigned. */
static void
fixture_apply(struct fixture *f, size_t member)
{
    const struct assignor_share *share = &f->result.shares[member];
    size_t i;

    for (i = 0; i < share->revoked.count; i++)
        group_work_remove(&f->owned[member], share->revoked.items[i].connector,
                          share->revoked.items[i].task);
    for (i = 0; i < share->assigned.count; i++)
        assert_true(group_work_add(&f->owned[member], share->assigned.items[i].connector,
                                   share->assigned.items[i].task));
    assert_int_equal(share->owned.count, f->owned[member].count);
}

static void
fixture_compute(struct fixture *f, int32_t last_completed)
{
    struct assignor_member members[MEMBERS_MAX];
    struct assignor_round round = fixture_begin(f, members, last_completed);
    struct cv_err err;

    assignor_result_done(&f->result);
    assert_int_equal(CV_OK, assignor_incremental(&f->state, &round, &f->result, &err));
    assert_int_equal(f->n_members, f->result.count);
}

static void
fixture_round(struct fixture *f)
{
    size_t i;

    fixture_compute(f, f->generation > 0 ? f->generation : -1);
    for (i = 0; i < f->n_members; i++)
        fixture_apply(f, i);
}

static void
check_share(const struct fixture *f, const char *id, const char *assigned, const char *revoked)
{
    const struct assignor_share *share = &f->result.shares[fixture_find(f, id)];

    assert_string_equal(assigned, text_of(&share->assigned));
    assert_string_equal(revoked, text_of(&share->revoked));
}

static void
check_owned(const struct fixture *f, const char *id, const char *owned)
{
    struct group_work expected = work_of(owned);
    const struct group_work *got = &f->owned[fixture_find(f, id)];
    size_t i;

    for (i = 0; i < expected.count; i++) {
        if (!group_work_has(got, expected.items[i].connector, expected.items[i].task))
            fail_msg("%s has \"%s\", not \"%s\"", id, text_of(got), owned);
    }
    if (expected.count != got->count)
        fail_msg("%s has \"%s\", not \"%s\"", id, text_of(got), owned);
    group_work_done(&expected);
}

/* Everything configured is owned by exactly one member, and loads differ by at most one of each
 * kind. */
static void
check_complete_and_balanced(const struct fixture *f)
{
    size_t i, m, load[2][MEMBERS_MAX] = { { 0 } };

    for (i = 0; i < f->configured.count; i++) {
        const struct group_unit *unit = &f->configured.items[i];
        size_t owners = 0;

        for (m = 0; m < f->n_members; m++)
            owners += group_work_has(&f->owned[m], unit->connector, unit->task);
        if (owners != 1)
            fail_msg("%s/%d has %zu owners", unit->connector, (int)unit->task, owners);
    }
    for (m = 0; m < f->n_members; m++) {
        for (i = 0; i < f->owned[m].count; i++)
            load[f->owned[m].items[i].task != GROUP_CONNECTOR][m]++;
        for (i = 0; i < m; i++) {
            assert_true(llabs((long long)load[0][m] - (long long)load[0][i]) <= 1);
            assert_true(llabs((long long)load[1][m] - (long long)load[1][i]) <= 1);
        }
    }
}

static int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    assignor_state_init(&f->state, MAX_DELAY_MS);
    f->now_ms = 1000;
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    while (f->n_members > 0)
        fixture_leave(f, f->ids[0]);
    group_work_done(&f->configured);
    group_work_done(&f->released);
    assignor_result_done(&f->result);
    assignor_state_done(&f->state);
    free(f);
    return 0;
}

static void
first_member_gets_everything(void **state)
{
    struct fixture *f = *state;

    fixture_join(f, "m1", "");
    fixture_config(f, "b b/0 a a/1 a/0");
    fixture_round(f);
    check_share(f, "m1", "a a/0 a/1 b b/0", "");
    assert_int_equal(0, f->result.delay_ms);
}

static void
nothing_configured_gives_empty_shares(void **state)
{
    struct fixture *f = *state;

    fixture_join(f, "m1", "");
    fixture_join(f, "m2", "");
    fixture_round(f);
    check_share(f, "m1", "", "");
    check_share(f, "m2", "", "");
}

static void
connectors_and_tasks_are_dealt_to_the_least_loaded_by_name(void **state)
{
    struct fixture *f = *state;

    fixture_join(f, "m2", "");
    fixture_join(f, "m1", "");
    fixture_join(f, "m3", "");
    fixture_config(f, "a a/0 a/1 b b/0 b/1");
    fixture_round(f);
    check_share(f, "m1", "a a/0 b/1", "");
    check_share(f, "m2", "a/1 b", "");
    check_share(f, "m3", "b/0", "");
    check_complete_and_balanced(f);
}

static void
result_does_not_depend_on_the_order_given(void **state)
{
    struct fixture *f = *state;

    fixture_join(f, "m3", "");
    fixture_join(f, "m2", "");
    fixture_join(f, "m1", "");
    fixture_config(f, "b/1 b/0 b a/1 a/0 a");
    fixture_round(f);
    check_share(f, "m1", "a a/0 b/1", "");
    check_share(f, "m2", "a/1 b", "");
    check_share(f, "m3", "b/0", "");
}

static void
new_units_fill_up_the_less_loaded_member(void **state)
{
    struct fixture *f = *state;

    fixture_config(f, "a a/0 a/1 a/2");
    fixture_join(f, "m1", "");
    fixture_join(f, "m2", "");
    fixture_round(f);
    fixture_config(f, "a a/0 a/1 a/2 b b/0");
    fixture_round(f);
    check_share(f, "m1", "", "");
    check_share(f, "m2", "b b/0", "");
    check_complete_and_balanced(f);
}

static void
repeated_round_changes_nothing(void **state)
{
    struct fixture *f = *state;

    fixture_config(f, "a a/0 a/1 a/2");
    fixture_join(f, "m1", "");
    fixture_join(f, "m2", "");
    fixture_round(f);
    fixture_round(f);
    check_share(f, "m1", "", "");
    check_share(f, "m2", "", "");
    assert_int_equal(0, f->result.delay_ms);
}

/* As recorded with Java workers: with two connectors of four tasks, the first one moves whole. */
static void
joining_member_gets_its_share_in_two_rounds(void **state)
{
    struct fixture *f = *state;

    fixture_config(f, "a a/0 a/1 a/2 a/3 b b/0 b/1 b/2 b/3");
    fixture_join(f, "m1", "");
    fixture_round(f);
    fixture_join(f, "m2", "");
    fixture_round(f);
    check_share(f, "m1", "", "a a/0 a/1 a/2 a/3");
    check_share(f, "m2", "", "");
    assert_int_equal(0, f->result.delay_ms);
    fixture_round(f);
    check_share(f, "m1", "", "");
    check_share(f, "m2", "a a/0 a/1 a/2 a/3", "");
    check_complete_and_balanced(f);
}

static void
departed_members_work_waits_for_the_delay(void **state)
{
    struct fixture *f = *state;

    fixture_config(f, "a a/0 a/1 a/2 a/3 b b/0 b/1 b/2 b/3");
    fixture_join(f, "m1", "a a/0 a/1 a/2 a/3");
    fixture_join(f, "m2", "b b/0 b/1 b/2 b/3");
    fixture_round(f);
    fixture_leave(f, "m2");
    fixture_round(f);
    check_share(f, "m1", "", "");
    assert_int_equal(MAX_DELAY_MS, f->result.delay_ms);
    f->now_ms += 100000;
    fixture_round(f);
    check_share(f, "m1", "", "");
    assert_int_equal(MAX_DELAY_MS - 100000, f->result.delay_ms);
    f->now_ms += MAX_DELAY_MS - 100000;
    fixture_round(f);
    check_share(f, "m1", "b b/0 b/1 b/2 b/3", "");
    assert_int_equal(0, f->result.delay_ms);
    check_complete_and_balanced(f);
}

static void
member_that_returns_with_its_work_ends_the_wait(void **state)
{
    struct fixture *f = *state;

    fixture_config(f, "a a/0 a/1 b b/0 b/1");
    fixture_join(f, "m1", "a a/0 a/1");
    fixture_join(f, "m2", "b b/0 b/1");
    fixture_round(f);
    fixture_leave(f, "m2");
    fixture_round(f);
    assert_int_equal(MAX_DELAY_MS, f->result.delay_ms);
    f->now_ms += 10;
    fixture_join(f, "m2-again", "b b/0 b/1");
    fixture_round(f);
    assert_int_equal(0, f->result.delay_ms);
    check_share(f, "m1", "", "");
    check_share(f, "m2-again", "", "");
    check_complete_and_balanced(f);
}

static void
member_that_joins_in_the_wait_gets_all_that_was_lost_at_its_end(void **state)
{
    struct fixture *f = *state;

    fixture_config(f, "a a/0 a/1 b b/0 b/1 c c/0 c/1");
    fixture_join(f, "m1", "a a/0 a/1");
    fixture_join(f, "m2", "b b/0 b/1");
    fixture_join(f, "m3", "c c/0 c/1");
    fixture_round(f);
    fixture_leave(f, "m3");
    fixture_round(f);
    f->now_ms += 1000;
    fixture_join(f, "m0", "");
    fixture_round(f);
    check_share(f, "m0", "", "");
    assert_int_equal(MAX_DELAY_MS - 1000, f->result.delay_ms);
    f->now_ms += MAX_DELAY_MS;
    fixture_round(f);
    check_share(f, "m0", "c c/0 c/1", "");
    check_share(f, "m1", "", "");
    check_share(f, "m2", "", "");
    assert_int_equal(0, f->result.delay_ms);
    check_complete_and_balanced(f);
}

static void
several_candidates_share_what_was_lost_in_turn(void **state)
{
    struct fixture *f = *state;

    fixture_config(f, "a a/0 a/1 a/2 b b/0 b/1 b/2");
    fixture_join(f, "m1", "a a/0 a/1 a/2");
    fixture_join(f, "m2", "b b/0 b/1 b/2");
    fixture_round(f);
    fixture_leave(f, "m2");
    fixture_round(f);
    f->now_ms += 1000;
    fixture_join(f, "n2", "");
    fixture_round(f);
    f->now_ms += 1000;
    fixture_join(f, "n1", "");
    fixture_round(f);
    f->now_ms += MAX_DELAY_MS;
    fixture_round(f);
    check_share(f, "n2", "b b/0 b/2", ""); /* the first that came */
    check_share(f, "n1", "b/1", "");
}

static void
candidate_that_left_again_is_passed_over(void **state)
{
    struct fixture *f = *state;

    fixture_config(f, "a a/0 b b/0");
    fixture_join(f, "m1", "a a/0");
    fixture_join(f, "m2", "b b/0");
    fixture_round(f);
    fixture_leave(f, "m2");
    fixture_join(f, "n1", "");
    fixture_round(f);
    fixture_leave(f, "n1");
    f->now_ms += MAX_DELAY_MS;
    fixture_round(f);
    check_share(f, "m1", "b b/0", "");
}

static void
work_that_was_given_up_in_order_is_dealt_at_once(void **state)
{
    struct fixture *f = *state;

    fixture_config(f, "a a/0 a/1 b b/0 b/1 c c/0 c/1");
    fixture_join(f, "m1", "a a/0 a/1");
    fixture_join(f, "m2", "b b/0 b/1");
    fixture_join(f, "m3", "c c/0 c/1");
    fixture_round(f);
    f->released = work_of("a c c/0 c/1");
    fixture_leave(f, "m3");
    fixture_round(f);
    assert_int_equal(0, f->result.delay_ms);
    check_share(f, "m1", "c c/0", ""); /* a is released too, they say, but m1 has it */
    check_share(f, "m2", "c/1", "");
    fixture_round(f);
    check_share(f, "m1", "", "");
    check_share(f, "m2", "", "");
}

static void
what_was_not_given_up_is_waited_for_all_the_same(void **state)
{
    struct fixture *f = *state;

    fixture_config(f, "a a/0 a/1 b b/0 b/1");
    fixture_join(f, "m1", "a a/0 a/1");
    fixture_join(f, "m2", "b b/0 b/1");
    fixture_round(f);
    f->released = work_of("b b/0");
    fixture_leave(f, "m2");
    fixture_round(f);
    check_share(f, "m1", "b b/0", "");
    assert_int_equal(MAX_DELAY_MS, f->result.delay_ms);
    f->now_ms += MAX_DELAY_MS;
    fixture_round(f);
    check_share(f, "m1", "b/1", "");
    assert_int_equal(0, f->result.delay_ms);
    check_complete_and_balanced(f);
}

/* One dies, and while the group waits for it another stops in order. */
static void
a_wait_goes_on_while_others_leave_in_order(void **state)
{
    struct fixture *f = *state;

    fixture_config(f, "a a/0 b b/0 c c/0");
    fixture_join(f, "m1", "a a/0");
    fixture_join(f, "m2", "b b/0");
    fixture_join(f, "m3", "c c/0");
    fixture_round(f);
    fixture_leave(f, "m2");
    fixture_round(f);
    assert_int_equal(MAX_DELAY_MS, f->result.delay_ms);
    f->now_ms += 1000;
    f->released = work_of("c c/0");
    fixture_leave(f, "m3");
    fixture_round(f);
    check_share(f, "m1", "c c/0", "");
    assert_int_equal(MAX_DELAY_MS - 1000, f->result.delay_ms);
    f->now_ms += MAX_DELAY_MS - 1000;
    fixture_round(f);
    check_share(f, "m1", "b b/0", "");
}

/* It was about to get work that another had just given up for it. */
static void
a_member_that_leaves_in_order_between_two_rounds_makes_nobody_wait(void **state)
{
    struct fixture *f = *state;

    fixture_config(f, "a a/0 a/1 b b/0 b/1");
    fixture_join(f, "m1", "a a/0 a/1 b b/0 b/1");
    fixture_round(f);
    fixture_join(f, "m2", "");
    fixture_round(f); /* m1 gives up half */
    f->released = work_of("a a/0 a/1 b b/0 b/1");
    fixture_leave(f, "m2");
    fixture_round(f);
    check_owned(f, "m1", "a a/0 a/1 b b/0 b/1");
    assert_int_equal(0, f->result.delay_ms);
}

static void
a_member_that_is_missing_is_noticed(void **state)
{
    static const struct assignor_member two[] = { { .id = "m2" }, { .id = "m1" } };
    struct assignor_round round = { .members = two, .n_members = 2 };
    struct fixture *f = *state;

    assert_false(assignor_misses_member(&f->state, &round));
    fixture_join(f, "m1", "");
    fixture_join(f, "m2", "");
    fixture_round(f);
    assert_false(assignor_misses_member(&f->state, &round));
    round.n_members = 1;
    assert_true(assignor_misses_member(&f->state, &round));
}

static void
without_a_delay_lost_work_is_dealt_at_once(void **state)
{
    struct fixture *f = *state;

    f->state.max_delay_ms = 0;
    fixture_config(f, "a a/0 b b/0");
    fixture_join(f, "m1", "a a/0");
    fixture_join(f, "m2", "b b/0");
    fixture_round(f);
    fixture_leave(f, "m2");
    fixture_round(f);
    check_share(f, "m1", "b b/0", "");
    assert_int_equal(0, f->result.delay_ms);
}

static void
assignment_that_did_not_arrive_is_dealt_again_at_once(void **state)
{
    struct fixture *f = *state;

    fixture_config(f, "a a/0 b b/0");
    fixture_join(f, "m1", "");
    fixture_join(f, "m2", "");
    fixture_compute(f, -1);
    fixture_apply(f, 0); /* m2 fell out before its answer came, and is back with nothing */
    fixture_round(f);
    check_share(f, "m1", "", "");
    check_share(f, "m2", "b b/0", "");
    assert_int_equal(0, f->result.delay_ms);
}

static void
duplicate_owners_all_lose_it_and_one_gets_it_back(void **state)
{
    struct fixture *f = *state;

    fixture_config(f, "a a/0 a/1 b b/0 b/1");
    fixture_join(f, "m1", "a a/0 a/1 b/0");
    fixture_join(f, "m2", "b b/0 b/1 a/1");
    fixture_round(f);
    check_share(f, "m1", "", "a/1 b/0");
    check_share(f, "m2", "", "a/1 b/0");
    fixture_round(f);
    check_share(f, "m1", "a/1", "");
    check_share(f, "m2", "b/0", "");
    check_complete_and_balanced(f);
}

static void
deleted_connector_is_revoked(void **state)
{
    struct fixture *f = *state;

    fixture_config(f, "a a/0 a/1 b b/0 b/1");
    fixture_join(f, "m1", "");
    fixture_join(f, "m2", "");
    fixture_round(f);
    fixture_config(f, "b b/0 b/1");
    fixture_round(f);
    check_share(f, "m1", "", "a a/0");
    check_share(f, "m2", "", "a/1");
    check_complete_and_balanced(f);
    fixture_round(f);
    check_share(f, "m1", "", "");
}

static void
work_deleted_while_its_member_is_away_is_not_lost(void **state)
{
    struct fixture *f = *state;

    fixture_config(f, "a a/0 b b/0");
    fixture_join(f, "m1", "a a/0");
    fixture_join(f, "m2", "b b/0");
    fixture_round(f);
    fixture_leave(f, "m2");
    fixture_config(f, "a a/0");
    fixture_round(f);
    assert_int_equal(0, f->result.delay_ms);
    check_share(f, "m1", "", "");
}

/* Balancing counts what is not configured, so the first round may even take the wrong unit. */
static void
new_leader_is_rid_of_unconfigured_work_in_two_rounds(void **state)
{
    struct fixture *f = *state;

    fixture_config(f, "a a/0");
    fixture_join(f, "m1", "a a/0 gone gone/0");
    fixture_round(f);
    fixture_round(f);
    check_owned(f, "m1", "a a/0");
    fixture_round(f);
    check_share(f, "m1", "", "");
}

static void
new_leader_deals_lost_work_at_once(void **state)
{
    struct fixture *f = *state;

    fixture_config(f, "a a/0 b b/0");
    fixture_join(f, "m1", "a a/0");
    fixture_round(f);
    check_share(f, "m1", "b b/0", "");
    assert_int_equal(0, f->result.delay_ms);
}

/* The last round never completed: what it gave out is not taken for lost. */
static void
lost_generation_clears_the_previous_assignment(void **state)
{
    struct fixture *f = *state;

    fixture_config(f, "a a/0 b b/0");
    fixture_join(f, "m1", "a a/0");
    fixture_join(f, "m2", "b b/0");
    fixture_round(f);
    fixture_round(f);
    fixture_leave(f, "m2");
    fixture_compute(f, f->generation - 1);
    fixture_apply(f, 0);
    check_share(f, "m1", "b b/0", "");
    assert_int_equal(0, f->result.delay_ms);
}

static void
revocation_that_did_not_happen_resets_the_view(void **state)
{
    struct fixture *f = *state;

    fixture_config(f, "a a/0 b b/0");
    fixture_join(f, "m1", "a a/0 b b/0");
    fixture_round(f);
    fixture_join(f, "m2", "");
    fixture_compute(f, f->generation);
    check_share(f, "m1", "", "a a/0");
    /* Nobody applied it: m1 still has all. It revoked in the round before, so this one backs off.
     */
    fixture_compute(f, f->generation);
    check_share(f, "m1", "", "");
    check_share(f, "m2", "", "");
    assert_int_equal(40, f->result.delay_ms);
    f->now_ms += 40;
    fixture_round(f);
    check_share(f, "m1", "", "a a/0");
    fixture_round(f);
    check_share(f, "m2", "a a/0", "");
    check_complete_and_balanced(f);
}

/* Members that come one after the other in successive rounds: revocations in a row are spaced out.
 */
static void
successive_revocations_back_off_to_the_maximum(void **state)
{
    static const int32_t delays[] = { 40, 1600, 64000, MAX_DELAY_MS, MAX_DELAY_MS };
    struct fixture *f = *state;
    size_t i;

    fixture_config(f, "a a/0 a/1 a/2 a/3 a/4 a/5 a/6 a/7");
    fixture_join(f, "m1", "a a/0 a/1 a/2 a/3 a/4 a/5 a/6 a/7");
    fixture_round(f);
    fixture_join(f, "m2", "");
    for (i = 0; i < CV_COUNT(delays); i++) {
        fixture_compute(f, f->generation); /* revokes, is ignored */
        assert_int_equal(4, f->result.shares[0].revoked.count);
        assert_int_equal(0, f->result.delay_ms);
        fixture_compute(f, f->generation); /* backs off */
        assert_int_equal(0, f->result.shares[0].revoked.count);
        assert_int_equal(delays[i], f->result.delay_ms);
        f->now_ms += f->result.delay_ms;
    }
}

static void
balanced_round_after_a_revocation_resets_the_back_off(void **state)
{
    struct fixture *f = *state;

    fixture_config(f, "a a/0 b b/0");
    fixture_join(f, "m1", "a a/0 b b/0");
    fixture_round(f);
    fixture_join(f, "m2", "");
    fixture_compute(f, f->generation);
    fixture_compute(f, f->generation);
    assert_int_equal(1, f->state.successive_revocations);
    f->now_ms += 40;
    fixture_round(f);
    assert_true(f->state.revoked_in_previous);
    fixture_round(f);
    assert_false(f->state.revoked_in_previous);
    assert_int_equal(0, f->state.successive_revocations);
}

static void
without_a_delay_revocations_do_not_back_off(void **state)
{
    struct fixture *f = *state;

    f->state.max_delay_ms = 0;
    fixture_config(f, "a a/0 b b/0");
    fixture_join(f, "m1", "a a/0 b b/0");
    fixture_round(f);
    fixture_join(f, "m2", "");
    fixture_compute(f, f->generation);
    fixture_compute(f, f->generation);
    check_share(f, "m1", "", "a a/0");
    assert_int_equal(0, f->result.delay_ms);
}

static void
extra_units_stay_where_they_are(void **state)
{
    struct fixture *f = *state;

    fixture_config(f, "a a/0 a/1 a/2 a/3 a/4 a/5 a/6");
    fixture_join(f, "m1", "a a/0 a/1 a/2 a/3 a/4 a/5 a/6");
    fixture_round(f);
    fixture_join(f, "m2", "");
    fixture_join(f, "m3", "");
    fixture_round(f); /* 7 tasks over 3: m1 keeps 3 */
    check_share(f, "m1", "", "a/0 a/1 a/2 a/3");
    fixture_round(f);
    check_complete_and_balanced(f);
    check_owned(f, "m1", "a a/4 a/5 a/6");
    check_owned(f, "m2", "a/0 a/2");
    check_owned(f, "m3", "a/1 a/3");
}

/* Any history of joins, leaves and changes of the config ends complete and balanced once it rests.
 */
static void
any_history_comes_to_rest_complete_and_balanced(void **state)
{
    static const char *const ids[] = { "m1", "m2", "m3", "m4", "m5" };
    struct fixture *f = *state;
    unsigned int seed, step;
    int i, c;

    for (seed = 1; seed <= 40; seed++) {
        unsigned int dice = seed * 2654435761u;
        bool in[CV_COUNT(ids)] = { false };

        teardown(state);
        setup(state);
        f = *state;
        f->state.max_delay_ms = 5000;
        fixture_join(f, "m1", "");
        in[0] = true;
        for (step = 0; step < 30; step++) {
            char config[512] = "";
            size_t used = 0, who;

            dice = dice * 1103515245u + 12345u;
            who = 1 + (dice >> 20) % (CV_COUNT(ids) - 1);
            if ((dice >> 8) % 3 == 0) {
                for (c = 0; c < (int)((dice >> 12) % 5); c++) {
                    used += (size_t)snprintf(config + used, sizeof(config) - used, " c%d", c);
                    for (i = 0; i < (int)((dice >> (14 + c)) % 5); i++)
                        used +=
                            (size_t)snprintf(config + used, sizeof(config) - used, " c%d/%d", c, i);
                }
                fixture_config(f, config);
            } else if (in[who]) {
                fixture_leave(f, ids[who]);
                in[who] = false;
            } else {
                fixture_join(f, ids[who], "");
                in[who] = true;
            }
            f->now_ms += (dice >> 4) % 3000;
            fixture_round(f);
        }
        for (i = 0; i < 8; i++) {
            f->now_ms += 5000;
            fixture_round(f);
        }
        check_complete_and_balanced(f);
        assert_int_equal(0, f->result.delay_ms);
    }
}

static void
eager_deals_connectors_then_tasks_in_one_circle(void **state)
{
    struct fixture *f = *state;
    struct assignor_member members[MEMBERS_MAX];
    struct assignor_round round;
    struct cv_err err;

    fixture_config(f, "b b/0 b/1 a a/0 a/1 c c/0");
    fixture_join(f, "m2", "a a/0"); /* what members hold does not count */
    fixture_join(f, "m1", "");
    round = fixture_begin(f, members, -1);
    assert_int_equal(CV_OK, assignor_eager(&round, &f->result, &err));
    check_share(f, "m1", "a a/1 b/1 c", "");
    check_share(f, "m2", "a/0 b b/0 c/0", "");
    assert_int_equal(0, f->result.delay_ms);
    assert_int_equal(4, f->result.shares[0].owned.count);
}

/* A round that fails for lack of memory leaves the state as it was: the same round then succeeds.
 */
static void
failed_round_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct assignor_member members[MEMBERS_MAX];
    struct assignor_round round;
    struct assignor_result result;
    struct cv_err err;
    long n;

    fixture_config(f, "a a/0 a/1 b b/0 b/1");
    fixture_join(f, "m1", "a a/0 a/1");
    fixture_join(f, "m2", "b b/0 b/1");
    fixture_round(f);
    fixture_leave(f, "m2");
    fixture_join(f, "m3", "");
    round = fixture_begin(f, members, f->generation);
    for (n = 1;; n++) {
        enum cv_rc rc;
        bool failed;

        failing_alloc_at(n);
        rc = assignor_incremental(&f->state, &round, &result, &err);
        failed = failing_alloc_stop();
        if (!failed) {
            assert_int_equal(CV_OK, rc);
            break;
        }
        assert_int_not_equal(CV_OK, rc);
        assert_int_equal(6, f->state.previous_assignment.count);
        assert_int_equal(1, f->state.previous_generation);
        assert_int_equal(0, f->state.scheduled_rebalance_ms);
        assert_int_equal(0, f->state.candidates.count);
    }
    assert_true(n > 10);
    assert_int_equal(MAX_DELAY_MS, result.delay_ms);
    assert_int_equal(1, f->state.candidates.count);
    assignor_result_done(&result);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(first_member_gets_everything),
        TEST(nothing_configured_gives_empty_shares),
        TEST(connectors_and_tasks_are_dealt_to_the_least_loaded_by_name),
        TEST(result_does_not_depend_on_the_order_given),
        TEST(new_units_fill_up_the_less_loaded_member),
        TEST(repeated_round_changes_nothing),
        TEST(joining_member_gets_its_share_in_two_rounds),
        TEST(departed_members_work_waits_for_the_delay),
        TEST(member_that_returns_with_its_work_ends_the_wait),
        TEST(member_that_joins_in_the_wait_gets_all_that_was_lost_at_its_end),
        TEST(several_candidates_share_what_was_lost_in_turn),
        TEST(candidate_that_left_again_is_passed_over),
        TEST(work_that_was_given_up_in_order_is_dealt_at_once),
        TEST(what_was_not_given_up_is_waited_for_all_the_same),
        TEST(a_wait_goes_on_while_others_leave_in_order),
        TEST(a_member_that_leaves_in_order_between_two_rounds_makes_nobody_wait),
        TEST(a_member_that_is_missing_is_noticed),
        TEST(without_a_delay_lost_work_is_dealt_at_once),
        TEST(assignment_that_did_not_arrive_is_dealt_again_at_once),
        TEST(duplicate_owners_all_lose_it_and_one_gets_it_back),
        TEST(deleted_connector_is_revoked),
        TEST(work_deleted_while_its_member_is_away_is_not_lost),
        TEST(new_leader_is_rid_of_unconfigured_work_in_two_rounds),
        TEST(new_leader_deals_lost_work_at_once),
        TEST(lost_generation_clears_the_previous_assignment),
        TEST(revocation_that_did_not_happen_resets_the_view),
        TEST(successive_revocations_back_off_to_the_maximum),
        TEST(balanced_round_after_a_revocation_resets_the_back_off),
        TEST(without_a_delay_revocations_do_not_back_off),
        TEST(extra_units_stay_where_they_are),
        TEST(any_history_comes_to_rest_complete_and_balanced),
        TEST(failed_round_changes_nothing),
        TEST(eager_deals_connectors_then_tasks_in_one_circle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
