/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From committed offsets to a task that runs: where its inputs go on, whether its state file can be
 * used, and the changelog's tail into it; see task.h.
 *
 * The restore target travels in the committed offsets' metadata, so the task knows how far the
 * changelog must be read; a changelog that does not reach it has lost data, and the task says so
 * instead of going on.
 */
#include "streams/engine/task_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "common/clock.h"
#include "common/log.h"

#define DELETE_RETENTION_MS                                                                        \
    ((int64_t)7 * 86400 * 1000) /* of changelog topics, as app.c creates them */
#define RESTORE_BATCH       20000
#define RESTORE_PATIENCE_MS 60000

/* What the group has committed for the task. */
struct committed {
    bool any;
    char generation[GENERATION_MAX];
    int64_t target;
    int64_t base;
};

static enum cv_rc
take_note(struct input *in, const struct cv_topic_partition *part, struct committed *all,
          struct cv_err *err)
{
    struct offset_note note;

    in->pos = (struct position){ .next_offset = -1 };
    in->committed = part->offset >= 0;
    if (!in->committed)
        return CV_OK;
    if (!offset_note_read(part->metadata, &note))
        return cv_fail(err, CV_INVALID,
                       "the committed offset of topic \"%s\" partition %d was not written by this "
                       "application (its "
                       "metadata is not ours); offsets cannot be set by hand, because the state "
                       "belongs to them: "
                       "begin anew with culvert-streams reset",
                       part->topic, (int)part->partition);
    in->pos = note.pos;
    in->pos.next_offset = part->offset;
    if (all->any && strcmp(note.generation, all->generation) != 0)
        return cv_fail(err, CV_INVALID,
                       "topic \"%s\" was read by another task group before: a changed query brings "
                       "it together with the others, and its rows lie in another changelog; take the "
                       "change back, or begin anew with culvert-streams reset",
                       part->topic);
    if (!all->any || note.changelog_next > all->target) {
        all->target = note.changelog_next;
        all->base = note.changelog_base;
        memcpy(all->generation, note.generation, sizeof(all->generation));
    }
    all->any = true;
    return CV_OK;
}

static enum cv_rc
read_committed(struct stream_task *task, struct committed *all, struct cv_err *err)
{
    struct cv_topic_partitions parts = { .count = task->n_inputs };
    enum cv_rc rc;

    parts.items = calloc(task->n_inputs, sizeof(*parts.items));
    if (parts.items == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < task->n_inputs; i++)
        parts.items[i] = (struct cv_topic_partition){ .topic = task->inputs[i].source->topic,
                                                      .partition = task->spec.partition,
                                                      .offset = CV_OFFSET_INVALID };
    rc = task->spec.broker->ops->committed(task->spec.broker, &parts, err);
    for (size_t i = 0; i < task->n_inputs; i++) {
        if (rc == CV_OK)
            rc = take_note(&task->inputs[i], &parts.items[i], all, err);
        free((char *)(uintptr_t)parts.items[i].metadata);
    }
    free(parts.items);
    return rc;
}

/* The source says that it can do without what was removed. */
static void
skip_removed(struct stream_task *task, struct input *in, int64_t low, int64_t high)
{
    int64_t to = in->source->on_out_of_range == PLAN_RANGE_EARLIEST ? low : high;

    CV_LOG_WARN(task->log, "records were removed before they were read, and are left out",
                CV_STR("task", task->status.id), CV_STR("topic", in->source->topic),
                CV_INT("partition", in->partition), CV_INT("from", in->pos.next_offset),
                CV_INT("to", to));
    task->status.dropped += (uint64_t)(to - in->pos.next_offset);
    in->pos.next_offset = to;
}

