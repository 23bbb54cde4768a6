/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the encoder share: the forms that a conversion makes of a text before it is printed as JSON
 * (encode.c) or put into a typed value (encode_value.c).
 */
#ifndef POSTGRES_ENCODE_PRIVATE_H
#define POSTGRES_ENCODE_PRIVATE_H

#include "common/buf.h"
#include "connectors/postgres/encode.h"

/* Largest text of a decimal that is converted: PostgreSQL's own limits are below. */
#define DECIMAL_BYTES_MAX 131072

enum form {
    FORM_BAD, /* no such value: the text is not what the type prints */
    FORM_NULL,
    FORM_BOOLEAN,
    FORM_INTEGER,
    FORM_DOUBLE,
    FORM_FLOAT,
    FORM_BYTES,
    FORM_TEXT,
    FORM_SCALED, /* a decimal of variable scale: the scale is in integer, the number in bytes */
};

struct converted {
    enum form form;
    int64_t integer;
    double number;
    struct cv_buf bytes; /* FORM_BYTES, FORM_TEXT, FORM_SCALED; freed by the caller */
};

/* Fill the form that the kind has. ret->bytes is initialized and empty; its failure (memory) is the caller's to
   check. */
enum form encode_convert(const struct encode *enc, const char *text, size_t len, struct converted *ret);
/* The dates, times and intervals among the kinds (encode_clock.c). */
enum form encode_convert_clock(const struct encode *enc, const char *text, size_t len, struct converted *ret);

/* NaN, Infinity, -Infinity. */
static inline bool
is_special_number(const char *text, size_t len)
{
    return len > 0 && (text[0] == 'N' || text[0] == 'I' || (len > 1 && text[1] == 'I'));
}

#endif
