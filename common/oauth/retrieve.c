/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One way to a token each: ask the endpoint, read the file, make one. The endpoint is asked as
 * Java's HttpJwtRetriever does: client and secret in the header, grant and scope in the body, or the
 * assertion with them; what may pass is tried again for sasl.login.retry.backoff.max.ms.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <culvert/record.h>

#include "common/clock.h"
#include "common/http/client.h"
#include "common/number.h"
#include "common/oauth/source.h"
#include "common/oauth/token.h"
#include "common/thread.h"

#define ANSWER_MAX ((size_t)256 << 10)
#define BODY_MAX   16384

static void
add_credential(struct cv_buf *out, const struct cv_oauth *oauth, const char *text)
{
    if (oauth->options.urlencode)
        cv_buf_url(out, text);
    else
        cv_buf_str(out, text);
}

/* "Basic " and client:secret. */
static void
add_authorization(struct cv_buf *out, const struct cv_oauth *oauth)
{
    struct cv_buf pair = CV_BUF_INIT(BODY_MAX);

    add_credential(&pair, oauth, oauth->client_id);
    cv_buf_char(&pair, ':');
    add_credential(&pair, oauth, oauth->client_secret);
    cv_buf_str(out, "Basic ");
    cv_base64(out, cv_buf_cstr(&pair), pair.len);
    if (pair.failed != CV_OK)
        out->failed = pair.failed;
    cv_buf_wipe(&pair);
}

static enum cv_rc
add_body(struct cv_buf *out, const struct cv_oauth *oauth, struct cv_err *err)
{
    struct cv_buf assertion = CV_BUF_INIT(OAUTH_TOKEN_MAX * 2);
    enum cv_rc rc = CV_OK;

    if (oauth->kind == OAUTH_ASSERTION) {
        rc = oauth_assertion(&oauth->options, &assertion, err);
        cv_buf_str(out, "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=");
        cv_buf_url(out, cv_buf_cstr(&assertion));
    } else {
        cv_buf_str(out, "grant_type=client_credentials");
    }
    if (oauth->scope != NULL) {
        cv_buf_str(out, "&scope=");
        cv_buf_url(out, oauth->scope);
    }
    cv_buf_wipe(&assertion);
    return rc == CV_OK ? cv_buf_check(out, err) : rc;
}

static enum cv_rc
read_answer(const struct cv_oauth *oauth, int status, const struct cv_buf *answer,
            struct cv_buf *ret, struct cv_err *err)
{
    struct cv_buf reason = CV_BUF_INIT(1024);
    bool passes = status == 408 || status == 429 || status >= 500;
    enum cv_rc rc;

    if (status == 200 || status == 201) {
        rc = oauth_answer_read(cv_buf_cstr(answer), answer->len, ret, err);
        return rc == CV_OK ? rc
                           : cv_err_context(err, "the token endpoint %s gives no token",
                                            oauth->options.url);
    }
    oauth_answer_reason(cv_buf_cstr(answer), answer->len, &reason);
    rc = cv_fail(err, passes ? CV_RETRY : CV_INVALID,
                 "the token endpoint %s answered with status %d%s%s%s", oauth->options.url, status,
                 reason.len > 0 ? ": " : "", cv_buf_cstr(&reason),
                 passes ? "" : oauth->kind == OAUTH_ASSERTION ? "; check the sasl.oauthbearer.assertion keys"
                                                : "; check clientId, clientSecret and scope in sasl.jaas.config");
    cv_buf_free(&reason);
    return rc;
}

static enum cv_rc
ask_once(const struct cv_oauth *oauth, int64_t deadline_ms, const struct cv_wake *interrupt,
         struct cv_buf *ret, struct cv_err *err)
{
    struct cv_buf authorization = CV_BUF_INIT(BODY_MAX * 2), body = CV_BUF_INIT(BODY_MAX + OAUTH_TOKEN_MAX * 2);
    struct cv_buf answer = CV_BUF_INIT(ANSWER_MAX);
    int64_t timeout_ms =
        (int64_t)oauth->options.connect_timeout_ms + oauth->options.read_timeout_ms;
    int status = 0;
    enum cv_rc rc;

