/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ExtractNewRecordState: the row after a change takes the place of its envelope; of a delete, what the option says.
 * Fields of the envelope may come along, as fields of the row or as headers, and fields of the row may be dropped by
 * a header that names them.
 *
 * What becomes of one envelope schema is worked out once and kept as a struct shape.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "data/lru.h"
#include "transforms/debezium.h"
#include "transforms/envelope_field.h"
#include "transforms/transforms.h"

#define SHAPES_MAX 2048

/* ---- options ---- */

enum { DROP, TOMBSTONE, REWRITE, REWRITE_WITH_TOMBSTONE, DELETE_TO_TOMBSTONE };

static const char *const mode_names[] = { "drop",    "tombstone", "rewrite", "rewrite-with-tombstone",
                                          "delete-to-tombstone", NULL };

struct extract_options {
    int mode;
    char *route_field;
    char *fields_prefix;
    struct cv_list fields;
    char *headers_prefix;
    struct cv_list headers;
    char *drop_header;
    bool drop_from_key;
    bool drop_compatible;
    bool replace_null;
};

struct extract_new_record {
    struct smt smt;
    struct extract_options options;
    struct envelope_fields fields;
    struct envelope_fields headers;
    struct lru *shapes; /* address of an envelope schema to struct shape */
};

static const struct cv_config_def extract_rows[] = {
    { .name = "delete.tombstone.handling.mode", .type = CV_CONFIG_ENUM, .def = "tombstone", .names = mode_names,
      .importance = CV_MEDIUM, .order = 1, .width = CV_WIDTH_MEDIUM, .display = "Handle delete and tombstone records",
      .doc = "What becomes of a delete and of the tombstone behind it. drop: nothing of either; tombstone: the delete "
             "has no value but a schema, the tombstone goes; rewrite: the delete is the row before, and the field "
             "__deleted tells deletes (true) from others (false), the tombstone goes; rewrite-with-tombstone: the "
             "same, the tombstone stays; delete-to-tombstone: the delete becomes a tombstone, the other one goes.",
      .offset = offsetof(struct extract_options, mode) },
    { .name = "route.by.field", .type = CV_CONFIG_STRING, .def = "", .importance = CV_LOW, .order = 1,
      .width = CV_WIDTH_LONG, .display = "Route by field name",
      .doc = "Column whose text becomes the topic's name.", .offset = offsetof(struct extract_options, route_field) },
    { .name = "add.fields.prefix", .type = CV_CONFIG_STRING, .def = "__", .importance = CV_LOW, .order = 1,
      .width = CV_WIDTH_SHORT, .display = "Field prefix to be added to each field.",
      .doc = "What the names of added fields begin with.", .offset = offsetof(struct extract_options, fields_prefix) },
    { .name = "add.fields", .type = CV_CONFIG_LIST, .def = "", .importance = CV_LOW, .order = 1,
      .width = CV_WIDTH_LONG, .display = "Adds the specified field(s) to the message if they exist.",
      .doc = "Fields of the envelope to add to the row: op, table, transaction.id, source.ts_ms (called "
             "__source_ts_ms) or source.ts_ms:at (called __at). A name without struct is looked up in source, but "
             "op and the ts_ of the envelope itself.",
      .offset = offsetof(struct extract_options, fields) },
    { .name = "add.headers.prefix", .type = CV_CONFIG_STRING, .def = "__", .importance = CV_LOW, .order = 1,
      .width = CV_WIDTH_SHORT, .display = "Header prefix to be added to each header.",
      .doc = "What the names of added headers begin with.",
      .offset = offsetof(struct extract_options, headers_prefix) },
    { .name = "add.headers", .type = CV_CONFIG_LIST, .def = "", .importance = CV_LOW, .order = 1,
      .width = CV_WIDTH_LONG, .display = "Adds the specified fields to the header if they exist.",
      .doc = "Fields of the envelope to add as headers, written as in add.fields.",
      .offset = offsetof(struct extract_options, headers) },
    { .name = "drop.fields.header.name", .type = CV_CONFIG_STRING, .importance = CV_LOW, .order = 1,
      .width = CV_WIDTH_SHORT, .display = "Specifies a header that contains a list of field names to be removed",
      .doc = "Header that lists the fields to leave out of the row.",
      .offset = offsetof(struct extract_options, drop_header) },
    { .name = "drop.fields.from.key", .type = CV_CONFIG_BOOLEAN, .def = "false", .importance = CV_LOW, .order = 1,
      .width = CV_WIDTH_SHORT,
      .display = "Specifies whether the fields to be dropped should also be omitted from the key",
      .doc = "Leave the same fields out of the key.", .offset = offsetof(struct extract_options, drop_from_key) },
    { .name = "drop.fields.keep.schema.compatible", .type = CV_CONFIG_BOOLEAN, .def = "true", .importance = CV_LOW,
      .order = 1, .width = CV_WIDTH_SHORT,
      .display = "Specifies if fields are dropped, will the event's schemas be compatible",
      .doc = "Leave only such fields out that are optional.",
      .offset = offsetof(struct extract_options, drop_compatible) },
    { .name = "replace.null.with.default", .type = CV_CONFIG_BOOLEAN, .def = "true", .importance = CV_LOW,
      .internal = true, .doc = "In the rewrite modes, take the default value of a field where the field is null.",
      .offset = offsetof(struct extract_options, replace_null) },
    CV_CONFIG_END
};


