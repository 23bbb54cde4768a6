/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "common/wire/settings.h"

#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
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
        { { "metadata.broker.list", "kafka" }, { "metadata.broker.list", "\"kafka\"", "host:port" } },
        { { BROKER, "send.buffer.bytes", "-2" }, { "send.buffer.bytes", "\"-2\"", "-1 to leave it" } },
        { { BROKER, "receive.buffer.bytes", "64k" }, { "receive.buffer.bytes", "\"64k\"", "from 1 to" } },
        { { BROKER, "socket.send.buffer.bytes", "2147483648" },
          { "socket.send.buffer.bytes", "\"2147483648\"" } },
        { { BROKER, "socket.receive.buffer.bytes", "" }, { "socket.receive.buffer.bytes", "\"\"" } },
        { { BROKER, "broker.address.family", "ipv4" },
          { "broker.address.family", "\"ipv4\"", "any, v4 or v6" } },
        { { BROKER, "socket.keepalive.enable", "yes" },
          { "socket.keepalive.enable", "\"yes\"", "true or false" } },
        { { BROKER, "socket.nagle.disable", "" }, { "socket.nagle.disable", "true or false" } },
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
        { { TLS, "ssl.enabled.protocols", "TLSv1.2,TLSv1.4" },
          { "ssl.enabled.protocols", "\"TLSv1.4\" is no version", "write TLSv1.2, TLSv1.3 or both" } },
        { { TLS, "ssl.enabled.protocols", "" }, { "ssl.enabled.protocols", "must contain" } },
        { { TLS, "ssl.protocol", "TLSv1.1" }, { "ssl.protocol", "\"TLSv1.1\"", "TLSv1.3 or TLSv1.2" } },
        { { TLS, "ssl.protocol", "TLSv1.2", "ssl.enabled.protocols", "TLSv1.3" },
          { "ssl.protocol is TLSv1.2", "ssl.enabled.protocols \"TLSv1.3\"", "add it" } },
        { { TLS, "ssl.cipher.suites", "NONSENSE" }, { "ssl.cipher.suites", "\"NONSENSE\"", "OpenSSL's names" } },
        { { TLS, "ssl.cipher.suites", "TLS_NONSENSE" }, { "ssl.cipher.suites", "\"TLS_NONSENSE\"" } },
        { { TLS, "ssl.cipher.suites", " , " }, { "ssl.cipher.suites" } },
        { { TLS, "ssl.cipher.suites", "TLS_AES_256_GCM_SHA384", "ssl.enabled.protocols", "TLSv1.2" },
          { "ssl.cipher.suites", "no cipher that can be used" } },
        { { TLS, "ssl.curves.list", "P-1" }, { "ssl.curves.list", "\"P-1\"", "X25519:P-256" } },
        { { TLS, "ssl.sigalgs.list", "CRC32" }, { "ssl.sigalgs.list", "\"CRC32\"", "RSA-PSS+SHA256" } },
        { { TLS, "ssl.crl.location", "/nowhere.pem" }, { "ssl.crl.location", "/nowhere.pem", "PEM file" } },
        { { TLS, "ssl.crl.location", PEM_CERT }, { "ssl.crl.location", "list of revoked" } },
        { { TLS, "enable.ssl.certificate.verification", "no" },
          { "enable.ssl.certificate.verification", "\"no\"", "true or false" } },
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
sockets_are_set_under_both_names(void **state)
{
    static const char *const none[] = { BROKER, NULL };
    static const char *const java[] = { BROKER, "send.buffer.bytes", "131072", "receive.buffer.bytes",
                                        "-1",   "socket.nagle.disable", "False", NULL };
    static const char *const rdkafka[] = { "metadata.broker.list", "b:1,c:2",
                                           "socket.send.buffer.bytes", "0",
                                           "socket.receive.buffer.bytes", "65536",
                                           "broker.address.family", "V6",
                                           "socket.keepalive.enable", "0", NULL };
    struct cv_wire_settings *settings = good_settings(none);

    (void)state;
    assert_int_equal(AF_UNSPEC, settings->family);
    assert_int_equal(0, settings->send_buffer_bytes);
    assert_int_equal(0, settings->receive_buffer_bytes);
    assert_true(settings->keepalive && settings->no_delay);
    cv_wire_settings_free(settings);
    settings = good_settings(java);
    assert_int_equal(131072, settings->send_buffer_bytes);
    assert_int_equal(0, settings->receive_buffer_bytes);
    assert_true(settings->keepalive && !settings->no_delay);
    cv_wire_settings_free(settings);
    settings = good_settings(rdkafka);
    assert_int_equal(2, settings->n_bootstrap);
    assert_string_equal("c", settings->bootstrap[1].host);
    assert_int_equal(AF_INET6, settings->family);
    assert_int_equal(0, settings->send_buffer_bytes);
    assert_int_equal(65536, settings->receive_buffer_bytes);
    assert_true(!settings->keepalive && settings->no_delay);
    cv_wire_settings_free(settings);
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
    static const char *const highest[] = { TLS, "ssl.protocol", "TLSv1.2", "ssl.enabled.protocols",
                                           "TLSv1.2,TLSv1.3", NULL };
    static const char *const tls13[] = { TLS, "ssl.protocol", "TLS", "ssl.cipher.suites", "TLS_AES_256_GCM_SHA384",
                                         "enable.ssl.certificate.verification", "1", NULL };
    struct cv_wire_settings *settings = good_settings(off);

    (void)state;
    assert_int_equal(SSL_VERIFY_NONE, SSL_CTX_get_verify_mode(settings->tls));
    assert_int_equal(TLS1_3_VERSION, SSL_CTX_get_min_proto_version(settings->tls));
    cv_wire_settings_free(settings);
    settings = good_settings(java);
    assert_int_equal(TLS1_2_VERSION, SSL_CTX_get_max_proto_version(settings->tls));
    cv_wire_settings_free(settings);
    settings = good_settings(highest);
    assert_int_equal(TLS1_2_VERSION, SSL_CTX_get_min_proto_version(settings->tls));
    assert_int_equal(TLS1_2_VERSION, SSL_CTX_get_max_proto_version(settings->tls));
    cv_wire_settings_free(settings);
    settings = good_settings(tls13);
    assert_int_equal(TLS1_3_VERSION, SSL_CTX_get_min_proto_version(settings->tls));
    assert_int_equal(SSL_VERIFY_PEER, SSL_CTX_get_verify_mode(settings->tls));
    cv_wire_settings_free(settings);
}

