/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this worker runs: connectors (their task configs) and tasks. Herder's thread.
 *
 * A connector has no thread of its own here: to start it is to make its task configs, which plugins do without
 * waiting for anything; whatever may wait belongs to its tasks.
 */
#include <config.h>

#include "worker/herder_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/map.h"
#include "common/number.h"
#include "common/secret.h"
#include "worker/herder_forward.h"
#include "worker/herder_publish.h"
#include "worker/task.h"
#include "worker/topic_creation.h"

#define RECONFIGURE_BACKOFF_MS     250
#define RECONFIGURE_BACKOFF_MAX_MS 60000
#define CONNECTOR_KINDS            (1u << CV_SOURCE | 1u << CV_SINK)

static void
task_key(char *out, size_t size, const char *name, int task)
{
    snprintf(out, size, "%s-%d", name, task);
}

void
running_connector_free(void *arg)
{
    struct running_connector *c = arg;

    if (c == NULL)
        return;
    free(c->name);
    free(c);
}

void
running_task_free(void *arg)
{
    struct running_task *t = arg;

    if (t == NULL)
        return;
    free(t->connector);
    free(t);
}

/* ---- statuses ---- */

/* A trace begins with the class of an exception, as Java's do: tools show and match it. */
static void
put_status(struct herder *h, const char *connector, int task, enum status_state state, const char *error,
           const char *version)
{
    bool safe = state == STATUS_UNASSIGNED || state == STATUS_FAILED;
    char trace[sizeof(((struct cv_err *)NULL)->text) + 64];

    if (error != NULL)
        snprintf(trace, sizeof(trace), "org.apache.kafka.connect.errors.ConnectException: %s", error);
    status_store_put(h->statuses, connector, task, state, error != NULL ? trace : NULL, version,
                     atomic_load(&h->generation), safe);
}

static void
put_connector_status(struct herder *h, struct running_connector *c, enum status_state state, const char *error)
{
    if (state == STATUS_FAILED)
        CV_LOG_ERROR(h->log, "connector failed", CV_STR("connector", c->name), CV_STR("error", error));
    else
        CV_LOG_INFO(h->log, "connector state changed", CV_STR("connector", c->name),
                    CV_STR("old", status_name(c->state)), CV_STR("new", status_name(state)));
    c->state = state;
    put_status(h, c->name, STATUS_CONNECTOR, state, error, c->plugin != NULL ? c->plugin->version : NULL);
}

/* On a task's thread. */
static void
on_task_status(void *arg, const char *connector, int task, enum status_state state, const char *error,
               const char *version)
{
    put_status(arg, connector, task, state, error, version);
}

/* On a task's thread. */
static void
on_topic_used(void *arg, const char *connector, int task, const char *topic)
{
    struct herder *h = arg;

    if (h->spec.config->topic_tracking_enable)
        status_store_topic_used(h->statuses, connector, task, topic);
}

/* ---- connectors ---- */

static cv_connector_check *
checker_of(const struct running_connector *c)
{
    if (c->plugin == NULL)
        return NULL;
    return c->plugin->kind == CV_SOURCE ? c->plugin->source->check : c->plugin->sink->check;
}

enum cv_rc
herder_resolved_config(struct herder *h, const char *name, struct cv_config **ret,
                       const struct cv_plugin **ret_plugin, struct cv_err *err)
{
    struct cv_config *raw = NULL, *cfg = NULL;
    const char *class_name;
    enum cv_rc rc = config_store_connector(h->configs, name, &raw, err);

    if (rc == CV_OK)
        rc = cv_secrets_resolve(h->spec.secrets, raw, &cfg, err);
    cv_config_free(raw);
    if (rc != CV_OK)
        return rc;
    class_name = cv_config_get(cfg, "connector.class");
    if (class_name == NULL)
        rc = cv_fail(err, CV_INVALID, "Connector config of %s contains no connector type", name);
    else
        rc = plugins_find(h->spec.plugins, class_name, CONNECTOR_KINDS, ret_plugin, err);
    if (rc == CV_OK)
        *ret = cfg;
    else
        cv_config_free(cfg);
    return rc;
}

