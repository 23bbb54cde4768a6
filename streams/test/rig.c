/* SPDX-License-Identifier: Apache-2.0 */
/* A pipeline at work in memory; see rig.h. */
#include "streams/test/rig.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/murmur2.h"
#include "streams/engine/global.h"
#include "streams/engine/loop.h"
#include "streams/store/origin.h"

#define PARTITIONS 3
#define START_MS   INT64_C(1767225600000) /* 2026-01-01, unless AT says otherwise */
#define ROUNDS     12

struct rig {
    const struct plan *plan;
    struct memory_kafka *kafka;
    struct origin *origin;
    struct status_board *board;
    struct global *global;
    struct loop *loop;
    int32_t *partitions;
    char dir[64];
    char global_path[96];
    int64_t now_ms;
    int64_t lsn;
};

static const struct plan_source *
find_source(const struct rig *rig, const char *name)
{
    for (size_t i = 0; i < rig->plan->n_sources; i++) {
        if (strcmp(rig->plan->sources[i].name, name) == 0)
            return &rig->plan->sources[i];
    }
    return NULL;
}

/* ---- events ---- */

static void
put(struct rig *rig, const struct plan_source *source, int32_t partition, const char *key,
    const struct cv_buf *value)
{
    memory_kafka_put(rig->kafka, source->topic, partition, key,
                     value == NULL ? NULL : cv_buf_cstr(value), rig->now_ms);
}

static void
tell(void *arg, const char *table, char op, const char *key, const char *before, const char *after)
{
    struct rig *rig = arg;
    const struct plan_source *source = find_source(rig, table);
    struct cv_buf value = CV_BUF_INIT((size_t)16 << 20);
    int32_t partition = cv_murmur2_partition(key, strlen(key), PARTITIONS);

    rig->lsn += 8;
    if (source->format == PLAN_JSON)
        cv_buf_str(&value, after == NULL ? "null" : after);
    else if (source->messages)
        cv_buf_printf(&value, "{\"op\":\"m\",\"source\":{\"ts_ms\":%lld,\"lsn\":%lld},\"message\":%s}",
                      (long long)rig->now_ms, (long long)rig->lsn, after == NULL ? "null" : after);
    else
        cv_buf_printf(&value,
                      "{\"before\":%s,\"after\":%s,\"source\":{\"ts_ms\":%lld,\"lsn\":%lld,"
                      "\"snapshot\":\"false\"},\"op\":\"%c\"}",
                      before == NULL || op == 'u' ? "null" : before, after == NULL ? "null" : after,
                      (long long)rig->now_ms, (long long)rig->lsn, op);
    if (source->format != PLAN_JSON || after != NULL)
        put(rig, source, partition, key, &value);
    if (op == 'd' && source->format != PLAN_JSON)
        put(rig, source, partition, key, NULL); /* the tombstone that follows a delete */
    cv_buf_free(&value);
}

void
rig_at(struct rig *rig, int64_t ms)
{
    rig->now_ms = ms;
    if (ms > cv_now_ms())
        cv_clock_test_stop(ms, cv_mono_ms());
}

enum cv_rc
rig_sql(struct rig *rig, const char *sql, struct cv_err *err)
{
    return origin_run(rig->origin, sql, err);
}

/* ---- the worker ---- */

static enum cv_rc
start_global(struct rig *rig, struct cv_err *err)
{
    struct global_spec spec = { .plan = rig->plan,
                                .partitions = rig->partitions,
                                .path = rig->global_path,
                                .board = rig->board };

    if (rig->plan->n_globals == 0)
        return CV_OK;
    spec.broker = memory_broker_new(rig->kafka, "global");
    return global_new(&spec, &rig->global, err);
}

static struct cv_buf console = CV_BUF_INIT((size_t)64 << 20); /* of the one rig that there is at a time */

static void
print(const char *text, size_t len)
{
    cv_buf_add(&console, text, len);
}

const char *
rig_console(const struct rig *rig)
{
    (void)rig;
    return cv_buf_cstr(&console);
}

