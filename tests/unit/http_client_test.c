/* SPDX-License-Identifier: Apache-2.0 */
/* The client against our own server: what it sends, what it takes, and when it gives up. */
#include <config.h>

#include "tests/helper/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <culvert/config.h>
#include <culvert/record.h>

#include "common/clock.h"
#include "common/http/client.h"
#include "common/http/router.h"
#include "tests/helper/raw_http.h"

static struct cv_http_router *router;
static struct cv_http_server *server;
static int port;

static void
describe(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    const char *h = cv_http_header(req, "X-Test");
    size_t len;
    const char *body = cv_http_body(req, &len);

    (void)arg;
    cv_buf_printf(&res->body, "%s %s h=%s b=%.*s", cv_http_method(req), cv_http_path(req),
                  h == NULL ? "-" : h, (int)len, body);
    if (cv_http_header(req, "Content-Type") != NULL)
        cv_buf_printf(&res->body, " t=%s", cv_http_header(req, "Content-Type"));
}

static void
redirect(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    (void)arg;
    (void)req;
    res->status = 302;
    cv_http_response_header(res, "Location", "/describe");
}

static void
large(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    (void)arg;
    (void)req;
    for (int i = 0; i < 1000; i++)
        cv_buf_str(&res->body, "0123456789");
}

static void
slow(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    (void)arg;
    (void)req;
    (void)res;
    (void)usleep(1500000);
}

static struct cv_http_stream *open_stream; /* what the last answer of /stream goes on with */

static void
stream(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    (void)arg;
    (void)req;
    open_stream = cv_http_response_stream(res, 65536);
    (void)cv_http_stream_write(open_stream, "one;", 4);
}

static const struct cv_route routes[] = {
    { "GET", "/stream", stream, 0, "" },
    { "GET", "/describe", describe, 0, "" },
    { "PUT", "/describe", describe, 0, "" },
    { "POST", "/describe", describe, 0, "" },
    { "GET", "/redirect", redirect, 0, "" },
    { "GET", "/large", large, 0, "" },
    { "GET", "/slow", slow, CV_ROUTE_WAITS, "" },
    { .method = NULL },
};

static int
setup(void **state)
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
teardown(void **state)
{
    (void)state;
    assert_true(cv_http_stop(server, 5000));
    cv_http_router_free(router);
    return 0;
}

static enum cv_rc
ask(struct cv_http_call call, const char *path, int *ret_status, struct cv_buf *body,
    struct cv_err *err)
{
    char url[128];

    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", port, path);
    call.url = url;
    if (call.timeout_ms == 0)
        call.timeout_ms = 5000;
    if (call.max_answer == 0)
        call.max_answer = 65536;
    return cv_http_request(&call, ret_status, body, err);
}

struct taken {
    char text[64];
    size_t enough; /* bytes */
};

/* Each piece is answered with another one, until the stream ends. */
static bool
take(void *arg, const char *data, size_t len)
{
    struct taken *taken = arg;

    (void)strncat(taken->text, data, len);
    if (strlen(taken->text) >= taken->enough)
        return false;
    if (strcmp(taken->text, "one;") == 0)
        (void)cv_http_stream_write(open_stream, "two;", 4);
    else
        cv_http_stream_close(open_stream);
    return true;
}

static bool
take_all(void *arg, const char *data, size_t len)
{
    (void)arg;
    (void)data;
    (void)len;
    return true;
}

