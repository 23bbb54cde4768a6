/* SPDX-License-Identifier: Apache-2.0 */
/* Every endpoint over a socket against a herder in memory: status, text, order of fields, headers.
 */
#include <config.h>

#include "tests/helper/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/log.h"
#include "common/metrics.h"
#include "rest/rest.h"
#include "tests/helper/fake_herder.h"
#include "tests/helper/raw_http.h"

#define JSON_TYPE "Content-Type: application/json\r\n"
#define SOURCE    "\"connector.class\":\"TestSource\",\"topic\":\"t\""

struct worker {
    struct rest *rest;
    struct herder *herder;
    int port;
};

static struct rest_spec
basic_spec(void)
{
    return (struct rest_spec){ .listeners = "http://127.0.0.1:0",
                               .connect_version = "4.1.0",
                               .version = "0.1",
                               .commit = "abc",
                               .plugins = fake_plugins() };
}

static int
port_of(const struct rest *rest)
{
    return atoi(strrchr(rest_worker_id(rest), ':') + 1);
}

static struct worker
start(struct rest_spec spec)
{
    struct worker w = { 0 };
    struct cv_err err;

    if (rest_start(&spec, &w.rest, &err) != CV_OK)
        fail_msg("%s", err.text);
    w.port = port_of(w.rest);
    w.herder = fake_herder_new(rest_worker_id(w.rest), rest_url(w.rest));
    rest_ready(w.rest, w.herder);
    return w;
}

static void
stop(struct worker *w)
{
    assert_true(rest_stop(w->rest, 5000));
    fake_herder_free(w->herder);
}

static int
setup(void **state)
{
    struct worker *w = malloc(sizeof(*w));

    if (w == NULL)
        return -1;
    *w = start(basic_spec());
    *state = w;
    return 0;
}

static int
teardown(void **state)
{
    stop(*state);
    free(*state);
    return 0;
}

static struct raw_answer
call(struct worker *w, const char *method, const char *path, const char *body)
{
    return raw_call(w->port, method, path, body == NULL ? NULL : JSON_TYPE, body);
}

/* The whole body must be this; NULL: empty. */
static void
expect(struct worker *w, const char *method, const char *path, const char *body, int status,
       const char *answer)
{
    struct raw_answer a = call(w, method, path, body);

    if (a.status != status || strcmp(a.body, answer == NULL ? "" : answer) != 0)
        fail_msg("%s %s: %d %s\n  expected %d %s", method, path, a.status, a.body, status,
                 answer == NULL ? "" : answer);
    raw_answer_done(&a);
}

/* An error whose message begins so. */
static void
expect_error(struct worker *w, const char *method, const char *path, const char *body, int status,
             const char *message)
{
    struct raw_answer a = call(w, method, path, body);
    char *type = raw_header(&a, "Content-Type");
    char start_text[1024];

    (void)snprintf(start_text, sizeof(start_text), "{\"error_code\":%d,\"message\":\"%s", status,
                   message);
    if (a.status != status || strncmp(a.body, start_text, strlen(start_text)) != 0)
        fail_msg("%s %s: %d %s\n  expected %s", method, path, a.status, a.body, start_text);
    assert_string_equal(type, "application/json");
    free(type);
    raw_answer_done(&a);
}

static void
create(struct worker *w, const char *name)
{
    char body[512];
    struct raw_answer a;

    (void)snprintf(body, sizeof(body), "{\"name\":\"%s\",\"config\":{" SOURCE "}}", name);
    a = call(w, "POST", "/connectors", body);
    assert_int_equal(a.status, 201);
    raw_answer_done(&a);
}

/* ---- root, health, life cycle ---- */

static void
root_health_and_version_answer(void **state)
{
    struct worker *w = *state;

    expect(w, "GET", "/", NULL, 200,
           "{\"version\":\"4.1.0\",\"commit\":\"abc\",\"kafka_cluster_id\":\"a-cluster\"}");
    expect(w, "GET", "/culvert/version", NULL, 200,
           "{\"version\":\"0.1\",\"commit\":\"abc\",\"connect_version\":\"4.1.0\"}");
    expect(w, "GET", "/health", NULL, 200,
           "{\"status\":\"healthy\",\"message\":\"Worker has completed startup and is ready to "
           "handle requests.\"}");
    fake_herder_health(w->herder, CV_RETRY,
                       "Worker is still starting up. The worker is currently x.");
    expect(w, "GET", "/health", NULL, 503,
           "{\"status\":\"starting\",\"message\":\"Worker is still starting up. The worker is "
           "currently x.\"}");
    fake_herder_health(w->herder, CV_INTERNAL, "Worker was unable to handle this request");
    expect(w, "GET", "/health/", NULL, 500,
           "{\"status\":\"unhealthy\",\"message\":\"Worker was unable to handle this request\"}");
}

static void
before_the_herder_is_there_requests_are_503(void **state)
{
    struct rest_spec spec = basic_spec();
    struct worker w = { 0 };
    struct raw_answer a;
    struct cv_err err;

    (void)state;
    assert_int_equal(rest_start(&spec, &w.rest, &err), CV_OK);
    w.port = port_of(w.rest);
    expect(&w, "GET", "/connectors", NULL, 503,
           "{\"error_code\":503,\"message\":\"The worker is still starting up\"}");
    expect(&w, "GET", "/health", NULL, 503,
           "{\"status\":\"starting\",\"message\":\"Worker is still starting up.\"}");
    expect(&w, "GET", "/", NULL, 200,
           "{\"version\":\"4.1.0\",\"commit\":\"abc\",\"kafka_cluster_id\":\"\"}");
    expect_error(&w, "GET", "/nope", NULL, 404, "HTTP 404 Not Found");
    a = call(&w, "GET", "/metrics", NULL);
    assert_int_equal(a.status, 200);
    raw_answer_done(&a);
    w.herder = fake_herder_new("x", "y");
    rest_ready(w.rest, w.herder);
    expect(&w, "GET", "/connectors", NULL, 200, "[]");
    stop(&w);
}

static void
metrics_are_prometheus_text_for_any_accept(void **state)
{
    struct worker *w = *state;
    struct raw_answer a =
        raw_call(w->port, "GET", "/metrics", "Accept: text/plain;version=0.0.4\r\n", NULL);
    char *type = raw_header(&a, "Content-Type");

    assert_int_equal(a.status, 200);
    assert_string_equal(type, "text/plain; version=0.0.4; charset=utf-8");
    assert_non_null(strstr(a.body, "\nprocess_resident_memory_bytes "));
    assert_non_null(strstr(a.body, "\nprocess_cpu_seconds_total "));
    assert_non_null(strstr(a.body, "culvert_http_responses_total{class=\"2xx\"}"));
    assert_non_null(strstr(a.body, "\nkafka_connect_version_info{clientId=\"connect-127.0.0.1:"));
    assert_null(strstr(a.body, "kafka_connect_app_info"));
    free(type);
    raw_answer_done(&a);
    a = raw_call(w->port, "GET", "/metrics?dialect=confluent", NULL, NULL);
    assert_non_null(strstr(a.body, "\nprocess_resident_memory_bytes "));
    assert_non_null(strstr(a.body, "\nkafka_connect_app_info{client_id=\"connect-127.0.0.1:"));
    assert_non_null(strstr(a.body, ",version=\"4.1.0\"} 1\n"));
    assert_non_null(strstr(a.body, "\nkafka_connect_app{client_id=\"connect-127.0.0.1:"));
    assert_non_null(strstr(a.body, ",start_time_ms=\"1"));
    assert_null(strstr(a.body, "kafka_connect_version_info"));
    raw_answer_done(&a);
}

/* ---- create ---- */

