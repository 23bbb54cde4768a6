/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The config topic's state.
 *
 * Task configs arrive as single records and count only when a commit record follows whose number they complete;
 * until then they wait as "deferred". A commit that is not complete leaves the connector inconsistent: it has no
 * tasks until a later one is. The topic's thread writes the state, every other thread reads it under the lock.
 *
 * Source: org.apache.kafka.connect.storage.KafkaConfigBackingStore.
 */
#include <config.h>

#include "worker/store/config_store.h"

#include <stdlib.h>
#include <string.h>

#include "common/json_read.h"
#include "common/kafka/producer.h"
#include "common/kafka/topic_log.h"
#include "common/log.h"
#include "common/map.h"
#include "common/thread.h"
#include "data/java_order.h"

#define WRITE_TIMEOUT_MS 30000
#define RECORD_MAX       ((size_t)16 << 20)
#define TASKS_MAX        100000 /* of one connector: what a corrupted key cannot make us allocate */
#define SHOWN_KEY_MAX    256

struct task_set {
    struct cv_config **items; /* by number; NULL: not there */
    size_t count;
};

/* What the topic says of one connector; an entry outlives the connector's removal, as in Java. */
struct entry {
    char *name;
    struct cv_config *config; /* NULL: no such connector */
    enum target_state target;
    struct task_set tasks;    /* committed */
    struct task_set deferred;
    size_t known_tasks;        /* the most that were ever committed */
    struct cv_config *applied; /* the config at the last complete commit */
    bool inconsistent;
    bool pending_fencing;
    int64_t fencing_count; /* -1: no record of it */
    int generation;        /* of the committed tasks; -1: none */
};

struct config_store {
    struct cv_topic_log *log;
    struct config_listener listener;
    struct cv_log *logger;
    atomic_bool followed;

    struct cv_lock lock;
    struct cv_hash *entries; /* struct entry by name */
    int64_t offset;
    struct session_key session;
    bool has_session;
    _Atomic uint64_t changes;

    /* the herder's thread */
    config_leader_producer *make_leader; /* NULL: leaders write without transactions, or this is none */
    void *make_leader_arg;
    struct cv_producer *leader; /* NULL: to be made */
    struct cv_producer_topic *leader_topic;
    bool in_transaction; /* one of several records */
};

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
entry_free(void *arg)
{
    struct entry *e = arg;

    if (e == NULL)
        return;
    cv_config_free(e->config);
    cv_config_free(e->applied);
    task_set_done(&e->tasks);
    task_set_done(&e->deferred);
    free(e->name);
    free(e);
}

static struct entry *
find(const struct config_store *store, const char *name)
{
    return cv_hash_get(store->entries, name);
}

static struct entry *
find_or_add(struct config_store *store, const char *name)
{
    struct entry *e = find(store, name);

    if (e != NULL)
        return e;
    e = calloc(1, sizeof(*e));
    if (e == NULL || (e->name = strdup(name)) == NULL || !cv_hash_put(store->entries, name, e)) {
        entry_free(e);
        return NULL;
    }
    e->fencing_count = e->generation = -1;
    return e;
}

/* ---- following the topic; the lock is held in on_* and dropped for callbacks ---- */

enum event { EVENT_NONE, EVENT_NEW, EVENT_CHANGED, EVENT_REMOVED, EVENT_TASKS, EVENT_TARGET, EVENT_SESSION };

static enum event
on_connector(struct config_store *store, const char *name, const struct cv_bytes *value, struct cv_err *err)
{
    struct entry *e = find_or_add(store, name);
    struct cv_config *cfg;
    bool is_new;

    if (e == NULL)
        return EVENT_NONE;
    if (value->data == NULL) {
        is_new = e->config == NULL;
        cv_config_free(e->config);
        cv_config_free(e->applied);
        e->config = e->applied = NULL;
        task_set_done(&e->tasks);
        task_set_done(&e->deferred);
        e->known_tasks = 0;
        return is_new ? EVENT_NONE : EVENT_REMOVED;
    }
    if (config_read_properties(value->data, value->len, &cfg, err) != CV_OK)
        return EVENT_NONE;
    is_new = e->config == NULL;
    cv_config_free(e->config);
    e->config = cfg;
    return is_new ? EVENT_NEW : EVENT_CHANGED;
}

