/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What REST may ask. A request is a function and its argument, run by the herder's loop; the asking thread waits
 * for it with a deadline. A request that has not begun when the deadline passes is taken back; one that runs is
 * waited for, because its argument is on the asker's stack, and every step of it has a deadline of its own.
 */
#include <config.h>

#include "worker/herder_request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/map.h"
#include "common/secret.h"
#include "data/json.h"
#include "worker/herder_forward.h"
#include "worker/herder_private.h"
#include "worker/validate.h"

/* ---- calls ---- */

/* Take a call that has not begun out of the queue. The lock is held. */
static bool
take_back(struct herder *h, struct herder_call *call)
{
    struct herder_call **at = &h->calls_head, *prev = NULL;

    for (; *at != NULL; prev = *at, at = &(*at)->next)
        if (*at == call) {
            *at = call->next;
            if (h->calls_tail == call)
                h->calls_tail = prev;
            call->state = CALL_CANCELLED;
            return true;
        }
    return false;
}

static enum cv_rc
timed_out(struct herder *h, struct cv_err *err)
{
    char since[CV_ISO_MAX];

    cv_format_iso_ms(atomic_load(&h->stage_since_ms), since);
    return cv_fail(err, CV_RETRY, "Request timed out. The worker is currently %s, which began at %s.",
                   atomic_load(&h->stage), since);
}

static enum cv_rc
call_herder(struct herder *h, enum cv_rc (*run)(struct herder *h, void *arg, struct cv_err *err), void *arg,
            int timeout_ms, struct cv_err *err)
{
    struct herder_call call = { .run = run, .arg = arg, .state = CALL_QUEUED };
    int64_t deadline = cv_mono_ms() + timeout_ms;
    enum cv_rc rc;

    cv_lock(&h->calls_lock);
    if (h->closed) {
        cv_unlock(&h->calls_lock);
        return cv_fail(err, CV_INTERNAL, "Worker is shutting down");
    }
    if (h->calls_tail != NULL)
        h->calls_tail->next = &call;
    else
        h->calls_head = &call;
    h->calls_tail = &call;
    cv_unlock(&h->calls_lock);
    cv_wake_signal(&h->wake);
    cv_lock(&h->calls_lock);
    while (call.state != CALL_DONE && call.state != CALL_CANCELLED)
        if (!cv_cond_wait(&h->calls_done, &h->calls_lock, call.state == CALL_QUEUED ? deadline : -1) &&
            call.state == CALL_QUEUED)
            take_back(h, &call);
    rc = call.state == CALL_DONE ? call.rc : CV_RETRY;
    cv_unlock(&h->calls_lock);
    if (call.state == CALL_CANCELLED)
        return timed_out(h, err);
    if (rc != CV_OK)
        *err = call.err;
    return rc;
}

/* ---- forwarding ---- */

static enum cv_rc
no_leader(struct cv_err *err)
{
    return cv_fail(err, CV_CONFLICT,
                   "Cannot complete request momentarily due to no known leader URL, likely because a rebalance was "
                   "underway.");
}

/* Where the request must go; NULL url: not known. */
static enum cv_rc
forward_to(const char *url, struct herder_forward *forward, struct cv_err *err)
{
    if (forward == NULL || forward->hop == HERDER_HOP_FALSE)
        return cv_fail(err, CV_CONFLICT,
                       "Cannot complete request because of a conflicting operation (e.g. worker rebalance)");
    if (url == NULL || url[0] == '\0')
        return no_leader(err);
    snprintf(forward->url, sizeof(forward->url), "%s", url);
    return CV_OK;
}

/* Whether this worker leads; else forward is filled, or *err. */
static bool
leads(struct herder *h, struct herder_forward *forward, struct cv_err *err)
{
    err->rc = CV_OK;
    if (herder_is_leader(h) && !member_rejoin_pending(h->member))
        return true;
    if (herder_is_leader(h))
        return true; /* an old leader acts until the next assignment */
    (void)(forward_to(member_leader_url(h->member), forward, err) == CV_OK);
    return false;
}

