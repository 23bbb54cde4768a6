/* SPDX-License-Identifier: Apache-2.0 */
/* Layers of client configuration. */
#include <config.h>

#include "worker/clients.h"

#include <stdio.h>
#include <string.h>

#include "common/kafka/producer.h"
#include "common/log.h"
#include "worker/worker_config.h"

/* Keys of the worker's file that every client needs. */
static const char *const common_keys[] = { "bootstrap.servers",       "client.dns.lookup",
                                           "security.protocol",       "request.timeout.ms",
                                           "connections.max.idle.ms", "metadata.max.age.ms",
                                           "send.buffer.bytes",       "receive.buffer.bytes",
                                           "reconnect.backoff.ms",    "reconnect.backoff.max.ms" };
static const char *const common_prefixes[] = { "ssl.", "sasl." };

static bool
is_common(const char *key)
{
    for (size_t i = 0; i < CV_COUNT(common_keys); i++)
        if (strcmp(key, common_keys[i]) == 0)
            return true;
    for (size_t i = 0; i < CV_COUNT(common_prefixes); i++)
        if (strncmp(key, common_prefixes[i], strlen(common_prefixes[i])) == 0)
            return true;
    return false;
}

/* What a worker asks on behalf of a connector's author is not for the author to say. */
const char *
client_override_problem(const char *key)
{
    static const char assertion[] = "sasl.oauthbearer.assertion.";

    if (strcmp(key, "sasl.oauthbearer.token.endpoint.url") == 0)
        return "only the worker's file may name the token endpoint, since the worker connects to it "
               "(or reads the file that it names); remove the key";
    if (strncmp(key, assertion, strlen(assertion)) == 0)
        return "only the worker's file may say what the worker reads and signs for a token; remove the key";
    return NULL;
}

static enum cv_rc
check_override(const struct cv_config *override, const char *prefix, struct cv_err *err)
{
    for (size_t i = 0; i < cv_config_count(override); i++) {
        const char *problem = client_override_problem(cv_config_key(override, i));

        if (problem != NULL)
            return cv_fail(err, CV_INVALID, "configuration \"%s%s\": %s", prefix, cv_config_key(override, i),
                           problem);
    }
    return CV_OK;
}

static enum cv_rc
copy_common(const struct cv_config *worker, struct cv_config **ret, struct cv_err *err)
{
    struct cv_config *cfg = cv_config_new();

    if (cfg == NULL)
        return cv_fail_memory(err);
    *ret = cfg;
    if (!cv_config_has(worker, "bootstrap.servers") &&
        cv_config_set(cfg, "bootstrap.servers", "localhost:9092", err) != CV_OK)
        return err->rc;
    for (size_t i = 0; i < cv_config_count(worker); i++)
        if (is_common(cv_config_key(worker, i)) &&
            cv_config_set(cfg, cv_config_key(worker, i), cv_config_value(worker, i), err) != CV_OK)
            return err->rc;
    return CV_OK;
}

/* A sink may subscribe to topics that a source has yet to make: Java's client looks for them all the time,
   librdkafka every five minutes. */
static enum cv_rc
make_defaults(enum cv_kafka_role role, struct cv_config **ret, struct cv_err *err)
{
    *ret = cv_config_new();
    if (*ret == NULL)
        return cv_fail_memory(err);
    return role == CV_KAFKA_CONSUMER ? cv_config_set(*ret, "topic.metadata.refresh.interval.ms", "5000", err) : CV_OK;
}

enum cv_rc
client_layers_init(struct client_layers *layers, enum cv_kafka_role role, const struct cv_config *worker_raw,
                   const struct cv_config *connector, const char *client_id, struct cv_kafka_conf *ret_conf,
                   struct cv_err *err)
{
    static const char *const roles[] = { [CV_KAFKA_PRODUCER] = "producer", [CV_KAFKA_CONSUMER] = "consumer",
                                         [CV_KAFKA_ADMIN] = "admin" };
    char prefix[40];

    memset(layers, 0, sizeof(*layers));
    snprintf(layers->client_id, sizeof(layers->client_id), "%s", client_id);
    if (copy_common(worker_raw, &layers->common, err) != CV_OK || make_defaults(role, &layers->defaults, err) != CV_OK)
        goto fail;
    if (connector != NULL) {
        snprintf(prefix, sizeof(prefix), "%s.", roles[role]);
        layers->worker = cv_config_with_prefix(worker_raw, prefix);
        snprintf(prefix, sizeof(prefix), "%s.override.", roles[role]);
        layers->override = cv_config_with_prefix(connector, prefix);
        if (layers->worker == NULL || layers->override == NULL) {
            cv_fail_memory(err);
            goto fail;
        }
        if (check_override(layers->override, prefix, err) != CV_OK)
            goto fail;
    }
    *ret_conf = (struct cv_kafka_conf){ .role = role,
                                        .client_id = layers->client_id,
                                        .layers = { layers->defaults, layers->common, layers->worker,
                                                    layers->override },
                                        .n_layers = 4,
                                        .log = cv_log_get("culvert.kafka") };
    return CV_OK;
fail:
    client_layers_done(layers);
    return err->rc;
}

enum cv_rc
client_layers_read_committed(struct client_layers *layers, struct cv_kafka_conf *conf, struct cv_err *err)
{
    if (layers->override == NULL) {
        layers->override = cv_config_new();
        if (layers->override == NULL)
            return cv_fail_memory(err);
        conf->layers[conf->n_layers - 1] = layers->override;
    }
    return cv_config_set(layers->override, "isolation.level", "read_committed", err);
}

bool
client_layers_differ(const struct client_layers *layers)
{
    return (layers->worker != NULL && cv_config_count(layers->worker) > 0) ||
           (layers->override != NULL && cv_config_count(layers->override) > 0);
}

void
client_layers_done(struct client_layers *layers)
{
    cv_config_free(layers->defaults);
    cv_config_free(layers->common);
    cv_config_free(layers->worker);
    cv_config_free(layers->override);
    layers->defaults = layers->common = layers->worker = layers->override = NULL;
}

enum cv_rc
client_transactional_producer(const struct worker_config *worker, const struct cv_config *worker_raw,
                              const struct cv_config *connector_config, const char *connector, int task,
                              struct cv_kafka_stats *stats, struct cv_producer **ret, struct cv_err *err)
{
    struct client_layers layers;
    struct cv_kafka_conf conf;
    char client_id[CLIENT_ID_MAX], transactional_id[1024];
    enum cv_rc rc;

    client_id_of_task(client_id, CV_KAFKA_PRODUCER, connector, task);
    client_transactional_id(transactional_id, sizeof(transactional_id), worker, connector, task);
    rc = client_layers_init(&layers, CV_KAFKA_PRODUCER, worker_raw, connector_config, client_id, &conf, err);
    if (rc == CV_OK) {
        conf.stats = stats;
        rc = cv_producer_new(&conf, transactional_id, ret, err);
        client_layers_done(&layers);
    }
    return rc;
}
