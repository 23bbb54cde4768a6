/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PartitionRouting: the partition of an event by what stands in some of its fields. A field is a path with dots from
 * the envelope down; change is the row after, of a delete the row before. What an event lacks does not count, and an
 * event that lacks all of it is left to the partitioner.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "data/java_hash.h"
#include "transforms/debezium.h"
#include "transforms/transforms.h"

struct routing_options {
    struct cv_list fields;
    int32_t partitions;
    char *hash;
};

struct partition_routing {
    struct smt smt;
    struct routing_options options;
    bool murmur;
};

static const struct cv_config_def routing_rows[] = {
    { .name = "partition.payload.fields",
      .type = CV_CONFIG_LIST,
      .required = true,
      .check = smt_valid_non_empty_list,
      .importance = CV_HIGH,
      .group = "partitions",
      .order = 1,
      .display = "List of payload fields to use for compute partition.",
      .doc = "Fields whose values choose the partition: paths such as after.name, source.table, or change.name for "
             "the row after, of a delete the row before.",
      .offset = offsetof(struct routing_options, fields) },
    { .name = "partition.topic.num",
      .type = CV_CONFIG_INT,
      .required = true,
      .check = cv_valid_range,
      .arg = &(const struct cv_range){ 1, INT32_MAX },
      .importance = CV_HIGH,
      .group = "partitions",
      .order = 2,
      .display = "Number of partition configured for topic",
      .doc = "How many partitions the topic has. The predicate TopicNameMatches says for which topics.",
      .offset = offsetof(struct routing_options, partitions) },
    { .name = "partition.hash.function",
      .type = CV_CONFIG_STRING,
      .def = "java",
      .importance = CV_LOW,
      .group = "partitions",
      .order = 3,
      .display = "Hash function",
      .doc = "java: hash codes as Java has them; murmur: Murmur3, which spreads small numbers better. Anything else "
             "counts as java.",
      .offset = offsetof(struct routing_options, hash) },
    CV_CONFIG_END
};

static enum cv_rc
routing_configure(const struct cv_plugin *plugin, const struct cv_config *cfg, struct cv_transform **ret,
                  struct cv_err *err)
{
    struct cv_transform *made = NULL;
    struct partition_routing *routing;

    if (smt_new(plugin, cfg, sizeof(*routing), offsetof(struct partition_routing, options), &made, err) != CV_OK)
        return err->rc;
    routing = cv_container_of(made, struct partition_routing, smt.base);
    routing->murmur = strcasecmp(routing->options.hash, "murmur") == 0;
    for (size_t i = 0; i < routing->options.fields.count; i++) {
        if (routing->options.fields.items[i][0] != '\0')
            continue;
        smt_free(made);
        return cv_fail(err, CV_INVALID, "partition.payload.fields: Empty string element(s) not permitted");
    }
    *ret = made;
    return CV_OK;
}

/* The name up to the next dot, blanks around it left out, looked up in the struct. NULL: there is none. */
static const struct cv_value *
step(const struct cv_value *at, const char *name, size_t len, char op)
{
    while (len > 0 && *name == ' ') {
        name++;
        len--;
    }
    while (len > 0 && name[len - 1] == ' ')
        len--;
    if (len == strlen("change") && memcmp(name, "change", len) == 0) {
        name = op == 'd' ? "before" : "after";
        len = strlen(name);
    }
    for (size_t i = 0; i < at->schema->n_fields; i++)
        if (strncmp(at->schema->fields[i].name, name, len) == 0 && at->schema->fields[i].name[len] == '\0')
            return smt_field(at, i, true);
    return NULL;
}

/* What the path leads to, NULL: nothing. */
static enum cv_rc
follow(const struct cv_value *envelope, const char *path, char op, const struct cv_value **ret, struct cv_err *err)
{
    const struct cv_value *at = envelope;
    const char *name = path;

    while (at != NULL) {
        size_t len = strcspn(name, ".");

        at = step(at, name, len, op);
        if (name[len] == '\0')
            break;
        name += len + 1;
        if (at != NULL && at->type != CV_STRUCT)
            at = NULL;
        else if (at != NULL && at->is_null)
            return cv_fail(err, CV_INVALID, "Unprocessable message: there is no %.*s to look for \"%s\" in; "
                           "\"change\" instead of before or after is there in every event of a row",
                           (int)(name - 1 - path), path, name);
    }
    *ret = at != NULL && !at->is_null ? at : NULL;
    return CV_OK;
}

static enum cv_rc
routing_apply(struct cv_transform *xf, struct cv_arena *arena, struct cv_record *rec, bool *ret_keep,
              struct cv_err *err)
{
    struct partition_routing *routing = cv_container_of(xf, struct partition_routing, smt.base);
    const struct cv_list *fields = &routing->options.fields;
    const struct cv_value *op, *val = NULL;
    uint32_t sum = 0, used = 0;
    int32_t hash = 0;
    char kind;

    (void)arena;
    *ret_keep = true;
    if (rec->value.is_null || !debezium_is_envelope(rec->value.schema))
        return CV_OK;
    if (debezium_field(&rec->value, "op", CV_STRING, &op, err) != CV_OK)
        return err->rc;
    kind = op->is_null || op->bytes.len != 1 ? '\0' : op->bytes.data[0];
    if (kind == 't' || kind == 'm')
        return CV_OK;
    for (size_t i = 0; i < fields->count; i++) {
        if (follow(&rec->value, fields->items[i], kind, &val, err) != CV_OK)
            return err->rc;
        if (val == NULL)
            continue;
        if ((routing->murmur ? java_hash_murmur3 : java_hash)(val, &hash, err) != CV_OK)
            return cv_err_context(err, "field \"%s\" cannot choose a partition", fields->items[i]);
        sum += (uint32_t)hash;
        used++;
    }
    if (used == 0)
        return CV_OK;
    sum &= INT32_MAX;
    rec->partition = sum == INT32_MAX ? 0 : (int32_t)sum % routing->options.partitions;
    return CV_OK;
}

static const struct cv_transform_ops routing_ops = {
    .configure = routing_configure,
    .apply = routing_apply,
    .free = smt_free,
};

const struct cv_plugin partition_routing_plugin =
    DEBEZIUM_PLUGIN("transforms.partitions.PartitionRouting", routing_rows, &routing_ops);
