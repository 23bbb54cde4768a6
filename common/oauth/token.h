/* SPDX-License-Identifier: Apache-2.0 */
/* What others send us, to a token: a JSON Web Token (RFC 7519), the answer of a token endpoint (RFC
   6749, section 5). Internal to common/oauth. */
#ifndef COMMON_OAUTH_TOKEN_H
#define COMMON_OAUTH_TOKEN_H

#include "common/buf.h"
#include "common/oauth/oauth.h"

#define OAUTH_TOKEN_MAX 65536

/*
 * A token of these bytes, whose signature is the broker's to check: it has the form of a token, a
 * principal in the claim subject, and an end that is after now. CV_INVALID says what is missing, without the token.
 */
CV_MUST_CHECK
enum cv_rc oauth_token_read(const char *text, size_t len, const char *subject,
                            struct cv_oauth_token *ret, struct cv_err *err);

/* "access_token" of a good answer. */
CV_MUST_CHECK
enum cv_rc oauth_answer_read(const char *body, size_t len, struct cv_buf *ret, struct cv_err *err);
/* "error" and "error_description" of a bad one; empty: there are none. */
void oauth_answer_reason(const char *body, size_t len, struct cv_buf *ret);

/* A part of a token: base64 for URLs, without padding. */
void oauth_part_write(struct cv_buf *out, const void *data, size_t len);
/* The claims of a template, {"header":{..},"payload":{..}}, set by name, each value as JSON. */
CV_MUST_CHECK
enum cv_rc oauth_template_read(const char *text, size_t len, struct cv_config *header,
                               struct cv_config *payload, struct cv_err *err);
/* header.payload. without a signature, of the claims of the unsecuredLogin... options. */
CV_MUST_CHECK
enum cv_rc oauth_token_unsecured(const struct cv_config *options, struct cv_buf *ret,
                                 struct cv_err *err);
/* The claim that unsecuredLoginPrincipalClaimName names, or its default. */
const char *oauth_unsecured_principal(const struct cv_config *options);

#endif
