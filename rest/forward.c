/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests for the leader or the owner, proxied as HerderRequestHandler and RestClient do: same
 * method and path, the query with forward set, Accept, User-Agent, Authorization and the body. At
 * most two hops: the first goes with forward=true, the next with forward=false, and who gets that
 * answers 409 when it is the wrong worker. The target is a URL that the herder took from the group;
 * nothing of the request chooses it.
 */
#include <config.h>

#include <stdio.h>
#include <strings.h>

#include <culvert/record.h>

#include "common/http/client.h"
#include "common/log.h"
#include "rest/api.h"
#include "rest/body.h"

#define FORWARD_TIMEOUT_MS (HERDER_REQUEST_TIMEOUT_MS + 5000) /* the other side's 500 comes first  \
                                                               */
#define ANSWER_MAX ((size_t)16 << 20)

struct herder_forward
rest_hop(const struct cv_http_request *req)
{
    const char *value = cv_http_query(req, "forward", 0);
    struct herder_forward forward = { .hop = HERDER_HOP_NONE };

    if (value != NULL)
        forward.hop = strcasecmp(value, "true") == 0 ? HERDER_HOP_TRUE : HERDER_HOP_FALSE;
    return forward;
}

static void
make_url(const struct cv_http_request *req, const struct herder_forward *forward,
         struct cv_buf *url)
{
    const char *path = cv_http_path(req);
    const char *name, *value;

    cv_buf_str(url, forward->url);
    if (url->len == 0 || url->data[url->len - 1] != '/')
        cv_buf_char(url, '/');
    cv_buf_str(url, path + strspn(path, "/"));
    cv_buf_printf(url, "?forward=%s", forward->hop == HERDER_HOP_NONE ? "true" : "false");
    for (size_t i = 0; (name = cv_http_query_at(req, i, &value)) != NULL; i++) {
        if (strcmp(name, "forward") == 0)
            continue;
        cv_buf_char(url, '&');
        cv_buf_url(url, name);
        cv_buf_char(url, '=');
        cv_buf_url(url, value);
    }
}

static struct cv_raw_header
header(const char *name, const char *value)
{
    return (struct cv_raw_header){ .name = name,
                                   .value = { .data = (const void *)value, .len = strlen(value) } };
}

/* Ask the other worker; *ret_status and body. */
static enum cv_rc
proxy(struct rest *rest, const struct cv_http_request *req, const char *url, int *ret_status,
      struct cv_buf *body, struct cv_err *err)
{
    const char *authorization = cv_http_header(req, "Authorization");
    struct cv_raw_header headers[4];
    struct cv_http_call call = { .method = cv_http_method(req),
                                 .url = url,
                                 .headers = headers,
                                 .timeout_ms = FORWARD_TIMEOUT_MS,
                                 .max_answer = ANSWER_MAX,
                                 .tls = rest->tls };
    size_t n = 0;

    headers[n++] = header("Accept", "application/json");
    headers[n++] = header("User-Agent", "kafka-connect");
    call.body = cv_http_body(req, &call.body_len);
    if (call.body_len > 0)
        headers[n++] = header("Content-Type", "application/json");
    else
        call.body = NULL;
    if (authorization != NULL)
        headers[n++] = header("Authorization", authorization);
    call.n_headers = n;
    return cv_http_request(&call, ret_status, body, err);
}

static void
answer(struct cv_http_response *res, int status, struct cv_buf *body)
{
    struct cv_buf message = CV_BUF_INIT(ANSWER_MAX);
    char text[128];
    int code;

    if (status >= 400 && rest_read_error(cv_buf_cstr(body), body->len, &code, &message)) {
        cv_http_error(res, status, message.data == NULL ? "" : cv_buf_cstr(&message));
    } else if (status >= 400) {
        (void)snprintf(
            text, sizeof(text),
            "IO Error trying to forward REST request: status %d without an error in JSON", status);
        cv_http_error(res, 500, text);
    } else if (status < 200 || status >= 300) {
        (void)snprintf(text, sizeof(text),
                       "Unexpected status code when handling forwarded request: %d", status);
        cv_http_error(res, 500, text);
    } else {
        res->status = status;
        cv_buf_add(&res->body, cv_buf_cstr(body), body->len);
    }
    cv_buf_free(&message);
}

bool
rest_forwarded(struct rest *rest, const struct cv_http_request *req,
               const struct herder_forward *forward, struct cv_http_response *res)
{
    struct cv_buf url = CV_BUF_INIT(65536);
    struct cv_buf body = CV_BUF_INIT(ANSWER_MAX + 1);
    struct cv_buf text = CV_BUF_INIT(4096);
    struct cv_err err;
    int status = 0;

    if (forward->url[0] == '\0')
        return false;
    make_url(req, forward, &url);
    CV_LOG_DEBUG(cv_log_get("culvert.rest.forward"), "forwarding a request",
                 CV_STR("method", cv_http_method(req)), CV_STR("url", cv_buf_cstr(&url)));
    if (cv_buf_check(&url, &err) == CV_OK &&
        proxy(rest, req, cv_buf_cstr(&url), &status, &body, &err) == CV_OK) {
        answer(res, status, &body);
    } else {
        cv_buf_printf(&text, "IO Error trying to forward REST request: %s", err.text);
        cv_http_error(res, 500, cv_buf_cstr(&text));
    }
    cv_buf_free(&text);
    cv_buf_free(&body);
    cv_buf_free(&url);
    return true;
}
