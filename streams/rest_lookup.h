/* SPDX-License-Identifier: Apache-2.0 */
/* GET /pipelines/{pipeline}/tables/{table}/{key}: one row, of the worker that has it. */
#ifndef STREAMS_REST_LOOKUP_H
#define STREAMS_REST_LOOKUP_H

#include "common/http/server.h"
#include "streams/app.h"

void rest_lookup(struct app *app, const struct cv_http_request *req, struct cv_http_response *res);

#endif