/* It is RUNNING from now on. */
static void
connector_up(struct herder *h, struct running_connector *c)
{
    put_connector_status(h, c, STATUS_RUNNING, NULL);
    c->up_since_ms = c->tasks_due_ms = cv_mono_ms();
    c->check_due_ms = checker_of(c) != NULL ? c->up_since_ms : 0;
}

void
herder_check_connector(struct herder *h, struct running_connector *c)
{
    cv_connector_check *check = checker_of(c);
    struct cv_config *cfg = NULL;
    const struct cv_plugin *plugin;
    int64_t next_ms = -1;
    struct cv_err err;
    enum cv_rc rc;

    c->check_due_ms = 0;
    if (c->state != STATUS_RUNNING || check == NULL)
        return;
    rc = herder_resolved_config(h, c->name, &cfg, &plugin, &err);
    if (rc == CV_OK)
        rc = check(cfg, cv_mono_ms() - c->up_since_ms, &next_ms, &err);
    cv_config_free(cfg);
    if (rc != CV_OK)
        put_connector_status(h, c, STATUS_FAILED, err.text);
    else if (next_ms >= 0)
        c->check_due_ms = c->up_since_ms + next_ms;
}

/* What Java finds when it makes the connector's configuration, and validation does not look at. */
static enum cv_rc
check_topic_creation(struct herder *h, const struct cv_plugin *plugin, const struct cv_config *cfg, struct cv_err *err)
{
    struct topic_creation *creation = NULL;

    if (plugin->kind != CV_SOURCE || !h->spec.config->topic_creation_enable)
        return CV_OK;
    if (topic_creation_new(cfg, &creation, err) != CV_OK)
        return err->rc;
    topic_creation_free(creation);
    return CV_OK;
}

bool
herder_runs_connector(const struct herder *h, const char *name)
{
    return cv_hash_get(h->connectors, name) != NULL;
}

void
herder_start_connector(struct herder *h, const char *name)
{
    struct running_connector *c = calloc(1, sizeof(*c));
    enum target_state target = config_store_target(h->configs, name);
    struct cv_config *cfg = NULL;
    struct cv_err err;
    bool stored;

    if (c == NULL || (c->name = strdup(name)) == NULL) {
        running_connector_free(c);
        return;
    }
    c->state = STATUS_UNASSIGNED;
    c->generation = atomic_load(&h->generation);
    c->backoff_ms = RECONFIGURE_BACKOFF_MS;
    cv_lock(&h->running_lock);
    stored = cv_hash_put(h->connectors, name, c);
    cv_unlock(&h->running_lock);
    if (!stored) {
        running_connector_free(c);
        return;
    }
    atomic_fetch_add(&h->connector_starts, 1);
    if (herder_resolved_config(h, name, &cfg, &c->plugin, &err) != CV_OK ||
        check_topic_creation(h, c->plugin, cfg, &err) != CV_OK) {
        atomic_fetch_add(&h->connector_failures, 1);
        put_connector_status(h, c, STATUS_FAILED, err.text);
    } else if (target == TARGET_STARTED) {
        connector_up(h, c);
    } else {
        put_connector_status(h, c, target == TARGET_PAUSED ? STATUS_PAUSED : STATUS_STOPPED, NULL);
    }
    cv_config_free(cfg);
}

void
herder_stop_connector(struct herder *h, const char *name)
{
    struct running_connector *c = cv_hash_get(h->connectors, name);

    if (c == NULL)
        return;
    put_connector_status(h, c, STATUS_UNASSIGNED, NULL);
    cv_lock(&h->running_lock);
    cv_hash_remove(h->connectors, name);
    cv_unlock(&h->running_lock);
}

/* ---- tasks ---- */

const struct running_task *
herder_running_task(const struct herder *h, const char *name, int task)
{
    char key[600];

    task_key(key, sizeof(key), name, task);
    return cv_hash_get(h->tasks, key);
}

