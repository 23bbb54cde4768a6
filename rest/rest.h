/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Connect REST API of a worker. Sockets open first, with rest_start; then the herder is made
 * (it needs the advertised URL, which may hold a port that was just bound) and handed over by
 * rest_ready. Before that every path but /, /health, /metrics and /culvert/version answers 503 in
 * JSON.
 */
#ifndef REST_REST_H
#define REST_REST_H

#include <culvert/err.h>

struct cv_config;
struct cv_http_limits;
struct cv_metrics;
struct herder;
struct plugins;
struct rest;

/* Everything is borrowed until rest_start returns, but plugins, metrics and tls until rest_stop. */
struct rest_spec {
    const char *listeners;           /* "http://:8083"; NULL: that */
    const char *admin_listeners;     /* NULL: /admin is on the listeners; "": nowhere */
    const char *advertised_host;     /* rest.advertised.host.name; NULL */
    int advertised_port;             /* rest.advertised.port; 0: none */
    const char *advertised_listener; /* rest.advertised.listener; NULL */
    const char *allow_origin;        /* access.control.allow.origin; NULL or "": no CORS */
    const char *allow_methods;       /* access.control.allow.methods */
    const char *response_headers;    /* response.http.headers.config */
    struct cv_config *tls;           /* listeners.https.ssl.* without prefix, or else ssl.*; NULL */
    struct cv_config *admin_tls;     /* the same of admin.listeners.https.; NULL */
    char *auth_file;                 /* JAAS file of the basic auth extension; NULL: no users */
    const char *connect_version;     /* of GET /: "4.1.0" */
    const char *version;             /* Culvert's own */
    const char *commit;
    const struct plugins *plugins;
    struct cv_metrics *metrics;          /* NULL: /metrics holds the process's only */
    const struct cv_http_limits *limits; /* NULL: defaults */
    /*
     * What Connect answers with 500 although the client is at fault (a body that is no JSON or of
     * another shape, validate without a class) is 400 here, unless this asks for Connect's own
     * codes: rest.error.codes=connect.
     */
    bool connect_codes;
    const char *client_id; /* of the group's connection, in metrics; NULL: connect-HOST:PORT */
    unsigned dialects;     /* of metrics: 1 << enum cv_metric_dialect; 0: the plain one */
};

/*
 * Fill listeners to tls and connect_codes from the keys of a worker (references resolved),
 * borrowing its texts; versions, plugins, metrics and limits are the caller's. rest_spec_done frees
 * the two tls configs and auth_file, after rest_stop.
 */
CV_MUST_CHECK
enum cv_rc rest_spec_init(struct rest_spec *ret, const struct cv_config *worker,
                          struct cv_err *err);
void rest_spec_done(struct rest_spec *spec);

/* CV_INVALID names the option. */
CV_MUST_CHECK
enum cv_rc rest_start(const struct rest_spec *spec, struct rest **ret, struct cv_err *err);
/* The advertised URL with trailing slash, and "host:port" of it: the worker id. */
const char *rest_url(const struct rest *rest);
const char *rest_worker_id(const struct rest *rest);
/* From now on requests go to the herder, which must live until rest_stop has returned true. */
void rest_ready(struct rest *rest, struct herder *herder);
/* Let requests under way finish for at most wait_ms. false: some handler still runs and uses the
   herder, the plugins and the metrics; leave them alone. Otherwise the object is freed. */
bool rest_stop(struct rest *rest, int wait_ms);

#endif
