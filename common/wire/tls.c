/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trust and keys for TLS to brokers.
 *
 * Java's keys: ssl.truststore.* and ssl.keystore.*, as PEM files, as PEM text in the properties
 * (also on one line, as Java takes it), or as PKCS#12 files. A JKS file is refused with what to do
 * instead; type JKS for a file that is PKCS#12 works, as it does in Java. librdkafka's keys:
 * ssl.ca.*, ssl.certificate.*, ssl.key.*. Without any trust setting the system's certificates
 * count.
 */
#include <config.h>

#include "common/wire/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/buf.h"

#define STORE_MAX ((size_t)4 << 20)

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
read_file(const char *key, const char *path, struct cv_buf *out, struct cv_err *err)
{
    FILE *file = fopen(path, "re");
    enum cv_rc rc;

    if (file == NULL)
        return cv_fail_errno(err, CV_INVALID, errno, "cannot open %s \"%s\"", key, path);
    while (!feof(file) && !ferror(file)) {
        char *room = cv_buf_reserve(out, 8192);

        if (room == NULL)
            break;
        cv_buf_used(out, fread(room, 1, 8192, file));
    }
    if (ferror(file))
        rc = cv_fail(err, CV_INVALID, "cannot read %s \"%s\"", key, path);
    else
        rc = cv_buf_check(out, err);
    fclose(file);
    return rc;
}

/* PEM text with its base64 on one line, or separated by blanks, to lines of 64 characters. */
static void
format_pem(const char *text, struct cv_buf *out)
{
    const char *begin, *body, *end, *tail, *p;
    size_t column;

    for (begin = strstr(text, "-----BEGIN "); begin != NULL; begin = strstr(tail, "-----BEGIN ")) {
        body = strstr(begin + 11, "-----");
        end = body == NULL ? NULL : strstr(body + 5, "-----END ");
        tail = end == NULL ? NULL : strstr(end + 9, "-----");
        if (tail == NULL)
            return;
        body += 5;
        tail += 5;
        cv_buf_add(out, begin, (size_t)(body - begin));
        cv_buf_char(out, '\n');
        for (p = body, column = 0; p < end; p++) {
            if (strchr(" \t\r\n", *p) != NULL)
                continue;
            cv_buf_char(out, *p);
            if (++column % 64 == 0)
                cv_buf_char(out, '\n');
        }
        if (column % 64 != 0)
            cv_buf_char(out, '\n');
        cv_buf_add(out, end, (size_t)(tail - end));
        cv_buf_char(out, '\n');
    }
}

/* Never ask the terminal. */
static int
give_password(char *buf, int size, int rwflag, void *arg)
{
    const char *password = arg;
    size_t len = password == NULL ? 0 : strlen(password);

    (void)rwflag;
    if (password == NULL || len > (size_t)size)
        return -1;
    memcpy(buf, password, len);
    return (int)len;
}

static enum cv_rc
trust_pem(SSL_CTX *ctx, const char *key, const struct cv_buf *pem, struct cv_err *err)
{
    BIO *bio = BIO_new_mem_buf(cv_buf_cstr(pem), (int)pem->len);
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    size_t count = 0;
    X509 *cert;

    if (bio == NULL)
        return cv_fail_memory(err);
    while ((cert = PEM_read_bio_X509(bio, NULL, give_password, NULL)) != NULL) {
        count += X509_STORE_add_cert(store, cert) == 1;
        X509_free(cert);
    }
    BIO_free(bio);
    if (count == 0)
        return wire_tls_fail(err, CV_INVALID, "%s holds no PEM certificate that can be read", key);
    ERR_clear_error(); /* of the search for one more */
    return CV_OK;
}

/* The certificate of the client with its chain, and its key; both may stand in one text. */
static enum cv_rc
use_chain_pem(SSL_CTX *ctx, const char *key, const struct cv_buf *pem, struct cv_err *err)
{
    BIO *bio = BIO_new_mem_buf(cv_buf_cstr(pem), (int)pem->len);
    bool first = true, ok = true;
    X509 *cert;

    if (bio == NULL)
        return cv_fail_memory(err);
    while (ok && (cert = PEM_read_bio_X509(bio, NULL, give_password, NULL)) != NULL) {
        ok = first ? SSL_CTX_use_certificate(ctx, cert) == 1
                   : SSL_CTX_add1_chain_cert(ctx, cert) == 1;
        first = false;
        X509_free(cert);
    }
    BIO_free(bio);
    if (first || !ok)
        return wire_tls_fail(err, CV_INVALID, "%s holds no PEM certificate that can be used", key);
    ERR_clear_error();
    return CV_OK;
}

