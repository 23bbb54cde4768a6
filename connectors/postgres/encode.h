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

struct cv_buf;

/* Connect type and semantic name of each are in the table of table_schema.c. */
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
    ENCODE_BYTES,
    ENCODE_BYTES_BASE64,
    ENCODE_BYTES_BASE64_URL,
    ENCODE_BYTES_HEX,
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
};

struct encode {
    enum encode_kind kind;
    int32_t scale; /* decimals: digits behind the point; times: fraction digits printed */
    bool numeric;  /* decimals: as a JSON number (decimal.format=NUMERIC) */
};

/*
 * Write the JSON of one value at out, which has room for encode_bound(len) bytes; returns the byte behind it.
 * NULL: the text cannot be converted (nothing counts as written).
 */
char *encode_json(const struct encode *enc, const char *text, size_t len, char *out);
static inline size_t
encode_bound(size_t len)
{
    return 6 * len + 64;
}

/* The same as a typed value, whose schema the caller sets. CV_INVALID: cannot be converted. */
CV_MUST_CHECK enum cv_rc encode_value(const struct encode *enc, const char *text, size_t len,
                                      struct cv_arena *arena, struct cv_value *ret, struct cv_err *err);

/* A JSON string of the bytes, quotes included; room: 6 * len + 2. */
char *encode_json_string(const char *text, size_t len, char *out);
/* Decimal digits. Room: 20 bytes. */
char *encode_u64(uint64_t v, char *out);
char *encode_i64(int64_t v, char *out);

#endif
