/* SPDX-License-Identifier: Apache-2.0 */
/* What a signed assertion says, and that its signature is one: checked with the public halves of keys made here. */
#include <config.h>

#include "tests/helper/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "common/clock.h"
#include "common/number.h"
#include "common/oauth/source.h"
#include "common/oauth/token.h"

#define WALL_MS INT64_C(1700000000000)
#define KEY     "sasl.oauthbearer.assertion."

static char rsa_path[] = "/tmp/culvert-rsa-XXXXXX", locked_path[] = "/tmp/culvert-locked-XXXXXX";
static char ec_path[] = "/tmp/culvert-ec-XXXXXX", template_path[] = "/tmp/culvert-template-XXXXXX";
static EVP_PKEY *rsa, *ec;

static void
write_key(char *path, EVP_PKEY *pkey, const char *passphrase)
{
    FILE *file = fdopen(mkstemp(path), "w");

    assert_non_null(file);
    assert_int_equal(1, PEM_write_PKCS8PrivateKey(file, pkey, passphrase == NULL ? NULL : EVP_aes_256_cbc(), passphrase,
                                                  passphrase == NULL ? 0 : (int)strlen(passphrase), NULL, NULL));
    (void)fclose(file);
}

static void
write_template(const char *text)
{
    FILE *file = fopen(template_path, "w");

    assert_non_null(file);
    (void)fputs(text, file);
    (void)fclose(file);
}

static int
make_keys(void **state)
{
    int fd = mkstemp(template_path);

    (void)state;
    (void)close(fd);
    rsa = EVP_RSA_gen(2048);
    ec = EVP_EC_gen("P-256");
    write_key(rsa_path, rsa, NULL);
    write_key(locked_path, rsa, "open sesame");
    write_key(ec_path, ec, NULL);
    return 0;
}

static int
drop_keys(void **state)
{
    (void)state;
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(ec);
    (void)unlink(rsa_path);
    (void)unlink(locked_path);
    (void)unlink(ec_path);
    (void)unlink(template_path);
    return 0;
}

/* Keys and values below KEY, NULL at the end. */
static enum cv_rc
oauth_of(const char *const *pairs, struct cv_oauth **ret, struct cv_err *err)
{
    struct cv_config *cfg = cv_config_new();
    char key[128];
    enum cv_rc rc;

    assert_int_equal(CV_OK, cv_config_set(cfg, "sasl.oauthbearer.token.endpoint.url", "https://x/token", err));
    assert_int_equal(CV_OK, cv_config_set(cfg, "sasl.oauthbearer.jwt.retriever.class",
                                          "org.apache.kafka.common.security.oauthbearer.JwtBearerJwtRetriever", err));
    for (; *pairs != NULL; pairs += 2) {
        (void)snprintf(key, sizeof(key), KEY "%s", pairs[0]);
        assert_int_equal(CV_OK, cv_config_set(cfg, key, pairs[1], err));
    }
    rc = cv_oauth_new(cfg, ret, err);
    cv_config_free(cfg);
    return rc;
}

static void
decode(const char *part, size_t len, struct cv_buf *out)
{
    struct cv_buf standard = CV_BUF_INIT(4096);
    struct cv_err err;

    for (size_t i = 0; i < len; i++)
        cv_buf_char(&standard, (char)(part[i] == '-' ? '+' : part[i] == '_' ? '/' : part[i]));
    while (standard.len % 4 != 0)
        cv_buf_char(&standard, '=');
    if (cv_base64_decode(cv_buf_cstr(&standard), standard.len, out, &err) != CV_OK)
        fail_msg("%s", err.text);
    cv_buf_free(&standard);
}

/* r and s to what OpenSSL checks. */
static void
to_asn1(struct cv_buf *inout)
{
    ECDSA_SIG *sig = ECDSA_SIG_new();
    unsigned char *der = NULL;
    int len;

    assert_int_equal(64, inout->len);
    assert_int_equal(1, ECDSA_SIG_set0(sig, BN_bin2bn((unsigned char *)inout->data, 32, NULL),
                                       BN_bin2bn((unsigned char *)inout->data + 32, 32, NULL)));
    len = i2d_ECDSA_SIG(sig, &der);
    cv_buf_reset(inout);
    cv_buf_add(inout, der, (size_t)len);
    OPENSSL_free(der);
    ECDSA_SIG_free(sig);
}

