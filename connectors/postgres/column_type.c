/* SPDX-License-Identifier: Apache-2.0 */
/* The driver's getPrecision and getScale, by base type; arrays are described by their elements. */
#include "connectors/postgres/column_type.h"

#include <string.h>

#include "common/buf.h"

enum size_rule { SIZE_FIXED, SIZE_CHARS, SIZE_BITS, SIZE_NUMERIC, SIZE_TIME, SIZE_INTERVAL };

static const struct size_row {
    const char *name; /* pg_type.typname */
    enum size_rule rule;
    int32_t length; /* FIXED; TIME: without fraction */
    int32_t scale;  /* FIXED */
} sizes[] = {
    { "bool", SIZE_FIXED, 1, 0 },        { "char", SIZE_FIXED, 1, 0 },      { "int2", SIZE_FIXED, 5, 0 },
    { "int4", SIZE_FIXED, 10, 0 },       { "oid", SIZE_FIXED, 10, 0 },      { "int8", SIZE_FIXED, 19, 0 },
    { "float4", SIZE_FIXED, 8, 8 },      { "float8", SIZE_FIXED, 17, 17 },  { "date", SIZE_FIXED, 13, 0 },
    { "varchar", SIZE_CHARS, 0, 0 },     { "bpchar", SIZE_CHARS, 0, 0 },    { "bit", SIZE_BITS, 0, 0 },
    { "varbit", SIZE_BITS, 0, 0 },       { "numeric", SIZE_NUMERIC, 0, 0 }, { "time", SIZE_TIME, 8, 0 },
    { "timetz", SIZE_TIME, 14, 0 },      { "timestamp", SIZE_TIME, 22, 0 }, { "timestamptz", SIZE_TIME, 28, 0 },
    { "interval", SIZE_INTERVAL, 49, 0 },
};

static const char *
base_name(const struct pg_column *col)
{
    const struct pg_type *type = col->type;

    return type->category == 'A' && type->name[0] == '_' ? type->name + 1 : type->name;
}

/* Point and digits of a time's fraction; of one digit the server prints two. */
static int32_t
fraction_size(int32_t typmod)
{
    return typmod < 0 ? 7 : typmod == 0 ? 0 : typmod == 1 ? 3 : typmod + 1;
}

static void
numeric_size(int32_t typmod, bool snapshot, int32_t *ret_length, int32_t *ret_scale)
{
    if (typmod >= 4) {
        *ret_length = (typmod - 4) >> 16 & 0xffff;
        *ret_scale = (typmod - 4) & 0xffff;
    } else {
        *ret_length = snapshot ? 0 : 131089;
        *ret_scale = snapshot ? -1 : 0;
    }
}

void
column_type_size(const struct pg_column *col, bool snapshot, int32_t *ret_length, int32_t *ret_scale)
{
    const char *name = base_name(col);
    const struct size_row *row = NULL;
    int32_t typmod = col->typmod;

    *ret_length = INT32_MAX;
    *ret_scale = 0;
    for (size_t i = 0; i < CV_COUNT(sizes); i++)
        if (strcmp(sizes[i].name, name) == 0)
            row = &sizes[i];
    if (row == NULL)
        return;
    switch (row->rule) {
    case SIZE_FIXED:
        *ret_length = row->length;
        *ret_scale = row->scale;
        break;
    case SIZE_CHARS:
        *ret_length = typmod >= 4 ? typmod - 4 : INT32_MAX;
        break;
    case SIZE_BITS:
        *ret_length = typmod >= 0 ? typmod : INT32_MAX;
        break;
    case SIZE_NUMERIC:
        numeric_size(typmod, snapshot, ret_length, ret_scale);
        break;
    case SIZE_TIME:
        *ret_length = row->length + fraction_size(typmod);
        *ret_scale = typmod < 0 ? 6 : typmod;
        break;
    case SIZE_INTERVAL:
        *ret_length = row->length;
        *ret_scale = typmod < 0 ? 6 : typmod & 0xffff;
        break;
    }
}

void
column_type_name(const struct pg_column *col, bool snapshot, char *out, size_t room)
{
    static const char *const serials[][2] = { { "int2", "SMALLSERIAL" }, { "int4", "SERIAL" },
                                              { "int8", "BIGSERIAL" } };
    size_t i = 0;

    if (snapshot && col->def != NULL && strstr(col->def, "nextval(") != NULL)
        for (size_t s = 0; s < CV_COUNT(serials); s++)
            if (strcmp(col->type->declared, serials[s][0]) == 0) {
                snprintf(out, room, "%s", serials[s][1]);
                return;
            }
    for (; col->type->declared[i] != '\0' && i + 1 < room; i++) {
        char c = col->type->declared[i];

        out[i] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
    }
    out[i] = '\0';
}

bool
column_type_is_text(const struct pg_column *col)
{
    static const char *const names[] = { "text", "varchar", "bpchar", "name", "char", "citext" };

    if (col->type->kind == 'e')
        return true;
    for (size_t i = 0; i < CV_COUNT(names); i++)
        if (strcmp(col->type->name, names[i]) == 0)
            return true;
    return false;
}
