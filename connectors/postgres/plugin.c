/* SPDX-License-Identifier: Apache-2.0 */
/* The PostgreSQL source connector as a plugin: one task, its options, its validation. */
#include "connectors/postgres/plugin.h"

#include <config.h>

#include "common/metrics.h"
#include "connectors/postgres/config.h"
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

static const struct cv_source_ops postgres_ops = {
    .validate = pg_validate,
    .task_configs = task_configs,
    .start = pg_task_start,
    .poll = pg_task_poll,
    .offset_commit = pg_task_offset_commit,
    .wake = pg_task_wake,
    .free = pg_task_free,
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
    .metrics = pg_task_metrics,
    .n_metrics = PG_TASK_METRICS,
    .source = &postgres_ops,
};
