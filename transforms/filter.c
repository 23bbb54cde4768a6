/* SPDX-License-Identifier: Apache-2.0 */
/* Filter: drops every record. It is used with a predicate, which the framework asks before. */
#include <config.h>

#include <stdlib.h>

#include "transforms/smt.h"
#include "transforms/transforms.h"

static const struct cv_config_def no_rows[] = { CV_CONFIG_END };

static void
filter_free(struct cv_transform *xf)
{
    free(xf);
}

static enum cv_rc
filter_configure(const struct cv_plugin *plugin, const struct cv_config *cfg, struct cv_transform **ret,
                 struct cv_err *err)
{
    struct cv_transform *xf = calloc(1, sizeof(*xf));

    (void)cfg;
    if (xf == NULL)
        return cv_fail_memory(err);
    xf->plugin = plugin;
    *ret = xf;
    return CV_OK;
}

static enum cv_rc
filter_apply(struct cv_transform *xf, struct cv_arena *arena, struct cv_record *rec, bool *ret_keep,
             struct cv_err *err)
{
    (void)xf;
    (void)arena;
    (void)rec;
    (void)err;
    *ret_keep = false;
    return CV_OK;
}

static const struct cv_transform_ops filter_ops = {
    .configure = filter_configure,
    .apply = filter_apply,
    .free = filter_free,
    .topic_only = true, /* it looks at nothing at all */
};

const struct cv_plugin filter_plugin = SMT_PLUGIN("Filter", no_rows, &filter_ops);
