/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What producers, consumers and admin clients share: configuration into librdkafka, its log lines
 * into our log, its error codes into classes.
 *
 * librdkafka logs from its own threads; the last complaint is kept, because the time-out that
 * follows from a refused connection or a wrong password says nothing of the cause.
 */
#include "common/kafka/client.h"

#include "common/clock.h"
#include "common/kafka/conf.h"
#include "common/kafka/handle.h"
#include "common/kafka/hint.h"
#include "common/kafka/keys.h"
#include "common/kafka/login.h"
#include "common/kafka/stats.h"
#include "common/kafka/tunnel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOG_INTERVAL_MS  5000
#define WARNING_LEVEL    4 /* of syslog */
#define PROBLEM_FRESH_MS 60000
#define CERTIFICATE      "SSLCERTVRFY" /* librdkafka's facility for what on_certificate says */

enum cv_rc
kafka_rdconf_set(rd_kafka_conf_t *rdconf, const char *key, const char *value, struct cv_err *err)
{
    char text[512];

    if (rd_kafka_conf_set(rdconf, key, value, text, sizeof(text)) != RD_KAFKA_CONF_OK)
        return cv_fail(err, CV_INVALID, "configuration \"%s\": %s", key, text);
    return CV_OK;
}

enum cv_rc
kafka_rdconf_new(const struct cv_kafka_conf *conf, bool transactional, rd_kafka_conf_t **ret,
                 struct cv_err *err)
{
    struct cv_config *keys = cv_config_new();
    rd_kafka_conf_t *rdconf = rd_kafka_conf_new();
    enum cv_rc rc;

    if (keys == NULL) {
        rc = cv_fail_memory(err);
        goto out;
    }
    rc = kafka_conf_build(conf, transactional, keys, err);
    for (size_t i = 0; rc == CV_OK && i < cv_config_count(keys); i++)
        rc = kafka_rdconf_set(rdconf, cv_config_key(keys, i), cv_config_value(keys, i), err);
    if (rc != CV_OK)
        goto out;
    *ret = rdconf;
    rdconf = NULL;
out:
    if (rdconf != NULL)
        rd_kafka_conf_destroy(rdconf);
    cv_config_free(keys);
    return rc;
}

/* Each key alone, so that every bad one is found and blamed under the name that the user gave. */
static enum cv_rc
check_key(enum cv_kafka_role role, const struct cv_config *layer, const char *key,
          const char *value, struct cv_err *err)
{
    struct cv_config *out = cv_config_new();
    rd_kafka_conf_t *rdconf = rd_kafka_conf_new();
    char text[512];
    enum cv_rc rc;

    if (out == NULL) {
        rd_kafka_conf_destroy(rdconf);
        return cv_fail_memory(err);
    }
    rc = kafka_keys_translate(role, layer, key, value, out, err);
    for (size_t i = 0; rc == CV_OK && i < cv_config_count(out); i++)
        if (rd_kafka_conf_set(rdconf, cv_config_key(out, i), cv_config_value(out, i), text,
                              sizeof(text)) != RD_KAFKA_CONF_OK)
            rc = cv_fail(err, CV_INVALID, "%s", text);
    rd_kafka_conf_destroy(rdconf);
    cv_config_free(out);
    return rc;
}

enum cv_rc
cv_kafka_check(enum cv_kafka_role role, const struct cv_config *layer,
               struct cv_config_errors *errors, struct cv_err *err)
{
    struct cv_err first = CV_ERR_INIT;

    for (size_t i = 0; i < cv_config_count(layer); i++) {
        const char *key = cv_config_key(layer, i);
        const char *value = cv_config_value(layer, i);
        struct cv_err one = CV_ERR_INIT;

        if (value == NULL || check_key(role, layer, key, value, &one) == CV_OK)
            continue;
        if (one.rc == CV_NO_MEMORY) {
            *err = one;
            return one.rc;
        }
        cv_config_errors_add(errors, key, "%s", one.text);
        if (first.rc == CV_OK) {
            first = one;
            (void)cv_err_context(&first, "configuration \"%s\"", key);
        }
    }
    if (first.rc == CV_OK)
        return CV_OK;
    *err = first;
    return first.rc;
}

