/* SPDX-License-Identifier: Apache-2.0 */
/* Logical messages as records. */
#include "connectors/postgres/logical_message.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/number.h"
#include "common/regex.h"
#include "connectors/postgres/name.h"
#include "connectors/postgres/transaction.h"

#define CONTENT_MAX ((size_t)1 << 30)

struct logical_messages {
    const struct pg_config *config;
    struct transaction *transaction;
    struct cv_regex_list *include, *exclude;
    char *topic;
    struct cv_schema *key_schema;
    struct cv_schema *value_schema;
};

enum { VALUE_OP, VALUE_TS_MS, VALUE_SOURCE, VALUE_TRANSACTION, VALUE_MESSAGE };

static enum cv_rc
key_schema(struct cv_schema **ret, struct cv_err *err)
{
    struct cv_schema_builder *b = cv_schema_new(CV_STRUCT);

    cv_schema_set_name(b, "io.debezium.connector.postgresql.MessageKey");
    cv_schema_set_version(b, 1);
    cv_schema_add_field(b, "prefix", cv_schema_plain(CV_STRING, true));
    return cv_schema_finish(b, ret, err);
}

static enum cv_rc
message_schema(const struct pg_config *config, struct cv_schema **ret, struct cv_err *err)
{
    struct cv_schema_builder *b = cv_schema_new(CV_STRUCT);
    enum cv_type content = config->binary_mode == PG_BINARY_BYTES ? CV_BYTES : CV_STRING;

    cv_schema_set_name(b, "io.debezium.connector.postgresql.Message");
    cv_schema_set_version(b, 1);
    cv_schema_add_field(b, "prefix", cv_schema_plain(CV_STRING, true));
    cv_schema_add_field(b, "content", cv_schema_plain(content, true));
    return cv_schema_finish(b, ret, err);
}

static enum cv_rc
value_schema(const struct pg_config *config, struct cv_schema **ret, struct cv_err *err)
{
    struct cv_schema *source = NULL, *transaction = NULL, *message = NULL;
    enum cv_rc rc = envelope_source_schema(&source, err);

    if (rc == CV_OK)
        rc = transaction_block_schema(&transaction, err);
    if (rc == CV_OK)
        rc = message_schema(config, &message, err);
    if (rc == CV_OK) {
        struct cv_schema_builder *b = cv_schema_new(CV_STRUCT);

        cv_schema_set_name(b, "io.debezium.connector.postgresql.MessageValue");
        cv_schema_set_version(b, 1);
        cv_schema_add_field(b, "op", cv_schema_plain(CV_STRING, false));
        cv_schema_add_field(b, "ts_ms", cv_schema_plain(CV_INT64, true));
        cv_schema_add_field(b, "source", source);
        cv_schema_add_field(b, "transaction", transaction);
        cv_schema_add_field(b, "message", message);
        rc = cv_schema_finish(b, ret, err);
    }
    cv_schema_unref(source);
    cv_schema_unref(transaction);
    cv_schema_unref(message);
    return rc;
}

enum cv_rc
logical_messages_new(const struct pg_config *config, struct transaction *transaction, struct logical_messages **ret,
                     struct cv_err *err)
{
    struct logical_messages *m = calloc(1, sizeof(*m));
    enum cv_rc rc;

    if (m == NULL)
        return cv_fail_memory(err);
    m->config = config;
    m->transaction = transaction;
    rc = name_message_topic(config, &m->topic, err);
    if (rc == CV_OK)
        rc = key_schema(&m->key_schema, err);
    if (rc == CV_OK)
        rc = value_schema(config, &m->value_schema, err);
    if (rc == CV_OK && config->message_prefix_include != NULL)
        rc = cv_regex_list_new(config->message_prefix_include, true, &m->include, err);
    if (rc == CV_OK && config->message_prefix_exclude != NULL)
        rc = cv_regex_list_new(config->message_prefix_exclude, true, &m->exclude, err);
    if (rc == CV_OK)
        *ret = m;
    else
        logical_messages_free(m);
    return rc;
}

