/* SPDX-License-Identifier: Apache-2.0 */
/* Transaction metadata: counting, the records, and the fields of the offset. */
#include "connectors/postgres/transaction.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "connectors/postgres/name.h"
#include "data/java_order.h"

#define ORDER_FIELD "transaction_data_collection_order_"
#define ID_MAX      48

struct collection {
    uint32_t oid; /* 0: read from an offset, or no table */
    char *name;   /* "schema.table" */
    uint64_t events;
};

struct transaction {
    const struct pg_config *config;
    char *topic;
    struct cv_schema *key_schema;
    struct cv_schema *value_schema;

    uint32_t xid; /* 0: none yet */
    bool resumed; /* the offset had it open: its BEGIN is out */
    cv_time_us time_us;
    uint64_t events;
    struct collection *collections;
    size_t n_collections;
    size_t cap_collections;
    size_t last; /* index of the one counted last */
};

enum { END_STATUS, END_ID, END_EVENT_COUNT, END_COLLECTIONS, END_TS_MS };

/* ---- schemas ---- */

enum cv_rc
transaction_block_schema(struct cv_schema **ret, struct cv_err *err)
{
    struct cv_schema_builder *b = cv_schema_new(CV_STRUCT);

    cv_schema_set_optional(b);
    cv_schema_set_name(b, "event.block");
    cv_schema_set_version(b, 1);
    cv_schema_add_field(b, "id", cv_schema_plain(CV_STRING, false));
    cv_schema_add_field(b, "total_order", cv_schema_plain(CV_INT64, false));
    cv_schema_add_field(b, "data_collection_order", cv_schema_plain(CV_INT64, false));
    return cv_schema_finish(b, ret, err);
}

static enum cv_rc
key_schema(struct cv_schema **ret, struct cv_err *err)
{
    struct cv_schema_builder *b = cv_schema_new(CV_STRUCT);

    cv_schema_set_name(b, "io.debezium.connector.common.TransactionMetadataKey");
    cv_schema_set_version(b, 1);
    cv_schema_add_field(b, "id", cv_schema_plain(CV_STRING, false));
    return cv_schema_finish(b, ret, err);
}

static enum cv_rc
collections_schema(struct cv_schema **ret, struct cv_err *err)
{
    struct cv_schema_builder *b = cv_schema_new(CV_STRUCT);
    struct cv_schema *item = NULL;
    enum cv_rc rc;

    cv_schema_set_optional(b);
    cv_schema_set_name(b, "event.collection");
    cv_schema_set_version(b, 1);
    cv_schema_add_field(b, "data_collection", cv_schema_plain(CV_STRING, false));
    cv_schema_add_field(b, "event_count", cv_schema_plain(CV_INT64, false));
    if (cv_schema_finish(b, &item, err) != CV_OK)
        return err->rc;
    b = cv_schema_new(CV_ARRAY);
    cv_schema_set_optional(b);
    cv_schema_set_items(b, item);
    rc = cv_schema_finish(b, ret, err);
    cv_schema_unref(item);
    return rc;
}

static enum cv_rc
value_schema(struct cv_schema **ret, struct cv_err *err)
{
    struct cv_schema_builder *b;
    struct cv_schema *collections = NULL;
    enum cv_rc rc;

    if (collections_schema(&collections, err) != CV_OK)
        return err->rc;
    b = cv_schema_new(CV_STRUCT);
    cv_schema_set_name(b, "io.debezium.connector.common.TransactionMetadataValue");
    cv_schema_set_version(b, 1);
    cv_schema_add_field(b, "status", cv_schema_plain(CV_STRING, false));
    cv_schema_add_field(b, "id", cv_schema_plain(CV_STRING, false));
    cv_schema_add_field(b, "event_count", cv_schema_plain(CV_INT64, true));
    cv_schema_add_field(b, "data_collections", collections);
    cv_schema_add_field(b, "ts_ms", cv_schema_plain(CV_INT64, false));
    rc = cv_schema_finish(b, ret, err);
    cv_schema_unref(collections);
    return rc;
}

enum cv_rc
transaction_new(const struct pg_config *config, struct transaction **ret, struct cv_err *err)
{
    struct transaction *txn;

    *ret = NULL;
    if (!config->provide_transaction_metadata)
        return CV_OK;
    txn = calloc(1, sizeof(*txn));
    if (txn == NULL)
        return cv_fail_memory(err);
    txn->config = config;
    if (name_transaction_topic(config, &txn->topic, err) != CV_OK || key_schema(&txn->key_schema, err) != CV_OK ||
        value_schema(&txn->value_schema, err) != CV_OK) {
        transaction_free(txn);
        return err->rc;
    }
    *ret = txn;
    return CV_OK;
}