/* The advice comes first: texts are cut at their ends. */
static void
remember(struct kafka_handle *handle, const char *facility, const char *text)
{
    const char *advice = kafka_hint(text);
    bool fresh = cv_mono_ms() - handle->problem_ms < PROBLEM_FRESH_MS;
    bool same = handle->certificate && strstr(text, "certificate verify failed") != NULL;

    if (fresh && same)
        return; /* why it failed is known better */
    handle->certificate = strcmp(facility, CERTIFICATE) == 0;
    if (advice != NULL)
        snprintf(handle->problem, sizeof(handle->problem), "%s: %s", advice, text);
    else
        snprintf(handle->problem, sizeof(handle->problem), "%s", text);
}

void
kafka_complain(struct kafka_handle *handle, const char *facility, const char *text)
{
    bool sums_up = strcmp(facility, "ERROR") == 0; /* "all brokers are down", and not why */
    bool broken = sums_up || strcmp(facility, "FAIL") == 0 ||
                  strcmp(facility, CERTIFICATE) == 0;
    uint64_t suppressed = 0;

    /* Held while writing, so that kafka_handle_forget_owner can take the logger away. */
    cv_lock(&handle->lock);
    if (!sums_up || handle->problem[0] == '\0')
        remember(handle, facility, text);
    handle->problem_ms = cv_mono_ms();
    if (cv_log_limit(&handle->limit, LOG_INTERVAL_MS, &suppressed))
        CV_LOG_WARN(handle->log,
                    broken ? "Kafka cannot be reached, retrying" : "the Kafka client warns",
                    CV_STR("client", handle->client_id), CV_STR("facility", facility),
                    CV_STR("error", broken ? handle->problem : text), CV_INT("suppressed", suppressed));
    cv_unlock(&handle->lock);
}

/* On any of librdkafka's threads. With a tunnel it is told of plain connections, and warns that the
   keys of SASL mean nothing then. */
static void
on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    struct kafka_handle *handle = rk != NULL ? rd_kafka_opaque(rk) : NULL;

    if (handle == NULL)
        return;
    if (level <= WARNING_LEVEL && (handle->tunnel == NULL || strcmp(facility, "CONFWARN") != 0)) {
        kafka_complain(handle, facility, text);
        return;
    }
    cv_lock(&handle->lock);
    CV_LOG_DEBUG(handle->log, "librdkafka", CV_STR("client", handle->client_id),
                 CV_STR("facility", facility), CV_STR("text", text));
    cv_unlock(&handle->lock);
}

/* librdkafka tells only that a certificate could not be verified; OpenSSL knows why. */
static int
on_certificate(rd_kafka_t *rk, const char *broker, int32_t broker_id, int *code, int depth,
               const char *der, size_t size, char *why, size_t why_size, void *opaque)
{
    (void)rk;
    (void)broker;
    (void)broker_id;
    (void)depth;
    (void)der;
    (void)size;
    (void)opaque;
    if (*code == 0)
        return 1;
    snprintf(why, why_size, "%s", kafka_hint_certificate(*code));
    return 0;
}

void
kafka_handle_forget_owner(struct kafka_handle *handle)
{
    cv_lock(&handle->lock);
    handle->log = cv_log_get("culvert.kafka");
    cv_unlock(&handle->lock);
    kafka_stats_end(handle);
}

/* What is there beside the instance. */
static void
release(struct kafka_handle *handle)
{
    kafka_tunnel_free(handle->tunnel);
    handle->tunnel = NULL;
    kafka_login_free(handle->login);
    handle->login = NULL;
    cv_lock_done(&handle->lock);
}

static void
init_log(struct kafka_handle *handle, const struct cv_kafka_conf *conf)
{
    handle->log = conf->log != NULL ? conf->log : cv_log_get("culvert.kafka");
    snprintf(handle->client_id, sizeof(handle->client_id), "%s",
             conf->client_id != NULL ? conf->client_id : "");
    cv_lock_init(&handle->lock, CV_RANK_KAFKA);
}

void
kafka_handle_init_bare(struct kafka_handle *handle, const struct cv_kafka_conf *conf)
{
    init_log(handle, conf);
    handle->stats = conf->stats;
}

void
kafka_handle_done_bare(struct kafka_handle *handle)
{
    cv_lock_done(&handle->lock);
}

