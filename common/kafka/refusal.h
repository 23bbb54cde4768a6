/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator can do about what a broker refuses a producer. Internal to common/kafka. */
#ifndef COMMON_KAFKA_REFUSAL_H
#define COMMON_KAFKA_REFUSAL_H

#include "common/kafka/producer_settings.h"

#include <culvert/record.h>
#include <librdkafka/rdkafka.h>

#define REFUSAL_MAX 448

/* Kafka's own words and what to do, in text; NULL: there is nothing to add to them. */
const char *refusal_explain(const struct producer_settings *settings, rd_kafka_resp_err_t code,
                            char text[REFUSAL_MAX]);
/* The same for a message of so many bytes that is larger than limit, which is named. */
const char *refusal_too_large(struct cv_bytes key, size_t len, const char *limit, char text[REFUSAL_MAX]);

#endif
