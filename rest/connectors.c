/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /connectors: create, read, change, delete and the life of a connector. Order of checks and
 * texts as ConnectorsResource and DistributedHerder have them (shared reference, section 7).
 */
#include <config.h>

#include <stdlib.h>

#include "rest/api.h"
#include "rest/body.h"
#include "rest/json.h"

#define NOT_FOUND "Connector %s not found"

static const char *
connector_of(const struct cv_http_request *req)
{
    return cv_http_variable(req, "connector");
}

/* ---- create and change ---- */

/*
 * What POST and PUT check on the worker that received the request: config.name fits the name (and
 * is added if it is missing), and the configuration has no error. false: the answer is in res.
 */
static bool
check_config(struct rest *rest, const char *name, struct cv_config *config,
             struct cv_http_response *res)
{
    const char *given = cv_config_get(config, "name");
    struct config_infos infos = { 0 };
    struct cv_buf text = CV_BUF_INIT(REST_JSON_MAX);
    struct cv_err err;
    bool good = false;

    if (given != NULL && strcmp(given, name) != 0) {
        cv_buf_printf(
            &text, "Connector name configuration (%s) doesn't match connector name in the URL (%s)",
            given, name);
        cv_http_error(res, 400, cv_buf_cstr(&text));
        goto out;
    }
    if ((given == NULL && cv_config_set(config, "name", name, &err) != CV_OK) ||
        herder_validate(rest_herder(rest), config, &infos, &err) != CV_OK) {
        rest_fail(res, &err);
        goto out;
    }
    if (infos.error_count > 0) {
        config_infos_message(&infos, &text);
        cv_http_error(res, 400, cv_buf_cstr(&text));
        goto out;
    }
    good = true;
out:
    config_infos_done(&infos);
    cv_buf_free(&text);
    return good;
}

/* The last step of POST and PUT. */
static void
put_config(struct rest *rest, const struct cv_http_request *req, const char *name,
           const struct cv_config *config, const enum target_state *target, bool replace,
           struct cv_http_response *res)
{
    struct cv_json_writer w = cv_json_writer_of(&res->body);
    struct herder_forward forward = rest_hop(req);
    struct connector_info info = { 0 };
    struct cv_err err;
    bool created = false;

    if (herder_connector_put(rest_herder(rest), name, config, target, replace, &forward, &created,
                             &info, &err) != CV_OK) {
        rest_fail(res, &err);
        return;
    }
    if (!rest_forwarded(rest, req, &forward, res)) {
        rest_json_connector_info(&w, &info);
        connector_info_done(&info);
        res->status = created ? 201 : 200;
    }
    if (res->status == 201)
        rest_created(rest, req, name, res);
}

/* Java's String.trim: at both ends, all up to U+0020. */
static char *
trim(char *text)
{
    size_t len;

    while (*text != '\0' && (unsigned char)*text <= ' ')
        text++;
    len = strlen(text);
    while (len > 0 && (unsigned char)text[len - 1] <= ' ')
        text[--len] = '\0';
    return text;
}

static const char missing_body[] = "The request has no body; a JSON object is expected";
static const char missing_config[] =
    "The request has no \"config\"; an object of options is expected";
/* What Connect's JVM says to a create request without a body. */
static const char java_missing_body[] =
    "Cannot invoke "
    "\"org.apache.kafka.connect.runtime.rest.entities.CreateConnectorRequest.name()\" because "
    "\"createRequest\" is null";

void
rest_connectors_create(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct rest *rest = arg;
    struct rest_create create = { 0 };
    struct cv_buf why = CV_BUF_INIT(REST_WHY_MAX);
    bool null = false;
    size_t len;
    const char *body = cv_http_body(req, &len);
    char empty[1] = "";
    char *name;

    if (rest_read_create(body, len, &create, &null, &why) != CV_OK) {
        rest_fail_malformed(rest, res, cv_buf_cstr(&why));
    } else if (null) {
        rest_fail_malformed(rest, res, rest->connect_codes ? java_missing_body : missing_body);
    } else if (create.config == NULL) {
        rest_fail_malformed(rest, res, missing_config);
    } else {
        name = trim(create.name == NULL ? empty : create.name);
        if (check_config(rest, name, create.config, res))
            put_config(rest, req, name, create.config, create.has_state ? &create.state : NULL,
                       false, res);
    }
    rest_create_done(&create);
    cv_buf_free(&why);
}

