/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing to the config topic. What only a leader writes goes out in transactions where the worker is to be exactly
 * once, so that a leader that was replaced cannot write any more.
 */
#include <config.h>

#include "worker/store/config_store_private.h"

#include <string.h>

#include "common/kafka/producer.h"
#include "common/kafka/topic_log.h"
#include "common/log.h"
#include "data/java_order.h"

#define WRITE_TIMEOUT_MS 30000
#define RECORD_MAX       ((size_t)16 << 20)

/* ---- the leader's producer ---- */

void
config_store_leader_close(struct config_store *store)
{
    cv_producer_free(store->leader, 0);
    store->leader = NULL;
    store->leader_topic = NULL;
    store->in_transaction = false;
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
    config_store_leader_close(store);
    return cv_err_context(err, "could not claim the right to write to the config topic");
}

void
config_store_lead(struct config_store *store, bool leads, config_leader_producer *make, void *arg)
{
    struct cv_err err;

    store->make_leader = leads ? make : NULL;
    store->make_leader_arg = arg;
    config_store_leader_close(store);
    if (leads && leader_open(store, &err) != CV_OK)
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
        config_store_leader_close(store);
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
    config_store_leader_close(store);
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
        config_store_leader_close(store);
        return err->rc;
    }
    return alone ? transaction_commit(store, err) : CV_OK;
}

/* ---- records ---- */

/* What any worker may write, leader or not. */
static bool
is_for_all(enum config_key kind)
{
    return kind == CONFIG_KEY_TARGET || kind == CONFIG_KEY_LOGGER;
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
    const struct config_entry *e;
    uint32_t table;

    cv_lock(&store->lock);
    e = config_state_find(&store->state, name);
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
            config_store_leader_close(store); /* which aborts what was begun */
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
