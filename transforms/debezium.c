/* SPDX-License-Identifier: Apache-2.0 */
/* Shared parts of Debezium's transforms: see debezium.h. */
#include <config.h>

#include "transforms/debezium.h"

#include <string.h>

#include "data/java_string.h"

bool
debezium_is_envelope(const struct cv_schema *schema)
{
    static const char suffix[] = ".Envelope";
    size_t len;

    if (schema == NULL || schema->name == NULL || schema->type != CV_STRUCT)
        return false;
    len = strlen(schema->name);
    return len >= sizeof(suffix) - 1 && strcmp(schema->name + len - (sizeof(suffix) - 1), suffix) == 0;
}

int
debezium_index(const struct cv_schema *schema, const char *name)
{
    const struct cv_field *field = cv_schema_field(schema, name);

    return field != NULL ? (int)field->index : -1;
}

enum cv_rc
debezium_field(const struct cv_value *strct, const char *name, enum cv_type type, const struct cv_value **ret,
               struct cv_err *err)
{
    const struct cv_field *field = cv_schema_field(strct->schema, name);

    if (field == NULL)
        return cv_fail(err, CV_INVALID, "%s is not a valid field name", name);
    if (field->schema->type != type)
        return cv_fail(err, CV_INVALID, "Field '%s' is not of type %s", name, java_type_name(type));
    *ret = cv_struct_at(strct, field->index);
    return CV_OK;
}

enum cv_rc
debezium_get(const struct cv_value *strct, const char *name, const struct cv_value **ret, struct cv_err *err)
{
    const struct cv_field *field = cv_schema_field(strct->schema, name);

    if (field == NULL)
        return cv_fail(err, CV_INVALID, "%s is not a valid field name", name);
    *ret = smt_field(strct, field->index, true);
    return CV_OK;
}

bool
debezium_is_blank(const struct cv_value *text)
{
    for (size_t i = 0; !text->is_null && i < text->bytes.len; i++)
        if ((unsigned char)text->bytes.data[i] > ' ')
            return false;
    return true;
}

struct cv_value *
debezium_refill(struct cv_arena *arena, const struct cv_schema *schema, const struct cv_value *from,
                bool replace_null, struct cv_err *err)
{
    struct cv_value *made = cv_struct_new(arena, schema);

    if (made == NULL) {
        cv_fail_memory(err);
        return NULL;
    }
    for (size_t i = 0; i < from->schema->n_fields; i++)
        *cv_struct_at(made, i) = *smt_field(from, i, replace_null);
    return made;
}

const struct cv_header *
debezium_header(const struct cv_headers *headers, const char *name)
{
    for (size_t i = 0; i < headers->count; i++)
        if (strcmp(headers->items[i].name, name) == 0)
            return &headers->items[i];
    return NULL;
}

/* Sees the text as it was given: entries stand between commas, blanks around them do not count. */
enum cv_rc
debezium_valid_names(const struct cv_config_def *def, const char *value, struct cv_err *err)
{
    size_t len;

    (void)def;
    for (const char *at = value;; at += len + 1) {
        at += strspn(at, " \t");
        len = strcspn(at, ",");
        size_t trimmed = len;

        while (trimmed > 0 && (at[trimmed - 1] == ' ' || at[trimmed - 1] == '\t'))
            trimmed--;
        if (trimmed == 0)
            return cv_fail(err, CV_INVALID, "Empty string element(s) not permitted");
        if (memchr(at, ' ', trimmed) != NULL)
            return cv_fail(err, CV_INVALID, "Element(s) containing space not permitted");
        if (at[len] == '\0')
            return CV_OK;
    }
}
