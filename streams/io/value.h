/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One JSON value of an event to the cell of a column. Exact: a value that would lose digits is
 * refused. Times are the exception: they are kept in ms, finer digits are cut off.
 */
#ifndef STREAMS_IO_VALUE_H
#define STREAMS_IO_VALUE_H

#include "common/json_read.h"
#include "streams/sql/plan.h"

/* How the schema that travelled with the event says a field is encoded. */
enum wire_type {
    WIRE_PLAIN, /* nothing known: no schema, or a plain type */
    WIRE_DATE,  /* days */
    WIRE_MS,
    WIRE_US,
    WIRE_NS,
    WIRE_DECIMAL, /* base64 of the unscaled number; scale in wire_field */
};

struct wire_field {
    enum wire_type type;
    int32_t scale;
};

struct value_target {
    const struct plan_source *source;
    struct cv_buf *scratch; /* has room: text that had to be decoded stays where it was put */
};

/*
 * Read the value that the reader's next token begins. Text is borrowed from the input or from
 * scratch. On failure CV_INVALID says what is wrong; the field's name is the caller's to add.
 */
CV_MUST_CHECK
enum cv_rc value_read(const struct value_target *to, struct cv_json_reader *in,
                      const struct column *col, const struct wire_field *wire, struct cell *ret,
                      struct cv_err *err);

/* "2024-10-25T03:33:01.123456Z", offsets, years of any length; to ms. */
bool value_iso_ms(const char *text, size_t len, int64_t *ret);

#endif
