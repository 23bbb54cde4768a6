/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a task does between its last record and a commit, and when only time has passed; see task.h.
 * The order matters: batches first, for they belong to the records; then windows close, timers run,
 * changed rows are shown, rows expire; the watermark goes on last, behind everything that it vouches for.
 */
#include "streams/engine/task_private.h"

#include "common/clock.h"

#define REFRESH_MS 3600000

/* ---- what is due ---- */

/* A window is open that the watermark has passed. */
static bool
window_due(struct stream_task *task)
{
    struct cv_err err = CV_ERR_INIT;
    bool due = false;

    for (size_t i = 0; i < task->n_timed && !due; i++) {
        struct timed *timed = &task->timed[i];
        bool row;

        if (timed->plan->window_end < 0)
            continue;
        statement_bind_int(timed->oldest, 1, timed->closed_ms);
        if (statement_step(task->db, timed->oldest, &row, &err) != CV_OK)
            return true; /* let the transaction find out what is wrong */
        due = row && statement_cell(timed->oldest, 0).kind == CELL_INTEGER &&
              statement_int(timed->oldest, 0) <=
                  task->watermark_ms - timed->plan->close_after_ms;
        statement_reset(timed->oldest);
    }
    return due;
}

static bool
feed_due(const struct stream_task *task)
{
    for (size_t i = 0; i < task->n_rules; i++) {
        if (task->feeds[i] != NULL && (task->watermark_ms != TIME_NONE || task->idle) &&
            feed_lacks(task->feeds[i], task->idle ? TIME_NONE : task->watermark_ms, task->idle))
            return true;
    }
    return false;
}

static bool
expiry_due(const struct stream_task *task)
{
    for (size_t i = 0; i < task->n_timed; i++) {
        if (task->timed[i].expiry != NULL && expiry_under_way(task->timed[i].expiry))
            return true;
    }
    return false;
}

static bool
timer_due(const struct stream_task *task)
{
    int64_t now = cv_mono_ms();

    for (size_t i = 0; i < task->n_rules; i++) {
        if (rule_plan(task->rules[i])->trigger == PLAN_EVERY && now >= task->timers_ms[i])
            return true;
    }
    return false;
}

bool
task_time_due(struct stream_task *task)
{
    int64_t before = task->watermark_ms;

    if (task->status.state != TASK_RUNNING || task->in_txn)
        return false;
    if (cv_mono_ms() - task->committed_ms > REFRESH_MS) /* brokers would forget its offsets */
        return true;
    task_look_idle(task);
    if (task->outbox != NULL) {
        outbox_write(task->outbox); /* what a predecessor left, or could not be written before */
        if (outbox_due(task->outbox))
            return true;
    }
    if (timer_due(task) || feed_due(task) || expiry_due(task) || task_change_due(task))
        return true;
    return task->watermark_ms != TIME_NONE && task->watermark_ms > before && window_due(task);
}

enum cv_rc
task_join(struct stream_task *task, struct cv_err *err)
{
    task->in_txn = true;
    return db_begin(task->db, err);
}

/* ---- the steps ---- */

enum cv_rc
task_run_rule(struct stream_task *task, struct rule *rule, struct cv_err *err)
{
    db_clock_set(task->db, task->watermark_ms != TIME_NONE ? task->watermark_ms : 0);
    return rule_run(rule, true, &task->outputs, &task->status.late, err);
}

static enum cv_rc
run_batches(struct stream_task *task, struct cv_err *err)
{
    enum cv_rc rc = CV_OK;

    for (size_t i = 0; i < task->n_inputs && rc == CV_OK; i++) {
        struct input *in = &task->inputs[i];

        if (in->batch.count == 0)
            continue;
        relation_show(in->relation, in->batch.items, in->batch.count);
        for (size_t r = 0; r < task->n_rules && rc == CV_OK; r++) {
            const struct plan_rule *plan = rule_plan(task->rules[r]);

            if (plan->source == in->source_no && (plan->trigger == PLAN_BATCH || plan->batched))
                rc = task_run_rule(task, task->rules[r], err);
        }
        relation_show(in->relation, NULL, 0);
        batch_clear(&in->batch);
    }
    return rc;
}

