/* SPDX-License-Identifier: Apache-2.0 */
/* Where tokens come from, once the keys are read. Internal to common/oauth. */
#ifndef COMMON_OAUTH_SOURCE_H
#define COMMON_OAUTH_SOURCE_H

#include "common/buf.h"
#include "common/oauth/oauth.h"
#include "common/thread.h"

enum oauth_kind { OAUTH_ENDPOINT, OAUTH_ASSERTION, OAUTH_FILE, OAUTH_UNSECURED };

/* Fields of the option rows. */
struct oauth_options {
    char *url;
    char *client_id;
    char *client_secret;
    char *client_id_short; /* as librdkafka spells it */
    char *client_secret_short;
    char *scope;
    char *extensions;
    char *subject_claim;
    char *retriever;
    bool urlencode;
    int32_t connect_timeout_ms;
    int32_t read_timeout_ms;
    int64_t backoff_ms;
    int64_t backoff_max_ms;
    double refresh_factor;
    double refresh_jitter;
    int32_t refresh_min_period_s;
    int32_t refresh_buffer_s;
    char *assertion_file; /* NULL: made of the next */
    char *assertion_key_file;
    char *assertion_passphrase;
    char *assertion_template;
    char *assertion_algorithm;
    char *assertion_aud;
    char *assertion_iss;
    char *assertion_sub;
    int32_t assertion_exp_s;
    int32_t assertion_nbf_s;
    bool assertion_jti;
};

struct cv_oauth {
    enum oauth_kind kind;
    struct oauth_options options;
    struct cv_config *jaas;   /* options of the login module */
    struct cv_config *tls;    /* those of them that say whom to trust; NULL: the system's */
    const char *client_id;    /* borrowed from one of the above, as are the next two */
    const char *client_secret;
    const char *scope;        /* NULL: none */
    const char *path;         /* of the file */
    const char **extensions;  /* borrowed name and value in turn */
    size_t n_extensions;      /* both counted */
    char *extensions_text;    /* what they are borrowed from */
    struct cv_lock lock;      /* of the next */
    struct cv_oauth_token last;
};

/* The bytes of a token, by way of oauth->kind. Fails as cv_oauth_fetch does. */
CV_MUST_CHECK
enum cv_rc oauth_retrieve(const struct cv_oauth *oauth, int64_t deadline_ms,
                          const struct cv_wake *interrupt, struct cv_buf *ret, struct cv_err *err);
/* Append a file without the white space at its end; key: which names it. CV_RETRY: it cannot be read. */
CV_MUST_CHECK
enum cv_rc oauth_file_read(const char *path, const char *key, struct cv_buf *ret, struct cv_err *err);

/* A signed assertion for the JWT bearer grant. CV_INVALID names key, file and remedy. */
CV_MUST_CHECK
enum cv_rc oauth_assertion(const struct oauth_options *options, struct cv_buf *ret, struct cv_err *err);

/* When a token that has come now should be replaced; wall clock. */
int64_t oauth_refresh_ms(const struct oauth_options *options, const struct cv_oauth_token *token, int64_t now_ms);

#endif
