/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP request with a deadline, over libcurl. Any thread; blocks. Redirects are not followed.
 */
#ifndef COMMON_HTTP_CLIENT_H
#define COMMON_HTTP_CLIENT_H

#include "common/buf.h"

struct cv_config;
struct cv_wake;

struct cv_http_call {
    const char *method;
    const char *url;
    const struct cv_raw_header *headers; /* name and text value; see culvert/record.h */
    size_t n_headers;
    const char *body; /* NULL: none */
    size_t body_len;
    int timeout_ms;              /* of all; 0: none */
    int silence_ms;              /* without a byte of the answer; 0: any */
    size_t max_answer;           /* bytes of the answer's body */
    /* The body of an answer 200 as it comes, instead of as one; false: enough, as if interrupted. NULL: none. */
    bool (*take)(void *arg, const char *data, size_t len);
    void *take_arg;
    const struct cv_config *tls; /* ssl.* keys for https; NULL: system defaults */
    const struct cv_wake *interrupt; /* signalled (not cleared): give up, CV_RETRY; NULL: none */
};

/* *ret_status and the body; CV_RETRY when no answer came. */
CV_MUST_CHECK
enum cv_rc cv_http_request(const struct cv_http_call *call, int *ret_status, struct cv_buf *body,
                           struct cv_err *err);

#endif