bool
herder_runs_task(const struct herder *h, const char *name, int task)
{
    return herder_running_task(h, name, task) != NULL;
}

bool
herder_was_taken_over(const struct herder *h, const char *name, int task)
{
    const struct running_connector *c = cv_hash_get(h->connectors, name);
    const struct running_task *t;
    struct status status = { 0 };
    struct cv_err err;
    char key[600];
    int32_t since;
    bool other;

    task_key(key, sizeof(key), name, task);
    t = task == STATUS_CONNECTOR ? NULL : cv_hash_get(h->tasks, key);
    if (task == STATUS_CONNECTOR ? c == NULL : t == NULL)
        return false;
    since = t != NULL ? t->generation : c->generation;
    if (status_store_get(h->statuses, name, task, &status, &err) != CV_OK)
        return false;
    other = status.worker_id != NULL && strcmp(status.worker_id, h->spec.worker_id) != 0;
    other = other && status.generation > since;
    status_done(&status);
    return other;
}

static int
max_tasks(const struct cv_config *cfg)
{
    const char *text = cv_config_get(cfg, "tasks.max");
    int64_t v = 1;

    if (text == NULL || !cv_parse_i64(text, strlen(text), &v) || v < 1 || v > INT32_MAX)
        return 1;
    return (int)v;
}

/* More tasks than tasks.max are refused, or with tasks.max.enforce=false only spoken of. */
static enum cv_rc
check_task_count(struct herder *h, const char *name, const struct cv_config *cfg, size_t count, struct cv_err *err)
{
    const char *enforce = cv_config_get(cfg, "tasks.max.enforce");
    int max = max_tasks(cfg);

    if (count <= (size_t)max)
        return CV_OK;
    if (enforce == NULL || strcasecmp(enforce, "false") != 0)
        return cv_fail(err, CV_INVALID,
                       "The connector %s has generated %zu tasks, which is greater than %d, the maximum number of "
                       "tasks it is configured to create. Set tasks.max higher, or tasks.max.enforce to false.",
                       name, count, max);
    CV_LOG_WARN(h->log, "a connector has more tasks than tasks.max", CV_STR("connector", name),
                CV_INT("tasks", (int64_t)count), CV_INT("max", max));
    return CV_OK;
}

static enum cv_rc
make_task(struct herder *h, struct running_task *t, struct cv_err *err)
{
    struct task_spec spec = { .connector = t->connector,
                              .id = t->id,
                              .target = config_store_target(h->configs, t->connector),
                              .worker_config = h->spec.config,
                              .worker_raw = h->spec.raw,
                              .plugins = h->spec.plugins,
                              .offsets = h->offsets,
                              .admin = h->admin,
                              .status_changed = on_task_status,
                              .topic_used = on_topic_used,
                              .fence = herder_fence_for_task,
                              .check_generation = herder_check_generation,
                              .topic_resets = status_store_topic_resets(h->statuses),
                              .arg = h };
    struct cv_config *connector = NULL, *raw = NULL, *cfg = NULL;
    struct config_fencing fencing;
    enum cv_rc rc = herder_resolved_config(h, t->connector, &connector, &spec.plugin, err);

    config_store_fencing(h->configs, t->connector, &fencing);
    spec.generation = fencing.generation;
    if (rc == CV_OK)
        rc = check_task_count(h, t->connector, connector, (size_t)config_store_task_count(h->configs, t->connector),
                              err);
    if (rc == CV_OK)
        rc = config_store_task(h->configs, t->connector, t->id, &raw, err);
    if (rc == CV_OK)
        rc = cv_secrets_resolve(h->spec.secrets, raw, &cfg, err);
    if (rc == CV_OK) {
        spec.connector_config = connector;
        spec.task_config = cfg;
        rc = task_start(&spec, &t->task, err);
    }
    cv_config_free(connector);
    cv_config_free(raw);
    cv_config_free(cfg);
    return rc;
}

