/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys to a source of tokens, and the last token kept. The keys are those of Java's
 * OAuthBearerLoginCallbackHandler, and of its unsecured counterpart; what librdkafka calls otherwise
 * is read, too.
 */
#include <config.h>

#include "common/oauth/oauth.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/clock.h"
#include "common/jaas.h"
#include "common/oauth/source.h"
#include "common/oauth/token.h"
#include "common/secret.h"

#define STILL_GOOD_MS    1000 /* a token that ends sooner is not worth a try */
#define EXTENSION_OPTION "extension_"
#define UNSECURED_OPTION "unsecuredLoginExtension_"
#define URL_KEY          "sasl.oauthbearer.token.endpoint.url"

#define TIMEOUT &(const struct cv_range){ 1, 3600000 }
#define ROW(key, kind, fallback, field)                                                            \
    { .name = key, .type = kind, .def = fallback, .offset = offsetof(struct oauth_options, field) }
#define TIME(key, kind, fallback, field)                                                           \
    { .name = key, .type = kind, .def = fallback, .check = cv_valid_range, .arg = TIMEOUT,         \
      .offset = offsetof(struct oauth_options, field) }

/* arg: hundredths that the value lies between. */
struct hundredths {
    int min, max;
};

static enum cv_rc
valid_hundredths(const struct cv_config_def *def, const char *value, struct cv_err *err)
{
    const struct hundredths *range = def->arg;
    double real = strtod(value, NULL) * 100;

    if (real >= range->min && real <= range->max)
        return CV_OK;
    return cv_fail(err, CV_INVALID, "Value must be between %d.%02d and %d.%02d", range->min / 100, range->min % 100,
                   range->max / 100, range->max % 100);
}

#define FACTOR(key, fallback, least, most, field)                                                  \
    { .name = key, .type = CV_CONFIG_DOUBLE, .def = fallback, .check = valid_hundredths,           \
      .arg = &(const struct hundredths){ least, most }, .offset = offsetof(struct oauth_options, field) }
#define SECONDS(key, fallback, most, field)                                                        \
    { .name = key, .type = CV_CONFIG_INT, .def = fallback, .check = cv_valid_range,                \
      .arg = &(const struct cv_range){ 0, most }, .offset = offsetof(struct oauth_options, field) }

static const struct cv_config_def rows[] = {
    ROW(URL_KEY, CV_CONFIG_STRING, NULL, url),
    ROW("sasl.oauthbearer.client.credentials.client.id", CV_CONFIG_STRING, NULL, client_id),
    ROW("sasl.oauthbearer.client.credentials.client.secret", CV_CONFIG_PASSWORD, NULL,
        client_secret),
    ROW("sasl.oauthbearer.client.id", CV_CONFIG_STRING, NULL, client_id_short),
    ROW("sasl.oauthbearer.client.secret", CV_CONFIG_PASSWORD, NULL, client_secret_short),
    ROW("sasl.oauthbearer.scope", CV_CONFIG_STRING, NULL, scope),
    ROW("sasl.oauthbearer.extensions", CV_CONFIG_STRING, NULL, extensions),
    ROW("sasl.oauthbearer.sub.claim.name", CV_CONFIG_STRING, "sub", subject_claim),
    ROW("sasl.oauthbearer.jwt.retriever.class", CV_CONFIG_STRING, NULL, retriever),
    ROW("sasl.oauthbearer.header.urlencode", CV_CONFIG_BOOLEAN, "false", urlencode),
    TIME("sasl.login.connect.timeout.ms", CV_CONFIG_INT, "10000", connect_timeout_ms),
    TIME("sasl.login.read.timeout.ms", CV_CONFIG_INT, "10000", read_timeout_ms),
    TIME("sasl.login.retry.backoff.ms", CV_CONFIG_LONG, "100", backoff_ms),
    TIME("sasl.login.retry.backoff.max.ms", CV_CONFIG_LONG, "10000", backoff_max_ms),
    FACTOR("sasl.login.refresh.window.factor", "0.8", 50, 100, refresh_factor),
    FACTOR("sasl.login.refresh.window.jitter", "0.05", 0, 25, refresh_jitter),
    SECONDS("sasl.login.refresh.min.period.seconds", "60", 900, refresh_min_period_s),
    SECONDS("sasl.login.refresh.buffer.seconds", "300", 3600, refresh_buffer_s),
    ROW("sasl.oauthbearer.assertion.file", CV_CONFIG_STRING, NULL, assertion_file),
    ROW("sasl.oauthbearer.assertion.private.key.file", CV_CONFIG_STRING, NULL, assertion_key_file),
    ROW("sasl.oauthbearer.assertion.private.key.passphrase", CV_CONFIG_PASSWORD, NULL, assertion_passphrase),
    ROW("sasl.oauthbearer.assertion.template.file", CV_CONFIG_STRING, NULL, assertion_template),
    ROW("sasl.oauthbearer.assertion.algorithm", CV_CONFIG_STRING, "RS256", assertion_algorithm),
    ROW("sasl.oauthbearer.assertion.claim.aud", CV_CONFIG_STRING, NULL, assertion_aud),
    ROW("sasl.oauthbearer.assertion.claim.iss", CV_CONFIG_STRING, NULL, assertion_iss),
    ROW("sasl.oauthbearer.assertion.claim.sub", CV_CONFIG_STRING, NULL, assertion_sub),
    SECONDS("sasl.oauthbearer.assertion.claim.exp.seconds", "300", 86400, assertion_exp_s),
    SECONDS("sasl.oauthbearer.assertion.claim.nbf.seconds", "60", 3600, assertion_nbf_s),
    ROW("sasl.oauthbearer.assertion.claim.jti.include", CV_CONFIG_BOOLEAN, "false", assertion_jti),
    CV_CONFIG_END
};

