/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stores to PEM. Whatever form they have, certificates and keys are read by OpenSSL and written
 * again, so that those who use them (librdkafka, GnuTLS, libcurl) get one form, and a wrong password
 * or a foreign file is told here, by the name of the key that is to blame.
 */
#include <config.h>

#include "common/tls_store.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/buf.h"
#include "common/secret.h"

#define STORE_MAX ((size_t)4 << 20)

static enum cv_rc
fail(struct cv_err *err, const char *fmt, ...) CV_PRINTF(2, 3);

/* CV_INVALID with OpenSSL's reason behind it. */
static enum cv_rc
fail(struct cv_err *err, const char *fmt, ...)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    char text[sizeof(err->text)];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    ERR_clear_error();
    if (reason == NULL)
        return cv_fail(err, CV_INVALID, "%s", text);
    return cv_fail(err, CV_INVALID, "%s (%s)", text, reason);
}

static const char *
value_of(const struct cv_config *cfg, const char *key)
{
    const char *value = cv_config_get(cfg, key);

    return value == NULL || *value == '\0' ? NULL : value;
}

static enum cv_rc
read_file(const char *key, const char *path, struct cv_buf *out, struct cv_err *err)
{
    FILE *file = fopen(path, "re");
    enum cv_rc rc;
    size_t n;

    if (file == NULL)
        return cv_fail_errno(err, CV_INVALID, errno, "cannot open %s \"%s\"", key, path);
    do {
        char *room = cv_buf_reserve(out, 8192);

        n = room == NULL ? 0 : fread(room, 1, 8192, file);
        if (n > 0)
            cv_buf_used(out, n);
    } while (n > 0);
    if (ferror(file))
        rc = cv_fail_errno(err, CV_INVALID, errno, "cannot read %s \"%s\"", key, path);
    else if (cv_buf_check(out, err) != CV_OK)
        rc = cv_err_context(err, "cannot read %s \"%s\"", key, path);
    else
        rc = CV_OK;
    fclose(file);
    return rc;
}

/* What the type says; without one, what the file is. A file that cannot be read is told later. */
static bool
store_is_pem(const struct cv_config *cfg, const char *location_key, const char *type_key)
{
    const char *path = value_of(cfg, location_key), *type = value_of(cfg, type_key);
    struct cv_buf bytes = CV_BUF_INIT(STORE_MAX);
    struct cv_err ignored;
    bool pem;

    if (type != NULL || path == NULL)
        return type != NULL && strcasecmp(type, "PEM") == 0;
    pem = read_file(location_key, path, &bytes, &ignored) == CV_OK &&
          strstr(cv_buf_cstr(&bytes), "-----BEGIN ") != NULL;
    cv_buf_wipe(&bytes);
    return pem;
}

/* ---- PEM ---- */

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
        if (memchr(body, ':', (size_t)(end - body)) != NULL) { /* headers of an old encrypted key */
            cv_buf_add(out, body + strspn(body, "\r\n"),
                       (size_t)(end - body) - strspn(body, "\r\n"));
            cv_buf_add(out, end, (size_t)(tail - end));
            cv_buf_char(out, '\n');
            continue;
        }
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

/* What a memory BIO holds, moved to a string that is freed with free(). */
static enum cv_rc
bio_take(BIO *bio, char **ret, struct cv_err *err)
{
    char *data;
    long len = BIO_get_mem_data(bio, &data);
    char *copy = malloc((size_t)len + 1);

    if (copy == NULL)
        return cv_fail_memory(err);
    memcpy(copy, data, (size_t)len);
    copy[len] = '\0';
    *ret = copy;
    return CV_OK;
}

static enum cv_rc
write_key(EVP_PKEY *pkey, char **ret, struct cv_err *err)
{
    BIO *bio = BIO_new(BIO_s_secmem()); /* wiped when it is freed */
    enum cv_rc rc;

    if (bio == NULL)
        return cv_fail_memory(err);
    if (PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL) == 1)
        rc = bio_take(bio, ret, err);
    else
        rc = fail(err, "cannot write a private key as PEM");
    BIO_free(bio);
    return rc;
}

