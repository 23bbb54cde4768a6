/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of a task, for task.c, task_restore.c and task_run.c only. */
#ifndef STREAMS_ENGINE_TASK_PRIVATE_H
#define STREAMS_ENGINE_TASK_PRIVATE_H

#include <string.h>

#include "common/buf.h"
#include "common/log.h"
#include "streams/engine/input.h"
#include "streams/engine/rule.h"
#include "streams/engine/task.h"
#include "streams/store/changelog.h"

#define GENERATION_MAX 20

struct stream_task {
    struct task_spec spec;
    const struct plan_group *group;
    struct cv_log *log;
    int32_t *partitions;
    char changelog_topic[300];
    struct task_status status;

    struct input *inputs; /* one a source of the group */
    size_t n_inputs;

    struct state *state; /* NULL: not open */
    struct database *db;
    struct changelog *changelog;
    struct rule **rules;
    size_t n_rules;

    char generation[GENERATION_MAX]; /* of the changelog: differs when someone began anew */
    int64_t changelog_next;          /* up to here the state file holds the changelog */
    int64_t restore_target;
    int64_t restore_deadline_ms;
    bool changelog_attached;
    size_t restored;

    bool in_txn;
    struct cv_delivery delivery; /* of its changelog records in this transaction */
    struct outputs outputs;
    size_t careful;       /* records left to run with savepoints */
    bool prepared;        /* task_prepare was through */
    bool wipe;            /* begin with an empty state file */
    int64_t saved_ms;     /* monotonic, of SQLite's last commit */
    int64_t committed_ms; /* monotonic, of its last Kafka commit */
};

void task_set_state(struct stream_task *task, enum task_state state, const char *reason);

/* Open or reopen state file, relations, queries. */
CV_MUST_CHECK
enum cv_rc task_open_state(struct stream_task *task, struct cv_err *err);
void task_close_state(struct stream_task *task);

/* The metadata of a committed offset. */
struct offset_note {
    char generation[GENERATION_MAX];
    int64_t changelog_next;
    struct position pos; /* without next_offset */
};
void offset_note_write(const struct offset_note *note, struct cv_buf *out);
/* false: it is not one of ours. */
bool offset_note_read(const char *text, struct offset_note *ret);

#endif