static void
create_answers_201_with_location_and_the_config_in_request_order(void **state)
{
    struct worker *w = *state;
    struct raw_answer a = call(w, "POST", "/connectors",
                               "{\"name\":\" c 1 \",\"config\":{" SOURCE
                               ",\"tasks.max\":1,\"x\":1.50,\"y\":true,\"z\":1e3,"
                               "\"big\":99999999999999999999,\"n\":null}}");
    char *location = raw_header(&a, "Location");
    char expected[128];

    assert_int_equal(a.status, 201);
    (void)snprintf(expected, sizeof(expected), "http://127.0.0.1:%d/connectors/c%%201", w->port);
    assert_string_equal(location, expected);
    assert_string_equal(
        a.body, "{\"name\":\"c 1\",\"config\":{\"connector.class\":\"TestSource\",\"topic\":\"t\","
                "\"tasks.max\":\"1\",\"x\":\"1.50\",\"y\":\"true\",\"z\":\"1e3\","
                "\"big\":\"99999999999999999999\",\"n\":null,\"name\":\"c 1\"},\"tasks\":[],"
                "\"type\":\"source\"}");
    free(location);
    raw_answer_done(&a);
    expect_error(w, "POST", "/connectors", "{\"name\":\"c 1\",\"config\":{" SOURCE "}}", 409,
                 "Connector c 1 already exists\"}");
}

static void
create_checks_name_class_and_options(void **state)
{
    struct worker *w = *state;

    expect_error(w, "POST", "/connectors", "{\"name\":\"a\",\"config\":{\"name\":\"b\"}}", 400,
                 "Connector name configuration (b) doesn't match connector name in the URL (a)\"}");
    expect_error(w, "POST", "/connectors", "{\"name\":\"a\",\"config\":{}}", 400,
                 "Connector config {} contains no connector type\"}");
    expect_error(w, "POST", "/connectors",
                 "{\"name\":\"a\",\"config\":{\"connector.class\":\"Nope\"}}", 400,
                 "Failed to find any class that implements Connector and which name matches Nope");
    expect_error(w, "POST", "/connectors",
                 "{\"name\":\"a\",\"config\":{" SOURCE ",\"tasks.max\":\"0\"}}", 400,
                 "Connector configuration is invalid and contains the following 1 "
                 "error(s):\\nInvalid value 0 for "
                 "configuration tasks.max: Value must be at least 1\\nYou can also find the above "
                 "list of errors "
                 "at the endpoint `/connector-plugins/{connectorType}/config/validate`\"}");
    expect(w, "GET", "/connectors", NULL, 200, "[]");
}

static void
create_takes_an_initial_state(void **state)
{
    struct worker *w = *state;
    struct raw_answer a =
        call(w, "POST", "/connectors",
             "{\"name\":\"p\",\"config\":{" SOURCE "},\"initial_state\":\"paused\"}");

    assert_int_equal(a.status, 201);
    raw_answer_done(&a);
    a = call(w, "GET", "/connectors/p/status", NULL);
    assert_non_null(strstr(a.body, "\"state\":\"PAUSED\""));
    assert_non_null(strstr(a.body, "\"tasks\":[]"));
    raw_answer_done(&a);
}

static const struct {
    const char *body;
    const char *message;
} malformed[] = {
    { "{bad", "Unexpected character ('b' (code 98))" },
    { "{\"name\":\"x\"", "Unexpected end-of-input" },
    { "{\"name\":\"x\",}", "Unexpected character ('}' (code 125))" },
    { "{'name':'x'}", "Unexpected character (''' (code 39))" },
    { "{\"name\":x}", "Unrecognized token 'x'" },
    { "{\"name\":\"a\nb\"}", "Illegal unquoted character ((CTRL-CHAR, code 10))" },
    { "{\"name\":01}", "Invalid numeric value: Leading zeroes not allowed" },
    { "{\"name\":NaN}", "Non-standard token 'NaN'" },
    { "/* c */ {}", "Unexpected character ('/' (code 47)): maybe a (non-standard) comment?" },
    { "{\"name\":\"\\\\x\\x\"}", "Unrecognized character escape 'x' (code 120)" },
    { "{\"name\":\"\\u0000\"}", "Illegal character" },
    { "{\"name\":\"\\ud800\"}", "Unrecognized character escape" },
    { "{\"name\":\"\xff\"}", "Invalid UTF-8" },
    { "[]", "Cannot deserialize value of type `org.apache.kafka.connect.runtime.rest.entities."
            "CreateConnectorRequest` from Array value (token `JsonToken.START_ARRAY`)" },
    { "\"x\"", "Cannot construct instance of `org.apache.kafka.connect.runtime.rest.entities." },
    { "5", "Cannot construct instance" },
    { "true", "Cannot construct instance" },
    { "{\"name\":\"x\",\"config\":{},\"foo\":1}", "Unrecognized field \\\"foo\\\"" },
    { "{\"NAME\":\"x\"}", "Unrecognized field \\\"NAME\\\"" },
    { "{\"name\":\"x\",\"config\":[]}", "Cannot deserialize value" },
    { "{\"name\":\"x\",\"config\":\"y\"}", "Cannot deserialize value" },
    { "{\"name\":\"x\",\"config\":{\"a\":{\"b\":1}}}",
      "Cannot deserialize value of type `java.lang.String` from Object value" },
    { "{\"name\":\"x\",\"config\":{\"a\":[1]}}",
      "Cannot deserialize value of type `java.lang.String` from Array value" },
    { "{\"name\":{\"a\":1}}",
      "Cannot deserialize value of type `java.lang.String` from Object value" },
    { "{\"name\":\"x\",\"config\":{}} trailing", "Unrecognized token 'trailing'" },
    { "{\"name\":\"x\",\"config\":{}}{}", "Trailing token (of type START_OBJECT)" },
    { "{\"name\":\"x\",\"initial_state\":\"bogus\"}",
      "Cannot construct instance of `InitialState`, problem: No enum constant" },
    { "", "The request has no body" },
    { "   ", "The request has no body" },
    { "null", "The request has no body" },
    { "{\"name\":\"x\"}", "The request has no \\\"config\\\"" },
    { "{\"name\":\"x\",\"config\":null}", "The request has no \\\"config\\\"" },
};

static void
malformed_bodies_are_400_and_tell_where(void **state)
{
    struct worker *w = *state;

    for (size_t i = 0; i < CV_COUNT(malformed); i++)
        expect_error(w, "POST", "/connectors", malformed[i].body, 400, malformed[i].message);
    expect_error(w, "POST", "/connectors", "{\n  bad", 400,
                 "Unexpected character ('b' (code 98)): was expecting double-quote to start field "
                 "name, a comma "
                 "or a closing bracket (line 2, column 3)\"}");
}

static void
malformed_bodies_are_500_where_connects_codes_are_asked_for(void **state)
{
    struct rest_spec spec = basic_spec();
    struct worker w;

    (void)state;
    spec.connect_codes = true;
    w = start(spec);
    for (size_t i = 0; i < CV_COUNT(malformed); i++)
        if (strcmp(malformed[i].message, "The request has no body") != 0)
            expect_error(&w, "POST", "/connectors", malformed[i].body, 500, malformed[i].message);
    expect_error(
        &w, "POST", "/connectors", "", 500,
        "Cannot invoke "
        "\\\"org.apache.kafka.connect.runtime.rest.entities.CreateConnectorRequest.name()\\\"");
    expect_error(&w, "PUT", "/connector-plugins/TestSource/config/validate", "{}", 500,
                 "org.apache.kafka.connect.runtime.rest.errors.BadRequestException: Connector "
                 "config {} contains "
                 "no connector type");
    create(&w, "c1");
    expect(&w, "PUT", "/connectors/c1/stop", NULL, 204, NULL);
    expect_error(&w, "PATCH", "/connectors/c1/offsets",
                 "{\"offsets\":[{\"partition\":{\"f\":\"x\"},\"offset\":{\"refused\":1}}]}", 500,
                 "the connector does not want it");
    stop(&w);
}

static void
deep_nesting_is_refused(void **state)
{
    char body[10100];

    memset(body, '[', 10000);
    body[10000] = '\0';
    expect_error(*state, "PATCH", "/connectors/x/offsets",
                 "{\"offsets\":[{\"partition\":{\"a\":[[[[[[[[[[[[[[[[[[[["
                 "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
                 400, "Document nesting depth exceeds the maximum allowed");
    expect_error(*state, "PUT", "/connectors/x/config", body, 400, "Cannot deserialize value");
}

