/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vectors: int2vector and oidvector ("1 2 3"), pgvector's vector and halfvec ("[1,2.5]") and sparsevec
 * ("{1:1.5,3:-2}/5": index and value, counted from 1, and the number of dimensions).
 */
#include "connectors/postgres/encode_private.h"

#include "common/arena.h"
#include "common/number.h"
#include "data/java_order.h"

struct vector_cursor {
    const char *p;
    const char *end;
    char separator;
};

static bool
vector_begin(const struct encode *enc, const char *text, size_t len, struct vector_cursor *ret)
{
    bool brackets = enc->kind == ENCODE_FLOAT32_VECTOR || enc->kind == ENCODE_FLOAT64_VECTOR;

    *ret = (struct vector_cursor){ text, text + len, brackets ? ',' : ' ' };
    if (!brackets)
        return true;
    if (len < 2 || text[0] != '[' || text[len - 1] != ']')
        return false;
    ret->p++;
    ret->end--;
    return true;
}

/* The next number's text, the separator behind it taken. */
static struct cv_bytes
vector_next(struct vector_cursor *cur)
{
    const char *start = cur->p, *end = memchr(start, cur->separator, (size_t)(cur->end - start));

    cur->p = end != NULL ? end + 1 : cur->end;
    return (struct cv_bytes){ start, (size_t)((end != NULL ? end : cur->end) - start) };
}

static char *
number_json(const struct encode *enc, struct cv_bytes text, char *out)
{
    double number;
    int64_t integer;

    if (enc->kind == ENCODE_INT16_VECTOR || enc->kind == ENCODE_INT64_VECTOR)
        return cv_parse_i64(text.data, text.len, &integer) ? encode_i64(integer, out) : NULL;
    if (!cv_parse_double(text.data, text.len, &number))
        return NULL;
    return encode_double(number, enc->kind == ENCODE_FLOAT32_VECTOR, out);
}

char *
encode_vector_json(const struct encode *enc, const char *text, size_t len, char *out, bool *ret_bad)
{
    struct vector_cursor cur;

    (void)ret_bad;
    if (!vector_begin(enc, text, len, &cur))
        return NULL;
    *out++ = '[';
    while (cur.p < cur.end) {
        out = number_json(enc, vector_next(&cur), out);
        if (out == NULL)
            return NULL;
        *out++ = ',';
    }
    if (out[-1] == ',')
        out--;
    *out++ = ']';
    return out;
}

static bool
number_value(const struct encode *enc, struct cv_bytes text, struct cv_value *ret)
{
    double number;
    int64_t integer;

    if (enc->kind == ENCODE_INT16_VECTOR || enc->kind == ENCODE_INT64_VECTOR) {
        if (!cv_parse_i64(text.data, text.len, &integer))
            return false;
        *ret = cv_int(enc->kind == ENCODE_INT16_VECTOR ? CV_INT16 : CV_INT64, integer);
        return true;
    }
    if (!cv_parse_double(text.data, text.len, &number))
        return false;
    *ret = enc->kind == ENCODE_FLOAT32_VECTOR ? cv_float32((float)number) : cv_float64(number);
    return true;
}

enum cv_rc
encode_vector_value(const struct encode *enc, const char *text, size_t len, struct cv_arena *arena,
                    struct cv_value *ret, struct cv_err *err)
{
    struct vector_cursor cur;
    struct cv_value *array;

    if (!vector_begin(enc, text, len, &cur))
        return CV_INVALID;
    array = cv_array_new(arena, 8);
    if (array == NULL)
        return cv_fail_memory(err);
    array->schema = ret->schema;
    while (cur.p < cur.end) {
        struct cv_value number;

        if (!number_value(enc, vector_next(&cur), &number))
            return CV_INVALID;
        number.schema = ret->schema->items;
        if (cv_array_add(arena, array, number, err) != CV_OK)
            return err->rc;
    }
    *ret = *array;
    return CV_OK;
}

/* ---- sparse ---- */

struct sparse {
    int64_t dimensions;
    struct vector_cursor pairs;
};

