/* SPDX-License-Identifier: Apache-2.0 */
/* A processing thread; see loop.h. */
#include "streams/engine/loop.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "streams/engine/commit.h"
#include "streams/engine/mailbox.h"

#define POLL_MAX       1000
#define PROCESS_MAX    1000
#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 5000
#define PUBLISH_MS     1000
#define TURN_MS        100
#define IMAGE_WAIT_MS  100 /* so long a transaction goes on while one is asked for */

struct loop {
    struct loop_spec spec;
    struct cv_log *log;
    struct txn txn;
    struct stream_task **tasks;
    size_t n_tasks;
    struct cv_consumed *batch;

    bool ready;           /* the producer is there */
    int64_t next_open_ms; /* when to try again */
    int backoff_ms;
    int64_t next_prepare_ms;
    int64_t next_publish_ms;
    bool holding; /* the tasks were told to stand still */
    bool more; /* the last poll left some */
    struct command *images; /* that wait for the end of the transaction */
    size_t first; /* the task whose turn comes first: a full transaction must not starve the last
                     ones */

    struct mailbox mail;
    atomic_bool stop;
    atomic_bool paused;

    _Atomic uint64_t commits;
    _Atomic uint64_t commits_failed;
    _Atomic uint64_t commit_us;
    _Atomic uint64_t process_us;
    _Atomic uint64_t poll_us;
};

enum cv_rc
loop_new(const struct loop_spec *spec, struct loop **ret, struct cv_err *err)
{
    struct loop *loop = calloc(1, sizeof(*loop));

    if (loop == NULL) {
        spec->broker->ops->free(spec->broker);
        return cv_fail_memory(err);
    }
    loop->spec = *spec;
    loop->log = cv_log_get("culvert.streams.loop");
    loop->backoff_ms = BACKOFF_MIN_MS;
    mailbox_init(&loop->mail);
    loop->batch = calloc(POLL_MAX, sizeof(*loop->batch));
    if (loop->batch == NULL || txn_init(&loop->txn, spec->broker, err) != CV_OK) {
        loop_free(loop);
        return cv_fail_memory(err);
    }
    *ret = loop;
    return CV_OK;
}

void
loop_free(struct loop *loop)
{
    if (loop == NULL)
        return;
    if (loop->txn.open)
        loop->spec.broker->ops->drop(
            loop->spec.broker); /* before the bytes that it still may send */
    for (size_t i = 0; i < loop->n_tasks; i++)
        task_free(loop->tasks[i]);
    commands_drop(&loop->images);
    loop->spec.broker->ops->free(loop->spec.broker);
    if (loop->txn.broker != NULL)
        txn_done(&loop->txn);
    mailbox_done(&loop->mail);
    free(loop->tasks);
    free(loop->batch);
    free(loop);
}

void
loop_stats(const struct loop *loop, struct loop_stats *ret)
{
    ret->commits = atomic_load_explicit(&loop->commits, memory_order_relaxed);
    ret->commits_failed = atomic_load_explicit(&loop->commits_failed, memory_order_relaxed);
    ret->commit_us = atomic_load_explicit(&loop->commit_us, memory_order_relaxed);
    ret->process_us = atomic_load_explicit(&loop->process_us, memory_order_relaxed);
    ret->poll_us = atomic_load_explicit(&loop->poll_us, memory_order_relaxed);
}

static void
count(_Atomic uint64_t *to, uint64_t n)
{
    atomic_fetch_add_explicit(to, n, memory_order_relaxed);
}

/* ---- giving up a transaction ---- */

/* The transaction is lost: every task in it begins anew from what is committed. task, if given, is
 * reset. */
static void
rewind_all(struct loop *loop, struct stream_task *task, enum task_reset reset,
           const struct cv_err *why)
{
    CV_LOG_WARN(loop->log, "transaction given up, its records will be processed again",
                CV_ERR(why));
    loop->spec.broker->ops->drop(loop->spec.broker);
    txn_end(&loop->txn);
    loop->ready = false;
    count(&loop->commits_failed, 1);
    for (size_t i = 0; i < loop->n_tasks; i++) {
        if (loop->tasks[i] == task)
            task_rewind(task, reset, why);
        else if (task_in_txn(loop->tasks[i]))
            task_rewind(loop->tasks[i], TASK_KEEP, why);
    }
    loop->next_open_ms = cv_mono_ms() + loop->backoff_ms;
    loop->backoff_ms =
        loop->backoff_ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : loop->backoff_ms * 2;
}

