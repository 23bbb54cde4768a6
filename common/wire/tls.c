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
#include "common/wire/settings.h"

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

/* The versions that are spoken. */
struct versions {
    bool v12, v13;
};

static enum cv_rc
read_enabled(const char *list, struct versions *ret, struct cv_err *err)
{
    static const char *const older[] = { "SSLv2Hello", "SSLv2", "SSLv3", "TLSv1", "TLSv1.1" };
    struct versions found = { false, false };
    size_t len, i;

    for (const char *at = list; *at != '\0'; at += len) {
        char name[16];

        at += strspn(at, ", ");
        len = strcspn(at, ", ");
        snprintf(name, sizeof(name), "%.*s", (int)len, at);
        found.v12 |= strcmp(name, "TLSv1.2") == 0;
        found.v13 |= strcmp(name, "TLSv1.3") == 0;
        for (i = 0; i < CV_COUNT(older) && strcmp(name, older[i]) != 0; i++)
            continue;
        if (i == CV_COUNT(older) && len > 0 && strcmp(name, "TLSv1.2") != 0 && strcmp(name, "TLSv1.3") != 0)
            return cv_fail(err, CV_INVALID,
                           "ssl.enabled.protocols has the value \"%s\", where \"%.*s\" is no version of TLS: write "
                           "TLSv1.2, TLSv1.3 or both",
                           list, (int)len, at);
    }
    if (!found.v12 && !found.v13)
        return cv_fail(err, CV_INVALID,
                       "ssl.enabled.protocols has the value \"%s\": it must contain TLSv1.2 or TLSv1.3", list);
    *ret = found;
    return CV_OK;
}

/* ssl.enabled.protocols, of which what is below TLS 1.2 is not offered; ssl.protocol is the highest. */
static enum cv_rc
read_versions(const struct cv_config *cfg, struct versions *ret, struct cv_err *err)
{
    const char *list = cv_config_get(cfg, "ssl.enabled.protocols"), *highest = cv_config_get(cfg, "ssl.protocol");
    struct versions found = { true, true };

    if (list != NULL && read_enabled(list, &found, err) != CV_OK)
        return err->rc;
    if (highest != NULL && strcmp(highest, "TLSv1.2") == 0)
        found.v13 = false;
    else if (highest != NULL && strcmp(highest, "TLSv1.3") != 0 && strcmp(highest, "TLS") != 0)
        return cv_fail(err, CV_INVALID, "ssl.protocol has the value \"%s\": it must be TLSv1.3 or TLSv1.2", highest);
    if (!found.v12 && !found.v13)
        return cv_fail(err, CV_INVALID,
                       "ssl.protocol is TLSv1.2, but ssl.enabled.protocols \"%s\" does not contain it: add it, or "
                       "leave "
                       "ssl.protocol out",
                       list);
    *ret = found;
    return CV_OK;
}

#define CIPHERS_MAX 8192

/* The names of ssl.cipher.suites, OpenSSL's separated by colons or Java's by commas, to those of TLS 1.3 and others.
   Of a list of others OpenSSL finds out itself whether it has any that is known. */
static void
sort_ciphers(const char *list, struct cv_buf *older, struct cv_buf *v13)
{
    size_t len;

    for (const char *at = list + strspn(list, ":, "); *at != '\0'; at += strspn(at, ":, ")) {
        char name[128];
        const char *known;
        struct cv_buf *out;

        len = strcspn(at, ":, ");
        snprintf(name, sizeof(name), "%.*s", (int)len, at);
        at += len;
        known = OPENSSL_cipher_name(name);
        out = strncmp(name, "TLS_", 4) == 0 && strstr(name, "_WITH_") == NULL ? v13 : older;
        if (strcmp(known, "(NONE)") == 0) {
            if (out == v13)
                continue;
            known = name;
        }
        if (out->len > 0)
            cv_buf_char(out, ':');
        cv_buf_str(out, known);
    }
}

