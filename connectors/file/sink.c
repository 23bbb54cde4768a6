/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FileStreamSink: the value of every record becomes a line at the end of a file.
 *
 * This is the example for authors of sink connectors, laid out as source.c. put writes the lines of its batch;
 * pre_commit, which the worker calls before it commits consumer offsets, waits until the file is on disk. So an
 * offset is never committed before its line is safe; after a crash the lines since the last commit come again.
 *
 * Source: org.apache.kafka.connect.file.FileStreamSinkConnector and FileStreamSinkTask (which flushes to the
 * operating system only).
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/log.h"
#include "connectors/file/file.h"
#include "data/java_string.h"

#define WRITE_BYTES ((size_t)64 * 1024)
#define LINES_MAX   ((size_t)1 << 30) /* one put is far smaller; a single value may be large */

/* ---- options ---- */

struct file_sink_config {
    char *file;
};

static const struct cv_config_def file_sink_config_def[] = {
    { .name = "file",
      .type = CV_CONFIG_STRING,
      .importance = CV_HIGH,
      .doc = "The file to append to; it is created if it is missing. Without it, lines go to standard output.",
      .offset = offsetof(struct file_sink_config, file) },
    CV_CONFIG_END
};

/* ---- the task ---- */

struct file_sink {
    struct cv_sink_task base;
    struct file_sink_config config;
    int fd;
    struct cv_buf lines; /* not written yet */
};

static struct file_sink *
sink_of(struct cv_sink_task *base)
{
    return cv_container_of(base, struct file_sink, base);
}

static const char *
sink_name(const struct file_sink *task)
{
    return task->fd == STDOUT_FILENO ? "standard output" : task->config.file;
}

/* Every task appends to the same file: appends of whole lines do not mix. */
static enum cv_rc
sink_task_configs(const struct cv_config *cfg, int max_tasks, struct cv_task_configs *ret,
                  struct cv_err *err)
{
    for (int i = 0; i < max_tasks; i++)
        if (cv_task_configs_add(ret, cv_config_copy(cfg), err) != CV_OK)
            return err->rc;
    return CV_OK;
}

/* Write out all lines. What was written is gone from the buffer also when the rest fails. */
static enum cv_rc
write_lines(struct file_sink *task, struct cv_err *err)
{
    const char *at = task->lines.data;
    size_t left = task->lines.len;

    while (left > 0) {
        ssize_t n = write(task->fd, at, left);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            cv_fail_errno(err, CV_INTERNAL, errno, "could not write to \"%s\"", sink_name(task));
            memmove(task->lines.data, at, left);
            cv_buf_truncate(&task->lines, left);
            return err->rc;
        }
        at += n;
        left -= (size_t)n;
    }
    cv_buf_reset(&task->lines);
    return CV_OK;
}

static void
sink_free(struct cv_sink_task *base)
{
    struct file_sink *task;

    if (base == NULL)
        return;
    task = sink_of(base);
    if (task->fd > STDOUT_FILENO)
        close(task->fd);
    cv_buf_free(&task->lines); /* lines that no pre_commit saw: their records come again */
    cv_config_done(file_sink_config_def, &task->config);
    free(task);
}

static enum cv_rc
sink_start(struct cv_sink_ctx *ctx, const struct cv_config *cfg, struct cv_sink_task **ret,
           struct cv_err *err)
{
    struct cv_config_errors errors = { .items = NULL };
    struct file_sink *task = calloc(1, sizeof(*task));
    enum cv_rc rc;

    if (task == NULL)
        return cv_fail_memory(err);
    task->base.ctx = ctx;
    task->fd = STDOUT_FILENO;
    cv_buf_init(&task->lines, LINES_MAX);
    rc = cv_config_parse(file_sink_config_def, cfg, &task->config, &errors, err);
    cv_config_errors_done(&errors);
    if (rc == CV_OK && task->config.file != NULL && task->config.file[0] != '\0') {
        task->fd = open(task->config.file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        if (task->fd < 0)
            rc = cv_fail_errno(err, CV_INVALID, errno, "Couldn't find or create file '%s' for FileStreamSinkTask",
                               task->config.file);
    }
    if (rc != CV_OK) {
        sink_free(&task->base);
        return rc;
    }
    *ret = &task->base;
    return CV_OK;
}

static enum cv_rc
sink_put(struct cv_sink_task *base, const struct cv_batch *batch, struct cv_err *err)
{
    struct file_sink *task = sink_of(base);

    for (size_t i = 0; i < batch->n_records; i++) {
        const struct cv_record *rec = &batch->records[i];

        java_to_string(&task->lines, &rec->value);
        cv_buf_char(&task->lines, '\n');
        if (cv_buf_check(&task->lines, err) != CV_OK)
            return cv_err_context(err, "record at offset %lld of %s-%d", (long long)rec->offset, rec->topic,
                                  (int)rec->partition);
        if (task->lines.len >= WRITE_BYTES && write_lines(task, err) != CV_OK)
            return err->rc;
    }
    return write_lines(task, err);
}

/* All offsets may be committed once this returns; none needs to be lowered. */
static enum cv_rc
sink_pre_commit(struct cv_sink_task *base, struct cv_partitions *inout_safe, struct cv_err *err)
{
    struct file_sink *task = sink_of(base);

    (void)inout_safe;
    if (write_lines(task, err) != CV_OK)
        return err->rc;
    /* pipes and terminals have no disk behind them */
    if (fdatasync(task->fd) != 0 && errno != EINVAL && errno != EROFS)
        return cv_fail_errno(err, CV_INTERNAL, errno, "could not bring \"%s\" to disk", sink_name(task));
    return CV_OK;
}

/* The lines in the file stay; the group's offsets are all that there is. */
static enum cv_rc
sink_offsets_alter(const struct cv_config *cfg, const struct cv_partitions *offsets, struct cv_err *err)
{
    (void)cfg;
    (void)offsets;
    (void)err;
    return CV_OK;
}

static void
sink_wake(struct cv_sink_task *base)
{
    (void)base; /* nothing here waits */
}

/* ---- the plugin ---- */

static const struct cv_sink_ops file_sink_ops = {
    .task_configs = sink_task_configs,
    .start = sink_start,
    .put = sink_put,
    .pre_commit = sink_pre_commit,
    .wake = sink_wake,
    .free = sink_free,
    .offsets_alter = sink_offsets_alter,
    .headers_unused = true,
};

const struct cv_plugin file_sink_plugin = {
    .api = CV_PLUGIN_API,
    .kind = CV_SINK,
    .name = "org.apache.kafka.connect.file.FileStreamSinkConnector",
    .task_class = "org.apache.kafka.connect.file.FileStreamSinkTask",
    .version = PACKAGE_VERSION,
    .config = file_sink_config_def,
    .sink = &file_sink_ops,
};
