/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The config topic, followed. The topic's thread writes the state, every other thread reads it under the lock.
 *
 * Source: org.apache.kafka.connect.storage.KafkaConfigBackingStore.
 */
#include <config.h>

#include "worker/store/config_store_private.h"

#include <stdlib.h>
#include <string.h>

#include "common/json_read.h"
#include "common/kafka/topic_log.h"
#include "common/log.h"
#include "common/map.h"

#define SHOWN_KEY_MAX 256

/* ---- following the topic; the lock is held while a record is taken, and dropped for callbacks ---- */

static void
tell(const struct config_store *store, enum config_event event, const char *name)
{
    const struct config_listener *l = &store->listener;

    switch (event) {
    case CONFIG_EVENT_NEW:
    case CONFIG_EVENT_CHANGED:
        l->connector_changed(l->arg, name, event == CONFIG_EVENT_NEW);
        break;
    case CONFIG_EVENT_REMOVED:
        l->connector_removed(l->arg, name);
        break;
    case CONFIG_EVENT_TASKS:
        l->tasks_changed(l->arg, name);
        break;
    case CONFIG_EVENT_TARGET:
        l->target_changed(l->arg, name);
        break;
    case CONFIG_EVENT_SESSION:
        l->session_key_changed(l->arg);
        break;
    case CONFIG_EVENT_NONE:
        break;
    }
}

/* Restart and logger records are commands: they act once, and only on workers that are up. */
static void
on_command(struct config_store *store, enum config_key kind, const char *name, const struct cv_bytes *value,
           struct cv_err *err)
{
    const struct config_listener *l = &store->listener;
    struct cv_buf level = CV_BUF_INIT(64);
    bool include_tasks, only_failed;

    if (!atomic_load(&store->followed) || value->data == NULL)
        return;
    if (kind == CONFIG_KEY_RESTART) {
        if (config_read_restart(value->data, value->len, &include_tasks, &only_failed, err) == CV_OK)
            l->restart_requested(l->arg, name, include_tasks, only_failed);
    } else if (config_read_logger(value->data, value->len, &level, err) == CV_OK) {
        l->logger_changed(l->arg, name, cv_buf_cstr(&level));
    }
    cv_buf_free(&level);
}

/* What a Java worker could not decode either: the config offset does not count it, in all workers alike. */
static bool
is_json(const struct cv_bytes *value)
{
    struct cv_json_reader r;

    if (value->data == NULL)
        return true;
    cv_json_reader_init(&r, value->data, value->len);
    switch (cv_json_skip(&r)) {
    case CV_JSON_BAD:
    case CV_JSON_DONE:
        return false;
    default:
        return true;
    }
}

static void
warn(const struct config_store *store, const struct cv_consumed *rec, const struct cv_err *why)
{
    struct cv_buf key = CV_BUF_INIT(SHOWN_KEY_MAX);

    cv_buf_add(&key, rec->key.data, rec->key.len < SHOWN_KEY_MAX ? rec->key.len : SHOWN_KEY_MAX);
    CV_LOG_WARN(store->logger, "a record of the config topic is skipped", CV_STR("topic", rec->topic),
                CV_INT("partition", rec->partition), CV_INT("offset", rec->offset),
                CV_STR("key", cv_buf_cstr(&key)), CV_ERR(why));
    cv_buf_free(&key);
}

static void
on_record(void *arg, const struct cv_consumed *rec)
{
    struct config_store *store = arg;
    struct cv_buf name = CV_BUF_INIT(CV_PROPERTY_MAX);
    struct cv_err err = CV_ERR_INIT;
    enum config_key kind = CONFIG_KEY_UNKNOWN;
    enum config_event event;
    int32_t task = 0;

    if (!is_json(&rec->value)) {
        (void)cv_fail(&err, CV_INVALID, "the value is no JSON");
        warn(store, rec, &err);
        return;
    }
    if (rec->key.data != NULL)
        kind = config_key_parse(rec->key.data, rec->key.len, &name, &task);
    cv_lock(&store->lock);
    store->offset = rec->offset + 1;
    event = config_state_apply(&store->state, kind, cv_buf_cstr(&name), task, &rec->value, &err);
    atomic_fetch_add(&store->changes, 1); /* behind the change: who saw the old number may have seen either */
    cv_unlock(&store->lock);
    if (kind == CONFIG_KEY_RESTART || kind == CONFIG_KEY_LOGGER)
        on_command(store, kind, cv_buf_cstr(&name), &rec->value, &err);
    if (err.rc != CV_OK)
        warn(store, rec, &err);
    if (atomic_load(&store->followed))
        tell(store, event, cv_buf_cstr(&name));
    cv_buf_free(&name);
}