/* ---- entities ---- */

static int
type_of(struct herder *h, const struct cv_config *cfg)
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

static enum cv_rc
not_started(struct herder *h, struct cv_err *err)
{
    return timed_out(h, err);
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
        return not_started(h, err);
    if (config_store_connector(h->configs, name, &info.config, err) != CV_OK)
        return err->rc;
    info.name = strdup(name);
    if (info.name == NULL) {
        connector_info_done(&info);
        return cv_fail_memory(err);
    }
    info.n_tasks = config_store_task_count(h->configs, name);
    info.type = type_of(h, info.config);
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
        return not_started(h, err);
    if (status_store_get(h->statuses, name, STATUS_CONNECTOR, &info.connector, err) != CV_OK)
        return err->rc;
    info.name = strdup(name);
    if (info.name == NULL || read_task_states(h, name, &info, err) != CV_OK) {
        connector_state_info_done(&info);
        return cv_fail_memory(err);
    }
    if (config_store_connector(h->configs, name, &cfg, &ignored) == CV_OK)
        info.type = type_of(h, cfg);
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
        return not_started(h, err);
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
        return not_started(h, err);
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
        return not_started(h, err);
    status_store_topics_reset(h->statuses, name);
    return CV_OK;
}

/* ---- the herder thread ---- */

static enum cv_rc
run_ping(struct herder *h, void *arg, struct cv_err *err)
{
    (void)h;
    (void)arg;
    (void)err;
    return CV_OK;
}

enum cv_rc
herder_health(struct herder *h, struct cv_err *err)
{
    struct cv_err why;

    if (!atomic_load(&h->started)) {
        timed_out(h, &why);
        cv_fail(err, CV_RETRY, "Worker is still starting up. %s", why.text + strlen("Request timed out. "));
        return CV_RETRY;
    }
    if (call_herder(h, run_ping, NULL, HERDER_HEALTH_TIMEOUT_MS, &why) == CV_OK) {
        *err = (struct cv_err){ .rc = CV_OK,
                                .text = "Worker has completed startup and is ready to handle requests." };
        return CV_OK;
    }
    cv_fail(err, CV_INTERNAL, "Worker was unable to handle this request and may be unable to handle other requests. %s",
            why.text);
    return CV_INTERNAL;
}

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

    return call_herder(h, run_info, &a, HERDER_REQUEST_TIMEOUT_MS, err);
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

    if (!config_store_has(h->configs, a->name))
        return cv_fail(err, CV_NOT_FOUND, "Connector %s not found", a->name);
    a->items = calloc(count + 1, sizeof(*a->items));
    if (a->items == NULL)
        return cv_fail_memory(err);
    for (; a->count < count; a->count++)
        if (config_store_task(h->configs, a->name, (int)a->count, &a->items[a->count], err) != CV_OK)
            return err->rc;
    return CV_OK;
}

enum cv_rc
herder_task_configs(struct herder *h, const char *name, struct cv_config ***ret, size_t *ret_count,
                    struct cv_err *err)
{
    struct task_configs_arg a = { .name = name };
    enum cv_rc rc = call_herder(h, run_task_configs, &a, HERDER_REQUEST_TIMEOUT_MS, err);

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

    if (!leads(h, a->forward, err))
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
    enum cv_rc rc = call_herder(h, run_put, &a, HERDER_REQUEST_TIMEOUT_MS, err);

    if (rc != CV_OK || (forward != NULL && forward->url[0] != '\0'))
        return rc;
    info.name = strdup(name);
    info.config = cv_config_copy(config); /* the request's own order */
    info.n_tasks = a.tasks_before;
    info.type = type_of(h, config);
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

    if (!leads(h, a->forward, err))
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
    return call_herder(h, run_patch, &a, HERDER_REQUEST_TIMEOUT_MS, err);
}

