/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Column values: PostgreSQL's text form to JSON bytes (the direct path) and to typed values (the record
 * path). Both forms come from the same conversions, so that the JsonConverter's output of the second equals
 * the first byte for byte.
 *
 * Text is what a session prints with DateStyle=ISO, IntervalStyle=postgres, TimeZone=UTC, bytea_output=hex,
 * extra_float_digits=1, lc_monetary=C (connection.c sets these on every connection).
 */
#ifndef POSTGRES_ENCODE_H
#define POSTGRES_ENCODE_H

#include <culvert/value.h>

/* Connect type and semantic name of each are in type_schema.c. */
enum encode_kind {
    ENCODE_NONE, /* not supported: the column is left out */
    ENCODE_BOOL,
    ENCODE_INT16, /* text is copied */
    ENCODE_INT32,
    ENCODE_INT64,
    ENCODE_FLOAT32,
    ENCODE_FLOAT64,
    ENCODE_DECIMAL,          /* Connect Decimal of fixed scale */
    ENCODE_DECIMAL_VARIABLE, /* io.debezium.data.VariableScaleDecimal */
    ENCODE_DECIMAL_DOUBLE,
    ENCODE_DECIMAL_STRING,
    ENCODE_MONEY, /* as the decimal modes, from money's text */
    ENCODE_MONEY_DOUBLE,
    ENCODE_MONEY_STRING,
    ENCODE_TEXT,
    ENCODE_BYTES, /* these are bytea */
    ENCODE_BYTES_BASE64,
    ENCODE_BYTES_BASE64_URL,
    ENCODE_BYTES_HEX,
    ENCODE_RAW, /* the bytes of the text itself: types that we do not know */
    ENCODE_RAW_BASE64,
    ENCODE_RAW_BASE64_URL,
    ENCODE_RAW_HEX,
    ENCODE_BIT,  /* bit(1): boolean */
    ENCODE_BITS, /* io.debezium.data.Bits */
    ENCODE_DATE_DAYS,
    ENCODE_DATE_ISO,
    ENCODE_TIME_MS, /* these hold ms, us or ns of the day */
    ENCODE_TIME_US,
    ENCODE_TIME_NS,
    ENCODE_TIME_ISO,
    ENCODE_TIMESTAMP_MS,
    ENCODE_TIMESTAMP_US,
    ENCODE_TIMESTAMP_NS,
    ENCODE_TIMESTAMP_ISO,
    ENCODE_TIMESTAMPTZ,
    ENCODE_TIMETZ,
    ENCODE_INTERVAL_US,
    ENCODE_INTERVAL_ISO,
    ENCODE_HSTORE_JSON, /* an object as text */
    ENCODE_HSTORE_MAP,
    ENCODE_POINT,
    ENCODE_GEOMETRY,      /* PostGIS: hexadecimal EWKB */
    ENCODE_ARRAY,         /* of the kind element */
    ENCODE_INT16_VECTOR,  /* int2vector and oidvector: "1 2 3" */
    ENCODE_INT64_VECTOR,
    ENCODE_FLOAT32_VECTOR, /* pgvector: "[1,2.5]" */
    ENCODE_FLOAT64_VECTOR,
    ENCODE_SPARSE_VECTOR, /* "{1:1.5,3:-2}/5" */
};

struct encode {
    enum encode_kind kind;
    enum encode_kind element; /* of an array; scale and numeric are its own then */
    int32_t scale; /* decimals: digits behind the point; times: fraction digits printed */
    bool numeric;  /* decimals: as a JSON number (decimal.format=NUMERIC) */
    bool nested_text; /* arrays: an inner array is its text, not null */
    char delimiter;   /* arrays: between items; 0: a comma */
};

/*
 * Write the JSON of one value at out, which has room for encode_bound() bytes, some of which may be written behind
 * the value; returns the byte behind it. What cannot be converted, all of the text or an element of an array, is
 * written as null and sets *ret_bad.
 */
char *encode_json(const struct encode *enc, const char *text, size_t len, char *out, bool *ret_bad);

/* encode_bound(enc, len) is factor * len + fixed. */
struct encode_room {
    size_t factor;
    size_t fixed;
};
struct encode_room encode_room(const struct encode *enc);
size_t encode_bound(const struct encode *enc, size_t len);

/* The same as a typed value of ret->schema, in arena. *ret_bad as above; only memory fails. */
CV_MUST_CHECK enum cv_rc encode_value(const struct encode *enc, const char *text, size_t len,
                                      struct cv_arena *arena, struct cv_value *ret, bool *ret_bad,
                                      struct cv_err *err);

/* A JSON string of the bytes, quotes included; room: 6 * len + 9, some of which may be written behind it. */
char *encode_json_string(const char *text, size_t len, char *out);
/* Hexadecimal digits to len / 2 bytes; false: something else. */
bool encode_unhex(const char *hex, size_t len, unsigned char *out);
/* Decimal digits. Room: 20 bytes. */
char *encode_u64(uint64_t v, char *out);
char *encode_i64(int64_t v, char *out);

#endif
