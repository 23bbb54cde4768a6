/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL's client context from Kafka's ssl.* keys. */
#ifndef COMMON_WIRE_TLS_H
#define COMMON_WIRE_TLS_H

#include <culvert/config.h>

struct ssl_ctx_st;

/* Free with SSL_CTX_free. CV_INVALID names key and remedy; passwords are never in the text. */
CV_MUST_CHECK
enum cv_rc wire_tls_new(const struct cv_config *cfg, struct ssl_ctx_st **ret, struct cv_err *err);

/* Fail with the newest entry of OpenSSL's error queue behind the text, and empty the queue. */
enum cv_rc wire_tls_fail(struct cv_err *err, enum cv_rc rc, const char *fmt, ...) CV_PRINTF(3, 4);

#endif
