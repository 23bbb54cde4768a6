/* SPDX-License-Identifier: Apache-2.0 */
/* The leader's half of a round: read the members' metadata, compute, write everyone's assignment;
   and who owns what since. Owned by the herder thread. */
#ifndef WORKER_GROUP_LEADER_H
#define WORKER_GROUP_LEADER_H

#include "common/wire/message.h"
#include "worker/group/member.h"

struct leader;

struct leader *leader_new(int32_t max_delay_ms); /* NULL when memory is out */
void leader_free(struct leader *leader);

struct leader_round {
    const struct cv_wire_joined *joined; /* with members: we lead */
    enum group_protocol protocol;        /* the one selected */
    int32_t last_completed_generation;
    int64_t now_ms;
    const struct group_callbacks *callbacks;
};

struct leader_answer {
    struct cv_wire_assignment *assignments; /* one a member; ids borrowed from the round */
    struct cv_buf *bytes;                   /* behind them */
    size_t count;
};

/* On failure of the config callback, or when the config read is older than a member's, everyone is
   answered CONFIG_MISMATCH, which is a success here. */
CV_MUST_CHECK
enum cv_rc leader_assign(struct leader *leader, const struct leader_round *round,
                         struct leader_answer *ret, struct cv_err *err);
void leader_answer_done(struct leader_answer *answer);

/* A round begins: what is known of owners no longer counts. */
void leader_forget_owners(struct leader *leader);
/* As of the last leader_assign; NULL: nobody. Borrowed until the next round. */
const char *leader_owner_url(const struct leader *leader, const char *connector, int32_t task);

#endif
