/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What things are called in Kafka: topics by topic.naming.strategy, schemas and fields by the adjustment modes.
 * Names are counted in UTF-16 units, as Java does. A namer is constant once made; one thread.
 */
#ifndef POSTGRES_NAME_H
#define POSTGRES_NAME_H

#include "connectors/postgres/config.h"

struct cv_buf;
struct namer;

/* CV_INVALID names the option that is wrong. config is borrowed. */
CV_MUST_CHECK enum cv_rc namer_new(const struct pg_config *config, struct namer **ret, struct cv_err *err);
void namer_free(struct namer *namer);

/* The topic of a table. Characters that Kafka does not allow are replaced; cut at 249. */
void namer_table_topic(const struct namer *namer, const char *schema, const char *table, struct cv_buf *out);
/* Regex strategies: the field that keys get, so that rows of tables which share a topic stay apart; NULL: none. */
const char *namer_key_field(const struct namer *namer);
/* Its value for a table. */
void namer_key_value(const struct namer *namer, const char *schema, const char *table, struct cv_buf *out);

/* Topics that belong to no table. Free with free(). */
CV_MUST_CHECK enum cv_rc name_heartbeat_topic(const struct pg_config *config, char **ret, struct cv_err *err);
CV_MUST_CHECK enum cv_rc name_transaction_topic(const struct pg_config *config, char **ret, struct cv_err *err);
CV_MUST_CHECK enum cv_rc name_message_topic(const struct pg_config *config, char **ret, struct cv_err *err);

/* A name as schema.name.adjustment.mode and field.name.adjustment.mode have it. */
void name_adjust_schema(const struct pg_config *config, const char *name, struct cv_buf *out);
void name_adjust_field(const struct pg_config *config, const char *name, struct cv_buf *out);

#endif
