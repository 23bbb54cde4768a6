/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The route table, the table of failures, and the life of the REST object. Routes that Connect
 * answers from local copies run on the event thread; everything that asks the herder thread, writes
 * to Kafka or validates waits on the pool.
 */
#include <config.h>

#include "rest/api.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/metrics.h"

#define ACCESS_LOG "culvert.rest.access"

/* ---- routes ---- */

#define WAITS CV_ROUTE_WAITS
#define JSON  CV_ROUTE_JSON
#define BODY  (CV_ROUTE_JSON | CV_ROUTE_BODY | CV_ROUTE_WAITS)

static const struct cv_route main_routes[] = {
    { "GET", "/", rest_root, REST_ROUTE_ALWAYS, "Versions and cluster" },
    { "GET", "/health", rest_health, WAITS | REST_ROUTE_ALWAYS, "Whether the worker works" },
    { "GET", "/metrics", rest_metrics, WAITS | CV_ROUTE_ANY_ACCEPT | REST_ROUTE_ALWAYS,
      "Prometheus text" },
    { "GET", "/culvert/version", rest_version, REST_ROUTE_ALWAYS, "Culvert's own version" },

    { "GET", "/connectors", rest_connectors_list, JSON, "Names; with expand status and info" },
    { "POST", "/connectors", rest_connectors_create, BODY, "Create a connector" },
    { "GET", "/connectors/{connector}", rest_connector_get, JSON | WAITS, "Config and tasks" },
    { "DELETE", "/connectors/{connector}", rest_connector_delete, JSON | WAITS, "Delete" },
    { "GET", "/connectors/{connector}/config", rest_config_get, JSON | WAITS, "Config" },
    { "PUT", "/connectors/{connector}/config", rest_config_put, BODY, "Create or replace" },
    { "PATCH", "/connectors/{connector}/config", rest_config_patch, BODY, "Change some keys" },
    { "GET", "/connectors/{connector}/status", rest_connector_status, JSON, "States" },
    { "POST", "/connectors/{connector}/restart", rest_connector_restart, JSON | WAITS, "Restart" },
    { "PUT", "/connectors/{connector}/pause", rest_connector_pause, JSON | WAITS, "Pause" },
    { "PUT", "/connectors/{connector}/resume", rest_connector_resume, JSON | WAITS, "Resume" },
    { "PUT", "/connectors/{connector}/stop", rest_connector_stop, JSON | WAITS, "Stop" },
    { "GET", "/connectors/{connector}/tasks", rest_tasks_list, JSON | WAITS, "Task configs" },
    { "GET", "/connectors/{connector}/tasks/{task:int}/status", rest_task_status, JSON, "State" },
    { "POST", "/connectors/{connector}/tasks/{task:int}/restart", rest_task_restart, JSON | WAITS,
      "Restart a task" },
    { "GET", "/connectors/{connector}/topics", rest_topics_get, JSON, "Topics that were used" },
    { "PUT", "/connectors/{connector}/topics/reset", rest_topics_reset, JSON | WAITS,
      "Forget them" },
    { "GET", "/connectors/{connector}/offsets", rest_offsets_get, JSON | WAITS, "Offsets" },
    { "PATCH", "/connectors/{connector}/offsets", rest_offsets_alter, BODY, "Change offsets" },
    { "DELETE", "/connectors/{connector}/offsets", rest_offsets_reset, JSON | WAITS,
      "Reset offsets" },

    /* Culvert's own: what the plugin of a running task tells, and is told; with task=N (0). */
    { "GET", "/culvert/connectors/{connector}/progress", rest_task_progress, JSON | WAITS,
      "How far a task is" },
    { "POST", "/culvert/connectors/{connector}/signals", rest_task_signal, BODY,
      "Tell a task what to do" },

    { "GET", "/connector-plugins", rest_plugins_list, JSON, "Plugins" },
    { "GET", "/connector-plugins/{plugin}/config", rest_plugin_config, JSON, "A plugin's options" },
    { "PUT", "/connector-plugins/{plugin}/config/validate", rest_plugin_validate, BODY,
      "Check a config" },

    /* Other workers. */
    { "POST", "/connectors/{connector}/tasks", rest_internal_tasks, WAITS | REST_ROUTE_SIGNED,
      "Take task configs" },
    { "PUT", "/connectors/{connector}/fence", rest_internal_fence, WAITS | REST_ROUTE_SIGNED,
      "Fence out old tasks" },
};