/* The assertion of these keys: its header and payload as expected, its signature that of pkey. */
static void
assert_asserts(const char *const *pairs, EVP_PKEY *pkey, const char *header, const char *payload)
{
    struct cv_buf text = CV_BUF_INIT(OAUTH_TOKEN_MAX), part = CV_BUF_INIT(4096);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    const char *second, *third;
    struct cv_oauth *oauth;
    struct cv_err err;

    if (oauth_of(pairs, &oauth, &err) != CV_OK || oauth_assertion(&oauth->options, &text, &err) != CV_OK)
        fail_msg("%s", err.text);
    second = strchr(cv_buf_cstr(&text), '.') + 1;
    third = strchr(second, '.') + 1;
    decode(cv_buf_cstr(&text), (size_t)(second - 1 - text.data), &part);
    assert_string_equal(header, cv_buf_cstr(&part));
    cv_buf_reset(&part);
    decode(second, (size_t)(third - 1 - second), &part);
    assert_string_equal(payload, cv_buf_cstr(&part));
    cv_buf_reset(&part);
    decode(third, strlen(third), &part);
    if (pkey == ec)
        to_asn1(&part);
    assert_int_equal(1, EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, pkey));
    assert_int_equal(1, EVP_DigestVerify(ctx, (unsigned char *)part.data, part.len, (unsigned char *)text.data,
                                         (size_t)(third - 1 - text.data)));
    EVP_MD_CTX_free(ctx);
    cv_buf_free(&part);
    cv_buf_free(&text);
    cv_oauth_free(oauth);
}

static void
claims_are_those_of_the_keys_with_the_times(void **state)
{
    const char *const plain[] = { "private.key.file", rsa_path, "claim.iss", "worker", "claim.aud", "https://x/\"y\"",
                                  "claim.sub", "svc", NULL };
    const char *const times[] = { "private.key.file", locked_path, "private.key.passphrase", "open sesame",
                                  "claim.exp.seconds", "10", "claim.nbf.seconds", "0", NULL };
    const char *const curve[] = { "private.key.file", ec_path, "algorithm", "ES256", "claim.sub", "svc", NULL };

    (void)state;
    cv_clock_test_stop(WALL_MS, 1000);
    assert_asserts(plain, rsa, "{\"alg\":\"RS256\",\"typ\":\"JWT\"}",
                   "{\"aud\":\"https://x/\\\"y\\\"\",\"iss\":\"worker\",\"sub\":\"svc\",\"iat\":1700000000,"
                   "\"exp\":1700000300,\"nbf\":1699999940}");
    assert_asserts(times, rsa, "{\"alg\":\"RS256\",\"typ\":\"JWT\"}",
                   "{\"iat\":1700000000,\"exp\":1700000010,\"nbf\":1700000000}");
    for (int i = 0; i < 20; i++) /* numbers with zeros in front, too */
        assert_asserts(curve, ec, "{\"alg\":\"ES256\",\"typ\":\"JWT\"}",
                       "{\"sub\":\"svc\",\"iat\":1700000000,\"exp\":1700000300,\"nbf\":1699999940}");
    cv_clock_test_run();
}

static void
a_template_is_over_the_keys_and_under_the_times(void **state)
{
    const char *const pairs[] = { "private.key.file", rsa_path, "claim.sub", "svc", "template.file", template_path,
                                  NULL };

    (void)state;
    cv_clock_test_stop(WALL_MS, 1000);
    write_template("{\"header\": {\"kid\": \"k1\", \"alg\": \"none\"},\n"
                   " \"payload\": {\"sub\": \"other\", \"roles\": [ \"a\", {\"b\": 1e2} ], \"exp\": 1}}\n");
    assert_asserts(pairs, rsa, "{\"kid\":\"k1\",\"alg\":\"RS256\",\"typ\":\"JWT\"}",
                   "{\"sub\":\"other\",\"roles\":[ \"a\", {\"b\": 1e2} ],\"exp\":1700000300,\"iat\":1700000000,"
                   "\"nbf\":1699999940}");
    cv_clock_test_run();
}

