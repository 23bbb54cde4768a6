/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CORS as Connect 4 does it (origins are patterns that ignore case; a pre-flight is answered and
 * still goes to the resource) and the rules of response.http.headers.config. Only on the main
 * listeners. Called from event threads for every response: the patterns are guarded, the rest is
 * constant.
 */
#include <config.h>

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#include "common/clock.h"
#include "common/number.h"
#include "common/regex.h"
#include "common/thread.h"
#include "rest/api.h"

struct rule {
    bool add;  /* else set */
    bool date; /* value is milliseconds from now */
    char *name;
    char *value;
    int64_t from_now_ms;
};

struct rest_headers {
    bool cors;
    bool any_origin;
    struct cv_regex **origins;
    size_t n_origins;
    struct cv_lock lock; /* a pattern serves one thread at a time */
    char *methods;
    struct rule *rules;
    size_t n_rules;
};

/* A copy of len bytes without blanks at either end; NULL when memory is out. */
static char *
trimmed(const char *text, size_t len)
{
    while (len > 0 && isspace((unsigned char)*text)) {
        text++;
        len--;
    }
    while (len > 0 && isspace((unsigned char)text[len - 1]))
        len--;
    return strndup(text, len);
}

/* ---- rules ---- */

static enum cv_rc
parse_action(const char *text, size_t len, struct rule *rule, struct cv_err *err)
{
    static const struct {
        const char *name;
        bool add, date;
    } actions[] = {
        { "set", false, false },
        { "add", true, false },
        { "setDate", false, true },
        { "addDate", true, true },
    };

    for (size_t i = 0; i < CV_COUNT(actions); i++) {
        if (strlen(actions[i].name) == len && strncasecmp(actions[i].name, text, len) == 0) {
            rule->add = actions[i].add;
            rule->date = actions[i].date;
            return CV_OK;
        }
    }
    return cv_fail(
        err, CV_INVALID,
        "Invalid header config action: '%.*s'. Expected one of [set, add, setDate, addDate]",
        (int)len, text);
}

/* "[action] [header name]:[header value]" */
static enum cv_rc
parse_rule(const char *text, struct rule *rule, struct cv_err *err)
{
    size_t action = strcspn(text, " \t");
    const char *pair = text + action + strspn(text + action, " \t");
    const char *colon = strchr(pair, ':');

    if (*text == '\0' || *pair == '\0')
        return cv_fail(
            err, CV_INVALID,
            "Invalid format of header config '%s'. Expected: '[action] [header name]:[header "
            "value]'",
            text);
    if (parse_action(text, action, rule, err) != CV_OK)
        return err->rc;
    if (colon == NULL || strchr(colon + 1, ':') != NULL)
        return cv_fail(
            err, CV_INVALID,
            "Invalid format of header name and header value pair '%s'. Expected: '[header "
            "name]:[header value]'",
            pair);
    rule->name = trimmed(pair, (size_t)(colon - pair));
    rule->value = trimmed(colon + 1, strlen(colon + 1));
    if (rule->name == NULL || rule->value == NULL)
        return cv_fail_memory(err);
    if (*rule->name == '\0' || strpbrk(rule->name, " \t\r\n") != NULL)
        return cv_fail(err, CV_INVALID,
                       "Invalid header name '%s'. The '[header name]' cannot contain whitespace",
                       rule->name);
    if (rule->date && !cv_parse_i64(rule->value, strlen(rule->value), &rule->from_now_ms))
        return cv_fail(err, CV_INVALID,
                       "Invalid header date '%s': milliseconds from now are expected", rule->value);
    return CV_OK;
}

/* Comma-separated; a rule that holds commas is in double quotes. */
static enum cv_rc
parse_rules(const char *text, struct rest_headers *headers, struct cv_err *err)
{
    while (*text != '\0') {
        struct rule *rules;
        const char *start;
        char *one;
        size_t len;
        enum cv_rc rc;

        start = text += strspn(text, " \t,");
        if (*text == '\0')
            break;
        if (*text == '"') {
            start++;
            len = strcspn(start, "\"");
            text = start + len + (start[len] == '"' ? 1 : 0);
        } else {
            len = strcspn(start, ",");
            text = start + len;
        }
        rules = realloc(headers->rules, (headers->n_rules + 1) * sizeof(*rules));
        if (rules == NULL)
            return cv_fail_memory(err);
        headers->rules = rules;
        memset(&rules[headers->n_rules], 0, sizeof(*rules));
        one = trimmed(start, len);
        if (one == NULL)
            return cv_fail_memory(err);
        rc = parse_rule(one, &rules[headers->n_rules++], err);
        free(one);
        if (rc != CV_OK)
            return cv_err_context(err, "response.http.headers.config");
    }
    return CV_OK;
}

