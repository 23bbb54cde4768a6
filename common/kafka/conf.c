/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layers of a client's configuration to one, in librdkafka's names: our defaults (Java's where
 * librdkafka differs; bounded memory), then the layers key by key, then what must be adjusted
 * because librdkafka refuses combinations that Java accepts.
 */
#include "common/kafka/conf.h"

#include "common/buf.h"
#include "common/kafka/keys.h"
#include "common/log.h"
#include "common/tls_store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define P   (1U << CV_KAFKA_PRODUCER)
#define C   (1U << CV_KAFKA_CONSUMER)
#define A   (1U << CV_KAFKA_ADMIN)
#define ALL (P | C | A)

#define PEM_MAX ((size_t)8 << 20)

struct kafka_default {
    unsigned roles;
    const char *key; /* librdkafka's */
    const char *value;
};

static const struct kafka_default defaults[] = {
    { ALL, "socket.nagle.disable", "true" },
    { ALL, "socket.keepalive.enable", "true" },
    { ALL, "log.connection.close", "false" },
    { ALL, "reconnect.backoff.ms", "50" },
    { ALL, "reconnect.backoff.max.ms", "1000" },
    { P, "connections.max.idle.ms", "540000" }, /* a broker waits for 600000 */
    { P, "partitioner", "murmur2_random" },
    { P, "acks", "all" },
    { P, "message.timeout.ms", "0" },
    { P, "linger.ms", "0" }, /* what comes while a request is on its way is gathered anyhow */
    { P, "batch.size", "1000000" },
    { P, "batch.num.messages", "100000" },
    { P, "message.max.bytes", "1048576" },
    { P, "queue.buffering.max.messages", "20000" },
    { P, "queue.buffering.max.kbytes", "65536" },
    { C, "enable.auto.commit", "false" },
    { C, "enable.auto.offset.store", "false" },
    { C, "enable.partition.eof", "true" },
    { C, "auto.offset.reset", "earliest" },
    { C, "partition.assignment.strategy", "range" },
    { C, "fetch.error.backoff.ms", "100" },
    /* what is read ahead: each message takes some 500 bytes beside its own; consumer.c keeps a full queue going */
    { C, "queued.min.messages", "20000" },
    { C, "queued.max.messages.kbytes", "8192" },
    { C, "fetch.max.bytes", "2097152" }, /* comes on top: of all partitions of a broker */
    { C, "check.crcs", "true" },
    { C | A, "isolation.level", "read_uncommitted" },
    { C | A, "allow.auto.create.topics", "false" },
};

static int64_t
int_of(const struct cv_config *cfg, const char *key, int64_t otherwise)
{
    const char *text = cv_config_get(cfg, key);
    int64_t v;

    return text != NULL && kafka_keys_int(text, &v) ? v : otherwise;
}

static enum cv_rc
set_int(struct cv_config *cfg, const char *key, int64_t value, struct cv_err *err)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRId64, value);
    return cv_config_set(cfg, key, text, err);
}

/* What idempotence needs; another value shows that it is not wanted. */
static bool
allows_idempotence(const struct cv_config *out)
{
    const char *acks = cv_config_get(out, "acks");

    return (acks == NULL || strcmp(acks, "all") == 0 || strcmp(acks, "-1") == 0) &&
           int_of(out, "retries", 1) > 0 && int_of(out, "max.in.flight.requests.per.connection", 1) <= 5;
}

/* Idempotence keeps the order whatever is refused, and repeats nothing when a connection breaks. Without it one request
   at a time does what it can. */
static enum cv_rc
settle_order(struct cv_config *out, struct cv_err *err)
{
    const char *idempotence = cv_config_get(out, "enable.idempotence");

    if (idempotence == NULL && allows_idempotence(out))
        return cv_config_set(out, "enable.idempotence", "true", err);
    if ((idempotence != NULL && strcmp(idempotence, "true") == 0) ||
        cv_config_has(out, "max.in.flight.requests.per.connection"))
        return CV_OK;
    return cv_config_set(out, "max.in.flight.requests.per.connection", "1", err);
}

/* A transaction bounds the life of its messages and requests. */
static enum cv_rc
settle_transaction(struct cv_config *out, struct cv_err *err)
{
    int64_t limit = int_of(out, "transaction.timeout.ms", 60000);
    int64_t message = int_of(out, "message.timeout.ms", 0);

    if (cv_config_set(out, "enable.idempotence", "true", err) != CV_OK)
        return err->rc;
    if ((message == 0 || message > limit) &&
        set_int(out, "message.timeout.ms", limit, err) != CV_OK)
        return err->rc;
    if (int_of(out, "socket.timeout.ms", 0) > limit &&
        set_int(out, "socket.timeout.ms", limit, err) != CV_OK)
        return err->rc;
    return CV_OK;
}

