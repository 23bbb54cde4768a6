/* SPDX-License-Identifier: Apache-2.0 */
/* Keys to tokens, with our own server as the token endpoint. */
#include <config.h>

#include "tests/helper/cmocka_all.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/http/router.h"
#include "common/number.h"
#include "common/oauth/oauth.h"
#include "common/oauth/token.h"
#include "common/thread.h"

#define WALL_MS INT64_C(1700000000000)

static struct cv_http_router *router;
static struct cv_http_server *server;
static int port;

/* What the endpoint answers, and what it was asked. Handlers of requests that were given up run on. */
static pthread_mutex_t endpoint_lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    int status;
    char body[1024];
    int failures; /* so many 503 first */
    int asked;
    char authorization[256];
    char form[1024];
    int slow_ms;
} endpoint;

static void
token(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    const char *authorization = cv_http_header(req, "Authorization");
    size_t len;
    const char *form = cv_http_body(req, &len);
    int slow_ms;

    (void)arg;
    pthread_mutex_lock(&endpoint_lock);
    endpoint.asked++;
    (void)snprintf(endpoint.authorization, sizeof(endpoint.authorization), "%s",
                   authorization == NULL ? "" : authorization);
    (void)snprintf(endpoint.form, sizeof(endpoint.form), "%.*s", (int)len, form);
    slow_ms = endpoint.slow_ms;
    pthread_mutex_unlock(&endpoint_lock);
    usleep((useconds_t)slow_ms * 1000);
    pthread_mutex_lock(&endpoint_lock);
    res->status = endpoint.failures-- > 0 ? 503 : endpoint.status;
    cv_buf_str(&res->body, endpoint.body);
    pthread_mutex_unlock(&endpoint_lock);
}

static const struct cv_route routes[] = {
    { "POST", "/token", token, CV_ROUTE_WAITS, "" },
    { .method = NULL },
};

static int
start_server(void **state)
{
    struct cv_http_listener listener = { "http", "127.0.0.1", 0 };
    struct cv_http_spec spec = { .listeners = &listener, .n_listeners = 1 };
    struct cv_err err;

    (void)state;
    if (cv_http_router_new(routes, NULL, &router, &err) != CV_OK)
        return -1;
    spec.router = router;
    if (cv_http_start(&spec, &server, &err) != CV_OK)
        return -1;
    port = listener.port;
    return 0;
}

static int
stop_server(void **state)
{
    (void)state;
    assert_true(cv_http_stop(server, 5000));
    cv_http_router_free(router);
    return 0;
}

static void
add_part(struct cv_buf *out, const char *json)
{
    cv_base64_url(out, json, strlen(json));
    while (out->data[out->len - 1] == '=')
        cv_buf_truncate(out, out->len - 1);
}

/* A token of these claims; valid until the next call. */
static const char *
token_of(const char *claims)
{
    static char text[1024];
    struct cv_buf out = CV_BUF_INIT(1024);

    add_part(&out, "{\"alg\":\"RS256\"}");
    cv_buf_char(&out, '.');
    add_part(&out, claims);
    cv_buf_str(&out, ".c2ln");
    (void)snprintf(text, sizeof(text), "%s", cv_buf_cstr(&out));
    cv_buf_free(&out);
    return text;
}

static void
give_token(int64_t lifetime_ms)
{
    char claims[128];

    (void)snprintf(claims, sizeof(claims), "{\"sub\":\"svc\",\"iat\":%.3f,\"exp\":%.3f}",
                   (double)cv_now_ms() / 1000.0, (double)(cv_now_ms() + lifetime_ms) / 1000.0);
    pthread_mutex_lock(&endpoint_lock);
    memset(&endpoint, 0, sizeof(endpoint));
    endpoint.status = 200;
    (void)snprintf(endpoint.body, sizeof(endpoint.body), "{\"access_token\":\"%s\",\"x\":{}}",
                   token_of(claims));
    pthread_mutex_unlock(&endpoint_lock);
}

