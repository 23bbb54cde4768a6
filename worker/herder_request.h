/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What REST may ask of the herder. Any thread; each call posts a request to the herder thread (or answers
 * from the stores' local copies, where Connect does so too) and waits for at most 90 s; the texts and classes
 * of failures are Connect's:
 *   CV_NOT_FOUND 404, CV_INVALID 400, CV_CONFLICT 409, CV_FENCED 403, CV_RETRY 500 (timed out),
 *   CV_INTERNAL 500. Reads of configurations never say that a rebalance is expected: they are answered from the
 *   local copies once the worker has started.
 *
 * Requests that another worker must serve come back as CV_OK with forward->url filled: the caller proxies the
 * HTTP request there (rest/forward.c). Whoever serves requests of its own passes forward with hop as
 * received; forward NULL means "never forward" and gives CV_CONFLICT instead.
 */
#ifndef WORKER_HERDER_REQUEST_H
#define WORKER_HERDER_REQUEST_H

#include <culvert/config.h>
#include <culvert/plugin.h>

#include "worker/status.h"

struct herder;
struct cv_buf;

#define HERDER_REQUEST_TIMEOUT_MS 90000
#define HERDER_HEALTH_TIMEOUT_MS  10000

enum herder_hop { HERDER_HOP_NONE, HERDER_HOP_TRUE, HERDER_HOP_FALSE }; /* the query parameter "forward" */

struct herder_forward {
    enum herder_hop hop; /* in */
    char url[512];       /* out: base URL of the worker to ask, with trailing slash; "": served here */
};

/* ConnectorInfo. */
struct connector_info {
    char *name;
    struct cv_config *config; /* raw: references unresolved */
    int n_tasks;              /* 0..n-1 */
    int type;                 /* enum cv_plugin_kind, -1: unknown */
};

/* ConnectorStateInfo. */
struct task_state_info {
    int id;
    struct status status;
};

struct connector_state_info {
    char *name;
    struct status connector;
    struct task_state_info *tasks; /* sorted by id */
    size_t n_tasks;
    int type;
};

void connector_info_done(struct connector_info *info);
void connector_state_info_done(struct connector_state_info *info);

struct name_list {
    char **items;
    size_t count;
};

void name_list_done(struct name_list *list);

/* One row of ConfigInfos: the definition and the value with its errors. */
struct config_info {
    char *name;
    const struct cv_config_def *def; /* NULL: a key without definition (its name only) */
    char *group;      /* rows of transforms have groups of their own; NULL: def's */
    char *value;      /* NULL: null */
    char **errors;
    size_t n_errors;
    char **recommended; /* in place of def's; NULL: def's */
    size_t n_recommended;
    int order;         /* within the group */
    bool password;    /* value is shown as [hidden] */
    bool hidden;      /* "visible": false */
    struct cv_config_def *made_def; /* owned: def, if it was made for this row alone; else NULL */
};

struct config_infos {
    char *name; /* class */
    int error_count;
    char **groups;
    size_t n_groups;
    struct config_info *items;
    size_t count;
};

void config_infos_done(struct config_infos *infos);

/* ---- answered from local copies, without waiting ---- */
/* *ret is a number that has grown when one of these answers may be another; false: the worker has not started. */
bool herder_changes(struct herder *h, uint64_t *ret);
CV_MUST_CHECK enum cv_rc herder_connectors(struct herder *h, struct name_list *ret, struct cv_err *err);
/* For expand=info: as herder_connector_info, but never waits. */
CV_MUST_CHECK enum cv_rc herder_connector_info_now(struct herder *h, const char *name,
                                                   struct connector_info *ret, struct cv_err *err);
CV_MUST_CHECK enum cv_rc herder_connector_state(struct herder *h, const char *name,
                                                struct connector_state_info *ret, struct cv_err *err);
CV_MUST_CHECK enum cv_rc herder_task_state(struct herder *h, const char *name, int task,
                                           struct status *ret, struct cv_err *err);
/* CV_FENCED (403): topic tracking, or its reset, is disabled. */
CV_MUST_CHECK enum cv_rc herder_topics(struct herder *h, const char *name, struct name_list *ret,
                                       struct cv_err *err);
CV_MUST_CHECK enum cv_rc herder_topics_reset(struct herder *h, const char *name, struct cv_err *err);

/* ---- the herder thread ---- */
/* CV_OK: healthy; CV_RETRY: starting; CV_INTERNAL: unhealthy. err->text holds the message in every case. */
enum cv_rc herder_health(struct herder *h, struct cv_err *err);
CV_MUST_CHECK enum cv_rc herder_connector_info(struct herder *h, const char *name,
                                               struct connector_info *ret, struct cv_err *err);
/* Task configs in order; free each with cv_config_free and the array with free(). */
CV_MUST_CHECK enum cv_rc herder_task_configs(struct herder *h, const char *name, struct cv_config ***ret,
                                             size_t *ret_count, struct cv_err *err);
/*
 * Create or replace. config must be validated before (herder_validate). target: NULL leaves it as it is.
 * replace false: CV_CONFLICT if the connector exists.
 */
CV_MUST_CHECK enum cv_rc herder_connector_put(struct herder *h, const char *name,
                                              const struct cv_config *config,
                                              const enum target_state *target, bool replace,
                                              struct herder_forward *forward, bool *ret_created,
                                              struct connector_info *ret, struct cv_err *err);
/* patch values of NULL remove the key. Validates the merged config: CV_INVALID with *ret_infos filled when
   it has errors (the caller prints them, see config_infos_message). */
CV_MUST_CHECK enum cv_rc herder_connector_patch(struct herder *h, const char *name,
                                                const struct cv_config *patch,
                                                struct herder_forward *forward,
                                                struct connector_info *ret,
                                                struct config_infos *ret_infos, struct cv_err *err);
CV_MUST_CHECK enum cv_rc herder_connector_delete(struct herder *h, const char *name,
                                                 struct herder_forward *forward, struct cv_err *err);
/* STARTED and PAUSED: any worker. STOPPED: the leader. */
CV_MUST_CHECK enum cv_rc herder_target_set(struct herder *h, const char *name, enum target_state target,
                                           struct herder_forward *forward, struct cv_err *err);
/* The connector instance only; owner. */
CV_MUST_CHECK enum cv_rc herder_connector_restart(struct herder *h, const char *name,
                                                  struct herder_forward *forward, struct cv_err *err);
/* With includeTasks or onlyFailed; leader. */
CV_MUST_CHECK enum cv_rc herder_connector_restart_all(struct herder *h, const char *name,
                                                      bool include_tasks, bool only_failed,
                                                      struct herder_forward *forward,
                                                      struct connector_state_info *ret,
                                                      struct cv_err *err);
CV_MUST_CHECK enum cv_rc herder_task_restart(struct herder *h, const char *name, int task,
                                             struct herder_forward *forward, struct cv_err *err);
/* A question to a running task, whose owner serves it; the answer is the plugin's, one JSON value. CV_CONFLICT: the
   connector has no answer, or the task does not run. progress: how far it is; signal: json says what it is to do. */
CV_MUST_CHECK enum cv_rc herder_task_progress(struct herder *h, const char *name, int task,
                                              struct herder_forward *forward, struct cv_buf *ret_json,
                                              struct cv_err *err);
CV_MUST_CHECK enum cv_rc herder_task_signal(struct herder *h, const char *name, int task, const char *json, size_t len,
                                            struct herder_forward *forward, struct cv_buf *ret_json,
                                            struct cv_err *err);
/* Offsets as Connect's JSON {"offsets":[...]}; alter's answer is {"message":...} with Connect's text. */
CV_MUST_CHECK enum cv_rc herder_offsets_get(struct herder *h, const char *name, struct cv_buf *ret_json,
                                            struct cv_err *err);
/* json NULL: reset all. *ret_refused: it failed for what the offsets are, where Connect answers as if it were to
   blame itself. */
CV_MUST_CHECK enum cv_rc herder_offsets_alter(struct herder *h, const char *name, const char *json,
                                              size_t len, struct herder_forward *forward,
                                              struct cv_buf *ret_json, bool *ret_refused, struct cv_err *err);

/* ---- internal requests of other workers ---- */
/* The session key's signature of a body. algorithm and signature are NULL where the request has no such
   header: fine unless the group's protocol is sessioned. CV_RETRY: no key yet (503); CV_INVALID: missing or
   bad algorithm (400); CV_FENCED: wrong signature (403). */
CV_MUST_CHECK enum cv_rc herder_verify(struct herder *h, const char *algorithm, const char *signature,
                                       const char *body, size_t len, struct cv_err *err);
CV_MUST_CHECK enum cv_rc herder_task_configs_put(struct herder *h, const char *name,
                                                 struct cv_config *const *configs, size_t count,
                                                 struct herder_forward *forward, struct cv_err *err);
CV_MUST_CHECK enum cv_rc herder_fence(struct herder *h, const char *name, struct herder_forward *forward,
                                      struct cv_err *err);

/* ---- validation, on the caller's thread ---- */

/* Validate a connector config to all of its errors at once. CV_INVALID only when there is no connector
   class to validate with (Connect's text); errors of options are in *ret. */
CV_MUST_CHECK enum cv_rc herder_validate(struct herder *h, const struct cv_config *config,
                                         struct config_infos *ret, struct cv_err *err);
/* The 400 text of POST and PUT for infos with errors ("Connector configuration is invalid and contains ..."). */
void config_infos_message(const struct config_infos *infos, struct cv_buf *out);

/* What /connector-plugins/{plugin}/config shows: the plugin's own rows in order, then, for connectors, those
   of the framework that it does not define itself. Rows have no value and no errors. */
CV_MUST_CHECK enum cv_rc herder_plugin_rows(struct herder *h, const struct cv_plugin *plugin,
                                            struct config_infos *ret, struct cv_err *err);

/* ---- the worker itself ---- */
struct herder_about {
    const char *worker_id;
    const char *url;        /* advertised, with trailing slash */
    const char *cluster_id; /* Kafka's; "" until known */
};
void herder_about(struct herder *h, struct herder_about *ret);

/* Set the level of a logger namespace on every worker. */
CV_MUST_CHECK enum cv_rc herder_logger_set(struct herder *h, const char *name, const char *level,
                                           struct cv_err *err);

#endif
