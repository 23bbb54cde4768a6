/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker/source_task.c on its rarer ways: a source that cannot be polled, a broker that does not answer, offsets that
 * cannot be stored, a stop in the middle. The task and its chain are real; source, producer and offset store are
 * doubles that the tests hold in their hand. Nothing here waits for a fixed time: each wait is for what must come.
 */
#include <config.h>

#include "worker/task.h"

#include "tests/helper/cmocka_all.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/kafka/admin.h"
#include "common/log.h"
#include "common/metrics.h"
#include "common/thread.h"
#include "converters/converters.h"
#include "data/json.h"
#include "tests/helper/fake_producer.h"
#include "tests/helper/log_file.h"
#include "worker/plugins.h"
#include "worker/store/offset_store.h"
#include "worker/task_private.h"
#include "worker/worker_config.h"

#define PATIENCE_MS 20000

/* ---- doubles ---- */

/* Told by the test's thread, done by the source in its polls. */
static struct {
    atomic_int records;      /* to give, each in a batch of its own with the next position */
    atomic_int bare_offsets; /* batches with an offset and nothing else */
    atomic_int retries;      /* polls that fail but may be repeated */
    atomic_int failures;     /* polls that fail for good */
    atomic_bool split;       /* batches end inside of what must not be split */
    atomic_int rest_ms;      /* that batches ask for */
    atomic_int asks;         /* 1: each batch asks for a commit, 2: for an abort */
    const char *_Atomic topic;
    atomic_int parts;       /* tells metrics of two parts, of one twice */
    atomic_int spread;      /* batches of four records, for the topics "x", "y", "x" and "z" */
    atomic_int bad;         /* batches of two records and one with a time before 1970 */
    atomic_size_t padding;   /* bytes that a batch holds on to */
    atomic_int polls;        /* with a batch */
    atomic_int timeout_ms;   /* of the last of them */
    atomic_int idle_polls;   /* without */
    atomic_long committed;   /* the last position that the source was told */
    atomic_int frees;
    long position;
    char told[32]; /* the task's thread only */
} source;

/* What the offset store does, and what it was given. */
static struct {
    atomic_bool refuses;     /* the write cannot be begun */
    atomic_int fails;        /* that many writes fail later */
    atomic_bool holds;       /* writes are neither confirmed nor refused */
    atomic_int writes;       /* confirmed */
    atomic_int failed;
    _Atomic(offset_store_written *) held;
    void *_Atomic held_arg;
    char last[256];          /* of the last confirmed write; read when the task is gone */
} store;

/* The topics that there are, and how they were asked for. */
static struct {
    char asked[128]; /* "x y z;": a request that makes them, in order; the task's thread only */
    atomic_int later;  /* that many find no broker */
    atomic_int denied; /* that many are not allowed */
} topics;

/* What the herder's half of exactly once says. */
static struct {
    atomic_int busy;    /* that many rounds of fencing find another one under way */
    atomic_int fenced;
    atomic_int checked; /* generation that was asked for */
    atomic_bool stale;
} herder;

struct fake_source {
    struct cv_source_task base;
};

static enum cv_rc
source_start(struct cv_source_ctx *ctx, const struct cv_config *cfg, struct cv_source_task **ret, struct cv_err *err)
{
    struct fake_source *task = calloc(1, sizeof(*task));

    if (cv_config_has(cfg, "start.fails")) {
        free(task);
        return cv_fail(err, CV_INVALID, "the source has no house");
    }
    task->base.ctx = ctx;
    *ret = &task->base;
    return CV_OK;
}

static bool
take(atomic_int *count)
{
    int n = atomic_load(count);

    while (n > 0)
        if (atomic_compare_exchange_weak(count, &n, n - 1))
            return true;
    return false;
}

static enum cv_rc
add_offset(struct cv_batch *batch, struct cv_err *err)
{
    struct cv_value *partition = cv_map_new(batch->arena, 1), *offset = cv_map_new(batch->arena, 1);

    source.position++;
    if (cv_map_put(batch->arena, partition, "file", cv_cstring("a"), err) != CV_OK ||
        cv_map_put(batch->arena, offset, "position", cv_int(CV_INT64, source.position), err) != CV_OK)
        return err->rc;
    return cv_batch_set_offset(batch, partition, offset, err);
}

static enum cv_rc
source_poll(struct cv_source_task *task, struct cv_batch *batch, int timeout_ms, struct cv_err *err)
{
    struct cv_record *rec;

    if (batch == NULL) {
        atomic_fetch_add(&source.idle_polls, 1);
        return CV_OK;
    }
    atomic_fetch_add(&source.polls, 1);
    atomic_store(&source.timeout_ms, timeout_ms);
    batch->split = atomic_load(&source.split);
    batch->rest_ms = atomic_load(&source.rest_ms);
    if (take(&source.retries))
        return cv_fail(err, CV_RETRY, "the source is not there for now");
    if (take(&source.failures))
        return cv_fail(err, CV_INVALID, "the source's table is gone");
    if (take(&source.parts))
        for (int i = 0; i < 3; i++)
            task->ctx->metric_set_part(task->ctx, 2, i == 1 ? "cellar" : "attic", 3 + i);
    if (take(&source.bare_offsets))
        return add_offset(batch, err);
    if (take(&source.spread)) {
        for (int i = 0; i < 4; i++) {
            rec = cv_batch_add_record(batch);
            rec->topic = (const char *const[]){ "x", "y", "x", "z" }[i];
            rec->value = cv_cstring("v");
        }
        return add_offset(batch, err);
    }
    if (take(&source.bad)) {
        for (int i = 0; i < 3; i++) {
            rec = cv_batch_add_record(batch);
            rec->topic = atomic_load(&source.topic);
            rec->value = cv_cstring("v");
            rec->timestamp_ms = i < 2 ? CV_NO_TIMESTAMP : -5;
        }
        return add_offset(batch, err);
    }
    if (!take(&source.records)) {
        struct cv_wake pause;

        if (timeout_ms > 0 && cv_wake_init(&pause, err) == CV_OK) { /* nobody signals it: a nap */
            cv_wake_wait(&pause, cv_mono_ms() + 2);
            cv_wake_done(&pause);
        }
        return CV_OK;
    }
    if (atomic_load(&source.padding) > 0 && cv_arena_zalloc(batch->arena, atomic_load(&source.padding)) == NULL)
        return cv_fail_memory(err);
    if (atomic_load(&source.asks) == 1)
        task->ctx->transaction_commit(task->ctx);
    else if (atomic_load(&source.asks) == 2)
        task->ctx->transaction_abort(task->ctx);
    rec = cv_batch_add_record(batch);
    rec->topic = atomic_load(&source.topic);
    rec->value = cv_cstring("v");
    return add_offset(batch, err);
}

static enum cv_rc
source_offset_commit(struct cv_source_task *task, const struct cv_offset *durable, struct cv_err *err)
{
    (void)task;
    (void)err;
    atomic_store(&source.committed, (long)cv_map_get(durable->offset, "position")->integer);
    return CV_OK;
}

static void
source_wake(struct cv_source_task *task)
{
    (void)task;
}

static void
source_free(struct cv_source_task *task)
{
    atomic_fetch_add(&source.frees, 1);
    free(task);
}

static void
source_position(struct cv_source_task *task, char *text, size_t size)
{
    (void)task;
    snprintf(text, size, "stored is 7, read is 9");
}

/* What it was told last, and how often it was asked. */
static enum cv_rc
source_progress(struct cv_source_task *task, struct cv_arena *arena, struct cv_value *ret, struct cv_err *err)
{
    struct cv_value *map = cv_map_new(arena, 1);

    (void)task;
    if (cv_map_put(arena, map, "told", cv_cstring(source.told), err) != CV_OK)
        return err->rc;
    *ret = *map;
    return CV_OK;
}

