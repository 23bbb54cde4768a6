/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kafka's ssl.* keys for the server (GnuTLS, inside libmicrohttpd) and the client (OpenSSL, inside
 * libcurl).
 *
 * Suites have Java's names, which are those of IANA. GnuTLS is told of their parts (key exchange,
 * cipher, MAC), as it has no names for whole suites in its priorities: of two suites of TLS 1.2 it
 * may so mix a third. A version without a suite in the list is not spoken.
 */
#include <config.h>

#include "common/http/tls.h"

#include <gnutls/gnutls.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "common/buf.h"

#define TEXT_MAX 8192

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

/* Cut the next name off a list whose separators are commas and blanks. */
static bool
next_name(const char **inout_list, char *name, size_t size)
{
    const char *at = *inout_list + strspn(*inout_list, ", \t");
    size_t len = strcspn(at, ", \t");

    *inout_list = at + len;
    if (len == 0)
        return false;
    (void)snprintf(name, size, "%.*s", (int)len, at);
    return true;
}

static bool
list_has(const char *list, const char *wanted)
{
    char name[64];

    while (next_name(&list, name, sizeof(name)))
        if (strcmp(name, wanted) == 0)
            return true;
    return false;
}

/* ssl.enabled.protocols: what is below TLS 1.2 is not spoken whatever it says. */
static enum cv_rc
read_versions(const struct cv_config *cfg, struct http_tls *tls, struct cv_err *err)
{
    const char *list = cv_config_get(cfg, "ssl.enabled.protocols");

    tls->no_tls12 = list != NULL && !list_has(list, "TLSv1.2");
    tls->no_tls13 = list != NULL && !list_has(list, "TLSv1.3");
    if (!tls->no_tls12 || !tls->no_tls13)
        return CV_OK;
    return cv_fail(err, CV_INVALID,
                   "Invalid value %s for configuration ssl.enabled.protocols: it must have TLSv1.2 "
                   "or TLSv1.3",
                   list);
}

struct suite {
    gnutls_kx_algorithm_t kx;
    gnutls_cipher_algorithm_t cipher;
    gnutls_mac_algorithm_t mac;
    gnutls_protocol_t version; /* the first that has it */
};

/* Whether GnuTLS's name of a suite is meant: it leaves out the hash behind CHACHA20_POLY1305, and
   has SHA1 for SHA. */
static bool
is_suite(const char *wanted, const char *known)
{
    size_t len = strlen(known);

    if (strncmp(wanted, known, len) == 0)
        return wanted[len] == '\0' || strcmp(wanted + len, "_SHA256") == 0;
    return known[len - 1] == '1' && strlen(wanted) == len - 1 && strncmp(wanted, known, len - 1) == 0;
}

/* GnuTLS leaves "WITH_" out of a suite's name, too. */
static bool
find_suite(const char *name, struct suite *ret)
{
    const char *with = strstr(name, "_WITH_");
    char wanted[128];
    unsigned char id[2];
    const char *known;

    (void)snprintf(wanted, sizeof(wanted), "%.*s%s",
                   (int)(with == NULL ? strlen(name) : (size_t)(with - name)), name,
                   with == NULL ? "" : with + strlen("_WITH"));
    for (size_t i = 0; (known = gnutls_cipher_suite_info(i, id, &ret->kx, &ret->cipher,
                                                         &ret->mac, &ret->version)) != NULL;
         i++)
        if (is_suite(wanted, known))
            return true;
    return false;
}

static void
append(struct cv_buf *out, const char *name)
{
    if (out->len > 0)
        cv_buf_char(out, ':');
    cv_buf_str(out, name);
}

/* Add a suite's parts to parts, and its name to the list that OpenSSL gets. */
static enum cv_rc
add_suite(const char *name, struct cv_buf *parts, struct cv_buf *v12, struct cv_buf *v13,
          struct cv_err *err)
{
    struct suite suite;
    bool is_13;

    if (!find_suite(name, &suite))
        return cv_fail(err, CV_INVALID,
                       "Invalid value %s for configuration ssl.cipher.suites: there is no such "
                       "suite; give Java's names, as TLS_AES_256_GCM_SHA384",
                       name);
    is_13 = suite.version >= GNUTLS_TLS1_3;
    if (!is_13)
        cv_buf_printf(parts, ":+%s", gnutls_kx_get_name(suite.kx));
    cv_buf_printf(parts, ":+%s:+%s", gnutls_cipher_get_name(suite.cipher),
                  suite.mac == GNUTLS_MAC_UNKNOWN ? "AEAD" : gnutls_mac_get_name(suite.mac));
    append(is_13 ? v13 : v12, is_13 ? name : OPENSSL_cipher_name(name));
    return CV_OK;
}