/* The body of PUT and PATCH; false: the answer is in res. *ret NULL: no value. */
static bool
read_config_body(struct rest *rest, const struct cv_http_request *req, struct cv_config **ret,
                 struct cv_http_response *res)
{
    struct cv_buf why = CV_BUF_INIT(REST_WHY_MAX);
    size_t len;
    const char *body = cv_http_body(req, &len);
    bool good = rest_read_config(body, len, ret, &why) == CV_OK;

    if (!good)
        rest_fail_malformed(rest, res, cv_buf_cstr(&why));
    cv_buf_free(&why);
    return good;
}

void
rest_config_put(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct rest *rest = arg;
    struct cv_config *config = NULL;

    if (!read_config_body(rest, req, &config, res))
        return;
    if (config == NULL)
        rest_fail_malformed(rest, res, missing_body);
    else if (check_config(rest, connector_of(req), config, res))
        put_config(rest, req, connector_of(req), config, NULL, true, res);
    cv_config_free(config);
}

/* A merged configuration with errors tells them all. */
static void
fail_patch(struct cv_http_response *res, const char *name, const struct cv_err *err,
           const struct config_infos *infos)
{
    struct cv_buf text = CV_BUF_INIT(REST_JSON_MAX);

    if (err->rc == CV_INVALID && infos->error_count > 0) {
        config_infos_message(infos, &text);
        cv_http_error(res, 400, cv_buf_cstr(&text));
    } else {
        rest_fail_named(res, err, NOT_FOUND, name);
    }
    cv_buf_free(&text);
}

void
rest_config_patch(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct cv_json_writer w = cv_json_writer_of(&res->body);
    struct rest *rest = arg;
    struct herder *herder = rest_herder(rest);
    struct herder_forward forward = rest_hop(req);
    struct connector_info info = { 0 };
    struct config_infos infos = { 0 };
    struct cv_config *patch = NULL;
    struct cv_err err;

    if (!read_config_body(rest, req, &patch, res))
        return;
    if (patch == NULL) { /* Connect looks the connector up first */
        if (herder_connector_info_now(herder, connector_of(req), &info, &err) == CV_NOT_FOUND)
            rest_fail_named(res, &err, NOT_FOUND, connector_of(req));
        else
            rest_fail_malformed(rest, res, missing_body);
    } else if (herder_connector_patch(herder, connector_of(req), patch, &forward, &info, &infos,
                                      &err) != CV_OK) {
        fail_patch(res, connector_of(req), &err, &infos);
    } else if (!rest_forwarded(rest, req, &forward, res)) {
        rest_json_connector_info(&w, &info);
    }
    connector_info_done(&info);
    config_infos_done(&infos);
    cv_config_free(patch);
}

/* ---- read ---- */

/* The connector's info, or the answer in res. */
static bool
read_info(struct rest *rest, const struct cv_http_request *req, struct connector_info *ret,
          struct cv_http_response *res)
{
    struct cv_err err;

    if (herder_connector_info(rest_herder(rest), connector_of(req), ret, &err) == CV_OK)
        return true;
    rest_fail_named(res, &err, NOT_FOUND, connector_of(req));
    return false;
}

void
rest_connector_get(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct cv_json_writer w = cv_json_writer_of(&res->body);
    struct connector_info info = { 0 };

    if (!read_info(arg, req, &info, res))
        return;
    rest_json_connector_info(&w, &info);
    connector_info_done(&info);
}

void
rest_config_get(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct cv_json_writer w = cv_json_writer_of(&res->body);
    struct connector_info info = { 0 };

    if (!read_info(arg, req, &info, res))
        return;
    rest_json_config(&w, info.config);
    connector_info_done(&info);
}