static enum cv_rc
start(struct rig *rig, struct cv_err *err)
{
    struct loop_spec spec = { .plan = rig->plan,
                              .board = rig->board,
                              .print = print,
                              .broker = memory_broker_new(rig->kafka, "worker-0") };
    struct task_spec task = { .plan = rig->plan,
                              .partitions = rig->partitions,
                              .state_dir = rig->dir,
                              .start_offset = CV_OFFSET_BEGINNING };
    enum cv_rc rc = loop_new(&spec, &rig->loop, err);

    if (rc == CV_OK && rig->global == NULL)
        rc = start_global(rig, err);
    task.global_path = rig->global != NULL ? rig->global_path : NULL;
    for (task.group = 0; task.group < rig->plan->n_groups && rc == CV_OK; task.group++) {
        int32_t count = rig->partitions[rig->plan->groups[task.group].anchor];

        for (task.partition = 0; task.partition < count && rc == CV_OK; task.partition++)
            rc = loop_open(rig->loop, &task, err);
    }
    return rc;
}

static void
die(struct rig *rig)
{
    loop_free(rig->loop);
    rig->loop = NULL;
}

enum cv_rc
rig_new(const struct plan *plan, struct rig **ret, struct cv_err *err)
{
    struct rig *rig = calloc(1, sizeof(*rig));
    enum cv_rc rc = CV_OK;

    if (rig == NULL)
        return cv_fail_memory(err);
    rig->plan = plan;
    rig->now_ms = START_MS;
    rig->lsn = 1000;
    cv_clock_test_stop(START_MS, 1000000);
    strcpy(rig->dir, "/tmp/culvert-streams-test-XXXXXX");
    if (mkdtemp(rig->dir) == NULL)
        rc = cv_fail(err, CV_INVALID, "could not make a folder in /tmp");
    snprintf(rig->global_path, sizeof(rig->global_path), "%s/global.db", rig->dir);
    rig->kafka = memory_kafka_new();
    rig->board = status_board_new();
    rig->partitions = calloc(plan->n_sources + 1, sizeof(*rig->partitions));
    if (rig->kafka == NULL || rig->board == NULL || rig->partitions == NULL)
        rc = cv_fail_memory(err);
    if (rc == CV_OK)
        rc = origin_new(tell, rig, &rig->origin, err);
    for (size_t i = 0; i < plan->n_sources && rc == CV_OK; i++) {
        const struct plan_source *source = &plan->sources[i];

        rig->partitions[i] = source->partitions > 0 ? source->partitions : PARTITIONS;
        if (source->from == PLAN_NONE)
            rc = origin_add(rig->origin, source->table, source->st->columns.text, err);
    }
    if (rc == CV_OK)
        rc = start(rig, err);
    if (rc != CV_OK) {
        rig_free(rig);
        return rc;
    }
    *ret = rig;
    return CV_OK;
}

static int
remove_one(const char *path, const struct stat *info, int kind, struct FTW *ftw)
{
    (void)info;
    (void)kind;
    (void)ftw;
    return remove(path);
}

