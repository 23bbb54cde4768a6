/* SPDX-License-Identifier: Apache-2.0 */
/* A worker's parts and the order in which they come and go. Main thread. */
#include <config.h>

#include "worker/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/metrics.h"
#include "common/properties.h"
#include "common/secret.h"
#include "worker/herder.h"
#include "worker/plugin_path.h"
#include "worker/plugins.h"
#include "worker/worker_config.h"

struct worker {
    struct cv_config *raw;
    struct worker_config options;
    struct cv_secrets *secrets;
    struct plugin_path *plugin_path;
    struct plugins *plugins;
    struct cv_metrics *metrics;
    struct herder *herder;
    char *url;
    char *worker_id;
    struct cv_log *log;
};

static void
warn_unknown(const struct worker *worker)
{
    for (size_t i = 0; i < cv_config_count(worker->raw); i++)
        if (!worker_config_is_known(cv_config_key(worker->raw, i)))
            CV_LOG_WARN(worker->log, "the worker's configuration has an unknown key",
                        CV_STR("key", cv_config_key(worker->raw, i)));
}

static enum cv_rc
read_config(struct worker *worker, const char *file, enum worker_mode mode, struct cv_err *err)
{
    struct cv_config_errors errors = { 0 };
    struct cv_config *read = cv_config_new();
    enum cv_rc rc = CV_OK;

    if (read == NULL)
        return cv_fail_memory(err);
    rc = cv_properties_load(file, read, err);
    if (rc == CV_OK)
        rc = cv_properties_from_env("CONNECT_", worker_config_def, read, err);
    if (rc == CV_OK)
        rc = cv_properties_from_env("CONNECT_",
                                    mode == WORKER_STANDALONE ? worker_standalone_def : worker_distributed_def, read,
                                    err);
    if (rc == CV_OK)
        rc = cv_secrets_new(read, &worker->secrets, err);
    if (rc == CV_OK)
        rc = cv_secrets_resolve(worker->secrets, read, &worker->raw, err);
    cv_config_free(read);
    if (rc != CV_OK)
        return rc;
    warn_unknown(worker);
    rc = worker_config_parse(worker->raw, mode, &worker->options, &errors, err);
    for (size_t i = 1; i < errors.count; i++)
        CV_LOG_ERROR(worker->log, "the worker's configuration is wrong", CV_STR("key", errors.items[i].key),
                     CV_STR("error", errors.items[i].text));
    cv_config_errors_done(&errors);
    return rc;
}

/* The converters that connectors fall back on must exist: better now than at the first connector. */
static enum cv_rc
check_converters(const struct worker *worker, struct cv_err *err)
{
    const char *keys[] = { "key.converter", "value.converter", "header.converter" };
    const char *names[] = { worker->options.key_converter, worker->options.value_converter,
                            worker->options.header_converter };
    const struct cv_plugin *plugin;

    for (size_t i = 0; i < CV_COUNT(keys); i++)
        if (plugins_find(worker->plugins, names[i], i == 2 ? 1u << CV_HEADER_CONVERTER : 1u << CV_CONVERTER,
                         &plugin, err) != CV_OK)
            return cv_fail(err, CV_INVALID, "%s: %s is no converter of this worker", keys[i], names[i]);
    return CV_OK;
}

enum cv_rc
worker_new(const char *properties_file, bool standalone, const struct cv_plugin *const *builtin, struct worker **ret,
           struct cv_err *err)
{
    struct worker *worker = calloc(1, sizeof(*worker));
    enum cv_rc rc;

    if (worker == NULL)
        return cv_fail_memory(err);
    worker->log = cv_log_get("culvert.worker");
    rc = read_config(worker, properties_file, standalone ? WORKER_STANDALONE : WORKER_DISTRIBUTED, err);
    if (rc == CV_OK)
        rc = plugin_path_open(&worker->options.plugin_path, builtin, &worker->plugin_path, err);
    if (rc == CV_OK)
        rc = plugins_new(plugin_path_list(worker->plugin_path), &worker->plugins, err);
    if (rc == CV_OK)
        rc = plugins_choose(worker->plugins, &worker->options.connectors, err);
    if (rc == CV_OK)
        rc = check_converters(worker, err);
    if (rc == CV_OK && (worker->metrics = cv_metrics_new()) == NULL)
        rc = cv_fail_memory(err);
    if (rc != CV_OK) {
        worker_free(worker);
        return rc;
    }
    *ret = worker;
    return CV_OK;
}

void
worker_free(struct worker *worker)
{
    if (worker == NULL)
        return;
    worker_stop(worker);
    cv_metrics_free(worker->metrics);
    plugins_free(worker->plugins);
    plugin_path_free(worker->plugin_path);
    cv_secrets_free(worker->secrets);
    worker_config_done(&worker->options);
    cv_config_free(worker->raw);
    free(worker->url);
    free(worker->worker_id);
    free(worker);
}

const struct worker_config *
worker_options(const struct worker *worker)
{
    return &worker->options;
}

const struct cv_config *
worker_raw(const struct worker *worker)
{
    return worker->raw;
}

const struct plugins *
worker_plugins(const struct worker *worker)
{
    return worker->plugins;
}

struct cv_metrics *
worker_metrics(struct worker *worker)
{
    return worker->metrics;
}

struct herder *
worker_herder(struct worker *worker)
{
    return worker->herder;
}

enum cv_rc
worker_start(struct worker *worker, const char *url, const char *worker_id, const struct cv_config *tls,
             void (*died)(void *arg, const struct cv_err *why), void *arg, struct cv_err *err)
{
    struct herder_spec spec = { .config = &worker->options,
                                .raw = worker->raw,
                                .plugins = worker->plugins,
                                .secrets = worker->secrets,
                                .tls = tls,
                                .died = died,
                                .arg = arg };

    worker->url = strdup(url);
    worker->worker_id = strdup(worker_id);
    if (worker->url == NULL || worker->worker_id == NULL)
        return cv_fail_memory(err);
    spec.url = worker->url;
    spec.worker_id = worker->worker_id;
    if (herder_start(&spec, &worker->herder, err) != CV_OK)
        return err->rc;
    return cv_metrics_register(worker->metrics, herder_metrics, worker->herder, err);
}

void
worker_stop(struct worker *worker)
{
    if (worker->herder == NULL)
        return;
    cv_metrics_unregister(worker->metrics, herder_metrics, worker->herder);
    herder_stop(worker->herder);
    worker->herder = NULL;
}
