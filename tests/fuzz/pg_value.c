/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Column texts of every kind, on both paths. The first byte chooses the column, the rest is its text. What is written
 * stays in the room that was asked for, and both paths give the same bytes; except for those kinds whose text is
 * copied as it is, which the server's never lets differ.
 */
#include <config.h>

#include <stdint.h>
#include <stdlib.h>

#include "common/arena.h"
#include "common/buf.h"
#include "connectors/postgres/config.h"
#include "connectors/postgres/type.h"
#include "data/json.h"

#define NUMERIC(p, s) (((p) << 16 | (s)) + 4)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct pg_config plain_modes = { .decimal_mode = PG_DECIMAL_PRECISE, .time_mode = PG_TIME_ADAPTIVE,
                                              .money_fraction_digits = 2, .include_unknown_types = true };
static const struct pg_config text_modes = { .decimal_mode = PG_DECIMAL_STRING, .time_mode = PG_TIME_ISO,
                                             .interval_mode = PG_INTERVAL_STRING, .binary_mode = PG_BINARY_HEX,
                                             .hstore_mode = PG_HSTORE_MAP, .include_unknown_types = true };
static const struct pg_config number_modes = { .decimal_mode = PG_DECIMAL_DOUBLE, .time_mode = PG_TIME_NS,
                                               .binary_mode = PG_BINARY_BASE64_URL, .include_unknown_types = true };

static const struct {
    const char *type; /* of an array with item */
    bool item;
    int32_t typmod;
    const struct pg_config *modes;
} columns[] = {
    { "bool", false, -1, &plain_modes },
    { "int4", false, -1, &plain_modes },
    { "int8", true, -1, &plain_modes },
    { "float4", false, -1, &plain_modes },
    { "float8", true, -1, &plain_modes },
    { "numeric", false, NUMERIC(10, 2), &plain_modes },
    { "numeric", false, NUMERIC(1000, 500), &plain_modes },
    { "numeric", true, NUMERIC(10, 2), &plain_modes },
    { "numeric", false, -1, &plain_modes },
    { "numeric", true, -1, &plain_modes },
    { "numeric", false, -1, &text_modes },
    { "numeric", true, -1, &number_modes },
    { "money", false, -1, &plain_modes },
    { "money", false, -1, &text_modes },
    { "money", false, -1, &number_modes },
    { "text", false, -1, &plain_modes },
    { "text", true, -1, &plain_modes },
    { "bytea", false, -1, &plain_modes },
    { "bytea", true, -1, &text_modes },
    { "bytea", false, -1, &number_modes },
    { "bit", false, 1, &plain_modes },
    { "bit", true, 9, &plain_modes },
    { "date", false, -1, &plain_modes },
    { "date", true, -1, &text_modes },
    { "time", false, 3, &plain_modes },
    { "time", true, -1, &text_modes },
    { "time", false, -1, &number_modes },
    { "timestamp", false, 3, &plain_modes },
    { "timestamp", false, -1, &plain_modes },
    { "timestamp", true, -1, &text_modes },
    { "timestamp", false, -1, &number_modes },
    { "timestamptz", false, 3, &plain_modes },
    { "timestamptz", true, -1, &plain_modes },
    { "timetz", false, -1, &plain_modes },
    { "interval", false, -1, &plain_modes },
    { "interval", false, -1, &text_modes },
    { "hstore", false, -1, &plain_modes },
    { "hstore", true, -1, &plain_modes },
    { "hstore", false, -1, &text_modes },
    { "point", false, -1, &plain_modes },
    { "geometry", false, -1, &plain_modes },
    { "geography", true, -1, &plain_modes },
    { "oidvector", false, -1, &plain_modes },
    { "vector", false, -1, &plain_modes },
    { "halfvec", true, -1, &plain_modes },
    { "sparsevec", false, -1, &plain_modes },
    { "tsquery", false, -1, &plain_modes },
    { "tsquery", true, -1, &text_modes },
};

/* Texts of these are copied, not read. */
static bool
is_copied(const struct encode *enc)
{
    switch (enc->kind == ENCODE_ARRAY ? enc->element : enc->kind) {
    case ENCODE_BOOL:
    case ENCODE_INT32:
    case ENCODE_INT64:
    case ENCODE_DECIMAL_STRING:
    case ENCODE_TIMESTAMPTZ:
        return true;
    default:
        return false;
    }
}

static void
run(const struct pg_column *col, const struct pg_config *modes, const char *text, size_t len)
{
    static const struct connect_json_format format = { .replace_null = true };
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_err err = CV_ERR_INIT;
    struct cv_schema *schema = NULL;
    struct cv_value value = { 0 };
    struct cv_buf out = CV_BUF_INIT(SIZE_MAX / 2);
    struct column_type type;
    bool fast_bad = false, slow_bad = false;
    char *room, *end;

    type_of_column(modes, col, &type);
    room = malloc(encode_bound(&type.enc, len));
    if (arena == NULL || room == NULL || type_schema(modes, col, true, NULL, &schema, &err) != CV_OK)
        abort();
    end = encode_json(&type.enc, text, len, room, &fast_bad);
    if ((size_t)(end - room) > encode_bound(&type.enc, len))
        abort();
    value.schema = schema;
    if (encode_value(&type.enc, text, len, arena, &value, &slow_bad, &err) != CV_OK ||
        connect_json_write(&out, &value, &format, &err) != CV_OK || cv_buf_check(&out, &err) != CV_OK)
        abort();
    if (!is_copied(&type.enc) && (fast_bad != slow_bad || out.len != (size_t)(end - room) ||
                                  memcmp(out.data, room, out.len) != 0))
        abort();
    cv_buf_free(&out);
    cv_schema_unref(schema);
    cv_arena_free(arena);
    free(room);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char name[] = "c", array[] = "_";
    struct pg_type type = { .oid = 1, .base_oid = 1, .typmod = -1, .kind = 'b', .system = true };
    struct pg_type of_items = { .oid = 2, .base_oid = 2, .typmod = -1, .kind = 'b', .system = true, .name = array };
    struct pg_column col = { .name = name, .type = &type };
    size_t at;

    if (size == 0)
        return 0;
    at = data[0] % CV_COUNT(columns);
    type.name = (char *)(uintptr_t)columns[at].type;
    type.declared = type.name;
    of_items.declared = array;
    of_items.item = &type;
    if (columns[at].item)
        col.type = &of_items;
    col.typmod = columns[at].typmod;
    run(&col, columns[at].modes, (const char *)data + 1, size - 1);
    return 0;
}