static void
a_byte_order_mark_and_duplicate_keys_are_taken(void **state)
{
    struct worker *w = *state;
    struct raw_answer a =
        call(w, "POST", "/connectors",
             "\xef\xbb\xbf{\"name\":\"x\",\"name\":\"y\",\"config\":{" SOURCE ",\"a\":1,\"a\":2}}");

    assert_int_equal(a.status, 201);
    assert_non_null(strstr(a.body, "\"name\":\"y\",\"config\""));
    assert_non_null(strstr(a.body, "\"a\":\"2\""));
    raw_answer_done(&a);
}

static void
odd_names_are_encoded_in_location_and_decoded_in_paths(void **state)
{
    static const struct {
        const char *json, *location;
    } names[] = {
        { "a/b%c", "a/b%25c" },
        { "\\u00e9\\u2603", "%C3%A9%E2%98%83" },
        { "a+b", "a+b" },
        { "a?b#c", "a%3Fb%23c" },
        { "a;b", "a;b" },
        { "a:b@c&d=e,f", "a:b@c&d=e,f" },
        { "\\\"q\\\"", "%22q%22" },
        { "<x>", "%3Cx%3E" },
        { "|^`[y]", "%7C%5E%60%5By%5D" },
        { "{x}", "%7Bx%7D" },
        { "~-._!*'()", "~-._!*'()" },
    };
    struct worker *w = *state;

    for (size_t i = 0; i < CV_COUNT(names); i++) {
        char body[512];
        struct raw_answer a;
        char *location;

        (void)snprintf(body, sizeof(body), "{\"name\":\"%s\",\"config\":{" SOURCE "}}",
                       names[i].json);
        a = call(w, "POST", "/connectors", body);
        location = raw_header(&a, "Location");
        assert_string_equal(strstr(location, "/connectors/") + 12, names[i].location);
        free(location);
        raw_answer_done(&a);
    }
    expect(w, "GET", "/connectors/a%2Fb%25c/topics", NULL, 200,
           "{\"a/b%c\":{\"topics\":[\"a-topic\"]}}");
    expect(w, "DELETE", "/connectors/a%2Fb%25c", NULL, 204, NULL);
}

/* ---- read, change, delete ---- */

static void
a_connector_is_read_changed_and_deleted(void **state)
{
    struct worker *w = *state;

    create(w, "c1");
    expect(w, "GET", "/connectors/c1", NULL, 200,
           "{\"name\":\"c1\",\"config\":{" SOURCE
           ",\"name\":\"c1\"},\"tasks\":[{\"connector\":\"c1\",\"task\":0}],"
           "\"type\":\"source\"}");
    expect(w, "GET", "/connectors/c1/config", NULL, 200, "{" SOURCE ",\"name\":\"c1\"}");
    expect(w, "PUT", "/connectors/c1/config", "{" SOURCE ",\"a\":\"1\"}", 200,
           "{\"name\":\"c1\",\"config\":{" SOURCE
           ",\"a\":\"1\",\"name\":\"c1\"},\"tasks\":[{\"connector\":\"c1\","
           "\"task\":0}],\"type\":\"source\"}");
    expect(w, "PATCH", "/connectors/c1/config", "{\"a\":null,\"b\":2}", 200,
           "{\"name\":\"c1\",\"config\":{" SOURCE
           ",\"name\":\"c1\",\"b\":\"2\"},\"tasks\":[{\"connector\":\"c1\","
           "\"task\":0}],\"type\":\"source\"}");
    expect_error(w, "PATCH", "/connectors/c1/config", "{\"tasks.max\":0}", 400,
                 "Connector configuration is invalid and contains the following 1 "
                 "error(s):\\nInvalid value 0");
    expect_error(w, "PATCH", "/connectors/c1/config", "null", 400, "The request has no body");
    expect_error(w, "PATCH", "/connectors/none/config", "", 404, "Connector none not found\"}");
    expect_error(w, "PATCH", "/connectors/none/config", "{}", 404, "Connector none not found\"}");
    expect(w, "DELETE", "/connectors/c1", NULL, 204, NULL);
    expect_error(w, "DELETE", "/connectors/c1", NULL, 404, "Connector c1 not found\"}");
}

static void
put_creates_with_201_and_location(void **state)
{
    struct worker *w = *state;
    struct raw_answer a = call(w, "PUT", "/connectors/%20p%20/config", "{" SOURCE "}");
    char *location = raw_header(&a, "Location");

    assert_int_equal(a.status, 201);
    assert_non_null(strstr(location, "/connectors/%20p%20"));
    free(location);
    raw_answer_done(&a);
    a = call(w, "PUT", "/connectors/%20p%20/config", "{" SOURCE "}");
    location = raw_header(&a, "Location");
    assert_int_equal(a.status, 200);
    assert_null(location);
    raw_answer_done(&a);
    expect_error(
        w, "PUT", "/connectors/p/config", "{" SOURCE ",\"name\":\"other\"}", 400,
        "Connector name configuration (other) doesn't match connector name in the URL (p)\"}");
    expect_error(w, "PUT", "/connectors/p/config", "[]", 400,
                 "Cannot deserialize value of type "
                 "`java.util.LinkedHashMap<java.lang.String,java.lang.String>`");
}

static void
lists_expand_status_and_info_in_the_order_of_the_query(void **state)
{
    struct worker *w = *state;
    char expected[1024];

    expect(w, "GET", "/connectors?expand=status", NULL, 200, "{}");
    create(w, "c1");
    create(w, "new"); /* has no status */
    expect(w, "GET", "/connectors", NULL, 200, "[\"c1\",\"new\"]");
    expect(w, "GET", "/connectors/?expand=bogus", NULL, 200, "{\"c1\":{},\"new\":{}}");
    expect(w, "GET", "/connectors?expand", NULL, 200, "{\"c1\":{},\"new\":{}}");
    expect(w, "GET", "/connectors?Expand=info", NULL, 200, "[\"c1\",\"new\"]");
    (void)snprintf(
        expected, sizeof(expected),
        "{\"c1\":{\"info\":{\"name\":\"c1\",\"config\":{" SOURCE ",\"name\":\"c1\"},\"tasks\":[{"
        "\"connector\":\"c1\",\"task\":0}],\"type\":\"source\"},\"status\":{\"name\":\"c1\","
        "\"connector\":{\"state\":\"RUNNING\",\"worker_id\":\"127.0.0.1:%d\",\"version\":\"1.0\"},"
        "\"tasks\":[{\"id\":0,\"state\":\"RUNNING\",\"worker_id\":\"127.0.0.1:%d\",\"version\":\"1."
        "0\"}],"
        "\"type\":\"source\"}}}",
        w->port, w->port);
    expect(w, "GET", "/connectors?expand=info&expand=status&expand=info", NULL, 200, expected);
}

/* The list that was made is given again while the herder says that nothing changed. */
static void
lists_are_kept_until_something_changes(void **state)
{
    struct worker *w = *state;
    static const char *const paths[] = { "/connectors", "/connectors?expand=x", "/connectors?expand=info",
                                         "/connectors?expand=status", "/connectors?expand=info&expand=status",
                                         "/connectors?expand=status&expand=info&expand=status" };
    struct raw_answer first[CV_COUNT(paths)];

    create(w, "c1");
    fake_herder_changes(w->herder, 7);
    for (size_t i = 0; i < CV_COUNT(paths); i++)
        first[i] = call(w, "GET", paths[i], NULL);
    for (size_t i = 0; i < CV_COUNT(paths); i++)
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(first[i].body, first[k].body);
    create(w, "c2"); /* the herder does not say so yet */
    for (size_t i = 0; i < CV_COUNT(paths); i++) {
        expect(w, "GET", paths[i], NULL, 200, first[i].body);
        raw_answer_done(&first[i]);
    }
    fake_herder_changes(w->herder, 8);
    expect(w, "GET", "/connectors", NULL, 200, "[\"c1\",\"c2\"]");
    expect(w, "GET", "/connectors?expand=x", NULL, 200, "{\"c1\":{},\"c2\":{}}");
    fake_herder_fail(w->herder, CV_RETRY, "Request timed out");
    fake_herder_changes(w->herder, 9);
    expect_error(w, "GET", "/connectors", NULL, 500, "Request timed out"); /* is not kept */
    expect(w, "GET", "/connectors", NULL, 200, "[\"c1\",\"c2\"]");
    fake_herder_changes(w->herder, 0);
    expect(w, "DELETE", "/connectors/c2", NULL, 204, NULL);
    expect(w, "GET", "/connectors", NULL, 200, "[\"c1\"]");
}

