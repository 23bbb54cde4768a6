/* SPDX-License-Identifier: Apache-2.0 */
/* A column's type as PostgreSQL's JDBC driver describes it: what Debezium's column rules go by. */
#ifndef POSTGRES_COLUMN_TYPE_H
#define POSTGRES_COLUMN_TYPE_H

#include "connectors/postgres/catalog.h"

/* The type's name in upper case. snapshot: the driver's metadata, which knows serial columns. */
void column_type_name(const struct pg_column *col, bool snapshot, char *out, size_t room);
/* Length (INT32_MAX: unlimited) and scale (-1: none). */
void column_type_size(const struct pg_column *col, bool snapshot, int32_t *ret_length, int32_t *ret_scale);
/* Whether its values are character strings: the columns that masks change. */
bool column_type_is_text(const struct pg_column *col);

#endif
