/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS to brokers: trust and keys as common/tls_store.c reads them, versions and ciphers. Without any
 * trust setting the system's certificates count.
 */
#include <config.h>

#include "common/wire/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/buf.h"
#include "common/tls_store.h"

enum cv_rc
wire_tls_fail(struct cv_err *err, enum cv_rc rc, const char *fmt, ...)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = ERR_reason_error_string(code);
    char text[sizeof(err->text)];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    ERR_clear_error();
    if (code == 0)
        return cv_fail(err, rc, "%s", text);
    return cv_fail(err, rc, "%s: %s", text, reason == NULL ? "unknown OpenSSL error" : reason);
}

static enum cv_rc
read_trust(SSL_CTX *ctx, const struct cv_config *cfg, struct cv_err *err)
{
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    char *pem = NULL;
    BIO *bio;
    X509 *cert;
    bool ok = true;

    if (cv_tls_trusted(cfg, &pem, err) != CV_OK)
        return err->rc;
    if (pem == NULL && SSL_CTX_set_default_verify_paths(ctx) != 1)
        return wire_tls_fail(err, CV_INVALID,
                             "cannot load the system's certificates: set ssl.truststore.location");
    if (pem == NULL)
        return CV_OK;
    bio = BIO_new_mem_buf(pem, -1);
    while (ok && bio != NULL && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        ok = X509_STORE_add_cert(store, cert) == 1;
        X509_free(cert);
    }
    if (bio == NULL || !ok)
        (void)wire_tls_fail(err, CV_INVALID, "cannot use the certificates of ssl.truststore");
    ok = bio != NULL && ok;
    BIO_free(bio);
    free(pem);
    ERR_clear_error(); /* of the search for one more */
    return ok ? CV_OK : err->rc;
}

static bool
use_identity(SSL_CTX *ctx, const struct cv_tls_identity *identity)
{
    BIO *chain = BIO_new_mem_buf(identity->chain, -1), *key = BIO_new_mem_buf(identity->key, -1);
    EVP_PKEY *pkey = key == NULL ? NULL : PEM_read_bio_PrivateKey(key, NULL, NULL, NULL);
    bool first = true, ok = chain != NULL && pkey != NULL;
    X509 *cert;

    while (ok && (cert = PEM_read_bio_X509(chain, NULL, NULL, NULL)) != NULL) {
        ok = first ? SSL_CTX_use_certificate(ctx, cert) == 1
                   : SSL_CTX_add1_chain_cert(ctx, cert) == 1;
        first = false;
        X509_free(cert);
    }
    ok = ok && SSL_CTX_use_PrivateKey(ctx, pkey) == 1;
    EVP_PKEY_free(pkey);
    BIO_free(chain);
    BIO_free(key);
    return ok;
}

static enum cv_rc
read_client_key(SSL_CTX *ctx, const struct cv_config *cfg, struct cv_err *err)
{
    struct cv_tls_identity identity = { 0 };
    enum cv_rc rc = cv_tls_identity(cfg, &identity, err);

    if (rc == CV_OK && identity.chain != NULL && !use_identity(ctx, &identity))
        rc = wire_tls_fail(err, CV_INVALID,
                           "cannot use the certificate and private key of ssl.keystore");
    else
        ERR_clear_error();
    cv_tls_identity_done(&identity);
    return rc;
}

/* ssl.enabled.protocols: what is below TLS 1.2 is not offered whatever it says. */
static enum cv_rc
read_versions(SSL_CTX *ctx, const struct cv_config *cfg, struct cv_err *err)
{
    const char *list = cv_config_get(cfg, "ssl.enabled.protocols");
    bool v12 = list == NULL || strstr(list, "TLSv1.2") != NULL;
    bool v13 = list == NULL || strstr(list, "TLSv1.3") != NULL;

    if (!v12 && !v13)
        return cv_fail(
            err, CV_INVALID,
            "ssl.enabled.protocols has the value \"%s\": it must contain TLSv1.2 or TLSv1.3", list);
    SSL_CTX_set_min_proto_version(ctx, v12 ? TLS1_2_VERSION : TLS1_3_VERSION);
    SSL_CTX_set_max_proto_version(ctx, v13 ? 0 : TLS1_2_VERSION);
    return CV_OK;
}

/* ssl.cipher.suites: OpenSSL's names separated by colons, or Java's by commas. */
static enum cv_rc
read_ciphers(SSL_CTX *ctx, const struct cv_config *cfg, struct cv_err *err)
{
    const char *list = cv_config_get(cfg, "ssl.cipher.suites"), *at = list;
    struct cv_buf old = CV_BUF_INIT(8192), v13 = CV_BUF_INIT(8192);
    enum cv_rc rc = CV_OK;

    while (at != NULL && *at != '\0') {
        size_t len = strcspn(at, ":, ");
        char name[128];

        if (len > 0 && len < sizeof(name)) {
            const char *known;
            struct cv_buf *out;

            memcpy(name, at, len);
            name[len] = '\0';
            known = OPENSSL_cipher_name(name);
            out = strncmp(name, "TLS_", 4) == 0 && strstr(name, "_WITH_") == NULL ? &v13 : &old;
            if (out->len > 0)
                cv_buf_char(out, ':');
            cv_buf_str(out, strcmp(known, "(NONE)") == 0 ? name : known);
        }
        at += len;
        at += strspn(at, ":, ");
    }
    if ((old.len > 0 && SSL_CTX_set_cipher_list(ctx, cv_buf_cstr(&old)) != 1) ||
        (v13.len > 0 && SSL_CTX_set_ciphersuites(ctx, cv_buf_cstr(&v13)) != 1))
        rc = wire_tls_fail(err, CV_INVALID,
                           "ssl.cipher.suites \"%s\" names no cipher that can be used", list);
    cv_buf_free(&old);
    cv_buf_free(&v13);
    return rc;
}

enum cv_rc
wire_tls_new(const struct cv_config *cfg, SSL_CTX **ret, struct cv_err *err)
{
    const char *verify = cv_config_get(cfg, "enable.ssl.certificate.verification");
    bool verified = verify == NULL || strcasecmp(verify, "false") != 0;
    SSL_CTX *ctx;
    enum cv_rc rc;

    ERR_clear_error();
    ctx = SSL_CTX_new(TLS_client_method());
    if (ctx == NULL)
        return wire_tls_fail(err, CV_INTERNAL, "cannot make a TLS context");
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_verify(ctx, verified ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    rc = read_versions(ctx, cfg, err);
    if (rc == CV_OK)
        rc = read_ciphers(ctx, cfg, err);
    if (rc == CV_OK && verified)
        rc = read_trust(ctx, cfg, err);
    if (rc == CV_OK)
        rc = read_client_key(ctx, cfg, err);
    if (rc == CV_OK)
        *ret = ctx;
    else
        SSL_CTX_free(ctx);
    return rc;
}