void
logical_messages_free(struct logical_messages *m)
{
    if (m == NULL)
        return;
    cv_regex_list_free(m->include);
    cv_regex_list_free(m->exclude);
    free(m->topic);
    cv_schema_unref(m->key_schema);
    cv_schema_unref(m->value_schema);
    free(m);
}

static bool
is_left_out(const struct logical_messages *m, const char *prefix)
{
    size_t len = strlen(prefix);

    return (m->include != NULL && !cv_regex_list_matches(m->include, prefix, len)) ||
           (m->exclude != NULL && cv_regex_list_matches(m->exclude, prefix, len));
}

/* The content in the form of binary.handling.mode. */
static enum cv_rc
content_value(const struct logical_messages *m, const struct pgoutput_message *msg, struct cv_arena *arena,
              struct cv_value *ret, struct cv_err *err)
{
    struct cv_buf text = CV_BUF_INIT(CONTENT_MAX);
    bool plain = m->config->binary_mode == PG_BINARY_BYTES;
    char *bytes = NULL;
    enum cv_rc rc;

    if (plain)
        cv_buf_add(&text, msg->content, msg->len);
    else if (m->config->binary_mode == PG_BINARY_HEX)
        cv_buf_hex(&text, msg->content, msg->len);
    else if (m->config->binary_mode == PG_BINARY_BASE64)
        cv_base64(&text, msg->content, msg->len);
    else
        cv_base64_url(&text, msg->content, msg->len);
    rc = cv_buf_check(&text, err);
    if (rc == CV_OK && (bytes = cv_arena_dup(arena, cv_buf_cstr(&text), text.len)) == NULL)
        rc = cv_fail_memory(err);
    if (rc == CV_OK)
        *ret = plain ? cv_binary(bytes, text.len) : cv_string(bytes, text.len);
    cv_buf_free(&text);
    return rc;
}

static enum cv_rc
order_value(const struct logical_messages *m, const struct pgoutput_message *msg, cv_lsn lsn, struct cv_arena *arena,
            struct cv_value *ret, struct cv_err *err)
{
    struct transaction_order order;
    struct cv_value *val;
    char text[48];
    char *id;

    if (m->transaction == NULL || !msg->transactional)
        return CV_OK;
    if (transaction_count(m->transaction, 0, "", "", &order, err) != CV_OK)
        return err->rc;
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

enum cv_rc
logical_message_emit(struct logical_messages *m, const struct envelope *env, const struct pgoutput_message *msg,
                     cv_lsn lsn, struct cv_batch *batch, struct cv_err *err)
{
    struct cv_arena *arena = batch->arena;
    struct cv_value *key, *val, *message;
    struct cv_value content;
    struct cv_record *rec;
    char *prefix;

    if (is_left_out(m, msg->prefix))
        return CV_OK;
    rec = cv_batch_add_record(batch);
    key = cv_struct_new(arena, m->key_schema);
    val = cv_struct_new(arena, m->value_schema);
    prefix = cv_arena_strdup(arena, msg->prefix);
    if (rec == NULL || key == NULL || val == NULL || prefix == NULL)
        return cv_fail_memory(err);
    message = cv_struct_new(arena, cv_struct_at(val, VALUE_MESSAGE)->schema);
    if (message == NULL)
        return cv_fail_memory(err);
    if (content_value(m, msg, arena, &content, err) != CV_OK ||
        envelope_source_value(env, cv_struct_at(val, VALUE_SOURCE)->schema, "", "", lsn, arena,
                              cv_struct_at(val, VALUE_SOURCE), err) != CV_OK ||
        order_value(m, msg, lsn, arena, cv_struct_at(val, VALUE_TRANSACTION), err) != CV_OK)
        return err->rc;
    cv_struct_set(key, 0, cv_cstring(prefix));
    cv_struct_set(message, 0, cv_cstring(prefix));
    cv_struct_set(message, 1, content);
    cv_struct_set(val, VALUE_OP, cv_cstring("m"));
    cv_struct_set(val, VALUE_TS_MS, cv_int(CV_INT64, envelope_now_ms(env)));
    cv_struct_set(val, VALUE_MESSAGE, *message);
    rec->topic = m->topic;
    rec->key = *key;
    rec->value = *val;
    return CV_OK;
}
