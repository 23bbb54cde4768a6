/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes from outside as text: what is no UTF-8 becomes U+FFFD, as Java decodes it. */
#ifndef DATA_UTF8_TEXT_H
#define DATA_UTF8_TEXT_H

#include <culvert/value.h>

struct cv_arena;

/* A copy of the bytes in the arena, valid UTF-8, NUL-terminated. */
CV_MUST_CHECK enum cv_rc utf8_text(const void *data, size_t len, struct cv_arena *arena,
                                   struct cv_bytes *ret, struct cv_err *err);

#endif
