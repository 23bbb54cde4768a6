/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets. Private to common/http; parsing is in server.h. */
#ifndef COMMON_HTTP_LISTENER_H
#define COMMON_HTTP_LISTENER_H

#include "common/http/server.h"

/* "http://127.0.0.1:8083", "https://[::1]:8443" */
void http_listener_format(const struct cv_http_listener *listener, struct cv_buf *out);
/* Open, bind and listen; fills in the bound port. CV_INVALID names listener, reason and remedy. */
CV_MUST_CHECK
enum cv_rc http_listener_open(struct cv_http_listener *listener, const char *option, int *ret_fd,
                              struct cv_err *err);

#endif
