/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests and responses as values. A request owns copies of everything, so that a handler on the
 * pool does not depend on its connection. Made and filled on the connection's event thread, then
 * read by one handler. Rules of RFC 9112: a request whose length or host can be understood in two
 * ways is refused, because libmicrohttpd takes the first of several Content-Length headers and says
 * nothing.
 */
#include <config.h>

#include "common/http/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "common/json_write.h"

#define RESPONSE_MAX ((size_t)64 << 20)

struct cv_http_request *
http_request_new(const char *target)
{
    struct cv_http_request *req = malloc(sizeof(*req));

    if (req == NULL)
        return NULL;
    memset(req, 0, offsetof(struct cv_http_request, headers));
    req->target_len = strlen(target);
    req->target = malloc(req->target_len + 1);
    if (req->target == NULL) {
        free(req);
        return NULL;
    }
    memcpy(req->target, target, req->target_len + 1);
    req->method = req->version = req->peer = "";
    cv_buf_init(&req->res.body, RESPONSE_MAX);
    return req;
}

void
http_request_free(struct cv_http_request *req)
{
    if (req == NULL)
        return;
    http_response_done(&req->res);
    cv_buf_free(&req->body);
    free(req->text);
    free(req->target);
    free(req);
}

char *
http_request_copy(struct cv_http_request *req, const char *text, size_t len)
{
    char *copy;

    if (req->text_cap - req->text_len <= len)
        return NULL;
    copy = req->text + req->text_len;
    memcpy(copy, text, len);
    copy[len] = '\0';
    req->text_len += len + 1;
    return copy;
}

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

ptrdiff_t
http_decode(const char *in, size_t len, bool plus, char *out)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        char c = in[i];

        if (c == '%') {
            int high = i + 2 < len ? hex_digit(in[i + 1]) : -1;
            int low = i + 2 < len ? hex_digit(in[i + 2]) : -1;

            if (high < 0 || low < 0)
                return -1;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        out[n++] = c;
    }
    return (ptrdiff_t)n;
}

/* A copy of len bytes, decoded if that works, else as it is. */
static const char *
copy_decoded(struct cv_http_request *req, const char *text, size_t len)
{
    char *copy = http_request_copy(req, text, len);
    ptrdiff_t n;

    if (copy == NULL)
        return NULL;
    n = http_decode(copy, len, true, copy);
    if (n < 0)
        memcpy(copy, text, len);
    else
        copy[n] = '\0';
    return copy;
}

static bool
parse_query(struct cv_http_request *req, const char *query)
{
    while (*query != '\0') {
        size_t len = strcspn(query, "&");
        const char *equals = memchr(query, '=', len);
        size_t name_len = equals == NULL ? len : (size_t)(equals - query);

        if (len > 0) {
            struct http_field *field = &req->query[req->n_query];

            if (req->n_query == HTTP_MAX_QUERY)
                return false;
            field->name = copy_decoded(req, query, name_len);
            field->value = equals == NULL ? "" : copy_decoded(req, equals + 1, len - name_len - 1);
            if (field->name == NULL || field->value == NULL)
                return false;
            req->n_query++;
        }
        query += len;
        if (*query == '&')
            query++;
    }
    return true;
}

bool
http_request_begin(struct cv_http_request *req, const char *method, const char *version,
                   size_t headers_len)
{
    const char *path = req->target;
    size_t path_len;
    const char *query;

    /* Path, its decoded segments (of OPTIONS twice), query; each value has its own NUL. */
    req->text_cap = strlen(method) + strlen(version) + 4 * req->target_len +
                    2 * (HTTP_MAX_QUERY + HTTP_MAX_HEADERS + HTTP_MAX_VARIABLES) + headers_len + 16;
    req->text = malloc(req->text_cap);
    if (req->text == NULL)
        return false;
    req->method = http_request_copy(req, method, strlen(method));
    req->version = http_request_copy(req, version, strlen(version));
    req->head = strcmp(method, "HEAD") == 0;
    if (strncasecmp(path, "http://", 7) == 0 || strncasecmp(path, "https://", 8) == 0) {
        path = strstr(path, "//") + 2; /* absolute form: the host is that of the Host header */
        path += strcspn(path, "/?");
    }
    path_len = strcspn(path, "?#");
    query = path[path_len] == '?' ? path + path_len + 1 : "";
    req->path =
        path_len == 0 ? http_request_copy(req, "/", 1) : http_request_copy(req, path, path_len);
    return parse_query(req, query);
}