static enum cv_rc
source_signal(struct cv_source_task *task, const struct cv_value *signal, struct cv_arena *arena, struct cv_value *ret,
              struct cv_err *err)
{
    const struct cv_value *what = cv_map_get(signal, "what");

    (void)task;
    (void)arena;
    if (what == NULL)
        return cv_fail(err, CV_INVALID, "a signal says \"what\"");
    snprintf(source.told, sizeof(source.told), "%.*s", (int)what->bytes.len, what->bytes.data);
    *ret = *what;
    return CV_OK;
}

static const struct cv_source_ops source_ops = { .start = source_start, .poll = source_poll,
                                                 .offset_commit = source_offset_commit, .wake = source_wake,
                                                 .free = source_free, .position = source_position,
                                                 .progress = source_progress, .signal = source_signal };
static const struct cv_metric source_metrics[] = {
    { .type = CV_GAUGE, .names = { "fake_height" }, .help = "Height.", .context = "streaming" },
    { .type = CV_GAUGE, .names = { "fake_width" }, .help = "Width." },
    { .type = CV_GAUGE, .names = { "fake_rooms" }, .help = "Rooms.", .context = "streaming", .part = "floor" },
};
static const struct cv_plugin source_plugin = { .api = CV_PLUGIN_API, .kind = CV_SOURCE, .name = "test.Source",
                                                .version = "1", .metrics = source_metrics, .n_metrics = 3,
                                                .metrics_plugin = "fake", .metrics_name = "prefix",
                                                .metrics_tags = "tags", .source = &source_ops };
static const struct cv_plugin *const plugin_list[] = { &source_plugin, &string_converter_plugin,
                                                       &simple_header_converter_plugin, NULL };

enum cv_rc
offset_store_read(struct offset_store *unused, const char *connector, const struct cv_value *partition, int timeout_ms,
                  struct cv_arena *arena, struct cv_value **ret, struct cv_err *err)
{
    (void)unused;
    (void)connector;
    (void)partition;
    (void)timeout_ms;
    (void)arena;
    (void)err;
    *ret = NULL;
    return CV_OK;
}

enum cv_rc
offset_store_write(struct offset_store *unused, const char *connector, const struct cv_offset *offsets, size_t count,
                   offset_store_written *written, void *arg, struct cv_err *err)
{
    struct cv_buf text = CV_BUF_INIT(sizeof(store.last) - 1);

    (void)unused;
    assert_string_equal(connector, "c");
    assert_int_equal(count, 1);
    if (atomic_load(&store.refuses))
        return cv_fail(err, CV_RETRY, "the queue of the offset topic is full");
    if (atomic_load(&store.holds)) {
        atomic_store(&store.held_arg, arg);
        atomic_store(&store.held, written);
        return CV_OK;
    }
    if (take(&store.fails)) {
        struct cv_err why = CV_ERR_INIT;

        cv_fail(&why, CV_RETRY, "no leader for the offset topic");
        atomic_fetch_add(&store.failed, 1);
        written(arg, &why);
        return CV_OK;
    }
    cv_connect_json_write(&text, offsets[0].offset);
    snprintf(store.last, sizeof(store.last), "%s", cv_buf_cstr(&text));
    cv_buf_free(&text);
    atomic_fetch_add(&store.writes, 1);
    written(arg, NULL);
    return CV_OK;
}

enum cv_rc
offset_store_start(const struct cv_topic_log_spec *topic, const atomic_bool *stop, struct offset_store **ret,
                   struct cv_err *err)
{
    (void)topic;
    (void)stop;
    (void)ret;
    return cv_fail(err, CV_INTERNAL, "no test has two offset topics");
}

void
offset_store_free(struct offset_store *unused, int wait_ms)
{
    (void)unused;
    (void)wait_ms;
}

enum cv_rc
offset_store_list(struct offset_store *unused, const char *connector, int timeout_ms, struct cv_arena *arena,
                  struct cv_offset **ret, size_t *ret_count, struct cv_err *err)
{
    (void)unused;
    (void)connector;
    (void)timeout_ms;
    (void)arena;
    (void)ret;
    (void)ret_count;
    return cv_fail(err, CV_INTERNAL, "no test lists offsets");
}

const char *
offset_store_topic(const struct offset_store *unused)
{
    (void)unused;
    return "offsets";
}

enum cv_rc
offset_store_encode(struct offset_store *unused, const char *connector, const struct cv_offset *offset,
                    struct cv_arena *arena, struct cv_bytes *ret_key, struct cv_bytes *ret_value, struct cv_err *err)
{
    struct cv_buf text = CV_BUF_INIT(1000);

    (void)unused;
    (void)err;
    cv_connect_json_write(&text, offset->offset);
    *ret_key = (struct cv_bytes){ cv_arena_dup(arena, connector, strlen(connector)), strlen(connector) };
    *ret_value = (struct cv_bytes){ cv_arena_dup(arena, cv_buf_cstr(&text), text.len), text.len };
    cv_buf_free(&text);
    return CV_OK;
}

static enum cv_rc
fence(void *arg, const char *connector, struct cv_err *err)
{
    (void)arg;
    assert_string_equal(connector, "c");
    if (take(&herder.busy))
        return cv_fail(err, CV_CONFLICT, "a rebalance is under way");
    atomic_fetch_add(&herder.fenced, 1);
    return CV_OK;
}

static enum cv_rc
check_generation(void *arg, const char *connector, int generation, struct cv_err *err)
{
    (void)arg;
    (void)connector;
    atomic_store(&herder.checked, generation);
    return atomic_load(&herder.stale) ? cv_fail(err, CV_FENCED, "the connector was reconfigured") : CV_OK;
}

enum cv_rc
cv_admin_new(const struct cv_kafka_conf *conf, struct cv_admin **ret, struct cv_err *err)
{
    (void)conf;
    (void)ret;
    return cv_fail(err, CV_INTERNAL, "no test has two offset topics");
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
    (void)timeout_ms;
    (void)ret;
    return cv_fail(err, CV_NOT_FOUND, "no topic %s", topic);
}

enum cv_rc
cv_admin_topic_config(struct cv_admin *admin, const char *topic, const char *key, int timeout_ms, char **ret,
                      struct cv_err *err)
{
    (void)admin;
    (void)timeout_ms;
    (void)err;
    assert_string_equal(topic, "t");
    assert_string_equal(key, "max.message.bytes");
    *ret = strdup("1000");
    return CV_OK;
}

/* There are none. */
enum cv_rc
cv_admin_topics(struct cv_admin *admin, int timeout_ms, char ***ret, size_t *ret_count, struct cv_err *err)
{
    (void)admin;
    (void)timeout_ms;
    (void)err;
    *ret = NULL;
    *ret_count = 0;
    return CV_OK;
}

enum cv_rc
cv_admin_topics_create(struct cv_admin *admin, const struct cv_topic_spec *specs, size_t count, int timeout_ms,
                       bool *ret_created, struct cv_err *err)
{
    (void)admin;
    (void)timeout_ms;
    if (take(&topics.later))
        return cv_fail(err, CV_RETRY, "could not create topic \"%s\": too few brokers", specs[0].name);
    if (take(&topics.denied))
        return cv_fail(err, CV_INVALID, "could not create topic \"%s\": not allowed", specs[0].name);
    for (size_t i = 0; i < count; i++) {
        strcat(strcat(topics.asked, i > 0 ? " " : ""), specs[i].name);
        ret_created[i] = true;
    }
    strcat(topics.asked, ";");
    return CV_OK;
}

enum cv_rc
sink_task_run(struct task *task, struct cv_err *err)
{
    (void)task;
    return cv_fail(err, CV_INTERNAL, "no test runs a sink");
}

/* ---- the bench ---- */

