/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a task: made, its state file opened, rewound, failed, freed; see task.h. */
#include "streams/engine/task_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/clock.h"
#include "common/log.h"
#include "streams/store/function.h"

/* Tasks that write to a repartition topic; 0: it is another one. */
static int32_t
upstreams_of(const struct stream_task *task, size_t source)
{
    const struct plan *plan = task->spec.plan;
    size_t from = plan->sources[source].from;

    if (from == PLAN_NONE)
        return 0;
    return task->partitions[plan->groups[plan->sources[from].group].anchor];
}

enum cv_rc
task_new(const struct task_spec *spec, struct stream_task **ret, struct cv_err *err)
{
    struct stream_task *task = calloc(1, sizeof(*task));
    const struct plan *plan = spec->plan;
    const struct plan_group *group = &plan->groups[spec->group];
    enum cv_rc rc = CV_OK;

    if (task == NULL)
        return cv_fail_memory(err);
    task->spec = *spec;
    task->group = group;
    task->log = cv_log_get("culvert.streams.task");
    snprintf(task->status.id, sizeof(task->status.id), "%s_%d", group->name, (int)spec->partition);
    snprintf(task->changelog_topic, sizeof(task->changelog_topic), "%s-%s-changelog",
             plan->application_id, group->name);
    task->status.state = TASK_CREATED;
    task->status.since_ms = cv_now_ms();
    task->status.lag = -1;
    task->partitions = calloc(plan->n_sources, sizeof(*task->partitions));
    task->inputs = calloc(group->n_sources, sizeof(*task->inputs));
    if (task->partitions == NULL || task->inputs == NULL)
        rc = cv_fail_memory(err);
    else
        memcpy(task->partitions, spec->partitions, plan->n_sources * sizeof(*task->partitions));
    for (size_t i = 0; i < group->n_sources && rc == CV_OK; i++) {
        size_t source = group->sources[i];

        rc = input_init(&task->inputs[i], &plan->sources[source], source, spec->partition,
                        task->partitions[source], upstreams_of(task, source), err);
        task->n_inputs++;
    }
    if (rc != CV_OK) {
        task_free(task);
        return rc;
    }
    cv_delivery_init(&task->delivery, NULL);
    task_publish(task);
    *ret = task;
    return CV_OK;
}

const char *
task_id(const struct stream_task *task)
{
    return task->status.id;
}

size_t
task_group(const struct stream_task *task)
{
    return task->spec.group;
}

int32_t
task_partition(const struct stream_task *task)
{
    return task->spec.partition;
}

bool
task_is_prepared(const struct stream_task *task)
{
    return task->prepared;
}

enum task_state
task_state(const struct stream_task *task)
{
    return task->status.state;
}

void
task_publish(struct stream_task *task)
{
    struct task_status *status = &task->status;
    int64_t lag = 0;

    for (size_t i = 0; i < task->n_inputs && lag >= 0; i++) {
        const struct input *in = &task->inputs[i];

        lag = in->end_offset < 0 ? -1 : lag + in->end_offset - input_next_offset(in);
        if (in->pos.clock_ms > status->clock_ms)
            status->clock_ms = in->pos.clock_ms;
    }
    status->watermark_ms = task->watermark_ms != TIME_NONE ? task->watermark_ms : 0;
    status->idle_inputs = 0;
    status->future = 0;
    for (size_t i = 0; i < task->n_inputs; i++) {
        status->idle_inputs += task->inputs[i].idle;
        status->future += task->inputs[i].future;
    }
    status->lag = lag;
    status->restore_left =
        status->state == TASK_RESTORING ? task->restore_target - task->changelog_next : 0;
    if (task->state != NULL) {
        status->state_bytes = state_bytes(task->state);
        status->wal_bytes = state_wal_bytes(task->state);
    }
    if (task->spec.board != NULL)
        status_board_set(task->spec.board, status);
}

void
task_set_state(struct stream_task *task, enum task_state state, const char *reason)
{
    if (!task_state_may(task->status.state, state)) {
        CV_LOG_ERROR(task->log, "task state cannot follow", CV_STR("task", task->status.id),
                     CV_STR("from", task_state_name(task->status.state)),
                     CV_STR("to", task_state_name(state)));
        return;
    }
    if (state == TASK_FAILED)
        CV_LOG_ERROR(task->log, "task failed", CV_STR("task", task->status.id),
                     CV_STR("error", reason));
    else
        CV_LOG_INFO(task->log, "task state changed", CV_STR("task", task->status.id),
                    CV_STR("from", task_state_name(task->status.state)),
                    CV_STR("to", task_state_name(state)), CV_STR("reason", reason));
    if (state == TASK_FAILED || state == TASK_CREATED || state == TASK_PAUSED)
        snprintf(task->status.error, sizeof(task->status.error), "%s", reason);
    else if (state == TASK_RUNNING)
        task->status.error[0] = '\0';
    task->status.state = state;
    task->status.since_ms = cv_now_ms();
    task_publish(task);
    task_tell_state(task);
}

