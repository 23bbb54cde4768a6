/* SPDX-License-Identifier: Apache-2.0 */
/* See fake_herder.h. Texts are Connect's, as the real herder has them. One lock around everything.
 */
#include <config.h>

#include "tests/helper/fake_herder.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "worker/plugins.h"

#define MAX_CONNECTORS 64

struct fake_connector {
    char *name;
    struct cv_config *config;
    enum target_state target;
    int n_tasks;
    char *trace; /* of task 0 */
};

struct herder {
    pthread_mutex_t mutex;
    struct fake_connector connectors[MAX_CONNECTORS];
    size_t count;
    char worker_id[128];
    char url[256];
    char leader[256];
    enum cv_rc fail_rc;
    char fail_text[1024];
    enum cv_rc health;
    char health_text[512];
    char offsets[4096];
    char logger[512];
    bool sessioned;
    _Atomic uint64_t changes;
};

/* ---- plugins ---- */

static const struct cv_config_def source_def[] = {
    { .name = "file", .type = CV_CONFIG_STRING, .importance = CV_HIGH, .doc = "A file." },
    { .name = "topic",
      .type = CV_CONFIG_STRING,
      .required = true,
      .importance = CV_HIGH,
      .group = "Main",
      .order = 2,
      .width = CV_WIDTH_LONG,
      .display = "Topic",
      .doc = "A topic." },
    { .name = "secret",
      .type = CV_CONFIG_PASSWORD,
      .def = "hush",
      .importance = CV_LOW,
      .group = "Main",
      .order = 3,
      .doc = "A secret." },
    CV_CONFIG_END
};

static const struct cv_config_def tasks_max_def = { .name = "tasks.max",
                                                    .type = CV_CONFIG_INT,
                                                    .def = "1",
                                                    .importance = CV_HIGH,
                                                    .group = "Common",
                                                    .order = 4,
                                                    .width = CV_WIDTH_SHORT,
                                                    .display = "Tasks max",
                                                    .doc = "Most tasks." };

static const struct cv_plugin plugin_list[] = {
    { .kind = CV_SINK, .name = "org.example.TestSinkConnector", .version = "1.0" },
    { .kind = CV_SOURCE,
      .name = "org.example.TestSourceConnector",
      .version = "1.0",
      .config = source_def },
    { .kind = CV_TRANSFORM, .name = "org.example.Router", .version = NULL },
    { .kind = CV_CONVERTER, .name = "org.example.JsonConverter", .version = "1.0" },
    { .kind = CV_HEADER_CONVERTER, .name = "org.example.JsonConverter", .version = "1.0" },
};

struct plugins *
fake_plugins(void)
{
    return (struct plugins *)(uintptr_t)plugin_list;
}

size_t
plugins_count(const struct plugins *plugins)
{
    (void)plugins;
    return CV_COUNT(plugin_list);
}

struct plugin_entry
plugins_at(const struct plugins *plugins, size_t i)
{
    (void)plugins;
    return (struct plugin_entry){ plugin_list[i].name, &plugin_list[i] };
}

const char *
plugins_kind_name(enum cv_plugin_kind kind)
{
    static const char *const names[] = { "source",           "sink",           "converter",
                                         "header_converter", "transformation", "predicate" };

    return names[kind];
}

/* By class, simple name, or simple name without "Connector"; several are an ambiguity. */
enum cv_rc
plugins_find(const struct plugins *plugins, const char *name, unsigned kinds,
             const struct cv_plugin **ret, struct cv_err *err)
{
    const struct cv_plugin *found = NULL;

    (void)plugins;
    for (size_t i = 0; i < CV_COUNT(plugin_list); i++) {
        const char *simple = strrchr(plugin_list[i].name, '.') + 1;
        size_t len = strlen(name);

        if (!(kinds & 1u << plugin_list[i].kind))
            continue;
        if (strcmp(plugin_list[i].name, name) != 0 && strcmp(simple, name) != 0 &&
            !(strncmp(simple, name, len) == 0 && strcmp(simple + len, "Connector") == 0))
            continue;
        if (found != NULL)
            return cv_fail(err, CV_INVALID, "More than one connector matches alias %s", name);
        found = &plugin_list[i];
    }
    if (found == NULL)
        return cv_fail(err, CV_NOT_FOUND, "no plugin %s", name);
    *ret = found;
    return CV_OK;
}

