/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ON CHANGE OF: the rows of a state table that are not as they were at the last commit, each once,
 * however often it was written. With EVERY they wait in a table of the state, with what they were at
 * first, until their time comes.
 */
#include "streams/engine/task_private.h"

#include <stdlib.h>

#include "common/clock.h"

/* The table's relation, or NULL. */
static struct relation *
relation_of(const struct stream_task *task, const struct plan_rule *plan)
{
    for (size_t i = 0; i < task->n_timed; i++) {
        if (task->timed[i].plan == &task->spec.plan->states[plan->state])
            return task->timed[i].relation;
    }
    return NULL;
}

/* One change from the values before and after, into the batch. */
static enum cv_rc
add_change(struct stream_task *task, const struct table *table, struct cv_bytes old,
           struct cv_bytes new, struct batch *batch, struct cv_err *err)
{
    struct cell *before = task->change_cells;
    struct cell *after = task->change_cells + TABLE_COLUMNS_MAX;
    struct change change = { .row = after,
                             .old = before,
                             .op = 'u',
                             .ts_ms = task->watermark_ms,
                             .commit_ts_ms = CHANGE_NONE,
                             .lsn = CHANGE_NONE,
                             .txid = CHANGE_NONE,
                             .partition = task->spec.partition };

    if (old.data == NULL && new.data == NULL)
        return CV_OK;
    if (old.data != NULL && changelog_cells(table, old, before, err) != CV_OK)
        return err->rc;
    if (new.data != NULL && changelog_cells(table, new, after, err) != CV_OK)
        return err->rc;
    if (old.data == NULL) {
        change.op = 'c';
        change.old = NULL;
    } else if (new.data == NULL) {
        change.op = 'd';
        change.row = before;
    }
    return batch_add(batch, table, &change, err);
}

/* ---- waiting: EVERY ---- */

static struct cell
blob(struct cv_bytes bytes)
{
    return (struct cell){ .kind = bytes.data == NULL ? CELL_NULL : CELL_BLOB,
                          .len = bytes.len,
                          .data = bytes.data };
}

static enum cv_rc
keep_pending(struct stream_task *task, size_t r, struct cv_err *err)
{
    const struct plan_rule *plan = rule_plan(task->rules[r]);
    const struct table *table = task->spec.plan->states[plan->state].table;
    struct cv_bytes key;
    struct cv_bytes old;
    struct cv_bytes new;
    size_t i = 0;

    while (changelog_changed(task->changelog, table, &i, &key, &old, &new)) {
        struct cell key_cell = blob(key);
        struct cell old_cell = blob(old);

        statement_bind_text(task->put_pending, 1, plan->name);
        statement_bind(task->put_pending, 2, &key_cell);
        statement_bind(task->put_pending, 3, &old_cell);
        if (statement_run(task->db, task->put_pending, err) != CV_OK)
            return err->rc;
        task->pending[r] = true;
    }
    return CV_OK;
}

/* What waits for a rule, with the rows as they are now; then it waits no more. */
static enum cv_rc
take_pending(struct stream_task *task, size_t r, struct batch *batch, struct cv_err *err)
{
    const struct plan_rule *plan = rule_plan(task->rules[r]);
    const struct table *table = task->spec.plan->states[plan->state].table;
    bool row;
    enum cv_rc rc;

    statement_bind_text(task->get_pending, 1, plan->name);
    while ((rc = statement_step(task->db, task->get_pending, &row, err)) == CV_OK && row) {
        struct cell key = statement_cell(task->get_pending, 0);
        struct cell old = statement_cell(task->get_pending, 1);
        struct cv_bytes new = { 0 };
        bool found;

        rc = changelog_row(task->changelog, (struct cv_bytes){ .data = key.data, .len = key.len },
                           &new, &found, err);
        if (rc == CV_OK)
            rc = add_change(task, table,
                            (struct cv_bytes){ .data = old.kind == CELL_NULL ? NULL : old.data,
                                               .len = old.kind == CELL_NULL ? 0 : old.len },
                            found ? new : (struct cv_bytes){ 0 }, batch, err);
        if (rc != CV_OK)
            break;
    }
    statement_reset(task->get_pending);
    if (rc != CV_OK)
        return rc;
    statement_bind_text(task->drop_pending, 1, plan->name);
    task->pending[r] = false;
    return statement_run(task->db, task->drop_pending, err);
}

/* ---- the step of a commit ---- */