#define MODULE "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required "

/* Keys and values, NULL at the end; "URL" stands for the endpoint's. */
static enum cv_rc
oauth_of(const char *const *pairs, struct cv_oauth **ret, struct cv_err *err)
{
    struct cv_config *cfg = cv_config_new();
    char url[64];
    enum cv_rc rc;

    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d/token", port);
    for (; *pairs != NULL; pairs += 2)
        assert_int_equal(CV_OK, cv_config_set(cfg, pairs[0],
                                              strcmp(pairs[1], "URL") == 0 ? url : pairs[1], err));
    rc = cv_oauth_new(cfg, ret, err);
    cv_config_free(cfg);
    return rc;
}

static struct cv_oauth *
good_oauth(const char *const *pairs)
{
    struct cv_oauth *oauth = NULL;
    struct cv_err err;

    if (oauth_of(pairs, &oauth, &err) != CV_OK)
        fail_msg("%s", err.text);
    return oauth;
}

static const char *const credentials[] = {
    "sasl.oauthbearer.token.endpoint.url", "URL", "sasl.jaas.config",
    MODULE "clientId=\"a b\" clientSecret=\"s:/?\" scope=\"read write\";", NULL
};

/* The next token at 80 % of the life of one. */
static const char *const punctual[] = {
    "sasl.oauthbearer.token.endpoint.url", "URL", "sasl.jaas.config", MODULE "clientId=a clientSecret=b;",
    "sasl.login.refresh.window.jitter", "0", NULL
};

static struct cv_oauth_token
good_token(struct cv_oauth *oauth)
{
    struct cv_oauth_token got = { 0 };
    struct cv_err err;

    if (cv_oauth_fetch(oauth, cv_mono_ms() + 5000, NULL, &got, &err) != CV_OK)
        fail_msg("%s", err.text);
    return got;
}

static void
check_refused(struct cv_oauth *oauth, enum cv_rc rc, const char *text)
{
    struct cv_oauth_token got = { 0 };
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(rc, cv_oauth_fetch(oauth, cv_mono_ms() + 5000, NULL, &got, &err));
    assert_null(got.text);
    if (strstr(err.text, text) == NULL)
        fail_msg("\"%s\" does not contain \"%s\"", err.text, text);
    assert_null(strstr(err.text, "s:/?"));
}

static void
client_credentials_are_sent_as_java_does(void **state)
{
    struct cv_oauth *oauth = good_oauth(credentials);
    struct cv_oauth_token got;

    (void)state;
    give_token(60000);
    got = good_token(oauth);
    assert_string_equal("Basic YSBiOnM6Lz8=", endpoint.authorization);
    assert_string_equal("grant_type=client_credentials&scope=read%20write", endpoint.form);
    assert_string_equal("svc", got.principal);
    assert_in_range(got.expires_ms, cv_now_ms() + 50000, cv_now_ms() + 60000);
    cv_oauth_token_done(&got);
    cv_oauth_free(oauth);
}

static void
keys_come_before_jaas_and_are_encoded_on_request(void **state)
{
    static const char *const pairs[] = {
        "sasl.oauthbearer.token.endpoint.url",
        "URL",
        "sasl.oauthbearer.client.credentials.client.id",
        "c",
        "sasl.oauthbearer.client.credentials.client.secret",
        "s:/?",
        "sasl.oauthbearer.header.urlencode",
        "true",
        "sasl.jaas.config",
        MODULE "clientId=other clientSecret=other;",
        NULL
    };
    struct cv_oauth *oauth = good_oauth(pairs);
    struct cv_oauth_token got;

    (void)state;
    give_token(60000);
    got = good_token(oauth);
    assert_string_equal("Basic YzpzJTNBJTJGJTNG", endpoint.authorization); /* c:s%3A%2F%3F */
    assert_string_equal("grant_type=client_credentials", endpoint.form);
    cv_oauth_token_done(&got);
    cv_oauth_free(oauth);
}

