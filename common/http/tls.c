/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kafka's ssl.* keys to PEM texts, for the server (GnuTLS, inside libmicrohttpd) and the client
 * (OpenSSL, inside libcurl). Only PEM: Java's own stores need Java.
 */
#include <config.h>

#include "common/http/tls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/buf.h"
#include "common/secret.h"

#define PEM_MAX ((size_t)1 << 20)

static enum cv_rc
load_file(const char *option, const char *path, char **ret, struct cv_err *err)
{
    struct cv_buf buf = CV_BUF_INIT(PEM_MAX);
    FILE *file = fopen(path, "re");
    enum cv_rc rc;
    size_t n;

    if (file == NULL)
        return cv_fail_errno(err, CV_INVALID, errno, "%s: could not open \"%s\"", option, path);
    do {
        char *to = cv_buf_reserve(&buf, 4096);

        n = to == NULL ? 0 : fread(to, 1, 4096, file);
        if (n > 0)
            cv_buf_used(&buf, n);
    } while (n > 0);
    if (ferror(file))
        rc = cv_fail_errno(err, CV_INVALID, errno, "%s: could not read \"%s\"", option, path);
    else
        rc = cv_buf_check(&buf, err);
    (void)fclose(file);
    if (rc == CV_OK && strstr(cv_buf_cstr(&buf), "-----BEGIN ") == NULL)
        rc = cv_fail(err, CV_INVALID,
                     "%s: \"%s\" is not PEM text; convert a Java key store with \"keytool\" and "
                     "\"openssl pkcs12\"",
                     option, path);
    if (rc == CV_OK) {
        *ret = cv_buf_take(&buf);
        return *ret == NULL ? cv_fail_memory(err) : CV_OK;
    }
    cv_buf_wipe(&buf);
    return rc;
}

/* The text of the first key that is set: text keys hold it, file keys name it. NULL: none. */
static enum cv_rc
load_one(const struct cv_config *cfg, const char *text_key, const char *const *file_keys,
         char **ret, struct cv_err *err)
{
    const char *text = text_key == NULL ? NULL : cv_config_get(cfg, text_key);

    *ret = NULL;
    if (text != NULL && *text != '\0') {
        *ret = strdup(text);
        return *ret == NULL ? cv_fail_memory(err) : CV_OK;
    }
    for (; *file_keys != NULL; file_keys++) {
        const char *path = cv_config_get(cfg, *file_keys);

        if (path != NULL && *path != '\0')
            return load_file(*file_keys, path, ret, err);
    }
    return CV_OK;
}

static enum cv_rc
check_store_type(const struct cv_config *cfg, const char *location, const char *key,
                 struct cv_err *err)
{
    const char *type = cv_config_get(cfg, key);

    if (type == NULL || *type == '\0' || strcasecmp(type, "PEM") == 0 ||
        cv_config_get(cfg, location) == NULL)
        return CV_OK;
    return cv_fail(err, CV_INVALID,
                   "Invalid value %s for configuration %s: only PEM stores can be read", type, key);
}

enum cv_rc
http_tls_load(const struct cv_config *cfg, struct http_tls *ret, struct cv_err *err)
{
    static const char *const key_files[] = { "ssl.keystore.location", "ssl.key.location", NULL };
    static const char *const chain_files[] = { "ssl.keystore.location", "ssl.certificate.location",
                                               NULL };
    static const char *const trust_files[] = { "ssl.truststore.location", "ssl.ca.location", NULL };
    const char *algorithm = cv_config_get(cfg, "ssl.endpoint.identification.algorithm");
    const char *password = cv_config_get(cfg, "ssl.key.password");
    struct http_tls tls = { .verify_host = algorithm == NULL || *algorithm != '\0' };
    enum cv_rc rc;

    rc = check_store_type(cfg, "ssl.keystore.location", "ssl.keystore.type", err);
    if (rc == CV_OK)
        rc = check_store_type(cfg, "ssl.truststore.location", "ssl.truststore.type", err);
    if (rc == CV_OK)
        rc = load_one(cfg, "ssl.keystore.key", key_files, &tls.key, err);
    if (rc == CV_OK)
        rc = load_one(cfg, "ssl.keystore.certificate.chain", chain_files, &tls.chain, err);
    if (rc == CV_OK)
        rc = load_one(cfg, "ssl.truststore.certificates", trust_files, &tls.trusted, err);
    if (rc == CV_OK && password != NULL && *password != '\0') {
        tls.key_password = strdup(password);
        if (tls.key_password == NULL)
            rc = cv_fail_memory(err);
    }
    if (rc != CV_OK) {
        http_tls_done(&tls);
        return rc;
    }
    *ret = tls;
    return CV_OK;
}

static void
wipe(char *text)
{
    if (text == NULL)
        return;
    cv_secret_wipe(text, strlen(text));
    free(text);
}

void
http_tls_done(struct http_tls *tls)
{
    wipe(tls->key);
    wipe(tls->key_password);
    wipe(tls->chain);
    wipe(tls->trusted);
    memset(tls, 0, sizeof(*tls));
}
