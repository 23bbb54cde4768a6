/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The status topic's state.
 *
 *   status-connector-<name>                {"state":..,"trace":..,"worker_id":..,"generation":..,"version":..}
 *   status-task-<name>-<n>                 the same
 *   status-topic-<topic>:connector-<name>  {"topic":{"name":..,"connector":..,"task":..,"discoverTimestamp":..}}
 *
 * The topic's thread writes the state, everyone reads it under the lock. What was sent is forgotten: producers of
 * this topic try for ever, and a status is only worth its newest value.
 */
#include <config.h>

#include "worker/store/status_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/json_read.h"
#include "common/json_write.h"
#include "common/kafka/topic_log.h"
#include "common/log.h"
#include "common/map.h"
#include "common/number.h"
#include "common/thread.h"

#define RECORD_MAX ((size_t)1 << 20)

static const char connector_prefix[] = "status-connector-";
static const char task_prefix[] = "status-task-";
static const char topic_prefix[] = "status-topic-";
static const char topic_middle[] = ":connector-";

/* Everything known of one connector. */
struct entry {
    char *name;
    bool has_status;
    struct status status;
    struct task_entry {
        int id;
        struct status status;
    } *tasks; /* ascending */
    size_t n_tasks;
    struct cv_hash *topics; /* names; the value is only a mark */
};

struct status_store {
    struct cv_topic_log *log;
    struct cv_log *logger;
    char *worker_id;
    struct cv_lock lock;
    struct cv_hash *entries;
    atomic_uint topic_resets;
    _Atomic uint64_t changes;
};

static void
entry_free(void *arg)
{
    struct entry *e = arg;

    if (e == NULL)
        return;
    status_done(&e->status);
    for (size_t i = 0; i < e->n_tasks; i++)
        status_done(&e->tasks[i].status);
    free(e->tasks);
    cv_hash_free(e->topics);
    free(e->name);
    free(e);
}

static struct entry *
find_or_add(struct status_store *store, const char *name)
{
    struct entry *e = cv_hash_get(store->entries, name);

    if (e != NULL)
        return e;
    e = calloc(1, sizeof(*e));
    if (e == NULL || (e->name = strdup(name)) == NULL || (e->topics = cv_hash_new(NULL)) == NULL ||
        !cv_hash_put(store->entries, name, e)) {
        entry_free(e);
        return NULL;
    }
    return e;
}

static struct task_entry *
find_task(const struct entry *e, int id)
{
    for (size_t i = 0; i < e->n_tasks; i++)
        if (e->tasks[i].id == id)
            return &e->tasks[i];
    return NULL;
}

static struct task_entry *
find_or_add_task(struct entry *e, int id)
{
    struct task_entry *tasks = find_task(e, id);
    size_t at = 0;

    if (tasks != NULL)
        return tasks;
    tasks = realloc(e->tasks, (e->n_tasks + 1) * sizeof(*tasks));
    if (tasks == NULL)
        return NULL;
    e->tasks = tasks;
    while (at < e->n_tasks && tasks[at].id < id)
        at++;
    memmove(tasks + at + 1, tasks + at, (e->n_tasks - at) * sizeof(*tasks));
    tasks[at] = (struct task_entry){ .id = id };
    e->n_tasks++;
    return &tasks[at];
}

static void
remove_task(struct entry *e, int id)
{
    struct task_entry *task = find_task(e, id);
    size_t at;

    if (task == NULL)
        return;
    at = (size_t)(task - e->tasks);
    status_done(&task->status);
    memmove(task, task + 1, (e->n_tasks - at - 1) * sizeof(*task));
    e->n_tasks--;
}

/* ---- records ---- */

static void
status_write(struct cv_buf *out, const struct status *status)
{
    struct cv_json_writer w = cv_json_writer_of(out);

    cv_json_object(&w);
    cv_json_key(&w, "state");
    cv_json_string(&w, status_name(status->state));
    cv_json_key(&w, "trace");
    cv_json_string(&w, status->trace);
    cv_json_key(&w, "worker_id");
    cv_json_string(&w, status->worker_id);
    cv_json_key(&w, "generation");
    cv_json_int(&w, status->generation);
    cv_json_key(&w, "version");
    cv_json_string(&w, status->version);
    cv_json_object_end(&w);
}