static bool
is_tls(const struct cv_config *merged)
{
    const char *protocol = cv_config_get(merged, "security.protocol");

    return protocol != NULL && strcasestr(protocol, "SSL") != NULL;
}

/* Certificates of a chain behind the first go to what is trusted: of a PEM text librdkafka sends the
   first only, and OpenSSL finds the others there. Being no roots they are no anchors of trust. */
static enum cv_rc
settle_chain(const struct cv_config *merged, struct cv_config *out, struct cv_err *err)
{
    struct cv_buf pem = CV_BUF_INIT(PEM_MAX);
    struct cv_tls_identity identity = { 0 };
    const char *trusted = cv_config_get(out, "ssl.ca.pem"), *second;
    enum cv_rc rc = cv_tls_identity(merged, &identity, err);

    second = identity.chain == NULL ? NULL : strstr(identity.chain + 1, "-----BEGIN ");
    if (rc == CV_OK && second != NULL && trusted != NULL) {
        cv_buf_str(&pem, trusted);
        cv_buf_str(&pem, second);
        rc = cv_buf_check(&pem, err);
        if (rc == CV_OK)
            rc = cv_config_set(out, "ssl.ca.pem", cv_buf_cstr(&pem), err);
    }
    cv_tls_identity_done(&identity);
    cv_buf_free(&pem);
    return rc;
}

static enum cv_rc
settle(const struct cv_kafka_conf *conf, bool transactional, struct cv_config *out,
       struct cv_err *err)
{
    const char *protocol = cv_config_get(out, "security.protocol"), *servers = cv_config_get(out, "bootstrap.servers");
    int64_t backoff = int_of(out, "reconnect.backoff.ms", 0);
    int64_t fetch = int_of(out, "fetch.max.bytes", INT32_MAX);

    if (servers == NULL || servers[strspn(servers, " \t,")] == '\0')
        return cv_fail(err, CV_INVALID,
                       "configuration \"bootstrap.servers\" is missing: name at least one "
                       "broker as host:port");
    if (protocol != NULL && strncmp(protocol, "sasl", 4) == 0 &&
        !cv_config_has(out, "sasl.mechanism"))
        return cv_fail(err, CV_INVALID,
                       "configuration \"sasl.mechanism\" is missing: use PLAIN, SCRAM-SHA-256, "
                       "SCRAM-SHA-512 or OAUTHBEARER");
    if (int_of(out, "reconnect.backoff.max.ms", 0) < backoff &&
        set_int(out, "reconnect.backoff.max.ms", backoff, err) != CV_OK)
        return err->rc;
    /* librdkafka wants room for one message of message.max.bytes in a fetch. */
    if (conf->role == CV_KAFKA_CONSUMER && fetch < 1000000 &&
        set_int(out, "message.max.bytes", fetch < 1000 ? 1000 : fetch, err) != CV_OK)
        return err->rc;
    if (transactional && settle_transaction(out, err) != CV_OK)
        return err->rc;
    return conf->role == CV_KAFKA_PRODUCER ? settle_order(out, err) : CV_OK;
}

enum cv_rc
kafka_conf_copy(const struct cv_kafka_conf *conf, struct kafka_conf_copy *ret, struct cv_err *err)
{
    struct kafka_conf_copy copy = { .conf = *conf };
    bool whole = true;

    if (conf->client_id != NULL) {
        copy.conf.client_id = copy.client_id = strdup(conf->client_id);
        whole = copy.client_id != NULL;
    }
    for (size_t l = 0; l < conf->n_layers; l++) {
        if (conf->layers[l] == NULL)
            continue;
        copy.conf.layers[l] = copy.layers[l] = cv_config_copy(conf->layers[l]);
        whole = whole && copy.layers[l] != NULL;
    }
    if (!whole) {
        kafka_conf_copy_done(&copy);
        return cv_fail_memory(err);
    }
    *ret = copy;
    return CV_OK;
}

void
kafka_conf_copy_done(struct kafka_conf_copy *copy)
{
    free(copy->client_id);
    for (size_t l = 0; l < CV_COUNT(copy->layers); l++)
        cv_config_free(copy->layers[l]);
    *copy = (struct kafka_conf_copy){ 0 };
}

