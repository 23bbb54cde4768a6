/* SPDX-License-Identifier: Apache-2.0 */
/* DropHeaders: removes every header of these names. */
#include <config.h>

#include "transforms/smt.h"
#include "transforms/transforms.h"

struct drop_options {
    struct cv_list headers;
};

struct drop_headers {
    struct smt smt;
    struct drop_options options;
};

static const struct cv_config_def drop_rows[] = {
    { .name = "headers",
      .type = CV_CONFIG_LIST,
      .required = true,
      .check = smt_valid_non_empty_list,
      .null_problem = SMT_EMPTY_LIST,
      .importance = CV_HIGH,
      .doc = "Names of the headers to remove.",
      .offset = offsetof(struct drop_options, headers) },
    CV_CONFIG_END
};

static enum cv_rc
drop_configure(const struct cv_plugin *plugin, const struct cv_config *cfg, struct cv_transform **ret,
               struct cv_err *err)
{
    return smt_new(plugin, cfg, sizeof(struct drop_headers), offsetof(struct drop_headers, options), ret, err);
}

static enum cv_rc
drop_apply(struct cv_transform *xf, struct cv_arena *arena, struct cv_record *rec, bool *ret_keep,
           struct cv_err *err)
{
    struct drop_headers *drop = cv_container_of(xf, struct drop_headers, smt.base);
    struct cv_headers kept = { .items = NULL };

    *ret_keep = true;
    for (size_t i = 0; i < rec->headers.count; i++) {
        const struct cv_header *header = &rec->headers.items[i];

        if (!smt_list_has(&drop->options.headers, header->name) &&
            cv_header_add(arena, &kept, header->name, header->value, err) != CV_OK)
            return err->rc;
    }
    rec->headers = kept;
    return CV_OK;
}

static const struct cv_transform_ops drop_ops = {
    .configure = drop_configure,
    .apply = drop_apply,
    .free = smt_free,
};

const struct cv_plugin drop_headers_plugin = SMT_PLUGIN("DropHeaders", drop_rows, &drop_ops);