static enum event
on_target(struct config_store *store, const char *name, const struct cv_bytes *value, struct cv_err *err)
{
    struct entry *e = find_or_add(store, name);
    enum target_state target = TARGET_STARTED;

    if (e == NULL || (value->data != NULL && config_read_target(value->data, value->len, &target, err) != CV_OK))
        return EVENT_NONE;
    if (target == e->target)
        return EVENT_NONE;
    e->target = target;
    return e->config != NULL ? EVENT_TARGET : EVENT_NONE;
}

static enum event
on_task(struct config_store *store, const char *name, int32_t task, const struct cv_bytes *value,
        struct cv_err *err)
{
    struct entry *e = find_or_add(store, name);
    struct cv_config *cfg;

    if (e == NULL)
        return EVENT_NONE;
    if (value->data == NULL || task >= TASKS_MAX) {
        (void)cv_fail(err, CV_INVALID, value->data == NULL ? "a task config cannot be deleted"
                                                           : "no connector has so many tasks");
        return EVENT_NONE;
    }
    if (config_read_properties(value->data, value->len, &cfg, err) != CV_OK)
        return EVENT_NONE;
    if (!task_set_put(&e->deferred, (size_t)task, cfg))
        cv_config_free(cfg);
    return EVENT_NONE;
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

static enum event
on_commit(struct config_store *store, const char *name, const struct cv_bytes *value, struct cv_err *err)
{
    struct entry *e = find_or_add(store, name);
    int64_t n;

    if (e == NULL)
        return EVENT_NONE;
    if (value->data == NULL) {
        (void)cv_fail(err, CV_INVALID, "a commit cannot be deleted");
        return EVENT_NONE;
    }
    if (config_read_count(value->data, value->len, "tasks", &n, err) != CV_OK)
        return EVENT_NONE;
    if (e->config == NULL) { /* deleted and compacted away */
        task_set_done(&e->tasks);
        task_set_done(&e->deferred);
        return EVENT_NONE;
    }
    e->pending_fencing = true;
    if (!is_complete(&e->deferred, (size_t)n)) {
        e->inconsistent = true;
        task_set_done(&e->deferred);
        return EVENT_TASKS;
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
    return EVENT_TASKS;
}

static enum event
on_fencing(struct config_store *store, const char *name, const struct cv_bytes *value, struct cv_err *err)
{
    struct entry *e;
    int64_t n;

    if (value->data == NULL) {
        (void)cv_fail(err, CV_INVALID, "a count of tasks cannot be deleted");
        return EVENT_NONE;
    }
    if (config_read_count(value->data, value->len, "task-count", &n, err) != CV_OK)
        return EVENT_NONE;
    if (n < 0 || n > TASKS_MAX) {
        (void)cv_fail(err, CV_INVALID, "a count of %lld tasks cannot be", (long long)n);
        return EVENT_NONE;
    }
    e = find_or_add(store, name);
    if (e == NULL) {
        (void)cv_fail_memory(err);
        return EVENT_NONE;
    }
    e->fencing_count = n;
    e->pending_fencing = false;
    return EVENT_NONE;
}

static void
tell(const struct config_store *store, enum event event, const char *name)
{
    const struct config_listener *l = &store->listener;

    switch (event) {
    case EVENT_NEW:
    case EVENT_CHANGED:
        l->connector_changed(l->arg, name, event == EVENT_NEW);
        break;
    case EVENT_REMOVED:
        l->connector_removed(l->arg, name);
        break;
    case EVENT_TASKS:
        l->tasks_changed(l->arg, name);
        break;
    case EVENT_TARGET:
        l->target_changed(l->arg, name);
        break;
    case EVENT_SESSION:
        l->session_key_changed(l->arg);
        break;
    case EVENT_NONE:
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

static enum event
apply(struct config_store *store, enum config_key kind, const char *name, int32_t task,
      const struct cv_bytes *value, struct cv_err *err)
{
    switch (kind) {
    case CONFIG_KEY_CONNECTOR:
        return on_connector(store, name, value, err);
    case CONFIG_KEY_TARGET:
        return on_target(store, name, value, err);
    case CONFIG_KEY_TASK:
        return on_task(store, name, task, value, err);
    case CONFIG_KEY_COMMIT:
        return on_commit(store, name, value, err);
    case CONFIG_KEY_FENCING:
        return on_fencing(store, name, value, err);
    case CONFIG_KEY_SESSION:
        if (value->data == NULL)
            (void)cv_fail(err, CV_INVALID, "the session key cannot be deleted");
        if (value->data == NULL ||
            config_read_session_key(value->data, value->len, &store->session, err) != CV_OK)
            return EVENT_NONE;
        store->has_session = true;
        return EVENT_SESSION;
    case CONFIG_KEY_UNKNOWN:
        (void)cv_fail(err, CV_INVALID, "no worker writes such a key");
        return EVENT_NONE;
    default:
        return EVENT_NONE;
    }
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
    enum event event;
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
    event = apply(store, kind, cv_buf_cstr(&name), task, &rec->value, &err);
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

    if (store == NULL || (store->entries = cv_hash_new(entry_free)) == NULL) {
        free(store);
        return cv_fail_memory(err);
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

static void
leader_close(struct config_store *store)
{
    cv_producer_free(store->leader, 0);
    store->leader = NULL;
    store->leader_topic = NULL;
    store->in_transaction = false;
}

void
config_store_free(struct config_store *store, int wait_ms)
{
    if (store == NULL)
        return;
    leader_close(store);
    cv_topic_log_free(store->log, wait_ms);
    cv_hash_free(store->entries);
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
    names = calloc(cv_hash_count(store->entries) + 1, sizeof(*names));
    while (names != NULL && cv_hash_next(store->entries, &i, &at)) {
        const struct entry *e = at.value;

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
config_store_has(const struct config_store *store, const char *name)
{
    const struct entry *e;
    bool has;

    cv_lock(lock_of(store));
    e = find(store, name);
    has = e != NULL && e->config != NULL;
    cv_unlock(lock_of(store));
    return has;
}

enum cv_rc
config_store_connector(const struct config_store *store, const char *name, struct cv_config **ret,
                       struct cv_err *err)
{
    const struct entry *e;
    struct cv_config *copy = NULL;
    bool has;

    cv_lock(lock_of(store));
    e = find(store, name);
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
    const struct entry *e;
    enum target_state target;

    cv_lock(lock_of(store));
    e = find(store, name);
    target = e != NULL ? e->target : TARGET_STARTED;
    cv_unlock(lock_of(store));
    return target;
}

static size_t
tasks_of(const struct entry *e)
{
    return e == NULL || e->config == NULL || e->inconsistent ? 0 : e->tasks.count;
}

int
config_store_task_count(const struct config_store *store, const char *name)
{
    size_t count;

    cv_lock(lock_of(store));
    count = tasks_of(find(store, name));
    cv_unlock(lock_of(store));
    return (int)count;
}

bool
config_store_knows_task(const struct config_store *store, const char *name, int task)
{
    const struct entry *e;
    bool known;

    cv_lock(lock_of(store));
    e = find(store, name);
    known = e != NULL && task >= 0 && (size_t)task < e->known_tasks;
    cv_unlock(lock_of(store));
    return known;
}

enum cv_rc
config_store_task(const struct config_store *store, const char *name, int task, struct cv_config **ret,
                  struct cv_err *err)
{
    const struct entry *e;
    struct cv_config *copy = NULL;
    bool has;

    cv_lock(lock_of(store));
    e = find(store, name);
    has = task >= 0 && (size_t)task < tasks_of(e);
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
    const struct entry *e;
    bool applied;

    cv_lock(lock_of(store));
    e = find(store, name);
    applied = e != NULL && e->config != NULL && e->applied != NULL && cv_config_equal(e->config, e->applied);
    cv_unlock(lock_of(store));
    return applied;
}

void
config_store_fencing(const struct config_store *store, const char *name, struct config_fencing *ret)
{
    const struct entry *e;

    cv_lock(lock_of(store));
    e = find(store, name);
    *ret = e == NULL ? (struct config_fencing){ .recorded = -1, .generation = -1 }
                     : (struct config_fencing){ .pending = e->pending_fencing,
                                                .recorded = e->fencing_count,
                                                .tasks = (int)tasks_of(e),
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
    while (ok && cv_hash_next(store->entries, &i, &at)) {
        const struct entry *e = at.value;

        if (e->config == NULL)
            continue;
        ok = group_work_add(&ret->units, e->name, GROUP_CONNECTOR);
        for (size_t t = 0; ok && t < tasks_of(e); t++)
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
    has = store->has_session;
    if (has)
        *ret = store->session;
    cv_unlock(lock_of(store));
    return has;
}

/* ---- writing ---- */

/* What any worker may write, leader or not. */
static bool
is_for_all(enum config_key kind)
{
    return kind == CONFIG_KEY_TARGET || kind == CONFIG_KEY_LOGGER;
}

/* Fence whoever led before. */
static enum cv_rc
leader_open(struct config_store *store, struct cv_err *err)
{
    if (store->leader != NULL)
        return CV_OK;
    if (store->make_leader(store->make_leader_arg, &store->leader, err) != CV_OK)
        return err->rc;
    if (cv_producer_txn_init(store->leader, WRITE_TIMEOUT_MS, err) == CV_OK &&
        cv_producer_topic(store->leader, cv_topic_log_topic(store->log), &store->leader_topic, err) == CV_OK)
        return CV_OK;
    leader_close(store);
    return cv_err_context(err, "could not claim the right to write to the config topic");
}

void
config_store_lead(struct config_store *store, bool leads, config_leader_producer *make, void *arg)
{
    struct cv_err err;

    store->make_leader = leads ? make : NULL;
    store->make_leader_arg = arg;
    if (!leads)
        leader_close(store);
    else if (leader_open(store, &err) != CV_OK)
        CV_LOG_WARN(store->logger, "trying again at the next write", CV_ERR(&err));
}

/* Several records in one transaction; nothing where leaders write without. */
static enum cv_rc
transaction_begin(struct config_store *store, struct cv_err *err)
{
    if (store->make_leader == NULL)
        return CV_OK;
    if (leader_open(store, err) != CV_OK)
        return err->rc;
    if (cv_producer_txn_begin(store->leader, err) != CV_OK) {
        leader_close(store);
        return err->rc;
    }
    store->in_transaction = true;
    return CV_OK;
}

static enum cv_rc
transaction_commit(struct config_store *store, struct cv_err *err)
{
    if (!store->in_transaction)
        return CV_OK;
    store->in_transaction = false;
    if (cv_producer_txn_commit(store->leader, WRITE_TIMEOUT_MS, err) == CV_OK)
        return CV_OK;
    leader_close(store);
    return err->rc;
}

static enum cv_rc
leader_write(struct config_store *store, struct cv_bytes key, struct cv_bytes value, struct cv_err *err)
{
    bool alone = !store->in_transaction;

    if (alone && transaction_begin(store, err) != CV_OK)
        return err->rc;
    if (cv_producer_send(store->leader, store->leader_topic, CV_NO_PARTITION, key, value, NULL, CV_NO_TIMESTAMP, NULL,
                         err) != CV_OK) {
        leader_close(store);
        return err->rc;
    }
    return alone ? transaction_commit(store, err) : CV_OK;
}

/* One record; value NULL: a tombstone. */
static enum cv_rc
write_record(struct config_store *store, enum config_key kind, const char *name, int32_t task,
             const struct cv_buf *value, struct cv_err *err)
{
    struct cv_buf key = CV_BUF_INIT(CV_PROPERTY_MAX);
    struct cv_bytes bytes = { 0 };
    enum cv_rc rc;

    config_key_write(&key, kind, name, task);
    rc = cv_buf_check(&key, err);
    if (rc == CV_OK && value != NULL) {
        rc = cv_buf_check(value, err);
        bytes = (struct cv_bytes){ cv_buf_cstr(value), value->len };
    }
    if (rc == CV_OK && store->make_leader != NULL && !is_for_all(kind))
        rc = leader_write(store, (struct cv_bytes){ key.data, key.len }, bytes, err);
    else if (rc == CV_OK)
        rc = cv_topic_log_write(store->log, (struct cv_bytes){ key.data, key.len }, bytes, WRITE_TIMEOUT_MS, err);
    cv_buf_free(&key);
    return rc;
}

static enum cv_rc
write_and_read(struct config_store *store, enum config_key kind, const char *name, int32_t task,
               struct cv_buf *value, struct cv_err *err)
{
    enum cv_rc rc = write_record(store, kind, name, task, value, err);

    if (rc == CV_OK)
        rc = config_store_read_to_end(store, WRITE_TIMEOUT_MS, err);
    if (value != NULL)
        cv_buf_wipe(value);
    return rc;
}

enum cv_rc
config_store_put_target(struct config_store *store, const char *name, enum target_state target,
                        struct cv_err *err)
{
    struct cv_buf value = CV_BUF_INIT(RECORD_MAX);

    config_write_target(&value, target);
    return write_and_read(store, CONFIG_KEY_TARGET, name, 0, &value, err);
}

/* Java copies the present config into a new HashMap and puts the patch on top. */
static uint32_t
table_of_patched(struct config_store *store, const char *name)
{
    const struct entry *e;
    uint32_t table;

    cv_lock(&store->lock);
    e = find(store, name);
    table = java_table_of_copy(e != NULL && e->config != NULL ? cv_config_count(e->config) : 0);
    cv_unlock(&store->lock);
    return table;
}

enum cv_rc
config_store_put_connector(struct config_store *store, const char *name, const struct cv_config *cfg,
                           bool java_order, const enum target_state *target, struct cv_err *err)
{
    struct cv_buf value = CV_BUF_INIT(RECORD_MAX);
    uint32_t table = 0;

    if (target != NULL && config_store_put_target(store, name, *target, err) != CV_OK)
        return err->rc;
    if (java_order)
        table = table_of_patched(store, name);
    if (config_write_properties(&value, cfg, table, err) != CV_OK) {
        cv_buf_wipe(&value);
        return err->rc;
    }
    return write_and_read(store, CONFIG_KEY_CONNECTOR, name, 0, &value, err);
}

enum cv_rc
config_store_remove_connector(struct config_store *store, const char *name, struct cv_err *err)
{
    if (write_record(store, CONFIG_KEY_CONNECTOR, name, 0, NULL, err) != CV_OK)
        return err->rc;
    return write_and_read(store, CONFIG_KEY_TARGET, name, 0, NULL, err);
}

enum cv_rc
config_store_put_tasks(struct config_store *store, const char *name, struct cv_config *const *configs,
                       size_t count, struct cv_err *err)
{
    struct cv_buf value = CV_BUF_INIT(RECORD_MAX);
    enum cv_rc rc = config_store_read_to_end(store, WRITE_TIMEOUT_MS, err);

    if (rc == CV_OK && count > 0)
        rc = transaction_begin(store, err);
    for (size_t i = 0; rc == CV_OK && i < count; i++) {
        cv_buf_reset(&value);
        rc = config_write_properties(&value, configs[i], JAVA_TABLE, err);
        if (rc == CV_OK)
            rc = write_record(store, CONFIG_KEY_TASK, name, (int32_t)i, &value, err);
    }
    if (rc == CV_OK)
        rc = transaction_commit(store, err);
    if (rc == CV_OK && count > 0)
        rc = config_store_read_to_end(store, WRITE_TIMEOUT_MS, err);
    cv_buf_wipe(&value);
    if (rc != CV_OK) {
        if (store->in_transaction)
            leader_close(store); /* which aborts what was begun */
        return rc;
    }
    config_write_count(&value, "tasks", (int64_t)count);
    return write_and_read(store, CONFIG_KEY_COMMIT, name, 0, &value, err);
}

enum cv_rc
config_store_put_fencing(struct config_store *store, const char *name, int64_t tasks, struct cv_err *err)
{
    struct cv_buf value = CV_BUF_INIT(RECORD_MAX);

    config_write_count(&value, "task-count", tasks);
    return write_and_read(store, CONFIG_KEY_FENCING, name, 0, &value, err);
}

enum cv_rc
config_store_put_session_key(struct config_store *store, const struct session_key *key, struct cv_err *err)
{
    struct cv_buf value = CV_BUF_INIT(RECORD_MAX);

    config_write_session_key(&value, key);
    return write_and_read(store, CONFIG_KEY_SESSION, "", 0, &value, err);
}

enum cv_rc
config_store_put_restart(struct config_store *store, const char *name, bool include_tasks, bool only_failed,
                         struct cv_err *err)
{
    struct cv_buf value = CV_BUF_INIT(RECORD_MAX);

    config_write_restart(&value, include_tasks, only_failed);
    return write_and_read(store, CONFIG_KEY_RESTART, name, 0, &value, err);
}

enum cv_rc
config_store_put_logger(struct config_store *store, const char *name, const char *level, struct cv_err *err)
{
    struct cv_buf value = CV_BUF_INIT(RECORD_MAX);

    config_write_logger(&value, level);
    return write_and_read(store, CONFIG_KEY_LOGGER, name, 0, &value, err);
}

enum cv_rc
config_store_check(struct config_store *store, struct cv_err *err)
{
    return cv_topic_log_check(store->log, err);
}