/* ---- names of states ---- */

const char *
status_name(enum status_state state)
{
#define NAME(name) #name,
    static const char *const names[] = { STATUS_STATES(NAME) };
#undef NAME

    return names[state];
}

void
status_done(struct status *status)
{
    free(status->trace);
    free(status->worker_id);
    free(status->version);
    memset(status, 0, sizeof(*status));
}

/* ---- the test's side ---- */

struct herder *
fake_herder_new(const char *worker_id, const char *url)
{
    struct herder *h = calloc(1, sizeof(*h));

    (void)pthread_mutex_init(&h->mutex, NULL);
    (void)snprintf(h->worker_id, sizeof(h->worker_id), "%s", worker_id);
    (void)snprintf(h->url, sizeof(h->url), "%s", url);
    fake_herder_health(h, CV_OK, "Worker has completed startup and is ready to handle requests.");
    return h;
}

static void
connector_done(struct fake_connector *c)
{
    free(c->name);
    free(c->trace);
    cv_config_free(c->config);
}

void
fake_herder_free(struct herder *h)
{
    for (size_t i = 0; i < h->count; i++)
        connector_done(&h->connectors[i]);
    (void)pthread_mutex_destroy(&h->mutex);
    free(h);
}

void
fake_herder_fail(struct herder *h, enum cv_rc rc, const char *text)
{
    h->fail_rc = rc;
    (void)snprintf(h->fail_text, sizeof(h->fail_text), "%s", text);
}

void
fake_herder_leader(struct herder *h, const char *url)
{
    (void)snprintf(h->leader, sizeof(h->leader), "%s", url == NULL ? "" : url);
}

void
fake_herder_health(struct herder *h, enum cv_rc rc, const char *text)
{
    h->health = rc;
    (void)snprintf(h->health_text, sizeof(h->health_text), "%s", text);
}

void
fake_herder_sign(struct herder *h, bool sessioned)
{
    h->sessioned = sessioned;
}

static struct fake_connector *
find(struct herder *h, const char *name)
{
    for (size_t i = 0; i < h->count; i++)
        if (strcmp(h->connectors[i].name, name) == 0)
            return &h->connectors[i];
    return NULL;
}

void
fake_herder_trace(struct herder *h, const char *connector, const char *trace)
{
    find(h, connector)->trace = strdup(trace);
}

size_t
fake_herder_task_configs(struct herder *h, const char *connector)
{
    return (size_t)find(h, connector)->n_tasks;
}

const char *
fake_herder_offsets(struct herder *h)
{
    return h->offsets;
}

const char *
fake_herder_logger(struct herder *h)
{
    return h->logger;
}

/* ---- what every call begins with ---- */

/* The failure that the test asked for, once. */
static enum cv_rc
planned(struct herder *h, struct cv_err *err)
{
    enum cv_rc rc = h->fail_rc;

    h->fail_rc = CV_OK;
    return rc == CV_OK ? CV_OK : cv_fail(err, rc, "%s", h->fail_text);
}

/* Whether the request is for another worker: *ret_rc is what the call returns then. */
static bool
elsewhere(struct herder *h, struct herder_forward *forward, enum cv_rc *ret_rc, struct cv_err *err)
{
    if (h->leader[0] == '\0')
        return false;
    *ret_rc = CV_OK;
    if (forward == NULL || forward->hop == HERDER_HOP_FALSE)
        *ret_rc = cv_fail(err, CV_CONFLICT,
                          "Cannot complete request because of a conflicting operation (e.g. "
                          "worker rebalance)");
    else
        (void)snprintf(forward->url, sizeof(forward->url), "%s", h->leader);
    return true;
}