struct bench {
    struct plugins *plugins;
    struct worker_config worker;
    struct cv_config *raw;
    struct cv_config *config;
    struct task *task;
    atomic_uint resets;
    struct cv_lock lock;
    enum status_state state; /* the last one told; under lock */
    char trace[1024];
};

static void
on_status(void *arg, const char *connector, int task, enum status_state state, const char *trace, const char *version)
{
    struct bench *b = arg;

    (void)connector;
    (void)task;
    (void)version;
    cv_lock(&b->lock);
    b->state = state;
    snprintf(b->trace, sizeof(b->trace), "%s", trace != NULL ? trace : "");
    cv_unlock(&b->lock);
}

static void
on_topic(void *arg, const char *connector, int task, const char *topic)
{
    (void)arg;
    (void)connector;
    (void)task;
    (void)topic;
}

static int
bench_up(void **state)
{
    struct bench *b = calloc(1, sizeof(*b));
    struct cv_err err = CV_ERR_INIT;

    memset(&source, 0, sizeof(source));
    memset(&store, 0, sizeof(store));
    memset(&herder, 0, sizeof(herder));
    memset(&topics, 0, sizeof(topics));
    atomic_store(&source.topic, "t");
    fake_producer_reset();
    log_file_open();
    assert_int_equal(plugins_new(plugin_list, &b->plugins, &err), CV_OK);
    b->worker.key_converter = b->worker.value_converter = (char *)(uintptr_t)string_converter_plugin.name;
    b->worker.header_converter = (char *)(uintptr_t)simple_header_converter_plugin.name;
    b->worker.offset_flush_interval_ms = 1;
    b->worker.offset_flush_timeout_ms = 500;
    b->worker.task_memory_bytes = 16 << 20;
    b->worker.metrics_window_ms = 30000;
    b->worker.metrics_samples = 2;
    b->raw = cv_config_new();
    b->config = cv_config_new();
    assert_int_equal(cv_config_set(b->raw, "bootstrap.servers", "nowhere:1", &err), CV_OK);
    cv_lock_init(&b->lock, CV_RANK_STORE);
    *state = b;
    return 0;
}

static void
begin(struct bench *b, enum target_state target)
{
    struct cv_err err = CV_ERR_INIT;
    struct task_spec spec = { .connector = "c", .id = 0, .plugin = &source_plugin, .connector_config = b->config,
                              .task_config = b->config, .target = target, .worker_config = &b->worker,
                              .worker_raw = b->raw, .plugins = b->plugins, .status_changed = on_status,
                              .topic_used = on_topic, .topic_resets = &b->resets, .fence = fence,
                              .check_generation = check_generation, .generation = 7, .arg = b };

    assert_int_equal(task_start(&spec, &b->task, &err), CV_OK);
}

static void
end(struct bench *b)
{
    task_stop(b->task);
    assert_true(task_join(b->task, cv_mono_ms() + PATIENCE_MS));
    b->task = NULL;
    assert_false(fake_producer_alive());
}

static int
bench_down(void **state)
{
    struct bench *b = *state;

    if (b->task != NULL)
        end(b);
    log_file_close();
    cv_lock_done(&b->lock);
    plugins_free(b->plugins);
    cv_config_free(b->raw);
    cv_config_free(b->config);
    free(b);
    return 0;
}

static void
nap(void)
{
    struct cv_wake wake;
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(cv_wake_init(&wake, &err), CV_OK);
    cv_wake_wait(&wake, cv_mono_ms() + 2);
    cv_wake_done(&wake);
}

/* Until the condition holds; the test fails when it does not for a long time. */
#define WAIT_FOR(condition)                                                                                            \
    do {                                                                                                               \
        int64_t wait_deadline = cv_mono_ms() + PATIENCE_MS;                                                            \
                                                                                                                       \
        while (!(condition) && cv_mono_ms() < wait_deadline)                                                           \
            nap();                                                                                                     \
        assert_true(condition);                                                                                        \
    } while (0)

static bool
state_is(struct bench *b, enum status_state state)
{
    bool is;

    cv_lock(&b->lock);
    is = b->state == state;
    cv_unlock(&b->lock);
    return is;
}

static void
assert_trace_has(struct bench *b, const char *text)
{
    if (strstr(b->trace, text) == NULL)
        fail_msg("the trace \"%s\" lacks \"%s\"", b->trace, text);
}

/* ---- tests ---- */

static void
records_are_written_and_their_offsets_stored(void **state)
{
    struct bench *b = *state;

    atomic_store(&source.records, 3);
    begin(b, TARGET_STARTED);
    WAIT_FOR(atomic_load(&source.committed) == 3);
    assert_true(state_is(b, STATUS_RUNNING));
    assert_int_equal(fake_producer_sent(), 3);
    end(b);
    assert_true(state_is(b, STATUS_UNASSIGNED));
    assert_string_equal(store.last, "{\"position\":3}");
    assert_int_equal(atomic_load(&source.frees), 1);
}

static void
a_poll_that_may_be_repeated_is_repeated(void **state)
{
    struct bench *b = *state;

    atomic_store(&source.retries, 2);
    atomic_store(&source.records, 1);
    begin(b, TARGET_STARTED);
    WAIT_FOR(atomic_load(&source.committed) == 1);
    assert_int_equal(atomic_load(&source.retries), 0);
    assert_true(state_is(b, STATUS_RUNNING));
    assert_int_equal(log_file_count("could not be polled", "the source is not there for now"), 2);
}

static void
a_poll_that_fails_ends_the_task_with_its_text(void **state)
{
    struct bench *b = *state;

    atomic_store(&source.failures, 1);
    begin(b, TARGET_STARTED);
    WAIT_FOR(state_is(b, STATUS_FAILED));
    assert_trace_has(b, "the source's table is gone");
    end(b);
    assert_int_equal(atomic_load(&source.frees), 1);
}

static void
a_start_that_fails_ends_the_task_without_a_source(void **state)
{
    struct bench *b = *state;
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(cv_config_set(b->config, "start.fails", "1", &err), CV_OK);
    begin(b, TARGET_STARTED);
    WAIT_FOR(state_is(b, STATUS_FAILED));
    assert_trace_has(b, "the source has no house");
    end(b);
    assert_int_equal(atomic_load(&source.frees), 0);
}

static void
at_the_bound_of_memory_the_source_is_only_kept_alive(void **state)
{
    struct bench *b = *state;
    int polls;

    b->worker.task_memory_bytes = 1 << 20;
    atomic_store(&source.padding, 300 * 1024);
    atomic_store(&source.records, 100);
    fake_producer_deliver(FAKE_HOLDS);
    begin(b, TARGET_STARTED);
    WAIT_FOR(atomic_load(&source.idle_polls) > 3);
    polls = atomic_load(&source.polls);
    assert_in_range(polls, 1, 5);
    WAIT_FOR(atomic_load(&source.idle_polls) > 6);
    assert_int_equal(atomic_load(&source.polls), polls);
    assert_int_equal(atomic_load(&source.committed), 0);
    fake_producer_deliver(FAKE_DELIVERS);
    WAIT_FOR(atomic_load(&source.committed) == 100);
    assert_int_equal(fake_producer_sent(), 100);
}

static void
with_nothing_on_its_way_the_source_may_wait_for_long(void **state)
{
    struct bench *b = *state;

    atomic_store(&source.records, 1);
    fake_producer_deliver(FAKE_HOLDS);
    begin(b, TARGET_STARTED);
    WAIT_FOR(fake_producer_sent() == 1 && atomic_load(&source.timeout_ms) < 20);
    atomic_store(&store.holds, true);
    fake_producer_deliver(FAKE_DELIVERS);
    WAIT_FOR(atomic_load(&source.timeout_ms) == 100); /* the offset is to be stored */
    assert_int_equal(atomic_load(&source.committed), 0);
    WAIT_FOR(atomic_load(&store.held) != NULL);
    atomic_load(&store.held)(atomic_load(&store.held_arg), NULL);
    WAIT_FOR(atomic_load(&source.committed) == 1 && atomic_load(&source.timeout_ms) >= 5000);
    atomic_store(&store.holds, false);
}

