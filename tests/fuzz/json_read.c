/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes through the JSON reader. Beyond not crashing: what it accepts token by token it accepts
 * skipped as a whole, what it decodes is UTF-8, and written out again it is JSON of the same
 * tokens.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "common/json_read.h"
#include "common/json_write.h"
#include "common/utf8.h"

#define OUT_MAX ((size_t)16 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
    if (!holds)
        abort();
}

/* Write the token, decoded and encoded again. */
static void
copy_token(const struct cv_json_reader *r, enum cv_json_token tok, struct cv_json_writer *w,
           struct cv_buf *text)
{
    int64_t integer;
    double real;

    cv_buf_reset(text);
    if (tok == CV_JSON_KEY || tok == CV_JSON_STRING || tok == CV_JSON_NUMBER)
        cv_json_text(r, text);
    must(cv_utf8_check(cv_buf_cstr(text), text->len) == text->len);
    if ((tok == CV_JSON_KEY || tok == CV_JSON_STRING) && strlen(cv_buf_cstr(text)) == text->len)
        must(cv_json_text_is(r, cv_buf_cstr(text)));
    switch (tok) {
    case CV_JSON_OBJECT:
        cv_json_object(w);
        break;
    case CV_JSON_OBJECT_END:
        cv_json_object_end(w);
        break;
    case CV_JSON_ARRAY:
        cv_json_array(w);
        break;
    case CV_JSON_ARRAY_END:
        cv_json_array_end(w);
        break;
    case CV_JSON_KEY:
        cv_json_key_len(w, cv_buf_cstr(text), text->len);
        break;
    case CV_JSON_STRING:
        cv_json_string_len(w, cv_buf_cstr(text), text->len);
        break;
    case CV_JSON_NUMBER:
        if (cv_json_int64(r, &integer))
            must(cv_json_number(r, &real));
        cv_json_raw(w, r->text, r->text_len);
        break;
    case CV_JSON_NULL:
        cv_json_null(w);
        break;
    default:
        cv_json_bool(w, tok == CV_JSON_TRUE);
        break;
    }
}

/* Read all tokens, writing them to out. Whether the text was good. */
static bool
copy(const void *data, size_t size, struct cv_buf *out)
{
    struct cv_json_writer w = cv_json_writer_of(out);
    struct cv_buf text = CV_BUF_INIT(OUT_MAX);
    struct cv_json_reader r;
    struct cv_err err = CV_ERR_INIT;
    enum cv_json_token tok;

    cv_json_reader_init(&r, data, size);
    while ((tok = cv_json_next(&r)) != CV_JSON_DONE && tok != CV_JSON_BAD) {
        must(r.pos <= size && r.depth >= 0 && r.depth <= CV_JSON_DEPTH);
        copy_token(&r, tok, &w, &text);
    }
    if (tok == CV_JSON_BAD) {
        must(r.pos <= size && r.problem != NULL);
        must(cv_json_fail(&r, &err) == CV_INVALID && err.text[0] != '\0');
    }
    cv_buf_free(&text);
    return tok == CV_JSON_DONE;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cv_buf once = CV_BUF_INIT(OUT_MAX);
    struct cv_buf twice = CV_BUF_INIT(OUT_MAX);
    struct cv_json_reader r;
    bool good = copy(data, size, &once);

    cv_json_reader_init(&r, data, size);
    must((cv_json_skip(&r) != CV_JSON_BAD && cv_json_next(&r) == CV_JSON_DONE) == good);
    if (good && once.failed == CV_OK) {
        must(copy(cv_buf_cstr(&once), once.len, &twice));
        must(once.len == twice.len &&
             memcmp(cv_buf_cstr(&once), cv_buf_cstr(&twice), once.len) == 0);
    }
    cv_buf_free(&once);
    cv_buf_free(&twice);
    return 0;
}
