/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One task: one partition of a task group, its state file and its queries. A task belongs to one
 * processing thread, which calls everything here; states are those of status.h.
 *
 * - task_prepare: CREATED; committed offsets are read, the state file is opened and judged
 * - task_begin: CREATED and prepared; partitions are attached; to RESTORING or RUNNING
 * - task_route: records of its partitions, of its changelog while RESTORING
 * - task_process: RUNNING; records in time order through the queries
 * - task_changelog, task_offsets, task_committed: the three steps of a commit (commit.h)
 * - task_rewind: the Kafka transaction was given up; back to CREATED
 * - task_hold, task_wait_for_room: PAUSED
 */
#ifndef STREAMS_ENGINE_TASK_H
#define STREAMS_ENGINE_TASK_H

#include "streams/engine/status.h"
#include "streams/engine/txn.h"
#include "streams/engine/watch.h"

struct stream_task;

struct task_spec {
    const struct plan *plan; /* borrowed, outlives the task */
    size_t group;
    int32_t partition;
    const int32_t *partitions; /* of each source's topic, by its number in the plan; copied */
    const char *state_dir;     /* of the application; exists */
    const char *global_path;   /* state file of the GLOBAL tables; NULL: there are none */
    int64_t
        start_offset; /* where to begin without a committed offset: CV_OFFSET_BEGINNING or _END */
    struct broker *broker;      /* borrowed */
    struct status_board *board; /* borrowed; may be NULL */
    struct watch *watch;        /* the same */
};

CV_MUST_CHECK
enum cv_rc task_new(const struct task_spec *spec, struct stream_task **ret, struct cv_err *err);
/* Roll back what is not committed, detach its partitions, close. */
void task_free(struct stream_task *task);

const char *task_id(const struct stream_task *task);
size_t task_group(const struct stream_task *task);
int32_t task_partition(const struct stream_task *task);
enum task_state task_state(const struct stream_task *task);
/* Move it there for good; what it wrote is rolled back and its partitions are given up. */
void task_fail(struct stream_task *task, const struct cv_err *why);
void task_publish(struct stream_task *task); /* its status to the board */

/* CV_RETRY: Kafka is away, call again. Another failure is for task_fail. */
CV_MUST_CHECK
enum cv_rc task_prepare(struct stream_task *task, struct cv_err *err);
/* The second step. They are two because a broker answers in order: what the first one asks would
   wait behind the fetch that the second one starts. */
CV_MUST_CHECK
enum cv_rc task_begin(struct stream_task *task, struct cv_err *err);
bool task_is_prepared(const struct stream_task *task);

/* Whether the message is the task's; then it was taken (or, after a failure, freed). */
CV_MUST_CHECK
enum cv_rc task_route(struct stream_task *task, struct cv_consumed *msg, bool *ret_taken,
                      struct cv_err *err);
/* Between polls: finish a restore whose end was reached, or give up on one that cannot get there.
 */
CV_MUST_CHECK
enum cv_rc task_tick(struct stream_task *task, struct cv_err *err);

/* What the caller of task_process must do. */
enum task_trouble {
    TASK_FINE,
    TASK_BROKER,  /* the transaction is lost: rewind all tasks of the thread */
    TASK_CAREFUL, /* the data does not suit the SQL: rewind all; this one then works with savepoints
                   */
    TASK_FULL,    /* no room for its state: rewind all; this one waits for room */
    TASK_REBUILD, /* the state file is damaged: rewind all; this one begins with an empty file */
    TASK_BROKEN,  /* task_fail, rewind the others */
};
/* Take up to max records. err is set unless TASK_FINE. */
enum task_trouble task_process(struct stream_task *task, struct txn *txn, size_t max,
                               size_t *ret_taken, struct cv_err *err);
bool task_has_work(const struct stream_task *task);

/* Whether time alone gives it something to do: a window to close, a timer, a watermark to pass on.
   Then put it into a transaction with task_join. */
bool task_time_due(struct stream_task *task);
CV_MUST_CHECK
enum cv_rc task_join(struct stream_task *task, struct cv_err *err);
/* Before a commit: run what waits for it (batches, closing windows, timers, expiry), pass the
   watermark on. As task_process. */
enum task_trouble task_settle(struct stream_task *task, struct txn *txn, struct cv_err *err);

/* Commit, first: write the dirty rows to the changelog. Nothing to do for a task without records in
 * txn. */
bool task_in_txn(const struct stream_task *task);
CV_MUST_CHECK
enum cv_rc task_changelog(struct stream_task *task, struct txn *txn, struct cv_err *err);
/* Second, when all is flushed: append its offsets with their metadata to parts, which owns the
 * strings. */
CV_MUST_CHECK
enum cv_rc task_offsets(struct stream_task *task, struct cv_topic_partitions *parts,
                        struct cv_err *err);
/* Third, when Kafka has committed: note it in the state file; close SQLite's transaction too if
 * that is due. */
CV_MUST_CHECK
enum cv_rc task_committed(struct stream_task *task, struct cv_err *err);
/* SQLite's own commit when its time has come without records, or at once (force). */
CV_MUST_CHECK
enum cv_rc task_save(struct stream_task *task, bool force, struct cv_err *err);

/* Copy what it keeps in memory, outside of a transaction, and begin to read its file. CV_RETRY: it is being restored,
   or not open. */
CV_MUST_CHECK
enum cv_rc task_image(struct stream_task *task, struct database *into, struct cv_err *err);

enum task_reset { TASK_KEEP, TASK_BE_CAREFUL, TASK_EMPTY };
void task_rewind(struct stream_task *task, enum task_reset reset, const struct cv_err *why);

/* ---- standing still: task_control.c ---- */

/* on: RUNNING to PAUSED, outside of a transaction; off: back. Nothing in other states. */
CV_MUST_CHECK
enum cv_rc task_hold(struct stream_task *task, bool on, struct cv_err *err);
/* To PAUSED, as task_rewind; task_look_for_room begins anew after a while. */
void task_wait_for_room(struct stream_task *task, const struct cv_err *why);
void task_look_for_room(struct stream_task *task);
/* FAILED: begin anew; otherwise as task_rewind, outside of a transaction. */
void task_restart(struct stream_task *task);

#endif
