/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of rest/ share: the object, the handlers of the route table, failures to
 * responses. Private to rest/. Handlers run on threads of the HTTP server; they own nothing and
 * wait for the herder.
 */
#ifndef REST_API_H
#define REST_API_H

#include <stdatomic.h>

#include "common/http/auth.h"
#include "common/http/router.h"
#include "rest/rest.h"
#include "worker/herder_request.h"

#define REST_JSON_MAX ((size_t)64 << 20)

/* Routes with this flag answer before there is a herder. */
#define REST_ROUTE_ALWAYS (CV_ROUTE_USER << 0)
/* Routes of other workers, which sign their requests: no user is asked for. */
#define REST_ROUTE_SIGNED (CV_ROUTE_USER << 1)

struct rest_headers;
struct rest_lists;

struct rest {
    struct cv_http_server *server;
    struct cv_http_server *admin_server; /* NULL: none */
    struct cv_http_router *router;
    struct cv_http_router *admin_router;
    struct cv_route *routes; /* of router */
    struct rest_headers *headers;
    struct rest_lists *lists;
    struct cv_http_auth *auth; /* NULL: everybody is let in */
    _Atomic(struct herder *) herder; /* NULL until ready */
    const struct plugins *plugins;
    struct cv_metrics *metrics;
    bool own_metrics;
    const struct cv_config *tls;
    bool connect_codes;
    unsigned dialects;
    char client_id[416];
    int64_t start_ms;
    char url[512];
    char worker_id[400];
    char *connect_version;
    char *version;
    char *commit;
};

static inline struct herder *
rest_herder(struct rest *rest)
{
    return atomic_load_explicit(&rest->herder, memory_order_acquire);
}

/* ---- failures: the only place that turns a class into a status is api.c ---- */

void rest_fail(struct cv_http_response *res, const struct cv_err *err);
/* The client's fault that Connect answers with 500. */
void rest_fail_malformed(const struct rest *rest, struct cv_http_response *res,
                         const char *message);
/* CV_NOT_FOUND for a name that is too long for an err's text: format holds one %s. Otherwise
 * rest_fail. */
void rest_fail_named(struct cv_http_response *res, const struct cv_err *err, const char *format,
                     const char *name);

/* ---- forwarding ---- */

/* A forward with the hop of the request's query parameter. */
struct herder_forward rest_hop(const struct cv_http_request *req);
/* Whether the herder asked for another worker; then its answer is in res already. */
bool rest_forwarded(struct rest *rest, const struct cv_http_request *req,
                    const struct herder_forward *forward, struct cv_http_response *res);

/* 201 and Location for a connector. */
void rest_created(const struct rest *rest, const struct cv_http_request *req, const char *connector,
                  struct cv_http_response *res);

/* ---- headers.c: CORS and response.http.headers.config ---- */

CV_MUST_CHECK
enum cv_rc rest_headers_new(const char *origins, const char *methods, const char *rules,
                            struct rest_headers **ret, struct cv_err *err);
void rest_headers_free(struct rest_headers *headers);
void rest_headers_add(struct rest_headers *headers, const struct cv_http_request *req,
                      struct cv_http_response *res);

/* ---- list.c: answers of GET /connectors that are kept ---- */

struct rest_lists *rest_lists_new(void); /* NULL when memory is out */
void rest_lists_free(struct rest_lists *lists);

/* ---- auth.c: the basic auth extension ---- */

#define REST_AUTH_SECTION "KafkaConnect"

/* rest.extension.classes: NULL in *ret, or a copy of the JAAS file's path. */
CV_MUST_CHECK
enum cv_rc rest_auth_file(const struct cv_config *worker, char **ret, struct cv_err *err);
/* false: the refusal is in res. */
bool rest_auth_admit(struct rest *rest, const struct cv_http_request *req,
                     struct cv_http_response *res);

/* ---- metrics.c ---- */

struct cv_metrics_sink;
void rest_process_collect(void *arg, struct cv_metrics_sink *sink);
void rest_app_info_collect(void *arg, struct cv_metrics_sink *sink);
/* The bit of a dialect's name; 0: there is none such. */
unsigned rest_dialect(const char *name, size_t len);

/* ---- handlers ---- */

#define REST_HANDLERS(X)                                                                           \
    X(rest_root)                                                                                   \
    X(rest_version)                                                                                \
    X(rest_health)                                                                                 \
    X(rest_metrics)                                                                                \
    X(rest_connectors_list)                                                                        \
    X(rest_connectors_create)                                                                      \
    X(rest_connector_get)                                                                          \
    X(rest_connector_delete)                                                                       \
    X(rest_config_get)                                                                             \
    X(rest_config_put)                                                                             \
    X(rest_config_patch)                                                                           \
    X(rest_connector_status)                                                                       \
    X(rest_connector_restart)                                                                      \
    X(rest_connector_pause)                                                                        \
    X(rest_connector_resume)                                                                       \
    X(rest_connector_stop)                                                                         \
    X(rest_topics_get)                                                                             \
    X(rest_topics_reset)                                                                           \
    X(rest_tasks_list)                                                                             \
    X(rest_task_status)                                                                            \
    X(rest_task_restart)                                                                           \
    X(rest_task_progress)                                                                          \
    X(rest_task_signal)                                                                            \
    X(rest_offsets_get)                                                                            \
    X(rest_offsets_alter)                                                                          \
    X(rest_offsets_reset)                                                                          \
    X(rest_plugins_list)                                                                           \
    X(rest_plugin_config)                                                                          \
    X(rest_plugin_validate)                                                                        \
    X(rest_loggers_list)                                                                           \
    X(rest_logger_get)                                                                             \
    X(rest_logger_set)                                                                             \
    X(rest_internal_tasks)                                                                         \
    X(rest_internal_fence)

#define REST_HANDLER(name)                                                                         \
    void name(void *arg, const struct cv_http_request *req, struct cv_http_response *res);
REST_HANDLERS(REST_HANDLER)
#undef REST_HANDLER

#endif
