/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns of java.text.SimpleDateFormat, formatted and parsed in UTC with English names: y Y M L d D F E u a H k K h m
 * s S z Z X and quoted text. Parsing is lenient, as SimpleDateFormat's is: fields beyond their range carry over, and
 * text behind the pattern is ignored.
 */
#ifndef TRANSFORMS_DATE_PATTERN_H
#define TRANSFORMS_DATE_PATTERN_H

#include <culvert/err.h>

struct cv_buf;
struct date_pattern;

/* CV_INVALID names the letter that is no part of patterns. */
CV_MUST_CHECK enum cv_rc date_pattern_new(const char *pattern, struct date_pattern **ret, struct cv_err *err);
void date_pattern_free(struct date_pattern *pattern);
/* Append the text of that moment, milliseconds since 1970. */
void date_pattern_format(const struct date_pattern *pattern, int64_t ms, struct cv_buf *out);
/* false: the text does not begin with what the pattern says. */
bool date_pattern_parse(const struct date_pattern *pattern, const char *text, size_t len, int64_t *ret_ms);

#endif
