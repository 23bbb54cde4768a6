/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The config topic's state.
 *
 * Task configs arrive as single records and count only when a commit record follows whose number they complete;
 * until then they wait as "deferred". A commit that is not complete leaves the connector inconsistent: it has no
 * tasks until a later one is.
 *
 * Source: org.apache.kafka.connect.storage.KafkaConfigBackingStore.
 */
#include <config.h>

#include "worker/store/config_state.h"

#include <stdlib.h>
#include <string.h>

#include "common/map.h"

#define TASKS_MAX 100000 /* of one connector: what a corrupted key cannot make us allocate */

static void
task_set_done(struct task_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        cv_config_free(set->items[i]);
    free(set->items);
    *set = (struct task_set){ 0 };
}

static bool
task_set_put(struct task_set *set, size_t n, struct cv_config *take_cfg)
{
    if (n >= set->count) {
        struct cv_config **items = realloc(set->items, (n + 1) * sizeof(*items));

        if (items == NULL)
            return false;
        memset(items + set->count, 0, (n + 1 - set->count) * sizeof(*items));
        set->items = items;
        set->count = n + 1;
    }
    cv_config_free(set->items[n]);
    set->items[n] = take_cfg;
    return true;
}

static void
config_entry_free(void *arg)
{
    struct config_entry *e = arg;

    if (e == NULL)
        return;
    cv_config_free(e->config);
    cv_config_free(e->applied);
    task_set_done(&e->tasks);
    task_set_done(&e->deferred);
    free(e->name);
    free(e);
}

struct config_entry *
config_state_find(const struct config_state *state, const char *name)
{
    return cv_hash_get(state->entries, name);
}

static struct config_entry *
find_or_add(struct config_state *state, const char *name)
{
    struct config_entry *e = config_state_find(state, name);

    if (e != NULL)
        return e;
    e = calloc(1, sizeof(*e));
    if (e == NULL || (e->name = strdup(name)) == NULL || !cv_hash_put(state->entries, name, e)) {
        config_entry_free(e);
        return NULL;
    }
    e->fencing_count = e->generation = -1;
    return e;
}

enum cv_rc
config_state_init(struct config_state *state, struct cv_err *err)
{
    *state = (struct config_state){ .entries = cv_hash_new(config_entry_free) };
    return state->entries != NULL ? CV_OK : cv_fail_memory(err);
}

void
config_state_done(struct config_state *state)
{
    cv_hash_free(state->entries);
    state->entries = NULL;
}

size_t
config_entry_tasks(const struct config_entry *e)
{
    return e == NULL || e->config == NULL || e->inconsistent ? 0 : e->tasks.count;
}

/* ---- records ---- */

static enum config_event
on_connector(struct config_state *state, const char *name, const struct cv_bytes *value, struct cv_err *err)
{
    struct config_entry *e = find_or_add(state, name);
    struct cv_config *cfg;
    bool is_new;

    if (e == NULL)
        return CONFIG_EVENT_NONE;
    if (value->data == NULL) {
        is_new = e->config == NULL;
        cv_config_free(e->config);
        cv_config_free(e->applied);
        e->config = e->applied = NULL;
        task_set_done(&e->tasks);
        task_set_done(&e->deferred);
        e->known_tasks = 0;
        return is_new ? CONFIG_EVENT_NONE : CONFIG_EVENT_REMOVED;
    }
    if (config_read_properties(value->data, value->len, &cfg, err) != CV_OK)
        return CONFIG_EVENT_NONE;
    is_new = e->config == NULL;
    cv_config_free(e->config);
    e->config = cfg;
    return is_new ? CONFIG_EVENT_NEW : CONFIG_EVENT_CHANGED;
}

static enum config_event
on_target(struct config_state *state, const char *name, const struct cv_bytes *value, struct cv_err *err)
{
    struct config_entry *e = find_or_add(state, name);
    enum target_state target = TARGET_STARTED;

    if (e == NULL || (value->data != NULL && config_read_target(value->data, value->len, &target, err) != CV_OK))
        return CONFIG_EVENT_NONE;
    if (target == e->target)
        return CONFIG_EVENT_NONE;
    e->target = target;
    return e->config != NULL ? CONFIG_EVENT_TARGET : CONFIG_EVENT_NONE;
}

static enum config_event
on_task(struct config_state *state, const char *name, int32_t task, const struct cv_bytes *value,
        struct cv_err *err)
{
    struct config_entry *e = find_or_add(state, name);
    struct cv_config *cfg;