/* Where only ciphers of TLS 1.3 are named, no other may be used, nor a version that knows others only. */
static enum cv_rc
read_ciphers(SSL_CTX *ctx, const struct cv_config *cfg, struct versions *versions, struct cv_err *err)
{
    const char *list = cv_config_get(cfg, "ssl.cipher.suites");
    struct cv_buf older = CV_BUF_INIT(CIPHERS_MAX), v13 = CV_BUF_INIT(CIPHERS_MAX);
    bool ok;

    if (list == NULL || *list == '\0')
        return CV_OK;
    sort_ciphers(list, &older, &v13);
    ok = cv_buf_check(&older, err) == CV_OK && cv_buf_check(&v13, err) == CV_OK && older.len + v13.len > 0 &&
         (older.len == 0 || SSL_CTX_set_cipher_list(ctx, cv_buf_cstr(&older)) == 1) &&
         (v13.len == 0 || SSL_CTX_set_ciphersuites(ctx, cv_buf_cstr(&v13)) == 1);
    versions->v12 &= older.len > 0;
    cv_buf_free(&older);
    cv_buf_free(&v13);
    if (ok && (versions->v12 || versions->v13))
        return CV_OK;
    return wire_tls_fail(err, CV_INVALID,
                         "ssl.cipher.suites has the value \"%.200s\", which names no cipher that can be used: write "
                         "OpenSSL's names (openssl ciphers -v) or Java's, or leave the key out",
                         list);
}

/* Lists of names that OpenSSL knows how to read. */
static enum cv_rc
read_lists(SSL_CTX *ctx, const struct cv_config *cfg, struct cv_err *err)
{
    const char *curves = cv_config_get(cfg, "ssl.curves.list"), *sigalgs = cv_config_get(cfg, "ssl.sigalgs.list");

    if (curves != NULL && *curves != '\0' && SSL_CTX_set1_groups_list(ctx, curves) != 1)
        return wire_tls_fail(err, CV_INVALID,
                             "ssl.curves.list has the value \"%.200s\": write OpenSSL's names of curves, as in "
                             "X25519:P-256, or leave the key out",
                             curves);
    if (sigalgs != NULL && *sigalgs != '\0' && SSL_CTX_set1_sigalgs_list(ctx, sigalgs) != 1)
        return wire_tls_fail(err, CV_INVALID,
                             "ssl.sigalgs.list has the value \"%.200s\": write OpenSSL's names of signatures, as in "
                             "ECDSA+SHA256:RSA-PSS+SHA256, or leave the key out",
                             sigalgs);
    return CV_OK;
}

/* ssl.crl.location: a PEM file of revoked certificates. It must have a list of whoever signed the broker's. */
static enum cv_rc
read_revoked(SSL_CTX *ctx, const struct cv_config *cfg, struct cv_err *err)
{
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    const char *path = cv_config_get(cfg, "ssl.crl.location");
    X509_LOOKUP *file;

    if (path == NULL || *path == '\0')
        return CV_OK;
    file = X509_STORE_add_lookup(store, X509_LOOKUP_file());
    if (file == NULL || X509_load_crl_file(file, path, X509_FILETYPE_PEM) < 1 ||
        X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK) != 1)
        return wire_tls_fail(err, CV_INVALID,
                             "ssl.crl.location has the value \"%.200s\", which cannot be used: name a PEM file with a "
                             "list of revoked certificates",
                             path);
    return CV_OK;
}

static enum cv_rc
read_all(SSL_CTX *ctx, const struct cv_config *cfg, struct cv_err *err)
{
    struct versions versions = { true, true };
    bool verified = true;
    enum cv_rc rc = wire_setting_bool(cfg, "enable.ssl.certificate.verification", true, &verified, err);

    if (rc == CV_OK)
        rc = read_versions(cfg, &versions, err);
    if (rc == CV_OK)
        rc = read_ciphers(ctx, cfg, &versions, err);
    if (rc == CV_OK)
        rc = read_lists(ctx, cfg, err);
    if (rc == CV_OK && verified)
        rc = read_trust(ctx, cfg, err);
    if (rc == CV_OK && verified)
        rc = read_revoked(ctx, cfg, err);
    if (rc == CV_OK)
        rc = read_client_key(ctx, cfg, err);
    SSL_CTX_set_verify(ctx, verified ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_min_proto_version(ctx, versions.v12 ? TLS1_2_VERSION : TLS1_3_VERSION);
    SSL_CTX_set_max_proto_version(ctx, versions.v13 ? 0 : TLS1_2_VERSION);
    return rc;
}

enum cv_rc
wire_tls_new(const struct cv_config *cfg, SSL_CTX **ret, struct cv_err *err)
{
    SSL_CTX *ctx;

    ERR_clear_error();
    ctx = SSL_CTX_new(TLS_client_method());
    if (ctx == NULL)
        return wire_tls_fail(err, CV_INTERNAL, "cannot make a TLS context");
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (read_all(ctx, cfg, err) != CV_OK) {
        SSL_CTX_free(ctx);
        return err->rc;
    }
    *ret = ctx;
    return CV_OK;
}
