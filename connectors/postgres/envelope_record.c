/* SPDX-License-Identifier: Apache-2.0 */
/* The envelope on the record path: the same events as schemas and values, for transforms and other converters. */
#include "connectors/postgres/envelope_private.h"

#include <inttypes.h>
#include <string.h>

#include "common/arena.h"
#include "connectors/postgres/transaction.h"

/* Fields of the envelope and of source, in the order of their schemas (envelope_schema.c). */
enum { BEFORE, AFTER, SOURCE, TRANSACTION, OP, TS_MS, TS_US, TS_NS };
enum {
    SRC_VERSION,
    SRC_CONNECTOR,
    SRC_NAME,
    SRC_TS_MS,
    SRC_SNAPSHOT,
    SRC_DB,
    SRC_SEQUENCE,
    SRC_TS_US,
    SRC_TS_NS,
    SRC_SCHEMA,
    SRC_TABLE,
    SRC_TXID,
    SRC_LSN,
    SRC_XMIN,
};

enum cv_rc
envelope_source_value(const struct envelope *env, const struct cv_schema *source_schema, const char *schema,
                      const char *table, cv_lsn lsn, struct cv_arena *arena, struct cv_value *ret, struct cv_err *err)
{
    const struct envelope_source *src = &env->source;
    struct cv_value *val = cv_struct_new(arena, source_schema);
    /* the plan may be gone before the record is converted */
    char *schema_name = cv_arena_strdup(arena, schema), *table_name = cv_arena_strdup(arena, table);
    char text[64];
    char *sequence;

    if (src->last_commit != CV_LSN_NONE)
        snprintf(text, sizeof(text), "[\"%" PRIu64 "\",\"%" PRIu64 "\"]", src->last_commit, lsn);
    else
        snprintf(text, sizeof(text), "[null,\"%" PRIu64 "\"]", lsn);
    sequence = cv_arena_strdup(arena, text);
    if (val == NULL || sequence == NULL || schema_name == NULL || table_name == NULL)
        return cv_fail_memory(err);
    cv_struct_set(val, SRC_VERSION, cv_cstring(DEBEZIUM_VERSION));
    cv_struct_set(val, SRC_CONNECTOR, cv_cstring("postgresql"));
    cv_struct_set(val, SRC_NAME, cv_cstring(env->config->topic_prefix));
    cv_struct_set(val, SRC_TS_MS, cv_int(CV_INT64, src->time_us / 1000));
    if (src->marker != NULL)
        cv_struct_set(val, SRC_SNAPSHOT, cv_cstring(src->marker));
    cv_struct_set(val, SRC_DB, cv_cstring(env->config->dbname));
    cv_struct_set(val, SRC_SEQUENCE, cv_cstring(sequence));
    cv_struct_set(val, SRC_TS_US, cv_int(CV_INT64, src->time_us));
    cv_struct_set(val, SRC_TS_NS, cv_int(CV_INT64, src->time_us * 1000));
    cv_struct_set(val, SRC_SCHEMA, cv_cstring(schema_name));
    cv_struct_set(val, SRC_TABLE, cv_cstring(table_name));
    if (src->txid != 0)
        cv_struct_set(val, SRC_TXID, cv_int(CV_INT64, (int64_t)src->txid));
    if (!src->no_lsn)
        cv_struct_set(val, SRC_LSN, cv_int(CV_INT64, (int64_t)lsn));
    if (src->xmin != 0)
        cv_struct_set(val, SRC_XMIN, cv_int(CV_INT64, (int64_t)src->xmin));
    *ret = *val;
    return CV_OK;
}

/* The block that says where in its transaction the event is; null where that is not counted. */
static enum cv_rc
transaction_value(const struct envelope *env, const struct plan *plan, cv_lsn lsn, struct cv_arena *arena,
                  struct cv_value *ret, struct cv_err *err)
{
    struct transaction_order order;
    const struct transaction_order *has_order;
    struct cv_value *val;
    char text[48];
    char *id;

    if (envelope_count(env, plan, &order, &has_order, err) != CV_OK)
        return err->rc;
    if (has_order == NULL)
        return CV_OK;
    snprintf(text, sizeof(text), "%" PRIu32 ":%" PRIu64, order.xid, lsn);
    val = cv_struct_new(arena, ret->schema);
    id = cv_arena_strdup(arena, text);
    if (val == NULL || id == NULL)
        return cv_fail_memory(err);
    cv_struct_set(val, 0, cv_cstring(id));
    cv_struct_set(val, 1, cv_int(CV_INT64, (int64_t)order.total));
    cv_struct_set(val, 2, cv_int(CV_INT64, (int64_t)order.in_collection));
    *ret = *val;
    return CV_OK;
}

static enum cv_rc
envelope_value(const struct envelope *env, const struct plan *plan, const struct envelope_change *change,
               struct cv_arena *arena, struct cv_value *ret, int *ret_bad, struct cv_err *err)
{
    struct cv_value *val = cv_struct_new(arena, plan->envelope_schema);
    char *op = cv_arena_dup(arena, &change->op, 1);

    if (val == NULL || op == NULL)
        return cv_fail_memory(err);
    if (change->old != NULL && plan_row_value(plan, change->old, NULL, arena,
                                              cv_struct_at(val, BEFORE), ret_bad, err) != CV_OK)
        return err->rc;
    if (change->new != NULL && plan_row_value(plan, change->new, envelope_whole(change), arena,
                                              cv_struct_at(val, AFTER), ret_bad, err) != CV_OK)
        return err->rc;
    if (envelope_source_value(env, cv_struct_at(val, SOURCE)->schema, plan->schema_name, plan->table_name,
                              change->lsn, arena, cv_struct_at(val, SOURCE), err) != CV_OK ||
        transaction_value(env, plan, change->lsn, arena, cv_struct_at(val, TRANSACTION), err) != CV_OK)
        return err->rc;
    cv_struct_set(val, OP, cv_string(op, 1));
    cv_struct_set(val, TS_MS, cv_int(CV_INT64, env->now_ns / 1000000));
    cv_struct_set(val, TS_US, cv_int(CV_INT64, env->now_ns / 1000));
    cv_struct_set(val, TS_NS, cv_int(CV_INT64, env->now_ns));
    *ret = *val;
    return CV_OK;
}