/* ---- the state file ---- */

static enum cv_rc
make_directory(const struct stream_task *task, char *path, size_t size, struct cv_err *err)
{
    if ((size_t)snprintf(path, size, "%s/%s", task->spec.state_dir, task->status.id) >= size - 16)
        return cv_fail(err, CV_INVALID, "the path of state.dir is too long");
    if (mkdir(path, 0750) != 0 && errno != EEXIST)
        return cv_fail_errno(err, CV_INVALID, errno, "could not create the directory \"%s\"", path);
    strcat(path, "/task.db");
    return CV_OK;
}

static void
add_ddl(struct cv_buf *out, const char *ddl)
{
    cv_buf_printf(out, "%s%s", out->len > 0 ? ";\n" : "", ddl);
}

static enum cv_rc
open_file(struct stream_task *task, const char *path, struct cv_err *err)
{
    const struct plan *plan = task->spec.plan;
    struct cv_buf tables = CV_BUF_INIT((size_t)4 << 20);
    struct cv_buf owner = CV_BUF_INIT(1024);
    const char **indexes = calloc(2 * plan->n_indexes + 1, sizeof(*indexes));
    struct state_spec spec = { .path = path, .log = task->log, .indexes = indexes };
    enum cv_rc rc;

    if (indexes == NULL)
        return cv_fail_memory(err);
    add_ddl(&tables, plan_engine_ddl);
    for (size_t i = 0; i < task->group->n_sources; i++) {
        if (plan->sources[task->group->sources[i]].ddl != NULL)
            add_ddl(&tables, plan->sources[task->group->sources[i]].ddl);
    }
    for (size_t i = 0; i < task->group->n_states; i++) {
        if (!plan->states[task->group->states[i]].memory)
            add_ddl(&tables, plan->states[task->group->states[i]].ddl);
    }
    for (size_t i = 0; i < plan->n_indexes; i++) {
        if (plan->indexes[i].group != task->spec.group || plan->indexes[i].memory)
            continue;
        indexes[2 * spec.n_indexes] = plan->indexes[i].name;
        indexes[2 * spec.n_indexes++ + 1] = plan->indexes[i].sql;
    }
    cv_buf_printf(&owner, "%s/%s/%d", plan->application_id, task->group->name,
                  (int)task->spec.partition);
    rc = cv_buf_check(&tables, err);
    spec.tables = cv_buf_cstr(&tables);
    spec.owner = cv_buf_cstr(&owner);
    if (rc == CV_OK)
        rc = state_open(&spec, &task->state, err);
    cv_buf_free(&tables);
    cv_buf_free(&owner);
    free(indexes);
    return rc;
}

/* Tables that are kept in memory, empty: the changelog has their rows. */
static enum cv_rc
open_memory(struct stream_task *task, struct cv_err *err)
{
    const struct plan *plan = task->spec.plan;
    enum cv_rc rc = CV_OK;

    task->memory_fresh = false;
    for (size_t i = 0; i < task->group->n_states && rc == CV_OK; i++) {
        const struct plan_state *state = &plan->states[task->group->states[i]];

        if (!state->memory)
            continue;
        if (!task->memory_fresh)
            rc = db_exec(task->db, "ATTACH ':memory:' AS " TABLE_IN_MEMORY, err);
        task->memory_fresh = true;
        if (rc == CV_OK)
            rc = db_exec(task->db, state->ddl, err);
    }
    for (size_t i = 0; i < plan->n_indexes && rc == CV_OK; i++) {
        if (plan->indexes[i].group == task->spec.group && plan->indexes[i].memory)
            rc = db_exec(task->db, plan->indexes[i].sql, err);
    }
    return rc;
}

/* What keeps late rows out of a windowed table, and its view of closing windows. */
static enum cv_rc
open_windows(struct stream_task *task, struct cv_err *err)
{
    enum cv_rc rc = CV_OK;

    for (size_t i = 0; i < task->group->n_states && rc == CV_OK; i++) {
        const struct plan_state *state = &task->spec.plan->states[task->group->states[i]];

        if (state->window_end >= 0)
            rc = db_exec(task->db, state->closed_view, err);
        if (rc == CV_OK && state->window_end >= 0)
            rc = db_exec(task->db, state->late_trigger, err);
    }
    return rc;
}

