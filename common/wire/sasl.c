/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PLAIN, SCRAM and OAUTHBEARER. SCRAM's sizes follow its hash; names below are those of RFC 5802. The server's
 * signature is checked: without it, anyone could take the place of the broker. User names and
 * passwords go out as they are, UTF-8 and not normalised, as Kafka's own clients send them.
 */
#include <config.h>

#include "common/wire/sasl.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdlib.h>

#include "common/buf.h"
#include "common/number.h"

#define MESSAGE_MAX    65536
#define NONCE_BYTES    24
#define ITERATIONS_MIN 4096 /* RFC 7677, and Kafka's minimum */
#define ITERATIONS_MAX 1000000

enum step { STEP_FIRST, STEP_CHALLENGE, STEP_VERDICT, STEP_DONE };

struct wire_sasl {
    struct wire_sasl_login login;
    enum step step;
    struct cv_buf nonce;
    struct cv_buf auth; /* AuthMessage, as it grows */
    unsigned char server_signature[EVP_MAX_MD_SIZE];
};

enum cv_rc
wire_sasl_new(const struct wire_sasl_login *login, const char *nonce, struct wire_sasl **ret,
              struct cv_err *err)
{
    struct wire_sasl *sasl = calloc(1, sizeof(*sasl));
    unsigned char random[NONCE_BYTES];
    enum cv_rc rc;

    if (sasl == NULL)
        return cv_fail_memory(err);
    sasl->login = *login;
    cv_buf_init(&sasl->nonce, MESSAGE_MAX);
    cv_buf_init(&sasl->auth, MESSAGE_MAX);
    if (nonce != NULL) {
        cv_buf_str(&sasl->nonce, nonce);
    } else if (RAND_bytes(random, sizeof(random)) == 1) {
        cv_base64(&sasl->nonce, random, sizeof(random));
    } else {
        wire_sasl_free(sasl);
        return cv_fail(err, CV_INTERNAL, "no random bytes for a SASL nonce");
    }
    rc = cv_buf_check(&sasl->nonce, err);
    if (rc == CV_OK)
        *ret = sasl;
    else
        wire_sasl_free(sasl);
    return rc;
}

void
wire_sasl_free(struct wire_sasl *sasl)
{
    if (sasl == NULL)
        return;
    cv_buf_wipe(&sasl->nonce);
    cv_buf_wipe(&sasl->auth);
    OPENSSL_cleanse(sasl->server_signature, sizeof(sasl->server_signature));
    free(sasl);
}

static enum cv_rc
plain_step(struct wire_sasl *sasl, struct cv_buf *out, bool *ret_done, struct cv_err *err)
{
    *ret_done = sasl->step == STEP_CHALLENGE;
    if (sasl->step == STEP_FIRST) {
        cv_buf_char(out, '\0');
        cv_buf_str(out, sasl->login.username);
        cv_buf_char(out, '\0');
        cv_buf_str(out, sasl->login.password);
    }
    sasl->step++;
    return cv_buf_check(out, err);
}

/* A broker that refuses a token says so in a challenge, and means it once that is acknowledged. */
static enum cv_rc
oauth_step(struct wire_sasl *sasl, size_t len, struct cv_buf *out, bool *ret_done,
           struct cv_err *err)
{
    const struct wire_sasl_login *login = &sasl->login;

    *ret_done = sasl->step == STEP_CHALLENGE && len == 0;
    if (sasl->step == STEP_FIRST) {
        cv_buf_printf(out, "n,,\x01" "auth=Bearer %s", login->token);
        for (size_t i = 0; i + 1 < login->n_extensions; i += 2)
            cv_buf_printf(out, "\x01%s=%s", login->extensions[i], login->extensions[i + 1]);
        cv_buf_str(out, "\x01\x01");
    } else if (sasl->step == STEP_CHALLENGE && len > 0) {
        cv_buf_char(out, '\x01');
    } else if (!*ret_done) {
        return cv_fail(err, CV_INVALID, "the broker refused the token, and asks on");
    }
    sasl->step++;
    return cv_buf_check(out, err);
}

