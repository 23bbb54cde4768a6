/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys as Debezium stores them in offsets: an Object[] of numbers, strings and UUIDs in Java's serialization
 * (java.io.ObjectOutputStream, stream version 5), in hex. Values are PostgreSQL's text.
 */
#ifndef POSTGRES_JAVA_OBJECT_H
#define POSTGRES_JAVA_OBJECT_H

#include <culvert/err.h>

struct cv_buf;

#define JAVA_KEY_MAX 32 /* columns of a key (PostgreSQL's INDEX_MAX_KEYS) */

enum java_kind { JAVA_NULL, JAVA_INTEGER, JAVA_LONG, JAVA_STRING, JAVA_UUID };

struct java_key {
    size_t count;
    struct {
        enum java_kind kind;
        char *text; /* owned; NULL for JAVA_NULL */
    } items[JAVA_KEY_MAX];
};

void java_key_done(struct java_key *key);

/* Append the hex; key NULL: of Java's null. A text that does not fit its kind is written as a string. */
void java_key_write(const struct java_key *key, struct cv_buf *out);
/* CV_INVALID: not such hex, or an array of other objects. *ret_null: Java's null. */
CV_MUST_CHECK enum cv_rc java_key_read(const char *hex, size_t len, struct java_key *ret, bool *ret_null,
                                       struct cv_err *err);

#endif
