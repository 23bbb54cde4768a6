/* SPDX-License-Identifier: Apache-2.0 */
/* GET /pipelines/{pipeline}/watch/{table}: what commits change, as server-sent events. */
#ifndef STREAMS_REST_WATCH_H
#define STREAMS_REST_WATCH_H

#include "common/http/server.h"
#include "streams/app.h"
#include "streams/relay.h"

void rest_watch(struct app *app, struct relays *relays, const struct cv_http_request *req,
                struct cv_http_response *res);

#endif
