/* SPDX-License-Identifier: Apache-2.0 */
/* RegexRouter: a topic that matches a pattern as a whole gets the replacement's name. Looks at nothing else, so a
   source's direct path stays open. */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/regex.h"
#include "data/java_pattern.h"
#include "transforms/transforms.h"

#define TOPIC_MAX 4096

struct options {
    char *regex;
    char *replacement;
};

struct regex_router {
    struct cv_transform base;
    struct options options;
    struct cv_regex *regex;
};

static const struct cv_config_def rows[] = {
    { .name = "regex", .type = CV_CONFIG_STRING, .required = true, .check = java_pattern_check, .importance = CV_HIGH,
      .doc = "Pattern that a topic's whole name must match.", .offset = offsetof(struct options, regex) },
    { .name = "replacement", .type = CV_CONFIG_STRING, .required = true, .importance = CV_HIGH,
      .doc = "New name of such a topic; $1 stands for the first group.",
      .offset = offsetof(struct options, replacement) },
    CV_CONFIG_END,
};

static void
router_free(struct cv_transform *xf)
{
    struct regex_router *router = cv_container_of(xf, struct regex_router, base);

    cv_regex_free(router->regex);
    cv_config_done(rows, &router->options);
    free(router);
}

static enum cv_rc
router_configure(const struct cv_plugin *plugin, const struct cv_config *cfg, struct cv_transform **ret,
                 struct cv_err *err)
{
    struct regex_router *router = calloc(1, sizeof(*router));
    struct cv_config_errors errors = { 0 };
    enum cv_rc rc;

    if (router == NULL)
        return cv_fail_memory(err);
    router->base.plugin = plugin;
    rc = cv_config_parse(rows, cfg, &router->options, &errors, err);
    cv_config_errors_done(&errors);
    if (rc == CV_OK)
        rc = cv_regex_new(router->options.regex, false, &router->regex, err);
    if (rc == CV_OK)
        rc = cv_regex_check_replacement(router->regex, router->options.replacement, err);
    if (rc != CV_OK) {
        router_free(&router->base);
        return rc;
    }
    *ret = &router->base;
    return CV_OK;
}

static enum cv_rc
router_apply(struct cv_transform *xf, struct cv_arena *arena, struct cv_record *rec, bool *ret_keep,
             struct cv_err *err)
{
    struct regex_router *router = cv_container_of(xf, struct regex_router, base);
    struct cv_buf topic = CV_BUF_INIT(TOPIC_MAX);
    enum cv_rc rc = CV_OK;

    *ret_keep = true;
    if (cv_regex_replace(router->regex, rec->topic, strlen(rec->topic), router->options.replacement, &topic)) {
        rc = cv_buf_check(&topic, err);
        if (rc == CV_OK && (rec->topic = cv_arena_strdup(arena, cv_buf_cstr(&topic))) == NULL)
            rc = cv_fail_memory(err);
    }
    cv_buf_free(&topic);
    return rc;
}

static const struct cv_transform_ops router_ops = {
    .configure = router_configure,
    .apply = router_apply,
    .free = router_free,
    .topic_only = true,
};

const struct cv_plugin regex_router_plugin = {
    .api = CV_PLUGIN_API,
    .kind = CV_TRANSFORM,
    .name = "org.apache.kafka.connect.transforms.RegexRouter",
    .version = PACKAGE_VERSION,
    .config = rows,
    .transform = &router_ops,
};