/* As rewind_all where trying again cannot help. */
static void
refuse_all(struct loop *loop, const struct cv_err *why)
{
    bool *in_txn = calloc(loop->n_tasks, sizeof(*in_txn));

    for (size_t i = 0; i < loop->n_tasks && in_txn != NULL; i++)
        in_txn[i] = task_in_txn(loop->tasks[i]);
    rewind_all(loop, NULL, TASK_KEEP, why);
    for (size_t i = 0; i < loop->n_tasks && in_txn != NULL; i++) {
        if (in_txn[i])
            task_fail(loop->tasks[i], why);
    }
    free(in_txn);
}

/* The state file cannot be written: SQLite says CV_NO_MEMORY when there is no room. */
static void
wait_for_room(struct loop *loop, struct stream_task *task, const struct cv_err *why)
{
    CV_LOG_WARN(loop->log, "no room for the state of a task, it waits",
                CV_STR("task", task_id(task)), CV_ERR(why));
    if (task_in_txn(task))
        rewind_all(loop, NULL, TASK_KEEP, why);
    task_wait_for_room(task, why);
}

static void
fail_one(struct loop *loop, struct stream_task *task, const struct cv_err *why)
{
    if (task_in_txn(task))
        rewind_all(loop, NULL, TASK_KEEP, why);
    task_fail(task, why);
}

static void
state_failed(struct loop *loop, struct stream_task *task, const struct cv_err *why)
{
    if (why->rc == CV_NO_MEMORY)
        wait_for_room(loop, task, why);
    else
        fail_one(loop, task, why);
}

/* ---- commit ---- */

static void
print(struct loop *loop)
{
    const char *text = cv_buf_cstr(&loop->txn.console);
    size_t len = loop->txn.console.len;

    if (len == 0)
        return;
    if (loop->spec.print != NULL) {
        loop->spec.print(text, len);
        return;
    }
    fwrite(text, 1, len, stdout);
    fflush(stdout);
}

/* Act on what task_process or task_settle reports. */
static void
handle(struct loop *loop, struct stream_task *task, enum task_trouble trouble,
       const struct cv_err *err)
{
    switch (trouble) {
    case TASK_FINE:
        break;
    case TASK_BROKER:
        rewind_all(loop, task, TASK_KEEP, err);
        break;
    case TASK_CAREFUL:
        rewind_all(loop, task, TASK_BE_CAREFUL, err);
        break;
    case TASK_FULL:
        wait_for_room(loop, task, err);
        break;
    case TASK_REBUILD:
        rewind_all(loop, task, TASK_EMPTY, err);
        break;
    case TASK_BROKEN:
        fail_one(loop, task, err);
        break;
    }
}

/* false: the transaction was given up. */
static bool
settle_all(struct loop *loop)
{
    struct cv_err err = CV_ERR_INIT;

    for (size_t i = 0; i < loop->n_tasks; i++) {
        enum task_trouble trouble = TASK_FINE;

        if (task_in_txn(loop->tasks[i]))
            trouble = task_settle(loop->tasks[i], &loop->txn, &err);
        handle(loop, loop->tasks[i], trouble, &err);
        if (trouble != TASK_FINE)
            return false;
    }
    return true;
}

static void
commit(struct loop *loop)
{
    struct cv_err err = CV_ERR_INIT;
    int64_t begin = cv_mono_us();

    if (!loop->txn.open)
        return;
    txn_commits(&loop->txn);
    if (!settle_all(loop))
        return;
    switch (commit_run(&loop->txn, loop->tasks, loop->n_tasks, &err)) {
    case COMMIT_DONE:
        print(loop);
        txn_end(&loop->txn);
        loop->backoff_ms = BACKOFF_MIN_MS;
        count(&loop->commits, 1);
        break;
    case COMMIT_REFUSED:
        refuse_all(loop, &err);
        break;
    case COMMIT_LOST:
        rewind_all(loop, NULL, TASK_KEEP, &err);
        break;
    }
    count(&loop->commit_us, (uint64_t)(cv_mono_us() - begin));
}

