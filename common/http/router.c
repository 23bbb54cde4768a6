/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Templates are cut into segments once; a request is matched row by row, which for some fifty
 * routes costs less than a microsecond. Order of refusals as JAX-RS has it: path, method,
 * Content-Type, Accept. Constant once made: any thread.
 */
#include <config.h>

#include "common/http/router.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "common/http/request.h"
#include "common/number.h"

#define MAX_SEGMENTS 10

struct segment {
    const char *text; /* the literal, or the variable's name */
    size_t len;
    bool variable;
    bool integer;
};

struct compiled {
    const struct cv_route *route;
    struct segment segments[MAX_SEGMENTS];
    size_t count;
};

struct cv_http_router {
    struct compiled *routes;
    size_t count;
    void *arg;
    char *names; /* of variables, NUL-terminated */
};

/* Cut a template at its slashes; names gets a copy of each variable's name. */
static bool
compile(const struct cv_route *route, struct compiled *out, char **names)
{
    const char *p = route->path;

    out->route = route;
    while (*p == '/') {
        size_t len = strcspn(++p, "/");
        struct segment *seg = &out->segments[out->count];

        if (len == 0)
            break; /* "/" */
        if (out->count++ == MAX_SEGMENTS)
            return false;
        seg->text = p;
        seg->len = len;
        seg->variable = p[0] == '{' && p[len - 1] == '}';
        if (seg->variable) {
            const char *colon = memchr(p, ':', len);

            seg->integer = colon != NULL && strncmp(colon, ":int}", 5) == 0;
            seg->len = (colon == NULL ? len - 1 : (size_t)(colon - p)) - 1;
            memcpy(*names, p + 1, seg->len);
            (*names)[seg->len] = '\0';
            seg->text = *names;
            *names += seg->len + 1;
        }
        p += len;
    }
    return *p == '\0';
}

enum cv_rc
cv_http_router_new(const struct cv_route *routes, void *arg, struct cv_http_router **ret,
                   struct cv_err *err)
{
    struct cv_http_router *router = calloc(1, sizeof(*router));
    size_t names = 0;
    char *p;

    if (router == NULL)
        return cv_fail_memory(err);
    for (const struct cv_route *r = routes; r->method != NULL; r++) {
        names += strlen(r->path) + 1;
        router->count++;
    }
    router->arg = arg;
    router->routes = calloc(router->count + 1, sizeof(*router->routes));
    router->names = p = malloc(names + 1);
    if (router->routes == NULL || p == NULL) {
        cv_http_router_free(router);
        return cv_fail_memory(err);
    }
    for (size_t i = 0; i < router->count; i++) {
        if (!compile(&routes[i], &router->routes[i], &p)) {
            cv_http_router_free(router);
            return cv_fail(err, CV_INVALID, "route template \"%s\" is malformed", routes[i].path);
        }
    }
    *ret = router;
    return CV_OK;
}

void
cv_http_router_free(struct cv_http_router *router)
{
    if (router == NULL)
        return;
    free(router->names);
    free(router->routes);
    free(router);
}

/* ---- paths ---- */

/* Well-formed UTF-8 without control characters: what a name in a path may be made of. */
static bool
is_text(const unsigned char *s, size_t len)
{
    for (size_t i = 0; i < len;) {
        unsigned char c = s[i++];
        uint32_t code;
        int more = c < 0x80 ? 0 : c >= 0xc2 && c < 0xe0 ? 1 : c >= 0xe0 && c < 0xf0 ? 2 : 3;

        if (c < 0x20 || c == 0x7f || (c >= 0x80 && c < 0xc2) || c > 0xf4 || len - i < (size_t)more)
            return false;
        code = more == 0 ? c : c & (0x3fu >> more);
        for (int k = 0; k < more; k++, i++) {
            if ((s[i] & 0xc0) != 0x80)
                return false;
            code = code << 6 | (s[i] & 0x3fu);
        }
        if ((more == 2 && (code < 0x800 || (code >= 0xd800 && code < 0xe000))) ||
            (more == 3 && (code < 0x10000 || code > 0x10ffff)) || (code >= 0x80 && code < 0xa0))
            return false;
    }
    return true;
}

