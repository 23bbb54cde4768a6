/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MirrorHeartbeat: every "emit.heartbeats.interval.seconds" a record of the topic "heartbeats". The key is the two
 * cluster aliases, the value the time, both in Kafka's own encoding (a string: Int16 length and bytes; the value:
 * Int16 version 0, Int64 ms), which MirrorMaker's clients read. So key and value want the ByteArrayConverter.
 *
 * Source: org.apache.kafka.connect.mirror.MirrorHeartbeatTask, Heartbeat. Java's connector creates the topic; here
 * the worker does, as topic.creation.* says.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/thread.h"
#include "connectors/heartbeat/heartbeat.h"

#define TOPIC      "heartbeats"
#define ALIAS_MAX  1000
#define VALUE_SIZE 10

struct heartbeat_config {
    char *source_alias;
    char *target_alias;
    int64_t interval_s;
    bool enabled;
};

/* Java's rows; those of clients to the two clusters are no use here and left out. */
static const struct cv_config_def heartbeat_config_def[] = {
    { .name = "enabled", .type = CV_CONFIG_BOOLEAN, .def = "true", .importance = CV_LOW, .offset = CV_NO_FIELD,
      .doc = "Whether this cluster is mirrored at all; without meaning for heartbeats." },
    { .name = "source.cluster.alias", .type = CV_CONFIG_STRING, .required = true, .importance = CV_HIGH,
      .doc = "Alias of the cluster that is mirrored.", .offset = offsetof(struct heartbeat_config, source_alias) },
    { .name = "target.cluster.alias", .type = CV_CONFIG_STRING, .def = "target", .importance = CV_HIGH,
      .doc = "Alias of the cluster that gets the heartbeats.",
      .offset = offsetof(struct heartbeat_config, target_alias) },
    { .name = "emit.heartbeats.enabled", .type = CV_CONFIG_BOOLEAN, .def = "true", .importance = CV_LOW,
      .doc = "Whether there are heartbeats.", .offset = offsetof(struct heartbeat_config, enabled) },
    { .name = "emit.heartbeats.interval.seconds", .type = CV_CONFIG_LONG, .def = "1", .importance = CV_LOW,
      .doc = "Seconds between two heartbeats.", .offset = offsetof(struct heartbeat_config, interval_s) },
    { .name = "heartbeats.topic.replication.factor", .type = CV_CONFIG_SHORT, .def = "3", .importance = CV_LOW,
      .offset = CV_NO_FIELD,
      .doc = "Without meaning here: topic.creation.default.replication.factor says how the topic is created." },
    CV_CONFIG_END
};

struct heartbeat {
    struct cv_source_task base;
    struct heartbeat_config config;
    struct cv_wake wake;
    int64_t due_ms; /* monotonic */
};

static struct heartbeat *
heartbeat_of(struct cv_source_task *base)
{
    return cv_container_of(base, struct heartbeat, base);
}

static enum cv_rc
read_config(const struct cv_config *cfg, struct heartbeat_config *ret, struct cv_err *err)
{
    struct cv_config_errors errors = { .items = NULL };
    enum cv_rc rc = cv_config_parse(heartbeat_config_def, cfg, ret, &errors, err);

    cv_config_errors_done(&errors);
    if (rc == CV_OK && (strlen(ret->source_alias) > ALIAS_MAX || strlen(ret->target_alias) > ALIAS_MAX))
        rc = cv_fail(err, CV_INVALID, "a cluster alias has more than %d bytes", ALIAS_MAX);
    return rc;
}

/* One task, or none when heartbeats are off. */
static enum cv_rc
heartbeat_task_configs(const struct cv_config *cfg, int max_tasks, struct cv_task_configs *ret, struct cv_err *err)
{
    struct heartbeat_config config = { .source_alias = NULL };
    enum cv_rc rc = read_config(cfg, &config, err);

    (void)max_tasks;
    if (rc == CV_OK && config.enabled && config.interval_s >= 0)
        rc = cv_task_configs_add(ret, cv_config_copy(cfg), err);
    cv_config_done(heartbeat_config_def, &config);
    return rc;
}

static void
heartbeat_free(struct cv_source_task *base)
{
    struct heartbeat *task;

    if (base == NULL)
        return;
    task = heartbeat_of(base);
    if (task->wake.fd >= 0)
        cv_wake_done(&task->wake);
    cv_config_done(heartbeat_config_def, &task->config);
    free(task);
}

static enum cv_rc
heartbeat_start(struct cv_source_ctx *ctx, const struct cv_config *cfg, struct cv_source_task **ret,
                struct cv_err *err)
{
    struct heartbeat *task = calloc(1, sizeof(*task));

