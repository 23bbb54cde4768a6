/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker/sink_*.c: the loop of a sink task on a script. The consumer is a double: every poll runs the next line of
 * the script, which brings messages, moves partitions or changes the task's target; behind the last line the task
 * is stopped. Consumer, converters and sink write what they are asked into one trace, which the tests compare.
 * Each poll takes ten milliseconds.
 */
#include "worker/sink_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/helper/cmocka_all.h"
#include "tests/helper/fake_producer.h"

#include "common/arena.h"
#include "common/clock.h"
#include "common/kafka/admin.h"
#include "common/log.h"
#include "worker/clients.h"
#include "worker/worker_config.h"

#define POLL_MS  10
#define FLUSH_MS 1000
#define MAX_MSGS 16

typedef void script_line(void);

static struct {
    char trace[4096];
    script_line *const *next; /* NULL at the end */
    struct task task;
    struct worker_config worker;
    struct cv_consumer_events events;
    struct cv_sink_ctx *ctx;
    struct cv_consumed msgs[MAX_MSGS];
    size_t n_msgs;
    /* how the doubles answer */
    enum cv_rc put[8];
    size_t n_puts, put_at;
    enum cv_rc pre_commit, commit, open, poll, seek, start;
    int64_t lower_to; /* by pre_commit; -1: not */
    void (*in_put)(void);
    unsigned unanswered; /* commits that nobody waits for */
    enum cv_rc commit_answer;
    bool commits_hang;
    const char *topics[4]; /* of the cluster */
    size_t ahead[4]; /* what was read ahead when it is looked at; 0 at the end */
    size_t ahead_at;
    bool ignores_headers, chain_wants_headers;
    unsigned freed;
} t;

static void
say(const char *fmt, ...)
{
    size_t len = strlen(t.trace);
    va_list ap;

    assert_true(len + 100 < sizeof(t.trace));
    va_start(ap, fmt);
    vsnprintf(t.trace + len, sizeof(t.trace) - len, fmt, ap);
    va_end(ap);
}

static enum cv_rc
answer(enum cv_rc rc, const char *what, struct cv_err *err)
{
    return rc == CV_OK ? CV_OK : cv_fail(err, rc, "%s went wrong", what);
}

/* ---- doubles: the consumer ---- */

enum cv_rc
client_layers_init(struct client_layers *layers, enum cv_kafka_role role, const struct cv_config *worker_raw,
                   const struct cv_config *connector, const char *client_id, struct cv_kafka_conf *ret_conf,
                   struct cv_err *err)
{
    (void)layers;
    (void)worker_raw;
    (void)connector;
    (void)err;
    *ret_conf = (struct cv_kafka_conf){ .role = role };
    say("client %s;", client_id);
    return CV_OK;
}

bool
client_layers_differ(const struct client_layers *layers)
{
    (void)layers;
    return false;
}

void
client_layers_done(struct client_layers *layers)
{
    (void)layers;
}

enum cv_rc
cv_consumer_new(const struct cv_kafka_conf *conf, const char *group_id, const struct cv_consumer_events *events,
                struct cv_consumer **ret, struct cv_err *err)
{
    (void)conf;
    (void)err;
    say("group %s;", group_id);
    t.events = *events;
    *ret = (struct cv_consumer *)&t;
    return CV_OK;
}

void
cv_consumer_free(struct cv_consumer *consumer)
{
    if (consumer != NULL)
        say("leave;");
}

void
cv_consumer_notify(struct cv_consumer *consumer, struct cv_wake *wake)
{
    (void)consumer;
    (void)wake;
}

enum cv_rc
cv_consumer_subscribe(struct cv_consumer *consumer, const char *const *topics, size_t count, struct cv_err *err)
{
    (void)consumer;
    (void)err;
    say("subscribe");
    for (size_t i = 0; i < count; i++)
        say(" %s", topics[i]);
    say(";");
    return CV_OK;
}

enum cv_rc
cv_consumer_poll(struct cv_consumer *consumer, struct cv_consumed *out, size_t max, int timeout_ms,
                 size_t *ret_count, struct cv_err *err)
{
    (void)consumer;
    assert_int_equal(timeout_ms, 0);
    cv_clock_test_advance(POLL_MS);
    cv_wake_signal(&t.task.wake);
    t.n_msgs = 0;
    for (; t.unanswered > 0 && !t.commits_hang; t.unanswered--) {
        struct cv_err why = CV_ERR_INIT;

        t.events.committed(t.events.arg, answer(t.commit_answer, "commit", &why) == CV_OK ? NULL : &why);
    }
    if (*t.next != NULL)
        (*t.next++)();
    else
        atomic_store(&t.task.stop, true);
    if (t.poll != CV_OK)
        return answer(t.poll, "poll", err);
    assert_true(t.n_msgs <= max);
    for (size_t i = 0; i < t.n_msgs; i++)
        out[i] = t.msgs[i];
    *ret_count = t.n_msgs;
    return CV_OK;
}

size_t
cv_consumer_ahead(const struct cv_consumer *consumer)
{
    (void)consumer;
    assert_true(t.ahead_at < CV_COUNT(t.ahead));
    return t.ahead[t.ahead_at++];
}

void
cv_consumed_free(struct cv_consumed *msgs, size_t count)
{
    (void)msgs;
    t.freed += (unsigned)count;
}

bool
cv_consumed_header(const struct cv_consumed *msg, size_t i, const char **ret_name, struct cv_bytes *ret_value)
{
    *ret_name = "h";
    *ret_value = msg->key;
    return i == 0 && msg->key.data != NULL;
}

static void
say_parts(const char *what, const struct cv_topic_partitions *parts)
{
    say("%s", what);
    for (size_t i = 0; i < parts->count; i++)
        say(" %s-%d", parts->items[i].topic, parts->items[i].partition);
    say(";");
}

enum cv_rc
cv_consumer_pause(struct cv_consumer *consumer, const struct cv_topic_partitions *parts, struct cv_err *err)
{
    (void)consumer;
    (void)err;
    say_parts("pause", parts);
    return CV_OK;
}

enum cv_rc
cv_consumer_resume(struct cv_consumer *consumer, const struct cv_topic_partitions *parts, struct cv_err *err)
{
    (void)consumer;
    (void)err;
    say_parts("resume", parts);
    return CV_OK;
}

enum cv_rc
cv_consumer_seek(struct cv_consumer *consumer, const char *topic, int32_t partition, int64_t offset, int timeout_ms,
                 struct cv_err *err)
{
    (void)consumer;
    assert_true(timeout_ms > 0);
    say("seek %s-%d@%lld;", topic, partition, (long long)offset);
    return answer(t.seek, "seek", err);
}