/* The same setting under another name, of a weaker layer, is not there any more. */
static void
remove_same(struct cv_config *merged, const char *key)
{
    for (size_t i = cv_config_count(merged); i-- > 0;)
        if (strcmp(cv_config_key(merged, i), key) != 0 && kafka_keys_same(cv_config_key(merged, i), key))
            cv_config_remove(merged, cv_config_key(merged, i));
}

enum cv_rc
kafka_conf_merge(const struct cv_kafka_conf *conf, struct cv_config *merged, struct cv_err *err)
{
    if (cv_config_set(merged, "security.protocol", "PLAINTEXT", err) != CV_OK)
        return err->rc;
    for (size_t l = 0; l < conf->n_layers; l++) {
        const struct cv_config *layer = conf->layers[l];

        for (size_t i = 0; layer != NULL && i < cv_config_count(layer); i++) {
            if (cv_config_value(layer, i) != NULL)
                remove_same(merged, cv_config_key(layer, i));
            if (cv_config_set(merged, cv_config_key(layer, i), cv_config_value(layer, i), err) != CV_OK)
                return err->rc;
        }
    }
    return CV_OK;
}

static bool
overridden(const struct cv_kafka_conf *conf, size_t layer, const char *key)
{
    for (size_t l = layer + 1; l < conf->n_layers; l++)
        if (conf->layers[l] != NULL && cv_config_has(conf->layers[l], key))
            return true;
    return false;
}

/* Layer by layer and not from the merged keys, since two names for one setting may stand in two
 * layers. */
static enum cv_rc
translate_layer(const struct cv_kafka_conf *conf, size_t l, const struct cv_config *merged,
                struct cv_config *out, struct cv_err *err)
{
    const struct cv_config *layer = conf->layers[l];

    for (size_t i = 0; layer != NULL && i < cv_config_count(layer); i++) {
        const char *key = cv_config_key(layer, i);
        const char *value = cv_config_value(layer, i);

        if (value == NULL || overridden(conf, l, key))
            continue;
        if (kafka_keys_translate(conf->role, merged, key, value, out, err) != CV_OK)
            return cv_err_context(err, "configuration \"%s\"", key);
    }
    return CV_OK;
}

enum cv_rc
kafka_conf_build(const struct cv_kafka_conf *conf, bool transactional, struct cv_config *out,
                 struct cv_err *err)
{
    struct cv_config *merged = cv_config_new();
    enum cv_rc rc = CV_OK;

    if (merged == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; rc == CV_OK && i < CV_COUNT(defaults); i++)
        if ((defaults[i].roles & (1U << conf->role)) != 0)
            rc = cv_config_set(out, defaults[i].key, defaults[i].value, err);
    if (rc == CV_OK)
        rc = kafka_conf_merge(conf, merged, err);
    for (size_t l = 0; rc == CV_OK && l < conf->n_layers; l++)
        rc = translate_layer(conf, l, merged, out, err);
    if (rc == CV_OK && conf->client_id != NULL)
        rc = cv_config_set(out, "client.id", conf->client_id, err);
    if (rc == CV_OK)
        rc = settle(conf, transactional, out, err);
    if (rc == CV_OK && is_tls(merged))
        rc = settle_chain(merged, out, err);
    cv_config_free(merged);
    return rc;
}

static const char *
why_ignored(const struct cv_kafka_conf *conf, bool transactional, const char *key, const char *value)
{
    if (conf->role == CV_KAFKA_PRODUCER && transactional && strcmp(key, "enable.idempotence") == 0 &&
        strcasecmp(value, "true") != 0)
        return "transactions need idempotence";
    return kafka_keys_ignored(conf->role, key, value);
}

void
kafka_conf_warn(const struct cv_kafka_conf *conf, bool transactional)
{
    struct cv_log *log = conf->log != NULL ? conf->log : cv_log_get("culvert.kafka");

    for (size_t l = 0; l < conf->n_layers; l++) {
        const struct cv_config *layer = conf->layers[l];

        for (size_t i = 0; layer != NULL && i < cv_config_count(layer); i++) {
            const char *key = cv_config_key(layer, i), *value = cv_config_value(layer, i), *why = NULL;

            if (!kafka_keys_known(key)) /* the value may be a secret with a mistake in its name */
                CV_LOG_WARN(log, "a client's setting means nothing here and is ignored",
                            CV_STR("client", conf->client_id), CV_STR("key", key));
            else if (value != NULL && !overridden(conf, l, key))
                why = why_ignored(conf, transactional, key, value);
            if (why != NULL)
                CV_LOG_WARN(log, "a client's setting is ignored", CV_STR("client", conf->client_id),
                            CV_STR("key", key), CV_STR("value", value), CV_STR("why", why));
        }
    }
}