/* The headers of every record; other_key (NULL: none) comes in front under name. */
static enum cv_rc
add_headers(const struct envelope *env, const char *name, const struct cv_value *other_key,
            struct cv_arena *arena, struct cv_record *rec, struct cv_err *err)
{
    const char *context[N_CONTEXT][2] = {
        { "__debezium.context.connectorLogicalName", env->config->topic_prefix },
        { "__debezium.context.taskId", env->task_id },
        { "__debezium.context.connectorName", "postgresql" },
    };

    if (other_key != NULL && cv_header_add(arena, &rec->headers, name, *other_key, err) != CV_OK)
        return err->rc;
    if (!env->config->extended_headers)
        return CV_OK;
    for (size_t i = 0; i < N_CONTEXT; i++) {
        struct cv_value val = cv_cstring(context[i][1]);

        val.schema = cv_schema_plain(CV_STRING, false);
        if (cv_header_add(arena, &rec->headers, context[i][0], val, err) != CV_OK)
            return err->rc;
    }
    return CV_OK;
}

/* The plan may be gone (a new Relation message, the end of a table's snapshot) before the batch is converted: its
   schemas live as long as the batch. The record before may hold them already. */
static enum cv_rc
hold_schemas(const struct plan *plan, const struct cv_batch *batch, struct cv_err *err)
{
    if (batch->n_records > 1 && batch->records[batch->n_records - 2].value.schema == plan->envelope_schema)
        return CV_OK;
    if (plan->key_schema != NULL && cv_schema_hold(batch->arena, plan->key_schema, err) != CV_OK)
        return err->rc;
    return cv_schema_hold(batch->arena, plan->envelope_schema, err);
}

/* One record; change NULL: a tombstone. */
static enum cv_rc
add_record(const struct envelope *env, const struct plan *plan, const struct envelope_change *change,
           const struct cv_value *key, const char *header, const struct cv_value *other_key,
           struct cv_batch *batch, int *ret_bad, struct cv_err *err)
{
    struct cv_record *rec = cv_batch_add_record(batch);

    if (rec == NULL)
        return cv_fail_memory(err);
    if (hold_schemas(plan, batch, err) != CV_OK)
        return err->rc;
    rec->topic = cv_arena_strdup(batch->arena, plan->topic_name);
    if (rec->topic == NULL)
        return cv_fail_memory(err);
    rec->key = *key;
    rec->value = cv_null(NULL);
    if (change != NULL &&
        envelope_value(env, plan, change, batch->arena, &rec->value, ret_bad, err) != CV_OK)
        return err->rc;
    return add_headers(env, header, other_key, batch->arena, rec, err);
}

static enum cv_rc
key_of(const struct plan *plan, const struct pgoutput_tuple *row,
       struct cv_arena *arena, struct cv_value *ret, struct cv_err *err)
{
    *ret = cv_null(NULL);
    if (row == NULL || plan->key_schema == NULL)
        return CV_OK;
    return plan_key_value(plan, row, arena, ret, err);
}

static enum cv_rc
emit_key_change(const struct envelope *env, const struct plan *plan, const struct envelope_change *change,
                const struct cv_value *old_key, const struct cv_value *new_key, struct cv_batch *batch,
                int *ret_bad, struct cv_err *err)
{
    bool deletes = (env->skipped & PG_OP_DELETE) == 0;
    struct envelope_change gone = *change, come = *change;

    gone.op = 'd';
    gone.new = NULL;
    come.op = 'c';
    come.whole = envelope_whole(change);
    come.old = NULL;

    if (deletes && add_record(env, plan, &gone, old_key, "__debezium.newkey", new_key, batch, ret_bad, err) != CV_OK)
        return err->rc;
    if (deletes && env->config->tombstones_on_delete &&
        add_record(env, plan, NULL, old_key, "__debezium.newkey", new_key, batch, ret_bad, err) != CV_OK)
        return err->rc;
    if ((env->skipped & PG_OP_CREATE) != 0)
        return CV_OK;
    return add_record(env, plan, &come, new_key, "__debezium.oldkey", old_key, batch, ret_bad, err);
}

enum cv_rc
envelope_emit_records(struct envelope *env, const struct plan *plan, const struct envelope_change *change,
                      struct cv_batch *batch, int *ret_bad, struct cv_err *err)
{
    struct cv_value old_key, new_key;

    if (key_of(plan, change->old, batch->arena, &old_key, err) != CV_OK ||
        key_of(plan, change->new, batch->arena, &new_key, err) != CV_OK)
        return err->rc;
    if (change->op == 'u' && change->old != NULL && !cv_value_equal(&old_key, &new_key))
        return emit_key_change(env, plan, change, &old_key, &new_key, batch, ret_bad, err);
    if (add_record(env, plan, change, change->new != NULL ? &new_key : &old_key, NULL, NULL, batch, ret_bad,
                   err) != CV_OK)
        return err->rc;
    if (change->op == 'd' && env->config->tombstones_on_delete)
        return add_record(env, plan, NULL, &old_key, NULL, NULL, batch, ret_bad, err);
    return CV_OK;
}
