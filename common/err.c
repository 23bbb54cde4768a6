/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Make, wrap and print a failure.
 *
 * Every text is built beside *err and then moved in, so that a caller may format err's own text into its new
 * one. Texts end up in logs, REST answers and task traces: control characters become spaces, and a text that
 * is too long is cut between characters.
 */
#include <config.h>

#include <culvert/err.h>

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* Texts come longer than sizeof(err->text) rather than cut there, so that the cut is made between characters. */
static void
store(struct cv_err *err, const char *text)
{
    size_t len = strlen(text);

    if (len >= sizeof(err->text)) {
        len = sizeof(err->text) - 1;
        while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
            len--;
    }
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        err->text[i] = c < 0x20 || c == 0x7f ? ' ' : (char)c;
    }
    err->text[len] = '\0';
}

enum cv_rc
cv_fail(struct cv_err *err, enum cv_rc rc, const char *fmt, ...)
{
    char text[sizeof(err->text) + 8];
    va_list args;

    assert(rc != CV_OK);
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    err->rc = rc;
    err->sqlstate[0] = '\0';
    store(err, text);
    return rc;
}

enum cv_rc
cv_fail_errno(struct cv_err *err, enum cv_rc rc, int errnum, const char *fmt, ...)
{
    char text[sizeof(err->text) + 8];
    char reason[128];
    va_list args;
    int len;

    assert(rc != CV_OK);
    va_start(args, fmt);
    len = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (len >= 0 && (size_t)len < sizeof(text))
        snprintf(text + len, sizeof(text) - (size_t)len, ": %s",
                 strerror_r(errnum, reason, sizeof(reason)));
    err->rc = rc;
    err->sqlstate[0] = '\0';
    store(err, text);
    return rc;
}

enum cv_rc
cv_fail_memory(struct cv_err *err)
{
    return cv_fail(err, CV_NO_MEMORY, "out of memory");
}

enum cv_rc
cv_err_context(struct cv_err *err, const char *fmt, ...)
{
    char text[sizeof(err->text) * 2];
    va_list args;
    int len;

    va_start(args, fmt);
    len = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (len >= 0 && (size_t)len < sizeof(text))
        snprintf(text + len, sizeof(text) - (size_t)len, ": %s", err->text);
    store(err, text);
    return err->rc;
}

const char *
cv_rc_name(enum cv_rc rc)
{
    switch (rc) {
    case CV_OK:
        return "OK";
    case CV_RETRY:
        return "RETRY";
    case CV_INVALID:
        return "INVALID";
    case CV_CONFLICT:
        return "CONFLICT";
    case CV_FENCED:
        return "FENCED";
    case CV_NOT_FOUND:
        return "NOT_FOUND";
    case CV_NO_MEMORY:
        return "NO_MEMORY";
    case CV_INTERNAL:
        return "INTERNAL";
    }
    return "UNKNOWN";
}