static void
status_shows_states_and_the_trace_of_a_failure(void **state)
{
    struct worker *w = *state;
    struct raw_answer a;

    create(w, "c1");
    fake_herder_trace(w->herder, "c1", "it broke\nhere");
    a = call(w, "GET", "/connectors/c1/status", NULL);
    assert_non_null(strstr(a.body, "\"tasks\":[{\"id\":0,\"state\":\"FAILED\",\"worker_id\":"));
    assert_non_null(
        strstr(a.body, "\"version\":null,\"trace\":\"it broke\\nhere\"}],\"type\":\"source\"}"));
    raw_answer_done(&a);
    a = call(w, "GET", "/connectors/c1/tasks/00/status", NULL);
    assert_memory_equal(a.body, "{\"id\":0,\"state\":\"FAILED\"", 24);
    raw_answer_done(&a);
    expect_error(w, "GET", "/connectors/none/status", NULL, 404,
                 "No status found for connector none\"}");
    expect_error(w, "GET", "/connectors/c1/tasks/9/status", NULL, 404,
                 "No status found for task c1-9\"}");
    expect_error(w, "GET", "/connectors/c1/tasks/-1/status", NULL, 404,
                 "No status found for task c1--1\"}");
    expect_error(w, "GET", "/connectors/c1/tasks/x/status", NULL, 404, "HTTP 404 Not Found\"}");
}

static void
pause_resume_stop_have_their_own_codes(void **state)
{
    struct worker *w = *state;
    struct raw_answer a;
    char *length;

    create(w, "c1");
    a = call(w, "PUT", "/connectors/c1/pause", NULL);
    length = raw_header(&a, "Content-Length");
    assert_int_equal(a.status, 202);
    assert_string_equal(length, "0");
    free(length);
    raw_answer_done(&a);
    expect(w, "PUT", "/connectors/c1/resume", "{}", 202, NULL);
    expect(w, "PUT", "/connectors/c1/stop", NULL, 204, NULL);
    expect(w, "GET", "/connectors/c1/tasks", NULL, 200, "[]");
    expect_error(w, "PUT", "/connectors/none/pause", NULL, 404, "Unknown connector none\"}");
    expect_error(w, "PUT", "/connectors/none/stop", NULL, 404, "Unknown connector none\"}");
}

static void
restarts_answer_204_or_202_with_the_plan(void **state)
{
    struct worker *w = *state;
    struct raw_answer a;

    create(w, "c1");
    expect(w, "POST", "/connectors/c1/restart", NULL, 204, NULL);
    expect(w, "POST", "/connectors/c1/restart?includeTasks=yes", "{}", 204, NULL);
    expect(w, "POST", "/connectors/c1/restart?includetasks=true", NULL, 204, NULL);
    a = call(w, "POST", "/connectors/c1/restart?includeTasks=TRUE", NULL);
    assert_int_equal(a.status, 202);
    assert_non_null(strstr(a.body, "\"connector\":{\"state\":\"RESTARTING\""));
    assert_non_null(strstr(a.body, "{\"id\":0,\"state\":\"RESTARTING\""));
    raw_answer_done(&a);
    a = call(w, "POST", "/connectors/c1/restart?onlyFailed=true", NULL);
    assert_int_equal(a.status, 202);
    assert_null(strstr(a.body, "RESTARTING"));
    raw_answer_done(&a);
    expect_error(w, "POST", "/connectors/none/restart", NULL, 404, "Unknown connector: none\"}");
    expect(w, "POST", "/connectors/c1/tasks/0/restart", NULL, 204, NULL);
    expect_error(w, "POST", "/connectors/c1/tasks/99/restart", NULL, 404, "Unknown task: c1-99\"}");
    expect_error(w, "POST", "/connectors/c1/tasks/x/restart", NULL, 404, "HTTP 404 Not Found\"}");
}

static void
tasks_show_ids_and_configs(void **state)
{
    struct worker *w = *state;

    create(w, "c1");
    expect(w, "GET", "/connectors/c1/tasks", NULL, 200,
           "[{\"id\":{\"connector\":\"c1\",\"task\":0},\"config\":{" SOURCE ",\"name\":\"c1\"}}]");
    expect_error(w, "GET", "/connectors/none/tasks", NULL, 404, "Connector none not found\"}");
    expect_error(w, "GET", "/connectors/c1/tasks-config", NULL, 404, "HTTP 404 Not Found\"}");
}

static void
topics_are_told_also_of_nobody(void **state)
{
    struct worker *w = *state;

    create(w, "c1");
    expect(w, "GET", "/connectors/c1/topics", NULL, 200, "{\"c1\":{\"topics\":[\"a-topic\"]}}");
    expect(w, "GET", "/connectors/none/topics", NULL, 200, "{\"none\":{\"topics\":[]}}");
    expect(w, "PUT", "/connectors/none/topics/reset", NULL, 202, NULL);
    fake_herder_fail(w->herder, CV_FENCED, "Topic tracking is disabled.");
    expect_error(w, "GET", "/connectors/c1/topics", NULL, 403, "Topic tracking is disabled.\"}");
}

static void
offsets_are_checked_in_shape_and_handed_on(void **state)
{
    struct worker *w = *state;
    static const char body[] =
        "{\"offsets\":[{\"partition\":{\"f\":\"x\"},\"offset\":{\"p\":1.50}}]}";

    create(w, "c1");
    expect(w, "GET", "/connectors/c1/offsets", NULL, 200, "{\"offsets\":[]}");
    expect_error(w, "PATCH", "/connectors/none/offsets", "{}", 400,
                 "Partitions / offsets need to be provided for an alter offsets request\"}");
    expect_error(w, "PATCH", "/connectors/c1/offsets", "{\"offsets\":[]}", 400,
                 "Partitions / offsets need");
    expect_error(w, "PATCH", "/connectors/c1/offsets", "{\"offsets\":null}", 400,
                 "Partitions / offsets need");
    expect_error(w, "PATCH", "/connectors/c1/offsets", "[]", 400, "Cannot deserialize value");
    expect_error(w, "PATCH", "/connectors/c1/offsets", "{\"foo\":[]}", 400,
                 "Unrecognized field \\\"foo\\\"");
    expect_error(w, "PATCH", "/connectors/c1/offsets", "{\"offsets\":[{\"bogus\":1}]}", 400,
                 "Unrecognized field \\\"bogus\\\"");
    expect_error(w, "PATCH", "/connectors/c1/offsets", "{\"offsets\":{}}", 400,
                 "Cannot deserialize value");
    expect_error(w, "PATCH", "/connectors/c1/offsets", "", 400, "The request has no body");
    expect_error(w, "PATCH", "/connectors/c1/offsets", body, 400,
                 "Connectors must be in the STOPPED state");
    expect_error(w, "PATCH", "/connectors/none/offsets", body, 404, "Connector none not found\"}");
    expect(w, "PUT", "/connectors/c1/stop", NULL, 204, NULL);
    expect(w, "PATCH", "/connectors/c1/offsets",
           "\xef\xbb\xbf{\"offsets\":[{\"partition\":{\"f\":\"x\"},\"offset\":{"
           "\"p\":1.50}}]}",
           200, "{\"message\":\"The offsets for this connector have been altered successfully\"}");
    assert_string_equal(fake_herder_offsets(w->herder), body);
    expect_error(w, "PATCH", "/connectors/c1/offsets",
                 "{\"offsets\":[{\"partition\":{\"f\":\"x\"},\"offset\":{\"refused\":1}}]}", 400,
                 "the connector does not want it");
    expect(w, "DELETE", "/connectors/c1/offsets", NULL, 200,
           "{\"message\":\"The offsets for this connector have been reset successfully\"}");
}