bool
http_request_add_header(struct cv_http_request *req, const char *name, size_t name_len,
                        const char *value, size_t value_len)
{
    struct http_field *field = &req->headers[req->n_headers];

    if (req->n_headers == HTTP_MAX_HEADERS)
        return false;
    field->name = http_request_copy(req, name, name_len);
    field->value = http_request_copy(req, value, value_len);
    if (field->name == NULL || field->value == NULL)
        return false;
    req->n_headers++;
    return true;
}

static size_t
count_headers(const struct cv_http_request *req, const char *name, const char **ret_first)
{
    size_t n = 0;

    *ret_first = NULL;
    for (size_t i = 0; i < req->n_headers; i++) {
        if (strcasecmp(req->headers[i].name, name) != 0)
            continue;
        if (n++ == 0)
            *ret_first = req->headers[i].value;
    }
    return n;
}

static bool
is_number(const char *text)
{
    size_t len = strlen(text);

    return len > 0 && len < 19 && strspn(text, "0123456789") == len;
}

static bool
has_control(const char *text)
{
    for (; *text != '\0'; text++)
        if (((unsigned char)*text < 0x20 && *text != '\t') || *text == 0x7f)
            return true;
    return false;
}

/* A header's name is a token (RFC 9110, 5.6.2); above all it has no blank in front of the colon. */
static bool
is_token(const char *text)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                            "!#$%&'*+-.^_`|~");

    return n > 0 && text[n] == '\0';
}

int
http_request_check(const struct cv_http_request *req, const char **ret_why)
{
    const char *length, *encoding, *host, *expect;
    size_t lengths = count_headers(req, "Content-Length", &length);
    size_t encodings = count_headers(req, "Transfer-Encoding", &encoding);
    size_t hosts = count_headers(req, "Host", &host);

    *ret_why = NULL;
    if (strcmp(req->version, "HTTP/1.1") != 0 && strcmp(req->version, "HTTP/1.0") != 0) {
        *ret_why = "this server speaks HTTP/1.1 and HTTP/1.0 only";
        return 505;
    }
    if (req->path[0] != '/' && strcmp(req->method, "CONNECT") != 0 && strcmp(req->path, "*") != 0)
        *ret_why = "the request target is not a path";
    else if (has_control(req->target) || strpbrk(req->target, " \t") != NULL)
        *ret_why = "the request target has blanks or control characters";
    else if (lengths > 1)
        *ret_why = "the request has several Content-Length headers";
    else if (lengths == 1 && !is_number(length))
        *ret_why = "the Content-Length header is not a decimal number";
    else if (lengths > 0 && encodings > 0)
        *ret_why = "the request has both Content-Length and Transfer-Encoding";
    else if (encodings > 1 || (encodings == 1 && strcasecmp(encoding, "chunked") != 0))
        *ret_why = "the only Transfer-Encoding that this server takes is chunked";
    else if (hosts > 1)
        *ret_why = "the request has several Host headers";
    else if (hosts == 0 && strcmp(req->version, "HTTP/1.1") == 0)
        *ret_why = "the request has no Host header";
    for (size_t i = 0; *ret_why == NULL && i < req->n_headers; i++)
        if (!is_token(req->headers[i].name) || has_control(req->headers[i].value))
            *ret_why = "a header is malformed";
    if (*ret_why != NULL)
        return 400;
    if (count_headers(req, "Expect", &expect) > 0 && strcasecmp(expect, "100-continue") != 0) {
        *ret_why = "the only expectation that this server meets is 100-continue";
        return 417;
    }
    return 0;
}

uint64_t
http_request_content_length(const struct cv_http_request *req)
{
    const char *value = cv_http_header(req, "Content-Length");

    return value == NULL ? 0 : strtoull(value, NULL, 10);
}

bool
http_request_expects_continue(const struct cv_http_request *req)
{
    return cv_http_header(req, "Expect") != NULL;
}

/* ---- what handlers ask ---- */

const char *
cv_http_method(const struct cv_http_request *req)
{
    return req->method;
}

const char *
cv_http_path(const struct cv_http_request *req)
{
    return req->path;
}