enum cv_rc
cv_consumer_commit(struct cv_consumer *consumer, const struct cv_topic_partitions *offsets, int timeout_ms,
                   struct cv_err *err)
{
    (void)consumer;
    say(timeout_ms > 0 ? "commit-wait" : "commit");
    for (size_t i = 0; i < offsets->count; i++)
        say(" %s-%d@%lld", offsets->items[i].topic, offsets->items[i].partition,
            (long long)offsets->items[i].offset);
    say(";");
    t.unanswered += timeout_ms == 0 && t.commit == CV_OK;
    return answer(t.commit, "commit", err);
}

enum cv_rc
cv_admin_topics(struct cv_admin *admin, int timeout_ms, char ***ret, size_t *ret_count, struct cv_err *err)
{
    (void)admin;
    assert_true(timeout_ms > 0);
    if (t.topics[0] == NULL)
        return cv_fail(err, CV_RETRY, "no broker");
    *ret = calloc(CV_COUNT(t.topics), sizeof(**ret));
    assert_non_null(*ret);
    for (*ret_count = 0; *ret_count < CV_COUNT(t.topics) && t.topics[*ret_count] != NULL; (*ret_count)++)
        (*ret)[*ret_count] = strdup(t.topics[*ret_count]);
    return CV_OK;
}

enum cv_rc
client_admin_override(const struct cv_config *worker_raw, const struct cv_config *connector, const char *client_id,
                      struct cv_admin **ret, struct cv_err *err)
{
    (void)worker_raw;
    (void)connector;
    (void)client_id;
    (void)err;
    *ret = NULL;
    return CV_OK;
}

void
cv_admin_free(struct cv_admin *admin)
{
    assert_null(admin);
}

enum cv_rc
cv_admin_topic_partitions(struct cv_admin *admin, const char *topic, int timeout_ms, int32_t *ret, struct cv_err *err)
{
    (void)admin;
    assert_true(timeout_ms > 0);
    *ret = 1;
    return strcmp(topic, "there") == 0 ? CV_OK : cv_fail(err, CV_NOT_FOUND, "no such topic");
}

enum cv_rc
cv_admin_topic_create(struct cv_admin *admin, const struct cv_topic_spec *spec, int timeout_ms, bool *ret_created,
                      struct cv_err *err)
{
    (void)admin;
    assert_true(timeout_ms > 0);
    say("create %s %d %d;", spec->name, (int)spec->partitions, (int)spec->replication);
    *ret_created = true;
    return strcmp(spec->name, "denied") == 0 ? cv_fail(err, CV_INVALID, "not allowed") : CV_OK;
}

/* ---- doubles: the chain. A value "bad..." cannot be converted, "later..." not
   now, "drop..." is filtered, "to:X" goes to topic X ---- */

const char *
pipeline_stage_name(enum pipeline_stage stage)
{
    return stage == STAGE_VALUE_CONVERTER ? "VALUE_CONVERTER" : "TASK_PUT";
}

const char *
pipeline_class(const struct pipeline *pipe, enum pipeline_stage stage)
{
    (void)pipe;
    return stage == STAGE_VALUE_CONVERTER ? "a.Converter" : "a.Task";
}

enum cv_rc
pipeline_new(const struct pipeline_spec *spec, struct pipeline **ret, struct cv_err *err)
{
    (void)spec;
    (void)err;
    *ret = NULL;
    return CV_OK;
}

void
pipeline_free(struct pipeline *pipe)
{
    (void)pipe;
}

static bool
starts(const struct cv_value *val, const char *with)
{
    return val->bytes.len >= strlen(with) && memcmp(val->bytes.data, with, strlen(with)) == 0;
}

enum cv_rc
pipeline_to_record(struct pipeline *pipe, struct cv_arena *arena, const struct cv_bytes *key,
                   const struct cv_bytes *value, struct cv_record *inout, enum pipeline_stage *ret_stage,
                   struct cv_err *err)
{
    (void)pipe;
    (void)arena;
    (void)key;
    *ret_stage = STAGE_VALUE_CONVERTER;
    inout->value.bytes = *value;
    if (starts(&inout->value, "later")) {
        atomic_store(&t.task.stop, true);
        return cv_fail(err, CV_RETRY, "not now");
    }
    return starts(&inout->value, "bad") ? cv_fail(err, CV_INVALID, "no such value") : CV_OK;
}

enum cv_rc
pipeline_to_header(struct pipeline *pipe, struct cv_arena *arena, const char *topic, const struct cv_bytes *in,
                   struct cv_value *ret, struct cv_err *err)
{
    (void)pipe;
    (void)arena;
    (void)topic;
    ret->bytes = *in;
    return starts(ret, "bad") ? cv_fail(err, CV_INVALID, "no such header") : CV_OK;
}

bool
pipeline_wants_headers(const struct pipeline *pipe)
{
    (void)pipe;
    return t.chain_wants_headers;
}

enum cv_rc
pipeline_transform(struct pipeline *pipe, struct cv_arena *arena, struct cv_record *rec, bool *ret_keep,
                   struct cv_err *err)
{
    (void)pipe;
    (void)err;
    *ret_keep = !starts(&rec->value, "drop");
    if (starts(&rec->value, "to:"))
        rec->topic = cv_arena_strdup(arena, (const char *)rec->value.bytes.data + 3);
    return CV_OK;
}

/* ---- doubles: the task ---- */

void
task_set_state(struct task *task, enum status_state state, const char *trace)
{
    assert_null(trace);
    atomic_store(&task->state, state);
    say("%s;", status_name(state));
}

enum status_state
task_state(const struct task *task)
{
    return (enum status_state)atomic_load(&task->state);
}

void
task_set_wake(struct task *task, void (*wake_plugin)(struct task *task), void *plugin_task)
{
    task->wake_plugin = wake_plugin;
    task->plugin_task = plugin_task;
}

bool
task_stopping(const struct task *task)
{
    return atomic_load(&task->stop);
}

bool
task_paused(const struct task *task)
{
    return atomic_load(&task->target) != TARGET_STARTED;
}

static void
topic_used(void *arg, const char *connector, int task, const char *topic)
{
    (void)arg;
    assert_string_equal(connector, "c");
    assert_int_equal(task, 0);
    say("used %s;", topic);
}

/* ---- the sink ---- */