static void
apply_rule(const struct rule *rule, struct cv_http_response *res)
{
    const char *value = rule->value;
    char date[64];

    if (rule->date) {
        time_t when = (time_t)((cv_now_ms() + rule->from_now_ms) / 1000);
        struct tm tm;

        (void)gmtime_r(&when, &tm);
        (void)strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
        value = date;
    }
    if (rule->add)
        cv_http_response_header(res, rule->name, value);
    else
        cv_http_response_header_set(res, rule->name, value);
}

/* ---- CORS ---- */

static enum cv_rc
parse_origins(const char *text, struct rest_headers *headers, struct cv_err *err)
{
    headers->cors = text[strspn(text, " \t")] != '\0';
    while (*text != '\0') {
        size_t len = strcspn(text, ",");
        char *one = trimmed(text, len);
        struct cv_regex **more =
            realloc(headers->origins, (headers->n_origins + 1) * sizeof(*more));
        enum cv_rc rc = CV_OK;

        if (more != NULL)
            headers->origins = more;
        if (one == NULL || more == NULL)
            rc = cv_fail_memory(err);
        else if (strcmp(one, "*") == 0)
            headers->any_origin = true;
        else if (*one != '\0')
            rc = cv_regex_new(one, true, &more[headers->n_origins], err);
        if (rc == CV_OK && *one != '\0' && strcmp(one, "*") != 0)
            headers->n_origins++;
        free(one);
        if (rc != CV_OK)
            return cv_err_context(err, "access.control.allow.origin");
        text += len + (text[len] == ',' ? 1 : 0);
    }
    return CV_OK;
}

static bool
origin_allowed(struct rest_headers *headers, const char *origin)
{
    bool allowed = headers->any_origin;

    cv_lock(&headers->lock);
    for (size_t i = 0; i < headers->n_origins && !allowed; i++)
        allowed = cv_regex_matches(headers->origins[i], origin, strlen(origin));
    cv_unlock(&headers->lock);
    return allowed;
}

static void
add_cors(struct rest_headers *headers, const struct cv_http_request *req,
         struct cv_http_response *res)
{
    const char *origin = cv_http_header(req, "Origin");

    cv_http_response_header(res, "Vary", "Origin");
    if (origin == NULL || !origin_allowed(headers, origin))
        return;
    cv_http_response_header(res, "Access-Control-Allow-Origin", origin);
    if (strcmp(cv_http_method(req), "OPTIONS") != 0 ||
        cv_http_header(req, "Access-Control-Request-Method") == NULL)
        return;
    cv_http_response_header(res, "Access-Control-Allow-Methods", headers->methods);
    cv_http_response_header(res, "Access-Control-Allow-Headers", "Content-Type");
    cv_http_response_header(res, "Access-Control-Max-Age", "60");
}

/* ---- both ---- */

enum cv_rc
rest_headers_new(const char *origins, const char *methods, const char *rules,
                 struct rest_headers **ret, struct cv_err *err)
{
    struct rest_headers *headers = calloc(1, sizeof(*headers));
    enum cv_rc rc;

    if (headers == NULL)
        return cv_fail_memory(err);
    cv_lock_init(&headers->lock, CV_RANK_HTTP);
    if (methods == NULL || methods[strspn(methods, " \t")] == '\0')
        methods = "GET,POST,HEAD";
    headers->methods = trimmed(methods, strlen(methods));
    rc = headers->methods == NULL ? cv_fail_memory(err) : CV_OK;
    if (rc == CV_OK && origins != NULL)
        rc = parse_origins(origins, headers, err);
    if (rc == CV_OK && rules != NULL)
        rc = parse_rules(rules, headers, err);
    if (rc == CV_OK)
        *ret = headers;
    else
        rest_headers_free(headers);
    return rc;
}

void
rest_headers_free(struct rest_headers *headers)
{
    if (headers == NULL)
        return;
    for (size_t i = 0; i < headers->n_origins; i++)
        cv_regex_free(headers->origins[i]);
    for (size_t i = 0; i < headers->n_rules; i++) {
        free(headers->rules[i].name);
        free(headers->rules[i].value);
    }
    cv_lock_done(&headers->lock);
    free(headers->origins);
    free(headers->rules);
    free(headers->methods);
    free(headers);
}

void
rest_headers_add(struct rest_headers *headers, const struct cv_http_request *req,
                 struct cv_http_response *res)
{
    if (headers->cors)
        add_cors(headers, req, res);
    for (size_t i = 0; i < headers->n_rules; i++)
        apply_rule(&headers->rules[i], res);
}
