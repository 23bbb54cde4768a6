/* SPDX-License-Identifier: Apache-2.0 */
/*
 * InsertField: adds the record's topic, partition, offset or timestamp, or a constant, as fields. A name that ends in
 * ! makes the field required, ? optional, which is also the default.
 */
#include <config.h>

#include <string.h>

#include "common/arena.h"
#include "transforms/smt.h"
#include "transforms/transforms.h"

static const char purpose[] = "field insertion";

enum { FIELD_TOPIC, FIELD_PARTITION, FIELD_OFFSET, FIELD_TIMESTAMP, FIELD_STATIC, FIELDS };

struct insert_options {
    char *names[FIELDS];
    char *static_value;
    bool replace_null;
};

struct insert_field {
    struct smt smt;
    struct insert_options options;
    bool required[FIELDS];
};

#define INSERT_ROW(row_name, row_doc, index)                                                               \
    { .name = row_name, .type = CV_CONFIG_STRING, .importance = CV_MEDIUM, .doc = row_doc,                 \
      .offset = offsetof(struct insert_options, names) + (index) * sizeof(char *) }

static const struct cv_config_def insert_rows[] = {
    INSERT_ROW("topic.field", "Field for the topic. ! behind the name makes it required, ? optional (default).",
               FIELD_TOPIC),
    INSERT_ROW("partition.field", "Field for the Kafka partition; ! and ? as above.", FIELD_PARTITION),
    INSERT_ROW("offset.field", "Field for the Kafka offset, which only sinks know; ! and ? as above.",
               FIELD_OFFSET),
    INSERT_ROW("timestamp.field", "Field for the record's timestamp; ! and ? as above.", FIELD_TIMESTAMP),
    INSERT_ROW("static.field", "Field for a constant; ! and ? as above.", FIELD_STATIC),
    { .name = "static.value",
      .type = CV_CONFIG_STRING,
      .importance = CV_MEDIUM,
      .doc = "The constant of static.field, a string.",
      .offset = offsetof(struct insert_options, static_value) },
    SMT_REPLACE_NULL_ROW(struct insert_options, replace_null),
    CV_CONFIG_END
};

static enum cv_rc
check_options(struct insert_field *insert, struct cv_err *err)
{
    bool any = false;

    for (size_t i = 0; i < FIELDS; i++) {
        char *name = insert->options.names[i];
        size_t len = name != NULL ? strlen(name) : 0;

        any = any || name != NULL;
        if (len == 0 || (name[len - 1] != '!' && name[len - 1] != '?'))
            continue;
        insert->required[i] = name[len - 1] == '!';
        name[len - 1] = '\0';
    }
    if (!any)
        return cv_fail(err, CV_INVALID, "No field insertion configured");
    if (insert->options.names[FIELD_STATIC] != NULL && insert->options.static_value == NULL)
        return cv_fail(err, CV_INVALID,
                       "Invalid value null for configuration static.value: No value specified for static field: %s",
                       insert->options.names[FIELD_STATIC]);
    return CV_OK;
}

static enum cv_rc
insert_configure(const struct cv_plugin *plugin, const struct cv_config *cfg, struct cv_transform **ret,
                 struct cv_err *err)
{
    struct cv_transform *made = NULL;

    if (smt_new(plugin, cfg, sizeof(struct insert_field), offsetof(struct insert_field, options), &made, err) != CV_OK)
        return err->rc;
    if (check_options(cv_container_of(made, struct insert_field, smt.base), err) != CV_OK) {
        smt_free(made);
        return err->rc;
    }
    *ret = made;
    return CV_OK;
}

/* The value of one inserted field; false if the record has none. */
static bool
field_value(const struct insert_field *insert, size_t which, const struct cv_record *rec,
            struct cv_arena *arena, struct cv_value *ret)
{
    const char *text;

    switch (which) {
    case FIELD_PARTITION:
        *ret = cv_int(CV_INT32, rec->partition);
        return rec->partition != CV_NO_PARTITION;
    case FIELD_OFFSET:
        *ret = cv_int(CV_INT64, rec->offset);
        return true;
    case FIELD_TIMESTAMP:
        *ret = cv_int(CV_INT64, rec->timestamp_ms);
        return rec->timestamp_ms != CV_NO_TIMESTAMP;
    default:
        text = cv_arena_strdup(arena, which == FIELD_TOPIC ? rec->topic : insert->options.static_value);
        *ret = cv_cstring(text != NULL ? text : "");
        return true;
    }
}

