/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signed assertion of the JWT bearer grant (RFC 7523): a JSON Web Token by which the client shows who it is. It is
 * read from a file that others renew, or made here of the claims that the keys name, those of a template file, and the
 * times, each of these over the one before, as Java's JwtBearerJwtRetriever does; then signed with a private key. All
 * files are read anew for each token, so that they may be replaced while the program runs.
 */
#include <config.h>

#include "common/oauth/token.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "common/clock.h"
#include "common/json_read.h"
#include "common/oauth/source.h"
#include "common/secret.h"
#include "common/uuid.h"

#define KEY_FILE     "sasl.oauthbearer.assertion.private.key.file"
#define PASSPHRASE   "sasl.oauthbearer.assertion.private.key.passphrase"
#define TEMPLATE     "sasl.oauthbearer.assertion.template.file"
#define ES256_NUMBER 32 /* bytes of each half of its signature */

/* ---- claims: by name, each value as JSON ---- */

static enum cv_rc
claim_text(struct cv_config *claims, const char *name, const char *text, struct cv_err *err)
{
    struct cv_buf json = CV_BUF_INIT(OAUTH_TOKEN_MAX);
    enum cv_rc rc;

    cv_buf_json(&json, text, strlen(text));
    rc = cv_buf_check(&json, err);
    if (rc == CV_OK)
        rc = cv_config_set(claims, name, cv_buf_cstr(&json), err);
    cv_buf_free(&json);
    return rc;
}

static enum cv_rc
claim_number(struct cv_config *claims, const char *name, int64_t number, struct cv_err *err)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%lld", (long long)number);
    return cv_config_set(claims, name, text, err);
}

/* The members of the object that the reader comes to next. */
static enum cv_rc
claim_members(struct cv_config *claims, struct cv_json_reader *json, struct cv_err *err)
{
    enum cv_json_token token = cv_json_next(json);
    enum cv_rc rc = CV_OK;

    if (token != CV_JSON_OBJECT)
        return cv_fail(err, CV_INVALID, "header and payload must be objects");
    while (rc == CV_OK && (token = cv_json_next(json)) == CV_JSON_KEY) {
        struct cv_buf name = CV_BUF_INIT(OAUTH_TOKEN_MAX), value = CV_BUF_INIT(OAUTH_TOKEN_MAX);

        cv_json_text(json, &name);
        if (cv_json_skip(json) == CV_JSON_BAD) {
            rc = cv_json_fail(json, err);
        } else {
            cv_buf_add(&value, json->text, json->text_len);
            rc = cv_buf_check(&name, err);
            if (rc == CV_OK)
                rc = cv_buf_check(&value, err);
            if (rc == CV_OK)
                rc = cv_config_set(claims, cv_buf_cstr(&name), cv_buf_cstr(&value), err);
        }
        cv_buf_free(&name);
        cv_buf_free(&value);
    }
    return rc == CV_OK && token == CV_JSON_BAD ? cv_json_fail(json, err) : rc;
}

enum cv_rc
oauth_template_read(const char *text, size_t len, struct cv_config *header, struct cv_config *payload,
                    struct cv_err *err)
{
    struct cv_json_reader json;
    enum cv_json_token token;
    enum cv_rc rc = CV_OK;

    cv_json_reader_init(&json, text, len);
    if (cv_json_next(&json) != CV_JSON_OBJECT)
        return cv_fail(err, CV_INVALID, "it is not a JSON object with header and payload");
    while (rc == CV_OK && (token = cv_json_next(&json)) == CV_JSON_KEY) {
        if (cv_json_text_is(&json, "header"))
            rc = claim_members(header, &json, err);
        else if (cv_json_text_is(&json, "payload"))
            rc = claim_members(payload, &json, err);
        else
            rc = cv_fail(err, CV_INVALID, "it has a member besides header and payload");
    }
    if (rc == CV_OK && cv_json_next(&json) != CV_JSON_DONE)
        rc = cv_json_fail(&json, err);
    return rc;
}

static enum cv_rc
read_template(const char *path, struct cv_config *header, struct cv_config *payload, struct cv_err *err)
{
    struct cv_buf text = CV_BUF_INIT(OAUTH_TOKEN_MAX + 1);
    enum cv_rc rc = oauth_file_read(path, TEMPLATE, &text, err);

    if (rc == CV_OK && oauth_template_read(cv_buf_cstr(&text), text.len, header, payload, err) != CV_OK)
        rc = cv_err_context(err, TEMPLATE " \"%s\"", path);
    cv_buf_free(&text);
    return rc;
}

