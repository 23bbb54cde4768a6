/* SPDX-License-Identifier: Apache-2.0 */
/*
 * StandaloneHerder does things before it answers that a distributed herder leaves to its next turns. Here the same
 * turns do them; what is asked waits until the loop finds it done.
 *
 * Source: org.apache.kafka.connect.runtime.standalone.StandaloneHerder, org.apache.kafka.connect.cli.ConnectStandalone.
 */
#include <config.h>

#include "worker/standalone.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/json_read.h"
#include "common/log.h"
#include "common/map.h"
#include "common/properties.h"
#include "data/json.h"
#include "worker/herder_private.h"

#define START_WAIT_MS 1000

/* ---- waiting for effects ---- */

bool
standalone_is(const struct herder *h)
{
    return h->spec.config->mode == WORKER_STANDALONE;
}

/* The loop has yet to act on something that concerns the connector. The lock is held. */
static bool
is_pending(const struct herder *h, const char *name)
{
    const struct config_events *events = &h->events;

    return events->rebalance_needed || h->assignment_pending || member_rejoin_pending(h->member) ||
           cv_hash_get(events->connectors, name) != NULL || cv_hash_get(events->tasks, name) != NULL ||
           cv_hash_get(events->targets, name) != NULL || cv_hash_get(events->restarts, name) != NULL;
}

static bool
has_started(struct herder *h, const void *arg)
{
    const char *name = arg;
    const struct running_connector *c = cv_hash_get(h->connectors, name);

    if (is_pending(h, name))
        return false;
    if (c == NULL || c->state != STATUS_RUNNING)
        return true; /* deleted meanwhile, paused, stopped or failed */
    if (c->tasks_due_ms != 0 || !config_store_is_applied(h->configs, name))
        return false;
    for (int i = 0; i < config_store_task_count(h->configs, name); i++)
        if (!herder_runs_task(h, name, i))
            return false;
    return true;
}

static enum cv_rc
tell_started(struct herder *h, void *arg, struct cv_err *err)
{
    const char *name = arg;
    const struct running_connector *c = cv_hash_get(h->connectors, name);
    struct status status = { 0 };
    struct cv_err ignored;

    if (c == NULL || c->state != STATUS_FAILED)
        return CV_OK;
    status_store_flush(h->statuses, HERDER_HEALTH_TIMEOUT_MS);
    if (status_store_get(h->statuses, name, STATUS_CONNECTOR, &status, &ignored) != CV_OK || status.trace == NULL)
        return cv_fail(err, CV_INTERNAL, "Failed to start connector: %s", name);
    (void)cv_fail(err, CV_INTERNAL, "Failed to start connector: %s: %.*s", name, (int)strcspn(status.trace, "\n"),
                  status.trace);
    status_done(&status);
    return CV_INTERNAL;
}

enum cv_rc
standalone_wait_started(struct herder *h, const char *name, struct cv_err *err)
{
    return herder_call_when(h, has_started, tell_started, (void *)(uintptr_t)name, HERDER_REQUEST_TIMEOUT_MS, err);
}

static bool
is_gone(struct herder *h, const void *arg)
{
    const char *name = arg;
    struct cv_hash_entry at;
    size_t i = 0;

    if (is_pending(h, name) || herder_runs_connector(h, name))
        return false;
    while (cv_hash_next(h->tasks, &i, &at))
        if (strcmp(((const struct running_task *)at.value)->connector, name) == 0)
            return false;
    return true;
}

/* Statuses are handed to their store's thread: they are to be seen when the answer is. */
static enum cv_rc
flush_statuses(struct herder *h, void *arg, struct cv_err *err)
{
    (void)arg;
    (void)err;
    status_store_flush(h->statuses, HERDER_HEALTH_TIMEOUT_MS);
    return CV_OK;
}

enum cv_rc
standalone_wait_gone(struct herder *h, const char *name, struct cv_err *err)
{
    return herder_call_when(h, is_gone, flush_statuses, (void *)(uintptr_t)name, HERDER_REQUEST_TIMEOUT_MS, err);
}

static bool
has_restarted(struct herder *h, const void *arg)
{
    return cv_hash_get(h->events.restarts, arg) == NULL;
}

enum cv_rc
standalone_wait_restarted(struct herder *h, const char *name, struct cv_err *err)
{
    return herder_call_when(h, has_restarted, flush_statuses, (void *)(uintptr_t)name, HERDER_REQUEST_TIMEOUT_MS, err);
}

/* ---- connector files ---- */

void
connector_file_done(struct connector_file *file)
{
    free(file->name);
    cv_config_free(file->config);
    *file = (struct connector_file){ 0 };
}