bool
cv_oauth_is_wanted(const struct cv_config *client)
{
    const char *protocol = cv_config_get(client, "security.protocol");
    const char *mechanism = cv_config_get(client, "sasl.mechanism");

    if (mechanism == NULL)
        mechanism = cv_config_get(client, "sasl.mechanisms");
    return protocol != NULL && strncasecmp(protocol, "SASL_", 5) == 0 && mechanism != NULL &&
           strcasecmp(mechanism, "OAUTHBEARER") == 0;
}

/* ---- keys ---- */

/* The first of these that says something. */
static const char *
first_of(const char *a, const char *b, const char *c)
{
    const char *const all[] = { a, b, c };

    for (size_t i = 0; i < CV_COUNT(all); i++)
        if (all[i] != NULL && *all[i] != '\0')
            return all[i];
    return NULL;
}

/* A class of Java's that stands for a way to a token: the default one, or another that the other keys name. */
static enum cv_rc
read_retriever(struct cv_oauth *oauth, struct cv_err *err)
{
    static const char *const retrievers[] = { "DefaultJwtRetriever", "ClientCredentialsJwtRetriever",
                                              "FileJwtRetriever" };
    const char *name = oauth->options.retriever, *simple;

    if (name == NULL || *name == '\0')
        return CV_OK;
    simple = strrchr(name, '.') == NULL ? name : strrchr(name, '.') + 1;
    if (strcmp(simple, "JwtBearerJwtRetriever") == 0) {
        oauth->kind = OAUTH_ASSERTION;
        return CV_OK;
    }
    for (size_t i = 0; i < CV_COUNT(retrievers); i++)
        if (strcmp(simple, retrievers[i]) == 0)
            return CV_OK;
    return cv_fail(err, CV_INVALID,
                   "sasl.oauthbearer.jwt.retriever.class names \"%s\", which has no counterpart: name "
                   "JwtBearerJwtRetriever, or remove the key, for the client credentials grant or a file",
                   name);
}

static enum cv_rc
read_rows(struct cv_oauth *oauth, const struct cv_config *client, struct cv_err *err)
{
    struct cv_config_errors errors = { 0 };
    enum cv_rc rc = cv_config_parse(rows, client, &oauth->options, &errors, err);

    cv_config_errors_done(&errors);
    return rc == CV_OK ? read_retriever(oauth, err) : rc;
}

static enum cv_rc
read_jaas(struct cv_oauth *oauth, const struct cv_config *client, struct cv_err *err)
{
    const char *text = cv_config_get(client, "sasl.jaas.config");
    struct cv_jaas_module module;

    if (text == NULL || *text == '\0') {
        oauth->jaas = cv_config_new();
        return oauth->jaas == NULL ? cv_fail_memory(err) : CV_OK;
    }
    if (cv_jaas_parse(text, &module, err) != CV_OK)
        return cv_err_context(err, "sasl.jaas.config (its value is not shown)");
    if (strcmp(cv_jaas_simple_name(&module), "OAuthBearerLoginModule") != 0) {
        (void)cv_fail(err, CV_INVALID,
                      "sasl.jaas.config names the login module \"%s\", but sasl.mechanism "
                      "OAUTHBEARER needs the OAuthBearerLoginModule",
                      module.name);
        cv_jaas_module_done(&module);
        return err->rc;
    }
    oauth->jaas = module.options;
    module.options = NULL;
    cv_jaas_module_done(&module);
    return CV_OK;
}

