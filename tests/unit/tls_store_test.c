/* SPDX-License-Identifier: Apache-2.0 */
/* keystore.p12 (password store-secret) and encrypted-key.pem (key-secret) hold what keystore.pem does. */
#include "tests/helper/cmocka_all.h"

#include "common/tls_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PEM_STORE     TEST_DATA "/tls/keystore.pem"
#define PEM_CERT      TEST_DATA "/tls/certificate.pem"
#define STRANGER      TEST_DATA "/tls/stranger.pem"
#define P12_STORE     TEST_DATA "/tls/keystore.p12"
#define ENCRYPTED_KEY TEST_DATA "/tls/encrypted-key.pem"

/* Key and value in turn, to NULL. */
static struct cv_config *
config_of(const char *key, ...)
{
    struct cv_config *cfg = cv_config_new();
    struct cv_err err;
    va_list args;

    assert_non_null(cfg);
    va_start(args, key);
    for (; key != NULL; key = va_arg(args, const char *))
        assert_int_equal(CV_OK, cv_config_set(cfg, key, va_arg(args, const char *), &err));
    va_end(args);
    return cfg;
}

static char *
read_text(const char *path)
{
    char *text = calloc(1, 8192);
    FILE *file = fopen(path, "r");

    assert_non_null(text);
    assert_non_null(file);
    assert_true(fread(text, 1, 8191, file) > 0);
    fclose(file);
    return text;
}

static struct cv_tls_identity
identity_of(struct cv_config *take_cfg)
{
    struct cv_tls_identity identity = { 0 };
    struct cv_err err = CV_ERR_INIT;

    if (cv_tls_identity(take_cfg, &identity, &err) != CV_OK)
        fail_msg("%s", err.text);
    cv_config_free(take_cfg);
    return identity;
}

static void
expect_identity_refused(struct cv_config *take_cfg, const char *text)
{
    struct cv_tls_identity identity = { 0 };
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(CV_INVALID, cv_tls_identity(take_cfg, &identity, &err));
    if (strstr(err.text, text) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.text, text);
    assert_null(identity.chain);
    assert_null(identity.key);
    cv_config_free(take_cfg);
}

static void
expect_trust_refused(struct cv_config *take_cfg, const char *text)
{
    struct cv_err err = CV_ERR_INIT;
    char *pem = NULL;

    assert_int_equal(CV_INVALID, cv_tls_trusted(take_cfg, &pem, &err));
    if (strstr(err.text, text) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.text, text);
    assert_null(pem);
    cv_config_free(take_cfg);
}

static void
nothing_named_is_nothing(void **state)
{
    struct cv_config *cfg = config_of("ssl.truststore.password", "x", "ssl.keystore.location", "", NULL);
    struct cv_tls_identity identity = identity_of(cfg);
    struct cv_err err;
    char *pem = NULL;

    (void)state;
    assert_null(identity.chain);
    assert_null(identity.key);
    cfg = config_of("ssl.truststore.location", "", NULL);
    assert_int_equal(CV_OK, cv_tls_trusted(cfg, &pem, &err));
    assert_null(pem);
    cv_config_free(cfg);
}

/* Every form of the same certificate and key gives the same texts. */
static void
all_forms_of_an_identity_are_one(void **state)
{
    char *both = read_text(PEM_STORE), *cert = read_text(PEM_CERT), *one_line = strdup(both);
    char *key_end = strstr(both, "-----BEGIN CERT");
    char *key = strndup(both, (size_t)(key_end - both));
    struct cv_tls_identity wanted =
        identity_of(config_of("ssl.keystore.location", PEM_STORE, "ssl.keystore.type", "PEM", NULL));

    (void)state;
    for (char *p = one_line; *p != '\0'; p++)
        *p = *p == '\n' ? ' ' : *p;
    struct cv_config *forms[] = {
        config_of("ssl.keystore.location", PEM_STORE, NULL),
        config_of("ssl.keystore.key", key, "ssl.keystore.certificate.chain", cert, NULL),
        config_of("ssl.keystore.key", one_line, "ssl.keystore.certificate.chain", one_line, NULL),
        config_of("ssl.key.location", PEM_STORE, "ssl.certificate.location", PEM_CERT, NULL),
        config_of("ssl.key.pem", key, "ssl.certificate.pem", cert, NULL),
        config_of("ssl.key.location", ENCRYPTED_KEY, "ssl.key.password", "key-secret",
                  "ssl.certificate.location", PEM_CERT, NULL),
        config_of("ssl.keystore.location", P12_STORE, "ssl.keystore.password", "store-secret", NULL),
        config_of("ssl.keystore.location", P12_STORE, "ssl.keystore.type", "JKS", "ssl.keystore.password",
                  "store-secret", NULL),
    };
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct cv_tls_identity identity = identity_of(forms[i]);

        assert_string_equal(wanted.chain, identity.chain);
        assert_string_equal(wanted.key, identity.key);
        cv_tls_identity_done(&identity);
        assert_null(identity.key);
    }
    cv_tls_identity_done(&wanted);
    free(key);
    free(one_line);
    free(both);
    free(cert);
}