struct path {
    struct {
        const char *raw;
        size_t len;          /* without matrix parameters */
        const char *decoded; /* "." and ".." are not decoded: they name no segment */
    } segments[MAX_SEGMENTS + 1];
    size_t count; /* MAX_SEGMENTS + 1: too many for any route */
};

/* Cut and decode; why it cannot be, or NULL. A last empty segment (trailing slash) is dropped. */
static const char *
path_parse(struct cv_http_request *req, struct path *path)
{
    const char *p = req->path;

    path->count = 0;
    while (*p == '/') {
        size_t len = strcspn(++p, "/");
        size_t plain = 0;
        char *decoded;
        ptrdiff_t n;

        if (len == 0 && p[0] == '\0')
            break;
        while (plain < len && p[plain] != ';')
            plain++;
        decoded = http_request_copy(req, p, plain);
        if (decoded == NULL)
            return "the path is too long";
        n = http_decode(p, plain, false, decoded);
        if (n < 0)
            return "the path has a broken percent escape";
        if (!is_text((const unsigned char *)decoded, (size_t)n))
            return "the path does not decode to printable UTF-8 text";
        decoded[n] = '\0';
        if (memchr(p, '%', plain) != NULL &&
            (strcmp(decoded, ".") == 0 || strcmp(decoded, "..") == 0))
            return "the path has an encoded dot segment";
        if (path->count <= MAX_SEGMENTS) {
            path->segments[path->count].raw = p;
            path->segments[path->count].len = plain;
            path->segments[path->count++].decoded = decoded;
        }
        p += len;
    }
    return NULL;
}

static bool
is_int32(const char *text, size_t len)
{
    int64_t v;

    return cv_parse_i64(text, len, &v) && v >= INT32_MIN && v <= INT32_MAX;
}

static bool
path_matches(const struct path *path, const struct compiled *route)
{
    if (path->count != route->count)
        return false;
    for (size_t i = 0; i < route->count; i++) {
        const struct segment *seg = &route->segments[i];
        const char *decoded = path->segments[i].decoded;
        size_t len = strlen(decoded);

        if (!seg->variable) {
            if (seg->len != len || memcmp(seg->text, decoded, len) != 0)
                return false;
        } else if (len == 0 || strcmp(decoded, ".") == 0 || strcmp(decoded, "..") == 0 ||
                   (seg->integer && !is_int32(decoded, len))) {
            return false;
        }
    }
    return true;
}

static void
set_variables(struct cv_http_request *req, const struct path *path, const struct compiled *route)
{
    for (size_t i = 0; i < route->count; i++) {
        if (!route->segments[i].variable || req->n_variables == HTTP_MAX_VARIABLES)
            continue;
        req->variables[req->n_variables].name = route->segments[i].text;
        req->variables[req->n_variables++].value = path->segments[i].decoded;
    }
}

/* ---- media types ---- */

static size_t
skip_blanks(const char *text, size_t i)
{
    while (text[i] == ' ' || text[i] == '\t')
        i++;
    return i;
}

/* Length of a token (RFC 9110, 5.6.2). */
static size_t
token_len(const char *text)
{
    size_t n = 0;

    while (isalnum((unsigned char)text[n]) ||
           (text[n] != '\0' && strchr("!#$%&'*+-.^_`|~", text[n])))
        n++;
    return n;
}

/* 0: application/json, 415: another type, 400: no media type. */
static int
check_content_type(const char *value)
{
    size_t start = skip_blanks(value, 0);
    size_t type = token_len(value + start);
    size_t sub, end;

    if (type == 0 || value[start + type] != '/')
        return 400;
    sub = token_len(value + start + type + 1);
    end = skip_blanks(value, start + type + 1 + sub);
    if (sub == 0 || (value[end] != '\0' && value[end] != ';'))
        return 400;
    return type == 11 && sub == 4 && strncasecmp(value + start, "application/json", 16) == 0 ? 0
                                                                                             : 415;
}

