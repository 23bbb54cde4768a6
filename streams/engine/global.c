/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper of the GLOBAL tables; see global.h. */
#include "streams/engine/global.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/log.h"
#include "streams/engine/input.h"

#define POLL_MAX   1000
#define SAVE_AFTER 20000 /* records, while it is read for the first time */
#define TURN_MS    100
#define RETRY_MS   1000
#define PUBLISH_MS 1000

/* What the partitions of one source share. */
struct shared {
    const struct plan_source *source;
    struct applier *applier;
    struct source *decoder;
    int64_t rows; /* counted where there is a limit */
};

struct partition {
    struct shared *shared;
    int32_t number;
    struct position pos;
    int64_t goal; /* the end at the start */
    int64_t end;
    int64_t taken_next;
};

struct global {
    struct global_spec spec;
    struct cv_log *log;
    struct state *state;
    struct database *db;
    struct shared *shared; /* one a GLOBAL source */
    size_t n_shared;
    struct partition *partitions;
    size_t n_partitions;
    struct cv_consumed *batch;
    bool attached;
    size_t left; /* partitions that have not reached their goal */
    size_t unsaved; /* records */
    struct task_status status;
    int64_t next_publish_ms;
    atomic_bool stop;
    struct cv_wake wake; /* ends the wait for Kafka */

    struct cv_lock lock; /* guards what follows */
    enum global_state verdict;
    struct cv_err err;
};

static enum cv_rc
open_file(struct global *global, struct cv_err *err)
{
    const struct plan *plan = global->spec.plan;
    struct cv_buf tables = CV_BUF_INIT((size_t)4 << 20);
    struct cv_buf owner = CV_BUF_INIT(1024);
    const char **indexes = calloc(2 * plan->n_indexes + 1, sizeof(*indexes));
    struct state_spec spec = { .path = global->spec.path, .log = global->log, .indexes = indexes };
    enum cv_rc rc;

    if (indexes == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < plan->n_sources; i++) {
        /* With the topic, so that the copy of another one is not gone on with. */
        if (plan->sources[i].global)
            cv_buf_printf(&tables, "%s%s -- %s\n", tables.len > 0 ? ";\n" : "", plan->sources[i].ddl,
                          plan->sources[i].topic);
    }
    for (size_t i = 0; i < plan->n_indexes; i++) {
        if (plan->indexes[i].group != PLAN_NONE)
            continue;
        indexes[2 * spec.n_indexes] = plan->indexes[i].name;
        indexes[2 * spec.n_indexes++ + 1] = plan->indexes[i].sql;
    }
    cv_buf_printf(&owner, "%s/global", plan->application_id);
    rc = cv_buf_check(&tables, err);
    spec.tables = cv_buf_cstr(&tables);
    spec.owner = cv_buf_cstr(&owner);
    if (rc == CV_OK)
        rc = state_open(&spec, &global->state, err);
    cv_buf_free(&tables);
    cv_buf_free(&owner);
    free(indexes);
    return rc;
}

static enum cv_rc
count_rows(struct global *global, struct shared *shared, struct cv_err *err)
{
    struct cv_buf sql = CV_BUF_INIT(1024);
    struct statement *st = NULL;
    bool row;
    enum cv_rc rc;

    cv_buf_str(&sql, "SELECT count(*) FROM ");
    cv_buf_sql_ident(&sql, shared->source->name);
    rc = db_prepare(global->db, cv_buf_cstr(&sql), &st, NULL, err);
    if (rc == CV_OK)
        rc = statement_step(global->db, st, &row, err);
    if (rc == CV_OK)
        shared->rows = statement_int(st, 0);
    statement_free(st);
    cv_buf_free(&sql);
    return rc;
}

static enum cv_rc
open_sources(struct global *global, struct cv_err *err)
{
    enum cv_rc rc = CV_OK;

    global->db = state_db(global->state);
    for (size_t i = 0; i < global->n_shared && rc == CV_OK; i++)
        rc = applier_new(global->db, global->shared[i].source, &global->shared[i].applier, err);
    for (size_t i = 0; i < global->n_shared && rc == CV_OK; i++) {
        if (global->shared[i].source->max_rows > 0)
            rc = count_rows(global, &global->shared[i], err);
    }
    return rc;
}

