/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records through the queries, and the task's share of a commit; see task.h.
 *
 * Order inside the task is by event time: of its inputs the one whose head is oldest comes next,
 * and an input that is empty, but known to lag, is waited for.
 */
#include "streams/engine/task_private.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"

#define WAL_MAX_BYTES ((int64_t)64 << 20)

/* ---- which record comes next ---- */

/* An input without records that comes first all the same: what is known to lie there, and with max_task_idle_ms what
   may still come, could be older than what the others have. */
static bool
waited_for(const struct stream_task *task, const struct input *in)
{
    int64_t patience = task->spec.plan->max_task_idle_ms;

    if (patience < 0)
        return false;
    return !input_at_end(in) || cv_mono_ms() - in->empty_ms < patience;
}

static struct input *
pick(struct stream_task *task)
{
    struct input *best = NULL;
    int64_t best_ms = 0;

    if (task->n_inputs == 1)
        return task->inputs[0].count > 0 ? &task->inputs[0] : NULL;
    for (size_t i = 0; i < task->n_inputs; i++) {
        struct input *in = &task->inputs[i];
        int64_t ms;

        if (in->count == 0) {
            if (waited_for(task, in))
                return NULL;
            continue;
        }
        ms = input_time(in);
        if (best == NULL || ms < best_ms) {
            best = in;
            best_ms = ms;
        }
    }
    return best;
}

bool
task_has_work(const struct stream_task *task)
{
    bool some = false;

    if (task->status.state != TASK_RUNNING)
        return false;
    for (size_t i = 0; i < task->n_inputs; i++) {
        if (task->inputs[i].count > 0)
            some = true;
        else if (task->n_inputs > 1 && waited_for(task, &task->inputs[i]))
            return false;
    }
    return some;
}

/* Hold a partition back whose records wait for another one. */
static enum cv_rc
balance(struct stream_task *task, struct input *in, struct cv_err *err)
{
    struct cv_topic_partition item = { .topic = in->source->topic, .partition = in->partition };
    struct cv_topic_partitions part = { .items = &item, .count = 1 };
    bool pause = in->paused ? in->count > INPUT_RESUME_AT : in->count > INPUT_PAUSE_AT;

    if (pause == in->paused)
        return CV_OK;
    in->paused = pause;
    return task->spec.broker->ops->pause(task->spec.broker, &part, pause, err);
}

/* ---- one record ---- */

/* How a record went wrong. */
struct failure {
    const char *stage; /* "decode", "apply" or the query's name */
    struct cv_err err;
};

/* What header() asks while a record is under way. */
struct record_headers {
    struct broker *broker;
    const struct cv_consumed *msg;
};

static bool
find_header(void *arg, const char *name, struct cv_bytes *ret)
{
    const struct record_headers *record = arg;

    return record->broker->ops->header(record->broker, record->msg, name, ret);
}

static enum cv_rc
run_rules(struct stream_task *task, struct input *in, struct change *change,
          const struct cv_consumed *msg, struct failure *failure)
{
    struct record_headers record = { .broker = task->spec.broker, .msg = msg };
    const struct sink_origin origin = { .topic = msg->topic,
                                        .partition = msg->partition,
                                        .offset = msg->offset };
    enum cv_rc rc = CV_OK;

    change->partition = msg->partition;
    change->offset = msg->offset;
    db_clock_set(task->db, change->ts_ms != CHANGE_NONE ? change->ts_ms : 1);
    if (in->source->format != PLAN_CHANGES) /* headers of our own topics are not the event's */
        db_header_set(task->db, find_header, &record);
    task->outputs.origin = &origin;
    relation_show(in->relation, change, 1);
    for (size_t i = 0; i < task->n_rules && rc == CV_OK; i++) {
        const struct plan_rule *plan = rule_plan(task->rules[i]);

        if (plan->source != in->source_no || plan->trigger > PLAN_FORWARD || plan->batched ||
            (change->snapshot && plan->snapshot == PLAN_SNAPSHOT_SKIP))
            continue;
        failure->stage = plan->name;
        if (plan->trigger == PLAN_FORWARD)
            rc = feed_change(task->feeds[i], change, &task->outputs, &failure->err);
        else
            rc = rule_run(task->rules[i],
                          !(change->snapshot && plan->snapshot == PLAN_SNAPSHOT_APPLY),
                          &task->outputs, &task->status.late, &failure->err);
    }
    relation_show(in->relation, NULL, 0);
    task->outputs.origin = NULL;
    db_header_set(task->db, NULL, NULL);
    db_clock_set(task->db, 0);
    if (rc == CV_OK && in->batched)
        rc = batch_add(&in->batch, in->source->table, change, &failure->err);
    return rc;
}