static enum cv_rc
use_key_pem(SSL_CTX *ctx, const char *key, const struct cv_buf *pem, const char *password,
            struct cv_err *err)
{
    BIO *bio = BIO_new_mem_buf(cv_buf_cstr(pem), (int)pem->len);
    EVP_PKEY *pkey;
    enum cv_rc rc = CV_OK;

    if (bio == NULL)
        return cv_fail_memory(err);
    pkey = PEM_read_bio_PrivateKey(bio, NULL, give_password, (void *)password);
    if (pkey == NULL)
        rc = wire_tls_fail(
            err, CV_INVALID,
            "%s holds no PEM private key that can be read; is ssl.key.password right?", key);
    else if (SSL_CTX_use_PrivateKey(ctx, pkey) != 1)
        rc = wire_tls_fail(err, CV_INVALID,
                           "the private key of %s does not belong to its certificate", key);
    EVP_PKEY_free(pkey);
    BIO_free(bio);
    return rc;
}

struct pkcs12 {
    EVP_PKEY *pkey;
    X509 *cert;
    STACK_OF(X509) * others;
};

static void
pkcs12_done(struct pkcs12 *store)
{
    EVP_PKEY_free(store->pkey);
    X509_free(store->cert);
    sk_X509_pop_free(store->others, X509_free);
}

static enum cv_rc
read_pkcs12(const char *key, const char *path, const char *password, struct pkcs12 *ret,
            struct cv_err *err)
{
    struct cv_buf bytes = CV_BUF_INIT(STORE_MAX);
    const unsigned char *der;
    PKCS12 *p12 = NULL;
    enum cv_rc rc = read_file(key, path, &bytes, err);

    if (rc != CV_OK)
        goto out;
    if (bytes.len >= 4 && memcmp(bytes.data, "\xfe\xed\xfe\xed", 4) == 0) {
        rc = cv_fail(err, CV_INVALID,
                     "%s \"%s\" is a JKS store, which is not supported: convert it with \"keytool "
                     "-importkeystore "
                     "-deststoretype PKCS12\", or use PEM and the matching .type=PEM",
                     key, path);
        goto out;
    }
    der = (const unsigned char *)cv_buf_cstr(&bytes);
    p12 = d2i_PKCS12(NULL, &der, (long)bytes.len);
    if (p12 == NULL)
        rc = wire_tls_fail(err, CV_INVALID,
                           "%s \"%s\" is not a PKCS#12 store; for PEM set the matching .type=PEM",
                           key, path);
    else if (PKCS12_parse(p12, password, &ret->pkey, &ret->cert, &ret->others) != 1)
        rc = wire_tls_fail(err, CV_INVALID,
                           "cannot open the store %s \"%s\" with the password given", key, path);
out:
    PKCS12_free(p12);
    cv_buf_wipe(&bytes);
    return rc;
}

static enum cv_rc
trust_pkcs12(SSL_CTX *ctx, const char *path, const char *password, struct cv_err *err)
{
    struct pkcs12 store = { 0 };
    X509_STORE *trust = SSL_CTX_get_cert_store(ctx);
    enum cv_rc rc = read_pkcs12("ssl.truststore.location", path, password, &store, err);
    int i, count = 0;

    for (i = 0; rc == CV_OK && i < sk_X509_num(store.others); i++)
        count += X509_STORE_add_cert(trust, sk_X509_value(store.others, i)) == 1;
    if (rc == CV_OK && store.cert != NULL)
        count += X509_STORE_add_cert(trust, store.cert) == 1;
    if (rc == CV_OK && count == 0)
        rc = wire_tls_fail(err, CV_INVALID, "ssl.truststore.location \"%s\" holds no certificate",
                           path);
    pkcs12_done(&store);
    return rc;
}

static enum cv_rc
use_pkcs12(SSL_CTX *ctx, const char *path, const char *password, struct cv_err *err)
{
    struct pkcs12 store = { 0 };
    enum cv_rc rc = read_pkcs12("ssl.keystore.location", path, password, &store, err);
    int i;

    if (rc == CV_OK && (store.cert == NULL || store.pkey == NULL))
        rc =
            cv_fail(err, CV_INVALID,
                    "ssl.keystore.location \"%s\" holds no private key with its certificate", path);
    if (rc == CV_OK && (SSL_CTX_use_certificate(ctx, store.cert) != 1 ||
                        SSL_CTX_use_PrivateKey(ctx, store.pkey) != 1))
        rc = wire_tls_fail(err, CV_INVALID, "cannot use the key of ssl.keystore.location \"%s\"",
                           path);
    for (i = 0; rc == CV_OK && i < sk_X509_num(store.others); i++) {
        if (SSL_CTX_add1_chain_cert(ctx, sk_X509_value(store.others, i)) != 1)
            rc = wire_tls_fail(err, CV_INVALID,
                               "cannot use the chain of ssl.keystore.location \"%s\"", path);
    }
    pkcs12_done(&store);
    return rc;
}