enum cv_rc
kafka_handle_init(struct kafka_handle *handle, rd_kafka_type_t type,
                  const struct cv_kafka_conf *conf, rd_kafka_conf_t *rdconf, struct cv_err *err)
{
    char text[512];

    init_log(handle, conf);
    rd_kafka_conf_set_opaque(rdconf, handle);
    rd_kafka_conf_set_log_cb(rdconf, on_log);
    (void)rd_kafka_conf_set_ssl_cert_verify_cb(rdconf, on_certificate);
    if (kafka_stats_ask(handle, conf, rdconf, err) != CV_OK ||
        kafka_login_new(conf, rdconf, &handle->login, err) != CV_OK ||
        kafka_tunnel_new(handle, conf, rdconf, &handle->tunnel, err) != CV_OK) {
        rd_kafka_conf_destroy(rdconf);
        release(handle);
        return err->rc;
    }
    handle->rk = rd_kafka_new(type, rdconf, text, sizeof(text));
    if (handle->rk == NULL) {
        rd_kafka_conf_destroy(rdconf);
        release(handle);
        return cv_fail(err, CV_INVALID, "cannot make a Kafka client: %s", text);
    }
    if (kafka_login_start(handle->login, handle->rk, err) != CV_OK)
        kafka_handle_done(handle);
    return handle->rk == NULL ? err->rc : CV_OK;
}

void
kafka_handle_done(struct kafka_handle *handle)
{
    if (handle->rk == NULL)
        return;
    kafka_login_stop(handle->login);
    rd_kafka_destroy(handle->rk);
    handle->rk = NULL;
    kafka_stats_end(handle);
    release(handle);
}

/* Whether another instance took over: a fenced producer or consumer. */
static bool
is_fenced(rd_kafka_resp_err_t code)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR__FENCED:
    case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
        return true;
    default:
        return false;
    }
}

enum cv_rc
kafka_class(rd_kafka_resp_err_t code)
{
    if (is_fenced(code))
        return CV_FENCED;
    switch (code) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        return CV_OK;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND:
        return CV_NOT_FOUND;
    case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS:
    case RD_KAFKA_RESP_ERR_NON_EMPTY_GROUP:
    case RD_KAFKA_RESP_ERR_GROUP_SUBSCRIBED_TO_TOPIC:
    case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
    case RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST:
        return CV_CONFLICT;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM:
    case RD_KAFKA_RESP_ERR_SECURITY_DISABLED:
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
    case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
    case RD_KAFKA_RESP_ERR_INVALID_REQUEST:
    case RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS:
    case RD_KAFKA_RESP_ERR_INVALID_GROUP_ID:
    case RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT:
    case RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT:
    case RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL:
    case RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR_TOPIC_DELETION_DISABLED:
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
        return CV_INVALID;
    case RD_KAFKA_RESP_ERR__STATE:
    case RD_KAFKA_RESP_ERR__CONFLICT:
    case RD_KAFKA_RESP_ERR__NOT_CONFIGURED:
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
    case RD_KAFKA_RESP_ERR__FAIL:
        return CV_INTERNAL;
    default:
        /* What brokers and connections answer else passes: leaders move, coordinators load, sockets
         * break. */
        return CV_RETRY;
    }
}

static bool
hides_its_cause(rd_kafka_resp_err_t code)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__WAIT_COORD:
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
        return true;
    default:
        return false;
    }
}

static enum cv_rc
fail(struct kafka_handle *handle, struct cv_err *err, enum cv_rc rc, rd_kafka_resp_err_t code,
     const char *detail, const char *fmt, va_list args)
{
    char what[512], problem[sizeof(handle->problem)] = "";

    vsnprintf(what, sizeof(what), fmt, args);
    if (hides_its_cause(code)) {
        cv_lock(&handle->lock);
        if (handle->problem[0] != '\0' && cv_mono_ms() - handle->problem_ms < PROBLEM_FRESH_MS)
            snprintf(problem, sizeof(problem), "%s", handle->problem);
        cv_unlock(&handle->lock);
    }
    if (problem[0] != '\0')
        return cv_fail(err, rc, "%s: %s (%s)", what, detail, problem);
    return cv_fail(err, rc, "%s: %s", what, detail);
}

