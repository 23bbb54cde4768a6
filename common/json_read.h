/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pull reader over JSON bytes (RFC 8259), without a tree and without allocation. Strict: no comments, no
 * trailing commas, no leading zeros, no raw control characters; UTF-8 is checked; depth is bounded.
 *
 *   cv_json_reader_init(&r, data, len);
 *   while ((tok = cv_json_next(&r)) != CV_JSON_DONE && tok != CV_JSON_BAD) ...
 *
 * In an object a CV_JSON_KEY comes before each value. Keys, strings and numbers are borrowed spans of the
 * input; a string with escapes has .escaped set and is decoded by cv_json_text.
 */
#ifndef COMMON_JSON_READ_H
#define COMMON_JSON_READ_H

#include "common/buf.h"

#define CV_JSON_DEPTH 64

enum cv_json_token {
    CV_JSON_BAD, /* see .problem and .pos; sticky */
    CV_JSON_DONE, /* the one top-level value has been read and only white space follows */
    CV_JSON_OBJECT,
    CV_JSON_OBJECT_END,
    CV_JSON_ARRAY,
    CV_JSON_ARRAY_END,
    CV_JSON_KEY,
    CV_JSON_STRING,
    CV_JSON_NUMBER,
    CV_JSON_TRUE,
    CV_JSON_FALSE,
    CV_JSON_NULL,
};

struct cv_json_reader {
    const char *data;
    size_t len;
    size_t pos;
    const char *text; /* of the last KEY, STRING (without quotes) or NUMBER */
    size_t text_len;
    bool escaped;         /* the text holds backslash escapes */
    bool integral;        /* NUMBER: no fraction and no exponent */
    const char *problem;  /* why CV_JSON_BAD */
    int depth;
    unsigned char state;  /* private */
    uint64_t in_object;   /* private: a bit a level */
};

void cv_json_reader_init(struct cv_json_reader *r, const void *data, size_t len);
enum cv_json_token cv_json_next(struct cv_json_reader *r);
/* Skip the value that the next token begins (call after a KEY or inside an array). The span of the raw value
   is left in text. CV_JSON_BAD or the kind of token that it began with. */
enum cv_json_token cv_json_skip(struct cv_json_reader *r);
/* Whether the last KEY or STRING equals the text, escapes decoded. */
bool cv_json_text_is(const struct cv_json_reader *r, const char *utf8);
/* Append the last KEY, STRING or NUMBER, escapes decoded. */
void cv_json_text(const struct cv_json_reader *r, struct cv_buf *out);
/* The last NUMBER as int64; false if it is not integral or does not fit. */
bool cv_json_int64(const struct cv_json_reader *r, int64_t *ret);
bool cv_json_number(const struct cv_json_reader *r, double *ret);
/* CV_INVALID with problem, line and column. */
enum cv_rc cv_json_fail(const struct cv_json_reader *r, struct cv_err *err);

#endif
