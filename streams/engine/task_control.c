/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A task that stands still: because the pipeline is paused, or because the disk of its state file is
 * full; and a failed one that begins anew; see task.h. A paused pipeline's task keeps its partitions
 * and its place; without room for its state it gives both up and looks again after a while.
 */
#include "streams/engine/task_private.h"

#include "common/clock.h"

#define ROOM_RETRY_MS 30000

/* Let the broker bring nothing, or go on. */
static enum cv_rc
pause_inputs(struct stream_task *task, bool on, struct cv_err *err)
{
    for (size_t i = 0; i < task->n_inputs; i++) {
        struct input *in = &task->inputs[i];
        struct cv_topic_partition item = { .topic = in->source->topic, .partition = in->partition };
        struct cv_topic_partitions part = { .items = &item, .count = 1 };

        if (!in->attached || in->paused == on)
            continue;
        if (task->spec.broker->ops->pause(task->spec.broker, &part, on, err) != CV_OK)
            return err->rc;
        in->paused = on;
        in->eof = false; /* it says nothing of now; without it an input would be idle at once */
    }
    return CV_OK;
}

enum cv_rc
task_hold(struct stream_task *task, bool on, struct cv_err *err)
{
    if (task->status.state != (on ? TASK_RUNNING : TASK_PAUSED) || task->room_ms != 0)
        return CV_OK;
    if (pause_inputs(task, on, err) != CV_OK)
        return err->rc;
    task_set_state(task, on ? TASK_PAUSED : TASK_RUNNING,
                   on ? "the pipeline is paused" : "the pipeline goes on");
    return CV_OK;
}

void
task_wait_for_room(struct stream_task *task, const struct cv_err *why)
{
    if (task->status.state == TASK_FAILED)
        return;
    task_release(task);
    task_set_state(task, TASK_PAUSED, why->text);
    task->room_ms = cv_mono_ms() + ROOM_RETRY_MS;
}

void
task_look_for_room(struct stream_task *task)
{
    struct cv_err why = CV_ERR_INIT;

    if (task->room_ms == 0 || cv_mono_ms() < task->room_ms)
        return;
    task->room_ms = 0;
    cv_fail(&why, CV_RETRY, "looking whether there is room again: %s", task->status.error);
    task_set_state(task, TASK_CREATED, why.text);
}

void
task_restart(struct stream_task *task)
{
    struct cv_err why = CV_ERR_INIT;

    task->room_ms = 0;
    cv_fail(&why, CV_RETRY, "a restart was asked for");
    if (task->status.state == TASK_FAILED)
        task_set_state(task, TASK_CREATED, why.text);
    else
        task_rewind(task, TASK_KEEP, &why);
}