/* The certificates of a text, one behind the other. */
static enum cv_rc
normalize_certificates(const char *key, const char *text, char **ret, struct cv_err *err)
{
    BIO *in = BIO_new_mem_buf(text, -1);
    BIO *out = BIO_new(BIO_s_mem());
    size_t count = 0;
    X509 *cert;
    enum cv_rc rc;

    if (in == NULL || out == NULL) {
        rc = cv_fail_memory(err);
        goto out;
    }
    while ((cert = PEM_read_bio_X509(in, NULL, give_password, NULL)) != NULL) {
        count += PEM_write_bio_X509(out, cert) == 1;
        X509_free(cert);
    }
    if (count == 0) {
        rc = fail(err, "%s holds no PEM certificate that can be read", key);
        goto out;
    }
    ERR_clear_error(); /* of the search for one more */
    rc = bio_take(out, ret, err);
out:
    BIO_free(in);
    BIO_free(out);
    return rc;
}

static enum cv_rc
normalize_key(const char *key, const char *text, const char *password, char **ret,
              struct cv_err *err)
{
    BIO *bio = BIO_new_mem_buf(text, -1);
    EVP_PKEY *pkey;
    enum cv_rc rc;

    if (bio == NULL)
        return cv_fail_memory(err);
    pkey = PEM_read_bio_PrivateKey(bio, NULL, give_password, (void *)(uintptr_t)password);
    if (pkey == NULL)
        rc = fail(err,
                  "%s holds no PEM private key that can be read%s", key,
                  password == NULL ? "; if it is encrypted, set ssl.key.password"
                                   : "; is ssl.key.password right?");
    else
        rc = write_key(pkey, ret, err);
    EVP_PKEY_free(pkey);
    BIO_free(bio);
    return rc;
}

/* The PEM text of a key that holds it, or of the file that another key names; *ret_key NULL: neither
 * is set. */
static enum cv_rc
load_pem(const struct cv_config *cfg, const char *text_key, const char *file_key,
         struct cv_buf *out, const char **ret_key, struct cv_err *err)
{
    const char *text = value_of(cfg, text_key);
    const char *path = file_key == NULL ? NULL : value_of(cfg, file_key);
    struct cv_buf raw = CV_BUF_INIT(STORE_MAX);
    enum cv_rc rc = CV_OK;

    *ret_key = text != NULL ? text_key : path != NULL ? file_key : NULL;
    if (text == NULL && path != NULL) {
        rc = read_file(file_key, path, &raw, err);
        text = cv_buf_cstr(&raw);
    }
    if (rc == CV_OK && text != NULL) {
        format_pem(text, out);
        rc = cv_buf_check(out, err);
    }
    cv_buf_wipe(&raw);
    return rc;
}

/* ---- PKCS#12 ---- */

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

/* The part of a location's key before ".location": "ssl.truststore". */
static int
stem(const char *key)
{
    return (int)(strlen(key) - strlen(".location"));
}

static enum cv_rc
refuse_jks(const char *key, const char *path, struct cv_err *err)
{
    return cv_fail(err, CV_INVALID,
                   "%s \"%s\" is a JKS store, which only Java reads; convert it with \"keytool "
                   "-importkeystore -srckeystore %s -destkeystore %s.p12 -deststoretype PKCS12\", "
                   "then set %s=%s.p12 and %.*s.type=PKCS12",
                   key, path, path, path, key, path, stem(key), key);
}

static enum cv_rc
parse_pkcs12(const char *key, const char *path, const char *password, const struct cv_buf *bytes,
             struct pkcs12 *ret, struct cv_err *err)
{
    const unsigned char *der = (const unsigned char *)cv_buf_cstr(bytes);
    PKCS12 *p12 = d2i_PKCS12(NULL, &der, (long)bytes->len);
    enum cv_rc rc = CV_OK;

    if (p12 == NULL) {
        ERR_clear_error();
        if (strstr(cv_buf_cstr(bytes), "-----BEGIN ") != NULL)
            return cv_fail(err, CV_INVALID, "%s \"%s\" is PEM text: set %.*s.type=PEM", key, path,
                           stem(key), key);
        return cv_fail(err, CV_INVALID,
                       "%s \"%s\" is neither a PKCS#12 store nor PEM text with %.*s.type=PEM", key,
                       path, stem(key), key);
    }
    if (PKCS12_parse(p12, password, &ret->pkey, &ret->cert, &ret->others) != 1) {
        if (ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_UNSUPPORTED ||
            ERR_GET_REASON(ERR_peek_error()) == ERR_R_UNSUPPORTED)
            rc = fail(err,
                      "%s \"%s\" is encrypted with a cipher that is out of use; write it again with "
                      "a keytool of Java 17 or later",
                      key, path);
        else
            rc = fail(err, "%s \"%s\" cannot be opened: is %.*s.password right?", key, path,
                      stem(key), key);
    }
    PKCS12_free(p12);
    return rc;
}