    if (timeout_ms > deadline_ms - cv_mono_ms())
        timeout_ms = deadline_ms - cv_mono_ms();
    if (oauth->kind == OAUTH_ENDPOINT)
        add_authorization(&authorization, oauth);
    rc = cv_buf_check(&authorization, err);
    if (rc == CV_OK)
        rc = add_body(&body, oauth, err);
    if (rc == CV_OK) {
        const struct cv_raw_header headers[] = {
            { "Accept", { "application/json", strlen("application/json") } },
            { "Content-Type",
              { "application/x-www-form-urlencoded",
                strlen("application/x-www-form-urlencoded") } },
            { "Authorization", { authorization.data, authorization.len } }, /* an assertion needs none */
        };
        const struct cv_http_call call = {
            .method = "POST",
            .url = oauth->options.url,
            .headers = headers,
            .n_headers = CV_COUNT(headers) - (oauth->kind == OAUTH_ASSERTION),
            .body = body.data,
            .body_len = body.len,
            .timeout_ms = timeout_ms < 1 ? 1 : timeout_ms > INT_MAX ? INT_MAX : (int)timeout_ms,
            .max_answer = ANSWER_MAX,
            .tls = oauth->tls,
            .interrupt = interrupt,
        };

        rc = cv_http_request(&call, &status, &answer, err);
        if (rc == CV_INVALID && strstr(err->text, "certificate") != NULL)
            (void)cv_err_context(err, "check ssl.truststore.location among the options of "
                                      "sasl.jaas.config");
    }
    if (rc == CV_OK)
        rc = read_answer(oauth, status, &answer, ret, err);
    cv_buf_wipe(&authorization);
    cv_buf_wipe(&body);
    cv_buf_wipe(&answer);
    return rc;
}

/* false: interrupted. */
static bool
pause_ms(int64_t ms, const struct cv_wake *interrupt)
{
    struct pollfd fd = { .fd = interrupt == NULL ? -1 : interrupt->fd, .events = POLLIN };

    return poll(&fd, 1, (int)ms) == 0;
}

static enum cv_rc
ask(const struct cv_oauth *oauth, int64_t deadline_ms, const struct cv_wake *interrupt,
    struct cv_buf *ret, struct cv_err *err)
{
    int64_t until_ms = cv_mono_ms() + oauth->options.backoff_max_ms;
    int64_t backoff_ms = oauth->options.backoff_ms;

    if (until_ms > deadline_ms)
        until_ms = deadline_ms;
    for (;;) {
        enum cv_rc rc = ask_once(oauth, deadline_ms, interrupt, ret, err);

        if (rc != CV_RETRY || cv_mono_ms() + backoff_ms >= until_ms ||
            !pause_ms(backoff_ms, interrupt))
            return rc;
        backoff_ms *= 2;
    }
}

enum cv_rc
oauth_file_read(const char *path, const char *key, struct cv_buf *ret, struct cv_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    ssize_t n = -1;
    char *room = cv_buf_reserve(ret, OAUTH_TOKEN_MAX);

    if (room != NULL && fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        n = read(fd, room, OAUTH_TOKEN_MAX);
    else if (fd >= 0)
        errno = EINVAL;
    if (fd >= 0)
        (void)close(fd);
    if (room == NULL)
        return cv_buf_check(ret, err);
    if (n < 0)
        return cv_fail(err, CV_RETRY, "could not read the file of %s, \"%s\": %s", key, path, strerror(errno));
    cv_buf_used(ret, (size_t)n);
    while (ret->len > 0 && strchr(" \t\r\n", ret->data[ret->len - 1]) != NULL)
        cv_buf_truncate(ret, ret->len - 1);
    return CV_OK;
}

enum cv_rc
oauth_retrieve(const struct cv_oauth *oauth, int64_t deadline_ms, const struct cv_wake *interrupt,
               struct cv_buf *ret, struct cv_err *err)
{
    switch (oauth->kind) {
    case OAUTH_ENDPOINT:
    case OAUTH_ASSERTION:
        return ask(oauth, deadline_ms, interrupt, ret, err);
    case OAUTH_FILE:
        return oauth_file_read(oauth->path, "sasl.oauthbearer.token.endpoint.url", ret, err);
    case OAUTH_UNSECURED:
        break;
    }
    return oauth_token_unsecured(oauth->jaas, ret, err);
}
