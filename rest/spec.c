/* SPDX-License-Identifier: Apache-2.0 */
/* The worker's keys that are REST's, as RestServerConfig and SSLUtils read them. */
#include <config.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <culvert/config.h>

#include "common/number.h"
#include "rest/api.h"

#define SSL   "ssl."
#define HTTPS "listeners.https."
#define ADMIN "admin.listeners.https."

/*
 * The ssl.* keys of https listeners: if one has the prefix, only those with it count, without it;
 * otherwise the plain ones. *ret NULL: there are none.
 */
static enum cv_rc
tls_keys(const struct cv_config *worker, const char *prefix, struct cv_config **ret,
         struct cv_err *err)
{
    struct cv_config *tls = cv_config_new();
    size_t len = strlen(prefix);
    bool prefixed = false;

    if (tls == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < cv_config_count(worker); i++)
        if (strncmp(cv_config_key(worker, i), prefix, len) == 0 &&
            strncmp(cv_config_key(worker, i) + len, SSL, strlen(SSL)) == 0)
            prefixed = true;
    for (size_t i = 0; i < cv_config_count(worker); i++) {
        const char *key = cv_config_key(worker, i);

        if (prefixed && strncmp(key, prefix, len) != 0)
            continue;
        key += prefixed ? len : 0;
        if (strncmp(key, SSL, strlen(SSL)) != 0)
            continue;
        if (cv_config_set(tls, key, cv_config_value(worker, i), err) != CV_OK) {
            cv_config_free(tls);
            return err->rc;
        }
    }
    if (cv_config_count(tls) == 0) {
        cv_config_free(tls);
        tls = NULL;
    }
    *ret = tls;
    return CV_OK;
}

static enum cv_rc
read_port(const struct cv_config *worker, int *ret, struct cv_err *err)
{
    const char *text = cv_config_get(worker, "rest.advertised.port");
    int64_t port;

    *ret = 0;
    if (text == NULL || *text == '\0')
        return CV_OK;
    if (!cv_parse_i64(text, strlen(text), &port))
        return cv_fail(
            err, CV_INVALID,
            "Invalid value %s for configuration rest.advertised.port: Not a number of type INT",
            text);
    if (port < 1 || port > 65535)
        return cv_fail(err, CV_INVALID,
                       "Invalid value %s for configuration rest.advertised.port: a port lies "
                       "between 1 and 65535",
                       text);
    *ret = (int)port;
    return CV_OK;
}

static enum cv_rc
read_codes(const struct cv_config *worker, bool *ret, struct cv_err *err)
{
    const char *text = cv_config_get(worker, "rest.error.codes");

    *ret = text != NULL && strcasecmp(text, "connect") == 0;
    if (text == NULL || *ret || strcasecmp(text, "http") == 0)
        return CV_OK;
    return cv_fail(
        err, CV_INVALID,
        "Invalid value %s for configuration rest.error.codes: String must be one of: http, connect",
        text);
}

/* A list of dialects of metrics. */
static enum cv_rc
read_dialects(const struct cv_config *worker, unsigned *ret, struct cv_err *err)
{
    const char *text = cv_config_get(worker, "metrics.dialects"), *at = text;

    *ret = 0;
    while (at != NULL && *at != '\0') {
        size_t len = strcspn(at, ", ");
        unsigned bit = rest_dialect(at, len);

        if (bit == 0 && len > 0)
            return cv_fail(err, CV_INVALID,
                           "Invalid value %s for configuration metrics.dialects: it must list "
                           "plain, confluent, strimzi, debezium",
                           text);
        *ret |= bit;
        at += len + strspn(at + len, ", ");
    }
    return CV_OK;
}

enum cv_rc
rest_spec_init(struct rest_spec *ret, const struct cv_config *worker, struct cv_err *err)
{
    struct rest_spec spec = {
        .listeners = cv_config_get(worker, "listeners"),
        .admin_listeners = cv_config_get(worker, "admin.listeners"),
        .advertised_host = cv_config_get(worker, "rest.advertised.host.name"),
        .advertised_listener = cv_config_get(worker, "rest.advertised.listener"),
        .allow_origin = cv_config_get(worker, "access.control.allow.origin"),
        .allow_methods = cv_config_get(worker, "access.control.allow.methods"),
        .response_headers = cv_config_get(worker, "response.http.headers.config"),
        .client_id = cv_config_get(worker, "client.id")
    };
    enum cv_rc rc = read_port(worker, &spec.advertised_port, err);

    if (rc == CV_OK)
        rc = read_codes(worker, &spec.connect_codes, err);
    if (rc == CV_OK)
        rc = read_dialects(worker, &spec.dialects, err);
    if (rc == CV_OK)
        rc = tls_keys(worker, HTTPS, &spec.tls, err);
    if (rc == CV_OK)
        rc = tls_keys(worker, ADMIN, &spec.admin_tls, err);
    if (rc == CV_OK)
        rc = rest_auth_file(worker, &spec.auth_file, err);
    if (rc == CV_OK)
        *ret = spec;
    else
        rest_spec_done(&spec);
    return rc;
}

void
rest_spec_done(struct rest_spec *spec)
{
    cv_config_free(spec->tls);
    cv_config_free(spec->admin_tls);
    free(spec->auth_file);
    spec->auth_file = NULL;
    spec->tls = NULL;
    spec->admin_tls = NULL;
}
