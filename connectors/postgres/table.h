/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which tables and columns are captured, and what they are called in Kafka. Filters are regexes on the
 * unquoted dotted name, anchored, without regard to case, as Debezium's are. Constant once made; one thread.
 */
#ifndef POSTGRES_TABLE_H
#define POSTGRES_TABLE_H

#include "connectors/postgres/catalog.h"

struct cv_log;
struct mask_rules;
struct namer;
struct table_filter;

/* CV_INVALID names the option with the bad pattern. */
CV_MUST_CHECK enum cv_rc table_filter_new(const struct pg_config *config, struct table_filter **ret,
                                          struct cv_err *err);
void table_filter_free(struct table_filter *filter);

/* signal.data.collection: captured whatever the lists say, but not part of snapshots. */
bool table_is_signal(const struct table_filter *filter, const char *schema, const char *table);
bool table_is_captured(const struct table_filter *filter, const char *schema, const char *table);
bool table_column_is_captured(const struct table_filter *filter, const char *schema, const char *table,
                              const char *column);
/* Keep the captured tables only, in snapshot order: the first matching entry of table.include.list, then
   schema and name. */
void table_select(const struct table_filter *filter, struct pg_tables *inout);

/* guardrail.collections.max: more captured tables than that are a warning, or CV_INVALID. */
CV_MUST_CHECK enum cv_rc table_guardrail(const struct pg_config *config, const struct pg_tables *tables,
                                         struct cv_log *log, struct cv_err *err);

/* The columns of the record key, as indices into table->columns: message.key.columns, else table->keys.
   *ret must hold table->n_columns. Returns how many. */
size_t table_key_columns(const struct table_filter *filter, const struct pg_table *table, uint16_t *ret);

/* What is done to columns besides. */
const struct mask_rules *table_masks(const struct table_filter *filter);
/* How topics and keys are named. */
const struct namer *table_namer(const struct table_filter *filter);

#endif
