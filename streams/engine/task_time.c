/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A task's time: its watermark is the least of its inputs', idle ones left out. Once all are idle,
 * the wall clock takes over, so that the last windows close without traffic.
 *
 * What belongs to it (the watermark, what upstream tasks said, how far windows are closed) is kept
 * as marks in a table of the state file, so that the changelog restores it with the rest.
 */
#include "streams/engine/task_private.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"

#define LOOK_MS  200
#define QUIET_MS 15000

/* ---- the watermark ---- */

void
task_move_watermark(struct stream_task *task)
{
    int64_t least = INT64_MAX;

    for (size_t i = 0; i < task->n_inputs; i++) {
        int64_t one;

        if (task->inputs[i].idle)
            continue;
        one = input_watermark(&task->inputs[i]);
        if (one < least)
            least = one; /* TIME_NONE is the least of all */
    }
    if (least != INT64_MAX && least > task->watermark_ms)
        task->watermark_ms = least;
}

/* The broker, asked now, has nothing behind what was processed. One that is away, and holds up the whole thread for the
   time of a question, is not asked by every task. */
static bool
confirm_end(struct stream_task *task, struct input *in)
{
    struct broker *b = task->spec.broker;
    struct cv_err err = CV_ERR_INIT;
    int64_t low;
    int64_t high;

    if (cv_mono_ms() < b->quiet_until_ms)
        return false;
    if (b->ops->range(b, in->source->topic, in->partition, &low, &high, &err) != CV_OK) {
        b->quiet_until_ms = cv_mono_ms() + QUIET_MS;
        return false;
    }
    return input_next_offset(in) >= high;
}

/* The wall clock, but for jumps since the task became idle: one that is set ahead, and back later, would have made late
   what comes in between. */
static int64_t
steady_wall_ms(const struct stream_task *task)
{
    int64_t steady = task->idle_wall_ms + cv_mono_ms() - task->idle_mono_ms;

    return cv_now_ms() < steady ? cv_now_ms() : steady;
}

/* All inputs are idle: as if something had just come that could not be older than this. */
static void
follow_wall_clock(struct stream_task *task)
{
    int64_t now = steady_wall_ms(task);
    int64_t most = TIME_NONE;
    int64_t behind = 0;
    bool advance = true;

    for (size_t i = 0; i < task->n_inputs; i++) {
        const struct plan_source *source = task->inputs[i].source;
        int64_t one = input_watermark(&task->inputs[i]);

        most = one > most ? one : most;
        behind = source->delay_ms + source->idle_ms > behind ? source->delay_ms + source->idle_ms
                                                             : behind;
        advance &= source->idle_advance;
    }
    if (advance && now - behind > most)
        most = now - behind;
    if (most > task->watermark_ms)
        task->watermark_ms = most;
}

/* Whether an input is idle. An outage does not count as a silence: those who write come back with it, and what they
   bring is as old as the outage was long. So the broker is asked now and then, and idle is what it confirmed
   throughout. */
static void
look_at(struct stream_task *task, struct input *in, int64_t now)
{
    bool idle = input_seems_idle(in);

    if (input_at_end(in) && ((idle && !in->idle) || now - in->asked_ms >= in->source->idle_ms / 4)) {
        in->asked_ms = now;
        if (!confirm_end(task, in)) {
            in->moved_ms = now;
            idle = false;
        }
    }
    in->idle = idle;
}

void
task_look_idle(struct stream_task *task)
{
    int64_t now = cv_mono_ms();
    bool idle = true;

    if (now - task->looked_ms < LOOK_MS)
        return;
    task->looked_ms = now;
    for (size_t i = 0; i < task->n_inputs; i++) {
        look_at(task, &task->inputs[i], now);
        idle &= task->inputs[i].idle;
    }
    if (!task->idle) {
        task->idle_mono_ms = now;
        task->idle_wall_ms = cv_now_ms();
    }
    task->idle = idle;
    if (idle)
        follow_wall_clock(task);
    else
        task_move_watermark(task);
}

/* ---- marks ---- */

static const char *
mark_name(char out[128], const char *kind, const char *of)
{
    snprintf(out, 128, "%s %s", kind, of);
    return out;
}

static enum cv_rc
put_mark(struct stream_task *task, const char *key, size_t number, int64_t v, struct cv_err *err)
{
    statement_bind_text(task->put_mark, 1, key);
    statement_bind_int(task->put_mark, 2, (int64_t)number);
    statement_bind_int(task->put_mark, 3, v);
    return statement_run(task->db, task->put_mark, err);
}