static enum cv_rc
read_pkcs12(const char *key, const char *path, const char *password, struct pkcs12 *ret,
            struct cv_err *err)
{
    struct cv_buf bytes = CV_BUF_INIT(STORE_MAX);
    enum cv_rc rc = read_file(key, path, &bytes, err);

    if (rc == CV_OK && bytes.len >= 4 &&
        (memcmp(bytes.data, "\xfe\xed\xfe\xed", 4) == 0 ||
         memcmp(bytes.data, "\xce\xce\xce\xce", 4) == 0))
        rc = refuse_jks(key, path, err);
    else if (rc == CV_OK)
        rc = parse_pkcs12(key, path, password, &bytes, ret, err);
    cv_buf_wipe(&bytes);
    return rc;
}

/* The store's certificates as PEM, that of the private key first. */
static enum cv_rc
pkcs12_certificates(const struct pkcs12 *store, const char *key, const char *path, char **ret,
                    struct cv_err *err)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int count = 0;
    enum cv_rc rc;

    if (bio == NULL)
        return cv_fail_memory(err);
    if (store->cert != NULL)
        count += PEM_write_bio_X509(bio, store->cert) == 1;
    for (int i = 0; i < sk_X509_num(store->others); i++)
        count += PEM_write_bio_X509(bio, sk_X509_value(store->others, i)) == 1;
    if (count == 0)
        rc = cv_fail(err, CV_INVALID, "%s \"%s\" holds no certificate", key, path);
    else
        rc = bio_take(bio, ret, err);
    BIO_free(bio);
    return rc;
}

/* ---- what callers ask for ---- */

static enum cv_rc
trusted_pkcs12(const char *path, const char *password, char **ret, struct cv_err *err)
{
    static const char key[] = "ssl.truststore.location";
    struct pkcs12 store = { 0 };
    enum cv_rc rc = read_pkcs12(key, path, password, &store, err);

    if (rc == CV_OK)
        rc = pkcs12_certificates(&store, key, path, ret, err);
    pkcs12_done(&store);
    return rc;
}

enum cv_rc
cv_tls_trusted(const struct cv_config *cfg, char **ret, struct cv_err *err)
{
    struct cv_buf pem = CV_BUF_INIT(STORE_MAX);
    const char *store = value_of(cfg, "ssl.truststore.location");
    bool pem_store = store_is_pem(cfg, "ssl.truststore.location", "ssl.truststore.type");
    const char *key = NULL;
    char *certificates = NULL;
    enum cv_rc rc;

    ERR_clear_error();
    if (store != NULL && !pem_store && value_of(cfg, "ssl.truststore.certificates") == NULL) {
        rc = trusted_pkcs12(store, value_of(cfg, "ssl.truststore.password"), &certificates, err);
        goto out;
    }
    rc = load_pem(cfg, "ssl.truststore.certificates", pem_store ? "ssl.truststore.location" : NULL,
                  &pem, &key, err);
    if (rc == CV_OK && key == NULL)
        rc = load_pem(cfg, "ssl.ca.pem", "ssl.ca.location", &pem, &key, err);
    if (rc == CV_OK && key != NULL)
        rc = normalize_certificates(key, cv_buf_cstr(&pem), &certificates, err);
out:
    cv_buf_free(&pem);
    if (rc == CV_OK)
        *ret = certificates;
    return rc;
}

static enum cv_rc
identity_pkcs12(const char *path, const char *password, struct cv_tls_identity *ret,
                struct cv_err *err)
{
    static const char key[] = "ssl.keystore.location";
    struct pkcs12 store = { 0 };
    enum cv_rc rc = read_pkcs12(key, path, password, &store, err);

    if (rc == CV_OK && (store.cert == NULL || store.pkey == NULL))
        rc = cv_fail(err, CV_INVALID, "%s \"%s\" holds no private key with its certificate", key,
                     path);
    if (rc == CV_OK)
        rc = pkcs12_certificates(&store, key, path, &ret->chain, err);
    if (rc == CV_OK)
        rc = write_key(store.pkey, &ret->key, err);
    pkcs12_done(&store);
    return rc;
}