/* Where the input starts, checked against what the topic still has. */
static enum cv_rc
place_input(struct stream_task *task, struct input *in, struct cv_err *err)
{
    int64_t low;
    int64_t high;
    enum cv_rc rc = task->spec.broker->ops->range(task->spec.broker, in->source->topic,
                                                  in->partition, &low, &high, err);

    if (rc != CV_OK)
        return rc;
    if (in->pos.next_offset < 0)
        in->pos.next_offset = task->spec.start_offset == CV_OFFSET_END ? high : low;
    if (in->pos.next_offset < low && in->source->on_out_of_range != PLAN_RANGE_FAIL)
        skip_removed(task, in, low, high);
    if (in->pos.next_offset < low)
        return cv_fail(
            err, CV_INVALID,
            "records %lld to %lld of topic \"%s\" partition %d were removed before they were read; "
            "lengthen the topic's retention, and begin anew with culvert-streams reset after a new "
            "snapshot, or say WITH (on_out_of_range = 'earliest')",
            (long long)in->pos.next_offset, (long long)low - 1, in->source->topic,
            (int)in->partition);
    if (in->pos.next_offset > high)
        return cv_fail(err, CV_INVALID,
                       "topic \"%s\" partition %d ends at %lld, but %lld was read already: it was "
                       "made anew; begin anew "
                       "with culvert-streams reset",
                       in->source->topic, (int)in->partition, (long long)high,
                       (long long)in->pos.next_offset);
    in->end_offset = high;
    return CV_OK;
}

static void
new_generation(char out[GENERATION_MAX])
{
    uint64_t v;

    if (getrandom(&v, sizeof(v), 0) != (ssize_t)sizeof(v))
        v = (uint64_t)cv_now_ns();
    snprintf(out, GENERATION_MAX, "%016llx", (unsigned long long)v);
}

/* Why the state file cannot serve as a start for the restore; NULL: it can. */
static enum cv_rc
judge_state(struct stream_task *task, const struct committed *all, const char **ret_why,
            struct cv_err *err)
{
    char generation[GENERATION_MAX];
    int64_t alive;
    enum cv_rc rc = state_number(task->state, "changelog", &task->changelog_next, err);

    if (rc == CV_OK)
        rc = state_text(task->state, "generation", generation, sizeof(generation), err);
    if (rc == CV_OK)
        rc = state_number(task->state, "last_alive_ms", &alive, err);
    if (rc != CV_OK)
        return rc;
    *ret_why = NULL;
    if (!all->any && alive != 0)
        *ret_why = "the group has no committed offsets";
    else if (all->any && generation[0] != '\0' && strcmp(generation, all->generation) != 0)
        *ret_why = "it belongs to another changelog";
    else if (all->any && task->changelog_next > all->target)
        *ret_why = "it is ahead of the committed offsets";
    else if (all->any && alive != 0 && cv_now_ms() - alive > DELETE_RETENTION_MS / 10 * 8)
        *ret_why = "it is so old that the changelog may have forgotten deletions since";
    return CV_OK;
}

/* Nothing is committed: what the changelog holds was given up, or the offsets that belonged to it are gone. Only
   reading it tells; see finish_probe. */
static enum cv_rc
begin_generation(struct stream_task *task, struct cv_err *err)
{
    int64_t low;
    enum cv_rc rc = task->spec.broker->ops->range(task->spec.broker, task->changelog_topic,
                                                  task->spec.partition, &low, &task->changelog_base,
                                                  err);

    if (rc != CV_OK)
        return rc;
    new_generation(task->generation);
    task->probing = low < task->changelog_base;
    task->changelog_next = low;
    return CV_OK;
}

static enum cv_rc
fit_state(struct stream_task *task, const struct committed *all, struct cv_err *err)
{
    const char *why;
    enum cv_rc rc = judge_state(task, all, &why, err);

    if (rc == CV_OK && why != NULL) {
        CV_LOG_WARN(task->log, "state file cannot be used; its state is rebuilt",
                    CV_STR("task", task->status.id), CV_STR("reason", why));
        task_close_state(task);
        task->wipe = true;
        rc = task_open_state(task, err);
        task->changelog_next = 0;
    }
    if (rc != CV_OK)
        return rc;
    task->changelog_base = all->base;
    task->probing = false;
    if (all->any)
        memcpy(task->generation, all->generation, sizeof(task->generation));
    else
        rc = begin_generation(task, err);
    if (rc != CV_OK)
        return rc;
    if (task->changelog_next < task->changelog_base && !task->probing)
        task->changelog_next = task->changelog_base;
    task->restore_target = task->probing ? task->changelog_base : all->target;
    task->file_next = task->changelog_next;
    if (task->memory_fresh && task->changelog_base < task->changelog_next)
        task->changelog_next = task->changelog_base;
    return state_set_text(task->state, "generation", task->generation, err);
}

