/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values as readable text and back, as org.apache.kafka.connect.data.Values has it: what SimpleHeaderConverter puts
 * into headers and what the literals of InsertHeader and MaskField are read as. Times are in UTC.
 */
#ifndef DATA_TEXT_VALUE_H
#define DATA_TEXT_VALUE_H

#include <culvert/value.h>

struct cv_buf;
struct cv_arena;

/* Values.convertToString: a string as it is, inside of lists and maps quoted; a null inside as null. Failure is the
   buffer's. val must not be null itself. */
void text_of_value(struct cv_buf *out, const struct cv_value *val);

/*
 * Values.parseString: numbers take the smallest type, ISO dates and times become logical types, [..] and {..} arrays
 * and maps; whatever does not parse is a string. The text "null" is a null. The value lives in the arena; an array
 * or map whose elements have no common type is schemaless.
 */
CV_MUST_CHECK enum cv_rc text_parse(const char *utf8, size_t len, struct cv_arena *arena,
                                    struct cv_value *ret, struct cv_err *err);

/* A date, time or timestamp of exactly the form that text_of_value writes; false if it is none. */
bool text_parse_temporal(const char *text, size_t len, struct cv_value *ret);

#endif