static enum cv_rc
run_truncate(struct stream_task *task, struct input *in, const struct cv_consumed *msg,
             struct failure *failure)
{
    struct change change;
    bool more = true;
    enum cv_rc rc = CV_OK;

    if (in->source->truncate == PLAN_TRUNCATE_REFUSE && in->partitions > 1) {
        failure->stage = "truncate";
        return cv_fail(&failure->err, CV_INVALID,
                       "a TRUNCATE reached only one of %d partitions of topic \"%s\"; with a "
                       "source that copies it to all "
                       "of them say WITH (truncate = 'apply')",
                       (int)in->partitions, in->source->topic);
    }
    while (rc == CV_OK && more) {
        rc = applier_truncate_next(in->applier, &in->event, msg->timestamp_ms, &change, &more,
                                   &failure->err);
        if (rc == CV_OK && more)
            rc = run_rules(task, in, &change, msg, failure);
    }
    return rc;
}

/* Decode, apply, run the queries. Outputs are collected, nothing is sent. */
static enum cv_rc
run_record(struct stream_task *task, struct input *in, const struct cv_consumed *msg,
           struct failure *failure)
{
    struct change change;
    enum applied applied;
    enum cv_rc rc;

    input_decode(in);
    failure->stage = "decode";
    if (in->decode_rc != CV_OK) {
        failure->err = in->decode_err;
        return in->decode_rc;
    }
    failure->stage = "apply";
    if (in->event.kind == EVENT_WATERMARK)
        return input_stamp(in, &in->event, &failure->err);
    rc = applier_apply(in->applier, &in->event, msg->key, msg->timestamp_ms, &in->pos, &applied,
                       &change, &failure->err);
    if (rc != CV_OK)
        return rc;
    if (applied == APPLIED_CHANGE)
        return run_rules(task, in, &change, msg, failure);
    if (applied == APPLIED_TRUNCATE)
        return run_truncate(task, in, msg, failure);
    task->status.duplicates += applied == APPLIED_DUPLICATE;
    return CV_OK;
}

/* ---- poison ---- */

static struct cv_bytes
keep(struct cv_arena *arena, const char *data, size_t len)
{
    return (struct cv_bytes){ .data = data == NULL ? NULL : cv_arena_dup(arena, data, len),
                              .len = len };
}

/* The record as it came, with headers that say what was wrong. */
static enum cv_rc
send_dead(struct stream_task *task, struct txn *txn, const struct cv_consumed *msg,
          const struct failure *failure, struct cv_err *err)
{
    const struct sink_origin origin = { .topic = msg->topic,
                                        .partition = msg->partition,
                                        .offset = msg->offset };
    struct out_record rec = { .topic = task->spec.plan->dlq_topic,
                              .partition = CV_NO_PARTITION,
                              .key = keep(txn->arena, msg->key.data, msg->key.len),
                              .value = keep(txn->arena, msg->value.data, msg->value.len),
                              .headers = sink_error_headers(&origin, failure->err.text,
                                                            failure->stage, txn->arena),
                              .timestamp_ms = msg->timestamp_ms };

    if (rec.headers == NULL || (rec.key.data == NULL && msg->key.data != NULL) ||
        (rec.value.data == NULL && msg->value.data != NULL))
        return cv_fail_memory(err);
    task->status.dead++;
    return txn_send(txn, &rec, &txn->delivery, err);
}

