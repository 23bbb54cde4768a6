/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SchemaSource: "num.messages" records with one schema, or with two that take turns ("multiple.schema"), into the
 * partition that the task's number names.
 *
 * Source: org.apache.kafka.connect.tools.SchemaSourceTask, whose records these are field by field.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "connectors/verifiable/numbered.h"
#include "connectors/verifiable/verifiable.h"

#define RECORDS_MAX 500 /* of one poll */

struct schema_source {
    struct numbered numbered;
    struct cv_schema *schemas[2];
    int64_t messages; /* how many in all */
    int64_t count;    /* made since the start */
    int64_t partitions;
    bool both;
};

static struct schema_source *
source_of(struct cv_source_task *base)
{
    return cv_container_of(base, struct schema_source, numbered.base);
}

/* "abc" where a text is missing. */
static enum cv_rc
text_schema(struct cv_schema **ret, struct cv_err *err)
{
    struct cv_schema_builder *b = cv_schema_new(CV_STRING);
    struct cv_value def = cv_cstring("abc");

    cv_schema_set_default(b, &def);
    return cv_schema_finish(b, ret, err);
}

/* Version 1, and version 2 with a text more. */
static enum cv_rc
make_schema(int version, struct cv_schema **ret, struct cv_err *err)
{
    struct cv_schema_builder *b;
    struct cv_schema *text = NULL;
    enum cv_rc rc;

    if (version == 2 && text_schema(&text, err) != CV_OK)
        return err->rc;
    b = cv_schema_new(CV_STRUCT);
    cv_schema_set_name(b, "record");
    cv_schema_set_version(b, version);
    cv_schema_add_field(b, "boolean", cv_schema_plain(CV_BOOLEAN, false));
    cv_schema_add_field(b, "int", cv_schema_plain(CV_INT32, false));
    cv_schema_add_field(b, "long", cv_schema_plain(CV_INT64, false));
    cv_schema_add_field(b, "float", cv_schema_plain(CV_FLOAT32, false));
    cv_schema_add_field(b, "double", cv_schema_plain(CV_FLOAT64, false));
    cv_schema_add_field(b, "partitioning", cv_schema_plain(CV_INT32, false));
    if (text != NULL)
        cv_schema_add_field(b, "string", text);
    cv_schema_add_field(b, "id", cv_schema_plain(CV_INT32, false));
    cv_schema_add_field(b, "seqno", cv_schema_plain(CV_INT64, false));
    rc = cv_schema_finish(b, ret, err);
    cv_schema_unref(text);
    return rc;
}

static void
source_free(struct cv_source_task *base)
{
    struct schema_source *task;

    if (base == NULL)
        return;
    task = source_of(base);
    cv_schema_unref(task->schemas[0]);
    cv_schema_unref(task->schemas[1]);
    numbered_done(&task->numbered);
    free(task);
}

static enum cv_rc
read_options(struct schema_source *task, const struct cv_config *cfg, struct cv_err *err)
{
    const char *both = cv_config_get(cfg, "multiple.schema");

    task->partitions = 1;
    task->both = both != NULL && strcasecmp(both, "true") == 0;
    if (!numbered_option(cfg, "num.messages", &task->messages))
        return cv_fail(err, CV_INVALID,
                       "Invalid SchemaSourceTask configuration: \"num.messages\" must be a whole number");
    if (cv_config_has(cfg, "partition.count") &&
        (!numbered_option(cfg, "partition.count", &task->partitions) || task->partitions < 1))
        return cv_fail(err, CV_INVALID,
                       "Invalid SchemaSourceTask configuration: \"partition.count\" must be a number from 1");
    return CV_OK;
}

static enum cv_rc
source_start(struct cv_source_ctx *ctx, const struct cv_config *cfg, struct cv_source_task **ret, struct cv_err *err)
{
    struct schema_source *task = calloc(1, sizeof(*task));

    if (task == NULL)
        return cv_fail_memory(err);
    if (numbered_init(&task->numbered, ctx, cfg, "SchemaSourceTask", err) != CV_OK ||
        read_options(task, cfg, err) != CV_OK || make_schema(1, &task->schemas[0], err) != CV_OK ||
        make_schema(2, &task->schemas[1], err) != CV_OK) {
        source_free(&task->numbered.base);
        return err->rc;
    }
    *ret = &task->numbered.base;
    return CV_OK;
}