static enum cv_rc
sink_start(struct cv_sink_ctx *ctx, const struct cv_config *cfg, struct cv_sink_task **ret, struct cv_err *err)
{
    static struct cv_sink_task task;

    assert_non_null(cfg);
    t.ctx = ctx;
    task.ctx = ctx;
    say("start;");
    if (t.start != CV_OK)
        return answer(t.start, "start", err);
    *ret = &task;
    return CV_OK;
}

static void
say_offsets(const char *what, const struct cv_partitions *parts)
{
    say("%s", what);
    for (size_t i = 0; i < parts->count; i++)
        say(" %s-%d", parts->items[i].topic, parts->items[i].partition);
    say(";");
}

static enum cv_rc
sink_open(struct cv_sink_task *task, const struct cv_partitions *parts, struct cv_err *err)
{
    (void)task;
    say_offsets("open", parts);
    return answer(t.open, "open", err);
}

static enum cv_rc
sink_close(struct cv_sink_task *task, const struct cv_partitions *parts, struct cv_err *err)
{
    (void)task;
    (void)err;
    say_offsets("close", parts);
    return CV_OK;
}

static enum cv_rc
sink_put(struct cv_sink_task *task, const struct cv_batch *batch, struct cv_err *err)
{
    enum cv_rc rc;

    (void)task;
    if (t.in_put != NULL)
        t.in_put();
    if (batch->n_records == 0)
        return CV_OK;
    say("put");
    for (size_t i = 0; i < batch->n_records; i++)
        say(" %s-%d:%.*s", batch->records[i].topic, batch->records[i].partition,
            (int)batch->records[i].value.bytes.len, (const char *)batch->records[i].value.bytes.data);
    say(";");
    for (size_t i = 0; i < batch->n_records; i++)
        if (starts(&batch->records[i].value, "unfit")) {
            struct cv_err why = CV_ERR_INIT;

            (void)cv_fail(&why, CV_INVALID, "does not fit");
            assert_non_null(t.ctx->report);
            if (t.ctx->report(t.ctx, &batch->records[i], &why, err) != CV_OK)
                return err->rc;
        }
    rc = t.put_at < t.n_puts ? t.put[t.put_at++] : CV_OK;
    return answer(rc, "put", err);
}

static enum cv_rc
sink_pre_commit(struct cv_sink_task *task, struct cv_partitions *inout_safe, struct cv_err *err)
{
    (void)task;
    say("pre");
    for (size_t i = 0; i < inout_safe->count; i++) {
        say(" %s-%d@%lld", inout_safe->items[i].topic, inout_safe->items[i].partition,
            (long long)inout_safe->items[i].offset);
        if (t.lower_to >= 0)
            inout_safe->items[i].offset = t.lower_to;
    }
    say(";");
    return answer(t.pre_commit, "pre-commit", err);
}

static void
sink_free(struct cv_sink_task *task)
{
    (void)task;
    say("free;");
}

static const struct cv_sink_ops sink_ops = {
    .start = sink_start,
    .open = sink_open,
    .close = sink_close,
    .put = sink_put,
    .pre_commit = sink_pre_commit,
    .free = sink_free,
};

static const struct cv_plugin sink_plugin = {
    .api = CV_PLUGIN_API, .kind = CV_SINK, .name = "TraceSink", .version = "1", .sink = &sink_ops
};

static const struct cv_sink_ops blind_ops = { .start = sink_start, .put = sink_put, .free = sink_free,
                                              .headers_unused = true };

static const struct cv_plugin blind_plugin = {
    .api = CV_PLUGIN_API, .kind = CV_SINK, .name = "BlindSink", .version = "1", .sink = &blind_ops
};

/* ---- lines of scripts ---- */

static void
nothing(void)
{
}

/* A message of topic t; the offset is the caller's. */
static void
message(const char *topic, int32_t partition, int64_t offset, const char *value)
{
    assert_true(t.n_msgs < MAX_MSGS);
    t.msgs[t.n_msgs++] = (struct cv_consumed){ .topic = topic, .partition = partition, .offset = offset,
                                               .value = { value, strlen(value) }, .timestamp_ms = 7 };
}

static void
rebalance(void (*event)(void *, struct cv_topic_partitions *), const char *topic, int32_t first, size_t count)
{
    struct cv_topic_partition items[4];
    struct cv_topic_partitions parts = { items, count };

    for (size_t i = 0; i < count; i++)
        items[i] = (struct cv_topic_partition){ .topic = topic, .partition = first + (int32_t)i,
                                                .offset = CV_OFFSET_STORED };
    event(t.events.arg, &parts);
}

static void
revoke_now(void *arg, struct cv_topic_partitions *parts)
{
    t.events.revoked(arg, parts, false);
}

static void
lose_now(void *arg, struct cv_topic_partitions *parts)
{
    t.events.revoked(arg, parts, true);
}

static void
assign_0(void)
{
    rebalance(t.events.assigned, "t", 0, 1);
}

static void
assign_1(void)
{
    rebalance(t.events.assigned, "t", 1, 1);
}

static void
assign_01(void)
{
    rebalance(t.events.assigned, "t", 0, 2);
}

static void
revoke_0(void)
{
    rebalance(revoke_now, "t", 0, 1);
}

static void
revoke_1(void)
{
    rebalance(revoke_now, "t", 1, 1);
}

static void
lose_0(void)
{
    rebalance(lose_now, "t", 0, 1);
}

static void
a_and_b(void)
{
    message("t", 0, 5, "a");
    message("t", 0, 6, "b");
}

static void
only_c(void)
{
    message("t", 0, 7, "c");
}

static void
a_of_0_x_of_1(void)
{
    message("t", 0, 5, "a");
    message("t", 1, 90, "x");
}

static void
a_bad_b(void)
{
    message("t", 0, 5, "a");
    message("t", 0, 6, "bad");
    message("t", 0, 7, "b");
}

static void
dropped_only(void)
{
    message("t", 0, 5, "drop");
}

static void
routed(void)
{
    message("t", 0, 5, "to:u");
    message("t", 1, 90, "to:u");
}

static void
stray_x_of_1(void)
{
    message("t", 1, 90, "x");
    message("t", 1, 91, "y");
}

static void
flush_due(void)
{
    cv_clock_test_advance(FLUSH_MS);
}

static void
half_second(void)
{
    cv_clock_test_advance(500);
}

static void
pause_task(void)
{
    atomic_store(&t.task.target, TARGET_PAUSED);
}

static void
resume_task(void)
{
    atomic_store(&t.task.target, TARGET_STARTED);
}

static void
sink_pauses_1(void)
{
    t.ctx->pause(t.ctx, "t", 1);
}