    if (task == NULL)
        return cv_fail_memory(err);
    task->base.ctx = ctx;
    task->wake.fd = -1;
    if (read_config(cfg, &task->config, err) != CV_OK || cv_wake_init(&task->wake, err) != CV_OK) {
        heartbeat_free(&task->base);
        return err->rc;
    }
    if (task->config.interval_s > INT32_MAX)
        task->config.interval_s = INT32_MAX; /* some sixty years */
    task->due_ms = cv_mono_ms() + task->config.interval_s * 1000;
    *ret = &task->base;
    return CV_OK;
}

/* Big-endian, size bytes. */
static char *
put_number(char *at, uint64_t v, int size)
{
    for (int i = size - 1; i >= 0; i--)
        *at++ = (char)(v >> (8 * i) & 0xff);
    return at;
}

static char *
put_string(char *at, const char *text)
{
    size_t len = strlen(text);

    at = put_number(at, len, 2);
    memcpy(at, text, len);
    return at + len;
}

static enum cv_rc
set_offset(const struct heartbeat *task, struct cv_batch *batch, struct cv_err *err)
{
    struct cv_value *partition = cv_map_new(batch->arena, 2), *offset = cv_map_new(batch->arena, 1);
    const char *source = cv_arena_strdup(batch->arena, task->config.source_alias);
    const char *target = cv_arena_strdup(batch->arena, task->config.target_alias);

    if (partition == NULL || offset == NULL || source == NULL || target == NULL)
        return cv_fail_memory(err);
    if (cv_map_put(batch->arena, partition, "sourceClusterAlias", cv_cstring(source), err) != CV_OK ||
        cv_map_put(batch->arena, partition, "targetClusterAlias", cv_cstring(target), err) != CV_OK ||
        cv_map_put(batch->arena, offset, "offset", cv_int(CV_INT64, 0), err) != CV_OK)
        return err->rc;
    return cv_batch_set_offset(batch, partition, offset, err);
}

static enum cv_rc
add_heartbeat(const struct heartbeat *task, struct cv_batch *batch, struct cv_err *err)
{
    size_t key_len = 4 + strlen(task->config.source_alias) + strlen(task->config.target_alias);
    struct cv_record *rec = cv_batch_add_record(batch);
    char *key = cv_arena_alloc(batch->arena, key_len), *value = cv_arena_alloc(batch->arena, VALUE_SIZE);

    if (rec == NULL || key == NULL || value == NULL)
        return cv_fail_memory(err);
    rec->topic = TOPIC;
    rec->partition = 0;
    rec->timestamp_ms = cv_now_ms();
    put_string(put_string(key, task->config.source_alias), task->config.target_alias);
    put_number(put_number(value, 0, 2), (uint64_t)rec->timestamp_ms, 8);
    rec->key = cv_binary(key, key_len);
    rec->key.schema = cv_schema_plain(CV_BYTES, false);
    rec->value = cv_binary(value, VALUE_SIZE);
    rec->value.schema = cv_schema_plain(CV_BYTES, false);
    return set_offset(task, batch, err);
}

static enum cv_rc
heartbeat_poll(struct cv_source_task *base, struct cv_batch *batch, int timeout_ms, struct cv_err *err)
{
    struct heartbeat *task = heartbeat_of(base);
    int64_t now_ms = cv_mono_ms(), deadline_ms = now_ms + timeout_ms;

    if (batch != NULL && task->due_ms < deadline_ms)
        deadline_ms = task->due_ms;
    if (now_ms < deadline_ms)
        (void)cv_wake_wait(&task->wake, deadline_ms);
    now_ms = cv_mono_ms();
    if (batch == NULL || now_ms < task->due_ms)
        return CV_OK;
    /* no heap of heartbeats after a pause */
    task->due_ms = now_ms + task->config.interval_s * 1000;
    return add_heartbeat(task, batch, err);
}

static void
heartbeat_wake(struct cv_source_task *base)
{
    cv_wake_signal(&heartbeat_of(base)->wake);
}

static const struct cv_source_ops heartbeat_ops = {
    .task_configs = heartbeat_task_configs,
    .start = heartbeat_start,
    .poll = heartbeat_poll,
    .wake = heartbeat_wake,
    .free = heartbeat_free,
};

const struct cv_plugin heartbeat_source_plugin = {
    .api = CV_PLUGIN_API,
    .kind = CV_SOURCE,
    .name = "org.apache.kafka.connect.mirror.MirrorHeartbeatConnector",
    .task_class = "org.apache.kafka.connect.mirror.MirrorHeartbeatTask",
    .version = PACKAGE_VERSION,
    .on_request = true,
    .config = heartbeat_config_def,
    .source = &heartbeat_ops,
};
