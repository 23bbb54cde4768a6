/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Debezium's Filter and ContentBasedRouter evaluate scripts in languages of the JVM, which there is none of here. They
 * are known by name so that a configuration that has them is refused with what to use instead.
 */
#include <config.h>

#include "transforms/debezium.h"
#include "transforms/transforms.h"

static cv_config_check refuse_language;

static const char filter_remedy[] =
    "there is no scripting engine here: use org.apache.kafka.connect.transforms.Filter with a predicate";
static const char router_remedy[] =
    "there is no scripting engine here: use route.by.field of io.debezium.transforms.ExtractNewRecordState, "
    "io.debezium.transforms.outbox.EventRouter or org.apache.kafka.connect.transforms.RegexRouter";

#define SCRIPT_ROWS(remedy, expression)                                                                    \
    { .name = "language", .type = CV_CONFIG_STRING, .required = true, .check = refuse_language,            \
      .arg = (remedy), .importance = CV_HIGH, .doc = "Language of the script; none is served.",            \
      .offset = CV_NO_FIELD },                                                                             \
    { .name = expression, .type = CV_CONFIG_STRING, .required = true, .importance = CV_HIGH,               \
      .doc = "The script.", .offset = CV_NO_FIELD },                                                       \
    { .name = "topic.regex", .type = CV_CONFIG_STRING, .importance = CV_LOW,                               \
      .doc = "Pattern of the topics whose records the script sees.", .offset = CV_NO_FIELD },              \
    { .name = "null.handling.mode", .type = CV_CONFIG_STRING, .def = "keep", .importance = CV_LOW,         \
      .doc = "What becomes of tombstones: keep, drop or evaluate.", .offset = CV_NO_FIELD }

static const struct cv_config_def filter_rows[] = { SCRIPT_ROWS(filter_remedy, "condition"), CV_CONFIG_END };
static const struct cv_config_def router_rows[] = { SCRIPT_ROWS(router_remedy, "topic.expression"), CV_CONFIG_END };

static enum cv_rc
refuse_language(const struct cv_config_def *def, const char *value, struct cv_err *err)
{
    (void)value;
    return cv_fail(err, CV_INVALID, "%s", (const char *)def->arg);
}

static enum cv_rc
script_configure(const struct cv_plugin *plugin, const struct cv_config *cfg, struct cv_transform **ret,
                 struct cv_err *err)
{
    struct cv_config_errors errors = { .items = NULL };
    enum cv_rc rc = cv_config_parse(plugin->config, cfg, NULL, &errors, err);

    (void)ret;
    cv_config_errors_done(&errors);
    return rc != CV_OK ? rc : refuse_language(&plugin->config[0], "", err);
}

static enum cv_rc
script_apply(struct cv_transform *xf, struct cv_arena *arena, struct cv_record *rec, bool *ret_keep,
             struct cv_err *err)
{
    (void)arena;
    (void)rec;
    (void)ret_keep;
    return refuse_language(&xf->plugin->config[0], "", err);
}

static void
script_free(struct cv_transform *xf)
{
    (void)xf; /* none is ever made */
}

static const struct cv_transform_ops script_ops = {
    .configure = script_configure,
    .apply = script_apply,
    .free = script_free,
};

const struct cv_plugin scripting_plugins[SCRIPTING] = {
    DEBEZIUM_PLUGIN("transforms.Filter", filter_rows, &script_ops),
    DEBEZIUM_PLUGIN("transforms.ContentBasedRouter", router_rows, &script_ops),
};
