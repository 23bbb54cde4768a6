/* SPDX-License-Identifier: Apache-2.0 */
/* Names in Kafka that belong to the connector rather than to a table. Texts are the caller's to free(). */
#ifndef POSTGRES_NAME_H
#define POSTGRES_NAME_H

#include "connectors/postgres/config.h"

/* "prefix.transaction": where transactions begin and end (topic.transaction). */
CV_MUST_CHECK enum cv_rc name_transaction_topic(const struct pg_config *config, char **ret, struct cv_err *err);
/* "prefix.message": logical messages. */
CV_MUST_CHECK enum cv_rc name_message_topic(const struct pg_config *config, char **ret, struct cv_err *err);
/* "__debezium-heartbeat.prefix" (topic.heartbeat.prefix), or topic.heartbeat.name. */
CV_MUST_CHECK enum cv_rc name_heartbeat_topic(const struct pg_config *config, char **ret, struct cv_err *err);

#endif