static enum cv_rc
add_times(const struct oauth_options *o, struct cv_config *payload, struct cv_err *err)
{
    int64_t now_s = cv_now_ms() / 1000;
    char id[CV_UUID_TEXT];

    if (claim_number(payload, "iat", now_s, err) != CV_OK ||
        claim_number(payload, "exp", now_s + o->assertion_exp_s, err) != CV_OK ||
        claim_number(payload, "nbf", now_s - o->assertion_nbf_s, err) != CV_OK)
        return err->rc;
    if (!o->assertion_jti)
        return CV_OK;
    if (cv_uuid_random(id, err) != CV_OK)
        return err->rc;
    return claim_text(payload, "jti", id, err);
}

static enum cv_rc
collect(const struct oauth_options *o, struct cv_config *header, struct cv_config *payload, struct cv_err *err)
{
    const char *const claims[][2] = { { "aud", o->assertion_aud }, { "iss", o->assertion_iss },
                                      { "sub", o->assertion_sub } };

    for (size_t i = 0; i < CV_COUNT(claims); i++)
        if (claims[i][1] != NULL && claim_text(payload, claims[i][0], claims[i][1], err) != CV_OK)
            return err->rc;
    if (o->assertion_template != NULL && read_template(o->assertion_template, header, payload, err) != CV_OK)
        return err->rc;
    if (claim_text(header, "alg", o->assertion_algorithm, err) != CV_OK ||
        claim_text(header, "typ", "JWT", err) != CV_OK)
        return err->rc;
    return add_times(o, payload, err);
}

static void
write_part(struct cv_buf *out, const struct cv_config *claims)
{
    struct cv_buf json = CV_BUF_INIT(OAUTH_TOKEN_MAX);

    cv_buf_char(&json, '{');
    for (size_t i = 0; i < cv_config_count(claims); i++) {
        cv_buf_str(&json, i == 0 ? "" : ",");
        cv_buf_json(&json, cv_config_key(claims, i), strlen(cv_config_key(claims, i)));
        cv_buf_char(&json, ':');
        cv_buf_str(&json, cv_config_value(claims, i));
    }
    cv_buf_char(&json, '}');
    oauth_part_write(out, cv_buf_cstr(&json), json.len);
    if (json.failed != CV_OK)
        out->failed = json.failed;
    cv_buf_free(&json);
}

/* ---- the signature ---- */

/* Never asks at the terminal. */
static int
give_passphrase(char *buf, int size, int writing, void *arg)
{
    const char *passphrase = arg;
    size_t len = passphrase == NULL ? 0 : strlen(passphrase);

    (void)writing;
    if (passphrase == NULL || len > (size_t)size)
        return -1;
    memcpy(buf, passphrase, len);
    return (int)len;
}

static enum cv_rc
crypto_fail(struct cv_err *err, const char *what)
{
    char text[160] = "";

    ERR_error_string_n(ERR_peek_last_error(), text, sizeof(text));
    ERR_clear_error();
    return cv_fail(err, CV_INVALID, "%s: %s", what, text);
}

static bool
is_es256(const struct oauth_options *o)
{
    return strcasecmp(o->assertion_algorithm, "ES256") == 0;
}

static bool
fits(const struct oauth_options *o, const EVP_PKEY *pkey)
{
    if (is_es256(o))
        return EVP_PKEY_get_base_id(pkey) == EVP_PKEY_EC && EVP_PKEY_get_bits(pkey) == 8 * ES256_NUMBER;
    return EVP_PKEY_get_base_id(pkey) == EVP_PKEY_RSA;
}