static void
each_assertion_has_an_id_of_its_own_on_request(void **state)
{
    const char *const pairs[] = { "private.key.file", rsa_path, "claim.jti.include", "true", NULL };
    struct cv_buf one = CV_BUF_INIT(OAUTH_TOKEN_MAX), other = CV_BUF_INIT(OAUTH_TOKEN_MAX);
    struct cv_oauth *oauth;
    struct cv_err err;

    (void)state;
    cv_clock_test_stop(WALL_MS, 1000);
    if (oauth_of(pairs, &oauth, &err) != CV_OK)
        fail_msg("%s", err.text);
    assert_int_equal(CV_OK, oauth_assertion(&oauth->options, &one, &err));
    assert_int_equal(CV_OK, oauth_assertion(&oauth->options, &other, &err));
    assert_string_not_equal(cv_buf_cstr(&one), cv_buf_cstr(&other));
    cv_buf_free(&one);
    cv_buf_free(&other);
    cv_oauth_free(oauth);
    cv_clock_test_run();
}

static void
what_cannot_be_signed_is_refused_at_the_start(void **state)
{
    const struct {
        const char *pairs[7];
        const char *template;
        const char *texts[2];
    } rows[] = {
        { { NULL }, NULL, { "private.key.file", "assertion.file" } },
        { { "private.key.file", "/no/such/file" }, NULL, { "private.key.file", "/no/such/file" } },
        { { "file", "/no/such/file" }, NULL, { "assertion.file", "/no/such/file" } },
        { { "private.key.file", locked_path }, NULL, { "holds no PEM private key", "private.key.passphrase" } },
        { { "private.key.file", locked_path, "private.key.passphrase", "topsecret" }, NULL, { "passphrase right?" } },
        { { "private.key.file", rsa_path, "algorithm", "ES256" }, NULL, { "ES256", "P-256" } },
        { { "private.key.file", ec_path }, NULL, { "RS256", "RSA" } },
        { { "private.key.file", rsa_path, "algorithm", "HS256" }, NULL, { "\"HS256\"", "use RS256 or ES256" } },
        { { "private.key.file", rsa_path, "template.file", template_path }, "[]",
          { "template.file", "not a JSON object" } },
        { { "private.key.file", rsa_path, "template.file", template_path }, "{\"header\":1}", { "must be objects" } },
        { { "private.key.file", rsa_path, "template.file", template_path }, "{\"claims\":{}}", { "besides header" } },
        { { "private.key.file", rsa_path, "template.file", template_path }, "{\"payload\":{\"a\":}}", { "line 1" } },
        { { "private.key.file", rsa_path, "template.file", template_path }, "{} {}", { "line 1" } },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(rows); i++) {
        struct cv_oauth *oauth = NULL;
        struct cv_err err = CV_ERR_INIT;

        if (rows[i].template != NULL)
            write_template(rows[i].template);
        if (oauth_of(rows[i].pairs, &oauth, &err) != CV_INVALID)
            fail_msg("row %zu is accepted, or fails otherwise: %s", i, err.text);
        assert_null(strstr(err.text, "topsecret"));
        for (size_t j = 0; j < 2 && rows[i].texts[j] != NULL; j++)
            if (strstr(err.text, rows[i].texts[j]) == NULL)
                fail_msg("row %zu: \"%s\" does not contain \"%s\"", i, err.text, rows[i].texts[j]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(claims_are_those_of_the_keys_with_the_times),
        cmocka_unit_test(a_template_is_over_the_keys_and_under_the_times),
        cmocka_unit_test(each_assertion_has_an_id_of_its_own_on_request),
        cmocka_unit_test(what_cannot_be_signed_is_refused_at_the_start),
    };

    return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