/* The value of a member, as text, owned; NULL for null. */
static char *
member_text(struct cv_json_reader *r, enum cv_json_token tok)
{
    struct cv_buf text = CV_BUF_INIT(RECORD_MAX);
    char *ret = NULL;

    if (tok == CV_JSON_STRING) {
        cv_buf_char(&text, ' ');
        cv_buf_truncate(&text, 0);
        cv_json_text(r, &text);
        ret = cv_buf_take(&text);
    }
    cv_buf_free(&text);
    return ret;
}

static void
read_member(struct cv_json_reader *r, struct status *status, bool *ret_has_state)
{
    bool state = cv_json_text_is(r, "state"), trace = cv_json_text_is(r, "trace");
    bool worker = cv_json_text_is(r, "worker_id"), version = cv_json_text_is(r, "version");
    bool generation = cv_json_text_is(r, "generation");
    enum cv_json_token tok;
    int64_t v;
    char *text;

    if (!state && !trace && !worker && !version && !generation) {
        if (cv_json_skip(r) == CV_JSON_BAD)
            *ret_has_state = false;
        return;
    }
    tok = cv_json_next(r);
    if (generation) {
        if (tok == CV_JSON_NUMBER && cv_json_int64(r, &v))
            status->generation = (int32_t)v;
        return;
    }
    text = member_text(r, tok);
    if (state)
        *ret_has_state = text != NULL && status_parse(text, &status->state);
    if (trace) {
        free(status->trace);
        status->trace = text;
    } else if (worker) {
        free(status->worker_id);
        status->worker_id = text;
    } else if (version) {
        free(status->version);
        status->version = text;
    } else {
        free(text);
    }
}

static bool
status_read(const struct cv_consumed *rec, struct status *ret)
{
    struct cv_json_reader r;
    bool has_state = false;

    *ret = (struct status){ .written_ms = rec->timestamp_ms };
    cv_json_reader_init(&r, rec->value.data, rec->value.len);
    if (cv_json_next(&r) != CV_JSON_OBJECT)
        return false;
    while (cv_json_next(&r) == CV_JSON_KEY)
        read_member(&r, ret, &has_state);
    if (r.problem == NULL && has_state)
        return true;
    status_done(ret);
    return false;
}

/* ---- following the topic; the lock is held ---- */

/* Of an older generation and sent before what is known: it was long on its way. A group that begins anew counts its
   generations from 1 again, but sends later. */
static bool
was_overtaken(const struct status *known, const struct status *status)
{
    return known->generation > status->generation && known->written_ms > status->written_ms &&
           status->written_ms != CV_NO_TIMESTAMP;
}

/* An old owner's word, which comes after the new one's first. Java looks out for UNASSIGNED tasks only; a task that was
   fenced says FAILED, when it learns of that. */
static bool
comes_late(const struct status *known, const struct status *status)
{
    if (known->worker_id == NULL ||
        strcmp(known->worker_id, status->worker_id != NULL ? status->worker_id : "") == 0)
        return false;
    if (was_overtaken(known, status))
        return true;
    if (known->state != STATUS_RUNNING)
        return false;
    return (status->state == STATUS_UNASSIGNED && known->generation >= status->generation) ||
           (status->state == STATUS_FAILED && known->generation > status->generation);
}

static bool
on_connector(struct status_store *store, const char *name, const struct cv_consumed *rec)
{
    struct entry *e = find_or_add(store, name);
    struct status status;

    if (e == NULL)
        return false;
    if (rec->value.data == NULL) { /* the connector's statuses go together */
        status_done(&e->status);
        e->has_status = false;
        while (e->n_tasks > 0)
            remove_task(e, e->tasks[e->n_tasks - 1].id);
        return true;
    }
    if (!status_read(rec, &status))
        return false;
    if (e->has_status && comes_late(&e->status, &status)) {
        status_done(&status);
        return true;
    }
    status_done(&e->status);
    e->status = status;
    e->has_status = true;
    return true;
}

