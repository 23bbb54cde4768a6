/* SPDX-License-Identifier: Apache-2.0 */
/* Java-style patterns on PCRE2, with bounded matching (a pattern that backtracks without end fails, it does
   not hang). A compiled pattern may be used by one thread at a time. */
#ifndef COMMON_REGEX_H
#define COMMON_REGEX_H

#include "common/buf.h"

struct cv_regex;

/* CV_INVALID with pattern, position and PCRE2's message. */
CV_MUST_CHECK enum cv_rc cv_regex_new(const char *pattern, bool ignore_case, struct cv_regex **ret,
                                      struct cv_err *err);
void cv_regex_free(struct cv_regex *re);
/* Java's matches(): the whole text. A match beyond the limits counts as none. */
bool cv_regex_matches(const struct cv_regex *re, const char *text, size_t len);
/* CV_INVALID if the replacement is malformed or names a group that the pattern has not. */
CV_MUST_CHECK enum cv_rc cv_regex_check_replacement(const struct cv_regex *re, const char *replacement,
                                                    struct cv_err *err);
/* Java's replaceFirst if the whole text matches: $1, ${name}, \$ in the replacement. false: no match, or a
   replacement that the check refuses; out is unchanged. */
bool cv_regex_replace(const struct cv_regex *re, const char *text, size_t len, const char *replacement,
                      struct cv_buf *out);

/* A comma-separated list of patterns as Debezium splits it ("\," is a comma; entries trimmed). Any matches. */
struct cv_regex_list;
CV_MUST_CHECK enum cv_rc cv_regex_list_new(const char *list, bool ignore_case, struct cv_regex_list **ret,
                                           struct cv_err *err);
void cv_regex_list_free(struct cv_regex_list *list);
bool cv_regex_list_matches(const struct cv_regex_list *list, const char *text, size_t len);
/* Index of the first pattern that matches, -1 for none. */
int cv_regex_list_find(const struct cv_regex_list *list, const char *text, size_t len);
size_t cv_regex_list_count(const struct cv_regex_list *list);

#endif
