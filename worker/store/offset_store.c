/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Source offsets (KafkaOffsetBackingStore, OffsetUtils).
 *
 * Java looks offsets up by the raw bytes of the key, so two spellings of one partition would be two offsets. Here
 * entries are found by a canonical spelling (members sorted), and each keeps the bytes of its newest key for
 * writing. New keys are written with members in java.util.HashMap's order, as Java would.
 */
#include <config.h>

#include "worker/store/offset_store.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/json_write.h"
#include "common/kafka/topic_log.h"
#include "common/log.h"
#include "common/map.h"
#include "common/thread.h"
#include "data/java_order.h"
#include "data/json.h"

#define RECORD_MAX ((size_t)4 << 20)

struct entry {
    char *connector;
    struct cv_buf key;   /* as stored */
    struct cv_buf value; /* as stored; empty and no_value for a tombstone */
    bool no_value;
};

struct offset_store {
    struct cv_topic_log *log;
    struct cv_log *logger;
    struct cv_lock lock;
    struct cv_hash *entries; /* struct entry by canonical key */
};

static void
entry_free(void *arg)
{
    struct entry *e = arg;

    if (e == NULL)
        return;
    cv_buf_free(&e->key);
    cv_buf_free(&e->value);
    free(e->connector);
    free(e);
}

/* ---- keys ---- */

static int
by_key(const void *a, const void *b)
{
    const struct cv_map_entry *x = a, *y = b;
    size_t n = x->key.bytes.len < y->key.bytes.len ? x->key.bytes.len : y->key.bytes.len;
    int order = memcmp(x->key.bytes.data, y->key.bytes.data, n);

    if (order != 0)
        return order;
    return x->key.bytes.len < y->key.bytes.len ? -1 : x->key.bytes.len > y->key.bytes.len;
}

/* ["connector",{...}] with the partition's members as they stand. */
static void
write_key(struct cv_buf *out, const char *connector, const struct cv_value *partition)
{
    cv_buf_char(out, '[');
    cv_buf_json(out, connector, strlen(connector));
    cv_buf_char(out, ',');
    cv_connect_json_write(out, partition);
    cv_buf_char(out, ']');
}

/* The same with members sorted: equal partitions give equal bytes. */
static enum cv_rc
canonical_key(struct cv_buf *out, const char *connector, const struct cv_value *partition,
              struct cv_arena *arena, struct cv_err *err)
{
    struct cv_value *sorted = cv_value_copy(arena, partition);

    if (sorted == NULL)
        return cv_fail_memory(err);
    if (sorted->type == CV_MAP && !sorted->is_null)
        qsort(sorted->map.entries, sorted->map.count, sizeof(*sorted->map.entries), by_key);
    write_key(out, connector, sorted);
    return cv_buf_check(out, err);
}

/* A stored key to its two elements. */
static enum cv_rc
parse_key(const struct cv_bytes *key, struct cv_arena *arena, const char **ret_connector,
          struct cv_value **ret_partition, struct cv_err *err)
{
    struct cv_value *list = cv_arena_zalloc(arena, sizeof(*list));

    if (list == NULL)
        return cv_fail_memory(err);
    if (cv_connect_json_read(key->data, key->len, arena, list, err) != CV_OK)
        return err->rc;
    if (list->is_null || list->type != CV_ARRAY || list->list.count != 2 ||
        list->list.items[0].is_null || list->list.items[0].type != CV_STRING ||
        list->list.items[1].type != CV_MAP)
        return cv_fail(err, CV_INVALID, "the key is not [connector, {partition}]");
    *ret_connector = cv_arena_dup(arena, list->list.items[0].bytes.data, list->list.items[0].bytes.len);
    *ret_partition = &list->list.items[1];
    return *ret_connector == NULL ? cv_fail_memory(err) : CV_OK;
}

/* ---- following the topic ---- */