static enum cv_rc
find_or_fail(struct herder *h, const char *name, const char *format, struct fake_connector **ret,
             struct cv_err *err)
{
    if (planned(h, err) != CV_OK)
        return err->rc;
    *ret = find(h, name);
    return *ret == NULL ? cv_fail(err, CV_NOT_FOUND, format, name) : CV_OK;
}

/* ---- herder_request.h ---- */

void
connector_info_done(struct connector_info *info)
{
    free(info->name);
    cv_config_free(info->config);
    memset(info, 0, sizeof(*info));
}

void
connector_state_info_done(struct connector_state_info *info)
{
    for (size_t i = 0; i < info->n_tasks; i++)
        status_done(&info->tasks[i].status);
    free(info->tasks);
    free(info->name);
    status_done(&info->connector);
    memset(info, 0, sizeof(*info));
}

void
name_list_done(struct name_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    memset(list, 0, sizeof(*list));
}

void
config_infos_done(struct config_infos *infos)
{
    for (size_t i = 0; i < infos->count; i++) {
        struct config_info *info = &infos->items[i];

        for (size_t k = 0; k < info->n_errors; k++)
            free(info->errors[k]);
        free(info->errors);
        free(info->name);
        free(info->group);
        free(info->value);
    }
    for (size_t i = 0; i < infos->n_groups; i++)
        free(infos->groups[i]);
    free(infos->groups);
    free(infos->items);
    free(infos->name);
    memset(infos, 0, sizeof(*infos));
}

bool
herder_changes(struct herder *h, uint64_t *ret)
{
    *ret = atomic_load(&h->changes);
    return *ret != 0;
}

void
fake_herder_changes(struct herder *h, uint64_t changes)
{
    atomic_store(&h->changes, changes);
}

enum cv_rc
herder_connectors(struct herder *h, struct name_list *ret, struct cv_err *err)
{
    if (planned(h, err) != CV_OK)
        return err->rc;
    (void)pthread_mutex_lock(&h->mutex);
    ret->items = calloc(h->count + 1, sizeof(char *));
    for (ret->count = 0; ret->count < h->count; ret->count++)
        ret->items[ret->count] = strdup(h->connectors[ret->count].name);
    (void)pthread_mutex_unlock(&h->mutex);
    return CV_OK;
}

static int
kind_of(const struct cv_config *config)
{
    const char *class_name = cv_config_get(config, "connector.class");
    const struct cv_plugin *plugin = NULL;
    struct cv_err err;

    if (class_name == NULL || plugins_find(NULL, class_name, ~0u, &plugin, &err) != CV_OK)
        return -1;
    return (int)plugin->kind;
}

static void
fill_info(const struct fake_connector *c, struct connector_info *ret)
{
    ret->name = strdup(c->name);
    ret->config = cv_config_copy(c->config);
    ret->n_tasks = c->n_tasks;
    ret->type = kind_of(c->config);
}

enum cv_rc
herder_connector_info(struct herder *h, const char *name, struct connector_info *ret,
                      struct cv_err *err)
{
    struct fake_connector *c;

    if (find_or_fail(h, name, "Connector %s not found", &c, err) != CV_OK)
        return err->rc;
    fill_info(c, ret);
    return CV_OK;
}

enum cv_rc
herder_connector_info_now(struct herder *h, const char *name, struct connector_info *ret,
                          struct cv_err *err)
{
    return herder_connector_info(h, name, ret, err);
}

static void
fill_status(const struct herder *h, const struct fake_connector *c, bool task, struct status *ret)
{
    ret->state = c->target == TARGET_PAUSED    ? STATUS_PAUSED
                 : c->target == TARGET_STOPPED ? STATUS_STOPPED
                                               : STATUS_RUNNING;
    if (task && c->trace != NULL) {
        ret->state = STATUS_FAILED;
        ret->trace = strdup(c->trace);
    }
    ret->worker_id = strdup(h->worker_id);
    ret->version = c->trace == NULL ? strdup("1.0") : NULL;
}