static void
sink_resumes_1(void)
{
    t.ctx->resume(t.ctx, "t", 1);
}

static void
sink_seeks_5(void)
{
    t.ctx->seek(t.ctx, "t", 0, 5);
}

static void
sink_asks_commit(void)
{
    t.ctx->request_commit(t.ctx);
}

static void
poll_fails(void)
{
    t.poll = CV_INTERNAL;
}

static void
pre_commit_heals(void)
{
    t.pre_commit = CV_OK;
}

static void
commit_heals(void)
{
    t.commit = CV_OK;
}

static void
seek_heals(void)
{
    t.seek = CV_OK;
}

static void
topics_change(void)
{
    t.topics[2] = "ta";
    cv_clock_test_advance(300000);
}

/* ---- running ---- */

static int
up(void **state)
{
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    memset(&t, 0, sizeof(t));
    fake_producer_reset();
    t.lower_to = -1;
    t.worker.offset_flush_interval_ms = FLUSH_MS;
    t.worker.offset_flush_timeout_ms = 50;
    cv_clock_test_stop(1000000, 1000000);
    cv_lock_init(&t.task.lock, CV_RANK_TASK);
    t.task.connector = strdup("c");
    t.task.connector_config = cv_config_new();
    t.task.task_config = cv_config_new();
    t.task.log = cv_log_get("culvert.test");
    t.worker.metrics_window_ms = 30000;
    t.worker.metrics_samples = 2;
    t.task.spec.worker_config = &t.worker;
    assert_int_equal(task_counters_init(&t.task, &err), CV_OK);
    assert_int_equal(cv_log_level_set("culvert.test", CV_LOG_LEVEL_OFF, &err), CV_OK);
    return t.task.task_config == NULL || cv_wake_init(&t.task.wake, &err) != CV_OK ? -1 : 0;
}

static int
down(void **state)
{
    (void)state;
    cv_clock_test_run();
    task_counters_done(&t.task);
    cv_wake_done(&t.task.wake);
    cv_lock_done(&t.task.lock);
    cv_config_free(t.task.connector_config);
    cv_config_free(t.task.task_config);
    free(t.task.connector);
    return 0;
}

static void
option(const char *key, const char *value)
{
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(cv_config_set(t.task.connector_config, key, value, &err), CV_OK);
}

static enum cv_rc
run_with(script_line *const *script, struct cv_err *err)
{
    static const atomic_uint resets;

    t.next = script;
    t.task.spec = (struct task_spec){ .connector = t.task.connector,
                                      .plugin = t.ignores_headers ? &blind_plugin : &sink_plugin,
                                      .worker_config = &t.worker, .worker_raw = t.task.task_config,
                                      .topic_used = topic_used,
                                      .topic_resets = &resets };
    if (cv_config_get(t.task.connector_config, "topics.regex") == NULL)
        option("topics", "t");
    tolerance_init(&t.task.tolerance, &(struct tolerance_spec){ .connector = "c", .config = t.task.connector_config,
                                                                .log = t.task.log, .wake = &t.task.wake,
                                                                .stop = &t.task.stop });
    return sink_task_run(&t.task, err);
}

/* Run the script to its end without failure; the trace is compared behind "RUNNING;". */
static void
check(script_line *const *script, const char *trace)
{
    struct cv_err err = CV_ERR_INIT;
    const char *from;

    assert_int_equal(run_with(script, &err), CV_OK);
    from = strstr(t.trace, "RUNNING;");
    assert_non_null(from);
    assert_string_equal(from + strlen("RUNNING;"), trace);
}

#define SCRIPT(...) ((script_line *const[]){ __VA_ARGS__, NULL })

static void
a_task_starts_joins_and_ends_in_order(void **state)
{
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(run_with(SCRIPT(assign_0, a_and_b), &err), CV_OK);
    assert_string_equal(t.trace, "client connector-consumer-c-0;group connect-c;start;subscribe t;RUNNING;open t-0;"
                                 "used t;put t-0:a t-0:b;pre t-0@7;commit-wait t-0@7;close t-0;free;leave;");
    assert_int_equal(t.freed, 2);
    assert_int_equal(atomic_load(&t.task.counters.records_polled), 2);
    assert_int_equal(atomic_load(&t.task.counters.records_sent), 2);
}

static void
topics_are_trimmed_and_taken_once(void **state)
{
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    option("topics", " t , u,t,, u");
    t.next = SCRIPT(nothing);
    t.task.spec = (struct task_spec){ .connector = t.task.connector, .plugin = &sink_plugin,
                                      .worker_config = &t.worker, .worker_raw = t.task.task_config };
    assert_int_equal(sink_task_run(&t.task, &err), CV_OK);
    assert_non_null(strstr(t.trace, "subscribe t u;"));
}

static void
an_override_names_the_group(void **state)
{
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    option("consumer.override.group.id", "mine");
    assert_int_equal(run_with(SCRIPT(nothing), &err), CV_OK);
    assert_non_null(strstr(t.trace, "group mine;"));
}

static void
topics_that_match_are_subscribed_as_they_come(void **state)
{
    (void)state;
    option("topics.regex", "t.*");
    t.topics[0] = "tz";
    t.topics[1] = "other";
    check(SCRIPT(nothing, topics_change, nothing), "subscribe tz;subscribe ta tz;free;leave;");
}

static void
brokers_that_list_no_topics_are_asked_again(void **state)
{
    (void)state;
    option("topics.regex", "t.*");
    check(SCRIPT(nothing, flush_due), "free;leave;");
}

static void
a_start_that_fails_ends_the_task(void **state)
{
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    t.start = CV_INVALID;
    assert_int_equal(run_with(SCRIPT(nothing), &err), CV_INVALID);
    assert_string_equal(err.text, "start went wrong");
    assert_string_equal(t.trace, "client connector-consumer-c-0;group connect-c;start;leave;");
}

static void
a_paused_task_starts_when_it_is_resumed(void **state)
{
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    atomic_store(&t.task.target, TARGET_PAUSED);
    atomic_store(&t.task.stop, true);
    assert_int_equal(run_with(SCRIPT(nothing), &err), CV_OK);
    assert_string_equal(t.trace, "PAUSED;");
}

/* ---- put ---- */

static void
a_batch_that_put_cannot_take_comes_again_while_all_is_paused(void **state)
{
    (void)state;
    t.put[0] = CV_RETRY;
    t.put[1] = CV_RETRY;
    t.n_puts = 2;
    check(SCRIPT(assign_01, a_and_b, half_second, half_second, half_second),
          "open t-0 t-1;used t;put t-0:a t-0:b;pause t-0;pause t-1;put t-0:a t-0:b;put t-0:a t-0:b;"
          "pre t-0@7;commit t-0@7;resume t-0;resume t-1;pre t-0@7;commit-wait t-0@7;close t-0 t-1;free;leave;");
    assert_int_equal(atomic_load(&t.task.counters.records_sent), 2);
}

