/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Client overrides of a connector: the policy, and what the client says of its keys.
 */
#include <config.h>

#include "worker/validate_private.h"

#include <stdio.h>
#include <string.h>

#include "common/secret.h"
#include "worker/connector_config.h"
#include "worker/worker_config.h"

static bool
policy_allows(const char *policy, const char *key)
{
    static const char *const principal[] = { "security.protocol", "sasl.jaas.config", "sasl.mechanism" };

    if (policy == NULL || strcmp(policy, "All") == 0 || strstr(policy, ".All") != NULL)
        return true;
    if (strcmp(policy, "Principal") != 0 && strstr(policy, ".Principal") == NULL)
        return false;
    for (size_t i = 0; i < CV_COUNT(principal); i++)
        if (strcmp(key, principal[i]) == 0)
            return true;
    return false;
}

static enum cv_rc
override_row(struct validation *run, const char *full, const char *key, const char *value,
             const struct cv_config_errors *refused)
{
    const struct cv_config_def *def = client_override_def(key);
    const char *policy = run->spec->worker->override_policy;
    struct config_info *info = config_infos_add(run->infos, full, def);
    struct cv_config *one = NULL;
    enum cv_rc rc = CV_OK;

    if (info == NULL)
        return cv_fail_memory(run->err);
    info->password = info->password || cv_secret_is_sensitive(key);
    if (def != NULL) {
        one = cv_config_new();
        if (one == NULL)
            return cv_fail_memory(run->err);
        rc = cv_config_set(one, key, value, run->err);
        if (rc == CV_OK)
            rc = validation_judge(info, def, key, key, one, run->err);
        if (rc == CV_OK)
            rc = config_info_redefine(info, NULL, key, run->err);
    } else {
        rc = config_info_value(info, value, run->err);
    }
    if (rc == CV_OK && !policy_allows(policy, key))
        rc = validation_errorf(run, info, "The '%s' policy does not allow '%s' to be overridden in the connector configuration.",
                        policy, key);
    for (size_t i = 0; i < refused->count && rc == CV_OK; i++)
        if (strcmp(refused->items[i].key, key) == 0 && info->n_errors == 0)
            rc = config_info_error(info, refused->items[i].text, run->err);
    if (rc == CV_OK && info->n_errors > 0)
        run->infos->error_count++;
    cv_config_free(one);
    return rc;
}

/* Entries of one client: those that are known, or wrong. */
enum cv_rc
validation_override_rows(struct validation *run, enum cv_kafka_role role, const char *prefix)
{
    struct cv_config *layer = cv_config_with_prefix(run->config, prefix);
    struct cv_config_errors refused = { .items = NULL };
    struct cv_err first = CV_ERR_INIT;
    enum cv_rc rc = CV_OK;
    char full[512];

    if (layer == NULL)
        return cv_fail_memory(run->err);
    if (cv_kafka_check(role, layer, &refused, &first) == CV_NO_MEMORY)
        rc = cv_fail_memory(run->err);
    for (size_t i = 0; i < cv_config_count(layer) && rc == CV_OK; i++) {
        const char *key = cv_config_key(layer, i);
        bool wrong = !policy_allows(run->spec->worker->override_policy, key);

        for (size_t r = 0; r < refused.count; r++)
            wrong = wrong || strcmp(refused.items[r].key, key) == 0;
        snprintf(full, sizeof(full), "%s%s", prefix, key);
        if (wrong || client_override_def(key) != NULL)
            rc = override_row(run, full, key, cv_config_value(layer, i), &refused);
    }
    cv_config_errors_done(&refused);
    cv_config_free(layer);
    return rc;
}