/* ---- shapes ---- */

/* What is known of an envelope schema. The fields of to are those of the row, __deleted in the rewrite modes, then
   what is added. */
struct shape {
    struct cv_schema *from; /* the reference keeps its address its own */
    int before;             /* index, -1: none */
    int after;
    struct cv_schema *to[2]; /* of the row before and after; NULL: there is no such field */
    struct envelope_place *fields;
    struct envelope_place *headers;
};

static bool
is_rewrite(const struct extract_new_record *extract)
{
    return extract->options.mode == REWRITE || extract->options.mode == REWRITE_WITH_TOMBSTONE;
}

static void
shape_free(void *ptr)
{
    struct shape *shape = ptr;

    cv_schema_unref(shape->to[0]);
    cv_schema_unref(shape->to[1]);
    envelope_places_free(shape->fields);
    envelope_places_free(shape->headers);
    cv_schema_unref(shape->from);
    free(shape);
}

static enum cv_rc
row_schema(const struct extract_new_record *extract, const struct shape *shape, int field, struct cv_schema **ret,
           struct cv_err *err)
{
    const struct cv_schema *row = shape->from->fields[field].schema;
    struct cv_schema_builder *b;

    if (row->type != CV_STRUCT)
        return cv_fail(err, CV_INVALID, "field %s of \"%s\" is no struct", shape->from->fields[field].name,
                       shape->from->name);
    b = cv_schema_derive_basics(row, CV_STRUCT);
    for (size_t i = 0; i < row->n_fields; i++)
        cv_schema_add_field(b, row->fields[i].name, row->fields[i].schema);
    if (is_rewrite(extract))
        cv_schema_add_field(b, "__deleted", cv_schema_plain(CV_STRING, true));
    for (size_t i = 0; i < extract->fields.count; i++)
        if (shape->fields[i].schema != NULL)
            cv_schema_add_field(b, extract->fields.items[i].name, shape->fields[i].schema);
    return cv_schema_finish(b, ret, err);
}

static enum cv_rc
shape_fill(const struct extract_new_record *extract, struct shape *shape, struct cv_err *err)
{
    shape->before = debezium_index(shape->from, "before");
    shape->after = debezium_index(shape->from, "after");
    if (shape->after < 0)
        return cv_fail(err, CV_INVALID, "Unknown field: after");
    if (envelope_places_new(&extract->fields, shape->from, "add.fields", &shape->fields, err) != CV_OK ||
        envelope_places_new(&extract->headers, shape->from, "add.headers", &shape->headers, err) != CV_OK)
        return err->rc;
    if (shape->before >= 0 && row_schema(extract, shape, shape->before, &shape->to[0], err) != CV_OK)
        return err->rc;
    return row_schema(extract, shape, shape->after, &shape->to[1], err);
}