static const struct cv_value *
member(const struct cv_value *map, const char *name)
{
    for (uint32_t i = 0; i < map->map.count; i++) {
        const struct cv_bytes *key = &map->map.entries[i].key.bytes;

        if (key->len == strlen(name) && memcmp(key->data, name, key->len) == 0)
            return &map->map.entries[i].value;
    }
    return NULL;
}

static enum cv_rc
put_member(struct cv_config *cfg, const struct cv_map_entry *entry, struct cv_err *err)
{
    struct cv_buf key = CV_BUF_INIT(CV_PROPERTIES_MAX), value = CV_BUF_INIT(CV_PROPERTIES_MAX);
    enum cv_rc rc;

    cv_buf_add(&key, entry->key.bytes.data, entry->key.bytes.len);
    if (entry->value.is_null)
        ; /* stays a null */
    else if (entry->value.type == CV_STRING)
        cv_buf_add(&value, entry->value.bytes.data, entry->value.bytes.len);
    else
        cv_connect_json_write(&value, &entry->value);
    rc = cv_buf_check(&key, err);
    if (rc == CV_OK)
        rc = cv_buf_check(&value, err);
    if (rc == CV_OK && (entry->value.type == CV_MAP || entry->value.type == CV_ARRAY) && !entry->value.is_null)
        rc = cv_fail(err, CV_INVALID, "\"%s\" has a value that is no string", cv_buf_cstr(&key));
    if (rc == CV_OK)
        rc = cv_config_set(cfg, cv_buf_cstr(&key), entry->value.is_null ? NULL : cv_buf_cstr(&value), err);
    cv_buf_free(&key);
    cv_buf_wipe(&value);
    return rc;
}

static enum cv_rc
read_state(const struct cv_value *state, struct connector_file *ret, struct cv_err *err)
{
    static const struct {
        const char *name;
        enum target_state target;
    } states[] = { { "RUNNING", TARGET_STARTED }, { "PAUSED", TARGET_PAUSED }, { "STOPPED", TARGET_STOPPED } };

    for (size_t i = 0; state->type == CV_STRING && i < CV_COUNT(states); i++)
        if (state->bytes.len == strlen(states[i].name) &&
            strncasecmp(state->bytes.data, states[i].name, state->bytes.len) == 0) {
            ret->has_target = true;
            ret->target = states[i].target;
            return CV_OK;
        }
    return cv_fail(err, CV_INVALID, "\"initial_state\" must be RUNNING, PAUSED or STOPPED");
}

/* {"name", "config", "initial_state"}, or the configuration itself. */
static enum cv_rc
read_object(const struct cv_value *object, struct connector_file *ret, struct cv_err *err)
{
    const struct cv_value *config = member(object, "config"), *name = member(object, "name"), *state;
    const char *inside;
    enum cv_rc rc = CV_OK;

    if (config == NULL || config->is_null || config->type != CV_MAP) {
        for (uint32_t i = 0; rc == CV_OK && i < object->map.count; i++)
            rc = put_member(ret->config, &object->map.entries[i], err);
        return rc;
    }
    for (uint32_t i = 0; rc == CV_OK && i < config->map.count; i++)
        rc = put_member(ret->config, &config->map.entries[i], err);
    state = member(object, "initial_state");
    if (rc == CV_OK && state != NULL && !state->is_null)
        rc = read_state(state, ret, err);
    if (rc != CV_OK || name == NULL || name->is_null || name->type != CV_STRING)
        return rc;
    ret->name = strndup(name->bytes.data, name->bytes.len);
    if (ret->name == NULL)
        return cv_fail_memory(err);
    inside = cv_config_get(ret->config, "name");
    if (inside != NULL && strcmp(inside, ret->name) != 0)
        return cv_fail(err, CV_INVALID, "\"name\" is \"%s\" and \"config\" names \"%s\"; give one name", ret->name,
                       inside);
    return cv_config_set(ret->config, "name", ret->name, err);
}

static enum cv_rc
read_json(const char *text, size_t len, struct connector_file *ret, struct cv_err *err)
{
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_value object;
    enum cv_rc rc;

    if (arena == NULL)
        return cv_fail_memory(err);
    rc = cv_connect_json_read(text, len, arena, &object, err);
    if (rc == CV_OK && (object.is_null || object.type != CV_MAP))
        rc = cv_fail(err, CV_INVALID, "it is no JSON object");
    if (rc == CV_OK)
        rc = read_object(&object, ret, err);
    cv_arena_free(arena);
    return rc;
}