static void
make_topics(struct bench *b)
{
    struct cv_err err = CV_ERR_INIT;

    b->worker.topic_creation_enable = true;
    assert_int_equal(cv_config_set(b->config, "topic.creation.default.partitions", "1", &err), CV_OK);
    assert_int_equal(cv_config_set(b->config, "topic.creation.default.replication.factor", "1", &err), CV_OK);
}

static void
topics_that_a_batch_is_the_first_to_go_to_are_made_together(void **state)
{
    struct bench *b = *state;

    make_topics(b);
    atomic_store(&source.records, 1);
    begin(b, TARGET_STARTED);
    WAIT_FOR(atomic_load(&source.committed) == 1);
    atomic_store(&source.spread, 2);
    WAIT_FOR(atomic_load(&source.committed) == 3);
    end(b);
    assert_string_equal(topics.asked, "t;x y z;");
    assert_int_equal(fake_producer_sent(), 9);
    assert_int_equal(log_file_count("topic created", "topic="), 4);
}

/* Nothing is lost meanwhile, and the source is kept alive. */
static void
a_topic_that_cannot_be_made_yet_is_waited_for(void **state)
{
    struct bench *b = *state;

    make_topics(b);
    atomic_store(&topics.later, 1);
    atomic_store(&source.spread, 1);
    begin(b, TARGET_STARTED);
    WAIT_FOR(atomic_load(&source.committed) == 1);
    assert_true(state_is(b, STATUS_RUNNING));
    assert_true(atomic_load(&source.idle_polls) > 5);
    end(b);
    assert_string_equal(topics.asked, "x y z;");
    assert_int_equal(fake_producer_sent(), 4);
    assert_int_equal(log_file_count("topics could not be made, trying again", "too few brokers"), 1);
}

static void
a_stop_does_not_wait_for_topics(void **state)
{
    struct bench *b = *state;

    make_topics(b);
    atomic_store(&topics.later, 1000);
    atomic_store(&source.spread, 1);
    begin(b, TARGET_STARTED);
    WAIT_FOR(log_file_count("topics could not be made, trying again", "too few brokers") == 1);
    end(b);
    assert_int_equal(fake_producer_sent(), 0);
    assert_int_equal(atomic_load(&source.committed), 0);
}

static void
a_topic_that_may_not_be_made_ends_the_task(void **state)
{
    struct bench *b = *state;

    make_topics(b);
    atomic_store(&topics.denied, 1);
    atomic_store(&source.spread, 1);
    begin(b, TARGET_STARTED);
    WAIT_FOR(state_is(b, STATUS_FAILED));
    assert_trace_has(b, "could not create topic \"x\": not allowed");
    end(b);
    assert_int_equal(fake_producer_sent(), 0);
    assert_int_equal(atomic_load(&source.committed), 0);
}

static void
a_full_queue_of_the_producer_is_waited_for(void **state)
{
    struct bench *b = *state;

    fake_producer_full(5);
    atomic_store(&source.records, 1);
    begin(b, TARGET_STARTED);
    WAIT_FOR(atomic_load(&source.committed) == 1);
    assert_int_equal(fake_producer_sent(), 1);
    assert_true(atomic_load(&source.idle_polls) >= 5);
}

static void
a_message_that_cannot_be_sent_ends_the_task_and_its_offset_is_not_stored(void **state)
{
    struct bench *b = *state;

    fake_producer_refuse("t", CV_INVALID);
    atomic_store(&source.records, 1);
    begin(b, TARGET_STARTED);
    WAIT_FOR(state_is(b, STATUS_FAILED));
    assert_trace_has(b, "could not write to topic \"t\": the message is refused");
    assert_trace_has(b, "; stored is 7, read is 9");
    end(b);
    assert_int_equal(atomic_load(&store.writes), 0);
    assert_int_equal(atomic_load(&source.committed), 0);
}

static void
records_before_one_that_cannot_be_converted_are_written(void **state)
{
    struct bench *b = *state;

    atomic_store(&source.bad, 1);
    begin(b, TARGET_STARTED);
    WAIT_FOR(state_is(b, STATUS_FAILED));
    assert_trace_has(b, "Invalid record timestamp -5");
    assert_int_equal(fake_producer_sent(), 2);
    end(b);
    assert_int_equal(atomic_load(&store.writes), 0);
    assert_int_equal(atomic_load(&source.committed), 0);
}

static void
what_was_written_before_a_failure_is_stored(void **state)
{
    struct bench *b = *state;

    b->worker.offset_flush_interval_ms = 3600000;
    atomic_store(&source.records, 3);
    begin(b, TARGET_STARTED);
    WAIT_FOR(fake_producer_sent() == 3);
    atomic_store(&source.bad, 1);
    WAIT_FOR(state_is(b, STATUS_FAILED));
    end(b);
    assert_int_equal(fake_producer_sent(), 5);
    assert_string_equal(store.last, "{\"position\":3}");
    assert_int_equal(atomic_load(&source.committed), 3);
}

static void
a_message_that_the_broker_refuses_ends_the_task_and_its_offset_is_not_stored(void **state)
{
    struct bench *b = *state;

    fake_producer_deliver(FAKE_LOSES);
    atomic_store(&source.records, 1);
    begin(b, TARGET_STARTED);
    WAIT_FOR(state_is(b, STATUS_FAILED));
    assert_trace_has(b, "could not write to Kafka: the broker refused the message; it takes 1000");
    end(b);
    assert_int_equal(atomic_load(&store.writes), 0);
}

static void
messages_that_kafka_does_not_take_may_be_left_out(void **state)
{
    struct bench *b = *state;
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(cv_config_set(b->config, "errors.tolerance", "all", &err), CV_OK);
    assert_int_equal(cv_config_set(b->config, "errors.log.enable", "true", &err), CV_OK);
    fake_producer_deliver(FAKE_LOSES);
    atomic_store(&source.records, 1);
    begin(b, TARGET_STARTED);
    WAIT_FOR(atomic_load(&source.committed) == 1);
    fake_producer_deliver(FAKE_DELIVERS);
    fake_producer_refuse("t", CV_INVALID);
    atomic_store(&source.records, 1);
    WAIT_FOR(atomic_load(&source.committed) == 2);
    assert_true(state_is(b, STATUS_RUNNING));
    assert_int_equal(log_file_count("Executing stage 'KAFKA_PRODUCE'",
                                    "org.apache.kafka.connect.runtime.WorkerSourceTask"),
                     2);
}

static void
a_fatal_error_of_the_producer_ends_the_task(void **state)
{
    struct bench *b = *state;

    begin(b, TARGET_STARTED);
    WAIT_FOR(state_is(b, STATUS_RUNNING));
    fake_producer_fatal(CV_FENCED);
    WAIT_FOR(state_is(b, STATUS_FAILED));
    assert_trace_has(b, "the producer is fenced");
}

static void
offsets_that_were_not_stored_are_stored_by_the_next_commit(void **state)
{
    struct bench *b = *state;

    atomic_store(&store.fails, 2);
    atomic_store(&source.records, 1);
    begin(b, TARGET_STARTED);
    WAIT_FOR(atomic_load(&source.committed) == 1);
    assert_true(state_is(b, STATUS_RUNNING));
    end(b);
    assert_int_equal(atomic_load(&store.failed), 2);
    assert_int_equal(atomic_load(&store.writes), 1);
    assert_string_equal(store.last, "{\"position\":1}");
    assert_int_equal(log_file_count("could not store offsets", "no leader for the offset topic"), 2);
}

