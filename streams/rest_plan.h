/* SPDX-License-Identifier: Apache-2.0 */
/* POST /pipelines/{pipeline}/plan: what another version of the pipeline would mean, tried, not run. */
#ifndef STREAMS_REST_PLAN_H
#define STREAMS_REST_PLAN_H

#include "common/http/server.h"
#include "streams/app.h"

void rest_plan(struct app *app, const struct cv_http_request *req, struct cv_http_response *res);

#endif
