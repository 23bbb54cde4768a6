/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A value as Java's toString() prints it: Struct{a=1,b=x}, {k=v}, [1, 2], dates as java.util.Date does, in UTC. Bytes
 * are base64: Java prints an object's address there, or only the length, neither of which is of use to anyone.
 */
#ifndef DATA_JAVA_STRING_H
#define DATA_JAVA_STRING_H

#include <culvert/value.h>

struct cv_buf;

/* A null prints as "null". Failure (a decimal without scale, the buffer's bound) is the buffer's. */
void java_to_string(struct cv_buf *out, const struct cv_value *val);

/* For messages: the class that Java has such a value in, "null" for none, and "INT8" of CV_INT8. schema: of the
   value, NULL without. */
const char *java_class_name(const struct cv_schema *schema, const struct cv_value *val);
const char *java_type_name(enum cv_type type);

#endif
