/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What several rows must satisfy together: rules of sinks, of sources, of all.
 */
#include <config.h>

#include "worker/validate_private.h"

#include <string.h>
#include <strings.h>

#include "common/buf.h"
#include "common/regex.h"
#include "worker/worker_config.h"

static bool
is_set(const struct validation *run, const char *key)
{
    const char *value = cv_config_get(run->config, key);

    return value != NULL && value[strspn(value, " \t\r\n")] != '\0';
}

static bool
topics_hold(const struct validation *run, const char *topic)
{
    const char *p = config_infos_find(run->infos, "topics")->value;
    size_t len = strlen(topic);

    while (p != NULL && *p != '\0') {
        size_t n = strcspn(p, ",");

        if (n == len && memcmp(p, topic, n) == 0)
            return true;
        p += n + (p[n] == ',');
    }
    return false;
}

static enum cv_rc
check_dead_letters(struct validation *run)
{
    struct config_info *info = config_infos_find(run->infos, "errors.deadletterqueue.topic.name");
    struct config_info *topics = config_infos_find(run->infos, "topics");
    struct config_info *regex = config_infos_find(run->infos, "topics.regex");
    struct cv_regex *re = NULL;
    struct cv_err none = CV_ERR_INIT;
    enum cv_rc rc = CV_OK;

    if (info->value == NULL || info->value[0] == '\0')
        return CV_OK;
    if (topics_hold(run, info->value)) {
        struct cv_buf list = CV_BUF_INIT(VALIDATION_TEXT_MAX);

        for (const char *p = topics->value; *p != '\0'; p++)
            cv_buf_str(&list, *p == ',' ? ", " : (const char[]){ *p, '\0' });
        rc = validation_errorf(run, topics,
                        "The DLQ topic '%s' may not be included in the list of topics ('topics=[%s]') consumed "
                        "by the connector",
                        info->value, cv_buf_cstr(&list));
        cv_buf_free(&list);
    }
    if (rc == CV_OK && regex->value != NULL && regex->value[0] != '\0' &&
        cv_regex_new(regex->value, false, &re, &none) == CV_OK &&
        cv_regex_matches(re, info->value, strlen(info->value)))
        rc = validation_errorf(run, regex,
                        "The DLQ topic '%s' may not be matched by the regex for the topics ('topics.regex=%s') "
                        "consumed by the connector",
                        info->value, regex->value);
    cv_regex_free(re);
    return rc;
}

/* The group must not be the workers' own. */
static enum cv_rc
check_group(struct validation *run)
{
    const char *group = cv_config_get(run->config, "consumer.override.group.id");
    const char *name = cv_config_get(run->config, "name"), *worker = run->spec->worker->group_id;
    struct config_info *info;

    if (worker == NULL)
        return CV_OK;
    if (group == NULL) {
        if (name == NULL || strncmp(worker, "connect-", 8) != 0 || strcmp(worker + 8, name) != 0)
            return CV_OK;
        info = config_infos_find(run->infos, "name");
        return validation_errorf(run, info,
                                 "Consumer group for sink connector named %s conflicts with Connect worker group %s",
                          name, worker);
    }
    info = validation_row_for_error(run, "consumer.override.group.id");
    if (info == NULL || config_info_value(info, group, run->err) != CV_OK)
        return run->err->rc;
    if (strcmp(group, worker) != 0)
        return CV_OK;
    return validation_errorf(run, info, "Consumer group %s conflicts with Connect worker group %s", group, worker);
}

enum cv_rc
validation_check_sink(struct validation *run)
{
    bool topics = is_set(run, "topics"), regex = is_set(run, "topics.regex");
    const char *text = NULL;

    if (topics && regex)
        text = "topics and topics.regex are mutually exclusive options, but both are set.";
    else if (!topics && !regex)
        text = "Must configure one of topics or topics.regex";
    if (text != NULL && (validation_error_at(run, "topics", text) != CV_OK ||
                         validation_error_at(run, "topics.regex", text) != CV_OK))
        return run->err->rc;
    if (check_dead_letters(run) != CV_OK)
        return run->err->rc;
    return check_group(run);
}

static bool
row_is(const struct validation *run, const char *key, const char *value)
{
    const struct config_info *info = config_infos_find(run->infos, key);

    return info != NULL && info->value != NULL && strcasecmp(info->value, value) == 0;
}

/* *inout_rc stays what it was once it is a failure. */
static void
error_if(struct validation *run, enum cv_rc *inout_rc, bool wrong, const char *key, const char *text)
{
    if (*inout_rc == CV_OK && wrong)
        *inout_rc = validation_error_at(run, key, text);
}

enum cv_rc
validation_check_source(struct validation *run)
{
    bool required = row_is(run, "exactly.once.support", "required");
    bool enabled = run->spec->worker->exactly_once == WORKER_EOS_ENABLED;
    bool own_boundaries = row_is(run, "transaction.boundary", "connector") &&
                          (run->plugin->source->transaction_boundaries == NULL ||
                           !run->plugin->source->transaction_boundaries(run->config));
    enum cv_rc rc = CV_OK;

    error_if(run, &rc, required && !enabled, "exactly.once.support",
             "This worker does not have exactly-once source support enabled.");
    error_if(run, &rc,
             required && run->plugin->source->exactly_once != NULL &&
                 !run->plugin->source->exactly_once(run->config),
             "exactly.once.support",
             "The connector does not support exactly-once semantics with the provided configuration.");
    error_if(run, &rc, required && run->plugin->source->exactly_once == NULL, "exactly.once.support",
             "The connector does not implement the API required for preflight validation of exactly-once source "
             "support. Please consult the documentation for the connector to determine whether it supports "
             "exactly-once semantics, and then consider reconfiguring the connector to use the value \"requested\" for "
             "this property (which will disable this preflight check and allow the connector to be created).");
    error_if(run, &rc, own_boundaries, "transaction.boundary",
             "The connector does not support connector-defined transaction boundaries with the given configuration. "
             "Please reconfigure it to use a different transaction boundary definition.");
    return rc;
}

/* No key may be null, but those that the connector defines itself. */
enum cv_rc
validation_check_nulls(struct validation *run)
{
    for (size_t i = 0; i < cv_config_count(run->config); i++) {
        const char *key = cv_config_key(run->config, i);

        if (cv_config_value(run->config, i) == NULL && !validation_plugin_defines(run->plugin, key) &&
            validation_error_at(run, key, "Null value can not be supplied as the configuration value.") != CV_OK)
            return run->err->rc;
    }
    return CV_OK;
}