    if (e == NULL)
        return CONFIG_EVENT_NONE;
    if (value->data == NULL || task >= TASKS_MAX) {
        (void)cv_fail(err, CV_INVALID, value->data == NULL ? "a task config cannot be deleted"
                                                           : "no connector has so many tasks");
        return CONFIG_EVENT_NONE;
    }
    if (config_read_properties(value->data, value->len, &cfg, err) != CV_OK)
        return CONFIG_EVENT_NONE;
    if (!task_set_put(&e->deferred, (size_t)task, cfg))
        cv_config_free(cfg);
    return CONFIG_EVENT_NONE;
}

/* Whether 0..n-1 are there; what is beyond them is left over from compaction. */
static bool
is_complete(const struct task_set *set, size_t n)
{
    if (set->count < n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (set->items[i] == NULL)
            return false;
    return true;
}

static enum config_event
on_commit(struct config_state *state, const char *name, const struct cv_bytes *value, struct cv_err *err)
{
    struct config_entry *e = find_or_add(state, name);
    int64_t n;

    if (e == NULL)
        return CONFIG_EVENT_NONE;
    if (value->data == NULL) {
        (void)cv_fail(err, CV_INVALID, "a commit cannot be deleted");
        return CONFIG_EVENT_NONE;
    }
    if (config_read_count(value->data, value->len, "tasks", &n, err) != CV_OK)
        return CONFIG_EVENT_NONE;
    if (e->config == NULL) { /* deleted and compacted away */
        task_set_done(&e->tasks);
        task_set_done(&e->deferred);
        return CONFIG_EVENT_NONE;
    }
    e->pending_fencing = true;
    if (!is_complete(&e->deferred, (size_t)n)) {
        e->inconsistent = true;
        task_set_done(&e->deferred);
        return CONFIG_EVENT_TASKS;
    }
    for (size_t i = (size_t)n; i < e->deferred.count; i++)
        cv_config_free(e->deferred.items[i]);
    if (e->deferred.count > (size_t)n)
        e->deferred.count = (size_t)n;
    task_set_done(&e->tasks);
    e->tasks = e->deferred;
    e->deferred = (struct task_set){ 0 };
    if (e->tasks.count > e->known_tasks)
        e->known_tasks = e->tasks.count;
    e->inconsistent = false;
    e->generation++;
    cv_config_free(e->applied);
    e->applied = cv_config_copy(e->config);
    return CONFIG_EVENT_TASKS;
}

static enum config_event
on_fencing(struct config_state *state, const char *name, const struct cv_bytes *value, struct cv_err *err)
{
    struct config_entry *e;
    int64_t n;

    if (value->data == NULL) {
        (void)cv_fail(err, CV_INVALID, "a count of tasks cannot be deleted");
        return CONFIG_EVENT_NONE;
    }
    if (config_read_count(value->data, value->len, "task-count", &n, err) != CV_OK)
        return CONFIG_EVENT_NONE;
    if (n < 0 || n > TASKS_MAX) {
        (void)cv_fail(err, CV_INVALID, "a count of %lld tasks cannot be", (long long)n);
        return CONFIG_EVENT_NONE;
    }
    e = find_or_add(state, name);
    if (e == NULL) {
        (void)cv_fail_memory(err);
        return CONFIG_EVENT_NONE;
    }
    e->fencing_count = n;
    e->pending_fencing = false;
    return CONFIG_EVENT_NONE;
}

enum config_event
config_state_apply(struct config_state *state, enum config_key kind, const char *name, int32_t task,
      const struct cv_bytes *value, struct cv_err *err)
{
    switch (kind) {
    case CONFIG_KEY_CONNECTOR:
        return on_connector(state, name, value, err);
    case CONFIG_KEY_TARGET:
        return on_target(state, name, value, err);
    case CONFIG_KEY_TASK:
        return on_task(state, name, task, value, err);
    case CONFIG_KEY_COMMIT:
        return on_commit(state, name, value, err);
    case CONFIG_KEY_FENCING:
        return on_fencing(state, name, value, err);
    case CONFIG_KEY_SESSION:
        if (value->data == NULL)
            (void)cv_fail(err, CV_INVALID, "the session key cannot be deleted");
        if (value->data == NULL ||
            config_read_session_key(value->data, value->len, &state->session, err) != CV_OK)
            return CONFIG_EVENT_NONE;
        state->has_session = true;
        return CONFIG_EVENT_SESSION;
    case CONFIG_KEY_UNKNOWN:
        (void)cv_fail(err, CV_INVALID, "no worker writes such a key");
        return CONFIG_EVENT_NONE;
    default:
        return CONFIG_EVENT_NONE;
    }
}
