/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's side of a SASL exchange, without the connection: each step takes the server's bytes
 * and gives the next message. PLAIN (RFC 4616), SCRAM-SHA-256 and SCRAM-SHA-512 (RFC 5802, RFC
 * 7677) without channel binding, OAUTHBEARER (RFC 7628). One thread.
 */
#ifndef COMMON_WIRE_SASL_H
#define COMMON_WIRE_SASL_H

#include "common/wire/settings.h"

struct cv_buf;
struct wire_sasl;

/* Borrowed until the end of the exchange. */
struct wire_sasl_login {
    enum wire_sasl_mechanism mechanism;
    const char *username;
    const char *password;
    const char *token;             /* of OAUTHBEARER */
    const char *const *extensions; /* of OAUTHBEARER: name, value, name, ... */
    size_t n_extensions;           /* both counted */
};

/* nonce: of SCRAM, printable, no comma; NULL: a random one. */
CV_MUST_CHECK
enum cv_rc wire_sasl_new(const struct wire_sasl_login *login, const char *nonce,
                         struct wire_sasl **ret, struct cv_err *err);
void wire_sasl_free(struct wire_sasl *sasl);

/*
 * One step: data is what the server sent (NULL at first), out gets the message to send. *ret_done:
 * the server has proved what it must, and nothing is to be sent. CV_INVALID: the server refused, or
 * is not the one that knows the password.
 */
CV_MUST_CHECK
enum cv_rc wire_sasl_step(struct wire_sasl *sasl, const void *data, size_t len, struct cv_buf *out,
                          bool *ret_done, struct cv_err *err);

#endif