static enum cv_rc
load_key(const struct oauth_options *o, EVP_PKEY **ret, struct cv_err *err)
{
    struct cv_buf pem = CV_BUF_INIT(OAUTH_TOKEN_MAX + 1);
    BIO *bio = NULL;
    EVP_PKEY *pkey = NULL;
    enum cv_rc rc = oauth_file_read(o->assertion_key_file, KEY_FILE, &pem, err);

    if (rc != CV_OK)
        goto out;
    bio = BIO_new_mem_buf(cv_buf_cstr(&pem), (int)pem.len);
    if (bio == NULL) {
        rc = cv_fail_memory(err);
        goto out;
    }
    pkey = PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, o->assertion_passphrase);
    ERR_clear_error();
    if (pkey == NULL)
        rc = cv_fail(err, CV_INVALID, KEY_FILE " \"%s\" holds no PEM private key that can be read%s",
                     o->assertion_key_file, o->assertion_passphrase == NULL ? "; if it is encrypted, set " PASSPHRASE
                                                     : "; is " PASSPHRASE " right?");
    else if (!fits(o, pkey))
        rc = cv_fail(err, CV_INVALID, KEY_FILE " \"%s\" holds no key for sasl.oauthbearer.assertion.algorithm %s: %s",
                     o->assertion_key_file, o->assertion_algorithm,
                     is_es256(o) ? "it takes one of the curve P-256" : "it takes an RSA key");
    if (rc == CV_OK) {
        *ret = pkey;
        pkey = NULL;
    }
out:
    EVP_PKEY_free(pkey);
    BIO_free(bio);
    cv_buf_wipe(&pem);
    return rc;
}

/* ES256 is the two numbers one behind the other, where OpenSSL gives them in ASN.1. */
static enum cv_rc
es256_numbers(unsigned char *inout, size_t *inout_len, struct cv_err *err)
{
    const unsigned char *at = inout;
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)*inout_len);
    bool good = sig != NULL;

    good = good && BN_bn2binpad(ECDSA_SIG_get0_r(sig), inout, ES256_NUMBER) == ES256_NUMBER &&
           BN_bn2binpad(ECDSA_SIG_get0_s(sig), inout + ES256_NUMBER, ES256_NUMBER) == ES256_NUMBER;
    ECDSA_SIG_free(sig);
    *inout_len = (size_t)ES256_NUMBER * 2;
    return good ? CV_OK : crypto_fail(err, "cannot write the signature of an assertion");
}

static enum cv_rc
sign(const struct oauth_options *o, EVP_PKEY *pkey, const struct cv_buf *text, struct cv_buf *ret, struct cv_err *err)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char *signature = NULL;
    size_t len = 0;
    enum cv_rc rc = CV_OK;

    if (ctx == NULL || EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, pkey) != 1 ||
        EVP_DigestSign(ctx, NULL, &len, (const unsigned char *)text->data, text->len) != 1 ||
        (signature = malloc(len + (size_t)ES256_NUMBER * 2)) == NULL ||
        EVP_DigestSign(ctx, signature, &len, (const unsigned char *)text->data, text->len) != 1)
        rc = crypto_fail(err, "cannot sign an assertion");
    if (rc == CV_OK && is_es256(o))
        rc = es256_numbers(signature, &len, err);
    if (rc == CV_OK)
        oauth_part_write(ret, signature, len);
    free(signature);
    EVP_MD_CTX_free(ctx);
    return rc;
}

/* ---- the assertion ---- */

static enum cv_rc
make(const struct oauth_options *o, struct cv_buf *ret, struct cv_err *err)
{
    struct cv_config *header = cv_config_new(), *payload = cv_config_new();
    struct cv_buf signature = CV_BUF_INIT(OAUTH_TOKEN_MAX);
    EVP_PKEY *pkey = NULL;
    enum cv_rc rc = header == NULL || payload == NULL ? cv_fail_memory(err) : collect(o, header, payload, err);

    if (rc == CV_OK)
        rc = load_key(o, &pkey, err);
    if (rc == CV_OK) {
        write_part(ret, header);
        cv_buf_char(ret, '.');
        write_part(ret, payload);
        rc = cv_buf_check(ret, err);
    }
    if (rc == CV_OK)
        rc = sign(o, pkey, ret, &signature, err);
    if (rc == CV_OK) {
        cv_buf_char(ret, '.');
        cv_buf_add(ret, signature.data, signature.len);
        rc = cv_buf_check(ret, err);
    }
    EVP_PKEY_free(pkey);
    cv_buf_wipe(&signature);
    cv_config_free(header);
    cv_config_free(payload);
    return rc;
}

enum cv_rc
oauth_assertion(const struct oauth_options *options, struct cv_buf *ret, struct cv_err *err)
{
    if (options->assertion_file != NULL)
        return oauth_file_read(options->assertion_file, "sasl.oauthbearer.assertion.file", ret, err);
    return make(options, ret, err);
}
