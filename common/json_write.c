/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON as Jackson prints it, straight into a buffer. One flag is all the state there is: whether
 * the next element needs a comma in front. It is false behind an opening bracket and a key, true
 * behind a value.
 */
#include "common/json_write.h"

#include <math.h>
#include <string.h>

#include "common/number.h"

static void
separate(struct cv_json_writer *w)
{
    if (w->comma)
        cv_buf_char(w->out, ',');
    w->comma = true;
}

void
cv_json_object(struct cv_json_writer *w)
{
    separate(w);
    cv_buf_char(w->out, '{');
    w->comma = false;
}

void
cv_json_object_end(struct cv_json_writer *w)
{
    cv_buf_char(w->out, '}');
    w->comma = true;
}

void
cv_json_array(struct cv_json_writer *w)
{
    separate(w);
    cv_buf_char(w->out, '[');
    w->comma = false;
}

void
cv_json_array_end(struct cv_json_writer *w)
{
    cv_buf_char(w->out, ']');
    w->comma = true;
}

void
cv_json_key(struct cv_json_writer *w, const char *key)
{
    cv_json_key_len(w, key, strlen(key));
}

void
cv_json_key_len(struct cv_json_writer *w, const char *key, size_t len)
{
    separate(w);
    cv_buf_json(w->out, key, len);
    cv_buf_char(w->out, ':');
    w->comma = false;
}

void
cv_json_string(struct cv_json_writer *w, const char *utf8)
{
    if (utf8 == NULL)
        cv_json_null(w);
    else
        cv_json_string_len(w, utf8, strlen(utf8));
}

void
cv_json_string_len(struct cv_json_writer *w, const char *utf8, size_t len)
{
    separate(w);
    cv_buf_json(w->out, utf8, len);
}

void
cv_json_int(struct cv_json_writer *w, int64_t v)
{
    separate(w);
    cv_buf_i64(w->out, v);
}

/* A printed number; what JSON has no number for goes in quotes. */
static void
number(struct cv_json_writer *w, const char *text, size_t len, bool finite)
{
    separate(w);
    if (!finite)
        cv_buf_char(w->out, '"');
    cv_buf_add(w->out, text, len);
    if (!finite)
        cv_buf_char(w->out, '"');
}

void
cv_json_double(struct cv_json_writer *w, double v)
{
    char text[CV_DOUBLE_MAX];

    number(w, text, cv_format_double(v, text), isfinite(v));
}

void
cv_json_float(struct cv_json_writer *w, float v)
{
    char text[CV_DOUBLE_MAX];

    number(w, text, cv_format_float(v, text), isfinite(v));
}

void
cv_json_bool(struct cv_json_writer *w, bool v)
{
    separate(w);
    cv_buf_str(w->out, v ? "true" : "false");
}

void
cv_json_null(struct cv_json_writer *w)
{
    separate(w);
    cv_buf_str(w->out, "null");
}

void
cv_json_base64(struct cv_json_writer *w, const void *data, size_t len)
{
    separate(w);
    cv_buf_char(w->out, '"');
    cv_base64(w->out, data, len);
    cv_buf_char(w->out, '"');
}

void
cv_json_raw(struct cv_json_writer *w, const char *json, size_t len)
{
    separate(w);
    cv_buf_add(w->out, json, len);
}
