/* SPDX-License-Identifier: Apache-2.0 */
/* What REST reads: from the stores' copies at once, or in the herder's turn where Connect queues it too. */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "worker/herder_private.h"

/* ---- entities ---- */

int
herder_type_of(struct herder *h, const struct cv_config *cfg)
{
    const char *name = cfg != NULL ? cv_config_get(cfg, "connector.class") : NULL;
    const struct cv_plugin *plugin;
    struct cv_err err;

    if (name == NULL || plugins_find(h->spec.plugins, name, 1u << CV_SOURCE | 1u << CV_SINK, &plugin, &err) != CV_OK)
        return -1;
    return (int)plugin->kind;
}

void
connector_info_done(struct connector_info *info)
{
    free(info->name);
    cv_config_free(info->config);
    *info = (struct connector_info){ 0 };
}

void
connector_state_info_done(struct connector_state_info *info)
{
    free(info->name);
    status_done(&info->connector);
    for (size_t i = 0; i < info->n_tasks; i++)
        status_done(&info->tasks[i].status);
    free(info->tasks);
    *info = (struct connector_state_info){ 0 };
}

void
name_list_done(struct name_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct name_list){ 0 };
}

bool
herder_changes(struct herder *h, uint64_t *ret)
{
    if (!atomic_load(&h->started))
        return false;
    *ret = config_store_changes(h->configs) + status_store_changes(h->statuses); /* neither ever shrinks */
    return true;
}

enum cv_rc
herder_connectors(struct herder *h, struct name_list *ret, struct cv_err *err)
{
    *ret = (struct name_list){ 0 };
    if (!atomic_load(&h->started))
        return CV_OK; /* the topic is still being read: nothing is known yet */
    return config_store_names(h->configs, &ret->items, &ret->count, err);
}

enum cv_rc
herder_connector_info_now(struct herder *h, const char *name, struct connector_info *ret, struct cv_err *err)
{
    struct connector_info info = { 0 };

    if (!atomic_load(&h->started))
        return herder_is_starting(h, err);
    if (config_store_connector(h->configs, name, &info.config, err) != CV_OK)
        return err->rc;
    info.name = strdup(name);
    if (info.name == NULL) {
        connector_info_done(&info);
        return cv_fail_memory(err);
    }
    info.n_tasks = config_store_task_count(h->configs, name);
    info.type = herder_type_of(h, info.config);
    *ret = info;
    return CV_OK;
}

static enum cv_rc
read_task_states(struct herder *h, const char *name, struct connector_state_info *info, struct cv_err *err)
{
    size_t count = 0;
    int *ids = NULL;

    if (status_store_tasks(h->statuses, name, &ids, &count, err) != CV_OK)
        return err->rc;
    info->tasks = calloc(count + 1, sizeof(*info->tasks));
    for (size_t i = 0; info->tasks != NULL && i < count; i++) {
        struct cv_err gone;

        info->tasks[info->n_tasks].id = ids[i];
        if (status_store_get(h->statuses, name, ids[i], &info->tasks[info->n_tasks].status, &gone) == CV_OK)
            info->n_tasks++;
    }
    free(ids);
    return info->tasks == NULL ? cv_fail_memory(err) : CV_OK;
}

enum cv_rc
herder_connector_state(struct herder *h, const char *name, struct connector_state_info *ret, struct cv_err *err)
{
    struct connector_state_info info = { 0 };
    struct cv_config *cfg = NULL;
    struct cv_err ignored;

    if (!atomic_load(&h->started))
        return herder_is_starting(h, err);
    if (status_store_get(h->statuses, name, STATUS_CONNECTOR, &info.connector, err) != CV_OK)
        return err->rc;
    info.name = strdup(name);
    if (info.name == NULL || read_task_states(h, name, &info, err) != CV_OK) {
        connector_state_info_done(&info);
        return cv_fail_memory(err);
    }
    if (config_store_connector(h->configs, name, &cfg, &ignored) == CV_OK)
        info.type = herder_type_of(h, cfg);
    else
        info.type = -1;
    cv_config_free(cfg);
    *ret = info;
    return CV_OK;
}

