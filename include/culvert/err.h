/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A failure: its class, the SQLSTATE if PostgreSQL reported it, and one line that says what to do.
 *
 * A struct cv_err lives on the caller's stack and is written only on failure. Fallible functions return
 * an enum cv_rc and fill their ret_ outputs only on CV_OK. No thread-local or global state.
 */
#ifndef CULVERT_ERR_H
#define CULVERT_ERR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CV_API          __attribute__((visibility("default")))
#define CV_MUST_CHECK   __attribute__((warn_unused_result))
#define CV_PRINTF(f, a) __attribute__((format(printf, f, a)))

#define cv_container_of(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))
#define CV_COUNT(array)                    (sizeof(array) / sizeof((array)[0]))

enum cv_rc {
    CV_OK = 0,
    CV_RETRY,     /* transient: the same call can succeed later */
    CV_INVALID,   /* the caller's data is wrong: never retry */
    CV_CONFLICT,  /* name taken, rebalance running */
    CV_FENCED,    /* another worker owns this now: stop quietly */
    CV_NOT_FOUND, /* no such thing */
    CV_NO_MEMORY, /* memory or a stated bound is exhausted */
    CV_INTERNAL,  /* everything else; a fault of ours or of a system below */
};

struct cv_err {
    enum cv_rc rc;
    char sqlstate[6]; /* "" unless PostgreSQL reported it */
    char text[1024];  /* one line, outermost context first */
};

#define CV_ERR_INIT { .rc = CV_OK }

/* Fill *err with the class and the formatted text; control characters become spaces. Returns rc. */
CV_API enum cv_rc cv_fail(struct cv_err *err, enum cv_rc rc, const char *fmt, ...) CV_PRINTF(3, 4);

/* As cv_fail with errno's text behind the message, ": No such file or directory". */
CV_API enum cv_rc cv_fail_errno(struct cv_err *err, enum cv_rc rc, int errnum, const char *fmt, ...)
    CV_PRINTF(4, 5);

/* CV_NO_MEMORY with a fixed text. */
CV_API enum cv_rc cv_fail_memory(struct cv_err *err);

/* Put "context: " in front of the text of a failure that a callee made; class and SQLSTATE stay.
   Returns err->rc. */
CV_API enum cv_rc cv_err_context(struct cv_err *err, const char *fmt, ...) CV_PRINTF(2, 3);

/* "OK", "RETRY", ... for logs and tests. */
CV_API const char *cv_rc_name(enum cv_rc rc);

#endif
