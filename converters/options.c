/* SPDX-License-Identifier: Apache-2.0 */
/* Options common to all converters. */
#include <config.h>

#include "converters/options.h"

const char *const converter_types[] = { "key", "value", "header", NULL };

const struct cv_config_def converter_type_config[] = { CONVERTER_TYPE_ROW, CV_CONFIG_END };

enum cv_rc
converter_parse(const struct cv_plugin *plugin, const struct cv_config *cfg, enum cv_position position,
                void *out, struct cv_err *err)
{
    struct cv_config_errors errors = { .items = NULL };
    struct cv_config *copy = cv_config_copy(cfg);
    enum cv_rc rc = CV_OK;

    if (copy == NULL)
        return cv_fail_memory(err);
    if (cv_config_get(copy, "converter.type") == NULL)
        rc = cv_config_set(copy, "converter.type", converter_types[position], err);
    if (rc == CV_OK)
        rc = cv_config_parse(plugin->config, copy, out, &errors, err);
    if (rc != CV_OK)
        cv_config_done(plugin->config, out);
    cv_config_errors_done(&errors);
    cv_config_free(copy);
    return rc;
}
