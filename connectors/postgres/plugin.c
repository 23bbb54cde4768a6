/* SPDX-License-Identifier: Apache-2.0 */
/* The PostgreSQL source connector as a plugin: one task, its options, its validation. */
#include "connectors/postgres/plugin.h"

#include <config.h>

#include <string.h>

#include "connectors/postgres/config.h"
#include "connectors/postgres/metrics.h"
#include "connectors/postgres/position.h"
#include "connectors/postgres/progress.h"
#include "connectors/postgres/task.h"
#include "connectors/postgres/validate.h"

/* One slot, one stream, one task: whatever tasks.max says. */
static enum cv_rc
task_configs(const struct cv_config *cfg, int max_tasks, struct cv_task_configs *ret, struct cv_err *err)
{
    struct cv_config *copy = cv_config_copy(cfg);

    (void)max_tasks;
    if (copy == NULL)
        return cv_fail_memory(err);
    return cv_task_configs_add(ret, copy, err);
}

/* An offset is one of ours or Debezium's, of the partition that this configuration reads. */
static enum cv_rc
offset_alter(const struct cv_config *cfg, const struct cv_offset *offset, struct cv_err *err)
{
    const char *prefix = cv_config_get(cfg, "topic.prefix");
    const struct cv_value *server;
    struct position pos;

    if (offset == NULL)
        return CV_OK;
    if (offset->partition == NULL)
        return cv_fail(err, CV_INVALID, "Partition objects cannot be null");
    if (offset->offset == NULL)
        return CV_OK; /* whatever is stored there must be possible to get rid of */
    server = cv_map_get(offset->partition, "server");
    if (prefix == NULL || server == NULL || server->is_null || server->type != CV_STRING ||
        server->bytes.len != strlen(prefix) || memcmp(server->bytes.data, prefix, server->bytes.len) != 0)
        return cv_fail(err, CV_INVALID,
                       "Partition objects should contain the key 'server' with the connector's topic.prefix \"%s\"",
                       prefix != NULL ? prefix : "");
    if (position_read(offset->offset, &pos, err) != CV_OK)
        return cv_err_context(err, "the provided offset cannot be used");
    return CV_OK;
}

/* The log of PostgreSQL can be read again from any commit that the slot still holds. */
static bool
exactly_once(const struct cv_config *cfg)
{
    (void)cfg;
    return true;
}

static const struct cv_source_ops postgres_ops = {
    .validate = pg_validate,
    .task_configs = task_configs,
    .start = pg_task_start,
    .poll = pg_task_poll,
    .offset_commit = pg_task_offset_commit,
    .wake = pg_task_wake,
    .free = pg_task_free,
    .offset_alter = offset_alter,
    .exactly_once = exactly_once,
    .position = pg_task_position,
    .progress = pg_task_progress,
    .signal = pg_task_signal,
};

static const char *const aliases[] = { "io.culvert.postgres.PostgresSource", NULL };

const struct cv_plugin postgres_source_plugin = {
    .api = CV_PLUGIN_API,
    .kind = CV_SOURCE,
    .name = "io.debezium.connector.postgresql.PostgresConnector",
    .aliases = aliases,
    .task_class = "io.debezium.connector.postgresql.PostgresConnectorTask",
    .version = PACKAGE_VERSION,
    .config = pg_config_def,
    .metrics = pg_metrics,
    .n_metrics = PG_METRICS,
    .metrics_plugin = "postgres",
    .metrics_name = "topic.prefix",
    .metrics_tags = "custom.metric.tags",
    .source = &postgres_ops,
};
