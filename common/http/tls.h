/* SPDX-License-Identifier: Apache-2.0 */
/* The ssl.* keys of a worker as PEM texts. Private to common/http. */
#ifndef COMMON_HTTP_TLS_H
#define COMMON_HTTP_TLS_H

#include <culvert/config.h>

/* Owned PEM texts; NULL where the keys say nothing. Key and chain may be the same text. */
struct http_tls {
    char *key;
    char *key_password;
    char *chain;
    char *trusted;
    bool verify_host; /* ssl.endpoint.identification.algorithm is not empty */
};

/*
 * ssl.keystore.location (a PEM file with key and chain) or ssl.keystore.key and
 * ssl.keystore.certificate.chain (PEM texts), ssl.key.password, ssl.truststore.location or
 * ssl.truststore.certificates; also librdkafka's ssl.key.location, ssl.certificate.location,
 * ssl.ca.location. CV_INVALID names the key: a JKS store, a file that cannot be read.
 */
CV_MUST_CHECK
enum cv_rc http_tls_load(const struct cv_config *cfg, struct http_tls *ret, struct cv_err *err);
void http_tls_done(struct http_tls *tls); /* wipes */

#endif
