/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers as Java prints and reads them: shortest double and float (Double.toString of Java 19 and later:
 * "1.0E10", "0.1", "NaN"), decimals of any length, base64, two's complement.
 */
#ifndef COMMON_NUMBER_H
#define COMMON_NUMBER_H

#include "common/buf.h"

#define CV_DOUBLE_MAX 32
/* Returns the length; out is NUL-terminated. */
size_t cv_format_double(double v, char out[CV_DOUBLE_MAX]);
size_t cv_format_float(float v, char out[CV_DOUBLE_MAX]);

/* Strict integers: whole text, optional sign, no blanks. false: not a number, or beyond the bounds. */
bool cv_parse_i64(const char *text, size_t len, int64_t *ret);
bool cv_parse_u64(const char *text, size_t len, uint64_t *ret);
bool cv_parse_double(const char *text, size_t len, double *ret); /* also NaN, Infinity, -Infinity */

/*
 * Decimals. Text is what PostgreSQL prints for numeric: optional sign, digits, optional fraction; also an
 * exponent. NaN and Infinity are not decimals. Any length up to CV_DECIMAL_DIGITS.
 */
#define CV_DECIMAL_DIGITS 150000

/* Big-endian two's complement (BigInteger.toByteArray: shortest, at least one byte) of the value at that
   scale; CV_INVALID if the text is no decimal or would lose digits. */
CV_MUST_CHECK enum cv_rc cv_decimal_unscaled(const char *text, size_t len, int32_t scale,
                                             struct cv_buf *out, struct cv_err *err);
/* The scale of the text as written: digits behind the point minus exponent. */
CV_MUST_CHECK enum cv_rc cv_decimal_scale(const char *text, size_t len, int32_t *ret, struct cv_err *err);
/* BigDecimal(new BigInteger(bytes), scale).toPlainString(), or .toString() with exponents when plain is
   false. */
CV_MUST_CHECK enum cv_rc cv_decimal_format(const void *unscaled, size_t len, int32_t scale, bool plain,
                                           struct cv_buf *out, struct cv_err *err);

/* Standard alphabet, padded. */
#define CV_BASE64_LEN(n) (((n) + 2) / 3 * 4)
void cv_base64(struct cv_buf *out, const void *data, size_t len);
/* out must hold CV_BASE64_LEN(len) bytes; returns that length. */
size_t cv_base64_into(char *out, const void *data, size_t len);
void cv_base64_url(struct cv_buf *out, const void *data, size_t len); /* '-' and '_', padded */
CV_MUST_CHECK enum cv_rc cv_base64_decode(const char *text, size_t len, struct cv_buf *out,
                                          struct cv_err *err);

#endif
