/* SPDX-License-Identifier: Apache-2.0 */
/*
 * librdkafka asks for a token when it starts and at 80 % of what it is told of each token's life, by
 * a callback on its background thread, where a fetch may block; of the life it is told so much that it asks when
 * sasl.login.refresh.* say. Its own way (sasl.oauthbearer.method=oidc) is not
 * used: it knows neither Java's keys nor whom to trust at the endpoint, and the group's connection
 * (common/wire) needs the same tokens.
 */
#include "common/kafka/login.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/kafka/conf.h"
#include "common/oauth/oauth.h"

#define FETCH_MS       60000
#define REFRESH_MIN_MS 100

struct kafka_login {
    struct cv_oauth *oauth;
    struct cv_wake stop;
};

/* The end of life that makes librdkafka refresh in time; nothing else comes of it. */
static int64_t
lifetime_ms(const struct cv_oauth_token *token)
{
    int64_t now_ms = cv_now_ms(), left_ms = token->refresh_ms - now_ms;

    return now_ms + (left_ms > REFRESH_MIN_MS ? left_ms : REFRESH_MIN_MS) * 5 / 4;
}

/* On the background thread. */
static void
on_refresh(rd_kafka_t *rk, const char *config, void *opaque)
{
    struct kafka_handle *handle = opaque;
    struct kafka_login *login = handle->login;
    struct cv_oauth_token token = { 0 };
    const char *const *extensions;
    size_t n_extensions;
    char text[512];
    struct cv_err err;

    (void)config;
    extensions = cv_oauth_extensions(login->oauth, &n_extensions);
    if (cv_oauth_fetch(login->oauth, cv_mono_ms() + FETCH_MS, &login->stop, &token, &err) ==
            CV_OK &&
        rd_kafka_oauthbearer_set_token(rk, token.text, lifetime_ms(&token), token.principal,
                                       (const char **)(uintptr_t)extensions, n_extensions, text,
                                       sizeof(text)) != RD_KAFKA_RESP_ERR_NO_ERROR)
        (void)cv_fail(&err, CV_INVALID, "cannot use the token for SASL OAUTHBEARER: %s", text);
    else if (token.text != NULL)
        goto out;
    kafka_complain(handle, "FAIL", err.text);
    (void)rd_kafka_oauthbearer_set_token_failure(rk, err.text);
out:
    cv_oauth_token_done(&token);
}

enum cv_rc
kafka_login_new(const struct cv_kafka_conf *conf, rd_kafka_conf_t *rdconf,
                struct kafka_login **ret, struct cv_err *err)
{
    struct cv_config *merged = cv_config_new();
    struct kafka_login *login = calloc(1, sizeof(*login));
    enum cv_rc rc;

    *ret = NULL;
    rc = merged == NULL || login == NULL ? cv_fail_memory(err)
                                         : kafka_conf_merge(conf, merged, err);
    if (rc != CV_OK || !cv_oauth_is_wanted(merged))
        goto out;
    rc = cv_oauth_new(merged, &login->oauth, err);
    if (rc == CV_OK)
        rc = cv_wake_init(&login->stop, err);
    if (rc != CV_OK)
        goto out;
    rd_kafka_conf_set_oauthbearer_token_refresh_cb(rdconf, on_refresh);
    rd_kafka_conf_enable_sasl_queue(rdconf, 1);
    *ret = login;
    login = NULL;
out:
    if (login != NULL)
        cv_oauth_free(login->oauth);
    free(login);
    cv_config_free(merged);
    return rc;
}

enum cv_rc
kafka_login_start(struct kafka_login *login, rd_kafka_t *rk, struct cv_err *err)
{
    rd_kafka_error_t *error = login == NULL ? NULL : rd_kafka_sasl_background_callbacks_enable(rk);

    if (error == NULL)
        return CV_OK;
    (void)cv_fail(err, CV_INTERNAL, "cannot make a Kafka client: %s", rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return err->rc;
}

void
kafka_login_stop(struct kafka_login *login)
{
    if (login != NULL)
        cv_wake_signal(&login->stop);
}

void
kafka_login_free(struct kafka_login *login)
{
    if (login == NULL)
        return;
    cv_wake_done(&login->stop);
    cv_oauth_free(login->oauth);
    free(login);
}