/* A connector by name, perhaps a task of it, and what is to be done. */
struct name_arg {
    const char *name;
    int task;
    enum target_state target;
    bool include_tasks;
    bool only_failed;
    struct herder_forward *forward;
};

static enum cv_rc
run_delete(struct herder *h, void *arg, struct cv_err *err)
{
    struct name_arg *a = arg;

    if (!leads(h, a->forward, err))
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

    return call_herder(h, run_delete, &a, HERDER_REQUEST_TIMEOUT_MS, err);
}

static enum cv_rc
run_stop(struct herder *h, void *arg, struct cv_err *err)
{
    struct name_arg *a = arg;

    if (!leads(h, a->forward, err))
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
    struct name_arg a = { .name = name, .target = target, .forward = forward };

    if (!atomic_load(&h->started))
        return not_started(h, err);
    if (!config_store_has(h->configs, name))
        return cv_fail(err, CV_NOT_FOUND, "Unknown connector %s", name);
    if (target == TARGET_STOPPED)
        return call_herder(h, run_stop, &a, HERDER_REQUEST_TIMEOUT_MS, err);
    if (config_store_put_target(h->configs, name, target, err) != CV_OK)
        return cv_fail(err, CV_INTERNAL, "Error writing target state to Kafka");
    return CV_OK;
}

/* The unit runs here, or the request goes to its owner by way of the leader. */
static enum cv_rc
find_owner(struct herder *h, const struct name_arg *a, int32_t unit, bool here, bool *ret_here,
           struct cv_err *err)
{
    const char *url;

    *ret_here = here;
    if (here)
        return CV_OK;
    if (!herder_is_leader(h))
        return forward_to(member_leader_url(h->member), a->forward, err);
    url = member_owner_url(h->member, a->name, unit);
    return forward_to(url, a->forward, err);
}

static enum cv_rc
run_restart(struct herder *h, void *arg, struct cv_err *err)
{
    struct name_arg *a = arg;
    bool here;

    if (!config_store_has(h->configs, a->name))
        return cv_fail(err, CV_NOT_FOUND, "Unknown connector: %s", a->name);
    if (find_owner(h, a, GROUP_CONNECTOR, herder_runs_connector(h, a->name), &here, err) != CV_OK || !here)
        return err->rc;
    herder_stop_connector(h, a->name);
    herder_start_connector(h, a->name);
    return CV_OK;
}

enum cv_rc
herder_connector_restart(struct herder *h, const char *name, struct herder_forward *forward, struct cv_err *err)
{
    struct name_arg a = { .name = name, .forward = forward };

    return call_herder(h, run_restart, &a, HERDER_REQUEST_TIMEOUT_MS, err);
}

static enum cv_rc
run_task_restart(struct herder *h, void *arg, struct cv_err *err)
{
    struct name_arg *a = arg;
    struct group_work work = { 0 };
    bool here;

    if (!config_store_has(h->configs, a->name))
        return cv_fail(err, CV_NOT_FOUND, "Unknown connector: %s", a->name);
    if (a->task < 0 || a->task >= config_store_task_count(h->configs, a->name))
        return cv_fail(err, CV_NOT_FOUND, "Unknown task: %s-%d", a->name, a->task);
    if (find_owner(h, a, a->task, herder_runs_task(h, a->name, a->task), &here, err) != CV_OK || !here)
        return err->rc;
    if (!group_work_add(&work, a->name, a->task))
        return cv_fail_memory(err);
    herder_stop_work(h, &work);
    herder_start_task(h, a->name, a->task);
    group_work_done(&work);
    return CV_OK;
}

enum cv_rc
herder_task_restart(struct herder *h, const char *name, int task, struct herder_forward *forward,
                    struct cv_err *err)
{
    struct name_arg a = { .name = name, .task = task, .forward = forward };