static void
an_answer_that_goes_on_is_taken_as_it_comes(void **state)
{
    struct taken taken = { .enough = 60 };
    struct cv_buf body = CV_BUF_INIT(65536);
    struct cv_err err;
    int status = 0;

    (void)state;
    assert_int_equal(ask((struct cv_http_call){ .method = "GET", .take = take, .take_arg = &taken },
                         "/stream", &status, &body, &err),
                     CV_OK);
    assert_int_equal(status, 200);
    assert_string_equal(taken.text, "one;two;");
    assert_int_equal(body.len, 0);
    taken = (struct taken){ .enough = 4 }; /* who has enough ends it */
    assert_int_equal(ask((struct cv_http_call){ .method = "GET", .take = take, .take_arg = &taken },
                         "/stream", &status, &body, &err),
                     CV_RETRY);
    cv_http_stream_close(open_stream);
    /* Another status is no part of it. */
    assert_int_equal(ask((struct cv_http_call){ .method = "GET", .take = take, .take_arg = &taken },
                         "/nope", &status, &body, &err),
                     CV_OK);
    assert_int_equal(status, 404);
    assert_true(body.len > 0);
    cv_buf_free(&body);
}

static void
silence_ends_an_answer(void **state)
{
    struct cv_buf body = CV_BUF_INIT(65536);
    int64_t begin = cv_mono_ms();
    struct cv_err err;
    int status = 0;

    (void)state;
    assert_int_equal(
        ask((struct cv_http_call){ .method = "GET", .take = take_all, .silence_ms = 300, .timeout_ms = 30000 },
            "/stream", &status, &body, &err),
        CV_RETRY);
    assert_true(cv_mono_ms() - begin < 10000);
    cv_http_stream_close(open_stream);
    cv_buf_free(&body);
}

static void
method_headers_and_body_arrive(void **state)
{
    const struct cv_raw_header header = { "X-Test", { (const void *)"v", 1 } };
    struct cv_buf body = CV_BUF_INIT(65536);
    struct cv_err err;
    int status = 0;

    (void)state;
    assert_int_equal(
        ask(
            (struct cv_http_call){
                .method = "PUT", .headers = &header, .n_headers = 1, .body = "abc", .body_len = 3 },
            "/describe", &status, &body, &err),
        CV_OK);
    assert_int_equal(status, 200);
    assert_string_equal(cv_buf_cstr(&body), "PUT /describe h=v b=abc");
    cv_buf_reset(&body);
    assert_int_equal(
        ask((struct cv_http_call){ .method = "POST" }, "/describe", &status, &body, &err), CV_OK);
    assert_string_equal(cv_buf_cstr(&body), "POST /describe h=- b=");
    cv_buf_reset(&body);
    assert_int_equal(ask((struct cv_http_call){ .method = "GET" }, "/nope", &status, &body, &err),
                     CV_OK);
    assert_int_equal(status, 404);
    cv_buf_free(&body);
}

static void
redirects_are_not_followed(void **state)
{
    struct cv_buf body = CV_BUF_INIT(65536);
    struct cv_err err;
    int status = 0;

    (void)state;
    assert_int_equal(
        ask((struct cv_http_call){ .method = "GET" }, "/redirect", &status, &body, &err), CV_OK);
    assert_int_equal(status, 302);
    cv_buf_free(&body);
}

static void
an_answer_over_the_bound_is_refused(void **state)
{
    struct cv_buf body = CV_BUF_INIT(65536);
    struct cv_err err;
    int status = -7;

    (void)state;
    assert_int_equal(ask((struct cv_http_call){ .method = "GET", .max_answer = 9999 }, "/large",
                         &status, &body, &err),
                     CV_INVALID);
    assert_non_null(strstr(err.text, "is longer than 9999 bytes"));
    assert_int_equal(status, -7);
    cv_buf_reset(&body);
    assert_int_equal(ask((struct cv_http_call){ .method = "GET", .max_answer = 10000 }, "/large",
                         &status, &body, &err),
                     CV_OK);
    assert_int_equal(body.len, 10000);
    cv_buf_free(&body);
}

static void
the_deadline_holds(void **state)
{
    struct cv_buf body = CV_BUF_INIT(65536);
    int64_t began = cv_mono_ms();
    struct cv_err err;
    int status = -7;

    (void)state;
    assert_int_equal(ask((struct cv_http_call){ .method = "GET", .timeout_ms = 200 }, "/slow",
                         &status, &body, &err),
                     CV_RETRY);
    assert_true(cv_mono_ms() - began < 1200);
    assert_int_equal(status, -7);
    cv_buf_free(&body);
}

