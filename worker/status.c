/* SPDX-License-Identifier: Apache-2.0 */
/* Names of states and the table of legal moves. */
#include <config.h>

#include "worker/status.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const state_names[] = {
#define STATE_NAME(name) #name,
    STATUS_STATES(STATE_NAME)
#undef STATE_NAME
};

/* Bit sets of the states that each one may become. A state may always be written again. */
#define TO(name) (1u << STATUS_##name)

static const unsigned legal_moves[] = {
    [STATUS_UNASSIGNED] = TO(RUNNING) | TO(PAUSED) | TO(FAILED) | TO(RESTARTING) | TO(DESTROYED) | TO(STOPPED),
    [STATUS_RUNNING] = TO(UNASSIGNED) | TO(PAUSED) | TO(FAILED) | TO(RESTARTING) | TO(DESTROYED) | TO(STOPPED),
    [STATUS_PAUSED] = TO(UNASSIGNED) | TO(RUNNING) | TO(FAILED) | TO(RESTARTING) | TO(DESTROYED) | TO(STOPPED),
    [STATUS_FAILED] = TO(UNASSIGNED) | TO(RESTARTING) | TO(DESTROYED) | TO(STOPPED) | TO(RUNNING) | TO(PAUSED),
    [STATUS_RESTARTING] = TO(UNASSIGNED) | TO(RUNNING) | TO(PAUSED) | TO(FAILED) | TO(DESTROYED) | TO(STOPPED),
    [STATUS_DESTROYED] = TO(UNASSIGNED) | TO(RUNNING) | TO(PAUSED) | TO(FAILED) | TO(STOPPED),
    [STATUS_STOPPED] = TO(UNASSIGNED) | TO(RUNNING) | TO(PAUSED) | TO(FAILED) | TO(RESTARTING) | TO(DESTROYED),
};

const char *
status_name(enum status_state state)
{
    return state_names[state];
}

bool
status_parse(const char *name, enum status_state *ret)
{
    for (size_t i = 0; i < CV_COUNT(state_names); i++)
        if (strcmp(name, state_names[i]) == 0) {
            *ret = (enum status_state)i;
            return true;
        }
    return false;
}

bool
status_move_is_legal(enum status_state from, enum status_state to)
{
    return from == to || (legal_moves[from] & 1u << to) != 0;
}

static const char *const target_names[] = { "STARTED", "PAUSED", "STOPPED" };

const char *
target_name(enum target_state target)
{
    return target_names[target];
}

bool
target_parse(const char *name, enum target_state *ret)
{
    for (size_t i = 0; i < CV_COUNT(target_names); i++)
        if (strcmp(name, target_names[i]) == 0) {
            *ret = (enum target_state)i;
            return true;
        }
    return false;
}

void
status_done(struct status *status)
{
    free(status->trace);
    free(status->worker_id);
    free(status->version);
    *status = (struct status){ 0 };
}
