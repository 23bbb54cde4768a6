/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of a task, for the files task*.c only. */
#ifndef STREAMS_ENGINE_TASK_PRIVATE_H
#define STREAMS_ENGINE_TASK_PRIVATE_H

#include <string.h>

#include "common/buf.h"
#include "common/log.h"
#include "streams/engine/expiry.h"
#include "streams/engine/feed.h"
#include "streams/engine/input.h"
#include "streams/engine/outbox.h"
#include "streams/engine/rule.h"
#include "streams/engine/task.h"
#include "streams/store/changelog.h"

#define GENERATION_MAX 20

/* A state table of the group with what time does to it. */
struct timed {
    const struct plan_state *plan;
    struct statement *oldest; /* windowed: the end of the first open window */
    struct statement *purge;  /* windowed: rows whose time to be kept is over */
    int64_t closed_ms;        /* windows that end up to here are closed */
    struct expiry *expiry;    /* NULL: rows do not expire */
    struct relation *relation; /* of what changed; NULL: nobody follows it */
};

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
    struct feed **feeds;      /* one a rule; NULL: it is a query */
    int64_t *timers_ms;       /* one a rule: monotonic, when it is due; EVERY only */
    size_t n_rules;
    struct timed *timed; /* one a state table */
    size_t n_timed;
    struct statement *put_mark;
    struct outbox *outbox; /* NULL: it writes no files */

    bool *pending; /* one a rule: rows wait for it; ON CHANGE OF ... EVERY only */
    struct batch *change_batches;
    struct cell *change_cells; /* of two rows */
    struct statement *put_pending;
    struct statement *get_pending;
    struct statement *drop_pending;

    int64_t watermark_ms; /* TIME_NONE: none yet */
    int64_t saved_watermark_ms;
    bool idle;         /* all inputs are */
    int64_t looked_ms; /* monotonic, when idleness was looked at */
    int64_t idle_mono_ms; /* when it became so, by both clocks */
    int64_t idle_wall_ms;

    char generation[GENERATION_MAX]; /* of the changelog: differs when someone began anew */
    int64_t changelog_base;          /* where the generation begins in it */
    int64_t changelog_next;          /* up to here the state file holds the changelog */
    int64_t file_next; /* while it is restored: up to here only tables in memory lack something */
    int64_t restore_target;
    int64_t restore_deadline_ms;
    bool changelog_attached;
    size_t restored;
    bool memory_fresh; /* its tables in memory have not been restored yet */
    bool probing; /* nothing is committed: is there a state in the changelog all the same? */

    bool in_txn;
    struct cv_delivery delivery; /* of its changelog records in this transaction */
    struct outputs outputs;
    size_t careful;       /* records left to run with savepoints */
    int64_t room_ms;      /* monotonic: PAUSED for want of room until then; 0: it is not */
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
/* Roll back, give the partitions up, forget what was read, close the state file. */
void task_release(struct stream_task *task);

/* ---- time: task_time.c ---- */

/* Move the watermark as far as the inputs say. */
void task_move_watermark(struct stream_task *task);
/* Whether inputs are idle; asks the broker, so not for every record. */
void task_look_idle(struct stream_task *task);
/* Read back what settle saved; after a restore. */
CV_MUST_CHECK
enum cv_rc task_load_marks(struct stream_task *task, struct cv_err *err);
CV_MUST_CHECK
enum cv_rc task_save_marks(struct stream_task *task, struct cv_err *err);
CV_MUST_CHECK
enum cv_rc task_open_timed(struct stream_task *task, struct cv_err *err);
void task_close_timed(struct stream_task *task);

/* ---- what changed: task_change.c ---- */

CV_MUST_CHECK
enum cv_rc task_open_changes(struct stream_task *task, struct cv_err *err);
void task_close_changes(struct stream_task *task);
CV_MUST_CHECK
enum cv_rc task_load_changes(struct stream_task *task, struct cv_err *err);
CV_MUST_CHECK
enum cv_rc task_run_changes(struct stream_task *task, struct cv_err *err);
bool task_change_due(const struct stream_task *task);

/* ---- followers: task_watch.c ---- */

/* Kafka has committed what is dirty. */
void task_tell_changes(struct stream_task *task);
void task_tell_state(const struct stream_task *task);

/* Run a rule outside of a record's turn. */
CV_MUST_CHECK
enum cv_rc task_run_rule(struct stream_task *task, struct rule *rule, struct cv_err *err);

/* Send what was collected. */
CV_MUST_CHECK
enum cv_rc task_send_outputs(struct stream_task *task, struct txn *txn, int64_t timestamp_ms,
                             struct cv_err *err);
/* What a failure below SQL means for the task. */
enum task_trouble task_trouble_of(const struct stream_task *task, enum cv_rc rc);

/* The metadata of a committed offset. */
struct offset_note {
    char generation[GENERATION_MAX];
    int64_t changelog_next;
    int64_t changelog_base; /* what lies before it is of another generation */
    struct position pos; /* without next_offset */
};
void offset_note_write(const struct offset_note *note, struct cv_buf *out);
/* false: it is not one of ours. */
bool offset_note_read(const char *text, struct offset_note *ret);

#endif