/* What the rule is to see now. */
static enum cv_rc
collect(struct stream_task *task, size_t r, struct batch *batch, struct cv_err *err)
{
    const struct plan_rule *plan = rule_plan(task->rules[r]);
    const struct table *table = task->spec.plan->states[plan->state].table;
    struct cv_bytes key;
    struct cv_bytes old;
    struct cv_bytes new;
    size_t i = 0;
    enum cv_rc rc = CV_OK;

    if (plan->every_ms > 0) {
        rc = keep_pending(task, r, err);
        if (rc != CV_OK || !task->pending[r] || cv_mono_ms() < task->timers_ms[r])
            return rc;
        task->timers_ms[r] = cv_mono_ms() + plan->every_ms;
        return take_pending(task, r, batch, err);
    }
    while (rc == CV_OK && changelog_changed(task->changelog, table, &i, &key, &old, &new))
        rc = add_change(task, table, old, new, batch, err);
    return rc;
}

bool
task_change_due(const struct stream_task *task)
{
    for (size_t r = 0; r < task->n_rules; r++) {
        if (task->pending[r] && cv_mono_ms() >= task->timers_ms[r])
            return true;
    }
    return false;
}

enum cv_rc
task_run_changes(struct stream_task *task, struct cv_err *err)
{
    struct batch *batches = task->change_batches;
    enum cv_rc rc = CV_OK;
    bool some = false;

    /* All see the same changes: what they write themselves counts for the next commit. */
    for (size_t r = 0; r < task->n_rules && rc == CV_OK; r++) {
        if (rule_plan(task->rules[r])->trigger != PLAN_ON_CHANGE)
            continue;
        some = true;
        batch_clear(&batches[r]);
        rc = collect(task, r, &batches[r], err);
    }
    if (!some)
        return rc;
    changelog_take(task->changelog);
    for (size_t r = 0; r < task->n_rules && rc == CV_OK; r++) {
        struct relation *rel;

        if (batches[r].count == 0)
            continue;
        rel = relation_of(task, rule_plan(task->rules[r]));
        relation_show(rel, batches[r].items, batches[r].count);
        rc = task_run_rule(task, task->rules[r], err);
        relation_show(rel, NULL, 0);
        batch_clear(&batches[r]);
    }
    return rc;
}

/* ---- open and close ---- */

enum cv_rc
task_open_changes(struct stream_task *task, struct cv_err *err)
{
    const struct {
        struct statement **to;
        const char *sql;
    } all[] = {
        { &task->put_pending, "INSERT OR IGNORE INTO _culvert_pending VALUES (?1, ?2, ?3)" },
        { &task->get_pending, "SELECT row, old FROM _culvert_pending WHERE query = ?1" },
        { &task->drop_pending, "DELETE FROM _culvert_pending WHERE query = ?1" },
    };
    enum cv_rc rc = CV_OK;

    task->pending = calloc(task->group->n_rules + 1, sizeof(*task->pending));
    task->change_batches = calloc(task->group->n_rules + 1, sizeof(*task->change_batches));
    task->change_cells = calloc(2 * (size_t)TABLE_COLUMNS_MAX, sizeof(*task->change_cells));
    if (task->pending == NULL || task->change_batches == NULL || task->change_cells == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < CV_COUNT(all) && rc == CV_OK; i++)
        rc = db_prepare(task->db, all[i].sql, all[i].to, NULL, err);
    for (size_t i = 0; i < task->group->n_states; i++) {
        const struct plan_state *state = &task->spec.plan->states[task->group->states[i]];

        if (state->followed)
            changelog_follow(task->changelog, state->table);
    }
    return rc;
}

enum cv_rc
task_load_changes(struct stream_task *task, struct cv_err *err)
{
    enum cv_rc rc = CV_OK;

    for (size_t r = 0; r < task->n_rules && rc == CV_OK; r++) {
        bool row;

        statement_bind_text(task->get_pending, 1, rule_plan(task->rules[r])->name);
        rc = statement_step(task->db, task->get_pending, &row, err);
        task->pending[r] = rc == CV_OK && row;
        statement_reset(task->get_pending);
    }
    return rc;
}

void
task_close_changes(struct stream_task *task)
{
    for (size_t r = 0; task->change_batches != NULL && r < task->n_rules; r++)
        batch_done(&task->change_batches[r]);
    statement_free(task->put_pending);
    statement_free(task->get_pending);
    statement_free(task->drop_pending);
    task->put_pending = task->get_pending = task->drop_pending = NULL;
    free(task->pending);
    free(task->change_batches);
    free(task->change_cells);
    task->pending = NULL;
    task->change_batches = NULL;
    task->change_cells = NULL;
}