/* Change relations, functions, views and the GLOBAL tables on the connection. */
static enum cv_rc
open_relations(struct stream_task *task, struct cv_err *err)
{
    const struct plan *plan = task->spec.plan;
    enum cv_rc rc = functions_register(task->db, err);

    for (size_t i = 0; i < plan->n_extensions && rc == CV_OK; i++)
        rc = db_extension(task->db, plan->extensions[i], err);
    if (rc == CV_OK && task->spec.global_path != NULL)
        rc = db_attach(task->db, task->spec.global_path, PLAN_GLOBAL_SCHEMA, err);
    if (rc == CV_OK)
        rc = open_memory(task, err);
    for (size_t i = 0; i < task->n_inputs && rc == CV_OK; i++)
        rc = relation_new(task->db, task->inputs[i].source->table, &task->inputs[i].relation, err);
    if (rc == CV_OK)
        rc = open_windows(task, err);
    for (size_t i = 0; i < plan->n_views && rc == CV_OK; i++)
        rc = db_exec(task->db, plan->views[i].sql, err);
    return rc;
}

static enum cv_rc
open_changelog(struct stream_task *task, struct cv_err *err)
{
    const struct plan *plan = task->spec.plan;
    size_t n = 0;
    const struct table **tables = calloc(
        task->group->n_sources + task->group->n_states + PLAN_ENGINE_TABLES, sizeof(*tables));
    enum cv_rc rc;

    if (tables == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < task->group->n_sources; i++) {
        if (!plan->sources[task->group->sources[i]].stream)
            tables[n++] = plan->sources[task->group->sources[i]].table;
    }
    for (size_t i = 0; i < task->group->n_states; i++)
        tables[n++] = plan->states[task->group->states[i]].table;
    for (size_t i = 0; i < PLAN_ENGINE_TABLES; i++)
        tables[n++] = plan->engine[i];
    rc = changelog_new(task->db, tables, n, &task->changelog, err);
    free(tables);
    return rc;
}

static struct input *
input_of(struct stream_task *task, size_t source)
{
    for (size_t i = 0; i < task->n_inputs; i++) {
        if (task->inputs[i].source_no == source)
            return &task->inputs[i];
    }
    return NULL;
}

static enum cv_rc
open_rule(struct stream_task *task, size_t i, struct cv_err *err)
{
    const struct plan *plan = task->spec.plan;
    const struct plan_rule *of = &plan->rules[task->group->rules[i]];
    struct input *in = of->trigger <= PLAN_BATCH ? input_of(task, of->source) : NULL;
    bool batched = of->trigger == PLAN_BATCH || of->batched;
    enum cv_rc rc = CV_OK;

    if (of->feeds != PLAN_NONE)
        rc = feed_new(plan, of->feeds, task->partitions, task->spec.partition, &task->feeds[i],
                      err);
    if (batched) {
        in->batched = true;
        relation_expect_many(in->relation, true);
    }
    if (rc == CV_OK)
        rc = rule_new(task->db, plan, of, task->feeds[i], &task->rules[i], err);
    if (batched)
        relation_expect_many(in->relation, false);
    task->timers_ms[i] = cv_mono_ms() + of->every_ms;
    return rc;
}

static enum cv_rc
open_rules(struct stream_task *task, struct cv_err *err)
{
    size_t n = task->group->n_rules;
    enum cv_rc rc = CV_OK;

    for (size_t i = 0; i < task->n_inputs && rc == CV_OK; i++)
        rc = applier_new(task->db, task->inputs[i].source, &task->inputs[i].applier, err);
    task->rules = calloc(n + 1, sizeof(*task->rules));
    task->feeds = calloc(n + 1, sizeof(*task->feeds));
    task->timers_ms = calloc(n + 1, sizeof(*task->timers_ms));
    if (task->rules == NULL || task->feeds == NULL || task->timers_ms == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < n && rc == CV_OK; i++) {
        task->n_rules++;
        rc = open_rule(task, i, err);
    }
    return rc;
}

