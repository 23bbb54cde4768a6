/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How brokers are reached: bootstrap addresses, TLS and SASL, from the keys of Java's clients and
 * of librdkafka. Constant once made; any thread may use it until it is freed.
 */
#ifndef COMMON_WIRE_SETTINGS_H
#define COMMON_WIRE_SETTINGS_H

#include <culvert/config.h>

struct cv_oauth;
struct cv_tally;
struct ssl_ctx_st;

enum wire_sasl_mechanism {
    WIRE_SASL_NONE,
    WIRE_SASL_PLAIN,
    WIRE_SASL_SCRAM_SHA_256,
    WIRE_SASL_SCRAM_SHA_512,
    WIRE_SASL_OAUTHBEARER
};

/* What is counted of connections. */
enum wire_tally {
    WIRE_OPENED,
    WIRE_CLOSED,
    WIRE_SENT,     /* requests; bytes */
    WIRE_RECEIVED, /* responses; bytes */
    WIRE_LOGIN,
    WIRE_LOGIN_AGAIN,
    WIRE_LOGIN_FAILED,
    WIRE_WAITED, /* waits for the socket; ns */
    WIRE_MOVED,  /* turns of reading and writing; ns */
    WIRE_TALLIES
};

struct cv_wire_address {
    char *host;
    int port;
};

struct cv_wire_settings {
    char *client_id;
    struct cv_wire_address *bootstrap;
    size_t n_bootstrap;     /* at least one */
    struct ssl_ctx_st *tls; /* NULL: no TLS */
    bool verify_host;       /* the certificate must name the host */
    enum wire_sasl_mechanism mechanism;
    char *username;
    char *password;
    struct cv_oauth *oauth; /* of OAUTHBEARER, in place of both; has a lock of its own */
    int connect_timeout_ms; /* TCP, TLS and SASL together */
    size_t max_request;     /* its user may ask for more than CV_WIRE_FRAME_MAX */
    int family;             /* of addresses: AF_UNSPEC, AF_INET, AF_INET6 */
    int send_buffer_bytes, receive_buffer_bytes; /* of the socket; 0: the system's */
    bool keepalive, no_delay;
    struct cv_tally *tallies; /* WIRE_TALLIES, the user's, who then connects on one thread; NULL: none */
};

/* Keys that are not about connections are left alone. CV_INVALID names key, value and remedy. */
CV_MUST_CHECK
enum cv_rc cv_wire_settings_new(const struct cv_config *cfg, const char *client_id,
                                struct cv_wire_settings **ret, struct cv_err *err);
void cv_wire_settings_free(struct cv_wire_settings *settings); /* secrets are wiped */

/* A key that says true or false. CV_INVALID names key, value and remedy. */
CV_MUST_CHECK
enum cv_rc wire_setting_bool(const struct cv_config *cfg, const char *key, bool otherwise, bool *ret,
                             struct cv_err *err);

/* "PLAIN", "SCRAM-SHA-256", ... */
const char *wire_sasl_mechanism_name(enum wire_sasl_mechanism mechanism);

#endif