static enum cv_rc
save_stamps(struct stream_task *task, struct input *in, struct cv_err *err)
{
    char name[128];
    enum cv_rc rc = CV_OK;

    for (size_t i = 0; i < in->n_stamps && rc == CV_OK; i++) {
        struct stamp *stamp = &in->stamps[i];

        if (!stamp->moved)
            continue;
        rc = put_mark(task, mark_name(name, "stamp", in->source->name), i, stamp->watermark_ms,
                      err);
        if (rc == CV_OK)
            rc = put_mark(task, mark_name(name, "idle", in->source->name), i, stamp->idle, err);
        stamp->moved = false;
    }
    return rc;
}

/* ---- where the rows of an input come from ---- */

#define IDENTITY_MAX 2048
#define INPUT_MARK   "input "

/* What decides which of an input's rows this task has: its topic and what that is made of. Stays with the state, as
   "input NAME|TOPIC|FROM|BY|LIKE": under another one the rows of other keys would be missing, or be somebody else's. */
static const char *
identity_of(const struct plan *plan, const struct plan_source *source, char out[IDENTITY_MAX])
{
    bool made = source->from != PLAN_NONE;

    snprintf(out, IDENTITY_MAX, INPUT_MARK "%s|%s|%s|%s|%s", source->name, source->topic,
             made ? plan->sources[source->from].name : "",
             made ? source->table->columns[source->by].name : "",
             source->like != PLAN_NONE ? plan->sources[source->like].name : "");
    return out;
}

static enum cv_rc
save_identities(struct stream_task *task, struct cv_err *err)
{
    char name[IDENTITY_MAX];

    for (size_t i = 0; i < task->n_inputs; i++) {
        struct input *in = &task->inputs[i];

        if (in->identified)
            continue;
        if (put_mark(task, identity_of(task->spec.plan, in->source, name), 0, 1, err) != CV_OK)
            return err->rc;
        in->identified = true; /* a rollback reads the marks again */
    }
    return CV_OK;
}

/* key: what the input was; told apart from what it is. */
static enum cv_rc
check_identity(struct stream_task *task, const char *key, struct cv_err *err)
{
    static const char remedy[] = "take the change back, give the source a new name, or begin anew "
                                 "with culvert-streams reset";
    char now[IDENTITY_MAX];

    for (size_t i = 0; i < task->n_inputs; i++) {
        struct input *in = &task->inputs[i];
        size_t name_len = strlen(INPUT_MARK) + strlen(in->source->name) + 1;
        const char *topic = key + name_len;
        size_t topic_len;

        identity_of(task->spec.plan, in->source, now);
        if (strncmp(key, now, name_len) != 0)
            continue;
        topic_len = strcspn(topic, "|");
        if (strncmp(topic, now + name_len, topic_len + 1) != 0)
            return cv_fail(err, CV_INVALID,
                           "the state was computed from topic \"%.*s\" of source \"%s\", which reads "
                           "topic \"%s\" now; %s",
                           (int)topic_len, topic, in->source->name, in->source->topic, remedy);
        if (strcmp(key, now) != 0)
            return cv_fail(err, CV_INVALID,
                           "the state was computed from another definition of source \"%s\" (what it "
                           "is repartitioned FROM, BY and LIKE); %s",
                           in->source->name, remedy);
        in->identified = true;
    }
    return CV_OK;
}

enum cv_rc
task_save_marks(struct stream_task *task, struct cv_err *err)
{
    char name[128];
    enum cv_rc rc = save_identities(task, err);

    for (size_t i = 0; i < task->n_inputs && rc == CV_OK; i++)
        rc = save_stamps(task, &task->inputs[i], err);
    if (rc != CV_OK || task->watermark_ms == task->saved_watermark_ms)
        return rc;
    rc = put_mark(task, "watermark", 0, task->watermark_ms, err);
    for (size_t i = 0; i < task->n_timed && rc == CV_OK; i++) {
        if (task->timed[i].plan->window_end >= 0)
            rc = put_mark(task, mark_name(name, "closed", task->timed[i].plan->name), 0,
                          task->timed[i].closed_ms, err);
    }
    if (rc == CV_OK)
        task->saved_watermark_ms = task->watermark_ms;
    return rc;
}

static void
take_stamp(struct stream_task *task, const char *source, int64_t number, const int64_t *watermark,
           const bool *idle)
{
    for (size_t i = 0; i < task->n_inputs; i++) {
        struct input *in = &task->inputs[i];

        if (strcmp(in->source->name, source) != 0 || number < 0 ||
            (size_t)number >= in->n_stamps)
            continue;
        in->stamps[number].known = true;
        if (watermark != NULL)
            in->stamps[number].watermark_ms = *watermark;
        if (idle != NULL)
            in->stamps[number].idle = *idle;
    }
}

