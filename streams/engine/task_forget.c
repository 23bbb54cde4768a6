/* SPDX-License-Identifier: Apache-2.0 */
/* A state table without its rows; see task_forget.h. */
#include "streams/engine/task_forget.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "common/clock.h"
#include "common/map.h"
#include "common/reader.h"
#include "streams/engine/task_private.h"

#define POLL_MAX    1000
#define POLL_MS     100
#define PATIENCE_MS 60000
#define SCRATCH_MAX ((size_t)64 << 20)

/* One task's share of it. */
struct forget {
    struct broker *b;
    const struct plan *plan;
    const struct plan_group *group;
    const struct plan_state *state;
    int32_t partition;
    char topic[300]; /* its changelog */
    struct cv_topic_partitions offsets; /* what is committed of its inputs; strings owned */
    struct cv_hash *rows;               /* keys of records whose rows are there */
    struct cv_buf scratch;
};

enum cv_rc
task_forget_find(const struct plan *plan, const char *table, size_t *ret_state, struct cv_err *err)
{
    struct cv_buf names = CV_BUF_INIT(4096);
    enum cv_rc rc;

    for (size_t i = 0; i < plan->n_states; i++) {
        if (strcasecmp(plan->states[i].name, table) == 0 && plan->states[i].group != PLAN_NONE) {
            *ret_state = i;
            return CV_OK;
        }
    }
    for (size_t i = 0; i < plan->n_sources; i++) {
        if (strcasecmp(plan->sources[i].name, table) == 0)
            return cv_fail(err, CV_INVALID,
                           "\"%s\" is a source, whose rows are those of its topic: give it a new name to "
                           "read it anew, or reset the whole application",
                           plan->sources[i].name);
    }
    for (size_t i = 0; i < plan->n_states; i++)
        cv_buf_printf(&names, "%s%s", i > 0 ? ", " : "", plan->states[i].name);
    rc = cv_fail(err, CV_INVALID, "there is no state table \"%s\" in use; there are: %s", table,
                 cv_buf_cstr(&names));
    cv_buf_free(&names);
    return rc;
}

/* ---- what is there ---- */

static void
offsets_done(struct cv_topic_partitions *offsets)
{
    for (size_t i = 0; i < offsets->count; i++)
        free((char *)(uintptr_t)offsets->items[i].metadata);
    free(offsets->items);
    *offsets = (struct cv_topic_partitions){ 0 };
}

static enum cv_rc
read_offsets(struct forget *f, struct cv_err *err)
{
    f->offsets.items = calloc(f->group->n_sources, sizeof(*f->offsets.items));
    if (f->offsets.items == NULL)
        return cv_fail_memory(err);
    f->offsets.count = f->group->n_sources;
    for (size_t i = 0; i < f->group->n_sources; i++)
        f->offsets.items[i] = (struct cv_topic_partition){
            .topic = f->plan->sources[f->group->sources[i]].topic,
            .partition = f->partition,
            .offset = CV_OFFSET_INVALID,
        };
    return f->b->ops->committed(f->b, &f->offsets, err);
}

/* A row of the table, or of it among those that wait for ON CHANGE OF ... EVERY. */
static bool
belongs(struct forget *f, struct cv_bytes key)
{
    const struct table *pending = f->plan->engine[PLAN_PENDING];
    struct cv_reader in = cv_reader_of(key.data, key.len);
    uint32_t id = cv_read_u32(&in);
    struct cell cells[2];
    struct cv_err err = CV_ERR_INIT;

    if (id != pending->id || in.failed)
        return !in.failed && id == f->state->table->id;
    if (changelog_key_cells(pending, key, cells, &f->scratch, &err) != CV_OK ||
        cells[1].kind != CELL_BLOB)
        return false;
    in = cv_reader_of(cells[1].data, cells[1].len);
    return cv_read_u32(&in) == f->state->table->id && !in.failed;
}

static enum cv_rc
take(struct forget *f, const struct cv_consumed *msg, int64_t *inout_next, struct cv_err *err)
{
    if (msg->eof) {
        *inout_next = msg->offset > *inout_next ? msg->offset : *inout_next;
        return CV_OK;
    }
    *inout_next = msg->offset + 1;
    if (!belongs(f, msg->key))
        return CV_OK;
    if (msg->value.data == NULL)
        cv_hash_remove_bytes(f->rows, msg->key.data, msg->key.len);
    else if (!cv_hash_put_bytes(f->rows, msg->key.data, msg->key.len, f))
        return cv_fail_memory(err);
    return CV_OK;
}

static enum cv_rc
read_to(struct forget *f, int64_t next, int64_t high, struct cv_err *err)
{
    struct cv_consumed *batch = calloc(POLL_MAX, sizeof(*batch));
    int64_t deadline = cv_mono_ms() + PATIENCE_MS;
    enum cv_rc rc = batch == NULL ? cv_fail_memory(err) : CV_OK;

    while (rc == CV_OK && next < high) {
        size_t n = 0;

        rc = f->b->ops->poll(f->b, batch, POLL_MAX, POLL_MS, &n, err);
        for (size_t i = 0; i < n && rc == CV_OK; i++)
            rc = take(f, &batch[i], &next, err);
        cv_consumed_free(batch, n);
        if (n > 0)
            deadline = cv_mono_ms() + PATIENCE_MS;
        else if (rc == CV_OK && cv_mono_ms() > deadline)
            rc = cv_fail(err, CV_RETRY, "the changelog topic \"%s\" partition %d cannot be read up to %lld",
                         f->topic, (int)f->partition, (long long)high);
    }
    free(batch);
    return rc;
}