/* on_error for a record that cannot be processed; CV_INVALID: the task must fail. */
static enum cv_rc
handle_poison(struct stream_task *task, struct txn *txn, const struct cv_consumed *msg,
              const struct failure *failure, struct cv_err *err)
{
    *err = failure->err;
    cv_err_context(err, "topic \"%s\" partition %d offset %lld, stage %s", msg->topic,
                   (int)msg->partition, (long long)msg->offset, failure->stage);
    if (task->spec.plan->on_error == PLAN_FAIL)
        return CV_INVALID;
    CV_LOG_WARN(task->log, "record cannot be processed and is left out",
                CV_STR("task", task->status.id), CV_STR("topic", msg->topic),
                CV_INT("partition", msg->partition), CV_INT("offset", msg->offset),
                CV_STR("stage", failure->stage), CV_ERR(&failure->err));
    if (task->spec.plan->on_error == PLAN_DLQ)
        return send_dead(task, txn, msg, failure, err);
    task->status.dropped++;
    return CV_OK;
}

/* ---- savepoints ---- */

/* A failed record under a savepoint is undone alone. kept: changes of its input's batch before it.
 */
static enum cv_rc
undo_record(struct stream_task *task, struct input *in, size_t kept, struct cv_err *err)
{
    enum cv_rc rc = db_exec(task->db, "ROLLBACK TO _culvert_record; RELEASE _culvert_record", err);

    task->outputs.count = 0;
    in->batch.count = kept;
    return rc == CV_OK ? changelog_reread(task->changelog, err) : rc;
}

static enum cv_rc
open_savepoint(struct stream_task *task, struct cv_err *err)
{
    return task->careful > 0 ? db_exec(task->db, "SAVEPOINT _culvert_record", err) : CV_OK;
}

static enum cv_rc
close_savepoint(struct stream_task *task, struct cv_err *err)
{
    if (task->careful == 0)
        return CV_OK;
    task->careful--;
    return db_exec(task->db, "RELEASE _culvert_record", err);
}

/* ---- the record in its transaction ---- */

enum task_trouble
task_trouble_of(const struct stream_task *task, enum cv_rc rc)
{
    enum db_fault fault = db_fault(task->db);

    if (fault == DB_FAULT_CORRUPT)
        return TASK_REBUILD;
    if (fault == DB_FAULT_FULL)
        return TASK_FULL;
    if (rc == CV_RETRY || rc == CV_FENCED || rc == CV_CONFLICT)
        return TASK_BROKER;
    return TASK_BROKEN;
}

static enum task_trouble
begin_record(struct stream_task *task, struct txn *txn, struct cv_err *err)
{
    if (txn_begin(txn, err) != CV_OK)
        return TASK_BROKER;
    task->in_txn = true;
    task->outputs.count = 0;
    task->outputs.arena = txn->arena;
    if (db_begin(task->db, err) != CV_OK || open_savepoint(task, err) != CV_OK)
        return task_trouble_of(task, err->rc);
    return TASK_FINE;
}

enum cv_rc
task_send_outputs(struct stream_task *task, struct txn *txn, int64_t timestamp_ms,
                  struct cv_err *err)
{
    for (size_t i = 0; i < task->outputs.count; i++) {
        const struct output *output = &task->outputs.items[i];
        bool file = output->sink != NULL && output->sink->kind == SQL_SINK_FILE;

        if ((file ? outbox_add(task->outbox, output, err)
                  : txn_write(txn, output, timestamp_ms, err)) != CV_OK)
            return err->rc;
        task->status.produced += output->sink != NULL;
    }
    task->outputs.count = 0;
    return CV_OK;
}