void
rest_connector_status(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct cv_json_writer w = cv_json_writer_of(&res->body);
    struct connector_state_info info = { 0 };
    struct cv_err err;

    if (herder_connector_state(rest_herder(arg), connector_of(req), &info, &err) != CV_OK) {
        rest_fail_named(res, &err, "No status found for connector %s", connector_of(req));
        return;
    }
    rest_json_connector_state(&w, &info);
    connector_state_info_done(&info);
}

/* ---- life ---- */

/* An answer without a body, unless another worker gave one. */
static void
finish_empty(struct rest *rest, const struct cv_http_request *req,
             const struct herder_forward *forward, int status, struct cv_http_response *res)
{
    if (!rest_forwarded(rest, req, forward, res))
        res->status = status;
}

void
rest_connector_delete(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct herder_forward forward = rest_hop(req);
    struct cv_err err;

    if (herder_connector_delete(rest_herder(arg), connector_of(req), &forward, &err) != CV_OK)
        rest_fail_named(res, &err, NOT_FOUND, connector_of(req));
    else
        finish_empty(arg, req, &forward, 204, res);
}

static void
set_target(struct rest *rest, const struct cv_http_request *req, enum target_state target,
           int status, struct cv_http_response *res)
{
    struct herder_forward forward = rest_hop(req);
    struct cv_err err;

    if (herder_target_set(rest_herder(rest), connector_of(req), target, &forward, &err) != CV_OK)
        rest_fail_named(res, &err, "Unknown connector %s", connector_of(req));
    else
        finish_empty(rest, req, &forward, status, res);
}

void
rest_connector_pause(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    set_target(arg, req, TARGET_PAUSED, 202, res);
}

void
rest_connector_resume(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    set_target(arg, req, TARGET_STARTED, 202, res);
}

void
rest_connector_stop(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    set_target(arg, req, TARGET_STOPPED, 204, res);
}

/* The connector alone is restarted at once: 204. With flags the leader writes a request: 202 and a
 * plan. */
void
rest_connector_restart(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct cv_json_writer w = cv_json_writer_of(&res->body);
    struct rest *rest = arg;
    bool include_tasks = cv_http_query_true(req, "includeTasks");
    bool only_failed = cv_http_query_true(req, "onlyFailed");
    struct herder_forward forward = rest_hop(req);
    struct connector_state_info info = { 0 };
    struct cv_err err;
    enum cv_rc rc;

    if (include_tasks || only_failed)
        rc = herder_connector_restart_all(rest_herder(rest), connector_of(req), include_tasks,
                                          only_failed, &forward, &info, &err);
    else
        rc = herder_connector_restart(rest_herder(rest), connector_of(req), &forward, &err);
    if (rc != CV_OK) {
        rest_fail_named(res, &err, "Unknown connector: %s", connector_of(req));
    } else if (!rest_forwarded(rest, req, &forward, res)) {
        res->status = include_tasks || only_failed ? 202 : 204;
        if (res->status == 202)
            rest_json_connector_state(&w, &info);
    }
    connector_state_info_done(&info);
}

/* ---- topics ---- */

void
rest_topics_get(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct cv_json_writer w = cv_json_writer_of(&res->body);
    struct name_list topics = { 0 };
    struct cv_err err;

    if (herder_topics(rest_herder(arg), connector_of(req), &topics, &err) != CV_OK) {
        rest_fail(res, &err);
        return;
    }
    cv_json_object(&w);
    cv_json_key(&w, connector_of(req));
    cv_json_object(&w);
    cv_json_key(&w, "topics");
    rest_json_names(&w, &topics);
    cv_json_object_end(&w);
    cv_json_object_end(&w);
    name_list_done(&topics);
}

void
rest_topics_reset(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct cv_err err;

    if (herder_topics_reset(rest_herder(arg), connector_of(req), &err) != CV_OK)
        rest_fail(res, &err);
    else
        res->status = 202;
}