static void
an_assertion_goes_out_instead_of_a_client(void **state)
{
    char path[] = "/tmp/culvert-assertion-XXXXXX";
    const char *const pairs[] = { "sasl.oauthbearer.token.endpoint.url",
                                  "URL",
                                  "sasl.oauthbearer.jwt.retriever.class",
                                  "org.apache.kafka.common.security.oauthbearer.JwtBearerJwtRetriever",
                                  "sasl.oauthbearer.assertion.file",
                                  path,
                                  "sasl.oauthbearer.scope",
                                  "read write",
                                  NULL };
    int fd = mkstemp(path);
    struct cv_oauth_token got;
    struct cv_oauth *oauth;

    (void)state;
    assert_int_equal(8, write(fd, "ab.c+.d\n", 8));
    oauth = good_oauth(pairs);
    give_token(60000);
    got = good_token(oauth);
    assert_string_equal("", endpoint.authorization);
    assert_string_equal("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=ab.c%2B.d"
                        "&scope=read%20write",
                        endpoint.form);
    assert_string_equal("svc", got.principal);
    cv_oauth_token_done(&got);
    assert_int_equal(3, pwrite(fd, "new", 3, 0)); /* read anew */
    give_token(60000);
    got = good_token(oauth);
    assert_non_null(strstr(endpoint.form, "&assertion=newc%2B.d&"));
    cv_oauth_token_done(&got);
    cv_oauth_free(oauth);
    (void)close(fd);
    (void)unlink(path);
}

static void
refusal_of_the_endpoint_is_told_and_final(void **state)
{
    struct cv_oauth *oauth = good_oauth(credentials);

    (void)state;
    give_token(60000);
    endpoint.status = 401;
    (void)snprintf(endpoint.body, sizeof(endpoint.body),
                   "{\"error\":\"invalid_client\",\"error_description\":\"no\\nsuch client\"}");
    check_refused(oauth, CV_INVALID,
                  "answered with status 401: invalid_client, no such client; check clientId");
    assert_int_equal(1, endpoint.asked);
    (void)snprintf(endpoint.body, sizeof(endpoint.body), "<html>");
    check_refused(oauth, CV_INVALID, "answered with status 401; check clientId");
    endpoint.status = 200;
    check_refused(oauth, CV_INVALID, "gives no token: the answer is not a JSON object");
    (void)snprintf(endpoint.body, sizeof(endpoint.body), "{\"token\":\"x\"}");
    check_refused(oauth, CV_INVALID, "the answer has no \"access_token\"");
    (void)snprintf(endpoint.body, sizeof(endpoint.body), "{\"access_token\":\"x\"}");
    check_refused(oauth, CV_INVALID, "it does not have three parts");
    cv_oauth_free(oauth);
}

static void
what_passes_is_tried_again(void **state)
{
    static const char *const pairs[] = {
        "sasl.oauthbearer.token.endpoint.url", "URL", "sasl.login.retry.backoff.ms", "10",
        "sasl.login.retry.backoff.max.ms",     "200", "sasl.jaas.config",
        MODULE "clientId=c clientSecret=s;",   NULL
    };
    struct cv_oauth *oauth = good_oauth(pairs);
    struct cv_oauth_token got;

    (void)state;
    give_token(60000);
    endpoint.failures = 2;
    got = good_token(oauth);
    assert_int_equal(3, endpoint.asked);
    cv_oauth_token_done(&got);
    endpoint.failures = 1000;
    check_refused(oauth, CV_RETRY, "status 503");
    cv_oauth_free(oauth);
}

