/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoders of what a token endpoint sends. A token is opaque to a client but for two claims: who it
 * is for, and until when (both of which Java's ClientJwtValidator asks for, too). No text of a
 * failure holds a part of a token.
 */
#include <config.h>

#include "common/oauth/token.h"

#include <math.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/json_read.h"
#include "common/number.h"

#define REASON_MAX 256
#define LATEST_S   1e11 /* beyond any date: some take milliseconds for seconds */

/* A part of a token: base64 for URLs, without padding. */
static enum cv_rc
decode_part(const char *text, size_t len, struct cv_buf *out, struct cv_err *err)
{
    struct cv_buf standard = CV_BUF_INIT(OAUTH_TOKEN_MAX + 4);
    enum cv_rc rc;

    for (size_t i = 0; i < len; i++) {
        char c = text[i];

        if (c == '+' || c == '/' || c == '=')
            c = '!'; /* letters of the other alphabet */
        cv_buf_char(&standard, (char)(c == '-' ? '+' : c == '_' ? '/' : c));
    }
    while (standard.len % 4 != 0 && standard.failed == CV_OK)
        cv_buf_char(&standard, '=');
    rc = cv_buf_check(&standard, err);
    if (rc == CV_OK)
        rc = cv_base64_decode(cv_buf_cstr(&standard), standard.len, out, err);
    cv_buf_wipe(&standard);
    return rc == CV_INVALID ? cv_fail(err, CV_INVALID, "it is not base64url") : rc;
}

void
oauth_part_write(struct cv_buf *out, const void *data, size_t len)
{
    cv_base64_url(out, data, len);
    while (out->len > 0 && out->data[out->len - 1] == '=')
        cv_buf_truncate(out, out->len - 1);
}

/* Move to the value of a key of the top object. false: it is not there, or this is no object. */
static bool
find_key(struct cv_json_reader *json, const char *data, size_t len, const char *key)
{
    enum cv_json_token token;

    cv_json_reader_init(json, data, len);
    if (cv_json_next(json) != CV_JSON_OBJECT)
        return false;
    for (token = cv_json_next(json); token == CV_JSON_KEY; token = cv_json_next(json)) {
        if (cv_json_text_is(json, key))
            return true;
        if (cv_json_skip(json) == CV_JSON_BAD)
            return false;
    }
    return false;
}

static bool
is_object(const char *data, size_t len)
{
    struct cv_json_reader json;
    enum cv_json_token token;

    cv_json_reader_init(&json, data, len);
    if (cv_json_skip(&json) != CV_JSON_OBJECT)
        return false;
    token = cv_json_next(&json);
    return token == CV_JSON_DONE;
}

/* A string claim that says something. */
static bool
read_string(const struct cv_buf *payload, const char *name, struct cv_buf *out)
{
    struct cv_json_reader json;

    if (!find_key(&json, cv_buf_cstr(payload), payload->len, name) ||
        cv_json_next(&json) != CV_JSON_STRING)
        return false;
    cv_json_text(&json, out);
    return out->failed == CV_OK && out->len > 0 && strlen(cv_buf_cstr(out)) == out->len &&
           strspn(cv_buf_cstr(out), " \t\r\n") < out->len;
}

/* Seconds since 1970, fractions too, to milliseconds. */
static bool
read_time(const struct cv_buf *payload, const char *name, int64_t *ret_ms)
{
    struct cv_json_reader json;
    double seconds;

    if (!find_key(&json, cv_buf_cstr(payload), payload->len, name) ||
        cv_json_next(&json) != CV_JSON_NUMBER || !cv_json_number(&json, &seconds) ||
        !isfinite(seconds) || seconds < 0 || seconds > LATEST_S)
        return false;
    *ret_ms = (int64_t)(seconds * 1000.0);
    return true;
}

static enum cv_rc
read_claims(const struct cv_buf *payload, const char *subject, struct cv_oauth_token *token,
            struct cv_err *err)
{
    struct cv_buf principal = CV_BUF_INIT(OAUTH_TOKEN_MAX);
    int64_t now_ms = cv_now_ms();
    enum cv_rc rc = CV_OK;

    if (!is_object(cv_buf_cstr(payload), payload->len))
        rc = cv_fail(err, CV_INVALID, "its claims are not a JSON object");
    else if (!read_string(payload, subject, &principal))
        rc = cv_fail(err, CV_INVALID,
                     "it has no claim \"%s\" with a name (sasl.oauthbearer.sub.claim.name says "
                     "which claim holds it)",
                     subject);
    else if (!read_time(payload, "exp", &token->expires_ms))
        rc = cv_fail(err, CV_INVALID, "it has no claim \"exp\" with a time in seconds");
    else if (token->expires_ms <= now_ms)
        rc = cv_fail(err, CV_INVALID, "it expired %lld s ago: check the clocks",
                     (long long)(now_ms - token->expires_ms) / 1000);
    if (rc == CV_OK && (!read_time(payload, "iat", &token->start_ms) || token->start_ms > now_ms))
        token->start_ms = now_ms;
    if (rc == CV_OK) {
        token->principal = cv_buf_take(&principal);
        rc = token->principal == NULL ? cv_fail_memory(err) : CV_OK;
    }
    cv_buf_free(&principal);
    return rc;
}

/* Length of the part at text; *ret_next: behind its dot, NULL: it is the last. */
static size_t
part_len(const char *text, const char *end, const char **ret_next)
{
    const char *dot = memchr(text, '.', (size_t)(end - text));

    *ret_next = dot == NULL ? NULL : dot + 1;
    return (size_t)((dot == NULL ? end : dot) - text);
}

enum cv_rc
oauth_token_read(const char *text, size_t len, const char *subject, struct cv_oauth_token *ret,
                 struct cv_err *err)
{
    struct cv_buf header = CV_BUF_INIT(OAUTH_TOKEN_MAX), payload = CV_BUF_INIT(OAUTH_TOKEN_MAX);
    struct cv_buf signature = CV_BUF_INIT(OAUTH_TOKEN_MAX);
    struct cv_oauth_token token = { 0 };
    const char *second, *third = NULL, *more = NULL, *end = text + len;
    size_t first_len, second_len = 0, third_len = 0;
    enum cv_rc rc = CV_OK;

    if (len > OAUTH_TOKEN_MAX)
        return cv_fail(err, CV_INVALID, "the token has %zu bytes: at most %d are taken", len,
                       OAUTH_TOKEN_MAX);
    first_len = part_len(text, end, &second);
    if (second != NULL)
        second_len = part_len(second, end, &third);
    if (third != NULL)
        third_len = part_len(third, end, &more);
    if (first_len == 0 || second_len == 0 || third == NULL || more != NULL)
        rc = cv_fail(err, CV_INVALID, "it does not have three parts with dots between");
    if (rc == CV_OK)
        rc = decode_part(text, first_len, &header, err);
    if (rc == CV_OK)
        rc = decode_part(second, second_len, &payload, err);
    if (rc == CV_OK)
        rc = decode_part(third, third_len, &signature, err);
    if (rc == CV_OK && !is_object(cv_buf_cstr(&header), header.len))
        rc = cv_fail(err, CV_INVALID, "its header is not a JSON object");
    if (rc == CV_OK)
        rc = read_claims(&payload, subject, &token, err);
    if (rc == CV_OK) {
        token.text = strndup(text, len);
        rc = token.text == NULL ? cv_fail_memory(err) : CV_OK;
    }
    if (rc == CV_OK)
        *ret = token;
    else
        cv_oauth_token_done(&token);
    cv_buf_free(&header);
    cv_buf_wipe(&payload);
    cv_buf_wipe(&signature);
    return rc == CV_INVALID ? cv_err_context(err, "the token is not a usable JSON Web Token") : rc;
}

enum cv_rc
oauth_answer_read(const char *body, size_t len, struct cv_buf *ret, struct cv_err *err)
{
    struct cv_json_reader json;
    size_t start = ret->len;

    if (!is_object(body, len))
        return cv_fail(err, CV_INVALID, "the answer is not a JSON object");
    if (!find_key(&json, body, len, "access_token") || cv_json_next(&json) != CV_JSON_STRING)
        return cv_fail(err, CV_INVALID, "the answer has no \"access_token\"");
    cv_json_text(&json, ret);
    if (cv_buf_check(ret, err) != CV_OK)
        return err->rc;
    if (ret->len == start)
        return cv_fail(err, CV_INVALID, "the answer has an empty \"access_token\"");
    return CV_OK;
}

void
oauth_answer_reason(const char *body, size_t len, struct cv_buf *ret)
{
    static const char *const keys[] = { "error", "error_description" };
    struct cv_json_reader json;

    for (size_t i = 0; i < CV_COUNT(keys); i++) {
        struct cv_buf text = CV_BUF_INIT(OAUTH_TOKEN_MAX);

        if (find_key(&json, body, len, keys[i]) && cv_json_next(&json) == CV_JSON_STRING) {
            cv_json_text(&json, &text);
            cv_buf_str(ret, ret->len == 0 ? "" : ", ");
            for (size_t at = 0; at < text.len && at < REASON_MAX; at++)
                cv_buf_char(ret, (unsigned char)text.data[at] < ' ' ? ' ' : text.data[at]);
        }
        cv_buf_free(&text);
    }
}
