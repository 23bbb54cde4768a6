/* SPDX-License-Identifier: Apache-2.0 */
/* Fields of envelopes: see envelope_field.h. Places are kept with the count in front, as their owner does not. */
#include <config.h>

#include "transforms/envelope_field.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "transforms/debezium.h"

#define NAME_MAX_BYTES 65536

/* ---- as options have them ---- */

void
envelope_fields_done(struct envelope_fields *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        free(fields->items[i].parent);
        free(fields->items[i].field);
        free(fields->items[i].name);
    }
    free(fields->items);
}

/* The struct that a name without one belongs to, "": the envelope. */
static const char *
default_parent(const char *field)
{
    static const char *const of_envelope[] = { "op", "ts_ms", "ts_us", "ts_ns" };
    static const char *const of_transaction[] = { "id", "total_order", "data_collection_order" };

    for (size_t i = 0; i < CV_COUNT(of_envelope); i++)
        if (strcmp(field, of_envelope[i]) == 0)
            return "";
    for (size_t i = 0; i < CV_COUNT(of_transaction); i++)
        if (strcmp(field, of_transaction[i]) == 0)
            return "transaction";
    return "source";
}

/* What the field is called: after the colon, else the prefix and the name, with the struct where it was given. */
static char *
called(const char *prefix, const char *text)
{
    struct cv_buf name = CV_BUF_INIT(NAME_MAX_BYTES);
    const char *colon = strchr(text, ':');
    size_t len = strcspn(text, ":");

    cv_buf_str(&name, prefix);
    if (colon != NULL && colon[1] != '\0') {
        cv_buf_str(&name, colon + 1);
    } else {
        for (size_t i = 0; i < len; i++)
            cv_buf_char(&name, text[i] == '.' ? '_' : text[i]);
    }
    return cv_buf_take(&name);
}

static enum cv_rc
field_init(struct envelope_field *field, const char *prefix, const char *text, struct cv_err *err)
{
    size_t first = strcspn(text, ".:");
    bool has_struct = text[first] == '.';
    const char *own = has_struct ? text + first + 1 : text, *parent;

    field->name = called(prefix, text);
    field->field = strndup(own, strcspn(own, ".:"));
    if (field->name == NULL || field->field == NULL)
        return cv_fail_memory(err);
    parent = default_parent(field->field);
    if (!has_struct && parent[0] == '\0')
        return CV_OK;
    field->parent = has_struct ? strndup(text, first) : strdup(parent);
    return field->parent != NULL ? CV_OK : cv_fail_memory(err);
}

static bool
well_formed(const char *text)
{
    size_t first = strcspn(text, ".:");
    const char *colon = strchr(text, ':'), *behind = text + first + (text[first] != '\0');

    if (first == 0 || (colon != NULL && strchr(colon + 1, ':') != NULL))
        return false;
    return text[first] != '.' || strcspn(behind, ".:") == strcspn(behind, ":");
}

enum cv_rc
envelope_fields_init(struct envelope_fields *fields, const char *option, const char *prefix,
                     const struct cv_list *list, struct cv_err *err)
{
    fields->items = calloc(list->count > 0 ? list->count : 1, sizeof(*fields->items));
    if (fields->items == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < list->count; i++) {
        const char *text = list->items[i];

        if (!well_formed(text))
            return cv_fail(err, CV_INVALID, "%s: Unexpected field name: %s (write field, struct.field or "
                           "struct.field:name)", option, text);
        fields->count++;
        if (field_init(&fields->items[i], prefix, text, err) != CV_OK)
            return err->rc;
    }
    return CV_OK;
}

/* ---- in envelopes of one schema ---- */

/* Everything of the schema but its default, and optional. */
static enum cv_rc
optional_copy(const struct cv_schema *from, struct cv_schema **ret, struct cv_err *err)
{
    struct cv_schema_builder *b = cv_schema_derive_basics(from, from->type);

    cv_schema_set_optional(b);
    for (size_t i = 0; i < from->n_fields; i++)
        cv_schema_add_field(b, from->fields[i].name, from->fields[i].schema);
    if (from->items != NULL)
        cv_schema_set_items(b, from->items);
    if (from->keys != NULL)
        cv_schema_set_keys(b, from->keys);
    return cv_schema_finish(b, ret, err);
}

static enum cv_rc
find_place(const struct envelope_field *field, const struct cv_schema *envelope, const char *option,
           struct envelope_place *ret, struct cv_err *err)
{
    const struct cv_schema *parent = envelope;

    ret->parent = -1;
    if (field->parent != NULL) {
        ret->parent = debezium_index(envelope, field->parent);
        if (ret->parent < 0 || envelope->fields[ret->parent].schema->type != CV_STRUCT)
            return cv_fail(err, CV_INVALID, "%s: \"%s\" has no struct %s to take %s from", option, envelope->name,
                           field->parent, field->field);
        parent = envelope->fields[ret->parent].schema;
    }
    ret->field = debezium_index(parent, field->field);
    if (ret->field < 0) {
        parent = envelope;
        ret->in_envelope = true;
        ret->field = debezium_index(envelope, field->field);
    }
    return ret->field < 0 ? CV_OK : optional_copy(parent->fields[ret->field].schema, &ret->schema, err);
}

struct place_list {
    size_t count;
    struct envelope_place items[];
};

void
envelope_places_free(struct envelope_place *places)
{
    struct place_list *list;

    if (places == NULL)
        return;
    list = (struct place_list *)((char *)places - offsetof(struct place_list, items));
    for (size_t i = 0; i < list->count; i++)
        cv_schema_unref(list->items[i].schema);
    free(list);
}

enum cv_rc
envelope_places_new(const struct envelope_fields *fields, const struct cv_schema *envelope, const char *option,
                    struct envelope_place **ret, struct cv_err *err)
{
    struct place_list *list = calloc(1, sizeof(*list) + fields->count * sizeof(list->items[0]));

    if (list == NULL)
        return cv_fail_memory(err);
    list->count = fields->count;
    for (size_t i = 0; i < fields->count; i++) {
        if (find_place(&fields->items[i], envelope, option, &list->items[i], err) == CV_OK)
            continue;
        envelope_places_free(list->items);
        return err->rc;
    }
    *ret = list->items;
    return CV_OK;
}

struct cv_value
envelope_value(const struct envelope_place *place, const struct cv_value *envelope)
{
    const struct cv_value *parent = place->parent >= 0 ? cv_struct_at(envelope, (size_t)place->parent) : envelope;
    struct cv_value val;

    if (parent->is_null)
        return cv_null(place->schema);
    val = *cv_struct_at(place->in_envelope ? envelope : parent, (size_t)place->field);
    val.schema = place->schema;
    return val;
}
