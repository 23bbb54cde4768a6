/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VerifiableSink: for each record a line of JSON on standard output, and another, "flushed", when its offset is
 * about to be committed. It reads what VerifiableSource wrote: the key is the source's task, the value the number.
 *
 * Source: org.apache.kafka.connect.tools.VerifiableSinkTask.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/json_write.h"
#include "common/number.h"
#include "connectors/verifiable/numbered.h"
#include "connectors/verifiable/verifiable.h"
#include "data/json.h"

#define LINE_MAX    ((size_t)1 << 24)
#define WAITING_MAX ((size_t)1 << 28)

struct verifiable_sink {
    struct cv_sink_task base;
    char *name;
    int32_t id;
    struct cv_buf waiting; /* of each record that was put since the last commit: see add_waiting */
};

static struct verifiable_sink *
sink_of(struct cv_sink_task *base)
{
    return cv_container_of(base, struct verifiable_sink, base);
}

static void
sink_free(struct cv_sink_task *base)
{
    struct verifiable_sink *task;

    if (base == NULL)
        return;
    task = sink_of(base);
    cv_buf_free(&task->waiting);
    free(task->name);
    free(task);
}

static enum cv_rc
sink_start(struct cv_sink_ctx *ctx, const struct cv_config *cfg, struct cv_sink_task **ret, struct cv_err *err)
{
    struct verifiable_sink *task = calloc(1, sizeof(*task));
    const char *name = cv_config_get(cfg, "name");
    int64_t id = 0;

    if (task == NULL)
        return cv_fail_memory(err);
    task->base.ctx = ctx;
    cv_buf_init(&task->waiting, WAITING_MAX);
    task->name = strdup(name == NULL ? "" : name);
    if (task->name == NULL) {
        sink_free(&task->base);
        return cv_fail_memory(err);
    }
    if (!numbered_option(cfg, "id", &id)) {
        sink_free(&task->base);
        return cv_fail(err, CV_INVALID, "Invalid VerifiableSinkTask configuration: \"id\" is no number");
    }
    task->id = (int32_t)id;
    *ret = &task->base;
    return CV_OK;
}

/* A line from its two parts; the time stands between them. */
static void
print_line(const char *head, size_t head_len, const char *tail, size_t tail_len, bool flushed)
{
    struct cv_buf line = CV_BUF_INIT(LINE_MAX);

    cv_buf_add(&line, head, head_len);
    cv_buf_i64(&line, cv_now_ms());
    cv_buf_add(&line, tail, tail_len);
    cv_buf_str(&line, flushed ? ",\"flushed\":true}" : "}");
    numbered_print(&line);
    cv_buf_free(&line);
}

/* {"task":..,"seqno":..,"offset":..,"time_ms": and ,"name":..,"topic":..,"sinkTask":.. */
static void
format_record(const struct verifiable_sink *task, const struct cv_record *rec, struct cv_buf *head,
              struct cv_buf *tail)
{
    struct cv_json_writer w;

    cv_buf_str(head, "{\"task\":");
    cv_connect_json_write(head, &rec->key);
    cv_buf_str(head, ",\"seqno\":");
    cv_connect_json_write(head, &rec->value);
    cv_buf_printf(head, ",\"offset\":%lld,\"time_ms\":", (long long)rec->offset);
    cv_buf_str(tail, ",\"name\":");
    w = cv_json_writer_of(tail);
    cv_json_string(&w, task->name);
    cv_buf_str(tail, ",\"topic\":");
    w = cv_json_writer_of(tail);
    cv_json_string(&w, rec->topic);
    cv_buf_printf(tail, ",\"sinkTask\":%d", (int)task->id);
}

/* Two parts, each with a line end: JSON has none within. */
static void
add_waiting(struct verifiable_sink *task, const struct cv_buf *head, const struct cv_buf *tail)
{
    cv_buf_add(&task->waiting, head->data, head->len);
    cv_buf_char(&task->waiting, '\n');
    cv_buf_add(&task->waiting, tail->data, tail->len);
    cv_buf_char(&task->waiting, '\n');
}

static enum cv_rc
sink_put(struct cv_sink_task *base, const struct cv_batch *batch, struct cv_err *err)
{
    struct verifiable_sink *task = sink_of(base);
    struct cv_buf head = CV_BUF_INIT(LINE_MAX), tail = CV_BUF_INIT(LINE_MAX);
    enum cv_rc rc = CV_OK;

    for (size_t i = 0; i < batch->n_records && rc == CV_OK; i++) {
        cv_buf_reset(&head);
        cv_buf_reset(&tail);
        format_record(task, &batch->records[i], &head, &tail);
        rc = cv_buf_check(&head, err);
        if (rc == CV_OK)
            rc = cv_buf_check(&tail, err);
        if (rc != CV_OK)
            break;
        print_line(head.data, head.len, tail.data, tail.len, false);
        add_waiting(task, &head, &tail);
        rc = cv_buf_check(&task->waiting, err);
    }
    cv_buf_free(&head);
    cv_buf_free(&tail);
    return rc;
}

static enum cv_rc
sink_pre_commit(struct cv_sink_task *base, struct cv_partitions *inout_safe, struct cv_err *err)
{
    struct verifiable_sink *task = sink_of(base);
    const char *at = task->waiting.len > 0 ? task->waiting.data : "";

    (void)inout_safe;
    (void)err;
    while (*at != '\0') {
        size_t head_len = strcspn(at, "\n");
        const char *tail = at + head_len + 1;
        size_t tail_len = strcspn(tail, "\n");

        print_line(at, head_len, tail, tail_len, true);
        at = tail + tail_len + 1;
    }
    cv_buf_reset(&task->waiting);
    return CV_OK;
}

static void
sink_wake(struct cv_sink_task *base)
{
    (void)base; /* nothing here waits */
}

/* ---- the plugin ---- */

static const struct cv_sink_ops verifiable_sink_ops = {
    .task_configs = numbered_task_configs,
    .start = sink_start,
    .put = sink_put,
    .pre_commit = sink_pre_commit,
    .wake = sink_wake,
    .free = sink_free,
};

const struct cv_plugin verifiable_sink_plugin = {
    .api = CV_PLUGIN_API,
    .kind = CV_SINK,
    .name = "org.apache.kafka.connect.tools.VerifiableSinkConnector",
    .task_class = "org.apache.kafka.connect.tools.VerifiableSinkTask",
    .version = PACKAGE_VERSION,
    .on_request = true,
    .sink = &verifiable_sink_ops,
};