static enum task_trouble
finish_record(struct stream_task *task, struct txn *txn, const struct cv_consumed *msg,
              struct cv_err *err)
{
    if (close_savepoint(task, err) != CV_OK)
        return task_trouble_of(task, err->rc);
    if (task_send_outputs(task, txn, msg->timestamp_ms, err) != CV_OK)
        return err->rc == CV_NO_MEMORY || err->rc == CV_INVALID ? TASK_BROKEN : TASK_BROKER;
    return TASK_FINE;
}

static void
move_on(struct stream_task *task, struct input *in, const struct cv_consumed *msg)
{
    in->pos.next_offset = msg->offset + 1;
    input_move_clock(in);
    task_move_watermark(task);
    db_watermark_set(task->db, task->watermark_ms);
}

static enum task_trouble
process_one(struct stream_task *task, struct input *in, struct txn *txn, struct cv_err *err)
{
    const struct cv_consumed *msg = input_head(in);
    struct position before = in->pos;
    size_t kept = in->batch.count;
    struct failure failure = { .err = CV_ERR_INIT };
    enum task_trouble trouble = begin_record(task, txn, err);
    enum cv_rc rc;

    if (trouble != TASK_FINE)
        return trouble;
    rc = run_record(task, in, msg, &failure);
    if (rc != CV_OK && rc != CV_INVALID) {
        *err = failure.err;
        return task_trouble_of(task, rc);
    }
    if (rc == CV_INVALID) {
        bool wrote = in->decode_rc == CV_OK; /* it may have: decoding comes first */

        if (wrote && task->careful == 0 && task->spec.plan->on_error != PLAN_FAIL) {
            *err = failure.err;
            return TASK_CAREFUL;
        }
        in->pos = before;
        if (wrote && task->careful > 0 &&
            (undo_record(task, in, kept, err) != CV_OK || open_savepoint(task, err) != CV_OK))
            return task_trouble_of(task, err->rc);
        rc = handle_poison(task, txn, msg, &failure, err);
        if (rc != CV_OK)
            return rc == CV_INVALID ? TASK_BROKEN : TASK_BROKER;
    }
    trouble = finish_record(task, txn, msg, err);
    if (trouble == TASK_FINE)
        move_on(task, in, msg);
    return trouble;
}

enum task_trouble
task_process(struct stream_task *task, struct txn *txn, size_t max, size_t *ret_taken,
             struct cv_err *err)
{
    enum task_trouble trouble = TASK_FINE;
    size_t taken = 0;
    struct input *in;

    while (taken < max && trouble == TASK_FINE && (in = pick(task)) != NULL) {
        if (task->n_inputs > 1 && in->source->from == PLAN_NONE && input_probe(in, err) != CV_OK)
            trouble = TASK_BROKEN;
        else
            trouble = process_one(task, in, txn, err);
        if (trouble == TASK_FINE) {
            input_pop(in);
            taken++;
        }
    }
    for (size_t i = 0; i < task->n_inputs && trouble == TASK_FINE; i++) {
        if (balance(task, &task->inputs[i], err) != CV_OK)
            trouble = TASK_BROKER;
    }
    task->status.consumed += taken;
    txn->records += taken;
    *ret_taken = taken;
    return trouble;
}

/* ---- commit ---- */

bool
task_in_txn(const struct stream_task *task)
{
    return task->in_txn;
}

enum cv_rc
task_changelog(struct stream_task *task, struct txn *txn, struct cv_err *err)
{
    struct out_record rec = { .topic = task->changelog_topic,
                              .partition = task->spec.partition,
                              .timestamp_ms = CV_NO_TIMESTAMP };
    size_t i = 0;

    if (changelog_status(task->changelog, err) != CV_OK)
        return err->rc;
    while (changelog_next(task->changelog, &i, &rec.key, &rec.value)) {
        if (txn_send(txn, &rec, &task->delivery, err) != CV_OK)
            return err->rc;
        task->status.changelog_records++;
    }
    return CV_OK;
}