static enum cv_rc
read_text(const char *path, struct cv_buf *out, struct cv_err *err)
{
    FILE *in = fopen(path, "re");
    char chunk[4096];
    size_t n;

    if (in == NULL)
        return cv_fail_errno(err, CV_INVALID, errno, "cannot open");
    while ((n = fread(chunk, 1, sizeof(chunk), in)) > 0)
        cv_buf_add(out, chunk, n);
    if (ferror(in)) {
        (void)cv_fail_errno(err, CV_INVALID, errno, "cannot read");
        (void)fclose(in);
        return err->rc;
    }
    (void)fclose(in);
    return cv_buf_check(out, err);
}

enum cv_rc
connector_file_read(const char *path, struct connector_file *ret, struct cv_err *err)
{
    struct connector_file file = { .config = cv_config_new() };
    struct cv_buf text = CV_BUF_INIT(CV_PROPERTIES_MAX);
    const char *name;
    enum cv_rc rc = file.config == NULL ? cv_fail_memory(err) : read_text(path, &text, err);

    if (rc == CV_OK) {
        if (cv_buf_cstr(&text)[strspn(cv_buf_cstr(&text), " \t\r\n")] == '{')
            rc = read_json(cv_buf_cstr(&text), text.len, &file, err);
        else
            rc = cv_properties_parse(cv_buf_cstr(&text), text.len, file.config, err);
    }
    if (rc == CV_OK && file.name == NULL) {
        name = cv_config_get(file.config, "name");
        if (name == NULL || name[0] == '\0')
            rc = cv_fail(err, CV_INVALID, "it has no \"name\"; give the connector one");
        else if ((file.name = strdup(name)) == NULL)
            rc = cv_fail_memory(err);
    }
    cv_buf_wipe(&text);
    if (rc == CV_OK) {
        *ret = file;
        return CV_OK;
    }
    connector_file_done(&file);
    return cv_err_context(err, "connector file \"%s\"", path);
}

/* ---- creating them ---- */

static enum cv_rc
nothing(struct herder *h, void *arg, struct cv_err *err)
{
    (void)h;
    (void)arg;
    (void)err;
    return CV_OK;
}

/* Until the worker has started: Kafka may be away. */
static enum cv_rc
wait_ready(struct herder *h, bool (*stopped)(void), struct cv_err *err)
{
    enum cv_rc rc;

    while ((rc = herder_call(h, nothing, NULL, START_WAIT_MS, err)) == CV_RETRY)
        if (stopped())
            return cv_fail(err, CV_FENCED, "stopped before the connectors were created");
    return rc;
}

static enum cv_rc
check_valid(struct herder *h, const struct cv_config *config, struct cv_err *err)
{
    struct cv_buf text = CV_BUF_INIT(sizeof(err->text));
    struct config_infos infos = { 0 };
    enum cv_rc rc = herder_validate(h, config, &infos, err);

    for (size_t i = 0; rc == CV_OK && i < infos.count; i++)
        for (size_t e = 0; e < infos.items[i].n_errors; e++)
            cv_buf_printf(&text, "%s%s", text.len > 0 ? "; " : "", infos.items[i].errors[e]);
    if (rc == CV_OK && infos.error_count > 0)
        rc = cv_fail(err, CV_INVALID, "the configuration is invalid: %s", cv_buf_cstr(&text));
    config_infos_done(&infos);
    cv_buf_free(&text);
    return rc;
}

static enum cv_rc
create_one(struct herder *h, const char *path, struct cv_err *err)
{
    struct connector_file file;
    struct connector_info info = { 0 };
    bool created;
    enum cv_rc rc = connector_file_read(path, &file, err);

    if (rc != CV_OK)
        return rc;
    rc = check_valid(h, file.config, err);
    if (rc == CV_OK)
        rc = herder_connector_put(h, file.name, file.config, file.has_target ? &file.target : NULL, false, NULL,
                                  &created, &info, err);
    if (rc == CV_OK)
        CV_LOG_INFO(h->log, "connector created", CV_STR("connector", file.name), CV_STR("file", path));
    else
        (void)cv_err_context(err, "connector file \"%s\"", path);
    connector_info_done(&info);
    connector_file_done(&file);
    return rc;
}

enum cv_rc
standalone_create(struct herder *h, char *const *files, size_t count, bool (*stopped)(void), struct cv_err *err)
{
    enum cv_rc rc = wait_ready(h, stopped, err);

    for (size_t i = 0; rc == CV_OK && i < count; i++)
        rc = create_one(h, files[i], err);
    return rc;
}