/* Whom to trust at the endpoint: Java reads the ssl. options of the login module for it, and not the
   client's keys, which are for brokers. */
static enum cv_rc
read_tls(struct cv_oauth *oauth, struct cv_err *err)
{
    struct cv_config *tls = cv_config_new();
    enum cv_rc rc = tls == NULL ? cv_fail_memory(err) : CV_OK;

    for (size_t i = 0; rc == CV_OK && i < cv_config_count(oauth->jaas); i++)
        if (strncmp(cv_config_key(oauth->jaas, i), "ssl.", 4) == 0)
            rc = cv_config_set(tls, cv_config_key(oauth->jaas, i), cv_config_value(oauth->jaas, i),
                               err);
    if (rc == CV_OK && cv_config_count(tls) > 0) {
        oauth->tls = tls;
        tls = NULL;
    }
    cv_config_free(tls);
    return rc;
}

/* What is wrong shows at once and not with the first token: an assertion is made and thrown away. */
static enum cv_rc
check_assertion(struct cv_oauth *oauth, struct cv_err *err)
{
    const struct oauth_options *o = &oauth->options;
    struct cv_buf assertion = CV_BUF_INIT(2 * OAUTH_TOKEN_MAX);
    enum cv_rc rc;

    oauth->scope = first_of(o->scope, cv_config_get(oauth->jaas, "scope"), NULL);
    if (o->assertion_file == NULL && o->assertion_key_file == NULL)
        return cv_fail(err, CV_INVALID,
                       "JwtBearerJwtRetriever needs an assertion: set sasl.oauthbearer.assertion.private.key.file, or "
                       "sasl.oauthbearer.assertion.file");
    if (strcasecmp(o->assertion_algorithm, "RS256") != 0 && strcasecmp(o->assertion_algorithm, "ES256") != 0)
        return cv_fail(err, CV_INVALID, "sasl.oauthbearer.assertion.algorithm has the value \"%s\": use RS256 or ES256",
                       o->assertion_algorithm);
    rc = oauth_assertion(o, &assertion, err);
    cv_buf_wipe(&assertion);
    if (rc == CV_RETRY)
        rc = err->rc = CV_INVALID;
    return rc;
}

static enum cv_rc
choose_endpoint(struct cv_oauth *oauth, struct cv_err *err)
{
    const struct oauth_options *o = &oauth->options;
    size_t authority;

    if (oauth->kind != OAUTH_ASSERTION && strncasecmp(o->url, "file:", 5) == 0) {
        oauth->kind = OAUTH_FILE;
        oauth->path = o->url + (strncmp(o->url + 5, "///", 3) == 0 ? 7 : 5);
        if (*oauth->path != '/')
            return cv_fail(err, CV_INVALID, URL_KEY " names a file by \"%s\": write file:///path",
                           o->url);
        return CV_OK;
    }
    if (strncasecmp(o->url, "https://", 8) != 0 && strncasecmp(o->url, "http://", 7) != 0)
        return cv_fail(err, CV_INVALID,
                       URL_KEY " has the value \"%s\": it must begin with https://, http:// or "
                               "file:///",
                       o->url);
    authority = (size_t)(strstr(o->url, "://") + 3 - o->url);
    if (memchr(o->url + authority, '@', strcspn(o->url + authority, "/?#")) != NULL)
        return cv_fail(err, CV_INVALID,
                       URL_KEY " holds a user: write clientId and clientSecret in "
                               "sasl.jaas.config instead");
    if (oauth->kind == OAUTH_ASSERTION)
        return check_assertion(oauth, err) == CV_OK ? read_tls(oauth, err) : err->rc;
    oauth->client_id = first_of(o->client_id, o->client_id_short,
                                cv_config_get(oauth->jaas, "clientId"));
    oauth->client_secret = first_of(o->client_secret, o->client_secret_short,
                                    cv_config_get(oauth->jaas, "clientSecret"));
    oauth->scope = first_of(o->scope, cv_config_get(oauth->jaas, "scope"), NULL);
    if (oauth->client_id == NULL || oauth->client_secret == NULL)
        return cv_fail(err, CV_INVALID,
                       URL_KEY " needs a client: set clientId and clientSecret in "
                               "sasl.jaas.config, or sasl.oauthbearer.client.credentials.client.id "
                               "and .client.secret");
    return read_tls(oauth, err);
}