static void
wait_300_ms(void)
{
    t.ctx->retry_after(t.ctx, 300);
}

static void
the_sink_says_when_a_batch_comes_again(void **state)
{
    (void)state;
    t.put[0] = CV_RETRY;
    t.n_puts = 1;
    t.in_put = wait_300_ms;
    check(SCRIPT(assign_0, a_and_b, nothing, nothing, nothing, nothing, nothing, nothing, nothing, nothing, nothing,
                 nothing, nothing),
          "open t-0;used t;put t-0:a t-0:b;pause t-0;close t-0;free;leave;");
}

static void
a_new_partition_is_paused_too_and_read_from_its_start(void **state)
{
    (void)state;
    t.put[0] = CV_RETRY;
    t.n_puts = 1;
    check(SCRIPT(assign_0, a_and_b, assign_1, stray_x_of_1, half_second, stray_x_of_1),
          "open t-0;used t;put t-0:a t-0:b;pause t-0;open t-1;pause t-1;seek t-1@90;put t-0:a t-0:b;resume t-0;"
          "resume t-1;put t-1:x t-1:y;pre t-0@7 t-1@92;commit-wait t-0@7 t-1@92;close t-0 t-1;free;leave;");
}

static void
a_put_that_fails_ends_the_task_and_commits_what_was_put(void **state)
{
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    t.put[0] = CV_OK;
    t.put[1] = CV_INVALID;
    t.n_puts = 2;
    assert_int_equal(run_with(SCRIPT(assign_0, a_and_b, only_c), &err), CV_INVALID);
    assert_string_equal(err.text, "put went wrong");
    assert_non_null(strstr(t.trace, "put t-0:c;pre t-0@7;commit-wait t-0@7;close t-0;free;leave;"));
    assert_int_equal(t.freed, 3);
}

/* ---- conversion ---- */

static void
a_record_that_cannot_be_converted_fails_the_task(void **state)
{
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(run_with(SCRIPT(assign_0, a_bad_b), &err), CV_INVALID);
    assert_non_null(strstr(err.text, "VALUE_CONVERTER"));
    assert_non_null(strstr(err.text, "no such value"));
    assert_null(strstr(t.trace, "put"));
    assert_null(strstr(t.trace, "commit"));
}

static void
a_tolerated_record_is_passed_over(void **state)
{
    (void)state;
    option("errors.tolerance", "all");
    check(SCRIPT(assign_0, a_bad_b),
          "open t-0;used t;put t-0:a t-0:b;pre t-0@8;commit-wait t-0@8;close t-0;free;leave;");
    assert_int_equal(atomic_load(&t.task.tolerance.skipped), 1);
}

static void
what_is_filtered_is_committed_too(void **state)
{
    (void)state;
    check(SCRIPT(assign_0, dropped_only), "open t-0;used t;pre t-0@6;commit-wait t-0@6;close t-0;free;leave;");
}

static void
a_routed_record_is_known_by_where_it_came_from(void **state)
{
    (void)state;
    t.put[0] = CV_RETRY;
    t.n_puts = 1;
    check(SCRIPT(assign_01, routed, revoke_1, half_second),
          "open t-0 t-1;used t;put u-0:to:u u-1:to:u;pause t-0;pause t-1;close t-1;resume t-1;put u-0:to:u;"
          "resume t-0;pre t-0@6;commit-wait t-0@6;close t-0;free;leave;");
}

static void
a_then_later(void)
{
    message("t", 0, 5, "a");
    message("t", 0, 6, "later");
}

static void
a_task_that_is_stopped_between_tries_gives_nothing_up(void **state)
{
    (void)state;
    option("errors.tolerance", "all");
    check(SCRIPT(assign_0, a_then_later), "open t-0;used t;close t-0;free;leave;");
    assert_int_equal(atomic_load(&t.task.tolerance.skipped), 0);
    assert_int_equal(t.freed, 2);
}

/* ---- dead letters ---- */

static void
with_dead_letters(const char *topic, const char *tolerance)
{
    option("errors.deadletterqueue.topic.name", topic);
    option("errors.tolerance", tolerance);
}

static void
expect_letters(const char *lines)
{
    char log[8192];

    fake_producer_log(log, sizeof(log));
    assert_string_equal(log, lines);
}

static void
a_bad_message_becomes_a_dead_letter(void **state)
{
    (void)state;
    with_dead_letters("dlq", "all");
    check(SCRIPT(assign_0, a_bad_b),
          "open t-0;used t;put t-0:a t-0:b;pre t-0@8;commit-wait t-0@8;close t-0;free;leave;");
    expect_letters("dlq - bad\n");
    assert_non_null(strstr(t.trace, "create dlq 1 3;client connector-dlq-producer-c-0;"));
    assert_int_equal(atomic_load(&t.task.tolerance.dead_letters), 1);
    assert_int_equal(atomic_load(&t.task.tolerance.dead_letter_failures), 0);
}

static void
key_and_bad(void)
{
    message("t", 0, 6, "bad");
    t.msgs[t.n_msgs - 1].key = (struct cv_bytes){ "k", 1 };
}

static void
a_dead_letter_says_what_went_wrong(void **state)
{
    (void)state;
    with_dead_letters("there", "all");
    option("errors.deadletterqueue.context.headers.enable", "true");
    check(SCRIPT(assign_0, key_and_bad), "open t-0;used t;pre t-0@7;commit-wait t-0@7;close t-0;free;leave;");
    assert_null(strstr(t.trace, "create"));
    expect_letters("there k bad h=k __connect.errors.topic=t __connect.errors.partition=0 __connect.errors.offset=6 "
                   "__connect.errors.connector.name=c __connect.errors.task.id=0 "
                   "__connect.errors.stage=VALUE_CONVERTER __connect.errors.class.name=a.Converter "
                   "__connect.errors.exception.class.name=org.apache.kafka.connect.errors.DataException "
                   "__connect.errors.exception.message=no such value "
                   "__connect.errors.exception.stacktrace=org.apache.kafka.connect.errors.DataException: "
                   "no such value\n\n");
}

static void
a_with_bad_header(void)
{
    message("t", 0, 5, "a");
    t.msgs[t.n_msgs - 1].key = (struct cv_bytes){ "bad", 3 };
}

