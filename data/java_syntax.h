/* SPDX-License-Identifier: Apache-2.0 */
/* Faults that java.util.regex.Pattern finds in a pattern, in its words: those that PCRE2 takes for something else, or
   has other words for. What is left to PCRE2 are character classes, quantifiers of nothing, and parentheses. */
#ifndef DATA_JAVA_SYNTAX_H
#define DATA_JAVA_SYNTAX_H

#include <culvert/err.h>

/* false: *ret_text is filled, and *ret_pos says where in the pattern, in bytes. */
bool java_syntax_check(const char *pattern, struct cv_err *ret_text, size_t *ret_pos);

#endif