static enum cv_rc
remember(struct offset_store *store, const struct cv_bytes *key, const struct cv_bytes *value,
         struct cv_arena *arena, struct cv_err *err)
{
    struct cv_buf canonical = CV_BUF_INIT(RECORD_MAX);
    struct cv_value *partition;
    const char *connector;
    struct entry *e;
    enum cv_rc rc = parse_key(key, arena, &connector, &partition, err);

    if (rc == CV_OK)
        rc = canonical_key(&canonical, connector, partition, arena, err);
    if (rc != CV_OK)
        goto out;
    cv_lock(&store->lock);
    e = cv_hash_get_bytes(store->entries, canonical.data, canonical.len);
    if (e == NULL) {
        e = calloc(1, sizeof(*e));
        if (e == NULL || (e->connector = strdup(connector)) == NULL ||
            !cv_hash_put_bytes(store->entries, canonical.data, canonical.len, e)) {
            entry_free(e);
            e = NULL;
        }
    }
    if (e != NULL) {
        e->key.max = e->value.max = RECORD_MAX;
        cv_buf_reset(&e->key);
        cv_buf_reset(&e->value);
        cv_buf_add(&e->key, key->data, key->len);
        cv_buf_add(&e->value, value->data, value->len);
        e->no_value = value->data == NULL;
    }
    cv_unlock(&store->lock);
    if (e == NULL)
        rc = cv_fail_memory(err);
out:
    cv_buf_free(&canonical);
    return rc;
}

static void
on_record(void *arg, const struct cv_consumed *rec)
{
    struct offset_store *store = arg;
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_err err = CV_ERR_INIT;
    enum cv_rc rc;

    if (arena == NULL || rec->key.data == NULL)
        rc = cv_fail(&err, CV_INVALID, "the record has no key");
    else
        rc = remember(store, &rec->key, &rec->value, arena, &err);
    if (rc != CV_OK)
        CV_LOG_WARN(store->logger, "a record of the offset topic is skipped", CV_STR("topic", rec->topic),
                    CV_INT("partition", rec->partition), CV_INT("offset", rec->offset), CV_ERR(&err));
    cv_arena_free(arena);
}

enum cv_rc
offset_store_start(const struct cv_topic_log_spec *topic, const atomic_bool *stop, struct offset_store **ret,
                   struct cv_err *err)
{
    struct offset_store *store = calloc(1, sizeof(*store));
    struct cv_topic_log_spec spec = *topic;

    if (store == NULL || (store->entries = cv_hash_new(entry_free)) == NULL) {
        free(store);
        return cv_fail_memory(err);
    }
    cv_lock_init(&store->lock, CV_RANK_STORE);
    store->logger = cv_log_get("culvert.worker.offset_store");
    spec.handler = on_record;
    spec.arg = store;
    if (cv_topic_log_start(&spec, stop, &store->log, err) != CV_OK) {
        offset_store_free(store, 0);
        return err->rc;
    }
    *ret = store;
    return CV_OK;
}

void
offset_store_free(struct offset_store *store, int wait_ms)
{
    if (store == NULL)
        return;
    cv_topic_log_free(store->log, wait_ms);
    cv_hash_free(store->entries);
    cv_lock_done(&store->lock);
    free(store);
}

/* ---- reading ---- */

/* The stored value as a map in the arena; NULL for a tombstone. The lock is held. */
static enum cv_rc
entry_value(const struct entry *e, struct cv_arena *arena, struct cv_value **ret, struct cv_err *err)
{
    struct cv_value *val;
    char *text;

    *ret = NULL;
    if (e->no_value)
        return CV_OK;
    val = cv_arena_zalloc(arena, sizeof(*val));
    text = cv_arena_dup(arena, cv_buf_cstr(&e->value), e->value.len);
    if (val == NULL || text == NULL)
        return cv_fail_memory(err);
    if (cv_connect_json_read(text, e->value.len, arena, val, err) != CV_OK)
        return cv_err_context(err, "stored offset %s", text);
    *ret = val;
    return CV_OK;
}