/* ---- start and end ---- */

enum cv_rc
config_store_start(const struct cv_topic_log_spec *topic, const struct config_listener *listener,
                   const atomic_bool *stop, struct config_store **ret, struct cv_err *err)
{
    struct config_store *store = calloc(1, sizeof(*store));
    struct cv_topic_log_spec spec = *topic;
    enum cv_rc rc;

    if (store == NULL)
        return cv_fail_memory(err);
    if (config_state_init(&store->state, err) != CV_OK) {
        free(store);
        return err->rc;
    }
    cv_lock_init(&store->lock, CV_RANK_STORE);
    store->listener = *listener;
    store->logger = cv_log_get("culvert.worker.config_store");
    store->offset = -1;
    spec.handler = on_record;
    spec.arg = store;
    spec.max_partitions = 1;
    rc = cv_topic_log_start(&spec, stop, &store->log, err);
    if (rc != CV_OK) {
        config_store_free(store, 0);
        return rc;
    }
    atomic_store(&store->followed, true);
    *ret = store;
    return CV_OK;
}

void
config_store_free(struct config_store *store, int wait_ms)
{
    if (store == NULL)
        return;
    config_store_leader_close(store);
    cv_topic_log_free(store->log, wait_ms);
    config_state_done(&store->state);
    cv_lock_done(&store->lock);
    free(store);
}

/* ---- reading ---- */

/* The lock does not change what a const store says. */
static struct cv_lock *
lock_of(const struct config_store *store)
{
    return &((struct config_store *)(uintptr_t)store)->lock;
}

uint64_t
config_store_changes(const struct config_store *store)
{
    return atomic_load(&store->changes);
}

int64_t
config_store_offset(const struct config_store *store)
{
    int64_t offset;

    cv_lock(lock_of(store));
    offset = store->offset;
    cv_unlock(lock_of(store));
    return offset;
}

enum cv_rc
config_store_read_to_end(struct config_store *store, int timeout_ms, struct cv_err *err)
{
    return cv_topic_log_read_to_end(store->log, timeout_ms, err);
}

enum cv_rc
config_store_names(const struct config_store *store, char ***ret, size_t *ret_count, struct cv_err *err)
{
    struct cv_hash_entry at;
    size_t i = 0, count = 0;
    char **names;

    cv_lock(lock_of(store));
    names = calloc(cv_hash_count(store->state.entries) + 1, sizeof(*names));
    while (names != NULL && cv_hash_next(store->state.entries, &i, &at)) {
        const struct config_entry *e = at.value;

        if (e->config != NULL && (names[count] = strdup(e->name)) != NULL)
            count++;
    }
    cv_unlock(lock_of(store));
    if (names == NULL)
        return cv_fail_memory(err);
    *ret = names;
    *ret_count = count;
    return CV_OK;
}

bool
config_store_is_empty(const struct config_store *store)
{
    struct cv_hash_entry at;
    bool empty = true;
    size_t i = 0;

    cv_lock(lock_of(store));
    while (empty && cv_hash_next(store->state.entries, &i, &at))
        empty = ((const struct config_entry *)at.value)->config == NULL;
    cv_unlock(lock_of(store));
    return empty;
}

bool
config_store_has(const struct config_store *store, const char *name)
{
    const struct config_entry *e;
    bool has;

    cv_lock(lock_of(store));
    e = config_state_find(&store->state, name);
    has = e != NULL && e->config != NULL;
    cv_unlock(lock_of(store));
    return has;
}

enum cv_rc
config_store_connector(const struct config_store *store, const char *name, struct cv_config **ret,
                       struct cv_err *err)
{
    const struct config_entry *e;
    struct cv_config *copy = NULL;
    bool has;