static const struct cv_route admin_routes[] = {
    { "GET", "/admin/loggers", rest_loggers_list, JSON | REST_ROUTE_ALWAYS, "Loggers" },
    { "GET", "/admin/loggers/{logger}", rest_logger_get, JSON | REST_ROUTE_ALWAYS, "A logger" },
    { "PUT", "/admin/loggers/{logger}", rest_logger_set, BODY, "Set a level" },
    { .method = NULL },
};

/* ---- failures ---- */

static const struct {
    enum cv_rc rc;
    int status;
} failure_statuses[] = {
    { CV_RETRY, 500 },     /* timed out, or Kafka is away; the text says that it can be retried */
    { CV_INVALID, 400 },   /* the request is wrong */
    { CV_CONFLICT, 409 },  /* it exists, or a rebalance is under way */
    { CV_FENCED, 403 },    /* a wrong signature, a disabled function */
    { CV_NOT_FOUND, 404 }, /* no such connector, task, plugin, logger */
    { CV_NO_MEMORY, 500 }, /* ours */
    { CV_INTERNAL, 500 },  /* ours, or a system's below */
};

void
rest_fail(struct cv_http_response *res, const struct cv_err *err)
{
    int status = 500;

    for (size_t i = 0; i < CV_COUNT(failure_statuses); i++)
        if (failure_statuses[i].rc == err->rc)
            status = failure_statuses[i].status;
    cv_http_error(res, status, err->text);
}

void
rest_fail_malformed(const struct rest *rest, struct cv_http_response *res, const char *message)
{
    cv_http_error(res, rest->connect_codes ? 500 : 400, message);
}

void
rest_fail_named(struct cv_http_response *res, const struct cv_err *err, const char *format,
                const char *name)
{
    struct cv_buf text = CV_BUF_INIT(65536);

    if (err->rc != CV_NOT_FOUND || strlen(err->text) + 1 < sizeof(err->text)) {
        rest_fail(res, err);
        return;
    }
    cv_buf_printf(&text, format, name);
    cv_http_error(res, 404, cv_buf_cstr(&text));
    cv_buf_free(&text);
}

/* ---- Location ---- */

void
rest_created(const struct rest *rest, const struct cv_http_request *req, const char *connector,
             struct cv_http_response *res)
{
    /* What java.net.URI leaves as it is in a path. */
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-._~!$&'()*+,;=:@/";
    const char *host = cv_http_header(req, "Host");
    struct cv_buf location = CV_BUF_INIT(131072);

    if (host != NULL && *host != '\0')
        cv_buf_printf(&location, "%s://%s/", cv_http_is_tls(req) ? "https" : "http", host);
    else
        cv_buf_str(&location, rest->url);
    cv_buf_str(&location, "connectors/");
    for (const char *p = connector; *p != '\0'; p++) {
        if (strchr(plain, *p) != NULL)
            cv_buf_char(&location, *p);
        else
            cv_buf_printf(&location, "%%%02X", (unsigned char)*p);
    }
    res->status = 201;
    if (location.failed == CV_OK)
        cv_http_response_header(res, "Location", cv_buf_cstr(&location));
    cv_buf_free(&location);
}

/* ---- before and behind every handler ---- */

static bool
admit_started(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct rest *rest = arg;

    if (rest_herder(rest) != NULL || (cv_http_route_flags(req) & REST_ROUTE_ALWAYS) ||
        strcmp(cv_http_method(req), "OPTIONS") == 0)
        return true;
    cv_http_error(res, 503, "The worker is still starting up");
    return false;
}

/* Users are asked of the main listeners only, as in Connect. */
static bool
admit(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    return rest_auth_admit(arg, req, res) && admit_started(arg, req, res);
}

static void
finish(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct rest *rest = arg;

    rest_headers_add(rest->headers, req, res);
}

/* ---- listeners ---- */

/* "a, b": the parsed listeners; option names them in failures. */
static enum cv_rc
parse_listeners(const char *text, const char *option, struct cv_http_listener **ret,
                size_t *ret_count, struct cv_err *err)
{
    struct cv_http_listener *list = NULL;
    size_t count = 0;
    enum cv_rc rc = CV_OK;

    while (rc == CV_OK) {
        struct cv_http_listener *more = realloc(list, (count + 1) * sizeof(*list));
        size_t len = strcspn(text, ",");
        char *one = strndup(text, len);
        size_t end = len;

        if (more != NULL)
            list = more;
        if (one == NULL || more == NULL) {
            free(one);
            rc = cv_fail_memory(err);
            break;
        }
        while (end > 0 && (one[end - 1] == ' ' || one[end - 1] == '\t'))
            one[--end] = '\0';
        rc = cv_http_listener_parse(one, &list[count], err);
        if (rc == CV_OK)
            count++;
        else
            (void)cv_err_context(err, "Invalid value %s for configuration %s", one, option);
        free(one);
        if (text[len] == '\0')
            break;
        text += len + 1;
    }
    if (rc != CV_OK) {
        free(list);
        return rc;
    }
    *ret = list;
    *ret_count = count;
    return CV_OK;
}