    return call_herder(h, run_task_restart, &a, HERDER_REQUEST_TIMEOUT_MS, err);
}

static enum cv_rc
run_restart_all(struct herder *h, void *arg, struct cv_err *err)
{
    struct name_arg *a = arg;

    if (!leads(h, a->forward, err))
        return err->rc;
    if (!config_store_has(h->configs, a->name))
        return cv_fail(err, CV_NOT_FOUND, "Unknown connector: %s", a->name);
    return config_store_put_restart(h->configs, a->name, a->include_tasks, a->only_failed, err);
}

/* The state that the answer shows for what is about to be restarted. */
static void
mark_restarting(struct status *status, bool only_failed)
{
    if (!only_failed || status->state == STATUS_FAILED)
        status->state = STATUS_RESTARTING;
}

enum cv_rc
herder_connector_restart_all(struct herder *h, const char *name, bool include_tasks, bool only_failed,
                             struct herder_forward *forward, struct connector_state_info *ret, struct cv_err *err)
{
    struct name_arg a = { .name = name, .include_tasks = include_tasks, .only_failed = only_failed,
                          .forward = forward };
    struct connector_state_info info = { 0 };
    struct cv_err why;
    bool known = herder_connector_state(h, name, &info, &why) == CV_OK; /* as it was before */
    enum cv_rc rc = call_herder(h, run_restart_all, &a, HERDER_REQUEST_TIMEOUT_MS, err);

    if (rc == CV_OK && (forward == NULL || forward->url[0] == '\0') && !known)
        rc = cv_fail(err, CV_NOT_FOUND, "Status for connector %s not found", name);
    if (rc != CV_OK || (forward != NULL && forward->url[0] != '\0')) {
        connector_state_info_done(&info);
        return rc;
    }
    mark_restarting(&info.connector, only_failed);
    for (size_t i = 0; include_tasks && i < info.n_tasks; i++)
        mark_restarting(&info.tasks[i].status, only_failed);
    *ret = info;
    return CV_OK;
}

/* ---- offsets ---- */

struct offsets_arg {
    const char *name;
    const char *json; /* NULL: reset */
    struct cv_buf *out;
    struct herder_forward *forward;
};

/* Offsets of sinks, and altered ones, come with a later version. */
static enum cv_rc
check_source(struct herder *h, const char *name, struct cv_err *err)
{
    struct cv_config *cfg = NULL;
    int type;

    if (config_store_connector(h->configs, name, &cfg, err) != CV_OK)
        return err->rc;
    type = type_of(h, cfg);
    cv_config_free(cfg);
    if (type != CV_SOURCE)
        return cv_fail(err, CV_INTERNAL,
                       "Offsets of sink connectors are not served in this version; use Kafka's consumer group tool on "
                       "group connect-%s",
                       name);
    return CV_OK;
}

static enum cv_rc
write_offsets(struct herder *h, const char *name, struct cv_buf *out, struct cv_err *err)
{
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_offset *items = NULL;
    size_t count = 0;
    enum cv_rc rc = arena == NULL ? cv_fail_memory(err)
                                  : offset_store_list(h->offsets, name, arena, &items, &count, err);

    cv_buf_str(out, "{\"offsets\":[");
    for (size_t i = 0; rc == CV_OK && i < count; i++) {
        cv_buf_str(out, i > 0 ? ",{\"partition\":" : "{\"partition\":");
        cv_connect_json_write(out, items[i].partition);
        cv_buf_str(out, ",\"offset\":");
        cv_connect_json_write(out, items[i].offset);
        cv_buf_char(out, '}');
    }
    cv_buf_str(out, "]}");
    cv_arena_free(arena);
    return rc;
}

static enum cv_rc
run_offsets_get(struct herder *h, void *arg, struct cv_err *err)
{
    struct offsets_arg *a = arg;

    if (check_source(h, a->name, err) != CV_OK)
        return err->rc;
    return write_offsets(h, a->name, a->out, err);
}