/* Whether the key belongs to the first certificate. */
static enum cv_rc
check_pair(const struct cv_tls_identity *identity, const char *chain_key, const char *key_key,
           struct cv_err *err)
{
    BIO *chain = BIO_new_mem_buf(identity->chain, -1), *key = BIO_new_mem_buf(identity->key, -1);
    X509 *cert = chain == NULL ? NULL : PEM_read_bio_X509(chain, NULL, NULL, NULL);
    EVP_PKEY *pkey = key == NULL ? NULL : PEM_read_bio_PrivateKey(key, NULL, NULL, NULL);
    enum cv_rc rc = CV_OK;

    if (cert == NULL || pkey == NULL)
        rc = cv_fail_memory(err);
    else if (X509_check_private_key(cert, pkey) != 1)
        rc = fail(err, "the private key of %s does not belong to the certificate of %s", key_key,
                  chain_key);
    X509_free(cert);
    EVP_PKEY_free(pkey);
    BIO_free(chain);
    BIO_free(key);
    return rc;
}

static enum cv_rc
identity_pem(const struct cv_config *cfg, struct cv_tls_identity *ret, struct cv_err *err)
{
    struct cv_buf chain = CV_BUF_INIT(STORE_MAX), pkey = CV_BUF_INIT(STORE_MAX);
    const char *file = store_is_pem(cfg, "ssl.keystore.location", "ssl.keystore.type")
                           ? "ssl.keystore.location"
                           : NULL;
    const char *chain_key = NULL, *pkey_key = NULL;
    enum cv_rc rc = load_pem(cfg, "ssl.keystore.certificate.chain", file, &chain, &chain_key, err);

    if (rc == CV_OK && chain_key == NULL)
        rc = load_pem(cfg, "ssl.certificate.pem", "ssl.certificate.location", &chain, &chain_key,
                      err);
    if (rc == CV_OK)
        rc = load_pem(cfg, "ssl.keystore.key", file, &pkey, &pkey_key, err);
    if (rc == CV_OK && pkey_key == NULL)
        rc = load_pem(cfg, "ssl.key.pem", "ssl.key.location", &pkey, &pkey_key, err);
    if (rc == CV_OK && (chain_key == NULL) != (pkey_key == NULL))
        rc = cv_fail(err, CV_INVALID, "%s is set, but the %s is missing: set %s",
                     chain_key == NULL ? pkey_key : chain_key,
                     chain_key == NULL ? "certificate" : "private key",
                     chain_key == NULL ? "ssl.keystore.certificate.chain" : "ssl.keystore.key");
    if (rc == CV_OK && chain_key != NULL)
        rc = normalize_certificates(chain_key, cv_buf_cstr(&chain), &ret->chain, err);
    if (rc == CV_OK && pkey_key != NULL)
        rc = normalize_key(pkey_key, cv_buf_cstr(&pkey), value_of(cfg, "ssl.key.password"),
                           &ret->key, err);
    if (rc == CV_OK && pkey_key != NULL)
        rc = check_pair(ret, chain_key, pkey_key, err);
    cv_buf_free(&chain);
    cv_buf_wipe(&pkey);
    return rc;
}

enum cv_rc
cv_tls_identity(const struct cv_config *cfg, struct cv_tls_identity *ret, struct cv_err *err)
{
    struct cv_tls_identity identity = { 0 };
    const char *store = value_of(cfg, "ssl.keystore.location");
    enum cv_rc rc;

    ERR_clear_error();
    if (store != NULL && !store_is_pem(cfg, "ssl.keystore.location", "ssl.keystore.type") &&
        value_of(cfg, "ssl.keystore.key") == NULL)
        rc = identity_pkcs12(store, value_of(cfg, "ssl.keystore.password"), &identity, err);
    else
        rc = identity_pem(cfg, &identity, err);
    if (rc == CV_OK)
        *ret = identity;
    else
        cv_tls_identity_done(&identity);
    return rc;
}

void
cv_tls_identity_done(struct cv_tls_identity *identity)
{
    if (identity->key != NULL)
        cv_secret_wipe(identity->key, strlen(identity->key));
    free(identity->key);
    free(identity->chain);
    *identity = (struct cv_tls_identity){ 0 };
}