static void
close_sources(struct global *global)
{
    for (size_t i = 0; i < global->n_shared; i++) {
        applier_free(global->shared[i].applier);
        global->shared[i].applier = NULL;
    }
}

static enum cv_rc
make_partitions(struct global *global, struct cv_err *err)
{
    const struct plan *plan = global->spec.plan;
    size_t total = 0;

    for (size_t i = 0; i < plan->n_sources; i++)
        total += plan->sources[i].global ? (size_t)global->spec.partitions[i] : 0;
    global->shared = calloc(plan->n_globals + 1, sizeof(*global->shared));
    global->partitions = calloc(total + 1, sizeof(*global->partitions));
    global->batch = calloc(POLL_MAX, sizeof(*global->batch));
    if (global->shared == NULL || global->partitions == NULL || global->batch == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < plan->n_sources; i++) {
        struct shared *shared = &global->shared[global->n_shared];

        if (!plan->sources[i].global)
            continue;
        global->n_shared++;
        shared->source = &plan->sources[i];
        if (source_new(shared->source, &shared->decoder, err) != CV_OK)
            return err->rc;
        for (int32_t p = 0; p < global->spec.partitions[i]; p++)
            global->partitions[global->n_partitions++] =
                (struct partition){ .shared = shared, .number = p };
    }
    return CV_OK;
}

enum cv_rc
global_new(const struct global_spec *spec, struct global **ret, struct cv_err *err)
{
    struct global *global = calloc(1, sizeof(*global));
    enum cv_rc rc;

    if (global == NULL) {
        spec->broker->ops->free(spec->broker);
        return cv_fail_memory(err);
    }
    global->spec = *spec;
    global->wake.fd = -1;
    global->log = cv_log_get("culvert.streams.global");
    cv_lock_init(&global->lock, CV_RANK_WORKER_STATE);
    snprintf(global->status.id, sizeof(global->status.id), "global");
    global->status.lag = -1;
    global->status.state = TASK_RESTORING;
    global->status.since_ms = cv_now_ms();
    rc = cv_wake_init(&global->wake, err);
    if (rc == CV_OK)
        rc = make_partitions(global, err);
    if (rc == CV_OK)
        rc = open_file(global, err);
    if (rc == CV_OK)
        rc = open_sources(global, err);
    if (rc != CV_OK) {
        global_free(global);
        return rc;
    }
    *ret = global;
    return CV_OK;
}

void
global_free(struct global *global)
{
    if (global == NULL)
        return;
    close_sources(global);
    state_close(global->state);
    for (size_t i = 0; i < global->n_shared; i++)
        source_free(global->shared[i].decoder);
    global->spec.broker->ops->free(global->spec.broker);
    cv_wake_done(&global->wake);
    cv_lock_done(&global->lock);
    free(global->shared);
    free(global->partitions);
    free(global->batch);
    free(global);
}

/* ---- where to go on ---- */

/* Where a partition starts; *ret_fits false: the file belongs to records that are no longer there.
 */
static enum cv_rc
place(struct global *global, struct partition *part, bool *ret_fits, struct cv_err *err)
{
    struct broker *b = global->spec.broker;
    const char *topic = part->shared->source->topic;
    int64_t low;
    bool found;
    enum cv_rc rc = state_position(global->state, topic, part->number, &part->pos, &found, err);

    if (rc == CV_OK)
        rc = b->ops->range(b, topic, part->number, &low, &part->goal, err);
    if (rc != CV_OK)
        return rc;
    if (!found)
        part->pos = (struct position){ .next_offset = low };
    else if (part->pos.next_offset < low || part->pos.next_offset > part->goal)
        *ret_fits = false;
    part->end = part->goal;
    part->taken_next = part->pos.next_offset;
    return CV_OK;
}

static enum cv_rc
place_all(struct global *global, struct cv_err *err)
{
    for (int attempt = 0; attempt < 2; attempt++) {
        bool fits = true;
        enum cv_rc rc = CV_OK;

        for (size_t i = 0; i < global->n_partitions && rc == CV_OK; i++)
            rc = place(global, &global->partitions[i], &fits, err);
        if (rc != CV_OK || fits)
            return rc;
        CV_LOG_WARN(
            global->log,
            "topics of GLOBAL tables were made anew or cut; reading them from their beginning");
        close_sources(global);
        rc = state_wipe(global->state, err);
        if (rc == CV_OK)
            rc = open_sources(global, err);
        if (rc != CV_OK)
            return rc;
    }
    return CV_OK;
}