static void
fill_state(const struct herder *h, const struct fake_connector *c, struct connector_state_info *ret)
{
    ret->name = strdup(c->name);
    ret->type = kind_of(c->config);
    fill_status(h, c, false, &ret->connector);
    ret->n_tasks = (size_t)c->n_tasks;
    ret->tasks = calloc(ret->n_tasks + 1, sizeof(*ret->tasks));
    for (size_t i = 0; i < ret->n_tasks; i++) {
        ret->tasks[i].id = (int)i;
        fill_status(h, c, true, &ret->tasks[i].status);
    }
}

enum cv_rc
herder_connector_state(struct herder *h, const char *name, struct connector_state_info *ret,
                       struct cv_err *err)
{
    struct fake_connector *c;

    if (find_or_fail(h, name, "No status found for connector %s", &c, err) != CV_OK)
        return err->rc;
    if (strcmp(name, "new") == 0) /* this one has no status yet */
        return cv_fail(err, CV_NOT_FOUND, "No status found for connector %s", name);
    fill_state(h, c, ret);
    return CV_OK;
}

enum cv_rc
herder_task_state(struct herder *h, const char *name, int task, struct status *ret,
                  struct cv_err *err)
{
    struct fake_connector *c = find(h, name);

    if (c == NULL || task < 0 || task >= c->n_tasks)
        return cv_fail(err, CV_NOT_FOUND, "No status found for task %s-%d", name, task);
    fill_status(h, c, true, ret);
    return CV_OK;
}

enum cv_rc
herder_topics(struct herder *h, const char *name, struct name_list *ret, struct cv_err *err)
{
    if (planned(h, err) != CV_OK)
        return err->rc;
    ret->items = calloc(1, sizeof(char *));
    if (find(h, name) != NULL)
        ret->items[ret->count++] = strdup("a-topic");
    return CV_OK;
}

enum cv_rc
herder_topics_reset(struct herder *h, const char *name, struct cv_err *err)
{
    (void)name;
    return planned(h, err);
}

enum cv_rc
herder_health(struct herder *h, struct cv_err *err)
{
    (void)snprintf(err->text, sizeof(err->text), "%s", h->health_text);
    err->rc = h->health;
    return h->health;
}

enum cv_rc
herder_task_configs(struct herder *h, const char *name, struct cv_config ***ret, size_t *ret_count,
                    struct cv_err *err)
{
    struct fake_connector *c;

    if (find_or_fail(h, name, "Connector %s not found", &c, err) != CV_OK)
        return err->rc;
    *ret_count = (size_t)c->n_tasks;
    *ret = calloc(*ret_count + 1, sizeof(struct cv_config *));
    for (size_t i = 0; i < *ret_count; i++)
        (*ret)[i] = cv_config_copy(c->config);
    return CV_OK;
}

/* Any connector tells this, and takes any signal that is JSON. */
static enum cv_rc
question(struct herder *h, const char *name, int task, struct herder_forward *forward, const char *json, size_t len,
         struct cv_buf *ret_json, struct cv_err *err)
{
    struct fake_connector *c;
    enum cv_rc rc;

    if (find_or_fail(h, name, "Connector %s not found", &c, err) != CV_OK)
        return err->rc;
    if (task >= c->n_tasks)
        return cv_fail(err, CV_NOT_FOUND, "Unknown task: %s-%d", name, task);
    if (elsewhere(h, forward, &rc, err))
        return rc;
    if (json != NULL && (len == 0 || json[0] != '{'))
        return cv_fail(err, CV_INVALID, "the signal is no JSON object");
    if (json != NULL)
        cv_buf_add(ret_json, json, len);
    else
        cv_buf_str(ret_json, "{\"phase\":\"streaming\"}");
    return CV_OK;
}

enum cv_rc
herder_task_progress(struct herder *h, const char *name, int task, struct herder_forward *forward,
                     struct cv_buf *ret_json, struct cv_err *err)
{
    return question(h, name, task, forward, NULL, 0, ret_json, err);
}

enum cv_rc
herder_task_signal(struct herder *h, const char *name, int task, const char *json, size_t len,
                   struct herder_forward *forward, struct cv_buf *ret_json, struct cv_err *err)
{
    return question(h, name, task, forward, json, len, ret_json, err);
}

