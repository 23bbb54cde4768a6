/* SPDX-License-Identifier: Apache-2.0 */
/* Sequence, pace and lines of the sources of this folder: see numbered.h. */
#include <config.h>

#include "connectors/verifiable/numbered.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/number.h"

enum cv_rc
numbered_task_configs(const struct cv_config *cfg, int max_tasks, struct cv_task_configs *ret, struct cv_err *err)
{
    for (int i = 0; i < max_tasks; i++) {
        struct cv_config *copy = cv_config_copy(cfg);
        char id[16];

        snprintf(id, sizeof(id), "%d", i);
        if (copy != NULL && cv_config_set(copy, "id", id, err) != CV_OK) {
            cv_config_free(copy);
            return err->rc;
        }
        if (cv_task_configs_add(ret, copy, err) != CV_OK)
            return err->rc;
    }
    return CV_OK;
}

bool
numbered_option(const struct cv_config *cfg, const char *key, int64_t *ret)
{
    const char *text = cv_config_get(cfg, key);

    return text != NULL && cv_parse_i64(text, strlen(text), ret);
}

static struct cv_value *
partition_of(const struct numbered *task, struct cv_arena *arena, struct cv_err *err)
{
    struct cv_value *map = cv_map_new(arena, 1);

    if (map == NULL) {
        cv_fail_memory(err);
        return NULL;
    }
    return cv_map_put(arena, map, "id", cv_int(CV_INT32, task->id), err) == CV_OK ? map : NULL;
}

/* Go on behind the stored number. */
static enum cv_rc
read_seqno(struct numbered *task, struct cv_err *err)
{
    struct cv_source_ctx *ctx = task->base.ctx;
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_value *partition, *offset = NULL, *seqno = NULL;
    enum cv_rc rc;

    if (arena == NULL)
        return cv_fail_memory(err);
    partition = partition_of(task, arena, err);
    rc = partition != NULL ? ctx->offset_read(ctx, partition, arena, &offset, err) : err->rc;
    if (rc == CV_OK && offset != NULL)
        seqno = cv_map_get(offset, "seqno");
    if (rc == CV_OK && seqno != NULL && (seqno->is_null || seqno->type != CV_INT64))
        rc = cv_fail(err, CV_INVALID, "the stored offset of task %d has no number \"seqno\"; reset the connector's "
                                      "offsets",
                     (int)task->id);
    else if (rc == CV_OK && seqno != NULL)
        task->seqno = seqno->integer + 1;
    cv_arena_free(arena);
    return rc;
}

enum cv_rc
numbered_init(struct numbered *task, struct cv_source_ctx *ctx, const struct cv_config *cfg, const char *what,
              struct cv_err *err)
{
    const char *name = cv_config_get(cfg, "name"), *topic = cv_config_get(cfg, "topic");
    int64_t id;

    task->base.ctx = ctx;
    task->wake.fd = -1;
    if (!numbered_option(cfg, "id", &id) || id < INT32_MIN || id > INT32_MAX ||
        !numbered_option(cfg, "throughput", &task->throughput))
        return cv_fail(err, CV_INVALID, "Invalid %s configuration: \"throughput\" must be a whole number, of records "
                                        "a second; -1 is no limit",
                       what);
    if (topic == NULL || topic[0] == '\0')
        return cv_fail(err, CV_INVALID, "Invalid %s configuration: \"topic\" must name a topic", what);
    task->id = (int32_t)id;
    task->name = strdup(name == NULL ? "" : name);
    task->topic = strdup(topic);
    if (task->name == NULL || task->topic == NULL)
        return cv_fail_memory(err);
    if (cv_wake_init(&task->wake, err) != CV_OK || read_seqno(task, err) != CV_OK)
        return err->rc;
    task->first_seqno = task->seqno;
    task->first_ms = cv_mono_ms();
    CV_LOG_INFO(ctx->log, "numbers begin", CV_STR("topic", task->topic), CV_INT("seqno", task->seqno));
    return CV_OK;
}

void
numbered_done(struct numbered *task)
{
    if (task->wake.fd >= 0)
        cv_wake_done(&task->wake);
    free(task->name);
    free(task->topic);
}

/* Records that should have been handed over by now. */
static int64_t
target_of(const struct numbered *task, int64_t now_ms)
{
    int64_t elapsed_ms = now_ms - task->first_ms;

    if (task->throughput == 0)
        return 0;
    /* in two steps: a product of years and a large throughput would not fit */
    return 1 + elapsed_ms / 1000 * task->throughput + elapsed_ms % 1000 * task->throughput / 1000;
}

int64_t
numbered_due(struct numbered *task, int timeout_ms, int64_t max)
{
    int64_t made = task->seqno - task->first_seqno;
    int64_t now_ms = cv_mono_ms(), due;

    if (task->throughput < 0)
        return max;
    if (target_of(task, now_ms) <= made) {
        int64_t next_ms = now_ms + timeout_ms;

        if (task->throughput > 0 && next_ms > task->first_ms + (made * 1000 + task->throughput - 1) / task->throughput)
            next_ms = task->first_ms + (made * 1000 + task->throughput - 1) / task->throughput;
        (void)cv_wake_wait(&task->wake, next_ms);
        now_ms = cv_mono_ms();
    }
    due = target_of(task, now_ms) - made;
    return due < 0 ? 0 : due > max ? max : due;
}

enum cv_rc
numbered_offset(const struct numbered *task, struct cv_batch *batch, struct cv_err *err)
{
    struct cv_value *partition = partition_of(task, batch->arena, err), *offset;

    if (partition == NULL)
        return err->rc;
    offset = cv_map_new(batch->arena, 1);
    if (offset == NULL)
        return cv_fail_memory(err);
    if (cv_map_put(batch->arena, offset, "seqno", cv_int(CV_INT64, task->seqno - 1), err) != CV_OK)
        return err->rc;
    return cv_batch_set_offset(batch, partition, offset, err);
}

void
numbered_wake(struct numbered *task)
{
    cv_wake_signal(&task->wake);
}

void
numbered_print(struct cv_buf *line)
{
    const char *at;
    size_t left;

    cv_buf_char(line, '\n');
    at = line->data;
    left = line->failed == CV_OK ? line->len : 0;
    while (left > 0) {
        ssize_t n = write(STDOUT_FILENO, at, left);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        at += n;
        left -= (size_t)n;
    }
}
