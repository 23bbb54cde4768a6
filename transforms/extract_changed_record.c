/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ExtractChangedRecordState: which columns an update changed, and which it did not, as lists of names in headers. The
 * row before needs REPLICA IDENTITY FULL; without it, and for all but updates, the lists are empty, but there.
 */
#include <config.h>

#include <string.h>

#include "transforms/debezium.h"
#include "transforms/transforms.h"

enum { CHANGED, UNCHANGED, LISTS };

struct changed_options {
    char *names[LISTS]; /* of headers */
};

struct changed_record {
    struct smt smt;
    struct changed_options options;
    struct cv_schema *schemas[LISTS]; /* of the headers; NULL: none is wanted */
};

static const struct cv_config_def changed_rows[] = {
    { .name = "header.changed.name",
      .type = CV_CONFIG_STRING,
      .importance = CV_LOW,
      .width = CV_WIDTH_LONG,
      .display = "Header change name.",
      .doc = "Header for the names of the columns that changed. Without it none is added.",
      .offset = offsetof(struct changed_options, names[CHANGED]) },
    { .name = "header.unchanged.name",
      .type = CV_CONFIG_STRING,
      .importance = CV_LOW,
      .width = CV_WIDTH_LONG,
      .display = "Header unchanged name.",
      .doc = "Header for the names of the columns that did not change. Without it none is added.",
      .offset = offsetof(struct changed_options, names[UNCHANGED]) },
    CV_CONFIG_END
};

static void
changed_free(struct cv_transform *xf)
{
    struct changed_record *changed = cv_container_of(xf, struct changed_record, smt.base);

    for (size_t i = 0; i < LISTS; i++)
        cv_schema_unref(changed->schemas[i]);
    smt_free(xf);
}

static enum cv_rc
list_schema(const char *name, struct cv_schema **ret, struct cv_err *err)
{
    struct cv_schema_builder *b = cv_schema_new(CV_ARRAY);

    cv_schema_set_items(b, cv_schema_plain(CV_STRING, true));
    cv_schema_set_optional(b);
    cv_schema_set_name(b, name);
    return cv_schema_finish(b, ret, err);
}

static enum cv_rc
changed_configure(const struct cv_plugin *plugin, const struct cv_config *cfg, struct cv_transform **ret,
                  struct cv_err *err)
{
    struct cv_transform *made = NULL;
    struct changed_record *changed;
    enum cv_rc rc;

    rc = smt_new(plugin, cfg, sizeof(*changed), offsetof(struct changed_record, options), &made, err);
    if (rc != CV_OK)
        return rc;
    changed = cv_container_of(made, struct changed_record, smt.base);
    for (size_t i = 0; rc == CV_OK && i < LISTS; i++) {
        const char *name = changed->options.names[i];

        if (name != NULL && name[strspn(name, " \t")] != '\0')
            rc = list_schema(name, &changed->schemas[i], err);
    }
    if (rc == CV_OK)
        *ret = made;
    else
        changed_free(made);
    return rc;
}

static enum cv_rc
compare_rows(const struct cv_value *before, const struct cv_value *after, struct cv_arena *arena,
             struct cv_value *const *lists, struct cv_err *err)
{
    for (size_t i = 0; i < after->schema->n_fields; i++) {
        const char *name = after->schema->fields[i].name;
        const struct cv_value *old = cv_struct_get(before, name);
        bool same = old != NULL && cv_value_equal(old, cv_struct_at(after, i));
        struct cv_value item = cv_cstring(name);

        item.schema = cv_schema_plain(CV_STRING, true);
        if (cv_array_add(arena, lists[same ? UNCHANGED : CHANGED], item, err) != CV_OK)
            return err->rc;
    }
    return CV_OK;
}

/* The rows of an event, NULL where it has none. A tombstone has what its delete had, as in Debezium, where the two have
   their headers in common. */
static enum cv_rc
find_rows(const struct cv_value *val, const struct cv_value **ret_before, const struct cv_value **ret_after,
          struct cv_err *err)
{
    *ret_before = NULL;
    *ret_after = NULL;
    if (val->is_null)
        return CV_OK;
    if (debezium_field(val, "before", CV_STRUCT, ret_before, err) != CV_OK ||
        debezium_field(val, "after", CV_STRUCT, ret_after, err) != CV_OK)
        return err->rc;
    if ((*ret_before)->is_null || (*ret_after)->is_null)
        *ret_before = *ret_after = NULL;
    return CV_OK;
}

static enum cv_rc
changed_apply(struct cv_transform *xf, struct cv_arena *arena, struct cv_record *rec, bool *ret_keep,
              struct cv_err *err)
{
    struct changed_record *changed = cv_container_of(xf, struct changed_record, smt.base);
    const struct cv_value *before, *after;
    struct cv_value *lists[LISTS];

    *ret_keep = true;
    if (!rec->value.is_null && !debezium_is_envelope(rec->value.schema))
        return CV_OK;
    if (find_rows(&rec->value, &before, &after, err) != CV_OK)
        return err->rc;
    for (size_t i = 0; i < LISTS; i++) {
        lists[i] = cv_array_new(arena, after != NULL ? after->schema->n_fields : 0);
        if (lists[i] == NULL)
            return cv_fail_memory(err);
    }
    if (after != NULL && compare_rows(before, after, arena, lists, err) != CV_OK)
        return err->rc;
    for (size_t i = 0; i < LISTS; i++) {
        if (changed->schemas[i] == NULL)
            continue;
        lists[i]->schema = changed->schemas[i];
        if (cv_header_add(arena, &rec->headers, changed->options.names[i], *lists[i], err) != CV_OK)
            return err->rc;
    }
    return CV_OK;
}

static const struct cv_transform_ops changed_ops = {
    .configure = changed_configure,
    .apply = changed_apply,
    .free = changed_free,
};

const struct cv_plugin extract_changed_record_plugin =
    DEBEZIUM_PLUGIN("transforms.ExtractChangedRecordState", changed_rows, &changed_ops);
