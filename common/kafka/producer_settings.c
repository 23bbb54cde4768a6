/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration is librdkafka's, checked and with its defaults by librdkafka itself, as for the other clients; only
 * how keys go together is checked here, since no instance of librdkafka is made that would.
 */
#include "common/kafka/producer_settings.h"

#include "common/kafka/handle.h"

#include <stdlib.h>
#include <string.h>

#define IN_FLIGHT_MAX 5 /* batches that a broker remembers of an idempotent producer's partition */
#define TEXT_MAX      64
#define REQUEST_EXTRA ((size_t)16 << 20) /* what a request may hold beside its largest message */

struct reading {
    const rd_kafka_conf_t *rdconf;
    enum cv_rc rc;
    struct cv_err *err;
};

static void
get_text(struct reading *r, const char *key, char text[TEXT_MAX])
{
    size_t size = TEXT_MAX;

    text[0] = '\0';
    if (rd_kafka_conf_get(r->rdconf, key, text, &size) != RD_KAFKA_CONF_OK && r->rc == CV_OK)
        r->rc = cv_fail(r->err, CV_INTERNAL, "librdkafka has no \"%s\"", key);
}

static int64_t
get_int(struct reading *r, const char *key)
{
    char text[TEXT_MAX];

    get_text(r, key, text);
    return strtoll(text, NULL, 10);
}

static bool
get_bool(struct reading *r, const char *key)
{
    char text[TEXT_MAX];

    get_text(r, key, text);
    return strcmp(text, "true") == 0;
}

static void
get_partitioner(struct reading *r, enum partitioner *ret)
{
    char text[TEXT_MAX];

    get_text(r, "partitioner", text);
    if (!partitioner_of(text, ret) && r->rc == CV_OK)
        r->rc = cv_fail(r->err, CV_INVALID, "partitioner has the value \"%s\", which is not known", text);
}

static void
get_codec(struct reading *r, struct producer_settings *ret)
{
    char text[TEXT_MAX];

    get_text(r, "compression.codec", text);
    if (!cv_codec_of(text, &ret->codec) && r->rc == CV_OK)
        r->rc = cv_fail(r->err, CV_INVALID,
                        "compression.type has the value \"%s\": it must be none, gzip, snappy, lz4 or zstd", text);
    ret->level = (int)get_int(r, "compression.level");
}

static void
get_times(struct reading *r, struct producer_settings *ret)
{
    char text[TEXT_MAX];

    get_text(r, "linger.ms", text);
    ret->linger_us = (int64_t)(strtod(text, NULL) * 1000); /* it takes fractions */
    ret->sticky_ms = get_int(r, "sticky.partitioning.linger.ms");
    ret->message_timeout_ms = get_int(r, "message.timeout.ms");
    ret->request_timeout_ms = get_int(r, "socket.timeout.ms");
    ret->retry_backoff_ms = get_int(r, "retry.backoff.ms");
    ret->reconnect_ms = get_int(r, "reconnect.backoff.ms");
    ret->reconnect_max_ms = get_int(r, "reconnect.backoff.max.ms");
    ret->idle_ms = get_int(r, "connections.max.idle.ms");
    ret->metadata_age_ms = get_int(r, "topic.metadata.refresh.interval.ms");
    ret->missing_ms = get_int(r, "topic.metadata.propagation.max.ms");
    ret->txn_timeout_ms = (int32_t)get_int(r, "transaction.timeout.ms");
}

static void
get_sizes(struct reading *r, struct producer_settings *ret)
{
    ret->batch_bytes = (size_t)get_int(r, "batch.size");
    ret->batch_messages = (size_t)get_int(r, "batch.num.messages");
    ret->max_message = (size_t)get_int(r, "message.max.bytes");
    ret->max_messages = (size_t)get_int(r, "queue.buffering.max.messages");
    ret->max_bytes = (size_t)get_int(r, "queue.buffering.max.kbytes") * 1024;
    ret->max_in_flight = (int)get_int(r, "max.in.flight.requests.per.connection");
    ret->retries = get_int(r, "retries");
    ret->acks = (int16_t)get_int(r, "acks");
    if (ret->max_messages == 0) /* librdkafka: without limit */
        ret->max_messages = SIZE_MAX;
}