static void
put(struct cv_value *record, const char *field, struct cv_value val)
{
    struct cv_value *at = cv_struct_get(record, field);

    if (at != NULL) {
        val.schema = at->schema;
        *at = val;
    }
}

static enum cv_rc
add_record(struct schema_source *task, struct cv_batch *batch, const char *topic, struct cv_err *err)
{
    size_t which = task->both && task->count % 2 != 0 ? 1 : 0;
    struct cv_record *rec = cv_batch_add_record(batch);
    struct cv_value *val = cv_struct_new(batch->arena, task->schemas[which]);

    if (rec == NULL || val == NULL)
        return cv_fail_memory(err);
    if (cv_schema_hold(batch->arena, task->schemas[which], err) != CV_OK)
        return err->rc;
    put(val, "boolean", cv_boolean(true));
    put(val, "int", cv_int(CV_INT32, 12));
    put(val, "long", cv_int(CV_INT64, 12));
    put(val, "float", cv_float32(12.2F));
    put(val, "double", cv_float64(12.2));
    put(val, "partitioning", cv_int(CV_INT32, task->numbered.seqno % task->partitions));
    put(val, "string", cv_cstring("def"));
    put(val, "id", cv_int(CV_INT32, task->numbered.id));
    put(val, "seqno", cv_int(CV_INT64, task->numbered.seqno));
    rec->topic = topic;
    rec->partition = task->numbered.id;
    rec->key = cv_cstring("key");
    rec->key.schema = cv_schema_plain(CV_STRING, false);
    rec->value = *val;
    return CV_OK;
}

static void
print_record(const struct numbered *task)
{
    struct cv_buf line = CV_BUF_INIT(256);

    cv_buf_printf(&line, "{\"task\": %d, \"seqno\": %lld}", (int)task->id, (long long)task->seqno);
    numbered_print(&line);
    cv_buf_free(&line);
}

static enum cv_rc
source_poll(struct cv_source_task *base, struct cv_batch *batch, int timeout_ms, struct cv_err *err)
{
    struct schema_source *task = source_of(base);
    int64_t left = task->messages - task->count, due;
    const char *topic;

    if (batch == NULL || left <= 0) {
        (void)cv_wake_wait(&task->numbered.wake, cv_mono_ms() + timeout_ms);
        return CV_OK;
    }
    due = numbered_due(&task->numbered, timeout_ms, left < RECORDS_MAX ? left : RECORDS_MAX);
    if (due == 0)
        return CV_OK;
    topic = cv_arena_strdup(batch->arena, task->numbered.topic);
    if (topic == NULL)
        return cv_fail_memory(err);
    for (int64_t i = 0; i < due; i++) {
        if (add_record(task, batch, topic, err) != CV_OK)
            return err->rc;
        print_record(&task->numbered);
        task->numbered.seqno++;
        task->count++;
    }
    return numbered_offset(&task->numbered, batch, err);
}

static void
source_wake(struct cv_source_task *base)
{
    numbered_wake(&source_of(base)->numbered);
}

/* ---- the plugin ---- */

static const struct cv_source_ops schema_source_ops = {
    .task_configs = numbered_task_configs,
    .start = source_start,
    .poll = source_poll,
    .wake = source_wake,
    .free = source_free,
};

const struct cv_plugin schema_source_plugin = {
    .api = CV_PLUGIN_API,
    .kind = CV_SOURCE,
    .name = "org.apache.kafka.connect.tools.SchemaSourceConnector",
    .task_class = "org.apache.kafka.connect.tools.SchemaSourceTask",
    .version = PACKAGE_VERSION,
    .on_request = true,
    .source = &schema_source_ops,
};
