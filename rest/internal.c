/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What other workers ask of the leader: to take the task configs of a connector that they own, and
 * to fence out old tasks. The body is read before the signature is checked, and the signature
 * before anything is looked up (InternalClusterResource). A forwarded request carries no signature;
 * the next hop refuses it where the group signs.
 */
#include <config.h>

#include <stdlib.h>

#include "rest/api.h"
#include "rest/body.h"

/* false: the answer is in res. */
static bool
verify(struct rest *rest, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct cv_err err;
    size_t len;
    const char *body = cv_http_body(req, &len);
    enum cv_rc rc = herder_verify(rest_herder(rest),
                                  cv_http_header(req, "X-Connect-Request-Signature-Algorithm"),
                                  cv_http_header(req, "X-Connect-Authorization"), body, len, &err);

    if (rc == CV_RETRY) /* no key has been read yet */
        cv_http_error(res, 503, err.text);
    else if (rc != CV_OK)
        rest_fail(res, &err);
    return rc == CV_OK;
}

void
rest_internal_tasks(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct herder_forward forward = rest_hop(req);
    struct cv_buf why = CV_BUF_INIT(REST_WHY_MAX);
    struct cv_config **configs = NULL;
    const char *connector = cv_http_variable(req, "connector");
    struct cv_err err;
    size_t count = 0, len;
    const char *body = cv_http_body(req, &len);

    if (rest_read_configs(body, len, &configs, &count, &why) != CV_OK) {
        rest_fail_malformed(arg, res, cv_buf_cstr(&why));
    } else if (verify(arg, req, res)) {
        if (herder_task_configs_put(rest_herder(arg), connector, configs, count, &forward, &err) !=
            CV_OK)
            rest_fail_named(res, &err, "Connector %s not found", connector);
        else if (!rest_forwarded(arg, req, &forward, res))
            res->status = 204;
    }
    for (size_t i = 0; i < count; i++)
        cv_config_free(configs[i]);
    free(configs);
    cv_buf_free(&why);
}

void
rest_internal_fence(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct herder_forward forward = rest_hop(req);
    const char *connector = cv_http_variable(req, "connector");
    struct cv_err err;

    if (!verify(arg, req, res))
        return;
    if (herder_fence(rest_herder(arg), connector, &forward, &err) != CV_OK)
        rest_fail_named(res, &err, "Connector %s not found", connector);
    else if (!rest_forwarded(arg, req, &forward, res))
        res->status = 204;
}