static void
signal_ends_a_fetch(void **state)
{
    struct cv_oauth *oauth = good_oauth(credentials);
    struct cv_oauth_token got = { 0 };
    struct cv_wake wake;
    struct cv_err err;
    int64_t start_ms = cv_mono_ms();

    (void)state;
    give_token(60000);
    endpoint.slow_ms = 3000;
    assert_int_equal(CV_OK, cv_wake_init(&wake, &err));
    cv_wake_signal(&wake);
    assert_int_equal(CV_RETRY, cv_oauth_fetch(oauth, cv_mono_ms() + 9000, &wake, &got, &err));
    assert_true(cv_mono_ms() - start_ms < 2500);
    assert_int_equal(CV_RETRY, cv_oauth_fetch(oauth, cv_mono_ms() + 100, NULL, &got, &err));
    assert_true(cv_mono_ms() - start_ms < 2900);
    cv_wake_done(&wake);
    cv_oauth_free(oauth);
}

/* A token is asked for when most of the last one's life is over; if none is to be had, the last one
   is as good as it was. */
static void
token_is_kept_until_most_of_its_life_is_over(void **state)
{
    struct cv_oauth *oauth = good_oauth(punctual);
    struct cv_oauth_token got;
    struct cv_err err;

    (void)state;
    cv_clock_test_stop(WALL_MS, 1000);
    give_token(100000);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(CV_OK, cv_oauth_get(oauth, 9000, NULL, &got, &err));
        cv_oauth_token_done(&got);
    }
    assert_int_equal(1, endpoint.asked);
    cv_clock_test_advance(79000);
    assert_int_equal(CV_OK, cv_oauth_get(oauth, cv_mono_ms() + 9000, NULL, &got, &err));
    cv_oauth_token_done(&got);
    assert_int_equal(1, endpoint.asked);
    cv_clock_test_advance(2000);
    endpoint.status = 400;
    assert_int_equal(CV_OK, cv_oauth_get(oauth, cv_mono_ms() + 9000, NULL, &got, &err));
    assert_int_equal(WALL_MS + 100000, got.expires_ms);
    cv_oauth_token_done(&got);
    assert_int_equal(2, endpoint.asked);
    give_token(100000);
    assert_int_equal(CV_OK, cv_oauth_get(oauth, cv_mono_ms() + 9000, NULL, &got, &err));
    assert_int_equal(WALL_MS + 181000, got.expires_ms);
    cv_oauth_token_done(&got);
    cv_clock_test_advance(99500);
    endpoint.status = 400;
    assert_int_equal(CV_INVALID, cv_oauth_get(oauth, cv_mono_ms() + 9000, NULL, &got, &err));
    cv_clock_test_run();
    cv_oauth_free(oauth);
}

/* As Java's clients compute it from sasl.login.refresh.*: at a part of the life, but so long before its end and so long
   behind the last one, where the life is long enough for both. */
static void
the_next_token_is_asked_for_when_the_keys_say(void **state)
{
    static const struct {
        const char *factor, *jitter, *min_period, *buffer;
        int life_s, from_s, to_s; /* from the token's coming on */
    } cases[] = {
        { "0.8", "0", "60", "300", 3600, 2880, 2880 },
        { "0.8", "0.05", "60", "300", 3600, 2880, 3060 },
        { "1", "0", "60", "300", 3600, 3300, 3300 },
        { "0.5", "0", "900", "0", 1000, 900, 900 },
        { "0.8", "0", "60", "300", 100, 80, 80 },
        { "0.5", "0.25", "900", "3600", 100, 50, 75 },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        const char *const pairs[] = { "sasl.oauthbearer.token.endpoint.url",   "URL",
                                      "sasl.jaas.config",                      MODULE "clientId=a clientSecret=b;",
                                      "sasl.login.refresh.window.factor",      cases[i].factor,
                                      "sasl.login.refresh.window.jitter",      cases[i].jitter,
                                      "sasl.login.refresh.min.period.seconds", cases[i].min_period,
                                      "sasl.login.refresh.buffer.seconds",     cases[i].buffer,
                                      NULL };
        struct cv_oauth *oauth = good_oauth(pairs);
        struct cv_oauth_token got;

        cv_clock_test_stop(WALL_MS, 1000);
        give_token(cases[i].life_s * 1000);
        got = good_token(oauth);
        print_message("case %zu: %lld ms\n", i, (long long)(got.refresh_ms - WALL_MS));
        assert_in_range(got.refresh_ms - WALL_MS, cases[i].from_s * 1000, cases[i].to_s * 1000);
        cv_oauth_token_done(&got);
        cv_clock_test_run();
        cv_oauth_free(oauth);
    }
}

