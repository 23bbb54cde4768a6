/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "common/wire/settings.h"

#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/helper/cmocka_all.h"

#define PEM_STORE TEST_DATA "/tls/keystore.pem"
#define PEM_CERT  TEST_DATA "/tls/certificate.pem"
#define ROW_MAX   16

/* Settings from keys and values; NULL at the end. */
static enum cv_rc
settings_of(const char *const *pairs, struct cv_wire_settings **ret, struct cv_err *err)
{
    struct cv_config *cfg = cv_config_new();
    enum cv_rc rc;

    assert_non_null(cfg);
    for (; *pairs != NULL; pairs += 2)
        assert_int_equal(CV_OK, cv_config_set(cfg, pairs[0], pairs[1], err));
    rc = cv_wire_settings_new(cfg, "client", ret, err);
    cv_config_free(cfg);
    return rc;
}

static struct cv_wire_settings *
good_settings(const char *const *pairs)
{
    struct cv_wire_settings *settings = NULL;
    struct cv_err err;

    if (settings_of(pairs, &settings, &err) != CV_OK)
        fail_msg("%s", err.text);
    return settings;
}

static void
bootstrap_takes_names_addresses_and_schemes(void **state)
{
    static const char *const pairs[] = { "bootstrap.servers",
                                         " kafka-1.example:9092, 10.0.0.1:9093,SSL://[::1]:9094,,",
                                         NULL };
    struct cv_wire_settings *settings = good_settings(pairs);

    (void)state;
    assert_int_equal(3, settings->n_bootstrap);
    assert_string_equal("kafka-1.example", settings->bootstrap[0].host);
    assert_int_equal(9092, settings->bootstrap[0].port);
    assert_string_equal("10.0.0.1", settings->bootstrap[1].host);
    assert_string_equal("::1", settings->bootstrap[2].host);
    assert_int_equal(9094, settings->bootstrap[2].port);
    assert_null(settings->tls);
    assert_int_equal(WIRE_SASL_NONE, settings->mechanism);
    assert_int_equal(10000, settings->connect_timeout_ms);
    cv_wire_settings_free(settings);
}

static void
wrong_settings_name_key_and_remedy(void **state)
{
#define BROKER "bootstrap.servers", "b:1"
#define SASL   BROKER, "security.protocol", "SASL_PLAINTEXT"
#define TLS    BROKER, "security.protocol", "SSL"
    static const struct {
        const char *pairs[ROW_MAX];
        const char *texts[3];
    } rows[] = {
        { { NULL }, { "bootstrap.servers", "host:port" } },
        { { "bootstrap.servers", " , " }, { "bootstrap.servers is not set" } },
        { { "bootstrap.servers", "kafka" }, { "\"kafka\"", "host:port" } },
        { { "bootstrap.servers", "kafka:" }, { "\"kafka:\"" } },
        { { "bootstrap.servers", ":9092" }, { "\":9092\"" } },
        { { "bootstrap.servers", "kafka:0" }, { "\"kafka:0\"" } },
        { { "bootstrap.servers", "kafka:65536" }, { "\"kafka:65536\"" } },
        { { "bootstrap.servers", "kafka:9092x" }, { "\"kafka:9092x\"" } },
        { { "bootstrap.servers", "::1:9092" }, { "\"::1:9092\"" } },
        { { BROKER, "security.protocol", "TLS" }, { "security.protocol", "\"TLS\"", "SASL_SSL" } },
        { { BROKER, "socket.connection.setup.timeout.ms", "soon" },
          { "socket.connection.setup.timeout.ms", "\"soon\"", "1" } },
        { { SASL }, { "sasl.mechanism is not set", "GSSAPI", "PLAIN" } },
        { { SASL, "sasl.mechanism", "GSSAPI" }, { "\"GSSAPI\"", "SCRAM-SHA-512", "OAUTHBEARER" } },
        { { SASL, "sasl.mechanism", "OAUTHBEARER" },
          { "sasl.oauthbearer.token.endpoint.url", "sasl.jaas.config" } },
        { { SASL, "sasl.mechanism", "PLAIN" }, { "sasl.jaas.config", "sasl.username" } },
        { { SASL, "sasl.mechanism", "PLAIN", "sasl.username", "u" }, { "sasl.password" } },
        { { SASL, "sasl.mechanism", "PLAIN", "sasl.jaas.config",
            "org.apache.kafka.common.security.scram.ScramLoginModule required username=u "
            "password=p;" },
          { "PlainLoginModule" } },
        { { SASL, "sasl.mechanism", "PLAIN", "sasl.jaas.config",
            "x.PlainLoginModule required username=\"u\";" },
          { "user and a password" } },
        { { TLS, "ssl.truststore.location", "/nowhere.p12" },
          { "ssl.truststore.location", "/nowhere.p12" } },
        { { TLS, "ssl.truststore.location", PEM_CERT, "ssl.truststore.type", "PKCS12" },
          { "ssl.truststore.location", "ssl.truststore.type=PEM" } },
        { { TLS, "ssl.ca.location", "/dev/null" }, { "ssl.ca.location", "no PEM certificate" } },
        { { TLS, "ssl.truststore.certificates", "x" }, { "ssl.truststore.certificates" } },
        { { TLS, "ssl.certificate.location", PEM_CERT },
          { "ssl.certificate.location", "private key" } },
        { { TLS, "ssl.certificate.location", PEM_CERT, "ssl.key.location", PEM_CERT },
          { "ssl.key.location", "ssl.key.password" } },
        { { TLS, "ssl.enabled.protocols", "TLSv1.1" }, { "ssl.enabled.protocols", "TLSv1.2" } },
        { { TLS, "ssl.cipher.suites", "NONSENSE" }, { "ssl.cipher.suites" } },
        { { TLS, "ssl.endpoint.identification.algorithm", "LDAPS" },
          { "ssl.endpoint.identification.algorithm" } },
    };
    size_t i, j;

    (void)state;
    for (i = 0; i < CV_COUNT(rows); i++) {
        struct cv_wire_settings *settings = NULL;
        struct cv_err err = CV_ERR_INIT;

        if (settings_of(rows[i].pairs, &settings, &err) != CV_INVALID)
            fail_msg("row %zu is accepted, or fails otherwise: %s", i, err.text);
        assert_null(settings);
        for (j = 0; j < 3 && rows[i].texts[j] != NULL; j++) {
            if (strstr(err.text, rows[i].texts[j]) == NULL)
                fail_msg("row %zu: \"%s\" does not contain \"%s\"", i, err.text, rows[i].texts[j]);
        }
    }
}

