/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A java.util.HashMap of byte arrays in Java's serialization format: what a Java standalone worker keeps its offsets
 * in. No state; any thread.
 */
#ifndef WORKER_STORE_JAVA_MAP_H
#define WORKER_STORE_JAVA_MAP_H

#include <culvert/value.h>

struct cv_buf;

/* An entry, borrowed from the bytes that are read; data NULL: null. */
typedef enum cv_rc java_map_entry(void *arg, const struct cv_bytes *key, const struct cv_bytes *value,
                                  struct cv_err *err);

/* Call entry for each; what it fails with ends the reading. CV_INVALID: another object, or broken. */
CV_MUST_CHECK enum cv_rc java_map_read(const void *data, size_t len, java_map_entry *entry, void *arg,
                                       struct cv_err *err);

/* The same bytes that Java writes for entries in this order: begin, count times put, end. */
struct java_map_writer {
    struct cv_buf *out;
    bool has_array_class; /* it was written in full once */
};
void java_map_begin(struct java_map_writer *writer, struct cv_buf *out, uint32_t count);
void java_map_put(struct java_map_writer *writer, const struct cv_bytes *key, const struct cv_bytes *value);
void java_map_end(struct java_map_writer *writer);

#endif