static void
unsecured_token_has_the_claims_of_its_options(void **state)
{
    static const char *const pairs[] = {
        "sasl.jaas.config",
        MODULE "unsecuredLoginStringClaim_who=\"a\\\"lice\" unsecuredLoginPrincipalClaimName=who "
               "unsecuredLoginNumberClaim_n=1.5 unsecuredLoginListClaim_scope=\"|a|b\" "
               "unsecuredLoginLifetimeSeconds=20 unsecuredLoginExtension_traceId=7;",
        "sasl.oauthbearer.extensions",
        "Cluster=east,Zone=1",
        NULL
    };
    struct cv_oauth *oauth = good_oauth(pairs);
    struct cv_oauth_token got;
    const char *const *extensions;
    const char *payload;
    struct cv_buf claims = CV_BUF_INIT(1024), padded = CV_BUF_INIT(1024);
    struct cv_err err;
    size_t n;

    (void)state;
    cv_clock_test_stop(WALL_MS, 1000);
    got = good_token(oauth);
    assert_string_equal("a\"lice", got.principal);
    assert_int_equal(WALL_MS + 20000, got.expires_ms);
    assert_memory_equal("eyJhbGciOiJub25lIn0.", got.text, 20); /* {"alg":"none"} */
    payload = got.text + 20;
    assert_int_equal('.', got.text[strlen(got.text) - 1]);
    cv_buf_add(&padded, payload, strlen(payload) - 1);
    while (padded.len % 4 != 0)
        cv_buf_char(&padded, '=');
    assert_int_equal(CV_OK, cv_base64_decode(cv_buf_cstr(&padded), padded.len, &claims, &err));
    assert_string_equal("{\"who\":\"a\\\"lice\",\"n\":1.5,\"scope\":[\"a\",\"b\"],\"iat\":1.7E9,"
                        "\"exp\":1.70000002E9}",
                        cv_buf_cstr(&claims));
    extensions = cv_oauth_extensions(oauth, &n);
    assert_int_equal(6, n);
    assert_string_equal("traceId", extensions[0]);
    assert_string_equal("7", extensions[1]);
    assert_string_equal("Zone", extensions[4]);
    cv_clock_test_run();
    cv_buf_free(&claims);
    cv_buf_free(&padded);
    cv_oauth_token_done(&got);
    cv_oauth_free(oauth);
}

static void
token_is_read_from_a_file_anew_each_time(void **state)
{
    char path[] = "/tmp/culvert-token-XXXXXX", url[64];
    const char *const pairs[] = { "sasl.oauthbearer.token.endpoint.url", url, NULL };
    int fd = mkstemp(path);
    struct cv_oauth *oauth;
    struct cv_oauth_token got;

    (void)state;
    assert_true(fd >= 0);
    (void)snprintf(url, sizeof(url), "file://%s", path);
    assert_true(dprintf(fd, "%s\n", token_of("{\"sub\":\"one\",\"exp\":99999999999}")) > 0);
    oauth = good_oauth(pairs);
    got = good_token(oauth);
    assert_string_equal("one", got.principal);
    cv_oauth_token_done(&got);
    assert_int_equal(0, ftruncate(fd, 0));
    assert_int_equal(0, lseek(fd, 0, SEEK_SET));
    check_refused(oauth, CV_INVALID, "three parts");
    (void)close(fd);
    (void)unlink(path);
    check_refused(oauth, CV_RETRY, path);
    cv_oauth_free(oauth);
}