/* Both ends of a handshake in memory. */
struct ends {
    SSL *client, *server;
};

static int
accept_any(int ok, X509_STORE_CTX *store)
{
    (void)ok;
    (void)store;
    return 1;
}

/* The server has the key and the certificate of the file, and asks for the client's. */
static struct ends
shake_hands(SSL_CTX *client, const char *pem)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    struct ends ends = { SSL_new(client), NULL };
    BIO *one, *other;
    int n = 0;

    assert_int_equal(1, SSL_CTX_use_certificate_file(ctx, pem, SSL_FILETYPE_PEM));
    assert_int_equal(1, SSL_CTX_use_PrivateKey_file(ctx, pem, SSL_FILETYPE_PEM));
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, accept_any);
    ends.server = SSL_new(ctx);
    SSL_CTX_free(ctx);
    assert_int_equal(1, BIO_new_bio_pair(&one, 0, &other, 0));
    SSL_set_bio(ends.client, one, one);
    SSL_set_bio(ends.server, other, other);
    SSL_set_connect_state(ends.client);
    SSL_set_accept_state(ends.server);
    while (!SSL_is_init_finished(ends.client) || !SSL_is_init_finished(ends.server)) {
        (void)SSL_do_handshake(ends.client);
        (void)SSL_do_handshake(ends.server);
        assert_true(n++ < 20);
    }
    return ends;
}

static void
part(struct ends *ends)
{
    SSL_free(ends->client);
    SSL_free(ends->server);
}

/* A PEM file of a key, its certificate, the one that signed it, and the root of both. */
static void
write_chain(const char *path)
{
    EVP_PKEY *key = EVP_EC_gen("P-256"), *signer = NULL;
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(1, PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL));
    for (int i = 0; i < 3; i++) {
        static const char *const names[] = { "client", "intermediate", "root", "root" };
        X509 *cert = X509_new();

        signer = i == 2 ? key : EVP_EC_gen("P-256");
        assert_int_equal(1, X509_set_version(cert, 2));
        assert_int_equal(1, ASN1_INTEGER_set(X509_get_serialNumber(cert), i + 1));
        assert_non_null(X509_gmtime_adj(X509_getm_notBefore(cert), -3600));
        assert_non_null(X509_gmtime_adj(X509_getm_notAfter(cert), 3600));
        assert_int_equal(1, X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                                                       (const unsigned char *)names[i], -1, -1, 0));
        assert_int_equal(1, X509_NAME_add_entry_by_txt(X509_get_issuer_name(cert), "CN", MBSTRING_ASC,
                                                       (const unsigned char *)names[i + 1], -1, -1, 0));
        assert_int_equal(1, X509_set_pubkey(cert, key));
        assert_true(X509_sign(cert, signer, EVP_sha256()) > 0);
        assert_int_equal(1, PEM_write_X509(file, cert));
        X509_free(cert);
        if (i < 2)
            EVP_PKEY_free(key);
        key = signer;
    }
    EVP_PKEY_free(key);
    assert_int_equal(0, fclose(file));
}

