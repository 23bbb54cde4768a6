/* SPDX-License-Identifier: Apache-2.0 */
/* What other threads ask a processing thread for. It takes the commands in their order; any thread may post. */
#ifndef STREAMS_ENGINE_MAILBOX_H
#define STREAMS_ENGINE_MAILBOX_H

#include "common/thread.h"
#include "streams/engine/image.h"
#include "streams/engine/task.h"

enum command_kind { COMMAND_OPEN, COMMAND_CLOSE, COMMAND_RESTART, COMMAND_IMAGE };

struct command {
    struct command *next;
    enum command_kind kind;
    struct task_spec spec; /* OPEN: all of it; CLOSE: group and partition */
    int32_t *partitions;   /* OPEN: the copy that spec points to */
    char id[TASK_ID_MAX];  /* RESTART */
    struct image *image;   /* IMAGE: a reference; NULL: answered */
    bool lost;             /* CLOSE */
    bool done;
    int refs; /* the thread's and, of a CLOSE, the waiter's */
};

struct mailbox {
    struct cv_lock lock; /* guards what follows */
    struct cv_cond changed;
    struct command *commands; /* oldest first */
};

void mailbox_init(struct mailbox *box);
void mailbox_done(struct mailbox *box); /* with commands that nobody has taken */

/* As loop_open, loop_ask_close, loop_wait_closed, loop_restart and loop_image, which say more. */
CV_MUST_CHECK
enum cv_rc mailbox_open(struct mailbox *box, const struct task_spec *spec, struct cv_err *err);
struct command *mailbox_ask_close(struct mailbox *box, size_t group, int32_t partition, bool lost);
bool mailbox_wait_closed(struct mailbox *box, struct command *asked, int64_t deadline_ms);
CV_MUST_CHECK
enum cv_rc mailbox_restart(struct mailbox *box, const char *task, struct cv_err *err);
CV_MUST_CHECK
enum cv_rc mailbox_image(struct mailbox *box, struct image *image, struct cv_err *err);

/* The processing thread: the next command, which it then answers; NULL: there is none. */
struct command *mailbox_take(struct mailbox *box);
void mailbox_answer(struct mailbox *box, struct command *cmd);

/* Commands that the thread keeps until later. */
void commands_append(struct command **list, struct command *cmd);
void commands_drop(struct command **list);

#endif