enum cv_rc
herder_connector_put(struct herder *h, const char *name, const struct cv_config *config,
                     const enum target_state *target, bool replace, struct herder_forward *forward,
                     bool *ret_created, struct connector_info *ret, struct cv_err *err)
{
    struct fake_connector *c;
    enum cv_rc rc;

    if (planned(h, err) != CV_OK)
        return err->rc;
    if (elsewhere(h, forward, &rc, err))
        return rc;
    (void)pthread_mutex_lock(&h->mutex);
    c = find(h, name);
    *ret_created = c == NULL;
    if (c != NULL && !replace) {
        (void)pthread_mutex_unlock(&h->mutex);
        return cv_fail(err, CV_CONFLICT, "Connector %s already exists", name);
    }
    if (c == NULL) {
        c = &h->connectors[h->count++];
        c->name = strdup(name);
        c->target = target == NULL ? TARGET_STARTED : *target;
    } else {
        cv_config_free(c->config);
    }
    c->config = cv_config_copy(config);
    fill_info(c, ret);
    c->n_tasks = c->target == TARGET_STARTED ? 1 : 0;
    (void)pthread_mutex_unlock(&h->mutex);
    return CV_OK;
}

enum cv_rc
herder_connector_patch(struct herder *h, const char *name, const struct cv_config *patch,
                       struct herder_forward *forward, struct connector_info *ret,
                       struct config_infos *ret_infos, struct cv_err *err)
{
    struct cv_config *merged;
    struct fake_connector *c;
    enum cv_rc rc;

    if (elsewhere(h, forward, &rc, err))
        return rc;
    if (find_or_fail(h, name, "Connector %s not found", &c, err) != CV_OK)
        return err->rc;
    merged = cv_config_copy(c->config);
    for (size_t i = 0; i < cv_config_count(patch); i++) {
        if (cv_config_value(patch, i) == NULL)
            cv_config_remove(merged, cv_config_key(patch, i));
        else if (cv_config_set(merged, cv_config_key(patch, i), cv_config_value(patch, i), err) !=
                 CV_OK)
            return err->rc;
    }
    rc = herder_validate(h, merged, ret_infos, err);
    if (rc == CV_OK && ret_infos->error_count > 0)
        rc = cv_fail(err, CV_INVALID, "the merged configuration is invalid");
    if (rc != CV_OK) {
        cv_config_free(merged);
        return rc;
    }
    cv_config_free(c->config);
    c->config = merged;
    fill_info(c, ret);
    return CV_OK;
}

enum cv_rc
herder_connector_delete(struct herder *h, const char *name, struct herder_forward *forward,
                        struct cv_err *err)
{
    struct fake_connector *c;
    enum cv_rc rc;

    if (elsewhere(h, forward, &rc, err))
        return rc;
    if (find_or_fail(h, name, "Connector %s not found", &c, err) != CV_OK)
        return err->rc;
    connector_done(c);
    *c = h->connectors[--h->count];
    return CV_OK;
}

enum cv_rc
herder_target_set(struct herder *h, const char *name, enum target_state target,
                  struct herder_forward *forward, struct cv_err *err)
{
    struct fake_connector *c;
    enum cv_rc rc;

    if (find_or_fail(h, name, "Unknown connector %s", &c, err) != CV_OK)
        return err->rc;
    if (target == TARGET_STOPPED && elsewhere(h, forward, &rc, err))
        return rc;
    c->target = target;
    if (target == TARGET_STOPPED)
        c->n_tasks = 0;
    return CV_OK;
}

enum cv_rc
herder_connector_restart(struct herder *h, const char *name, struct herder_forward *forward,
                         struct cv_err *err)
{
    struct fake_connector *c;
    enum cv_rc rc;

    if (elsewhere(h, forward, &rc, err))
        return rc;
    return find_or_fail(h, name, "Unknown connector: %s", &c, err);
}

enum cv_rc
herder_connector_restart_all(struct herder *h, const char *name, bool include_tasks,
                             bool only_failed, struct herder_forward *forward,
                             struct connector_state_info *ret, struct cv_err *err)
{
    struct fake_connector *c;
    enum cv_rc rc;