enum cv_rc
herder_offsets_get(struct herder *h, const char *name, struct cv_buf *ret_json, struct cv_err *err)
{
    struct offsets_arg a = { .name = name, .out = ret_json };

    return call_herder(h, run_offsets_get, &a, HERDER_REQUEST_TIMEOUT_MS, err);
}

/* A write whose end the herder waits for. */
struct written {
    struct cv_wake wake;
    struct cv_err err;
    atomic_int result; /* 0: not yet, 1: written, 2: failed */
};

static void
on_written(void *arg, const struct cv_err *err)
{
    struct written *written = arg;

    if (err != NULL)
        written->err = *err;
    atomic_store(&written->result, err == NULL ? 1 : 2);
    cv_wake_signal(&written->wake);
}

static enum cv_rc
write_and_wait(struct herder *h, const char *name, const struct cv_offset *items, size_t count,
               struct cv_err *err)
{
    struct written written = { .result = 0 };
    enum cv_rc rc = cv_wake_init(&written.wake, err);

    if (rc != CV_OK || count == 0) {
        cv_wake_done(&written.wake);
        return rc;
    }
    rc = offset_store_write(h->offsets, name, items, count, on_written, &written, err);
    while (rc == CV_OK && atomic_load(&written.result) == 0)
        cv_wake_wait(&written.wake, cv_mono_ms() + 1000);
    if (rc == CV_OK && atomic_load(&written.result) == 2) {
        *err = written.err;
        rc = err->rc;
    }
    cv_wake_done(&written.wake);
    return rc;
}

static enum cv_rc
reset_offsets(struct herder *h, const char *name, struct cv_err *err)
{
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_offset *items = NULL;
    size_t count = 0;
    enum cv_rc rc = arena == NULL ? cv_fail_memory(err)
                                  : offset_store_list(h->offsets, name, arena, &items, &count, err);

    for (size_t i = 0; rc == CV_OK && i < count; i++)
        items[i].offset = NULL;
    if (rc == CV_OK)
        rc = write_and_wait(h, name, items, count, err);
    cv_arena_free(arena);
    return rc;
}

static enum cv_rc
run_offsets_alter(struct herder *h, void *arg, struct cv_err *err)
{
    struct offsets_arg *a = arg;

    if (!leads(h, a->forward, err))
        return err->rc;
    if (check_source(h, a->name, err) != CV_OK)
        return err->rc;
    if (config_store_target(h->configs, a->name) != TARGET_STOPPED ||
        config_store_task_count(h->configs, a->name) > 0)
        return cv_fail(err, CV_INVALID,
                       "Connectors must be in the STOPPED state before their offsets can be modified. This can be done "
                       "for the specified connector by issuing a 'PUT' request to the '/connectors/%s/stop' endpoint",
                       a->name);
    if (a->json != NULL)
        return cv_fail(err, CV_INTERNAL, "Altering offsets is not served in this version; they can be reset");
    if (reset_offsets(h, a->name, err) != CV_OK)
        return err->rc;
    cv_buf_str(a->out, "{\"message\":\"The offsets for this connector have been reset successfully\"}");
    return CV_OK;
}

enum cv_rc
herder_offsets_alter(struct herder *h, const char *name, const char *json, size_t len,
                     struct herder_forward *forward, struct cv_buf *ret_json, struct cv_err *err)
{
    struct offsets_arg a = { .name = name, .json = json, .out = ret_json, .forward = forward };

    (void)len;
    return call_herder(h, run_offsets_alter, &a, HERDER_REQUEST_TIMEOUT_MS, err);
}

/* ---- internal requests ---- */

static bool
is_accepted(const struct worker_config *config, const char *algorithm)
{
    for (size_t i = 0; i < config->verification_algorithms.count; i++)
        if (strcmp(config->verification_algorithms.items[i], algorithm) == 0)
            return true;
    return false;
}