static void
forget(struct transaction *txn)
{
    for (size_t i = 0; i < txn->n_collections; i++)
        free(txn->collections[i].name);
    txn->n_collections = txn->last = 0;
    txn->events = 0;
    txn->resumed = false;
}

void
transaction_free(struct transaction *txn)
{
    if (txn == NULL)
        return;
    forget(txn);
    free(txn->collections);
    free(txn->topic);
    cv_schema_unref(txn->key_schema);
    cv_schema_unref(txn->value_schema);
    free(txn);
}

/* ---- records ---- */

static enum cv_rc
collection_counts(const struct transaction *txn, struct cv_arena *arena, struct cv_value *ret, struct cv_err *err)
{
    const struct cv_schema *list_schema = ret->schema;
    struct cv_value *list = cv_array_new(arena, txn->n_collections);
    const char **names = cv_arena_zalloc(arena, (txn->n_collections + 1) * sizeof(*names));
    size_t *order = cv_arena_zalloc(arena, (txn->n_collections + 1) * sizeof(*order));

    if (list == NULL || names == NULL || order == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < txn->n_collections; i++)
        names[i] = txn->collections[i].name;
    if (java_order_strings(names, txn->n_collections, order, err) != CV_OK)
        return err->rc;
    for (size_t i = 0; i < txn->n_collections; i++) {
        const struct collection *at = &txn->collections[order[i]];
        struct cv_value *item = cv_struct_new(arena, list_schema->items);
        char *name = cv_arena_strdup(arena, at->name);

        if (item == NULL || name == NULL)
            return cv_fail_memory(err);
        cv_struct_set(item, 0, cv_cstring(name));
        cv_struct_set(item, 1, cv_int(CV_INT64, (int64_t)at->events));
        if (cv_array_add(arena, list, *item, err) != CV_OK)
            return err->rc;
    }
    *ret = *list;
    ret->schema = list_schema;
    return CV_OK;
}

/* BEGIN carries no counts. */
static enum cv_rc
add_record(const struct transaction *txn, const char *status, cv_lsn lsn, bool counts, struct cv_batch *batch,
           struct cv_err *err)
{
    struct cv_record *rec = cv_batch_add_record(batch);
    struct cv_value *key = cv_struct_new(batch->arena, txn->key_schema);
    struct cv_value *val = cv_struct_new(batch->arena, txn->value_schema);
    char *id = cv_arena_zalloc(batch->arena, ID_MAX);

    if (rec == NULL || key == NULL || val == NULL || id == NULL)
        return cv_fail_memory(err);
    snprintf(id, ID_MAX, "%" PRIu32 ":%" PRIu64, txn->xid, lsn);
    cv_struct_set(key, 0, cv_cstring(id));
    cv_struct_set(val, END_STATUS, cv_cstring(status));
    cv_struct_set(val, END_ID, cv_cstring(id));
    if (counts) {
        cv_struct_set(val, END_EVENT_COUNT, cv_int(CV_INT64, (int64_t)txn->events));
        if (collection_counts(txn, batch->arena, cv_struct_at(val, END_COLLECTIONS), err) != CV_OK)
            return err->rc;
    }
    cv_struct_set(val, END_TS_MS, cv_int(CV_INT64, txn->time_us / 1000));
    rec->topic = txn->topic;
    rec->key = *key;
    rec->value = *val;
    return CV_OK;
}

enum cv_rc
transaction_begin(struct transaction *txn, const struct pgoutput_begin *begin, cv_lsn lsn, struct cv_batch *batch,
                  struct cv_err *err)
{
    if (txn == NULL)
        return CV_OK;
    txn->time_us = begin->commit_time_us;
    if (txn->resumed && txn->xid == begin->xid)
        return CV_OK;
    forget(txn);
    txn->xid = begin->xid;
    return add_record(txn, "BEGIN", lsn, false, batch, err);
}

enum cv_rc
transaction_end(struct transaction *txn, cv_lsn lsn, struct cv_batch *batch, struct cv_err *err)
{
    if (txn == NULL)
        return CV_OK;
    txn->resumed = false;
    return add_record(txn, "END", lsn, true, batch, err);
}

/* ---- counting ---- */

static bool
is_named(const struct collection *at, const char *schema, const char *table)
{
    size_t len = strlen(schema);

    return strncmp(at->name, schema, len) == 0 && at->name[len] == '.' && strcmp(at->name + len + 1, table) == 0;
}

