/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/helper/cmocka_all.h"

#include "common/kafka/hint.h"

#include <openssl/x509_vfy.h>

static void
complaints_lead_to_the_key_to_mend(void **state)
{
    static const char *const rows[][2] = {
        { "SASL authentication error: {\"status\":\"insufficient_scope\"} (after 2ms in state AUTH_REQ)",
          "refused the token" },
        { "SASL authentication error: Authentication failed: Invalid username or password",
          "sasl.jaas.config" },
        { "Receive failed: error:0A000412:SSL routines::sslv3 alert bad certificate",
          "ssl.keystore.location" },
        { "SSL handshake failed: error:1408F10B:SSL routines::wrong version number",
          "security.protocol" },
        { "1/1 brokers are down", "bootstrap.servers" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_non_null(strstr(kafka_hint(rows[i][0]), rows[i][1]));
    assert_null(kafka_hint("Connect to ipv4#127.0.0.1:1 failed: Connection refused"));
}

static void
certificates_are_refused_with_a_remedy(void **state)
{
    (void)state;
    assert_non_null(strstr(kafka_hint_certificate(X509_V_ERR_CERT_HAS_EXPIRED), "expired"));
    assert_non_null(strstr(kafka_hint_certificate(X509_V_ERR_IP_ADDRESS_MISMATCH),
                           "ssl.endpoint.identification.algorithm"));
    assert_non_null(strstr(kafka_hint_certificate(X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY),
                           "ssl.truststore.location"));
    assert_non_null(kafka_hint_certificate(X509_V_ERR_CERT_REVOKED));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(complaints_lead_to_the_key_to_mend),
        cmocka_unit_test(certificates_are_refused_with_a_remedy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
