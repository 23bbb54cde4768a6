/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VerifiableSource: records numbered without a gap, as many a second as "throughput" says. For each a line of JSON
 * goes to standard output when it is made and another, "committed", when its offset is stored, so that a test can
 * tell what must be in Kafka.
 *
 * Source: org.apache.kafka.connect.tools.VerifiableSourceTask; fields stand in the order in which Java's map has
 * them. There a line says committed as soon as the broker has the record; here the record and its offset are.
 */
#include <config.h>

#include <stdlib.h>
#include <strings.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/json_write.h"
#include "connectors/verifiable/numbered.h"
#include "connectors/verifiable/verifiable.h"

#define RECORDS_MAX 500 /* of one poll */
#define LINE_MAX    65536

struct verifiable_source {
    struct numbered numbered;
    struct cv_schema *complete; /* of the value; NULL: the number alone */
    int64_t committed;          /* the next number that is not */
};

static struct verifiable_source *
source_of(struct cv_source_task *base)
{
    return cv_container_of(base, struct verifiable_source, numbered.base);
}

/* ---- lines ---- */

static void
print_record(const struct numbered *task, int64_t seqno, int64_t now_ms, bool committed)
{
    struct cv_buf line = CV_BUF_INIT(LINE_MAX);
    struct cv_json_writer w = cv_json_writer_of(&line);

    cv_json_object(&w);
    if (committed) {
        cv_json_key(&w, "committed");
        cv_json_bool(&w, true);
    }
    cv_json_key(&w, "task");
    cv_json_int(&w, task->id);
    cv_json_key(&w, "seqno");
    cv_json_int(&w, seqno);
    cv_json_key(&w, "time_ms");
    cv_json_int(&w, now_ms);
    cv_json_key(&w, "name");
    cv_json_string(&w, task->name);
    cv_json_key(&w, "topic");
    cv_json_string(&w, task->topic);
    cv_json_object_end(&w);
    numbered_print(&line);
    cv_buf_free(&line);
}

/* ---- the task ---- */

static enum cv_rc
make_schema(struct cv_schema **ret, struct cv_err *err)
{
    struct cv_schema_builder *b = cv_schema_new(CV_STRUCT);

    cv_schema_add_field(b, "name", cv_schema_plain(CV_STRING, false));
    cv_schema_add_field(b, "task", cv_schema_plain(CV_INT32, false));
    cv_schema_add_field(b, "topic", cv_schema_plain(CV_STRING, false));
    cv_schema_add_field(b, "time_ms", cv_schema_plain(CV_INT64, false));
    cv_schema_add_field(b, "seqno", cv_schema_plain(CV_INT64, false));
    return cv_schema_finish(b, ret, err);
}

static void
source_free(struct cv_source_task *base)
{
    struct verifiable_source *task;

    if (base == NULL)
        return;
    task = source_of(base);
    cv_schema_unref(task->complete);
    numbered_done(&task->numbered);
    free(task);
}

static enum cv_rc
source_start(struct cv_source_ctx *ctx, const struct cv_config *cfg, struct cv_source_task **ret, struct cv_err *err)
{
    struct verifiable_source *task = calloc(1, sizeof(*task));
    const char *complete = cv_config_get(cfg, "complete.record.data");

    if (task == NULL)
        return cv_fail_memory(err);
    if (numbered_init(&task->numbered, ctx, cfg, "VerifiableSourceTask", err) != CV_OK ||
        (complete != NULL && strcasecmp(complete, "true") == 0 && make_schema(&task->complete, err) != CV_OK)) {
        source_free(&task->numbered.base);
        return err->rc;
    }
    task->committed = task->numbered.seqno;
    *ret = &task->numbered.base;
    return CV_OK;
}

/* What struct fields name must live as long as the batch. */
static enum cv_rc
complete_value(const struct verifiable_source *task, struct cv_batch *batch, int64_t now_ms, struct cv_value *ret,
               struct cv_err *err)
{
    struct cv_value *val = cv_struct_new(batch->arena, task->complete);
    const char *name = cv_arena_strdup(batch->arena, task->numbered.name);
    const char *topic = cv_arena_strdup(batch->arena, task->numbered.topic);