static enum cv_rc
add_collection(struct transaction *txn, uint32_t oid, char *take_name, struct cv_err *err)
{
    if (take_name != NULL && txn->n_collections == txn->cap_collections) {
        size_t cap = txn->cap_collections * 2 + 8;
        struct collection *grown = realloc(txn->collections, cap * sizeof(*grown));

        if (grown != NULL) {
            txn->collections = grown;
            txn->cap_collections = cap;
        }
    }
    if (take_name == NULL || txn->n_collections == txn->cap_collections) {
        free(take_name);
        return cv_fail_memory(err);
    }
    txn->collections[txn->n_collections++] = (struct collection){ .oid = oid, .name = take_name };
    return CV_OK;
}

/* txn->last becomes the index of the collection. */
static enum cv_rc
find_collection(struct transaction *txn, uint32_t oid, const char *schema, const char *table, struct cv_err *err)
{
    struct cv_buf name = CV_BUF_INIT(512);
    enum cv_rc rc;

    if (txn->last < txn->n_collections && oid != 0 && txn->collections[txn->last].oid == oid)
        return CV_OK;
    for (size_t i = 0; i < txn->n_collections; i++) {
        struct collection *at = &txn->collections[i];

        if (at->oid != 0 ? at->oid == oid : is_named(at, schema, table)) {
            at->oid = oid;
            txn->last = i;
            return CV_OK;
        }
    }
    cv_buf_printf(&name, "%s.%s", schema, table);
    rc = cv_buf_check(&name, err);
    if (rc == CV_OK)
        rc = add_collection(txn, oid, cv_buf_take(&name), err);
    cv_buf_free(&name);
    if (rc == CV_OK)
        txn->last = txn->n_collections - 1;
    return rc;
}

enum cv_rc
transaction_count(struct transaction *txn, uint32_t oid, const char *schema, const char *table,
                  struct transaction_order *ret, struct cv_err *err)
{
    if (find_collection(txn, oid, schema, table, err) != CV_OK)
        return err->rc;
    *ret = (struct transaction_order){ .xid = txn->xid,
                                       .total = ++txn->events,
                                       .in_collection = ++txn->collections[txn->last].events };
    return CV_OK;
}

/* ---- offsets ---- */

enum cv_rc
transaction_write(const struct transaction *txn, struct cv_arena *arena, struct cv_value *map, struct cv_err *err)
{
    char *id;

    if (txn == NULL || txn->xid == 0)
        return CV_OK;
    id = cv_arena_zalloc(arena, 12);
    if (id == NULL)
        return cv_fail_memory(err);
    snprintf(id, 12, "%" PRIu32, txn->xid);
    if (cv_map_put(arena, map, "transaction_id", cv_cstring(id), err) != CV_OK)
        return err->rc;
    for (size_t i = 0; i < txn->n_collections; i++) {
        size_t size = sizeof(ORDER_FIELD) + strlen(txn->collections[i].name);
        char *key = cv_arena_zalloc(arena, size);

        if (key == NULL)
            return cv_fail_memory(err);
        snprintf(key, size, ORDER_FIELD "%s", txn->collections[i].name);
        if (cv_map_put(arena, map, key, cv_int(CV_INT64, (int64_t)txn->collections[i].events), err) != CV_OK)
            return err->rc;
    }
    return CV_OK;
}

static enum cv_rc
read_collection(struct transaction *txn, const struct cv_map_entry *entry, struct cv_err *err)
{
    const size_t len = sizeof(ORDER_FIELD) - 1;
    const struct cv_bytes *key = &entry->key.bytes;

    if (entry->key.type != CV_STRING || key->len <= len || memcmp(key->data, ORDER_FIELD, len) != 0 ||
        entry->value.is_null || entry->value.type > CV_INT64 || entry->value.integer < 0)
        return CV_OK;
    if (add_collection(txn, 0, strndup(key->data + len, key->len - len), err) != CV_OK)
        return err->rc;
    txn->collections[txn->n_collections - 1].events = (uint64_t)entry->value.integer;
    txn->events += (uint64_t)entry->value.integer;
    return CV_OK;
}

enum cv_rc
transaction_read(struct transaction *txn, const struct cv_value *offset, bool open, struct cv_err *err)
{
    const struct cv_value *id;
    char text[24] = "";

    if (txn == NULL || !open || offset == NULL || offset->type != CV_MAP)
        return CV_OK;
    id = cv_map_get(offset, "transaction_id");
    if (id == NULL || id->is_null || id->type != CV_STRING || id->bytes.len >= sizeof(text))
        return CV_OK;
    memcpy(text, id->bytes.data, id->bytes.len);
    forget(txn);
    txn->xid = (uint32_t)strtoul(text, NULL, 10);
    txn->resumed = true;
    for (size_t i = 0; i < offset->map.count; i++)
        if (read_collection(txn, &offset->map.entries[i], err) != CV_OK)
            return err->rc;
    return CV_OK;
}
