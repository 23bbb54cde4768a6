/* SPDX-License-Identifier: Apache-2.0 */
/* /connectors/{connector}/tasks, and what running tasks are asked and told. */
#include <config.h>

#include <stdlib.h>

#include "common/number.h"

#include "rest/api.h"
#include "rest/json.h"

/* The router takes 32-bit integers only: "02" is 2, "-1" is a task that nobody has. */
static int
task_of(const struct cv_http_request *req)
{
    return (int)strtol(cv_http_variable(req, "task"), NULL, 10);
}

void
rest_tasks_list(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct cv_json_writer w = cv_json_writer_of(&res->body);
    const char *connector = cv_http_variable(req, "connector");
    struct cv_config **configs = NULL;
    struct cv_err err;
    size_t count = 0;

    if (herder_task_configs(rest_herder(arg), connector, &configs, &count, &err) != CV_OK) {
        rest_fail_named(res, &err, "Connector %s not found", connector);
        return;
    }
    cv_json_array(&w);
    for (size_t i = 0; i < count; i++) {
        rest_json_task_info(&w, connector, (int)i, configs[i]);
        cv_config_free(configs[i]);
    }
    cv_json_array_end(&w);
    free(configs);
}

void
rest_task_status(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct cv_json_writer w = cv_json_writer_of(&res->body);
    const char *connector = cv_http_variable(req, "connector");
    struct status status = { 0 };
    struct cv_err err;

    if (herder_task_state(rest_herder(arg), connector, task_of(req), &status, &err) != CV_OK) {
        rest_fail(res, &err);
        return;
    }
    rest_json_task_state(&w, task_of(req), &status);
    status_done(&status);
}

void
rest_task_restart(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    const char *connector = cv_http_variable(req, "connector");
    struct herder_forward forward = rest_hop(req);
    struct cv_err err;

    if (herder_task_restart(rest_herder(arg), connector, task_of(req), &forward, &err) != CV_OK)
        rest_fail_named(res, &err, "Unknown connector: %s", connector);
    else if (!rest_forwarded(arg, req, &forward, res))
        res->status = 204;
}

/* ---- running tasks ---- */

/* The query parameter "task", 0 without it; false: the refusal is in res. */
static bool
read_task(const struct cv_http_request *req, int *ret, struct cv_http_response *res)
{
    const char *text = cv_http_query(req, "task", 0);
    int64_t task = 0;

    if (text != NULL && (!cv_parse_i64(text, strlen(text), &task) || task < 0 || task > INT32_MAX)) {
        cv_http_error(res, 400, "The query parameter task must be the number of a task");
        return false;
    }
    *ret = (int)task;
    return true;
}

/* {"name":...,"task":0,"worker_id":...,"<key>":<what the plugin said>} */
static void
write_answer(struct rest *rest, const char *connector, int task, const char *key, const struct cv_buf *json,
             struct cv_http_response *res)
{
    struct cv_json_writer w = cv_json_writer_of(&res->body);
    struct herder_about about;

    herder_about(rest_herder(rest), &about);
    cv_json_object(&w);
    cv_json_key(&w, "name");
    cv_json_string(&w, connector);
    cv_json_key(&w, "task");
    cv_json_int(&w, task);
    cv_json_key(&w, "worker_id");
    cv_json_string(&w, about.worker_id);
    cv_json_key(&w, key);
    cv_json_raw(&w, cv_buf_cstr(json), json->len);
    cv_json_object_end(&w);
}

void
rest_task_progress(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    const char *connector = cv_http_variable(req, "connector");
    struct herder_forward forward = rest_hop(req);
    struct cv_buf json = CV_BUF_INIT(REST_JSON_MAX);
    struct cv_err err;
    int task;

    if (!read_task(req, &task, res))
        return;
    if (herder_task_progress(rest_herder(arg), connector, task, &forward, &json, &err) != CV_OK)
        rest_fail_named(res, &err, "Connector %s not found", connector);
    else if (!rest_forwarded(arg, req, &forward, res))
        write_answer(arg, connector, task, "progress", &json, res);
    cv_buf_free(&json);
}

void
rest_task_signal(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    const char *connector = cv_http_variable(req, "connector");
    struct herder_forward forward = rest_hop(req);
    struct cv_buf json = CV_BUF_INIT(REST_JSON_MAX);
    struct cv_err err;
    size_t len;
    const char *body = cv_http_body(req, &len);
    int task;

    if (!read_task(req, &task, res))
        return;
    if (herder_task_signal(rest_herder(arg), connector, task, len == 0 ? "" : body, len, &forward, &json, &err) !=
        CV_OK) {
        rest_fail_named(res, &err, "Connector %s not found", connector);
    } else if (!rest_forwarded(arg, req, &forward, res)) {
        res->status = 202; /* it is done in the polls that follow */
        write_answer(arg, connector, task, "signal", &json, res);
    }
    cv_buf_free(&json);
}