/* Whether one range of an Accept header, "type/subtype;q=0.5", takes the media type. */
static bool
range_accepts(const char *range, size_t len, const char *media)
{
    const char *end = range + len;
    const char *semicolon = memchr(range, ';', len);
    const char *slash = strchr(media, '/');
    size_t n = (size_t)((semicolon == NULL ? end : semicolon) - range);
    size_t type = (size_t)(slash - media) + 1;

    while (n > 0 && isspace((unsigned char)range[0])) {
        range++;
        n--;
    }
    while (n > 0 && isspace((unsigned char)range[n - 1]))
        n--;
    for (const char *p = semicolon; p != NULL && p < end;
         p = memchr(p + 1, ';', (size_t)(end - p - 1))) {
        const char *q = p + 1 + strspn(p + 1, " \t");

        if ((*q == 'q' || *q == 'Q') && q[1] == '=' && strtod(q + 2, NULL) <= 0)
            return false;
    }
    if (n == 3 && memcmp(range, "*/*", 3) == 0)
        return true;
    if (n == type + 1 && strncasecmp(range, media, type) == 0 && range[type] == '*')
        return true;
    return n == strlen(media) && strncasecmp(range, media, n) == 0;
}

static bool
accepts(const struct cv_http_request *req, const char *media)
{
    const char *value = cv_http_header(req, "Accept");

    if (value == NULL || *value == '\0')
        return true;
    for (;;) {
        size_t len = strcspn(value, ",");

        if (range_accepts(value, len, media))
            return true;
        if (value[len] == '\0')
            return false;
        value += len + 1;
    }
}

static int
check_types(const struct cv_http_request *req, const struct cv_route *route)
{
    const char *type = cv_http_header(req, "Content-Type");

    if (route->flags & CV_ROUTE_JSON) {
        int status = type == NULL ? 0 : check_content_type(type);

        if (status != 0)
            return status;
        if ((route->flags & CV_ROUTE_BODY) && type == NULL && req->body.len > 0)
            return 415;
    }
    if (!(route->flags & CV_ROUTE_ANY_ACCEPT) && !accepts(req, "application/json"))
        return 406;
    return 0;
}

/* ---- matching ---- */

/* An error of the router; a HEAD gets no type, as nothing of the body is sent. */
static void
refuse(struct cv_http_request *req, int status, const char *why)
{
    cv_http_error(&req->res, status, why);
    if (req->head)
        req->res.content_type = "";
}

/* Methods of every route at this path: "GET, POST" or, for the header, "GET,POST". */
static void
add_methods(const struct cv_http_router *router, const struct path *path, const char *separator,
            struct cv_buf *out)
{
    for (size_t i = 0; i < router->count; i++) {
        const char *method = router->routes[i].route->method;

        if (!path_matches(path, &router->routes[i]))
            continue;
        cv_buf_printf(out, "%s%s", method, separator);
        if (strcmp(method, "GET") == 0)
            cv_buf_printf(out, "HEAD%s", separator);
    }
    cv_buf_str(out, "OPTIONS");
}

void
http_router_options(const struct cv_http_router *router, struct cv_http_request *req)
{
    struct cv_buf allow = CV_BUF_INIT(1024);
    struct path path;

    if (path_parse(req, &path) != NULL)
        return; /* http_router_match has read it already */
    add_methods(router, &path, ",", &allow);
    cv_http_response_header(&req->res, "Allow", cv_buf_cstr(&allow));
    cv_buf_free(&allow);
    if (accepts(req, "text/plain")) {
        req->res.content_type = "text/plain";
        add_methods(router, &path, ", ", &req->res.body);
    } else {
        req->res.content_type = "application/json";
    }
}

void
http_router_match(const struct cv_http_router *router, struct cv_http_request *req)
{
    const char *method = req->head ? "GET" : req->method;
    bool known = false;
    struct path path;
    const char *why = path_parse(req, &path);

    if (why != NULL) {
        refuse(req, 400, why);
        return;
    }
    for (size_t i = 0; i < router->count; i++) {
        const struct compiled *route = &router->routes[i];
        int status;

        if (!path_matches(&path, route))
            continue;
        known = true;
        if (strcmp(route->route->method, method) != 0)
            continue;
        status = check_types(req, route->route);
        if (status != 0) {
            refuse(req, status, NULL);
            return;
        }
        set_variables(req, &path, route);
        req->route = route->route;
        req->route_arg = router->arg;
        return;
    }
    if (known && strcmp(method, "OPTIONS") == 0)
        req->options = true;
    else
        refuse(req, known ? 405 : 404, NULL);
}
