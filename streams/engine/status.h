/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tasks are doing, for REST and metrics: processing threads write their tasks' entries, any
 * thread takes a copy.
 */
#ifndef STREAMS_ENGINE_STATUS_H
#define STREAMS_ENGINE_STATUS_H

#include "common/thread.h"

/*
 * CREATED -> RESTORING -> RUNNING, and from each of them FAILED (an error that a person must look
 * at) or, when Kafka's transaction was given up, CREATED again. RUNNING <-> PAUSED: the pipeline is
 * paused; any -> PAUSED -> CREATED: its disk is full, it looks again. FAILED -> CREATED: a person
 * asked for it. CLOSED: not ours any more.
 */
#define TASK_STATES(X)                                                                             \
    X(CREATED)                                                                                     \
    X(RESTORING)                                                                                   \
    X(RUNNING)                                                                                     \
    X(PAUSED)                                                                                      \
    X(FAILED)                                                                                      \
    X(CLOSED)

enum task_state {
#define TASK_STATE(name) TASK_##name,
    TASK_STATES(TASK_STATE)
#undef TASK_STATE
        TASK_STATE_COUNT
};

const char *task_state_name(enum task_state state);
bool task_state_may(enum task_state from, enum task_state to);

#define TASK_ID_MAX    96
#define TASK_ERROR_MAX 1024

struct task_status {
    char id[TASK_ID_MAX]; /* group_partition */
    enum task_state state;
    int64_t since_ms;
    char error[TASK_ERROR_MAX]; /* "" unless FAILED or PAUSED, or the last reason to begin anew */
    uint64_t consumed;
    uint64_t produced;
    uint64_t duplicates;
    uint64_t dropped; /* poison records skipped */
    uint64_t dead;    /* poison records sent to the dead letter topic */
    uint64_t late;    /* rows that came after their window was closed */
    uint64_t windows_closed; /* times that windows were closed */
    uint64_t commits;
    uint64_t rewinds;
    uint64_t changelog_records;
    int64_t lag; /* records behind the end of its inputs, as last heard; -1: not known yet */
    int64_t restore_left;
    int64_t last_commit_ms;
    int64_t clock_ms;     /* newest commit time seen */
    int64_t watermark_ms; /* 0: none yet */
    uint32_t idle_inputs;
    uint64_t future; /* times of records too far ahead to be believed */
    int64_t state_bytes; /* of the file and its WAL */
    int64_t wal_bytes;
};

struct status_board;

struct status_board *status_board_new(void); /* NULL when memory is out */
void status_board_free(struct status_board *board);
/* Add or replace the entry with that id; forgotten when memory is out. */
void status_board_set(struct status_board *board, const struct task_status *status);
void status_board_remove(struct status_board *board, const char *id);
/* A copy, sorted by id; free with free(). NULL with *ret_count 0 when there are none. */
struct task_status *status_board_copy(struct status_board *board, size_t *ret_count);

#endif