static enum cv_rc
read_changelog(struct forget *f, struct cv_err *err)
{
    struct cv_topic_partition item = { .topic = f->topic, .partition = f->partition };
    struct cv_topic_partitions part = { .items = &item, .count = 1 };
    int64_t high;
    enum cv_rc rc = f->b->ops->range(f->b, f->topic, f->partition, &item.offset, &high, err);

    if (rc == CV_OK)
        rc = f->b->ops->attach(f->b, &part, err);
    if (rc != CV_OK)
        return rc;
    rc = read_to(f, item.offset, high, err);
    return rc == CV_OK ? f->b->ops->detach(f->b, &part, err) : rc;
}

/* ---- and goes ---- */

static enum cv_rc
send_deletions(struct forget *f, struct cv_delivery *delivery, struct cv_err *err)
{
    struct out_record rec = { .topic = f->topic, .partition = f->partition,
                              .timestamp_ms = CV_NO_TIMESTAMP };
    struct cv_hash_entry entry;
    size_t i = 0;
    enum cv_rc rc = CV_OK;

    while (rc == CV_OK && cv_hash_next(f->rows, &i, &entry)) {
        rec.key = (struct cv_bytes){ .data = entry.key, .len = entry.key_len };
        rc = f->b->ops->send(f->b, &rec, delivery, err);
    }
    if (rc == CV_OK)
        rc = f->b->ops->flush(f->b, err);
    if (rc == CV_OK && delivery->failed > 0) {
        *err = delivery->err;
        rc = err->rc;
    }
    return rc;
}

/* Inputs go on where they were; the state that belongs to that lacks the table's rows. */
static enum cv_rc
write_offsets(struct forget *f, int64_t changelog_next, struct cv_err *err)
{
    struct cv_topic_partitions known = { .items = calloc(f->offsets.count, sizeof(*known.items)) };
    enum cv_rc rc = known.items == NULL ? cv_fail_memory(err) : CV_OK;

    for (size_t i = 0; i < f->offsets.count && rc == CV_OK; i++) {
        struct cv_topic_partition *item = &f->offsets.items[i];
        struct offset_note note;
        struct cv_buf text = CV_BUF_INIT(4096);

        if (item->offset < 0)
            continue;
        if (!offset_note_read(item->metadata, &note)) {
            rc = cv_fail(err, CV_INVALID,
                         "the committed offset of topic \"%s\" partition %d was not written by this "
                         "application; reset the whole of it",
                         item->topic, (int)item->partition);
            break;
        }
        note.changelog_next = changelog_next;
        offset_note_write(&note, &text);
        free((char *)(uintptr_t)item->metadata);
        item->metadata = cv_buf_take(&text);
        known.items[known.count++] = *item;
        cv_buf_free(&text);
    }
    if (rc == CV_OK)
        rc = f->b->ops->offsets(f->b, &known, err);
    free(known.items);
    return rc;
}

static enum cv_rc
forget_task(struct forget *f, size_t *inout_rows, struct cv_err *err)
{
    struct cv_delivery delivery;
    enum cv_rc rc = read_offsets(f, err);

    if (rc == CV_OK)
        rc = read_changelog(f, err);
    if (rc != CV_OK || cv_hash_count(f->rows) == 0)
        return rc;
    cv_delivery_init(&delivery, NULL);
    rc = f->b->ops->begin(f->b, err);
    if (rc == CV_OK)
        rc = send_deletions(f, &delivery, err);
    if (rc == CV_OK)
        rc = write_offsets(f, delivery.last_offset + 1, err);
    if (rc == CV_OK)
        rc = f->b->ops->commit(f->b, err);
    if (rc == CV_OK)
        *inout_rows += cv_hash_count(f->rows);
    else
        f->b->ops->drop(f->b); /* before the keys that it still may send */
    return rc;
}

enum cv_rc
task_forget_run(struct broker *b, const struct plan *plan, size_t state, const int32_t *partitions,
                size_t *ret_rows, struct cv_err *err)
{
    const struct plan_group *group = &plan->groups[plan->states[state].group];
    size_t rows = 0;
    enum cv_rc rc = CV_OK;

    for (int32_t p = 0; p < partitions[group->anchor] && rc == CV_OK; p++) {
        struct forget f = { .b = b, .plan = plan, .group = group, .state = &plan->states[state],
                            .partition = p, .rows = cv_hash_new(NULL) };

        cv_buf_init(&f.scratch, SCRATCH_MAX);
        snprintf(f.topic, sizeof(f.topic), "%s-%s-changelog", plan->application_id, group->name);
        rc = f.rows == NULL ? cv_fail_memory(err) : forget_task(&f, &rows, err);
        offsets_done(&f.offsets);
        cv_hash_free(f.rows);
        cv_buf_free(&f.scratch);
        if (rc != CV_OK)
            return cv_err_context(err, "task %s_%d", group->name, (int)p);
    }
    *ret_rows = rows;
    return rc;
}