static enum cv_rc
find_shape(struct extract_new_record *extract, const struct cv_schema *from, const struct shape **ret,
           struct cv_err *err)
{
    struct shape *shape = lru_get(extract->shapes, &from, sizeof(from));

    if (shape == NULL) {
        shape = calloc(1, sizeof(*shape));
        if (shape == NULL)
            return cv_fail_memory(err);
        shape->from = cv_schema_ref(from);
        if (shape_fill(extract, shape, err) != CV_OK) {
            shape_free(shape);
            return err->rc;
        }
        if (!lru_put(extract->shapes, &from, sizeof(from), shape))
            return cv_fail_memory(err);
    }
    *ret = shape;
    return CV_OK;
}

/* ---- configuration ---- */

static void
extract_free(struct cv_transform *xf)
{
    struct extract_new_record *extract = cv_container_of(xf, struct extract_new_record, smt.base);

    lru_free(extract->shapes);
    envelope_fields_done(&extract->fields);
    envelope_fields_done(&extract->headers);
    smt_free(xf);
}

static enum cv_rc
prepare(struct extract_new_record *extract, struct cv_err *err)
{
    const struct extract_options *options = &extract->options;

    extract->shapes = lru_new(SHAPES_MAX, shape_free);
    if (extract->shapes == NULL)
        return cv_fail_memory(err);
    if (envelope_fields_init(&extract->fields, "add.fields", options->fields_prefix, &options->fields, err) != CV_OK)
        return err->rc;
    return envelope_fields_init(&extract->headers, "add.headers", options->headers_prefix, &options->headers, err);
}

static enum cv_rc
extract_configure(const struct cv_plugin *plugin, const struct cv_config *cfg, struct cv_transform **ret,
                  struct cv_err *err)
{
    struct cv_transform *made = NULL;

    if (smt_new(plugin, cfg, sizeof(struct extract_new_record), offsetof(struct extract_new_record, options), &made,
                err) != CV_OK)
        return err->rc;
    if (prepare(cv_container_of(made, struct extract_new_record, smt.base), err) != CV_OK) {
        extract_free(made);
        return err->rc;
    }
    *ret = made;
    return CV_OK;
}

/* ---- dropping fields ---- */

/* The struct's schema without the fields that detail, a byte a field, marks. */
static enum cv_rc
schema_without(struct smt *smt, const struct cv_schema *from, const void *detail, struct cv_schema **ret,
               struct cv_err *err)
{
    struct cv_schema_builder *b = cv_schema_derive_basics(from, CV_STRUCT);
    const char *dropped = detail;

    (void)smt;
    for (size_t i = 0; i < from->n_fields; i++)
        if (!dropped[i])
            cv_schema_add_field(b, from->fields[i].name, from->fields[i].schema);
    return cv_schema_finish(b, ret, err);
}

static bool
list_names(const struct cv_value *names, const char *field)
{
    size_t len = strlen(field);

    for (uint32_t i = 0; i < names->list.count; i++) {
        const struct cv_value *name = &names->list.items[i];

        if (!name->is_null && name->type == CV_STRING && name->bytes.len == len &&
            memcmp(name->bytes.data, field, len) == 0)
            return true;
    }
    return false;
}

/* Leave the named ones of the first n fields out; null fields of what stays become their defaults, as in
   ReplaceField. */
static enum cv_rc
drop_fields(struct extract_new_record *extract, const struct cv_value *names, size_t n, struct cv_arena *arena,
            struct cv_value *strct, struct cv_err *err)
{
    const struct cv_schema *from = strct->schema, *schema = NULL;
    bool compatible = extract->options.drop_compatible, any = !compatible;
    struct cv_value *made;
    char *dropped = cv_arena_zalloc(arena, from->n_fields + 1);
    size_t at = 0;