static void
headers_that_nobody_looks_at_are_not_converted(void **state)
{
    (void)state;
    t.ignores_headers = true;
    check(SCRIPT(assign_0, a_with_bad_header), "used t;put t-0:a;commit-wait t-0@6;free;leave;");
}

static void
headers_are_converted_for_a_sink_that_looks_at_them(void **state)
{
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(run_with(SCRIPT(assign_0, a_with_bad_header), &err), CV_INVALID);
    assert_non_null(strstr(err.text, "header h: no such header"));
}

static void
the_chain_wants_headers_that_the_sink_ignores(void **state)
{
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    t.ignores_headers = t.chain_wants_headers = true;
    assert_int_equal(run_with(SCRIPT(assign_0, a_with_bad_header), &err), CV_INVALID);
    assert_non_null(strstr(err.text, "header h: no such header"));
}

/* Of a partition that the task does not have: they are dropped, and nothing is said. */
static void
sixteen(void)
{
    for (int64_t i = 0; i < MAX_MSGS; i++)
        message("t", 9, i, "x");
}

/* times times sixteen messages, none, and the end */
static void
run_backlog(size_t times)
{
    static script_line *script[2000 / MAX_MSGS + 2];
    struct cv_err err = CV_ERR_INIT;

    for (size_t i = 0; i < times; i++)
        script[i] = sixteen;
    script[times] = nothing;
    script[times + 1] = NULL;
    assert_int_equal(run_with(script, &err), CV_OK);
}

static void
behind_a_backlog_messages_gather_as_long_as_they_grow(void **state)
{
    (void)state;
    t.ahead[0] = 10;
    t.ahead[1] = t.ahead[2] = 20;
    run_backlog(2000 / MAX_MSGS);
    assert_int_equal(t.ahead_at, 3);
}

static void
a_few_messages_are_waited_for_as_ever(void **state)
{
    (void)state;
    run_backlog(2000 / MAX_MSGS - 1);
    assert_int_equal(t.ahead_at, 0);
}

static void
the_queue_is_made_as_told(void **state)
{
    (void)state;
    with_dead_letters("dlq", "all");
    option("errors.deadletterqueue.topic.replication.factor", "1");
    check(SCRIPT(nothing), "free;leave;");
    assert_non_null(strstr(t.trace, "create dlq 1 1;"));
}

static void
a_queue_that_cannot_be_made_fails_the_start(void **state)
{
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    with_dead_letters("denied", "all");
    assert_int_equal(run_with(SCRIPT(nothing), &err), CV_INVALID);
    assert_string_equal(err.text, "Could not initialize dead letter queue with topic=denied: not allowed");
}

static void
without_tolerance_a_letter_is_written_and_the_task_fails(void **state)
{
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    with_dead_letters("dlq", "none");
    assert_int_equal(run_with(SCRIPT(assign_0, a_bad_b), &err), CV_INVALID);
    expect_letters("dlq - bad\n");
    assert_null(strstr(t.trace, "commit"));
}

static void
nothing_is_committed_before_its_letter_is_in_kafka(void **state)
{
    (void)state;
    with_dead_letters("dlq", "all");
    fake_producer_deliver(FAKE_HOLDS);
    check(SCRIPT(assign_0, a_bad_b, flush_due, nothing), "open t-0;used t;put t-0:a t-0:b;close t-0;free;leave;");
    assert_int_equal(atomic_load(&t.task.counters.commits_failed), 2);
}

static void
a_letter_that_is_refused_fails_the_task(void **state)
{
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    with_dead_letters("dlq", "all");
    fake_producer_deliver(FAKE_LOSES);
    assert_int_equal(run_with(SCRIPT(assign_0, a_bad_b, flush_due, nothing), &err), CV_INVALID);
    assert_string_equal(err.text, "could not write to the dead letter queue \"dlq\": the broker refused the message");
    assert_null(strstr(t.trace, "commit"));
    assert_int_equal(atomic_load(&t.task.tolerance.dead_letter_failures), 1);
}

static void
letters_wait_for_room(void **state)
{
    (void)state;
    with_dead_letters("dlq", "all");
    fake_producer_full(3);
    check(SCRIPT(assign_0, a_bad_b),
          "open t-0;used t;put t-0:a t-0:b;pre t-0@8;commit-wait t-0@8;close t-0;free;leave;");
    expect_letters("dlq - bad\n");
}

static void
a_and_unfit(void)
{
    message("t", 0, 5, "a");
    message("t", 0, 6, "unfit");
}

static void
the_sink_reports_a_record(void **state)
{
    (void)state;
    with_dead_letters("dlq", "all");
    option("errors.deadletterqueue.context.headers.enable", "true");
    check(SCRIPT(assign_0, a_and_unfit),
          "open t-0;used t;put t-0:a t-0:unfit;pre t-0@7;commit-wait t-0@7;close t-0;free;leave;");
    assert_int_equal(fake_producer_sent(), 1);
    assert_int_equal(atomic_load(&t.task.tolerance.skipped), 1);
}

static void
a_reported_record_fails_the_put_without_tolerance(void **state)
{
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    with_dead_letters("dlq", "none");
    assert_int_equal(run_with(SCRIPT(assign_0, a_and_unfit), &err), CV_INVALID);
    assert_string_equal(err.text,
                        "Tolerance exceeded in error handler: topic \"t\" partition 0 offset 6, stage TASK_PUT "
                                  "(errors.tolerance=all would skip the record): does not fit");
    assert_int_equal(fake_producer_sent(), 1);
}

static void
expect_no_report(void)
{
    assert_null(t.ctx->report);
}

static void
without_queue_and_log_there_is_no_reporter(void **state)
{
    (void)state;
    check(SCRIPT(assign_0, expect_no_report), "open t-0;close t-0;free;leave;");
}

/* ---- commits ---- */

static void
commits_come_when_they_are_due_and_only_news(void **state)
{
    (void)state;
    check(SCRIPT(assign_0, a_and_b, flush_due, flush_due, only_c, flush_due, nothing),
          "open t-0;used t;put t-0:a t-0:b;pre t-0@7;commit t-0@7;pre t-0@7;put t-0:c;pre t-0@8;commit t-0@8;"
          "pre t-0@8;commit-wait t-0@8;close t-0;free;leave;");
}

static void
the_sink_asks_for_a_commit(void **state)
{
    (void)state;
    check(SCRIPT(assign_0, a_and_b, sink_asks_commit, nothing),
          "open t-0;used t;put t-0:a t-0:b;pre t-0@7;commit t-0@7;pre t-0@7;commit-wait t-0@7;close t-0;free;leave;");
}