static void
without_the_offset_topic_the_task_fails(void **state)
{
    struct bench *b = *state;
    struct cv_err why = CV_ERR_INIT;

    atomic_store(&store.holds, true);
    atomic_store(&source.records, 1);
    begin(b, TARGET_STARTED);
    WAIT_FOR(atomic_load(&store.held) != NULL);
    atomic_store(&store.holds, false);
    cv_fail(&why, CV_NOT_FOUND, "the topic is not there");
    atomic_load(&store.held)(atomic_load(&store.held_arg), &why);
    WAIT_FOR(state_is(b, STATUS_FAILED));
    assert_trace_has(b, "could not store offsets: the topic is not there");
}

static void
newer_offsets_win_over_those_of_a_failed_commit(void **state)
{
    struct bench *b = *state;
    struct cv_err why = CV_ERR_INIT;

    atomic_store(&store.holds, true);
    atomic_store(&source.records, 1);
    begin(b, TARGET_STARTED);
    WAIT_FOR(atomic_load(&store.held) != NULL);
    atomic_store(&source.records, 4);
    WAIT_FOR(fake_producer_sent() == 5 && fake_producer_pending() == 0);
    atomic_store(&store.holds, false);
    cv_fail(&why, CV_RETRY, "timed out");
    atomic_load(&store.held)(atomic_load(&store.held_arg), &why);
    WAIT_FOR(atomic_load(&source.committed) == 5);
    end(b);
    assert_string_equal(store.last, "{\"position\":5}");
}

static void
a_commit_that_cannot_be_begun_is_tried_again(void **state)
{
    struct bench *b = *state;

    atomic_store(&store.refuses, true);
    atomic_store(&source.records, 1);
    begin(b, TARGET_STARTED);
    WAIT_FOR(log_file_count("could not store offsets", "the queue of the offset topic is full") >= 1);
    assert_true(state_is(b, STATUS_RUNNING));
    atomic_store(&store.refuses, false);
    WAIT_FOR(atomic_load(&source.committed) == 1);
}

static void
a_batch_of_offsets_alone_is_stored(void **state)
{
    struct bench *b = *state;

    atomic_store(&source.bare_offsets, 1);
    begin(b, TARGET_STARTED);
    WAIT_FOR(atomic_load(&source.committed) == 1);
    assert_int_equal(fake_producer_sent(), 0);
}

static void
a_batch_of_offsets_alone_waits_for_the_messages_before_it(void **state)
{
    struct bench *b = *state;

    fake_producer_deliver(FAKE_HOLDS);
    atomic_store(&source.records, 1);
    begin(b, TARGET_STARTED);
    WAIT_FOR(fake_producer_sent() == 1);
    atomic_store(&source.bare_offsets, 1);
    WAIT_FOR(atomic_load(&source.bare_offsets) == 0);
    int polls = atomic_load(&source.polls);
    WAIT_FOR(atomic_load(&source.polls) > polls + 3); /* many a chance to store it */
    assert_int_equal(atomic_load(&store.writes), 0);
    fake_producer_deliver(FAKE_DELIVERS);
    WAIT_FOR(atomic_load(&source.committed) == 2);
}

static void
a_stop_waits_for_messages_under_way_and_stores_their_offsets(void **state)
{
    struct bench *b = *state;

    b->worker.offset_flush_timeout_ms = PATIENCE_MS;
    b->worker.offset_flush_interval_ms = 3600 * 1000;
    fake_producer_deliver(FAKE_HOLDS);
    atomic_store(&source.records, 1);
    begin(b, TARGET_STARTED);
    WAIT_FOR(fake_producer_sent() == 1);
    task_stop(b->task);
    fake_producer_deliver(FAKE_DELIVERS);
    end(b);
    assert_true(state_is(b, STATUS_UNASSIGNED));
    assert_int_equal(atomic_load(&store.writes), 1);
    assert_int_equal(atomic_load(&source.committed), 1);
}

static void
a_stop_does_not_wait_for_ever_for_messages_under_way(void **state)
{
    struct bench *b = *state;

    b->worker.offset_flush_timeout_ms = 50;
    fake_producer_deliver(FAKE_HOLDS);
    atomic_store(&source.records, 1);
    begin(b, TARGET_STARTED);
    WAIT_FOR(fake_producer_sent() == 1);
    end(b);
    assert_true(state_is(b, STATUS_UNASSIGNED));
    assert_int_equal(atomic_load(&store.writes), 0);
}

static void
a_stop_ends_a_task_whose_producer_takes_nothing(void **state)
{
    struct bench *b = *state;

    b->worker.offset_flush_timeout_ms = 50;
    fake_producer_full(1 << 30);
    atomic_store(&source.records, 1);
    begin(b, TARGET_STARTED);
    WAIT_FOR(atomic_load(&source.idle_polls) > 2);
    end(b);
    assert_true(state_is(b, STATUS_UNASSIGNED));
    assert_int_equal(atomic_load(&store.writes), 0);
}

static void
a_task_made_paused_has_no_source_until_it_is_resumed(void **state)
{
    struct bench *b = *state;

    atomic_store(&source.records, 1);
    begin(b, TARGET_PAUSED);
    WAIT_FOR(state_is(b, STATUS_PAUSED));
    assert_int_equal(atomic_load(&source.polls), 0);
    task_target_set(b->task, TARGET_STARTED);
    WAIT_FOR(atomic_load(&source.committed) == 1);
    assert_true(state_is(b, STATUS_RUNNING));
}

static void
a_task_made_paused_can_be_stopped(void **state)
{
    struct bench *b = *state;

    begin(b, TARGET_PAUSED);
    WAIT_FOR(state_is(b, STATUS_PAUSED));
    end(b);
    assert_true(state_is(b, STATUS_UNASSIGNED));
    assert_int_equal(atomic_load(&source.frees), 0);
}

static void
a_paused_task_polls_nothing_and_stores_what_it_had(void **state)
{
    struct bench *b = *state;
    int polls;

    fake_producer_deliver(FAKE_HOLDS);
    atomic_store(&source.records, 1);
    begin(b, TARGET_STARTED);
    WAIT_FOR(fake_producer_sent() == 1);
    task_target_set(b->task, TARGET_PAUSED);
    WAIT_FOR(state_is(b, STATUS_PAUSED));
    polls = atomic_load(&source.polls);
    atomic_store(&source.records, 1);
    fake_producer_deliver(FAKE_DELIVERS);
    WAIT_FOR(atomic_load(&source.committed) == 1);
    assert_int_equal(atomic_load(&source.polls), polls);
    task_target_set(b->task, TARGET_STARTED);
    WAIT_FOR(atomic_load(&source.committed) == 2);
    assert_true(state_is(b, STATUS_RUNNING));
}

/* ---- what is asked of a running task ---- */

/* The answer, or the failure's text. */
static enum cv_rc
ask(struct bench *b, enum task_question question, const char *json, int timeout_ms, struct cv_buf *answer)
{
    struct task_call *call = NULL;
    struct cv_err err = CV_ERR_INIT;
    enum cv_rc rc = task_call_new(question, json, json != NULL ? strlen(json) : 0, &call, &err);

    cv_buf_reset(answer);
    if (rc == CV_OK)
        rc = task_call_post(b->task, call, &err);
    if (rc == CV_OK)
        rc = task_call_wait(call, cv_mono_ms() + timeout_ms, answer, &err);
    if (rc != CV_OK)
        cv_buf_str(answer, err.text);
    task_call_free(call);
    return rc;
}

