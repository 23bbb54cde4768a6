/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of the bounds-first reader is too long to be inlined: strings and the verdict at the end.
 */
#include "common/reader.h"

#include <string.h>

const char *
cv_read_cstr(struct cv_reader *in)
{
    const unsigned char *start;
    const unsigned char *end;

    if (in->failed)
        return "";
    if (in->pos == in->len) {
        in->failed = true;
        return "";
    }
    start = in->data + in->pos;
    end = memchr(start, '\0', in->len - in->pos);
    if (end == NULL) {
        in->failed = true;
        return "";
    }
    in->pos += (size_t)(end - start) + 1;
    return (const char *)start;
}

enum cv_rc
cv_reader_check(const struct cv_reader *in, const char *what, struct cv_err *err)
{
    if (in->failed)
        return cv_fail(err, CV_INVALID, "malformed %s: its %zu bytes end too early, at position %zu",
                       what, in->len, in->pos);
    return CV_OK;
}

enum cv_rc
cv_reader_finish(const struct cv_reader *in, const char *what, struct cv_err *err)
{
    enum cv_rc rc = cv_reader_check(in, what, err);

    if (rc != CV_OK)
        return rc;
    if (in->pos != in->len)
        return cv_fail(err, CV_INVALID, "malformed %s: %zu unexpected bytes at its end, position %zu",
                       what, in->len - in->pos, in->pos);
    return CV_OK;
}
