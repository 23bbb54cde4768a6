/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The herder in its group: what it tells the group (the config offset, what is configured, what was given up), what
 * it stops before a join, and what it does with an assignment. Herder's thread.
 *
 * A round is acted upon when our copy of the config topic is where the leader's was; a copy that is elsewhere is read
 * on, or asks for another round.
 *
 * Source: org.apache.kafka.connect.runtime.distributed.DistributedHerder.
 */
#include <config.h>

#include "worker/herder_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/map.h"

#define RELEASED_WAIT_MS 1000
#define SYNC_TRIES       5
#define SYNC_RETRY_MS    1000

/* ---- what the group asks ---- */

static int64_t
group_config_offset(void *arg)
{
    struct herder *h = arg;

    return config_store_offset(h->configs);
}

static enum cv_rc
group_config(void *arg, struct group_config *ret, struct cv_err *err)
{
    struct herder *h = arg;

    return config_store_units(h->configs, ret, err);
}

/* How the last owner of a unit left it. */
struct left {
    const struct group_unit *unit;
    enum status_state state;
    char *worker_id;
};

/* A worker that stops in order says UNASSIGNED of everything that runs, and has nothing left that runs. */
static bool
has_anything_running(const struct left *left, size_t count, const char *worker_id)
{
    for (size_t i = 0; i < count; i++)
        if (left[i].worker_id != NULL && strcmp(left[i].worker_id, worker_id) == 0 &&
            left[i].state != STATUS_UNASSIGNED && left[i].state != STATUS_FAILED)
            return true;
    return false;
}

/* What failed runs no more, but is only given up if its worker gave up the rest. */
static bool
is_released(const struct left *left, size_t count, size_t i)
{
    return left[i].state == STATUS_UNASSIGNED ||
           (left[i].state == STATUS_FAILED && left[i].worker_id != NULL &&
            !has_anything_running(left, count, left[i].worker_id));
}

void
herder_released(void *arg, const struct group_work *work, struct group_work *ret)
{
    struct herder *h = arg;
    struct left *left = calloc(work->count + 1, sizeof(*left));

    if (left == NULL)
        return; /* the group waits */
    status_store_flush(h->statuses, RELEASED_WAIT_MS);
    for (size_t i = 0; i < work->count; i++) {
        const struct group_unit *unit = &work->items[i];
        struct status status = { 0 }; /* none: nobody has run it */
        struct cv_err err;

        if (status_store_get(h->statuses, unit->connector,
                             unit->task == GROUP_CONNECTOR ? STATUS_CONNECTOR : unit->task, &status, &err) != CV_OK)
            status = (struct status){ .state = STATUS_UNASSIGNED };
        left[i] = (struct left){ unit, status.state, status.worker_id };
        status.worker_id = NULL;
        status_done(&status);
    }
    for (size_t i = 0; i < work->count; i++)
        if (is_released(left, work->count, i) && !group_work_add(ret, left[i].unit->connector, left[i].unit->task))
            break;
    for (size_t i = 0; i < work->count; i++)
        free(left[i].worker_id);
    free(left);
}

/* What a deleted connector leaves behind is taken back by whoever ran it. */
static void
destroy_statuses(struct herder *h, const struct group_work *work)
{
    for (size_t i = 0; i < work->count; i++) {
        const struct group_unit *unit = &work->items[i];

        if (config_store_has(h->configs, unit->connector))
            continue;
        status_store_put(h->statuses, unit->connector,
                         unit->task == GROUP_CONNECTOR ? STATUS_CONNECTOR : unit->task, STATUS_DESTROYED, NULL,
                         NULL, atomic_load(&h->generation), false);
        if (unit->task == GROUP_CONNECTOR)
            status_store_topics_reset(h->statuses, unit->connector);
    }
}

static void
on_revoked(void *arg, const struct group_work *work, bool all)
{
    struct herder *h = arg;

    herder_stage(h, "stopping work that was revoked");
    herder_stop_work(h, all ? NULL : work);
    if (work != NULL)
        destroy_statuses(h, work);
}

static void
on_assigned(void *arg, const struct group_assignment *assignment, const struct group_work *work,
            int32_t generation)
{
    struct herder *h = arg;

    atomic_store(&h->generation, generation);
    cv_lock(&h->running_lock);
    snprintf(h->leader_url, sizeof(h->leader_url), "%s",
             assignment->leader_url == NULL ? "" : assignment->leader_url);
    h->protocol = member_protocol(h->member);
    cv_unlock(&h->running_lock);
    group_work_done(&h->assignment);
    if (!group_work_copy(&h->assignment, work))
        CV_LOG_ERROR(h->log, "out of memory for an assignment");
    h->assignment_offset = assignment->config_offset;
    h->assignment_error = assignment->error;
    h->assignment_pending = true;
    /* what the round took away; an eager worker gives up everything before each round, and gets it back in the round */
    h->had_revocations = assignment->revoked.count > 0;
    h->scheduled_rebalance_ms = assignment->delay_ms > 0 ? cv_mono_ms() + assignment->delay_ms : 0;
    CV_LOG_INFO(h->log, "assignment received", CV_INT("generation", generation),
                CV_STR("leader", assignment->leader), CV_INT("units", work->count),
                CV_INT("config_offset", assignment->config_offset), CV_INT("delay_ms", assignment->delay_ms));
}