static void
the_sink_lowers_what_is_committed(void **state)
{
    (void)state;
    t.lower_to = 6;
    check(SCRIPT(assign_0, a_and_b, flush_due),
          "open t-0;used t;put t-0:a t-0:b;pre t-0@7;commit t-0@6;pre t-0@7;commit-wait t-0@6;close t-0;free;leave;");
}

static void
an_offset_beyond_what_was_put_is_not_committed(void **state)
{
    (void)state;
    t.lower_to = 70;
    check(SCRIPT(assign_0, a_and_b, flush_due),
          "open t-0;used t;put t-0:a t-0:b;pre t-0@7;pre t-0@7;close t-0;free;leave;");
}

static void
records_that_were_not_made_durable_are_read_again(void **state)
{
    (void)state;
    t.pre_commit = CV_INTERNAL;
    check(SCRIPT(assign_0, a_and_b, flush_due, only_c, pre_commit_heals, a_and_b),
          "open t-0;used t;put t-0:a t-0:b;pre t-0@7;seek t-0@5;put t-0:c;put t-0:a t-0:b;pre t-0@7;"
          "commit-wait t-0@7;close t-0;free;leave;");
    assert_int_equal(atomic_load(&t.task.counters.commits_failed), 1);
}

static void
messages_are_dropped_until_the_seek_succeeds(void **state)
{
    (void)state;
    t.seek = CV_RETRY;
    check(SCRIPT(assign_0, a_and_b, sink_seeks_5, only_c, seek_heals, a_and_b),
          "open t-0;used t;put t-0:a t-0:b;seek t-0@5;seek t-0@5;seek t-0@5;put t-0:a t-0:b;pre t-0@7;"
          "commit-wait t-0@7;close t-0;free;leave;");
}

static void
a_commit_that_fails_is_made_again(void **state)
{
    (void)state;
    t.commit = CV_RETRY;
    check(SCRIPT(assign_0, a_and_b, flush_due, commit_heals, flush_due, nothing),
          "open t-0;used t;put t-0:a t-0:b;pre t-0@7;commit t-0@7;pre t-0@7;commit t-0@7;pre t-0@7;"
          "commit-wait t-0@7;close t-0;free;leave;");
    assert_int_equal(atomic_load(&t.task.counters.commits_failed), 1);
    assert_int_equal(atomic_load(&t.task.counters.commits_ok), 2);
}

static void
commits_are_taken(void)
{
    t.commit_answer = CV_OK;
}

static void
a_commit_that_is_refused_is_made_again(void **state)
{
    (void)state;
    t.commit_answer = CV_CONFLICT;
    check(SCRIPT(assign_0, a_and_b, flush_due, nothing, commits_are_taken, flush_due, nothing),
          "open t-0;used t;put t-0:a t-0:b;pre t-0@7;commit t-0@7;pre t-0@7;commit t-0@7;pre t-0@7;"
          "commit-wait t-0@7;close t-0;free;leave;");
    assert_int_equal(atomic_load(&t.task.counters.commits_failed), 1);
    assert_int_equal(atomic_load(&t.task.counters.commits_ok), 2);
    assert_int_equal(atomic_load(&t.task.counters.records_active), 0);
    assert_int_equal(cv_window_max(&t.task.counters.windows[WINDOW_ACTIVE]), 2);
    assert_int_equal(cv_window_max(&t.task.counters.windows[WINDOW_BATCH]), 2);
    assert_true(cv_window_rate(&t.task.counters.windows[WINDOW_COMMIT_OK]) > 2.0 / 61);
    assert_int_equal(atomic_load(&t.task.counters.commit_number), 3);
}

static void
answers_come(void)
{
    t.commits_hang = false;
}

static void
a_commit_without_an_answer_is_given_up(void **state)
{
    (void)state;
    t.commits_hang = true;
    check(SCRIPT(assign_0, a_and_b, flush_due, nothing, flush_due, answers_come, nothing),
          "open t-0;used t;put t-0:a t-0:b;pre t-0@7;commit t-0@7;pre t-0@7;commit t-0@7;pre t-0@7;"
          "commit-wait t-0@7;close t-0;free;leave;");
    assert_int_equal(atomic_load(&t.task.counters.commits_failed), 1);
    assert_int_equal(atomic_load(&t.task.counters.commits_skipped), 1);
    assert_int_equal(atomic_load(&t.task.counters.commits_ok), 2);
}

static void
answers_and_message(void)
{
    t.commits_hang = false;
    message("t", 0, 7, "c");
}

static void
a_commit_that_waited_for_an_answer_is_made_behind_it(void **state)
{
    (void)state;
    t.commits_hang = true;
    t.worker.offset_flush_timeout_ms = 3 * FLUSH_MS;
    check(SCRIPT(assign_0, a_and_b, flush_due, flush_due, answers_and_message, nothing, nothing),
          "open t-0;used t;put t-0:a t-0:b;pre t-0@7;commit t-0@7;put t-0:c;pre t-0@8;commit t-0@8;pre t-0@8;"
          "commit-wait t-0@8;close t-0;free;leave;");
}

/* ---- rebalances ---- */

static void
revoked_partitions_are_committed_and_closed_first(void **state)
{
    (void)state;
    check(SCRIPT(assign_01, a_of_0_x_of_1, revoke_0, nothing),
          "open t-0 t-1;used t;put t-0:a t-1:x;pre t-0@6;commit-wait t-0@6;close t-0;pre t-1@91;commit-wait t-1@91;"
          "close t-1;free;leave;");
}

static void
lost_partitions_are_closed_without_a_commit(void **state)
{
    (void)state;
    check(SCRIPT(assign_01, a_of_0_x_of_1, lose_0, nothing),
          "open t-0 t-1;used t;put t-0:a t-1:x;close t-0;pre t-1@91;commit-wait t-1@91;close t-1;free;leave;");
}

static void
a_kept_batch_loses_the_records_of_lost_partitions(void **state)
{
    (void)state;
    t.put[0] = CV_RETRY;
    t.n_puts = 1;
    check(SCRIPT(assign_01, a_of_0_x_of_1, lose_0, half_second),
          "open t-0 t-1;used t;put t-0:a t-1:x;pause t-0;pause t-1;close t-0;resume t-0;put t-1:x;resume t-1;"
          "pre t-1@91;commit-wait t-1@91;close t-1;free;leave;");
}

static void
messages_of_partitions_that_are_gone_are_dropped(void **state)
{
    (void)state;
    check(SCRIPT(assign_0, revoke_0, a_and_b), "open t-0;close t-0;free;leave;");
}