static enum cv_rc
append_offset(struct stream_task *task, const struct input *in, struct cv_topic_partitions *parts,
              struct cv_err *err)
{
    struct offset_note note = { .changelog_next = task->changelog_next,
                                .changelog_base = task->changelog_base,
                                .pos = in->pos };
    struct cv_buf text = CV_BUF_INIT(4096);
    struct cv_topic_partition *items = realloc(parts->items, (parts->count + 1) * sizeof(*items));
    struct cv_topic_partition *item;

    if (items == NULL)
        return cv_fail_memory(err);
    parts->items = items;
    memcpy(note.generation, task->generation, sizeof(note.generation));
    offset_note_write(&note, &text);
    item = &items[parts->count++];
    *item = (struct cv_topic_partition){ .topic = strdup(in->source->topic),
                                         .partition = in->partition,
                                         .offset = input_next_offset(in),
                                         .metadata = cv_buf_take(&text) };
    cv_buf_free(&text);
    return item->topic == NULL || item->metadata == NULL ? cv_fail_memory(err) : CV_OK;
}

enum cv_rc
task_offsets(struct stream_task *task, struct cv_topic_partitions *parts, struct cv_err *err)
{
    enum cv_rc rc = CV_OK;

    if (task->delivery.failed > 0) {
        *err = task->delivery.err;
        return err->rc;
    }
    if (changelog_dirty(task->changelog) > 0) {
        if (task->delivery.last_offset < 0)
            return cv_fail(err, CV_INTERNAL, "the changelog of task %s was written, but not where",
                           task->status.id);
        if (task->delivery.last_offset < task->changelog_next)
            return cv_fail(err, CV_INVALID,
                           "the changelog topic \"%s\" partition %d was written at %lld, but it had %lld "
                           "before: it was deleted and made anew under a running task; begin anew with "
                           "culvert-streams reset",
                           task->changelog_topic, (int)task->spec.partition,
                           (long long)task->delivery.last_offset, (long long)task->changelog_next);
        task->changelog_next = task->delivery.last_offset + 1;
    }
    for (size_t i = 0; i < task->n_inputs && rc == CV_OK; i++)
        rc = append_offset(task, &task->inputs[i], parts, err);
    return rc;
}

enum cv_rc
task_committed(struct stream_task *task, struct cv_err *err)
{
    enum cv_rc rc = db_begin(task->db, err);

    for (size_t i = 0; i < task->n_inputs && rc == CV_OK; i++)
        rc = state_set_position(task->state, task->inputs[i].source->topic, task->spec.partition,
                                &task->inputs[i].pos, err);
    if (rc == CV_OK)
        rc = state_set_number(task->state, "changelog", task->changelog_next, err);
    task_tell_changes(task);
    changelog_clear(task->changelog);
    cv_delivery_init(&task->delivery, NULL);
    task->in_txn = false;
    task->status.commits++;
    task->status.last_commit_ms = cv_now_ms();
    task->committed_ms = cv_mono_ms();
    if (rc == CV_OK && task->outbox != NULL)
        outbox_write(task->outbox);
    return rc == CV_OK ? task_save(task, false, err) : rc;
}

enum cv_rc
task_save(struct stream_task *task, bool force, struct cv_err *err)
{
    enum cv_rc rc;

    /* Only what Kafka has committed may become durable here. */
    if (task->db == NULL || !db_in_transaction(task->db) || task->in_txn ||
        task->status.state != TASK_RUNNING)
        return CV_OK;
    if (!force && cv_mono_ms() - task->saved_ms < task->spec.plan->state_commit_ms)
        return CV_OK;
    rc = state_set_number(task->state, "last_alive_ms", cv_now_ms(), err);
    if (rc == CV_OK)
        rc = db_commit(task->db, err);
    if (rc == CV_OK)
        state_trim_wal(task->state, WAL_MAX_BYTES);
    task->saved_ms = cv_mono_ms();
    return rc;
}
