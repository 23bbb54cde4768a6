/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to this worker or to all of them. An answer of all is complete or none: tasks that are on their way between
 * workers, or that nobody has, make it 503. A worker that is asked by another is told how many tasks it should have
 * ("tasks" in the query).
 */
#ifndef STREAMS_REST_SCOPE_H
#define STREAMS_REST_SCOPE_H

#include "common/http/server.h"
#include "streams/app.h"

/* ?scope=local or all; false: another value, answered with 400. */
bool rest_scope_local(const struct cv_http_request *req, bool def, bool *ret_local,
                      struct cv_http_response *res);

/* This worker has as many tasks as who asks thinks. CV_RETRY: they are moving. */
CV_MUST_CHECK
enum cv_rc rest_check_share(struct app *app, const struct cv_http_request *req, struct cv_err *err);

/* Its tasks are as many, and open. */
CV_MUST_CHECK
enum cv_rc rest_share_is(struct app *app, size_t tasks, struct cv_err *err);

/* The workers that have tasks, this one among them. CV_RETRY: not all tasks are at work. */
CV_MUST_CHECK
enum cv_rc rest_workers(struct app *app, struct peers *ret, struct cv_err *err);

/* What another worker has against a question, by its status: CV_NOT_FOUND, CV_INVALID, CV_CONFLICT or CV_RETRY. */
enum cv_rc rest_peer_failed(const struct peer *peer, struct cv_err *err);

/* The status of a failure. */
int rest_status_of(enum cv_rc rc);

#endif