static enum cv_rc
attach(struct global *global, struct cv_err *err)
{
    struct broker *b = global->spec.broker;

    if (place_all(global, err) != CV_OK)
        return err->rc;
    global->left = 0;
    for (size_t i = 0; i < global->n_partitions; i++) {
        struct partition *part = &global->partitions[i];
        struct cv_topic_partition item = { .topic = part->shared->source->topic,
                                           .partition = part->number,
                                           .offset = part->pos.next_offset };
        struct cv_topic_partitions parts = { .items = &item, .count = 1 };

        if (b->ops->attach(b, &parts, err) != CV_OK)
            return err->rc;
        global->left += part->pos.next_offset < part->goal;
    }
    global->attached = true;
    return CV_OK;
}

/* ---- records ---- */

static enum cv_rc
poison(struct global *global, const struct cv_consumed *msg, struct cv_err *err)
{
    cv_err_context(err, "GLOBAL table, topic \"%s\" partition %d offset %lld", msg->topic,
                   (int)msg->partition, (long long)msg->offset);
    if (global->spec.plan->on_error == PLAN_FAIL)
        return err->rc;
    /* There is no transaction here that a dead letter could be part of. */
    CV_LOG_WARN(global->log, "record cannot be processed and is left out", CV_ERR(err));
    global->status.dropped++;
    return CV_OK;
}

/* Every worker holds all of it: a table that grows beyond what was thought of is told. */
static enum cv_rc
watch_rows(struct shared *shared, const struct change *change, struct cv_err *err)
{
    if (change->op == 'd')
        shared->rows--;
    else
        shared->rows += change->old == NULL;
    if (shared->source->max_rows == 0 || shared->rows <= shared->source->max_rows)
        return CV_OK;
    return cv_fail(err, CV_NO_MEMORY,
                   "the GLOBAL table \"%s\" has more than max_rows = %lld rows, and every worker holds "
                   "all of them; raise max_rows, or join it by partition: without GLOBAL",
                   shared->source->name, (long long)shared->source->max_rows);
}

static enum cv_rc
apply(struct global *global, struct partition *part, const struct cv_consumed *msg,
      struct cv_err *err)
{
    struct event event;
    struct change change;
    enum applied applied;
    bool more = true;
    enum cv_rc rc = source_decode(part->shared->decoder, msg->key, msg->value, &event, err);

    if (rc == CV_OK)
        rc = applier_apply(part->shared->applier, &event, msg->key, msg->timestamp_ms, &part->pos, &applied,
                           &change, err);
    while (rc == CV_OK && applied == APPLIED_TRUNCATE && more) {
        rc = applier_truncate_next(part->shared->applier, &event, msg->timestamp_ms, &change, &more,
                                   err);
        part->shared->rows -= rc == CV_OK && more;
    }
    if (rc == CV_INVALID)
        return poison(global, msg, err);
    return rc == CV_OK && applied == APPLIED_CHANGE ? watch_rows(part->shared, &change, err) : rc;
}

static struct partition *
find(struct global *global, const struct cv_consumed *msg)
{
    for (size_t i = 0; i < global->n_partitions; i++) {
        if (global->partitions[i].number == msg->partition &&
            strcmp(global->partitions[i].shared->source->topic, msg->topic) == 0)
            return &global->partitions[i];
    }
    return NULL;
}

static enum cv_rc
take(struct global *global, const struct cv_consumed *msg, struct cv_err *err)
{
    struct partition *part = find(global, msg);
    bool before;
    enum cv_rc rc = CV_OK;

    if (part == NULL || (!msg->eof && msg->offset < part->taken_next))
        return CV_OK;
    before = part->pos.next_offset < part->goal;
    if (msg->eof) {
        part->end = part->pos.next_offset = msg->offset;
    } else {
        rc = db_begin(global->db, err);
        if (rc == CV_OK)
            rc = apply(global, part, msg, err);
        if (rc != CV_OK)
            return rc;
        part->pos.next_offset = part->taken_next = msg->offset + 1;
        if (part->pos.next_offset > part->end)
            part->end = part->pos.next_offset;
        global->status.consumed++;
        global->unsaved++;
    }
    if (before && part->pos.next_offset >= part->goal)
        global->left--;
    return CV_OK;
}