/* ---- failures ---- */

static void
classes_of_failures_become_statuses(void **state)
{
    static const struct {
        enum cv_rc rc;
        int status;
    } cases[] = {
        { CV_RETRY, 500 },     { CV_INVALID, 400 },   { CV_CONFLICT, 409 }, { CV_FENCED, 403 },
        { CV_NOT_FOUND, 404 }, { CV_NO_MEMORY, 500 }, { CV_INTERNAL, 500 },
    };
    struct worker *w = *state;

    create(w, "c1");
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        fake_herder_fail(w->herder, cases[i].rc, "a \"text\"");
        expect_error(w, "GET", "/connectors/c1", NULL, cases[i].status, "a \\\"text\\\"\"}");
    }
}

static void
a_very_long_name_is_told_whole(void **state)
{
    char path[4200] = "/connectors/", expected[4300];

    memset(path + 12, 'x', 4000);
    (void)snprintf(expected, sizeof(expected),
                   "{\"error_code\":404,\"message\":\"Connector %s not found\"}", path + 12);
    expect(*state, "GET", path, NULL, 404, expected);
}

/* ---- plugins ---- */

static void
plugins_are_listed_connectors_first(void **state)
{
    struct worker *w = *state;

    expect(
        w, "GET", "/connector-plugins", NULL, 200,
        "[{\"class\":\"org.example.TestSinkConnector\",\"type\":\"sink\",\"version\":\"1.0\"},"
        "{\"class\":\"org.example.TestSourceConnector\",\"type\":\"source\",\"version\":\"1.0\"}]");
    expect(
        w, "GET", "/connector-plugins/?connectorsOnly=false", NULL, 200,
        "[{\"class\":\"org.example.TestSinkConnector\",\"type\":\"sink\",\"version\":\"1.0\"},"
        "{\"class\":\"org.example.TestSourceConnector\",\"type\":\"source\",\"version\":\"1.0\"},"
        "{\"class\":\"org.example.Router\",\"type\":\"transformation\"},"
        "{\"class\":\"org.example.JsonConverter\",\"type\":\"converter\",\"version\":\"1.0\"},"
        "{\"class\":\"org.example.JsonConverter\",\"type\":\"header_converter\","
        "\"version\":\"1.0\"}]");
}

static void
plugin_options_have_eleven_fields_in_order(void **state)
{
    struct worker *w = *state;

    expect(w, "GET", "/connector-plugins/TestSource/config", NULL, 200,
           "[{\"name\":\"file\",\"type\":\"STRING\",\"required\":false,\"default_value\":null,"
           "\"importance\":"
           "\"HIGH\",\"documentation\":\"A "
           "file.\",\"group\":null,\"width\":\"NONE\",\"display_name\":\"file\","
           "\"dependents\":[],\"order\":-1},"
           "{\"name\":\"topic\",\"type\":\"STRING\",\"required\":true,\"default_value\":null,"
           "\"importance\":"
           "\"HIGH\",\"documentation\":\"A "
           "topic.\",\"group\":\"Main\",\"width\":\"LONG\",\"display_name\":"
           "\"Topic\",\"dependents\":[],\"order\":2},"
           "{\"name\":\"secret\",\"type\":\"PASSWORD\",\"required\":false,\"default_value\":\"["
           "hidden]\","
           "\"importance\":\"LOW\",\"documentation\":\"A "
           "secret.\",\"group\":\"Main\",\"width\":\"NONE\","
           "\"display_name\":\"secret\",\"dependents\":[],\"order\":3}]");
    expect(w, "GET", "/connector-plugins/JsonConverter/config", NULL, 200, "[]");
    expect_error(w, "GET", "/connector-plugins/Nope/config", NULL, 404, "Unknown plugin Nope.\"}");
    expect_error(w, "GET", "/connector-plugins/TestSource/config?version=0.0.1", NULL, 400,
                 "Plugin org.example.TestSourceConnector not found that matches the version range "
                 "[0.0.1,0.0.1], "
                 "available versions: [1.0]\"}");
}

static void
validate_answers_200_also_with_errors(void **state)
{
    struct worker *w = *state;

    expect(w, "PUT", "/connector-plugins/TestSink/config/validate",
           "{\"connector.class\":\"org.example.TestSinkConnector\",\"tasks.max\":0}", 200,
           "{\"name\":\"org.example.TestSinkConnector\",\"error_count\":1,\"groups\":[\"Common\"],"
           "\"configs\":["
           "{\"definition\":{\"name\":\"tasks.max\",\"type\":\"INT\",\"required\":false,\"default_"
           "value\":\"1\","
           "\"importance\":\"HIGH\",\"documentation\":\"Most "
           "tasks.\",\"group\":\"Common\",\"width\":\"SHORT\","
           "\"display_name\":\"Tasks "
           "max\",\"dependents\":[],\"order\":4},\"value\":{\"name\":\"tasks.max\","
           "\"value\":\"0\",\"recommended_values\":[],\"errors\":[\"Invalid value 0 for "
           "configuration tasks.max: "
           "Value must be at least 1\"],\"visible\":true}}]}");
    expect_error(w, "PUT", "/connector-plugins/Other/config/validate",
                 "{\"connector.class\":\"TestSink\"}", 400,
                 "Included connector type TestSink does not match request type Other\"}");
    expect_error(w, "PUT", "/connector-plugins/TestSource/config/validate", "{}", 400,
                 "Connector config {} contains no connector type\"}");
    expect_error(w, "PUT", "/connector-plugins/x/config/validate", "", 400,
                 "The request has no body");
}

static void
passwords_are_hidden_in_validation(void **state)
{
    struct worker *w = *state;
    struct raw_answer a = call(w, "PUT", "/connector-plugins/Source/config/validate",
                               "{" SOURCE ",\"secret\":\"canary\"}");

    assert_int_equal(a.status, 200);
    assert_null(strstr(a.body, "canary"));
    assert_null(strstr(a.body, "hush"));
    assert_non_null(strstr(a.body, "\"name\":\"secret\",\"value\":\"[hidden]\""));
    raw_answer_done(&a);
}

/* ---- loggers ---- */

static void
logger_levels_are_read_and_set(void **state)
{
    struct worker *w = *state;
    struct raw_answer a;

    (void)cv_log_get("golden.x");
    expect(w, "GET", "/admin/loggers/root", NULL, 200,
           "{\"level\":\"INFO\",\"last_modified\":null}");
    expect(w, "PUT", "/admin/loggers/golden.a", "{\"level\":\" debug \",\"other\":1}", 200,
           "[\"golden.a\"]");
    expect(w, "PUT", "/admin/loggers/golden.a", "{\"level\":\"DEBUG\"}", 200, "[]");
    expect(w, "PUT", "/admin/loggers/golden?scope=moon", "{\"level\":\"warn\"}", 200,
           "[\"golden\",\"golden.a\",\"golden.x\"]");
    a = call(w, "GET", "/admin/loggers/golden.a/", NULL);
    assert_ptr_equal(strstr(a.body, "{\"level\":\"WARN\",\"last_modified\":1"), a.body);
    raw_answer_done(&a);
    a = call(w, "GET", "/admin/loggers", NULL);
    assert_non_null(strstr(a.body, "\"golden.x\":{\"level\":\"WARN\",\"last_modified\":"));
    raw_answer_done(&a);
    expect(w, "PUT", "/admin/loggers/golden.new", "{\"level\":\"WARN\"}", 200, "[]");
    expect(w, "PUT", "/admin/loggers/golden.new", "{\"level\":\"all\"}", 200, "[\"golden.new\"]");
    a = call(w, "GET", "/admin/loggers/golden.new", NULL);
    assert_ptr_equal(strstr(a.body, "{\"level\":\"ALL\","), a.body);
    raw_answer_done(&a);
    expect_error(w, "GET", "/admin/loggers/no.such", NULL, 404, "Logger no.such not found.\"}");
    expect_error(w, "PUT", "/admin/loggers/golden", "{\"level\":\"LOUD\"}", 404,
                 "invalid log level 'LOUD'.\"}");
    expect_error(w, "PUT", "/admin/loggers/golden", "{}", 400,
                 "Desired 'level' parameter was not specified in request.\"}");
    expect_error(w, "PUT", "/admin/loggers/golden", "{\"level\":\"\"}", 400,
                 "Illegal null or empty Level name.");
    expect_error(w, "PUT", "/admin/loggers/golden", "{bad", 400, "Unexpected character");
    expect(w, "PUT", "/admin/loggers/golden?scope=CLUSTER", "{\"level\":\"debug\"}", 204, NULL);
    assert_string_equal(fake_herder_logger(w->herder), "golden=debug");
}

