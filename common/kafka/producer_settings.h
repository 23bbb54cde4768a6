/* SPDX-License-Identifier: Apache-2.0 */
/* What a producer's configuration says. Internal to common/kafka. */
#ifndef COMMON_KAFKA_PRODUCER_SETTINGS_H
#define COMMON_KAFKA_PRODUCER_SETTINGS_H

#include "common/kafka/conf.h"
#include "common/kafka/partitioner.h"
#include "common/wire/compress.h"
#include "common/wire/settings.h"

struct producer_settings {
    struct cv_wire_settings *wire;
    char *transactional_id; /* NULL: no transactions */
    int16_t acks;
    bool idempotent;
    bool may_do_without; /* idempotence is our choice, not the user's */
    int max_in_flight;   /* requests on one connection */
    size_t batch_bytes, batch_messages;
    size_t max_message;               /* key and value */
    size_t max_messages, max_bytes;   /* without report */
    int64_t linger_us;                /* the first message waits so long for others */
    enum cv_codec codec;
    int level;
    enum partitioner partitioner;
    int64_t sticky_ms; /* null keys go to one partition so long */
    int64_t message_timeout_ms; /* 0: none */
    int64_t request_timeout_ms;
    int64_t retries, retry_backoff_ms;
    int64_t reconnect_ms, reconnect_max_ms;
    int64_t idle_ms; /* connections are kept so long without use; 0: for ever */
    int64_t metadata_age_ms;
    int64_t missing_ms; /* a topic may be missing so long, as it may just have been made */
    int32_t txn_timeout_ms;
};

/* CV_INVALID names key, value and remedy. */
CV_MUST_CHECK
enum cv_rc producer_settings_read(const struct cv_kafka_conf *conf, const char *transactional_id,
                                  struct producer_settings *ret, struct cv_err *err);
/* With the TLS stores and what is needed to log in: read once, before the first connection. */
CV_MUST_CHECK
enum cv_rc producer_settings_wire(const struct cv_kafka_conf *conf, struct producer_settings *settings,
                                  struct cv_err *err);
void producer_settings_done(struct producer_settings *settings);

#endif
