/* SPDX-License-Identifier: Apache-2.0 */
/* The ssl.* keys of a worker as PEM texts. Private to common/http. */
#ifndef COMMON_HTTP_TLS_H
#define COMMON_HTTP_TLS_H

#include "common/tls_store.h"

enum http_client_auth {
    HTTP_CLIENT_AUTH_NONE,
    HTTP_CLIENT_AUTH_REQUESTED, /* a certificate that is shown must be good */
    HTTP_CLIENT_AUTH_REQUIRED,
};

struct http_tls {
    struct cv_tls_identity identity; /* empty where the keys say nothing */
    char *trusted;                   /* NULL: the system's */
    enum http_client_auth client_auth;
    bool verify_host; /* ssl.endpoint.identification.algorithm is not empty */
    bool no_tls12;    /* ssl.enabled.protocols or ssl.cipher.suites leave it out */
    bool no_tls13;
    char *priorities; /* versions and suites for GnuTLS */
    char *suites12;   /* for OpenSSL, its names; NULL: its own choice */
    char *suites13;
};

/* The stores as common/tls_store.h has them, versions, suites and ssl.client.auth. CV_INVALID names
   the key. */
CV_MUST_CHECK
enum cv_rc http_tls_load(const struct cv_config *cfg, struct http_tls *ret, struct cv_err *err);
/* Whether clients can take the listeners' certificate today. CV_INVALID says since or until when they cannot. */
CV_MUST_CHECK enum cv_rc http_tls_check_dates(const struct http_tls *tls, struct cv_err *err);
void http_tls_done(struct http_tls *tls); /* wipes */

#endif
