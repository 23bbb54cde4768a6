/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens that nobody signed, for brokers that take them: those of tests. Options and defaults are
 * those of Java's OAuthBearerUnsecuredLoginCallbackHandler.
 */
#include <config.h>

#include "common/oauth/token.h"

#include <math.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/json_write.h"

#define STRING_CLAIM "unsecuredLoginStringClaim_"
#define NUMBER_CLAIM "unsecuredLoginNumberClaim_"
#define LIST_CLAIM   "unsecuredLoginListClaim_"
#define PRINCIPAL    "unsecuredLoginPrincipalClaimName"
#define LIFETIME     "unsecuredLoginLifetimeSeconds"
#define LIFETIME_S   3600.0

const char *
oauth_unsecured_principal(const struct cv_config *options)
{
    const char *name = cv_config_get(options, PRINCIPAL);

    return name == NULL || *name == '\0' ? "sub" : name;
}

static bool
parse_number(const char *text, double *ret)
{
    char *end;

    *ret = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*ret);
}

/* "|a|b": the first character separates the values. */
static void
add_list(struct cv_json_writer *json, const char *text)
{
    const char separator[] = { *text, '\0' };
    const char *at = *text == '\0' ? text : text + 1;

    cv_json_array(json);
    while (*at != '\0') {
        size_t len = strcspn(at, separator);

        cv_json_string_len(json, at, len);
        at += len + (at[len] != '\0');
    }
    cv_json_array_end(json);
}

static enum cv_rc
add_claim(struct cv_json_writer *json, const char *option, const char *value, struct cv_err *err)
{
    double number;

    if (strncmp(option, STRING_CLAIM, strlen(STRING_CLAIM)) == 0) {
        cv_json_key(json, option + strlen(STRING_CLAIM));
        cv_json_string(json, value);
    } else if (strncmp(option, LIST_CLAIM, strlen(LIST_CLAIM)) == 0) {
        cv_json_key(json, option + strlen(LIST_CLAIM));
        add_list(json, value);
    } else if (strncmp(option, NUMBER_CLAIM, strlen(NUMBER_CLAIM)) == 0) {
        if (!parse_number(value, &number))
            return cv_fail(err, CV_INVALID, "the option %s is not a number", option);
        cv_json_key(json, option + strlen(NUMBER_CLAIM));
        cv_json_double(json, number);
    }
    return CV_OK;
}

static bool
is_claimed(const struct cv_config *options, const char *claim)
{
    static const char *const kinds[] = { STRING_CLAIM, NUMBER_CLAIM, LIST_CLAIM };

    for (size_t i = 0; i < CV_COUNT(kinds); i++) {
        for (size_t o = 0; o < cv_config_count(options); o++) {
            const char *key = cv_config_key(options, o);

            if (strncmp(key, kinds[i], strlen(kinds[i])) == 0 &&
                strcmp(key + strlen(kinds[i]), claim) == 0)
                return true;
        }
    }
    return false;
}

/* The claims of the options, and the times that these leave out. */
static enum cv_rc
write_claims(const struct cv_config *options, struct cv_buf *out, struct cv_err *err)
{
    double now_s = (double)cv_now_ms() / 1000.0, lifetime_s = LIFETIME_S;
    const char *lifetime = cv_config_get(options, LIFETIME);
    struct cv_json_writer json = cv_json_writer_of(out);

    if (lifetime != NULL && (!parse_number(lifetime, &lifetime_s) || lifetime_s <= 0))
        return cv_fail(err, CV_INVALID, "the option %s is not a number above 0", LIFETIME);
    cv_json_object(&json);
    for (size_t i = 0; i < cv_config_count(options); i++)
        if (add_claim(&json, cv_config_key(options, i), cv_config_value(options, i), err) != CV_OK)
            return err->rc;
    if (!is_claimed(options, "iat")) {
        cv_json_key(&json, "iat");
        cv_json_double(&json, now_s);
    }
    if (!is_claimed(options, "exp")) {
        cv_json_key(&json, "exp");
        cv_json_double(&json, now_s + lifetime_s);
    }
    cv_json_object_end(&json);
    return cv_buf_check(out, err);
}

enum cv_rc
oauth_token_unsecured(const struct cv_config *options, struct cv_buf *ret, struct cv_err *err)
{
    static const char header[] = "{\"alg\":\"none\"}";
    struct cv_buf claims = CV_BUF_INIT(OAUTH_TOKEN_MAX);
    enum cv_rc rc = write_claims(options, &claims, err);

    if (rc == CV_OK) {
        oauth_part_write(ret, header, strlen(header));
        cv_buf_char(ret, '.');
        oauth_part_write(ret, cv_buf_cstr(&claims), claims.len);
        cv_buf_char(ret, '.');
        rc = cv_buf_check(ret, err);
    }
    cv_buf_free(&claims);
    return rc;
}