static void
wrong_keys_name_key_and_remedy(void **state)
{
#define URL_KEY "sasl.oauthbearer.token.endpoint.url"
    static const struct {
        const char *pairs[9];
        const char *texts[2];
    } rows[] = {
        { { NULL }, { URL_KEY, "clientId" } },
        { { "sasl.jaas.config", MODULE ";" }, { URL_KEY, "unsecuredLoginStringClaim_sub" } },
        { { "sasl.jaas.config", "x.PlainLoginModule required username=u password=topsecret;" },
          { "PlainLoginModule", "needs the OAuthBearerLoginModule" } },
        { { "sasl.jaas.config", "OAuthBearerLoginModule topsecret" }, { "sasl.jaas.config" } },
        { { URL_KEY, "ldap://x" }, { "\"ldap://x\"", "https://" } },
        { { URL_KEY, "file:token" }, { "file:///path" } },
        { { URL_KEY, "https://u:topsecret@x/token" }, { "holds a user", "clientSecret" } },
        { { URL_KEY, "https://x/token" }, { "clientId", "client.credentials.client.id" } },
        { { URL_KEY, "https://x/token", "sasl.jaas.config", MODULE "clientId=c;" },
          { "clientSecret" } },
        { { URL_KEY, "URL", "sasl.login.read.timeout.ms", "soon" },
          { "sasl.login.read.timeout.ms", "soon" } },
        { { URL_KEY, "URL", "sasl.login.refresh.window.factor", "1.01" },
          { "sasl.login.refresh.window.factor", "between 0.50 and 1.00" } },
        { { URL_KEY, "URL", "sasl.login.refresh.buffer.seconds", "3601" },
          { "sasl.login.refresh.buffer.seconds", "no more than 3600" } },
        { { URL_KEY, "URL", "sasl.oauthbearer.jwt.retriever.class", "a.OwnRetriever" },
          { "sasl.oauthbearer.jwt.retriever.class", "remove the key" } },
        { { "sasl.oauthbearer.jwt.retriever.class", "a.JwtBearerJwtRetriever" }, { "JwtBearerJwtRetriever", URL_KEY } },
        { { "sasl.jaas.config", MODULE "unsecuredLoginStringClaim_sub=a "
                                       "unsecuredLoginExtension_auth=b;" },
          { "\"auth\"", "letters" } },
        { { "sasl.jaas.config", MODULE "unsecuredLoginStringClaim_sub=a;",
            "sasl.oauthbearer.extensions", "a1=b" },
          { "\"a1\"" } },
        { { "sasl.jaas.config", MODULE "unsecuredLoginStringClaim_sub=a;",
            "sasl.oauthbearer.extensions", "ab" },
          { "\"ab\"" } },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(rows); i++) {
        struct cv_oauth *oauth = NULL;
        struct cv_err err = CV_ERR_INIT;

        if (oauth_of(rows[i].pairs, &oauth, &err) != CV_INVALID)
            fail_msg("row %zu is accepted, or fails otherwise: %s", i, err.text);
        assert_null(oauth);
        assert_null(strstr(err.text, "topsecret"));
        for (size_t j = 0; j < 2 && rows[i].texts[j] != NULL; j++)
            if (strstr(err.text, rows[i].texts[j]) == NULL)
                fail_msg("row %zu: \"%s\" does not contain \"%s\"", i, err.text, rows[i].texts[j]);
    }
}

static void
bad_options_of_unsecured_tokens_are_refused(void **state)
{
    static const struct {
        const char *options;
        const char *text;
    } rows[] = {
        { "unsecuredLoginStringClaim_x=a", "no claim \"sub\"" },
        { "unsecuredLoginStringClaim_sub=\" \"", "no claim \"sub\"" },
        { "unsecuredLoginStringClaim_sub=a unsecuredLoginNumberClaim_exp=1", "it expired" },
        { "unsecuredLoginStringClaim_sub=a unsecuredLoginNumberClaim_exp=x",
          "unsecuredLoginNumberClaim_exp is not a number" },
        { "unsecuredLoginStringClaim_sub=a unsecuredLoginLifetimeSeconds=0",
          "unsecuredLoginLifetimeSeconds is not a number above 0" },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(rows); i++) {
        char jaas[512];
        const char *const pairs[] = { "sasl.jaas.config", jaas, NULL };
        struct cv_oauth *oauth;

        (void)snprintf(jaas, sizeof(jaas), "%s%s;", MODULE, rows[i].options);
        oauth = good_oauth(pairs);
        check_refused(oauth, CV_INVALID, rows[i].text);
        cv_oauth_free(oauth);
    }
}