static void
an_open_that_fails_ends_the_task(void **state)
{
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    t.open = CV_INVALID;
    assert_int_equal(run_with(SCRIPT(assign_0, a_and_b), &err), CV_INVALID);
    assert_string_equal(err.text, "open went wrong");
    assert_null(strstr(t.trace, "put"));
}

static void
a_poll_that_fails_ends_the_task(void **state)
{
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(run_with(SCRIPT(assign_0, a_and_b, poll_fails), &err), CV_INTERNAL);
    assert_string_equal(err.text, "poll went wrong");
    assert_non_null(strstr(t.trace, "pre t-0@7;commit-wait t-0@7;close t-0;free;leave;"));
}

/* ---- pauses ---- */

static void
a_paused_task_pauses_its_partitions_and_commits(void **state)
{
    (void)state;
    check(SCRIPT(assign_0, a_and_b, pause_task, nothing, resume_task, only_c),
          "open t-0;used t;put t-0:a t-0:b;PAUSED;pre t-0@7;commit t-0@7;pause t-0;RUNNING;resume t-0;put t-0:c;"
          "pre t-0@8;commit-wait t-0@8;close t-0;free;leave;");
}

static void
pause_with_message(void)
{
    pause_task();
    only_c();
}

static void
what_came_with_the_pause_is_read_again(void **state)
{
    (void)state;
    check(SCRIPT(assign_0, a_and_b, pause_with_message, resume_task, only_c),
          "open t-0;used t;put t-0:a t-0:b;PAUSED;pre t-0@7;commit t-0@7;seek t-0@7;pause t-0;RUNNING;resume t-0;"
          "put t-0:c;pre t-0@8;commit-wait t-0@8;close t-0;free;leave;");
}

static void
the_sink_pauses_one_partition(void **state)
{
    (void)state;
    check(SCRIPT(assign_01, sink_pauses_1, a_of_0_x_of_1, sink_resumes_1, nothing, stray_x_of_1),
          "open t-0 t-1;pause t-1;used t;put t-0:a;seek t-1@90;resume t-1;put t-1:x t-1:y;pre t-0@6 t-1@92;"
          "commit-wait t-0@6 t-1@92;close t-0 t-1;free;leave;");
}

static void
what_the_sink_paused_stays_so_when_the_task_is_resumed(void **state)
{
    (void)state;
    check(SCRIPT(assign_01, sink_pauses_1, pause_task, nothing, resume_task, nothing),
          "open t-0 t-1;pause t-1;PAUSED;pause t-0;RUNNING;resume t-0;close t-0 t-1;free;leave;");
}

static void
a_partition_that_comes_back_is_not_paused_any_more(void **state)
{
    (void)state;
    check(SCRIPT(assign_01, sink_pauses_1, nothing, revoke_1, assign_1, stray_x_of_1),
          "open t-0 t-1;pause t-1;close t-1;resume t-1;open t-1;used t;put t-1:x t-1:y;pre t-1@92;"
          "commit-wait t-1@92;close t-0 t-1;free;leave;");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)
    const struct CMUnitTest tests[] = {
        TEST(a_task_starts_joins_and_ends_in_order),
        TEST(topics_are_trimmed_and_taken_once),
        TEST(an_override_names_the_group),
        TEST(topics_that_match_are_subscribed_as_they_come),
        TEST(brokers_that_list_no_topics_are_asked_again),
        TEST(a_start_that_fails_ends_the_task),
        TEST(a_paused_task_starts_when_it_is_resumed),
        TEST(a_batch_that_put_cannot_take_comes_again_while_all_is_paused),
        TEST(the_sink_says_when_a_batch_comes_again),
        TEST(a_new_partition_is_paused_too_and_read_from_its_start),
        TEST(a_put_that_fails_ends_the_task_and_commits_what_was_put),
        TEST(a_record_that_cannot_be_converted_fails_the_task),
        TEST(a_tolerated_record_is_passed_over),
        TEST(what_is_filtered_is_committed_too),
        TEST(a_routed_record_is_known_by_where_it_came_from),
        TEST(a_task_that_is_stopped_between_tries_gives_nothing_up),
        TEST(a_bad_message_becomes_a_dead_letter),
        TEST(a_dead_letter_says_what_went_wrong),
        TEST(headers_that_nobody_looks_at_are_not_converted),
        TEST(headers_are_converted_for_a_sink_that_looks_at_them),
        TEST(the_chain_wants_headers_that_the_sink_ignores),
        TEST(behind_a_backlog_messages_gather_as_long_as_they_grow),
        TEST(a_few_messages_are_waited_for_as_ever),
        TEST(the_queue_is_made_as_told),
        TEST(a_queue_that_cannot_be_made_fails_the_start),
        TEST(without_tolerance_a_letter_is_written_and_the_task_fails),
        TEST(nothing_is_committed_before_its_letter_is_in_kafka),
        TEST(a_letter_that_is_refused_fails_the_task),
        TEST(letters_wait_for_room),
        TEST(the_sink_reports_a_record),
        TEST(a_reported_record_fails_the_put_without_tolerance),
        TEST(without_queue_and_log_there_is_no_reporter),
        TEST(commits_come_when_they_are_due_and_only_news),
        TEST(the_sink_asks_for_a_commit),
        TEST(the_sink_lowers_what_is_committed),
        TEST(an_offset_beyond_what_was_put_is_not_committed),
        TEST(records_that_were_not_made_durable_are_read_again),
        TEST(messages_are_dropped_until_the_seek_succeeds),
        TEST(a_commit_that_fails_is_made_again),
        TEST(a_commit_that_is_refused_is_made_again),
        TEST(a_commit_without_an_answer_is_given_up),
        TEST(a_commit_that_waited_for_an_answer_is_made_behind_it),
        TEST(revoked_partitions_are_committed_and_closed_first),
        TEST(lost_partitions_are_closed_without_a_commit),
        TEST(a_kept_batch_loses_the_records_of_lost_partitions),
        TEST(messages_of_partitions_that_are_gone_are_dropped),
        TEST(an_open_that_fails_ends_the_task),
        TEST(a_poll_that_fails_ends_the_task),
        TEST(a_paused_task_pauses_its_partitions_and_commits),
        TEST(what_came_with_the_pause_is_read_again),
        TEST(the_sink_pauses_one_partition),
        TEST(what_the_sink_paused_stays_so_when_the_task_is_resumed),
        TEST(a_partition_that_comes_back_is_not_paused_any_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