static bool
makes_tokens(const struct cv_config *jaas)
{
    for (size_t i = 0; i < cv_config_count(jaas); i++)
        if (strncmp(cv_config_key(jaas, i), "unsecuredLogin", 14) == 0)
            return true;
    return false;
}

static enum cv_rc
choose(struct cv_oauth *oauth, struct cv_err *err)
{
    if (first_of(oauth->options.url, NULL, NULL) != NULL)
        return choose_endpoint(oauth, err);
    if (oauth->kind == OAUTH_ASSERTION)
        return cv_fail(err, CV_INVALID, "JwtBearerJwtRetriever needs " URL_KEY ", where it takes its assertion to");
    if (!makes_tokens(oauth->jaas))
        return cv_fail(err, CV_INVALID,
                       "sasl.mechanism OAUTHBEARER needs " URL_KEY ", with clientId and "
                       "clientSecret in sasl.jaas.config (or there unsecuredLoginStringClaim_sub, "
                       "for tests)");
    oauth->kind = OAUTH_UNSECURED;
    return CV_OK;
}

/* ---- extensions ---- */

/* RFC 7628: letters; values printable. "auth" is the token's own. */
static bool
is_extension(const char *name, const char *value)
{
    if (*name == '\0' || strcmp(name, "auth") == 0 || *value == '\0')
        return false;
    for (; *name != '\0'; name++)
        if ((*name < 'a' || *name > 'z') && (*name < 'A' || *name > 'Z'))
            return false;
    for (; *value != '\0'; value++)
        if ((unsigned char)*value < ' ' && strchr("\t\r\n", *value) == NULL)
            return false;
    return true;
}

static enum cv_rc
add_extension(struct cv_oauth *oauth, const char *name, const char *value, struct cv_err *err)
{
    const char **list;

    if (!is_extension(name, value))
        return cv_fail(err, CV_INVALID,
                       "the SASL extension \"%s\" must have a name of letters, not auth, and a "
                       "printable value",
                       name);
    list = realloc(oauth->extensions, (oauth->n_extensions + 2) * sizeof(*list));
    if (list == NULL)
        return cv_fail_memory(err);
    oauth->extensions = list;
    list[oauth->n_extensions++] = name;
    list[oauth->n_extensions++] = value;
    return CV_OK;
}

/* Options extension_NAME; sasl.oauthbearer.extensions of librdkafka: NAME=value,... */
static enum cv_rc
read_extensions(struct cv_oauth *oauth, struct cv_err *err)
{
    const char *prefix = oauth->kind == OAUTH_UNSECURED ? UNSECURED_OPTION : EXTENSION_OPTION;
    char *at, *next;
    enum cv_rc rc = CV_OK;

    for (size_t i = 0; rc == CV_OK && i < cv_config_count(oauth->jaas); i++) {
        const char *key = cv_config_key(oauth->jaas, i);

        if (strncmp(key, prefix, strlen(prefix)) == 0)
            rc = add_extension(oauth, key + strlen(prefix), cv_config_value(oauth->jaas, i), err);
    }
    if (rc != CV_OK || oauth->options.extensions == NULL)
        return rc;
    oauth->extensions_text = strdup(oauth->options.extensions);
    if (oauth->extensions_text == NULL)
        return cv_fail_memory(err);
    for (at = strtok_r(oauth->extensions_text, ",", &next); rc == CV_OK && at != NULL;
         at = strtok_r(NULL, ",", &next)) {
        char *equals = strchr(at, '=');

        if (equals != NULL)
            *equals = '\0';
        rc = add_extension(oauth, at, equals == NULL ? "" : equals + 1, err);
    }
    return rc;
}

const char *const *
cv_oauth_extensions(const struct cv_oauth *oauth, size_t *ret_count)
{
    *ret_count = oauth->n_extensions;
    return (const char *const *)oauth->extensions;
}