/* saslname: '=' and ',' are written =3D and =2C. */
static void
scram_first(struct wire_sasl *sasl, struct cv_buf *out)
{
    const char *c;

    cv_buf_str(&sasl->auth, "n=");
    for (c = sasl->login.username; *c != '\0'; c++) {
        if (*c == '=')
            cv_buf_str(&sasl->auth, "=3D");
        else if (*c == ',')
            cv_buf_str(&sasl->auth, "=2C");
        else
            cv_buf_char(&sasl->auth, *c);
    }
    cv_buf_printf(&sasl->auth, ",r=%s", cv_buf_cstr(&sasl->nonce));
    cv_buf_str(out, "n,,");
    cv_buf_add(out, cv_buf_cstr(&sasl->auth), sasl->auth.len);
}

/* The value of an attribute of a server's message: "r=...,s=...". NULL: not there. */
static const char *
attribute(const char *message, char name, size_t *ret_len)
{
    const char *at = message;

    while (at != NULL && *at != '\0') {
        if (at[0] == name && at[1] == '=') {
            *ret_len = strcspn(at + 2, ",");
            return at + 2;
        }
        at = strchr(at, ',');
        if (at != NULL)
            at++;
    }
    return NULL;
}

struct challenge {
    const char *nonce; /* the client's and the server's */
    size_t nonce_len;
    struct cv_buf salt;
    long iterations;
};

static enum cv_rc
read_challenge(const struct wire_sasl *sasl, const char *message, struct challenge *ret,
               struct cv_err *err)
{
    size_t salt_len = 0, count_len = 0;
    const char *salt = attribute(message, 's', &salt_len);
    const char *count = attribute(message, 'i', &count_len);

    ret->nonce = attribute(message, 'r', &ret->nonce_len);
    if (ret->nonce == NULL || salt == NULL || count == NULL)
        return cv_fail(err, CV_INVALID, "the broker's SCRAM challenge is malformed");
    if (ret->nonce_len <= sasl->nonce.len ||
        memcmp(ret->nonce, sasl->nonce.data, sasl->nonce.len) != 0)
        return cv_fail(err, CV_INVALID, "the broker's SCRAM nonce does not continue ours");
    ret->iterations = strtol(count, NULL, 10);
    if (ret->iterations < ITERATIONS_MIN || ret->iterations > ITERATIONS_MAX)
        return cv_fail(err, CV_INVALID,
                       "the broker asks for %ld SCRAM iterations: from %d to %d are accepted",
                       ret->iterations, ITERATIONS_MIN, ITERATIONS_MAX);
    return cv_base64_decode(salt, salt_len, &ret->salt, err);
}

struct keys {
    unsigned char salted[EVP_MAX_MD_SIZE];
    unsigned char client[EVP_MAX_MD_SIZE];
    unsigned char stored[EVP_MAX_MD_SIZE];
    unsigned char server[EVP_MAX_MD_SIZE];
    unsigned char signature[EVP_MAX_MD_SIZE];
};

static bool
hmac(const EVP_MD *md, const unsigned char *key, const char *text, size_t len, unsigned char *ret)
{
    return HMAC(md, key, EVP_MD_size(md), (const unsigned char *)text, len, ret, NULL) != NULL;
}

static const EVP_MD *
hash_of(const struct wire_sasl *sasl)
{
    return sasl->login.mechanism == WIRE_SASL_SCRAM_SHA_512 ? EVP_sha512() : EVP_sha256();
}

/* ClientProof into proof, and the signature that the server must show. */
static bool
scram_prove(struct wire_sasl *sasl, const struct challenge *challenge, unsigned char *proof)
{
    const EVP_MD *md = hash_of(sasl);
    int size = EVP_MD_size(md), i;
    struct keys k;
    bool ok;

    ok = PKCS5_PBKDF2_HMAC(sasl->login.password, (int)strlen(sasl->login.password),
                           (const unsigned char *)cv_buf_cstr(&challenge->salt),
                           (int)challenge->salt.len, (int)challenge->iterations, md, size,
                           k.salted) == 1 &&
         hmac(md, k.salted, "Client Key", 10, k.client) &&
         EVP_Digest(k.client, (size_t)size, k.stored, NULL, md, NULL) == 1 &&
         hmac(md, k.salted, "Server Key", 10, k.server) &&
         hmac(md, k.stored, cv_buf_cstr(&sasl->auth), sasl->auth.len, k.signature) &&
         hmac(md, k.server, cv_buf_cstr(&sasl->auth), sasl->auth.len, sasl->server_signature);
    for (i = 0; ok && i < size; i++)
        proof[i] = k.client[i] ^ k.signature[i];
    OPENSSL_cleanse(&k, sizeof(k));
    return ok;
}

