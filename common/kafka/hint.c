/* SPDX-License-Identifier: Apache-2.0 */
/*
 * librdkafka says what happened to a socket; an operator wants to know which key is wrong. The texts
 * are those of librdkafka 2.0 to 2.6 and of OpenSSL 3.
 */
#include "common/kafka/hint.h"

#include <openssl/x509_vfy.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *part; /* of the complaint; the first row that matches counts */
    const char *advice;
} hints[] = {
    { "{\"status\":", "the broker refused the token: check the client and its scope in "
                      "sasl.jaas.config" },
    { "SASL authentication error", "check user and password in sasl.jaas.config" },
    { "not support SASL mechanism", "the broker does not take this sasl.mechanism" },
    { "alert bad certificate", "the broker wants a certificate that it trusts: check "
                               "ssl.keystore.location" },
    { "alert certificate required", "the broker wants a certificate: set ssl.keystore.location" },
    { "alert unknown ca", "the broker does not trust the certificate of ssl.keystore.location" },
    { "alert certificate expired", "the certificate of ssl.keystore.location has expired" },
    { "wrong version number", "the listener speaks no TLS: check security.protocol and the port in "
                              "bootstrap.servers" },
    { "security.protocol", "check security.protocol and the port in bootstrap.servers" },
    { "brokers are down", "check bootstrap.servers and security.protocol" },
};

const char *
kafka_hint(const char *text)
{
    for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
        if (strcasestr(text, hints[i].part) != NULL)
            return hints[i].advice;
    return NULL;
}

const char *
kafka_hint_certificate(int code)
{
    switch (code) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return "the broker's certificate has expired: renew it";
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return "the broker's certificate is not valid yet: check the clocks";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return "the broker's certificate is for another host (mismatch): correct bootstrap.servers "
               "and advertised.listeners, or set ssl.endpoint.identification.algorithm to empty";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        return "nobody that is trusted vouches for the broker's certificate: check "
               "ssl.truststore.location";
    default:
        return X509_verify_cert_error_string(code);
    }
}