    if (dropped == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        dropped[i] = (!compatible || from->fields[i].schema->optional) && list_names(names, from->fields[i].name);
        any = any || dropped[i];
    }
    if (!any)
        return CV_OK;
    if (smt_schema_for(&extract->smt, from, dropped, from->n_fields, schema_without, arena, &schema, err) != CV_OK)
        return err->rc;
    made = cv_struct_new(arena, schema);
    if (made == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < from->n_fields; i++)
        if (!dropped[i])
            *cv_struct_at(made, at++) = *smt_field(strct, i, true);
    *strct = *made;
    return CV_OK;
}

/* The names in the header, *ret NULL if there are none. */
static enum cv_rc
dropped_names(const struct extract_new_record *extract, const struct cv_record *rec, const struct cv_value **ret,
              struct cv_err *err)
{
    const char *name = extract->options.drop_header;
    const struct cv_header *header = name != NULL ? debezium_header(&rec->headers, name) : NULL;

    *ret = NULL;
    if (header == NULL || header->value.is_null)
        return CV_OK;
    if (header->value.type != CV_ARRAY)
        return cv_fail(err, CV_INVALID, "header \"%s\" (drop.fields.header.name) is no list of field names", name);
    if (header->value.list.count > 0)
        *ret = &header->value;
    return CV_OK;
}

static enum cv_rc
apply_drops(struct extract_new_record *extract, size_t n, struct cv_arena *arena, struct cv_record *rec,
            struct cv_err *err)
{
    const struct cv_value *names = NULL;

    if (dropped_names(extract, rec, &names, err) != CV_OK)
        return err->rc;
    if (names == NULL)
        return CV_OK;
    if (extract->options.drop_from_key && !rec->key.is_null) {
        if (smt_require_struct(&rec->key, "field replacement", err) != CV_OK ||
            drop_fields(extract, names, rec->key.schema->n_fields, arena, &rec->key, err) != CV_OK)
            return err->rc;
    }
    return rec->value.is_null ? CV_OK : drop_fields(extract, names, n, arena, &rec->value, err);
}

/* ---- records ---- */

static enum cv_rc
add_headers(const struct extract_new_record *extract, const struct shape *shape, struct cv_arena *arena,
            struct cv_record *rec, struct cv_err *err)
{
    for (size_t i = 0; i < extract->headers.count; i++) {
        const struct envelope_place *place = &shape->headers[i];

        if (place->schema == NULL)
            continue;
        if (cv_schema_hold(arena, place->schema, err) != CV_OK ||
            cv_header_add(arena, &rec->headers, extract->headers.items[i].name,
                          envelope_value(place, &rec->value), err) != CV_OK)
            return err->rc;
    }
    return CV_OK;
}

/* A tombstone says nothing but that it is the end of a delete. */
static enum cv_rc
take_tombstone(const struct extract_new_record *extract, struct cv_arena *arena, struct cv_record *rec,
               bool *ret_keep, struct cv_err *err)
{
    struct cv_value op = cv_string("d", 1);

    op.schema = cv_schema_plain(CV_STRING, false);
    for (size_t i = 0; i < extract->headers.count; i++)
        if (strcmp(extract->headers.items[i].field, "op") == 0 &&
            cv_header_add(arena, &rec->headers, extract->headers.items[i].name, op, err) != CV_OK)
            return err->rc;
    *ret_keep = extract->options.mode == REWRITE_WITH_TOMBSTONE;
    return CV_OK;
}

static enum cv_rc
route(const struct extract_new_record *extract, const struct cv_value *row, struct cv_arena *arena,
      struct cv_record *rec, struct cv_err *err)
{
    const struct cv_value *topic = NULL;

    if (extract->options.route_field[0] == '\0')
        return CV_OK;
    if (row->is_null)
        return cv_fail(err, CV_INVALID, "route.by.field: the event has no row to look for \"%s\" in",
                       extract->options.route_field);
    if (debezium_field(row, extract->options.route_field, CV_STRING, &topic, err) != CV_OK)
        return err->rc;
    if (debezium_is_blank(topic))
        return CV_OK;
    rec->topic = cv_arena_dup(arena, topic->bytes.data, topic->bytes.len);
    return rec->topic != NULL ? CV_OK : cv_fail_memory(err);
}

