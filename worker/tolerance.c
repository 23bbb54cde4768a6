/* SPDX-License-Identifier: Apache-2.0 */
/* Failed records: skipped and counted, or the end of the task. */
#include <config.h>

#include "worker/tolerance.h"

#include <string.h>
#include <strings.h>

#include "common/log.h"

static bool
is(const struct cv_config *cfg, const char *key, const char *value)
{
    const char *text = cv_config_get(cfg, key);

    return text != NULL && strcasecmp(text, value) == 0;
}

void
tolerance_init(struct tolerance *tolerance, const struct cv_config *connector, struct cv_log *logger)
{
    tolerance->skip = is(connector, "errors.tolerance", "all");
    tolerance->log = is(connector, "errors.log.enable", "true");
    tolerance->logger = logger;
    atomic_init(&tolerance->failures, 0);
    atomic_init(&tolerance->skipped, 0);
}

bool
tolerance_skips(struct tolerance *tolerance, enum pipeline_stage stage, const char *topic, struct cv_err *err)
{
    atomic_fetch_add_explicit(&tolerance->failures, 1, memory_order_relaxed);
    if (tolerance->log)
        CV_LOG_ERROR(tolerance->logger, "a record could not be processed",
                     CV_STR("stage", pipeline_stage_name(stage)), CV_STR("topic", topic), CV_ERR(err));
    if (!tolerance->skip) {
        cv_err_context(err, "record of topic \"%s\", stage %s (errors.tolerance=all would skip it)", topic,
                       pipeline_stage_name(stage));
        return false;
    }
    atomic_fetch_add_explicit(&tolerance->skipped, 1, memory_order_relaxed);
    return true;
}