enum cv_rc
offset_store_read(struct offset_store *store, const char *connector, const struct cv_value *partition,
                  int timeout_ms, struct cv_arena *arena, struct cv_value **ret, struct cv_err *err)
{
    struct cv_buf canonical = CV_BUF_INIT(RECORD_MAX);
    const struct entry *e;
    enum cv_rc rc = cv_topic_log_read_to_end(store->log, timeout_ms, err);

    *ret = NULL;
    if (rc == CV_OK)
        rc = canonical_key(&canonical, connector, partition, arena, err);
    if (rc == CV_OK) {
        cv_lock(&store->lock);
        e = cv_hash_get_bytes(store->entries, canonical.data, canonical.len);
        if (e != NULL)
            rc = entry_value(e, arena, ret, err);
        cv_unlock(&store->lock);
    }
    cv_buf_free(&canonical);
    return rc;
}

enum cv_rc
offset_store_list(struct offset_store *store, const char *connector, int timeout_ms, struct cv_arena *arena,
                  struct cv_offset **ret, size_t *ret_count, struct cv_err *err)
{
    struct cv_offset *list;
    struct cv_hash_entry at;
    size_t i = 0, count = 0;
    enum cv_rc rc = cv_topic_log_read_to_end(store->log, timeout_ms, err);

    if (rc != CV_OK)
        return rc;
    cv_lock(&store->lock);
    list = cv_arena_zalloc(arena, (cv_hash_count(store->entries) + 1) * sizeof(*list));
    if (list == NULL)
        rc = cv_fail_memory(err);
    while (rc == CV_OK && cv_hash_next(store->entries, &i, &at)) {
        const struct entry *e = at.value;
        const char *ignored;
        struct cv_bytes key = { cv_arena_dup(arena, e->key.data, e->key.len), e->key.len };

        if (strcmp(e->connector, connector) != 0 || e->no_value)
            continue;
        rc = parse_key(&key, arena, &ignored, &list[count].partition, err);
        if (rc == CV_OK)
            rc = entry_value(e, arena, &list[count].offset, err);
        count++;
    }
    cv_unlock(&store->lock);
    if (rc == CV_OK) {
        *ret = list;
        *ret_count = count;
    }
    return rc;
}

/* ---- writing ---- */

/* Several records whose fate is told once. Counted down on the topic's thread, and once by the sender. */
struct write {
    struct offset_store *store;
    offset_store_written *written;
    void *arg;
    atomic_size_t pending;
    atomic_bool failed;
    struct cv_err err; /* of the first failure; written before failed is set */
};

static void
write_release(struct write *write)
{
    if (atomic_fetch_sub(&write->pending, 1) != 1)
        return;
    write->written(write->arg, atomic_load(&write->failed) ? &write->err : NULL);
    free(write);
}

static void
on_sent(void *arg, const struct cv_err *err)
{
    struct write *write = arg;

    if (err != NULL && !atomic_load(&write->failed)) {
        write->err = *err;
        atomic_store(&write->failed, true);
    }
    write_release(write);
}

/* The bytes of the key: those that are stored, or new ones. */
static enum cv_rc
key_for_writing(struct offset_store *store, const char *connector, const struct cv_value *partition,
                struct cv_arena *arena, struct cv_buf *out, struct cv_err *err)
{
    struct cv_buf canonical = CV_BUF_INIT(RECORD_MAX);
    const struct entry *e;
    struct cv_value *ordered;
    enum cv_rc rc = canonical_key(&canonical, connector, partition, arena, err);