/* The row with __deleted and what is added. The value, of which row is a part, is still the envelope. */
static enum cv_rc
take_row(const struct extract_new_record *extract, const struct shape *shape, const struct cv_value *row,
         bool deleted, struct cv_arena *arena, struct cv_record *rec, struct cv_err *err)
{
    const struct cv_schema *schema = shape->to[deleted ? 0 : 1];
    bool rewrite = is_rewrite(extract);
    size_t at = row->schema->n_fields;
    struct cv_value *made;

    if (cv_schema_hold(arena, schema, err) != CV_OK)
        return err->rc;
    made = debezium_refill(arena, schema, row, rewrite && extract->options.replace_null, err);
    if (made == NULL)
        return err->rc;
    if (rewrite) {
        struct cv_value flag = cv_cstring(deleted ? "true" : "false");

        flag.schema = schema->fields[at].schema;
        *cv_struct_at(made, at++) = flag;
    }
    for (size_t i = 0; i < extract->fields.count; i++)
        if (shape->fields[i].schema != NULL)
            *cv_struct_at(made, at++) = envelope_value(&shape->fields[i], &rec->value);
    rec->value = *made;
    return CV_OK;
}

static enum cv_rc
take_delete(struct extract_new_record *extract, const struct shape *shape, const struct cv_value *before,
            struct cv_arena *arena, struct cv_record *rec, bool *ret_keep, struct cv_err *err)
{
    if (extract->options.mode == DROP) {
        *ret_keep = false;
        return CV_OK;
    }
    if (route(extract, before, arena, rec, err) != CV_OK)
        return err->rc;
    if (extract->options.mode == DELETE_TO_TOMBSTONE)
        rec->value = cv_null(NULL);
    else if (extract->options.mode == TOMBSTONE)
        rec->value = cv_null(shape->from->fields[shape->after].schema);
    else if (take_row(extract, shape, before, true, arena, rec, err) != CV_OK)
        return err->rc;
    return apply_drops(extract, before->schema->n_fields + 1, arena, rec, err);
}

static enum cv_rc
extract_apply(struct cv_transform *xf, struct cv_arena *arena, struct cv_record *rec, bool *ret_keep,
              struct cv_err *err)
{
    struct extract_new_record *extract = cv_container_of(xf, struct extract_new_record, smt.base);
    const struct cv_value *before, *after;
    const struct shape *shape = NULL;

    *ret_keep = true;
    if (rec->value.is_null)
        return take_tombstone(extract, arena, rec, ret_keep, err);
    if (!debezium_is_envelope(rec->value.schema))
        return CV_OK;
    if (find_shape(extract, rec->value.schema, &shape, err) != CV_OK ||
        add_headers(extract, shape, arena, rec, err) != CV_OK)
        return err->rc;
    after = cv_struct_at(&rec->value, (size_t)shape->after);
    if (after->is_null) {
        before = shape->before >= 0 ? cv_struct_at(&rec->value, (size_t)shape->before) : NULL;
        if (before != NULL && !before->is_null)
            return take_delete(extract, shape, before, arena, rec, ret_keep, err);
        *ret_keep = false; /* a truncate */
        return CV_OK;
    }
    if (route(extract, after, arena, rec, err) != CV_OK ||
        take_row(extract, shape, after, false, arena, rec, err) != CV_OK)
        return err->rc;
    return apply_drops(extract, rec->value.schema->n_fields, arena, rec, err);
}

static const struct cv_transform_ops extract_ops = {
    .configure = extract_configure,
    .apply = extract_apply,
    .free = extract_free,
};

const struct cv_plugin extract_new_record_plugin =
    DEBEZIUM_PLUGIN("transforms.ExtractNewRecordState", extract_rows, &extract_ops);