static bool
on_task(struct status_store *store, const char *text, const struct cv_consumed *rec)
{
    const char *dash = strrchr(text, '-');
    char *name;
    struct entry *e;
    struct task_entry *task;
    struct status status;
    int64_t id;

    if (dash == NULL || !cv_parse_i64(dash + 1, strlen(dash + 1), &id) || id < 0 || id > INT32_MAX)
        return false;
    name = strndup(text, (size_t)(dash - text));
    e = name != NULL ? find_or_add(store, name) : NULL;
    free(name);
    if (e == NULL)
        return false;
    if (rec->value.data == NULL) {
        remove_task(e, (int)id);
        return true;
    }
    if (!status_read(rec, &status))
        return false;
    task = find_or_add_task(e, (int)id);
    if (task == NULL || comes_late(&task->status, &status)) {
        status_done(&status);
        return true;
    }
    status_done(&task->status);
    task->status = status;
    return true;
}

/* {"topic":{...}}: what it says is in the key too. */
static bool
is_topic_status(const struct cv_bytes *value)
{
    struct cv_json_reader r;

    cv_json_reader_init(&r, value->data, value->len);
    return cv_json_next(&r) == CV_JSON_OBJECT && cv_json_next(&r) == CV_JSON_KEY && cv_json_text_is(&r, "topic") &&
           cv_json_skip(&r) == CV_JSON_OBJECT && cv_json_next(&r) == CV_JSON_OBJECT_END;
}

static bool
on_topic(struct status_store *store, const char *text, const struct cv_bytes *value)
{
    const char *middle = strstr(text, topic_middle);
    struct entry *e;
    char *topic;
    bool ok = true;

    if (middle == NULL || (value->data != NULL && !is_topic_status(value)))
        return false;
    topic = strndup(text, (size_t)(middle - text));
    e = find_or_add(store, middle + strlen(topic_middle));
    if (topic == NULL || e == NULL) {
        ok = false;
    } else if (value->data == NULL) {
        cv_hash_remove(e->topics, topic);
        atomic_fetch_add(&store->topic_resets, 1);
    } else {
        ok = cv_hash_put(e->topics, topic, store);
    }
    free(topic);
    return ok;
}

static void
on_record(void *arg, const struct cv_consumed *rec)
{
    struct status_store *store = arg;
    char *key = rec->key.data != NULL ? strndup(rec->key.data, rec->key.len) : NULL;
    bool ok = false;

    cv_lock(&store->lock);
    if (key != NULL && strncmp(key, connector_prefix, strlen(connector_prefix)) == 0)
        ok = on_connector(store, key + strlen(connector_prefix), rec);
    else if (key != NULL && strncmp(key, task_prefix, strlen(task_prefix)) == 0)
        ok = on_task(store, key + strlen(task_prefix), rec);
    else if (key != NULL && strncmp(key, topic_prefix, strlen(topic_prefix)) == 0)
        ok = on_topic(store, key + strlen(topic_prefix), &rec->value);
    atomic_fetch_add(&store->changes, 1); /* behind the change: who saw the old number may have seen either */
    cv_unlock(&store->lock);
    if (!ok)
        CV_LOG_WARN(store->logger, "a record of the status topic is skipped", CV_STR("topic", rec->topic),
                    CV_INT("partition", rec->partition), CV_INT("offset", rec->offset));
    free(key);
}

/* ---- start and end ---- */

enum cv_rc
status_store_start(const struct cv_topic_log_spec *topic, const char *worker_id, const atomic_bool *stop,
                   struct status_store **ret, struct cv_err *err)
{
    struct status_store *store = calloc(1, sizeof(*store));
    struct cv_topic_log_spec spec = *topic;

    if (store == NULL || (store->entries = cv_hash_new(entry_free)) == NULL ||
        (store->worker_id = strdup(worker_id)) == NULL) {
        if (store != NULL)
            cv_hash_free(store->entries);
        free(store);
        return cv_fail_memory(err);
    }
    cv_lock_init(&store->lock, CV_RANK_STORE);
    store->logger = cv_log_get("culvert.worker.status_store");
    spec.handler = on_record;
    spec.arg = store;
    if (cv_topic_log_start(&spec, stop, &store->log, err) != CV_OK) {
        status_store_free(store, 0);
        return err->rc;
    }
    *ret = store;
    return CV_OK;
}

void
status_store_free(struct status_store *store, int wait_ms)
{
    if (store == NULL)
        return;
    cv_topic_log_free(store->log, wait_ms);
    cv_hash_free(store->entries);
    cv_lock_done(&store->lock);
    free(store->worker_id);
    free(store);
}

/* ---- reading ---- */

uint64_t
status_store_changes(const struct status_store *store)
{
    return atomic_load(&store->changes);
}

