/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of a processing thread; see mailbox.h. */
#include "streams/engine/mailbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
mailbox_init(struct mailbox *box)
{
    *box = (struct mailbox){ .commands = NULL };
    cv_lock_init(&box->lock, CV_RANK_QUEUE);
    cv_cond_init(&box->changed);
}

static void
command_unref(struct command *cmd)
{
    if (--cmd->refs > 0)
        return;
    if (cmd->image != NULL) { /* nobody has looked at it */
        image_pass(cmd->image);
        image_unref(cmd->image);
    }
    free(cmd->partitions);
    free(cmd);
}

void
commands_drop(struct command **list)
{
    while (*list != NULL) {
        struct command *cmd = *list;

        *list = cmd->next;
        command_unref(cmd);
    }
}

void
mailbox_done(struct mailbox *box)
{
    commands_drop(&box->commands);
    cv_cond_done(&box->changed);
    cv_lock_done(&box->lock);
}

void
commands_append(struct command **list, struct command *cmd)
{
    while (*list != NULL)
        list = &(*list)->next;
    cmd->next = NULL;
    *list = cmd;
}

static void
post(struct mailbox *box, struct command *cmd)
{
    cv_lock(&box->lock);
    commands_append(&box->commands, cmd);
    cv_unlock(&box->lock);
}

enum cv_rc
mailbox_open(struct mailbox *box, const struct task_spec *spec, struct cv_err *err)
{
    struct command *cmd = calloc(1, sizeof(*cmd));
    size_t n = spec->plan->n_sources;

    if (cmd != NULL)
        cmd->partitions = calloc(n + 1, sizeof(*cmd->partitions));
    if (cmd == NULL || cmd->partitions == NULL) {
        free(cmd);
        return cv_fail_memory(err);
    }
    memcpy(cmd->partitions, spec->partitions, n * sizeof(*cmd->partitions));
    cmd->kind = COMMAND_OPEN;
    cmd->spec = *spec;
    cmd->spec.partitions = cmd->partitions;
    cmd->refs = 1;
    post(box, cmd);
    return CV_OK;
}

struct command *
mailbox_ask_close(struct mailbox *box, size_t group, int32_t partition, bool lost)
{
    struct command *cmd = calloc(1, sizeof(*cmd));

    if (cmd == NULL)
        return NULL;
    *cmd = (struct command){ .kind = COMMAND_CLOSE,
                             .lost = lost,
                             .refs = 2,
                             .spec = { .group = group, .partition = partition } };
    post(box, cmd);
    return cmd;
}

bool
mailbox_wait_closed(struct mailbox *box, struct command *asked, int64_t deadline_ms)
{
    bool done;

    if (asked == NULL)
        return false;
    cv_lock(&box->lock);
    while (!asked->done && cv_cond_wait(&box->changed, &box->lock, deadline_ms))
        ;
    done = asked->done;
    command_unref(asked);
    cv_unlock(&box->lock);
    return done;
}

enum cv_rc
mailbox_restart(struct mailbox *box, const char *task, struct cv_err *err)
{
    struct command *cmd = calloc(1, sizeof(*cmd));

    if (cmd == NULL)
        return cv_fail_memory(err);
    *cmd = (struct command){ .kind = COMMAND_RESTART, .refs = 1 };
    snprintf(cmd->id, sizeof(cmd->id), "%s", task);
    post(box, cmd);
    return CV_OK;
}

enum cv_rc
mailbox_image(struct mailbox *box, struct image *image, struct cv_err *err)
{
    struct command *cmd = calloc(1, sizeof(*cmd));

    if (cmd == NULL)
        return cv_fail_memory(err);
    *cmd = (struct command){ .kind = COMMAND_IMAGE, .refs = 1, .image = image };
    post(box, cmd);
    return CV_OK;
}

struct command *
mailbox_take(struct mailbox *box)
{
    struct command *cmd;

    cv_lock(&box->lock);
    cmd = box->commands;
    if (cmd != NULL)
        box->commands = cmd->next;
    cv_unlock(&box->lock);
    return cmd;
}

void
mailbox_answer(struct mailbox *box, struct command *cmd)
{
    cv_lock(&box->lock);
    cmd->done = true;
    command_unref(cmd);
    cv_cond_signal(&box->changed);
    cv_unlock(&box->lock);
}
