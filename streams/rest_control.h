/* SPDX-License-Identifier: Apache-2.0 */
/* PUT /pipelines/{pipeline}/pause and resume, POST .../tasks/{task}/restart. */
#ifndef STREAMS_REST_CONTROL_H
#define STREAMS_REST_CONTROL_H

#include "common/http/server.h"
#include "streams/app.h"

/* This worker's share and, unless the request says ?scope=local, that of all others. */
void rest_pause(struct app *app, bool on, const struct cv_http_request *req,
                struct cv_http_response *res);
void rest_restart(struct app *app, const struct cv_http_request *req,
                  struct cv_http_response *res);

#endif