static void
trust_comes_from_every_form(void **state)
{
    char *cert = read_text(PEM_CERT), *wanted = NULL;
    struct cv_config *forms[] = {
        config_of("ssl.truststore.location", PEM_CERT, NULL),
        config_of("ssl.truststore.location", PEM_CERT, "ssl.truststore.type", "pem", NULL),
        config_of("ssl.truststore.certificates", cert, NULL),
        config_of("ssl.ca.location", PEM_CERT, NULL),
        config_of("ssl.ca.pem", cert, NULL),
        config_of("ssl.truststore.location", P12_STORE, "ssl.truststore.password", "store-secret", NULL),
    };
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        char *pem = NULL;

        if (cv_tls_trusted(forms[i], &pem, &err) != CV_OK)
            fail_msg("form %zu: %s", i, err.text);
        assert_non_null(pem);
        if (wanted == NULL)
            wanted = strdup(pem);
        assert_string_equal(wanted, pem);
        free(pem);
        cv_config_free(forms[i]);
    }
    free(wanted);
    free(cert);
}

static void
a_wrong_identity_names_its_key_and_the_remedy(void **state)
{
    (void)state;
    expect_identity_refused(config_of("ssl.keystore.location", "/nowhere/k.p12", NULL),
                            "cannot open ssl.keystore.location \"/nowhere/k.p12\"");
    expect_identity_refused(
        config_of("ssl.keystore.location", P12_STORE, "ssl.keystore.password", "wrong", NULL),
        "is ssl.keystore.password right?");
    expect_identity_refused(config_of("ssl.keystore.location", PEM_CERT, "ssl.keystore.type", "PKCS12", NULL),
                            "is PEM text: set ssl.keystore.type=PEM");
    expect_identity_refused(config_of("ssl.key.location", PEM_STORE, NULL),
                            "set ssl.keystore.certificate.chain");
    expect_identity_refused(config_of("ssl.certificate.location", PEM_CERT, NULL), "set ssl.keystore.key");
    expect_identity_refused(config_of("ssl.key.location", STRANGER, "ssl.certificate.location", PEM_CERT, NULL),
                            "the private key of ssl.key.location does not belong to the certificate of "
                            "ssl.certificate.location");
    expect_identity_refused(
        config_of("ssl.key.location", ENCRYPTED_KEY, "ssl.certificate.location", PEM_CERT, NULL),
        "if it is encrypted, set ssl.key.password");
    expect_identity_refused(config_of("ssl.key.location", ENCRYPTED_KEY, "ssl.key.password", "wrong",
                                      "ssl.certificate.location", PEM_CERT, NULL),
                            "is ssl.key.password right?");
    expect_identity_refused(config_of("ssl.key.pem", "rubbish", "ssl.certificate.location", PEM_CERT, NULL),
                            "ssl.key.pem holds no PEM private key");
}

static void
a_wrong_truststore_names_its_key_and_the_remedy(void **state)
{
    char path[] = "/tmp/tls_store_XXXXXX";
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(12, write(fd, "\xfe\xed\xfe\xed\0\0\0\2\0\0\0\1", 12));
    expect_trust_refused(config_of("ssl.truststore.location", path, "ssl.truststore.type", "JKS", NULL),
                         "keytool -importkeystore");
    assert_int_equal(7, pwrite(fd, "rubbish", 7, 0));
    expect_trust_refused(config_of("ssl.truststore.location", path, NULL), "is neither a PKCS#12 store nor PEM");
    assert_int_equal(0, ftruncate(fd, 0));
    expect_trust_refused(config_of("ssl.truststore.location", path, "ssl.truststore.type", "PEM", NULL),
                         "ssl.truststore.location holds no PEM certificate");
    expect_trust_refused(config_of("ssl.ca.pem", "-----BEGIN CERTIFICATE-----AAAA-----END CERTIFICATE-----", NULL),
                         "ssl.ca.pem holds no PEM certificate");
    close(fd);
    unlink(path);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_named_is_nothing),
        cmocka_unit_test(all_forms_of_an_identity_are_one),
        cmocka_unit_test(trust_comes_from_every_form),
        cmocka_unit_test(a_wrong_identity_names_its_key_and_the_remedy),
        cmocka_unit_test(a_wrong_truststore_names_its_key_and_the_remedy),
    };

    return cmocka_run_group_tests_name("tls_store", tests, NULL, NULL);
}
