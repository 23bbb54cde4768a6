/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Append JSON to a buffer, compact, as Jackson writes it: no blanks, '/' and non-ASCII as they are, only
 * '"', '\\', \b \t \n \f \r and \u00XX escaped. Commas are kept track of by the writer. Writing is sticky in
 * the buffer: check the buffer once.
 */
#ifndef COMMON_JSON_WRITE_H
#define COMMON_JSON_WRITE_H

#include "common/buf.h"

struct cv_json_writer {
    struct cv_buf *out;
    bool comma; /* the next element needs a comma in front */
};

static inline struct cv_json_writer
cv_json_writer_of(struct cv_buf *out)
{
    return (struct cv_json_writer){ .out = out };
}

void cv_json_object(struct cv_json_writer *w);
void cv_json_object_end(struct cv_json_writer *w);
void cv_json_array(struct cv_json_writer *w);
void cv_json_array_end(struct cv_json_writer *w);
void cv_json_key(struct cv_json_writer *w, const char *key);
void cv_json_key_len(struct cv_json_writer *w, const char *key, size_t len);
void cv_json_string(struct cv_json_writer *w, const char *utf8); /* NULL writes null */
void cv_json_string_len(struct cv_json_writer *w, const char *utf8, size_t len);
void cv_json_int(struct cv_json_writer *w, int64_t v);
void cv_json_double(struct cv_json_writer *w, double v); /* as Java; NaN and infinities as strings */
void cv_json_float(struct cv_json_writer *w, float v);
void cv_json_bool(struct cv_json_writer *w, bool v);
void cv_json_null(struct cv_json_writer *w);
void cv_json_base64(struct cv_json_writer *w, const void *data, size_t len); /* quoted, padded */
void cv_json_raw(struct cv_json_writer *w, const char *json, size_t len);    /* one finished value */

#endif