    cv_lock(lock_of(store));
    e = config_state_find(&store->state, name);
    has = e != NULL && e->config != NULL;
    if (has)
        copy = cv_config_copy(e->config);
    cv_unlock(lock_of(store));
    if (!has)
        return cv_fail(err, CV_NOT_FOUND, "Connector %s not found", name);
    if (copy == NULL)
        return cv_fail_memory(err);
    *ret = copy;
    return CV_OK;
}

enum target_state
config_store_target(const struct config_store *store, const char *name)
{
    const struct config_entry *e;
    enum target_state target;

    cv_lock(lock_of(store));
    e = config_state_find(&store->state, name);
    target = e != NULL ? e->target : TARGET_STARTED;
    cv_unlock(lock_of(store));
    return target;
}

int
config_store_task_count(const struct config_store *store, const char *name)
{
    size_t count;

    cv_lock(lock_of(store));
    count = config_entry_tasks(config_state_find(&store->state, name));
    cv_unlock(lock_of(store));
    return (int)count;
}

bool
config_store_knows_task(const struct config_store *store, const char *name, int task)
{
    const struct config_entry *e;
    bool known;

    cv_lock(lock_of(store));
    e = config_state_find(&store->state, name);
    known = e != NULL && task >= 0 && (size_t)task < e->known_tasks;
    cv_unlock(lock_of(store));
    return known;
}

enum cv_rc
config_store_task(const struct config_store *store, const char *name, int task, struct cv_config **ret,
                  struct cv_err *err)
{
    const struct config_entry *e;
    struct cv_config *copy = NULL;
    bool has;

    cv_lock(lock_of(store));
    e = config_state_find(&store->state, name);
    has = task >= 0 && (size_t)task < config_entry_tasks(e);
    if (has)
        copy = cv_config_copy(e->tasks.items[task]);
    cv_unlock(lock_of(store));
    if (!has)
        return cv_fail(err, CV_NOT_FOUND, "Unknown task: %s-%d", name, task);
    if (copy == NULL)
        return cv_fail_memory(err);
    *ret = copy;
    return CV_OK;
}

bool
config_store_is_applied(const struct config_store *store, const char *name)
{
    const struct config_entry *e;
    bool applied;

    cv_lock(lock_of(store));
    e = config_state_find(&store->state, name);
    applied = e != NULL && e->config != NULL && e->applied != NULL && cv_config_equal(e->config, e->applied);
    cv_unlock(lock_of(store));
    return applied;
}

void
config_store_fencing(const struct config_store *store, const char *name, struct config_fencing *ret)
{
    const struct config_entry *e;

    cv_lock(lock_of(store));
    e = config_state_find(&store->state, name);
    *ret = e == NULL ? (struct config_fencing){ .recorded = -1, .generation = -1 }
                     : (struct config_fencing){ .pending = e->pending_fencing,
                                                .recorded = e->fencing_count,
                                                .tasks = (int)config_entry_tasks(e),
                                                .generation = e->generation };
    cv_unlock(lock_of(store));
}

enum cv_rc
config_store_units(const struct config_store *store, struct group_config *ret, struct cv_err *err)
{
    struct cv_hash_entry at;
    size_t i = 0;
    bool ok = true;

    cv_lock(lock_of(store));
    ret->offset = store->offset;
    while (ok && cv_hash_next(store->state.entries, &i, &at)) {
        const struct config_entry *e = at.value;

        if (e->config == NULL)
            continue;
        ok = group_work_add(&ret->units, e->name, GROUP_CONNECTOR);
        for (size_t t = 0; ok && t < config_entry_tasks(e); t++)
            ok = group_work_add(&ret->units, e->name, (int32_t)t);
    }
    cv_unlock(lock_of(store));
    return ok ? CV_OK : cv_fail_memory(err);
}

bool
config_store_session_key(const struct config_store *store, struct session_key *ret)
{
    bool has;

    cv_lock(lock_of(store));
    has = store->state.has_session;
    if (has)
        *ret = store->state.session;
    cv_unlock(lock_of(store));
    return has;
}

bool
config_store_was_created(const struct config_store *store)
{
    return cv_topic_log_was_created(store->log);
}

enum cv_rc
config_store_check(struct config_store *store, struct cv_err *err)
{
    return cv_topic_log_check(store->log, err);
}