static void
the_whole_chain_of_a_client_is_sent(void **state)
{
    char path[] = "/tmp/wire_settings_test.XXXXXX";
    int fd = mkstemp(path);
    const char *const keys[] = { TLS, "ssl.truststore.location", PEM_CERT, "ssl.keystore.location", path, NULL };
    struct cv_wire_settings *settings;
    struct ends ends;
    STACK_OF(X509) *behind;
    char name[64];

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    write_chain(path);
    settings = good_settings(keys);
    ends = shake_hands(settings->tls, PEM_STORE);
    behind = SSL_get_peer_cert_chain(ends.server); /* at a server: without the client's own */
    assert_int_equal(2, sk_X509_num(behind));
    X509_NAME_oneline(X509_get_subject_name(SSL_get0_peer_certificate(ends.server)), name, sizeof(name));
    assert_string_equal("/CN=client", name);
    X509_NAME_oneline(X509_get_subject_name(sk_X509_value(behind, 0)), name, sizeof(name));
    assert_string_equal("/CN=intermediate", name);
    part(&ends);
    cv_wire_settings_free(settings);
    unlink(path);
}

static void
a_handshake_keeps_to_the_lists(void **state)
{
    static const struct {
        const char *pairs[ROW_MAX];
        const char *version, *cipher; /* NULL: any */
        int curve;
    } rows[] = {
        { { TLS, "ssl.cipher.suites", "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256",
            "ssl.protocol", "TLSv1.2" },
          "TLSv1.2", "ECDHE-ECDSA-CHACHA20-POLY1305", 0 },
        { { TLS, "ssl.cipher.suites", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ssl.enabled.protocols",
            "TLSv1.2, TLSv1.1" },
          "TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256", 0 },
        { { TLS, "ssl.cipher.suites", "TLS_CHACHA20_POLY1305_SHA256" }, "TLSv1.3", "TLS_CHACHA20_POLY1305_SHA256", 0 },
        { { TLS, "ssl.curves.list", "P-384" }, "TLSv1.3", NULL, NID_secp384r1 },
        { { TLS, "ssl.sigalgs.list", "ECDSA+SHA256", "ssl.curves.list", "", "ssl.crl.location", "" },
          "TLSv1.3", NULL, 0 },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(rows); i++) {
        const char *pairs[ROW_MAX + 2] = { "enable.ssl.certificate.verification", "false" };
        struct cv_wire_settings *settings;
        struct ends ends;

        memcpy(pairs + 2, rows[i].pairs, sizeof(rows[i].pairs));
        settings = good_settings(pairs);
        ends = shake_hands(settings->tls, PEM_STORE);
        assert_string_equal(rows[i].version, SSL_get_version(ends.client));
        if (rows[i].cipher != NULL)
            assert_string_equal(rows[i].cipher, SSL_get_cipher_name(ends.client));
        if (rows[i].curve != 0)
            assert_int_equal(rows[i].curve, SSL_get_negotiated_group(ends.client));
        part(&ends);
        cv_wire_settings_free(settings);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bootstrap_takes_names_addresses_and_schemes),
        cmocka_unit_test(wrong_settings_name_key_and_remedy),
        cmocka_unit_test(sockets_are_set_under_both_names),
        cmocka_unit_test(credentials_come_from_jaas_or_plain_keys),
        cmocka_unit_test(secrets_are_not_in_the_text),
        cmocka_unit_test(pem_is_taken_from_files_and_from_text_on_one_line),
        cmocka_unit_test(pkcs12_stores_open_with_their_password),
        cmocka_unit_test(jks_store_is_refused_with_what_to_do),
        cmocka_unit_test(verification_can_be_switched_off_and_versions_chosen),
        cmocka_unit_test(the_whole_chain_of_a_client_is_sent),
        cmocka_unit_test(a_handshake_keeps_to_the_lists),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
