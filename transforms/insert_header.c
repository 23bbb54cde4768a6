/* SPDX-License-Identifier: Apache-2.0 */
/* InsertHeader: adds a header with a constant value, typed by what its text looks like (data/text_value.h). */
#include <config.h>

#include <string.h>

#include "common/arena.h"
#include "data/text_value.h"
#include "transforms/smt.h"
#include "transforms/transforms.h"

struct insert_header_options {
    char *header;
    char *literal;
};

struct insert_header {
    struct smt smt;
    struct insert_header_options options;
    struct cv_arena *arena; /* of the value */
    struct cv_value value;
};

static const struct cv_config_def insert_header_rows[] = {
    { .name = "header",
      .type = CV_CONFIG_STRING,
      .required = true,
      .null_problem = "entry must be non null",
      .importance = CV_HIGH,
      .doc = "Name of the header.",
      .offset = offsetof(struct insert_header_options, header) },
    { .name = "value.literal",
      .type = CV_CONFIG_STRING,
      .required = true,
      .null_problem = "entry must be non null",
      .importance = CV_HIGH,
      .doc = "Value of the header: numbers, true, false, null, ISO dates, [..] and {..} are typed, the rest is a "
             "string.",
      .offset = offsetof(struct insert_header_options, literal) },
    CV_CONFIG_END
};

static void
insert_header_free(struct cv_transform *xf)
{
    struct insert_header *insert = cv_container_of(xf, struct insert_header, smt.base);

    cv_arena_free(insert->arena);
    smt_free(xf);
}

static enum cv_rc
insert_header_configure(const struct cv_plugin *plugin, const struct cv_config *cfg, struct cv_transform **ret,
                        struct cv_err *err)
{
    struct cv_transform *made = NULL;
    struct insert_header *insert;
    const char *literal;

    if (smt_new(plugin, cfg, sizeof(*insert), offsetof(struct insert_header, options), &made, err) != CV_OK)
        return err->rc;
    insert = cv_container_of(made, struct insert_header, smt.base);
    literal = insert->options.literal;
    insert->arena = cv_arena_new(NULL);
    if (insert->arena == NULL)
        cv_fail_memory(err);
    if (insert->arena == NULL ||
        text_parse(literal, strlen(literal), insert->arena, &insert->value, err) != CV_OK) {
        insert_header_free(made);
        return err->rc;
    }
    *ret = made;
    return CV_OK;
}

/* The batch may outlive the transform, so it gets a copy; the schema is held by its arena. */
static enum cv_rc
insert_header_apply(struct cv_transform *xf, struct cv_arena *arena, struct cv_record *rec, bool *ret_keep,
                    struct cv_err *err)
{
    struct insert_header *insert = cv_container_of(xf, struct insert_header, smt.base);
    struct cv_value *copy = cv_value_copy(arena, &insert->value);
    const char *name = cv_arena_strdup(arena, insert->options.header);
    struct cv_headers headers = { .items = NULL };

    *ret_keep = true;
    if (copy == NULL || name == NULL)
        return cv_fail_memory(err);
    if (copy->schema != NULL && cv_schema_hold(arena, copy->schema, err) != CV_OK)
        return err->rc;
    for (size_t i = 0; i < rec->headers.count; i++)
        if (cv_header_add(arena, &headers, rec->headers.items[i].name, rec->headers.items[i].value, err) != CV_OK)
            return err->rc;
    rec->headers = headers;
    return cv_header_add(arena, &rec->headers, name, *copy, err);
}

static const struct cv_transform_ops insert_header_ops = {
    .configure = insert_header_configure,
    .apply = insert_header_apply,
    .free = insert_header_free,
};

const struct cv_plugin insert_header_plugin =
    SMT_PLUGIN("InsertHeader", insert_header_rows, &insert_header_ops);
