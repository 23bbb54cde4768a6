/* SPDX-License-Identifier: Apache-2.0 */
/* Notifications: the records, and the channels. */
#include "connectors/postgres/notification.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/uuid.h"

#define DATA_MAX 8

struct pending {
    struct pending *next;
    char *id;
    char *type;
    const char *aggregate;
    char *keys[DATA_MAX];
    char *values[DATA_MAX];
    size_t n_data;
    int64_t time_ms;
};

struct notifications {
    const struct pg_config *config;
    struct cv_log *log;
    struct cv_schema *key_schema;
    struct cv_schema *value_schema;
    struct pending *first;
    struct pending **last;
};

enum { FIELD_ID, FIELD_TYPE, FIELD_AGGREGATE, FIELD_DATA, FIELD_TIMESTAMP };

static enum cv_rc
make_key_schema(struct cv_schema **ret, struct cv_err *err)
{
    struct cv_schema_builder *b = cv_schema_new(CV_STRUCT);

    cv_schema_set_name(b, "io.debezium.connector.common.NotificationKey");
    cv_schema_set_version(b, 1);
    cv_schema_add_field(b, "id", cv_schema_plain(CV_STRING, false));
    return cv_schema_finish(b, ret, err);
}

static enum cv_rc
make_value_schema(struct cv_schema **ret, struct cv_err *err)
{
    struct cv_schema_builder *b = cv_schema_new(CV_MAP);
    struct cv_schema *data = NULL;
    enum cv_rc rc;

    cv_schema_set_optional(b);
    cv_schema_set_keys(b, cv_schema_plain(CV_STRING, false));
    cv_schema_set_items(b, cv_schema_plain(CV_STRING, false));
    if (cv_schema_finish(b, &data, err) != CV_OK)
        return err->rc;
    b = cv_schema_new(CV_STRUCT);
    cv_schema_set_name(b, "io.debezium.connector.common.Notification");
    cv_schema_set_version(b, 1);
    cv_schema_add_field(b, "id", cv_schema_plain(CV_STRING, false));
    cv_schema_add_field(b, "type", cv_schema_plain(CV_STRING, false));
    cv_schema_add_field(b, "aggregate_type", cv_schema_plain(CV_STRING, false));
    cv_schema_add_field(b, "additional_data", data);
    cv_schema_add_field(b, "timestamp", cv_schema_plain(CV_INT64, false));
    rc = cv_schema_finish(b, ret, err);
    cv_schema_unref(data);
    return rc;
}

enum cv_rc
notifications_new(const struct pg_config *config, struct cv_log *log, struct notifications **ret, struct cv_err *err)
{
    struct notifications *n = calloc(1, sizeof(*n));

    if (n == NULL)
        return cv_fail_memory(err);
    n->config = config;
    n->log = log;
    n->last = &n->first;
    if (make_key_schema(&n->key_schema, err) != CV_OK || make_value_schema(&n->value_schema, err) != CV_OK) {
        notifications_free(n);
        return err->rc;
    }
    *ret = n;
    return CV_OK;
}

static void
pending_free(struct pending *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < p->n_data; i++) {
        free(p->keys[i]);
        free(p->values[i]);
    }
    free(p->id);
    free(p->type);
    free(p);
}

void
notifications_free(struct notifications *n)
{
    if (n == NULL)
        return;
    while (n->first != NULL) {
        struct pending *p = n->first;

        n->first = p->next;
        pending_free(p);
    }
    cv_schema_unref(n->key_schema);
    cv_schema_unref(n->value_schema);
    free(n);
}

static bool
add_data(struct pending *p, const char *key, const char *value)
{
    size_t i = p->n_data++;

    p->keys[i] = strdup(key);
    p->values[i] = strdup(value);
    return p->keys[i] != NULL && p->values[i] != NULL;
}