static enum cv_rc
attach_inputs(struct stream_task *task, struct cv_err *err)
{
    struct broker *b = task->spec.broker;

    for (size_t i = 0; i < task->n_inputs; i++) {
        struct input *in = &task->inputs[i];
        struct cv_topic_partition item = { .topic = in->source->topic,
                                           .partition = in->partition,
                                           .offset = in->pos.next_offset };
        struct cv_topic_partitions part = { .items = &item, .count = 1 };

        if (b->ops->attach(b, &part, err) != CV_OK)
            return err->rc;
        in->attached = true;
        in->taken_next = in->pos.next_offset;
    }
    return CV_OK;
}

/* The changelog has the whole state, from where its generation begins up to what is committed. Also where the file lacks
   nothing: one that was cut or made anew could not bring the file back when it is lost. */
static enum cv_rc
check_changelog(struct stream_task *task, struct cv_err *err)
{
    struct broker *b = task->spec.broker;
    int64_t low;
    int64_t high;

    if (task->restore_target == 0)
        return CV_OK;
    if (b->ops->range(b, task->changelog_topic, task->spec.partition, &low, &high, err) != CV_OK)
        return err->rc;
    if (low > task->changelog_base && task->restore_target > task->changelog_base)
        return cv_fail(err, CV_INVALID,
                       "the changelog topic \"%s\" partition %d begins at %lld, but the state "
                       "needs it from %lld on: records were deleted, by hand or because its "
                       "cleanup.policy is not compact; %s; begin anew with culvert-streams reset",
                       task->changelog_topic, (int)task->spec.partition, (long long)low,
                       (long long)task->changelog_base,
                       task->file_next < task->restore_target
                           ? "the state file cannot be brought up to date"
                           : "the state file is whole, but could not be rebuilt if it were lost");
    if (high < task->restore_target)
        return cv_fail(err, CV_INVALID,
                       "the changelog topic \"%s\" partition %d ends at %lld, but the committed "
                       "offsets need it up to %lld: it was deleted and made anew, or another task "
                       "group wrote it before a change of the queries; begin anew with "
                       "culvert-streams reset",
                       task->changelog_topic, (int)task->spec.partition, (long long)high,
                       (long long)task->restore_target);
    return CV_OK;
}

static enum cv_rc
attach_changelog(struct stream_task *task, struct cv_err *err)
{
    struct broker *b = task->spec.broker;
    struct cv_topic_partition item = { .topic = task->changelog_topic,
                                       .partition = task->spec.partition,
                                       .offset = task->changelog_next };
    struct cv_topic_partitions part = { .items = &item, .count = 1 };

    if (b->ops->attach(b, &part, err) != CV_OK)
        return err->rc;
    task->changelog_attached = true;
    task->restored = 0;
    task->restore_deadline_ms = cv_mono_ms() + RESTORE_PATIENCE_MS;
    return CV_OK;
}

/* What the state has read goes on where the group says; an input that would begin anew under it would count twice. */
static enum cv_rc
check_offsets(const struct stream_task *task, struct cv_err *err)
{
    for (size_t i = 0; i < task->n_inputs; i++) {
        const struct input *in = &task->inputs[i];

        if (in->identified && !in->committed)
            return cv_fail(err, CV_INVALID,
                           "topic \"%s\" partition %d was read before, but the group \"%s\" has no "
                           "committed offset of it: it was deleted, or has expired while no worker "
                           "ran (offsets.retention.minutes); begin anew with culvert-streams reset",
                           in->source->topic, (int)in->partition, task->spec.plan->application_id);
    }
    return CV_OK;
}