static bool
is_blank(const char *text)
{
    return text[strspn(text, " \t")] == '\0';
}

/*
 * The URL that other workers use (RestServer.advertisedUrl): scheme as told, else http if any
 * listener is http; host as told, else that of the first listener of the scheme, else this
 * machine's; port as told, else the listener's bound one.
 */
static enum cv_rc
advertise(struct rest *rest, const struct rest_spec *spec, const struct cv_http_listener *listeners,
          size_t count, struct cv_err *err)
{
    const char *scheme = spec->advertised_listener;
    const char *host = spec->advertised_host;
    const struct cv_http_listener *listener = NULL;
    int port = spec->advertised_port;
    char address[256];
    bool brackets;

    if (scheme == NULL || *scheme == '\0') {
        scheme = "https";
        for (size_t i = 0; i < count; i++)
            if (strcmp(listeners[i].scheme, "http") == 0)
                scheme = "http";
    }
    for (size_t i = count; i-- > 0;)
        if (strcasecmp(listeners[i].scheme, scheme) == 0)
            listener = &listeners[i];
    if (listener == NULL)
        return cv_fail(
            err, CV_INVALID,
            "Invalid value %s for configuration rest.advertised.listener: no listener has that "
            "protocol",
            scheme);
    if (host == NULL || *host == '\0')
        host = listener->host;
    if (*host == '\0') {
        cv_http_local_address(address, sizeof(address));
        host = address;
    }
    if (port <= 0)
        port = listener->port;
    brackets = strchr(host, ':') != NULL;
    (void)snprintf(rest->worker_id, sizeof(rest->worker_id), "%s%.255s%s:%d", brackets ? "[" : "",
                   host, brackets ? "]" : "", port);
    (void)snprintf(rest->url, sizeof(rest->url), "%s://%s/", listener->scheme, rest->worker_id);
    return CV_OK;
}

/* ---- start ---- */

static enum cv_rc
start_main(struct rest *rest, const struct rest_spec *spec, struct cv_err *err)
{
    struct cv_http_listener *listeners = NULL;
    struct cv_http_spec http = { .option = "listeners",
                                 .limits = spec->limits,
                                 .tls = spec->tls,
                                 .access_log = ACCESS_LOG,
                                 .admit = admit,
                                 .finish = finish,
                                 .arg = rest };
    size_t n_routes = CV_COUNT(main_routes);
    enum cv_rc rc;

    rest->routes = calloc(n_routes + CV_COUNT(admin_routes), sizeof(*rest->routes));
    if (rest->routes == NULL)
        return cv_fail_memory(err);
    memcpy(rest->routes, main_routes, sizeof(main_routes));
    if (spec->admin_listeners == NULL)
        memcpy(rest->routes + n_routes, admin_routes, sizeof(admin_routes));
    if (cv_http_router_new(rest->routes, rest, &rest->router, err) != CV_OK)
        return err->rc;
    if (spec->listeners != NULL && is_blank(spec->listeners))
        return cv_fail(err, CV_INVALID,
                       "Invalid value for listeners, at least one URL is expected, ex: "
                       "http://localhost:8080,https://localhost:8443.");
    rc = parse_listeners(spec->listeners == NULL ? "http://:8083" : spec->listeners, "listeners",
                         &listeners, &http.n_listeners, err);
    http.listeners = listeners;
    http.router = rest->router;
    if (rc == CV_OK)
        rc = cv_http_start(&http, &rest->server, err);
    if (rc == CV_OK)
        rc = advertise(rest, spec, listeners, http.n_listeners, err);
    free(listeners);
    return rc;
}

static enum cv_rc
start_admin(struct rest *rest, const struct rest_spec *spec, struct cv_err *err)
{
    struct cv_http_spec http = { .option = "admin.listeners",
                                 .limits = spec->limits,
                                 .tls = spec->admin_tls,
                                 .access_log = ACCESS_LOG,
                                 .admit = admit_started,
                                 .arg = rest };
    enum cv_rc rc;

    if (cv_http_router_new(admin_routes, rest, &rest->admin_router, err) != CV_OK)
        return err->rc;
    rc = parse_listeners(spec->admin_listeners, "admin.listeners", &http.listeners,
                         &http.n_listeners, err);
    http.router = rest->admin_router;
    if (rc == CV_OK)
        rc = cv_http_start(&http, &rest->admin_server, err);
    free(http.listeners);
    return rc;
}

