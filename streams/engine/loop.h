/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A processing thread: its broker, its transaction, its tasks. Other threads only ask it, by its
 * mailbox, to open and close tasks.
 */
#ifndef STREAMS_ENGINE_LOOP_H
#define STREAMS_ENGINE_LOOP_H

#include "streams/engine/image.h"
#include "streams/engine/task.h"

struct loop;

struct loop_spec {
    const struct plan *plan;
    struct broker *broker; /* taken: freed with the loop */
    struct status_board *board;
    struct watch *watch; /* NULL: nobody follows */
    void (*print)(const char *text,
                  size_t len); /* console sinks, after each commit; NULL: standard output */
};

CV_MUST_CHECK
enum cv_rc loop_new(const struct loop_spec *spec, struct loop **ret, struct cv_err *err);
/* Closes all tasks. The thread must have ended. */
void loop_free(struct loop *loop);

/* The thread's body: until loop_stop; then what is processed is committed and the tasks are closed.
 */
void loop_run(void *loop);
/* One turn of it: mailbox, restores, poll for at most timeout_ms, process, commit if due. */
void loop_turn(struct loop *loop, int timeout_ms);
/* Commit what is processed, whether due or not. */
void loop_commit(struct loop *loop);
/* The same, and save the state files. */
void loop_settle(struct loop *loop);

/* Any thread. The loop takes task specs by value; open and close of the same task keep their order.
 */
CV_MUST_CHECK
enum cv_rc loop_open(struct loop *loop, const struct task_spec *spec, struct cv_err *err);
/*
 * Commit and close it; lost: without a commit. Asking does not wait, so that many can be asked for at
 * once: the thread may be held up by Kafka, and takes all that was asked in one turn. NULL: memory
 * is out. Every one that was asked for must be waited for, once; false: not done by the deadline
 * (monotonic ms), it goes on.
 */
struct command;
struct command *loop_ask_close(struct loop *loop, size_t group, int32_t partition, bool lost);
bool loop_wait_closed(struct loop *loop, struct command *asked, int64_t deadline_ms);
void loop_stop(struct loop *loop);
/* Commit and let all tasks stand still, or go on; also those that are opened later. */
void loop_pause(struct loop *loop, bool on);
/* Begin a task anew, also one that has failed; nothing if it is not one of this loop. */
CV_MUST_CHECK
enum cv_rc loop_restart(struct loop *loop, const char *task, struct cv_err *err);

/* Make the image at the end of the transaction that is open, if the task is one of this loop. Takes a reference of it. */
CV_MUST_CHECK
enum cv_rc loop_image(struct loop *loop, struct image *image, struct cv_err *err);

/* Numbers for metrics; any thread. */
struct loop_stats {
    uint64_t commits;
    uint64_t commits_failed;
    uint64_t commit_us; /* all commits together */
    uint64_t process_us;
    uint64_t poll_us;
};
void loop_stats(const struct loop *loop, struct loop_stats *ret);

#endif