static bool
is_asked_for(const struct cv_kafka_conf *conf, const char *key)
{
    for (size_t l = 0; l < conf->n_layers; l++)
        if (conf->layers[l] != NULL && cv_config_has(conf->layers[l], key))
            return true;
    return false;
}

/* What only holds together. */
static enum cv_rc
check(const struct cv_kafka_conf *conf, struct producer_settings *s, struct cv_err *err)
{
    if (s->message_timeout_ms > 0 && s->linger_us >= s->message_timeout_ms * 1000)
        return cv_fail(err, CV_INVALID,
                       "cannot make a Kafka client: linger.ms is %lld and delivery.timeout.ms %lld, so that each "
                       "message would be given up before it is sent: set linger.ms below it",
                       (long long)(s->linger_us / 1000), (long long)s->message_timeout_ms);
    if (!s->idempotent)
        return CV_OK;
    if (s->acks != -1)
        return cv_fail(err, CV_INVALID,
                       "acks is %d, but enable.idempotence needs acks=all: set it, or enable.idempotence=false",
                       s->acks);
    if (s->retries == 0)
        return cv_fail(err, CV_INVALID,
                       "retries is 0, but enable.idempotence needs retries: leave the key out, or set "
                       "enable.idempotence=false");
    if (s->max_in_flight > IN_FLIGHT_MAX && is_asked_for(conf, "max.in.flight.requests.per.connection"))
        return cv_fail(err, CV_INVALID,
                       "max.in.flight.requests.per.connection is %d, but enable.idempotence needs at most %d: set it, "
                       "or enable.idempotence=false",
                       s->max_in_flight, IN_FLIGHT_MAX);
    return CV_OK;
}

enum cv_rc
producer_settings_read(const struct cv_kafka_conf *conf, const char *transactional_id, struct producer_settings *ret,
                       struct cv_err *err)
{
    struct producer_settings s = { 0 };
    rd_kafka_conf_t *rdconf;
    struct reading r = { .err = err };

    if (kafka_rdconf_new(conf, transactional_id != NULL, &rdconf, err) != CV_OK)
        return err->rc;
    r.rdconf = rdconf;
    get_sizes(&r, &s);
    get_times(&r, &s);
    get_codec(&r, &s);
    get_partitioner(&r, &s.partitioner);
    s.idempotent = transactional_id != NULL || get_bool(&r, "enable.idempotence");
    rd_kafka_conf_destroy(rdconf);
    if (r.rc != CV_OK || check(conf, &s, err) != CV_OK)
        return err->rc;
    s.may_do_without = transactional_id == NULL && !is_asked_for(conf, "enable.idempotence");
    if (s.max_in_flight > IN_FLIGHT_MAX)
        s.max_in_flight = IN_FLIGHT_MAX;
    if (transactional_id != NULL && (s.transactional_id = strdup(transactional_id)) == NULL)
        return cv_fail_memory(err);
    *ret = s;
    return CV_OK;
}

enum cv_rc
producer_settings_wire(const struct cv_kafka_conf *conf, struct producer_settings *settings, struct cv_err *err)
{
    struct cv_config *merged = cv_config_new();
    enum cv_rc rc;

    if (merged == NULL)
        return cv_fail_memory(err);
    rc = kafka_conf_merge(conf, merged, err);
    if (rc == CV_OK)
        rc = cv_wire_settings_new(merged, conf->client_id != NULL ? conf->client_id : "", &settings->wire, err);
    if (rc == CV_OK)
        settings->wire->max_request = REQUEST_EXTRA + settings->max_message;
    cv_config_free(merged);
    return rc;
}

void
producer_settings_done(struct producer_settings *settings)
{
    cv_wire_settings_free(settings->wire);
    free(settings->transactional_id);
    *settings = (struct producer_settings){ 0 };
}