static enum cv_rc
read_suites(const struct cv_config *cfg, struct http_tls *tls, struct cv_err *err)
{
    const char *list = cv_config_get(cfg, "ssl.cipher.suites");
    struct cv_buf parts = CV_BUF_INIT(TEXT_MAX), v12 = CV_BUF_INIT(TEXT_MAX);
    struct cv_buf v13 = CV_BUF_INIT(TEXT_MAX), all = CV_BUF_INIT(2 * TEXT_MAX);
    enum cv_rc rc = CV_OK;
    char name[128];

    for (const char *at = list; rc == CV_OK && at != NULL && next_name(&at, name, sizeof(name));)
        rc = add_suite(name, &parts, &v12, &v13, err);
    if (rc == CV_OK && parts.len > 0) {
        tls->no_tls12 = tls->no_tls12 || v12.len == 0;
        tls->no_tls13 = tls->no_tls13 || v13.len == 0;
        if (tls->no_tls12 && tls->no_tls13)
            rc = cv_fail(err, CV_INVALID,
                         "Invalid value %s for configuration ssl.cipher.suites: no suite of it "
                         "belongs to a version of ssl.enabled.protocols",
                         list);
    }
    cv_buf_str(&all, parts.len > 0 ? "NONE:+CTYPE-X509:+GROUP-ALL:+SIGN-ALL:+COMP-NULL" : "NORMAL:-VERS-ALL");
    cv_buf_str(&all, cv_buf_cstr(&parts));
    cv_buf_printf(&all, "%s%s", tls->no_tls13 ? "" : ":+VERS-TLS1.3",
                  tls->no_tls12 ? "" : ":+VERS-TLS1.2");
    if (rc == CV_OK && (cv_buf_check(&all, err) != CV_OK || cv_buf_check(&v12, err) != CV_OK ||
                        cv_buf_check(&v13, err) != CV_OK))
        rc = err->rc;
    if (rc == CV_OK) {
        tls->priorities = cv_buf_take(&all);
        tls->suites12 = v12.len > 0 ? cv_buf_take(&v12) : NULL;
        tls->suites13 = v13.len > 0 ? cv_buf_take(&v13) : NULL;
    }
    cv_buf_free(&parts);
    cv_buf_free(&v12);
    cv_buf_free(&v13);
    cv_buf_free(&all);
    return rc;
}

enum cv_rc
http_tls_load(const struct cv_config *cfg, struct http_tls *ret, struct cv_err *err)
{
    const char *algorithm = cv_config_get(cfg, "ssl.endpoint.identification.algorithm");
    struct http_tls tls = { .verify_host = algorithm == NULL || *algorithm != '\0' };
    enum cv_rc rc = read_client_auth(cfg, &tls.client_auth, err);

    if (rc == CV_OK)
        rc = read_versions(cfg, &tls, err);
    if (rc == CV_OK)
        rc = read_suites(cfg, &tls, err);
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

/* "Nov 29 14:03:52 2026 GMT" */
static enum cv_rc
fail_date(const char *what, const ASN1_TIME *when, struct cv_err *err)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char text[64] = "";

    if (bio != NULL && ASN1_TIME_print(bio, when) == 1)
        (void)BIO_gets(bio, text, sizeof(text));
    BIO_free(bio);
    return cv_fail(err, CV_INVALID,
                   "the certificate of the https listeners %s %s; put one that is valid into "
                   "ssl.keystore.location",
                   what, text);
}

enum cv_rc
http_tls_check_dates(const struct http_tls *tls, struct cv_err *err)
{
    BIO *bio = BIO_new_mem_buf(tls->identity.chain, -1);
    X509 *leaf = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);
    enum cv_rc rc = CV_OK;

    if (leaf == NULL)
        rc = cv_fail(err, CV_INVALID, "the certificate of the https listeners cannot be read");
    else if (X509_cmp_current_time(X509_get0_notAfter(leaf)) < 0)
        rc = fail_date("expired on", X509_get0_notAfter(leaf), err);
    else if (X509_cmp_current_time(X509_get0_notBefore(leaf)) > 0)
        rc = fail_date("is not valid before", X509_get0_notBefore(leaf), err);
    X509_free(leaf);
    BIO_free(bio);
    return rc;
}

void
http_tls_done(struct http_tls *tls)
{
    cv_tls_identity_done(&tls->identity);
    free(tls->trusted);
    free(tls->priorities);
    free(tls->suites12);
    free(tls->suites13);
    tls->trusted = tls->priorities = tls->suites12 = tls->suites13 = NULL;
}