void
herder_start_task(struct herder *h, const char *name, int task)
{
    struct running_task *t = calloc(1, sizeof(*t));
    struct cv_err err;
    char key[600];
    bool stored;

    if (t == NULL || (t->connector = strdup(name)) == NULL) {
        running_task_free(t);
        return;
    }
    t->herder = h;
    t->id = task;
    t->generation = atomic_load(&h->generation);
    atomic_fetch_add(&h->task_starts, 1);
    if (make_task(h, t, &err) != CV_OK) {
        atomic_fetch_add(&h->task_failures, 1);
        CV_LOG_ERROR(h->log, "task could not be started", CV_STR("connector", name), CV_INT("task", task),
                     CV_ERR(&err));
        on_task_status(h, name, task, STATUS_FAILED, err.text, NULL);
    }
    task_key(key, sizeof(key), name, task);
    cv_lock(&h->running_lock);
    stored = cv_hash_put(h->tasks, key, t);
    cv_unlock(&h->running_lock);
    if (!stored) {
        if (t->task != NULL) {
            task_stop(t->task);
            task_abandon(t->task);
        }
        running_task_free(t);
    }
}

/* Whether a running task is meant by work (NULL: all) or by a connector's name (NULL: any). */
static bool
is_meant(const struct running_task *t, const struct group_work *work, const char *connector)
{
    if (connector != NULL)
        return strcmp(t->connector, connector) == 0;
    return work == NULL || group_work_has(work, t->connector, t->id);
}

/* All are asked first, then waited for with one deadline. */
static void
stop_tasks(struct herder *h, const struct group_work *work, const char *connector)
{
    int64_t deadline = cv_mono_ms() + h->spec.config->task_shutdown_timeout_ms;
    struct cv_hash_entry at;
    size_t i = 0;

    while (cv_hash_next(h->tasks, &i, &at)) {
        struct running_task *t = at.value;

        if (is_meant(t, work, connector) && t->task != NULL)
            task_stop(t->task);
    }
    i = 0;
    while (cv_hash_next(h->tasks, &i, &at)) {
        struct running_task *t = at.value;
        struct task *task;
        char key[600];

        if (!is_meant(t, work, connector))
            continue;
        task = t->task;
        if (task == NULL)
            on_task_status(h, t->connector, t->id, STATUS_UNASSIGNED, NULL, NULL);
        task_key(key, sizeof(key), t->connector, t->id);
        cv_lock(&h->running_lock); /* metrics look at tasks of the map: out of it before it is freed */
        cv_hash_remove(h->tasks, key);
        cv_unlock(&h->running_lock);
        if (task != NULL && !task_join(task, deadline))
            task_abandon(task);
    }
}

void
herder_stop_tasks_of(struct herder *h, const char *name)
{
    stop_tasks(h, NULL, name);
}

void
herder_stop_work(struct herder *h, const struct group_work *work)
{
    struct cv_hash_entry at;
    size_t i = 0;

    while (cv_hash_next(h->connectors, &i, &at)) {
        const struct running_connector *c = at.value;

        if (work == NULL || group_work_has(work, c->name, GROUP_CONNECTOR))
            herder_stop_connector(h, c->name);
    }
    stop_tasks(h, work, NULL);
}

/* ---- target states ---- */

void
herder_apply_target(struct herder *h, const char *name)
{
    enum target_state target = config_store_target(h->configs, name);
    struct running_connector *c = cv_hash_get(h->connectors, name);
    struct cv_hash_entry at;
    size_t i = 0;

    if (c != NULL && (c->state != STATUS_FAILED || target == TARGET_STOPPED)) {
        enum status_state state = target == TARGET_STARTED  ? STATUS_RUNNING
                                  : target == TARGET_PAUSED ? STATUS_PAUSED
                                                            : STATUS_STOPPED;

        if (state == STATUS_RUNNING && c->state != STATUS_RUNNING)
            connector_up(h, c);
        else if (state == STATUS_RUNNING)
            c->tasks_due_ms = cv_mono_ms();
        else if (state != c->state)
            put_connector_status(h, c, state, NULL);
    }
    while (cv_hash_next(h->tasks, &i, &at)) {
        struct running_task *t = at.value;

        if (strcmp(t->connector, name) == 0 && t->task != NULL)
            task_target_set(t->task, target);
    }
}