static void
tokens_out_of_form_are_refused(void **state)
{
    static const struct {
        const char *token;
        const char *text;
    } rows[] = {
        { "", "three parts" },
        { "..", "three parts" },
        { "e30.e30", "three parts" },
        { "e30.e30.e30.e30", "three parts" },
        { "e30.e3+.x", "not base64url" },
        { "e30.e.", "not base64url" },
        { "e30.e30=.", "not base64url" },
        { "bnVsbA.e30.", "its header is not a JSON object" },
        { "e30.bnVsbA.", "its claims are not a JSON object" },
        { "e30.e30.", "no claim \"sub\"" },
    };
    static const char *const claims[][2] = {
        { "{\"sub\":1,\"exp\":99999999999}", "no claim \"sub\"" },
        { "{\"sub\":\"a\\u0000b\",\"exp\":99999999999}", "no claim \"sub\"" },
        { "{\"sub\":\"a\"}", "no claim \"exp\"" },
        { "{\"sub\":\"a\",\"exp\":\"99999999999\"}", "no claim \"exp\"" },
        { "{\"sub\":\"a\",\"exp\":-1}", "no claim \"exp\"" },
        { "{\"sub\":\"a\",\"exp\":1e300}", "no claim \"exp\"" },
        { "{\"sub\":\"a\",\"exp\":1700000000000}", "no claim \"exp\"" },
        { "{\"sub\":\"a\",\"exp\":1000}", "it expired" },
        { "{\"sub\":\"a\",\"exp\":99999999999} x", "not a JSON object" },
    };
    struct cv_oauth_token got = { 0 };
    struct cv_err err;

    (void)state;
    for (size_t i = 0; i < CV_COUNT(rows) + CV_COUNT(claims); i++) {
        bool first = i < CV_COUNT(rows);
        size_t c = first ? 0 : i - CV_COUNT(rows);
        const char *text = first ? rows[i].token : token_of(claims[c][0]);
        const char *why = first ? rows[i].text : claims[c][1];

        assert_int_equal(CV_INVALID, oauth_token_read(text, strlen(text), "sub", &got, &err));
        if (strstr(err.text, why) == NULL)
            fail_msg("row %zu: \"%s\" does not contain \"%s\"", i, err.text, why);
        assert_null(got.text);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(client_credentials_are_sent_as_java_does),
        cmocka_unit_test(keys_come_before_jaas_and_are_encoded_on_request),
        cmocka_unit_test(an_assertion_goes_out_instead_of_a_client),
        cmocka_unit_test(refusal_of_the_endpoint_is_told_and_final),
        cmocka_unit_test(what_passes_is_tried_again),
        cmocka_unit_test(signal_ends_a_fetch),
        cmocka_unit_test(token_is_kept_until_most_of_its_life_is_over),
        cmocka_unit_test(the_next_token_is_asked_for_when_the_keys_say),
        cmocka_unit_test(unsecured_token_has_the_claims_of_its_options),
        cmocka_unit_test(token_is_read_from_a_file_anew_each_time),
        cmocka_unit_test(wrong_keys_name_key_and_remedy),
        cmocka_unit_test(bad_options_of_unsecured_tokens_are_refused),
        cmocka_unit_test(tokens_out_of_form_are_refused),
    };

    return cmocka_run_group_tests(tests, start_server, stop_server);
}