static void
admin_listeners_hold_the_loggers_and_nothing_else(void **state)
{
    struct rest_spec spec = basic_spec();
    struct worker probe = start(spec), w;
    char admin[64];

    (void)state;
    (void)snprintf(admin, sizeof(admin), "http://127.0.0.1:%d",
                   probe.port); /* a port that is free in a moment */
    stop(&probe);
    spec.admin_listeners = admin;
    w = start(spec);
    expect_error(&w, "GET", "/admin/loggers", NULL, 404, "HTTP 404 Not Found");
    w.port = probe.port;
    expect(&w, "GET", "/admin/loggers/root", NULL, 200,
           "{\"level\":\"INFO\",\"last_modified\":null}");
    expect_error(&w, "GET", "/connectors", NULL, 404, "HTTP 404 Not Found");
    expect_error(&w, "POST", "/admin/loggers", "{}", 405, "HTTP 405 Method Not Allowed");
    stop(&w);
    spec.admin_listeners = "";
    w = start(spec);
    expect_error(&w, "GET", "/admin/loggers", NULL, 404, "HTTP 404 Not Found");
    stop(&w);
}

/* ---- other workers ---- */

static void
internal_requests_are_read_then_verified(void **state)
{
    struct worker *w = *state;
    static const char good[] =
        "X-Connect-Request-Signature-Algorithm: HmacSHA256\r\nX-Connect-Authorization: good\r\n"
        "Content-Type: text/plain\r\n";
    static const char bad[] =
        "X-Connect-Request-Signature-Algorithm: HmacSHA256\r\nX-Connect-Authorization: bad\r\n";
    struct raw_answer a;

    create(w, "c1");
    fake_herder_sign(w->herder, true);
    expect_error(w, "POST", "/connectors/none/tasks", "[]", 400,
                 "Internal request missing required signature\"}");
    expect_error(
        w, "POST", "/connectors/c1/tasks", "{bad", 400,
        "Cannot deserialize value of type `java.util.ArrayList<java.util.Map<java.lang.String,"
        "java.lang.String>>` from Object value");
    expect_error(w, "POST", "/connectors/c1/tasks", "", 400,
                 "No content to map due to end-of-input");
    expect_error(w, "POST", "/connectors/c1/tasks", "[1]", 400, "Cannot deserialize value");
    expect_error(w, "POST", "/connectors/c1/tasks", "[{\"a\":{}}]", 400,
                 "Cannot deserialize value");
    expect_error(w, "PUT", "/connectors/c1/fence", NULL, 400,
                 "Internal request missing required signature\"}");
    a = raw_call(w->port, "POST", "/connectors/c1/tasks", bad, "[]");
    assert_int_equal(a.status, 403);
    raw_answer_done(&a);
    a = raw_call(w->port, "POST", "/connectors/c1/tasks", good, "[{\"a\":1},null]");
    assert_int_equal(a.status, 204);
    raw_answer_done(&a);
    assert_int_equal(fake_herder_task_configs(w->herder, "c1"), 2);
    a = raw_call(w->port, "PUT", "/connectors/c1/fence", good, NULL);
    assert_int_equal(a.status, 204);
    raw_answer_done(&a);
    a = raw_call(w->port, "PUT", "/connectors/c1/fence", "Accept: text/html\r\n", NULL);
    assert_int_equal(a.status, 406);
    raw_answer_done(&a);
    fake_herder_fail(w->herder, CV_RETRY, "This worker is still starting up");
    expect_error(w, "PUT", "/connectors/c1/fence", NULL, 503,
                 "This worker is still starting up\"}");
}

static void
requests_for_the_leader_are_forwarded_and_answered(void **state)
{
    struct worker *leader = *state;
    struct worker follower = start(basic_spec());
    struct raw_answer a;
    char *location;
    char expected[128];

    fake_herder_leader(follower.herder, rest_url(leader->rest));
    a = call(&follower, "POST", "/connectors",
             "{\"name\":\"a b\",\"config\":{" SOURCE ",\"n\":1.50}}");
    location = raw_header(&a, "Location");
    (void)snprintf(expected, sizeof(expected), "http://127.0.0.1:%d/connectors/a%%20b",
                   follower.port);
    assert_int_equal(a.status, 201);
    assert_string_equal(location, expected);
    assert_non_null(strstr(a.body, "\"n\":\"1.50\""));
    free(location);
    raw_answer_done(&a);
    expect(leader, "GET", "/connectors", NULL, 200, "[\"a b\"]");
    expect_error(&follower, "POST", "/connectors", "{\"name\":\"a b\",\"config\":{" SOURCE "}}",
                 409, "Connector a b already exists\"}");
    expect_error(&follower, "POST", "/connectors", "{\"name\":\"x\",\"config\":{}}", 400,
                 "Connector config {} contains no connector type\"}");
    expect_error(&follower, "PATCH", "/connectors/a%20b/config", "{\"tasks.max\":0}", 400,
                 "Connector configuration is invalid and contains the following 1 "
                 "error(s):\\nInvalid value 0");
    a = call(&follower, "POST", "/connectors/a%20b/restart?includeTasks=true&onlyFailed=false",
             NULL);
    assert_int_equal(a.status, 202);
    assert_non_null(strstr(a.body, "{\"id\":0,\"state\":\"RESTARTING\""));
    raw_answer_done(&a);
    expect(&follower, "PUT", "/connectors/a%20b/config", "{" SOURCE "}", 200,
           "{\"name\":\"a b\",\"config\":{" SOURCE
           ",\"name\":\"a b\"},\"tasks\":[{\"connector\":\"a b\",\"task\":0}],"
           "\"type\":\"source\"}");
    expect(&follower, "DELETE", "/connectors/a%20b", NULL, 204, NULL);
    expect_error(&follower, "DELETE", "/connectors/a%20b", NULL, 404, "Connector a b not found\"}");
    stop(&follower);
}