static enum cv_rc
scram_answer(struct wire_sasl *sasl, const char *message, struct cv_buf *out, struct cv_err *err)
{
    struct challenge challenge = { .salt = CV_BUF_INIT(MESSAGE_MAX) };
    unsigned char proof[EVP_MAX_MD_SIZE];
    enum cv_rc rc = read_challenge(sasl, message, &challenge, err);

    if (rc != CV_OK)
        goto out;
    cv_buf_printf(out, "c=biws,r=%.*s", (int)challenge.nonce_len,
                  challenge.nonce); /* biws: base64 of n,, */
    cv_buf_printf(&sasl->auth, ",%s,%s", message, cv_buf_cstr(out));
    rc = cv_buf_check(&sasl->auth, err);
    if (rc != CV_OK)
        goto out;
    if (!scram_prove(sasl, &challenge, proof)) {
        rc = cv_fail(err, CV_INTERNAL, "cannot compute a SCRAM proof");
        goto out;
    }
    cv_buf_str(out, ",p=");
    cv_base64(out, proof, (size_t)EVP_MD_size(hash_of(sasl)));
    rc = cv_buf_check(out, err);
out:
    cv_buf_free(&challenge.salt);
    return rc;
}

static enum cv_rc
scram_verify(struct wire_sasl *sasl, const char *message, struct cv_err *err)
{
    struct cv_buf signature = CV_BUF_INIT(MESSAGE_MAX);
    size_t len = 0, size = (size_t)EVP_MD_size(hash_of(sasl));
    const char *text = attribute(message, 'e', &len);
    enum cv_rc rc;

    if (text != NULL)
        return cv_fail(err, CV_INVALID, "the broker refused the SCRAM proof: %.*s", (int)len, text);
    text = attribute(message, 'v', &len);
    if (text == NULL)
        return cv_fail(err, CV_INVALID, "the broker's SCRAM verdict is malformed");
    rc = cv_base64_decode(text, len, &signature, err);
    if (rc == CV_OK &&
        (signature.len != size || CRYPTO_memcmp(signature.data, sasl->server_signature, size) != 0))
        rc = cv_fail(err, CV_INVALID,
                     "the broker does not know the SCRAM password: its signature is wrong");
    cv_buf_free(&signature);
    return rc;
}

static enum cv_rc
scram_step(struct wire_sasl *sasl, const char *message, struct cv_buf *out, bool *ret_done,
           struct cv_err *err)
{
    enum cv_rc rc = CV_OK;

    *ret_done = false;
    switch (sasl->step) {
    case STEP_FIRST:
        scram_first(sasl, out);
        rc = cv_buf_check(out, err);
        break;
    case STEP_CHALLENGE:
        rc = scram_answer(sasl, message, out, err);
        break;
    case STEP_VERDICT:
        rc = scram_verify(sasl, message, err);
        *ret_done = rc == CV_OK;
        break;
    case STEP_DONE:
        rc = cv_fail(err, CV_INTERNAL, "a SCRAM exchange goes on after its end");
        break;
    }
    sasl->step++;
    return rc;
}

enum cv_rc
wire_sasl_step(struct wire_sasl *sasl, const void *data, size_t len, struct cv_buf *out,
               bool *ret_done, struct cv_err *err)
{
    char *message;
    enum cv_rc rc;

    if (sasl->login.mechanism == WIRE_SASL_PLAIN)
        return plain_step(sasl, out, ret_done, err);
    if (sasl->login.mechanism == WIRE_SASL_OAUTHBEARER)
        return oauth_step(sasl, len, out, ret_done, err);
    if (len > MESSAGE_MAX)
        return cv_fail(err, CV_INVALID, "the broker's SCRAM message has %zu bytes", len);
    message = strndup(data == NULL ? "" : data, len);
    if (message == NULL)
        return cv_fail_memory(err);
    rc = scram_step(sasl, message, out, ret_done, err);
    free(message);
    return rc;
}