static void
save_all(struct loop *loop, bool force)
{
    struct cv_err err = CV_ERR_INIT;

    for (size_t i = 0; i < loop->n_tasks; i++) {
        if (task_save(loop->tasks[i], force, &err) != CV_OK)
            state_failed(loop, loop->tasks[i], &err);
    }
}

void
loop_commit(struct loop *loop)
{
    commit(loop);
}

void
loop_settle(struct loop *loop)
{
    commit(loop);
    save_all(loop, true);
    for (size_t i = 0; i < loop->n_tasks; i++)
        task_publish(loop->tasks[i]);
}

/* ---- mailbox ---- */

enum cv_rc
loop_open(struct loop *loop, const struct task_spec *spec, struct cv_err *err)
{
    return mailbox_open(&loop->mail, spec, err);
}

struct command *
loop_ask_close(struct loop *loop, size_t group, int32_t partition, bool lost)
{
    return mailbox_ask_close(&loop->mail, group, partition, lost);
}

bool
loop_wait_closed(struct loop *loop, struct command *asked, int64_t deadline_ms)
{
    return mailbox_wait_closed(&loop->mail, asked, deadline_ms);
}

enum cv_rc
loop_restart(struct loop *loop, const char *task, struct cv_err *err)
{
    return mailbox_restart(&loop->mail, task, err);
}

enum cv_rc
loop_image(struct loop *loop, struct image *image, struct cv_err *err)
{
    return mailbox_image(&loop->mail, image, err);
}

void
loop_stop(struct loop *loop)
{
    atomic_store(&loop->stop, true);
}

void
loop_pause(struct loop *loop, bool on)
{
    atomic_store(&loop->paused, on);
}

static struct stream_task *
find_task(const struct loop *loop, size_t group, int32_t partition, size_t *ret_i)
{
    for (size_t i = 0; i < loop->n_tasks; i++) {
        if (task_group(loop->tasks[i]) == group && task_partition(loop->tasks[i]) == partition) {
            *ret_i = i;
            return loop->tasks[i];
        }
    }
    return NULL;
}

static void
open_task(struct loop *loop, const struct task_spec *spec)
{
    struct stream_task **tasks = realloc(loop->tasks, (loop->n_tasks + 1) * sizeof(*tasks));
    struct task_spec mine = *spec;
    struct cv_err err = CV_ERR_INIT;
    size_t i;

    if (tasks != NULL)
        loop->tasks = tasks;
    if (find_task(loop, spec->group, spec->partition, &i) != NULL)
        return;
    mine.broker = loop->spec.broker;
    mine.board = loop->spec.board;
    mine.watch = loop->spec.watch;
    if (tasks == NULL || task_new(&mine, &loop->tasks[loop->n_tasks], &err) != CV_OK)
        CV_LOG_ERROR(loop->log, "task could not be made", CV_ERR(&err));
    else
        loop->n_tasks++;
}

static void
close_task(struct loop *loop, size_t group, int32_t partition, bool lost)
{
    struct cv_err err = CV_ERR_INIT;
    size_t i;
    struct stream_task *task = find_task(loop, group, partition, &i);

    if (task == NULL)
        return;
    if (lost && task_in_txn(task)) {
        cv_fail(&err, CV_CONFLICT, "task %s was given to another worker", task_id(task));
        rewind_all(loop, NULL, TASK_KEEP, &err);
    } else if (task_in_txn(task)) {
        commit(loop);
    }
    if (task_save(task, true, &err) != CV_OK)
        CV_LOG_WARN(loop->log, "state file was not saved", CV_STR("task", task_id(task)),
                    CV_ERR(&err));
    task_free(task);
    loop->n_tasks--;
    memmove(&loop->tasks[i], &loop->tasks[i + 1],
            (loop->n_tasks - i) * sizeof(struct stream_task *));
}

static void
restart_task(struct loop *loop, const char *id)
{
    struct cv_err why = CV_ERR_INIT;

    for (size_t i = 0; i < loop->n_tasks; i++) {
        if (strcmp(task_id(loop->tasks[i]), id) != 0)
            continue;
        cv_fail(&why, CV_RETRY, "a restart of task %s was asked for", id);
        if (task_in_txn(loop->tasks[i]))
            rewind_all(loop, NULL, TASK_KEEP, &why);
        task_restart(loop->tasks[i]);
    }
}

