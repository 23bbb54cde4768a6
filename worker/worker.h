/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker of either mode: owns configuration, plugins, secrets, metrics, REST's herder; start and shutdown order.
 * The caller opens REST (programs/), because rest/ stands above this folder.
 */
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include <culvert/plugin.h>

struct cv_metrics;
struct cv_secrets;
struct herder;
struct plugins;
struct worker;
struct worker_config;

/*
 * Read the properties (file, then environment CONNECT_*), resolve references, parse. Unknown keys are warned about.
 * CV_INVALID names key, value and remedy of the first error; the others are logged.
 */
CV_MUST_CHECK enum cv_rc worker_new(const char *properties_file, bool standalone,
                                    const struct cv_plugin *const *builtin, struct worker **ret, struct cv_err *err);
void worker_free(struct worker *worker);

const struct worker_config *worker_options(const struct worker *worker);
const struct cv_config *worker_raw(const struct worker *worker);
const struct plugins *worker_plugins(const struct worker *worker);
struct cv_metrics *worker_metrics(struct worker *worker);

/* Start the herder under the advertised URL. tls: ssl.* keys of REST, for requests to other workers by https, borrowed
   until worker_stop; NULL: none. died is called, on the herder's thread, if it ends by an error. */
CV_MUST_CHECK enum cv_rc worker_start(struct worker *worker, const char *url, const char *worker_id,
                                      const struct cv_config *tls,
                                      void (*died)(void *arg, const struct cv_err *why), void *arg,
                                      struct cv_err *err);
struct herder *worker_herder(struct worker *worker);
/* Stop tasks, leave the group, close. */
void worker_stop(struct worker *worker);

#endif
