/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens of SASL OAUTHBEARER, from the keys of Java's clients: by the client credentials grant (RFC
 * 6749, section 4.4) or that of signed assertions (RFC 7523) from sasl.oauthbearer.token.endpoint.url, from a file that
 * this key names, or made here without a signature from the unsecuredLogin... options of sasl.jaas.config, as Java does
 * for tests. Any thread; a fetch blocks.
 */
#ifndef COMMON_OAUTH_OAUTH_H
#define COMMON_OAUTH_OAUTH_H

#include <culvert/config.h>

struct cv_oauth;
struct cv_wake;

struct cv_oauth_token {
    char *text;         /* as it goes out */
    char *principal;    /* who it is for */
    int64_t start_ms;   /* wall clock: when it was issued */
    int64_t expires_ms; /* and from when on it is worth nothing */
    int64_t refresh_ms; /* when the next one should be asked for: sasl.login.refresh.* */
};

/* From a client's keys. CV_INVALID names key and remedy, never a secret. */
CV_MUST_CHECK
enum cv_rc cv_oauth_new(const struct cv_config *client, struct cv_oauth **ret, struct cv_err *err);
void cv_oauth_free(struct cv_oauth *oauth); /* wipes */

/*
 * A new token, until deadline_ms (monotonic) or until interrupt (may be NULL, is not cleared) is
 * signalled. CV_RETRY: nobody answered; CV_INVALID: the endpoint refused the client, or its token
 * is none.
 */
CV_MUST_CHECK
enum cv_rc cv_oauth_fetch(struct cv_oauth *oauth, int64_t deadline_ms,
                          const struct cv_wake *interrupt, struct cv_oauth_token *ret,
                          struct cv_err *err);
/* The last token until it is time for a new one, then that; the last one too if no new one can
   be had and it is still good. */
CV_MUST_CHECK
enum cv_rc cv_oauth_get(struct cv_oauth *oauth, int64_t deadline_ms,
                        const struct cv_wake *interrupt, struct cv_oauth_token *ret,
                        struct cv_err *err);
void cv_oauth_token_done(struct cv_oauth_token *token); /* wipes; accepts a zeroed one */

/* SASL extensions: name, value, name, value, ...; *ret_count counts both. Borrowed. */
const char *const *cv_oauth_extensions(const struct cv_oauth *oauth, size_t *ret_count);

/* Whether these keys ask for OAUTHBEARER. */
bool cv_oauth_is_wanted(const struct cv_config *client);

#endif