static void
credentials_come_from_jaas_or_plain_keys(void **state)
{
    static const char *const jaas[] = {
        SASL,
        "sasl.mechanism",
        "SCRAM-SHA-512",
        "sasl.jaas.config",
        "org.apache.kafka.common.security.scram.ScramLoginModule required\n"
        "  xusername=\"no\" username=\"al\\\"ice\" password=pa=ss;",
        NULL
    };
    static const char *const plain[] = { BROKER,
                                         "security.protocol",
                                         "sasl_plaintext",
                                         "sasl.mechanisms",
                                         "scram-sha-256",
                                         "sasl.username",
                                         "bob",
                                         "sasl.password",
                                         "builder",
                                         NULL };
    struct cv_wire_settings *settings = good_settings(jaas);

    (void)state;
    assert_int_equal(WIRE_SASL_SCRAM_SHA_512, settings->mechanism);
    assert_string_equal("al\"ice", settings->username);
    assert_string_equal("pa=ss", settings->password);
    cv_wire_settings_free(settings);
    settings = good_settings(plain);
    assert_int_equal(WIRE_SASL_SCRAM_SHA_256, settings->mechanism);
    assert_string_equal("bob", settings->username);
    assert_string_equal("builder", settings->password);
    cv_wire_settings_free(settings);
}

static void
secrets_are_not_in_the_text(void **state)
{
    static const char *const pairs[] = { SASL,
                                         "sasl.mechanism",
                                         "PLAIN",
                                         "sasl.jaas.config",
                                         "x.OtherModule required username=u password=topsecret;",
                                         NULL };
    struct cv_wire_settings *settings = NULL;
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(CV_INVALID, settings_of(pairs, &settings, &err));
    assert_null(strstr(err.text, "topsecret"));
}

static char *
file_text(const char *path, bool one_line)
{
    char *text = calloc(1, 65536), *c;
    FILE *file = fopen(path, "r");

    assert_true(text != NULL && file != NULL);
    assert_true(fread(text, 1, 65535, file) > 0);
    fclose(file);
    for (c = text; one_line && *c != '\0'; c++) {
        if (*c == '\n')
            *c = ' ';
    }
    return text;
}

static void
pem_is_taken_from_files_and_from_text_on_one_line(void **state)
{
    char *text = file_text(PEM_STORE, true), *cert = file_text(PEM_CERT, true);
    const char *const files[] = { TLS,       "ssl.truststore.type",
                                  "PEM",     "ssl.truststore.location",
                                  PEM_CERT,  "ssl.keystore.type",
                                  "PEM",     "ssl.keystore.location",
                                  PEM_STORE, NULL };
    const char *const texts[] = { TLS,  "ssl.truststore.certificates",    cert, "ssl.keystore.key",
                                  text, "ssl.keystore.certificate.chain", text, NULL };
    const char *const rdkafka[] = { TLS,       "ssl.ca.location",
                                    PEM_CERT,  "ssl.key.location",
                                    PEM_STORE, "ssl.certificate.location",
                                    PEM_STORE, "ssl.endpoint.identification.algorithm",
                                    "none",    NULL };
    const char *const *rows[] = { files, texts, rdkafka };
    size_t i;

    (void)state;
    for (i = 0; i < CV_COUNT(rows); i++) {
        struct cv_wire_settings *settings = good_settings(rows[i]);

        assert_non_null(SSL_CTX_get0_certificate(settings->tls));
        assert_non_null(SSL_CTX_get0_privatekey(settings->tls));
        assert_int_equal(i < 2, settings->verify_host);
        assert_int_equal(SSL_VERIFY_PEER, SSL_CTX_get_verify_mode(settings->tls));
        cv_wire_settings_free(settings);
    }
    free(text);
    free(cert);
}