    if (rc != CV_OK)
        goto out;
    cv_lock(&store->lock);
    e = cv_hash_get_bytes(store->entries, canonical.data, canonical.len);
    if (e != NULL)
        cv_buf_add(out, e->key.data, e->key.len);
    cv_unlock(&store->lock);
    if (e == NULL) {
        ordered = cv_value_copy(arena, partition);
        rc = ordered == NULL ? cv_fail_memory(err) : java_order_map(ordered, err);
        if (rc == CV_OK)
            write_key(out, connector, ordered);
    }
    if (rc == CV_OK)
        rc = cv_buf_check(out, err);
out:
    cv_buf_free(&canonical);
    return rc;
}

const char *
offset_store_topic(const struct offset_store *store)
{
    return cv_topic_log_topic(store->log);
}

enum cv_rc
offset_store_encode(struct offset_store *store, const char *connector, const struct cv_offset *offset,
                    struct cv_arena *arena, struct cv_bytes *ret_key, struct cv_bytes *ret_value, struct cv_err *err)
{
    struct cv_buf key = CV_BUF_INIT(RECORD_MAX), value = CV_BUF_INIT(RECORD_MAX);
    enum cv_rc rc = key_for_writing(store, connector, offset->partition, arena, &key, err);

    *ret_value = (struct cv_bytes){ 0 };
    if (rc == CV_OK && offset->offset != NULL) {
        cv_connect_json_write(&value, offset->offset);
        rc = cv_buf_check(&value, err);
        if (rc == CV_OK)
            *ret_value = (struct cv_bytes){ cv_arena_dup(arena, cv_buf_cstr(&value), value.len), value.len };
    }
    if (rc == CV_OK) {
        *ret_key = (struct cv_bytes){ cv_arena_dup(arena, cv_buf_cstr(&key), key.len), key.len };
        if (ret_key->data == NULL || (offset->offset != NULL && ret_value->data == NULL))
            rc = cv_fail_memory(err);
    }
    cv_buf_free(&key);
    cv_buf_free(&value);
    return rc;
}

static enum cv_rc
send_one(struct offset_store *store, const char *connector, const struct cv_offset *offset,
         struct write *write, struct cv_err *err)
{
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_bytes key, value;
    enum cv_rc rc = arena == NULL ? cv_fail_memory(err)
                                  : offset_store_encode(store, connector, offset, arena, &key, &value, err);

    if (rc == CV_OK) {
        atomic_fetch_add(&write->pending, 1);
        rc = cv_topic_log_send(store->log, key, value, on_sent, write, err);
        if (rc != CV_OK)
            atomic_fetch_sub(&write->pending, 1); /* the sender's own 1 is still held */
    }
    cv_arena_free(arena);
    return rc;
}

enum cv_rc
offset_store_write(struct offset_store *store, const char *connector, const struct cv_offset *offsets,
                   size_t count, offset_store_written *written, void *arg, struct cv_err *err)
{
    struct write *write = calloc(1, sizeof(*write));
    struct cv_err why;

    if (write == NULL)
        return cv_fail_memory(err);
    write->store = store;
    write->written = written;
    write->arg = arg;
    atomic_init(&write->pending, 1);
    for (size_t i = 0; i < count; i++)
        if (send_one(store, connector, &offsets[i], write, &why) != CV_OK) {
            if (i == 0) { /* nothing was sent */
                free(write);
                *err = why;
                return why.rc;
            }
            write->err = why;
            atomic_store(&write->failed, true);
            break;
        }
    write_release(write);
    return CV_OK;
}

bool
offset_store_is_empty(struct offset_store *store)
{
    struct cv_hash_entry at;
    bool empty = true;
    size_t i = 0;

    cv_lock(&store->lock);
    while (empty && cv_hash_next(store->entries, &i, &at))
        empty = ((const struct entry *)at.value)->no_value;
    cv_unlock(&store->lock);
    return empty;
}

bool
offset_store_was_created(const struct offset_store *store)
{
    return cv_topic_log_was_created(store->log);
}

enum cv_rc
offset_store_check(struct offset_store *store, struct cv_err *err)
{
    return cv_topic_log_check(store->log, err);
}