static void
running_tasks_are_asked_and_told_wherever_they_run(void **state)
{
    struct worker *owner = *state;
    struct worker other = start(basic_spec());
    char progress[256], signal[256];

    create(owner, "c1");
    create(&other, "c1");
    fake_herder_leader(other.herder, rest_url(owner->rest));
    (void)snprintf(progress, sizeof(progress),
                   "{\"name\":\"c1\",\"task\":0,\"worker_id\":\"%s\",\"progress\":{\"phase\":\"streaming\"}}",
                   rest_worker_id(owner->rest));
    (void)snprintf(signal, sizeof(signal),
                   "{\"name\":\"c1\",\"task\":0,\"worker_id\":\"%s\",\"signal\":{\"type\":\"log\"}}",
                   rest_worker_id(owner->rest));
    expect(owner, "GET", "/culvert/connectors/c1/progress", NULL, 200, progress);
    expect(&other, "GET", "/culvert/connectors/c1/progress?task=0", NULL, 200, progress);
    expect(owner, "POST", "/culvert/connectors/c1/signals", "{\"type\":\"log\"}", 202, signal);
    expect(&other, "POST", "/culvert/connectors/c1/signals", "{\"type\":\"log\"}", 202, signal);
    expect_error(owner, "GET", "/culvert/connectors/none/progress", NULL, 404, "Connector none not found");
    expect_error(owner, "GET", "/culvert/connectors/c1/progress?task=7", NULL, 404, "Unknown task: c1-7");
    expect_error(owner, "GET", "/culvert/connectors/c1/progress?task=x", NULL, 400,
                 "The query parameter task must be the number of a task");
    expect_error(owner, "GET", "/culvert/connectors/c1/progress?task=-1", NULL, 400, "The query parameter task");
    expect_error(&other, "POST", "/culvert/connectors/c1/signals", "[]", 400, "the signal is no JSON object");
    expect_error(owner, "POST", "/culvert/connectors/c1/signals", NULL, 400, "the signal is no JSON object");
    expect_error(owner, "POST", "/culvert/connectors/c1/progress", "{}", 405, "HTTP 405 Method Not Allowed");
    stop(&other);
}

static void
forwards_end_after_two_hops(void **state)
{
    struct worker *w = *state;

    fake_herder_leader(w->herder,
                       rest_url(w->rest)); /* everybody believes that it is somebody else */
    expect_error(
        w, "DELETE", "/connectors/x", NULL, 409,
        "Cannot complete request because of a conflicting operation (e.g. worker rebalance)\"}");
    expect_error(w, "DELETE", "/connectors/x?forward=false", NULL, 409, "Cannot complete request");
    fake_herder_leader(w->herder, "http://127.0.0.1:1/");
    expect_error(w, "DELETE", "/connectors/x?forward=true", NULL, 500,
                 "IO Error trying to forward REST request: could not ask "
                 "http://127.0.0.1:1/connectors/x?forward=false");
    fake_herder_leader(w->herder, NULL);
}

/* ---- headers ---- */

static void
cors_is_answered_as_connect_4_does(void **state)
{
    struct rest_spec spec = basic_spec();
    struct raw_answer a;
    struct worker w;
    char *header;

    (void)state;
    spec.allow_origin = "http://a.example, http://b.example:8080";
    spec.allow_methods = "GET,PUT";
    w = start(spec);
    a = raw_call(w.port, "GET", "/connectors", "Origin: http://A.example\r\n", NULL);
    header = raw_header(&a, "Access-Control-Allow-Origin");
    assert_string_equal(header, "http://A.example");
    free(header);
    header = raw_header(&a, "Vary");
    assert_string_equal(header, "Origin");
    free(header);
    raw_answer_done(&a);
    a = raw_call(w.port, "GET", "/nope", "Origin: http://c.example\r\n", NULL);
    assert_null(raw_header(&a, "Access-Control-Allow-Origin"));
    raw_answer_done(&a);
    a = raw_call(w.port, "OPTIONS", "/connectors",
                 "Origin: http://b.example:8080\r\nAccess-Control-Request-Method: DELETE\r\n",
                 NULL);
    assert_int_equal(a.status, 200);
    header = raw_header(&a, "Access-Control-Allow-Methods");
    assert_string_equal(header, "GET,PUT");
    free(header);
    header = raw_header(&a, "Access-Control-Max-Age");
    assert_string_equal(header, "60");
    free(header);
    header = raw_header(&a, "Access-Control-Allow-Headers");
    assert_string_equal(header, "Content-Type");
    free(header);
    raw_answer_done(&a);
    stop(&w);
}

/* ---- users ---- */

static void
write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void
users_are_asked_for_behind_routing(void **state)
{
#define USER "Authorization: Basic dXNlcjpwYTpzcw==\r\n" /* user:pa:ss */
    static const struct {
        const char *method, *path, *header;
        int status;
    } rows[] = {
        { "GET", "/connectors", NULL, 401 },
        { "GET", "/connectors", USER, 200 },
        { "GET", "/health", NULL, 401 },
        { "GET", "/admin/loggers", NULL, 401 },
        { "GET", "/connectors", "Authorization: Basic %%%\r\n", 400 },
        { "GET", "/nope", NULL, 404 },
        { "DELETE", "/connectors", NULL, 405 },
        { "GET", "/connectors", "Accept: text/html\r\n", 406 },
        { "OPTIONS", "/connectors", NULL, 401 },
        { "OPTIONS", "/connectors", USER, 200 },
        { "GET", "/connectors/c/tasks", NULL, 401 },
        { "GET", "/culvert/connectors/c/progress", NULL, 401 },
        { "GET", "/culvert/connectors/c/progress", USER, 404 },
        { "POST", "/culvert/connectors/c/signals", NULL, 401 },
        { "PUT", "/connectors/c/fence", NULL, 404 }, /* other workers sign: the herder is asked */
    };
    struct rest_spec spec = basic_spec();
    char dir[] = "/tmp/rest-api-test.XXXXXX", jaas[64], users[64], text[256];
    struct worker w;

    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(jaas, sizeof(jaas), "%s/jaas", dir);
    (void)snprintf(users, sizeof(users), "%s/users", dir);
    (void)snprintf(text, sizeof(text),
                   "KafkaConnect { x.PropertyFileLoginModule required file=\"%s\"; };", users);
    write_file(users, "user=pa:ss\n");
    write_file(jaas, text);
    spec.auth_file = jaas;
    w = start(spec);
    for (size_t i = 0; i < CV_COUNT(rows); i++) {
        struct raw_answer a =
            raw_call(w.port, rows[i].method, rows[i].path, rows[i].header, NULL);

        print_message("%s %s\n", rows[i].method, rows[i].path);
        assert_int_equal(a.status, rows[i].status);
        assert_null(raw_header(&a, "WWW-Authenticate"));
        if (a.status == 401) {
            assert_string_equal(a.body, "User cannot access the resource.");
            assert_null(raw_header(&a, "Allow"));
        }
        raw_answer_done(&a);
    }
    stop(&w);
    assert_int_equal(unlink(jaas) | unlink(users) | rmdir(dir), 0);
}

static void
the_jaas_file_is_named_by_us_or_as_in_java_and_other_extensions_are_refused(void **state)
{
#define BASIC_AUTH                                                                                 \
    "org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension"
    struct cv_config *worker = cv_config_new();
    struct rest_spec spec;
    struct cv_err err;

    (void)state;
    assert_int_equal(cv_config_set(worker, "rest.extension.classes", BASIC_AUTH, &err), CV_OK);
    (void)unsetenv("KAFKA_OPTS");
    assert_int_equal(rest_spec_init(&spec, worker, &err), CV_INVALID);
    assert_non_null(strstr(err.text, "rest.basic.auth.jaas.file"));
    (void)setenv("KAFKA_OPTS", "-Xa=b -Djava.security.auth.login.config=/j/a.conf -Dx", 1);
    assert_int_equal(rest_spec_init(&spec, worker, &err), CV_OK);
    assert_string_equal(spec.auth_file, "/j/a.conf");
    rest_spec_done(&spec);
    assert_int_equal(cv_config_set(worker, "rest.basic.auth.jaas.file", "/ours", &err), CV_OK);
    assert_int_equal(rest_spec_init(&spec, worker, &err), CV_OK);
    assert_string_equal(spec.auth_file, "/ours");
    rest_spec_done(&spec);
    (void)unsetenv("KAFKA_OPTS");
    assert_int_equal(cv_config_set(worker, "rest.extension.classes", BASIC_AUTH ", org.x.Other", &err),
                     CV_OK);
    assert_int_equal(rest_spec_init(&spec, worker, &err), CV_INVALID);
    assert_non_null(strstr(err.text, "org.x.Other"));
    cv_config_free(worker);
}

