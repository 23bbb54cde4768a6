/* SPDX-License-Identifier: Apache-2.0 */
/* The properties of a streams worker; see streams_config.h. */
#include "streams/streams_config.h"

#include <string.h>

#include "common/kafka/client.h"
#include "common/properties.h"
#include "common/secret.h"

static const char *const reset_names[] = { "earliest", "latest", NULL };

static enum cv_rc
valid_url(const struct cv_config_def *def, const char *value, struct cv_err *err)
{
    (void)def;
    if (value[0] == '\0' || (strlen(value) < 256 && strpbrk(value, " \t\"") == NULL &&
                             (strncmp(value, "http://", 7) == 0 || strncmp(value, "https://", 8) == 0)))
        return CV_OK;
    return cv_fail(err, CV_INVALID, "it must be like http://host:8084");
}

const struct cv_config_def streams_config_defs[] = {
    { .name = "bootstrap.servers",
      .type = CV_CONFIG_STRING,
      .required = true,
      .check = cv_valid_non_empty,
      .importance = CV_HIGH,
      .doc = "Brokers to start from: host:port,host:port.",
      .offset = offsetof(struct streams_config, bootstrap_servers) },
    { .name = "pipeline.directory",
      .type = CV_CONFIG_STRING,
      .required = true,
      .check = cv_valid_non_empty,
      .importance = CV_HIGH,
      .doc = "Folder with the pipeline's *.sql files, read in name order.",
      .offset = offsetof(struct streams_config, pipeline_directory) },
    { .name = "state.dir",
      .type = CV_CONFIG_STRING,
      .required = true,
      .check = cv_valid_non_empty,
      .importance = CV_HIGH,
      .doc = "Folder for the state files, one worker a folder. What is in it can be rebuilt from "
             "Kafka.",
      .offset = offsetof(struct streams_config, state_dir) },
    { .name = "listeners",
      .type = CV_CONFIG_LIST,
      .def = "http://:8084",
      .importance = CV_MEDIUM,
      .doc = "Where status and metrics are served.",
      .offset = offsetof(struct streams_config, listeners) },
    { .name = "advertised.url",
      .type = CV_CONFIG_STRING,
      .def = "",
      .check = valid_url,
      .importance = CV_LOW,
      .doc = "Under which other workers reach this one: http://host:port, for queries of all tasks and "
             "for pause. Empty: the first of listeners, with an address of the machine where it has "
             "no host.",
      .offset = offsetof(struct streams_config, advertised_url) },
    { .name = "worker.id",
      .type = CV_CONFIG_STRING,
      .def = "",
      .importance = CV_LOW,
      .doc = "Name of this worker in the group, for group.instance.id and transactional ids. "
             "Empty: one is made "
             "and kept in state.dir, so that a restarted worker gets its tasks back at once.",
      .offset = offsetof(struct streams_config, worker_id) },
    { .name = "num.threads",
      .type = CV_CONFIG_INT,
      .def = "0",
      .check = cv_valid_range,
      .arg = &(const struct cv_range){ 0, 256 },
      .importance = CV_MEDIUM,
      .doc = "Processing threads. 0: as many as the machine has processors.",
      .offset = offsetof(struct streams_config, num_threads) },
    { .name = "auto.offset.reset",
      .type = CV_CONFIG_ENUM,
      .def = "earliest",
      .names = reset_names,
      .importance = CV_MEDIUM,
      .doc = "Where a partition begins that the application has never read.",
      .offset = offsetof(struct streams_config, auto_offset_reset) },
    { .name = "replication.factor",
      .type = CV_CONFIG_INT,
      .def = "-1",
      .check = cv_valid_range,
      .arg = &(const struct cv_range){ -1, 1000 },
      .importance = CV_MEDIUM,
      .doc = "Of changelog and output topics that are created. -1: the broker's default.",
      .offset = offsetof(struct streams_config, replication_factor) },
    { .name = "transaction.timeout.ms",
      .type = CV_CONFIG_INT,
      .def = "15000",
      .check = cv_valid_range,
      .arg = &(const struct cv_range){ 1000, 900000 },
      .importance = CV_LOW,
      .doc = "After this time brokers abort the transaction of a worker that died; a commit must "
             "fit into it.",
      .offset = offsetof(struct streams_config, transaction_timeout_ms) },
    { .name = "log.level",
      .type = CV_CONFIG_STRING,
      .def = "INFO",
      .importance = CV_LOW,
      .doc = "TRACE, DEBUG, INFO, WARN or ERROR.",
      .offset = offsetof(struct streams_config, log_level) },
    CV_CONFIG_END
};

