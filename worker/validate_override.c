/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Client overrides of a connector: which of its clients there are, the policy, and what the client says of its
 * keys. Keys of a client that the connector does not have are not looked at.
 */
#include <config.h>

#include "worker/validate_private.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/secret.h"
#include "data/java_order.h"
#include "worker/client_config.h"
#include "worker/clients.h"
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

/* The text as the option's type has it. An option is parsed, never judged by a validator. */
static enum cv_rc
parse_override(const struct cv_config_def *def, const char *key, const char *value, struct config_info *info,
               struct cv_err *err)
{
    struct cv_config *one = cv_config_new();
    enum cv_rc rc;

    if (one == NULL)
        return cv_fail_memory(err);
    rc = cv_config_set(one, key, value, err);
    if (rc == CV_OK)
        rc = validation_judge(info, def, key, key, one, err);
    cv_config_free(one);
    /* Java parses before it makes rows: no answer but this error */
    if (rc == CV_OK && info->n_errors > 0)
        rc = cv_fail(err, CV_INTERNAL, "%s", info->errors[0]);
    return rc;
}

/* What our own client says of a key; of a secret it says what is wrong, never what it is. */
static enum cv_rc
client_errors(struct validation *run, struct config_info *info, const char *key, const char *value,
              const struct cv_config_errors *refused)
{
    enum cv_rc rc = CV_OK;

    for (size_t i = 0; i < refused->count && rc == CV_OK; i++)
        if (strcmp(refused->items[i].key, key) == 0 && info->n_errors == 0)
            rc = validation_errorf(run, info, "Invalid value %s for configuration %s: %s",
                                   info->password ? "[hidden]" : value, info->name, refused->items[i].text);
    return rc;
}

/* What this worker cannot do with a key whatever its value is; NULL: nothing against it. Without exactly once Java's
   producer takes the id and fails with the task: better here. */
static const char *
worker_problem(const struct worker_config *worker, enum cv_kafka_role role, const char *key)
{
    if (role == CV_KAFKA_PRODUCER && strcmp(key, "transactional.id") == 0 && worker->exactly_once != WORKER_EOS_ENABLED)
        return "the producers of this worker have no transactions; remove the key, or set "
               "exactly.once.source.support=enabled in the worker's file, which chooses the id itself";
    return client_override_problem(key);
}

static enum cv_rc
override_row(struct validation *run, enum cv_kafka_role role, const char *full, const char *key, const char *value,
             const struct cv_config_errors *refused)
{
    const struct cv_config_def *def = client_config_def(role, key);
    const char *policy = run->spec->worker->override_policy, *problem = worker_problem(run->spec->worker, role, key);
    struct config_info *info = config_infos_add(run->infos, full, def);
    enum cv_rc rc;

    if (info == NULL)
        return cv_fail_memory(run->err);
    info->password = info->password || cv_secret_is_sensitive(key);
    rc = def != NULL ? parse_override(def, key, value, info, run->err) : config_info_value(info, value, run->err);
    if (rc == CV_OK && !policy_allows(policy, key))
        rc = validation_errorf(run, info,
                               "The '%s' policy does not allow '%s' to be overridden in the connector configuration.",
                               policy, key);
    if (rc == CV_OK && problem != NULL)
        rc = validation_errorf(run, info, "Invalid value %s for configuration %s: %s", value, full, problem);
    if (rc == CV_OK)
        rc = client_errors(run, info, key, value, refused);
    if (rc == CV_OK && info->n_errors > 0)
        run->infos->error_count++;
    return rc;
}

/* One client's overrides, in the order of the HashMap that Java collects them in. */
static enum cv_rc
client_rows(struct validation *run, enum cv_kafka_role role, const char *prefix)
{
    struct cv_config *layer = cv_config_with_prefix(run->config, prefix);
    struct cv_config_errors refused = { .items = NULL };
    struct cv_err first = CV_ERR_INIT;
    size_t *order = NULL;
    enum cv_rc rc = CV_OK;

    if (layer == NULL)
        return cv_fail_memory(run->err);
    if (cv_kafka_check(role, layer, &refused, &first) == CV_NO_MEMORY)
        rc = cv_fail_memory(run->err);
    if (rc == CV_OK)
        rc = java_order_config(layer, JAVA_TABLE, &order, run->err);
    for (size_t i = 0; i < cv_config_count(layer) && rc == CV_OK; i++) {
        const char *key = cv_config_key(layer, order[i]);
        struct cv_buf full = CV_BUF_INIT(VALIDATION_TEXT_MAX);

        cv_buf_str(&full, prefix);
        cv_buf_str(&full, key);
        rc = cv_buf_check(&full, run->err);
        if (rc == CV_OK)
            rc = override_row(run, role, cv_buf_cstr(&full), key, cv_config_value(layer, order[i]), &refused);
        cv_buf_free(&full);
    }
    free(order);
    cv_config_errors_done(&refused);
    cv_config_free(layer);
    return rc;
}

static bool
creates_topics(const struct cv_config *config)
{
    for (size_t i = 0; i < cv_config_count(config); i++)
        if (strncmp(cv_config_key(config, i), "topic.creation.", strlen("topic.creation.")) == 0)
            return true;
    return false;
}

static bool
is_blank(const char *text)
{
    return text == NULL || text[strspn(text, " \t\r\n")] == '\0';
}

/* Whether a source reads and writes its offsets with clients of its own; only a worker in a group gives it such. */
static bool
has_own_offset_clients(const struct validation *run)
{
    const struct worker_config *worker = run->spec->worker;

    return worker->group_id != NULL && (worker->exactly_once == WORKER_EOS_ENABLED ||
                                        !is_blank(cv_config_get(run->config, "offsets.storage.topic")));
}

enum cv_rc
validation_override_rows(struct validation *run)
{
    bool source = run->plugin->kind == CV_SOURCE;
    bool dead_letters = !source && !is_blank(cv_config_get(run->config, "errors.deadletterqueue.topic.name"));
    bool own_offsets = source && has_own_offset_clients(run);

    if ((source || dead_letters) && client_rows(run, CV_KAFKA_PRODUCER, "producer.override.") != CV_OK)
        return run->err->rc;
    if ((!source || own_offsets) && client_rows(run, CV_KAFKA_CONSUMER, "consumer.override.") != CV_OK)
        return run->err->rc;
    if (dead_letters || own_offsets || (source && creates_topics(run->config)))
        return client_rows(run, CV_KAFKA_ADMIN, "admin.override.");
    return CV_OK;
}
