/* SPDX-License-Identifier: Apache-2.0 */
/* Connect's logical types: which one a schema is, and the number behind a value of it. */
#ifndef DATA_LOGICAL_H
#define DATA_LOGICAL_H

#include <culvert/value.h>

struct cv_buf;

enum logical_type { LOGICAL_NONE, LOGICAL_DECIMAL, LOGICAL_DATE, LOGICAL_TIME, LOGICAL_TIMESTAMP };

/* By the schema's name; NONE also for NULL and for a name on the wrong base type. */
enum logical_type logical_of(const struct cv_schema *schema);
/* A DATE, TIME or TIMESTAMP as java.util.Date has it: milliseconds since 1970. */
int64_t logical_ms(enum logical_type type, const struct cv_value *val);
/* The schema's scale; false if the parameter is missing or no number. */
bool logical_scale(const struct cv_schema *schema, int32_t *ret);
/* Append a decimal as BigDecimal.toString(), or without exponent if plain. */
CV_MUST_CHECK enum cv_rc logical_decimal_text(const struct cv_schema *schema, const struct cv_value *val,
                                              bool plain, struct cv_buf *out, struct cv_err *err);

#endif