static void
nobody_there_can_be_retried_and_nonsense_cannot(void **state)
{
    struct cv_buf body = CV_BUF_INIT(65536);
    struct cv_http_call call = { .method = "GET", .timeout_ms = 2000, .max_answer = 100 };
    struct cv_err err;
    int status = -7;

    (void)state;
    call.url = "http://127.0.0.1:1/";
    assert_int_equal(cv_http_request(&call, &status, &body, &err), CV_RETRY);
    assert_non_null(strstr(err.text, "could not ask http://127.0.0.1:1/: "));
    call.url = "file:///etc/passwd";
    assert_int_equal(cv_http_request(&call, &status, &body, &err), CV_INVALID);
    assert_int_equal(status, -7);
    assert_int_equal(body.len, 0);
    cv_buf_free(&body);
}

static void
a_java_key_store_is_refused_with_what_to_do(void **state)
{
    char path[] = "/tmp/http_client_test.XXXXXX";
    int fd = mkstemp(path);
    struct cv_config *tls = cv_config_new();
    struct cv_http_call call = {
        .method = "GET", .url = "https://127.0.0.1:1/", .timeout_ms = 1000, .tls = tls
    };
    struct cv_buf body = CV_BUF_INIT(65536);
    struct cv_err err;
    int status;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "\xfe\xed\xfe\xed\0\0\0\2", 8), 8);
    assert_int_equal(close(fd), 0);
    assert_int_equal(cv_config_set(tls, "ssl.truststore.location", path, &err), CV_OK);
    assert_int_equal(cv_http_request(&call, &status, &body, &err), CV_INVALID);
    assert_non_null(strstr(err.text, "ssl.truststore.location"));
    assert_non_null(strstr(err.text, "keytool -importkeystore"));
    assert_int_equal(unlink(path), 0);
    cv_config_free(tls);
    cv_buf_free(&body);
}

static struct cv_config *
config_of(const char *key, const char *value, const char *key2, const char *value2)
{
    struct cv_config *cfg = cv_config_new();
    struct cv_err err;

    assert_non_null(cfg);
    assert_int_equal(cv_config_set(cfg, key, value, &err), CV_OK);
    if (key2 != NULL)
        assert_int_equal(cv_config_set(cfg, key2, value2, &err), CV_OK);
    return cfg;
}

static void
tls_is_spoken_with_whom_the_truststore_knows(void **state)
{
    struct cv_config *ours = config_of("ssl.keystore.location", TEST_DATA "/tls/keystore.pem",
                                       "ssl.keystore.type", "PEM");
    struct cv_config *theirs =
        config_of("ssl.truststore.location", TEST_DATA "/tls/certificate.pem", NULL, NULL);
    struct cv_http_listener listener = { "https", "127.0.0.1", 0 };
    struct cv_http_spec spec = {
        .listeners = &listener, .n_listeners = 1, .router = router, .tls = ours
    };
    struct cv_http_call call = {
        .method = "GET", .timeout_ms = 5000, .max_answer = 1000, .tls = theirs
    };
    struct cv_buf body = CV_BUF_INIT(65536);
    struct cv_http_server *https = NULL;
    struct cv_err err;
    char url[64];
    int status = 0;

    (void)state;
    if (cv_http_start(&spec, &https, &err) != CV_OK)
        fail_msg("%s", err.text);
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%d/describe", listener.port);
    call.url = url;
    if (cv_http_request(&call, &status, &body, &err) != CV_OK)
        fail_msg("%s", err.text);
    assert_string_equal(cv_buf_cstr(&body), "GET /describe h=- b=");
    call.tls = NULL; /* nobody vouches for the certificate */
    assert_int_equal(cv_http_request(&call, &status, &body, &err), CV_INVALID);
    assert_true(cv_http_stop(https, 5000));
    cv_buf_free(&body);
    cv_config_free(ours);
    cv_config_free(theirs);
}