/* The leader takes back statuses of connectors and tasks that are no more. */
static void
clean_statuses(struct herder *h)
{
    char **names = NULL;
    size_t count = 0;
    struct cv_err err;

    if (status_store_connectors(h->statuses, &names, &count, &err) != CV_OK)
        return;
    for (size_t i = 0; i < count; i++) {
        bool exists = config_store_has(h->configs, names[i]);
        int have = config_store_task_count(h->configs, names[i]), *ids = NULL;
        size_t n = 0;

        if (status_store_tasks(h->statuses, names[i], &ids, &n, &err) != CV_OK)
            n = 0;
        for (size_t t = 0; t < n; t++)
            if (!exists || ids[t] >= have)
                status_store_put(h->statuses, names[i], ids[t], STATUS_DESTROYED, NULL, NULL,
                                 atomic_load(&h->generation), false);
        if (!exists)
            status_store_put(h->statuses, names[i], STATUS_CONNECTOR, STATUS_DESTROYED, NULL, NULL,
                             atomic_load(&h->generation), false);
        free(ids);
        free(names[i]);
    }
    free(names);
}

/* What another worker took over while this one was out of the group (it was stopped, or cut off) is begun anew: here it
   may have been fenced, and its status is the other's. */
static void
stop_taken_over(struct herder *h)
{
    struct group_work work = { 0 };

    for (size_t i = 0; i < h->assignment.count; i++) {
        const struct group_unit *unit = &h->assignment.items[i];

        if (herder_was_taken_over(h, unit->connector, unit->task == GROUP_CONNECTOR ? STATUS_CONNECTOR : unit->task) &&
            !group_work_append(&work, unit->connector, unit->task))
            break;
    }
    if (work.count > 0) {
        CV_LOG_INFO(h->log, "beginning anew what another worker ran meanwhile", CV_INT("units", work.count));
        herder_stop_work(h, &work);
    }
    group_work_done(&work);
}

static void
start_assigned(struct herder *h)
{
    stop_taken_over(h);
    herder_stage(h, "starting assigned work");
    for (size_t i = 0; i < h->assignment.count; i++) {
        const struct group_unit *unit = &h->assignment.items[i];

        if (unit->task == GROUP_CONNECTOR && !herder_runs_connector(h, unit->connector))
            herder_start_connector(h, unit->connector);
    }
    for (size_t i = 0; i < h->assignment.count; i++) {
        const struct group_unit *unit = &h->assignment.items[i];

        if (unit->task != GROUP_CONNECTOR && !herder_runs_task(h, unit->connector, unit->task))
            herder_start_task(h, unit->connector, unit->task);
    }
}

/* Whether our copy of the config topic must be read on before the assignment means anything. */
static bool
is_behind(const struct herder *h)
{
    return h->assignment_error != 0 || config_store_offset(h->configs) < h->assignment_offset;
}

/*
 * Stay in the group, with what runs, for a few tries; then let go of everything, so that others may run it, and stay
 * out until the topic can be read again.
 */
static void
sync_failed(struct herder *h, const struct cv_err *why)
{
    int left = SYNC_TRIES - ++h->sync_tries;
    int64_t backoff_ms = left > 0 ? h->spec.config->scheduled_rebalance_max_delay_ms / 10 / left : 0;

    if (backoff_ms < SYNC_RETRY_MS)
        backoff_ms = SYNC_RETRY_MS;
    h->sync_retry_ms = cv_mono_ms() + backoff_ms;
    if (left > 0) {
        CV_LOG_WARN(h->log, "could not read the config topic to its end, trying again",
                    CV_INT("retry_ms", backoff_ms), CV_INT("tries_left", left), CV_ERR(why));
        return;
    }
    CV_LOG_WARN(h->log, "could not read the config topic to its end, leaving the group until it can be read",
                CV_ERR(why));
    herder_stop_work(h, NULL);
    status_store_flush(h->statuses, RELEASED_WAIT_MS);
    member_leave(h->member, "the config topic could not be read");
    h->assignment_pending = false;
    h->out_of_sync = true;
}

bool
herder_sync(struct herder *h)
{
    struct cv_err err;

    if (cv_mono_ms() < h->sync_retry_ms)
        return false;
    herder_stage(h, "reading to the end of the config topic");
    if (config_store_read_to_end(h->configs, h->spec.config->worker_sync_timeout_ms, &err) == CV_OK) {
        h->sync_tries = 0;
        h->sync_retry_ms = 0;
        h->out_of_sync = false;
        return true;
    }
    if (h->out_of_sync)
        h->sync_retry_ms = cv_mono_ms() + SYNC_RETRY_MS;
    else
        sync_failed(h, &err);
    return false;
}

void
herder_act_on_assignment(struct herder *h)
{
    if (!h->assignment_pending || member_rejoin_pending(h->member) || (is_behind(h) && !herder_sync(h)))
        return;
    h->assignment_pending = false;
    if (h->assignment_error != 0 || config_store_offset(h->configs) != h->assignment_offset) {
        member_request_rejoin(h->member, "the assignment is for another config offset");
        return;
    }
    start_assigned(h);
    if (member_is_leader(h->member))
        clean_statuses(h);
    if (h->had_revocations) {
        h->had_revocations = false;
        member_request_rejoin(h->member, "work was revoked");
    }
}

struct group_callbacks
herder_group_callbacks(struct herder *h)
{
    return (struct group_callbacks){ .arg = h,
                                     .config_offset = group_config_offset,
                                     .config = group_config,
                                     .released = herder_released,
                                     .revoked = on_revoked,
                                     .assigned = on_assigned };
}