static void
a_running_task_answers_between_polls(void **state)
{
    struct cv_buf answer = CV_BUF_INIT(1024);
    struct bench *b = *state;

    begin(b, TARGET_STARTED);
    assert_int_equal(ask(b, TASK_SIGNAL, "{\"what\":\"sing\"}", PATIENCE_MS, &answer), CV_OK);
    assert_string_equal(cv_buf_cstr(&answer), "\"sing\"");
    assert_int_equal(ask(b, TASK_PROGRESS, NULL, PATIENCE_MS, &answer), CV_OK);
    assert_string_equal(cv_buf_cstr(&answer), "{\"told\":\"sing\"}");
    assert_int_equal(ask(b, TASK_SIGNAL, "{}", PATIENCE_MS, &answer), CV_INVALID);
    assert_string_equal(cv_buf_cstr(&answer), "a signal says \"what\"");
    assert_int_equal(ask(b, TASK_SIGNAL, "[1]", PATIENCE_MS, &answer), CV_INVALID);
    assert_string_equal(cv_buf_cstr(&answer), "the signal is no JSON object");
    assert_int_equal(ask(b, TASK_SIGNAL, "{", PATIENCE_MS, &answer), CV_INVALID);
    assert_non_null(strstr(cv_buf_cstr(&answer), "the signal is no JSON: "));
    cv_buf_free(&answer);
}

static void
a_task_without_room_or_paused_still_answers(void **state)
{
    struct cv_buf answer = CV_BUF_INIT(1024);
    struct bench *b = *state;

    fake_producer_full(1000000000);
    atomic_store(&source.records, 1);
    begin(b, TARGET_STARTED);
    WAIT_FOR(atomic_load(&source.idle_polls) > 0);
    assert_int_equal(ask(b, TASK_PROGRESS, NULL, PATIENCE_MS, &answer), CV_OK);
    fake_producer_full(0);
    task_target_set(b->task, TARGET_PAUSED);
    WAIT_FOR(state_is(b, STATUS_PAUSED));
    assert_int_equal(ask(b, TASK_PROGRESS, NULL, PATIENCE_MS, &answer), CV_OK);
    assert_string_equal(cv_buf_cstr(&answer), "{\"told\":\"\"}");
    cv_buf_free(&answer);
}

static void
a_task_that_does_not_run_says_so(void **state)
{
    struct cv_buf answer = CV_BUF_INIT(1024);
    struct bench *b = *state;

    begin(b, TARGET_PAUSED);
    assert_int_equal(ask(b, TASK_PROGRESS, NULL, PATIENCE_MS, &answer), CV_CONFLICT);
    assert_string_equal(cv_buf_cstr(&answer), "Task c-0 is paused, and has not been started yet");
    atomic_store(&source.failures, 1);
    task_target_set(b->task, TARGET_STARTED);
    WAIT_FOR(state_is(b, STATUS_FAILED));
    assert_int_equal(ask(b, TASK_PROGRESS, NULL, PATIENCE_MS, &answer), CV_CONFLICT);
    assert_non_null(strstr(cv_buf_cstr(&answer), "Task c-0 "));
    cv_buf_free(&answer);
}

static void
a_question_that_nobody_waits_for_any_more_is_harmless(void **state)
{
    struct cv_buf answer = CV_BUF_INIT(1024);
    struct bench *b = *state;

    atomic_store(&herder.busy, 1000000);
    b->worker.exactly_once = WORKER_EOS_ENABLED;
    b->worker.group_id = (char *)(uintptr_t)"g";
    begin(b, TARGET_STARTED); /* it waits to be let in, and answers nobody */
    assert_int_equal(ask(b, TASK_PROGRESS, NULL, 5, &answer), CV_RETRY);
    assert_non_null(strstr(cv_buf_cstr(&answer), "timed out"));
    end(b); /* it lets go of the call */
    cv_buf_free(&answer);
}

static void
collect(void *task, struct cv_metrics_sink *sink)
{
    task_metrics(task, sink);
}

static void
tags_are_labels_of_the_metrics_that_have_a_context(void **state)
{
    struct cv_buf text = CV_BUF_INIT(1 << 20);
    struct cv_metrics *metrics = cv_metrics_new();
    struct cv_err err = CV_ERR_INIT;
    struct bench *b = *state;
    int polls;

    assert_int_equal(cv_config_set(b->config, "prefix", "p", &err), CV_OK);
    assert_int_equal(cv_config_set(b->config, "tags", "team=a b, 1st.floor=x,bad,=worse", &err), CV_OK);
    begin(b, TARGET_STARTED);
    assert_int_equal(cv_metrics_register(metrics, collect, b->task, &err), CV_OK);
    cv_metrics_write(metrics, 1, &text);
    assert_non_null(strstr(cv_buf_cstr(&text),
                           "\nfake_height{plugin=\"fake\",name=\"p\",context=\"streaming\",task=\"0\","
                                               "team=\"a b\",_st_floor=\"x\"} 0"));
    assert_non_null(strstr(cv_buf_cstr(&text), "\nfake_width{connector=\"c\",task=\"0\"} 0"));
    assert_null(strstr(cv_buf_cstr(&text), "\nfake_rooms"));
    atomic_store(&source.parts, 1);
    WAIT_FOR(atomic_load(&source.parts) == 0);
    polls = atomic_load(&source.polls);
    WAIT_FOR(atomic_load(&source.polls) > polls);
    cv_buf_reset(&text);
    cv_metrics_write(metrics, 1, &text);
    assert_non_null(strstr(cv_buf_cstr(&text),
                           "\nfake_rooms{plugin=\"fake\",name=\"p\",context=\"streaming\",task=\"0\","
                                               "team=\"a b\",_st_floor=\"x\",floor=\"cellar\"} 4"));
    assert_non_null(strstr(cv_buf_cstr(&text), "floor=\"attic\"} 5\n"));
    assert_null(strstr(cv_buf_cstr(&text), "floor=\"attic\"} 3"));
    cv_metrics_unregister(metrics, collect, b->task);
    cv_metrics_free(metrics);
    cv_buf_free(&text);
}

/* ---- exactly once ---- */

static void
exactly_once(struct bench *b, const char *boundary)
{
    struct cv_err err = CV_ERR_INIT;

    b->worker.exactly_once = WORKER_EOS_ENABLED;
    b->worker.group_id = (char *)(uintptr_t)"g";
    if (boundary != NULL)
        assert_int_equal(cv_config_set(b->config, "transaction.boundary", boundary, &err), CV_OK);
}

static bool
wrote(const char *expected)
{
    char log[4096];

    fake_producer_log(log, sizeof(log));
    return strcmp(log, expected) == 0;
}

static void
assert_wrote(const char *expected)
{
    char log[4096];

    fake_producer_log(log, sizeof(log));
    assert_string_equal(log, expected);
}

#define OFFSET(n) "offsets c {\"position\":" n "}\n"

static void
records_and_their_offsets_are_one_transaction(void **state)
{
    struct bench *b = *state;
    char id[64];

    exactly_once(b, NULL);
    atomic_store(&source.records, 2);
    begin(b, TARGET_STARTED);
    WAIT_FOR(atomic_load(&source.committed) == 2);
    assert_wrote("init\nbegin\nt - v\n" OFFSET("1") "commit\nbegin\nt - v\n" OFFSET("2") "commit\n");
    assert_int_equal(cv_window_min(&b->task->counters.windows[WINDOW_TRANSACTION]), 1);
    assert_int_equal(cv_window_max(&b->task->counters.windows[WINDOW_TRANSACTION]), 1);
    assert_int_equal(atomic_load(&b->task->counters.records_sent), 2);
    assert_int_equal(atomic_load(&b->task->counters.records_active), 0);
    assert_int_equal(cv_window_max(&b->task->counters.windows[WINDOW_ACTIVE]), 1);
    assert_true(cv_window_rate(&b->task->counters.windows[WINDOW_SENT]) > 0);
    fake_producer_transactional_id(id, sizeof(id));
    assert_string_equal(id, "g-c-0");
    assert_int_equal(atomic_load(&herder.fenced), 1);
    assert_int_equal(atomic_load(&herder.checked), 7);
    end(b);
    assert_int_equal(atomic_load(&store.writes), 0);
}