enum cv_rc
task_open_state(struct stream_task *task, struct cv_err *err)
{
    char path[4096];
    enum cv_rc rc = make_directory(task, path, sizeof(path), err);

    if (rc == CV_OK)
        rc = open_file(task, path, err);
    if (rc == CV_OK && task->wipe)
        rc = state_wipe(task->state, err);
    if (rc == CV_OK) {
        task->wipe = false;
        task->db = state_db(task->state);
        rc = open_relations(task, err);
    }
    if (rc == CV_OK)
        rc = open_changelog(task, err);
    if (rc == CV_OK)
        rc = task_open_timed(task, err);
    if (rc == CV_OK)
        rc = open_rules(task, err);
    if (rc == CV_OK)
        rc = task_open_changes(task, err);
    if (rc == CV_OK) {
        snprintf(path, sizeof(path), "%s/files", task->spec.state_dir);
        rc = outbox_new(task->db, task->spec.plan, task->spec.group, task->status.id, path,
                        task->log, &task->outbox, err);
    }
    if (rc != CV_OK)
        task_close_state(task);
    task->saved_ms = cv_mono_ms();
    return rc;
}

void
task_close_state(struct stream_task *task)
{
    task_close_changes(task);
    for (size_t i = 0; i < task->n_rules; i++) {
        rule_free(task->rules[i]);
        feed_free(task->feeds[i]);
    }
    free(task->rules);
    free(task->feeds);
    free(task->timers_ms);
    task->rules = NULL;
    task->feeds = NULL;
    task->timers_ms = NULL;
    task_close_timed(task);
    outbox_free(task->outbox);
    task->outbox = NULL;
    task->n_rules = 0;
    for (size_t i = 0; i < task->n_inputs; i++) {
        applier_free(task->inputs[i].applier);
        task->inputs[i].applier = NULL;
        task->inputs[i].relation = NULL; /* freed with the connection */
    }
    changelog_free(task->changelog);
    task->changelog = NULL;
    state_close(task->state);
    task->state = NULL;
    task->db = NULL;
}

/* ---- giving up ---- */

static void
detach_all(struct stream_task *task)
{
    struct cv_topic_partition items[64];
    struct cv_topic_partitions parts = { .items = items };
    struct cv_err err = CV_ERR_INIT;

    for (size_t i = 0; i <= task->n_inputs; i++) {
        bool last = i == task->n_inputs;

        if (last ? task->changelog_attached : task->inputs[i].attached)
            items[parts.count++] = (struct cv_topic_partition){
                .topic = last ? task->changelog_topic : task->inputs[i].source->topic,
                .partition = task->spec.partition,
            };
        if (!last)
            task->inputs[i].attached = task->inputs[i].paused = false;
        if (parts.count == CV_COUNT(items) || (last && parts.count > 0)) {
            if (task->spec.broker->ops->detach(task->spec.broker, &parts, &err) != CV_OK)
                CV_LOG_WARN(task->log, "partitions could not be given up",
                            CV_STR("task", task->status.id), CV_ERR(&err));
            parts.count = 0;
        }
    }
    task->changelog_attached = false;
}

static void
forget(struct stream_task *task)
{
    detach_all(task);
    for (size_t i = 0; i < task->n_inputs; i++) {
        input_clear(&task->inputs[i]);
        if (task->inputs[i].relation != NULL)
            relation_show(task->inputs[i].relation, NULL, 0);
    }
    task->outputs.count = 0;
    task->in_txn = task->prepared = false;
    cv_delivery_init(&task->delivery, NULL);
    if (task->db != NULL) {
        db_rollback(task->db);
        changelog_clear(task->changelog);
    }
}

void
task_release(struct stream_task *task)
{
    forget(task);
    task_close_state(task);
}

void
task_rewind(struct stream_task *task, enum task_reset reset, const struct cv_err *why)
{
    if (task->status.state == TASK_FAILED || task->room_ms != 0)
        return;
    forget(task);
    if (reset == TASK_EMPTY) {
        task_close_state(task);
        task->wipe = true;
    }
    if (reset == TASK_BE_CAREFUL)
        task->careful = 10000;
    task->status.rewinds++;
    task_set_state(task, TASK_CREATED, why->text);
}

void
task_fail(struct stream_task *task, const struct cv_err *why)
{
    if (task->status.state == TASK_FAILED)
        return;
    task_release(task);
    task_set_state(task, TASK_FAILED, why->text);
}

void
task_free(struct stream_task *task)
{
    if (task == NULL)
        return;
    if (task->n_inputs > 0)
        forget(task);
    task_close_state(task);
    for (size_t i = 0; i < task->n_inputs; i++)
        input_done(&task->inputs[i]);
    outputs_done(&task->outputs);
    if (task->spec.board != NULL)
        status_board_remove(task->spec.board, task->status.id);
    task->status.state = TASK_CLOSED;
    task_tell_state(task);
    free(task->inputs);
    free(task->partitions);
    free(task);
}
