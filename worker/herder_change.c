/* SPDX-License-Identifier: Apache-2.0 */
/* Create, change, delete, stop: the leader writes what REST asks to the config topic. */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "worker/herder_private.h"
#include "worker/standalone.h"

struct put_arg {
    const char *name;
    const struct cv_config *config;
    const enum target_state *target;
    bool replace;
    struct herder_forward *forward;
    bool created;
    int tasks_before;
};

static enum cv_rc
run_put(struct herder *h, void *arg, struct cv_err *err)
{
    struct put_arg *a = arg;
    bool exists;

    if (!herder_leads(h, a->forward, err))
        return err->rc;
    exists = config_store_has(h->configs, a->name);
    if (exists && !a->replace)
        return cv_fail(err, CV_CONFLICT, "Connector %s already exists", a->name);
    a->created = !exists;
    a->tasks_before = config_store_task_count(h->configs, a->name);
    if (config_store_put_connector(h->configs, a->name, a->config, false, a->target, err) != CV_OK)
        return cv_fail(err, CV_INTERNAL, "Error writing connector configuration to Kafka");
    return CV_OK;
}

enum cv_rc
herder_connector_put(struct herder *h, const char *name, const struct cv_config *config,
                     const enum target_state *target, bool replace, struct herder_forward *forward,
                     bool *ret_created, struct connector_info *ret, struct cv_err *err)
{
    struct put_arg a = { .name = name, .config = config, .target = target, .replace = replace,
                         .forward = forward };
    struct connector_info info = { 0 };
    enum cv_rc rc = herder_call(h, run_put, &a, HERDER_REQUEST_TIMEOUT_MS, err);

    if (rc != CV_OK || (forward != NULL && forward->url[0] != '\0'))
        return rc;
    if (standalone_is(h)) {
        if (standalone_wait_started(h, name, err) != CV_OK)
            return err->rc;
        a.tasks_before = config_store_task_count(h->configs, name);
    }
    info.name = strdup(name);
    info.config = cv_config_copy(config); /* the request's own order */
    info.n_tasks = a.tasks_before;
    info.type = herder_type_of(h, config);
    if (info.name == NULL || info.config == NULL) {
        connector_info_done(&info);
        return cv_fail_memory(err);
    }
    *ret_created = a.created;
    *ret = info;
    return CV_OK;
}

struct patch_arg {
    const char *name;
    const struct cv_config *patch;
    struct herder_forward *forward;
    struct connector_info *ret;
    struct config_infos *infos;
};

static enum cv_rc
merge(struct cv_config *cfg, const struct cv_config *patch, struct cv_err *err)
{
    for (size_t i = 0; i < cv_config_count(patch); i++) {
        const char *key = cv_config_key(patch, i), *value = cv_config_value(patch, i);

        if (value == NULL)
            cv_config_remove(cfg, key);
        else if (cv_config_set(cfg, key, value, err) != CV_OK)
            return err->rc;
    }
    return CV_OK;
}

static enum cv_rc
run_patch(struct herder *h, void *arg, struct cv_err *err)
{
    struct patch_arg *a = arg;
    struct cv_config *cfg = NULL;
    enum cv_rc rc;

    if (!herder_leads(h, a->forward, err))
        return err->rc;
    rc = config_store_connector(h->configs, a->name, &cfg, err);
    if (rc == CV_OK)
        rc = merge(cfg, a->patch, err);
    if (rc == CV_OK)
        rc = herder_validate(h, cfg, a->infos, err);
    if (rc == CV_OK && a->infos->error_count > 0)
        rc = cv_fail(err, CV_INVALID, "Connector configuration is invalid");
    if (rc == CV_OK)
        rc = config_store_put_connector(h->configs, a->name, cfg, true, NULL, err);
    cv_config_free(cfg);
    return rc == CV_OK ? herder_connector_info_now(h, a->name, a->ret, err) : rc;
}

enum cv_rc
herder_connector_patch(struct herder *h, const char *name, const struct cv_config *patch,
                       struct herder_forward *forward, struct connector_info *ret,
                       struct config_infos *ret_infos, struct cv_err *err)
{
    struct patch_arg a = { name, patch, forward, ret, ret_infos };

    *ret_infos = (struct config_infos){ 0 };
    if (herder_call(h, run_patch, &a, HERDER_REQUEST_TIMEOUT_MS, err) != CV_OK)
        return err->rc;
    if (!standalone_is(h))
        return CV_OK;
    connector_info_done(ret);
    if (standalone_wait_started(h, name, err) != CV_OK)
        return err->rc;
    return herder_connector_info_now(h, name, ret, err);
}

struct name_arg {
    const char *name;
    struct herder_forward *forward;
};

static enum cv_rc
run_delete(struct herder *h, void *arg, struct cv_err *err)
{
    struct name_arg *a = arg;

    if (!herder_leads(h, a->forward, err))
        return err->rc;
    if (!config_store_has(h->configs, a->name))
        return cv_fail(err, CV_NOT_FOUND, "Connector %s not found", a->name);
    if (config_store_remove_connector(h->configs, a->name, err) != CV_OK)
        return cv_fail(err, CV_INTERNAL, "Error removing connector configuration from Kafka");
    return CV_OK;
}

enum cv_rc
herder_connector_delete(struct herder *h, const char *name, struct herder_forward *forward, struct cv_err *err)
{
    struct name_arg a = { .name = name, .forward = forward };

    if (herder_call(h, run_delete, &a, HERDER_REQUEST_TIMEOUT_MS, err) != CV_OK)
        return err->rc;
    return standalone_is(h) ? standalone_wait_gone(h, name, err) : CV_OK;
}

static enum cv_rc
run_stop(struct herder *h, void *arg, struct cv_err *err)
{
    struct name_arg *a = arg;

    if (!herder_leads(h, a->forward, err))
        return err->rc;
    /* no tasks first: a worker that dies between the two writes leaves nothing running */
    if (config_store_put_tasks(h->configs, a->name, NULL, 0, err) != CV_OK ||
        config_store_put_target(h->configs, a->name, TARGET_STOPPED, err) != CV_OK)
        return cv_fail(err, CV_INTERNAL, "Error writing target state to Kafka");
    return CV_OK;
}

enum cv_rc
herder_target_set(struct herder *h, const char *name, enum target_state target, struct herder_forward *forward,
                  struct cv_err *err)
{
    struct name_arg a = { .name = name, .forward = forward };

    if (!atomic_load(&h->started))
        return herder_is_starting(h, err);
    if (!config_store_has(h->configs, name) && target == TARGET_STOPPED && standalone_is(h))
        return cv_fail(err, CV_INTERNAL, "No connector `%s` configured", name);
    if (!config_store_has(h->configs, name))
        return cv_fail(err, CV_NOT_FOUND, "Unknown connector %s", name);
    if (target == TARGET_STOPPED)
        return herder_call(h, run_stop, &a, HERDER_REQUEST_TIMEOUT_MS, err);
    if (config_store_put_target(h->configs, name, target, err) != CV_OK)
        return cv_fail(err, CV_INTERNAL, "Error writing target state to Kafka");
    return CV_OK;
}
