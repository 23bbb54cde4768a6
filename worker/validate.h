/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Validation of connector configurations: all errors at once, as Connect's ConfigInfos. Any thread, for as long
 * as what the spec borrows lives; a connector's own validation may connect to its database and block.
 */
#ifndef WORKER_VALIDATE_H
#define WORKER_VALIDATE_H

#include "worker/herder_request.h"

struct cv_secrets;
struct plugins;
struct worker_config;

struct validate_spec { /* all borrowed */
    const struct plugins *plugins;
    const struct cv_secrets *secrets;
    const struct worker_config *worker;
};

/* See herder_validate. Free *ret with config_infos_done. */
CV_MUST_CHECK enum cv_rc validate_connector(const struct validate_spec *spec, const struct cv_config *config,
                                            struct config_infos *ret, struct cv_err *err);
/* See herder_plugin_rows. Free *ret with config_infos_done. */
CV_MUST_CHECK enum cv_rc validate_plugin_rows(const struct plugins *plugins, const struct cv_plugin *plugin,
                                              struct config_infos *ret, struct cv_err *err);

#endif
