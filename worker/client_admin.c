/* SPDX-License-Identifier: Apache-2.0 */
/* Admin clients of connectors that have their own settings for them. */
#include <config.h>

#include "worker/clients.h"

#include "common/kafka/admin.h"

enum cv_rc
client_admin_override(const struct cv_config *worker_raw, const struct cv_config *connector, const char *client_id,
                      struct cv_admin **ret, struct cv_err *err)
{
    struct cv_config *overrides = cv_config_with_prefix(connector, "admin.override.");
    struct client_layers layers;
    struct cv_kafka_conf conf;
    bool none;

    *ret = NULL;
    if (overrides == NULL)
        return cv_fail_memory(err);
    none = cv_config_count(overrides) == 0;
    cv_config_free(overrides);
    if (none)
        return CV_OK;
    if (client_layers_init(&layers, CV_KAFKA_ADMIN, worker_raw, connector, client_id, &conf, err) != CV_OK)
        return err->rc;
    if (cv_admin_new(&conf, ret, err) != CV_OK)
        *ret = NULL;
    client_layers_done(&layers);
    return *ret != NULL ? CV_OK : err->rc;
}
