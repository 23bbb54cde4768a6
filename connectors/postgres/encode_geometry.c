/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Points, "(1.5,-2)", with their well-known binary form; PostGIS geometry and geography, which print as
 * hexadecimal EWKB and are sent as those bytes, with the SRID that stands in them.
 */
#include "connectors/postgres/encode_private.h"

#include "common/arena.h"
#include "common/number.h"

/* ---- point ---- */

#define POINT_WKB 21 /* byte order, type, two doubles */

struct point {
    double x, y;
    unsigned char wkb[POINT_WKB];
};

static void
put_le64(unsigned char *out, double v)
{
    uint64_t bits;

    memcpy(&bits, &v, sizeof(bits));
    for (int i = 0; i < 8; i++)
        out[i] = (unsigned char)(bits >> (8 * i));
}

static bool
parse_point(const char *text, size_t len, struct point *ret)
{
    const char *comma = len > 0 ? memchr(text, ',', len) : NULL;

    if (comma == NULL || text[0] != '(' || text[len - 1] != ')' ||
        !cv_parse_double(text + 1, (size_t)(comma - text) - 1, &ret->x) ||
        !cv_parse_double(comma + 1, (size_t)(text + len - 1 - (comma + 1)), &ret->y))
        return false;
    memcpy(ret->wkb, "\x01\x01\0\0\0", 5);
    put_le64(ret->wkb + 5, ret->x);
    put_le64(ret->wkb + 13, ret->y);
    return true;
}

char *
encode_point_json(const struct encode *enc, const char *text, size_t len, char *out, bool *ret_bad)
{
    struct point point;

    (void)enc;
    (void)ret_bad;
    if (!parse_point(text, len, &point))
        return NULL;
    out = encode_put(out, "{\"x\":");
    out = encode_double(point.x, false, out);
    out = encode_put(out, ",\"y\":");
    out = encode_double(point.y, false, out);
    out = encode_put(out, ",\"wkb\":\"");
    out += cv_base64_into(out, point.wkb, sizeof(point.wkb));
    return encode_put(out, "\",\"srid\":null}");
}

enum cv_rc
encode_point_value(const char *text, size_t len, struct cv_arena *arena, struct cv_value *ret,
                   struct cv_err *err)
{
    struct cv_value *val;
    struct point point;
    void *wkb;

    if (!parse_point(text, len, &point))
        return CV_INVALID;
    val = cv_struct_new(arena, ret->schema);
    wkb = cv_arena_dup(arena, point.wkb, sizeof(point.wkb));
    if (val == NULL || wkb == NULL)
        return cv_fail_memory(err);
    encode_set_field(val, 0, cv_float64(point.x));
    encode_set_field(val, 1, cv_float64(point.y));
    encode_set_field(val, 2, cv_binary(wkb, sizeof(point.wkb)));
    *ret = *val;
    return CV_OK;
}

/* ---- PostGIS ---- */

#define EWKB_HEADER   5 /* byte order, type */
#define EWKB_HAS_SRID UINT32_C(0x20000000)

struct geometry {
    bool has_srid;
    int32_t srid;
};

static uint32_t
get_u32(const unsigned char *p, bool little)
{
    return little ? (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0]
                  : (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool
parse_geometry(const unsigned char *ewkb, size_t len, struct geometry *ret)
{
    bool little;

    if (len < EWKB_HEADER || ewkb[0] > 1)
        return false;
    little = ewkb[0] == 1;
    ret->has_srid = (get_u32(ewkb + 1, little) & EWKB_HAS_SRID) != 0;
    if (!ret->has_srid)
        return true;
    if (len < EWKB_HEADER + 4)
        return false;
    ret->srid = (int32_t)get_u32(ewkb + EWKB_HEADER, little);
    return true;
}

/* The bytes are decoded behind where their base64 ends, in the room of the value. */
char *
encode_geometry_json(const struct encode *enc, const char *text, size_t len, char *out, bool *ret_bad)
{
    const size_t bytes = len / 2;
    unsigned char *ewkb = (unsigned char *)out + CV_BASE64_LEN(bytes) + 64;
    struct geometry geometry;

    (void)enc;
    (void)ret_bad;
    if (!encode_unhex(text, len, ewkb) || !parse_geometry(ewkb, bytes, &geometry))
        return NULL;
    out = encode_put(out, "{\"wkb\":\"");
    out += cv_base64_into(out, ewkb, bytes);
    out = encode_put(out, "\",\"srid\":");
    out = geometry.has_srid ? encode_i64(geometry.srid, out) : encode_put(out, "null");
    *out++ = '}';
    return out;
}

enum cv_rc
encode_geometry_value(const char *text, size_t len, struct cv_arena *arena, struct cv_value *ret,
                      struct cv_err *err)
{
    unsigned char *ewkb = cv_arena_alloc(arena, len / 2 + 1);
    struct cv_value *val = cv_struct_new(arena, ret->schema);
    struct geometry geometry;

    if (ewkb == NULL || val == NULL)
        return cv_fail_memory(err);
    if (!encode_unhex(text, len, ewkb) || !parse_geometry(ewkb, len / 2, &geometry))
        return CV_INVALID;
    encode_set_field(val, 0, cv_binary(ewkb, len / 2));
    if (geometry.has_srid)
        encode_set_field(val, 1, cv_int(CV_INT32, geometry.srid));
    *ret = *val;
    return CV_OK;
}