/* ---- task configs ---- */

/* The raw reference again where the connector's raw value has one: secrets do not go into the topic. */
static enum cv_rc
put_references_back(const struct cv_config *raw, struct cv_config *cfg, struct cv_err *err)
{
    for (size_t i = 0; i < cv_config_count(raw); i++) {
        const char *key = cv_config_key(raw, i), *value = cv_config_value(raw, i);

        if (value != NULL && cv_secret_is_reference(value) && cv_config_has(cfg, key) &&
            cv_config_set(cfg, key, value, err) != CV_OK)
            return err->rc;
    }
    return CV_OK;
}

static enum cv_rc
finish_configs(const struct cv_plugin *plugin, const struct cv_config *cfg, const struct cv_config *raw,
               struct cv_task_configs *configs, struct cv_err *err)
{
    static const char *const sink_keys[] = { "topics", "topics.regex" };

    for (size_t i = 0; i < configs->count; i++) {
        struct cv_config *item = configs->items[i];

        if (cv_config_set(item, "task.class", plugin->task_class, err) != CV_OK)
            return err->rc;
        for (size_t k = 0; plugin->kind == CV_SINK && k < CV_COUNT(sink_keys); k++)
            if (cv_config_has(cfg, sink_keys[k]) &&
                cv_config_set(item, sink_keys[k], cv_config_get(cfg, sink_keys[k]), err) != CV_OK)
                return err->rc;
        if (put_references_back(raw, item, err) != CV_OK)
            return err->rc;
    }
    return CV_OK;
}

static bool
configs_changed(struct herder *h, const char *name, const struct cv_task_configs *configs)
{
    bool changed = !config_store_is_applied(h->configs, name) ||
                   (size_t)config_store_task_count(h->configs, name) != configs->count;
    struct cv_err err;

    for (size_t i = 0; i < configs->count && !changed; i++) {
        struct cv_config *old = NULL;

        changed = config_store_task(h->configs, name, (int)i, &old, &err) != CV_OK ||
                  !cv_config_equal(old, configs->items[i]);
        cv_config_free(old);
    }
    return changed;
}

static enum cv_rc
publish_configs(struct herder *h, struct running_connector *c, struct cv_task_configs *configs, struct cv_err *err)
{
    if (!configs_changed(h, c->name, configs))
        return CV_OK;
    if (herder_is_leader(h))
        return config_store_put_tasks(h->configs, c->name, configs->items, configs->count, err);
    if (herder_forward_task_configs(h, c->name, configs, err) != CV_OK)
        return err->rc;
    c->publishing = true;
    return CV_OK;
}

static enum cv_rc
reconfigure(struct herder *h, struct running_connector *c, struct cv_err *err)
{
    const char *name = c->name;
    struct cv_task_configs configs = { 0 };
    struct cv_config *cfg = NULL, *raw = NULL;
    const struct cv_plugin *plugin;
    cv_connector_task_configs *make;
    enum cv_rc rc = herder_resolved_config(h, name, &cfg, &plugin, err);

    if (rc == CV_OK)
        rc = config_store_connector(h->configs, name, &raw, err);
    if (rc == CV_OK) {
        make = plugin->kind == CV_SOURCE ? plugin->source->task_configs : plugin->sink->task_configs;
        rc = make(cfg, max_tasks(cfg), &configs, err);
    }
    if (rc == CV_OK)
        rc = check_task_count(h, name, cfg, configs.count, err);
    if (rc == CV_OK)
        rc = finish_configs(plugin, cfg, raw, &configs, err);
    if (rc == CV_OK)
        rc = publish_configs(h, c, &configs, err);
    cv_task_configs_done(&configs);
    cv_config_free(cfg);
    cv_config_free(raw);
    return rc;
}