static void
configured_headers_are_on_every_answer(void **state)
{
    struct rest_spec spec = basic_spec();
    struct raw_answer a;
    struct worker w;

    (void)state;
    spec.response_headers =
        "add X-XSS-Protection: 1; mode=block, \"add Cache-Control: no-cache, no-store\", set "
        "X-Twice: a, SET x-twice: b, add X-Twice: c, setDate Expires: 0";
    w = start(spec);
    a = raw_call(w.port, "GET", "/nope", NULL, NULL);
    assert_non_null(strstr(a.head, "\r\nX-XSS-Protection: 1; mode=block\r\n"));
    assert_non_null(strstr(a.head, "\r\nCache-Control: no-cache, no-store\r\n"));
    assert_non_null(strstr(a.head, "\r\nX-Twice: b\r\n"));
    assert_non_null(strstr(a.head, "\r\nX-Twice: c\r\n"));
    assert_non_null(strstr(a.head, " GMT\r\n"));
    assert_null(strstr(a.head, "X-Twice: a"));
    raw_answer_done(&a);
    stop(&w);
}

static void
wrong_settings_are_refused_by_name(void **state)
{
    static const struct {
        const char *listeners, *headers, *words;
    } cases[] = {
        { "", NULL, "Invalid value for listeners, at least one URL is expected" },
        { "ftp://x:1", NULL, "for configuration listeners: Listener protocol must be either" },
        { "http://:99999", NULL, "port 99999 is not between 0 and 65535" },
        { "http://127.0.0.1:0,", NULL, "Empty URL found when parsing listeners list." },
        { "http://127.0.0.1:0", "put X: y", "Invalid header config action: 'put'" },
        { "http://127.0.0.1:0", "set X",
          "Invalid format of header name and header value pair 'X'" },
        { "http://127.0.0.1:0", "set", "Invalid format of header config 'set'" },
        { "http://127.0.0.1:0", "set a b: c", "Invalid header name 'a b'" },
        { "http://127.0.0.1:0", "set X: a:b",
          "Invalid format of header name and header value pair" },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        struct rest_spec spec = basic_spec();
        struct rest *rest = NULL;
        struct cv_err err;

        spec.listeners = cases[i].listeners;
        spec.response_headers = cases[i].headers;
        assert_int_equal(rest_start(&spec, &rest, &err), CV_INVALID);
        if (strstr(err.text, cases[i].words) == NULL)
            fail_msg("\"%s\" is not in \"%s\"", cases[i].words, err.text);
        assert_null(rest);
    }
}

static void
set(struct cv_config *cfg, const char *key, const char *value)
{
    struct cv_err err;

    assert_int_equal(cv_config_set(cfg, key, value, &err), CV_OK);
}

static void
a_spec_is_made_of_the_workers_keys(void **state)
{
    struct cv_config *worker = cv_config_new();
    struct rest_spec spec;
    struct cv_err err;

    (void)state;
    set(worker, "listeners", "https://:8443");
    set(worker, "admin.listeners", "");
    set(worker, "rest.advertised.port", "99");
    set(worker, "rest.error.codes", "CONNECT");
    set(worker, "ssl.keystore.location", "/plain");
    set(worker, "ssl.truststore.location", "/plain");
    set(worker, "listeners.https.ssl.keystore.location", "/listeners");
    assert_int_equal(rest_spec_init(&spec, worker, &err), CV_OK);
    assert_string_equal(spec.listeners, "https://:8443");
    assert_string_equal(spec.admin_listeners, "");
    assert_int_equal(spec.advertised_port, 99);
    assert_true(spec.connect_codes);
    assert_string_equal(cv_config_get(spec.tls, "ssl.keystore.location"), "/listeners");
    assert_null(cv_config_get(
        spec.tls, "ssl.truststore.location")); /* one prefixed key hides all plain ones */
    assert_string_equal(cv_config_get(spec.admin_tls, "ssl.truststore.location"), "/plain");
    rest_spec_done(&spec);

    set(worker, "metrics.dialects", "confluent, Strimzi");
    assert_int_equal(rest_spec_init(&spec, worker, &err), CV_OK);
    assert_int_equal(spec.dialects, 1u << CV_DIALECT_CONFLUENT | 1u << CV_DIALECT_STRIMZI);
    rest_spec_done(&spec);
    set(worker, "metrics.dialects", "plain,jmx");
    assert_int_equal(rest_spec_init(&spec, worker, &err), CV_INVALID);
    assert_string_equal(err.text, "Invalid value plain,jmx for configuration metrics.dialects: it must list plain, "
                                  "confluent, strimzi, debezium");
    cv_config_remove(worker, "metrics.dialects");

    set(worker, "rest.error.codes", "teapot");
    assert_int_equal(rest_spec_init(&spec, worker, &err), CV_INVALID);
    assert_string_equal(
        err.text, "Invalid value teapot for configuration rest.error.codes: String must be one of: "
                  "http, connect");
    cv_config_remove(worker, "rest.error.codes");
    set(worker, "rest.advertised.port", "0");
    assert_int_equal(rest_spec_init(&spec, worker, &err), CV_INVALID);
    assert_non_null(strstr(err.text, "between 1 and 65535"));
    cv_config_free(worker);
}

static void
the_advertised_url_follows_the_options(void **state)
{
    struct rest_spec spec = basic_spec();
    struct worker w;

    (void)state;
    spec.advertised_host = "worker.example";
    spec.advertised_port = 8443;
    w = start(spec);
    assert_string_equal(rest_url(w.rest), "http://worker.example:8443/");
    assert_string_equal(rest_worker_id(w.rest), "worker.example:8443");
    stop(&w);
}

static int
quiet(void **state)
{
    struct cv_err err;

    (void)state;
    return cv_log_level_set("culvert", CV_LOG_LEVEL_ERROR, &err) == CV_OK ? 0 : -1;
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(root_health_and_version_answer),
        TEST(before_the_herder_is_there_requests_are_503),
        TEST(metrics_are_prometheus_text_for_any_accept),
        TEST(create_answers_201_with_location_and_the_config_in_request_order),
        TEST(create_checks_name_class_and_options),
        TEST(create_takes_an_initial_state),
        TEST(malformed_bodies_are_400_and_tell_where),
        TEST(malformed_bodies_are_500_where_connects_codes_are_asked_for),
        TEST(deep_nesting_is_refused),
        TEST(a_byte_order_mark_and_duplicate_keys_are_taken),
        TEST(odd_names_are_encoded_in_location_and_decoded_in_paths),
        TEST(a_connector_is_read_changed_and_deleted),
        TEST(put_creates_with_201_and_location),
        TEST(lists_expand_status_and_info_in_the_order_of_the_query),
        TEST(lists_are_kept_until_something_changes),
        TEST(status_shows_states_and_the_trace_of_a_failure),
        TEST(pause_resume_stop_have_their_own_codes),
        TEST(restarts_answer_204_or_202_with_the_plan),
        TEST(tasks_show_ids_and_configs),
        TEST(topics_are_told_also_of_nobody),
        TEST(offsets_are_checked_in_shape_and_handed_on),
        TEST(classes_of_failures_become_statuses),
        TEST(a_very_long_name_is_told_whole),
        TEST(plugins_are_listed_connectors_first),
        TEST(plugin_options_have_eleven_fields_in_order),
        TEST(validate_answers_200_also_with_errors),
        TEST(passwords_are_hidden_in_validation),
        TEST(logger_levels_are_read_and_set),
        TEST(admin_listeners_hold_the_loggers_and_nothing_else),
        TEST(internal_requests_are_read_then_verified),
        TEST(requests_for_the_leader_are_forwarded_and_answered),
        TEST(running_tasks_are_asked_and_told_wherever_they_run),
        TEST(forwards_end_after_two_hops),
        TEST(cors_is_answered_as_connect_4_does),
        TEST(users_are_asked_for_behind_routing),
        TEST(the_jaas_file_is_named_by_us_or_as_in_java_and_other_extensions_are_refused),
        TEST(configured_headers_are_on_every_answer),
        TEST(wrong_settings_are_refused_by_name),
        TEST(a_spec_is_made_of_the_workers_keys),
        TEST(the_advertised_url_follows_the_options),
    };

    return cmocka_run_group_tests(tests, quiet, NULL);
}
