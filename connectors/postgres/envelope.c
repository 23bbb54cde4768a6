/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The envelope on the direct path: bytes, appended piece by piece.
 *
 * The value's text is
 *   {"before":B,"after":A  HEAD  lsn  MIDDLE  table  TAIL  lsn  END  transaction  ,"op":"c  CLOCK
 * HEAD, MIDDLE, TAIL and END hold what does not change within a transaction, table what does not change within a
 * plan, CLOCK what does not change within a batch. The record path is in envelope_record.c, the schemas in
 * envelope_schema.c.
 */
#include "connectors/postgres/envelope_private.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "connectors/postgres/transaction.h"
#include "data/text_value.h"

#define TRANSACTION_BOUND 160 /* the transaction's block and what stands around it */

enum cv_rc
envelope_new(const struct envelope_spec *spec, struct envelope **ret, struct cv_err *err)
{
    struct envelope *env = calloc(1, sizeof(*env));
    struct cv_buf *head;

    if (env == NULL)
        return cv_fail_memory(err);
    env->config = spec->config;
    env->skipped = pg_config_skipped(spec->config);
    env->direct = spec->direct;
    env->transaction = spec->transaction;
    cv_buf_init(&env->source_head, FRAGMENT_MAX);
    cv_buf_init(&env->database, FRAGMENT_MAX);
    cv_buf_init(&env->head, FRAGMENT_MAX);
    cv_buf_init(&env->middle, FRAGMENT_MAX);
    cv_buf_init(&env->tail, FRAGMENT_MAX);
    cv_buf_init(&env->end, FRAGMENT_MAX);
    cv_buf_init(&env->clock, FRAGMENT_MAX);
    head = &env->source_head;
    cv_buf_str(head, ",\"source\":{\"version\":\"" DEBEZIUM_VERSION "\",\"connector\":\"postgresql\",\"name\":");
    cv_buf_json(head, spec->config->topic_prefix, strlen(spec->config->topic_prefix));
    cv_buf_str(head, ",\"ts_ms\":");
    cv_buf_json(&env->database, spec->config->dbname, strlen(spec->config->dbname));
    snprintf(env->task_id, sizeof(env->task_id), "%d", spec->task);
    if (cv_buf_check(head, err) != CV_OK || cv_buf_check(&env->database, err) != CV_OK ||
        envelope_source_schema(&env->source_schema, err) != CV_OK) {
        envelope_free(env);
        return err->rc;
    }
    if (spec->config->extended_headers && (spec->direct == NULL || spec->direct->headers)) {
        env->context[0] = (struct cv_raw_header){ "__debezium.context.connectorLogicalName",
                                                  { spec->config->topic_prefix,
                                                    strlen(spec->config->topic_prefix) } };
        env->context[1] = (struct cv_raw_header){ "__debezium.context.taskId",
                                                  { env->task_id, strlen(env->task_id) } };
        env->context[2] = (struct cv_raw_header){ "__debezium.context.connectorName", { "postgresql", 10 } };
        env->headers = (struct cv_raw_headers){ env->context, N_CONTEXT, .constant = true };
    }
    *ret = env;
    return CV_OK;
}

void
envelope_free(struct envelope *env)
{
    if (env == NULL)
        return;
    cv_buf_free(&env->source_head);
    cv_buf_free(&env->database);
    cv_buf_free(&env->head);
    cv_buf_free(&env->middle);
    cv_buf_free(&env->tail);
    cv_buf_free(&env->end);
    cv_buf_free(&env->clock);
    cv_schema_unref(env->source_schema);
    free(env);
}

/* 0: null. */
static void
add_number(struct cv_buf *buf, uint64_t v)
{
    if (v != 0)
        cv_buf_u64(buf, v);
    else
        cv_buf_str(buf, "null");
}

/* Everything of the source block that the state holds, except the LSN and the table. */
static void
render_source(struct envelope *env)
{
    const struct envelope_source *src = &env->source;
    bool show_default = env->direct == NULL || env->direct->replace_null_with_default;

    cv_buf_reset(&env->head);
    cv_buf_add(&env->head, env->source_head.data, env->source_head.len);
    cv_buf_i64(&env->head, src->time_us / 1000);
    cv_buf_str(&env->head, ",\"snapshot\":");
    if (src->marker != NULL)
        cv_buf_printf(&env->head, "\"%s\"", src->marker);
    else
        cv_buf_str(&env->head, show_default ? "\"false\"" : "null");
    cv_buf_str(&env->head, ",\"db\":");
    cv_buf_add(&env->head, env->database.data, env->database.len);
    if (src->last_commit != CV_LSN_NONE)
        cv_buf_printf(&env->head, ",\"sequence\":\"[\\\"%llu\\\",\\\"", (unsigned long long)src->last_commit);
    else
        cv_buf_str(&env->head, ",\"sequence\":\"[null,\\\"");

    cv_buf_reset(&env->middle);
    cv_buf_str(&env->middle, "\\\"]\",\"ts_us\":");
    cv_buf_i64(&env->middle, src->time_us);
    cv_buf_str(&env->middle, ",\"ts_ns\":");
    cv_buf_i64(&env->middle, src->time_us * 1000);
    cv_buf_str(&env->middle, ",\"schema\":");

    cv_buf_reset(&env->tail);
    add_number(&env->tail, src->txid);
    cv_buf_str(&env->tail, src->no_lsn ? ",\"lsn\":null" : ",\"lsn\":");

    cv_buf_reset(&env->end);
    cv_buf_str(&env->end, ",\"xmin\":");
    add_number(&env->end, src->xmin);
    cv_buf_str(&env->end, "},\"transaction\":");
}

void
envelope_transaction(struct envelope *env, cv_time_us commit_time_us, uint32_t xid, cv_lsn last_commit)
{
    env->source = (struct envelope_source){ .time_us = commit_time_us, .txid = xid, .last_commit = last_commit,
                                            .xmin = env->xmin };
    render_source(env);
}

void
envelope_xmin(struct envelope *env, uint64_t xmin)
{
    env->xmin = xmin;
}

void
envelope_snapshot(struct envelope *env, cv_time_us time_us, uint64_t txid, cv_lsn last_commit)
{
    env->source = (struct envelope_source){ .time_us = time_us, .txid = txid, .last_commit = last_commit,
                                            .marker = "true" };
    render_source(env);
}

void
envelope_incremental(struct envelope *env, cv_time_us now_us, cv_lsn last_commit)
{
    env->source = (struct envelope_source){ .time_us = now_us, .last_commit = last_commit, .no_lsn = true,
                                            .marker = "incremental" };
    render_source(env);
}

void
envelope_marker(struct envelope *env, const char *marker)
{
    env->source.marker = marker;
    render_source(env);
}

void
envelope_clock(struct envelope *env, int64_t now_ns)
{
    env->now_ns = now_ns;
    cv_buf_reset(&env->clock);
    cv_buf_str(&env->clock, "\",\"ts_ms\":");
    cv_buf_i64(&env->clock, now_ns / 1000000);
    cv_buf_str(&env->clock, ",\"ts_us\":");
    cv_buf_i64(&env->clock, now_ns / 1000);
    cv_buf_str(&env->clock, ",\"ts_ns\":");
    cv_buf_i64(&env->clock, now_ns);
    cv_buf_char(&env->clock, '}');
}

int64_t
envelope_now_ms(const struct envelope *env)
{
    return env->now_ns / 1000000;
}

static char *
put(char *out, const void *data, size_t len)
{
    if (len > 0) /* data of a tombstone is NULL */
        memcpy(out, data, len);
    return out + len;
}

#define PUT(out, literal) put(out, literal, sizeof(literal) - 1)

static size_t
value_bound(const struct envelope *env, const struct plan *plan, size_t text_len)
{
    return 2 * plan_bound(plan, text_len) + plan->value_prefix.len + plan->source_table.len +
           env->head.len + env->middle.len + env->tail.len + env->end.len + env->clock.len +
           TRANSACTION_BOUND + 128;
}

/* {"id":"xid:lsn","total_order":1,"data_collection_order":1} */
static char *
write_order(const struct transaction_order *order, cv_lsn lsn, char *out)
{
    out = PUT(out, "{\"id\":\"");
    out = encode_u64(order->xid, out);
    *out++ = ':';
    out = encode_u64(lsn, out);
    out = PUT(out, "\",\"total_order\":");
    out = encode_u64(order->total, out);
    out = PUT(out, ",\"data_collection_order\":");
    out = encode_u64(order->in_collection, out);
    *out++ = '}';
    return out;
}

/* order NULL: not part of a transaction, or they are not counted. */
static char *
write_value(const struct envelope *env, const struct plan *plan, const struct envelope_change *change,
            const struct transaction_order *order, char *out, int *ret_bad)
{
    out = put(out, plan->value_prefix.text, plan->value_prefix.len);
    out = PUT(out, "{\"before\":");
    out = change->old != NULL ? plan_write_row(plan, change->old, NULL, out, ret_bad)
                              : PUT(out, "null");
    out = PUT(out, ",\"after\":");
    out = change->new != NULL ? plan_write_row(plan, change->new, envelope_whole(change), out, ret_bad)
                              : PUT(out, "null");
    out = put(out, env->head.data, env->head.len);
    out = encode_u64(change->lsn, out);
    out = put(out, env->middle.data, env->middle.len);
    out = put(out, plan->source_table.text, plan->source_table.len);
    out = put(out, env->tail.data, env->tail.len);
    if (!env->source.no_lsn)
        out = encode_u64(change->lsn, out);
    out = put(out, env->end.data, env->end.len);
    out = order != NULL ? write_order(order, change->lsn, out) : PUT(out, "null");
    out = PUT(out, ",\"op\":\"");
    *out++ = change->op;
    out = put(out, env->clock.data, env->clock.len);
    if (plan->value_prefix.len > 0)
        *out++ = '}';
    return out;
}

static struct cv_message *
add_message(struct cv_batch *batch, const struct plan *plan, const struct cv_raw_headers *headers)
{
    struct cv_message *msg = cv_batch_add_message(batch);

    if (msg != NULL) {
        msg->topic = plan->topic;
        msg->headers = headers;
    }
    return msg;
}

/* The key object in the arena, with its schema prefix; *ret_bare is the object alone. */
static enum cv_rc
emit_key(const struct plan *plan, const struct pgoutput_tuple *row, size_t text_len,
         struct cv_batch *batch, struct cv_bytes *ret, struct cv_bytes *ret_bare, struct cv_err *err)
{
    char *start, *bare, *end;
    int bad = -1;

    *ret = *ret_bare = (struct cv_bytes){ 0 };
    if (plan->n_keys == 0)
        return CV_OK;
    start = cv_arena_reserve(batch->arena, plan->key_prefix.len + plan_bound(plan, text_len) + 2);
    if (start == NULL)
        return cv_fail_memory(err);
    bare = put(start, plan->key_prefix.text, plan->key_prefix.len);
    end = plan_write_key(plan, row, bare, &bad);
    *ret_bare = (struct cv_bytes){ bare, (size_t)(end - bare) };
    if (plan->key_prefix.len > 0)
        *end++ = '}';
    *ret = (struct cv_bytes){ start, (size_t)(end - start) };
    cv_arena_advance(batch->arena, ret->len);
    return CV_OK;
}

enum cv_rc
envelope_count(const struct envelope *env, const struct plan *plan, struct transaction_order *ret,
               const struct transaction_order **ret_order, struct cv_err *err)
{
    *ret_order = NULL;
    if (env->transaction == NULL || env->source.marker != NULL)
        return CV_OK;
    *ret_order = ret;
    return transaction_count(env->transaction, plan->oid, plan->schema_name, plan->table_name, ret, err);
}

static enum cv_rc
emit_value(const struct envelope *env, const struct plan *plan, const struct envelope_change *change,
           struct cv_bytes key, const struct cv_raw_headers *headers, struct cv_batch *batch, int *ret_bad,
           struct cv_err *err)
{
    struct cv_message *msg = add_message(batch, plan, headers); /* may take memory: before the reservation */
    char *start = cv_arena_reserve(batch->arena, value_bound(env, plan, change->text_len)), *end;
    struct transaction_order order;
    const struct transaction_order *has_order;

    if (start == NULL || msg == NULL)
        return cv_fail_memory(err);
    if (envelope_count(env, plan, &order, &has_order, err) != CV_OK)
        return err->rc;
    end = write_value(env, plan, change, has_order, start, ret_bad);
    msg->key = key;
    msg->value = (struct cv_bytes){ start, (size_t)(end - start) };
    cv_arena_advance(batch->arena, msg->value.len);
    return CV_OK;
}

static enum cv_rc
emit_tombstone(const struct envelope *env, const struct plan *plan, struct cv_bytes key,
               const struct cv_raw_headers *headers, struct cv_batch *batch, struct cv_err *err)
{
    struct cv_message *msg;

    if (!env->config->tombstones_on_delete)
        return CV_OK;
    msg = add_message(batch, plan, headers);
    if (msg == NULL)
        return cv_fail_memory(err);
    msg->key = key;
    return CV_OK;
}

/* A key as SimpleHeaderConverter writes a struct: unlike in the record's key, decimals are plain numbers. */
static enum cv_rc
key_header_text(const struct plan *plan, const struct pgoutput_tuple *row,
                struct cv_arena *arena, struct cv_bytes *ret, struct cv_err *err)
{
    struct cv_buf text = CV_BUF_INIT(HEADER_MAX);
    struct cv_value key;
    enum cv_rc rc = plan_key_value(plan, row, arena, &key, err);

    if (rc != CV_OK)
        return rc;
    text_of_value(&text, &key);
    rc = cv_buf_check(&text, err);
    if (rc == CV_OK) {
        ret->data = cv_arena_dup(arena, cv_buf_cstr(&text), text.len);
        ret->len = text.len;
        if (ret->data == NULL)
            rc = cv_fail_memory(err);
    }
    cv_buf_free(&text);
    return rc;
}

/* The context headers behind one more that names the other key. */
static const struct cv_raw_headers *
headers_with(const struct envelope *env, const char *name, struct cv_bytes value, struct cv_batch *batch)
{
    struct cv_raw_headers *headers = cv_arena_alloc(batch->arena, sizeof(*headers));
    struct cv_raw_header *items = cv_arena_alloc(batch->arena, (N_CONTEXT + 1) * sizeof(*items));

    if (headers == NULL || items == NULL)
        return NULL;
    items[0] = (struct cv_raw_header){ name, value };
    memcpy(items + 1, env->headers.items, env->headers.count * sizeof(*items));
    *headers = (struct cv_raw_headers){ items, env->headers.count + 1, .constant = false };
    return headers;
}

/* A changed key: the old row is deleted, the new one created; each names the other's key in a header. */
static enum cv_rc
emit_key_change(const struct envelope *env, const struct plan *plan, const struct envelope_change *change,
                const struct cv_bytes keys[2], struct cv_batch *batch, int *ret_bad, struct cv_err *err)
{
    struct envelope_change gone = *change, come = *change;
    const struct cv_raw_headers *newkey, *oldkey;
    struct cv_bytes old_text, new_text;

    gone.op = 'd';
    gone.new = NULL;
    come.op = 'c';
    come.whole = envelope_whole(change);
    come.old = NULL;
    if (key_header_text(plan, change->old, batch->arena, &old_text, err) != CV_OK ||
        key_header_text(plan, change->new, batch->arena, &new_text, err) != CV_OK)
        return err->rc;
    newkey = headers_with(env, "__debezium.newkey", new_text, batch);
    oldkey = headers_with(env, "__debezium.oldkey", old_text, batch);
    if (newkey == NULL || oldkey == NULL)
        return cv_fail_memory(err);
    if ((env->skipped & PG_OP_DELETE) == 0 &&
        (emit_value(env, plan, &gone, keys[0], newkey, batch, ret_bad, err) != CV_OK ||
         emit_tombstone(env, plan, keys[0], newkey, batch, err) != CV_OK))
        return err->rc;
    if ((env->skipped & PG_OP_CREATE) != 0)
        return CV_OK;
    return emit_value(env, plan, &come, keys[1], oldkey, batch, ret_bad, err);
}

static bool
same_bytes(struct cv_bytes a, struct cv_bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static enum cv_rc
emit_direct(struct envelope *env, const struct plan *plan, const struct envelope_change *change,
            struct cv_batch *batch, int *ret_bad, struct cv_err *err)
{
    const struct cv_raw_headers *headers = env->headers.count > 0 ? &env->headers : NULL;
    struct cv_bytes keys[2] = { { 0 } }, bare[2] = { { 0 } };

    if (change->old != NULL && emit_key(plan, change->old, change->text_len, batch,
                                        &keys[0], &bare[0], err) != CV_OK)
        return err->rc;
    if (change->new != NULL && emit_key(plan, change->new, change->text_len, batch, &keys[1],
                                        &bare[1], err) != CV_OK)
        return err->rc;
    if (change->op == 'u' && change->old != NULL && !same_bytes(bare[0], bare[1]))
        return emit_key_change(env, plan, change, keys, batch, ret_bad, err);
    if (emit_value(env, plan, change, change->new != NULL ? keys[1] : keys[0], headers, batch, ret_bad,
                   err) != CV_OK)
        return err->rc;
    if (change->op == 'd')
        return emit_tombstone(env, plan, keys[0], headers, batch, err);
    return CV_OK;
}

bool
envelope_lacks(const struct envelope_change *change, int column)
{
    const struct pgoutput_tuple *old = envelope_whole(change);

    return change->new != NULL && change->new->values[column].kind == 'u' &&
           (old == NULL || old->values[column].kind == 'u');
}

/* Where the schema has no null. */
static enum cv_rc
fail_lacking(const struct plan_column *col, struct cv_err *err)
{
    return cv_fail(err, CV_INVALID,
                   "the server does not send the unchanged value of column \"%s\" again, its type has no placeholder, "
                   "and it is NOT NULL so that null cannot be sent instead; set REPLICA IDENTITY FULL, let "
                   "ReselectColumnsPostProcessor read it again, or leave such events out with "
                   "event.processing.failure.handling.mode=warn",
                   col->column);
}

/* What event.converting.failure.handling.mode says of a value that went out as null; where the schema has no null, no
   consumer could read it. */
static enum cv_rc
judge_bad(const struct envelope *env, const struct plan *plan, const struct envelope_change *change, int *ret_bad,
          struct cv_err *err)
{
    const struct plan_column *col = &plan->columns[*ret_bad];
    bool lacks = envelope_lacks(change, *ret_bad);

    if (lacks && col->required)
        return fail_lacking(col, err);
    if (env->config->event_converting_failure_mode == PG_FAILURE_FAIL)
        return cv_fail(err, CV_INVALID,
                       "cannot convert %s of column \"%s\"; event.converting.failure.handling.mode=warn sends null"
                       " instead",
                       lacks ? "the placeholder of an unchanged value" : "a value", col->column);
    if (col->required)
        return cv_fail(err, CV_INVALID,
                       "cannot convert a value of column \"%s\", which is NOT NULL so that null cannot be sent instead;"
                       " correct the value or leave the column out with column.exclude.list%s",
                       col->column,
                       col->enc.kind == ENCODE_DECIMAL || col->enc.kind == ENCODE_DECIMAL_VARIABLE
                           ? "; decimal.handling.mode=string has NaN and infinities"
                           : "");
    if (env->config->event_converting_failure_mode == PG_FAILURE_SKIP)
        *ret_bad = -1;
    return CV_OK;
}

enum cv_rc
envelope_emit(struct envelope *env, const struct plan *plan, const struct envelope_change *change,
              struct cv_batch *batch, int *ret_bad, struct cv_err *err)
{
    size_t messages = batch->n_messages, records = batch->n_records;
    enum cv_rc rc = CV_OK;

    if (env->direct == NULL)
        rc = envelope_emit_records(env, plan, change, batch, ret_bad, err);
    else if (plan->topic != NULL)
        rc = emit_direct(env, plan, change, batch, ret_bad, err);
    if (rc == CV_OK && *ret_bad >= 0)
        rc = judge_bad(env, plan, change, ret_bad, err);
    if (rc != CV_OK) { /* all of the change or nothing */
        batch->n_messages = messages;
        batch->n_records = records;
    }
    return rc;
}