static bool
sparse_begin(const char *text, size_t len, struct sparse *ret)
{
    const char *close = len > 0 ? memchr(text, '}', len) : NULL;

    if (close == NULL || text[0] != '{' || (size_t)(close - text) + 2 >= len || close[1] != '/' ||
        !cv_parse_i64(close + 2, len - (size_t)(close + 2 - text), &ret->dimensions) ||
        ret->dimensions < 0 || ret->dimensions > INT16_MAX)
        return false;
    ret->pairs = (struct vector_cursor){ text + 1, close, ',' };
    return true;
}

static bool
sparse_next(struct sparse *sparse, int64_t *ret_index, double *ret_number)
{
    struct cv_bytes pair = vector_next(&sparse->pairs);
    const char *colon = pair.len > 0 ? memchr(pair.data, ':', pair.len) : NULL;

    return colon != NULL && cv_parse_i64(pair.data, (size_t)(colon - pair.data), ret_index) && *ret_index > 0 &&
           *ret_index <= INT16_MAX &&
           cv_parse_double(colon + 1, pair.len - (size_t)(colon + 1 - pair.data), ret_number);
}

/* The pairs as a map in the order of java.util.HashMap. CV_INVALID: no sparse vector. */
static enum cv_rc
sparse_map(const char *text, size_t len, struct cv_arena *arena, int64_t *ret_dimensions, struct cv_value **ret,
           struct cv_err *err)
{
    const size_t max = len / 4 + 1; /* a pair takes four bytes: "1:2,"; the last one has no comma */
    struct cv_value *map = cv_map_new(arena, max);
    struct sparse sparse;
    size_t count = 0;

    if (map == NULL)
        return cv_fail_memory(err);
    if (!sparse_begin(text, len, &sparse))
        return CV_INVALID;
    for (; sparse.pairs.p < sparse.pairs.end; count++) {
        int64_t index;
        double number;

        if (count == max || !sparse_next(&sparse, &index, &number))
            return CV_INVALID;
        map->map.entries[count] = (struct cv_map_entry){ cv_int(CV_INT16, index), cv_float64(number) };
    }
    map->map.count = (uint32_t)count;
    *ret_dimensions = sparse.dimensions;
    *ret = map;
    return java_order_map(map, err);
}

char *
encode_sparse_json(const struct encode *enc, const char *text, size_t len, char *out, bool *ret_bad)
{
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_value *map;
    struct cv_err err;
    int64_t dimensions;

    (void)enc;
    (void)ret_bad;
    if (arena == NULL || sparse_map(text, len, arena, &dimensions, &map, &err) != CV_OK) {
        cv_arena_free(arena);
        return NULL;
    }
    out = encode_put(out, "{\"dimensions\":");
    out = encode_i64(dimensions, out);
    out = encode_put(out, ",\"vector\":[");
    for (uint32_t i = 0; i < map->map.count; i++) {
        out = encode_put(out, i > 0 ? ",[" : "[");
        out = encode_i64(map->map.entries[i].key.integer, out);
        *out++ = ',';
        out = encode_double(map->map.entries[i].value.float64, false, out);
        *out++ = ']';
    }
    cv_arena_free(arena);
    return encode_put(out, "]}");
}

enum cv_rc
encode_sparse_value(const char *text, size_t len, struct cv_arena *arena, struct cv_value *ret,
                    struct cv_err *err)
{
    struct cv_value *val = cv_struct_new(arena, ret->schema), *map;
    int64_t dimensions;
    enum cv_rc rc;

    if (val == NULL)
        return cv_fail_memory(err);
    rc = sparse_map(text, len, arena, &dimensions, &map, err);
    if (rc != CV_OK)
        return rc;
    for (uint32_t i = 0; i < map->map.count; i++) {
        map->map.entries[i].key.schema = ret->schema->fields[1].schema->keys;
        map->map.entries[i].value.schema = ret->schema->fields[1].schema->items;
    }
    encode_set_field(val, 0, cv_int(CV_INT16, dimensions));
    encode_set_field(val, 1, *map);
    *ret = *val;
    return CV_OK;
}