/* A PKCS#12 file of the test's key and certificate. */
static void
write_pkcs12(const char *path, const char *password)
{
    FILE *in = fopen(PEM_STORE, "r"), *out;
    EVP_PKEY *pkey;
    X509 *cert;
    PKCS12 *p12;

    assert_non_null(in);
    pkey = PEM_read_PrivateKey(in, NULL, NULL, NULL);
    rewind(in);
    cert = PEM_read_X509(in, NULL, NULL, NULL);
    fclose(in);
    p12 = PKCS12_create(password, "broker", pkey, cert, NULL, 0, 0, 0, 0, 0);
    assert_non_null(p12);
    out = fopen(path, "w");
    assert_non_null(out);
    assert_int_equal(1, i2d_PKCS12_fp(out, p12));
    fclose(out);
    PKCS12_free(p12);
    X509_free(cert);
    EVP_PKEY_free(pkey);
}

/* Java opens such a file whether its type says PKCS12 or JKS. */
static void
pkcs12_stores_open_with_their_password(void **state)
{
    char path[] = "/tmp/wire_settings_test.XXXXXX";
    int fd = mkstemp(path);
    const char *const good[] = {
        TLS,        "ssl.truststore.location", path,       "ssl.truststore.password",
        "changeit", "ssl.keystore.type",       "PKCS12",   "ssl.keystore.location",
        path,       "ssl.keystore.password",   "changeit", NULL
    };
    const char *const bad[] = { TLS,     "ssl.keystore.location",
                                path,    "ssl.keystore.password",
                                "wr0ng", NULL };
    struct cv_wire_settings *settings;
    struct cv_err err;

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    write_pkcs12(path, "changeit");
    settings = good_settings(good);
    assert_non_null(SSL_CTX_get0_certificate(settings->tls));
    cv_wire_settings_free(settings);
    settings = NULL;
    assert_int_equal(CV_INVALID, settings_of(bad, &settings, &err));
    assert_non_null(strstr(err.text, "ssl.keystore.location"));
    assert_null(strstr(err.text, "wr0ng"));
    unlink(path);
}

static void
jks_store_is_refused_with_what_to_do(void **state)
{
    char path[] = "/tmp/wire_settings_test.XXXXXX";
    int fd = mkstemp(path);
    const char *const pairs[] = { TLS, "ssl.truststore.location", path, NULL };
    struct cv_wire_settings *settings = NULL;
    struct cv_err err;

    (void)state;
    assert_int_equal(8, write(fd, "\xfe\xed\xfe\xed\0\0\0\2", 8));
    close(fd);
    assert_int_equal(CV_INVALID, settings_of(pairs, &settings, &err));
    assert_non_null(strstr(err.text, "keytool -importkeystore"));
    unlink(path);
}

static void
verification_can_be_switched_off_and_versions_chosen(void **state)
{
    static const char *const off[] = { TLS,       "enable.ssl.certificate.verification",
                                       "false",   "ssl.enabled.protocols",
                                       "TLSv1.3", NULL };
    static const char *const java[] = {
        TLS,
        "ssl.cipher.suites",
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,TLS_AES_128_GCM_SHA256",
        "ssl.enabled.protocols",
        "TLSv1.2",
        NULL
    };
    struct cv_wire_settings *settings = good_settings(off);

    (void)state;
    assert_int_equal(SSL_VERIFY_NONE, SSL_CTX_get_verify_mode(settings->tls));
    assert_int_equal(TLS1_3_VERSION, SSL_CTX_get_min_proto_version(settings->tls));
    cv_wire_settings_free(settings);
    settings = good_settings(java);
    assert_int_equal(TLS1_2_VERSION, SSL_CTX_get_max_proto_version(settings->tls));
    cv_wire_settings_free(settings);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bootstrap_takes_names_addresses_and_schemes),
        cmocka_unit_test(wrong_settings_name_key_and_remedy),
        cmocka_unit_test(credentials_come_from_jaas_or_plain_keys),
        cmocka_unit_test(secrets_are_not_in_the_text),
        cmocka_unit_test(pem_is_taken_from_files_and_from_text_on_one_line),
        cmocka_unit_test(pkcs12_stores_open_with_their_password),
        cmocka_unit_test(jks_store_is_refused_with_what_to_do),
        cmocka_unit_test(verification_can_be_switched_off_and_versions_chosen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