static enum cv_rc
start_running(struct stream_task *task, struct cv_err *err)
{
    enum cv_rc rc = task_load_marks(task, err);

    if (rc == CV_OK)
        rc = check_offsets(task, err);
    if (rc == CV_OK)
        rc = attach_inputs(task, err);
    if (rc == CV_OK) {
        task->memory_fresh = false;
        task->committed_ms = task->saved_ms = cv_mono_ms();
        task_set_state(task, TASK_RUNNING, "");
    }
    return rc;
}

enum cv_rc
task_prepare(struct stream_task *task, struct cv_err *err)
{
    struct committed all = { 0 };
    enum cv_rc rc = CV_OK;

    if (task->state == NULL)
        rc = task_open_state(task, err);
    if (rc == CV_OK)
        rc = read_committed(task, &all, err);
    for (size_t i = 0; i < task->n_inputs && rc == CV_OK; i++)
        rc = place_input(task, &task->inputs[i], err);
    if (rc == CV_OK)
        rc = fit_state(task, &all, err);
    if (rc == CV_OK)
        rc = check_changelog(task, err);
    task->prepared = rc == CV_OK;
    return rc;
}

enum cv_rc
task_begin(struct stream_task *task, struct cv_err *err)
{
    enum cv_rc rc;

    task->prepared = false;
    if (task->changelog_next >= task->restore_target)
        return start_running(task, err);
    rc = attach_changelog(task, err);
    if (rc == CV_OK)
        task_set_state(task, TASK_RESTORING, "the state file is behind the changelog");
    return rc;
}

/* ---- the changelog's records ---- */

/* Commit what was restored so far: an interrupted restore goes on there. */
static enum cv_rc
save_restored(struct stream_task *task, struct cv_err *err)
{
    int64_t next = task->changelog_next > task->file_next ? task->changelog_next : task->file_next;
    enum cv_rc rc;

    if (changelog_unread(task->changelog) > 0) /* who goes on here would not know of them */
        return CV_OK;
    rc = db_begin(task->db, err);
    if (rc == CV_OK)
        rc = state_set_number(task->state, "changelog", next, err);
    if (rc == CV_OK)
        rc = state_set_number(task->state, "last_alive_ms", cv_now_ms(), err);
    return rc == CV_OK ? db_commit(task->db, err) : rc;
}

/* With transactions a state without offsets is one whose offsets were lost. Without, it may be one that was written
   just before a death; all that was read is read again anyhow. */
static enum cv_rc
finish_probe(struct stream_task *task, struct cv_err *err)
{
    enum cv_rc rc = task_load_marks(task, err);

    task->probing = false;
    if (rc == CV_OK && !task->spec.plan->at_least_once)
        rc = check_offsets(task, err);
    if (rc != CV_OK || task->restored == 0)
        return rc;
    CV_LOG_WARN(task->log, "the changelog has a state, but the group has no committed offsets; the task begins anew",
                CV_STR("task", task->status.id));
    task_close_state(task);
    task->wipe = true;
    rc = task_open_state(task, err);
    return rc == CV_OK ? state_set_text(task->state, "generation", task->generation, err) : rc;
}

static enum cv_rc
finish_restore(struct stream_task *task, struct cv_err *err)
{
    struct cv_topic_partition item = { .topic = task->changelog_topic,
                                       .partition = task->spec.partition };
    struct cv_topic_partitions part = { .items = &item, .count = 1 };
    enum cv_rc rc;

    if (task->changelog_next < task->restore_target)
        task->changelog_next = task->restore_target; /* the last ones were transaction marks */
    rc = changelog_check_unread(task->changelog, err);
    if (rc == CV_OK)
        rc = save_restored(task, err);
    if (rc == CV_OK && task->probing)
        rc = finish_probe(task, err);
    if (rc == CV_OK)
        rc = task->spec.broker->ops->detach(task->spec.broker, &part, err);
    if (rc != CV_OK)
        return rc;
    task->changelog_attached = false;
    CV_LOG_INFO(task->log, "state restored", CV_STR("task", task->status.id),
                CV_INT("records", task->restored));
    return start_running(task, err);
}