static struct cv_lock *
lock_of(const struct status_store *store)
{
    return &((struct status_store *)(uintptr_t)store)->lock;
}

static char *
copy(const char *text)
{
    return text != NULL ? strdup(text) : NULL;
}

static const struct status *
find_status(const struct entry *e, int task)
{
    const struct task_entry *at;

    if (e == NULL)
        return NULL;
    if (task == STATUS_CONNECTOR)
        return e->has_status ? &e->status : NULL;
    at = find_task(e, task);
    return at != NULL ? &at->status : NULL;
}

enum cv_rc
status_store_get(const struct status_store *store, const char *connector, int task, struct status *ret,
                 struct cv_err *err)
{
    const struct status *found;

    cv_lock(lock_of(store));
    found = find_status(cv_hash_get(store->entries, connector), task);
    if (found != NULL)
        *ret = (struct status){ .state = found->state,
                                .trace = copy(found->trace),
                                .worker_id = copy(found->worker_id),
                                .version = copy(found->version),
                                .generation = found->generation,
                                .written_ms = found->written_ms };
    cv_unlock(lock_of(store));
    if (found != NULL)
        return CV_OK;
    if (task == STATUS_CONNECTOR)
        return cv_fail(err, CV_NOT_FOUND, "No status found for connector %s", connector);
    return cv_fail(err, CV_NOT_FOUND, "No status found for task %s-%d", connector, task);
}

enum cv_rc
status_store_tasks(const struct status_store *store, const char *connector, int **ret, size_t *ret_count,
                   struct cv_err *err)
{
    const struct entry *e;
    size_t count;
    int *ids;

    cv_lock(lock_of(store));
    e = cv_hash_get(store->entries, connector);
    count = e != NULL ? e->n_tasks : 0;
    ids = calloc(count + 1, sizeof(*ids));
    for (size_t i = 0; ids != NULL && i < count; i++)
        ids[i] = e->tasks[i].id;
    cv_unlock(lock_of(store));
    if (ids == NULL)
        return cv_fail_memory(err);
    *ret = ids;
    *ret_count = count;
    return CV_OK;
}

/* The keys of a map that pass, as copies. */
static enum cv_rc
copy_keys(const struct cv_hash *map, bool (*pass)(const void *value), char ***ret, size_t *ret_count,
          struct cv_err *err)
{
    char **names = calloc((map != NULL ? cv_hash_count(map) : 0) + 1, sizeof(*names));
    struct cv_hash_entry at;
    size_t i = 0, count = 0;

    if (names == NULL)
        return cv_fail_memory(err);
    while (map != NULL && cv_hash_next(map, &i, &at))
        if ((pass == NULL || pass(at.value)) && (names[count] = strdup(at.key)) != NULL)
            count++;
    *ret = names;
    *ret_count = count;
    return CV_OK;
}

static bool
has_any_status(const void *value)
{
    const struct entry *e = value;

    return e->has_status || e->n_tasks > 0;
}

enum cv_rc
status_store_connectors(const struct status_store *store, char ***ret, size_t *ret_count, struct cv_err *err)
{
    enum cv_rc rc;

    cv_lock(lock_of(store));
    rc = copy_keys(store->entries, has_any_status, ret, ret_count, err);
    cv_unlock(lock_of(store));
    return rc;
}

bool
status_store_is_empty(const struct status_store *store)
{
    struct cv_hash_entry at;
    bool empty = true;
    size_t i = 0;

    cv_lock(lock_of(store));
    while (empty && cv_hash_next(store->entries, &i, &at))
        empty = !has_any_status(at.value);
    cv_unlock(lock_of(store));
    return empty;
}

enum cv_rc
status_store_topics(const struct status_store *store, const char *connector, char ***ret, size_t *ret_count,
                    struct cv_err *err)
{
    const struct entry *e;
    enum cv_rc rc;

    cv_lock(lock_of(store));
    e = cv_hash_get(store->entries, connector);
    rc = copy_keys(e != NULL ? e->topics : NULL, NULL, ret, ret_count, err);
    cv_unlock(lock_of(store));
    return rc;
}

/* ---- writing ---- */

