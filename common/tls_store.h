/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trust and keys of TLS as PEM texts, from Kafka's ssl.* keys: the one reader of stores for Kafka
 * clients (librdkafka and ours), the HTTP server and the HTTP client.
 *
 * ssl.truststore.* and ssl.keystore.* name PKCS#12 files (type PKCS12; JKS too, which Java opens as
 * what it is), PEM files (type PEM) or hold PEM texts, on one line too, as Java takes them; without
 * a type the file decides. librdkafka's ssl.ca.*, ssl.certificate.*, ssl.key.* come after them. A JKS file is refused
 * with the command that converts it.
 */
#ifndef COMMON_TLS_STORE_H
#define COMMON_TLS_STORE_H

#include <culvert/config.h>

struct cv_tls_identity {
    char *chain; /* certificate first, then what signed it; NULL: none is named */
    char *key;   /* without a password */
};

/* Certificates that are trusted; *ret NULL: none are named. Owned. CV_INVALID names key and remedy. */
CV_MUST_CHECK
enum cv_rc cv_tls_trusted(const struct cv_config *cfg, char **ret, struct cv_err *err);
/* Certificate and private key, both or none. Passwords: ssl.keystore.password (PKCS#12) and
   ssl.key.password (PEM). */
CV_MUST_CHECK
enum cv_rc cv_tls_identity(const struct cv_config *cfg, struct cv_tls_identity *ret,
                           struct cv_err *err);
void cv_tls_identity_done(struct cv_tls_identity *identity); /* wipes; accepts a zeroed one */

#endif
