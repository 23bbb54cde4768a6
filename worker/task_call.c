/* SPDX-License-Identifier: Apache-2.0 */
/* Calls: the mailbox of a task. */
#include <config.h>

#include "worker/task_call.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "data/json.h"
#include "worker/task_private.h"

#define ANSWER_MAX ((size_t)16 << 20)

struct task_call {
    enum task_question question;
    char *json; /* NULL: none */
    size_t len;
    atomic_int holders; /* the asker, and the task while it has it */
    struct task_call *next; /* under the task's lock */

    struct cv_lock lock; /* of what follows */
    struct cv_cond answered;
    bool done;
    enum cv_rc rc;
    struct cv_err err;
    struct cv_buf answer;
};

/* ---- who asks ---- */

enum cv_rc
task_call_new(enum task_question question, const char *json, size_t len, struct task_call **ret, struct cv_err *err)
{
    struct task_call *call = calloc(1, sizeof(*call));

    if (call == NULL)
        return cv_fail_memory(err);
    if (json != NULL) {
        call->json = malloc(len + 1);
        if (call->json == NULL) {
            free(call);
            return cv_fail_memory(err);
        }
        memcpy(call->json, json, len);
        call->json[len] = '\0';
        call->len = len;
    }
    call->question = question;
    atomic_init(&call->holders, 1);
    cv_lock_init(&call->lock, CV_RANK_QUEUE);
    cv_cond_init(&call->answered);
    cv_buf_init(&call->answer, ANSWER_MAX);
    *ret = call;
    return CV_OK;
}

void
task_call_free(struct task_call *call)
{
    if (call == NULL || atomic_fetch_sub(&call->holders, 1) > 1)
        return;
    cv_buf_free(&call->answer);
    cv_cond_done(&call->answered);
    cv_lock_done(&call->lock);
    free(call->json);
    free(call);
}

static bool
has_answer(const struct cv_plugin *plugin, enum task_question question)
{
    if (plugin->kind != CV_SOURCE)
        return false;
    return question == TASK_PROGRESS ? plugin->source->progress != NULL : plugin->source->signal != NULL;
}

enum cv_rc
task_call_post(struct task *task, struct task_call *call, struct cv_err *err)
{
    const struct cv_plugin *plugin = task->spec.plugin;
    bool closed;

    if (!has_answer(plugin, call->question))
        return cv_fail(err, CV_CONFLICT,
                       call->question == TASK_PROGRESS ? "Connector %s (%s) does not tell its progress"
                                                       : "Connector %s (%s) takes no signals",
                       task->connector, plugin->name);
    cv_lock(&task->lock);
    closed = task->calls_closed;
    if (!closed) {
        struct task_call **at = &task->calls;

        while (*at != NULL)
            at = &(*at)->next;
        atomic_fetch_add(&call->holders, 1);
        *at = call;
    }
    cv_unlock(&task->lock);
    if (closed)
        return cv_fail(err, CV_CONFLICT, "Task %s-%d does not run, it is %s: see GET /connectors/%s/status",
                       task->connector, task->spec.id, status_name(task_state(task)), task->connector);
    task_interrupt(task);
    return CV_OK;
}

enum cv_rc
task_call_wait(struct task_call *call, int64_t deadline_ms, struct cv_buf *ret_json, struct cv_err *err)
{
    enum cv_rc rc = CV_OK;

    cv_lock(&call->lock);
    while (!call->done && cv_cond_wait(&call->answered, &call->lock, deadline_ms))
        ;
    if (!call->done) {
        rc = cv_fail(err, CV_RETRY, "Request timed out: the task is busy and has not looked at it yet");
    } else if (call->rc != CV_OK) {
        *err = call->err;
        rc = call->rc;
    } else {
        cv_buf_add(ret_json, cv_buf_cstr(&call->answer), call->answer.len);
    }
    cv_unlock(&call->lock);
    return rc;
}

/* ---- the task ---- */

/* Take what has come. */
static struct task_call *
take_calls(struct task *task, bool close)
{
    struct task_call *calls;

    cv_lock(&task->lock);
    calls = task->calls;
    task->calls = NULL;
    task->calls_closed = task->calls_closed || close;
    cv_unlock(&task->lock);
    return calls;
}

static void
end_call(struct task_call *call, enum cv_rc rc, const struct cv_err *err)
{
    cv_lock(&call->lock);
    call->done = true;
    call->rc = rc;
    if (rc != CV_OK)
        call->err = *err;
    cv_cond_signal(&call->answered);
    cv_unlock(&call->lock);
    task_call_free(call);
}

static enum cv_rc
answer(struct cv_source_task *source, const struct cv_source_ops *ops, struct task_call *call, struct cv_err *err)
{
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_value signal, ret = cv_null(NULL);
    enum cv_rc rc = CV_OK;

    if (arena == NULL)
        return cv_fail_memory(err);
    if (call->question == TASK_PROGRESS) {
        rc = ops->progress(source, arena, &ret, err);
    } else if (cv_connect_json_read(call->json, call->len, arena, &signal, err) != CV_OK) {
        rc = cv_err_context(err, "the signal is no JSON");
    } else if (signal.is_null || signal.type != CV_MAP) {
        rc = cv_fail(err, CV_INVALID, "the signal is no JSON object");
    } else {
        rc = ops->signal(source, &signal, arena, &ret, err);
    }
    if (rc == CV_OK) {
        cv_connect_json_write(&call->answer, &ret);
        rc = cv_buf_check(&call->answer, err);
    }
    cv_arena_free(arena);
    return rc;
}

void
task_answer_calls(struct task *task, struct cv_source_task *source)
{
    struct task_call *calls;

    if (atomic_load_explicit(&task->stop, memory_order_relaxed))
        return; /* whoever waits is told when the task has ended */
    for (calls = take_calls(task, false); calls != NULL;) {
        struct task_call *call = calls;
        struct cv_err err = CV_ERR_INIT;

        calls = call->next;
        end_call(call, answer(source, task->spec.plugin->source, call, &err), &err);
    }
}

void
task_refuse_calls(struct task *task, const char *why, bool close)
{
    struct task_call *calls = take_calls(task, close);
    struct cv_err err;

    while (calls != NULL) {
        struct task_call *call = calls;

        calls = call->next;
        cv_fail(&err, CV_CONFLICT, "Task %s-%d %s", task->connector, task->spec.id, why);
        end_call(call, CV_CONFLICT, &err);
    }
}