enum cv_rc
herder_task_state(struct herder *h, const char *name, int task, struct status *ret, struct cv_err *err)
{
    if (!atomic_load(&h->started))
        return herder_is_starting(h, err);
    if (task < 0) /* would mean the connector */
        return cv_fail(err, CV_NOT_FOUND, "No status found for task %s-%d", name, task);
    return status_store_get(h->statuses, name, task, ret, err);
}

enum cv_rc
herder_topics(struct herder *h, const char *name, struct name_list *ret, struct cv_err *err)
{
    if (!h->spec.config->topic_tracking_enable)
        return cv_fail(err, CV_FENCED, "Topic tracking is disabled.");
    if (!atomic_load(&h->started))
        return herder_is_starting(h, err);
    *ret = (struct name_list){ 0 };
    return status_store_topics(h->statuses, name, &ret->items, &ret->count, err);
}

enum cv_rc
herder_topics_reset(struct herder *h, const char *name, struct cv_err *err)
{
    if (!h->spec.config->topic_tracking_enable)
        return cv_fail(err, CV_FENCED, "Topic tracking is disabled.");
    if (!h->spec.config->topic_tracking_reset)
        return cv_fail(err, CV_FENCED, "Topic tracking reset is disabled.");
    if (!atomic_load(&h->started))
        return herder_is_starting(h, err);
    status_store_topics_reset(h->statuses, name);
    return CV_OK;
}

/*
 * ---- in the herder's turn, until the worker has started ----
 *
 * Later the answer is that of the local copies: who asks during a rebalance is answered, where Connect says 500
 * ("a rebalance is expected") or lets it wait.
 */

struct info_arg {
    const char *name;
    struct connector_info *ret;
};

static enum cv_rc
run_info(struct herder *h, void *arg, struct cv_err *err)
{
    struct info_arg *a = arg;

    return herder_connector_info_now(h, a->name, a->ret, err);
}

enum cv_rc
herder_connector_info(struct herder *h, const char *name, struct connector_info *ret, struct cv_err *err)
{
    struct info_arg a = { name, ret };

    if (atomic_load(&h->started))
        return herder_connector_info_now(h, name, ret, err);
    return herder_call(h, run_info, &a, HERDER_REQUEST_TIMEOUT_MS, err);
}

struct task_configs_arg {
    const char *name;
    struct cv_config **items;
    size_t count;
};

static enum cv_rc
run_task_configs(struct herder *h, void *arg, struct cv_err *err)
{
    struct task_configs_arg *a = arg;
    size_t count = (size_t)config_store_task_count(h->configs, a->name);
    enum cv_rc rc = CV_OK;

    if (!config_store_has(h->configs, a->name))
        return cv_fail(err, CV_NOT_FOUND, "Connector %s not found", a->name);
    a->items = calloc(count + 1, sizeof(*a->items));
    if (a->items == NULL)
        return cv_fail_memory(err);
    while (rc == CV_OK && a->count < count) {
        rc = config_store_task(h->configs, a->name, (int)a->count, &a->items[a->count], err);
        if (rc == CV_OK)
            a->count++;
    }
    return rc == CV_NOT_FOUND ? CV_OK : rc; /* some are gone since they were counted */
}

enum cv_rc
herder_task_configs(struct herder *h, const char *name, struct cv_config ***ret, size_t *ret_count,
                    struct cv_err *err)
{
    struct task_configs_arg a = { .name = name };
    enum cv_rc rc = atomic_load(&h->started)
                        ? run_task_configs(h, &a, err)
                        : herder_call(h, run_task_configs, &a, HERDER_REQUEST_TIMEOUT_MS, err);

    if (rc == CV_OK) {
        *ret = a.items;
        *ret_count = a.count;
        return CV_OK;
    }
    for (size_t i = 0; i < a.count; i++)
        cv_config_free(a.items[i]);
    free(a.items);
    return rc;
}
