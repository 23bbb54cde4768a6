/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /connectors/{connector}/offsets. The shape of the body is checked here, its contents by the
 * herder: what a partition and an offset may hold is the connector's business.
 */
#include <config.h>

#include "rest/api.h"
#include "rest/body.h"

#define NOT_FOUND "Connector %s not found"

void
rest_offsets_get(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    const char *connector = cv_http_variable(req, "connector");
    struct cv_err err;

    if (herder_offsets_get(rest_herder(arg), connector, &res->body, &err) != CV_OK)
        rest_fail_named(res, &err, NOT_FOUND, connector);
}

/* json NULL: reset all. */
static void
alter(struct rest *rest, const struct cv_http_request *req, const char *json, size_t len,
      struct cv_http_response *res)
{
    const char *connector = cv_http_variable(req, "connector");
    struct herder_forward forward = rest_hop(req);
    struct cv_err err;
    bool refused;

    if (herder_offsets_alter(rest_herder(rest), connector, json, len, &forward, &res->body, &refused,
                             &err) == CV_OK)
        (void)rest_forwarded(rest, req, &forward, res);
    else if (refused)
        rest_fail_malformed(rest, res, err.text);
    else
        rest_fail_named(res, &err, NOT_FOUND, connector);
}

void
rest_offsets_alter(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct cv_buf why = CV_BUF_INIT(REST_WHY_MAX);
    const char *json = NULL;
    size_t len = 0, count = 0;
    bool null = false;
    size_t body_len;
    const char *body = cv_http_body(req, &body_len);

    if (rest_read_offsets(body, body_len, &json, &len, &count, &null, &why) != CV_OK)
        rest_fail_malformed(arg, res, cv_buf_cstr(&why));
    else if (null)
        rest_fail_malformed(arg, res,
                            "The request has no body; a JSON object with \"offsets\" is expected");
    else if (count == 0)
        cv_http_error(res, 400,
                      "Partitions / offsets need to be provided for an alter offsets request");
    else
        alter(arg, req, json, len, res);
    cv_buf_free(&why);
}

void
rest_offsets_reset(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    alter(arg, req, NULL, 0, res);
}
