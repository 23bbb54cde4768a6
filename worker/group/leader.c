/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the leader of a round does between JoinGroup and SyncGroup
 * (WorkerCoordinator.onLeaderElected and the assignors' common part).
 *
 * All members must work from one config: the newest offset that any of them has seen is the least
 * that the leader's own must have. If it cannot get there everyone is told so, reads on, and joins
 * again. A member whose metadata cannot be read gets no work, but an answer: brokers hand zero
 * bytes to those left out, which no worker can parse.
 */
#include <config.h>

#include "worker/group/leader.h"

#include <stdlib.h>

#include "common/log.h"
#include "worker/group/assignor.h"

#define CONFIG_MISMATCH  1
#define ASSIGNMENT_BYTES ((size_t)16 << 20)

struct owner {
    char *url;
    struct group_work work;
};

struct leader {
    struct assignor_state state;
    struct owner *owners;
    size_t n_owners;
};

/* One round at work: metadata by member, the readable ones first in members. */
struct round {
    const struct leader_round *in;
    struct group_metadata *metadata; /* of every joined member; url NULL: not readable */
    struct assignor_member *members;
    size_t *joined_index; /* of each of members */
    size_t n_members;
    struct group_config config;
    int64_t max_offset;
};

struct leader *
leader_new(int32_t max_delay_ms)
{
    struct leader *leader = calloc(1, sizeof(*leader));

    if (leader != NULL)
        assignor_state_init(&leader->state, max_delay_ms);
    return leader;
}

static void
owners_free(struct owner *owners, size_t count)
{
    size_t i;

    for (i = 0; i < count; i++) {
        free(owners[i].url);
        group_work_done(&owners[i].work);
    }
    free(owners);
}

void
leader_forget_owners(struct leader *leader)
{
    owners_free(leader->owners, leader->n_owners);
    leader->owners = NULL;
    leader->n_owners = 0;
}

void
leader_free(struct leader *leader)
{
    if (leader == NULL)
        return;
    leader_forget_owners(leader);
    assignor_state_done(&leader->state);
    free(leader);
}

const char *
leader_owner_url(const struct leader *leader, const char *connector, int32_t task)
{
    size_t i;

    for (i = 0; i < leader->n_owners; i++) {
        if (group_work_has(&leader->owners[i].work, connector, task))
            return leader->owners[i].url;
    }
    return NULL;
}

void
leader_answer_done(struct leader_answer *answer)
{
    size_t i;

    for (i = 0; answer->bytes != NULL && i < answer->count; i++)
        cv_buf_free(&answer->bytes[i]);
    free(answer->bytes);
    free(answer->assignments);
    *answer = (struct leader_answer){ 0 };
}

static void
round_done(struct round *round)
{
    size_t i;

    for (i = 0; round->metadata != NULL && i < round->in->joined->n_members; i++)
        group_metadata_done(&round->metadata[i]);
    free(round->metadata);
    free(round->members);
    free(round->joined_index);
    group_work_done(&round->config.units);
}

static enum cv_rc
read_members(struct round *round, struct cv_err *err)
{
    const struct cv_wire_joined *joined = round->in->joined;
    size_t i, n = joined->n_members;

    round->metadata = calloc(n + 1, sizeof(*round->metadata));
    round->members = calloc(n + 1, sizeof(*round->members));
    round->joined_index = calloc(n + 1, sizeof(*round->joined_index));
    if (round->metadata == NULL || round->members == NULL || round->joined_index == NULL)
        return cv_fail_memory(err);
    round->max_offset = INT64_MIN;
    for (i = 0; i < n; i++) {
        struct group_metadata *metadata = &round->metadata[i];
        const struct cv_wire_member *member = &joined->members[i];
        enum cv_rc rc =
            group_read_metadata(member->metadata.data, member->metadata.len, metadata, err);

        if (rc == CV_NO_MEMORY || rc == CV_RETRY)
            return rc;
        if (rc != CV_OK) {
            CV_LOG_ERROR(cv_log_get("culvert.worker.group"),
                         "a member's metadata cannot be read; it gets no work",
                         CV_STR("member", member->id), CV_ERR(err));
            continue;
        }
        round->joined_index[round->n_members] = i;
        round->members[round->n_members++] =
            (struct assignor_member){ .id = member->id, .owned = &metadata->allocation.assigned };
        if (metadata->config_offset > round->max_offset)
            round->max_offset = metadata->config_offset;
    }
    if (round->n_members == 0)
        return cv_fail(err, CV_INTERNAL, "no member of the group sent metadata that can be read");
    return CV_OK;
}

static const char *
leader_url(const struct round *round)
{
    const struct cv_wire_joined *joined = round->in->joined;
    size_t i;

    for (i = 0; i < joined->n_members; i++) {
        if (strcmp(joined->members[i].id, joined->leader) == 0 && round->metadata[i].url != NULL)
            return round->metadata[i].url;
    }
    return "";
}

/* Everyone's bytes. shares: by joined member, NULL for no work. */
static enum cv_rc
write_answer(const struct round *round, const struct assignor_share *const *shares, int16_t error,
             int64_t offset, int32_t delay_ms, struct leader_answer *ret, struct cv_err *err)
{
    static const struct assignor_share nothing;
    const struct cv_wire_joined *joined = round->in->joined;
    struct leader_answer answer = { .count = joined->n_members };
    enum cv_rc rc = CV_OK;
    size_t i;

    answer.bytes = calloc(joined->n_members, sizeof(*answer.bytes));
    answer.assignments = calloc(joined->n_members, sizeof(*answer.assignments));
    if (answer.bytes == NULL || answer.assignments == NULL)
        rc = cv_fail_memory(err);
    for (i = 0; rc == CV_OK && i < joined->n_members; i++) {
        const struct assignor_share *share =
            shares == NULL || shares[i] == NULL ? &nothing : shares[i];
        const struct group_assignment assignment = {
            .error = error,
            .leader = joined->leader,
            .leader_url = (char *)leader_url(round),
            .config_offset = offset,
            .assigned = share->assigned,
            .revoked = share->revoked,
            .delay_ms = delay_ms,
        };

        cv_buf_init(&answer.bytes[i], ASSIGNMENT_BYTES);
        group_write_assignment(&answer.bytes[i], (int16_t)round->in->protocol, &assignment);
        rc = cv_buf_check(&answer.bytes[i], err);
        answer.assignments[i].member_id = joined->members[i].id;
        answer.assignments[i].assignment.data = answer.bytes[i].data;
        answer.assignments[i].assignment.len = answer.bytes[i].len;
    }
    if (rc == CV_OK)
        *ret = answer;
    else
        leader_answer_done(&answer);
    return rc;
}

/* Whether everyone can work from the leader's config. */
static bool
config_is_current(struct round *round)
{
    const struct group_callbacks *callbacks = round->in->callbacks;
    struct cv_log *log = cv_log_get("culvert.worker.group");
    struct cv_err err = CV_ERR_INIT;

    if (callbacks->config(callbacks->arg, &round->config, &err) != CV_OK) {
        CV_LOG_WARN(log, "no config to assign from; members are asked to join again", CV_ERR(&err));
        return false;
    }
    if (round->config.offset < round->max_offset) {
        CV_LOG_INFO(
            log, "the leader's config is behind that of a member; members are asked to join again",
            CV_INT("offset", round->config.offset), CV_INT("newest_offset", round->max_offset));
        return false;
    }
    return true;
}

static enum cv_rc
remember_owners(struct leader *leader, const struct round *round,
                const struct assignor_result *result, struct cv_err *err)
{
    struct owner *owners = calloc(result->count, sizeof(*owners));
    size_t i;

    if (owners == NULL)
        return cv_fail_memory(err);
    for (i = 0; i < result->count; i++) {
        owners[i].url = strdup(round->metadata[round->joined_index[i]].url);
        if (owners[i].url == NULL || !group_work_copy(&owners[i].work, &result->shares[i].owned)) {
            owners_free(owners, result->count);
            return cv_fail_memory(err);
        }
    }
    leader_forget_owners(leader);
    leader->owners = owners;
    leader->n_owners = result->count;
    return CV_OK;
}

/*
 * A worker that stops in order leaves nothing running, and its work need not wait for it to come
 * back (Java leaders wait all the same). The group protocol does not tell such a worker from one
 * that died; the statuses that it wrote last do.
 */
static enum cv_rc
assign_incremental(struct leader *leader, const struct round *round, struct assignor_round *in,
                   struct assignor_result *ret, struct cv_err *err)
{
    const struct group_callbacks *callbacks = round->in->callbacks;
    struct group_work released = { 0 };
    enum cv_rc rc;

    if (callbacks->released != NULL && assignor_misses_member(&leader->state, in)) {
        callbacks->released(callbacks->arg, &round->config.units, &released);
        in->released = &released;
    }
    rc = assignor_incremental(&leader->state, in, ret, err);
    in->released = NULL;
    group_work_done(&released);
    return rc;
}

static enum cv_rc
assign(struct leader *leader, const struct round *round, struct leader_answer *ret,
       struct cv_err *err)
{
    struct assignor_round in = {
        .members = round->members,
        .n_members = round->n_members,
        .configured = &round->config.units,
        .last_completed_generation = round->in->last_completed_generation,
        .generation = round->in->joined->generation,
        .now_ms = round->in->now_ms,
    };
    struct assignor_result result = { 0 };
    const struct assignor_share **shares =
        calloc(round->in->joined->n_members, sizeof(struct assignor_share *));
    enum cv_rc rc;
    size_t i;

    if (shares == NULL)
        return cv_fail_memory(err);
    if (round->in->protocol == GROUP_EAGER)
        rc = assignor_eager(&in, &result, err);
    else
        rc = assign_incremental(leader, round, &in, &result, err);
    if (rc == CV_OK)
        rc = remember_owners(leader, round, &result, err);
    for (i = 0; rc == CV_OK && i < result.count; i++)
        shares[round->joined_index[i]] = &result.shares[i];
    if (rc == CV_OK)
        rc = write_answer(round, shares, 0, round->config.offset, result.delay_ms, ret, err);
    assignor_result_done(&result);
    free(shares);
    return rc;
}

enum cv_rc
leader_assign(struct leader *leader, const struct leader_round *in, struct leader_answer *ret,
              struct cv_err *err)
{
    struct round round = { .in = in };
    enum cv_rc rc = read_members(&round, err);

    if (rc == CV_OK) {
        if (config_is_current(&round))
            rc = assign(leader, &round, ret, err);
        else
            rc = write_answer(&round, NULL, CONFIG_MISMATCH, round.max_offset, 0, ret, err);
    }
    round_done(&round);
    return rc;
}
