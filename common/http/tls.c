/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kafka's ssl.* keys for the server (GnuTLS, inside libmicrohttpd) and the client (OpenSSL, inside
 * libcurl).
 */
#include <config.h>

#include "common/http/tls.h"

#include <stdlib.h>
#include <strings.h>

static enum cv_rc
read_client_auth(const struct cv_config *cfg, enum http_client_auth *ret, struct cv_err *err)
{
    static const char *const names[] = { "none", "requested", "required" };
    const char *text = cv_config_get(cfg, "ssl.client.auth");

    *ret = HTTP_CLIENT_AUTH_NONE;
    if (text == NULL)
        return CV_OK;
    for (size_t i = 0; i < CV_COUNT(names); i++) {
        if (strcasecmp(text, names[i]) != 0)
            continue;
        *ret = (enum http_client_auth)i;
        return CV_OK;
    }
    return cv_fail(err, CV_INVALID,
                   "Invalid value %s for configuration ssl.client.auth: String must be one of "
                   "(case insensitive): REQUIRED, REQUESTED, NONE",
                   text);
}

enum cv_rc
http_tls_load(const struct cv_config *cfg, struct http_tls *ret, struct cv_err *err)
{
    const char *algorithm = cv_config_get(cfg, "ssl.endpoint.identification.algorithm");
    struct http_tls tls = { .verify_host = algorithm == NULL || *algorithm != '\0' };
    enum cv_rc rc = read_client_auth(cfg, &tls.client_auth, err);

    if (rc == CV_OK)
        rc = cv_tls_identity(cfg, &tls.identity, err);
    if (rc == CV_OK)
        rc = cv_tls_trusted(cfg, &tls.trusted, err);
    if (rc == CV_OK && tls.client_auth != HTTP_CLIENT_AUTH_NONE && tls.trusted == NULL)
        rc = cv_fail(err, CV_INVALID,
                     "ssl.client.auth asks for certificates of clients, but nothing says whose: set "
                     "ssl.truststore.location");
    if (rc != CV_OK) {
        http_tls_done(&tls);
        return rc;
    }
    *ret = tls;
    return CV_OK;
}

void
http_tls_done(struct http_tls *tls)
{
    cv_tls_identity_done(&tls->identity);
    free(tls->trusted);
    tls->trusted = NULL;
}
