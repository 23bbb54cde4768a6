/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who gets what: the leader's computation of one round. Functions of their arguments alone, time
 * included; the result does not depend on the order in which members or units are given.
 */
#ifndef WORKER_GROUP_ASSIGNOR_H
#define WORKER_GROUP_ASSIGNOR_H

#include "worker/group/protocol.h"

/* Member ids in order, without duplicates; owned. */
struct assignor_names {
    char **items;
    size_t count;
};

/* What an incremental leader remembers from round to round. Zeroed by assignor_state_init; lost
   with the leadership, on purpose. */
struct assignor_state {
    int32_t max_delay_ms; /* scheduled.rebalance.max.delay.ms */
    struct group_work previous_assignment;
    struct group_work previous_revocation;
    struct assignor_names previous_members;
    struct assignor_names candidates; /* joined during the wait: get what was lost when it ends */
    int32_t previous_generation;      /* -1: no round yet */
    int64_t scheduled_rebalance_ms;   /* 0: no wait */
    int32_t delay_ms;
    bool revoked_in_previous;
    int32_t successive_revocations;
};

void assignor_state_init(struct assignor_state *state, int32_t max_delay_ms);
void assignor_state_done(struct assignor_state *state);

struct assignor_member {
    const char *id;                 /* distinct */
    const struct group_work *owned; /* what it says that it holds; NULL: nothing */
};

struct assignor_round {
    const struct assignor_member *members; /* at least one */
    size_t n_members;
    const struct group_work *configured;
    /* What its last owner gave up in order, or nobody ran: if its owner is gone it is dealt at
       once, nobody is waited for. NULL: not known of any. */
    const struct group_work *released;
    int32_t last_completed_generation; /* of the leader */
    int32_t generation;
    int64_t now_ms;
};

struct assignor_share {
    struct group_work assigned; /* incremental: newly assigned; eager: all of it */
    struct group_work revoked;
    struct group_work owned; /* after the round */
};

struct assignor_result {
    struct assignor_share *shares; /* in the order of the members given; owned */
    size_t count;
    int32_t delay_ms;
};

void assignor_result_done(struct assignor_result *result);

/* Incremental cooperative (KIP-415, KIP-570). On failure the state is what it was. */
CV_MUST_CHECK
enum cv_rc assignor_incremental(struct assignor_state *state, const struct assignor_round *round,
                                struct assignor_result *ret, struct cv_err *err);
/* Whether a member of the last round is not in this one. */
bool assignor_misses_member(const struct assignor_state *state, const struct assignor_round *round);
/* Eager: everything dealt anew; the generations and the time are not looked at. */
CV_MUST_CHECK
enum cv_rc assignor_eager(const struct assignor_round *round, struct assignor_result *ret,
                          struct cv_err *err);

#endif