enum cv_rc
cv_oauth_new(const struct cv_config *client, struct cv_oauth **ret, struct cv_err *err)
{
    struct cv_oauth *oauth = calloc(1, sizeof(*oauth));
    enum cv_rc rc;

    if (oauth == NULL)
        return cv_fail_memory(err);
    cv_lock_init(&oauth->lock, CV_RANK_KAFKA);
    rc = read_rows(oauth, client, err);
    if (rc == CV_OK)
        rc = read_jaas(oauth, client, err);
    if (rc == CV_OK)
        rc = choose(oauth, err);
    if (rc == CV_OK)
        rc = read_extensions(oauth, err);
    if (rc == CV_OK)
        *ret = oauth;
    else
        cv_oauth_free(oauth);
    return rc;
}

void
cv_oauth_free(struct cv_oauth *oauth)
{
    if (oauth == NULL)
        return;
    cv_config_done(rows, &oauth->options);
    cv_config_free(oauth->jaas);
    cv_config_free(oauth->tls);
    free(oauth->extensions);
    free(oauth->extensions_text);
    cv_oauth_token_done(&oauth->last);
    cv_lock_done(&oauth->lock);
    free(oauth);
}

/* ---- tokens ---- */

void
cv_oauth_token_done(struct cv_oauth_token *token)
{
    if (token->text != NULL)
        cv_secret_wipe(token->text, strlen(token->text));
    free(token->text);
    free(token->principal);
    *token = (struct cv_oauth_token){ 0 };
}

static enum cv_rc
token_copy(const struct cv_oauth_token *token, struct cv_oauth_token *ret, struct cv_err *err)
{
    struct cv_oauth_token copy = *token;

    copy.text = strdup(token->text);
    copy.principal = strdup(token->principal);
    if (copy.text == NULL || copy.principal == NULL) {
        cv_oauth_token_done(&copy);
        return cv_fail_memory(err);
    }
    *ret = copy;
    return CV_OK;
}

enum cv_rc
cv_oauth_fetch(struct cv_oauth *oauth, int64_t deadline_ms, const struct cv_wake *interrupt,
               struct cv_oauth_token *ret, struct cv_err *err)
{
    const char *subject = oauth->kind == OAUTH_UNSECURED ? oauth_unsecured_principal(oauth->jaas)
                                                         : oauth->options.subject_claim;
    struct cv_buf text = CV_BUF_INIT(2 * OAUTH_TOKEN_MAX);
    enum cv_rc rc = oauth_retrieve(oauth, deadline_ms, interrupt, &text, err);

    if (rc == CV_OK)
        rc = oauth_token_read(cv_buf_cstr(&text), text.len, subject, ret, err);
    if (rc == CV_OK)
        ret->refresh_ms = oauth_refresh_ms(&oauth->options, ret, cv_now_ms());
    cv_buf_wipe(&text);
    return rc == CV_OK ? rc : cv_err_context(err, "cannot get a token for SASL OAUTHBEARER");
}

/* The last token, if it is good at a wall time. */
static bool
last_token(struct cv_oauth *oauth, bool young, struct cv_oauth_token *ret)
{
    struct cv_oauth_token *last = &oauth->last;
    int64_t now_ms = cv_now_ms();
    struct cv_err err;
    bool good;

    cv_lock(&oauth->lock);
    good = last->text != NULL && now_ms < last->expires_ms - STILL_GOOD_MS;
    if (young)
        good = good && now_ms < last->refresh_ms;
    good = good && token_copy(last, ret, &err) == CV_OK;
    cv_unlock(&oauth->lock);
    return good;
}

enum cv_rc
cv_oauth_get(struct cv_oauth *oauth, int64_t deadline_ms, const struct cv_wake *interrupt,
             struct cv_oauth_token *ret, struct cv_err *err)
{
    struct cv_oauth_token token, copy;
    enum cv_rc rc;

    if (last_token(oauth, true, ret))
        return CV_OK;
    rc = cv_oauth_fetch(oauth, deadline_ms, interrupt, &token, err);
    if (rc != CV_OK)
        return last_token(oauth, false, ret) ? CV_OK : rc;
    rc = token_copy(&token, &copy, err);
    if (rc != CV_OK) {
        cv_oauth_token_done(&token);
        return rc;
    }
    cv_lock(&oauth->lock);
    cv_oauth_token_done(&oauth->last);
    oauth->last = copy;
    cv_unlock(&oauth->lock);
    *ret = token;
    return CV_OK;
}