enum cv_rc
herder_verify(struct herder *h, const char *algorithm, const char *signature, const char *body, size_t len,
              struct cv_err *err)
{
    struct cv_buf expected = CV_BUF_INIT(256);
    struct session_key key;
    enum cv_rc rc;

    if (!atomic_load(&h->started))
        return not_started(h, err);
    if (member_protocol(h->member) != GROUP_SESSIONED)
        return CV_OK;
    if (algorithm == NULL || signature == NULL)
        return cv_fail(err, CV_INVALID, "Internal request missing required signature");
    if (!is_accepted(h->spec.config, algorithm))
        return cv_fail(err, CV_INVALID, "This worker does not support the '%s' key signing algorithm used by other "
                       "workers.", algorithm);
    if (!config_store_session_key(h->configs, &key))
        return cv_fail(err, CV_RETRY, "This worker is still starting up and has not been able to read a session key from "
                       "the config topic yet");
    rc = herder_sign(&key, body, len, &expected, err);
    if (rc == CV_OK && (strlen(signature) != expected.len ||
                        !cv_secret_equal(signature, cv_buf_cstr(&expected), expected.len)))
        rc = cv_fail(err, CV_FENCED, "Internal request contained invalid signature.");
    cv_buf_wipe(&expected);
    return rc;
}

struct configs_arg {
    const char *name;
    struct cv_config *const *configs;
    size_t count;
    struct herder_forward *forward;
};

static enum cv_rc
run_configs_put(struct herder *h, void *arg, struct cv_err *err)
{
    struct configs_arg *a = arg;

    if (!leads(h, a->forward, err))
        return err->rc;
    if (!config_store_has(h->configs, a->name))
        return cv_fail(err, CV_NOT_FOUND, "Connector %s not found", a->name);
    if (config_store_target(h->configs, a->name) == TARGET_STOPPED && a->count > 0)
        return cv_fail(err, CV_INVALID, "Cannot submit non-empty set of task configs for stopped connector %s",
                       a->name);
    return config_store_put_tasks(h->configs, a->name, a->configs, a->count, err);
}

enum cv_rc
herder_task_configs_put(struct herder *h, const char *name, struct cv_config *const *configs, size_t count,
                        struct herder_forward *forward, struct cv_err *err)
{
    struct configs_arg a = { name, configs, count, forward };

    return call_herder(h, run_configs_put, &a, HERDER_REQUEST_TIMEOUT_MS, err);
}

enum cv_rc
herder_fence(struct herder *h, const char *name, struct herder_forward *forward, struct cv_err *err)
{
    (void)h;
    (void)forward;
    return cv_fail(err, CV_INTERNAL, "Fencing of connector %s is not served in this version: exactly.once.source.support "
                   "is disabled", name);
}

/* ---- validation and the rest ---- */

enum cv_rc
herder_validate(struct herder *h, const struct cv_config *config, struct config_infos *ret, struct cv_err *err)
{
    struct validate_spec spec = { .plugins = h->spec.plugins, .secrets = h->spec.secrets,
                                  .worker = h->spec.config };

    return validate_connector(&spec, config, ret, err);
}

enum cv_rc
herder_plugin_rows(struct herder *h, const struct cv_plugin *plugin, struct config_infos *ret,
                   struct cv_err *err)
{
    return validate_plugin_rows(h->spec.plugins, plugin, ret, err);
}

void
herder_about(struct herder *h, struct herder_about *ret)
{
    *ret = (struct herder_about){ .worker_id = h->spec.worker_id,
                                  .url = h->spec.url,
                                  .cluster_id = atomic_load(&h->started) ? h->cluster_id : "" };
}

enum cv_rc
herder_logger_set(struct herder *h, const char *name, const char *level, struct cv_err *err)
{
    if (!atomic_load(&h->started))
        return not_started(h, err);
    return config_store_put_logger(h->configs, name, level, err);
}
