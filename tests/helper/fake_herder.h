/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A herder in memory for tests of rest/: connectors are names and configs, a created one runs with
 * one task, and a test can make the next call fail or ask for another worker. It implements
 * worker/herder_request.h, plugins.h and the names of status.h; link it instead of the worker's
 * library.
 */
#ifndef TESTS_HELPER_FAKE_HERDER_H
#define TESTS_HELPER_FAKE_HERDER_H

#include "worker/herder_request.h"

struct herder *fake_herder_new(const char *worker_id, const char *url);
void fake_herder_free(struct herder *h);
/* The next call that can fail does, once. */
void fake_herder_fail(struct herder *h, enum cv_rc rc, const char *text);
/* Calls that can be forwarded are for the worker at this URL, unless hop is FALSE; NULL: served
 * here. */
void fake_herder_leader(struct herder *h, const char *url);
/* What herder_health says. */
void fake_herder_health(struct herder *h, enum cv_rc rc, const char *text);
/* What herder_changes says; 0, as it is at first: nothing is known yet. */
void fake_herder_changes(struct herder *h, uint64_t changes);
/* A task failed with this trace. */
void fake_herder_trace(struct herder *h, const char *connector, const char *trace);
/* Task configs, body of the last offsets alteration, logger and level that were put; "" for none.
 */
size_t fake_herder_task_configs(struct herder *h, const char *connector);
const char *fake_herder_offsets(struct herder *h);
const char *fake_herder_logger(struct herder *h);
/* Internal requests must be signed "good" with HmacSHA256. */
void fake_herder_sign(struct herder *h, bool sessioned);

/* Two connectors, a transform, a converter. */
struct plugins *fake_plugins(void);

#endif
