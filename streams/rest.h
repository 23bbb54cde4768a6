/* SPDX-License-Identifier: Apache-2.0 */
/* The streams worker's REST: /health, /ready, /metrics, /pipelines. Answers from what the threads
 * publish. */
#ifndef STREAMS_REST_H
#define STREAMS_REST_H

#include "streams/app.h"

struct streams_rest;

/* Listens on the configured listeners; answers when this returns. app is borrowed. */
CV_MUST_CHECK
enum cv_rc streams_rest_start(const struct streams_config *config, struct app *app,
                              struct streams_rest **ret, struct cv_err *err);
/* false: a request is still being answered; what it uses (app) must stay. */
bool streams_rest_stop(struct streams_rest *rest);

#endif
