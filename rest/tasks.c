/* SPDX-License-Identifier: Apache-2.0 */
/* /connectors/{connector}/tasks. */
#include <config.h>

#include <stdlib.h>

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