    if (elsewhere(h, forward, &rc, err))
        return rc;
    if (find_or_fail(h, name, "Unknown connector: %s", &c, err) != CV_OK)
        return err->rc;
    fill_state(h, c, ret);
    if (!only_failed)
        ret->connector.state = STATUS_RESTARTING;
    for (size_t i = 0; i < ret->n_tasks; i++)
        if (include_tasks && !only_failed)
            ret->tasks[i].status.state = STATUS_RESTARTING;
    return CV_OK;
}

enum cv_rc
herder_task_restart(struct herder *h, const char *name, int task, struct herder_forward *forward,
                    struct cv_err *err)
{
    struct fake_connector *c;
    enum cv_rc rc;

    if (elsewhere(h, forward, &rc, err))
        return rc;
    if (find_or_fail(h, name, "Unknown connector: %s", &c, err) != CV_OK)
        return err->rc;
    if (task < 0 || task >= c->n_tasks)
        return cv_fail(err, CV_NOT_FOUND, "Unknown task: %s-%d", name, task);
    return CV_OK;
}

enum cv_rc
herder_offsets_get(struct herder *h, const char *name, struct cv_buf *ret_json, struct cv_err *err)
{
    struct fake_connector *c;

    if (find_or_fail(h, name, "Connector %s not found", &c, err) != CV_OK)
        return err->rc;
    cv_buf_str(ret_json, "{\"offsets\":[]}");
    return CV_OK;
}

enum cv_rc
herder_offsets_alter(struct herder *h, const char *name, const char *json, size_t len,
                     struct herder_forward *forward, struct cv_buf *ret_json, bool *ret_refused, struct cv_err *err)
{
    struct fake_connector *c;
    enum cv_rc rc;

    *ret_refused = false;
    if (elsewhere(h, forward, &rc, err))
        return rc;
    if (find_or_fail(h, name, "Connector %s not found", &c, err) != CV_OK)
        return err->rc;
    if (c->target == TARGET_STOPPED && json != NULL && strstr(json, "\"refused\"") != NULL) {
        *ret_refused = true;
        return cv_fail(err, CV_INVALID, "the connector does not want it");
    }
    if (c->target != TARGET_STOPPED)
        return cv_fail(
            err, CV_INVALID,
            "Connectors must be in the STOPPED state before their offsets can be modified.");
    (void)snprintf(h->offsets, sizeof(h->offsets), "%.*s", (int)len, json == NULL ? "" : json);
    cv_buf_printf(ret_json,
                  "{\"message\":\"The offsets for this connector have been %s successfully\"}",
                  json == NULL ? "reset" : "altered");
    return CV_OK;
}

enum cv_rc
herder_verify(struct herder *h, const char *algorithm, const char *signature, const char *body,
              size_t len, struct cv_err *err)
{
    (void)body;
    (void)len;
    if (planned(h, err) != CV_OK)
        return err->rc;
    if (!h->sessioned)
        return CV_OK;
    if (algorithm == NULL || signature == NULL)
        return cv_fail(err, CV_INVALID, "Internal request missing required signature");
    if (strcmp(algorithm, "HmacSHA256") != 0)
        return cv_fail(err, CV_INVALID,
                       "This worker does not support the '%s' key signing algorithm", algorithm);
    if (strcmp(signature, "good") != 0)
        return cv_fail(err, CV_FENCED, "Internal request contained invalid signature.");
    return CV_OK;
}

enum cv_rc
herder_task_configs_put(struct herder *h, const char *name, struct cv_config *const *configs,
                        size_t count, struct herder_forward *forward, struct cv_err *err)
{
    struct fake_connector *c;
    enum cv_rc rc;

    (void)configs;
    if (elsewhere(h, forward, &rc, err))
        return rc;
    if (find_or_fail(h, name, "Connector %s not found", &c, err) != CV_OK)
        return err->rc;
    c->n_tasks = (int)count;
    return CV_OK;
}

