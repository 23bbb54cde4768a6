/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offsets of sink connectors, read and changed in their consumer group by admin requests.
 *
 * Source: org.apache.kafka.connect.runtime.Worker (sinkConnectorOffsets, modifySinkConnectorOffsets) and
 * org.apache.kafka.connect.util.SinkUtils (parseSinkConnectorOffsets).
 */
#include <config.h>

#include "worker/herder_offsets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/kafka/admin.h"
#include "common/number.h"
#include "data/java_string.h"
#include "worker/clients.h"
#include "worker/herder_private.h"

#define ADMIN_TIMEOUT_MS 30000
#define RESET            (-1) /* in a list of changes: forget the offset */

/* What a request works on. */
struct sink_group {
    const char *connector;
    char *name;
    struct cv_admin *admin; /* the worker's, or own */
    struct cv_admin *own;   /* of a connector with admin.override.*; NULL: it has none */
};

static void
group_done(struct sink_group *group)
{
    free(group->name);
    cv_admin_free(group->own);
}

/* On failure nothing is left to be done. */
static enum cv_rc
group_init(struct sink_group *group, struct herder *h, const struct offsets_of *of, struct cv_err *err)
{
    const char *named = cv_config_get(of->config, "consumer.override.group.id");
    char client_id[256];
    enum cv_rc rc;

    *group = (struct sink_group){ .connector = of->name, .admin = h->admin };
    if (named != NULL)
        group->name = strdup(named);
    else if (asprintf(&group->name, "connect-%s", of->name) < 0)
        group->name = NULL;
    if (group->name == NULL)
        return cv_fail_memory(err);
    snprintf(client_id, sizeof(client_id), "connector-adminclient-%s", of->name);
    rc = client_admin_override(h->spec.raw, of->config, client_id, &group->own, err);
    if (rc != CV_OK)
        group_done(group);
    else if (group->own != NULL)
        group->admin = group->own;
    return rc;
}

/* Connect's sentence, and behind it the reason that we know. */
static enum cv_rc
fail_with(const struct sink_group *group, const char *sentence, struct cv_err *err)
{
    struct cv_err reason = *err;

    return cv_fail(err, CV_INTERNAL, "%s %s: %s", sentence, group->connector, reason.text);
}

/* ---- reading ---- */