static enum cv_rc
take_changelog(struct stream_task *task, const struct cv_consumed *msg, struct cv_err *err)
{
    enum cv_rc rc = CV_OK;

    task->restore_deadline_ms = cv_mono_ms() + RESTORE_PATIENCE_MS;
    if (!msg->eof && msg->offset < task->restore_target && msg->offset >= task->changelog_next) {
        rc = db_begin(task->db, err);
        if (rc == CV_OK)
            rc = changelog_apply(task->changelog, msg->key, msg->value,
                                 msg->offset < task->file_next, err);
        if (rc != CV_OK)
            return cv_err_context(err, "changelog topic \"%s\" partition %d offset %lld",
                                  task->changelog_topic, (int)msg->partition,
                                  (long long)msg->offset);
        task->changelog_next = msg->offset + 1;
        if (++task->restored % RESTORE_BATCH == 0)
            rc = save_restored(task, err);
        if (task->restored % RESTORE_BATCH == 0)
            task_publish(task);
    }
    if (rc == CV_OK && (task->changelog_next >= task->restore_target ||
                        (msg->eof ? msg->offset : msg->offset + 1) >= task->restore_target))
        rc = finish_restore(task, err);
    return rc;
}

enum cv_rc
task_tick(struct stream_task *task, struct cv_err *err)
{
    int64_t max = task->spec.plan->max_state_bytes;

    if (max > 0 && task->state != NULL && task->status.state_bytes > max &&
        task->status.state != TASK_FAILED)
        return cv_fail(err, CV_INVALID,
                       "the state of task %s has %lld bytes, more than max_state_bytes = %lld; what "
                       "grows in it? Give its tables WINDOW or EXPIRE, or raise the option",
                       task->status.id, (long long)task->status.state_bytes, (long long)max);
    if (task->status.state != TASK_RESTORING || cv_mono_ms() < task->restore_deadline_ms)
        return CV_OK;
    return cv_fail(
        err, CV_INVALID,
        "the changelog topic \"%s\" partition %d cannot be read up to %lld, which was committed; "
        "it is at "
        "%lld: records were deleted or a transaction hangs; restart, or begin anew with "
        "culvert-streams reset",
        task->changelog_topic, (int)task->spec.partition, (long long)task->restore_target,
        (long long)task->changelog_next);
}

/* ---- routing ---- */

static bool
same_topic(const char *a, const char *b)
{
    return a == b || strcmp(a, b) == 0;
}

static enum cv_rc
take_input(struct stream_task *task, struct input *in, struct cv_consumed *msg, struct cv_err *err)
{
    enum cv_rc rc = CV_OK;
    bool keep = false;

    if ((task->status.state != TASK_RUNNING && task->status.state != TASK_PAUSED) ||
        !in->attached) {
        /* left over from before the partition was given up */
    } else if (msg->eof) {
        input_eof(in, msg->offset);
    } else if (msg->offset >= in->taken_next) { /* else fetched twice (librdkafka before 2.1.1) */
        rc = input_put(in, msg, err);
        keep = rc == CV_OK;
    }
    if (!keep)
        cv_consumed_free(msg, 1);
    return rc;
}

enum cv_rc
task_route(struct stream_task *task, struct cv_consumed *msg, bool *ret_taken, struct cv_err *err)
{
    *ret_taken = false;
    if (msg->partition != task->spec.partition)
        return CV_OK;
    for (size_t i = 0; i < task->n_inputs; i++) {
        if (same_topic(msg->topic, task->inputs[i].source->topic)) {
            *ret_taken = true;
            return take_input(task, &task->inputs[i], msg, err);
        }
    }
    if (same_topic(msg->topic, task->changelog_topic)) {
        enum cv_rc rc = CV_OK;

        *ret_taken = true;
        if (task->status.state == TASK_RESTORING && task->changelog_attached)
            rc = take_changelog(task, msg, err);
        cv_consumed_free(msg, 1);
        return rc;
    }
    return CV_OK;
}
