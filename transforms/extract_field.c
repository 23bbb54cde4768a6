/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ExtractField: one field takes the place of the whole key or value. With field.syntax.version=V2 the field may be a
 * path: names separated by dots, a name that holds dots between backticks, a backtick inside those as \`.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "transforms/smt.h"
#include "transforms/transforms.h"

static const char purpose[] = "field extraction";
static const char nested_purpose[] = "nested field access";

enum { SYNTAX_V1, SYNTAX_V2 };

static const char *const syntax_names[] = { "V1", "V2", NULL };

struct extract_options {
    char *field;
    bool replace_null;
    int syntax;
};

struct extract_field {
    struct smt smt;
    struct extract_options options;
    char *names; /* the path's names, each ended by NUL */
    size_t steps;
};

static const struct cv_config_def extract_rows[] = {
    { .name = "field",
      .type = CV_CONFIG_STRING,
      .required = true,
      .importance = CV_MEDIUM,
      .doc = "Name of the field to take, or a path to it where field.syntax.version is V2.",
      .offset = offsetof(struct extract_options, field) },
    SMT_REPLACE_NULL_ROW(struct extract_options, replace_null),
    { .name = "field.syntax.version",
      .type = CV_CONFIG_ENUM,
      .def = "V1",
      .names = syntax_names,
      .importance = CV_HIGH,
      .doc = "V1: the field is a name at the top level. V2: it is a path, a.b for b inside of a; names that hold "
             "dots are written between backticks.",
      .offset = offsetof(struct extract_options, syntax) },
    CV_CONFIG_END
};

static void
extract_free(struct cv_transform *xf)
{
    struct extract_field *extract = cv_container_of(xf, struct extract_field, smt.base);

    free(extract->names);
    smt_free(xf);
}

/* One name between backticks: from *inout_at behind the first to behind the last. NULL: there is no last. */
static char *
quoted_name(const char **inout_at, char *to)
{
    const char *at = *inout_at;

    for (; *at != '\0'; at++) {
        if (at[0] == '\\' && at[1] == '`') {
            *to++ = *++at;
        } else if (at[0] == '`' && (at[1] == '.' || at[1] == '\0')) {
            *inout_at = at + 1;
            return to;
        } else {
            *to++ = *at;
        }
    }
    return NULL;
}

static enum cv_rc
split_path(struct extract_field *extract, struct cv_err *err)
{
    const char *at = extract->options.field;
    char *to = extract->names;

    for (;;) {
        if (*at == '`') {
            at++;
            to = quoted_name(&at, to);
            if (to == NULL)
                return cv_fail(err, CV_INVALID,
                               "Incomplete backtick pair in path: [%s], consider adding a backslash before backtick "
                               "at position %zu to escape it",
                               extract->options.field, (size_t)(at - 1 - extract->options.field));
        } else {
            size_t n = strcspn(at, ".");

            memcpy(to, at, n);
            to += n;
            at += n;
        }
        *to++ = '\0';
        extract->steps++;
        if (*at == '\0')
            return CV_OK;
        at++;
    }
}

static enum cv_rc
extract_configure(const struct cv_plugin *plugin, const struct cv_config *cfg, struct cv_transform **ret,
                  struct cv_err *err)
{
    struct cv_transform *made = NULL;
    struct extract_field *extract;
    size_t len;
    enum cv_rc rc = CV_OK;

    if (smt_new(plugin, cfg, sizeof(*extract), offsetof(struct extract_field, options), &made, err) != CV_OK)
        return err->rc;
    extract = cv_container_of(made, struct extract_field, smt.base);
    len = strlen(extract->options.field);
    extract->names = malloc(len + 2);
    if (extract->names == NULL) {
        rc = cv_fail_memory(err);
    } else if (extract->options.syntax == SYNTAX_V2) {
        rc = split_path(extract, err);
    } else {
        memcpy(extract->names, extract->options.field, len + 1);
        extract->steps = 1;
    }
    if (rc != CV_OK) {
        extract_free(made);
        return rc;
    }
    *ret = made;
    return CV_OK;
}

static enum cv_rc
from_map(const struct extract_field *extract, const struct cv_value *val, struct cv_value *ret,
         struct cv_err *err)
{
    const char *name = extract->names;

    for (size_t i = 0; i < extract->steps; i++, name += strlen(name) + 1) {
        if (val->is_null)
            break;
        if (smt_require_map(val, i == 0 ? purpose : nested_purpose, err) != CV_OK)
            return err->rc;
        val = cv_map_get(val, name);
        if (val == NULL) {
            *ret = cv_null(NULL);
            return CV_OK;
        }
    }
    *ret = *val;
    return CV_OK;
}

/* The schema is followed to the end also where a struct on the way is null. */
static enum cv_rc
from_struct(const struct extract_field *extract, const struct cv_value *val, struct cv_value *ret,
            struct cv_err *err)
{
    const struct cv_schema *schema = val->schema;
    const struct cv_value *at = val->is_null ? NULL : val;
    const struct cv_field *field;
    const char *name = extract->names;

    for (size_t i = 0; i < extract->steps; i++, name += strlen(name) + 1) {
        if (at != NULL && smt_require_struct(at, i == 0 ? purpose : nested_purpose, err) != CV_OK)
            return err->rc;
        field = schema->type == CV_STRUCT ? cv_schema_field(schema, name) : NULL;
        if (field == NULL)
            return cv_fail(err, CV_INVALID, "Unknown field: %s", extract->options.field);
        schema = field->schema;
        if (at != NULL)
            at = smt_or_default(cv_struct_at(at, field->index), schema, extract->options.replace_null);
        if (at != NULL && at->is_null)
            at = NULL;
    }
    *ret = at != NULL ? *at : cv_null(schema);
    ret->schema = schema;
    return CV_OK;
}

static enum cv_rc
extract_apply(struct cv_transform *xf, struct cv_arena *arena, struct cv_record *rec, bool *ret_keep,
              struct cv_err *err)
{
    struct extract_field *extract = cv_container_of(xf, struct extract_field, smt.base);
    struct cv_value *operand = smt_operand(&extract->smt, rec);
    struct cv_value val;
    enum cv_rc rc;

    (void)arena;
    *ret_keep = true;
    rc = operand->schema == NULL ? from_map(extract, operand, &val, err) : from_struct(extract, operand, &val, err);
    if (rc == CV_OK)
        *operand = val;
    return rc;
}

static const struct cv_transform_ops extract_ops = {
    .configure = extract_configure,
    .apply = extract_apply,
    .free = extract_free,
};

const struct cv_plugin extract_field_plugins[SMT_VARIANTS] = {
    SMT_PLUGIN("ExtractField$Key", extract_rows, &extract_ops),
    SMT_PLUGIN("ExtractField$Value", extract_rows, &extract_ops),
};
