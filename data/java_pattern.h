/* SPDX-License-Identifier: Apache-2.0 */
/* Options that hold a Java pattern: checked with the words of java.util.regex.PatternSyntaxException, which clients
   of the REST interface compare. */
#ifndef DATA_JAVA_PATTERN_H
#define DATA_JAVA_PATTERN_H

#include <culvert/config.h>

/* "Invalid regex: Unclosed group near index 1\n(": as Java, line breaks included, where Java and PCRE2 find the same
   fault; else PCRE2's words. */
cv_config_check java_pattern_check;

#endif