static struct timed *
timed_of(struct stream_task *task, size_t state)
{
    for (size_t i = 0; i < task->n_timed; i++) {
        if (task->timed[i].plan == &task->spec.plan->states[state])
            return &task->timed[i];
    }
    return NULL;
}

static enum cv_rc
close_windows(struct stream_task *task, struct cv_err *err)
{
    enum cv_rc rc = CV_OK;

    for (size_t r = 0; r < task->n_rules && rc == CV_OK; r++) {
        const struct plan_rule *plan = rule_plan(task->rules[r]);
        struct timed *timed = plan->trigger == PLAN_ON_CLOSE ? timed_of(task, plan->state) : NULL;
        int64_t to;

        if (timed == NULL)
            continue;
        to = task->watermark_ms - timed->plan->close_after_ms;
        if (to <= timed->closed_ms)
            continue;
        db_closing_set(task->db, timed->closed_ms, to);
        rc = task_run_rule(task, task->rules[r], err);
    }
    for (size_t i = 0; i < task->n_timed && rc == CV_OK; i++) {
        struct timed *timed = &task->timed[i];
        int64_t to = task->watermark_ms - timed->plan->close_after_ms;

        if (timed->plan->window_end < 0 || to <= timed->closed_ms)
            continue;
        statement_bind_int(timed->purge, 1, to - timed->plan->retain_ms);
        rc = statement_run(task->db, timed->purge, err);
        timed->closed_ms = to;
        task->status.windows_closed++;
    }
    return rc;
}

static enum cv_rc
run_timers(struct stream_task *task, struct cv_err *err)
{
    int64_t now = cv_mono_ms();
    enum cv_rc rc = CV_OK;

    for (size_t r = 0; r < task->n_rules && rc == CV_OK; r++) {
        const struct plan_rule *plan = rule_plan(task->rules[r]);

        if (plan->trigger != PLAN_EVERY || now < task->timers_ms[r])
            continue;
        rc = task_run_rule(task, task->rules[r], err);
        task->timers_ms[r] = now + plan->every_ms;
    }
    return rc;
}

static enum cv_rc
expire_rows(struct stream_task *task, struct cv_err *err)
{
    enum cv_rc rc = CV_OK;

    for (size_t i = 0; i < task->n_timed && rc == CV_OK; i++) {
        if (task->timed[i].expiry != NULL)
            rc = expiry_step(task->timed[i].expiry, task->watermark_ms, err);
    }
    return rc;
}

static enum cv_rc
pass_watermark(struct stream_task *task, struct cv_err *err)
{
    enum cv_rc rc = CV_OK;

    for (size_t r = 0; r < task->n_rules && rc == CV_OK; r++) {
        if (task->feeds[r] != NULL && (task->watermark_ms != TIME_NONE || task->idle))
            rc = feed_watermark(task->feeds[r], task->watermark_ms, task->idle, &task->outputs,
                                err);
    }
    return rc;
}

static enum cv_rc
settle(struct stream_task *task, struct cv_err *err)
{
    enum cv_rc rc = run_batches(task, err);

    if (rc == CV_OK && task->watermark_ms != TIME_NONE)
        rc = close_windows(task, err);
    if (rc == CV_OK)
        rc = run_timers(task, err);
    if (rc == CV_OK)
        rc = task_run_changes(task, err);
    if (rc == CV_OK)
        rc = expire_rows(task, err);
    if (rc == CV_OK)
        rc = pass_watermark(task, err);
    if (rc == CV_OK)
        rc = task_save_marks(task, err);
    return rc;
}

enum task_trouble
task_settle(struct stream_task *task, struct txn *txn, struct cv_err *err)
{
    enum cv_rc rc;

    task->outputs.count = 0;
    task->outputs.arena = txn->arena;
    db_watermark_set(task->db, task->watermark_ms);
    rc = settle(task, err);
    db_clock_set(task->db, 0);
    if (rc != CV_OK)
        return task_trouble_of(task, rc);
    if (task_send_outputs(task, txn, CV_NO_TIMESTAMP, err) != CV_OK)
        return err->rc == CV_NO_MEMORY || err->rc == CV_INVALID ? TASK_BROKEN : TASK_BROKER;
    if (task->outbox != NULL && outbox_decide(task->outbox, err) != CV_OK)
        return task_trouble_of(task, err->rc);
    return TASK_FINE;
}