static enum cv_rc
pending_new(const struct notifications *n, const struct notification *what, struct pending **ret, struct cv_err *err)
{
    struct pending *p = calloc(1, sizeof(*p));
    char uuid[CV_UUID_TEXT];
    bool ok;

    if (p == NULL)
        return cv_fail_memory(err);
    if (what->id == NULL && cv_uuid_random(uuid, err) != CV_OK) {
        pending_free(p);
        return err->rc;
    }
    p->id = strdup(what->id != NULL ? what->id : uuid);
    p->type = strdup(what->type);
    p->aggregate = what->aggregate;
    p->time_ms = cv_now_us() / 1000;
    ok = p->id != NULL && p->type != NULL && add_data(p, "connector_name", n->config->topic_prefix);
    for (size_t i = 0; ok && i < CV_COUNT(what->data) && what->data[i].key != NULL; i++)
        ok = add_data(p, what->data[i].key, what->data[i].value);
    if (!ok) {
        pending_free(p);
        return cv_fail_memory(err);
    }
    *ret = p;
    return CV_OK;
}

static void
log_line(const struct notifications *n, const struct pending *p)
{
    struct cv_buf text = CV_BUF_INIT(4096);

    for (size_t i = 0; i < p->n_data; i++)
        cv_buf_printf(&text, "%s%s=%s", i > 0 ? ", " : "", p->keys[i], p->values[i]);
    CV_LOG_INFO(n->log, "notification", CV_STR("aggregate_type", p->aggregate), CV_STR("type", p->type),
                CV_STR("id", p->id), CV_STR("additional_data", cv_buf_cstr(&text)));
    cv_buf_free(&text);
}

enum cv_rc
notify(struct notifications *n, const struct notification *what, struct cv_err *err)
{
    struct pending *p = NULL;

    if ((n->config->notification_channels & (PG_NOTIFY_SINK | PG_NOTIFY_LOG)) == 0)
        return CV_OK;
    if (pending_new(n, what, &p, err) != CV_OK)
        return err->rc;
    if ((n->config->notification_channels & PG_NOTIFY_LOG) != 0)
        log_line(n, p);
    if ((n->config->notification_channels & PG_NOTIFY_SINK) == 0) {
        pending_free(p);
        return CV_OK;
    }
    *n->last = p;
    n->last = &p->next;
    return CV_OK;
}

static enum cv_rc
data_value(const struct pending *p, struct cv_arena *arena, struct cv_value *ret, struct cv_err *err)
{
    const struct cv_schema *schema = ret->schema;
    struct cv_value *map = cv_map_new(arena, p->n_data);

    if (map == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < p->n_data; i++) {
        char *key = cv_arena_strdup(arena, p->keys[i]), *text = cv_arena_strdup(arena, p->values[i]);
        struct cv_value val;

        if (key == NULL || text == NULL)
            return cv_fail_memory(err);
        val = cv_cstring(text);
        val.schema = schema->items;
        if (cv_map_put(arena, map, key, val, err) != CV_OK)
            return err->rc;
        map->map.entries[i].key.schema = schema->keys;
    }
    *ret = *map;
    ret->schema = schema;
    return CV_OK;
}

static enum cv_rc
add_record(const struct notifications *n, const struct pending *p, struct cv_batch *batch, struct cv_err *err)
{
    struct cv_arena *arena = batch->arena;
    struct cv_record *rec = cv_batch_add_record(batch);
    struct cv_value *key = cv_struct_new(arena, n->key_schema), *val = cv_struct_new(arena, n->value_schema);
    char *id = cv_arena_strdup(arena, p->id), *type = cv_arena_strdup(arena, p->type);

    if (rec == NULL || key == NULL || val == NULL || id == NULL || type == NULL)
        return cv_fail_memory(err);
    cv_struct_set(key, 0, cv_cstring(id));
    cv_struct_set(val, FIELD_ID, cv_cstring(id));
    cv_struct_set(val, FIELD_TYPE, cv_cstring(type));
    cv_struct_set(val, FIELD_AGGREGATE, cv_cstring(p->aggregate));
    if (data_value(p, arena, cv_struct_at(val, FIELD_DATA), err) != CV_OK)
        return err->rc;
    cv_struct_set(val, FIELD_TIMESTAMP, cv_int(CV_INT64, p->time_ms));
    rec->topic = n->config->notification_topic;
    rec->key = *key;
    rec->value = *val;
    return CV_OK;
}

enum cv_rc
notifications_flush(struct notifications *n, struct cv_batch *batch, struct cv_err *err)
{
    while (n->first != NULL) {
        struct pending *p = n->first;

        if (add_record(n, p, batch, err) != CV_OK)
            return err->rc;
        n->first = p->next;
        if (n->first == NULL)
            n->last = &n->first;
        pending_free(p);
    }
    return CV_OK;
}