static int
by_partition(const void *a, const void *b)
{
    const struct cv_topic_partition *x = a, *y = b;
    int order = strcmp(x->topic, y->topic);

    return order != 0 ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

static void
write_offsets(const struct cv_topic_partitions *parts, struct cv_buf *out)
{
    const char *comma = "";

    for (size_t i = 0; i < parts->count; i++) {
        const struct cv_topic_partition *part = &parts->items[i];

        if (part->offset < 0)
            continue;
        cv_buf_printf(out, "%s{\"partition\":{\"kafka_partition\":%d,\"kafka_topic\":\"%s\"},", comma,
                      (int)part->partition, part->topic); /* a topic's name needs no escapes */
        cv_buf_printf(out, "\"offset\":{\"kafka_offset\":%lld}}", (long long)part->offset);
        comma = ",";
    }
}

enum cv_rc
herder_sink_offsets_get(struct herder *h, const struct offsets_of *of, struct cv_buf *out, struct cv_err *err)
{
    struct cv_topic_partitions parts = { 0 };
    struct sink_group group;
    enum cv_rc rc = group_init(&group, h, of, err);

    if (rc != CV_OK)
        return rc;
    rc = cv_admin_group_offsets(group.admin, group.name, ADMIN_TIMEOUT_MS, &parts, err);
    if (rc != CV_OK)
        rc = fail_with(&group, "Failed to retrieve consumer group offsets for sink connector", err);
    if (parts.count > 0)
        qsort(parts.items, parts.count, sizeof(*parts.items), by_partition);
    write_offsets(&parts, out);
    cv_topic_partitions_done(&parts);
    group_done(&group);
    return rc;
}

/* ---- what a request asks for ---- */

/* CV_INVALID with the value as Java prints it. */
static enum cv_rc
bad_number(const struct cv_value *val, const char *what, struct cv_err *err)
{
    struct cv_buf text = CV_BUF_INIT(256);

    java_to_string(&text, val);
    (void)cv_fail(err, CV_INVALID,
                  "Failed to parse the following Kafka %s value in the provided offsets: '%s'. %c%s values for sink "
                  "connectors need to be integers.",
                  what, cv_buf_cstr(&text), what[0] - 'a' + 'A', what + 1);
    cv_buf_free(&text);
    return err->rc;
}

/* A JSON number or a string of digits, as Integer.parseInt and Long.parseLong read them. */
static bool
read_number(const struct cv_value *val, int64_t min, int64_t max, int64_t *ret)
{
    struct cv_buf text = CV_BUF_INIT(256);
    const char *digits;
    size_t len;
    bool ok;

    java_to_string(&text, val);
    digits = cv_buf_cstr(&text);
    len = text.len;
    if (len > 1 && digits[0] == '+' && digits[1] != '-') {
        digits++;
        len--;
    }
    ok = text.failed == CV_OK && cv_parse_i64(digits, len, ret) && *ret >= min && *ret <= max;
    cv_buf_free(&text);
    return ok;
}

static enum cv_rc
read_partition(const struct cv_value *from, struct cv_arena *arena, struct cv_partition *ret, struct cv_err *err)
{
    const struct cv_value *topic, *partition;
    struct cv_buf text = CV_BUF_INIT(4096);
    int64_t number;

    if (from == NULL)
        return cv_fail(err, CV_INVALID, "The partition for a sink connector offset cannot be null or missing");
    topic = cv_map_get(from, "kafka_topic");
    partition = cv_map_get(from, "kafka_partition");
    if (topic == NULL || partition == NULL)
        return cv_fail(err, CV_INVALID,
                       "The partition for a sink connector offset must contain the keys 'kafka_topic' and "
                       "'kafka_partition'");
    if (topic->is_null)
        return cv_fail(err, CV_INVALID, "Kafka topic names must be valid strings and may not be null");
    if (partition->is_null)
        return cv_fail(err, CV_INVALID, "Kafka partitions must be valid numbers and may not be null");
    if (!read_number(partition, INT32_MIN, INT32_MAX, &number))
        return bad_number(partition, "partition", err);
    java_to_string(&text, topic);
    ret->topic = cv_arena_strdup(arena, cv_buf_cstr(&text));
    ret->partition = (int32_t)number;
    cv_buf_free(&text);
    return ret->topic == NULL ? cv_fail_memory(err) : CV_OK;
}

static enum cv_rc
read_offset(const struct sink_group *group, const struct cv_value *from, struct cv_partition *ret,
            struct offsets_answer *answer, struct cv_err *err)
{
    const struct cv_value *offset;

    ret->offset = RESET;
    if (from == NULL)
        return CV_OK;
    offset = cv_map_get(from, "kafka_offset");
    if (offset == NULL)
        return cv_fail(err, CV_INVALID,
                       "The offset for a sink connector should either be null or contain the key 'kafka_offset'");
    if (!read_number(offset, INT64_MIN, INT64_MAX, &ret->offset))
        return bad_number(offset, "offset", err);
    if (ret->offset < 0) {
        answer->refused = true;
        return cv_fail(err, CV_INVALID, "Failed to modify offsets for sink connector %s: offset %lld is negative",
                       group->connector, (long long)ret->offset);
    }
    return CV_OK;
}

/* The changes, each partition once: the last of equal ones counts. */
static enum cv_rc
read_changes(const struct sink_group *group, const struct offsets_change *change, struct cv_partitions *ret,
             struct offsets_answer *answer, struct cv_err *err)
{
    ret->count = 0;
    ret->items = cv_arena_alloc(change->arena, (change->count + 1) * sizeof(*ret->items));
    if (ret->items == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < change->count; i++) {
        struct cv_partition part;
        size_t k = 0;

        if (read_partition(change->items[i].partition, change->arena, &part, err) != CV_OK ||
            read_offset(group, change->items[i].offset, &part, answer, err) != CV_OK)
            return err->rc;
        while (k < ret->count && (ret->items[k].partition != part.partition ||
                                  strcmp(ret->items[k].topic, part.topic) != 0))
            k++;
        ret->items[k] = part;
        if (k == ret->count)
            ret->count++;
    }
    return CV_OK;
}

/* ---- changing ---- */

static enum cv_rc
modify_failed(const struct sink_group *group, const char *verb, struct cv_err *err)
{
    if (err->rc == CV_CONFLICT)
        return cv_fail(err, CV_INTERNAL,
                       "Failed to %s consumer group offsets for connector %s either because its tasks haven't stopped "
                       "completely yet or the connector was resumed before the request to %s its offsets could be "
                       "successfully completed. If the connector is in a stopped state, this operation can be safely "
                       "retried. If it doesn't eventually succeed, the Connect cluster may need to be restarted to "
                       "get rid of the zombie sink tasks.",
                       verb, group->connector, verb);
    return fail_with(group,
                     strcmp(verb, "reset") == 0 ? "Failed to reset consumer group offsets for sink connector"
                                                : "Failed to alter consumer group offsets for connector",
                     err);
}

/* The changes of one kind, RESET or not. */
static size_t
select_changes(const struct cv_partitions *changes, bool resets, struct cv_topic_partition *out)
{
    size_t n = 0;

    for (size_t i = 0; i < changes->count; i++)
        if ((changes->items[i].offset == RESET) == resets)
            out[n++] = (struct cv_topic_partition){ .topic = changes->items[i].topic,
                                                    .partition = changes->items[i].partition,
                                                    .offset = changes->items[i].offset };
    return n;
}

static enum cv_rc
apply_changes(const struct sink_group *group, const struct cv_partitions *changes, struct offsets_answer *answer,
              struct cv_err *err)
{
    struct cv_topic_partitions list = { .items = calloc(changes->count + 1, sizeof(*list.items)) };
    enum cv_rc rc = CV_OK;

    if (list.items == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < changes->count && rc == CV_OK; i++)
        if (changes->items[i].partition < 0)
            rc = cv_fail(err, CV_NOT_FOUND, "partition %d is negative", (int)changes->items[i].partition);
    if (rc == CV_OK) {
        list.count = select_changes(changes, false, list.items);
        rc = cv_admin_group_offsets_alter(group->admin, group->name, &list, ADMIN_TIMEOUT_MS, err);
    }
    if (rc == CV_OK) {
        list.count = select_changes(changes, true, list.items);
        rc = cv_admin_group_offsets_delete(group->admin, group->name, &list, ADMIN_TIMEOUT_MS, err);
    }
    free(list.items);
    if (rc == CV_OK)
        return CV_OK;
    answer->refused = rc == CV_NOT_FOUND; /* no such topic or partition */
    (void)modify_failed(group, "alter", err);
    return answer->refused ? (err->rc = CV_INVALID) : err->rc;
}

/* All offsets of the group, as changes that forget them. Borrows from *held. */
static enum cv_rc
list_for_reset(const struct sink_group *group, struct cv_arena *arena, struct cv_topic_partitions *held,
               struct cv_partitions *ret, struct cv_err *err)
{
    if (cv_admin_group_offsets(group->admin, group->name, ADMIN_TIMEOUT_MS, held, err) != CV_OK)
        return fail_with(group, "Failed to list offsets prior to resetting offsets for sink connector", err);
    ret->count = 0;
    ret->items = cv_arena_alloc(arena, (held->count + 1) * sizeof(*ret->items));
    if (ret->items == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < held->count; i++)
        ret->items[ret->count++] =
            (struct cv_partition){ held->items[i].topic, held->items[i].partition, RESET };
    return CV_OK;
}

enum cv_rc
herder_sink_offsets_alter(struct herder *h, const struct offsets_of *of, const struct offsets_change *change,
                          struct offsets_answer *ret, struct cv_err *err)
{
    const struct cv_sink_ops *ops = of->plugin->sink;
    struct cv_topic_partitions held = { 0 };
    struct cv_partitions changes;
    struct sink_group group;
    bool reset = change->items == NULL;
    enum cv_rc rc = group_init(&group, h, of, err);

    if (rc != CV_OK)
        return rc;
    rc = reset ? list_for_reset(&group, change->arena, &held, &changes, err)
               : read_changes(&group, change, &changes, ret, err);
    if (rc == CV_OK && ops->offsets_alter != NULL)
        ret->refused = (rc = ops->offsets_alter(of->config, &changes, err)) == CV_INVALID;
    if (rc == CV_OK && !reset)
        rc = apply_changes(&group, &changes, ret, err);
    else if (rc == CV_OK && cv_admin_group_delete(group.admin, group.name, ADMIN_TIMEOUT_MS, err) != CV_OK)
        rc = modify_failed(&group, "reset", err);
    ret->told = ops->offsets_alter != NULL;
    cv_topic_partitions_done(&held);
    group_done(&group);
    return rc;
}