static const char *
field_value(const struct http_field *fields, size_t count, const char *name, size_t i)
{
    for (size_t k = 0; k < count; k++)
        if (strcmp(fields[k].name, name) == 0 && i-- == 0)
            return fields[k].value;
    return NULL;
}

const char *
cv_http_variable(const struct cv_http_request *req, const char *name)
{
    const char *value = field_value(req->variables, req->n_variables, name, 0);

    return value == NULL ? "" : value;
}

const char *
cv_http_query(const struct cv_http_request *req, const char *name, size_t i)
{
    return field_value(req->query, req->n_query, name, i);
}

const char *
cv_http_query_at(const struct cv_http_request *req, size_t i, const char **ret_value)
{
    if (i >= req->n_query)
        return NULL;
    *ret_value = req->query[i].value;
    return req->query[i].name;
}

bool
cv_http_query_true(const struct cv_http_request *req, const char *name)
{
    const char *value = cv_http_query(req, name, 0);

    return value != NULL && strcasecmp(value, "true") == 0;
}

const char *
cv_http_header(const struct cv_http_request *req, const char *name)
{
    const char *value;

    (void)count_headers(req, name, &value);
    return value;
}

const char *
cv_http_body(const struct cv_http_request *req, size_t *ret_len)
{
    *ret_len = req->body.len;
    return cv_buf_cstr(&req->body);
}

const char *
cv_http_peer(const struct cv_http_request *req)
{
    return req->peer;
}

bool
cv_http_is_tls(const struct cv_http_request *req)
{
    return req->tls;
}

unsigned
cv_http_route_flags(const struct cv_http_request *req)
{
    return req->route == NULL ? 0 : req->route->flags;
}

/* ---- responses ---- */

void
cv_http_response_header(struct cv_http_response *res, const char *name, const char *value)
{
    struct cv_http_header *headers =
        realloc(res->headers, (res->n_headers + 1) * sizeof(*res->headers));
    struct cv_http_header *header;

    if (headers == NULL) {
        res->failed = true;
        return;
    }
    res->headers = headers;
    header = &headers[res->n_headers];
    header->name = strdup(name);
    header->value = strdup(value);
    if (header->name == NULL || header->value == NULL) {
        free(header->name);
        free(header->value);
        res->failed = true;
        return;
    }
    res->n_headers++;
}

void
cv_http_response_header_set(struct cv_http_response *res, const char *name, const char *value)
{
    for (size_t i = 0; i < res->n_headers; i++) {
        char *copy;

        if (strcasecmp(res->headers[i].name, name) != 0)
            continue;
        copy = strdup(value);
        if (copy == NULL) {
            res->failed = true;
            return;
        }
        free(res->headers[i].value);
        res->headers[i].value = copy;
        return;
    }
    cv_http_response_header(res, name, value);
}

void
http_response_done(struct cv_http_response *res)
{
    for (size_t i = 0; i < res->n_headers; i++) {
        free(res->headers[i].name);
        free(res->headers[i].value);
    }
    free(res->headers);
    cv_buf_free(&res->body);
    res->headers = NULL;
    res->n_headers = 0;
}

const char *
http_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        { 400, "Bad Request" },
        { 401, "Unauthorized" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 406, "Not Acceptable" },
        { 408, "Request Timeout" },
        { 409, "Conflict" },
        { 413, "Request Entity Too Large" },
        { 414, "Request-URI Too Long" },
        { 415, "Unsupported Media Type" },
        { 417, "Expectation Failed" },
        { 431, "Request Header Fields Too Large" },
        { 500, "Internal Server Error" },
        { 503, "Service Unavailable" },
        { 505, "HTTP Version Not Supported" },
    };

    for (size_t i = 0; i < CV_COUNT(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Error";
}

void
cv_http_error(struct cv_http_response *res, int status, const char *message)
{
    struct cv_json_writer w = cv_json_writer_of(&res->body);
    char text[64];

    if (message == NULL) {
        (void)snprintf(text, sizeof(text), "HTTP %d %s", status, http_reason(status));
        message = text;
    }
    cv_buf_reset(&res->body);
    res->status = status;
    res->content_type = "application/json";
    cv_json_object(&w);
    cv_json_key(&w, "error_code");
    cv_json_int(&w, status);
    cv_json_key(&w, "message");
    cv_json_string(&w, message);
    cv_json_object_end(&w);
}
