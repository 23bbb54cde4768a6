/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator can do about a complaint of librdkafka. Internal to common/kafka. */
#ifndef COMMON_KAFKA_HINT_H
#define COMMON_KAFKA_HINT_H

/* The advice, by the key to mend; NULL: there is none. */
const char *kafka_hint(const char *text);
/* Why a broker's certificate is refused (an X509_V_ERR_ code) and what to do. */
const char *kafka_hint_certificate(int code);

#endif