static void
send(struct status_store *store, const struct cv_buf *key, const struct cv_buf *value)
{
    struct cv_bytes bytes = { 0 };
    struct cv_err err;
    enum cv_rc rc = cv_buf_check(key, &err);

    if (rc == CV_OK && value != NULL) {
        rc = cv_buf_check(value, &err);
        bytes = (struct cv_bytes){ cv_buf_cstr(value), value->len };
    }
    if (rc == CV_OK)
        rc = cv_topic_log_send(store->log, (struct cv_bytes){ key->data, key->len }, bytes, NULL, NULL, &err);
    if (rc != CV_OK)
        CV_LOG_WARN(store->logger, "could not write a status", CV_STR("key", cv_buf_cstr(key)), CV_ERR(&err));
}

/* Whether nobody else has written a newer status. */
static bool
may_overwrite(struct status_store *store, const char *connector, int task, int32_t generation)
{
    const struct status *found;
    bool may;

    cv_lock(&store->lock);
    found = find_status(cv_hash_get(store->entries, connector), task);
    may = found == NULL || found->generation <= generation ||
          (found->worker_id != NULL && strcmp(found->worker_id, store->worker_id) == 0);
    cv_unlock(&store->lock);
    return may;
}

void
status_store_put(struct status_store *store, const char *connector, int task, enum status_state state,
                 const char *trace, const char *version, int32_t generation, bool safe)
{
    struct status status = { .state = state,
                             .trace = (char *)(uintptr_t)trace,
                             .worker_id = store->worker_id,
                             .version = (char *)(uintptr_t)version,
                             .generation = generation };
    struct cv_buf key = CV_BUF_INIT(RECORD_MAX), value = CV_BUF_INIT(RECORD_MAX);

    if (safe && !may_overwrite(store, connector, task, generation))
        return;
    if (task == STATUS_CONNECTOR)
        cv_buf_printf(&key, "%s%s", connector_prefix, connector);
    else
        cv_buf_printf(&key, "%s%s-%d", task_prefix, connector, task);
    if (state == STATUS_DESTROYED) {
        send(store, &key, NULL);
    } else {
        status_write(&value, &status);
        send(store, &key, &value);
    }
    cv_buf_free(&key);
    cv_buf_free(&value);
}

void
status_store_flush(struct status_store *store, int timeout_ms)
{
    struct cv_err err;

    if (cv_topic_log_read_to_end(store->log, timeout_ms, &err) != CV_OK)
        CV_LOG_WARN(store->logger, "could not wait for statuses to be written", CV_ERR(&err));
}

static void
topic_key(struct cv_buf *key, const char *connector, const char *topic)
{
    cv_buf_printf(key, "%s%s%s%s", topic_prefix, topic, topic_middle, connector);
}

void
status_store_topic_used(struct status_store *store, const char *connector, int task, const char *topic)
{
    struct cv_buf key = CV_BUF_INIT(RECORD_MAX), value = CV_BUF_INIT(RECORD_MAX);
    struct cv_json_writer w = cv_json_writer_of(&value);

    topic_key(&key, connector, topic);
    cv_json_object(&w);
    cv_json_key(&w, "topic");
    cv_json_object(&w);
    cv_json_key(&w, "name");
    cv_json_string(&w, topic);
    cv_json_key(&w, "connector");
    cv_json_string(&w, connector);
    cv_json_key(&w, "task");
    cv_json_int(&w, task);
    cv_json_key(&w, "discoverTimestamp");
    cv_json_int(&w, cv_now_ms());
    cv_json_object_end(&w);
    cv_json_object_end(&w);
    send(store, &key, &value);
    cv_buf_free(&key);
    cv_buf_free(&value);
}

const atomic_uint *
status_store_topic_resets(const struct status_store *store)
{
    return &store->topic_resets;
}

void
status_store_topics_reset(struct status_store *store, const char *connector)
{
    struct cv_err err;
    char **topics = NULL;
    size_t count = 0;

    if (status_store_topics(store, connector, &topics, &count, &err) != CV_OK)
        return;
    for (size_t i = 0; i < count; i++) {
        struct cv_buf key = CV_BUF_INIT(RECORD_MAX);

        topic_key(&key, connector, topics[i]);
        send(store, &key, NULL);
        cv_buf_free(&key);
        free(topics[i]);
    }
    free(topics);
}

enum cv_rc
status_store_check(struct status_store *store, struct cv_err *err)
{
    return cv_topic_log_check(store->log, err);
}