enum cv_rc
kafka_fail(struct kafka_handle *handle, struct cv_err *err, rd_kafka_resp_err_t code,
           const char *detail, const char *fmt, ...)
{
    va_list args;
    enum cv_rc rc;

    va_start(args, fmt);
    rc = fail(handle, err, kafka_class(code), code,
              detail != NULL ? detail : rd_kafka_err2str(code), fmt, args);
    va_end(args);
    return rc;
}

enum cv_rc
kafka_fail_error(struct kafka_handle *handle, struct cv_err *err, rd_kafka_error_t *error,
                 const char *fmt, ...)
{
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    enum cv_rc rc = kafka_class(code);
    va_list args;

    /* What asks for a new client passes when the caller makes one, whatever broke. */
    if (rc == CV_INTERNAL && (rd_kafka_error_is_fatal(error) || rd_kafka_error_is_retriable(error)))
        rc = CV_RETRY;
    va_start(args, fmt);
    rc = fail(handle, err, rc, code, rd_kafka_error_string(error), fmt, args);
    va_end(args);
    rd_kafka_error_destroy(error);
    return rc;
}

void
cv_topic_partitions_done(struct cv_topic_partitions *parts)
{
    for (size_t i = 0; i < parts->count; i++) {
        free((char *)(uintptr_t)parts->items[i].topic);
        free((char *)(uintptr_t)parts->items[i].metadata);
    }
    free(parts->items);
    *parts = (struct cv_topic_partitions){ 0 };
}

rd_kafka_topic_partition_list_t *
kafka_list_new(const struct cv_topic_partitions *parts)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)parts->count);

    for (size_t i = 0; i < parts->count; i++) {
        const struct cv_topic_partition *part = &parts->items[i];
        rd_kafka_topic_partition_t *elem =
            rd_kafka_topic_partition_list_add(list, part->topic, part->partition);

        elem->offset = part->offset;
        if (part->metadata == NULL)
            continue;
        elem->metadata = strdup(part->metadata); /* librdkafka frees it with free() */
        if (elem->metadata == NULL) {
            rd_kafka_topic_partition_list_destroy(list);
            return NULL;
        }
        elem->metadata_size = strlen(part->metadata);
    }
    return list;
}

enum cv_rc
kafka_list_copy(const rd_kafka_topic_partition_list_t *list, struct cv_topic_partitions *ret,
                struct cv_err *err)
{
    struct cv_topic_partitions parts = { 0 };

    if (list == NULL || list->cnt == 0) {
        *ret = parts;
        return CV_OK;
    }
    parts.items = calloc((size_t)list->cnt, sizeof(*parts.items));
    if (parts.items == NULL)
        return cv_fail_memory(err);
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *elem = &list->elems[i];
        struct cv_topic_partition *part = &parts.items[parts.count++];

        part->partition = elem->partition;
        part->offset = elem->offset;
        part->topic = strdup(elem->topic);
        if (elem->metadata != NULL && elem->metadata_size > 0)
            part->metadata = strndup(elem->metadata, elem->metadata_size);
        if (part->topic == NULL ||
            (elem->metadata != NULL && elem->metadata_size > 0 && part->metadata == NULL)) {
            cv_topic_partitions_done(&parts);
            return cv_fail_memory(err);
        }
    }
    *ret = parts;
    return CV_OK;
}

enum cv_rc
kafka_list_check(struct kafka_handle *handle, const rd_kafka_topic_partition_list_t *list,
                 const char *what, struct cv_err *err)
{
    for (int i = 0; list != NULL && i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *elem = &list->elems[i];

        if (elem->err != RD_KAFKA_RESP_ERR_NO_ERROR)
            return kafka_fail(handle, err, elem->err, NULL, "%s of topic \"%s\" partition %d", what,
                              elem->topic, elem->partition);
    }
    return CV_OK;
}

void
kafka_queue_notify(rd_kafka_queue_t *queue, struct cv_wake *wake)
{
    static const uint64_t one = 1; /* what an eventfd adds up */

    rd_kafka_queue_io_event_enable(queue, wake->fd, &one, sizeof(one));
    cv_wake_signal(wake); /* what is in the queue already signals nothing */
}

void
cv_kafka_no_plugins(void)
{
    (void)setenv("SASL_PATH", "/dev/null", 1);
}

const char *
cv_kafka_library_version(void)
{
    return rd_kafka_version_str();
}