static void
what_comes_while_a_transaction_is_on_its_way_is_the_next_one(void **state)
{
    struct bench *b = *state;

    exactly_once(b, NULL);
    fake_producer_deliver(FAKE_HOLDS);
    atomic_store(&source.records, 4);
    begin(b, TARGET_STARTED);
    WAIT_FOR(atomic_load(&source.records) == 0 && atomic_load(&source.polls) > 5); /* it is read on */
    assert_wrote("init\nbegin\nt - v\n" OFFSET("1"));
    fake_producer_deliver(FAKE_DELIVERS);
    WAIT_FOR(atomic_load(&source.committed) == 4);
    assert_wrote("init\nbegin\nt - v\n" OFFSET("1") "commit\nbegin\nt - v\nt - v\nt - v\n" OFFSET("4") "commit\n");
}

static void
what_is_held_goes_out_when_the_task_ends(void **state)
{
    struct bench *b = *state;

    exactly_once(b, NULL);
    fake_producer_deliver(FAKE_HOLDS);
    atomic_store(&source.records, 3);
    begin(b, TARGET_STARTED);
    WAIT_FOR(atomic_load(&source.records) == 0 && atomic_load(&source.polls) > 4);
    fake_producer_deliver(FAKE_DELIVERS);
    end(b);
    assert_wrote("init\nbegin\nt - v\n" OFFSET("1") "commit\nbegin\nt - v\nt - v\n" OFFSET("3") "commit\n");
}

static void
a_source_that_rests_is_not_polled_while_its_messages_are_stored(void **state)
{
    struct bench *b = *state;

    atomic_store(&source.rest_ms, 3600000);
    atomic_store(&source.records, 2);
    begin(b, TARGET_STARTED);
    WAIT_FOR(atomic_load(&source.committed) == 1);
    assert_int_equal(atomic_load(&source.polls), 1);
    end(b);
    assert_int_equal(atomic_load(&source.records), 1);
}

static void
a_rest_ends_by_itself(void **state)
{
    struct bench *b = *state;

    atomic_store(&source.rest_ms, 20);
    atomic_store(&source.records, 2);
    begin(b, TARGET_STARTED);
    WAIT_FOR(atomic_load(&source.committed) == 2);
    end(b);
}

static void
what_must_not_be_split_is_one_transaction(void **state)
{
    struct bench *b = *state;

    exactly_once(b, NULL);
    atomic_store(&source.split, true);
    atomic_store(&source.records, 2);
    begin(b, TARGET_STARTED);
    WAIT_FOR(fake_producer_sent() == 2);
    assert_wrote("init\nbegin\nt - v\nt - v\n");
    end(b); /* in the middle: nothing of it may count */
    assert_wrote("init\nbegin\nt - v\nt - v\nabort\n");
    assert_int_equal(atomic_load(&source.committed), 0);
}

static void
a_transaction_by_interval_holds_many_polls_and_ends_with_the_task(void **state)
{
    struct bench *b = *state;
    struct cv_err err = CV_ERR_INIT;

    exactly_once(b, "interval");
    assert_int_equal(cv_config_set(b->config, "transaction.boundary.interval.ms", "3600000", &err), CV_OK);
    atomic_store(&source.records, 3);
    begin(b, TARGET_STARTED);
    WAIT_FOR(fake_producer_sent() == 3);
    end(b);
    assert_wrote("init\nbegin\nt - v\nt - v\nt - v\n" OFFSET("3") "commit\n");
    assert_int_equal(atomic_load(&source.committed), 3);
}

static void
a_transaction_by_interval_ends_when_the_task_pauses(void **state)
{
    struct bench *b = *state;
    struct cv_err err = CV_ERR_INIT;

    exactly_once(b, "INTERVAL");
    assert_int_equal(cv_config_set(b->config, "transaction.boundary.interval.ms", "3600000", &err), CV_OK);
    atomic_store(&source.records, 1);
    begin(b, TARGET_STARTED);
    WAIT_FOR(fake_producer_sent() == 1);
    task_target_set(b->task, TARGET_PAUSED);
    WAIT_FOR(state_is(b, STATUS_PAUSED));
    assert_wrote("init\nbegin\nt - v\n" OFFSET("1") "commit\n");
}

static void
a_source_ends_its_transactions_itself(void **state)
{
    struct bench *b = *state;

    exactly_once(b, "connector");
    atomic_store(&source.records, 2);
    begin(b, TARGET_STARTED);
    WAIT_FOR(fake_producer_sent() == 2);
    assert_wrote("init\nbegin\nt - v\nt - v\n");
    atomic_store(&source.asks, 1);
    atomic_store(&source.records, 1);
    WAIT_FOR(atomic_load(&source.committed) == 3);
    assert_wrote("init\nbegin\nt - v\nt - v\nt - v\n" OFFSET("3") "commit\n");
    end(b);
}

static void
an_abort_drops_records_and_keeps_their_offsets(void **state)
{
    struct bench *b = *state;

    exactly_once(b, "connector");
    atomic_store(&source.asks, 2);
    atomic_store(&source.records, 1);
    begin(b, TARGET_STARTED);
    WAIT_FOR(atomic_load(&source.committed) == 1);
    assert_wrote("init\nbegin\nt - v\nabort\nbegin\n" OFFSET("1") "commit\n");
}

static void
what_a_source_did_not_end_is_dropped_with_the_task(void **state)
{
    struct bench *b = *state;

    exactly_once(b, "connector");
    atomic_store(&source.records, 1);
    begin(b, TARGET_STARTED);
    WAIT_FOR(fake_producer_sent() == 1);
    end(b);
    assert_wrote("init\nbegin\nt - v\nabort\n");
}

static void
offsets_alone_are_a_transaction_at_the_next_flush(void **state)
{
    struct bench *b = *state;

    exactly_once(b, NULL);
    atomic_store(&source.bare_offsets, 1);
    begin(b, TARGET_STARTED);
    WAIT_FOR(atomic_load(&source.committed) == 1);
    assert_wrote("init\nbegin\n" OFFSET("1") "commit\n");
}

static void
a_commit_of_unknown_outcome_begins_the_task_anew(void **state)
{
    struct bench *b = *state;

    exactly_once(b, NULL);
    fake_producer_fail_transaction(3, CV_RETRY);
    atomic_store(&source.records, 1);
    begin(b, TARGET_STARTED);
    WAIT_FOR(wrote("init\nbegin\nt - v\n" OFFSET("1") "abort\ninit\n"));
    WAIT_FOR(atomic_load(&source.frees) == 1);
    assert_true(state_is(b, STATUS_RUNNING));
    assert_int_equal(atomic_load(&source.committed), 0);
    atomic_store(&source.records, 1);
    WAIT_FOR(atomic_load(&source.committed) == 2);
}

static void
a_stop_does_not_wait_for_ever_for_a_transaction(void **state)
{
    struct bench *b = *state;

    exactly_once(b, NULL);
    b->worker.task_shutdown_timeout_ms = 100;
    fake_producer_deliver(FAKE_HOLDS);
    atomic_store(&source.records, 1);
    begin(b, TARGET_STARTED);
    WAIT_FOR(fake_producer_sent() == 2);
    end(b);
    assert_true(state_is(b, STATUS_UNASSIGNED));
    assert_wrote("init\nbegin\nt - v\n" OFFSET("1") "abort\n");
}