static enum cv_rc
take_mark(struct stream_task *task, const char *key, int64_t number, int64_t v, struct cv_err *err)
{
    bool idle = v != 0;

    if (strncmp(key, INPUT_MARK, strlen(INPUT_MARK)) == 0)
        return check_identity(task, key, err);
    if (strcmp(key, "watermark") == 0)
        task->watermark_ms = v;
    else if (strncmp(key, "stamp ", 6) == 0)
        take_stamp(task, key + 6, number, &v, NULL);
    else if (strncmp(key, "idle ", 5) == 0)
        take_stamp(task, key + 5, number, NULL, &idle);
    for (size_t i = 0; i < task->n_timed && strncmp(key, "closed ", 7) == 0; i++) {
        if (strcmp(task->timed[i].plan->name, key + 7) == 0)
            task->timed[i].closed_ms = v;
    }
    return CV_OK;
}

enum cv_rc
task_load_marks(struct stream_task *task, struct cv_err *err)
{
    struct statement *st = NULL;
    bool row;
    enum cv_rc rc = db_prepare(task->db, "SELECT k, n, v FROM _culvert_marks", &st, NULL, err);

    task->watermark_ms = TIME_NONE;
    task->idle = false;
    for (size_t i = 0; i < task->n_inputs; i++) {
        struct input *in = &task->inputs[i];

        if (in->n_stamps > 0)
            memset(in->stamps, 0, in->n_stamps * sizeof(*in->stamps));
        in->moved_ms = in->asked_ms = cv_mono_ms();
        in->idle = false;
        in->identified = false;
    }
    for (size_t i = 0; i < task->n_timed; i++)
        task->timed[i].closed_ms = TIME_NONE;
    for (size_t i = 0; i < task->n_rules; i++) {
        if (task->feeds[i] != NULL)
            feed_forget(task->feeds[i]);
    }
    while (rc == CV_OK && (rc = statement_step(task->db, st, &row, err)) == CV_OK && row)
        rc = take_mark(task, statement_text(st, 0), statement_int(st, 1), statement_int(st, 2),
                       err);
    statement_free(st);
    task->saved_watermark_ms = task->watermark_ms;
    db_watermark_set(task->db, task->watermark_ms);
    if (rc == CV_OK && task->outbox != NULL)
        rc = outbox_load(task->outbox, err);
    return rc == CV_OK ? task_load_changes(task, err) : rc;
}

/* ---- state tables that time changes ---- */

static enum cv_rc
prepare_window(struct stream_task *task, struct timed *timed, struct cv_err *err)
{
    struct cv_buf sql = CV_BUF_INIT(4096);
    struct cv_buf end = CV_BUF_INIT(512);
    enum cv_rc rc;

    cv_buf_sql_ident(&end, timed->plan->table->columns[timed->plan->window_end].name);
    cv_buf_printf(&sql, "SELECT min(%s) FROM %s.\"%s\" WHERE %s > ?1", cv_buf_cstr(&end),
                  timed->plan->table->schema, timed->plan->name, cv_buf_cstr(&end));
    rc = db_prepare(task->db, cv_buf_cstr(&sql), &timed->oldest, NULL, err);
    cv_buf_reset(&sql);
    cv_buf_printf(&sql, "DELETE FROM %s.\"%s\" WHERE %s <= ?1", timed->plan->table->schema,
                  timed->plan->name, cv_buf_cstr(&end));
    if (rc == CV_OK)
        rc = db_prepare(task->db, cv_buf_cstr(&sql), &timed->purge, NULL, err);
    cv_buf_free(&sql);
    cv_buf_free(&end);
    return rc;
}

enum cv_rc
task_open_timed(struct stream_task *task, struct cv_err *err)
{
    enum cv_rc rc = db_prepare(task->db, "INSERT OR REPLACE INTO _culvert_marks VALUES (?1, ?2, ?3)",
                               &task->put_mark, NULL, err);

    task->timed = calloc(task->group->n_states + 1, sizeof(*task->timed));
    if (task->timed == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < task->group->n_states && rc == CV_OK; i++) {
        struct timed *timed = &task->timed[task->n_timed++];

        timed->plan = &task->spec.plan->states[task->group->states[i]];
        timed->closed_ms = TIME_NONE;
        if (timed->plan->followed)
            rc = relation_new(task->db, timed->plan->table, &timed->relation, err);
        if (timed->relation != NULL)
            relation_expect_many(timed->relation, true);
        if (rc == CV_OK && timed->plan->window_end >= 0)
            rc = prepare_window(task, timed, err);
        if (rc == CV_OK && timed->plan->expire >= 0)
            rc = expiry_new(task->db, timed->plan, &timed->expiry, err);
    }
    return rc;
}

void
task_close_timed(struct stream_task *task)
{
    for (size_t i = 0; i < task->n_timed; i++) {
        statement_free(task->timed[i].oldest);
        statement_free(task->timed[i].purge);
        expiry_free(task->timed[i].expiry);
    }
    free(task->timed);
    task->timed = NULL;
    task->n_timed = 0;
    statement_free(task->put_mark);
    task->put_mark = NULL;
}