static void
publish_later(struct herder *h, struct running_connector *c, const struct cv_err *why)
{
    CV_LOG_WARN(h->log, "could not publish task configs, trying again", CV_STR("connector", c->name),
                CV_INT("retry_ms", c->backoff_ms), CV_ERR(why));
    c->tasks_due_ms = cv_mono_ms() + c->backoff_ms;
    c->backoff_ms = c->backoff_ms * 2 > RECONFIGURE_BACKOFF_MAX_MS ? RECONFIGURE_BACKOFF_MAX_MS
                                                                   : c->backoff_ms * 2;
}

void
herder_reconfigure_tasks(struct herder *h, struct running_connector *c)
{
    struct cv_err err;

    c->tasks_due_ms = 0;
    /* one that was stopped a moment ago must not get its tasks back before it is told */
    if (c->state != STATUS_RUNNING || config_store_target(h->configs, c->name) != TARGET_STARTED)
        return;
    if (c->publishing) { /* what is on its way may be old */
        c->publish_again = true;
        return;
    }
    if (reconfigure(h, c, &err) == CV_OK) {
        if (!c->publishing)
            c->backoff_ms = RECONFIGURE_BACKOFF_MS;
        return;
    }
    if (err.rc == CV_INVALID)
        put_connector_status(h, c, STATUS_FAILED, err.text);
    else
        publish_later(h, c, &err);
}

void
herder_end_publications(struct herder *h)
{
    struct cv_err why;
    char *name;

    while ((name = herder_take_published(h, &why)) != NULL) {
        struct running_connector *c = cv_hash_get(h->connectors, name);

        free(name);
        if (c == NULL || !c->publishing) /* stopped meanwhile, perhaps started again */
            continue;
        c->publishing = false;
        if (why.rc != CV_OK)
            publish_later(h, c, &why);
        else
            c->backoff_ms = RECONFIGURE_BACKOFF_MS;
        if (c->publish_again && why.rc == CV_OK)
            c->tasks_due_ms = cv_mono_ms();
        c->publish_again = false;
    }
}

/* ---- restarts ---- */

bool
herder_restart_units(struct herder *h, const char *name, bool include_tasks, bool only_failed,
                     struct group_work *ret)
{
    struct cv_hash_entry at;
    size_t i = 0;
    const struct running_connector *c = cv_hash_get(h->connectors, name);
    bool ok = true;

    if (c != NULL && (!only_failed || c->state == STATUS_FAILED))
        ok = group_work_add(ret, name, GROUP_CONNECTOR);
    while (ok && include_tasks && cv_hash_next(h->tasks, &i, &at)) {
        const struct running_task *t = at.value;

        if (strcmp(t->connector, name) == 0 &&
            (!only_failed || t->task == NULL || task_state(t->task) == STATUS_FAILED))
            ok = group_work_add(ret, name, t->id);
    }
    return ok;
}

void
herder_put_restarting(struct herder *h, const struct group_work *work)
{
    for (size_t i = 0; i < work->count; i++)
        status_store_put(h->statuses, work->items[i].connector,
                         work->items[i].task == GROUP_CONNECTOR ? STATUS_CONNECTOR : work->items[i].task,
                         STATUS_RESTARTING, NULL, NULL, atomic_load(&h->generation), false);
}

void
herder_restart_plan(struct herder *h, const char *name, bool include_tasks, bool only_failed)
{
    struct group_work work = { 0 };

    if (!herder_restart_units(h, name, include_tasks, only_failed, &work))
        CV_LOG_ERROR(h->log, "out of memory for a restart", CV_STR("connector", name));
    herder_stop_work(h, &work);
    herder_put_restarting(h, &work);
    for (size_t i = 0; i < work.count; i++) {
        if (work.items[i].task == GROUP_CONNECTOR)
            herder_start_connector(h, name);
        else
            herder_start_task(h, name, work.items[i].task);
    }
    group_work_done(&work);
}