static void
a_fenced_task_fails(void **state)
{
    struct bench *b = *state;

    exactly_once(b, NULL);
    fake_producer_fail_transaction(3, CV_FENCED);
    atomic_store(&source.records, 1);
    begin(b, TARGET_STARTED);
    WAIT_FOR(state_is(b, STATUS_FAILED));
    assert_trace_has(b, "commit fails on demand");
    end(b);
    assert_int_equal(atomic_load(&source.committed), 0);
}

static void
a_round_of_fencing_that_cannot_be_now_is_waited_for(void **state)
{
    struct bench *b = *state;

    exactly_once(b, NULL);
    atomic_store(&herder.busy, 1);
    atomic_store(&source.records, 1);
    begin(b, TARGET_STARTED);
    WAIT_FOR(atomic_load(&source.committed) == 1);
    assert_int_equal(atomic_load(&herder.busy), 0);
    assert_int_equal(atomic_load(&herder.fenced), 1);
}

static void
a_task_of_an_older_generation_does_not_start(void **state)
{
    struct bench *b = *state;

    exactly_once(b, NULL);
    atomic_store(&herder.stale, true);
    begin(b, TARGET_STARTED);
    WAIT_FOR(state_is(b, STATUS_FAILED));
    assert_trace_has(b, "the connector was reconfigured");
    end(b);
    assert_wrote("init\n");
    assert_int_equal(atomic_load(&source.frees), 0);
}

static void
a_task_does_not_write_to_its_own_offsets_topic(void **state)
{
    struct bench *b = *state;

    exactly_once(b, NULL);
    atomic_store(&source.topic, "offsets");
    atomic_store(&source.records, 1);
    begin(b, TARGET_STARTED);
    WAIT_FOR(state_is(b, STATUS_FAILED));
    assert_trace_has(b, "cannot write to its own offsets topic \"offsets\"");
}

static void
a_topic_that_is_missing_is_told_once_and_waited_for(void **state)
{
    struct bench *b = *state;

    b->worker.topic_creation_enable = true;
    atomic_store(&source.records, 2);
    fake_producer_missing(INT_MAX, CV_NOT_FOUND);
    begin(b, TARGET_STARTED);
    WAIT_FOR(log_file_count("the topic does not exist", "topic.creation.default.partitions") > 0);
    assert_true(state_is(b, STATUS_RUNNING));
    assert_true(atomic_load(&source.idle_polls) > 0); /* it is kept alive */
    assert_int_equal(fake_producer_sent(), 0);
    fake_producer_missing(3, CV_RETRY);
    WAIT_FOR(atomic_load(&source.committed) == 2);
    assert_int_equal(fake_producer_sent(), 2);
    assert_int_equal(fake_producer_missing_left(), 0);
    assert_int_equal(log_file_count("the topic does not exist", "topic=t"), 1);
    assert_int_equal(log_file_count("the topic is there", "topic=t"), 1);
}

static void
a_task_that_waits_for_a_topic_can_be_stopped(void **state)
{
    struct bench *b = *state;

    atomic_store(&source.records, 1);
    fake_producer_missing(INT_MAX, CV_NOT_FOUND);
    begin(b, TARGET_STARTED);
    WAIT_FOR(fake_producer_missing_left() < INT_MAX);
    end(b);
    assert_int_equal(fake_producer_sent(), 0);
    assert_int_equal(atomic_load(&store.writes), 0);
    assert_true(state_is(b, STATUS_UNASSIGNED));
}

static void
a_topic_that_cannot_be_ends_the_task(void **state)
{
    struct bench *b = *state;

    atomic_store(&source.records, 1);
    fake_producer_missing(INT_MAX, CV_INVALID);
    begin(b, TARGET_STARTED);
    WAIT_FOR(state_is(b, STATUS_FAILED));
    assert_trace_has(b, "could not write to Kafka: no partitions of topic \"t\"");
    end(b);
    assert_int_equal(fake_producer_sent(), 0);
    assert_int_equal(atomic_load(&store.writes), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_up, bench_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(records_are_written_and_their_offsets_stored),
        TEST(a_poll_that_may_be_repeated_is_repeated),
        TEST(a_poll_that_fails_ends_the_task_with_its_text),
        TEST(a_start_that_fails_ends_the_task_without_a_source),
        TEST(at_the_bound_of_memory_the_source_is_only_kept_alive),
        TEST(with_nothing_on_its_way_the_source_may_wait_for_long),
        TEST(topics_that_a_batch_is_the_first_to_go_to_are_made_together),
        TEST(a_topic_that_cannot_be_made_yet_is_waited_for),
        TEST(a_stop_does_not_wait_for_topics),
        TEST(a_topic_that_may_not_be_made_ends_the_task),
        TEST(a_source_that_rests_is_not_polled_while_its_messages_are_stored),
        TEST(a_rest_ends_by_itself),
        TEST(a_full_queue_of_the_producer_is_waited_for),
        TEST(a_message_that_cannot_be_sent_ends_the_task_and_its_offset_is_not_stored),
        TEST(records_before_one_that_cannot_be_converted_are_written),
        TEST(what_was_written_before_a_failure_is_stored),
        TEST(a_message_that_the_broker_refuses_ends_the_task_and_its_offset_is_not_stored),
        TEST(messages_that_kafka_does_not_take_may_be_left_out),
        TEST(a_fatal_error_of_the_producer_ends_the_task),
        TEST(offsets_that_were_not_stored_are_stored_by_the_next_commit),
        TEST(without_the_offset_topic_the_task_fails),
        TEST(newer_offsets_win_over_those_of_a_failed_commit),
        TEST(a_commit_that_cannot_be_begun_is_tried_again),
        TEST(a_batch_of_offsets_alone_is_stored),
        TEST(a_batch_of_offsets_alone_waits_for_the_messages_before_it),
        TEST(a_stop_waits_for_messages_under_way_and_stores_their_offsets),
        TEST(a_stop_does_not_wait_for_ever_for_messages_under_way),
        TEST(a_stop_ends_a_task_whose_producer_takes_nothing),
        TEST(a_task_made_paused_has_no_source_until_it_is_resumed),
        TEST(a_task_made_paused_can_be_stopped),
        TEST(a_paused_task_polls_nothing_and_stores_what_it_had),
        TEST(tags_are_labels_of_the_metrics_that_have_a_context),
        TEST(a_running_task_answers_between_polls),
        TEST(a_task_without_room_or_paused_still_answers),
        TEST(a_task_that_does_not_run_says_so),
        TEST(a_question_that_nobody_waits_for_any_more_is_harmless),
        TEST(records_and_their_offsets_are_one_transaction),
        TEST(what_comes_while_a_transaction_is_on_its_way_is_the_next_one),
        TEST(what_is_held_goes_out_when_the_task_ends),
        TEST(what_must_not_be_split_is_one_transaction),
        TEST(a_transaction_by_interval_holds_many_polls_and_ends_with_the_task),
        TEST(a_transaction_by_interval_ends_when_the_task_pauses),
        TEST(a_source_ends_its_transactions_itself),
        TEST(an_abort_drops_records_and_keeps_their_offsets),
        TEST(what_a_source_did_not_end_is_dropped_with_the_task),
        TEST(offsets_alone_are_a_transaction_at_the_next_flush),
        TEST(a_commit_of_unknown_outcome_begins_the_task_anew),
        TEST(a_stop_does_not_wait_for_ever_for_a_transaction),
        TEST(a_fenced_task_fails),
        TEST(a_round_of_fencing_that_cannot_be_now_is_waited_for),
        TEST(a_task_of_an_older_generation_does_not_start),
        TEST(a_task_does_not_write_to_its_own_offsets_topic),
        TEST(a_topic_that_is_missing_is_told_once_and_waited_for),
        TEST(a_task_that_waits_for_a_topic_can_be_stopped),
        TEST(a_topic_that_cannot_be_ends_the_task),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