static void
add_field(struct cv_schema_builder *b, const char *name, size_t which, bool required)
{
    static const enum cv_type types[FIELDS] = { [FIELD_TOPIC] = CV_STRING,
                                                [FIELD_PARTITION] = CV_INT32,
                                                [FIELD_OFFSET] = CV_INT64,
                                                [FIELD_TIMESTAMP] = CV_INT64,
                                                [FIELD_STATIC] = CV_STRING };
    struct cv_schema_builder *stamp;
    struct cv_schema *schema = NULL;
    struct cv_err ignored = CV_ERR_INIT;

    if (which != FIELD_TIMESTAMP) {
        cv_schema_add_field(b, name, cv_schema_plain(types[which], !required));
        return;
    }
    stamp = cv_schema_new(CV_INT64);
    cv_schema_set_name(stamp, CV_TIMESTAMP_NAME);
    cv_schema_set_version(stamp, 1);
    if (!required)
        cv_schema_set_optional(stamp);
    if (cv_schema_finish(stamp, &schema, &ignored) == CV_OK)
        cv_schema_add_field(b, name, schema);
    cv_schema_unref(schema);
}

static enum cv_rc
with_fields(struct smt *smt, const struct cv_schema *from, struct cv_schema **ret, struct cv_err *err)
{
    const struct insert_field *insert = cv_container_of(smt, struct insert_field, smt);
    struct cv_schema_builder *b = cv_schema_derive_basics(from, CV_STRUCT);
    size_t added = 0;
    enum cv_rc rc;

    for (size_t i = 0; i < from->n_fields; i++)
        cv_schema_add_field(b, from->fields[i].name, from->fields[i].schema);
    for (size_t i = 0; i < FIELDS; i++) {
        if (insert->options.names[i] == NULL)
            continue;
        add_field(b, insert->options.names[i], i, insert->required[i]);
        added++;
    }
    rc = cv_schema_finish(b, ret, err);
    if (rc == CV_OK && (*ret)->n_fields != from->n_fields + added) { /* a schema of a field could not be made */
        cv_schema_unref(*ret);
        rc = cv_fail_memory(err);
    }
    return rc;
}

static enum cv_rc
into_struct(struct insert_field *insert, const struct cv_record *rec, struct cv_value *operand,
            struct cv_arena *arena, struct cv_err *err)
{
    const struct cv_schema *schema = NULL;
    struct cv_value *made;
    size_t at = operand->schema->n_fields;

    if (smt_schema(&insert->smt, operand->schema, with_fields, arena, &schema, err) != CV_OK)
        return err->rc;
    made = cv_struct_new(arena, schema);
    if (made == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < at; i++)
        *cv_struct_at(made, i) = *smt_field(operand, i, insert->options.replace_null);
    for (size_t i = 0; i < FIELDS; i++) {
        struct cv_value val;

        if (insert->options.names[i] == NULL)
            continue;
        if (field_value(insert, i, rec, arena, &val)) {
            val.schema = schema->fields[at].schema;
            *cv_struct_at(made, at) = val;
        }
        at++;
    }
    *operand = *made;
    return CV_OK;
}

static enum cv_rc
into_map(const struct insert_field *insert, const struct cv_record *rec, struct cv_value *operand,
         struct cv_arena *arena, struct cv_err *err)
{
    struct cv_value *copy = smt_map_copy(operand, arena, err);

    if (copy == NULL)
        return err->rc;
    for (size_t i = 0; i < FIELDS; i++) {
        struct cv_value val;

        if (insert->options.names[i] != NULL && field_value(insert, i, rec, arena, &val) &&
            cv_map_put(arena, copy, insert->options.names[i], val, err) != CV_OK)
            return err->rc;
    }
    return smt_map_done(operand, copy, err);
}

static enum cv_rc
insert_apply(struct cv_transform *xf, struct cv_arena *arena, struct cv_record *rec, bool *ret_keep,
             struct cv_err *err)
{
    struct insert_field *insert = cv_container_of(xf, struct insert_field, smt.base);
    struct cv_value *operand = smt_operand(&insert->smt, rec);

    *ret_keep = true;
    if (operand->is_null)
        return CV_OK;
    if (operand->schema == NULL)
        return smt_require_map(operand, purpose, err) == CV_OK ? into_map(insert, rec, operand, arena, err) : err->rc;
    return smt_require_struct(operand, purpose, err) == CV_OK ? into_struct(insert, rec, operand, arena, err)
                                                              : err->rc;
}

static const struct cv_transform_ops insert_ops = {
    .configure = insert_configure,
    .apply = insert_apply,
    .free = smt_free,
};

const struct cv_plugin insert_field_plugins[SMT_VARIANTS] = {
    SMT_PLUGIN("InsertField$Key", insert_rows, &insert_ops),
    SMT_PLUGIN("InsertField$Value", insert_rows, &insert_ops),
};