enum cv_rc
herder_fence(struct herder *h, const char *name, struct herder_forward *forward, struct cv_err *err)
{
    struct fake_connector *c;
    enum cv_rc rc;

    if (elsewhere(h, forward, &rc, err))
        return rc;
    return find_or_fail(h, name, "Connector %s not found", &c, err);
}

/* ---- validation: tasks.max and topic ---- */

static struct config_info *
add_row(struct config_infos *infos, const struct cv_config_def *def, const char *value)
{
    struct config_info *info;

    infos->items = realloc(infos->items, (infos->count + 1) * sizeof(*infos->items));
    info = &infos->items[infos->count++];
    *info = (struct config_info){ .name = strdup(def->name),
                                  .def = def,
                                  .value = value == NULL ? NULL : strdup(value),
                                  .order = def->order,
                                  .password = def->type == CV_CONFIG_PASSWORD };
    return info;
}

static void
add_error(struct config_infos *infos, struct config_info *info, const char *text)
{
    info->errors = realloc(info->errors, (info->n_errors + 1) * sizeof(char *));
    info->errors[info->n_errors++] = strdup(text);
    infos->error_count++;
}

enum cv_rc
herder_validate(struct herder *h, const struct cv_config *config, struct config_infos *ret,
                struct cv_err *err)
{
    const char *class_name = cv_config_get(config, "connector.class");
    const char *tasks_max = cv_config_get(config, "tasks.max");
    const struct cv_plugin *plugin;
    struct config_info *info;

    (void)h;
    if (class_name == NULL)
        return cv_fail(err, CV_INVALID, "Connector config {} contains no connector type");
    if (plugins_find(NULL, class_name, 1u << CV_SOURCE | 1u << CV_SINK, &plugin, err) != CV_OK)
        return cv_fail(err, CV_INVALID,
                       "Failed to find any class that implements Connector and which name matches "
                       "%s, available "
                       "connectors are: none",
                       class_name);
    ret->name = strdup(class_name);
    ret->groups = calloc(1, sizeof(char *));
    ret->groups[ret->n_groups++] = strdup("Common");
    info = add_row(ret, &tasks_max_def, tasks_max == NULL ? "1" : tasks_max);
    if (tasks_max != NULL && strcmp(tasks_max, "0") == 0)
        add_error(ret, info,
                  "Invalid value 0 for configuration tasks.max: Value must be at least 1");
    if (plugin->config == NULL)
        return CV_OK;
    for (const struct cv_config_def *def = plugin->config; def->name != NULL; def++) {
        info = add_row(ret, def, cv_config_get(config, def->name));
        if (def->required && info->value == NULL)
            add_error(ret, info,
                      "Missing required configuration \"topic\" which has no default value.");
    }
    return CV_OK;
}

void
config_infos_message(const struct config_infos *infos, struct cv_buf *out)
{
    cv_buf_printf(out, "Connector configuration is invalid and contains the following %d error(s):",
                  infos->error_count);
    for (size_t i = 0; i < infos->count; i++)
        for (size_t k = 0; k < infos->items[i].n_errors; k++)
            cv_buf_printf(out, "\n%s", infos->items[i].errors[k]);
    cv_buf_str(out, "\nYou can also find the above list of errors at the endpoint "
                    "`/connector-plugins/{connectorType}/config/validate`");
}

enum cv_rc
herder_plugin_rows(struct herder *h, const struct cv_plugin *plugin, struct config_infos *ret,
                   struct cv_err *err)
{
    if (planned(h, err) != CV_OK)
        return err->rc;
    for (const struct cv_config_def *def = plugin->config; def != NULL && def->name != NULL; def++)
        (void)add_row(ret, def, NULL);
    return CV_OK;
}

void
herder_about(struct herder *h, struct herder_about *ret)
{
    ret->worker_id = h->worker_id;
    ret->url = h->url;
    ret->cluster_id = "a-cluster";
}

enum cv_rc
herder_logger_set(struct herder *h, const char *name, const char *level, struct cv_err *err)
{
    if (planned(h, err) != CV_OK)
        return err->rc;
    (void)snprintf(h->logger, sizeof(h->logger), "%s=%s", name, level);
    return CV_OK;
}
