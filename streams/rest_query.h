/* SPDX-License-Identifier: Apache-2.0 */
/* POST /pipelines/{pipeline}/query: a SELECT on the state of this worker's tasks. */
#ifndef STREAMS_REST_QUERY_H
#define STREAMS_REST_QUERY_H

#include "common/http/server.h"
#include "streams/app.h"

void rest_query(struct app *app, const struct cv_http_request *req, struct cv_http_response *res);

#endif