static enum cv_rc
ask_describe(int tls_port, const struct cv_config *tls)
{
    struct cv_http_call call = { .method = "GET", .timeout_ms = 5000, .max_answer = 1000, .tls = tls };
    struct cv_buf body = CV_BUF_INIT(65536);
    struct cv_err err;
    char url[64];
    int status = 0;
    enum cv_rc rc;

    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%d/describe", tls_port);
    call.url = url;
    rc = cv_http_request(&call, &status, &body, &err);
    if (rc == CV_OK)
        assert_string_equal(cv_buf_cstr(&body), "GET /describe h=- b=");
    cv_buf_free(&body);
    return rc;
}

/* The test's certificate is its own authority; the stranger's is nobody's. */
static void
certificates_of_clients_are_asked_for_and_checked(void **state)
{
    static const struct {
        const char *mode;
        bool without, with, stranger; /* is let in */
    } rows[] = {
        { "none", true, true, true },
        { "requested", true, true, false },
        { "REQUIRED", false, true, false },
    };
    struct cv_config *with = config_of("ssl.truststore.location", TEST_DATA "/tls/certificate.pem",
                                       "ssl.keystore.location", TEST_DATA "/tls/keystore.pem");
    struct cv_config *stranger = config_of(
        "ssl.truststore.location", TEST_DATA "/tls/certificate.pem", "ssl.keystore.location",
        TEST_DATA "/tls/stranger.pem");
    struct cv_config *without =
        config_of("ssl.truststore.location", TEST_DATA "/tls/certificate.pem", NULL, NULL);

    (void)state;
    for (size_t i = 0; i < CV_COUNT(rows); i++) {
        struct cv_config *ours = cv_config_copy(with);
        struct cv_http_listener listener = { "https", "127.0.0.1", 0 };
        struct cv_http_spec spec = {
            .listeners = &listener, .n_listeners = 1, .router = router, .tls = ours
        };
        struct cv_http_server *https = NULL;
        struct cv_err err;

        print_message("%s\n", rows[i].mode);
        assert_int_equal(cv_config_set(ours, "ssl.client.auth", rows[i].mode, &err), CV_OK);
        if (cv_http_start(&spec, &https, &err) != CV_OK)
            fail_msg("%s", err.text);
        assert_int_equal(rows[i].without, ask_describe(listener.port, without) == CV_OK);
        assert_int_equal(rows[i].with, ask_describe(listener.port, with) == CV_OK);
        assert_int_equal(rows[i].stranger, ask_describe(listener.port, stranger) == CV_OK);
        assert_true(cv_http_stop(https, 5000));
        cv_config_free(ours);
    }
    cv_config_free(with);
    cv_config_free(without);
    cv_config_free(stranger);
}

static void
client_certificates_need_a_trust_store_and_a_known_word(void **state)
{
    struct cv_config *ours = config_of("ssl.keystore.location", TEST_DATA "/tls/keystore.pem",
                                       "ssl.client.auth", "required");
    struct cv_http_listener listener = { "https", "127.0.0.1", 0 };
    struct cv_http_spec spec = {
        .listeners = &listener, .n_listeners = 1, .router = router, .tls = ours
    };
    struct cv_http_server *https = NULL;
    struct cv_err err;

    (void)state;
    assert_int_equal(cv_http_start(&spec, &https, &err), CV_INVALID);
    assert_non_null(strstr(err.text, "ssl.truststore.location"));
    assert_int_equal(cv_config_set(ours, "ssl.client.auth", "want", &err), CV_OK);
    assert_int_equal(cv_http_start(&spec, &https, &err), CV_INVALID);
    assert_non_null(strstr(err.text, "ssl.client.auth"));
    assert_null(https);
    cv_config_free(ours);
}

