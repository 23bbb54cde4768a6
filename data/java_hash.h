/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash codes as Java computes them, of the objects that values are there: what chooses a partition by them must
 * choose the same one. Bytes count as a ByteBuffer, which is what source connectors have them in.
 */
#ifndef DATA_JAVA_HASH_H
#define DATA_JAVA_HASH_H

#include <culvert/value.h>

/* Object.hashCode() of a value that is not null. CV_INVALID for a struct or map (Java's differs from process to
   process), and for a decimal without scale. */
CV_MUST_CHECK enum cv_rc java_hash(const struct cv_value *val, int32_t *ret, struct cv_err *err);

/* The same through Murmur3 (the 64 bit form, upper half, seed 9001): of a text itself, else of its hash code. */
CV_MUST_CHECK enum cv_rc java_hash_murmur3(const struct cv_value *val, int32_t *ret, struct cv_err *err);

#endif