    if (val == NULL || name == NULL || topic == NULL)
        return cv_fail_memory(err);
    if (cv_schema_hold(batch->arena, task->complete, err) != CV_OK)
        return err->rc;
    *cv_struct_at(val, 0) = cv_cstring(name);
    *cv_struct_at(val, 1) = cv_int(CV_INT32, task->numbered.id);
    *cv_struct_at(val, 2) = cv_cstring(topic);
    *cv_struct_at(val, 3) = cv_int(CV_INT64, now_ms);
    *cv_struct_at(val, 4) = cv_int(CV_INT64, task->numbered.seqno);
    for (size_t i = 0; i < task->complete->n_fields; i++)
        cv_struct_at(val, i)->schema = task->complete->fields[i].schema;
    *ret = *val;
    return CV_OK;
}

static enum cv_rc
add_record(struct verifiable_source *task, struct cv_batch *batch, const char *topic, struct cv_err *err)
{
    struct cv_record *rec = cv_batch_add_record(batch);
    int64_t now_ms = cv_now_ms();

    if (rec == NULL)
        return cv_fail_memory(err);
    rec->topic = topic;
    rec->key = cv_int(CV_INT32, task->numbered.id);
    rec->key.schema = cv_schema_plain(CV_INT32, false);
    rec->value = cv_int(CV_INT64, task->numbered.seqno);
    rec->value.schema = cv_schema_plain(CV_INT64, false);
    if (task->complete != NULL && complete_value(task, batch, now_ms, &rec->value, err) != CV_OK)
        return err->rc;
    print_record(&task->numbered, task->numbered.seqno, now_ms, false);
    task->numbered.seqno++;
    return CV_OK;
}

static enum cv_rc
source_poll(struct cv_source_task *base, struct cv_batch *batch, int timeout_ms, struct cv_err *err)
{
    struct verifiable_source *task = source_of(base);
    const char *topic;
    int64_t due;

    if (batch == NULL) {
        (void)cv_wake_wait(&task->numbered.wake, cv_mono_ms() + timeout_ms);
        return CV_OK;
    }
    due = numbered_due(&task->numbered, timeout_ms, RECORDS_MAX);
    if (due == 0)
        return CV_OK;
    topic = cv_arena_strdup(batch->arena, task->numbered.topic);
    if (topic == NULL)
        return cv_fail_memory(err);
    for (int64_t i = 0; i < due; i++)
        if (add_record(task, batch, topic, err) != CV_OK)
            return err->rc;
    return numbered_offset(&task->numbered, batch, err);
}

static enum cv_rc
source_offset_commit(struct cv_source_task *base, const struct cv_offset *durable, struct cv_err *err)
{
    struct verifiable_source *task = source_of(base);
    const struct cv_value *seqno = durable->offset == NULL ? NULL : cv_map_get(durable->offset, "seqno");

    (void)err;
    for (; seqno != NULL && task->committed <= seqno->integer; task->committed++)
        print_record(&task->numbered, task->committed, cv_now_ms(), true);
    return CV_OK;
}

static void
source_wake(struct cv_source_task *base)
{
    numbered_wake(&source_of(base)->numbered);
}

/* ---- the plugin ---- */

static const struct cv_source_ops verifiable_source_ops = {
    .task_configs = numbered_task_configs,
    .start = source_start,
    .poll = source_poll,
    .offset_commit = source_offset_commit,
    .wake = source_wake,
    .free = source_free,
};

const struct cv_plugin verifiable_source_plugin = {
    .api = CV_PLUGIN_API,
    .kind = CV_SOURCE,
    .name = "org.apache.kafka.connect.tools.VerifiableSourceConnector",
    .task_class = "org.apache.kafka.connect.tools.VerifiableSourceTask",
    .version = PACKAGE_VERSION,
    .on_request = true,
    .source = &verifiable_source_ops,
};