static struct cv_config *
limited(const char *base_key, const char *base_value, const char *protocols, const char *suites)
{
    struct cv_config *cfg = config_of(base_key, base_value, NULL, NULL);
    struct cv_err err;

    if (protocols != NULL)
        assert_int_equal(cv_config_set(cfg, "ssl.enabled.protocols", protocols, &err), CV_OK);
    if (suites != NULL)
        assert_int_equal(cv_config_set(cfg, "ssl.cipher.suites", suites, &err), CV_OK);
    return cfg;
}

/* The key of the certificate is that of a curve. */
static void
versions_and_suites_are_those_of_the_settings(void **state)
{
    static const struct {
        const char *protocols, *suites;             /* of the server */
        const char *their_protocols, *their_suites; /* of the client */
        bool understood;
    } rows[] = {
        { NULL, NULL, "TLSv1.2", NULL, true },
        { NULL, NULL, "TLSv1.3", NULL, true },
        { "TLSv1.3", NULL, "TLSv1.2", NULL, false },
        { "TLSv1.3", NULL, "TLSv1.2,TLSv1.3", NULL, true },
        { "TLSv1.1, TLSv1.2", NULL, "TLSv1.3", NULL, false },
        { "TLSv1.2", NULL, "TLSv1.2", NULL, true },
        { NULL, "TLS_AES_256_GCM_SHA384", NULL, NULL, true },
        { NULL, "TLS_AES_256_GCM_SHA384", "TLSv1.2", NULL, false },
        { NULL, "TLS_AES_256_GCM_SHA384", "TLSv1.3", "TLS_AES_128_GCM_SHA256", false },
        { NULL, "TLS_AES_256_GCM_SHA384,TLS_AES_128_GCM_SHA256", NULL, "TLS_AES_128_GCM_SHA256", true },
        { NULL, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLSv1.3", NULL, false },
        { NULL, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", NULL, NULL, true },
        { NULL, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLSv1.2",
          "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", false },
        { NULL, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", NULL, NULL, true },
        { NULL, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", NULL, NULL, false },
        { NULL, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, TLS_CHACHA20_POLY1305_SHA256", NULL, NULL, true },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(rows); i++) {
        struct cv_config *ours = limited("ssl.keystore.location", TEST_DATA "/tls/keystore.pem",
                                         rows[i].protocols, rows[i].suites);
        struct cv_config *theirs = limited("ssl.truststore.location", TEST_DATA "/tls/certificate.pem",
                                           rows[i].their_protocols, rows[i].their_suites);
        struct cv_http_listener listener = { "https", "127.0.0.1", 0 };
        struct cv_http_spec spec = {
            .listeners = &listener, .n_listeners = 1, .router = router, .tls = ours
        };
        struct cv_http_server *https = NULL;
        struct cv_err err;

        print_message("row %zu\n", i);
        if (cv_http_start(&spec, &https, &err) != CV_OK)
            fail_msg("%s", err.text);
        assert_int_equal(rows[i].understood, ask_describe(listener.port, theirs) == CV_OK);
        assert_true(cv_http_stop(https, 5000));
        cv_config_free(ours);
        cv_config_free(theirs);
    }
}

static void
settings_that_leave_nothing_to_speak_are_refused(void **state)
{
    static const struct {
        const char *protocols, *suites, *key;
    } rows[] = {
        { "SSLv3,TLSv1.1", NULL, "ssl.enabled.protocols" },
        { "", NULL, "ssl.enabled.protocols" },
        { NULL, "TLS_NO_SUCH_SUITE", "ssl.cipher.suites" },
        { NULL, "TLS_AES_256_GCM_SHA384,rot13", "ssl.cipher.suites" },
        { "TLSv1.2", "TLS_AES_256_GCM_SHA384", "ssl.cipher.suites" },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(rows); i++) {
        struct cv_config *ours = limited("ssl.keystore.location", TEST_DATA "/tls/keystore.pem",
                                         rows[i].protocols, rows[i].suites);
        struct cv_http_listener listener = { "https", "127.0.0.1", 0 };
        struct cv_http_spec spec = {
            .listeners = &listener, .n_listeners = 1, .router = router, .tls = ours
        };
        struct cv_http_server *https = NULL;
        struct cv_err err;

        print_message("row %zu\n", i);
        assert_int_equal(cv_http_start(&spec, &https, &err), CV_INVALID);
        assert_non_null(strstr(err.text, rows[i].key));
        assert_null(https);
        cv_config_free(ours);
    }
}

static void
who_speaks_no_tls_on_its_port_is_cut_off_and_others_are_served(void **state)
{
    static const char *const hellos[] = { "GET /describe HTTP/1.1\r\nHost: x\r\n\r\n", "PRI * HTTP/2.0\r\n\r\n",
                                          "\x16\x03\x01\xff\xff half a hello" };
    struct cv_config *ours = config_of("ssl.keystore.location", TEST_DATA "/tls/keystore.pem", NULL, NULL);
    struct cv_config *theirs =
        config_of("ssl.truststore.location", TEST_DATA "/tls/certificate.pem", NULL, NULL);
    struct cv_http_limits limits = { .idle_ms = 500 };
    struct cv_http_listener listener = { "https", "127.0.0.1", 0 };
    struct cv_http_spec spec = {
        .listeners = &listener, .n_listeners = 1, .router = router, .tls = ours, .limits = &limits
    };
    struct cv_http_server *https = NULL;
    struct cv_err err;

    (void)state;
    if (cv_http_start(&spec, &https, &err) != CV_OK)
        fail_msg("%s", err.text);
    for (size_t i = 0; i < CV_COUNT(hellos); i++) {
        int fd = raw_connect(listener.port);
        struct raw_answer a;

        raw_send_text(fd, hellos[i]);
        assert_int_equal(ask_describe(listener.port, theirs), CV_OK);
        a = raw_read(fd, false); /* an alert at most, within the time limit */
        assert_int_equal(a.status, 0);
        raw_answer_done(&a);
        (void)close(fd);
    }
    assert_int_equal(ask_describe(listener.port, theirs), CV_OK);
    assert_true(cv_http_stop(https, 5000));
    cv_config_free(ours);
    cv_config_free(theirs);
}

static void
https_without_a_certificate_does_not_start(void **state)
{
    struct cv_http_listener listener = { "https", "127.0.0.1", 0 };
    struct cv_http_spec spec = { .listeners = &listener, .n_listeners = 1, .router = router };
    struct cv_http_server *https = NULL;
    struct cv_err err;

    (void)state;
    assert_int_equal(cv_http_start(&spec, &https, &err), CV_INVALID);
    assert_non_null(strstr(err.text, "ssl.keystore.location"));
    assert_null(https);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(method_headers_and_body_arrive),
        cmocka_unit_test(an_answer_that_goes_on_is_taken_as_it_comes),
        cmocka_unit_test(silence_ends_an_answer),
        cmocka_unit_test(redirects_are_not_followed),
        cmocka_unit_test(an_answer_over_the_bound_is_refused),
        cmocka_unit_test(the_deadline_holds),
        cmocka_unit_test(nobody_there_can_be_retried_and_nonsense_cannot),
        cmocka_unit_test(a_java_key_store_is_refused_with_what_to_do),
        cmocka_unit_test(tls_is_spoken_with_whom_the_truststore_knows),
        cmocka_unit_test(certificates_of_clients_are_asked_for_and_checked),
        cmocka_unit_test(client_certificates_need_a_trust_store_and_a_known_word),
        cmocka_unit_test(versions_and_suites_are_those_of_the_settings),
        cmocka_unit_test(settings_that_leave_nothing_to_speak_are_refused),
        cmocka_unit_test(who_speaks_no_tls_on_its_port_is_cut_off_and_others_are_served),
        cmocka_unit_test(https_without_a_certificate_does_not_start),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