/* The PEM text of a key that holds it, or of the file that another key names. */
static enum cv_rc
load_pem(const struct cv_config *cfg, const char *text_key, const char *file_key,
         struct cv_buf *out, const char **ret_key, struct cv_err *err)
{
    const char *text = text_key == NULL ? NULL : cv_config_get(cfg, text_key);
    const char *path = file_key == NULL ? NULL : cv_config_get(cfg, file_key);

    *ret_key = text != NULL ? text_key : path != NULL ? file_key : NULL;
    if (text != NULL) {
        format_pem(text, out);
        return cv_buf_check(out, err);
    }
    return path == NULL ? CV_OK : read_file(file_key, path, out, err);
}

static bool
type_is_pem(const struct cv_config *cfg, const char *key)
{
    const char *type = cv_config_get(cfg, key);

    return type != NULL && strcasecmp(type, "PEM") == 0;
}

static enum cv_rc
read_trust(SSL_CTX *ctx, const struct cv_config *cfg, struct cv_err *err)
{
    struct cv_buf pem = CV_BUF_INIT(STORE_MAX);
    const char *store = cv_config_get(cfg, "ssl.truststore.location");
    bool pem_store = type_is_pem(cfg, "ssl.truststore.type");
    const char *key = NULL;
    enum cv_rc rc;

    if (store != NULL && !pem_store)
        return trust_pkcs12(ctx, store, cv_config_get(cfg, "ssl.truststore.password"), err);
    rc = load_pem(cfg, "ssl.truststore.certificates", pem_store ? "ssl.truststore.location" : NULL,
                  &pem, &key, err);
    if (rc == CV_OK && key == NULL)
        rc = load_pem(cfg, "ssl.ca.pem", "ssl.ca.location", &pem, &key, err);
    if (rc == CV_OK && key != NULL)
        rc = trust_pem(ctx, key, &pem, err);
    else if (rc == CV_OK && SSL_CTX_set_default_verify_paths(ctx) != 1)
        rc = wire_tls_fail(err, CV_INVALID,
                           "cannot load the system's certificates: set ssl.truststore.location");
    cv_buf_free(&pem);
    return rc;
}

static enum cv_rc
read_client_key(SSL_CTX *ctx, const struct cv_config *cfg, struct cv_err *err)
{
    struct cv_buf chain = CV_BUF_INIT(STORE_MAX), pkey = CV_BUF_INIT(STORE_MAX);
    const char *store = cv_config_get(cfg, "ssl.keystore.location");
    const char *file = type_is_pem(cfg, "ssl.keystore.type") ? "ssl.keystore.location" : NULL;
    const char *chain_key = NULL, *pkey_key = NULL;
    enum cv_rc rc;

    if (store != NULL && file == NULL)
        return use_pkcs12(ctx, store, cv_config_get(cfg, "ssl.keystore.password"), err);
    rc = load_pem(cfg, "ssl.keystore.certificate.chain", file, &chain, &chain_key, err);
    if (rc == CV_OK && chain_key == NULL)
        rc = load_pem(cfg, "ssl.certificate.pem", "ssl.certificate.location", &chain, &chain_key,
                      err);
    if (rc == CV_OK)
        rc = load_pem(cfg, "ssl.keystore.key", file, &pkey, &pkey_key, err);
    if (rc == CV_OK && pkey_key == NULL)
        rc = load_pem(cfg, "ssl.key.pem", "ssl.key.location", &pkey, &pkey_key, err);
    if (rc == CV_OK && (chain_key == NULL) != (pkey_key == NULL))
        rc = cv_fail(err, CV_INVALID, "%s is set, but not the %s of the client",
                     chain_key == NULL ? pkey_key : chain_key,
                     chain_key == NULL ? "certificate" : "private key");
    if (rc == CV_OK && chain_key != NULL)
        rc = use_chain_pem(ctx, chain_key, &chain, err);
    if (rc == CV_OK && pkey_key != NULL)
        rc = use_key_pem(ctx, pkey_key, &pkey, cv_config_get(cfg, "ssl.key.password"), err);
    cv_buf_free(&chain);
    cv_buf_wipe(&pkey);
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
    SSL_CTX_set_default_passwd_cb(ctx, give_password);
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
