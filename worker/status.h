/* SPDX-License-Identifier: Apache-2.0 */
/*
 * States of connectors and tasks: one list, one table of legal moves.
 *
 *   UNASSIGNED --start--> RUNNING <--pause/resume--> PAUSED
 *        ^                   |  \                      |
 *        +----- stop --------+   +--failure--> FAILED --+--> RESTARTING --> UNASSIGNED
 *   RUNNING or PAUSED connector --stop--> STOPPED --resume--> RUNNING;   any --delete--> DESTROYED
 *
 * UNASSIGNED: no worker runs it. RUNNING: start() returned and the loop runs. PAUSED: the loop idles.
 * FAILED: the loop ended by an error, trace says why. RESTARTING: a restart was asked for.
 * DESTROYED: deleted, its status record is a tombstone. STOPPED is for connectors only.
 */
#ifndef WORKER_STATUS_H
#define WORKER_STATUS_H

#include <culvert/err.h>

#define STATUS_STATES(X)                                                                                   \
    X(UNASSIGNED)                                                                                          \
    X(RUNNING)                                                                                             \
    X(PAUSED)                                                                                              \
    X(FAILED)                                                                                              \
    X(RESTARTING)                                                                                          \
    X(DESTROYED)                                                                                           \
    X(STOPPED)

enum status_state {
#define STATUS_STATE(name) STATUS_##name,
    STATUS_STATES(STATUS_STATE)
#undef STATUS_STATE
};

const char *status_name(enum status_state state);
bool status_parse(const char *name, enum status_state *ret);
bool status_move_is_legal(enum status_state from, enum status_state to);

/* Target states, as the config topic stores them. */
enum target_state { TARGET_STARTED, TARGET_PAUSED, TARGET_STOPPED };

const char *target_name(enum target_state target);
bool target_parse(const char *name, enum target_state *ret);

/* task < 0 means the connector itself. */
#define STATUS_CONNECTOR (-1)

/* A status as the status topic stores it. Strings are owned where a struct is returned. */
struct status {
    enum status_state state;
    char *trace;     /* NULL: none */
    char *worker_id; /* "host:port" */
    char *version;   /* plugin version, NULL: not known */
    int32_t generation;
    int64_t written_ms; /* when it was sent to the topic; CV_NO_TIMESTAMP: not known */
};

void status_done(struct status *status);

#endif