void
rig_free(struct rig *rig)
{
    if (rig == NULL)
        return;
    if (rig->loop != NULL)
        die(rig);
    global_free(rig->global);
    status_board_free(rig->board);
    origin_free(rig->origin);
    if (rig->kafka != NULL)
        memory_kafka_free(rig->kafka);
    nftw(rig->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(rig->partitions);
    free(rig);
    cv_buf_free(&console);
    cv_clock_test_run();
}

/* ---- work ---- */

static enum cv_rc
check_tasks(struct rig *rig, struct cv_err *err)
{
    size_t count;
    struct task_status *tasks = status_board_copy(rig->board, &count);
    enum cv_rc rc = CV_OK;

    for (size_t i = 0; i < count && rc == CV_OK; i++) {
        if (tasks[i].state == TASK_FAILED)
            rc = cv_fail(err, CV_INVALID, "task %s failed: %s", tasks[i].id, tasks[i].error);
    }
    free(tasks);
    return rc;
}

static enum cv_rc
turn(struct rig *rig, struct cv_err *err)
{
    if (rig->global != NULL && global_turn(rig->global, 0, err) != CV_OK)
        return err->rc;
    loop_turn(rig->loop, 0);
    loop_turn(rig->loop, 0);
    return CV_OK;
}

enum cv_rc
rig_work(struct rig *rig, struct cv_err *err)
{
    for (int i = 0; i < ROUNDS; i++) {
        if (turn(rig, err) != CV_OK)
            return err->rc;
        loop_settle(rig->loop);
        cv_clock_test_advance(250); /* what waits after a failure goes on */
    }
    return check_tasks(rig, err);
}

static enum cv_rc
restart(struct rig *rig, struct cv_err *err)
{
    memory_kafka_fail(rig->kafka, 0, false);
    die(rig);
    if (start(rig, err) != CV_OK)
        return err->rc;
    return rig_work(rig, err);
}

enum cv_rc
rig_crash(struct rig *rig, const char *step, struct cv_err *err)
{
    static const char *const steps[] = { "process", "flush", "offsets", "kafka-commit",
                                         "sqlite-commit" };
    size_t n = 0;

    while (n < CV_COUNT(steps) && strcmp(steps[n], step) != 0)
        n++;
    if (n == CV_COUNT(steps))
        return cv_fail(err, CV_NOT_FOUND,
                       "CRASH AFTER '%s' is not known; there are 'process', 'flush', 'offsets', "
                       "'kafka-commit' and 'sqlite-commit'",
                       step);
    /* The records are taken; nothing is committed unless the interval is over. */
    for (int i = 0; i < 3; i++) {
        if (turn(rig, err) != CV_OK)
            return err->rc;
    }
    if (n == 1 || n == 2)
        memory_kafka_fail_call(rig->kafka, step, true);
    if (n == 3)
        loop_commit(rig->loop);
    else if (n > 0)
        loop_settle(rig->loop);
    return restart(rig, err);
}

enum cv_rc
rig_lose_state(struct rig *rig, struct cv_err *err)
{
    for (size_t g = 0; g < rig->plan->n_groups; g++) {
        for (int32_t p = 0; p < rig->partitions[rig->plan->groups[g].anchor]; p++) {
            char path[256];

            snprintf(path, sizeof(path), "%s/%s_%d", rig->dir, rig->plan->groups[g].name, (int)p);
            if (p == 0 && g == 0)
                die(rig);
            nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        }
    }
    if (start(rig, err) != CV_OK)
        return err->rc;
    return rig_work(rig, err);
}

enum cv_rc
rig_wait(struct rig *rig, int64_t ms, struct cv_err *err)
{
    enum cv_rc rc = rig_work(rig, err);

    cv_clock_test_advance(ms);
    rig->now_ms += ms;
    return rc == CV_OK ? rig_work(rig, err) : rc;
}

/* An event that is none of the source's kind moves the clock and nothing else. */
enum cv_rc
rig_watermark(struct rig *rig, int64_t ms, struct cv_err *err)
{
    for (size_t i = 0; i < rig->plan->n_sources; i++) {
        const struct plan_source *source = &rig->plan->sources[i];
        struct cv_buf value = CV_BUF_INIT(1024);

        if (source->from != PLAN_NONE || source->global || source->format == PLAN_JSON)
            continue;
        rig->lsn += 8;
        rig_at(rig, ms + source->delay_ms);
        cv_buf_printf(&value, "{\"source\":{\"ts_ms\":%lld,\"lsn\":%lld},\"op\":\"%c\"}",
                      (long long)rig->now_ms, (long long)rig->lsn, source->messages ? 't' : 'm');
        for (int32_t p = 0; p < rig->partitions[i]; p++)
            put(rig, source, p, NULL, &value);
        cv_buf_free(&value);
    }
    rig->now_ms = ms;
    return rig_work(rig, err);
}

struct memory_kafka *
rig_kafka(struct rig *rig)
{
    return rig->kafka;
}

const char *
rig_task_file(struct rig *rig, const char *table, int32_t n, char *out, size_t size)
{
    const struct plan *plan = rig->plan;
    size_t group = PLAN_NONE;

    for (size_t i = 0; i < plan->n_states; i++) {
        if (strcasecmp(plan->states[i].name, table) == 0)
            group = plan->states[i].group;
    }
    for (size_t i = 0; i < plan->n_sources; i++) {
        if (strcasecmp(plan->sources[i].name, table) == 0 && !plan->sources[i].stream)
            group = plan->sources[i].group;
    }
    if (group == PLAN_NONE || n >= rig->partitions[plan->groups[group].anchor])
        return NULL;
    snprintf(out, size, "%s/%s_%d/task.db", rig->dir, plan->groups[group].name, (int)n);
    return out;
}