static void
take_commands(struct loop *loop)
{
    struct command *cmd;

    while ((cmd = mailbox_take(&loop->mail)) != NULL) {
        switch (cmd->kind) {
        case COMMAND_OPEN:
            open_task(loop, &cmd->spec);
            break;
        case COMMAND_CLOSE:
            close_task(loop, cmd->spec.group, cmd->spec.partition, cmd->lost);
            break;
        case COMMAND_RESTART:
            restart_task(loop, cmd->id);
            break;
        case COMMAND_IMAGE:
            commands_append(&loop->images, cmd);
            continue;
        }
        mailbox_answer(&loop->mail, cmd);
    }
}

/* Between two transactions: what tables in memory are asked for. */
static void
make_images(struct loop *loop)
{
    while (loop->images != NULL) {
        struct command *cmd = loop->images;
        struct cv_err err = CV_ERR_INIT;
        struct database *into;
        size_t i = 0;

        while (i < loop->n_tasks && strcmp(task_id(loop->tasks[i]), image_task(cmd->image)) != 0)
            i++;
        if (i == loop->n_tasks) {
            image_pass(cmd->image);
        } else if (image_begin(cmd->image, &into)) {
            enum cv_rc rc = task_save(loop->tasks[i], true, &err);

            if (rc != CV_OK)
                state_failed(loop, loop->tasks[i], &err);
            else
                rc = task_image(loop->tasks[i], into, &err);
            image_end(cmd->image, rc, &err);
        }
        image_unref(cmd->image);
        cmd->image = NULL;
        loop->images = cmd->next;
        mailbox_answer(&loop->mail, cmd);
    }
}

/* ---- a turn ---- */

/* Let the tasks stand still or go on, as was asked for. */
static void
hold_tasks(struct loop *loop)
{
    bool on = atomic_load(&loop->paused);
    struct cv_err err = CV_ERR_INIT;

    if (on && loop->txn.open) {
        commit(loop);
        save_all(loop, true);
    }
    for (size_t i = 0; i < loop->n_tasks && (on || loop->holding); i++) {
        if (task_hold(loop->tasks[i], on, &err) != CV_OK)
            task_rewind(loop->tasks[i], TASK_KEEP, &err); /* it comes back, and is asked again */
    }
    loop->holding = on;
}

/* One step of every task that has not begun. */
static void
advance_created(struct loop *loop, enum cv_rc (*step)(struct stream_task *, struct cv_err *))
{
    struct cv_err err = CV_ERR_INIT;

    for (size_t i = 0; i < loop->n_tasks && loop->ready; i++) {
        struct stream_task *task = loop->tasks[i];

        if (task_state(task) != TASK_CREATED || (step == task_begin && !task_is_prepared(task)) ||
            step(task, &err) == CV_OK)
            continue;
        if (err.rc != CV_RETRY && err.rc != CV_CONFLICT && err.rc != CV_FENCED) {
            state_failed(loop, task, &err);
            continue;
        }
        CV_LOG_WARN(loop->log, "task waits for Kafka", CV_STR("task", task_id(task)), CV_ERR(&err));
        task_rewind(task, TASK_KEEP, &err);
        loop->next_prepare_ms = cv_mono_ms() + loop->backoff_ms;
    }
}

/* Producer and tasks that are not there yet; both wait for Kafka with patience. */
static void
prepare(struct loop *loop)
{
    struct cv_err err = CV_ERR_INIT;
    struct broker *b = loop->spec.broker;
    int64_t now = cv_mono_ms();

    if (loop->n_tasks > 0 && !loop->ready && now >= loop->next_open_ms) {
        if (b->ops->open(b, &err) == CV_OK) {
            loop->ready = true;
        } else {
            CV_LOG_WARN(loop->log, "producer is not ready, trying again", CV_ERR(&err));
            loop->next_open_ms = cv_mono_ms() + loop->backoff_ms;
        }
    }
    if (!loop->ready || now < loop->next_prepare_ms)
        return;
    advance_created(loop, task_prepare);
    advance_created(loop, task_begin);
}

static void
route(struct loop *loop, struct cv_consumed *msg)
{
    struct cv_err err = CV_ERR_INIT;

    for (size_t i = 0; i < loop->n_tasks; i++) {
        bool taken;

        if (task_route(loop->tasks[i], msg, &taken, &err) != CV_OK)
            fail_one(loop, loop->tasks[i], &err);
        if (taken)
            return;
    }
    cv_consumed_free(msg, 1); /* of a task that has gone */
}