static enum cv_rc
save(struct global *global, struct cv_err *err)
{
    enum cv_rc rc = CV_OK;

    if (!db_in_transaction(global->db) ||
        (global->left > 0 && global->unsaved < SAVE_AFTER)) /* nobody looks at it yet */
        return CV_OK;
    global->unsaved = 0;
    for (size_t i = 0; i < global->n_partitions && rc == CV_OK; i++)
        rc = state_set_position(global->state, global->partitions[i].shared->source->topic,
                                global->partitions[i].number, &global->partitions[i].pos, err);
    return rc == CV_OK ? db_commit(global->db, err) : rc;
}

static void
publish(struct global *global, bool force)
{
    int64_t lag = 0;

    if (!force && cv_mono_ms() < global->next_publish_ms)
        return;
    global->next_publish_ms = cv_mono_ms() + PUBLISH_MS;
    for (size_t i = 0; i < global->n_partitions; i++)
        lag += global->partitions[i].end - global->partitions[i].pos.next_offset;
    global->status.lag = lag;
    global->status.restore_left = global->status.state == TASK_RESTORING ? lag : 0;
    global->status.state_bytes = state_bytes(global->state);
    global->status.wal_bytes = state_wal_bytes(global->state);
    if (global->spec.board != NULL)
        status_board_set(global->spec.board, &global->status);
}

static void
move(struct global *global, enum global_state verdict, const struct cv_err *err)
{
    cv_lock(&global->lock);
    global->verdict = verdict;
    if (err != NULL)
        global->err = *err;
    cv_unlock(&global->lock);
    global->status.state = verdict == GLOBAL_READY ? TASK_RUNNING : TASK_FAILED;
    global->status.since_ms = cv_now_ms();
    if (err != NULL) {
        snprintf(global->status.error, sizeof(global->status.error), "%s", err->text);
        CV_LOG_ERROR(global->log, "GLOBAL tables failed", CV_ERR(err));
    } else {
        CV_LOG_INFO(global->log, "GLOBAL tables are complete",
                    CV_INT("records", global->status.consumed));
    }
    publish(global, true);
}

enum cv_rc
global_turn(struct global *global, int timeout_ms, struct cv_err *err)
{
    struct broker *b = global->spec.broker;
    size_t n = 0;
    enum cv_rc rc = CV_OK;

    if (!global->attached)
        rc = attach(global, err);
    if (rc == CV_OK)
        rc = b->ops->poll(b, global->batch, POLL_MAX, timeout_ms, &n, err);
    for (size_t i = 0; i < n && rc == CV_OK; i++)
        rc = take(global, &global->batch[i], err);
    cv_consumed_free(global->batch, n);
    if (rc == CV_OK)
        rc = save(global, err);
    if (rc != CV_OK)
        return rc;
    if (global->left == 0 && global->status.state == TASK_RESTORING) {
        db_checkpoint(global->db);
        move(global, GLOBAL_READY, NULL);
    }
    publish(global, false);
    return CV_OK;
}

void
global_run(void *arg)
{
    struct global *global = arg;
    struct cv_err err = CV_ERR_INIT;

    while (!atomic_load(&global->stop)) {
        if (global_turn(global, TURN_MS, &err) == CV_OK)
            continue;
        if (err.rc != CV_RETRY || global->attached) {
            move(global, GLOBAL_FAILED, &err);
            return;
        }
        CV_LOG_WARN(global->log, "GLOBAL tables wait for Kafka", CV_ERR(&err));
        cv_wake_wait(&global->wake, cv_mono_ms() + RETRY_MS);
    }
}

void
global_stop(struct global *global)
{
    atomic_store(&global->stop, true);
    cv_wake_signal(&global->wake);
}

enum global_state
global_state(struct global *global, struct cv_err *err)
{
    enum global_state verdict;

    cv_lock(&global->lock);
    verdict = global->verdict;
    if (err != NULL && verdict == GLOBAL_FAILED)
        *err = global->err;
    cv_unlock(&global->lock);
    return verdict;
}