static enum cv_rc
check_clients(struct streams_config *config, struct cv_config_errors *errors, struct cv_err *err)
{
    const struct {
        enum cv_kafka_role role;
        const struct cv_config *layer;
    } layers[] = {
        { CV_KAFKA_CONSUMER, config->clients },  { CV_KAFKA_PRODUCER, config->clients },
        { CV_KAFKA_ADMIN, config->clients },     { CV_KAFKA_CONSUMER, config->consumer },
        { CV_KAFKA_PRODUCER, config->producer }, { CV_KAFKA_ADMIN, config->admin },
    };
    enum cv_rc rc = CV_OK;

    for (size_t i = 0; i < CV_COUNT(layers); i++) {
        struct cv_err one = CV_ERR_INIT;

        if (cv_kafka_check(layers[i].role, layers[i].layer, errors, &one) != CV_OK && rc == CV_OK) {
            *err = one;
            rc = one.rc;
        }
    }
    return rc;
}

static bool
is_ours(const char *key)
{
    static const char *const prefixes[] = { "consumer.", "producer.", "admin." };

    for (size_t i = 0; i < CV_COUNT(prefixes); i++)
        if (strncmp(key, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    for (const struct cv_config_def *def = streams_config_defs; def->name != NULL; def++)
        if (strcmp(key, def->name) == 0 && strcmp(key, "bootstrap.servers") != 0)
            return true;
    return false;
}

static enum cv_rc
pick_clients(struct streams_config *config, struct cv_err *err)
{
    config->clients = cv_config_new();
    if (config->clients == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < cv_config_count(config->raw); i++) {
        const char *key = cv_config_key(config->raw, i);

        if (!is_ours(key) && cv_config_set(config->clients, key, cv_config_value(config->raw, i), err) != CV_OK)
            return err->rc;
    }
    return CV_OK;
}

static enum cv_rc
read_keys(const char *path, struct streams_config *config, struct cv_err *err)
{
    struct cv_config *file = cv_config_new();
    struct cv_secrets *secrets = NULL;
    enum cv_rc rc = file == NULL ? cv_fail_memory(err) : cv_properties_load(path, file, err);

    if (rc == CV_OK)
        rc = cv_properties_from_env("CULVERT_STREAMS_", streams_config_defs, file, err);
    if (rc == CV_OK)
        rc = cv_secrets_new(file, &secrets, err);
    if (rc == CV_OK)
        rc = cv_secrets_resolve(secrets, file, &config->raw, err);
    if (rc == CV_OK) {
        config->consumer = cv_config_with_prefix(config->raw, "consumer.");
        config->producer = cv_config_with_prefix(config->raw, "producer.");
        config->admin = cv_config_with_prefix(config->raw, "admin.");
        if (config->consumer == NULL || config->producer == NULL || config->admin == NULL)
            rc = cv_fail_memory(err);
    }
    if (rc == CV_OK)
        rc = pick_clients(config, err);
    cv_secrets_free(secrets);
    cv_config_free(file);
    return rc;
}

enum cv_rc
streams_config_load(const char *path, struct streams_config *ret, struct cv_config_errors *errors,
                    struct cv_err *err)
{
    struct streams_config config = { 0 };
    enum cv_rc rc = read_keys(path, &config, err);

    if (rc == CV_OK) {
        struct cv_err clients = CV_ERR_INIT;

        rc = cv_config_parse(streams_config_defs, config.raw, &config, errors, err);
        if (check_clients(&config, errors, &clients) != CV_OK && rc == CV_OK) {
            *err = clients;
            rc = clients.rc;
        }
    }
    if (rc != CV_OK) {
        streams_config_done(&config);
        return rc;
    }
    *ret = config;
    return CV_OK;
}

void
streams_config_done(struct streams_config *config)
{
    cv_config_done(streams_config_defs, config);
    cv_config_free(config->raw);
    cv_config_free(config->clients);
    cv_config_free(config->consumer);
    cv_config_free(config->producer);
    cv_config_free(config->admin);
    *config = (struct streams_config){ 0 };
}
