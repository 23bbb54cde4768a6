/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MockSource and MockSink: one task that reads or writes nothing. "mock_mode" task-failure fails it "delay_ms" after
 * its start, connector-failure fails the connector then, whose task goes on.
 *
 * Source: org.apache.kafka.connect.tools.MockConnector and its tasks.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/number.h"
#include "common/thread.h"
#include "connectors/mock/mock.h"

#define DEFAULT_DELAY_MS 15000

/* When a task fails: monotonic, below 0 never. */
struct fuse {
    int64_t at_ms;
};

static bool
has_mode(const struct cv_config *cfg, const char *mode)
{
    const char *given = cv_config_get(cfg, "mock_mode");

    return given != NULL && strcmp(given, mode) == 0;
}

static enum cv_rc
read_delay(const struct cv_config *cfg, int64_t *ret_ms, struct cv_err *err)
{
    const char *text = cv_config_get(cfg, "delay_ms");

    *ret_ms = DEFAULT_DELAY_MS;
    if (text != NULL && (!cv_parse_i64(text, strlen(text), ret_ms) || *ret_ms < 0 || *ret_ms > INT32_MAX))
        return cv_fail(err, CV_INVALID, "delay_ms \"%s\" is no number of milliseconds", text);
    return CV_OK;
}

static enum cv_rc
fuse_init(struct fuse *fuse, const struct cv_config *cfg, struct cv_err *err)
{
    int64_t delay_ms;

    fuse->at_ms = -1;
    if (!has_mode(cfg, "task-failure"))
        return CV_OK;
    if (read_delay(cfg, &delay_ms, err) != CV_OK)
        return err->rc;
    fuse->at_ms = cv_mono_ms() + delay_ms;
    return CV_OK;
}

static bool
fuse_blown(const struct fuse *fuse)
{
    return fuse->at_ms >= 0 && cv_mono_ms() >= fuse->at_ms;
}

static enum cv_rc
mock_task_configs(const struct cv_config *cfg, int max_tasks, struct cv_task_configs *ret, struct cv_err *err)
{
    (void)max_tasks;
    return cv_task_configs_add(ret, cv_config_copy(cfg), err);
}

static enum cv_rc
mock_check(const struct cv_config *cfg, int64_t up_ms, int64_t *ret_next_ms, struct cv_err *err)
{
    int64_t delay_ms;

    *ret_next_ms = -1;
    if (!has_mode(cfg, "connector-failure"))
        return CV_OK;
    if (read_delay(cfg, &delay_ms, err) != CV_OK)
        return err->rc;
    if (up_ms >= delay_ms)
        return cv_fail(err, CV_INTERNAL, "mock_mode=connector-failure: the connector fails as it was told to");
    *ret_next_ms = delay_ms;
    return CV_OK;
}

static enum cv_rc
fail_task(struct cv_err *err)
{
    return cv_fail(err, CV_INTERNAL, "mock_mode=task-failure: the task fails as it was told to");
}

/* ---- source ---- */

struct mock_source {
    struct cv_source_task base;
    struct fuse fuse;
    struct cv_wake wake;
};

static struct mock_source *
source_of(struct cv_source_task *base)
{
    return cv_container_of(base, struct mock_source, base);
}

static void
source_free(struct cv_source_task *base)
{
    if (base == NULL)
        return;
    cv_wake_done(&source_of(base)->wake);
    free(source_of(base));
}

static enum cv_rc
source_start(struct cv_source_ctx *ctx, const struct cv_config *cfg, struct cv_source_task **ret, struct cv_err *err)
{
    struct mock_source *task = calloc(1, sizeof(*task));

    if (task == NULL)
        return cv_fail_memory(err);
    task->base.ctx = ctx;
    if (fuse_init(&task->fuse, cfg, err) != CV_OK || cv_wake_init(&task->wake, err) != CV_OK) {
        free(task);
        return err->rc;
    }
    *ret = &task->base;
    return CV_OK;
}

static enum cv_rc
source_poll(struct cv_source_task *base, struct cv_batch *batch, int timeout_ms, struct cv_err *err)
{
    struct mock_source *task = source_of(base);
    int64_t deadline_ms = cv_mono_ms() + timeout_ms;

    (void)batch;
    if (task->fuse.at_ms >= 0 && task->fuse.at_ms < deadline_ms)
        deadline_ms = task->fuse.at_ms;
    if (!fuse_blown(&task->fuse))
        (void)cv_wake_wait(&task->wake, deadline_ms);
    return fuse_blown(&task->fuse) ? fail_task(err) : CV_OK;
}

static void
source_wake(struct cv_source_task *base)
{
    cv_wake_signal(&source_of(base)->wake);
}

static const struct cv_source_ops mock_source_ops = {
    .task_configs = mock_task_configs,
    .start = source_start,
    .poll = source_poll,
    .wake = source_wake,
    .free = source_free,
    .check = mock_check,
};

const struct cv_plugin mock_source_plugin = {
    .api = CV_PLUGIN_API,
    .kind = CV_SOURCE,
    .name = "org.apache.kafka.connect.tools.MockSourceConnector",
    .task_class = "org.apache.kafka.connect.tools.MockSourceTask",
    .version = PACKAGE_VERSION,
    .on_request = true,
    .source = &mock_source_ops,
};

/* ---- sink ---- */

struct mock_sink {
    struct cv_sink_task base;
    struct fuse fuse;
};

static struct mock_sink *
sink_of(struct cv_sink_task *base)
{
    return cv_container_of(base, struct mock_sink, base);
}

static void
sink_free(struct cv_sink_task *base)
{
    if (base != NULL)
        free(sink_of(base));
}

static enum cv_rc
sink_start(struct cv_sink_ctx *ctx, const struct cv_config *cfg, struct cv_sink_task **ret, struct cv_err *err)
{
    struct mock_sink *task = calloc(1, sizeof(*task));

    if (task == NULL)
        return cv_fail_memory(err);
    task->base.ctx = ctx;
    if (fuse_init(&task->fuse, cfg, err) != CV_OK) {
        free(task);
        return err->rc;
    }
    *ret = &task->base;
    return CV_OK;
}

static enum cv_rc
sink_put(struct cv_sink_task *base, const struct cv_batch *batch, struct cv_err *err)
{
    (void)batch;
    return fuse_blown(&sink_of(base)->fuse) ? fail_task(err) : CV_OK;
}

static void
sink_wake(struct cv_sink_task *base)
{
    (void)base; /* nothing here waits */
}

static const struct cv_sink_ops mock_sink_ops = {
    .task_configs = mock_task_configs,
    .start = sink_start,
    .put = sink_put,
    .wake = sink_wake,
    .free = sink_free,
    .check = mock_check,
};

const struct cv_plugin mock_sink_plugin = {
    .api = CV_PLUGIN_API,
    .kind = CV_SINK,
    .name = "org.apache.kafka.connect.tools.MockSinkConnector",
    .task_class = "org.apache.kafka.connect.tools.MockSinkTask",
    .version = PACKAGE_VERSION,
    .on_request = true,
    .sink = &mock_sink_ops,
};