static enum cv_rc
register_metrics(struct rest *rest, struct cv_metrics *metrics, struct cv_err *err)
{
    rest->metrics = metrics;
    if (metrics == NULL) {
        rest->metrics = cv_metrics_new();
        if (rest->metrics == NULL)
            return cv_fail_memory(err);
        rest->own_metrics = true;
    }
    if (cv_metrics_register(rest->metrics, rest_process_collect, rest, err) != CV_OK ||
        cv_metrics_register(rest->metrics, rest_app_info_collect, rest, err) != CV_OK)
        return err->rc;
    return cv_metrics_register(rest->metrics, cv_http_collect, rest->server, err);
}

static enum cv_rc
copy_texts(struct rest *rest, const struct rest_spec *spec, struct cv_err *err)
{
    rest->connect_version = strdup(spec->connect_version);
    rest->version = strdup(spec->version);
    rest->commit = strdup(spec->commit);
    if (rest->connect_version == NULL || rest->version == NULL || rest->commit == NULL)
        return cv_fail_memory(err);
    return CV_OK;
}

enum cv_rc
rest_start(const struct rest_spec *spec, struct rest **ret, struct cv_err *err)
{
    struct rest *rest = calloc(1, sizeof(*rest));
    enum cv_rc rc;

    if (rest == NULL)
        return cv_fail_memory(err);
    rest->plugins = spec->plugins;
    rest->tls = spec->tls;
    rest->connect_codes = spec->connect_codes;
    rest->dialects = spec->dialects != 0 ? spec->dialects : 1u << CV_DIALECT_PLAIN;
    rest->start_ms = cv_now_ms();
    rest->lists = rest_lists_new();
    rc = rest->lists == NULL ? cv_fail_memory(err) : copy_texts(rest, spec, err);
    if (rc == CV_OK)
        rc = rest_headers_new(spec->allow_origin, spec->allow_methods, spec->response_headers,
                              &rest->headers, err);
    if (rc == CV_OK && spec->auth_file != NULL)
        rc = cv_http_auth_new(spec->auth_file, REST_AUTH_SECTION, &rest->auth, err);
    if (rc == CV_OK)
        rc = start_main(rest, spec, err);
    if (rc == CV_OK && spec->admin_listeners != NULL && !is_blank(spec->admin_listeners))
        rc = start_admin(rest, spec, err);
    if (spec->client_id != NULL && *spec->client_id != '\0')
        (void)snprintf(rest->client_id, sizeof(rest->client_id), "%s", spec->client_id);
    else
        (void)snprintf(rest->client_id, sizeof(rest->client_id), "connect-%s", rest->worker_id);
    if (rc == CV_OK)
        rc = register_metrics(rest, spec->metrics, err);
    if (rc != CV_OK) {
        (void)rest_stop(rest, 0);
        return rc;
    }
    CV_LOG_INFO(cv_log_get("culvert.rest"), "REST is listening", CV_STR("url", rest->url));
    *ret = rest;
    return CV_OK;
}

const char *
rest_url(const struct rest *rest)
{
    return rest->url;
}

const char *
rest_worker_id(const struct rest *rest)
{
    return rest->worker_id;
}

void
rest_ready(struct rest *rest, struct herder *herder)
{
    atomic_store_explicit(&rest->herder, herder, memory_order_release);
}

bool
rest_stop(struct rest *rest, int wait_ms)
{
    bool ended;

    if (rest == NULL)
        return true;
    if (rest->metrics != NULL) {
        cv_metrics_unregister(rest->metrics, cv_http_collect, rest->server);
        cv_metrics_unregister(rest->metrics, rest_app_info_collect, rest);
        cv_metrics_unregister(rest->metrics, rest_process_collect, rest);
    }
    ended = cv_http_stop(rest->admin_server, wait_ms);
    ended = cv_http_stop(rest->server, wait_ms) && ended;
    if (!ended)
        return false; /* a handler still uses the object */
    if (rest->own_metrics)
        cv_metrics_free(rest->metrics);
    cv_http_router_free(rest->router);
    cv_http_router_free(rest->admin_router);
    rest_headers_free(rest->headers);
    rest_lists_free(rest->lists);
    cv_http_auth_free(rest->auth);
    free(rest->routes);
    free(rest->connect_version);
    free(rest->version);
    free(rest->commit);
    free(rest);
    return true;
}