/* The consumer cannot go on: let the tasks look at their partitions again, which tells whose fault
 * it is. */
static void
poll_failed(struct loop *loop, const struct cv_err *why)
{
    CV_LOG_WARN(loop->log, "could not read, starting the tasks anew", CV_ERR(why));
    if (loop->txn.open)
        rewind_all(loop, NULL, TASK_KEEP, why);
    for (size_t i = 0; i < loop->n_tasks; i++)
        task_rewind(loop->tasks[i], TASK_KEEP, why);
    loop->next_prepare_ms = cv_mono_ms() + loop->backoff_ms;
}

static bool
has_work(const struct loop *loop)
{
    for (size_t i = 0; i < loop->n_tasks; i++) {
        if (task_has_work(loop->tasks[i]))
            return true;
    }
    return false;
}

static void
poll_once(struct loop *loop, int timeout_ms)
{
    struct cv_err err = CV_ERR_INIT;
    size_t n = 0;
    int due = txn_due_in(&loop->txn, loop->spec.plan->commit_interval_ms);
    int64_t begin = cv_mono_us();

    if (timeout_ms > 0 && has_work(loop))
        timeout_ms = 0;
    if (due >= 0 && due < timeout_ms)
        timeout_ms = due;
    if (loop->spec.broker->ops->poll(loop->spec.broker, loop->batch, POLL_MAX, timeout_ms, &n,
                                     &err) != CV_OK)
        poll_failed(loop, &err);
    loop->more = n == POLL_MAX;
    for (size_t i = 0; i < n; i++)
        route(loop, &loop->batch[i]);
    count(&loop->poll_us, (uint64_t)(cv_mono_us() - begin));
}

static void
process(struct loop *loop)
{
    struct cv_err err = CV_ERR_INIT;
    int64_t begin = cv_mono_us();

    for (size_t i = 0; i < loop->n_tasks && loop->ready; i++) {
        struct stream_task *task = loop->tasks[loop->first++ % loop->n_tasks];
        size_t taken;

        if (task_time_due(task) &&
            (txn_begin(&loop->txn, &err) != CV_OK || task_join(task, &err) != CV_OK))
            handle(loop, task, TASK_BROKER, &err);
        if (!task_has_work(task))
            continue;
        handle(loop, task, task_process(task, &loop->txn, PROCESS_MAX, &taken, &err), &err);
        if (txn_ripe(&loop->txn, loop->spec.plan->commit_interval_ms))
            break;
    }
    count(&loop->process_us, (uint64_t)(cv_mono_us() - begin));
}

static void
tick(struct loop *loop)
{
    struct cv_err err = CV_ERR_INIT;
    bool publish = cv_mono_ms() >= loop->next_publish_ms;

    for (size_t i = 0; i < loop->n_tasks; i++) {
        if (task_tick(loop->tasks[i], &err) != CV_OK)
            fail_one(loop, loop->tasks[i], &err);
        task_look_for_room(loop->tasks[i]);
        if (publish)
            task_publish(loop->tasks[i]);
    }
    if (publish && loop->spec.watch != NULL)
        watch_keep_alive(loop->spec.watch);
    if (publish)
        loop->next_publish_ms = cv_mono_ms() + PUBLISH_MS;
}

void
loop_turn(struct loop *loop, int timeout_ms)
{
    take_commands(loop);
    prepare(loop);
    poll_once(loop, timeout_ms);
    hold_tasks(loop);
    process(loop);
    if (txn_due(&loop->txn, loop->spec.plan->commit_interval_ms, loop->more || has_work(loop)) ||
        (loop->images != NULL && txn_ripe(&loop->txn, IMAGE_WAIT_MS)))
        commit(loop);
    if (!loop->txn.open) {
        save_all(loop, false);
        make_images(loop);
    }
    tick(loop);
}

void
loop_run(void *arg)
{
    struct loop *loop = arg;

    while (!atomic_load(&loop->stop))
        loop_turn(loop, TURN_MS);
    take_commands(loop);
    loop_settle(loop);
    while (loop->n_tasks > 0) {
        task_free(loop->tasks[loop->n_tasks - 1]);
        loop->n_tasks--;
    }
}
